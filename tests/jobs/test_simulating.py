"""A simulated register is written whole, and taken over without a refusal."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

import cli
from factory import simulation
from factory.events.takeover import Format, Origin
from factory.simulation import Pictures, Register
from jobs import importing, simulating
from jobs.settings import Settings
from jobs.wiring import Plant, load_profiles
from storage import tables as t
from storage.ledger import inbox
from tests.jobs.test_importing import Silent, counts
from tests.plants import NOW, SOURCE, WHO, new_plant, stored, submit

DAY = NOW.date()
PROFILES = sorted(load_profiles(None))
CONSTRUCTORS, ENGINEERS = "shanghai-constructor", "shanghai-cost-engineer"
OK, USAGE, NOT_FOUND, REFUSED = 0, 2, 4, 1


def register(size: int, name: str = CONSTRUCTORS, **other: Any) -> Register:
    rules = load_profiles(None)[name].on(DAY)
    return Register(**({"profile": rules, "size": size, "seed": 1, "day": DAY} | other))


def plant_for(folder: Path, db_url: str, **changes: Any) -> Plant:
    plant = new_plant(folder, db_url, **changes).on(DAY)
    with plant.ledger.write(WHO) as tx:
        for name in PROFILES:
            for source in (SOURCE, importing.SOURCE):
                inbox.grant(tx, source, name)
    return plant


def take(plant: Plant, file: Path, form: Format, profile: str | None = None) -> importing.Report:
    origin = Origin(format=form, source=importing.SOURCE, profile=profile)
    with file.open("rb") as stream:
        return importing.take_over(
            plant, stream, origin, Silent(), rows=0, keep=lambda raw: None, who=WHO
        )


def employed(plant: Plant, credit_code: str) -> int:
    """Registrations at an enterprise."""
    its = t.enterprise.c.id == t.registration.c.enterprise_id
    wanted = select(func.count()).select_from(t.registration).join(t.enterprise, its)
    with plant.ledger.read() as tx:
        found = tx.run(wanted.where(t.enterprise.c.credit_code == credit_code)).scalar_one()
    return int(found)


def simulate(folder: Path, *words: str) -> Result:
    env = {"FACTORY_DATA_DIR": str(folder / "data")}
    return CliRunner(env=env).invoke(cli.main, ["simulate", "register", *words])


# --- taken over -------------------------------------------------------------------------------


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("name", PROFILES)
def test_a_register_of_every_profile_is_taken_over_without_a_refusal(
    tmp_path: Path, sqlite_db_url: str, name: str
) -> None:
    plant, file = plant_for(tmp_path, sqlite_db_url), tmp_path / "register.jsonl"
    wanted = register(300, name, hard=True)
    shown = simulating.pictures(wanted, 20, None, Silent())
    simulating.write(wanted, shown, Format.JSONL, file, Silent())

    report = take(plant, file, Format.JSONL)

    assert counts(report) == {"accepted": 300}
    assert report.doubtful == 0


@pytest.mark.usefixtures("brief")
def test_the_largest_enterprise_of_it_can_be_renamed(tmp_path: Path, sqlite_db_url: str) -> None:
    plant, file = plant_for(tmp_path, sqlite_db_url), tmp_path / "register.jsonl"
    wanted = register(120, largest=40)
    simulating.write(wanted, Pictures(), Format.JSONL, file, Silent())
    take(plant, file, Format.JSONL)
    firm = simulation.company(wanted, 0)
    data = simulation.renaming(firm, DAY)

    outcome = submit(plant, {
        "specversion": "1.0", "source": SOURCE, "id": "rename", "type": "enterprise.renamed",
        "time": NOW.isoformat(), "datacontenttype": "application/json", "data": data,
    })  # fmt: skip

    assert outcome.batch is not None
    assert employed(plant, firm.credit_code) == firm.registrations == 40


@pytest.mark.usefixtures("brief")
def test_a_table_names_pictures_that_lie_in_the_intake_bucket(
    tmp_path: Path, sqlite_db_url: str, s3: Settings
) -> None:
    plant = plant_for(tmp_path, sqlite_db_url, **stored(s3))
    file, wanted = tmp_path / "register.csv", register(60)
    shown = simulating.pictures(wanted, 5, plant.intake_store, Silent())
    written = simulating.write(wanted, shown, Format.CSV, file, Silent())

    report = take(plant, file, Format.CSV, CONSTRUCTORS)

    assert written.stored
    assert counts(report) == {"accepted": 60}


def test_a_table_says_what_json_lines_say(tmp_path: Path, sqlite_db_url: str) -> None:
    """But for pictures, which stand in a table by their keys only."""
    plant, wanted = plant_for(tmp_path, sqlite_db_url), register(80)
    table, lines = tmp_path / "register.csv", tmp_path / "register.jsonl"
    simulating.write(wanted, Pictures(), Format.CSV, table, Silent())
    simulating.write(wanted, Pictures(), Format.JSONL, lines, Silent())

    first = take(plant, table, Format.CSV, CONSTRUCTORS)
    again = take(plant, lines, Format.JSONL)

    assert counts(first) == {"accepted": 80}
    assert counts(again) == {"duplicate": 80}


# --- the command ------------------------------------------------------------------------------


def test_the_same_options_give_the_same_bytes(tmp_path: Path) -> None:
    words = ("--size", "40", "--seed", "7", "--on", "2026-11-21", "--photos", "3", "--json")

    first = simulate(tmp_path, *words, "-o", str(tmp_path / "one.jsonl"))
    second = simulate(tmp_path, *words, "-o", str(tmp_path / "two.jsonl"))

    assert first.exit_code == second.exit_code == OK, first.output
    told, again = json.loads(first.stdout), json.loads(second.stdout)
    assert told["sha256"] == again["sha256"]
    assert (told["registrations"], told["photos"], told["stored"]) == (40, 3, False)
    assert told["largest"]["registrations"] == 2
    assert len((tmp_path / "one.jsonl").read_bytes().splitlines()) == 40


def test_cost_engineers_come_with_their_signatures(tmp_path: Path) -> None:
    file = tmp_path / "register.jsonl"
    done = simulate(tmp_path, "--size", "5", "--profile", ENGINEERS, "-o", str(file))

    assert done.exit_code == OK, done.output
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert all({"photo", "signature"} <= row.keys() for row in rows)


def test_a_file_is_written_over_only_where_asked(tmp_path: Path) -> None:
    file = tmp_path / "register.jsonl"
    file.write_text("mine")
    words = ("--size", "5", "-o", str(file))

    refused = simulate(tmp_path, *words)

    assert (refused.exit_code, file.read_text()) == (USAGE, "mine")
    assert "--force" in refused.stderr
    assert simulate(tmp_path, *words, "--force").exit_code == OK
    assert sorted(path.name for path in tmp_path.iterdir()) == ["register.jsonl"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--size", "5", "-o", "register.txt"], USAGE, "give --format"),
        (["--size", "5", "-o", "absent/register.jsonl"], USAGE, "there is no folder"),
        (["--size", "5", "-o", "r.jsonl", "--profile", "nowhere"], NOT_FOUND, "is not installed"),
        (["--size", "1000001", "-o", "r.jsonl"], REFUSED, "1 to 1000000"),
        (["--size", "5", "-o", "r.jsonl", "--largest", "6"], REFUSED, "largest"),
        (["--size", "5", "-o", "r.csv", "--profile", ENGINEERS], REFUSED, "write JSON Lines"),
    ],
)
def test_wrong_usage_of_simulate_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)

    done = simulate(tmp_path, *words)

    assert done.exit_code == code
    assert says in done.stderr.replace("\n", " ")
    assert list(tmp_path.glob("*r*.*")) == []


def test_the_day_is_todays_in_china_unless_given(tmp_path: Path) -> None:
    done = simulate(tmp_path, "--size", "2", "-o", str(tmp_path / "r.jsonl"), "--json")

    assert date.fromisoformat(json.loads(done.stdout)["day"]) >= date(2026, 1, 1)
