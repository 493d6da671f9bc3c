"""Signing by the parties: forms prepared for a signature, and a file a signing step."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
WAS = "Files (文件): one format of an edition, bytes in the store"
IS = "Files (文件): one format of an edition, or one signing step; bytes in the store"
FORMAT, STEP = "uq_file_order_id_format", "uq_file_order_id_format_step"


def upgrade() -> None:
    """A table is added; an order may have several files of a format, one a signing step."""
    op.create_table(
        "preparation",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("document_id", ID, nullable=False),
        sa.Column("data_key_id", ID, nullable=False),
        sa.Column("party", sa.String(length=16), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("base_sha256", sa.String(length=64), nullable=False),
        sa.Column("document_digest", sa.String(length=64), nullable=False),
        sa.Column("picture", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=True),
        sa.Column("prepared_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("completed_at", TIME, nullable=True),
        sa.Column("signature", sa.LargeBinary(length=32), nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_preparation_data_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_preparation_document_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preparation")),
        sa.UniqueConstraint("token", name=op.f("uq_preparation_token")),
        comment="Forms prepared for a party's signature (签署), and which signature completed each",
    )
    op.create_index(op.f("ix_preparation_document_id"), "preparation", ["document_id"])
    op.create_index(op.f("ix_preparation_data_key_id"), "preparation", ["data_key_id"])
    with op.batch_alter_table("file") as table:
        table.add_column(sa.Column("step", sa.Integer(), nullable=False, server_default="0"))
        table.drop_constraint(op.f(FORMAT), type_="unique")
        table.create_unique_constraint(op.f(STEP), ["order_id", "format", "step"])
    _comment(IS)


def downgrade() -> None:
    """Back to one file a format; the rows of signed files are lost, the files stay."""
    op.execute(sa.text("DELETE FROM file WHERE step > 0"))
    with op.batch_alter_table("file") as table:
        table.drop_constraint(op.f(STEP), type_="unique")
        table.create_unique_constraint(op.f(FORMAT), ["order_id", "format"])
        table.drop_column("step")
    _comment(WAS)
    op.drop_table("preparation")


def _comment(text: str) -> None:
    """SQLite has none."""
    if op.get_bind().dialect.supports_comments:
        op.create_table_comment("file", text)
