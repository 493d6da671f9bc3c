"""Trust in time: what a time stamp proves, what it does not, and what a revocation ends."""

import asyncio
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import crl as asn1_crl
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation.ades import ades_with_time_validation
from pyhanko.sign.validation.pdf_embedded import async_validate_pdf_signature
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from factory import verify
from factory.seals.cms import asn1_certificate
from factory.seals.revocation import Revocations
from factory.verify import Verdict, VerdictWord
from factory.verify_store import MOST_BYTES, MOST_TOGETHER
from factory.verify_time import TOLERANCE, Asked, timing
from factory.verify_verdict import REVOCATION, TRUST
from storage import testca
from storage.testca import Ended
from tests.factory.trusting import (
    DAY,
    LATER,
    MINUTE,
    NOW,
    Trust,
    new_trust,
    new_tsa,
    page,
    sealed,
    stamp,
    with_store,
)

VALID, UNTRUSTED, ALTERED = VerdictWord.VALID, VerdictWord.UNTRUSTED, VerdictWord.ALTERED
YEAR = 365 * DAY


@pytest.fixture(scope="module")
def trust() -> Trust:
    return new_trust()


@pytest.fixture(scope="module")
def plain(trust: Trust) -> bytes:
    """Sealed without a time stamp."""
    return sealed(trust)


@pytest.fixture(scope="module")
def stamped(trust: Trust) -> bytes:
    """Sealed, and seen by an authority of time a minute later."""
    return sealed(trust, stamped=NOW + MINUTE)


def judged(
    data: bytes,
    trust: Trust,
    now: datetime | None = None,
    *lists: bytes,
    proved_at: datetime | None = None,
) -> Verdict:
    return verify.verify(
        data,
        trust.roots,
        now=now,
        time_roots=trust.time_roots,
        revocations=Revocations.of(lists),
        proved_at=proved_at,
    )


def detail(verdict: Verdict, name: str) -> str:
    return next(check.detail for check in verdict.checks if check.name == name)


# --- after the end of the signing certificate


def test_a_stamped_file_is_valid_after_its_certificate_has_ended(
    stamped: bytes, trust: Trust
) -> None:
    verdict = judged(stamped, trust, LATER)

    assert (verdict.verdict, verdict.reasons) == (VALID, ())
    assert verdict.proved_at == NOW + MINUTE
    assert "2026-11-21 12:01:00+08:00 (Clock" in detail(verdict, "time stamp")


def test_without_the_stamp_it_is_not_and_the_reason_says_so(plain: bytes, trust: Trust) -> None:
    verdict = judged(plain, trust, LATER)

    assert verdict.verdict is UNTRUSTED
    assert any("no time stamp proves that it was made before" in each for each in verdict.reasons)
    assert verdict.distrusted_since == trust.seal.certificate.not_valid_after_utc


def test_until_then_it_is_valid_without_a_stamp(plain: bytes, trust: Trust) -> None:
    last = trust.seal.certificate.not_valid_after_utc

    assert judged(plain, trust, last).verdict is VALID
    assert judged(plain, trust, last + timedelta(seconds=1)).verdict is UNTRUSTED


def test_a_record_of_the_file_proves_as_much_as_a_stamp(plain: bytes, trust: Trust) -> None:
    last = trust.seal.certificate.not_valid_after_utc

    assert judged(plain, trust, LATER, proved_at=NOW + DAY).verdict is VALID
    assert judged(plain, trust, LATER, proved_at=last + DAY).verdict is UNTRUSTED


def test_a_stamp_made_after_the_end_comes_too_late(trust: Trust) -> None:
    last = trust.seal.certificate.not_valid_after_utc
    clock = replace(trust, tsa=new_tsa(replace(trust.clock, now=last)))

    assert judged(sealed(clock, stamped=last + DAY), trust, LATER + YEAR).verdict is UNTRUSTED
    assert judged(sealed(clock, stamped=last - DAY), trust, LATER + YEAR).verdict is VALID


def test_a_strangers_file_is_not_said_to_have_ended(plain: bytes) -> None:
    verdict = judged(plain, new_trust(), LATER)

    assert verdict.verdict is UNTRUSTED
    assert verdict.distrusted_since is None
    assert "does not lead to a trusted root" in detail(verdict, TRUST)


# --- tokens that prove nothing


def a_foreign_one(trust: Trust, value: bytes) -> bytes:
    return new_trust().token(value, NOW)


def over_something_else(trust: Trust, value: bytes) -> bytes:
    return trust.token(value + b".", NOW)


def for_more_than_time(trust: Trust, value: bytes) -> bytes:
    issued = testca.issue_seal(trust.clock, "Clock", algorithm="rsa2048")
    return stamp(issued, (trust.clock.issuing.certificate,), value, NOW)


def for_something_else(trust: Trust, value: bytes) -> bytes:
    use = ExtendedKeyUsageOID.OCSP_SIGNING
    issued = testca.issue_for_one_use(trust.clock, "Clock", use, algorithm="rsa2048")
    return stamp(issued, (trust.clock.issuing.certificate,), value, NOW)


def of_a_time_without_authority(trust: Trust, value: bytes) -> bytes:
    return trust.token(value, NOW - YEAR)


def of_the_future(trust: Trust, value: bytes) -> bytes:
    return trust.token(value, NOW + 4 * YEAR)


def with_a_weak_digest(trust: Trust, value: bytes) -> bytes:
    return trust.token(value, NOW, "sha1")


def changed(trust: Trust, value: bytes) -> bytes:
    token = trust.token(value, NOW)
    at = token.index(b"20261121040000Z")
    return token[:at] + b"20251121040000Z" + token[at + 15 :]


USELESS: dict[str, tuple[Callable[[Trust, bytes], bytes], str]] = {
    "foreign": (a_foreign_one, "an unknown issuer"),
    "of another signature": (over_something_else, "over something else"),
    "for more than time": (for_more_than_time, "no authority"),
    "for something else": (for_something_else, "not for that alone"),
    "before its authority": (of_a_time_without_authority, "not valid yet"),
    "weak": (with_a_weak_digest, "no longer safe|not taken"),
    "changed": (changed, "for another document"),
    "no container": (lambda _, __: b"\x30\x03\x02\x01\x00", "cannot be read|is no|holds no"),
    "future": (of_the_future, "has not come"),
}


@pytest.mark.parametrize("name", USELESS)
def test_a_token_that_proves_nothing_takes_nothing_away(name: str, trust: Trust) -> None:
    """Anybody can put one beside a signature; ETSI EN 319 102-1, 5.5.4 has it removed."""
    make, why = USELESS[name]
    data = sealed(trust, beside=lambda value: [make(trust, value)])

    soon, late = judged(data, trust, NOW + DAY), judged(data, trust, LATER)

    assert (soon.verdict, soon.proved_at) == (VALID, None)
    assert re.search(why, detail(soon, "time stamp")), detail(soon, "time stamp")
    assert late.verdict is UNTRUSTED


def test_of_several_tokens_the_earliest_that_holds_counts(trust: Trust) -> None:
    def several(value: bytes) -> list[bytes]:
        foreign, late, early = new_trust(), NOW + 2 * DAY, NOW + DAY
        return [foreign.token(value, NOW), trust.token(value, late), trust.token(value, early)]

    assert judged(sealed(trust, beside=several), trust, LATER).proved_at == NOW + DAY


def test_unsigned_bytes_that_cannot_be_read_make_no_file_unreadable(trust: Trust) -> None:
    data = sealed(trust, beside=lambda _: [b"\x30\x80garbage"])

    assert judged(data, trust, NOW).verdict is VALID


def test_without_roots_of_time_a_stamp_proves_nothing(stamped: bytes, trust: Trust) -> None:
    verdict = verify.verify(stamped, trust.roots, now=LATER)

    assert verdict.verdict is UNTRUSTED
    assert verdict.proved_at is None


# --- the time that the signer claims


def test_a_signer_cannot_claim_a_time_later_than_the_stamp(trust: Trust) -> None:
    for late, word in ((TOLERANCE, VALID), (TOLERANCE + MINUTE, UNTRUSTED)):
        data = sealed(trust, claimed=NOW + late, stamped=NOW)
        assert judged(data, trust, LATER).verdict is word


def test_a_signer_cannot_claim_a_time_to_come(trust: Trust) -> None:
    for late, word in ((TOLERANCE, VALID), (TOLERANCE + MINUTE, UNTRUSTED)):
        assert judged(sealed(trust, claimed=NOW + late), trust, NOW).verdict is word


@pytest.mark.parametrize("early", [TOLERANCE + MINUTE, 10 * YEAR])
def test_asked_about_a_time_before_it_nothing_else_is_said(early: timedelta, trust: Trust) -> None:
    """Ten years before, its certificate was not valid either: that says nothing about its root."""
    verdict = judged(sealed(trust, claimed=NOW), trust, NOW - early, trust.revoked(NOW - YEAR))

    assert verdict.verdict is UNTRUSTED
    assert verdict.reasons == ("says that it was made later than now",)
    assert detail(verdict, "signature") == "fits the signing certificate"
    for name in (TRUST, REVOCATION):
        assert detail(verdict, name) == "was not asked: it says that it was made later than now"


def test_of_what_leads_to_no_root_the_revocation_is_not_asked_and_why(plain: bytes) -> None:
    verdict = verify.verify(plain, (), now=NOW)

    assert detail(verdict, REVOCATION) == "was not asked: its certificate is not trusted"
    assert len(verdict.reasons) == 1


def test_a_stamp_may_come_long_after_the_signature(trust: Trust) -> None:
    """An authority of time that was down is asked later."""
    assert judged(sealed(trust, stamped=NOW + 30 * DAY), trust, LATER).verdict is VALID


# --- revocation


def test_what_was_stamped_before_the_revocation_stays_valid(stamped: bytes, trust: Trust) -> None:
    verdict = judged(stamped, trust, LATER, trust.revoked(NOW + DAY))

    assert verdict.verdict is VALID
    assert "before its certificate was revoked on 2026-11-22" in detail(verdict, REVOCATION)


def test_what_nothing_proves_to_be_older_is_untrusted(plain: bytes, trust: Trust) -> None:
    for now in (None, NOW + 2 * DAY):
        verdict = judged(plain, trust, now, trust.revoked(NOW + DAY, reason="keyCompromise"))

        assert verdict.verdict is UNTRUSTED
        assert verdict.distrusted_since == NOW + DAY
        assert "revoked on 2026-11-22 12:00:00+08:00 (keyCompromise)" in verdict.reasons[0]


def test_a_record_from_before_the_revocation_keeps_a_file_valid(plain: bytes, trust: Trust) -> None:
    revoked = trust.revoked(NOW + DAY)

    assert judged(plain, trust, LATER, revoked, proved_at=NOW + MINUTE).verdict is VALID
    assert judged(plain, trust, LATER, revoked, proved_at=NOW + DAY).verdict is UNTRUSTED


def test_who_asks_as_of_a_day_before_the_revocation_hears_what_was_true(
    plain: bytes, trust: Trust
) -> None:
    assert judged(plain, trust, NOW + MINUTE, trust.revoked(NOW + DAY)).verdict is VALID


def test_an_issuer_that_was_revoked_ends_its_seals_too(
    plain: bytes, stamped: bytes, trust: Trust
) -> None:
    ended = Ended(serial=trust.ca.issuing.certificate.serial_number, at=NOW + DAY)
    revoked = testca.revocation_list(trust.ca.root, [ended], now=NOW + 2 * DAY)

    assert judged(plain, trust, NOW + 3 * DAY, revoked).verdict is UNTRUSTED
    assert judged(stamped, trust, NOW + 3 * DAY, revoked).verdict is VALID


def test_a_list_that_names_others_speaks_for_the_file(plain: bytes, trust: Trust) -> None:
    other = testca.revocation_list(trust.ca.issuing, [Ended(serial=4711, at=NOW)], now=NOW + DAY)
    above = testca.revocation_list(trust.ca.root, [], now=NOW + DAY)

    assert judged(plain, trust, NOW + DAY, other, above).verdict is VALID
    said = detail(judged(plain, trust, NOW + DAY, other, above), REVOCATION)
    assert "not revoked, as of 2026-11-22" in said


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("superseded", VALID),
        ("cessationOfOperation", VALID),
        ("keyCompromise", UNTRUSTED),
        (None, UNTRUSTED),
    ],
)
def test_what_a_revoked_authority_of_time_said_counts_if_its_key_was_safe(
    reason: str | None, word: VerdictWord, stamped: bytes, trust: Trust
) -> None:
    """RFC 3161, 4.1."""
    number = trust.tsa.certificate.serial_number
    ended = [Ended(serial=number, at=NOW + DAY, reason=reason)]
    revoked = testca.revocation_list(trust.clock.issuing, ended, now=NOW + DAY)

    assert judged(stamped, trust, LATER, revoked).verdict is word


def test_what_it_said_after_its_revocation_counts_for_nothing(trust: Trust) -> None:
    number = trust.tsa.certificate.serial_number
    ended = [Ended(serial=number, at=NOW, reason="superseded")]
    revoked = testca.revocation_list(trust.clock.issuing, ended, now=NOW + DAY)

    verdict = judged(sealed(trust, stamped=NOW + MINUTE), trust, LATER, revoked)

    assert verdict.verdict is UNTRUSTED


seconds = st.integers(-3 * 86400, 3 * 86400).map(lambda it: timedelta(seconds=it))


@settings(max_examples=60, deadline=None)
@given(revoked=seconds, invalid=st.none() | seconds, seen=st.integers(0, 3 * 86400))
def test_only_the_proved_time_and_the_revocation_decide(
    trust: Trust, revoked: timedelta, invalid: timedelta | None, seen: int
) -> None:
    """Whatever the signer claims, and whenever it is asked."""
    proved, at = NOW + timedelta(seconds=seen), NOW + revoked
    since = None if invalid is None else NOW + invalid
    ends = at if since is None else min(at, since)
    data = sealed(trust, claimed=NOW, stamped=proved)

    lists = trust.revoked(at, issued=NOW + 4 * DAY, reason="keyCompromise", invalid_since=since)
    verdict = judged(data, trust, LATER, lists)

    assert verdict.verdict is (VALID if proved < ends else UNTRUSTED)
    assert verdict.distrusted_since == (None if proved < ends else ends)


# --- what the file holds itself


def test_a_store_that_was_sealed_with_the_file_is_no_alteration(trust: Trust) -> None:
    good = testca.revocation_list(trust.ca.issuing, [], now=NOW)
    above = testca.revocation_list(trust.ca.root, [], now=NOW)
    answer = testca.revocation_answer(trust.ca.issuing, trust.seal.certificate, None, now=NOW)
    document = with_store(page(), good, above, answers=[answer])

    verdict = judged(sealed(trust, stamped=NOW + MINUTE, document=document), trust, LATER)

    assert (verdict.verdict, verdict.reasons) == (VALID, ())
    assert "not revoked, as of 2026-11-21 12:00:00+08:00" in detail(verdict, REVOCATION)


def test_what_a_store_says_of_a_revocation_counts(trust: Trust) -> None:
    document = with_store(page(), trust.revoked(NOW - DAY))

    assert judged(sealed(trust, document=document), trust, NOW + MINUTE).verdict is UNTRUSTED


@pytest.mark.parametrize(("beyond", "expected"), [(0, UNTRUSTED), (1, VALID)])
def test_of_a_store_sixteen_mebibytes_count_and_nothing_behind_them(
    trust: Trust, beyond: int, expected: VerdictWord
) -> None:
    revoked = trust.revoked(NOW - DAY)
    before = MOST_TOGETHER - len(revoked) + beyond
    pieces = [bytes(size) for size in (MOST_BYTES,) * (before // MOST_BYTES)]
    document = with_store(page(), *pieces, bytes(before % MOST_BYTES), revoked)

    assert judged(sealed(trust, document=document), trust, NOW + MINUTE).verdict is expected


@pytest.mark.parametrize(("before", "expected"), [(31, UNTRUSTED), (32, VALID)])
def test_of_a_store_thirty_two_lists_count_and_nothing_behind_them(
    trust: Trust, before: int, expected: VerdictWord
) -> None:
    document = with_store(page(), *[b"no list"] * before, trust.revoked(NOW - DAY))

    assert judged(sealed(trust, document=document), trust, NOW + MINUTE).verdict is expected


@pytest.mark.parametrize("broken", [b"", b"no list", b"\x30\x00"])
def test_what_cannot_be_read_in_a_store_is_passed_over(trust: Trust, broken: bytes) -> None:
    document = with_store(page(), broken, answers=[broken])

    assert judged(sealed(trust, document=document), trust, NOW + MINUTE).verdict is VALID


def test_a_strangers_list_in_a_store_says_nothing(trust: Trust) -> None:
    ended = [Ended(serial=trust.seal.certificate.serial_number, at=NOW - DAY)]
    forged = testca.revocation_list(testca.make_ca(NOW).issuing, ended, now=NOW)
    document = with_store(page(), forged)

    assert judged(sealed(trust, document=document), trust, NOW + MINUTE).verdict is VALID


# --- beside another program


def pyhanko_trusts(data: bytes, trust: Trust, now: datetime, *lists: bytes) -> bool:
    """pyHanko's verdict where revocation must be known of each certificate."""
    roots = [asn1_certificate(each) for each in (*trust.roots, *trust.time_roots)]
    signature = PdfFileReader(BytesIO(data)).embedded_regular_signatures[0]
    context = ValidationContext(
        trust_roots=roots,
        allow_fetching=False,
        crls=[asn1_crl.CertificateList.load(each) for each in lists],
        revocation_mode="require",
        moment=now,
    )
    status = asyncio.run(async_validate_pdf_signature(signature, context, skip_diff=True))
    return bool(status.bottom_line)


def lists_of(trust: Trust, revoked: datetime | None) -> tuple[bytes, ...]:
    """Of all CAs, as they are a minute after the file was made."""
    number = trust.seal.certificate.serial_number
    ended = [] if revoked is None else [Ended(serial=number, at=revoked)]
    issuers = (trust.ca.root, trust.clock.root, trust.clock.issuing)
    others = (testca.revocation_list(each, [], now=NOW) for each in issuers)
    return (testca.revocation_list(trust.ca.issuing, ended, now=NOW), *others)


@pytest.mark.parametrize("revoked", [None, NOW - DAY])
@pytest.mark.parametrize("made", ["plain", "stamped"])
def test_pyhanko_finds_the_same_of_what_is_judged_now(
    made: str, revoked: datetime | None, request: pytest.FixtureRequest, trust: Trust
) -> None:
    data, lists = request.getfixturevalue(made), lists_of(trust, revoked)

    ours = judged(data, trust, NOW + 2 * MINUTE, *lists).verdict is VALID

    assert pyhanko_trusts(data, trust, NOW + 2 * MINUTE, *lists) is ours is (revoked is None)


@pytest.mark.parametrize("revoked", [NOW - DAY, NOW + DAY])
def test_pyhanko_finds_the_same_of_what_was_stamped_long_ago(
    revoked: datetime, stamped: bytes, trust: Trust
) -> None:
    """By its validation of signatures with long-term material (ETSI EN 319 102-1, 5.5)."""
    number = trust.seal.certificate.serial_number
    ended = [Ended(serial=number, at=revoked)]
    lists = (
        testca.revocation_list(trust.ca.issuing, ended, now=NOW + 2 * DAY),
        testca.revocation_list(trust.ca.root, [], now=NOW + 2 * DAY),
        testca.revocation_list(trust.clock.issuing, [], now=NOW + 2 * DAY),
        testca.revocation_list(trust.clock.root, [], now=NOW + 2 * DAY),
    )

    ours = judged(stamped, trust, NOW + 3 * DAY, *lists).verdict is VALID

    assert pyhanko_passes_with_time(stamped, trust, NOW + 3 * DAY, *lists) is ours
    assert ours is (revoked > NOW + MINUTE)


def pyhanko_passes_with_time(data: bytes, trust: Trust, now: datetime, *lists: bytes) -> bool:
    """Its process for signatures with time."""
    roots = [asn1_certificate(each) for each in (*trust.roots, *trust.time_roots)]
    known = [CRLContainer(asn1_crl.CertificateList.load(each)) for each in lists]
    spec = SignatureValidationSpec(
        cert_validation_policy=CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build(roots),
            revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy.from_legacy("require")),
        ),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
        local_knowledge=LocalKnowledge(known_crls=known),
    )
    signature = PdfFileReader(BytesIO(data)).embedded_regular_signatures[0]
    result = asyncio.run(
        ades_with_time_validation(
            signature.signed_data,
            spec,
            timing_info=ValidationTimingInfo(now, now, point_in_time_validation=False),
            raw_digest=signature.compute_digest(),
        )
    )
    return result.ades_subindic is AdESPassed.OK


@pytest.mark.parametrize("over", [b"a signature", b"another one"])
def test_openssl_finds_the_same_of_a_token(over: bytes, trust: Trust, tmp_path: Path) -> None:
    value = b"a signature"
    (tmp_path / "token").write_bytes(trust.token(over, NOW))
    (tmp_path / "value").write_bytes(value)
    pair = {"root": trust.clock.root, "issuing": trust.clock.issuing}
    for name, each in pair.items():
        (tmp_path / f"{name}.pem").write_bytes(each.certificate.public_bytes(Encoding.PEM))

    told = subprocess.run(
        ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "value",
         "-CAfile", "root.pem", "-untrusted", "issuing.pem", "-attime", str(int(NOW.timestamp()))],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    found = timing(NOW, value, [trust.token(over, NOW)], Asked(time_roots=trust.time_roots))
    assert (told.returncode == 0) is (found.stamp is not None) is (over == value), told.stderr
