"""``make profile`` draws where the line spends its time."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_flame_graph_shows_the_line_and_not_what_came_before_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.profile", "--count", "600"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    graph = (tmp_path / "var" / "bench" / "line.svg").read_text("utf-8")

    assert graph.count("produce (jobs/line.py") > 1
    assert "take_over (" not in graph
