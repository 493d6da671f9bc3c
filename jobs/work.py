"""Works: the files of a chunk on their way down the line, and what became of them so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from factory.errors import FactoryError, PermanentError, SealPendingError
from factory.making import MAKINGS, Identity, Making
from factory.model import Format, Order, OrderId
from factory.pressing import Awaiting, Laid, Press


@dataclass(slots=True, kw_only=True)
class Work:
    """One file of one order on its way down the line.

    identity: None: nobody of ours seals it.
    press:    the template that makes it; None: the reference writer does.
    signature: raw, over what awaits it, until the file is closed; token: a time stamp over it.
    awaits, proved_until: see `storage.ledger.record.MadeFile`.
    sha256:   of the data, hex, as far as somebody has asked for it.
    """

    order: Order
    format: Format
    identity: Identity | None = field(repr=False)
    laid: Laid | None = field(default=None, repr=False)
    press: Press | None = field(default=None, repr=False)
    awaiting: Awaiting | None = field(default=None, repr=False)
    signature: bytes = field(default=b"", repr=False)
    token: bytes = field(default=b"", repr=False)
    data: bytes = field(default=b"", repr=False)
    sha256: str = ""
    awaits: str | None = None
    proved_until: str | None = None

    @property
    def key(self) -> str:
        """Where the file goes."""
        return self.order.object_key(self.format)

    @property
    def making(self) -> Making[Any]:
        """How files of its format come about."""
        return MAKINGS[self.format]

    def laid_out(self) -> Laid:
        """All its marks in their place."""
        assert self.laid is not None  # noqa: S101 - the line lays out first
        return self.laid


@dataclass(slots=True)
class Tally:
    """What became of a chunk so far: what is on its way, what stopped, what may pass later.

    works: of an order all its files or none, so that none is published alone.
    """

    works: list[Work] = field(default_factory=list)
    held: dict[OrderId, FactoryError] = field(default_factory=dict)
    later: dict[OrderId, FactoryError] = field(default_factory=dict)
    on_failure: Callable[[Format, FactoryError], None] = lambda *_: None  #: told of each file

    def attempt(self, step: Callable[[Work], None], works: Iterable[Work]) -> None:
        """Take each file one step on; an order of which one fails leaves the line."""
        self.works = []
        for work in works:
            if not self._has_stopped(work):
                try:
                    step(work)
                except FactoryError as error:
                    self.fail(work, error)
                else:
                    self.works.append(work)

    def fail(self, work: Work, error: FactoryError) -> None:
        """One file cannot go on, and so its order leaves the line."""
        self.on_failure(work.format, error)
        self.stop([work.order.id], error)

    def stop(self, orders: Iterable[OrderId], error: FactoryError) -> None:
        """Take orders off the line with all their files: for good, or until the next try."""
        # What is not permanent may pass, or somebody is mending this machine's settings.
        stopped = self.held if isinstance(error, PermanentError) else self.later
        stopped.update(dict.fromkeys(orders, error))
        self.works = self.left(self.works)

    @property
    def pending(self) -> dict[OrderId, SealPendingError]:
        """Those of later whose seal has not come yet: they did not fail."""
        found = self.later.items()
        return {order: error for order, error in found if isinstance(error, SealPendingError)}

    @property
    def failing(self) -> dict[OrderId, FactoryError]:
        """The others of later."""
        pending = self.pending
        return {order: error for order, error in self.later.items() if order not in pending}

    def left(self, works: Iterable[Work]) -> list[Work]:
        """Those whose order is still on the line."""
        return [work for work in works if not self._has_stopped(work)]

    def _has_stopped(self, work: Work) -> bool:
        return work.order.id in self.held or work.order.id in self.later
