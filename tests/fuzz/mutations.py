"""Changes that get past the first check of a format: DER with its lengths, ZIP with its sums.

A change of bytes alone is refused at the door; so the inside is changed, and what is around it is
written anew.  Which place and how, a Mutate says: libFuzzer's in a run, dice in the tests.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from factory.errors import PackageError
from factory.ofd.package import Member, opened, packed
from factory.seals import der

MOST_ELEMENTS = 4000
NUMBER = re.compile(rb"(?<![\w.])-?\d{1,10}(?![\w.])")
PDF_WORD = re.compile(rb"/[A-Za-z]+|\d+ 0 R|<<|>>|\[|\]")
OBJECT = re.compile(rb"(\d+) 0 obj(.*?)endobj", re.DOTALL)
RANGE = re.compile(rb"/ByteRange\s*\[([0-9 ]+)\]")
LAST_XREF = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*\Z")
ODD_NUMBERS = (b"0", b"-1", b"1", b"255", b"65536", b"2147483648", b"99999999999", b"1.5")
ODD_WORDS = (
    b"null", b"true", b"[]", b"{}", b'""', b"NaN", b"-Infinity", b"1e999", b'"\\ud800"',
    b'"\\u0000"', b'"\xe2\x80\xae"', b"9" * 400, b"[[[[[[[[", b'{"a":{"a":{"a":', b"-0", b"1E400",
    '"A\u0301\u0316\u0301\u0316"'.encode(), b'"2024-02-30"', b'"0001-01-01T00:00:00+23:59"',
)  # fmt: skip
REVISION = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<</Size %d%s/Prev %s>>\nstartxref\n%d\n%%%%EOF\n"
PDF_WORDS = (
    b"null", b"<<>>", b"[]", b"()", b"<>", b"1 0 R", b"99 0 R", b"/Type", b"[0 1 2]", b"true",
    b"<</Kids[1 0 R]>>", b"-1", b"1000000000", b"/Prev 0", b"/XRefStm 0", b"stream\n", b"endobj\n",
)  # fmt: skip


class Mutate(Protocol):
    """What changes bytes, and throws the dice for where."""

    dice: Random

    def __call__(self, data: bytes) -> bytes:
        """Other bytes, a little longer at the most."""


@dataclass(frozen=True, slots=True)
class ByDice:
    """Some changes at places that are drawn: for the tests, which go without libFuzzer."""

    dice: Random

    def __call__(self, data: bytes) -> bytes:
        """A byte or a run of them changed, doubled, taken out or put in."""
        place, size = self.dice.randint(0, len(data)), self.dice.choice((1, 1, 2, 4, 16))
        piece = data[place : place + size]
        return self.dice.choice(
            (
                data[:place] + self.dice.randbytes(len(piece)) + data[place + size :],
                data[:place] + data[place + size :],
                data[:place] + piece + data[place:],
                data[:place] + self.dice.randbytes(size) + data[place:],
                data[:place],
            )
        )


def of_bytes(data: bytes, mutate: Mutate) -> bytes:
    """Any change."""
    return mutate(data)


def of_text(data: bytes, mutate: Mutate) -> bytes:
    """JSON or a table: a value for another, now and then; else any change."""
    dice = mutate.dice
    if dice.randrange(3) == 0:
        return mutate(data)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        words = [each.span() for each in re.finditer(rb'"[^"]*"|[\w.-]+', data)]
        return _replaced(data, words, dice, ODD_WORDS)
    return _with_other_value(value, dice)


def _with_other_value(value: object, dice: Random) -> bytes:
    """One value somewhere in it becomes an odd one."""
    mark = f"mark {dice.random()}"
    places = list(_places(value))
    if not places:
        return dice.choice(ODD_WORDS)
    holder, key = dice.choice(places)
    holder[key] = mark  # type: ignore[index]
    text = json.dumps(value, ensure_ascii=dice.random() < 0.5)
    return text.encode("utf-8", "surrogatepass").replace(
        json.dumps(mark).encode(), dice.choice(ODD_WORDS)
    )


def _places(value: object) -> Iterator[tuple[object, object]]:
    found = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in list(found):
        yield value, key
        yield from _places(inner)


def of_der(data: bytes, mutate: Mutate) -> bytes:
    """One element changed, and all lengths around it right again; now and then not."""
    dice = mutate.dice
    spans = list(_elements(data))
    if not spans or dice.randrange(8) == 0:
        return mutate(data)
    start, inside, end, around = dice.choice(spans)
    whole, content = data[start:end], data[inside:end]
    way = dice.randrange(6)
    if way < 3:
        new = _element(data[start], mutate(content))
    elif way == 3:
        new = _element(dice.randrange(256), content)
    elif way == 4:
        new = dice.choice((b"", whole * 2, _element(0x30, whole), _element(0x04, whole)))
    else:
        a, _, b, _ = dice.choice(spans)
        new = data[a:b]
    return _rewritten(data, start, end, around, new)


def _elements(
    data: bytes, start: int = 0, end: int | None = None, around: tuple[tuple[int, int], ...] = ()
) -> Iterator[tuple[int, int, int, tuple[tuple[int, int], ...]]]:
    """Start, content and end of all elements, and of each those around it, outermost first.

    Looks into what is constructed, and into octets and bits that hold an element.
    """
    stack = [(start, len(data) if end is None else end, around)]
    count = 0
    while stack:
        place, limit, outer = stack.pop()
        while place + 2 <= limit and count < MOST_ELEMENTS:
            found = _header(data, place, limit)
            if found is None:
                break
            inside, stop = found
            count += 1
            yield place, inside, stop, outer
            deeper = (*outer, (place, inside))
            if data[place] & 0x20:
                stack.append((inside, stop, deeper))
            elif data[place] in (0x04, 0x03) and len(outer) < 24:
                skip = data[place] == 0x03
                inner = _header(data, inside + skip, stop)
                if inner is not None and inner[1] == stop and data[inside + skip] in (0x30, 0x31):
                    stack.append((inside + skip, stop, deeper))
            place = stop


def _header(data: bytes, place: int, limit: int) -> tuple[int, int] | None:
    if place + 2 > limit:
        return None
    first, inside = data[place + 1], place + 2
    if first >= 0x80:
        size = first & 0x7F
        if not 0 < size <= 4 or inside + size > limit:
            return None
        first = int.from_bytes(data[inside : inside + size], "big")
        inside += size
    return (inside, inside + first) if inside + first <= limit else None


def _element(tag: int, content: bytes) -> bytes:
    return der.element(tag, content)


def _rewritten(
    data: bytes, start: int, end: int, around: Sequence[tuple[int, int]], new: bytes
) -> bytes:
    """From the inside out every element around it is written with its new length."""
    for outer, inside in reversed(around):
        _, stop = _header(data, outer, len(data)) or (inside, len(data))
        content = data[inside:start] + new + data[end:stop]
        start, end, new = outer, stop, _element(data[outer], content)
    return data[:start] + new + data[end:]


def of_package(data: bytes, mutate: Mutate) -> bytes:
    """One member changed, and the package packed again; now and then its own bytes."""
    dice = mutate.dice
    try:
        members = dict(opened(data))
    except PackageError:
        return mutate(data)
    if dice.randrange(6) == 0:
        return mutate(data)
    name = dice.choice(sorted(members))
    way = dice.randrange(6)
    if way == 0:
        members[dice.choice(("Doc_0/Other.xml", "OFD.xml ", name.upper(), "a/../b"))] = members[
            name
        ]
    elif way == 1:
        del members[name]
    else:
        members[name] = _member(members[name], mutate)
    try:
        return packed([Member(name=key, data=value) for key, value in members.items()])
    except PackageError:
        return mutate(data)


def _member(content: bytes, mutate: Mutate) -> bytes:
    dice = mutate.dice
    if content[:1] == b"\x30":
        return of_der(content, mutate)
    if b"<" not in content[:100]:
        return mutate(content)
    words = [each.span() for each in re.finditer(rb">[^<>]+<|\"[^\"]*\"|<[^<>]+>", content)]
    if not words or dice.randrange(3) == 0:
        return mutate(content)
    return _replaced(content, words, dice, [content[a:b] for a, b in words])


def of_pdf(data: bytes, mutate: Mutate) -> bytes:
    """A word, number or object for another, in its room or in a revision behind the file."""
    return mutate.dice.choice(PDF_WAYS)(data, mutate)


def _other_number(data: bytes, mutate: Mutate) -> bytes:
    spans = [each.span() for each in NUMBER.finditer(data)]
    return _replaced(data, spans, mutate.dice, ODD_NUMBERS)


def _other_word(data: bytes, mutate: Mutate) -> bytes:
    """An odd one, or one of the file's own."""
    spans = [each.span() for each in PDF_WORD.finditer(data)]
    own = [data[a:b] for a, b in spans]
    return _replaced(data, spans, mutate.dice, mutate.dice.choice((PDF_WORDS, own or PDF_WORDS)))


def _with_range_set_right(data: bytes, mutate: Mutate) -> bytes:
    return _range_set_right(mutate(data))


def _range_set_right(data: bytes) -> bytes:
    """The last byte range reaches the end again: whoever adds something mends that too."""
    found = list(RANGE.finditer(data))
    if not found:
        return data
    numbers = found[-1][1].split()
    if len(numbers) != 4:
        return data
    numbers[3] = b"%d" % max(0, len(data) - int(numbers[2]))
    written = b" ".join(numbers).ljust(len(found[-1][1]))[: len(found[-1][1])]
    return data[: found[-1].start(1)] + written + data[found[-1].end(1) :]


def _revised(data: bytes, mutate: Mutate) -> bytes:
    """One more revision, in which an object is another (ISO 32000-2, 7.5.6)."""
    bodies = list(OBJECT.finditer(data))
    before = LAST_XREF.search(data)
    if not bodies or before is None:
        return mutate(data)
    found = mutate.dice.choice(bodies)
    inner = [each.span() for each in re.finditer(rb"/[A-Za-z]+|\d+ 0 R|\d+", found[2])]
    body = _replaced(found[2], inner, mutate.dice, PDF_WORDS)
    number = int(found[1])
    at = len(data)
    new = b"%d 0 obj%sendobj\n" % (number, body)
    root = re.findall(rb"/Root\s+\d+ 0 R", data)
    tail = REVISION % (
        number, at, number + 100, root[-1] if root else b"", before[1], at + len(new),
    )  # fmt: skip
    return data + new + tail


def _in_container(data: bytes, mutate: Mutate) -> bytes:
    """A signature container changed as DER, in the room that it has."""
    found = list(re.finditer(rb"<((?:[0-9A-Fa-f]{2}){64,})>", data))
    if not found:
        return mutate(data)
    hole = mutate.dice.choice(found)
    room = len(hole[1])
    content = bytes.fromhex(hole[1].decode())
    size = _header(content, 0, len(content))
    changed = of_der(content[: size[1]] if size else content, mutate)
    digits = changed.hex().encode().ljust(room, b"0")[:room]
    return data[: hole.start(1)] + digits + data[hole.end(1) :]


def _in_stream(data: bytes, mutate: Mutate) -> bytes:
    """What a deflated stream holds, changed; its length is told anew where there is room."""
    found = list(re.finditer(rb"/Length\s+(\d+)[^>]*>>\s*stream\r?\n", data))
    if not found:
        return mutate(data)
    head = mutate.dice.choice(found)
    size = min(int(head[1]), len(data))
    packed_up = data[head.end() : head.end() + size]
    try:
        content = zlib.decompressobj().decompress(packed_up, 1 << 20)
        new = zlib.compress(mutate(content), 9)
    except zlib.error:
        new = mutate(packed_up)
    new = new.ljust(size, b"\0")[:size] if mutate.dice.randrange(2) else new
    told = (b"%d" % len(new)).rjust(len(head[1]), b"0")
    header = data[head.start() : head.start(1)] + told + data[head.end(1) : head.end()]
    return data[: head.start()] + header + new + data[head.end() + size :]


def _replaced(
    data: bytes, spans: Sequence[tuple[int, int]], dice: Random, words: Sequence[bytes]
) -> bytes:
    """One of the spans is another word; so that nothing behind moves, in its room where it can."""
    if not spans:
        return data + dice.choice(words)
    start, end = dice.choice(spans)
    word = dice.choice(words)
    if len(word) < end - start and dice.randrange(4):
        word = word.ljust(end - start)
    return data[:start] + word + data[end:]


PDF_WAYS = (
    of_bytes, _with_range_set_right, _revised, _in_container, _in_stream, _other_number,
    _other_word, _other_word,
)  # fmt: skip
