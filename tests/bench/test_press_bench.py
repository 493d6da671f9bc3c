"""Presses, lines, the machine and scale are measured; what comes out ``make bench`` prints."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
ROUNDED = 0.02  #: figures have a few decimals
PRESSES = ("pdf_rsa2048_press", "pdf_p256_press", "pdf_rsa2048_twin", "pdf_p256_twin")
OFD = ("ofd_sm2_press",)
LINES = ("line_p256", "line_ofd_sm2")
REST = ("machine_p256", "press_2p", "scale_1k", "scale_100k")
SIGNERS = ("signer_p256", "signer_sm2")
STAMPED = ("pdf_p256_stamped", "ofd_sm2_stamped")
ALL = (*PRESSES, *OFD, *SIGNERS, *STAMPED, *LINES, *REST)
FIGURES = {"name", "cpu_ms", "per_s", "limit_ms", "naive_ms", "tuned_ms"}
STAGES = {"claim", "draw", "sign", "stamp", "check", "store", "record", "rest"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a small run was made, its answer in ``printed``."""
    folder = tmp_path_factory.mktemp("bench")
    only = [word for name in ALL for word in ("--only", name)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.press", "--quick", "--json", *only],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stderr == "", "progress is for terminals"
    (folder / "printed").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def result(place: Path) -> Any:
    """What the run says."""
    return json.loads((place / "var" / "bench" / "bench.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def lines(result: Any) -> dict[str, Any]:
    """Its lines by name."""
    return {line["name"]: line for line in result["lines"]}


def test_what_is_printed_is_what_is_kept(place: Path, result: Any) -> None:
    assert json.loads((place / "printed").read_text("utf-8")) == result


def test_every_line_says_what_it_costs_and_what_it_cannot_cost_less_than(result: Any) -> None:
    assert [line["name"] for line in result["lines"]] == list(ALL)
    for line in result["lines"]:
        assert line.keys() >= FIGURES
        assert min(line["limit_ms"], line["cpu_ms"]) > 0  # measured apart, on a machine in use
        assert line["per_s"] > 0


def test_a_press_is_cheaper_than_the_tuned_way_and_that_than_the_naive(
    lines: dict[str, Any],
) -> None:
    for name in (*PRESSES, "line_p256"):
        assert lines[name]["cpu_ms"] < lines[name]["tuned_ms"] < lines[name]["naive_ms"]
    assert lines["ofd_sm2_press"]["tuned_ms"] == lines["ofd_sm2_press"]["reference_ms"]


def test_presses_make_what_they_are_measured_for_themselves(lines: dict[str, Any]) -> None:
    for name in (*PRESSES, *OFD, "scale_1k", "scale_100k"):
        assert lines[name]["count"] > 0
        assert lines[name]["by_reference"] == 0


def test_what_it_costs_that_another_process_holds_the_key_is_told(lines: dict[str, Any]) -> None:
    for name in SIGNERS:
        line = lines[name]
        assert line["asker_ms"] + line["holder_ms"] == pytest.approx(line["cpu_ms"], abs=0.001)
        above = line["cpu_ms"] - line["limit_ms"]
        assert line["above_ms"] == pytest.approx(above, abs=0.001)
        assert 20 < line["signer_mb"] < 100


def test_what_a_time_stamp_costs_is_told_beside_a_document_without(lines: dict[str, Any]) -> None:
    for name in STAMPED:
        line = lines[name]
        assert line["plain_ms"] + line["stamp_ms"] == pytest.approx(line["cpu_ms"], abs=0.001)
        assert line["stamp_ms"] > 0 and line["authority_ms"] > 0
        assert 800 < line["token_bytes"] < 4000


def test_stages_are_shares_of_the_whole(lines: dict[str, Any]) -> None:
    for name in LINES:
        line = lines[name]
        assert line["stages_ms"].keys() == line["shares"].keys() == STAGES
        assert sum(line["stages_ms"].values()) == pytest.approx(line["cpu_ms"], rel=ROUNDED)
        assert sum(line["shares"].values()) == pytest.approx(1, rel=ROUNDED)


def test_the_servers_share_of_the_machine_is_named(lines: dict[str, Any]) -> None:
    machine = lines["machine_p256"]

    assert machine["roles_ms"]["workers"] > 0
    assert sum(machine["roles_ms"].values()) == pytest.approx(machine["cpu_ms"], rel=ROUNDED)
    share = machine["roles_ms"]["s3"] / machine["cpu_ms"]
    assert machine["s3_share"] == pytest.approx(share, abs=ROUNDED)


def test_scale_is_told_beside_a_thousand(lines: dict[str, Any]) -> None:
    few, many, both = lines["scale_1k"], lines["scale_100k"], lines["press_2p"]

    assert few["count"] < many["count"]
    assert many["cost_ratio"] == pytest.approx(many["cpu_ms"] / few["cpu_ms"], rel=ROUNDED)
    assert both["rate_ratio"] == pytest.approx(both["per_s"] / both["one_per_s"], rel=ROUNDED)


def test_targets_are_judged_by_the_figures_that_stand_beside_them(
    result: Any, lines: dict[str, Any]
) -> None:
    [ratio] = (
        each
        for each in result["targets"]
        if (each["line"], each["what"]) == ("pdf_p256_press", "tuned / CPU")
    )
    line = lines["pdf_p256_press"]

    assert ratio["reached"] == pytest.approx(line["tuned_ms"] / line["cpu_ms"], rel=ROUNDED)
    assert ratio["ok"] is (ratio["reached"] >= ratio["target"])


def test_bars_are_drawn_for_every_line(place: Path) -> None:
    with Image.open(place / "var" / "bench" / "bench.png") as chart:
        width, height = chart.size

    assert width > 1000
    assert height > 60 * len(ALL)
