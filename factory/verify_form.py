"""Verifying a form that parties signed: each signature by itself, and what happened between.

ISO 32000-2, 12.8 and ETSI EN 319 142-1.  Each signature ends a revision of the file.  Every
revision is read as if nothing followed it, since a reader that only looks at the whole can be
led past what was signed; and between two of them nothing may differ but the field just filled.
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from cryptography import x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import FieldMDPAction, MDPPerm, enumerate_sig_fields

from factory import verify_reading
from factory.errors import SignatureRefusedError
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL
from factory.parties import Algorithm
from factory.seals import outside
from factory.seals.keys import fingerprint
from factory.seals.revocation import fate_of_chain
from factory.seals.selfcheck import container, sole_hole
from factory.verify_revisions import Signature, is_revision, modification, only_filled, signatures
from factory.verify_time import NOTHING, Asked, Timing, timing, told_revoked
from factory.verify_verdict import (
    NOT_ASKED,
    PADES,
    STRONG_DIGESTS,
    TRUST,
    Check,
    Verdict,
    VerdictWord,
    worst,
)

PARTY_FIELDS = frozenset({APPLICANT_SIGN, ENTERPRISE_SEAL})
DIGESTS = STRONG_DIGESTS | {"sm3"}  #: GB/T 32905-2016

NOT_REACHED = "was not asked: something before it does not hold"

Roots = Mapping[str, Sequence[x509.Certificate]]


def is_form(reader: PdfFileReader) -> bool:
    """Whether every signature stands in a field of its own, a party's: it is judged as a form."""
    names = [str(name) for name, _, _ in enumerate_sig_fields(reader, filled_status=True)]
    return bool(names) and len(set(names)) == len(names) and PARTY_FIELDS.issuperset(names)


def judged(data: bytes, reader: PdfFileReader, roots: Roots, asked: Asked = NOTHING) -> Verdict:
    """The verdict on a form.

    roots: field -> what its party's certificate must lead to.
    """
    form = _Form(data, reader, roots, asked)
    steps = _steps(form)
    last = form.signatures[-1]
    signed = form.proofs[last.name]
    return Verdict(
        verdict=worst((each.rule.verdict for each in steps if each.found), VerdictWord.SIGNED),
        reasons=tuple(complaint for each in steps for complaint in each.found or ()),
        signed_at=last.moment,
        proved_at=form.timing(last).proved,
        signed_by=form.names,
        signing_cert_sha256=None if signed is None else fingerprint(signed.certificate),
        whole_file=last.end == len(data),
        checks=tuple(each.check for each in steps),
    )


class _Form:
    """What the rules look at; worked out when the first of them asks."""

    def __init__(self, data: bytes, reader: PdfFileReader, roots: Roots, asked: Asked) -> None:
        self.data, self.reader, self.roots = data, reader, roots
        self.asked = asked
        self.signatures = signatures(reader)
        self.names = tuple(each.name for each in self.signatures)
        self.fields = tuple(str(name) for name, _, _ in enumerate_sig_fields(reader))

    @cached_property
    def proofs(self) -> Mapping[str, outside.Signed | None]:
        """Who signed each field; None: the signature does not fit."""
        return {
            name: None if isinstance(found, str) else found for name, found in self._read.items()
        }

    @property
    def faults(self) -> Iterator[str]:
        """Why signatures do not fit."""
        for name, found in self._read.items():
            if isinstance(found, str):
                yield f"{name}: {found}"

    @cached_property
    def _read(self) -> Mapping[str, outside.Signed | str]:
        return {each.name: self._proof(each) for each in self.signatures}

    def _proof(self, signature: Signature) -> outside.Signed | str:
        if not self.covers(signature):
            return NOT_ASKED
        _, first, second, length = signature.numbers
        content = self.data[:first] + self.data[second : second + length]
        try:
            return outside.read(signature.contents, content)
        except SignatureRefusedError as error:
            return str(error)

    def timing(self, signature: Signature) -> Timing:
        """When a field was signed."""
        signed = self.proofs[signature.name]
        if signed is None:
            return timing(signature.moment, b"", (), self.asked)
        return timing(signature.moment, signed.value, signed.stamps, self.asked)

    def covers(self, signature: Signature) -> bool:
        """Whether its byte range leaves out its own container and nothing else."""
        revision = self.data[: max(0, signature.end)]
        hole = sole_hole(revision, signature.numbers)
        return hole is not None and container(revision, hole) == signature.contents

    @cached_property
    def revisions(self) -> tuple[PdfFileReader, ...]:
        """The file as it was after each signature, read as if nothing followed.

        PdfError: one of them is no file by itself.
        """
        ends = (each.end for each in self.signatures[:-1])
        earlier = (verify_reading.opened(self.data[:end]) for end in ends)
        return (*earlier, self.reader)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A step: its name, what is to be complained of, what is said if nothing is.

    last: asked only where all that is cheap to ask holds, trust among it: a stranger's file
          shall not keep a server busy.
    needs: what must hold before it can be asked.
    """

    name: str
    complaints: Callable[[_Form], Iterator[str]]
    well: str
    verdict: VerdictWord
    last: bool = False
    needs: Callable[[_Form], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class _Step:
    """A rule and what it found; None: it was not asked."""

    rule: _Rule
    found: tuple[str, ...] | None

    @property
    def check(self) -> Check:
        if self.found is None:
            return Check(name=self.rule.name, ok=False, detail=NOT_REACHED)
        detail = "; ".join(self.found) or self.rule.well
        return Check(name=self.rule.name, ok=not self.found, detail=detail)


def _steps(form: _Form) -> list[_Step]:
    first = [rule for rule in RULES if not rule.last and rule.needs(form)]
    found = {rule.name: tuple(rule.complaints(form)) for rule in first}
    if not any(found.values()):
        found |= {rule.name: tuple(rule.complaints(form)) for rule in RULES if rule.last}
    return [_Step(rule, found.get(rule.name)) for rule in RULES]


def _gaps(form: _Form) -> Iterator[str]:
    for each in form.signatures:
        if not form.covers(each):
            yield f"{each.name}: its byte range leaves out more than its own signature"


def _uncovered(form: _Form) -> Iterator[str]:
    ends = [each.end for each in form.signatures]
    if any(after <= before for before, after in pairwise(ends)):
        yield "two signatures cover the same bytes"
    if ends[-1] != len(form.data):
        yield "something was added after the last signature"


def _unlike_then(form: _Form) -> Iterator[str]:
    """Each revision by itself must show the signatures up to its own, as the whole file does."""
    try:
        for count, revision in enumerate(form.revisions, start=1):
            later = len(form.signatures) - count
            if not is_revision(revision, form.reader, form.signatures[:count], later):
                yield f"{form.names[count - 1]}: what it signed is not what the file shows of it"
    except PdfError:
        yield "what was signed first is no file by itself"


def _unpermitted(form: _Form) -> Iterator[str]:
    """pyHanko's difference policy, over all that follows each signature."""
    for each in form.signatures:
        level = modification(form.reader, each)
        permitted = each.permitted or MDPPerm.FILL_FORMS
        if level.value > min(ModificationLevel.FORM_FILLING.value, permitted.value):
            yield f"{each.name}: more was changed after it than that a field was filled"


def _touched(form: _Form) -> Iterator[str]:
    steps = zip(form.signatures[1:], pairwise(form.revisions), strict=True)
    for signature, (before, after) in steps:
        if not only_filled(before, after, signature):
            yield f"{signature.name}: more was changed with it than its own field"


def _uncertified(form: _Form) -> Iterator[str]:
    first, alone = form.signatures[0], len(form.fields) == 1
    if first.permitted is not (MDPPerm.NO_CHANGES if alone else MDPPerm.FILL_FORMS):
        yield f"{first.name}: does not certify the form as its first signature must"
    if not _is_certification(form.reader, first):
        yield f"{first.name}: is not what the catalog names as the certification"
    for each in form.signatures[1:]:
        if each.permitted is not None:
            yield f"{each.name}: certifies what was certified already"


def _is_certification(reader: PdfFileReader, signature: Signature) -> bool:
    """ISO 32000-2, 12.8.6, table 263."""
    try:
        named = reader.root["/Perms"].raw_get("/DocMDP").reference
    except (KeyError, AttributeError):
        return False
    return bool((named.idnum, named.generation) == signature.value)


def _unlocked(form: _Form) -> Iterator[str]:
    last = form.signatures[-1]
    if len(form.names) < len(form.fields):
        return
    if last.locked is None or last.locked.action is not FieldMDPAction.ALL:
        yield f"{last.name}: does not lock the form as its last signature must"


def _out_of_order(form: _Form) -> Iterator[str]:
    if form.names != form.fields[: len(form.names)]:
        yield "is not signed in the order of its fields"


def _not_pades(form: _Form) -> Iterator[str]:
    for each in form.signatures:
        if each.entries.get("/SubFilter") != PADES or each.entries.get("/Type") != "/Sig":
            yield f"{each.name}: is not signed as PAdES"
        signed = form.proofs[each.name]
        if signed is not None and not _names_itself(signed):
            yield f"{each.name}: does not sign its certificate too, as PAdES asks (RFC 5035): CAdES"


def _names_itself(signed: outside.Signed) -> bool:
    """SM2 containers have no such attribute (GB/T 35275-2017)."""
    return signed.names_certificate or signed.algorithm is Algorithm.SM2


def _weak(form: _Form) -> Iterator[str]:
    for name, signed in form.proofs.items():
        if signed is not None and signed.digest_algorithm not in DIGESTS:
            yield f"{name}: is signed with a digest that is no longer safe"


def _timeless(form: _Form) -> Iterator[str]:
    for each in form.signatures:
        if each.moment is None:
            yield f"{each.name}: does not say when it was signed"
        contradiction = form.timing(each).contradiction
        if contradiction is not None:
            yield f"{each.name}: {contradiction}"


def _untrusted(form: _Form) -> Iterator[str]:
    for each in form.signatures:
        signed, when = form.proofs[each.name], form.timing(each)
        if signed is None or when.claimed is None or when.moment is None:
            yield f"{each.name}: {NOT_ASKED}"
            continue
        try:
            chain = outside.trusted_chain(signed, form.roots.get(each.name, ()), when.moment)
        except SignatureRefusedError as error:
            yield f"{each.name}: {error}"
            continue
        revoked = when.revoked(fate_of_chain(form.asked.revocations, chain))
        if revoked is not None:
            yield f"{each.name}: {told_revoked(revoked)}"


RULES = (
    _Rule(
        "own bytes",
        _gaps,
        "each leaves out its own container only",
        VerdictWord.ALTERED,
    ),
    _Rule("whole file", _uncovered, "the last covers every byte", VerdictWord.ALTERED),
    _Rule("signatures", lambda form: form.faults, "each fits what it signs", VerdictWord.ALTERED),
    _Rule("revisions", _unlike_then, "each shows what was signed", VerdictWord.ALTERED),
    _Rule("order", _out_of_order, "in the order of the fields", VerdictWord.UNTRUSTED),
    _Rule("certified", _uncertified, "by the first signature", VerdictWord.UNTRUSTED),
    _Rule("locked", _unlocked, "by the last signature, where it was given", VerdictWord.UNTRUSTED),
    _Rule("profile", _not_pades, "PAdES (ETSI EN 319 142-1)", VerdictWord.UNTRUSTED),
    _Rule("strong digest", _weak, "the digests are strong ones", VerdictWord.UNTRUSTED),
    _Rule("signing time", _timeless, "each says when it was made", VerdictWord.UNTRUSTED),
    _Rule(
        TRUST,
        _untrusted,
        "each chain ends in a root of its party",
        VerdictWord.UNTRUSTED,
        needs=lambda form: not any(form.timing(each).is_ahead for each in form.signatures),
    ),
    _Rule("changes", _unpermitted, "only fields were filled", VerdictWord.ALTERED, last=True),
    _Rule("own field", _touched, "each filled its own field", VerdictWord.ALTERED, last=True),
)
