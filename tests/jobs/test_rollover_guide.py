"""docs/rollover.md and docs/pkcs11.md: what a trial types, on a test keyring."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cli
from factory.errors import SettingsError
from jobs import opening
from jobs.installed import load_profiles
from jobs.settings import Settings
from jobs.wiring import Plant
from tests.tokens import MODULE, PIN, new_token

PLACE = Path(__file__).parents[2]
ROLLOVER, PKCS11 = (
    (PLACE / "docs" / name).read_text("utf-8") for name in ("rollover.md", "pkcs11.md")
)
REGISTER, SUCCESSOR = "shanghai-constructor", "shanghai-2"


def command(guide: str, begins: str) -> str:
    """The block of commands that begins so."""
    [found] = re.findall(rf"```sh\n({begins}.*?)```", guide, re.DOTALL)
    return str(found)


def plant(folder: Path, **more: str) -> Plant:
    return Plant(Settings.from_env({"FACTORY_DATA_DIR": str(folder / "data"), **more}))


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """A folder with the version that the guide's command makes."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    subprocess.run(
        ["sh", "-e", "-c", command(ROLLOVER, "sed")],
        env={**os.environ, "FACTORY_PROFILES_DIR": str(folder)}, cwd=PLACE, check=True, timeout=60,
    )  # fmt: skip
    return folder


def test_the_version_of_the_guide_names_the_successor_from_its_day_on(profiles: Path) -> None:
    *before, last = load_profiles(profiles)[REGISTER].all

    assert (last.seal.identity, str(last.effective_from)) == (SUCCESSOR, "2026-12-01")
    assert {each.seal.identity for each in before} == {REGISTER}


def test_half_a_file_is_no_version(profiles: Path) -> None:
    """Nothing is inherited."""
    [file] = profiles.iterdir()
    file.write_text(re.sub(r"(?ms)^\[time_stamp\].*", "", file.read_text("utf-8")), "utf-8")

    with pytest.raises(SettingsError, match=file.name):
        load_profiles(profiles)


def test_a_test_keyring_gets_the_successors_test_seals_by_itself(
    profiles: Path, tmp_path: Path
) -> None:
    opening.make_test_keyring(plant(tmp_path))

    after = plant(tmp_path, FACTORY_PROFILES_DIR=str(profiles))
    opening.make_test_keyring(after)

    made = {(each.name, each.format): each.test for each in after.keyring.identities()}
    assert made[SUCCESSOR, "pdf"] and made[SUCCESSOR, "ofd"]
    assert after.keyring.identity(SUCCESSOR).signing_cert != (
        after.keyring.identity(REGISTER).signing_cert
    )


def test_the_whole_trial_of_a_token_can_be_typed(tmp_path: Path, monkeypatch: Any) -> None:
    """All but `doctor`, which wants servers."""
    opening.make_test_keyring(plant(tmp_path))
    token = new_token(tmp_path)
    token.make("gansu", "--key-type", "EC:prime256v1", "--usage-sign")
    (tmp_path / "pin").write_text(PIN)
    monkeypatch.chdir(tmp_path)
    typed = command(PKCS11, "pkcs11-tool[^\n]*--read-object").replace("\\\n", " ").splitlines()
    typed = [line.split("#")[0].replace("seals ", f"{token.label} ") for line in typed]

    read, *ours = typed
    subprocess.run(read, shell=True, check=True, capture_output=True, timeout=60)  # noqa: S602
    done = [
        CliRunner(env={"FACTORY_DATA_DIR": str(tmp_path / "data")}).invoke(
            cli.main, line.removeprefix("certfactory ").split()
        )
        for line in ours
        if not line.startswith("certfactory doctor")
    ]

    assert [each.exit_code for each in done] == [0, 0], [each.stderr for each in done]
    [found] = [
        each
        for each in plant(tmp_path).keyring.identities()
        if (each.name, each.format) == ("gansu-constructor", "pdf")
    ]
    assert MODULE.name in found.held and found.test
