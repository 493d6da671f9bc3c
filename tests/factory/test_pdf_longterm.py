"""PDF for the long term (PAdES B-LT): valid when the signing certificate is long over."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext

from factory.making import MAKINGS
from factory.model import Format
from factory.pressing import Awaiting, Laid
from factory.seals import longterm, tsp
from factory.seals.cms import asn1_certificate
from factory.writers.pdf_press import compiled
from jobs.preview import Studio
from storage.testca import Issued
from tests import judges, stamping
from tests.factory.pressed import DESIGNS, plain
from tests.factory.sealing import World
from tests.stamping import NOW, Authority

LONG_AFTER = NOW + timedelta(days=5 * 365)  #: the signing certificate lives three years, CAs ten
ROOM = 1280


@pytest.fixture(scope="module")
def authority() -> Authority:
    return stamping.authority()


def empty_list(issuer: Issued, at: datetime = NOW) -> x509.CertificateRevocationList:
    """Nobody is revoked, as of a day before."""
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(at - timedelta(hours=1))
        .next_update(at + timedelta(days=7))
        .sign(issuer.key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def order(rooms: Studio, world: World, authority: Authority) -> Laid:
    assert authority.issuer is not None
    material = longterm.material(
        [
            world.ca.root.certificate,
            world.ca.issuing.certificate,
            authority.root,
            authority.stamper.signing_cert,
        ],
        [empty_list(each) for each in (world.ca.root, world.ca.issuing, authority.issuer)],
    )
    found = plain(rooms, DESIGNS[4])
    return replace(found, stamped=True, token_room=ROOM, material=material)


@pytest.fixture(scope="module", params=["press", "reference"])
def awaiting(request: pytest.FixtureRequest, order: Laid, world: World) -> Awaiting:
    if request.param == "press":
        return compiled([order], world.p256).sealed(order)
    made: Awaiting = MAKINGS[Format.PDF].sealed(order, world.p256)
    return made


def stamped(awaiting: Awaiting, world: World, authority: Authority) -> bytes:
    [signature] = world.p256.signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature, authority.token(signature))


def judged(data: bytes, world: World, authority: Authority, clock: datetime) -> Any:
    """By pyHanko, with that clock, nothing fetched, and each certificate known not to be revoked.

    The stamp is judged at the clock's time, with the authority's list of that day; what it stamps
    at the stamp's, with what the file itself brings (ETSI EN 319 102-1, 5.5.4).
    """
    reader = PdfFileReader(BytesIO(data))
    [signature] = reader.embedded_signatures
    store = DocumentSecurityStore.read_dss(reader)
    assert authority.issuer is not None
    today = empty_list(authority.issuer, clock).public_bytes(Encoding.DER)
    brought = [each.get_object().data for each in store.crls]
    return validate_pdf_signature(
        signature,
        context(world.roots, store, brought, stamped_at(signature, clock)),
        context([authority.root], store, [today], clock),
    )


def stamped_at(signature: Any, clock: datetime) -> datetime:
    """When it was there already: as its stamp says, or else only now."""
    unsigned = signature.signer_info["unsigned_attrs"]
    return tsp.read(unsigned[0]["values"][0].dump()).moment if unsigned else clock


def context(
    roots: Sequence[x509.Certificate], store: Any, lists: Sequence[bytes], at: datetime
) -> ValidationContext:
    return ValidationContext(
        trust_roots=[asn1_certificate(each) for each in roots],
        other_certs=list(store.load_certs()),
        crls=list(lists),
        allow_fetching=False,
        revocation_mode="require",
        moment=at,
    )


@pytest.mark.parametrize("clock", [NOW, LONG_AFTER])
def test_a_file_for_the_long_term_is_valid_then_and_after_the_certificates_end(
    awaiting: Awaiting, world: World, authority: Authority, clock: datetime
) -> None:
    status = judged(stamped(awaiting, world, authority), world, authority, clock)

    assert status.bottom_line
    assert status.timestamp_validity.trusted
    assert status.coverage.name == "ENTIRE_FILE"


def test_without_the_stamp_it_is_valid_only_as_long_as_the_certificate(
    awaiting: Awaiting, world: World, authority: Authority
) -> None:
    [signature] = world.p256.signer.sign_digests([awaiting.digest])
    data = awaiting.finish(signature)

    assert judged(data, world, authority, NOW).bottom_line
    assert not judged(data, world, authority, LONG_AFTER).bottom_line


def test_without_its_lists_nobody_knows_that_the_certificate_was_not_revoked(
    order: Laid, world: World, authority: Authority
) -> None:
    assert order.material is not None
    bare = replace(order, material=replace(order.material, crls=()))
    made = MAKINGS[Format.PDF].sealed(bare, world.p256)

    assert not judged(stamped(made, world, authority), world, authority, LONG_AFTER).bottom_line


def test_other_programs_take_it_too(
    awaiting: Awaiting, world: World, authority: Authority, tmp_path: Path
) -> None:
    data = stamped(awaiting, world, authority)
    (tmp_path / "a.pdf").write_bytes(data)

    assert "No syntax or stream encoding errors" in judges.qpdf(tmp_path / "a.pdf")
    assert "Signature is Valid" in judges.pdfsig(tmp_path / "a.pdf")
    assert "Verification: OK" in stamping.openssls_view(data, authority.root, tmp_path)
    assert stamping.pyhankos_view(data, list(world.roots), [authority.root], NOW).bottom_line


def test_each_certificate_and_list_is_there_once_and_no_strangers_list(
    world: World, authority: Authority
) -> None:
    assert authority.issuer is not None
    certificates = [world.ca.root.certificate, world.ca.root.certificate]
    lists = [empty_list(world.ca.root), empty_list(authority.issuer)]

    found = longterm.material(certificates, lists)

    assert found.certificates == (certificates[0].public_bytes(Encoding.DER),)
    assert found.crls == (lists[0].public_bytes(Encoding.DER),)
