"""When a signature was made, as far as that is proved, and what follows for its certificates.

A signer may claim any time.  Proved is only that a signature existed at a time: by a time stamp
token over its value (RFC 3161), by whoever kept a record of the file, or by the file being here
now.  The earliest proof counts (best-signature-time, ETSI EN 319 102-1, 5.5.4): at that time the
chain must be valid, and whatever was revoked later does not matter.

A token lies beside the signature and is not signed: anybody may append one to a good file, or
take one away.  So a token that is broken, of an authority unknown here or over something else
proves nothing and takes nothing away: the file is judged as if it had none, which is said (the
clause has such tokens removed).  Only a token that holds can speak against what the signer says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import tsp
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from factory.errors import SignatureRefusedError
from factory.model import SHANGHAI
from factory.parties import Algorithm
from factory.seals import outside, revocation
from factory.seals.chain import Chain
from factory.seals.revocation import Revocations, Revoked, Source
from factory.verify_verdict import common_name, in_utc

#: by which clocks may differ; ETSI EN 319 102-1, 5.5.4 leaves it to who verifies
TOLERANCE = timedelta(minutes=10)
#: why an authority's certificate is revoked whose key nobody else had (RFC 3161, 4.1)
HARMLESS = frozenset({"unspecified", "affiliationChanged", "superseded", "cessationOfOperation"})
NONE = "carries none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What whoever verifies brings beside the file and the roots of signers.

    now:         when it is asked; None: chains are judged at the time that the signer claims.
    time_roots:  what the certificate of a time stamp's authority must lead to.
    revocations: what is known of revoked certificates.
    proved_at:   when the file is known to have been there, by a record of it; None: not known.
    """

    now: datetime | None = None
    time_roots: Sequence[x509.Certificate] = field(default=(), repr=False)
    revocations: Source = field(default_factory=Revocations, repr=False)
    proved_at: datetime | None = None

    def __post_init__(self) -> None:
        for moment in (self.now, self.proved_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a moment must be aware")


NOTHING = Asked()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A token that holds: the signature existed at a time, and who says so."""

    time: datetime
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a signature was made.

    claimed: what the signer says; None: nothing.
    stamp:   the earliest token that holds; useless: why others do not.
    """

    claimed: datetime | None
    asked: Asked
    stamp: Stamp | None = None
    useless: tuple[str, ...] = ()

    @property
    def proved(self) -> datetime | None:
        """When it existed at the latest, by a token or a record; None: by nothing."""
        stamped = None if self.stamp is None else self.stamp.time
        known = [each for each in (stamped, self.asked.proved_at) if each is not None]
        return min(known, default=None)

    @property
    def existed(self) -> datetime | None:
        """The same, and being here now is a proof too; None: no time is known."""
        known = [each for each in (self.proved, self.asked.now) if each is not None]
        return min(known, default=None)

    @property
    def moment(self) -> datetime | None:
        """At which its chain is judged; None: nobody says any time."""
        return self.existed or self.claimed

    @property
    def is_older(self) -> bool:
        """Whether the signer says that it is older than is known."""
        return self.claimed is not None and self.existed is not None and self.claimed < self.existed

    @property
    def is_ahead(self) -> bool:
        """Whether the signer says that it is of a time to come: nothing is to be judged then."""
        now = self.asked.now
        return self.claimed is not None and now is not None and self.claimed > now + TOLERANCE

    @property
    def contradiction(self) -> str | None:
        """Why the time that the signer claims cannot be; None: it can."""
        if self.claimed is None:
            return None
        if self.proved is not None and self.claimed > self.proved + TOLERANCE:
            return "says that it was made later than is proved that it existed"
        if self.is_ahead:
            return "says that it was made later than now"
        return None

    @property
    def said(self) -> str:
        """What is told of its time stamp."""
        recorded = self.asked.proved_at
        if self.stamp is not None:
            return f"proves that it was made by {told(self.stamp.time)} ({self.stamp.authority})"
        without = f"; recorded here by {told(recorded)}" if recorded is not None else ""
        if self.useless:
            return f"proves nothing, judged as if there were none: {self.useless[0]}{without}"
        return NONE + without

    def revoked(self, fate: revocation.Fate) -> Revoked | None:
        """What of a chain was revoked before the signature is known to have existed."""
        if fate.revoked is None:
            return None
        existed = self.existed
        return fate.revoked if existed is None or fate.revoked.at <= existed else None


def timing(
    claimed: datetime | None, value: bytes, tokens: Sequence[bytes], asked: Asked = NOTHING
) -> Timing:
    """When a signature was made.

    value:  the signature, over which the tokens are.
    tokens: DER, as they lie beside it.
    """
    stamps, useless = [], []
    for token in tokens:
        try:
            stamps.append(judged(token, value, asked))
        except SignatureRefusedError as error:
            useless.append(str(error))
    earliest = min(stamps, key=lambda each: each.time, default=None)
    return Timing(claimed=claimed, asked=asked, stamp=earliest, useless=tuple(useless))


def judged(token: bytes, value: bytes, asked: Asked) -> Stamp:
    """The token, which holds for a signature.  SignatureRefusedError: it does not, and why.

    RFC 3161, 2.3 and 2.4.2.  Its chain must be valid at its own time, and when it is first known
    to have been there: later anybody may have the authority's key (ETSI EN 319 102-1, 5.6.2).
    value: what the token is over.
    """
    signed, content = outside.read_stamp(token)
    time = _time_of(content, value)
    if asked.now is not None and time > asked.now + TOLERANCE:
        raise SignatureRefusedError("the time stamp is of a time that has not come")
    _refuse_unfit(signed)
    chain = outside.trusted_chain(signed, asked.time_roots, time)
    _refuse_outlived(chain, asked)
    _refuse_revoked(chain, time, asked)
    return Stamp(time=time, authority=_name(signed.certificate))


def told_revoked(found: Revoked) -> str:
    """What is said of a revoked certificate."""
    reason = f" ({found.reason})" if found.reason else ""
    return (
        f"its certificate or one above it was revoked on {told(found.at)}{reason}, and nothing"
        " proves that it was made before"
    )


def told_fate(asked: Asked, fate: revocation.Fate) -> str:
    """What is said of a chain that nothing speaks against."""
    if fate.revoked is not None:
        return f"was made before its certificate was revoked on {told(fate.revoked.at)}"
    if fate.as_of is not None:
        return f"not revoked, as of {told(fate.as_of)}"
    return "nothing is known" if not asked.revocations else "nothing given says anything of it"


def told(moment: datetime) -> str:
    """A moment, in words: as people in China read it, and by which clock.

    >>> told(datetime.fromisoformat("2026-11-21T04:00:00+00:00"))
    '2026-11-21 12:00:00+08:00'
    """
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}+08:00"


OUTLIVED = "a certificate of its chain has ended, and no time stamp proves that it was made before"


def _time_of(content: bytes, value: bytes) -> datetime:
    """genTime of a TSTInfo that is over the signature."""
    try:
        said: Any = tsp.TSTInfo.load(content, strict=True)
        imprint = said["message_imprint"]
        digest = outside.DIGESTS.get(imprint["hash_algorithm"]["algorithm"].dotted)
        hashed, time = imprint["hashed_message"].native, in_utc(said["gen_time"].native)
        version = int(said["version"])
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise SignatureRefusedError("the time stamp cannot be read") from error
    if digest is None:
        raise SignatureRefusedError("the time stamp is over a digest that is no longer safe")
    if hashed != hashlib.new(digest, value).digest():
        raise SignatureRefusedError("the time stamp is over something else")
    if time is None or version != 1:
        raise SignatureRefusedError("the time stamp cannot be read")
    return time


def _refuse_unfit(signed: outside.Signed) -> None:
    """The certificate must be for time stamps and nothing else, and signed too."""
    if not (signed.names_certificate or signed.algorithm is Algorithm.SM2):
        raise SignatureRefusedError("the time stamp does not sign its certificate (RFC 5035)")
    try:
        found = signed.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (ValueError, x509.ExtensionNotFound) as error:
        raise SignatureRefusedError("the time stamp is of one who is no authority") from error
    if not found.critical or list(found.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise SignatureRefusedError(
            "the time stamp is of one whose certificate is not for that alone (RFC 3161, 2.3)"
        )


def _refuse_outlived(chain: Chain, asked: Asked) -> None:
    known = [each for each in (asked.proved_at, asked.now) if each is not None]
    ends = min(each.not_valid_after_utc for each in chain)
    if known and min(known) > ends:
        raise SignatureRefusedError(
            f"the certificate of the time stamp's authority, or one above it, has ended on"
            f" {told(ends)}, and nothing proves that the stamp was there before"
        )


def _refuse_revoked(chain: Chain, time: datetime, asked: Asked) -> None:
    """RFC 3161, 4.1: with a key that somebody else may have had, any time can be stamped."""
    if not asked.revocations:
        return
    found = revocation.fate_of_chain(asked.revocations, chain).revoked
    if found is None or (found.reason in HARMLESS and time < found.at):
        return
    existed = asked.proved_at
    if existed is None or found.at <= existed:
        raise SignatureRefusedError("the time stamp's authority had its certificate revoked")


def _name(certificate: x509.Certificate) -> str:
    try:
        return common_name(certificate)
    except ValueError:
        return "a name that cannot be read"
