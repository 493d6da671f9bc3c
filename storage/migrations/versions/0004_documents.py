"""Documents that are no certificate: forms, notices, slips and lists.

An order makes an edition or a document, so what an edition alone had may be absent.  SQLite
cannot loosen a column: ``storage.schema`` lets it copy the tables with foreign keys off.
"""

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
STANDS = "state <> 'void'"

#: what a document's order and file lack
LOOSENED = {
    "production_order": {
        "registration_id": ID,
        "edition_id": ID,
        "identity": sa.String(length=64),
    },
    "file": {"edition_id": ID, "signing_cert_sha256": sa.String(length=64)},
}


def upgrade() -> None:
    """A table is added, orders and files are loosened, batches know whether they are listed."""
    op.create_table(
        "document",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("application_id", ID, nullable=True),
        sa.Column("batch_id", ID, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("ordered_at", TIME, nullable=False),
        sa.Column("made_at", TIME, nullable=True),
        sa.Column("void_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name=op.f("fk_document_application_id")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_document_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        comment="Forms, notices, slips and lists (文书): all but certificates; one stands",
    )
    op.create_index(op.f("ix_document_application_id"), "document", ["application_id"])
    op.create_index(op.f("ix_document_batch_id"), "document", ["batch_id"])
    _standing("uq_document_of_application", ["application_id", "kind"])
    _standing("uq_document_of_batch", ["batch_id", "profile", "kind"])
    with op.batch_alter_table("production_order") as table:
        _loosen(table, "production_order", nullable=True)
        table.add_column(sa.Column("document_id", ID, nullable=True))
        table.create_foreign_key(
            op.f("fk_production_order_document_id"), "document", ["document_id"], ["id"]
        )
        table.create_unique_constraint(op.f("uq_production_order_document_id"), ["document_id"])
    with op.batch_alter_table("file") as table:
        _loosen(table, "file", nullable=True)
    op.create_index(op.f("ix_production_order_document_id"), "production_order", ["document_id"])
    op.add_column(
        "batch", sa.Column("listed", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(sa.text("UPDATE batch SET listed = true WHERE state = 'completed'"))


def downgrade() -> None:
    """Back to certificates alone; the rows of other documents are lost, their files stay."""
    orders = "SELECT id FROM production_order WHERE document_id IS NOT NULL"
    op.execute(sa.text(f"DELETE FROM file WHERE order_id IN ({orders})"))  # noqa: S608
    op.execute(sa.text("DELETE FROM production_order WHERE document_id IS NOT NULL"))
    op.drop_column("batch", "listed")
    op.drop_index(op.f("ix_production_order_document_id"), "production_order")
    with op.batch_alter_table("production_order") as table:
        table.drop_constraint(op.f("uq_production_order_document_id"), type_="unique")
        table.drop_constraint(op.f("fk_production_order_document_id"), type_="foreignkey")
        table.drop_column("document_id")
        _loosen(table, "production_order", nullable=False)
    with op.batch_alter_table("file") as table:
        _loosen(table, "file", nullable=False)
    op.drop_table("document")


def _loosen(table: BatchOperations, name: str, *, nullable: bool) -> None:
    for column, kind in LOOSENED[name].items():
        table.alter_column(column, existing_type=kind, nullable=nullable)  # type: ignore[arg-type]


def _standing(name: str, columns: list[str]) -> None:
    op.create_index(
        name,
        "document",
        columns,
        unique=True,
        postgresql_where=sa.text(STANDS),
        sqlite_where=sa.text(STANDS),
    )
