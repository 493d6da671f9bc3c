"""A member of the crew that drills can reach: ``python -m jobs.drill.member jobs.steward``.

The member as it is, but that its clock and its disk are the drill's.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from sqlalchemy import Engine

from jobs.drill import DRILLS, clock, room


def main() -> None:
    """Become the module that is named, with the arguments behind it."""
    del sys.argv[0]
    folder = Path(os.environ[DRILLS])
    clock.watch(folder)
    room.watch(folder, Engine)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
