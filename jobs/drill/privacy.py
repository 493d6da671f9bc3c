"""What must stand nowhere in clear (I9): people's data and keys, sought in all that a drill left.

Logs of every process and server, counters and metrics, all that the broker ever kept, the signer's
journal, keys of objects, the ledger's rows and its file: searched byte by byte, in each spelling.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ahocorasick_rs import BytesAhoCorasick
from sqlalchemy import select

from storage import tables as t

if TYPE_CHECKING:
    from jobs.drill.place import Place
    from jobs.settings import Settings
    from jobs.wiring import Plant

PERSONAL = ("name", "id_number", "mobile")  #: of whoever has an identity number
OF_AN_IDENTITY = "id_number"
PIECE = 60  #: bytes of a picture that are looked for
SHORTEST = 6  #: bytes; four come up by chance in a ledger's sealed columns, once in 500 drills
PRIVATE_KEY = b"PRIVATE KEY-----"
KEYRING = "keyring"

Secrets = Mapping[bytes, str]  #: what may stand nowhere, and what it is


def of_event(event: Mapping[str, Any]) -> dict[bytes, str]:
    """People's data in an event, in every spelling; what it is never says whose."""
    found: dict[bytes, str] = {}
    for part in _parts(event.get("data")):
        if OF_AN_IDENTITY in part:
            for what in PERSONAL:
                if isinstance(part.get(what), str):
                    found |= dict.fromkeys(_spelled(part[what]), f"a {what}")
        if isinstance(part.get("content"), str):
            found |= dict.fromkeys(_piece(part["content"]), "a picture")
    return found


def of_settings(settings: Settings) -> dict[bytes, str]:
    """Passwords and keys that a process of the drill has."""
    given = {
        settings.s3_secret: "the store's secret key",
        urlsplit(settings.redis_url).password or "": "the broker's password",
    }
    return {secret.encode(): what for secret, what in given.items() if secret} | {
        PRIVATE_KEY: "a private key"
    }


def where(secrets: Secrets, left: Iterable[tuple[str, bytes]]) -> tuple[int, list[str]]:
    """In how many places it was sought, and where which was found; never the thing itself."""
    sought, what = BytesAhoCorasick(list(secrets)), list(secrets.values())
    places, found = 0, []
    for place, data in left:
        places += 1
        seen = sought.find_matches_as_indexes(data, overlapping=True)
        there = {what[each] for each, start, end in seen if not _digits_of_more(data, start, end)}
        found += sorted(f"{each} in {place}" for each in there)
    return places, found


def left_by(place: Place) -> Iterator[tuple[str, bytes]]:
    """Everything that a drill left behind, part by part."""
    plant, servers = place.plant, place.servers
    yield "the metrics", _metrics(plant)
    yield "the keys of objects", "\n".join(plant.store.list()).encode()
    yield from _rows(plant)
    yield from _files(plant.settings.data_dir)
    yield from _files(servers.settings.data_dir / "log")
    if servers.broker is not None:
        yield from _files(servers.broker.folder)


def _digits_of_more(data: bytes, start: int, end: int) -> bool:
    """Whether it is but some digits of a longer number, as a sum of seconds can have a mobile's."""
    if not data[start:end].isdigit():
        return False
    before, after = data[max(start - 2, 0) : start], data[end : end + 1]
    return after.isdigit() or before.removesuffix(b".")[-1:].isdigit()


def _parts(said: object) -> Iterator[Mapping[str, Any]]:
    """Every object within a JSON value."""
    if isinstance(said, Mapping):
        yield said
        said = list(said.values())
    if isinstance(said, list):
        for each in said:
            yield from _parts(each)


def _spelled(text: str) -> set[bytes]:
    """Of a name of two characters all but UTF-16, which is too short to mean anything."""
    plain = text.encode()
    spellings = {
        plain,
        text.encode("utf-16-le"),
        json.dumps(text)[1:-1].encode(),
        repr(plain)[2:-1].encode(),
        quote(text).encode(),
    }
    return {each for each in spellings if len(each) >= SHORTEST}


def _piece(content: str) -> set[bytes]:
    """Of the middle: the beginnings of pictures are alike."""
    raw = base64.b64decode(content)
    middle = len(raw) // 2 // 3 * 3  # base64 of a piece is a piece of the base64
    piece = raw[middle : middle + PIECE]
    return {piece, base64.b64encode(piece)}


def _metrics(plant: Plant) -> bytes:
    url = f"http://127.0.0.1:{plant.settings.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=30) as answer:
        data: bytes = answer.read()
    return data


def _rows(plant: Plant) -> Iterator[tuple[str, bytes]]:
    """Every table, as people see it: what is not sealed must be fit to be read."""
    with plant.ledger.read() as tx:
        for table in t.metadata.sorted_tables:
            rows = [list(map(str, row)) for row in tx.run(select(table))]
            yield f"the table {table.name}", json.dumps(rows, ensure_ascii=False).encode()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and KEYRING not in path.parts and path.suffix != ".conf":
            yield path.name, path.read_bytes()
