"""One spelling for what people type: width, case and outer space do not count."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """NFKC capitals without outer whitespace.

    >>> plain(" ｗ２０１８０４\u3000")
    'W201804'
    """
    capitals = unicodedata.normalize("NFKC", text).upper()
    return unicodedata.normalize("NFKC", capitals).strip()
