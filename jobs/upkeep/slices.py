"""Files that get a proof of time added, a slice a transaction.

Each file is read, gets what it lacks, is judged as whoever it is sent to would judge it, and is
put under a new key; then the slice is recorded as their next step.  Stopped anywhere, the next run
goes on: what was stored and not recorded has a key that nothing names.  Two that run at once take
no file further twice, and each goes on where the other has been.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from factory import verify
from factory.errors import FactoryError, SelfCheckError
from factory.making import MAKINGS
from factory.model import Format
from factory.verify_verdict import VerdictWord
from storage.blobs import Blob
from storage.ledger import Tx, proofs
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
class Made:
    """A file with its proof, and until which day that holds."""

    of: Provable
    data: bytes = field(repr=False)
    proved_until: str


@dataclass(slots=True)
class Slice:
    """Files that one authority stamps, and what has become of them so far."""

    plant: Plant
    authority: str
    files: Sequence[Provable]
    made: list[Made] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)

    def give_up(self, file: Provable, error: FactoryError) -> None:
        """It stays as it is, and why is said."""
        log.error("no proof added", file=file.id, reason=error.reason, detail=str(error))
        self.failed[error.reason] = self.failed.get(error.reason, 0) + 1


#: from which files of a ledger, after which id and how many at most
Waiting = Callable[[Tx, int, int], Sequence[Provable]]


def each(
    plant: Plant, waiting: Waiting, stamp: Callable[[Slice], None], why: str
) -> Iterator[Done]:
    """Take all that wait one step further.

    stamp: what makes or gives up each file of a slice.
    TimestampUnavailableError: the authority is away; what was recorded stays.
    """
    after = 0
    while True:
        with plant.ledger.read() as tx:
            files = waiting(tx, after, AT_ONCE)
        if not files:
            return
        for piece in _by_authority(plant, files):
            stamp(piece)
            yield Done(stamped=_recorded(plant, piece.made, why=why), failed=piece.failed)
        after = files[-1].id


def judge(plant: Plant, file: Provable, data: bytes) -> None:
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


def _by_authority(plant: Plant, files: Sequence[Provable]) -> list[Slice]:
    """By today's rules of each register; where it asks for no stamps any more, none is put in."""
    found: dict[str, list[Provable]] = {}
    with plant.ledger.read() as tx:
        for one in files:
            rules = plant.profile(tx, one.profile).time_stamp
            if rules is not None:
                found.setdefault(rules.authority, []).append(one)
    return [Slice(plant, name, group) for name, group in found.items()]


def _recorded(plant: Plant, made: Sequence[Made], *, why: str) -> int:
    """Stored create-only, then recorded; of how many nobody had done so before."""
    if not made:
        return 0
    blobs = [_blob(one) for one in made]
    plant.bulk_store.put_all(blobs)
    steps = [
        NextStep(
            of=one.of,
            object_key=blob.key,
            sha256=blob.sha256,
            size_bytes=len(blob.data),
            proved_until=one.proved_until,
        )
        for one, blob in zip(made, blobs, strict=True)
    ]
    with plant.ledger.write(WHO) as tx:
        return proofs.add(tx, steps, why=why)


def _blob(made: Made) -> Blob:
    of, sha256 = made.of, hashlib.sha256(made.data).hexdigest()
    return Blob(
        key=f"{of.key_stem}.{of.step + 1}-{sha256[:KEY_DIGITS]}.{of.format}",
        data=made.data,
        content_type=MAKINGS[Format(of.format)].content_type,
        sha256=sha256,
    )
