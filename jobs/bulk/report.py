"""Report: what became of every item, and who was missed; registration numbers only."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from factory.model import BatchId, Format, ItemState
from jobs.asker import COUNTER, Asker
from jobs.bulk import scopes
from storage.ledger import results
from storage.ledger.results import Result

if TYPE_CHECKING:
    from jobs.wiring import Plant

COLUMNS = (
    "registration", "profile", "state", "reason", "forecast", "replaced", "edition",
    "edition_state", "made_at",
    *(f"{age}_{fmt}" for age in ("old", "new") for fmt in Format),
)  # fmt: skip


class Form(StrEnum):
    """How a report is written."""

    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Registrations that a batch concerns and did not reach; both empty when all is well.

    no_item:    it concerns them, and they are no item of it.
    unfinished: their item is done, and there is no file.
    """

    no_item: Sequence[str]
    unfinished: Sequence[str]

    @property
    def nobody(self) -> bool:
        """Whether nobody was missed."""
        return not self.no_item and not self.unfinished


def rows(
    plant: Plant, ident: BatchId, *, failed: bool = False, asker: Asker = COUNTER
) -> Iterator[dict[str, Any]]:
    """Every item of a batch as plain JSON, in the order of registrations; or what is held.

    NotFoundError: no such batch.
    """
    states = (ItemState.HELD,) if failed else tuple(ItemState)
    with plant.ledger.read() as tx:
        asker.batch(tx, ident)
        for each in results.results(tx, ident, states=states):
            yield _row(each)


def _row(each: Result) -> dict[str, Any]:
    return {
        "registration": each.number,
        "profile": each.profile,
        "state": each.state.value,
        "reason": each.reason,
        "forecast": each.forecast,
        "replaced": each.replaced,
        "edition": each.edition,
        "edition_state": each.edition_state.value if each.edition_state else None,
        "made_at": each.made_at.isoformat() if each.made_at else None,
        "old": {fmt.value: digest for fmt, digest in each.old.items()},
        "new": {fmt.value: digest for fmt, digest in each.new.items()},
    }


def written(items: Iterable[dict[str, Any]], form: Form) -> Iterator[str]:
    """The lines of a report, each with its end."""
    if form is Form.JSONL:
        yield from (json.dumps(each, ensure_ascii=False) + "\n" for each in items)
        return
    yield _line(COLUMNS)
    for each in items:
        digests = {f"{a}_{f}": each[a].get(f) for a in ("old", "new") for f in Format}
        yield _line([(each | digests)[name] for name in COLUMNS])


def _line(values: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(["" if value is None else value for value in values])
    return text.getvalue()


def missed(plant: Plant, ident: BatchId, *, asker: Asker = COUNTER) -> Missed:
    """Who was missed by a batch that has taken effect.  NotFoundError: no such batch."""
    with plant.ledger.read() as tx:
        batch = asker.batch(tx, ident)
        concerned = scopes.scope_of(batch).concerned(plant, tx, batch)
        since = batch.confirmed_at
        return Missed(
            no_item=results.missing(tx, ident, concerned, since) if since else (),
            unfinished=results.unfinished(tx, ident),
        )
