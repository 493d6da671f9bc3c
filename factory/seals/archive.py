"""Archive stamps (归档时间戳): a revision behind a sealed PDF that proves how old all of it is.

PAdES B-LTA (ETSI EN 319 142-1, 5.4.3; ISO 32000-2, 12.8.5): newer validation material, and a
document time stamp over every byte before it, put on while the former stamp's certificate is
valid.  One may follow another.  In two steps, so that all tokens of a slice are asked for at once::

    waiting = prepared(document, material, room)
    longer = waiting.closed(token over waiting.imprint)

The same arguments give the same bytes, and always will: whoever verifies writes a revision again
from what it holds and takes none that differs by one byte (`factory.verify_archive`).  So no rules
are needed for what a revision may change.
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, count
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from factory.errors import SealRefusedError
from factory.metered import Metered
from factory.seals import outside, pades
from factory.seals.longterm import Material
from factory.seals.outside import Signed
from factory.seals.selfcheck import BYTE_RANGE, Hole, container

#: a dictionary that is an object of its own, and no stream
DICTIONARY = re.compile(rb"(\d+) 0 obj\s*(<<.*?>>)\s*endobj", re.DOTALL)
END = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*\Z")
KINDS = (("/Certs", "certificates"), ("/CRLs", "crls"), ("/OCSPs", "ocsps"))
OBJECT = b"%d 0 obj\n%s\nendobj\n"
STREAM = b"%d 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n"
#: invisible: no width and no height (ISO 32000-2, 12.7.5.5); to be printed, and locked
FIELD = (
    b"<</FT /Sig/T(Archive%d)/V %d 0 R/Type /Annot/Subtype /Widget/Rect[0 0 0 0]/F 132/P %d 0 R>>"
)
STAMP = (
    b"<</Type /DocTimeStamp/Filter /Adobe.PPKLite/SubFilter /ETSI.RFC3161"
    b"/ByteRange[0 %010d %010d %010d]/Contents%s>>"
)
TRAILER = (
    b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><%s>]/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A document with an archive stamp that waits for its token.

    hole: offsets of ``<`` and of the byte after ``>`` in document.
    """

    document: bytes = field(repr=False)
    hole: Hole

    @property
    def covered(self) -> bytes:
        """What the token is over: all but the hole."""
        return self.document[: self.hole[0]] + self.document[self.hole[1] :]

    @property
    def imprint(self) -> bytes:
        """SHA-256 of it."""
        return sha256(self.covered).digest()

    def closed(self, token: bytes) -> bytes:
        """The document with the token (DER).  SealRefusedError: there is no room for it."""
        room = (self.hole[1] - self.hole[0]) // 2 - 1
        if len(token) > room:
            raise SealRefusedError(f"the time stamp needs {len(token)} bytes, room for {room}")
        return pades.spliced(self.document, self.hole, token)


def prepared(document: bytes, material: Material, room: int) -> Waiting:
    """The document with one more revision and a hole for its token.

    material: what is added to what it brings already; nothing twice.
    room:     bytes of the hole.
    SealRefusedError: its parts do not lie as in a certificate of ours.
    """
    try:
        return _written(_Before.of(document), material, room)
    except (PdfError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise SealRefusedError(f"not a PDF that can be archived: {type(error).__name__}") from error


def added(document: bytes, size: int) -> Material:
    """What a document's security store refers to from an object number on.

    size: the first of the numbers; see `next_number`.
    """
    store = _store(_read(document))
    return Material(
        **{
            name: tuple(stream.data for number, stream in store[key] if number >= size)
            for key, name in KINDS
        }
    )


def next_number(document: bytes) -> int:
    """The first object number that no revision of a document has used."""
    return int(_read(document).trailer["/Size"])


def signed_in(document: bytes) -> tuple[Signed, ...]:
    """Who signed what in it: its seal, the time stamps over that, the archive stamps.

    SealRefusedError, SignatureRefusedError: one of them cannot be read.
    """
    ranges = [[int(number) for number in each] for each in BYTE_RANGE.findall(document)]
    if not ranges:
        raise SealRefusedError("not a PDF that is sealed")
    (_, start, end, length), *others = ranges
    covered = document[:start] + document[end : end + length]
    seal = outside.read(container(document, (start, end)), covered)
    stamps = (*seal.stamps, *(container(document, (each[1], each[2])) for each in others))
    return (seal, *(outside.read_stamp(each)[0] for each in stamps))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What a revision needs to know of a document.

    store:  per kind the numbers and streams of the security store.
    bodies: of the objects that are written again, by their numbers.
    """

    document: bytes = field(repr=False)
    size: int
    info: int
    identifier: bytes
    xref_at: int
    root: int
    form: int
    page: int
    store: dict[str, list[tuple[int, Any]]]
    bodies: dict[int, bytes]

    @classmethod
    def of(cls, document: bytes) -> _Before:
        reader = _read(document)
        root, trailer = reader.root_ref.idnum, reader.trailer
        form = reader.root.raw_get("/AcroForm").idnum
        page = reader.root["/Pages"]["/Kids"].raw_get(0).idnum
        end = END.search(document)
        if end is None:
            raise ValueError("startxref")
        return cls(
            document=document,
            size=int(trailer["/Size"]),
            info=trailer.raw_get("/Info").idnum,
            identifier=trailer["/ID"][0].original_bytes,
            xref_at=int(end[1]),
            root=root,
            form=form,
            page=page,
            store=_store(reader),
            bodies={each: _dictionary(reader, document, each) for each in (root, form, page)},
        )


def _read(document: bytes) -> PdfFileReader:
    reader = PdfFileReader(Metered(document))
    if reader.encrypted or reader.xrefs.hybrid_xrefs_present:
        raise ValueError("encrypted, or read in two ways")
    return reader


def _store(reader: PdfFileReader) -> dict[str, list[tuple[int, Any]]]:
    held = _entry(reader.root, "/DSS", {})
    return {
        key: [(each.idnum, each.get_object()) for each in _references(held, key)]
        for key, _ in KINDS
    }


def _references(held: Any, key: str) -> Iterator[Any]:
    listed = _entry(held, key, ())
    return (listed.raw_get(place) for place in range(len(listed)))


def _entry(held: Any, key: str, otherwise: Any) -> Any:
    """What an entry leads to; pyHanko's ``get`` does not follow references."""
    return held[key] if key in held else otherwise  # noqa: SIM401


def _dictionary(reader: PdfFileReader, document: bytes, number: int) -> bytes:
    """An object's bytes, as they stand in the newest revision that has it."""
    at = reader.xrefs[generic.Reference(number, 0, reader)]
    found = DICTIONARY.match(document, at)
    if found is None or int(found[1]) != number or b"stream" in found[2]:
        raise ValueError("an object lies elsewhere")
    return found[2]


# --- writing --------------------------------------------------------------------------------------


def _written(before: _Before, material: Material, room: int) -> Waiting:
    numbers = count(before.size)
    streams, store = _newer_store(before, material, numbers)
    dss, widget, stamp = next(numbers), next(numbers), next(numbers)
    bodies = before.bodies
    objects = {
        before.root: OBJECT % (before.root, _pointing(bodies[before.root], b"/DSS", dss)),
        before.form: OBJECT % (before.form, _listing(bodies[before.form], b"/Fields", widget)),
        before.page: OBJECT % (before.page, _listing(bodies[before.page], b"/Annots", widget)),
        **streams,
        dss: OBJECT % (dss, store),
        widget: OBJECT % (widget, FIELD % (widget, stamp, before.page)),
    }
    body, offsets = _laid_out(objects, len(before.document))
    offsets[stamp] = len(before.document) + len(body)
    return _closed_by(before, body, offsets, stamp, room)


def _newer_store(
    before: _Before, material: Material, numbers: Iterator[int]
) -> tuple[dict[int, bytes], bytes]:
    """Streams for what is not there yet, and the dictionary of all (ISO 32000-2, table 261)."""
    streams: dict[int, bytes] = {}
    entries = [b"/Type /DSS"]
    for key, name in KINDS:
        there = before.store[key]
        held = {bytes(stream.data) for _, stream in there}
        fresh = [each for each in dict.fromkeys(getattr(material, name)) if each not in held]
        own = {next(numbers): each for each in fresh}
        streams |= {n: STREAM % (n, len(each), each) for n, each in own.items()}
        listed = b" ".join(b"%d 0 R" % n for n in chain((n for n, _ in there), own))
        if listed:
            entries.append(b"%s[%s]" % (key.encode("ascii"), listed))
    return streams, b"<<%s>>" % b"".join(entries)


def _pointing(body: bytes, key: bytes, number: int) -> bytes:
    """The dictionary with that entry, which refers to another object from now on."""
    found = list(re.finditer(re.escape(key) + rb"\s+\d+ 0 R", body))
    entry = b"%s %d 0 R" % (key, number)
    return _with_entry(body, key, found, entry)


def _listing(body: bytes, key: bytes, number: int) -> bytes:
    """The dictionary with one more reference in a list."""
    found = list(re.finditer(re.escape(key) + rb"\s*\[([0-9R\s]*)\]", body))
    listed = b" ".join((*(each[1].strip() for each in found), b"%d 0 R" % number)).strip()
    return _with_entry(body, key, found, b"%s[%s]" % (key, listed))


def _with_entry(body: bytes, key: bytes, found: Sequence[re.Match[bytes]], entry: bytes) -> bytes:
    if body.count(key) != len(found) or len(found) > 1:
        raise ValueError("an entry stands twice, or otherwise")
    if not found:
        return body[: -len(b">>")] + entry + b">>"
    [there] = found
    return body[: there.start()] + entry + body[there.end() :]


def _laid_out(objects: dict[int, bytes], at: int) -> tuple[bytes, dict[int, int]]:
    offsets = {}
    for number, each in objects.items():
        offsets[number] = at
        at += len(each)
    return b"".join(objects.values()), offsets


def _closed_by(
    before: _Before, body: bytes, offsets: dict[int, int], stamp: int, room: int
) -> Waiting:
    """With the stamp's own object, cross-references and trailer (ISO 32000-2, 7.5.4 to 7.5.6)."""
    blank = b"<%s>" % (b"0" * (2 * room))
    begins = offsets[stamp] + (OBJECT % (stamp, STAMP % (0, 0, 0, blank))).index(blank)
    hole = (begins, begins + len(blank))
    xref_at = hole[1] + len(b">>\nendobj\n")
    tail = _references_table(offsets) + TRAILER % (
        stamp + 1,
        before.root,
        before.info,
        before.identifier.hex().encode("ascii"),
        sha256(before.document).digest()[:16].hex().encode("ascii"),
        before.xref_at,
        xref_at,
    )
    behind = xref_at - hole[1] + len(tail)
    own = OBJECT % (stamp, STAMP % (hole[0], hole[1], behind, blank))
    return Waiting(document=b"".join((before.document, body, own, tail)), hole=hole)


def _references_table(offsets: dict[int, int]) -> bytes:
    """Subsections of numbers without a gap."""
    lines = [b"xref\n"]
    for run in _runs(sorted(offsets)):
        lines.append(b"%d %d\n" % (run[0], len(run)))
        lines += (b"%010d 00000 n \n" % offsets[each] for each in run)
    return b"".join(lines)


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for each in numbers:
        if runs and runs[-1][-1] + 1 == each:
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs
