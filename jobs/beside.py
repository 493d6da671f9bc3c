"""Beside each other (新旧对照): a certificate as it is and as it will be, on one picture.

What changes is framed on both pages and numbered; below stands what it says now and then.
"""

from __future__ import annotations

import io
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate

from PIL import Image, ImageDraw, ImageFont

from factory.contrast import Change, Sort, of_sort
from factory.page.fonts import FACES, WEN_KAI, FontBook, Style
from factory.page.marks import ASCENT, AUTHORITY_SEAL, MM_PER_PT, Code, Picture, Placed, Run
from jobs.bulk.samples import Now, Page, Sample
from jobs.contact import lay
from jobs.standing import EDITIONS

WIDTH_PX, MARGIN_PX, GAP_PX = 1900, 56, 48
PAGE_PX = (WIDTH_PX - 2 * MARGIN_PX - GAP_PX) // 2
A4 = 297 / 210
TITLE_PX, HEADING_PX, TEXT_PX, SMALL_PX = 34, 32, 23, 20
LINE = 1.5  #: of a text's size, from line to line
GROUND, INK, FADED, RULE = (246, 246, 243), (38, 38, 38), (112, 112, 108), (214, 214, 208)
EMPTY = (236, 236, 232)
CHANGED, ANEW, SEAL = (196, 72, 20), (118, 148, 180), (190, 60, 60)
PAD_MM = 1.0
DESCENT = 0.14  #: of a Chinese em box, below the baseline
ABSENT = "〓"  #: for a character that none of the installed faces has (JIS X 0208, 2-14)

NO_PICTURE = {
    Now.PAPER: ("现行证书为纸质证书", "本系统没有其电子文件"),
    Now.ELSEWHERE: ("现行证书由其他系统制作", "本系统没有其电子文件"),
    Now.NONE: ("尚未制作过证书",),
}
SOURCES = {
    Now.FILE: "存档文件原样",
    Now.FACE: "按制证数据重绘，未显示印章",
    Now.ORDERED: "尚未制作，按制证数据绘制",
}
COLUMNS = ((0, 56), (56, 300), (372, 690), (1086, 690))  #: left and width, from the margin

ALIKE = 0.4  #: of two values, from which on it is told where they differ
UNIT = re.compile(r"[0-9A-Za-z]+|.", re.S)  #: what differs as a whole
NOTHING = "无"

Box = tuple[float, float, float, float]  #: left, top, right, bottom
Rgb = tuple[int, int, int]


class Words:
    """Draws texts in the faces of the product, each character in the first that has it.

    files: the font files by name.
    """

    def __init__(self, files: Mapping[str, bytes], book: FontBook) -> None:
        self._files, self._book = files, book
        self._rows = {row.name: row for row in FACES[Style.KAI]}
        self._font = lru_cache(maxsize=32)(self._load)

    def width(self, text: str, size: int) -> float:
        """Of a line, in pixels."""
        return sum(font.getlength(part) for font, part in self._runs(text, size))

    def line(
        self, draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int,
        colour: Rgb, *, centred: bool = False, strong: Container[int] = (),
    ) -> None:  # fmt: skip
        """A line whose middle is at that height.

        strong: places of characters in the colour of changes.
        """
        x = at[0] - self.width(text, size) / 2 if centred else at[0]
        for place, (font, part) in enumerate(self._runs(text, size)):
            fill = CHANGED if place in strong else colour
            draw.text((x, at[1]), part, font=font, fill=fill, anchor="lm")
            x += font.getlength(part)

    def wrapped(self, text: str, size: int, width: float) -> list[str]:
        """The text in lines of at most that width; a break may stand anywhere."""
        lines = [""]
        for ch in text:
            if lines[-1] and self.width(lines[-1] + ch, size) > width:
                lines.append("")
            lines[-1] += ch
        return lines

    def _runs(self, text: str, size: int) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
        for ch in text:
            name = self._face(ch)
            yield self._font(name or WEN_KAI.name, size), ch if name else ABSENT

    def _face(self, ch: str) -> str | None:
        face = self._book.face_for(Style.KAI, ch)
        return face.name if face and face.name in self._rows else None

    def _load(self, name: str, size: int) -> ImageFont.FreeTypeFont:
        row = self._rows[name]
        return ImageFont.truetype(io.BytesIO(self._files[row.file]), size, index=row.index)


def beside(sample: Sample, words: Words) -> Image.Image:
    """Both pages with their headings, the changed places framed, and the changes below."""
    numbered = _numbered(sample.changes)
    top = MARGIN_PX + 2 * round(TITLE_PX * LINE) + round(HEADING_PX * LINE) + TEXT_PX
    height = round(PAGE_PX * A4)
    legend = _legend(sample, numbered, words)
    foot = MARGIN_PX + sum(high for high, _ in legend)
    sheet = Image.new("RGB", (WIDTH_PX, top + height + GAP_PX + foot), GROUND)
    _head(sheet, sample, words)
    for page, left in ((sample.now, MARGIN_PX), (sample.then, MARGIN_PX + PAGE_PX + GAP_PX)):
        _page(sheet, page, (left, top), sample, numbered, words)
    _place_of_seal(sheet, sample.then, (MARGIN_PX + PAGE_PX + GAP_PX, top), words)
    y = top + height + GAP_PX
    for high, row in legend:
        _row(sheet, row, y, high, words)
        y += high
    return sheet


def _numbered(changes: Sequence[Change]) -> dict[int, Change]:
    """What is no matter of course, counted from one."""
    there = of_sort(changes, Sort.PRINTED, Sort.TWIN, Sort.DESIGN)
    return dict(enumerate(there, start=1))


def _head(sheet: Image.Image, sample: Sample, words: Words) -> None:
    draw = ImageDraw.Draw(sheet)
    step = round(TITLE_PX * LINE)
    title = f"{sample.profile.title}　{sample.number}"
    words.line(draw, (MARGIN_PX, MARGIN_PX + step / 2), title, TITLE_PX, INK)
    formats = "、".join(each.upper() for each in sample.formats)
    made = f"将制作第 {sample.edition:03d} 版，格式 {formats}"
    about = f"{made}；本图仅供核对，未加盖印章，不具有证书效力"
    words.line(draw, (MARGIN_PX, MARGIN_PX + step * 1.4), about, SMALL_PX, FADED)
    y = MARGIN_PX + 2 * step + HEADING_PX / 2
    for left, heading, below in (
        (MARGIN_PX, "现在", _present(sample)),
        (MARGIN_PX + PAGE_PX + GAP_PX, "将来", "样张"),
    ):
        words.line(draw, (left, y), heading, HEADING_PX, INK)
        after = left + words.width(heading, HEADING_PX) + TEXT_PX
        words.line(draw, (after, y + 4), below, SMALL_PX, FADED)


def _present(sample: Sample) -> str:
    """The state of the present edition, and where its picture is from."""
    made = sample.state is not None and sample.known is not Now.ORDERED
    state = EDITIONS[sample.state].label if sample.state and made else ""
    return "　".join(filter(None, (state, SOURCES.get(sample.known, ""))))


# --- the pages --------------------------------------------------------------------------------


def _page(
    sheet: Image.Image, page: Page, at: tuple[int, int], sample: Sample,
    numbered: Mapping[int, Change], words: Words,
) -> None:  # fmt: skip
    if page.picture is None:
        _no_page(sheet, at, NO_PICTURE[sample.known], words)
        return
    lay(sheet, page.picture, at, PAGE_PX)
    if page.placed is None:
        return
    draw = ImageDraw.Draw(sheet)
    for change in of_sort(sample.changes, Sort.ANEW):
        for box in _boxes(page, change.field):
            draw.rounded_rectangle(_scaled(box, page.placed, at), 4, outline=ANEW, width=1)
    for number, change in numbered.items():
        for box in _boxes(page, change.field):
            _frame(draw, _scaled(box, page.placed, at), str(number), words)


def _no_page(sheet: Image.Image, at: tuple[int, int], lines: Iterable[str], words: Words) -> None:
    lay(sheet, Image.new("RGB", (PAGE_PX, round(PAGE_PX * A4)), EMPTY), at, PAGE_PX)
    draw, y = ImageDraw.Draw(sheet), at[1] + PAGE_PX * A4 / 2
    for text in lines:
        words.line(draw, (at[0] + PAGE_PX / 2, y), text, TEXT_PX, FADED, centred=True)
        y += TEXT_PX * LINE


def _frame(draw: ImageDraw.ImageDraw, box: Box, number: str, words: Words) -> None:
    """A thin frame with its number at the upper right corner."""
    draw.rounded_rectangle(box, 6, outline=CHANGED, width=3)
    _badge(draw, (box[2], box[1]), number, words)


def _badge(
    draw: ImageDraw.ImageDraw, middle: tuple[float, float], number: str, words: Words
) -> None:
    radius = SMALL_PX * 0.62
    x, y = middle
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=CHANGED)
    words.line(draw, (x, y), number, SMALL_PX - 3, (255, 255, 255), centred=True)


def _scaled(box: Box, placed: Placed, at: tuple[int, int], *, pad_mm: float = PAD_MM) -> Box:
    """In pixels of the sheet, with a little room around."""
    scale = PAGE_PX / placed.width_mm
    left, top, right, bottom = box
    return (
        at[0] + (left - pad_mm) * scale,
        at[1] + (top - pad_mm) * scale,
        at[0] + (right + pad_mm) * scale,
        at[1] + (bottom + pad_mm) * scale,
    )


def _boxes(page: Page, field: str) -> Iterator[Box]:
    """Where a field stands on the page, in millimetres; nothing if it has no place there."""
    assert page.placed is not None  # noqa: S101 - asked by the caller
    slot = "code" if field == "verify_url" else field
    first = page.placed.pages[0]
    runs = [each for each in first.filled if isinstance(each, Run) and each.slot == slot]
    if runs:
        yield _around(runs)
    for mark in first.filled:
        if isinstance(mark, Picture) and mark.role == slot:
            yield _square(mark.x_mm, mark.y_mm, mark.width_mm, mark.height_mm)
        elif isinstance(mark, Code) and mark.slot == slot:
            yield _square(mark.x_mm, mark.y_mm, mark.size_mm, mark.size_mm)
    lines = [_line(page.placed, text) for text in page.fixed.get(field, ())]
    if found := [run for line in lines for run in line]:
        yield _around(found)


def _line(placed: Placed, text: str) -> Sequence[Run]:
    """The fixed runs that print a text, one after the other; none if nothing does."""
    runs = [mark for mark in placed.pages[0].fixed if isinstance(mark, Run)]
    for start in range(len(runs)):
        printed = ""
        for end in range(start, len(runs)):
            printed += runs[end].text
            if printed == text:
                return runs[start : end + 1]
            if not text.startswith(printed):
                break
    return ()


def _around(runs: Sequence[Run]) -> Box:
    return (
        min(run.x_mm for run in runs),
        min(run.y_mm - ASCENT * run.size_pt * MM_PER_PT for run in runs),
        max(run.x_mm + run.width_mm for run in runs),
        max(run.y_mm + DESCENT * run.size_pt * MM_PER_PT for run in runs),
    )


def _square(x: float, y: float, width: float, height: float) -> Box:
    return (x, y, x + width, y + height)


def _place_of_seal(sheet: Image.Image, page: Page, at: tuple[int, int], words: Words) -> None:
    """A dashed circle where the seal will be."""
    box = page.placed.signature(AUTHORITY_SEAL) if page.placed else None
    if box is None or page.placed is None:
        return
    place = _square(box.x_mm, box.y_mm, box.width_mm, box.height_mm)
    left, top, right, bottom = _scaled(place, page.placed, at, pad_mm=0)
    draw = ImageDraw.Draw(sheet)
    for degrees in range(0, 360, 12):
        draw.arc((left, top, right, bottom), degrees, degrees + 7, fill=SEAL, width=2)
    words.line(
        draw, ((left + right) / 2, top + (bottom - top) * 0.8), "此处加盖印章", SMALL_PX, SEAL,
        centred=True,
    )  # fmt: skip


# --- what differs -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the legend.

    strong: places of the characters that differ.
    """

    text: str
    colour: Rgb = INK
    strong: frozenset[int] = frozenset()


Cells = Sequence[Cell]


def _legend(
    sample: Sample, numbered: Mapping[int, Change], words: Words
) -> list[tuple[int, Cells | str]]:
    """The rows below the pages, each with its height."""
    rows: list[Cells | str] = []
    if sample.changes and sample.known in NO_PICTURE:
        rows.append(f"{'，'.join(NO_PICTURE[sample.known])}；以下按登记簿现有内容对照。")
    if not sample.changes:
        rows.append(_uncompared(sample))
    elif not numbered:
        rows.append("除每个版本都重新编制的内容外，没有变化。")
    else:
        heads = ("", "变化的项目", "现在", "将来")
        rows.append(tuple(Cell(text=head, colour=FADED) for head in heads))
        rows += [_cells(number, change) for number, change in numbered.items()]
    if anew := "、".join(each.label for each in of_sort(sample.changes, Sort.ANEW)):
        rows.append(f"每个版本都重新编制（蓝色细框，样张所示仅为示意）：{anew}")
    return [(_high(row, words), row) for row in rows]


def _uncompared(sample: Sample) -> str:
    if sample.known in NO_PICTURE:
        told = "，".join(NO_PICTURE[sample.known])
        same = "无法逐项对照" if sample.known is Now.NONE else "与登记簿现有内容相比，没有变化"
        return f"{told}；{same}。"
    return "没有变化。"


def _cells(number: int, change: Change) -> Cells:
    notes = filter(None, (change.note, "仅机读信息" if change.sort is Sort.TWIN else ""))
    label = "".join((change.label, *(f"（{note}）" for note in notes)))
    gone, come = _differing(change.now, change.then)
    return (
        Cell(text=str(number), colour=CHANGED),
        Cell(text=label),
        Cell(text=change.now or NOTHING, strong=gone),
        Cell(text=change.then or NOTHING, strong=come),
    )


def _differing(now: str, then: str) -> tuple[frozenset[int], frozenset[int]]:
    """The places that one has and the other has not; none where little is alike.

    A number or a Latin word differs as a whole.
    """
    before, after = UNIT.findall(now), UNIT.findall(then)
    compared = SequenceMatcher(None, before, after, autojunk=False)
    if compared.ratio() < ALIKE:
        return frozenset(), frozenset()
    apart = [each for each in compared.get_opcodes() if each[0] != "equal"]
    gone = _places(before, [range(first, last) for _, first, last, _, _ in apart])
    come = _places(after, [range(first, last) for _, _, _, first, last in apart])
    return gone, come


def _places(units: Sequence[str], chosen: Iterable[range]) -> frozenset[int]:
    """Where the characters of the chosen units stand."""
    begins = list(accumulate(map(len, units), initial=0))
    spans = (range(begins[each.start], begins[each.stop]) for each in chosen)
    return frozenset(place for span in spans for place in span)


def _high(row: Cells | str, words: Words) -> int:
    if isinstance(row, str):
        return round(SMALL_PX * LINE) * len(_wrapped_note(row, words)) + TEXT_PX // 2
    cells = zip(row, COLUMNS, strict=True)
    lines = max(len(words.wrapped(cell.text, TEXT_PX, width)) for cell, (_, width) in cells)
    return round(TEXT_PX * LINE) * lines + TEXT_PX // 2


def _wrapped_note(text: str, words: Words) -> list[str]:
    return words.wrapped(text, SMALL_PX, WIDTH_PX - 2 * MARGIN_PX)


def _row(sheet: Image.Image, row: Cells | str, top: int, high: int, words: Words) -> None:
    draw = ImageDraw.Draw(sheet)
    if isinstance(row, str):
        for n, text in enumerate(_wrapped_note(row, words)):
            y = top + TEXT_PX // 2 + (n + 0.5) * SMALL_PX * LINE
            words.line(draw, (MARGIN_PX, y), text, SMALL_PX, FADED)
        return
    draw.line((MARGIN_PX, top + high, WIDTH_PX - MARGIN_PX, top + high), fill=RULE, width=1)
    for cell, (left, width) in zip(row, COLUMNS, strict=True):
        _cell(draw, cell, (MARGIN_PX + left, top), width, words)


def _cell(
    draw: ImageDraw.ImageDraw, cell: Cell, at: tuple[int, int], width: int, words: Words
) -> None:
    """Its lines below each other; a number is a badge."""
    begun, y = 0, at[1] + TEXT_PX // 4 + TEXT_PX * LINE / 2
    for line in words.wrapped(cell.text, TEXT_PX, width):
        if line.isdigit() and cell.colour == CHANGED:
            _badge(draw, (at[0] + SMALL_PX * 0.62, y), line, words)
        else:
            strong = {place - begun for place in cell.strong}
            words.line(draw, (at[0], y), line, TEXT_PX, cell.colour, strong=strong)
        begun, y = begun + len(line), y + TEXT_PX * LINE
