"""The other ways make the same certificate as ours, and every program takes it for signed."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageChops, ImageDraw

from bench import naive_ofd, population
from bench.contenders import Given, Handed, Seal, naive_way, seal_in, tuned_way
from bench.ofd_run import seal_of
from bench.pages import font_places
from factory.making import MAKINGS
from factory.model import Format
from factory.page.fonts import UMING
from factory.page.marks import Code
from factory.pressing import Laid
from factory.seals.picture import draw_test_seal
from jobs.settings import Settings
from jobs.wiring import font_files, load_fonts, load_profiles
from tests import judges

PROFILES = ("shanghai-constructor", "shanghai-cost-engineer")  #: both designs
KEYS = ("rsa2048", "p256")
WAYS = {"naive": naive_way, "tuned": tuned_way}
ACROSS_PT, DOWN_PT = 0.5, 3.0  #: how far off a word may be; how tall a face is, each says otherwise
FAINT = 40  #: of 255, in squares of 10 by 10 pixels
FONTS = Settings.from_env(dict(os.environ)).font_dirs
NUMBERS = count(1)  #: of files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contenders")


@pytest.fixture(scope="module", params=KEYS)
def seal(request: pytest.FixtureRequest, folder: Path) -> Seal:
    picture = draw_test_seal("示例机关", font_files(FONTS)[UMING.file])
    return seal_in(folder, "示例机关", picture, request.param, population.CREATED)


@pytest.fixture(scope="module", params=PROFILES)
def laid(request: pytest.FixtureRequest) -> Laid:
    """A certificate with several lines in it."""
    profile = load_profiles(None)[request.param].all[-1]
    fontbook = load_fonts(FONTS)
    some = [one.laid(fontbook, with_twin=True) for one in population.Crowd([profile], 200).next(30)]
    return max(some, key=lambda one: sum(len(page.filled) for page in one.placed.pages))


@pytest.fixture(scope="module", params=WAYS)
def made(request: pytest.FixtureRequest, seal: Seal, laid: Laid, folder: Path) -> Path:
    way = WAYS[request.param](seal, font_places(FONTS))
    file = folder / f"{request.param}-{next(NUMBERS)}.pdf"
    file.write_bytes(_twice(way, Handed(folder).given(laid)))
    return file


def _twice(way: Callable[[Given], bytes], given: Given) -> bytes:
    """The second of a process is what is measured."""
    way(given)
    return way(given)


@pytest.fixture(scope="module")
def ours(seal: Seal, laid: Laid, folder: Path) -> Path:
    awaiting = MAKINGS[Format.PDF].sealed(laid, seal.identity)
    [signature] = seal.identity.signer.sign_digests([awaiting.digest])
    file = folder / f"ours-{next(NUMBERS)}.pdf"
    file.write_bytes(awaiting.finish(signature))
    return file


def test_other_programs_take_it_for_whole_and_signed(made: Path) -> None:
    assert judges.pdfsig(made).count("Signature is Valid") == 1
    assert "Total document signed" in judges.pdfsig(made)
    assert "No syntax or stream encoding errors" in judges.qpdf(made)


def test_the_same_words_stand_in_the_same_places(made: Path, ours: Path) -> None:
    theirs, mine = _words(made), _words(ours)

    assert Counter(word for word, _, _ in theirs) == Counter(word for word, _, _ in mine)
    for word, x, y in mine:
        assert any(
            word == other and abs(x - left) < ACROSS_PT and abs(y - foot) < DOWN_PT
            for other, left, foot in theirs
        )


def test_colours_and_pictures_are_the_same_to_the_eye(made: Path, ours: Path, laid: Laid) -> None:
    theirs, mine = (_without(laid, _picture(each, 150)).reduce(10) for each in (made, ours))

    assert max(most for _, most in ImageChops.difference(theirs, mine).getextrema()) < FAINT


def test_the_code_is_read_as_ours(made: Path, ours: Path) -> None:
    [theirs], [mine] = (zxingcpp.read_barcodes(_picture(each, 200)) for each in (made, ours))

    assert theirs.text == mine.text


def test_the_naive_ofd_says_the_same(laid: Laid, folder: Path) -> None:
    picture = draw_test_seal("示例机关", font_files(FONTS)[UMING.file])
    seal = seal_of("bench", "示例机关", picture, population.CREATED)
    awaiting = MAKINGS[Format.OFD].sealed(laid, seal.identity)
    [signature] = seal.identity.signer.sign_digests([awaiting.digest])
    mine = judges.ofd_text(awaiting.finish(signature))

    make = naive_ofd.way(font_places(FONTS), seal.identity, seal.secret)
    theirs = judges.ofd_text(make(Handed(folder).given(laid)))

    assert Counter("".join(theirs.split())) == Counter("".join(mine.split()))


def _words(file: Path) -> list[tuple[str, float, float]]:
    """Each word with where it begins and how deep it reaches."""
    told = subprocess.run(
        ["pdftotext", "-bbox", str(file), "-"], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split('"') for line in told.splitlines() if "<word" in line]
    return [(line[8][1:].removesuffix("</word>"), float(line[1]), float(line[7])) for line in lines]


def _without(laid: Laid, image: Image.Image) -> Image.Image:
    """Without the code, of which there are eight that say the same."""
    [code] = (mark for mark in laid.placed.pages[0].filled if isinstance(mark, Code))
    corners = (code.x_mm, code.y_mm, code.x_mm + code.size_mm, code.y_mm + code.size_mm)
    scale = image.width / laid.placed.width_mm
    ImageDraw.Draw(image).rectangle([round(mm * scale) for mm in corners], fill="white")
    return image


def _picture(file: Path, dpi: int) -> Image.Image:
    found: Image.Image = (
        pypdfium2.PdfDocument(file)[0].render(scale=dpi / 72).to_pil().convert("RGB")
    )
    return found
