"""Objects of the store that are the product's own marks: no row names them, and nobody misses one.

Whoever goes through the store's list passes over them by this one list.
"""

from __future__ import annotations

READY = ".ready"  #: put, read and deleted again, so that an embedded store is known to be ready
PROBES = "probe/"  #: whether the store creates only what is not there
ERASURES = "erased/"  #: marks of erasures, by which a backup brings nobody back
LOG = "log/"  #: heads of the log


def is_own(key: str) -> bool:
    """Whether it is a mark of ours.

    >>> is_own("erased/ab.json"), is_own(".ready"), is_own("gansu/1/001/certificate.pdf")
    (True, True, False)
    """
    return key == READY or key.startswith((PROBES, ERASURES, LOG))
