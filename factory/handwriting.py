"""Handwriting (手迹): the ink of a scanned or photographed signature, without its paper.

Paper is what is light over a wide area, so that shade across a photo does not count as ink.
Nothing is drawn, thickened or smoothed: strokes keep their shape, only their shade is stretched.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageFilter, ImageOps

from factory.errors import PictureError

LARGEST_PX = 1600  #: of the longer side; finer strokes than that do not come out in print
COARSE_PX = 48  #: of the longer side, where only paper and shade are left
DARK = 128  #: of 255; a border darker than that is the ground of light writing
FAINTEST = 16  #: of 255, by which ink differs from its paper
NOISE = 0.5  #: of the threshold between paper and ink: what is paler is paper
SPECK_PX = 3
MARGIN = 0.04  #: of the longer side of the writing
LEAST_PX = 8  #: of writing: less is a speck


def ink_of(image: Image.Image) -> Image.Image:
    """The writing as dark on white, cut to what is written and a small margin.

    image: grey, of any size; light writing on a dark ground is turned round.
    PictureError: nothing is written on it.
    """
    grey = _dark_on_light(_shrunk(image))
    ink = ImageChops.subtract(_paper(grey), grey)
    threshold, full = _levels(ink.histogram())
    box = _written(ink, threshold)
    return _stretched(ink.crop(box), round(threshold * NOISE), full)


def _shrunk(image: Image.Image) -> Image.Image:
    factor = max(image.size) // LARGEST_PX
    return image.reduce(factor) if factor > 1 else image


def _dark_on_light(grey: Image.Image) -> Image.Image:
    """By the border: the middle may be full of ink."""
    width, height = grey.size
    edges = (
        (0, 0, width, 1), (0, height - 1, width, height),
        (0, 0, 1, height), (width - 1, 0, width, height),
    )  # fmt: skip
    border = [
        sum(counts) for counts in zip(*(grey.crop(e).histogram() for e in edges), strict=True)
    ]
    return ImageOps.invert(grey) if _median(border) < DARK else grey


def _median(histogram: Sequence[int]) -> int:
    half, seen = sum(histogram) / 2, 0
    for value, count in enumerate(histogram):
        seen += count
        if seen >= half:
            return value
    return 255


def _paper(grey: Image.Image) -> Image.Image:
    """How light the paper is under each pixel: the lightest around it, smoothed."""
    factor = max(1, max(grey.size) // COARSE_PX)
    lightest = grey.filter(ImageFilter.MaxFilter(5)).reduce(factor)
    wide = lightest.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.BoxBlur(2))
    return wide.resize(grey.size, Image.Resampling.BILINEAR)


def _levels(histogram: Sequence[int]) -> tuple[int, int]:
    """Where paper ends and ink begins, and how dark full ink is.

    The threshold that leaves both sides most alike (N. Otsu, 1979).
    """
    threshold = max(range(1, 255), key=lambda level: _apart(histogram, level))
    full = _median([0] * (threshold + 1) + list(histogram[threshold + 1 :]))
    if full < FAINTEST:
        raise PictureError("shows no writing, or too pale: write with a dark pen on white paper")
    return threshold, full


def _apart(histogram: Sequence[int], level: int) -> float:
    below, above = histogram[: level + 1], histogram[level + 1 :]
    few, many = sum(above), sum(below)
    if not few or not many:
        return 0.0
    mean_below = sum(value * count for value, count in enumerate(below)) / many
    mean_above = sum((level + 1 + place) * count for place, count in enumerate(above)) / few
    return many * few * (mean_above - mean_below) ** 2


def _written(ink: Image.Image, threshold: int) -> tuple[int, int, int, int]:
    """What is written and a margin around it; specks of dust do not count."""
    mask = ink.point([0] * (threshold + 1) + [255] * (255 - threshold))
    box = mask.filter(ImageFilter.MedianFilter(SPECK_PX)).getbbox() or mask.getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) < LEAST_PX:
        raise PictureError("shows no writing")
    margin = round(max(box[2] - box[0], box[3] - box[1]) * MARGIN)
    return (
        max(0, box[0] - margin), max(0, box[1] - margin),
        min(ink.width, box[2] + margin), min(ink.height, box[3] + margin),
    )  # fmt: skip


def _stretched(ink: Image.Image, none: int, full: int) -> Image.Image:
    """Paper becomes white and ink black; the shades of a stroke's edge stay between."""
    span = max(1, full - none)
    shades = [255 - min(255, max(0, round((value - none) * 255 / span))) for value in range(256)]
    return ink.point(shades)
