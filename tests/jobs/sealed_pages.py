"""Pages sealed with a plant's own seal, on record as an edition or not."""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from factory.model import Format
from factory.seals.signer import SealIdentity
from jobs.wiring import Plant
from storage.ledger import record
from tests.factory.sealing import red_ring, seal
from tests.factory.trusting import page
from tests.plants import PROFILE, WHO, approve, made, must_claim, open_chunks


def sealed_page(plant: Plant, at: datetime) -> bytes:
    return seal(page(), with_picture(plant), now=at.replace(microsecond=0))


def with_picture(plant: Plant) -> SealIdentity:
    return replace(plant.keyring.identity(PROFILE), picture=red_ring())


def put_on_record(plant: Plant, data: bytes) -> None:
    """As an edition that was made just now."""
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    found = must_claim(plant, chunk)
    [order] = found.orders
    recorded = made(order.id, key=order.object_key(Format.PDF))
    files = [replace(recorded, sha256=sha256(data).hexdigest(), size_bytes=len(data))]
    with plant.ledger.write(WHO) as tx:
        assert record.record(tx, found, files, [], brake=plant.brake)
