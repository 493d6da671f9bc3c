"""Long-term validation material (长期验证数据) as a constant part of documents: PAdES B-LT.

ETSI EN 319 142-1, 5.4.2.2 (DSS): certificates and revocation lists of the signing certificate's
chain and of the time-stamping authority's.  They are put in before the document is signed, so that
nothing follows the seal, its byte range covers the whole file, and all files of a batch share
them; what is revoked later, only a later list tells.
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What whoever verifies long after needs and may not be able to fetch any more.

    certificates: issuers of the signer and of the authority, and the authority's own; DER.
    crls, ocsps:  revocation lists, and OCSP responses, of all of them; DER.
    """

    certificates: tuple[bytes, ...] = field(repr=False)
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    ocsps: tuple[bytes, ...] = field(default=(), repr=False)


def material(
    certificates: Sequence[x509.Certificate],
    crls: Sequence[x509.CertificateRevocationList],
) -> Material:
    """Each once, and of the lists those of CAs among the certificates, or above one of them.

    certificates: of both chains, the roots too; that of the signer may be left out.
    """
    issuers = {name for each in certificates for name in (each.subject, each.issuer)}
    encoded = dict.fromkeys(each.public_bytes(Encoding.DER) for each in certificates)
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
