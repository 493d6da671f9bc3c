"""An order that kills its worker is isolated and held; everybody else is served."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from factory.model import OrderState
from jobs import desk
from jobs.drill.killer import Poison
from jobs.embedded import Embedded
from storage import tables as t

from .works import Works, at_work

RENAMED = 6


def test_an_order_that_kills_its_worker_is_isolated(servers: Embedded, tmp_path: Path) -> None:
    with at_work(servers, tmp_path, MAX_ATTEMPTS="1") as works:
        works.approve(range(RENAMED), enterprise=1)
        works.settle()
        batch = works.prepare_rename(1)
        victim = max(_orders(works, OrderState.MADE)) + 1  # the first of two chunks of three
        poison = works.drill("poison", Poison(orders=(victim,)))

        works.confirm(batch)
        works.settle_and_check()

        assert _orders(works, OrderState.HELD) == [victim]
        # One worker process has one thread: the other chunk never died beside the poison.
        neighbour = works.chunks(batch_id=batch)[1]
        assert (neighbour.attempt, neighbour.state) == (1, "closed")
        held = desk.open_holds(works.plant)
        assert [(hold.reason, hold.subject_id, hold.owner) for hold in held] == [
            ("poison", victim, "operations")
        ]
        with works.plant.ledger.read() as tx:
            made = tx.run(select(t.batch_item).where(t.batch_item.c.state == "done")).all()
        assert len(made) == RENAMED - 1

        poison.unlink()  # mended
        desk.retry(works.plant, held[0].id, who="test", why="mended")
        works.settle_and_check()
        assert _orders(works, OrderState.HELD) == []


def _orders(works: Works, state: OrderState) -> list[int]:
    with works.plant.ledger.read() as tx:
        ids = tx.run(select(t.production_order.c.id).where(t.production_order.c.state == state))
        return sorted(ids.scalars())
