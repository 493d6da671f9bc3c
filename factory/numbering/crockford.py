"""Crockford's base 32: digits and capitals without I, L, O and U, made to be read and typed."""

from __future__ import annotations

from factory.numbering.spelling import plain

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BITS_EACH = 5
#: What looks alike is one character; hyphens and spaces only part groups.
READ_AS = str.maketrans("OIL", "011", "- ")


def spelled(bits: int, length: int) -> str:
    """The lowest ``length`` x 5 bits, the highest first.

    >>> spelled(0, 4), spelled(33, 4)
    ('0000', '0011')
    """
    places = reversed(range(length))
    return "".join(CROCKFORD[bits >> BITS_EACH * place & 31] for place in places)


def as_typed(text: str) -> str:
    """What a person typed, as it is stored: any case and width, O for 0, I or L for 1.

    >>> as_typed(" oil-x7 ")
    '011X7'
    """
    return plain(text).translate(READ_AS)


def is_code(text: str, length: int) -> bool:
    """Whether it is so many characters of the alphabet."""
    return len(text) == length and set(text) <= set(CROCKFORD)
