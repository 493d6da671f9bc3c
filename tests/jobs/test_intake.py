"""Intake: every event ends in its documents, in one visible hold, or in a refusal."""

import hashlib
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from factory import events, specimen
from factory.errors import ConflictError
from factory.model import Sex
from factory.numbering import parse_licence_id
from factory.versions import Versions
from jobs import desk, enquiry, intake
from jobs.bulk import confirming
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
    must_claim,
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
    registration = enquiry.registration_status(plant, "沪2312016202400001").registration
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


def test_what_has_ended_is_not_brought_back_by_an_event_of_the_same_day(plant: Plant) -> None:
    """Which of two approvals of one day the cancellation meant cannot be told; one is held."""
    event = specimen.approved(1)
    day = event["data"]["approved_on"]
    first = submit(plant, event | {"id": "b"}).registration
    submit(plant, changed(specimen.cancelled(1), cancelled_on=day))
    other = event["data"] | {"application": {"type": "initial", "acceptance_number": "W2"}}

    outcome = submit(plant, event | {"id": "a", "data": other})

    assert outcome.status is Status.HELD
    assert first is not None
    assert enquiry.registration_status(plant, first).stand.label == "注销"


def test_the_same_id_with_other_content_is_refused(plant: Plant) -> None:
    event = specimen.approved(1)
    submit(plant, event)

    other = submit(plant, event | {"data": event["data"] | {"approved_on": "2024-02-02"}})

    assert other.status is Status.REFUSED
    assert other.problems[0][0] == "id"
    assert len(open_chunks(plant)) == 1


@pytest.mark.on_both
def test_of_two_submitting_one_event_at_once_one_is_told_it_is_a_duplicate(plant: Plant) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: approve(plant, 1).status, range(4)))

    assert sorted(found) == sorted([Status.ACCEPTED, *[Status.DUPLICATE] * 3])
    assert len(open_chunks(plant)) == 1


@pytest.mark.on_both
def test_many_at_once_get_different_numbers(plant: Plant) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda seed: approve(plant, seed).registration, range(1, 17)))

    assert len(set(numbers)) == 16


def test_a_source_without_grant_is_refused(plant: Plant) -> None:
    stranger = specimen.approved(1) | {"source": "urn:example:stranger"}

    outcome = submit(plant, stranger)

    assert outcome.status is Status.REFUSED
    assert "may not submit" in outcome.problems[0][1]


def test_a_rename_by_a_source_without_an_installed_profile_is_refused(plant: Plant) -> None:
    stranger = "urn:example:stranger"
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, stranger, "atlantis-constructor")

    outcome = submit(plant, specimen.renamed(1) | {"source": stranger})

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


def test_a_rejects_file_that_others_could_read_is_theirs_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_bytes(b"of an earlier run")
    path.chmod(0o644)

    with Rejects(path) as rejects:
        rejects.add(b"{}")

    assert path.read_bytes() == b"{}\n"
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


def test_what_is_refused_leaves_nothing(plant: Plant) -> None:
    event = changed(specimen.approved(1), profile="atlantis-constructor")

    submit(plant, event)

    assert enquiry.event_status(plant, event["id"]) == []


def test_a_refused_event_can_be_corrected_under_its_own_id(plant: Plant) -> None:
    event = specimen.approved(1)
    submit(plant, event | {"source": "urn:example:stranger"})
    submit(plant, event | {"data": event["data"] | {"profile": "atlantis-constructor"}})

    assert submit(plant, event).status is Status.ACCEPTED


def test_an_approval_after_a_held_one_describes_the_person_anew(plant: Plant) -> None:
    event = specimen.approved(1)
    misspelt = event["data"]["holder"] | {"name": "错别字"}
    submit(plant, changed(event, holder=misspelt, photo={"content": "bm8="}))

    submit(plant, event)

    [order] = must_claim(plant, open_chunks(plant)[0]).orders
    assert order.face["name"] == event["data"]["holder"]["name"]


def test_a_holder_beyond_the_age_cap_is_held_and_no_birthday_is_told(plant: Plant) -> None:
    event = specimen.approved(1)
    born = date(1950, 7, 8)
    number = specimen.identity_number(born, Sex.MALE, 0)
    old = event["data"]["holder"] | {"birth_date": born.isoformat(), "id_number": number}

    outcome = submit(plant, changed(event, holder=old | {"sex": "male"}))

    assert outcome.status is Status.HELD
    [held] = desk.open_holds(plant)
    assert "age cap" in held.detail
    assert not [each for each in ("1950", "07-07", "07-08") if each in held.detail]


def test_an_approval_of_a_day_long_past_is_held(plant: Plant) -> None:
    professions = [{"name": "建筑工程", "qualified_on": "1998-11-03"}]
    event = changed(specimen.approved(1), professions=professions, approved_on="1998-11-03")

    assert submit(plant, event).status is Status.HELD


@pytest.mark.parametrize("day", [date(2026, 8, 31), date(2199, 12, 31)])
def test_what_is_dated_tomorrow_is_taken_for_a_clock_that_is_ahead(plant: Plant, day: date) -> None:
    event = changed(specimen.approved(1), approved_on=day.isoformat())

    assert submit(plant.on(day - timedelta(days=1)), event).status is not Status.REFUSED


@pytest.mark.parametrize("day", [date(2026, 8, 31), date(2199, 12, 31)])
def test_what_is_dated_later_than_tomorrow_is_refused(plant: Plant, day: date) -> None:
    event = changed(specimen.approved(1), approved_on=day.isoformat())

    outcome = submit(plant.on(day - timedelta(days=2)), event)

    assert outcome.status is Status.REFUSED
    assert outcome.problems == (("data.approved_on", "lies in the future (the calendar of China)"),)
    assert submit(plant.on(day), event).status is not Status.REFUSED


@pytest.mark.parametrize("field", ["photo", "holder", "enterprise", "professions"])
def test_whatever_is_held_says_nothing_of_the_person(plant: Plant, field: str) -> None:
    approve(plant, 2)
    event = specimen.approved(1)
    data = event["data"]
    broken = {
        "photo": {"content": "bm8="},
        "holder": data["holder"] | {"id_number": "310101199001010011", "name": "欧阳某某"},
        "enterprise": data["enterprise"] | {"name": "上海从未听说建设工程有限公司"},
        "professions": [{"name": "航天工程", "qualified_on": "2016-11-03"}],
    }

    outcome = submit(plant, changed(event, **{field: broken[field]}))

    [held] = desk.open_holds(plant)
    told = str((outcome, held))
    private = (data["holder"]["name"], "欧阳某某", "310101199001010011", data["holder"]["mobile"])
    assert not [each for each in (*private, data["holder"]["id_number"]) if each in told]


@pytest.mark.on_both
def test_of_two_approvals_of_one_person_at_once_one_is_held(plant: Plant) -> None:
    sent = [specimen.approved(1), changed(specimen.approved(1))]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda event: submit(plant, event).status, sent))

    assert sorted(found) == [Status.ACCEPTED, Status.HELD]


@pytest.mark.on_both
def test_of_many_imports_of_one_number_at_once_one_gets_it(plant: Plant) -> None:
    number = "沪2312016201800057"
    sent = [changed(specimen.imported(n), registration_number=number) for n in range(1, 9)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda event: submit(plant, event).status, sent))

    assert found.count(Status.ACCEPTED) == 1
    assert found.count(Status.HELD) == 7


@pytest.mark.on_both
def test_a_number_is_drawn_beside_an_import_of_the_same_number(plant: Plant) -> None:
    taken = changed(specimen.imported(5), registration_number="沪2312016202400001")

    with ThreadPoolExecutor(2) as pool:
        drawn, brought = pool.map(lambda event: submit(plant, event), [specimen.approved(1), taken])

    assert drawn.registration is None or drawn.registration != brought.registration
    assert Status.ACCEPTED in {drawn.status, brought.status}


def test_a_second_registration_of_a_holder_is_held(plant: Plant) -> None:
    approve(plant, 1)

    other = {"type": "initial", "acceptance_number": "W2024020330001"}
    again = submit(plant, changed(specimen.approved(1), application=other))

    assert again.status is Status.HELD
    assert "registered already" in again.reason


def test_an_acceptance_number_of_another_type_is_taken_with_a_note(plant: Plant) -> None:
    application = {"type": "initial", "acceptance_number": "W2024010330001180302"}

    outcome = submit(plant, changed(specimen.approved(1), application=application))

    assert (outcome.status, outcome.application) == (Status.ACCEPTED, "W2024010330001180302")
    [note] = outcome.notes
    assert "form code 03 is not that of initial, which has 01" in note


def test_a_hold_has_its_reason_and_what_does_not_hold_it_is_a_note(plant: Plant) -> None:
    application = {"type": "initial", "acceptance_number": "W2024010330001180302"}
    holder = specimen.holder(1) | {"id_number": "310101198001010016"}
    event = changed(specimen.approved(1), application=application, holder=holder)

    outcome = submit(plant, event)

    assert outcome.status is Status.HELD
    assert outcome.reason.startswith("holder.id_number: ")
    [note] = outcome.notes
    assert "form code 03 is not that of initial" in note


def test_what_is_not_held_has_no_reason_and_tells_the_standing(plant: Plant) -> None:
    approved, cancelled = submit(plant, specimen.approved(1)), submit(plant, specimen.cancelled(1))

    assert (approved.reason, approved.standing) == ("", "有效")
    assert (cancelled.reason, cancelled.standing) == ("", "注销")


@pytest.mark.parametrize(
    "number",
    ["W2024010330001180103", "W2024010330001", "W2024010330001180", "沪建受（2024）1", "1 of 7"],
)
def test_an_acceptance_number_that_contradicts_nothing_is_taken_without_a_note(
    plant: Plant, number: str
) -> None:
    application = {"type": "initial", "acceptance_number": number}

    outcome = submit(plant, changed(specimen.approved(1), application=application))

    assert (outcome.status, outcome.notes) == (Status.ACCEPTED, ())


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
    [profile] = plant.profiles[PROFILE].all
    policy = profile.policy.model_copy(update={"identity_number_check": "ignore"})
    vars(plant)["profiles"] = {PROFILE: Versions.of(profile.model_copy(update={"policy": policy}))}
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

    confirming.confirm(plant, start_rename(plant), who=WHO, why="notice")

    late = approve(plant, 2)

    assert late.status is Status.ACCEPTED
    assert "renamed since" in late.notes[0]


def test_a_rename_that_comes_after_its_new_name_tells_the_former_one(plant: Plant) -> None:
    renamed = specimen.renamed(1)
    names = renamed["data"]["enterprise"]
    employer = {"credit_code": names["credit_code"], "name": names["new_name"]}
    submit(plant, changed(specimen.approved(1), enterprise=employer))
    submit(plant, renamed)

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
    assert "another registration has it" in other.reason


def test_a_licence_id_in_use_holds_the_import(plant: Plant) -> None:
    edition = {"medium": "electronic", "issued_on": "2022-03-02", "number": 1, "licence_id": "L-1"}
    submit(plant, changed(specimen.imported(5), edition=edition))

    other = submit(plant, changed(specimen.imported(6), edition=edition))

    assert other.status is Status.HELD
    assert "another edition has it" in other.reason


FOREIGN = "1.2.156.3005.2.11100000000013338W001.11110000000021135M.0123456789ABCDEF0123456789ABCDEF"


@pytest.mark.on_both
def test_the_licence_id_of_an_imported_edition_goes_on(plant: Plant) -> None:
    number = brought(plant, 5, f"{FOREIGN}.001.W")

    renewed(plant, 5, number)

    assert licence_ids(plant, number) == [f"{FOREIGN}.001.W", f"{FOREIGN}.002.U"]


def test_a_licence_id_goes_on_through_all_later_editions(plant: Plant) -> None:
    number = brought(plant, 5, f"{FOREIGN}.001.W", edition=3)
    renewed(plant, 5, number)

    correction = specimen.corrected(5)
    submit(plant, changed(correction, corrected_on="2025-03-01"))

    versions = [parse_licence_id(each) for each in licence_ids(plant, number)]
    assert [each.version for each in versions] == [1, 2, 3]
    assert {each.certificate for each in versions} == {FOREIGN}


@pytest.mark.parametrize("licence_id", ["L-1", f"{FOREIGN}.001.X", None])
def test_after_what_is_no_licence_id_an_edition_has_the_serial_of_its_number(
    plant: Plant, licence_id: str | None
) -> None:
    number = brought(plant, 5, licence_id)

    renewed(plant, 5, number)

    own = parse_licence_id(licence_ids(plant, number)[-1])
    assert (own.serial, own.version) == ("2312019202200006", 2)


@pytest.mark.parametrize(("other", "goes_on"), [("0123", True), ("0123456789ABCDEF" * 2, False)])
def test_a_licence_id_that_two_registrations_claim_goes_on_for_neither(
    plant: Plant, other: str, goes_on: bool
) -> None:
    number = brought(plant, 5, f"{FOREIGN}.001.W")
    brought(plant, 6, str(replace(parse_licence_id(f"{FOREIGN}.002.U"), serial=other)))

    renewed(plant, 5, number)

    newest = parse_licence_id(licence_ids(plant, number)[-1])
    assert (newest.certificate == FOREIGN) is goes_on
    assert newest.version == 2


def brought(
    plant: Plant,
    seed: int,
    licence_id: str | None,
    edition: int = 1,
    number: str | None = None,
) -> str:
    """An import of an electronic certificate; its registration number."""
    event = specimen.imported(seed)
    event["data"]["registration_number"] = number or event["data"]["registration_number"]
    held = {"medium": "electronic", "issued_on": "2022-03-06", "number": edition}
    if licence_id is not None:
        held["licence_id"] = licence_id
    outcome = submit(plant, changed(event, edition=held))
    assert outcome.registration is not None
    return outcome.registration


def renewed(plant: Plant, seed: int, number: str) -> None:
    """A renewal of what was imported, two months before its end."""
    event = specimen.approved(seed)
    [profession] = specimen.imported(seed)["data"]["professions"]
    outcome = submit(
        plant,
        changed(
            event,
            application={"type": "renewal", "acceptance_number": "W2025010330001180302"},
            registration_number=number,
            professions=[{"name": profession["name"], "main": True}],
            approved_on="2025-01-10",
        ),
    )
    assert outcome.status is Status.ACCEPTED, outcome


def licence_ids(plant: Plant, number: str) -> list[str]:
    found = enquiry.registration_status(plant, number).registration
    return [edition.licence_id or "" for edition in found.editions]


@pytest.mark.parametrize("former", [[], ["沪2312016201800057"]])
def test_a_number_that_was_taken_while_its_import_waited_stops_nothing_else(
    plant: Plant, former: list[str]
) -> None:
    approve(plant, 1)
    mine, number = specimen.imported(1), former[0] if former else "沪2312016201800057"
    day = mine["data"]["edition"] | {"issued_on": "2024-06-01"}
    waits = submit(plant, changed(mine, registration_number=number, edition=day))
    theirs = "沪2312016201800058" if former else number
    submit(
        plant,
        changed(specimen.imported(6), registration_number=theirs, former_numbers=former),
    )

    outcome = submit(plant, specimen.cancelled(1))

    assert outcome.status is Status.ACCEPTED
    [held] = desk.open_holds(plant)
    assert held.id == waits.hold
    assert "another registration has it" in held.detail


def test_a_paper_that_was_taken_while_its_correction_waited_stops_nothing_else(
    plant: Plant,
) -> None:
    correction = specimen.corrected(1)
    paper = specimen.paper(2)
    submit(plant, changed(correction, corrected=correction["data"]["corrected"] | paper))
    approve(plant, 2)

    outcome = approve(plant, 1)

    assert outcome.status is Status.ACCEPTED
    [held] = desk.open_holds(plant)
    assert "another registered person's" in held.detail


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
    assert desk.open_holds(plant) == [held]


def test_an_event_that_is_held_again_keeps_its_hold_with_todays_reason(plant: Plant) -> None:
    first = submit(plant, specimen.resumed(1))
    approve(plant, 1)
    [held] = desk.open_holds(plant)

    moved = desk.retry(plant, held.id, who=WHO, why="approved now")

    [again] = desk.open_holds(plant)
    assert (moved.held, again.id, again.opened_at) == (first.hold, first.hold, held.opened_at)
    assert moved.reason == again.detail
    assert again.detail != first.reason


def test_a_hold_that_ended_by_itself_cannot_be_tried_again(plant: Plant) -> None:
    submit(plant, specimen.cancelled(1))
    [held] = desk.open_holds(plant)
    approve(plant, 1)

    with pytest.raises(ConflictError, match="closed already"):
        desk.retry(plant, held.id, who=WHO, why="once more")


@pytest.mark.on_both
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


def test_sentare_kept_as_they_came(plant: Plant) -> None:
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
    [held] = desk.open_holds(plant)
    assert (held.reason, held.owner) == ("picture", "upstream")


def test_a_held_photo_that_was_put_since_is_taken_by_a_retry(
    tmp_path: Path, sqlite_db_url: str, s3: Settings
) -> None:
    plant = with_store(tmp_path, sqlite_db_url, s3)
    key, photo = f"photos/late-{tmp_path.name}.jpg", specimen.portrait(3)
    digest = hashlib.sha256(photo).hexdigest()
    submit(plant, changed(specimen.approved(1), photo={"key": key, "sha256": digest}))
    [held] = desk.open_holds(plant)
    put(plant, key, photo)

    moved = desk.retry(plant, held.id, who=WHO, why="the photo is there now")

    assert moved.state == "accepted"
    assert desk.open_holds(plant) == []
    assert len(open_chunks(plant)) == 1


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
