"""What the re-checker found, run by run."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """One table, of a row a run."""
    op.create_table(
        "recheck",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=False),
        sa.Column("good", ID, nullable=False),
        sa.Column("bad", ID, nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recheck")),
        comment="What the re-checker found (复核), a row a run of everything or of a sample",
    )
    op.create_index("ix_recheck_scope", "recheck", ["scope", "ended_at"])


def downgrade() -> None:
    """When it was looked, and what was found, is forgotten."""
    op.drop_index("ix_recheck_scope", "recheck")
    op.drop_table("recheck")
