"""Why a chunk was put back for later."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns."""
    op.add_column("chunk", sa.Column("waits_for", sa.String(length=32), nullable=True))
    op.add_column("chunk", sa.Column("waits_why", sa.Text(), nullable=True))


def downgrade() -> None:
    """Why chunks wait is forgotten; they go on waiting."""
    op.drop_column("chunk", "waits_why")
    op.drop_column("chunk", "waits_for")
