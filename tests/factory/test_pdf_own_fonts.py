"""A document's own fonts: few glyphs, with the widths and meanings that their face gives them."""

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import PressUnableError
from factory.page.fonts import Face, FontBook, Style
from factory.writers.pdf_own_fonts import PARTS, OwnFont

ANY = st.lists(st.sampled_from("王李𬭎龘ABCiwé~· "), min_size=1, unique=True)
PAIR = re.compile(r"<([0-9A-F]{4})> <([0-9A-F]+)>")
WIDTH = re.compile(rb"(\d+)\[(\d+)\]")
BLOCK = re.compile(r"(\d+) beginbfchar\n(.*?)endbfchar", re.S)


@pytest.fixture(scope="module")
def face(fontbook: FontBook) -> Face:
    found = fontbook.first(Style.KAI)
    assert found is not None
    return found


def objects(face: Face, characters: Sequence[str], first: int = 50) -> list[bytes]:
    return OwnFont(face).objects(characters, first)


def program(stored: bytes) -> bytes:
    """The font inside its stream."""
    return stored.partition(b"stream\n")[2].removesuffix(b"\nendstream\nendobj\n")


def meanings(map_object: bytes) -> dict[int, str]:
    """By glyph number, as a reader that copies text takes them."""
    blocks = BLOCK.findall(map_object.decode("ascii"))
    found = (pair for _, said in blocks for pair in PAIR.findall(said))
    return {int(glyph, 16): bytes.fromhex(said).decode("utf-16-be") for glyph, said in found}


@given(characters=ANY)
def test_every_glyph_has_the_meaning_and_width_of_its_character(
    face: Face, characters: list[str]
) -> None:
    composite, _, _, unicode_map = objects(face, characters)

    widths = {int(glyph): int(width) for glyph, width in WIDTH.findall(composite)}

    assert meanings(unicode_map) == dict(enumerate(characters, start=1))
    for glyph, ch in enumerate(characters, start=1):
        assert widths.get(glyph, 1000) == round(face.advance(ch) * 1000)


@given(characters=ANY)
def test_the_program_draws_what_a_subset_of_the_face_draws(
    face: Face, characters: list[str]
) -> None:
    """Read by another program, which also checks all of its sums."""
    stored = objects(face, characters)[2]
    data, subset = program(stored), face.subset(characters)

    ours = TTFont(BytesIO(data), checkChecksums=2)

    assert b"/Length1 %d/Length %d>>" % (len(data), len(data)) in stored
    assert len(ours.getGlyphOrder()) == len(characters) + 1  # and .notdef
    its = TTFont(BytesIO(subset.data))
    for glyph, ch in enumerate(characters, start=1):
        assert outline(ours, glyph) == outline(its, subset.glyphs[ch]), f"U+{ord(ch):04X}"


def outline(font: TTFont, glyph: int) -> list[Any]:
    pen = RecordingPen()
    drawn = font.getGlyphSet()[font.getGlyphName(glyph)]
    drawn.draw(pen)
    return [drawn.width, *pen.value]


def test_a_documents_glyphs_do_not_depend_on_those_before_it(face: Face) -> None:
    font = OwnFont(face)
    font.objects("王李𬭎", 50)

    assert font.objects("龘", 50) == objects(face, "龘")


def test_a_character_made_of_others_is_left_to_the_reference_writer(face: Face) -> None:
    made_of_others = next(ch for ch in map(chr, range(0xC0, 0x2FFF)) if compound(face, ch))

    with pytest.raises(PressUnableError, match="made of others"):
        objects(face, f"王{made_of_others}")


def compound(face: Face, ch: str) -> bool:
    if not face.covers(ch):
        return False
    subset = face.subset(ch)
    font = TTFont(BytesIO(subset.data))
    return bool(font["glyf"][font.getGlyphName(subset.glyphs[ch])].isComposite())


def test_the_objects_refer_to_each_other_in_their_order(face: Face) -> None:
    made = objects(face, "王", first=50)

    assert len(made) == PARTS
    assert [each.partition(b" ")[0] for each in made] == [b"50", b"51", b"52", b"53"]
    assert b"/FontDescriptor 51 0 R" in made[0]
    assert b"/ToUnicode 53 0 R" in made[0]
    assert b"/FontFile2 52 0 R" in made[1]


def test_a_map_of_many_characters_is_told_in_blocks_of_a_hundred(face: Face) -> None:
    """Adobe Technical Note 5014."""
    many = [chr(point) for point in range(0x4E00, 0x4EFF) if face.covers(chr(point))]
    unicode_map = objects(face, many)[3]

    blocks = BLOCK.findall(unicode_map.decode("ascii"))

    assert [int(count) for count, _ in blocks] == [len(PAIR.findall(said)) for _, said in blocks]
    assert max(int(count) for count, _ in blocks) == 100
    assert len(meanings(unicode_map)) == len(many)
