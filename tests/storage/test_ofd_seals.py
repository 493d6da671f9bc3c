"""Seals for OFD in the keyring: taken in whole or not at all, and proved before they are used."""

import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image

from factory.errors import (
    ConflictError,
    FactoryError,
    KeyBusyError,
    SealRefusedError,
    SelfCheckError,
    SettingsError,
    SignatureRefusedError,
)
from factory.seals import der, keys, ofd_selfcheck, ses
from factory.seals.ses import Seal
from factory.seals.signer import LaterSigner
from factory.seals.sm2_soft import Sm2SoftSigner
from storage import testca_sm2
from storage.keyring import Keyring
from storage.new_keyring import add_test_ofd_seals, create_test_keyring
from storage.ofd_seals import ASYNCHRONOUS, Given, KeyFileGiven, ServiceGiven, ends
from storage.testca_sm2 import Sm2TestCA
from tests import seal_making, seal_service, sealing_service
from tests.seal_service import TOKEN, SealService

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
AUTHORITY = "示例市住房和城乡建设委员会"
NAME = "example-one"
SEALS = {NAME: AUTHORITY, "example-two": "样例省住房和城乡建设厅"}
PASSPHRASE = b"a passphrase of tests"
PEM, DER = Encoding.PEM, Encoding.DER


def picture(kind: str = "PNG") -> bytes:
    drawn = BytesIO()
    Image.new("RGB", (8, 8), "red").save(drawn, kind)
    return drawn.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "keyring"
    create_test_keyring(folder, identities=SEALS, now=NOW, draw_seal=lambda _: picture())
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "keyring"))


@dataclass(frozen=True)
class Office:
    """A CA and a seal maker that the keyring trusts, and a seal they issued."""

    ca: Sm2TestCA
    given: Given

    def reissued(self, **changes: object) -> Given:
        """The same signer's, with another seal."""
        return replace(self.given, seal=seal_of(self.ca, self.given.signing_cert, **changes))


def office_of(now: datetime = NOW) -> Office:
    ca = testca_sm2.make_ca(now)
    issued = testca_sm2.issue_test_seal(
        ca, AUTHORITY, picture(), width_mm=42, now=now, passphrase=PASSPHRASE
    )
    key = KeyFileGiven(key=issued.key, passphrase=PASSPHRASE)
    return Office(
        ca,
        Given(seal=issued.esl, signing_cert=issued.signing_cert, chain=issued.chain, key=key),
    )


@pytest.fixture(scope="module")
def bureau() -> Office:
    return office_of()


@pytest.fixture
def office(bureau: Office, folder: Path) -> Office:
    """The same, with its root in the keyring."""
    (folder / "roots" / "office.pem").write_bytes(bureau.ca.root.certificate.public_bytes(PEM))
    return bureau


def seal_of(ca: Sm2TestCA, *certificates: x509.Certificate, **changes: object) -> bytes:
    usual: dict[str, object] = {
        "code": "99000000000001",
        "name": AUTHORITY,
        "picture": picture(),
        "picture_type": "PNG",
        "width_mm": 42,
        "height_mm": 42,
        "certificates": tuple(each.public_bytes(DER) for each in certificates),
        "valid_from": NOW - timedelta(days=1),
        "valid_until": NOW + YEAR,
        "vendor": "TEST",
        "maker": ca.maker.certificate.public_bytes(DER),
        "maker_signer": ca.maker.signer,
    }
    return ses.make_seal(**(usual | changes))  # type: ignore[arg-type]


def take(
    folder: Path, given: Given, *, name: str = "example-three", now: datetime = NOW,
    replacing: bool = False,
) -> Seal:  # fmt: skip
    """The seal as the keyring gives it once it was imported."""
    Keyring(folder).import_ofd_seal(name, given, now=now, replace=replacing)
    return ses.read_seal(Keyring(folder).ofd_seal(name).seal)


def files(folder: Path) -> dict[Path, bytes | None]:
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def refused(folder: Path, given: Given, match: str, kind: type[FactoryError]) -> None:
    """The import is refused in these words, and leaves nothing behind."""
    before = files(folder)
    with pytest.raises(kind, match=match) as caught:
        take(folder, given)
    assert PASSPHRASE.decode() not in str(caught.value)
    assert files(folder) == before


# The test seals of the embedded default


def test_every_identity_of_a_test_keyring_signs_ofd_too(folder: Path) -> None:
    keyring = Keyring(folder)

    for name, authority in SEALS.items():
        identity = keyring.ofd_seal(name)
        seal = ses.read_seal(identity.seal)
        assert identity.test and "TEST" in identity.signing_cert.subject.rfc4514_string()
        assert (seal.name, seal.width_mm) == (authority, 42)
        assert seal.picture == (folder / "identities" / name / "seal.png").read_bytes()
        assert len(identity.signer.sign_digests([b"\x01" * 32, b"\x02" * 32])) == 2


def test_openssl_takes_the_chain_of_a_test_seal(folder: Path, tmp_path: Path) -> None:
    home, root = folder / "identities" / NAME / "ofd", folder / "roots" / "test-root-sm2.pem"

    assert openssl_verifies(home / "signing.pem", home / "chain.pem")
    assert openssl_verifies(home / "chain.pem", root)
    assert not openssl_verifies(home / "signing.pem", root)


def openssl_verifies(certificate: Path, issuer: Path) -> bool:
    """One step: OpenSSL 3 applies distid to the first certificate alone."""
    at = ("-attime", str(int(NOW.timestamp())), "-vfyopt", "distid:1234567812345678")
    trusted = ("-partial_chain", "-trusted", str(issuer), str(certificate))
    done = subprocess.run(
        ["openssl", "verify", *at, *trusted], capture_output=True, text=True, check=False
    )
    return done.stdout.endswith("OK\n")


def test_a_seal_is_loaded_once(folder: Path) -> None:
    keyring = Keyring(folder)

    assert keyring.ofd_seal(NAME) is keyring.ofd_seal(NAME)


def without_ofd(folder: Path) -> Path:
    """A test keyring as an earlier version made it."""
    shutil.rmtree(folder / "issuers")
    for home in (folder / "identities").iterdir():
        shutil.rmtree(home / "ofd")
    (folder / "roots" / "test-root-sm2.pem").unlink()
    return folder


def test_a_test_keyring_of_an_earlier_version_gains_test_seals(folder: Path) -> None:
    without_ofd(folder)
    before = Keyring(folder).identity(NAME).signing_cert

    add_test_ofd_seals(folder, identities=SEALS, now=NOW)

    keyring = Keyring(folder)
    assert all(keyring.ofd_seal(name).test for name in SEALS)
    assert keyring.identity(NAME).signing_cert == before
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*") if p.is_file()} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("ofd")} == {0o700}


def test_test_seals_that_are_there_stay(folder: Path) -> None:
    before = files(folder)

    add_test_ofd_seals(folder, identities=SEALS | {"no-such": AUTHORITY}, now=NOW)

    assert files(folder) == before


@pytest.mark.parametrize("real", ["identity.toml", "ofd/identity.toml"])
def test_a_keyring_with_a_real_seal_gains_no_test_seal(folder: Path, real: str) -> None:
    shutil.rmtree(folder / "identities" / NAME / "ofd")
    (folder / "identities" / "example-two" / real).write_text("width_mm = 42.0\n")
    before = files(folder)

    add_test_ofd_seals(folder, identities=SEALS, now=NOW)

    assert files(folder) == before


# Taking an issued seal in


def test_an_issued_seal_is_taken_in_and_signs(folder: Path, office: Office) -> None:
    seal = take(folder, office.given)

    identity = Keyring(folder).ofd_seal("example-three")
    assert seal.der == office.given.seal
    assert not identity.test
    assert identity.chain == (office.ca.issuing.certificate, office.ca.root.certificate)
    assert ends(seal, identity.signing_cert) == seal.valid_until


def test_an_identity_may_have_a_seal_for_ofd_only(folder: Path, office: Office) -> None:
    take(folder, office.given)
    keyring = Keyring(folder)

    with pytest.raises(SettingsError, match="no seal for PDF of example-three, only one for OFD"):
        keyring.identity("example-three")

    [summary] = [each for each in keyring.identities() if each.name == "example-three"]
    assert (summary.format, summary.algorithm, summary.test) == ("ofd", "SM2", False)
    assert summary.not_after == ses.read_seal(office.given.seal).valid_until


def test_an_identity_may_have_a_seal_for_pdf_only(folder: Path) -> None:
    without_ofd(folder)
    keyring = Keyring(folder)

    with pytest.raises(SettingsError, match=r"no seal for OFD of example-one.*import-seal"):
        keyring.ofd_seal(NAME)

    assert keyring.identity(NAME).test
    assert {each.format for each in keyring.identities()} == {"pdf"}


@pytest.mark.parametrize("name", ["../identities/example-one", "", "Example", "a/b", "no-such"])
def test_a_seal_that_is_not_there_is_named(folder: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="no signing identity"):
        Keyring(folder).ofd_seal(name)


@pytest.mark.parametrize("name", ["../x", "", "Example", "a/b", ".x"])
def test_an_import_never_leads_out_of_the_keyring(folder: Path, office: Office, name: str) -> None:
    before = files(folder)

    with pytest.raises(SettingsError, match="small letters, digits and hyphens"):
        take(folder, office.given, name=name)

    assert files(folder) == before


def test_a_seal_replaces_another_only_when_that_is_asked_for(folder: Path, office: Office) -> None:
    before = files(folder)
    with pytest.raises(ConflictError, match="give --replace"):
        take(folder, office.given, name=NAME)
    assert files(folder) == before

    seal = take(folder, office.given, name=NAME, replacing=True)

    assert seal.der == office.given.seal
    assert Keyring(folder).identity(NAME).test
    assert not list(folder.glob(".*"))


def test_a_seal_that_is_refused_leaves_the_present_one(folder: Path, office: Office) -> None:
    before = files(folder)

    with pytest.raises(SealRefusedError):
        take(folder, replace(office.given, seal=b"no seal"), name=NAME, replacing=True)

    assert files(folder) == before


def test_the_issuers_of_a_seal_that_was_replaced_stay_known(folder: Path, office: Office) -> None:
    take(folder, office.given)
    later = office_of()
    root = later.ca.root.certificate
    (folder / "roots" / "later.pem").write_bytes(root.public_bytes(PEM))

    take(folder, later.given, replacing=True)

    known = Keyring(folder).seal_issuers()
    assert {office.ca.issuing.certificate, later.ca.issuing.certificate} <= set(known)


def test_a_ca_that_leads_nowhere_is_not_kept(folder: Path, office: Office) -> None:
    stranger = office_of().ca
    others = (stranger.issuing.certificate, stranger.root.certificate)

    take(folder, replace(office.given, chain=(*office.given.chain, *others)))

    assert not set(others) & set(Keyring(folder).seal_issuers())
    assert len(list((folder / "issuers").glob("*.pem"))) == 2


def test_what_is_imported_only_its_owner_can_read(folder: Path, office: Office) -> None:
    take(folder, office.given)

    home = folder / "identities" / "example-three"
    assert {stat.S_IMODE(p.stat().st_mode) for p in home.rglob("*") if p.is_file()} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in (home, home / "ofd")} == {0o700}


def test_a_chain_may_hold_its_root_and_come_in_any_order(folder: Path, office: Office) -> None:
    chain = (office.ca.root.certificate, office.ca.issuing.certificate)

    take(folder, replace(office.given, chain=chain))

    assert Keyring(folder).ofd_seal("example-three").chain == chain[::-1]


def test_a_chain_is_completed_from_what_the_keyring_knows(folder: Path, office: Office) -> None:
    take(folder, office.given)

    take(folder, replace(office.given, chain=()), replacing=True)

    assert Keyring(folder).ofd_seal("example-three").chain[0] == office.ca.issuing.certificate


def test_a_passphrase_file_elsewhere_opens_imported_keys(
    folder: Path, office: Office, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "passphrase"
    elsewhere.write_bytes(PASSPHRASE + b"\n")
    keyring = Keyring(folder, passphrase_file=elsewhere)

    keyring.import_ofd_seal("example-three", office.given, now=NOW, replace=False)

    assert keyring.ofd_seal("example-three").name == "example-three"


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def in_name(seal: bytes) -> bytes:
    """The seal with another name in it: the picture still fits, the signature does not."""
    return seal.replace(AUTHORITY.encode(), "示例市住房和城乡建设委员曾".encode())


SEALS_REFUSED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "cannot be read"),
    "text": (lambda _: b"no seal at all", "cannot be read"),
    "broken off": (lambda seal: seal[:-1], "cannot be read"),
    "followed by something": (lambda seal: seal + b"\0", "cannot be read"),
    "another name": (in_name, "maker's signature does not fit"),
    "another signature": (lambda seal: flipped(seal, -1), "maker's signature does not fit"),
    "too large": (lambda seal: seal + bytes(ses.MOST_BYTES), "larger than"),
}


@pytest.mark.parametrize(("change", "match"), SEALS_REFUSED.values(), ids=SEALS_REFUSED.keys())
def test_a_seal_that_is_not_its_makers_is_refused(
    folder: Path, office: Office, change: Callable[[bytes], bytes], match: str
) -> None:
    given = replace(office.given, seal=change(office.given.seal))

    refused(folder, given, match, SealRefusedError)


def test_a_seal_of_a_maker_whose_root_is_not_trusted_is_refused(
    folder: Path, bureau: Office
) -> None:
    refused(folder, bureau.given, "signer is not trusted: .* root into roots/", SealRefusedError)


def test_a_seal_of_another_maker_than_the_trusted_one_is_refused(
    folder: Path, office: Office
) -> None:
    stranger = office_of().ca
    given = replace(office.given, seal=seal_of(stranger, office.given.signing_cert))

    refused(folder, given, "maker is not trusted", SealRefusedError)


def test_a_seal_that_lists_another_signer_is_refused(folder: Path, office: Office) -> None:
    given = replace(office.given, seal=seal_of(office.ca, office_of().given.signing_cert))

    refused(folder, given, "does not list the signing certificate", SealRefusedError)


def test_a_seal_that_lists_two_signers_takes_either(folder: Path, office: Office) -> None:
    listed = (office_of().given.signing_cert, office.given.signing_cert)

    take(folder, replace(office.given, seal=seal_of(office.ca, *listed)))


@pytest.mark.parametrize(("first", "last"), [(-2 * YEAR, -YEAR), (YEAR, 2 * YEAR), (YEAR, -YEAR)])
def test_a_seal_outside_its_validity_is_refused(
    folder: Path, office: Office, first: timedelta, last: timedelta
) -> None:
    given = office.reissued(valid_from=NOW + first, valid_until=NOW + last)

    refused(folder, given, "not valid at that time", SealRefusedError)


def test_a_seal_is_valid_on_its_last_second(folder: Path, office: Office) -> None:
    take(folder, office.reissued(valid_from=NOW - YEAR / 365, valid_until=NOW))


def test_an_expired_signer_is_refused(folder: Path, office: Office) -> None:
    with pytest.raises(SealRefusedError, match="signing certificate is not valid"):
        take(folder, office.given, now=NOW + 4 * YEAR)


def test_a_seal_that_has_ended_still_loads_for_whoever_looks(folder: Path, office: Office) -> None:
    seal = take(folder, office.reissued(valid_until=NOW + timedelta(hours=1)))

    assert seal.valid_until < NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"picture": b"no picture"}, "picture"),
        ({"picture": b"<svg/>", "picture_type": "SVG"}, "neither PNG nor JPG"),
        ({"width_mm": 84}, "another shape"),
        ({"width_mm": 1, "height_mm": 1}, "not between"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused(
    folder: Path, office: Office, changes: dict[str, object], match: str
) -> None:
    refused(folder, office.reissued(**changes), match, SealRefusedError)


def test_a_jpeg_can_be_drawn(folder: Path, office: Office) -> None:
    take(folder, office.reissued(picture=picture("JPEG"), picture_type="JPG"))


def test_a_key_of_another_signer_is_found_before_it_is_used(folder: Path, office: Office) -> None:
    given = replace(office.given, key=office_of().given.key)

    refused(folder, given, "do not belong together", SettingsError)


def test_a_wrong_passphrase_is_said_without_saying_it(folder: Path, office: Office) -> None:
    assert isinstance(office.given.key, KeyFileGiven)
    key = replace(office.given.key, passphrase=b"not-the-passphrase")

    with pytest.raises(SettingsError, match="passphrase") as caught:
        take(folder, replace(office.given, key=key))

    assert "not-the-passphrase" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_refused(folder: Path, office: Office, data: bytes) -> None:
    key = KeyFileGiven(key=data, passphrase=PASSPHRASE)

    refused(folder, replace(office.given, key=key), "key", SettingsError)


def test_a_signer_without_the_cas_between_is_refused(folder: Path, office: Office) -> None:
    refused(folder, replace(office.given, chain=()), "the CAs between", SealRefusedError)


def test_a_signer_of_another_algorithm_is_refused(folder: Path, office: Office) -> None:
    other = Keyring(folder).identity(NAME).signing_cert
    given = replace(office.given, signing_cert=other, seal=seal_of(office.ca, other))

    refused(folder, given, "not of SM2", SealRefusedError)


def test_a_ca_cannot_be_the_signer(folder: Path, office: Office) -> None:
    issuing = office.ca.issuing.certificate
    given = replace(office.given, signing_cert=issuing, seal=seal_of(office.ca, issuing))

    refused(folder, given, "not for sealing", SealRefusedError)


def test_a_broken_certificate_is_refused_whatever_of_it_is_broken(
    folder: Path, office: Office
) -> None:
    """Every byte of the signer's, one flipped at a time, as far as it loads at all."""
    data = office.given.signing_cert.public_bytes(DER)
    for place in range(0, len(data), 3):
        try:
            broken = x509.load_der_x509_certificate(flipped(data, place))
        except (ValueError, x509.InvalidVersion):
            continue
        given = replace(office.given, signing_cert=broken, seal=seal_of(office.ca, broken))
        with pytest.raises((SealRefusedError, SettingsError, SignatureRefusedError)):
            take(folder, given)


# What lies there is proved again at every start


@pytest.mark.parametrize(
    "name", ["identity.toml", "seal.esl", "signing.pem", "chain.pem", "key.p8", "passphrase"]
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / "identities" / NAME / "ofd" / name).unlink()

    with pytest.raises(SettingsError, match=f"ofd/{name}"):
        Keyring(folder).ofd_seal(NAME)


@pytest.mark.parametrize(
    "name", ["identity.toml", "seal.esl", "signing.pem", "chain.pem", "key.p8", "passphrase"]
)
def test_a_broken_file_is_a_setting_to_mend_not_a_traceback(folder: Path, name: str) -> None:
    (folder / "identities" / NAME / "ofd" / name).write_bytes(b"\xff broken")

    with pytest.raises(SettingsError):
        Keyring(folder).ofd_seal(NAME)


@pytest.mark.parametrize("name", ["key.p8", "passphrase"])
def test_a_secret_that_everybody_can_read_is_refused(folder: Path, name: str) -> None:
    (folder / "identities" / NAME / "ofd" / name).chmod(0o644)

    with pytest.raises(SettingsError, match=f"{name} is open to everybody"):
        Keyring(folder).ofd_seal(NAME)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("key.p8", "do not belong together|does not open"),
        ("signing.pem", "does not list the signing certificate"),
        ("seal.esl", "does not list the signing certificate"),
    ],
)
def test_a_file_of_another_identity_is_found_before_it_is_used(
    folder: Path, name: str, match: str
) -> None:
    one, two = (folder / "identities" / each / "ofd" for each in SEALS)
    shutil.copy(two / name, one / name)
    if name == "key.p8":
        shutil.copy(two / "passphrase", one / "passphrase")

    with pytest.raises(SettingsError, match=match):
        Keyring(folder).ofd_seal(NAME)


def test_a_changed_seal_is_found_before_it_is_used(folder: Path) -> None:
    seal = folder / "identities" / NAME / "ofd" / "seal.esl"
    seal.write_bytes(in_name(seal.read_bytes()))

    with pytest.raises(SettingsError, match=r"OFD seal of example-one cannot be used: .*does not"):
        Keyring(folder).ofd_seal(NAME)


def test_a_seal_whose_root_is_no_longer_trusted_is_not_used(folder: Path) -> None:
    (folder / "roots" / "test-root-sm2.pem").unlink()

    with pytest.raises(SettingsError, match=r"OFD seal of example-one cannot be used: .*roots/"):
        Keyring(folder).ofd_seal(NAME)


def test_a_chain_out_of_order_is_found(folder: Path) -> None:
    home = folder / "identities" / NAME / "ofd"
    shutil.copy(folder / "roots" / "test-root-sm2.pem", home / "chain.pem")

    with pytest.raises(SettingsError, match="chain of example-one is broken"):
        Keyring(folder).ofd_seal(NAME)


# A key behind a seal service


@pytest.fixture
def service(bureau: Office) -> Iterator[SealService]:
    assert isinstance(bureau.given.key, KeyFileGiven)
    signer = Sm2SoftSigner(bureau.given.key.key, PASSPHRASE)
    with seal_service.running({"seal-1": signer}) as running:
        yield running


def served(office: Office, service: SealService, token: str = TOKEN) -> Given:
    key = ServiceGiven(url=service.url, key="seal-1", token=token.encode())
    return replace(office.given, key=key)


def test_a_seal_whose_key_a_service_holds_is_taken_in_and_signs(
    folder: Path, office: Office, service: SealService
) -> None:
    take(folder, served(office, service))

    identity = Keyring(folder).ofd_seal("example-three")
    [signature] = identity.signer.sign_digests([b"\x01" * 32])
    assert keys.fits_digest(identity.signing_cert, signature, b"\x01" * 32)
    home = folder / "identities" / "example-three" / "ofd"
    assert {each.name for each in home.iterdir()} == {
        "identity.toml", "seal.esl", "signing.pem", "chain.pem", "token"
    }  # fmt: skip


def test_a_document_is_sealed_with_a_key_behind_a_service(
    folder: Path, office: Office, service: SealService
) -> None:
    take(folder, served(office, service))
    identity = Keyring(folder).ofd_seal("example-three")

    sealed = seal_making.sealed(by=identity, now=NOW)

    ofd_selfcheck.self_check(sealed, identity)
    other = Keyring(folder).ofd_seal(NAME)
    with pytest.raises(SelfCheckError):
        ofd_selfcheck.self_check(sealed, other)


def test_the_same_self_test_is_the_same_request(
    folder: Path, office: Office, service: SealService
) -> None:
    take(folder, served(office, service))
    Keyring(folder).ofd_seal("example-three")

    assert len(service.asked) == 3
    assert service.signed == 1


def test_a_service_that_does_not_let_us_in_leaves_nothing_behind(
    folder: Path, office: Office, service: SealService
) -> None:
    given = served(office, service, "another-token")

    refused(folder, given, "renew the token", SettingsError)


def test_a_service_that_is_busy_leaves_nothing_behind(
    folder: Path, office: Office, service: SealService
) -> None:
    service.behave(seal_service.busy(503, Retry_After="3600"))

    refused(folder, served(office, service), "busy", KeyBusyError)


def test_a_seal_is_loaded_once_its_service_answers_again(
    folder: Path, office: Office, service: SealService
) -> None:
    take(folder, served(office, service))
    keyring = Keyring(folder)
    service.behave(seal_service.lost)
    with pytest.raises(KeyBusyError):
        keyring.ofd_seal("example-three")

    assert keyring.ofd_seal("example-three").name == "example-three"


def test_a_seal_whose_service_seals_later_is_taken_in_and_nothing_is_sealed_for_it(
    folder: Path, office: Office, bureau: Office
) -> None:
    assert isinstance(bureau.given.key, KeyFileGiven)
    signer = Sm2SoftSigner(bureau.given.key.key, PASSPHRASE)
    with sealing_service.running({"seal-1": signer}) as centre:
        key = ServiceGiven(url=centre.url, key="seal-1", token=TOKEN.encode(), mode=ASYNCHRONOUS)
        take(folder, replace(office.given, key=key))

        identity = Keyring(folder).ofd_seal("example-three")

        assert isinstance(identity.signer, LaterSigner)
        assert identity.signer.patience == timedelta(days=7)
        assert (centre.known, centre.signed) == ({}, [])


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ('mode = "sometime"', "mode"),
        ("mode = 1", "mode"),
        ('mode = "asynchronous"\npatience_hours = 0', "patience_hours"),
        ('mode = "asynchronous"\npatience_hours = "7"', "patience_hours"),
        ('mode = "asynchronous"\npatience_hours = true', "patience_hours"),
        ('mode = "asynchronous"\npatience_hours = 8785', "patience_hours"),
    ],
)
def test_a_service_that_seals_at_another_time_than_can_be_is_a_setting_to_mend(
    folder: Path, said: str, wrong: str
) -> None:
    about = folder / "identities" / NAME / "ofd" / "identity.toml"
    about.write_text(f'[service]\nurl = "https://seals.example"\nkey = "a"\n{said}\n')

    with pytest.raises(SettingsError, match=wrong):
        Keyring(folder).ofd_seal(NAME)


@pytest.mark.parametrize(
    "said",
    ["service = 1", "[service]", '[service]\nurl = "https://a"', "[service]\nurl = 1\nkey = 2",
     '[service]\nurl = "http://seals.example"\nkey = "a"'],
)  # fmt: skip
def test_a_service_that_is_not_said_whole_is_a_setting_to_mend(folder: Path, said: str) -> None:
    (folder / "identities" / NAME / "ofd" / "identity.toml").write_text(said + "\n")

    with pytest.raises(SettingsError, match="url"):
        Keyring(folder).ofd_seal(NAME)


def test_a_seal_of_an_unknown_version_is_refused(folder: Path, office: Office) -> None:
    header = der.sequence(der.ia5("ES"), der.integer(4), der.ia5("TEST"))
    other = der.sequence(der.ia5("ES"), der.integer(9), der.ia5("TEST"))
    given = replace(office.given, seal=office.given.seal.replace(header, other))

    refused(folder, given, "version that is not read here", SealRefusedError)
