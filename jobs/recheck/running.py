"""Running: the work in parts, several processes at once, each with no more in hand than a slice."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING

from factory.errors import StoreUnavailableError, UnreadableRowError
from jobs import logs
from jobs.recheck.findings import Finding, Looked, Rule
from jobs.recheck.slices import Worker
from jobs.recheck.wanted import WHOLE, Order, Part, Task
from jobs.settings import Settings
from storage import tables as t
from storage.recheck import naming
from storage.recheck import outcomes as kept
from storage.recheck.scope import Span, snapshot, spans

if TYPE_CHECKING:
    from jobs.wiring import Plant

FILES, ROWS, AUDITED = 100, 500, 2000  #: ids of a slice
AHEAD = 3  #: slices that wait for each process
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
    known = {kind: _numbers(plant, kind, some) for kind, some in ids.items()}
    for each in findings:
        of = known[each.kind].get(each.id) if isinstance(each.id, int) else None
        yield replace(each, of=of)


def _numbers(plant: Plant, kind: str, ids: Collection[int]) -> Mapping[int, str]:
    """None where one cannot be read: that is among the findings."""
    try:
        with snapshot(plant.ledger) as tx:
            return naming.numbers(tx, kind, ids)
    except UnreadableRowError:
        return {}


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
