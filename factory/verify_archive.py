"""Archive stamps behind a sealed PDF: what they prove, and that nothing else follows the seal.

A revision counts where writing it again, from what it holds, gives the same bytes
(`factory.seals.archive`): the one way to be sure of a whole revision without rules for each thing
that it might change.  Those of other programs therefore are what they were: something that was
added after the seal.  Stamps are judged from the last to the first: each proves how old all before
it is, the former stamp too, whose certificate may have ended since (ETSI EN 319 102-1, 5.6.2).
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from factory.errors import (
    RevocationRefusedError,
    SealRefusedError,
    SelfCheckError,
    SignatureRefusedError,
)
from factory.seals import archive, revocation
from factory.seals.keys import certificate_of
from factory.seals.selfcheck import BYTE_RANGE, container, sole_hole
from factory.verify_reading import refuse_beyond
from factory.verify_revisions import Signature, signatures
from factory.verify_time import Asked, Stamp, judged, told
from factory.verify_verdict import Check

NAME = "archive stamp"
MOST = 32  #: revisions behind a seal


class Layer(archive.Waiting):
    """A document up to the end of an archive stamp, whose token is in its hole."""

    @property
    def token(self) -> bytes:
        """DER, with its padding."""
        return container(self.document, self.hole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A sealed document, and what has been put behind it since.

    sealed: up to the end of its seal, or all of it where something else follows the seal.
    layers: the oldest first; none where something else follows too.
    """

    sealed: bytes
    layers: tuple[Layer, ...] = ()


def opened(data: bytes, reader: PdfFileReader) -> Archive:
    """The parts of a file; reader: of all of it."""
    there = signatures(reader)
    seals = [each.end for each in there if not _is_stamp(each)]
    stamps = [each.end for each in there if _is_stamp(each)]
    if not seals or not 0 < len(stamps) <= MOST or stamps[-1] != len(data):
        return Archive(sealed=data)
    before = sealed = data[: seals[-1]]
    layers = []
    for end in stamps:
        layer = _layer(before, data[:end])
        if layer is None:
            return Archive(sealed=data)
        layers.append(layer)
        before = layer.document
    return Archive(sealed=sealed, layers=tuple(layers))


def _is_stamp(signature: Signature) -> bool:
    """ISO 32000-2, 12.8.5."""
    return bool(signature.entries.get("/Type") == "/DocTimeStamp")


def _layer(before: bytes, after: bytes) -> Layer | None:
    """None unless it is what an archive stamp over the former document is written as."""
    if not after.startswith(before):
        return None
    ranges = BYTE_RANGE.findall(after, len(before))
    if len(ranges) != 1:
        return None
    try:
        hole = sole_hole(after, [int(each) for each in ranges[0]])
        if hole is None:
            return None
        for each in (before, after):
            refuse_beyond(each)
        layer = Layer(document=after, hole=hole)
        found = archive.added(after, archive.next_number(before))
        for each in found.certificates:
            certificate_of(each)
        for each in (*found.crls, *found.ocsps):
            revocation.read(each)
        again = archive.prepared(before, found, len(layer.token)).closed(layer.token)
    except (PdfError, SealRefusedError, RevocationRefusedError, ValueError, KeyError, TypeError):
        return None
    return layer if again == after else None


def self_check(before: bytes, after: bytes, asked: Asked) -> None:
    """What every archived file passes before it is stored; before: it without its last stamp.

    SelfCheckError: something else was added, or the stamp proves nothing.
    """
    layer = _layer(before, after)
    if layer is None:
        raise SelfCheckError("archive stamp: something else was added with it")
    try:
        judged(layer.token, layer.covered, asked)
    except SignatureRefusedError as error:
        raise SelfCheckError(f"archive stamp: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the stamps prove: the earliest of them that holds, and why others do not."""

    layers: int
    earliest: Stamp | None
    useless: tuple[str, ...]

    @property
    def check(self) -> Check:
        """The step that tells of them."""
        if self.earliest is not None:
            said = f"{self.layers}; the sealed file was there by {told(self.earliest.time)}"
            return Check(name=NAME, ok=True, detail=f"{said} ({self.earliest.authority})")
        said = f"proves nothing, judged as if there were none: {self.useless[0]}"
        return Check(name=NAME, ok=True, detail=said)


def proved(layers: Sequence[Layer], asked: Asked) -> Proof:
    """Stamps from the last to the first; layers: one at least."""
    earliest: Stamp | None = None
    useless: list[str] = []
    for each in reversed(layers):
        try:
            stamp = judged(each.token, each.covered, asked)
        except SignatureRefusedError as error:
            useless.append(str(error))
            continue
        if earliest is None or stamp.time < earliest.time:
            earliest = stamp
        asked = since(asked, stamp.time)
    return Proof(layers=len(layers), earliest=earliest, useless=tuple(useless))


def since(asked: Asked, moment: datetime) -> Asked:
    """The same question about something that is proved to have been there at a moment."""
    known = [each for each in (asked.proved_at, moment) if each is not None]
    return replace(asked, proved_at=min(known))
