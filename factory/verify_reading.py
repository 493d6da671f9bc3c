"""Reading a PDF of anybody's within bounds: what a small file may cost before it is judged.

A cross-reference stream can tell of a billion objects in a hundred bytes, tables can share one
stream by the thousand, fields can name each other in ever more ways, an object in an object
stream is looked for among all others that are in it, and a plain array takes a hundred times its
bytes.  Bounds are far beyond what any certificate
or form has.  ISO 32000-2, 7.5.7 and 7.5.8.
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

import os
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import (
    DEFAULT_PURPOSE_LIMITS,
    DecodeContext,
    DecodeLimits,
    DecodePurpose,
    StreamDecodeLimits,
)
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader, process_data_at_eof
from pyhanko.pdf_utils.xref import XRefBuilder

from factory.metered import Metered

MOST_SECTIONS = 200  #: of cross-references: revisions, and the streams beside their tables
MOST_ENTRIES = 100_000  #: of all of them
MOST_LOOKED_UP = 200_000  #: objects, each time, and those that lie beside them in a stream
MOST_OF_A_STREAM = 256 * 1024  #: bytes of an object stream, unpacked
MOST_OF_STREAMS = 1024 * 1024  #: of all of them, each time that one is looked into
LIMITS = DecodeLimits(
    per_purpose={
        **DEFAULT_PURPOSE_LIMITS,
        DecodePurpose.OBJECT_STREAM: StreamDecodeLimits(max_output_size=MOST_OF_A_STREAM),
    }
)


def opened(data: bytes) -> PdfFileReader:
    """A reader of the file as it is, with all its revisions.

    PdfError: it is none, or larger in itself than any file that is signed here; other errors of
    pyHanko's where it is broken.
    """
    refuse_beyond(data)
    return _Reader(Metered(data), strict=False, decode_limits=LIMITS)


def refuse_beyond(data: bytes) -> None:
    """PdfError if its cross-references tell of more than is read here."""
    stream = Metered(data)
    stream.seek(-1, os.SEEK_END)
    context: Any = _Context(len(data))
    _Sections(context, stream, False, process_data_at_eof(stream)).read_xrefs()


class _Context:
    """As much of a document as its cross-references need to be read by themselves."""

    def __init__(self, size: int) -> None:
        self.decode_context = DecodeContext(DecodeLimits(), input_size=size)


class _Sections(XRefBuilder):
    """Cross-references, counted before they are believed."""

    entries = 0

    def _read_xref_table(self, declared_startxref: int) -> Any:
        self._count(0)
        before = super()._read_xref_table(declared_startxref)
        self._count(len(self.sections[-1].xref_data.explicit_refs_in_revision))
        return before

    def _read_xref_stream_object(self) -> Any:
        reference, stream = super()._read_xref_stream_object()
        self._count(_told(stream))
        return reference, stream

    def _count(self, entries: int) -> None:
        self.entries += entries
        if self.entries > MOST_ENTRIES or len(self.sections) > MOST_SECTIONS:
            raise PdfReadError("more cross-references than are read")


def _told(stream: Any) -> int:
    """How many objects a cross-reference stream tells of (ISO 32000-2, table 17)."""
    index = [int(each) for each in stream.get("/Index", [0, stream.get("/Size")])]
    if min(index, default=0) < 0:
        raise PdfReadError("a negative number of cross-references")
    return sum(index[1::2])


class _Reader(PdfFileReader):
    """Looks up so many objects and no more."""

    looked_up = 0
    unpacked = 0

    def get_object(self, *given: Any, **how: Any) -> Any:
        self._count(1)
        return super().get_object(*given, **how)

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> Any:
        held: Any = generic.Reference(stmnum, 0, self).get_object()
        self._count(int(held["/N"]))
        self.unpacked += len(held.read_data(DecodePurpose.OBJECT_STREAM))
        if self.unpacked > MOST_OF_STREAMS:
            raise PdfReadError("more in object streams than is looked through")
        return super()._get_object_from_stream(idnum, stmnum, idx)

    def _count(self, objects: int) -> None:
        self.looked_up += max(0, objects)
        if self.looked_up > MOST_LOOKED_UP:
            raise PdfReadError("more objects than are looked up")
