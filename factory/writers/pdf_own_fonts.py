"""A document's own fonts: the few glyphs that its template's constant fonts lack.

As ``pdf_fonts`` embeds them, but stored: to deflate a few glyphs costs more than a signature.
ISO 32000-1, 9.7 (composite fonts) and 9.10.3 (ToUnicode).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from factory.errors import PressUnableError
from factory.page.fonts import Face
from factory.page.glyphs import glyphs_of
from factory.writers.pdf_fonts import EM, ENTRIES_PER_BLOCK, STEM_V, SYMBOLIC, TO_UNICODE
from factory.writers.pdf_template import STREAM

PARTS = 4  #: objects of one font
MOST_KEPT = 256
TAG = "OWNAAA"  #: no constant subset has this one (9.6.4): see ``EmbeddedFont.base_name``
BEFORE, AFTER = (part.encode("ascii") for part in TO_UNICODE.split("{blocks}"))


class OwnFont:
    """One face's font as documents have it."""

    def __init__(self, face: Face) -> None:
        self._glyphs, self._advances = glyphs_of(face), _Advances(face)
        self._kept: dict[tuple[bytes, int], tuple[bytes, bytes]] = {}
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

    def objects(self, characters: Sequence[str], first: int) -> list[bytes]:
        """The font, its descriptor, its program and its map of characters, from that number on.

        Glyphs are numbered from 1.  PressUnableError: one is made of others.
        """
        program = self._glyphs.font(characters)
        if program is None:
            raise PressUnableError("a character whose glyph is made of others")
        return [
            *self._described(self._widths(characters), first),
            _stream(first + 2, b"/Length1 %d" % len(program), program),
            _stream(first + 3, b"", _to_unicode(characters)),
        ]

    def _described(self, widths: bytes, first: int) -> tuple[bytes, bytes]:
        """Font and descriptor, which are mostly the same."""
        found = self._kept.get((widths, first))
        if found is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            found = self._kept[widths, first] = (
                self._composite % (first, widths, first + 1, first + 3),
                self._descriptor % (first + 1, first + 2),
            )
        return found

    def _widths(self, characters: Sequence[str]) -> bytes:
        """Only of glyphs that are not one em wide (9.7.4.3)."""
        given = enumerate([self._advances[ch] for ch in characters], start=1)
        return b" ".join([b"%d[%d]" % (glyph, width) for glyph, width in given if width != EM])


class _Advances(dict[str, int]):
    """In thousandths of an em."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def __missing__(self, ch: str) -> int:
        self[ch] = round(self._face.advance(ch) * EM)
        return self[ch]


def _stream(number: int, entries: bytes, data: bytes) -> bytes:
    return STREAM % (number, entries, len(data), data)


def _to_unicode(characters: Sequence[str]) -> bytes:
    lines = [b"<%04X> <%s>" % (glyph, _utf16(ch)) for glyph, ch in enumerate(characters, start=1)]
    starts = range(0, len(lines), ENTRIES_PER_BLOCK)
    blocks = [_block(lines[start : start + ENTRIES_PER_BLOCK]) for start in starts]
    return b"%s%s%s" % (BEFORE, b"\n".join(blocks), AFTER)


def _block(lines: Sequence[bytes]) -> bytes:
    return b"%d beginbfchar\n%s\nendbfchar" % (len(lines), b"\n".join(lines))


@lru_cache(maxsize=4096)
def _utf16(ch: str) -> bytes:
    return ch.encode("utf-16-be").hex().upper().encode("ascii")
