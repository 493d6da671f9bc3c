"""A document's own fonts: the few glyphs that its template's constant fonts lack.

As ``pdf_fonts`` embeds them, but stored: to deflate a few glyphs costs more than a signature.
ISO 32000-1, 9.7 (composite fonts) and 9.10.3 (ToUnicode).
"""

from __future__ import annotations

import re
from functools import lru_cache

from factory.page.fonts import Face, Subset
from factory.writers.pdf_fonts import EM, ENTRIES_PER_BLOCK, STEM_V, SYMBOLIC, TO_UNICODE

PARTS = 4  #: objects of one font
TAG = "OWNAAA"  #: no constant subset has this one (9.6.4): see ``EmbeddedFont.base_name``
BEFORE, AFTER = (part.encode("ascii") for part in TO_UNICODE.split("{blocks}"))
STREAM = b"%d 0 obj\n<<%s/Length %d>>\nstream\n%s\nendstream\nendobj\n"


class OwnFont:
    """One face's font as documents have it.

    alias: its name in the page's resources.
    """

    def __init__(self, face: Face, alias: str) -> None:
        self.alias = alias
        self._face, self._subsetter = face, face.subsetter()
        metrics = face.metrics()
        name = f"{TAG}+{re.sub(r'[^A-Za-z0-9-]', '', face.name)}".encode("ascii")
        self._composite = (
            b"%%d 0 obj\n<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H"
            b"/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/BaseFont/%s"
            b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            b"/CIDToGIDMap/Identity/DW %d/W[%%s]/FontDescriptor %%d 0 R>>]"
            b"/ToUnicode %%d 0 R>>\nendobj\n" % (name, name, EM)
        )
        self._descriptor = (
            b"%%d 0 obj\n<</Type/FontDescriptor/FontName/%s/Flags %d/FontBBox[0 %d %d %d]"
            b"/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d/StemV %d"
            b"/FontFile2 %%d 0 R>>\nendobj\n"
            % (
                *(name, SYMBOLIC, metrics.descent, EM, metrics.ascent),
                *(metrics.ascent, metrics.descent, metrics.ascent, STEM_V),
            )
        )

    def subset(self, characters: set[str]) -> Subset:
        """The glyphs of these covered characters."""
        return self._subsetter.subset(characters)

    def objects(self, subset: Subset, first: int) -> list[bytes]:
        """The font, its descriptor, its program and its map of characters, from that number on."""
        glyphs = sorted((glyph, ch) for ch, glyph in subset.glyphs.items())
        return [
            self._composite % (first, self._widths(glyphs), first + 1, first + 3),
            self._descriptor % (first + 1, first + 2),
            _stream(first + 2, b"/Length1 %d" % len(subset.data), subset.data),
            _stream(first + 3, b"", _to_unicode(glyphs)),
        ]

    def _widths(self, glyphs: list[tuple[int, str]]) -> bytes:
        """Only of glyphs that are not one em wide (9.7.4.3)."""
        given = ((glyph, round(self._face.advance(ch) * EM)) for glyph, ch in glyphs)
        return b" ".join(b"%d[%d]" % pair for pair in given if pair[1] != EM)


def _stream(number: int, entries: bytes, data: bytes) -> bytes:
    return STREAM % (number, entries, len(data), data)


def _to_unicode(glyphs: list[tuple[int, str]]) -> bytes:
    blocks = (
        glyphs[start : start + ENTRIES_PER_BLOCK]
        for start in range(0, len(glyphs), ENTRIES_PER_BLOCK)
    )
    return b"%s%s%s" % (BEFORE, b"\n".join(map(_block, blocks)), AFTER)


def _block(glyphs: list[tuple[int, str]]) -> bytes:
    lines = b"".join(b"<%04X> <%s>\n" % (glyph, _utf16(ch)) for glyph, ch in glyphs)
    return b"%d beginbfchar\n%sendbfchar" % (len(glyphs), lines)


@lru_cache(maxsize=4096)
def _utf16(ch: str) -> bytes:
    return ch.encode("utf-16-be").hex().upper().encode("ascii")
