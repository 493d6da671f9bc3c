"""The public keys of others: of which algorithm they are, and whether a signature fits them.

RFC 8017 (RSA), FIPS 186-5 (ECDSA), GB/T 32918 (SM2); sizes: ETSI TS 119 312, 8.4.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from factory.parties import Algorithm
from factory.seals import sm2

LEAST_RSA_BITS = 2048
CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_SHA256 = utils.Prehashed(hashes.SHA256())
UNFIT = "has a key that is not taken: RSA of 2048 bits, P-256, P-384, P-521 or SM2 is asked for"


def certificate_of(data: bytes) -> x509.Certificate:
    """A certificate of somebody's, in DER; of its errors none is the library's own.

    The library warns of long names, because it counts bytes where RFC 5280, A.1 bounds characters.
    A name or an extension that cannot be read raises when it is asked for.
    ValueError: it is none, or has an extension twice, which RFC 5280, 4.2 forbids.
    """
    try:
        return _known(x509.load_der_x509_certificate(data))
    except (x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise ValueError(str(error)) from error


def certificates_of(data: bytes) -> list[x509.Certificate]:
    """All that a PEM file holds.  ValueError: there is none, or one cannot be read."""
    try:
        return list(map(_known, x509.load_pem_x509_certificates(data)))
    except (x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise ValueError(str(error)) from error


def _known(certificate: x509.Certificate) -> x509.Certificate:
    """The same, its names and extensions read once."""
    with suppress(ValueError):
        _ = certificate.extensions
    with warnings.catch_warnings(), suppress(ValueError):
        warnings.filterwarnings("ignore", "Attribute's length", UserWarning)
        _ = certificate.subject, certificate.issuer
    return certificate


def algorithm_of(certificate: x509.Certificate) -> Algorithm | None:
    """With what a certificate's key signs; None: too weak, or of a kind that is not taken."""
    if sm2.public_point(certificate) is not None:
        return Algorithm.SM2
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return Algorithm.RSA if key.key_size >= LEAST_RSA_BITS else None
    on_curve = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES
    return Algorithm.ECDSA if on_curve else None


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def fits(
    certificate: x509.Certificate,
    signature: bytes,
    message: bytes,
    *,
    digest: str,
    rsa_padding: padding.AsymmetricPadding,
) -> bool:
    """Whether a signature over a message fits a certificate's key; see algorithm_of for which."""
    point = sm2.public_point(certificate)
    if point is not None:
        return sm2.verify(point, message, signature)
    key, hashed = certificate.public_key(), HASHES[digest]
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, rsa_padding, hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashed))
        else:
            return False
    except (InvalidSignature, ValueError):  # ValueError: a salt longer than the key has room for
        return False
    return True


def fits_digest(certificate: x509.Certificate, signature: bytes, digest: bytes) -> bool:
    """Whether a raw signature of a Signer fits a certificate's key.

    digest: e of SM2 (GB/T 32918.2-2016, 6.1), a SHA-256 value otherwise; 32 bytes.
    """
    point = _sm2_point(certificate)
    if point is not None:
        return sm2.fits(point, digest, signature)
    try:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), _SHA256)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(_SHA256))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _sm2_point(certificate: x509.Certificate) -> bytes | None:
    """One certificate has many signatures."""
    return sm2.public_point(certificate)


def is_issued_by(issued: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether a certificate names that issuer and bears its signature; nothing else is asked."""
    try:
        if issued.signature_algorithm_oid.dotted_string == sm2.SM2_WITH_SM3:
            return issued.issuer == issuer.subject and _is_sm2_issued_by(issued, issuer)
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_sm2_issued_by(issued: x509.Certificate, issuer: x509.Certificate) -> bool:
    point = sm2.public_point(issuer)
    return point is not None and sm2.verify(point, issued.tbs_certificate_bytes, issued.signature)
