"""Revocation (吊销): what lists (CRL) and answers (OCSP) that were given say of a certificate.

RFC 5280, 5 and 6.3, and RFC 6960; signed with RSA, ECDSA or SM2.  Nothing is fetched and no clock
is read.  A list or an answer counts only where the certificate's own issuer signed it, or for an
answer somebody whom that issuer named for it; delta lists and indirect ones are refused.

What is said once is not taken back: a certificate that one list names is revoked, though a later
one leaves it out, as lists do after its end (RFC 5280, 5).  Only a hold (certificateHold) can be
lifted: there the newest list counts.  Signatures count up to the date of invalidity where there
is one before that of the revocation: from then on somebody else may have had the key (5.3.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, pairwise
from typing import Any, Protocol

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from factory.errors import RevocationRefusedError
from factory.seals import keys, sm2
from factory.seals.chain import STRONG, Chain

MOST_BYTES = 16 * 1024 * 1024
MOST_TOLD = 256  #: certificates that an answer tells of; most tell of one
MOST_SIGNERS = 16  #: certificates in an answer, of whom each may have signed it
PEM_LIST, PEM_END = b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----"
HOLD = "certificateHold"
REMOVED = x509.ReasonFlags.remove_from_crl
#: critical extensions of a list that are obeyed here
KNOWN = frozenset({ExtensionOID.ISSUING_DISTRIBUTION_POINT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """That a certificate was revoked.

    at:     from when on its signatures do not count: the revocation or, if earlier, invalidity.
    reason: as RFC 5280, 5.3.1 spells it; ``""`` where none is said.
    """

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one list or answer says of one certificate.

    as_of, until: thisUpdate and nextUpdate.  revoked: None: good.
    """

    as_of: datetime
    until: datetime | None
    revoked: Revoked | None


class Source(Protocol):
    """Where statements come from."""

    def about(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterable[Statement]:
        """All that counts of what is said of a certificate of that issuer."""

    def told(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterable[Told]:
        """The same, each with the list or answer that says it."""

    def __bool__(self) -> bool:
        """Whether there can be any."""


class RevocationList:
    """A list (CRL), read and, until it is asked by an issuer, not judged."""

    @property
    def encoded(self) -> bytes:
        """DER."""
        return self._parsed.public_bytes(Encoding.DER)

    def __init__(self, data: bytes) -> None:
        """data: DER.  RevocationRefusedError: it is none, or of a kind that is not used here."""
        with _foreign("revocation list"):
            self._parsed = x509.load_der_x509_crl(data)
            self._refuse_unusable()
            self.issuer, self.until = self._parsed.issuer, self._parsed.next_update_utc

    def _refuse_unusable(self) -> None:
        extensions = self._parsed.extensions
        scope = self._scope
        oids = {each.oid for each in extensions}
        _refuse_if(ExtensionOID.DELTA_CRL_INDICATOR in oids, "is a delta list: give the whole one")
        _refuse_if(scope and scope.indirect_crl, "is an indirect one, of other issuers too")
        _refuse_if(scope and scope.only_contains_attribute_certs, "is of attribute certificates")
        unknown = any(each.critical and each.oid not in KNOWN for each in extensions)
        _refuse_if(unknown, "has a critical extension that is not known here (RFC 5280, 5.2)")
        _refuse_if(not _is_strong(self._parsed), "is signed with a digest that is no longer safe")

    @property
    def _scope(self) -> x509.IssuingDistributionPoint | None:
        try:
            wanted = x509.IssuingDistributionPoint
            return self._parsed.extensions.get_extension_for_class(wanted).value
        except x509.ExtensionNotFound:
            return None

    def is_of(self, issuer: x509.Certificate) -> bool:
        """Whether that CA signed it and may (RFC 5280, 6.3.3)."""
        parsed = self._parsed
        return (
            parsed.issuer == issuer.subject
            and _may_sign_lists(issuer)
            and _is_signed(parsed, parsed.tbs_certlist_bytes, issuer)
        )

    def about(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Statement | None:
        """What it says of a certificate; None: nothing that counts."""
        if not (self._covers(certificate) and self.is_of(issuer)):
            return None
        number = certificate.serial_number
        entry = self._parsed.get_revoked_certificate_by_serial_number(number)
        scope = self._scope
        if entry is None and scope is not None and scope.only_some_reasons is not None:
            return None
        return Statement(
            as_of=self._parsed.last_update_utc,
            until=self.until,
            revoked=None if entry is None else _revoked(entry),
        )

    def _covers(self, certificate: x509.Certificate) -> bool:
        """RFC 5280, 6.3.3 (b): a list may be of some certificates only."""
        scope = self._scope
        if scope is None:
            return True
        if scope.only_contains_ca_certs and not _is_ca(certificate):
            return False
        if scope.only_contains_user_certs and _is_ca(certificate):
            return False
        return not scope.full_name or any(
            name in scope.full_name for name in _named_points(certificate)
        )


class Answer:
    """An answer (OCSP response), read and, until it is asked by an issuer, not judged."""

    @property
    def encoded(self) -> bytes:
        """DER."""
        return self._parsed.public_bytes(Encoding.DER)

    def __init__(self, data: bytes) -> None:
        """data: DER.  RevocationRefusedError: it is none, or no certificate is told of."""
        with _foreign("OCSP answer"):
            parsed = ocsp.load_der_ocsp_response(data)
            successful = parsed.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
            _refuse_if(not successful, "tells of no certificate", "OCSP answer")
            _refuse_if(not _is_strong(parsed), "is signed with an unsafe digest", "OCSP answer")
            self._parsed, self._single = parsed, tuple(islice(parsed.responses, MOST_TOLD + 1))
            beyond = len(self._single) > MOST_TOLD or len(parsed.certificates) > MOST_SIGNERS
            _refuse_if(beyond, "holds more than is looked through", "OCSP answer")
            ends = [each.next_update_utc for each in self._single]
            self.until = min((end for end in ends if end is not None), default=None)

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Of whoever may have signed it for the CA."""
        return tuple(self._parsed.certificates)

    def is_of(self, issuer: x509.Certificate) -> bool:
        """Whether that CA signed it, or somebody whom it named for that (RFC 6960, 4.2.2.2)."""
        signed = self._parsed.tbs_response_bytes
        signers = (issuer, *(each for each in self._parsed.certificates if self._is_for(each)))
        return any(
            _is_signed(self._parsed, signed, each)
            and (each == issuer or keys.is_issued_by(each, issuer))
            for each in signers
        )

    def _is_for(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is for signing answers, and was valid when this one was made."""
        try:
            uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            return False
        made = self._parsed.produced_at_utc
        valid = certificate.not_valid_before_utc <= made <= certificate.not_valid_after_utc
        return ExtendedKeyUsageOID.OCSP_SIGNING in uses and valid

    def about(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Statement | None:
        """What it says of a certificate; None: nothing that counts."""
        for each in self._single:
            if _is_asked(each, certificate, issuer):
                known = each.certificate_status is not ocsp.OCSPCertStatus.UNKNOWN
                return _statement(each) if known and self.is_of(issuer) else None
        return None


#: a list or an answer, and what it says of a certificate
Told = tuple[RevocationList | Answer, Statement]


@dataclass(frozen=True, slots=True)
class Revocations:
    """Lists and answers that were given, in any order; see Source."""

    given: tuple[RevocationList | Answer, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, files: Iterable[bytes]) -> Revocations:
        """Of files: PEM of lists, or DER of one list or answer.  RevocationRefusedError."""
        return cls(tuple(each for data in files for each in read(data)))

    def about(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterable[Statement]:
        """All that counts of what is said of a certificate of that issuer."""
        return (statement for _, statement in self.told(certificate, issuer))

    def told(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterable[Told]:
        """The same, each with the list or answer that says it."""
        for each in self.given:
            with _nothing_else():
                said = each.about(certificate, issuer)
                if said is not None:
                    yield each, said

    def __bool__(self) -> bool:
        return bool(self.given)


@dataclass(frozen=True, slots=True)
class Together:
    """Several sources as one."""

    sources: tuple[Source, ...]

    def about(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterable[Statement]:
        """All that any of them says."""
        for source in self.sources:
            yield from source.about(certificate, issuer)

    def told(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterable[Told]:
        """The same, each with the list or answer that says it."""
        for source in self.sources:
            yield from source.told(certificate, issuer)

    def __bool__(self) -> bool:
        return any(self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What is known of a certificate, or of all of a chain.

    revoked: what speaks against it.  as_of: up to when it is known to be good; None: unknown.
    """

    revoked: Revoked | None
    as_of: datetime | None


UNKNOWN = Fate(revoked=None, as_of=None)


def read(data: bytes) -> tuple[RevocationList | Answer, ...]:
    """The lists of a PEM file, or the one list or answer in DER.

    RevocationRefusedError: it is neither, or of a kind that is not used here.
    """
    _refuse_if(len(data) > MOST_BYTES, f"is larger than {MOST_BYTES} bytes")
    if PEM_LIST in data:
        return tuple(map(RevocationList, _unarmoured(data)))
    try:
        ocsp.load_der_ocsp_response(data)
    except ValueError:
        return (RevocationList(data),)
    return (Answer(data),)


def fate(source: Source, certificate: x509.Certificate, issuer: x509.Certificate) -> Fate:
    """What is known of one certificate of that issuer."""
    said = sorted(source.about(certificate, issuer), key=lambda each: each.as_of)
    if not said:
        return UNKNOWN
    for_good = [each.revoked for each in said if each.revoked and each.revoked.reason != HOLD]
    if for_good:
        return Fate(revoked=min(for_good, key=lambda each: each.at), as_of=None)
    return Fate(revoked=said[-1].revoked, as_of=None if said[-1].revoked else said[-1].as_of)


def fate_of_chain(source: Source, chain: Chain) -> Fate:
    """What is known of the certificates of a chain, but for its root: a root revokes nobody's.

    as_of: of the certificate that least is known of.
    """
    fates = [fate(source, *pair) for pair in pairwise(chain)]
    revoked = [each.revoked for each in fates if each.revoked is not None]
    if revoked:
        return Fate(revoked=min(revoked, key=lambda each: each.at), as_of=None)
    known = [each.as_of for each in fates if each.as_of is not None]
    return Fate(revoked=None, as_of=min(known) if len(known) == len(fates) > 0 else None)


def _statement(single: Any) -> Statement:
    revoked = None
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        reason = single.revocation_reason
        revoked = Revoked(at=single.revocation_time_utc, reason=reason.value if reason else "")
    return Statement(as_of=single.this_update_utc, until=single.next_update_utc, revoked=revoked)


def _revoked(entry: x509.RevokedCertificate) -> Revoked | None:
    """An entry whose extensions cannot be read still revokes."""
    reason, invalid_since = None, None
    with _nothing_else():
        for each in entry.extensions:
            if isinstance(each.value, x509.CRLReason):
                reason = each.value.reason
            if isinstance(each.value, x509.InvalidityDate):
                invalid_since = each.value.invalidity_date_utc
    if reason is REMOVED:
        return None
    at = entry.revocation_date_utc
    return Revoked(
        at=at if invalid_since is None else min(at, invalid_since),
        reason="" if reason is None else reason.value,
    )


def _is_asked(single: Any, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether an answer is about a certificate (RFC 6960, 4.1.1)."""
    if single.serial_number != certificate.serial_number:
        return False
    parsed = asn1_x509.Certificate.load(issuer.public_bytes(Encoding.DER))
    key = parsed["tbs_certificate"]["subject_public_key_info"]["public_key"]
    digest = single.hash_algorithm.name
    return bool(
        hashlib.new(digest, parsed.subject.dump()).digest() == single.issuer_name_hash
        and hashlib.new(digest, key.contents[1:]).digest() == single.issuer_key_hash
    )


def _is_signed(signed: Any, message: bytes, issuer: x509.Certificate) -> bool:
    """Whether a list's or an answer's signature fits a certificate's key."""
    of_sm2 = _is_sm2(signed)
    if of_sm2 is not (sm2.public_point(issuer) is not None):
        return False
    return keys.fits(
        issuer,
        signed.signature,
        message,
        digest="" if of_sm2 else signed.signature_hash_algorithm.name,
        rsa_padding=padding.PKCS1v15() if of_sm2 else _rsa_padding(signed),
    )


def _rsa_padding(signed: Any) -> padding.AsymmetricPadding:
    """PKCS#1 v1.5, or of a list what its parameters say (RFC 4055, 3.1)."""
    said = getattr(signed, "signature_algorithm_parameters", None)
    return said if isinstance(said, padding.AsymmetricPadding) else padding.PKCS1v15()


def _is_strong(signed: Any) -> bool:
    """ETSI TS 119 312, 5.2; GB/T 32905."""
    if _is_sm2(signed):
        return True
    hashed = signed.signature_hash_algorithm
    return hashed is not None and hashed.name in STRONG


def _is_sm2(signed: Any) -> bool:
    return bool(signed.signature_algorithm_oid.dotted_string == sm2.SM2_WITH_SM3)


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    """RFC 5280, 6.3.3 (f)."""
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _named_points(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    """By which names a certificate knows the lists that it may stand on."""
    try:
        wanted = x509.CRLDistributionPoints
        points = certificate.extensions.get_extension_for_class(wanted).value
    except x509.ExtensionNotFound:
        return
    for point in points:
        yield from point.full_name or ()


def _unarmoured(data: bytes) -> Sequence[bytes]:
    """DER of each list of a PEM file."""
    with _foreign("revocation list"):
        armoured = [each + PEM_END for each in data.split(PEM_END)[:-1]]
        _refuse_if(not armoured, "does not end")
        return [x509.load_pem_x509_crl(each).public_bytes(Encoding.DER) for each in armoured]


@contextmanager
def _foreign(what: str) -> Iterator[None]:
    """The one edge at which bytes of others may raise whatever a parser raises."""
    try:
        yield
    except (RevocationRefusedError, MemoryError):
        raise
    except Exception as error:
        raise RevocationRefusedError(f"the {what} cannot be read") from error


@contextmanager
def _nothing_else() -> Iterator[None]:
    """What cannot be read or is of a kind unknown here says nothing."""
    try:
        yield
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, x509.DuplicateExtension):
        return


def _refuse_if(holds: object, why: str, what: str = "revocation list") -> None:
    if holds:
        raise RevocationRefusedError(f"the {what} {why}")
