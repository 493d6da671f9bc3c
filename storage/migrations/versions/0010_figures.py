"""What figures are asked by: when things happened, what was applied for, and who was warned."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
#: name -> (table, columns, of which rows)
INDEXES = {
    "ix_edition_made": (
        "edition",
        ["made_at", "profile", "cause", "applied_for", "number"],
        "made_at IS NOT NULL",
    ),
    "ix_edition_taken": ("edition", ["collected_at", "profile"], "collected_at > ordered_at"),
    "ix_edition_ends": (
        "edition",
        ["valid_until", "profile"],
        "state IN ('uncollected', 'collected', 'outdated')",
    ),
    "ix_hold_opened": ("hold", ["opened_at", "profile", "reason"], None),
    "ix_notice_revoked": ("notice", ["created_at", "profile"], "type = 'certificate.revoked'"),
}


def upgrade() -> None:
    """A column and indexes are added, and the table of who was warned."""
    op.add_column("edition", sa.Column("applied_for", sa.String(length=32), nullable=True))
    for name, (table, columns, rows) in INDEXES.items():
        which = sa.text(rows) if rows else None
        op.create_index(name, table, columns, postgresql_where=which, sqlite_where=which)
    op.create_table(
        "expiry_warning",
        sa.Column("registration_id", ID, nullable=False),
        sa.Column("valid_until", sa.String(length=10), nullable=False),
        sa.Column("told_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registration.id"],
            name=op.f("fk_expiry_warning_registration_id"),
        ),
        sa.PrimaryKeyConstraint("registration_id", "valid_until", name=op.f("pk_expiry_warning")),
        comment="Certificates whose end upstream was told of (到期提醒), once for each day of end",
    )
    op.create_index(
        op.f("ix_expiry_warning_registration_id"), "expiry_warning", ["registration_id"]
    )


def downgrade() -> None:
    """What was applied for, and who was warned, is forgotten."""
    op.drop_table("expiry_warning")
    for name, (table, _, _) in reversed(INDEXES.items()):
        op.drop_index(name, table)
    op.drop_column("edition", "applied_for")
