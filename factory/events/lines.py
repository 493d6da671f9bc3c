"""A stream of events cut into single ones: JSON Lines, one object over many lines, or a batch."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Protocol

from factory.errors import InvalidEventError
from factory.events.envelope import MAX_EVENT_BYTES

MAX_BATCH_BYTES = 16 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
DECODER = json.JSONDecoder()
WINDOWS = (64 * 1024, MAX_EVENT_BYTES + 1)  #: characters looked at; most events need the first
EMPTY = re.compile(r"\[\s*\]\s*")
SEPARATOR = re.compile(r"\s*([,\]])\s*")
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')

Line = tuple[int, bytes]


class Source(Protocol):
    """What a binary file and ``io.BytesIO`` have in common."""

    def readline(self, size: int = -1, /) -> bytes:
        """Up to and including the next line feed, at most ``size`` bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes."""


def split_lines(stream: Source) -> Iterator[Line]:
    """Each event's bytes with its line, counted from 1; nothing is left out, broken or not.

    JSON Lines are passed on as they are read.  An object over several lines counts at its first
    one; a brace in the first column begins the next, so a broken object takes no other with it.
    A CloudEvents batch (a JSON array) gives the element's place instead of the line; what follows
    an element that is broken, or larger than an event may be, is one with it.
    InvalidEventError: a batch larger than MAX_BATCH_BYTES.

    >>> import io
    >>> list(split_lines(io.BytesIO(b'{"a": 1}\\n\\n{"b":\\n 2}\\n')))
    [(1, b'{"a": 1}'), (3, b'{"b":\\n 2}')]
    >>> list(split_lines(io.BytesIO(b'[{"a": 1}, {"b": 2}]')))
    [(1, b'{"a": 1}'), (2, b'{"b": 2}')]
    """
    lines = bare_lines(stream)
    first = next(lines, None)
    if first and first[1].lstrip().startswith(b"["):
        return _elements(_batch(first[1].lstrip(), stream))
    return _objects(first, lines)


def bare_lines(stream: Source) -> Iterator[Line]:
    """Lines that are not blank; one that is too long is cut just past the limit."""
    number = 0
    while chunk := stream.readline(MAX_EVENT_BYTES + 2):
        number += 1
        line = chunk.removeprefix(BOM) if number == 1 else chunk
        if text := line.rstrip():
            yield number, text if line.endswith(b"\n") else line
        while chunk and not chunk.endswith(b"\n"):
            chunk = stream.readline(MAX_EVENT_BYTES)


def _objects(pending: Line | None, lines: Iterator[Line]) -> Iterator[Line]:
    while pending:
        number, line = pending
        if (depth := _depth(line)) > 0:
            line, pending = _gathered(line, depth, lines)
        else:
            pending = next(lines, None)
        yield number, line.lstrip()


def _gathered(first: bytes, depth: int, lines: Iterator[Line]) -> tuple[bytes, Line | None]:
    """The object that the line opens, closed or broken off, and the line after it."""
    held, size = [first], len(first)
    following = None
    for following in lines:
        line = following[1]
        if depth == 0 or line.startswith(b"{"):
            break
        if size <= MAX_EVENT_BYTES:  # what is larger is refused anyway
            held.append(line)
        depth, size = depth + _depth(line), size + len(line) + 1
    else:
        following = None
    return b"\n".join(held), following


def _depth(line: bytes) -> int:
    """How many objects and arrays the line leaves open; far below zero for half a string."""
    bare = STRING.sub(b"", line)
    if b'"' in bare:
        return -MAX_EVENT_BYTES
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")


def _batch(head: bytes, stream: Source) -> bytes:
    whole = head + (b"\n" if len(head) <= MAX_EVENT_BYTES else b"")
    whole += stream.read(MAX_BATCH_BYTES + 1)
    if len(whole) > MAX_BATCH_BYTES:
        rule = f"is larger than {MAX_BATCH_BYTES} bytes; send JSON Lines instead"
        raise InvalidEventError((("batch", rule),))
    return whole


def _elements(batch: bytes) -> Iterator[Line]:
    try:
        text = batch.decode()
    except UnicodeDecodeError:
        yield 1, batch
        return
    if not EMPTY.fullmatch(text):
        yield from _cut(text)


def _cut(text: str) -> Iterator[Line]:
    position = len(text) - len(text[1:].lstrip())  # past the bracket and space
    for place in itertools.count(1):
        end = _element_end(text, position)
        yield place, text[position:end].strip().encode()
        if end is None:
            return
        mark = SEPARATOR.match(text, end)
        position = mark.end() if mark else end
        if mark is None or mark[1] == "]":
            break
    if mark is None or position < len(text):  # broken off, or followed by something
        yield place + 1, text[position:].encode()


def _element_end(text: str, start: int) -> int | None:
    """Where the element ends; None when it is not JSON, or larger than an event may be.

    That is not found by reading on, which would take seconds in one breath.
    """
    for size in WINDOWS:
        try:
            return start + DECODER.raw_decode(text[start : start + size])[1]
        except RecursionError:
            return None
        except ValueError:
            continue
    return None
