"""Long-term validation material (长期验证数据) as a constant part of documents: PAdES B-LT.

ETSI EN 319 142-1, 5.4.2.2 (DSS): certificates and revocation lists of the signing certificate's
chain and of the time-stamping authority's.  They are put in before the document is signed, so that
nothing follows the seal, its byte range covers the whole file, and all files of a batch share
them; what is revoked later, only a later list tells.
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name

from factory.errors import LongTermUnavailableError
from factory.seals.chain import Chain
from factory.seals.revocation import RevocationList, Source, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What whoever verifies long after needs and may not be able to fetch any more.

    certificates: both chains, and whoever signed answers for their CAs; DER.
    crls, ocsps:  revocation lists, and OCSP responses, of all of them; DER.
    """

    certificates: tuple[bytes, ...] = field(repr=False)
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    ocsps: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Material, and until when all of it is fresh: the earliest nextUpdate, aware."""

    material: Material
    until: datetime


def gathered(chains: Iterable[Chain], source: Source, now: datetime) -> Gathered:
    """What files need that are signed and stamped under these chains.

    Of each certificate the newest list and the newest answer in force, as far as there are both:
    some programs take only the one, some only the other.
    chains: from a signer to a root each, the roots too.
    LongTermUnavailableError: of a certificate that has not ended nothing in force is known; names
        every CA that is silent.  Of one that has, nobody need say anything any more (RFC 5280, 5).
    """
    certificates: dict[bytes, None] = {}
    lists: dict[bytes, None] = {}
    answers: dict[bytes, None] = {}
    ends = []
    silent: dict[str, None] = {}
    for chain in chains:
        certificates.update(dict.fromkeys(map(_der, chain)))
        for certificate, issuer in pairwise(chain):
            if now <= certificate.not_valid_after_utc:
                ends.append(certificate.not_valid_after_utc)
            pieces = _in_force(certificate, issuer, source, now)
            if not pieces and now <= certificate.not_valid_after_utc:
                silent[issuer.subject.rfc4514_string()] = None
            for piece, said in pieces:
                ends.append(said.until or now)
                if isinstance(piece, RevocationList):
                    lists[piece.encoded] = None
                else:
                    answers[piece.encoded] = None
                    certificates.update(dict.fromkeys(map(_der, piece.certificates)))
    if silent:
        raise _nothing_known(silent)
    found = Material(certificates=tuple(certificates), crls=tuple(lists), ocsps=tuple(answers))
    return Gathered(material=found, until=min(ends, default=now))


def _in_force(
    certificate: x509.Certificate, issuer: x509.Certificate, source: Source, now: datetime
) -> Sequence[Told]:
    """The newest of each kind that are issued and whose nextUpdate is yet to come."""
    newest: dict[type, Told] = {}
    for piece, said in sorted(source.told(certificate, issuer), key=lambda each: each[1].as_of):
        if said.until is not None and said.as_of <= now < said.until:
            newest[type(piece)] = piece, said
    return tuple(newest.values())


def _nothing_known(issuers: Iterable[str]) -> LongTermUnavailableError:
    return LongTermUnavailableError(
        f"no revocation list (CRL) or answer (OCSP) of {' and of '.join(issuers)} is here that is"
        " still in force: put the CA's into revocation/ of the keyring, or set"
        " FACTORY_REVOCATION=fetch (a test keyring: `certfactory keys test-lists`)"
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def material(
    certificates: Sequence[x509.Certificate],
    crls: Sequence[x509.CertificateRevocationList],
) -> Material:
    """Each once, and of the lists those of CAs among the certificates, or above one of them.

    certificates: of both chains, the roots too; that of the signer may be left out.
    """
    issuers = {name for each in certificates for name in (each.subject, each.issuer)}
    encoded = dict.fromkeys(map(_der, certificates))
    lists = (each.public_bytes(Encoding.DER) for each in crls if each.issuer in issuers)
    return Material(certificates=tuple(encoded), crls=tuple(dict.fromkeys(lists)))


def add(writer: Any, found: Material) -> None:
    """The document security store, in the catalog (ISO 32000-2, 12.8.4.3)."""
    store = generic.DictionaryObject({pdf_name("/Type"): pdf_name("/DSS")})
    parts = {"/Certs": found.certificates, "/CRLs": found.crls, "/OCSPs": found.ocsps}
    for name, values in parts.items():
        if values:
            streams = (generic.StreamObject(stream_data=each) for each in values)
            references = [writer.add_object(each) for each in streams]
            store[pdf_name(name)] = writer.add_object(generic.ArrayObject(references))
    writer.root[pdf_name("/DSS")] = writer.add_object(store)
    writer.update_root()
