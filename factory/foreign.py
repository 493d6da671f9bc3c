"""A foreign PDF (ISO 32000-1) opened to be looked through: its objects, and what is packed in them.

Read strictly, so that no other reader sees another document in the same bytes, and within
limits, so that a small file does not become a large one in memory.
"""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.decode_limits import (
    DEFAULT_PURPOSE_LIMITS,
    DecodeLimits,
    DecodePurpose,
    DocumentDecodeBudget,
    StreamDecodeLimits,
)
from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import ObjStreamRef

from factory.errors import MaterialError
from factory.metered import Metered
from factory.verify_reading import refuse_beyond

MEGABYTE = 1_000_000
MOST_UNPACKED = 32 * MEGABYTE  #: of one stream that is no picture
MOST_UNPACKED_WHOLE = 128 * MEGABYTE
MOST_PACKED_OBJECTS = 8 * MEGABYTE  #: of one object stream
MOST_OBJECTS = 100_000
MOST_STEPS = 2 * MEGABYTE  #: of reading: of the file, and of each object stream
DEEPEST = 50  #: references to references, parents of parents
LIMITS = DecodeLimits(
    per_stream=StreamDecodeLimits(max_output_size=MOST_UNPACKED),
    per_purpose={
        **DEFAULT_PURPOSE_LIMITS,
        DecodePurpose.OBJECT_STREAM: StreamDecodeLimits(max_output_size=MOST_PACKED_OBJECTS),
    },
    document_budget=DocumentDecodeBudget(base_allowance=MOST_UNPACKED_WHOLE, max_ratio=1),
)
EMPTY = DictionaryObject()  # type: ignore[no-untyped-call]
NEW_PDF = "print it to a new PDF, or scan it"
#: what pyHanko meets in bytes that are no whole PDF
UNREADABLE = (
    misc.PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError,
    NotImplementedError, ArithmeticError, EOFError, OSError, RecursionError, struct.error,
    zlib.error,
)  # fmt: skip


class Foreign:
    """A PDF of somebody else.

    MaterialError, from the start and from every method: it is damaged, encrypted, or holds more
    than a document of its size may.
    """

    def __init__(self, data: bytes) -> None:
        with _whole():
            refuse_beyond(data)
            stream = Metered(data, MOST_STEPS)
            self._reader = PdfFileReader(stream, strict=False, decode_limits=LIMITS)
            self._reader.strict = True  # the table may be sloppy, the objects may not
            encrypted = "/Encrypt" in self._reader.trailer_view
        if encrypted:
            raise MaterialError(
                "material: the PDF is encrypted (加密): save it without a password or restrictions"
            )
        self._packs: dict[int, Mapping[int, object]] = {}
        self._counted: set[int] = set()
        self._unpacked = 0

    @property
    def root(self) -> DictionaryObject:
        """The catalog, from which everything is reached."""
        with _whole():
            found = self.resolved(self._reader.trailer.raw_get("/Root"))
            if isinstance(found, DictionaryObject):
                return found
            raise TypeError

    def resolved(self, value: object) -> object:
        """What a reference leads to; null where there is nothing (7.3.10)."""
        with _whole():
            for _ in range(DEEPEST):
                if not isinstance(value, IndirectObject):
                    return value
                value = self._object(value)
            raise RecursionError

    def entry(self, found: DictionaryObject, key: str) -> object:
        """The value of a key, resolved; None: there is none, or it is null."""
        if key not in found:
            return None
        value = self.resolved(found.raw_get(key))
        return None if isinstance(value, generic.NullObject) else value

    def dictionary(self, found: DictionaryObject, key: str) -> DictionaryObject:
        """The dictionary of a key; an empty one: there is none."""
        value = self.entry(found, key)
        return value if isinstance(value, DictionaryObject) else EMPTY

    def content(self, stream: StreamObject) -> bytes:
        """What a stream that is no picture holds, unpacked; as far as it is whole."""
        data = self._encoded(stream)
        for name in self.filters(stream):
            if name not in UNPACK:
                raise MaterialError(
                    f"material: the PDF is packed in an old way ({name}): {NEW_PDF}"
                )
            data = UNPACK[name](data)
            if len(data) > MOST_UNPACKED:
                raise _too_much()
        if id(stream) not in self._counted:
            self._counted.add(id(stream))
            self._unpacked += len(data)
        if self._unpacked > MOST_UNPACKED_WHOLE:
            raise _too_much()
        return data

    def check_packing(self, picture: StreamObject) -> None:
        """MaterialError: a picture is packed in several layers, so it may be of any size."""
        *outer, _ = *self.filters(picture), ""
        outer = outer[:-1]
        if len(outer) > 1 or not set(outer) <= UNPACK.keys():
            raise MaterialError(f"material: the PDF packs a picture several times: {NEW_PDF}")
        if outer and len(UNPACK[outer[0]](self._encoded(picture))) > MOST_UNPACKED:
            raise _too_much()

    def filters(self, stream: StreamObject) -> list[str]:
        """The names of a stream's filters (7.4), in the order they are undone."""
        given = self.entry(stream, "/Filter")
        each = list(given) if isinstance(given, ArrayObject) else [given]
        return [str(self.resolved(name)) for name in each if name is not None]

    def _encoded(self, stream: StreamObject) -> bytes:
        with _whole():
            return bytes(stream.encoded_data)

    def _object(self, reference: IndirectObject) -> object:
        try:
            place = self._reader.xrefs[reference.reference]
        except KeyError:
            place = None
        if place is None:
            return generic.NullObject()
        if isinstance(place, ObjStreamRef):
            return self._pack(place.obj_stream_id).get(reference.idnum, generic.NullObject())
        return self._read(reference.reference)

    def _read(self, reference: generic.Reference) -> object:
        return self._reader.get_object(reference)  # type: ignore[no-untyped-call]

    def _pack(self, number: int) -> Mapping[int, object]:
        """The objects of an object stream (7.5.7), read once."""
        if number not in self._packs:
            self._packs[number] = dict(self._unpack(number))
        return self._packs[number]

    def _unpack(self, number: int) -> Iterator[tuple[int, object]]:
        stream = self._read(generic.Reference(number, 0, self._reader))
        if not isinstance(stream, StreamObject):
            raise TypeError
        data = stream.read_data(DecodePurpose.OBJECT_STREAM)
        count, first = int(stream["/N"]), int(stream["/First"])
        said = [int(each) for each in data[:first].split()[: 2 * count]]
        if len(set(said[::2])) < count or count > MOST_OBJECTS:
            raise ValueError
        buffer = Metered(data, MOST_STEPS)
        for ident, offset in zip(said[::2], said[1::2], strict=True):
            buffer.seek(first + offset)
            misc.read_non_whitespace(buffer, seek_back=True)  # type: ignore[no-untyped-call]
            yield ident, generic.read_object(buffer, generic.Reference(ident, 0, self._reader))


def _inflated(data: bytes) -> bytes:
    """At most a byte more than may be; of what is broken off or damaged nothing."""
    try:
        return zlib.decompressobj().decompress(data, MOST_UNPACKED + 1)
    except zlib.error:
        return b""


def _from_hex(data: bytes) -> bytes:
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", data.partition(b">")[0])
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))


def _from_85(data: bytes) -> bytes:
    try:
        return base64.a85decode(data.partition(b"~")[0])
    except ValueError:
        return b""


#: what undoes each filter that is looked into (7.4.2 to 7.4.4)
UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "/FlateDecode": _inflated,
    "/Fl": _inflated,
    "/ASCIIHexDecode": _from_hex,
    "/AHx": _from_hex,
    "/ASCII85Decode": _from_85,
    "/A85": _from_85,
}


def _too_much() -> MaterialError:
    return MaterialError(f"material: the PDF unpacks to far more than its size: {NEW_PDF}")


@contextmanager
def _whole() -> Iterator[None]:
    """MaterialError: what is read is no whole PDF."""
    try:
        yield
    except misc.PdfDecodeLimitError as error:
        raise _too_much() from error
    except UNREADABLE as error:
        raise MaterialError(
            f"material: the PDF is damaged or broken off (文件损坏): {NEW_PDF}"
        ) from error
