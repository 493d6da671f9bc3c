"""`bulk preview`: what a bulk event will do, before it is confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from factory.contrast import Change, Sort, of_sort
from factory.estimate import Basis, Bottleneck, Estimate
from factory.model import BatchId
from jobs.bulk import preview as previews
from jobs.bulk.preview import Outline, Shown
from jobs.bulk.samples import Now
from jobs.commands import machine
from jobs.commands.options import IDENT, Place, json_option
from jobs.commands.output import local_time, out, plain, print_json, print_table
from jobs.wording import EVENTS

MOST_SAMPLES = 50
LISTED = 20  #: who would be held, on a terminal; all are in the JSON
OWN = "(the holder's own: see the picture)"
REAL = (Sort.PRINTED, Sort.TWIN, Sort.DESIGN)
SECONDS, MINUTES = 60, 3600
KNOWN = {
    Now.FILE: "its file",
    Now.FACE: "drawn anew",
    Now.ORDERED: "not made yet",
    Now.PAPER: "paper: as the register has it",
    Now.ELSEWHERE: "made elsewhere: as the register has it",
    Now.NONE: "there is none",
}
KEPT = {
    Bottleneck.WORKERS: "the pace of {workers} workers",
    Bottleneck.RATE: "the rate it is held to",
    Bottleneck.SIGNER: "what the signer can make",
}


@click.command("preview")
@click.argument("batch", type=IDENT)
@click.option(
    "--samples", type=click.IntRange(0, MOST_SAMPLES), default=3, show_default=True,
    help="Certificates drawn as they will be, beside the present ones.",
)  # fmt: skip
@click.option(
    "-o", "--out", "folder", type=Place(file_okay=False),
    help="Folder the pictures go to; they show people's data.  [default: preview-batch-BATCH]",
)  # fmt: skip
@json_option
def bulk_preview(batch: int, samples: int, folder: Path | None, as_json: bool) -> None:
    """What BATCH will do once it is confirmed: how many, whose not and why, how, and how long.

    Up to 20 000 registrations are looked at again, and counted as they are now; of a larger batch
    it says what was expected when it was prepared.  Samples are drawn beside the present
    certificates, marked 样张, with what changes framed.
    Nothing is sealed, and nothing is changed.
    """
    found = previews.preview(
        machine.plant(),
        BatchId(batch),
        folder or Path(f"preview-batch-{batch}"),
        most=samples,
    )
    if as_json:
        print_json(_told(found))
    else:
        _show(found)


def _told(found: Outline) -> dict[str, Any]:
    """For programs; no value of the holder's own is in it."""
    told: dict[str, Any] = plain(asdict(found))
    for sample, shown in zip(told["samples"], found.samples, strict=True):
        sample["changes"] = [_change(each) for each in shown.changes]
    return told


def _change(change: Change) -> dict[str, Any]:
    told: dict[str, Any] = plain(change)
    hidden = {"now": None, "then": None} if change.is_own else {}
    return told | hidden | {"own": change.is_own}


def _show(found: Outline) -> None:
    what = f"{EVENTS[found.kind]}, {found.total} registrations"
    out.print(f"batch {found.batch}: {what}{_since(found)}\n")
    print_table(
        ("profile", "formats", "will be", "reason", "items"),
        ((e.profile, ", ".join(e.formats), e.outcome, e.reason, e.items) for e in found.counts),
    )
    if found.held:
        _show_held(found)
    if found.samples:
        _show_samples(found.samples)
    out.print(f"\n{_lasts(found)}", markup=False)
    out.print("nothing is sealed, and nothing has changed; to let it take effect:")
    out.print(f"  certfactory bulk confirm {found.batch} --reason …", markup=False)


def _since(found: Outline) -> str:
    if found.as_of is None:
        return ", as they are now"
    return f", as of {local_time(found.as_of)}: it is too large to look at all of them again"


def _show_held(found: Outline) -> None:
    out.print(f"\n{found.to_hold} would be held until somebody has mended them:")
    print_table(
        ("registration", "reason"), ((e.registration, e.reason) for e in found.held[:LISTED])
    )
    if found.to_hold > LISTED:
        out.print(f"and {found.to_hold - LISTED} more: --json lists {len(found.held)}")


def _show_samples(samples: tuple[Shown, ...]) -> None:
    out.print()
    print_table(
        ("registration", "shown for", "present one", "field", "now", "then"),
        (row for each in samples for row in _rows(each)),
    )
    out.print()
    for each in samples:
        if each.picture:
            out.print(each.picture, markup=False)


def _rows(shown: Shown) -> Iterator[tuple[object, ...]]:
    """A line a change; the first one says whose."""
    whose: tuple[object, ...] = (
        shown.registration, shown.why.value, KNOWN[shown.known] if shown.known else "",
    )  # fmt: skip
    if shown.problem:
        yield (*whose, "cannot be drawn", shown.problem, "")
        return
    changes = of_sort(shown.changes, *REAL)
    if not changes:
        yield (*whose, _unchanged(shown), "", "")
    for change in changes:
        yield (*whose, _named(change), *_values(change))
        whose = ("", "", "")


def _unchanged(shown: Shown) -> str:
    if shown.known in {Now.PAPER, Now.ELSEWHERE}:
        return "nothing that the register has"
    return "nothing but what every edition has anew" if shown.changes else ""


def _named(change: Change) -> str:
    return f"{change.label} ({change.note})" if change.note else change.label


def _values(change: Change) -> tuple[str, str]:
    return (OWN, OWN) if change.is_own else (change.now or "-", change.then or "-")


def _lasts(found: Outline) -> str:
    expects = found.expects
    if expects is None:
        return "how long it takes cannot be told" if found.to_make else "nothing is to be made"
    bounds = f"{_long(expects.least)} to {_long(expects.most)}, most likely "
    span = "" if _long(expects.least) == _long(expects.most) else bounds
    span += f"about {_long(expects.usual)}"
    kept = KEPT[expects.bottleneck].format(workers=found.workers)
    return f"{found.to_make} certificates take {span}; kept to {kept}; {_basis(expects)}"


def _basis(expects: Estimate) -> str:
    if expects.basis is Basis.MEASURED:
        return f"as measured in the last days ({expects.figures} figures)"
    return f"a guess from {expects.figures} samples drawn here: nothing was measured yet"


def _long(seconds: float) -> str:
    """A duration as people say it.

    >>> _long(4), _long(400), _long(40_000)
    ('4 s', '7 min', '11.1 h')
    """
    if seconds < SECONDS:
        return f"{max(1, round(seconds))} s"
    if seconds < MINUTES:
        return f"{round(seconds / SECONDS)} min"
    return f"{seconds / MINUTES:.1f} h"
