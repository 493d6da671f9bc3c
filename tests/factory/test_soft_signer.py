"""The software signer: signatures that fit the key, the same for the same digest, in order."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from factory.errors import SettingsError
from factory.seals.soft import SoftSigner
from storage import testca

DIGESTS = [bytes([number]) * 32 for number in range(3)]
PREHASHED = utils.Prehashed(hashes.SHA256())


def test_each_digest_gets_its_own_ecdsa_signature_in_order() -> None:
    key = testca.new_key("p256")
    assert isinstance(key, ec.EllipticCurvePrivateKey)

    signatures = SoftSigner(key).sign_digests(DIGESTS)

    for digest, signature in zip(DIGESTS, signatures, strict=True):
        key.public_key().verify(signature, digest, ec.ECDSA(PREHASHED))


def test_each_digest_gets_its_own_pkcs1_signature_in_order() -> None:
    key = testca.new_key("rsa2048")
    assert isinstance(key, rsa.RSAPrivateKey)

    signatures = SoftSigner(key).sign_digests(DIGESTS)

    for digest, signature in zip(DIGESTS, signatures, strict=True):
        key.public_key().verify(signature, digest, padding.PKCS1v15(), PREHASHED)


@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_a_retry_gives_the_same_signatures(algorithm: str) -> None:
    signer = SoftSigner(testca.new_key(algorithm))

    assert signer.sign_digests(DIGESTS) == signer.sign_digests(DIGESTS)


def test_nothing_to_sign_gives_nothing() -> None:
    assert SoftSigner(testca.new_key()).sign_digests([]) == []


def test_a_key_no_reader_knows_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()

    with pytest.raises(SettingsError, match="must be RSA or EC"):
        SoftSigner(key)  # type: ignore[arg-type]
