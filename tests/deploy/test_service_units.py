"""The units: systemd verifies them, and what they start and say exists."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import main
from jobs.settings import variables

from . import shapes
from .shapes import DEPLOY, UNITS, composed, env_file, program, services, unit

SYSTEM = Path("/lib/systemd/system")
MOST_EXPOSED = 2.0  #: of 10; what a Python service that calls others can reach
PROGRAMS = ("certfactory", "weed")


@pytest.fixture
def machine(tmp_path: Path, absent: Callable[[str], None]) -> Path:
    """The root of a machine on which the units and what they start are installed."""
    if program("systemd-analyze") is None:
        absent("systemd-analyze: apt-get install systemd")
    place, bin_ = tmp_path / "etc/systemd/system", tmp_path / "opt/certfactory/venv/bin"
    for folder in (place, bin_):
        folder.mkdir(parents=True)
    for name in PROGRAMS:
        (bin_ / name).write_text("#!/bin/sh\n", "utf-8")
        (bin_ / name).chmod(0o755)
    for target in SYSTEM.glob("*.target"):
        shutil.copy(target, place)
    for pattern in ("*.service", "*.target", "*.timer"):
        for path in UNITS.glob(pattern):
            shutil.copy(path, place)
    return tmp_path


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, check=False
    )


def verify(machine: Path) -> str:
    """Whatever systemd has against them."""
    paths = sorted((machine / "etc/systemd/system").glob("certfactory*"))
    done = analyze("verify", f"--root={machine}", "--man=no", *map(str, paths))
    return done.stdout + done.stderr + ("failed" if done.returncode else "")


def test_systemd_has_nothing_against_the_units(machine: Path) -> None:
    assert verify(machine) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("OOMPolicy=continue", "OOMPolicy=bear", "bear"),
        ("Restart=always", "Restarts=always", "'Restarts'"),
        ("venv/bin/certfactory work", "bin/certfactory work", "certfactory/bin/certfactory"),
    ],
)
def test_systemd_has_something_against_a_mistake(
    machine: Path, right: str, wrong: str, named: str
) -> None:
    path = machine / "etc/systemd/system/certfactory-work.service"
    path.write_text(path.read_text("utf-8").replace(right, wrong), "utf-8")

    assert named in verify(machine)


@pytest.mark.parametrize("name", services())
def test_a_unit_is_closed_as_far_as_it_can_be(machine: Path, name: str) -> None:
    done = analyze(
        *("security", "--offline=yes", f"--root={machine}"),
        *(f"--threshold={MOST_EXPOSED * 10:.0f}", name),
    )

    assert done.returncode == 0, done.stdout[-200:]


def test_a_unit_without_its_closings_is_too_exposed(machine: Path) -> None:
    path = machine / "etc/systemd/system/certfactory-work.service"
    path.write_text(path.read_text("utf-8").partition("# --- nothing")[0], "utf-8")

    done = analyze(
        *("security", "--offline=yes", f"--root={machine}"),
        *(f"--threshold={MOST_EXPOSED * 10:.0f}", path.name),
    )

    assert done.returncode != 0


def test_every_process_of_a_host_has_its_unit_and_a_command_that_there_is() -> None:
    started = {name: shapes.said(name, "ExecStart")[0].split() for name in services()}
    ours = {name: words[1:] for name, words in started.items() if words[0].endswith("/certfactory")}

    for words in ours.values():
        main([words[0], "--help"], standalone_mode=False)

    assert {name: " ".join(words) for name, words in ours.items()} == {
        "certfactory-signer.service": "signer",
        "certfactory-work.service": "work --stderr",
        "certfactory-serve.service": "serve",
        "certfactory-prepare.service": "prepare",
        "certfactory-doctor.service": "doctor",
        "certfactory-upkeep.service": "upkeep",
        "certfactory-backup.service": "backup /var/lib/certfactory-backup --keep 30",
        "certfactory-recheck.service": "recheck --sample 1000",
        "certfactory-recheck-whole.service": "recheck",
    }


def test_units_settings_and_command_line_name_no_setting_that_does_not_exist() -> None:
    named = {
        name
        for path in UNITS.iterdir()
        for name in shapes.mentioned(path.read_text("utf-8"))
    }  # fmt: skip

    assert named <= set(variables())
    assert {"FACTORY_KEY_PASSPHRASE_FILE", "FACTORY_S3_ENDPOINT"} <= named


OTHERS = ("certfactory-store.service", "certfactory-signer.service")


@pytest.mark.parametrize("name", [each for each in services() if each not in OTHERS])
def test_a_unit_gets_every_secret_as_a_credential_and_none_by_its_settings(name: str) -> None:
    loaded = dict(value.split(":") for value in shapes.said(name, "LoadCredential"))
    named = dict(value.split("=", 1) for value in shapes.said(name, "Environment"))

    used = {value.removeprefix("%d/") for value in named.values() if value.startswith("%d/")}

    assert used == loaded.keys() >= {"db-url", "redis-url", "s3-secret"}
    assert all(place.startswith("/etc/certfactory/secrets/") for place in loaded.values())
    settings = env_file(UNITS / "certfactory.env")
    assert [key for key in settings if re.search("SECRET|PASSPHRASE|DB_URL|REDIS_URL", key)] == []


def test_only_the_signer_reads_the_keys_and_what_opens_them() -> None:
    [passphrase] = shapes.said("certfactory-signer.service", "LoadCredential")
    named = dict(
        value.split("=", 1) for value in shapes.said("certfactory-signer.service", "Environment")
    )
    tmpfiles = (UNITS / "certfactory.tmpfiles.conf").read_text("utf-8")

    home = "/etc/certfactory/signer"
    assert passphrase == f"keyring-passphrase:{home}/keyring-passphrase"
    assert named["FACTORY_KEYRING_DIR"] == f"{home}/keyring"
    assert f"d {home} 0700 certfactory-signer certfactory-signer -" in tmpfiles
    assert shapes.said("certfactory-signer.service", "PrivateNetwork") == ["yes"]
    for name in services():
        if name != "certfactory-signer.service":
            assert "passphrase" not in (UNITS / name).read_text("utf-8"), name
            assert "certfactory-signer" not in shapes.said(name, "User")


def test_workers_ask_where_the_signer_listens() -> None:
    named = dict(
        value.split("=", 1) for value in shapes.said("certfactory-signer.service", "Environment")
    )

    asked = env_file(UNITS / "certfactory.env")["FACTORY_SIGNER"]

    assert asked == named["FACTORY_SIGNER"] == "unix:/run/certfactory-signer/socket"
    assert named["FACTORY_SIGNER_SOCKET_MODE"] == "0660"
    assert shapes.said("certfactory-signer.service", "RuntimeDirectoryMode") == ["0750"]
    [group] = shapes.said("certfactory-signer.service", "Group")
    assert [group] == shapes.said("certfactory-work.service", "Group")


def test_the_command_line_reads_the_same_secrets_as_the_units() -> None:
    wrapper = (UNITS / "certfactory").read_text("utf-8")
    in_wrapper = set(re.findall(r"^(FACTORY_\w+)=\$home/secrets/([\w-]+)$", wrapper, re.M))

    said = (value.split("=", 1) for value in shapes.said("certfactory-work.service", "Environment"))
    in_unit = {(key, value[3:]) for key, value in said if value.startswith("%d/")}

    assert in_wrapper == in_unit


def test_counters_of_a_host_lie_in_one_folder_that_a_boot_empties() -> None:
    for name in ("certfactory-work.service", "certfactory-serve.service"):
        named = dict(value.split("=", 1) for value in shapes.said(name, "Environment"))

        assert shapes.said(name, "RuntimeDirectory") == ["certfactory"]
        assert shapes.said(name, "RuntimeDirectoryPreserve") == ["yes"]
        assert named["FACTORY_DATA_DIR"] == "/run/certfactory"
        assert "PROMETHEUS_MULTIPROC_DIR" not in named, "the crew makes it, for its members alone"


def test_figures_stay_on_loopback_unless_somebody_says_otherwise() -> None:
    assert env_file(UNITS / "certfactory.env")["FACTORY_METRICS_HOST"] == "127.0.0.1"


def test_the_store_is_started_as_in_compose(absent: Callable[[str], None]) -> None:
    if program("docker-compose") is None:
        absent("docker-compose: make setup-test")
    own = set(shapes.said("certfactory-store.service", "ExecStart")[0].split()[1:])
    there = set(composed()["services"]["store"]["command"])

    def of_places(words: set[str]) -> set[str]:
        found = (re.match("-(dir|ip|ip.bind|s3.config)=", word) for word in words)
        return {each[1] for each in found if each}

    differing = {word.partition("=")[0].removeprefix("-") for word in own ^ there}
    assert differing == of_places(own) == of_places(there)


def test_accounts_and_folders_are_taken_by_systemd(
    tmp_path: Path, absent: Callable[[str], None]
) -> None:
    if os.geteuid() != 0:
        absent("root, who gives folders away")
    (tmp_path / "etc").mkdir()
    for folder, name in (("sysusers.d", "sysusers"), ("tmpfiles.d", "tmpfiles")):
        place = tmp_path / "usr/lib" / folder
        place.mkdir(parents=True)
        shutil.copy(UNITS / f"certfactory.{name}.conf", place / "certfactory.conf")

    users = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}"], capture_output=True, text=True, check=False
    )
    folders = subprocess.run(
        ["systemd-tmpfiles", "--create", f"--root={tmp_path}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (users.returncode, folders.returncode) == (0, 0), users.stderr + folders.stderr
    accounts = (tmp_path / "etc/passwd").read_text("utf-8")
    for name in {value for each in services() for value in shapes.said(each, "User")}:
        assert f"\n{name}:" in f"\n{accounts}"
    for name in ("keys", "signer"):
        assert (tmp_path / "etc/certfactory" / name).stat().st_mode & 0o777 == 0o700


def test_the_timer_asks_the_doctor_in_the_morning_in_china() -> None:
    [when] = shapes.said("certfactory-doctor.timer", "OnCalendar")

    assert analyze("calendar", when).returncode == 0
    assert when.endswith("Asia/Shanghai")


def test_the_units_say_where_they_are_explained() -> None:
    for name in services():
        assert dict(unit(name))["Documentation"].endswith("/deploy/README.md")
    assert (DEPLOY / "README.md").exists()
