"""`certfactory up --prometheus`: a real Prometheus that watches our exporter and ends with us."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
import urllib3
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from factory.errors import SettingsError
from jobs import opening, prometheus
from jobs.commands.exits import NOT_SET_UP
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from tests.grafana.asking import Prometheus

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
ANYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens on it here
Seen = TypeVar("Seen")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Free ports, in a folder with a space in its name."""
    found = Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path / "data of ours")})
    return replace(found, metrics_port=free_port(), prometheus_port=free_port())


@pytest.fixture
def installed(absent: Callable[[str], None]) -> None:
    """Debian's package; a test without it skips."""
    if not shutil.which("prometheus"):
        absent("prometheus: apt-get install prometheus")


def test_it_scrapes_the_exporter_of_these_settings(settings: Settings, installed: None) -> None:
    serve_a_metric(settings)

    with prometheus.watching(settings, pace="1s") as address:
        found = happens(lambda: Prometheus(address).at("factory_test"))

    assert [series.points[0][1] for series in found] == [7.0]


def test_what_it_saw_is_there_again_after_a_restart(settings: Settings, installed: None) -> None:
    serve_a_metric(settings)
    with prometheus.watching(settings, pace="1s") as address:
        happens(lambda: Prometheus(address).at("factory_test"))
    before = time.time()

    with prometheus.watching(settings, pace="1h") as address:
        found = Prometheus(address).at("factory_test", before)

    assert len(found) == 1


def test_nothing_is_left_running(settings: Settings, installed: None) -> None:
    with prometheus.watching(settings) as address:
        pass

    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", f"{address}/-/ready", timeout=1.0, retries=False)


def test_rules_come_along_and_only_the_exporter_is_another(tmp_path: Path) -> None:
    prometheus.configure(tmp_path / "config", exporter="127.0.0.1:1")

    theirs = prometheus.CONFIGURATION
    names = {path.relative_to(theirs) for path in theirs.rglob("*")}
    main = (theirs / prometheus.MAIN).read_text("utf-8")
    written = (tmp_path / "config" / prometheus.MAIN).read_text("utf-8")
    assert {path.relative_to(tmp_path / "config") for path in (tmp_path / "config").rglob("*")} == (
        names
    )
    assert written == main.replace(prometheus.EXPORTER, "127.0.0.1:1") != main


def test_an_exporter_on_every_address_is_asked_on_loopback(
    settings: Settings, installed: None
) -> None:
    serve_a_metric(settings)

    with prometheus.watching(replace(settings, metrics_host=ANYWHERE), pace="1s") as address:
        found = happens(lambda: Prometheus(address).at("factory_test"))

    assert found[0].labels["instance"] == f"{LOOPBACK}:{settings.metrics_port}"


def test_without_the_program_it_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(SettingsError, match="apt-get install prometheus"):
        prometheus.watching(settings).__enter__()


def test_a_program_that_is_not_there_is_named(settings: Settings) -> None:
    named = replace(settings, prometheus_binary=Path("/nowhere/prometheus"))

    with pytest.raises(SettingsError, match=r"/nowhere/prometheus.*FACTORY_PROMETHEUS_BINARY"):
        prometheus.watching(named).__enter__()


def test_a_taken_port_is_named(settings: Settings) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        asked = replace(settings, prometheus_port=taken.getsockname()[1])

        with pytest.raises(SettingsError, match="FACTORY_PROMETHEUS_PORT"):
            opening.prometheus_port(asked)


def test_up_starts_it_and_ends_it(tmp_path: Path, installed: None) -> None:
    said, port = tmp_path / "said.txt", free_port()
    with said.open("wb") as log:
        process = start_up(tmp_path, log, PROMETHEUS_PORT=str(port))
    try:
        happens(lambda: "ready" in said.read_text("utf-8") or process.poll() is not None)
        found = happens(lambda: Prometheus(f"http://{LOOPBACK}:{port}").at("factory_ledger_up"))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()

    assert f"http://{LOOPBACK}:{port}" in said.read_text("utf-8")
    assert [series.points[0][1] for series in found] == [1.0]
    with pytest.raises(OSError, match="refused"):
        Prometheus(f"http://{LOOPBACK}:{port}").at("up")


def test_up_without_the_program_stops_and_says_so(tmp_path: Path) -> None:
    with (tmp_path / "said.txt").open("wb") as log:
        process = start_up(tmp_path, log, PROMETHEUS_BINARY="/nowhere/prometheus")

    assert process.wait(PATIENCE_SECONDS) == NOT_SET_UP
    assert "FACTORY_PROMETHEUS_BINARY" in (tmp_path / "said.txt").read_text("utf-8")


def start_up(folder: Path, log: object, **variables: str) -> "subprocess.Popen[bytes]":
    """`up --prometheus` in a folder, on free ports but for what is given."""
    ports = {"METRICS_PORT": "0", "HTTP_PORT": "0", "PROMETHEUS_PORT": "0", "BULK_WORKERS": "1"}
    given = ports | {"DATA_DIR": str(folder / "data")} | variables
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "cli.py", "up", "--prometheus"],
        cwd=ROOT,
        env=os.environ | {f"FACTORY_{name}": value for name, value in given.items()},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


def serve_a_metric(settings: Settings) -> None:
    """An exporter of one gauge, ``factory_test 7``, where these settings say."""
    registry = CollectorRegistry()
    Gauge("factory_test", "For a test", registry=registry).set(7)
    start_http_server(settings.metrics_port, addr=LOOPBACK, registry=registry)


def happens(look: Callable[[], Seen]) -> Seen:
    """What is seen as soon as there is something to see."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if found := look():
                return found
        except OSError:
            pass
        assert time.monotonic() < limit, "nothing to see"
        time.sleep(0.1)
