"""How a table tells where something stands: Chinese words for people, identifiers for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from factory.model import ApplicationType, Party
from factory.opinions import TYPES
from factory.register import Happening
from jobs import enquiry
from jobs.commands.output import local_time, out, print_json, print_table
from jobs.wording import EVENTS, HAPPENINGS, OWNERS, PARTIES
from storage.ledger.status import EditionView

Row = tuple[str, object]


def held_because(hold: int | None, reason: str) -> str:
    """Which hold stops something, and why; nothing where none does."""
    return "" if hold is None else f"hold {hold}: {reason}".removesuffix(": ")


def show_events(found: Sequence[enquiry.EventStatus], *, as_json: bool) -> None:
    """Events, each with what followed from it."""
    if as_json:
        print_json(found)
        return
    for each in found:
        state = f"{each.event.state} ({each.stand.label})"
        what = f"event {each.event.event_id} of {each.event.source}"
        out.print(f"{what}, {EVENTS[each.event.type]}: {state}", markup=False)
        if each.batch and each.batch_stand:
            stand = each.batch_stand
            turn = f"{OWNERS[stand.owner]}{f' ({stand.why})' if stand.why else ''}"
            out.print(f"  batch {each.batch.id}: {stand.label}, whose turn: {turn}", markup=False)
        for hold in each.held:
            out.print(f"  hold {hold.id} ({OWNERS[hold.owner]}): {hold.detail}", markup=False)
        if each.applications:
            show_applications(each.applications, as_json=False)
        for registration in each.registrations:
            show_registration(registration, as_json=False)


def show_applications(
    found: Sequence[enquiry.ApplicationStatus],
    awaited: Sequence[enquiry.AwaitedApplication] = (),
    *,
    as_json: bool,
) -> None:
    """Applications with all that was done to them, and what only held events know of."""
    if as_json:
        print_json([*found, *awaited])
        return
    for each in found:
        row = each.application
        waits = f": 需处理, {len(each.held)} held" if each.held else ""
        out.print(f"application {row.number} ({row.profile}){waits}", markup=False)
        rows = [*_heads(each), *_signatures(row.view), *_materials(row.view), *_steps(each)]
        print_table(("", ""), ((name, value) for name, value in rows if value not in {None, ""}))
        for note in each.notes:
            out.print(f"  {note}", markup=False)
        _show_held(each.held)
    for one in awaited:
        owner = OWNERS[one.stand.owner]
        out.print(f"application {one.number} ({one.profile})", markup=False)
        print_table(("", ""), [("办理状态", one.stand.label), ("whose turn", owner)])
        _show_held(one.held)


def show_progress(found: enquiry.Progress, *, as_json: bool) -> None:
    """Where an application stands, for whoever has its slip."""
    if as_json:
        print_json(found)
        return
    rows: list[Row] = [("type", TYPES[found.kind]), ("办理状态", found.stand.label)]
    rows.append(("whose turn", OWNERS[found.stand.owner]))
    rows += [_step(each.outcome, each.by, each.at, each.opinion) for each in found.steps]
    print_table(("", ""), rows)


def _show_held(held: Sequence[enquiry.HeldEvent]) -> None:
    """What waits, why, and whose turn it is."""
    for each in held:
        what = f"{EVENTS[each.event.type]}, event {each.event.event_id} of {each.event.source}"
        hold = f"hold {each.hold.id} ({OWNERS[each.hold.owner]}): {each.hold.detail}"
        out.print(f"  需处理 {what}, {hold}", markup=False)


def _heads(found: enquiry.ApplicationStatus) -> Iterator[Row]:
    row = found.application
    yield "type", TYPES[ApplicationType(row.kind)]
    yield "办理状态", found.stand.label
    yield "whose turn", OWNERS[found.stand.owner]
    yield "revision", row.revision
    yield "filing number 办件申报号", row.filing_number


def _signatures(view: Any) -> Iterator[Row]:
    for each in view["signatures"]:
        void = " (作废)" if each["void"] else ""
        name = f"{PARTIES[Party(each['party'])]}签名"
        yield name, f"revision {each['revision']}, {local_time(each['at'])}{void}"


def _materials(view: Any) -> Iterator[Row]:
    for name, file in view["materials"].items():
        yield f"申报材料 {name}", local_time(file["at"])


def _steps(found: enquiry.ApplicationStatus) -> Iterator[Row]:
    said = {(each.outcome, each.at.isoformat()): each.text for each in found.opinions}
    for step in found.application.view["steps"]:
        opinion = said.get((step["outcome"], step["at"]))
        yield _step(step["outcome"], step["by"], step["at"], opinion)


def _step(outcome: str, by: str, at: datetime | str, opinion: str | None) -> Row:
    told = f"，意见：{opinion}" if opinion else ""
    return HAPPENINGS[Happening(outcome)], f"{OWNERS[by]}, {local_time(at)}{told}"


def show_registration(found: enquiry.RegistrationStatus, *, as_json: bool) -> None:
    """A registration with its editions."""
    if as_json:
        print_json(found)
        return
    registration = found.registration
    out.print(f"registration {registration.number} ({registration.profile}): {found.stand.label}")
    if registration.former_numbers:
        out.print(f"  before: {', '.join(registration.former_numbers)}", markup=False)
    print_table(
        ("edition", "state", "状态", "whose turn", "because of", "valid until", "电子证照标识"),
        (
            (_edition(e), e.state, s.label + (f" ({s.why})" if s.why else ""),
             OWNERS[s.owner], EVENTS.get(e.cause, e.cause), e.valid_until, e.licence_id)
            for e, s in zip(registration.editions, found.editions, strict=True)
        ),
    )  # fmt: skip


def _edition(edition: EditionView) -> str:
    """Its number; what was on paper when it was taken over has none."""
    return "paper 纸质" if edition.medium == "paper" else f"{edition.number:03d}"
