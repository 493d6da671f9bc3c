"""Glyphs one by one: fonts of a few of them, put together from outlines that are kept.

A subset of some characters is the same work again and again for the same outlines.  Kept apart,
they are joined in microseconds, with all checksums.  ISO/IEC 14496-22 (TrueType outlines).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

from factory.page.fonts import Face

WORD, ALL_ONES, MAGIC_SUM = 4, 0xFFFFFFFF, 0xB1B0AFBA
LONG, ENTRY = struct.Struct(">L"), struct.Struct(">4s3L")
CHECKSUM, SIZE = 4, 12  #: offsets in an entry of the directory
ORDER = ("head", "hhea", "maxp", "hmtx", "loca", "glyf")  #: as they stand in the file
DIRECTORY = struct.pack(">L4H", 0x00010000, len(ORDER), 64, 2, 32)  #: for six tables
START = len(DIRECTORY) + ENTRY.size * len(ORDER)
HEAD_ADJUSTMENT, LONG_PLACES = 8, 50  #: offsets in head
WIDTHS, GLYPHS = 34, 4  #: in hhea and maxp, where they say how many there are
COMPOUND = b"\xff\xff"  #: instead of the number of contours: made of other glyphs
MOST_KEPT = 8192


@dataclass(frozen=True, slots=True)
class Glyph:
    """One glyph: outline, filled up to whole words, with their sum; width and side bearing."""

    outline: bytes = field(repr=False)
    outline_sum: int
    metric: bytes
    metric_sum: int


@lru_cache(maxsize=16)
def glyphs_of(face: Face) -> Glyphs:
    """Of one face, for all who ask in this process."""
    return Glyphs(face)


class Glyphs(dict[str, Glyph | None]):
    """Of one face by character; None: made of other glyphs, which does not stand alone."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._subsetter = face.subsetter()
        tables = tables_of(face.subset("").data)
        self.missing = _glyph(tables, 0)
        self._constant = {tag: tables[tag] for tag in ("head", "hhea", "maxp")}
        self._frames: dict[int, _Frame] = {}

    def __missing__(self, ch: str) -> Glyph | None:
        subset = self._subsetter.subset(ch)
        glyph = _glyph(tables_of(subset.data), subset.glyphs[ch])
        if len(self) >= MOST_KEPT:
            self.clear()
        self[ch] = None if glyph.outline.startswith(COMPOUND) else glyph
        return self[ch]

    def font(self, characters: Sequence[str]) -> bytes | None:
        """A font whose glyphs are these, numbered from 1; None: one does not stand alone."""
        found = [self[ch] for ch in characters]
        glyphs = [self.missing, *(glyph for glyph in found if glyph is not None)]
        if len(glyphs) <= len(found):
            return None
        frame = self._frames.get(len(glyphs))
        if frame is None:
            frame = self._frames[len(glyphs)] = _Frame(self._constant, len(glyphs))
        return frame.font(glyphs)


class _Frame:
    """What all fonts of so many glyphs begin with: directory, head, hhea and maxp."""

    def __init__(self, constant: Mapping[str, bytes], count: int) -> None:
        tables = _counted(constant, count)
        sizes = {tag: len(data) for tag, data in tables.items()}
        sizes |= {"hmtx": WORD * count, "loca": WORD * (count + 1), "glyf": 0}
        padded = {tag: _padded(data) for tag, data in tables.items()}
        starts = accumulate((_whole(sizes[tag]) for tag in ORDER), initial=START)
        places = dict(zip(ORDER, starts, strict=False))
        sums = {tag: _sum(data) for tag, data in padded.items()}
        listed = [(tag, sums.get(tag, 0), places[tag], sizes[tag]) for tag in sorted(ORDER)]
        entries = b"".join(ENTRY.pack(tag.encode("ascii"), *rest) for tag, *rest in listed)
        self._bytes = DIRECTORY + entries + b"".join(padded.values())
        self._sum = _sum(self._bytes)
        at = {tag: len(DIRECTORY) + ENTRY.size * n for n, tag in enumerate(sorted(ORDER))}
        self._sums = tuple(at[tag] + CHECKSUM for tag in ("hmtx", "loca", "glyf"))
        self._size_at = at["glyf"] + SIZE
        self._adjustment_at = places["head"] + HEAD_ADJUSTMENT
        self._places = struct.Struct(f">{count + 1}L")

    def font(self, glyphs: Sequence[Glyph]) -> bytes:
        """The font of these, so many as the frame is for."""
        outlines = b"".join([glyph.outline for glyph in glyphs])
        places = list(accumulate([len(glyph.outline) for glyph in glyphs], initial=0))
        sums = (
            sum([glyph.metric_sum for glyph in glyphs]) & ALL_ONES,
            sum(places) & ALL_ONES,
            sum([glyph.outline_sum for glyph in glyphs]) & ALL_ONES,
        )
        frame, whole = bytearray(self._bytes), self._sum + 2 * sum(sums) + len(outlines)
        for at, value in zip(self._sums, sums, strict=True):
            LONG.pack_into(frame, at, value)
        LONG.pack_into(frame, self._size_at, len(outlines))
        LONG.pack_into(frame, self._adjustment_at, MAGIC_SUM - whole & ALL_ONES)
        widths = b"".join([glyph.metric for glyph in glyphs])
        return b"".join((frame, widths, self._places.pack(*places), outlines))


def tables_of(font: bytes) -> dict[str, bytes]:
    """The tables of a TrueType file by tag."""
    (count,) = struct.unpack_from(">H", font, 4)
    entries = (ENTRY.unpack_from(font, len(DIRECTORY) + ENTRY.size * n) for n in range(count))
    return {tag.decode("ascii"): font[at : at + size] for tag, _, at, size in entries}


def _glyph(tables: Mapping[str, bytes], number: int) -> Glyph:
    start, end = _outline_places(tables)[number : number + 2]
    outline, metric = _padded(tables["glyf"][start:end]), _metric(tables, number)
    return Glyph(outline, _sum(outline), metric, _sum(metric))


def _outline_places(tables: Mapping[str, bytes]) -> Sequence[int]:
    loca, is_long = tables["loca"], tables["head"][LONG_PLACES : LONG_PLACES + 2] == b"\0\1"
    if is_long:
        return struct.unpack(f">{len(loca) // 4}L", loca)
    return [2 * place for place in struct.unpack(f">{len(loca) // 2}H", loca)]


def _metric(tables: Mapping[str, bytes], number: int) -> bytes:
    """Width and left side bearing; the last width goes on for all behind it."""
    (wide,) = struct.unpack_from(">H", tables["hhea"], WIDTHS)
    hmtx = tables["hmtx"]
    if number < wide:
        return hmtx[WORD * number : WORD * (number + 1)]
    bearing = WORD * wide + 2 * (number - wide)
    return hmtx[WORD * (wide - 1) : WORD * (wide - 1) + 2] + hmtx[bearing : bearing + 2]


def _counted(constant: Mapping[str, bytes], count: int) -> dict[str, bytes]:
    """Tables that say how many glyphs there are, each with a width, placed by long numbers."""
    head = _put(_put(constant["head"], HEAD_ADJUSTMENT, bytes(WORD)), LONG_PLACES, b"\0\1")
    return {
        "head": head,
        "hhea": _put(constant["hhea"], WIDTHS, count.to_bytes(2)),
        "maxp": _put(constant["maxp"], GLYPHS, count.to_bytes(2)),
    }


def _put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _whole(size: int) -> int:
    return -(-size // WORD) * WORD


def _padded(data: bytes) -> bytes:
    return data.ljust(_whole(len(data)), b"\0")


def _sum(words: bytes) -> int:
    """Of whole words, as tables are summed up (ISO/IEC 14496-22, 5.2.2)."""
    found: tuple[int, ...] = struct.unpack(f">{len(words) // WORD}L", words)
    return sum(found) & ALL_ONES
