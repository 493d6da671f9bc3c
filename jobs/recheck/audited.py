"""What the audit says was done, and what the rows say of it: both have to say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jobs.recheck.findings import Finding, Looked, Rule
from storage.recheck import audited
from storage.recheck.audited import Said
from storage.recheck.scope import snapshot

if TYPE_CHECKING:
    from jobs.wiring import Plant

EVENT = "event"
MOST_TOLD = 100  #: of those that the audit says nothing of, so many are told one by one


def look(rows: Sequence[Said]) -> list[Finding]:
    """What is not as the audit says."""
    return [
        Finding(rule=rule, kind=row.kind, id=row.id, sentence=sentence)
        for row in rows
        for rule, sentence in _broken(row)
    ]


def _broken(row: Said) -> Iterator[tuple[Rule, str]]:
    if row.found is None:
        rule = Rule.EVENT if row.kind == EVENT else Rule.AUDIT
        yield rule, f"row {row.row} of the audit tells of it, and it is not there"
        return
    for name, told in row.told.items():
        if row.found[name] != told:
            yield Rule.AUDIT, f"has another {name} than row {row.row} of the audit says"
            return


def look_at_all(plant: Plant) -> Looked:
    """What the audit does not say, or says of something that is gone; and access keys."""
    with snapshot(plant.ledger) as tx:
        keys = audited.access_keys(tx)
        gone = list(audited.gone(tx, MOST_TOLD))
        others = [*audited.unsaid(tx, MOST_TOLD), *audited.otherwise(tx, MOST_TOLD)]
    told = [(Rule.EVENT, each) for each in gone] + [(Rule.AUDIT, each) for each in others]
    findings = [
        Finding(rule=rule, kind=each.kind, id=each.id, sentence=each.sentence)
        for rule, each in told
    ]
    return Looked(looked=len(keys), findings=(*findings, *look(keys)))
