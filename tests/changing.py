"""Values with other fields, tuples and dataclasses alike: ``copy.replace`` of Python 3.13."""

import dataclasses
from typing import Any, TypeVar

V = TypeVar("V")


def replace(value: V, /, **changes: object) -> V:
    """The value but for these fields."""
    named: Any = value
    found: V = (
        named._replace(**changes)
        if isinstance(value, tuple)
        else dataclasses.replace(named, **changes)
    )
    return found
