"""Facts: what one event says of one person, and from when on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import singledispatch
from zoneinfo import ZoneInfo

from factory.events import (
    EVENT_TYPES,
    PICTURES_APART,
    ApplicationAttached,
    ApplicationClosed,
    ApplicationSaved,
    ApplicationSigned,
    HolderCorrected,
    PersonData,
    RegistrationApproved,
    RegistrationCancelled,
    RegistrationImported,
    RegistrationResumed,
    RegistrationSuspended,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
PICTURES = frozenset({"photo", "signature"})

Key = tuple[str, str]  #: source and event id: what names an event


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One event's say on one person.

    effective: aware UTC; what holds from a day on counts at that day's last instant in China,
               after everything that was done on it by the clock.
    pictures:  role -> keyed digest of the normalised picture.
    """

    source: str
    event_id: str
    type: str
    data: PersonData = field(repr=False)
    pictures: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What names it."""
        return self.source, self.event_id

    @property
    def effective(self) -> datetime:
        """From when on it holds."""
        return effective(self.data)

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Facts are folded in this order, whatever order they arrive in."""
        return self.effective, self.source, self.event_id

    @property
    def day(self) -> date:
        """The calendar day in China on which it takes effect."""
        return self.effective.astimezone(SHANGHAI).date()


@singledispatch
def effective(data: PersonData) -> datetime:
    """From when on the data holds."""
    raise TypeError(type(data).__name__)


@effective.register
def _(data: RegistrationImported) -> datetime:
    return _end_of(data.edition.issued_on)


@effective.register
def _(data: RegistrationApproved) -> datetime:
    return _end_of(data.approved_on)


@effective.register
def _(data: RegistrationCancelled) -> datetime:
    return _end_of(data.cancelled_on)


@effective.register
def _(data: RegistrationSuspended) -> datetime:
    return _end_of(data.suspended_on)


@effective.register
def _(data: RegistrationResumed) -> datetime:
    return _end_of(data.resumed_on)


@effective.register
def _(data: HolderCorrected) -> datetime:
    return _end_of(data.corrected_on)


@effective.register
def _(data: ApplicationSaved) -> datetime:
    return data.saved_at


@effective.register
def _(data: ApplicationSigned) -> datetime:
    return data.signed_at


@effective.register
def _(data: ApplicationAttached) -> datetime:
    return data.attached_at


@effective.register
def _(data: ApplicationClosed) -> datetime:
    return data.at


def _end_of(day: date) -> datetime:
    last = datetime.combine(day, time(23, 59, 59, 999_999), SHANGHAI)
    return last.astimezone(UTC)


def local_day(instant: datetime) -> date:
    """The calendar day in China, which is what a page shows."""
    return instant.astimezone(SHANGHAI).date()


def to_json(fact: Fact) -> bytes:
    """The fact's data and picture digests, for the ledger; pictures are kept elsewhere."""
    data = fact.data.model_dump(mode="json", exclude=set(PICTURES), exclude_none=True)
    return json.dumps(
        {"data": data, "pictures": dict(fact.pictures)}, ensure_ascii=False, separators=(",", ":")
    ).encode()


def from_json(source: str, event_id: str, kind: str, stored: bytes) -> Fact:
    """The inverse of ``to_json``."""
    value = json.loads(stored)
    data = EVENT_TYPES[kind].model_validate(value["data"], context=PICTURES_APART)
    return Fact(
        source=source,
        event_id=event_id,
        type=kind,
        data=data,  # type: ignore[arg-type] # only what is said of a person is ever stored
        pictures=value["pictures"],
    )
