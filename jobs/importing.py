"""Importing: an existing register is taken over, a slice of rows in one transaction.

A row about somebody nobody has heard of, which nothing stands in the way of, is written with
the others of its slice; every other row goes through intake by itself.  Two rows of a slice
that have anything to do with each other do so both, so the order of the file counts.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import structlog

from factory import plan
from factory.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    PermanentError,
    SettingsError,
)
from factory.events import InlinePhoto, Photo, tabular, takeover
from factory.events.takeover import Format, Origin, Row
from factory.lifecycle import Turn
from factory.model import Registration, Standing
from factory.versions import installed_are
from jobs import intake, ordering
from jobs.entering import Entered
from jobs.intake import CORRELATION_BYTES, Outcome, Status
from jobs.sifting import CHANGED, Given, Plain, Sifted, naming, said, sift
from storage.ledger import Tx, audit, importing, inbox
from storage.ledger.importing import Foreign, Import

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

SOURCE = "urn:certfactory:import"
SLICE_ROWS = 2000
MOST_REMEMBERED = 1000  #: normalised pictures, each at most 30 kB
MAX_TOLD = 1000  #: problems and holds that a report lists; its counts are of all
Take = Callable[[Sequence[Row]], Mapping[int, Outcome]]
Keep = Callable[[bytes], None]
Tell = Callable[["Problem"], None]


class Watch(Protocol):
    """Who is told how far it is."""

    def begin(self, what: str, rows: int | None) -> None:
        """A pass over the file begins; None: nobody has counted yet."""

    def advance(self, rows: int) -> None:
        """So many more are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a row; never its value."""

    line: int
    column: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A row that was taken and waits for a person."""

    line: int
    hold: int | None  #: None in a rehearsal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a file's rows; carries no personal data.

    counts:   rows by status, all of them.
    problems: the first ones of refused rows.
    held:     the first rows that wait for a person.
    doubtful: how many of the other rows have a number that breaks its rule; they are taken all
              the same, but an approval with it would be held.
    doubts:   the first of those numbers.
    """

    sha256: str
    counts: Mapping[str, int]
    problems: tuple[Problem, ...]
    held: tuple[HeldRow, ...]
    doubtful: int = 0
    doubts: tuple[Problem, ...] = ()

    @property
    def refused(self) -> int:
        """How many rows were not taken."""
        return self.counts[Status.REFUSED]


@dataclass(slots=True)
class _Tally:
    counts: Counter[Status] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    held: list[HeldRow] = field(default_factory=list)
    doubtful: int = 0
    doubts: list[Problem] = field(default_factory=list)

    def doubt(self, found: Sequence[Problem]) -> None:
        self.doubtful += bool(found)
        if len(self.doubts) < MAX_TOLD:
            self.doubts += found

    def add(self, line: int, outcome: Outcome) -> None:
        self.counts[outcome.status] += 1
        if outcome.status is Status.REFUSED and len(self.problems) < MAX_TOLD:
            self.problems += [
                Problem(line=line, column=column, rule=rule) for column, rule in outcome.problems
            ]
        if outcome.status is Status.HELD and len(self.held) < MAX_TOLD:
            self.held.append(HeldRow(line=line, hold=outcome.hold, reason=outcome.reason))

    def report(self, sha256: str) -> Report:
        return Report(
            sha256=sha256,
            counts={status.value: self.counts[status] for status in Status},
            problems=tuple(self.problems),
            held=tuple(self.held),
            doubtful=self.doubtful,
            doubts=tuple(self.doubts),
        )


def check_origin(plant: Plant, origin: Origin) -> None:
    """Before a row is read: the profile is there, and the source may submit for it.

    NotFoundError: no such profile.  SettingsError: the source was not granted it.
    """
    if origin.profile is None:
        return
    if origin.profile not in plant.profiles:
        raise NotFoundError(
            f"profile {origin.profile}: is not installed; {installed_are(plant.profiles)}"
        )
    with plant.ledger.read() as tx:
        granted = inbox.grants(tx, origin.source)
    if origin.profile not in granted:
        raise SettingsError(_not_granted(origin.source, origin.profile))


def check(plant: Plant, stream: BufferedIOBase, origin: Origin, watch: Watch) -> Report:
    """Read the whole file; rows that can be read count as accepted.  Nothing is written.

    InvalidEventError: the file has no header that can be read.
    """
    watch.begin("checking", None)
    return _run(plant, stream, origin, watch, _nothing, _forget)


def rehearse(
    plant: Plant,
    stream: BufferedIOBase,
    origin: Origin,
    watch: Watch,
    *,
    rows: int,
    who: str,
    tell: Tell | None = None,
) -> Report:
    """What importing the file would come to today.  Nothing is written.

    tell: is told every doubt, also those the report leaves out.
    Each slice is asked for itself: a person who comes again in a later one is not noticed.
    """

    def take(slice_: Sequence[Row]) -> Mapping[int, Outcome]:
        given = album.of(slice_)
        with plant.ledger.read() as tx:
            sifted = sift(plant, tx, slice_, given)
        outcomes = intake.rehearse(plant, [row.body for row in sifted.special], who=who)
        return sifted.outcomes | {
            row.line: replace(_told(origin, outcome), hold=None)  # it was taken back
            for row, outcome in zip(sifted.special, outcomes, strict=True)
        }

    album = _Album(plant)
    watch.begin("rehearsing", rows)
    doubts = _Doubts(plant, origin, tell)
    return _run(plant, stream, origin, watch, take, _forget, doubts=doubts)


def take_over(
    plant: Plant,
    stream: BufferedIOBase,
    origin: Origin,
    watch: Watch,
    *,
    rows: int,
    keep: Keep,
    who: str,
    tell: Tell | None = None,
    slice_rows: int = SLICE_ROWS,
) -> Report:
    """Import the file; the rows that are refused are handed to ``keep`` as they came.

    tell: is told every doubt, also those the report leaves out.

    Killed at any point, importing the file again completes it.
    StoreUnavailableError: the database gave no answer; the same holds.
    """
    run = _Import(
        plant=plant,
        origin=origin,
        who=who,
        sha256=_sha256(stream),
        correlation=secrets.token_hex(CORRELATION_BYTES),
        album=_Album(plant),
    )
    watch.begin("importing", rows)
    doubts = _Doubts(plant, origin, tell)
    return _run(plant, stream, origin, watch, run.take, keep, slice_rows, doubts)


def _run(
    plant: Plant,
    stream: BufferedIOBase,
    origin: Origin,
    watch: Watch,
    take: Take,
    keep: Keep,
    slice_rows: int = SLICE_ROWS,
    doubts: _Doubts | None = None,
) -> Report:
    """One pass over the file, slice by slice, in the order of its rows."""
    sha256, tally = _sha256(stream), _Tally()
    judged = _judged(plant, takeover.rows(stream, origin))
    while piece := list(islice(judged, slice_rows)):
        taken = take([row for row, outcome in piece if outcome is None])
        for row, outcome in piece:
            found = outcome or taken[row.line]
            tally.add(row.line, found)
            if found.status is Status.REFUSED:
                keep(row.raw)
            elif doubts is not None:
                tally.doubt(doubts.of(row))
        watch.advance(len(piece))
    return tally.report(sha256)


def _sha256(stream: BufferedIOBase) -> str:
    stream.seek(0)
    digest = hashlib.file_digest(stream, "sha256").hexdigest()
    stream.seek(0)
    return digest


def _nothing(rows: Sequence[Row]) -> Mapping[int, Outcome]:
    return {row.line: Outcome(status=Status.ACCEPTED) for row in rows}


def _forget(raw: bytes) -> None:
    """A refused row of a pass that writes nothing."""


# --- what the file alone says -----------------------------------------------------------------


def _judged(plant: Plant, rows: Iterator[Row]) -> Iterator[tuple[Row, Outcome | None]]:
    """Each row with its outcome where the file alone decides it; None: it is to be taken."""
    grants = _Grants(plant)
    seen: dict[tuple[str, str], tuple[int, bytes]] = {}
    for row in rows:
        if row.event is None:
            yield row, _refusal(*row.problems)
            continue
        if problem := grants.problem(row):
            yield row, _refusal(problem)
            continue
        digest = hashlib.blake2b(row.event.canonical, digest_size=16).digest()
        line, first = seen.setdefault((row.event.source, row.event.id), (row.line, digest))
        if line == row.line:
            yield row, None
        elif first == digest:
            yield row, Outcome(status=Status.DUPLICATE)
        else:
            rule = f"is that of line {line} too, with other content"
            yield row, _refusal((naming(row), rule))


def _refusal(*problems: tuple[str, str]) -> Outcome:
    return Outcome(status=Status.REFUSED, problems=problems)


class _Grants:
    """Which profiles there are, and which each source may submit for."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._known: dict[str, frozenset[str]] = {}

    def problem(self, row: Row) -> tuple[str, str] | None:
        event, data = said(row)
        if data.profile not in self._plant.profiles:
            return "profile", f"there is no such profile ({installed_are(self._plant.profiles)})"
        if event.source not in self._known:
            with self._plant.ledger.read() as tx:
                self._known[event.source] = inbox.grants(tx, event.source)
        if data.profile not in self._known[event.source]:
            return "source", _not_granted(event.source, data.profile)
        return None


def _not_granted(source: str, profile: str) -> str:
    return (
        f"{source} may not submit for {profile}: run `certfactory sources grant {source} {profile}`"
    )


class _Doubts:
    """What an approval would be held for: numbers that break their rule."""

    def __init__(self, plant: Plant, origin: Origin, tell: Tell | None) -> None:
        self._origin, self._tell = origin, tell
        with plant.ledger.read() as tx:
            self._profiles = {name: plant.profile(tx, name) for name in plant.profiles}

    def of(self, row: Row) -> Sequence[Problem]:
        _, data = said(row)
        profile = self._profiles[data.profile]
        doubts = plan.doubts(data.holder.value(), data.enterprise.value(), profile)
        return [self._told(row.line, doubt) for doubt in doubts]

    def _told(self, line: int, doubt: FieldError) -> Problem:
        column, rule = _problem(self._origin, doubt.field, f"{doubt.detail} ({doubt.rule})")
        problem = Problem(line=line, column=column, rule=rule)
        if self._tell is not None:
            self._tell(problem)
        return problem


# --- what the ledger says --------------------------------------------------------------------


class _Album:
    """The pictures of an import as they are printed; one that comes again is not made again."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._known: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def of(self, rows: Sequence[Row]) -> Given:
        """Of each row by line."""
        given = {row.line: intake.shown(said(row)[0]) for row in rows}
        return {
            line: {role: self._picture(role, one) for role, one in some.items()}
            for line, some in given.items()
        }

    def _picture(self, role: str, given: Photo) -> bytes | PermanentError:
        name = role, *_named(given)
        found = self._known.pop(name, None) or intake.picture(self._plant, role, given)
        if isinstance(found, bytes):
            self._known[name] = found
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return found


def _named(given: Photo) -> tuple[str, ...]:
    """What tells a picture that comes again."""
    if isinstance(given, InlinePhoto):
        return (hashlib.sha256(given.content).hexdigest(),)
    return given.key, given.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """One import of a file, which audit rows name by its SHA-256."""

    plant: Plant
    origin: Origin
    who: str
    sha256: str
    correlation: str
    album: _Album

    def take(self, rows: Sequence[Row]) -> Mapping[int, Outcome]:
        """Take a slice: what can be in one transaction, the rest one by one."""
        try:
            sifted = self._write(rows)
        except ConflictError:  # somebody was faster by a moment: nothing of it is written
            sifted = Sifted(special=list(rows))
        return sifted.outcomes | {
            row.line: _told(self.origin, intake.submit(self.plant, row.body, who=self.who))
            for row in sifted.special
        }

    def _write(self, rows: Sequence[Row]) -> Sifted:
        given = self.album.of(rows)
        with self.plant.ledger.write(self.who, self.correlation) as tx:
            sifted = sift(self.plant, tx, rows, given)
            importing.write(tx, [_import(tx, each) for each in sifted.plain])
            if sifted.plain:
                self._note(tx, sifted)
        log.info("slice imported", rows=len(rows), plain=len(sifted.plain))
        return sifted

    def _note(self, tx: Tx, sifted: Sifted) -> None:
        lines = [each.row.line for each in sifted.plain]
        what = {
            "registrations": len(lines),
            "lines": [lines[0], lines[-1]],
            "known": len(sifted.settled),
            "one_by_one": len(sifted.special),
        }
        audit.note(
            tx, "register imported", ("import", self.sha256), why=self.origin.format, what=what
        )


def _import(tx: Tx, each: Plain) -> Import:
    """Row for row what entering the event comes to."""
    state = each.state
    number = state.number or ""
    return Import(
        profile=each.profile.id,
        authority=each.profile.authority.credit_code,
        occupation=each.profile.occupation,
        number=number,
        fact=each.fact,
        digest=each.digest,
        raw=each.row.body,
        outcome=intake.stored(Entered(registration=number)),
        correlation=said(each.row)[0].correlation_id,
        holder=each.holder,
        state=state,
        edition=_foreign(tx, each),
        pictures=each.pictures,
    )


def _foreign(tx: Tx, each: Plain) -> Foreign:
    edition = each.state.foreign
    assert edition is not None  # noqa: S101 - whatever is imported has one
    value = Registration(
        number=each.state.number or "",
        holder=each.holder,
        enterprise=each.state.employer,
        occupation=each.profile.occupation,
        professions=each.state.view.professions,
    )
    imported = plan.as_imported(value, each.fact, each.profile)
    cancelled = each.state.standing is Standing.CANCELLED
    return Foreign(
        number=edition.number,
        medium=edition.medium,
        licence_id=edition.licence_id,
        basis=ordering.basis_of(tx, imported),
        valid_until=max(profession.validity.last for profession in imported.professions),
        turn=Turn.REVOKE if cancelled else Turn.TAKE_OVER,
    )


def _told(origin: Origin, outcome: Outcome) -> Outcome:
    """An outcome of intake, its problems by the columns of the file."""
    if outcome.status is not Status.REFUSED:
        return outcome
    return _refusal(*(_problem(origin, path, rule) for path, rule in outcome.problems))


def _problem(origin: Origin, path: str, rule: str) -> tuple[str, str]:
    if path == "id" and origin.format is Format.CSV:  # somebody was faster by a moment
        return "registration_number", CHANGED
    if origin.format is Format.CSV:
        return tabular.column_of(path, rule)
    return path, rule
