"""Histories: what happens to one synthetic person, told as facts of each of the five registers.

A day is written 2024-06-14, a clock 09:00, always China's; a number is an acceptance number's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from typing import Any

from factory import specimen
from factory.events import EVENT_TYPES, PICTURES_APART, Applied
from factory.model import CANCELLING, ApplicationType, Party
from factory.profile import Profile, parse
from factory.register import Fact, Person, RegistrationState
from factory.register.effects import apply

FILES = resources.files("factory.profiles")
BUILDING, ROAD, WATER = "建筑工程", "公路工程", "水利水电工程"
CIVIL, INSTALLATION = "土木建筑工程", "安装工程"
PHOTO, SIGNATURE, NEW_PHOTO = "a" * 64, "b" * 64, "c" * 64
QUALIFIED = "2023-11-03"
BORN = "1988-05-06"
HERE, ELSEWHERE = 1, 2  #: seeds of two enterprises
ANNOUNCED_AFTER = timedelta(days=7)

NOBODY = Person()

JsonObject = dict[str, Any]


def profile(name: str) -> Profile:
    """An installed profile."""
    return parse(FILES.joinpath(f"{name}.toml").read_text(encoding="utf-8"))


SHANGHAI = profile("shanghai-constructor")
GANSU = profile("gansu-constructor")
COST = profile("shanghai-cost-engineer")
ZHEJIANG = profile("zhejiang-constructor")
SHAANXI = profile("shaanxi-constructor")
PROFILES = (SHANGHAI, GANSU, COST, ZHEJIANG, SHAANXI)


def altered(whole: Profile, part: str, **changes: object) -> Profile:
    """The profile with some rules of one part changed."""
    changed = getattr(whole, part).model_copy(update=changes)
    return whole.model_copy(update={part: changed})


def at(day: str, clock: str = "09:00") -> str:
    """An instant in China."""
    return f"{day}T{clock}:00+08:00"


def fact(kind: str, data: JsonObject, pictures: Mapping[str, str] | None = None) -> Fact:
    """A fact whose event id follows from what it says, so saying it again is the same event."""
    said = json.dumps([kind, data, pictures], sort_keys=True).encode()
    return Fact(
        source=specimen.SOURCE,
        event_id=f"{kind}-{hashlib.sha256(said).hexdigest()[:12]}",
        type=kind,
        data=EVENT_TYPES[kind].model_validate(data, context=PICTURES_APART),  # type: ignore[arg-type]
        pictures=pictures or {},
    )


def profession(name: str, **more: object) -> JsonObject:
    """A profession applied for, qualified not long ago."""
    return {"name": name, "qualified_on": QUALIFIED} | more


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Tells what happens to one person in one register."""

    profile: Profile
    employer: int = HERE
    holder: JsonObject = field(
        default_factory=lambda: specimen.holder(7) | {"birth_date": BORN}, repr=False
    )

    # --- what is handed in ---------------------------------------------------------------------

    def saved(
        self,
        kind: str,
        *names: str | JsonObject,
        at: str,
        number: int = 1,
        revision: int = 1,
        submitted: bool = False,
        photo: str | None = PHOTO,
        **more: object,
    ) -> Fact:
        said = self._applied(kind, names, number)
        said |= {"revision": revision, "saved_at": at, "submitted": submitted} | more
        return fact("application.saved", said, self._pictures(photo))

    def signed(self, party: str, *, at: str, number: int = 1, revision: int = 1) -> Fact:
        said = self._of_application(number)
        said |= {"party": party, "revision": revision, "signed_at": at}
        return fact("application.signed", said)

    def attached(
        self, material: str, *, at: str, number: int = 1, action: str = "attached"
    ) -> Fact:
        said = self._of_application(number)
        said |= {"material": material, "action": action, "attached_at": at}
        if action != "deleted":
            said |= {"file": {"key": f"materials/{material}.pdf", "sha256": "d" * 64}}
        return fact("application.attached", said)

    def closed(self, outcome: str, *, at: str, number: int = 1, by: str = "authority") -> Fact:
        said = self._of_application(number) | {"outcome": outcome, "by": by, "at": at}
        if outcome in {"returned", "rejected"}:
            said |= {"opinion": "材料不齐，请补正。"}
        return fact("application.closed", said)

    def approved(
        self,
        kind: str,
        *names: str | JsonObject,
        on: str,
        number: int = 1,
        photo: str | None = PHOTO,
        **more: object,
    ) -> Fact:
        said = self._applied(kind, names, number) | {"approved_on": on} | more
        return fact("registration.approved", said, self._pictures(photo))

    def announced(self, decided: Fact) -> list[Fact]:
        """The announcement (公告) of an approval, in a register that makes one."""
        applied = decided.data
        assert isinstance(applied, Applied)
        if not self.profile.announces(applied.kind):
            return []
        said = self._of_application(0) | {
            "acceptance_number": applied.application.acceptance_number,
            "outcome": "announced",
            "at": at((decided.day + ANNOUNCED_AFTER).isoformat()),
        }
        return [fact("application.closed", said)]

    # --- what is said of a registration --------------------------------------------------------

    def imported(
        self,
        *names: str,
        on: str,
        until: str,
        medium: str = "paper",
        photo: str | None = PHOTO,
        **more: object,
    ) -> Fact:
        edition = {"medium": medium, "issued_on": on, "number": int(medium == "electronic")}
        said: JsonObject = {
            "profile": self.profile.id,
            "registration_number": "沪231162200057",
            "holder": self.holder,
            "enterprise": specimen.employer(self.employer),
            "professions": [
                {"name": name, "valid_from": on, "valid_to": until, "main": name == names[0]}
                for name in names
            ],
            "edition": edition,
        }
        return fact("registration.imported", said | more, self._pictures(photo))

    def cancelled(self, *, on: str, **more: object) -> Fact:
        return self._of_registration("cancelled", on, more)

    def suspended(self, *, on: str, **more: object) -> Fact:
        return self._of_registration("suspended", on, more)

    def resumed(self, *, on: str, **more: object) -> Fact:
        return self._of_registration("resumed", on, more)

    def corrected(self, *, on: str, photo: str | None = None, **right: object) -> Fact:
        said = {
            "profile": self.profile.id,
            "holder": self._paper(),
            "corrected": self.holder | right,
            "reason": "姓名更正",
            "corrected_on": on,
        }
        return fact("holder.corrected", said, {"photo": photo} if photo else None)

    # --- a whole procedure ---------------------------------------------------------------------

    def application(
        self,
        kind: str,
        *names: str | JsonObject,
        number: int,
        saved: str,
        approved: str,
        **more: object,
    ) -> list[Fact]:
        """From the first save to the end, in the way of this register."""
        rules = self.profile.application
        type_ = ApplicationType(kind)
        start = [self.saved(kind, *names, number=number, at=at(saved), **more)]
        if type_ is ApplicationType.PAPER_EXCHANGE:
            direct = self.profile.certificate.paper_exchange == "direct"
            return start if direct else [*start, self.approved(kind, number=number, on=approved)]
        handed_in = [
            *(self._signatures(type_, number, saved) if rules.signers else []),
            *([] if rules.signers else self._submission(kind, names, number, saved)),
        ]
        if type_ in CANCELLING and rules.cancellation_completes_on == "enterprise_signature":
            return [*start, *handed_in]
        decided = self.approved(kind, *names, number=number, on=approved, **more)
        review, end = self._review(number, approved), self.announced(decided)
        return [*start, *handed_in, *review, decided, *end]

    def _signatures(self, kind: ApplicationType, number: int, day: str) -> list[Fact]:
        clocks = {Party.APPLICANT: "10:00", Party.ENTERPRISE: "15:00"}
        return [
            self.signed(party, number=number, at=at(day, clocks[party]))
            for party in self.profile.application.signers_of(kind)
        ]

    def _submission(
        self, kind: str, names: tuple[str | JsonObject, ...], number: int, day: str
    ) -> list[Fact]:
        rules = self.profile.application
        materials = [
            self.attached(each.id, number=number, at=at(day, "10:00"))
            for each in rules.materials_of(ApplicationType(kind))
            if each.required
        ]
        handed_in = self.saved(
            kind, *names, number=number, at=at(day, "11:00"), revision=2, submitted=True
        )
        passed = self.closed("passed", number=number, at=at(day, "15:00"), by="enterprise")
        return [*materials, handed_in, *([passed] if rules.enterprise_review else [])]

    def _review(self, number: int, day: str) -> list[Fact]:
        if self.profile.application.enterprise_review:
            return []
        steps = [self.closed("accepted", number=number, at=at(day, "09:00"))]
        if self.profile.application.publicity:
            steps.append(self.closed("publicity", number=number, at=at(day, "10:00")))
        return steps

    # --- parts ---------------------------------------------------------------------------------

    def _applied(self, kind: str, names: tuple[str | JsonObject, ...], number: int) -> JsonObject:
        said: JsonObject = {
            "profile": self.profile.id,
            "application": {
                "type": kind,
                "acceptance_number": specimen.acceptance_number(number),
            },
            "holder": self.holder,
            "enterprise": specimen.employer(self.employer),
            "professions": [profession(each) if isinstance(each, str) else each for each in names],
        }
        if ApplicationType(kind) in CANCELLING:
            said |= {"reason": "已与聘用企业解除聘用合同关系"}
        return said

    def _of_application(self, number: int) -> JsonObject:
        accepted = specimen.acceptance_number(number)
        said = {"profile": self.profile.id, "acceptance_number": accepted}
        return said | {"holder": self._paper()}

    def _of_registration(self, what: str, day: str, more: JsonObject) -> Fact:
        said = {"profile": self.profile.id, "holder": self._paper(), "reason": "依法办理"}
        return fact(f"registration.{what}", said | {f"{what}_on": day} | more)

    def _paper(self) -> JsonObject:
        return {name: self.holder[name] for name in ("id_type", "id_number")}

    def _pictures(self, photo: str | None) -> dict[str, str]:
        signature = {"signature": SIGNATURE} if self.profile.certificate.holder_signature else {}
        return ({"photo": photo} if photo else {}) | signature


def told(profile: Profile, *facts: Fact, before: Person = NOBODY) -> Person:
    """The person after the facts, in the order they are given."""
    person = before
    for each in facts:
        person = apply(person, each, profile)
    return person


def only(person: Person) -> RegistrationState:
    """The person's only registration."""
    [registration] = person.registrations
    return registration


# --- histories in which everything takes effect ------------------------------------------------


def of_constructors(rules: Profile, after_lapse: str) -> dict[str, list[Fact]]:
    """What every register of constructors can tell."""
    here, there = Teller(profile=rules), Teller(profile=rules, employer=ELSEWHERE)
    initial = here.application(
        "initial", BUILDING, number=1, saved="2024-06-03", approved="2024-06-14"
    )
    addition = here.application(
        "addition", ROAD, number=2, saved="2024-09-02", approved="2024-09-13"
    )
    renewal = here.application(
        "renewal", BUILDING, number=3, saved="2027-05-03", approved="2027-05-14"
    )
    partly = here.application(
        "cancellation", ROAD, number=4, saved="2025-03-03", approved="2025-03-14"
    )
    wholly = here.application(
        "cancellation", BUILDING, number=5, saved="2025-06-02", approved="2025-06-13"
    )
    again = there.application(
        after_lapse, BUILDING, number=6, saved="2025-07-01", approved="2025-07-11"
    )
    expired = there.application(
        after_lapse,
        profession(WATER, hours={"compulsory": 60, "elective": 60}),
        number=7,
        saved="2027-08-02",
        approved="2027-08-13",
    )
    return {
        "initial, addition, renewal": [*initial, *addition, *renewal],
        "addition, partial cancellation, the rest, elsewhere": [
            *initial,
            *addition,
            *partly,
            *wholly,
            *again,
        ],
        "suspended, resumed, corrected, cancelled, elsewhere": [
            *initial,
            here.suspended(on="2024-09-02"),
            here.resumed(on="2024-12-02"),
            here.corrected(on="2025-01-06", name="张示例"),
            here.cancelled(on="2025-05-06"),
            *again,
        ],
        "expired, registered again": [*initial, *expired],
        "imported, renewed, cancelled": [
            here.imported(BUILDING, on="2022-03-01", until="2025-02-28"),
            *here.application(
                "renewal", BUILDING, number=8, saved="2025-01-06", approved="2025-01-17"
            ),
            here.cancelled(on="2025-05-06"),
        ],
    }


def of_signers(rules: Profile) -> dict[str, list[Fact]]:
    """What registers with signatures can tell besides."""
    here = Teller(profile=rules)
    first = [
        here.saved("initial", BUILDING, at=at("2024-06-03")),
        here.signed("applicant", at=at("2024-06-03", "10:00")),
    ]
    second = [
        here.saved("initial", BUILDING, ROAD, at=at("2024-06-04"), revision=2),
        here.signed("applicant", at=at("2024-06-04", "10:00"), revision=2),
        here.signed("enterprise", at=at("2024-06-04", "15:00"), revision=2),
        here.closed("accepted", at=at("2024-06-05")),
        here.closed("returned", at=at("2024-06-06")),
    ]
    third = [
        here.saved("initial", ROAD, at=at("2024-06-07"), revision=3),
        here.signed("applicant", at=at("2024-06-07", "10:00"), revision=3),
        here.signed("enterprise", at=at("2024-06-07", "15:00"), revision=3),
        here.closed("accepted", at=at("2024-06-08")),
    ]
    decided = here.approved("initial", ROAD, on="2024-06-14")
    exchange = here.application(
        "paper_exchange", number=9, saved="2023-05-08", approved="2023-05-19"
    )
    return {
        "edited after a signature, returned, approved": [
            *first,
            *second,
            *third,
            decided,
            *here.announced(decided),
        ],
        "withdrawn, then a change on paper, exchanged": [
            here.imported(BUILDING, on="2022-03-01", until="2025-02-28"),
            here.saved("change", number=2, at=at("2023-02-06")),
            here.closed("withdrawn", number=2, at=at("2023-02-07"), by="applicant"),
            *exchange,
        ],
    }


def of_cost_engineers() -> dict[str, list[Fact]]:
    """What a register of one profession a certificate can tell."""
    here, there = Teller(profile=COST), Teller(profile=COST, employer=ELSEWHERE)
    civil = here.application("initial", CIVIL, number=1, saved="2024-06-03", approved="2024-06-14")
    second = here.application(
        "addition", INSTALLATION, number=2, saved="2024-09-02", approved="2024-09-13"
    )
    end = here.application(
        "cancellation", CIVIL, number=3, saved="2025-03-03", approved="2025-03-14"
    )
    again = there.application("initial", CIVIL, number=4, saved="2025-07-01", approved="2025-07-11")
    renewal = here.application(
        "renewal", INSTALLATION, number=5, saved="2028-08-01", approved="2028-08-11"
    )
    return {
        "two professions, one renewed": [*civil, *second, *renewal],
        "cancelled, told once more, elsewhere": [
            *civil,
            *end,
            here.approved("cancellation", CIVIL, number=3, on="2025-03-03"),
            *again,
        ],
        "one of two suspended, resumed, cancelled": [
            *civil,
            *second,
            here.suspended(on="2024-10-08", profession=CIVIL),
            here.resumed(on="2024-12-02", profession=CIVIL),
            here.corrected(on="2025-01-06", name="张示例"),
            here.cancelled(on="2025-05-06", profession=INSTALLATION),
        ],
        "changed": [
            *civil,
            *here.application("change", number=6, saved="2025-02-10", approved="2025-02-21"),
        ],
    }


def of_gansu() -> dict[str, list[Fact]]:
    """What the enterprise may do alone."""
    here = Teller(profile=GANSU)
    initial = here.application(
        "initial", BUILDING, ROAD, number=1, saved="2024-06-03", approved="2024-06-14"
    )
    forced = here.application(
        "forced_cancellation", BUILDING, ROAD, number=2, saved="2025-03-03", approved="2025-03-14"
    )
    return {"cancelled by the enterprise": [*initial, *forced]}


def of_shaanxi() -> dict[str, list[Fact]]:
    """Sent back by the enterprise (打回), mended and passed."""
    here = Teller(profile=SHAANXI)
    return {
        "sent back by the enterprise": [
            here.saved("initial", BUILDING, at=at("2024-06-03")),
            here.attached("signed_form", at=at("2024-06-03", "10:00")),
            here.saved(
                "initial", BUILDING, at=at("2024-06-03", "11:00"), revision=2, submitted=True
            ),
            here.closed("returned", at=at("2024-06-04"), by="enterprise"),
            here.attached("signed_form", at=at("2024-06-04", "10:00"), action="replaced"),
            here.saved(
                "initial", BUILDING, at=at("2024-06-04", "11:00"), revision=3, submitted=True
            ),
            here.closed("passed", at=at("2024-06-05"), by="enterprise"),
            here.approved("initial", BUILDING, on="2024-06-14"),
        ]
    }


def _histories() -> dict[str, tuple[Profile, list[Fact]]]:
    of_each = {
        SHANGHAI: of_constructors(SHANGHAI, "initial") | of_signers(SHANGHAI),
        GANSU: of_constructors(GANSU, "initial") | of_signers(GANSU) | of_gansu(),
        COST: of_cost_engineers(),
        ZHEJIANG: of_constructors(ZHEJIANG, "initial"),
        SHAANXI: of_constructors(SHAANXI, "reregistration") | of_shaanxi(),
    }
    return {
        f"{rules.id}: {name}": (rules, facts)
        for rules, histories in of_each.items()
        for name, facts in histories.items()
    }


HISTORIES = _histories()
