"""A JPEG as a PDF image, byte for byte.  ISO 32000-1, 8.9.5; ISO/IEC 10918-1, B.2.2."""

from __future__ import annotations

from factory.errors import PictureError, PressUnableError

START = b"\xff\xd8"
BASELINE = 0xC0
BITS = 8  #: of a component
OTHER_FRAMES = frozenset(range(0xC1, 0xD0)) - {0xC4, 0xC8, 0xCC}  #: progressive, lossless …
SPACES = {1: b"/DeviceGray", 3: b"/DeviceRGB"}
IMAGE = (
    b"%d 0 obj\n<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace%s/BitsPerComponent 8"
    b"/Filter/DCTDecode/Length %d>>\nstream\n%s\nendstream\nendobj\n"
)


def image_object(number: int, role: str, jpeg: bytes) -> bytes:
    """PictureError: the picture is missing or no JPEG.  PressUnableError: not a baseline one."""
    if not jpeg.startswith(START):
        raise PictureError(f"{role}: the picture is missing or no JPEG")
    width, height, space = _frame(role, jpeg)
    return IMAGE % (number, width, height, space, len(jpeg), jpeg)


def _frame(role: str, jpeg: bytes) -> tuple[int, int, bytes]:
    """Width, height and colour space, from the frame's header."""
    at = len(START)
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF:  # noqa: PLR2004 - begins a marker
        marker = jpeg[at + 1]
        if marker == BASELINE and jpeg[at + 4] == BITS and jpeg[at + 9] in SPACES:
            height, width = jpeg[at + 5 : at + 7], jpeg[at + 7 : at + 9]
            return int.from_bytes(width), int.from_bytes(height), SPACES[jpeg[at + 9]]
        if marker in OTHER_FRAMES:
            break
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    raise PressUnableError(f"{role}: not a baseline JPEG in grey or RGB")
