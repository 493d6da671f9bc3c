"""What `/metrics` says, over HTTP, whoever of the neighbours is away or hangs."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from factory.errors import StoreUnavailableError
from jobs import crew, exporter, opening
from jobs.bulk import confirming, steps
from jobs.crew import Crew, Enrolled, Member
from jobs.embedded import Embedded
from jobs.exporter import LEDGER_UP, Look, Looks
from jobs.log import heads
from jobs.log.sequencing import append_all
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import batches
from tests.plants import (
    PROFILE,
    WHO,
    approve,
    finish,
    issue,
    must_claim,
    new_plant,
    open_chunks,
    start_rename,
    stored,
)

SERVE = """
import os, sys, threading
from prometheus_client import start_http_server
from jobs import exporter, metrics
from jobs.settings import Settings
from jobs.wiring import Plant
plant = Plant(Settings.from_env(os.environ))
metrics.begin_at_zero(list(plant.profiles))
start_http_server(int(sys.argv[1]), addr="127.0.0.1", registry=exporter.registry(plant))
print("ready", flush=True)
threading.Event().wait()
"""

Samples = dict[tuple[str, ...], float]


@contextmanager
def exporting(settings: Settings, **variables: str) -> Iterator[Callable[[], str]]:
    """What an exporter of these settings says, asked over HTTP."""
    settings.metrics_dir.mkdir(parents=True, exist_ok=True)
    own = {f"FACTORY_{name}": value for name, value in variables.items()}
    counters = {"PROMETHEUS_MULTIPROC_DIR": str(settings.metrics_dir)}
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)],
        env=os.environ | settings.to_env() | counters | own,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield lambda: scraped(port)
    finally:
        process.kill()
        process.wait()


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=60) as answer:
        return str(answer.read(), "utf-8")


def samples(text: str) -> Samples:
    """By name and the values of its labels, in the order of their names."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def running(tmp_path: Path, sqlite_db_url: str, broker: Embedded, store: Embedded) -> Plant:
    """A plant with all its neighbours."""
    where = stored(store.settings) | {"redis_url": broker.settings.redis_url}
    plant = new_plant(tmp_path, sqlite_db_url, **where)
    plant.store.ensure_bucket()
    return plant


def test_everything_that_is_defined_is_exported_and_promtool_takes_it(
    running: Plant, absent: Callable[[str], None]
) -> None:
    with exporting(running.settings) as scrape:
        text = scrape()

    if not shutil.which("promtool"):
        absent("promtool: apt-get install prometheus")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_neighbours_that_answer_are_up(running: Plant) -> None:
    approve(running, 1)

    with exporting(running.settings) as scrape:
        found = samples(scrape())

    assert found["factory_ledger_up",] == 1
    assert found["factory_store_up",] == 1
    assert found["factory_broker_up",] == 1
    assert found["factory_broker_memory_bytes",] > 0
    assert found["factory_queue_depth", "interactive"] == 1
    assert found["factory_queue_depth", "bulk"] == 0
    assert found["factory_outbox_pending",] == 1
    assert abs(found["factory_clock_skew_seconds",]) < 60
    assert found["factory_ends_timestamp_seconds", PROFILE, "certificate"] > time.time()
    assert found["factory_ends_timestamp_seconds", PROFILE, "seal"] > time.time()


def test_what_alerts_ask_about_is_there_before_anything_has_happened(running: Plant) -> None:
    with exporting(running.settings) as scrape:
        found = samples(scrape())

    assert found["factory_self_check_failures_total", "pdf"] == 0
    assert found["factory_number_collisions_total",] == 0
    assert found["factory_approval_to_collectable_seconds_bucket", "30.0", PROFILE] == 0
    assert found["factory_store_requests_total", "put_all", "store_unavailable"] == 0
    assert found["factory_batches", "enterprise.renamed", "stopped"] == 0


def test_neighbours_that_are_away_are_down_and_the_scrape_is_answered(running: Plant) -> None:
    nowhere = f"{LOOPBACK}:9"
    away = {
        "DB_URL": f"postgresql://nobody@{nowhere}/none",
        "REDIS_URL": f"redis://{nowhere}/0",
        "S3_ENDPOINT": f"http://{nowhere}",
    }

    with exporting(running.settings, **away) as scrape:
        text = scrape()

    found = samples(text)
    assert found["factory_ledger_up",] == 0
    assert found["factory_store_up",] == 0
    assert found["factory_broker_up",] == 0
    assert "factory_queue_depth" not in text
    assert found["factory_build_info", sys.version.split()[0], "0.1.0"] == 1


def test_one_that_hangs_delays_a_scrape_for_a_moment_and_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporter, "WAIT_SECONDS", 0.2)
    answered = threading.Event()

    def hang() -> list[Any]:
        answered.wait(60)
        return []

    looks = Looks([Look("ledger", hang, LEDGER_UP)])

    [up] = looks.collect()
    assert up.samples[0].value == 0

    answered.set()
    monkeypatch.setattr(exporter, "WAIT_SECONDS", 30)
    [up] = looks.collect()
    assert up.samples[0].value == 1


@pytest.mark.parametrize("fails", [True, False], ids=["failed", "answered late"])
def test_one_that_is_back_is_seen_soon_however_long_it_was_waited_for(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(exporter, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(exporter, "AWAY_SECONDS" if fails else "NEIGHBOUR_SECONDS", 0.05)
    asked: list[int] = []

    def ask() -> list[Any]:
        asked.append(1)
        if len(asked) > 1:
            return []
        time.sleep(0.5)  # a fiftieth of the time would be a rest of 25 s
        if fails:
            raise StoreUnavailableError("away")
        return []

    looks = Looks([Look("store", ask, exporter.STORE_UP)])
    [before] = looks.collect()
    time.sleep(0.1)
    [after] = looks.collect()

    assert before.samples[0].value == (0 if fails else 1)
    assert (after.samples[0].value, len(asked)) == (1, 2)


def test_what_is_no_neighbour_rests_as_long_as_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(exporter, "NEIGHBOUR_SECONDS", 0.0)
    asked: list[int] = []

    def ask() -> list[Any]:
        asked.append(1)
        time.sleep(0.2)
        return []

    looks = Looks([Look("editions", ask, None)])
    for _ in range(3):
        list(looks.collect())

    assert len(asked) == 1


def test_it_is_looked_at_no_oftener_than_pays() -> None:
    asked: list[int] = []

    def ask() -> list[Any]:
        asked.append(1)
        return []

    looks = Looks([Look("ledger", ask, LEDGER_UP)])
    for _ in range(5):
        list(looks.collect())

    assert len(asked) == 1


def test_a_fault_of_a_look_is_told_as_down_and_the_others_are_seen() -> None:
    def broken() -> list[Any]:
        raise ZeroDivisionError

    def away() -> list[Any]:
        raise StoreUnavailableError("away")

    looks = Looks(
        [
            Look("ledger", broken, LEDGER_UP),
            Look("store", away, exporter.STORE_UP),
            Look("broker", lambda: [exporter.BROKER_MEMORY.alone(7)], exporter.BROKER_UP),
        ]
    )

    values = {each.name: each.samples[0].value for each in looks.collect()}

    assert values == {
        "factory_ledger_up": 0, "factory_store_up": 0,
        "factory_broker_up": 1, "factory_broker_memory_bytes": 7,
    }  # fmt: skip


# --- bulk events ------------------------------------------------------------------------------


def of_batches(plant: Plant) -> Samples:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in exporter.of_ledger(plant)
        for sample in metric.samples
    }


@pytest.fixture
def renaming(tmp_path: Path, db_url: str) -> tuple[Plant, str]:
    """A rename of two, of which the first certificate is made; and its number."""
    plant = new_plant(tmp_path, db_url)
    issue(plant, 1)
    issue(plant, 2)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="a test")
    steps.advance(plant, batch)
    [chunk] = open_chunks(plant)
    finish(plant, must_claim(plant, chunk))
    return plant, str(batch)


@pytest.mark.on_both
def test_a_running_bulk_event_tells_how_it_goes(renaming: tuple[Plant, str]) -> None:
    plant, batch = renaming

    found = of_batches(plant)

    kind = "enterprise.renamed"
    assert found["factory_batches", kind, "running"] == 1
    assert found["factory_batch_items", batch, kind, "done"] == 1
    assert found["factory_batch_items", batch, kind, "pending"] == 1
    assert found["factory_batch_progress_ratio", batch, kind] == 0.5
    assert found["factory_batch_rate", batch, kind] > 0
    eta = found["factory_batch_eta_seconds", batch, kind]
    assert eta == pytest.approx(1 / found["factory_batch_rate", batch, kind])
    assert 0 <= found["factory_batch_idle_seconds", batch, kind] < 600
    assert found["factory_batch_braked", batch, kind] == 0


@pytest.mark.on_both
def test_one_that_the_brake_stopped_says_so_and_is_not_idle(renaming: tuple[Plant, str]) -> None:
    plant, batch = renaming
    with plant.ledger.write(WHO) as tx:
        batches.stop(tx, int(batch), why="too much of it fails")

    found = of_batches(plant)

    kind = "enterprise.renamed"
    assert found["factory_batch_braked", batch, kind] == 1
    assert found["factory_batch_idle_seconds", batch, kind] == 0
    assert found["factory_batches", kind, "stopped"] == 1
    assert ("factory_batch_eta_seconds", batch, kind) not in found


@pytest.mark.on_both
def test_one_that_ended_long_ago_is_counted_and_not_shown(renaming: tuple[Plant, str]) -> None:
    plant, batch = renaming
    with plant.ledger.write(WHO) as tx:
        batches.cancel(tx, int(batch), why="a test")
    assert ("factory_batch_progress_ratio", batch, "enterprise.renamed") in of_batches(plant)
    with plant.ledger.write(WHO) as tx:
        from datetime import timedelta

        from sqlalchemy import update

        from storage import tables as t

        tx.run(update(t.batch).values(completed_at=tx.now - timedelta(hours=2)))

    found = of_batches(plant)

    assert found["factory_batches", "enterprise.renamed", "cancelled"] == 1
    assert not [key for key in found if key[0].startswith("factory_batch_")]


# --- the crew ---------------------------------------------------------------------------------


def test_the_crew_writes_down_who_runs_and_how_often_each_was_started_again(
    tmp_path: Path,
) -> None:
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path)})
    settings.metrics_dir.mkdir(parents=True)
    members = [
        Member("bulk-0", [sys.executable, "-c", "import time; time.sleep(600)"]),
        Member("notifier", [sys.executable, "-c", "pass"]),
    ]
    working = Crew(settings, members)
    working.start()
    watcher = threading.Thread(target=working.watch)
    watcher.start()
    try:
        wait_for(lambda: roll(settings)["notifier"].restarts >= 1)
        found = roll(settings)
    finally:
        working.stop()
        watcher.join()

    assert found["bulk-0"].restarts == 0
    assert found["bulk-0"].pid == members[0].process.pid  # type: ignore[union-attr]


def test_memory_and_workers_are_read_from_the_roll(tmp_path: Path) -> None:
    (tmp_path / crew.ROLL).write_text(
        f'[{{"name": "bulk-0", "pid": {os.getpid()}, "restarts": 2}},'
        ' {"name": "bulk-1", "pid": null, "restarts": 0}]'
    )

    found = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in exporter._of_crew(tmp_path)
        for sample in metric.samples
    }

    assert found["factory_workers", "bulk"] == 1
    assert found["factory_workers", "interactive"] == 0
    assert found["factory_process_restarts_total", "bulk-0"] == 2
    assert found["factory_worker_memory_bytes", "bulk-0"] > 1_000_000
    assert ("factory_worker_memory_bytes", "bulk-1") not in found


def test_an_earlier_crews_counters_go_and_those_of_a_door_that_runs_stay(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    for name in ("counter_999999999.db", f"counter_{os.getpid()}.db", "crew.json"):
        (folder / name).write_bytes(b"")

    crew._fresh(folder)

    assert [each.name for each in folder.iterdir()] == [f"counter_{os.getpid()}.db"]


def roll(settings: Settings) -> dict[str, Enrolled]:
    return {each.name: each for each in crew.roll(settings.metrics_dir)}


def wait_for(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + 120
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_upstreams_access_keys_tell_when_they_end(running: Plant) -> None:
    opening.first_key(running)

    [ends] = [each for each in exporter._of_keyring(running) if each.name == exporter.ENDS.name]

    keys = [each.labels["name"] for each in ends.samples if each.labels["what"] == "key"]
    assert keys == [f"{opening.EXAMPLE_SOURCE} {opening.FIRST_LABEL}"]


def test_the_log_tells_how_far_it_is_behind(
    tmp_path: Path, sqlite_db_url: str, s3: Settings
) -> None:
    plant = new_plant(tmp_path, sqlite_db_url, **stored(s3))
    issue(plant, 1)
    before = logged(plant)

    append_all(plant.ledger)
    appended = logged(plant)
    assert heads.sign(plant, pause=timedelta(0))
    signed = logged(plant)

    assert before["factory_log_entries"] == before["factory_log_signed_entries"] == 0
    assert before["factory_log_pending"] > 0 and before["factory_log_lag_seconds"] > 0
    assert "factory_log_head_age_seconds" not in before
    assert appended["factory_log_entries"] > before["factory_log_pending"]
    assert (appended["factory_log_pending"], appended["factory_log_lag_seconds"]) == (0, 0)
    assert appended["factory_log_signed_entries"] == 0
    assert signed["factory_log_signed_entries"] == appended["factory_log_entries"]
    assert signed["factory_log_head_age_seconds"] >= 0


def test_a_log_that_cannot_be_read_is_behind_for_ever_and_all_else_is_told(
    tmp_path: Path, sqlite_db_url: str, s3: Settings
) -> None:
    plant = new_plant(tmp_path, sqlite_db_url, **stored(s3))
    issue(plant, 1)
    append_all(plant.ledger)
    assert heads.sign(plant, pause=timedelta(0))
    with plant.ledger.write("somebody") as tx:
        tx.run(update(t.log_head).values(root="zz"))

    assert logged(plant) == {"factory_log_lag_seconds": math.inf}


def logged(plant: Plant) -> dict[str, float]:
    """The gauges of the log."""
    return {
        each.name: sample.value
        for each in exporter.of_ledger(plant)
        if each.name.startswith("factory_log_")
        for sample in each.samples
    }
