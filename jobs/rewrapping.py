"""Another master key (主密钥更换) while the factory runs: data keys are wrapped anew, in slices.

The keyring gets the key first; then the ledger says that new data keys are wrapped by it, which
every process obeys that makes one; then all others follow.  What they seal is not touched.
Killed anywhere, the same again goes on.  The former key stays until somebody drops it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.errors import ConflictError, NotFoundError
from storage import master_keys
from storage.ledger import audit, backups, keys
from storage.ledger.backups import Backup

if TYPE_CHECKING:
    from jobs.wiring import Plant

AT_ONCE = 1000  #: data keys of one transaction, some 10 ms
MOST_NAMED = 3  #: backups in one message
WHY = "the master key was changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Masters:
    """Which master keys there are, and what needs them.

    versions: of the keyring here.
    current:  by which this keyring wraps.
    required: by which the ledger wants new data keys to be wrapped, or by a later one.
    wrapped:  version -> how many data keys.
    """

    versions: tuple[int, ...]
    current: int
    required: int
    wrapped: Mapping[int, int]

    @property
    def staged(self) -> int | None:
        """A version that is brought to the machines, and not used yet."""
        return max(self.versions) if max(self.versions) > self.current else None

    @property
    def behind(self) -> int:
        """Data keys that are still wrapped by a former version."""
        newest = max(self.current, self.required)
        return sum(count for version, count in self.wrapped.items() if version != newest)

    @property
    def is_under_way(self) -> bool:
        """Whether a change has begun and not ended."""
        return self.required != self.current or self.behind > 0

    @property
    def missing(self) -> tuple[int, ...]:
        """Versions that data keys are wrapped by, and this keyring has not."""
        return tuple(sorted(set(self.wrapped) - set(self.versions)))


def masters(plant: Plant) -> Masters:
    """How the master keys stand."""
    known = plant.keyring.master_keys()
    with plant.ledger.read() as tx:
        return Masters(
            versions=tuple(sorted(known.keys)),
            current=known.current,
            required=keys.master_version(tx),
            wrapped=dict(sorted(keys.by_master(tx).items())),
        )


def stage(plant: Plant) -> int:
    """A new master key in the keyring, to be brought to all machines; its version."""
    return plant.keyring.masters.stage()


def rotate(plant: Plant, *, who: str) -> int:
    """Everything is wrapped by another master key in the end; how many data keys were, now.

    A change that was begun is finished; else the staged key is taken, or a new one.
    SettingsError: the keyring cannot be written.  SealedDataError: it lacks a key.
    """
    found, kept = masters(plant), plant.keyring.masters
    version: int = max(found.current, found.required)
    if not found.is_under_way:
        version = kept.stage()
    kept.use(version)
    with plant.ledger.write(who) as tx:
        tx.vault.reach(version)
        if keys.advance(tx, version):
            audit.note(tx, "master key changed", ("master key", version), why=WHY)
    return _rewrap(plant, who, version)


def _rewrap(plant: Plant, who: str, version: int) -> int:
    done, after = 0, 0
    while True:
        with plant.ledger.write(who) as tx:
            count, last = keys.rewrap(tx, after=after, most=AT_ONCE)
            if last is None:
                break
            done, after = done + count, last
    if done:
        with plant.ledger.write(who) as tx:
            what = {"data_keys": done}
            audit.note(tx, "data keys wrapped anew", ("master key", version), why=WHY, what=what)
    return done


def drop(plant: Plant, version: int, *, who: str, despite_backups: bool = False) -> None:
    """A former master key leaves the keyring: what is wrapped by it, in backups, opens no more.

    despite_backups: also where backups are known that open only with it.
    NotFoundError: the keyring has none of that version.
    ConflictError: a data key needs it, or new ones may, or backups; or it is the current one.
    """
    known = plant.keyring.master_keys()
    if version not in known.keys:
        raise NotFoundError(master_keys.not_there(version, known))
    with plant.ledger.write(who) as tx:
        needed = keys.by_master(tx).get(version, 0)
        if needed:
            raise ConflictError(f"master key {version}: {needed} data keys are wrapped by it")
        if version >= keys.master_version(tx):
            raise ConflictError(f"master key {version}: new data keys may be wrapped by it")
        copies = backups.needing(tx, version)
        if copies and not despite_backups:
            raise ConflictError(_needed(version, copies))
        what = {"backups": len(copies)}
        audit.note(tx, "master key dropped", ("master key", version), why=WHY, what=what)
    plant.keyring.masters.drop(version)


def _needed(version: int, copies: Sequence[Backup]) -> str:
    named = ", ".join(each.name for each in copies[-MOST_NAMED:])
    which = f"the newest of them {named}" if len(copies) > MOST_NAMED else named
    return (
        f"master key {version}: backups that this ledger knows of cannot be opened without it:"
        f" {len(copies)}, {which}; keep them by a copy of master.json as it is now, with its owner,"
        " or do without them; then --despite-backups"
    )
