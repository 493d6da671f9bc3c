"""The door's process: started by name, since nothing here imports `portal`."""

from __future__ import annotations

import os
import sys
import time

import urllib3

from factory.errors import SettingsError
from jobs.settings import Settings

COMMAND = (sys.executable, "-m", "portal")
OPEN_SECONDS = 120.0  #: to come up; importing it all takes a loaded machine that long
LOOK_SECONDS = 0.1


def become(settings: Settings) -> None:
    """This process serves HTTP from now on, as the settings say.

    What it counts, the exporter of this host's workers adds up, if there are any.
    """
    settings.metrics_dir.mkdir(parents=True, exist_ok=True)
    own = settings.to_env() | {"PROMETHEUS_MULTIPROC_DIR": str(settings.metrics_dir)}
    os.execve(COMMAND[0], COMMAND, dict(os.environ) | own)  # noqa: S606


def wait_until_open(settings: Settings) -> None:
    """Until it answers.  SettingsError: it does not."""
    url = f"http://{settings.http_host}:{settings.http_port}/livez"
    ends = time.monotonic() + OPEN_SECONDS
    while time.monotonic() < ends:
        try:
            urllib3.request("GET", url, timeout=1.0, retries=False)
        except urllib3.exceptions.HTTPError:
            time.sleep(LOOK_SECONDS)
        else:
            return
    raise SettingsError(
        f"the HTTP interface does not answer on {url}: see {settings.data_dir / 'log' / 'door.log'}"
    )
