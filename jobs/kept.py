"""What the embedded servers keep in the data directory from start to start, and its lock."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from factory.errors import SettingsError
from jobs.servers import free_ports

BROKER_PORTS = 1
STORE_PORTS = 5  # S3, master, volume, filer, admin
LOCK_SECONDS = 2.0  # a killed instance's servers need a moment to die


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What an installation's servers keep from start to start.

    tsa_ports:  of the small time-stamping authority; none: it has not run yet.
    verify_url: where QR codes led when it was last up; empty: it has not been.
    """

    redis_password: str
    s3_key: str
    s3_secret: str
    redis_ports: tuple[int, ...]
    s3_ports: tuple[int, ...]
    verify_url: str = ""
    tsa_ports: tuple[int, ...] = ()


@contextmanager
def locked(data_dir: Path) -> Iterator[int]:
    """The data directory's lock, held until we and every server given it have ended."""
    with _lock_file(data_dir) as file:
        _lock(file, data_dir)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def _lock_file(data_dir: Path) -> IO[str]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return (data_dir / "embedded.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{data_dir} cannot be written: {error.strerror}; set FACTORY_DATA_DIR to a folder"
            " of your own, for example /var/lib/factory"
        ) from None


def _lock(file: IO[str], data_dir: Path) -> None:
    limit = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit:
                raise SettingsError(_in_use(file, data_dir)) from None
            time.sleep(0.05)
        else:
            return


def _in_use(file: IO[str], data_dir: Path) -> str:
    file.seek(0)
    return (
        f"{data_dir} is in use by process {file.read() or 'unknown'}: end that one first,"
        " or set FACTORY_DATA_DIR to another folder"
    )


def read_kept(data_dir: Path) -> Kept:
    """What was kept; made anew on the first start."""
    file = data_dir / "embedded.json"
    if not file.exists():
        write_kept(data_dir, _made())
    kept = json.loads(file.read_text(encoding="utf-8"))
    lists = {name: tuple(kept[name]) for name in kept if name.endswith("_ports")}
    return Kept(**{**kept, **lists})


def _made() -> Kept:
    return Kept(
        redis_password=secrets.token_hex(16),
        s3_key=secrets.token_hex(10),
        s3_secret=secrets.token_hex(20),
        redis_ports=free_ports(BROKER_PORTS),
        s3_ports=free_ports(STORE_PORTS),
    )


def write_kept(data_dir: Path, kept: Kept) -> None:
    write_private(data_dir / "embedded.json", json.dumps(asdict(kept)))


def write_private(file: Path, text: str) -> None:
    """Replace a file at once with one that only its owner can read."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    with suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    new.replace(file)
