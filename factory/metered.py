"""Bytes that are read in so many steps and no more.

A reader of PDF takes a step or two for every number, name and bracket, and makes an object of some
hundred bytes of it: how many steps there may be bounds time and memory alike.
"""

from __future__ import annotations

from io import BytesIO

from pyhanko.pdf_utils.misc import PdfDecodeLimitError

#: of a document that is signed here: those that are need some ten thousand
MOST_STEPS = 500_000


class Metered(BytesIO):
    """PdfDecodeLimitError: more steps of reading than there may be."""

    def __init__(self, data: bytes, most_steps: int = MOST_STEPS) -> None:
        super().__init__(data)
        self._left = most_steps

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        self._left -= 1
        if self._left < 0:
            raise PdfDecodeLimitError("steps of reading")
        return super().read(size)
