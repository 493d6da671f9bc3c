"""Trust in time, of OFD: a token over the seal's signature, and lists that are signed with SM2."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from factory import verify
from factory.seals import der, ses
from factory.seals.revocation import Revocations
from factory.verify import Verdict, VerdictWord
from factory.verify_verdict import MAKER_TRUST, REVOCATION, TRUST
from storage import testca_sm2
from storage.testca import Ended
from storage.testca_sm2 import IssuedSm2
from tests.factory.ofd_forging import (
    NOW,
    SECOND,
    Members,
    World,
    document,
    new_world,
    old_value,
    package,
    sealed,
)
from tests.factory.ofd_tampering import VALUE, old_members
from tests.factory.trusting import DAY, LATER, MINUTE, Trust, new_trust

VALID, UNTRUSTED = VerdictWord.VALID, VerdictWord.UNTRUSTED


@pytest.fixture(scope="module")
def world() -> World:
    return new_world()


@pytest.fixture(scope="module")
def trust() -> Trust:
    return new_trust()


@pytest.fixture(scope="module")
def plain(world: World) -> Members:
    return sealed(world, document())


def stamped(members: Members, trust: Trust, at: datetime = NOW + MINUTE) -> Members:
    """Seen by an authority of time."""
    return with_token(members, lambda value: trust.token(value, at))


def with_token(members: Members, make: Callable[[bytes], bytes]) -> Members:
    """A token beside the signature: SES_Signature's timeStamp [0] (GB/T 38540-2020)."""
    signature = ses.read_signature(members[VALUE]).signature
    token = der.element(der.EXPLICIT_0, der.bits(make(signature)))
    return members | {VALUE: der.sequence(der.read(members[VALUE]).content, token)}


def judged(
    members: Members,
    world: World,
    trust: Trust,
    now: datetime | None = None,
    *lists: bytes,
    proved_at: datetime | None = None,
) -> Verdict:
    return verify.verify(
        package(members),
        world.roots,
        now=now,
        time_roots=trust.time_roots,
        revocations=Revocations.of(lists),
        proved_at=proved_at,
    )


def revoked(world: World, issued: IssuedSm2 | None = None, at: datetime = NOW + DAY) -> bytes:
    certificate = world.seal.signing_cert if issued is None else issued.certificate
    ended = [Ended(serial=certificate.serial_number, at=at, reason="keyCompromise")]
    return testca_sm2.revocation_list(world.ca.issuing, ended, now=NOW + 2 * DAY)


def detail(verdict: Verdict, name: str) -> str:
    return next(check.detail for check in verdict.checks if check.name == name)


def test_a_stamped_file_is_valid_after_its_certificates_have_ended(
    plain: Members, world: World, trust: Trust
) -> None:
    verdict = judged(stamped(plain, trust), world, trust, LATER)

    assert (verdict.verdict, verdict.reasons) == (VALID, ())
    assert verdict.proved_at == NOW + MINUTE


def test_without_the_stamp_it_is_not_and_the_reason_says_so(
    plain: Members, world: World, trust: Trust
) -> None:
    verdict = judged(plain, world, trust, LATER)

    assert verdict.verdict is UNTRUSTED
    assert any("no time stamp proves that it was made before" in each for each in verdict.reasons)
    assert verdict.distrusted_since == world.seal.signing_cert.not_valid_after_utc


def test_until_then_it_is_valid_and_longer_where_there_is_a_record(
    plain: Members, world: World, trust: Trust
) -> None:
    assert judged(plain, world, trust, NOW + DAY).verdict is VALID
    assert judged(plain, world, trust, LATER, proved_at=NOW + DAY).verdict is VALID
    assert judged(plain, world, trust, LATER, proved_at=LATER).verdict is UNTRUSTED


@pytest.mark.parametrize(
    "make",
    [
        lambda trust, value: b"anything",
        lambda trust, value: b"",
        lambda trust, value: new_trust().token(value, NOW),
        lambda trust, value: trust.token(value[1:], NOW),
    ],
)
def test_a_token_that_proves_nothing_takes_nothing_away(
    make: Callable[[Trust, bytes], bytes], plain: Members, world: World, trust: Trust
) -> None:
    """Nobody's signature covers it: anybody can append one."""
    members = with_token(plain, lambda value: make(trust, value))

    soon = judged(members, world, trust, NOW + DAY)

    assert soon.verdict is VALID
    assert soon.proved_at is None
    assert "proves nothing" in detail(soon, "time stamp")
    assert judged(members, world, trust, LATER).verdict is UNTRUSTED


def test_a_signer_cannot_claim_a_time_later_than_the_stamp(
    plain: Members, world: World, trust: Trust
) -> None:
    early = judged(stamped(plain, trust, NOW - 20 * MINUTE), world, trust, LATER)

    assert early.verdict is UNTRUSTED
    assert "later than is proved" in early.reasons[0]
    assert judged(stamped(plain, trust, NOW - 5 * MINUTE), world, trust, LATER).verdict is VALID


@pytest.mark.parametrize("early", [11 * MINUTE, 3650 * DAY])
def test_asked_about_a_time_before_it_nothing_else_is_said(
    early: timedelta, plain: Members, world: World, trust: Trust
) -> None:
    verdict = judged(plain, world, trust, NOW - early)

    assert verdict.verdict is UNTRUSTED
    assert verdict.reasons == ("says that it was made later than now",)
    for name in (TRUST, MAKER_TRUST, REVOCATION):
        assert detail(verdict, name) == "was not asked: it says that it was made later than now"
    assert detail(verdict, "signature") == "fits the signing certificate"


def test_what_was_stamped_before_the_revocation_stays_valid(
    plain: Members, world: World, trust: Trust
) -> None:
    after, before = stamped(plain, trust, NOW + 2 * DAY), stamped(plain, trust)

    assert judged(before, world, trust, LATER, revoked(world)).verdict is VALID
    assert judged(after, world, trust, LATER, revoked(world)).verdict is UNTRUSTED


def test_what_nothing_proves_to_be_older_than_the_revocation_is_untrusted(
    plain: Members, world: World, trust: Trust
) -> None:
    verdict = judged(plain, world, trust, NOW + 2 * DAY, revoked(world))

    assert verdict.verdict is UNTRUSTED
    assert "revoked on 2026-11-22 12:00:00+08:00 (keyCompromise)" in verdict.reasons[0]
    assert verdict.distrusted_since == NOW + DAY
    assert judged(plain, world, trust, NOW + MINUTE, revoked(world)).verdict is VALID


def test_a_seal_maker_that_was_revoked_ends_the_seal(
    plain: Members, world: World, trust: Trust
) -> None:
    lists = revoked(world, world.maker)

    verdict = judged(plain, world, trust, NOW + 2 * DAY, lists)

    assert verdict.verdict is UNTRUSTED
    assert verdict.reasons[0].startswith("the seal's maker: its certificate")
    assert judged(stamped(plain, trust), world, trust, LATER, lists).verdict is VALID


def test_a_list_of_another_ca_with_the_same_name_says_nothing(
    plain: Members, world: World, trust: Trust
) -> None:
    stranger = new_world()
    ended = [Ended(serial=world.seal.signing_cert.serial_number, at=NOW)]
    forged = testca_sm2.revocation_list(stranger.ca.issuing, ended, now=NOW + DAY)

    assert judged(plain, world, trust, NOW + DAY, forged).verdict is VALID


def test_an_empty_list_speaks_for_the_seal(plain: Members, world: World, trust: Trust) -> None:
    lists = [
        testca_sm2.revocation_list(each, [], now=NOW + DAY)
        for each in (world.ca.issuing, world.ca.root)
    ]

    verdict = judged(plain, world, trust, NOW + DAY, *lists)

    assert verdict.verdict is VALID
    assert "not revoked, as of 2026-11-22" in detail(verdict, REVOCATION)


def test_of_two_signatures_each_is_judged_at_its_own_time(world: World, trust: Trust) -> None:
    """The first is protected by the second, so it is stamped before."""
    first = stamped(sealed(world, document(), locking=False), trust)

    open_ = sealed(world, first, SECOND)
    verdict = judged(open_, world, trust, LATER)

    assert verdict.verdict is UNTRUSTED
    assert all(reason.startswith("signature 2: ") for reason in verdict.reasons)


def test_a_token_in_place_of_the_time_is_not_judged(world: World, trust: Trust) -> None:
    """In version 1 it is signed itself, so it says nothing of when the signature existed."""
    members = old_members(world)
    found = ses.read_signature(members[VALUE])
    description = next(members[name] for name in members if name.endswith("Signature.xml"))
    token = trust.token(b"anything", NOW)

    value = old_value(world, found.seal.der, description, found.property, token)

    verdict = judged(members | {VALUE: value}, world, trust)
    assert verdict.verdict is VerdictWord.UNVERIFIABLE
    assert "in place of its time" in verdict.reasons[0]
