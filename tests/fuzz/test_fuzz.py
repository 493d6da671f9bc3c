"""What fuzzing has kept, run through the parsers again; and that a run would notice a fault.

Without libFuzzer: `python -m tests.fuzz` needs it, these tests do not, but for the last one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.errors import PackageError
from tests.fuzz import bounds, world
from tests.fuzz import targets as fuzzing
from tests.fuzz.mutations import ByDice
from tests.fuzz.targets import TARGETS, AcceptedError

EACH = int(os.environ.get("TEST_MUTATIONS", "200"))
MOST_KEPT_BYTES = 2_000_000
ROOT = Path(__file__).parents[2]
BOUNDED = """
from tests.fuzz import bounds, world
from tests.fuzz.targets import TARGETS
bounds.silence()
for name, target in TARGETS.items():
    for data in world.seeds(name)[:1]:
        target.run(data)
bounds.bound_memory()
for name, target in TARGETS.items():
    for path in world.kept(name):
        target.run(path.read_bytes())
print("all of them")
"""


@pytest.fixture(autouse=True)
def in_silence() -> Iterator[None]:
    """Readers of PDF have much to say of such files."""
    import logging
    import warnings

    with warnings.catch_warnings():
        bounds.silence()
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_kept_is_read_or_refused_within_the_time_there_is(name: str) -> None:
    files = world.kept(name)

    for path in files:
        bounds.timed(TARGETS[name].run, path.read_bytes())

    assert files


@pytest.mark.parametrize("name", TARGETS)
def test_good_files_are_read(name: str) -> None:
    assert world.seeds(name)
    for data in world.seeds(name):
        bounds.timed(TARGETS[name].run, data)


@pytest.mark.parametrize("target", ["pdf", "ofd"])
def test_good_files_are_good_in_the_world_that_was_kept(target: str) -> None:
    """Else nothing would be asked about what comes of them."""
    assert {world.judged(data).verdict for data in world.seeds(target)} <= fuzzing.GOOD


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EACH, suppress_health_check=list(HealthCheck), database=None)
@given(number=st.integers(min_value=0, max_value=2**32))
def test_what_becomes_of_good_files_is_read_or_refused(name: str, number: int) -> None:
    dice = Random(number)  # noqa: S311 - falls again from its number
    target, data = TARGETS[name], dice.choice(world.seeds(name))

    for _ in range(dice.randint(1, 3)):
        data = target.mutated(data, ByDice(dice))

    bounds.timed(target.run, data)


@pytest.mark.skipif(sys.platform != "linux", reason="address space is bounded by Linux")
def test_what_was_kept_takes_no_more_memory_than_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert done.stdout.strip() == "all of them", done.stderr[-1000:]


def test_what_is_kept_stays_small() -> None:
    sizes = [path.stat().st_size for path in world.HERE.rglob("*") if path.suffix != ".py"]

    assert sum(sizes) < MOST_KEPT_BYTES


# --- that a fault would be noticed


def test_a_parser_that_raises_what_is_not_ours_is_noticed() -> None:
    def broken(data: bytes) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError):
        bounds.timed(broken, b"")


def test_a_verifier_that_takes_everything_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    good = world.judged(world.seeds("ofd")[0])
    monkeypatch.setattr(world, "judged", lambda _: good)

    for name in ("pdf", "ofd"):
        altered = TARGETS[name].mutated(world.seeds(name)[0], ByDice(Random(2)))  # noqa: S311
        with pytest.raises((AcceptedError, PackageError)):
            TARGETS[name].run(altered)


def test_a_parser_that_takes_too_long_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SECONDS", 0)

    with pytest.raises(bounds.TooSlowError):
        bounds.timed(TARGETS["pdf"].run, world.seeds("pdf")[0])


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not here: make setup-test")
def test_a_planted_fault_ends_a_run_and_is_written_down(tmp_path: Path) -> None:
    """As a run has it: in a process of its own, found from good files alone."""
    program = (
        "import sys\nfrom tests.fuzz import child, targets\n"
        "def planted(data):\n    if b'specversion' not in data: raise KeyError('planted')\n"
        "known = targets.TARGETS['events']\n"
        "child.TARGETS = {'events': targets.Target(planted, known.mutated, known.most_bytes)}\n"
        f"options = ['-runs=20000', '-artifact_prefix={tmp_path}/', {str(seed(tmp_path))!r}]\n"
        "child.main('events', options)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
        errors="replace",
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip

    assert done.returncode != 0
    assert "planted" in done.stderr + done.stdout
    assert [path for path in tmp_path.iterdir() if path.name.startswith("crash-")]


def seed(folder: Path) -> Path:
    """A folder with one good event."""
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "good").write_bytes(world.seeds("events")[0])
    return corpus
