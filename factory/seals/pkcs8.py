"""Files of SM2 private keys: PKCS#8 under a passphrase (PBES2), opened and written.

RFC 5208 (PrivateKeyInfo), RFC 5915 (ECPrivateKey), RFC 8018 (PBES2, PBKDF2), GM/T 0091-2020
(PBKDF2 with SM3).  `cryptography` loads no SM2 keys, so the structures are read here and only
the ciphers are its own.
"""

from __future__ import annotations

import hashlib
from typing import Any

from asn1crypto import pem
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from factory.errors import SettingsError
from factory.seals import der
from factory.seals.der import Element

PBES2, PBKDF2 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
EC_PUBLIC_KEY, CURVE = "1.2.840.10045.2.1", "1.2.156.10197.1.301"
HMACS = {
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
    "1.2.156.10197.1.401.2": "sm3",  # GmSSL's
    "1.2.156.10197.1.401.3.1": "sm3",  # GM/T 0091-2020, table A.1; OpenSSL's
}
#: RFC 8018, B.2.5; GM/T 0006: cipher and size of its key
CIPHERS: dict[str, tuple[Any, int]] = {
    "2.16.840.1.101.3.4.1.2": (algorithms.AES, 16),
    "2.16.840.1.101.3.4.1.22": (algorithms.AES, 24),
    "2.16.840.1.101.3.4.1.42": (algorithms.AES, 32),
    "1.2.156.10197.1.104.2": (algorithms.SM4, 16),
}
SHA256, AES_256 = "1.2.840.113549.2.9", "2.16.840.1.101.3.4.1.42"
BLOCK_BITS = 128
KEY_BYTES = 32
MOST_ITERATIONS = 10_000_000  #: some seconds
PARAMETERS, PUBLIC_KEY = 0xA0, 0xA1  #: [0] and [1] of ECPrivateKey
NULL = bytes((0x05, 0x00))
ENCRYPTED = "ENCRYPTED PRIVATE KEY"
WRONG = "the SM2 key file does not open: its passphrase is another, or the file is damaged"

#: PBES2's parameters: salt, iterations, digest, cipher, first block
Parameters = tuple[bytes, int, str, str, bytes]


def opened(data: bytes, passphrase: bytes) -> tuple[bytes, bytes | None]:
    """The private key of a file (32 bytes), and its public point where the file has one.

    data: encrypted PKCS#8 in DER or PEM, as ``openssl pkcs8 -topk8`` writes it.
    SettingsError: not such a file, another passphrase, or a cipher that is not taken.
    """
    try:
        algorithm, content = der.read(_unarmored(data)).parts()
        kind, parameters = algorithm.parts()
        scheme, hidden = kind.oid(), content.octets()
    except ValueError as error:
        raise SettingsError(
            "an SM2 key is read from encrypted PKCS#8: make it with openssl pkcs8 -topk8"
        ) from error
    _refuse_unless(scheme == PBES2, f"is encrypted with {scheme}")
    info = _decrypted(_parameters(parameters), hidden, passphrase)
    try:
        return _secret(info)
    except ValueError as error:
        raise SettingsError(WRONG) from error


def encrypted(
    info: bytes, passphrase: bytes, *, salt: bytes, iv: bytes, iterations: int = 600_000
) -> bytes:
    """A key file in PEM: PrivateKeyInfo under PBKDF2-HMAC-SHA256 and AES-256-CBC.

    salt, iv: 16 random bytes each.
    """
    kdf = der.sequence(der.octets(salt), der.integer(iterations), _algorithm(SHA256, NULL))
    scheme = der.sequence(_algorithm(PBKDF2, kdf), _algorithm(AES_256, der.octets(iv)))
    cipher = _cipher((salt, iterations, SHA256, AES_256, iv), passphrase).encryptor()
    padder = padding.PKCS7(BLOCK_BITS).padder()
    hidden = cipher.update(padder.update(info) + padder.finalize()) + cipher.finalize()
    written = der.sequence(_algorithm(PBES2, scheme), der.octets(hidden))
    return bytes(pem.armor(ENCRYPTED, written))


def private_key_info(secret: bytes, point: bytes) -> bytes:
    """PrivateKeyInfo of an SM2 key."""
    public = der.element(PUBLIC_KEY, der.bits(point))
    key = der.sequence(der.integer(1), der.octets(secret), public)
    return der.sequence(der.integer(0), _algorithm(EC_PUBLIC_KEY, der.oid(CURVE)), der.octets(key))


def public_key_info(point: bytes) -> bytes:
    """SubjectPublicKeyInfo of an SM2 key (RFC 5480, 2)."""
    return der.sequence(_algorithm(EC_PUBLIC_KEY, der.oid(CURVE)), der.bits(point))


def _unarmored(data: bytes) -> bytes:
    if not pem.detect(data):
        return data
    name, _headers, inner = pem.unarmor(data)
    _refuse_unless(name == ENCRYPTED, "is not encrypted PKCS#8")
    return bytes(inner)


def _parameters(parameters: Element) -> Parameters:
    """PBES2-params; a refusal names what is not taken."""
    try:
        derivation, cipher = (each.parts() for each in parameters.parts())
        kdf, cipher_oid = derivation[0].oid(), cipher[0].oid()
        _refuse_unless(kdf == PBKDF2, f"derives its key with {kdf}")
        _refuse_unless(cipher_oid in CIPHERS, f"is encrypted with {cipher_oid}")
        salt, iterations, *others = derivation[1].parts()
        named = [each.parts()[0].oid() for each in others if each.tag == der.SEQUENCE]
        digest = named[0] if named else next(iter(HMACS))  # RFC 8018, A.2: SHA-1 if none is said
        _refuse_unless(digest in HMACS, f"derives its key with {digest}")
        _refuse_unless(0 < iterations.integer() <= MOST_ITERATIONS, "asks for too many rounds")
        return salt.octets(), iterations.integer(), digest, cipher_oid, cipher[1].octets()
    except (ValueError, IndexError) as error:
        raise SettingsError(WRONG) from error


def _decrypted(parameters: Parameters, hidden: bytes, passphrase: bytes) -> bytes:
    try:
        cipher = _cipher(parameters, passphrase).decryptor()
        padded = cipher.update(hidden) + cipher.finalize()
        unpadder = padding.PKCS7(BLOCK_BITS).unpadder()
        return bytes(unpadder.update(padded) + unpadder.finalize())
    except ValueError as error:
        raise SettingsError(WRONG) from error


def _cipher(parameters: Parameters, passphrase: bytes) -> Cipher[modes.CBC]:
    salt, iterations, digest, cipher, iv = parameters
    algorithm, size = CIPHERS[cipher]
    key = hashlib.pbkdf2_hmac(HMACS[digest], passphrase, salt, iterations, size)
    return Cipher(algorithm(key), modes.CBC(iv))


def _secret(info: bytes) -> tuple[bytes, bytes | None]:
    """Out of PrivateKeyInfo and the ECPrivateKey within; attributes may follow."""
    _version, algorithm, key, *_attributes = der.read(info).parts()
    kind, *curve = algorithm.parts()
    is_sm2 = kind.oid() == EC_PUBLIC_KEY and [each.oid() for each in curve] == [CURVE]
    _refuse_unless(is_sm2, "holds a key of another kind")
    _one, secret, *others = der.read(key.octets()).parts()
    said = {each.tag: der.read(each.content) for each in others}
    if len(secret.octets()) != KEY_BYTES or not said.keys() <= {PARAMETERS, PUBLIC_KEY}:
        raise ValueError("an ECPrivateKey is asked for")
    if PARAMETERS in said and said[PARAMETERS].oid() != CURVE:
        raise ValueError("a key of the curve its algorithm names is asked for")
    return secret.octets(), said[PUBLIC_KEY].bits() if PUBLIC_KEY in said else None


def _algorithm(oid: str, parameters: bytes) -> bytes:
    return der.sequence(der.oid(oid), parameters)


def _refuse_unless(holds: object, otherwise: str) -> None:
    if not holds:
        raise SettingsError(f"the SM2 key file {otherwise}, which is not taken")
