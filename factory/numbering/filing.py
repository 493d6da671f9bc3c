"""Filing numbers and query codes (办件申报号, 查询密码) of a filing slip (申报告知单).

Zhejiang's slip carries both, and whoever has both may ask how far the case has got.  Their forms
are not published; these are ours, made to be read out and typed: neither holds an I, L or O.
"""

from __future__ import annotations

import re
from datetime import date

from stdnum.iso7064 import mod_37_36

from factory.errors import FieldError
from factory.numbering.crockford import READ_AS, as_typed, is_code, spelled

CHECK_RULE = "ISO/IEC 7064 MOD 37,36"
ALPHABET = "0-9, A-Z without I, L, O"
UNCLEAR = frozenset("ILO")
#: Letters that are read as digits would make a prefix that cannot be typed carelessly.
PREFIX = re.compile(r"[0-9A-HJKMNP-Z]{0,8}", re.ASCII)
BODY = re.compile(PREFIX.pattern + r"[0-9]{14}", re.ASCII)
SERIALS = range(1, 1_000_000)
QUERY_CODE_BYTES, QUERY_CODE_LENGTH = 5, 8


def filing_number(prefix: str, day: date, serial: int) -> str:
    """Prefix, day (8 digits), serial of the day (6 digits) and a check character.

    prefix: up to eight digits and capitals without I, L, O, the authority's own choice.
    FieldError: another prefix, more than 999999 on one day, or a serial that is to be skipped.
    The check is ISO/IEC 7064 MOD 37,36 over all before it.

    >>> filing_number("33", date(2026, 3, 2), 6)
    '3320260302000006J'
    """
    if not is_clear(prefix, day, serial):
        raise FieldError("filing_number", ALPHABET, "the check would be I, L or O: skip the serial")
    body = _body(prefix, day, serial)
    return body + _check_character(body)


def is_clear(prefix: str, day: date, serial: int) -> bool:
    """Whether the number of that serial ends in a check that is not taken for a digit.

    FieldError: as for ``filing_number``.

    >>> is_clear("33", date(2026, 3, 2), 5), is_clear("33", date(2026, 3, 2), 6)
    (False, True)
    """
    return _check_character(_body(prefix, day, serial)) not in UNCLEAR


def _body(prefix: str, day: date, serial: int) -> str:
    if not PREFIX.fullmatch(prefix):
        raise FieldError("filing_number", ALPHABET, "the prefix is malformed")
    if serial not in SERIALS:
        raise FieldError("filing_number", "1 to 999999 a day", "the serial is out of range")
    return f"{prefix}{day:%Y%m%d}{serial:06}"


def parse_filing_number(text: str) -> str:
    """The number as it is stored, from what a person typed: any case, O for 0, I or L for 1.

    FieldError: malformed, or the check character is wrong; the number is not repeated.

    On slips given out before, the check character may itself be I, L or O, so there either
    spelling counts: of two hundred wrong digits one may go unseen, and then the query code is
    not that number's.

    >>> parse_filing_number("33 2o26-o3o2 oooo05 1")
    '3320260302000005L'
    """
    typed = as_typed(text)
    body, check = typed[:-1], typed[-1:]
    if not BODY.fullmatch(body):
        raise FieldError("filing_number", CHECK_RULE, "is not prefix, day, serial and check")
    right = _check_character(body)
    if right.translate(READ_AS) != check:
        raise FieldError("filing_number", CHECK_RULE, "the check character is wrong")
    return body + right


def query_code(random_bytes: bytes) -> str:
    """Eight Crockford base-32 characters of 40 random bits.

    random_bytes: exactly 5, from the system's generator; the caller draws them.
    FieldError:   another count of bytes.

    >>> query_code(bytes(5)), query_code(bytes([255, 0, 255, 0, 255]))
    ('00000000', 'ZW0FY07Z')
    """
    if len(random_bytes) != QUERY_CODE_BYTES:
        raise FieldError("query_code", "40 bits", f"needs {QUERY_CODE_BYTES} random bytes")
    return spelled(int.from_bytes(random_bytes, "big"), QUERY_CODE_LENGTH)


def parse_query_code(text: str) -> str:
    """The code as it is stored, from what a person typed: any case, O for 0, I or L for 1.

    FieldError: not eight characters of the alphabet; the code is not repeated.

    >>> parse_query_code("zwof-yo7z")
    'ZW0FY07Z'
    """
    code = as_typed(text)
    if not is_code(code, QUERY_CODE_LENGTH):
        raise FieldError("query_code", "Crockford base 32", "is not a code of 8 characters")
    return code


def _check_character(body: str) -> str:
    return str(mod_37_36.calc_check_digit(body))
