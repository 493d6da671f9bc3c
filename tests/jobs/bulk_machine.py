"""A small world for bulk events: a few people at two enterprises in two registers, and whatever
upstream, workers and operators do to them, in any order.

A ``World`` does one thing at a time and takes a refusal for an answer; what must be true
meanwhile is asked in ``bulk_promises``.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import select

from factory import specimen
from factory.access import Viewer
from factory.errors import (
    ConflictError,
    DigestMismatchError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    PermanentError,
    PictureError,
    SelfCheckError,
    UnprintableError,
)
from factory.model import ApplicationType as Type
from factory.model import (
    BatchId,
    BatchState,
    Format,
    ItemState,
    Sex,
    Standing,
)
from jobs import desk, intake
from jobs.asker import COUNTER, Asker
from jobs.bulk import confirming, steering, steps
from jobs.bulk.beginning import OPERATIONS
from jobs.intake import Outcome, Status
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import batches, care, chunks, inbox, items, people, record, registers
from storage.ledger.base import Tx
from storage.ledger.batches import Batch
from storage.ledger.chunks import Claim
from storage.ledger.record import HeldOrder
from storage.ledger.registers import RegistrationRow
from tests.plants import WHO, finish, made, new_plant, open_chunks

PAIRS = (
    ("shanghai-constructor", "shanghai-cost-engineer"),
    ("zhejiang-constructor", "gansu-constructor"),
    ("shanghai-constructor", "shaanxi-constructor"),
)
WIDE, NARROW = "urn:example:both", "urn:example:one"  #: of both registers, of the first alone
FIRST_DAY = date(2024, 12, 2)
VERSIONS = ("2024-12", "2025-01")  #: installed beside those that come with the product
IN_FORCE = (date(2024, 12, 5), date(2025, 1, 10))
EXPIRY = date(2024, 12, 20)  #: of what is imported to expire soon
PEOPLE = 8  #: of whom the first six are registered when a history begins
REGISTERED = 6
FIRMS = (1, 2)  #: seeds of the enterprises
NAMES = 3  #: an enterprise is called by so many names in turn
WORN_OUT = 999  #: the last number an edition can have
LEASE, LAPSED = timedelta(minutes=5), timedelta(seconds=-1)
MOST_ROUNDS = 80  #: until everything has come to rest
RENAMED, REISSUED = "enterprise.renamed", "reissue.requested"
OF_VERSIONS = ("authority.seal_replaced", "authority.renamed", "design.revised")
OF_MANY = frozenset({RENAMED, REISSUED, *OF_VERSIONS})
ERRORS: Sequence[Callable[[], PermanentError]] = (
    lambda: PictureError("photo: a test"),
    lambda: UnprintableError("holder.name", ("U+E0C5",)),
    lambda: SelfCheckError("a test"),
    lambda: FieldError("holder", "a test", "is wrong"),
    lambda: DigestMismatchError("a test"),
)

JsonObject = dict[str, Any]


@dataclass(slots=True)
class Person:
    """Somebody, as upstream knows them."""

    seed: int
    register: str
    holder: JsonObject


@dataclass(slots=True)
class Grounds:
    """Where histories are told: one plant, and for each pair of registers its first ledger."""

    plant: Plant
    file: Path
    empty: Path
    seen: Counter[str] = field(default_factory=Counter)
    begun: dict[int, Path] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path) -> Grounds:
        """New ones, with later versions of all profiles installed."""
        profiles, file = folder / "profiles", folder / "ledger.sqlite3"
        _install_versions(profiles)
        plant = new_plant(
            folder,
            f"sqlite:///{file}",
            slice_items=2,
            chunk_items=2,
            bulk_workers=1,
            profiles_dir=profiles,
            s3_endpoint="http://store.invalid",
            s3_public_endpoint="http://store.invalid",
            s3_key="nobody",
            s3_secret="nothing",
        )
        assert plant.profiles
        with plant.ledger.write(WHO) as tx:
            for wide, other in PAIRS:
                inbox.grant(tx, WIDE, wide)
                inbox.grant(tx, WIDE, other)
                inbox.grant(tx, NARROW, wide)
        plant.ledger.engine.dispose()
        empty = folder / "empty.sqlite3"
        shutil.copyfile(file, empty)
        return cls(plant=plant, file=file, empty=empty)

    def world(self, pair: int) -> World:
        """A world as it begins: six of its people are registered."""
        known = self.begun.get(pair)
        self._open(known or self.empty)
        world = World(self.plant, PAIRS[pair], self.seen)
        world.begin(written=known is None)
        if known is None:
            self.plant.ledger.engine.dispose()
            self.begun[pair] = self.file.with_name(f"begun-{pair}.sqlite3")
            shutil.copyfile(self.file, self.begun[pair])
        return world

    def _open(self, copied: Path) -> None:
        self.plant.ledger.engine.dispose()
        for ending in ("-wal", "-shm"):
            self.file.with_name(self.file.name + ending).unlink(missing_ok=True)
        shutil.copyfile(copied, self.file)


def _install_versions(folder: Path) -> None:
    """Two later versions of every profile; from the first of them on, two operators confirm."""
    folder.mkdir()
    for name in {each for pair in PAIRS for each in pair}:
        text = (resources.files("factory.profiles") / f"{name}.toml").read_text("utf-8")
        for version, day in zip(VERSIONS, IN_FORCE, strict=True):
            later = text.replace('version = "2024-01"', f'version = "{version}"')
            later = later.replace(
                "effective_from = 2024-01-01", f"effective_from = {day.isoformat()}"
            )
            asked = (
                "automatic_below = 2\n" if version == VERSIONS[-1] else "collect_again = false\n"
            )
            later = later[: later.index("[bulk]")]
            later += f"[bulk]\nsecond_operator_above = 3\n{asked}"
            (folder / f"{name}-{version}.toml").write_text(later, "utf-8")


@cache
def _signature(seed: int) -> str:
    return base64.b64encode(specimen.signature(seed)).decode()


class World:
    """Two registers and whoever acts on them; every act leaves a line in ``told``."""

    def __init__(self, plant: Plant, pair: tuple[str, str], seen: Counter[str]) -> None:
        self.day = FIRST_DAY
        self._plant = plant
        self.pair, self.seen = pair, seen
        self.people = [
            Person(seed=4 + place, register=pair[place % 2], holder=specimen.holder(4 + place))
            for place in range(PEOPLE)
        ]
        self.hands: list[Claim] = []
        self.finished: list[Claim] = []
        self.sent: list[JsonObject] = []
        self.told: list[str] = []

    @property
    def plant(self) -> Plant:
        """As it is on the day it is in this world."""
        return self._plant.on(self.day)

    def begin(self, *, written: bool) -> None:
        """Six people are registered and have their certificates, some of them collected."""
        for place in range(REGISTERED):
            event = self._approval(self.people[place], Type.INITIAL, FIRMS[place >= 4])
            self.sent += self._announced(event)
        if written:
            for event in self.sent:
                outcome = self._submit(event)
                assert outcome.status is Status.ACCEPTED, outcome
            for place in range(0, PEOPLE, 2):
                self.collect(place)
            for chunk in open_chunks(self.plant):
                self._finish_chunk(chunk)
        self.told.clear()

    # --- upstream -----------------------------------------------------------------------------

    def approve(self, who: int, pick: int, firm: int) -> None:
        """An application is approved: which makes sense of what the person has."""
        person = self._person(who)
        row = self._row(person)
        if row is None:
            kind = Type.INITIAL
        else:
            types = (Type.RENEWAL, Type.ADDITION, Type.CHANGE, Type.CHANGE)
            kind = types[pick % 4]
            if kind not in self.plant.profiles[person.register].all[-1].application.types:
                kind = Type.RENEWAL
        code = FIRMS[firm % 2]
        if row is not None and pick % 4 != 3:  # else a change of the employer, or what is amiss
            code = self._firm_of(row)
        self._send_all(self._announced(self._approval(person, kind, code, row=row, pick=pick)))

    def bring_in(self, who: int, pick: int, firm: int) -> None:
        """A registration that exists already: on paper or not, with a photo or without."""
        person = self._stranger(who)
        last = (EXPIRY, date(2026, 5, 1), date(2027, 5, 1))[pick % 3]
        medium = ("electronic", "paper")[pick // 3 % 2]
        name = self._professions(person)[0]
        number = (1, WORN_OUT)[pick == 4] if medium == "electronic" else 0
        data = {
            "profile": person.register,
            "registration_number": self._foreign_number(person),
            "holder": dict(person.holder),
            "enterprise": self._employer(person.register, FIRMS[firm % 2]),
            "professions": [
                {"name": name, "valid_from": "2024-05-02", "valid_to": last.isoformat()}
            ],
            "edition": {"medium": medium, "issued_on": "2024-05-02", "number": number},
        }
        if medium == "electronic":
            data["edition"]["licence_id"] = f"licence-{len(self.sent)}"
        if pick % 2:
            data |= self._pictures(person)
        self._send(self._event("registration.imported", data))

    def end_or_pause(self, who: int, *, ends: bool) -> None:
        """The authority cancels (注销), suspends (暂扣) or gives back (发还)."""
        row = self._row(self._person(who))
        suspended = row is not None and row.standing is Standing.SUSPENDED
        paused = "resumed" if suspended else "suspended"
        self._happened(who, "cancelled" if ends else paused)

    def move(self, who: int) -> None:
        """A transfer: cancelled at one enterprise, registered at the other."""
        person = self._person(who)
        row = self._row(person)
        if row is not None:
            self.end_or_pause(who, ends=True)
            firm = next(each for each in FIRMS if each != self._firm_of(row))
            self._send_all(self._announced(self._approval(person, Type.INITIAL, firm)))

    def correct(self, who: int, pick: int) -> None:
        """The name, or the identity number, was wrong; a photo may come with it."""
        person = self._person(who)
        paper = {key: person.holder[key] for key in ("id_type", "id_number")}
        person.holder = dict(person.holder)
        if pick % 4 == 3:
            sex, born = Sex(person.holder["sex"]), specimen.birth_date(person.seed)
            number = specimen.identity_number(born, sex, 60 + len(self.sent))
            person.holder["id_number"] = number
        else:
            person.holder["name"] = person.holder["name"][:2] + "嘉荣安"[pick % 3]
        data = {
            "profile": person.register,
            "holder": paper,
            "corrected": dict(person.holder),
            "reason": "更正",
            "corrected_on": self.day.isoformat(),
        }
        if pick % 2:
            data |= self._pictures(person)
        self._send(self._event("holder.corrected", data))

    def rename(self, firm: int, pick: int, *, wide: bool) -> None:
        """An enterprise has another name: a new one, or one it had before."""
        names = self._names(FIRMS[firm % 2])
        source = WIDE if wide else NARROW
        old = self._employer(self.pair[0], FIRMS[firm % 2])["name"]
        if pick >= 2 * NAMES:  # as if the rename that waits had taken effect already
            old = self._awaited_name(FIRMS[firm % 2]) or old
        new = names[pick % NAMES]
        if new == old:
            new = names[(pick + 1) % NAMES]
        code = specimen.employer(FIRMS[firm % 2])["credit_code"]
        subject = {"credit_code": code, "old_name": old, "new_name": new}
        data = {"enterprise": subject, "effective_on": self.day.isoformat()}
        self._send(self._event(RENAMED, data, source=source))

    def ask_for_many(self, kind: str, place: int) -> None:
        """A bulk event of this kind that nothing stands in the way of."""
        if kind == RENAMED:
            self.rename(place, 1, wide=True)
        elif kind == REISSUED:
            self.reissue(place, 0)
        else:
            self.issue_by_version(OF_VERSIONS.index(kind) * 3 + 2, place)

    def issue_by_version(self, pick: int, register: int) -> None:
        """A version was installed: a new seal, name of the authority or design."""
        profile = self.pair[register % 2]
        version = self.plant.profiles[profile].on(self.day).version
        coming = [each for each in VERSIONS if each > version]
        data = {
            "profile": profile,
            "version": coming[0] if coming and pick % 2 else version,
            "reason": "印章更换",
        }
        self._send(self._event(OF_VERSIONS[pick // 3 % 3], data, source=OPERATIONS))

    def reissue(self, register: int, pick: int) -> None:
        """Some certificates are asked for anew by their numbers."""
        profile = self.pair[register % 2]
        numbers = [row.value.number for row in self.rows() if row.profile == profile]
        self._ask_anew(profile, numbers[pick % 3 :: 1 + pick % 2] or numbers)

    def again(self, pick: int) -> Outcome:
        """An event comes once more."""
        event = self.sent[pick % len(self.sent)]
        return self._submit(event)

    def pass_time(self, days: int) -> None:
        """Days go by."""
        self.day += timedelta(days=days)
        self._note(f"it is {self.day}")

    def begin_bulk(self, kind: int, pick: int, place: int) -> None:
        """A bulk event is prepared and confirmed, and has begun to run."""
        if kind == 0:
            self.issue_by_version(pick, place)
        elif kind == 1:
            self.reissue(place, pick)
        else:
            self.rename(place, pick, wide=True)
        for _ in range(PEOPLE):
            self._step_all(BatchState.PREPARING)
        for batch in self.batches():
            if batch.state is BatchState.AWAITING:
                self._tried(f"batch {batch.id} confirmed", lambda one=batch: self._confirm(one))
        self._step_all(BatchState.RUNNING)

    # --- workers ------------------------------------------------------------------------------

    def advance(self, pick: int) -> None:
        """One step of a batch that has one."""
        self._of(pick, _is_alive, lambda batch: steps.advance(self.plant, batch.id))

    def work(self, most: int) -> None:
        """All batches take a step, and some chunks are made."""
        self._step_all(*BatchState)
        for chunk in self._claimable()[:most]:
            self._finish_chunk(chunk)

    def claim(self, pick: int, *, dies: bool) -> None:
        """A worker takes a chunk; one that dies has no lease any more."""
        ready = self._claimable()
        if not ready:
            return
        with self.plant.ledger.write(WHO) as tx:
            how = {"lease": LAPSED if dies else LEASE, "max_deaths": 2}
            found = chunks.claim(tx, ready[pick % len(ready)], **how)  # type: ignore[arg-type]
        self._note(f"chunk {ready[pick % len(ready)]} claimed: {found is not None}")
        if found is not None:
            self.hands.append(found)

    def finish(self, pick: int) -> None:
        """A worker records what it made."""
        if self.hands:
            hand = self.hands.pop(pick % len(self.hands))
            self.finished.append(hand)
            self._note(f"chunk {hand.id} finished: {finish(self.plant, hand)}")

    def finish_twice(self, pick: int) -> bool:
        """A worker records once more what it recorded; whether anything was written."""
        if not self.finished:
            return False
        return finish(self.plant, self.finished[pick % len(self.finished)])

    def stumble(self, pick: int, error: int, *, given_back: bool) -> None:
        """Of a chunk one order fails for good, the rest is made, or is left for later."""
        if not self.hands:
            return
        hand = self.hands.pop(pick % len(self.hands))
        failed = [HeldOrder(order=each.id, error=ERRORS[error]()) for each in hand.orders[:1]]
        rest = () if given_back else hand.orders[1:]
        files = [made(each.id, key=each.object_key(Format.PDF)) for each in rest]
        with self.plant.ledger.write(WHO) as tx:
            again = timedelta(0) if given_back else None
            brake = self.plant.brake
            kept = record.record(tx, hand, files, failed, brake=brake, again_after=again)
        self._note(f"chunk {hand.id} failed in part ({failed and failed[0].error.reason}): {kept}")

    def give_back(self, pick: int) -> None:
        """A worker gives a chunk back unmade."""
        if self.hands:
            hand = self.hands.pop(pick % len(self.hands))
            with self.plant.ledger.write(WHO) as tx:
                chunks.release(tx, hand, pause=timedelta(0))
            self._note(f"chunk {hand.id} given back")

    def reconcile(self) -> None:
        """What the reconciler does now and then."""
        with self.plant.ledger.write(WHO) as tx:
            care.ring_due(tx)
            care.ring_batches(tx, after=timedelta(0))
            care.ring_hungry(tx)
            care.close_batches(tx)

    # --- operators and holders ----------------------------------------------------------------

    def confirm(self, pick: int, operator: str | None, *, by_enterprise: bool) -> None:
        """Somebody confirms a batch."""

        def run(batch: Batch) -> None:
            code = batch.subject.get("credit_code", specimen.credit_code(1))
            theirs = Asker(viewer=Viewer.ENTERPRISE, credit_code=code)
            asker = theirs if by_enterprise else COUNTER
            confirming.confirm(
                self.plant, batch.id, who=WHO, why="notice", operator=operator, asker=asker
            )

        self._of(pick, lambda each: each.state is BatchState.AWAITING, run)

    def steer(self, pick: int, what: str) -> None:
        """An operator pauses, resumes, cancels, slows or retries a batch."""
        self._of(pick, _is_alive, lambda batch: STEER[what](self.plant, batch.id), what)

    def retry_hold(self, pick: int) -> None:
        """Somebody lets what is held go on."""
        found = desk.open_holds(self.plant)
        if found:
            held = found[pick % len(found)]
            done = desk.retry(self.plant, held.id, who=WHO, why="again")
            self._note(f"{held.subject_kind} held for {held.reason} retried: {done.state}")

    def dismiss(self, pick: int) -> None:
        """A held event is dismissed."""
        found = [each for each in desk.open_holds(self.plant) if each.subject_kind == "event"]
        if found:
            held = found[pick % len(found)]
            desk.dismiss(self.plant, held.id, who=WHO, why="sent otherwise")
            self._note(f"event held for {held.reason} dismissed")

    def collect(self, who: int) -> None:
        """Somebody collects (领证)."""
        row = self._row(self._person(who))
        if row is not None:
            number = row.value.number
            self._tried("collected", lambda: desk.collect(self.plant, number, who=WHO))

    # --- the end ------------------------------------------------------------------------------

    def rest(self) -> None:
        """Everything is driven to its end, as patient operators would."""
        while self.hands:
            self.finish(0)
        self._run_out()
        for batch in self.batches():
            if batch.state is BatchState.COMPLETED:
                steering.retry_failed(self.plant, batch.id, who=WHO, why="mended")
        for held in desk.open_holds(self.plant):
            if held.subject_kind == "order":
                self._tried("retried", lambda ident=held.id: self._retry(ident))
        self._run_out()

    def issue_what_was_left(self, left: Mapping[str, Sequence[str]]) -> None:
        """What a cancelled bulk event left outdated is asked for anew, register by register."""
        for profile, numbers in left.items():
            self._ask_anew(profile, numbers)
        self._run_out()

    def _retry(self, hold: int) -> None:
        desk.retry(self.plant, hold, who=WHO, why="mended")

    def _run_out(self) -> None:
        for _ in range(MOST_ROUNDS):
            for batch in self.batches():
                self._drive(batch)
            for chunk in self._claimable():
                self._finish_chunk(chunk)
            self.reconcile()
            if not self._is_anything_left():
                return
        raise AssertionError(f"still at work: {[(b.id, b.state) for b in self.batches()]}")

    def _drive(self, batch: Batch) -> None:
        why = {"who": WHO, "why": "the end"}
        if batch.state in batches.HALTED:
            steering.resume(self.plant, batch.id, **why)
        if batch.state in batches.UNDER_WAY:
            steering.set_rate(self.plant, batch.id, None, **why)
        if batch.state is BatchState.AWAITING:
            self._confirm_or_cancel(batch)
        if _is_alive(batch):
            steps.advance(self.plant, batch.id)

    def _confirm_or_cancel(self, batch: Batch) -> None:
        """Two operators try, on a day when every version is in force."""
        if batch.kind in OF_VERSIONS:
            self.day = max(self.day, IN_FORCE[-1])
        try:
            self._confirm(batch)
        except ConflictError as error:
            self._note(f"batch {batch.id} cancelled at the end: {error}")
            steering.cancel(self.plant, batch.id, who=WHO, why="the end")

    def _confirm(self, batch: Batch) -> None:
        """As many operators as it takes."""
        for name in ("anna", "bert"):
            operator = "carla" if batch.approved_by == name else name
            found = confirming.confirm(
                self.plant, batch.id, who=WHO, why="notice", operator=operator
            )
            if found.state is not BatchState.AWAITING:
                return

    def _step_all(self, *states: BatchState) -> None:
        for batch in self.batches():
            if batch.state in states:
                steps.advance(self.plant, batch.id)

    def _is_anything_left(self) -> bool:
        unlisted = any(
            each.state not in batches.ENDED or not each.listed for each in self.batches()
        )
        return unlisted or bool(self._claimable())

    def _finish_chunk(self, chunk: int) -> None:
        with self.plant.ledger.write(WHO) as tx:
            found = chunks.claim(tx, chunk, lease=LEASE, max_deaths=99)  # type: ignore[arg-type]
        if found is not None:
            finish(self.plant, found)
            self.finished.append(found)

    # --- what there is ------------------------------------------------------------------------

    def batches(self) -> list[Batch]:
        """All of them, oldest first."""
        with self.plant.ledger.read() as tx:
            return sorted(batches.all_batches(tx), key=lambda each: each.id)

    def rows(self) -> list[RegistrationRow]:
        """All registrations."""
        with self.plant.ledger.read() as tx:
            return list(registers.load(tx, tx.run(select(t.registration.c.id)).scalars()).values())

    def employed(self, code: str, profiles: Sequence[str]) -> set[int]:
        """Whoever is registered in force at an enterprise."""
        return {
            row.id
            for row in self.rows()
            if row.in_force and row.profile in profiles and row.value.enterprise.credit_code == code
        }

    def count(self) -> None:
        """What this history came to."""
        for batch in self.batches():
            self.seen[f"{batch.kind} {batch.state}"] += 1
            with self.plant.ledger.read() as tx:
                for (state, reason), found in items.reasons(tx, batch.id).items():
                    self.seen[f"item {state}: {reason}"] += found
                self.seen["item done"] += items.counts(tx, batch.id)[ItemState.DONE]
        with self.plant.ledger.read() as tx:
            for row in tx.run(select(t.hold.c.reason, t.hold.c.subject_kind)):
                self.seen[f"{row.subject_kind} held: {row.reason}"] += 1
            for row in tx.run(select(t.audit.c.action).where(t.audit.c.action.like("batch %"))):
                self.seen[row.action] += 1

    def _claimable(self) -> list[int]:
        """Chunks that are ready, or whose worker has died, oldest first."""
        c = t.chunk.c
        with self.plant.ledger.read() as tx:
            wanted = select(c.id).where(
                (c.state == "ready") | ((c.state == "leased") & (c.lease_until < tx.now)),
                chunks.not_halted(),
            )
            return list(tx.run(wanted.order_by(c.id)).scalars())

    def _person(self, who: int) -> Person:
        return self.people[who % PEOPLE]

    def _stranger(self, who: int) -> Person:
        """Somebody who is not registered, if there is one."""
        turned = [self._person(who + place) for place in range(PEOPLE)]
        return next((each for each in turned if self._row(each) is None), turned[0])

    def _row(self, person: Person) -> RegistrationRow | None:
        """The registration of a person that has not ended, if there is one."""
        with self.plant.ledger.read() as tx:
            known = self._known(tx, person)
        return next((row for row in reversed(known) if not row.has_ended), None)

    def _known(self, tx: Tx, person: Person) -> list[RegistrationRow]:
        profile = self.plant.profiles[person.register].id
        paper = person.holder["id_type"], person.holder["id_number"]
        holder = people.find(tx, profile, *paper)
        if holder is None:
            return []
        return list(registers.load(tx, registers.of_holder(tx, holder.id)).values())

    def _firm_of(self, row: RegistrationRow) -> int:
        code = row.value.enterprise.credit_code
        return next(each for each in FIRMS if specimen.employer(each)["credit_code"] == code)

    def _employer(self, register: str, firm: int) -> JsonObject:
        """As the register calls it."""
        known = specimen.employer(firm)
        c = t.enterprise.c
        with self.plant.ledger.read() as tx:
            wanted = select(c.name).where(
                c.credit_code == known["credit_code"], c.profile == register
            )
            name = tx.run(wanted).scalar_one_or_none()
        return known | ({"name": name} if name else {})

    def _names(self, firm: int) -> list[str]:
        known = specimen.employer(firm)["name"]
        return [known, *(f"上海示例更名{firm}{word}有限公司" for word in "甲乙丙")][:NAMES]

    def _awaited_name(self, firm: int) -> str | None:
        code = specimen.employer(firm)["credit_code"]
        waiting = (
            each.subject["new_name"]
            for each in self.batches()
            if each.kind == RENAMED and each.subject["credit_code"] == code
            and each.state not in batches.ENDED
        )  # fmt: skip
        return next(waiting, None)

    # --- events -------------------------------------------------------------------------------

    def _approval(
        self,
        person: Person,
        kind: Type,
        firm: int,
        *,
        row: RegistrationRow | None = None,
        pick: int = 0,
    ) -> JsonObject:
        have = [each.name for each in row.value.professions] if row else []
        free = [name for name in self._professions(person) if name not in have]
        named = {Type.RENEWAL: have, Type.ADDITION: free[:1]}
        names = named.get(kind, self._professions(person)[:1])
        data = {
            "profile": person.register,
            "application": {"type": kind.value, "acceptance_number": f"W{len(self.sent):05}"},
            "holder": dict(person.holder),
            "enterprise": self._employer(person.register, firm),
            "approved_on": self.day.isoformat(),
        }
        if kind is not Type.CHANGE:
            data["professions"] = [
                {"name": name} | ({} if kind is Type.RENEWAL else {"qualified_on": "2024-05-03"})
                for name in names
            ]
        if kind is Type.INITIAL or pick % 3 == 0:
            data |= self._pictures(person)
        return self._event("registration.approved", data)

    def _announced(self, event: JsonObject) -> list[JsonObject]:
        """With its announcement, where that is when certificates are made."""
        data = event["data"]
        rules = self.plant.profiles[data["profile"]].all[-1]
        if rules.certificate.generate_on != "announcement":
            return [event]
        said = {
            "profile": data["profile"],
            "acceptance_number": data["application"]["acceptance_number"],
            "holder": {key: data["holder"][key] for key in ("id_type", "id_number")},
            "outcome": "announced",
            "at": f"{self.day.isoformat()}T10:00:00+08:00",
        }
        return [event, self._event("application.closed", said, after=1)]

    def _happened(self, who: int, what: str) -> None:
        person = self._person(who)
        data = {
            "profile": person.register,
            "holder": {key: person.holder[key] for key in ("id_type", "id_number")},
            "reason": "依法",
            f"{what}_on": self.day.isoformat(),
        }
        row = self._row(person)
        if row is not None and self._is_by_profession(person):
            data["profession"] = row.value.professions[0].name
        self._send(self._event(f"registration.{what}", data))

    def _ask_anew(self, profile: str, numbers: Sequence[str]) -> None:
        data = {"profile": profile, "numbers": list(numbers), "reason": "证书照片模糊"}
        self._send(self._event(REISSUED, data, source=OPERATIONS))

    def _event(
        self, kind: str, data: JsonObject, *, source: str = WIDE, after: int = 0
    ) -> JsonObject:
        return {
            "specversion": "1.0",
            "source": source,
            # In the order of time: of two on one day the one that was sent first counts first.
            "id": f"{len(self.sent) + after:05}",
            "type": kind,
            "data": data,
        }

    def _pictures(self, person: Person) -> JsonObject:
        found = {"photo": dict(specimen.approved(person.seed)["data"]["photo"])}
        rules = self.plant.profiles[person.register].all[-1]
        if rules.certificate.holder_signature:
            found["signature"] = {"content": _signature(person.seed)}
        return found

    def _professions(self, person: Person) -> Sequence[str]:
        return self.plant.profiles[person.register].all[-1].professions.names

    def _is_by_profession(self, person: Person) -> bool:
        return self.plant.profiles[person.register].all[-1].certificate.unit == "profession"

    def _foreign_number(self, person: Person) -> str:
        rules = self.plant.profiles[person.register].all[-1]
        if rules.numbering.registration == "zj14":
            return f"建[造]12203100{len(self.sent):06}"
        authority = rules.authority
        return f"{authority.abbreviation}2{authority.division}1618{len(self.sent):05}"

    def _send_all(self, events: Sequence[JsonObject]) -> None:
        for event in events:
            self._send(event)

    def _send(self, event: JsonObject) -> None:
        outcome = self._submit(event)
        self.sent.append(event)
        self._note(f"{event['type']} {outcome.status} {outcome.reason or outcome.problems}")
        self.seen[f"event {event['type']} {outcome.status}"] += 1

    def _submit(self, event: JsonObject) -> Outcome:
        return intake.submit(self.plant, json.dumps(event, ensure_ascii=False).encode(), who=WHO)

    # --- trying -------------------------------------------------------------------------------

    def _of(
        self,
        pick: int,
        which: Callable[[Batch], bool],
        run: Callable[[Batch], object],
        words: str = "stepped",
    ) -> None:
        known = self.batches()
        found = [batch for batch in known if which(batch)] or known
        if found:
            batch = found[pick % len(found)]
            self._tried(f"{words} batch {batch.id}", lambda: run(batch))

    def _tried(self, words: str, run: Callable[[], object]) -> None:
        """A refusal is an answer."""
        try:
            run()
            self._note(words)
        except (ConflictError, ForbiddenError, NotFoundError) as error:
            self._note(f"{words}: {error}")

    def _note(self, words: str) -> None:
        self.told.append(words)


def _is_alive(batch: Batch) -> bool:
    return batch.state not in batches.ENDED or not batch.listed


STEER: Mapping[str, Callable[[Plant, BatchId], object]] = {
    "pause": lambda plant, batch: steering.pause(plant, batch, who=WHO, why="a look"),
    "resume": lambda plant, batch: steering.resume(plant, batch, who=WHO, why="goes on"),
    "cancel": lambda plant, batch: steering.cancel(plant, batch, who=WHO, why="a mistake"),
    "slow": lambda plant, batch: steering.set_rate(plant, batch, 60, who=WHO, why="slowly"),
    "fast": lambda plant, batch: steering.set_rate(plant, batch, None, who=WHO, why="quickly"),
    "first": lambda plant, batch: steering.set_priority(plant, batch, 9, who=WHO, why="urgent"),
    "retry": lambda plant, batch: steering.retry_failed(plant, batch, who=WHO, why="mended"),
}
