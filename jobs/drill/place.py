"""The place of a drill (演练场): a factory of its own, real servers, with a proxy before each."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from jobs import crew, opening
from jobs.crew import Crew
from jobs.drill import DRILLS, killer, room
from jobs.drill.database import Database
from jobs.drill.proxy import Proxy
from jobs.embedded import Embedded
from jobs.servers import LOOPBACK, Server, free_port
from jobs.settings import Settings
from jobs.wiring import Plant, plant_of
from storage.signature_protocol import UNIX

MEMBER = (sys.executable, "-m", "jobs.drill.member")

#: short enough that a lost lease, heartbeat or bell is noticed soon
SHORT = {
    "LEASE_SECONDS": "2",
    "HEARTBEAT_MS": "1500",
    "RECONCILE_SECONDS": "1",
    "RELAY_MS": "50",
    "CHUNK_ITEMS": "3",
    "SLICE_ITEMS": "4",
    "INTERACTIVE_WORKERS": "1",
    "BULK_WORKERS": "1",
}


@dataclass(slots=True, kw_only=True)
class Place:
    """A running factory and the means to hurt it.

    plant:  goes straight to the servers; the crew goes through the proxies.
    drills: folder in which workers find what is to happen to them.
    """

    plant: Plant
    crew: Crew
    servers: Embedded
    broker: Proxy
    store: Proxy
    stamper: Proxy
    signer: Proxy
    drills: Path
    database: Database | None = None

    @property
    def struck(self) -> Mapping[str, int]:
        """How many questions and answers each proxy did harm to."""
        proxies = {
            "broker": self.broker,
            "store": self.store,
            "time authority": self.stamper,
            "signer": self.signer,
        }
        return {name: proxy.struck for name, proxy in proxies.items() if proxy.struck}

    @property
    def crashable(self) -> Server | None:
        """The database server that may be crashed, if there is one."""
        return None if self.database is None else self.database.server

    def pid(self, member: str) -> int | None:
        """Of a member's process, whose group its worker is in; None: it is being started."""
        [found] = [each for each in self.crew.members if each.name == member]
        return None if found.process is None else found.process.pid


@contextmanager
def prepared(
    servers: Embedded,
    folder: Path,
    *,
    database: Database | None = None,
    begin: crew.Begin = crew.begun,
) -> Iterator[Place]:
    """A factory that works while the block runs; ledger, names and buckets are nobody else's.

    servers: broker, store and time authority of our own, which may be killed.
    begin:   how processes of the crew are started.
    """
    straight = _settings(servers, folder, database)
    drills = folder / "drills"
    drills.mkdir(parents=True)
    plant = plant_of(straight)
    opening.open_embedded(plant)
    room.prepare(plant.ledger.engine)
    room.watch(drills, plant.ledger.engine)
    with ExitStack() as stack:
        broker, store, stamper = (
            stack.enter_context(Proxy(urlsplit(url).port or 0).running())
            for url in (straight.redis_url, straight.s3_endpoint, straight.tsa_url)
        )
        asked = folder / "signer.socket"
        signer = stack.enter_context(Proxy(_socket(straight), at=asked).running())
        around = replace(
            straight,
            redis_url=_through(broker, straight.redis_url),
            s3_endpoint=_through(store, straight.s3_endpoint),
            tsa_url=_through(stamper, straight.tsa_url),
            signer=f"{UNIX}{asked}",
            signer_listen=straight.signer,
        )
        stack.enter_context(_environment(DRILLS, str(drills)))
        working = stack.enter_context(
            crew.at_work(around, worker=killer.WORKER, python=MEMBER, with_signer=True, begin=begin)
        )
        stack.callback(plant.ledger.engine.dispose)
        yield Place(
            plant=plant,
            crew=working,
            servers=servers,
            broker=broker,
            store=store,
            stamper=stamper,
            signer=signer,
            drills=drills,
            database=database,
        )


def _settings(servers: Embedded, folder: Path, database: Database | None) -> Settings:
    name = f"d{uuid.uuid4().hex[:12]}"
    ledger = f"sqlite:///{folder / 'ledger.sqlite3'}" if database is None else database.url
    own = {
        "DATA_DIR": str(folder),
        "KEYRING_DIR": str(servers.settings.data_dir / "keyring"),
        "DB_URL": ledger,
        "NAMESPACE": name,
        "S3_BUCKET": f"{name}-files",
        "S3_INTAKE_BUCKET": f"{name}-intake",
        "METRICS_PORT": str(free_port()),
        "SIGNER": f"{UNIX}{folder / 'signer' / 'socket'}",
    }
    given = {f"FACTORY_{key}": value for key, value in (SHORT | own).items()}
    return Settings.from_env(servers.settings.to_env() | given)


def _socket(settings: Settings) -> Path:
    return Path(settings.signer.removeprefix(UNIX))


def _through(proxy: Proxy, url: str) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    place = f"{login}@{LOOPBACK}" if login else LOOPBACK
    return urlunsplit(parts._replace(netloc=f"{place}:{proxy.port}"))


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    former = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if former is None:
            del os.environ[name]
        else:
            os.environ[name] = former
