"""By a link of its own a holder collects, for a short while, and nothing else."""

from pathlib import Path

import pytest
from sqlalchemy import update

from factory import specimen
from factory.access import Viewer
from factory.errors import ConflictError, ForbiddenError, NotFoundError
from factory.model import EditionState
from jobs import collecting, desk, enquiry
from jobs.asker import Asker
from jobs.wiring import Plant
from storage import tables as t
from tests.plants import WHO, issue, new_plant


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """With a store whose links can be signed; nobody follows them."""
    nowhere = "http://store.invalid"
    store = {"s3_endpoint": nowhere, "s3_public_endpoint": nowhere, "s3_key": "k", "s3_secret": "s"}
    return new_plant(tmp_path, f"sqlite:///{tmp_path / 'ledger.sqlite3'}", **store)


@pytest.fixture
def number(plant: Plant) -> str:
    return issue(plant, 1)


def token(plant: Plant, number: str) -> str:
    return collecting.link(plant, number, who=WHO).url.rpartition("/")[2]


def state(plant: Plant, number: str) -> EditionState:
    [edition] = enquiry.registration_status(plant, number).registration.editions
    return edition.state


def test_looking_takes_nothing(plant: Plant, number: str) -> None:
    found = collecting.find(plant, token(plant, number))

    assert found.registration.number == number
    assert state(plant, number) is EditionState.UNCOLLECTED


def test_whoever_has_the_link_collects(plant: Plant, number: str) -> None:
    collecting.collect(plant, token(plant, number))

    assert state(plant, number) is EditionState.COLLECTED


def test_collecting_twice_changes_nothing(plant: Plant, number: str) -> None:
    link = token(plant, number)
    collecting.collect(plant, link)
    before = enquiry.registration_status(plant, number)

    collecting.collect(plant, link)

    assert enquiry.registration_status(plant, number) == before


def test_the_link_names_nobody_and_no_number(plant: Plant, number: str) -> None:
    url = collecting.link(plant, number, who=WHO).url

    person = specimen.holder(1)
    assert all(each not in url for each in (number, person["name"], person["id_number"]))


def test_it_ends(plant: Plant, number: str) -> None:
    object.__setattr__(plant.settings, "collection_link_seconds", -1)

    with pytest.raises(ConflictError, match="已过期"):
        collecting.collect(plant, token(plant, number))
    assert state(plant, number) is EditionState.UNCOLLECTED


@pytest.mark.parametrize("place", [0, 2, -1])
def test_one_character_changed_leads_nowhere(plant: Plant, number: str, place: int) -> None:
    link = list(token(plant, number))
    link[place] = "2" if link[place] != "2" else "3"

    with pytest.raises(NotFoundError):
        collecting.find(plant, "".join(link))


@pytest.mark.parametrize("link", ["", "1-2-3", "../1", "1-zzzzzzzz-" + "A" * 32, "一" * 40])
def test_what_was_never_given_leads_nowhere(plant: Plant, number: str, link: str) -> None:
    with pytest.raises(NotFoundError):
        collecting.find(plant, link)


def test_an_enterprise_gets_no_link_for_its_people(plant: Plant, number: str) -> None:
    employer = Asker(viewer=Viewer.ENTERPRISE, credit_code=specimen.credit_code(1))

    with pytest.raises(ForbiddenError):
        collecting.link(plant, number, who=WHO, asker=employer)


def test_what_is_superseded_since_is_not_given_out(plant: Plant, number: str) -> None:
    link = token(plant, number)
    collecting.collect(plant, link)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.edition).values(state=EditionState.REVOKED.value))

    with pytest.raises(ConflictError):
        collecting.download(plant, link)


def test_the_desk_s_rules_are_the_page_s(plant: Plant, number: str) -> None:
    desk.collect(plant, number, who=WHO)

    assert collecting.download(plant, token(plant, number)).startswith("http")
