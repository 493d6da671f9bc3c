"""Verdicts: honest files are valid; every change, stranger and broken file is told apart."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from reportlab.pdfgen.canvas import Canvas

from factory import verify
from factory.errors import SelfCheckError
from factory.seals import pades
from factory.verify import VerdictWord, self_check, verify_pdf
from tests.factory.sealing import FIELD, NOW, World, new_world, seal

Face = dict[str, object]


@pytest.fixture(scope="module")
def world() -> World:
    return new_world()


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


@pytest.mark.parametrize("tail", [b"\n", b"%", b"\n%%EOF\n", b"garbage" * 100])
def test_bytes_behind_the_end_are_an_alteration(sealed: bytes, world: World, tail: bytes) -> None:
    assert words(sealed + tail, world) is not VerdictWord.VALID


@settings(max_examples=60, deadline=None)
@given(place=st.floats(min_value=0, max_value=1, exclude_max=True), flip=st.integers(1, 255))
def test_no_flipped_byte_of_what_is_signed_stays_valid(
    flipped_sample: tuple[bytes, World], place: float, flip: int
) -> None:
    sealed, world = flipped_sample
    first, second = hole(sealed)
    positions = len(sealed) - (second - first)
    position = int(place * positions)
    position += (second - first) if position >= first else 0

    changed = bytearray(sealed)
    changed[position] ^= flip

    assert words(bytes(changed), world) is not VerdictWord.VALID


@pytest.fixture(scope="module")
def flipped_sample() -> tuple[bytes, World]:
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


@pytest.mark.parametrize("end", [10, 1000, -1, -300])
def test_a_cut_file_is_never_valid_and_raises_nothing(
    sealed: bytes, world: World, end: int
) -> None:
    assert words(sealed[:end], world) is not VerdictWord.VALID


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=400))
def test_arbitrary_bytes_are_unreadable(data: bytes) -> None:
    assert verify_pdf(b"%PDF-1.7\n" + data, ()).verdict is VerdictWord.UNREADABLE


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


def test_the_face_digest_is_read_back_from_the_file(page: bytes) -> None:
    assert verify.face_digest(page) is None
