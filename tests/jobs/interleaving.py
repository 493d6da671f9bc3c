"""Random interleavings: what may happen to one application while its parties sign.

Everything is chosen by ``random.Random(seed)``: saves, preparations, signatures right and wrong,
expiry, deaths of the process in the middle of it, retries, and the worker in between.  After
every move the ledger and the object store must tell the same, and in the end the right parties
must be able to finish.
"""

from __future__ import annotations

import gc
import json
import random
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import partial
from types import FrameType
from typing import Any

from sqlalchemy import event, func, select, update

from factory import courses, verify
from factory.courses import Case
from factory.errors import NotFoundError, PermanentError
from factory.kinds.form_design import FIELDS
from factory.model import ApplicationState, ApplicationType, DocumentState, Kind, Party
from factory.register import FILLING_IN
from factory.verify import VerdictWord
from jobs import completing, forms, intake, signing
from jobs.intake import Outcome, Status
from jobs.signing import Waiting
from jobs.wiring import Plant
from storage import outside
from storage import tables as t
from storage.ledger import documents, preparations
from storage.ledger.applications import ApplicationRow
from storage.ledger.documents import DocumentView
from storage.outside import OutsideParty
from tests.jobs.applying import another_value
from tests.telling import work

WHO = "interleaving"
#: register and type of each application that parties sign in its form here
APPLICATIONS = (
    ("shanghai-constructor", ApplicationType.INITIAL),
    ("shanghai-constructor", ApplicationType.CANCELLATION),
    ("shanghai-cost-engineer", ApplicationType.INITIAL),
    ("shanghai-cost-engineer", ApplicationType.CANCELLATION),
    ("gansu-constructor", ApplicationType.INITIAL),
    ("gansu-constructor", ApplicationType.CANCELLATION),
    ("gansu-constructor", ApplicationType.FORCED_CANCELLATION),
)
MOST_MOVES = 8, 14  #: of one interleaving, before it is brought to its end
#: functions of which the calls until a death are counted, and how many there are to the end
DEATHS = {
    "prepare": 180_000,  #: a form to sign is asked for
    "finish": 150_000,  #: its signature has come: from the first look at it
    "put_new": 32_000,  #: from before it is stored
    "take": 30_000,  #: from before the transaction
    "record": 28_000,  #: from before it is recorded
}
#: a lock that is never released would stop the next process too: a real one's die with it
RELEASES = frozenset({"__exit__", "release", "_releaseLock"})
LOOP = "run_to_end"  #: below it an event loop would wait for what died; nothing is changed there
COUNTED = (t.file, t.fact, t.inbox, t.outbox, t.document, t.production_order, t.audit)

JsonObject = dict[str, Any]


class What(StrEnum):
    """What happens in a move."""

    SAVE = "save"
    PREPARE = "prepare"
    COMPLETE = "complete"
    EXPIRE = "expire"
    DIE = "die"
    RETRY = "retry"
    WORK = "work"


WEIGHTS = {
    What.SAVE: 3,
    What.PREPARE: 6,
    What.COMPLETE: 10,
    What.EXPIRE: 1,
    What.DIE: 5,
    What.RETRY: 4,
    What.WORK: 4,
}


class Save(StrEnum):
    """How an application is saved."""

    NEXT = "next"
    SAME = "same"  #: the next revision with the same content
    LATE = "late"  #: said to be done before what was done since
    REPEATED = "repeated"  #: the same event once more
    OTHER = "other"  #: other content under the id of the event before
    OLDER = "older"  #: a revision that was saved before


class Answer(StrEnum):
    """What is brought for a prepared form."""

    RIGHT = "right"
    ANOTHER = "another"  #: right, another value of the same key over the same
    CONTAINER = "container"  #: right, as a finished CMS
    AGAIN = "again"  #: what was brought for it before
    STRANGER = "stranger"  #: by somebody of another name
    OTHER_PARTY = "other party"
    OTHER_FORM = "other form"  #: right for another form
    GARBAGE = "garbage"


RIGHT = frozenset({Answer.RIGHT, Answer.ANOTHER, Answer.CONTAINER})


class Way(StrEnum):
    """By which way it is brought."""

    DESK = "desk"
    EVENT = "event"
    USED = "used"  #: an event under an id that was used
    WRONG_PARTY = "wrong party"
    WRONG_REVISION = "wrong revision"
    EARLY = "early"  #: an event that says it was signed before it was saved


HONEST = frozenset({Way.DESK, Way.EVENT})


class Died(BaseException):
    """The process is dead: nothing may catch it and go on."""


@dataclass(slots=True)
class Mortal:
    """Dies at that call of anything, counted from when a function of that name is entered."""

    where: str
    call: int
    entered: bool = False
    calls: int = 0
    died: bool = False  #: what is raised afterwards, and by whom, is of no interest

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Here it dies."""
        sys.setprofile(self._count)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _count(self, frame: FrameType, what: str, called: object) -> None:
        self.entered = self.entered or (what == "call" and frame.f_code.co_name == self.where)
        if self.entered and what in {"call", "c_call"}:
            self.calls += 1
            name = frame.f_code.co_name if what == "call" else getattr(called, "__name__", "")
            due = self.calls >= self.call
            self.died = due and name not in RELEASES and not _is_below(frame, LOOP)
            if self.died:
                raise Died  # Python counts no more


def _is_below(frame: FrameType | None, name: str) -> bool:
    while frame is not None and frame.f_code.co_name != name:
        frame = frame.f_back
    return frame is not None


class World:
    """A factory whose process can die: its connections are lost then, and another begins."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.judged: set[str] = set()  #: files of which all was asked that never changes
        self._lines: list[Any] = []
        self._watch()

    def die(self) -> None:
        """What the process had open is gone; a fresh one stands in its place."""
        gc.collect()  # transactions and half-sent requests end here, as they do with a process
        for line in self._lines:
            line.close()
        self._lines.clear()
        self.plant.ledger.engine.dispose()
        fresh = copy(self.plant)
        for part in ("ledger", "store", "intake_store", "links", "typefaces"):
            fresh.__dict__.pop(part, None)
        self.plant = fresh
        self._watch()

    def _watch(self) -> None:
        engine = self.plant.ledger.engine
        event.listen(engine, "connect", lambda line, _record: self._lines.append(line))


@dataclass(slots=True, kw_only=True, eq=False)
class Ready:
    """A prepared form in the hands of a party."""

    waiting: Waiting
    party: OutsideParty
    given: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """One application as the ledger has it now.

    row: None: nothing was saved yet.
    """

    row: ApplicationRow | None
    papers: tuple[DocumentView, ...] = ()

    @property
    def forms(self) -> list[DocumentView]:
        """All revisions of its form, oldest first."""
        return [each for each in self.papers if each.kind is Kind.APPLICATION_FORM]

    @property
    def form(self) -> DocumentView | None:
        """The one that stands."""
        return next((each for each in self.forms if each.stands), None)

    @property
    def signed(self) -> int:
        """How many have signed the form that stands."""
        return self.form.file.step if self.form and self.form.file else 0


class Interleaving:
    """One application, and everything that a seed lets happen to it."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed = world, seed
        self.chance = random.Random(seed)  # noqa: S311 - a choice to be repeated, not a secret
        name, kind = self.chance.choice(APPLICATIONS)
        with world.plant.ledger.read() as tx:
            profile, today = world.plant.profile(tx, name), world.plant.today(tx)
        self.case = Case(profile=profile, kind=kind, seed=seed, first=_first(today))
        self.signers = profile.application.signers_of(kind)
        self.told: list[str] = [f"{name} {kind}"]
        self.seen: Counter[str] = Counter()
        self.saves: list[JsonObject] = []
        self.revision = 0  #: the newest that was accepted
        self.brought: list[str] = []  #: ids of events that brought a signature
        self.ready: list[Ready] = []
        self.dead: list[tuple[Callable[[], Any], str]] = []  #: what died, to be tried again
        self.void: dict[int, int] = {}  #: files of each void document

    def run(self) -> None:
        """All of it.  AssertionError: something is wrong; it says which seed and what was done."""
        try:
            self._begin()
            for _ in range(self.chance.randint(*MOST_MOVES)):
                [what] = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
                MOVES[what](self)
                self._check()
            self._finish()
        except Exception as error:
            error.add_note(f"seed {self.seed}: {'; '.join(self.told)}")
            raise

    # --- moves ------------------------------------------------------------------------------

    def _begin(self) -> None:
        told = courses.up_to("application.saved", courses.course(self.case))
        for each in told:
            assert self._submit(each).status is Status.ACCEPTED
        self.saves.append(deepcopy(told[-1]))
        self.revision = self.saves[-1]["data"]["revision"]
        work(self.world.plant)
        self._check()

    def save(self) -> None:
        """The application is saved, the next time or amiss."""
        how = self.chance.choice((Save.NEXT, Save.NEXT, Save.NEXT, *Save))
        raw = self._saved(how)
        before = self._counts()
        outcome = self._submit(raw)
        self._note(f"save {how}: {outcome.status}")
        if how is Save.REPEATED:
            assert outcome.status is Status.DUPLICATE
        if how in {Save.OLDER, Save.LATE}:
            assert outcome.status is not Status.ACCEPTED or how is Save.LATE
        if outcome.status in {Status.DUPLICATE, Status.REFUSED}:
            assert self._counts() == before, "what was refused changed something"
        if outcome.status in {Status.ACCEPTED, Status.HELD}:
            self.saves.append(raw)
        if outcome.status is Status.ACCEPTED:
            self.revision = max(self.revision, raw["data"]["revision"])

    def _saved(self, how: Save) -> JsonObject:
        raw = deepcopy(self.saves[-1])
        newest = max(each["data"]["revision"] for each in self.saves)
        if how is Save.REPEATED:
            return deepcopy(self.chance.choice(self.saves))
        if how is not Save.OTHER:
            raw["id"] = f"{raw['correlationid']}-save-{len(self.told)}"
        moment = datetime.now(UTC) - timedelta(days=9 if how is Save.LATE else 0)
        revision = self.revision if how is Save.OLDER else newest + 1
        raw["data"] |= {"revision": revision, "saved_at": moment.isoformat()}
        if how is not Save.SAME:
            raw["data"]["enterprise"]["phone"] = f"000-{len(self.told):04}{self.seed % 10_000:04}"
        return raw

    def prepare(self) -> None:
        """Somebody asks for the form to sign it."""
        signer = self._turn() if self.chance.random() < 0.75 else self.chance.choice(list(Party))
        party = self._party(signer)
        how = self.chance.choice(("right", "right", "right", "none", "none", "namesake", "other"))
        if how == "namesake":
            party = self._party(signer, other=True)
        if how == "other":
            party = self._party(_other(signer))
        self._prepare_with(signer, party, how)

    def _prepare_with(self, signer: Party, party: OutsideParty, how: str) -> None:
        before, stand = self._counts(), self._stand()
        may = how in {"right", "none"} and self._is_turn(stand, signer)
        waiting = self._tried(partial(self._ask, signer, party, how), f"prepare {signer} {how}")
        assert isinstance(waiting, Waiting) is may, waiting
        if not may:
            assert self._counts() == before, "what was refused changed something"

    def _ask(self, signer: Party, party: OutsideParty, how: str) -> Waiting:
        waiting = signing.prepare(
            self.world.plant,
            self.case.acceptance_number,
            signer,
            who=WHO,
            chain=() if how == "none" else party.chain,
            profile=self.case.profile.id,
        )
        self.ready.append(Ready(waiting=waiting, party=party))
        return waiting

    def complete(self) -> None:
        """A signature is brought, right or wrong."""
        if not self.ready:
            self.prepare()
            return
        ready = self.chance.choice((self.ready[-1], self.ready[-1], *self.ready))
        answer = self.chance.choice((*(Answer.RIGHT,) * 6, *Answer))
        way = self.chance.choice((*(Way.DESK,) * 4, *(Way.EVENT,) * 2, *Way))
        self._bring(ready, answer, way)

    def _bring(self, ready: Ready, answer: Answer, way: Way) -> Outcome | None:
        kind, signature = self._signature(ready, answer)
        wanted = self._expected(ready, answer, way, signature)
        before = self._counts()
        take = self._taking(ready, way, kind, signature)
        words = f"complete {ready.waiting.party} revision {ready.waiting.revision} {answer} {way}"
        outcome = self._tried(take, words)
        status = outcome.status if isinstance(outcome, Outcome) else Status.REFUSED
        assert status in wanted, (status, wanted, outcome)
        if status is not Status.ACCEPTED:
            assert self._counts() == before, "what was refused changed something"
        ready.given.append((kind, signature))
        return outcome if isinstance(outcome, Outcome) else None

    def _taking(self, ready: Ready, way: Way, kind: str, signature: bytes) -> Callable[[], Outcome]:
        if way is Way.DESK:
            return lambda: completing.complete(
                self.world.plant, ready.waiting.token, who=WHO, way=kind, signature=signature
            )
        raw = self._event(ready, way, kind, signature)
        return lambda: self._submit(raw)

    def _event(self, ready: Ready, way: Way, kind: str, signature: bytes) -> JsonObject:
        signer, revision = ready.waiting.party, ready.waiting.revision
        at = datetime.now(UTC) - timedelta(days=300 if way is Way.EARLY else 0)
        raw = deepcopy(self.saves[0]) | {"type": "application.signed"}
        raw["id"] = f"{raw['correlationid']}-signed-{len(self.told)}"
        if way is Way.USED:
            raw["id"] = self.chance.choice((*self.brought, self.saves[0]["id"]))
        raw["data"] = {
            "profile": self.case.profile.id,
            "acceptance_number": self.case.acceptance_number,
            "holder": self.case.paper,
            "revision": revision + 1 if way is Way.WRONG_REVISION else revision,
            "party": (_other(signer) if way is Way.WRONG_PARTY else signer).value,
            "signed_at": at.isoformat(),
            "evidence": {
                "preparation": ready.waiting.token,
                kind: b64encode(signature).decode(),
            },
        }
        return raw

    def _signature(self, ready: Ready, answer: Answer) -> tuple[str, bytes]:
        """Which field it belongs in, and what is brought."""
        waiting = ready.waiting
        attributes, content = waiting.signed_attributes, waiting.content
        if answer is Answer.AGAIN and ready.given:
            return self.chance.choice(ready.given)
        if answer is Answer.GARBAGE:
            return self.chance.choice(("value", "cms")), self.chance.randbytes(70)
        if answer is Answer.OTHER_FORM:
            attributes, content = self._of_another(ready)
        signer = self._signer(ready, answer)
        if answer is Answer.CONTAINER or attributes is None:
            return "cms", signer.cms(content)
        if answer is Answer.ANOTHER:
            return "value", another_value(signer, attributes)
        return "value", signer.sign(attributes)

    def _of_another(self, ready: Ready) -> tuple[bytes | None, bytes]:
        """The signed attributes and the content of another form."""
        waiting = self.chance.choice(self.ready).waiting
        none = {waiting.signed_attributes, ready.waiting.signed_attributes} & {None}
        same = waiting.content == ready.waiting.content  # prepared in the same second, too
        if none or same:
            return None, waiting.content + b" "
        return waiting.signed_attributes, waiting.content

    def _signer(self, ready: Ready, answer: Answer) -> OutsideParty:
        if answer is Answer.STRANGER:
            return self._party(ready.waiting.party, other=True)
        if answer is Answer.OTHER_PARTY:
            return self._party(_other(ready.waiting.party))
        return ready.party

    def _expected(
        self, ready: Ready, answer: Answer, way: Way, signature: bytes
    ) -> frozenset[Status]:
        """What must become of it, by what the ledger has."""
        if way in {Way.WRONG_PARTY, Way.WRONG_REVISION}:
            return frozenset({Status.REFUSED})
        if done := self._completed(ready):
            same = done == signature_digest(self.world.plant, signature)
            return frozenset({Status.DUPLICATE if same else Status.REFUSED})
        again = answer is Answer.AGAIN
        if again and not ready.given:
            answer, again = Answer.RIGHT, False
        if not self._is_open(ready) or way not in HONEST:
            return frozenset({Status.REFUSED})
        if again:
            return frozenset({Status.ACCEPTED, Status.REFUSED})
        return frozenset({Status.ACCEPTED if answer in RIGHT else Status.REFUSED})

    def expire(self) -> None:
        """Time passes."""
        if not self.ready:
            return
        ready = self.chance.choice(self.ready)
        c = t.preparation.c
        past = datetime.now(UTC) - timedelta(seconds=1)
        with self.world.plant.ledger.write(WHO) as tx:
            tx.run(
                update(t.preparation).where(c.token == ready.waiting.token).values(expires_at=past)
            )
        self._note("expire")

    def die(self) -> None:
        """The process dies while it prepares a form or takes a right signature."""
        open_ones = [each for each in self.ready if self._is_open(each)]
        if not open_ones or self.chance.random() < 0.2:
            signer = self._turn()
            self._die_in(
                partial(self._ask, signer, self._party(signer), "right"), "prepare", "prepare"
            )
            return
        ready = self.chance.choice(open_ones)
        way = self.chance.choice(sorted(HONEST))
        kind, signature = self._signature(ready, Answer.RIGHT)
        ready.given.append((kind, signature))
        take = self._taking(ready, way, kind, signature)
        where = self.chance.choice([each for each in DEATHS if each != "prepare"])
        self._die_in(take, "complete", where)

    def _die_in(self, run: Callable[[], Any], words: str, where: str) -> None:
        most, part = DEATHS[where], self.chance.random()
        call = self.chance.choice((int(most**part), int(most * part) + 1))
        process = Mortal(where, call)
        try:
            with process.at_work():
                fate = _said(run())
        except BaseException as error:
            if not (process.died or isinstance(error, PermanentError)):
                raise
            fate = str(error)
        if process.died:
            self.world.die()
            fate = f"dies at {where}+{call}"
        self._note(f"{words}: {fate}")
        self.dead.append((run, words))

    def retry(self) -> None:
        """What died is tried again."""
        if not self.dead:
            self.complete()
            return
        run, words = self.chance.choice((self.dead[-1], *self.dead))
        before, files = self._counts(), self._files()
        found = self._tried(run, f"retry {words}")
        if isinstance(found, Outcome) and found.status is not Status.ACCEPTED:
            assert self._counts() == before, "what was refused changed something"
        if isinstance(found, Outcome):
            assert self._files() - files == (found.status is Status.ACCEPTED)

    def work(self) -> None:
        """The worker makes what is ordered."""
        work(self.world.plant)
        self._note("work")

    # --- what must hold ---------------------------------------------------------------------

    def _check(self) -> None:
        stand = self._stand()
        for paper in stand.forms:
            self._check_files(paper)
            self._check_void(paper)
        self._check_register(stand)
        self._check_notices(stand)
        self._check_completed(stand)

    def _check_files(self, paper: DocumentView) -> None:
        """A file a step, without a gap, each upon the one before, signed by whose steps it has."""
        steps = [each.step for each in paper.files]
        assert steps == list(range(len(steps))), steps
        assert len(steps) <= len(self.signers) + 1
        before = b""
        for file in paper.files:
            new = file.sha256 not in self.world.judged
            if not new and paper.files[-1].sha256 in self.world.judged:
                continue
            data = self.world.plant.store.get(file.object_key, sha256=file.sha256)
            assert len(data) == file.size_bytes
            assert data.startswith(before)
            if new:
                self._judge(data, self.signers[: file.step])
            self.world.judged.add(file.sha256)
            before = data

    def _judge(self, data: bytes, signers: Sequence[Party]) -> None:
        verdict = verify.verify_pdf(data, (), forms.all_roots(self.world.plant))
        wanted = VerdictWord.SIGNED if signers else VerdictWord.UNSIGNED
        assert verdict.verdict is wanted, verdict
        assert verdict.signed_by == tuple(FIELDS[each] for each in signers)

    def _check_void(self, paper: DocumentView) -> None:
        signed = sum(each.step > 0 for each in paper.files)
        if paper.state is DocumentState.VOID:
            assert self.void.setdefault(paper.id, signed) == signed, "signed after it was void"
        else:
            assert paper.id not in self.void

    def _check_register(self, stand: Stand) -> None:
        """What the register has is what the files show."""
        row, form = stand.row, stand.form
        assert row is not None and form is not None
        assert [each.revision for each in stand.forms if each.stands] == [row.revision]
        live = [each for each in row.view["signatures"] if not each["void"]]
        assert [each["party"] for each in live] == [each.value for each in self._signed(stand)]
        assert all(each["revision"] == row.revision for each in live)
        if stand.signed < len(self.signers):
            wanted = f"awaits_{self.signers[stand.signed].value}"
            assert row.state.value == wanted, (row.state, wanted)
        else:
            assert row.state in {ApplicationState.ACCEPTED, ApplicationState.COMPLETED}
        everything = sum(each.step > 0 for paper in stand.forms for each in paper.files)
        assert len(row.view["signatures"]) == everything

    def _check_notices(self, stand: Stand) -> None:
        notices = [each for each in stand.papers if each.kind is Kind.ACCEPTANCE_NOTICE]
        assert stand.row is not None
        accepted = stand.row.state not in FILLING_IN and self._has_notice
        standing = [each.revision for each in notices if each.stands]
        assert standing == ([stand.row.revision] if accepted else [])
        whole = sum(len(each.files) == len(self.signers) + 1 for each in stand.forms)
        assert len(notices) == (whole if self._has_notice else 0)

    def _check_completed(self, stand: Stand) -> None:
        """Each file of a step was brought for one preparation, and for one only."""
        c, ids = t.preparation.c, [each.id for each in stand.forms]
        wanted = select(c.document_id, c.step).where(
            c.document_id.in_(ids), c.signature.is_not(None)
        )
        with self.world.plant.ledger.read() as tx:
            found = Counter((row.document_id, row.step) for row in tx.run(wanted))
        files = {(each.id, file.step) for each in stand.forms for file in each.files if file.step}
        assert found == Counter(files)

    # --- the end ----------------------------------------------------------------------------

    def _finish(self) -> None:
        """Whatever has happened: the right parties come, and one valid form is left."""
        work(self.world.plant)
        self._check()
        while (signed := self._stand().signed) < len(self.signers):
            ready = self._prepared(self.signers[signed])
            self._bring(ready, Answer.RIGHT, Way.DESK)
            self._check()
            assert self._stand().signed == signed + 1
        work(self.world.plant)
        self._check()
        self._check_outcome()

    def _prepared(self, signer: Party) -> Ready:
        self._prepare_with(signer, self._party(signer), "right")
        return self.ready[-1]

    def _check_outcome(self) -> None:
        stand = self._stand()
        assert stand.row is not None
        completed = stand.row.kind is not ApplicationType.INITIAL
        ending = ApplicationState.COMPLETED if completed else ApplicationState.ACCEPTED
        assert stand.row.state is ending
        assert [each.state for each in stand.papers if each.stands] == [DocumentState.LIVE] * (
            1 + self._has_notice
        )
        for paper in stand.papers:
            for file in paper.files:
                self.world.plant.store.get(file.object_key, sha256=file.sha256)

    # --- what there is ----------------------------------------------------------------------

    @property
    def _has_notice(self) -> bool:
        rules = self.case.profile.documents
        return rules.acceptance_notice and self.case.kind is ApplicationType.INITIAL

    def _stand(self) -> Stand:
        with self.world.plant.ledger.read() as tx:
            try:
                row = forms.application(tx, self.case.acceptance_number, self.case.profile.id)
            except NotFoundError:
                return Stand(row=None)
            return Stand(row=row, papers=tuple(documents.of_applications(tx, [row.id])))

    def _signed(self, stand: Stand) -> Sequence[Party]:
        return self.signers[: stand.signed]

    def _turn(self) -> Party:
        return self.signers[min(self._stand().signed, len(self.signers) - 1)]

    def _is_turn(self, stand: Stand, signer: Party) -> bool:
        drawn = stand.form is not None and stand.form.file is not None
        return drawn and list(self.signers[stand.signed : stand.signed + 1]) == [signer]

    def _is_open(self, ready: Ready) -> bool:
        """Whether a right signature of that preparation is still to be taken."""
        with self.world.plant.ledger.read() as tx:
            known = preparations.get(tx, ready.waiting.token)
            now = tx.now
        form = self._stand().form
        return (
            known.signature is None
            and now <= known.expires_at
            and form is not None
            and form.id == known.document
            and form.file is not None
            and form.file.sha256 == known.base_sha256
        )

    def _completed(self, ready: Ready) -> bytes | None:
        with self.world.plant.ledger.read() as tx:
            return preparations.get(tx, ready.waiting.token).signature

    def _counts(self) -> list[Any]:
        """What must be as it was, when something was refused."""
        with self.world.plant.ledger.read() as tx:
            rows = [tx.run(select(func.count()).select_from(each)).scalar_one() for each in COUNTED]
        return [*rows, self._stand()]

    def _files(self) -> int:
        return sum(len(each.files) for each in self._stand().forms)

    def _party(self, party: Party, *, other: bool = False) -> OutsideParty:
        """A new key of a party; another: somebody who bears another name."""
        case, folder = self.case, self.world.plant.settings.keyring_dir / "outside"
        names = (
            (case.holder["name"], case.holder["id_number"])
            if party is Party.APPLICANT
            else (case.enterprise["name"], case.enterprise["credit_code"])
        )
        return outside.issue(folder, party, names[0] + ("安" if other else ""), names[1])

    def _submit(self, raw: JsonObject) -> Outcome:
        found = intake.submit(self.world.plant, json.dumps(raw).encode(), who=WHO)
        if raw["type"] == "application.signed" and found.status is Status.ACCEPTED:
            self.brought.append(raw["id"])
        return found

    def _tried(self, run: Callable[[], Any], words: str) -> Any:
        """What comes of it, a refusal in words included."""
        try:
            found = run()
        except PermanentError as error:
            found = error
        self._note(f"{words}: {_said(found)}")
        return found

    def _note(self, words: str) -> None:
        self.told.append(words)
        self.seen[words.split(":", maxsplit=1)[0]] += 1


MOVES: Mapping[What, Callable[[Interleaving], None]] = {
    What.SAVE: Interleaving.save,
    What.PREPARE: Interleaving.prepare,
    What.COMPLETE: Interleaving.complete,
    What.EXPIRE: Interleaving.expire,
    What.DIE: Interleaving.die,
    What.RETRY: Interleaving.retry,
    What.WORK: Interleaving.work,
}


def signature_digest(plant: Plant, signature: bytes) -> bytes:
    """What the ledger keeps of a signature."""
    with plant.ledger.read() as tx:
        return preparations.digest(tx, signature)


def _said(found: object) -> str:
    if isinstance(found, Outcome):
        return " ".join([found.status, *(detail for _, detail in found.problems)])
    return type(found).__name__ if isinstance(found, Waiting) else str(found)


def _other(party: Party) -> Party:
    return Party.ENTERPRISE if party is Party.APPLICANT else Party.APPLICANT


def _first(today: date) -> date:
    return today - courses.LONGEST
