"""The door's process: started by name, since nothing here imports `portal`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from http import HTTPStatus

import urllib3

from factory.errors import SettingsError
from jobs.settings import Settings

COMMAND = (sys.executable, "-m", "portal")
OPEN_SECONDS = 120.0  #: to come up; importing it all takes a loaded machine that long
LOOK_SECONDS = 0.1
KNOCK_SECONDS = 2.0


def become(settings: Settings) -> None:
    """This process serves HTTP from now on, as the settings say.

    What it counts, the exporter of this host's workers adds up, if there are any.
    """
    settings.metrics_dir.mkdir(parents=True, exist_ok=True)
    own = settings.to_env() | {"PROMETHEUS_MULTIPROC_DIR": str(settings.metrics_dir)}
    os.execve(COMMAND[0], COMMAND, dict(os.environ) | own)  # noqa: S606


def watched(settings: Settings) -> Settings:
    """The same, saying where the exporter asks whether the door of this host answers."""
    return replace(settings, http_watch_url=settings.http_watch_url or _own(settings))


def knock(url: str) -> None:
    """Ask whether the door answers.  HTTPError of urllib3: it does not, or not with 200."""
    answer = urllib3.request("GET", url, timeout=KNOCK_SECONDS, retries=False)
    if answer.status != HTTPStatus.OK:
        raise urllib3.exceptions.ResponseError(f"status {answer.status}")


def wait_until_open(settings: Settings) -> None:
    """Until it answers.  SettingsError: it does not."""
    url, ends = _own(settings), time.monotonic() + OPEN_SECONDS
    while time.monotonic() < ends:
        try:
            knock(url)
        except urllib3.exceptions.HTTPError:
            time.sleep(LOOK_SECONDS)
        else:
            return
    raise SettingsError(
        f"the HTTP interface does not answer on {url}: see {settings.data_dir / 'log' / 'door.log'}"
    )


def _own(settings: Settings) -> str:
    return f"http://{settings.http_host}:{settings.http_port}/livez"
