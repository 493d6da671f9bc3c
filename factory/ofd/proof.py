"""Proof (校样) of an OFD: the drawn members read back and compared with what was placed.

The PDF's proof (``page.proof``) asks a reader that is not ours; for OFD that one works in a
process of its own and reads samples.  This reads every document: XML by lxml, fonts by HarfBuzz.
Messages name the page and the rule, never the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import uharfbuzz as hb

from factory.errors import LintError, PackageError
from factory.ofd.package import Member
from factory.ofd.xml import child, children, located, parsed, text
from factory.page.marks import MM_PER_PT, Code, Page, Picture, Placed, Run

ENTRY = "OFD.xml"
TOLERANCE_MM = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A text object as it is read: its baseline's left end on the page; font: its ID."""

    text: str = field(repr=False)
    x_mm: float
    y_mm: float
    font: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What a template or a page says by itself.  images: their ResourceIDs."""

    lines: tuple[Line, ...]
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofed:
    """What was read, and what should have been.

    pages: of each page its template, if any, and then its own content.
    fonts: ID -> file.  media: ID -> file.
    """

    pages: Sequence[Sequence[Layer]]
    fonts: Mapping[str, bytes] = field(repr=False)
    media: Mapping[str, bytes] = field(repr=False)
    placed: Placed


Rule = Callable[[Proofed], Iterator[str]]


def proof(members: Sequence[Member], placed: Placed) -> None:
    """Nothing, if the unsealed members say what was placed, and nothing else.

    LintError: the broken rules as ``page: rule``.
    """
    try:
        proofed = _read({member.name: member.data for member in members}, placed)
    except (PackageError, KeyError) as error:
        raise LintError("package: names a member that is not there, or is no OFD") from error
    broken = [problem for rule in RULES for problem in rule(proofed)]
    if broken:
        raise LintError("; ".join(broken))


def every_page_is_there(proofed: Proofed) -> Iterator[str]:
    """As many as were placed."""
    if len(proofed.pages) != len(proofed.placed.pages):
        yield f"page: {len(proofed.pages)} instead of {len(proofed.placed.pages)}"


def every_page_says_what_was_placed(proofed: Proofed) -> Iterator[str]:
    """Each run in its place, labels too, and not one more."""
    for number, layers, page in _pairs(proofed):
        lines = [line for layer in layers for line in layer.lines]
        runs = _runs(page)
        if len(lines) != len(runs) or not all(map(_agrees, lines, runs)):
            yield f"page {number}: its text is not what was placed"


def every_character_has_a_glyph(proofed: Proofed) -> Iterator[str]:
    """In the font that is embedded for it."""
    for number, layers, _ in _pairs(proofed):
        lines = (line for layer in layers for line in layer.lines)
        if not all(_covers(proofed.fonts.get(line.font, b""), line.text) for line in lines):
            yield f"page {number}: a character is not in its font"


def every_picture_is_there(proofed: Proofed) -> Iterator[str]:
    """As many as were placed, each with a file."""
    for number, layers, page in _pairs(proofed):
        images = [image for layer in layers for image in layer.images]
        wanted = sum(isinstance(mark, Picture | Code) for mark in page.filled)
        if len(images) != wanted or not all(proofed.media.get(image) for image in images):
            yield f"page {number}: a picture is not there"


RULES: tuple[Rule, ...] = (
    every_page_is_there,
    every_page_says_what_was_placed,
    every_character_has_a_glyph,
    every_picture_is_there,
)


def _pairs(proofed: Proofed) -> Iterator[tuple[int, Sequence[Layer], Page]]:
    pairs = zip(proofed.pages, proofed.placed.pages, strict=False)
    return ((number, layers, page) for number, (layers, page) in enumerate(pairs, start=1))


def _runs(page: Page) -> list[Run]:
    return [mark for mark in page.marks if isinstance(mark, Run) and mark.text.strip()]


def _agrees(line: Line, run: Run) -> bool:
    """A run's leading blanks move its text to the right."""
    text = run.text.strip()
    blanks = run.text[: run.text.index(text)]
    x_mm = run.x_mm + run.face.width(blanks) * run.size_pt * MM_PER_PT
    return (
        line.text == text
        and abs(line.x_mm - x_mm) <= TOLERANCE_MM
        and abs(line.y_mm - run.y_mm) <= TOLERANCE_MM
    )


def _covers(font: bytes, characters: str) -> bool:
    return bool(font) and all(map(_opened(font).get_nominal_glyph, map(ord, characters)))


@lru_cache(maxsize=64)
def _opened(font: bytes) -> hb.Font:
    return hb.Font(hb.Face(font))


# --- reading ----------------------------------------------------------------------------------


def _read(members: Mapping[str, bytes], placed: Placed) -> Proofed:
    body = child(parsed(members[ENTRY]), "DocBody")
    name = located(ENTRY, text(_one(body, "DocRoot")) or "")
    root = parsed(members[name])
    common = _one(root, "CommonData")
    templates = {
        each.get("ID"): members[located(name, each.get("BaseLoc", ""))]
        for each in children(common, "TemplatePage")
    }
    pages = [
        tuple(_layers(members[located(name, each.get("BaseLoc", ""))], templates))
        for each in children(_one(root, "Pages"), "Page")
    ]
    return Proofed(
        pages=pages,
        fonts=_files(members, name, common, ("PublicRes", "Fonts", "FontFile")),
        media=_files(members, name, common, ("DocumentRes", "MultiMedias", "MediaFile")),
        placed=placed,
    )


def _layers(page: bytes, templates: Mapping[str, bytes]) -> Iterator[Layer]:
    """In drawing order: a background template, then the page's own."""
    for used in children(parsed(page), "Template"):
        yield _constant(templates[used.get("TemplateID", "")])
    yield _layer(page)


@lru_cache(maxsize=32)
def _constant(template: bytes) -> Layer:
    """The same for all documents of a sheet, and large."""
    return _layer(template)


def _layer(data: bytes) -> Layer:
    layers = list(children(_one(parsed(data), "Content"), "Layer"))
    texts = (each for layer in layers for each in children(layer, "TextObject"))
    images = (each for layer in layers for each in children(layer, "ImageObject"))
    return Layer(
        lines=tuple(map(_line, texts)),
        images=tuple(each.get("ResourceID", "") for each in images),
    )


def _line(found: Any) -> Line:
    left, top = map(float, found.get("Boundary").split()[:2])
    code = _one(found, "TextCode")
    return Line(
        text=code.text or "",
        x_mm=left + float(code.get("X")),
        y_mm=top + float(code.get("Y")),
        font=found.get("Font", ""),
    )


def _files(
    members: Mapping[str, bytes], name: str, common: Any, names: tuple[str, str, str]
) -> dict[str, bytes]:
    """What a resource list holds, by ID; nothing where the document has no such list."""
    resource, listing, file = names
    found = child(common, resource)
    if found is None:
        return {}
    place = located(name, text(found) or "")
    resources = parsed(members[place])
    inside = located(place, f"{resources.get('BaseLoc', '.')}/_")
    return {
        each.get("ID", ""): members[located(inside, text(child(each, file)) or "")]
        for listed in children(resources, listing)
        for each in listed
    }


def _one(parent: Any, name: str) -> Any:
    """The child that must be there.  PackageError: it is not."""
    found = None if parent is None else child(parent, name)
    if found is None:
        raise PackageError(f"no {name}")
    return found
