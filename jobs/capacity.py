"""Planning (产能测算): how long so many certificates take here, and what makes them in time.

What it rests on is said with it: bulk events of the last days, or else certificates really made
here to measure (`jobs.calibrating`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from factory import capacity
from factory.capacity import Load, Machine, calibrated, limited
from factory.errors import ConflictError, NotFoundError
from factory.estimate import Basis, Bottleneck, Pace, measured
from factory.model import Format
from factory.profile import Profile
from factory.versions import installed_are
from jobs import calibrating
from jobs.bulk.preview import LATELY
from jobs.calibrating import Calibration
from storage.ledger import rates

LEAST_LATELY = 500  #: certificates of these days that are worth more than measuring anew

if TYPE_CHECKING:
    from jobs.importing import Watch
    from jobs.wiring import Plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Something certificates pass through, and how fast it is.

    what:    workers, signer, store …
    each:    seconds of one certificate: least, usual, most.
    a_second: certificates that it takes when nothing else keeps them, usually.
    """

    what: Bottleneck
    basis: Basis
    least: float
    usual: float
    most: float
    a_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InTime:
    """What makes it until then.

    workers, safe: how many, most likely and at the slowest; None: no number does.
    machines:      as this one, for so many workers.
    kept:          what keeps any number of workers from it.
    """

    by: datetime
    workers: int | None
    safe: int | None
    machines: int | None
    kept: Bottleneck | None
    is_enough: bool  #: as many workers as there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long it takes from now on, by this machine's settings.

    workers: at work here; no more than were seen to be, where the last days tell.
    ahead:   certificates of bulk events that run already: they share the workers, and count.
    figures: how many measurements it rests on; basis: of what.
    stages:  shares of a worker's time by stage of the line; none: not known.
    store:   which one was measured; None: none was by itself.
    key:     of the seal that was measured with; None: the register's own.
    """

    profile: str
    formats: tuple[Format, ...]
    items: int
    ahead: int
    workers: int
    cores: int
    now: datetime
    least: float
    usual: float
    most: float
    bottleneck: Bottleneck
    basis: Basis
    figures: int
    certificates: int | None
    stations: tuple[Station, ...]
    stages: Mapping[str, float]
    store: str | None
    key: str | None
    in_time: InTime | None

    def done(self, seconds: float) -> datetime:
        """When it is, if it takes so long."""
        return self.now + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be planned.

    formats: that its certificates must have; none: whatever the register has.
    by:      ``18:00`` or an ISO 8601 time; None: no matter when.
    anew:    measure here, whatever is known of the last days.
    sample:  certificates made to measure.
    """

    items: int
    profile: str | None
    formats: Sequence[Format] = ()
    by: str | None = None
    workers: int | None = None
    anew: bool = False
    sample: int = 300


def plan(plant: Plant, asked: Asked, *, watch: Watch) -> Plan:
    """NotFoundError: no such register.  ConflictError: its certificates are of other formats, or
    none can be made here.  FieldError: the time is none, or has passed.
    """
    profile = _profile(plant, asked)
    with plant.ledger.read() as tx:
        ahead, now = rates.open_items(tx), tx.now
    by = capacity.deadline(asked.by, now) if asked.by else None  # before anything is measured
    workers = asked.workers or max(1, plant.settings.bulk_workers)
    formats = profile.certificate.formats
    pace = None if asked.anew else _lately(plant, formats)
    found = None
    if pace is None:
        found = calibrating.calibrate(plant, profile, count=asked.sample, watch=watch)
        with plant.ledger.read() as tx:
            now = tx.now
    load, cores = _load(plant, formats, pace, found), _cores()
    if found is None:  # what more of them would do to this machine, those days do not tell
        workers = min(workers, max(cores, plant.settings.bulk_workers))
    machine, whole = Machine(workers=workers, cores=cores), asked.items + ahead
    time = capacity.lasts(whole, load, machine)
    return Plan(
        profile=profile.id,
        formats=formats,
        items=asked.items,
        ahead=ahead,
        workers=workers,
        cores=machine.cores,
        now=now,
        least=time.least,
        usual=time.usual,
        most=time.most,
        bottleneck=time.bottleneck,
        basis=load.worker.basis,
        figures=load.worker.figures,
        certificates=found.certificates if found else None,
        stations=tuple(_stations(load, machine)),
        stages=_shares(found),
        store=None if found is None else "the factory's" if found.is_real else "the calibration's",
        key=found.key if found else None,
        in_time=_in_time(whole, load, machine, now, by) if by else None,
    )


def _profile(plant: Plant, asked: Asked) -> Profile:
    """The register's rules of today; without a register, of the first with these formats."""
    if asked.profile is not None and asked.profile not in plant.profiles:
        known = installed_are(plant.profiles)
        raise NotFoundError(f"profile {asked.profile}: is not installed; {known}")
    names = [asked.profile] if asked.profile is not None else sorted(plant.profiles)
    with plant.ledger.read() as tx:
        found = [plant.profile(tx, name) for name in names]
    wanted = set(asked.formats)
    for each in found:
        if not wanted or set(each.certificate.formats) == wanted:
            return each
    have = "; ".join(f"{each.id}: {', '.join(each.certificate.formats)}" for each in found)
    raise ConflictError(f"formats: no certificate is made in just these ({have})")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _lately(plant: Plant, formats: Sequence[Format]) -> Pace | None:
    """Of bulk events of the last days, with the workers that the settings name today.

    None: of so few certificates that they tell nothing of thousands.
    """
    with plant.ledger.read() as tx:
        found = rates.recorded(tx, since=tx.now - LATELY, formats=formats)
    if sum(each.items for each in found) < LEAST_LATELY:
        return None
    return measured(found, max(1, plant.settings.bulk_workers))


def _load(
    plant: Plant, formats: Sequence[Format], pace: Pace | None, found: Calibration | None
) -> Load:
    shared: dict[Bottleneck, Pace] = {}
    if plant.settings.signer_per_second:
        limit = plant.settings.signer_per_second
        shared[Bottleneck.SIGNER] = limited(limit, each=len(formats))
    if found is None:
        assert pace is not None  # noqa: S101 - one of the two was measured
        return Load(worker=pace, shared=shared)
    chunks = found.chunks
    planned = [each.each(each.planned) for each in chunks]
    shared[Bottleneck.PLANNER] = calibrated(planned)
    shared[Bottleneck.STORE] = calibrated([len(formats) / max(found.puts.values())])
    if plant.ledger.engine.dialect.name == "sqlite":  # one writes at a time
        written = [e.each(e.planned + e.stages["claim"] + e.stages["record"]) for e in chunks]
        shared[Bottleneck.LEDGER] = calibrated(written)
    return Load(
        worker=calibrated([each.each(each.wall) for each in chunks]),
        processor=calibrated([each.each(each.processor) for each in chunks]),
        shared=shared,
    )


def _stations(load: Load, machine: Machine) -> Sequence[Station]:
    parts = {Bottleneck.WORKERS: (load.worker, machine.workers)}
    if load.processor is not None:
        parts[Bottleneck.PROCESSOR] = (load.processor, machine.cores)
    parts |= {what: (pace, 1) for what, pace in load.shared.items()}
    return [
        Station(
            what=what,
            basis=pace.basis,
            least=pace.least,
            usual=pace.usual,
            most=pace.most,
            a_second=count / pace.usual,
        )
        for what, (pace, count) in parts.items()
    ]


def _shares(found: Calibration | None) -> Mapping[str, float]:
    if found is None:
        return {}
    whole = sum(each.wall for each in found.chunks)
    stages = found.chunks[0].stages
    return {stage: sum(e.stages[stage] for e in found.chunks) / whole for stage in stages}


def _in_time(items: int, load: Load, machine: Machine, now: datetime, by: datetime) -> InTime:
    seconds = (by - now).total_seconds()
    found = capacity.needed(items, load, seconds)
    known = found.usual
    return InTime(
        by=by,
        workers=known,
        safe=found.safe,
        machines=capacity.machines(known, load, machine.cores) if known else None,
        kept=found.kept,
        is_enough=capacity.lasts(items, load, machine).usual <= seconds,
    )
