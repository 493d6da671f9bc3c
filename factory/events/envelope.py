"""The envelope (CloudEvents 1.0, JSON structured mode) around the data: bytes to one Event."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from factory.errors import InvalidEventError
from factory.events.data import EVENT_TYPES, Data
from factory.events.parts import Part
from factory.events.strict_json import NotStrictError, Path, canonical_bytes, loads
from factory.events.text import Identifier, Instant

MAX_EVENT_BYTES = 1024 * 1024
MAX_PROBLEMS = 50

Problem = tuple[str, str]  #: (path, rule)
D = TypeVar("D")


class Envelope(BaseModel, Generic[D]):
    """A CloudEvent's own attributes; others may be added by whoever carries it."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    specversion: Literal["1.0"] = Field(description="CloudEvents version")
    source: Identifier = Field(description="The upstream system (来源系统), a URI reference")
    id: Identifier = Field(description="With source unique: the same pair is the same event")
    type: str = Field(description="What happened")
    time: Instant | None = Field(default=None, description="When it happened")
    datacontenttype: str | None = Field(
        default=None, pattern=r"^application/json(;.*)?$", description="Media type of data"
    )
    dataschema: Identifier | None = Field(default=None, description="URI of the data's schema")
    subject: Identifier | None = Field(default=None, description="Not read")
    correlationid: str | None = Field(
        default=None,
        pattern=r"^[!-~]{1,64}$",
        description="Follows the work into logs and notices; it names nobody",
    )
    data: D


class _AnyData(Envelope[object]):
    """For an event of unknown type: what is wrong with the rest is told as well."""


ENVELOPES: Mapping[str, type[Envelope[Any]]] = MappingProxyType(
    # mypy cannot subscript with a value; pydantic makes the class of that type
    {
        name: cast("type[Envelope[Any]]", Envelope.__class_getitem__(data))
        for name, data in EVENT_TYPES.items()
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened upstream, checked whole.

    time:      aware, UTC.
    canonical: the content in one spelling, see ``canonical``.
    """

    source: str
    id: str
    type: str
    data: Data = field(repr=False)
    time: datetime | None = None
    correlation_id: str | None = None
    canonical: bytes = field(default=b"", repr=False)


def parse(raw: bytes) -> Event:
    """One event from its bytes.

    InvalidEventError: every problem, each (path, rule); no value is ever repeated.  Rules over
    several fields are told once the fields themselves stand.
    """
    value = _object(raw)
    return _event(_checked(value), canonical_bytes(_content(value)))


def understood(source: str, event_id: str, kind: str, data: Mapping[str, Any]) -> Event:
    """An event made here of its data.

    Its canonical content is what was understood, without what goes without saying: how the data
    was written does not count.  InvalidEventError: as for ``parse``.
    """
    named = {"source": source, "id": event_id, "type": kind}
    envelope = _checked({"specversion": "1.0", **named, "data": data})
    content = envelope.data.model_dump(mode="json", exclude_defaults=True)
    return _event(envelope, canonical_bytes(named | {"data": content}))


def written(event: Event) -> bytes:
    """The bytes of an event made here, as ``parse`` reads them."""
    return b'{"specversion":"1.0",' + event.canonical[1:]


def _checked(value: dict[str, Any]) -> Envelope[Any]:
    kind = value.get("type")
    model = ENVELOPES.get(kind, _AnyData) if isinstance(kind, str) else _AnyData
    problems = [*_type_problems(kind), *_extension_problems(value)]
    try:
        envelope = model.model_validate(value)
    except ValidationError as error:
        problems += [
            _problem(each) for each in error.errors(include_url=False, include_input=False)
        ]
    if problems:
        raise _refusal(problems)
    return envelope


def canonical(event_json: bytes) -> bytes:
    """The event's content in one spelling, whatever its whitespace and order of names.

    Content is what the factory acts on: source, id, type and data.  Attributes that carriers
    add or change on the way (a trace id, a time of sending) are not part of it.
    InvalidEventError: not one JSON object.

    >>> canonical(b'{"id": "1", "traceparent": "00-1", "data": {"b": 1, "a": 2}}').decode()
    '{"data":{"a":2,"b":1},"id":"1"}'
    """
    return canonical_bytes(_content(_object(event_json)))


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_EVENT_BYTES:
        raise InvalidEventError((("event", f"is larger than {MAX_EVENT_BYTES} bytes"),))
    try:
        value = loads(raw)
    except NotStrictError as error:
        problems = [(path_text(path), rule) for path, rule in error.faults]
        raise _refusal(problems) from None
    if not isinstance(value, dict):
        raise InvalidEventError((("event", "is not a JSON object"),))
    return value


def _content(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in ("source", "id", "type", "data") if name in value}


def _event(envelope: Envelope[Any], content: bytes) -> Event:
    return Event(
        source=envelope.source,
        id=envelope.id,
        type=envelope.type,
        time=envelope.time,
        correlation_id=envelope.correlationid,
        data=envelope.data,
        canonical=content,
    )


# --- problems ---------------------------------------------------------------------------------


def _parts(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for part in base.__subclasses__():
        yield part
        yield from _parts(part)


_NAMES = frozenset(Envelope.model_fields).union(*(part.model_fields for part in _parts(Part)))

#: pydantic's kinds of error in our words.  One that is not here is told without detail, because
#: its own message might repeat the value.
_RULES = {
    "rule": "{rule}",
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_short": "has fewer than {min_length} characters",
    "string_too_long": "has more than {max_length} characters",
    "too_short": "is empty",
    "too_long": "is longer than {max_length}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "tuple_type": "must be an array",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "bytes_type": "must be base64 text",
    "bytes_too_short": "is empty",
    "datetime_type": "must be a time with its offset (RFC 3339)",
}


#: What text must look like, in words, by the pattern it is checked with.
_PATTERNS: Mapping[str, str] = {
    r"^application/json(;.*)?$": "application/json",
    r"^[!-~]{1,64}$": "1 to 64 printable ASCII characters without spaces",
    r"^[a-z][a-z0-9-]{2,40}$": "the id of an installed profile: a-z, 0-9 and -",
    r"^[0-9A-Z]{18}$": "18 digits and capital letters (GB 32100-2015)",
    r"^[0-9A-Za-z]{1,10}$": "a code of GB/T 36903, such as 111",
    r"^[!-~]([ -~]{0,30}[!-~])?$": "1 to 32 ASCII letters, digits and signs, as on the paper",
    r"^[0-9+][0-9 \-]{2,19}$": "3 to 20 digits, spaces and hyphens; + may come first",
    r"^[0-9+(][0-9 ()+\-]{2,39}$": "3 to 40 digits, spaces, hyphens, brackets and +",
    r"^[0-9a-f]{32}$": "32 hex digits in small letters, as `form prepare` gives them",
    r"^[0-9a-f]{64}$": "64 hex digits in small letters (SHA-256)",
    r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$": (
        "a key of the intake store: A-Z, a-z, 0-9, _, - and . between single slashes"
    ),
    r"^[a-z][a-z0-9_]{1,40}$": "the id of a material in the profile: a-z, 0-9 and _",
}
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")  #: of a StrEnum, as pydantic lists it


def path_text(path: Path) -> str:
    """A path as ``data.professions.0.name``.

    A name that is no field of ours is shown as ``*``: it could itself be personal data.

    >>> path_text(("data", "holder", "surname"))
    'data.holder.*'
    """
    shown = [
        str(part) if isinstance(part, int) or part in _NAMES else "*"
        for part in path
        if not (isinstance(part, str) and part.startswith("<"))  # a tag of a union, no field
    ]
    return ".".join(shown) or "event"


def _problem(error: ErrorDetails) -> Problem:
    if error["type"] == "extra_forbidden":
        return path_text(error["loc"]), _unknown_field(str(error["loc"][-1]))
    return path_text(error["loc"]), _rule(error["type"], error.get("ctx", {}))


def _rule(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"must be {_PATTERNS.get(pattern, f'text that matches {pattern}')}"
    rule = _RULES.get(kind, "breaks its schema").format_map(context)
    return _MEMBER.sub(r"\1", rule)


def _unknown_field(name: str) -> str:
    close = difflib.get_close_matches(name[:64], sorted(_NAMES), n=1, cutoff=0.75)
    return f"is not a field of this event{f': {close[0]}?' if close else ''}"


def _type_problems(kind: object) -> Iterator[Problem]:
    if isinstance(kind, str) and kind not in ENVELOPES:
        yield "type", f"is not known; known are {', '.join(ENVELOPES)}"


def _extension_problems(value: Mapping[str, Any]) -> Iterator[Problem]:
    """Extension attributes: CloudEvents 1.0 section 3.1 (names) and JSON format section 2.2."""
    for name in value.keys() - Envelope.model_fields.keys():
        if not re.fullmatch(r"[a-z0-9]{1,20}", name):
            yield "*", "an extension attribute's name is 1 to 20 of a-z and 0-9 (CloudEvents 1.0)"
        elif isinstance(value[name], dict | list | float):
            yield "*", "an extension attribute is text, a whole number or a boolean"


def _refusal(problems: Iterable[Problem]) -> InvalidEventError:
    found = tuple(dict.fromkeys(problems))
    if len(found) > MAX_PROBLEMS:
        found = (*found[:MAX_PROBLEMS], ("event", f"and {len(found) - MAX_PROBLEMS} more problems"))
    return InvalidEventError(found)
