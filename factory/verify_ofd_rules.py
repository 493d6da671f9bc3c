"""The steps of an OFD's verification: what must hold, and what it means where it does not.

GB/T 33190-2016, 18; GB/T 38540-2020; GM/T 0031.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from factory.ofd.reading import plain
from factory.ofd.signatures import SEAL, Description, moments
from factory.ofd.xml import located
from factory.seals import ses, sm2
from factory.verify_ofd_evidence import CHECK_METHODS, WEAK, Evidence, Signature, Tried, tried
from factory.verify_time import NONE, told_fate, told_revoked
from factory.verify_verdict import (
    MAKER_TRUST,
    NOT_ASKED,
    NOT_YET,
    REVOCATION,
    TRUST,
    Check,
    VerdictWord,
)

MOST_TOLD = 8
NOT_REACHED = "was not asked: something before it does not hold"
WHOLE = "whole package"
SIGNATURE_METHODS = ses.ALGORITHMS


@dataclass(frozen=True, slots=True)
class Rule:
    """A step: its name, what speaks against it, what is said otherwise, the verdict on it."""

    name: str
    complaints: Callable[[Evidence], Iterable[str]]
    well: str
    verdict: VerdictWord

    def found(self, evidence: Evidence) -> tuple[tuple[str, ...], bool]:
        """What speaks against it, and whether it could be asked throughout."""
        return tuple(islice(self.complaints(evidence), MOST_TOLD)), True


@dataclass(frozen=True, slots=True)
class EachRule:
    """A step that is asked of every signature that came so far.

    needs: what must be known of a signature before.
    """

    name: str
    needs: Callable[[Signature], object]
    complaints: Callable[[Signature], Iterable[str]]
    well: str | Callable[[Evidence], str]
    verdict: VerdictWord

    def found(self, evidence: Evidence) -> tuple[tuple[str, ...], bool]:
        """What speaks against it, and whether it could be asked throughout."""
        asked = [each for each in evidence.signatures if self.needs(each)]
        complaints = (f"{each.label}{said}" for each in asked for said in self.complaints(each))
        complete = len(asked) == len(evidence.signatures) > 0
        return tuple(islice(complaints, MOST_TOLD)), complete


@dataclass(frozen=True, slots=True)
class Step:
    """A rule and what became of it.

    well: what is said if nothing speaks against it; unasked: if it was not asked throughout.
    """

    rule: Rule | EachRule
    complaints: tuple[str, ...]
    asked: bool
    well: str
    unasked: str

    @classmethod
    def of(cls, rule: Rule | EachRule, evidence: Evidence) -> Step:
        """The rule, applied."""
        complaints, asked = rule.found(evidence)
        well = rule.well
        if not isinstance(well, str):
            well = well(evidence) if asked and not complaints else ""
        return cls(rule, complaints, asked, well, _why_unasked(rule, evidence))

    @property
    def check(self) -> Check:
        if self.complaints:
            return Check(name=self.rule.name, ok=False, detail="; ".join(self.complaints))
        if not self.asked:
            return Check(name=self.rule.name, ok=False, detail=self.unasked)
        return Check(name=self.rule.name, ok=True, detail=self.well)


def _why_unasked(rule: Rule | EachRule, evidence: Evidence) -> str:
    if rule.name in OF_TIME and any(_is_ahead(each) for each in evidence.signatures):
        return NOT_YET
    return NOT_ASKED if rule.name in (TRUST, MAKER_TRUST) else NOT_REACHED


def _is_ahead(signature: Signature) -> bool:
    """Whether it says that it is of a time to come: nothing of its chains is to be judged then."""
    return signature.timing is not None and signature.timing.is_ahead


def _several(evidence: Evidence) -> Iterator[str]:
    if evidence.document.documents > 1:
        yield "holds more than one document"


def _unresolved(evidence: Evidence) -> Iterator[str]:
    yield from evidence.document.faults


def _misled(evidence: Evidence) -> Iterator[str]:
    if evidence.listed.broken:
        yield f"the list of signatures cannot be read: {evidence.listed.broken}"
    for each in evidence.signatures:
        if each.described.broken:
            yield f"{each.label}its description cannot be read: {each.described.broken}"


def _unknown(signature: Signature) -> Iterator[str]:
    """What is not known here is never taken for valid."""
    if signature.listed.kind != SEAL:
        yield "is not made with a seal, and no other kind is judged here"
    described = signature.described.value
    if described is not None:
        if described.check_method not in CHECK_METHODS:
            yield "its members have digests of a kind unknown here (CheckMethod)"
        if described.signature_method not in SIGNATURE_METHODS:
            yield "is made by a method unknown here (SignatureMethod)"
    for each in (signature.sealed, signature.made, signature.fits):
        if each.unknown:
            yield each.unknown


def _weak(signature: Signature) -> Iterator[str]:
    described = signature.described.value
    if described is not None and described.check_method in WEAK:
        yield "its members have digests that are no longer safe (MD5, SHA-1)"


def _changed(signature: Signature) -> Iterator[str]:
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
    signature: Signature, described: Description, member: str, digest: bytes | None
) -> bool:
    return signature.evidence.digests.of(member, described.check_method) == digest


def _uncovered(signature: Signature) -> Iterator[str]:
    evidence = signature.evidence
    later = evidence.signatures[signature.place + 1 :]
    brought = frozenset[str]().union(*(each.brought for each in later))
    free = signature.own | signature.protected | brought | {evidence.list_name}
    for name in signature.members:
        if name not in free:
            yield f"no seal covers a file: {plain(name)}"


def _unlocked(signature: Signature) -> Iterator[str]:
    if signature.is_last and signature.evidence.list_name not in signature.protected:
        yield "does not protect the list of signatures: another could still be added"


def _unreadable(signature: Signature) -> Iterator[str]:
    if signature.sealed.broken:
        yield signature.sealed.broken


def _other_description(signature: Signature) -> Iterator[str]:
    value, described = signature.sealed.value, signature.described.value
    if value is None or described is None:
        return
    if sm2.sm3(described.data) != value.data_hash:
        yield "the description of the signature was changed after it was sealed"
    if tried(lambda: located("", value.property)).value != signature.listed.member:
        yield "was sealed under the name of another signature"


def _other_seal(signature: Signature) -> Iterator[str]:
    value, described = signature.sealed.value, signature.described.value
    if value is None or described is None or described.seal is None:
        return
    if signature.members.get(described.seal) != value.seal.der:
        yield "the file with the seal is not the seal that was used"


def _unmade(signature: Signature) -> Iterator[str]:
    if not signature.made.value:
        yield "the seal does not fit its maker's certificate"


def _unknown_maker(signature: Signature) -> Iterator[str]:
    value = signature.sealed.value
    if value is not None:
        if signature.maker_led.problem:
            yield f"the seal's maker: {signature.maker_led.problem}"
        if ses.maker_signs(value.seal, value.signer):
            yield "the seal's maker: is one who may sign with the seal"


def _stranger(signature: Signature) -> Iterator[str]:
    value = signature.sealed.value
    if value is not None and not value.seal.lists(value.signer):
        yield "the signing certificate is not among those that the seal admits"


def _unfit(signature: Signature) -> Iterator[str]:
    if not signature.fits.value:
        yield "the signature does not fit the signing certificate"


def _untrusted(signature: Signature) -> Iterator[str]:
    if signature.signer_led.problem:
        yield signature.signer_led.problem


def _revoked(signature: Signature) -> Iterator[str]:
    signer, maker = signature.signer_led.revoked, signature.maker_led.revoked
    if signer is not None:
        yield told_revoked(signer)
    if maker is not None:
        yield f"the seal's maker: {told_revoked(maker)}"


def _unrevoked(evidence: Evidence) -> str:
    last = evidence.signatures[-1]
    return told_fate(evidence.trust.asked, last.signer_led.fate)


def _untimely(signature: Signature) -> Iterator[str]:
    value, described, when = signature.sealed.value, signature.described.value, signature.timing
    if value is None or described is None or when is None or when.moment is None:
        return
    for moment in (value.time,) if when.is_ahead else (value.time, when.moment):
        if not value.seal.valid_from <= moment <= value.seal.valid_until:
            yield ENDED if moment != value.time else "the seal was not valid when it was used"
            break
    if value.time.replace(microsecond=0) not in moments(described.said):
        yield "names two times at which it was made"


def _impossible(signature: Signature) -> Iterator[str]:
    if signature.timing is not None and signature.timing.contradiction is not None:
        yield signature.timing.contradiction


def _stamped(signature: Signature) -> Iterator[str]:
    value = signature.sealed.value
    if value is not None and value.version == ses.OLD and value.time_stamp is not None:
        yield "carries a time stamp in place of its time, which is not judged here"
    if value is not None and value.seal.time_stamp is not None:
        yield "the seal carries a time stamp, which is not judged here"


def _stamp_said(evidence: Evidence) -> str:
    last = evidence.signatures[-1].timing
    return NONE if last is None else last.said


def _misplaced(signature: Signature) -> Iterator[str]:
    described = signature.described.value
    pages = signature.evidence.document.pages
    for stamp in described.stamps if described else ():
        page = pages.get(stamp.page)
        if page is None:
            yield "the seal stands on a page that there is not"
        elif stamp.boundary is None or not page.holds(stamp.boundary):
            yield "the seal does not stand within its page"


def _described(signature: Signature) -> object:
    return signature.described.value


def _comparable(signature: Signature) -> object:
    described = signature.described.value
    return described and described.check_method in CHECK_METHODS


def _expected(signature: Signature) -> object:
    """Whether a seal's signature is to be expected, whatever is found."""
    return signature.sealed != Tried()


def _sealed(signature: Signature) -> object:
    return signature.sealed.value


PACKAGE = Check(name="package", ok=True, detail="every byte belongs to a member, once")

ALTERED, UNTRUSTED = VerdictWord.ALTERED, VerdictWord.UNTRUSTED
UNVERIFIABLE = VerdictWord.UNVERIFIABLE
#: the rules that time alone breaks
OF_TIME = frozenset({TRUST, MAKER_TRUST, "signing time", REVOCATION})
ENDED = "the seal has ended, and no time stamp proves that it was made before"
CHAIN = "the chain ends in a trust root"

RULES: tuple[Rule | EachRule, ...] = (
    Rule("one document", _several, "the only one", UNTRUSTED),
    Rule("structure", _unresolved, "whatever it names is there, under one id", UNTRUSTED),
    Rule("signatures", _misled, "each is listed once and described", ALTERED),
    EachRule("methods", _described, _unknown, "all are known here", UNVERIFIABLE),
    EachRule("strong digest", _comparable, _weak, "the digests are strong ones", UNTRUSTED),
    EachRule("intact", _comparable, _changed, "the digests are the signed ones", ALTERED),
    EachRule(WHOLE, _described, _uncovered, "every file is protected", ALTERED),
    EachRule("locked", _described, _unlocked, "no signature can be added", UNTRUSTED),
    EachRule("seal data", _expected, _unreadable, "can be read (GB/T 38540)", ALTERED),
    EachRule("description", _sealed, _other_description, "is the signed one", ALTERED),
    EachRule("seal file", _sealed, _other_seal, "is the seal that was used, if any", ALTERED),
    EachRule(
        "seal",
        lambda it: _sealed(it) and not it.made.unknown,
        _unmade,
        "fits its maker's certificate",
        ALTERED,
    ),
    EachRule(
        MAKER_TRUST,
        lambda it: it.made.value and not _is_ahead(it),
        _unknown_maker,
        CHAIN,
        UNTRUSTED,
    ),
    EachRule("admitted", _sealed, _stranger, "the seal names the signing certificate", UNTRUSTED),
    EachRule(
        "signature",
        lambda it: _sealed(it) and not it.fits.unknown,
        _unfit,
        "fits the signing certificate",
        ALTERED,
    ),
    EachRule(TRUST, lambda it: it.fits.value and not _is_ahead(it), _untrusted, CHAIN, UNTRUSTED),
    EachRule(
        "signing time",
        _sealed,
        _untimely,
        "within the seal's validity, and told once",
        UNTRUSTED,
    ),
    EachRule("time stamp", _sealed, _stamped, _stamp_said, UNVERIFIABLE),
    EachRule("possible time", _sealed, _impossible, "nothing proves another", UNTRUSTED),
    EachRule(
        REVOCATION,
        lambda it: it.fits.value and it.made.value and not _is_ahead(it),
        _revoked,
        _unrevoked,
        UNTRUSTED,
    ),
    EachRule("stamp", _described, _misplaced, "within its page, where it is shown", UNTRUSTED),
)
