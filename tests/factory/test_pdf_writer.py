"""The PDF writer, judged by other programs than the one that wrote the file."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
import zxingcpp
from PIL import Image

from factory.errors import PictureError
from factory.page.fonts import FontBook
from factory.page.sheet import Placed, Sheet, TextSlot, layout
from factory.versions import Versions
from factory.writers.pdf import draw

Face = dict[str, object]
NewFace = Callable[..., Face]
DrawPdf = Callable[[Face], bytes]
Tool = Callable[..., bytes]

CREATED = datetime(2024, 11, 30, 2, 3, 4, tzinfo=UTC)
RENDER_DPI = 60
FONT_ROW = re.compile(r"^\S+\s+CID TrueType\s+Identity-H\s+(\w+) (\w+) (\w+)", re.M)


@pytest.fixture
def tool(absent: Callable[[str], None], tmp_path: Path) -> Tool:
    """Runs a program on a PDF: ``tool(data, "pdftotext", "-layout", "{}", "-")``."""

    def run(data: bytes, program: str, *words: str) -> bytes:
        if shutil.which(program) is None:
            absent(f"{program}: apt-get install poppler-utils qpdf")
        path = tmp_path / "document.pdf"
        path.write_bytes(data)
        command = [program, *(word.format(path) for word in words)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    return run


@pytest.fixture
def render(tool: Tool) -> Callable[[bytes, int], Image.Image]:
    """The first page as a picture."""

    def make(data: bytes, dpi: int) -> Image.Image:
        png = tool(data, "pdftoppm", "-r", str(dpi), "-png", "-singlefile", "{}")
        return Image.open(BytesIO(png)).convert("RGB")

    return make


def words_of(tool: Tool, data: bytes) -> str:
    return tool(data, "pdftotext", "-layout", "{}", "-").decode("utf-8")


@pytest.mark.parametrize("name", ["张三丰", "欧阳𬭎", "阿卜杜热合曼·买买提", "王\U00030003"])
def test_a_name_is_found_in_the_text_of_the_file(
    new_face: NewFace, draw_pdf: DrawPdf, tool: Tool, name: str
) -> None:
    """Also beyond the basic plane, where reportlab's own fonts give another character."""
    assert name in words_of(tool, draw_pdf(new_face(name=name)))


def test_every_value_is_found_in_the_text_of_the_file(
    new_face: NewFace, draw_pdf: DrawPdf, tool: Tool
) -> None:
    words = words_of(tool, draw_pdf(new_face(professions=6)))

    assert words.count("（有效期：2024-11-30至2027-11-29）") == 6
    for value in ("沪2312016201800057", "上海测试建设集团有限公司", "2024年11月30日"):
        assert value in words


def test_all_fonts_are_embedded_subsets_with_text_maps(
    new_face: NewFace, draw_pdf: DrawPdf, tool: Tool
) -> None:
    listed = tool(draw_pdf(new_face(name="王\U00030003")), "pdffonts", "{}").decode()

    rows = FONT_ROW.findall(listed)
    assert len(rows) == len(listed.splitlines()) - 2 == 3  # Song, Kai and a fallback
    assert set(rows) == {("yes", "yes", "yes")}


def test_a_program_of_another_maker_finds_no_fault(
    new_face: NewFace, draw_pdf: DrawPdf, tool: Tool
) -> None:
    assert b"No syntax or stream encoding errors" in tool(
        draw_pdf(new_face()), "qpdf", "--check", "{}"
    )


def test_every_stream_ends_with_a_line_end(new_face: NewFace, draw_pdf: DrawPdf) -> None:
    data = draw_pdf(new_face())

    ends = [found.start() for found in re.finditer(rb"endstream", data)]
    assert len(ends) >= 6
    assert all(data[end - 1 : end] == b"\n" for end in ends)


def test_equal_input_gives_equal_bytes(new_face: NewFace, draw_pdf: DrawPdf) -> None:
    assert draw_pdf(new_face()) == draw_pdf(new_face())


def test_another_name_gives_other_bytes(new_face: NewFace, draw_pdf: DrawPdf) -> None:
    assert draw_pdf(new_face(name="张三丰")) != draw_pdf(new_face(name="张三平"))


def test_the_qr_code_is_read_from_the_rendered_page(
    new_face: NewFace, draw_pdf: DrawPdf, render: Callable[[bytes, int], Image.Image]
) -> None:
    found = zxingcpp.read_barcodes(render(draw_pdf(new_face()), 110))

    assert [code.text for code in found] == ["https://verify.example/v/K7QF2M9XTR4B8HWN3CVD"]


def test_the_photo_is_in_the_file_byte_for_byte(
    new_face: NewFace, draw_pdf: DrawPdf, photo: bytes
) -> None:
    with pikepdf.open(BytesIO(draw_pdf(new_face()))) as pdf:
        pictures = [
            each.read_raw_bytes()
            for each in pdf.objects
            if isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Image"
        ]

    assert pictures == [photo]


@pytest.mark.parametrize("picture", [b"", b"\x89PNG\r\n\x1a\n"])
def test_a_photo_that_is_missing_or_no_jpeg_is_refused(
    new_face: NewFace, place: Callable[[Face], Placed], picture: bytes
) -> None:
    with pytest.raises(PictureError, match=r"^photo"):
        draw(place(new_face()), {"photo": picture}, title="", created=CREATED)


def test_the_file_says_what_it_is_and_when_it_was_made(
    new_face: NewFace, draw_pdf: DrawPdf
) -> None:
    face = new_face()

    with pikepdf.open(BytesIO(draw_pdf(face))) as pdf:
        info, language = pdf.docinfo, str(pdf.Root.Lang)

    assert str(info["/Title"]) == "中华人民共和国二级建造师注册证书"
    assert str(info["/Keywords"]) == f"证照标识:{face['licence_id']}"
    assert str(info["/CreationDate"]) == "D:20241130100304+08'00'"
    assert language == "zh-CN"


def test_no_personal_data_is_outside_the_page(new_face: NewFace, draw_pdf: DrawPdf) -> None:
    with pikepdf.open(BytesIO(draw_pdf(new_face(name="张三丰")))) as pdf:
        assert not any("张三丰" in str(value) for value in pdf.docinfo.values())


def test_a_text_of_many_characters_keeps_its_text_map_in_blocks_of_a_hundred(
    fontbook: FontBook, tool: Tool
) -> None:
    text = "".join(chr(0x4E00 + n) for n in range(300))
    slot = TextSlot(
        name="text", x_mm=5, y_mm=5, width_mm=190, height_mm=200, size_pt=10, min_size_pt=6,
        wrap_below_pt=10, max_lines=20,
    )  # fmt: skip
    sheet = Sheet(title="", width_mm=210, height_mm=297, marks=(), slots=(slot,))

    data = draw(layout(sheet, {"text": text}, fontbook), {}, title="", created=CREATED)

    assert "".join(words_of(tool, data).split()) == text
    with pikepdf.open(BytesIO(data)) as pdf:
        maps = [bytes(o.ToUnicode.read_bytes()) for o in pdf.objects if "/ToUnicode" in keys_of(o)]
    assert re.findall(rb"(\d+) beginbfchar", maps[0]) == [b"100", b"100", b"100"]


def keys_of(thing: pikepdf.Object) -> set[str]:
    return set(thing.keys()) if isinstance(thing, pikepdf.Dictionary) else set()


def test_a_certificate_without_photo_stays_small(
    new_face: NewFace, place: Callable[[Face], Placed]
) -> None:
    """Room for a photo, the seal and its signature in 64 kB and less."""
    data = draw(place(new_face(photo=None)), {}, title="", created=CREATED)

    assert len(data) < 41_000


@pytest.mark.parametrize(
    "name", ["one-profession", "everything-long", "cost-engineer-2021", "cost-engineer-2024"]
)
def test_the_page_looks_as_agreed(
    new_face: NewFace,
    draw_pdf: DrawPdf,
    render: Callable[[bytes, int], Image.Image],
    golden_picture: Callable[[str, Image.Image], None],
    engineers: Versions,
    name: str,
) -> None:
    """Golden: ``pytest --renew-golden`` writes it anew."""
    old, new = engineers.all
    faces = {
        "one-profession": new_face(),
        "everything-long": new_face(
            name="阿卜杜热合曼·买买提吐尔逊·阿卜杜克里木江",
            professions=6,
            enterprise="上海市浦东新区" + "超长名称测试建设工程" * 4 + "集团股份有限公司第一分公司",
        ),
        "cost-engineer-2021": new_face(profile=old),
        "cost-engineer-2024": new_face(profile=new),
    }

    page = render(draw_pdf(faces[name]), RENDER_DPI)

    golden_picture(f"certificate-{name}.png", page)


def test_a_page_with_another_name_does_not_look_as_agreed(
    new_face: NewFace,
    draw_pdf: DrawPdf,
    render: Callable[[bytes, int], Image.Image],
    golden_picture: Callable[[str, Image.Image], None],
    pytestconfig: pytest.Config,
) -> None:
    """The comparison is sharp enough to see one character, and blind to nothing but shades."""
    if pytestconfig.getoption("--renew-golden"):
        pytest.skip("would overwrite the agreed picture")
    page = render(draw_pdf(new_face(name="李三丰")), RENDER_DPI)

    with pytest.raises(AssertionError):
        golden_picture("certificate-one-profession.png", page)
