"""Time stamps: what is asked for, and of all answers only the right one is taken."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp as asn1_tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.sign.timestamps import DummyTimeStamper

from factory.errors import SettingsError, TimestampUnavailableError
from factory.seals import der, tsp
from factory.seals.cms import asn1_certificate
from factory.seals.tsp import Request
from storage import testca
from tests import judges, stamping
from tests.stamping import NOW, POLICY, Authority, asked

VALUE = b"the value of a signature"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return stamping.authority()


def test_a_token_says_when_over_what_and_for_which_request(authority: Authority) -> None:
    request = asked(VALUE, POLICY)

    token = tsp.token_of(authority.answer(request), request)

    assert (token.moment, token.imprint, token.digest) == (NOW, tsp.imprint_of(VALUE), "sha256")
    assert (token.policy, token.nonce) == (POLICY, request.nonce)
    assert token.signing_cert == authority.stamper.signing_cert
    assert token.certificates == ()
    assert tsp.read(token.encoded) == token


def test_openssl_takes_the_same_answer_for_the_same_request(
    authority: Authority, tmp_path: Path
) -> None:
    request = asked(VALUE)

    (tmp_path / "root.pem").write_bytes(authority.root.public_bytes(Encoding.PEM))
    (tmp_path / "request.tsq").write_bytes(request.encoded())
    (tmp_path / "answer.tsr").write_bytes(authority.answer(request))

    verify = ("openssl", "ts", "-verify", "-CAfile", tmp_path / "root.pem")
    files = ("-in", tmp_path / "answer.tsr", "-queryfile", tmp_path / "request.tsq")
    assert "Verification: OK" in judges.run(*verify, *files)
    (tmp_path / "request.tsq").write_bytes(asked(VALUE).encoded())
    assert "nonce mismatch" in judges.run(*verify, *files, check=False)


def test_a_token_of_pyhanko_is_read_likewise() -> None:
    issued, request = rsa_stamper(), asked(VALUE)

    token = tsp.token_of(pyhankos(issued, request), request)

    assert token.signing_cert == issued.certificate
    assert token.imprint == request.imprint


def test_a_token_of_openssl_is_read_likewise(tmp_path: Path) -> None:
    ca = testca.make_ca(NOW)
    issued, request = testca.issue_stamper(ca), asked(VALUE, POLICY)

    token = tsp.token_of(openssls(issued, request, tmp_path), request)

    assert token.signing_cert == issued.certificate
    assert (token.imprint, token.nonce) == (request.imprint, request.nonce)


def test_a_token_for_another_request_is_refused(authority: Authority) -> None:
    request = asked(VALUE)
    answer = authority.answer(request)

    with pytest.raises(TimestampUnavailableError, match="nonce"):
        tsp.token_of(answer, replace(request, nonce=request.nonce + 1))
    with pytest.raises(TimestampUnavailableError, match="something else"):
        tsp.token_of(answer, replace(request, imprint=tsp.imprint_of(b"another value")))
    with pytest.raises(TimestampUnavailableError, match="another policy"):
        tsp.token_of(answer, replace(request, policy="1.2.3"))


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (asked(VALUE, "1.2.3"), "policy"),
        (None, "read"),
    ],
)
def test_a_refusal_that_stays_says_what_to_set(
    authority: Authority, request_: Request | None, says: str
) -> None:
    sent = request_.encoded() if request_ else b"garbage"

    answer = authority.stamper.answer(sent, now=NOW, serial=1)

    with pytest.raises(SettingsError, match=says):
        tsp.token_of(answer, asked(VALUE))


@pytest.mark.parametrize("status", [2, 3, 4, 5])
def test_an_answer_that_grants_nothing_is_asked_for_again(status: int) -> None:
    answer = der.sequence(der.sequence(der.integer(status)))

    with pytest.raises(TimestampUnavailableError, match=f"status {status}"):
        tsp.token_of(answer, asked(VALUE))


def test_an_answer_that_grants_without_a_token_is_refused() -> None:
    with pytest.raises(TimestampUnavailableError, match="without a token"):
        tsp.token_of(der.sequence(der.sequence(der.integer(0))), asked(VALUE))


@pytest.mark.parametrize(("critical", "further"), [(False, False), (True, True)])
def test_a_certificate_that_is_not_for_time_stamps_alone_is_refused(
    critical: bool, further: bool
) -> None:
    request = asked(VALUE)

    with pytest.raises(TimestampUnavailableError, match="for other things"):
        tsp.token_of(stamping.unfit(critical=critical, further=further).answer(request), request)


def test_a_token_whose_certificate_has_an_extension_twice_is_refused(authority: Authority) -> None:
    """RFC 5280, 4.2."""
    identifier, usage = b"\x55\x1d\x0e", b"\x55\x1d\x0f"
    token = authority.token(VALUE)
    assert identifier in token and usage in token

    with pytest.raises(TimestampUnavailableError, match="wrong answer"):
        tsp.read(token.replace(identifier, usage))


def test_a_token_whose_signature_was_made_by_another_key_is_refused(authority: Authority) -> None:
    request = asked(VALUE)
    forged = replace(stamping.authority().stamper, signing_cert=authority.stamper.signing_cert)

    answer = forged.answer(request.encoded(), now=NOW, serial=1)

    with pytest.raises(TimestampUnavailableError, match="does not fit its certificate"):
        tsp.token_of(answer, request)


def test_a_token_with_another_time_is_refused(authority: Authority) -> None:
    token = authority.token(VALUE)
    later = token.replace(b"20261121040000Z", b"20261121050000Z")

    with pytest.raises(TimestampUnavailableError, match="content was changed"):
        tsp.read(later)


def test_a_token_without_its_certificate_is_refused(authority: Authority) -> None:
    request = asked(VALUE).encoded()
    shorter = der.sequence(*(e.whole for e in der.read(request).parts() if e.whole != tsp.TRUE))
    answer = authority.stamper.answer(shorter, now=NOW, serial=1)

    with pytest.raises(TimestampUnavailableError, match="without its signer's certificate"):
        tsp.read(der.read(answer).parts()[1].whole)


@pytest.mark.parametrize("data", [b"", b"garbage", b"0\x80\0\0", b"0" * 40_000])
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(TimestampUnavailableError, match="wrong answer"):
        tsp.token_of(data, asked(VALUE))
    with pytest.raises(TimestampUnavailableError, match="wrong answer"):
        tsp.read(data)
    with pytest.raises(TimestampUnavailableError, match="wrong answer"):
        tsp.is_over(data, tsp.imprint_of(VALUE))


TOKEN = stamping.authority().token(VALUE)


@given(place=st.integers(0, len(TOKEN) - 1), flip=st.integers(1, 255))
def test_a_token_with_any_byte_changed_is_refused_or_says_the_same(place: int, flip: int) -> None:
    """Of what is not signed, only the certificate's copy and versions may be told another way."""
    changed = bytes(b ^ flip if n == place else b for n, b in enumerate(TOKEN))

    try:
        token = tsp.read(changed)
    except TimestampUnavailableError:
        return
    whole = tsp.read(TOKEN)
    said = (token.moment, token.imprint, token.serial, token.nonce, token.signing_cert)
    assert said == (whole.moment, whole.imprint, whole.serial, whole.nonce, whole.signing_cert)


def test_whether_a_token_is_over_a_value_is_seen_without_proving_it(authority: Authority) -> None:
    token = authority.token(VALUE)

    assert tsp.is_over(token, tsp.imprint_of(VALUE))
    assert not tsp.is_over(token, tsp.imprint_of(b"another value"))


def test_a_token_is_small(authority: Authority) -> None:
    size = len(authority.token(VALUE))

    assert size < 1300


def rsa_stamper() -> testca.Issued:
    """The same certificate for an RSA key."""
    ca = testca.make_ca(NOW)
    made, key = testca.issue_stamper(ca), testca.new_key("rsa2048")
    old = made.certificate
    builder = x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer)
    builder = builder.public_key(key.public_key()).serial_number(old.serial_number)
    builder = builder.not_valid_before(old.not_valid_before_utc)
    builder = builder.not_valid_after(old.not_valid_after_utc + timedelta(days=1))
    for each in old.extensions:
        if each.oid.dotted_string not in ("2.5.29.14", "2.5.29.35"):
            builder = builder.add_extension(each.value, each.critical)
    return testca.Issued(key=key, certificate=builder.sign(ca.root.key, hashes.SHA256()))


def pyhankos(issued: testca.Issued, request: Request) -> bytes:
    """The answer of pyHanko's own authority."""
    pkcs8 = issued.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    stamper: Any = DummyTimeStamper(
        tsa_cert=asn1_certificate(issued.certificate),
        tsa_key=asn1_keys.PrivateKeyInfo.load(pkcs8),
        fixed_dt=NOW,
    )
    answer: Any = stamper.request_tsa_response(asn1_tsp.TimeStampReq.load(request.encoded()))
    assert isinstance(answer["time_stamp_token"], cms.ContentInfo)
    return bytes(answer.dump())


def openssls(issued: testca.Issued, request: Request, folder: Path) -> bytes:
    """The answer of an authority that OpenSSL is."""
    pkcs8 = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    settings = "[t]\ndigests=sha256\nsigner_digest=sha256\nserial=serial\ndefault_policy=1.2.3\n"
    files = {
        "key.pem": pkcs8,
        "signer.pem": issued.certificate.public_bytes(Encoding.PEM),
        "openssl.cnf": f"{settings}other_policies={POLICY}\n".replace(
            "serial=serial", f"serial={folder / 'serial'}"
        ).encode(),
        "serial": b"01",
        "request.tsq": request.encoded(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    judges.run(
        *("openssl", "ts", "-reply", "-config", folder / "openssl.cnf", "-section", "t"),
        *("-queryfile", folder / "request.tsq", "-inkey", folder / "key.pem"),
        *("-signer", folder / "signer.pem", "-out", folder / "answer.tsr"),
    )
    return (folder / "answer.tsr").read_bytes()
