"""All measurements write into one file, each its own part."""

import json
from pathlib import Path

import pytest

from bench import kept


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_part_takes_the_place_of_its_former_self_and_leaves_the_others() -> None:
    kept.add({"lines": [1], "machine": "a"})
    kept.add({"door": 2})
    kept.add({"lines": [3], "machine": "b"})

    assert kept.read() == {"lines": [3], "machine": "b", "door": 2}


def test_nothing_of_an_earlier_run_is_left_when_all_is_measured_anew(here: Path) -> None:
    kept.add({"events": 1})
    kept.begin_anew()
    kept.add({"lines": []})

    assert json.loads((here / "var" / "bench" / "bench.json").read_text("utf-8")) == {"lines": []}
