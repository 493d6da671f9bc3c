"""Made again (重新生成): a stored face drawn today, beside the file that was made of it then.

The one part that asks what makes documents, so that nothing comes out otherwise than it did.
Compared is every byte but signature and time stamp.  Where that cannot be, it is said why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factory.errors import (
    FactoryError,
    LintError,
    PressUnableError,
    SealedDataError,
    TransientError,
)
from factory.making import MAKINGS, Identity, Making
from factory.model import Format, Order
from factory.ofd.package import opened
from factory.page.extract import pictures
from factory.pressing import Laid
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
PRESSED = 5  #: documents of a chunk from which a press may have made them
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


def again(plant: Plant, row: Recorded, data: bytes) -> Rendered:
    """One file, made again from what was ordered.

    row: of a certificate, as it was made.  StoreUnavailableError: the ledger gave no answer.
    """
    try:
        return _compared(plant, row, data)
    except TransientError as error:
        return Rendered(said=f"an authority of time is away ({error.reason})")
    except FactoryError as error:
        return Rendered(said=f"cannot be drawn any more ({error.reason})")


def _compared(plant: Plant, row: Recorded, data: bytes) -> Rendered:
    orders = _orders(plant, row)
    order = orders[row.order]
    identity = plant.keyring.seal(order.identity, row.format) if order.identity else None
    if identity is None or fingerprint(identity.signing_cert) != row.signing_cert_sha256:
        return Rendered(said="its seal was renewed since")
    laid = _laid(plant, order)
    if laid.material is not None:
        return Rendered(said="brings revocation lists of its day")
    made = _finished(MAKINGS[row.format], laid, identity)
    if _is_same(made, data, row.format):
        return SAME
    if len(orders) >= PRESSED and _is_same(
        _pressed(plant, orders, row, identity), data, row.format
    ):
        return SAME
    return _alike(row.format, made, data, laid)


def _orders(plant: Plant, row: Recorded) -> Mapping[int, Order]:
    """The order, and those that were made with it.  SealedDataError: it does not open."""
    with snapshot(plant.ledger) as tx:
        ids = files.chunk_of(tx, row.order) or [row.order]
        found = dict(promises.opened(tx, t.production_order.c.id.in_(ids)))
    mine = found.get(row.order)  # type: ignore[call-overload]
    if isinstance(mine, SealedDataError):
        raise mine
    return {
        each.id: each
        for each in found.values()
        if isinstance(each, Order)
        and (each.identity, each.formats) == (mine.identity, mine.formats)
    }


def _laid(plant: Plant, order: Order) -> Laid:
    return stamping.with_room(plant, order, laying.of_order(plant, order))


def _finished(making: Making[Any], laid: Laid, identity: Identity) -> bytes:
    return making.sealed(laid, identity).finish(BLANK)


def _pressed(plant: Plant, orders: Mapping[int, Order], row: Recorded, identity: Identity) -> bytes:
    """As the press that is compiled from its own chunk makes it; empty: there is none."""
    laid = {ident: _laid(plant, order) for ident, order in orders.items()}
    try:
        press = MAKINGS[row.format].press(list(laid.values()), identity)
        return press.sealed(laid[row.order]).finish(BLANK)
    except PressUnableError:
        return b""


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
