"""The HTTP interface of a factory that is hurt, as a process of its own."""

import os
import subprocess

from jobs import crew, door
from tests.jobs.faults.works import Works
from tests.runbooks.books import ROOT


class Door:
    """It can be opened and closed again."""

    def __init__(self, works: Works) -> None:
        self._settings = works.settings
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Until it answers."""
        environ = dict(os.environ) | crew.environment(self._settings)
        self._process = subprocess.Popen(
            door.COMMAND,
            env=environ,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        door.wait_until_open(self._settings)

    def close(self) -> None:
        """At once, as if it were killed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
