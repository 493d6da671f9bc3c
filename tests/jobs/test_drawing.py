"""Numbers drawn for upstream: each once, whoever asks, and none that is in use."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from factory import specimen
from factory.errors import ConflictError, FieldError, NotFoundError
from factory.model import ApplicationType
from factory.numbering import parse_acceptance_number
from jobs import drawing
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import registers
from tests.plants import PROFILE, WHO, new_plant, submit

ROOT = Path(__file__).parents[2]
ENGINEERS, GANSU, ZHEJIANG = "shanghai-cost-engineer", "gansu-constructor", "zhejiang-constructor"
JULY, AUGUST = date(2024, 7, 31), date(2024, 8, 1)
MANY = 60


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url).on(JULY)


def test_the_next_numbers_of_a_register_are_drawn(plant: Plant) -> None:
    assert draw(plant, count=2) == ("W2024070330001180103", "W2024070330002180103")
    assert draw(plant, kind="renewal") == ("W2024070330003180302",)


def test_each_month_begins_anew(plant: Plant) -> None:
    draw(plant, count=3)

    assert draw(plant.on(AUGUST)) == ("W2024080330001180103",)
    assert draw(plant) == ("W2024070330004180103",)


def test_two_registers_of_one_department_never_give_the_same_number(plant: Plant) -> None:
    mine, sisters, others = draw(plant), draw(plant, ENGINEERS), draw(plant, GANSU)

    assert [*mine, *sisters, *others] == [
        "W2024070330001180103",
        "W2024070330002190103",
        "W2024070330001180103",  # another authority's
    ]


@pytest.mark.parametrize("used", ["W2024010330001180103", "W2024010330001", "W2024010330001180602"])
def test_a_number_an_application_has_is_passed_over(plant: Plant, used: str) -> None:
    event = specimen.approved(1)
    event["data"]["application"]["acceptance_number"] = used
    assert submit(plant, event).application == used

    drawn = draw(plant.on(date(2024, 1, 15)))

    assert drawn == ("W2024010330002180103",)


@pytest.mark.parametrize("used", ["W2024010330002", "W2024020330001180103", "沪建受0001"])
def test_a_number_nobody_has_is_drawn_beside_others(plant: Plant, used: str) -> None:
    event = specimen.approved(1)
    event["data"]["application"]["acceptance_number"] = used
    submit(plant, event)

    assert draw(plant.on(date(2024, 1, 15))) == ("W2024010330001180103",)


def test_a_drawn_number_is_taken_by_its_application_without_a_note(plant: Plant) -> None:
    [number] = draw(plant)
    event = specimen.approved(1)
    event["data"]["application"]["acceptance_number"] = number

    outcome = submit(plant, event)

    assert (outcome.application, outcome.notes) == (number, ())


@pytest.mark.on_both
def test_of_numbers_drawn_at_once_none_is_drawn_twice(plant: Plant) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: draw(plant, count=5), range(8)))

    numbers = [number for drawn in found for number in drawn]
    assert sorted(map(sequence, numbers)) == list(range(1, 41))


def test_of_two_processes_none_draws_a_number_of_the_other(plant: Plant) -> None:
    words = ("numbers", "acceptance", "--profile", PROFILE, "--type", "initial", "--json")

    running = [start(plant, *words, "--count", str(MANY)) for _ in range(2)]
    said = [process.communicate(timeout=200)[0] for process in running]

    assert [process.returncode for process in running] == [0, 0]
    numbers = [number for drawn in said for number in json.loads(drawn)]
    assert sorted(map(sequence, numbers)) == list(range(1, 2 * MANY + 1))


@pytest.mark.on_both
def test_the_last_number_of_a_month_is_drawn_and_then_none(plant: Plant) -> None:
    use_up(plant, upto=9998)

    assert draw(plant) == ("W2024070339999180103",)
    with pytest.raises(FieldError, match="1 to 9999 a month"):
        draw(plant)


def test_when_not_all_can_be_drawn_none_is(plant: Plant) -> None:
    use_up(plant, upto=9998)

    with pytest.raises(FieldError, match="1 to 9999 a month"):
        draw(plant, count=2)

    assert sequence(draw(plant)[0]) == 9999


def test_drawing_is_in_the_audit_log_with_its_account(plant: Plant) -> None:
    drawn = draw(plant, count=2)

    with plant.ledger.read() as tx:
        row = tx.run(select(t.audit).where(t.audit.c.action == "acceptance numbers drawn")).one()
    assert (row.who, row.object_id) == (WHO, PROFILE)
    assert row.what == {"type": "initial", "numbers": list(drawn)}


def test_a_register_without_a_scheme_draws_nothing(plant: Plant) -> None:
    with pytest.raises(ConflictError, match="upstream gives its acceptance numbers"):
        draw(plant, ZHEJIANG)


def test_a_type_that_is_not_applied_for_gets_no_number(plant: Plant) -> None:
    with pytest.raises(FieldError, match="this register has no forced_cancellation"):
        draw(plant, kind="forced_cancellation")

    assert draw(plant, GANSU, kind="forced_cancellation") == ("W2024070330001180602",)


def test_an_unknown_register_draws_nothing(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="is not installed; installed are gansu-constructor"):
        draw(plant, "atlantis-constructor")


def draw(
    plant: Plant, profile: str = PROFILE, kind: str = "initial", count: int = 1
) -> tuple[str, ...]:
    return drawing.acceptance_numbers(plant, profile, ApplicationType(kind), count, who=WHO)


def sequence(number: str) -> int:
    parsed = parse_acceptance_number(number)
    assert parsed is not None
    return parsed.sequence


def use_up(plant: Plant, upto: int) -> None:
    """All numbers of July up to that one are drawn."""
    with plant.ledger.write(WHO) as tx:
        registers.draw(tx, "11310000MB0F000013/acceptance/033/202407", lambda _: True)
        tx.run(t.number_series.update().values(next=upto + 1))


def start(plant: Plant, *words: str) -> "subprocess.Popen[str]":
    settings = plant.settings
    return subprocess.Popen(
        [sys.executable, "cli.py", *words],
        cwd=ROOT,
        env=os.environ
        | {"FACTORY_DATA_DIR": str(settings.data_dir), "FACTORY_DB_URL": settings.db_url},
        stdout=subprocess.PIPE,
        text=True,
    )
