"""Bulk events: a firm of hundreds, thousands of small renames at once, and a large register.

Registers are simulated and taken over, so that everybody's certificate is made here for the first
time by the event that is measured.  ``python -m bench.bulk --renames 200`` runs it alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import select

from bench.meter import Meter, metered
from factory import simulation, specimen
from factory.events.takeover import Format, Origin
from factory.model import BatchId, BatchState
from factory.profile import Profile
from factory.register import local_day
from factory.simulation import Company, Register
from jobs import importing, intake, simulating, waiting
from jobs.bulk import confirming, progress
from storage import tables as t
from storage.ledger import inbox

if TYPE_CHECKING:
    from jobs.wiring import Plant

WHO = "bench"
PATIENCE = 4 * 3600.0
SPARE = 12  #: of its people some are cancelled, expired or suspended
FEW = 5  #: people at a small firm
PHOTOS = 10
PDF, OFD = specimen.PROFILE, "gansu-constructor"  #: the second makes OFD and PDF
SMALL, LARGE = "zhejiang-constructor", "shanghai-cost-engineer"  #: registers of their own
MOST_NUMBERS = 20_000  #: in one event


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured.

    staff, rounds: people of the large firm, and its renames beside the first.
    renames:       small ones, all at once.
    large:         registrations of the large batch.
    """

    staff: int = 300
    rounds: int = 3
    renames: int
    large: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """One firm's certificates, of that many formats each: seconds until all can be collected."""

    formats: tuple[str, ...]
    count: int
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renames:
    """Small renames confirmed as fast as they can be; how long each took.

    waits:     seconds from its confirmation until all its people can collect, sorted.
    overtaken: how many later ones were ready before the unluckiest.
    """

    certificates: int
    seconds: float
    meter: Meter
    waits: tuple[float, ...]
    overtaken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """One large batch."""

    count: int
    workers: int
    seconds: float
    prepare_seconds: float
    meter: Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRun:
    """All of it."""

    firms: Sequence[Firm]
    renames: Renames
    large: Large


class Silent:
    """A watch nobody looks at."""

    def begin(self, what: str, rows: int | None) -> None:
        """Nobody asks."""

    def advance(self, rows: int) -> None:
        """Nobody asks."""


def run(plant: Plant, *, sizes: Sizes, tell: Callable[[str], None]) -> BulkRun:
    """Measure, warm: the first rename of the large firm is not counted."""
    firms = []
    for profile in (PDF, OFD):
        tell(f"a firm of {sizes.staff}, {profile}")
        firms.append(_firm(plant, profile, sizes))
    tell(f"{sizes.renames} small renames at once")
    few = _renames(plant, sizes.renames)
    tell(f"a batch of {sizes.large}")
    return BulkRun(firms=firms, renames=few, large=_large(plant, sizes.large))


def _rules(plant: Plant, name: str) -> Profile:
    return plant.profiles[name].on(local_day(datetime.now(UTC)))


def take_over(plant: Plant, register: Register, *, photos: int = PHOTOS) -> None:
    """The register's rows, with so many different photos, through the import."""
    origin = Origin(format=Format.JSONL, source=importing.SOURCE, profile=register.profile.id)
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, importing.SOURCE, register.profile.id)
    shown = simulating.pictures(register, photos, plant.intake_store, Silent())
    with TemporaryDirectory() as folder:
        path = Path(folder, "register.jsonl")
        simulating.write(register, shown, Format.JSONL, path, Silent())
        with path.open("rb") as stream:
            report = importing.take_over(
                plant, stream, origin, Silent(), rows=register.size, keep=_refused, who=WHO
            )
    if report.refused:
        raise SystemExit(f"{report.refused} rows were not taken over")


def _refused(raw: bytes) -> None:
    raise SystemExit(f"a row of {len(raw)} bytes was not taken over")


# --- a large firm -----------------------------------------------------------------------------


def _firm(plant: Plant, profile: str, sizes: Sizes) -> Firm:
    """Renamed again and again, to the new name and back."""
    rules = _rules(plant, profile)
    size = sizes.staff + SPARE
    register = Register(profile=rules, size=size, seed=300, day=_today(), largest=size)
    take_over(plant, register)
    found = []
    for batch in _to_and_fro(plant, register, 1 + sizes.rounds):
        confirming.confirm(plant, batch, who=WHO, why="measured")
        waiting.until_state(plant, batch, BatchState.COMPLETED, seconds=PATIENCE)
        found.append(progress.progress(plant, batch))
        waiting.settle(plant, seconds=PATIENCE)
    seconds = [_seconds(each.confirmed_at, each.completed_at) for each in found[1:]]
    return Firm(
        formats=tuple(rules.certificate.formats),
        count=found[-1].done,
        seconds=tuple(seconds),
    )


def _to_and_fro(plant: Plant, register: Register, rounds: int) -> Iterator[BatchId]:
    data = simulation.renaming(simulation.company(register, 0), _today())
    names = data["enterprise"]
    for turn in range(rounds):
        if turn:
            names["old_name"], names["new_name"] = names["new_name"], names["old_name"]
        yield _prepared(plant, f"firm-{register.profile.id}-{turn}", "enterprise.renamed", data)


def _prepared(plant: Plant, ident: str, kind: str, data: simulation.JsonObject) -> BatchId:
    batch = submitted(plant, ident, kind, data)
    waiting.until_state(plant, batch, BatchState.AWAITING, seconds=PATIENCE)
    return batch


def submitted(plant: Plant, ident: str, kind: str, data: simulation.JsonObject) -> BatchId:
    """A bulk event handed in.  SystemExit: it was not taken."""
    event = specimen.renamed(1) | {
        "id": ident, "type": kind, "source": "urn:certfactory:operations", "data": data,
    }  # fmt: skip
    outcome = intake.submit(plant, json.dumps(event).encode(), who=WHO)
    if outcome.batch is None:
        raise SystemExit(f"{kind} was not taken: {outcome.status} {outcome.reason}")
    return BatchId(outcome.batch)


# --- small renames ----------------------------------------------------------------------------


def _renames(plant: Plant, count: int) -> Renames:
    """Firms of one to five people each, all at once."""
    register = _of_small_firms(plant, count)
    take_over(plant, register)
    firms = list(_small(register))[:count]
    batches = [
        submitted(plant, f"small-{place}", "enterprise.renamed",
                   simulation.renaming(firm, _today()))
        for place, firm in enumerate(firms)
    ]  # fmt: skip
    waiting.settle(plant, seconds=PATIENCE)  # all are prepared
    begun = time.perf_counter()
    with metered() as meter:
        for batch in batches:
            confirming.confirm(plant, batch, who=WHO, why="measured")
        waiting.settle(plant, seconds=PATIENCE)
    spent = time.perf_counter() - begun
    waits, ends, done = _lives(plant, batches)
    return Renames(
        certificates=done,
        seconds=spent,
        meter=meter,
        waits=tuple(sorted(waits)),
        overtaken=_overtaken(ends),
    )


def _of_small_firms(plant: Plant, count: int) -> Register:
    """A register that has enough of them."""
    rules, size = _rules(plant, SMALL), 4 * count
    while True:
        register = Register(profile=rules, size=size, seed=2000, day=_today())
        if sum(1 for _ in _small(register)) >= count:
            return register
        size += size // 4 + 1


def _small(register: Register) -> Iterator[Company]:
    """Firms of a few people."""
    for number, size in enumerate(simulation.sizes(register)):
        if size <= FEW:
            yield simulation.company(register, number)


def _lives(plant: Plant, batches: Sequence[BatchId]) -> tuple[list[float], list[datetime], int]:
    """Of each batch the seconds from confirmation to its end; the ends; and what was made."""
    b, i = t.batch.c, t.batch_item.c
    with plant.ledger.read() as tx:
        rows = {
            row.id: row
            for row in tx.run(select(b.id, b.state, b.confirmed_at, b.completed_at))
            if row.id in set(batches)
        }
        made = tx.run(select(i.batch_id).where(i.state == "done")).scalars().all()
    if unfinished := [row.id for row in rows.values() if row.state != BatchState.COMPLETED]:
        raise SystemExit(f"{len(unfinished)} renames did not end")
    ends = [rows[batch].completed_at for batch in batches]
    waits = [_seconds(rows[batch].confirmed_at, rows[batch].completed_at) for batch in batches]
    return waits, ends, sum(1 for batch in made if batch in rows)


def _overtaken(ends: Sequence[datetime]) -> int:
    """By how many places the unluckiest came later than its turn."""
    order = sorted(range(len(ends)), key=lambda place: ends[place])
    return max(turn - place for turn, place in enumerate(order))


# --- a large batch ----------------------------------------------------------------------------


def _large(plant: Plant, count: int) -> Large:
    """Everybody of a register is issued anew, by their numbers."""
    rules = _rules(plant, LARGE)
    register = Register(profile=rules, size=count, seed=4, day=_today())
    take_over(plant, register)
    chosen = numbers(plant, rules.id)[:MOST_NUMBERS]
    begun = time.perf_counter()
    request = {"profile": rules.id, "numbers": chosen, "reason": "measured"}
    batch = _prepared(plant, "large", "reissue.requested", request)
    prepared = time.perf_counter() - begun
    with metered() as meter:
        confirming.confirm(plant, batch, who=WHO, why="measured", operator="first")
        waiting.until_state(plant, batch, BatchState.COMPLETED, seconds=PATIENCE)
    found = progress.progress(plant, batch)
    return Large(
        count=found.done,
        workers=plant.settings.bulk_workers,
        seconds=_seconds(found.confirmed_at, found.completed_at),
        prepare_seconds=prepared,
        meter=meter,
    )


def numbers(plant: Plant, profile: str) -> list[str]:
    """Of everybody who is registered there."""
    c = t.registration.c
    with plant.ledger.read() as tx:
        wanted = select(c.number).where(c.profile == profile, c.state == "active").order_by(c.id)
        return list(tx.run(wanted).scalars())


def _today() -> date:
    return local_day(datetime.now(UTC))


def _seconds(begin: datetime | None, end: datetime | None) -> float:
    if begin is None or end is None:
        raise SystemExit("a batch did not end")
    return (end - begin).total_seconds()
