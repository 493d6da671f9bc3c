"""Many drills: what is left to do, and what came of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jobs.drill import campaign
from jobs.drill.campaign import FILE, SERVER


def line(seed: int, **more: Any) -> dict[str, Any]:
    said = {"seed": seed, "shape": campaign.shape_of(seed), "seconds": 30.0, "files": 40}
    return said | {"faults": {"clock steps": 2}, "broken": {}} | more


def test_a_fifth_is_on_postgresql() -> None:
    shapes = [campaign.shape_of(seed) for seed in range(1, 1001)]

    assert (shapes.count(SERVER), shapes.count(FILE)) == (200, 800)


def test_what_the_log_has_is_not_done_again(tmp_path: Path) -> None:
    left = campaign.turns([line(1), line(5), line(7)], 10, 9.0, tmp_path)

    assert sorted(seed for turn in left for seed in turn.seeds) == [2, 3, 4, 6, 8, 9, 10]
    assert {turn.shape for turn in left if 10 in turn.seeds} == {SERVER}


def test_a_line_that_was_being_written_is_none(tmp_path: Path) -> None:
    log = tmp_path / "drills.log"
    log.write_text(json.dumps(line(1)) + "\n" + json.dumps(line(2))[:20])

    assert [each["seed"] for each in campaign.read(log)] == [1]


@pytest.mark.parametrize("minutes", ["nan", "inf", "0"])
def test_minutes_that_never_end_are_wrong_usage(tmp_path: Path, minutes: str) -> None:
    words = [str(tmp_path / "drills.log"), "--table", "--minutes"]

    assert CliRunner().invoke(campaign.main, [*words, minutes]).exit_code == 2
    assert CliRunner().invoke(campaign.main, [*words, "0.1"]).exit_code == 0


def test_the_table_has_a_row_for_each_fault_and_names_the_seed_that_broke_a_promise() -> None:
    said = list(
        campaign.summary(
            [line(1), line(5, broken={"I3": "event 7"}), line(6, faults={"store killed": 1})]
        )
    )

    assert "| clock steps | 4 | 2 | 1 |" in said
    assert "| store killed | 1 | 1 | 0 |" in said
    assert any("every promise kept in 2" in each for each in said)
    assert said[-1].startswith("seed 5 (PostgreSQL):") and "event 7" in said[-1]
