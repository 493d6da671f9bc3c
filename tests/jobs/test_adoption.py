"""A file that an earlier try left: taken for the order's own if its twin says so."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from factory import specimen
from factory.kinds.stored import twin as twin_of
from factory.model import ChunkId, Format, Order
from factory.page.marks import Page, Placed, SignatureBox
from factory.seals import pades
from factory.writers import pdf
from jobs import desk, line
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.blobs import Blob
from tests.plants import claim, open_chunks, submit
from tests.telling import whole_factory

EMPTY = Placed(title="", width_mm=210, height_mm=297, pages=(Page(fixed=(), filled=()),))
FIELD = SignatureBox(name="AuthoritySeal", page=0, x_mm=9, y_mm=9, width_mm=42, height_mm=42)
LAPSED = timedelta(seconds=-1)


@pytest.fixture
def plant(tmp_path: Path, s3: Settings) -> Plant:
    return whole_factory(tmp_path, s3)


@pytest.fixture
def chunk(plant: Plant) -> ChunkId:
    """A chunk of one order that nobody has worked on."""
    submit(plant, specimen.approved(1))
    [number] = open_chunks(plant)
    return ChunkId(number)


@pytest.fixture
def order(plant: Plant, chunk: ChunkId) -> Order:
    """That order, as a worker had it who has died since."""
    found = claim(plant, chunk, lease=LAPSED)
    assert found is not None
    return found.orders[0]


def leave(plant: Plant, order: Order, twin: bytes | None) -> bytes:
    """A sealed file with this twin lies under the order's key."""
    identity = plant.keyring.identity(order.identity)
    document = pdf.draw(EMPTY, {}, title="", created=order.signed_at, twin=twin)
    prepared = pades.prepare(document, FIELD, identity, now=order.signed_at)
    [signature] = identity.signer.sign_digests([prepared.digest])
    data = pades.complete(prepared, signature)
    key, digest = order.object_key(Format.PDF), hashlib.sha256(data).hexdigest()
    plant.store.put_new(Blob(key=key, data=data, content_type="application/pdf", sha256=digest))
    return data


def recorded(plant: Plant) -> list[str]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.file.c.sha256)).scalars())


def test_a_file_with_the_twin_of_the_order_is_adopted(
    plant: Plant, chunk: ChunkId, order: Order
) -> None:
    found = leave(plant, order, twin_of(order.face))

    line.produce(plant, chunk)

    assert recorded(plant) == [hashlib.sha256(found).hexdigest()]


@pytest.mark.parametrize("other", [None, b"{}", {"edition": 2}], ids=["none", "empty", "next"])
def test_a_file_with_another_twin_holds_the_order(
    plant: Plant, chunk: ChunkId, order: Order, other: dict[str, object] | bytes | None
) -> None:
    """Not even where one field differs; nothing is recorded, and the file stays as it is."""
    if isinstance(other, dict):
        other = twin_of({**order.face, **other})
    found = leave(plant, order, other)

    line.produce(plant, chunk)

    [held] = desk.open_holds(plant)
    assert "another document" in held.detail
    assert recorded(plant) == []
    assert plant.store.get(order.object_key(Format.PDF)) == found


def test_the_twin_is_one_line_sorted_and_in_the_characters_themselves(order: Order) -> None:
    twin = twin_of({"b": "欧阳𬭎", "a": [1, None]})

    assert twin.decode() == '{"a":[1,null],"b":"欧阳𬭎"}'
