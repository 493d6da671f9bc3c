"""A command that dies at a moment: ``python -m tests.jobs.faults.dying FILE:FUNCTION:EVENT words…``

It is the command line itself, which kills itself with SIGKILL when a function of ours is entered
(``call``) or left (``return``) for the first time, in whichever thread.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

import cli
from jobs.settings import Settings
from tests.signer_running import ROOT

PROGRAM = "tests.jobs.faults.dying"


def killed_at(moment: str, *words: str, settings: Settings) -> bool:
    """Whether it died there; else it came to its end."""
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM, moment, *words],
        cwd=ROOT,
        env=dict(os.environ) | settings.to_env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def _die_at(moment: str) -> None:
    file, function, event = moment.split(":")
    assert (ROOT / file).is_file()

    def look(frame: FrameType, what: str, _called: object) -> None:
        code = frame.f_code
        if what == event and code.co_name == function and code.co_filename.endswith(file):
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(look)
    sys.setprofile(look)


if __name__ == "__main__":
    _die_at(sys.argv[1])
    cli.main(sys.argv[2:])
