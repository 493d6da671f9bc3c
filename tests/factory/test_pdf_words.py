"""A press's operators print each run, code and picture where it was placed, glyph by glyph."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import PressUnableError
from factory.page import qr
from factory.page.fonts import Face, FontBook, Style
from factory.page.marks import MM_PER_PT, Code, Filled, Picture, Run
from factory.writers import pdf_words
from factory.writers.pdf_words import OWN_NAME, Codes, Writing

HEIGHT_MM = 297.0
SHARED = "0123456789 -.年月日建设工程有限公司ABCabc"
OTHERS = "王李𬭎龘~é"
RARE = "㐀䲜"  #: of a further face
FURTHER = "㐀𠀁𰀀"  #: each of another one
NEAR_PT = 0.001

Constant = dict[Face, tuple[str, Mapping[str, int]]]
Fonts = Mapping[str, Mapping[str, int]]
Operators = list[tuple[str, list[Any]]]


@pytest.fixture(scope="module")
def faces(fontbook: FontBook) -> tuple[Face, Face]:
    """The first face, and one that prints what it lacks."""
    found = [fontbook.face_for(Style.KAI, ch) for ch in (SHARED[0], *RARE)]
    first, further, _ = found
    assert first is not None
    assert further is not None
    assert found[1] is found[2]
    return first, further


@pytest.fixture(scope="module")
def constant(faces: tuple[Face, Face]) -> Constant:
    return {faces[0]: ("F1", faces[0].subset(SHARED).glyphs)}


def runs(faces: tuple[Face, Face]) -> st.SearchStrategy[Run]:
    texts = st.tuples(st.just(faces[0]), st.text(SHARED + OTHERS, min_size=1, max_size=12))
    rare = st.tuples(st.just(faces[1]), st.text(RARE, min_size=1, max_size=3))
    lengths = st.floats(0, 290, allow_nan=False).map(lambda each: round(each, 4))
    return st.builds(
        lambda said, x, y, size, colour: Run(
            face=said[0], text=said[1], x_mm=x, y_mm=y, width_mm=1, size_pt=size, colour=colour
        ),
        texts | rare,
        lengths,
        lengths,
        st.integers(20, 80).map(lambda each: each / 4),
        st.sampled_from([(0, 0, 0), (200, 0, 0), (17, 34, 255)]),
    )


def written(writing: Writing, marks: list[Filled]) -> tuple[bytes, Fonts]:
    """The content, and the document's own fonts by name."""
    content, brought = writing.content(marks)
    return content, dict(called(place, each) for place, each in enumerate(brought.values()))


def called(place: int, characters: Sequence[str]) -> tuple[str, dict[str, int]]:
    return OWN_NAME % place, {ch: glyph for glyph, ch in enumerate(characters, start=1)}


def operators(content: bytes) -> Operators:
    """As a program of others takes the content apart."""
    with pikepdf.new() as document:
        document.add_blank_page()
        document.pages[0].Contents = document.make_stream(content)
        found = pikepdf.parse_content_stream(document.pages[0])
        return [(str(each.operator), [plain(one) for one in each.operands]) for each in found]


def plain(operand: Any) -> Any:
    if isinstance(operand, pikepdf.String):
        return bytes(operand)
    if isinstance(operand, pikepdf.Name):
        return str(operand)
    return float(operand) if isinstance(operand, int | Decimal) else operand


def shown(content: bytes, constant: Constant, own: Fonts) -> list[Any]:
    """What is printed where: of each text object place, size, colour and text."""
    fonts = [*constant.values(), *own.items()]
    meanings = {f"/{name}": {g: ch for ch, g in glyphs.items()} for name, glyphs in fonts}
    found: list[Any] = []
    for operator, operands in operators(content):
        match operator:
            case "BT":
                found.append({"text": "", "sizes": set()})
            case "rg":
                found[-1]["colour"] = tuple(round(each * 255) for each in operands)
            case "Tf":
                meaning, size = meanings[operands[0]], operands[1]
                found[-1]["sizes"].add(size)
            case "Td":
                found[-1]["place"] = tuple(operands)
            case "Tj":
                [digits] = operands
                glyphs = (int.from_bytes(digits[n : n + 2]) for n in range(0, len(digits), 2))
                found[-1]["text"] += "".join(meaning[glyph] for glyph in glyphs)
    return found


@given(data=st.data())
def test_every_run_is_printed_where_it_was_placed(
    faces: tuple[Face, Face], constant: Constant, data: st.DataObject
) -> None:
    marks = data.draw(st.lists(runs(faces), min_size=1, max_size=5))

    content, own = written(Writing(HEIGHT_MM, constant), [*marks])

    found = shown(content, constant, own)
    for run, its in zip(marks, found, strict=True):
        place = run.x_mm / MM_PER_PT, (HEIGHT_MM - run.y_mm) / MM_PER_PT
        assert its["text"] == run.text
        assert its["sizes"] == {run.size_pt}
        assert its["colour"] == run.colour
        assert its["place"] == pytest.approx(place, abs=NEAR_PT)


@given(data=st.data())
def test_what_is_remembered_changes_nothing(
    faces: tuple[Face, Face], constant: Constant, data: st.DataObject
) -> None:
    pool = data.draw(st.lists(runs(faces), min_size=2, max_size=6))
    documents = data.draw(st.lists(st.lists(st.sampled_from(pool), max_size=4), max_size=8))
    writing = Writing(HEIGHT_MM, constant)

    for marks in documents:
        assert written(writing, [*marks]) == written(Writing(HEIGHT_MM, constant), [*marks])


def test_a_mark_is_known_by_itself_and_not_by_where_it_lay(
    faces: tuple[Face, Face], constant: Constant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks that are gone leave their place in memory to others."""
    monkeypatch.setattr(pdf_words, "MOST_KEPT", 2)
    writing = Writing(HEIGHT_MM, constant)

    for n in range(2_000):
        run = Run(face=faces[0], text=f"{n:04}", x_mm=1, y_mm=1, width_mm=1, size_pt=10)
        content, own = written(writing, [run])
        [its] = shown(content, constant, own)
        assert its["text"] == f"{n:04}"


def test_only_what_the_constant_fonts_lack_is_the_documents_own(
    faces: tuple[Face, Face], constant: Constant
) -> None:
    first, further = faces
    marks: list[Filled] = [
        Run(face=face, text=text, x_mm=1, y_mm=1, width_mm=1, size_pt=10)
        for face, text in ((first, "建设1"), (first, "王建李王"), (further, "㐀"))
    ]

    _, brought = Writing(HEIGHT_MM, constant).content(marks)

    assert brought == {first: ("王", "李"), further: ("㐀",)}


@given(text=st.text(SHARED, max_size=20))
def test_the_quick_way_for_latin_text_gives_the_same_digits(
    faces: tuple[Face, Face], constant: Constant, text: str
) -> None:
    name, glyphs = constant[faces[0]]

    codes = Codes(name, glyphs)

    assert codes.encode(text).upper() == "".join(f"{glyphs[ch]:04X}" for ch in text)
    assert codes.brings == {}


@pytest.mark.parametrize("text", ["~", "A~", "王", "A王", "é", "\x00", "A\x00"])
def test_what_a_constant_font_lacks_it_does_not_encode(
    faces: tuple[Face, Face], constant: Constant, text: str
) -> None:
    codes = Codes(*constant[faces[0]])

    codes.encode(text)

    assert [*codes.brings] == [ch for ch in text if ch not in SHARED]
    assert codes.brings


def test_a_font_of_many_characters_does_not_take_one_for_another() -> None:
    """Latin letters with glyph numbers of two bytes, behind many other characters."""
    many = "".join(map(chr, range(0x20, 0x7F))) + "".join(map(chr, range(0x4E00, 0x4F00)))
    glyphs = {ch: place for place, ch in enumerate(reversed(many), start=1)}
    assert max(glyphs[ch] for ch in "az~") > 0xFF

    codes = Codes("F1", glyphs)

    for text in ("az~", "a丁", "AZ 09"):
        assert codes.encode(text).upper() == "".join(f"{glyphs[ch]:04X}" for ch in text)


def code(content: str) -> Code:
    symbol = qr.symbol(content)
    return Code(
        slot="code", content=content, side=symbol.side, bits=symbol.bits,
        x_mm=10, y_mm=20, size_mm=25.4,
    )  # fmt: skip


@given(
    contents=st.lists(st.sampled_from(["a", "https://verify.example/v/K7QF", "建筑"]), min_size=1)
)
def test_a_code_is_printed_module_by_module(contents: list[str]) -> None:
    """Symbols of different sizes at one place keep their own."""
    marks = [code(each) for each in contents]

    content, _ = written(Writing(HEIGHT_MM, {}), [*marks])

    found = [operands for operator, operands in operators(content) if operator == "INLINE IMAGE"]
    digits = re.findall(rb" ID ([0-9a-f]+)> EI Q", content)
    for mark, [image], bits in zip(marks, found, digits, strict=True):
        assert image.width == image.height == mark.side
        assert image.image_mask
        assert bytes.fromhex(bits.decode()) == mark.bits


def test_a_picture_is_printed_in_its_box(constant: Constant) -> None:
    mark = Picture(role="photo", x_mm=25.4, y_mm=50.8, width_mm=12.7, height_mm=25.4)

    content, _ = written(Writing(HEIGHT_MM, constant), [mark])

    [_, (_, matrix), (_, [name]), _] = operators(content)
    up = (HEIGHT_MM - 50.8 - 25.4) / MM_PER_PT
    assert matrix == pytest.approx([36, 0, 0, 72, 72, up], abs=NEAR_PT)
    assert name == "/photo"


def test_a_value_in_bold_is_refused(faces: tuple[Face, Face], constant: Constant) -> None:
    run = Run(face=faces[0], text="1", x_mm=1, y_mm=1, width_mm=1, size_pt=10, bold_mm=0.1)

    writing = Writing(HEIGHT_MM, constant)

    for _ in range(2):
        with pytest.raises(PressUnableError, match="bold"):
            writing.content([run])


def test_nothing_of_what_was_refused_comes_into_the_next_document(
    faces: tuple[Face, Face], constant: Constant
) -> None:
    """Neither what it lacked in a face that has a constant font nor in one that has none."""
    texts = ((faces[0], "王"), (faces[1], "㐀"), (faces[0], "李"))
    one, two, next_one = (
        Run(face=face, text=text, x_mm=1, y_mm=1, width_mm=1, size_pt=10) for face, text in texts
    )
    writing = Writing(HEIGHT_MM, constant)
    with pytest.raises(PressUnableError):
        writing.content([one, two, one._replace(bold_mm=0.1)])

    assert written(writing, [next_one]) == written(Writing(HEIGHT_MM, constant), [next_one])
    assert writing.content([next_one])[1] == {faces[0]: ("李",)}


def test_a_documents_own_fonts_come_in_its_own_order(
    fontbook: FontBook, constant: Constant
) -> None:
    """Whichever a document before it needed first."""
    further = [fontbook.face_for(Style.KAI, ch) for ch in FURTHER]
    assert len(set(further)) == len(FURTHER)
    marks = [
        Run(face=face, text=ch, x_mm=1, y_mm=1, width_mm=1, size_pt=10)
        for face, ch in zip(further, FURTHER, strict=True)
        if face is not None
    ]
    writing = Writing(HEIGHT_MM, constant)

    for some in (marks, marks[::-1], marks[1:]):
        content, own = written(writing, some)
        assert [*writing.content(some)[1]] == [mark.face for mark in some]
        assert [each["text"] for each in shown(content, constant, own)] == [m.text for m in some]
