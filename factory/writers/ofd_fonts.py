"""Faces inside an OFD: subsets that are looked up by character.  GB/T 33190-2016, 11.1.

Labels and data have fonts of their own, so that the labels' are the same file for every holder
of one design.  Fonts have a character map: glyph numbers (CGTransform) defeat the search for
text.  ISO/IEC 14496-22 is the format of the files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from itertools import groupby

from factory.page.fonts import DESCRIBING_TABLES, EMBEDDED_TABLES, FACES, WEN_KAI, Face, Subset
from factory.page.sfnt import (
    ALL_ONES,
    DIRECTORY_HEADER,
    ENTRY,
    HEAD_ADJUSTMENT,
    MAGIC_SUM,
    TRUETYPE,
    WORD,
    padded,
    put,
    tables_of,
    word_sum,
)

#: Faces with a place of their own, whichever of them a document uses: ids stay what they are.
KNOWN = tuple(dict.fromkeys(row.name for chain in FACES.values() for row in chain))
PLACES = 16  #: of faces; more where a document uses more
SONG, KAI = "宋体", "楷体"  #: what a reader that cannot use the embedded font puts in its place


WINDOWS, UNICODE_BMP, UNICODE_FULL, ENGLISH = 3, 1, 10, 0x0409
LAST_BASIC = 0xFFFF  #: of the basic plane; no character itself
FAMILY, SUBFAMILY, UNIQUE, FULL, POSTSCRIPT = 1, 2, 3, 4, 6
REGULAR = "Regular"

#: For a face that has none: version 3, no glyph names.
POST = struct.pack(">L l 2h 5L", 0x00030000, 0, -100, 50, 0, 0, 0, 0, 0)


class Use(IntEnum):
    """What a font sets."""

    LABEL = 0  #: what is the same for every document of the design
    DATA = 1  #: what differs


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedFont:
    """One face as one document uses it.

    number: its ST_ID.
    name:   private, so that no reader takes a font of its own machine for it.
    family: the common name, by which a reader finds a substitute.
    """

    number: int
    name: str
    family: str
    file: str
    data: bytes = field(repr=False)


def places(faces: Iterable[Face]) -> dict[Face, int]:
    """Where each face stands among all: known ones at their own place, others behind them.

    A second face under a known name, which somebody has added, is one of the others.
    """
    found: dict[Face, int] = {}
    for face in dict.fromkeys(faces):
        own = KNOWN.index(face.name) if face.name in KNOWN else len(KNOWN)
        taken = found.values()
        found[face] = own if own not in taken else max(len(KNOWN), *(n + 1 for n in taken))
    return found


def embedded(
    used: Mapping[tuple[Face, Use], Iterable[str]], first: int
) -> Mapping[tuple[Face, Use], EmbeddedFont]:
    """The fonts of a document by face and use, in the order of their numbers.

    used:  the characters of each.
    first: the ST_ID of the first place.
    """
    at = places(face for face, _ in used)
    fonts = {
        (face, use): _font(face, use, "".join(sorted(set(characters))), at[face], first)
        for (face, use), characters in used.items()
    }
    return dict(sorted(fonts.items(), key=lambda pair: pair[1].number))


def _font(face: Face, use: Use, characters: str, place: int, first: int) -> EmbeddedFont:
    what = use.name.capitalize()
    name = f"Cert{what}{place + 1}"
    make = _kept if use is Use.LABEL else _made
    return EmbeddedFont(
        number=first + 2 * place + use,
        name=name,
        family=KAI if face.name == WEN_KAI.name else SONG,
        file=f"{what.lower()}-{place + 1}.ttf",
        data=make(face, characters, name),
    )


def _made(face: Face, characters: str, name: str) -> bytes:
    subset = face.subset(characters, EMBEDDED_TABLES | DESCRIBING_TABLES)
    return named(subset, name)


_kept = lru_cache(maxsize=64)(_made)  # every document of a design has these labels


def named(subset: Subset, name: str) -> bytes:
    """A TrueType file under that name, with all tables that readers insist on.

    name: a PostScript name, at most 63 Latin letters and digits.
    """
    tables = tables_of(subset.data)
    tables.setdefault("post", POST)
    tables.setdefault("OS/2", _os2(tables))
    tables["name"] = _name_table(name)
    tables["cmap"] = _character_map({ord(ch): glyph for ch, glyph in subset.glyphs.items()})
    return _assembled(tables)


def _name_table(name: str) -> bytes:
    """Windows, Unicode, English; format 0."""
    said = {FAMILY: name, SUBFAMILY: REGULAR, UNIQUE: name, FULL: name, POSTSCRIPT: name}
    strings = b"".join(text.encode("utf-16-be") for text in said.values())
    records, offset = b"", 0
    for ident, text in said.items():
        length = 2 * len(text)
        records += struct.pack(">6H", WINDOWS, UNICODE_BMP, ENGLISH, ident, length, offset)
        offset += length
    return struct.pack(">3H", 0, len(said), 6 + len(records)) + records + strings


def _character_map(glyphs: Mapping[int, int]) -> bytes:
    """Format 4 for the basic plane; format 12 for all, where something lies beyond it.

    Of our own and not the face's, which may have another format, or none that a subset keeps.
    """
    ranges = tuple(_ranges(glyphs))
    basic = _format_4([each for each in ranges if each[0] <= LAST_BASIC])
    if max(glyphs, default=0) <= LAST_BASIC:
        return struct.pack(">4HL", 0, 1, WINDOWS, UNICODE_BMP, 12) + basic
    both = struct.pack(">2H", 0, 2)
    both += struct.pack(">2HL", WINDOWS, UNICODE_BMP, 20)
    both += struct.pack(">2HL", WINDOWS, UNICODE_FULL, 20 + len(basic))
    return both + basic + _format_12(ranges)


def _ranges(glyphs: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """First and last code point and first glyph of each stretch that runs on in both."""
    counted = enumerate(sorted(glyphs))
    stretches = groupby(counted, key=lambda pair: (pair[1] - pair[0], glyphs[pair[1]] - pair[1]))
    for _, pairs in stretches:
        points = [point for _, point in pairs]
        yield points[0], points[-1], glyphs[points[0]]


def _format_4(ranges: Sequence[tuple[int, int, int]]) -> bytes:
    closed = [*ranges, (LAST_BASIC, LAST_BASIC, 0)]
    count = len(closed)
    power = count.bit_length() - 1
    search = 2 << power
    words = [
        *(2 * count, search, power, 2 * count - search),
        *(end for _, end, _ in closed),
        0,
        *(start for start, _, _ in closed),
        *((glyph - start) & 0xFFFF for start, _, glyph in closed),
        *(0 for _ in closed),
    ]
    return struct.pack(f">3H{len(words)}H", 4, 6 + 2 * len(words), 0, *words)


def _format_12(ranges: Sequence[tuple[int, int, int]]) -> bytes:
    groups = b"".join(struct.pack(">3L", *each) for each in ranges)
    return struct.pack(">2H3L", 12, 0, 16 + len(groups), 0, len(ranges)) + groups


def _os2(tables: Mapping[str, bytes]) -> bytes:
    """Version 0, for a face that has none: weight 400, its own ascent and descent."""
    ascent, descent = struct.unpack_from(">2h", tables["hhea"], 4)
    weight, width = 400, 5
    beginning = struct.pack(">Hh3H", 0, 0, weight, width, 0) + struct.pack(">11h", *[0] * 11)
    classes = bytes(10) + bytes(16) + b"    "  # PANOSE, Unicode ranges, vendor
    regular, first, last = 0x40, 0x20, 0xFFFF
    heights = (ascent, descent, 0, ascent, -descent)
    return beginning + classes + struct.pack(">3H3h2H", regular, first, last, *heights)


def _assembled(tables: Mapping[str, bytes]) -> bytes:
    """The tables in the order of their tags, with all sums right (ISO/IEC 14496-22, 4.3)."""
    written = {tag: tables[tag] for tag in sorted(tables)}
    written["head"] = put(written["head"], HEAD_ADJUSTMENT, bytes(WORD))
    header = _directory(written)
    total = word_sum(header) + sum(word_sum(table) for table in written.values())
    adjustment = (MAGIC_SUM - total & ALL_ONES).to_bytes(WORD)
    written["head"] = put(written["head"], HEAD_ADJUSTMENT, adjustment)
    return header + b"".join(map(padded, written.values()))


def _directory(tables: Mapping[str, bytes]) -> bytes:
    count = len(tables)
    power = count.bit_length() - 1
    search = 16 << power
    header = struct.pack(">L4H", TRUETYPE, count, search, power, 16 * count - search)
    offset = DIRECTORY_HEADER + ENTRY.size * count
    for tag, table in tables.items():
        header += ENTRY.pack(tag.encode("ascii"), word_sum(table), offset, len(table))
        offset += len(padded(table))
    return header
