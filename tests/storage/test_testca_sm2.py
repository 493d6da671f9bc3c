"""The test CA of SM2: openssl takes what it issues, and nobody takes it for a real one."""

from __future__ import annotations

from pathlib import Path

import judges
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from seal_making import AUTHORITY, NOW, PASSPHRASE, authority_ca, issued, picture

from factory.seals import chain, esl, keys, ses
from factory.seals.sm2_soft import Sm2SoftSigner, fits_certificate
from storage import testca_sm2
from storage.testca import MARK

DISTID = "distid:1234567812345678"


@pytest.fixture(scope="module")
def certificates() -> dict[str, x509.Certificate]:
    ca = authority_ca()
    return {
        "root": ca.root.certificate,
        "issuing": ca.issuing.certificate,
        "maker": ca.maker.certificate,
        "seal": issued(AUTHORITY).signing_cert,
    }


@pytest.mark.parametrize(
    ("name", "issuer"), [("issuing", "root"), ("maker", "issuing"), ("seal", "issuing")]
)
def test_openssl_takes_each_step_of_the_chain(
    tmp_path: Path, certificates: dict[str, x509.Certificate], name: str, issuer: str
) -> None:
    """Step by step: openssl gives the signer's id to the certificate in question only."""
    for each in (name, issuer):
        (tmp_path / each).write_bytes(certificates[each].public_bytes(Encoding.PEM))

    said = judges.run(
        *("openssl", "verify", "-x509_strict", "-partial_chain", "-vfyopt", DISTID),
        *("-attime", str(int(NOW.timestamp())), "-trusted", tmp_path / issuer, tmp_path / name),
    )

    assert said.endswith("OK\n")


def test_openssl_does_not_take_another_issuer(
    tmp_path: Path, certificates: dict[str, x509.Certificate]
) -> None:
    other = testca_sm2.make_ca(NOW).issuing.certificate
    (tmp_path / "other").write_bytes(other.public_bytes(Encoding.PEM))
    (tmp_path / "seal").write_bytes(certificates["seal"].public_bytes(Encoding.PEM))

    said = judges.run(
        *("openssl", "verify", "-partial_chain", "-vfyopt", DISTID),
        *("-trusted", tmp_path / "other", tmp_path / "seal"),
        check=False,
    )

    assert "verification failed" in said


def test_the_root_issued_itself(certificates: dict[str, x509.Certificate]) -> None:
    assert keys.is_issued_by(certificates["root"], certificates["root"])


@pytest.mark.parametrize("name", ["maker", "seal"])
def test_the_chain_leads_to_the_root(certificates: dict[str, x509.Certificate], name: str) -> None:
    chain.refuse_unfit_signer(certificates[name], NOW)
    chain.refuse_untrusted(
        certificates[name], [certificates["issuing"]], [certificates["root"]], NOW
    )


def test_every_subject_says_that_it_is_for_tests(
    certificates: dict[str, x509.Certificate],
) -> None:
    assert all(MARK in each.subject.rfc4514_string() for each in certificates.values())


@pytest.mark.parametrize("name", ["maker", "seal"])
def test_signing_certificates_are_for_signing_alone(
    certificates: dict[str, x509.Certificate], name: str
) -> None:
    usage = certificates[name].extensions.get_extension_for_class(x509.KeyUsage)

    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.content_commitment
    assert not usage.value.key_cert_sign
    assert not usage.value.key_encipherment


def test_a_test_seal_is_ready_for_use(certificates: dict[str, x509.Certificate]) -> None:
    made = issued(AUTHORITY)
    seal = ses.read_seal(made.esl)

    esl.check_issued(seal, made.signing_cert, [certificates["root"]], NOW, others=made.chain)
    assert (seal.name, seal.picture, seal.width_mm, seal.height_mm) == (
        AUTHORITY,
        picture(),
        42,
        42,
    )
    assert seal.code.startswith("99")
    assert len(seal.code) == 14


def test_the_key_of_a_test_seal_fits_its_certificate() -> None:
    made = issued(AUTHORITY)

    assert fits_certificate(Sm2SoftSigner(made.key, PASSPHRASE), made.signing_cert)


def test_openssl_opens_the_key_of_a_test_seal(tmp_path: Path) -> None:
    (tmp_path / "key.p8").write_bytes(issued(AUTHORITY).key)

    said = judges.run(
        *("openssl", "pkey", "-in", tmp_path / "key.p8", "-passin"),
        *(f"pass:{PASSPHRASE.decode()}", "-noout", "-text_pub"),
    )

    assert "SM2" in said
