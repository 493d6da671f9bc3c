"""Handing out everything that is held on a person (个人信息查阅、复制): one ZIP, closed to others.

PIPL art. 45: whoever the data is about may look into it and have a copy.  JSON, the events as they
came, the pictures and all files; a README inside says what is what.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from factory.errors import ConflictError, DigestMismatchError, NotFoundError
from jobs.measured import MeasuredStore
from storage.ledger import audit, holdings, personal
from storage.ledger.holdings import Record
from storage.ledger.personal import Person, Value

if TYPE_CHECKING:
    from jobs.wiring import Plant

OWNER_ONLY = 0o600
EARLIEST = (1980, 1, 1, 0, 0, 0)  #: of an entry: a ZIP says nothing of when it was packed
PICTURE_KINDS = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG", "png"))
README = """\
关于一个人的全部信息 / Everything that is held on one person
holder-{holder}, {profile}, {at}

events/      系统收到的事件原文 / events as they were received, by their row
facts/       登记库据以得出登记状态的事实 / what the register was folded from
person-*.json当前登记的个人信息 / how the person is described today
pictures/    照片和签名图片 / photos and signature pictures
orders/      每份文书印制的全部内容 / everything that was printed, by order
files/       证书、申请表、通知书等文件 / certificates, forms and notices, every step and format
scans/       申请材料 / materials handed in with applications
*.json       登记、版本、申请、批次、通知、审计等记录 / rows of the ledger, times in UTC
missing.json 记录在案而未能取得的文件 / files that are on record and could not be had

此文件含个人信息，请妥善保管。 This file holds personal data: keep it safe.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was packed.

    missing: files that are on record and could not be had.
    """

    holder: int
    entries: int
    missing: int


@dataclass(slots=True)
class _Package:
    """Entries are written as they come; nobody else ever may read the file."""

    zip: zipfile.ZipFile
    entries: int = 0

    def add(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, EARLIEST)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, OWNER_ONLY << 16
        self.zip.writestr(info, data)
        self.entries += 1

    def add_json(self, name: str, value: object) -> None:
        self.add(name, json.dumps(value, ensure_ascii=False, indent=1).encode())


def export(plant: Plant, holder: int, path: Path, *, who: str, why: str) -> Exported:
    """Pack everything that is held on a person into a new file, mode 0600.

    why: names nobody.
    NotFoundError: no such row, or no such folder.  ConflictError: the file is there already, or
    the person has been erased.  StoreUnavailableError: files could not be asked for; nothing is
    left of the package.
    """
    with plant.ledger.read() as tx:
        person = personal.of(tx, holder)
        if person.erased_at is not None:
            raise ConflictError(f"holder-{person.id}: {personal.ERASED}")
    descriptor = _new(path)
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as packed:
            done = _fill(plant, person.id, _Package(packed))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    with plant.ledger.write(who) as tx:
        what = {"entries": done.entries, "missing": done.missing}
        audit.note(tx, "handed out", ("holder", person.id), why=why, what=what)
    return done


def _new(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        raise ConflictError(f"{path}: is there already; nothing is written over") from None
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}") from error


def _fill(plant: Plant, holder: int, package: _Package) -> Exported:
    with plant.ledger.read() as tx:
        person = personal.of(tx, holder)
        package.add("README.txt", _readme(person, tx.now).encode())
        found = dict(holdings.records(tx, person))
        for name, rows in found.items():
            package.add_json(f"{name}.json", rows)
        for each in personal.values(tx, person):
            _put(package, each)
    files = {each["object_key"]: each["sha256"] for each in found["files"]}
    scans = dict(_scans(found["applications"]))
    missing = _fetch(plant.store, package, "files", files)
    missing += _fetch(plant.intake_store, package, "scans", scans)
    package.add_json("missing.json", missing)
    return Exported(holder=holder, entries=package.entries, missing=len(missing))


def _readme(person: Person, at: datetime) -> str:
    said = {"holder": person.id, "profile": person.profile}
    return README.format(**said, at=at.isoformat(timespec="seconds"))


def _scans(applications: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Object key -> SHA-256, of materials that were handed in."""
    for row in applications:
        for scan in row["view"]["materials"].values():
            yield scan["key"], scan["sha256"]


def _put(package: _Package, value: Value) -> None:
    """Each sealed value under the name of its place and row."""
    place, row = value.place.name, value.row
    if place == "picture.content":
        package.add(f"pictures/{row.digest}.{_kind(value.content)}", value.content)
    elif place == "holder.person":
        package.add(f"person-{row.id}.json", value.content)
    elif place == "preparation.chain":
        package.add(f"preparations/{row.id}.pem", value.content)
    elif place == "application.query_code":
        package.add(f"query-codes/{row.id}.txt", value.content)
    else:
        folder = {"inbox.body": "events", "fact.content": "facts"}.get(place, "orders")
        package.add(f"{folder}/{row.id}.json", value.content)


def _kind(content: bytes) -> str:
    return next((kind for head, kind in PICTURE_KINDS if content.startswith(head)), "bin")


def _fetch(
    store: MeasuredStore, package: _Package, folder: str, wanted: Mapping[str, str]
) -> list[dict[str, str]]:
    """Those that could not be had, by key, and why."""
    missing = []
    for key, sha256 in wanted.items():
        try:
            package.add(f"{folder}/{key}", store.get(key, sha256=sha256))
        except (NotFoundError, DigestMismatchError) as error:
            missing.append({"key": key, "why": error.reason})
    return missing
