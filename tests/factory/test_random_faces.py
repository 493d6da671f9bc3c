"""Random documents of every kind, hundreds here and thousands in ``make soak``: each is printed
whole, or held with its reason.

Read back twice: by PDFium, as the line does before it seals, and by poppler's pdftotext, which
shares no code with it; some are looked at pixel by pixel, glyph by glyph.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice, product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps

from factory.courses import Case
from factory.errors import InvalidEventError, LintError, PermanentError, UnprintableError
from factory.kinds import KINDS
from factory.model import Kind
from factory.page import extract
from factory.page.fonts import FACES
from factory.page.marks import MM_PER_PT, Run
from factory.page.proof import plain, proof
from jobs.preview import Drawn, Studio
from tests.random_cases import DOCUMENTS, cases, draw
from tests.studios import TODAY

FACES_EACH = int(os.environ.get("TEST_FACES_EACH", "40"))
AT_ONCE = 500  #: documents one pdftotext reads
LOOKED_AT = max(1, FACES_EACH // 50)  #: pixel by pixel
DPI = 250
PER_MM = DPI / 25.4  #: pixels
FINE = 4  #: so much larger FreeType draws
SHIFTS = sorted(product((-1, 0, 1), repeat=2), key=lambda shift: abs(shift[0]) + abs(shift[1]))
ALIKE = 0.44  #: of the darkness that a glyph drawn by FreeType shares with the page
REASONS = {"unprintable", "character", "lint", "invalid_event"}  #: why one is held


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A document and what pdftotext makes of it."""

    drawn: Drawn
    text: str


@pytest.fixture(scope="module", params=KINDS)
def random_documents(request: pytest.FixtureRequest, rooms: Studio) -> list[Drawn]:
    """Many of a kind, each proofed; those that would be held are left out."""
    kind: Kind = request.param
    found: list[Drawn] = []
    held: list[PermanentError] = []

    @settings(
        max_examples=FACES_EACH,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(rooms, kind))
    def each(case: Case) -> None:
        try:
            drawn = draw(rooms, kind, case)
        except (UnprintableError, LintError, InvalidEventError) as error:
            held.append(error)
            assert case.also["name"] not in str(error)
            return
        proof(drawn.document, drawn.placed, drawn.values)
        found.append(drawn)

    each()
    assert len(found) > 2 * len(held)
    assert all(
        error.reason in {"unprintable", "character", "lint", "invalid_event"} for error in held
    )
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_with_a_character_no_face_has_is_held(rooms: Studio, kind: Kind) -> None:
    _, name, asked = next(each for each in DOCUMENTS if each[0] is kind)
    profile = rooms.installed[name].on(TODAY)

    with pytest.raises(UnprintableError, match=r"U\+E0C5") as caught:
        case = Case(profile=profile, kind=asked, also={"name": "王小\ue0c5"}, employer="王\ue0c5")
        draw(rooms, kind, case)

    assert "王" not in str(caught.value)


def test_pdftotext_returns_every_field(
    random_documents: list[Drawn], absent: Callable[[str], None], tmp_path: Path
) -> None:
    if shutil.which("pdftotext") is None:
        absent("pdftotext: apt-get install poppler-utils")

    for read in texts(random_documents, tmp_path):
        for slot, value in read.drawn.values.items():
            if read.drawn.placed.text(slot):
                assert returned(value, slot, read), f"{slot} is not in the text"


def texts(found: Sequence[Drawn], folder: Path) -> Iterator[Read]:
    """What one pdftotext for hundreds of documents gives; figures hold no text and are left out."""
    rest = iter(found)
    while some := list(islice(rest, AT_ONCE)):
        path = folder / "many.pdf"
        path.write_bytes(extract.merged(extract.without_figures(each.document) for each in some))
        words = ("pdftotext", "-q", "-raw", "-enc", "UTF-8", str(path), "-")
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        pages = iter(done.stdout.split("\f"))
        for each in some:
            mine = "".join(islice(pages, len(each.placed.pages)))
            yield Read(drawn=each, text=plain(mine))


def returned(value: str | tuple[str, ...], slot: str, read: Read) -> bool:
    """Whole, or line by line where it goes on behind something else."""
    wanted = plain(value if isinstance(value, str) else "".join(value))
    return wanted in read.text or all(
        plain(mark.text) in read.text
        for page in read.drawn.placed.pages
        for mark in page.filled
        if isinstance(mark, Run) and mark.slot == slot
    )


def test_every_glyph_is_on_the_page_as_its_face_draws_it(
    random_documents: list[Drawn], font_files: dict[str, bytes]
) -> None:
    faces = {row.name: font_files[row.file] for chain in FACES.values() for row in chain}
    step = max(1, len(random_documents) // LOOKED_AT)

    for found in random_documents[::step][:LOOKED_AT]:
        pictures = extract.pictures(extract.without_figures(found.document), DPI)
        for page, picture in zip(found.placed.pages, pictures, strict=True):
            ink = ImageOps.invert(picture.convert("L"))
            for mark in page.filled:
                if isinstance(mark, Run):
                    compare(mark, ink, faces[mark.face.name])


def test_another_glyph_is_not_taken_for_the_one_that_is_meant(
    random_documents: list[Drawn], font_files: dict[str, bytes]
) -> None:
    faces = {row.name: font_files[row.file] for chain in FACES.values() for row in chain}
    found = random_documents[0]
    picture = extract.pictures(extract.without_figures(found.document), DPI)[0]
    ink = ImageOps.invert(picture.convert("L"))
    run = next(each for each in found.placed.pages[0].filled if isinstance(each, Run))

    with pytest.raises(AssertionError):
        compare(run._replace(text="囗" * len(run.text)), ink, faces[run.face.name])


def compare(run: Run, ink: Image.Image, face: bytes) -> None:
    """Each character of a run against the same drawn by FreeType: no other glyph, no empty box."""
    font = ImageFont.truetype(BytesIO(face), FINE * run.size_pt * DPI / 72)
    at, seen = run.x_mm, set[str]()
    for ch in run.text:
        corner = int(at * PER_MM) - 3, int((run.y_mm - run.size_pt * MM_PER_PT) * PER_MM) - 3
        at += run.face.advance(ch) * run.size_pt * MM_PER_PT
        if ch in seen or ch.isspace():
            continue
        seen.add(ch)
        left = at - run.face.advance(ch) * run.size_pt * MM_PER_PT
        place = FINE * (left * PER_MM - corner[0]), FINE * (run.y_mm * PER_MM - corner[1])
        its = by_freetype(ch, font, place)
        box = its.getbbox()
        assert box is not None
        left, top = corner[0] + box[0], corner[1] + box[1]
        shared = most_shared(ink, its.crop(box), left, top)
        assert shared > ALIKE, f"U+{ord(ch):04X} in {run.slot} at {run.size_pt} pt: {shared:.2f}"


def most_shared(ink: Image.Image, its: Image.Image, left: int, top: int) -> float:
    """At this place, or a pixel beside it: both programs round on their own."""
    best = 0.0
    for x, y in SHIFTS:
        if best <= ALIKE:
            place = (left + x, top + y, left + x + its.width, top + y + its.height)
            best = max(best, overlap(ink.crop(place), its))
    return best


def by_freetype(ch: str, font: ImageFont.FreeTypeFont, place: tuple[float, float]) -> Image.Image:
    """A glyph drawn large, so that its hints do nothing, and made as small as on the page."""
    side = 2 * int(font.size / FINE + 8)
    large = Image.new("L", (FINE * side, FINE * side), 0)
    ImageDraw.Draw(large).text(place, ch, fill=255, font=font, anchor="ls")
    return large.reduce(FINE)


def overlap(one: Image.Image, other: Image.Image) -> float:
    """What both have in common of the ink that either has; grey ink counts like black."""
    first, second = (ImageOps.autocontrast(each, cutoff=0) for each in (one, other))
    either = sum(ImageChops.lighter(first, second).tobytes())
    return sum(ImageChops.darker(first, second).tobytes()) / either if either else 0.0
