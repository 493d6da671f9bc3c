"""The words of a page: marks and slots of a Sheet, and the placed marks that writers draw.

Origin: the page's top left corner, millimetres, y downwards, as in OFD (GB/T 33190-2016);
a PDF writer turns it over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from factory.page import qr
from factory.page.fonts import Face, Style

MM_PER_PT = 25.4 / 72
ASCENT = 0.88  #: of a Chinese em box, above the baseline; the same for every face

Colour = tuple[int, int, int]  #: sRGB, 0 to 255 each
Matrix = tuple[float, float, float, float, float, float]  #: a b c d e f: x' = ax + cy + e
Value = str | tuple[str, ...]  #: one line, or paragraphs

BLACK: Colour = (0, 0, 0)
TWIN = "face.json"  #: the machine-readable twin (照面信息), the only file a document carries
IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)

#: Names of signature fields; none begins with another, for they are told apart by their beginnings
#: (FieldMDP, ISO 32000-1, 12.8.2.4, as some readers take it).
AUTHORITY_SEAL = "AuthoritySeal"  #: 发证机关
APPLICANT_SIGN = "ApplicantSign"  #: 申请人
ENTERPRISE_SEAL = "EnterpriseSeal"  #: 聘用企业
SIGNATURES = (AUTHORITY_SEAL, APPLICANT_SIGN, ENTERPRISE_SEAL)


class Align(StrEnum):
    """Where a line stands in its box."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A fixed line of text.

    x_mm, y_mm: the baseline's left end (or centre or right end, by ``align``).
    spread_mm:  set the characters apart to this width: 姓　　名 as wide as 出生日期.
    bold_mm:    outline of this width around the glyphs, for a heavier line.
    """

    text: str
    x_mm: float
    y_mm: float
    size_pt: float
    style: Style = Style.SONG
    colour: Colour = BLACK
    align: Align = Align.LEFT
    spread_mm: float | None = None
    bold_mm: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """A vector figure; equal only to itself, so that it is cheap to look up.

    data:   ``M x y``, ``L x y``, ``B x1 y1 x2 y2 x3 y3``, ``C`` (close), as in OFD's
            AbbreviatedData (GB/T 33190-2016, 9.1).
    copies: where the figure is drawn; a tile repeated costs little in a file.
    """

    data: str
    stroke: Colour | None = None
    fill: Colour | None = None
    width_mm: float = 0.1
    copies: tuple[Matrix, ...] = (IDENTITY,)


FixedMark = Text | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSlot:
    """Where one value is printed.

    name:        the field as errors name it, e.g. ``enterprise.name``.
    x_mm, y_mm:  the box's top left corner; the first baseline lies ``ASCENT`` of ``size_pt``
                 below it however small the text is set, so that it stays level with a label.
    wrap_below_pt: a line that would become smaller than this is wrapped instead.
    leading:     distance of two lines of one paragraph, in ems.
    pitch_mm:    distance of two paragraphs' first lines, where there is room for it.
    required:    an absent or empty value is refused.
    """

    name: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    size_pt: float
    min_size_pt: float
    wrap_below_pt: float
    max_lines: int = 1
    leading: float = 1.3
    pitch_mm: float = 0.0
    align: Align = Align.LEFT
    style: Style = Style.KAI
    colour: Colour = BLACK
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSlot:
    """Where a picture of a role (``photo``) is printed, whole and in proportion of the box."""

    role: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSlot:
    """Where a QR code is printed, its quiet zone of four modules inside the box.  GB/T 18284."""

    name: str
    x_mm: float
    y_mm: float
    size_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSlot:
    """Where a signature's or a seal's picture will stand; a writer draws nothing there.

    name: of the signature's field, one of ``SIGNATURES``.
    """

    name: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


Slot = TextSlot | PictureSlot | CodeSlot | SignatureSlot


def slot_name(slot: Slot) -> str:
    """Which value or signature it is for."""
    return slot.role if isinstance(slot, PictureSlot) else slot.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The fixed words of a document that is about one thing.

    templates: texts as they are before names are filled in; what people typed is not in them.
    strange:   words that belong to another type or occupation (职业).
    """

    templates: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()


SPEAKS_FREELY = Wording()  #: of nothing in particular


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """One page's design: what is always printed, and where values go.

    Drawn up once and kept: equal only to itself, so that what is made of it is found quickly.
    """

    title: str
    width_mm: float
    height_mm: float
    marks: tuple[FixedMark, ...]
    slots: tuple[Slot, ...]
    wording: Wording = SPEAKS_FREELY

    @property
    def words(self) -> Iterator[str]:
        """Every fixed text."""
        return (mark.text for mark in self.marks if isinstance(mark, Text))

    @property
    def wanted(self) -> frozenset[str]:
        """The names of all values and signatures that have a place."""
        return frozenset(map(slot_name, self.slots))

    def slot(self, name: str) -> TextSlot:
        """The text slot of that name.  KeyError: there is none."""
        for slot in self.slots:
            if isinstance(slot, TextSlot) and slot.name == name:
                return slot
        raise KeyError(name)


class Run(NamedTuple):
    """Characters of one face on one baseline, x_mm its left end; a tuple, as they are made often.

    slot: the text slot it fills, None for a fixed label.
    """

    face: Face
    text: str
    x_mm: float
    y_mm: float
    width_mm: float
    size_pt: float
    colour: Colour = BLACK
    bold_mm: float = 0.0
    slot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture by its role; the bytes are handed to the writer."""

    role: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A QR symbol without its quiet zone; side and bits as in ``qr.Symbol``."""

    slot: str
    content: str
    side: int
    bits: bytes = field(repr=False)
    x_mm: float
    y_mm: float
    size_mm: float

    @property
    def rows(self) -> tuple[bytes, ...]:
        """The modules from the top, one byte a module, 1 is dark."""
        return qr.rows(self.side, self.bits)


Filled = Run | Picture | Code  #: what a document has of its own
PlacedMark = Filled | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureBox:
    """Where a signature or a seal goes, on which page (from 0), from its top left corner.

    name: of the signature's field, one of ``SIGNATURES``; none is a prefix of another.
    """

    name: str
    page: int
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Marks in drawing order: first what every document of the sheet shares, then its own.

    slots: the places the values went to; on a later page a repeated one is called ``name@page``.
    """

    fixed: tuple[Run | Path, ...]
    filled: tuple[Filled, ...]
    slots: tuple[Slot, ...] = ()

    @property
    def marks(self) -> tuple[PlacedMark, ...]:
        """All of them, in drawing order."""
        return self.fixed + self.filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One document with every mark in its place."""

    title: str
    width_mm: float
    height_mm: float
    pages: tuple[Page, ...]
    signatures: tuple[SignatureBox, ...] = ()

    def signature(self, name: str) -> SignatureBox | None:
        """The box of that name, None where the document has none."""
        return next((box for box in self.signatures if box.name == name), None)

    def text(self, slot: str) -> str:
        """What stands in a text slot, lines joined without a break."""
        runs = (mark for page in self.pages for mark in page.filled if isinstance(mark, Run))
        return "".join(run.text for run in runs if run.slot == slot)
