"""The measurement itself works; what it measures is printed by ``make bench``."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_small_run_measures_the_line_beside_the_naive_way(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.line", "--json"]
    sizes = ["--approvals", "12", "--rename", "6", "--naive", "2"]

    done = subprocess.run(
        [*command, *sizes],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )

    result = json.loads(done.stdout)
    counts = {line["name"]: line["count"] for line in result["lines"]}
    assert counts == {"line, approvals": 12, "line, rename": 6, "naive": 2}
    assert set(result["stages_cpu_ms"]) == {"claim", "draw", "sign", "check", "store", "record"}
    assert json.loads((tmp_path / "var" / "bench" / "bench.json").read_text("utf-8")) == result
