"""`/trust`: the roots that a reader's program needs to know our seals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from factory.parties import Algorithm
from factory.register import local_day
from factory.seals.keys import algorithm_of, fingerprint
from factory.verify_verdict import common_name
from portal.asking import ThisPlant
from portal.pages import page

router = APIRouter(prefix="/trust", tags=["trusting"], include_in_schema=False)
CERTIFICATE = "application/pkix-cert"  #: RFC 2585


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One of them, as it is shown.

    of: the documents whose seals it vouches for: OFD is sealed with SM2 (GB/T 38540-2020), PDF
        with RSA or ECDSA.
    """

    name: str
    of: str
    first: date
    last: date
    fingerprint: str

    @classmethod
    def read(cls, certificate: x509.Certificate) -> Root:
        """Its days are those of China."""
        return cls(
            name=common_name(certificate),
            of="OFD" if algorithm_of(certificate) is Algorithm.SM2 else "PDF",
            first=local_day(certificate.not_valid_before_utc),
            last=local_day(certificate.not_valid_after_utc),
            fingerprint=fingerprint(certificate),
        )


@router.get("")
def roots(plant: ThisPlant) -> HTMLResponse:
    """All of them, those for PDF first; where seals are for tests, with a warning."""
    keyring = plant.keyring
    return page(
        "trust.html",
        roots=sorted(map(Root.read, keyring.trust_roots()), key=lambda each: each.of, reverse=True),
        test=any(each.test for each in keyring.identities()),
    )


@router.get("/{name}.cer")
def root(plant: ThisPlant, name: str) -> Response:
    """One of them, as programs take it in."""
    for each in plant.keyring.trust_roots():
        if fingerprint(each) == name:
            headers = {"content-disposition": f'attachment; filename="{name[:16]}.cer"'}
            return Response(
                each.public_bytes(Encoding.DER), media_type=CERTIFICATE, headers=headers
            )
    raise HTTPException(404)
