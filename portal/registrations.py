"""`/v1/registrations`: how a registration stands, collecting it, and links to its certificate."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from factory.model import Format
from jobs import collecting, desk, enquiry
from jobs.wiring import Plant
from portal.asking import Asked, Linker, OnBehalfOf, Reader, asker_of, plant_of
from portal.paths import RegistrationNumber
from portal.reading import Strict
from portal.shown import LinkShown, RegistrationShown

router = APIRouter(prefix="/v1/registrations", tags=["registrations"], route_class=Strict)


class CertificateLink(Asked):
    """A download of the certificate, once collected."""

    kind: Literal["certificate"]
    edition: int | None = Field(default=None, ge=0, le=999, description="The current one.")
    format: Format | None = Field(default=None, description="As the profile names it first.")
    on_behalf_of: OnBehalfOf = None


class CollectionLink(Asked):
    """A page on which the holder confirms and takes the certificate (领证)."""

    kind: Literal["collection"]
    on_behalf_of: OnBehalfOf = None


class Collection(Asked):
    """The holder confirms and takes the current edition (领证)."""

    on_behalf_of: OnBehalfOf = None


BY_ITSELF = Collection()
WantedLink = Annotated[CertificateLink | CollectionLink, Field(discriminator="kind")]


@router.get("/{number}", summary="A registration with its editions")
def show(
    number: RegistrationNumber, caller: Reader, plant: Annotated[Plant, Depends(plant_of)]
) -> RegistrationShown:
    """How the registration stands, and each of its editions, with the files that were made."""
    return RegistrationShown.of(enquiry.registration_status(plant, number, asker=asker_of(caller)))


@router.post("/{number}/collection", summary="Collect the current edition (领证)")
def collect(
    number: RegistrationNumber,
    caller: Linker,
    plant: Annotated[Plant, Depends(plant_of)],
    asked: Collection = BY_ITSELF,
) -> RegistrationShown:
    """The holder takes the current edition; one that is made on demand is made now."""
    desk.collect(plant, number, who=caller.who, asker=asker_of(caller, asked.on_behalf_of))
    return RegistrationShown.of(enquiry.registration_status(plant, number, asker=asker_of(caller)))


@router.post("/{number}/links", summary="A signed link: download, or collection by the holder")
def link(
    number: RegistrationNumber,
    asked: WantedLink,
    caller: Linker,
    plant: Annotated[Plant, Depends(plant_of)],
) -> LinkShown:
    """`certificate`: downloads the file, once it is collected.

    `collection`: a page for the holder alone, on which they confirm and take it; give it to
    nobody but the person it is about, whom you have let in.
    """
    asker = asker_of(caller, asked.on_behalf_of)
    if isinstance(asked, CollectionLink):
        page = collecting.link(plant, number, who=caller.who, asker=asker)
        return LinkShown(url=page.url, seconds=page.seconds, kind=asked.kind)
    given = desk.link(
        plant, number, who=caller.who, edition=asked.edition, fmt=asked.format, asker=asker
    )
    return LinkShown(
        url=given.url,
        seconds=given.seconds,
        kind=asked.kind,
        file_name=given.file_name,
        sha256=given.sha256,
        format=given.format,
        edition=given.edition,
    )
