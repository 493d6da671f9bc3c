"""Fonts of an OFD, judged by fontTools and FreeType, which had no part in making them."""

from io import BytesIO

import pytest
from fontTools.ttLib import TTFont
from PIL import ImageFont

from factory.page.fonts import FACES, Face, FontBook, Style
from factory.writers.ofd_fonts import KNOWN, PLACES, Use, embedded, places
from tests.fontmaking import EXTENSION_I, SHAPE, small_font

NEEDED = {"OS/2", "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "post"}
TEXT = {"UMingCN": "姓名", "LXGWWenKai": "张三𬭎A1", "HanaMinA": "龘㐂", "HanaMinB": "𠀀𪚥",
        "BabelStoneHan": "𰀃"}  # fmt: skip
BEYOND = 12  #: the format of a character map that goes beyond the basic plane


@pytest.fixture(params=KNOWN)
def face(request: pytest.FixtureRequest, fontbook: FontBook) -> Face:
    """Every face that is installed."""
    return next(each for each in fontbook.song + fontbook.kai if each.name == request.param)


def read(data: bytes) -> TTFont:
    return TTFont(BytesIO(data), checkChecksums=2)


def one(face: Face, text: str, use: Use = Use.DATA) -> bytes:
    return embedded({(face, use): text}, 1)[face, use].data


def test_a_font_has_every_table_that_readers_insist_on_and_no_other(face: Face) -> None:
    assert set(read(one(face, TEXT[face.name])).keys()) - {"GlyphOrder"} == NEEDED


def test_every_character_is_found_by_its_code_point(face: Face) -> None:
    text = TEXT[face.name]

    assert set(read(one(face, text)).getBestCmap()) == {ord(ch) for ch in text}


def test_a_character_that_was_not_asked_for_is_not_found(face: Face) -> None:
    text = TEXT[face.name]

    assert ord(text[0]) not in read(one(face, text[1:] + " ")).getBestCmap()


def test_a_glyph_keeps_its_shape_and_its_width(face: Face) -> None:
    text = TEXT[face.name]

    embedded_face = Face("", one(face, text))

    for ch in text:
        assert embedded_face.outline(ch) == face.outline(ch) != ""
        assert embedded_face.advance(ch) == face.advance(ch)


def test_a_character_beyond_the_basic_plane_stands_in_a_map_that_goes_so_far(
    fontbook: FontBook,
) -> None:
    wen_kai = fontbook.kai[0]

    tables = read(one(wen_kai, "张𬭎"))["cmap"].tables

    assert ord("𬭎") in {point for each in tables if each.format == BEYOND for point in each.cmap}


def test_freetype_opens_a_font_under_its_private_name(face: Face) -> None:
    font = embedded({(face, Use.DATA): TEXT[face.name]}, 1)[face, Use.DATA]

    opened = ImageFont.truetype(BytesIO(font.data), 20)

    assert opened.getname() == (font.name, "Regular")
    assert opened.getmask(TEXT[face.name][0]).getbbox() is not None


def test_a_font_says_nothing_of_the_installed_one_it_was_made_from(face: Face) -> None:
    font = embedded({(face, Use.DATA): TEXT[face.name]}, 1)[face, Use.DATA]

    names = {str(record) for record in read(font.data)["name"].names}

    assert names == {font.name, "Regular"}
    assert font.name != face.name


def test_every_face_and_use_has_a_name_a_file_and_a_number_of_its_own(fontbook: FontBook) -> None:
    faces = dict.fromkeys(fontbook.song + fontbook.kai)

    fonts = embedded({(each, use): TEXT[each.name] for each in faces for use in Use}, 30).values()

    for said in ("name", "file", "number"):
        assert len({getattr(font, said) for font in fonts}) == 2 * len(faces)
    assert min(font.number for font in fonts) == 30
    assert max(font.number for font in fonts) < 30 + 2 * PLACES


def test_the_family_is_the_common_one_of_its_style(fontbook: FontBook) -> None:
    song, kai = fontbook.song[0], fontbook.kai[0]

    fonts = embedded({(song, Use.LABEL): "姓", (kai, Use.DATA): "张"}, 1)

    assert [font.family for font in fonts.values()] == ["宋体", "楷体"]


def test_a_known_face_has_its_place_whichever_others_are_used(fontbook: FontBook) -> None:
    wen_kai, hana = fontbook.kai[:2]

    alone, beside = places([wen_kai]), places([hana, wen_kai])

    assert alone[wen_kai] == beside[wen_kai] == KNOWN.index(FACES[Style.KAI][0].name)


def test_faces_that_were_added_stand_behind_all_known_ones(fontbook: FontBook) -> None:
    added = [Face(name, small_font({EXTENSION_I: SHAPE})) for name in ("One", "Two", "UMingCN")]

    found = places([added[0], fontbook.song[0], *added[1:]])

    assert [found[each] for each in added] == [len(KNOWN), len(KNOWN) + 1, len(KNOWN) + 2]


def test_a_face_added_under_a_known_name_is_not_taken_for_it(fontbook: FontBook) -> None:
    song = fontbook.song[0]
    added = Face(song.name, small_font({EXTENSION_I: SHAPE}))

    assert len(set(places([song, added]).values())) == 2
    assert len(set(places([added, song]).values())) == 2


@pytest.mark.parametrize("missing", ["OS/2", "post", "name"])
def test_a_table_that_an_added_face_lacks_is_made(missing: str) -> None:
    face = Face("Added", small_font({EXTENSION_I: SHAPE}, without=missing))

    font = read(one(face, EXTENSION_I))

    assert set(font.keys()) - {"GlyphOrder"} == NEEDED
    assert font["OS/2"].usWeightClass == 400
    assert font["post"].formatType == 3
    assert ord(EXTENSION_I) in font.getBestCmap()


def test_a_face_with_all_tables_keeps_what_they_say(fontbook: FontBook) -> None:
    font = read(one(fontbook.kai[0], "张"))

    assert font["OS/2"].version > 0  # the one that is made is of version 0


def test_equal_texts_give_equal_fonts_and_others_do_not(face: Face) -> None:
    text = TEXT[face.name]

    assert one(face, text) == one(face, text[::-1] + text)
    assert one(face, text) != one(face, text[:1] + " ")


def test_the_sums_of_a_font_are_right_and_a_changed_byte_shows(fontbook: FontBook) -> None:
    data = one(fontbook.kai[0], "张三")
    read(data)

    changed = bytearray(data)
    changed[-5] ^= 1

    with pytest.raises(AssertionError):
        for tag in read(bytes(changed)).reader.tables:
            read(bytes(changed)).reader[tag]


@pytest.mark.parametrize("text", ["A", "ABC", "ABD", "张三𬭎𠀀𠀁𠀃", "𠀀"])
def test_the_map_names_each_character_and_no_neighbour(fontbook: FontBook, text: str) -> None:
    """Characters side by side share an entry; the next ones on both sides are not in it."""
    face = next(each for each in fontbook.kai if all(map(each.covers, text)))
    font = read(one(face, text))

    assert set(font.getBestCmap()) == {ord(ch) for ch in text}
    basic = {ord(ch) for ch in text if ord(ch) <= 0xFFFF}
    assert set(font["cmap"].getcmap(3, 1).cmap) == basic
    wide = font["cmap"].getcmap(3, 10)
    assert (wide is not None) == (max(map(ord, text)) > 0xFFFF)
