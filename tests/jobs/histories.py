"""Random histories: the events of a few people and enterprises of one register, and what is
done at the factory between them.

A history is a list of small moves, so that a failing one shrinks; ``Chronicle`` turns each move
into the events that upstream would send next, most of them sensible, some of them amiss.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from factory import specimen
from factory.errors import FieldError
from factory.events.data import BEGINNING, WHOLE
from factory.model import CANCELLING, SHANGHAI, Sex, Standing
from factory.model import ApplicationType as Type
from factory.profile import Profile

FIRST_DAY = date(2024, 1, 8)
ONE_DAY = timedelta(days=1)
SEEDS = (4, 5)  #: two people whose age lets them be registered for decades
#: events that may name the number of the registration they are about
NUMBERED = {
    "registration.imported",
    "registration.approved",
    "registration.cancelled",
    "registration.suspended",
    "registration.resumed",
}
NAMES = 3  #: so many professions of a register are used

JsonObject = dict[str, Any]


class What(StrEnum):
    """What happens in a move."""

    BEGIN = "begin"
    ADD = "add"
    RENEW = "renew"
    END_PART = "end part"
    END = "end"
    FORCE = "force"
    CHANGE = "change"
    EXCHANGE = "exchange"
    IMPORT = "import"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    RESUME = "resume"
    CORRECT = "correct"
    REIDENTIFY = "reidentify"
    RENAME = "rename"
    WORK = "work"
    COLLECT = "collect"
    RETRY = "retry"
    DISMISS = "dismiss"
    CONFIRM = "confirm"
    AGAIN = "again"


#: done at the factory, no event
ACTS = (What.WORK, What.COLLECT, What.RETRY, What.DISMISS, What.CONFIRM, What.AGAIN)


class Ending(StrEnum):
    """What becomes of an application that goes through the whole procedure."""

    GRANTED = "granted"
    RETURNED = "returned"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Amiss(StrEnum):
    """What is wrong with the last of a move's events that it can be wrong with."""

    NOTHING = "nothing"
    HEEDLESS = "heedless"  #: nobody looked whether it makes sense
    EMPLOYER = "employer"  #: under a name the register never heard of
    PROFESSION = "profession"
    PICTURE = "picture"
    APPLICATION = "application"  #: the acceptance number of the first application there was
    NUMBER = "number"  #: a registration number that is somebody's already
    LICENCE = "licence"  #: a licence id that is another edition's
    PAPER = "paper"  #: the identity paper of the other person
    DAY = "day"  #: years too early
    MISSING = "missing"  #: it never comes
    CONTENT = "content"  #: under the id of an event that was sent before
    FORM = "form"  #: not what the schema allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step of a history, in small values.

    gap:   days since the last thing that happened to the person.
    whole: whether the factory sees the whole procedure, or the approval alone.
    late:  after so many later things it arrives.
    """

    what: What
    who: int = 0
    firm: int = 0
    pick: int = 0
    gap: int = 1
    whole: bool = False
    ending: Ending = Ending.GRANTED
    amiss: Amiss = Amiss.NOTHING
    late: int = 0


#: a correction that brings one picture, on the day of the approval that brings the other
ON_ONE_DAY = (
    Move(what=What.BEGIN),
    Move(what=What.CHANGE, pick=1, gap=0),
    Move(what=What.BEGIN),
    Move(what=What.BEGIN),
    Move(what=What.BEGIN, pick=1),
    Move(what=What.CORRECT, pick=2, gap=0),
)

#: brought in without the signature that is printed, renamed, and granted another profession
UNSIGNED = (
    Move(what=What.CHANGE),
    Move(what=What.RENAME, pick=1),
    Move(what=What.WORK, pick=3),
    Move(what=What.BEGIN, pick=1),
)

#: one collects and keeps it, after an expired one that another followed; the other is suspended
IN_THE_END = (
    Move(what=What.BEGIN, pick=1),
    Move(what=What.BEGIN, pick=1, gap=4000),
    Move(what=What.WORK, pick=3),
    Move(what=What.COLLECT, pick=3),
    Move(what=What.COLLECT),
    Move(what=What.BEGIN, who=1, firm=1, pick=1),
    Move(what=What.SUSPEND, who=1, pick=1),
)

#: a long life of one person and a short one of another, so that nothing is ever left out
TOUR = (
    Move(what=What.BEGIN, pick=1, whole=True, ending=Ending.REJECTED),
    Move(what=What.BEGIN, pick=1, whole=True, ending=Ending.WITHDRAWN),
    Move(what=What.BEGIN, pick=1),
    Move(what=What.COLLECT),
    Move(what=What.RETRY),
    Move(what=What.WORK, pick=3),
    Move(what=What.COLLECT, pick=3),
    Move(what=What.CORRECT, pick=2, amiss=Amiss.PICTURE),
    Move(what=What.RETRY),
    Move(what=What.DISMISS),
    Move(what=What.RENEW, pick=1, gap=0, amiss=Amiss.PROFESSION),
    Move(what=What.DISMISS),
    Move(what=What.RENEW, pick=1, whole=True),
    Move(what=What.CHANGE, pick=1),
    Move(what=What.ADD, pick=1),
    Move(what=What.RENEW, pick=1, amiss=Amiss.HEEDLESS),
    Move(what=What.END_PART, pick=1),
    Move(what=What.BEGIN, pick=1),
    Move(what=What.SUSPEND, pick=1),
    Move(what=What.RESUME, pick=1, gap=20),
    Move(what=What.CORRECT, pick=1),
    Move(what=What.REIDENTIFY, pick=1),
    Move(what=What.COLLECT, pick=3),
    Move(what=What.COLLECT),
    Move(what=What.RENAME, pick=1),
    Move(what=What.WORK, pick=3),
    Move(what=What.IMPORT, who=1),
    Move(what=What.EXCHANGE, who=1),
    Move(what=What.FORCE, who=1),
    Move(what=What.BEGIN, who=1, firm=1),
    Move(what=What.END, who=1, whole=True),
    Move(what=What.IMPORT, who=1, pick=2, gap=20),
    Move(what=What.CANCEL, who=1, pick=2),
    Move(what=What.BEGIN, pick=1, gap=4000),
    Move(what=What.SUSPEND, pick=1, late=1),
    Move(what=What.RESUME, pick=1),
    Move(what=What.RESUME, pick=1, amiss=Amiss.HEEDLESS),
    Move(what=What.CHANGE, pick=1, late=1),
    Move(what=What.SUSPEND, pick=1, amiss=Amiss.DAY),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An event to be sent, or something to be done at the factory."""

    what: What
    pick: int = 0
    event: JsonObject | None = None

    @property
    def raw(self) -> bytes:
        """The event as it is sent."""
        return json.dumps(self.event, ensure_ascii=False).encode()


@dataclass(slots=True)
class Known:
    """A registration as whoever sends the events believes it to be."""

    firm: int
    professions: dict[str, date]
    on_paper: bool = False
    suspended: bool = False


@dataclass(slots=True)
class Somebody:
    """A person as whoever sends the events knows them."""

    seed: int
    holder: JsonObject
    day: date = FIRST_DAY
    registered: dict[str, Known] = field(default_factory=dict)
    before: set[str] = field(default_factory=set)


def moves(*, valid: bool) -> st.SearchStrategy[Move]:
    """Single moves; valid ones contain nothing amiss and nothing done at the factory."""
    whats = [what for what in What if what not in ACTS]
    if not valid:
        whats += [*ACTS, What.WORK, What.COLLECT, What.COLLECT, What.RETRY]
    endings = [Ending.GRANTED] * 16 + list(Ending)
    amiss = [Amiss.NOTHING] * (3 * len(Amiss)) + list(Amiss)
    return st.builds(
        Move,
        what=st.sampled_from(whats),
        who=st.sampled_from((0, 0, 0, 1)),
        firm=st.integers(0, 1),
        pick=st.integers(0, 3),
        gap=st.sampled_from((1, 0, 1, 20, 20, 200, 200, 1500)),
        whole=st.sampled_from((False, False, False, True)),
        ending=st.just(Ending.GRANTED) if valid else st.sampled_from(endings),
        amiss=st.just(Amiss.NOTHING) if valid else st.sampled_from(amiss),
        late=st.just(0) if valid else st.sampled_from((0, 0, 0, 0, 1, 4)),
    )


class Chronicle:
    """Writes the events of moves, knowing what upstream would know.

    doubtful: whether the first person's identity number breaks the rule of its check character.
    """

    def __init__(self, profile: Profile, *, doubtful: bool = False) -> None:
        self.profile = profile
        self.people = [Somebody(seed=seed, holder=specimen.holder(seed)) for seed in SEEDS]
        self.firms = [specimen.employer(seed) for seed in SEEDS]
        self.sent: list[JsonObject] = []
        self.numbers: list[str] = []
        self.minutes = 0  #: no two things happen at one instant
        if doubtful:
            number = self.people[0].holder["id_number"]
            self.people[0].holder["id_number"] = f"{number[:-1]}{'1' if number[-1] != '1' else '2'}"

    def tell(self, history: Sequence[Move]) -> list[Step]:
        """The steps of the moves, each where it arrives."""
        due: list[tuple[int, int, Step]] = []
        place = 0
        for move in history:
            for step in self._steps(move):
                place += 1
                due.append((place + move.late, place, step))
        return [step for _, _, step in sorted(due, key=lambda each: each[:2])]

    def _steps(self, move: Move) -> list[Step]:
        if move.what in ACTS:
            return [Step(what=move.what, pick=move.pick)]
        if move.what is What.RENAME:
            return self._renaming(move)
        person = self.people[move.who]
        person.day += timedelta(days=move.gap)
        what = move.what if move.amiss is Amiss.HEEDLESS else self._sensible(move, person)
        events = _TELL[what](self, move, person)
        events = self._spoilt(events, move)
        self.sent += events
        return [Step(what=what, event=event) for event in events]

    # --- what makes sense ---------------------------------------------------------------------

    def _sensible(self, move: Move, person: Somebody) -> What:
        known = self._known(person, move)
        what = _instead(self.profile, move.what)
        if what in _OF_PEOPLE and person.registered:
            return what
        if known is None:
            return What.IMPORT if what in _OF_IMPORTED else What.BEGIN
        if known.suspended:
            return what if what is What.CANCEL else What.RESUME
        return What.SUSPEND if what is What.RESUME else self._in_force(move, person, known, what)

    def _in_force(self, move: Move, person: Somebody, known: Known, what: What) -> What:
        if known.on_paper and move.pick == 0 and _exchanges(self.profile):
            return What.EXCHANGE
        if what is What.EXCHANGE and not known.on_paper:
            return What.RENEW
        if what in {What.BEGIN, What.IMPORT, What.ADD}:
            return What.ADD if self._addable(person, move) else What.RENEW
        if what is What.END_PART and len(known.professions) == 1:
            return What.END
        return what

    def _unit(self, move: Move) -> str:
        by_profession = self.profile.certificate.unit == "profession"
        return self._name(move.pick % 2) if by_profession else ""

    def _known(self, person: Somebody, move: Move) -> Known | None:
        """The registration meant, unless it has expired."""
        known = person.registered.get(self._unit(move))
        if known is None or max(known.professions.values()) < person.day:
            return None
        return known

    def _addable(self, person: Somebody, move: Move) -> list[str]:
        if self.profile.certificate.unit == "profession":
            known = person.registered
            return [
                name for name in self.profile.professions.names if not _lives(known, name, person)
            ]
        have = person.registered[""].professions
        names = [self._name(place) for place in range(NAMES)]
        return [name for name in names if have.get(name, person.day - ONE_DAY) < person.day]

    def _name(self, place: int) -> str:
        names = self.profile.professions.names
        return names[place % min(NAMES, len(names))]

    # --- applications -------------------------------------------------------------------------

    def begin(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Initial registration (初始注册), or again after the last one ended (重新注册)."""
        unit = self._unit(move)
        own_type = self.profile.application.after_lapse == "reregistration"
        again = own_type and unit in person.before | set(person.registered)
        names = [unit] if unit else [self._name(n) for n in range(1 + move.pick % 2)]
        kind = Type.REREGISTRATION if again else Type.INITIAL
        events = self._applied(move, person, kind, move.firm, names)
        if move.ending is Ending.GRANTED:
            last = self._last(person.day, person)
            person.registered[unit] = Known(firm=move.firm, professions=dict.fromkeys(names, last))
        return events

    def add(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Addition (增项注册)."""
        known = self._known(person, move) or Known(firm=move.firm, professions={})
        names = (self._addable(person, move) if person.registered else []) or [self._name(0)]
        names = names[move.pick % len(names) :][:1]
        events = self._applied(move, person, Type.ADDITION, known.firm, names)
        last = self._last(person.day, person)
        if move.ending is Ending.GRANTED and self.profile.certificate.unit == "profession":
            person.registered[names[0]] = Known(firm=known.firm, professions={names[0]: last})
        elif move.ending is Ending.GRANTED:
            known.professions |= dict.fromkeys(names, last)
        return events

    def renew(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Renewal (延续注册) of what is still valid."""
        known = self._known(person, move) or Known(firm=move.firm, professions={})
        valid = [name for name, last in known.professions.items() if last >= person.day]
        names = valid[: 1 + move.pick] or [self._unit(move) or self._name(0)]
        events = self._applied(move, person, Type.RENEWAL, known.firm, names)
        if move.ending is Ending.GRANTED:
            for name in set(names) & known.professions.keys():
                old = known.professions[name] + ONE_DAY
                known.professions[name] = self._last(max(old, person.day), person)
        return events

    def end(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Cancellation (注销注册) of everything, also forced by the enterprise."""
        known = self._known(person, move) or Known(
            firm=move.firm, professions={self._unit(move) or self._name(0): person.day}
        )
        kind = Type.FORCED_CANCELLATION if move.what is What.FORCE else Type.CANCELLATION
        if kind not in self.profile.application.types:
            kind = Type.CANCELLATION
        events = self._applied(move, person, kind, known.firm, list(known.professions))
        if move.ending is Ending.GRANTED:
            self._over(person, self._unit(move))
        return events

    def end_part(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Cancellation of one profession of several."""
        known = self._known(person, move) or Known(firm=move.firm, professions={})
        names = list(known.professions)[:1] or [self._name(0)]
        events = self._applied(move, person, Type.CANCELLATION, known.firm, names)
        if move.ending is Ending.GRANTED and len(known.professions) > 1:
            del known.professions[names[0]]
        return events

    def change(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Change (变更注册) of the person's name."""
        known = self._known(person, move)
        if move.ending is Ending.GRANTED:
            person.holder = person.holder | {
                "name": f"{person.holder['name'][:2]}{'安宁'[person.day.day % 2]}"
            }
        return self._applied(move, person, Type.CHANGE, known.firm if known else 0, [])

    def exchange(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Paper exchange (纸质证书换领电子证书)."""
        known = self._known(person, move)
        events = self._applied(move, person, Type.PAPER_EXCHANGE, known.firm if known else 0, [])
        if known is not None and move.ending is Ending.GRANTED:
            known.on_paper = False
        return events

    def _applied(
        self, move: Move, person: Somebody, kind: Type, firm: int, names: list[str]
    ) -> list[JsonObject]:
        """The events of one application; afterwards it is the day it took effect."""
        data = {
            "application": {"type": kind.value, "acceptance_number": f"W{len(self.sent):05}"},
            "holder": dict(person.holder),
            "enterprise": dict(self.firms[firm]),
            "professions": [self._profession(person, kind, name) for name in names],
        }
        if kind in WHOLE:
            del data["professions"]
        if kind in CANCELLING:
            data["reason"] = "合同解除"
        elif kind in BEGINNING or move.pick % 2:
            data["photo"] = _picture(person.seed + move.pick)
        if self.profile.certificate.holder_signature and kind not in CANCELLING:
            data["signature"] = _picture(person.seed + 1)
        by_unit = self.profile.certificate.unit == "profession"
        if by_unit and kind in WHOLE:
            if len(person.registered) > 1:
                data["application"]["type"] = Type.RENEWAL.value
                data["professions"] = [self._profession(person, Type.RENEWAL, self._unit(move))]
            kind = Type(data["application"]["type"])
        direct = self._is_direct(kind)
        if not move.whole and not direct and move.ending is Ending.GRANTED:
            return self._approval(person, kind, data)
        return self._procedure(move, person, kind, data)

    def _is_direct(self, kind: Type) -> bool:
        return kind is Type.PAPER_EXCHANGE and self.profile.certificate.paper_exchange == "direct"

    def _approval(self, person: Somebody, kind: Type, data: JsonObject) -> list[JsonObject]:
        approved = self._event(
            "registration.approved", data | {"approved_on": person.day.isoformat()}
        )
        if self.profile.certificate.generate_on != "announcement" or kind in CANCELLING:
            return [approved]
        person.day += ONE_DAY
        return [approved, self._closed(person, data, "announced")]

    def _procedure(
        self, move: Move, person: Somebody, kind: Type, data: JsonObject
    ) -> list[JsonObject]:
        events = self._handed_in(person, kind, data, revision=1)
        rules = self.profile.application
        at_once = bool(rules.signers_of(kind)) and (
            kind in CANCELLING and rules.cancellation_completes_on == "enterprise_signature"
        )
        if self._is_direct(kind) or (at_once and move.ending is Ending.GRANTED):
            return events
        if at_once:
            return [events[0], self._closed(person, data, "withdrawn")]
        if rules.enterprise_review:
            events.append(self._closed(person, data, "passed"))
        if move.ending is Ending.RETURNED:
            person.day += ONE_DAY
            events.append(self._closed(person, data, "returned"))
            events += self._handed_in(person, kind, data, revision=4)
            if rules.enterprise_review:
                events.append(self._closed(person, data, "passed"))
        elif move.ending in {Ending.REJECTED, Ending.WITHDRAWN}:
            return [*events, self._closed(person, data, move.ending.value)]
        if rules.publicity:
            events.append(self._closed(person, data, "publicity"))
        elif move.pick == 0 and not rules.enterprise_review:
            events.append(self._closed(person, data, "accepted"))
        person.day += ONE_DAY
        return events + self._approval(person, kind, data)

    def _handed_in(
        self, person: Somebody, kind: Type, data: JsonObject, *, revision: int
    ) -> list[JsonObject]:
        rules = self.profile.application
        signers = rules.signers_of(kind)
        about = self._about(person, data)
        if signers or self._is_direct(kind):
            saved = self._saved(person, data, revision)
            signings = [] if self._is_direct(kind) else signers
            return [saved] + [
                self._event(
                    "application.signed",
                    about
                    | {"revision": revision, "party": party.value, "signed_at": self._now(person)},
                )
                for party in signings
            ]
        action = "attached" if revision == 1 else "replaced"
        return [
            self._saved(person, data, revision),
            *(
                self._event(
                    "application.attached",
                    about
                    | {
                        "material": each.id,
                        "action": action,
                        "attached_at": self._now(person),
                        "file": specimen.stored_scan(),
                    },
                )
                for each in rules.materials
                if each.required
            ),
            self._saved(person, data, revision + 1, submitted=True),
        ]

    def _saved(
        self, person: Somebody, data: JsonObject, revision: int, *, submitted: bool = False
    ) -> JsonObject:
        more = {"revision": revision, "saved_at": self._now(person)}
        if submitted:
            more["submitted"] = True
        return self._event("application.saved", data | more)

    def _closed(self, person: Somebody, data: JsonObject, outcome: str) -> JsonObject:
        said = {"outcome": outcome, "opinion": "意见", "at": self._now(person)}
        said["by"] = "enterprise" if outcome == "passed" else "authority"
        return self._event("application.closed", self._about(person, data) | said)

    def _about(self, person: Somebody, data: JsonObject) -> JsonObject:
        number = data["application"]["acceptance_number"]
        return {"acceptance_number": number, "holder": _paper(person)}

    def _profession(self, person: Somebody, kind: Type, name: str) -> JsonObject:
        said: JsonObject = {"name": name}
        if kind not in CANCELLING | {Type.RENEWAL}:
            said["qualified_on"] = (person.day - timedelta(days=500)).isoformat()
        return said

    def _last(self, first: date, person: Somebody) -> date:
        try:
            return self.profile.validity_from(first, specimen.birth_date(person.seed)).last
        except FieldError:  # too old: it will be held
            return first

    # --- registrations ------------------------------------------------------------------------

    def imported(self, move: Move, person: Somebody) -> list[JsonObject]:
        """A registration that exists already, on paper or electronic, as it stands."""
        unit = self._unit(move)
        name = unit or self._name(move.pick)
        last = self._last(person.day, person)
        standing = (Standing.ACTIVE, Standing.ACTIVE, Standing.SUSPENDED, Standing.CANCELLED)[
            move.pick if move.gap else 0
        ]
        medium = "paper" if move.firm == 0 else "electronic"
        number = self._number(len(self.sent))
        data = {
            "registration_number": number,
            "former_numbers": [self._number(len(self.sent) + 500)] if move.whole else [],
            "holder": dict(person.holder),
            "enterprise": dict(self.firms[move.firm]),
            "professions": [
                {"name": name, "valid_from": person.day.isoformat(), "valid_to": last.isoformat()}
            ],
            "standing": standing.value,
            "edition": {
                "medium": medium,
                "issued_on": person.day.isoformat(),
                "number": 0 if medium == "paper" else 1 + move.pick,
            },
            "photo": _picture(person.seed),
        }
        if medium == "electronic":
            data["edition"]["licence_id"] = f"licence-{len(self.sent)}"  # type: ignore[index]
        self.numbers.append(number)
        if standing is Standing.CANCELLED:
            person.before.add(unit)
        else:
            person.registered[unit] = Known(
                firm=move.firm,
                professions={name: last},
                on_paper=medium == "paper",
                suspended=standing is Standing.SUSPENDED,
            )
        return [self._event("registration.imported", data)]

    def cancelled(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Cancelled (注销) by the authority."""
        event = self._happened(move, person, "cancelled")
        self._over(person, self._unit(move))
        return [event]

    def suspended(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Suspended (暂扣)."""
        if known := self._known(person, move):
            known.suspended = True
        return [self._happened(move, person, "suspended")]

    def resumed(self, move: Move, person: Somebody) -> list[JsonObject]:
        """Given back (暂扣发还)."""
        if known := self._known(person, move):
            known.suspended = False
        return [self._happened(move, person, "resumed")]

    def _happened(self, move: Move, person: Somebody, what: str) -> JsonObject:
        data = {"holder": _paper(person), "reason": "依法", f"{what}_on": person.day.isoformat()}
        if unit := self._unit(move):
            data["profession"] = unit
        return self._event(f"registration.{what}", data)

    def corrected(self, move: Move, person: Somebody) -> list[JsonObject]:
        """The name, or the identity number, was wrong."""
        paper = _paper(person)
        if move.what is What.REIDENTIFY:
            sex, born = Sex(person.holder["sex"]), specimen.birth_date(person.seed)
            number = specimen.identity_number(born, sex, 50 + len(self.sent))
            if move.amiss is Amiss.HEEDLESS:
                number = self.people[1 - move.who].holder["id_number"]
            right = person.holder | {"id_number": number}
        else:
            right = _called(person, "嘉荣"[move.pick % 2])
        data = {
            "holder": paper,
            "corrected": right,
            "reason": "更正",
            "corrected_on": person.day.isoformat(),
        }
        if move.amiss is Amiss.NOTHING:
            person.holder = right
        if move.pick == 2:
            data["photo"] = _picture(person.seed + 2)
        return [self._event("holder.corrected", data)]

    def _renaming(self, move: Move) -> list[Step]:
        firm = self.firms[move.firm]
        new = f"上海示例更名{len(self.sent)}建设工程有限公司"
        names = {"credit_code": firm["credit_code"], "old_name": firm["name"], "new_name": new}
        day = self.people[move.who].day.isoformat()
        event = self._event("enterprise.renamed", {"enterprise": names, "effective_on": day})
        self.sent.append(event)
        steps = [Step(what=What.RENAME, event=event), Step(what=What.WORK, pick=0)]
        if move.pick:
            steps.append(Step(what=What.CONFIRM))
        if move.pick or self.profile.policy.rename_confirmation == "automatic":
            self.firms[move.firm] = firm | {"name": new}
        return steps

    def _over(self, person: Somebody, unit: str) -> None:
        if person.registered.pop(unit, None):
            person.before.add(unit)

    def _number(self, place: int) -> str:
        if self.profile.numbering.registration == "zj14":
            return f"建[造]12203100{place:06}"
        authority = self.profile.authority
        return f"{authority.abbreviation}2{authority.division}1618{place:05}"

    # --- what is sent -------------------------------------------------------------------------

    def _event(self, kind: str, data: JsonObject) -> JsonObject:
        profile = {} if kind == "enterprise.renamed" else {"profile": self.profile.id}
        body = json.dumps([kind, data, len(self.sent)], sort_keys=True)
        return {
            "specversion": "1.0",
            "source": f"urn:example:{self.profile.id}",
            # Ids in no order of time: what happened on one day must not hang on them.
            "id": hashlib.sha256(body.encode()).hexdigest()[:12],
            "type": kind,
            "data": profile | data,
        }

    def _now(self, person: Somebody) -> str:
        self.minutes += 1
        at = datetime(person.day.year, person.day.month, person.day.day, 9, tzinfo=SHANGHAI)
        return (at + timedelta(minutes=self.minutes)).isoformat()

    def _spoilt(self, events: list[JsonObject], move: Move) -> list[JsonObject]:
        if move.amiss in {Amiss.NOTHING, Amiss.HEEDLESS}:
            return events
        if move.amiss is Amiss.MISSING:
            return events[:-1]
        for place in reversed(range(len(events))):
            spoilt = deepcopy(events[place])
            _SPOIL[move.amiss](self, spoilt["data"], spoilt)
            if spoilt != events[place]:
                return [*events[:place], spoilt, *events[place + 1 :]]
        return events


def _lives(known: Mapping[str, Known], name: str, person: Somebody) -> bool:
    return name in known and known[name].professions[name] >= person.day


def _instead(profile: Profile, what: What) -> What:
    types = set(profile.application.types)
    if what is What.CHANGE and Type.CHANGE not in types:
        return What.RENEW
    if what is What.EXCHANGE and not _exchanges(profile):
        return What.ADD
    if what is What.FORCE and Type.FORCED_CANCELLATION not in types:
        return What.END
    return what


def _called(person: Somebody, last: str) -> JsonObject:
    return person.holder | {"name": person.holder["name"][:2] + last}


def _exchanges(profile: Profile) -> bool:
    return Type.PAPER_EXCHANGE in profile.application.types


def _paper(person: Somebody) -> JsonObject:
    return {name: person.holder[name] for name in ("id_type", "id_number")}


@lru_cache(maxsize=32)
def _picture(seed: int) -> JsonObject:
    return dict(specimen.approved(seed)["data"]["photo"])


#: what begins with an import when there is no registration yet
_OF_IMPORTED = {What.IMPORT, What.EXCHANGE, What.RESUME, What.CHANGE}
#: what is said of a person, not of one registration
_OF_PEOPLE = {What.CORRECT, What.REIDENTIFY}
_TELL: Mapping[What, Callable[[Chronicle, Move, Somebody], list[JsonObject]]] = {
    What.BEGIN: Chronicle.begin,
    What.ADD: Chronicle.add,
    What.RENEW: Chronicle.renew,
    What.END_PART: Chronicle.end_part,
    What.END: Chronicle.end,
    What.FORCE: Chronicle.end,
    What.CHANGE: Chronicle.change,
    What.EXCHANGE: Chronicle.exchange,
    What.IMPORT: Chronicle.imported,
    What.CANCEL: Chronicle.cancelled,
    What.SUSPEND: Chronicle.suspended,
    What.RESUME: Chronicle.resumed,
    What.CORRECT: Chronicle.corrected,
    What.REIDENTIFY: Chronicle.corrected,
}


def _unheard_employer(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    if "enterprise" in data:
        data["enterprise"] = data["enterprise"] | {"name": "上海从未听说建设工程有限公司"}


def _unknown_profession(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    for each in data.get("professions", []):
        each["name"] = "航天工程"


def _no_picture(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    if "photo" in data:
        data["photo"] = {"content": "bm8gcGljdHVyZQ=="}


def _other_application(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    if "application" in data:
        data["application"]["acceptance_number"] = "W00000"
    elif "acceptance_number" in data:
        data["acceptance_number"] = "W00000"


def _taken_number(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    number = told.numbers[0] if told.numbers else told._number(500)
    if event["type"] == "registration.imported" and len(told.sent) % 2:
        data["former_numbers"] = [number]
    elif event["type"] in NUMBERED:
        data["registration_number"] = number


def _taken_licence(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    if "edition" in data and data["edition"]["medium"] == "electronic":
        data["edition"]["licence_id"] = "licence-0"


def _other_paper(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    if "id_number" in data["holder"]:
        mine = data["holder"]["id_number"]
        papers = [each.holder["id_number"] for each in told.people]
        data["holder"]["id_number"] = next((n for n in papers if n != mine), mine)


def _too_early(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    for name in ("approved_on", "cancelled_on", "suspended_on", "resumed_on", "corrected_on"):
        if name in data:
            data[name] = (date.fromisoformat(data[name]) - timedelta(days=700)).isoformat()


def _used_id(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    if told.sent:
        event["id"] = told.sent[0]["id"]


def _malformed(told: Chronicle, data: JsonObject, event: JsonObject) -> None:
    data["nonsense"] = True


_SPOIL: Mapping[Amiss, Callable[[Chronicle, JsonObject, JsonObject], None]] = {
    Amiss.EMPLOYER: _unheard_employer,
    Amiss.PROFESSION: _unknown_profession,
    Amiss.PICTURE: _no_picture,
    Amiss.APPLICATION: _other_application,
    Amiss.NUMBER: _taken_number,
    Amiss.LICENCE: _taken_licence,
    Amiss.PAPER: _other_paper,
    Amiss.DAY: _too_early,
    Amiss.CONTENT: _used_id,
    Amiss.FORM: _malformed,
}
