"""Archive stamps (B-LTA): a sealed PDF outlives the authority that stamped it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, ModificationLevel

from factory import verify, verify_archive
from factory.errors import SealRefusedError
from factory.making import MAKINGS
from factory.model import Format
from factory.pressing import Awaiting
from factory.seals import archive, longterm
from factory.seals.chain import Chain
from factory.seals.keys import fingerprint
from factory.seals.longterm import Material
from factory.seals.revocation import Revocations
from factory.seals.selfcheck import BYTE_RANGE
from factory.verify import Verdict, VerdictWord
from factory.verify_time import told
from factory.writers.pdf_press import compiled
from jobs.preview import Studio
from storage import testca
from storage.testca import Issued
from tests import ades, judges, stamping
from tests.factory.pressed import DESIGNS, plain
from tests.factory.sealing import World, new_world
from tests.stamping import Authority

YEAR, DAY = timedelta(days=365), timedelta(days=1)
#: by this machine's clock, which pyHanko asks since when it knows of something: now all is over
SEALED = datetime.now(UTC).replace(microsecond=0) - 5 * YEAR - 180 * DAY
ARCHIVED = SEALED + 2 * YEAR + 180 * DAY  #: before the seal's certificate ends
ROOM = 1280
VALID, UNTRUSTED, ALTERED = VerdictWord.VALID, VerdictWord.UNTRUSTED, VerdictWord.ALTERED
NOTHING = Material(certificates=())


@dataclass(frozen=True)
class Shop:
    """A seal for three years, and authorities of time for four each: now, in two, in five."""

    world: World
    authorities: tuple[Authority, ...]
    responder: Issued

    def chains(self, number: int) -> tuple[Chain, ...]:
        """What of the seal and of the authorities up to one of them a stamp looks after."""
        ca = self.world.ca
        seal = (self.world.p256.signing_cert, ca.issuing.certificate, ca.root.certificate)
        others = ((each.stamper.signing_cert, each.root) for each in self.authorities[:number])
        return (seal, *others)

    def material(self, number: int, at: datetime) -> Material:
        """Of the day; of the seal's certificate an answer too, for the sake of `tests.ades`."""
        ca, seal = self.world.ca, self.world.p256.signing_cert
        issuers = [ca.root, ca.issuing]
        issuers += [each.issuer for each in self.authorities[:number] if each.issuer]
        lists = [testca.revocation_list(each, [], now=at) for each in issuers]
        answer = testca.revocation_answer(ca.issuing, seal, None, now=at, by=self.responder)
        given = Revocations.of([answer, *lists])
        return longterm.gathered(self.chains(number), given, at).material

    def archived(self, data: bytes, number: int, at: datetime) -> bytes:
        """With one more stamp, of that authority."""
        waiting = archive.prepared(data, self.material(number, at), ROOM)
        return waiting.closed(self.authorities[number].token(waiting.covered, now=at))

    def judged(self, data: bytes, now: datetime, proved_at: datetime | None = None) -> Verdict:
        return verify.verify(
            data,
            self.world.roots,
            now=now,
            time_roots=[each.root for each in self.authorities],
            proved_at=proved_at,
        )


@pytest.fixture(scope="module")
def shop() -> Shop:
    world = new_world(SEALED)
    return Shop(
        world,
        tuple(stamping.authority(SEALED + years * YEAR, 4 * YEAR) for years in (0, 2, 5)),
        testca.issue_for_one_use(
            world.ca, "responder", ExtendedKeyUsageOID.OCSP_SIGNING, life=testca.CA_LIFE
        ),
    )


@pytest.fixture(scope="module", params=["press", "reference"])
def sealed(request: pytest.FixtureRequest, rooms: Studio, shop: Shop) -> bytes:
    """B-LT: stamped by the first authority."""
    material, seal = shop.material(1, SEALED), shop.world.p256
    order = replace(
        plain(rooms, DESIGNS[4]),
        stamped=True,
        token_room=ROOM,
        material=material,
        created=SEALED,
    )
    awaiting: Awaiting = (
        compiled([order], seal).sealed(order)
        if request.param == "press"
        else MAKINGS[Format.PDF].sealed(order, seal)
    )
    [signature] = seal.signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature, shop.authorities[0].token(signature, now=SEALED))


@pytest.fixture(scope="module")
def archived(sealed: bytes, shop: Shop) -> bytes:
    """Once, by the second authority."""
    return shop.archived(sealed, 1, ARCHIVED)


def detail(verdict: Verdict, name: str) -> str:
    return next(each.detail for each in verdict.checks if each.name == name)


# --- what it proves


@pytest.mark.parametrize("years", [3, 4, 5])
def test_an_archived_file_is_valid_until_the_end_of_its_last_stamps_authority(
    archived: bytes, shop: Shop, years: int
) -> None:
    verdict = shop.judged(archived, SEALED + years * YEAR + DAY)

    assert (verdict.verdict, verdict.reasons) == (VALID, ())
    assert verdict.proved_at == SEALED
    said = f"1; the sealed file was there by {told(ARCHIVED)} (Time Stamping Authority"
    assert detail(verdict, "archive stamp").startswith(said)


def test_without_it_the_file_ends_with_its_stamps_authority(sealed: bytes, shop: Shop) -> None:
    end = shop.authorities[0].stamper.signing_cert.not_valid_after_utc

    assert shop.judged(sealed, end).verdict is VALID
    verdict = shop.judged(sealed, end + DAY)

    assert verdict.verdict is UNTRUSTED
    assert "has ended on" in detail(verdict, "time stamp")
    assert "nothing proves that the stamp was there before" in detail(verdict, "time stamp")


def test_a_record_of_the_file_proves_its_stamp_as_well(sealed: bytes, shop: Shop) -> None:
    end = shop.authorities[0].stamper.signing_cert.not_valid_after_utc

    assert shop.judged(sealed, end + DAY, proved_at=SEALED + DAY).verdict is VALID
    assert shop.judged(sealed, end + DAY, proved_at=end + DAY).verdict is UNTRUSTED


def test_a_stamp_that_comes_after_the_end_proves_nothing_of_before(
    sealed: bytes, shop: Shop
) -> None:
    late = SEALED + 5 * YEAR
    waiting = archive.prepared(sealed, NOTHING, ROOM)
    data = waiting.closed(shop.authorities[1].token(waiting.covered, now=late))

    assert shop.judged(data, late + DAY).verdict is UNTRUSTED


def test_one_stamp_after_the_other_it_lasts_for_good(archived: bytes, shop: Shop) -> None:
    twice = shop.archived(archived, 2, SEALED + 5 * YEAR + DAY)
    after_both = SEALED + 8 * YEAR

    assert shop.judged(twice, after_both).verdict is VALID
    assert detail(shop.judged(twice, after_both), "archive stamp").startswith("2; ")
    assert shop.judged(archived, after_both).verdict is UNTRUSTED


def test_the_former_file_stands_at_the_begin_of_it_as_it_was(
    sealed: bytes, archived: bytes
) -> None:
    assert archived.startswith(sealed)
    assert verify.twin(archived) == verify.twin(sealed) is not None


def test_a_stamp_of_an_unknown_authority_proves_nothing_and_takes_nothing(
    sealed: bytes, shop: Shop
) -> None:
    waiting = archive.prepared(sealed, NOTHING, ROOM)
    data = waiting.closed(stamping.authority(SEALED).token(waiting.covered, now=ARCHIVED))

    soon = shop.judged(data, SEALED + YEAR)

    assert soon.verdict is VALID
    assert "judged as if there were none" in detail(soon, "archive stamp")
    assert shop.judged(data, SEALED + 5 * YEAR).verdict is UNTRUSTED


@pytest.mark.parametrize("token", [b"\0", b"\x30\x03\x02\x01\x01", b"junk"])
def test_so_does_one_that_cannot_be_read(sealed: bytes, shop: Shop, token: bytes) -> None:
    data = archive.prepared(sealed, NOTHING, 9).closed(token)

    assert shop.judged(data, SEALED + YEAR).verdict is VALID
    assert shop.judged(data, SEALED + 5 * YEAR).verdict is UNTRUSTED


def test_so_does_one_over_something_else(sealed: bytes, shop: Shop) -> None:
    waiting = archive.prepared(sealed, NOTHING, ROOM)
    data = waiting.closed(shop.authorities[1].token(b"else", now=ARCHIVED))

    assert "over something else" in detail(shop.judged(data, ARCHIVED), "archive stamp")
    assert shop.judged(data, SEALED + 5 * YEAR).verdict is UNTRUSTED


def test_a_seal_revoked_after_the_stamp_stays_good_and_before_it_does_not(
    sealed: bytes, archived: bytes, shop: Shop
) -> None:
    """What counts is the earliest proof: the seal's own stamp, which the archive keeps."""
    now = SEALED + 5 * YEAR
    serial = shop.world.p256.signing_cert.serial_number
    for at, word in ((SEALED + DAY, VALID), (SEALED - DAY, UNTRUSTED)):
        ended = [testca.Ended(serial=serial, at=at)]
        told = testca.revocation_list(shop.world.ca.issuing, ended, now=SEALED + 2 * DAY)
        verdict = verify.verify(
            archived,
            shop.world.roots,
            now=now,
            time_roots=[each.root for each in shop.authorities],
            revocations=Revocations.of([told]),
        )
        assert verdict.verdict is word, at


# --- what else may follow a seal: nothing


def by_hand(data: bytes, shop: Shop) -> bytes:
    """A revision as other programs write it, stamp and all."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    writer.root["/Extensions"] = writer.root["/Extensions"]
    writer.update_root()
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def with_page_changed(archived: bytes, shop: Shop) -> bytes:
    """The archive's own page object leads to other contents."""
    begin = archived.rindex(b"/Contents ", 0, archived.rindex(b"/DocTimeStamp"))
    return archived[:begin] + b"/Contentz " + archived[begin + len(b"/Contents ") :]


TAMPERED: dict[str, Callable[[bytes, Shop], bytes]] = {
    "a space after it": lambda data, _: data + b" ",
    "a revision of another program after it": by_hand,
    "its page changed": with_page_changed,
    "its field visible": lambda data, _: data.replace(b"/Rect[0 0 0 0]", b"/Rect[0 0 9 9]"),
    "its digits in capitals": lambda data, _: _capitals(data),
    "cut": lambda data, _: data[:-1],
}


def _capitals(data: bytes) -> bytes:
    at = data.rindex(b"/Contents<")
    end = data.index(b">", at)
    return data[: at + 10] + data[at + 10 : end].upper() + data[end:]


@pytest.mark.parametrize("how", TAMPERED)
def test_whatever_else_follows_the_seal_makes_it_altered(
    archived: bytes, shop: Shop, how: str
) -> None:
    data = TAMPERED[how](archived, shop)
    assert data != archived

    verdict = shop.judged(data, ARCHIVED)

    assert verdict.verdict is ALTERED, verdict.reasons
    assert "something was added after it was sealed" in verdict.reasons


def test_so_does_another_programs_revision_between_seal_and_stamp(
    sealed: bytes, shop: Shop
) -> None:
    data = shop.archived(by_hand(sealed, shop), 1, ARCHIVED)

    assert shop.judged(data, ARCHIVED).verdict is ALTERED


@pytest.mark.parametrize("piece", [b"%PDF-1.7 anything", b"0" * 40])
def test_so_does_an_archive_that_brings_anything_but_certificates_and_lists(
    sealed: bytes, shop: Shop, piece: bytes
) -> None:
    for added in (Material(certificates=(piece,)), Material(certificates=(), crls=(piece,))):
        waiting = archive.prepared(sealed, added, ROOM)
        data = waiting.closed(shop.authorities[1].token(waiting.covered, now=ARCHIVED))

        assert shop.judged(data, ARCHIVED).verdict is ALTERED


def test_a_seal_that_was_changed_stays_so_under_a_good_archive_stamp(
    sealed: bytes, shop: Shop
) -> None:
    at = sealed.index(b"/Type /Page")
    changed = sealed[:at] + b"/Type /Pagf" + sealed[at + 11 :]
    photo = re.search(rb"/Width (\d)", sealed)
    assert photo is not None
    changed = sealed[: photo.start(1)] + b"1" + sealed[photo.end(1) :]
    if changed == sealed:
        changed = sealed[: photo.start(1)] + b"2" + sealed[photo.end(1) :]

    data = shop.archived(changed, 1, ARCHIVED)

    assert shop.judged(data, ARCHIVED).verdict is ALTERED


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_byte_of_a_revision_can_be_another(
    archived: bytes, sealed: bytes, shop: Shop, data: st.DataObject
) -> None:
    """When all depends on the archive stamp; of a token the parts that nobody signs may differ."""
    start, end = (int(each) for each in BYTE_RANGE.findall(archived)[-1][1:3])
    places = st.integers(len(sealed), len(archived) - 1).filter(lambda n: not start < n < end - 1)
    at, mask = data.draw(places), data.draw(st.integers(1, 255))
    other = archived[:at] + bytes([archived[at] ^ mask]) + archived[at + 1 :]

    assert shop.judged(other, SEALED + 5 * YEAR).verdict is not VALID


def test_not_more_revisions_are_looked_at_than_there_will_ever_be(
    sealed: bytes, shop: Shop
) -> None:
    token, data = shop.authorities[0].token(b"anything", now=SEALED), sealed
    for _ in range(verify_archive.MOST):
        data = archive.prepared(data, NOTHING, ROOM).closed(token)
    more = archive.prepared(data, NOTHING, ROOM).closed(token)

    assert shop.judged(data, SEALED + YEAR).verdict is VALID
    assert shop.judged(more, SEALED + YEAR).verdict is ALTERED


# --- judges


def test_pyhanko_finds_nothing_changed_that_a_certifying_seal_forbids(archived: bytes) -> None:
    reader = PdfFileReader(BytesIO(archived))
    [seal], [stamp] = reader.embedded_regular_signatures, reader.embedded_timestamp_signatures

    seal.compute_integrity_info(diff_policy=DEFAULT_DIFF_POLICY)
    stamp.compute_integrity_info(diff_policy=DEFAULT_DIFF_POLICY)

    assert seal.diff_result.modification_level is ModificationLevel.LTA_UPDATES
    assert stamp.coverage.name == "ENTIRE_FILE"


def test_by_the_archive_stamp_pyhanko_takes_it_when_all_before_it_is_over(
    archived: bytes, sealed: bytes, shop: Shop
) -> None:
    """ETSI EN 319 102-1, 5.6, with no knowledge but that the last authority is not revoked."""
    trust = ades.Trust(shop.world.roots, [each.root for each in shop.authorities])
    last, first = (fingerprint(shop.authorities[n].stamper.signing_cert) for n in (1, 0))
    today = datetime.now(UTC)

    assert ades.long_after(archived, trust, today, stamper=bytes.fromhex(last)) == ades.OK
    assert ades.long_after(sealed, trust, today, stamper=bytes.fromhex(first)) != ades.OK


def test_openssl_takes_the_stamp(archived: bytes, shop: Shop, tmp_path: Path) -> None:
    [stamp] = PdfFileReader(BytesIO(archived)).embedded_timestamp_signatures
    hole = (stamp.byte_range[1], stamp.byte_range[2])
    (tmp_path / "token").write_bytes(judges.der(stamp.pkcs7_content))
    (tmp_path / "data").write_bytes(archived[: hole[0]] + archived[hole[1] :])
    root = shop.authorities[1].root.public_bytes(Encoding.PEM)
    (tmp_path / "tsa.pem").write_bytes(root)

    def said(data: Path) -> str:
        return judges.run(
            *("openssl", "ts", "-verify", "-token_in", "-in", tmp_path / "token", "-data", data),
            *("-CAfile", tmp_path / "tsa.pem", "-attime", str(int((ARCHIVED).timestamp()))),
            check=False,
        )

    assert "Verification: OK" in said(tmp_path / "data")
    (tmp_path / "other").write_bytes(b"%")
    assert "Verification: OK" not in said(tmp_path / "other")


def test_qpdf_pdfsig_and_a_renderer_take_the_file(
    archived: bytes, sealed: bytes, tmp_path: Path
) -> None:
    path, before = tmp_path / "archived.pdf", tmp_path / "sealed.pdf"
    path.write_bytes(archived)
    before.write_bytes(sealed)

    assert "No syntax or stream encoding errors" in judges.qpdf(path)
    assert "Signature is Valid" in judges.pdfsig(path)
    assert judges.text_of(path) == judges.text_of(before)


# --- writing


def test_what_is_there_already_is_not_brought_twice(sealed: bytes, shop: Shop) -> None:
    there = archive.added(sealed, 0)

    again = archive.prepared(sealed, there, ROOM).document

    assert archive.added(again, archive.next_number(sealed)) == NOTHING
    assert archive.added(again, 0) == there


def test_the_same_arguments_give_the_same_bytes(sealed: bytes, shop: Shop) -> None:
    material = shop.material(1, SEALED)

    assert archive.prepared(sealed, material, 9) == archive.prepared(sealed, material, 9)


def test_what_has_no_room_for_its_token_is_refused(sealed: bytes) -> None:
    with pytest.raises(SealRefusedError, match="needs 10 bytes, room for 9"):
        archive.prepared(sealed, NOTHING, 9).closed(bytes(10))


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"%PDF-1.7\nstartxref\n0\n%%EOF\n"])
def test_what_is_no_certificate_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(SealRefusedError, match="not a PDF that can be archived"):
        archive.prepared(data, NOTHING, ROOM)


PAGE = b"""%PDF-1.7
1 0 obj
<</Type /Catalog/Pages 2 0 R/AcroForm 4 0 R>>
endobj
2 0 obj
<</Type /Pages/Kids[3 0 R]/Count 1>>
endobj
3 0 obj
<</Type /Page/Parent 2 0 R/MediaBox[0 0 9 9]>>
endobj
4 0 obj
<</Fields[]/SigFlags 3>>
endobj
5 0 obj
<<>>
endobj
"""


def test_a_revision_is_written_as_it_ever_was() -> None:
    """Files that are out there are read by writing their revisions again: this never changes."""
    offsets = [PAGE.index(b"%d 0 obj" % number) for number in range(1, 6)]
    lines = b"".join(b"%010d 00000 n \n" % each for each in offsets)
    document = PAGE + (
        b"xref\n0 6\n0000000000 65535 f \n%s"
        b"trailer\n<</Size 6/Root 1 0 R/Info 5 0 R/ID[<AA><AA>]>>\nstartxref\n%d\n%%%%EOF\n"
        % (lines, len(PAGE))
    )

    once = archive.prepared(document, Material(certificates=(b"c",), crls=(b"l",)), 3)
    twice = archive.prepared(once.closed(b"\1\2\3"), Material(certificates=(b"d", b"c")), 2)

    expected = (Path(__file__).parents[1] / "golden" / "archive.pdf").read_bytes()
    assert twice.closed(b"\4\5") == expected
