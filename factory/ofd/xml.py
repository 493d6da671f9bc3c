"""XML of OFD: text escaped and numbers written; members parsed within limits, places resolved.

GB/T 33190-2016, 7.2 and 7.3.  UTF-8 only.  A byte order mark is taken when reading, since files
of others have one and it hides nothing, and is never written.  No DTD, no entity beside XML's own
five, no processing instruction, nothing fetched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from lxml import etree

from factory.errors import FieldError, PackageError

NAMESPACE = "http://www.ofdspec.org/2016"
#: what files of others say instead: the namespace of the draft, or none
NAMESPACES = frozenset({NAMESPACE, "http://www.ofdspec.org", None})

MOST_BYTES = 4 * 1024 * 1024
MOST_ELEMENTS = 100_000
MOST_DEPTH = 64
MOST_ATTRIBUTES = 64
MOST_ATTRIBUTE = 64 * 1024
BLANKS = " \t\r\n"

UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)


def escaped(text: str) -> str:
    """The text as it stands between tags or in an attribute's double quotes.

    FieldError: a character that XML 1.0 (2.2) cannot carry.
    """
    found = UNWRITABLE.search(text)
    if found:
        raise FieldError("text", "XML 1.0, 2.2", f"U+{ord(found[0]):04X} cannot be written")
    return text.translate(ESCAPES)


def number(value_mm: float) -> str:
    """A decimal of at most three places, without exponent, trailing zeros or a negative zero."""
    if not math.isfinite(value_mm):
        raise FieldError("number", "GB/T 33190-2016", "is not finite")
    written = f"{value_mm:.3f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def parsed(data: bytes) -> etree._Element:
    """The root element of a member.

    PackageError: not well-formed, not UTF-8, or larger, deeper or richer than a member may be.
    """
    if len(data) > MOST_BYTES:
        raise PackageError("XML that is too large")
    _check_encoding(data)
    _Limits().check(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        raise PackageError("XML that is not well-formed") from None


def _check_encoding(data: bytes) -> None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise PackageError("XML that is not UTF-8") from None
    if "\0" in text:
        raise PackageError("XML that is not UTF-8")


@dataclass(slots=True)
class _Limits:
    """What expat meets on its way through, before any tree is built."""

    depth: int = 0
    elements: int = 0

    def check(self, data: bytes) -> None:
        parser = expat.ParserCreate()
        parser.XmlDeclHandler = self._declaration
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        try:
            parser.Parse(data, True)
        except expat.ExpatError:
            raise PackageError("XML that is not well-formed") from None

    def _declaration(self, version: str, encoding: str | None, _: int) -> None:
        if version != "1.0" or (encoding or "utf-8").lower() != "utf-8":
            raise PackageError("XML that is not UTF-8")

    def _start(self, _: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > MOST_DEPTH:
            raise PackageError("XML that is too deep")
        if self.elements > MOST_ELEMENTS:
            raise PackageError("XML with too many elements")
        if len(attributes) > MOST_ATTRIBUTES or any(
            len(value) > MOST_ATTRIBUTE for value in attributes.values()
        ):
            raise PackageError("XML with attributes beyond measure")

    def _end(self, _: str) -> None:
        self.depth -= 1

    def _doctype(self, *_: object) -> None:
        raise PackageError("XML with a DTD")

    def _instruction(self, *_: object) -> None:
        raise PackageError("XML with a processing instruction")


def local(element: etree._Element) -> str:
    """The name of an element of OFD without its namespace; empty for one of any other."""
    name = etree.QName(element)
    return name.localname if name.namespace in NAMESPACES else ""


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """The children of that name, in their order."""
    return (child for child in element if local(child) == name)


def child(element: etree._Element, name: str) -> etree._Element | None:
    """The one child of that name; None where there is none.

    PackageError: there are two, of which readers would choose differently.
    """
    found = list(children(element, name))
    if len(found) > 1:
        raise PackageError("an element that stands twice")
    return found[0] if found else None


def text(element: etree._Element | None) -> str | None:
    """What an element says, without blanks around it; None for no element.

    PackageError: it holds other elements between its words.
    """
    if element is None:
        return None
    if len(element):
        raise PackageError("elements where a word is expected")
    return (element.text or "").strip(BLANKS)


def located(base: str, loc: str) -> str:
    """The member that an ST_Loc names (GB/T 33190-2016, 7.3).

    base: the member in which it is written; a leading slash means the root of the package.
    PackageError: it leads out of the package, or names no member.
    """
    place = loc.strip(BLANKS)
    if not place or "\\" in place or ":" in place or not place.isprintable():
        raise PackageError("a place that names no member")
    parts = [] if place.startswith("/") else base.split("/")[:-1]
    for part in place.removeprefix("/").split("/"):
        _step(parts, part)
    if not parts or place.endswith("/"):
        raise PackageError("a place that names no member")
    return "/".join(parts)


def _step(parts: list[str], part: str) -> None:
    if part == "..":
        if not parts:
            raise PackageError("a place outside the package")
        parts.pop()
    elif not part:
        raise PackageError("a place that names no member")
    elif part != ".":
        parts.append(part)
