"""Editions that a restore found in the store, and that the restored ledger does not know."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One table, empty until a backup is restored."""
    op.create_table(
        "lost_edition",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("registration_number", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("licence_id", sa.String(length=96), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("valid_until", sa.String(length=10), nullable=False),
        sa.Column("named", sa.String(length=64), nullable=False),
        sa.Column("born", sa.String(length=64), nullable=False),
        sa.Column("twin", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lost_edition")),
        sa.UniqueConstraint("uid", "number", name=op.f("uq_lost_edition_uid_number")),
        comment="Editions in the store that a restored ledger has no other row of",
    )
    op.create_index(op.f("ix_lost_edition_origin"), "lost_edition", ["origin"])
    op.create_index(op.f("ix_lost_edition_code"), "lost_edition", ["code"])


def downgrade() -> None:
    """Whoever was registered after a backup gets other numbers again."""
    op.drop_index(op.f("ix_lost_edition_code"), "lost_edition")
    op.drop_index(op.f("ix_lost_edition_origin"), "lost_edition")
    op.drop_table("lost_edition")
