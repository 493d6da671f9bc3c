"""Make keyrings: one's own, and those of test keys; and add test keys to one that lacks them.

What is there is left as it is, and nothing of tests is added beside a seal that is real.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from factory.seals.soft import SoftKey
from storage import (
    answer_key,
    keyfiles,
    log_key,
    master_keys,
    ofd_seals,
    outside,
    testca,
    testca_keys,
    tsa,
    which_seals,
)
from storage.keyring import SEAL_WIDTH_MM

TEST_ROOT = "test-root.pem"
PEM = serialization.Encoding.PEM


def create_keyring(folder: Path, *, with_log: bool) -> None:
    """A keyring of one's own, unless the folder exists: master keys, keys for answers and log.

    with_log: unless a process holds the keys, the log's among them.
    Seals, roots and the parties' CAs come from elsewhere.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with keyfiles.building(folder.parent, f".{folder.name}-") as building:
        _own(building)
        if with_log:
            log_key.create(building, test=False)
        building.rename(folder)


def create_test_keyring(
    folder: Path,
    *,
    identities: Mapping[str, str],
    now: datetime,
    draw_seal: Callable[[str], bytes],
    algorithm: str = "p256",
) -> None:
    """A keyring with a test CA and one test seal an identity, unless the folder exists.

    identities: name -> the authority's name, which goes into the subject and the picture.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with keyfiles.building(folder.parent, f".{folder.name}-") as building:
        _build(building, identities, now, draw_seal, algorithm)
        building.rename(folder)


def _build(
    folder: Path,
    identities: Mapping[str, str],
    now: datetime,
    draw_seal: Callable[[str], bytes],
    algorithm: str,
) -> None:
    _own(folder)
    log_key.create(folder, test=True)
    _issue(folder, identities, now, draw_seal, algorithm)
    add_test_parties(folder, now)
    add_test_authority(folder, now)


def _own(folder: Path) -> None:
    """What nobody else issues, and workers hold."""
    master_keys.create(folder)
    answer_key.create(folder)


def add_test_parties(folder: Path, now: datetime) -> None:
    """The test CA of persons and enterprises, and trust in it.

    Nothing where trust in a CA is there already, or one of the seals is real.
    """
    if (folder / "parties").exists() or not which_seals.all_test(folder):
        return
    outside.create(folder / "outside", now)
    with keyfiles.building(folder, ".parties-") as building:
        for trust, root in outside.roots(folder / "outside").items():
            keyfiles.write(building / trust / TEST_ROOT, root.public_bytes(PEM))
        building.rename(folder / "parties")


def add_test_authority(folder: Path, now: datetime) -> None:
    """A test time-stamping authority, unless there is one of any kind, or a seal is real."""
    if (folder / "tsa").exists() or not which_seals.all_test(folder):
        return
    with keyfiles.building(folder, ".tsa-") as building:
        tsa.create_test(building, now)
        _move_test_keys(building, folder)
        (building / "tsa").rename(folder / "tsa")


def add_answer_key(folder: Path) -> None:
    """A key for answers, unless there is one, or one of the seals is real."""
    if not (folder / answer_key.FILE).exists() and which_seals.all_test(folder):
        answer_key.create(folder)


def add_log_key(folder: Path) -> None:
    """A test key for the log, unless there is one, or one of the seals is real."""
    if which_seals.all_test(folder):
        log_key.add_test(folder)


def add_test_ofd_seals(folder: Path, *, identities: Mapping[str, str], now: datetime) -> None:
    """A test seal for OFD beside each test seal for PDF that has none, with the same picture.

    identities: name -> the authority's name.  Nothing where one of the seals is real.
    """
    homes = {name: folder / "identities" / name for name in identities}
    wanted = {
        name: identities[name]
        for name, home in homes.items()
        if which_seals.seals_pdf(home) and not (home / ofd_seals.HOME).exists()
    }
    if not wanted or not which_seals.all_test(folder):
        return
    pictures = {name: keyfiles.read(homes[name] / "seal.png") for name in wanted}
    with keyfiles.building(folder, ".added-") as building:
        ofd_seals.issue_tests(building, wanted, pictures, now)
        _move_trust(building, folder)
        for name in wanted:
            (building / "identities" / name / ofd_seals.HOME).rename(homes[name] / ofd_seals.HOME)


def add_test_identities(
    folder: Path, *, identities: Mapping[str, str], now: datetime, draw_seal: Callable[[str], bytes]
) -> None:
    """Further test seals, under a test CA of their own, for a keyring that has been made.

    identities: name -> the authority's name; none of them is there yet.
    """
    with keyfiles.building(folder, ".added-") as building:
        _issue(building, identities, now, draw_seal, "p256")
        _move_trust(building, folder)
        for name in identities:
            (building / "identities" / name).rename(folder / "identities" / name)


def _move_trust(building: Path, folder: Path) -> None:
    """Roots and issuers first, each under a name that nothing has: a seal never lacks them."""
    for kind in ("roots", "issuers"):
        keyfiles.make_folder(folder / kind)
        for file in (building / kind).glob("*.pem"):
            file.rename(folder / kind / f"{file.stem}-{secrets.token_hex(4)}.pem")
    _move_test_keys(building, folder)


def _move_test_keys(building: Path, folder: Path) -> None:
    keyfiles.make_folder(folder / testca_keys.HOME)
    for kept in (building / testca_keys.HOME).glob("*/"):
        kept.rename(folder / testca_keys.HOME / kept.name)


def _issue(
    folder: Path,
    identities: Mapping[str, str],
    now: datetime,
    draw_seal: Callable[[str], bytes],
    algorithm: str,
) -> None:
    ca = testca.make_ca(now)
    keyfiles.write(folder / "roots" / TEST_ROOT, ca.root.certificate.public_bytes(PEM))
    testca_keys.keep(folder, ca.root)
    testca_keys.keep(folder, ca.issuing)
    for name, authority in identities.items():
        issued = testca.issue_seal(ca, authority, algorithm=algorithm)
        home, secret = folder / "identities" / name, secrets.token_urlsafe(32).encode()
        keyfiles.write(
            home / "identity.toml", f"width_mm = {SEAL_WIDTH_MM}\ntest = true\n".encode()
        )
        keyfiles.write(home / "signing.pem", issued.certificate.public_bytes(PEM))
        keyfiles.write(home / "chain.pem", ca.issuing.certificate.public_bytes(PEM))
        keyfiles.write(home / "key.p8", _encrypted(issued.key, secret))
        keyfiles.write(home / "passphrase", secret)
        keyfiles.write(home / "seal.png", draw_seal(authority))
    pictures = {
        name: keyfiles.read(folder / "identities" / name / "seal.png") for name in identities
    }
    ofd_seals.issue_tests(folder, identities, pictures, now)


def _encrypted(key: SoftKey, secret: bytes) -> bytes:
    return key.private_bytes(
        PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(secret),
    )
