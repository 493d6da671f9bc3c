"""Restoring (恢复): a backup's ledger in an empty place, safe to go on with, or nothing at all.

Everything that can refuse is asked first.  The ledger is made ready beside its place (SQLite) or
in a database that nobody else may write into (PostgreSQL), and is there in one step at the end;
stopped anywhere before, the same command begins again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import redis

from factory.errors import ConflictError, SettingsError, StoreUnavailableError
from factory.log import tree
from factory.log.heads import Head
from factory.register import local_day
from jobs import broker as brokers
from jobs import opening
from jobs.backup import fences, finding, store
from jobs.backup.store import Beside
from jobs.log import kept
from jobs.personal import again
from jobs.personal.again import Again
from jobs.wiring import Plant
from storage import schema
from storage.backup import manifest, shelf, snapshot
from storage.backup.manifest import Manifest
from storage.ledger import audit, log, lost, restoring
from storage.ledger.attendance import attendance as seen
from storage.ledger.backups import RESTORED

if TYPE_CHECKING:
    from jobs.settings import Settings
    from storage.ledger import Tx

SUBJECT = "ledger"
MORE_THAN_LOCAL = 1_000  #: keys of the broker that are removed at once


class Tell(Protocol):
    """Hears what is being done."""

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        """done, total: how much of it; 0: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be restored, by whom and why.

    at:      the newest backup that is not after it; None: the newest.
    skip:    how many numbers of a series can have been drawn since, see fences.
    replace: whether a ledger that is there is moved aside (SQLite alone).
    heads:   of the log, that were noted elsewhere; those that the store keeps count as well.
    """

    folder: Path
    at: datetime | None
    skip: int
    replace: bool
    who: str
    why: str
    heads: Sequence[Head] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came of it.

    since:    the instant from which on events are to be handed in again.
    editions: kept as over.
    kept:     registrations made since that get their numbers again when their events come.
    series: that go on elsewhere.
    aside:    where the former ledger is.
    unlogged: entries of the log under a head, noted or in the store, that the backup has not.
    flushed:  bells of the former ledger that were taken from the broker; None: it did not answer.
    """

    backup: str
    since: datetime
    rows: int
    beside: Beside
    editions: int
    kept: int
    series: int
    again: Again
    unlogged: int
    aside: Path | None
    flushed: int | None


def restore(settings: Settings, wanted: Wanted, tell: Tell) -> Restored:
    """The ledger of a backup where the settings say.

    NotFoundError: no such backup.  DigestMismatchError: it has been altered.
    SettingsError: keys, identities or programs are missing.  ConflictError: the place is not
    empty, the factory is at work, or more was made since than is to be passed over.
    """
    place, made = shelf.newest(wanted.folder, wanted.at)
    keys = Plant(settings).keyring.master_keys()
    tell("the backup is compared with its digests")
    manifest.check_keys(made, keys)
    manifest.check_files(place, made, keys)
    _check_kind(settings, made)
    if made.database == snapshot.SQLITE:
        return _sqlite(settings, wanted, place, made, tell)
    return _postgresql(settings, wanted, place, made, tell)


def _check_kind(settings: Settings, made: Manifest) -> None:
    kind = snapshot.kind_of(settings.db_url)
    if kind != made.database:
        raise ConflictError(f"the backup is one of {made.database}, FACTORY_DB_URL names {kind}")
    if not schema.is_known(made.revision):
        raise SettingsError(
            f"the backup has schema {made.revision}, which this program does not know: install"
            f" {made.program} or later"
        )


# --- into its place -------------------------------------------------------------------------------


def _sqlite(
    settings: Settings, wanted: Wanted, backup: Path, made: Manifest, tell: Tell
) -> Restored:
    place = snapshot.sqlite_path(settings.db_url)
    if snapshot.holds_ledger(place):
        if not wanted.replace:
            raise ConflictError(
                f"{place}: there is a ledger: give --replace to have it moved aside"
            )
        _refuse_at_work(settings)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = snapshot.half_made(place)
    tell("the ledger is copied")
    snapshot.put_sqlite(backup / snapshot.FILES[snapshot.SQLITE], beside)
    with _plant(settings, f"sqlite:///{beside}") as plant:
        done = _made_ready(plant, wanted, backup, made, tell)
    aside = place.with_name(f"{place.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    replaced = snapshot.publish_sqlite(beside, place, aside)
    return replace(done, aside=aside if replaced else None, flushed=_flush(settings))


def _postgresql(
    settings: Settings, wanted: Wanted, backup: Path, made: Manifest, tell: Tell
) -> Restored:
    if wanted.replace:
        raise ConflictError("--replace: is for SQLite; create an empty database, and name that")
    snapshot.begin_postgresql(settings.db_url)
    tell("the ledger is read into the database")
    snapshot.put_postgresql(settings.db_url, backup / snapshot.FILES[snapshot.POSTGRESQL])
    with _plant(settings, snapshot.writing(settings.db_url)) as plant:
        done = _made_ready(plant, wanted, backup, made, tell)
    snapshot.end_postgresql(settings.db_url)
    return replace(done, flushed=_flush(settings))


@contextmanager
def _plant(settings: Settings, url: str) -> Iterator[Plant]:
    plant = Plant(replace(settings, db_url=url))
    try:
        yield plant
    finally:
        plant.ledger.engine.dispose()


def _refuse_at_work(settings: Settings) -> None:
    """ConflictError: somebody works with the ledger that is to be moved aside."""
    with _plant(settings, settings.db_url) as plant, plant.ledger.read() as tx:
        found, now = seen(tx), tx.now
    busy = found.steward_until is not None and found.steward_until > now
    if busy or found.in_hand:
        raise ConflictError(
            "the factory is at work with this ledger: stop `up`, `work` and `serve` on every"
            f" machine, and wait {3 * settings.reconcile_seconds} s"
        )


def _flush(settings: Settings) -> int | None:
    """Take our own keys from the broker: what they ring for was in the former ledger.

    Harmless if it is not done: who comes to a bell too many finds nothing to claim.
    """
    if not settings.redis_url:
        return None
    try:
        with brokers.broker_edge(), brokers.client(settings) as client:
            keys = list(client.scan_iter(f"{settings.namespace}:*", count=MORE_THAN_LOCAL))
            for first in range(0, len(keys), MORE_THAN_LOCAL):
                client.delete(*keys[first : first + MORE_THAN_LOCAL])
            return len(keys)
    except (StoreUnavailableError, redis.RedisError):
        return None


# --- ready to go on -------------------------------------------------------------------------------


def _made_ready(plant: Plant, wanted: Wanted, backup: Path, made: Manifest, tell: Tell) -> Restored:
    opening.upgrade(plant)
    _check_keyring(plant)
    in_store = kept.every(plant)
    size, unlogged = _check_heads(plant, [*wanted.heads, *(each.head for each in in_store)])
    tell("the store is compared")
    beside = store.look(plant, _of_files(tell))
    _check_skip(beside, wanted.skip)
    over = list(store.lost_editions(plant, beside))
    found = finding.find(plant, beside, lambda done, of: tell("certificates are read", done, of))
    of_lost = {each.uid for each in found}
    with plant.ledger.write(wanted.who) as tx:
        raised = fences.raised(plant, tx, local_day(made.at), wanted.skip, found)
        restoring.pass_over(tx, raised, why=wanted.why)
        editions = restoring.keep_editions(tx, over, why=wanted.why)
        lost.put(tx, found)
        restoring.begin_anew(tx)
        what = _what(wanted, backup, made, beside) | {"editions": editions, "series": len(raised)}
        what |= {"kept_numbers": len(of_lost)}
        audit.note(tx, RESTORED, (SUBJECT, backup.name), why=wanted.why, what=what)
    tell("whoever was erased since is erased again")
    erased = again.erase_again(plant, who=wanted.who)
    if beside.lacking and erased.erased:
        now = store.look(plant, _of_files(tell))  # what was erased since is not missing
        beside = replace(beside, files=now.files, lacking=now.lacking, missing=now.missing)
    kept.set_aside(plant, in_store, beyond=size)
    return Restored(
        backup=backup.name,
        since=made.at,
        rows=sum(made.rows.values()),
        beside=beside,
        editions=editions,
        kept=len(of_lost),
        series=len(raised),
        again=erased,
        unlogged=unlogged,
        aside=None,
        flushed=None,
    )


def _of_files(tell: Tell) -> store.Tell:
    return lambda done, of: tell("files are looked for", done, of)


def _what(wanted: Wanted, backup: Path, made: Manifest, beside: Beside) -> dict[str, object]:
    head = made.head
    return {
        "at": made.at.isoformat(),
        "manifest_sha256": manifest.part_of(backup / manifest.FILE).sha256,
        "head": None if head is None else {"size": head.size, "root": head.root},
        "noted": [{"size": each.size, "root": each.root.hex()} for each in wanted.heads],
        "skip": wanted.skip,
        "strays": beside.strays,
        "missing": beside.lacking,
    }


def _check_keyring(plant: Plant) -> None:
    """SettingsError: it cannot open what the ledger has, or lacks a seal that is still needed."""
    with plant.ledger.read() as tx:
        for wrapped in restoring.a_key_of_each_master(tx):
            tx.vault.open_key(wrapped)
        needed = restoring.identities(tx)
    missing = sorted(needed - plant.keyring.names)
    if missing:
        raise SettingsError(
            f"the keyring has not the signing identity {', '.join(missing)}, with which documents"
            " of this ledger are still to be sealed: bring it back"
        )


def _check_heads(plant: Plant, heads: Sequence[Head]) -> tuple[int, int]:
    """The log's size, and how many entries under the largest of them are not in it.

    ConflictError: one that is small enough is of another log.
    """
    with plant.ledger.read() as tx:
        size = log.size(tx)
        for each in heads:
            if each.size <= size and not _holds(tx, each):
                raise ConflictError(f"the head of {each.size} entries is of another log")
    return size, max((each.size - size for each in heads if each.size > size), default=0)


def _holds(tx: Tx, head: Head) -> bool:
    return head.size == 0 or tree.root(log.reader(tx), head.size) == head.root


def _check_skip(beside: Beside, skip: int) -> None:
    """ConflictError: more registrations began since than numbers are passed over."""
    if len(beside.unknown) > skip:
        raise ConflictError(
            f"the store has certificates of {len(beside.unknown)} registrations that began after"
            f" this backup: --skip-numbers {skip} is too few; count the events that were handed"
            " in since"
        )
