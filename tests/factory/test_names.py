"""Names as people have them: printed as given and found as given, or held with the code point.

The printed ones are looked at twice: poppler reads the name's place on the page, and every
character has left ink of its own there.
"""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from factory import events
from factory.kinds import certificate
from factory.page.fonts import FontBook, code_point
from factory.page.marks import MM_PER_PT
from factory.page.sheet import Placed, Run, TextSlot
from factory.profile import Profile

Face = dict[str, object]
NewFace = Callable[..., Face]
Place = Callable[[Face], Placed]
DrawPdf = Callable[[Face], bytes]
Read = Callable[[bytes], str]

DPI = 288  #: four pixels a point
PX_PER_MM = DPI / 25.4
INK = 128  #: of 255, and darker
UNDERLINED = 0.2  #: of the em, below the baseline, where marks may hang
NARROW_PX = 2
AROUND_MM = 2.0

RARE = "㛃㜣㴓䶮𬀩𬍛𡶛𠅤𬭎𫍯𪩘𬬮䒟㼆𤩽𠃓𣲘𬎆𫖯𬇕𪣻㑇"  #: of given names in 2024
PRINTED = {
    **{f"rare {code_point(ch)}": f"李{ch}" for ch in RARE},
    "of the basic plane": "张三丰",
    "a surname of two": "欧阳𬭎",
    "zero": "王〇",
    "of extension G": "王\U00030003",
    "Uyghur": "阿卜杜热合曼·买买提",
    "Tibetan": "扎西·旺堆",
    "with a bullet": "买买提•吐尔逊",
    "with a hyphenation point": "买买提‧吐尔逊",
    "with a katakana dot": "买买提・吐尔逊",
    "with a fullwidth stop": "买买提．吐尔逊",
    "with a bullet operator": "买买提∙吐尔逊",
    "Latin": "José Núñez",
    "Latin of Turkey": "Ayşe Gülçın Şahiner",
    "Latin of the Balkans": "Žarko Đorđević",
    "Latin of Viet Nam": "Nguyễn Thị Hương",
    "with an apostrophe": "O’Neil D'Arcy",
    "Cyrillic": "Юрий Ёлкин",
    "fullwidth letters": "ＡＢＣ张",
    "Korean, composed": "김철수",
    "kana": "やまだ エミ",
    "compatibility ideographs": "﨎﨏﨑",
    "compatibility ideographs that NFC would fold": "\uf92c\ufa10\U0002f800",
}  # fmt: skip
HELD = {
    "private use": ("王\ue0c5", "U+E0C5"),
    "private use of plane 15": ("王\U000f0001", "U+F0001"),
    "an ideographic variation": ("葛\U000e0100", "U+E0100"),
    "a standardised variation": ("﨎\ufe00", "U+FE00"),
    "a mark without a composed form": ("M\u0304a", "U+0304"),
    "a second mark": ("Ở\u0323\u0329", "U+0329"),
    "a mark on an ideograph": ("王\u0301", "U+0301"),
    "of extension I": ("王\U0002ebf0", "U+2EBF0"),
    "Tibetan script": ("བཀྲ", "U+0F56"),
    "Arabic script": ("محمد", "U+0645"),
    "Mongolian script": ("ᠮᠣᠩ", "U+182E"),
    "Korean of old, which does not compose": ("\u1105\u119e", "U+1105"),
    "left by a broken decoding": ("王\ufffd", "U+FFFD"),
}


@pytest.fixture
def read(absent: Callable[[str], None], tmp_path: Path, slot: TextSlot) -> Read:
    """What poppler finds in the name's place."""
    place = [round(value / MM_PER_PT) for value in (slot.x_mm, slot.y_mm)]
    size = [round(value / MM_PER_PT) for value in (slot.width_mm, slot.height_mm)]
    words = zip(("-x", "-y", "-W", "-H"), map(str, place + size), strict=True)
    crop = [word for pair in words for word in pair]

    def run(data: bytes) -> str:
        if shutil.which("pdftotext") is None:
            absent("pdftotext: apt-get install poppler-utils")
        path = tmp_path / "document.pdf"
        path.write_bytes(data)
        command = ["pdftotext", "-layout", *crop, str(path), "-"]
        found = subprocess.run(command, check=True, capture_output=True).stdout
        return found.decode("utf-8").strip("\n\f")

    return run


@pytest.fixture
def slot(shanghai: Profile, new_face: NewFace) -> TextSlot:
    slots = certificate.sheet(shanghai, new_face()).slots
    return next(s for s in slots if isinstance(s, TextSlot) and s.name == "holder.name")


@pytest.mark.parametrize("name", PRINTED.values(), ids=PRINTED.keys())
def test_a_name_is_found_in_its_place_exactly_as_given(
    new_face: NewFace, draw_pdf: DrawPdf, read: Read, name: str
) -> None:
    assert read(draw_pdf(new_face(name=name))) == name


def test_a_name_spread_by_a_wide_space_is_found_with_a_space(
    new_face: NewFace, draw_pdf: DrawPdf, read: Read
) -> None:
    """A reader tells the width of a space from the gap alone."""
    assert read(draw_pdf(new_face(name="张\u3000丰"))).split() == ["张", "丰"]


@pytest.mark.parametrize("name", PRINTED.values(), ids=PRINTED.keys())
def test_every_character_of_a_name_leaves_ink_of_its_own(
    new_face: NewFace, place: Place, draw_pdf: DrawPdf, page_of: Callable[[bytes], Image.Image],
    name: str,
) -> None:  # fmt: skip
    face = new_face(name=name)

    page = page_of(draw_pdf(face))

    cells = {ch: page.crop(box) for ch, box in boxes(place(face)) if not ch.isspace()}
    assert set(cells) == set(name) - {" "}
    assert all(darkest(cell) < INK for cell in cells.values())
    assert len({cell.tobytes() for cell in cells.values()}) == len(cells)  # no box of .notdef


@pytest.fixture
def page_of(
    absent: Callable[[str], None], tmp_path: Path, slot: TextSlot
) -> Callable[[bytes], Image.Image]:
    """The first page, white but for the name's place and what is around it, rendered by poppler."""
    left, top = (round((mm - AROUND_MM) * PX_PER_MM) for mm in (slot.x_mm, slot.y_mm))
    across, down = (
        round((mm + 2 * AROUND_MM) * PX_PER_MM) for mm in (slot.width_mm, slot.height_mm)
    )
    crop = ["-x", str(left), "-y", str(top), "-W", str(across), "-H", str(down)]

    def render(data: bytes) -> Image.Image:
        if shutil.which("pdftoppm") is None:
            absent("pdftoppm: apt-get install poppler-utils")
        path = tmp_path / "document.pdf"
        path.write_bytes(data)
        words = ["pdftoppm", "-r", str(DPI), "-gray", "-singlefile", *crop, str(path)]
        done = subprocess.run(words, check=True, capture_output=True)
        page = Image.new("L", (left + across, top + down), 255)
        page.paste(Image.open(BytesIO(done.stdout)), (left, top))
        return page

    return render


def boxes(placed: Placed) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Each character of the name with its cell on the rendered page."""
    runs = (mark for mark in placed.pages[0].filled if isinstance(mark, Run))
    for run in (run for run in runs if run.slot == "holder.name"):
        em_mm, x = run.size_pt * MM_PER_PT, run.x_mm
        for ch in run.text:
            width = run.face.advance(ch) * em_mm
            top, foot = run.y_mm - em_mm, run.y_mm + UNDERLINED * em_mm
            edges = (x * PX_PER_MM, top * PX_PER_MM, (x + width) * PX_PER_MM, foot * PX_PER_MM)
            yield ch, (int(edges[0]), int(edges[1]), int(edges[2]) + NARROW_PX, int(edges[3]))
            x += width


def darkest(picture: Image.Image) -> int:
    lowest, _ = picture.getextrema()
    assert isinstance(lowest, int)
    return lowest


@pytest.mark.parametrize(("name", "point"), HELD.values(), ids=HELD.keys())
def test_a_name_that_cannot_be_printed_right_is_named_by_its_code_point(
    fontbook: FontBook, name: str, point: str
) -> None:
    """As intake takes it in, which composes what can be composed."""
    assert point in fontbook.unprintable(taken(name))


def test_a_name_of_decomposed_letters_is_composed_and_printed(fontbook: FontBook) -> None:
    """The nearest to marks that are held: these have a composed form."""
    assert taken("Nu\u0301n\u0303ez") == "Núñez"
    assert taken("\u1100\u1175\u11b7") == "김"
    assert fontbook.unprintable(taken("Nu\u0301n\u0303ez\u1100\u1175\u11b7")) == ()


@pytest.mark.parametrize("name", PRINTED.values(), ids=PRINTED.keys())
def test_intake_keeps_a_name_as_it_is_given(name: str) -> None:
    """No dot, letter or ideograph becomes a look-alike of it."""
    assert taken(name) == name


def taken(name: str) -> str:
    """The name as an event gives it."""
    event = copy.deepcopy(events.example("registration.approved"))
    event["data"]["holder"]["name"] = name
    data = events.parse(json.dumps(event).encode()).data
    assert isinstance(data, events.RegistrationApproved)
    return data.holder.name
