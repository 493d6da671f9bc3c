"""What one input may cost of a core and of memory: bounds of the product, not of a machine."""

from __future__ import annotations

import logging
import resource
import warnings
from collections.abc import Callable
from pathlib import Path
from time import process_time

SECONDS = 10  #: of one core for one input, however slow the machine: what is judged takes 0.1
SPARE = 512 << 20  #: bytes of address space beside what the program has when it begins


class TooSlowError(AssertionError):
    """An input took longer than any may."""


def timed(run: Callable[[bytes], None], data: bytes) -> float:
    """How many seconds of a core it took.  TooSlowError: more than SECONDS."""
    before = process_time()
    run(data)
    spent = process_time() - before
    if spent > SECONDS:
        raise TooSlowError(f"{len(data)} bytes took {spent:.1f} s of a core")
    return spent


def bound_memory(spare: int = SPARE) -> None:
    """From now on this process gets no more than that; MemoryError where it asks for it."""
    here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (here + spare, resource.RLIM_INFINITY))


def silence() -> None:
    """Readers of PDF have much to say of such files."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
