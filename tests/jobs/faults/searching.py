"""Searching everything a factory left behind, byte by byte, for what is personal."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from jobs import broker as brokers
from storage import tables as t

from .works import Works

PIECE = 60  #: bytes of a photo, and characters of its base64, that are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Something personal, in one of the spellings in which it might turn up."""

    what: str
    spelling: str
    text: bytes


def secrets(events: Sequence[Mapping[str, Any]]) -> list[Secret]:
    """What is personal in events of approvals, in all spellings."""
    found = []
    for event in events:
        holder = event["data"]["holder"]
        for what in ("name", "id_number", "mobile"):
            found += spelled(f"{what} of {event['id']}", holder[what])
        photo = event["data"].get("photo", {}).get("content")
        if photo:
            raw = base64.b64decode(photo)
            middle = len(raw) // 2 // 3 * 3  # base64 of a piece is a piece of the base64
            piece = raw[middle : middle + PIECE]
            found.append(Secret(what=f"photo of {event['id']}", spelling="bytes", text=piece))
            text = base64.b64encode(piece)
            found.append(Secret(what=f"photo of {event['id']}", spelling="base64", text=text))
    return found


def spelled(what: str, text: str) -> Iterator[Secret]:
    """A text as it might turn up."""
    spellings = {
        "UTF-8": text.encode(),
        "UTF-16 LE": text.encode("utf-16-le"),
        "UTF-16 BE": text.encode("utf-16-be"),
        "JSON": json.dumps(text)[1:-1].encode(),
        "repr": repr(text.encode())[2:-1].encode(),
        "base64": base64.b64encode(text.encode())[: len(text.encode()) * 4 // 3],
        "URL": urllib.request.quote(text).encode(),
    }
    yield from (
        Secret(what=what, spelling=spelling, text=data) for spelling, data in spellings.items()
    )


def broker(works: Works) -> dict[str, bytes]:
    """Every key and value, and the append-only file with what was and is gone."""
    assert works.servers.broker is not None
    kept = works.servers.broker.folder / "appendonlydir"
    with brokers.client(works.plant.settings) as client:
        keys = list(client.scan_iter("*"))
        dumps = [client.dump(key) or b"" for key in keys]
    return {"broker keys": b"\n".join(keys), "broker values": b"\n".join(dumps)} | files(kept)


def files(folder: Path) -> dict[str, bytes]:
    """Whatever lies in a folder: logs, counters, the ledger with its log."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(works: Works) -> dict[str, bytes]:
    """Every table, as people see it: what is not sealed must be fit to be read."""
    with works.plant.ledger.read() as tx:
        return {
            table.name: json.dumps(
                [list(map(str, row)) for row in tx.run(select(table))], ensure_ascii=False
            ).encode()
            for table in t.metadata.sorted_tables
        }


def found(secrets: Sequence[Secret], left: Mapping[str, bytes]) -> list[str]:
    """Where anything personal stands; says which and how, not the thing itself."""
    return [
        f"{secret.what} as {secret.spelling} in {place}"
        for place, data in left.items()
        for secret in secrets
        if secret.text in data
    ]
