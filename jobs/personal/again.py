"""Erasing again (再次删除) whom a restored backup has brought back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.errors import ConflictError
from jobs.personal import erasing, marks
from jobs.personal.marks import Mark
from storage.ledger import personal, restoring

if TYPE_CHECKING:
    from jobs.wiring import Plant

AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Whose data was erased again, by row; and whose is still to be, with the reasons."""

    erased: tuple[int, ...]
    left: Mapping[int, str]


def erase_again(plant: Plant, *, who: str) -> Again:
    """Erase everybody who was erased before, and is there.

    Whoever was in force when the backup was taken is left until the events since then have been
    handed in again.  StoreUnavailableError: a neighbour is away; the same again goes on.
    """
    done: list[int] = []
    left: dict[int, str] = {}
    for holder, mark in dict(_there(plant)).items():
        ground, why = mark.reason.ground, mark.reason.why
        try:
            erasing.erase(plant, holder, who=who, ground=ground, why=why)
            done.append(holder)
        except ConflictError as error:
            left[holder] = str(error)
    return Again(erased=tuple(done), left=left)


def _there(plant: Plant) -> Iterator[tuple[int, Mark]]:
    """Who is marked and not erased, once each event of theirs that is marked."""
    marked, beyond = marks.every(plant), 0
    while marked:
        with plant.ledger.read() as tx:
            rows = restoring.holders_of_facts(tx, beyond, AT_ONCE)
            for _, holder, source, event_id in rows:
                mark = marked.get(marks.digest(tx, source, event_id))
                if mark is not None:
                    yield personal.of(tx, holder).id, mark
        if len(rows) < AT_ONCE:
            return
        beyond = rows[-1][0]
