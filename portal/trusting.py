"""`/trust`: the roots that a reader's program needs to know our seals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from factory.verify import fingerprint
from factory.verify_verdict import common_name
from portal.asking import ThisPlant
from portal.pages import page

router = APIRouter(prefix="/trust", tags=["trusting"], include_in_schema=False)
CERTIFICATE = "application/pkix-cert"  #: RFC 2585


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One of them, as it is shown."""

    name: str
    first: date
    last: date
    fingerprint: str

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Root:
        """Its days are those of UTC."""
        return cls(
            name=common_name(certificate),
            first=certificate.not_valid_before_utc.date(),
            last=certificate.not_valid_after_utc.date(),
            fingerprint=fingerprint(certificate),
        )


@router.get("")
def roots(plant: ThisPlant) -> HTMLResponse:
    """All of them."""
    return page("trust.html", roots=[Root.of(each) for each in plant.keyring.trust_roots()])


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
