"""One process that has read the code, from which the crews of a test process are forked."""

from __future__ import annotations

import atexit
from functools import lru_cache

from jobs.drill import warm
from jobs.drill.warm import Warm
from jobs.settings import Settings


@lru_cache(maxsize=1)
def ready() -> Warm:
    """It, as long as this process runs."""
    running = warm.warmed(Settings.from_env({}).prefetch)
    atexit.register(running.__exit__, None, None, None)
    return running.__enter__()
