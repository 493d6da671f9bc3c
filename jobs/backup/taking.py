"""Taking a backup (备份): ledger, and what of the keyring is no secret, while the line runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from storage.backup import manifest, shelf, snapshot
from storage.backup.manifest import Manifest
from storage.backup.shelf import Pruned
from storage.keyfiles import PRIVATE
from storage.ledger import audit, backups

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.sealed import MasterKeys

PROGRAM = "certificate-factory"
KEYRING = "keyring"
#: certificates, chains, revocation, pictures, settings: what a keyring has beside its secrets
PUBLIC = frozenset({".pem", ".toml", ".png", ".crl", ".ocsp", ".esl", ".der", ".cer"})
#: the CAs of a test keyring with their keys, and the digests of operators' tokens
PASSED = frozenset({"testca", "outside", "operators"})
NOTHING = Pruned(gone=(), passed_over=())

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A backup that is whole.

    pruned:      older ones that were removed for it.
    passed_over: of each that was neither counted nor removed, why.
    """

    name: str
    folder: Path
    manifest: Manifest
    pruned: Sequence[str]
    passed_over: Sequence[str]


def take(plant: Plant, folder: Path, *, who: str, why: str, keep: int | None, tell: Tell) -> Taken:
    """A backup of its own in that folder; nothing is seen of it until it is whole.

    keep: so many of the newest stay, others are removed; None: all.
    SettingsError: the folder cannot be written, or programs of PostgreSQL are missing.
    ConflictError: another backup is being taken, or this ledger is being restored.
    StoreUnavailableError: no answer.
    """
    keys = plant.keyring.master_keys()
    snapshot.check_whole(plant.ledger.engine)
    with shelf.taking(folder) as beside:
        facts = snapshot.take(plant.settings.db_url, beside, tell)
        _copy_public(plant.settings.keyring_dir, beside / KEYRING)
        made = _manifest(plant, facts, beside, keys)
        (beside / manifest.FILE).write_bytes(made.text(keys))
        place = shelf.publish(beside, made.at)
    pruned = NOTHING if keep is None else shelf.prune(folder, keep, keys)
    with plant.ledger.write(who) as tx:
        head = None if made.head is None else {"size": made.head.size, "root": made.head.root}
        what = {
            "at": made.at.isoformat(),
            "manifest_sha256": manifest.part_of(place / manifest.FILE).sha256,
            "head": head,
            "masters": sorted(map(int, made.masters)),
            "pruned": list(pruned.gone),
        }
        audit.note(tx, backups.TAKEN, ("backup", place.name), why=why, what=what)
    return Taken(
        name=place.name,
        folder=place,
        manifest=made,
        pruned=pruned.gone,
        passed_over=pruned.passed_over,
    )


def _manifest(plant: Plant, facts: snapshot.Facts, beside: Path, keys: MasterKeys) -> Manifest:
    files = {
        each.relative_to(beside).as_posix(): manifest.part_of(each)
        for each in sorted(beside.rglob("*"))
        if each.is_file()
    }
    return Manifest(
        program=version(PROGRAM),
        database=snapshot.kind_of(plant.settings.db_url),
        revision=facts.revision,
        at=facts.at,
        head=facts.head,
        rows=facts.rows,
        masters={str(each): manifest.fingerprint(keys.keys[each]) for each in facts.masters},
        lookup=manifest.fingerprint(keys.lookup),
        files=files,
    )


def _copy_public(keyring: Path, target: Path) -> None:
    """Certificates and what is said of keys; no key, passphrase, PIN, token or master key."""
    for file in sorted(keyring.rglob("*")):
        inside = file.relative_to(keyring)
        if inside.parts[0] in PASSED or file.suffix not in PUBLIC or not file.is_file():
            continue
        data = file.read_bytes()
        if PRIVATE in data:
            continue
        (target / inside).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (target / inside).write_bytes(data)
