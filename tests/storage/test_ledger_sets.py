"""A chunk is claimed and recorded set by set: its size changes what is said, not how often."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, literal, select

from factory.model import Format
from jobs.bulk import confirming, steps
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import chunks, orders, record
from storage.ledger.chunks import Claim
from storage.ledger.spelling import among
from tests.plants import (
    LEASE,
    WHO,
    claim,
    finish,
    issue,
    made,
    must_claim,
    new_plant,
    open_chunks,
    skip_canary,
    start_rename,
)

FILED = ("format", "object_key", "sha256", "size_bytes", "content_type", "signing_cert_sha256")
HARD = ["", "o'clock", '"', "{a,b}", "\\", "王小明", "null"]


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


@pytest.fixture
def sqlite_plant(tmp_path: Path, sqlite_db_url: str) -> Plant:
    return new_plant(tmp_path, sqlite_db_url)


# --- how often --------------------------------------------------------------------------------


def test_a_chunk_of_many_takes_the_statements_of_a_chunk_of_one(plant: Plant) -> None:
    one = ready_chunk(plant, [1], event=1)
    with said(plant) as of_one:
        go_through(plant, one)

    many = ready_chunk(plant, [2, 3, 4, 5], event=2)
    with said(plant) as of_many:
        go_through(plant, many)

    assert of_many == of_one
    assert len(of_one) <= 30


def test_no_statement_of_a_chunk_reads_a_table_from_end_to_end(sqlite_plant: Plant) -> None:
    chunk = ready_chunk(sqlite_plant, [1, 2, 3], event=1)

    with said(sqlite_plant, explain=True) as plans:
        go_through(sqlite_plant, chunk)

    scanned = {plan.split()[1] for plan in plans if plan.startswith("SCAN")}
    assert any(plan.startswith("SEARCH") for plan in plans)
    assert not scanned & set(t.metadata.tables), plans


# --- what is claimed --------------------------------------------------------------------------


def test_each_order_has_the_picture_it_prints_of_its_own_holder(plant: Plant) -> None:
    found = must_claim(plant, ready_chunk(plant, [1, 2, 3], event=1))

    with plant.ledger.read() as tx:
        c = t.production_order.c
        wanted = {row.id: row.pictures for row in tx.run(select(c.id, c.pictures))}
        digests = {
            order.id: {role: tx.vault.picture_digest(data) for role, data in order.pictures.items()}
            for order in found.orders
        }
    assert all(digests.values())
    assert digests == {ident: wanted[ident] for ident in digests}


def test_a_picture_that_nobody_prints_is_left_where_it_is(plant: Plant) -> None:
    chunk = ready_chunk(plant, [1, 2], event=1)
    with plant.ledger.write(WHO) as tx:
        row = tx.run(select(t.picture).limit(1)).one()
        tx.run(t.picture.insert(), row._asdict() | {"digest": "0" * 64, "content": b"of another"})

    found = must_claim(plant, chunk)

    assert [set(order.pictures) for order in found.orders] == [{"photo"}, {"photo"}]


# --- what is recorded -------------------------------------------------------------------------


def test_a_file_is_recorded_as_it_was_made(plant: Plant) -> None:
    found = must_claim(plant, ready_chunk(plant, [1, 2], event=1))
    files = [
        replace(made(order.id), size_bytes=size, signing_cert_sha256=seal)
        for order, size, seal in zip(found.orders, (40_000, 1), ("f" * 64, None), strict=True)
    ]

    with plant.ledger.write(WHO) as tx:
        record.record(tx, found, files, [], brake=plant.brake)

    with plant.ledger.read() as tx:
        rows = {row.order_id: row for row in tx.run(select(t.file))}
        orders_of = {row.id: row for row in tx.run(select(t.production_order))}
    for file in files:
        row, order = rows[file.order], orders_of[file.order]
        assert [getattr(row, name) for name in FILED] == [getattr(file, name) for name in FILED]
        assert (row.profile, row.edition_id, row.step) == (order.profile, order.edition_id, 0)
        assert row.made_at is not None


def test_an_order_has_a_file_of_each_of_its_formats(plant: Plant) -> None:
    found = must_claim(plant, ready_chunk(plant, [1], event=1))
    [order] = found.orders
    both = [
        replace(made(order.id, key=order.object_key(fmt)), format=fmt)
        for fmt in (Format.OFD, Format.PDF)
    ]

    with plant.ledger.write(WHO) as tx:
        record.record(tx, found, both, [], brake=plant.brake)

    with plant.ledger.read() as tx:
        wanted = select(t.file.c.format).where(t.file.c.order_id == order.id)
        assert sorted(tx.run(wanted).scalars()) == ["ofd", "pdf"]


def test_what_became_void_while_it_was_made_gets_no_file(plant: Plant) -> None:
    found = must_claim(plant, ready_chunk(plant, [1, 2], event=1))
    gone, stays = found.orders
    with plant.ledger.write(WHO) as tx:
        orders.void(tx, t.production_order.c.id == gone.id, why="cancelled")

    assert finish(plant, found)

    with plant.ledger.read() as tx:
        c = t.production_order.c
        states = {row.id: row.state for row in tx.run(select(c.id, c.state))}
    assert stays.id in files_of(plant)
    assert gone.id not in files_of(plant)
    assert (states[gone.id], states[stays.id]) == ("void", "made")


def test_of_a_chunk_that_is_void_nothing_is_recorded(plant: Plant) -> None:
    found = must_claim(plant, ready_chunk(plant, [1, 2], event=1))
    with plant.ledger.write(WHO) as tx:
        orders.void(tx, t.production_order.c.chunk_id == found.id, why="cancelled")
    before, files = noted(plant, "edition made"), files_of(plant)

    assert finish(plant, found)

    assert (noted(plant, "edition made"), files_of(plant)) == (before, files)
    assert told(plant)[-1].type == "batch.completed"


def test_upstream_is_told_of_each_edition_the_superseded_before_the_made(plant: Plant) -> None:
    chunk = ready_chunk(plant, [1, 2, 3], event=1)
    before, numbers = len(told(plant)), numbers_of(plant)

    go_through(plant, chunk)

    assert [(row.type, row.subject, dict(row.body)) for row in told(plant)[before:-1]] == [
        (f"certificate.{word}", number, {"registration": number, "edition": of, "state": state})
        for word, of, state in (("superseded", 1, "superseded"), ("made", 2, "uncollected"))
        for number in numbers
    ]


def test_each_edition_that_is_made_is_noted_with_its_chunk_and_state(plant: Plant) -> None:
    chunk = ready_chunk(plant, [1, 2, 3], event=1)
    before = len(noted(plant, "edition made"))

    go_through(plant, chunk)

    rows = noted(plant, "edition made")[before:]
    with plant.ledger.read() as tx:
        e = t.edition.c
        newest = tx.run(select(e.id).where(e.number == 2).order_by(e.id)).scalars().all()
    assert [(row.object_kind, row.object_id) for row in rows] == [
        ("edition", str(ident)) for ident in newest
    ]
    assert {(row.who, row.why) for row in rows} == {(WHO, "produced")}
    assert [dict(row.what) for row in rows] == [{"state": "uncollected", "chunk": chunk}] * 3


# --- how lists are given ----------------------------------------------------------------------


@pytest.mark.parametrize("word", HARD)
def test_a_word_is_found_among_those_that_are_given(plant: Plant, word: str) -> None:
    with plant.ledger.read() as tx:
        asked = select(among(literal(word), "words"))

        assert tx.run(asked, {"words": HARD}).scalar_one()
        assert not tx.run(asked, {"words": [each for each in HARD if each != word]}).scalar_one()


@pytest.mark.parametrize(("given", "found"), [([], []), ([1], [1]), ([1, 1], [1]), ([0, -1], [])])
def test_rows_are_found_by_the_ids_that_are_given(
    plant: Plant, given: list[int], found: list[int]
) -> None:
    issue(plant, 1)

    with plant.ledger.read() as tx:
        wanted = select(t.edition.c.id).where(among(t.edition.c.id, "ids"))
        assert tx.run(wanted, {"ids": given}).scalars().all() == found


# --- what they share --------------------------------------------------------------------------


def ready_chunk(plant: Plant, seeds: list[int], *, event: int) -> int:
    """The chunk of a rename of a firm with so many people; the batch ends with it."""
    for seed in seeds:
        issue(plant, seed, enterprise=event)
    batch = start_rename(plant, enterprise=event, event=event)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    skip_canary(plant, batch)
    steps.advance(plant, batch)
    steps.advance(plant, batch)
    [chunk] = open_chunks(plant)[-1:]
    return chunk


def go_through(plant: Plant, chunk: int) -> None:
    """Claimed, renewed twice and recorded, as the line does."""
    found = must_claim(plant, chunk)
    for _ in range(2):
        renew(plant, found)
    assert finish(plant, found)
    assert claim(plant, chunk) is None


def renew(plant: Plant, found: Claim) -> None:
    with plant.ledger.write(WHO) as tx:
        assert chunks.renew(tx, found, lease=LEASE)


@contextmanager
def said(plant: Plant, *, explain: bool = False) -> Iterator[list[str]]:
    """The statements sent while the block runs, or the steps SQLite takes for each."""
    found: list[str] = []

    def listen(conn: Any, _cursor: Any, statement: str, given: Any, _: Any, many: bool) -> None:
        if not explain:
            found.append(statement)
        elif not re.match(r"BEGIN", statement):
            asked = conn.connection.cursor()
            asked.execute(f"EXPLAIN QUERY PLAN {statement}", given[0] if many else given)
            found.extend(row[3] for row in asked.fetchall())

    event.listen(plant.ledger.engine, "before_cursor_execute", listen)
    try:
        yield found
    finally:
        event.remove(plant.ledger.engine, "before_cursor_execute", listen)


def told(plant: Plant) -> list[Any]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.notice).order_by(t.notice.c.id)))


def noted(plant: Plant, action: str) -> list[Any]:
    with plant.ledger.read() as tx:
        wanted = select(t.audit).where(t.audit.c.action == action).order_by(t.audit.c.id)
        return list(tx.run(wanted))


def files_of(plant: Plant) -> list[int]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.file.c.order_id)).scalars())


def numbers_of(plant: Plant) -> list[str]:
    with plant.ledger.read() as tx:
        c = t.registration.c
        return list(tx.run(select(c.number).order_by(c.id)).scalars())
