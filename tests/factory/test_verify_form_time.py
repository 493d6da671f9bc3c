"""Trust in time, of forms: each party's signature is judged at the time that is proved for it."""

from datetime import datetime

import pytest
from asn1crypto import cms

from factory.page.fonts import FontBook
from factory.page.marks import APPLICANT_SIGN
from factory.seals import party
from factory.seals.revocation import Revocations
from factory.verify import Verdict, VerdictWord, verify
from factory.verify_verdict import TRUST
from storage import testca
from storage.testca import Ended, Issued
from tests.factory.signed_forms import (
    NOW,
    Outsider,
    Parties,
    handwriting,
    new_form,
    prepared_for_enterprise,
)
from tests.factory.trusting import DAY, MINUTE, Trust, new_trust, with_tokens

SIGNED, UNTRUSTED = VerdictWord.SIGNED, VerdictWord.UNTRUSTED


class Signers:
    """A person and an enterprise, whose CAs revoke."""

    def __init__(self) -> None:
        since = NOW - 30 * DAY  #: they end before the authority of time does
        self.persons, self.enterprises = testca.make_ca(since), testca.make_ca(since)
        person = testca.issue_person(self.persons, "李示例", "110101199003070017")
        firm = testca.issue_enterprise(self.enterprises, "示例公司", "91110000600037341L")
        self.parties = Parties(
            person=outsider(self.persons, person), enterprise=outsider(self.enterprises, firm)
        )

    def revoked(self, at: datetime) -> bytes:
        """The person's certificate."""
        ended = [Ended(serial=self.parties.person.certificate.serial_number, at=at)]
        return testca.revocation_list(self.persons.issuing, ended, now=NOW + 2 * DAY)


def outsider(ca: testca.TestCA, issued: Issued) -> Outsider:
    return Outsider(
        key=issued.key,
        certificate=issued.certificate,
        issuer=ca.issuing.certificate,
        root=ca.root.certificate,
    )


@pytest.fixture(scope="module")
def signers() -> Signers:
    return Signers()


@pytest.fixture(scope="module")
def trust() -> Trust:
    return new_trust()


@pytest.fixture(scope="module")
def empty(fontbook: FontBook) -> bytes:
    return new_form(fontbook)


def signed(form: bytes, signers: Signers, trust: Trust, *, stamped: bool) -> bytes:
    """By both; the person's container comes with a time stamp or without."""
    parties = signers.parties
    first = party.prepare(
        form, APPLICANT_SIGN, certifies=True, locks=False, look=handwriting(), now=NOW
    )  # fmt: skip
    container = parties.person.cms(first.content)
    if stamped:
        info = cms.ContentInfo.load(container)["content"]["signer_infos"][0]
        token = trust.token(info["signature"].native, NOW + MINUTE)
        container = with_tokens(container, [token])
    once = party.complete_cms(first, container)
    second = prepared_for_enterprise(once, parties)
    return party.complete(second, parties.enterprise.raw(second.digest))


@pytest.fixture(scope="module")
def plain(empty: bytes, signers: Signers, trust: Trust) -> bytes:
    return signed(empty, signers, trust, stamped=False)


@pytest.fixture(scope="module")
def stamped(empty: bytes, signers: Signers, trust: Trust) -> bytes:
    return signed(empty, signers, trust, stamped=True)


def judged(
    data: bytes,
    signers: Signers,
    trust: Trust,
    now: datetime,
    *lists: bytes,
    proved_at: datetime | None = None,
) -> Verdict:
    return verify(
        data,
        (),
        signers.parties.roots,
        now=now,
        time_roots=trust.time_roots,
        revocations=Revocations.of(lists),
        proved_at=proved_at,
    )


def test_a_form_is_signed_until_a_partys_certificate_is_revoked(
    plain: bytes, signers: Signers, trust: Trust
) -> None:
    lists = signers.revoked(NOW + DAY)

    before = judged(plain, signers, trust, NOW + MINUTE, lists)
    after = judged(plain, signers, trust, NOW + DAY, lists)

    assert before.verdict is SIGNED, before.reasons
    assert after.verdict is UNTRUSTED
    assert after.reasons == (
        "ApplicantSign: its certificate or one above it was revoked on 2026-11-22 10:00:00+08:00,"
        " and nothing proves that it was made before",
    )


def test_asked_about_a_time_before_it_nothing_else_is_said(
    plain: bytes, signers: Signers, trust: Trust
) -> None:
    verdict = judged(plain, signers, trust, NOW - 3650 * DAY)

    assert verdict.verdict is UNTRUSTED
    assert {reason.split(": ")[1] for reason in verdict.reasons} == {
        "says that it was made later than now"
    }
    [trusted] = [each for each in verdict.checks if each.name == TRUST]
    assert trusted.detail.startswith("was not asked")


def test_what_was_stamped_or_recorded_before_stays_signed(
    plain: bytes, stamped: bytes, signers: Signers, trust: Trust
) -> None:
    now, lists = NOW + 2 * DAY, signers.revoked(NOW + DAY)

    assert judged(stamped, signers, trust, now, lists).verdict is SIGNED
    assert judged(plain, signers, trust, now, lists, proved_at=NOW + MINUTE * 9).verdict is SIGNED


def test_each_signature_needs_a_proof_of_its_own(
    stamped: bytes, signers: Signers, trust: Trust
) -> None:
    """After the end of both certificates the one without a stamp is no longer trusted."""
    end = signers.parties.person.certificate.not_valid_after_utc

    verdict = judged(stamped, signers, trust, end + DAY)

    assert verdict.verdict is UNTRUSTED
    assert [reason.split(":")[0] for reason in verdict.reasons] == ["EnterpriseSeal"]
