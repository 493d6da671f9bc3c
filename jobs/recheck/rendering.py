"""Made again (重新生成): a stored face drawn today, beside the file that was made of it then.

The one part that asks what makes documents, so that nothing comes out otherwise than it did.
Compared is every byte but signature and time stamp.  Where that cannot be, it is said why.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.errors import (
    FactoryError,
    LintError,
    PressUnableError,
    SealedDataError,
    StoreUnavailableError,
    TransientError,
)
from factory.making import MAKINGS, Identity
from factory.model import Format, Order
from factory.ofd.package import opened
from factory.page.extract import pictures
from factory.pressing import Laid, Press
from factory.seals.keys import fingerprint
from factory.seals.selfcheck import BYTE_RANGE
from jobs import laying, stamping
from storage import tables as t
from storage.ledger import promises
from storage.recheck import files
from storage.recheck.files import Recorded
from storage.recheck.scope import snapshot

if TYPE_CHECKING:
    from jobs.wiring import Plant

DPI = 72
BLANK = bytes(64)  #: in place of a signature, which is not compared
PRESSED = 5  #: documents of a chunk, from which on a press may have made them
FIRST_CHUNKS = 4  #: of a bulk event: each worker compiles its press from the first that it has
MOST_PRESSES = 8
FONT = re.compile(rb"/FontFile[23]?\s+(\d+)\s+0\s+R")
SIGNED_VALUE = "SignedValue.dat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What came of making one again.

    broken: what is not as it was; said: why it could not be compared byte for byte; neither: it
            is the same.
    """

    broken: str | None = None
    said: str | None = None


SAME = Rendered()


class Renderer:
    """Makes files again; presses are compiled once for all that they may have made."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._presses: OrderedDict[tuple[int, Format], Press | None] = OrderedDict()

    def again(self, row: Recorded, data: bytes) -> Rendered:
        """One file, made again from what was ordered.

        row: of a certificate, as it was made.
        StoreUnavailableError: the ledger gave no answer.
        """
        try:
            return self._compared(row, data)
        except StoreUnavailableError:
            raise
        except TransientError as error:
            return Rendered(said=f"an authority of time is away ({error.reason})")
        except FactoryError as error:
            return Rendered(said=f"cannot be drawn any more ({error.reason})")

    def _compared(self, row: Recorded, data: bytes) -> Rendered:
        order = self._orders([row.order])[0]
        identity = self._plant.keyring.seal(order.identity or "", row.format)
        if fingerprint(identity.signing_cert) != row.signing_cert_sha256:
            return Rendered(said="its seal was renewed since")
        laid = self._laid(order)
        if laid.material is not None:
            return Rendered(said="brings revocation lists of its day")
        made = MAKINGS[row.format].sealed(laid, identity).finish(BLANK)
        if _is_same(made, data, row.format) or self._is_pressed(row, laid, identity, data):
            return SAME
        return _alike(row.format, made, data, laid)

    def _orders(self, ids: Sequence[int]) -> list[Order]:
        """As they were promised.  SealedDataError: one does not open."""
        with snapshot(self._plant.ledger) as tx:
            opened = list(promises.opened(tx, t.production_order.c.id.in_(ids)))
        found = []
        for _, each in opened:
            if isinstance(each, SealedDataError):
                raise each
            found.append(each)
        return found

    def _laid(self, order: Order) -> Laid:
        return stamping.with_room(self._plant, order, laying.of_order(self._plant, order))

    def _is_pressed(self, row: Recorded, laid: Laid, identity: Identity, data: bytes) -> bool:
        """Whether one of the presses that may have made it makes the same."""
        with snapshot(self._plant.ledger) as tx:
            chunks = files.chunks_of(tx, row.order, FIRST_CHUNKS)
        for chunk, orders in chunks:
            press = self._press(chunk, orders, row, identity)
            if press is None or not press.fits(laid):
                continue
            with suppress(PressUnableError):
                if _is_same(press.sealed(laid).finish(BLANK), data, row.format):
                    return True
        return False

    def _press(
        self, chunk: int, orders: Sequence[int], row: Recorded, identity: Identity
    ) -> Press | None:
        key = (chunk, row.format)
        if key not in self._presses:
            self._presses[key] = self._compiled(orders, row, identity)
            if len(self._presses) > MOST_PRESSES:
                self._presses.popitem(last=False)
        self._presses.move_to_end(key)
        return self._presses[key]

    def _compiled(self, orders: Sequence[int], row: Recorded, identity: Identity) -> Press | None:
        """From those of a chunk that were sealed alike; None: too few, or it cannot be."""
        alike = [
            each
            for each in self._orders(orders)
            if each.identity == identity.name and row.format in each.formats
        ]
        if len(alike) < PRESSED:
            return None
        try:
            return MAKINGS[row.format].press([self._laid(each) for each in alike], identity)
        except PressUnableError:
            return None


def _is_same(made: bytes, data: bytes, fmt: Format) -> bool:
    return bool(made) and _without_signature(made, fmt) == _without_signature(data, fmt)


def _without_signature(data: bytes, fmt: Format) -> object:
    if fmt is Format.OFD:
        members = opened(data)
        return {
            name: content
            for name, content in members.items()
            if name.rpartition("/")[2] != SIGNED_VALUE
        }
    found = BYTE_RANGE.search(data)
    if found is None:
        return data
    _, first, second, length = map(int, found.groups())
    return data[:first], data[second : second + length]


def _alike(fmt: Format, made: bytes, data: bytes, laid: Laid) -> Rendered:
    """Other bytes, by other fonts or a press of another chunk, may still be the same page."""
    try:
        MAKINGS[fmt].proof(data, laid)
    except LintError as error:
        return Rendered(broken=f"made again, its pages say something else ({error})")
    if fmt is Format.OFD:
        return Rendered(said="has other bytes: pressed with others, or by other fonts")
    if _fonts(made) == _fonts(data):
        return Rendered(broken="made again by the same fonts, it is another file")
    if pictures(made, DPI)[0].tobytes() == pictures(data, DPI)[0].tobytes():
        return Rendered(said="has other bytes and looks the same: pressed with others")
    return Rendered(said="has other fonts, or was pressed with others")


def _fonts(data: bytes) -> Sequence[bytes]:
    """The embedded programs, in the order they are named."""
    found = []
    for each in FONT.finditer(data):
        start = data.find(b"\n" + each[1] + b" 0 obj")
        found.append(data[data.find(b"stream", start) : data.find(b"endstream", start)])
    return sorted(found)
