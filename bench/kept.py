"""``var/bench/bench.json``: one file of figures, to which each measurement adds its own part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PLACE = Path("var/bench")
FILE = "bench.json"

JsonObject = dict[str, Any]


def read() -> JsonObject:
    """What is kept; empty: nothing was measured here yet."""
    try:
        found: JsonObject = json.loads((PLACE / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def add(part: JsonObject) -> None:
    """Its keys take the place of the same ones of an earlier measurement."""
    PLACE.mkdir(parents=True, exist_ok=True)
    text = json.dumps(read() | part, ensure_ascii=False, indent=2)
    fresh = PLACE / f"{FILE}.new"
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(PLACE / FILE)
