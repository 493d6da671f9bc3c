"""The package of an OFD of which most members are known beforehand.  PKWARE APPNOTE 6.3.

Constant members stand ready as they go into the file, headers and all, so that writing one is to
join bytes.  Reading is writing again: a file is as its template would write it, byte for byte, or
it is refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from factory.errors import PressUnableError, SelfCheckError
from factory.ofd.package import (
    CENTRAL,
    CENTRAL_MARK,
    DEFLATED,
    END,
    END_MARK,
    FIRST_OF_1980,
    LOCAL,
    LOCAL_MARK,
    STORED,
    UTF8,
    VERSION,
    Member,
)

LEVEL = 9  #: of constants: deflated once
SUMS = struct.Struct("<3I")  #: of a header: CRC, size in the package, size
LOCAL_SUMS, CENTRAL_SUMS = 14, 16  #: where they stand in both headers
PLACE_SIZE = 4  #: where the member begins, at the end of the second

Body = tuple[bytes, bytes]  #: a member's SUMS and its bytes as they stand in the package


def stored(data: bytes) -> Body:
    """A member as it is."""
    size = len(data)
    return SUMS.pack(zlib.crc32(data), size, size), data


def deflated(data: bytes, level: int = 1) -> Body:
    """A member, packed."""
    body = zlib.compress(data, level, -zlib.MAX_WBITS)
    return SUMS.pack(zlib.crc32(data), len(body), len(data)), body


class _Entry:
    """A member's headers, cut around what differs: its sums, and where it begins."""

    def __init__(self, member: Member, method: int | None) -> None:
        name, body = member.name.encode(), b""
        self.varies = method is not None
        if method is None:
            packed = deflated(member.data, LEVEL)
            plain = stored(member.data)
            smaller = len(packed[1]) < len(plain[1])
            method, (sums, body) = (DEFLATED, packed) if smaller else (STORED, plain)
        else:
            sums = bytes(SUMS.size)
        terms = (VERSION, UTF8, method, 0, FIRST_OF_1980, *SUMS.unpack(sums), len(name), 0)
        local = LOCAL.pack(LOCAL_MARK, *terms) + name
        central = CENTRAL.pack(CENTRAL_MARK, VERSION, *terms, 0, 0, 0, 0, 0)
        self.name, self.sums, self.whole = name, sums, local + body
        self.before, self.behind = local[:LOCAL_SUMS], local[LOCAL_SUMS + SUMS.size :]
        self.listed_before = central[:CENTRAL_SUMS]
        self.listed_behind = central[CENTRAL_SUMS + SUMS.size : CENTRAL.size - PLACE_SIZE]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """Where a varying member goes.

    before: the constant members before it, and its header up to its sums.
    behind: of its header, after the sums; with its name.
    places: where each of those members begins, counted from the start of ``before``.
    """

    before: bytes = field(repr=False)
    behind: bytes
    places: tuple[int, ...]


class Package:
    """The order of a document's members, the constant ones ready."""

    def __init__(self, members: Sequence[Member], varying: Mapping[str, int]) -> None:
        """members: all, in their order; the last one is one that varies.

        varying: names of those that do, each with its method (STORED or DEFLATED).
        """
        entries = [_Entry(member, varying.get(member.name)) for member in members]
        self._gaps = tuple(_gaps(entries))
        self._varying = [n for n, entry in enumerate(entries) if entry.varies]
        self._sums = [entry.sums for entry in entries]
        names = [b"", *(entry.name for entry in entries)]
        self._before = [
            name + each.listed_before for name, each in zip(names, entries, strict=False)
        ]
        self._behind = [entry.listed_behind for entry in entries]
        self._last_name = names[-1]
        each = (
            f"{len(b)}s{SUMS.size}s{len(a)}sI"
            for b, a in zip(self._before, self._behind, strict=True)
        )
        self._directory = struct.Struct(f"<{''.join(each)}{len(self._last_name)}s")

    @property
    def constants(self) -> Iterator[bytes]:
        """All that is the same in every file of these members."""
        return (part for gap in self._gaps for part in (gap.before, gap.behind))

    def packed(self, bodies: Sequence[Body]) -> bytes:
        """The file.  bodies: of the varying members, in their order."""
        parts: list[bytes] = []
        places: list[int] = []
        at = 0
        for gap, (sums, body) in zip(self._gaps, bodies, strict=True):
            places += [at + place for place in gap.places]
            parts += (gap.before, sums, gap.behind, body)
            at += len(gap.before) + SUMS.size + len(gap.behind) + len(body)
        parts.append(self._listed(bodies, places))
        parts.append(self._end(at))
        return b"".join(parts)

    def _listed(self, bodies: Iterable[Body], places: Sequence[int]) -> bytes:
        sums = self._sums.copy()
        for n, body in zip(self._varying, bodies, strict=True):
            sums[n] = body[0]
        fields: list[bytes | int] = [0] * (4 * len(sums))
        fields[0::4], fields[1::4], fields[2::4], fields[3::4] = (
            self._before, sums, self._behind, places
        )  # fmt: skip
        return self._directory.pack(*fields, self._last_name)

    def _end(self, at: int) -> bytes:
        count = len(self._sums)
        return END.pack(END_MARK, 0, 0, count, count, self._directory.size, at, 0)

    def describes(self, data: bytes) -> bool:
        """Whether a file ends with a directory of these members."""
        return self._fields(data) is not None

    def read(self, data: bytes) -> Sequence[Body]:
        """The varying members of a file, in their order.

        SelfCheckError: a byte around them is other than ``packed`` would have written.
        """
        fields = self._fields(data)
        if fields is None:
            raise SelfCheckError("sealed package: has other members than its template")
        sums = fields[1::4]
        bodies = self._bodies(data, [sums[n] for n in self._varying])
        if self.packed(bodies) != data:
            raise SelfCheckError("sealed package: differs from its template")
        return bodies

    def _fields(self, data: bytes) -> tuple[Any, ...] | None:
        """The directory's, where it is of these members."""
        start = len(data) - END.size - self._directory.size
        if start < 0:
            return None
        fields = self._directory.unpack_from(data, start)
        ours = list(fields[0:-1:4]) == self._before and list(fields[2::4]) == self._behind
        return fields if ours and fields[-1] == self._last_name else None

    def _bodies(self, data: bytes, sums: Iterable[bytes]) -> Sequence[Body]:
        bodies, at = [], 0
        for gap, said in zip(self._gaps, sums, strict=True):
            at += len(gap.before) + SUMS.size + len(gap.behind)
            size = SUMS.unpack(said)[1]
            bodies.append((said, data[at : at + size]))
            at += size
        return bodies


def _gaps(entries: Sequence[_Entry]) -> Iterator[_Gap]:
    before, places = b"", []
    for entry in entries:
        places.append(len(before))
        if not entry.varies:
            before += entry.whole
            continue
        yield _Gap(
            before=before + entry.before,
            behind=entry.behind,
            places=tuple(places),
        )
        before, places = b"", []
    if before:
        raise PressUnableError("the package ends with a member that is always the same")


def unpacked(body: Body, method: int) -> bytes:
    """A member.  SelfCheckError: it does not unpack, or is not what its sums say."""
    crc, _, size = SUMS.unpack(body[0])
    data = body[1]
    if method == DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflater.decompress(body[1], size + 1)
        except zlib.error as error:
            raise SelfCheckError("sealed package: cannot be read") from error
        if not inflater.eof or inflater.unused_data:
            raise SelfCheckError("sealed package: cannot be read")
    if len(data) != size or zlib.crc32(data) != crc:
        raise SelfCheckError("sealed package: a member is not what its sums say")
    return data
