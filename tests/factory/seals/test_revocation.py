"""Lists and answers about revoked certificates: what counts, and what is not used."""

import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import RevocationRefusedError
from factory.seals import revocation
from factory.seals.revocation import UNKNOWN, Fate, Revocations, Revoked, fate, fate_of_chain
from storage import testca, testca_sm2
from storage.testca import Ended, Issued
from tests.factory.trusting import DAY, MINUTE, NOW

HOUR = 60 * MINUTE
Authority = testca.TestCA


@pytest.fixture(scope="module")
def ca() -> Authority:
    return testca.make_ca(NOW)


@pytest.fixture(scope="module")
def seal(ca: Authority) -> Issued:
    return testca.issue_seal(ca, "示例市")


def told(ca: Authority, seal: Issued, *files: bytes) -> Fate:
    return fate(Revocations.of(files), seal.certificate, ca.issuing.certificate)


def listed(
    ca: Authority, seal: Issued, at: datetime = NOW, *, now: datetime, **how: object
) -> bytes:
    ended = Ended(serial=seal.certificate.serial_number, at=at, **how)  # type: ignore[arg-type]
    return testca.revocation_list(ca.issuing, [ended], now=now)


def empty(ca: Authority, now: datetime) -> bytes:
    return testca.revocation_list(ca.issuing, [], now=now)


# --- what they say


def test_a_list_says_since_when_and_why(ca: Authority, seal: Issued) -> None:
    found = told(ca, seal, listed(ca, seal, now=NOW + DAY, reason="superseded"))

    assert found == Fate(revoked=Revoked(at=NOW, reason="superseded"), as_of=None)


def test_who_is_not_on_the_list_is_good_as_of_it(ca: Authority, seal: Issued) -> None:
    assert told(ca, seal, empty(ca, NOW + DAY)) == Fate(revoked=None, as_of=NOW + DAY)


def test_without_any_nothing_is_known(ca: Authority, seal: Issued) -> None:
    assert told(ca, seal) == UNKNOWN
    assert not Revocations()


def test_a_key_that_was_known_to_others_ends_when_it_was(ca: Authority, seal: Issued) -> None:
    """RFC 5280, 5.3.2; a date of invalidity after the revocation changes nothing."""
    early = listed(ca, seal, now=NOW + DAY, reason="keyCompromise", invalid_since=NOW - HOUR)
    late = listed(ca, seal, now=NOW + DAY, reason="keyCompromise", invalid_since=NOW + HOUR)

    assert told(ca, seal, early).revoked == Revoked(at=NOW - HOUR, reason="keyCompromise")
    assert told(ca, seal, late).revoked == Revoked(at=NOW, reason="keyCompromise")


def test_a_later_list_that_leaves_it_out_takes_nothing_back(ca: Authority, seal: Issued) -> None:
    """RFC 5280, 5: a list may leave out what has ended."""
    files = (empty(ca, NOW + 2 * DAY), listed(ca, seal, now=NOW + DAY))

    assert told(ca, seal, *files).revoked == Revoked(at=NOW)


def test_a_hold_ends_with_the_first_list_without_it(ca: Authority, seal: Issued) -> None:
    held = listed(ca, seal, now=NOW + DAY, reason="certificateHold")

    assert told(ca, seal, held, empty(ca, NOW)).revoked is not None
    assert told(ca, seal, held, empty(ca, NOW + 2 * DAY)) == Fate(revoked=None, as_of=NOW + 2 * DAY)


def test_a_hold_that_became_a_revocation_is_one(ca: Authority, seal: Issued) -> None:
    held = listed(ca, seal, NOW, now=NOW + DAY, reason="certificateHold")
    ended = listed(ca, seal, NOW + HOUR, now=NOW + 2 * DAY, reason="keyCompromise")

    found = told(ca, seal, ended, held).revoked

    assert found == Revoked(at=NOW + HOUR, reason="keyCompromise")


def test_the_earliest_of_several_revocations_counts(ca: Authority, seal: Issued) -> None:
    one, other = (listed(ca, seal, at, now=NOW + DAY) for at in (NOW + HOUR, NOW))

    assert told(ca, seal, one, other).revoked == Revoked(at=NOW)


def test_of_a_chain_the_first_revocation_counts_and_the_oldest_knowledge(
    ca: Authority, seal: Issued
) -> None:
    chain = (seal.certificate, ca.issuing.certificate, ca.root.certificate)
    above = testca.revocation_list(ca.root, [], now=NOW + HOUR)
    ended = Ended(serial=ca.issuing.certificate.serial_number, at=NOW + HOUR)
    revoked = testca.revocation_list(ca.root, [ended], now=NOW + DAY)

    both = Revocations.of([empty(ca, NOW + DAY), above])
    one = Revocations.of([empty(ca, NOW + DAY)])
    ill = Revocations.of([empty(ca, NOW + DAY), revoked])

    assert fate_of_chain(both, chain) == Fate(revoked=None, as_of=NOW + HOUR)
    assert fate_of_chain(one, chain) == UNKNOWN
    assert fate_of_chain(ill, chain).revoked == Revoked(at=NOW + HOUR)


# --- whose lists count


def test_a_list_counts_only_if_the_issuer_signed_it(ca: Authority, seal: Issued) -> None:
    """The stranger has the same name, and the serial number on its list."""
    stranger = testca.make_ca(NOW)
    assert stranger.issuing.certificate.subject == ca.issuing.certificate.subject

    assert told(ca, seal, listed(stranger, seal, now=NOW + DAY)) == UNKNOWN


def test_a_list_of_the_root_says_nothing_of_a_seal(ca: Authority, seal: Issued) -> None:
    ended = [Ended(serial=seal.certificate.serial_number, at=NOW)]

    assert told(ca, seal, testca.revocation_list(ca.root, ended, now=NOW)) == UNKNOWN


def test_a_changed_list_says_nothing(ca: Authority, seal: Issued) -> None:
    data = bytearray(empty(ca, NOW))
    data[-1] ^= 1

    assert told(ca, seal, bytes(data)) == UNKNOWN


def test_who_may_not_sign_lists_signs_none(ca: Authority, seal: Issued) -> None:
    """A certificate for sealing, which is no CA's, cannot speak for itself either."""
    data = testca.revocation_list(seal, [Ended(serial=1, at=NOW)], now=NOW)

    assert not revocation.RevocationList(data).is_of(seal.certificate)
    assert revocation.RevocationList(empty(ca, NOW)).is_of(ca.issuing.certificate)


def test_lists_of_sm2_are_judged_alike() -> None:
    ca, other = testca_sm2.make_ca(NOW), testca_sm2.make_ca(NOW)
    ended = [
        Ended(
            serial=ca.maker.certificate.serial_number,
            at=NOW,
            reason="keyCompromise",
            invalid_since=NOW - HOUR,
        )
    ]
    pair = ca.maker.certificate, ca.issuing.certificate

    own = Revocations.of([testca_sm2.revocation_list(ca.issuing, ended, now=NOW + DAY)])
    foreign = Revocations.of([testca_sm2.revocation_list(other.issuing, ended, now=NOW + DAY)])

    assert fate(own, *pair).revoked == Revoked(at=NOW - HOUR, reason="keyCompromise")
    assert fate(foreign, *pair) == UNKNOWN


# --- answers


def test_an_answer_says_the_same_as_a_list(ca: Authority, seal: Issued) -> None:
    ended = Ended(serial=seal.certificate.serial_number, at=NOW, reason="keyCompromise")
    ill = testca.revocation_answer(ca.issuing, seal.certificate, ended, now=NOW + DAY)
    well = testca.revocation_answer(ca.issuing, seal.certificate, None, now=NOW + DAY)

    assert told(ca, seal, ill).revoked == Revoked(at=NOW, reason="keyCompromise")
    assert told(ca, seal, well) == Fate(revoked=None, as_of=NOW + DAY)


def test_an_answer_counts_from_whom_the_issuer_named_for_it(ca: Authority, seal: Issued) -> None:
    use = ExtendedKeyUsageOID
    named = testca.issue_for_one_use(ca, "Answers", use.OCSP_SIGNING)
    unnamed = testca.issue_for_one_use(ca, "Clock", use.TIME_STAMPING)
    stranger = testca.issue_for_one_use(testca.make_ca(NOW), "Answers", use.OCSP_SIGNING)

    def answer(by: Issued) -> Fate:
        data = testca.revocation_answer(ca.issuing, seal.certificate, None, now=NOW, by=by)
        return told(ca, seal, data)

    assert answer(named).as_of == NOW
    assert answer(unnamed) == UNKNOWN
    assert answer(stranger) == UNKNOWN


def test_an_answer_made_when_its_signer_was_no_longer_valid_says_nothing(
    ca: Authority, seal: Issued
) -> None:
    by = testca.issue_for_one_use(ca, "Answers", ExtendedKeyUsageOID.OCSP_SIGNING)
    answer = testca.revocation_answer(ca.issuing, seal.certificate, None, now=NOW, by=by)
    assert revocation.Answer(answer).is_of(ca.issuing.certificate)

    late = testca.make_ca(datetime(2020, 1, 1, tzinfo=NOW.tzinfo))
    ended = testca.issue_for_one_use(late, "Answers", ExtendedKeyUsageOID.OCSP_SIGNING)
    mine = testca.issue_seal(late, "示例市")
    old = testca.revocation_answer(late.issuing, mine.certificate, None, now=NOW, by=ended)
    assert told(late, mine, old) == UNKNOWN


def test_an_answer_about_another_says_nothing(ca: Authority, seal: Issued) -> None:
    other = testca.issue_seal(ca, "示例市").certificate

    assert told(ca, seal, testca.revocation_answer(ca.issuing, other, None, now=NOW)) == UNKNOWN


# --- what is not used


def odd(ca: Authority, extension: x509.ExtensionType, *, critical: bool) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.issuing.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + DAY)
        .add_extension(extension, critical=critical)
    )
    key = ca.issuing.key
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def scope(**said: bool) -> x509.IssuingDistributionPoint:
    given = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(given | said))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("extension", "why"),
    [
        (x509.DeltaCRLIndicator(1), "a delta list"),
        (scope(indirect_crl=True), "an indirect one"),
        (scope(only_contains_attribute_certs=True), "of attribute certificates"),
        (
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
            "not known here",
        ),
    ],
)
def test_lists_of_other_kinds_are_refused_and_it_is_said_why(
    ca: Authority, extension: x509.ExtensionType, why: str
) -> None:
    with pytest.raises(RevocationRefusedError, match=why):
        revocation.read(odd(ca, extension, critical=True))


def test_a_list_of_some_speaks_of_those_alone(ca: Authority, seal: Issued) -> None:
    of_users = odd(ca, scope(only_contains_user_certs=True), critical=True)
    of_cas = odd(ca, scope(only_contains_ca_certs=True), critical=True)

    assert told(ca, seal, of_users).as_of == NOW
    assert told(ca, seal, of_cas) == UNKNOWN


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RevocationRefusedError):
        revocation.read(b"\x30" + data)


def test_a_pem_file_that_begins_a_list_and_does_not_end_it_is_refused() -> None:
    with pytest.raises(RevocationRefusedError, match="does not end"):
        revocation.read(b"x-----BEGIN X509 CRL-----")


def test_a_pem_file_may_hold_several_lists(ca: Authority) -> None:
    data = x509.load_der_x509_crl(empty(ca, NOW)).public_bytes(Encoding.PEM)

    assert len(revocation.read(b"first\n" + data + data)) == 2


# --- beside another program


@pytest.mark.parametrize("revoked", [False, True])
def test_openssl_finds_the_same(revoked: bool, tmp_path: Path) -> None:
    now = datetime.now(NOW.tzinfo)
    ca = testca.make_ca(now)
    leaf = testca.issue_seal(ca, "x")
    ended = [Ended(serial=leaf.certificate.serial_number, at=now - HOUR)] if revoked else []
    pair = [
        testca.revocation_list(ca.issuing, ended, now=now - MINUTE),
        testca.revocation_list(ca.root, [], now=now - MINUTE),
    ]
    for name, each in (("root", ca.root), ("issuing", ca.issuing), ("leaf", leaf)):
        (tmp_path / f"{name}.pem").write_bytes(each.certificate.public_bytes(Encoding.PEM))
    lists = [x509.load_der_x509_crl(each).public_bytes(Encoding.PEM) for each in pair]
    (tmp_path / "lists.pem").write_bytes(b"".join(lists))

    told = openssl(
        tmp_path, "verify -crl_check_all -CRLfile lists.pem -CAfile root.pem"
        " -untrusted issuing.pem leaf.pem",
    )  # fmt: skip

    chain = (leaf.certificate, ca.issuing.certificate, ca.root.certificate)
    ours = fate_of_chain(Revocations.of(pair), chain)
    assert (told.returncode == 0) is (ours.revoked is None) is (not revoked), told.stderr
    assert ("certificate revoked" in told.stderr) is revoked


def test_openssl_reads_a_list_of_sm2_and_finds_its_signature_right(tmp_path: Path) -> None:
    """`openssl verify` takes another signer's id for lists than GB/T 35276 has."""
    ca = testca_sm2.make_ca(NOW)
    ended = Ended(serial=0x4711, at=NOW, reason="keyCompromise", invalid_since=NOW - HOUR)
    data = testca_sm2.revocation_list(ca.issuing, [ended], now=NOW + DAY)
    parsed = x509.load_der_x509_crl(data)
    (tmp_path / "list.der").write_bytes(data)
    (tmp_path / "signed").write_bytes(parsed.tbs_certlist_bytes)
    (tmp_path / "signature").write_bytes(parsed.signature)
    (tmp_path / "ca.pem").write_bytes(ca.issuing.certificate.public_bytes(Encoding.PEM))

    text = openssl(tmp_path, "crl -inform DER -in list.der -noout -text").stdout
    judged = openssl(
        tmp_path, "pkeyutl -verify -certin -inkey ca.pem -rawin -digest sm3 -in signed"
        " -sigfile signature -pkeyopt distid:1234567812345678",
    )  # fmt: skip

    assert "Serial Number: 4711" in text
    assert "Key Compromise" in text
    assert "Invalidity Date" in text
    assert judged.returncode == 0, judged.stderr


def openssl(folder: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["openssl", *arguments.split()]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("signers", "taken"), [(16, True), (17, False)])
def test_an_answer_of_more_signers_than_are_looked_through_is_refused(
    ca: Authority, seal: Issued, signers: int, taken: bool
) -> None:
    """Each may have signed it, and each is asked: two megabytes of them take minutes."""
    answer = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=seal.certificate,
            issuer=ca.issuing.certificate,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=NOW,
            next_update=NOW + DAY,
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, ca.issuing.certificate)
        .certificates([seal.certificate] * signers)
        .sign(ca.issuing.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )

    if taken:
        assert told(ca, seal, answer).as_of == NOW
        return
    with pytest.raises(RevocationRefusedError, match="more than is looked through"):
        revocation.read(answer)
