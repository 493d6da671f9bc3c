"""What upstream is told of: every turn of a certificate, holds and bulk events, and no person."""

import json
from pathlib import Path

import pytest
from sqlalchemy import event as listening

from factory import specimen
from factory.errors import FieldError
from factory.notices import Notice
from jobs import desk, notices
from jobs.bulk import confirming, steering
from jobs.wiring import Plant
from tests.plants import (
    PROFILE,
    SOURCE,
    WHO,
    approve,
    hold,
    issue,
    must_claim,
    new_plant,
    open_chunks,
    run_batch,
    skip_canary,
    start_rename,
    submit,
)

pytestmark = pytest.mark.on_both  # statements that nothing else sends


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


def told(plant: Plant, after: int = 0) -> list[Notice]:
    return notices.feed(plant, profiles=[PROFILE], after=after, limit=1000)


def types(plant: Plant, subject: str) -> list[str]:
    return [each.type.value for each in told(plant) if each.subject == subject]


def test_a_certificate_is_told_from_its_making_to_its_end(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    submit(plant, specimen.cancelled(1))

    found = [each for each in told(plant) if each.subject == number]

    assert [each.type for each in found] == [
        "certificate.made", "certificate.collected", "certificate.revoked",
    ]  # fmt: skip
    assert found[1].data == {"registration": number, "edition": 1, "state": "collected"}
    assert found[2].data == {"registration": number, "edition": 1, "state": "revoked"}


def test_collecting_twice_is_told_once(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    desk.collect(plant, number, who=WHO)

    assert types(plant, number) == ["certificate.made", "certificate.collected"]


def test_what_was_never_made_is_never_told_of(plant: Plant) -> None:
    number = str(approve(plant, 1).registration)
    submit(plant, specimen.cancelled(1))

    assert types(plant, number) == []


def test_a_rename_is_told_of_each_certificate_in_order_and_of_the_batch(plant: Plant) -> None:
    number = issue(plant, 1)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    skip_canary(plant, batch)
    run_batch(plant, batch)

    certificate = [each for each in told(plant) if each.subject == number]
    assert [(each.type.value, each.data["edition"]) for each in certificate] == [
        ("certificate.made", 1),
        ("certificate.outdated", 1),
        ("certificate.superseded", 1),
        ("certificate.made", 2),
    ]
    own = [each for each in told(plant) if each.subject == f"batch/{batch}"]
    assert [each.type.value for each in own][:2] == [
        "batch.awaiting_confirmation", "batch.running",
    ]  # fmt: skip
    assert "batch.completed" in {each.type.value for each in own}
    assert own[0].data == {
        "batch": batch, "kind": "enterprise.renamed", "state": "awaiting_confirmation",
    }  # fmt: skip


def test_a_batch_that_is_steered_is_told_each_time(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    steering.pause(plant, batch, who=WHO, why="lunch")
    steering.resume(plant, batch, who=WHO, why="after lunch")
    steering.cancel(plant, batch, who=WHO, why="the notice was wrong")

    assert types(plant, f"batch/{batch}") == [
        "batch.awaiting_confirmation", "batch.running", "batch.paused", "batch.running",
        "batch.cancelled",
    ]  # fmt: skip


def test_a_rename_is_told_in_as_many_statements_however_many_it_concerns(
    tmp_path: Path,
) -> None:
    counted = []
    for folder, people in (("few", 1), ("more", 6)):
        plant = new_plant(tmp_path / folder, f"sqlite:///{tmp_path / folder}.sqlite3")
        for seed in range(1, people + 1):
            issue(plant, seed)
        batch = start_rename(plant)
        before, said = told(plant)[-1].cursor, []
        engine = plant.ledger.engine

        @listening.listens_for(engine, "before_cursor_execute")
        def count(_c: object, _k: object, text: str, *_: object, said: list[str] = said) -> None:
            said.append(text)

        confirming.confirm(plant, batch, who=WHO, why="notice")
        counted.append(sum("INTO notice" in text for text in said))
        listening.remove(engine, "before_cursor_execute", count)
        outdated = [each for each in told(plant, before) if each.type == "certificate.outdated"]
        assert len(outdated) == people

    assert counted[0] == counted[1]


def test_a_held_event_is_told_with_its_reason_and_again_when_it_goes_on(plant: Plant) -> None:
    event = specimen.approved(1)
    bad = event | {"data": event["data"] | {"photo": {"content": "bm8="}}}
    outcome = submit(plant, bad)
    [found] = told(plant)

    assert (found.type, found.subject) == ("event.held", f"event/{event['id']}")
    assert found.data == {
        "hold": outcome.hold, "source": SOURCE, "event": event["id"],
        "reason": "picture", "owner": "upstream", "detail": found.data["detail"],
    }  # fmt: skip

    assert outcome.hold is not None
    desk.dismiss(plant, outcome.hold, why="sent by mistake", who=WHO)
    assert types(plant, found.subject) == ["event.held", "event.released"]


def test_a_held_order_is_told_under_its_registration(plant: Plant) -> None:
    number = str(approve(plant, 1).registration)
    [chunk] = open_chunks(plant)
    hold(plant, must_claim(plant, chunk), FieldError("holder.name", "faces", "cannot be printed"))

    [found] = told(plant)

    assert (found.type, found.subject) == ("event.held", number)
    assert found.data["registration"] == number
    assert found.data["event"] == specimen.approved(1)["id"]


def test_no_notice_names_a_person(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    event = specimen.approved(2)
    submit(plant, event | {"data": event["data"] | {"photo": {"content": "bm8="}}})
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    skip_canary(plant, batch)
    run_batch(plant, batch)

    said = json.dumps([dict(each.data) for each in told(plant)], ensure_ascii=False)

    for seed in (1, 2):
        holder = specimen.approved(seed)["data"]["holder"]
        assert holder["name"] not in said
        assert holder["id_number"] not in said
