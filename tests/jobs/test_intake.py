"""Intake: every event ends in its documents, in one visible hold, or in a refusal."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from factory import events, specimen
from jobs import desk, intake
from jobs.intake import Status
from jobs.rejects import Rejects
from jobs.settings import Settings
from jobs.wiring import Plant
from storage.ledger import inbox, status
from tests.plants import (
    PROFILE,
    WHO,
    approve,
    issue,
    new_plant,
    open_chunks,
    put,
    start_rename,
    submit,
)


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


def changed(event: dict[str, Any], **data: Any) -> dict[str, Any]:
    """The event under another id, with other data."""
    return event | {"id": f"{event['id']}-changed", "data": event["data"] | data}


def test_an_approval_draws_a_number_and_orders_one_edition(plant: Plant) -> None:
    outcome = approve(plant, 1)

    assert outcome.status is Status.ACCEPTED
    assert outcome.registration == "沪2312016202400001"
    registration = desk.registration_status(plant, "沪2312016202400001")
    assert [edition.number for edition in registration.editions] == [1]
    assert len(open_chunks(plant)) == 1


def test_numbers_are_drawn_without_gaps(plant: Plant) -> None:
    numbers = [approve(plant, seed).registration for seed in range(1, 6)]

    assert [number[-5:] for number in numbers if number] == [f"{n:05}" for n in range(1, 6)]


def test_the_same_event_again_changes_nothing_and_says_so(plant: Plant) -> None:
    first = approve(plant, 1)

    again = approve(plant, 1)

    assert again.status is Status.DUPLICATE
    assert again.registration == first.registration
    assert len(open_chunks(plant)) == 1


def test_the_same_event_in_another_spelling_is_still_the_same(plant: Plant) -> None:
    event = specimen.approved(1)
    submit(plant, event)

    raw = json.dumps(dict(reversed(event.items())), indent=2, ensure_ascii=True).encode()
    again = intake.submit(plant, raw, who=WHO)

    assert again.status is Status.DUPLICATE


def test_the_same_id_with_other_content_is_refused(plant: Plant) -> None:
    event = specimen.approved(1)
    submit(plant, event)

    other = submit(plant, event | {"data": event["data"] | {"approved_on": "2024-02-02"}})

    assert other.status is Status.REFUSED
    assert other.problems[0][0] == "id"
    assert len(open_chunks(plant)) == 1


def test_of_two_submitting_one_event_at_once_one_is_told_it_is_a_duplicate(plant: Plant) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: approve(plant, 1).status, range(4)))

    assert sorted(found) == sorted([Status.ACCEPTED, *[Status.DUPLICATE] * 3])
    assert len(open_chunks(plant)) == 1


def test_many_at_once_get_different_numbers(plant: Plant) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda seed: approve(plant, seed).registration, range(1, 17)))

    assert len(set(numbers)) == 16


def test_a_source_without_grant_is_refused(plant: Plant) -> None:
    stranger = specimen.approved(1) | {"source": "urn:example:stranger"}

    outcome = submit(plant, stranger)

    assert outcome.status is Status.REFUSED
    assert "may not submit" in outcome.problems[0][1]


def test_a_profile_that_is_not_installed_is_refused(plant: Plant) -> None:
    outcome = submit(plant, changed(specimen.approved(1), profile="atlantis-constructor"))

    assert outcome.status is Status.REFUSED
    assert outcome.problems[0][0] == "data.profile"


def test_good_lines_are_taken_beside_refused_ones(plant: Plant) -> None:
    good = [json.dumps(specimen.approved(seed)).encode() for seed in (1, 2)]
    stream = BytesIO(b"\n".join((good[0], b'{"broken', good[1])))

    found = [o.status for _, _, o in intake.submit_all(plant, events.split_lines(stream), who=WHO)]

    assert found == [Status.ACCEPTED, Status.REFUSED, Status.ACCEPTED]


def test_refused_lines_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"

    with Rejects(path) as rejects:
        rejects.add(b'{"two":\n"lines"}')

    assert path.read_bytes() == b'{"two": "lines"}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_refusals_no_rejects_file_is_made(tmp_path: Path) -> None:
    with Rejects(tmp_path / "rejects.jsonl"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_bad_photo_holds_the_event_before_a_number_is_drawn(plant: Plant) -> None:
    outcome = submit(plant, changed(specimen.approved(1), photo={"content": "bm8gcGljdHVyZQ=="}))

    assert outcome.status is Status.HELD
    assert outcome.registration is None
    [held] = desk.open_holds(plant)
    assert (held.subject_kind, held.reason, held.owner) == ("event", "picture", "upstream")


def test_a_second_registration_of_a_holder_is_held(plant: Plant) -> None:
    approve(plant, 1)

    again = submit(plant, changed(specimen.approved(1)))

    assert again.status is Status.HELD
    assert "registered already" in again.notes[0]


def test_a_wrong_check_character_holds_the_order_with_its_number(plant: Plant) -> None:
    event = specimen.approved(1)
    number = event["data"]["holder"]["id_number"]
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")

    outcome = submit(plant, changed(event, holder=event["data"]["holder"] | {"id_number": wrong}))

    assert outcome.status is Status.HELD
    assert outcome.registration is not None
    [held] = desk.open_holds(plant)
    assert held.subject_kind == "order"
    assert wrong not in held.detail


def test_where_the_profile_ignores_check_characters_nothing_is_held(plant: Plant) -> None:
    profile = plant.profiles[PROFILE]
    policy = profile.policy.model_copy(update={"identity_number_check": "ignore"})
    vars(plant)["profiles"] = {PROFILE: profile.model_copy(update={"policy": policy})}
    event = specimen.approved(1)
    holder = event["data"]["holder"] | {"id_number": "310101199001010011"}

    outcome = submit(plant, changed(event, holder=holder))

    assert outcome.status is Status.ACCEPTED


def test_an_employer_under_an_unheard_of_name_is_held(plant: Plant) -> None:
    approve(plant, 1)
    event = specimen.approved(2)
    other = event["data"]["enterprise"] | {"name": "上海从未听说建设工程有限公司"}

    outcome = submit(plant, changed(event, enterprise=other))

    assert outcome.status is Status.HELD


def test_a_late_approval_prints_the_employers_current_name_and_says_so(plant: Plant) -> None:
    issue(plant, 1)
    from jobs import bulk

    bulk.confirm(plant, start_rename(plant), who=WHO, why="notice")

    late = approve(plant, 2)

    assert late.status is Status.ACCEPTED
    assert "renamed since" in late.notes[0]


def test_a_profession_the_register_does_not_have_is_held(plant: Plant) -> None:
    professions = [{"name": "航天工程", "qualified_on": "2016-11-03"}]

    outcome = submit(plant, changed(specimen.approved(1), professions=professions))

    assert outcome.status is Status.HELD


def test_an_import_keeps_its_number_and_orders_nothing(plant: Plant) -> None:
    outcome = submit(plant, specimen.imported(5))

    assert outcome.status is Status.ACCEPTED
    assert outcome.registration == specimen.imported(5)["data"]["registration_number"]
    assert open_chunks(plant) == []


def test_both_spellings_of_one_number_collide(plant: Plant) -> None:
    first = specimen.imported(5)
    submit(plant, changed(first, registration_number="沪231161800057"))

    other = submit(plant, changed(specimen.imported(6), registration_number="沪2312016201800057"))

    assert other.status is Status.HELD
    assert "another registration has it" in other.notes[0]


def test_a_number_in_use_is_passed_over(plant: Plant) -> None:
    taken = changed(specimen.imported(5), registration_number="沪2312016202400001")
    submit(plant, taken)

    outcome = approve(plant, 1)

    assert outcome.registration == "沪2312016202400002"


def test_a_held_event_goes_on_once_its_cause_is_mended(plant: Plant) -> None:
    issue(plant, 1)
    event = specimen.approved(2)
    submit(plant, changed(event, profile=PROFILE, photo={"content": "bm8="}))
    [held] = desk.open_holds(plant)

    assert desk.retry(plant, held.id, who=WHO, why="try").state == "held"
    assert len(desk.open_holds(plant)) == 1


def test_a_held_event_can_be_dismissed_with_a_reason(plant: Plant) -> None:
    submit(plant, changed(specimen.approved(2), photo={"content": "bm8="}))
    [held] = desk.open_holds(plant)

    desk.dismiss(plant, held.id, who=WHO, why="sent again as another event")

    assert desk.open_holds(plant) == []


def test_what_was_held_for_a_check_character_is_made_after_a_retry(plant: Plant) -> None:
    event = specimen.approved(1)
    holder = event["data"]["holder"] | {"id_number": "310101199001010011"}
    submit(plant, changed(event, holder=holder))
    [held] = desk.open_holds(plant)

    assert desk.retry(plant, held.id, who=WHO, why="the authority confirms it").state == "ready"

    with plant.ledger.read() as tx:
        assert status.order_counts(tx) == {"ready": 1}


def test_events_are_kept_as_they_came(plant: Plant) -> None:
    event = specimen.approved(1)
    submit(plant, event)

    with plant.ledger.read() as tx:
        [received] = inbox.by_event_id(tx, event["id"])
        body = inbox.body(tx, received.id)

    assert json.loads(body) == event


def test_a_photo_in_the_intake_store_is_taken_by_key_and_digest(
    tmp_path: Path, sqlite_db_url: str, s3: Settings
) -> None:
    plant = with_store(tmp_path, sqlite_db_url, s3)
    key = f"photos/{tmp_path.name}.jpg"
    digest = put(plant, key, specimen.portrait(1))

    outcome = submit(plant, changed(specimen.approved(1), photo={"key": key, "sha256": digest}))

    assert outcome.status is Status.ACCEPTED


@pytest.mark.parametrize("key", ["photos/absent.jpg", "photos/other.jpg"])
def test_a_photo_that_is_absent_or_another_holds_the_event(
    tmp_path: Path, sqlite_db_url: str, s3: Settings, key: str
) -> None:
    plant = with_store(tmp_path, sqlite_db_url, s3)
    put(plant, "photos/other.jpg", specimen.portrait(2))

    outcome = submit(plant, changed(specimen.approved(1), photo={"key": key, "sha256": "0" * 64}))

    assert outcome.status is Status.HELD


def with_store(folder: Path, db_url: str, s3: Settings) -> Plant:
    plant = new_plant(
        folder,
        db_url,
        s3_endpoint=s3.s3_endpoint,
        s3_public_endpoint=s3.s3_endpoint,
        s3_key=s3.s3_key,
        s3_secret=s3.s3_secret,
    )
    plant.intake_store.ensure_bucket()
    plant.store.ensure_bucket()
    return plant
