"""A running line that a real Prometheus watches, and traffic on it.

``python -m tests.grafana.running [SECONDS [FOLDER]]`` lets it run for so long, with approvals and
a bulk event under way, and draws every dashboard into the folder: so docs/overview.png came about.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import httpx

from factory import specimen
from factory.errors import SettingsError
from factory.model import BatchId, BatchState
from jobs import crew, desk, door, embedded, notices, opening, prometheus, waiting
from jobs.backup import taking
from jobs.bulk import confirming, steering
from jobs.recheck import running as rechecking
from jobs.recheck.wanted import Order, Share
from jobs.settings import Settings
from jobs.signer import starting
from jobs.wiring import Plant, plant_of
from storage.recheck.scope import Scope
from storage.testca import Ended
from tests.grafana import boards
from tests.grafana.asking import Prometheus
from tests.grafana.drawing import draw
from tests.plants import SOURCE, WHO, JsonObject
from tests.portal.doors import EVENT, Door
from tests.portal.test_portal_verifying import NOTHING_LIKE_IT, code
from tests.receiving import receiving

PATIENCE = 300.0
PACE = "1s"
SMALL = {"HTTP_PORT": "0", "METRICS_PORT": "0", "PROMETHEUS_PORT": "0", "BULK_WORKERS": "1"}
FIRM, OTHER_FIRM, STAYING_FIRM = 800, 801, 802  #: seeds of enterprises; all are synthetic
PEOPLE, FEW, MANY = 12, 8, 400  #: of a firm that is renamed
PER_MINUTE = 60  #: of its certificates, where it is to be looked at
WAVE_SECONDS = 90.0  #: from one rush of approvals to the next
HELD_OF_ALL = 0.02
OTHER_IDENTITY = "gansu-constructor"
chance = Random(7)  # noqa: S311 - nothing secret


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A line at work, with everything that watches it.

    prometheus: whom to ask.
    upstream:   an upstream system, over HTTP, that may do everything.
    seeds:      of people who have no registration yet.
    """

    plant: Plant
    prometheus: Prometheus
    upstream: httpx.Client
    seeds: Iterator[int] = field(default_factory=lambda: count(80_001))

    def metrics(self) -> str:
        """What the exporter says."""
        settings = self.plant.settings
        address = f"http://{settings.metrics_host}:{settings.metrics_port}/metrics"
        return httpx.get(address, timeout=30).text


@contextmanager
def watched(folder: Path, *, pace: str = PACE) -> Iterator[Watched]:
    """Everything that ``certfactory up --prometheus`` starts, and a receiver of notices.

    pace: how often Prometheus looks.
    """
    with receiving() as receiver:
        given = {"DATA_DIR": str(folder / "data"), "NOTIFY_HOSTS": receiver.host, **SMALL}
        settings = Settings.from_env({f"FACTORY_{name}": text for name, text in given.items()})
        settings = opening.prometheus_port(opening.http_port(opening.metrics_port(settings)))
        with embedded.embedded(settings) as servers:
            running = starting.with_own(servers)
            plant = plant_of(running)
            opening.open_embedded(plant)
            notices.add(plant, SOURCE, receiver.url, who=WHO)
            with (
                prometheus.watching(running, pace=pace) as url,
                crew.at_work(running, with_door=True, with_signer=True),
            ):
                _wait_until_open(running)
                with _upstream(plant) as upstream:
                    yield Watched(plant=plant, prometheus=Prometheus(url), upstream=upstream)


def _wait_until_open(settings: Settings) -> None:
    """As the product does, and longer: everything starts at once here, beside other tests."""
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            return door.wait_until_open(settings)
        except SettingsError:
            if time.monotonic() > limit:
                raise


def _upstream(plant: Plant) -> httpx.Client:
    token = opening.first_key(plant).read_text("ascii").strip()
    headers = {"Authorization": f"Bearer {token}"}
    url = plant.settings.http_public_url
    return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30)


# --- what happens on it ---------------------------------------------------------------------------


def play(line: Watched) -> None:
    """A little of everything: made, held, renamed, verified, told; a second rename goes on.

    A seal that none of it needs is revoked, so that there is a list; and a backup is taken.
    """
    ended = Ended(serial=0, at=datetime.now(UTC), reason="superseded")
    line.plant.keyring.revoke_test_identity(OTHER_IDENTITY, ended, now=ended.at)
    numbers = [approve(line, FIRM) for _ in range(PEOPLE)]
    for _ in range(FEW):
        approve(line, OTHER_FIRM)
    numbers.append(approve(line, STAYING_FIRM))
    hand_in_bad(line)
    waiting.settle(line.plant, seconds=PATIENCE)
    for number in numbers:
        desk.collect(line.plant, number, who=WHO)
    batch = rename(line, FIRM)
    verify(line, numbers[:3])
    waiting.until_state(line.plant, batch, BatchState.COMPLETED, seconds=PATIENCE)
    waiting.settle(line.plant, seconds=PATIENCE)
    rename(line, OTHER_FIRM, per_minute=1)
    for part in (0.5, 1.0):
        recheck(line, Share(part=part, seed="dashboards"))
    back_up(line.plant)


def back_up(plant: Plant) -> None:
    """One backup of the ledger."""
    folder = plant.settings.data_dir / "backups"
    taking.take(plant, folder, who=WHO, why="every day", keep=None, tell=lambda *_: None)


def recheck(line: Watched, files: Share) -> None:
    """What was issued is verified again: so many of the files."""
    order = Order(scope=Scope(), files=files, render=Share(part=0, seed=files.seed))
    rechecking.run(line.plant, order, tell=lambda *_: None)


def approve(line: Watched, firm: int) -> str:
    """Somebody is approved, at that enterprise; the registration's number."""
    return str(hand_in(line, specimen.approved(next(line.seeds), firm))["registration"])


def hand_in_bad(line: Watched) -> None:
    """An approval whose photo is none: it is held for a person."""
    event = specimen.approved(next(line.seeds), OTHER_FIRM)
    hand_in(line, event | {"data": event["data"] | {"photo": {"content": "bm8="}}})


def hand_in(line: Watched, event: JsonObject) -> JsonObject:
    """What became of an event."""
    answer = line.upstream.post("/v1/events", json=event, headers={"Content-Type": EVENT})
    [outcome] = answer.json()["outcomes"]
    return dict(outcome)


def rename(line: Watched, firm: int, *, per_minute: int | None = None) -> BatchId:
    """The enterprise is renamed and confirms it; its batch, which makes no more than that."""
    batch = BatchId(hand_in(line, specimen.renamed(next(line.seeds), firm))["batch"])
    waiting.until_prepared(line.plant, batch, seconds=PATIENCE)
    if per_minute:
        steering.set_rate(line.plant, batch, per_minute, who=WHO, why="to be looked at")
    confirming.confirm(line.plant, batch, who=WHO, why="a test")
    return batch


def verify(line: Watched, numbers: Sequence[str]) -> None:
    """Somebody asks for each by its code, and once for what there is not."""
    for each in (*(code_of(line, number) for number in numbers), NOTHING_LIKE_IT):
        line.upstream.get(f"/v/{each}")


def code_of(line: Watched, number: str) -> str:
    """What is printed on the first certificate of that number."""
    return code(Door(plant=line.plant, log=line.plant.settings.data_dir, seeds=line.seeds), number)


# --- to be looked at ------------------------------------------------------------------------------


def draw_all(line: Watched, folder: Path, *, seconds: float) -> None:
    """Every dashboard to a PNG of its name."""
    for path in boards.DASHBOARDS:
        draw(path, line.prometheus.url, folder / f"{path.stem}.png", seconds=seconds)


def prepare(line: Watched) -> list[str]:
    """The people of a firm, approved a few at a time; their numbers."""
    numbers = []
    for _ in range(0, MANY, PEOPLE):
        numbers += [approve(line, FIRM) for _ in range(PEOPLE)]
        waiting.settle(line.plant, seconds=PATIENCE)
    return numbers


def bustle(line: Watched, numbers: Sequence[str], seconds: float) -> None:
    """Forms and approvals in waves, now and then one held; people who verify; one big rename."""
    codes = [code_of(line, number) for number in numbers]
    begun, renamed = time.monotonic(), False
    while (now := time.monotonic() - begun) < seconds:
        approve(line, OTHER_FIRM)
        hand_in(line, specimen.saved(next(line.seeds), OTHER_FIRM))
        if chance.random() < HELD_OF_ALL:
            hand_in_bad(line)
        line.upstream.get(f"/v/{chance.choice(codes)}")
        if not renamed and now > seconds / 2:
            rename(line, FIRM, per_minute=PER_MINUTE)
            renamed = True
        time.sleep(0.4 + 1.2 * (1 + math.sin(now * 2 * math.pi / WAVE_SECONDS)))


def main() -> int:
    """Let it run, and draw what there was to see."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    folder = Path(*sys.argv[2:3] or ("var/dashboards",))
    with TemporaryDirectory() as place, watched(Path(place), pace="5s") as line:
        bustle(line, prepare(line), seconds)
        draw_all(line, folder, seconds=seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
