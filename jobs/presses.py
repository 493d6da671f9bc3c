"""The press room (印刷间): which template makes which document, and when one is stopped.

A press is compiled when a chunk holds enough documents of one design and seal, and compiled anew
when what its constant fonts lacked has cost as much as that.  The first file of each press, and a
sample of all, are judged as by somebody they were sent to, and read again.  One failure stops the
template in this process: its documents are made by the reference writer, and the metrics say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from factory import verify
from factory.errors import FactoryError, PressUnableError, SelfCheckError
from factory.making import Identity
from factory.model import Format
from factory.pressing import Laid, Press
from factory.verify_verdict import VerdictWord
from jobs.work import Work

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

LEAST = 5  #: documents of one template in a chunk, for which compiling pays
MOST_LACKED = 10_000  #: glyphs that documents had to bring themselves, until it pays again
MOST_TEMPLATES = 32

Template = tuple[Format, int, int]  #: format, seal and design; the last two by identity


@dataclass(slots=True)
class _Standing:
    """The presses of one template, as many as there are sets of pictures.

    identity, fixed: what the template is named by, kept so that nothing else takes their numbers.
    """

    presses: list[Press]
    identity: Identity
    fixed: object


class PressRoom:
    """The presses of one worker process.

    sample: of so many pressed files one is judged; 0: only the first of each press.
    """

    def __init__(self, plant: Plant, *, sample: int) -> None:
        self._plant, self._sample = plant, sample
        self._standing: dict[Template, _Standing] = {}
        self._idle: dict[Template, str] = {}  #: templates without a press, and why
        self._proven: set[str] = set()

    def assign(self, works: Sequence[Work]) -> None:
        """Give each work that is to be sealed its press, where there is one or one pays."""
        groups: dict[Template, list[Work]] = {}
        for work in works:
            if work.identity is not None:
                groups.setdefault(_template(work), []).append(work)
        for template, group in groups.items():
            if template not in self._idle:
                for work in group:
                    work.press = self._press(template, work.laid_out(), group)

    def spoiled(self, works: Sequence[Work]) -> list[Work]:
        """Works whose template has failed, on this file or another: to be made anew."""
        pressed = [work for work in works if work.press is not None]
        for work in pressed:
            if _template(work) not in self._idle:
                try:
                    self._check(work)
                except FactoryError as error:
                    self._stop(work, error)
        return [work for work in pressed if _template(work) in self._idle]

    def _press(self, template: Template, laid: Laid, group: Sequence[Work]) -> Press | None:
        standing = self._standing.get(template)
        for press in standing.presses if standing else ():
            if press.fits(laid) and press.lacked < MOST_LACKED:
                return press
        if len(group) < LEAST:
            return None
        return self._compiled(template, laid, group)

    def _compiled(self, template: Template, laid: Laid, group: Sequence[Work]) -> Press | None:
        """From what the chunk holds of the same make."""
        [work, *_] = group
        assert work.identity is not None  # noqa: S101 - chosen by the caller
        sample = [laid, *(each.laid_out() for each in group if each.laid is not laid)]
        try:
            press = work.making.press(sample, work.identity)
        except PressUnableError as error:
            self._idle[template] = str(error)
            return None
        log.info("press compiled", format=work.format, press=press.ident)
        standing = self._standing.pop(template, None) or _Standing(
            [], work.identity, laid.placed.pages[0].fixed
        )
        standing.presses = [press, *(each for each in standing.presses if not each.fits(laid))]
        self._standing[template] = standing
        while len(self._standing) > MOST_TEMPLATES:
            del self._standing[next(iter(self._standing))]
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

    def _stop(self, work: Work, error: FactoryError) -> None:
        template = _template(work)
        self._idle[template] = str(error)
        self._standing.pop(template, None)
        self._plant.metrics.press_stopped(work.format)
        log.error("press stopped", format=work.format, reason=error.reason, detail=str(error))

    def _is_sample(self, work: Work) -> bool:
        if not self._sample:
            return False
        digest = hashlib.sha256(work.order.key_stem.encode()).digest()
        return int.from_bytes(digest[:8]) % self._sample == 0


def _template(work: Work) -> Template:
    return work.format, id(work.identity), id(work.laid_out().placed.pages[0].fixed)
