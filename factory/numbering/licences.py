"""Licence identifiers (电子证照标识) of editions, with their check character."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stdnum.iso7064 import mod_37_36

from factory.errors import FieldError

LICENCE_ID = re.compile(
    r"(?P<root>\d+(?:\.\d+)+)\.(?P<type_code>[0-9A-Z]{21})"
    r"\.(?P<issuer>[0-9A-Z]{18}|[0-9]{6})\.(?P<serial>[0-9A-Z]{1,64})"
    r"\.(?P<version>[0-9]{3})\.(?P<check>[0-9A-Z])",
    re.ASCII,
)


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
    def certificate(self) -> str:
        """What all versions have in common: root, type, issuer and serial."""
        return f"{self.root}.{self.type_code}.{self.issuer}.{self.serial}"

    @property
    def _stem(self) -> str:
        return f"{self.certificate}.{self.version:03}"

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
    """The identifier's parts.  FieldError: malformed, or the check character is wrong.

    >>> parse_licence_id("1.2.156.3005.2.11100000MB03271699022.340100.000000016.001.9").issuer
    '340100'
    """
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
