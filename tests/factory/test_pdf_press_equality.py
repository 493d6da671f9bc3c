"""Random certificates of all designs, sixty here and 2 000 in ``make soak``: what is pressed is
what the reference writer would have made, to every reader, and all judges accept it.

One press makes all orders of a look, so that whatever it remembers is carried over.
"""

import ctypes
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
import zxingcpp
from PIL import ImageChops

from factory.page import extract
from factory.page.fonts import FontBook
from factory.seals.selfcheck import self_check
from factory.verify import VerdictWord, twin, verify
from jobs.preview import Studio
from tests import judges
from tests.factory.conftest import FEW, STRONG
from tests.factory.pressed import (
    DESIGNS,
    Design,
    Pair,
    by_reference,
    grouped,
    pairs,
    plain,
    random_laid,
)
from tests.factory.sealing import World
from tests.studios import studio

ORDERS = int(os.environ.get("TEST_PRESS_ORDERS", "60"))
EACH = -(-ORDERS // len(DESIGNS))
JUDGED_EVERY = 1 if "TEST_PRESS_ORDERS" in os.environ else 3  #: by programs that take their time
DPI = 72
CODE_DPI = 110  #: at which a QR code is read
NEAR_PT = 0.05

Said = object
Box = tuple[float, ...]

#: How a file is written, what leads back to where one came from, and what is compared by itself.
NOT_SAID = frozenset(
    {"/Length", "/Filter", "/DecodeParms", "/Parent", "/P", "/Contents", "/ByteRange"}
    | {"/Font", "/Metadata"}
)


@pytest.fixture(scope="module")
def rooms(fontbook: FontBook) -> Studio:
    return studio(fontbook, sixth=True)


@pytest.fixture(scope="module", params=DESIGNS, ids=str)
def design(request: pytest.FixtureRequest) -> Design:
    chosen: Design = request.param
    return chosen


@pytest.fixture(scope="module")
def made(design: Design, rooms: Studio, world: World) -> list[Pair]:
    """Half of them with an EC key, half with an RSA key."""
    orders = random_laid(rooms, design, EACH)
    half = len(orders) // 2
    return [*pairs(orders[:half], world.p256), *pairs(orders[half:], world.rsa)]


def test_every_reader_reads_the_same_words(made: list[Pair], tmp_path: Path) -> None:
    for each in made:
        assert extract.extract(each.pressed).text == extract.extract(each.reference).text
        assert by_poppler(each.pressed, tmp_path) == by_poppler(each.reference, tmp_path)


def test_every_character_stands_at_the_same_place(made: list[Pair]) -> None:
    for each in made:
        pressed, reference = characters(each.pressed), characters(each.reference)
        assert [ch for ch, _ in pressed] == [ch for ch, _ in reference]
        for (ch, ours), (_, its) in zip(pressed, reference, strict=True):
            assert ours == pytest.approx(its, abs=NEAR_PT), f"U+{ch:04X}"


def test_every_page_looks_the_same(made: list[Pair]) -> None:
    for each in made:
        assert differing(each.pressed, each.reference) <= FEW


def test_the_same_twin_is_in_the_file(made: list[Pair]) -> None:
    for each in made:
        assert twin(each.pressed) == twin(each.reference) == each.laid.twin


def test_everything_but_page_and_fonts_is_the_same(made: list[Pair]) -> None:
    """Description, field, the seal's look, signature dictionary, pictures, page boxes …"""
    for each in made:
        pressed, reference = anatomy(each.pressed), anatomy(each.reference)
        for part in reference:
            assert pressed[part] == reference[part], part
        assert pressed.keys() == reference.keys()


def test_every_face_of_the_reference_is_in_the_file(made: list[Pair]) -> None:
    """Others may be: a template has what its batch has in common."""
    for each in made:
        assert faces(each.pressed) >= faces(each.reference)


def test_every_verdict_is_the_same(made: list[Pair], world: World) -> None:
    for each in made:
        pressed, reference = (verify(d, world.roots) for d in (each.pressed, each.reference))
        assert (pressed.verdict, pressed.reasons) == (VerdictWord.VALID, ())
        assert pressed == reference


def test_the_check_of_the_reference_accepts_every_one(made: list[Pair], world: World) -> None:
    half = len(made) // 2
    for place, each in enumerate(made):
        identity = world.p256 if place < half else world.rsa
        self_check(each.pressed, identity.signing_cert)


def test_all_judges_accept_every_one(made: list[Pair], world: World, tmp_path: Path) -> None:
    """Poppler, qpdf, OpenSSL and a QR reader."""
    path, root = tmp_path / "pressed.pdf", world.ca.root.certificate
    for each in made[::JUDGED_EVERY]:
        path.write_bytes(each.pressed)
        opinion = judges.pdfsig(path)
        assert "Signature is Valid" in opinion
        assert "Total document signed" in opinion
        assert "No syntax or stream encoding errors found" in judges.qpdf(path)
        assert "Verification successful" in judges.openssl_cms(each.pressed, root, tmp_path)
        assert set(judges.embedded_fonts(path)) == {"yes"}
        [page] = extract.pictures(each.pressed, CODE_DPI)
        [code] = zxingcpp.read_barcodes(page)
        assert code.text == each.laid.values["code"]


def test_every_design_keeps_the_rules_of_archives(
    rooms: Studio, world: World, absent: Callable[[str], None], tmp_path: Path
) -> None:
    """Files of each design with and without pictures and twin."""
    if shutil.which("java") is None or not all(jar.exists() for jar in judges.PREFLIGHT):
        absent("preflight: apt-get install the packages named in deploy/setup/apt-test.txt")
    paths = []
    for design in DESIGNS:
        for place, batch in enumerate(grouped(random_laid(rooms, design, 12))):
            [first, *_] = pairs(batch, world.rsa)
            paths.append(tmp_path / f"{design}-{place}.pdf")
            paths[-1].write_bytes(first.pressed)

    found = judges.preflight(paths)

    assert {path.stem: said for path, said in zip(paths, found, strict=True) if said} == {}


def test_a_press_that_prints_another_value_is_found_out(rooms: Studio, world: World) -> None:
    """The nearest thing that is not the same, by each of the comparisons above."""
    first = plain(rooms, DESIGNS[0], also={"name": "王小明"})
    other = plain(rooms, DESIGNS[0], also={"name": "王小朋"})
    [ours] = pairs([first], world.p256)
    its = by_reference(other, world.p256)

    assert extract.extract(ours.pressed).text != extract.extract(its).text
    assert characters(ours.pressed) != characters(its)
    assert twin(ours.pressed) != twin(its)
    assert differing(ours.pressed, its) > FEW
    assert anatomy(ours.pressed) != anatomy(its)


def differing(one: bytes, other: bytes) -> int:
    """Pixels that are otherwise by more than a renderer's smoothing."""
    [first], [second] = (extract.pictures(data, DPI) for data in (one, other))
    assert first.size == second.size
    return sum(ImageChops.difference(first.convert("L"), second.convert("L")).histogram()[STRONG:])


def by_poppler(data: bytes, folder: Path) -> str:
    path = folder / "read.pdf"
    path.write_bytes(data)
    return judges.text_of(path)


def characters(data: bytes) -> list[tuple[int, Box]]:
    """Every character that PDFium finds on the page, with its box in points."""
    with (
        closing(pypdfium2.PdfDocument(data)) as document,
        closing(document[0]) as page,
        closing(page.get_textpage()) as words,
    ):
        count = pdfium.FPDFText_CountChars(words)
        return [_character(words, place) for place in range(count)]


def _character(words: pypdfium2.PdfTextPage, place: int) -> tuple[int, Box]:
    sides = [ctypes.c_double() for _ in range(4)]
    pdfium.FPDFText_GetCharBox(words, place, *sides)
    return pdfium.FPDFText_GetUnicode(words, place), tuple(each.value for each in sides)


def anatomy(data: bytes) -> dict[str, Said]:
    """All that a file says beside what is written on its page, part by part."""
    with pikepdf.open(BytesIO(data)) as document:
        root, page = document.Root, document.pages[0].obj
        [widget] = root.AcroForm.Fields
        xmp = root.Metadata.read_bytes()
        return {
            "catalog": said(root, without=frozenset({"/Pages", "/AcroForm", "/Perms"})),
            "form": said(root.AcroForm),
            "permissions": said(root.Perms),
            "signature": said(widget.V, without=frozenset({"/Contents"})),
            "page": said(page, without=frozenset({"/Resources"})),
            "resources": said(page.Resources, without=frozenset({"/XObject"})),
            "drawn": sorted(repr(said(each)) for each in page.Resources.XObject.values()),
            "info": {name: str(value) for name, value in document.docinfo.items()},
            "xmp": xmp,
            "version": document.pdf_version,
        }


def faces(data: bytes) -> set[str]:
    """What the page's fonts are called, without their tags (ISO 32000-1, 9.6.4)."""
    with pikepdf.open(BytesIO(data)) as document:
        fonts = document.pages[0].obj.Resources.Font
        return {str(font.BaseFont).partition("+")[2] for font in fonts.values()}


def said(thing: Any, without: frozenset[str] = frozenset()) -> Said:
    """An object's value with all that it refers to; streams decoded, but for JPEGs."""
    if isinstance(thing, pikepdf.Stream):
        is_jpeg = "/DCTDecode" in bytes(thing.get("/Filter", pikepdf.Array()).unparse()).decode()
        data = thing.read_raw_bytes() if is_jpeg else thing.read_bytes()
        return _entries(thing, without), data
    if isinstance(thing, pikepdf.Dictionary):
        return _entries(thing, without)
    if isinstance(thing, pikepdf.Array):
        return [said(each) for each in thing]
    if isinstance(thing, Decimal | float):
        return round(float(thing), 3)
    return bytes(thing) if isinstance(thing, pikepdf.String) else str(thing)


def _entries(thing: Any, without: frozenset[str]) -> dict[str, Said]:
    left_out = NOT_SAID | without
    return {key: said(value) for key, value in thing.items() if key not in left_out}
