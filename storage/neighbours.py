"""The neighbours: what is said of one that gives no answer, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

from factory.errors import StoreUnavailableError


class Neighbour(StrEnum):
    """Who the factory works with."""

    BROKER = "broker"
    STORE = "object store"
    DATABASE = "database"


SETTINGS = {
    Neighbour.BROKER: "FACTORY_REDIS_URL",
    Neighbour.STORE: "FACTORY_S3_ENDPOINT",
    Neighbour.DATABASE: "FACTORY_DB_URL",
}


def no_answer(neighbour: Neighbour, what: str) -> StoreUnavailableError:
    """The failure, with what to start.

    what: the word for it, with no address, key or value in it.
    """
    start = f"run `certfactory up`, or start what {SETTINGS[neighbour]} names"
    return StoreUnavailableError(f"{neighbour}: gives no answer ({what}): {start}")


def is_of(error: BaseException, neighbour: Neighbour) -> bool:
    """Whether that failure says that this neighbour gave no answer."""
    return isinstance(error, StoreUnavailableError) and str(error).startswith(f"{neighbour}: ")
