"""What an asynchronous seal service is asked to seal, so that it can be withdrawn."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """A table is added."""
    op.create_table(
        "sealing",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["production_order.id"], name=op.f("fk_sealing_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sealing")),
        sa.UniqueConstraint(
            "order_id", "format", "digest", name=op.f("uq_sealing_order_id_format_digest")
        ),
        comment="What a seal service is asked to seal later (签章申请), until it has or need not",
    )
    unwanted = sa.text("state = 'unwanted'")
    op.create_index(
        "ix_sealing_unwanted",
        "sealing",
        ["identity", "format"],
        postgresql_where=unwanted,
        sqlite_where=unwanted,
    )


def downgrade() -> None:
    """What was asked for is forgotten; the service keeps it."""
    op.drop_table("sealing")
