"""Parties' signatures on a form: each stays valid after the next; what does not fit is refused."""

import base64
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from factory.errors import SignatureRefusedError
from factory.model import ApplicationType
from factory.page.fonts import FontBook
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL
from factory.seals import party
from tests import judges
from tests.factory.sealing import new_world, seal
from tests.factory.signed_forms import (
    NOW,
    Parties,
    handwriting,
    new_form,
    new_parties,
    new_placed_form,
    prepared_for_enterprise,
    prepared_for_person,
    round_seal,
    signed_by_both,
    signed_by_person,
)

VALID = "Signature is Valid"
WHOLE = "Total document signed"


@pytest.fixture(scope="module")
def form(fontbook: FontBook) -> bytes:
    return new_form(fontbook)


@pytest.fixture(scope="module")
def cancellation(fontbook: FontBook) -> bytes:
    """A forced cancellation, which the enterprise alone signs."""
    return new_form(fontbook, kind=ApplicationType.FORCED_CANCELLATION)


@pytest.fixture(scope="module", params=["p256", "rsa2048"])
def parties(request: pytest.FixtureRequest) -> Parties:
    return new_parties(request.param)


@pytest.fixture(scope="module")
def p256() -> Parties:
    return new_parties("p256")


@pytest.fixture(scope="module")
def rsa() -> Parties:
    return new_parties("rsa2048")


def alone(document: bytes, parties: Parties) -> party.Prepared:
    return party.prepare(
        document, ENTERPRISE_SEAL, certifies=True, locks=True, look=round_seal(), now=NOW,
        chain=parties.enterprise.chain,
    )  # fmt: skip


def unknown(document: bytes, field: str = APPLICANT_SIGN) -> party.Prepared:
    """Prepared without a certificate."""
    return party.prepare(
        document, field, certifies=field == APPLICANT_SIGN, locks=field == ENTERPRISE_SEAL,
        look=handwriting(), now=NOW,
    )  # fmt: skip


def by_finished_cms(document: bytes, parties: Parties) -> bytes:
    """Both sign with containers that OpenSSL makes outside."""
    first = unknown(document)
    once = party.complete_cms(first, parties.person.cms(first.content))
    second = unknown(once, ENTERPRISE_SEAL)
    return party.complete_cms(second, parties.enterprise.cms(second.content))


WAYS = {"raw": signed_by_both, "finished CMS": by_finished_cms}


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def signed(request: pytest.FixtureRequest, form: bytes, parties: Parties) -> bytes:
    made: bytes = request.param(form, parties)
    return made


def test_poppler_finds_both_valid_and_the_last_over_the_total_document(
    signed: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "signed.pdf"

    file.write_bytes(signed)

    opinion = judges.pdfsig(file)
    assert opinion.count(VALID) == 2
    assert WHOLE in opinion.partition("Signature #2")[2]
    assert opinion.count("ETSI.CAdES.detached") == 2


def test_pyhanko_trusts_both_and_sees_only_fields_filled(signed: bytes, parties: Parties) -> None:
    roots = [root for each in parties.roots.values() for root in each]

    first, last = judges.pyhanko(signed, roots, NOW)

    assert first.bottom_line and last.bottom_line
    assert (first.coverage.name, last.coverage.name) == ("ENTIRE_REVISION", "ENTIRE_FILE")
    assert first.modification_level.name == "FORM_FILLING"
    assert first.docmdp_ok and last.docmdp_ok


def test_openssl_verifies_each_up_to_the_root_of_its_party(
    signed: bytes, parties: Parties, tmp_path: Path
) -> None:
    for place, outsider in enumerate((parties.person, parties.enterprise)):
        opinion = judges.openssl_cms(signed, outsider.root, tmp_path, place)

        assert "Verification successful" in opinion


def test_qpdf_finds_no_fault_in_a_signed_form(signed: bytes, tmp_path: Path) -> None:
    file = tmp_path / "signed.pdf"

    file.write_bytes(signed)

    assert "No syntax or stream encoding errors found" in judges.qpdf(file)


def test_a_signature_only_adds_to_what_was_there(form: bytes, p256: Parties) -> None:
    once = signed_by_person(form, p256)
    twice = signed_by_both(form, p256)

    assert once.startswith(form)
    assert twice[: len(form)] == form
    assert len(once) - len(form) < 10_000


def test_a_signed_form_reads_as_before(form: bytes, p256: Parties, tmp_path: Path) -> None:
    before, after = tmp_path / "before.pdf", tmp_path / "after.pdf"
    before.write_bytes(form)

    after.write_bytes(signed_by_both(form, p256))

    assert judges.text_of(after) == judges.text_of(before)


def test_a_signed_form_stays_an_archive_file(
    form: bytes, p256: Parties, absent: Callable[[str], None], tmp_path: Path
) -> None:
    if shutil.which("java") is None or not all(jar.exists() for jar in judges.PREFLIGHT):
        absent("preflight: apt-get install the packages named in deploy/setup/apt-test.txt")
    files = {"form": form, "signed": signed_by_both(form, p256)}
    for name, data in files.items():
        (tmp_path / f"{name}.pdf").write_bytes(data)

    found = judges.preflight([tmp_path / f"{name}.pdf" for name in files])

    assert found == [[], []]


def test_an_enterprise_alone_certifies_and_locks(
    cancellation: bytes, parties: Parties, tmp_path: Path
) -> None:
    prepared = alone(cancellation, parties)

    signed = party.complete(prepared, parties.enterprise.raw(prepared.digest))

    file = tmp_path / "signed.pdf"
    file.write_bytes(signed)
    opinion = judges.pdfsig(file)
    [status] = judges.pyhanko(signed, [parties.enterprise.root], NOW)
    assert (opinion.count(VALID), opinion.count(WHOLE)) == (1, 1)
    assert status.bottom_line
    assert party.signed_fields(signed) == (ENTERPRISE_SEAL,)


def test_the_signed_fields_are_told_in_the_order_of_signing(form: bytes, p256: Parties) -> None:
    once = signed_by_person(form, p256)

    assert party.signed_fields(form) == ()
    assert party.signed_fields(once) == (APPLICANT_SIGN,)
    assert party.signed_fields(signed_by_both(form, p256)) == (APPLICANT_SIGN, ENTERPRISE_SEAL)


def test_equal_arguments_give_equal_bytes(form: bytes, parties: Parties) -> None:
    """So that what waits between the steps need not be kept."""
    assert prepared_for_person(form, parties) == prepared_for_person(form, parties)
    assert unknown(form) == unknown(form)


def test_another_signing_time_or_picture_gives_another_digest(form: bytes, p256: Parties) -> None:
    def digest(look: bytes, seconds: int) -> bytes:
        later = NOW + timedelta(seconds=seconds)
        return party.prepare(
            form, APPLICANT_SIGN, certifies=True, locks=False, look=look, now=later,
            chain=p256.person.chain,
        ).digest  # fmt: skip

    digests = {digest(handwriting(), 0), digest(handwriting(), 1), digest(round_seal(), 0)}

    assert len(digests) == 3


def test_a_raw_signer_signs_the_digest_of_the_attributes(form: bytes, p256: Parties) -> None:
    prepared = prepared_for_person(form, p256)

    assert prepared.signed_attributes is not None
    assert prepared.signed_attributes[0] == 0x31  # SET OF, RFC 5652, 5.4
    assert prepared.document_digest in prepared.signed_attributes
    assert prepared.digest == sha256(prepared.signed_attributes).digest()


def test_without_a_certificate_the_content_alone_is_known(form: bytes) -> None:
    prepared = unknown(form)

    start, end = prepared.hole
    assert prepared.signed_attributes is None
    assert prepared.digest == prepared.document_digest == sha256(prepared.content).digest()
    assert (end - start - 2) // 2 == party.LONGEST_CMS


def test_an_ecdsa_signature_may_come_as_r_and_s_side_by_side(form: bytes, p256: Parties) -> None:
    prepared = prepared_for_person(form, p256)
    der = p256.person.raw(prepared.digest)
    side_by_side = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))

    assert party.complete(prepared, side_by_side) == party.complete(prepared, der)


@pytest.mark.parametrize("label", ["CMS", "PKCS7"])
def test_a_finished_cms_may_come_as_pem(form: bytes, p256: Parties, label: str) -> None:
    prepared = unknown(form)
    der = p256.person.cms(prepared.content)
    text = base64.encodebytes(der).decode()
    pem = f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()

    assert party.complete_cms(prepared, pem) == party.complete_cms(prepared, der)


def test_a_finished_cms_may_come_where_the_signer_was_known(form: bytes, p256: Parties) -> None:
    prepared = prepared_for_person(form, p256)

    signed = party.complete_cms(prepared, prepared_cms(prepared, p256))

    assert signed == party.complete(prepared, FIXED)


FIXED = bytes.fromhex("3006020101020102")  #: an ECDSA-Sig-Value of small numbers


def prepared_cms(prepared: party.Prepared, parties: Parties) -> bytes:
    assert prepared.container is not None
    return prepared.container.fill(prepared.document_digest, FIXED)


def refused(document: bytes, says: str, field: str = APPLICANT_SIGN, **given: object) -> None:
    terms: dict[str, object] = {
        "certifies": True, "locks": False, "look": handwriting(), "now": NOW, **given
    }  # fmt: skip
    with pytest.raises(SignatureRefusedError, match=says):
        party.prepare(document, field, **terms)  # type: ignore[arg-type] # by name, as given


def test_a_field_that_is_not_there_is_not_signed(form: bytes, cancellation: bytes) -> None:
    refused(form, "has no signature field Somebody", field="Somebody")
    refused(cancellation, "has no signature field ApplicantSign")


def test_a_signed_field_is_not_signed_again(form: bytes, p256: Parties) -> None:
    once = signed_by_person(form, p256)

    refused(once, "ApplicantSign is signed already")
    assert prepared_for_enterprise(once, p256)


def test_a_form_is_certified_by_its_first_signature_only(form: bytes, p256: Parties) -> None:
    once = signed_by_person(form, p256)

    refused(once, "only the first signature certifies", field=ENTERPRISE_SEAL)


def test_a_locked_form_is_not_signed_again(form: bytes, p256: Parties) -> None:
    """Here the enterprise signed alone what had a field for the person too."""
    prepared = alone(form, p256)
    locked = party.complete(prepared, p256.enterprise.raw(prepared.digest))

    refused(locked, "locked", certifies=False)


def test_a_sealed_document_has_no_field_for_a_party(fontbook: FontBook) -> None:
    document, _ = new_placed_form(fontbook)

    refused(seal(document, new_world().p256), "has no signature field ApplicantSign")


@pytest.mark.parametrize(
    "document", [b"", b"%PDF-1.7\n", b"no PDF at all" * 100], ids=["nothing", "a head", "words"]
)
def test_what_is_no_pdf_is_not_signed(document: bytes) -> None:
    refused(document, "not a form that can be signed")
    with pytest.raises(SignatureRefusedError, match="not a form"):
        party.signed_fields(document)


def test_a_form_cut_short_is_not_signed(form: bytes) -> None:
    refused(form[:-2000], "not a form that can be signed|has no signature field")


def test_an_encrypted_form_is_not_signed(form: bytes) -> None:
    locked = BytesIO()
    with pikepdf.open(BytesIO(form)) as document:
        document.save(locked, encryption=pikepdf.Encryption(owner="owner", user=""))

    refused(locked.getvalue(), "encrypted|not a form")


def test_a_look_that_is_no_picture_is_refused(form: bytes) -> None:
    refused(form, "not a readable PNG", look=b"no picture")


def test_a_signing_time_has_a_zone(form: bytes) -> None:
    with pytest.raises(ValueError, match="aware"):
        party.prepare(
            form, APPLICANT_SIGN, certifies=True, locks=False, look=handwriting(),
            now=NOW.replace(tzinfo=None),
        )  # fmt: skip


def test_a_key_that_no_raw_signature_is_made_with_is_refused_before_signing(
    form: bytes, p256: Parties
) -> None:
    """Edwards curves; a certificate with a key on a curve that is not known goes the same way."""
    key = ed25519.Ed25519PrivateKey.generate()
    odd = (
        x509.CertificateBuilder()
        .subject_name(p256.person.certificate.subject)
        .issuer_name(p256.person.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, None)
    )

    refused(form, "neither RSA nor ECDSA", chain=(odd,))


def test_a_raw_signature_needs_a_certificate_beforehand(form: bytes, p256: Parties) -> None:
    prepared = unknown(form)

    with pytest.raises(SignatureRefusedError, match="prepared without a certificate"):
        party.complete(prepared, p256.person.raw(prepared.digest))


@pytest.mark.parametrize("size", [0, 255, 257])
def test_an_rsa_signature_has_the_length_of_its_key(form: bytes, rsa: Parties, size: int) -> None:
    prepared = prepared_for_person(form, rsa)

    assert party.complete(prepared, bytes(256))
    with pytest.raises(SignatureRefusedError, match=f"has 256 bytes, this one has {size}"):
        party.complete(prepared, bytes(size))


@pytest.mark.parametrize("size", [0, 63, 65, 72])
def test_bytes_that_are_no_ecdsa_signature_are_refused(
    form: bytes, p256: Parties, size: int
) -> None:
    prepared = prepared_for_person(form, p256)

    with pytest.raises(SignatureRefusedError, match="bytes are neither"):
        party.complete(prepared, b"\x01" * size)


@pytest.mark.parametrize(
    "signature",
    [bytes(64), bytes(32) + b"\1" * 32, bytes.fromhex("3006020100020101"),
     bytes.fromhex("30260221010000000000000000000000000000000000000000000000000000000000000000020101")],
    ids=["zeros", "no r", "no r in DER", "too long an r"],
)  # fmt: skip
def test_numbers_outside_the_curve_are_refused(
    form: bytes, p256: Parties, signature: bytes
) -> None:
    with pytest.raises(SignatureRefusedError, match="not of this key's curve"):
        party.complete(prepared_for_person(form, p256), signature)


def test_a_cms_may_be_as_long_as_was_reserved_and_not_longer(form: bytes) -> None:
    prepared = unknown(form)

    assert party.complete_cms(prepared, content_info(party.LONGEST_CMS))
    with pytest.raises(SignatureRefusedError, match=r"has 12289 bytes, 12288 are reserved"):
        party.complete_cms(prepared, content_info(party.LONGEST_CMS + 1))


def content_info(size: int) -> bytes:
    """A ContentInfo of so many bytes, whatever is in it."""
    oid = bytes.fromhex("06092a864886f70d010702")
    inner = size - 4 - len(oid) - 4
    content = b"\xa0\x82" + inner.to_bytes(2, "big") + b"\x04\x82"
    return (
        b"\x30\x82" + (size - 4).to_bytes(2, "big") + oid + content
        + (inner - 4).to_bytes(2, "big") + bytes(inner - 4)
    )  # fmt: skip


@pytest.mark.parametrize(
    "container",
    [b"", b"not a container", b"\x30\x03\x02\x01\x05", b"\x04\x01\x00",
     content_info(300) + b"\0", content_info(300)[:-1],
     b"-----BEGIN CMS-----\nAAAA\n-----END CMS-----\n", b"-----BEGIN CMS-----\n"],
    ids=["nothing", "words", "a number", "a string", "more behind it", "cut short",
         "PEM of something", "half a PEM"],
)  # fmt: skip
def test_what_is_no_cms_is_refused(form: bytes, container: bytes) -> None:
    with pytest.raises(SignatureRefusedError, match="not a CMS container"):
        party.complete_cms(unknown(form), container)


def test_a_certificate_in_pem_is_no_cms(form: bytes, p256: Parties) -> None:
    text = base64.encodebytes(content_info(300)).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n".encode()

    with pytest.raises(SignatureRefusedError, match="not a CMS container"):
        party.complete_cms(unknown(form), pem)


def test_a_cms_with_indefinite_lengths_is_refused(form: bytes, p256: Parties) -> None:
    prepared = unknown(form)
    der = p256.person.cms(prepared.content)
    header = 4  # 30 82 and two bytes
    endless = b"\x30\x80" + der[header:] + b"\0\0"

    with pytest.raises(SignatureRefusedError, match="indefinite lengths"):
        party.complete_cms(prepared, endless)


def test_what_waits_shows_neither_document_nor_attributes(form: bytes, p256: Parties) -> None:
    said = repr(replace(prepared_for_person(form, p256), document=b"%PDF"))

    assert "%PDF" not in said
    assert "container" not in said
