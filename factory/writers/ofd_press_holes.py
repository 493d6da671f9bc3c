"""Members of an OFD that differ in a few places only, deflated but for these.  RFC 1951.

The constant pieces are deflated beforehand, and what fills a hole goes between them as it is, in a
stored block (3.2.4): to fill it is to join bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from factory.errors import PressUnableError
from factory.writers.ofd_press_package import LEVEL, SUMS, Body

EMPTY_BLOCK = b"\0\0\xff\xff"  #: how a flush ends: LEN and NLEN of a stored block without bytes
LARGEST_BLOCK = 0xFFFF
LAST_BLOCK = b"\3\0"  #: one without bytes that says that none follows


class Holed:
    """A member with holes, its constant pieces deflated.

    pieces: what stands before, between and behind the holes, at least two.
    sizes:  of what fills each hole, None where that differs; what stands behind the first such
            hole is deflated by itself, since nothing in it can point to what came before.
    """

    def __init__(self, pieces: Sequence[bytes], sizes: Sequence[int | None]) -> None:
        self.constants = tuple(pieces)
        self._pieces = list(_spread(pieces))
        self._packed = list(_spread(_pieces(pieces, sizes)))
        self._first_size = sizes[0] or 0
        self._lengths = [None if size is None else length(size) for size in sizes]

    def filled(self, values: Sequence[bytes]) -> bytes:
        """With these values in its holes."""
        pieces = self._pieces.copy()
        pieces[1::2] = values
        return b"".join(pieces)

    def first(self, body: bytes) -> bytes:
        """What fills the first hole of a packed member, where that has one size."""
        start = len(self._packed[0]) + len(self._lengths[0] or b"")
        return body[start : start + self._first_size]

    def body(self, values: Sequence[bytes], data: bytes) -> Body:
        """As it goes into the package; data: what ``filled`` gave."""
        packed = self._packed.copy()
        packed[1::2] = [
            (known or length(len(value))) + value
            for known, value in zip(self._lengths, values, strict=True)
        ]
        body = b"".join(packed)
        return SUMS.pack(zlib.crc32(data), len(body), len(data)), body


def cut(data: bytes, found: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, ...]:
    """What stands before, between and behind some values.

    found: each value with what stands right before it, in their order.
    PressUnableError: one does not stand there.
    """
    pieces, start = [], 0
    for before, value in found:
        at = data.find(before + value, start)
        if at < 0:
            raise PressUnableError("the reference writer writes a value in another place")
        pieces.append(data[start : at + len(before)])
        start = at + len(before) + len(value)
    return (*pieces, data[start:])


def _spread(pieces: Sequence[bytes]) -> Sequence[bytes]:
    """With a place for a value behind each but the last."""
    return [part for piece in pieces for part in (piece, b"")][:-1]


def _pieces(pieces: Sequence[bytes], sizes: Sequence[int | None]) -> Sequence[bytes]:
    """Each deflated up to where the length of a stored block follows."""
    deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    done = []
    for piece, size in zip(pieces, sizes, strict=False):
        flush = zlib.Z_FULL_FLUSH if size is None else zlib.Z_SYNC_FLUSH
        packed = deflater.compress(piece) + deflater.flush(flush)
        done.append(packed.removesuffix(EMPTY_BLOCK))
        if size:  # so that what follows points back as far as it will have to
            deflater.compress(bytes(size))
            deflater.flush(zlib.Z_SYNC_FLUSH)
    return [*done, deflater.compress(pieces[-1]) + deflater.flush()]


def flushed(data: bytes) -> bytes:
    """Packed by itself, up to the LEN of a stored block that follows."""
    deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflater.compress(data) + deflater.flush(zlib.Z_FULL_FLUSH)
    return packed.removesuffix(EMPTY_BLOCK)


def length(size: int) -> bytes:
    """LEN and NLEN.  PressUnableError: longer than a block may be."""
    if size > LARGEST_BLOCK:
        raise PressUnableError("a value is longer than a block of a package")
    return struct.pack("<2H", size, size ^ LARGEST_BLOCK)
