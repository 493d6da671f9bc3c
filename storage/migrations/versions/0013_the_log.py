"""The log: an order over audit rows, editions and batches' roots, and its signed heads."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
LISTED = "batch listed"

BATCH = sa.table(
    "batch",
    sa.column("id", ID),
    sa.column("merkle_root", sa.String()),
    sa.column("merkle_size", sa.Integer()),
    sa.column("correlation_id", sa.String()),
)
AUDIT = sa.table(
    "audit",
    sa.column("at", TIME),
    sa.column("who", sa.String()),
    sa.column("action", sa.String()),
    sa.column("object_kind", sa.String()),
    sa.column("object_id", sa.String()),
    sa.column("why", sa.Text()),
    sa.column("what", JSON),
    sa.column("correlation_id", sa.String()),
)


def upgrade() -> None:
    """Four tables; the roots there are get the audit rows that are written with others now."""
    op.create_table(
        "log_cursor",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("size", ID, nullable=False),
        sa.Column("read_to", ID, nullable=False),
        sa.Column("settled_to", ID, nullable=False),
        sa.Column("settling_to", ID, nullable=True),
        sa.Column("writers", JSON, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_log_cursor")),
        comment="How far the sequencer is: the log's size, and the audit rows that are in it",
    )
    op.create_table(
        "log_entry",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("ref", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log_entry")),
        sa.UniqueConstraint("kind", "ref", name=op.f("uq_log_entry_kind_ref")),
        comment="The log's leaves (核查日志), in their order: of which row, and its digest",
    )
    op.create_table(
        "log_node",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("place", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("level", "place", name=op.f("pk_log_node")),
        comment="Digests of the log's whole subtrees, at every eighth level",
    )
    op.create_table(
        "log_head",
        sa.Column("size", ID, autoincrement=False, nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_head")),
        comment="Signed heads of the log (日志头); certificate: SHA-256 of the key's, hex",
    )
    _note_roots()


def downgrade() -> None:
    """The log and its heads are forgotten; all that it is about stays."""
    for table in ("log_head", "log_node", "log_entry", "log_cursor"):
        op.drop_table(table)


def _note_roots() -> None:
    """Nothing where an earlier upgrade, which was taken back, has done so."""
    a, b, connection = AUDIT.c, BATCH.c, op.get_bind()
    noted = sa.exists().where(
        a.action == LISTED, a.object_kind == "batch", a.object_id == sa.cast(b.id, sa.String())
    )
    rows = connection.execute(
        sa.select(BATCH).where(b.merkle_root.is_not(None), ~noted).order_by(b.id)
    ).all()
    if rows:
        connection.execute(sa.insert(AUDIT), [_row(each) for each in rows])


def _row(batch: Any) -> dict[str, Any]:
    at = datetime.now(UTC)
    return {
        "at": at.replace(tzinfo=None) if op.get_bind().dialect.name == "sqlite" else at,
        "who": "migrate",
        "action": LISTED,
        "object_kind": "batch",
        "object_id": str(batch.id),
        "why": "the log begins",
        "what": {"root": batch.merkle_root, "size": batch.merkle_size},
        "correlation_id": batch.correlation_id,
    }
