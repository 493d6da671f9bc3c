"""What a QR symbol says, module by module: no camera, no repair.  GB/T 18284-2000 (ISO/IEC 18004).

Shares nothing with ``page.qr``, which makes them.  Level M and versions 1 to 10, as certificates
have them; one damaged module is told and not mended, since in a file nothing gets dirty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from factory.errors import LintError

#: of each version the correction codewords of a block, and the data codewords of each (table 9)
BLOCKS: Sequence[tuple[int, tuple[int, ...]]] = (
    (10, (16,)),
    (16, (28,)),
    (26, (44,)),
    (18, (32,) * 2),
    (24, (43,) * 2),
    (16, (27,) * 4),
    (18, (31,) * 4),
    (22, (38, 38, 39, 39)),
    (22, (36, 36, 36, 37, 37)),
    (26, (43, 43, 43, 43, 44)),
)
#: of each version where alignment patterns have their middle (annex E)
ALIGNED: Sequence[tuple[int, ...]] = (
    (), (6, 18), (6, 22), (6, 26), (6, 30), (6, 34), (6, 22, 38), (6, 24, 42), (6, 26, 46),
    (6, 28, 50),
)  # fmt: skip
FORMAT_MASK, LEVEL_M = 0x5412, 0b00  #: 8.9
NUMERIC, ALPHANUMERIC, BYTES = 1, 2, 4  #: 8.3
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
FIRST_OF_VERSIONS, EVERY_VERSION = 21, 4  #: modules of a side
WITH_VERSION, FINDER, TIMING = 7, 8, 6
LONG_COUNTS = 10  #: the version from which counts are longer
POLYNOMIAL, FIELD = 0x11D, 255

Modules = Sequence[Sequence[int]]  #: rows from the top, 1 is dark


def content(modules: Modules) -> str:
    """The text of a symbol without its quiet zone.  LintError: it is none, or damaged."""
    version = (len(modules) - FIRST_OF_VERSIONS) // EVERY_VERSION + 1
    side = FIRST_OF_VERSIONS + EVERY_VERSION * (version - 1)
    if version not in range(1, len(BLOCKS) + 1) or {len(modules), *map(len, modules)} != {side}:
        raise LintError("symbol: is no QR symbol of version 1 to 10")
    level, mask = _format(modules)
    if level != LEVEL_M:
        raise LintError("symbol: is not of level M")
    bits = [modules[y][x] ^ flipped for y, x, flipped in _course(version, mask)]
    codewords = [_number(bits[at : at + 8]) for at in range(0, len(bits) // 8 * 8, 8)]
    return _text(_data(codewords, version), version)


def _format(modules: Modules) -> tuple[int, int]:
    """The level and the number of the mask (8.9), as the copy beside the first corner has them."""
    across = [modules[8][x] for x in (0, 1, 2, 3, 4, 5, 7, 8)]
    down = [modules[y][8] for y in (7, 5, 4, 3, 2, 1, 0)]
    word = _number([*across, *down]) ^ FORMAT_MASK
    return word >> 13, word >> 10 & 0b111


@lru_cache(maxsize=16)
def _course(version: int, mask: int) -> tuple[tuple[int, int, int], ...]:
    """Row, column and whether the mask flips it, of each module of data in its order (8.7.3)."""
    side = FIRST_OF_VERSIONS + EVERY_VERSION * (version - 1)
    taken = _taken(version, side)
    found = []
    columns = [*range(side - 1, TIMING, -2), *range(TIMING - 1, 0, -2)]
    for turn, right in enumerate(columns):
        rows = range(side) if turn % 2 else range(side - 1, -1, -1)
        found += [
            (y, x, _flips(mask, y, x)) for y in rows for x in (right, right - 1)
            if (y, x) not in taken
        ]  # fmt: skip
    return tuple(found)


def _taken(version: int, side: int) -> set[tuple[int, int]]:
    """Modules that are no data: patterns, format and version (8.7.2)."""
    ends = range(side - FINDER, side)
    first = range(FINDER + 1)
    taken = {(y, x) for y in first for x in first}
    taken |= {(y, x) for y in first for x in ends} | {(y, x) for y in ends for x in first}
    taken |= {(TIMING, n) for n in range(side)} | {(n, TIMING) for n in range(side)}
    middles = ALIGNED[version - 1]
    corners = {(6, 6), (6, side - 7), (side - 7, 6)}
    for y, x in {(y, x) for y in middles for x in middles} - corners:
        taken |= {(y + down, x + across) for down in range(-2, 3) for across in range(-2, 3)}
    if version >= WITH_VERSION:
        block = {(y, x) for y in range(6) for x in range(side - 11, side - 8)}
        taken |= block | {(x, y) for y, x in block}
    return taken


def _flips(mask: int, y: int, x: int) -> int:
    """Table 10: i is the row, j the column."""
    sums = (
        (y + x) % 2,
        y % 2,
        x % 3,
        (y + x) % 3,
        (y // 2 + x // 3) % 2,
        y * x % 2 + y * x % 3,
        (y * x % 2 + y * x % 3) % 2,
        (y * x % 3 + (y + x) % 2) % 2,
    )
    return int(sums[mask] == 0)


def _data(codewords: Sequence[int], version: int) -> bytes:
    """The blocks one after the other (8.6), each without its correction, which must fit."""
    correction, lengths = BLOCKS[version - 1]
    blocks: list[list[int]] = [[] for _ in lengths]
    left = iter(codewords)
    for place in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if place < length:
                block.append(next(left))
    for _ in range(correction):
        for block in blocks:
            block.append(next(left))
    if any(_remainder(block, power) for block in blocks for power in range(correction)):
        raise LintError("symbol: is damaged")
    return bytes(
        word for block, length in zip(blocks, lengths, strict=True) for word in block[:length]
    )


def _remainder(block: Sequence[int], power: int) -> int:
    """The block as a polynomial at that power of alpha; 0 where nothing is wrong (8.5, annex A)."""
    powers, logarithms = _field()
    value = 0
    for word in block:
        value = (powers[(logarithms[value] + power) % FIELD] if value else 0) ^ word
    return value


@lru_cache(maxsize=1)
def _field() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Powers of alpha, and their logarithms."""
    powers, logarithms, value = [], [0] * 256, 1
    for exponent in range(FIELD):
        powers.append(value)
        logarithms[value] = exponent
        value = value << 1 ^ (POLYNOMIAL if value & 0x80 else 0)
    return tuple(powers), tuple(logarithms)


def _text(data: bytes, version: int) -> str:
    """Its segments (8.3, 8.4); they end with four zeros or with the data."""
    bits = _Bits(data)
    parts = []
    while mode := bits.take(4):
        if mode == BYTES:
            count = bits.take(16 if version >= LONG_COUNTS else 8)
            parts.append(bytes(bits.take(8) for _ in range(count)).decode("utf-8", "replace"))
        elif mode == ALPHANUMERIC:
            parts.append("".join(_pairs(bits, bits.take(11 if version >= LONG_COUNTS else 9))))
        elif mode == NUMERIC:
            parts.append("".join(_triples(bits, bits.take(12 if version >= LONG_COUNTS else 10))))
        else:
            raise LintError("symbol: holds something else than text")
    return "".join(parts)


def _pairs(bits: _Bits, count: int) -> Iterator[str]:
    for _ in range(count // 2):
        first, second = divmod(bits.take(11), 45)
        yield CHARACTERS[first % 45] + CHARACTERS[second]
    if count % 2:
        yield CHARACTERS[bits.take(6) % 45]


def _triples(bits: _Bits, count: int) -> Iterator[str]:
    for left in range(count, 0, -3):
        digits = min(left, 3)
        yield f"{bits.take({3: 10, 2: 7, 1: 4}[digits]):0{digits}}"


class _Bits:
    """Taken from the front; where nothing is left, zeros."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & (1 << count) - 1


def _number(bits: Sequence[int]) -> int:
    value = 0
    for bit in bits:
        value = value << 1 | bit
    return value
