"""The ledger at one instant, as a file, while others write; and back into an empty database.

SQLite: its online backup within one reading transaction, which in WAL mode stops no writer.
PostgreSQL: pg_dump of an exported snapshot, in which what is counted is counted too.  Passwords
are handed to its programs in the environment, never as an argument.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    NullPool,
    create_engine,
    func,
    inspect,
    literal_column,
    make_url,
    select,
    text,
)

from factory.errors import ConflictError, DigestMismatchError, SettingsError
from storage import tables as t
from storage.backup.manifest import LogHead
from storage.backup.shelf import OWNER_ONLY, sync
from storage.ledger.base import database_edge
from storage.neighbours import Neighbour, no_answer

SQLITE, POSTGRESQL = "sqlite", "postgresql"
FILES = {SQLITE: "ledger.sqlite3", POSTGRESQL: "ledger.dump"}
PAGES = 1024  #: copied at once, 4 MB
UNFINISHED = "restore_unfinished"  #: a table that is there until a restore is whole
#: one whose `certfactory restore` was killed would go on, and hold what it has made until its end
NO_OTHER_READS_IN = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'pg_restore'"
)
WRITING = "-c default_transaction_read_only=off"

Tell = Callable[[int, int], None]  #: how much is done, of how much


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a snapshot holds."""

    at: datetime
    revision: str
    rows: Mapping[str, int]
    head: LogHead | None
    masters: tuple[int, ...]  #: versions of the master keys that data keys are wrapped by


def kind_of(url: str) -> str:
    """Of which kind the database is."""
    return make_url(url).get_backend_name()


def sqlite_path(url: str) -> Path:
    """Where the file of an SQLite ledger is."""
    return Path(str(make_url(url).database))


def take(url: str, folder: Path, tell: Tell) -> Facts:
    """The ledger into its file in that folder; what it holds.

    NotFoundError: there is no ledger.  StoreUnavailableError: the database gave no answer.
    SettingsError: PostgreSQL's programs are missing or refuse.
    """
    if kind_of(url) == SQLITE:
        return _take_sqlite(sqlite_path(url), folder / FILES[SQLITE], tell)
    return _take_postgresql(url, folder / FILES[POSTGRESQL])


# --- SQLite -------------------------------------------------------------------------------------


def _take_sqlite(source: Path, target: Path, tell: Tell) -> Facts:
    if not source.exists():
        raise SettingsError("there is no ledger yet: `certfactory up` or `prepare` makes one")
    target.touch(mode=OWNER_ONLY)
    try:
        with closing(sqlite3.connect(source, timeout=15, isolation_level=None)) as reading:
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here it stands
            at = datetime.now(UTC)
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                progress = _telling(tell)
                reading.backup(copy, pages=PAGES, progress=progress)
                copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        raise no_answer(Neighbour.DATABASE, type(error).__name__) from error
    with _reading(target) as conn:
        return _facts(conn, at)


def _telling(tell: Tell) -> Callable[[int, int, int], None]:
    return lambda _status, remaining, total: tell(total - remaining, total)


@contextmanager
def _reading(file: Path) -> Iterator[Connection]:
    """A file of SQLite that is not written to, nor beside it."""
    uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True))
    try:
        with engine.connect() as conn:
            yield conn
    finally:
        engine.dispose()


def holds_ledger(file: Path) -> bool:
    """Whether anything is in it: who only asks SQLite for a file that is not there makes one."""
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(file)) as conn:
            return bool(conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.DatabaseError:
        return True  # a broken one


def half_made(place: Path) -> Path:
    """Where a ledger is made ready that will be at that place."""
    return place.with_name(f".{place.name}.restoring")


def put_sqlite(source: Path, target: Path) -> None:
    """A copy of the snapshot, on the disk.  DigestMismatchError: SQLite finds it broken."""
    for left in beside(target):
        left.unlink(missing_ok=True)
    target.touch(mode=OWNER_ONLY)
    shutil.copyfile(source, target)
    sync(target)
    with _reading(target) as conn:
        found = conn.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    if found != ["ok"]:
        raise DigestMismatchError("the backup's ledger is broken (integrity_check)")


def beside(file: Path) -> tuple[Path, ...]:
    """A file of SQLite with its log."""
    return (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm"))


def publish_sqlite(made: Path, place: Path, aside: Path) -> bool:
    """It is the ledger from now on; one that was there is moved aside, and whether there was."""
    with closing(sqlite3.connect(made, isolation_level=None)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        conn.execute("PRAGMA journal_mode=DELETE")
    sync(made)
    there = place.exists()
    for old, new in zip(beside(place), beside(aside), strict=True):
        if old.exists():
            old.rename(new)
    made.rename(place)
    sync(place.parent)
    return there


# --- PostgreSQL -----------------------------------------------------------------------------------


def _take_postgresql(url: str, target: Path) -> Facts:
    engine = create_engine(url, poolclass=NullPool, isolation_level="REPEATABLE READ")
    target.touch(mode=OWNER_ONLY)
    with database_edge(), engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
        snapshot = conn.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        at = conn.execute(select(func.clock_timestamp())).scalar_one().astimezone(UTC)
        words = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
        _run("pg_dump", url, (*words, f"--file={target}"))
        return _facts(conn, at)


def begin_postgresql(url: str) -> None:
    """An empty database is held: until `end_postgresql` nobody else writes into it.

    ConflictError: it is not empty.
    """
    engine = create_engine(writing(url), poolclass=NullPool)
    with database_edge(), engine.begin() as conn:
        there = inspect(conn).get_table_names()
        if there and UNFINISHED not in there:
            raise ConflictError(
                "the database that FACTORY_DB_URL names is not empty: create another one, and"
                " name that; nothing was changed"
            )
        conn.exec_driver_sql(NO_OTHER_READS_IN)
        left = MetaData()
        left.reflect(conn)
        left.drop_all(conn)  # what an interrupted restore had come to
        conn.exec_driver_sql(f"CREATE TABLE {UNFINISHED} (since timestamptz DEFAULT now())")
        _read_only(conn, "SET default_transaction_read_only = on")


def put_postgresql(url: str, dump: Path) -> None:
    """The dump into the database that is held, in one transaction."""
    words = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run("pg_restore", writing(url), (*words, str(dump)))


def end_postgresql(url: str) -> None:
    """It is the ledger from now on."""
    engine = create_engine(writing(url), poolclass=NullPool)
    with database_edge(), engine.begin() as conn:
        conn.exec_driver_sql(f"DROP TABLE {UNFINISHED}")
        _read_only(conn, "RESET default_transaction_read_only")


def writing(url: str) -> str:
    """The same database, for the one who may write while it is held."""
    parsed = make_url(url)
    given = parsed.query.get("options", "")
    options = f"{given} {WRITING}".strip() if isinstance(given, str) else WRITING
    return parsed.update_query_dict({"options": options}).render_as_string(hide_password=False)


def _read_only(conn: Connection, what: str) -> None:
    name = conn.exec_driver_sql("SELECT quote_ident(current_database())").scalar_one()
    conn.exec_driver_sql(f"ALTER DATABASE {name} {what}")


def _run(program: str, url: str, words: Sequence[str]) -> None:
    """SettingsError: it is not installed, or refuses; its own last words say why."""
    path = shutil.which(program)
    if path is None:
        raise SettingsError(f"{program} is not installed: apt-get install postgresql-client")
    parsed = make_url(url)
    given: dict[str, Any] = {"host": parsed.host, "port": parsed.port, "user": parsed.username}
    given |= {"dbname": parsed.database} | dict(parsed.query)
    where = make_conninfo(**{name: each for name, each in given.items() if each is not None})
    secret = {} if parsed.password is None else {"PGPASSWORD": str(parsed.password)}
    done = subprocess.run(
        [path, f"--dbname={where}", "--no-password", *words],
        env={**os.environ, **secret},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SettingsError(f"{program}: {(done.stderr.strip().splitlines() or ['failed'])[0]}")


# --- both, before anybody works with it -----------------------------------------------------------


def check_whole(engine: Engine) -> None:
    """ConflictError: a restore into this place goes on, or was stopped before its end."""
    if engine.dialect.name == SQLITE:
        place = sqlite_path(str(engine.url))
        unfinished = half_made(place).exists() and not holds_ledger(place)
        instead = f"or remove {half_made(place)}"
    else:
        with database_edge(), engine.connect() as conn:
            unfinished = inspect(conn).has_table(UNFINISHED)
        instead = "or name another database"
    if unfinished:
        raise ConflictError(
            "a restore into this ledger is not at its end: wait for it; if it was stopped, give"
            f" `certfactory restore` again, {instead}"
        )


# --- both -----------------------------------------------------------------------------------------


def _facts(conn: Connection, at: datetime) -> Facts:
    revision = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    head = t.log_head.c
    newest = conn.execute(
        select(head.size, head.root).order_by(head.size.desc()).limit(1)
    ).one_or_none()
    wrapped = t.data_key.c.wrapped
    versions = conn.execute(
        select(func.substr(wrapped, 1, 4)).where(wrapped.is_not(None)).distinct()
    ).scalars()
    return Facts(
        at=at,
        revision=revision,
        rows=_counts(conn),
        head=None if newest is None else LogHead(size=newest.size, root=newest.root),
        masters=tuple(sorted(int.from_bytes(bytes(each), "big") for each in versions)),
    )


def _counts(conn: Connection) -> Mapping[str, int]:
    """Of the tables that this ledger has, which may be of an older schema."""
    names = sorted(inspect(conn).get_table_names())
    return {
        name: conn.execute(
            select(func.count(literal_column("1"))).select_from(text(f'"{name}"'))
        ).scalar_one()
        for name in names
    }
