"""Text, days and times as an event may carry them: cleaned, bounded, without hidden characters.

A rule that is broken is named, the value never: a character appears as its code point only.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

MOST_CHARACTERS = 4096  #: of any text, before it is composed: no field takes as many
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)

#: Controls, format characters (bidi, zero width, tags), line separators, lone surrogates and
#: noncharacters.  Private use passes: whether it can be printed is asked later, by the faces.
HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff\ud800-\udfff]"
)  # between the last two blocks: variation selectors, which only choose a glyph
COMPATIBILITY = re.compile("([\uf900-\ufaff\U0002f800-\U0002fa1f])")
TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def broken(rule: str) -> PydanticCustomError:
    """The problem with its rule in words; the rule never holds the value."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule})


def cleaned(text: str) -> str:
    """The text without outer whitespace, composed (NFC), compatibility ideographs kept.

    NFC alone would turn some CJK compatibility ideographs (兼容汉字) into other ideographs, and
    so a person's name into another one: U+F92C is in GB 18030 and stays what it is.

    >>> cleaned("  A\u030angstr\u00f6m \u3000")
    'Ångström'
    >>> cleaned("\uf92c") == "\uf92c"
    True
    """
    parts = COMPATIBILITY.split(text.strip())
    parts[::2] = (unicodedata.normalize("NFC", part) for part in parts[::2])
    return "".join(parts)


def hidden_characters(text: str) -> tuple[str, ...]:
    """Code points that have no place in a name, each once, e.g. ``("U+202E",)``."""
    found = HIDDEN.findall(text)
    return tuple(dict.fromkeys(f"U+{ord(character):04X}" for character in found))


def _shown(value: object) -> object:
    if not isinstance(value, str):
        return value
    if len(value) > MOST_CHARACTERS:  # composing many marks over one letter takes their square
        raise broken(f"has more than {MOST_CHARACTERS} characters")
    text = cleaned(value)
    if hidden := hidden_characters(text):
        raise broken(f"holds control or invisible characters: {', '.join(hidden)}")
    return text


def _identifier(value: object) -> object:
    if isinstance(value, str) and (hidden_characters(value) or value != value.strip()):
        raise broken("holds control characters or outer whitespace")
    return value


def _day(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise broken("must be a day written YYYY-MM-DD")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise broken("is not a day of the calendar") from None
    if not EARLIEST <= day <= LATEST:
        raise broken(f"lies outside {EARLIEST} to {LATEST}")
    return day


def _instant(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not TIMESTAMP.fullmatch(value):
        raise broken("must be a time with its offset (RFC 3339)")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise broken("is not a time of the calendar (RFC 3339)") from None


#: Text a person reads: trimmed, composed, nothing hidden.  Bound its length where it is used.
Text = Annotated[str, BeforeValidator(_shown), Field(min_length=1)]
#: Text that identifies and is compared as it came.
Identifier = Annotated[str, BeforeValidator(_identifier), Field(min_length=1, max_length=255)]
#: A calendar day, local, without a time.
Day = Annotated[date, BeforeValidator(_day)]
#: An instant, aware, UTC.
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
