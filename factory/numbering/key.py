"""What makes two spellings of a registration number one number."""

from __future__ import annotations

import re
from functools import lru_cache

from factory.numbering.constructors import parse_constructor_number
from factory.numbering.cost_engineers import BRACKETS
from factory.numbering.spelling import plain

ENGINEER = re.compile(rf"建{BRACKETS}(?P<rest>\d+)", re.ASCII)


@lru_cache(maxsize=4096)  # one import asks for the same number several times
def number_key(text: str) -> str:
    """The jzs16 spelling, 建[造] with plain brackets, or the opaque text in capitals.

    >>> number_key("沪231161800057") == number_key("沪2312016201800057")
    True
    >>> number_key(" 建〔造〕21213100000123 ")
    '建[造]21213100000123'
    """
    constructor = parse_constructor_number(text)
    if constructor is not None:
        return constructor.jzs16
    engineer = ENGINEER.fullmatch("".join(plain(text).split()))
    return f"建[造]{engineer['rest']}" if engineer else plain(text)
