"""A PDF template: the constant objects of a sealed document, flattened to one run of bytes.

The reference writer draws and prepares a document without values; its objects are renumbered and
written once, so that a press need not know how a page, a field or a seal is put together, and
cannot drift away from the reference.  Objects that differ are left out, with their numbers known.
ISO 32000-1, 7.5 (file structure).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from typing import Any

import pikepdf

CONTENT, FONTS, XMP, INFO, TWIN, SIGNATURE = "content", "fonts", "xmp", "info", "twin", "signature"
PICTURE = "picture "  #: before a role
MARK = pikepdf.Name("/Differs")
DIFFERS_IN_SIGNATURE = frozenset({"/ByteRange", "/Contents", "/M"})
FREE = b"0000000000 65535 f \n"
IN_USE = b"%010d 00000 n \n"
OBJECT = b"%d 0 obj\n<<%s>>\nendobj\n"
STREAM = b"%d 0 obj\n<<%s/Length %d>>\nstream\n%s\nendstream\nendobj\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The part of a file that is the same for every document, and what goes on behind it.

    prefix:    header and constant objects; nothing in it depends on a document.
    entries:   their lines of the cross-reference table, that of object 0 first.
    numbers:   of the objects that differ, by name.
    pictures:  of those among them that are pictures, by role.
    free:      the first number that no object has.
    fonts:     of the page's constant fonts, by name: their numbers.
    root:      number of the catalog.
    signature: the signature dictionary without what differs in it, as inside ``<<>>``.
    """

    prefix: bytes = field(repr=False)
    entries: bytes = field(repr=False)
    numbers: Mapping[str, int]
    pictures: Mapping[str, int]
    free: int
    fonts: Mapping[str, int]
    root: int
    signature: bytes = field(repr=False)


def flattened(prepared: bytes, roles: Collection[str]) -> Template:
    """The template of a document of one page, prepared for its seal and without values.

    prepared: with XMP and, if its documents have one, a twin; nothing but a hole for a signature.
    roles:    of the pictures on its documents; each is called so in the page's resources.
    """
    with pikepdf.open(BytesIO(prepared)) as document:
        return _Flattening(document, tuple(sorted(roles))).template(_header(prepared))


def _header(prepared: bytes) -> bytes:
    """Version and the line of binary characters, which end with the second line's end."""
    return prepared[: prepared.index(b"\n", prepared.index(b"\n") + 1) + 1]


class _Flattening:
    """One document on its way to a template."""

    def __init__(self, document: pikepdf.Pdf, roles: Sequence[str]) -> None:
        self._document, self._root = document, document.Root
        self._signature, self._roles = self._root.Perms.DocMDP, roles
        self._fonts: dict[str, Any] = {}
        names = self._differing()
        constant = [each for each in self._reached() if each.objgen not in names]
        self._constant = constant
        self._numbers = {each.objgen: n for n, each in enumerate(constant, start=1)}
        places = enumerate(names.items(), start=len(constant) + 1)
        self._named = {name: number for number, (_, name) in places}
        self._numbers |= {objgen: self._named[name] for objgen, name in names.items()}

    def template(self, header: bytes) -> Template:
        """Everything written down."""
        written, entries = bytearray(header), bytearray(FREE)
        for each in self._constant:
            entries += IN_USE % len(written)
            number = self._numbers[each.objgen]
            written += b"%d 0 obj\n%s\nendobj\n" % (number, self._whole(each))
        return Template(
            prefix=bytes(written),
            entries=bytes(entries),
            numbers=self._named,
            pictures={role: self._named[PICTURE + role] for role in self._roles},
            free=len(self._numbers) + 1,
            fonts={name: self._numbers[font.objgen] for name, font in self._fonts.items()},
            root=self._numbers[self._root.objgen],
            signature=self._entries(self._signature, without=DIFFERS_IN_SIGNATURE),
        )

    def _differing(self) -> dict[tuple[int, int], str]:
        """Puts marks where documents differ; what stands for what, by object."""
        page, root = self._root.Pages.Kids[0], self._root
        content, fonts = self._mark(), self._mark()
        self._fonts = {name[1:]: font for name, font in page.Resources.Font.items()}
        page.Contents = pikepdf.Array([page.Contents, content])
        page.Resources.Font = fonts
        found = {CONTENT: content, FONTS: fonts, XMP: root.Metadata, INFO: self._mark()}
        if "/AF" in root:
            found[TWIN] = root.AF[0].EF.F
        for role in self._roles:
            found[PICTURE + role] = page.Resources.XObject[f"/{role}"] = self._mark()
        found[SIGNATURE] = self._signature
        return {each.objgen: name for name, each in found.items()}

    def _mark(self) -> Any:
        return self._document.make_indirect(pikepdf.Dictionary({"/Type": MARK}))

    def _reached(self) -> Iterator[Any]:
        """Every object that the catalog or a font of the page leads to, once."""
        seen: set[tuple[int, int]] = set()
        front = [self._root, *self._fonts.values()]
        while front:
            each = front.pop(0)
            if each.is_indirect:
                if each.objgen in seen:
                    continue
                seen.add(each.objgen)
                yield each
            front += [child for child in _children(each) if isinstance(child, pikepdf.Object)]

    def _whole(self, each: Any) -> bytes:
        """An object's value, a stream with its bytes as they are."""
        if not isinstance(each, pikepdf.Stream):
            return self._value(each)
        data = each.read_raw_bytes()
        entries = self._entries(each, without=frozenset({"/Length"}))
        return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)

    def _written(self, each: Any) -> bytes:
        if isinstance(each, pikepdf.Object) and each.is_indirect:
            return b"%d 0 R" % self._numbers[each.objgen]
        return self._value(each)

    def _value(self, each: Any) -> bytes:
        if isinstance(each, pikepdf.Dictionary):
            return b"<<%s>>" % self._entries(each)
        if isinstance(each, pikepdf.Array):
            return b"[%s]" % b" ".join(map(self._written, each))
        return _scalar(each)

    def _entries(self, each: Any, without: Collection[str] = ()) -> bytes:
        return b"".join(
            b"%s %s" % (pikepdf.Name(key).unparse(), self._written(value))
            for key, value in each.items()
            if key not in without
        )


def _children(each: Any) -> Iterator[Any]:
    if isinstance(each, pikepdf.Dictionary | pikepdf.Stream):
        yield from (value for _, value in each.items())
    elif isinstance(each, pikepdf.Array):
        yield from each


def _scalar(each: Any) -> bytes:
    """Numbers, booleans and null come as Python's; the rest knows how it is written."""
    if isinstance(each, pikepdf.Object):
        return bytes(each.unparse())
    if each is None or isinstance(each, bool):
        return {None: b"null", True: b"true", False: b"false"}[each]
    return (f"{each:f}" if isinstance(each, Decimal) else str(each)).encode("ascii")
