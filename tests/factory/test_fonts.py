"""Faces: who prints which character, and what is never printed."""

import pytest
import uharfbuzz as hb
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import SettingsError
from factory.page.fonts import FACES, Face, FontBook, Style, assemble, is_refused

BEYOND_THE_BASIC_PLANE = "𬭎"  # U+2CB4E
EXTENSION_G = "\U00030003"


def test_labels_are_set_in_song_and_values_in_kai(fontbook: FontBook) -> None:
    labels, values = (fontbook.face_for(style, "名") for style in (Style.SONG, Style.KAI))

    assert labels is not None and labels.name == "UMingCN"
    assert values is not None and values.name == "LXGWWenKai"


def test_a_character_the_first_face_lacks_comes_from_the_next(fontbook: FontBook) -> None:
    runs = fontbook.runs(Style.KAI, f"王{EXTENSION_G}")

    assert [(face.name, text) for face, text in runs] == [
        ("LXGWWenKai", "王"),
        ("BabelStoneHan", EXTENSION_G),
    ]


def test_characters_of_one_face_stay_one_run(fontbook: FontBook) -> None:
    assert [text for _, text in fontbook.runs(Style.KAI, f"欧阳{BEYOND_THE_BASIC_PLANE}")] == [
        f"欧阳{BEYOND_THE_BASIC_PLANE}"
    ]


@pytest.mark.parametrize(
    "name",
    ["张三丰", "欧阳𬭎", "阿卜杜热合曼·买买提", "㛃㜣㴓䶮𬀩𬍛𡶛𠅤𬭎𫍯𪩘𬬮䒟㼆𤩽𠃓𣲘𬎆𫖯𬇕𪣻㑇"],
)
def test_rare_given_names_are_printable(fontbook: FontBook, name: str) -> None:
    assert fontbook.unprintable(name) == ()


@pytest.mark.parametrize(
    ("hidden", "named"),
    [
        ("\ue0c5", "U+E0C5"),  # private use: old systems kept rare names there
        ("\U000f0001", "U+F0001"),
        ("\U00100001", "U+100001"),
        ("\x07", "U+0007"),
        ("\u0301", "U+0301"),  # combining
        ("\ufe00", "U+FE00"),  # variation selectors
        ("\U000e0100", "U+E0100"),
        ("\u202e", "U+202E"),  # turns the direction of what follows
        ("\ufffd", "U+FFFD"),
        ("\U000e1234", "U+E1234"),  # in no face
    ],
)
def test_what_must_not_be_printed_is_named_by_its_code_point(
    fontbook: FontBook, hidden: str, named: str
) -> None:
    assert fontbook.unprintable(f"张{hidden}三{hidden}") == (named,)


@given(st.characters(categories=["Co", "Cs", "Cc"]))
def test_private_use_is_refused_even_if_a_face_has_it(ch: str) -> None:
    assert is_refused(ch)


def test_a_mapped_but_blank_glyph_does_not_count_as_covered(fontbook: FontBook) -> None:
    kai = fontbook.kai[0]

    assert kai.covers(" ") and kai.covers("　")
    assert not kai.covers("\u3164")  # HANGUL FILLER


def test_a_chinese_character_advances_one_em(fontbook: FontBook) -> None:
    for face in fontbook.song + fontbook.kai:
        assert face.advance("国" if face.covers("国") else BEYOND_THE_BASIC_PLANE) == 1.0


def test_a_subset_holds_the_glyphs_asked_for_and_no_hints(fontbook: FontBook) -> None:
    subset = fontbook.kai[0].subset("三丰张三")

    font = hb.Face(hb.Blob(subset.data))
    assert set(subset.glyphs) == set("张三丰")
    assert sorted(subset.glyphs.values()) == [1, 2, 3]
    assert set(font.table_tags) == {"glyf", "head", "hhea", "hmtx", "loca", "maxp"}


def test_equal_texts_give_equal_subsets(fontbook: FontBook) -> None:
    face = fontbook.kai[0]

    assert face.subset("张三丰").data == face.subset("丰三张").data


def test_a_missing_file_is_named_with_its_package(font_files: dict[str, bytes]) -> None:
    without = {name: data for name, data in font_files.items() if name != "uming.ttc"}

    with pytest.raises(SettingsError, match=r"uming\.ttc.*fonts-arphic-uming"):
        assemble(without)


def test_a_file_without_truetype_outlines_is_refused() -> None:
    with pytest.raises(SettingsError, match="no TrueType outlines"):
        Face("broken", b"not a font")


def test_every_chain_ends_with_the_same_fallbacks() -> None:
    assert FACES[Style.SONG][1:] == FACES[Style.KAI][1:]
