"""Where things stand, in the words people see (状态), with the reason and whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from factory import register
from factory.model import BatchState, DocumentState, EditionState, ItemState, Standing
from storage.ledger.applications import ApplicationRow
from storage.ledger.documents import DocumentView
from storage.ledger.holds import Held
from storage.ledger.registers import RegistrationRow
from storage.ledger.status import CURRENT, EditionView, RegistrationView


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How something stands.

    label: what people see, in Chinese.
    owner: whose turn it is: applicant, enterprise, holder, authority, operations, upstream,
           factory or nobody.
    why:   the reason, where there is more to say.
    """

    label: str
    owner: str = "nobody"
    why: str = ""


EDITIONS: Mapping[EditionState, Stand] = MappingProxyType(
    {
        EditionState.ORDERED: Stand(label="生成中", owner="factory"),
        EditionState.UNCOLLECTED: Stand(label="未领证", owner="holder"),
        EditionState.COLLECTED: Stand(label="已领证"),
        EditionState.OUTDATED: Stand(label="待换发", owner="factory"),
        EditionState.SUPERSEDED: Stand(label="已作废"),
        EditionState.REVOKED: Stand(label="已注销"),
    }
)
DOCUMENTS: Mapping[DocumentState, Stand] = MappingProxyType(
    {
        DocumentState.ORDERED: Stand(label="生成中", owner="factory"),
        DocumentState.LIVE: Stand(label="有效"),
        DocumentState.VOID: Stand(label="作废"),
    }
)
SEALING = Stand(label="待加盖电子公章", owner="authority", why="the seal is asked for")
EXPIRED = Stand(label="已过期")
REGISTRATIONS: Mapping[Standing, str] = MappingProxyType(
    {
        Standing.ACTIVE: "有效",
        Standing.SUSPENDED: "暂扣",
        Standing.CANCELLED: "注销",
        Standing.LAPSED: "过期失效",
    }
)
BATCHES: Mapping[BatchState, str] = MappingProxyType(
    {
        BatchState.PREPARING: "准备中",
        BatchState.AWAITING: "待确认",
        BatchState.RUNNING: "换发中",
        BatchState.PAUSED: "已暂停",
        BatchState.STOPPED: "已制动",
        BatchState.COMPLETED: "已完成",
        BatchState.CANCELLED: "已取消",
    }
)
NO_ITEMS: Mapping[ItemState, int] = MappingProxyType({})


def of_edition(registration: RegistrationView, edition: EditionView, today: date) -> Stand:
    """How an edition stands.

    today: the calendar day in China.
    """
    if edition.state in {EditionState.SUPERSEDED, EditionState.REVOKED}:
        return EDITIONS[edition.state]
    if edition.hold is not None:
        why = f"hold {edition.hold}: {edition.hold_reason}"
        return Stand(label="需处理", owner=edition.hold_owner or "operations", why=why)
    if edition.waits_for_seal:
        return SEALING
    if edition.state is EditionState.OUTDATED:
        return _outdated(registration, edition, today)
    if edition.state in CURRENT or edition.is_waiting:
        return _standing(registration, edition, today)
    return _ordered(edition)


def _ordered(edition: EditionView) -> Stand:
    """How an edition stands that is being made."""
    found = EDITIONS[edition.state]
    if edition.put_back is None:
        return found
    return replace(found, why=f"tried again later: {edition.put_back}")


def _standing(registration: RegistrationView, edition: EditionView, today: date) -> Stand:
    """How an edition stands that the holder has, or can have for the asking."""
    if registration.state is Standing.CANCELLED:
        return EDITIONS[EditionState.REVOKED]
    if registration.state is Standing.LAPSED:
        return EXPIRED
    if registration.state is Standing.SUSPENDED:
        return Stand(label="暂扣", owner="authority")
    if is_over(edition, today):
        return EXPIRED
    if edition.is_waiting:
        return Stand(label="未领证", owner="holder", why="made when it is collected")
    return EDITIONS[edition.state]


def _outdated(registration: RegistrationView, edition: EditionView, today: date) -> Stand:
    """Whose turn it is for the newest edition, it is for the one that this replaces."""
    newest = registration.newest
    if newest is None or newest.id == edition.id:
        stands = registration.state is Standing.ACTIVE  # else nothing is ordered for it
        return EDITIONS[edition.state] if stands else _standing(registration, edition, today)
    awaited = of_edition(registration, newest, today)
    if awaited in {EXPIRED, EDITIONS[EditionState.REVOKED]}:
        return awaited
    why = f"edition {newest.number}: {awaited.label}"
    return Stand(label=EDITIONS[EditionState.OUTDATED].label, owner=awaited.owner, why=why)


def of_registration(registration: RegistrationView, today: date) -> Stand:
    """How a registration stands."""
    current = registration.current
    if registration.state is Standing.ACTIVE and current is not None and is_over(current, today):
        return EXPIRED
    return Stand(label=REGISTRATIONS[registration.state])


def of_row(row: RegistrationRow, today: date) -> Stand:
    """The same of one that was just changed, before its editions are asked for."""
    if row.standing is Standing.ACTIVE and row.view.valid_until < today:
        return EXPIRED
    return Stand(label=REGISTRATIONS[row.standing])


def of_application(application: ApplicationRow) -> Stand:
    """How an application stands (办理状态)."""
    label, owner = register.LABELS[application.state]
    return Stand(label=label, owner=owner)


def of_document(document: DocumentView) -> Stand:
    """How a document stands."""
    if document.hold is not None:
        why = f"hold {document.hold}: {document.hold_reason}"
        return Stand(label="需处理", owner=document.hold_owner or "operations", why=why)
    return DOCUMENTS[document.state]


def of_event(state: str, held: Sequence[Held]) -> Stand:
    """How an event stands."""
    if held:
        return of_held(held)
    return Stand(label="已撤销" if state == "dismissed" else "已处理")


def of_held(held: Sequence[Held]) -> Stand:
    """How something stands that only waits: the oldest hold first."""
    return Stand(label="需处理", owner=held[0].owner, why=held[0].detail)


def of_batch(
    state: BatchState,
    confirmed_by: str,
    items: Mapping[ItemState, int] = NO_ITEMS,
    why: str = "",
) -> Stand:
    """How a bulk event stands.

    confirmed_by: who confirms it (确认更名): the enterprise, or operations.
    why:          it was stopped or cancelled.
    """
    label = BATCHES[state]
    if state in {BatchState.COMPLETED, BatchState.CANCELLED}:
        return Stand(label=label, why=why)
    if state is BatchState.AWAITING:
        return Stand(label=label, owner=confirmed_by)
    if state in {BatchState.PAUSED, BatchState.STOPPED}:
        return Stand(label=label, owner="operations", why=why)
    open_ = items.get(ItemState.PENDING, 0) + items.get(ItemState.ORDERED, 0)
    if items.get(ItemState.HELD) and not open_:
        return Stand(label=label, owner="operations", why=f"{items[ItemState.HELD]} held")
    return Stand(label=label, owner="factory")


def is_over(edition: EditionView, today: date) -> bool:
    """Whether the last profession on it has ended."""
    return edition.valid_until < today.isoformat()
