"""Stamping later (补盖时间戳): files that were released while their authority was away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from factory.errors import PermanentError
from factory.model import Format
from factory.seals import late
from factory.seals.tsp import imprint_of
from jobs.stamping import last_day
from jobs.upkeep import slices
from jobs.upkeep.slices import Done, Made, Slice
from storage.ledger import proofs
from storage.ledger.proofs import Provable

if TYPE_CHECKING:
    from jobs.wiring import Plant


def stamp_awaiting(plant: Plant) -> Iterator[Done]:
    """Stamp what was released without; a slice at a time.

    TimestampUnavailableError: the authority is still away; what was recorded stays.
    """
    return slices.each(
        plant,
        lambda tx, after, most: proofs.awaiting(tx, after=after, most=most),
        stamp,
        "stamped later",
    )


def stamp(piece: Slice) -> None:
    """A token for each file of a slice."""
    read: list[tuple[Provable, bytes, bytes]] = []
    for file in piece.files:
        try:
            data = piece.plant.store.get(file.object_key, sha256=file.sha256)
            read.append((file, data, late.signature_of(data, Format(file.format))))
        except PermanentError as error:
            piece.give_up(file, error)
    imprints = [imprint_of(value) for _, _, value in read]
    tokens = piece.plant.time_authority(piece.authority).tokens(imprints) if imprints else []
    for (file, data, _), token in zip(read, tokens, strict=True):
        try:
            longer = late.stamped(data, Format(file.format), token.encoded)
            slices.judge(piece.plant, file, longer)
        except PermanentError as error:
            piece.give_up(file, error)
        else:
            until = last_day(token.signing_cert)
            piece.made.append(Made(of=file, data=longer, proved_until=until))
