"""Tokens (令牌): a head that says whose, 256 random bits in hex, and eight characters of check.

The check is the CRC-32 of all before it: it finds every single wrong character before anybody is
asked, and proves nothing.
"""

from __future__ import annotations

import re
import zlib

SECRET_BYTES = 32
CHECK_DIGITS = 8
TAIL = rf"([0-9a-f]{{{2 * SECRET_BYTES}}})([0-9a-f]{{{CHECK_DIGITS}}})"  #: secret and check
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
NAME_RULE = "small letters, digits and hyphens, 32 at most"


def written(head: str, secret: bytes) -> str:
    """The token of that head and secret.

    >>> written("op_clerk", bytes(32))[-12:]
    '000045998b5f'
    """
    text = f"{head}_{secret.hex()}"
    return text + check(text)


def check(text: str) -> str:
    """The check of what stands before it."""
    return f"{zlib.crc32(text.encode()):0{CHECK_DIGITS}x}"


def check_fits(token: str) -> bool:
    """Whether it ends with the check of what stands before."""
    return token[-CHECK_DIGITS:] == check(token[:-CHECK_DIGITS])
