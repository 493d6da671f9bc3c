"""What became of certificates, by register, month and reason: counted, as CSV, as a picture."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sqlalchemy import update

import cli
from factory import specimen
from factory.errors import FieldError, LintError, NotFoundError
from factory.figures import Figure, Month, What
from jobs import desk
from jobs.bulk import confirming
from jobs.figures import statistics
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import figures as ledger
from tests.plants import (
    PROFILE,
    WHO,
    approve,
    finish,
    hold,
    issue,
    must_claim,
    new_plant,
    open_chunks,
    run_batch,
    skip_canary,
    start_rename,
    submit,
)

pytestmark = pytest.mark.on_both  # statements that nothing else sends
NOVEMBER, OCTOBER = Month(2026, 11), Month(2026, 10)
OK, REFUSED, USAGE, NOT_FOUND = 0, 1, 2, 4


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


def now_month(plant: Plant) -> Month:
    with plant.ledger.read() as tx:
        return Month.of(plant.today(tx))


def counted(plant: Plant) -> dict[tuple[str, str], int]:
    """What happened this month, by what and why."""
    found = statistics(plant)
    assert {(each.profile, each.month) for each in found.figures} <= {
        (PROFILE, str(now_month(plant)))
    }
    return {(each.what.value, each.reason): each.count for each in found.figures}


def run(plant: Plant, *words: str) -> Result:
    return CliRunner(env=plant.settings.to_env()).invoke(cli.main, ["stats", *words])


def test_nothing_is_counted_where_nothing_happened(plant: Plant) -> None:
    assert statistics(plant).figures == ()
    assert "nothing happened" in run(plant).stdout


def test_what_was_made_is_counted_by_what_was_applied_for(plant: Plant) -> None:
    issue(plant, 1)
    issue(plant, 2)
    approve(plant, 3)  # ordered, not made

    assert counted(plant) == {("issued", "initial"): 2}


def test_a_rename_and_a_correction_are_reissues_each_for_its_reason(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="counted")
    skip_canary(plant, batch)
    run_batch(plant, batch)
    submit(plant, specimen.corrected(1))
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))

    found = counted(plant)

    assert found["issued", "initial"] == 1
    assert found["reissued", "enterprise.renamed"] == 1
    assert found["reissued", "holder.corrected"] == 1


def test_collecting_and_cancelling_are_counted_once(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    desk.collect(plant, number, who=WHO)
    submit(plant, specimen.cancelled(1))

    found = counted(plant)

    assert (found["collected", ""], found["revoked", ""]) == (1, 1)


def test_what_took_the_place_of_a_collected_one_was_not_collected_again(plant: Plant) -> None:
    desk.collect(plant, issue(plant, 1), who=WHO)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="counted")
    skip_canary(plant, batch)
    run_batch(plant, batch)

    assert counted(plant)["collected", ""] == 1


def test_what_was_held_is_counted_by_its_reason(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    hold(plant, must_claim(plant, chunk), LintError("too long"))

    assert counted(plant) == {("held", "lint"): 1}


def of_month(plant: Plant, month: Month, today: datetime) -> list[Figure]:
    with plant.ledger.read() as tx:
        return ledger.of_month(tx, month, today=today.date())


def test_an_instant_counts_in_its_month_in_china(plant: Plant) -> None:
    issue(plant, 1)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.edition).values(made_at=NOVEMBER.begins))
    today = datetime(2026, 11, 20, tzinfo=UTC)

    assert [each.month for each in of_month(plant, NOVEMBER, today)] == ["2026-11"]
    assert of_month(plant, OCTOBER, today) == []
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.edition).values(made_at=NOVEMBER.begins - timedelta(microseconds=1)))
    assert of_month(plant, NOVEMBER, today) == []
    assert [each.month for each in of_month(plant, OCTOBER, today)] == ["2026-10"]


def test_a_certificate_has_expired_the_day_after_its_last(plant: Plant) -> None:
    issue(plant, 1)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.edition).values(valid_until="2026-11-20"))

    def expired(day: int) -> int:
        found = of_month(plant, NOVEMBER, datetime(2026, 11, day, tzinfo=UTC))
        return sum(each.count for each in found if each.what is What.EXPIRED)

    assert (expired(20), expired(21)) == (0, 1)


def test_what_another_one_has_replaced_does_not_expire(plant: Plant) -> None:
    issue(plant, 1)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.edition).values(valid_until="2026-11-02", state="superseded"))

    found = of_month(plant, NOVEMBER, datetime(2026, 11, 21, tzinfo=UTC))

    assert What.EXPIRED not in {each.what for each in found}


def test_one_register_alone_can_be_asked_about(plant: Plant) -> None:
    issue(plant, 1)

    assert statistics(plant, profile=PROFILE).figures
    assert statistics(plant, profile="gansu-constructor").figures == ()
    with pytest.raises(NotFoundError, match="nowhere"):
        statistics(plant, profile="nowhere")


def test_months_the_wrong_way_round_are_refused(plant: Plant) -> None:
    with pytest.raises(FieldError, match="2026-11 to 2026-10"):
        statistics(plant, first=NOVEMBER, last=OCTOBER)


# --- the command ------------------------------------------------------------------------------


def test_table_json_and_csv_say_the_same(plant: Plant, tmp_path: Path) -> None:
    issue(plant, 1)
    file = tmp_path / "figures.csv"

    shown: Any = json.loads(run(plant, "--json", "--csv", str(file)).stdout)
    piped = run(plant, "--csv", "-").stdout

    month = str(now_month(plant))
    assert shown["last"] == month
    assert shown["figures"] == [
        {"profile": PROFILE, "month": month, "what": "issued", "reason": "initial", "count": 1}
    ]
    assert file.read_bytes().decode() == piped.replace("\n", "\r\n").replace("\r\r", "\r")
    assert list(csv.reader(io.StringIO(piped))) == [
        ["profile", "month", "what", "reason", "count"],
        [PROFILE, month, "issued", "initial", "1"],
    ]
    table = run(plant).stdout
    assert "首次制证" in table
    assert "初始注册" in table


def test_nobodys_name_or_number_is_in_any_of_it(plant: Plant) -> None:
    number = issue(plant, 1)
    holder = specimen.approved(1)["data"]["holder"]

    said = run(plant).stdout + run(plant, "--json").stdout + run(plant, "--csv", "-").stdout

    for secret in (number, holder["name"], holder["id_number"]):
        assert secret not in said


def test_the_chart_is_a_picture_with_more_on_it_than_an_empty_one(
    plant: Plant, tmp_path: Path
) -> None:
    before, after = tmp_path / "before.png", tmp_path / "after.png"
    assert run(plant, "--chart", str(before)).exit_code == OK
    issue(plant, 1)

    assert run(plant, "--chart", str(after)).exit_code == OK

    blue = (0, 114, 178)
    counts = [
        sum(1 for pixel in Image.open(file).convert("RGB").get_flattened_data() if pixel == blue)
        for file in (before, after)
    ]
    assert counts[0] == 0
    assert counts[1] > 1000


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--from 2026-13", USAGE),
        ("--from 2026-11 --to 2026-10", REFUSED),
        ("--profile nowhere", NOT_FOUND),
        ("--json --csv -", USAGE),
        ("--csv /nowhere/at/all.csv", USAGE),
        ("--chart /nowhere/at/all.png", USAGE),
    ],
)
def test_what_cannot_be_exits_with_its_code(plant: Plant, words: str, code: int) -> None:
    assert run(plant, *words.split()).exit_code == code
