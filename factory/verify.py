"""Verifying a file: bytes and trust roots in, a verdict with every step reported by itself.

Its first bytes tell what it is; OFD is judged in `verify_ofd`, a PDF's seal in `verify_seal`, its
parties' signatures in `verify_form`.  Nothing is fetched, no clock is read; `verify_time` says at
which time the chain is validated: its time stamp's, else now, else the one that it claims.  A call
takes some milliseconds of one core: a server calls it in a thread.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader

from factory import (
    verify_archive,
    verify_form,
    verify_ofd,
    verify_reading,
    verify_seal,
    verify_store,
)
from factory.seals.keys import fingerprint
from factory.seals.revocation import Revocations, Source
from factory.seals.selfcheck import BYTE_RANGE, self_check
from factory.verify_time import (
    NOTHING,
    Asked,
)
from factory.verify_verdict import (
    MAKER_TRUST,
    TRUST,
    Check,
    Verdict,
    VerdictWord,
)

__all__ = [
    "BYTE_RANGE",
    "MAKER_TRUST",
    "TRUST",
    "Check",
    "Verdict",
    "VerdictWord",
    "fingerprint",
    "self_check",
    "twin",
    "verify",
    "verify_pdf",
]

MOST_BYTES = 20 * 1024 * 1024
MOST_TWIN_BYTES = 1024 * 1024
NOBODY: Mapping[str, Sequence[x509.Certificate]] = MappingProxyType({})
PDF, ZIP = b"%PDF-", b"PK"
MOST_BEFORE = 1024  #: where a PDF's header may stand (ISO 32000-2, annex I)
NONE_GIVEN = Revocations()
UNREAD = "is no PDF that can be read, or its signature is none"
LICENCE = re.compile(r"证照标识:(\S+)")


UNSIGNED = Verdict(
    verdict=VerdictWord.UNSIGNED,
    reasons=("carries no signature",),
    checks=(Check(name="signature", ok=False, detail="there is none"),),
)


def verify(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    party_roots: Mapping[str, Sequence[x509.Certificate]] = NOBODY,
    *,
    issuers: Sequence[x509.Certificate] = (),
    now: datetime | None = None,
    time_roots: Sequence[x509.Certificate] = (),
    revocations: Source = NONE_GIVEN,
    proved_at: datetime | None = None,
) -> Verdict:
    """The verdict on a PDF or an OFD; never raises for what the bytes are.

    trust_roots: what a seal's certificate must lead to, of any algorithm.
    party_roots: field -> what the certificate of the party that signs there must lead to.
    issuers:     CAs that may stand between a root and an OFD's seal, which carries none.
    now, time_roots, revocations, proved_at: see Asked.
    """
    asked = Asked(now=now, time_roots=time_roots, revocations=revocations, proved_at=proved_at)
    if data.startswith(ZIP):
        return verify_ofd.verify_ofd(data, trust_roots, issuers=issuers, asked=asked)
    if PDF in data[:MOST_BEFORE]:
        return verify_pdf(data, trust_roots, party_roots, asked)
    return _unreadable("is neither a PDF nor an OFD")


def verify_pdf(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    party_roots: Mapping[str, Sequence[x509.Certificate]] = NOBODY,
    asked: Asked = NOTHING,
) -> Verdict:
    """The verdict on a PDF; never raises for what the bytes are.

    trust_roots: what a seal's certificate must lead to.
    party_roots: field -> what the certificate of the party that signs there must lead to.
    """
    if len(data) > MOST_BYTES:
        return _unreadable(f"larger than {MOST_BYTES} bytes")
    try:
        with _foreign_bytes():
            return _verdict(data, trust_roots, party_roots, asked)
    except _BrokenFileError as error:
        return _unreadable(str(error))


def twin(data: bytes) -> bytes | None:
    """The machine-readable twin that a file carries; None where none can be read."""
    if data.startswith(ZIP):
        return verify_ofd.twin(data)
    if len(data) > MOST_BYTES:
        return None
    try:
        with _foreign_bytes():
            return _twin(verify_reading.opened(data))
    except _BrokenFileError:
        return None


class _BrokenFileError(Exception):
    """Foreign bytes that are no PDF a reader can use."""


@contextmanager
def _foreign_bytes() -> Iterator[None]:
    """The one edge at which broken bytes may raise whatever a parser raises."""
    try:
        yield
    except _BrokenFileError:
        raise
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise _BrokenFileError(UNREAD) from error


def _unreadable(reason: str) -> Verdict:
    return Verdict(
        verdict=VerdictWord.UNREADABLE,
        reasons=(reason,),
        checks=(Check(name="readable", ok=False, detail=reason),),
    )


def _verdict(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    party_roots: Mapping[str, Sequence[x509.Certificate]],
    asked: Asked,
) -> Verdict:
    reader = verify_reading.opened(data)
    if reader.encrypted:
        raise _BrokenFileError("is encrypted")
    asked = replace(asked, revocations=verify_store.with_those_in(reader, asked.revocations))
    if verify_form.is_form(reader):
        verdict = verify_form.judged(data, reader, party_roots, asked)
    else:
        verdict = _of_certificate(data, reader, trust_roots, asked)
    return replace(verdict, licence_id=_licence_id(reader), twin=_has_twin(reader))


def _of_certificate(
    data: bytes, reader: PdfFileReader, trust_roots: Sequence[x509.Certificate], asked: Asked
) -> Verdict:
    """The seal, as of the time that archive stamps behind it prove."""
    archive = verify_archive.opened(data, reader)
    if not archive.layers:
        return _of_seals(data, reader.embedded_regular_signatures, trust_roots, asked)
    proof = verify_archive.proved(archive.layers, asked)
    if proof.earliest is not None:
        asked = verify_archive.since(asked, proof.earliest.time)
    sealed = verify_reading.opened(archive.sealed)
    seals = sealed.embedded_regular_signatures
    verdict = _of_seals(archive.sealed, seals, trust_roots, asked)
    return replace(verdict, checks=(*verdict.checks, proof.check))


def _of_seals(
    data: bytes, signatures: Sequence[Any], trust_roots: Sequence[x509.Certificate], asked: Asked
) -> Verdict:
    return verify_seal.judged(data, signatures, trust_roots, asked) if signatures else UNSIGNED


def _licence_id(reader: PdfFileReader) -> str | None:
    try:
        text = str(reader.trailer["/Info"]["/Keywords"])
    except KeyError:
        return None
    found = LICENCE.search(text)
    return found[1] if found else None


def _has_twin(reader: PdfFileReader) -> bool:
    """A file whose twin is broken is still judged by its seal."""
    try:
        with _foreign_bytes():
            return _twin(reader) is not None
    except _BrokenFileError:
        return False


def _twin(reader: PdfFileReader) -> bytes | None:
    """The one file inside the file, which belongs to the whole document (ISO 19005-3, 6.8)."""
    root: Any = reader.root
    if "/AF" not in root:
        return None
    [spec] = root["/AF"]
    [_, listed] = root["/Names"]["/EmbeddedFiles"]["/Names"]
    if spec != listed or spec.get_object()["/AFRelationship"] != "/Data":
        return None
    return _held(spec.get_object()["/EF"]["/F"])


def _held(stream: Any) -> bytes | None:
    """What a stream holds; None if it is more than a twin can have, or is cut short."""
    if "/Filter" not in stream:
        plain: bytes = stream.encoded_data
        return plain if len(plain) <= MOST_TWIN_BYTES else None
    if stream["/Filter"] != "/FlateDecode" or "/DecodeParms" in stream:
        return None
    inflater = zlib.decompressobj()
    content = inflater.decompress(stream.encoded_data, MOST_TWIN_BYTES)
    return content if inflater.eof else None
