"""Filing numbers and query codes (办件申报号, 查询密码) of a filing slip (申报告知单).

Their forms are not published; these are ours, made to be read out and typed.
"""

from __future__ import annotations

from datetime import date

from stdnum.iso7064 import mod_37_36

from factory.errors import FieldError
from factory.numbering.spelling import plain
from factory.numbering.verification import CROCKFORD, READ_AS

MAX_SERIAL = 999_999
QUERY_CODE_BYTES, QUERY_CODE_LENGTH = 5, 8


def filing_number(prefix: str, day: date, serial: int) -> str:
    """Prefix, day, serial of the day and a check character (ISO/IEC 7064 MOD 37,36).

    FieldError: more than 999999 on one day.

    >>> filing_number("33", date(2026, 3, 2), 17)
    '3320260302000017L'
    """
    if not 1 <= serial <= MAX_SERIAL:
        raise FieldError("filing_number", f"1 to {MAX_SERIAL} a day", "the serial is out of range")
    body = f"{prefix}{day:%Y%m%d}{serial:06}"
    return body + str(mod_37_36.calc_check_digit(body))


def parse_filing_number(text: str) -> str:
    """The number as it is stored, from what a person typed.

    FieldError: the check character is wrong; the number is not repeated.
    """
    number = "".join(plain(text).split())
    if not number.isascii() or not number.isalnum() or not mod_37_36.is_valid(number):
        raise FieldError("filing_number", "ISO/IEC 7064 MOD 37,36", "was mistyped")
    return number


def query_code(random_bytes: bytes) -> str:
    """Eight Crockford base-32 characters of 40 random bits.

    random_bytes: exactly 5, from the system's generator.
    """
    if len(random_bytes) != QUERY_CODE_BYTES:
        raise FieldError("query_code", "40 bits", f"needs {QUERY_CODE_BYTES} random bytes")
    bits = int.from_bytes(random_bytes, "big")
    return "".join(CROCKFORD[bits >> 5 * place & 31] for place in reversed(range(8)))


def parse_query_code(text: str) -> str:
    """The code as it is stored, from what a person typed: any case, O for 0, I or L for 1.

    FieldError: not eight characters of the alphabet; the code is not repeated.
    """
    code = plain(text).translate(READ_AS)
    if len(code) != QUERY_CODE_LENGTH or not set(code) <= set(CROCKFORD):
        raise FieldError("query_code", "Crockford base 32", "is not a code of 8 characters")
    return code
