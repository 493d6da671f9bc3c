"""A plant on a fresh ledger, and the little that tests say with it."""

import hashlib
import json
import secrets
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import NullPool, create_engine, make_url, update

from factory import specimen
from factory.errors import PermanentError
from factory.model import BatchId, ChunkId, Format, OrderId
from jobs import intake, line, opening
from jobs.bulk import steps
from jobs.intake import Outcome
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import schema
from storage import tables as t
from storage.blobs import Blob
from storage.ledger import batches, chunks, inbox, record
from storage.ledger.base import engine_for
from storage.ledger.chunks import Claim
from storage.ledger.record import HeldOrder, MadeFile
from storage.new_keyring import create_test_keyring

SOURCE = "urn:example:shanghai-portal"
PROFILE = "shanghai-constructor"
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
WHO = "test"

JsonObject = dict[str, Any]


def new_plant(folder: Path, db_url: str, **changes: Any) -> Plant:
    """A plant whose ledger is migrated and whose source may submit."""
    settings = Settings.from_env(
        {"FACTORY_DATA_DIR": str(folder), "FACTORY_DB_URL": db_url, "FACTORY_TIME_STAMPS": "off"}
    )
    plant = Plant(replace(settings, **changes))
    shutil.copytree(Path(_keyring().name, "keyring"), plant.settings.keyring_dir)
    name_log(plant.settings.keyring_dir)
    migrate(plant)
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, SOURCE, PROFILE)
    return plant


@cache
def _keyring() -> TemporaryDirectory[str]:
    """A folder with the keyring of all plants, made once."""
    folder = TemporaryDirectory()
    create_test_keyring(
        Path(folder.name, "keyring"),
        identities={PROFILE: "示例市住房和城乡建设委员会"},
        now=NOW,
        draw_seal=lambda _: b"picture",
    )
    return folder


def name_log(keyring: Path) -> None:
    """A copied keyring's log is another one than those that the store of all tests has heads of."""
    origin = f"test.certificate-factory.log/{secrets.token_hex(8)}"
    (keyring / "log" / "log.toml").write_text(f'origin = "{origin}"\n', "utf-8")


def stored(store: Settings) -> dict[str, Any]:
    """What lets a plant use a real object store."""
    names = ("s3_endpoint", "s3_public_endpoint", "s3_key", "s3_secret")
    return {name: getattr(store, name) for name in names}


def put_scans(plant: Plant) -> None:
    """The scans that example events name, in the intake bucket."""
    plant.intake_store.ensure_bucket()
    opening.put_specimens(plant)


def migrate(plant: Plant) -> None:
    """An empty ledger of today's schema: a copy of the first one that was migrated."""
    url = make_url(plant.settings.db_url)
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        Path(str(url.database)).write_bytes(_migrated_file())
        return
    server = url.set(database="postgres").render_as_string(hide_password=False)
    template = _migrated_database(server)
    on_server(server, f"DROP DATABASE {url.database}")
    on_server(server, f"CREATE DATABASE {url.database} TEMPLATE {template}")


@cache
def _migrated_database(server: str) -> str:
    name = "migrated"
    on_server(server, f"CREATE DATABASE {name}")
    engine = engine_for(make_url(server).set(database=name).render_as_string(hide_password=False))
    schema.migrate(engine)
    engine.dispose()
    return name


def on_server(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite3"
        engine = engine_for(f"sqlite:///{path}")
        schema.migrate(engine)
        engine.dispose()
        return path.read_bytes()


def submit(plant: Plant, event: JsonObject) -> Outcome:
    """What intake says of one event."""
    return intake.submit(plant, json.dumps(event).encode(), who=WHO)


def approve(plant: Plant, seed: int, enterprise: int = 1) -> Outcome:
    """One approval, taken in."""
    return submit(plant, specimen.approved(seed, enterprise))


def claim(plant: Plant, chunk: int, **how: Any) -> Claim | None:
    """The chunk, claimed as a worker does."""
    with plant.ledger.write(WHO) as tx:
        given = {"lease": LEASE, "max_deaths": 5} | how
        return chunks.claim(tx, ChunkId(chunk), **given)


def must_claim(plant: Plant, chunk: int) -> Claim:
    """The same, where it must succeed."""
    found = claim(plant, chunk)
    assert found is not None
    return found


def made(order: OrderId, data: bytes = b"%PDF", key: str | None = None) -> MadeFile:
    """What the line records of a finished file."""
    return MadeFile(
        order=order,
        format=Format.PDF,
        object_key=key or f"test/{order}.pdf",
        sha256=hashlib.sha256(data + str(order).encode()).hexdigest(),
        size_bytes=len(data),
        content_type="application/pdf",
        signing_cert_sha256="0" * 64,
    )


def finish(plant: Plant, found: Claim) -> bool:
    """Record every order of a chunk as made; False: the fence was lost."""
    with plant.ledger.write(WHO) as tx:
        files = [made(o.id, key=o.object_key(Format.PDF)) for o in found.orders]
        return record.record(tx, found, files, [], brake=plant.brake)


def hold(plant: Plant, found: Claim, error: PermanentError) -> bool:
    """Record every order of a chunk as held."""
    with plant.ledger.write(WHO) as tx:
        held = [HeldOrder(order=order.id, error=error) for order in found.orders]
        return record.record(tx, found, [], held, brake=plant.brake)


def issue(plant: Plant, seed: int, enterprise: int = 1) -> str:
    """An approval whose certificate is made; the registration number."""
    outcome = approve(plant, seed, enterprise)
    assert outcome.registration is not None
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))
    return outcome.registration


def open_chunks(plant: Plant) -> list[int]:
    """Chunks that are ready, oldest first."""
    from sqlalchemy import select

    from storage import tables as t

    with plant.ledger.read() as tx:
        ready = select(t.chunk.c.id).where(t.chunk.c.state == "ready").order_by(t.chunk.c.id)
        return list(tx.run(ready).scalars())


def produce(plant: Plant) -> None:
    """Every chunk that is not closed goes through the line once; the pauses are over."""
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.chunk).values(run_after=t.chunk.c.created_at))
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def start_rename(plant: Plant, enterprise: int = 1, event: int = 1) -> BatchId:
    """A rename, prepared until it waits for confirmation."""
    outcome = submit(plant, specimen.renamed(event, enterprise))
    assert outcome.batch is not None, outcome
    batch = BatchId(outcome.batch)
    for _ in range(20):
        steps.advance(plant, batch)
    return batch


def skip_canary(plant: Plant, batch: BatchId) -> None:
    """The batch counts as one whose first certificates are made: for tests of what follows."""
    with plant.ledger.write(WHO) as tx:
        batches.set_canary(tx, batch, batches.CANARY_PASSED)


def run_batch(plant: Plant, batch: BatchId) -> None:
    """Every step of a batch, and every chunk of it made, until nothing more comes."""
    while True:
        steps.advance(plant, batch)
        ready = open_chunks(plant)
        for chunk in ready:
            if found := claim(plant, chunk):
                finish(plant, found)
        if not ready:
            steps.advance(plant, batch)
            return


def put(plant: Plant, key: str, data: bytes) -> str:
    """An object in the intake bucket; its SHA-256."""
    digest = hashlib.sha256(data).hexdigest()
    blob = Blob(key=key, data=data, content_type="image/jpeg", sha256=digest)
    plant.intake_store.put_new(blob)
    return digest
