"""Which backup is the newest, found among all audit rows."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OF_BACKUPS = sa.text("action IN ('backup taken', 'ledger restored')")


def upgrade() -> None:
    """One index of few rows."""
    op.create_index(
        "ix_audit_backups",
        "audit",
        ["id"],
        postgresql_where=OF_BACKUPS,
        sqlite_where=OF_BACKUPS,
    )


def downgrade() -> None:
    """The rows stay; who looks for the newest reads all."""
    op.drop_index("ix_audit_backups", "audit")
