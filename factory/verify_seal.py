"""The steps of a sealed PDF's verification: what must hold, and what it means where it does not.

ISO 32000-2, 12.8 and ETSI EN 319 142-1.  A certificate permits no change: whatever follows its
seal makes it altered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from asn1crypto import cms, parser
from cryptography import x509
from pyhanko.sign.validation.pdf_embedded import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from factory.errors import SignatureRefusedError
from factory.seals.chain import Chain, between
from factory.seals.cms import asn1_certificate, run_to_end
from factory.seals.keys import certificate_of, fingerprint
from factory.seals.outside import INDEFINITE, MOST_CERTIFICATES, stamps
from factory.seals.revocation import UNKNOWN, Fate, Revoked, fate_of_chain
from factory.seals.selfcheck import container, sole_hole
from factory.verify_time import OUTLIVED, Asked, Timing, timing, told_fate, told_revoked
from factory.verify_verdict import (
    NOT_ASKED,
    NOT_TRUSTED,
    NOT_YET,
    PADES,
    REVOCATION,
    STRONG_DIGESTS,
    TRUST,
    Check,
    Verdict,
    VerdictWord,
    common_name,
    in_utc,
    worst,
)

NO_CHANGES = 1
NO_ROOT = "the sealing certificate does not lead to a trusted root, or was not valid at the time"


def judged(
    data: bytes, signatures: Sequence[Any], trust_roots: Sequence[x509.Certificate], asked: Asked
) -> Verdict:
    """The verdict on a sealed PDF.

    signatures: pyHanko's, of what the file holds; one at least.
    """
    evidence = _Evidence.of(data, signatures, trust_roots, asked)
    checks = tuple(rule.applied(evidence) for rule in RULES)
    return Verdict(
        verdict=worst(_broken(checks), VerdictWord.VALID),
        reasons=tuple(check.detail for check in checks if not check.ok and check.was_asked),
        signed_at=evidence.timing.claimed,
        proved_at=evidence.timing.proved,
        distrusted_since=_distrusted_since(evidence, checks),
        signer=common_name(evidence.signer),
        signing_cert_sha256=fingerprint(evidence.signer),
        whole_file=evidence.whole_file,
        checks=checks,
    )


def _distrusted_since(evidence: _Evidence, checks: Sequence[Check]) -> datetime | None:
    """Where nothing but time speaks against the file."""
    ill = {check.name for check in checks if not check.ok}
    if ill == {REVOCATION}:
        return evidence.revoked.at if evidence.revoked else None
    alone = ill == {TRUST, REVOCATION} and evidence.outlived
    return min(each.not_valid_after_utc for each in evidence.chain) if alone else None


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    """What the rules look at.  status: pyHanko's, of the first signature."""

    signatures: Sequence[Any]
    status: Any
    signer: x509.Certificate
    timing: Timing
    whole_file: bool
    then: Callable[[], Any]

    @classmethod
    def of(
        cls,
        data: bytes,
        signatures: Sequence[Any],
        trust_roots: Sequence[x509.Certificate],
        asked: Asked,
    ) -> _Evidence:
        first = signatures[0]
        signer = certificate_of(first.signer_cert.dump())
        when = _timing(first, asked)
        moment = when.moment or signer.not_valid_before_utc  # no rule lets it pass without a time
        others = _others(first)
        return cls(
            signatures=signatures,
            status=_status(first, signer, others, trust_roots, moment),
            signer=signer,
            timing=when,
            whole_file=_covers(data, first),
            then=lambda: _status(first, signer, others, trust_roots, when.claimed or moment),
        )

    @cached_property
    def outlived(self) -> bool:
        """Whether its chain held when it was made, as it says, and no longer does."""
        trusted = self.status.trusted
        return bool(not trusted and self.timing.is_older and self._then.trusted)

    @cached_property
    def _then(self) -> Any:
        return self.then()

    @cached_property
    def chain(self) -> Chain:
        """From the signer to a root, now or when it was made; none without trust."""
        status = self._then if self.outlived else self.status
        path = status.validation_path
        certificates = () if path is None else path.iter_certs(include_root=True)
        found = [certificate_of(each.dump()) for each in certificates]
        return tuple(reversed(found))

    @cached_property
    def fate(self) -> Fate:
        """What is known of its chain."""
        source = self.timing.asked.revocations
        return fate_of_chain(source, self.chain) if source else UNKNOWN

    @property
    def revoked(self) -> Revoked | None:
        """What was revoked before it is known to have existed."""
        return self.timing.revoked(self.fate)


def _timing(signature: Any, asked: Asked) -> Timing:
    """When it was made; what lies beside the signature is taken away before others look at it."""
    signer, claimed = signature.signer_info, in_utc(signature.self_reported_timestamp)
    value, useless = signer["signature"].native, ""
    tokens: tuple[bytes, ...] = ()
    try:
        tokens = stamps(signer)
    except SignatureRefusedError as error:
        useless = str(error)
    del signer["unsigned_attrs"]
    when = timing(claimed, value, tokens, asked)
    return replace(when, useless=(useless,)) if useless else when


def _others(signature: Any) -> Chain:
    """The certificates beside the signer's, which nobody signs; those that can be read."""
    embedded = signature.other_embedded_certs
    if len(embedded) > MOST_CERTIFICATES:
        return ()
    found = []
    for each in embedded:
        with suppress(ValueError):
            found.append(certificate_of(each.dump()))
    return tuple(found)


def _status(
    signature: Any,
    signer: x509.Certificate,
    others: Chain,
    trust_roots: Sequence[x509.Certificate],
    moment: datetime,
) -> Any:
    """pyHanko's, with just the certificates of one chain.

    It tries every way from the signer to a root: of certificates that issued one another there
    are more than can be tried.
    """
    chosen = (signer, *between(signer, others, trust_roots, moment))
    signature.signed_data["certificates"] = cms.CertificateSet(
        [cms.CertificateChoices("certificate", asn1_certificate(each)) for each in chosen]
    )
    context = ValidationContext(
        trust_roots=[asn1_certificate(root) for root in trust_roots],
        allow_fetching=False,
        moment=moment,
        time_tolerance=timedelta(0),
    )
    return run_to_end(async_validate_pdf_signature(signature, context, skip_diff=True))


def _covers(data: bytes, signature: Any) -> bool:
    """Whether the byte range leaves out nothing but this signature's own container.

    pyHanko compares lengths only, not places: a revision appended with an over-long container
    in an object stream makes its sums come out right.  ISO 32000-2, 12.8.1.
    """
    numbers = [int(number) for number in signature.byte_range]
    hole = sole_hole(data, numbers)
    content = signature.pkcs7_content
    return hole is not None and container(data, hole) == content and _is_alone(content)


def _is_alone(content: bytes) -> bool:
    """Whether a container is one value in DER with zeros behind it: nobody signs what else is.

    ISO 32000-2, 12.8.1; X.690, 10.1.
    """
    return content[1] != INDEFINITE and not content[parser.peek(content) :].strip(b"\0")


_Words = str | Callable[[_Evidence], str]


@dataclass(frozen=True, slots=True)
class _Rule:
    """A step: its name, whether it holds, what is said either way, the verdict if it does not.

    unasked: why it cannot be asked; nothing: it can.
    """

    name: str
    holds: Callable[[_Evidence], bool]
    well: _Words
    ill: _Words
    verdict: VerdictWord
    unasked: Callable[[_Evidence], str] = lambda _: ""

    def applied(self, evidence: _Evidence) -> Check:
        if why := self.unasked(evidence):
            return Check(name=self.name, ok=False, detail=why)
        ok = self.holds(evidence)
        words = self.well if ok else self.ill
        return Check(
            name=self.name, ok=ok, detail=words if isinstance(words, str) else words(evidence)
        )


def _unfit(evidence: _Evidence) -> str:
    """Why its chain need not be looked at; nothing: it is."""
    if not (evidence.status.intact and evidence.status.valid):
        return NOT_ASKED
    return NOT_YET if evidence.timing.is_ahead else ""


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
        lambda it: it.timing.claimed is not None,
        "the seal says when it was made",
        "the seal does not say when it was made",
        VerdictWord.UNTRUSTED,
    ),
    _Rule(
        "time stamp",
        lambda it: it.timing.contradiction is None,
        lambda it: it.timing.said,
        lambda it: str(it.timing.contradiction),
        VerdictWord.UNTRUSTED,
    ),
    _Rule(
        TRUST,
        lambda it: bool(it.status.trusted),
        "the chain ends in a trust root",
        lambda it: OUTLIVED if it.outlived else NO_ROOT,
        VerdictWord.UNTRUSTED,
        unasked=_unfit,
    ),
    _Rule(
        REVOCATION,
        lambda it: it.revoked is None,
        lambda it: told_fate(it.timing.asked, it.fate),
        lambda it: told_revoked(it.revoked) if it.revoked else "",
        VerdictWord.UNTRUSTED,
        unasked=lambda it: _unfit(it) or ("" if it.status.trusted else NOT_TRUSTED),
    ),
)


def _broken(checks: Sequence[Check]) -> Iterator[VerdictWord]:
    for rule, check in zip(RULES, checks, strict=True):
        if not check.ok:
            yield rule.verdict


def _permission(signature: Any) -> int | None:
    level = signature.docmdp_level
    return None if level is None else int(level.value)
