"""Facts: what one event says of one person, and from when on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel

from factory.errors import FieldError
from factory.events import (
    EVENT_TYPES,
    PICTURES_APART,
    BulkData,
    EnterpriseRenamed,
    Event,
    PersonData,
)
from factory.model import SHANGHAI
from factory.profile import Profile
from factory.versions import Versions

APART = frozenset({"photo", "signature", "evidence"})  #: what is kept elsewhere

D = TypeVar("D", bound=BaseModel)
Key = tuple[str, str]  #: source and event id: what names an event
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One event's say on one person.

    effective: aware UTC; what holds from a day on counts at that day's last instant in China,
               after everything that was done on it by the clock.
    pictures:  role -> keyed digest of the normalised picture.
    stands:    it has taken effect before this replay.
    """

    source: str
    event_id: str
    type: str
    data: PersonData = field(repr=False)
    pictures: Mapping[str, str] = field(default_factory=dict)
    stands: bool = field(default=False, compare=False)

    @property
    def key(self) -> Key:
        """What names it."""
        return self.source, self.event_id

    @property
    def effective(self) -> datetime:
        """From when on it holds."""
        return effective(self.type, self.data)

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Facts are folded in this order, whatever order they arrive in."""
        return self.effective, self.source, self.event_id

    @property
    def day(self) -> date:
        """The calendar day in China on which it takes effect."""
        return self.effective.astimezone(SHANGHAI).date()


def check_day(event: Event, today: date) -> None:
    """FieldError: it says what happens after tomorrow; one day is left for clocks."""
    if isinstance(event.data, BulkData) and not isinstance(event.data, EnterpriseRenamed):
        return  # they say of no day; a version has its own
    if isinstance(event.data, EnterpriseRenamed):
        field, day = "effective_on", event.data.effective_on
    else:
        field, day = EFFECTIVE[event.type], local_day(effective(event.type, event.data))
    if day > today + ONE_DAY:
        raise FieldError(f"data.{field}", "the calendar of China", "lies in the future")


def fact_of(event: Event, rules: Versions, pictures: Mapping[str, str] | None = None) -> Fact:
    """What an event says of a person, its professions by the names of the register."""
    assert not isinstance(event.data, BulkData)  # noqa: S101 - it speaks of no person
    day = local_day(effective(event.type, event.data))
    return Fact(
        source=event.source,
        event_id=event.id,
        type=event.type,
        data=_by_name(event.data, rules.on(day)),
        pictures=pictures or {},
    )


def _by_name(data: D, profile: Profile) -> D:
    called = profile.professions.called
    named: dict[str, object] = {}
    if several := getattr(data, "professions", None):
        named["professions"] = tuple(
            each.model_copy(update={"name": called(each.name)}) for each in several
        )
    if one := getattr(data, "profession", None):
        named["profession"] = called(one)
    return data.model_copy(update=named)


#: where each event says the day or the instant from when on it holds
EFFECTIVE: Mapping[str, str] = MappingProxyType(
    {
        "registration.imported": "edition.issued_on",
        "registration.approved": "approved_on",
        "registration.cancelled": "cancelled_on",
        "registration.suspended": "suspended_on",
        "registration.resumed": "resumed_on",
        "holder.corrected": "corrected_on",
        "application.saved": "saved_at",
        "application.signed": "signed_at",
        "application.attached": "attached_at",
        "application.closed": "at",
    }
)


def effective(kind: str, data: PersonData) -> datetime:
    """From when on the data of that type of event holds."""
    said: date | datetime = attrgetter(EFFECTIVE[kind])(data)
    return said if isinstance(said, datetime) else _end_of(said)


def _end_of(day: date) -> datetime:
    last = datetime.combine(day, time(23, 59, 59, 999_999), SHANGHAI)
    return last.astimezone(UTC)


def local_day(instant: datetime) -> date:
    """The calendar day in China, which is what a page shows."""
    return instant.astimezone(SHANGHAI).date()


def to_json(fact: Fact) -> bytes:
    """The fact's data and picture digests, for the ledger; pictures are kept elsewhere."""
    data = fact.data.model_dump(mode="json", exclude=set(APART), exclude_none=True)
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
