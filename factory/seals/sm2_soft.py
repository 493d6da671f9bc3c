"""The software signer for SM2 (GB/T 32918.2-2016): a private key held in this process."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509

from factory.errors import SettingsError
from factory.seals import pkcs8, sm2
from factory.seals.signer import Signer

PROBE = bytes(range(32))  #: any digest will do


class Sm2SoftSigner:
    """A Signer of SM2: a digest is e (GB/T 32918.2-2016, 6.1), a signature DER of r and s.

    Each signature is another one, also over the same digest: neither library takes k from
    outside or derives it from the digest, so a task that is tried again makes another file.

    point: the public key, 04 || X || Y.
    """

    def __init__(self, key: bytes, passphrase: bytes, *, backend: str | None = None) -> None:
        """key: encrypted PKCS#8, DER or PEM.  backend: of backends(); None: the first of them.

        SettingsError: the file does not open, or there is no such backend here.
        """
        secret, said = pkcs8.opened(key, passphrase)
        self._take(secret, backend)
        if said not in (None, self.point):
            raise SettingsError("the SM2 key file contradicts itself: its halves do not fit")

    @classmethod
    def of(cls, secret: bytes, *, backend: str | None = None) -> Sm2SoftSigner:
        """The signer of a private key that was never in a file (32 bytes)."""
        made = cls.__new__(cls)
        made._take(secret, backend)
        return made

    def _take(self, secret: bytes, backend: str | None) -> None:
        try:
            self.point = sm2.public_of(secret)
        except ValueError as error:
            raise SettingsError("the SM2 key file holds no private key of that curve") from error
        self._sign = _chosen(backend).signing(secret, self.point)

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One signature a digest (32 bytes), in order; see Signer."""
        return [self._sign(digest) for digest in digests]


def backends() -> tuple[str, ...]:
    """Which libraries for SM2 are here, the best first."""
    return tuple(sm2.backends())


def fits_certificate(signer: Signer, certificate: x509.Certificate) -> bool:
    """Whether a signer holds the key of an SM2 certificate, tried with one signature."""
    point = sm2.public_point(certificate)
    if point is None:
        return False
    [signature] = signer.sign_digests([PROBE])
    return sm2.fits(point, PROBE, signature)


def _chosen(backend: str | None) -> sm2.Backend:
    here = sm2.backends()
    name = backend or next(iter(here), None)
    if name not in here:
        raise SettingsError(
            "there is no library for SM2 here: install gmssl-pyx, or OpenSSL 3's libcrypto"
        )
    return here[name]
