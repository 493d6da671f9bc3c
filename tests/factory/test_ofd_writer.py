"""The OFD writer, judged by programs that had no part in it: ofdkit, ofd-cli, lxml, PDFium."""

import ctypes
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path as File

import ofdkit
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image, ImageChops, ImageStat

from factory.errors import FieldError, PictureError
from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.model import ApplicationType, Kind
from factory.ofd.package import Member, opened, packed
from factory.ofd.xml import NAMESPACE, located
from factory.page.fonts import FontBook, Style
from factory.page.marks import IDENTITY, MM_PER_PT, TWIN, Code, Page, Path, Placed, Run
from factory.page.sheet import layout
from factory.versions import Versions
from factory.writers import pdf
from factory.writers.ofd import OfdNames, draw
from tests import judges, ofd_judges
from tests.factory.conftest import LICENCE_ID
from tests.factory.documents import PROFILES, form

Face = dict[str, object]
NewFace = Callable[..., Face]
DrawOfd = Callable[..., tuple[Member, ...]]
Judge = Callable[[tuple[Member, ...]], File]

CREATED = datetime(2024, 11, 29, 16, 3, 4, tzinfo=UTC)  #: the 30th in China
APART_MM = 0.5  #: so much the two formats may differ
FINE_MM = 0.02  #: what decimals of three places may add up to in a line
OFD = {"ofd": NAMESPACE}
PT = 72 / 25.4
LONG_NAME = "阿卜杜热合曼·买买提"
LONG_FIRM = "上海市浦东新区" + "超长名称测试建设工程" * 4 + "集团股份有限公司第一分公"

# --- what is drawn, and how it is looked at ---------------------------------------------------


@pytest.fixture
def draw_ofd(place: Callable[[Face], Placed], photo: bytes, signature: bytes) -> DrawOfd:
    """A face as the members of an unsigned package; ``signed=False`` leaves no room for a seal."""

    def make(face: Face, *, signed: bool = True, **more: object) -> tuple[Member, ...]:
        placed = place(face)
        if not signed:
            placed = replace(placed, signatures=())
        given = {"title": placed.title, "created": CREATED, "twin": twin(face)}
        pictures = {"photo": photo, "signature": signature}
        return draw(placed, pictures, **{"licence_id": LICENCE_ID, **given, **more})  # type: ignore[arg-type] # by name

    return make


@pytest.fixture
def kept(tmp_path: File, absent: Callable[[str], None]) -> Judge:
    """The package as a file that programs can open; skips where ofd-cli is absent."""
    if not judges.OFD_CLI.exists():
        absent("ofd-cli: bash deploy/setup/ofd_cli.sh")

    def keep(members: tuple[Member, ...]) -> File:
        path = tmp_path / "document.ofd"
        path.write_bytes(packed(members))
        return path

    return keep


def by_name(members: tuple[Member, ...]) -> dict[str, bytes]:
    return {member.name: member.data for member in members}


def trees(members: tuple[Member, ...]) -> dict[str, etree._Element]:
    """Every XML member, parsed."""
    return {m.name: etree.fromstring(m.data) for m in members if m.name.endswith(".xml")}


def local(element: etree._Element) -> str:
    return etree.QName(element).localname


def numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


Character = tuple[str, float, float]


def characters_of_ofd(root: etree._Element) -> Iterator[Character]:
    """Every character of a page with its place, as the standard says it is worked out."""
    for text in root.iterfind(".//ofd:TextObject", OFD):
        code = text.find("ofd:TextCode", OFD)
        assert code is not None and code.text
        left, top, _, _ = numbers(text.get("Boundary", ""))
        x, y = left + float(code.get("X", "")), top + float(code.get("Y", ""))
        steps = list(advances(code.get("DeltaX", "")))
        assert len(steps) == len(code.text) - 1
        for ch, step in zip(code.text, [*steps, 0], strict=True):
            yield ch, x, y
            x += step


def advances(delta: str) -> Iterator[float]:
    words = iter(delta.split())
    for word in words:
        if word != "g":
            yield float(word)
            continue
        times, step = int(next(words)), float(next(words))
        yield from [step] * times


def characters_of_placed(page: Page) -> Iterator[Character]:
    for run in page.marks:
        if isinstance(run, Run):
            x = run.x_mm
            for ch in run.text:
                yield ch, x, run.y_mm
                x += run.face.advance(ch) * run.size_pt * MM_PER_PT


def characters_of_pdf(data: bytes) -> Iterator[Character]:
    """As PDFium finds them on the first page; it gives halves of characters beyond the plane."""
    units, places = "", []
    with closing(pypdfium2.PdfDocument(data)) as document:
        page = document[0]
        text, height = page.get_textpage(), page.get_height()
        x, y = ctypes.c_double(), ctypes.c_double()
        for n in range(pdfium.FPDFText_CountChars(text)):
            if not pdfium.FPDFText_IsGenerated(text, n):
                pdfium.FPDFText_GetCharOrigin(text, n, x, y)
                units += chr(pdfium.FPDFText_GetUnicode(text, n))
                places.append((x.value / PT, (height - y.value) / PT))
    whole = units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    place = 0
    for ch in whole:
        yield ch, *places[place]
        place += len(ch.encode("utf-16-le")) // 2


def seen(characters: Iterator[Character]) -> list[Character]:
    """Those with ink, from the top and from the left."""
    inked = (each for each in characters if not each[0].isspace())
    return sorted(inked, key=lambda each: (each[0], round(each[2]), each[1]))


def together(some: list[Character], others: list[Character], apart_mm: float) -> None:
    """Of every character in one there is one in the other, at its place."""
    assert Counter(ch for ch, _, _ in some) == Counter(ch for ch, _, _ in others)
    for (_, x, y), (_, there_x, there_y) in zip(some, others, strict=True):
        assert abs(x - there_x) <= apart_mm
        assert abs(y - there_y) <= apart_mm


def faces(new_face: NewFace, engineers: Versions) -> dict[str, Face]:
    """Both current designs, with all that is hard to print."""
    _, latest = engineers.all
    return {
        "constructor": new_face(),
        "cost engineer": new_face(profile=latest),
        "rare": new_face(name="姜𬭎明"),
        "beyond all": new_face(name="王\U00030003𬭎", profile=latest),
        "long name": new_face(name=LONG_NAME, professions=6),
        "long firm": new_face(enterprise=LONG_FIRM[:60]),
        "hostile": new_face(
            enterprise="甲&乙<丙>\"丁\"'戊'（上海）工程咨询有限公司", profile=latest
        ),
    }


CASES = (
    *("constructor", "cost engineer", "rare", "beyond all"),
    *("long name", "long firm", "hostile"),
)


@pytest.fixture(params=CASES)
def any_face(request: pytest.FixtureRequest, new_face: NewFace, engineers: Versions) -> Face:
    return faces(new_face, engineers)[request.param]


# --- text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["张三丰", "姜𬭎", LONG_NAME, "王\U00030003", "A·B"])
def test_a_name_is_found_in_the_text_of_the_file(
    new_face: NewFace, draw_ofd: DrawOfd, name: str
) -> None:
    assert name in judges.ofd_text(packed(draw_ofd(new_face(name=name))))


def test_every_value_is_found_in_the_text_of_the_file(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    words = judges.ofd_text(packed(draw_ofd(new_face(professions=6))))

    assert words.count("（有效期：2024-11-30至2027-11-29）") == 6
    for value in ("沪2312016201800057", "上海测试建设集团有限公司", "2024年11月30日", LICENCE_ID):
        assert value in words


def test_a_name_of_markup_is_text_and_nothing_else(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    firm = '甲&amp;乙</ofd:TextCode><ofd:X a="1">公司\''

    members = draw_ofd(new_face(enterprise=firm))

    assert firm in judges.ofd_text(packed(members)).replace("\n", "")
    assert not list(trees(members)["Doc_0/Pages/Page_0/Content.xml"].iter("{*}X"))


def lines(fontbook: FontBook, *texts: str, bold_mm: float = 0.0) -> Placed:
    """A page with a small line for each text, cut where the face changes."""
    runs: list[Run] = []
    for row, text in enumerate(texts):
        x = 10.0
        for face, part in fontbook.runs(Style.KAI, text):
            width = face.width(part) * 6 * MM_PER_PT
            runs.append(
                Run(
                    face=face, text=part, x_mm=x, y_mm=20.0 + 10 * row, width_mm=width,
                    size_pt=6, slot=f"line.{row}", bold_mm=bold_mm,
                )
            )  # fmt: skip
            x += width
    page = Page(fixed=(), filled=tuple(runs))
    return Placed(title="行", width_mm=210, height_mm=297, pages=(page,))


def drawn(placed: Placed, pictures: Mapping[str, bytes] | None = None) -> tuple[Member, ...]:
    return draw(placed, pictures or {}, title="题", created=CREATED, twin=b"{}")


@pytest.fixture(scope="session")
def printable(fontbook: FontBook) -> str:
    """Characters of every face, in and beyond the basic plane."""
    points = {point for face in fontbook.kai for point in list(face.code_points())[::13]}
    ascii_ = map(chr, range(0x20, 0x7F))
    return "".join(
        ch
        for ch in dict.fromkeys([*ascii_, *map(chr, sorted(points))])
        if fontbook.face_for(Style.KAI, ch) is not None
    )


@given(data=st.data())
@settings(max_examples=60)
def test_whatever_is_printable_survives(
    fontbook: FontBook, printable: str, data: st.DataObject
) -> None:
    text = data.draw(st.text(st.sampled_from(printable), min_size=1, max_size=60))

    found = judges.ofd_text(packed(drawn(lines(fontbook, text))))

    assert "".join(found.split()) == "".join(text.split())


def test_a_control_character_is_refused(fontbook: FontBook) -> None:
    placed = lines(fontbook, "甲乙")
    run = placed.pages[0].filled[0]
    assert isinstance(run, Run)
    page = replace(placed.pages[0], filled=(run._replace(text="甲\x01乙"),))

    with pytest.raises(FieldError, match=r"U\+0001"):
        drawn(replace(placed, pages=(page,)))


# --- places -----------------------------------------------------------------------------------


def test_every_character_stands_where_it_was_placed(
    any_face: Face, place: Callable[[Face], Placed], draw_ofd: DrawOfd
) -> None:
    members = trees(draw_ofd(any_face))
    template = members["Doc_0/Tpls/Tpl_0/Content.xml"]
    page = members["Doc_0/Pages/Page_0/Content.xml"]

    found = [*characters_of_ofd(template), *characters_of_ofd(page)]

    placed = seen(characters_of_placed(place(any_face).pages[0]))
    together(seen(iter(found)), placed, FINE_MM)


def test_every_character_stands_where_it_stands_in_the_pdf(
    any_face: Face,
    place: Callable[[Face], Placed],
    draw_ofd: DrawOfd,
    photo: bytes,
    signature: bytes,
) -> None:
    placed = place(any_face)
    pictures = {"photo": photo, "signature": signature}
    paper = pdf.draw(placed, pictures, title="", created=CREATED)
    members = trees(draw_ofd(any_face))

    found = [each for name in members for each in characters_of_ofd(members[name])]

    together(seen(iter(found)), seen(characters_of_pdf(paper)), APART_MM)


def test_a_line_that_is_moved_by_a_millimetre_does_not_stand_where_it_should(
    new_face: NewFace, place: Callable[[Face], Placed], draw_ofd: DrawOfd
) -> None:
    """The comparison is sharp enough."""
    members = trees(draw_ofd(new_face()))
    found = [each for name in members for each in characters_of_ofd(members[name])]
    moved = [(ch, x + (1 if ch == "丰" else 0), y) for ch, x, y in found]

    with pytest.raises(AssertionError):
        together(seen(iter(moved)), seen(characters_of_placed(place(new_face()).pages[0])), 0.5)


def test_another_reader_finds_the_lines_at_the_same_places(
    new_face: NewFace, place: Callable[[Face], Placed], draw_ofd: DrawOfd
) -> None:
    face = new_face(name="姜𬭎")
    runs = [run for run in place(face).pages[0].marks if isinstance(run, Run)]

    found = judges.ofd_runs(packed(draw_ofd(face)))

    assert len(found) == len(runs)
    for text, run in zip(found, runs, strict=True):
        assert text.text == run.text
        assert (text.x, text.y) == pytest.approx((run.x_mm, run.y_mm), abs=FINE_MM)
        assert text.size == pytest.approx(run.size_pt * MM_PER_PT, abs=FINE_MM)


def test_a_character_beyond_the_basic_plane_has_one_advance(fontbook: FontBook) -> None:
    root = trees(drawn(lines(fontbook, "甲𬭎乙𬭎丙")))["Doc_0/Pages/Page_0/Content.xml"]

    code = root.find(".//ofd:TextCode", OFD)

    assert code is not None
    assert len(list(advances(code.get("DeltaX", "")))) == 4


def test_a_character_alone_has_no_advance_and_equal_ones_are_counted(fontbook: FontBook) -> None:
    root = trees(drawn(lines(fontbook, "甲", "甲乙", "甲乙丙丁", "甲A1乙丙丁戊")))
    page = root["Doc_0/Pages/Page_0/Content.xml"]

    found = [code.get("DeltaX") for code in page.iterfind(".//ofd:TextCode", OFD)]

    assert found[:3] == [None, "2.117", "g 3 2.117"]
    assert found[3] is not None and re.fullmatch(r"2\.117 \S+ \S+ g 3 2\.117", found[3])


def test_blanks_at_the_ends_leave_the_characters_in_their_place(fontbook: FontBook) -> None:
    """Readers strip them."""
    placed = lines(fontbook, "  甲 乙 ", "甲 乙")
    page = trees(drawn(placed))["Doc_0/Pages/Page_0/Content.xml"]

    codes = [code.text for code in page.iterfind(".//ofd:TextCode", OFD)]

    assert codes == ["甲 乙", "甲 乙"]
    assert seen(characters_of_ofd(page)) == [
        (ch, pytest.approx(x, abs=FINE_MM), pytest.approx(y, abs=FINE_MM))
        for ch, x, y in seen(characters_of_placed(placed.pages[0]))
    ]


def test_a_line_of_blanks_is_no_object(fontbook: FontBook) -> None:
    members = trees(drawn(lines(fontbook, "  ", "甲")))

    assert len(members["Doc_0/Pages/Page_0/Content.xml"].findall(".//ofd:TextObject", OFD)) == 1
    fields = members["Doc_0/Tags/Tag_Face.xml"].findall("{*}Field")
    assert [each.get("Name") for each in fields] == ["line.1"]


def test_a_bold_line_is_outlined_and_a_plain_one_is_not(fontbook: FontBook) -> None:
    bold = trees(drawn(lines(fontbook, "甲", bold_mm=0.22)))
    plain = trees(drawn(lines(fontbook, "甲")))

    text = bold["Doc_0/Pages/Page_0/Content.xml"].find(".//ofd:TextObject", OFD)
    pen = bold["Doc_0/PublicRes.xml"].find(".//ofd:DrawParam", OFD)

    assert text is not None and pen is not None
    assert (text.get("Stroke"), text.get("LineWidth")) == ("true", "0.22")
    assert (text.get("DrawParam"), pen.get("LineWidth")) == (pen.get("ID"), "0.22")
    other = plain["Doc_0/Pages/Page_0/Content.xml"].find(".//ofd:TextObject", OFD)
    assert other is not None and other.get("Stroke") is None
    assert plain["Doc_0/PublicRes.xml"].find(".//ofd:DrawParams", OFD) is None


# --- figures ----------------------------------------------------------------------------------


def copies_of(path: Path) -> list[etree._Element]:
    page = Page(fixed=(path,), filled=())
    members = drawn(Placed(title="", width_mm=210, height_mm=297, pages=(page,)))
    return trees(members)["Doc_0/Tpls/Tpl_0/Content.xml"].findall(".//ofd:PathObject", OFD)


def points_on_page(element: etree._Element) -> list[tuple[float, float]]:
    """Of a path object: through its matrix, then from its box's corner."""
    left, top, _, _ = numbers(element.get("Boundary", ""))
    a, b, c, d, e, f = numbers(element.get("CTM", "1 0 0 1 0 0"))
    words = element.findtext("ofd:AbbreviatedData", "", OFD).split()
    parts = [float(word) for word in words if not word.isalpha()]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [(a * x + c * y + e + left, b * x + d * y + f + top) for x, y in pairs]


TURNED = (0.6, 0.8, -0.8, 0.6, 100.0, 120.0)
MOVED = (1.0, 0.0, 0.0, 1.0, 30.5, 40.25)
LARGER = (2.0, 0.0, 0.0, 3.0, 10.0, 10.0)
FIGURE = "M -3 2.5 L 10 -4 B 1 2 3 4 5.25 6 C"


@pytest.mark.parametrize("place", [IDENTITY, MOVED, TURNED, LARGER])
def test_a_copy_of_a_figure_stands_where_its_matrix_puts_it(
    place: tuple[float, float, float, float, float, float],
) -> None:
    a, b, c, d, e, f = place
    points = [(-3, 2.5), (10, -4), (1, 2), (3, 4), (5.25, 6)]

    (copy,) = copies_of(Path(data=FIGURE, stroke=(1, 2, 3), width_mm=0.2, copies=(place,)))

    there = [(a * x + c * y + e, b * x + d * y + f) for x, y in points]
    found = points_on_page(copy)
    left, top, _, height = numbers(copy.get("Boundary", ""))
    half = 0.1 * max(a, d, 1)  # of its line, which grows with the figure
    assert left <= min(x for x, _ in found) - half
    assert top + height >= max(y for _, y in found) + half
    assert found == [(pytest.approx(x, abs=0.002), pytest.approx(y, abs=0.002)) for x, y in there]


def test_a_figure_that_is_only_moved_needs_no_matrix() -> None:
    copies = copies_of(Path(data=FIGURE, stroke=(1, 2, 3), copies=(IDENTITY, MOVED, TURNED)))

    assert [copy.get("CTM") is None for copy in copies] == [True, True, False]
    assert len({copy.findtext("ofd:AbbreviatedData", "", OFD) for copy in copies}) == 1


@pytest.mark.parametrize(
    ("stroke", "fill", "said"),
    [
        ((1, 2, 3), None, {"Stroke": None, "Fill": None}),
        (None, (1, 2, 3), {"Stroke": "false", "Fill": "true"}),
        ((1, 2, 3), (4, 5, 6), {"Stroke": None, "Fill": "true"}),
    ],
)
def test_a_figure_is_drawn_or_filled_as_it_says(
    stroke: tuple[int, int, int] | None,
    fill: tuple[int, int, int] | None,
    said: dict[str, str | None],
) -> None:
    """By default readers draw and do not fill."""
    (copy,) = copies_of(Path(data=FIGURE, stroke=stroke, fill=fill))

    assert {name: copy.get(name) for name in said} == said
    colours = {local(each): each.get("Value") for each in copy if local(each).endswith("Color")}
    given = {"StrokeColor": stroke, "FillColor": fill}
    assert colours == {k: " ".join(map(str, v)) for k, v in given.items() if v is not None}


def test_every_object_lies_in_its_box_and_every_box_on_the_page(
    any_face: Face, draw_ofd: DrawOfd
) -> None:
    for tree in trees(draw_ofd(any_face)).values():
        for each in tree.iterfind(".//*[@Boundary]"):
            left, top, width, height = numbers(each.get("Boundary", ""))
            assert left >= 0 and top >= 0 and left + width <= 210 and top + height <= 297
            for x, y in points_on_page(each) if local(each) == "PathObject" else ():
                assert left <= x + 0.001 and x <= left + width + 0.001
                assert top <= y + 0.001 and y <= top + height + 0.001


# --- pictures ---------------------------------------------------------------------------------


def test_the_photo_is_in_the_file_byte_for_byte(
    new_face: NewFace, draw_ofd: DrawOfd, photo: bytes
) -> None:
    assert by_name(draw_ofd(new_face()))["Doc_0/Res/photo.jpg"] == photo


@pytest.mark.parametrize("picture", [b"", b"\x89PNG\r\n\x1a\n"])
def test_a_photo_that_is_missing_or_no_jpeg_is_refused(
    new_face: NewFace, place: Callable[[Face], Placed], picture: bytes
) -> None:
    with pytest.raises(PictureError, match=r"^photo"):
        drawn(place(new_face()), {"photo": picture})


def test_a_certificate_without_a_photo_has_none_among_its_files(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    members = by_name(draw_ofd(new_face(photo=None)))

    assert "Doc_0/Res/photo.jpg" not in members
    assert b"photo" not in members["Doc_0/DocumentRes.xml"]


def test_pictures_fill_the_boxes_they_were_placed_in(
    new_face: NewFace, place: Callable[[Face], Placed], draw_ofd: DrawOfd
) -> None:
    face = new_face()
    marks = {m for m in place(face).pages[0].filled if not isinstance(m, Run)}
    boxes = {
        (m.x_mm, m.y_mm, m.size_mm, m.size_mm)
        if isinstance(m, Code)
        else (m.x_mm, m.y_mm, m.width_mm, m.height_mm)
        for m in marks
    }
    page = trees(draw_ofd(face))["Doc_0/Pages/Page_0/Content.xml"]

    images = page.findall(".//ofd:ImageObject", OFD)

    found = sorted(numbers(each.get("Boundary", "")) for each in images)
    assert found == [pytest.approx(box, abs=0.001) for box in sorted(boxes)]
    for each in images:
        _, _, width, height = numbers(each.get("Boundary", ""))
        assert numbers(each.get("CTM", "")) == (width, 0, 0, height, 0, 0)


def test_the_code_is_a_picture_of_one_bit_that_shows_its_modules(
    new_face: NewFace, place: Callable[[Face], Placed], draw_ofd: DrawOfd
) -> None:
    face = new_face()
    (code,) = (m for m in place(face).pages[0].filled if isinstance(m, Code))

    picture = Image.open(BytesIO(by_name(draw_ofd(face))["Doc_0/Res/code.png"]))

    assert picture.mode == "1"
    small = picture.resize((len(code.rows), len(code.rows)), Image.Resampling.NEAREST)
    rows = [
        bytes(not small.getpixel((x, y)) for x in range(small.width)) for y in range(small.height)
    ]
    assert tuple(rows) == code.rows


# --- as it looks ------------------------------------------------------------------------------


def test_the_code_is_read_from_the_rendered_page(
    new_face: NewFace, draw_ofd: DrawOfd, kept: Judge
) -> None:
    (page,) = judges.ofd_pictures(kept(draw_ofd(new_face())), 110)

    assert [each.text for each in zxingcpp.read_barcodes(page)] == [
        "https://verify.example/v/K7QF2M9XTR4B8HWN3CVD"
    ]


FINE_DPI, SPOT = 300, 11  #: pixels of a spot in which differences are weighed: a millimetre
ALIKE = 45  #: two renderers' smoothing of one page stays below it, another character does not


def rendered_pdf(data: bytes, size: tuple[int, int]) -> Image.Image:
    with closing(pypdfium2.PdfDocument(data)) as document:
        page: Image.Image = document[0].render(scale=FINE_DPI / 72).to_pil().convert("RGB")
    return page.resize(size)


def unlike(some: Image.Image, other: Image.Image) -> float:
    """How different two pages are where they differ most, of 255; blind to fine lines."""
    spots = (each.convert("L").reduce(SPOT) for each in (some, other))
    return float(ImageStat.Stat(ImageChops.difference(*spots)).extrema[0][1])


def test_the_page_looks_as_in_the_pdf(
    any_face: Face,
    place: Callable[[Face], Placed],
    draw_ofd: DrawOfd,
    kept: Judge,
    photo: bytes,
    signature: bytes,
) -> None:
    (page,) = judges.ofd_pictures(kept(draw_ofd(any_face)), FINE_DPI)
    pictures = {"photo": photo, "signature": signature}

    paper = pdf.draw(place(any_face), pictures, title="", created=CREATED)

    assert unlike(page, rendered_pdf(paper, page.size)) < ALIKE


def test_a_page_of_another_name_does_not_look_as_in_the_pdf(
    new_face: NewFace,
    draw_ofd: DrawOfd,
    draw_pdf: Callable[[Face], bytes],
    kept: Judge,
) -> None:
    """The comparison is sharp enough to see one character."""
    (page,) = judges.ofd_pictures(kept(draw_ofd(new_face(name="李三丰"))), FINE_DPI)

    assert unlike(page, rendered_pdf(draw_pdf(new_face()), page.size)) > ALIKE


# --- the package ------------------------------------------------------------------------------


def test_a_program_of_another_maker_finds_no_fault(
    any_face: Face, draw_ofd: DrawOfd, kept: Judge
) -> None:
    assert judges.ofd_faults(kept(draw_ofd(any_face, signed=False))) == ""


def test_a_document_without_its_largest_number_is_a_fault_to_that_program(
    new_face: NewFace, draw_ofd: DrawOfd, kept: Judge
) -> None:
    members = tuple(
        replace(m, data=re.sub(rb"<ofd:MaxUnitID>.*</ofd:MaxUnitID>", b"", m.data))
        for m in draw_ofd(new_face(), signed=False)
    )

    assert judges.ofd_faults(kept(members)) != ""


def test_children_stand_in_the_order_of_the_schema(any_face: Face, draw_ofd: DrawOfd) -> None:
    assert ofd_judges.out_of_order(by_name(draw_ofd(any_face))) == []


def test_children_in_another_order_are_noticed(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    members = by_name(draw_ofd(new_face()))
    turned = members["OFD.xml"].replace(b"ofd:Creator>", b"ofd:Author>")

    assert ofd_judges.out_of_order(members | {"OFD.xml": turned}) == ["OFD.xml: DocInfo"]


def test_every_element_is_of_the_standards_name_space_under_its_usual_prefix(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    for name, tree in trees(draw_ofd(new_face())).items():
        assert tree.nsmap["ofd"] == NAMESPACE
        if not name.endswith("Tag_Face.xml"):
            assert {(each.prefix, each.tag.split("}")[0]) for each in tree.iter()} == {
                ("ofd", "{" + NAMESPACE)
            }


def test_members_begin_as_utf_8_without_a_mark(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    for member in draw_ofd(new_face()):
        if member.name.endswith(".xml"):
            assert member.data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<')


def identities(members: tuple[Member, ...]) -> list[int]:
    found = trees(members)
    return [
        int(each.get("ID", ""))
        for name, tree in found.items()
        if "Attachs" not in name
        for each in tree.iterfind(".//*[@ID]")
    ]


def test_numbers_are_unique_and_below_the_largest(any_face: Face, draw_ofd: DrawOfd) -> None:
    members = draw_ofd(any_face)
    found = identities(members)
    largest = trees(members)["Doc_0/Document.xml"].findtext(".//ofd:MaxUnitID", "", OFD)

    assert len(found) == len(set(found))
    assert min(found) >= 1
    assert max(found) <= int(largest)


def test_a_slot_of_very_many_lines_gets_as_many_numbers(fontbook: FontBook) -> None:
    placed = lines(fontbook, "甲", *["乙"] * 150)
    runs = tuple(
        run._replace(slot="many") if isinstance(run, Run) and run.text == "乙" else run
        for run in placed.pages[0].filled
    )
    pages = (replace(placed.pages[0], filled=(*runs, runs[0]._replace(slot="last"))),)

    members = drawn(replace(placed, pages=pages))

    found = identities(members)
    assert len(found) == len(set(found))


REFERENCES = ("Font", "ResourceID", "DrawParam", "TemplateID", "PageRef")


def test_everything_that_is_named_is_there(any_face: Face, draw_ofd: DrawOfd) -> None:
    """Checkers of signatures do not notice a missing file."""
    members = draw_ofd(any_face)
    found, known = by_name(members), set(map(str, identities(members)))
    for name, tree in trees(members).items():
        for each in tree.iter():
            assert {each.get(key) for key in REFERENCES if each.get(key)} <= known
            if local(each) == "ObjectRef":
                assert each.text in known
        for loc in places_named(tree, name):
            assert loc in found or loc == "Doc_0/Signs/Signatures.xml"


def places_named(tree: etree._Element, name: str) -> Iterator[str]:
    """Members that an XML member points at."""
    base = located(name, tree.get("BaseLoc", "") + "/x") if local(tree) == "Res" else name
    for each in tree.iter():
        if local(each) in {"FontFile", "MediaFile"}:
            yield located(base, each.text or "")
        elif local(each) in {
            *("DocRoot", "Signatures", "PublicRes", "DocumentRes", "FileLoc"),
        } or (local(each) in {"CustomTags", "Attachments"} and each.text):
            yield located(name, each.text or "")
        elif each.get("BaseLoc") and local(each) != "Res":
            yield located(name, each.get("BaseLoc", ""))


def test_every_file_is_named_by_something(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    """Nothing lies in the package that nobody asks for."""
    members = draw_ofd(new_face())

    named = {loc for name, tree in trees(members).items() for loc in places_named(tree, name)}

    assert set(by_name(members)) == (named | {"OFD.xml"}) - {"Doc_0/Signs/Signatures.xml"}


def test_the_package_is_opened_as_it_was_packed(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    members = draw_ofd(new_face())

    assert opened(packed(members)) == by_name(members)
    assert members[0].name == "OFD.xml"


def test_a_document_of_several_pages_has_a_template_for_each(
    fontbook: FontBook, photo: bytes, signature: bytes, kept: Judge
) -> None:
    profile = PROFILES["shanghai-cost-engineer"]
    face = form(profile, ApplicationType.INITIAL, enterprise="上海测试建设公司" * 25, hours=True)
    module = KINDS[Kind.APPLICATION_FORM]
    placed = layout(module.sheet(profile, face), module.values(profile, face), fontbook)

    members = drawn(replace(placed, signatures=()), {"photo": photo, "signature": signature})

    assert judges.ofd_faults(kept(members)) == ""
    assert len(judges.ofd_pictures(kept(members), 30)) == len(placed.pages) == 2
    found = identities(members)
    assert len(found) == len(set(found))
    for n, page in enumerate(placed.pages):
        names = (f"Doc_0/Tpls/Tpl_{n}/Content.xml", f"Doc_0/Pages/Page_{n}/Content.xml")
        characters = [each for name in names for each in characters_of_ofd(trees(members)[name])]
        together(seen(iter(characters)), seen(characters_of_placed(page)), FINE_MM)


# --- the same, and different ------------------------------------------------------------------

CONSTANT = (
    *("Doc_0/Document.xml", "Doc_0/PublicRes.xml", "Doc_0/DocumentRes.xml"),
    *("Doc_0/Tpls/Tpl_0/Content.xml", "Doc_0/Res/label-1.ttf", "Doc_0/Tags/CustomTags.xml"),
)


def test_equal_input_gives_equal_bytes(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    assert draw_ofd(new_face()) == draw_ofd(new_face())


def test_another_moment_gives_another_document(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    later = CREATED.replace(second=5)

    some, other = draw_ofd(new_face()), draw_ofd(new_face(), created=later)

    assert some[0].data != other[0].data


def test_two_holders_share_all_that_is_of_the_design(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    one = by_name(draw_ofd(new_face()))
    two = by_name(draw_ofd(new_face(name=LONG_NAME, professions=6, enterprise=LONG_FIRM)))

    assert one.keys() == two.keys()
    assert {name for name in CONSTANT if one[name] != two[name]} == set()
    for name in ("OFD.xml", "Doc_0/Pages/Page_0/Content.xml", f"Doc_0/Attachs/{TWIN}"):
        assert one[name] != two[name]


def test_a_rare_character_adds_a_font_and_moves_nothing(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    one, two = by_name(draw_ofd(new_face())), by_name(draw_ofd(new_face(name="王\U00030003")))

    assert len(two.keys() - one.keys()) == 1
    assert {name for name in CONSTANT if one[name] != two[name]} == {"Doc_0/PublicRes.xml"}


def test_a_fields_object_has_the_same_number_whatever_stands_before_it(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    def of_issue(members: tuple[Member, ...]) -> str | None:
        return tagged(members)["issued_on"][0].text

    assert of_issue(draw_ofd(new_face())) == of_issue(draw_ofd(new_face(professions=6)))


# --- what the file says of itself -------------------------------------------------------------


def information(members: tuple[Member, ...]) -> dict[str, str]:
    root = trees(members)["OFD.xml"]
    info = root.find(".//ofd:DocInfo", OFD)
    assert info is not None
    return {local(each): each.text or "" for each in info if not len(each)}


def custom(members: tuple[Member, ...]) -> dict[str | None, str | None]:
    found = trees(members)["OFD.xml"].iterfind(".//ofd:CustomData", OFD)
    return {each.get("Name"): each.text for each in found}


def test_the_file_says_what_it_is_and_when_it_was_made(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    said = information(draw_ofd(new_face()))

    assert re.fullmatch(r"[0-9a-f]{32}", said.pop("DocID"))
    assert said == {
        "Title": "中华人民共和国二级建造师注册证书",
        "CreationDate": "2024-11-30",  # in China; the 29th elsewhere
        "Creator": "certificate-factory",
        "CreatorVersion": "1.0",
    }


def test_the_licence_id_and_what_else_is_given_have_the_names_that_are_wanted(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    usual = draw_ofd(new_face(), metadata={"证照类型": "甲&乙"})
    named = draw_ofd(new_face(), names=OfdNames(licence_id="licenceId"))

    assert custom(usual) == {"证照标识": LICENCE_ID, "证照类型": "甲&乙"}
    assert custom(named) == {"licenceId": LICENCE_ID}


def test_a_document_without_a_licence_id_says_none(fontbook: FontBook) -> None:
    members = drawn(lines(fontbook, "甲"))

    assert custom(members) == {}
    assert b"CustomDatas" not in members[0].data


def test_no_personal_data_is_outside_the_page_and_the_twin(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    members = by_name(draw_ofd(new_face(name="张三丰")))

    with_name = {name for name, data in members.items() if "张三丰".encode() in data}

    assert with_name == {"Doc_0/Pages/Page_0/Content.xml", f"Doc_0/Attachs/{TWIN}"}


def test_the_list_of_signatures_is_named_where_a_seal_has_its_place_and_not_elsewhere(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    sealed, never = draw_ofd(new_face()), draw_ofd(new_face(), signed=False)

    assert trees(sealed)["OFD.xml"].findtext(".//ofd:Signatures", "", OFD) == (
        "Doc_0/Signs/Signatures.xml"
    )
    assert trees(never)["OFD.xml"].find(".//ofd:Signatures", OFD) is None


def test_the_twin_is_a_hidden_attachment(new_face: NewFace, draw_ofd: DrawOfd) -> None:
    face = new_face()
    members = draw_ofd(face)

    (attachment,) = trees(members)["Doc_0/Attachs/Attachments.xml"]

    assert by_name(members)["Doc_0/Attachs/face.json"] == twin(face)
    assert dict(attachment.attrib) == {
        "ID": "a1",
        "Name": TWIN,
        "Format": "json",
        "CreationDate": "2024-11-30T00:03:04",
        "Visible": "false",
    }


def tagged(members: tuple[Member, ...]) -> dict[str, list[etree._Element]]:
    root = trees(members)["Doc_0/Tags/Tag_Face.xml"]
    return {each.get("Name", ""): list(each) for each in root}


def test_every_printed_field_is_tagged_with_the_objects_that_print_it(
    any_face: Face, place: Callable[[Face], Placed], draw_ofd: DrawOfd
) -> None:
    members, placed = draw_ofd(any_face), place(any_face)
    printed = {m.slot for m in placed.pages[0].filled if isinstance(m, Run)}

    tags = tagged(members)

    assert set(tags) == printed
    with ofdkit.open(packed(members)) as document:
        for slot, references in tags.items():
            parts = (document.page_by_id(each.get("PageRef", "")) for each in references)
            texts = [
                page.object_text(each.text or "")
                for page, each in zip(parts, references, strict=True)
                if page is not None
            ]
            assert "".join(filter(None, texts)) == placed.text(slot)


def test_a_field_that_wraps_is_tagged_with_all_its_lines(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    short, long = draw_ofd(new_face()), draw_ofd(new_face(enterprise=LONG_FIRM))

    assert len(tagged(short)["enterprise.name"]) == 1
    assert len(tagged(long)["enterprise.name"]) > 1


def test_the_tags_are_of_the_name_space_that_is_wanted(
    new_face: NewFace, draw_ofd: DrawOfd
) -> None:
    members = trees(draw_ofd(new_face(), names=OfdNames(tags="urn:example:face")))

    (listed,) = members["Doc_0/Tags/CustomTags.xml"]

    assert listed.get("NameSpace") == "urn:example:face"
    assert members["Doc_0/Tags/Tag_Face.xml"].tag == "{urn:example:face}Face"


def test_a_certificate_stays_small(new_face: NewFace, draw_ofd: DrawOfd, photo: bytes) -> None:
    """Room for the seal, which is in it twice, and its signature."""
    assert len(packed(draw_ofd(new_face()))) - len(photo) < 56_000
