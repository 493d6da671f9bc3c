"""Codes people type: verification codes of editions, in Crockford's base 32."""

from __future__ import annotations

from factory.errors import FieldError
from factory.numbering.spelling import plain

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 20
CODE_BYTES = 13
READ_AS = str.maketrans("OIL", "011", "- ")


def verification_code(random_bytes: bytes) -> str:
    """Twenty Crockford base-32 characters from the first 100 of 104 random bits.

    random_bytes: exactly 13, from the system's generator; the caller draws them.

    >>> verification_code(bytes(13)), verification_code(b"\\xff" * 13)
    ('00000000000000000000', 'ZZZZZZZZZZZZZZZZZZZZ')
    """
    if len(random_bytes) != CODE_BYTES:
        raise FieldError("verification_code", "100 bits", f"needs {CODE_BYTES} random bytes")
    bits = int.from_bytes(random_bytes, "big") >> (8 * CODE_BYTES - 5 * CODE_LENGTH)
    return "".join(CROCKFORD[bits >> 5 * place & 31] for place in reversed(range(CODE_LENGTH)))


def parse_verification_code(text: str) -> str:
    """The code as it is stored, from what a person typed: any case, O for 0, I or L for 1.

    FieldError: not twenty characters of the alphabet; the message does not repeat them.

    >>> parse_verification_code("zzzzz-00ool-11iil ABCDE")
    'ZZZZZ0000111111ABCDE'
    """
    code = plain(text).translate(READ_AS)
    if len(code) != CODE_LENGTH or not set(code) <= set(CROCKFORD):
        raise FieldError("verification_code", "Crockford base 32", "is not a code of 20 characters")
    return code
