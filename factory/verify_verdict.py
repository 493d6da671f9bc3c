"""What is said of a file: the verdict, and each step that led to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509

PADES = "/ETSI.CAdES.detached"
TRUST = "trust"  #: the check of the chain
REVOCATION = "revocation"  #: the check of what is known of revoked certificates
MAKER_TRUST = "seal maker's trust"  #: the check of the seal maker's chain (制章者)
UNASKED = "was not asked: "
NOT_ASKED = f"{UNASKED}the signature does not fit the file"
NOT_YET = f"{UNASKED}it says that it was made later than now"
NOT_TRUSTED = f"{UNASKED}its certificate is not trusted"
STRONG_DIGESTS = frozenset({"sha256", "sha384", "sha512"})  #: ETSI TS 119 312, 5.2


class VerdictWord(StrEnum):
    """What a file is."""

    VALID = "valid"  #: intact, sealed under a trusted root
    SIGNED = "signed"  #: intact, signed by parties under roots of theirs, not sealed by us
    ALTERED = "altered"  #: changed after sealing, or the signature does not fit
    UNTRUSTED = "untrusted"  #: sealed by somebody we do not know, or not as an authority seals
    UNSIGNED = "unsigned"
    UNVERIFIABLE = "unverifiable"  #: by an algorithm or version unknown here: never valid
    UNREADABLE = "unreadable"  #: neither PDF nor OFD, or a broken one


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One step of the verification."""

    name: str
    ok: bool
    detail: str

    @property
    def was_asked(self) -> bool:
        """Whether nothing that comes before it kept it from being asked."""
        return not self.detail.startswith(UNASKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of a file, without looking at any register.

    signed_at, signer, licence_id: what the file says of itself; proved only where it is valid.
    proved_at: when it existed at the latest, by its time stamp or a record; None: not proved.
    distrusted_since: when a certificate of a chain that leads to a root ended or was revoked, if
        nothing else speaks against the file but that nothing proves it to be older.
    signer: of a seal, its common name; of parties nobody, since a person's name is private.
    signed_by: the parties' fields that are signed, in order; proved only where it is signed.
    twin: whether it carries a machine-readable twin; the seal covers that with everything else.
    """

    verdict: VerdictWord
    reasons: tuple[str, ...] = ()
    signed_at: datetime | None = None
    proved_at: datetime | None = None
    distrusted_since: datetime | None = None
    signer: str | None = None
    signed_by: tuple[str, ...] = ()
    signing_cert_sha256: str | None = None
    whole_file: bool = False
    licence_id: str | None = None
    twin: bool = False
    checks: tuple[Check, ...] = ()


def worst(broken: Iterable[VerdictWord], otherwise: VerdictWord) -> VerdictWord:
    """The verdict of the rules that were broken: altered weighs most, unverifiable least."""
    words = set(broken)
    for word in (VerdictWord.ALTERED, VerdictWord.UNTRUSTED, VerdictWord.UNVERIFIABLE):
        if word in words:
            return word
    return otherwise


def in_utc(moment: datetime | None) -> datetime | None:
    """A time without a zone counts as UTC, never as this machine's."""
    if moment is None:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def common_name(certificate: x509.Certificate) -> str:
    """Whose certificate it is, as people call it; the whole subject where it has no such name."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()
