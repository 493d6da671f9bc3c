"""Outlook (预览): what a history of events would lead to, without a ledger and without numbers.

The same folding, planning and wording as of real work; what is drawn there, a number or a
verification code, is a sample here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from functools import lru_cache

from factory import merkle, numbering, paperwork, plan, specimen
from factory.errors import ConflictError, FieldError, NotFoundError
from factory.events import (
    Applied,
    BulkData,
    EnterpriseRenamed,
    Event,
    HolderCorrected,
    InlinePhoto,
    PersonData,
)
from factory.kinds import batch_report, rename_list
from factory.model import SHANGHAI, Enterprise, Format, ItemState, Kind, Registration
from factory.numbering import CODE_BYTES
from factory.paperwork import Case, Face
from factory.pictures import NORMALISE
from factory.profile import Profile
from factory.register import (
    Application,
    Fact,
    Person,
    RegistrationState,
    effective,
    fact_of,
    local_day,
    replay,
)
from factory.versions import Versions

SERIAL = 1  #: of a number that would be drawn
CONFIRMED_BY = "运维人员"  #: of a batch that nobody confirms
SAMPLE = bytes(range(7, 7 + CODE_BYTES))  #: in place of random bytes
SPECIMEN: Mapping[str, Callable[[int], bytes]] = {
    "photo": specimen.portrait,
    "signature": specimen.signature,
}

Paper = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One person after the events.

    before:   the same before the last event.
    last:     that event.
    moment:   when it holds, by which days are printed.
    pictures: digest -> normalised picture.
    people:   everybody whom the last event is about, that person first.
    """

    rules: Versions
    profile: Profile
    person: Person
    before: Person
    last: Event
    moment: datetime
    pictures: Mapping[str, bytes] = field(repr=False)
    people: tuple[Person, ...] = ()

    @property
    def application(self) -> Application:
        """The application that the last event is about.  ConflictError: it is about none."""
        data = self.last.data
        number = (
            data.application.acceptance_number
            if isinstance(data, Applied)
            else getattr(data, "acceptance_number", None)
        )
        found = self.person.applications.get(str(number))
        if found is None:
            raise ConflictError(f"application: {self.last.type} is about none")
        return found

    @property
    def registration(self) -> RegistrationState:
        """The registration that the last event changed.  ConflictError: it changed none."""
        after, known = self.person.registrations, self.before.registrations
        was = {each.origin: _printed(each, self.before) for each in known}
        changed = [
            each
            for each in after
            if each.stands and _printed(each, self.person) != was.get(each.origin)
        ]
        if not changed:
            raise ConflictError(
                f"certificate: none follows from {self.last.type}; what it says of the"
                " registration is not printed, or is not in force yet"
            )
        return changed[-1]

    def as_registered(
        self, state: RegistrationState, of: Person | None = None, serial: int = SERIAL
    ) -> Registration:
        """The registration with its number, a sample where it would be drawn.

        of: whose; None: the person's.
        """
        profile, holder = self.profile, (of or self.person).holder
        assert holder is not None  # noqa: S101 - somebody is registered
        number = state.number or plan.registration_number(profile, state, serial)
        return Registration(
            number=plan.printed_number(profile, number),
            holder=holder,
            enterprise=state.employer,
            occupation=profile.occupation,
            professions=state.view.professions,
            photo=state.view.photo,
            signature=state.view.signature,
        )


def after(history: Sequence[Event], rules: Versions) -> Outlook:
    """What the last of the events leads to, after those before it.

    Only what they say of the last one's person counts; where it renames an enterprise, of the
    first person who is registered there.
    PermanentError: the event would be held, and why.
    NotFoundError: nobody is registered at the enterprise that is renamed.
    """
    last = history[-1]
    if isinstance(last.data, EnterpriseRenamed):
        return _renamed(history, last.data, rules)
    if isinstance(last.data, BulkData):
        raise ConflictError(
            f"{last.type}: concerns a whole register; see `certfactory bulk preview`"
        )
    gathered: dict[str, bytes] = {}
    facts = [_fact(event, rules, gathered) for event in _of_person(history, last.data)]
    done = replay(facts, rules)
    if facts[-1].key in done.refused:
        raise done.refused[facts[-1].key]
    moment = effective(last.type, last.data)
    return Outlook(
        rules=rules,
        profile=rules.on(local_day(moment)),
        person=done.person,
        before=replay(facts[:-1], rules).person,
        last=last,
        moment=moment,
        pictures=gathered,
        people=(done.person,),
    )


def certificate(outlook: Outlook, verify_url: str) -> plan.EditionPlan:
    """The edition (版本) that would be ordered.  ConflictError: none would."""
    state = outlook.registration
    brought = state.foreign.number if state.foreign else 0
    return plan.edition(
        outlook.profile,
        outlook.as_registered(state),
        number=brought + 1,
        random_bytes=SAMPLE,
        verify_url=verify_url,
        issued_on=state.changed_on,
    )


def paper(outlook: Outlook, kind: Kind) -> Face:
    """The face of a form, notice or slip that would be ordered.  ConflictError: none would."""
    application = outlook.application
    about = application.registered
    number = outlook.as_registered(about).number if about else None
    case = paperwork.case(application, outlook.rules, number)
    if case is None or kind not in paperwork.due(case, filed=_is_filed(case)):
        raise ConflictError(f"{kind}: none follows from {outlook.last.type} in this register")
    if kind is Kind.APPLICATION_FORM:
        return paperwork.form(case)
    if kind is Kind.ACCEPTANCE_NOTICE:
        return paperwork.notice(case, SERIAL)
    rules, day = case.profile.application, local_day(outlook.moment)
    filing_number = numbering.filing_number(rules.filing_prefix, day, SERIAL)
    code = numbering.query_code(SAMPLE[: numbering.QUERY_CODE_BYTES])
    return paperwork.slip(case, filing_number, code)


def _is_filed(case: Case) -> bool:
    """Whether it would be given a filing number (办件申报号)."""
    return case.profile.application.filing and case.application.handed_in is not None


def renamed(outlook: Outlook) -> Face:
    """The face of the rename's result, if every edition were made.

    ConflictError: the last event is no rename, or the register lists none.
    """
    data = outlook.last.data
    if not isinstance(data, EnterpriseRenamed) or not outlook.profile.documents.rename_list:
        raise ConflictError(f"rename_list: none follows from {outlook.last.type} in this register")
    names = data.enterprise
    return rename_list.face(
        profile=outlook.profile,
        credit_code=names.credit_code,
        old_name=names.old_name,
        new_name=names.new_name,
        batch=SERIAL,
        completed_at=outlook.moment,
        rows=list(_rows(outlook, names.credit_code)),
    )


def reported(outlook: Outlook) -> Face:
    """The face of the report of the batch, if every edition were made, one a second.

    ConflictError: the last event is no rename.
    """
    data = outlook.last.data
    if not isinstance(data, EnterpriseRenamed):
        raise ConflictError(f"batch_report: none follows from {outlook.last.type}")
    leaves = [
        merkle.leaf(row.number, {}, {Format.PDF: hashlib.sha256(row.number.encode()).hexdigest()})
        for row in _rows(outlook, data.enterprise.credit_code)
    ]
    began = outlook.moment - timedelta(seconds=len(leaves))
    return batch_report.face(
        profile=outlook.profile,
        batch=SERIAL,
        cause=outlook.last.type,
        subject=data.enterprise.model_dump() | {"effective_on": data.effective_on},
        confirmed_by=CONFIRMED_BY,
        approved_by=None,
        confirmed_at=began,
        completed_at=outlook.moment,
        counts={ItemState.DONE: len(leaves)},
        reasons=(),
        made_per_bar=[(began + timedelta(seconds=n), 1) for n, _ in enumerate(leaves)],
        root=merkle.prove(leaves, 0).root.hex(),
        size=len(leaves),
    )


def _rows(outlook: Outlook, credit_code: str) -> Iterator[rename_list.Row]:
    for serial, person in enumerate(outlook.people, start=SERIAL):
        for state in person.registrations:
            if state.stands and state.employer.credit_code == credit_code:
                value = outlook.as_registered(state, person, serial)
                yield rename_list.Row(
                    number=value.number,
                    name=value.holder.name,
                    edition=2,
                    outcome=rename_list.REISSUED,
                )


def doubts(outlook: Outlook) -> list[FieldError]:
    """Why the order would be held until somebody has looked at it."""
    registered = outlook.as_registered(outlook.registration)
    return plan.doubts(registered.holder, registered.enterprise, outlook.profile)


# --- one person's facts -----------------------------------------------------------------------


def _of_person(history: Sequence[Event], last: PersonData) -> list[Event]:
    """Those about the same person, by any identity paper that a correction connects."""
    papers = {_paper(last.holder)}
    about = [event for event in history if not isinstance(event.data, BulkData)]
    for event in reversed(about):
        if isinstance(event.data, HolderCorrected):
            two = {_paper(event.data.holder), _paper(event.data.corrected)}
            papers |= two if two & papers else set()
    return [
        event
        for event in about
        if not isinstance(event.data, BulkData) and _paper(event.data.holder) in papers
    ]


def _paper(holder: object) -> Paper:
    return getattr(holder, "id_type", ""), getattr(holder, "id_number", "")


def _fact(event: Event, rules: Versions, gathered: dict[str, bytes]) -> Fact:
    """What it says; its pictures go to the others."""
    digests = {}
    for role in NORMALISE:
        given = getattr(event.data, role, None)
        if given is not None:
            picture = _picture(role, given)
            digests[role] = hashlib.sha256(picture).hexdigest()
            gathered[digests[role]] = picture
    return fact_of(event, rules, digests)


def _picture(role: str, given: object) -> bytes:
    """Normalised; one that lies in a store is not fetched, a specimen stands for it."""
    content = given.content if isinstance(given, InlinePhoto) else SPECIMEN[role](1)
    return _normalised(role, content)


@lru_cache(maxsize=64)
def _normalised(role: str, content: bytes) -> bytes:
    """An application brings the same picture with every step."""
    return NORMALISE[role](content)


def _printed(state: RegistrationState, person: Person) -> tuple[object, ...]:
    """What makes a new edition due when it changes."""
    holder = replace(person.holder, mobile=None) if person.holder else None
    return state.number, state.view, state.employer, state.on_paper, holder


# --- an enterprise's people -------------------------------------------------------------------


def _renamed(history: Sequence[Event], data: EnterpriseRenamed, rules: Versions) -> Outlook:
    """The first person's, who is registered there, and everybody else's there."""
    told = [each for each in history[:-1] if not isinstance(each.data, BulkData)]
    seen = [after(mine, rules) for mine in _by_person(told)]
    there = [(each, _with_name(each.person, data)) for each in seen]
    there = [(each, person) for each, person in there if person != each.person]
    if not there:
        raise NotFoundError(
            "enterprise: nobody is registered there by the events of this file; put what came"
            " before into it"
        )
    found, renamed = there[0]
    return replace(
        found,
        before=found.person,
        person=renamed,
        people=tuple(person for _, person in there),
        last=history[-1],
        moment=datetime.combine(data.effective_on, time.max, SHANGHAI),
    )


def _by_person(told: Sequence[Event]) -> Iterator[list[Event]]:
    """Everybody's events, in the order in which they are first spoken of."""
    done: set[tuple[str, str]] = set()
    for event in told:
        if (event.source, event.id) not in done and not isinstance(event.data, BulkData):
            mine = _of_person(told, event.data)
            done |= {(each.source, each.id) for each in mine}
            yield mine


def _with_name(person: Person, data: EnterpriseRenamed) -> Person:
    named = data.enterprise
    employer = Enterprise(credit_code=named.credit_code, name=named.new_name)
    return replace(
        person,
        registrations=tuple(
            replace(each, employer=employer, changed_on=data.effective_on)
            if each.stands and each.employer.credit_code == named.credit_code
            else each
            for each in person.registrations
        ),
    )
