"""The key that answers are signed with: made once, closed to others, of one kind."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from factory.errors import ConflictError, SettingsError
from storage import answer_key


def test_it_is_made_once_and_found_again(tmp_path: Path) -> None:
    answer_key.create(tmp_path)

    assert answer_key.load(tmp_path).curve.name == "secp256r1"
    assert (tmp_path / answer_key.FILE).stat().st_mode & 0o077 == 0
    with pytest.raises(ConflictError, match="there already"):
        answer_key.create(tmp_path)


def test_where_there_is_none_it_is_said_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="certfactory keys create-answers"):
        answer_key.load(tmp_path)


def test_one_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    answer_key.create(tmp_path)
    (tmp_path / answer_key.FILE).chmod(0o644)

    with pytest.raises(SettingsError, match="open to everybody"):
        answer_key.load(tmp_path)


@pytest.mark.parametrize("kind", ["nothing", "another curve"])
def test_what_is_no_such_key_is_refused(tmp_path: Path, kind: str) -> None:
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / answer_key.FILE).write_bytes(b"" if kind == "nothing" else other)
    (tmp_path / answer_key.FILE).chmod(0o600)

    with pytest.raises(SettingsError, match="not what it should be"):
        answer_key.load(tmp_path)
