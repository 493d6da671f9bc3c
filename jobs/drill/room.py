"""No room (磁盘满): the ledger, the store or the signer's journal cannot grow for a while.

SQLite is held to the pages that it has, so that its own "database or disk is full" comes of it;
PostgreSQL raises its ``disk_full`` (53100) for whatever writes; the journal's file may not become
longer (RLIMIT_FSIZE), wherever in a line that is.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, event, text

FILE = "ledger-full"  #: in the folder of the drills
MOST_PAGES = 4_294_967_294  #: of SQLite, as if nobody had said
PREPARE = """
CREATE SCHEMA drill;
CREATE TABLE drill.disk (full_since timestamptz);
CREATE FUNCTION drill.write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM drill.disk) THEN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
  END IF;
  RETURN NULL;
END $$;
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('CREATE TRIGGER drill BEFORE INSERT OR UPDATE ON public.%I
      FOR EACH STATEMENT EXECUTE FUNCTION drill.write()', name);
  END LOOP;
END $$;
"""


def prepare(engine: Engine) -> None:
    """What a PostgreSQL needs, once its tables are there, so that its disk can be full."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as conn:
            conn.execute(text(PREPARE))


@contextmanager
def no_ledger_grows(engine: Engine, folder: Path) -> Iterator[None]:
    """While the block runs, the ledger takes nothing that needs room."""
    file = folder / FILE
    file.touch()
    _fill(engine)
    try:
        yield
    finally:
        file.unlink()
        _empty(engine)


def watch(folder: Path, engine: Engine | type[Engine]) -> None:
    """From now on what an engine, or each of this process, writes heeds the disk of that folder."""
    file = folder / FILE

    def heed(conn: Connection) -> None:
        if conn.dialect.name == "sqlite":
            most = 1 if file.exists() else MOST_PAGES  # 1: as many as there are
            conn.exec_driver_sql(f"PRAGMA max_page_count = {most}")

    event.listen(engine, "begin", heed)


@contextmanager
def no_file_grows(pid: int, most_bytes: int) -> Iterator[None]:
    """While the block runs, that process writes no file beyond so many bytes."""
    _, hard = _limited(pid, None)
    with suppress(ProcessLookupError):
        _limited(pid, (most_bytes, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            _limited(pid, (hard, hard))


def _limited(pid: int, most: tuple[int, int] | None) -> tuple[int, int]:
    if most is None:
        return resource.prlimit(pid, resource.RLIMIT_FSIZE)
    return resource.prlimit(pid, resource.RLIMIT_FSIZE, most)


def _fill(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.begin() as conn:
            conn.execute(text("INSERT INTO drill.disk VALUES (clock_timestamp())"))


def _empty(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.begin() as conn:
            conn.execute(text("DELETE FROM drill.disk"))
