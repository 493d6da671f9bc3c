"""Enquiries: where an event, an application or a registration stands, and whose turn it is."""

from pathlib import Path

import pytest

from factory import specimen
from factory.errors import ConflictError
from jobs import enquiry
from jobs.wiring import Plant
from storage.ledger import inbox
from tests.plants import SOURCE, WHO, JsonObject, new_plant, submit

ZHEJIANG = "zhejiang-constructor"


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    """A plant whose source may submit for every register."""
    plant = new_plant(tmp_path, db_url)
    with plant.ledger.write(WHO) as tx:
        for profile in plant.profiles:
            inbox.grant(tx, SOURCE, profile)
    return plant


def at(event: JsonObject, profile: str, **data: object) -> JsonObject:
    """The same event in another register, with other data."""
    return event | {"data": event["data"] | {"profile": profile} | data}


def moved_on(
    seed: int, outcome: str, profile: str = specimen.PROFILE, **data: object
) -> JsonObject:
    """A step of the procedure, two days after everything was filled in."""
    event = at(specimen.closed(seed), profile, outcome=outcome, at="2024-03-03T09:00:00+08:00")
    return event | {"id": f"{event['id']}-{outcome}", "data": event["data"] | data}


# --- filing numbers ---------------------------------------------------------------------------


def test_what_was_handed_in_gets_its_filing_number(plant: Plant) -> None:
    hand_in(plant, 1)

    number, _ = enquiry.slip(plant, specimen.acceptance_number(1))

    assert number[-1] not in "ILO"


def test_a_draft_that_was_withdrawn_gets_no_filing_number(plant: Plant) -> None:
    submit(plant, at(specimen.saved(1), ZHEJIANG))
    submit(plant, moved_on(1, "withdrawn", ZHEJIANG))

    with pytest.raises(ConflictError, match="was not handed in"):
        enquiry.slip(plant, specimen.acceptance_number(1))


def test_what_was_withdrawn_after_it_was_handed_in_keeps_its_filing_number(plant: Plant) -> None:
    hand_in(plant, 1)
    before = enquiry.slip(plant, specimen.acceptance_number(1))

    submit(plant, moved_on(1, "withdrawn", ZHEJIANG))

    assert enquiry.slip(plant, specimen.acceptance_number(1)) == before


def test_what_had_been_handed_in_and_withdrawn_before_it_was_told_has_a_filing_number(
    plant: Plant,
) -> None:
    submit(plant, handed_in(1))
    submit(plant, moved_on(1, "withdrawn", ZHEJIANG))
    for material in ("identity_paper", "qualification"):
        submit(plant, material_of(1, material))

    submit(plant, at(specimen.saved(1), ZHEJIANG))  # now all of it takes effect at once

    [found] = enquiry.application_status(plant, specimen.acceptance_number(1))
    assert found.stand.label == "已撤回"
    assert found.application.filing_number is not None


def hand_in(plant: Plant, seed: int) -> None:
    """A whole application, submitted in Zhejiang."""
    submit(plant, at(specimen.saved(seed), ZHEJIANG))
    for material in ("identity_paper", "qualification"):
        submit(plant, material_of(seed, material))
    outcome = submit(plant, handed_in(seed))
    assert outcome.status == "accepted", outcome


def handed_in(seed: int) -> JsonObject:
    saved_at = "2024-03-02T09:00:00+08:00"
    event = at(specimen.saved(seed), ZHEJIANG, revision=2, submitted=True, saved_at=saved_at)
    return event | {"id": f"{event['id']}-submitted"}


def material_of(seed: int, material: str) -> JsonObject:
    event = at(specimen.attached(seed), ZHEJIANG, material=material)
    return event | {"id": f"{event['id']}-{material}"}
