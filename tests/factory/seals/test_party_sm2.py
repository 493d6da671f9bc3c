"""A party whose key is SM2: only a finished container can sign, and the verdict takes it."""

from datetime import timedelta
from pathlib import Path

import outsiders
import pytest
from cryptography import x509

from factory.errors import SignatureRefusedError
from factory.page.fonts import FontBook
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL
from factory.seals import party
from factory.verify import VerdictWord, verify_pdf
from tests.factory.signed_forms import (
    NOW,
    handwriting,
    new_form,
    new_parties,
    signed_by_enterprise,
)

OUTER = ("1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2")  #: RFC 5652; GM/T 0010-2012


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sm2")


@pytest.fixture(scope="module")
def root(folder: Path) -> x509.Certificate:
    return outsiders.sm2_root(folder)


@pytest.fixture(scope="module")
def person(folder: Path, root: x509.Certificate) -> outsiders.Made:
    return outsiders.sm2_party(folder, "/CN=Example")


def waiting(document: bytes, person: outsiders.Made) -> party.Prepared:
    """Prepared while the certificate is valid, which openssl issues from the present second on."""
    now = person.certificate.not_valid_before_utc + timedelta(minutes=1)
    return party.prepare(
        document, APPLICANT_SIGN, certifies=True, locks=False, look=handwriting(), now=now
    )


@pytest.fixture(scope="module")
def form(fontbook: FontBook) -> bytes:
    return new_form(fontbook)


@pytest.mark.parametrize("outer", OUTER)
def test_a_form_that_was_signed_with_sm2_is_signed(
    folder: Path, form: bytes, root: x509.Certificate, person: outsiders.Made, outer: str
) -> None:
    prepared = waiting(form, person)
    parties = new_parties()

    once = party.complete_cms(
        prepared, outsiders.sm2_container(folder, person, prepared.content, outer)
    )
    twice = signed_by_enterprise(once, parties)

    roots = {APPLICANT_SIGN: [root], ENTERPRISE_SEAL: [parties.enterprise.root]}
    assert verify_pdf(once, (), roots).verdict is VerdictWord.SIGNED
    assert verify_pdf(twice, (), roots).verdict is VerdictWord.SIGNED


def test_an_sm2_container_of_another_form_is_refused(
    folder: Path, form: bytes, root: x509.Certificate, person: outsiders.Made
) -> None:
    prepared = waiting(form, person)

    signed = party.complete_cms(
        prepared, outsiders.sm2_container(folder, person, b"other", OUTER[0])
    )

    roots = {APPLICANT_SIGN: [root]}
    assert verify_pdf(signed, (), roots).verdict is VerdictWord.ALTERED


def test_a_raw_sm2_signature_is_refused_with_what_to_do(
    form: bytes, person: outsiders.Made
) -> None:
    with pytest.raises(SignatureRefusedError, match="give a finished CMS container"):
        party.prepare(
            form, APPLICANT_SIGN, certifies=True, locks=False, look=handwriting(), now=NOW,
            chain=(person.certificate,),
        )  # fmt: skip
