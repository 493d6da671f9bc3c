"""An enterprise sees how its people stand, and how many of a rename have collected."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import event, update

import cli
from factory import specimen
from factory.access import Viewer
from factory.errors import ForbiddenError, NotFoundError, UnprintableError
from factory.model import BatchId, BatchState, ChunkId, Enterprise, ItemState, ProfileId
from jobs import asker, desk, enterprise, line, standing
from jobs.asker import ANYBODY, COUNTER, Asker
from jobs.bulk import confirming, steps
from jobs.enterprise import LABELS, PersonState
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import employers
from storage.ledger import people as ledger_people
from tests.plants import (
    PROFILE,
    WHO,
    approve,
    finish,
    hold,
    issue,
    must_claim,
    new_plant,
    open_chunks,
    run_batch,
    start_rename,
    submit,
)
from tests.telling import whole_factory

CODE, OTHER = specimen.credit_code(1), specimen.credit_code(2)
OK, REFUSED, USAGE, NOT_FOUND = 0, 1, 2, 4
UNPRINTABLE = UnprintableError("holder.name", ("U+E0C5",))
SHOWN = {
    PersonState.UNCOLLECTED, PersonState.COLLECTED, PersonState.OUTDATED, PersonState.ORDERED,
    PersonState.HELD, PersonState.EXPIRED, PersonState.SUSPENDED,
}  # fmt: skip


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url, slice_items=2, chunk_items=2)


def people(plant: Plant, code: str = CODE) -> dict[PersonState, int]:
    """The counts that are not zero."""
    [found] = enterprise.overview(plant, code).registers
    assert found.total == sum(found.people.values())
    return {state: count for state, count in found.people.items() if count}


def renames(plant: Plant) -> list[tuple[int, int]]:
    """(collected, due) of each rename, the oldest first."""
    [found] = enterprise.overview(plant, CODE).registers
    for each in found.renames:
        items = each.items
        assert items.made == items.collected + items.uncollected + items.replaced + items.ended
    return [(each.collected, each.due) for each in found.renames]


def replaced(plant: Plant) -> list[int]:
    """How many of each rename a later edition took the place of, the oldest first."""
    [found] = enterprise.overview(plant, CODE).registers
    return [each.items.replaced for each in found.renames]


def waiting(plant: Plant) -> list[str]:
    return [each.registration for each in enterprise.uncollected(plant, CODE)]


def confirm(plant: Plant, batch: BatchId) -> None:
    confirming.confirm(plant, batch, who=WHO, why="notice")


def expand(plant: Plant, batch: BatchId) -> None:
    """Every step, and no chunk made."""
    for _ in range(10):
        steps.advance(plant, batch)


def run(plant: Plant, batch: BatchId) -> None:
    """Every step, and every chunk made."""
    run_batch(plant, batch)
    expand(plant, batch)


def renamed(plant: Plant) -> BatchId:
    """A rename that has ended."""
    batch = start_rename(plant)
    confirm(plant, batch)
    run(plant, batch)
    return batch


def rename_back(plant: Plant) -> BatchId:
    again = specimen.renamed(7)
    names = again["data"]["enterprise"]
    names["old_name"], names["new_name"] = names["new_name"], names["old_name"]
    outcome = submit(plant, again)
    assert outcome.batch is not None, outcome
    expand(plant, BatchId(outcome.batch))
    return BatchId(outcome.batch)


# --- its people -------------------------------------------------------------------------------


def test_each_person_is_counted_once_by_how_they_stand(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in range(1, 4)]
    desk.collect(plant, numbers[0], who=WHO)
    approve(plant, 4)

    assert people(plant) == {
        PersonState.COLLECTED: 1,
        PersonState.UNCOLLECTED: 2,
        PersonState.ORDERED: 1,
    }


def test_only_its_own_people_are_counted(plant: Plant) -> None:
    issue(plant, 1)
    for seed in (2, 3):
        issue(plant, seed, enterprise=2)

    assert people(plant) == {PersonState.UNCOLLECTED: 1}
    assert people(plant, OTHER) == {PersonState.UNCOLLECTED: 2}


def test_who_is_held_is_counted_so(plant: Plant) -> None:
    approve(plant, 1)
    hold(
        plant,
        must_claim(plant, open_chunks(plant)[0]),
        UnprintableError("holder.name", ("U+E0C5",)),
    )

    assert people(plant) == {PersonState.HELD: 1}


@pytest.mark.on_both
def test_who_is_suspended_or_cancelled_is_counted_so_or_not_at_all(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in (1, 2, 3)]
    for number, state in zip(numbers, ("suspended", "cancelled", "active"), strict=True):
        with plant.ledger.write(WHO) as tx:
            rows = t.registration.c
            tx.run(update(t.registration).where(rows.number == number).values(state=state))

    assert people(plant) == {PersonState.SUSPENDED: 1, PersonState.UNCOLLECTED: 1}


def test_whose_certificate_is_over_is_counted_as_expired(plant: Plant) -> None:
    desk.collect(plant, issue(plant, 1), who=WHO)

    assert people(plant.on(date(2099, 1, 1))) == {PersonState.EXPIRED: 1}


def test_the_names_before_are_told_with_their_end(plant: Plant) -> None:
    issue(plant, 1)
    names = specimen.renamed(1)["data"]["enterprise"]
    renamed(plant)

    [found] = enterprise.overview(plant, CODE).registers

    assert (found.known.profile, found.known.name) == (PROFILE, names["new_name"])
    [former] = found.known.former_names
    assert former.name == names["old_name"]
    assert former.until <= datetime.now(UTC)


def test_every_word_of_an_edition_that_stands_is_a_state_of_a_person() -> None:
    stands = {each.label for state, each in standing.EDITIONS.items() if state not in ENDED}

    assert stands | {standing.EXPIRED.label} <= set(LABELS.values())
    assert set(LABELS) == set(PersonState) == SHOWN | {PersonState.NONE}
    assert len(set(LABELS.values())) == len(LABELS)


ENDED = {"superseded", "revoked"}


# --- its renames ------------------------------------------------------------------------------


def test_a_rename_moves_everybody_from_collected_to_collected_again(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in range(1, 6)]
    for number in numbers:
        desk.collect(plant, number, who=WHO)
    batch = start_rename(plant)
    assert people(plant) == {PersonState.COLLECTED: 5}

    confirm(plant, batch)
    assert people(plant) == {PersonState.OUTDATED: 5}
    assert renames(plant) == [(0, 0)]

    expand(plant, batch)
    assert people(plant) == {PersonState.ORDERED: 1, PersonState.OUTDATED: 4}

    run(plant, batch)
    assert people(plant) == {PersonState.UNCOLLECTED: 5}
    assert renames(plant) == [(0, 5)]

    for number in numbers[:2]:
        desk.collect(plant, number, who=WHO)
    assert people(plant) == {PersonState.COLLECTED: 2, PersonState.UNCOLLECTED: 3}
    assert renames(plant) == [(2, 5)]
    assert waiting(plant) == numbers[2:]


def test_what_was_collected_before_a_rename_does_not_count_for_it(plant: Plant) -> None:
    desk.collect(plant, issue(plant, 1), who=WHO)

    renamed(plant)

    assert renames(plant) == [(0, 1)]


def test_files_that_the_line_has_made_are_counted_as_they_are_collected(
    tmp_path: Path, s3: Settings
) -> None:
    plant = whole_factory(tmp_path, s3)
    numbers = [approve(plant, seed).registration or "" for seed in (1, 2, 3)]
    work(plant)
    batch = start_rename(plant)
    confirm(plant, batch)
    for _ in range(2):  # the first certificate, then the others
        expand(plant, batch)
        work(plant)

    desk.collect(plant, numbers[1], who=WHO)

    found = enterprise.overview(plant, CODE, profile=PROFILE)
    [each] = found.registers[0].renames
    assert (each.collected, each.due) == (1, 3)
    waits = enterprise.uncollected(plant, CODE, profile=PROFILE)
    assert [each.registration for each in waits] == [numbers[0], numbers[2]]


def work(plant: Plant) -> None:
    """Everything that is ordered is drawn, sealed, checked and stored."""
    while chunks := open_chunks(plant):
        for chunk in chunks:
            line.produce(plant, ChunkId(chunk))


def test_a_rename_is_told_in_the_registers_of_its_source_alone(plant: Plant) -> None:
    issue(plant, 1)
    there = Enterprise(credit_code=CODE, name=specimen.renamed(1)["data"]["enterprise"]["old_name"])
    with plant.ledger.write(WHO) as tx:
        ledger_people.enterprise(tx, ProfileId("gansu-constructor"), there)
    renamed(plant)

    found = enterprise.overview(plant, CODE).registers

    assert [(each.known.profile, len(each.renames)) for each in found] == [
        ("gansu-constructor", 0),
        (PROFILE, 1),
    ]
    assert [each.total for each in found] == [0, 1]


def test_of_two_renames_each_has_its_own_count(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in range(1, 4)]
    renamed(plant)
    desk.collect(plant, numbers[0], who=WHO)

    back = rename_back(plant)
    confirm(plant, back)
    run(plant, back)

    assert renames(plant) == [(1, 3), (0, 3)]
    assert replaced(plant) == [2, 0]


def test_whoever_collects_the_later_one_has_collected_for_both(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in range(1, 4)]
    renamed(plant)
    back = rename_back(plant)
    confirm(plant, back)
    run(plant, back)

    desk.collect(plant, numbers[0], who=WHO)

    assert renames(plant) == [(1, 3), (1, 3)]
    assert replaced(plant) == [2, 0]


def test_while_the_later_one_is_being_made_as_many_are_due(plant: Plant) -> None:
    for seed in range(1, 4):
        issue(plant, seed)
    renamed(plant)

    confirm(plant, rename_back(plant))

    assert renames(plant)[0] == (0, 3)
    assert replaced(plant) == [3, 0]


def test_whose_registration_was_cancelled_since_is_no_longer_due(plant: Plant) -> None:
    for seed in range(1, 4):
        issue(plant, seed)
    renamed(plant)
    back = rename_back(plant)
    confirm(plant, back)
    run(plant, back)

    submit(plant, specimen.cancelled(1))

    assert renames(plant) == [(0, 2), (0, 2)]


def test_items_held_and_open_are_told_beside_those_made(plant: Plant) -> None:
    for seed in range(1, 5):
        issue(plant, seed)
    batch = start_rename(plant)
    confirm(plant, batch)
    expand(plant, batch)
    [first] = open_chunks(plant)
    finish(plant, must_claim(plant, first))
    expand(plant, batch)
    second = open_chunks(plant)[0]
    [before] = enterprise.overview(plant, CODE).registers[0].renames
    hold(plant, must_claim(plant, second), UNPRINTABLE)

    [each] = enterprise.overview(plant, CODE).registers[0].renames

    assert before.rename.state is BatchState.RUNNING
    assert (before.items.made, before.items.held, before.items.open) == (1, 0, 3)
    assert (each.items.made, each.items.held, each.items.open) == (1, 2, 1)
    expected = {PersonState.UNCOLLECTED: 1, PersonState.HELD: 2, PersonState.ORDERED: 1}
    assert people(plant) == expected


def test_a_certificate_that_is_over_is_no_longer_due(plant: Plant) -> None:
    issue(plant, 1)
    renamed(plant)

    assert renames(plant.on(date(2099, 1, 1))) == [(0, 0)]


def test_the_sums_are_of_the_items_that_are_done() -> None:
    found = employers.tally(
        {
            (ItemState.DONE, employers.COLLECTED): 3,
            (ItemState.DONE, employers.ENDED): 1,
            (ItemState.ORDERED, employers.ENDED): 7,
            (ItemState.PENDING, employers.OPEN): 2,
        }
    )

    assert (found.open, found.made, found.collected, found.due) == (9, 4, 3, 3)


def test_more_people_are_no_more_queries(plant: Plant) -> None:
    issue(plant, 1)
    with counted(plant) as one:
        enterprise.overview(plant, CODE)
    for seed in range(2, 12):
        issue(plant, seed)

    with counted(plant) as many:
        enterprise.overview(plant, CODE)

    assert len(many) == len(one) <= 8


@contextmanager
def counted(plant: Plant) -> Iterator[list[str]]:
    """The statements that are run inside."""
    said: list[str] = []

    def note(*given: Any) -> None:
        said.append(given[2])

    event.listen(plant.ledger.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(plant.ledger.engine, "before_cursor_execute", note)


# --- who may ask ------------------------------------------------------------------------------


def of(code: str) -> Asker:
    return Asker(viewer=Viewer.ENTERPRISE, credit_code=code)


@pytest.mark.parametrize("who", [COUNTER, of(CODE)], ids=["counter", "the enterprise"])
def test_the_counter_and_the_enterprise_itself_see_it(plant: Plant, who: Asker) -> None:
    number = issue(plant, 1)

    assert enterprise.overview(plant, CODE, asker=who).registers[0].total == 1
    [found] = enterprise.uncollected(plant, CODE, asker=who)
    assert (found.profile, found.registration) == (PROFILE, number)


@pytest.mark.parametrize(
    "who",
    [of(OTHER), ANYBODY, asker.holder(**specimen.paper(1))],
    ids=["another enterprise", "public", "one of its people"],
)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_nobody_else_does_or_learns_whether_it_is_known(
    plant: Plant, who: Asker, known: bool
) -> None:
    if known:
        issue(plant, 1)

    for asked in (enterprise.overview, enterprise.uncollected):
        with pytest.raises(ForbiddenError):
            asked(plant, CODE, asker=who)


def test_an_enterprise_that_no_register_knows_is_not_found(plant: Plant) -> None:
    issue(plant, 1)

    with pytest.raises(NotFoundError):
        enterprise.overview(plant, OTHER)
    with pytest.raises(NotFoundError):
        enterprise.overview(plant, CODE, profile="gansu-constructor")


# --- at the keyboard --------------------------------------------------------------------------


@pytest.fixture
def typed(tmp_path: Path) -> Plant:
    """A plant whose ledger the command line finds."""
    return new_plant(tmp_path / "data", f"sqlite:///{tmp_path}/data/ledger.sqlite3")


def type_in(plant: Plant, *words: str) -> Result:
    env = {"FACTORY_DATA_DIR": str(plant.settings.data_dir), "FACTORY_TIME_STAMPS": "off"}
    return CliRunner(env=env).invoke(cli.main, ["enterprise", *words])


def test_the_command_tells_people_in_chinese_and_programs_in_identifiers(typed: Plant) -> None:
    numbers = [issue(typed, seed) for seed in (1, 2)]
    batch = renamed(typed)
    desk.collect(typed, numbers[0], who=WHO)

    shown, found = type_in(typed, CODE), type_in(typed, CODE, "--json")

    assert shown.exit_code == found.exit_code == OK, shown.output
    assert "1 / 2" in shown.stdout and "未领证" in shown.stdout and "曾用名" in shown.stdout
    [register] = json.loads(found.stdout)["registers"]
    assert register["people"]["collected"] == register["people"]["uncollected"] == 1
    [rename] = register["renames"]
    assert (rename["rename"]["batch"], rename["collected"], rename["due"]) == (batch, 1, 2)


def test_the_list_has_numbers_and_nobodys_name(typed: Plant) -> None:
    numbers = [issue(typed, seed) for seed in (1, 2)]
    desk.collect(typed, numbers[0], who=WHO)

    shown = type_in(typed, CODE, "--uncollected")
    found = json.loads(type_in(typed, CODE, "--uncollected", "--json").stdout)

    assert found == [{"profile": PROFILE, "registration": numbers[1]}]
    assert numbers[1] in shown.stdout and numbers[0] not in shown.stdout
    name = specimen.approved(2)["data"]["holder"]["name"]
    assert name not in shown.stdout + type_in(typed, CODE).stdout


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((OTHER,), NOT_FOUND, "no register knows"),
        ((CODE, "--profile", "gansu-constructor"), NOT_FOUND, "no register knows"),
        ((CODE[:-1] + "?",), USAGE, "GB 32100-2015: a character is outside its alphabet"),
        ((CODE[:-1],), USAGE, "GB 32100-2015: has 17 characters"),
        ((CODE[:-1] + ("0" if CODE[-1] != "0" else "1"),), USAGE, "the check character is wrong"),
        ((CODE, "--as", "enterprise", "--credit-code", OTHER), REFUSED, "belongs to another"),
        ((CODE, "--as", "public"), REFUSED, "the public may verify by code"),
    ],
)
def test_wrong_input_ends_with_its_code_and_rule(
    typed: Plant, words: tuple[str, ...], code: int, why: str
) -> None:
    issue(typed, 1)

    refused = type_in(typed, *words)

    assert refused.exit_code == code
    assert why in " ".join(refused.stderr.split())
