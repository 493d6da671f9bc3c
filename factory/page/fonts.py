"""Faces (字体): what they cover, how wide they set it, and who prints what they lack.

Pure: whoever starts the process reads the files of ``FACES`` and hands their bytes to
``assemble``.  Text is set one code point, one glyph, without shaping: it is brought into NFC
when an event is taken in, and what then still needs shaping or hides (combining marks,
variation selectors, joiners) is refused like a character no face has, never printed wrong.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from itertools import groupby

import uharfbuzz as hb

from factory.errors import SettingsError

#: Never printed, whatever a face says: controls, formats (joiners, direction), private use
#: (planes 15 and 16 too), surrogates, line and paragraph separators, combining marks and
#: variation selectors.  Unassigned is not among them: a face may be newer than the table.
REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Mn", "Mc", "Me"})
#: Set one code point, one glyph, these come out wrong: right to left, and letters that join.
RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})  # Unicode Standard Annex 9
JOINING = (
    range(0x1100, 0x1200), range(0xA960, 0xA980), range(0xD7B0, 0xD800),  # conjoining Hangul
    range(0x1800, 0x18B0), range(0x11660, 0x11680),  # Mongolian (蒙古文)
    range(0xA840, 0xA880),  # Phags-pa (八思巴文)
)  # fmt: skip
#: Unicode Technical Standard 51: what fonts of characters draw in outline, and no name has.
PICTOGRAPHS = (range(0x1F000, 0x1FB00),)
REFUSALS = {
    "Co": "private use (造字区): bring the character itself",
    "Mn": "combining mark or variation selector",
    "Mc": "combining mark or variation selector",
    "Me": "combining mark or variation selector",
}
REPLACEMENT = "�"  #: left behind by a broken decoding upstream

LONGEST_NAME = 63  #: of a PostScript name, Adobe Technical Note 5902
NAMELESS = "Added"  #: a font without a name in Latin letters
NAME_IDS = (6, 4, 1)  #: PostScript name, full name, family: ISO/IEC 14496-22, name

#: All that a page needs of a TrueType font embedded by glyph number (ISO 32000-1, 9.9).
EMBEDDED_TABLES = frozenset({"head", "hhea", "maxp", "hmtx", "loca", "glyf"})
#: What a font says of itself beside them, for readers that take nothing without it.
DESCRIBING_TABLES = frozenset({"OS/2", "post"})


Point = tuple[float, float]


class Style(StrEnum):
    """Which chain of faces sets a text."""

    SONG = "song"  #: 宋体, fixed labels
    KAI = "kai"  #: 楷体, what differs from document to document


@dataclass(frozen=True, slots=True, kw_only=True)
class FontFile:
    """One face on disk.

    file:    name of the file, searched for by whoever starts the process.
    index:   number of the face in a collection (.ttc), else 0.
    package: the Debian package that brings it.
    """

    name: str
    file: str
    index: int = 0
    package: str


WEN_KAI = FontFile(name="LXGWWenKai", file="LXGWWenKai-Regular.ttf", package="fonts-lxgw-wenkai")
UMING = FontFile(name="UMingCN", file="uming.ttc", package="fonts-arphic-uming")
HANA_A = FontFile(name="HanaMinA", file="HanaMinA.ttf", package="fonts-hanazono")
HANA_B = FontFile(name="HanaMinB", file="HanaMinB.ttf", package="fonts-hanazono")
BABEL_STONE = FontFile(
    name="BabelStoneHan", file="BabelStoneHan.ttf", package="fonts-babelstone-han"
)

#: Each style's chain, first choice first; only TrueType outlines, which every writer embeds.
FACES: Mapping[Style, tuple[FontFile, ...]] = {
    Style.SONG: (UMING, HANA_A, HANA_B, BABEL_STONE),
    Style.KAI: (WEN_KAI, HANA_A, HANA_B, BABEL_STONE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """The glyphs of one text, as an unhinted TrueType font without a character map.

    glyphs: character -> its glyph number in ``data``, in the order of the characters.
    """

    data: bytes = field(repr=False)
    glyphs: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Of a face, in thousandths of an em, as a PDF font descriptor wants them."""

    ascent: int
    descent: int


class Subsetter:
    """Makes subsets of one face, by the same rules each time.

    glyph:   the number of a covered character's glyph.
    dropped: the tables that are left out.
    """

    def __init__(self, face: hb.Face, glyph: Callable[[str], int], dropped: Iterable[str]) -> None:
        self._face, self._glyph = face, glyph
        self._chosen = chosen = hb.SubsetInput()
        chosen.flags = hb.SubsetFlags.NO_HINTING | hb.SubsetFlags.NO_LAYOUT_CLOSURE
        chosen.drop_table_tag_set.update(int.from_bytes(tag.encode(), "big") for tag in dropped)

    def subset(self, characters: Iterable[str]) -> Subset:
        """The glyphs of these covered characters and nothing else; equal in, equal bytes out."""
        wanted = sorted(set(characters))
        # By code points only: for glyph numbers HarfBuzz goes through the whole character map.
        chosen = self._chosen.unicode_set
        chosen.clear()
        chosen.update(map(ord, wanted))
        plan = hb.SubsetPlan(self._face, self._chosen)
        renumbered = plan.old_to_new_glyph_mapping
        glyphs = {ch: renumbered[self._glyph(ch)] for ch in wanted}
        return Subset(data=plan.execute().blob.data, glyphs=glyphs)


class _Pen:
    """Writes down an outline as uharfbuzz draws it: the pen protocol of fontTools."""

    def __init__(self, upem: int) -> None:
        self.words: list[str] = []
        self._em, self._at = upem, (0.0, 0.0)

    def moveTo(self, point: Point) -> None:  # noqa: N802
        self._draw("M", point)

    def lineTo(self, point: Point) -> None:  # noqa: N802
        self._draw("L", point)

    def curveTo(self, *points: Point) -> None:  # noqa: N802
        self._draw("B", *points)

    def qCurveTo(self, control: Point, end: Point) -> None:  # noqa: N802
        first, last = (_towards(each, control) for each in (self._at, end))
        self._draw("B", first, last, end)

    def closePath(self) -> None:  # noqa: N802
        self.words.append("C")

    def _draw(self, word: str, *points: Point) -> None:
        self.words.append(word)
        self.words += [f"{part / self._em:.4f}" for x, y in points for part in (x, -y)]
        self._at = points[-1]


def _towards(start: Point, control: Point) -> Point:
    """Two thirds of the way: the cubic curve's control point for a quadratic's."""
    return start[0] + (control[0] - start[0]) * 2 / 3, start[1] + (control[1] - start[1]) * 2 / 3


class Face:
    """One face (字体), parsed once.

    data:  the whole file.
    index: number of the face in a collection.
    SettingsError: the file holds no TrueType outlines.
    """

    def __init__(self, name: str, data: bytes, index: int = 0) -> None:
        self.name = name
        self._data, self._index = data, index
        self._face = hb.Face(hb.Blob(data), index)
        self._tables = frozenset(self._face.table_tags)
        if not self._tables >= EMBEDDED_TABLES:
            raise SettingsError(f"font {name} holds no TrueType outlines; install another")
        self._font = hb.Font(self._face)
        self._covered: dict[str, bool] = {}
        self._advances: dict[str, float] = {}

    @classmethod
    def named_by_itself(cls, data: bytes, index: int = 0) -> Face:
        """The face under the name that its own name table gives it."""
        face = cls("", data, index)
        face.name = face._own_name()
        return face

    def __repr__(self) -> str:
        return f"Face({self.name!r})"

    def covers(self, ch: str) -> bool:
        """Whether the face has a glyph with ink for it; a space needs none.

        Some large faces map code points to blank glyphs, which would print nothing.
        """
        if ch not in self._covered:
            self._covered[ch] = self._prints(ch)
        return self._covered[ch]

    def advance(self, ch: str) -> float:
        """How far the pen moves, in ems.  The character must be covered."""
        if ch not in self._advances:
            units = self._font.get_glyph_h_advance(self._glyph(ch))
            self._advances[ch] = units / self._face.upem
        return self._advances[ch]

    def width(self, text: str) -> float:
        """Of a covered text, in ems."""
        return sum(self.advance(ch) for ch in text)

    def code_points(self) -> Iterator[int]:
        """Those that its character map names, whether they have ink or not."""
        yield from self._face.unicodes

    def metrics(self) -> Metrics:
        """Ascent and descent of the face."""
        extents = self._font.get_font_extents("ltr")
        scale = 1000 / self._face.upem
        return Metrics(
            ascent=round(extents.ascender * scale), descent=round(extents.descender * scale)
        )

    def table(self, tag: str) -> memoryview:
        """A table as it stands in the file.  KeyError: there is none.  ISO/IEC 14496-22, 5.2."""
        start = 0
        if self._data.startswith(b"ttcf"):
            (start,) = struct.unpack_from(">L", self._data, 12 + 4 * self._index)
        (count,) = struct.unpack_from(">H", self._data, start + 4)
        for place in range(count):
            found, _, at, size = struct.unpack_from(">4s3L", self._data, start + 12 + 16 * place)
            if found == tag.encode("ascii"):
                return memoryview(self._data)[at : at + size]
        raise KeyError(tag)

    def glyph(self, ch: str) -> int:
        """The number of a character's glyph; 0: it has none."""
        return self._glyph(ch)

    def outline(self, ch: str) -> str:
        """The glyph's outline in ems from its origin, y downwards, as a ``Path`` is written.

        Quadratic curves are raised to cubic ones, which is exact.  The character must be covered.
        """
        pen = _Pen(self._face.upem)
        self._font.draw_glyph_with_pen(self._glyph(ch), pen)
        return " ".join(pen.words)

    def subset(self, characters: Iterable[str], tables: frozenset[str] = EMBEDDED_TABLES) -> Subset:
        """The glyphs of these covered characters and nothing else; equal in, equal bytes out.

        tables: those that are kept, where the face has them.
        """
        return self.subsetter(tables).subset(characters)

    def subsetter(self, tables: frozenset[str] = EMBEDDED_TABLES) -> Subsetter:
        """What makes many subsets one after the other, for one thread."""
        return Subsetter(self._face, self._glyph, self._tables - tables)

    def _own_name(self) -> str:
        names = (self._face.get_name(ident) or "" for ident in NAME_IDS)
        plain = (re.sub(r"[^A-Za-z0-9-]", "", name) for name in names)
        return next(filter(None, plain), NAMELESS)[:LONGEST_NAME]

    def _glyph(self, ch: str) -> int:
        return int(self._font.get_nominal_glyph(ord(ch)) or 0)

    def _prints(self, ch: str) -> bool:
        glyph = self._glyph(ch)
        if glyph == 0 or unicodedata.category(ch) == "Zs":
            return glyph != 0
        extents = self._font.get_glyph_extents(glyph)
        return extents is not None and extents.width != 0


@dataclass(frozen=True, slots=True)
class FontBook:
    """Two chains of faces; the first face that has a character prints it."""

    song: tuple[Face, ...]
    kai: tuple[Face, ...]

    def grown(self, added: Iterable[Face]) -> FontBook:
        """The book with more faces behind its own: what it prints already stays as it is."""
        more = tuple(added)
        return FontBook(self.song + more, self.kai + more)

    def face_for(self, style: Style, ch: str) -> Face | None:
        """The face that prints the character, None if it must not be printed."""
        if is_refused(ch):
            return None
        chain = self.song if style is Style.SONG else self.kai
        return next((face for face in chain if face.covers(ch)), None)

    def first(self, style: Style) -> Face | None:
        """The face that prints whatever it has; None: there is none at all."""
        chain = self.song if style is Style.SONG else self.kai
        return next(iter(chain), None)

    def advances(self, style: Style) -> Mapping[str, float]:
        """The advance in ems of each character that the first face prints.

        KeyError: another face prints it, or none.
        """
        return _Advances(self, style)

    def unprintable(self, text: str) -> tuple[str, ...]:
        """Code points (``U+XXXX``) of a user's text that no face prints, each once.

        >>> FontBook((), ()).unprintable("\\ue0c5")
        ('U+E0C5',)
        """
        missing = (ch for ch in dict.fromkeys(text) if self.face_for(Style.KAI, ch) is None)
        return tuple(code_point(ch) for ch in missing)

    def runs(self, style: Style, text: str) -> tuple[tuple[Face, str], ...]:
        """The text cut where the face changes.  KeyError: a character no face prints."""
        faces = [(self._must(style, ch), ch) for ch in text]
        cut = groupby(faces, key=lambda pair: pair[0])
        return tuple((face, "".join(ch for _, ch in group)) for face, group in cut)

    def _must(self, style: Style, ch: str) -> Face:
        face = self.face_for(style, ch)
        if face is None:
            raise KeyError(code_point(ch))
        return face


class _Advances(dict[str, float]):
    """Looked up in the first face when they are first asked for."""

    def __init__(self, fontbook: FontBook, style: Style) -> None:
        self._face_for = partial(fontbook.face_for, style)
        self._first = fontbook.first(style)

    def __missing__(self, ch: str) -> float:
        face = self._face_for(ch)
        if face is None or face is not self._first:
            raise KeyError(code_point(ch))
        self[ch] = face.advance(ch)
        return self[ch]


@cache
def is_refused(ch: str) -> bool:
    """Whether it is never printed, even if a face has a glyph for it.

    >>> is_refused("\\ue000"), is_refused("\\u0301"), is_refused("𬭎")
    (True, True, False)
    """
    refused = ch == REPLACEMENT or unicodedata.category(ch) in REFUSED_CATEGORIES
    return refused or _is_pictograph(ch) or _needs_shaping(ch)


def _is_pictograph(ch: str) -> bool:
    return any(ord(ch) in block for block in PICTOGRAPHS)


def _needs_shaping(ch: str) -> bool:
    right_to_left = unicodedata.bidirectional(ch) in RIGHT_TO_LEFT
    return right_to_left or any(ord(ch) in block for block in JOINING)


def refusal(ch: str) -> str:
    """Why a character that is not printed is not, in words for a clerk.

    >>> refusal("\ue000"), refusal("\U0002ebf0")
    ('private use (造字区): bring the character itself', 'no face has it: add a font')
    """
    if not is_refused(ch):
        return "no face has it: add a font"
    if _needs_shaping(ch):
        return "of a script that is not set here: letters that join, or run from right to left"
    if _is_pictograph(ch):
        return "a pictograph (表情符号), no character of a name"
    if ch == REPLACEMENT:
        return "left behind by a broken decoding"
    return REFUSALS.get(unicodedata.category(ch), "control or invisible character")


def code_point(ch: str) -> str:
    """How a character is named in messages: the standard's notation, not the character.

    >>> code_point("𬭎")
    'U+2CB4E'
    """
    return f"U+{ord(ch):04X}"


def check_installed(files: Mapping[str, object]) -> None:
    """SettingsError: a file of ``FACES`` is missing; names it and its Debian package.

    files: by name, as they were found.
    """
    for row in _rows():
        if row.file not in files:
            raise SettingsError(f"font file {row.file} is missing; Debian package {row.package}")


def _rows() -> Iterable[FontFile]:
    """Each face once, though two chains may end alike."""
    return dict.fromkeys(row for chain in FACES.values() for row in chain)


def assemble(files: Mapping[str, bytes]) -> FontBook:
    """The book of ``FACES`` from the files' bytes by name; each file is parsed once.

    SettingsError: a file is missing; the message names it and its Debian package.
    """
    check_installed(files)
    parsed = {row: Face(row.name, files[row.file], row.index) for row in _rows()}
    song, kai = (tuple(parsed[row] for row in FACES[style]) for style in (Style.SONG, Style.KAI))
    return FontBook(song, kai)
