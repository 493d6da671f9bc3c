"""What the register knows of one person: registrations and applications, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from factory.events import Applied, EditionData
from factory.model import (
    ApplicationState,
    ApplicationType,
    Enterprise,
    Holder,
    Party,
    Period,
    Profession,
    Standing,
)
from factory.numbering import number_key
from factory.profile import Profile
from factory.register.facts import Fact, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the register says today of a registration, but for the holder and the employer."""

    professions: tuple[Profession, ...]
    photo: str | None = None  #: keyed digest of the normalised picture
    signature: str | None = None  #: the same of the signature picture

    @property
    def valid_until(self) -> date:
        """The last day of the profession that ends last."""
        return max(profession.validity.last for profession in self.professions)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationState:
    """One registration (注册) as its facts tell it.

    origin:     the fact that began it.
    unit:       the profession it is about, where a certificate is about one; else empty.
    number:     as imported or drawn; None until it is drawn.
    qualified:  year of the earliest qualification, part of a drawn number.
    changed_on: the day of the last change, printed as the day of issue.
    touched:    the day something last took effect on it.
    cause:      the event type of the last change.
    applied_for: what was applied for (申请类别), where the last change was granted; else None.
    """

    origin: Key
    begun: date
    unit: str
    employer: Enterprise
    view: View
    changed_on: date
    touched: date
    cause: str
    applied_for: ApplicationType | None = None
    standing: Standing = Standing.ACTIVE
    number: str | None = None
    former_numbers: tuple[str, ...] = ()
    foreign: EditionData | None = None  #: the edition it was imported with
    on_paper: bool = False
    qualified: int = 0
    ended: date | None = None

    def stood(self, day: date) -> bool:
        """Whether it stood on that day, whatever has become of it since."""
        return self.begun <= day and (self.ended is None or day < self.ended)

    def has(self, number: str) -> bool:
        """Whether that is its number, or was, in either spelling."""
        known = {number_key(each) for each in (self.number, *self.former_numbers) if each}
        return number_key(number) in known

    @property
    def stands(self) -> bool:
        """Whether it has not ended."""
        return self.standing in {Standing.ACTIVE, Standing.SUSPENDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One party's signature of one revision; void once a later revision is saved."""

    party: Party
    revision: int
    at: datetime
    void: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialFile:
    """A material (申报材料) as it lies in the intake store."""

    key: str
    sha256: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the procedure that was taken."""

    outcome: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application (注册申请) as its facts tell it.

    touched: the latest instant something was done to it by the clock.
    handed_in: when the parties had last signed or submitted it: what is valid then counts.
    ended:   when it came to a final state.
    saved, approved: the facts with what was applied for and what was approved.
    registered: the registration it is about, as it stood when it was saved; the form prints it.
    approved_by: the version of the profile the approval was judged by.
    """

    number: str
    kind: ApplicationType
    state: ApplicationState
    opened: datetime
    touched: datetime
    handed_in: datetime | None = None
    ended: datetime | None = None
    revision: int = 0
    saved: Fact | None = None
    registered: RegistrationState | None = None
    approved: Fact | None = None
    approved_by: Profile | None = None
    signatures: tuple[Signature, ...] = ()
    materials: Mapping[str, MaterialFile] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Everything the register of one profile knows of one person.

    former:  who the holder was before a change or a correction.
    numbers: the numbers that were drawn, by the fact that began the registration.
    """

    holder: Holder | None = None
    former: tuple[Holder, ...] = ()
    registrations: tuple[RegistrationState, ...] = ()
    applications: Mapping[str, Application] = field(default_factory=dict)
    numbers: Mapping[Key, str] = field(default_factory=dict)

    def described(self, holder: Holder) -> Person:
        """The person, who is that holder from now on; a new telephone number is no change."""
        if self.holder is None or _paper(self.holder) == _paper(holder):
            return replace(self, holder=holder)
        return replace(self, holder=holder, former=(*self.former, self.holder))

    def is_or_was(self, holder: Holder) -> bool:
        """Whether the register knows, or knew, the person as that holder."""
        known = self.former if self.holder is None else (*self.former, self.holder)
        return _paper(holder) in map(_paper, known)


def _paper(holder: Holder) -> Holder:
    """What the certificate and the identity paper say."""
    return replace(holder, mobile=None)


def view_json(view: View) -> dict[str, object]:
    """Plain JSON, for the ledger."""
    return {
        "photo": view.photo,
        "signature": view.signature,
        "professions": [
            {
                "name": profession.name,
                "first": profession.validity.first.isoformat(),
                "last": profession.validity.last.isoformat(),
                "main": profession.main,
            }
            for profession in view.professions
        ],
    }


def view_from(data: Mapping[str, Any]) -> View:
    """The inverse of ``view_json``."""
    return View(
        photo=data["photo"],
        signature=data.get("signature"),
        professions=tuple(
            Profession(
                name=item["name"],
                validity=Period(
                    first=date.fromisoformat(item["first"]), last=date.fromisoformat(item["last"])
                ),
                main=item["main"],
            )
            for item in data["professions"]
        ),
    )


def application_json(application: Application) -> dict[str, object]:
    """What may be shown of an application, without personal data, for the ledger."""
    content = application.saved or application.approved
    return {
        "opened": application.opened.isoformat(),
        "employer": content.data.enterprise.credit_code
        if content is not None and isinstance(content.data, Applied)
        else None,
        "signatures": [
            {"party": s.party, "revision": s.revision, "at": s.at.isoformat(), "void": s.void}
            for s in application.signatures
        ],
        "materials": {
            name: {"key": file.key, "sha256": file.sha256, "at": file.at.isoformat()}
            for name, file in application.materials.items()
        },
        "steps": [
            {"outcome": step.outcome, "by": step.by, "at": step.at.isoformat()}
            for step in application.steps
        ],
    }
