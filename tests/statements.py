"""Statements are compiled once a test process, not once a database.

Each test has a database of its own, hence an engine of its own, and SQLAlchemy compiles every
statement anew for each: a sixth of the time of the tests of the jobs.  What is compiled depends
on the statement and on the dialect alone, and here engines of one kind all have the same dialect:
the same library before the same server.
"""

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.engine import Dialect

Compiled = dict[object, object]


def compiled_once(engine_for: Callable[[str], Engine]) -> Callable[[str], Engine]:
    """The same maker of engines; those of one kind share their dialect's compiled statements."""
    shared: dict[type[Dialect], Compiled] = {}

    def make(url: str) -> Engine:
        engine = engine_for(url)
        kind = type(engine.dialect)
        if kind not in shared:
            shared[kind] = {}
            kind.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
            kind.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
        engine.update_execution_options(compiled_cache=shared[kind])
        return engine

    return make
