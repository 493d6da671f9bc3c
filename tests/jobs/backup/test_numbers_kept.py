"""Whoever was registered after a backup is, once it is restored, who they were: nobody anew."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, make_url, select

from factory import courses, specimen, verify
from factory.courses import Case
from factory.events import takeover
from factory.events.takeover import Origin
from factory.model import ApplicationType, ChunkId, EditionState, Format
from factory.retention import Ground
from factory.verification import Status
from jobs import desk, importing, line, opening
from jobs.backup.restoring import Restored
from jobs.personal import erasing
from jobs.recheck import series
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.backup import snapshot
from storage.blobs import Blob
from storage.ledger import inbox
from storage.recheck.scope import Scope
from tests.conftest import Postgres
from tests.jobs import in_two_formats
from tests.jobs.test_bulk_line import reseal
from tests.plants import WHO, approve, migrate, on_server, open_chunks, submit
from tests.telling import whole_factory, work

from . import losing
from .losing import JsonObject

BEFORE, SINCE = (1, 2), (11, 12, 13)
ENGINEERS = "shanghai-cost-engineer"
UNCLEAR = 3  #: more numbers are passed over than were drawn


class Kept:
    """A factory with a backup, and what was made since."""

    def __init__(self, plant: Plant, folder: Path, lose: Callable[[Plant], None]) -> None:
        self.plant, self._folder, self._lose = plant, folder, lose
        for seed in BEFORE:
            approve(plant, seed)
        work(plant)
        losing.take(plant, folder)

    def files(self) -> dict[str, bytes]:
        """What every certificate in the store is, byte for byte."""
        store = self.plant.store
        return {key: store.get(key) for key in store.list() if "/certificate." in key}

    def made_since(self, seeds: tuple[int, ...] = SINCE) -> dict[str, JsonObject]:
        """More persons, registered and certified; what their certificates say, by name."""
        before = self.files()
        for seed in seeds:
            approve(self.plant, seed)
        work(self.plant)
        new = [data for key, data in self.files().items() if key not in before]
        return {said["name"]: said for said in map(said_by, new)}

    def restored(self, skip: int = len(SINCE) + UNCLEAR) -> Restored:
        self._lose(self.plant)
        done = losing.restore(self.plant.settings, self._folder, skip=skip)
        self.plant = Plant(self.plant.settings)
        return done

    def replayed(self, seeds: tuple[int, ...] = SINCE) -> dict[str, JsonObject]:
        """The same events again; what stands of everybody."""
        for seed in seeds:
            assert approve(self.plant, seed).status == "accepted"
        work(self.plant)
        return losing.newest(self.plant)

    def lost_rows(self) -> int:
        with self.plant.ledger.read() as tx:
            return tx.run(select(func.count()).select_from(t.lost_edition)).scalar_one()

    def checked(self) -> None:
        """Nothing that was ever sealed is of two, and the re-checker finds nothing."""
        assert losing.used_twice(losing.printed(self.plant)) == []
        assert losing.recheck(self.plant).findings == []
        assert series.look(self.plant, Scope()).findings == ()


def said_by(data: bytes) -> JsonObject:
    found: JsonObject = json.loads(verify.twin(data) or b"null")
    return found


def lose_file(plant: Plant) -> None:
    plant.ledger.engine.dispose()
    for each in snapshot.beside(snapshot.sqlite_path(plant.settings.db_url)):
        each.unlink(missing_ok=True)


@pytest.fixture
def plant(tmp_path: Path, s3: Settings, fresh_bucket: str, sqlite_db_url: str) -> Plant:
    return whole_factory(tmp_path, s3, db_url=sqlite_db_url, s3_bucket=fresh_bucket)


@pytest.fixture
def kept(plant: Plant, tmp_path: Path) -> Kept:
    return Kept(plant, tmp_path / "backups", lose_file)


# --- the same again -------------------------------------------------------------------------------


def as_if_nothing_was_lost(kept: Kept) -> None:
    since, files = kept.made_since(), kept.files()

    done = kept.restored()

    assert done.kept == len(SINCE)
    assert kept.lost_rows() == len(SINCE)
    now = kept.replayed(tuple(reversed(SINCE)))
    assert {name: now[name] for name in since} == since
    assert kept.files() == files  # not one was made anew
    assert kept.lost_rows() == 0
    for said in since.values():
        assert losing.told(kept.plant, said) is Status.UNCOLLECTED
    kept.checked()


def test_who_was_registered_since_has_the_same_number_code_and_file_again(kept: Kept) -> None:
    as_if_nothing_was_lost(kept)


def test_the_same_numbers_come_back_on_postgresql(
    s3: Settings,
    fresh_bucket: str,
    postgres: Postgres,
    postgresql_db_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres_tools: str,
) -> None:
    monkeypatch.setenv("PATH", postgres_tools)
    made = whole_factory(tmp_path, s3, db_url=postgresql_db_url, s3_bucket=fresh_bucket)
    name = make_url(postgresql_db_url).database

    def lose(plant: Plant) -> None:
        plant.ledger.engine.dispose()
        on_server(postgres.url, f"DROP DATABASE {name} WITH (FORCE)")
        on_server(postgres.url, f"CREATE DATABASE {name}")

    as_if_nothing_was_lost(Kept(made, tmp_path / "backups", lose))


def test_a_certificate_in_two_formats_is_taken_again_in_both(kept: Kept) -> None:
    in_two_formats.approve(kept.plant, 21)
    work(kept.plant)
    files = kept.files()

    assert kept.restored().kept == 1
    in_two_formats.approve(kept.plant, 21)
    work(kept.plant)

    assert kept.files() == files
    kept.checked()


def test_who_comes_to_a_restored_ledger_first_gets_a_number_that_no_certificate_has(
    kept: Kept,
) -> None:
    before = kept.files()
    for seed in (10, 11):
        approve(kept.plant, seed)
    line.produce(kept.plant, ChunkId(open_chunks(kept.plant)[-1]))  # the second has a certificate
    [key] = kept.files().keys() - before.keys()
    sealed = said_by(kept.files()[key])

    kept.restored(skip=1)  # one too few
    now = kept.replayed((30, 31, 11))

    assert now[sealed["name"]] == sealed
    kept.checked()


def test_until_its_events_come_again_a_certificate_counts_as_not_on_record(kept: Kept) -> None:
    [said] = kept.made_since((11,)).values()

    kept.restored()

    assert losing.told(kept.plant, said) is Status.UNRECORDED
    typo = said | {"verification_code": "0" * 20}
    assert losing.told(kept.plant, typo) is Status.UNKNOWN


def test_a_certificate_that_is_made_on_collection_needs_not_be_asked_for_again(kept: Kept) -> None:
    number = corrected_engineer(kept.plant)
    desk.collect(kept.plant, number, who=WHO)
    work(kept.plant)
    files = kept.files()
    assert len(files) == len(BEFORE) + len(Format)

    kept.restored()
    again = corrected_engineer(kept.plant)
    work(kept.plant)

    assert again == number
    assert kept.files() == files
    assert desk.collect(kept.plant, number, who=WHO).state is EditionState.COLLECTED
    kept.checked()


def test_one_that_nobody_had_collected_is_still_made_on_collection(kept: Kept) -> None:
    corrected_engineer(kept.plant)
    files = kept.files()

    kept.restored()
    number = corrected_engineer(kept.plant)
    work(kept.plant)
    assert kept.files() == files
    desk.collect(kept.plant, number, who=WHO)
    work(kept.plant)

    assert len(kept.files()) == len(files) + len(Format)


def corrected_engineer(plant: Plant) -> str:
    """Somebody of a register that makes certificates on collection; the number."""
    rules = plant.profiles[ENGINEERS].all[-1]
    case = Case(profile=rules, kind=ApplicationType.CHANGE, seed=5)
    imported = courses.course(case)[0]
    assert imported["type"] == "registration.imported"
    for each in imported["data"]["professions"]:
        each["valid_to"] = "2099-12-31"
    person = imported["data"]["holder"]
    corrected = imported | {"id": f"{imported['id']}-corrected", "type": "holder.corrected"}
    corrected["data"] = {
        "profile": ENGINEERS,
        "holder": {name: person[name] for name in ("id_type", "id_number")},
        "corrected": person | {"name": person["name"] + "喆"},
        "reason": "姓名更正",
        "corrected_on": "2024-07-01",
    }
    numbers = [submit(plant, each).registration for each in (imported, corrected)]
    assert numbers[-1] is not None
    return numbers[-1]


def one_by_one(plant: Plant, event: JsonObject) -> None:
    submit(plant, event)


def as_a_register(plant: Plant, event: JsonObject) -> None:
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, importing.SOURCE, specimen.PROFILE)
    origin = Origin(format=takeover.Format.JSONL, source=importing.SOURCE, profile=specimen.PROFILE)
    raw = json.dumps(event["data"], ensure_ascii=False).encode() + b"\n"
    importing.take_over(
        plant, io.BytesIO(raw), origin, Silent(), rows=0, keep=lambda _: None, who=WHO
    )


class Silent:
    """A watch that nobody looks at."""

    def begin(self, what: str, rows: int | None) -> None:
        pass

    def advance(self, rows: int) -> None:
        pass


@pytest.mark.parametrize("take_over", [one_by_one, as_a_register])
def test_what_was_made_of_a_registration_that_was_taken_over_is_found_again(
    kept: Kept, take_over: Callable[[Plant, JsonObject], None]
) -> None:
    imported = specimen.imported(31)
    imported["data"]["photo"] = specimen.approved(31)["data"]["photo"]
    take_over(kept.plant, imported)
    submit(kept.plant, specimen.corrected(31))
    work(kept.plant)
    files = kept.files()
    assert len(files) == len(BEFORE) + 1

    assert kept.restored().kept == 1
    take_over(kept.plant, imported)
    submit(kept.plant, specimen.corrected(31))
    work(kept.plant)

    assert kept.files() == files
    kept.checked()


# --- something else -------------------------------------------------------------------------------


def test_what_lies_there_and_says_something_else_is_superseded_under_the_same_number(
    kept: Kept,
) -> None:
    [first] = kept.made_since((11,)).values()
    kept.restored()

    submit(kept.plant, specimen.corrected(11))  # waits until the person is known
    submit(kept.plant, specimen.approved(11))
    work(kept.plant)

    now = losing.newest(kept.plant)[first["name"] + "喆"]
    assert (now["number"], now["edition"]) == (first["number"], 2)
    assert losing.told(kept.plant, first) is Status.SUPERSEDED
    kept.checked()


def test_what_another_seal_than_todays_has_sealed_is_superseded_under_the_same_number(
    kept: Kept,
) -> None:
    [first] = kept.made_since((11,)).values()
    kept.plant = reseal(kept.plant)

    kept.restored()
    now = kept.replayed((11,))[first["name"]]

    assert (now["number"], now["edition"]) == (first["number"], 2)
    assert losing.told(kept.plant, first) is Status.SUPERSEDED
    kept.checked()


def test_editions_after_the_first_come_back_one_by_one(kept: Kept) -> None:
    kept.made_since((11,))
    submit(kept.plant, specimen.corrected(11))
    work(kept.plant)
    files = kept.files()

    kept.restored()
    kept.replayed((11,))
    assert kept.lost_rows() == 1
    submit(kept.plant, specimen.corrected(11))
    work(kept.plant)

    assert kept.files() == files
    assert kept.lost_rows() == 0
    kept.checked()


def test_another_event_of_that_id_is_promised_nothing(kept: Kept) -> None:
    [first] = kept.made_since((11,)).values()
    kept.restored()
    other = specimen.approved(11)
    other["data"]["approved_on"] = "2024-04-01"

    submit(kept.plant, other)
    work(kept.plant)

    now = losing.newest(kept.plant)[first["name"]]
    assert now["number"] != first["number"]
    assert losing.told(kept.plant, first) is Status.UNRECORDED
    kept.checked()


Change = Callable[[bytes], bytes]
FALSE: dict[str, Change] = {
    "a bit of it is another": lambda data: data[:2000] + bytes([data[2000] ^ 1]) + data[2001:],
    "something was added behind it": lambda data: data + b"\n%%EOF\n",
    "it is no file at all": lambda _: b"%PDF-1.7",
}


@pytest.mark.parametrize("what", FALSE)
def test_a_file_that_was_altered_promises_nothing(kept: Kept, what: str) -> None:
    before = kept.files()
    [first] = kept.made_since((11,)).values()
    [key] = kept.files().keys() - before.keys()
    put_instead(kept.plant, key, FALSE[what](kept.files()[key]))

    assert kept.restored().kept == 0
    now = kept.replayed((11,))

    assert now[first["name"]]["number"] != first["number"]
    assert losing.told(kept.plant, first) is Status.UNKNOWN


BESIDE = {
    "a second edition": "shanghai-constructor/{uid}/002/certificate.pdf",
    "another format": "shanghai-constructor/{uid}/001/certificate.ofd",
    "another register": "gansu-constructor/{uid}/001/certificate.pdf",
    "a good file as a second edition": "shanghai-constructor/{uid}/003/certificate.pdf",
}


@pytest.mark.parametrize("what", BESIDE)
def test_a_good_certificate_beside_one_that_is_none_promises_nothing_either(
    kept: Kept, what: str
) -> None:
    before = kept.files()
    [first] = kept.made_since((11,)).values()
    [key] = kept.files().keys() - before.keys()
    data = kept.files()[key] if "good" in what else b"%PDF-1.7"
    put(kept.plant, BESIDE[what].format(uid=key.split("/")[1]), data)

    assert kept.restored().kept == 0
    now = kept.replayed((11,))

    assert now[first["name"]]["number"] != first["number"]
    assert losing.recheck(kept.plant).findings == []


def test_a_good_file_at_the_place_of_another_promises_nothing_to_either(kept: Kept) -> None:
    before = kept.files()
    since = kept.made_since((11, 12))
    one, two = sorted(kept.files().keys() - before.keys())
    files = kept.files()
    put_instead(kept.plant, one, files[two])
    put_instead(kept.plant, two, files[one])

    kept.restored()
    now = kept.replayed((11, 12))

    numbers = {said["number"] for said in since.values()}
    assert numbers.isdisjoint(now[name]["number"] for name in since)
    assert series.look(kept.plant, Scope()).findings == ()


def test_a_certificate_of_another_factory_promises_nothing(kept: Kept, tmp_path: Path) -> None:
    since = kept.made_since((11,))
    foreign = another_factory(kept.plant, tmp_path / "other")
    approve(foreign, 12)
    work(foreign)

    done = kept.restored()

    assert (len(done.beside.unknown), done.kept) == (2, 1)
    now = kept.replayed((11, 12))
    assert {name: now[name] for name in since} == since
    assert losing.recheck(kept.plant).findings == []


def another_factory(plant: Plant, folder: Path) -> Plant:
    """One with a ledger and keys of its own, that writes into the same store."""
    made = Plant(
        replace(
            plant.settings,
            data_dir=folder,
            keyring_dir=folder / "keyring",
            db_url=f"sqlite:///{folder / 'ledger.sqlite3'}",
        )
    )
    folder.mkdir()
    opening.make_test_keyring(made)
    migrate(made)
    opening.open_embedded(made)
    return made


# --- erased ---------------------------------------------------------------------------------------


def test_of_who_is_erased_afterwards_nothing_is_kept_and_no_file_is_left(kept: Kept) -> None:
    before = kept.files()
    kept.made_since((11,))
    submit(kept.plant, specimen.corrected(11))
    work(kept.plant)
    new = kept.files().keys() - before.keys()
    kept.restored()
    kept.replayed((11,))
    submit(kept.plant, specimen.cancelled(11))
    work(kept.plant)
    assert kept.lost_rows() == 1

    with kept.plant.ledger.read() as tx:
        holder: Any = tx.run(select(func.max(t.registration.c.holder_id))).scalar_one()
    done = erasing.erase(kept.plant, holder, who=WHO, ground=Ground.REQUEST, why="asked")

    assert not done.left
    assert kept.lost_rows() == 0
    assert kept.files().keys().isdisjoint(new)


def put_instead(plant: Plant, key: str, data: bytes) -> None:
    """Somebody who may write into the store puts another object there."""
    plant.store.delete(key)
    put(plant, key, data)


def put(plant: Plant, key: str, data: bytes) -> None:
    sha256, kind = hashlib.sha256(data).hexdigest(), "application/pdf"
    assert plant.store.put_new(Blob(key=key, data=data, content_type=kind, sha256=sha256))
