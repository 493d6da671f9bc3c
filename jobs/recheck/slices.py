"""Slices: one after the other, looked at; one row that cannot be read hides none beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from factory.errors import FactoryError, SettingsError, TransientError
from factory.model import Kind
from jobs.recheck import audited, chains, files, outcomes, rendering, roots, series
from jobs.recheck.fetching import Fetched, fetch
from jobs.recheck.findings import Finding, Looked, Rule
from jobs.recheck.wanted import Order, Part, Task
from storage.recheck import audited as said
from storage.recheck import erasures, events, numbers, registrations
from storage.recheck import files as recorded
from storage.recheck.erasures import Proof
from storage.recheck.scope import Scope, Span, snapshot

if TYPE_CHECKING:
    from jobs.wiring import Plant

FETCHED = 4  #: files that are fetched at once while one is looked at
ERASED_MEANWHILE, BEING_ERASED = "was erased meanwhile", "is being erased"
KINDS = {
    Part.FILES: "file",
    Part.REGISTRATIONS: "registration",
    Part.EVENTS: "event",
    Part.ORDERS: "order",
    Part.BATCHES: "batch",
    Part.ERASURES: "erasure",
    Part.AUDIT: "audit",
}


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
        """What is wrong in one slice.

        What stands in a row that somebody has altered may be anything, and so may what reading it
        raises: the slice is halved until that one row is left, and all others are looked at.

        TransientError, SettingsError: a neighbour gave no answer, or cannot be asked.
        """
        try:
            return self._look(task)
        except (TransientError, SettingsError):
            raise
        except Exception as error:
            halves = [self.look(each) for each in task.halves()]
            return _together(halves) if halves else _unreadable(task, error)

    def _look(self, task: Task) -> Looked:
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
            fetched: deque[tuple[recorded.Recorded, Future[Fetched]]] = deque()
            for row in rows:
                fetched.append((row, pool.submit(fetch, self._plant.bulk_store, row)))
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

    def _file(
        self,
        trust: files.Trust,
        row: recorded.Recorded,
        fetched: Future[Fetched],
        each: _Files,
    ) -> None:
        got = fetched.result()
        if got.refused:
            each.findings.append(files.refused(row))
            return
        data = got.data
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


def _together(parts: Sequence[Looked]) -> Looked:
    """Of slices of rows."""
    return Looked(
        looked=sum(each.looked for each in parts),
        findings=tuple(finding for each in parts for finding in each.findings),
        said=tuple(why for each in parts for why in each.said),
        erased=sum(each.erased for each in parts),
    )


def _unreadable(task: Task, error: Exception) -> Looked:
    why = error.reason if isinstance(error, FactoryError) else type(error).__name__
    finding = Finding(
        rule=Rule.UNREADABLE,
        kind=KINDS.get(task.part, "part"),
        id=task.span.upto or task.part.value,
        sentence=f"it, or a row beside it, holds what nothing here has written ({why})",
    )
    return Looked(looked=1, findings=(finding,))


def _looked(rows: Sequence[object], findings: list[Finding]) -> Looked:
    return Looked(looked=len(rows), findings=tuple(findings))
