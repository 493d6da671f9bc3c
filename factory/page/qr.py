"""QR symbols (快速响应矩阵码), level M, by table.  GB/T 18284-2000 (ISO/IEC 18004).

Of symbols of one version and one mask each module is the same sum (over GF(2)) of the content's
bits.  So the symbol of a content is that of another one of its length, changed by the sum of what
each differing bit changes: a few additions where an encoder tries and places for half a
millisecond.  What changes what is asked of segno, bit by bit, when it is first needed.
"""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import getitem, xor
from typing import NamedTuple

import segno

MASK = 4  #: one for all, which readers undo alike
BLANK = "a"
BITS_OF_A_CHARACTER = 7
TAIL = 20  #: characters of a verification code, which is what differs
MOST_HEADS = 64
DIGITS = bytes.maketrans(b"\0\1", b"01")
#: Of these alone a symbol would be packed more tightly than by bytes (6.4.4), and otherwise.
ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


class Symbol(NamedTuple):
    """The modules of a symbol, without its quiet zone.

    side: modules of a row, and rows.
    bits: rows from the top, each filled up with zeros to whole bytes; 1 is dark.
    """

    side: int
    bits: bytes


def symbol(content: str) -> Symbol:
    """The symbol of a content, as segno makes it."""
    if not content.isascii() or ALPHANUMERIC.issuperset(content):
        return _drawn(content)
    return _table(len(content)).symbol(content)


def rows(side: int, bits: bytes) -> tuple[bytes, ...]:
    """One byte a module, from the top; 1 is dark."""
    width = (side + 7) // 8
    lines = (bits[start : start + width] for start in range(0, len(bits), width))
    return tuple(bytes(line[x >> 3] >> (7 - (x & 7)) & 1 for x in range(side)) for line in lines)


class _Changes(dict[str, int]):
    """What each character at one place changes, asked of segno when it is first met."""

    def __init__(self, blank: str, known: int, at: int) -> None:
        self._before, self._after, self._known = blank[:at], blank[at + 1 :], known

    def __missing__(self, ch: str) -> int:
        """The sum of its bits' changes."""
        differing = ord(ch) ^ ord(BLANK)
        flips = (1 << n for n in range(BITS_OF_A_CHARACTER) if differing >> n & 1)
        self[ch] = reduce(xor, map(self._flipped, flips), 0)
        return self[ch]

    def _flipped(self, bit: int) -> int:
        return _by_bytes(f"{self._before}{chr(ord(BLANK) ^ bit)}{self._after}") ^ self._known


class _Table:
    """Symbols of contents of one length."""

    def __init__(self, length: int) -> None:
        blank = BLANK * length
        made = _drawn(blank)
        self._side, self._size, self._known = made.side, len(made.bits), int.from_bytes(made.bits)
        changes = [_Changes(blank, self._known, at) for at in range(length)]
        self._head, self._tail = changes[:-TAIL], changes[-TAIL:]
        self._heads: dict[str, int] = {}

    def symbol(self, content: str) -> Symbol:
        """From what each character changes; what mostly stays, an address, is kept as one."""
        head, tail = content[:-TAIL], content[-TAIL:]
        changed = self._heads.get(head)
        if changed is None:
            changed = self._learnt(head)
        changed = reduce(xor, map(getitem, self._tail, tail), changed)
        return Symbol(self._side, changed.to_bytes(self._size))

    def _learnt(self, head: str) -> int:
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[head] = reduce(xor, map(getitem, self._head, head), self._known)
        return self._heads[head]


@lru_cache(maxsize=8)
def _table(length: int) -> _Table:
    return _Table(length)


@lru_cache(maxsize=4096)
def _by_bytes(content: str) -> int:
    return int.from_bytes(_drawn(content, mode="byte").bits)


def _drawn(content: str, mode: str | None = None) -> Symbol:
    made = segno.make(
        content, error="m", micro=False, boost_error=False, mask=MASK, mode=mode,
        encoding="iso-8859-1" if mode else None,
    )  # fmt: skip
    side = len(made.matrix)
    return Symbol(side, b"".join(_packed(bytes(row), (side + 7) // 8) for row in made.matrix))


def _packed(row: bytes, width: int) -> bytes:
    digits = row.translate(DIGITS).decode("ascii").ljust(8 * width, "0")
    return int(digits, 2).to_bytes(width)
