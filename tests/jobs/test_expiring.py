"""What ends soon: counted, listed by number, and told to upstream once; keys and seals beside."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, update

import cli
from factory import specimen
from factory.ending import Thing
from factory.notices import Notice, Type
from jobs import callers, desk, expiring, notices
from jobs.bulk import confirming
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import expiring as ledger
from storage.ledger.expiring import Count
from tests.plants import (
    PROFILE,
    SOURCE,
    WHO,
    approve,
    issue,
    new_plant,
    run_batch,
    skip_canary,
    start_rename,
    submit,
)

pytestmark = pytest.mark.on_both  # statements that nothing else sends
NINETY = timedelta(days=90)
OK, USAGE, NOT_FOUND = 0, 2, 4


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


def today(plant: Plant) -> date:
    with plant.ledger.read() as tx:
        return plant.today(tx)


def ends_in(plant: Plant, number: str, days: int) -> str:
    """The registration's certificates end so many days from today; their last day."""
    day = (today(plant) + timedelta(days=days)).isoformat()
    r = t.registration.c
    with plant.ledger.write(WHO) as tx:
        of = select(r.id).where(r.number == number).scalar_subquery()
        tx.run(update(t.edition).where(t.edition.c.registration_id == of).values(valid_until=day))
    return day


def told(plant: Plant) -> list[Notice]:
    found = notices.feed(plant, profiles=[PROFILE], limit=1000)
    return [each for each in found if each.type is Type.CERTIFICATE_EXPIRING]


def tell(plant: Plant, within: timedelta = NINETY) -> int:
    return expiring.tell(plant, within, who=WHO)


def certificates(plant: Plant, within: timedelta = NINETY) -> int:
    return sum(each.certificates for each in expiring.outlook(plant, within).certificates)


def run(plant: Plant, *words: str) -> Result:
    return CliRunner(env=plant.settings.to_env()).invoke(cli.main, ["expiring", *words])


@pytest.mark.parametrize(("days", "count"), [(-1, 0), (0, 1), (90, 1), (91, 0)])
def test_today_and_the_last_day_of_the_span_are_in_it(plant: Plant, days: int, count: int) -> None:
    ends_in(plant, issue(plant, 1), days)

    assert certificates(plant) == count
    assert len(list(expiring.listed(plant, NINETY))) == count
    assert tell(plant) == count


def test_they_are_counted_by_register_and_month(plant: Plant) -> None:
    day = ends_in(plant, issue(plant, 1), 10)
    tell(plant)
    ends_in(plant, issue(plant, 2), 10)

    found = expiring.outlook(plant, NINETY).certificates

    assert found == (Count(profile=PROFILE, month=day[:7], certificates=2, told=1),)
    assert expiring.outlook(plant, NINETY, profile="gansu-constructor").certificates == ()


def test_a_certificate_is_told_of_once(plant: Plant) -> None:
    number = issue(plant, 1)
    day = ends_in(plant, number, 30)

    assert [tell(plant), tell(plant), tell(plant, timedelta(days=365))] == [1, 0, 0]

    [notice] = told(plant)
    assert notice.subject == number
    assert notice.data == {
        "registration": number, "edition": 1, "state": "uncollected", "valid_until": day,
    }  # fmt: skip


def test_another_last_day_is_told_of_anew(plant: Plant) -> None:
    number = issue(plant, 1)
    days = [ends_in(plant, number, 30)]
    tell(plant)
    days.append(ends_in(plant, number, 60))

    assert tell(plant) == 1
    assert [each.data["valid_until"] for each in told(plant)] == days


def test_a_reissue_with_the_same_last_day_is_not(plant: Plant) -> None:
    number = issue(plant, 1)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="told once")
    ends_in(plant, number, 30)
    assert tell(plant) == 1
    skip_canary(plant, batch)
    run_batch(plant, batch)
    ends_in(plant, number, 30)

    assert certificates(plant) == 1
    assert tell(plant) == 0
    assert [each.data["state"] for each in told(plant)] == ["outdated"]


def test_what_has_not_been_made_is_not_told_of(plant: Plant) -> None:
    ends_in(plant, str(approve(plant, 1).registration), 30)

    assert (certificates(plant), tell(plant)) == (0, 0)


def test_what_was_cancelled_is_not_told_of(plant: Plant) -> None:
    number = issue(plant, 1)
    submit(plant, specimen.cancelled(1))
    ends_in(plant, number, 30)

    assert (certificates(plant), tell(plant)) == (0, 0)


def test_two_who_tell_at_the_same_time_tell_once_of_each(plant: Plant) -> None:
    numbers = [issue(plant, seed) for seed in range(1, 9)]
    for number in numbers:
        ends_in(plant, number, 30)

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: tell(plant), range(4)))

    assert sum(counts) == len(numbers)
    assert sorted(each.subject for each in told(plant)) == sorted(numbers)


def test_what_is_told_half_way_goes_on(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "AT_ONCE", 2)
    numbers = [issue(plant, seed) for seed in range(1, 6)]
    for number in numbers:
        ends_in(plant, number, 30)
    with plant.ledger.write(WHO) as tx:
        ledger.tell(tx, today(plant), today(plant) + NINETY)

    assert len(told(plant)) == 2
    assert tell(plant) == 3
    assert [each.registration for each in expiring.listed(plant, NINETY)] == numbers
    assert {each.subject for each in told(plant)} == set(numbers)


# --- keys and seals ---------------------------------------------------------------------------


def things(plant: Plant, days: int) -> dict[Thing, list[int]]:
    found: dict[Thing, list[int]] = {}
    for each in expiring.outlook(plant, timedelta(days=days)).things:
        found.setdefault(each.thing, []).append(each.days)
    return found


def test_certificates_seals_roots_and_tokens_are_told_when_they_end(plant: Plant) -> None:
    callers.issue(plant, SOURCE, days=100, who=WHO)
    plant.keyring.operators.add("first", now=datetime.now(UTC), days=100)

    near, far = things(plant, 90), things(plant, 3660)

    assert not {Thing.ACCESS_KEY, Thing.OPERATOR} & set(near)
    assert set(far) >= {
        Thing.SIGNING_CERTIFICATE, Thing.SEAL, Thing.ISSUER, Thing.ACCESS_KEY, Thing.OPERATOR,
    }  # fmt: skip
    assert far[Thing.ACCESS_KEY] in ([99], [100])
    assert set(things(plant, 101)) >= {Thing.ACCESS_KEY, Thing.OPERATOR}


def test_an_access_key_that_was_revoked_is_nothing_to_mend(plant: Plant) -> None:
    key = callers.issue(plant, SOURCE, days=10, who=WHO).kept.key
    assert Thing.ACCESS_KEY in things(plant, 90)

    callers.revoke(plant, key, who=WHO, why="another took its place")

    assert Thing.ACCESS_KEY not in things(plant, 90)


def test_an_access_key_is_called_as_its_alert_calls_it_and_by_its_id(plant: Plant) -> None:
    key = callers.issue(plant, SOURCE, days=10, label="portal", who=WHO).kept.key

    found = expiring.outlook(plant, timedelta(days=90)).things

    assert [each.name for each in found if each.thing is Thing.ACCESS_KEY] == [
        f"{SOURCE} portal {key}"
    ]


# --- the command ------------------------------------------------------------------------------


def test_the_command_tells_and_lists_numbers_and_no_names(plant: Plant, tmp_path: Path) -> None:
    number = issue(plant, 1)
    day = ends_in(plant, number, 30)

    done = run(plant, "--notify", "--list", "--json", "--csv", str(tmp_path / "list.csv"))

    said: Any = json.loads(done.stdout)
    assert said["newly_told"] == 1
    assert said["listed"] == [
        {"profile": PROFILE, "registration": number, "edition": 1, "state": "uncollected",
         "valid_until": day, "told": True}
    ]  # fmt: skip
    rows = list(csv.reader(io.StringIO((tmp_path / "list.csv").read_text("utf-8"))))
    assert rows[1:] == [[PROFILE, number, "1", "uncollected", day, "true"]]
    assert specimen.approved(1)["data"]["holder"]["name"] not in done.output


def test_without_an_endpoint_it_is_said_that_nobody_is_told_by_itself(plant: Plant) -> None:
    ends_in(plant, issue(plant, 1), 30)

    assert "no endpoint" in run(plant, "--notify").stderr
    assert "no endpoint" not in run(plant, "--list").stderr


def test_looking_tells_nobody(plant: Plant) -> None:
    number = issue(plant, 1)
    ends_in(plant, number, 30)

    assert number in run(plant, "--list").stdout
    assert number not in run(plant).stdout
    assert number in run(plant, "--csv", "-").stdout
    assert told(plant) == []


def test_what_has_been_collected_ends_too(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    ends_in(plant, number, 30)

    assert "no certificate ends" in run(plant, "--within", "29d").stdout
    assert "no certificate ends" not in run(plant, "--within", "30d").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--within 3m", USAGE),
        ("--profile nowhere", NOT_FOUND),
        ("--csv - --json", USAGE),
        ("--csv /nowhere/at/all.csv", USAGE),
        ("--within 1d", OK),
    ],
)
def test_what_cannot_be_asked_exits_with_its_code(plant: Plant, words: str, code: int) -> None:
    assert run(plant, *words.split()).exit_code == code
