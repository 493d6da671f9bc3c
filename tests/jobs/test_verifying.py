"""What anybody is told who has a certificate's code, as it goes through its life."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from factory import specimen
from factory.profile import WithdrawnDesign
from factory.verification import Status
from jobs import desk, verifying
from jobs.verifying import Answer
from jobs.wiring import Plant
from storage import tables as t
from tests.plants import PROFILE, WHO, finish, issue, must_claim, new_plant, open_chunks, submit

SEED = 7
DAY = date(2026, 2, 3)  #: all that specimens do is done by then


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url).on(DAY)


@pytest.fixture
def number(plant: Plant) -> str:
    """One that is made and collected."""
    found = issue(plant, SEED)
    desk.collect(plant, found, who=WHO)
    return found


def code(plant: Plant, edition: int = 1) -> str:
    with plant.ledger.read() as tx:
        e = t.edition.c
        return str(tx.run(select(e.code).where(e.number == edition)).scalar_one())


def asked(plant: Plant, edition: int = 1) -> Answer:
    return verifying.by_code(plant, code(plant, edition))


def make(plant: Plant) -> None:
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))


def withdrawn(plant: Plant, since: date) -> Plant:
    """A plant whose register no longer takes the design that its certificates have."""
    [known] = plant.profiles[PROFILE].all
    gone = WithdrawnDesign(design=known.certificate.design, since=since)
    rules = known.certificate.model_copy(update={"withdrawn": (gone,)})
    changed = known.model_copy(update={"certificate": rules})
    every = replace(plant.profiles[PROFILE], all=(changed,))
    vars(plant)["profiles"] = {**plant.profiles, PROFILE: every}
    return plant


@pytest.mark.on_both
def test_what_is_collected_is_valid(plant: Plant, number: str) -> None:
    answer = asked(plant)

    assert answer.status is Status.VALID
    assert answer.told is not None
    assert dict(answer.told.rows)["注册编号"] == (number,)
    assert (answer.later, answer.changed, answer.is_file) == ((), (), False)


def test_after_its_last_day_it_is_expired(plant: Plant, number: str) -> None:
    with plant.ledger.read() as tx:
        last = date.fromisoformat(tx.run(select(t.edition.c.valid_until)).scalar_one())

    assert asked(plant.on(last)).status is Status.VALID
    assert asked(plant.on(last + timedelta(days=1))).status is Status.EXPIRED


@pytest.mark.on_both
def test_while_the_next_edition_is_made_it_is_outdated_and_then_superseded(
    plant: Plant, number: str
) -> None:
    submit(plant, specimen.corrected(SEED))

    waiting = asked(plant)
    assert waiting.status is Status.OUTDATED
    assert asked(plant, 2).status is Status.UNKNOWN, "nobody can have it yet"

    make(plant)
    answer = asked(plant)
    assert answer.status is Status.SUPERSEDED
    assert [(each.number, each.cause) for each in answer.later] == [(2, "持证人信息更正")]
    assert answer.changed
    assert asked(plant, 2).status is Status.UNCOLLECTED


def test_suspended_it_says_so_and_resumed_it_counts_again(plant: Plant, number: str) -> None:
    submit(plant, specimen.suspended(SEED))
    assert asked(plant).status is Status.SUSPENDED

    submit(plant, specimen.resumed(SEED))
    assert asked(plant).status is Status.VALID


def test_cancelled_it_says_so(plant: Plant, number: str) -> None:
    submit(plant, specimen.cancelled(SEED))

    assert asked(plant).status is Status.CANCELLED


def test_a_design_that_counts_no_longer_is_said_from_its_day_on(plant: Plant, number: str) -> None:
    before = asked(withdrawn(plant, DAY + timedelta(days=1)))
    assert (before.status, before.until) == (Status.VALID, DAY + timedelta(days=1))


def test_on_that_day_it_is_withdrawn(plant: Plant, number: str) -> None:
    assert asked(withdrawn(plant, DAY)).status is Status.WITHDRAWN


def test_a_code_of_another_number_is_unknown_and_tells_nothing(plant: Plant, number: str) -> None:
    answer = verifying.by_code(plant, code(plant), number="沪2312099999999999")

    assert (answer.status, answer.told) == (Status.UNKNOWN, None)


@pytest.mark.parametrize("typed", ["", "?", "0" * 19, "0" * 20, "\u200b", "x" * 5000])
def test_what_is_no_code_is_unknown(plant: Plant, typed: str) -> None:
    assert verifying.by_code(plant, typed).status is Status.UNKNOWN
