"""What a file still waits for after its release, and until when its time is proved."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

#: name -> (column, of which rows)
INDEXES = {
    "ix_file_awaits": ("id", "awaits IS NOT NULL"),
    "ix_file_proved_until": ("proved_until", "proved_until IS NOT NULL"),
}


def upgrade() -> None:
    """Two columns, and an index over the few rows that have something in each."""
    op.add_column("file", sa.Column("awaits", sa.String(length=8), nullable=True))
    op.add_column("file", sa.Column("proved_until", sa.String(length=10), nullable=True))
    for name, (column, rows) in INDEXES.items():
        which = sa.text(rows)
        op.create_index(name, "file", [column], postgresql_where=which, sqlite_where=which)


def downgrade() -> None:
    """What files wait for, and until when they are proved, is forgotten; the files stay."""
    for name in reversed(INDEXES):
        op.drop_index(name, "file")
    op.drop_column("file", "proved_until")
    op.drop_column("file", "awaits")
