"""Signatures made outside (外部签名), by persons and enterprises with keys of their own.

A CMS SignedData comes in (RFC 5652; GB/T 35275-2017 for SM2) with the content it signs; what it
says is read and proved here.  Refusals are in words that a clerk can pass on, and hold neither
a name nor a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, parser, tsp
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key

from factory.errors import SignatureRefusedError
from factory.parties import Algorithm, PartyRules
from factory.seals import chain, keys, naming, sm2

MOST_BYTES = 1024 * 1024
MOST_CERTIFICATES = 16
INDEFINITE = 0x80  #: a BER length; DER has none (X.690, 10.1)
CONTRADICTS = "contradicts itself: it names other algorithms or another type than it uses"
MIXED = "mixes digests: document and signature must have one and the same"
PEM_MARK, PRIVATE = b"-----BEGIN", b"PRIVATE KEY"

#: RFC 5652, 4 and 5.1; GM/T 0010-2012, 5
DATA = frozenset({"1.2.840.113549.1.7.1", "1.2.156.10197.6.1.4.2.1"})
SIGNED_DATA = frozenset({"1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2"})

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
MOST_STAMPS = 4

#: ETSI TS 119 312, 5.2; GB/T 32905
DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    sm2.SM3: "sm3",
}
PSS, MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
#: what a signature is, and the digest it takes; None: the one that is said beside it
SIGNATURES: dict[str, tuple[Algorithm, str | None]] = {
    "1.2.840.113549.1.1.1": (Algorithm.RSA, None),
    "1.2.840.113549.1.1.11": (Algorithm.RSA, "sha256"),
    "1.2.840.113549.1.1.12": (Algorithm.RSA, "sha384"),
    "1.2.840.113549.1.1.13": (Algorithm.RSA, "sha512"),
    PSS: (Algorithm.RSA, None),
    "1.2.840.10045.4.3.2": (Algorithm.ECDSA, "sha256"),
    "1.2.840.10045.4.3.3": (Algorithm.ECDSA, "sha384"),
    "1.2.840.10045.4.3.4": (Algorithm.ECDSA, "sha512"),
    sm2.SM2_WITH_SM3: (Algorithm.SM2, "sm3"),
    sm2.SIGNATURE: (Algorithm.SM2, "sm3"),
    sm2.CURVE: (Algorithm.SM2, "sm3"),
}


class _Container(core.Sequence):  # type: ignore[misc]
    """ContentInfo (RFC 5652, 3) that can only be SignedData, under whichever name."""

    _fields = [  # noqa: RUF012 - asn1crypto's own way
        ("content_type", core.ObjectIdentifier),
        ("content", cms.SignedData, {"explicit": 0}),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature that fits its content and its certificate; whose it is, is another question.

    chain:            the other certificates of the container.
    digest_algorithm: ``sha256``, ``sha384``, ``sha512`` or ``sm3``.
    names_certificate: whether the certificate is signed too (RFC 5035), as PAdES asks for.
    value:            the signature itself, over which time stamps are made.
    stamps:           time stamp tokens over it (RFC 3161, appendix A), DER, not judged yet; they
                      are not signed, so anybody may have put them there.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    algorithm: Algorithm
    digest_algorithm: str
    names_certificate: bool = True
    value: bytes = field(default=b"", repr=False, compare=False)
    stamps: tuple[bytes, ...] = field(default=(), repr=False, compare=False)


def read(container: bytes, content: bytes) -> Signed:
    """Who signed the content, proved as far as the container itself goes.

    container: a detached CMS SignedData in DER; zeros may follow it.
    SignatureRefusedError: it cannot be read, or does not sign this content.
    """
    with _foreign("signature container"):
        return _read(_signed_data(container), content)


def read_stamp(token: bytes) -> tuple[Signed, bytes]:
    """Who signed a time stamp token, and the TSTInfo in it, DER; proved as far as that goes.

    RFC 3161, 2.4.2; the certificate must be in it, and among what is signed.
    SignatureRefusedError: it cannot be read, or its signature does not fit.
    """
    with _foreign("time stamp"):
        data = _signed_data(token)
        inner = data["encap_content_info"]
        _refuse_unless(inner["content_type"].dotted == TST_INFO, "holds no time stamp")
        content = bytes(inner["content"])
        return _read(data, content, enclosed=True), content


def stamps(signer: Any) -> tuple[bytes, ...]:
    """The time stamp tokens over the signature of a SignerInfo, as they lie there, a few at most.

    SignatureRefusedError: what is beside the signature cannot be read.
    """
    with _foreign("list of unsigned attributes"):
        attributes = signer["unsigned_attrs"]
        if isinstance(attributes, core.Void):
            return ()
        found = [
            value.dump()
            for each in attributes
            if each["type"].dotted == SIGNATURE_TIME_STAMP
            for value in each["values"]
        ]
        return tuple(found[:MOST_STAMPS])


def check_trust(signed: Signed, roots: Sequence[x509.Certificate], moment: datetime) -> None:
    """SignatureRefusedError unless the certificate leads to one of the roots at that moment.

    moment: aware.  Nothing is fetched, and revocation is not looked at.
    """
    trusted_chain(signed, roots, moment)


def trusted_chain(
    signed: Signed, roots: Sequence[x509.Certificate], moment: datetime
) -> chain.Chain:
    """The chain from the certificate to one of the roots; see check_trust."""
    if moment.tzinfo is None:
        raise ValueError("the moment must be aware")
    with _foreign("certificate"):
        chain.refuse_unfit_signer(signed.certificate, moment)
        return chain.trusted(signed.certificate, signed.chain, roots, moment)


def check_algorithm(signed: Signed, rules: PartyRules) -> None:
    """SignatureRefusedError unless this party may sign so."""
    if signed.algorithm not in rules.algorithms:
        allowed = " or ".join(each.upper() for each in rules.algorithms)
        raise SignatureRefusedError(
            f"this party signs with {allowed} here, not with {signed.algorithm.upper()}"
        )


def check_subject(
    certificate: x509.Certificate, rules: PartyRules, *, name: str, number: str
) -> None:
    """SignatureRefusedError unless the certificate names who the application says.

    name, number: of the person or the enterprise, as the application has them.
    """
    with _foreign("certificate"):
        naming.refuse_stranger(certificate, rules, name=name, number=number)


def certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a file, the signer's first: PEM, one or many, or one in DER."""
    if PRIVATE in data or _is_private_key(data):
        raise SignatureRefusedError("the file holds a private key: give the certificate alone")
    with _foreign("certificate file"):
        return _signer_first(_loaded(data))


@contextmanager
def _foreign(what: str) -> Iterator[None]:
    """The one edge at which bytes of others may raise whatever a parser raises."""
    try:
        yield
    except (SignatureRefusedError, MemoryError):
        raise
    except Exception as error:
        raise SignatureRefusedError(f"the {what} cannot be read") from error


def _signed_data(container: bytes) -> Any:
    """The SignedData of a container, which must be the only thing there."""
    _refuse_unless(len(container) <= MOST_BYTES, f"is larger than {MOST_BYTES} bytes")
    size = parser.peek(container)
    _refuse_unless(not container[size:].strip(b"\0"), "is followed by something else")
    _refuse_unless(container[1] != INDEFINITE, "is not in DER (X.690, 10.1)")
    outer = _Container.load(container[:size], strict=True)
    _refuse_unless(outer["content_type"].dotted in SIGNED_DATA, "holds no signature")
    return outer["content"]


def _read(data: Any, content: bytes, *, enclosed: bool = False) -> Signed:
    """enclosed: whether the content, a time stamp's, lies in the container."""
    signer, certificate, others = _signer(data)
    named = signer["digest_algorithm"]["algorithm"].dotted
    digest = DIGESTS.get(named)
    if digest is None:
        raise SignatureRefusedError(
            "the signature is made with a digest that is not taken: SHA-256, SHA-384, SHA-512 "
            "or SM3 is asked for (ETSI TS 119 312, 5.2; GB/T 32905)"
        )
    announced = {each["algorithm"].dotted for each in data["digest_algorithms"]}
    _refuse_unless(named in announced, CONTRADICTS)
    if not enclosed:
        _check_detached(data)
    _check_content(data, signer, digest, content)
    _check_protection(signer)
    return Signed(
        certificate=certificate,
        chain=others,
        algorithm=_check_signature(signer, certificate, digest),
        digest_algorithm=digest,
        names_certificate=_is_ess_named(signer, certificate),
        value=signer["signature"].native,
        stamps=() if enclosed else _stamps_or_none(signer),
    )


def _stamps_or_none(signer: Any) -> tuple[bytes, ...]:
    """What cannot be read beside a signature proves nothing, and takes nothing from it."""
    try:
        return stamps(signer)
    except SignatureRefusedError:
        return ()


def _signer(data: Any) -> tuple[Any, x509.Certificate, tuple[x509.Certificate, ...]]:
    """The one signer, with their certificate and the others."""
    _refuse_unless(len(data["signer_infos"]) == 1, "must have exactly one signer")
    signer = data["signer_infos"][0]
    embedded = {each.chosen.dump(): each.chosen for each in _embedded(data)}
    _refuse_unless(len(embedded) <= MOST_CERTIFICATES, "holds too many certificates")
    own = [der for der, each in embedded.items() if _is_named(signer["sid"], each)]
    _refuse_unless(len(own) == 1, "does not hold the signer's certificate")
    loaded = {der: keys.certificate_of(der) for der in embedded}
    return signer, loaded.pop(own[0]), tuple(loaded.values())


def _embedded(data: Any) -> list[Any]:
    """X.509 certificates only: attribute certificates say nothing here (RFC 5652, 10.2.2)."""
    if isinstance(data["certificates"], core.Void):
        return []
    return [each for each in data["certificates"] if each.name == "certificate"]


def _is_named(sid: Any, certificate: Any) -> bool:
    """RFC 5652, 5.3: by issuer and serial number, or by key identifier."""
    if sid.name == "subject_key_identifier":
        return bool(sid.chosen.native == certificate.key_identifier)
    same_serial = sid.chosen["serial_number"].native == certificate.serial_number
    return bool(same_serial and sid.chosen["issuer"] == certificate.issuer)


def _check_detached(data: Any) -> None:
    """The content lies elsewhere, and is plain data."""
    inner = data["encap_content_info"]
    _refuse_unless(isinstance(inner["content"], core.Void), "must be detached: it holds content")
    _refuse_unless(inner["content_type"].dotted in DATA, "does not sign plain data")


def _check_content(data: Any, signer: Any, digest: str, content: bytes) -> None:
    """RFC 5652, 5.3 and 11: the attributes stand for the content."""
    attributes = signer["signed_attrs"]
    _refuse_unless(not isinstance(attributes, core.Void), "has no signed attributes")
    content_type = data["encap_content_info"]["content_type"].dotted
    _refuse_unless(_only(attributes, CONTENT_TYPE).dotted == content_type, CONTRADICTS)
    if _only(attributes, MESSAGE_DIGEST).native != hashlib.new(digest, content).digest():
        raise SignatureRefusedError(
            "the signature is for another document, or the document was changed since"
        )


def _check_protection(signer: Any) -> None:
    """RFC 6211, where it is there: the algorithms that are signed are those that are used."""
    protection = _at_most_one(signer["signed_attrs"], ALGORITHM_PROTECTION)
    if protection is None:
        return
    for name in ("digest_algorithm", "signature_algorithm"):
        said, used = protection[name], signer[name]
        same = not isinstance(said, core.Void) and said["algorithm"] == used["algorithm"]
        _refuse_unless(same, CONTRADICTS)


def _is_ess_named(signer: Any, certificate: x509.Certificate) -> bool:
    """Whether the certificate is signed (RFC 5035); then it must be the one that is used."""
    der = certificate.public_bytes(Encoding.DER)
    first = _at_most_one(signer["signed_attrs"], SIGNING_CERTIFICATE)
    if first is not None:
        _check_named(tsp.SigningCertificate.load(first.dump())["certs"][0], "sha1", der)
    second = _at_most_one(signer["signed_attrs"], SIGNING_CERTIFICATE_V2)
    if second is not None:
        named = tsp.SigningCertificateV2.load(second.dump())["certs"][0]
        _check_named(named, DIGESTS[named["hash_algorithm"]["algorithm"].dotted], der)
    return first is not None or second is not None


def _check_named(named: Any, digest: str, der: bytes) -> None:
    """RFC 5035, 4 and 5: digest, and issuer with serial number where it is given.

    SHA-1 is what the first form (RFC 2634) has; the signature does not rest on it.
    """
    same = named["cert_hash"].native == hashlib.new(digest, der).digest()
    if same and not isinstance(named["issuer_serial"], core.Void):
        parsed, said = cms.Certificate.load(der), named["issuer_serial"]
        issuers = [each.chosen for each in said["issuer"] if each.name == "directory_name"]
        same = said["serial_number"].native == parsed.serial_number and parsed.issuer in issuers
    _refuse_unless(same, "names another certificate than the signer's (RFC 5035)")


def _check_signature(signer: Any, certificate: x509.Certificate, digest: str) -> Algorithm:
    algorithm = keys.algorithm_of(certificate)
    if algorithm is None:
        raise SignatureRefusedError(f"the certificate {keys.UNFIT}")
    named = signer["signature_algorithm"]
    kind, own_digest = SIGNATURES.get(named["algorithm"].dotted, (None, None))
    _refuse_unless(kind is algorithm, "is signed in another way than the certificate's key signs")
    _refuse_unless(own_digest in {None, digest}, MIXED)
    _refuse_unless((digest == "sm3") is (algorithm is Algorithm.SM2), MIXED)
    fits = keys.fits(
        certificate,
        signer["signature"].native,
        signer["signed_attrs"].untag().dump(),
        digest=digest,
        rsa_padding=_rsa_padding(named, digest),
    )
    if not fits:
        raise SignatureRefusedError("the signature does not fit the certificate's key")
    return algorithm


def _rsa_padding(algorithm: Any, digest: str) -> padding.AsymmetricPadding:
    """PKCS#1 v1.5, or PSS as its parameters say (RFC 4055, 3.1): one digest throughout."""
    if algorithm["algorithm"].dotted != PSS:
        return padding.PKCS1v15()
    parameters = algorithm["parameters"]
    mask, trailer = parameters["mask_gen_algorithm"], parameters["trailer_field"].native
    known = mask["algorithm"].dotted == MGF1 and trailer == "trailer_field_bc"
    _refuse_unless(known, "has RSA-PSS parameters that are not known (RFC 4055, 3.1)")
    for named in (parameters["hash_algorithm"], mask["parameters"]):
        _refuse_unless(DIGESTS.get(named["algorithm"].dotted) == digest, MIXED)
    return padding.PSS(padding.MGF1(keys.HASHES[digest]), parameters["salt_length"].native)


def _only(attributes: Any, oid: str) -> Any:
    value = _at_most_one(attributes, oid)
    _refuse_unless(value is not None, "lacks a signed attribute (RFC 5652, 5.3)")
    return value


def _at_most_one(attributes: Any, oid: str) -> Any:
    """The value of a signed attribute that has one (RFC 5652, 11); None: it is not there."""
    found = [each["values"] for each in attributes if each["type"].dotted == oid]
    if not found:
        return None
    _refuse_unless(len(found) == 1 and len(found[0]) == 1, "says a signed attribute twice")
    return found[0][0]


def _refuse_unless(holds: object, otherwise: str) -> None:
    if not holds:
        raise SignatureRefusedError(f"the signature container {otherwise}")


def _is_private_key(data: bytes) -> bool:
    try:
        load_der_private_key(data, None)
    except TypeError:  # it is one, under a password
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _loaded(data: bytes) -> list[x509.Certificate]:
    if len(data) > MOST_BYTES:
        raise ValueError("too large for certificates")
    if PEM_MARK in data:
        return keys.certificates_of(data)
    return [keys.certificate_of(data)]


def _signer_first(loaded: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Theirs is the one that issued none of the others."""
    several = list(dict.fromkeys(loaded))
    few = several[: MOST_CERTIFICATES + 1]
    own = [each for each in few if not _issued_any(each, few)]
    if len(own) != 1 or len(few) > MOST_CERTIFICATES:
        raise SignatureRefusedError(
            "the certificate file holds several certificates and does not tell the signer's: "
            "give that one, with its issuers or alone"
        )
    return (own[0], *(each for each in several if each != own[0]))


def _issued_any(issuer: x509.Certificate, others: Sequence[x509.Certificate]) -> bool:
    return any(each != issuer and keys.is_issued_by(each, issuer) for each in others)
