"""`up`, really started, over seals in PKCS#12 files; and who lists them without opening them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from factory.errors import KeyBusyError, SettingsError
from jobs.settings import Settings
from storage import keyfiles, testca
from storage.keyring import Keyring
from storage.signer_process import SignerProcess
from tests import telling
from tests.signer_running import ROOT, cli, settings_in

OK, UNAVAILABLE = 0, 6
SECRET = b"correct horse"
BESIDE, ALONE, THERE = "beside-its-file", "in-its-file", "shanghai-constructor"
PATIENCE_SECONDS = 180.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data directory whose keyring has test seals, and two more in PKCS#12 files.

    One was imported; of the other all is in its file, as older versions imported it.
    """
    found = settings_in(tmp_path / "data", METRICS_PORT="0", HTTP_PORT="0", BULK_WORKERS="1")
    keyring = found.keyring_dir
    shutil.copytree(Path(telling._keyring(None).name, "keyring"), keyring)
    for name in (BESIDE, ALONE):
        imported(found, name, tmp_path)
    for public in ("signing.pem", "chain.pem"):
        (keyring / "identities" / ALONE / public).unlink(missing_ok=True)
    return found


def imported(settings: Settings, name: str, folder: Path) -> None:
    """A seal that its CA hands out in one file, taken into the keyring."""
    keyring, ca = settings.keyring_dir, testca.make_ca(datetime.now(UTC))
    issued, issuer = testca.issue_seal(ca, "示例管理部门"), ca.issuing.certificate
    how = BestAvailableEncryption(SECRET)
    bundle = serialize_key_and_certificates(b"", issued.key, issued.certificate, [issuer], how)
    (folder / f"{name}.p12").write_bytes(bundle)
    (folder / "passphrase").write_bytes(SECRET)
    root = ca.root.certificate.public_bytes(Encoding.PEM)
    (keyring / "roots" / f"{name}.pem").write_bytes(root)
    picture = keyring / "identities" / THERE / "seal.png"
    done = cli(
        "keys", "import", "--identity", name, "--pkcs12", str(folder / f"{name}.p12"),
        "--passphrase-file", str(folder / "passphrase"), "--picture", str(picture), "--test",
        settings=settings,
    )  # fmt: skip
    assert done.returncode == OK, done.stderr


@contextmanager
def up(settings: Settings) -> Iterator[str]:
    """What it has said by the time that it is ready."""
    said = settings.data_dir.parent / "said.txt"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "cli.py", "up"],
            cwd=ROOT,
            env=os.environ | settings.to_env(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        limit = time.monotonic() + PATIENCE_SECONDS
        while "ready;" not in said.read_text("utf-8"):
            assert process.poll() is None and time.monotonic() < limit, said.read_text("utf-8")
            time.sleep(0.1)
        yield said.read_text("utf-8")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == OK
    finally:
        process.kill()
        process.wait()


def away(settings: Settings) -> SignerProcess:
    """A signer process that does not run."""
    return SignerProcess(f"unix:{settings.data_dir}/nobody")


def test_it_starts_over_seals_in_pkcs12_files_and_lists_them(settings: Settings) -> None:
    with up(settings):
        listed = cli("keys", "list", settings=settings)

    assert listed.returncode == OK, listed.stderr
    assert {BESIDE, ALONE} <= set(listed.stdout.split())


def test_an_imported_one_has_its_certificates_beside_it_for_who_cannot_open_it(
    settings: Settings,
) -> None:
    home = settings.keyring_dir / "identities" / BESIDE
    (home / "seal.p12").unlink()
    (home / "passphrase").unlink()

    identity = Keyring(settings.keyring_dir, process=away(settings)).identity(BESIDE)

    assert identity.signing_cert == keyfiles.certificates(home / "signing.pem")[0]
    assert identity.chain == keyfiles.certificates(home / "chain.pem")


def test_where_only_the_process_knows_a_certificate_who_asks_in_vain_hears_whose_and_what_to_do(
    settings: Settings,
) -> None:
    process = away(settings)

    with pytest.raises(KeyBusyError, match=f"{ALONE}.*keys import --replace.*gives no answer"):
        Keyring(settings.keyring_dir, process=process).identities()

    shutil.rmtree(settings.keyring_dir / "identities" / ALONE)
    found = Keyring(settings.keyring_dir, process=process).identities()
    assert BESIDE in {each.name for each in found}


def test_a_certificate_beside_it_that_is_anothers_is_refused_by_who_opens_the_file(
    settings: Settings,
) -> None:
    homes = settings.keyring_dir / "identities"
    shutil.copy(homes / THERE / "signing.pem", homes / BESIDE / "signing.pem")

    with pytest.raises(SettingsError, match=f"{BESIDE}.*another certificate.*--replace"):
        Keyring(settings.keyring_dir).identity(BESIDE)


def test_one_that_a_root_has_issued_needs_no_chain_beside_it(tmp_path: Path) -> None:
    keyring, now = tmp_path / "data" / "keyring", datetime.now(UTC)
    shutil.copytree(Path(telling._keyring(None).name, "keyring"), keyring)
    settings = settings_in(tmp_path / "data")
    imported(settings, BESIDE, tmp_path)
    home = keyring / "identities" / BESIDE
    (home / "chain.pem").unlink()

    identity = Keyring(keyring, process=away(settings)).identity(BESIDE)

    assert isinstance(identity.signing_cert, x509.Certificate)
    assert (identity.chain, identity.signing_cert.not_valid_after_utc > now) == ((), True)
