"""A rename: prepared by cursor, confirmed in one instant, reissued to the last one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factory import specimen
from factory.errors import ConflictError, NotFoundError
from factory.model import BatchId, BatchState, EditionState, Kind
from jobs import desk, enquiry
from jobs.bulk import confirming, progress, steps
from jobs.intake import Status
from jobs.wiring import Plant
from storage.ledger import inbox, status
from tests.plants import (
    SOURCE,
    WHO,
    JsonObject,
    approve,
    finish,
    issue,
    must_claim,
    new_plant,
    open_chunks,
    run_batch,
    start_rename,
    submit,
)

COST_ENGINEER = "shanghai-cost-engineer"  #: prints a signature; a certificate a profession
FIRST, SECOND = "土木建筑工程", "安装工程"


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    plant = new_plant(tmp_path, db_url, slice_items=2, chunk_items=2)
    return plant.on(date(2024, 12, 1))  # what examples speak of is in force then


def confirm(plant: Plant, batch: BatchId) -> None:
    confirming.confirm(plant, batch, who=WHO, why="notice")


def licence_ids(plant: Plant, number: str) -> list[str]:
    found = enquiry.registration_status(plant, number).registration
    return [edition.licence_id or "" for edition in found.editions]


def states(plant: Plant, number: str) -> list[EditionState]:
    return [
        edition.state
        for edition in enquiry.registration_status(plant, number).registration.editions
    ]


def test_preparing_counts_the_affected_and_changes_nothing(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in range(1, 6)]
    issue(plant, 9, enterprise=2)

    found = progress.progress(plant, start_rename(plant))

    assert found.state is BatchState.AWAITING
    assert (found.total, found.pending) == (5, 5)
    assert all(states(plant, number) == [EditionState.UNCOLLECTED] for number in numbers)


def test_at_confirmation_every_standing_edition_is_outdated(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in range(1, 4)]
    desk.collect(plant, numbers[0], who=WHO)
    batch = start_rename(plant)

    confirm(plant, batch)

    assert all(states(plant, number) == [EditionState.OUTDATED] for number in numbers)


def test_after_the_run_everybody_has_a_new_edition_to_collect(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in range(1, 6)]
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    wanted = [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]
    assert all(states(plant, number) == wanted for number in numbers)
    found = progress.progress(plant, batch)
    assert (found.state, found.done, found.total) == (BatchState.COMPLETED, 5, 5)


def test_the_new_edition_prints_the_new_name(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    confirm(plant, batch)
    for _ in range(3):
        steps.advance(plant, batch)

    [order] = must_claim(plant, open_chunks(plant)[0]).orders

    renamed = specimen.renamed(1, 1)["data"]["enterprise"]["new_name"]
    assert renamed in str(order.face)


def test_others_keep_their_edition(plant: Plant) -> None:
    issue(plant, 1)
    other = issue(plant, 2, enterprise=2)
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    assert states(plant, other) == [EditionState.UNCOLLECTED]


def test_whoever_came_since_the_preparation_becomes_an_item(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    late = issue(plant, 2)

    confirm(plant, batch)
    run_batch(plant, batch)

    assert states(plant, late) == [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]


def test_an_edition_being_made_under_the_old_name_never_becomes_current(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    number = approve(plant, 2).registration
    assert number is not None
    underway = must_claim(plant, open_chunks(plant)[0])

    confirm(plant, batch)
    finish(plant, underway)

    assert states(plant, number) == [EditionState.OUTDATED]


def test_a_late_old_edition_does_not_replace_the_new_one(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    number = approve(plant, 2).registration
    assert number is not None
    underway = must_claim(plant, open_chunks(plant)[0])
    confirm(plant, batch)
    run_batch(plant, batch)

    finish(plant, underway)

    assert states(plant, number) == [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]


def test_repeating_a_step_changes_nothing_twice(plant: Plant) -> None:
    for seed in range(1, 6):
        issue(plant, seed)
    batch = start_rename(plant)
    confirm(plant, batch)
    make_first(plant, batch)

    for _ in range(30):
        steps.advance(plant, batch)

    with plant.ledger.read() as tx:
        assert status.order_counts(tx) == {"made": 6, "ready": 4}


def test_a_batch_is_confirmed_once(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    confirm(plant, batch)

    with pytest.raises(ConflictError, match="not waiting"):
        confirm(plant, batch)


def test_an_unknown_batch_cannot_be_confirmed(plant: Plant) -> None:
    with pytest.raises(NotFoundError):
        confirm(plant, BatchId(99))


def test_a_second_rename_while_one_runs_is_held(plant: Plant) -> None:
    issue(plant, 1)
    start_rename(plant)

    second = submit(plant, renamed("上海又一个名称建设工程有限公司"))

    assert second.status is Status.HELD
    assert "already" in second.reason


@pytest.mark.on_both
def test_of_two_renames_at_once_one_becomes_a_batch(plant: Plant) -> None:
    issue(plant, 1)
    sent = [specimen.renamed(1), renamed("上海又一个名称建设工程有限公司")]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda event: submit(plant, event), sent))

    assert sorted(each.status for each in found) == [Status.ACCEPTED, Status.HELD]
    assert len(progress.all_progress(plant)) == 1


@pytest.mark.on_both
def test_approvals_at_the_moment_of_confirmation_end_under_the_new_name(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)

    with ThreadPoolExecutor(3) as pool:
        approvals = [pool.submit(approve, plant, seed) for seed in range(2, 6)]
        pool.submit(confirm, plant, batch).result()
        numbers = [str(approval.result().registration) for approval in approvals]
    faces = printed(plant, batch)

    new_name = specimen.renamed(1, 1)["data"]["enterprise"]["new_name"]
    for number in numbers:
        current = enquiry.registration_status(plant, number).registration.current
        assert current is not None
        assert faces[number, current.number] == new_name


def test_a_registration_with_an_old_number_in_no_scheme_is_reissued(plant: Plant) -> None:
    numbers = [imported(plant, seed, f"{word}-123") for seed, word in ((1, "甲"), (2, "乙"))]
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    wanted = [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]
    assert all(states(plant, number) == wanted for number in numbers)


def test_in_a_rename_the_licence_id_of_an_imported_edition_goes_on(plant: Plant) -> None:
    foreign = "1.2.156.3005.2.11100000000013338W001.11110000000021135M." + "0123456789ABCDEF" * 2
    electronic = pictured(2)
    electronic["data"]["edition"] |= {"medium": "electronic", "number": 1}
    electronic["data"]["edition"]["licence_id"] = f"{foreign}.001.W"
    number = submit(plant, electronic).registration
    own = issue(plant, 1)
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    assert number is not None
    assert licence_ids(plant, number) == [f"{foreign}.001.W", f"{foreign}.002.U"]
    assert [each.split(".")[7] for each in licence_ids(plant, own)] == ["2312016202400001"] * 2


def test_what_cannot_be_ordered_is_held_alone(plant: Plant) -> None:
    issue(plant, 1)
    worn_out = pictured(2)
    worn_out["data"]["edition"] |= {"medium": "electronic", "number": 999}
    submit(plant, worn_out)
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    found = progress.progress(plant, batch)
    assert (found.state, found.done, found.held) == (BatchState.COMPLETED, 1, 1)


def test_who_was_imported_without_a_photo_is_held_alone(plant: Plant) -> None:
    issue(plant, 1)
    submit(plant, specimen.imported(2))
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    found = progress.progress(plant, batch)
    assert (found.state, found.done, found.held) == (BatchState.COMPLETED, 1, 1)


def test_another_profession_is_granted_though_a_rename_waits_for_a_signature(plant: Plant) -> None:
    unsigned(plant)

    outcome = submit(plant, of_cost_engineer(SECOND))

    assert outcome.status is Status.ACCEPTED
    assert outcome.registration is not None
    [edition] = enquiry.registration_status(plant, outcome.registration).registration.editions
    assert edition.is_waiting


def test_what_a_rename_could_not_order_is_ordered_when_its_signature_comes(plant: Plant) -> None:
    number = unsigned(plant)

    outcome = submit(plant, of_cost_engineer(FIRST, kind="renewal"))

    assert outcome.status is Status.ACCEPTED
    assert enquiry.registration_status(plant, number).registration.editions[-1].is_waiting


def test_an_approval_that_prints_a_missing_signature_is_held(plant: Plant) -> None:
    unsigned(plant)
    event = of_cost_engineer(FIRST, kind="renewal")
    del event["data"]["signature"]

    assert submit(plant, event).status is Status.HELD


def test_who_is_called_otherwise_waits_for_the_missing_signature(plant: Plant) -> None:
    unsigned(plant)
    event = specimen.corrected(1)
    event["data"] |= {"profile": COST_ENGINEER, "corrected_on": "2024-07-01"}

    assert submit(plant, event).status is Status.HELD


def test_a_wrong_check_character_is_held_in_a_rename_too(plant: Plant) -> None:
    submit(plant, doubtful())
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    assert progress.progress(plant, batch).held == 1
    assert len(desk.open_holds(plant)) == 2


def test_what_a_person_has_let_pass_is_not_held_again(plant: Plant) -> None:
    submit(plant, doubtful())
    [held] = desk.open_holds(plant)
    desk.retry(plant, held.id, who=WHO, why="the authority confirms it")
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    assert progress.progress(plant, batch).done == 1
    assert desk.open_holds(plant) == []


@pytest.mark.on_both
def test_of_two_confirming_at_once_one_is_refused(plant: Plant) -> None:
    number = issue(plant, 1)
    batch = start_rename(plant)

    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(confirm, plant, batch) for _ in range(2)]
        refused = [each.exception() for each in tries]

    assert sorted(type(each).__name__ for each in refused) == ["ConflictError", "NoneType"]
    assert states(plant, number) == [EditionState.OUTDATED]


@pytest.mark.on_both
def test_steps_taken_by_many_at_once_change_nothing_twice(plant: Plant) -> None:
    for seed in range(1, 6):
        issue(plant, seed)
    batch = start_rename(plant)
    confirm(plant, batch)
    make_first(plant, batch)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: steps.advance(plant, batch), range(12)))

    with plant.ledger.read() as tx:
        assert status.order_counts(tx) == {"made": 6, "ready": 4}


def test_a_rename_to_the_name_the_register_has_does_nothing(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    confirm(plant, batch)
    run_batch(plant, batch)

    again = submit(plant, specimen.renamed(2, 1))

    assert again.status is Status.ACCEPTED
    assert again.batch is None


def test_a_rename_from_a_name_the_register_does_not_know_is_held(plant: Plant) -> None:
    issue(plant, 1)
    event = renamed("上海又一个名称建设工程有限公司")
    event["data"]["enterprise"]["old_name"] = "上海从未听说建设工程有限公司"

    assert submit(plant, event).status is Status.HELD


def test_two_renames_in_a_row_leave_the_last_name(plant: Plant) -> None:
    number = issue(plant, 1)
    first = start_rename(plant)
    confirm(plant, first)
    run_batch(plant, first)
    event = renamed("上海又一个名称建设工程有限公司")
    event["data"]["enterprise"]["old_name"] = specimen.renamed(1, 1)["data"]["enterprise"][
        "new_name"
    ]
    outcome = submit(plant, event)
    assert outcome.batch is not None
    second = BatchId(outcome.batch)
    for _ in range(3):
        steps.advance(plant, second)

    confirm(plant, second)
    run_batch(plant, second)

    wanted = [EditionState.SUPERSEDED, EditionState.SUPERSEDED, EditionState.UNCOLLECTED]
    assert states(plant, number) == wanted


@pytest.mark.on_both
def test_an_enterprise_without_registrations_completes_at_once(plant: Plant) -> None:
    batch = start_rename(plant)
    confirm(plant, batch)

    run_batch(plant, batch)

    found = progress.progress(plant, batch)
    assert (found.state, found.total) == (BatchState.COMPLETED, 0)


def test_counts_add_up_at_every_step(plant: Plant) -> None:
    for seed in range(1, 6):
        issue(plant, seed)
    batch = start_rename(plant)
    confirm(plant, batch)

    for _ in range(4):
        steps.advance(plant, batch)
        found = progress.progress(plant, batch)
        assert found.pending + found.ordered + found.done + found.skipped + found.held == 5


def make_first(plant: Plant, batch: BatchId) -> None:
    """The first certificate, which the others wait for."""
    steps.advance(plant, batch)
    [chunk] = open_chunks(plant)
    finish(plant, must_claim(plant, chunk))


def renamed(new_name: str) -> dict[str, Any]:
    event = specimen.renamed(1, 1)
    event["data"]["enterprise"]["new_name"] = new_name
    return event | {"id": f"rename-to-{len(new_name)}"}


def doubtful() -> dict[str, Any]:
    """An approval with a wrong check character."""
    event = specimen.approved(1)
    event["data"]["holder"]["id_number"] = "310101199001010011"
    return event


def imported(plant: Plant, seed: int, number: str) -> str:
    event = pictured(seed)
    event["data"]["registration_number"] = number
    assert submit(plant, event).status is Status.ACCEPTED
    return number


def pictured(seed: int) -> JsonObject:
    """An import with the photo that the next edition prints."""
    event = specimen.imported(seed)
    event["data"]["photo"] = specimen.approved(seed)["data"]["photo"]
    return event


def unsigned(plant: Plant) -> str:
    """A cost engineer imported without a signature, whose rename could order nothing for that."""
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, SOURCE, COST_ENGINEER)
    event = pictured(1)
    validity = {"valid_from": "2023-03-01", "valid_to": "2027-02-28"}
    event["data"] |= {
        "profile": COST_ENGINEER,
        "registration_number": "建[造]12233100000001",
        "professions": [{"name": FIRST} | validity],
    }
    number = submit(plant, event).registration
    assert number is not None
    batch = start_rename(plant)
    confirm(plant, batch)
    run_batch(plant, batch)
    assert progress.progress(plant, batch).held == 1
    assert states(plant, number) == [EditionState.OUTDATED]
    return number


def of_cost_engineer(profession: str, *, kind: str = "initial") -> JsonObject:
    """An approval of the same person with everything that is printed."""
    event = specimen.approved(1)
    event["data"] |= {
        "profile": COST_ENGINEER,
        "application": event["data"]["application"] | {"type": kind},
        "signature": event["data"]["photo"],
        "professions": [
            {
                "name": profession,
                "hours": {"compulsory": 60, "elective": 60},
                **({"qualified_on": "2017-11-03"} if kind == "initial" else {}),
            }
        ],
        "approved_on": "2024-06-03",
    }
    return event


def printed(plant: Plant, batch: BatchId) -> dict[tuple[str, int], str]:
    """The employer on every certificate by (number, edition); all are made."""
    found = {}
    steps.advance(plant, batch)
    while ready := open_chunks(plant):
        claim = must_claim(plant, ready[0])
        for order in claim.orders:
            if order.kind is Kind.CERTIFICATE:
                face: Any = order.face
                found[face["number"], face["edition"]] = face["employer"]["name"]
        finish(plant, claim)
        steps.advance(plant, batch)
    return found
