"""Fonts that were added to the installed ones; the store has their bytes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One table is added."""
    op.create_table(
        "added_font",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("face_index", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.String(length=240), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_added_font")),
        sa.UniqueConstraint("sha256", "face_index", name=op.f("uq_added_font_sha256_face_index")),
        comment="Fonts added to the installed ones, in their order; bytes in the store",
    )


def downgrade() -> None:
    """Back to the installed fonts; what was added stays in the store, unused."""
    op.drop_table("added_font")
