"""Erasing a person's data: what is gone, what stays, what is refused, and the proof."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from factory import specimen
from factory.errors import ConflictError, ErasedError, NotFoundError
from factory.kinds import rename_list
from factory.model import EditionState
from factory.retention import Ground
from factory.verification import Status as Told
from jobs import collecting, desk, documents, enquiry, verifying
from jobs.bulk import proving, results
from jobs.bulk.scopes import ERASED
from jobs.intake import Status
from jobs.personal import erasing, finding
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.blobs import Blob
from storage.ledger import audit, inbox, personal, promises, status
from storage.ledger.erasing import past
from tests.jobs.bulking import begin, confirm, items, make_all, reissue_of, with_retention
from tests.telling import work

from .lives import REASON, REGISTER, WHO, WITH_SCANS, Life, factory, lists, live, submit

pytestmark = pytest.mark.usefixtures("stated_signatures")


@pytest.fixture
def plant(tmp_path: Path, s3: Settings, fresh_bucket: str, db_url: str) -> Plant:
    return factory(tmp_path, s3, fresh_bucket, db_url)


def erase(life: Life, **how: Any) -> erasing.Erased:
    given = {"who": WHO, "ground": Ground.REQUEST, "why": REASON} | how
    return erasing.erase(life.plant, life.holder, **given)


def files(plant: Plant, holder: int) -> list[Any]:
    """Rows of all files of a person."""
    with plant.ledger.read() as tx:
        keys = personal.of(tx, holder).keys
        wanted = select(t.file).join(
            t.production_order, t.production_order.c.id == t.file.c.order_id
        )
        return list(tx.run(wanted.where(t.production_order.c.data_key_id.in_(keys))))


def code_of(plant: Plant, number: str) -> str:
    with plant.ledger.read() as tx:
        newest = status.by_number(tx, number).newest
        assert newest is not None
        found: str = tx.run(
            select(t.edition.c.code).where(t.edition.c.id == newest.id)
        ).scalar_one()
        return found


def kept(plant: Plant) -> Mapping[str, list[Any]]:
    """What nobody's erasure may touch."""
    tables = (t.registration, t.edition, t.former_number, t.batch, t.batch_item)
    with plant.ledger.read() as tx:
        return {
            each.name: list(tx.run(select(each).order_by(*each.primary_key))) for each in tables
        }


@pytest.mark.on_both
def test_the_drill(plant: Plant) -> None:
    """Everything of one person is gone; the colleague and all that was proved are as before."""
    one = live(plant, 11)
    other = live(plant, 12, beside=one)
    one.end()
    before, others = kept(plant), files(plant, other.holder)
    gone = files(plant, one.holder)
    assert gone and plant.intake_store.head(one.photo) is not None

    erased = erase(one)
    work(plant)

    assert erased.left == {}
    assert {plant.store.head(each.object_key) for each in gone} == {None}
    assert plant.intake_store.head(one.photo) is None
    assert kept(plant) == before
    assert [each.sha256 for each in files(plant, one.holder)] == [each.sha256 for each in gone]
    for each in others:
        assert plant.store.get(each.object_key, sha256=each.sha256)
    assert plant.intake_store.head(other.photo) is not None
    assert desk.link(plant, other.number, who=WHO).sha256
    _assert_nothing_opens(plant, one.holder)
    _assert_the_lists_are_without_the_name(plant, one)
    _assert_the_batch_is_proved(plant, one)


def _assert_nothing_opens(plant: Plant, holder: int) -> None:
    with plant.ledger.read() as tx:
        person = personal.of(tx, holder)
        counted = personal.counts(tx, person)
        assert counted["inbox.body"] and counted["fact.content"] and counted["holder.person"]
        assert counted["picture.content"] == 0
        with pytest.raises(ErasedError):
            list(personal.values(tx, person))
        for event in tx.run(select(t.inbox.c.id).where(t.inbox.c.data_key_id.in_(person.keys))):
            with pytest.raises(ErasedError):
                inbox.body(tx, event.id)


def _assert_the_lists_are_without_the_name(plant: Plant, life: Life) -> None:
    [batch] = life.batches
    old, new = lists(plant, batch)
    assert not old.stands and old.file is not None
    assert plant.store.head(old.file.object_key) is None
    assert new.stands and new.file is not None
    assert plant.store.get(new.file.object_key, sha256=new.file.sha256)
    with plant.ledger.read() as tx:
        rows = rename_list.read(promises.of_document(tx, new.id).face).rows
    assert [(row.number, row.name) for row in rows] == [(life.number, results.NAMELESS)]


def _assert_the_batch_is_proved(plant: Plant, life: Life) -> None:
    assert proving.prove(plant, life.number)["batch"] == life.batches[0]


def test_the_proof_says_what_was_destroyed_and_nothing_of_whom(plant: Plant) -> None:
    life = live(plant, 13).end()
    objects = [each.object_key for each in files(plant, life.holder)]
    with plant.ledger.read() as tx:
        keys = personal.of(tx, life.holder).keys
        sealed = personal.counts(tx, personal.of(tx, life.holder))

    proof = erase(life).proof

    assert set(keys) <= set(proof["data_keys"])
    assert proof["sealed"] == sealed
    assert (proof["who"], proof["why"], proof["ground"]) == (WHO, REASON, "request")
    assert proof["promised_at"] <= proof["shredded_at"] <= proof["done_at"]
    digests = {hashlib.sha256(key.encode()).hexdigest() for key in objects}
    assert digests <= set(proof["object_keys_sha256"])
    assert proof["registrations"] == [life.number]
    assert len(proof["intake_objects"]) == 1
    with plant.ledger.read() as tx:
        [row] = [each for each in audit.of(tx, "holder", life.holder) if each.action == "erased"]
    assert row.what == proof
    said = json.dumps(proof, ensure_ascii=False)
    for secret in (life.case.holder["name"], life.case.holder["id_number"], life.photo):
        assert secret not in said


def test_whoever_asks_is_told_that_it_is_erased(plant: Plant) -> None:
    life = live(plant, 14).end()
    code = code_of(plant, life.number)
    [number] = [life.case.acceptance_number]
    data = {each.sha256: plant.store.get(each.object_key) for each in files(plant, life.holder)}

    erase(life)

    answer = verifying.by_code(plant, code, number=life.number)
    assert (answer.status, answer.erased, answer.told) == (Told.CANCELLED, True, None)
    for sha256, file in data.items():
        assert verifying.by_digest(plant, sha256).erased
        assert verifying.by_file(plant, file).is_file
    with pytest.raises(ConflictError, match="信息已删除"):
        desk.link(plant, life.number, who=WHO)
    for document in documents.of_application(plant, number):
        with pytest.raises(ConflictError, match="信息已删除"):
            documents.file_of(document)
    assert enquiry.registration_status(plant, life.number).registration.erased
    [application] = enquiry.application_status(plant, number)
    assert application.opinions == ()
    for event in life.events[:-1]:
        enquiry.event_status(plant, event["id"])


def test_the_same_person_is_somebody_new_afterwards(plant: Plant) -> None:
    life = live(plant, 15).end()
    erase(life)
    with pytest.raises(NotFoundError):
        finding.by_paper(plant, REGISTER, *life.case.paper.values())

    assert submit(plant, life.events[0]).status is Status.DUPLICATE

    number = life.case.acceptance_number[:-1] + "9"
    later = dict(life.events[0]) | {"id": "later"}
    later["data"] = dict(later["data"]) | {
        "application": dict(later["data"]["application"]) | {"acceptance_number": number},
        "photo": {"content": specimen.portrait_text(15)},
    }
    assert submit(plant, later).status is Status.ACCEPTED
    assert finding.by_paper(plant, REGISTER, *life.case.paper.values()) != life.holder


# --- what is refused


def test_whoever_is_registered_is_not_erased_and_is_once_the_registration_has_ended(
    plant: Plant,
) -> None:
    life = live(plant, 16)

    with pytest.raises(ConflictError, match="in force"):
        erase(life)
    assert erasing.outlook(plant, life.holder, Ground.REQUEST).refusals

    life.end()
    assert erasing.outlook(plant, life.holder, Ground.REQUEST).refusals == ()
    assert erase(life).left == {}


def test_a_rule_may_let_a_request_erase_who_is_registered(plant: Plant) -> None:
    """The certificate is not vouched for any more, and bulk events pass it over."""
    asked = with_retention(plant, in_force="erase")
    life = live(asked, 17)
    code = code_of(asked, life.number)

    erase(life)

    assert verifying.by_code(asked, code).status is Told.ERASED
    with pytest.raises(ConflictError, match="信息已删除"):
        desk.collect(asked, life.number, who=WHO)
    batch = begin(asked, reissue_of(life.number) | {"source": "urn:certfactory:operations"})
    [item] = items(asked, batch)
    assert item.forecast == ERASED
    confirm(asked, batch)
    make_all(asked, batch)
    [item] = items(asked, batch)
    assert (item.state, item.reason) == ("skipped", ERASED)


def test_nobody_is_erased_while_something_is_under_way(plant: Plant) -> None:
    life = live(plant, 18).end()
    event = dict(life.events[0]) | {"id": "again", "time": life.events[-1]["time"]}
    event["data"] = dict(event["data"]) | {
        "application": dict(event["data"]["application"]) | {"acceptance_number": "W2026110330999"},
        "saved_at": life.events[-1]["time"],
    }
    assert submit(plant, event).status is Status.ACCEPTED

    with pytest.raises(ConflictError, match="under way"):
        erase(life)

    assert finding.by_paper(plant, REGISTER, *life.case.paper.values()) == life.holder


def test_a_held_event_must_be_decided_first(plant: Plant) -> None:
    life = live(plant, 19).end()
    twice = dict(life.events[-1]) | {"id": "twice"}
    held = submit(plant, twice)
    assert held.status is Status.HELD and held.hold is not None

    with pytest.raises(ConflictError, match="held"):
        erase(life)

    desk.dismiss(plant, held.hold, who=WHO, why=REASON)
    assert erase(life).left == {}


# --- when it is due


@pytest.mark.on_both
def test_by_the_defaults_nobody_is_due(plant: Plant) -> None:
    live(plant, 20).end()

    later = plant.on(plant_today(plant) + timedelta(days=365 * 90))

    assert list(erasing.due(later)) == []


def plant_today(plant: Plant) -> Any:
    with plant.ledger.read() as tx:
        return plant.today(tx)


@pytest.mark.on_both
def test_whose_time_is_over_is_due_and_not_a_day_earlier(plant: Plant) -> None:
    ruled = with_retention(plant, due_years=3, least_years=3)
    ended, standing = live(ruled, 21).end(), live(ruled, 22)
    with ruled.ledger.read() as tx:
        end = past(tx, personal.of(tx, ended.holder)).end
    first = end.replace(year=end.year + 3)

    assert list(erasing.due(ruled.on(first - timedelta(days=1)))) == []
    assert list(erasing.due(ruled.on(first))) == [ended.holder]
    with pytest.raises(ConflictError, match="least_years"):
        erase(ended)
    with pytest.raises(ConflictError, match="due from"):
        erase(replace(ended, plant=ruled.on(first - timedelta(days=1))), ground=Ground.DUE)
    assert erase(replace(ended, plant=ruled.on(first)), ground=Ground.DUE).left == {}
    assert list(erasing.due(ruled.on(first))) == []
    assert standing.holder not in list(erasing.due(ruled.on(first)))


# --- what two people share


def test_a_scan_that_somebody_else_handed_in_too_stays(plant: Plant) -> None:
    one, other = (live(plant, seed, WITH_SCANS) for seed in (23, 24))
    one.end()
    with plant.ledger.read() as tx:
        views = tx.run(select(t.application.c.view)).scalars()
        [scan] = {each["key"] for view in views for each in view["materials"].values()}

    erase(one)
    assert plant.intake_store.head(scan) is not None

    other.end()
    erase(other)
    assert plant.intake_store.head(scan) is None


def test_what_a_killed_worker_left_is_deleted_too(plant: Plant) -> None:
    life = live(plant, 25).end()
    [first, *_] = files(plant, life.holder)
    stray = first.object_key + ".stray"
    data = b"stray"
    digest = hashlib.sha256(data).hexdigest()
    plant.store.put_new(Blob(key=stray, data=data, content_type="text/plain", sha256=digest))

    assert erase(life).left == {}

    assert plant.store.head(stray) is None
    plant.store.put_new(Blob(key=stray, data=data, content_type="text/plain", sha256=digest))
    assert erasing.left(plant, life.holder) == {"store": 1}
    assert erase(life).left == {}


def test_the_database_file_holds_no_destroyed_key(plant: Plant) -> None:
    life = live(plant, 26).end()
    with plant.ledger.read() as tx:
        own = select(t.data_key.c.wrapped).join(t.holder, t.holder.c.data_key_id == t.data_key.c.id)
        wrapped = tx.run(own.where(t.holder.c.id == life.holder)).scalar_one()
    folder = plant.settings.data_dir
    read = lambda: b"".join(path.read_bytes() for path in sorted(folder.glob("ledger.sqlite3*")))  # noqa: E731
    assert wrapped in read()

    erase(life)

    assert wrapped not in read()


def test_every_sealed_column_of_persons_is_among_the_places() -> None:
    of_others = {
        "access_key.signing_key", "endpoint.secret", "endpoint.former_secret", "erasure.work",
        "registration_event.facts",
    }  # fmt: skip
    sealed = {
        f"{column.table.name}.{column.name}"
        for table in t.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, t.Sealed)
    }

    assert {place.name for place in personal.PLACES} == sealed - of_others


def test_what_was_superseded_is_told_so_and_not_as_valid(plant: Plant) -> None:
    life = live(plant, 27).end()
    erase(life)

    states = {
        e.state for e in enquiry.registration_status(plant, life.number).registration.editions
    }

    assert states <= {EditionState.REVOKED, EditionState.SUPERSEDED}
    with pytest.raises((ConflictError, NotFoundError)):
        collecting.link(plant, life.number, who=WHO)
