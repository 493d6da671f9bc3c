"""Whether a signer's certificate leads to a trusted root (RFC 5280, 6), for all algorithms alike.

The path is one of few steps among few certificates, so it is searched layer by layer: whatever
issued what was reached so far and may issue at that height.  Certificates may have issued one
another in as many ways as somebody likes: each is reached once, at its least height, and whether
one issued another is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from factory.errors import SignatureRefusedError
from factory.seals import keys, sm2

MOST_STEPS = 8
#: critical extensions that are obeyed here, or cannot make a signature wrong
KNOWN = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
UNKNOWN_ISSUER = (
    "the certificate has an unknown issuer: no chain of the certificates given leads to a CA that "
    "is trusted here (RFC 5280, 6.1)"
)
STRONG = frozenset({"sha256", "sha384", "sha512"})

#: certificates from a signer's to a root's, both included, each issued by the next
Chain = tuple[x509.Certificate, ...]
#: issued, issuer, and how many CAs stand between that issuer and the signer
Passes = Callable[[x509.Certificate, x509.Certificate, int], bool]
#: issued, issuer
Issued = Callable[[x509.Certificate, x509.Certificate], bool]


def refuse_unfit_signer(certificate: x509.Certificate, moment: datetime) -> None:
    """SignatureRefusedError unless it is valid then, is for signing and is no CA's."""
    problem = (
        _not_valid(certificate, moment) or _not_for_signing(certificate) or _not_strong(certificate)
    )
    if problem:
        raise SignatureRefusedError(f"the certificate {problem}")


def refuse_untrusted(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    moment: datetime,
) -> None:
    """SignatureRefusedError unless a chain from the certificate ends in one of the roots.

    others: from which the certificates between may be taken; none of them is trusted.
    """
    trusted(certificate, others, roots, moment)


def trusted(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    moment: datetime,
) -> Chain:
    """The chain from the certificate to one of the roots; see refuse_untrusted."""
    obstacles: list[str] = []

    def passes(issued: x509.Certificate, issuer: x509.Certificate, height: int) -> bool:
        problem = _not_for_issuing(issued, issuer, height, moment)
        obstacles.extend([problem] if problem else [])
        return problem is None

    issued = cache(keys.is_issued_by)
    if not _led(certificate, others, roots, _anyhow, issued):
        raise SignatureRefusedError(UNKNOWN_ISSUER)
    found = _led(certificate, others, roots, passes, issued)
    if not found:
        raise SignatureRefusedError(f"a certificate above it {obstacles[0]}")
    return found


def between(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    moment: datetime,
) -> Chain:
    """Those of the others by which the certificate leads to a root, at that moment or at all.

    For a reader that tries every way there is.  None where none lead there.
    """
    try:
        found = trusted(certificate, others, roots, moment)
    except (SignatureRefusedError, ValueError, x509.DuplicateExtension):
        found = _led(certificate, others, roots, _anyhow, keys.is_issued_by)
    return found[1:-1]


def _anyhow(_issued: x509.Certificate, _issuer: x509.Certificate, _height: int) -> bool:
    return True


def _led(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    passes: Passes,
    is_issued: Issued,
) -> Chain:
    """The steps that pass and lead to a root; empty: there are none."""
    reached: dict[x509.Certificate, Chain] = {certificate: (certificate,)}
    known = {certificate}
    for height in range(MOST_STEPS):
        steps = _steps(list(reached), (*roots, *others), is_issued)
        fresh = (step for step in steps if step[1] in roots or step[1] not in known)
        passed = [step for step in fresh if passes(*step, height)]
        for issued, issuer in passed:
            if issuer in roots:
                return (*reached[issued], issuer)
        reached = {issuer: (*reached[issued], issuer) for issued, issuer in reversed(passed)}
        known.update(reached)
    return ()


def _steps(
    reached: Sequence[x509.Certificate], issuers: Sequence[x509.Certificate], is_issued: Issued
) -> Iterator[tuple[x509.Certificate, x509.Certificate]]:
    for issued in reached:
        for issuer in issuers:
            if is_issued(issued, issuer):
                yield issued, issuer


def _not_for_issuing(
    issued: x509.Certificate, issuer: x509.Certificate, height: int, moment: datetime
) -> str | None:
    """What is wrong with an issuer that has so many CAs below it; None: nothing."""
    return (
        _not_valid(issuer, moment)
        or (keys.UNFIT if keys.algorithm_of(issuer) is None else None)
        or _not_a_ca(issuer, height)
        or _not_understood(issuer)
        or _not_strong(issued)
    )


def _not_valid(certificate: x509.Certificate, moment: datetime) -> str | None:
    """RFC 5280, 4.1.2.5."""
    if moment < certificate.not_valid_before_utc:
        return "is not valid yet (RFC 5280, 4.1.2.5)"
    if moment > certificate.not_valid_after_utc:
        return "has expired (RFC 5280, 4.1.2.5)"
    return None


def _not_for_signing(certificate: x509.Certificate) -> str | None:
    """RFC 5280, 4.2.1.3; contentCommitment was called nonRepudiation."""
    usage, constraints = _usage(certificate), _constraints(certificate)
    if constraints is not None and constraints.ca:
        return "is a CA's: a signer's own is asked for (RFC 5280, 4.2.1.9)"
    if usage is None or not (usage.digital_signature or usage.content_commitment):
        return "is not for signing: its keyUsage does not say so (RFC 5280, 4.2.1.3)"
    return _not_understood(certificate)


def _not_a_ca(certificate: x509.Certificate, height: int) -> str | None:
    """RFC 5280, 4.2.1.3 and 4.2.1.9; CAs that issued themselves anew count in the length too."""
    usage, constraints = _usage(certificate), _constraints(certificate)
    if usage is None or not usage.key_cert_sign or constraints is None or not constraints.ca:
        return "may not issue certificates (RFC 5280, 4.2.1.3 and 4.2.1.9)"
    if constraints.path_length is not None and height > constraints.path_length:
        return "may not have so many CAs below it (RFC 5280, 4.2.1.9)"
    return None


def _not_understood(certificate: x509.Certificate) -> str | None:
    """RFC 5280, 4.2: a critical extension is obeyed, or its certificate refused."""
    unknown = any(each.critical and each.oid not in KNOWN for each in certificate.extensions)
    return "has a critical extension that is not known here (RFC 5280, 4.2)" if unknown else None


def _not_strong(certificate: x509.Certificate) -> str | None:
    """ETSI TS 119 312, 5.2, for the issuer's signature on it."""
    if certificate.signature_algorithm_oid.dotted_string == sm2.SM2_WITH_SM3:
        return None
    hashed = certificate.signature_hash_algorithm
    if hashed is None or hashed.name not in STRONG:
        return "was issued with a digest that is no longer safe (ETSI TS 119 312, 5.2)"
    return None


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None
