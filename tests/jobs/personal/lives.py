"""Somebody's whole life in a register: applied, registered, renamed with the firm, cancelled."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from factory import courses
from factory.courses import Case
from factory.model import ApplicationType, BatchId, Kind
from jobs import desk, documents, intake
from jobs.bulk import confirming
from jobs.intake import Outcome, Status
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger.documents import DocumentView
from tests.plants import put, put_scans
from tests.telling import whole_factory, work

WHO = "test"
REGISTER = "shanghai-constructor"
WITH_SCANS = "zhejiang-constructor"
REASON = "letter 7"
NOT_TOLD = ("registration.suspended", "registration.resumed", "registration.cancelled")

JsonObject = dict[str, Any]


def factory(folder: Path, s3: Settings, intake_bucket: str, db_url: str, **changes: Any) -> Plant:
    """A whole factory whose intake store nobody else uses."""
    plant = whole_factory(folder, s3, db_url=db_url, s3_intake_bucket=intake_bucket, **changes)
    put_scans(plant)
    return plant


def submit(plant: Plant, event: JsonObject) -> Outcome:
    """What intake says of one event."""
    return intake.submit(plant, json.dumps(event, ensure_ascii=False).encode(), who=WHO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A person's events, and what came of them.

    photo:   the key of the photo in the intake store.
    batches: renames of the enterprise.
    made:    until everything is made.
    """

    plant: Plant
    case: Case
    events: Sequence[JsonObject]
    number: str
    photo: str
    batches: Sequence[BatchId]
    made: Callable[[Plant], None] = work

    @property
    def holder(self) -> int:
        """The row of the person."""
        with self.plant.ledger.read() as tx:
            c = t.registration.c
            found: int = tx.run(select(c.holder_id).where(c.number == self.number)).scalar_one()
            return found

    def end(self) -> Life:
        """The registration is cancelled."""
        last = self.events[-1]
        assert last["type"] == "registration.cancelled"
        assert submit(self.plant, last).status is Status.ACCEPTED
        self.made(self.plant)
        return self


def live(
    plant: Plant,
    seed: int,
    register: str = REGISTER,
    beside: Life | None = None,
    made: Callable[[Plant], None] = work,
) -> Life:
    """Everything but the end; what is due is made, and the certificate is collected.

    beside: a colleague, whose enterprise has its new name already.
    made:   until everything is made: by hand, or by workers that run.
    """
    case = _case(plant, seed, register, beside)
    events = [dict(each) for each in courses.life(case)]
    photo, number, batches = f"photos/{seed}.jpg", "", []
    for event in events:
        _put_photo(plant, event, photo)
        bulk = event["type"] == "enterprise.renamed"
        if event["type"] in NOT_TOLD or (bulk and beside is not None):
            continue
        outcome = submit(plant, event)
        assert outcome.status is Status.ACCEPTED, (event["type"], outcome)
        number = outcome.registration or number
        made(plant)
        if outcome.batch is not None:
            batches.append(BatchId(outcome.batch))
            confirming.confirm(plant, batches[-1], who=WHO, why=REASON)
            made(plant)
    desk.collect(plant, number, who=WHO)
    return Life(
        plant=plant,
        case=case,
        events=events,
        number=number,
        photo=photo,
        batches=batches,
        made=made,
    )


def _case(plant: Plant, seed: int, register: str, beside: Life | None) -> Case:
    with plant.ledger.read() as tx:
        profile, today = plant.profile(tx, register), plant.today(tx)
    firm = None
    if beside is not None:
        [renamed] = [each for each in beside.events if each["type"] == "enterprise.renamed"]
        firm = dict(beside.case.enterprise) | {"name": renamed["data"]["enterprise"]["new_name"]}
    first = today - courses.LONGEST
    kind = ApplicationType.INITIAL
    return Case(profile=profile, kind=kind, seed=seed, first=first, firm=firm)


def _put_photo(plant: Plant, event: JsonObject, key: str) -> None:
    """The photo that an event brings lies in the intake store instead."""
    brought = event["data"].get("photo")
    if brought:
        content = base64.b64decode(brought["content"])
        event["data"] = event["data"] | {"photo": {"key": key, "sha256": put(plant, key, content)}}


def lists(plant: Plant, batch: BatchId) -> list[DocumentView]:
    """The rename lists of a batch, oldest first."""
    found = documents.of_batch(plant, batch)
    return [each for each in found if each.kind is Kind.RENAME_LIST]
