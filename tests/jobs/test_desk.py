"""The desk: collecting, links to what may be downloaded, and what becomes of holds."""

import hashlib
from pathlib import Path

import pytest
import urllib3
from sqlalchemy import select

from factory import specimen
from factory.errors import ConflictError, FieldError, NotFoundError
from factory.model import BatchId, EditionState, Format
from jobs import desk, enquiry
from jobs.bulk import confirming, steps
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.blobs import Blob
from storage.ledger import inbox, outbox, record
from storage.ledger.record import MadeFile
from tests.plants import (
    PROFILE,
    SOURCE,
    WHO,
    approve,
    finish,
    hold,
    issue,
    must_claim,
    new_plant,
    open_chunks,
    start_rename,
    submit,
)

PDF = b"%PDF-1.7 a certificate"
UNPRINTABLE = FieldError("holder.name", "faces", "cannot be printed")


@pytest.fixture
def plant(tmp_path: Path, db_url: str, s3: Settings) -> Plant:
    """A plant whose links lead to a real store."""
    plant = new_plant(
        tmp_path,
        db_url,
        s3_endpoint=s3.s3_endpoint,
        s3_public_endpoint=s3.s3_endpoint,
        s3_key=s3.s3_key,
        s3_secret=s3.s3_secret,
    )
    plant.store.ensure_bucket()
    return plant


def test_collecting_says_when_it_was_done(plant: Plant) -> None:
    number = issue(plant, 1)

    collected = desk.collect(plant, number, who=WHO)

    assert collected.state is EditionState.COLLECTED
    assert collected.collected_at is not None


def test_collecting_again_changes_nothing(plant: Plant) -> None:
    number = issue(plant, 1)
    first = desk.collect(plant, number, who=WHO)

    again = desk.collect(plant, number, who=WHO)

    assert again == first
    assert audited(plant, "collected") == 1


def test_what_is_not_made_yet_cannot_be_collected(plant: Plant) -> None:
    number = approved(plant, 1)

    with pytest.raises(ConflictError, match="生成中"):
        desk.collect(plant, number, who=WHO)


def test_what_a_rename_outdated_cannot_be_collected(plant: Plant) -> None:
    number = issue(plant, 1)
    confirm(plant)

    with pytest.raises(ConflictError, match="待换发"):
        desk.collect(plant, number, who=WHO)


def test_a_paper_edition_cannot_be_collected(plant: Plant) -> None:
    number = imported(plant)

    with pytest.raises(ConflictError, match="on paper"):
        desk.collect(plant, number, who=WHO)


@pytest.mark.on_both
def test_an_unknown_number_has_nothing_to_collect(plant: Plant) -> None:
    with pytest.raises(NotFoundError):
        desk.collect(plant, "沪2312016202400001", who=WHO)


def test_a_number_in_its_old_spelling_is_found(plant: Plant) -> None:
    number = issue(plant, 1)

    collected = desk.collect(plant, number.replace("2016", "16").replace("2024", "24"), who=WHO)

    assert collected.state is EditionState.COLLECTED


def test_a_link_before_collecting_is_refused_with_the_reason(plant: Plant) -> None:
    number = issue(plant, 1)

    with pytest.raises(ConflictError, match="未领证"):
        desk.link(plant, number, who=WHO)


def test_a_link_after_collecting_leads_to_the_file(plant: Plant) -> None:
    number = stored(plant, 1)
    desk.collect(plant, number, who=WHO)

    link = desk.link(plant, number, who=WHO)

    answer = urllib3.request("GET", link.url, retries=False, timeout=10)
    assert answer.data == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_link_to_a_file_that_is_gone_is_refused_and_says_what_to_do(plant: Plant) -> None:
    number = stored(plant, 1)
    desk.collect(plant, number, who=WHO)
    for key in list(plant.store.list()):
        plant.store.delete(key)

    with pytest.raises(NotFoundError, match=r"pdf is gone from the store; run `certfactory rech"):
        desk.link(plant, number, who=WHO)
    assert audited(plant, "link given") == 0


def test_a_link_is_noted_but_its_address_is_not(plant: Plant) -> None:
    number = stored(plant, 1)
    desk.collect(plant, number, who=WHO)

    desk.link(plant, number, who=WHO)

    assert audited(plant, "link given") == 1
    with plant.ledger.read() as tx:
        assert "Signature" not in str(tx.run(select(t.audit)).all())


def test_a_refused_link_is_not_noted(plant: Plant) -> None:
    number = issue(plant, 1)

    with pytest.raises(ConflictError):
        desk.link(plant, number, who=WHO)

    assert audited(plant, "link given") == 0


def test_a_link_to_an_outdated_edition_is_refused_with_the_reason(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    confirm(plant)

    with pytest.raises(ConflictError, match="待换发"):
        desk.link(plant, number, who=WHO, edition=1)


def test_a_link_to_a_superseded_edition_is_refused_with_the_reason(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    reissue(plant)

    with pytest.raises(ConflictError, match="superseded by edition 2"):
        desk.link(plant, number, who=WHO, edition=1)


def test_after_a_reissue_the_new_edition_is_to_be_collected_first(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    reissue(plant)

    with pytest.raises(ConflictError, match="edition 2: is not collected yet"):
        desk.link(plant, number, who=WHO)


def test_an_edition_that_does_not_exist_has_no_link(plant: Plant) -> None:
    number = issue(plant, 1)

    with pytest.raises(NotFoundError, match="edition 7"):
        desk.link(plant, number, who=WHO, edition=7)


def test_a_paper_edition_has_no_link(plant: Plant) -> None:
    number = imported(plant)

    with pytest.raises(ConflictError, match="paper"):
        desk.link(plant, number, who=WHO, edition=0)


def test_a_held_order_goes_back_to_work(plant: Plant) -> None:
    number = approved(plant, 1)
    hold(plant, must_claim(plant, open_chunks(plant)[0]), UNPRINTABLE)
    [held] = desk.open_holds(plant)

    moved = desk.retry(plant, held.id, who=WHO, why="the face was installed")
    [chunk] = open_chunks(plant)
    finish(plant, must_claim(plant, chunk))

    assert moved.state == "ready"
    assert desk.open_holds(plant) == []
    assert enquiry.registration_status(plant, number).registration.current is not None


def test_a_hold_names_the_registration_its_order_is_of(plant: Plant) -> None:
    number = approved(plant, 1)
    hold(plant, must_claim(plant, open_chunks(plant)[0]), UNPRINTABLE)

    [held] = desk.open_holds(plant)

    assert held.about == number
    assert desk.hold(plant, held.id) == held


def test_a_hold_names_the_application_its_event_is_of(plant: Plant) -> None:
    issue(plant, 1)
    event = specimen.approved(2)
    event["data"]["enterprise"]["name"] = "上海示例另名建设有限公司"
    submit(plant, event)

    [held] = desk.open_holds(plant)

    assert held.about == event["data"]["application"]["acceptance_number"]


def test_a_hold_names_the_batch_whose_document_it_stopped(plant: Plant) -> None:
    issue(plant, 1)
    reissue(plant)
    for _ in range(3):  # until its end, when the list and the report are ordered
        steps.advance(plant, BatchId(1))
    hold(plant, must_claim(plant, open_chunks(plant)[0]), UNPRINTABLE)

    held = desk.open_holds(plant)[-1]

    assert held.about == "batch 1"


@pytest.mark.on_both
def test_a_held_order_that_goes_back_to_work_is_rung_for(plant: Plant) -> None:
    approved(plant, 1)
    hold(plant, must_claim(plant, open_chunks(plant)[0]), UNPRINTABLE)
    [held] = desk.open_holds(plant)
    desk.retry(plant, held.id, who=WHO, why="the face was installed")

    with plant.ledger.write(WHO) as tx:
        bells = [bell.body["chunk"] for bell in outbox.unsent(tx)]

    assert open_chunks(plant)[0] in bells


def test_a_hold_is_closed_once(plant: Plant) -> None:
    approved(plant, 1)
    hold(plant, must_claim(plant, open_chunks(plant)[0]), UNPRINTABLE)
    [held] = desk.open_holds(plant)
    desk.retry(plant, held.id, who=WHO, why="the face was installed")

    with pytest.raises(ConflictError, match="closed already"):
        desk.retry(plant, held.id, who=WHO, why="once more")


def test_an_order_is_not_dismissed(plant: Plant) -> None:
    approved(plant, 1)
    hold(plant, must_claim(plant, open_chunks(plant)[0]), UNPRINTABLE)
    [held] = desk.open_holds(plant)

    with pytest.raises(ConflictError, match="not dismissed"):
        desk.dismiss(plant, held.id, who=WHO, why="unwanted")

    assert desk.open_holds(plant) == [held]


def test_a_dismissed_event_says_so_when_it_is_asked_for(plant: Plant) -> None:
    event = without_photo()
    submit(plant, event)
    [held] = desk.open_holds(plant)

    desk.dismiss(plant, held.id, who=WHO, why="sent again as another event")

    [found] = enquiry.event_status(plant, event["id"])
    assert found.event.state == desk.DISMISSED
    assert found.held == ()


def test_a_dismissed_event_is_not_retried(plant: Plant) -> None:
    submit(plant, without_photo())
    [held] = desk.open_holds(plant)
    desk.dismiss(plant, held.id, who=WHO, why="sent again as another event")

    with pytest.raises(ConflictError, match="closed already"):
        desk.retry(plant, held.id, who=WHO, why="after all")


def test_a_held_event_whose_conflict_is_gone_is_entered(plant: Plant) -> None:
    issue(plant, 1)
    event = specimen.approved(2)
    renamed = specimen.renamed(1)["data"]["enterprise"]["new_name"]
    event["data"]["enterprise"]["name"] = renamed
    submit(plant, event)
    [held] = desk.open_holds(plant)
    confirm(plant)

    moved = desk.retry(plant, held.id, who=WHO, why="the rename has been confirmed")

    assert moved.state == "accepted"
    assert moved.registration is not None
    assert desk.open_holds(plant) == []


def test_a_held_event_whose_profile_is_gone_stays_held(plant: Plant) -> None:
    submit(plant, without_photo())
    [held] = desk.open_holds(plant)
    vars(plant)["profiles"] = {}

    with pytest.raises(FieldError, match=r"data\.profile"):
        desk.retry(plant, held.id, who=WHO, why="try")

    assert desk.open_holds(plant) == [held]


def test_a_hold_that_does_not_exist_cannot_be_moved(plant: Plant) -> None:
    with pytest.raises(NotFoundError):
        desk.retry(plant, 99, who=WHO, why="?")
    with pytest.raises(NotFoundError):
        desk.dismiss(plant, 99, who=WHO, why="?")


@pytest.mark.on_both
def test_a_source_is_granted_an_installed_profile(plant: Plant) -> None:
    desk.grant(plant, "urn:example:other", PROFILE, who=WHO)

    with plant.ledger.read() as tx:
        assert inbox.all_grants(tx) == [("urn:example:other", PROFILE), (SOURCE, PROFILE)]


def test_what_was_granted_is_withdrawn_at_once(plant: Plant) -> None:
    desk.grant(plant, "urn:example:one", PROFILE, who=WHO)

    desk.withdraw(plant, "urn:example:one", PROFILE, who=WHO)

    with plant.ledger.read() as tx:
        assert inbox.grants(tx, "urn:example:one") == frozenset()


def test_what_was_not_granted_is_not_withdrawn(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="is not granted"):
        desk.withdraw(plant, "urn:example:one", PROFILE, who=WHO)


def test_a_source_is_not_granted_a_profile_that_is_not_installed(plant: Plant) -> None:
    with pytest.raises(NotFoundError, match="not installed; installed are gansu-constructor"):
        desk.grant(plant, SOURCE, "atlantis-constructor", who=WHO)


def stored(plant: Plant, seed: int) -> str:
    """A registration whose edition is made, with a small file in the store."""
    number = approved(plant, seed)
    found = must_claim(plant, open_chunks(plant)[0])
    [order] = found.orders
    key, digest = order.object_key(Format.PDF), hashlib.sha256(PDF).hexdigest()
    plant.store.put_new(Blob(key=key, data=PDF, content_type="application/pdf", sha256=digest))
    file = MadeFile(
        order=order.id,
        format=Format.PDF,
        object_key=key,
        sha256=digest,
        size_bytes=len(PDF),
        content_type="application/pdf",
        signing_cert_sha256="0" * 64,
    )
    with plant.ledger.write(WHO) as tx:
        record.record(tx, found, [file], [], brake=plant.brake)
    return number


def approved(plant: Plant, seed: int) -> str:
    number = approve(plant, seed).registration
    assert number is not None
    return number


def imported(plant: Plant) -> str:
    number = submit(plant, specimen.imported(5)).registration
    assert number is not None
    return number


def without_photo() -> specimen.JsonObject:
    event = specimen.approved(1)
    return event | {"data": event["data"] | {"photo": {"content": "bm8="}}}


def confirm(plant: Plant) -> None:
    confirming.confirm(plant, start_rename(plant), who=WHO, why="notice")


def reissue(plant: Plant) -> None:
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    steps.advance(plant, batch)
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))


def audited(plant: Plant, action: str) -> int:
    with plant.ledger.read() as tx:
        return len(tx.run(select(t.audit).where(t.audit.c.action == action)).all())


@pytest.mark.parametrize("standing", ["suspended", "cancelled"])
def test_of_what_was_imported_out_of_force_nothing_is_given_out(
    plant: Plant, standing: str
) -> None:
    event = specimen.imported(1)
    number = event["data"]["registration_number"]
    submit(plant, event | {"data": event["data"] | {"standing": standing}})

    with pytest.raises(ConflictError):
        desk.link(plant, number, who=WHO)
    with pytest.raises(ConflictError):
        desk.collect(plant, number, who=WHO)
    [edition] = enquiry.registration_status(plant, number).registration.editions
    expected = {"suspended": EditionState.COLLECTED, "cancelled": EditionState.REVOKED}
    assert edition.state is expected[standing]


def test_of_what_had_ended_before_its_approval_came_nothing_is_given_out(plant: Plant) -> None:
    submit(plant, specimen.cancelled(1))

    number = approve(plant, 1).registration

    assert number is not None
    with pytest.raises(ConflictError, match="ended before"):
        desk.link(plant, number, who=WHO)
    with pytest.raises(ConflictError, match="ended before"):
        desk.collect(plant, number, who=WHO)


def test_what_waited_until_it_expired_is_not_made(plant: Plant) -> None:
    number = waiting(plant, 1, approved_on="2018-03-01")

    with pytest.raises(ConflictError, match="has expired"):
        desk.collect(plant, number, who=WHO)

    assert open_chunks(plant) == []


def test_an_event_whose_order_goes_on_counts_as_done(plant: Plant) -> None:
    event = specimen.approved(1)
    holder = event["data"]["holder"] | {"id_number": "310101199001010011"}
    submit(plant, event | {"data": event["data"] | {"holder": holder}})
    [held] = desk.open_holds(plant)

    desk.retry(plant, held.id, who=WHO, why="the authority confirms it")

    [found] = enquiry.event_status(plant, event["id"])
    assert found.stand.label == "已处理"


def test_a_number_means_the_registration_that_has_it_before_one_that_had_it(plant: Plant) -> None:
    number = issue(plant, 1)
    submit(plant, specimen.cancelled(1))
    event = specimen.imported(1)
    edition = event["data"]["edition"] | {"issued_on": "2025-06-01"}
    more = {"former_numbers": [number], "edition": edition}
    later = submit(plant, event | {"data": event["data"] | more}).registration

    assert later is not None
    assert enquiry.registration_status(plant, number).stand.label == "注销"
    assert enquiry.registration_status(plant, later).registration.former_numbers == (number,)


def test_what_waits_is_the_holders_turn_only_until_it_expires(plant: Plant) -> None:
    number = waiting(plant, 1, approved_on="2018-03-01")

    [edition] = enquiry.registration_status(plant, number).editions

    assert (edition.label, edition.owner) == ("已过期", "nobody")


def test_what_waits_is_not_made_while_it_is_suspended(plant: Plant) -> None:
    number = waiting(plant, 1, approved_on="2024-03-01")
    event = specimen.suspended(1)
    submit(plant, event | {"data": event["data"] | {"profile": "shanghai-cost-engineer"}})

    with pytest.raises(ConflictError, match="暂扣"):
        desk.collect(plant, number, who=WHO)

    [edition] = enquiry.registration_status(plant, number).editions
    assert (edition.label, edition.owner) == ("暂扣", "authority")


def waiting(plant: Plant, seed: int, *, approved_on: str) -> str:
    """A registration whose certificate is made when its holder asks for it."""
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, SOURCE, "shanghai-cost-engineer")
    event = specimen.approved(seed)
    data = event["data"] | {
        "profile": "shanghai-cost-engineer",
        "professions": [{"name": "土木建筑工程", "qualified_on": "2017-11-03"}],
        "signature": event["data"]["photo"],
        "approved_on": approved_on,
    }
    data["professions"][0]["hours"] = {"compulsory": 60, "elective": 60}
    number = submit(plant, event | {"data": data}).registration
    assert number is not None
    return number
