"""The application form's grid: the person above with the photo, one row a matter, the opinions.

Columns and rows follow the forms of the Shanghai and Gansu systems, A4 upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from factory.model import Party
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL, Align
from factory.page.rows import Cell, Field, Image, Opinion, Row, Stack, Table, Words
from factory.page.sheet import Wording

LABEL, FIRST, SECOND, LAST, PHOTO = 27.0, 35.0, 27.0, 48.0, 33.0  #: widths of the columns, mm
WIDTH = LABEL + FIRST + SECOND + LAST + PHOTO
HALF = (WIDTH - LABEL - SECOND) / 2  #: of two values that are equally long
PHOTO_MM = (25.0, 35.0)  #: a one-inch photo (一寸照)
SIGNATURE_MM = (35.0, 15.0)
TITLE_PT, SMALL_PT, FOOT_PT = 20.0, 10.5, 9.0
OPINION_GROWS_MM = 24.0
SPREAD_EM = 4  #: short labels are set as wide as 企业名称

#: Where each party signs: what it is called, the word, the field, the box in mm.
PLACES = {
    Party.APPLICANT: ("申请人意见", "签字：", APPLICANT_SIGN, (45.0, 18.0)),
    Party.ENTERPRISE: ("聘用企业意见", "盖章：", ENTERPRISE_SEAL, (42.0, 42.0)),
}

#: the signature field of each party
FIELDS = {party: field for party, (_, _, field, _) in PLACES.items()}

Label = tuple[str, ...]  #: the lines of a label
Pair = tuple[Label, str]  #: a label and the value beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What makes one form's grid differ from another's.

    person:   two rows of two pairs, beside the photo.
    rows:     the rows below, of one pair or two; first_mm: how wide the first of two values is.
    sections: what the application is about: the row grows, and may go on on the next page.
    opinions: the parties, and whether they sign into a field of the file.
    """

    title: str
    person: tuple[tuple[Pair, Pair], tuple[Pair, Pair]]
    rows: tuple[tuple[Pair, ...], ...]
    first_mm: float
    signature_sample: bool
    sections: tuple[Pair, ...]
    opinions: tuple[tuple[Party, bool], ...]
    wording: Wording


@lru_cache(maxsize=64)
def table(design: Design) -> Table:
    """The form's rows; drawn up once for all faces that share them."""
    return Table(
        title=design.title,
        rows=(
            _number(),
            _title(design.title),
            _person(design),
            *(_row(pairs, design.first_mm) for pairs in design.rows),
            *((_sample(),) if design.signature_sample else ()),
            *map(_section, design.sections),
            *(_opinion(party, signed) for party, signed in design.opinions),
        ),
        repeated=(_running(design.title), Row(min_height_mm=2.0, ruled=False)),
        foot=_foot(),
        wording=design.wording,
    )


def _number() -> Row:
    return Row(
        cells=(
            Words(width_mm=29.0, lines=("网上受理编号：",), size_pt=SMALL_PT, align=Align.LEFT),
            Field(width_mm=WIDTH - 29.0, name="number", size_pt=SMALL_PT, lines=1, min_size_pt=7),
        ),
        min_height_mm=6.0,
        ruled=False,
    )


def _title(title: str) -> Row:
    words = Words(width_mm=WIDTH, lines=(title,), size_pt=TITLE_PT, bold_mm=0.12)
    return Row(cells=(words,), min_height_mm=17.0, ruled=False)


def _running(title: str) -> Row:
    """The head of later pages."""
    return Row(
        cells=(
            Words(width_mm=WIDTH / 2, lines=(f"{title}（续）",), size_pt=FOOT_PT, align=Align.LEFT),
            Field(width_mm=WIDTH / 2, name="number", size_pt=FOOT_PT, wrap_below_pt=6,
                  min_size_pt=6, lines=1, align=Align.RIGHT),
        ),
        min_height_mm=7.0,
        ruled=False,
    )  # fmt: skip


def _foot() -> Row:
    return Row(
        cells=(
            Words(width_mm=25.0, lines=("表格生成时间：",), size_pt=FOOT_PT, align=Align.LEFT),
            Field(width_mm=80.0, name="made_at", size_pt=FOOT_PT, wrap_below_pt=FOOT_PT),
        ),
        min_height_mm=6.0,
        ruled=False,
    )


def _person(design: Design) -> Row:
    """Two rows beside the photo, together as high as it needs."""
    rows = tuple(
        Row(
            cells=(
                *_pair(first, FIRST, lines=3),
                *_pair(second, LAST, lines=3, label_mm=SECOND),
            )
        )
        for first, second in design.person
    )
    photo = Image(
        width_mm=PHOTO,
        role="photo",
        picture_width_mm=PHOTO_MM[0],
        picture_height_mm=PHOTO_MM[1],
        empty="照片",
    )
    return Row(cells=(Stack(rows=rows), photo))


def _row(pairs: tuple[Pair, ...], first_mm: float) -> Row:
    if len(pairs) == 1:
        return Row(cells=_pair(pairs[0], WIDTH - LABEL, lines=2))
    first, second = pairs
    rest = WIDTH - LABEL - first_mm - SECOND
    return Row(
        cells=(*_pair(first, first_mm, lines=2), *_pair(second, rest, lines=2, label_mm=SECOND))
    )


def _pair(pair: Pair, value_mm: float, *, lines: int, label_mm: float = LABEL) -> tuple[Cell, ...]:
    label, name = pair
    return (
        Words(width_mm=label_mm, lines=label, spread_em=SPREAD_EM),
        Field(width_mm=value_mm, name=name, lines=lines, required=False,
              align=Align.CENTRE if value_mm < WIDTH / 2 else Align.LEFT),
    )  # fmt: skip


def _sample() -> Row:
    """注册证书个人签名样式."""
    width, height = SIGNATURE_MM
    return Row(
        cells=(
            Words(width_mm=LABEL, lines=("注册证书", "个人签名样式")),
            Image(width_mm=WIDTH - LABEL, role="signature", picture_width_mm=width,
                  picture_height_mm=height),
        )
    )  # fmt: skip


def _section(pair: Pair) -> Row:
    label, name = pair
    return Row(
        cells=(
            Words(width_mm=LABEL, lines=label),
            Field(width_mm=WIDTH - LABEL, name=name, wrap_below_pt=11.0),
        ),
        min_height_mm=13.0,
        splits=True,
    )


def box_mm(party: Party) -> tuple[float, float]:
    """How wide and high a party's signature may be."""
    _, _, _, size = PLACES[party]
    return size


def opinion_slot(party: Party) -> str:
    """The name of a party's opinion."""
    return f"opinion.{party}"


def _opinion(party: Party, signed: bool) -> Row:
    label, word, signature, (width, height) = PLACES[party]
    return Row(
        cells=(
            Words(width_mm=LABEL, lines=(label,)),
            Opinion(
                width_mm=WIDTH - LABEL,
                name=opinion_slot(party),
                sign=word,
                signature=signature if signed else None,
                box_width_mm=width,
                box_height_mm=height,
            ),
        ),
        grows_mm=OPINION_GROWS_MM,
    )
