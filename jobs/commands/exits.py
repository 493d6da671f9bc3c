"""Exit codes, and which failure ends with which.

0 done; 1 something was refused, or a document is not genuine; 2 wrong usage (click's own);
3 this machine is not set up for it; 4 no such thing; 5 its state does not allow it; 6 a
neighbour gave no answer, try again; 7 genuine, but no longer in force.
"""

from __future__ import annotations

from collections.abc import Sequence

from factory.errors import (
    REASONS,
    AwaitsError,
    ConflictError,
    FactoryError,
    NotFoundError,
    SettingsError,
    TransientError,
)

REFUSED, NOT_SET_UP, NOT_FOUND, CONFLICT, UNAVAILABLE, NOT_IN_FORCE = 1, 3, 4, 5, 6, 7
CODES: Sequence[tuple[type[FactoryError], int]] = (
    (SettingsError, NOT_SET_UP),
    (NotFoundError, NOT_FOUND),
    (ConflictError, CONFLICT),
    (AwaitsError, CONFLICT),
    (TransientError, UNAVAILABLE),
    (FactoryError, REFUSED),
)


def code_of(error: FactoryError) -> int:
    """What a program that called the command is told of this failure."""
    return _code(type(error))


def code_of_fault(fault: str) -> int:
    """The same, of a failure that is told by its closed word."""
    return next((_code(kind) for kind, word in REASONS.items() if word == fault), REFUSED)


def _code(kind: type[FactoryError]) -> int:
    return next(code for known, code in CODES if issubclass(kind, known))
