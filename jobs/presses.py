"""The press room (印刷间): which template makes which document, and when one is stopped.

A press is compiled when a chunk holds enough documents of one design and seal, and compiled anew
when what its documents brought themselves has cost as much.  The first file of each press, and a
sample of all, are judged as by somebody they were sent to, and read again.  One failure stops the
template in this process: its documents are made by the reference writer, and the metrics say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from factory import verify
from factory.errors import FactoryError, PressUnableError, SelfCheckError
from factory.model import Format
from factory.pressing import Laid, Press
from factory.verify_verdict import VerdictWord
from jobs.work import Work

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

LEAST = 5  #: documents of one template in a chunk, for which compiling pays
MOST_TEMPLATES = 32
MOST_PRESSES = 8  #: of one template: what it brings for the long term differs from day to day

Template = tuple[Format, int, int]  #: format, seal and design; the last two by identity


@dataclass(slots=True)
class _Standing:
    """The presses of one template, as many as there are sets of pictures.

    named_by: its seal and design, kept so that nothing else takes their numbers.
    is_idle:  it has no press, or had one that failed: the reference writer makes its documents.
    """

    named_by: tuple[object, object]
    presses: list[Press] = field(default_factory=list)
    is_idle: bool = False


class PressRoom:
    """The presses of one worker process.

    sample: of so many pressed files one is judged; 0: only the first of each press.
    """

    def __init__(self, plant: Plant, *, sample: int) -> None:
        self._plant, self._sample = plant, sample
        self._standing: dict[Template, _Standing] = {}
        self._proven: set[str] = set()

    def assign(self, works: Sequence[Work]) -> None:
        """Give each work that is to be sealed its press, where there is one or one pays."""
        groups: dict[Template, list[Work]] = {}
        for work in works:
            if work.identity is not None:
                groups.setdefault(_template(work), []).append(work)
        for template, group in groups.items():
            if len(group) >= LEAST or template in self._standing:
                standing = self._known(template, group[0])
                for work in group:
                    work.press = self._press(standing, work.laid_out(), group)

    def spoiled(self, works: Sequence[Work]) -> list[Work]:
        """Works whose template has failed, on this file or another: to be made anew."""
        pressed = [work for work in works if work.press is not None]
        for work in pressed:
            standing = self._known(_template(work), work)
            if not standing.is_idle:
                try:
                    self._check(work)
                except FactoryError as error:
                    self._stop(standing, work, error)
        return [work for work in pressed if self._known(_template(work), work).is_idle]

    def _known(self, template: Template, work: Work) -> _Standing:
        """Those that were stopped are remembered, of others the newest."""
        found = self._standing.get(template)
        if found is None:
            named_by = (work.identity, work.laid_out().placed.pages[0].fixed)
            found = self._standing[template] = _Standing(named_by)
            at_work = [each for each, one in self._standing.items() if not one.is_idle]
            for each in at_work[:-MOST_TEMPLATES]:
                del self._standing[each]
        return found

    def _press(self, standing: _Standing, laid: Laid, group: Sequence[Work]) -> Press | None:
        for press in standing.presses:
            if press.fits(laid) and not press.is_worn:
                return press
        if len(group) < LEAST or standing.is_idle:
            return None
        return self._compiled(standing, laid, group)

    def _compiled(self, standing: _Standing, laid: Laid, group: Sequence[Work]) -> Press | None:
        """From what the chunk holds of the same make."""
        [work, *_] = group
        assert work.identity is not None  # noqa: S101 - chosen by the caller
        sample = [laid, *(each.laid_out() for each in group if each.laid is not laid)]
        try:
            press = work.making.press(sample, work.identity)
        except PressUnableError as error:
            log.info("no press", format=work.format, detail=str(error))
            standing.is_idle = True
            return None
        log.info("press compiled", format=work.format, press=press.ident)
        others = [each for each in standing.presses if not each.fits(laid)]
        standing.presses = [press, *others[: MOST_PRESSES - 1]]
        return press

    def _check(self, work: Work) -> None:
        """Each file on its bytes; the first of its press and a sample as a reader has them."""
        press = work.press
        assert press is not None  # noqa: S101 - chosen by the caller
        work.sha256 = press.check(work.data)
        if press.ident not in self._proven or self._is_sample(work):
            self._judge(work, work.laid_out())
            self._proven.add(press.ident)

    def _judge(self, work: Work, laid: Laid) -> None:
        keys = self._plant.keyring
        verdict = verify.verify(work.data, keys.trust_roots(), issuers=keys.seal_issuers())
        if verdict.verdict is not VerdictWord.VALID:
            raise SelfCheckError(f"{verdict.verdict}: {'; '.join(verdict.reasons)}")
        if verify.twin(work.data) != laid.twin:
            raise SelfCheckError("twin: is not the order's")
        work.making.proof(work.data, laid)

    def _stop(self, standing: _Standing, work: Work, error: FactoryError) -> None:
        standing.is_idle, standing.presses = True, []
        self._plant.metrics.press_stopped(work.format, error)
        log.error("press stopped", format=work.format, reason=error.reason, detail=str(error))

    def _is_sample(self, work: Work) -> bool:
        if not self._sample:
            return False
        digest = hashlib.sha256(work.order.key_stem.encode()).digest()
        return int.from_bytes(digest[:8]) % self._sample == 0


def _template(work: Work) -> Template:
    return work.format, id(work.identity), id(work.laid_out().placed.pages[0].fixed)
