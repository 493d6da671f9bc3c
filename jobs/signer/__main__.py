"""``python -m jobs.signer``: the signer process, as its environment says, until SIGTERM."""

from __future__ import annotations

import os
import sys

from factory.errors import FactoryError
from jobs.settings import Settings
from jobs.signer import NOT_SET_UP
from jobs.signer.process import run, say


def main() -> None:
    """Run it; a foreseen failure is one line and an exit code."""
    try:
        run(Settings.from_env(os.environ))
    except FactoryError as error:
        say("error", "signer process ended", reason=error.reason, detail=str(error))
        sys.exit(NOT_SET_UP)


if __name__ == "__main__":
    main()
