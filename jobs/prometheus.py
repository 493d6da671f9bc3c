"""A Prometheus beside the embedded servers, which watches this machine's exporter.

It reads grafana/prometheus as it lies there, rules too; only the exporter's address is put in
its place.  Its data is kept in the data directory, and it listens on loopback alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from factory.errors import SettingsError
from jobs.servers import LOOPBACK, Server
from jobs.settings import Settings

CONFIGURATION = Path(__file__).parents[1] / "grafana" / "prometheus"
MAIN = "prometheus.yml"
EXPORTER = "127.0.0.1:9464"  #: as prometheus.yml has it
EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared with, not listened on
PACE = re.compile(r"^(\s*(?:scrape|evaluation)_interval): .*$", re.M)
KEPT_DAYS = 35  #: the error budget looks back 30
ADVICE = (
    "Install it (Debian: apt-get install prometheus), or set FACTORY_PROMETHEUS_BINARY to a"
    " prometheus that runs here"
)


@contextmanager
def watching(settings: Settings, *, pace: str | None = None) -> Iterator[str]:
    """Its address, e.g. ``http://127.0.0.1:9090``, for as long as the block runs.

    settings: with real ports of the exporter and of Prometheus.
    pace:     how often it scrapes and looks at its rules, e.g. ``1s``; None: as the file says.

    SettingsError: there is no such program, or it cannot be started.
    """
    server = _server(settings, _program(settings), pace)
    server.start()
    try:
        yield _address(settings)
    finally:
        server.stop()


def _program(settings: Settings) -> str:
    found = settings.prometheus_binary or shutil.which("prometheus")
    if found is None:
        raise SettingsError(f"there is no program prometheus on this machine. {ADVICE}")
    return str(found)


def _server(settings: Settings, program: str, pace: str | None) -> Server:
    folder = settings.data_dir / "prometheus"
    configure(folder / "config", exporter=_exporter(settings), pace=pace)
    return Server(
        name="Prometheus",
        command=(
            program,
            f"--config.file={folder / 'config' / MAIN}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--storage.tsdb.retention.time={KEPT_DAYS}d",
            f"--web.listen-address={LOOPBACK}:{settings.prometheus_port}",
            "--log.level=warn",
        ),
        folder=folder,
        log=settings.data_dir / "log" / "prometheus.log",
        ready=lambda: _answers(_address(settings)),
        advice=ADVICE,
    )


def configure(folder: Path, *, exporter: str, pace: str | None = None) -> None:
    """Write the configuration with its rules into a folder, for the exporter at this address.

    SettingsError: there is no configuration, or it has no exporter at `EXPORTER`.
    """
    if not (CONFIGURATION / MAIN).exists():
        raise SettingsError(
            f"there is no {CONFIGURATION / MAIN}: start from a clone of the project"
        )
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CONFIGURATION, folder)
    text = (folder / MAIN).read_text("utf-8")
    if EXPORTER not in text:
        raise SettingsError(
            f"{CONFIGURATION / MAIN} has no target {EXPORTER} to put ours in place of"
        )
    text = text.replace(EXPORTER, exporter)
    if pace is not None:
        text = PACE.sub(rf"\1: {pace}", text)
    (folder / MAIN).write_text(text, "utf-8")


def _exporter(settings: Settings) -> str:
    host = EVERYWHERE.get(settings.metrics_host, settings.metrics_host)
    return f"[{host}]:{settings.metrics_port}" if ":" in host else f"{host}:{settings.metrics_port}"


def _address(settings: Settings) -> str:
    return f"http://{LOOPBACK}:{settings.prometheus_port}"


def _answers(address: str) -> bool:
    try:
        answer = urllib3.request("GET", f"{address}/-/ready", timeout=1.0, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200  # noqa: PLR2004 - HTTP's own number
