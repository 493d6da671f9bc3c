"""Verification codes of editions, which people type to learn whether a certificate is in force."""

from __future__ import annotations

from factory.errors import FieldError
from factory.numbering.crockford import BITS_EACH, as_typed, is_code, spelled

CODE_LENGTH = 20
CODE_BYTES = 13


def verification_code(random_bytes: bytes) -> str:
    """Twenty Crockford base-32 characters from the first 100 of 104 random bits.

    random_bytes: exactly 13, from the system's generator; the caller draws them.
    FieldError:   another count of bytes.

    >>> verification_code(bytes(13)), verification_code(b"\\xff" * 13)
    ('00000000000000000000', 'ZZZZZZZZZZZZZZZZZZZZ')
    """
    if len(random_bytes) != CODE_BYTES:
        raise FieldError("verification_code", "100 bits", f"needs {CODE_BYTES} random bytes")
    unused = 8 * CODE_BYTES - BITS_EACH * CODE_LENGTH
    return spelled(int.from_bytes(random_bytes, "big") >> unused, CODE_LENGTH)


def parse_verification_code(text: str) -> str:
    """The code as it is stored, from what a person typed: any case, O for 0, I or L for 1.

    FieldError: not twenty characters of the alphabet; the message does not repeat them.

    >>> parse_verification_code("zzzzz-00ool-11iil ABCDE")
    'ZZZZZ0000111111ABCDE'
    """
    code = as_typed(text)
    if not is_code(code, CODE_LENGTH):
        raise FieldError("verification_code", "Crockford base 32", "is not a code of 20 characters")
    return code
