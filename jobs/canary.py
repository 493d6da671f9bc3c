"""The canary (金丝雀): no OFD of a template is stored that a second program reads otherwise.

Of each template the first file that a worker makes is read again by easyofd before anything of
that template is stored, and after that one in so many single files, always the same ones.  A
difference stops every order of the template in the chunk; the next chunk's first file is read
again, so nothing of the template passes until it was mended, and ``held retry`` is its cure.

What is remembered is that a template agreed, by a process for itself: a worker that starts asks
anew.  A difference is not remembered, or what was mended could not go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from factory.errors import FactoryError, SecondReadingError
from factory.model import Order, OrderId
from factory.page.marks import Placed
from factory.page.reread import SeenPage, differences
from jobs import second_reading

log = structlog.get_logger()

Template = tuple[str, ...]
Reader = Callable[[Sequence[bytes]], Sequence[tuple[SeenPage, ...] | None]]

UNREADABLE = ("document",)  #: easyofd failed on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A sealed OFD that is about to be stored, and what was placed in it."""

    order: Order
    placed: Placed = field(repr=False)
    data: bytes = field(repr=False)

    @property
    def template(self) -> Template:
        """What looks alike: the kind, the profile's version and the design."""
        order = self.order
        design = str(order.face.get("design", ""))
        return (order.kind.value, order.profile, order.profile_version, design)


class Canary:
    """Which templates have agreed in this process.

    sample: of so many single files one is read again; 0: none, and no template is asked about.
    """

    def __init__(self, *, sample: int, read: Reader = second_reading.read) -> None:
        self._sample, self._read = sample, read
        self._agreed: set[Template] = set()

    def stopped(
        self, files: Sequence[Finished], *, singly: bool, anew: bool = False
    ) -> Mapping[OrderId, FactoryError]:
        """The orders that may not go on, and why; empty where everything may.

        singly: these are single issues, of which a sample is read again too.
        anew:   these are the first of a bulk event: all are read again.
        SecondReadingError in it: the template is read otherwise, and is held.
        ReaderUnavailableError: nobody read it, so it waits: unread is not agreed.
        SettingsError: easyofd is not installed; it waits until it is, or is switched off.
        """
        if not self._sample:
            return {}
        chosen = list(files if anew else self._chosen(files, singly=singly))
        refused = self._refused(chosen) if chosen else {}
        agreed = {each.template for each in chosen} - refused.keys()
        self._agreed = (self._agreed | agreed) - refused.keys()
        for template in agreed:
            log.info("second reading agrees", template=template)
        return {each.order.id: refused[each.template] for each in files if each.template in refused}

    def ask(self) -> None:
        """Start the reader, with nothing to read.

        SettingsError: it is not installed.  ReaderUnavailableError: it gives no answer.
        """
        self._read([])

    def _chosen(self, files: Sequence[Finished], *, singly: bool) -> Iterator[Finished]:
        """The first of each template that has not agreed, and the sample."""
        known = set(self._agreed)
        for each in files:
            if each.template not in known or (singly and self._is_sample(each)):
                known.add(each.template)
                yield each

    def _is_sample(self, each: Finished) -> bool:
        digest = hashlib.sha256(each.order.key_stem.encode()).digest()
        return int.from_bytes(digest[:8]) % self._sample == 0

    def _refused(self, chosen: Sequence[Finished]) -> Mapping[Template, FactoryError]:
        try:
            readings = self._read([each.data for each in chosen])
        except FactoryError as error:
            log.warning("second reading failed", reason=error.reason, detail=str(error))
            return {each.template: error for each in chosen}
        return {
            each.template: _told(each, slots)
            for each, seen in zip(chosen, readings, strict=True)
            if (slots := UNREADABLE if seen is None else differences(each.placed, seen))
        }


def _told(each: Finished, slots: Sequence[str]) -> SecondReadingError:
    """Names of slots only: what stands in them is the holder's."""
    log.warning("second reading differs", template=each.template, slots=slots)
    where = f"{each.order.profile} version {each.order.profile_version}"
    return SecondReadingError(
        f"second reading of {each.order.kind} of {where}: easyofd reads otherwise: "
        + ", ".join(slots)
    )
