"""A party whose key is SM2: only a finished container can sign, and the verdict takes it."""

from datetime import timedelta
from pathlib import Path

import outsiders
import pytest
from cryptography import x509

from factory.errors import SignatureRefusedError
from factory.page.fonts import FontBook
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL
from factory.seals import party, sm2
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
    new_key(folder, "root")
    command = ("req", "-x509", "-new", "-key", "root.key", "-sm3", "-sigopt", outsiders.DISTID)
    usage = ("-addext", "keyUsage=critical,keyCertSign")
    openssl(folder, *command, "-subj", "/CN=Root", "-days", "999", *usage, "-out", "root.pem")
    return x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())


@pytest.fixture(scope="module")
def person(folder: Path, root: x509.Certificate) -> outsiders.Made:
    new_key(folder, "own")
    request = ("req", "-new", "-key", "own.key", "-sm3", "-sigopt", outsiders.DISTID)
    openssl(folder, *request, "-subj", "/CN=Example", "-out", "own.csr")
    (folder / "own.ext").write_text("keyUsage=critical,digitalSignature,nonRepudiation\n")
    issue = ("x509", "-req", "-in", "own.csr", "-CA", "root.pem", "-CAkey", "root.key", "-sm3")
    distid = ("-sigopt", outsiders.DISTID, "-vfyopt", outsiders.DISTID)
    openssl(folder, *issue, *distid, "-days", "99", "-extfile", "own.ext", "-out", "own.pem")
    certificate = x509.load_pem_x509_certificate((folder / "own.pem").read_bytes())
    return outsiders.Made(key="own.key", certificate=certificate)


def waiting(document: bytes, person: outsiders.Made) -> party.Prepared:
    """Prepared while the certificate is valid, which openssl issues from the present second on."""
    now = person.certificate.not_valid_before_utc + timedelta(minutes=1)
    return party.prepare(
        document, APPLICANT_SIGN, certifies=True, locks=False, look=handwriting(), now=now
    )


def new_key(folder: Path, name: str) -> None:
    openssl(folder, "ecparam", "-name", "SM2", "-genkey", "-noout", "-out", f"{name}.key")


def openssl(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    return outsiders.openssl(*arguments, cwd=folder, stdin=stdin)


@pytest.fixture(scope="module")
def form(fontbook: FontBook) -> bytes:
    return new_form(fontbook)


def container(folder: Path, person: outsiders.Made, content: bytes, outer: str) -> bytes:
    def sign(key: str, message: bytes) -> bytes:
        command = ("dgst", "-sm3", "-sign", key, "-sigopt", outsiders.DISTID)
        return openssl(folder, *command, stdin=message)

    signed = [
        outsiders.attribute("content_type", "data"),
        outsiders.attribute("message_digest", sm2.sm3(content)),
    ]
    return outsiders.container(
        person, signed=signed, digest=sm2.SM3, algorithm={"algorithm": sm2.SM2_WITH_SM3},
        sign=sign, outer_type=outer,
    )  # fmt: skip


@pytest.mark.parametrize("outer", OUTER)
def test_a_form_that_was_signed_with_sm2_is_signed(
    folder: Path, form: bytes, root: x509.Certificate, person: outsiders.Made, outer: str
) -> None:
    prepared = waiting(form, person)
    parties = new_parties()

    once = party.complete_cms(prepared, container(folder, person, prepared.content, outer))
    twice = signed_by_enterprise(once, parties)

    roots = {APPLICANT_SIGN: [root], ENTERPRISE_SEAL: [parties.enterprise.root]}
    assert verify_pdf(once, (), roots).verdict is VerdictWord.SIGNED
    assert verify_pdf(twice, (), roots).verdict is VerdictWord.SIGNED


def test_an_sm2_container_of_another_form_is_refused(
    folder: Path, form: bytes, root: x509.Certificate, person: outsiders.Made
) -> None:
    prepared = waiting(form, person)

    signed = party.complete_cms(prepared, container(folder, person, b"other", OUTER[0]))

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
