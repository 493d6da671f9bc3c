"""Unix sockets (unix(7)): bound and reached by paths of any length.

The kernel takes 107 bytes of a path.  A longer one goes through its folder's descriptor
(``/proc/self/fd``), which is short wherever the folder lies; without that it is refused.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factory.errors import SettingsError

MOST_BYTES = 107
DESCRIPTORS = Path("/proc/self/fd")
PEER = struct.Struct("3i")  #: pid, uid, gid (SO_PEERCRED)


@contextmanager
def short(path: Path) -> Iterator[str]:
    """The path as the kernel takes it, while the block runs.

    SettingsError: it is too long, and this system has no way around.  OSError: no such folder.
    """
    if len(os.fsencode(path)) <= MOST_BYTES:
        yield str(path)
        return
    if not DESCRIPTORS.is_dir():
        raise SettingsError(
            f"the path of the socket has more than {MOST_BYTES} bytes, which this system does not"
            " take: name a shorter one in FACTORY_SIGNER"
        )
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(DESCRIPTORS / str(folder) / path.name)
    finally:
        os.close(folder)


def listening(path: Path, *, mode: int, folder_mode: int) -> socket.socket:
    """A socket at that path, for those whom its mode lets in; what was left there is removed.

    Its folder is made if it is missing.  OSError: it cannot be.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=folder_mode)
    path.unlink(missing_ok=True)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            with short(path) as name:
                found.bind(name)
        finally:
            os.umask(before)
        path.chmod(mode)
    except BaseException:
        found.close()
        raise
    return found


def connected(path: Path, timeout: float | None) -> socket.socket:
    """A connection to whoever listens there.  OSError: nobody does."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.settimeout(timeout)
        with short(path) as name:
            found.connect(name)
    except BaseException:
        found.close()
        raise
    return found


def peer(connection: socket.socket) -> str:
    """Who is at the other end, as the kernel knows it."""
    asked = getattr(socket, "SO_PEERCRED", None)
    if asked is None:
        return "unknown"
    pid, uid, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, asked, PEER.size))
    return f"uid {uid} pid {pid}"
