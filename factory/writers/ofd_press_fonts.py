"""The font of what differs, put together from glyphs that are kept.  ISO/IEC 14496-22.

A batch's documents share most of their characters.  Those stand at the front of the file, with all
tables that never change, in the same place and order; behind them come the glyphs of the one
document, their widths and the character map.  So that the front stays the same to the last byte,
and its digest and its packed form are known beforehand,

- the document's own glyphs stand in places of two sizes, such as the smaller half of them and the
  larger one need, so that where they stand (``loca``) depends on these and their number alone;
- each table that differs has a word, which no reader looks at, that brings its sum to zero: behind
  the last glyph, as side bearings of two glyphs without outlines, and behind the character map.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from factory.page.fonts import DESCRIBING_TABLES, EMBEDDED_TABLES, Face
from factory.seals import sm2
from factory.writers.ofd_fonts import (
    ENTRY,
    HEAD_ADJUSTMENT,
    LAST_BASIC,
    MAGIC_SUM,
    TRUETYPE,
    UNICODE_BMP,
    WINDOWS,
    named,
)
from factory.writers.ofd_press_holes import EMPTY_BLOCK, LAST_BLOCK, flushed, length
from factory.writers.ofd_press_package import SUMS, Body, deflated

STEP = 64  #: bytes by which a glyph's place grows
MOST_FURTHER, LARGEST = 64, 1024  #: glyphs and bytes of one; more is left to the reference writer
MOST_KEPT = 8192  #: glyphs of a face
MOST_FRAMES = 256
SPARE = 2  #: glyphs without outlines, whose side bearings bring a sum to zero
WORD, ALL_ONES = 4, 0xFFFFFFFF
DIFFERING = ("glyf", "hmtx", "cmap")  #: as they stand in the file, after all others
#: where other tables say how many glyphs and widths there are, which characters, which places
GLYPHS, WIDTHS, CHARACTERS, LONG_PLACES = 4, 34, 64, 50
COMPOUND = b"\xff\xff"  #: instead of the number of contours: made of other glyphs
FIRST, LAST, LONG = 0x20, LAST_BASIC, b"\0\1"


@dataclass(frozen=True, slots=True)
class Font:
    """A font as a member of the package; digest: its SM3."""

    body: Body = field(repr=False)
    digest: bytes


class _Intricate(Exception):  # noqa: N818 - no failure
    """A character that is not one glyph of its own of the basic plane."""


class DataFont:
    """One face as the documents of a batch use it.

    number: its ST_ID.
    shared: characters that every file of it holds.
    """

    def __init__(self, face: Face, number: int, name: str, shared: str) -> None:
        """name: the font's.  shared: as far as they are plain."""
        self.number, self.name, self._face = number, name, face
        self._glyphs = _Glyphs(face)
        self.shared = frozenset(filter(self._plain, shared))
        self._front = _Front(face, name, sorted(self.shared), self._glyphs)
        self._frames: dict[tuple[int, int, int], _Frame] = {}
        self._by_directory: dict[bytes, _Frame] = {}

    def made(self, further: Collection[str]) -> Font:
        """With these characters beside the shared ones."""
        try:
            own = sorted([(self._glyphs[ch][1], ch) for ch in further])
            return self._frame([size for size, _ in own]).made([ch for _, ch in own])
        except _Intricate:
            subset = self._face.subset(self.shared.union(further), TABLES)
            data = named(subset, self.name)
            return Font(deflated(data), sm2.sm3(data))

    def digest(self, data: bytes) -> bytes:
        """SM3 of a file; of its front only that it is the known one has to be seen."""
        frame = self._by_directory.get(data[: self._front.directory_size])
        if frame is None or not data.startswith(frame.front):
            return sm2.sm3(data)
        return frame.digest(data[len(frame.front) :])

    def _frame(self, sizes: Sequence[int]) -> _Frame:
        """Where glyphs of these sizes, the smallest first, have a place."""
        count, smaller = len(sizes), len(sizes) // 2
        room = (
            count,
            _step(sizes[smaller - 1] if smaller else 0),
            _step(sizes[-1] if count else 0),
        )
        frame = self._frames.get(room)
        if frame is None:
            if count > MOST_FURTHER or room[2] > LARGEST:
                raise _Intricate
            if len(self._frames) >= MOST_FRAMES:
                self._frames.clear()
                self._by_directory.clear()
            places = [room[1]] * smaller + [room[2]] * (count - smaller)
            frame = self._frames[room] = _Frame(self._front, self._glyphs, places)
            self._by_directory[frame.front[: self._front.directory_size]] = frame
        return frame

    def _plain(self, ch: str) -> bool:
        try:
            return bool(self._glyphs[ch])
        except _Intricate:
            return False


def _step(size: int) -> int:
    """How large the place of a glyph is, and of the word behind the last one."""
    return -(-(size + WORD) // STEP) * STEP


TABLES = EMBEDDED_TABLES | DESCRIBING_TABLES
Glyph = tuple[bytes, int, int, bytes, int]  #: outline, its bytes and sum; width and bearing, sum


class _Glyphs(dict[str, Glyph]):
    """Each character's glyph, taken out of the face when it is first asked for."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def __missing__(self, ch: str) -> Glyph:
        if ord(ch) > LAST_BASIC:
            raise _Intricate
        subset = self._face.subset(ch, TABLES)
        tables = tables_of(subset.data)
        glyph = _glyph(tables, subset.glyphs[ch])
        if glyph[0].startswith(COMPOUND):
            raise _Intricate
        if len(self) >= MOST_KEPT:
            self.clear()
        self[ch] = glyph
        return glyph


def _glyph(tables: dict[str, bytes], number: int) -> Glyph:
    start, end = _places(tables)[number : number + 2]
    outline = _padded(tables["glyf"][start:end])
    width = _width(tables, number)
    return outline, len(outline), _sum(outline), width, _sum(width)


class _Front:
    """What every file of a font holds: constant tables, and the shared glyphs."""

    def __init__(self, face: Face, name: str, shared: Sequence[str], glyphs: _Glyphs) -> None:
        tables = tables_of(named(face.subset(shared, TABLES), name))
        kept = [_glyph(tables, 0), *(glyphs[ch] for ch in shared)]  # .notdef first
        self.tables = {tag: data for tag, data in tables.items() if tag not in DIFFERING}
        self.directory_size = 12 + ENTRY.size * len(tables)
        self.count = len(kept)
        self.outlines = b"".join(glyph[0] for glyph in kept)
        self.outlines_sum = sum(glyph[2] for glyph in kept)
        self.packed = flushed(self.outlines)
        self.widths = b"".join(glyph[3] for glyph in kept)
        self.widths_sum = sum(glyph[4] for glyph in kept)
        self.places = [0, *accumulate(glyph[1] for glyph in kept)]
        self.ranges = _ranges(shared)


class _Frame:
    """A font with places for further glyphs.

    front: the file up to the first of them.
    """

    def __init__(self, front: _Front, glyphs: _Glyphs, places: Sequence[int]) -> None:
        """places: the size of each in bytes."""
        self._shared, self._glyphs, self._sizes = front, glyphs, places
        count = front.count + len(places)
        sizes = {
            "glyf": len(front.outlines) + sum(places),
            "hmtx": WORD * count + SPARE * 2,
            "cmap": 28 + 8 * (len(front.ranges) + len(places)) + WORD,
        }
        starts = [*front.places[:-1], *accumulate(places, initial=front.places[-1])]
        starts += starts[-1:] * SPARE
        tables = _counted(front.tables, count) | {"loca": struct.pack(f">{len(starts)}L", *starts)}
        start = _front_bytes(tables, sizes, 0 if places else front.outlines_sum)
        self.front = start + front.outlines
        self._digest = sm2.sm3_begun(self.front)
        self._sum = zlib.crc32(self.front)
        rest = sum(sizes.values()) - len(front.outlines)
        self._size = len(self.front) + rest
        self._packed = flushed(start) + EMPTY_BLOCK + front.packed + length(rest)

    def made(self, further: Sequence[str]) -> Font:
        """The font with these characters, whose glyphs fit their places in this order."""
        rest = self._rest(further)
        packed = b"".join((self._packed, rest, LAST_BLOCK))
        sums = SUMS.pack(zlib.crc32(rest, self._sum), len(packed), self._size)
        return Font((sums, packed), self.digest(rest))

    def digest(self, rest: bytes) -> bytes:
        """SM3 of the file."""
        digest = self._digest.copy()
        digest.update(rest)
        return bytes(digest.digest())

    def _rest(self, further: Sequence[str]) -> bytes:
        """What follows the front."""
        shared, glyphs = self._shared, [self._glyphs[ch] for ch in further]
        outlines, _, sums, widths, width_sums = zip(*glyphs, strict=True) if glyphs else NONE
        placed = [
            outline.ljust(size, b"\0") for outline, size in zip(outlines, self._sizes, strict=True)
        ]
        if placed:
            placed[-1] = placed[-1][:-WORD] + _balance(shared.outlines_sum + sum(sums))
        return b"".join((
            *placed,
            shared.widths,
            *widths,
            _balance(shared.widths_sum + sum(width_sums)),
            self._map(further),
        ))  # fmt: skip

    def _map(self, further: Sequence[str]) -> bytes:
        """The character map, format 4: each further character is a stretch of its own."""
        points = enumerate(map(ord, further), start=self._shared.count)
        own = [(point, point, glyph - point & LAST_BASIC) for glyph, point in points]
        ends, starts, deltas = zip(*sorted(self._shared.ranges + own), strict=True)
        count = len(ends)
        power = count.bit_length() - 1
        words = struct.pack(
            f">4HL{8 + 4 * count}H",
            *(0, 1, WINDOWS, UNICODE_BMP, 12),
            *(4, 16 + 8 * count, 0, 2 * count),
            *(2 << power, power, 2 * count - (2 << power)),
            *ends, 0, *starts, *deltas, *bytes(count),
        )  # fmt: skip
        return words + _balance(_sum(words))


NONE: tuple[tuple[Any, ...], ...] = ((), (), (), (), ())


def _front_bytes(tables: dict[str, bytes], sizes: dict[str, int], outlines: int) -> bytes:
    """The directory and the constant tables.

    sizes:    of the tables that differ, each of which has the sum 0.
    outlines: that of the first of them, where it has no place for balance.
    """
    order = [*sorted(tables), *DIFFERING]
    lengths = {tag: len(data) for tag, data in tables.items()} | sizes
    places, at = {}, 12 + ENTRY.size * len(order)
    for tag in order:
        places[tag] = at
        at += -(-lengths[tag] // WORD) * WORD
    power = len(order).bit_length() - 1
    search = 16 << power
    directory = struct.pack(">L4H", TRUETYPE, len(order), search, power, 16 * len(order) - search)
    sums = {tag: _sum(data) for tag, data in tables.items()} | {"glyf": outlines & ALL_ONES}
    for tag in sorted(order):
        checked = sums.get(tag, 0)
        directory += ENTRY.pack(tag.encode("ascii"), checked, places[tag], lengths[tag])
    total = _sum(directory) + sum(sums.values())
    adjustment = (MAGIC_SUM - total & ALL_ONES).to_bytes(WORD)
    tables = tables | {"head": _put(tables["head"], HEAD_ADJUSTMENT, adjustment)}
    return directory + b"".join(_padded(tables[tag]) for tag in sorted(tables))


def _counted(tables: dict[str, bytes], count: int) -> dict[str, bytes]:
    """The constant tables with so many glyphs that have a width of their own."""
    head = _put(tables["head"], HEAD_ADJUSTMENT, bytes(WORD))
    return tables | {
        "head": _put(head, LONG_PLACES, LONG),
        "hhea": _put(tables["hhea"], WIDTHS, count.to_bytes(2)),
        "maxp": _put(tables["maxp"], GLYPHS, (count + SPARE).to_bytes(2)),
        "OS/2": _put(tables["OS/2"], CHARACTERS, struct.pack(">2H", FIRST, LAST)),
    }


def _ranges(shared: Iterable[str]) -> list[tuple[int, int, int]]:
    """End, start and glyph less code point of each stretch; the last one closes the map."""
    found: list[tuple[int, int, int]] = []
    for glyph, ch in enumerate(shared, start=1):
        point, delta = ord(ch), glyph - ord(ch) & LAST_BASIC
        if found and found[-1][0] == point - 1 and found[-1][2] == delta:
            found[-1] = (point, found[-1][1], delta)
        else:
            found.append((point, point, delta))
    return [*found, (LAST_BASIC, LAST_BASIC, 1)]


def tables_of(font: bytes) -> dict[str, bytes]:
    """The tables of a TrueType file by tag."""
    (count,) = struct.unpack_from(">H", font, 4)
    entries = (ENTRY.unpack_from(font, 12 + ENTRY.size * n) for n in range(count))
    return {tag.decode("ascii"): font[at : at + size] for tag, _, at, size in entries}


def _count(tables: dict[str, bytes]) -> int:
    return int.from_bytes(tables["maxp"][GLYPHS : GLYPHS + 2])


def _places(tables: dict[str, bytes]) -> Sequence[int]:
    count = _count(tables) + 1
    if tables["head"][LONG_PLACES + 1]:
        return struct.unpack_from(f">{count}L", tables["loca"])
    return [2 * half for half in struct.unpack_from(f">{count}H", tables["loca"])]


def _width(tables: dict[str, bytes], number: int) -> bytes:
    """Advance and left side bearing; the last advance holds for all further glyphs."""
    widths = int.from_bytes(tables["hhea"][WIDTHS : WIDTHS + 2])
    table = tables["hmtx"]
    if number < widths:
        return table[WORD * number : WORD * (number + 1)]
    at = WORD * widths + 2 * (number - widths)
    return table[WORD * (widths - 1) :][:2] + table[at : at + 2]


def _put(table: bytes, at: int, data: bytes) -> bytes:
    return table[:at] + data + table[at + len(data) :]


def _padded(table: bytes) -> bytes:
    return table + bytes(-len(table) % WORD)


def _balance(total: int) -> bytes:
    """What brings a sum of words to zero."""
    return (-total & ALL_ONES).to_bytes(WORD)


def _sum(table: bytes) -> int:
    words = array("I", _padded(table))
    if sys.byteorder == "little":
        words.byteswap()
    return sum(words) & ALL_ONES
