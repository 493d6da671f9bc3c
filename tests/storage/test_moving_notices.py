"""What the outbox had kept for upstream becomes notices, in its order, and goes back."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Integer, MetaData, String, Table, insert, select

from storage import schema
from storage import tables as t
from storage.ledger.base import engine_for

NOW = datetime(2026, 11, 21, tzinfo=UTC)
OUTBOX = Table(
    "outbox",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("topic", String),
    Column("body", JSON),
    Column("created_at", DateTime(timezone=True)),
    Column("correlation_id", String),
)
BEFORE = [
    ("notify", {"type": "certificate.made", "profile": "p", "registration": "R1", "edition": 1}),
    ("chunk", {"chunk": 1, "queue": "bulk"}),
    ("notify", {"type": "document.made", "profile": "p", "application": "A1", "batch": None}),
    ("notify", {"type": "document.made", "profile": "p", "application": None, "batch": 7}),
]


def test_what_was_kept_for_upstream_moves_and_can_move_back(db_url: str) -> None:
    engine = engine_for(db_url)
    schema.migrate(engine, "0008")
    rows = [
        {"topic": topic, "body": body, "created_at": NOW, "correlation_id": "c"}
        for topic, body in BEFORE
    ]
    with engine.begin() as connection:
        connection.execute(insert(OUTBOX), rows)

    schema.migrate(engine)

    with engine.begin() as connection:
        c = t.notice.c
        moved = connection.execute(select(c.subject, c.type, c.number, c.body).order_by(c.id)).all()
        left = connection.execute(select(OUTBOX.c.topic)).scalars().all()
    assert [(row.subject, row.type, row.number) for row in moved] == [
        ("R1", "certificate.made", None),
        ("A1", "document.made", None),
        ("batch/7", "document.made", None),
    ]
    assert moved[0].body == {"registration": "R1", "edition": 1}
    assert left == ["chunk"]

    schema.downgrade(engine, "0008")

    with engine.begin() as connection:
        back = connection.execute(select(OUTBOX.c.topic, OUTBOX.c.body).order_by(OUTBOX.c.id))
        assert sorted(map(spelled, back)) == sorted(map(spelled, BEFORE))


def spelled(row: Any) -> str:
    return json.dumps([row[0], row[1]], sort_keys=True)
