"""The software signer (软件签名器): a private key held in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from factory.errors import SettingsError

_SHA256 = utils.Prehashed(hashes.SHA256())

SoftKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class SoftSigner:
    """A Signer with a key loaded once: loading costs a hundred signatures (RSA: 33 ms).

    The same digest always gives the same signature, so a task that is tried again makes the
    same file: PKCS#1 v1.5 for RSA (RFC 8017, 8.2), deterministic ECDSA for EC keys (RFC 6979).
    """

    def __init__(self, key: SoftKey) -> None:
        self._sign = _signature_maker(key)

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One raw signature a SHA-256 digest (32 bytes), in order; see Signer."""
        return [self._sign(digest) for digest in digests]


def _signature_maker(key: SoftKey) -> Callable[[bytes], bytes]:
    if isinstance(key, rsa.RSAPrivateKey):
        pkcs1 = padding.PKCS1v15()
        return lambda digest: key.sign(digest, pkcs1, _SHA256)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        ecdsa = ec.ECDSA(_SHA256, deterministic_signing=True)
        return lambda digest: key.sign(digest, ecdsa)
    raise SettingsError("a signing key must be RSA or EC: replace the key of this identity")
