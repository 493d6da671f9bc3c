"""What the rules of an OFD's verification look at: each signature, read and tried once.

Whatever cannot be read is kept as such, broken or of a kind unknown here: rules say what follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar

from cryptography import x509

from factory.errors import (
    PackageError,
    SealRefusedError,
    SignatureRefusedError,
    UnknownSealError,
)
from factory.ofd.reading import Document
from factory.ofd.signatures import SEAL, Description, Listed, read_description
from factory.parties import Algorithm
from factory.seals import outside, ses, sm2
from factory.seals.chain import Chain
from factory.seals.revocation import UNKNOWN, Fate, Revoked, fate_of_chain
from factory.verify_time import NOTHING, OUTLIVED, Asked, Timing, timing
from factory.verify_verdict import common_name

#: CheckMethod -> digest; GB/T 33190-2016 names the first two, files since then an OID
WEAK = {"MD5": "md5", "SHA1": "sha1", "1.2.840.113549.2.5": "md5", "1.3.14.3.2.26": "sha1"}
STRONG = {sm2.SM3: "sm3", "SM3": "sm3"}
CHECK_METHODS = WEAK | STRONG

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tried(Generic[T]):
    """What reading or judging gave; else why not: broken, or of a kind unknown here."""

    value: T | None = None
    broken: str = ""
    unknown: str = ""


def tried(work: Callable[[], T]) -> Tried[T]:
    """What the work gave, or the refusal that came of it."""
    try:
        return Tried(work())
    except UnknownSealError as error:
        return Tried(unknown=str(error))
    except PackageError as error:
        return Tried(broken=error.rule)
    except (SealRefusedError, SignatureRefusedError) as error:
        return Tried(broken=str(error))


def _named(der: bytes) -> x509.Certificate:
    """A certificate whose subject can be told; cryptography reads it only when it is asked."""
    certificate = ses.certificate(der)
    try:
        common_name(certificate)
    except ValueError as error:
        raise SealRefusedError("the certificate has a subject that cannot be read") from error
    return certificate


@dataclass(frozen=True, slots=True)
class Trust:
    """Where the chains of signers and of seal makers must end, and what may stand between."""

    signers: Sequence[x509.Certificate]
    makers: Sequence[x509.Certificate]
    issuers: Sequence[x509.Certificate]
    asked: Asked = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Led:
    """Where a certificate of a signature leads to.

    problem: why to no root; ended: since when not, if it led there when it was made, as it says.
    fate:    what is known of the chain; revoked: what of that matters.
    """

    problem: str = ""
    ended: datetime | None = None
    fate: Fate = UNKNOWN
    revoked: Revoked | None = None


class Evidence:
    """A document and its signatures, in the order of their list."""

    def __init__(
        self,
        document: Document,
        list_name: str,
        listed: Tried[tuple[Listed, ...]],
        trust: Trust,
    ) -> None:
        self.document, self.list_name, self.listed = document, list_name, listed
        self.trust = trust
        self.digests = Digests(document.members)
        lines = listed.value or ()
        self.signatures = tuple(Signature(self, place) for place in range(len(lines)))


class Digests:
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


class Signature:
    """One signature; each thing is worked out when the first rule asks."""

    def __init__(self, evidence: Evidence, place: int) -> None:
        self.evidence, self.place = evidence, place
        self.members = evidence.document.members
        self.listed = (evidence.listed.value or ())[place]

    @property
    def label(self) -> str:
        """What a complaint begins with: which signature it is, where there are several."""
        several = len(self.evidence.listed.value or ()) > 1
        return f"signature {self.place + 1}: " if several else ""

    @cached_property
    def described(self) -> Tried[Description]:
        return tried(lambda: read_description(self.members, self.listed.member))

    @cached_property
    def sealed(self) -> Tried[ses.SesSignature]:
        """What its signature value holds, where a seal's is to be expected."""
        described = self.described.value
        if described is None or self.listed.kind != SEAL:
            return Tried()
        if described.value not in self.members:
            return Tried(broken="its signature value is not there")
        return tried(lambda: ses.read_signature(self.members[described.value]))

    @cached_property
    def made(self) -> Tried[bool]:
        """Whether the maker's signature fits the seal."""
        found = self.sealed.value
        return Tried() if found is None else tried(lambda: ses.maker_fits(found.seal))

    @cached_property
    def fits(self) -> Tried[bool]:
        """Whether the signer's signature fits what it signs."""
        found = self.sealed.value
        return Tried() if found is None else tried(lambda: ses.signer_fits(found))

    @cached_property
    def signer(self) -> x509.Certificate | None:
        found = self.sealed.value
        return None if found is None else tried(lambda: _named(found.signer)).value

    @cached_property
    def timing(self) -> Timing | None:
        """When it was made.

        In version 1 a token stands in place of the time and is signed too: it proves nothing of
        the signature, and is not judged.
        """
        found = self.sealed.value
        if found is None:
            return None
        stamp = None if found.version == ses.OLD else found.time_stamp
        tokens = () if stamp is None else (stamp,)
        return timing(found.time, found.signature, tokens, self.evidence.trust.asked)

    @cached_property
    def signer_led(self) -> Led:
        """Where the signer's certificate leads to."""
        found = self.sealed.value
        return self._led(b"" if found is None else found.signer, self.evidence.trust.signers)

    @cached_property
    def maker_led(self) -> Led:
        """Where the seal maker's certificate leads to."""
        found = self.sealed.value
        return self._led(b"" if found is None else found.seal.maker, self.evidence.trust.makers)

    def _led(self, der: bytes, roots: Sequence[x509.Certificate]) -> Led:
        certificate, when = tried(lambda: ses.certificate(der)).value, self.timing
        if certificate is None or when is None or when.moment is None or when.claimed is None:
            return Led(problem="the certificate cannot be read")
        found = self._chain(certificate, roots, when.moment)
        if found.value is None:
            then = self._chain(certificate, roots, when.claimed).value if when.is_older else None
            if then is None:
                return Led(problem=found.broken)
            return Led(problem=OUTLIVED, ended=min(each.not_valid_after_utc for each in then))
        source = when.asked.revocations
        fate = fate_of_chain(source, found.value) if source else UNKNOWN
        return Led(fate=fate, revoked=when.revoked(fate))

    def _chain(
        self, certificate: x509.Certificate, roots: Sequence[x509.Certificate], moment: datetime
    ) -> Tried[Chain]:
        signed = outside.Signed(
            certificate=certificate,
            chain=tuple(self.evidence.trust.issuers),
            algorithm=Algorithm.SM2,
            digest_algorithm="sm3",
        )
        return tried(lambda: outside.trusted_chain(signed, roots, moment))

    @property
    def distrusted(self) -> tuple[datetime, ...]:
        """Since when one of its certificates counts no longer."""
        both = (self.signer_led, self.maker_led)
        ended = [each.ended for each in both if each.ended is not None]
        return (*ended, *(each.revoked.at for each in both if each.revoked is not None))

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
