"""A factory that is hurt, and a real Prometheus: the right alerts fire, and nothing else.

Windows, pauses and thresholds are the rules' own, so many times shorter.
"""

import json
import re
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.embedded import Embedded
from jobs.servers import LOOPBACK, free_port
from jobs.signer.switch import Switch
from storage.new_keyring import create_test_keyring
from storage.signature_protocol import UNIX
from tests.jobs.bulking import COST_ENGINEER
from tests.jobs.faults.works import Works, at_work, wait_for
from tests.plants import PROFILE
from tests.runbooks.books import METRICS_ADDRESS, ROOT
from tests.runbooks.doors import Door
from tests.runbooks.test_runbooks import AUTHORITY, SEAL_DAYS, approved, firm, issued

PROMETHEUS = ROOT / "grafana" / "prometheus"
SHORTER = 15
CALM_SECONDS = 4.0
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SECONDS_ABOVE = re.compile(
    r"(factory_\w+_seconds\w*(?:\{[^}]*\})?\)?(?: - time\(\))? > )(\d{2,})\b"
)
DURATION = re.compile(r"(?<=[\[ ])(\d+)([smhd])(?=[\]\s)]|$)", re.MULTILINE)


def shortened(rules: str) -> str:
    """The same rules for people in a hurry.

    >>> shortened("expr: max(factory_outbox_oldest_seconds) > 60\\nfor: 1m\\n")
    'expr: max(factory_outbox_oldest_seconds) > 4\\nfor: 4s\\n'
    """
    less = SECONDS_ABOVE.sub(lambda found: f"{found[1]}{int(found[2]) // SHORTER}", rules)
    return DURATION.sub(lambda f: f"{max(1, int(f[1]) * UNITS[f[2]] // SHORTER)}s", less)


class Watch:
    """A Prometheus that looks at the factory every second."""

    def __init__(self, port: int) -> None:
        self._address = f"http://{LOOPBACK}:{port}/api/v1/query"

    def ask(self, query: str) -> list[dict[str, str]]:
        """The labels of what a query finds."""
        words = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"{self._address}?{words}", timeout=10) as answer:  # noqa: S310
            return [each["metric"] for each in json.load(answer)["data"]["result"]]

    def firing(self) -> set[tuple[str, str]]:
        """(alert, severity) of all that fire now."""
        found = self.ask('ALERTS{alertstate="firing"}')
        return {(each["alertname"], each["severity"]) for each in found}

    def is_calm(self) -> bool:
        """Whether nothing fires or is about to, and there is something to look at."""
        return bool(self.ask('up{job="factory"} == 1')) and not self.ask("ALERTS")

    def until_calm(self) -> None:
        wait_for(self.is_calm, f"no alert; there are {self._said()}")

    def until(self, *wanted: tuple[str, str]) -> None:
        """Until these fire; and for a while longer nothing else does."""
        wait_for(lambda: set(wanted) <= self.firing(), f"{wanted} fire")
        limit = time.monotonic() + CALM_SECONDS
        while time.monotonic() < limit:
            assert self.firing() == set(wanted)
            time.sleep(0.5)

    def _said(self) -> str:
        try:
            return str(self.ask("ALERTS"))
        except OSError:
            return "no answers"


@pytest.fixture(scope="module")
def works(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A factory with two workers for bulk events, so that there is one when the other dies."""
    folder = tmp_path_factory.mktemp("works")
    keys, port = str(folder / "keyring"), free_port()
    watched = f"http://{LOOPBACK}:{port}/livez"
    with at_work(
        servers,
        folder,
        KEYRING_DIR=keys,
        BULK_WORKERS="2",
        HTTP_PORT=str(port),
        HTTP_WATCH_URL=watched,
        SIGNER=f"{UNIX}{folder / 'signer' / 'socket'}",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def opened(works: Works) -> Iterator[Door]:
    """The HTTP interface of that factory."""
    door = Door(works)
    door.open()
    yield door
    door.close()


@pytest.fixture(scope="module")
def watch(
    works: Works,
    opened: Door,
    tmp_path_factory: pytest.TempPathFactory,
    absent: Callable[[str], None],
) -> Iterator[Watch]:
    if shutil.which("prometheus") is None:
        absent("prometheus: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "rules").mkdir()
    for path in (PROMETHEUS / "rules").glob("*.yml"):
        (folder / "rules" / path.name).write_text(shortened(path.read_text("utf-8")), "utf-8")
    settings = works.settings
    config = (PROMETHEUS / "prometheus.yml").read_text("utf-8")
    config = config.replace(METRICS_ADDRESS, f"{settings.metrics_host}:{settings.metrics_port}")
    (folder / "prometheus.yml").write_text(config.replace("15s", "1s"), "utf-8")
    port = free_port()
    server = subprocess.Popen(
        [
            *("prometheus", f"--config.file={folder / 'prometheus.yml'}"),
            *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={LOOPBACK}:{port}"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = Watch(port)
    wait_for(lambda: _answers(found), "Prometheus answers")
    issued(works, 2, firm())
    found.until_calm()
    yield found
    server.kill()
    server.wait()


def _answers(watch: Watch) -> bool:
    try:
        return watch.ask("up") is not None
    except OSError:
        return False


def test_nothing_fires_while_all_is_well(works: Works, watch: Watch) -> None:
    issued(works, 3, firm())

    watch.until()


def test_a_worker_that_dies_once_is_nobodys_business_and_again_and_again_it_is(
    works: Works, watch: Watch
) -> None:
    works.signal("bulk-0", signal.SIGKILL)
    time.sleep(CALM_SECONDS)
    assert watch.firing() == set()

    for _ in range(5):
        works.signal("bulk-0", signal.SIGKILL)
        time.sleep(1.5)

    watch.until(("FactoryWorkersRestarting", "ticket"))
    watch.until_calm()


def test_a_queue_that_fills_is_told_of(works: Works, watch: Watch) -> None:
    works.signal("interactive-0", signal.SIGSTOP)
    approved(works)

    try:
        watch.until(("FactoryOldestMessage", "page"))
    finally:
        works.signal("interactive-0", signal.SIGCONT)

    works.settle()
    watch.until_calm()


def test_a_store_that_is_away_is_told_of_once_and_not_what_waits_for_it(
    works: Works, watch: Watch
) -> None:
    assert works.servers.store is not None
    works.servers.store.kill()
    approved(works)

    try:
        watch.until(("FactoryStoreUnavailable", "page"))
    finally:
        works.servers.store.start()

    works.settle()
    watch.until_calm()


def test_a_signer_process_that_is_away_is_told_of_once_and_not_what_waits_for_it(
    works: Works, watch: Watch
) -> None:
    [signer] = [member for member in works.crew.members if member.name == "signer"]
    command, signer.command = signer.command, ["sleep", "infinity"]
    works.signal("signer", signal.SIGKILL)
    approved(works)

    try:
        watch.until(("FactorySignerProcessDown", "page"))
    finally:
        signer.command = command
        works.signal("signer", signal.SIGKILL)

    works.settle()
    watch.until_calm()


def test_a_signer_process_that_somebody_stopped_is_told_of_and_nobody_is_woken(
    works: Works, watch: Watch
) -> None:
    switch = Switch(works.settings.signer_dir)
    switch.stop(None, reason="drill", by="test")
    approved(works)

    try:
        watch.until(("FactorySignerStopped", "ticket"))
    finally:
        switch.start(None)

    works.settle()
    watch.until_calm()


def test_a_door_that_is_shut_is_told_of(watch: Watch, opened: Door) -> None:
    opened.close()

    watch.until(("FactoryHttpDown", "page"))

    opened.open()
    watch.until_calm()


def test_a_certificate_near_its_end_is_told_of(works: Works, watch: Watch, tmp_path: Path) -> None:
    home = works.settings.keyring_dir / "identities" / COST_ENGINEER
    create_test_keyring(
        tmp_path / "old",
        identities={PROFILE: AUTHORITY},
        now=datetime.now(UTC) - timedelta(days=SEAL_DAYS - 20),
        draw_seal=lambda _: b"picture",
    )
    kept = (home / "signing.pem").read_bytes()
    ending = (tmp_path / "old" / "identities" / PROFILE / "signing.pem").read_bytes()
    (home / "signing.pem").write_bytes(ending)

    watch.until(("FactoryEndsSoon", "ticket"))

    (home / "signing.pem").write_bytes(kept)
    watch.until_calm()
