"""Seals on PDF: what is sealed satisfies programs we did not write, and only what may be is."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from factory.errors import SealRefusedError
from factory.seals import pades
from factory.seals.signer import SealIdentity
from factory.seals.soft import SoftSigner
from storage import testca
from tests import judges
from tests.factory.sealing import FIELD, NOW, World, seal, with_certificate

Face = dict[str, object]


@pytest.fixture
def page(draw_pdf: Callable[[Face], bytes], new_face: Callable[..., Face]) -> bytes:
    return draw_pdf(new_face())


@pytest.fixture(params=["p256", "rsa"])
def identity(request: pytest.FixtureRequest, world: World) -> SealIdentity:
    chosen: SealIdentity = getattr(world, request.param)
    return chosen


def test_poppler_finds_the_seal_valid_over_the_total_document(
    page: bytes, identity: SealIdentity, tmp_path: Path
) -> None:
    file = tmp_path / "sealed.pdf"

    file.write_bytes(seal(page, identity))

    opinion = judges.pdfsig(file)
    assert "Signature is Valid" in opinion
    assert "Total document signed" in opinion
    assert "ETSI.CAdES.detached" in opinion


def test_qpdf_finds_no_fault_in_a_sealed_file(
    page: bytes, identity: SealIdentity, tmp_path: Path
) -> None:
    file = tmp_path / "sealed.pdf"

    file.write_bytes(seal(page, identity))

    assert "No syntax or stream encoding errors found" in judges.qpdf(file)


def test_openssl_verifies_the_container_up_to_the_root(
    page: bytes, identity: SealIdentity, world: World, tmp_path: Path
) -> None:
    sealed = seal(page, identity)

    opinion = judges.openssl_cms(sealed, world.ca.root.certificate, tmp_path)

    assert "Verification successful" in opinion


def test_sealing_leaves_text_and_fonts_as_they_were(
    page: bytes, world: World, tmp_path: Path
) -> None:
    plain, sealed = tmp_path / "plain.pdf", tmp_path / "sealed.pdf"
    plain.write_bytes(page)

    sealed.write_bytes(seal(page, world.p256))

    assert judges.text_of(sealed) == judges.text_of(plain)
    assert set(judges.embedded_fonts(sealed)) == {"yes"}


def test_the_same_document_sealed_again_is_the_same_file(
    page: bytes, identity: SealIdentity
) -> None:
    assert seal(page, identity) == seal(page, identity)


def test_another_signing_time_gives_another_digest(page: bytes, world: World) -> None:
    now = pades.prepare(page, FIELD, world.p256, now=NOW)

    later = pades.prepare(page, FIELD, world.p256, now=NOW + timedelta(seconds=1))

    assert later.digest != now.digest


def test_all_digests_of_a_chunk_are_signed_in_one_call(page: bytes, world: World) -> None:
    prepared = [
        pades.prepare(page, FIELD, world.p256, now=NOW + timedelta(seconds=s)) for s in range(3)
    ]

    signatures = world.p256.signer.sign_digests([each.digest for each in prepared])

    finished = [pades.complete(p, s) for p, s in zip(prepared, signatures, strict=True)]
    assert len(set(finished)) == 3


def test_a_sealed_document_is_not_sealed_again(page: bytes, world: World) -> None:
    sealed = seal(page, world.p256)

    with pytest.raises(SealRefusedError, match="carries a signature already"):
        pades.prepare(sealed, FIELD, world.p256, now=NOW)


@pytest.mark.parametrize("days", [-2, 1096])
def test_a_certificate_does_not_seal_outside_its_validity(
    page: bytes, world: World, days: int
) -> None:
    with pytest.raises(SealRefusedError, match="not valid at the signing time"):
        pades.prepare(page, FIELD, world.p256, now=NOW + timedelta(days=days))


def test_a_certificate_without_content_commitment_does_not_seal(page: bytes, world: World) -> None:
    authority = with_certificate(world.p256, world.ca.issuing.certificate)

    with pytest.raises(SealRefusedError, match="not for sealing"):
        pades.prepare(page, FIELD, authority, now=NOW)


def test_the_signer_gives_the_same_signature_for_the_same_digest() -> None:
    signer = SoftSigner(testca.new_key("p256"))

    assert signer.sign_digests([b"\x01" * 32]) == signer.sign_digests([b"\x01" * 32])
