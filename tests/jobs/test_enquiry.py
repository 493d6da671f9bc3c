"""Enquiries: where an event, an application or a registration stands, and whose turn it is."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import select

from factory import specimen
from factory.errors import ConflictError
from jobs import enquiry
from jobs.bulk import progress, steps
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import inbox
from tests.plants import PROFILE, SOURCE, WHO, JsonObject, new_plant, put_scans, stored, submit

ZHEJIANG, GANSU = "zhejiang-constructor", "gansu-constructor"
pytestmark = pytest.mark.usefixtures("stated_signatures")

GRANTED = "urn:example:shanghai-only"
OPINION = "王安的资格证书编号有误"


@pytest.fixture
def plant(tmp_path: Path, db_url: str, s3: Settings) -> Plant:
    """A plant whose source may submit for every register."""
    plant = new_plant(tmp_path, db_url, **stored(s3))
    put_scans(plant)
    with plant.ledger.write(WHO) as tx:
        for profile in plant.profiles:
            inbox.grant(tx, SOURCE, profile)
        inbox.grant(tx, GRANTED, PROFILE)
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


# --- what waits -------------------------------------------------------------------------------


def test_an_application_known_only_from_a_held_event_shows_what_waits(plant: Plant) -> None:
    event = moved_on(1, "announced", GANSU)
    submit(plant, event)

    [found] = enquiry.awaited(plant, specimen.acceptance_number(1))

    [waits] = found.held
    assert (found.profile, found.stand.label, found.stand.owner) == (GANSU, "需处理", "upstream")
    assert (waits.event.event_id, waits.event.type) == (event["id"], "application.closed")
    assert "no application is known" in waits.hold.detail


def test_an_event_with_a_picture_that_cannot_be_used_is_found_by_its_application(
    plant: Plant,
) -> None:
    submit(plant, at(specimen.approved(1), PROFILE, photo={"content": "bm8="}))

    [found] = enquiry.awaited(plant, specimen.acceptance_number(1))

    assert found.held[0].hold.reason == "picture"


def test_a_number_that_no_event_names_waits_for_nothing(plant: Plant) -> None:
    submit(plant, moved_on(1, "announced", GANSU))

    assert enquiry.awaited(plant, specimen.acceptance_number(2)) == []


def test_what_has_taken_effect_waits_no_more(plant: Plant) -> None:
    submit(plant, specimen.signed(1))
    submit(plant, specimen.saved(1))

    assert enquiry.awaited(plant, specimen.acceptance_number(1)) == []
    [found] = enquiry.application_status(plant, specimen.acceptance_number(1))
    assert found.held == ()


def test_an_application_tells_of_the_events_that_are_held_for_it(plant: Plant) -> None:
    submit(plant, specimen.saved(1))
    submit(plant, specimen.approved(1))

    [found] = enquiry.application_status(plant, specimen.acceptance_number(1))

    [waits] = found.held
    assert found.stand.label == "待个人签名"
    assert (waits.event.type, waits.hold.owner) == ("registration.approved", "upstream")
    assert "not possible at 待个人签名" in waits.hold.detail
    assert enquiry.awaited(plant, specimen.acceptance_number(1)) == []


def test_an_application_tells_of_its_certificate_that_is_held(plant: Plant) -> None:
    holder = specimen.holder(1) | {"id_number": "310101199001010011"}
    submit(plant, at(specimen.approved(1), PROFILE, holder=holder))

    [found] = enquiry.application_status(plant, specimen.acceptance_number(1))

    assert found.stand.label == "办结"
    assert [each.hold.subject_kind for each in found.held] == ["order"]


def test_a_hold_of_another_application_is_not_told(plant: Plant) -> None:
    submit(plant, specimen.saved(1))
    submit(plant, specimen.signed(2))

    [found] = enquiry.application_status(plant, specimen.acceptance_number(1))

    assert found.held == ()


def test_a_number_of_two_registers_tells_of_each_its_own_holds(plant: Plant) -> None:
    submit(plant, specimen.saved(1))
    submit(plant, moved_on(1, "announced", GANSU))

    [known] = enquiry.application_status(plant, specimen.acceptance_number(1))
    [unknown] = enquiry.awaited(plant, specimen.acceptance_number(1))

    assert (known.held, unknown.profile) == ((), GANSU)


def test_a_rename_tells_who_must_confirm_it(plant: Plant) -> None:
    event = specimen.renamed(1)
    submit(plant, event | {"source": GRANTED})
    [batch] = progress.all_progress(plant)
    steps.advance(plant, batch.id)

    [found] = enquiry.event_status(plant, event["id"])

    assert found.batch_stand is not None
    assert (found.batch_stand.label, found.batch_stand.owner) == ("待确认", "enterprise")


# --- opinions ---------------------------------------------------------------------------------


def test_a_returned_application_tells_why(plant: Plant) -> None:
    returned(plant, 1)

    [found] = enquiry.application_status(plant, specimen.acceptance_number(1))

    [opinion] = found.opinions
    assert found.stand.label == "退回"
    assert (opinion.outcome, opinion.by, opinion.text) == ("returned", "authority", OPINION)


def test_an_opinion_that_has_not_taken_effect_is_not_told(plant: Plant) -> None:
    submit(plant, at(specimen.saved(1), ZHEJIANG))
    submit(plant, moved_on(1, "returned", ZHEJIANG, opinion=OPINION))

    [found] = enquiry.application_status(plant, specimen.acceptance_number(1))

    assert found.opinions == ()
    assert len(found.held) == 1


@pytest.mark.on_both
def test_an_opinion_stands_in_nothing_that_is_not_sealed(plant: Plant) -> None:
    returned(plant, 1)

    found = enquiry.application_status(plant, specimen.acceptance_number(1))

    assert OPINION not in repr(found)
    with plant.ledger.read() as tx:
        for table in t.metadata.sorted_tables:
            rows = [[str(cell) for cell in row] for row in tx.run(select(table))]
            assert OPINION not in json.dumps(rows, ensure_ascii=False), table.name


def test_whoever_has_the_slip_reads_why_it_was_returned(plant: Plant) -> None:
    returned(plant, 1)
    filing_number, code = enquiry.slip(plant, specimen.acceptance_number(1))

    found = enquiry.progress(plant, filing_number, code)

    assert [each.opinion for each in found.steps] == [OPINION]
    assert OPINION not in repr(found)


def test_whoever_has_the_slip_reads_nothing_of_what_is_held_or_handed_in(plant: Plant) -> None:
    hand_in(plant, 1)
    submit(plant, at(specimen.approved(1), ZHEJIANG, photo={"content": "bm8="}))
    filing_number, code = enquiry.slip(plant, specimen.acceptance_number(1))

    found = enquiry.progress(plant, filing_number, code)

    [whole] = enquiry.application_status(plant, specimen.acceptance_number(1))
    assert len(whole.held) == 1
    assert {each.name for each in fields(found)} == {"kind", "stand", "steps"}
    assert found.stand == whole.stand


def returned(plant: Plant, seed: int) -> None:
    """An application that was handed in and sent back."""
    hand_in(plant, seed)
    outcome = submit(plant, moved_on(seed, "returned", ZHEJIANG, opinion=OPINION))
    assert outcome.status == "accepted", outcome


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
