"""The measurement itself works; what it measures is printed by ``make bench``."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from pypdf import PdfReader

from bench.bulk_run import SPARE
from bench.line import FIRST_WARM_SEED as FIRST
from factory import specimen, verify

ROOT = Path(__file__).parents[2]
ROUNDED = 0.05  #: two decimals of a rate far below one a second, on a machine that is busy
STAFF = 10
ONE_EACH = {"FACTORY_INTERACTIVE_WORKERS": "1", "FACTORY_BULK_WORKERS": "1"}
STAGES = {"claim", "draw", "sign", "stamp", "check", "store", "record"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a small run was made, its answer in ``printed``."""
    folder = tmp_path_factory.mktemp("bench")
    sizes = ("--approvals", "6", "--rename", "4", "--rounds", "1", "--naive", "3")
    sizes += ("--small", "4", "--large", "30", "--staff", str(STAFF))
    done = subprocess.run(
        [sys.executable, "-m", "bench.line", "--json", *sizes],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), **ONE_EACH},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (folder / "printed").write_text(done.stdout, encoding="utf-8")
    assert done.stderr == "", "progress is for terminals"
    return folder


@pytest.fixture(scope="module")
def result(place: Path) -> Any:
    """What the run says."""
    return json.loads((place / "var" / "bench" / "bench.json").read_text("utf-8"))["events"]


def test_what_is_printed_is_what_is_kept(place: Path, result: Any) -> None:
    assert json.loads((place / "printed").read_text("utf-8")) == result


def test_the_line_is_measured_for_approvals_and_for_renames(result: Any) -> None:
    counts = {line["name"]: (line["count"], line["times"]) for line in result["lines"]}
    assert counts == {"line_p256": (6, 1), "rename_first_p256": (4, 1), "rename_p256": (4, 1)}


def test_ofd_is_measured_beside_its_limit_and_the_naive_way(result: Any) -> None:
    ofd = result["ofd"]

    assert set(ofd["stages_ms"]) == {"draw", "sign", "finish", "check"}
    assert set(ofd["operation_ms"]) == {"gmssl", "libcrypto"}
    assert ofd["cpu_ms"] > min(ofd["operation_ms"].values())
    assert ofd["ratio"] == pytest.approx(ofd["naive_ms"] / ofd["cpu_ms"], rel=ROUNDED)


def test_every_ratio_is_to_the_naive_way_of_the_same_run(result: Any) -> None:
    naive = result["naive"]
    for line in result["lines"]:
        assert line["naive_ms"] == naive["cpu_ms"]
        assert line["ratio"] == pytest.approx(naive["cpu_ms"] / line["cpu_ms"], rel=ROUNDED)
        assert line["rate_ratio"] == pytest.approx(line["per_s"] / naive["per_s"], rel=ROUNDED)


def test_stages_cost_something_and_less_than_the_whole(result: Any) -> None:
    for line in result["lines"]:
        stages = result["stages"][line["name"]]
        assert stages.keys() == STAGES
        assert 0 < stages["draw"]["cpu_ms"] < line["cpu_ms"]
    assert 0 < result["naive"]["lean_cpu_ms"] < result["naive"]["cpu_ms"]


def test_bulk_events_are_measured_to_the_last_certificate(result: Any) -> None:
    bulk = result["bulk"]
    assert [firm["formats"] for firm in bulk["firms"]] == [["pdf"], ["ofd", "pdf"]]
    assert all(STAFF <= firm["count"] <= STAFF + SPARE for firm in bulk["firms"])
    assert bulk["renames"]["count"] == 4
    assert bulk["renames"]["least_s"] <= bulk["renames"]["p99_s"] <= bulk["renames"]["most_s"]
    assert 0 < bulk["large"]["count"] <= 30
    assert bulk["large"]["naive_ms"] == result["naive"]["cpu_ms"]


def test_the_naive_way_makes_a_sealed_page_with_the_same_words(place: Path) -> None:
    folder = place / "var" / "bench"
    home = folder / "data" / "keyring" / "identities" / "shanghai-constructor"
    certificate = x509.load_pem_x509_certificate((home / "signing.pem").read_bytes())
    sample = (folder / "naive" / "sample.pdf").read_bytes()

    verify.self_check(sample, certificate)
    words = PdfReader(BytesIO(sample)).pages[0].extract_text()
    holder, employer = specimen.holder(FIRST), specimen.employer(FIRST)
    assert holder["name"] in words
    assert employer["name"] in words
