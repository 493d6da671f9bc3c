"""Verdicts: honest files are valid; every change, stranger and broken file is told apart."""

import asyncio
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from time import process_time

import pikepdf
import pytest
from asn1crypto import parser
from asn1crypto.keys import PrivateKeyInfo
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.validation import SignatureCoverageLevel
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen.canvas import Canvas

from factory import verify
from factory.errors import SelfCheckError
from factory.seals import der, pades
from factory.seals.cms import asn1_certificate
from factory.verify import VerdictWord, self_check, verify_pdf
from storage import testca
from tests.factory.forging import append_with_fitting_sums, seal_edited
from tests.factory.sealing import FIELD, NOW, World, new_world, seal
from tests.factory.tampering import (
    container_digits,
    something_behind_the_container,
    with_container,
)

Face = dict[str, object]


@pytest.fixture
def page(draw_pdf: Callable[[Face], bytes], new_face: Callable[..., Face]) -> bytes:
    return draw_pdf(new_face())


@pytest.fixture
def sealed(page: bytes, world: World) -> bytes:
    return seal(page, world.p256)


def words(data: bytes, world: World) -> VerdictWord:
    return verify_pdf(data, world.roots).verdict


@pytest.mark.parametrize("key", ["p256", "rsa"])
def test_an_honest_file_is_valid_by_every_check(page: bytes, world: World, key: str) -> None:
    sealed = seal(page, getattr(world, key))

    verdict = verify_pdf(sealed, world.roots)

    assert verdict.verdict is VerdictWord.VALID
    assert all(check.ok for check in verdict.checks)
    assert verdict.whole_file


def test_the_verdict_says_who_sealed_what_and_when(sealed: bytes, world: World) -> None:
    verdict = verify_pdf(sealed, world.roots)

    assert verdict.signer is not None
    assert "示例市住房和城乡建设委员会" in verdict.signer
    assert verdict.signed_at == NOW
    assert verdict.licence_id is not None
    assert verdict.licence_id.startswith("1.2.156.3005.2.")
    assert verdict.signing_cert_sha256 == verify.fingerprint(world.p256.signing_cert)


def test_a_seal_under_another_root_is_untrusted(sealed: bytes) -> None:
    stranger = new_world()

    assert words(sealed, stranger) is VerdictWord.UNTRUSTED


def test_without_trust_roots_nothing_is_trusted(sealed: bytes) -> None:
    assert verify_pdf(sealed, ()).verdict is VerdictWord.UNTRUSTED


def test_a_file_stays_valid_after_its_certificate_has_ended(page: bytes, world: World) -> None:
    """The chain is validated at the signing time; the day of verification plays no part."""
    last_day = seal(page, world.p256, now=NOW + timedelta(days=1094))

    assert words(last_day, world) is VerdictWord.VALID


def test_a_file_without_signature_is_unsigned(page: bytes, world: World) -> None:
    assert words(page, world) is VerdictWord.UNSIGNED


def append(sealed: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """An incremental update after the seal, as any editor would write it."""
    writer = IncrementalPdfFileWriter(BytesIO(sealed))
    change(writer)
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def retitle(writer: IncrementalPdfFileWriter) -> None:
    writer.trailer["/Info"] = writer.add_object(writer_dictionary({"/Title": "something else"}))


def annotate(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    note = writer_dictionary({"/Type": "/Annot", "/Subtype": "/Text"})
    page["/Annots"].append(writer.add_object(note))
    writer.mark_update(page.container_ref)


def repaint(writer: IncrementalPdfFileWriter) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/AP"]["/N"] = writer.add_object(writer_dictionary({"/Type": "/XObject"}))
    writer.mark_update(field.container_ref)


def writer_dictionary(entries: dict[str, str]) -> object:
    return DictionaryObject(
        {
            pdf_name(key): pdf_name(value) if value.startswith("/") else pdf_string(value)
            for key, value in entries.items()
        }
    )


@pytest.mark.parametrize("change", [retitle, annotate, repaint])
def test_any_revision_after_the_seal_is_an_alteration(
    sealed: bytes, world: World, change: Callable[[IncrementalPdfFileWriter], None]
) -> None:
    altered = append(sealed, change)

    assert words(altered, world) is VerdictWord.ALTERED


def test_a_revision_whose_lengths_add_up_is_still_an_alteration(
    sealed: bytes, world: World
) -> None:
    """Adding up lengths is not enough: pyHanko's own coverage check takes this file as whole."""
    forged = append_with_fitting_sums(sealed)

    [signature] = PdfFileReader(BytesIO(forged)).embedded_regular_signatures
    assert signature.evaluate_signature_coverage() is SignatureCoverageLevel.ENTIRE_FILE
    assert words(forged, world) is VerdictWord.ALTERED


def test_a_second_signature_is_an_alteration(sealed: bytes, world: World) -> None:
    """Also by a key we trust: a certificate carries one seal."""
    twice = sign_again(sealed, world)

    verdict = verify_pdf(twice, world.roots)

    assert verdict.verdict is VerdictWord.ALTERED
    assert "carries more than one signature" in verdict.reasons


def sign_again(sealed: bytes, world: World) -> bytes:
    key = testca.new_key()
    signer = SimpleSigner(
        signing_cert=asn1_certificate(world.p256.signing_cert),
        signing_key=PrivateKeyInfo.load(
            key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        ),
        cert_registry=SimpleCertificateStore(),
    )
    target = BytesIO()
    steps = PdfCMSEmbedder(new_field_spec=SigFieldSpec("Second")).write_cms(
        "Second", IncrementalPdfFileWriter(BytesIO(sealed))
    )
    next(steps)
    steps.send(SigObjSetup(sig_placeholder=SignatureObject(timestamp=NOW, bytes_reserved=8192)))
    digest, _ = steps.send(SigIOSetup(md_algorithm="sha256", output=target))
    steps.send(asyncio.run(signer.async_sign(digest.document_digest, "sha256")))
    return target.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"/P 1\n", b"/P 2\n", "does not forbid changes"),
        (b"/ETSI.CAdES.detached", b"/adbe.pkcs7.detached", "not sealed as PAdES"),
        (rb"/M (D\0722026", rb"/X (D\0722026", "does not say when"),
        (rb"/M (D\0722026", rb"/M (D\0722036", "was not valid at the time"),
    ],
)
def test_a_seal_of_ours_made_otherwise_is_not_trusted(
    page: bytes, world: World, old: bytes, new: bytes, reason: str
) -> None:
    odd = seal_edited(page, world.p256, old, new)

    verdict = verify_pdf(odd, world.roots)

    assert verdict.verdict is VerdictWord.UNTRUSTED
    assert any(reason in each for each in verdict.reasons)


def test_a_self_signed_stranger_is_untrusted(page: bytes, world: World) -> None:
    stranger = new_world()
    alone = replace(stranger.p256, chain=())

    assert words(seal(page, alone), world) is VerdictWord.UNTRUSTED


def test_a_file_is_judged_the_same_inside_an_event_loop(sealed: bytes, world: World) -> None:
    async def ask() -> VerdictWord:
        return words(sealed, world)

    assert asyncio.run(ask()) is VerdictWord.VALID


@pytest.mark.parametrize("tail", [b"\n", b"%", b"\n%%EOF\n", b"garbage" * 100])
def test_bytes_behind_the_end_are_an_alteration(sealed: bytes, world: World, tail: bytes) -> None:
    assert words(sealed + tail, world) is not VerdictWord.VALID


@settings(max_examples=60, deadline=None)
@given(place=st.floats(min_value=0, max_value=1, exclude_max=True), flip=st.integers(1, 255))
def test_no_flipped_byte_of_what_is_signed_stays_valid(
    bare_sample: tuple[bytes, World], place: float, flip: int
) -> None:
    sealed, world = bare_sample
    first, second = hole(sealed)
    positions = len(sealed) - (second - first)
    position = int(place * positions)
    position += (second - first) if position >= first else 0

    changed = bytearray(sealed)
    changed[position] ^= flip

    assert words(bytes(changed), world) is not VerdictWord.VALID


@pytest.fixture(scope="module")
def bare_sample() -> tuple[bytes, World]:
    world = new_world()
    target = BytesIO()
    canvas = Canvas(target, invariant=1)
    canvas.line(0, 0, 100, 100)
    canvas.save()
    return seal(target.getvalue(), world.p256), world


def hole(data: bytes) -> tuple[int, int]:
    found = verify.BYTE_RANGE.search(data)
    assert found is not None
    return int(found[2]), int(found[3])


def test_whatever_stands_behind_a_seals_container_is_an_alteration(
    sealed: bytes, world: World
) -> None:
    """The byte range leaves the hole out, so nobody signs what else is in it."""
    verdict = verify_pdf(something_behind_the_container(sealed), world.roots)

    assert verdict.verdict is VerdictWord.ALTERED
    assert not verdict.whole_file


def test_so_is_a_container_of_indefinite_length(sealed: bytes, world: World) -> None:
    """BER: its end is a mark in it, behind which anything fits (X.690, 8.1.3.6)."""
    encoded = bytes.fromhex(container_digits(sealed).decode())
    header = der.read(encoded[: parser.peek(encoded)])
    endless = b"\x30\x80" + header.content + b"\0\0"

    verdict = verify_pdf(with_container(sealed, endless.hex().encode()), world.roots)

    assert verdict.verdict is not VerdictWord.VALID


@pytest.mark.parametrize("end", [10, 1000, -1, -300])
def test_a_cut_file_is_never_valid_and_raises_nothing(
    sealed: bytes, world: World, end: int
) -> None:
    assert words(sealed[:end], world) is not VerdictWord.VALID


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=400))
def test_arbitrary_bytes_are_unreadable(data: bytes) -> None:
    assert verify_pdf(b"%PDF-1.7\n" + data, ()).verdict is VerdictWord.UNREADABLE


def classic(rows: bytes, size: int) -> bytes:
    """A file whose cross-reference table claims what it likes."""
    head = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 1 0 R>>\nendobj\n"
    return b"%sxref\n%s\ntrailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        head,
        rows,
        size,
        len(head),
    )


HOSTILE = {
    "a table of a billion objects": classic(b"0 1000000000\n0000000000 65535 f \n", 10**9),
    "a table that begins beyond": classic(b"99999999999 1\n0000000009 00000 n \n", 1),
    "a table that follows itself": classic(
        b"0 2\n0000000000 65535 f \n0000000009 00000 n \ntrailer\n<</Prev 9/Size 2>>", 2
    ),
    "arrays in arrays": b"%PDF-1.7\n" + b"[" * 200_000 + b"\nstartxref\n9\n%%EOF",
    "dictionaries in dictionaries": classic(b"0 1\n", 1).replace(b"<</Size", b"<</A " * 50_000),
    "an endless number": b"%PDF-1.7\nstartxref\n" + b"9" * 100_000 + b"\n%%EOF",
    "only ends": b"%PDF-1.7\n" + b"startxref\n0\n%%EOF\n" * 20_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_turned_away_soon(data: bytes) -> None:
    before = process_time()

    verdict = verify_pdf(data, ())

    assert verdict.verdict in {VerdictWord.UNREADABLE, VerdictWord.UNSIGNED}
    assert process_time() - before < 5


def test_an_encrypted_file_is_unreadable(page: bytes, world: World) -> None:
    locked = BytesIO()
    with pikepdf.open(BytesIO(page)) as document:
        document.save(locked, encryption=pikepdf.Encryption(owner="owner", user="user"))

    assert words(locked.getvalue(), world) is VerdictWord.UNREADABLE


def test_a_huge_file_is_refused_unread(world: World) -> None:
    assert words(b"%PDF" + bytes(verify.MOST_BYTES), world) is VerdictWord.UNREADABLE


def test_the_self_check_passes_what_was_sealed(sealed: bytes, world: World) -> None:
    self_check(sealed, world.p256.signing_cert)


def test_the_self_check_refuses_another_certificate(sealed: bytes, world: World) -> None:
    with pytest.raises(SelfCheckError, match="another one"):
        self_check(sealed, world.rsa.signing_cert)


def test_the_self_check_refuses_a_changed_page(sealed: bytes, world: World) -> None:
    changed = sealed.replace(b"/Type", b"/Tyqe", 1)

    with pytest.raises(SelfCheckError, match="document digest"):
        self_check(changed, world.p256.signing_cert)


def test_the_self_check_refuses_a_range_that_leaves_something_out(
    sealed: bytes, world: World
) -> None:
    with pytest.raises(SelfCheckError, match="whole file"):
        self_check(sealed + b" ", world.p256.signing_cert)


def test_the_self_check_refuses_a_wrong_signature(page: bytes, world: World) -> None:
    prepared = pades.prepare(page, FIELD, world.p256, now=NOW)
    [other] = world.p256.signer.sign_digests([b"\x07" * 32])

    with pytest.raises(SelfCheckError, match="does not fit"):
        self_check(pades.complete(prepared, other), world.p256.signing_cert)


def test_the_twin_is_read_back_from_the_file_and_reported(
    sealed: bytes, new_face: Callable[..., Face], world: World
) -> None:
    twin = verify.twin(sealed)

    assert twin is not None
    assert json.loads(twin) == new_face()
    assert verify_pdf(sealed, world.roots).twin


def test_a_file_without_twin_is_valid_and_has_none(bare_sample: tuple[bytes, World]) -> None:
    sealed, world = bare_sample

    verdict = verify_pdf(sealed, world.roots)

    assert (verdict.verdict, verdict.twin) == (VerdictWord.VALID, False)
    assert verify.twin(sealed) is None


def replace_twin(writer: IncrementalPdfFileWriter) -> None:
    file = writer.root["/AF"][0]["/EF"]["/F"]
    file._data = b'{"name":"somebody else"}'
    file._encoded_data = None
    writer.mark_update(file.container_ref)


def test_a_twin_that_was_replaced_is_an_alteration(sealed: bytes, world: World) -> None:
    altered = append(sealed, replace_twin)

    assert verify.twin(altered) == b'{"name":"somebody else"}'
    assert words(altered, world) is VerdictWord.ALTERED


def test_a_twin_that_was_changed_in_place_is_an_alteration(sealed: bytes, world: World) -> None:
    place = sealed.index(b"/EmbeddedFile/")
    place = sealed.index(b"stream\n", place) + 20
    altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]

    assert words(altered, world) is VerdictWord.ALTERED


def attach(document: pikepdf.Pdf) -> None:
    document.attachments["other.json"] = b"{}"


def part_ways(document: pikepdf.Pdf) -> None:
    """The catalog's list and the tree of names lead to different files."""
    document.Root.AF = [document.make_indirect(pikepdf.Dictionary(document.Root.AF[0]))]


def unrelate(document: pikepdf.Pdf) -> None:
    document.Root.AF[0].AFRelationship = pikepdf.Name.Unspecified


def swell(document: pikepdf.Pdf) -> None:
    """Sixteen kilobytes that would become a thousand times as many."""
    packed = zlib.compress(bytes(2**24), 9)
    document.Root.AF[0].EF.F.write(packed, filter=pikepdf.Name.FlateDecode)


def cut(document: pikepdf.Pdf) -> None:
    packed = document.Root.AF[0].EF.F.read_raw_bytes()
    document.Root.AF[0].EF.F.write(packed[:-9], filter=pikepdf.Name.FlateDecode)


def empty(document: pikepdf.Pdf) -> None:
    document.Root.AF = []


def confuse(document: pikepdf.Pdf) -> None:
    document.Root.AF = [7]
    document.Root.Names = pikepdf.Name.Nothing


def stored(page: bytes, twin: bytes) -> bytes:
    """A page whose twin is in it as it is, not deflated."""
    target = BytesIO()
    with pikepdf.open(BytesIO(page)) as document:
        document.Root.AF[0].EF.F.write(twin)
        document.save(target, compress_streams=False)
    return target.getvalue()


def test_a_twin_that_is_not_deflated_is_read(page: bytes, world: World) -> None:
    sealed = seal(stored(page, b'{"name":"x"}'), world.p256)

    assert verify.twin(sealed) == b'{"name":"x"}'
    assert verify_pdf(sealed, world.roots).twin


def test_no_twin_is_read_that_is_larger_than_one_can_be(page: bytes) -> None:
    assert verify.twin(stored(page, bytes(verify.MOST_TWIN_BYTES))) is not None
    assert verify.twin(stored(page, bytes(verify.MOST_TWIN_BYTES + 1))) is None


ODD_TWINS = (attach, part_ways, unrelate, swell, cut, empty, confuse)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("change", ODD_TWINS, ids=lambda change: change.__name__)
def test_a_twin_that_is_none_of_ours_is_not_read(
    page: bytes, world: World, change: Callable[[pikepdf.Pdf], None]
) -> None:
    """The file is still judged by its seal."""
    target = BytesIO()
    with pikepdf.open(BytesIO(page)) as document:
        change(document)
        document.save(target)
    odd = target.getvalue()

    assert verify.twin(odd) is None
    verdict = verify_pdf(seal(odd, world.p256), world.roots)
    assert (verdict.verdict, verdict.twin) == (VerdictWord.VALID, False)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("data", [b"", b"%PDF", *HOSTILE.values()])
def test_no_twin_is_found_in_what_is_no_document(data: bytes) -> None:
    assert verify.twin(data) is None


def test_no_twin_is_looked_for_in_a_huge_file(sealed: bytes) -> None:
    assert verify.twin(sealed + bytes(verify.MOST_BYTES)) is None
