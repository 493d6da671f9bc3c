"""Certificates of a bulk event are pressed and judged; where a press fails, drawn as before."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from factory import making, specimen, verify
from factory.model import BatchId, ChunkId, Format
from factory.pressing import Awaiting, Laid, Press
from factory.verify_verdict import VerdictWord
from jobs import line
from jobs.bulk import steps
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from tests.jobs.bulking import at, rename_to, started
from tests.plants import JsonObject, open_chunks, submit
from tests.telling import whole_factory

NEW = "上海示例建设集团股份有限公司"
STAFF = 8


@pytest.fixture
def plant(tmp_path: Path, s3: Settings) -> Plant:
    """A firm whose people have their certificates."""
    found = whole_factory(tmp_path, s3)
    for seed in range(1, STAFF + 1):
        submit(found, specimen.approved(seed) | {"source": "urn:certfactory:operations"})
    produce(found)
    return found


def produce(plant: Plant) -> None:
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def renamed(plant: Plant, event: JsonObject | None = None) -> BatchId:
    """A rename of which everything but the first certificate is ordered."""
    event = event or rename_to(NEW)
    batch = started(plant, event | {"source": "urn:certfactory:operations"})
    produce(plant)
    steps.advance(plant, batch)
    return batch


def drawn(by: str) -> float:
    labels = {"format": "pdf", "by": by}
    return REGISTRY.get_sample_value("factory_drawn_total", labels) or 0.0


def handed_over(reason: str) -> float:
    labels = {"format": "pdf", "reason": reason}
    return REGISTRY.get_sample_value("factory_press_handovers_total", labels) or 0.0


def stopped() -> float:
    return REGISTRY.get_sample_value("factory_presses_stopped_total", {"format": "pdf"}) or 0.0


@dataclass(frozen=True)
class Counted:
    """What was drawn while a block ran."""

    before: tuple[float, float, float]

    @property
    def since(self) -> tuple[float, float, float]:
        """By a press, by the reference writer, and templates that were stopped."""
        now = (drawn("press"), drawn("reference"), stopped())
        return (now[0] - self.before[0], now[1] - self.before[1], now[2] - self.before[2])


@pytest.fixture
def counted(plant: Plant) -> Counted:
    return Counted((drawn("press"), drawn("reference"), stopped()))


def files(plant: Plant) -> list[bytes]:
    """The newest file of each registration."""
    c = t.file.c
    with plant.ledger.read() as tx:
        keys = tx.run(select(c.object_key).order_by(c.id)).scalars().all()
    return [plant.store.get(key) for key in keys[-STAFF:]]


def verdicts(plant: Plant) -> set[VerdictWord]:
    roots = plant.keyring.trust_roots()
    return {verify.verify(data, roots).verdict for data in files(plant)}


def test_a_bulk_event_is_pressed_but_for_its_first_certificate(
    plant: Plant, counted: Counted
) -> None:
    batch = renamed(plant)

    produce(plant)

    assert at(plant, batch).done == STAFF
    assert counted.since == (STAFF - 1, 1, 0)
    assert verdicts(plant) == {VerdictWord.VALID}


def test_what_is_pressed_carries_what_its_order_prints(plant: Plant) -> None:
    renamed(plant)

    produce(plant)

    assert all(NEW in (verify.twin(data) or b"").decode() for data in files(plant))


def test_single_approvals_are_drawn_by_the_reference_writer(plant: Plant, counted: Counted) -> None:
    for seed in range(101, 101 + STAFF):
        submit(plant, specimen.approved(seed) | {"source": "urn:certfactory:operations"})

    produce(plant)

    assert counted.since == (0, STAFF, 0)


# --- failures ---------------------------------------------------------------------------------


@dataclass
class Spoilt:
    """A press whose files are otherwise than it promises."""

    press: Press
    spoil: Callable[[bytes], bytes]
    is_worn: bool = False

    @property
    def ident(self) -> str:
        return self.press.ident

    def fits(self, laid: Laid) -> bool:
        return self.press.fits(laid)

    def sealed(self, laid: Laid) -> Awaiting:
        whole = self.press.sealed(laid)
        return replace(whole, finish=lambda signature: self.spoil(whole.finish(signature)))

    def check(self, data: bytes) -> str:
        return self.press.check(data)


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[bytes], bytes]], None]]:
    """Presses of PDF whose files are changed after they are finished."""

    def spoiling(change: Callable[[bytes], bytes]) -> None:
        whole = making.MAKINGS[Format.PDF]
        changed = replace(whole, press=lambda *given: Spoilt(whole.press(*given), change))
        monkeypatch.setitem(making.MAKINGS, Format.PDF, changed)  # type: ignore[arg-type]

    return spoiling


def test_one_wrong_file_stops_the_template_and_the_reference_makes_them_all(
    plant: Plant, counted: Counted, spoil: Callable[[Callable[[bytes], bytes]], None]
) -> None:
    batch = renamed(plant)
    made = iter(range(100))
    spoil(lambda data: data[:-9] + b"\0" + data[-8:] if next(made) == 3 else data)

    produce(plant)

    assert at(plant, batch).done == STAFF
    assert counted.since == (STAFF - 1, 1 + STAFF - 1, 1)
    assert verdicts(plant) == {VerdictWord.VALID}


def test_what_a_stopped_template_hands_over_is_counted_by_the_reason(
    plant: Plant, spoil: Callable[[Callable[[bytes], bytes]], None]
) -> None:
    before = handed_over("stopped"), handed_over("unable")
    spoil(lambda data: data + b"\n")

    renamed(plant)
    produce(plant)

    assert (handed_over("stopped"), handed_over("unable")) == (before[0] + STAFF - 1, before[1])


def test_a_stopped_template_is_not_tried_again(
    plant: Plant, counted: Counted, spoil: Callable[[Callable[[bytes], bytes]], None]
) -> None:
    spoil(lambda data: data + b"\n")
    renamed(plant)
    produce(plant)

    renamed(plant, rename_to("上海示例第三建设有限公司", NEW))
    produce(plant)

    assert counted.since[2] == 1
    assert counted.since[0] == STAFF - 1
