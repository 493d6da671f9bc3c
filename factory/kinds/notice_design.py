"""A notice of the authority: what it is about, its statement, the seal and the receipt."""

from __future__ import annotations

from functools import lru_cache

from factory.page.fonts import Style
from factory.page.marks import AUTHORITY_SEAL, Align
from factory.page.rows import Cell, Field, Row, Sealed, Table, Words
from factory.page.sheet import Wording

LABEL_MM, WIDTH_MM = 30.0, 170.0
SEAL_MM, LINES_MM = 42.0, 78.0
TITLE_PT, TEXT_PT, NOTE_PT = 22.0, 14.0, 10.5
#: Without 。 and 、, which the Song face sets in the middle of their square.
COPIES = "（本通知书一式两份，申请人和受理机关各执一份）"


@lru_cache(maxsize=32)
def table(title: str, with_professions: bool, wording: Wording) -> Table:
    """The rows of a notice of that title."""
    return Table(
        title=title,
        rows=(
            _number(),
            Row(
                cells=(Words(width_mm=WIDTH_MM, lines=(title,), size_pt=TITLE_PT, bold_mm=0.14),),
                min_height_mm=26.0,
                ruled=False,
            ),
            _line("申请人", "applicant"),
            _two("联系人", "contact", "联系电话", "phone"),
            _line("聘用企业", "enterprise"),
            _two("申请事项", "matter", "申请日期", "applied_on"),
            *((_line("申请专业", "professions"),) if with_professions else ()),
            _line("网上受理编号", "number"),
            _line("法律依据", "legal_basis"),
            _gap(6.0, grows_mm=6.0),
            _statement(),
            _gap(8.0, grows_mm=20.0),
            _seal(),
            _gap(8.0, grows_mm=24.0),
            _receipt(),
            _note(),
        ),
        wording=wording,
    )


def _number() -> Row:
    number = Field(
        width_mm=WIDTH_MM, name="notice_number", size_pt=12, lines=1, align=Align.RIGHT,
        style=Style.SONG,
    )  # fmt: skip
    return Row(cells=(number,), min_height_mm=8.0, ruled=False)


def _label(text: str) -> Words:
    return Words(width_mm=LABEL_MM, lines=(text,), spread_em=4)


def _line(label: str, name: str) -> Row:
    return Row(cells=(_label(label), Field(width_mm=WIDTH_MM - LABEL_MM, name=name, lines=2)))


def _two(label: str, name: str, other: str, beside: str) -> Row:
    rest = WIDTH_MM / 2 - LABEL_MM
    return Row(cells=(*_half(label, name, rest), *_half(other, beside, rest)))


def _half(label: str, name: str, width_mm: float) -> tuple[Cell, Cell]:
    return _label(label), Field(width_mm=width_mm, name=name, lines=2, required=False)


def _gap(height_mm: float, grows_mm: float) -> Row:
    return Row(min_height_mm=height_mm, grows_mm=grows_mm, ruled=False)


def _statement() -> Row:
    text = Field(
        width_mm=WIDTH_MM, name="statement", size_pt=TEXT_PT, wrap_below_pt=TEXT_PT, indent=True
    )
    return Row(cells=(text,), ruled=False)


def _seal() -> Row:
    seal = Sealed(
        width_mm=WIDTH_MM, name="authority", signature=AUTHORITY_SEAL, seal_mm=SEAL_MM,
        lines_width_mm=LINES_MM, size_pt=TEXT_PT,
    )  # fmt: skip
    return Row(cells=(seal,), ruled=False)


def _receipt() -> Row:
    """Filled in by pen when the notice is handed over."""
    rest = WIDTH_MM / 2 - LABEL_MM
    return Row(
        cells=(
            _label("签收人"),
            Words(width_mm=rest, lines=("",)),
            _label("签收日期"),
            Words(width_mm=rest, lines=("年　　月　　日",), size_pt=12),
        ),
        min_height_mm=14.0,
    )


def _note() -> Row:
    words = Words(width_mm=WIDTH_MM, lines=(COPIES,), size_pt=NOTE_PT, align=Align.LEFT)
    return Row(cells=(words,), min_height_mm=9.0, ruled=False)
