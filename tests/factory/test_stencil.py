"""A container's digits by its stencil are those of the container itself, and are read back."""

from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from factory.errors import SealRefusedError, SelfCheckError
from factory.seals.cms import Container, Stencil
from factory.seals.pades import SPARE_BYTES
from factory.seals.signer import SealIdentity
from tests.factory.sealing import World, new_world

DIGESTS = st.binary(min_size=32, max_size=32)
ECDSA = st.binary(min_size=8, max_size=72)
DIGEST = sha256(b"a document").digest()
LONGEST = {"example-p256": 72, "example-rsa2048": 256}  #: bytes of a signature
MANY = 400  #: signatures, among which the lengths that are usual occur


@pytest.fixture(scope="module", params=["p256", "rsa"])
def identity(request: pytest.FixtureRequest, world: World) -> SealIdentity:
    chosen: SealIdentity = getattr(world, request.param)
    return chosen


def container(identity: SealIdentity) -> Container:
    return Container(signing_cert=identity.signing_cert, chain=identity.chain)


def stencil(identity: SealIdentity) -> Stencil:
    """As a press has it; nothing was filled with it yet."""
    its = container(identity)
    return Stencil(its, 2 * (its.longest_der + SPARE_BYTES))


def hole(identity: SealIdentity, digest: bytes, signature: bytes) -> bytes:
    """What stands in the reference's hole."""
    its = container(identity)
    digits = its.fill(digest, signature).hex().encode("ascii")
    return digits.ljust(2 * (its.longest_der + SPARE_BYTES), b"0")


@given(digest=DIGESTS, signature=ECDSA)
@example(digest=DIGEST, signature=bytes(8))
@example(digest=bytes(32), signature=bytes(72))
def test_a_signature_of_any_length_fills_a_hole_as_the_reference_does(
    world: World, digest: bytes, signature: bytes
) -> None:
    filled = stencil(world.p256).fill(digest, signature)

    assert filled == hole(world.p256, digest, signature)


@given(digest=DIGESTS, signature=st.binary(min_size=256, max_size=256))
def test_so_does_one_by_rsa(world: World, digest: bytes, signature: bytes) -> None:
    filled = stencil(world.rsa).fill(digest, signature)

    assert filled == hole(world.rsa, digest, signature)


def test_the_lengths_that_a_key_gives_are_read_by_one_who_filled_none(
    identity: SealIdentity,
) -> None:
    digests = [sha256(bytes([n % 256, n // 256])).digest() for n in range(MANY)]
    signatures = identity.signer.sign_digests(digests)
    filling, reading = stencil(identity), stencil(identity)

    read = [reading.read(filling.fill(d, s))[:2] for d, s in zip(digests, signatures, strict=True)]

    assert read == list(zip(digests, signatures, strict=True))
    assert max(map(len, signatures)) == LONGEST[identity.name]


@given(sizes=st.lists(st.integers(8, 72), min_size=1, max_size=5))
def test_a_length_is_read_whichever_lengths_came_before(world: World, sizes: list[int]) -> None:
    reading = stencil(world.p256)

    for size in sizes:
        signature = bytes(range(1, size + 1))
        assert reading.read(hole(world.p256, DIGEST, signature)) == (DIGEST, signature, b"")


def test_what_is_signed_is_what_the_reference_signs(identity: SealIdentity) -> None:
    attributes = container(identity).signed_attributes(DIGEST)

    assert stencil(identity).digest(DIGEST) == sha256(attributes).digest()


def test_a_signature_that_is_longer_than_its_room_is_refused(identity: SealIdentity) -> None:
    """By a byte; one that just fits is taken, also after that."""
    longest = LONGEST[identity.name]
    tight = Stencil(container(identity), len(tightly(identity, bytes(longest))))

    with pytest.raises(SealRefusedError, match="more room"):
        tight.fill(DIGEST, bytes(longest + 1))

    assert tight.fill(DIGEST, bytes(longest)) == tightly(identity, bytes(longest))
    assert tight.read(tightly(identity, bytes(longest))) == (DIGEST, bytes(longest), b"")
    with pytest.raises(SelfCheckError):
        tight.read(tightly(identity, bytes(longest + 1)))


def tightly(identity: SealIdentity, signature: bytes) -> bytes:
    """A container's digits and nothing behind them."""
    return container(identity).fill(DIGEST, signature).hex().encode("ascii")


@given(place=st.integers(0), digit=st.sampled_from(b"0123456789abcdefABCDEFxG <>\n\xff"))
@example(place=4, digit=ord("f"))
@example(place=5, digit=ord("_"))
@example(place=0, digit=0xFF)
def test_another_digit_is_refused_or_read_as_another_value(
    identity: SealIdentity, place: int, digit: int
) -> None:
    [signature] = identity.signer.sign_digests([DIGEST])
    filled = hole(identity, DIGEST, signature)
    place %= len(filled)
    changed = filled[:place] + bytes([digit]) + filled[place + 1 :]
    if changed == filled:
        return

    try:
        read = stencil(identity).read(changed)[:2]
    except SelfCheckError:
        return
    assert read != (DIGEST, signature)
    assert hole(identity, *read) == changed


@given(digits=st.binary(max_size=40) | st.text("0123456789abcdef").map(str.encode))
@example(digits=b"")
@example(digits=b"3082ffff")
def test_what_is_no_container_is_refused(world: World, digits: bytes) -> None:
    with pytest.raises(SelfCheckError, match="is not the template's"):
        stencil(world.p256).read(digits)


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"0", lambda d: d[:-2] + b"01"])
def test_a_hole_of_another_size_or_padding_is_refused(world: World, change: object) -> None:
    [signature] = world.p256.signer.sign_digests([DIGEST])
    filled = hole(world.p256, DIGEST, signature)

    assert stencil(world.p256).read(filled) == (DIGEST, signature, b"")
    with pytest.raises(SelfCheckError):
        stencil(world.p256).read(change(filled))  # type: ignore[operator]


def test_a_container_of_another_certificate_is_refused(world: World) -> None:
    [signature] = world.p256.signer.sign_digests([DIGEST])
    other = new_world().p256

    with pytest.raises(SelfCheckError):
        stencil(other).read(hole(world.p256, DIGEST, signature))


def test_what_does_not_differ_tells_certificates_and_chains_apart(world: World) -> None:
    its = container(world.p256)
    bare = Container(signing_cert=world.p256.signing_cert, chain=())

    blanks = [Stencil(each, 8000).blank for each in (its, bare, container(world.rsa))]

    assert len(set(blanks)) == 3
    assert Stencil(its, 8000).blank == blanks[0]
