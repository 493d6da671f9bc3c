"""JSON of the factory as the dataclasses of `answers`; what is new in an answer is passed over."""

from __future__ import annotations

import base64
import dataclasses
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from certfactory_client.errors import AnswerError

T = TypeVar("T")


def read(kind: type[T], said: Any) -> T:
    """An answer of that kind.  AnswerError: it is of another."""
    try:
        found: T = _read(kind, said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnswerError(f"{kind.__name__}: the answer is of another version: {error}") from error
    return found


def _read(kind: Any, said: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if said is None else _read(inner[0], said)
    if origin is tuple:
        return tuple(_read(inner[0], each) for each in said)
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, said)
    if kind is datetime:
        return datetime.fromisoformat(said.replace("Z", "+00:00"))
    return base64.b64decode(said) if kind is bytes else said


def _read_fields(kind: Any, said: Any) -> Any:
    given = {name: _read(hint, said[name]) for name, hint in _hints(kind).items() if name in said}
    return kind(**given)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
