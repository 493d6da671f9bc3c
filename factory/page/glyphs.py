"""Glyphs one by one: fonts of a few of them, put together from outlines that are kept.

A subset of some characters is the same work again and again for the same outlines.  Kept apart,
they are joined in microseconds, with all checksums.  ISO/IEC 14496-22 (TrueType outlines).
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from factory.page.fonts import Face
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
    word_sum,
)

LONG = struct.Struct(">L")
CHECKSUM, SIZE = 4, 12  #: offsets in an entry of the directory
ORDER = ("head", "hhea", "maxp", "hmtx", "loca", "glyf")  #: as they stand in the file
DIRECTORY = struct.pack(">L4H", TRUETYPE, len(ORDER), 64, 2, 32)  #: for six tables
START = DIRECTORY_HEADER + ENTRY.size * len(ORDER)
COMPOUND = b"\xff\xff"  #: instead of the number of contours: made of other glyphs
OUTLINE_HEADER = 10  #: bytes: contours and the box around them
MOST_KEPT = 8192


class Glyph(NamedTuple):
    """One glyph: outline, filled up to whole words, with their sum; width and side bearing."""

    outline: bytes
    outline_sum: int
    metric: bytes
    metric_sum: int


EMPTY = Glyph(b"", 0, bytes(WORD), 0)


@lru_cache(maxsize=16)
def glyphs_of(face: Face) -> Glyphs:
    """Of one face, for all who ask in this process."""
    return Glyphs(face)


class Glyphs(dict[str, Glyph | None]):
    """Of one face by character; None: made of other glyphs, which does not stand alone."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._outlines, self._metrics = face.table("glyf"), face.table("hmtx")
        self._places, self._step = _places(face)
        (self._wide,) = struct.unpack_from(">H", face.table("hhea"), WIDTHS)
        self._constant = {tag: bytes(face.table(tag)) for tag in ("head", "hhea", "maxp")}
        self._frames: dict[int, _Frame] = {}
        self.missing = self._glyph(0) or EMPTY

    def __missing__(self, ch: str) -> Glyph | None:
        if len(self) >= MOST_KEPT:
            self.clear()
        self[ch] = self._glyph(self._face.glyph(ch))
        return self[ch]

    def _glyph(self, number: int) -> Glyph | None:
        start, end = (self._step * place for place in self._places[number : number + 2])
        found = bytes(self._outlines[start:end])
        if found.startswith(COMPOUND):
            return None
        outline, metric = padded(_unhinted(found)), self._metric(number)
        return Glyph(outline, word_sum(outline), metric, word_sum(metric))

    def _metric(self, number: int) -> bytes:
        """Width and left side bearing; the last width goes on for all behind it."""
        metrics, wide = self._metrics, self._wide
        if number < wide:
            return bytes(metrics[WORD * number : WORD * (number + 1)])
        bearing, last = WORD * wide + 2 * (number - wide), WORD * (wide - 1)
        return bytes(metrics[last : last + 2]) + bytes(metrics[bearing : bearing + 2])

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
        whole = {tag: padded(data) for tag, data in tables.items()}
        starts = accumulate((_whole(sizes[tag]) for tag in ORDER), initial=START)
        places = dict(zip(ORDER, starts, strict=False))
        sums = {tag: word_sum(data) for tag, data in whole.items()}
        listed = [(tag, sums.get(tag, 0), places[tag], sizes[tag]) for tag in sorted(ORDER)]
        entries = b"".join(ENTRY.pack(tag.encode("ascii"), *rest) for tag, *rest in listed)
        self._bytes = DIRECTORY + entries + b"".join(whole.values())
        self._sum = word_sum(self._bytes)
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


def _places(face: Face) -> tuple[memoryview, int]:
    """Where outlines begin, in units of so many bytes (loca)."""
    loca = face.table("loca")
    is_long = bytes(face.table("head")[LONG_PLACES : LONG_PLACES + 2]) == b"\0\1"
    places = array("I" if is_long else "H", bytes(loca))
    if sys.byteorder == "little":
        places.byteswap()
    return memoryview(places), 1 if is_long else 2


def _unhinted(outline: bytes) -> bytes:
    """Without its instructions, which no reader of an embedded subset needs (glyf)."""
    if not outline:
        return outline
    (contours,) = struct.unpack_from(">h", outline)
    at = OUTLINE_HEADER + 2 * contours
    (size,) = struct.unpack_from(">H", outline, at)
    return outline[:at] + b"\0\0" + outline[at + 2 + size :]


def _counted(constant: Mapping[str, bytes], count: int) -> dict[str, bytes]:
    """Tables that say how many glyphs there are, each with a width, placed by long numbers."""
    head = put(put(constant["head"], HEAD_ADJUSTMENT, bytes(WORD)), LONG_PLACES, b"\0\1")
    return {
        "head": head,
        "hhea": put(constant["hhea"], WIDTHS, count.to_bytes(2)),
        "maxp": put(constant["maxp"], GLYPHS, count.to_bytes(2)),
    }


def _whole(size: int) -> int:
    return -(-size // WORD) * WORD
