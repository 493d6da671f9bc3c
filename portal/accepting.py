"""What kind of answer is asked for: ``Accept`` with its quality values (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.request import parse_http_list

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import Scope

PAGE, JSON = "text/html", "application/json"
QUALITY = re.compile(rb"0(\.\d{0,3})?|1(\.0{0,3})?")  #: 12.4.2

#: how much a kind is wanted, and by how narrow a range: exactly 2, ``type/*`` 1, ``*/*`` 0
Wish = tuple[float, int]
UNWANTED: Wish = (0.0, -1)


def prefers_json(scope: Scope) -> bool:
    """Whether JSON is wanted more than a page, or as much and by a narrower range.

    Who names neither, or both alike, gets the page: browsers do.
    """
    ranges = dict(_ranges(", ".join(Headers(scope=scope).getlist("accept"))))
    json, page = _wish(ranges, JSON), _wish(ranges, PAGE)
    return json[0] > 0 and json > page


def _wish(ranges: dict[str, float], kind: str) -> Wish:
    """The narrowest range that the kind falls in decides."""
    family = kind.partition("/")[0]
    for narrow, each in ((2, kind), (1, f"{family}/*"), (0, "*/*")):
        if each in ranges:
            return ranges[each], narrow
    return UNWANTED


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Media ranges, in small letters, with their qualities; what breaks the grammar says nothing.

    Other parameters are passed over: there is one form of each kind here.
    """
    for each in parse_http_list(accept):
        kind, options = parse_options_header(each)
        quality = options.get(b"q", b"1")
        if QUALITY.fullmatch(quality):
            yield kind.decode("latin-1").lower(), float(quality)
