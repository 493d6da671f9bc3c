"""ZIP written by hand, so that every word of it can be wrong."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

STORED, DEFLATED = 0, 8
UTF8 = 1 << 11


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A member; what is None is told as it is.

    local_...: what stands before the member, where it differs from the directory.
    body:      the bytes as they lie there; after: what follows them.
    """

    name: bytes = b"OFD.xml"
    data: bytes = b"<a/>"
    method: int = STORED
    flags: int = UTF8
    made_by: int = 20
    version: int = 20
    date: int = 0x21
    attributes: int = 0
    extra: bytes = b""
    comment: bytes = b""
    disk: int = 0
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    offset: int | None = None
    body: bytes | None = None
    after: bytes = b""
    before: bytes = b""
    local: dict[str, object] = field(default_factory=dict)

    @property
    def lying(self) -> bytes:
        """The bytes of the member as they lie there."""
        if self.body is not None:
            return self.body
        return deflated(self.data) if self.method == DEFLATED else self.data

    @property
    def sums(self) -> tuple[int, int, int]:
        told = (self.crc, self.packed_size, self.size)
        true = (_crc(self.data), len(self.lying), len(self.data))
        return tuple(t if t is not None else r for t, r in zip(told, true, strict=True))  # type: ignore[return-value]


@lru_cache(maxsize=8)  # bombs have one content a thousand times
def deflated(data: bytes, level: int = 9) -> bytes:
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush()


_crc = lru_cache(maxsize=8)(zlib.crc32)


def archive(
    entries: Sequence[Entry],
    *,
    before: bytes = b"",
    between: bytes = b"",
    after: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    start: int | None = None,
    unlisted: Sequence[Entry] = (),
) -> bytes:
    """A package of these members.

    between:  bytes before the directory.
    unlisted: members that the directory does not tell.
    """
    content, places = before, []
    for entry in (*entries, *unlisted):
        content += entry.before
        places.append(len(content))
        content += _local(entry) + entry.lying + entry.after
    content += between
    listed = b"".join(map(_central, entries, places))
    number = len(entries) if count is None else count
    place = len(content) if start is None else start
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, number, number, len(listed), place, len(comment))
    return content + listed + end + comment + after


def _local(entry: Entry) -> bytes:
    said: dict[str, object] = {
        "name": entry.name,
        "flags": entry.flags,
        "method": entry.method,
        "sums": entry.sums,
        "extra": entry.extra,
        "date": entry.date,
        "version": entry.version,
    } | entry.local
    name, extra = said["name"], said["extra"]
    assert isinstance(name, bytes)
    assert isinstance(extra, bytes)
    return (
        struct.pack(
            "<4s5H3I2H",
            b"PK\3\4",
            said["version"],
            said["flags"],
            said["method"],
            0,
            said["date"],
            *said["sums"],  # type: ignore[misc]
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def _central(entry: Entry, place: int) -> bytes:
    return (
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\1\2",
            entry.made_by,
            entry.version,
            entry.flags,
            entry.method,
            0,
            entry.date,
            *entry.sums,
            len(entry.name),
            len(entry.extra),
            len(entry.comment),
            entry.disk,
            0,
            entry.attributes,
            place if entry.offset is None else entry.offset,
        )
        + entry.name
        + entry.extra
        + entry.comment
    )


def extra(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<2H", kind, len(data)) + data


def descriptor(entry: Entry, *, marked: bool = True) -> bytes:
    return (b"PK\7\x08" if marked else b"") + struct.pack("<3I", *entry.sums)
