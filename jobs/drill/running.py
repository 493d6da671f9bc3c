"""A drill from begin to end: the story under its faults, then quiet, then the evidence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from factory.errors import ConflictError, FactoryError, StoreUnavailableError, TransientError
from factory.model import BatchState
from jobs import desk
from jobs.bulk import steering
from jobs.drill import evidence, harm, schedule
from jobs.drill.evidence import Evidence
from jobs.drill.schedule import Fault
from jobs.drill.story import WHO, Story
from storage import tables as t
from storage.ledger import batches, status

if TYPE_CHECKING:
    from jobs.drill.place import Place
    from jobs.wiring import Plant

START_SECONDS = 120.0  #: which a loaded machine may take
QUIET_SECONDS = 60.0  #: within which all work must end once nothing is harmed any more
LOOK_SECONDS = 0.1
ROUNDS = 2  #: of letting go on what was held meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a drill did and found.

    taken:     events handed in, by outcome; files: how many were made.
    evidence:  one for each promise.
    seconds:   of the story, and until everything was looked at.
    struck:    how many questions and answers were done harm to, by whose.
    """

    seed: int
    faults: Sequence[Fault]
    taken: Mapping[str, int]
    restarts: int
    seconds: tuple[float, float]
    evidence: Sequence[Evidence]
    struck: Mapping[str, int]
    files: int

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return all(each.broken is None for each in self.evidence)


def run(
    place: Place, seed: int, seconds: float, *, tell: Callable[[str], None] = lambda _: None
) -> Report:
    """The drill of that seed; tell: hears of each fault as it begins."""
    faults = schedule.drawn(seed, seconds, with_database=place.crashable is not None)
    story = Story(place.plant, Random(seed))  # noqa: S311 - a choice to be repeated
    tell("the line starts")
    _starts(place.plant, story)
    begun = time.monotonic()
    with _going_on(story, lambda: time.monotonic() - begun >= seconds):
        for number, fault in enumerate(faults):
            time.sleep(max(0.0, begun + fault.at - time.monotonic()))
            tell(str(fault))
            harm.do(place, fault, f"fault-{number}")
    for each in place.drills.iterdir():
        each.unlink(missing_ok=True)
    told = time.monotonic() - begun
    tell("quiet: whatever is open must end")
    rested = _comes_to_rest(place.plant, story)
    found = [
        evidence.liveness(rested),
        *evidence.gathered(place.plant),
        evidence.answers_stand(place.plant, story.told.values()),
        evidence.checked_again(place.plant),
        evidence.nothing_in_clear(place, story.secrets),
    ]
    return Report(
        seed=seed,
        faults=faults,
        taken=dict(story.taken),
        restarts=sum(each.restarts for each in place.crew.members),
        seconds=(told, time.monotonic() - begun),
        evidence=sorted(found, key=lambda each: each.promise),
        struck=place.struck,
        files=_files(place.plant),
    )


def _starts(plant: Plant, story: Story) -> None:
    """Return when the first certificates are made: what is not at work cannot be disturbed.

    FactoryError: none are made.
    """
    story.begin()
    if not evidence.until(lambda: _is_at_rest(plant, story), START_SECONDS):
        raise FactoryError("the line of the drill does not start")


def _files(plant: Plant) -> int:
    with plant.ledger.read() as tx:
        return int(tx.run(select(func.count()).select_from(t.file)).scalar_one())


@contextmanager
def _going_on(story: Story, over: Callable[[], bool]) -> Iterator[None]:
    """The story, in a thread: servers live as long as the thread that started them.

    It is over at the end of the block, and at once where the block fails or is left.
    """
    failed: list[BaseException] = []
    left = threading.Event()

    def go_on() -> None:
        try:
            story.go_on_until(lambda: left.is_set() or over())
        except BaseException as error:  # told by the thread that waits for this one
            failed.append(error)

    thread = threading.Thread(target=go_on, name="story")
    thread.start()
    try:
        yield
    except BaseException:
        left.set()
        raise
    finally:
        thread.join()
    if failed:
        raise failed[0]


def _comes_to_rest(plant: Plant, story: Story) -> float | None:
    """Seconds until all work has ended, with what operators do for it; None: it does not."""
    begun = time.monotonic()
    for _ in range(ROUNDS):
        if not _settles(plant, story, begun + QUIET_SECONDS):
            return None
        if not _let_go_on(plant):
            return time.monotonic() - begun
    return time.monotonic() - begun


def _settles(plant: Plant, story: Story, limit: float) -> bool:
    while time.monotonic() < limit:
        if _is_at_rest(plant, story):
            return True
        time.sleep(LOOK_SECONDS)
    return False


def _is_at_rest(plant: Plant, story: Story) -> bool:
    story.confirm()
    try:
        with plant.ledger.read() as tx:
            moving = [each for each in batches.all_batches(tx) if each.state in MOVING]
            return status.open_work(tx) == 0 and not moving
    except StoreUnavailableError:
        return False


MOVING = frozenset({BatchState.PREPARING, BatchState.AWAITING, BatchState.RUNNING})


def _let_go_on(plant: Plant) -> int:
    """What an operator would do about what is held: once more; how many."""
    done = 0
    with plant.ledger.read() as tx:
        stopped = [each for each in batches.all_batches(tx) if each.state is BatchState.STOPPED]
    for batch in stopped:
        done += 1 + steering.retry_failed(plant, batch.id, who=WHO, why="the faults are over")
    for held in desk.open_holds(plant):
        try:
            desk.retry(plant, held.id, who=WHO, why="the faults are over")
        except (ConflictError, TransientError, FactoryError):
            continue
        done += 1
    return done
