"""Golden documents: each kind, of each register and type, as it was agreed to look and to say.

``pytest --renew-golden`` writes them anew; look at the difference before a commit.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from factory.kinds import KINDS
from factory.model import ApplicationType, Kind
from factory.page import extract
from factory.page.fonts import FontBook
from factory.page.marks import Code, Picture, PlacedMark, Run
from jobs.preview import MAKERS, Drawn, Studio
from tests.factory.conftest import GOLDEN
from tests.studios import TODAY, shown, studio

DPI = 50
MOST_BYTES = 3_000_000  #: of all golden files together
DOCUMENTS = shown()
NAMES = [f"{kind}/{name}-{asked}" for kind, name, asked in DOCUMENTS]


def drawn(rooms: Studio, kind: Kind, name: str, asked: ApplicationType, seed: int = 1) -> Drawn:
    rules = rooms.installed[name].on(TODAY)
    return rooms.draw(kind, rooms.specimen(kind, rules, asked, seed))


def told(found: Drawn) -> Iterator[str]:
    """What it says, where each word stands and in which face, and what a reader makes of it."""
    yield f"{found.laid.title}  {found.placed.width_mm:g} x {found.placed.height_mm:g} mm"
    for number, page in enumerate(found.placed.pages, start=1):
        yield f"--- page {number}: left, baseline, width, size, face, slot, text"
        yield from map(_mark, (mark for mark in page.marks if isinstance(mark, Run)))
        yield f"--- page {number}: left, top, width, height of pictures and codes"
        yield from map(_mark, (m for m in page.marks if isinstance(m, Picture | Code)))
    for number, text in enumerate(extract.texts(found.document), start=1):
        yield f"--- page {number}: text"
        yield from (line.strip() for line in text.splitlines())


def _mark(mark: PlacedMark) -> str:
    if isinstance(mark, Run):
        return (
            f"{mark.x_mm:8.2f} {mark.y_mm:8.2f} {mark.width_mm:7.2f} {mark.size_pt:6.2f} "
            f"{mark.face.name:14} {mark.slot or '-':22} {mark.text}"
        )
    if isinstance(mark, Picture):
        return f"{mark.x_mm:8.2f} {mark.y_mm:8.2f} {mark.width_mm:7.2f} {mark.height_mm:7.2f} " + (
            mark.role
        )
    assert isinstance(mark, Code)
    return f"{mark.x_mm:8.2f} {mark.y_mm:8.2f} {mark.size_mm:7.2f} {mark.size_mm:7.2f} " + (
        mark.content
    )


def test_every_kind_can_be_shown_and_has_golden_documents() -> None:
    assert MAKERS.keys() == KINDS.keys()
    assert {kind for kind, _, _ in DOCUMENTS} == set(KINDS)


@pytest.mark.parametrize(("kind", "name", "asked"), DOCUMENTS, ids=NAMES)
def test_a_document_says_and_looks_as_agreed(
    rooms: Studio,
    golden: Callable[[str, str], None],
    golden_page: Callable[[str, Image.Image], None],
    kind: Kind,
    name: str,
    asked: ApplicationType,
) -> None:
    found = drawn(rooms, kind, name, asked)

    golden(f"{kind}/{name}-{asked}.txt", "\n".join(told(found)) + "\n")
    for number, page in enumerate(extract.pictures(found.document, DPI), start=1):
        golden_page(f"{kind}/{name}-{asked}-{number}.png", page)


@pytest.mark.parametrize(("kind", "name", "asked"), DOCUMENTS, ids=NAMES)
def test_a_document_drawn_again_is_the_same_byte_for_byte(
    rooms: Studio, fontbook: FontBook, kind: Kind, name: str, asked: ApplicationType
) -> None:
    again = studio(FontBook(fontbook.song, fontbook.kai))

    first, second = drawn(rooms, kind, name, asked), drawn(again, kind, name, asked)

    assert first.document == second.document


@pytest.mark.parametrize("kind", KINDS)
def test_another_person_s_document_does_not_look_as_agreed(
    rooms: Studio,
    golden_page: Callable[[str, Image.Image], None],
    pytestconfig: pytest.Config,
    kind: Kind,
) -> None:
    """The comparison is sharp enough to see another name."""
    if pytestconfig.getoption("--renew-golden"):
        pytest.skip("would overwrite the agreed picture")
    _, name, asked = next(each for each in DOCUMENTS if each[0] is kind)
    page = extract.pictures(drawn(rooms, kind, name, asked, seed=2).document, DPI)[0]

    with pytest.raises(AssertionError):
        golden_page(f"{kind}/{name}-{asked}-1.png", page)


def test_golden_files_are_those_of_the_documents_and_stay_small() -> None:
    files = [path for kind in KINDS for path in (GOLDEN / kind).iterdir()]
    names = {path.relative_to(GOLDEN).as_posix() for path in files}

    left = {each for each in names if _document(each) not in NAMES}

    assert left == set(), "of no document any more: delete them"
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()) < MOST_BYTES


def _document(file: str) -> str:
    """``certificate/gansu-constructor-initial-1.png`` -> the document it is of."""
    path = Path(file)
    stem = path.stem.rpartition("-")[0] if path.suffix == ".png" else path.stem
    return f"{path.parent}/{stem}"
