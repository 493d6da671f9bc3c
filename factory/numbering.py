"""Numbers a certificate carries: registration numbers, 证照标识, verification codes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from stdnum.iso7064 import mod_37_36

from factory.errors import FieldError

Scheme = Literal["jzs12", "jzs16"]

CENTURY = 2000
#: Two-digit qualification years above this were never 20xx when the national scheme began.
LAST_TWO_DIGIT_YEAR = 23
SECOND_CLASS = 2

NUMBER = re.compile(
    r"(?P<province>[\u4e00-\u9fff])(?P<level>[12])(?P<division>\d{2})"
    r"(?:(?P<years16>20\d\d20\d\d)|(?P<years12>\d{4}))(?P<serial>\d{5})",
    re.ASCII,
)
LICENCE_ID = re.compile(
    r"(?P<root>\d+(?:\.\d+)+)\.(?P<type_code>[0-9A-Z]{21})"
    r"\.(?P<issuer>[0-9A-Z]{18}|[0-9]{6})\.(?P<serial>[0-9A-Z]{1,64})"
    r"\.(?P<version>[0-9]{3})\.(?P<check>[0-9A-Z])",
    re.ASCII,
)

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 20
CODE_BYTES = 13
_READ_AS = str.maketrans("OIL", "011", "- ")


# --- registration numbers (注册编号) of constructors ------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstructorNumber:
    """A constructor's registration number (注册编号) in its parts.

    province:           the abbreviation of where the person is registered now, e.g. 沪.
    level:              1 or 2.
    division:           two digits of GB/T 2260: where the first registration was, so it may
                        differ from ``province`` for a person who moved.
    qualification_year: four digits, 20xx.
    registration_year:  of the first registration, four digits, 20xx.
    serial:             1 to 99999, provincial.
    """

    province: str
    level: int
    division: str
    qualification_year: int
    registration_year: int
    serial: int

    def __post_init__(self) -> None:
        if not NUMBER.fullmatch(self.jzs16) or self.serial == 0:
            raise FieldError("registration_number", "jzs16", "a part is outside its range")

    @property
    def jzs12(self) -> str:
        """The older spelling: years with two digits.

        >>> parse_constructor_number("沪2312016201800057").jzs12
        '沪231161800057'
        """
        years = f"{self.qualification_year % 100:02}{self.registration_year % 100:02}"
        return f"{self.province}{self.level}{self.division}{years}{self.serial:05}"

    @property
    def jzs16(self) -> str:
        """The national spelling: years with four digits.

        >>> parse_constructor_number("沪231161800057").jzs16
        '沪2312016201800057'
        """
        years = f"{self.qualification_year:04}{self.registration_year:04}"
        return f"{self.province}{self.level}{self.division}{years}{self.serial:05}"


def parse_constructor_number(text: str) -> ConstructorNumber | None:
    """The number's parts from either spelling; None when it is in neither.

    Old numbers do not all follow the schemes: one that does not parse is opaque, not wrong.
    """
    found = NUMBER.fullmatch("".join(_plain(text).split()))
    if found is None or int(found["serial"]) == 0:
        return None
    qualified, registered = _years(found)
    return ConstructorNumber(
        province=found["province"],
        level=int(found["level"]),
        division=found["division"],
        qualification_year=qualified,
        registration_year=registered,
        serial=int(found["serial"]),
    )


def _years(found: re.Match[str]) -> tuple[int, int]:
    """Both years with four digits.

    Two-digit years get 20 before them.  A qualification year above 23 lay in the future when
    the registers were converted (98 is 1998) and the registration year stands for both; but one
    not after the registration year (24 and 25, a number drawn since) is what it says.
    """
    if years := found["years16"]:
        return int(years[:4]), int(years[4:])
    qualified, registered = int(found["years12"][:2]), int(found["years12"][2:])
    if qualified > LAST_TWO_DIGIT_YEAR and qualified > registered:
        qualified = registered
    return CENTURY + qualified, CENTURY + registered


def constructor_number(
    scheme: Scheme,
    abbreviation: str,
    division: str,
    qualification_year: int,
    registration_year: int,
    serial: int,
) -> str:
    """A second-class constructor's number as it is printed.  FieldError: a part out of range.

    >>> constructor_number("jzs16", "沪", "31", 2016, 2018, 57)
    '沪2312016201800057'
    """
    number = ConstructorNumber(
        province=abbreviation,
        level=SECOND_CLASS,
        division=division,
        qualification_year=qualification_year,
        registration_year=registration_year,
        serial=serial,
    )
    return number.jzs12 if scheme == "jzs12" else number.jzs16


def number_key(text: str) -> str:
    """What makes a number the same number: its jzs16 spelling, or the opaque text in capitals.

    >>> number_key("沪231161800057") == number_key("沪2312016201800057")
    True
    >>> number_key(" 建[造]21213100000123 ")
    '建[造]21213100000123'
    """
    number = parse_constructor_number(text)
    return number.jzs16 if number else _plain(text)


def _plain(text: str) -> str:
    capitals = unicodedata.normalize("NFKC", text).upper()
    return unicodedata.normalize("NFKC", capitals).strip()


# --- licence identifiers (电子证照标识) -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceId:
    """An identifier of one edition (电子证照标识) in its parts.  GB/T 36904-2018 clause 5.4.

    type_code: 证照类型代码, 21 characters.
    issuer:    credit code of the authority, 18 characters; imports also carry six-digit areas.
    version:   the edition's number, 1 to 999.
    """

    root: str
    type_code: str
    issuer: str
    serial: str
    version: int

    def __post_init__(self) -> None:
        if not 1 <= self.version <= 999 or not LICENCE_ID.fullmatch(f"{self._stem}.0"):  # noqa: PLR2004
            raise _wrong_licence_id("a part has a wrong length or character")

    @property
    def _stem(self) -> str:
        return f"{self.root}.{self.type_code}.{self.issuer}.{self.serial}.{self.version:03}"

    def __str__(self) -> str:
        body = f"{self.type_code}{self.issuer}{self.serial}{self.version:03}"
        return f"{self._stem}.{check_character(body)}"


def licence_id(root: str, type_code: str, issuer: str, serial: str, version: int) -> str:
    """The identifier of one edition with its check character.  FieldError: a part is malformed.

    >>> licence_id("1.2.156.3005.2", "11100000000013338W011", "11430000006122244L",
    ...            "20230000403", 1)
    '1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U'
    """
    parts = LicenceId(root=root, type_code=type_code, issuer=issuer, serial=serial, version=version)
    return str(parts)


def parse_licence_id(text: str) -> LicenceId:
    """The identifier's parts.  FieldError: malformed, or the check character is wrong."""
    found = LICENCE_ID.fullmatch(text)
    if found is None:
        raise _wrong_licence_id("is not root.type.issuer.serial.version.check")
    parts = LicenceId(
        root=found["root"],
        type_code=found["type_code"],
        issuer=found["issuer"],
        serial=found["serial"],
        version=int(found["version"]),
    )
    if str(parts) != text:
        raise _wrong_licence_id("the check character is wrong (GB/T 17710-2008)")
    return parts


def check_character(body: str) -> str:
    """The check over type, issuer, serial and version, without root and dots.

    body: digits and capital letters.
    ISO/IEC 7064 MOD 37,36 = GB/T 17710-2008.

    >>> check_character("11100000000013338W00911330105002500287C2025052201002")
    '0'
    """
    return str(mod_37_36.calc_check_digit(body))


def _wrong_licence_id(detail: str) -> FieldError:
    return FieldError("licence_id", "GB/T 36904-2018 5.4", detail)


# --- verification codes -----------------------------------------------------------------------


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
    code = _plain(text).translate(_READ_AS)
    if len(code) != CODE_LENGTH or not set(code) <= set(CROCKFORD):
        raise FieldError("verification_code", "Crockford base 32", "is not a code of 20 characters")
    return code
