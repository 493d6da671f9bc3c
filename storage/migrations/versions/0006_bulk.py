"""Bulk events: steered, braked and proved; what each item is expected to come to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
BATCH = (
    ("canary", sa.String(length=8), "none"),
    ("priority", sa.Integer(), "0"),
    ("rate", sa.Integer(), None),
    ("paced_until", TIME, None),
    ("forgiven", JSON, "{}"),
    ("stop_reason", sa.Text(), None),
    ("approved_by", sa.String(length=128), None),
    ("approved_at", TIME, None),
    ("merkle_root", sa.String(length=64), None),
    ("merkle_size", sa.Integer(), None),
)
INDEX = "ix_batch_item_state"


def upgrade() -> None:
    """Columns are added; batches under way go on, their canary counted as passed."""
    for name, kind, default in BATCH:
        op.add_column(
            "batch", sa.Column(name, kind, nullable=default is None, server_default=default)
        )
    op.execute(sa.text("UPDATE batch SET canary = 'passed' WHERE state = 'running'"))
    op.add_column(
        "chunk", sa.Column("canary", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("batch_item", sa.Column("forecast", sa.String(length=64), nullable=True))
    op.add_column("batch_item", sa.Column("replaced_edition_id", ID, nullable=True))
    op.add_column("batch_item", sa.Column("number", sa.String(length=64), nullable=True))
    op.drop_index(INDEX, "batch_item")
    op.create_index(INDEX, "batch_item", ["batch_id", "state", "registration_id"])


def downgrade() -> None:
    """Back to batches that run to their end; what was paused or stopped runs."""
    op.execute(sa.text("UPDATE batch SET state = 'running' WHERE state IN ('paused', 'stopped')"))
    op.execute(sa.text("UPDATE batch SET state = 'completed' WHERE state = 'cancelled'"))
    op.drop_index(INDEX, "batch_item")
    op.create_index(INDEX, "batch_item", ["batch_id", "state"])
    for name in ("forecast", "replaced_edition_id", "number"):
        op.drop_column("batch_item", name)
    op.drop_column("chunk", "canary")
    for name, _, _ in reversed(BATCH):
        op.drop_column("batch", name)
