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
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from factory.ofd.package import DEFLATED
from factory.page.fonts import DESCRIBING_TABLES, EMBEDDED_TABLES, Face
from factory.page.glyphs import Glyph, glyphs_of
from factory.page.sfnt import (
    ALL_ONES,
    DIRECTORY_HEADER,
    ENTRY,
    GLYPHS,
    HEAD_ADJUSTMENT,
    LONG_PLACES,
    MAGIC_SUM,
    TRUETYPE,
    WIDTHS,
    WORD,
    padded,
    put,
    tables_of,
    word_sum,
)
from factory.seals import sm2
from factory.writers.ofd_fonts import (
    LAST_BASIC,
    UNICODE_BMP,
    UNICODE_FULL,
    WINDOWS,
    named,
)
from factory.writers.ofd_press_holes import EMPTY_BLOCK, LAST_BLOCK, flushed, length
from factory.writers.ofd_press_package import SUMS, Body, deflated, unpacked

STEP = 64  #: bytes by which a glyph's place grows
MOST_FURTHER, LARGEST = 64, 1024  #: glyphs and bytes of one; more is left to the reference writer
MOST_FRAMES = 256
SPARE = 2  #: glyphs without outlines, whose side bearings bring a sum to zero
DIFFERING = ("glyf", "hmtx", "cmap")  #: as they stand in the file, after all others
CHARACTERS = 64  #: where ``OS/2`` says which there are
START = 192  #: packed bytes by which a font is known
FIRST, LAST, LONG = 0x20, LAST_BASIC, b"\0\1"
LAST_CHARACTER = chr(LAST_BASIC)


@dataclass(frozen=True, slots=True)
class Font:
    """A font as a member of the package; digest: its SM3."""

    body: Body = field(repr=False)
    digest: bytes


class _Intricate(Exception):  # noqa: N818 - no failure
    """A character whose glyph is made of others, or too many or too large ones."""


class DataFont:
    """One face as the documents of a batch use it.

    number: its ST_ID.
    shared: characters that every file of it holds.
    """

    def __init__(self, face: Face, number: int, name: str, shared: str) -> None:
        """name: the font's.  shared: as far as they are plain."""
        self.number, self.name, self._face = number, name, face
        self._glyphs = _Plain(face)
        self.shared = frozenset(filter(self._plain, shared))
        self._front = _Front(face, name, sorted(self.shared), self._glyphs)
        self._frames: dict[tuple[int, int, int, int], _Frame] = {}
        self._by_start: dict[bytes, _Frame] = {}

    def made(self, further: Collection[str]) -> Font:
        """With these characters beside the shared ones."""
        try:
            own = sorted([(len(self._glyphs[ch].outline), ch) for ch in further])
            characters = [ch for _, ch in own]
            beyond = sum([ch > LAST_CHARACTER for ch in characters])
            return self._frame([size for size, _ in own], beyond).made(characters)
        except _Intricate:
            subset = self._face.subset(self.shared.union(further), TABLES)
            data = named(subset, self.name)
            return Font(deflated(data), sm2.sm3(data))

    def digest(self, body: Body) -> bytes:
        """SM3 of a font as it stands in a package.  SelfCheckError: it does not unpack.

        Of its front only that it is a known one has to be seen.
        """
        frame = self._by_start.get(body[1][:START])
        found = None if frame is None else frame.read(body)
        return sm2.sm3(unpacked(body, DEFLATED)) if found is None else found

    def _frame(self, sizes: Sequence[int], beyond: int) -> _Frame:
        """Where glyphs of these sizes, the smallest first, have a place.

        beyond: how many of their characters lie beyond the basic plane.
        """
        count, smaller = len(sizes), len(sizes) // 2
        small, large = (sizes[smaller - 1 : smaller] or [0])[0], max(sizes, default=0)
        room = (count, _step(small), _step(large), beyond)
        frame = self._frames.get(room)
        if frame is None:
            if count > MOST_FURTHER or room[2] > LARGEST:
                raise _Intricate
            if len(self._frames) >= MOST_FRAMES:
                self._frames.clear()
                self._by_start.clear()
            places = [room[1]] * smaller + [room[2]] * (count - smaller)
            frame = self._frames[room] = _Frame(self._front, self._glyphs, places, beyond)
            self._by_start[frame.packed[:START]] = frame
        return frame

    def _plain(self, ch: str) -> bool:
        try:
            return ch <= LAST_CHARACTER and bool(self._glyphs[ch])
        except _Intricate:
            return False


def _step(size: int) -> int:
    """How large the place of a glyph is, and of the word behind the last one."""
    return -(-(size + WORD) // STEP) * STEP


TABLES = EMBEDDED_TABLES | DESCRIBING_TABLES
Stretch = tuple[int, int, int]  #: last and first code point, and glyph less code point


class _Plain:
    """Glyphs of a face that stand alone."""

    def __init__(self, face: Face) -> None:
        self._glyphs = glyphs_of(face)
        self.missing = self._glyphs.missing

    def __getitem__(self, ch: str) -> Glyph:
        found = self._glyphs[ch]
        if found is None:
            raise _Intricate
        return found


class _Front:
    """What every file of a font holds: constant tables, and the shared glyphs."""

    def __init__(self, face: Face, name: str, shared: Sequence[str], glyphs: _Plain) -> None:
        tables = tables_of(named(face.subset(shared, TABLES), name))
        kept = [glyphs.missing, *(glyphs[ch] for ch in shared)]  # .notdef first
        self.tables = {tag: data for tag, data in tables.items() if tag not in DIFFERING}
        self.count = len(kept)
        self.outlines = b"".join(glyph.outline for glyph in kept)
        self.outlines_sum = sum(glyph.outline_sum for glyph in kept)
        self.packed = flushed(self.outlines)
        self.widths = b"".join(glyph.metric for glyph in kept)
        self.widths_sum = sum(glyph.metric_sum for glyph in kept)
        self.places = [0, *accumulate(len(glyph.outline) for glyph in kept)]
        self.ranges = _ranges(shared)


class _Frame:
    """A font with places for further glyphs.

    packed: the file up to the first of them, as it stands in a package.
    """

    def __init__(self, front: _Front, glyphs: _Plain, places: Sequence[int], beyond: int) -> None:
        """places: the size of each in bytes.  beyond: how many are beyond the basic plane."""
        self._shared, self._glyphs, self._sizes = front, glyphs, places
        count, stretches = front.count + len(places), len(front.ranges) + len(places)
        further = 8 + 16 + 12 * (stretches - 1) if beyond else 0
        sizes = {
            "glyf": len(front.outlines) + sum(places),
            "hmtx": WORD * count + SPARE * 2,
            "cmap": 28 + 8 * (stretches - beyond) + further + WORD,
        }
        starts = [*front.places[:-1], *accumulate(places, initial=front.places[-1])]
        starts += starts[-1:] * SPARE
        tables = _counted(front.tables, count) | {"loca": struct.pack(f">{len(starts)}L", *starts)}
        start = _front_bytes(tables, sizes, 0 if places else front.outlines_sum)
        whole = start + front.outlines
        self._digest, self._sum = sm2.sm3_begun(whole), zlib.crc32(whole)
        self._rest_size = sum(sizes.values()) - len(front.outlines)
        self._size = len(whole) + self._rest_size
        self.packed = flushed(start) + EMPTY_BLOCK + front.packed + length(self._rest_size)

    def made(self, further: Sequence[str]) -> Font:
        """The font with these characters, whose glyphs fit their places in this order."""
        rest = self._rest(further)
        return Font(self._body(rest), self._whole_digest(rest))

    def read(self, body: Body) -> bytes | None:
        """SM3 of a font as it stands in a package; None: it is not one of these."""
        rest = body[1][len(self.packed) : -len(LAST_BLOCK)]
        ours = len(rest) == self._rest_size and self._body(rest) == body
        return self._whole_digest(rest) if ours else None

    def _body(self, rest: bytes) -> Body:
        packed = b"".join((self.packed, rest, LAST_BLOCK))
        return SUMS.pack(zlib.crc32(rest, self._sum), len(packed), self._size), packed

    def _whole_digest(self, rest: bytes) -> bytes:
        digest = self._digest.copy()
        digest.update(rest)
        return bytes(digest.digest())

    def _rest(self, further: Sequence[str]) -> bytes:
        """What follows the front."""
        shared, glyphs = self._shared, [self._glyphs[ch] for ch in further]
        outlines, sums, widths, width_sums = zip(*glyphs, strict=True) if glyphs else NONE
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
        """The character map: each further character is a stretch of its own.

        Format 4 for the basic plane; format 12 for all, where something lies beyond it.
        """
        points = enumerate(map(ord, further), start=self._shared.count)
        stretches = sorted(
            self._shared.ranges
            + [(point, point, glyph - point & LAST_BASIC) for glyph, point in points]
        )
        if stretches[-1][0] == LAST_BASIC:
            words = _FIRST_MAP + _format_4(stretches)
            return words + _balance(word_sum(words))
        basic = _format_4([each for each in stretches if each[0] <= LAST_BASIC])
        records = struct.pack(">2H 2HL 2HL", 0, 2, WINDOWS, UNICODE_BMP, 20,
                              WINDOWS, UNICODE_FULL, 20 + len(basic))  # fmt: skip
        words = records + basic + _format_12(stretches)
        return words + _balance(word_sum(words))


_FIRST_MAP = struct.pack(">2H 2HL", 0, 1, WINDOWS, UNICODE_BMP, 12)


def _format_4(stretches: Sequence[Stretch]) -> bytes:
    ends, starts, deltas = zip(*stretches, strict=True)
    count = len(ends)
    power = count.bit_length() - 1
    return struct.pack(
        f">{8 + 4 * count}H",
        *(4, 16 + 8 * count, 0, 2 * count),
        *(2 << power, power, 2 * count - (2 << power)),
        *ends, 0, *starts, *deltas, *bytes(count),
    )  # fmt: skip


def _format_12(stretches: Sequence[Stretch]) -> bytes:
    groups = [
        struct.pack(">3L", start, end, start + delta & LAST_BASIC)
        for end, start, delta in stretches
        if end != LAST_BASIC
    ]
    size = 16 + 12 * len(groups)
    return struct.pack(">2H3L", 12, 0, size, 0, len(groups)) + b"".join(groups)


NONE: tuple[tuple[Any, ...], ...] = ((), (), (), ())


def _front_bytes(tables: dict[str, bytes], sizes: dict[str, int], outlines: int) -> bytes:
    """The directory and the constant tables.

    sizes:    of the tables that differ, each of which has the sum 0.
    outlines: that of the first of them, where it has no place for balance.
    """
    order = [*sorted(tables), *DIFFERING]
    lengths = {tag: len(data) for tag, data in tables.items()} | sizes
    places, at = {}, DIRECTORY_HEADER + ENTRY.size * len(order)
    for tag in order:
        places[tag] = at
        at += -(-lengths[tag] // WORD) * WORD
    power = len(order).bit_length() - 1
    search = 16 << power
    directory = struct.pack(">L4H", TRUETYPE, len(order), search, power, 16 * len(order) - search)
    sums = {tag: word_sum(data) for tag, data in tables.items()} | {"glyf": outlines & ALL_ONES}
    for tag in sorted(order):
        checked = sums.get(tag, 0)
        directory += ENTRY.pack(tag.encode("ascii"), checked, places[tag], lengths[tag])
    total = word_sum(directory) + sum(sums.values())
    adjustment = (MAGIC_SUM - total & ALL_ONES).to_bytes(WORD)
    tables = tables | {"head": put(tables["head"], HEAD_ADJUSTMENT, adjustment)}
    return directory + b"".join(padded(tables[tag]) for tag in sorted(tables))


def _counted(tables: dict[str, bytes], count: int) -> dict[str, bytes]:
    """The constant tables with so many glyphs that have a width of their own."""
    head = put(tables["head"], HEAD_ADJUSTMENT, bytes(WORD))
    return tables | {
        "head": put(head, LONG_PLACES, LONG),
        "hhea": put(tables["hhea"], WIDTHS, count.to_bytes(2)),
        "maxp": put(tables["maxp"], GLYPHS, (count + SPARE).to_bytes(2)),
        "OS/2": put(tables["OS/2"], CHARACTERS, struct.pack(">2H", FIRST, LAST)),
    }


def _ranges(shared: Iterable[str]) -> list[Stretch]:
    """The last one closes the map."""
    found: list[Stretch] = []
    for glyph, ch in enumerate(shared, start=1):
        point, delta = ord(ch), glyph - ord(ch) & LAST_BASIC
        if found and found[-1][0] == point - 1 and found[-1][2] == delta:
            found[-1] = (point, found[-1][1], delta)
        else:
            found.append((point, point, delta))
    return [*found, (LAST_BASIC, LAST_BASIC, 1)]


def _balance(total: int) -> bytes:
    """What brings a sum of words to zero."""
    return (-total & ALL_ONES).to_bytes(WORD)
