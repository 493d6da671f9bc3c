"""Portraits of a simulated register (模拟注册库): many, each another, of nobody."""

from __future__ import annotations

import io
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from factory.pictures import DPI, HEIGHT_PX, WIDTH_PX

#: what photos of papers are taken in front of: white, blue, red; how often, assumed
GROUNDS = (((250, 250, 250), 45), ((67, 142, 219), 40), ((200, 40, 48), 15))
SKINS = ((247, 222, 200), (238, 205, 178), (226, 188, 156), (208, 165, 132), (190, 146, 112))
HAIRS = ((24, 20, 20), (40, 32, 28), (58, 44, 36), (92, 88, 86), (140, 138, 136))
CLOTHES = ((30, 34, 52), (20, 20, 22), (70, 74, 84), (96, 40, 44), (44, 72, 60), (214, 214, 210))
MIDDLE = WIDTH_PX // 2
QUALITY = 82

Colour = tuple[int, int, int]


def portrait(seed: int, place: int) -> bytes:
    """One of the faces of a register: a JPEG of the size photos have, below 10 kB.

    Two places of one seed never give the same bytes: their number is in the cloth, as a pattern.
    """
    chance = Random(f"portrait/{seed}/{place}")  # noqa: S311 - a picture, not a secret
    ground = chance.choices([g for g, _ in GROUNDS], [w for _, w in GROUNDS])[0]
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), _near(chance, ground, 6))
    draw = ImageDraw.Draw(image)
    skin, hair = _near(chance, chance.choice(SKINS), 8), _near(chance, chance.choice(HAIRS), 6)
    width, chin = chance.randint(56, 74), chance.randint(246, 268)
    _hair_behind(draw, chance, hair, width)
    _shoulders(draw, chance, skin, chin)
    _face(draw, chance, skin, hair, width, chin)
    _woven(draw, place)
    soft = image.filter(ImageFilter.GaussianBlur(1.1))
    out = io.BytesIO()
    soft.save(out, "JPEG", quality=QUALITY, optimize=True, dpi=(DPI, DPI))
    return out.getvalue()


def _near(chance: Random, colour: Colour, most: int) -> Colour:
    red, green, blue = (min(255, max(0, c + chance.randint(-most, most))) for c in colour)
    return red, green, blue


def _hair_behind(draw: ImageDraw.ImageDraw, chance: Random, hair: Colour, width: int) -> None:
    """Short, to the ears, or down to the shoulders."""
    down = chance.choice((232, 236, 262, 320))
    box = (MIDDLE - width - 13, 74, MIDDLE + width + 13, down)
    draw.rounded_rectangle(box, radius=width, fill=hair)


def _shoulders(draw: ImageDraw.ImageDraw, chance: Random, skin: Colour, chin: int) -> None:
    cloth = _near(chance, chance.choice(CLOTHES), 10)
    side, collar = chance.randint(8, 34), chance.randint(300, 318)
    draw.ellipse((side, 286, WIDTH_PX - side, 600), fill=cloth)
    draw.rectangle((MIDDLE - 27, chin - 46, MIDDLE + 27, collar), fill=skin)
    shirt = _near(chance, (236, 238, 240), 12)
    draw.polygon([(MIDDLE - 46, 296), (MIDDLE, collar + 46), (MIDDLE + 46, 296), (MIDDLE, collar)],
                 fill=shirt)  # fmt: skip
    if chance.random() < 0.5:  # noqa: PLR2004 - half of them wear a tie
        tie = _near(chance, chance.choice(CLOTHES), 30)
        draw.polygon([(MIDDLE - 7, collar + 6), (MIDDLE + 7, collar + 6), (MIDDLE + 11, 400),
                      (MIDDLE, HEIGHT_PX), (MIDDLE - 11, 400)], fill=tie)  # fmt: skip


def _face(
    draw: ImageDraw.ImageDraw, chance: Random, skin: Colour, hair: Colour, width: int, chin: int
) -> None:
    top = chance.randint(104, 124)
    shade: Colour = (skin[0] - 26, skin[1] - 30, skin[2] - 30)
    for side in (-1, 1):
        ear = MIDDLE + side * width
        draw.ellipse((ear - 9, 168, ear + 9, 206), fill=shade)
    draw.ellipse((MIDDLE - width, top - 14, MIDDLE + width, chin), fill=skin)
    parting = MIDDLE + chance.randint(-30, 30)
    draw.chord((MIDDLE - width, 84, MIDDLE + width, 84 + 2 * (top - 70)), 180, 360, fill=hair)
    draw.line((parting, 86, parting + chance.randint(-8, 8), top - 8), fill=shade, width=2)
    _features(draw, chance, shade, hair, chin)


def _features(
    draw: ImageDraw.ImageDraw, chance: Random, shade: Colour, hair: Colour, chin: int
) -> None:
    level, apart = chance.randint(172, 184), chance.randint(24, 31)
    glasses = chance.random() < 0.35  # noqa: PLR2004 - assumed, as in docs/simulate.md
    for side in (-1, 1):
        eye = MIDDLE + side * apart
        draw.ellipse((eye - 8, level - 4, eye + 8, level + 4), fill=(248, 246, 242))
        draw.ellipse((eye - 4, level - 4, eye + 4, level + 4), fill=(34, 26, 22))
        draw.line((eye - 12, level - 14, eye + 12, level - 14), fill=hair, width=4)
        if glasses:
            draw.rounded_rectangle((eye - 18, level - 12, eye + 18, level + 14), 8,
                                   outline=(30, 30, 34), width=3)  # fmt: skip
    draw.line((MIDDLE, level + 10, MIDDLE - 4, level + 34), fill=shade, width=3)
    mouth, half = chin - chance.randint(30, 38), chance.randint(14, 22)
    draw.arc((MIDDLE - half, mouth - 10, MIDDLE + half, mouth + 4), 20, 160, (176, 92, 88), 4)


def _woven(draw: ImageDraw.ImageDraw, place: int) -> None:
    """The number of the picture, a square a bit, at the lower edge of the cloth."""
    for bit in range(16):
        light = 190 if place >> bit & 1 else 90
        left = 40 + 13 * bit
        draw.rectangle((left, 401, left + 8, 409), fill=(light, light, light))
