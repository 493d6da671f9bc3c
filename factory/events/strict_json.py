"""JSON read strictly (RFC 8259, I-JSON RFC 7493): one meaning a text, or a problem."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

MAX_DEPTH = 32

Path = tuple[str | int, ...]
Fault = tuple[Path, str]  #: where, and the rule it breaks


class _Doubled(dict[str, Any]):
    """An object that gave one of its names twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else _Doubled(pairs)


class NotStrictError(ValueError):
    """The text is not strict JSON; ``faults`` says where and why, without the values."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


def loads(raw: bytes) -> Any:
    """The JSON value; a byte order mark is tolerated.

    NotStrictError: not UTF-8, not JSON, a name twice in one object, NaN or an infinity, a lone
    surrogate, or nested too deeply.
    """
    value = _decoded(raw)
    if faults := tuple(_faults(value, ())):
        raise NotStrictError(*faults)
    return value


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        rule = f"is not UTF-8 at byte {error.start + 1}"
    except json.JSONDecodeError as error:
        rule = f"is not JSON (RFC 8259) at line {error.lineno} column {error.colno}"
    except RecursionError:
        rule = "is nested too deeply"
    except ValueError:
        rule = "holds a number with too many digits"
    raise NotStrictError(((), rule))


def _faults(value: Any, path: Path) -> Iterator[Fault]:
    """What Python's reader lets pass and I-JSON does not."""
    if len(path) > MAX_DEPTH:
        yield path, "is nested too deeply"
    elif isinstance(value, dict):
        yield from _object_faults(value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, (*path, index))
    elif isinstance(value, str) and not _is_unicode(value):
        yield path, "holds half a surrogate pair (RFC 7493 clause 2.1)"
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, "is not a finite number (RFC 8259 clause 6)"


def _object_faults(value: dict[str, Any], path: Path) -> Iterator[Fault]:
    if isinstance(value, _Doubled):
        yield path, "names a field twice (RFC 7493 clause 2.3)"
    for name, item in value.items():
        if not _is_unicode(name):
            yield path, "names a field with half a surrogate pair"
        yield from _faults(item, (*path, name))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def canonical_bytes(value: Mapping[str, Any]) -> bytes:
    """One spelling of the value: sorted names, no spaces, UTF-8.

    >>> canonical_bytes({"b": 1, "a": "沪"}).decode()
    '{"a":"沪","b":1}'
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()
