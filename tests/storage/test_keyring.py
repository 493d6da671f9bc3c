"""The keyring: made whole or not at all, readable by its owner only, and proved at load."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from PIL import Image

from factory.errors import SettingsError
from storage import answer_key
from storage.keyring import Keyring
from storage.new_keyring import add_test_identities, create_keyring, create_test_keyring

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SEALS = {"example-one": "示例市住房和城乡建设委员会", "example-two": "样例省住房和城乡建设厅"}


def new_keyring(folder: Path, algorithm: str = "p256") -> Path:
    create_test_keyring(
        folder, identities=SEALS, now=NOW, draw_seal=lambda _: picture(), algorithm=algorithm
    )
    return folder


def picture() -> bytes:
    """A square PNG."""
    drawn = BytesIO()
    Image.new("RGBA", (8, 8), "red").save(drawn, "PNG")
    return drawn.getvalue()


def add(
    folder: Path, seals: dict[str, str], draw: Callable[[str], bytes] = lambda _: picture()
) -> None:
    add_test_identities(folder, identities=seals, now=NOW, draw_seal=draw)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_keyring(tmp_path_factory.mktemp("made") / "keyring")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "keyring"))


def test_a_keyring_of_ones_own_has_keys_for_the_ledger_and_answers_and_no_seal(
    tmp_path: Path,
) -> None:
    create_keyring(tmp_path / "keyring", with_log=True)

    keyring = Keyring(tmp_path / "keyring")
    assert keyring.identities() == []
    assert keyring.master_keys().current in keyring.master_keys().keys
    assert answer_key.load(tmp_path / "keyring").curve.name == "secp256r1"
    assert keyring.log_key().origin.startswith("certificate-factory.log/")
    with pytest.raises(SettingsError, match="trust root"):
        keyring.trust_roots()


def test_where_a_process_holds_the_keys_that_of_the_log_is_not_made_here(tmp_path: Path) -> None:
    create_keyring(tmp_path / "keyring", with_log=False)

    with pytest.raises(SettingsError, match="keys create-log"):
        Keyring(tmp_path / "keyring").log_key()


def test_a_keyring_that_is_there_is_not_made_anew(tmp_path: Path) -> None:
    create_keyring(tmp_path / "keyring", with_log=True)
    first = (tmp_path / "keyring" / "master.json").read_bytes()

    create_keyring(tmp_path / "keyring", with_log=True)

    assert (tmp_path / "keyring" / "master.json").read_bytes() == first


@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_every_identity_of_a_new_keyring_signs(tmp_path: Path, algorithm: str) -> None:
    keyring = Keyring(new_keyring(tmp_path / "keyring", algorithm))

    identity = keyring.identity("example-one")

    assert len(identity.signer.sign_digests([b"\x01" * 32, b"\x02" * 32])) == 2


def test_test_seals_say_so_in_subject_and_summary(folder: Path) -> None:
    summaries = Keyring(folder).identities()

    assert [(each.name, each.format) for each in summaries] == [
        ("example-one", "pdf"),
        ("example-one", "ofd"),
        ("example-two", "pdf"),
        ("example-two", "ofd"),
    ]
    assert all(each.test and "TEST" in each.subject for each in summaries)
    assert [each.algorithm for each in summaries] == ["secp256r1", "SM2"] * 2


def test_only_the_owner_can_read_a_keyring(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]

    modes = {stat.S_IMODE(path.stat().st_mode) for path in files}

    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_keyring_that_exists_is_left_alone(folder: Path) -> None:
    before = (folder / "master.json").read_bytes()

    new_keyring(folder)

    assert (folder / "master.json").read_bytes() == before


def test_a_test_seal_is_added_with_a_root_of_its_own(folder: Path) -> None:
    before = Keyring(folder).trust_roots()

    add(folder, {"example-three": "示例省住房和城乡建设厅"})

    keyring = Keyring(folder)
    assert {each.name for each in keyring.identities()} == {*SEALS, "example-three"}
    assert keyring.identity("example-three").test
    assert keyring.ofd_seal("example-three").test
    assert len(keyring.trust_roots()) == len(before) + 2
    assert set(before) < set(keyring.trust_roots())


def test_a_seal_is_added_whole_or_not_at_all(folder: Path) -> None:
    def no_ink(_: str) -> bytes:
        raise RuntimeError("out of ink")

    before = sorted(folder.rglob("*"))
    with pytest.raises(RuntimeError):
        add(folder, {"example-three": "示例省住房和城乡建设厅"}, no_ink)

    assert sorted(folder.rglob("*")) == before


def test_a_keyring_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def no_ink(_: str) -> bytes:
        raise RuntimeError("out of ink")

    with pytest.raises(RuntimeError):
        create_test_keyring(tmp_path / "keyring", identities=SEALS, now=NOW, draw_seal=no_ink)

    assert list(tmp_path.iterdir()) == []


def test_the_master_keys_open_what_they_sealed(folder: Path) -> None:
    first, again = Keyring(folder).master_keys(), Keyring(folder).master_keys()

    assert (first.current, first.keys, first.lookup) == (again.current, again.keys, again.lookup)


def test_a_key_of_another_certificate_is_found_before_it_is_used(folder: Path) -> None:
    one, two = folder / "identities" / "example-one", folder / "identities" / "example-two"
    for name in ("key.p8", "passphrase"):
        shutil.copy(two / name, one / name)

    with pytest.raises(SettingsError, match="do not belong together"):
        Keyring(folder).identity("example-one")


def test_a_workers_copy_of_a_keyring_has_no_key_and_says_so(folder: Path, tmp_path: Path) -> None:
    """By the command of docs/signer.md, with a shell in the place of the other machine's."""
    guide = (Path(__file__).parents[2] / "docs" / "signer.md").read_text("utf-8")
    [command] = re.findall(r"```sh\n(tar .*?)```", guide, re.DOTALL)
    worker = tmp_path / "worker"
    worker.mkdir()
    here = command.replace("ssh worker", "sh -c").replace("/path/of/keyring", str(worker))

    subprocess.run(["sh", "-e", "-c", here], cwd=folder, check=True, timeout=60)

    secrets = {"key.p8", "passphrase", "pin", "answers.p8", "master.json"}
    assert not secrets & {each.name for each in worker.rglob("*")}
    there, copied = Keyring(folder).identities(), Keyring(worker).identities()
    assert {each.held for each in there} == {"key file"}
    assert {each.held for each in copied} == {"key file, not here"}
    assert [each.fingerprint for each in copied] == [each.fingerprint for each in there]
    assert Keyring(worker).trust_roots() == Keyring(folder).trust_roots()


def test_a_wrong_passphrase_is_said_without_saying_it(folder: Path) -> None:
    (folder / "identities" / "example-one" / "passphrase").write_text("not-the-passphrase")

    with pytest.raises(SettingsError, match="check its passphrase") as caught:
        Keyring(folder).identity("example-one")

    assert "not-the-passphrase" not in str(caught.value)


def test_a_passphrase_file_elsewhere_opens_the_keys(folder: Path, tmp_path: Path) -> None:
    home = folder / "identities" / "example-one"
    elsewhere = (home / "passphrase").rename(tmp_path / "passphrase")

    identity = Keyring(folder, passphrase_file=elsewhere).identity("example-one")

    assert identity.test


def test_a_passphrase_that_comes_by_a_pipe_opens_all_the_keys(folder: Path) -> None:
    secrets = [folder / "identities" / name / "passphrase" for name in SEALS]
    same = secrets[0].read_bytes()
    for name in ("key.p8", "signing.pem", "passphrase"):
        shutil.copy(secrets[0].with_name(name), secrets[1].with_name(name))
    for each in secrets:
        each.unlink()
    readable, writable = os.pipe()
    os.write(writable, same)
    os.close(writable)

    keyring = Keyring(folder, passphrase_file=Path(f"/dev/fd/{readable}"))

    assert all(keyring.identity(name).test for name in SEALS)


@pytest.mark.parametrize("table", ['[pkcs11]\ntoken = "t"', '[service]\nurl = "u"'])
def test_a_key_that_is_said_to_be_in_two_places_is_refused(folder: Path, table: str) -> None:
    about = as_pkcs12(folder) / "identity.toml"
    about.write_text(about.read_text() + table + "\n")

    with pytest.raises(SettingsError, match="keep one"):
        Keyring(folder).identity("example-one")


def test_the_list_says_where_each_key_is(folder: Path) -> None:
    as_pkcs12(folder)

    held = {(each.name, each.format): each.held for each in Keyring(folder).identities()}

    assert held["example-one", "pdf"] == "PKCS#12 file"
    assert held["example-one", "ofd"] == held["example-two", "pdf"] == "key file"


def as_pkcs12(folder: Path) -> Path:
    """The first identity as a CA would hand it out: one file, issuers in any order."""
    home = folder / "identities" / "example-one"
    secret = (home / "passphrase").read_bytes()
    key = load_pem_private_key((home / "key.p8").read_bytes(), secret)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    leaf, issuing, root = (
        x509.load_pem_x509_certificate(path.read_bytes())
        for path in (home / "signing.pem", home / "chain.pem", folder / "roots" / "test-root.pem")
    )
    bundle = serialize_key_and_certificates(
        b"seal", key, leaf, [root, issuing], BestAvailableEncryption(secret)
    )
    for name in ("key.p8", "signing.pem", "chain.pem"):
        (home / name).unlink()
    (home / "seal.p12").touch(mode=0o600)
    (home / "seal.p12").write_bytes(bundle)
    with (home / "identity.toml").open("a") as settings:
        settings.write('pkcs12 = "seal.p12"\n')
    return home


def test_an_identity_may_be_one_pkcs12_file(folder: Path) -> None:
    before = Keyring(folder).identity("example-one")
    as_pkcs12(folder)

    keyring = Keyring(folder)

    assert keyring.identity("example-one").signing_cert == before.signing_cert
    assert keyring.identity("example-one").chain[0] == before.chain[0]
    assert {each.name for each in keyring.identities()} == {"example-one", "example-two"}


def test_a_pkcs12_file_with_another_passphrase_says_so(folder: Path) -> None:
    (as_pkcs12(folder) / "passphrase").write_text("another")

    with pytest.raises(SettingsError, match="check its passphrase"):
        Keyring(folder).identity("example-one")


@pytest.mark.parametrize("name", ["key.p8", "passphrase"])
def test_a_secret_that_everybody_can_read_is_refused(folder: Path, name: str) -> None:
    (folder / "identities" / "example-one" / name).chmod(0o644)

    with pytest.raises(SettingsError, match=f"{name} is open to everybody"):
        Keyring(folder).identity("example-one")


def test_master_keys_that_everybody_can_read_are_refused(folder: Path) -> None:
    (folder / "master.json").chmod(0o604)

    with pytest.raises(SettingsError, match="open to everybody"):
        Keyring(folder).master_keys()


def test_a_chain_of_strangers_is_found_before_it_is_embedded(folder: Path) -> None:
    home = folder / "identities" / "example-one"
    shutil.copy(folder / "roots" / "test-root.pem", home / "chain.pem")

    with pytest.raises(SettingsError, match="chain of example-one is broken"):
        Keyring(folder).identity("example-one")


@pytest.mark.parametrize("name", ["../identities/example-one", "", "Example", "a/b"])
def test_a_name_never_leads_out_of_the_keyring(folder: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="no signing identity"):
        Keyring(folder).identity(name)


@pytest.mark.parametrize("width", ['"wide"', "0", "-1", "nan", "101"])
def test_a_width_that_no_seal_has_is_refused(folder: Path, width: str) -> None:
    home = folder / "identities" / "example-one"
    (home / "identity.toml").write_text(f"width_mm = {width}\n")

    with pytest.raises(SettingsError, match="width_mm of example-one"):
        Keyring(folder).identity("example-one")


@pytest.mark.parametrize(
    "name", ["signing.pem", "chain.pem", "key.p8", "seal.png", "identity.toml"]
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / "identities" / "example-one" / name).unlink()

    with pytest.raises(SettingsError, match=f"example-one/{name}"):
        Keyring(folder).identity("example-one")


@pytest.mark.parametrize("name", ["signing.pem", "chain.pem", "key.p8", "identity.toml"])
def test_a_broken_file_is_a_setting_to_mend_not_a_traceback(folder: Path, name: str) -> None:
    (folder / "identities" / "example-one" / name).write_bytes(b"\xff broken")

    with pytest.raises(SettingsError):
        Keyring(folder).identity("example-one")


def test_an_identity_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(SettingsError, match="no signing identity example-three"):
        Keyring(folder).identity("example-three")


def test_without_trust_roots_nothing_can_be_verified(folder: Path) -> None:
    shutil.rmtree(folder / "roots")

    with pytest.raises(SettingsError, match="no trust root"):
        Keyring(folder).trust_roots()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"current": 1, "keys": {"1": "00"}, "lookup": ""}']
)
def test_broken_master_keys_stop_the_start(folder: Path, text: str) -> None:
    (folder / "master.json").write_text(text)

    with pytest.raises(SettingsError):
        Keyring(folder).master_keys()
