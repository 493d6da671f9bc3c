"""Dashboards show what the exporter exports, all of it, and Prometheus answers each of them."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from jobs.bulk import confirming, steps
from jobs.embedded import Embedded
from jobs.servers import LOOPBACK, free_port
from tests.plants import (
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

GRAFANA = Path(__file__).parents[2] / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
METRIC = re.compile(r"\bfactory_[a-z_]+\b")
WAIT_SECONDS = 120
EXPORTER = """
import os, sys, time
from prometheus_client import start_http_server
from jobs import exporter, metrics
from jobs.settings import Settings
from jobs.wiring import Plant
plant = Plant(Settings.from_env(os.environ))
metrics.begin_at_zero(list(plant.profiles))
plant.metrics.refused_delivery()
plant.metrics.answered("/livez", "GET", 200, 0.01)
for part in ("relay", "ringer", "reconciler", "janitor", "notifier"):
    plant.metrics.beat(part)
start_http_server(int(sys.argv[1]), addr="127.0.0.1", registry=exporter.registry(plant))
print("ready", flush=True)
time.sleep(600)
"""

Panel = dict[str, Any]


@pytest.fixture(scope="module")
def exporter(
    tmp_path_factory: pytest.TempPathFactory, broker: Embedded, store: Embedded
) -> Iterator[int]:
    """The port of an exporter over a ledger with a made, a waiting and a held certificate.

    And a rename of which the first certificate is made.
    """
    folder = tmp_path_factory.mktemp("exporter")
    db_url = f"sqlite:///{folder / 'ledger.sqlite3'}"
    plant = new_plant(folder, db_url, **stored(store.settings))
    plant.store.ensure_bucket()
    issue(plant, 1)
    issue(plant, 4)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="a test")
    steps.advance(plant, batch)
    [first] = open_chunks(plant)
    finish(plant, must_claim(plant, first))
    approve(plant, 2)
    from factory import specimen
    from tests.plants import submit

    event = specimen.approved(3)
    submit(plant, event | {"data": event["data"] | {"photo": {"content": "bm8="}}})
    (folder / "metrics").mkdir()
    environ = {"FACTORY_DATA_DIR": str(folder), "FACTORY_DB_URL": db_url}
    environ |= {"PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics")}
    environ |= {"FACTORY_REDIS_URL": broker.settings.redis_url}
    environ |= {f"FACTORY_{name.upper()}": value for name, value in stored(store.settings).items()}
    roll = [{"name": "bulk-0", "pid": os.getpid(), "restarts": 0}]
    (folder / "metrics" / "crew.json").write_text(json.dumps(roll), "utf-8")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORTER, str(port)],
        env=os.environ | environ,
        cwd=GRAFANA.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    yield port
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def exposition(exporter: int) -> str:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{exporter}/metrics") as answer:
        return str(answer.read(), "utf-8")


def panels() -> list[Panel]:
    return [panel for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]]


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_every_metric_a_panel_names_is_exported(exposition: str) -> None:
    named = {name for expr in expressions() for name in METRIC.findall(expr)}

    unknown = {name for name in named if not re.search(rf"^{name}(\{{| )", exposition, re.M)}

    assert unknown == set()


def test_every_exported_metric_is_on_a_panel(exposition: str) -> None:
    shown = " ".join(expressions())

    exported = set(re.findall(r"^# TYPE (factory_[a-z_]+)", exposition, re.M))

    assert {name for name in exported if name.removesuffix("_total") not in shown} == set()


def test_every_label_a_panel_groups_by_is_exported(exposition: str) -> None:
    grouped = {
        label.strip()
        for expr in expressions()
        for group in re.findall(r"by \(([^)]*)\)", expr)
        for label in group.split(",")
    }

    assert {label for label in grouped if f'{label}="' not in exposition} == set()


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit(panel: Panel) -> None:
    assert panel["description"].endswith((".", "`."))
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_panels_have_ids_of_their_own_and_do_not_overlap(path: Path) -> None:
    found = json.loads(path.read_text())["panels"]

    assert len({panel["id"] for panel in found}) == len(found)
    assert not [(a["id"], b["id"]) for a, b in combinations(found, 2) if overlap(a, b)]


def overlap(one: Panel, other: Panel) -> bool:
    a, b = one["gridPos"], other["gridPos"]
    beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
    below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    return not (beside or below)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_asks_which_prometheus_to_use(path: Path) -> None:
    dashboard = json.loads(path.read_text())

    [variable] = dashboard["templating"]["list"]

    assert (variable["type"], variable["name"]) == ("datasource", "datasource")
    assert dashboard["schemaVersion"] == 39


@pytest.fixture
def prometheus(absent: Callable[[str], None]) -> None:
    """The programs of Debian's package; a test without them skips."""
    if not all(shutil.which(program) for program in ("prometheus", "promtool")):
        absent("prometheus: apt-get install prometheus")


def test_promtool_accepts_the_scrape_configuration(prometheus: None) -> None:
    config = GRAFANA / "prometheus" / "prometheus.yml"

    done = subprocess.run(
        ["promtool", "check", "config", str(config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_real_prometheus_answers_every_panel(
    exporter: int, tmp_path: Path, prometheus: None
) -> None:
    config = (GRAFANA / "prometheus" / "prometheus.yml").read_text("utf-8")
    file = tmp_path / "prometheus.yml"
    file.write_text(
        config.replace("127.0.0.1:9464", f"{LOOPBACK}:{exporter}").replace("15s", "1s"), "utf-8"
    )
    port = free_port()
    server = subprocess.Popen(
        [
            *("prometheus", f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'data'}"),
            f"--web.listen-address={LOOPBACK}:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_series(port)

        silent = [expr for expr in expressions() if not query(port, expr)]
    finally:
        server.kill()
        server.wait()

    assert silent == []


def wait_for_series(port: int) -> None:
    """Until rates can be told: two scrapes at least."""
    limit = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < limit:
        try:
            if query(port, "rate(factory_stage_cpu_seconds_total[5m])"):
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("Prometheus scraped nothing")


def query(port: int, expr: str) -> list[Any]:
    address = f"http://{LOOPBACK}:{port}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found
