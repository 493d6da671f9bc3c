"""Passphrases and PINs: out of files and descriptors, and never said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from factory.errors import SettingsError
from storage import passphrases
from storage.passphrases import keep, place, read

SECRET = b"correct horse"


def piped(data: bytes) -> int:
    readable, writable = os.pipe()
    os.write(writable, data)
    os.close(writable)
    return readable


def opened(tmp_path: Path) -> int:
    file = tmp_path / "secret"
    file.write_bytes(SECRET + b"\n")
    return os.open(file, os.O_RDONLY)


@pytest.mark.parametrize("text", ["fd:7", "/dev/fd/7", "/proc/self/fd/7"])
def test_a_descriptor_is_known_by_its_number(text: str) -> None:
    assert passphrases.descriptor(place(text)) == 7


@pytest.mark.parametrize("text", ["fd:", "fd:x", "fd:-1", "fd:12345", "7", "fd:7/x", "dir/fd:7"])
def test_anything_else_is_a_file(text: str) -> None:
    assert passphrases.descriptor(place(text)) is None


def test_a_relative_name_counts_from_its_home() -> None:
    assert place("pin", Path("/keyring/one")) == Path("/keyring/one/pin")
    assert place("/run/pin", Path("/keyring/one")) == Path("/run/pin")


def test_a_file_is_read_without_its_lines_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET + b"\n")

    assert read(tmp_path / "secret", "it") == SECRET


def test_a_descriptor_is_read_as_often_as_one_likes(tmp_path: Path) -> None:
    for number in (opened(tmp_path), piped(SECRET)):
        assert [read(place(f"fd:{number}"), "it") for _ in range(3)] == [SECRET] * 3


def test_children_read_what_their_parent_was_piped() -> None:
    at = place(f"fd:{piped(SECRET)}")
    program = (
        "import sys; from pathlib import Path; from storage import passphrases;"
        "print(passphrases.read(Path(sys.argv[1]), 'it').decode())"
    )

    said = [
        subprocess.run(
            [sys.executable, "-c", program, str(at)],
            pass_fds=keep(at), capture_output=True, text=True, check=True,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip

    assert said == [SECRET.decode() + "\n"] * 2


def test_nothing_is_kept_open_for_a_file_or_a_closed_descriptor(tmp_path: Path) -> None:
    assert keep(None) == keep(tmp_path / "secret") == keep(place("fd:977")) == ()


@pytest.mark.parametrize("data", [b"", b"\n"])
def test_an_empty_one_is_no_passphrase(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "secret").write_bytes(data)

    for at in (tmp_path / "secret", place(f"fd:{piped(data)}")):
        with pytest.raises(SettingsError, match="it: nothing is there"):
            read(at, "it")


def test_a_closed_descriptor_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="it: descriptor 977 cannot be read"):
        read(place("fd:977"), "it")


def test_a_secret_written_in_place_of_a_file_is_not_said() -> None:
    with pytest.raises(SettingsError) as caught:
        read(place(SECRET.decode()), "FACTORY_KEY_PASSPHRASE_FILE")

    assert SECRET.decode() not in str(caught.value)
    assert "FACTORY_KEY_PASSPHRASE_FILE: its file cannot be read" in str(caught.value)


@pytest.mark.parametrize(("mode", "closed"), [(0o644, False), (0o640, True), (0o600, True)])
def test_a_file_may_be_as_open_as_its_place_allows(tmp_path: Path, mode: int, closed: bool) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "secret").chmod(mode)

    assert read(tmp_path / "secret", "it", closed=closed) == SECRET


def test_a_file_of_the_keyring_must_not_be_open_to_everybody(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "secret").chmod(0o644)

    with pytest.raises(SettingsError, match="open to everybody"):
        read(tmp_path / "secret", "it", closed=True)
