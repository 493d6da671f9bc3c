"""Who asks to be alone is alone; everybody else may be many."""

import threading

from jobs.rooms import Rooms

SHORT, PATIENCE = 0.1, 10.0


def entering(rooms: Rooms, *, alone: bool) -> tuple[threading.Event, threading.Event]:
    """Somebody who enters and stays: (is inside, may leave)."""
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with rooms.enter(alone=alone):
            inside.set()
            leave.wait(PATIENCE)

    threading.Thread(target=stay).start()
    return inside, leave


def test_many_are_inside_at_once() -> None:
    rooms = Rooms()
    guests = [entering(rooms, alone=False) for _ in range(3)]

    assert all(inside.wait(PATIENCE) for inside, _ in guests)

    for _, leave in guests:
        leave.set()


def test_one_alone_waits_for_everybody_and_keeps_everybody_out() -> None:
    rooms = Rooms()
    first, first_leaves = entering(rooms, alone=False)
    assert first.wait(PATIENCE)

    single, single_leaves = entering(rooms, alone=True)
    assert not single.wait(SHORT)
    late, late_leaves = entering(rooms, alone=False)
    assert not late.wait(SHORT)  # or the one alone might wait for ever

    first_leaves.set()
    assert single.wait(PATIENCE)
    assert not late.wait(SHORT)
    other, other_leaves = entering(rooms, alone=True)
    assert not other.wait(SHORT)

    for leave in (single_leaves, other_leaves, late_leaves):
        leave.set()
    assert late.wait(PATIENCE)
    assert other.wait(PATIENCE)
