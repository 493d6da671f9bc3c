"""Measured: the ports of store, signers, time stamps and ledger, each call counted and timed.

Whoever works with a port does not know that it is measured; what is behind one does not either.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

from factory.errors import FactoryError
from factory.model import Format
from factory.seals.signer import (
    AccountableSigner,
    LaterSigner,
    Purpose,
    SealIdentity,
    SesIdentity,
    Signer,
)
from factory.seals.tsp import Token
from jobs import metrics
from storage.blobs import Blob, BlobInfo, Blobs, BlobStore
from storage.keyring import Keyring
from storage.ledger.watching import Ending, Mode
from storage.signer_process import SignerProcess
from storage.tsa import TimeAuthority

T = TypeVar("T")


class MeasuredBlobs:
    """The store's port; errors are those of `Blobs`."""

    def __init__(self, inner: Blobs) -> None:
        self._inner = inner

    def put_new(self, blob: Blob) -> bool:
        """Create the object; False when something lies under its key already."""
        return _asked("put", lambda: self._inner.put_new(blob), size=len(blob.data))

    def put_all(self, blobs: Sequence[Blob]) -> list[bool]:
        """Create many at once; which of them were created."""
        size = sum(len(blob.data) for blob in blobs)
        return _asked("put_all", lambda: self._inner.put_all(blobs), count=len(blobs), size=size)

    def get(self, key: str, *, sha256: str | None = None, max_bytes: int | None = None) -> bytes:
        """The object's bytes, those that were recorded and no more than max_bytes."""
        found = _asked("get", lambda: self._inner.get(key, sha256=sha256, max_bytes=max_bytes))
        metrics.STORE_BYTES.labels("get").inc(len(found))
        return found

    def head(self, key: str) -> BlobInfo | None:
        """What the store says of the object; None when there is none."""
        return _asked("head", lambda: self._inner.head(key))


class MeasuredStore(MeasuredBlobs):
    """The same, with the administration of a `BlobStore`, which is not counted."""

    def __init__(self, inner: BlobStore) -> None:
        super().__init__(inner)
        self.bucket, self.ensure_bucket, self.ping = inner.bucket, inner.ensure_bucket, inner.ping
        self.delete, self._list, self.sizes = inner.delete, inner.list, inner.sizes
        self.require_conditional_writes = inner.require_conditional_writes

    def list(self, prefix: str = "") -> Iterator[str]:
        """The keys below a prefix, in order."""
        return self._list(prefix)


def _asked(operation: str, ask: Callable[[], T], *, count: int = 1, size: int = 0) -> T:
    """What the store says; a call that fails counts once, however many objects it was of.

    size: in bytes, of what is put.
    """
    begun = time.perf_counter()
    try:
        found = ask()
    except Exception as error:
        _count(operation, metrics.outcome_of(error), begun)
        raise
    _count(operation, metrics.OK, begun, count)
    if size:
        metrics.STORE_BYTES.labels(operation).inc(size)
    return found


def _count(operation: str, outcome: str, begun: float, count: int = 1) -> None:
    metrics.STORE_SECONDS.labels(operation).observe(time.perf_counter() - begun)
    metrics.STORE_REQUESTS.labels(operation, outcome).inc(count)


class MeasuredSigner:
    """A signer whose calls are timed and whose signatures are counted."""

    def __init__(self, inner: Signer, fmt: Format) -> None:
        self._inner, self._format = inner, fmt

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One raw signature a digest, in order."""
        return _signed(self._format, digests, lambda: self._inner.sign_digests(digests))


class MeasuredAccountableSigner(MeasuredSigner):
    """One who asks what its signatures are for."""

    def __init__(self, inner: AccountableSigner, fmt: Format) -> None:
        super().__init__(inner, fmt)
        self._accountable = inner

    def for_purpose(self, purpose: Purpose) -> Signer:
        """The same key, for one purpose."""
        return MeasuredSigner(self._accountable.for_purpose(purpose), self._format)


class MeasuredLaterSigner(MeasuredSigner):
    """One who is asked again until each digest has its signature."""

    def __init__(self, inner: LaterSigner, fmt: Format) -> None:
        super().__init__(inner, fmt)
        self._later = inner

    @property
    def patience(self) -> timedelta:
        """How long a signature is waited for before a person is asked."""
        return self._later.patience

    def ask(self, digests: Sequence[bytes]) -> list[bytes | FactoryError]:
        """For each digest, in order, its signature or why there is none."""
        return _signed(self._format, digests, lambda: self._later.ask(digests))

    def pending(self, digests: Sequence[bytes]) -> dict[bytes, FactoryError]:
        """Those of which there is nothing to be had yet, and why."""
        return self._later.pending(digests)

    def withdraw(self, digests: Sequence[bytes]) -> None:
        """They are no longer wanted."""
        self._later.withdraw(digests)


Answered = TypeVar("Answered", bound=Sequence[bytes] | Sequence[bytes | FactoryError])


def _signed(fmt: Format, digests: Sequence[bytes], ask: Callable[[], Answered]) -> Answered:
    """What the signer says; each answer counts by what it is, and a failed call for all of it."""
    begun = time.perf_counter()
    try:
        found = ask()
    except Exception as error:
        outcomes = [metrics.outcome_of(error)] * len(digests)
        raise
    else:
        outcomes = [_outcome(each) for each in found]
        return found
    finally:
        metrics.SIGNER_SECONDS.labels(fmt).observe(time.perf_counter() - begun)
        for outcome, count in Tally(outcomes).items():
            metrics.SIGNATURES.labels(fmt, outcome).inc(count)


def _outcome(answer: bytes | FactoryError) -> str:
    return metrics.OK if isinstance(answer, bytes) else answer.reason


class MeasuredKeyring(Keyring):
    """A keyring whose seals are put on by measured signers."""

    def __init__(
        self,
        folder: Path,
        *,
        passphrase_file: Path | None = None,
        process: SignerProcess | None = None,
    ) -> None:
        super().__init__(folder, passphrase_file=passphrase_file, process=process)
        self._measured = cache(self._seal)

    def seal(self, name: str, fmt: Format) -> SealIdentity | SesIdentity:
        """The seal of an identity for documents of a format: the same one each time."""
        return self._measured(name, fmt)

    def _seal(self, name: str, fmt: Format) -> SealIdentity | SesIdentity:
        found = super().seal(name, fmt)
        return replace(found, signer=_measured(found.signer, fmt))


def _measured(signer: Signer, fmt: Format) -> Signer:
    if isinstance(signer, LaterSigner):
        return MeasuredLaterSigner(signer, fmt)
    if isinstance(signer, AccountableSigner):
        return MeasuredAccountableSigner(signer, fmt)
    return MeasuredSigner(signer, fmt)


class MeasuredTimeAuthority(TimeAuthority):
    """A time-stamping authority whose calls are timed and whose stamps are counted."""

    def tokens(self, imprints: Sequence[bytes]) -> list[Token]:
        """A token an imprint, in order; a failed call counts for all of it."""
        return _stamped(len(imprints), lambda: super(MeasuredTimeAuthority, self).tokens(imprints))

    @cached_property
    def sample(self) -> Token:
        """A token over nothing; each failed try counts as one stamp that could not be had."""
        return _stamped(1, lambda: super(MeasuredTimeAuthority, self).sample)


def _stamped(count: int, ask: Callable[[], T]) -> T:
    begun, outcome = time.perf_counter(), metrics.OK
    try:
        return ask()
    except Exception as error:
        outcome = metrics.outcome_of(error)
        raise
    finally:
        metrics.STAMP_SECONDS.observe(time.perf_counter() - begun)
        metrics.STAMPS.labels(outcome).inc(count)


class LedgerWatch:
    """Counts what the ledger's transactions come to."""

    def __init__(self) -> None:
        self._seconds = {mode: metrics.TRANSACTION_SECONDS.labels(mode.value) for mode in Mode}
        self._endings = {
            (mode, ending): metrics.TRANSACTIONS.labels(mode.value, ending.value)
            for mode in Mode
            for ending in Ending
        }

    def ended(self, mode: Mode, ending: Ending, seconds: float) -> None:
        """One transaction."""
        self._seconds[mode].observe(seconds)
        self._endings[mode, ending].inc()

    def collectable(self, profile: str, seconds: float) -> None:
        """One certificate."""
        metrics.COLLECTABLE.labels(profile).observe(seconds)

    def collided(self) -> None:
        """One number."""
        metrics.COLLISIONS.inc()
