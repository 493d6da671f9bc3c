"""Fetching: what the store has of a file, told from a store that is away."""

from __future__ import annotations

from dataclasses import dataclass, field

from factory.errors import NotFoundError, SettingsError, StoreUnavailableError
from storage.blobs import Blobs
from storage.own_objects import READY
from storage.recheck.files import Recorded

TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What the store has of one file.

    data:    None: it has none; of what is erased nothing is read, should it be there.
    refused: that it answers, and does not give this object.
    """

    data: bytes | None = field(default=None, repr=False)
    refused: bool = False


def fetch(store: Blobs, row: Recorded) -> Fetched:
    """What the store has of that file.

    A store may give no answer about one object and of all others give one: a broken disk, or a
    right that lacks.  So it is asked for another before it is said to be away.

    StoreUnavailableError, SettingsError: it answers nothing else either.
    """
    for _ in range(TRIES):
        try:
            return _asked(store, row)
        except (StoreUnavailableError, SettingsError):
            store.head(READY)
    return Fetched(refused=True)


def _asked(store: Blobs, row: Recorded) -> Fetched:
    try:
        if row.erased is not None:
            return Fetched(data=None if store.head(row.object_key) is None else b"")
        return Fetched(data=store.get(row.object_key))
    except NotFoundError:
        return Fetched()
