"""A factory of its own, its ledger lost and brought back: what is done to it and asked of it."""

from __future__ import annotations

import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from factory import verify
from factory.model import BatchId, BatchState
from factory.verification import Status
from jobs import intake, verifying
from jobs.backup import restoring, taking
from jobs.backup.restoring import Restored, Wanted
from jobs.backup.taking import Taken
from jobs.bulk import confirming
from jobs.drill.place import SHORT
from jobs.drill.running import MOVING
from jobs.embedded import Embedded
from jobs.log import checking, heads, sequencing
from jobs.log.checking import Checked
from jobs.recheck import running
from jobs.recheck.running import Result
from jobs.recheck.wanted import Order, Share
from jobs.servers import free_port
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import batches, status
from storage.recheck.scope import Scope

WHO, WHY = "test", "a drill"
SECONDS = 240.0  #: patience on a busy machine
JsonObject = dict[str, Any]


def own_settings(servers: Embedded, folder: Path, db_url: str) -> Settings:
    """Of a factory whose ledger, names, keys and buckets are nobody else's."""
    name = f"b{uuid.uuid4().hex[:12]}"
    own = {
        "DATA_DIR": str(folder),
        "KEYRING_DIR": str(folder / "keyring"),
        "DB_URL": db_url,
        "NAMESPACE": name,
        "S3_BUCKET": f"{name}-files",
        "S3_INTAKE_BUCKET": f"{name}-intake",
        "METRICS_PORT": str(free_port()),
        "SIGNER": f"unix:{folder / 'signer' / 'socket'}",
    }
    given = {f"FACTORY_{key}": value for key, value in (SHORT | own).items()}
    return Settings.from_env(servers.settings.to_env() | given)


def hand_in(plant: Plant, events: Iterable[JsonObject]) -> list[str]:
    """What becomes of each event, in their order; bulk events are confirmed."""
    outcomes = [
        intake.submit(plant, json.dumps(event, ensure_ascii=False).encode(), who=WHO)
        for event in events
    ]
    settle(plant)
    return [each.status.value for each in outcomes]


def settle(plant: Plant) -> None:
    """Until nothing is open any more, with what operators confirm."""
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        with plant.ledger.read() as tx:
            known, open_ = list(batches.all_batches(tx)), status.open_work(tx)
        moving = [each for each in known if each.state in MOVING]
        for each in moving:
            if each.state is BatchState.AWAITING:
                confirming.confirm(plant, BatchId(each.id), who=WHO, why=WHY)
        if not open_ and not moving:
            return
        time.sleep(0.1)
    raise AssertionError(f"not settled: {open_} open, batches {known}")


def take(plant: Plant, folder: Path, **how: Any) -> Taken:
    given: dict[str, Any] = {"who": WHO, "why": WHY, "keep": None, "tell": lambda *_: None} | how
    return taking.take(plant, folder, **given)


def restore(settings: Settings, folder: Path, **how: Any) -> Restored:
    given: dict[str, Any] = {"at": None, "skip": 0, "replace": False, "who": WHO, "why": WHY} | how
    return restoring.restore(settings, Wanted(folder=folder, **given), lambda *_: None)


def recheck(plant: Plant) -> Result:
    """Everything, and some of it made again."""
    every = Share(part=1.0, seed="every")
    order = Order(scope=Scope(), files=every, render=Share(part=0.0, seed="none"))
    return running.run(plant, order, tell=lambda *_: None)


def audited(plant: Plant, **how: Any) -> Checked:
    """The log, appended to its end and under a head."""
    sequencing.append_all(plant.ledger)
    heads.sign(plant, pause=timedelta(0))
    return checking.check(plant, **how)


def printed(plant: Plant) -> list[JsonObject]:
    """What every certificate in the store says, made before the ledger was lost or after."""
    keys = [key for key in plant.store.list() if "/certificate." in key]
    return [json.loads(verify.twin(plant.store.get(key)) or b"null") for key in keys]


def used_twice(said: Iterable[JsonObject]) -> list[tuple[str, object]]:
    """Numbers that two people have; codes and licence ids that two editions have.

    Whose name was corrected has one character more, and is nobody else.
    """
    owners: dict[tuple[str, object], set[object]] = defaultdict(set)
    for each in said:
        owners["number", each["number"]].add(each["name"].removesuffix("喆"))
        for name in ("verification_code", "licence_id"):
            owners[name, each[name]].add((each["number"], each["edition"], each["name"]))
        owners["edition", (each["number"], each["edition"])].add(each["verification_code"])
    return [what for what, whose in owners.items() if len(whose) > 1]


def newest(plant: Plant) -> dict[str, JsonObject]:
    """Of everybody in force, by name, what their one current certificate says."""
    e, r, f = t.edition.c, t.registration.c, t.file.c
    wanted = (
        select(f.object_key)
        .join(t.edition, e.id == f.edition_id)
        .join(t.registration, r.id == e.registration_id)
        .where(r.state == "active", e.state.in_(("uncollected", "collected")))
    )
    with plant.ledger.read() as tx:
        keys = list(tx.run(wanted).scalars())
    found: dict[str, JsonObject] = {}
    for key in keys:
        said = json.loads(verify.twin(plant.store.get(key)) or b"null")
        assert said["name"] not in found
        found[said["name"]] = said
    return found


def told(plant: Plant, said: JsonObject) -> Status:
    """What anybody is told of a certificate by its code."""
    return verifying.by_code(plant, said["verification_code"]).status


def raise_next(plant: Plant, most: int) -> None:
    """Every series gives that number next."""
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.number_series).values(next=most))


def alter(file: Path, change: Callable[[bytes], bytes]) -> None:
    file.write_bytes(change(file.read_bytes()))
