"""`/v1/applications`: how an application stands, its files, and the parties' signatures."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import Field

from factory.errors import FieldError, InvalidEventError, NotFoundError
from factory.events.parts import Base64Bytes
from factory.model import Kind, Party
from factory.seals import outside
from jobs import completing, documents, enquiry, signing
from jobs.intake import Status
from jobs.signing import Waiting
from jobs.wiring import Plant
from portal.asking import Asked, Linker, OnBehalfOf, Reader, Signer, asker_of, plant_of
from portal.paths import AcceptanceNumber, Token, Visible
from portal.reading import Strict
from portal.shown import ApplicationShown, LinkShown, OutcomeShown, PreparedShown
from storage.links import content_disposition

router = APIRouter(prefix="/v1", tags=["applications"], route_class=Strict)
MOST_BASE64 = 1024 * 1024
BYTES = "application/octet-stream"


class ApplicationLink(Asked):
    """A download of one of its documents."""

    kind: Literal["application_form", "acceptance_notice", "filing_slip"]
    revision: int | None = Field(default=None, ge=0, description="The one that stands.")
    step: int | None = Field(
        default=None, ge=0, le=9, description="Of a form: when so many had signed; else as it is."
    )
    profile: Visible | None = Field(default=None, max_length=48)
    on_behalf_of: OnBehalfOf = None


class Preparation(Asked):
    """Whose signature a form is prepared for."""

    party: Party
    certificate: str | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_BASE64,
        description="PEM: the signer's certificate, then those that issued it; none: the signature"
        " comes as a finished CMS.",
    )
    picture: Base64Bytes | None = Field(
        default=None,
        max_length=MOST_BASE64,
        description="JPEG or PNG in base64: hand-written signature or enterprise seal to show.",
    )
    profile: Visible | None = Field(default=None, max_length=48)
    content: bool = Field(default=False, description="Give the bytes that a CMS is over, too.")
    on_behalf_of: OnBehalfOf = None


class Completion(Asked):
    """A signature that was made outside; one of both."""

    value: Base64Bytes | None = Field(
        default=None, max_length=MOST_BASE64, description="Raw, over the signed attributes."
    )
    cms: Base64Bytes | None = Field(
        default=None, max_length=MOST_BASE64, description="A finished detached CMS, DER."
    )


@router.get("/applications/{number}", summary="An application, its documents and steps")
def show(
    number: AcceptanceNumber, caller: Reader, plant: Annotated[Plant, Depends(plant_of)]
) -> list[ApplicationShown]:
    """The applications of that acceptance number, one a register, each with its documents."""
    asker = asker_of(caller)
    found = enquiry.application_status(plant, number, asker=asker)
    papers = documents.of_application(plant, number, asker=asker) if found else []
    awaited = enquiry.awaited(plant, number, asker=asker)
    if not found and not awaited:
        raise NotFoundError("acceptance number: there is no such application")
    shown = [ApplicationShown.of(each, papers) for each in found]
    return [*shown, *map(ApplicationShown.awaited, awaited)]


@router.get(
    "/applications/{number}/materials/{name}",
    summary="An uploaded material (申报材料)",
    response_class=Response,
    responses={200: {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}},
)
def material(
    number: AcceptanceNumber,
    name: Token,
    caller: Reader,
    plant: Annotated[Plant, Depends(plant_of)],
) -> Response:
    """Its bytes, as they were handed in."""
    data = enquiry.material(plant, number, name, asker=asker_of(caller))
    headers = {"Content-Disposition": content_disposition(name, "material")}
    return Response(data, media_type=BYTES, headers=headers)


@router.post("/applications/{number}/links", summary="A signed link to one of its documents")
def link(
    number: AcceptanceNumber,
    asked: ApplicationLink,
    caller: Linker,
    plant: Annotated[Plant, Depends(plant_of)],
) -> LinkShown:
    """Downloads the form, notice or slip."""
    given = documents.link(
        plant,
        number,
        Kind(asked.kind),
        who=caller.who,
        revision=asked.revision,
        step=asked.step,
        profile=asked.profile,
        asker=asker_of(caller, asked.on_behalf_of),
    )
    return LinkShown.of(given)


@router.post("/applications/{number}/preparations", status_code=201, summary="Prepare a signature")
def prepare(
    number: AcceptanceNumber,
    asked: Preparation,
    caller: Signer,
    plant: Annotated[Plant, Depends(plant_of)],
) -> PreparedShown:
    """The form of the application is prepared for a party, who signs it outside.

    Nobody here has a party's key: what is given out is what they sign.
    """
    found = signing.prepare(
        plant,
        number,
        asked.party,
        who=caller.who,
        chain=outside.certificates(asked.certificate.encode()) if asked.certificate else (),
        picture=asked.picture,
        profile=asked.profile,
        asker=asker_of(caller, asked.on_behalf_of),
    )
    return _prepared(found, content=asked.content)


def _prepared(found: Waiting, *, content: bool) -> PreparedShown:
    over = found.signed_attributes
    return PreparedShown(
        token=found.token,
        application=found.application,
        profile=found.profile,
        revision=found.revision,
        party=found.party.value,
        step=found.step,
        of=found.of,
        digest=found.digest,
        signed_attributes=b64encode(over).decode() if over is not None else None,
        content=b64encode(found.content).decode() if content else None,
        expires_at=found.expires_at,
    )


@router.post("/preparations/{token}/signature", summary="Bring the signature of a prepared form")
def complete(
    token: Token,
    asked: Completion,
    caller: Signer,
    plant: Annotated[Plant, Depends(plant_of)],
) -> OutcomeShown:
    """The signature is checked and put into the form; the same again changes nothing."""
    given = asked.value or asked.cms
    if given is None or (asked.value and asked.cms):
        raise FieldError("signature", "POST …/signature", "give value or cms, one of both")
    outcome = completing.complete(
        plant,
        token,
        who=caller.who,
        way="value" if asked.value else "cms",
        signature=given,
        asker=asker_of(caller),
    )
    if outcome.status is Status.REFUSED:
        raise InvalidEventError(outcome.problems)
    return OutcomeShown.of(1, outcome)
