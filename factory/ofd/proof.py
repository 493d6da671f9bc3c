"""Proof (校样) of an OFD: the drawn members read back and compared with what was placed.

The PDF's proof (``page.proof``) asks a reader that is not ours; for OFD that one works in a
process of its own and reads samples.  This reads every document: XML by lxml, fonts by HarfBuzz.
Messages name the page and the rule, never the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import uharfbuzz as hb

from factory.errors import LintError, PackageError
from factory.ofd.package import Member
from factory.ofd.reading import Document, read_document
from factory.ofd.xml import child, children, located, parsed, text
from factory.page.marks import MM_PER_PT, Page, Placed, Run

ENTRY = "OFD.xml"
TOLERANCE_MM = 0.05
MISSING = 0  #: the glyph of what a font does not have (.notdef)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A text object as it is read: its baseline's left end on the page, and its font's file."""

    text: str
    x_mm: float
    y_mm: float
    font: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofed:
    """What was read, and what should have been; lines: of each page, its template's first."""

    document: Document
    lines: Sequence[Sequence[Line]]
    placed: Placed


Rule = Callable[[Proofed], Iterator[str]]


def proof(members: Sequence[Member], placed: Placed) -> None:
    """Nothing, if the unsealed members say what was placed, and nothing else.

    LintError: the broken rules as ``page: rule``.
    """
    named = {member.name: member.data for member in members}
    try:
        document = read_document(named)
        lines = tuple(tuple(page) for page in _pages(named))
    except PackageError as error:
        raise LintError(f"package: {error}") from error
    proofed = Proofed(document=document, lines=lines, placed=placed)
    broken = [problem for rule in RULES for problem in rule(proofed)]
    if broken:
        raise LintError("; ".join(broken))


def everything_named_is_there(proofed: Proofed) -> Iterator[str]:
    """Fonts, pictures, templates and files."""
    return (f"package: {fault}" for fault in proofed.document.faults)


def every_page_is_there(proofed: Proofed) -> Iterator[str]:
    """As many as were placed."""
    if len(proofed.lines) != len(proofed.placed.pages):
        yield f"page: {len(proofed.lines)} instead of {len(proofed.placed.pages)}"


def every_page_says_what_was_placed(proofed: Proofed) -> Iterator[str]:
    """Each run in its place, labels too, and not one more."""
    pairs = zip(proofed.lines, proofed.placed.pages, strict=False)
    for number, (lines, page) in enumerate(pairs, start=1):
        runs = _runs(page)
        if len(lines) != len(runs) or not all(map(_agrees, lines, runs)):
            yield f"page {number}: its text is not what was placed"


def every_character_has_a_glyph(proofed: Proofed) -> Iterator[str]:
    """In the font that is embedded for it."""
    for number, lines in enumerate(proofed.lines, start=1):
        if any(not _covers(line.font, line.text) for line in lines):
            yield f"page {number}: a character is not in its font"


RULES: tuple[Rule, ...] = (
    everything_named_is_there,
    every_page_is_there,
    every_page_says_what_was_placed,
    every_character_has_a_glyph,
)


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


def _pages(members: Mapping[str, bytes]) -> Iterator[Iterator[Line]]:
    """Lines in drawing order: a background template's, then the page's own."""
    body = child(parsed(members[ENTRY]), "DocBody")
    root_name = located(ENTRY, text(child(body, "DocRoot")) or "")
    root = parsed(members[root_name])
    common = child(root, "CommonData")
    fonts = _fonts(members, root_name, common)
    templates = {
        each.get("ID"): located(root_name, each.get("BaseLoc", ""))
        for each in children(common, "TemplatePage")
    }
    for page in children(child(root, "Pages"), "Page"):
        yield _lines(members, located(root_name, page.get("BaseLoc", "")), templates, fonts)


def _fonts(members: Mapping[str, bytes], root_name: str, common: Any) -> dict[str, bytes]:
    place = located(root_name, text(child(common, "PublicRes")) or "")
    resources = parsed(members[place])
    inside = located(place, f"{resources.get('BaseLoc', '.')}/_")
    listed = child(resources, "Fonts")
    return {
        each.get("ID", ""): members[located(inside, text(child(each, "FontFile")) or "")]
        for each in ([] if listed is None else children(listed, "Font"))
    }


def _lines(
    members: Mapping[str, bytes],
    name: str,
    templates: Mapping[str, str],
    fonts: Mapping[str, bytes],
) -> Iterator[Line]:
    page = parsed(members[name])
    for used in children(page, "Template"):
        yield from _lines(members, templates[used.get("TemplateID", "")], templates, fonts)
    for layer in children(child(page, "Content"), "Layer"):
        for each in children(layer, "TextObject"):
            yield _line(each, fonts)


def _line(found: Any, fonts: Mapping[str, bytes]) -> Line:
    left, top = map(float, found.get("Boundary").split()[:2])
    code: Any = child(found, "TextCode")
    return Line(
        text=code.text or "",
        x_mm=left + float(code.get("X")),
        y_mm=top + float(code.get("Y")),
        font=fonts[found.get("Font")],
    )


def _covers(font: bytes, characters: str) -> bool:
    has = _opened(font).get_nominal_glyph
    return all((has(ord(ch)) or MISSING) != MISSING for ch in characters)


@lru_cache(maxsize=64)
def _opened(font: bytes) -> hb.Font:
    return hb.Font(hb.Face(font))
