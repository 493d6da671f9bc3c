"""Handing out everything that is held on a person: whole, of nobody else, closed to others."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

import cli
from factory.errors import ConflictError, NotFoundError
from factory.retention import Ground
from jobs.personal import erasing, exporting
from jobs.personal.exporting import Exported
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import audit, personal

from .lives import REASON, REGISTER, WHO, WITH_SCANS, Life, factory, live

#: where sealed values are found
FOLDERS = {
    "events": "inbox.body",
    "facts": "fact.content",
    "orders": "production_order.face",
    "pictures": "picture.content",
}

pytestmark = pytest.mark.usefixtures("stated_signatures")


@pytest.fixture
def plant(tmp_path: Path, s3: Settings, fresh_bucket: str, db_url: str) -> Plant:
    return factory(tmp_path, s3, fresh_bucket, db_url)


def export(life: Life, path: Path) -> Exported:
    return exporting.export(life.plant, life.holder, path, who=WHO, why=REASON)


def entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


@pytest.mark.on_both
def test_everything_that_is_held_is_in_it(plant: Plant, tmp_path: Path) -> None:
    life, target = live(plant, 51).end(), tmp_path / "out.zip"

    done = export(life, target)

    assert target.stat().st_mode & 0o777 == 0o600
    found = entries(target)
    assert (len(found), json.loads(found["missing.json"])) == (done.entries, [])
    assert [each["number"] for each in told(found, "registrations")] == [life.number]
    [application] = told(found, "applications")
    assert application["acceptance_number"] == life.case.acceptance_number
    for each in told(found, "files"):
        assert hashlib.sha256(found[f"files/{each['object_key']}"]).hexdigest() == each["sha256"]
    with plant.ledger.read() as tx:
        sealed = personal.counts(tx, personal.of(tx, life.holder))
    for folder, place in FOLDERS.items():
        assert sum(name.startswith(f"{folder}/") for name in found) == sealed[place] > 0
    events = {json.loads(data)["id"] for name, data in found.items() if name.startswith("events/")}
    given = {each["id"] for each in life.events if "holder" in each["data"]}
    assert events == given - {each["id"] for each in life.events[-3:-1]}
    kinds = {each["object_kind"] for each in told(found, "audit")}
    assert {"registration", "edition", "event"} <= kinds
    assert told(found, "notices")
    assert life.case.holder["id_number"] in found[f"person-{life.holder}.json"].decode()
    assert f"holder-{life.holder}" in found["README.txt"].decode()


def told(found: dict[str, bytes], name: str) -> list[dict[str, Any]]:
    """Rows of that kind, as they are handed out."""
    rows: list[dict[str, Any]] = json.loads(found[f"{name}.json"])
    return rows


def test_every_table_that_points_to_a_person_is_in_it() -> None:
    """A new table about persons is handed out too, or said here not to be."""
    elsewhere = {
        "inbox", "fact", "picture", "holder", "holder_alias", "registration_event", "erasure",
        "chunk", "sealing",
    }  # fmt: skip
    about = {"holder", "registration", "application", "edition", "document", "production_order"}
    pointing = {
        table.name
        for table in t.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name in about
    }

    handed_out = {
        "registration", "former_number", "application", "edition", "document", "production_order",
        "file", "preparation", "batch_item", "expiry_warning",
    }  # fmt: skip
    assert pointing - elsewhere == handed_out


def test_nothing_of_anybody_else_is_in_it(plant: Plant, tmp_path: Path) -> None:
    """Not of a colleague in the same bulk event either."""
    one = live(plant, 52)
    other = live(plant, 53, beside=one)

    export(one, tmp_path / "out.zip")

    everything = b"".join(entries(tmp_path / "out.zip").values()).decode("utf-8", "replace")
    for secret in (other.case.holder["name"], other.case.holder["id_number"], other.number):
        assert secret not in everything
    assert one.number in everything


def test_scans_that_were_handed_in_are_in_it_and_a_missing_one_is_said(
    plant: Plant, tmp_path: Path
) -> None:
    life = live(plant, 54, WITH_SCANS)
    assert export(life, tmp_path / "whole.zip").missing == 0
    scans = [name for name in entries(tmp_path / "whole.zip") if name.startswith("scans/")]
    assert scans

    plant.intake_store.delete(scans[0].removeprefix("scans/"))

    assert export(life, tmp_path / "part.zip").missing == 1
    [missing] = json.loads(entries(tmp_path / "part.zip")["missing.json"])
    assert missing == {"key": scans[0].removeprefix("scans/"), "why": "not_found"}


def test_no_file_is_written_over(plant: Plant, tmp_path: Path) -> None:
    life, target = live(plant, 55), tmp_path / "out.zip"
    target.write_bytes(b"mine")

    with pytest.raises(ConflictError, match="is there already"):
        export(life, target)
    with pytest.raises(NotFoundError):
        export(life, tmp_path / "nowhere" / "out.zip")

    assert target.read_bytes() == b"mine"
    assert handed_out(plant, life) == []


def handed_out(plant: Plant, life: Life) -> list[Any]:
    with plant.ledger.read() as tx:
        return [each for each in audit.of(tx, "holder", life.holder) if each.action == "handed out"]


def test_a_package_that_fails_leaves_nothing(plant: Plant, tmp_path: Path) -> None:
    life, target = live(plant, 56), tmp_path / "out.zip"
    with plant.ledger.write(WHO) as tx:
        c = t.fact.c
        first = tx.run(select(c.id).where(c.holder_id == life.holder).limit(1)).scalar_one()
        tx.run(t.fact.update().where(c.id == first).values(content=b"\x01" + bytes(60)))

    with pytest.raises(Exception, match=r"fact\.content"):
        export(life, target)

    assert not target.exists()
    assert handed_out(plant, life) == []


def test_of_an_erased_person_nothing_is_handed_out(plant: Plant, tmp_path: Path) -> None:
    life = live(plant, 57).end()
    erasing.erase(plant, life.holder, who=WHO, ground=Ground.REQUEST, why=REASON)

    with pytest.raises(ConflictError, match="信息已删除"):
        export(life, tmp_path / "out.zip")

    assert not (tmp_path / "out.zip").exists()


def test_the_commands(plant: Plant, tmp_path: Path) -> None:
    """By a number, by the row, by the paper; and nothing personal is said."""
    life = live(plant, 58)
    paper = tmp_path / "paper"
    paper.write_text(life.case.holder["id_number"])

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner(env=plant.settings.to_env()).invoke(cli.main, ("personal", *words))
        assert done.exit_code == code, done.output
        for secret in (life.case.holder["name"], life.case.holder["id_number"]):
            assert secret not in done.output
        return done.output

    why = ("--reason", REASON)

    def with_paper(file: Path) -> tuple[str, ...]:
        return "--paper", str(file), "--profile", REGISTER

    by_paper = with_paper(paper)
    for place, who in enumerate(
        ((life.number,), (life.case.acceptance_number,), (f"holder-{life.holder}",))
    ):
        run("export", *who, str(tmp_path / f"{place}.zip"), *why)
    run("export", str(tmp_path / "paper.zip"), *by_paper, *why)
    assert len(list(tmp_path.glob("*.zip"))) == 4
    garbled = tmp_path / "garbled"
    garbled.write_bytes(life.case.holder["id_number"].encode("utf-16"))
    assert "is not UTF-8 text" in run("erase", *with_paper(garbled), *why, code=2)
    assert "in force" in run("erase", life.number, *why, code=5)
    assert "in force" in run("erase", *by_paper, "--dry-run", code=5)
    run("rekey", life.number, *why)
    run("erase", "holder-999999", *why, code=4)
    run("erase", "W2020010330999", *why, code=4)
    run("erase", life.number, code=2)
    run("erase", *why, code=2)
    run("erase", life.number, *by_paper, *why, code=2)
    run("erase", "--paper", str(paper), *why, code=2)
    assert "nobody" in run("erase", "--due")
    life.end()
    assert "would be erased" in run("erase", life.number, "--dry-run")
    told = json.loads(run("erase", *by_paper, *why, "--json"))
    assert told[0]["left"] == {}
    assert json.loads(run("erase", life.number, *why, "--json")) == told
    run("erase", *by_paper, *why, code=4)
