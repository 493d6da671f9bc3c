"""Fonts that the press puts together, judged by fontTools and FreeType."""

import zlib
from hashlib import new
from io import BytesIO

import pytest
from fontTools.ttLib import TTFont
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from factory import specimen
from factory.errors import SelfCheckError
from factory.ofd.package import DEFLATED
from factory.page.fonts import Face, FontBook
from factory.writers.ofd_press_fonts import MOST_FURTHER, DataFont
from factory.writers.ofd_press_package import unpacked

SHARED = "0123456789年月日 -."
NUMBER, NAME = 12, "CertData5"
BEYOND = "𬭎"  #: the basic plane
CHARACTERS = tuple(sorted({*specimen.SURNAMES, *specimen.GIVEN, *"()ABCxyz·建造〔〕", BEYOND}))


@pytest.fixture(scope="module")
def face(fontbook: FontBook) -> Face:
    return fontbook.kai[0]


@pytest.fixture(scope="module")
def font(face: Face) -> DataFont:
    return DataFont(face, NUMBER, NAME, SHARED)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(further=st.frozensets(st.sampled_from(CHARACTERS), max_size=MOST_FURTHER + 5))
def test_a_font_holds_each_character_in_its_shape_and_width(
    further: frozenset[str], font: DataFont, face: Face
) -> None:
    """With all sums right; more characters than there is room for are left to HarfBuzz."""
    made = font.made(further)

    data = unpacked(made.body, DEFLATED)
    read = TTFont(BytesIO(data), checkChecksums=2)
    for tag in set(read.keys()) - {"GlyphOrder"}:
        assert read[tag] is not None
    assert set(read.getBestCmap()) == set(map(ord, further.union(SHARED)))
    assert read["name"].getDebugName(6) == NAME
    again = Face("", data)
    for ch in further.union(SHARED):
        assert again.outline(ch) == face.outline(ch)
        assert again.advance(ch) == face.advance(ch)
    assert made.digest == font.digest(made.body) == new("sm3", data).digest()


def test_freetype_draws_it(font: DataFont) -> None:
    text = "王小明" + BEYOND

    data = unpacked(font.made(text).body, DEFLATED)

    drawn = ImageFont.truetype(BytesIO(data), 64).getmask(text)
    assert drawn.getbbox() is not None
    assert drawn.size[0] == len(text) * 64


def test_the_same_characters_give_the_same_font(font: DataFont, face: Face) -> None:
    before = font.made("王小明")
    for other in CHARACTERS[:50]:
        font.made(other)

    assert font.made("明小王") == before == DataFont(face, NUMBER, NAME, SHARED).made("小王明")


def test_a_font_with_a_byte_changed_is_no_longer_read_as_what_it_was(font: DataFont) -> None:
    made = font.made("王小明")
    sums, packed = made.body

    for place in range(0, len(packed), 61):
        changed = packed[:place] + bytes((packed[place] ^ 4,)) + packed[place + 1 :]
        try:
            assert font.digest((sums, changed)) != made.digest
        except SelfCheckError:
            continue
    with pytest.raises(SelfCheckError):
        font.digest((zlib.crc32(b"").to_bytes(4) + sums[4:], packed))
