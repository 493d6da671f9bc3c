"""Looks (样子): a certificate's page as a picture, drawn from the same marks as its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from PIL import Image

from factory.kinds import certificate
from factory.kinds.stored import twin
from factory.model import Order
from factory.page import extract
from factory.page.lint import check
from factory.page.watermark import marked
from factory.pressing import Laid
from factory.profile import Profile
from factory.register import local_day
from factory.writers import pdf
from jobs import typefaces

if TYPE_CHECKING:
    from jobs.wiring import Plant

DPI = 110


def laid(
    plant: Plant,
    profile: Profile,
    face: Mapping[str, object],
    images: Mapping[str, bytes],
    at: datetime,
) -> Laid:
    """Every mark in its place.  UnprintableError, LintError: why it cannot be printed."""
    sheet, values = certificate.sheet(profile, face), certificate.values(profile, face)
    placed = typefaces.placed(plant, sheet, values)
    check(sheet, placed, values)
    return Laid(
        placed=placed,
        values=values,
        pictures=images,
        title=certificate.title(profile, face),
        created=at.replace(microsecond=0),
        twin=twin(face),
        licence_id=str(face["licence_id"]),
        profile=profile,
    )


def as_made(plant: Plant, order: Order) -> Laid:
    """As its order says."""
    return laid(plant, made_by(plant, order), order.face, order.pictures, order.signed_at)


def made_by(plant: Plant, order: Order) -> Profile:
    """The version of its profile that an order was made by."""
    return plant.profiles[order.profile].called(order.profile_version, local_day(order.signed_at))


def drawn(given: Laid) -> Image.Image:
    """The page, without a seal."""
    document = pdf.draw(
        given.placed, given.pictures, title=given.title, created=given.created, twin=None,
        licence_id=given.licence_id,
    )  # fmt: skip
    return extract.pictures(document, DPI)[0]


def specimen(plant: Plant, given: Laid) -> Image.Image:
    """The page marked 样张."""
    return drawn(replace(given, placed=marked(given.placed, plant.typefaces.book)))
