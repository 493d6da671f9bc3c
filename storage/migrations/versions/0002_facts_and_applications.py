"""Facts of a person instead of a registration's events; applications; numbers of old.

``registration_event`` stays until everything runs this code: ``ledger.facts.adopt`` makes facts
of its rows, and a later revision drops it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
SEALED = sa.LargeBinary()
ACTIVE = "state = 'active'"
STANDING = "state IN ('active', 'suspended')"


def upgrade() -> None:
    """Tables and columns are added; the index of what is in force grows by the unit."""
    op.create_table(
        "fact",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("holder_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("data_key_id", ID, nullable=False),
        sa.Column("effective", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("content", SEALED, nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_fact_holder_id")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_fact_inbox_id")),
        sa.ForeignKeyConstraint(["data_key_id"], ["data_key.id"], name=op.f("fk_fact_data_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fact")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_fact_source_event_id")),
        comment="What is said of a person; the register is their fold by (effective, source, id)",
    )
    _index("fact", "holder_id", "inbox_id", "data_key_id")
    op.create_table(
        "application",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("acceptance_number", sa.String(length=64), nullable=False),
        sa.Column("holder_id", ID, nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("view", JSON, nullable=False),
        sa.Column("filing_number", sa.String(length=40), nullable=True),
        sa.Column("query_code", SEALED, nullable=True),
        sa.Column("changed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["holder.id"], name=op.f("fk_application_holder_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint(
            "profile", "acceptance_number", name=op.f("uq_application_profile_acceptance_number")
        ),
        sa.UniqueConstraint("filing_number", name=op.f("uq_application_filing_number")),
        comment="Applications (注册申请): the fold of their events, without personal data",
    )
    _index("application", "holder_id")
    op.create_table(
        "former_number",
        sa.Column("registration_id", ID, nullable=False),
        sa.Column("authority", sa.String(length=18), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("number_key", sa.String(length=64), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registration.id"], name=op.f("fk_former_number_registration_id")
        ),
        sa.PrimaryKeyConstraint("registration_id", "number", name=op.f("pk_former_number")),
        comment="Numbers and spellings a registration had before (曾用注册编号)",
    )
    _index("former_number", "registration_id")
    op.create_index("ix_former_number_key", "former_number", ["authority", "number_key"])
    op.create_table(
        "holder_alias",
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("holder_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["holder.id"], name=op.f("fk_holder_alias_holder_id")
        ),
        sa.PrimaryKeyConstraint("profile", "lookup", name=op.f("pk_holder_alias")),
        comment="Identity numbers a holder had before a correction, as keyed digests",
    )
    _index("holder_alias", "holder_id")
    op.add_column(
        "registration",
        sa.Column("unit", sa.String(length=40), nullable=False, server_default=""),
    )
    op.add_column("registration", sa.Column("origin_source", sa.String(length=255), nullable=True))
    op.add_column("registration", sa.Column("origin_event", sa.String(length=255), nullable=True))
    op.add_column("edition", sa.Column("basis", sa.String(length=64), nullable=True))
    op.add_column("production_order", sa.Column("waits_for", sa.String(length=16), nullable=True))
    op.drop_index("uq_registration_in_force", "registration")
    _in_force(["profile", "holder_id", "occupation", "unit"], STANDING)


def downgrade() -> None:
    """Back to what 0001 made; what only facts and applications say is lost."""
    op.drop_index("uq_registration_in_force", "registration")
    _in_force(["profile", "holder_id", "occupation"], ACTIVE)
    op.drop_column("production_order", "waits_for")
    op.drop_column("edition", "basis")
    op.drop_column("registration", "origin_event")
    op.drop_column("registration", "origin_source")
    op.drop_column("registration", "unit")
    op.drop_table("holder_alias")
    op.drop_table("former_number")
    op.drop_table("application")
    op.drop_table("fact")


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def _in_force(columns: list[str], where: str) -> None:
    op.create_index(
        "uq_registration_in_force",
        "registration",
        columns,
        unique=True,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(where),
    )
