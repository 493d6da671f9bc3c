"""The master of one worker process: dramatiq's own, whose lines are JSON like everybody's.

``python -m jobs.master jobs.worker:start --queues bulk --processes 1 --threads 1``
"""

from __future__ import annotations

import os
import sys

from dramatiq import cli

from jobs import logs
from jobs.settings import Settings


def main() -> int:
    """Until SIGTERM; dramatiq's exit code."""
    logs.configure(Settings.from_env(os.environ).log_level)
    return int(cli.main())  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main())
