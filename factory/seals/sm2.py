"""SM2 with SM3: judging signatures and reading public keys.

GB/T 32918.2-2016 (signature), GB/T 32918.5-2017 (the curve), GB/T 32905-2016 (SM3),
GB/T 35276-2017 (the signer's id).  `cryptography` loads SM2 certificates but not their keys.
"""

from __future__ import annotations

import hashlib
from typing import Any

import gmssl_pyx
from asn1crypto import x509 as asn1_x509
from asn1crypto.keys import ECDomainParameters
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

CURVE = "1.2.156.10197.1.301"
SIGNATURE = "1.2.156.10197.1.301.1"
SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM3 = "1.2.156.10197.1.401"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"
SIGNER_ID = b"1234567812345678"  #: GB/T 35276-2017, 10: where nothing else is agreed
UNCOMPRESSED = b"\x04"
POINT_BYTES = 65

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_GENERATOR = (
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
_PARAMETERS = _A.to_bytes(32, "big") + _B.to_bytes(32, "big") + bytes.fromhex(_GENERATOR)


def verify(point: bytes, message: bytes, signature: bytes, signer_id: bytes = SIGNER_ID) -> bool:
    """Whether the signature over a message fits a public key; False for whatever else it is.

    point:     04 || X || Y, 65 bytes.
    signature: DER SEQUENCE of r and s (GB/T 35276-2017, 7.3).
    """
    if not on_curve(point):
        return False
    digest = message_digest(point, message, signer_id)
    try:
        return bool(gmssl_pyx.sm2_verify_sm3_digest(point[1:], digest, signature))
    except gmssl_pyx.GmsslInnerError:  # GmSSL's own word for bytes that are no signature
        return False


def message_digest(point: bytes, message: bytes, signer_id: bytes = SIGNER_ID) -> bytes:
    """What is signed, 32 bytes: e = SM3(Z || message) (GB/T 32918.2-2016, 6.1)."""
    return sm3(identity_digest(point, signer_id) + message)


def identity_digest(point: bytes, signer_id: bytes = SIGNER_ID) -> bytes:
    """Z: who signs and on which curve, the same for all messages (GB/T 32918.2-2016, 5.5)."""
    bits = (8 * len(signer_id)).to_bytes(2, "big")
    return sm3(bits + signer_id + _PARAMETERS + point[1:])


def sm3(data: bytes) -> bytes:
    """The SM3 digest, 32 bytes (GB/T 32905-2016)."""
    return hashlib.new("sm3", data).digest()


def on_curve(point: bytes) -> bool:
    """Whether these bytes are a point of the SM2 curve, uncompressed."""
    if len(point) != POINT_BYTES or point[:1] != UNCOMPRESSED:
        return False
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    return x < _P and y < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0


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
