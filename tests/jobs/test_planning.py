"""How long so many certificates take: by what was made lately, or by some made to measure."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

import cli
from factory.errors import ConflictError, FieldError, NotFoundError
from factory.estimate import Basis, Bottleneck
from factory.model import BatchId, Format
from jobs import capacity
from jobs.bulk import confirming
from jobs.capacity import Asked, Plan
from jobs.metrics import STAGES
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from tests.plants import (
    PROFILE,
    WHO,
    issue,
    new_plant,
    run_batch,
    skip_canary,
    start_rename,
    stored,
)

OK, REFUSED, USAGE, NOT_FOUND, CONFLICT = 0, 1, 2, 4, 5
ENGINEERS = "shanghai-cost-engineer"


class Silent:
    """A watch nobody looks at."""

    def begin(self, what: str, rows: int | None) -> None:
        pass

    def advance(self, rows: int) -> None:
        pass


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url, bulk_workers=2)


def planned(plant: Plant, items: int = 1000, **asked: Any) -> Plan:
    given = {"profile": PROFILE, "sample": 30} | asked
    return capacity.plan(plant, Asked(items=items, **given), watch=Silent())


def run(plant: Plant, *words: str) -> Result:
    given = ("plan", "--profile", PROFILE, *words)
    return CliRunner(env=plant.settings.to_env()).invoke(cli.main, given)


def renamed(plant: Plant, event: int = 1) -> BatchId:
    """A rename of those that were issued, confirmed."""
    batch = start_rename(plant, event=event)
    confirming.confirm(plant, batch, who=WHO, why="measured")
    skip_canary(plant, batch)
    return batch


@pytest.fixture
def worked(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """One that has made a bulk event lately, where a few certificates are as good as many."""
    monkeypatch.setattr(capacity, "LEAST_LATELY", 1)
    for seed in range(1, 4):
        issue(plant, seed)
    run_batch(plant, renamed(plant))
    return plant


# --- by what was made lately ------------------------------------------------------------------


@pytest.mark.on_both
def test_bulk_events_of_these_days_tell(worked: Plant) -> None:
    found = planned(worked)

    assert (found.basis, found.certificates, found.stages) == (Basis.MEASURED, None, {})
    assert 0 < found.least <= found.usual <= found.most
    assert found.bottleneck is Bottleneck.WORKERS
    assert [each.what for each in found.stations] == [Bottleneck.WORKERS]
    assert planned(worked, 2000).usual == pytest.approx(2 * found.usual)


def test_a_handful_of_certificates_tells_nothing_of_thousands(
    worked: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()

    assert planned(worked).basis is Basis.CALIBRATED


@pytest.mark.on_both
def test_what_is_open_already_counts(worked: Plant) -> None:
    before = planned(worked)
    with worked.ledger.write(WHO) as tx:
        tx.run(t.batch_item.update().values(state="pending"))
        tx.run(t.batch.update().values(state="running"))

    found = planned(worked)

    assert (before.ahead, found.ahead) == (0, 3)
    assert found.usual == pytest.approx(before.usual * 1003 / 1000)


def test_a_signer_that_is_limited_sets_the_pace(worked: Plant, tmp_path: Path) -> None:
    slow = Plant(Settings.from_env(worked.settings.to_env() | {"FACTORY_SIGNER_PER_SECOND": "1"}))

    found = planned(slow, 100_000, by="2100-01-01")

    assert (found.usual, found.bottleneck) == (100_000, Bottleneck.SIGNER)
    near = found.now + timedelta(hours=1)
    short = planned(slow, 100_000, by=near.isoformat()).in_time
    assert short is not None
    assert (short.workers, short.kept) == (None, Bottleneck.SIGNER)


def test_half_the_time_needs_twice_the_workers(worked: Plant) -> None:
    found = planned(worked, 10_000_000, workers=1)
    half = (found.now + timedelta(seconds=found.usual / 2)).isoformat()

    told = planned(worked, 10_000_000, workers=1, by=half).in_time

    assert told is not None
    assert told.workers in {2, 3}  # a little time has passed since
    assert not told.is_enough


def test_workers_that_were_never_seen_at_work_here_are_not_counted(worked: Plant) -> None:
    some, many = planned(worked, workers=500), planned(worked, workers=1000)

    assert some.workers == many.workers == max(some.cores, worked.settings.bulk_workers)
    assert some.usual == many.usual


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"profile": "nowhere"}, NotFoundError),
        ({"formats": (Format.OFD,)}, ConflictError),
        ({"by": "2020-01-01"}, FieldError),
        ({"by": "soon"}, FieldError),
    ],
)
def test_what_cannot_be_planned_is_refused(
    plant: Plant, asked: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        planned(plant, **asked)


def test_without_a_register_one_of_these_formats_is_taken(worked: Plant) -> None:
    found = planned(worked, profile=None, formats=(Format.PDF,))

    assert found.formats == (Format.PDF,)


# --- by some made to measure ------------------------------------------------------------------


def rows(plant: Plant) -> dict[str, int]:
    names = ("inbox", "edition", "registration", "number_series", "batch", "chunk", "file", "audit")
    with plant.ledger.read() as tx:
        return {
            name: tx.run(select(func.count()).select_from(t.metadata.tables[name])).scalar_one()
            for name in names
        }


def test_where_nothing_was_made_some_are_and_nothing_of_them_stays(plant: Plant) -> None:
    before = rows(plant)

    found = planned(plant, by="2100-01-01")

    assert rows(plant) == before
    assert list(Path(tempfile.gettempdir()).glob("factory-calibration-*")) == []
    assert found.basis is Basis.CALIBRATED
    assert found.certificates is not None
    assert found.certificates >= 20
    assert 0 < found.least < found.usual < found.most
    assert {each.what for each in found.stations} == {
        Bottleneck.WORKERS, Bottleneck.PROCESSOR, Bottleneck.PLANNER, Bottleneck.STORE,
        Bottleneck.LEDGER,
    }  # fmt: skip
    assert set(found.stages) == set(STAGES)
    assert 0.5 < sum(found.stages.values()) <= 1
    assert found.store == "the calibration's"
    slowest = min(found.stations, key=lambda each: each.a_second)
    assert found.bottleneck is slowest.what
    assert found.usual == pytest.approx(1000 / slowest.a_second)


def test_the_store_there_is_is_measured_and_left_as_it_was(
    tmp_path: Path, sqlite_db_url: str, s3: Settings, fresh_bucket: str
) -> None:
    plant = new_plant(tmp_path, sqlite_db_url, **stored(s3), s3_bucket=fresh_bucket)

    found = planned(plant)

    assert found.store == "the factory's"
    assert list(plant.store.list()) == []


def test_measuring_can_be_asked_for(worked: Plant) -> None:
    assert planned(worked, anew=True).basis is Basis.CALIBRATED


def test_ofd_is_measured_with_its_second_reading(tmp_path: Path, sqlite_db_url: str) -> None:
    plant = new_plant(tmp_path, sqlite_db_url)

    found = planned(plant, profile=ENGINEERS, anew=True)

    assert found.profile == ENGINEERS
    assert found.certificates


# --- the command ------------------------------------------------------------------------------


def test_table_and_json_say_the_same(worked: Plant) -> None:
    said: Any = json.loads(run(worked, "--items", "1000", "--by", "2100-01-01", "--json").stdout)
    shown = run(worked, "--items", "1000", "--by", "2100-01-01").stdout

    assert said["items"] == 1000
    assert said["basis"] == "measured"
    assert said["in_time"]["workers"] == 1
    assert said["now"] < said["done"]["least"] <= said["done"]["usual"] <= said["done"]["most"]
    assert "1,000 certificates of shanghai-constructor (pdf)" in shown
    assert "needs 1 worker" in shown
    assert "last seven days" in shown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--items 0", USAGE),
        ("", USAGE),
        ("--items 1 --profile nowhere", NOT_FOUND),
        ("--items 1 --format ofd", CONFLICT),
        ("--items 1 --by yesterday", REFUSED),
        ("--items 1 --format doc", USAGE),
    ],
)
def test_what_cannot_be_asked_exits_with_its_code(plant: Plant, words: str, code: int) -> None:
    assert run(plant, *words.split()).exit_code == code
