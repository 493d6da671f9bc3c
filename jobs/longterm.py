"""The long term (长期验证): what B-LT files bring, gathered once; and seals known to be revoked.

Per process: whoever issued the certificates is asked again when the first of their lists is over,
or when the keyring's have changed.  Files of a batch share what was gathered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509

from factory.errors import (
    LongTermUnavailableError,
    SealRevokedError,
    SettingsError,
    SignatureRefusedError,
)
from factory.making import Identity
from factory.seals import chain as chains
from factory.seals import longterm, revocation
from factory.seals.chain import Chain
from factory.seals.keys import fingerprint
from factory.seals.longterm import Gathered, Material
from factory.seals.signer import LaterSigner, SealIdentity
from factory.verify_time import told

if TYPE_CHECKING:
    from jobs.wiring import Plant

AGAIN_SECONDS = 60.0  #: until a CA that may be asked is asked again about a seal
PAUSE_SECONDS = 5.0  #: for which nobody asks again for what was not to be had


@dataclass(slots=True)
class _Looked:
    """What was found out of a seal.

    given: the keyring's lists of then; due: by the monotonic clock.
    """

    given: object
    due: float
    refusal: SealRevokedError | None


@dataclass(slots=True)
class _Kept:
    """What was gathered under a seal and an authority, or why it could not be.

    given: the keyring's lists of then; due: when those who failed are asked again, monotonic.
    """

    given: object
    found: Gathered | None = None
    failure: LongTermUnavailableError | None = None
    due: float = 0.0


@dataclass(slots=True)
class LongTerm:
    """What one process knows of its seals and their authorities."""

    plant: Plant
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _looked: dict[tuple[str, str], _Looked] = field(default_factory=dict)
    _kept: dict[tuple[str, str], _Kept] = field(default_factory=dict)

    def refuse_revoked(self, seal: Identity) -> None:
        """SealRevokedError where its certificate, or one above it, is known to be revoked."""
        key, given = (seal.name, fingerprint(seal.signing_cert)), self.plant.keyring.revocations()
        looked = self._looked.get(key)
        if looked is None or looked.given is not given or time.monotonic() > looked.due:
            asks = self.plant.settings.revocation == "fetch"
            due = time.monotonic() + AGAIN_SECONDS if asks else float("inf")
            looked = self._looked[key] = _Looked(given, due, self._refusal(seal))
        if looked.refusal is not None:
            raise looked.refusal

    def material(self, seal: SealIdentity, authority: str) -> Material:
        """What its files bring that are stamped by that authority: the same until it is over.

        LongTermUnavailableError: not all of it is to be had.
        TimestampUnavailableError: who the authority is, only it can tell, which is away.
        SettingsError: a seal that comes later cannot seal it, as it would change meanwhile.
        """
        if isinstance(seal.signer, LaterSigner):
            raise SettingsError(
                f"the seal {seal.name} comes later, for the same bytes, and lists change daily:"
                ' set level = "B-T" in [time_stamp] of its profile'
            )
        given, now = self.plant.keyring.revocations(), self.clock()
        kept = self._kept.setdefault((fingerprint(seal.signing_cert), authority), _Kept(None))
        if kept.given is given and kept.found is not None and now < kept.found.until:
            return kept.found.material
        if kept.given is given and kept.failure is not None and time.monotonic() < kept.due:
            raise kept.failure
        kept.given, kept.found, kept.failure = given, None, None
        try:
            kept.found = self._gathered(seal, authority, now)
        except LongTermUnavailableError as error:
            kept.failure, kept.due = error, time.monotonic() + PAUSE_SECONDS
            raise
        return kept.found.material

    def chains(self, seal: SealIdentity, authority: str, now: datetime) -> tuple[Chain, Chain]:
        """The seal's and the authority's, each to a root of ours."""
        keys, stamper = self.plant.keyring, self.plant.time_authority(authority)
        token = stamper.sample
        return (
            _chain(seal.signing_cert, seal.chain, keys.trust_roots(), now),
            _chain(token.signing_cert, token.certificates, stamper.service.roots, now),
        )

    def _gathered(self, seal: SealIdentity, authority: str, now: datetime) -> Gathered:
        return longterm.gathered(self.chains(seal, authority, now), self.plant.revocations(), now)

    def _refusal(self, seal: Identity) -> SealRevokedError | None:
        """None too where the chain leads nowhere: that is said elsewhere."""
        keys, now = self.plant.keyring, self.clock()
        others = (*seal.chain, *keys.seal_issuers())
        try:
            found = chains.trusted(seal.signing_cert, others, keys.trust_roots(), now)
        except SignatureRefusedError:
            return None
        revoked = revocation.fate_of_chain(self.plant.revocations(), found).revoked
        if revoked is None or revoked.at > now:
            return None
        reason = f" ({revoked.reason})" if revoked.reason else ""
        return SealRevokedError(
            f"the certificate of the seal {seal.name}, or one above it, was revoked on"
            f" {told(revoked.at)}{reason}: install a new one"
        )


def _chain(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> Chain:
    try:
        return chains.trusted(certificate, others, roots, now)
    except SignatureRefusedError as error:
        raise LongTermUnavailableError(f"for the long term: {error}") from error
