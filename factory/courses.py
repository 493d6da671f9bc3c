"""Courses (样例办理过程): what is done to a synthetic application, as events, in any register.

A course is what a register's procedure asks for, step by step and a step a day: nothing here
knows a province.  Everything is a function of the profile, the type, the seed and the first day.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from factory import acceptance, numbering, specimen
from factory.errors import NotFoundError
from factory.events.data import BEGINNING, EVENT_TYPES, WHOLE
from factory.model import CANCELLING, SHANGHAI, ApplicationState, ApplicationType, Party
from factory.profile import Profile
from factory.register import Happening, table

FIRST_DAY = date(2024, 3, 4)
LONGEST = timedelta(days=30)  #: no course takes more days
ONE_DAY = timedelta(days=1)
LEFT = timedelta(days=120)  #: days of validity that a registration taken over has left
QUALIFIED = timedelta(days=400)  #: before the application, each profession a year earlier still
BRANCHES = 16  #: people of one seed: one for each type of application
COLLEAGUES = 3  #: at an enterprise that is renamed
REGISTERS = 997
SERIALS = 9999  #: of an acceptance number
TAKEN_OVER = 90_000  #: serials of numbers that were not drawn here
TAKEN_AT = time(9, 30)  #: when a step is taken

JsonObject = dict[str, Any]
#: types that issue certificates of a register anew, and speak of nobody
ANEW = frozenset(
    {"authority.seal_replaced", "authority.renamed", "design.revised", "reissue.requested"}
)


#: of the steps that may be taken next, the first of these is
WAY = (
    Happening.SUBMIT,
    Happening.APPLICANT_SIGNS,
    Happening.ENTERPRISE_SIGNS,
    Happening.PASSED,
    Happening.PUBLICITY,
    Happening.ACCEPTED,
    Happening.APPROVE,
    Happening.ANNOUNCED,
)
SIGNERS = {
    Happening.APPLICANT_SIGNS: Party.APPLICANT,
    Happening.ENTERPRISE_SIGNS: Party.ENTERPRISE,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Whose application it is, of which type, and from which day on it is made.

    also: fields of the holder (``name``) that are other than the seed's.
    employer: the enterprise's name, if it is another than the seed's.
    firm:  the enterprise, if it is another's.
    count: professions it is about; None: two, and one that is added.
    """

    profile: Profile
    kind: ApplicationType
    seed: int = 1
    first: date = FIRST_DAY
    also: Mapping[str, Any] = field(default_factory=dict)
    employer: str | None = None
    firm: Mapping[str, Any] | None = None
    count: int | None = None

    @cached_property
    def number(self) -> int:
        """What tells this person from those of other types and seeds."""
        return self.seed * BRANCHES + list(ApplicationType).index(self.kind)

    @cached_property
    def holder(self) -> JsonObject:
        """The person."""
        others = zlib.crc32(self.profile.id.encode()) % REGISTERS
        who = self.number + BRANCHES * others  # other people in every register
        return specimen.resident(who, self.profile.authority.division) | dict(self.also)

    @cached_property
    def paper(self) -> JsonObject:
        """The identity paper of that person."""
        return {name: self.holder[name] for name in ("id_type", "id_number")}

    @cached_property
    def enterprise(self) -> JsonObject:
        """The employer; everybody has another, unless colleagues are told of."""
        if self.firm is not None:
            return dict(self.firm)
        seed = zlib.crc32(f"{self.profile.id}/{self.number}".encode())
        found = specimen.company(seed, self.profile.authority)
        return found | {"name": self.employer} if self.employer else found

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The professions it is about, what is registered already first."""
        there = self.profile.professions.names
        if self.profile.certificate.unit == "profession":
            return there[:2] if self.kind is ApplicationType.ADDITION else there[:1]
        most = min(
            self.profile.professions.per_certificate, self.profile.application.professions_each
        )
        adds = self.kind is ApplicationType.ADDITION
        least = 2 if adds or self.kind in CANCELLING else 1  # some stay as they are
        return there[: min(most, max(least, self.count or 2 + adds))]

    @cached_property
    def applied(self) -> tuple[str, ...]:
        """Those that are applied for: the last ones are added or cancelled, all others whole."""
        some = self.kind is ApplicationType.ADDITION or self.kind in CANCELLING
        return self.names[-1:] if some else self.names

    @cached_property
    def acceptance_number(self) -> str:
        """The acceptance number (受理编号), of the register's scheme or opaque."""
        rules, serial = self.profile.numbering.acceptance, self.number % SERIALS + 1
        if rules is None:
            return f"{self.profile.authority.division}{self.first:%Y%m%d}{serial:06}"
        return acceptance.number(rules, self.kind, self.first, serial)


def course(case: Case) -> tuple[JsonObject, ...]:
    """The events from nothing to the end of the application, one a day, in their order.

    NotFoundError: the register has no applications of that type.
    """
    if case.kind not in case.profile.application.types:
        there = ", ".join(case.profile.application.types)
        raise NotFoundError(f"profile {case.profile.id}: has no {case.kind}, but {there}")
    before = [] if case.kind is ApplicationType.INITIAL else [_imported(case)]
    return _named([*before, *_application(case)])


def life(case: Case) -> tuple[JsonObject, ...]:
    """The course, and what happens to a registration that began with it."""
    told = list(course(case))
    if case.kind in BEGINNING:
        day = case.first + len(told) * ONE_DAY
        told += [tell(case, day + n * ONE_DAY) for n, tell in enumerate(AFTERWARDS)]
    return _named(told)


def renaming(case: Case) -> tuple[JsonObject, ...]:
    """Some colleagues register, then their enterprise is renamed (企业更名).

    NotFoundError: nobody begins to be registered by such an application.
    """
    if case.kind not in BEGINNING:
        raise NotFoundError(f"nobody is registered by {case.kind} who was not before")
    firm = case.enterprise
    cases = [replace(case, seed=case.seed + n, firm=firm) for n in range(COLLEAGUES)]
    told = [event for each in cases for event in course(each)]
    return (*told, *_named([_renamed(case, case.first + LONGEST)], len(told)))


def up_to(event_type: str, told: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """The events until the first of that type.  NotFoundError: there is none."""
    for place, event in enumerate(told):
        if event["type"] == event_type:
            return told[: place + 1]
    raise NotFoundError(f"{event_type} is no step of that course")


def up_to_last(event_type: str, told: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """The events until the last of that type.  NotFoundError: there is none."""
    places = [place for place, event in enumerate(told) if event["type"] == event_type]
    if not places:
        raise NotFoundError(f"{event_type} is no step of that course")
    return told[: places[-1] + 1]


def example(
    profile: Profile,
    event_type: str,
    kind: ApplicationType | None = None,
    *,
    seed: int = 1,
    first: date = FIRST_DAY,
) -> Sequence[JsonObject]:
    """A life up to its first event of that type, which comes last.

    kind: the type of the application; None: the first of the register's that leads there.
    An event that issues a register anew comes alone: it is no step of anybody's life.
    NotFoundError: the register has no such application, or none that leads there.
    """
    if event_type in ANEW and kind is None:
        return [_anew(profile, event_type, seed)]
    for each in (kind,) if kind else profile.application.types:
        told = life(Case(profile=profile, kind=each, seed=seed, first=first))
        if any(event["type"] == event_type for event in told):
            return up_to(event_type, told)
    raise NotFoundError(_missing(profile, event_type, kind))


def _anew(profile: Profile, event_type: str, seed: int) -> JsonObject:
    """The event for this register, by the version in force."""
    event = specimen.EVENTS[event_type](seed)
    named = {"profile": profile.id, "version": profile.version}
    data = {name: named.get(name, value) for name, value in event["data"].items()}
    [first, *_] = life(Case(profile=profile, kind=profile.application.types[0], seed=seed))
    return event | {"source": first["source"], "data": data}


def _missing(profile: Profile, event_type: str, kind: ApplicationType | None) -> str:
    if event_type not in EVENT_TYPES:
        return f"no such event type; known are {', '.join(EVENT_TYPES)}"
    where = f"an example course of {kind}" if kind else "the example courses"
    return f"profile {profile.id}: {event_type} is no step of {where} of this register"


def first_day(profile: Profile, today: date) -> date:
    """From when on courses are told: by this version of the profile, and over by today."""
    return min(max(FIRST_DAY, profile.effective_from), today - LONGEST)


# --- the application --------------------------------------------------------------------------


def _application(case: Case) -> Iterator[JsonObject]:
    """Every step that the procedure's table asks for."""
    ways = table(case.profile, case.kind)
    state: ApplicationState | None = ways[None, Happening.SAVE]
    day, revision = case.first, 1
    yield _saved(case, day, revision)
    for material in case.profile.application.materials_of(case.kind):
        if (state, Happening.SAVE) in ways:  # nothing is handed in yet
            day += ONE_DAY
            yield _attached(case, day, material.id)
    while state is not ApplicationState.COMPLETED:
        happening = next(each for each in WAY if (state, each) in ways)
        state, day = ways[state, happening], day + ONE_DAY
        revision += happening is Happening.SUBMIT
        yield _step(case, happening, day, revision)


def _step(case: Case, happening: Happening, day: date, revision: int) -> JsonObject:
    if happening is Happening.SUBMIT:
        return _saved(case, day, revision, submitted=True)
    if happening is Happening.APPROVE:
        data = _content(case) | {"approved_on": day.isoformat()}
        return _event(case, "registration.approved", day, data)
    if happening in SIGNERS:
        said = {"revision": revision, "party": SIGNERS[happening].value, "signed_at": _at(day)}
        return _event(case, "application.signed", day, _about(case) | said)
    by = "enterprise" if happening is Happening.PASSED else "authority"
    said = {"outcome": happening.value, "by": by, "at": _at(day)}
    return _event(case, "application.closed", day, _about(case) | said)


def _saved(case: Case, day: date, revision: int, *, submitted: bool = False) -> JsonObject:
    said: JsonObject = {"revision": revision, "saved_at": _at(day)}
    if submitted:
        said["submitted"] = True
    return _event(case, "application.saved", day, _content(case) | said)


def _attached(case: Case, day: date, material: str) -> JsonObject:
    said = {"material": material, "file": specimen.stored_scan(), "attached_at": _at(day)}
    return _event(case, "application.attached", day, _about(case) | said)


def _about(case: Case) -> JsonObject:
    return {
        "profile": case.profile.id,
        "acceptance_number": case.acceptance_number,
        "holder": case.paper,
    }


def _content(case: Case) -> JsonObject:
    """What is applied for."""
    data: JsonObject = {
        "profile": case.profile.id,
        "application": {"type": case.kind.value, "acceptance_number": case.acceptance_number},
        "holder": _described(case),
        "enterprise": case.enterprise,
    }
    if case.kind not in WHOLE:
        data["professions"] = [_profession(case, name) for name in case.applied]
    if case.kind in CANCELLING:
        return data | {"reason": "已与聘用企业解除聘用合同关系"}
    return data | _pictures(case)


def _described(case: Case) -> JsonObject:
    """The holder; a change (变更注册) is of the name."""
    if case.kind is not ApplicationType.CHANGE:
        return case.holder
    return case.holder | {"name": specimen.other_name(case.holder["name"])}


def _profession(case: Case, name: str) -> JsonObject:
    place = case.names.index(name)
    said: JsonObject = {"name": name, "main": place == 0}
    if case.kind in CANCELLING:
        return said
    taught = {"taught_on": (case.first - LEFT).isoformat(), "taught_by": "示例继续教育中心"}
    late = case.profile.late
    hours = {"compulsory": max(60, late.compulsory), "elective": max(60, late.elective)}
    if case.kind is not ApplicationType.RENEWAL:
        earlier = QUALIFIED + place * timedelta(days=365)
        said["qualified_on"] = (case.first - earlier).isoformat()
        said["qualified_in"] = "".join(case.profile.authority.lines[0].split())
        said["qualification_number"] = f"SL{case.number:08}{place}"
    return said | {"hours": hours | taught}


def _pictures(case: Case) -> JsonObject:
    pictures = {"photo": {"content": specimen.portrait_text(case.number)}}
    if case.profile.certificate.holder_signature:
        pictures["signature"] = {"content": specimen.signature_text(case.number)}
    return pictures


# --- before and after -------------------------------------------------------------------------


def _imported(case: Case) -> JsonObject:
    """The registration on paper that the application is about; it was cancelled, to begin anew."""
    first = case.first - timedelta(days=365 * case.profile.validity.years) + LEFT
    born = date.fromisoformat(case.holder["birth_date"])
    last = case.profile.validity_from(first, born).last
    validity = {"valid_from": first.isoformat(), "valid_to": last.isoformat()}
    names = case.names[:-1] if case.kind is ApplicationType.ADDITION else case.names
    data = {
        "profile": case.profile.id,
        "registration_number": _old_number(case, first.year),
        "holder": case.holder,
        "enterprise": case.enterprise,
        "professions": [
            {"name": name, "main": place == 0, **validity} for place, name in enumerate(names)
        ],
        "standing": "cancelled" if case.kind in BEGINNING else "active",
        "edition": {"medium": "paper", "issued_on": first.isoformat(), "number": 0},
    }
    return _event(case, "registration.imported", first, data | _pictures(case))


def _old_number(case: Case, year: int) -> str:
    """A number of the register's own scheme that it will not draw for long."""
    rules, authority = case.profile.numbering, case.profile.authority
    serial = TAKEN_OVER + case.number % SERIALS
    if rules.registration == "zj14":
        digit = case.profile.professions.digit(case.names[0])
        return numbering.cost_engineer_number(digit, year, authority.division, serial, rules.body)
    return numbering.constructor_number(
        rules.registration, authority.abbreviation, authority.division, year - 1, year, serial
    )


def _renamed(case: Case, day: date) -> JsonObject:
    names = {
        "credit_code": case.enterprise["credit_code"],
        "old_name": case.enterprise["name"],
        "new_name": specimen.other_company_name(case.enterprise["name"]),
    }
    data = {"enterprise": names, "effective_on": day.isoformat()}
    return _event(case, "enterprise.renamed", day, data)


def _corrected(case: Case, day: date) -> JsonObject:
    right = case.holder | {"name": specimen.other_name(case.holder["name"])}
    said = {"corrected": right, "reason": "姓名更正", "corrected_on": day.isoformat()}
    return _event(case, "holder.corrected", day, _of_person(case) | said)


def _suspended(case: Case, day: date) -> JsonObject:
    said = {"reason": "依法暂扣", "suspended_on": day.isoformat()}
    return _event(case, "registration.suspended", day, _of_person(case) | said)


def _resumed(case: Case, day: date) -> JsonObject:
    said = {"reason": "暂扣期满发还", "resumed_on": day.isoformat()}
    return _event(case, "registration.resumed", day, _of_person(case) | said)


def _cancelled(case: Case, day: date) -> JsonObject:
    said = {"reason": "已与聘用企业解除聘用合同关系", "cancelled_on": day.isoformat()}
    return _event(case, "registration.cancelled", day, _of_person(case) | said)


#: what happens to a registration, in this order
AFTERWARDS: tuple[Callable[[Case, date], JsonObject], ...] = (
    _renamed,
    _corrected,
    _suspended,
    _resumed,
    _cancelled,
)


def _of_person(case: Case) -> JsonObject:
    return {"profile": case.profile.id, "holder": case.paper}


# --- the envelope -----------------------------------------------------------------------------


def _at(day: date) -> str:
    return datetime.combine(day, TAKEN_AT, SHANGHAI).isoformat()


def _event(case: Case, event_type: str, day: date, data: JsonObject) -> JsonObject:
    name = f"example-{case.profile.id}-{case.kind}-{case.seed:06}"
    return specimen.event(event_type, name, _at(day), data)


def _named(told: list[JsonObject], first: int = 0) -> tuple[JsonObject, ...]:
    """Each event under an id of its own, the same whatever follows it."""
    return tuple(
        event | {"id": f"{event['correlationid']}-{place:02}"}
        for place, event in enumerate(told, start=first)
    )
