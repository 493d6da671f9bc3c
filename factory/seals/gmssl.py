"""SM2 by GmSSL (the package gmssl-pyx): no wheels for every machine, so it may be missing."""

from __future__ import annotations

from collections.abc import Callable

try:
    import gmssl_pyx
except ImportError:  # no wheel for this machine
    gmssl_pyx = None


def available() -> bool:
    """Whether the library is here."""
    return gmssl_pyx is not None


def signing(secret: bytes, _point: bytes) -> Callable[[bytes], bytes]:
    """What signs digests (e, 32 bytes) with a private key (32 bytes); DER of r and s."""
    return lambda digest: bytes(gmssl_pyx.sm2_sign_sm3_digest(secret, digest))


def fits(point: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether a signature over a digest (e) fits a point of the curve."""
    try:
        return bool(gmssl_pyx.sm2_verify_sm3_digest(point[1:], digest, signature))
    except gmssl_pyx.GmsslInnerError:  # GmSSL's own word for bytes that are no signature
        return False
