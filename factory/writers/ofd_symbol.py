"""A QR symbol as a PNG of one bit a pixel (ISO/IEC 15948), deflated by hand (RFC 1951).

Every line of modules is ``PIXELS_PER_MODULE`` equal lines of pixels and every module a whole byte,
so all that a compressor could find is known beforehand: the first line is written byte for byte,
and the others repeat it.  Lines hold two values of a byte alone, so one Huffman code fits all
symbols: a light module takes one bit, a dark one two.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

PIXELS_PER_MODULE = 8  #: enough that a reader's smoothing does no harm
PNG_START = b"\x89PNG\r\n\x1a\n"
ZLIB_START = b"\x78\x01"  #: RFC 1950, 2.2
MOST_REPEATED = 257  #: bytes that one of the codes used here repeats
BLOCK = "1" + "01"  #: the only one, with a Huffman code of its own (3.2.3)

#: The code of the page's bytes, bit for bit as it stands in the file: of 255, 0, the end of the
#: block, and the one length and distance.
DARK, END, REPEAT, BACK = "10", "110", "111", "0"
PIXELS = bytes.maketrans(b"01", b"\xff\0")  #: of a module, a byte; 0 is black
UNFILTERED = b"\0"  #: before each line of pixels; the same byte as a dark module

#: The code of the lengths of codes (3.2.7), by which the code above is written down.
OF_LENGTHS = {1: "00", 18: "01", 0: "100", 2: "101", 3: "110", 17: "111"}
WRITTEN_IN_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What is the same for all symbols of one size.

    start: the picture up to its pixels.
    opening: the block up to the first module; between: from a line's last module to the next
    line's first; closing: what follows the last line.
    """

    start: bytes
    opening: str
    between: str
    closing: str


def symbol(side: int, bits: bytes) -> bytes:
    """The picture of a symbol; side and bits as in ``page.qr.Symbol``."""
    frame, across = _frame(side), 8 * len(bits) // side
    modules = f"{int.from_bytes(bits):0{8 * len(bits)}b}"
    lines = "|".join([modules[at : at + side] for at in range(0, across * side, across)])
    content = ZLIB_START + _deflated(frame, lines) + _sum(lines).to_bytes(4)
    return frame.start + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def _deflated(frame: _Frame, lines: str) -> bytes:
    """The pixels.  In a byte the first bit is the lowest (3.1.1)."""
    coded = lines.replace("1", DARK).replace("|", frame.between)
    stream = f"{frame.opening}{coded}{frame.closing}"[::-1]
    return int(stream, 2).to_bytes((len(stream) + 7) // 8, "little")


def _sum(lines: str) -> int:
    """Of the pixels (RFC 1950, 2.2)."""
    pixels = lines.encode().translate(PIXELS).split(b"|")
    return zlib.adler32(b"".join([(UNFILTERED + line) * PIXELS_PER_MODULE for line in pixels]))


@lru_cache(maxsize=40)
def _frame(side: int) -> _Frame:
    size, line = side * PIXELS_PER_MODULE, side + 1
    header = struct.pack(">2L5B", size, size, 1, 0, 0, 0, 0)
    rest = line * (PIXELS_PER_MODULE - 1)
    times = next(n for n in (1, 2, 7, 14) if rest % n == 0 and rest // n <= MOST_REPEATED)
    length, length_bits = _length(rest // times)
    distance, distance_bits = _distance(line)
    repeated = (REPEAT + length_bits + BACK + distance_bits) * times
    return _Frame(
        start=PNG_START + _chunk(b"IHDR", header),
        opening=BLOCK + _codes(length, distance) + DARK,
        between=repeated + DARK,
        closing=repeated + END,
    )


def _codes(length: int, distance: int) -> str:
    """The code of the page's bytes, written down (3.2.7): how long each of its codes is."""
    of_literals = [2, *[0] * 254, 1, 3, *[0] * (length - 257), 3]
    of_distances = [*[0] * distance, 1]
    counts = (
        (len(of_literals) - 257, 5),
        (len(of_distances) - 1, 5),
        (len(WRITTEN_IN_ORDER) - 4, 4),
    )
    known = (len(OF_LENGTHS.get(each, "")) for each in WRITTEN_IN_ORDER)
    return "".join((
        *(_low_first(value, places) for value, places in counts),
        *(_low_first(each, 3) for each in known),
        _lengths([*of_literals, *of_distances]),
    ))  # fmt: skip


def _lengths(lengths: Sequence[int]) -> str:
    """Nonzero ones as they are, zeros by how many there are."""
    written, zeros = "", 0
    for each in (*lengths, None):
        if each == 0:
            zeros += 1
            continue
        written += _zeros(zeros)
        written += "" if each is None else OF_LENGTHS[each]
        zeros = 0
    return written


def _zeros(count: int) -> str:
    if count > 138:  # noqa: PLR2004 - the most that one code says
        return _zeros(138) + _zeros(count - 138)
    if count > 10:  # noqa: PLR2004 - of fewer another code says how many
        return OF_LENGTHS[18] + _low_first(count - 11, 7)
    if count > 2:  # noqa: PLR2004
        return OF_LENGTHS[17] + _low_first(count - 3, 3)
    return OF_LENGTHS[0] * count


def _length(size: int) -> tuple[int, str]:
    """The code of a length from 3 to 257, and its further bits (3.2.5)."""
    more = size - 3
    places = max(0, more.bit_length() - 3)
    return 257 + 4 * places + (more >> places), _low_first(more, places)


def _distance(size: int) -> tuple[int, str]:
    """The code of a distance, and its further bits (3.2.5)."""
    more = size - 1
    places = max(0, more.bit_length() - 2)
    return 2 * places + (more >> places), _low_first(more, places)


def _low_first(value: int, places: int) -> str:
    """The lowest bits of a number, the lowest of them first (3.1.1)."""
    return "".join(str(value >> place & 1) for place in range(places))


def _chunk(kind: bytes, content: bytes) -> bytes:
    named = kind + content
    return len(content).to_bytes(4) + named + zlib.crc32(named).to_bytes(4)
