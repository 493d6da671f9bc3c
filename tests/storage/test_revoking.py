"""Test keyrings whose CA can revoke, and the lists that a keyring holds."""

import shutil
import stat
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image

from factory.errors import SettingsError
from factory.seals.revocation import Fate, Revoked, fate
from storage import testca
from storage.keyring import Keyring
from storage.new_keyring import add_test_identities, create_test_keyring
from storage.testca import Ended

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SEALS = {"example-one": "示例市住房和城乡建设委员会", "example-two": "样例省住房和城乡建设厅"}
COMPROMISED = Ended(serial=0, at=NOW + DAY, reason="keyCompromise", invalid_since=NOW)


def picture(_: str) -> bytes:
    drawn = BytesIO()
    Image.new("RGBA", (8, 8), "red").save(drawn, "PNG")
    return drawn.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "keyring"
    create_test_keyring(folder, identities=SEALS, now=NOW, draw_seal=picture)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "keyring"))


def fates(keyring: Keyring, name: str) -> tuple[Fate, Fate]:
    """Of the certificate for PDF and of that for OFD."""
    known, pdf, ofd = keyring.revocations(), keyring.identity(name), keyring.ofd_seal(name)
    return (
        fate(known, pdf.signing_cert, pdf.chain[0]),
        fate(known, ofd.signing_cert, ofd.chain[0]),
    )


def test_a_test_identity_is_revoked_in_both_formats(folder: Path) -> None:
    keyring = Keyring(folder)
    assert not keyring.revocations()

    written = keyring.revoke_test_identity("example-one", COMPROMISED, now=NOW + DAY)

    gone = Fate(revoked=Revoked(at=NOW, reason="keyCompromise"), as_of=None)
    assert fates(keyring, "example-one") == (gone, gone)
    assert {each.as_of for each in fates(keyring, "example-two")} == {NOW + DAY}
    assert {stat.S_IMODE(each.stat().st_mode) for each in written} == {0o600}


def test_a_second_revocation_keeps_the_first(folder: Path) -> None:
    keyring = Keyring(folder)
    keyring.revoke_test_identity("example-one", COMPROMISED, now=NOW + DAY)

    keyring.revoke_test_identity("example-two", COMPROMISED, now=NOW + 2 * DAY)

    for name in SEALS:
        assert all(each.revoked for each in fates(keyring, name))


def test_what_was_added_later_has_a_ca_that_is_kept_too(folder: Path) -> None:
    more = {"example-three": "示例省住房和城乡建设厅"}
    add_test_identities(folder, identities=more, now=NOW, draw_seal=picture)
    keyring = Keyring(folder)

    keyring.revoke_test_identity("example-three", COMPROMISED, now=NOW + DAY)

    assert all(each.revoked for each in fates(keyring, "example-three"))


@pytest.mark.parametrize("place", [".", "ofd"])
def test_a_seal_that_is_real_is_not_revoked_and_a_test_beside_it_is(
    place: str, folder: Path
) -> None:
    make_real(folder, "example-two", place)

    with pytest.raises(SettingsError, match="the seal example-two is no test"):
        Keyring(folder).revoke_test_identity("example-two", COMPROMISED, now=NOW)
    assert not (folder / "revocation").exists()

    Keyring(folder).revoke_test_identity("example-one", COMPROMISED, now=NOW)
    assert all(each.revoked for each in fates(Keyring(folder), "example-one"))


def make_real(folder: Path, name: str, place: str = ".") -> None:
    about = folder / "identities" / name / place / "identity.toml"
    about.write_text(about.read_text().replace("test = true", "test = false"))


def test_the_test_cas_lists_are_made_beside_a_seal_of_another_ca(folder: Path) -> None:
    """Else the lists of the test authority of time could not be had, and B-LT neither."""
    make_real(folder, "example-two")

    written = Keyring(folder).renew_test_lists(now=NOW)

    assert len(written) == 5


def test_of_a_certificate_of_another_ca_it_is_said_who_revokes_it(folder: Path) -> None:
    stranger = testca.issue_seal(testca.make_ca(NOW, name="Stranger"), "x").certificate
    signing = folder / "identities" / "example-one" / "signing.pem"
    signing.write_bytes(stranger.public_bytes(Encoding.PEM))

    with pytest.raises(SettingsError, match=r"but CN=Stranger Issuing CA.*that one revokes it"):
        Keyring(folder).revoke_test_identity("example-one", COMPROMISED, now=NOW)


def test_a_test_keyring_from_before_says_what_to_do(folder: Path) -> None:
    shutil.rmtree(folder / "testca")

    with pytest.raises(SettingsError, match="make a new one"):
        Keyring(folder).revoke_test_identity("example-one", COMPROMISED, now=NOW)
    with pytest.raises(SettingsError, match="holds no test CA"):
        Keyring(folder).renew_test_lists(now=NOW)


def test_the_keys_of_the_test_ca_are_encrypted_and_the_owners_alone(folder: Path) -> None:
    keys = list((folder / "testca").glob("*/key.p8"))

    assert len(keys) == 5  # two CAs and their roots, and the root of the time-stamping authority
    assert all(b"ENCRYPTED" in each.read_bytes() for each in keys)
    assert {stat.S_IMODE(each.stat().st_mode) for each in keys} == {0o600}


def test_a_list_that_is_replaced_is_read_again(folder: Path) -> None:
    keyring = Keyring(folder)
    keyring.revoke_test_identity("example-one", COMPROMISED, now=NOW + DAY)
    before = keyring.revocations()
    assert keyring.revocations() is before

    for path in (folder / "revocation").iterdir():
        path.unlink()

    assert not keyring.revocations()


@pytest.mark.parametrize("name", ["ca.crl", "ca.ocsp"])
def test_a_file_that_is_no_list_is_named(name: str, folder: Path) -> None:
    (folder / "revocation").mkdir()
    (folder / "revocation" / name).write_bytes(b"no list")

    with pytest.raises(SettingsError, match=f"revocation/{name}: the revocation list cannot"):
        Keyring(folder).revocations()


def test_an_answer_may_lie_there_too(folder: Path) -> None:
    ca = testca.make_ca(NOW)
    seal = testca.issue_seal(ca, "x").certificate
    answer = testca.revocation_answer(ca.issuing, seal, None, now=NOW)
    (folder / "revocation").mkdir()
    (folder / "revocation" / "seal.ocsp").write_bytes(answer)

    known = Keyring(folder).revocations()

    assert fate(known, seal, ca.issuing.certificate).as_of == NOW


def test_roots_of_time_are_those_of_all_authorities(folder: Path) -> None:
    roots = [testca.make_ca(NOW, name=name).root.certificate for name in "ab"]
    [own] = Keyring(folder).time_roots()

    for name, root in zip("ab", roots, strict=True):
        home = folder / "tsa" / name / "roots"
        home.mkdir(parents=True)
        (home / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))

    found: tuple[x509.Certificate, ...] = Keyring(folder).time_roots()
    assert set(found) == {own, *roots}
