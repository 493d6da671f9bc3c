"""Persons whose data is erased, who was merged into whom, and which master key is in use."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
NOT_DONE = sa.text("state <> 'done'")
#: Of two rows that turned out to be one person the facts were moved, and kept their keys.
MERGED = """
UPDATE holder SET merged_into = (
    SELECT min(fact.holder_id) FROM fact
    WHERE fact.data_key_id = holder.data_key_id AND fact.holder_id <> holder.id
) WHERE EXISTS (
    SELECT 1 FROM fact
    WHERE fact.data_key_id = holder.data_key_id AND fact.holder_id <> holder.id
)
"""


def upgrade() -> None:
    """Two tables and three columns; who was merged before is read from the facts."""
    op.create_table(
        "master_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("put_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_master_key")),
        comment="One row: by which master key new data keys are wrapped, or by a later one",
    )
    op.execute("INSERT INTO master_key VALUES (1, 1, CURRENT_TIMESTAMP, 'migrate')")
    op.create_table(
        "erasure",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("holder_id", ID, nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("rule", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("data_key_id", ID, nullable=False),
        sa.Column("work", sa.LargeBinary(), nullable=False),
        sa.Column("promised_at", TIME, nullable=False),
        sa.Column("shredded_at", TIME, nullable=True),
        sa.Column("done_at", TIME, nullable=True),
        sa.Column("proof", JSON, nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_erasure_data_key_id")
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_erasure_holder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("holder_id", name=op.f("uq_erasure_holder_id")),
        comment="Persons whose data is erased (信息删除), how far that is, and the proof of it",
    )
    op.create_index(op.f("ix_erasure_data_key_id"), "erasure", ["data_key_id"])
    op.create_index(
        "ix_erasure_open", "erasure", ["id"], postgresql_where=NOT_DONE, sqlite_where=NOT_DONE
    )
    op.add_column("holder", sa.Column("merged_into", ID, nullable=True))
    op.add_column("holder", sa.Column("erased_at", TIME, nullable=True))
    op.create_index(op.f("ix_holder_merged_into"), "holder", ["merged_into"])
    op.add_column("file", sa.Column("erased_at", TIME, nullable=True))
    op.execute(MERGED)


def downgrade() -> None:
    """Who was erased is forgotten; what was erased stays so."""
    op.drop_column("file", "erased_at")
    op.drop_index(op.f("ix_holder_merged_into"), "holder")
    op.drop_column("holder", "erased_at")
    op.drop_column("holder", "merged_into")
    op.drop_index("ix_erasure_open", "erasure")
    op.drop_index(op.f("ix_erasure_data_key_id"), "erasure")
    op.drop_table("erasure")
    op.drop_table("master_key")
