"""The package of an OFD document: members in, a ZIP out, and back again, whatever the bytes are.

GB/T 33190-2016, 7.1; PKWARE APPNOTE 6.3.  Readers of ZIP disagree about packages that say one
thing twice: in the central directory and before each member, in names that differ in case only,
in bytes that no entry owns.  So a package is read only where nothing can be read otherwise.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from factory.errors import PackageError

MOST_BYTES = 20 * 1024 * 1024
MOST_UNPACKED = 64 * 1024 * 1024
MOST_MEMBERS = 1000
MOST_NAME = 255
#: how much larger than packed a member may be, beyond the first 64 KiB; deflate reaches 1032
MOST_RATIO = 200
SMALL = 64 * 1024

#: compressed already: stored as they are
MEDIA = frozenset({".jpg", ".png", ".dat", ".esl"})
LEVEL = 6

STORED, DEFLATED = 0, 8
ENCRYPTED, DESCRIBED, UTF8 = 1, 1 << 3, 1 << 11
KNOWN_FLAGS = 1 << 1 | 1 << 2 | DESCRIBED | UTF8  # 1 and 2: how hard it was deflated
CRYPTIC_FLAGS = ENCRYPTED | 1 << 6 | 1 << 13
FIRST_OF_1980 = 0x0021  # as a DOS date
VERSION = 20  # directories and deflate
MOST_VERSION = 45
LINKS, UNIX, REGULAR, FOLDER = 0xF000, 3, 0x8000, 0x4000
SAFE_COUNT, SAFE_SIZE = 0xFFFF, 0xFFFFFFFF  # what marks a ZIP64 package

#: times and owners, and the mark of Java's archives; any other may change what is read
HARMLESS_EXTRAS = frozenset({0x000A, 0x5455, 0x5855, 0x7855, 0x7875, 0xCAFE})

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
DESCRIPTOR = struct.Struct("<3I")
EXTRA = struct.Struct("<2H")
LOCAL_MARK, CENTRAL_MARK, END_MARK, DESCRIPTOR_MARK = (
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x07\x08",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a package.  name: ``Doc_0/Document.xml``, without a leading slash."""

    name: str
    data: bytes


def packed(members: Sequence[Member]) -> bytes:
    """The package of these members, in their order; the same members give the same bytes.

    No time, no data descriptor, no ZIP64; names are marked as UTF-8.
    PackageError: a name that a reader would refuse, or two that are one.
    """
    _check_count(len(members))
    _check_names([member.name for member in members])
    bodies, directory, offset = [], [], 0
    for member in members:
        local, central = _written(member, offset)
        bodies.append(local)
        directory.append(central)
        offset += len(local)
    listed = b"".join(directory)
    count = len(members)
    end = END.pack(END_MARK, 0, 0, count, count, len(listed), offset, 0)
    return _bounded(b"".join((*bodies, listed, end)))


def opened(data: bytes) -> Mapping[str, bytes]:
    """What a package holds, by name, in the order of its directory.

    Memory stays below MOST_BYTES + MOST_UNPACKED whatever the bytes are: sizes are believed
    only after they have been bounded, and nothing is inflated beyond what it declares.
    PackageError: the bytes are no package, or break one of the rules.
    """
    entries = _directory(_bounded(data))
    _check_names([entry.name for entry in entries])
    _check_sizes(entries)
    _check_places(data, entries)
    return {entry.name: _content(data, entry) for entry in entries if not entry.folder}


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise PackageError("larger than a package may be")
    return data


# --- writing


def _written(member: Member, offset: int) -> tuple[bytes, bytes]:
    """One member as it stands in the package, and as the directory lists it."""
    name = member.name.encode()
    method, body = _compressed(member)
    crc, size = zlib.crc32(member.data), len(member.data)
    shared = (VERSION, UTF8, method, 0, FIRST_OF_1980, crc, len(body), size, len(name), 0)
    local = LOCAL.pack(LOCAL_MARK, *shared) + name + body
    central = CENTRAL.pack(CENTRAL_MARK, VERSION, *shared, 0, 0, 0, 0, offset) + name
    return local, central


def _compressed(member: Member) -> tuple[int, bytes]:
    if PurePosixPath(member.name).suffix.lower() in MEDIA:
        return STORED, member.data
    deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflater.compress(member.data) + deflater.flush()
    return (DEFLATED, body) if len(body) < len(member.data) else (STORED, member.data)


# --- reading


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A line of the directory."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    offset: int

    @property
    def folder(self) -> bool:
        return self.name.endswith("/")


def _directory(data: bytes) -> list[_Entry]:
    count, start, end = _end(data)
    entries, at = [], start
    for _ in range(count):
        entry, at = _listed(data, at, end)
        entries.append(entry)
    if at != end:
        raise PackageError("bytes before, between or after the members")
    return entries


def _end(data: bytes) -> tuple[int, int, int]:
    """How many members there are, and where the directory starts and ends."""
    at = len(data) - END.size
    if at < 0 or not data.startswith((LOCAL_MARK, END_MARK)):
        raise PackageError("not a ZIP")
    mark, disk, first_disk, here, count, length, start, comment = END.unpack_from(data, at)
    if mark != END_MARK or comment:
        raise PackageError("does not end with its directory, or carries a comment")
    if SAFE_COUNT in (disk, first_disk, here, count) or SAFE_SIZE in (length, start):
        raise PackageError("in the form of packages beyond measure (ZIP64)")
    if disk or first_disk or here != count:
        raise PackageError("in several parts")
    _check_count(count)
    if start + length != at:
        raise PackageError("bytes before, between or after the members")
    return count, start, at


def _check_count(count: int) -> None:
    if not count:
        raise PackageError("without members")
    if count > MOST_MEMBERS:
        raise PackageError("more members than a package may have")


def _listed(data: bytes, at: int, end: int) -> tuple[_Entry, int]:
    """The entry that starts there, and where the next one does."""
    if at + CENTRAL.size > end or not data.startswith(CENTRAL_MARK, at):
        raise PackageError("a broken directory")
    found = CENTRAL.unpack_from(data, at)
    _, made_by, version, flags, method, _, _, crc, packed_size, size = found[:10]
    name_length, extra_length, comment, disk, _, attributes, offset = found[10:]
    after_name = at + CENTRAL.size + name_length
    after = after_name + extra_length
    if comment or disk or after > end:
        raise PackageError("a comment, or a broken directory")
    _check_extras(data[after_name:after])
    _check_terms(version, flags, method)
    _check_regular(made_by, attributes)
    raw_name = data[at + CENTRAL.size : after_name]
    entry = _Entry(
        raw_name=raw_name,
        name=_name(raw_name, flags),
        flags=flags,
        method=method,
        crc=crc,
        packed_size=packed_size,
        size=size,
        offset=offset,
    )
    return entry, after


def _check_terms(version: int, flags: int, method: int) -> None:
    if flags & CRYPTIC_FLAGS:
        raise PackageError("encrypted")
    if flags & ~KNOWN_FLAGS or version & 0xFF > MOST_VERSION:
        raise PackageError("a feature of ZIP that no OFD has")
    if method not in (STORED, DEFLATED):
        raise PackageError("a member packed as in no OFD (compression method)")


def _check_regular(made_by: int, attributes: int) -> None:
    """A link to elsewhere is no member (APPNOTE 4.4.15: the upper half is a Unix mode)."""
    if made_by >> 8 == UNIX and (attributes >> 16) & LINKS not in (0, REGULAR, FOLDER):
        raise PackageError("a link or a device")


def _check_extras(extras: bytes) -> None:
    at = 0
    while at < len(extras):
        if at + EXTRA.size > len(extras):
            raise PackageError("a broken extra field")
        kind, length = EXTRA.unpack_from(extras, at)
        if kind == 1:
            raise PackageError("in the form of packages beyond measure (ZIP64)")
        if kind not in HARMLESS_EXTRAS:
            raise PackageError("an extra field that may change what is read")
        at += EXTRA.size + length
    if at != len(extras):
        raise PackageError("a broken extra field")


def _name(raw: bytes, flags: int) -> str:
    """Without the flag nobody knows which characters other bytes than ASCII stand for."""
    try:
        return raw.decode("utf-8" if flags & UTF8 else "ascii")
    except UnicodeDecodeError:
        raise PackageError("a name in an unknown encoding") from None


def _check_names(names: Sequence[str]) -> None:
    """No two names are one, on any disk: letters in either case, characters composed or not.

    GB/T 33190 tells case apart, but a reader that unpacks to a disk may not.
    """
    for name in names:
        _check_name(name)
    folded = [_folded(name.removesuffix("/")) for name in names]
    if len(set(folded)) != len(folded):
        raise PackageError("twice the same name")
    files = {key for key, name in zip(folded, names, strict=True) if not name.endswith("/")}
    if any(folder in files for key in folded for folder in _folders(key)):
        raise PackageError("a name that is a member and a folder")
    full = {folder for key in files for folder in _folders(key)}
    if any(key not in full for key in set(folded) - files):
        raise PackageError("a folder in which nothing lies")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def _folders(name: str) -> Iterator[str]:
    at = name.find("/")
    while at >= 0:
        yield name[:at]
        at = name.find("/", at + 1)


def _check_name(name: str) -> None:
    if name.startswith("/"):
        raise PackageError("an absolute name")
    if "\\" in name or ":" in name:
        raise PackageError("a name with a backslash or a drive")
    if not name.isprintable() or not 0 < len(name.encode()) <= MOST_NAME:
        raise PackageError("a name with characters that no name has, or of an unfit length")
    for segment in name.removesuffix("/").split("/"):
        if not segment or segment.endswith((".", " ")):
            raise PackageError("a name with an empty part, a part .. or one that ends in a dot")


def _check_sizes(entries: Sequence[_Entry]) -> None:
    if sum(entry.size for entry in entries) > MOST_UNPACKED:
        raise PackageError("larger than it may be when unpacked")
    for entry in entries:
        if entry.size > SMALL + MOST_RATIO * entry.packed_size:
            raise PackageError("a member that is packed too well")
        if entry.folder and entry.size:
            raise PackageError("a folder with content")
        if entry.method == STORED and entry.size != entry.packed_size:
            raise PackageError("central and local header disagree")


def _check_places(data: bytes, entries: Sequence[_Entry]) -> None:
    """Members follow one another from the first byte up to the directory, without a gap."""
    _, directory, _ = _end(data)
    placed = sorted(entries, key=lambda entry: entry.offset)
    starts = [*(entry.offset for entry in placed), directory]
    if starts[0] != 0:
        raise PackageError("bytes before, between or after the members")
    for entry, (start, after) in zip(placed, pairwise(starts), strict=True):
        _check_local(data, entry)
        end = _body(data, entry) + entry.packed_size
        if start == after or end > after:
            raise PackageError("members that overlap")
        _check_after(data[end:after], entry)


def _body(data: bytes, entry: _Entry) -> int:
    """Where the member's own bytes start."""
    *_, name_length, extra_length = LOCAL.unpack_from(data, entry.offset)
    return int(entry.offset + LOCAL.size + name_length + extra_length)


def _check_local(data: bytes, entry: _Entry) -> None:
    """What stands before the member must repeat what the directory says of it."""
    at = entry.offset
    if at + LOCAL.size > len(data) or not data.startswith(LOCAL_MARK, at):
        raise PackageError("a member that is not where the directory says")
    _, version, flags, method, _, _, *sums, name_length, extra_length = LOCAL.unpack_from(data, at)
    after_name = at + LOCAL.size + name_length
    _check_terms(version, flags, method)
    _check_extras(data[after_name : after_name + extra_length])
    said = (data[at + LOCAL.size : after_name], flags, method)
    if said != (entry.raw_name, entry.flags, entry.method) or not _sums_agree(sums, entry):
        raise PackageError("central and local header disagree")


def _sums_agree(sums: Sequence[int], entry: _Entry) -> bool:
    """Checksum and sizes; a writer that did not know them yet leaves them out."""
    known = [entry.crc, entry.packed_size, entry.size]
    return sums == known or bool(entry.flags & DESCRIBED and not any(sums))


def _check_after(rest: bytes, entry: _Entry) -> None:
    """After the member stands nothing, or the descriptor that its flags announce."""
    described = DESCRIPTOR.pack(entry.crc, entry.packed_size, entry.size)
    if rest not in (
        (described, DESCRIPTOR_MARK + described) if entry.flags & DESCRIBED else (b"",)
    ):
        raise PackageError("bytes before, between or after the members")


def _content(data: bytes, entry: _Entry) -> bytes:
    start = _body(data, entry)
    body = data[start : start + entry.packed_size]
    content = body if entry.method == STORED else _inflated(body, entry.size)
    if zlib.crc32(content) != entry.crc:
        raise PackageError("a member whose checksum is wrong (CRC)")
    return content


def _inflated(body: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(body, size + 1)
    except zlib.error:
        raise PackageError("broken compressed data") from None
    if len(content) != size or not inflater.eof or inflater.unused_data:
        raise PackageError("a size that is not what it says")
    return content
