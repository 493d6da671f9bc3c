"""Revocation material inside a PDF: its document security store (DSS), of B-LT level.

ISO 32000-2, 12.8.4.3; ETSI EN 319 142-1, 5.4.2.  Whoever made the file put it there, so it counts
as material that was given: where the issuer signed it.  What cannot be read is passed over.
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from factory.errors import RevocationRefusedError
from factory.seals.revocation import Answer, RevocationList, Revocations, Source, Together

MOST_PIECES = 32  #: of each kind
MOST_BYTES = 2 * 1024 * 1024  #: of each
MOST_TOGETHER = 16 * 1024 * 1024  #: of all of one kind


def with_those_in(reader: PdfFileReader, given: Source) -> Source:
    """What was given, and what the file holds besides."""
    if "/DSS" not in reader.root:
        return given
    found = Revocations((*_read(reader, "/CRLs"), *_read(reader, "/OCSPs")))
    return Together((given, found)) if found else given


def _read(reader: PdfFileReader, name: str) -> Iterator[RevocationList | Answer]:
    make = RevocationList if name == "/CRLs" else Answer
    left = MOST_TOGETHER
    for data in _pieces(reader, name):
        left -= len(data)
        if left < 0:
            return
        with suppress(RevocationRefusedError):
            yield make(data)


def _pieces(reader: PdfFileReader, name: str) -> Iterator[bytes]:
    """What each of the first streams of a list in the store holds; one stream may stand often."""
    with suppress(PdfError, KeyError, TypeError, AttributeError, ValueError):
        for each in islice(reader.root["/DSS"].get(name, ()), MOST_PIECES):
            yield from _held(each.get_object())


def _held(stream: Any) -> Iterator[bytes]:
    """Nothing where it is larger than any that there are, cut short, or packed otherwise."""
    data: bytes = stream.encoded_data
    if "/Filter" not in stream:
        yield from (data,) if len(data) <= MOST_BYTES else ()
        return
    if stream["/Filter"] not in ("/FlateDecode", ["/FlateDecode"]) or "/DecodeParms" in stream:
        return
    inflater = zlib.decompressobj()
    with suppress(zlib.error):
        content = inflater.decompress(data, MOST_BYTES)
        yield from (content,) if inflater.eof else ()
