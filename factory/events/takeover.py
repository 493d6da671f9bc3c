"""Taking over a register: each row of a table, or line of JSON, becomes one import event.

The event's id is made of the registration number, in whatever spelling, so that importing a file
again says nothing new, and another row about the same number is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from factory.errors import InvalidEventError
from factory.events import tabular
from factory.events.data import RegistrationImported
from factory.events.envelope import Event, parse, path_text, understood, written
from factory.events.lines import Line, Source, bare_lines, split_lines
from factory.events.strict_json import NotStrictError, loads
from factory.events.tabular import Problem
from factory.events.text import MOST_CHARACTERS
from factory.numbering import number_key

IMPORTED = "registration.imported"
MAX_KEY_LENGTH = 64


class Format(StrEnum):
    """How the register is written."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where rows come from, for what they do not say themselves."""

    format: Format
    source: str
    profile: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row.

    line:     counted from 1.
    raw:      as it came, to be written where it can be corrected.
    event:    what it says; None: it cannot be read.
    body:     the event's bytes.
    problems: (column, rule) of a row that cannot be read.
    """

    line: int
    raw: bytes = field(repr=False)
    event: Event | None = field(default=None, repr=False)
    body: bytes = field(default=b"", repr=False)
    problems: tuple[Problem, ...] = ()

    @property
    def by_number(self) -> bool:
        """Whether the number names the event, and not an id it came with."""
        return self.body is not self.raw


def first_line(stream: Source) -> bytes:
    """The header of a table, without a byte order mark.  InvalidEventError: there is none."""
    return _first(bare_lines(stream))


def _first(lines: Iterator[Line]) -> bytes:
    found = next(lines, None)
    if found is None:
        raise InvalidEventError(((tabular.HEADER, "is missing: the file is empty"),))
    return found[1]


def rows(stream: Source, origin: Origin) -> Iterator[Row]:
    """Every row of a file, right or wrong.

    InvalidEventError: the header of a table, or a JSON array that is too large.
    """
    return _table(stream, origin) if origin.format is Format.CSV else _json(stream, origin)


# --- CSV --------------------------------------------------------------------------------------


def _table(stream: Source, origin: Origin) -> Iterator[Row]:
    lines = bare_lines(stream)
    columns = tabular.header(_first(lines))
    for line, raw in lines:
        if not tabular.is_blank(raw):
            yield _table_row(line, raw, columns, origin)


def _table_row(line: int, raw: bytes, columns: tuple[tabular.Column, ...], origin: Origin) -> Row:
    try:
        data, problems = tabular.row(columns, raw)
    except InvalidEventError as error:
        return Row(line=line, raw=raw, problems=error.problems)
    try:
        event = _event(data, origin)
    except InvalidEventError as error:
        told = {column for column, _ in problems}
        found = [tabular.column_of(path, rule) for path, rule in error.problems]
        problems += tuple(each for each in found if each[0] not in told)
    if problems:
        return Row(line=line, raw=raw, problems=problems)
    return Row(line=line, raw=raw, event=event, body=written(event))


def _event(data: dict[str, Any], origin: Origin) -> Event:
    """The event of a row that is data alone.  InvalidEventError: it breaks the schema."""
    if origin.profile is not None:
        data = {"profile": origin.profile} | data
    number = data.get("registration_number")
    key = number_key(number[:MOST_CHARACTERS]) if isinstance(number, str) else ""
    event = understood(origin.source, f"import/{key[:MAX_KEY_LENGTH]}", IMPORTED, data)
    _check_keys(event)
    return event


def _check_keys(event: Event) -> None:
    """InvalidEventError: a number that grows too long once it is written plainly."""
    assert isinstance(event.data, RegistrationImported)  # noqa: S101 - its type is ours
    named = {"registration_number": event.data.registration_number} | {
        f"former_numbers.{place}": number for place, number in enumerate(event.data.former_numbers)
    }
    rule = f"has more than {MAX_KEY_LENGTH} characters, written plainly (Unicode NFKC)"
    problems = tuple(
        (f"data.{name}", rule)
        for name, number in named.items()
        if len(number_key(number)) > MAX_KEY_LENGTH
    )
    if problems:
        raise InvalidEventError(problems)


# --- JSON Lines -------------------------------------------------------------------------------


def _json(stream: Source, origin: Origin) -> Iterator[Row]:
    for line, raw in split_lines(stream):
        yield _json_row(line, raw, origin)


def _json_row(line: int, raw: bytes, origin: Origin) -> Row:
    try:
        event, body = _said(raw, origin)
    except InvalidEventError as error:
        return Row(line=line, raw=raw, problems=error.problems)
    return Row(line=line, raw=raw, event=event, body=body)


def _said(raw: bytes, origin: Origin) -> tuple[Event, bytes]:
    """A whole event is taken as it is, with its own source and id; anything else is its data."""
    value = _object(raw)
    if "specversion" not in value:
        try:
            event = _event(value, origin)
        except InvalidEventError as error:
            found = tuple((path.removeprefix("data."), rule) for path, rule in error.problems)
            raise InvalidEventError(found) from None
        return event, written(event)
    event = parse(raw)
    if event.type != IMPORTED:
        rule = f"must be {IMPORTED}; other events are for `certfactory submit`"
        raise InvalidEventError((("type", rule),))
    _check_keys(event)
    return event, raw


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = loads(raw)
    except NotStrictError as error:
        found = tuple((path_text(path), rule) for path, rule in error.faults)
        raise InvalidEventError(found) from None
    if not isinstance(value, dict):
        raise InvalidEventError(((tabular.ROW, "is not a JSON object"),))
    return value
