"""What must stand before the first event, and what a machine is told that lacks it."""

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from factory.errors import SettingsError
from jobs import doctor, opening
from jobs.rejects import Rejects
from jobs.servers import LOOPBACK
from jobs.settings import Settings
from jobs.wiring import Plant, plant_of

SIXTH = Path(__file__).parents[1] / "examples" / "sixth" / "profiles"


def test_without_the_face_of_test_seals_its_package_is_named(tmp_path: Path) -> None:
    variables = {"DATA_DIR": tmp_path / "data", "FONT_DIRS": tmp_path}
    plant = plant_of(
        Settings.from_env({f"FACTORY_{name}": str(path) for name, path in variables.items()})
    )

    with pytest.raises(SettingsError, match="fonts-arphic-uming"):
        opening.make_test_keyring(plant)

    assert not plant.settings.keyring_dir.exists()


def test_a_profile_that_came_later_gets_its_test_seal(tmp_path: Path) -> None:
    before = started(tmp_path)
    opening.make_test_keyring(before)
    known = {each.name for each in before.keyring.identities()}

    later = started(tmp_path, PROFILES_DIR=SIXTH)
    opening.make_test_keyring(later)

    found = {each.name for each in later.keyring.identities()}
    assert found - known == {"shili-cost-engineer"}
    assert later.keyring.identity("shili-cost-engineer").test
    assert later.keyring.master_keys() == before.keyring.master_keys()


@pytest.mark.parametrize("real", ["with real seals", "without seals"])
def test_a_keyring_that_is_not_for_tests_gets_no_test_seal(tmp_path: Path, real: str) -> None:
    before = started(tmp_path)
    opening.make_test_keyring(before)
    [first, *_] = (tmp_path / "keyring" / "identities").iterdir()
    if real == "with real seals":
        (first / "identity.toml").write_text("width_mm = 42.0\n")
    else:
        shutil.rmtree(first.parent)
    known = [each.name for each in started(tmp_path).keyring.identities()]

    opening.make_test_keyring(started(tmp_path, PROFILES_DIR=SIXTH))

    assert [each.name for each in started(tmp_path).keyring.identities()] == known


def test_a_seal_that_was_retired_is_not_made_anew(tmp_path: Path) -> None:
    """A version that is past still names it, and names count for good."""
    before = started(tmp_path)
    opening.make_test_keyring(before)
    before.keyring.retire("shanghai-constructor")

    later = started(tmp_path, PROFILES_DIR=SIXTH)
    opening.make_test_keyring(later)

    found = {each.name for each in later.keyring.identities()}
    assert "shanghai-constructor" not in found
    assert "shili-cost-engineer" in found  # which is new, as a keyring for tests is still one


def test_a_keyring_whose_seals_are_all_retired_gets_none_anew(tmp_path: Path) -> None:
    before = started(tmp_path)
    opening.make_test_keyring(before)
    for name in before.keyring.names:
        before.keyring.retire(name)

    opening.make_test_keyring(started(tmp_path))

    assert started(tmp_path).keyring.identities() == []


def test_a_test_keyring_from_before_parties_signed_gets_their_test_ca(tmp_path: Path) -> None:
    opening.make_test_keyring(started(tmp_path))
    for folder in ("parties", "outside"):
        shutil.rmtree(tmp_path / "keyring" / folder)
    assert not parties(tmp_path).well

    opening.make_test_keyring(started(tmp_path))

    found = parties(tmp_path)
    assert found.well and found.detail == "1 root(s) of applicants, 1 root(s) of enterprises"


def test_a_test_keyring_from_before_ofd_gets_seals_for_it(tmp_path: Path) -> None:
    opening.make_test_keyring(started(tmp_path))
    homes = list((tmp_path / "keyring" / "identities").iterdir())
    for home in homes:
        shutil.rmtree(home / "ofd")

    opening.make_test_keyring(started(tmp_path))

    keyring = started(tmp_path).keyring
    assert all(keyring.ofd_seal(home.name).test for home in homes)


def test_a_keyring_with_a_real_seal_gets_no_test_seal_for_ofd(tmp_path: Path) -> None:
    opening.make_test_keyring(started(tmp_path))
    homes = list((tmp_path / "keyring" / "identities").iterdir())
    for home in homes:
        shutil.rmtree(home / "ofd")
    (homes[0] / "identity.toml").write_text("width_mm = 42.0\n")

    opening.make_test_keyring(started(tmp_path))

    assert not any((home / "ofd").exists() for home in homes)


def test_a_keyring_of_real_seals_trusts_no_test_ca_of_parties(tmp_path: Path) -> None:
    opening.make_test_keyring(started(tmp_path))
    shutil.rmtree(tmp_path / "keyring" / "parties")
    [first, *_] = (tmp_path / "keyring" / "identities").iterdir()
    (first / "identity.toml").write_text("width_mm = 42.0\n")

    opening.make_test_keyring(started(tmp_path))

    found = parties(tmp_path)
    assert not found.well and "parties/applicants" in found.detail


def parties(folder: Path) -> doctor.Finding:
    """What the doctor says of the parties' CAs."""
    return next(each for each in doctor.examine(started(folder)) if each.name == "parties")


def started(folder: Path, **variables: Path) -> Plant:
    """The plant of a process that was started with these variables."""
    given = {"DATA_DIR": folder, **variables}
    settings = Settings.from_env({f"FACTORY_{name}": str(path) for name, path in given.items()})
    return plant_of(settings)


def test_a_metrics_port_of_0_becomes_a_free_one() -> None:
    settings = Settings.from_env({"FACTORY_METRICS_PORT": "0"})

    chosen = opening.metrics_port(settings).metrics_port

    with socket.create_server((LOOPBACK, chosen)):
        assert chosen > 0


def test_a_metrics_port_that_is_free_stays() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
    settings = Settings.from_env({"FACTORY_METRICS_PORT": str(port)})

    assert opening.metrics_port(settings) == settings


def test_refused_lines_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "rejects.jsonl"
    file.write_text("an earlier run's")
    file.chmod(0o644)

    with Rejects(file) as rejects:
        rejects.add(b"{\r\n}")

    assert file.read_bytes() == b"{  }\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_refused_lines_can_go_into_a_pipe_whose_mode_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    with Rejects(pipe) as rejects:
        rejects.add(b"{}")

    assert os.read(reader, 100) == b"{}\n"
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o644
    os.close(reader)
