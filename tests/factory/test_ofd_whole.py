"""An OFD from face to verdict: drawn, sealed and judged as the line does it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from factory import verify
from factory.kinds.stored import twin
from factory.ofd.package import Member, opened, packed
from factory.page.sheet import Placed
from factory.seals import ofd
from factory.seals.signer import SesIdentity
from factory.verify import VerdictWord
from factory.writers.ofd import draw
from tests.factory.conftest import CREATED, LICENCE_ID, Face
from tests.factory.ofd_forging import World, new_seal, new_world
from tests.factory.sealing import NOW

SURNAME_BEYOND_THE_BMP = "𠮷田"


@pytest.fixture(scope="module")
def world() -> World:
    return new_world()


@pytest.fixture
def drawn(
    place: Callable[[Face], Placed],
    new_face: Callable[..., Face],
    photo: bytes,
    signature: bytes,
) -> tuple[Placed, tuple[Member, ...]]:
    given = new_face(name=SURNAME_BEYOND_THE_BMP)
    placed = place(given)
    members = draw(
        placed,
        {"photo": photo, "signature": signature},
        title=placed.title,
        created=CREATED,
        twin=twin(given),
        licence_id=LICENCE_ID,
    )
    return placed, members


def identity(world: World) -> SesIdentity:
    return SesIdentity(
        name="example-sm2",
        seal=world.seal.esl,
        signing_cert=world.seal.signing_cert,
        chain=world.seal.chain,
        signer=world.signer,
        test=True,
    )


def seal(drawn: tuple[Placed, tuple[Member, ...]], world: World, *, locking: bool = True) -> bytes:
    placed, members = drawn
    [box] = placed.signatures
    prepared = ofd.prepare(members, box, identity(world), now=NOW, locking=locking)
    return ofd.complete(prepared, *world.signer.sign_digests([prepared.digest]))


def members_of(data: bytes) -> tuple[Member, ...]:
    return tuple(Member(name=name, data=found) for name, found in opened(data).items())


def test_what_is_drawn_and_sealed_is_valid_and_carries_its_twin(
    drawn: tuple[Placed, tuple[Member, ...]], world: World
) -> None:
    data = seal(drawn, world)

    verdict = verify.verify(data, world.roots)

    assert verdict.verdict is VerdictWord.VALID, verdict.reasons
    assert all(check.ok for check in verdict.checks)
    assert verdict.licence_id == LICENCE_ID
    assert verdict.signed_at == NOW
    found = verify.twin(data)
    assert found is not None
    assert SURNAME_BEYOND_THE_BMP.encode() in found


def test_what_is_drawn_is_unsigned_before_its_seal(
    drawn: tuple[Placed, tuple[Member, ...]], world: World
) -> None:
    verdict = verify.verify(packed(drawn[1]), world.roots)

    assert verdict.verdict is VerdictWord.UNSIGNED
    assert verdict.licence_id == LICENCE_ID
    assert verdict.twin


def test_a_second_seal_may_follow_one_that_leaves_the_document_open(
    drawn: tuple[Placed, tuple[Member, ...]], world: World
) -> None:
    placed, _ = drawn
    first = seal(drawn, world, locking=False)
    other = World(ca=world.ca, seal=new_seal(world.ca))
    later = NOW + timedelta(hours=1)
    prepared = ofd.prepare(members_of(first), placed.signatures[0], identity(other), now=later)
    second = ofd.complete(prepared, *other.signer.sign_digests([prepared.digest]))

    assert verify.verify(first, world.roots).verdict is VerdictWord.UNTRUSTED
    assert verify.verify(second, world.roots).verdict is VerdictWord.VALID


def test_every_member_counts(drawn: tuple[Placed, tuple[Member, ...]], world: World) -> None:
    """A byte of each exchanged, a byte appended, each left out: never valid."""
    members = members_of(seal(drawn, world))

    for place, member in enumerate(members):
        middle = len(member.data) // 2
        flipped = bytearray(member.data)
        flipped[middle] ^= 1
        others = (bytes(flipped), member.data + b" ", b"")
        changed = [
            (*members[:place], Member(name=member.name, data=other), *members[place + 1 :])
            for other in others
        ]
        for each in (*changed, members[:place] + members[place + 1 :]):
            verdict = verify.verify(packed(each), world.roots)
            assert verdict.verdict is not VerdictWord.VALID, member.name
            assert verdict.reasons
