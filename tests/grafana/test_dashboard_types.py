"""Dashboards are what Grafana's own types say a dashboard is; tsc judges, and refuses others."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.grafana.boards import DASHBOARDS

TYPES = Path(__file__).parent / "types"
INSTALLED = Path(sys.prefix) / "share" / "dashboard-types" / "node_modules"
OPTIONS = {
    "noEmit": True,
    "strict": True,
    "skipLibCheck": True,
    "module": "esnext",
    "moduleResolution": "bundler",
    "target": "es2022",
    "types": [],
}


@pytest.fixture
def judge(tmp_path: Path, absent: Callable[[str], None]) -> Callable[[Mapping[str, str]], str]:
    """What the compiler says of dashboards, by name; nothing if it finds no fault."""
    node = shutil.which("node")
    if node is None or not (INSTALLED / "typescript").exists():
        absent("TypeScript and Grafana's types: make setup-test")
    (tmp_path / "node_modules").symlink_to(INSTALLED)
    shutil.copy(TYPES / "shape.ts", tmp_path)
    config = {"compilerOptions": OPTIONS, "files": ["boards.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config), "utf-8")

    def said(texts: Mapping[str, str]) -> str:
        lines = ['import type { Board } from "./shape";', "export {};"]
        lines += [f"const {name}: Board = {text};" for name, text in texts.items()]
        (tmp_path / "boards.ts").write_text("\n".join(lines), "utf-8")
        tsc = INSTALLED / "typescript" / "lib" / "tsc.js"
        done = subprocess.run(
            [str(node), str(tsc), "--project", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == (not done.stdout), done.stderr
        return done.stdout

    return said


def texts() -> dict[str, str]:
    return {path.stem: path.read_text("utf-8") for path in DASHBOARDS}


def test_every_dashboard_is_one_of_grafanas(judge: Callable[[Mapping[str, str]], str]) -> None:
    assert judge(texts()) == ""


#: a text of the overview, and what stands there instead: one wrong key, word or type at each level
WRONG = {
    "a key of the dashboard": ('"graphTooltip":', '"graphTooltips":'),
    "a number that means nothing": ('"graphTooltip": 1', '"graphTooltip": 7'),
    "a type of panel": ('"type": "bargauge"', '"type": "bargage"'),
    "a place without width": ('"w": 3,', ""),
    "an option's word": ('"colorMode": "value"', '"colorMode": "figure"'),
    "an option's type": ('"showLegend": true', '"showLegend": "yes"'),
    "a way to draw": ('"drawStyle": "line"', '"drawStyle": "curve"'),
    "a key of a field": ('"noValue":', '"novalue":'),
    "a threshold's value": ('"value": 0.99', '"value": "0.99"'),
    "a mapping's type": ('"type": "value",', '"type": "values",'),
    "a query's format": ('"format": "table"', '"format": "tables"'),
    "a transformation": ('"renameByName"', '"renamedBy"'),
    "an override's property": ('"id": "color"', '"id": "colour"'),
}


def test_what_is_none_is_refused(judge: Callable[[Mapping[str, str]], str]) -> None:
    overview = texts()["overview"]
    spoilt = {}
    for place, (there, instead) in enumerate(WRONG.values()):
        assert there in overview, there
        spoilt[f"board{place}"] = overview.replace(there, instead, 1)

    said = judge(spoilt)

    assert refused(said, spoilt) == set(spoilt)


def refused(said: str, boards: Mapping[str, str]) -> set[str]:
    """Those in whose lines of the file the compiler found something."""
    at = {
        int(line.partition("(")[2].partition(",")[0]) for line in said.splitlines() if "(" in line
    }
    found, first = set(), 3
    for name, text in boards.items():
        last = first + text.count("\n")
        if any(first <= line <= last for line in at):
            found.add(name)
        first = last + 1
    return found
