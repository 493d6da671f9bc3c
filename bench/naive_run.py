"""Running the naive way: its set-up from the line's own ledger, store and seal, and its workers."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from sqlalchemy import select

from bench import naive, pages
from bench.meter import Meter, metered
from factory import specimen
from factory.kinds import KINDS
from factory.model import Kind
from factory.page.sheet import layout
from factory.pictures import normalise_photo
from jobs.servers import die_with
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import keys, orders

ROOT = Path(__file__).parents[1]
PATIENCE = 900.0
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class NaiveRun:
    """A sample made the naive way.

    stages_ms: median CPU of each stage, a certificate.
    """

    count: int
    workers: int
    meter: Meter
    stages_ms: Mapping[str, float]

    @property
    def cpu_ms(self) -> float:
        """CPU of the workers and of sending, a certificate."""
        return 1000 * self.meter.makers / self.count

    @property
    def lean_cpu_ms(self) -> float:
        """The same without what a process could have kept: fonts, key and client."""
        return self.cpu_ms - sum(self.stages_ms[stage] for stage in naive.KEPT)


def run(plant: Plant, folder: Path, *, count: int, workers: int) -> NaiveRun:
    """Make a sample with that many worker processes, after each has made one unmeasured."""
    folder.mkdir(parents=True)
    setup = setup_of(plant, folder)
    warm = 2 * workers
    naive.create(setup, list(islice(cycle(_rows(plant, folder, count)), count + warm)))
    make = naive.actor(setup)
    with _at_work(setup, folder, workers):
        for ident in range(warm):
            make.send(ident)
        _wait(setup, warm)
        with metered() as meter:
            begun = time.process_time()
            for ident in range(warm, warm + count):
                make.send(ident)
            sending = time.process_time() - begun
            _wait(setup, warm + count)
    (folder / "sample.pdf").write_bytes(plant.store.get("naive/0.pdf"))
    meter.cpu = {**meter.cpu, "workers": meter.cpu["workers"] + sending}
    spent = _spent(setup)[warm:]
    stages = {stage: statistics.median(each[stage] for each in spent) for stage in naive.STAGES}
    return NaiveRun(count=count, workers=workers, meter=meter, stages_ms=stages)


@contextmanager
def _at_work(setup: naive.Setup, folder: Path, workers: int) -> Iterator[None]:
    """A dramatiq master with its worker processes, one thread each."""
    options = ("--queues", naive.QUEUE, "--processes", str(workers), "--threads", "1")
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dramatiq", "bench.naive:start", *options],
            cwd=ROOT,
            env=os.environ | {naive.SETUP: setup.dumps()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - one system call, no lock
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _wait(setup: naive.Setup, count: int) -> None:
    """Until so many are made."""
    deadline = time.monotonic() + PATIENCE
    while len(_spent(setup)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"the naive way made too few; see {Path(setup.spent).parent}")
        time.sleep(LOOK_SECONDS)


def _spent(setup: naive.Setup) -> list[dict[str, float]]:
    whole = Path(setup.spent).read_bytes().rpartition(b"\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def setup_of(plant: Plant, folder: Path) -> naive.Setup:
    """The line's own store and seal for the other ways, and a database of their own on SQLite."""
    s = plant.settings
    home = s.keyring_dir / "identities" / plant.profiles[specimen.PROFILE].all[-1].seal.identity
    passphrase = (home / "passphrase").read_bytes().strip()
    _write_pkcs12(home, folder / "seal.p12", passphrase)
    spent = folder / "spent.jsonl"
    spent.touch()
    on_sqlite = s.db_url.startswith("sqlite")
    return naive.Setup(
        fonts=pages.font_places(s.font_dirs),
        seal=str(home / "seal.png"),
        pkcs12=str(folder / "seal.p12"),
        passphrase=passphrase.decode(),
        redis_url=s.redis_url,
        db_url=f"sqlite:///{folder / 'naive.sqlite3'}" if on_sqlite else s.db_url,
        endpoint=s.s3_endpoint,
        region=s.s3_region,
        key=s.s3_key,
        secret=s.s3_secret,
        bucket=s.s3_bucket,
        spent=str(spent),
    )


def _write_pkcs12(home: Path, target: Path, passphrase: bytes) -> None:
    """The seal's key and certificates as the file developers are usually given."""
    key = serialization.load_pem_private_key((home / "key.p8").read_bytes(), passphrase)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    certificate = x509.load_pem_x509_certificate((home / "signing.pem").read_bytes())
    chain = x509.load_pem_x509_certificates((home / "chain.pem").read_bytes())
    best = serialization.BestAvailableEncryption(passphrase)
    target.write_bytes(
        pkcs12.serialize_key_and_certificates(b"seal", key, certificate, chain, best)
    )


def _rows(plant: Plant, folder: Path, count: int) -> list[tuple[pages.Page, bytes]]:
    """The first certificates that the line made, and photos of the same bytes."""
    profile, kind = plant.profiles[specimen.PROFILE].all[-1], KINDS[Kind.CERTIFICATE]
    rows, backgrounds = [], pages.Backgrounds(folder)
    for seed, face in enumerate(faces(plant, count), 1):
        sheet, values = kind.sheet(profile, face), kind.values(profile, face)
        placed = layout(sheet, values, plant.fontbook)
        page = pages.page(placed, backgrounds.of(placed))
        rows.append((page, normalise_photo(specimen.portrait(seed % specimen.FACES))))
    return rows


def faces(plant: Plant, count: int) -> list[Mapping[str, object]]:
    """Of the first certificates that the line made."""
    c = t.production_order.c
    with plant.ledger.read() as tx:
        found = tx.run(select(c.face, c.key_stem, c.data_key_id).order_by(c.id).limit(count)).all()
        opened = keys.load_all(tx, (row.data_key_id for row in found))
    return [
        json.loads(
            opened[row.data_key_id].open(row.face, context=orders.face_context(row.key_stem))
        )
        for row in found
    ]
