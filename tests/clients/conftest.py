"""A whole factory that runs as it does for a person (`up`), and a source of its own in it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cli
from jobs.servers import is_free

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180.0
SEEDS = count(1001)

JsonObject = dict[str, Any]

#: below those that the system hands out, since it is bound minutes after it is chosen
LATER_PORTS = range(20_000 + os.getpid() % 10_000, 32_000)


@dataclass(frozen=True)
class Running:
    """A running factory, its address, and commands in it."""

    data_dir: Path
    address: str
    key: str  #: of the example source, for everything
    rename_key: str  #: of a source whose register lets enterprises confirm their renames
    receiver: int  #: the port notices may be sent to

    def certfactory(self, *words: str) -> str:
        """What a command prints that must not fail."""
        return certfactory(self.data_dir, *words)


SOURCE, REGISTER = "urn:example:constructors-portal", "shanghai-constructor"


def certfactory(data_dir: Path, *words: str) -> str:
    done = CliRunner(env={"FACTORY_DATA_DIR": str(data_dir)}).invoke(cli.main, words)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def example(kind: str, seed: int, source: str | None = None) -> JsonObject:
    """An event as `certfactory events example` prints it."""
    of = ("--source", source) if source else ()
    words = ("events", "example", kind, "--seed", str(seed), *of)
    event: JsonObject = json.loads(certfactory(ROOT, *words))
    return event


@pytest.fixture(scope="package")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Started with ``up``, on free ports, with real workers; stopped by Ctrl-C."""
    folder = tmp_path_factory.mktemp("clients")
    data, said = folder / "data", folder / "said.txt"
    receiver = next(filter(is_free, LATER_PORTS))
    variables = {
        "HTTP_PORT": "0",
        "METRICS_PORT": "0",
        "BULK_WORKERS": "1",
        "DATA_DIR": str(data),
        "NOTIFY_HOSTS": f"127.0.0.1:{receiver}",
    }
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "cli.py", "up"],
            cwd=ROOT,
            env=os.environ | {f"FACTORY_{name}": value for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield _running(process, said, data, receiver)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_SECONDS)


def _running(process: subprocess.Popen[bytes], said: Path, data: Path, receiver: int) -> Running:
    """Once it says that it is ready."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while "ready" not in (text := said.read_text("utf-8")):
        assert process.poll() is None and time.monotonic() < limit, text
        time.sleep(0.1)
    address = next(word for word in text.split() if word.endswith("/v1"))
    certfactory(data, "sources", "grant", SOURCE, REGISTER)
    return Running(
        data_dir=data,
        address=address,
        key=(data / "http-key").read_text("ascii").strip(),
        rename_key=certfactory(data, "keys", "issue", SOURCE).strip(),
        receiver=receiver,
    )


@pytest.fixture
def seed() -> int:
    """Of an example that no other test has."""
    return next(SEEDS)
