"""Fonts joined from single glyphs are fonts, with the outlines that HarfBuzz gives."""

import io

import pytest
import uharfbuzz as hb
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from factory.page.fonts import Face, FontBook
from factory.page.glyphs import Glyphs, glyphs_of

CHARACTERS = "王李张刘陈建筑工程有限公司示例0123456789ABCxyz-.:/（）年月日𬭎䶮𠅤㛃"
FACES = ("LXGWWenKai", "HanaMinA", "HanaMinB", "BabelStoneHan", "UMingCN")


def face_of(fontbook: FontBook, name: str) -> Face:
    return next(face for face in (*fontbook.kai, *fontbook.song) if face.name == name)


def drawn(font: hb.Font, glyph: int) -> str:
    words: list[str] = []
    pen = hb.DrawFuncs()
    pen.set_move_to_func(lambda x, y, _: words.append(f"M{x},{y}"))
    pen.set_line_to_func(lambda x, y, _: words.append(f"L{x},{y}"))
    pen.set_quadratic_to_func(lambda a, b, x, y, _: words.append(f"Q{a},{b},{x},{y}"))
    font.draw_glyph(glyph, pen, None)
    return " ".join(words)


@pytest.mark.parametrize("name", FACES)
@given(characters=st.lists(st.sampled_from(CHARACTERS), unique=True, max_size=20))
def test_each_glyph_is_drawn_as_in_its_face(
    fontbook: FontBook, name: str, characters: list[str]
) -> None:
    face = face_of(fontbook, name)
    covered = [ch for ch in characters if face.covers(ch)]

    font = glyphs_of(face).font(covered)

    assert font is not None
    made, subset = hb.Font(hb.Face(font)), face.subset(covered)
    other = hb.Font(hb.Face(subset.data))
    for glyph, ch in enumerate(covered, start=1):
        assert drawn(made, glyph) == drawn(other, subset.glyphs[ch])
        assert made.get_glyph_h_advance(glyph) == other.get_glyph_h_advance(subset.glyphs[ch])


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_checksums_are_right(fontbook: FontBook, name: str, count: int) -> None:
    face = face_of(fontbook, name)
    covered = [ch for ch in dict.fromkeys(CHARACTERS) if face.covers(ch)][:count]

    data = glyphs_of(face).font(covered)

    assert data is not None
    font = TTFont(io.BytesIO(data), checkChecksums=2)
    assert font["maxp"].numGlyphs == len(covered) + 1
    assert len(font["glyf"].glyphs) == len(covered) + 1


def test_hints_are_left_out(fontbook: FontBook) -> None:
    face = face_of(fontbook, "UMingCN")

    data = glyphs_of(face).font("建")

    assert data is not None
    glyph = TTFont(io.BytesIO(data))["glyf"]["glyph00001"]
    assert not glyph.program.getBytecode()


def test_a_glyph_made_of_others_does_not_stand_alone(fontbook: FontBook) -> None:
    glyphs = glyphs_of(face_of(fontbook, "UMingCN"))

    assert glyphs.font("aé") is None
    assert glyphs.font("a") is not None


def test_no_more_glyphs_are_kept_than_a_worker_needs(fontbook: FontBook) -> None:
    glyphs = Glyphs(face_of(fontbook, "LXGWWenKai"))

    for point in range(0x4E00, 0x4E00 + 9000):
        assert glyphs[chr(point)] is not None

    assert len(glyphs) <= 8192
