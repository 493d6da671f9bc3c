"""A passphrase that comes by a descriptor reaches every process of the crew."""

import os
import sys
from pathlib import Path

from jobs.crew import Crew, Member
from jobs.settings import Settings

READER = (
    "import os; from jobs.settings import Settings; from storage import passphrases;"
    "at = Settings.from_env(os.environ).key_passphrase_file;"
    "print(passphrases.read(at, 'it').decode())"
)


def settings(folder: Path, passphrase: str) -> Settings:
    given = {"FACTORY_DATA_DIR": str(folder), "FACTORY_KEY_PASSPHRASE_FILE": passphrase}
    return Settings.from_env(given)


def said(folder: Path, passphrase: str) -> list[str]:
    """What two processes of a crew read."""
    names = ["one", "two"]
    members = [Member(name, [sys.executable, "-c", READER]) for name in names]
    Crew(settings(folder, passphrase), members).start()
    for member in members:
        assert member.process is not None
        member.process.wait(60)
    return [(folder / "log" / f"{name}.log").read_text() for name in names]


def test_a_pipe_is_enough_for_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    readable, writable = os.pipe()
    os.write(writable, b"correct horse\n")
    os.close(writable)

    assert said(tmp_path, f"fd:{readable}") == ["correct horse\n"] * 2


def test_a_descriptor_that_is_closed_is_named_by_each(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()

    for each in said(tmp_path, "fd:977"):
        assert "descriptor 977 cannot be read" in each


def test_a_relative_file_counts_from_where_we_are(tmp_path: Path) -> None:
    assert settings(tmp_path, "secret").key_passphrase_file == Path.cwd() / "secret"
    assert settings(tmp_path, "fd:3").key_passphrase_file == Path("/dev/fd/3")
    assert settings(tmp_path, "").key_passphrase_file is None
