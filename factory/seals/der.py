"""DER (X.690): read strictly, keeping the bytes as they are, and written.

Signatures are judged over the bytes that were signed, never over a new encoding of what they
mean, so every element keeps its own slice.  Nothing here recurses: one level is read at a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

INTEGER, BIT_STRING, OCTET_STRING, OID = 0x02, 0x03, 0x04, 0x06
UTF8, PRINTABLE, IA5 = 0x0C, 0x13, 0x16
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET, EXPLICIT_0 = 0x30, 0x31, 0xA0
NULL = b"\x05\x00"

HIGH_TAG, LONG_FORM = 0x1F, 0x80
MOST_LENGTH_BYTES = 4
MOST_PARTS = 1024
MOST_NUMBER_BYTES = 33  #: 256 bits and a sign
MOST_OID_BYTES = 64

TEXTS = {UTF8: "utf-8", PRINTABLE: "ascii", IA5: "ascii"}
#: X.690, 11.7 and 11.8: to the second, in UTC; a fraction without trailing zeros
TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,5}[1-9]))?Z")
CENTURY = 50  #: RFC 5280, 4.1.2.5.1: two digits of a year from here on are of 19..


class DerError(ValueError):
    """Bytes that are not the DER that is asked for; says no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element as it lies among other bytes.

    start, inside, end: where its tag, its content and whatever follows it stand.
    """

    source: bytes = field(repr=False)
    tag: int
    start: int
    inside: int
    end: int

    @property
    def whole(self) -> bytes:
        """Its bytes with tag and length."""
        return self.source[self.start : self.end]

    @property
    def content(self) -> bytes:
        """Its bytes without tag and length."""
        return self.source[self.inside : self.end]

    def parts(self) -> tuple[Element, ...]:
        """The elements inside a SEQUENCE or SET, or inside an explicit [0]."""
        _ask(self.tag in (SEQUENCE, SET, EXPLICIT_0), "a SEQUENCE")
        found: list[Element] = []
        place = self.inside
        while place < self.end:
            _ask(len(found) < MOST_PARTS, f"a SEQUENCE of at most {MOST_PARTS} elements")
            found.append(_at(self.source, place, self.end))
            place = found[-1].end
        return tuple(found)

    def integer(self) -> int:
        """An INTEGER in its shortest form (X.690, 8.3.2)."""
        _ask(self.tag == INTEGER and 0 < len(self.content) <= MOST_NUMBER_BYTES, "an INTEGER")
        value = int.from_bytes(self.content, "big", signed=True)
        _ask(self.content == _integer_content(value), "the shortest INTEGER")
        return value

    def oid(self) -> str:
        """An OBJECT IDENTIFIER with dots."""
        _ask(self.tag == OID and 0 < len(self.content) <= MOST_OID_BYTES, "an OBJECT IDENTIFIER")
        return _dotted(self.content)

    def text(self) -> str:
        """A string of one of the usual types: writers take them for one another."""
        encoding = TEXTS.get(self.tag)
        _ask(encoding is not None, "a string")
        try:
            return self.content.decode(encoding or "ascii")
        except UnicodeDecodeError as error:
            raise DerError("a string with characters of another type") from error

    def octets(self) -> bytes:
        """The bytes of an OCTET STRING."""
        _ask(self.tag == OCTET_STRING, "an OCTET STRING")
        return self.content

    def bits(self) -> bytes:
        """The bytes of a BIT STRING without unused bits."""
        _ask(self.tag == BIT_STRING and self.content[:1] == b"\0", "a BIT STRING of whole bytes")
        return self.content[1:]

    def time(self) -> datetime:
        """A GeneralizedTime or UTCTime, aware."""
        _ask(self.tag in (GENERALIZED_TIME, UTC_TIME), "a time")
        century = b"" if self.tag == GENERALIZED_TIME else _century(self.content)
        found = TIME.fullmatch(century + self.content)
        if found is None:
            raise DerError("a time in UTC to the second is asked for (X.690, 11.7)")
        return _moment(found)


def read(data: bytes) -> Element:
    """The one element these bytes are; DerError if anything follows it."""
    found = _at(data, 0, len(data))
    _ask(found.end == len(data), "nothing behind the element")
    return found


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of elements."""
    return element(SEQUENCE, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """A SET OF elements, in the order that DER asks for (X.690, 11.6)."""
    return element(SET, b"".join(sorted(parts)))


def integer(value: int) -> bytes:
    """An INTEGER."""
    return element(INTEGER, _integer_content(value))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER (X.690, 8.19)."""
    first, second, *others = (int(arc) for arc in dotted.split("."))
    return element(OID, b"".join(map(_base_128, (40 * first + second, *others))))


def octets(data: bytes) -> bytes:
    """An OCTET STRING."""
    return element(OCTET_STRING, data)


def bits(data: bytes) -> bytes:
    """A BIT STRING of whole bytes."""
    return element(BIT_STRING, b"\0" + data)


def ia5(text: str) -> bytes:
    """An IA5String: ASCII."""
    return element(IA5, text.encode("ascii"))


def utf8(text: str) -> bytes:
    """A UTF8String."""
    return element(UTF8, text.encode())


def generalized_time(moment: datetime) -> bytes:
    """A GeneralizedTime, in UTC to the second (X.690, 11.7)."""
    return element(GENERALIZED_TIME, f"{moment.astimezone(UTC):%Y%m%d%H%M%SZ}".encode())


def element(tag: int, content: bytes) -> bytes:
    """An element of any tag with one byte."""
    return bytes((tag,)) + _length(len(content)) + content


def _length(size: int) -> bytes:
    if size < LONG_FORM:
        return bytes((size,))
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((LONG_FORM | len(digits),)) + digits


def _at(source: bytes, start: int, limit: int) -> Element:
    """The element that starts at a place and ends before a limit."""
    _ask(start + 2 <= limit and source[start] & HIGH_TAG != HIGH_TAG, "a tag and a length")
    inside, size = _content_place(source, start + 1, limit)
    _ask(inside + size <= limit, "as many bytes as the length says")
    return Element(source=source, tag=source[start], start=start, inside=inside, end=inside + size)


def _content_place(source: bytes, place: int, limit: int) -> tuple[int, int]:
    """Where the content starts, and its size; the length in its shortest form (X.690, 10.1)."""
    if source[place] < LONG_FORM:
        return place + 1, source[place]
    inside = place + 1 + source[place] - LONG_FORM
    _ask(place + 1 < inside <= min(limit, place + 1 + MOST_LENGTH_BYTES), "a definite length")
    size = int.from_bytes(source[place + 1 : inside], "big")
    _ask(source[place:inside] == _length(size), "the shortest length")
    return inside, size


def _integer_content(value: int) -> bytes:
    magnitude = value if value >= 0 else ~value
    return value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


@lru_cache(maxsize=512)  # there are few, and they come again and again
def _dotted(content: bytes) -> str:
    _ask(not content[-1] & LONG_FORM, "a whole OBJECT IDENTIFIER")
    arcs, value = [], 0
    for byte in content:
        _ask(value or byte != LONG_FORM, "the shortest OBJECT IDENTIFIER")
        value = value << 7 | byte & 0x7F
        if not byte & LONG_FORM:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def _base_128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | LONG_FORM)
    return bytes(reversed(digits))


def _century(content: bytes) -> bytes:
    years = content[:2]
    _ask(years.isdigit(), "a year")
    return b"19" if int(years) >= CENTURY else b"20"


def _moment(found: re.Match[bytes]) -> datetime:
    *fields, fraction = found.groups()
    try:
        moment = datetime(*map(int, fields), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError as error:
        raise DerError("a time that there is") from error
    return moment + timedelta(microseconds=int((fraction or b"0").ljust(6, b"0")))


def _ask(holds: object, wanted: str) -> None:
    if not holds:
        raise DerError(f"{wanted} is asked for (X.690)")
