"""What a forger can do to a sealed file: with the key for a while, or without it for good."""

import re
import zlib
from dataclasses import replace
from hashlib import sha256
from io import BytesIO

import pikepdf

from factory.seals import pades
from factory.seals.selfcheck import BYTE_RANGE
from factory.seals.signer import SealIdentity
from tests.factory.sealing import FIELD, NOW


def seal_edited(document: bytes, identity: SealIdentity, old: bytes, new: bytes) -> bytes:
    """Sealed in order, but with a word of the prepared file exchanged before the signature."""
    prepared = pades.prepare(document, FIELD, identity, now=NOW)
    assert len(old) == len(new)
    assert prepared.document.count(old) == 1
    edited = prepared.document.replace(old, new)
    start, end = prepared.hole
    digest = sha256(edited[:start] + edited[end:]).digest()
    attributes = prepared.container.signed_attributes(digest)
    [signature] = identity.signer.sign_digests([sha256(attributes).digest()])
    return pades.complete(replace(prepared, document=edited, document_digest=digest), signature)


def append_with_fitting_sums(sealed: bytes) -> bytes:
    """A new page content behind the seal, hidden by an over-long signature container.

    The signature dictionary is written anew into a compressed object stream, with the old byte
    range and so many zeros behind the container that the lengths add up to the file's: a
    validator that adds lengths finds the whole file covered.  Needs no key.
    """
    for spaces in range(64):
        zeros = 0
        for _ in range(20):
            forged = _revision(sealed, zeros, spaces)
            missing = len(forged) - _claimed(sealed, zeros)
            if missing == 0:
                return forged
            zeros += missing // 2
    raise AssertionError("no padding makes the lengths fit")


def _claimed(sealed: bytes, zeros: int) -> int:
    """The file length a validator that adds lengths would expect."""
    first, second, length = _range(sealed)
    return first + length + (second - first) + 2 * zeros


def _range(sealed: bytes) -> tuple[int, int, int]:
    """Of the last signature."""
    _, first, second, length = BYTE_RANGE.findall(sealed)[-1]
    return int(first), int(second), int(length)


def _revision(sealed: bytes, zeros: int, spaces: int) -> bytes:
    with pikepdf.open(BytesIO(sealed)) as file:
        signature = _last_signature(file).objgen[0]
        page, root = file.pages[0].obj.objgen[0], file.Root.objgen[0]
        parent, size = file.pages[0].obj.Parent.objgen[0], int(file.trailer.Size)
    stream_no, content_no, xref_no = size, size + 1, size + 2
    objects = {
        stream_no: object_stream(signature, _dictionary(sealed, zeros)),
        content_no: b"<</Length 14>>stream\n0 0 9 9 re f   \nendstream",
        page: b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]/Contents %d 0 R>>"
        % (parent, content_no),
    }
    data, rows = sealed + b" " * spaces + b"\n", {signature: (2, stream_no)}
    for number, body in objects.items():
        rows[number] = (1, len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return data + xref_stream(xref_no, root, rows, len(data), previous=last_xref(sealed))


def _last_signature(file: pikepdf.Pdf) -> pikepdf.Object:
    signed = [field.V for field in file.Root.AcroForm.Fields if "/V" in field]
    return max(signed, key=lambda value: int(value.ByteRange[2]))


def _dictionary(sealed: bytes, zeros: int) -> bytes:
    first, second, length = _range(sealed)
    container = sealed[first + 1 : second - 1] + b"00" * zeros
    return (
        b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(D:20261121040000Z)"
        b"/ByteRange[0 %d %d %d]/Contents<%s>/Reference[<</TransformMethod/DocMDP"
        b"/TransformParams<</P 1>>>>]>>" % (first, second, length, container)
    )


def object_stream(number: int, body: bytes) -> bytes:
    """A stream that holds one object (ISO 32000-2, 7.5.7)."""
    head = b"%d 0 " % number
    packed = zlib.compress(head + body, 9)
    return b"<</Type/ObjStm/N 1/First %d/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (
        len(head),
        len(packed),
        packed,
    )


def xref_stream(
    number: int, root: int, rows: dict[int, tuple[int, int]], at: int, *, previous: int
) -> bytes:
    """A cross-reference stream that stands there (ISO 32000-2, 7.5.8).

    rows: of each object whether it stands at a place (1) or in an object stream (2), and where.
    """
    index = b" ".join(b"%d 1" % each for each in sorted(rows))
    table = b"".join(
        bytes([rows[each][0]]) + rows[each][1].to_bytes(4, "big") + b"\0" for each in sorted(rows)
    )
    return (
        b"%d 0 obj\n<</Type/XRef/W[1 4 1]/Index[%s]/Size %d/Root %d 0 R/Prev %d/Length %d>>"
        b"stream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF"
        % (number, index, number + 1, root, previous, len(table), table, at)
    )


def last_xref(sealed: bytes) -> int:
    """Where the last revision's cross-references stand."""
    return int(re.findall(rb"startxref\s+(\d+)", sealed)[-1])
