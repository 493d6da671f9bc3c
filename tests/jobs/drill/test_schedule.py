"""What goes wrong in a drill, and when: a function of its seed."""

from hypothesis import given
from hypothesis import strategies as st

from factory.model import Queue
from jobs.drill.killer import ADVANCE
from jobs.drill.schedule import AT_A_STAGE, LONGEST_SECONDS, MEMBERS, Kind, drawn

SEEDS = st.integers(min_value=0, max_value=2**32)


@given(seed=SEEDS)
def test_the_same_seed_gives_the_same_faults(seed: int) -> None:
    assert drawn(seed, 60, with_database=True) == drawn(seed, 60, with_database=True)


@given(seed=SEEDS)
def test_faults_begin_one_after_the_other_within_the_time(seed: int) -> None:
    found = [fault.at for fault in drawn(seed, 30, with_database=True)]

    assert found == sorted(found)
    assert all(0 <= at < 30 for at in found)


@given(seed=SEEDS)
def test_nothing_stays_away_for_longer_than_work_is_tried_again(seed: int) -> None:
    assert all(0 <= fault.lasts <= LONGEST_SECONDS for fault in drawn(seed, 60, with_database=True))


def test_another_seed_gives_others() -> None:
    assert drawn(1, 60, with_database=True) != drawn(2, 60, with_database=True)


def test_every_kind_of_fault_comes_in_some_drill() -> None:
    found = {fault.kind for seed in range(50) for fault in drawn(seed, 30, with_database=True)}

    assert found == set(Kind)


def test_a_database_that_is_a_file_does_not_crash() -> None:
    found = {fault.kind for seed in range(50) for fault in drawn(seed, 30, with_database=False)}

    assert found == set(Kind) - {Kind.DATABASE_CRASHES}


@given(seed=SEEDS)
def test_a_fault_at_a_stage_strikes_a_queue_that_has_the_stage(seed: int) -> None:
    for fault in drawn(seed, 60, with_database=False):
        if fault.kind in AT_A_STAGE:
            assert (fault.target == Queue.CONTROL) is (fault.stage == ADVANCE)


@given(seed=SEEDS)
def test_a_fault_of_a_process_has_one_that_there_is(seed: int) -> None:
    for fault in drawn(seed, 60, with_database=False):
        if fault.kind in {Kind.KILL_MEMBER, Kind.SLEEP_MEMBER}:
            assert fault.target in MEMBERS
