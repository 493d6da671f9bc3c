"""Font files that somebody brings: which may be added, and why others may not."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.page import fontfile
from factory.page.fonts import FontBook, Style
from tests.fontmaking import EXTENSION_I, POSTSCRIPT, SHAPE, collection, small_font

GLYPHS = {EXTENSION_I: SHAPE}
PRIVATE_USE = "\ue0c5"


def test_a_truetype_font_is_taken_under_its_own_name() -> None:
    face = fontfile.examined(small_font(GLYPHS, name="Rare Han-1"))

    assert face.name == "RareHan-1"
    assert face.covers(EXTENSION_I)


def test_a_font_without_a_latin_name_gets_one() -> None:
    assert fontfile.examined(small_font(GLYPHS, name="生僻字")).name == "Added"


def test_each_face_of_a_collection_can_be_taken() -> None:
    both = collection(small_font({"一": SHAPE}, name="One"), small_font(GLYPHS, name="Two"))

    assert [fontfile.examined(both, face).name for face in (0, 1)] == ["One", "Two"]
    with pytest.raises(FieldError, match=r"has 2 face\(s\)"):
        fontfile.examined(both, 2)


@pytest.mark.parametrize("permits", [0, 0x0004, 0x0008, 0x0002 | 0x0004, 0x0002 | 0x0008])
def test_a_font_that_may_be_printed_from_documents_is_taken(permits: int) -> None:
    """Of several permissions the least restrictive counts."""
    assert fontfile.examined(small_font(GLYPHS, fs_type=permits))


@pytest.mark.parametrize(
    ("permits", "what"), [(0x0002, "embedded"), (0x0100, "a part"), (0x0200, "outlines")]
)
def test_a_font_whose_maker_forbids_embedding_is_refused(permits: int, what: str) -> None:
    with pytest.raises(FieldError, match=rf"does not permit .*{what}.*0x{permits:04X}.*fsType"):
        fontfile.examined(small_font(GLYPHS, fs_type=permits))


def test_a_font_that_says_nothing_of_embedding_is_taken() -> None:
    assert fontfile.examined(small_font(GLYPHS, without="OS/2"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (small_font(GLYPHS, kind=POSTSCRIPT), r"CFF.*\.ttf"),
        (b"wOFF" + bytes(60), "web font"),
        (b"wOF2" + bytes(60), "web font"),
        (b"%PDF-1.7 and so on", "is no TrueType font"),
        (b"", "is no TrueType font"),
        (b"\x00\x01\x00\x00", "damaged"),
        (b"ttcf" + bytes(4), "damaged"),
        (b"ttcf" + struct.pack(">LL", 0x10000, 2**31), "damaged"),
        (small_font(GLYPHS, without="glyf"), "has no table glyf"),
        (small_font(GLYPHS, without="cmap"), "has no table cmap"),
        (small_font(GLYPHS)[:-40], "broken off"),
    ],
)
def test_what_cannot_be_embedded_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(FieldError, match=why):
        fontfile.examined(data)


@pytest.mark.parametrize("table", [b"glyf", b"cmap", b"head"])
def test_a_font_of_which_a_bit_fell_over_is_refused(table: bytes) -> None:
    whole = bytearray(small_font(GLYPHS))
    outlines = bytes(whole).index(table)
    (place,) = struct.unpack_from(">L", whole, outlines + 8)
    whole[place + 20] ^= 0x10

    with pytest.raises(FieldError, match="damaged"):
        fontfile.examined(bytes(whole))


def test_a_font_past_a_hundred_megabytes_is_refused() -> None:
    fontfile.check_size(fontfile.MAX_BYTES)
    with pytest.raises(FieldError, match="at most 100000000 bytes"):
        fontfile.examined(bytes(fontfile.MAX_BYTES + 1))


def test_a_font_that_shows_only_blanks_is_refused() -> None:
    with pytest.raises(FieldError, match="no glyph with ink"):
        fontfile.examined(small_font({EXTENSION_I: "\u3000"}))


WHOLE = small_font(GLYPHS)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_font_is_taken_or_refused_and_nothing_else(place: int, dirt: bytes) -> None:
    try:
        face = fontfile.examined(WHOLE[:place] + dirt + WHOLE[place + len(dirt) :])
    except FieldError:
        return

    assert face.name


# --- behind the installed faces ---------------------------------------------------------------


def test_an_added_face_prints_what_no_installed_one_has(fontbook: FontBook) -> None:
    added = fontfile.examined(small_font(GLYPHS))

    grown = fontbook.grown([added])

    assert fontbook.unprintable(EXTENSION_I) == ("U+2EBF0",)
    assert grown.unprintable(EXTENSION_I) == ()
    assert grown.face_for(Style.SONG, EXTENSION_I) is added


def test_an_added_face_changes_nothing_that_was_printable(fontbook: FontBook) -> None:
    added = fontfile.examined(small_font({"国": SHAPE, EXTENSION_I: SHAPE}))

    grown = fontbook.grown([added])

    for style in Style:
        assert grown.face_for(style, "国") is fontbook.face_for(style, "国")


def test_of_two_added_faces_the_first_prints(fontbook: FontBook) -> None:
    first, second = (fontfile.examined(small_font(GLYPHS, name=name)) for name in "ab")

    assert fontbook.grown([first, second]).face_for(Style.KAI, EXTENSION_I) is first
    assert fontbook.grown([first]).grown([second]).face_for(Style.KAI, EXTENSION_I) is first


def test_private_use_stays_refused_though_an_added_face_has_it(fontbook: FontBook) -> None:
    """The nearest refusal: of the same font, the character of the standard is printed."""
    added = fontfile.examined(small_font({PRIVATE_USE: SHAPE, EXTENSION_I: SHAPE}))

    assert added.covers(PRIVATE_USE)
    assert fontbook.grown([added]).unprintable(PRIVATE_USE + EXTENSION_I) == ("U+E0C5",)
