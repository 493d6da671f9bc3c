"""Access keys: what upstream systems show at the door."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """A table is added."""
    op.create_table(
        "access_key",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=32), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("profiles", JSON, nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("data_key_id", ID, nullable=False),
        sa.Column("signing_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_access_key_data_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_key")),
        sa.UniqueConstraint("key_id", name=op.f("uq_access_key_key_id")),
        comment="Access keys (访问密钥): what upstream systems show at the door; no secret is kept",
    )
    op.create_index(op.f("ix_access_key_data_key_id"), "access_key", ["data_key_id"])
    op.create_index("ix_access_key_source_label", "access_key", ["source", "label"])


def downgrade() -> None:
    """All keys are forgotten: none opens the door any more."""
    op.drop_table("access_key")
