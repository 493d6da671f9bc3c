"""``python -m portal.describing FILE`` writes what the door says of itself (`make api-docs`)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from portal.app import application


def text() -> str:
    """The document as it is committed; the same every time."""
    return json.dumps(application().openapi(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), "utf-8")
