"""Verifying an OFD document: every signature judged by itself, each step told by itself.

GB/T 33190-2016, 18 (what is protected), GB/T 38540-2020 and GM/T 0031 (the seal and its
signature).  Nothing is fetched, no clock is read, revocation is not looked at; chains are
validated at the time that the signer claims.  Every signature must protect all members but its
own two files, the list of signatures, and what later signatures brought.  The last one must
protect the list too: as long as it is open, anybody may add to a certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from factory.errors import PackageError
from factory.ofd.package import opened
from factory.ofd.reading import Document, read_document
from factory.ofd.signatures import read_list
from factory.seals.keys import fingerprint
from factory.verify_ofd_evidence import Evidence, Signature, Trust, tried
from factory.verify_ofd_rules import OF_TIME, PACKAGE, RULES, WHOLE, Step
from factory.verify_time import NOTHING, Asked
from factory.verify_verdict import Check, Verdict, VerdictWord, common_name, worst

MOST_TWIN_BYTES = 1024 * 1024


def verify_ofd(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    maker_roots: Sequence[x509.Certificate] | None = None,
    *,
    issuers: Sequence[x509.Certificate] = (),
    asked: Asked = NOTHING,
) -> Verdict:
    """The verdict on an OFD file; never raises for what the bytes are.

    trust_roots: what a signer's certificate must lead to.
    maker_roots: the same for the maker of the seal (制章者); None: the same ones.
    issuers:     CAs that may stand between, since the file carries none; they are not trusted.
    """
    makers = trust_roots if maker_roots is None else maker_roots
    try:
        document = read_document(opened(data))
    except PackageError as error:
        return _unreadable(error)
    return _verdict(document, Trust(trust_roots, makers, issuers, asked))


def twin(data: bytes) -> bytes | None:
    """The machine-readable twin: the one attachment that is not shown; None where none is."""
    try:
        return _twin(read_document(opened(data)))
    except PackageError:
        return None


def _twin(document: Document) -> bytes | None:
    found = document.hidden
    return found if found is not None and len(found) <= MOST_TWIN_BYTES else None


def _unreadable(error: PackageError) -> Verdict:
    reason = f"is no OFD that can be read: {error.rule}"
    return Verdict(
        verdict=VerdictWord.UNREADABLE,
        reasons=(reason,),
        checks=(Check(name="package", ok=False, detail=reason),),
    )


def _verdict(document: Document, trust: Trust) -> Verdict:
    """A list that is named but not there belongs to a document that waits for its seal."""
    name = document.signatures
    if name is None or name not in document.members:
        return _unsigned(document)
    listed = tried(lambda: read_list(document.members, name))
    if listed.value == ():
        return _unsigned(document)
    return _judged(Evidence(document, name, listed, trust))


def _unsigned(document: Document) -> Verdict:
    return Verdict(
        verdict=VerdictWord.UNSIGNED,
        reasons=("carries no signature",),
        licence_id=document.licence_id,
        twin=_twin(document) is not None,
        checks=(Check(name="signature", ok=False, detail="there is none"),),
    )


def _judged(evidence: Evidence) -> Verdict:
    steps = [Step.of(rule, evidence) for rule in RULES]
    last = evidence.signatures[-1] if evidence.signatures else None
    signer = None if last is None else last.signer
    return Verdict(
        verdict=_word(steps),
        reasons=tuple(complaint for step in steps for complaint in step.complaints),
        signed_at=None if last is None or last.sealed.value is None else last.sealed.value.time,
        proved_at=None if last is None or last.timing is None else last.timing.proved,
        distrusted_since=_distrusted_since(steps, last),
        signer=None if signer is None else common_name(signer),
        signing_cert_sha256=None if signer is None else fingerprint(signer),
        whole_file=all(step.check.ok for step in steps if step.rule.name == WHOLE),
        licence_id=evidence.document.licence_id,
        twin=_twin(evidence.document) is not None,
        checks=(PACKAGE, *(step.check for step in steps)),
    )


def _distrusted_since(steps: Sequence[Step], last: Signature | None) -> datetime | None:
    """Where nothing but time speaks against the last signature, and the only one."""
    ill = {step.rule.name for step in steps if not step.check.ok}
    if last is None or len(last.evidence.signatures) != 1 or not ill <= OF_TIME:
        return None
    return min(last.distrusted, default=None)


def _word(steps: Sequence[Step]) -> VerdictWord:
    """Valid only where every step was asked and holds."""
    complete = all(step.check.ok for step in steps)
    broken = (step.rule.verdict for step in steps if step.complaints)
    return worst(broken, VerdictWord.VALID if complete else VerdictWord.UNVERIFIABLE)
