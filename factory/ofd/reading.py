"""What an OFD package says of itself: its pages, attachments and licence id, and what is missing.

GB/T 33190-2016, 7.4 to 7.9 and 20.  A document that points to what is not there is still read,
since signatures say nothing about it: it is told as a fault.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from factory.errors import PackageError
from factory.ofd.xml import child, children, local, located, parsed, text

ENTRY = "OFD.xml"
LICENCE = "证照标识"  #: GB/T 36904-2018, as CustomData
MOST_XML = 8 * 1024 * 1024  #: of all members together
MOST_FAULTS = 16
XML = ".xml"
PLAIN_NAME = re.compile(r"[A-Za-z0-9_./-]{1,80}")

ROUNDING_MM = 0.01

#: attributes that hold the id of something else (GB/T 33190-2016, 8 to 13)
POINTERS = ("Font", "ResourceID", "DrawParam", "ColorSpace", "TemplateID", "Thumbnail")
NUMBER = re.compile(r"[0-9]{1,10}")
DECIMAL = re.compile(r"[+-]?[0-9]{1,6}(\.[0-9]{0,12})?|[+-]?\.[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """ST_Box: a rectangle in millimetres, from the top left corner."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float

    def holds(self, other: Box) -> bool:
        """Whether the other one has an area and lies inside, to a hundredth of a millimetre.

        other: its place counts from this one's corner.
        """
        return (
            min(other.x_mm, other.y_mm) >= -ROUNDING_MM
            and min(other.width_mm, other.height_mm) > 0
            and other.x_mm + other.width_mm <= self.width_mm + ROUNDING_MM
            and other.y_mm + other.height_mm <= self.height_mm + ROUNDING_MM
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file inside the file."""

    name: str
    member: str
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The first document of a package.

    documents:  how many there are.
    signatures: the member that lists the signatures; None where none is named.
    pages:      page id -> its area.
    faults:     what does not resolve, in closed words and plain member names.
    """

    members: Mapping[str, bytes] = field(repr=False)
    documents: int
    signatures: str | None
    licence_id: str | None = field(repr=False)
    pages: Mapping[str, Box | None]
    attachments: tuple[Attachment, ...]
    faults: tuple[str, ...]

    @property
    def hidden(self) -> bytes | None:
        """What the one attachment that is not shown holds; None where there is not just one."""
        found = [self.members.get(each.member) for each in self.attachments if not each.visible]
        return found[0] if len(found) == 1 else None


def read_document(members: Mapping[str, bytes]) -> Document:
    """What the members say; PackageError: they are no OFD document, or hold unfit XML."""
    _check_amount(members)
    return _Reader(members).document()


def box(written: str | None) -> Box | None:
    """The rectangle that four numbers say; None for anything else."""
    parts = (written or "").split()
    if len(parts) != 4 or not all(DECIMAL.fullmatch(part) for part in parts):  # noqa: PLR2004
        return None
    x, y, width, height = map(float, parts)
    return Box(x_mm=x, y_mm=y, width_mm=width, height_mm=height)


def plain(name: str) -> str:
    """A member's name as it may be told: one that is no plain ASCII may say anything."""
    return name if PLAIN_NAME.fullmatch(name) else "a member with another name than OFD gives"


def _check_amount(members: Mapping[str, bytes]) -> None:
    if sum(len(data) for name, data in members.items() if _is_xml(name)) > MOST_XML:
        raise PackageError("XML that is too large")


def _is_xml(name: str) -> bool:
    return name.lower().endswith(XML)


class _Reader:
    """Walks from OFD.xml to whatever it names, and notes what it meets."""

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self.members = members
        self.seen: set[str] = set()
        self.faults: list[str] = []
        self.ids: Counter[str] = Counter()
        self.pointers: set[str] = set()
        self.pages: dict[str, Box | None] = {}
        self.attachments: tuple[Attachment, ...] = ()

    def document(self) -> Document:
        entry = self._needed(ENTRY)
        bodies = list(children(entry, "DocBody"))
        if local(entry) != "OFD" or not bodies:
            raise PackageError("no OFD document")
        self._walk(_told(ENTRY, child(bodies[0], "DocRoot")))
        listed = text(child(bodies[0], "Signatures"))
        self._scan()
        return Document(
            members=self.members,
            documents=len(bodies),
            signatures=located(ENTRY, listed) if listed else None,
            licence_id=_licence_id(bodies[0]),
            pages=self.pages,
            attachments=self.attachments,
            faults=tuple(self._all_faults()),
        )

    def _needed(self, name: str) -> Any:
        if name not in self.members:
            raise PackageError("no OFD document")
        return self._tree(name)

    def _tree(self, name: str) -> Any:
        self.seen.add(name)
        return parsed(self.members[name])

    def _scan(self) -> None:
        """XML that nothing names must be fit too; attachments are anybody's."""
        free = {each.member for each in self.attachments}
        for name in self.members:
            if _is_xml(name) and name not in self.seen | free:
                self._tree(name)

    def _all_faults(self) -> Iterator[str]:
        yield from self.faults[:MOST_FAULTS]
        if any(count > 1 for count in self.ids.values()):
            yield "two of its objects have one id"
        if self.pointers - set(self.ids):
            yield "an object uses a resource that is not there"

    def _walk(self, root: str) -> None:
        document = self._needed(root)
        self._note(document)
        common, pages = child(document, "CommonData"), child(document, "Pages")
        if common is None or pages is None:
            raise PackageError("no OFD document")
        for kind in ("PublicRes", "DocumentRes"):
            for resource in children(common, kind):
                self._resource(_told(root, resource))
        for template in children(common, "TemplatePage"):
            self._page(_told(root, template, "BaseLoc"))
        usual = _area(child(common, "PageArea"))
        for page in children(pages, "Page"):
            area = self._page(_told(root, page, "BaseLoc"))
            self.pages[page.get("ID", "")] = area or usual
        self._annotations(root, child(document, "Annotations"))
        self._tags(root, child(document, "CustomTags"))
        self._attached(root, child(document, "Attachments"))
        self._extensions(root, child(document, "Extensions"))

    def _optional(self, base: str, element: Any, attribute: str | None = None) -> tuple[str, Any]:
        """The member that an element names, and its tree; none where it names none.

        None either where it was read before: many may name one that is large.
        """
        if element is None:
            return "", None
        name = _told(base, element, attribute)
        fresh = self._is_there(name) and name not in self.seen
        return name, self._tree(name) if fresh else None

    def _is_there(self, name: str) -> bool:
        if name not in self.members:
            self.faults.append(f"names a file that is not there: {plain(name)}")
        return name in self.members

    def _note(self, tree: Any) -> None:
        """Which ids a member gives, and which it uses."""
        for element in tree.iter("*"):
            if "ID" in element.attrib:
                self.ids[element.get("ID").strip()] += 1
            for attribute in POINTERS:
                pointer = element.get(attribute, "").strip()
                if NUMBER.fullmatch(pointer):
                    self.pointers.add(pointer)

    def _resource(self, name: str) -> None:
        if not self._is_there(name) or name in self.seen:
            return
        tree = self._tree(name)
        self._note(tree)
        base = tree.get("BaseLoc", "").strip()
        inside = located(name, f"{base.rstrip('/')}/x") if base else name
        for element in tree.iter("*"):
            if local(element) in ("FontFile", "MediaFile"):
                self._is_there(_told(inside, element))

    def _page(self, name: str) -> Box | None:
        if not self._is_there(name) or name in self.seen:
            return None
        tree = self._tree(name)
        self._note(tree)
        for resource in children(tree, "PageRes"):
            self._resource(_told(name, resource))
        return _area(child(tree, "Area"))

    def _annotations(self, root: str, element: Any) -> None:
        name, tree = self._optional(root, element)
        for page in () if tree is None else children(tree, "Page"):
            _, found = self._optional(name, child(page, "FileLoc"))
            if found is not None:
                self._note(found)

    def _tags(self, root: str, element: Any) -> None:
        name, tree = self._optional(root, element)
        for tag in () if tree is None else children(tree, "CustomTag"):
            for kind in ("FileLoc", "SchemaLoc"):
                self._optional(name, child(tag, kind))

    def _extensions(self, root: str, element: Any) -> None:
        name, tree = self._optional(root, element)
        for extension in () if tree is None else children(tree, "Extension"):
            for data in children(extension, "ExtendData"):
                self._is_there(_told(name, data))

    def _attached(self, root: str, element: Any) -> None:
        name, tree = self._optional(root, element)
        listed = [] if tree is None else list(children(tree, "Attachment"))
        self.attachments = tuple(_attachment(name, each) for each in listed)
        for each in self.attachments:
            self._is_there(each.member)


def _told(base: str, element: Any, attribute: str | None = None) -> str:
    """The member that an element names, by its text or an attribute."""
    said = text(element) if attribute is None else element.get(attribute)
    return located(base, said or "")


def _attachment(base: str, element: Any) -> Attachment:
    return Attachment(
        name=element.get("Name", ""),
        member=_told(base, child(element, "FileLoc")),
        visible=element.get("Visible", "true").strip() not in ("false", "0"),
    )


def _area(element: Any) -> Box | None:
    return None if element is None else box(text(child(element, "PhysicalBox")))


def _licence_id(body: Any) -> str | None:
    info = child(body, "DocInfo")
    data = None if info is None else child(info, "CustomDatas")
    found = [] if data is None else list(children(data, "CustomData"))
    said = [text(each) for each in found if each.get("Name") == LICENCE]
    return (said[0] or None) if len(said) == 1 else None
