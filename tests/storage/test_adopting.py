"""Adopting: a ledger of the first version goes on under this one, and nothing of it is lost."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from factory import acceptance, specimen
from factory.model import ApplicationState, EditionState, Standing
from jobs import enquiry, opening
from jobs.bulk import confirming, progress
from jobs.intake import Outcome, Status
from jobs.wiring import Plant
from storage import schema
from storage import tables as t
from storage.ledger import facts, registers
from storage.ledger.facts import FactState
from tests.plants import JsonObject, issue, run_batch, start_rename, submit
from tests.storage import older

APPROVED, OTHER, IMPORTED = "沪2312016202400001", "沪2312016202400002", "沪231192200057"
EMPLOYER = specimen.employer(1)["name"]
RENEWAL = date(2027, 1, 4)
RENAMED = "上海示例更名后建设集团有限公司"


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    """A ledger of the first version: two people approved late and one with a paper certificate."""
    plant = older.older_plant(tmp_path, db_url)
    older.register(plant, late(1), APPROVED)
    older.register(plant, late(2), OTHER)
    older.register(plant, on_paper(3), IMPORTED)
    return plant


@pytest.fixture
def adopted(plant: Plant) -> Plant:
    """The same, upgraded."""
    opening.migrate(plant)
    return plant


# --- what stays --------------------------------------------------------------------------------


def test_registrations_keep_their_numbers_editions_and_states(plant: Plant) -> None:
    before = older.rows_of(plant)

    opening.migrate(plant)

    assert older.rows_of(plant) == before
    assert schema.drift(plant.ledger.engine) == []


def test_every_event_of_a_registration_is_a_fact_that_has_taken_effect(adopted: Plant) -> None:
    assert facts_of(adopted) == [
        (late(1)["id"], "registration.approved", FactState.APPLIED),
        (late(2)["id"], "registration.approved", FactState.APPLIED),
        (on_paper(3)["id"], "registration.imported", FactState.APPLIED),
    ]


def test_a_registration_names_the_fact_it_began_with(adopted: Plant) -> None:
    with adopted.ledger.read() as tx:
        rows = registers.load(tx, [1, 2, 3]).values()

    assert [row.origin for row in rows] == [
        (specimen.SOURCE, event["id"]) for event in (late(1), late(2), on_paper(3))
    ]


def test_a_fact_says_what_the_event_said_and_the_picture_the_register_has(adopted: Plant) -> None:
    with adopted.ledger.read() as tx:
        [row] = registers.load(tx, [1]).values()
        [kept] = facts.of_holder(tx, row.holder_id)

    assert kept.fact.data.holder.id_number == late(1)["data"]["holder"]["id_number"]
    assert kept.fact.pictures == {"photo": row.view.photo}


def test_an_application_that_was_approved_has_ended(adopted: Plant) -> None:
    [found] = enquiry.application_status(adopted, specimen.acceptance_number(1))

    assert found.application.state is ApplicationState.COMPLETED
    assert found.stand.label == "办结"


def test_an_import_had_no_application(adopted: Plant) -> None:
    assert enquiry.application_status(adopted, specimen.acceptance_number(3)) == []


# --- once --------------------------------------------------------------------------------------


def test_migrating_twice_changes_nothing(adopted: Plant) -> None:
    before = everything(adopted)

    opening.migrate(adopted)

    assert everything(adopted) == before


def test_what_this_version_took_in_is_not_adopted(adopted: Plant) -> None:
    issue(adopted, 5)
    before = everything(adopted)

    opening.migrate(adopted)

    assert everything(adopted) == before


def test_an_upgrade_that_was_stopped_goes_on_where_it_was(plant: Plant) -> None:
    schema.migrate(plant.ledger.engine)
    with plant.ledger.write("migrate") as tx:
        first = facts.adopt(tx, limit=2)

    opening.migrate(plant)

    assert first == 2
    assert [event for event, _, _ in facts_of(plant)] == [
        late(1)["id"],
        late(2)["id"],
        on_paper(3)["id"],
    ]


def test_a_ledger_without_registrations_has_nothing_to_adopt(tmp_path: Path, db_url: str) -> None:
    plant = older.older_plant(tmp_path, db_url)

    opening.migrate(plant)

    assert facts_of(plant) == []


# --- what follows ------------------------------------------------------------------------------


def test_an_event_it_took_before_is_a_duplicate(adopted: Plant) -> None:
    done = submit(adopted, late(1))

    assert (done.status, done.registration) == (Status.DUPLICATE, APPROVED)


def test_a_renewal_is_taken_and_keeps_the_number(adopted: Plant) -> None:
    done = renew(adopted, 1)

    assert (done.status, done.registration) == (Status.ACCEPTED, APPROVED)
    assert editions(adopted, APPROVED) == [EditionState.OUTDATED, EditionState.ORDERED]
    assert last_day(adopted, 1) == "2030-03-01"


def test_what_the_first_version_did_not_ask_is_asked_of_what_is_new(adopted: Plant) -> None:
    """The hours of a late registration."""
    done = submit(adopted, late(6))

    assert done.status is Status.HELD
    assert "compulsory" in done.reason


def test_a_cancellation_is_taken(adopted: Plant) -> None:
    done = submit(adopted, specimen.cancelled(2))

    assert (done.status, done.registration) == (Status.ACCEPTED, OTHER)
    assert standing(adopted, 2) is Standing.CANCELLED
    assert editions(adopted, OTHER) == [EditionState.REVOKED]
    assert standing(adopted, 1) is Standing.ACTIVE


def test_a_suspension_and_its_end_are_taken(adopted: Plant) -> None:
    suspended = submit(adopted, specimen.suspended(1))
    between = standing(adopted, 1)
    resumed = submit(adopted, specimen.resumed(1))

    assert (suspended.status, resumed.status) == (Status.ACCEPTED, Status.ACCEPTED)
    assert (between, standing(adopted, 1)) == (Standing.SUSPENDED, Standing.ACTIVE)
    assert editions(adopted, APPROVED) == [EditionState.UNCOLLECTED]


def test_a_correction_orders_the_next_edition(adopted: Plant) -> None:
    done = submit(adopted, specimen.corrected(1))

    assert done.status is Status.ACCEPTED
    assert editions(adopted, APPROVED) == [EditionState.OUTDATED, EditionState.ORDERED]


def test_a_paper_certificate_is_exchanged_under_its_number(adopted: Plant) -> None:
    done = submit(adopted, exchange(3))

    assert (done.status, done.registration) == (Status.ACCEPTED, IMPORTED)
    assert editions(adopted, IMPORTED) == [EditionState.OUTDATED, EditionState.ORDERED]


def test_an_electronic_certificate_is_not_exchanged(adopted: Plant) -> None:
    done = submit(adopted, exchange(1))

    assert done.status is Status.HELD
    assert "is electronic already" in done.reason


def test_a_second_registration_is_refused_as_before(adopted: Plant) -> None:
    done = submit(adopted, late(1) | {"id": "once more"})

    assert done.status is Status.HELD


def test_the_acceptance_number_of_somebody_else_is_refused(adopted: Plant) -> None:
    other = specimen.approved(8)
    other["data"]["application"]["acceptance_number"] = specimen.acceptance_number(1)

    done = submit(adopted, other)

    assert done.status is Status.HELD
    assert "another person's application" in done.reason


def test_a_new_number_is_none_that_was_given_out(adopted: Plant) -> None:
    number = submit(adopted, specimen.approved(8)).registration

    assert number not in {APPROVED, OTHER, IMPORTED, None}


def test_a_rename_reaches_every_certificate(adopted: Plant) -> None:
    batch = start_rename(adopted)
    confirming.confirm(adopted, batch, who="test", why="notice 7")
    run_batch(adopted, batch)

    assert progress.progress(adopted, batch).done == 3
    for number in (APPROVED, OTHER, IMPORTED):
        assert editions(adopted, number)[-1] is EditionState.UNCOLLECTED


def test_an_employer_that_was_renamed_before_is_known_by_both_names(plant: Plant) -> None:
    older.rename(plant, 1, RENAMED)
    opening.migrate(plant)

    by_new = renew(plant, 1, employer=RENAMED)
    by_old = renew(plant, 2, employer=EMPLOYER)

    assert (by_new.status, by_new.notes) == (Status.ACCEPTED, ())
    assert by_old.status is Status.ACCEPTED
    assert "renamed since" in by_old.notes[0]


def test_a_name_the_register_never_heard_of_is_refused(adopted: Plant) -> None:
    done = renew(adopted, 1, employer=RENAMED)

    assert done.status is Status.HELD
    assert "enterprise.name" in done.reason


def test_what_the_fold_says_of_an_adopted_application_is_what_was_adopted(adopted: Plant) -> None:
    before = applications(adopted)

    submit(adopted, specimen.suspended(1))

    assert applications(adopted) == before


# --- what happened, and what is seen -----------------------------------------------------------


def late(seed: int) -> JsonObject:
    """An approval years after the qualification, without hours: nobody asked for them."""
    event = specimen.approved(seed)
    for each in event["data"]["professions"]:
        del each["hours"]
    return event


def on_paper(seed: int) -> JsonObject:
    event = specimen.imported(seed)
    event["data"] |= {
        "registration_number": IMPORTED,
        "photo": specimen.approved(seed)["data"]["photo"],
    }
    event["data"]["professions"][0]["valid_to"] = "2027-02-28"
    return event


def renew(plant: Plant, seed: int, employer: str = EMPLOYER) -> Outcome:
    event = specimen.approved(seed)
    names = [{"name": each["name"]} for each in event["data"]["professions"]]
    event["data"] |= of_type("renewal", seed) | {"professions": names}
    event["data"]["enterprise"] |= {"name": employer}
    del event["data"]["photo"]
    return submit(plant.on(RENEWAL), event | {"id": f"renewal-{seed}"})


def exchange(seed: int) -> JsonObject:
    event = specimen.saved(seed)
    event["data"] |= of_type("paper_exchange", seed) | {"professions": []}
    event["data"]["saved_at"] = "2024-06-03T09:00:00+08:00"
    del event["data"]["photo"]
    return event | {"id": f"exchange-{seed}"}


def of_type(kind: str, seed: int) -> JsonObject:
    number = acceptance.listed(specimen.acceptance_number(seed + 1000))
    found: JsonObject = {"application": {"type": kind, "acceptance_number": number}}
    if kind == "renewal":
        found["approved_on"] = RENEWAL.isoformat()
    return found


def facts_of(plant: Plant) -> list[tuple[str, str, str]]:
    with plant.ledger.read() as tx:
        c = t.fact.c
        rows = tx.run(select(c.event_id, c.type, c.state).order_by(c.inbox_id))
        return [tuple(row) for row in rows]


def applications(plant: Plant) -> list[tuple[Any, ...]]:
    with plant.ledger.read() as tx:
        c = t.application.c
        wanted = select(c.acceptance_number, c.holder_id, c.type, c.state, c.revision, c.view)
        return [tuple(row) for row in tx.run(wanted.order_by(c.id))]


def everything(plant: Plant) -> dict[str, list[tuple[Any, ...]]]:
    with plant.ledger.read() as tx:
        rows = [tuple(row) for row in tx.run(select(t.fact).order_by(t.fact.c.id))]
    return older.rows_of(plant) | {"fact": rows, "application": applications(plant)}


def editions(plant: Plant, number: str) -> list[EditionState]:
    found = enquiry.registration_status(plant, number).registration
    return [each.state for each in found.editions]


def standing(plant: Plant, row_id: int) -> Standing:
    with plant.ledger.read() as tx:
        return registers.load(tx, [row_id])[row_id].standing


def last_day(plant: Plant, row_id: int) -> str:
    with plant.ledger.read() as tx:
        return registers.load(tx, [row_id])[row_id].view.valid_until.isoformat()
