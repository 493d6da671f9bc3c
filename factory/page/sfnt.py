"""The container of TrueType fonts: tables, words and their sums.  ISO/IEC 14496-22, 4 and 5."""

from __future__ import annotations

import struct
import sys
from array import array

TRUETYPE = 0x00010000
ENTRY = struct.Struct(">4s3L")  #: of the table directory: tag, sum, offset, length
DIRECTORY_HEADER = 12  #: bytes before the first entry
WORD, ALL_ONES = 4, 0xFFFFFFFF
MAGIC_SUM = 0xB1B0AFBA  #: of a whole file
HEAD_ADJUSTMENT = 8  #: where ``head`` holds what brings the whole file's sum to MAGIC_SUM
LONG_PLACES = 50  #: where ``head`` says whether ``loca`` has long numbers
WIDTHS, GLYPHS = 34, 4  #: where ``hhea`` and ``maxp`` say how many there are


def tables_of(font: bytes) -> dict[str, bytes]:
    """The tables of a TrueType file by tag, in the order of its directory."""
    (count,) = struct.unpack_from(">H", font, 4)
    entries = (ENTRY.unpack_from(font, DIRECTORY_HEADER + ENTRY.size * n) for n in range(count))
    return {tag.decode("ascii"): font[at : at + size] for tag, _, at, size in entries}


def put(table: bytes, at: int, data: bytes) -> bytes:
    """The table with these bytes there."""
    return table[:at] + data + table[at + len(data) :]


def padded(table: bytes) -> bytes:
    """Filled up to whole words."""
    return table + bytes(-len(table) % WORD)


def word_sum(table: bytes) -> int:
    """Of its words, as checksums are taken."""
    words = array("I", padded(table))
    if sys.byteorder == "little":
        words.byteswap()
    return sum(words) & ALL_ONES
