"""The HTTP interface is measured; what it measures is printed by ``make bench``."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROUNDED = 0.05  #: decimals of figures on a machine that is busy
SIZES = ("--requests", "12", "--batches", "1", "--connections", "1,3", "--naive", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the smallest run was made, its answer in ``printed``."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "bench.door", "--json", *SIZES],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (folder / "printed").write_text(done.stdout, encoding="utf-8")
    assert done.stderr == "", "progress is for terminals"
    return folder


@pytest.fixture(scope="module")
def result(place: Path) -> Any:
    """What the run says."""
    return json.loads((place / "var" / "bench" / "bench.json").read_text("utf-8"))["door"]


def test_what_is_printed_is_what_is_kept(place: Path, result: Any) -> None:
    assert json.loads((place / "printed").read_text("utf-8")) == result


def test_every_kind_of_request_is_measured_at_every_load(result: Any) -> None:
    kinds = ("livez", "read", "link", "submit", "submit_batch")
    found = [(load["name"], load["connections"], load["count"]) for load in result["loads"]]
    counts = {"submit_batch": 1}
    assert found == [(kind, width, counts.get(kind, 12)) for kind in kinds for width in (1, 3)]


def test_nothing_is_refused_and_no_wait_is_longer_than_the_longest(result: Any) -> None:
    for load in result["loads"]:
        assert load["errors"] == 0
        assert 0 < load["p50_ms"] <= load["p99_ms"]


def test_submits_are_told_beside_a_process_an_event(result: Any) -> None:
    naive = result["naive"]
    beside = {load["name"] for load in result["loads"] if "ratio" in load}

    assert beside == {"submit", "submit_batch"}
    (load,) = [e for e in result["loads"] if (e["name"], e["connections"]) == ("submit", 3)]
    assert load["ratio"] == pytest.approx(naive["cpu_ms"] / load["cpu_ms"], rel=ROUNDED)


def test_no_key_and_no_ledger_is_left_behind(place: Path) -> None:
    kept = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert kept == {"printed", "var/bench/bench.json"}
