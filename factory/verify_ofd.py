"""Verifying an OFD document: every signature judged by itself, each step told by itself.

GB/T 33190-2016, 18 (what is protected), GB/T 38540-2020 and GM/T 0031 (the seal and its
signature).  Nothing is fetched, no clock is read, revocation is not looked at; chains are
validated at the time that the signer claims.  Every signature must protect all members but its
own two files, the list of signatures, and what later signatures brought.  The last one must
protect the list too: as long as it is open, anybody may add to a certificate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Generic, TypeVar

from cryptography import x509

from factory.errors import (
    PackageError,
    SealRefusedError,
    SignatureRefusedError,
    UnknownSealError,
)
from factory.ofd.package import opened
from factory.ofd.reading import Document, plain, read_document
from factory.ofd.signatures import (
    SEAL,
    Description,
    Listed,
    moments,
    read_description,
    read_list,
)
from factory.ofd.xml import located
from factory.parties import Algorithm
from factory.seals import outside, ses, sm2
from factory.seals.keys import fingerprint
from factory.verify_verdict import (
    MAKER_TRUST,
    NOT_ASKED,
    TRUST,
    Check,
    Verdict,
    VerdictWord,
    common_name,
    worst,
)

MOST_TWIN_BYTES = 1024 * 1024
MOST_TOLD = 8
NOT_REACHED = "was not asked: something before it does not hold"
WHOLE = "whole package"

#: CheckMethod -> digest; GB/T 33190-2016 names the first two, files since then an OID
WEAK = {"MD5": "md5", "SHA1": "sha1", "1.2.840.113549.2.5": "md5", "1.3.14.3.2.26": "sha1"}
STRONG = {sm2.SM3: "sm3", "SM3": "sm3"}
CHECK_METHODS = WEAK | STRONG
SIGNATURE_METHODS = ses.ALGORITHMS

T = TypeVar("T")


def verify_ofd(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    maker_roots: Sequence[x509.Certificate] | None = None,
    *,
    issuers: Sequence[x509.Certificate] = (),
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
    return _verdict(document, _Trust(trust_roots, makers, issuers))


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


@dataclass(frozen=True, slots=True)
class _Trust:
    """Where the chains of signers and of seal makers must end, and what may stand between."""

    signers: Sequence[x509.Certificate]
    makers: Sequence[x509.Certificate]
    issuers: Sequence[x509.Certificate]


def _verdict(document: Document, trust: _Trust) -> Verdict:
    """A list that is named but not there belongs to a document that waits for its seal."""
    name = document.signatures
    if name is None or name not in document.members:
        return _unsigned(document)
    listed = _tried(lambda: read_list(document.members, name))
    if listed.value == ():
        return _unsigned(document)
    return _judged(_Evidence(document, name, listed, trust))


def _unsigned(document: Document) -> Verdict:
    return Verdict(
        verdict=VerdictWord.UNSIGNED,
        reasons=("carries no signature",),
        licence_id=document.licence_id,
        twin=_twin(document) is not None,
        checks=(Check(name="signature", ok=False, detail="there is none"),),
    )


def _judged(evidence: _Evidence) -> Verdict:
    steps = [_Step(rule, *rule.found(evidence)) for rule in RULES]
    last = evidence.signatures[-1] if evidence.signatures else None
    signer = None if last is None else last.signer
    return Verdict(
        verdict=_word(steps),
        reasons=tuple(complaint for step in steps for complaint in step.complaints),
        signed_at=None if last is None or last.sealed.value is None else last.sealed.value.time,
        signer=None if signer is None else common_name(signer),
        signing_cert_sha256=None if signer is None else fingerprint(signer),
        whole_file=all(step.check.ok for step in steps if step.rule.name == WHOLE),
        licence_id=evidence.document.licence_id,
        twin=_twin(evidence.document) is not None,
        checks=(PACKAGE, *(step.check for step in steps)),
    )


def _word(steps: Sequence[_Step]) -> VerdictWord:
    """Valid only where every step was asked and holds."""
    complete = all(step.check.ok for step in steps)
    broken = (step.rule.verdict for step in steps if step.complaints)
    return worst(broken, VerdictWord.VALID if complete else VerdictWord.UNVERIFIABLE)


# --- what the rules look at


@dataclass(frozen=True, slots=True)
class _Tried(Generic[T]):
    """What reading or judging gave; else why not: broken, or of a kind unknown here."""

    value: T | None = None
    broken: str = ""
    unknown: str = ""


def _tried(work: Callable[[], T]) -> _Tried[T]:
    try:
        return _Tried(work())
    except UnknownSealError as error:
        return _Tried(unknown=str(error))
    except PackageError as error:
        return _Tried(broken=error.rule)
    except (SealRefusedError, SignatureRefusedError) as error:
        return _Tried(broken=str(error))


def _named(der: bytes) -> x509.Certificate:
    """A certificate whose subject can be told; cryptography reads it only when it is asked."""
    certificate = ses.certificate(der)
    try:
        common_name(certificate)
    except ValueError as error:
        raise SealRefusedError("the certificate has a subject that cannot be read") from error
    return certificate


class _Evidence:
    """A document and its signatures, in the order of their list."""

    def __init__(
        self,
        document: Document,
        list_name: str,
        listed: _Tried[tuple[Listed, ...]],
        trust: _Trust,
    ) -> None:
        self.document, self.list_name, self.listed = document, list_name, listed
        self.trust = trust
        self.digests = _Digests(document.members)
        lines = listed.value or ()
        self.signatures = tuple(_Signature(self, place) for place in range(len(lines)))


class _Digests:
    """Digests of members, each taken once however often it is asked for."""

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self.members = members
        self.known: dict[tuple[str, str], bytes] = {}

    def of(self, name: str, method: str) -> bytes:
        key = (name, CHECK_METHODS[method])
        if key not in self.known:
            hashed = hashlib.new(key[1], self.members[name], usedforsecurity=False)
            self.known[key] = hashed.digest()
        return self.known[key]


class _Signature:
    """One signature; each thing is worked out when the first rule asks."""

    def __init__(self, evidence: _Evidence, place: int) -> None:
        self.evidence, self.place = evidence, place
        self.members = evidence.document.members
        self.listed = (evidence.listed.value or ())[place]

    @property
    def label(self) -> str:
        """What a complaint begins with: which signature it is, where there are several."""
        several = len(self.evidence.listed.value or ()) > 1
        return f"signature {self.place + 1}: " if several else ""

    @cached_property
    def described(self) -> _Tried[Description]:
        return _tried(lambda: read_description(self.members, self.listed.member))

    @cached_property
    def sealed(self) -> _Tried[ses.SesSignature]:
        """What its signature value holds, where a seal's is to be expected."""
        described = self.described.value
        if described is None or self.listed.kind != SEAL:
            return _Tried()
        if described.value not in self.members:
            return _Tried(broken="its signature value is not there")
        return _tried(lambda: ses.read_signature(self.members[described.value]))

    @cached_property
    def made(self) -> _Tried[bool]:
        """Whether the maker's signature fits the seal."""
        found = self.sealed.value
        return _Tried() if found is None else _tried(lambda: ses.maker_fits(found.seal))

    @cached_property
    def fits(self) -> _Tried[bool]:
        """Whether the signer's signature fits what it signs."""
        found = self.sealed.value
        return _Tried() if found is None else _tried(lambda: ses.signer_fits(found))

    @cached_property
    def signer(self) -> x509.Certificate | None:
        found = self.sealed.value
        return None if found is None else _tried(lambda: _named(found.signer)).value

    @property
    def is_last(self) -> bool:
        return self is self.evidence.signatures[-1]

    @property
    def own(self) -> frozenset[str]:
        """The two files that it cannot protect itself."""
        described = self.described.value
        return frozenset({self.listed.member, described.value} if described else ())

    @property
    def brought(self) -> frozenset[str]:
        """The files that came with it."""
        described = self.described.value
        return self.own | ({described.seal} if described and described.seal else frozenset())

    @property
    def protected(self) -> frozenset[str]:
        described = self.described.value
        return frozenset(each.member for each in described.references) if described else frozenset()


# --- how rules are asked


@dataclass(frozen=True, slots=True)
class _Rule:
    """A step: its name, what speaks against it, what is said otherwise, the verdict on it."""

    name: str
    complaints: Callable[[_Evidence], Iterable[str]]
    well: str
    verdict: VerdictWord

    def found(self, evidence: _Evidence) -> tuple[tuple[str, ...], bool]:
        """What speaks against it, and whether it could be asked throughout."""
        return tuple(islice(self.complaints(evidence), MOST_TOLD)), True


@dataclass(frozen=True, slots=True)
class _EachRule:
    """A step that is asked of every signature that came so far.

    needs: what must be known of a signature before.
    """

    name: str
    needs: Callable[[_Signature], object]
    complaints: Callable[[_Signature], Iterable[str]]
    well: str
    verdict: VerdictWord

    def found(self, evidence: _Evidence) -> tuple[tuple[str, ...], bool]:
        """What speaks against it, and whether it could be asked throughout."""
        asked = [each for each in evidence.signatures if self.needs(each)]
        complaints = (f"{each.label}{said}" for each in asked for said in self.complaints(each))
        complete = len(asked) == len(evidence.signatures) > 0
        return tuple(islice(complaints, MOST_TOLD)), complete


@dataclass(frozen=True, slots=True)
class _Step:
    """A rule and what became of it."""

    rule: _Rule | _EachRule
    complaints: tuple[str, ...]
    asked: bool

    @property
    def check(self) -> Check:
        if self.complaints:
            return Check(name=self.rule.name, ok=False, detail="; ".join(self.complaints))
        if not self.asked:
            detail = NOT_ASKED if self.rule.name in (TRUST, MAKER_TRUST) else NOT_REACHED
            return Check(name=self.rule.name, ok=False, detail=detail)
        return Check(name=self.rule.name, ok=True, detail=self.rule.well)


# --- the rules


def _several(evidence: _Evidence) -> Iterator[str]:
    if evidence.document.documents > 1:
        yield "holds more than one document"


def _unresolved(evidence: _Evidence) -> Iterator[str]:
    yield from evidence.document.faults


def _misled(evidence: _Evidence) -> Iterator[str]:
    if evidence.listed.broken:
        yield f"the list of signatures cannot be read: {evidence.listed.broken}"
    for each in evidence.signatures:
        if each.described.broken:
            yield f"{each.label}its description cannot be read: {each.described.broken}"


def _unknown(signature: _Signature) -> Iterator[str]:
    """What is not known here is never taken for valid."""
    if signature.listed.kind != SEAL:
        yield "is not made with a seal, and no other kind is judged here"
    described = signature.described.value
    if described is not None:
        if described.check_method not in CHECK_METHODS:
            yield "its members have digests of a kind unknown here (CheckMethod)"
        if described.signature_method not in SIGNATURE_METHODS:
            yield "is made by a method unknown here (SignatureMethod)"
    for tried in (signature.sealed, signature.made, signature.fits):
        if tried.unknown:
            yield tried.unknown


def _weak(signature: _Signature) -> Iterator[str]:
    described = signature.described.value
    if described is not None and described.check_method in WEAK:
        yield "its members have digests that are no longer safe (MD5, SHA-1)"


def _changed(signature: _Signature) -> Iterator[str]:
    described = signature.described.value
    references = described.references if described else ()
    if not references:
        yield "protects nothing"
    if len(signature.protected) != len(references):
        yield "protects a file twice"
        return
    for each in references:
        if each.member not in signature.members:
            yield f"a protected file is not there: {plain(each.member)}"
        elif described and not _agrees(signature, described, each.member, each.digest):
            yield f"was changed after it was sealed: {plain(each.member)}"


def _agrees(
    signature: _Signature, described: Description, member: str, digest: bytes | None
) -> bool:
    return signature.evidence.digests.of(member, described.check_method) == digest


def _uncovered(signature: _Signature) -> Iterator[str]:
    evidence = signature.evidence
    later = evidence.signatures[signature.place + 1 :]
    brought = frozenset[str]().union(*(each.brought for each in later))
    free = signature.own | signature.protected | brought | {evidence.list_name}
    for name in signature.members:
        if name not in free:
            yield f"no seal covers a file: {plain(name)}"


def _unlocked(signature: _Signature) -> Iterator[str]:
    if signature.is_last and signature.evidence.list_name not in signature.protected:
        yield "does not protect the list of signatures: another could still be added"


def _unreadable_value(signature: _Signature) -> Iterator[str]:
    if signature.sealed.broken:
        yield signature.sealed.broken


def _other_description(signature: _Signature) -> Iterator[str]:
    value, described = signature.sealed.value, signature.described.value
    if value is None or described is None:
        return
    if sm2.sm3(described.data) != value.data_hash:
        yield "the description of the signature was changed after it was sealed"
    if _tried(lambda: located("", value.property)).value != signature.listed.member:
        yield "was sealed under the name of another signature"


def _other_seal(signature: _Signature) -> Iterator[str]:
    value, described = signature.sealed.value, signature.described.value
    if value is None or described is None or described.seal is None:
        return
    if signature.members.get(described.seal) != value.seal.der:
        yield "the file with the seal is not the seal that was used"


def _unmade(signature: _Signature) -> Iterator[str]:
    if not signature.made.value:
        yield "the seal does not fit its maker's certificate"


def _unknown_maker(signature: _Signature) -> Iterator[str]:
    value = signature.sealed.value
    if value is not None:
        for problem in _mistrusted(value.seal.maker, signature, signature.evidence.trust.makers):
            yield f"the seal's maker: {problem}"


def _stranger(signature: _Signature) -> Iterator[str]:
    value = signature.sealed.value
    if value is not None and not value.seal.lists(value.signer):
        yield "the signing certificate is not among those that the seal admits"


def _unfit(signature: _Signature) -> Iterator[str]:
    if not signature.fits.value:
        yield "the signature does not fit the signing certificate"


def _untrusted(signature: _Signature) -> Iterator[str]:
    value = signature.sealed.value
    if value is not None:
        yield from _mistrusted(value.signer, signature, signature.evidence.trust.signers)


def _mistrusted(
    der: bytes, signature: _Signature, roots: Sequence[x509.Certificate]
) -> Iterator[str]:
    value = signature.sealed.value
    certificate = _tried(lambda: ses.certificate(der)).value
    if certificate is None or value is None:
        yield "the certificate cannot be read"
        return
    signed = outside.Signed(
        certificate=certificate,
        chain=tuple(signature.evidence.trust.issuers),
        algorithm=Algorithm.SM2,
        digest_algorithm="sm3",
    )
    problem = _tried(lambda: outside.check_trust(signed, roots, value.time)).broken
    if problem:
        yield problem


def _untimely(signature: _Signature) -> Iterator[str]:
    value, described = signature.sealed.value, signature.described.value
    if value is None or described is None:
        return
    if not value.seal.valid_from <= value.time <= value.seal.valid_until:
        yield "the seal was not valid when it was used"
    if value.time.replace(microsecond=0) not in moments(described.said):
        yield "names two times at which it was made"


def _stamped(signature: _Signature) -> Iterator[str]:
    value = signature.sealed.value
    if value is not None and (value.time_stamp is not None or value.seal.time_stamp is not None):
        yield "carries a time stamp, which is not judged here"


def _misplaced(signature: _Signature) -> Iterator[str]:
    described = signature.described.value
    pages = signature.evidence.document.pages
    for stamp in described.stamps if described else ():
        page = pages.get(stamp.page)
        if page is None:
            yield "the seal stands on a page that there is not"
        elif stamp.boundary is None or not page.holds(stamp.boundary):
            yield "the seal does not stand within its page"


PACKAGE = Check(name="package", ok=True, detail="every byte belongs to a member, once")

RULES: tuple[_Rule | _EachRule, ...] = (
    _Rule("one document", _several, "the only one", VerdictWord.UNTRUSTED),
    _Rule(
        "structure", _unresolved, "whatever it names is there, under one id", VerdictWord.UNTRUSTED
    ),
    _Rule("signatures", _misled, "each is listed once and described", VerdictWord.ALTERED),
    _EachRule(
        "methods",
        lambda it: it.described.value,
        _unknown,
        "all are known here",
        VerdictWord.UNVERIFIABLE,
    ),
    _EachRule(
        "strong digest",
        lambda it: it.described.value and it.described.value.check_method in CHECK_METHODS,
        _weak,
        "the digests are strong ones",
        VerdictWord.UNTRUSTED,
    ),
    _EachRule(
        "intact",
        lambda it: it.described.value and it.described.value.check_method in CHECK_METHODS,
        _changed,
        "the digests are the signed ones",
        VerdictWord.ALTERED,
    ),
    _EachRule(
        WHOLE,
        lambda it: it.described.value,
        _uncovered,
        "every file is protected",
        VerdictWord.ALTERED,
    ),
    _EachRule(
        "locked",
        lambda it: it.described.value,
        _unlocked,
        "no signature can be added",
        VerdictWord.UNTRUSTED,
    ),
    _EachRule(
        "seal data",
        lambda it: it.sealed != _Tried(),
        _unreadable_value,
        "can be read (GB/T 38540)",
        VerdictWord.ALTERED,
    ),
    _EachRule(
        "description",
        lambda it: it.sealed.value,
        _other_description,
        "is the signed one",
        VerdictWord.ALTERED,
    ),
    _EachRule(
        "seal file",
        lambda it: it.sealed.value,
        _other_seal,
        "is the seal that was used, where there is one",
        VerdictWord.ALTERED,
    ),
    _EachRule(
        "seal",
        lambda it: it.sealed.value and not it.made.unknown,
        _unmade,
        "fits its maker's certificate",
        VerdictWord.ALTERED,
    ),
    _EachRule(
        MAKER_TRUST,
        lambda it: it.made.value,
        _unknown_maker,
        "the chain ends in a trust root",
        VerdictWord.UNTRUSTED,
    ),
    _EachRule(
        "admitted",
        lambda it: it.sealed.value,
        _stranger,
        "the seal names the signing certificate",
        VerdictWord.UNTRUSTED,
    ),
    _EachRule(
        "signature",
        lambda it: it.sealed.value and not it.fits.unknown,
        _unfit,
        "fits the signing certificate",
        VerdictWord.ALTERED,
    ),
    _EachRule(
        TRUST,
        lambda it: it.fits.value,
        _untrusted,
        "the chain ends in a trust root",
        VerdictWord.UNTRUSTED,
    ),
    _EachRule(
        "signing time",
        lambda it: it.sealed.value,
        _untimely,
        "within the seal's validity, and told once",
        VerdictWord.UNTRUSTED,
    ),
    _EachRule(
        "time stamp",
        lambda it: it.sealed.value,
        _stamped,
        "carries none",
        VerdictWord.UNVERIFIABLE,
    ),
    _EachRule(
        "stamp",
        lambda it: it.described.value,
        _misplaced,
        "within its page, where it is shown",
        VerdictWord.UNTRUSTED,
    ),
)
