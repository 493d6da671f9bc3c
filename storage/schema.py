"""The schema of the ledger: migrate, and say which revision it stands at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateSchema, DropSchema

from storage.ledger.base import database_edge, engine_for
from storage.tables import metadata

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision; running it again changes nothing.

    StoreUnavailableError: the database gave no answer.
    """
    with _altering(engine) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Step back to an earlier revision."""
    with _altering(engine) as connection:
        command.downgrade(_config(connection), revision)


@contextmanager
def _altering(engine: Engine) -> Iterator[Connection]:
    """One transaction in which tables may be copied: SQLite's foreign keys are off meanwhile.

    IntegrityError: a row refers to one that is gone; nothing was changed.
    """
    with (
        database_edge(),
        engine.connect() as connection,
        _unbound(connection),
        connection.begin(),
    ):
        yield connection
        if broken := _broken_references(connection):
            raise IntegrityError("foreign_key_check", None, ValueError(f"{broken} rows"))


@contextmanager
def _unbound(connection: Connection) -> Iterator[None]:
    """SQLite takes this pragma outside a transaction only."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _broken_references(connection: Connection) -> int:
    if connection.dialect.name != "sqlite":
        return 0
    return len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())


def current_revision(engine: Engine) -> str | None:
    """The revision the database stands at; None when it is empty."""
    with database_edge(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str:
    """The newest revision this code knows."""
    head = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert head is not None  # noqa: S101 - the package ships its revisions
    return head


def is_known(revision: str) -> bool:
    """Whether this code knows that revision."""
    known = ScriptDirectory.from_config(_config(None)).walk_revisions()
    return any(each.revision == revision for each in known)


def drift(engine: Engine) -> list[object]:
    """How the database differs from ``storage.tables``; empty when it does not."""
    with database_edge(), engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def in_namespace(url: str, name: str) -> str:
    """The PostgreSQL URL with everything in a schema of that name."""
    parsed = make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
    return parsed.render_as_string(hide_password=False)


def fresh_namespace(url: str, name: str) -> None:
    """An empty PostgreSQL schema of that name; whatever was in it is gone."""
    engine = engine_for(url)
    with database_edge(), engine.begin() as connection:
        connection.execute(DropSchema(name, cascade=True, if_exists=True))
        connection.execute(CreateSchema(name))
    engine.dispose()
