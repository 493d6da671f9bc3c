"""What tests of bulk events share: a register whose rules change, and how a batch is moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import select

from factory import specimen
from factory.errors import PermanentError
from factory.model import BatchId, BatchState, EditionState
from jobs import enquiry
from jobs.bulk import confirming, progress, steps
from jobs.bulk.progress import Progress
from jobs.intake import Outcome, Status
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import inbox
from tests.plants import (
    PROFILE,
    SOURCE,
    WHO,
    JsonObject,
    approve,
    claim,
    finish,
    hold,
    must_claim,
    new_plant,
    open_chunks,
    submit,
)

#: versions of the register by the day they begin; that of 2024-01 is shipped
FORMER, SHIPPED, LATER, COMING = "2023-01", "2024-01", "2024-11", "2025-06"
BEFORE, TODAY = date(2024, 10, 1), date(2024, 12, 1)
REASON = "certificates of this day are issued anew"
COST_ENGINEER = "shanghai-cost-engineer"  #: another register of the same authority
MOST_STEPS = 60

#: what each version says otherwise than the shipped one
CHANGES: Mapping[str, Sequence[tuple[str, str]]] = {
    FORMER: [('registration = "jzs16"', 'registration = "jzs12"')],
    LATER: [
        ('formats = ["pdf"]', 'formats = ["ofd", "pdf"]'),
        ("respell = false", "respell = true"),
    ],
    COMING: [],
}


def version_text(version: str, *changes: tuple[str, str]) -> str:
    """The shipped profile as that version of it, with these words replaced."""
    file = resources.files("factory.profiles").joinpath(f"{PROFILE}.toml")
    text = file.read_text("utf-8")
    since = ("effective_from = 2024-01-01", f"effective_from = {version}-01")
    named = (f'version = "{SHIPPED}"', f'version = "{version}"')
    for old, new in (named, since, *CHANGES.get(version, ()), *changes):
        assert old in text, old
        text = text.replace(old, new)
    return text


def changing(folder: Path, db_url: str, *versions: str, **settings: Any) -> Plant:
    """A plant in October 2024 whose folder of profiles holds these versions too."""
    profiles = folder / "profiles"
    profiles.mkdir()
    for version in versions:
        (profiles / f"{version}.toml").write_text(version_text(version), "utf-8")
    small = {"slice_items": 2, "chunk_items": 2, "bulk_workers": 1} | settings
    return new_plant(folder, db_url, profiles_dir=profiles, **small).on(BEFORE)


def with_rules(plant: Plant, profile: str = PROFILE, **rules: object) -> Plant:
    """The plant with other rules for bulk events in one register."""
    return _with(plant, profile, "bulk", rules)


def with_policy(plant: Plant, profile: str = PROFILE, **rules: object) -> Plant:
    """The plant with another policy in one register."""
    return _with(plant, profile, "policy", rules)


def with_retention(plant: Plant, profile: str = PROFILE, **rules: object) -> Plant:
    """The plant with other rules for how long a person's data is kept."""
    return _with(plant, profile, "retention", rules)


def _with(plant: Plant, profile: str, part: str, rules: Mapping[str, object]) -> Plant:
    every = plant.profiles[profile]
    changed = tuple(
        each.model_copy(update={part: getattr(each, part).model_copy(update=rules)})
        for each in every.all
    )
    vars(plant)["profiles"] = {**plant.profiles, profile: replace(every, all=changed)}
    return plant


# --- events -----------------------------------------------------------------------------------


def of_version(kind: str, version: str, **data: object) -> JsonObject:
    """A bulk event that names a version of the register."""
    event = specimen.of_version(kind, 1)
    event["data"] |= {"version": version, "reason": REASON, **data}
    return event | {"id": f"{kind}-{version}"}


def reissue_of(*numbers: str, ident: str = "reissue", **data: object) -> JsonObject:
    """A bulk event that names registrations."""
    event = specimen.reissue(1)
    event["data"] |= {"numbers": list(numbers), "reason": REASON, **data}
    return event | {"id": ident}


def rename_to(new_name: str, old_name: str | None = None, **data: object) -> JsonObject:
    """A rename of the first employer."""
    event = specimen.renamed(1, 1)
    event["data"] |= data
    event["data"]["enterprise"]["new_name"] = new_name
    if old_name is not None:
        event["data"]["enterprise"]["old_name"] = old_name
    return event | {"id": f"rename-to-{new_name}"}


def unknown_person(seed: int, **fields: object) -> JsonObject:
    """An import on paper without a picture of its holder."""
    event = specimen.imported(seed)
    event["data"] |= fields
    return event


def grant(plant: Plant, *profiles: str, source: str = SOURCE) -> None:
    """The source may submit for these registers too."""
    with plant.ledger.write(WHO) as tx:
        for profile in profiles:
            inbox.grant(tx, source, profile)


def of_cost_engineer(seed: int) -> JsonObject:
    """An approval in the other register."""
    event = specimen.approved(seed)
    event["data"] |= {
        "profile": COST_ENGINEER,
        "signature": event["data"]["photo"],
        "professions": [{"name": "土木建筑工程", "qualified_on": "2017-11-03",
                         "hours": {"compulsory": 60, "elective": 60}}],
    }  # fmt: skip
    return event


def cancel(plant: Plant, seed: int) -> None:
    """The registration of that person is cancelled."""
    event = specimen.cancelled(seed)
    event["data"]["cancelled_on"] = "2024-09-02"
    assert submit(plant, event).status is Status.ACCEPTED


# --- moving a batch ---------------------------------------------------------------------------


def begin(plant: Plant, event: JsonObject) -> BatchId:
    """The batch of an event that is accepted, prepared until it waits or runs."""
    batch = begun(submit(plant, event))
    prepare(plant, batch)
    return batch


def begun(outcome: Outcome) -> BatchId:
    """The batch of an event that was accepted."""
    assert outcome.status is Status.ACCEPTED, outcome
    assert outcome.batch is not None
    return BatchId(outcome.batch)


def prepare(plant: Plant, batch: BatchId) -> None:
    """Every slice of it."""
    for _ in range(MOST_STEPS):
        if progress.progress(plant, batch).state is not BatchState.PREPARING:
            return
        steps.advance(plant, batch)
    raise AssertionError("it is prepared forever")


def confirm(plant: Plant, batch: BatchId, operator: str | None = None) -> BatchState:
    """Confirmed by operations; how it stands then."""
    return confirming.confirm(plant, batch, who=WHO, why="notice", operator=operator).state


def started(plant: Plant, event: JsonObject) -> BatchId:
    """The same, confirmed, and its first step taken."""
    batch = begin(plant, event)
    confirm(plant, batch)
    steps.advance(plant, batch)
    return batch


def make_next(plant: Plant, batch: BatchId) -> int:
    """The oldest chunk is made, and the bell of the batch is heard; how many it had."""
    found = must_claim(plant, open_chunks(plant)[0])
    finish(plant, found)
    steps.advance(plant, batch)
    return len(found.orders)


def fail_next(plant: Plant, batch: BatchId, error: PermanentError) -> int:
    """The same, but every order of it fails."""
    found = must_claim(plant, open_chunks(plant)[0])
    hold(plant, found, error)
    steps.advance(plant, batch)
    return len(found.orders)


def make_all(plant: Plant, batch: BatchId) -> None:
    """Every step, and every chunk made, until no chunk is ready that may be claimed."""
    steps.advance(plant, batch)
    for _ in range(MOST_STEPS):
        found = [each for each in (claim(plant, n) for n in open_chunks(plant)) if each]
        for each in found:
            finish(plant, each)
        steps.advance(plant, batch)
        if not found:
            return
    raise AssertionError("it runs forever")


# --- looking ----------------------------------------------------------------------------------


def issued(plant: Plant, *seeds: int, enterprise: int = 1) -> list[str]:
    """Approvals whose certificates are made; the registration numbers."""
    numbers = [approve(plant, seed, enterprise).registration for seed in seeds]
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))
    return [str(number) for number in numbers]


def states(plant: Plant, number: str) -> list[EditionState]:
    """Of all editions of a registration."""
    found = enquiry.registration_status(plant, number).registration
    return [edition.state for edition in found.editions]


def at(plant: Plant, batch: BatchId) -> Progress:
    """How far it is."""
    return progress.progress(plant, batch)


def items(plant: Plant, batch: BatchId) -> list[Any]:
    """Its items by registration."""
    c = t.batch_item.c
    with plant.ledger.read() as tx:
        wanted = select(t.batch_item).where(c.batch_id == batch).order_by(c.registration_id)
        return list(tx.run(wanted).all())


def forecasts(plant: Plant, batch: BatchId) -> list[str | None]:
    """What is expected to keep each from being made."""
    return [each.forecast for each in items(plant, batch)]


def fates(plant: Plant, batch: BatchId) -> list[tuple[str, str | None]]:
    """What became of each, and why."""
    return [(each.state, each.reason) for each in items(plant, batch)]


def chunks_of(plant: Plant, batch: BatchId) -> list[Any]:
    """Its chunks, oldest first."""
    c = t.chunk.c
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.chunk).where(c.batch_id == batch).order_by(c.id)).all())


def bells(plant: Plant, topic: str) -> list[Mapping[str, Any]]:
    """The bells of a kind that were ordered so far."""
    with plant.ledger.read() as tx:
        wanted = select(t.outbox.c.body).where(t.outbox.c.topic == topic).order_by(t.outbox.c.id)
        return list(tx.run(wanted).scalars())
