"""Verifying a file: bytes and trust roots in, a verdict with every step reported by itself.

Its first bytes tell what it is; OFD is judged in `verify_ofd`, PDF here.  ISO 32000-2, 12.8 and
ETSI EN 319 142-1.  Nothing is fetched, no clock is read; the chain is validated at the signing
time the file claims.  A certificate permits no change: whatever follows its seal makes it
altered.  A call takes some milliseconds of one core: a server calls it in a thread.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from types import MappingProxyType
from typing import Any

from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.pdf_embedded import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from factory import verify_form, verify_ofd
from factory.seals.cms import asn1_certificate, run_to_end
from factory.seals.keys import fingerprint, of_others
from factory.seals.selfcheck import BYTE_RANGE, container, self_check, sole_hole
from factory.verify_verdict import (
    MAKER_TRUST,
    NOT_ASKED,
    PADES,
    STRONG_DIGESTS,
    TRUST,
    Check,
    Verdict,
    VerdictWord,
    common_name,
    in_utc,
    worst,
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
NO_CHANGES = 1
NOBODY: Mapping[str, Sequence[x509.Certificate]] = MappingProxyType({})
PDF, ZIP = b"%PDF-", b"PK"
MOST_BEFORE = 1024  #: where a PDF's header may stand (ISO 32000-2, annex I)
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
) -> Verdict:
    """The verdict on a PDF or an OFD; never raises for what the bytes are.

    trust_roots: what a seal's certificate must lead to, of any algorithm.
    party_roots: field -> what the certificate of the party that signs there must lead to.
    issuers:     CAs that may stand between a root and an OFD's seal, which carries none.
    """
    if data.startswith(ZIP):
        return verify_ofd.verify_ofd(data, trust_roots, issuers=issuers)
    if PDF in data[:MOST_BEFORE]:
        return verify_pdf(data, trust_roots, party_roots)
    return _unreadable("is neither a PDF nor an OFD")


def verify_pdf(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    party_roots: Mapping[str, Sequence[x509.Certificate]] = NOBODY,
) -> Verdict:
    """The verdict on a PDF; never raises for what the bytes are.

    trust_roots: what a seal's certificate must lead to.
    party_roots: field -> what the certificate of the party that signs there must lead to.
    """
    if len(data) > MOST_BYTES:
        return _unreadable(f"larger than {MOST_BYTES} bytes")
    try:
        with _foreign_bytes():
            return _verdict(data, trust_roots, party_roots)
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
            return _twin(PdfFileReader(BytesIO(data), strict=False))
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
        raise _BrokenFileError(f"is no readable PDF ({type(error).__name__})") from error


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
) -> Verdict:
    reader = PdfFileReader(BytesIO(data), strict=False)
    if reader.encrypted:
        raise _BrokenFileError("is encrypted")
    if verify_form.is_form(reader):
        verdict = verify_form.judged(data, reader, party_roots)
    else:
        verdict = _of_seals(data, reader.embedded_regular_signatures, trust_roots)
    return replace(verdict, licence_id=_licence_id(reader), twin=_has_twin(reader))


def _of_seals(
    data: bytes, signatures: Sequence[Any], trust_roots: Sequence[x509.Certificate]
) -> Verdict:
    return _judged(_Evidence.of(data, signatures, trust_roots)) if signatures else UNSIGNED


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


def _judged(evidence: _Evidence) -> Verdict:
    checks = tuple(rule.applied(evidence) for rule in RULES)
    return Verdict(
        verdict=worst(_broken(checks), VerdictWord.VALID),
        reasons=tuple(check.detail for check in checks if not check.ok),
        signed_at=evidence.signed_at,
        signer=common_name(evidence.signer),
        signing_cert_sha256=fingerprint(evidence.signer),
        whole_file=evidence.whole_file,
        checks=checks,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What the rules look at.  status: pyHanko's, of the first signature."""

    signatures: Sequence[Any]
    status: Any
    signer: x509.Certificate
    signed_at: datetime | None
    whole_file: bool

    @classmethod
    def of(
        cls, data: bytes, signatures: Sequence[Any], trust_roots: Sequence[x509.Certificate]
    ) -> _Evidence:
        first = signatures[0]
        signer = of_others(x509.load_der_x509_certificate(first.signer_cert.dump()))
        signed_at = in_utc(first.self_reported_timestamp)
        moment = signed_at or signer.not_valid_before_utc  # without a time no rule lets it pass
        return cls(
            signatures=signatures,
            status=_status(first, trust_roots, moment),
            signer=signer,
            signed_at=signed_at,
            whole_file=_covers(data, first),
        )


def _status(signature: Any, trust_roots: Sequence[x509.Certificate], moment: datetime) -> Any:
    context = ValidationContext(
        trust_roots=[asn1_certificate(root) for root in trust_roots],
        allow_fetching=False,
        moment=moment,
    )
    return run_to_end(async_validate_pdf_signature(signature, context, skip_diff=True))


def _covers(data: bytes, signature: Any) -> bool:
    """Whether the byte range leaves out nothing but this signature's own container.

    pyHanko compares lengths only, not places: a revision appended with an over-long container
    in an object stream makes its sums come out right.  ISO 32000-2, 12.8.1.
    """
    numbers = [int(number) for number in signature.byte_range]
    hole = sole_hole(data, numbers)
    return hole is not None and container(data, hole) == signature.pkcs7_content


@dataclass(frozen=True, slots=True)
class _Rule:
    """A step: its name, whether it holds, what is said either way, the verdict if it does not."""

    name: str
    holds: Callable[[_Evidence], bool]
    well: str
    ill: str
    verdict: VerdictWord

    def applied(self, evidence: _Evidence) -> Check:
        if self.name == TRUST and not (evidence.status.intact and evidence.status.valid):
            return Check(name=self.name, ok=False, detail=NOT_ASKED)
        ok = self.holds(evidence)
        return Check(name=self.name, ok=ok, detail=self.well if ok else self.ill)


RULES = (
    _Rule(
        "one signature",
        lambda it: len(it.signatures) == 1,
        "the only one",
        "carries more than one signature",
        VerdictWord.ALTERED,
    ),
    _Rule(
        "intact",
        lambda it: bool(it.status.intact),
        "the digest is the signed one",
        "was changed after it was sealed",
        VerdictWord.ALTERED,
    ),
    _Rule(
        "signature",
        lambda it: bool(it.status.valid),
        "fits the signing certificate",
        "the signature does not fit the signing certificate",
        VerdictWord.ALTERED,
    ),
    _Rule(
        "whole file",
        lambda it: it.whole_file,
        "the seal covers every byte",
        "something was added after it was sealed",
        VerdictWord.ALTERED,
    ),
    _Rule(
        "profile",
        lambda it: it.signatures[0].sig_object.get("/SubFilter") == PADES,
        "PAdES (ETSI EN 319 142-1)",
        "is not sealed as PAdES",
        VerdictWord.UNTRUSTED,
    ),
    _Rule(
        "strong digest",
        lambda it: it.signatures[0].md_algorithm in STRONG_DIGESTS,
        "the digest is a strong one",
        "is sealed with a digest that is no longer safe",
        VerdictWord.UNTRUSTED,
    ),
    _Rule(
        "no change permitted",
        lambda it: _permission(it.signatures[0]) == NO_CHANGES,
        "certified, no changes",
        "does not forbid changes after its seal",
        VerdictWord.UNTRUSTED,
    ),
    _Rule(
        "signing time",
        lambda it: it.signed_at is not None,
        "the seal says when it was made",
        "the seal does not say when it was made",
        VerdictWord.UNTRUSTED,
    ),
    _Rule(
        TRUST,
        lambda it: bool(it.status.trusted),
        "the chain ends in a trust root",
        "the sealing certificate does not lead to a trusted root, or was not valid at the time",
        VerdictWord.UNTRUSTED,
    ),
)


def _broken(checks: Sequence[Check]) -> Iterator[VerdictWord]:
    for rule, check in zip(RULES, checks, strict=True):
        if not check.ok:
            yield rule.verdict


def _permission(signature: Any) -> int | None:
    level = signature.docmdp_level
    return None if level is None else int(level.value)
