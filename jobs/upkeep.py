"""Upkeep (维护): stamps that are still to come, a slice of files a transaction.

Each file is read, gets its token, is judged as whoever it is sent to would judge it, and is put
under a new key; then the slice is recorded as their next step.  Stopped anywhere, the next run
goes on: what was stored and not recorded has a key that nothing names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from factory import verify
from factory.errors import FactoryError, PermanentError, SelfCheckError
from factory.making import MAKINGS
from factory.model import Format
from factory.seals import late
from factory.seals.tsp import imprint_of
from factory.verify_verdict import VerdictWord
from jobs.stamping import last_day
from storage.blobs import Blob
from storage.ledger import proofs
from storage.ledger.proofs import NextStep, Provable

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

AT_ONCE = 100  #: files of one transaction
KEY_DIGITS = 16  #: of a file's digest in its key: of two tries, each has its own
WHO = "upkeep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a slice.

    failed: reasons of those that could not be taken further, with how many.
    """

    stamped: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A file with its proof, and until which day that holds."""

    of: Provable
    data: bytes = field(repr=False)
    proved_until: str


def stamp_awaiting(plant: Plant) -> Iterator[Done]:
    """Stamp what was released without; a slice at a time.

    TimestampUnavailableError: the authority is still away; what was recorded stays.
    """
    after = 0
    while True:
        with plant.ledger.read() as tx:
            files = proofs.awaiting(tx, after=after, most=AT_ONCE)
        if not files:
            return
        for authority, group in _by_authority(plant, files).items():
            made, failed = _stamped(plant, authority, group)
            yield Done(stamped=_recorded(plant, made, why="stamped later"), failed=failed)
        after = files[-1].id


def _by_authority(plant: Plant, files: Sequence[Provable]) -> Mapping[str, list[Provable]]:
    """By today's rules of each register; where it asks for no stamps any more, none is put in."""
    found: dict[str, list[Provable]] = {}
    with plant.ledger.read() as tx:
        for each in files:
            rules = plant.profile(tx, each.profile).time_stamp
            if rules is not None:
                found.setdefault(rules.authority, []).append(each)
    return found


def _stamped(
    plant: Plant, authority: str, files: Sequence[Provable]
) -> tuple[list[_Made], dict[str, int]]:
    failed: dict[str, int] = {}
    read: list[tuple[Provable, bytes, bytes]] = []
    for each in files:
        try:
            data = plant.store.get(each.object_key, sha256=each.sha256)
            read.append((each, data, late.signature_of(data, Format(each.format))))
        except PermanentError as error:
            _note(failed, each, error)
    imprints = [imprint_of(value) for _, _, value in read]
    tokens = plant.time_authority(authority).tokens(imprints) if imprints else []
    made = []
    for (each, data, _), token in zip(read, tokens, strict=True):
        try:
            longer = late.stamped(data, Format(each.format), token.encoded)
            _judge(plant, each, longer)
        except PermanentError as error:
            _note(failed, each, error)
        else:
            made.append(_Made(of=each, data=longer, proved_until=last_day(token.signing_cert)))
    return made, failed


def _note(failed: dict[str, int], file: Provable, error: FactoryError) -> None:
    log.error("no proof added", file=file.id, reason=error.reason, detail=str(error))
    failed[error.reason] = failed.get(error.reason, 0) + 1


def _judge(plant: Plant, file: Provable, data: bytes) -> None:
    """SelfCheckError unless it is valid by what this installation trusts.

    The record of its release proves how old it is, where its certificate has ended since.
    """
    keys = plant.keyring
    verdict = verify.verify(
        data,
        keys.trust_roots(),
        issuers=keys.seal_issuers(),
        time_roots=keys.time_roots(),
        proved_at=file.made_at,
    )
    if verdict.verdict is not VerdictWord.VALID:
        raise SelfCheckError(f"{verdict.verdict}: {'; '.join(verdict.reasons)}")


def _recorded(plant: Plant, made: Sequence[_Made], *, why: str) -> int:
    """Stored create-only, then recorded; of how many nobody had done so before."""
    if not made:
        return 0
    blobs = [_blob(each) for each in made]
    plant.bulk_store.put_all(blobs)
    steps = [
        NextStep(
            of=each.of,
            object_key=blob.key,
            sha256=blob.sha256,
            size_bytes=len(blob.data),
            proved_until=each.proved_until,
        )
        for each, blob in zip(made, blobs, strict=True)
    ]
    with plant.ledger.write(WHO) as tx:
        return proofs.add(tx, steps, why=why)


def _blob(made: _Made) -> Blob:
    of, sha256 = made.of, hashlib.sha256(made.data).hexdigest()
    return Blob(
        key=f"{of.key_stem}.{of.step + 1}-{sha256[:KEY_DIGITS]}.{of.format}",
        data=made.data,
        content_type=MAKINGS[Format(of.format)].content_type,
        sha256=sha256,
    )
