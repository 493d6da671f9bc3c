"""How an edition stands, in the words people see, and whose turn it is."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from factory.model import BatchState, EditionState, ItemState, OrderState, Standing
from jobs import standing
from jobs.standing import Stand
from storage.ledger.status import EditionView, RegistrationView

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LAST = date(2026, 12, 31)
TODAY, AFTER = LAST, date(2027, 1, 1)
WAITING = EditionView(
    id=1,
    number=1,
    medium="electronic",
    state=EditionState.ORDERED,
    cause="registration.approved",
    licence_id=None,
    valid_until=LAST.isoformat(),
    ordered_at=NOW,
    made_at=None,
    collected_at=None,
    files=(),
    order_state=OrderState.WAITING,
    waits_for="collection",
)
BEING_MADE = replace(WAITING, order_state=OrderState.READY, waits_for=None)
HELD = replace(
    BEING_MADE,
    order_state=OrderState.HELD,
    hold=7,
    hold_owner="upstream",
    hold_reason="field",
)
UNCOLLECTED = replace(BEING_MADE, state=EditionState.UNCOLLECTED, order_state=OrderState.MADE)
OUTDATED = replace(UNCOLLECTED, state=EditionState.OUTDATED)
REVOKED = replace(BEING_MADE, state=EditionState.REVOKED, order_state=OrderState.VOID)


def registration(*editions: EditionView, state: Standing = Standing.ACTIVE) -> RegistrationView:
    numbered = tuple(replace(each, id=n, number=n) for n, each in enumerate(editions, start=1))
    return RegistrationView(
        id=1,
        profile="shanghai-cost-engineer",
        number="建〔造〕21263100000001",
        state=state,
        employer="91310000MA1FL00000",
        holder_id=1,
        editions=numbered,
    )


def stands(found: RegistrationView, today: date = TODAY) -> list[Stand]:
    return [standing.of_edition(found, each, today) for each in found.editions]


def words(found: RegistrationView, today: date = TODAY) -> list[tuple[str, str]]:
    return [(each.label, each.owner) for each in stands(found, today)]


def test_what_is_made_for_the_asking_waits_for_its_holder() -> None:
    assert words(registration(WAITING)) == [("未领证", "holder")]


def test_what_is_made_for_the_asking_expires_unasked() -> None:
    assert words(registration(WAITING), AFTER) == [("已过期", "nobody")]


@pytest.mark.parametrize(
    ("state", "label", "owner"),
    [
        (Standing.SUSPENDED, "暂扣", "authority"),
        (Standing.CANCELLED, "已注销", "nobody"),
        (Standing.LAPSED, "已过期", "nobody"),
    ],
)
@pytest.mark.parametrize(
    "edition", [WAITING, UNCOLLECTED, OUTDATED], ids=["asked for", "made", "outdated"]
)
def test_out_of_force_no_certificate_is_the_holders_turn(
    state: Standing, label: str, owner: str, edition: EditionView
) -> None:
    assert words(registration(edition, state=state)) == [(label, owner)]


def test_a_revoked_edition_says_so_although_nobody_ever_asked_for_it() -> None:
    found = registration(REVOKED, state=Standing.CANCELLED)

    assert words(found) == [("已注销", "nobody")]


def test_what_is_being_made_is_the_factorys_turn_even_while_it_is_suspended() -> None:
    found = registration(BEING_MADE, state=Standing.SUSPENDED)

    assert words(found) == [("生成中", "factory")]


def test_an_outdated_edition_waits_for_the_holder_where_the_newest_does() -> None:
    old, _ = stands(registration(OUTDATED, WAITING))

    assert (old.label, old.owner, old.why) == ("待换发", "holder", "edition 2: 未领证")


def test_an_outdated_edition_waits_for_the_factory_where_the_newest_is_being_made() -> None:
    assert words(registration(OUTDATED, BEING_MADE))[0] == ("待换发", "factory")


def test_an_outdated_edition_without_a_newer_one_waits_for_the_factory() -> None:
    assert words(registration(OUTDATED)) == [("待换发", "factory")]


def test_an_outdated_edition_waits_for_whoever_must_mend_the_newest() -> None:
    assert words(registration(OUTDATED, HELD))[0] == ("待换发", "upstream")


def test_an_outdated_edition_is_expired_with_the_newest() -> None:
    assert words(registration(OUTDATED, WAITING), AFTER)[0] == ("已过期", "nobody")


def test_an_outdated_edition_waits_for_the_authority_while_the_newest_is_suspended() -> None:
    found = registration(OUTDATED, WAITING, state=Standing.SUSPENDED)

    assert words(found)[0] == ("待换发", "authority")


@pytest.mark.parametrize("owner", ["enterprise", "operations"])
def test_a_batch_waits_for_whoever_confirms_it(owner: str) -> None:
    found = standing.of_batch(BatchState.AWAITING, owner)

    assert (found.label, found.owner) == ("待确认", owner)


@pytest.mark.parametrize(
    ("state", "items", "owner"),
    [
        (BatchState.PREPARING, {}, "factory"),
        (BatchState.RUNNING, {ItemState.ORDERED: 1, ItemState.HELD: 1}, "factory"),
        (BatchState.RUNNING, {ItemState.DONE: 1, ItemState.HELD: 1}, "operations"),
        (BatchState.RUNNING, {ItemState.DONE: 1, ItemState.HELD: 0}, "factory"),
        (BatchState.COMPLETED, {ItemState.DONE: 2}, "nobody"),
    ],
)
def test_a_rename_under_way_is_the_factorys_turn_until_only_held_items_are_left(
    state: BatchState, items: dict[ItemState, int], owner: str
) -> None:
    assert standing.of_batch(state, {"enterprise"}, items).owner == owner
