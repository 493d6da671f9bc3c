"""Notices to upstream in tables of their own: what is told, to which endpoints, how far it is."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
SLICE = 2000
NOTIFY = "notify"
BEFORE = "Bells and notifications written with the work; the relay sends them"
AFTER = "Bells written with the work; the relay sends them"

OUTBOX = sa.table(
    "outbox",
    sa.column("id", ID),
    sa.column("topic", sa.String()),
    sa.column("body", JSON),
    sa.column("created_at", TIME),
    sa.column("correlation_id", sa.String()),
)
NOTICE = sa.table(
    "notice",
    sa.column("id", ID),
    sa.column("profile", sa.String()),
    sa.column("subject", sa.String()),
    sa.column("type", sa.String()),
    sa.column("body", JSON),
    sa.column("created_at", TIME),
    sa.column("correlation_id", sa.String()),
)


def upgrade() -> None:
    """Tables are added; what the outbox kept for upstream moves into them."""
    _notice()
    _endpoint()
    _delivery()
    op.create_table(
        "switch",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("changed_by", sa.String(length=128), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switch")),
        comment="What a person has turned off for all machines at once; without a row it is on",
    )
    _move_notices()
    _comment(AFTER, BEFORE)


def downgrade() -> None:
    """Notices go back into the outbox; endpoints and what they were sent are forgotten."""
    _move_back()
    _comment(BEFORE, AFTER)
    for table in ("switch", "delivery", "endpoint", "notice"):
        op.drop_table(table)


def _notice() -> None:
    op.create_table(
        "notice",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("number", ID, nullable=True),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("subject", sa.String(length=262), nullable=False),
        sa.Column("type", sa.String(length=48), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("number", name=op.f("uq_notice_number")),
        comment="What upstream is told (通知), written with the work; numbered once committed",
    )
    _partial("ix_notice_unnumbered", "notice", ["id"], "number IS NULL")


def _endpoint() -> None:
    op.create_table(
        "endpoint",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("types", JSON, nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("data_key_id", ID, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("former_secret", sa.LargeBinary(), nullable=True),
        sa.Column("former_until", TIME, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("answer", sa.String(length=32), nullable=True),
        sa.Column("answered_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_endpoint_data_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
        comment="Where a source's notices are sent (接收地址)",
    )
    op.create_index(op.f("ix_endpoint_source"), "endpoint", ["source"])
    op.create_index(op.f("ix_endpoint_data_key_id"), "endpoint", ["data_key_id"])


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("notice_id", ID, nullable=False),
        sa.Column("number", ID, nullable=False),
        sa.Column("subject", sa.String(length=262), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("fence", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("answer", sa.String(length=32), nullable=True),
        sa.Column("done_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoint.id"], name=op.f("fk_delivery_endpoint_id")
        ),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_delivery_notice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("endpoint_id", "number", name=op.f("uq_delivery_endpoint_id_number")),
        comment="One notice for one endpoint (投递): the next of a subject waits for the earlier",
    )
    op.create_index(op.f("ix_delivery_endpoint_id"), "delivery", ["endpoint_id"])
    op.create_index(op.f("ix_delivery_notice_id"), "delivery", ["notice_id"])
    pending = "state = 'pending'"
    _partial("ix_delivery_pending", "delivery", ["endpoint_id", "number"], pending)
    _partial("ix_delivery_subject", "delivery", ["endpoint_id", "subject", "number"], pending)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, postgresql_where=condition, sqlite_where=condition)


def _move_notices() -> None:
    """In their order; the ledger numbers them when it first tells of them."""
    connection, last = op.get_bind(), 0
    c = OUTBOX.c
    while rows := connection.execute(
        sa.select(OUTBOX).where(c.topic == NOTIFY, c.id > last).order_by(c.id).limit(SLICE)
    ).all():
        last = rows[-1].id
        connection.execute(sa.insert(NOTICE), [_moved(row) for row in rows])
    op.execute(sa.delete(OUTBOX).where(c.topic == NOTIFY))


def _moved(row: Any) -> dict[str, object]:
    body = dict(row.body)
    return {
        "profile": body.pop("profile", "-"),
        "subject": _subject(body),
        "type": body.pop("type"),
        "body": body,
        "created_at": row.created_at,
        "correlation_id": row.correlation_id,
    }


def _move_back() -> None:
    connection, last = op.get_bind(), 0
    c = NOTICE.c
    while rows := connection.execute(
        sa.select(NOTICE).where(c.id > last).order_by(c.id).limit(SLICE)
    ).all():
        last = rows[-1].id
        connection.execute(
            sa.insert(OUTBOX),
            [
                {
                    "topic": NOTIFY,
                    "body": {"type": row.type, "profile": row.profile, **row.body},
                    "created_at": row.created_at,
                    "correlation_id": row.correlation_id,
                }
                for row in rows
            ],
        )


def _subject(body: Mapping[str, Any]) -> str:
    said = body.get("registration") or body.get("application")
    return str(said) if said else f"batch/{body.get('batch')}"


def _comment(now: str, before: str) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.create_table_comment("outbox", now, existing_comment=before)
