"""PDF with time stamps (B-T, B-LT) by ETSI's own procedure (EN 319 102-1), as pyHanko has it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from factory.errors import LongTermUnavailableError
from factory.making import MAKINGS
from factory.model import Format
from factory.pressing import Awaiting
from factory.seals import longterm
from factory.seals.chain import Chain
from factory.seals.longterm import Material
from factory.seals.revocation import Revocations
from factory.writers.pdf_press import compiled
from jobs.preview import Studio
from storage import testca
from tests import ades, stamping
from tests.factory.pressed import DESIGNS, plain
from tests.factory.sealing import World, new_world
from tests.stamping import Authority

#: by this machine's clock, since pyHanko asks that for whatever nobody has a record of
SEALED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
YEARS = timedelta(days=5 * 365)  #: the signing certificate lives three years, CAs ten
ROOM = 1280


@dataclass(frozen=True)
class Shop:
    """A seal, an authority of time, and what their CAs say."""

    world: World
    authority: Authority
    pieces: tuple[bytes, ...]

    @property
    def chains(self) -> tuple[Chain, Chain]:
        ca, authority = self.world.ca, self.authority
        return (
            (self.world.p256.signing_cert, ca.issuing.certificate, ca.root.certificate),
            (authority.stamper.signing_cert, authority.root),
        )

    @property
    def trust(self) -> ades.Trust:
        return ades.Trust(self.world.roots, [self.authority.root])

    def material(self, at: datetime = SEALED) -> Material:
        return longterm.gathered(self.chains, Revocations.of(self.pieces), at).material


@pytest.fixture(scope="module")
def shop() -> Shop:
    world, authority = new_world(SEALED), stamping.authority(SEALED)
    assert authority.issuer is not None
    said = SEALED - timedelta(hours=1)
    use = ExtendedKeyUsageOID.OCSP_SIGNING
    responder = testca.issue_for_one_use(world.ca, "responder", use)
    answer = testca.revocation_answer(
        world.ca.issuing, world.p256.signing_cert, None, now=said, by=responder
    )
    issuers = (world.ca.root, world.ca.issuing, authority.issuer)
    lists = (testca.revocation_list(each, [], now=said) for each in issuers)
    return Shop(world, authority, (answer, *lists))


def sealed(
    rooms: Studio, shop: Shop, by: str, material: Material | None, *, stamped: bool = True
) -> bytes:
    found = replace(
        plain(rooms, DESIGNS[4]),
        stamped=True,
        token_room=ROOM,
        material=material,
        created=SEALED,
    )
    seal = shop.world.p256
    awaiting: Awaiting = (
        compiled([found], seal).sealed(found)
        if by == "press"
        else MAKINGS[Format.PDF].sealed(found, seal)
    )
    [signature] = seal.signer.sign_digests([awaiting.digest])
    if not stamped:
        return awaiting.finish(signature)
    return awaiting.finish(signature, shop.authority.token(signature, now=SEALED))


@pytest.fixture(scope="module", params=["press", "reference"])
def by(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_at_the_stamps_time_both_levels_pass(rooms: Studio, shop: Shop, by: str) -> None:
    """B-T with what the CAs say given beside it, B-LT with what it brings itself."""
    plain_one = sealed(rooms, shop, by, None)
    whole = sealed(rooms, shop, by, shop.material())
    soon = SEALED + timedelta(minutes=1)

    assert ades.with_time(plain_one, shop.trust, soon, ades.knowledge(shop.material())) == ades.OK
    assert ades.with_time(whole, shop.trust, soon, ades.brought(whole)) == ades.OK
    assert ades.with_time(plain_one, shop.trust, soon, ades.brought(plain_one)) != ades.OK


@pytest.mark.parametrize("later", [timedelta(days=3), timedelta(days=30), YEARS])
def test_one_on_record_passes_when_lists_and_certificate_are_over(
    rooms: Studio, shop: Shop, by: str, later: timedelta
) -> None:
    data, now = sealed(rooms, shop, by, shop.material()), datetime.now(UTC)

    assert ades.kept_since(data, shop.trust, now, now + later) == ades.OK


def test_so_does_one_of_level_b_t_for_who_has_kept_what_the_cas_said(
    rooms: Studio, shop: Shop
) -> None:
    data, now = sealed(rooms, shop, "press", None), datetime.now(UTC)
    kept = ades.knowledge(shop.material())

    assert ades.kept_since(data, shop.trust, now, now + YEARS, kept) == ades.OK
    assert ades.kept_since(data, shop.trust, now, now + YEARS) != ades.OK


def test_without_its_stamp_the_same_file_does_not(rooms: Studio, shop: Shop, by: str) -> None:
    data = sealed(rooms, shop, by, shop.material(), stamped=False)
    now = datetime.now(UTC)

    assert ades.kept_since(data, shop.trust, now, now + YEARS) != ades.OK


def test_a_file_that_came_into_being_too_late_does_not_pass(rooms: Studio, shop: Shop) -> None:
    """On record only since the certificate had ended: a stamp says nothing of the lists."""
    data, end = sealed(rooms, shop, "press", shop.material()), SEALED + YEARS

    assert ades.kept_since(data, shop.trust, end, end + timedelta(days=1)) != ades.OK


def test_answers_bring_whoever_signed_them(shop: Shop) -> None:
    found = shop.material()

    assert (len(found.certificates), len(found.crls), len(found.ocsps)) == (6, 3, 1)


def test_of_several_the_newest_in_force_are_taken(shop: Shop) -> None:
    ca = shop.world.ca
    newer = testca.revocation_list(ca.issuing, [], now=SEALED)
    later = testca.revocation_list(ca.issuing, [], now=SEALED + timedelta(minutes=1))
    more = replace(shop, pieces=(later, newer, *shop.pieces))

    found = more.material().crls

    assert newer in found
    assert later not in found
    assert len(found) == 3


@pytest.mark.parametrize("missing", range(1, 4))
def test_material_lacks_nobodys_list(shop: Shop, missing: int) -> None:
    """Of the seal itself there is an answer too; for whoever gave that, see `tests.ades`."""
    pieces = [each for place, each in enumerate(shop.pieces) if place not in (0, missing)]
    less = replace(shop, pieces=tuple(pieces))

    with pytest.raises(LongTermUnavailableError, match="no revocation list"):
        less.material()


def test_what_is_over_is_none(shop: Shop) -> None:
    found = longterm.gathered(shop.chains, Revocations.of(shop.pieces), SEALED)

    assert shop.material(found.until - timedelta(seconds=1)) == found.material
    with pytest.raises(LongTermUnavailableError):
        shop.material(found.until)
