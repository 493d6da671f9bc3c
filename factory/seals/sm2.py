"""SM2 with SM3: judging signatures and reading public keys, with whichever library is here.

GB/T 32918.2-2016 (signature), GB/T 32918.5-2017 (the curve), GB/T 32905-2016 (SM3),
GB/T 35276-2017 (the signer's id).  `cryptography` loads SM2 certificates but not their keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Protocol

from asn1crypto import x509 as asn1_x509
from asn1crypto.keys import ECDomainParameters
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import SettingsError
from factory.seals import gmssl, libcrypto, pkcs8

CURVE = pkcs8.CURVE
SIGNATURE = "1.2.156.10197.1.301.1"
SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM3 = "1.2.156.10197.1.401"
EC_PUBLIC_KEY = pkcs8.EC_PUBLIC_KEY
SIGNER_ID = b"1234567812345678"  #: GB/T 35276-2017, 10: where nothing else is agreed
UNCOMPRESSED = b"\x04"
POINT_BYTES = 65
KEY_BYTES = 32

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_GENERATOR = (
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
_BASE = (int(_GENERATOR[:64], 16), int(_GENERATOR[64:], 16))
_PARAMETERS = _A.to_bytes(32, "big") + _B.to_bytes(32, "big") + bytes.fromhex(_GENERATOR)


class Backend(Protocol):
    """A library that computes SM2 over digests (e, 32 bytes)."""

    def available(self) -> bool:
        """Whether it is here."""

    def signing(self, secret: bytes, point: bytes, /) -> Callable[[bytes], bytes]:
        """What signs digests with a private key (32 bytes); DER of r and s."""

    def fits(self, point: bytes, digest: bytes, signature: bytes, /) -> bool:
        """Whether a signature over a digest fits a point of the curve."""


@lru_cache(maxsize=1)
def backends() -> dict[str, Backend]:
    """The libraries that are here, the one that signs faster first."""
    known: dict[str, Backend] = {"gmssl": gmssl, "libcrypto": libcrypto}
    return {name: backend for name, backend in known.items() if backend.available()}


def verify(point: bytes, message: bytes, signature: bytes, signer_id: bytes = SIGNER_ID) -> bool:
    """Whether the signature over a message fits a public key; False for whatever else it is.

    point:     04 || X || Y, 65 bytes.
    signature: DER SEQUENCE of r and s (GB/T 35276-2017, 7.3).
    """
    return fits(point, message_digest(point, message, signer_id), signature)


def fits(point: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether the signature over a digest (e, 32 bytes) fits a public key; see verify."""
    return on_curve(point) and _judge().fits(point, digest, signature)


def message_digest(point: bytes, message: bytes, signer_id: bytes = SIGNER_ID) -> bytes:
    """What is signed, 32 bytes: e = SM3(Z || message) (GB/T 32918.2-2016, 6.1)."""
    return sm3(identity_digest(point, signer_id) + message)


@lru_cache(maxsize=64)
def identity_digest(point: bytes, signer_id: bytes = SIGNER_ID) -> bytes:
    """Z: who signs and on which curve, the same for all messages (GB/T 32918.2-2016, 5.5)."""
    bits = (8 * len(signer_id)).to_bytes(2, "big")
    return sm3(bits + signer_id + _PARAMETERS + point[1:])


def sm3(data: bytes) -> bytes:
    """The SM3 digest, 32 bytes (GB/T 32905-2016)."""
    return hashlib.new("sm3", data).digest()


def sm3_begun(data: bytes) -> Any:
    """The SM3 digest under way, as hashlib has it; a copy of it goes on from behind these bytes."""
    return hashlib.new("sm3", data)


def judge_of(point: bytes) -> Callable[[bytes, bytes], bool]:
    """What judges signatures over digests by one public key, which is looked at only once.

    ValueError: these bytes are no point of the curve.
    """
    if not on_curve(point):
        raise ValueError("no point of the curve")
    return partial(_judge().fits, point)


def on_curve(point: bytes) -> bool:
    """Whether these bytes are a point of the SM2 curve, uncompressed."""
    if len(point) != POINT_BYTES or point[:1] != UNCOMPRESSED:
        return False
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    return x < _P and y < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0


@lru_cache(maxsize=1)
def _judge() -> Backend:
    """libcrypto first: it judges faster than GmSSL, which also writes to stderr on refusals."""
    here = tuple(backends().values())
    if not here:
        raise SettingsError("there is no library for SM2 here: install gmssl-pyx or OpenSSL 3")
    return here[-1]


def public_of(secret: bytes) -> bytes:
    """The public key of a private one (32 bytes): 04 || X || Y of d x G.

    In Python, so some milliseconds: for loading a key.
    ValueError: not a private key (GB/T 32918.1-2016, 6.1: 1 to n - 2).
    """
    number = int.from_bytes(secret, "big")
    if len(secret) != KEY_BYTES or not 0 < number < _N - 1:
        raise ValueError("a private key is a number from 1 to n - 2 in 32 bytes")
    x, y = _times(number, _BASE)
    return UNCOMPRESSED + x.to_bytes(KEY_BYTES, "big") + y.to_bytes(KEY_BYTES, "big")


def _times(number: int, base: tuple[int, int]) -> tuple[int, int]:
    """Doubling and adding from the highest bit down; 0 < number < n, so no sum is the zero."""
    found = base
    for digit in bin(number)[3:]:
        found = _sum(found, found)
        found = _sum(found, base) if digit == "1" else found
    return found


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Of two points that are not each other's opposite (GB/T 32918.1-2016, 3.2.3.1)."""
    if one == other:
        slope = (3 * one[0] * one[0] + _A) * pow(2 * one[1], -1, _P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P)
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


@lru_cache(maxsize=256)
def public_point(certificate: x509.Certificate) -> bytes | None:
    """The public key of an SM2 certificate, 04 || X || Y; None where the key is another kind.

    ValueError: the certificate's key cannot be read.
    """
    parsed = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    key = parsed["tbs_certificate"]["subject_public_key_info"]
    return bytes(key["public_key"].native) if _is_sm2(key["algorithm"]) else None


def _is_sm2(algorithm: Any) -> bool:
    if algorithm["algorithm"].dotted != EC_PUBLIC_KEY:
        return False
    parameters = algorithm["parameters"]
    named = isinstance(parameters, ECDomainParameters) and parameters.name == "named"
    return bool(named and parameters.chosen.dotted == CURVE)
