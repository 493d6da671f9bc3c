"""Looks (样子): a certificate's page as a picture, drawn from the same marks as its files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image

from factory.page import extract
from factory.page.watermark import marked
from factory.pressing import Laid
from factory.writers import pdf

if TYPE_CHECKING:
    from jobs.wiring import Plant

DPI = 110


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
