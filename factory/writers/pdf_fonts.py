"""Faces inside a PDF: subsets as composite fonts addressed by glyph number.  ISO 32000-1, 9.7.

reportlab's own TrueType embedding is not used: it writes characters beyond the basic plane
into ToUnicode as five hex digits, so that a copied name becomes another name, and it keeps
hints and tables that a page does not need.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from reportlab.pdfbase.pdfdoc import (
    PDFArray,
    PDFDictionary,
    PDFName,
    PDFStream,
    PDFString,
)

from factory.page.fonts import Face, Metrics, Subset

EM = 1000  #: of a PDF font's widths
SYMBOLIC = 4  #: font flag, ISO 32000-1 table 123
STEM_V = 80  #: no TrueType table tells it; a usual value for text faces
ENTRIES_PER_BLOCK = 100  #: of one beginbfchar, Adobe Technical Note 5014

TO_UNICODE = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
{blocks}
endcmap
CMapName currentdict /CMap defineresource pop
end
end"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedFont:
    """One face as one document uses it.

    alias: its name in the page's resources.
    """

    alias: str
    face: Face
    subset: Subset

    def encode(self, text: str) -> str:
        """The glyph numbers of a text as a hexadecimal PDF string."""
        return "<" + "".join(f"{self.subset.glyphs[ch]:04X}" for ch in text) + ">"

    def add_to(self, document: Any) -> None:
        """The font's objects, referred to from the resources of every page."""
        fonts = document.idToObject["BasicFonts"].dict
        fonts[self.alias] = document.Reference(self._composite(document), f"{self.alias}.0")

    def _composite(self, document: Any) -> PDFDictionary:
        unicode_map = Deflated({}, compressed(to_unicode(self.subset).encode("ascii")))
        return PDFDictionary(
            {
                "Type": PDFName("Font"),
                "Subtype": PDFName("Type0"),
                "BaseFont": PDFName(self.base_name),
                "Encoding": PDFName("Identity-H"),
                "DescendantFonts": PDFArray([self._descendant(document)]),
                "ToUnicode": document.Reference(unicode_map, f"{self.alias}.unicode"),
            }
        )

    def _descendant(self, document: Any) -> PDFDictionary:
        system = {"Registry": PDFString("Adobe"), "Ordering": PDFString("Identity")}
        return PDFDictionary(
            {
                "Type": PDFName("Font"),
                "Subtype": PDFName("CIDFontType2"),
                "BaseFont": PDFName(self.base_name),
                "CIDSystemInfo": PDFDictionary({**system, "Supplement": 0}),
                "CIDToGIDMap": PDFName("Identity"),
                "DW": EM,
                "W": PDFArray(_widths(self.face, self.subset)),
                "FontDescriptor": document.Reference(
                    self._descriptor(document), f"{self.alias}.descriptor"
                ),
            }
        )

    def _descriptor(self, document: Any) -> PDFDictionary:
        metrics: Metrics = self.face.metrics()
        program = Deflated({"Length1": len(self.subset.data)}, compressed(self.subset.data))
        return PDFDictionary(
            {
                "Type": PDFName("FontDescriptor"),
                "FontName": PDFName(self.base_name),
                "Flags": SYMBOLIC,
                "FontBBox": PDFArray([0, metrics.descent, EM, metrics.ascent]),
                "ItalicAngle": 0,
                "Ascent": metrics.ascent,
                "Descent": metrics.descent,
                "CapHeight": metrics.ascent,
                "StemV": STEM_V,
                "FontFile2": document.Reference(program, f"{self.alias}.program"),
            }
        )

    @property
    def base_name(self) -> str:
        """``ABCDEF+Name``: six letters that differ where the subset differs (9.6.4)."""
        digest = sha256("".join(sorted(self.subset.glyphs)).encode()).digest()
        tag = "".join(chr(ord("A") + byte % 26) for byte in digest[:6])
        return f"{tag}+{re.sub(r'[^A-Za-z0-9-]', '', self.face.name)}"


class Deflated(PDFStream):
    """A stream of bytes that are compressed already."""

    def __init__(self, entries: Mapping[str, object], content: bytes) -> None:
        given = PDFDictionary({**entries, "Filter": PDFName("FlateDecode")})
        super().__init__(dictionary=given, content=content)


def compressed(content: bytes) -> bytes:
    """As small as it gets."""
    return zlib.compress(content, 9)


def to_unicode(subset: Subset) -> str:
    """The map that gives copied and searched text; UTF-16BE, pairs beyond the basic plane."""
    by_glyph = sorted((glyph, ch) for ch, glyph in subset.glyphs.items())
    entries = [f"<{glyph:04X}> <{ch.encode('utf-16-be').hex().upper()}>" for glyph, ch in by_glyph]
    return TO_UNICODE.format(blocks="\n".join(_blocks(entries)))


def _blocks(entries: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(entries), ENTRIES_PER_BLOCK):
        block = entries[start : start + ENTRIES_PER_BLOCK]
        yield f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar"


def _widths(face: Face, subset: Subset) -> list[object]:
    """Only of glyphs that are not one em wide (9.7.4.3)."""
    by_glyph = sorted((glyph, round(face.advance(ch) * EM)) for ch, glyph in subset.glyphs.items())
    narrow = [(glyph, width) for glyph, width in by_glyph if width != EM]
    return [entry for glyph, width in narrow for entry in (glyph, PDFArray([width]))]
