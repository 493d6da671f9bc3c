"""Capacity: never faster than its slowest part, and as few workers as make it in time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.capacity import (
    Load,
    Machine,
    calibrated,
    deadline,
    lasts,
    limited,
    machines,
    needed,
    room,
)
from factory.errors import FieldError
from factory.estimate import Basis, Bottleneck, Pace
from factory.model import SHANGHAI

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # noon in China


def pace(least: float, usual: float, most: float) -> Pace:
    return Pace(least=least, usual=usual, most=most, basis=Basis.CALIBRATED, figures=3)


seconds = st.floats(0.0001, 10)
paces = st.lists(seconds, min_size=3, max_size=3).map(lambda three: pace(*sorted(three)))
SHARED = (Bottleneck.SIGNER, Bottleneck.STORE, Bottleneck.LEDGER, Bottleneck.PLANNER)
loads = st.builds(
    Load,
    worker=paces,
    processor=st.none() | paces,
    shared=st.dictionaries(st.sampled_from(SHARED), paces),
)
counts = st.integers(1, 10**6)
sites = st.builds(Machine, workers=st.integers(1, 64), cores=st.integers(1, 64))
TENTH = pace(0.05, 0.1, 0.2)


@given(counts, loads, sites)
def test_the_bounds_are_in_order_and_no_part_is_outrun(
    items: int, load: Load, site: Machine
) -> None:
    found = lasts(items, load, site)

    assert 0 < found.least <= found.usual <= found.most
    assert found.usual >= items * load.worker.usual / site.workers
    assert load.processor is None or found.usual >= items * load.processor.usual / site.cores
    assert all(found.usual >= items * each.usual for each in load.shared.values())


@given(counts, counts, loads, sites)
def test_more_items_take_no_less(one: int, other: int, load: Load, site: Machine) -> None:
    few, many = (lasts(items, load, site) for items in sorted((one, other)))

    assert (few.least, few.usual, few.most) <= (many.least, many.usual, many.most)


@given(counts, loads, sites)
def test_another_worker_never_slows_it(items: int, load: Load, site: Machine) -> None:
    more = Machine(workers=site.workers + 1, cores=site.cores)

    assert lasts(items, load, more).usual <= lasts(items, load, site).usual


@given(counts, loads, st.floats(1, 10**6))
def test_the_workers_needed_are_enough_and_one_less_is_not(
    items: int, load: Load, time: float
) -> None:
    found = needed(items, load, time)

    if found.usual is None:
        assert found.kept is not None
        assert found.safe is None
        return
    alone = items * load.worker.usual
    assert alone / found.usual <= time
    assert found.usual == 1 or alone / (found.usual - 1) > time
    assert all(items * each.usual <= time for each in load.shared.values())
    assert found.safe is None or found.safe >= found.usual


@given(counts, loads, sites)
def test_whatever_it_takes_the_workers_there_are_are_enough_for(
    items: int, load: Load, site: Machine
) -> None:
    found = needed(items, load, lasts(items, load, site).usual)

    assert found.usual is not None
    assert found.usual <= site.workers


@given(loads, st.integers(1, 64), st.integers(1, 1000))
def test_as_many_machines_as_there_must_be_and_no_more(
    load: Load, cores: int, workers: int
) -> None:
    count = machines(workers, load, cores)

    assert room(load, cores) >= 1
    assert count * room(load, cores) >= workers > (count - 1) * room(load, cores)


def test_twenty_thousand_by_six_in_the_evening() -> None:
    load = Load(worker=pace(0.8, 1.0, 1.5), processor=pace(0.4, 0.5, 0.8))

    found = needed(20_000, load, timedelta(hours=1).total_seconds())

    assert (found.usual, found.safe, found.kept) == (6, 9, None)
    assert machines(6, load, 2) == 2  # each feeds four


@pytest.mark.parametrize("what", SHARED)
def test_what_all_share_is_the_bottleneck_however_many_workers_there_are(what: Bottleneck) -> None:
    load = Load(worker=TENTH, shared={what: pace(0.5, 0.5, 0.5)})

    assert lasts(100, load, Machine(workers=50, cores=50)).bottleneck is what
    assert needed(100, load, 50).usual == 1
    short = needed(100, load, 49)
    assert (short.usual, short.safe, short.kept) == (None, None, what)


def test_the_processor_keeps_workers_that_are_too_many_for_it() -> None:
    load = Load(worker=TENTH, processor=TENTH)

    assert lasts(100, load, Machine(workers=2, cores=2)).usual == 5
    many = lasts(100, load, Machine(workers=8, cores=2))
    assert (many.usual, many.bottleneck) == (5, Bottleneck.PROCESSOR)


def test_a_limit_that_is_set_is_no_guess() -> None:
    found = limited(10, each=2)

    assert (found.least, found.usual, found.most, found.basis) == (0.2, 0.2, 0.2, Basis.SET)


@given(st.lists(seconds, min_size=1))
def test_a_calibration_says_more_than_it_has_seen(found: list[float]) -> None:
    told = calibrated(found)

    assert told.least < min(found) <= told.usual <= max(found) < told.most
    assert told.figures == len(found)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("18:00", "2026-11-21T18:00"),
        ("12:00", "2026-11-22T12:00"),
        ("9:30", "2026-11-22T09:30"),
        ("2026-11-23T08:00", "2026-11-23T08:00"),
        ("2026-11-23T00:00+00:00", "2026-11-23T08:00"),
    ],
)
def test_a_deadline_is_china_s_today_or_tomorrow(text: str, meant: str) -> None:
    assert deadline(text, NOW) == datetime.fromisoformat(meant).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize("text", ["", "24:00", "18:60", "soon", "2026-11-21T11:59", "6"])
def test_what_is_no_time_to_come_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="by"):
        deadline(text, NOW)
