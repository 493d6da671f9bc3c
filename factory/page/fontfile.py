"""Font files that somebody brings: which may be added to the installed faces.

Judged by ISO/IEC 14496-22:2019 (OpenType): the table directory with its checksums, the outlines
a page can embed, and what the maker permits.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from factory.errors import FieldError
from factory.page.fonts import EMBEDDED_TABLES, Face

MAX_BYTES = 100_000_000

COLLECTION, POSTSCRIPT = b"ttcf", b"OTTO"
TRUETYPE = frozenset({b"\x00\x01\x00\x00", b"true"})
WEB = frozenset({b"wOFF", b"wOF2"})
NEEDED = EMBEDDED_TABLES | {"cmap"}
ADJUSTMENT = slice(8, 12)  #: of ``head``, counted as zero

#: OS/2 fsType.  Of the first three the least restrictive counts.
RESTRICTED, PRINTABLE, NO_SUBSET, BITMAPS = 0x0002, 0x0004 | 0x0008, 0x0100, 0x0200

OPENTYPE = "ISO/IEC 14496-22, 4.3"
OUTLINES = "ISO/IEC 14496-22, glyf"
LICENCE = "ISO/IEC 14496-22, OS/2 fsType"


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where the directory says that a table lies."""

    checksum: int
    offset: int
    length: int


def examined(data: bytes, index: int = 0) -> Face:
    """The face of a file that may be added.

    index: number of the face in a collection (.ttc), else 0.
    FieldError: too large, no font, damaged, without TrueType outlines, without a glyph, or its
                maker forbids embedding.
    """
    check_size(len(data))
    try:
        tables = _directory(data, _start(data, index))
        _check_whole(data, tables)
        _check_embedding(data, tables)
    except struct.error as error:
        raise _damaged() from error
    face = Face.named_by_itself(data, index)
    if not any(face.covers(chr(point)) for point in face.code_points()):
        raise FieldError("font", OUTLINES, "has no glyph with ink")
    return face


def check_size(size_bytes: int) -> None:
    """FieldError: larger than a font file may be."""
    if size_bytes > MAX_BYTES:
        raise FieldError("font", f"at most {MAX_BYTES} bytes", f"has {size_bytes}")


def _start(data: bytes, index: int) -> int:
    """Where the face's table directory begins."""
    kind = data[:4]
    if kind == POSTSCRIPT:
        raise _cff()
    if kind in WEB:
        raise FieldError("font", OUTLINES, "is a web font (WOFF): bring the .ttf it was made from")
    faces = _faces(data) if kind == COLLECTION else (0,)
    if kind != COLLECTION and kind not in TRUETYPE:
        raise FieldError("font", OUTLINES, "is no TrueType font (.ttf, .ttc)")
    if index >= len(faces):
        raise FieldError("font", OPENTYPE, f"has {len(faces)} face(s); they are counted from 0")
    return faces[index]


def _faces(data: bytes) -> tuple[int, ...]:
    (count,) = struct.unpack_from(">L", data, 8)
    if 12 + 4 * count > len(data):
        raise _damaged()
    return struct.unpack_from(f">{count}L", data, 12)


def _directory(data: bytes, start: int) -> Mapping[str, _Entry]:
    (count,) = struct.unpack_from(">H", data, start + 4)
    rows = (struct.unpack_from(">4s3L", data, start + 12 + 16 * n) for n in range(count))
    named = [(tag, _Entry(*rest)) for tag, *rest in rows]
    if not all(tag.isascii() for tag, _ in named):
        raise _damaged()
    tables = {tag.decode("ascii"): entry for tag, entry in named}
    if "glyf" not in tables and tables.keys() & {"CFF ", "CFF2"}:
        raise _cff()
    if missing := NEEDED - tables.keys():
        raise FieldError("font", OUTLINES, f"has no table {', '.join(sorted(missing))}")
    return tables


def _check_whole(data: bytes, tables: Mapping[str, _Entry]) -> None:
    """Every table lies in the file, and those that a page needs are what they were."""
    if any(each.offset + each.length > len(data) for each in tables.values()):
        raise FieldError("font", OPENTYPE, "is broken off: copy or download it again")
    for tag in _compared(data):
        if _sum(_content(data, tag, tables[tag])) != tables[tag].checksum:
            raise _damaged()


def _compared(data: bytes) -> frozenset[str]:
    """In a collection ``head`` keeps the checksum that it had in a file of its own."""
    return NEEDED - {"head"} if data[:4] == COLLECTION else NEEDED


def _content(data: bytes, tag: str, entry: _Entry) -> bytes:
    table = bytearray(data[entry.offset : entry.offset + entry.length])
    if tag == "head":
        table[ADJUSTMENT] = bytes(4)
    return bytes(table)


def _sum(table: bytes) -> int:
    """Of its unsigned 32-bit words, the last filled up with zeros."""
    words = array("I", table + bytes(-len(table) % 4))
    if sys.byteorder == "little":
        words.byteswap()
    return sum(words) & 0xFFFFFFFF


def _check_embedding(data: bytes, tables: Mapping[str, _Entry]) -> None:
    """What the maker says of embedding; a font without a word on it forbids nothing."""
    if "OS/2" not in tables:
        return
    (permits,) = struct.unpack_from(">H", data, tables["OS/2"].offset + 8)
    if permits & RESTRICTED and not permits & PRINTABLE:
        raise _forbidden("to be embedded in documents", RESTRICTED)
    if permits & NO_SUBSET:
        raise _forbidden("a part of it to be embedded", NO_SUBSET)
    if permits & BITMAPS:
        raise _forbidden("its outlines to be embedded", BITMAPS)


def _forbidden(what: str, bit: int) -> FieldError:
    return FieldError("font", LICENCE, f"its maker does not permit {what} (0x{bit:04X})")


def _cff() -> FieldError:
    detail = "has PostScript outlines (CFF): bring its TrueType edition (.ttf)"
    return FieldError("font", OUTLINES, detail)


def _damaged() -> FieldError:
    return FieldError("font", OPENTYPE, "is damaged: copy or download it again")
