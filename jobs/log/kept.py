"""Heads kept in the store (留存的日志头), where who writes the database does not write.

log/heads/LOG/SIZE.json  the newest, and the last of each day (UTC)
log/lost/LOG/SIZE.json   of a ledger whose place a backup has taken

LOG is a digest of the origin, SIZE has 19 digits.  JSON: text, signature (Base64) and certificate
(SHA-256, hex), as ``audit head --json`` says them.  One is put when the ledger has it, so each that
lies here lies there too; and none is signed for a log that does not begin with the newest of them.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.errors import ConflictError, FactoryError, FieldError, NotFoundError
from factory.log import heads as texts
from factory.log import tree
from factory.log.heads import Head
from factory.seals import keys
from storage import log_key
from storage.blobs import Blob
from storage.ledger import log
from storage.own_objects import LOG

if TYPE_CHECKING:
    from pathlib import Path

    from jobs.wiring import Plant
    from storage.ledger import Tx
    from storage.ledger.log import SignedHead

HEADS, LOST, CONTENT_TYPE = f"{LOG}heads/", f"{LOG}lost/", "application/json"
MOST_BYTES = 4096
LOOK = "`certfactory audit verify` says what was altered; docs/runbooks/log-behind.md what to do"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A head, and the key of its object."""

    key: str
    head: Head


def put(plant: Plant, signed: SignedHead, before: Kept | None) -> None:
    """Keep a head that the ledger has.

    before: the newest that was kept; of one day the last is enough.
    ConflictError: it is not signed with the log's key.
    """
    said = {
        "text": signed.text,
        "signature": b64encode(signed.signature).decode("ascii"),
        "certificate": signed.certificate,
    }
    folder, data = plant.settings.keyring_dir, json.dumps(said).encode()
    key = f"{HEADS}{_log(folder)}/{signed.size:019}.json"
    head = _read(folder, key, data)
    sha256 = hashlib.sha256(data).hexdigest()
    plant.store.put_new(Blob(key=key, data=data, content_type=CONTENT_TYPE, sha256=sha256))
    if before is not None and before.head.at.date() == head.at.date() and before.key != key:
        plant.store.delete(before.key)


def newest(plant: Plant) -> Kept | None:
    """The largest; None: none is kept.  ConflictError: it is not signed with the log's key."""
    found = (read(plant, key) for key in reversed(keys_of(plant)))
    return next((each for each in found if each is not None), None)


def every(plant: Plant) -> list[Kept]:
    """All, the smallest first.  ConflictError: one is not signed with the log's key."""
    found = (read(plant, key) for key in keys_of(plant))
    return [each for each in found if each is not None]


def keys_of(plant: Plant) -> list[str]:
    """Where they lie, the smallest first.  SettingsError: the keyring has no key of the log."""
    return list(plant.store.list(f"{HEADS}{_log(plant.settings.keyring_dir)}/"))


def read(plant: Plant, key: str) -> Kept | None:
    """One of them; None: a newer one has just taken its place.

    ConflictError: it is not signed with the log's key.
    """
    try:
        data = plant.store.get(key, max_bytes=MOST_BYTES)
    except NotFoundError:
        return None
    except FieldError as error:
        raise ConflictError(f"log: the object {key} is no head") from error
    return Kept(key=key, head=_read(plant.settings.keyring_dir, key, data))


def require_beginning(tx: Tx, kept: Kept | None) -> None:
    """ConflictError: the log does not begin with what that head is of."""
    if kept is None:
        return
    size = log.size(tx)
    if kept.head.size > size:
        raise ConflictError(
            f"log: has {size} entries, and the store keeps a head of {kept.head.size}: {LOOK}"
        )
    if tree.root(log.reader(tx), kept.head.size) != kept.head.root:
        raise ConflictError(
            f"log: its first {kept.head.size} entries are not those of the head that the store"
            f" keeps: {LOOK}"
        )


def set_aside(plant: Plant, kept: Sequence[Kept], beyond: int) -> None:
    """Heads of a log that was longer, once a backup's takes its place and goes on otherwise."""
    for each in kept:
        if each.head.size > beyond:
            data = plant.store.get(each.key)
            sha256, key = hashlib.sha256(data).hexdigest(), each.key.replace(HEADS, LOST, 1)
            plant.store.put_new(Blob(key=key, data=data, content_type=CONTENT_TYPE, sha256=sha256))
            plant.store.delete(each.key)


def _log(folder: Path) -> str:
    return hashlib.sha256(log_key.origin_of(folder).encode()).hexdigest()[:16]


def _read(folder: Path, key: str, data: bytes) -> Head:
    try:
        said = json.loads(data)
        head, signature = texts.read(said["text"]), b64decode(said["signature"], validate=True)
        certificate = said["certificate"]
    except (ValueError, LookupError, TypeError, FactoryError) as error:
        raise ConflictError(f"log: the object {key} is no head") from error
    known = {keys.fingerprint(each): each for each in log_key.certificates(folder)}
    is_ours = head.origin == log_key.origin_of(folder) and key.endswith(f"/{head.size:019}.json")
    if (
        not is_ours
        or certificate not in known
        or not keys.fits_digest(known[certificate], signature, head.digest)
    ):
        raise ConflictError(f"log: the head {key} is not signed with the log's key")
    return head
