"""A worker killed at any stage of the line costs time and nothing else (I5)."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator

import pytest

from factory.model import Format
from jobs.drill.killer import ADVANCE, AFTER, BEFORE, INSIDE, Kill
from jobs.embedded import Embedded
from jobs.metrics import STAGES

from .works import Works, at_work, wait_for

APPROVALS, RENAMED = 6, 4
ELSEWHERE = 900  #: an enterprise that is never renamed
SEEDS = tuple(
    int(seed) for seed in os.environ.get("TEST_KILL_SEEDS", "1 2").split()
)  #: more of them find more
MOST_CALLS = 4000


@pytest.fixture(scope="module")
def works(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """One factory for all kills: its workers are killed and started again and again."""
    with at_work(servers, tmp_path_factory.mktemp("works"), TIME_STAMPS="on") as running:
        yield running


class Rounds:
    """Approvals and, at the same time, the rename of the last round's; again and again."""

    def __init__(self, works: Works) -> None:
        self.works, self.number = works, 0
        self._approve()
        works.settle()

    def run(self, *kills: Kill) -> None:
        """One round while the drills strike; every one must have struck."""
        batch = self.works.prepare_rename(self.number)
        self.number += 1
        files = [self.works.drill(f"kill-{place}", kill) for place, kill in enumerate(kills)]
        self.works.confirm(batch)
        self._approve()
        wait_for(lambda: not any(file.exists() for file in files), "every kill was taken")
        self.works.settle_and_check()
        assert self.works.files(Format.OFD) == 1 + 2 * self.number  # approved, and renamed

    def _approve(self) -> None:
        """Most of them at the enterprise that the next round renames."""
        first = self.number * APPROVALS
        middle, end = first + RENAMED, first + APPROVALS
        self.works.approve(range(first, middle), enterprise=self.number)
        self.works.approve_with_ofd([self.number + 1], enterprise=self.number)
        self.works.approve(range(middle, end), enterprise=ELSEWHERE)


@pytest.fixture(scope="module")
def rounds(works: Works) -> Rounds:
    """What each test does once."""
    return Rounds(works)


@pytest.mark.parametrize("stage", STAGES)
def test_kills_before_and_after_a_stage_change_nothing(rounds: Rounds, stage: str) -> None:
    before = rounds.works.restarts()

    rounds.run(
        Kill(queue="interactive", stage=stage, where=BEFORE),
        Kill(queue="bulk", stage=stage, where=AFTER),
    )

    assert rounds.works.restarts() >= before + 2


@pytest.mark.parametrize("seed", SEEDS)
def test_kills_anywhere_inside_a_stage_change_nothing(rounds: Rounds, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a choice to be repeated, not a secret

    rounds.run(
        *(
            Kill(
                queue=queue,
                stage=chance.choice(STAGES),
                where=INSIDE,
                call=int(MOST_CALLS ** chance.random()),
            )
            for queue in ("interactive", "bulk")
        )
    )


def test_a_master_that_does_not_notice_its_worker_s_death_is_replaced(rounds: Rounds) -> None:
    before, master = rounds.works.restarts(), rounds.works.pid("interactive-0")
    worker = rounds.works.worker_of("interactive-0")

    os.kill(master, signal.SIGSTOP)  # as one that waits for a lock that died with its worker
    os.kill(worker, signal.SIGKILL)

    wait_for(lambda: rounds.works.restarts() > before, "the master was replaced")
    rounds.run()


def test_kills_at_the_steps_of_a_batch_repeat_the_step(rounds: Rounds) -> None:
    rounds.run(
        Kill(queue="control", stage=ADVANCE, where=BEFORE),
        Kill(queue="control", stage=ADVANCE, where=INSIDE, call=900),
        Kill(queue="control", stage=ADVANCE, where=AFTER),
    )
