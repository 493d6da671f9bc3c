"""PDF with time stamps (PAdES B-T): by reference and press, as other programs see them."""

import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import SealRefusedError, SelfCheckError
from factory.making import MAKINGS
from factory.model import Format
from factory.pressing import Awaiting, Laid
from factory.seals.cms import Container, Stencil
from factory.seals.selfcheck import self_check
from factory.seals.signer import SealIdentity
from factory.verify import verify
from factory.verify_verdict import VerdictWord
from factory.writers.pdf_press import PdfPress, compiled
from jobs.preview import Studio
from tests import judges, stamping
from tests.factory.pressed import DESIGNS, plain
from tests.factory.sealing import World
from tests.stamping import NOW, Authority

ROOM = 1280
DIGEST = sha256(b"a document").digest()
TOKENS = st.integers(256, ROOM).map(bytes)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return stamping.authority()


@pytest.fixture(scope="module")
def order(rooms: Studio) -> Laid:
    return replace(plain(rooms, DESIGNS[4]), stamped=True, token_room=ROOM)


@pytest.fixture(scope="module", params=["p256", "rsa"])
def identity(request: pytest.FixtureRequest, world: World) -> SealIdentity:
    chosen: SealIdentity = getattr(world, request.param)
    return chosen


@pytest.fixture(scope="module")
def press(order: Laid, identity: SealIdentity) -> PdfPress:
    return compiled([order], identity)


@pytest.fixture(scope="module", params=["press", "reference"])
def awaiting(
    request: pytest.FixtureRequest, order: Laid, identity: SealIdentity, press: PdfPress
) -> Awaiting:
    if request.param == "press":
        return press.sealed(order)
    made: Awaiting = MAKINGS[Format.PDF].sealed(order, identity)
    return made


def stamped(awaiting: Awaiting, identity: SealIdentity, authority: Authority) -> bytes:
    [signature] = identity.signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature, authority.token(signature))


def plainly(awaiting: Awaiting, identity: SealIdentity) -> bytes:
    [signature] = identity.signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature)


# --- the container --------------------------------------------------------------------------------


@given(size=st.integers(8, 72), token=TOKENS)
def test_press_and_reference_fill_a_hole_alike_and_what_is_in_it_is_read_back(
    world: World, size: int, token: bytes
) -> None:
    filled_as_the_reference_does(world.p256, bytes(size), token)


@given(token=TOKENS)
def test_so_they_do_with_rsa(world: World, token: bytes) -> None:
    filled_as_the_reference_does(world.rsa, bytes(256), token)


def filled_as_the_reference_does(its: SealIdentity, signature: bytes, token: bytes) -> None:
    container = Container(signing_cert=its.signing_cert, chain=its.chain)
    digits = 2 * container.longest_with(ROOM)
    filling, reading = (Stencil(container, digits, stamped=True) for _ in range(2))

    filled = filling.fill(DIGEST, signature, token)

    reference = container.fill(DIGEST, signature, token).hex().encode()
    assert filled == reference.ljust(digits, b"0")
    assert reading.read(filled) == (DIGEST, signature, token)


def test_a_token_that_is_longer_than_its_room_is_refused(
    awaiting: Awaiting, identity: SealIdentity
) -> None:
    [signature] = identity.signer.sign_digests([awaiting.digest])

    assert awaiting.finish(signature, bytes(ROOM))
    with pytest.raises(SealRefusedError, match="room"):
        awaiting.finish(signature, bytes(ROOM + 200))


# --- the file -------------------------------------------------------------------------------------


def test_every_judge_takes_a_stamped_file(
    awaiting: Awaiting, identity: SealIdentity, authority: Authority, world: World, tmp_path: Path
) -> None:
    data = stamped(awaiting, identity, authority)

    status = stamping.pyhankos_view(data, list(world.roots), [authority.root], NOW)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.timestamp_validity.valid and status.timestamp_validity.trusted
    assert status.timestamp_validity.timestamp == NOW
    assert "Verification: OK" in stamping.openssls_view(data, authority.root, tmp_path)
    assert "CMS Verification successful" in judges.openssl_cms(
        data, world.ca.root.certificate, tmp_path
    )
    (tmp_path / "a.pdf").write_bytes(data)
    assert "Signature is Valid" in judges.pdfsig(tmp_path / "a.pdf")
    assert "No syntax or stream encoding errors" in judges.qpdf(tmp_path / "a.pdf")
    assert verify(data, world.roots).verdict is VerdictWord.VALID


def test_a_stamp_of_another_authority_is_not_trusted(
    awaiting: Awaiting, identity: SealIdentity, authority: Authority, world: World, tmp_path: Path
) -> None:
    data = stamped(awaiting, identity, stamping.authority())

    status = stamping.pyhankos_view(data, list(world.roots), [authority.root], NOW)

    assert not status.timestamp_validity.trusted
    assert "Verification: FAILED" in stamping.openssls_view(data, authority.root, tmp_path)


def test_a_stamped_file_grows_by_the_room_of_its_token_and_little_more(
    order: Laid, identity: SealIdentity, authority: Authority
) -> None:
    making = MAKINGS[Format.PDF]
    bare = plainly(making.sealed(replace(order, stamped=False), identity), identity)

    growth = len(stamped(making.sealed(order, identity), identity, authority)) - len(bare)

    assert 2 * ROOM < growth < 2 * ROOM + 100


# --- the check of our own -------------------------------------------------------------------------


def test_a_stamped_file_passes_its_check_and_one_with_anothers_stamp_does_not(
    order: Laid, press: PdfPress, identity: SealIdentity, authority: Authority
) -> None:
    for made, check in (
        (press.sealed(order), press.check),
        (MAKINGS[Format.PDF].sealed(order, identity), lambda it: checked(it, identity)),
    ):
        [signature] = identity.signer.sign_digests([made.digest])
        check(made.finish(signature, authority.token(signature)))
        with pytest.raises(SelfCheckError, match="time stamp: is over another"):
            check(made.finish(signature, authority.token(b"another signature")))


def checked(data: bytes, identity: SealIdentity) -> None:
    self_check(data, identity.signing_cert)


def test_a_file_of_a_press_for_stamped_ones_is_not_released_without(
    order: Laid, press: PdfPress, identity: SealIdentity
) -> None:
    with pytest.raises(SelfCheckError):
        press.check(plainly(press.sealed(order), identity))


def test_any_digit_of_a_hole_that_is_changed_is_found(
    order: Laid, press: PdfPress, identity: SealIdentity, authority: Authority
) -> None:
    """But for those inside the token, which was proved when it came."""
    data = stamped(press.sealed(order), identity, authority)
    hole = re.search(rb"/Contents<([0-9a-f]+)>>>", data)
    assert hole
    _, token = stamping.token_in(data)
    inside = data.index(token.hex().encode())

    for place in [*range(hole.start(1), inside, 97), inside + 2 * len(token) + 1]:
        changed = bytearray(data)
        changed[place] = ord("1") if changed[place] != ord("1") else ord("2")
        with pytest.raises(SelfCheckError):
            press.check(bytes(changed))


# --- which press ----------------------------------------------------------------------------------


def test_stamped_documents_have_a_press_of_their_own(order: Laid, identity: SealIdentity) -> None:
    press = compiled([order], identity)

    assert press.fits(order)
    assert not press.fits(replace(order, stamped=False))
    assert not press.fits(replace(order, token_room=ROOM + 256))
    assert press.ident != compiled([replace(order, stamped=False)], identity).ident
    assert press.ident != compiled([replace(order, token_room=ROOM + 256)], identity).ident
