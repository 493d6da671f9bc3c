"""Unix sockets: only for whom they are, and wherever their folder lies."""

import os
import stat
import threading
from pathlib import Path

import pytest

from factory.errors import SettingsError
from storage import unix_sockets


def deep(folder: Path) -> Path:
    """A path that no sockaddr_un holds."""
    return folder / ("d" * 120) / "socket"


@pytest.mark.parametrize("place", [lambda folder: folder / "s" / "socket", deep])
def test_whoever_connects_reaches_who_listens_and_is_known(place: object, tmp_path: Path) -> None:
    path: Path = place(tmp_path)  # type: ignore[operator]
    said: list[str] = []

    with unix_sockets.listening(path, mode=0o600, folder_mode=0o700) as server:
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                said.append(unix_sockets.peer(connection))
                connection.sendall(b"here")

        thread = threading.Thread(target=answer)
        thread.start()
        with unix_sockets.connected(path, 10) as client:
            heard = client.recv(10)
        thread.join()

    assert heard == b"here"
    assert said == [f"uid {os.geteuid()} pid {os.getpid()}"]


def test_a_socket_is_for_its_account_alone_and_so_is_its_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "own" / "socket"

    with unix_sockets.listening(path, mode=0o600, folder_mode=0o700):
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)]

    assert modes == [0o600, 0o700]


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    unix_sockets.listening(path, mode=0o600, folder_mode=0o700).close()

    with unix_sockets.listening(path, mode=0o660, folder_mode=0o700):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_nobody_is_reached_where_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    unix_sockets.listening(path, mode=0o600, folder_mode=0o700).close()

    with pytest.raises(ConnectionRefusedError):
        unix_sockets.connected(path, 1)


def test_a_long_path_is_refused_where_there_is_no_way_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_sockets, "DESCRIPTORS", tmp_path / "no such folder")

    with pytest.raises(SettingsError, match="FACTORY_SIGNER"):
        unix_sockets.listening(deep(tmp_path), mode=0o600, folder_mode=0o700)
