"""One file: what lies in the store, beside what the ledger says of it.

From the first step that fails on, what rests on it is not asked: an altered file breaks one rule.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from factory import finished, numbering, verify
from factory.errors import LintError
from factory.finished import Finished
from factory.model import Kind
from factory.seals.revocation import Source
from factory.verify_verdict import Verdict, VerdictWord
from jobs import forms
from jobs.recheck import pages
from jobs.recheck.findings import Finding, Rule
from storage.recheck.erasures import Proof
from storage.recheck.files import Recorded

if TYPE_CHECKING:
    from jobs.wiring import Plant

SEALED = {VerdictWord.VALID}
PICTURES = ("photo", "signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """By what files are judged, opened once for many."""

    plant: Plant
    now: datetime
    revocations: Source

    @classmethod
    def of(cls, plant: Plant, now: datetime) -> Trust:
        """What this installation trusts."""
        return cls(plant=plant, now=now, revocations=plant.revocations())

    def verdict(self, data: bytes, recorded_at: datetime) -> Verdict:
        """As of now; that it was recorded proves that it was there."""
        keys = self.plant.keyring
        return verify.verify(
            data,
            keys.trust_roots(),
            forms.all_roots(self.plant),
            issuers=keys.seal_issuers(),
            now=self.now,
            time_roots=keys.time_roots(),
            revocations=self.revocations,
            proved_at=recorded_at,
        )


@dataclass(frozen=True)
class Seen:
    """A file, its row, and what is asked of it more than once."""

    trust: Trust
    row: Recorded
    data: bytes = field(repr=False)

    @cached_property
    def verdict(self) -> Verdict:
        """The seal's, or the parties' signatures'."""
        return self.trust.verdict(self.data, self.row.made_at)

    @cached_property
    def found(self) -> Finished:
        """What a reader finds.  LintError: it cannot be read."""
        return finished.read(self.data, self.row.format)


def look(trust: Trust, row: Recorded, data: bytes | None) -> list[Finding]:
    """What is wrong with one file.  data: what the store has of it; None: nothing."""
    if row.shredded:
        return [_finding(row, Rule.ERASED, "its data key is destroyed, and it is not erased")]
    if data is None:
        return [_finding(row, Rule.FILE, "is recorded, and the store has no such object")]
    if hashlib.sha256(data).hexdigest() != row.sha256:
        return [_finding(row, Rule.DIGEST, "the store has other bytes than were recorded")]
    seen = Seen(trust, row, data)
    return [
        _finding(row, rule, sentence) for rule, asked in RULES.items() for sentence in asked(seen)
    ]


def refused(row: Recorded) -> Finding:
    """One that the store does not give, though it answers."""
    return _finding(row, Rule.FILE, "the store answers, and does not give this object")


def look_erased(row: Recorded, is_there: bool) -> list[Finding]:
    """What is wrong with a file that was erased: it has to be gone, and an erasure to say so.

    is_there: whether the store has an object of that key.
    """
    return [_finding(row, Rule.ERASED, sentence) for sentence in _erased(row, is_there)]


def _erased(row: Recorded, is_there: bool) -> Iterator[str]:
    if not row.shredded:
        yield "is erased, and its data key is not destroyed"
    if row.erased is Proof.NONE:
        yield "is erased, and no proof of an erasure names it"
    if is_there and row.erased is not Proof.UNDER_WAY:
        yield "is erased, and the store has its object still"


def _finding(row: Recorded, rule: Rule, sentence: str) -> Finding:
    return Finding(rule=rule, kind="file", id=row.id, sentence=sentence)


def _size(seen: Seen) -> Iterator[str]:
    if len(seen.data) != seen.row.size_bytes:
        yield f"has {len(seen.data)} bytes, and {seen.row.size_bytes} are recorded"


def _seal(seen: Seen) -> Iterator[str]:
    """Sealed, signed by as many parties as have, or neither: by what was recorded of it."""
    row, verdict = seen.row, seen.verdict
    wanted = VerdictWord.VALID
    if row.signing_cert_sha256 is None:
        wanted = VerdictWord.UNSIGNED
    elif row.kind is Kind.APPLICATION_FORM:
        wanted = VerdictWord.SIGNED
    if verdict.verdict is not wanted:
        why = "; ".join(verdict.reasons) or "nothing speaks against it"
        yield f"is {verdict.verdict}, and should be {wanted}: {why}"
    elif wanted is VerdictWord.SIGNED and len(verdict.signed_by) != row.step:
        yield f"is signed by {len(verdict.signed_by)} parties, and {row.step} are recorded"


def _signer(seen: Seen) -> Iterator[str]:
    row, verdict = seen.row, seen.verdict
    if verdict.verdict in SEALED and verdict.signing_cert_sha256 != row.signing_cert_sha256:
        yield "is sealed with another certificate than was recorded"


def _twin(seen: Seen) -> Iterator[str]:
    if seen.row.sealed:
        yield "the face that was ordered does not open under its data key"
    elif seen.row.face is not None and verify.twin(seen.data) != _spelled(seen.row.face):
        yield "its machine-readable twin is not the face that was ordered"


def _spelled(face: Mapping[str, object]) -> bytes:
    """As JSON in the one spelling (docs/verification.md)."""
    text = json.dumps(face, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def _record(seen: Seen) -> Iterator[str]:
    """The edition's row, the face and the file's own properties name one certificate."""
    row, face = seen.row, seen.row.face
    if not row.stem.startswith(f"{row.profile}/"):
        yield "is of another register than it was ordered for"
    if row.edition is None:
        return
    if seen.verdict.licence_id != row.licence_id:
        yield "names another licence id than its edition has"
    if face is None:
        return
    for name, value in (
        ("edition", row.number),
        ("licence_id", row.licence_id),
        ("verification_code", row.code),
    ):
        if face[name] != value:
            yield f"the face that was ordered has another {name} than its edition"
    if dict(row.shown) != {role: face[role] for role in PICTURES if face.get(role)}:
        yield "its order names other pictures than the face that was ordered"
    if numbering.number_key(face["number"]) not in row.numbers:
        yield "the face that was ordered has a number that its registration never had"


def _page(seen: Seen) -> Iterator[str]:
    try:
        lines = seen.found.lines
    except LintError as error:
        yield str(error)
        return
    if seen.row.face is not None:
        yield from pages.broken(seen.row.kind, seen.row.face, lines)


def _code(seen: Seen) -> Iterator[str]:
    """What is scanned leads to this very edition."""
    row, face = seen.row, seen.row.face
    found = _readable(seen)
    if row.edition is None or face is None or found is None:
        return
    if found.symbols != (f"{face['verify_url']}{face['verification_code']}",):
        yield f"its QR code leads elsewhere, or it has {len(found.symbols)} of them"


def _picture(seen: Seen) -> Iterator[str]:
    """The pictures of person and signature, by their keyed digests."""
    row, face = seen.row, seen.row.face
    found = _readable(seen)
    if row.edition is None or face is None or found is None:
        return
    digest = seen.trust.plant.ledger.vault.picture_digest
    wanted = sorted(face[role] for role in PICTURES if face.get(role))
    if sorted(map(digest, found.pictures)) != wanted:
        yield "shows other pictures than were ordered"


def _readable(seen: Seen) -> Finished | None:
    """None: the rule of the page says so."""
    try:
        return seen.found
    except LintError:
        return None


RULES: Mapping[Rule, Callable[[Seen], Iterator[str]]] = {
    Rule.SIZE: _size,
    Rule.SEAL: _seal,
    Rule.SIGNER: _signer,
    Rule.TWIN: _twin,
    Rule.RECORD: _record,
    Rule.PAGE: _page,
    Rule.CODE: _code,
    Rule.PICTURE: _picture,
}
