"""Running: the work in parts, several processes at once, each with no more in hand than a slice."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from multiprocessing import get_context
from typing import TYPE_CHECKING

from factory.errors import NotFoundError, StoreUnavailableError
from factory.model import Kind
from jobs import logs
from jobs.recheck import audited, chains, files, outcomes, rendering, roots, series
from jobs.recheck.findings import Finding, Looked, Rule
from jobs.settings import Settings
from storage import tables as t
from storage.recheck import audited as said
from storage.recheck import erasures, events, naming, numbers, registrations
from storage.recheck import files as recorded
from storage.recheck import outcomes as kept
from storage.recheck.erasures import Proof
from storage.recheck.scope import Scope, Span, file_count, snapshot, spans

if TYPE_CHECKING:
    from jobs.wiring import Plant

FILES, ROWS, AUDITED = 100, 500, 2000  #: ids of a slice
FETCHED = 4  #: files that are fetched at once while one is looked at
AHEAD = 3  #: slices that wait for each process
WHOLE, SAMPLE = "whole", "sample"
LOT = 2**64
ERASED_MEANWHILE, BEING_ERASED = "was erased meanwhile", "is being erased"


class Part(StrEnum):
    """What is looked at."""

    FILES = "files"
    REGISTRATIONS = "registrations"
    EVENTS = "events"
    ORDERS = "orders"
    BATCHES = "batches"
    ERASURES = "erasures"
    AUDIT = "audit"
    UNSAID = "access keys"
    TWICE = "twice"
    SERIES = "series"
    LOG = "log"
    STRAYS = "strays"


TABLES = {
    Part.FILES: (t.file, FILES),
    Part.REGISTRATIONS: (t.registration, ROWS),
    Part.EVENTS: (t.inbox, ROWS),
    Part.ORDERS: (t.production_order, ROWS),
    Part.BATCHES: (t.batch, 1),
    Part.ERASURES: (t.erasure, ROWS),
    Part.AUDIT: (t.audit, AUDITED),
}
NOTHING = Span(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One in so many, drawn by lot; the same lots for the same seed.

    part: from 0 to 1.
    """

    part: float
    seed: str

    def holds(self, ident: int) -> bool:
        """Whether that one is drawn."""
        lot = hashlib.sha256(f"{self.seed}/{ident}".encode()).digest()
        return int.from_bytes(lot[:8]) < self.part * LOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be looked at.

    files:  which files; render: which of those are made again.
    """

    scope: Scope
    files: Share
    render: Share

    @property
    def kind(self) -> str | None:
        """Under which its outcome is kept; None: something was left out on purpose."""
        if not self.scope.is_whole:
            return None
        return WHOLE if self.files.part >= 1 else SAMPLE


@dataclass(frozen=True, slots=True)
class Task:
    """One slice of one part."""

    part: Part
    span: Span


@dataclass(slots=True)
class Result:
    """What came of it so far.

    said: why something could not be made again, with how many.
    erased: how many of the files are erased, and what erasing leaves is right.
    strays: objects of the store that no row names; None: they were not looked for.
    stray_keys: the first of them.
    """

    looked: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    erased: int = 0
    strays: int | None = None
    stray_keys: tuple[str, ...] = ()

    @property
    def bad(self) -> int:
        """Things of which something is wrong."""
        return len({(each.kind, each.id) for each in self.findings})

    @property
    def good(self) -> int:
        """Things that were looked at of which nothing is wrong."""
        return max(sum(self.looked.values()) - self.bad, 0)

    @property
    def rules(self) -> Mapping[str, int]:
        """Findings by rule."""
        return dict(Counter(each.rule.value for each in self.findings))

    def add(self, task: Task, looked: Looked) -> None:
        """What came of one slice."""
        self.looked[task.part] += looked.looked
        self.findings += looked.findings
        self.said.update(looked.said)
        self.erased += looked.erased
        if task.part is Part.STRAYS:
            self.strays, self.stray_keys = looked.strays, looked.stray_keys


def size(plant: Plant, order: Order) -> int:
    """How many files there are to look at, before any lot is drawn."""
    with snapshot(plant.ledger) as tx:
        return file_count(tx, order.scope)


def tasks(plant: Plant, order: Order) -> list[Task]:
    """All slices, files last: what the ledger alone says is known first.

    The audit's rows name no register, so they are looked at where all registers are; the log, and
    what the audit does not say, where the ledger is whole; the store's list where everything is.
    """
    without = frozenset() if order.scope.profile is None else {Part.AUDIT}
    with snapshot(plant.ledger) as tx:
        found = [
            Task(part, span)
            for part, (table, most) in TABLES.items()
            if part not in without
            for span in spans(tx, table, most)
        ]
    of_files = [each for each in found if each.part is Part.FILES]
    others = [each for each in found if each.part is not Part.FILES]
    once = [Part.TWICE, Part.SERIES]
    once += [Part.UNSAID, Part.LOG] if order.kind is not None else []
    once += [Part.STRAYS] if order.kind == WHOLE else []
    return [*(Task(each, NOTHING) for each in once), *others, *of_files]


def run(
    plant: Plant, order: Order, *, processes: int = 1, tell: Callable[[int, int], None]
) -> Result:
    """Everything, looked at.

    tell: how many slices are done, and of how many.
    StoreUnavailableError: ledger or store gave no answer; nothing is recorded.
    """
    with snapshot(plant.ledger) as tx:
        began = tx.now
    todo, result = tasks(plant, order), Result()
    with _workers(plant, order, processes) as looked:
        for done, (task, found) in enumerate(looked(todo), start=1):
            result.add(task, found)
            tell(done, len(todo))
    result.findings = sorted(_named(plant, result.findings), key=_place)
    if order.kind is not None:
        with plant.ledger.write("recheck") as tx:
            kept.add(tx, began, order.kind, result.good, result.bad, result.rules)
    return result


def _place(each: Finding) -> tuple[str, str, Rule]:
    return each.kind, str(each.id).rjust(20), each.rule


def _named(plant: Plant, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Each with the number that people know it by."""
    ids: dict[str, set[int]] = defaultdict(set)
    for each in findings:
        if isinstance(each.id, int):
            ids[each.kind].add(each.id)
    with snapshot(plant.ledger) as tx:
        known = {kind: naming.numbers(tx, kind, some) for kind, some in ids.items()}
    for each in findings:
        of = known[each.kind].get(each.id) if isinstance(each.id, int) else None
        yield replace(each, of=of)


# --- processes --------------------------------------------------------------------------------

Looks = Callable[[Iterable[Task]], Iterator[tuple[Task, Looked]]]


@contextmanager
def _workers(plant: Plant, order: Order, processes: int) -> Iterator[Looks]:
    if processes == 1:
        worker = Worker(plant, order)
        yield lambda todo: ((task, worker.look(task)) for task in todo)
        return
    with ProcessPoolExecutor(
        processes,
        mp_context=get_context("spawn"),  # no client of a store or database outlives a fork
        initializer=_open,
        initargs=(plant.settings, order),
    ) as pool:
        yield lambda todo: _ahead(pool, todo, AHEAD * processes)


def _ahead(
    pool: ProcessPoolExecutor, todo: Iterable[Task], most: int
) -> Iterator[tuple[Task, Looked]]:
    """In order, with no more slices waiting than keep all processes at work."""
    waiting: deque[tuple[Task, Future[Looked | str]]] = deque()
    try:
        for task in todo:
            waiting.append((task, pool.submit(_look, task)))
            if len(waiting) >= most:
                yield _answer(*waiting.popleft())
        while waiting:
            yield _answer(*waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _answer(task: Task, future: Future[Looked | str]) -> tuple[Task, Looked]:
    found = future.result()
    if isinstance(found, str):
        raise StoreUnavailableError(found)
    return task, found


_workers_of_this_process: list[Worker] = []


def _open(settings: Settings, order: Order) -> None:
    """In a process of its own, once."""
    from jobs.wiring import plant_of  # noqa: PLC0415 - the plant of another process

    logs.configure("warning")
    _workers_of_this_process.append(Worker(plant_of(settings), order))


def _look(task: Task) -> Looked | str:
    """A word for why a neighbour gave no answer, since not every error crosses processes."""
    try:
        return _workers_of_this_process[-1].look(task)
    except StoreUnavailableError as error:
        return str(error)


@dataclass(slots=True)
class _Files:
    """What came of the files of one slice."""

    findings: list[Finding] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    erased: int = 0

    def take_erased(self, row: recorded.Recorded, found: Sequence[Finding]) -> None:
        """One that is erased."""
        self.findings += found
        if found:
            return
        if row.erased is Proof.UNDER_WAY:
            self.said.append(BEING_ERASED)
        else:
            self.erased += 1


# --- what is one slice ------------------------------------------------------------------------


def _twice(plant: Plant, _: Scope) -> Looked:
    with snapshot(plant.ledger) as tx:
        found = list(numbers.twice(tx))
    findings = [
        Finding(
            rule=Rule.TWICE,
            kind=each.kind,
            id=each.ids[0],
            sentence=f"{each.what} is also that of {each.kind} "
            + ", ".join(map(str, each.ids[1:])),
        )
        for each in found
    ]
    return Looked(looked=0, findings=tuple(findings))


AT_ONCE: Mapping[Part, Callable[[Plant, Scope], Looked]] = {
    Part.TWICE: _twice,
    Part.SERIES: series.look,
    Part.UNSAID: lambda plant, _: audited.look_at_all(plant),
    Part.LOG: lambda plant, _: roots.look_at_log(plant),
    Part.STRAYS: lambda plant, _: roots.look_at_store(plant),
}

# --- one slice --------------------------------------------------------------------------------


class Worker:
    """Looks at slices, with what is opened once for all of them."""

    def __init__(self, plant: Plant, order: Order) -> None:
        self._plant, self._order = plant, order
        self._trust: files.Trust | None = None
        self._renderer = rendering.Renderer(plant)

    def look(self, task: Task) -> Looked:
        """What is wrong in one slice.  StoreUnavailableError: a neighbour gave no answer."""
        if task.part in AT_ONCE:
            return AT_ONCE[task.part](self._plant, self._order.scope)
        if task.part is Part.FILES:
            return self._files(task.span)
        return self._rows(task)

    def _rows(self, task: Task) -> Looked:
        plant, scope = self._plant, self._order.scope
        with snapshot(plant.ledger) as tx:
            if task.part is Part.REGISTRATIONS:
                known = registrations.registered(tx, task.span, scope)
                return _looked(known, chains.look_all(known))
            if task.part is Part.EVENTS:
                taken = events.taken(tx, task.span, scope)
                return _looked(taken, outcomes.look_at_events(taken))
            if task.part is Part.ORDERS:
                ordered = events.ordered(tx, task.span, scope)
                return _looked(ordered, outcomes.look_at_orders(ordered))
            if task.part is Part.ERASURES:
                done = erasures.erasures(tx, task.span, scope)
                return _looked(done, outcomes.look_at_erasures(done))
            if task.part is Part.AUDIT:
                told = said.said(tx, task.span, scope)
                return _looked(told, audited.look(told))
            batches = events.batch(tx, task.span, scope)
            proved = [found for each in batches for found in roots.look_at_batch(tx, each.id)]
            return _looked(batches, [*outcomes.look_at_batches(batches), *proved])

    def _files(self, span: Span) -> Looked:
        """Some are fetched while one is looked at."""
        with snapshot(self._plant.ledger) as tx:
            rows = recorded.recorded(tx, span, self._order.scope, self._order.files.holds)
        trust, each = self._trusted(), _Files()
        with ThreadPoolExecutor(FETCHED, thread_name_prefix="fetch") as pool:
            fetched: deque[tuple[recorded.Recorded, Future[bytes | None]]] = deque()
            for row in rows:
                fetched.append((row, pool.submit(self._fetched, row)))
                if len(fetched) > FETCHED:
                    self._file(trust, *fetched.popleft(), each)
            while fetched:
                self._file(trust, *fetched.popleft(), each)
        return Looked(
            looked=len(rows),
            findings=tuple(each.findings),
            said=tuple(each.said),
            erased=each.erased,
        )

    def _fetched(self, row: recorded.Recorded) -> bytes | None:
        """None: the store has none.  Of what is erased nothing is read, should it be there."""
        store = self._plant.bulk_store
        try:
            if row.erased is not None:
                return None if store.head(row.object_key) is None else b""
            return store.get(row.object_key)
        except NotFoundError:
            return None

    def _file(
        self,
        trust: files.Trust,
        row: recorded.Recorded,
        fetched: Future[bytes | None],
        each: _Files,
    ) -> None:
        data = fetched.result()
        if row.erased is not None:
            each.take_erased(row, files.look_erased(row, data is not None))
            return
        if data is None and self._is_erased_by_now(row):
            each.said.append(ERASED_MEANWHILE)
            return
        found = files.look(trust, row, data)
        each.findings += found
        if found or data is None or not self._is_made_again(row):
            return
        rendered = self._renderer.again(row, data)
        if rendered.said is not None:
            each.said.append(rendered.said)
        if rendered.broken is not None:
            each.findings.append(
                Finding(rule=Rule.RENDER, kind="file", id=row.id, sentence=rendered.broken)
            )

    def _is_erased_by_now(self, row: recorded.Recorded) -> bool:
        with snapshot(self._plant.ledger) as tx:
            return recorded.is_erased(tx, row.id)

    def _is_made_again(self, row: recorded.Recorded) -> bool:
        made = row.kind is Kind.CERTIFICATE and row.step == 0 and row.face is not None
        return made and self._order.render.holds(row.id)

    def _trusted(self) -> files.Trust:
        if self._trust is None:
            self._trust = files.Trust.of(self._plant, datetime.now(UTC))
        return self._trust


def _looked(rows: Sequence[object], findings: list[Finding]) -> Looked:
    return Looked(looked=len(rows), findings=tuple(findings))
