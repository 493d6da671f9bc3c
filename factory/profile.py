"""Profile (发证方案): what one authority's register of one occupation sets.

Text becomes one frozen value, checked whole, so that a broken file stops the process at the
start and not the ten-thousandth certificate.
"""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from factory.errors import FieldError, ProfileError
from factory.model import Format, Occupation, Period, ProfileId

ONE_DAY = timedelta(days=1)

Policy = Literal["hold", "ignore"]
Design = Literal["constructor-2024"]
Words = Annotated[str, Field(min_length=1)]


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names one thing twice")
    return values


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Authority(_Part):
    """The issuing authority (发证机关)."""

    name: Words
    lines: tuple[Words, Words]  #: as printed under the seal
    division: str = Field(pattern=r"^\d{2}$")  #: GB/T 2260, province
    abbreviation: str = Field(pattern=r"^[\u4e00-\u9fff]$")
    credit_code: str = Field(pattern=r"^[0-9A-Z]{18}$")


class CertificateRules(_Part):
    """How the certificate of this register is named and written."""

    title: Words
    type_code: str = Field(pattern=r"^[0-9A-Z]{21}$")  #: GB/T 36904-2018
    design: Design
    formats: Annotated[tuple[Format, ...], Field(min_length=1), AfterValidator(_distinct)]
    employer_label: Words
    query_address: Words


class Numbering(_Part):
    """Which schemes new numbers follow."""

    registration: Literal["jzs12", "jzs16"]
    licence_root: str = Field(pattern=r"^\d+(\.\d+)+$")


class ValidityRules(_Part):
    """How long a registration lasts."""

    years: int = Field(ge=1, le=10)
    age_cap: int | None = Field(default=None, ge=18, le=150)


class Professions(_Part):
    """Which professions (注册专业) exist, in the order they are printed."""

    names: Annotated[tuple[Words, ...], Field(min_length=1), AfterValidator(_distinct)]
    per_certificate: int = Field(ge=1)


class Seal(_Part):
    """Which signing identity of the keyring seals for this register."""

    identity: Words


class Policies(_Part):
    """Choices among behaviours that have a name in code."""

    identity_number_check: Policy
    credit_code_check: Policy
    collect_required: bool
    rename_confirmation: Literal["operations"]


class Profile(_Part):
    """One dated version of a profile file; frozen and whole."""

    id: ProfileId = Field(pattern=r"^[a-z][a-z0-9-]{2,40}$")
    version: Words
    effective_from: date
    occupation: Occupation
    authority: Authority
    certificate: CertificateRules
    numbering: Numbering
    validity: ValidityRules
    professions: Professions
    seal: Seal
    policy: Policies

    def validity_from(self, first: date, birth_date: date) -> Period:
        """Validity of a profession registered on ``first``, cut at the age cap.

        The last day is the day before the anniversary: 2018-06-14 gives 2021-06-13.
        29 February counts as 1 March where the year has none, so nobody loses a day.

        FieldError: on ``first`` the age cap is reached; it does not tell the birthday.
        """
        last, cap = years_later(first, self.validity.years) - ONE_DAY, self.validity.age_cap
        if cap is not None:
            last = min(last, years_later(birth_date, cap) - ONE_DAY)
        if last < first:
            raise FieldError(
                "approved_on", f"profile {self.id}", f"the age cap of {cap} is reached"
            )
        return Period(first=first, last=last)


def years_later(day: date, years: int) -> date:
    """The same calendar day some years on; 29 February becomes 1 March.

    >>> years_later(date(2024, 2, 29), 3)
    datetime.date(2027, 3, 1)
    """
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def parse(text: str) -> Profile:
    """A profile file's text as a checked value.  ProfileError: which field, which rule."""
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"profile file is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"profile field {where}: {first['msg']}") from error
