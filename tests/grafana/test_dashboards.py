"""Dashboards beside a running line: they show what it exports, all of it, and a real Prometheus
that scrapes it answers every query with something; and they can be drawn without Grafana."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs import prometheus
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from tests.grafana import boards, drawing
from tests.grafana.asked import OUR_OWN, STANDING_IN, asked, family, without_default
from tests.grafana.asking import Series, Window
from tests.grafana.boards import DASHBOARDS, GRAFANA, filled
from tests.grafana.running import Watched, play, watched

WAIT_SECONDS = 120
SCRAPES = 5  #: at least, until a rate over a minute says something
EXPORTED = re.compile(r"^(factory_[a-z_]+)(?:\{(.*)\})? ", re.M)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
#: what an alert makes, and only while it fires: tests/grafana/test_alerts.py lets them
ALERTS = "ALERTS"
BACK = 600.0


@pytest.fixture(scope="module")
def installed(absent: Callable[[str], None]) -> None:
    """The programs of Debian's package; a test without them skips."""
    if not all(shutil.which(program) for program in ("prometheus", "promtool")):
        absent("prometheus: apt-get install prometheus")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, installed: None) -> Iterator[Watched]:
    """A running line on which a little of everything has happened, and Prometheus has seen it."""
    with watched(tmp_path_factory.mktemp("line")) as running:
        play(running)
        wait_for(running, f"count_over_time(factory_ledger_up[1m]) > {SCRAPES}")
        wait_for(running, "factory_batch_eta_seconds")
        yield running


@pytest.fixture(scope="module")
def exported(line: Watched) -> dict[str, set[tuple[str, str]]]:
    """The metrics of the running line, each with the (label, value) that occur.

    In several scrapes: one of them tells nothing of what gives no answer in its time, and what
    takes long to look at is looked at rarely.
    """
    found: dict[str, set[tuple[str, str]]] = {}
    limit = time.monotonic() + WAIT_SECONDS
    while True:
        for name, labels in EXPORTED.findall(line.metrics()):
            found.setdefault(name, set()).update(LABEL.findall(labels))
        missing = any(metric not in found or chosen - found[metric] for metric, _, chosen in ours())
        if not missing or time.monotonic() > limit:
            return found
        time.sleep(0.5)


def wait_for(line: Watched, expr: str) -> list[Series]:
    """Until Prometheus says something."""
    limit = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < limit:
        if found := line.prometheus.at(expr):
            return found
        time.sleep(0.5)
    raise AssertionError(f"nothing for {expr}")


def expressions() -> list[str]:
    return [expr for path in DASHBOARDS for expr in boards.expressions(boards.read(path))]


def ours() -> list[tuple[str, set[str], set[tuple[str, str]]]]:
    """The metrics of all queries, their labels, and those chosen by their values."""
    found = [one for expr in expressions() for one in asked(expr)]
    constant = [(one, one.chosen - {("batch", STANDING_IN["batch"])}) for one in found]
    return [
        (one.metric, set(one.labels), set(chosen))
        for one, chosen in constant
        if one.metric.startswith(OUR_OWN)
    ]


def test_every_metric_that_is_asked_for_is_exported(
    exported: dict[str, set[tuple[str, str]]],
) -> None:
    assert {metric for metric, _, _ in ours()} <= exported.keys()


def test_every_metric_that_is_exported_is_asked_for(
    exported: dict[str, set[tuple[str, str]]],
) -> None:
    shown = {family(metric) for metric, _, _ in ours()}

    assert {family(metric) for metric in exported} - shown == set()


def test_every_label_that_is_asked_for_is_exported(
    exported: dict[str, set[tuple[str, str]]],
) -> None:
    """With the value that is chosen; ``le`` and ``instance`` are told by every scrape."""
    wrong = [
        (metric, label)
        for metric, labels, _ in ours()
        for label in labels - {"le", "instance"}
        if label not in {name for name, _ in exported[metric]}
    ]
    unheard = [
        (metric, *pair) for metric, _, chosen in ours() for pair in chosen - exported[metric]
    ]

    assert (wrong, unheard) == ([], [])


def test_every_label_that_is_exported_is_asked_for(
    exported: dict[str, set[tuple[str, str]]],
) -> None:
    used = {label for _, labels, _ in ours() for label in labels}

    assert {label for pairs in exported.values() for label, _ in pairs} - used == set()


def test_a_real_prometheus_answers_every_query(line: Watched) -> None:
    """Without what stands in where there is nothing; each is asked until it is answered."""
    values = STANDING_IN | {"batch": newest_batch(line)}
    silent = [expr for expr in expressions() if ALERTS not in expr]
    limit = time.monotonic() + WAIT_SECONDS

    while silent and time.monotonic() < limit:
        silent = [
            expr for expr in silent if not line.prometheus.at(without_default(filled(expr, values)))
        ]

    assert silent == []


def test_it_answers_none_of_a_metric_that_is_not_there(line: Watched) -> None:
    assert line.prometheus.at(without_default("sum(factory_gone) or vector(0)")) == []


def newest_batch(line: Watched) -> str:
    """As the dashboard's variable finds it."""
    [variable] = boards.read(GRAFANA / "dashboards" / "bulk.json").variables
    named = boards.LABEL_VALUES.fullmatch(variable["query"])
    assert named is not None
    now = time.time()
    window = Window(start=now - BACK, end=now, step=1)
    return max(line.prometheus.label_values(named["metric"], named["label"], window), key=int)


def test_promtool_accepts_the_scrape_configuration(installed: None) -> None:
    config = GRAFANA / "prometheus" / "prometheus.yml"

    done = subprocess.run(
        ["promtool", "check", "config", str(config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


# --- drawn without Grafana ------------------------------------------------------------------------


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_drawn_from_what_prometheus_says(
    line: Watched, tmp_path: Path, path: Path
) -> None:
    png = tmp_path / "drawn" / f"{path.stem}.png"

    drawing.draw(path, line.prometheus.url, png, seconds=BACK)

    coloured = colours(png, path)
    assert Image.open(png).size == drawing.size(boards.read(path))
    assert coloured["Neighbours"] if path.stem in ("overview", "queues") else any(coloured.values())
    assert all(coloured[title] for title in FIGURES[path.stem])


#: of each dashboard what has a figure, a bar or a line on any line that has worked at all
FIGURES = {
    "overview": ("In time, last hour", "Approvals: in time and late", "Silence of the caretakers"),
    "bulk": ("Done", "Items done", "Items by state", "How far"),
    "line": (
        "Made", "Seconds per stage, 95 %", "Signer process", "Signer process: calls",
        "Time stamps", "Memory", "Requests by address",
    ),
    "queues": ("Not finished yet", "Held for a person", "Deliveries", "Endpoints"),
    "trust": (
        "Failed self-checks", "Days left", "Verifications by answer", "What ends, and when",
        "Time stamps, 24 h", "Authorities of time, days left", "Revocation lists, hours left",
    ),
}  # fmt: skip


def test_a_dashboard_of_a_prometheus_that_saw_nothing_is_drawn_empty(
    tmp_path: Path, installed: None
) -> None:
    given = {"FACTORY_DATA_DIR": str(tmp_path), "FACTORY_METRICS_PORT": str(free_port())}
    settings = Settings.from_env(given | {"FACTORY_PROMETHEUS_PORT": str(free_port())})
    path, png = GRAFANA / "dashboards" / "overview.json", tmp_path / "overview.png"

    with prometheus.watching(settings, pace="1s") as url:
        drawing.draw(path, url, png)

    assert {title for title, seen in colours(png, path).items() if seen} == {"Alerts firing"}


def test_a_prometheus_that_is_not_there_is_no_empty_picture(tmp_path: Path) -> None:
    path, png = DASHBOARDS[0], tmp_path / "never.png"

    with pytest.raises(OSError, match="refused"):
        drawing.draw(path, f"http://{LOOPBACK}:{free_port()}", png)

    assert not png.exists()


def colours(png: Path, path: Path) -> dict[str, bool]:
    """Whether anything in each panel has a colour: words and frames are grey."""
    pixels = np.asarray(Image.open(png).convert("RGB"), dtype=int)
    grey = pixels.max(axis=2) - pixels.min(axis=2) < 40
    found = {}
    for panel in boards.read(path).panels:
        if panel.type != "row":
            left, top, width, height = drawing.place(panel)
            inside = grey[top : top + height, left : left + width]
            found[panel.title] = not inside.all()
    return found
