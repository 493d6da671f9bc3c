"""Small fonts made for tests: glyphs of an installed face under other code points.

By ISO/IEC 14496-22: the table directory with its checksums, cmap format 12, OS/2, name.
"""

import struct
from collections.abc import Mapping
from pathlib import Path

import uharfbuzz as hb

from factory.page.fonts import HANA_B, Face
from jobs.settings import Settings
from jobs.wiring import font_files

EXTENSION_I = "\U0002ebf0"  #: of Unicode 15.1; no installed face has it
SHAPE = "𬭎"  #: the glyph that is shown for it

TRUETYPE, POSTSCRIPT = b"\x00\x01\x00\x00", b"OTTO"


def small_font(
    glyphs: Mapping[str, str],
    *,
    name: str = "TestHan",
    fs_type: int = 0,
    without: str = "",
    kind: bytes = TRUETYPE,
) -> bytes:
    """A font file: ``small_font({EXTENSION_I: "国"})`` shows 国 for that character.

    without: a table that is left out.
    """
    subset = installed_face().subset(glyphs.values())
    face = hb.Face(hb.Blob(subset.data))
    tables = {tag: face.reference_table(tag).data for tag in face.table_tags}
    tables |= {
        "cmap": _cmap({ord(ch): subset.glyphs[shape] for ch, shape in glyphs.items()}),
        "OS/2": struct.pack(">HhHHH", 4, 500, 400, 5, fs_type) + bytes(86),
        "name": _name(name),
    }
    tables.pop(without, None)
    return assembled(tables, kind)


def installed_face() -> Face:
    """HanaMinB, whose glyphs are lent."""
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(Path.cwd())})
    return Face(HANA_B.name, font_files(settings.font_dirs)[HANA_B.file])


def assembled(tables: Mapping[str, bytes], kind: bytes = TRUETYPE) -> bytes:
    """The tables behind their directory."""
    head = kind + struct.pack(">HHHH", len(tables), 0, 0, 0)
    rows, body = b"", b""
    start = len(head) + 16 * len(tables)
    for tag in sorted(tables):
        data = tables[tag]
        place = start + len(body)
        counted = data[:8] + bytes(4) + data[12:] if tag == "head" else data
        rows += struct.pack(">4s3L", tag.encode(), checksum(counted), place, len(data))
        body += data + bytes(-len(data) % 4)
    return head + rows + body


def collection(*fonts: bytes) -> bytes:
    """A collection (.ttc) of these fonts, sharing nothing."""
    start = 12 + 4 * len(fonts)
    places = [start + sum(map(len, fonts[:n])) for n in range(len(fonts))]
    moved = [_moved(font, place) for font, place in zip(fonts, places, strict=True)]
    head = b"ttcf" + struct.pack(">LL", 0x00010000, len(fonts))
    return head + struct.pack(f">{len(fonts)}L", *places) + b"".join(moved)


def _moved(font: bytes, by: int) -> bytes:
    (count,) = struct.unpack_from(">H", font, 4)
    moved = bytearray(font)
    for n in range(count):
        place = 12 + 16 * n + 8
        struct.pack_into(">L", moved, place, struct.unpack_from(">L", font, place)[0] + by)
    return bytes(moved)


def checksum(data: bytes) -> int:
    """Of a table's 32-bit words."""
    padded = data + bytes(-len(data) % 4)
    return sum(struct.unpack(f">{len(padded) // 4}L", padded)) & 0xFFFFFFFF


def _cmap(glyphs: Mapping[int, int]) -> bytes:
    groups = b"".join(struct.pack(">3L", point, point, glyphs[point]) for point in sorted(glyphs))
    table = struct.pack(">HHLLL", 12, 0, 16 + len(groups), 0, len(glyphs)) + groups
    return struct.pack(">HHHHL", 0, 1, 3, 10, 12) + table


def _name(name: str) -> bytes:
    text = name.encode("utf-16-be")
    return struct.pack(">3H", 0, 1, 18) + struct.pack(">6H", 3, 1, 0x409, 6, len(text), 0) + text
