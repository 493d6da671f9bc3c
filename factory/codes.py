"""Codes of enterprises and persons: what is wrong with one, named without the code itself."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from stdnum.cn import ric, uscc
from stdnum.exceptions import InvalidComponent

from factory.model import Sex

RESIDENT_IDENTITY_CARD = "111"  #: 居民身份证, GB/T 36903
LENGTH = 18

CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", re.ASCII)
IDENTITY_NUMBER = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
#: Standing alone in a text; what a day of birth may be tells the first from other long numbers.
ANY_IDENTITY_NUMBER = re.compile(
    r"(?<![0-9A-Z])[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"[0-9]{3}[0-9X](?![0-9A-Z])",
    re.ASCII | re.IGNORECASE,
)
ANY_MOBILE_NUMBER = re.compile(
    r"(?<![0-9A-Z])(?:86)?1[3-9][0-9]{9}(?![0-9A-Z])", re.ASCII | re.IGNORECASE
)


def credit_code_fault(code: str) -> str | None:
    """What is wrong with a unified social credit code (统一社会信用代码); None: nothing.

    GB 32100-2015: 31 characters without I, O, S, V, Z; characters 3 to 8 are digits; the last
    is a check over the others.

    >>> credit_code_fault("91310120703450737K")
    >>> credit_code_fault("913101207034507370")
    'GB 32100-2015: the check character is wrong'
    """
    if len(code) != LENGTH:
        return f"GB 32100-2015: has {len(code)} characters instead of {LENGTH}"
    if not CREDIT_CODE.fullmatch(code):
        return "GB 32100-2015: a character is outside its alphabet (no I, O, S, V, Z)"
    if uscc.calc_check_digit(code[:-1]) != code[-1]:
        return "GB 32100-2015: the check character is wrong"
    return None


def identity_number_fault(number: str, id_type: str, birth_date: date, sex: Sex) -> str | None:
    """What is wrong with a citizen's identity number (公民身份号码); None: nothing.

    Only the resident identity card has a rule; numbers of other papers have no check.  The
    area (digits 1 to 6) is not looked up: areas are abolished and numbers stay.

    GB 11643-1999: digits 7 to 14 are the day of birth, digit 17 is odd for men, the last is a
    check over the others (ISO 7064 MOD 11-2).

    >>> identity_number_fault("11010519491231002X", "111", date(1949, 12, 31), Sex.FEMALE)
    >>> identity_number_fault("11010519491231002X", "111", date(1949, 12, 31), Sex.MALE)
    'GB 11643-1999: the sex is another than the holder has'
    """
    if id_type != RESIDENT_IDENTITY_CARD:
        return None
    fault = _form_fault(number) or _agreement_fault(number, birth_date, sex)
    return f"GB 11643-1999: {fault}" if fault else None


def _form_fault(number: str) -> str | None:
    if len(number) != LENGTH:
        return f"has {len(number)} characters instead of {LENGTH}"
    if not IDENTITY_NUMBER.fullmatch(number):
        return "is not 17 digits and a digit or X"
    if ric.calc_check_digit(number) != number[-1]:
        return "the check character is wrong"
    return None


def _agreement_fault(number: str, birth_date: date, sex: Sex) -> str | None:
    try:
        born = ric.get_birth_date(number)
    except InvalidComponent:
        return "the day of birth is not a day of the calendar"
    if born != birth_date:
        return "the day of birth is another than the holder has"
    if sex is not (Sex.MALE if int(number[16]) % 2 else Sex.FEMALE):
        return "the sex is another than the holder has"
    return None


def private_number_fault(text: str) -> str | None:
    """What number of a person a text holds that everybody may read; None: none is seen.

    An identity number (GB 11643-1999), whether or not its check character is right, or the number
    of a mobile phone (eleven digits), in digits of either width.

    >>> private_number_fault("补发 11010519491231002X")
    'holds what looks like an identity number (公民身份号码, GB 11643-1999)'
    >>> private_number_fault("照片模糊, 沪2312016202400003, 更名通知书 2026-117")
    """
    plain = unicodedata.normalize("NFKC", text)
    for found in ANY_IDENTITY_NUMBER.findall(plain):
        if credit_code_fault(found) is not None:
            return "holds what looks like an identity number (公民身份号码, GB 11643-1999)"
    if ANY_MOBILE_NUMBER.search(plain):
        return "holds what looks like a mobile phone number (手机号)"
    return None
