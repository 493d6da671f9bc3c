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


def test_what_cannot_be_written_leaves_what_was_kept(here: Path) -> None:
    kept.add({"events": 1})

    with pytest.raises(TypeError):
        kept.add({"lines": object()})

    assert json.loads((here / "var" / "bench" / "bench.json").read_text("utf-8")) == {"events": 1}
