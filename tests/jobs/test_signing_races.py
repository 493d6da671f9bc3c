"""Two at once: of what cannot both be, exactly one wins, and the other is told why."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from factory.errors import PermanentError
from factory.model import Party
from jobs import documents, forms
from jobs.intake import Status
from jobs.settings import Settings
from jobs.signing import Waiting
from jobs.wiring import Plant
from tests.jobs.applying import PROFILE, Application
from tests.telling import opened, work

pytestmark = pytest.mark.on_both

ROUNDS = int(os.environ.get("TEST_RACES", "1"))  #: of each race, an application each
PATIENCE_SECONDS = 120.0


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture
def plant(s3: Settings, db_url: str, tmp_path: Path) -> Iterator[Plant]:
    """A whole factory, on either database."""
    plant = opened(
        Plant(replace(s3, data_dir=tmp_path, keyring_dir=tmp_path / "keyring", db_url=db_url))
    )
    yield plant
    plant.ledger.engine.dispose()


@pytest.fixture(params=range(1, ROUNDS + 1))
def application(plant: Plant, request: pytest.FixtureRequest) -> Application:
    return Application(plant, request.param)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What comes of each, a refusal in words included; anything else fails."""
    found: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(place: int) -> None:
        start.wait(PATIENCE_SECONDS)
        try:
            found[place] = acts[place]()
        except PermanentError as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert None not in found, "one of them stands still or broke"
    return found


def statuses(found: list[Any]) -> list[Status]:
    return sorted(each.status for each in found)


def reasons(found: list[Any]) -> str:
    return " ".join(said for each in found for _, said in each.problems)


def test_of_two_signatures_of_one_preparation_one_is_taken(application: Application) -> None:
    waiting = application.prepare()

    found = at_once(*(application.complete(waiting) for _ in range(4)))

    refused = [Status.REFUSED] * 3
    assert statuses(found) == sorted([Status.ACCEPTED, *refused])
    assert "completed by another signature" in reasons(found)
    assert application.form.file is not None and application.form.file.step == 1
    application.check()


def test_the_same_signature_twice_at_once_is_taken_once(application: Application) -> None:
    act = application.complete(application.prepare())

    found = at_once(act, act, act)

    assert statuses(found) == sorted([Status.ACCEPTED, Status.DUPLICATE, Status.DUPLICATE])
    application.check()


def test_of_two_preparations_completed_at_once_one_is_taken(application: Application) -> None:
    waiting = [application.prepare() for _ in range(3)]

    found = at_once(*map(application.complete, waiting))

    assert statuses(found) == sorted([Status.ACCEPTED, Status.REFUSED, Status.REFUSED])
    assert all(said for each in found for _, said in each.problems)
    application.check()


def test_a_signature_and_a_save_at_once_come_one_after_the_other(application: Application) -> None:
    act = application.complete(application.prepare())
    before = application.form

    signed, saved = at_once(act, lambda: application.save(2))

    with application.plant.ledger.read() as tx:
        row = forms.application(tx, application.number, PROFILE)
    files = {each.id: each for each in documents.of_application(application.plant, row.number)}
    if saved.status is Status.HELD:  # it was saved before it was signed, and came after
        assert signed.status is Status.ACCEPTED and row.revision == 1
    else:
        assert saved.status is Status.ACCEPTED and row.revision == 2
        assert not files[before.id].stands
        assert len(files[before.id].files) == (2 if signed.status is Status.ACCEPTED else 1)
    assert signed.status in {Status.ACCEPTED, Status.REFUSED}
    work(application.plant)
    application.check()


def test_preparing_while_it_is_signed_gives_what_is_refused_later(
    application: Application,
) -> None:
    act = application.complete(application.prepare())

    signed, other = at_once(act, application.prepare)

    assert signed.status is Status.ACCEPTED
    if isinstance(other, Waiting):
        late = application.complete(other)()
        assert late.status is Status.REFUSED
        assert reasons([late])
    application.check()
    then = application.prepare(Party.ENTERPRISE)
    assert application.complete(then)().status is Status.ACCEPTED
    application.check()


def test_everybody_at_once_leaves_one_form(application: Application) -> None:
    first = application.prepare()
    assert application.complete(first)().status is Status.ACCEPTED
    waiting = [application.prepare(Party.ENTERPRISE) for _ in range(2)]

    found = at_once(
        *map(application.complete, waiting),
        lambda: application.prepare(Party.ENTERPRISE),
        lambda: application.save(2),
        application.complete(first),
    )

    taken = [each for each in found[:2] if each.status is Status.ACCEPTED]
    assert len(taken) <= 1
    work(application.plant)
    application.check()
