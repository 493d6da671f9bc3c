"""Simulating: a synthetic register is written to a file, as rows that can be taken over."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory import simulation, simulation_pictures, specimen
from factory.errors import FieldError
from factory.events import tabular
from factory.events.takeover import Format
from factory.simulation import Company, Pictures, Register
from storage.blobs import Blob

if TYPE_CHECKING:
    from jobs.importing import Watch
    from jobs.measured import MeasuredStore

JsonObject = dict[str, Any]
Described = Callable[[bytes, str], JsonObject]

SLICE_ROWS = 1000
FOLDER = "simulated"  #: of the intake bucket
SIGNATURE_NEEDED = "a table has no column for the picture of a signature; write JSON Lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written; nobody in it exists.

    photos: different ones; ``stored``: they are in the intake bucket, and rows name their keys.
    """

    file: str
    sha256: str
    size_bytes: int
    profile: str
    day: str
    seed: int
    registrations: int
    enterprises: int
    largest: Company
    photos: int
    stored: bool


def check(register: Register, form: Format, photos: int) -> None:
    """FieldError: a table cannot hold the pictures that the register's certificates print."""
    if form is Format.CSV and photos and register.profile.certificate.holder_signature:
        raise FieldError("format", "register columns", SIGNATURE_NEEDED)


def pictures(register: Register, count: int, store: MeasuredStore | None, watch: Watch) -> Pictures:
    """So many different photos, and signatures where the certificate prints one.

    store: where they are put, so that rows name their keys; None: rows hold them.
    """
    described = _inline if store is None else _stored_in(store)
    watch.begin("drawing pictures for", count)
    photos = []
    for place in range(count):
        photos.append(described(simulation_pictures.portrait(register.seed, place), "jpg"))
        watch.advance(1)
    signed = bool(count) and register.profile.certificate.holder_signature
    signatures = [
        described(specimen.signature(place), "png") for place in range(specimen.FACES * signed)
    ]
    return Pictures(photos=photos, signatures=signatures)


def _inline(picture: bytes, _: str) -> JsonObject:
    return {"content": b64encode(picture).decode("ascii")}


def _stored_in(store: MeasuredStore) -> Described:
    store.ensure_bucket()

    def put(picture: bytes, kind: str) -> JsonObject:
        digest = hashlib.sha256(picture).hexdigest()
        key = f"{FOLDER}/{digest[:32]}.{kind}"
        content_type = {"jpg": "image/jpeg", "png": "image/png"}[kind]
        store.put_new(Blob(key=key, data=picture, content_type=content_type, sha256=digest))
        return {"key": key, "sha256": digest}

    return put


def write(register: Register, shown: Pictures, form: Format, path: Path, watch: Watch) -> Written:
    """Write every row; the file appears under its name once it is whole."""
    part = path.with_name(f"{path.name}.part")
    watch.begin("writing", register.size)
    digest, size = hashlib.sha256(), 0
    with part.open("wb") as file:
        for piece in _pieces(register, shown, form):
            raw = b"".join(piece)
            file.write(raw)
            digest.update(raw)
            size += len(raw)
            watch.advance(len(piece))
    part.replace(path)
    return Written(
        file=str(path),
        sha256=digest.hexdigest(),
        size_bytes=size,
        profile=register.profile.id,
        day=register.day.isoformat(),
        seed=register.seed,
        registrations=register.size,
        enterprises=len(register.starts),
        largest=simulation.company(register, 0),
        photos=len(shown.photos),
        stored=any("key" in each for each in shown.photos[:1]),
    )


def _pieces(register: Register, shown: Pictures, form: Format) -> Iterator[Sequence[bytes]]:
    written = _cells if form is Format.CSV else _line
    rows = map(written, simulation.rows(register, shown))
    if form is Format.CSV:
        yield [_table_line([each.name for each in tabular.COLUMNS])]
    while piece := list(islice(rows, SLICE_ROWS)):
        yield piece


def _line(data: JsonObject) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _cells(data: JsonObject) -> bytes:
    """A row of a table (``register columns``)."""
    return _table_line([_cell(data, column) for column in tabular.COLUMNS])


def _cell(data: JsonObject, column: tabular.Column) -> str:
    value: Any = data
    for step in column.path:
        if step not in value:
            return ""
        value = value[step]
    return ";".join(map(_entry, value)) if isinstance(value, list) else str(value)


def _entry(value: str | JsonObject) -> str:
    """A former number, or a profession with its validity."""
    if isinstance(value, str):
        return value
    main = tabular.MAIN if value.get("main") else ""
    return f"{value['name']}{main}:{value['valid_from']}:{value['valid_to']}"


def _table_line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
