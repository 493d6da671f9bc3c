"""Transactions on the ledger: the database's clock, who acts, and one edge for its failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.sql.base import Executable

from factory.errors import UnreadableRowError
from storage.ledger import watching
from storage.ledger.watching import Mode, Nobody, Waited, Watch
from storage.neighbours import Neighbour, no_answer
from storage.sealed import Vault

POOL_SIZE = 5
BUSY_TIMEOUT_MS = 15_000
NO_TEXT = "Could not decode to UTF-8"  #: what sqlite3 says of such a column, before its content
IDLE_TIMEOUT_MS = 10_000  #: between two statements of one transaction; they take milliseconds
BINARY = 1  #: ``psycopg.pq.Format``, which takes long to import where SQLite is used
CLOCK = select(func.clock_timestamp())
NOBODY = Nobody()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tx:
    """One transaction, by one actor, at one instant of the database's clock.

    waited: certificates that can be collected once this is committed; the watch is told then.
    """

    conn: Connection
    vault: Vault = field(repr=False)
    now: datetime
    who: str
    correlation: str
    watch: Watch
    waited: list[Waited] = field(default_factory=list)

    def run(self, statement: Executable, rows: Any = None) -> Any:
        """Execute a statement, once or for many rows."""
        return self.conn.execute(statement, rows)

    @property
    def stamp(self) -> Mapping[str, object]:
        """When, by whom and in which course: for statements that are written beforehand."""
        return {"now": self.now, "actor": self.who, "correlation": self.correlation}

    @property
    def is_postgresql(self) -> bool:
        """Whether rows can be locked one by one; SQLite has one writer anyway."""
        return self.conn.dialect.name == "postgresql"

    def locked(self, statement: Any, *, skip: bool = False) -> Any:
        """The select, locking what it reads; ``skip`` passes over rows others hold."""
        return statement.with_for_update(skip_locked=skip) if self.is_postgresql else statement

    def insert(self, table: Any) -> Any:
        """An insert that knows ``on_conflict_do_nothing`` on both databases."""
        return postgresql.insert(table) if self.is_postgresql else sqlite.insert(table)


class Ledger:
    """The database of the factory: PostgreSQL, or one SQLite file when embedded."""

    def __init__(self, engine: Engine, vault: Vault, watch: Watch = NOBODY) -> None:
        self.engine, self.vault, self.watch = engine, vault, watch
        self._turn = Turn() if engine.dialect.name == "sqlite" else nullcontext()

    @classmethod
    def connect(cls, url: str, vault: Vault, watch: Watch = NOBODY) -> Ledger:
        """A ledger on that database; nothing is opened before the first transaction."""
        return cls(engine_for(url), vault, watch)

    @contextmanager
    def write(self, who: str, correlation: str = "-") -> Iterator[Tx]:
        """A transaction that commits at the end of the block or leaves no trace.

        StoreUnavailableError: the database gave no answer.
        """
        watched = watching.told(self.watch, Mode.WRITE)
        with watched, self._turn, database_edge(), self.engine.begin() as conn:
            tx, begun = self._tx(conn, who, correlation), time.perf_counter()
            yield tx
        self._tell(tx, begun)

    def _tell(self, tx: Tx, begun: float) -> None:
        """What can be collected now that it is committed.

        begun: by the performance counter, at the instant of the transaction.
        """
        lasted = time.perf_counter() - begun
        for each in tx.waited:
            seconds = (tx.now - each.since).total_seconds() + lasted
            self.watch.collectable(each.profile, seconds)

    @contextmanager
    def read(self, who: str = "-", *, steady: bool = False) -> Iterator[Tx]:
        """A transaction that only looks; it never waits for a writer.

        steady: all its statements see the same instant, as on SQLite they always do.
        """
        watched = watching.told(self.watch, Mode.READ)
        with watched, database_edge(), self.engine.connect() as conn:
            looking = conn.execution_options(looking=True)
            if steady and conn.dialect.name == "postgresql":
                looking = looking.execution_options(isolation_level="REPEATABLE READ")
            with looking.begin():
                yield self._tx(looking, who, "-")

    def _tx(self, conn: Connection, who: str, correlation: str) -> Tx:
        return Tx(
            conn=conn,
            vault=self.vault,
            now=database_clock(conn),
            who=who,
            correlation=correlation,
            watch=self.watch,
        )


class Turn:
    """Whose turn it is to write, of the threads of this process: SQLite lets in whoever asks at
    the right moment, and keeps the others asleep for longer and longer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        """StoreUnavailableError: others have written for too long."""
        if not self._lock.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise no_answer(Neighbour.DATABASE, "others write")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def engine_for(url: str) -> Engine:
    """An engine with the pragmas and pool this product relies on."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 3, "keepalives_idle": 10},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "before_cursor_execute", _ask_for_binary)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    # A process that is stopped in a transaction keeps its locks: everybody would wait for it.
    connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT_MS}")
    connection.commit()


def _ask_for_binary(_conn: Any, cursor: Any, _sql: str, _given: Any, context: Any, _: bool) -> None:
    # Sealed columns come as bytes, not as the digits of each: a picture in a quarter of the time.
    if context.execution_options.get("in_binary"):
        cursor.format = BINARY


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
        "secure_delete=ON",  # a data key that is destroyed leaves no trace in free pages
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(conn: Connection) -> None:
    # A writer takes its lock at once: upgrading from a read would fail without waiting.
    looking = conn.get_execution_options().get("looking", False)
    conn.exec_driver_sql("BEGIN" if looking else "BEGIN IMMEDIATE")


def database_clock(conn: Connection) -> datetime:
    """Now, by the database's clock; an embedded SQLite has this machine's."""
    if conn.dialect.name == "sqlite":
        return datetime.now(UTC)
    instant: datetime = conn.execute(CLOCK).scalar_one()
    return instant.astimezone(UTC)


@contextmanager
def database_edge() -> Iterator[None]:
    """Turns what a lost database raises into ours; a broken statement stays a fault.

    UnreadableRowError: a text column of SQLite, which takes anything, holds bytes that are no text.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if str(error.orig).startswith(NO_TEXT):  # it goes on with what stands there
            raise UnreadableRowError("database: a column of text holds none (UTF-8)") from None
        raise no_answer(Neighbour.DATABASE, type(error.orig).__name__) from error
    except PoolTimeoutError as error:
        raise no_answer(Neighbour.DATABASE, "all connections are in use") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise no_answer(Neighbour.DATABASE, "connection lost") from error
        raise
