"""What a bulk event will do, before anybody confirms it: counts, samples, and how long it takes.

Nothing is sealed, no number is used up and nothing is written to the ledger.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image

from factory.contrast import Change
from factory.errors import ConflictError, PermanentError, SettingsError
from factory.estimate import Estimate, Limits, drawn, estimate, measured, together
from factory.model import BatchId, BatchState, Format, ItemState
from factory.page.fonts import FontBook
from factory.sampling import Candidate, Chosen, Why, chosen
from jobs.beside import Words, beside
from jobs.bulk import scopes
from jobs.bulk.expecting import Expectation, expected
from jobs.bulk.samples import Now, Sample, sample, subject
from jobs.wiring import Plant, font_files
from storage.ledger import Tx, batches, rates, registers
from storage.ledger.batches import Batch
from storage.ledger.registers import RegistrationRow

LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Items of one profile that will fare alike.

    outcome: made, skipped or held.
    reason:  the forecast; None: nothing keeps them from being made.
    """

    profile: str
    formats: tuple[Format, ...]
    outcome: str
    reason: str | None
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One registration whose certificate would be held, and why."""

    registration: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One sample, and the file of its picture.

    known:   where the picture of the present edition is from.
    changes: with values, personal data among them: for the picture.
    problem: why it cannot be drawn; None: it can.
    """

    registration: str
    profile: str
    why: Why
    edition: int | None = None
    known: Now | None = None
    changes: tuple[Change, ...] = field(default=(), repr=False)
    picture: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a batch will do.

    as_of:   when its items were looked at; None: now.
    held:    at most the first thousand; ``to_hold`` says how many there are.
    expects: how long it takes; None: there is nothing to make, or nothing to tell it by.
    """

    batch: BatchId
    kind: str
    as_of: datetime | None
    total: int
    to_make: int
    to_skip: int
    to_hold: int
    counts: tuple[Count, ...]
    held: tuple[Expected, ...]
    samples: tuple[Shown, ...]
    expects: Estimate | None
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """One sample as it came out."""

    shown: Shown
    drawn: Sample | None = None


def preview(
    plant: Plant,
    ident: BatchId,
    folder: Path,
    *,
    most: int,
) -> Outline:
    """What the batch will do; pictures of at most so many samples are written to the folder.

    NotFoundError: no such batch.  ConflictError: it does not wait for confirmation.
    SettingsError: the folder cannot be written.
    """
    batch = _awaiting(plant, ident)
    foreseen = expected(plant, batch)
    looked = _samples(plant, batch, foreseen, folder, most)
    with plant.ledger.read() as tx:
        counts = _counts(plant, tx, foreseen, looked)
        limits = Limits(
            workers=plant.settings.bulk_workers,
            rate=batch.rate,
            signatures=plant.settings.signer_per_second or None,
        )
        expects = _expected(tx, counts, limits, looked)
    by_outcome = Counter[str]()
    for each in counts:
        by_outcome[each.outcome] += each.items
    return Outline(
        batch=ident,
        kind=batch.kind,
        as_of=foreseen.as_of,
        total=by_outcome.total(),
        to_make=by_outcome["made"],
        to_skip=by_outcome["skipped"],
        to_hold=by_outcome["held"],
        counts=counts,
        held=tuple(
            Expected(registration=number, reason=reason) for number, reason in foreseen.held
        ),
        samples=tuple(each.shown for each in looked),
        expects=expects,
        workers=limits.workers,
    )


def _awaiting(plant: Plant, ident: BatchId) -> Batch:
    with plant.ledger.read() as tx:
        batch = batches.get(tx, ident)
    if batch.state is BatchState.PREPARING:
        raise ConflictError(f"batch {ident}: is still being prepared; ask again in a moment")
    if batch.state is not BatchState.AWAITING:
        raise ConflictError(f"batch {ident}: is {batch.state} already; `bulk show` says how far")
    return batch


# --- samples ----------------------------------------------------------------------------------


def _samples(
    plant: Plant, batch: Batch, foreseen: Expectation, folder: Path, most: int
) -> tuple[_Looked, ...]:
    picked = _picked(plant, batch, foreseen, most)
    if not picked:
        return ()
    words = Words(font_files(plant.settings.font_dirs), plant.typefaces.book)
    return tuple(_looked(plant, batch, each, folder, words) for each in picked)


def _picked(plant: Plant, batch: Batch, foreseen: Expectation, most: int) -> Sequence[Chosen]:
    with plant.ledger.read() as tx:
        rows = registers.load(tx, foreseen.candidates)
        units = {name: plant.profile(tx, name).certificate.unit for name in batch.profiles}
    book = plant.typefaces.book
    candidates = (
        replace(_candidate(row, units[row.profile], book), forecast=foreseen.candidates[row.id])
        for row in rows.values()
    )
    return chosen(candidates, most)


def _candidate(row: RegistrationRow, unit: str, book: FontBook) -> Candidate:
    value = row.value
    printed = value.holder.name + value.enterprise.name
    return Candidate(
        registration=row.id,
        profile=row.profile,
        variant=value.professions[0].name if unit == "profession" else "",
        name_length=len(value.holder.name),
        enterprise_length=len(value.enterprise.name),
        professions=len(value.professions),
        rare=not all(book.kai[0].covers(ch) for ch in printed),
    )


def _looked(plant: Plant, batch: Batch, which: Chosen, folder: Path, words: Words) -> _Looked:
    """The sample with its picture kept, or why there is none."""
    with plant.ledger.read() as tx:
        row = registers.load(tx, [which.registration])[which.registration]
        shown = Shown(registration=row.value.number, profile=row.profile, why=which.why)
        try:
            profile, later = scopes.scope_of(batch).then(plant, tx, batch, row)
            given = subject(plant, tx, profile, later, now=row)
        except PermanentError as error:
            return _Looked(shown=replace(shown, problem=str(error)))
    try:
        found = sample(plant, given)
    except PermanentError as error:
        return _Looked(shown=replace(shown, problem=str(error)))
    path = folder / f"{found.number.replace('/', '_')}.png"
    keep_private(beside(found, words), path)
    shown = replace(
        shown,
        registration=found.number,
        edition=found.edition,
        known=found.known,
        changes=found.changes,
        picture=str(path),
    )
    return _Looked(shown=shown, drawn=found)


def keep_private(picture: Image.Image, path: Path) -> None:
    """Writes a picture that nobody but this account can read.

    SettingsError: the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(_private(path), "wb") as file:
            picture.save(file, "PNG")
    except OSError as error:
        raise SettingsError(f"{path.parent}: cannot be written: {error.strerror}") from error


def _private(path: Path) -> int:
    """The file, opened; one that was there before is made private too, a link is not followed."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    os.fchmod(handle, 0o600)
    return handle


# --- figures ----------------------------------------------------------------------------------


def _counts(
    plant: Plant, tx: Tx, foreseen: Expectation, looked: Sequence[_Looked]
) -> tuple[Count, ...]:
    """By profile, format and reason; as the samples of a profile will be made, so will the rest."""
    later: Mapping[str, tuple[Format, ...]] = {
        each.drawn.profile.id: each.drawn.formats for each in looked if each.drawn
    }
    return tuple(
        Count(
            profile=profile,
            formats=later.get(profile) or plant.profile(tx, profile).certificate.formats,
            outcome=_outcome(state, forecast),
            reason=forecast,
            items=items,
        )
        for profile, state, forecast, items in foreseen.counts
    )


def _outcome(state: ItemState, forecast: str | None) -> str:
    if state is ItemState.SKIPPED or forecast in scopes.SKIPS:
        return "skipped"
    return "held" if state is ItemState.HELD or forecast is not None else "made"


def _expected(
    tx: Tx, counts: Sequence[Count], limits: Limits, looked: Sequence[_Looked]
) -> Estimate | None:
    """By what was measured for these formats; where nothing was, by the samples."""
    parts = [
        part
        for formats, items in _to_make(counts).items()
        if (part := _part(tx, formats, items, limits, looked)) is not None
    ]
    return together(parts) if parts else None


def _to_make(counts: Sequence[Count]) -> Mapping[tuple[Format, ...], int]:
    found = Counter[tuple[Format, ...]]()
    for each in counts:
        if each.outcome == "made":
            found[each.formats] += each.items
    return found


def _part(
    tx: Tx,
    formats: tuple[Format, ...],
    items: int,
    limits: Limits,
    looked: Sequence[_Looked],
) -> Estimate | None:
    pace = measured(rates.recorded(tx, since=tx.now - LATELY, formats=formats), limits.workers)
    if pace is None:
        seconds = [e.drawn.seconds for e in looked if e.drawn and e.drawn.formats == formats]
        if not seconds:
            return None
        pace = drawn(seconds)
    return estimate(items, files=len(formats), pace=pace, limits=limits)
