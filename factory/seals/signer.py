"""The signer (签名器): digests in, raw signatures out; a chunk's digests in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, runtime_checkable

from cryptography import x509

from factory.errors import FactoryError


class Signer(Protocol):
    """Holds a private key; software key, PKCS#11, SM2 and remote signers all fit.

    Errors: KeyBusyError when the device is busy or away.
    """

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One raw signature a digest, in order.

        digests: SHA-256 values, 32 bytes each; for SM2 the values e (GB/T 32918.2-2016, 6.1).
        Returns PKCS#1 v1.5 values for RSA, DER of r and s for EC keys (RFC 3279) and SM2.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What signatures are for.

    profile: of the register.  kind: of the document (see model.Kind).
    batch:   the number of the bulk event; None: of no one.
    """

    profile: str
    kind: str
    batch: str | None


@runtime_checkable
class AccountableSigner(Signer, Protocol):
    """A Signer that asks what its signatures are for, and signs for nothing else.

    sign_digests without a purpose is for none.  Further errors: SealPolicyError when it does not
    sign for that purpose; SigningStoppedError, SigningPacedError: not now.
    """

    def for_purpose(self, purpose: Purpose) -> Signer:
        """The same key, for one purpose."""


@runtime_checkable
class LaterSigner(Signer, Protocol):
    """A Signer that is asked again, by the same digests, until each has its signature.

    Asking twice for a digest is the same request.  sign_digests raises the first failure.
    """

    @property
    def patience(self) -> timedelta:
        """How long a signature is waited for before a person is asked."""

    def ask(self, digests: Sequence[bytes]) -> list[bytes | FactoryError]:
        """For each digest, in order, its signature or why there is none.

        SealPendingError: not yet.  SealDeclinedError: never.  SealRefusedError: a wrong one.
        """

    def pending(self, digests: Sequence[bytes]) -> dict[bytes, FactoryError]:
        """Those that were asked for and of which there is nothing to be had yet, and why."""

    def withdraw(self, digests: Sequence[bytes]) -> None:
        """They are no longer wanted; one that was never asked for, or is withdrawn, is none."""


def answers(
    signer: Signer, digests: Sequence[bytes], purpose: Purpose
) -> Sequence[bytes | FactoryError]:
    """For each digest, in order, its signature; or, of one who signs later, why there is none."""
    if isinstance(signer, LaterSigner):
        return signer.ask(digests)
    if isinstance(signer, AccountableSigner):
        signer = signer.for_purpose(purpose)
    return signer.sign_digests(digests)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealIdentity:
    """An electronic seal (电子印章): picture, certificate chain and the signer behind it.

    picture:   PNG with alpha, drawn width_mm wide.
    chain:     issuing CA certificates, leaf's issuer first.
    test:      made by the embedded default; says so in subject and picture.
    """

    name: str
    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    picture: bytes = field(repr=False)
    width_mm: float
    signer: Signer = field(repr=False)
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SesIdentity:
    """An electronic seal for OFD (GB/T 38540-2020), with the key of one who may sign with it.

    seal:  SESeal as its maker issued it, DER; it holds the picture.
    chain: issuing CA certificates, leaf's issuer first.
    test:  made by the embedded default; says so in subject and picture.
    """

    name: str
    seal: bytes = field(repr=False)
    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    signer: Signer = field(repr=False)
    test: bool = False
