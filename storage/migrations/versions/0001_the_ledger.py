"""The ledger: events, register, editions, orders, chunks, files, batches, outbox, audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
SEALED = sa.LargeBinary()


def upgrade() -> None:
    """All tables."""
    op.create_table(
        "audit",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("object_kind", sa.String(length=24), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("what", JSON, nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="Who did what and why, written in the work's own transaction",
    )
    op.create_table(
        "data_key",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("erased_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key")),
        comment="One key a holder, wrapped by the master key; erasing it erases the person",
    )
    op.create_table(
        "enterprise",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("credit_code", sa.String(length=18), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enterprise")),
        sa.UniqueConstraint(
            "profile", "credit_code", name=op.f("uq_enterprise_profile_credit_code")
        ),
        comment="Employing enterprises (聘用企业) with the name in force",
    )
    op.create_table(
        "hold",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("subject_kind", sa.String(length=8), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=16), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("closed_by", sa.String(length=128), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        comment="What is stopped for a person (挂起), why, and whose turn it is",
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(
            "uq_hold_open",
            ["subject_kind", "subject_id"],
            unique=True,
            postgresql_where=sa.text("closed_at IS NULL"),
            sqlite_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "number_series",
        sa.Column("series", sa.String(length=96), nullable=False),
        sa.Column("next", ID, nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_number_series")),
        comment="The next number of each series; drawn in the transaction that uses it",
    )
    op.create_table(
        "outbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("topic", sa.String(length=16), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        comment="Bells and notifications written with the work; the relay sends them",
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_unsent",
            ["topic", "id"],
            unique=False,
            postgresql_where=sa.text("sent_at IS NULL"),
            sqlite_where=sa.text("sent_at IS NULL"),
        )

    op.create_table(
        "singleton",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_singleton")),
        comment="Leases of services that run once (reconciler, janitor)",
    )
    op.create_table(
        "source_grant",
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.PrimaryKeyConstraint("source", "profile", name=op.f("pk_source_grant")),
        comment="Which profiles an upstream system (来源系统) may submit for",
    )
    op.create_table(
        "holder",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("data_key_id", ID, nullable=False),
        sa.Column("person", SEALED, nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_holder_data_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holder")),
        sa.UniqueConstraint("profile", "lookup", name=op.f("uq_holder_profile_lookup")),
        comment="Persons (持证人); lookup is a keyed digest of the identity number",
    )
    with op.batch_alter_table("holder", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_holder_data_key_id"), ["data_key_id"], unique=False)

    op.create_table(
        "inbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("data_key_id", ID, nullable=False),
        sa.Column("body", SEALED, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("submitted_by", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("outcome", JSON, nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_inbox_data_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_inbox_source_event_id")),
        comment="Every accepted event once; digest is keyed",
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbox_data_key_id"), ["data_key_id"], unique=False)

    op.create_table(
        "batch",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("subject", JSON, nullable=False),
        sa.Column("profiles", JSON, nullable=False),
        sa.Column("cursor", ID, server_default="0", nullable=False),
        sa.Column("expanded", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("rung_at", TIME, nullable=True),
        sa.Column("confirmed_at", TIME, nullable=True),
        sa.Column("confirmed_by", sa.String(length=128), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("completed_at", TIME, nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_batch_inbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("inbox_id", name=op.f("uq_batch_inbox_id")),
        comment="A bulk event's life (批次)",
    )
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batch_inbox_id"), ["inbox_id"], unique=False)

    op.create_table(
        "enterprise_name",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("enterprise_id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise_id"], ["enterprise.id"], name=op.f("fk_enterprise_name_enterprise_id")
        ),
        sa.ForeignKeyConstraint(
            ["inbox_id"], ["inbox.id"], name=op.f("fk_enterprise_name_inbox_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enterprise_name")),
        comment="Former names, and the event that ended each",
    )
    with op.batch_alter_table("enterprise_name", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_enterprise_name_enterprise_id"), ["enterprise_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_enterprise_name_inbox_id"), ["inbox_id"], unique=False)

    op.create_table(
        "picture",
        sa.Column("holder_id", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", SEALED, nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_picture_holder_id")),
        sa.PrimaryKeyConstraint("holder_id", "digest", name=op.f("pk_picture")),
        comment="Normalised photos by keyed digest",
    )
    with op.batch_alter_table("picture", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_picture_holder_id"), ["holder_id"], unique=False)

    op.create_table(
        "registration",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("authority", sa.String(length=18), nullable=False),
        sa.Column("occupation", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("number_key", sa.String(length=64), nullable=False),
        sa.Column("holder_id", ID, nullable=False),
        sa.Column("enterprise_id", ID, nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("view", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise_id"], ["enterprise.id"], name=op.f("fk_registration_enterprise_id")
        ),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["holder.id"], name=op.f("fk_registration_holder_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration")),
        sa.UniqueConstraint(
            "authority", "number_key", name=op.f("uq_registration_authority_number_key")
        ),
        sa.UniqueConstraint("uid", name=op.f("uq_registration_uid")),
        comment="Registrations (注册); view is the fold of its events",
    )
    with op.batch_alter_table("registration", schema=None) as batch_op:
        batch_op.create_index(
            "ix_registration_affected", ["profile", "enterprise_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_registration_enterprise_id"), ["enterprise_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_registration_holder_id"), ["holder_id"], unique=False)
        batch_op.create_index(
            "uq_registration_in_force",
            ["profile", "holder_id", "occupation"],
            unique=True,
            postgresql_where=sa.text("state = 'active'"),
            sqlite_where=sa.text("state = 'active'"),
        )

    op.create_table(
        "chunk",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("batch_id", ID, nullable=True),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("released", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("run_after", TIME, nullable=False),
        sa.Column("rung_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_chunk_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunk")),
        comment="Claimable sets of orders (块)",
    )
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chunk_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(
            "ix_chunk_open",
            ["queue", "run_after"],
            unique=False,
            postgresql_where=sa.text("state <> 'closed'"),
            sqlite_where=sa.text("state <> 'closed'"),
        )

    op.create_table(
        "edition",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("registration_id", ID, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("medium", sa.String(length=12), nullable=False),
        sa.Column("licence_id", sa.String(length=96), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=True),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("valid_until", sa.String(length=10), nullable=False),
        sa.Column("ordered_at", TIME, nullable=False),
        sa.Column("made_at", TIME, nullable=True),
        sa.Column("collected_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registration.id"], name=op.f("fk_edition_registration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition")),
        sa.UniqueConstraint("code", name=op.f("uq_edition_code")),
        sa.UniqueConstraint("licence_id", name=op.f("uq_edition_licence_id")),
        sa.UniqueConstraint(
            "registration_id", "number", name=op.f("uq_edition_registration_id_number")
        ),
        comment="Editions (版本); at most one of a registration is current",
    )
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_edition_registration_id"), ["registration_id"], unique=False
        )
        batch_op.create_index(
            "uq_edition_current",
            ["registration_id"],
            unique=True,
            postgresql_where=sa.text("state IN ('uncollected', 'collected')"),
            sqlite_where=sa.text("state IN ('uncollected', 'collected')"),
        )

    op.create_table(
        "registration_event",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("registration_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("effective", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("facts", SEALED, nullable=False),
        sa.ForeignKeyConstraint(
            ["inbox_id"], ["inbox.id"], name=op.f("fk_registration_event_inbox_id")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registration.id"],
            name=op.f("fk_registration_event_registration_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_event")),
        sa.UniqueConstraint(
            "registration_id",
            "source",
            "event_id",
            name=op.f("uq_registration_event_registration_id_source_event_id"),
        ),
        comment="What happened to a registration; folded by (effective, source, event id)",
    )
    with op.batch_alter_table("registration_event", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_registration_event_inbox_id"), ["inbox_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_registration_event_registration_id"), ["registration_id"], unique=False
        )

    op.create_table(
        "production_order",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("profile_version", sa.String(length=32), nullable=False),
        sa.Column("registration_id", ID, nullable=False),
        sa.Column("edition_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("batch_id", ID, nullable=True),
        sa.Column("chunk_id", ID, nullable=True),
        sa.Column("data_key_id", ID, nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("face", SEALED, nullable=False),
        sa.Column("face_version", sa.Integer(), nullable=False),
        sa.Column("pictures", JSON, nullable=False),
        sa.Column("formats", JSON, nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("signed_at", TIME, nullable=False),
        sa.Column("key_stem", sa.String(length=200), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batch.id"], name=op.f("fk_production_order_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["chunk_id"], ["chunk.id"], name=op.f("fk_production_order_chunk_id")
        ),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_production_order_data_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name=op.f("fk_production_order_edition_id")
        ),
        sa.ForeignKeyConstraint(
            ["inbox_id"], ["inbox.id"], name=op.f("fk_production_order_inbox_id")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registration.id"],
            name=op.f("fk_production_order_registration_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_production_order")),
        sa.UniqueConstraint("edition_id", "kind", name=op.f("uq_production_order_edition_id_kind")),
        comment="Production orders (生产单): everything that will be printed",
    )
    with op.batch_alter_table("production_order", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_production_order_batch_id"), ["batch_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_production_order_chunk_id"), ["chunk_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_production_order_data_key_id"), ["data_key_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_production_order_edition_id"), ["edition_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_production_order_inbox_id"), ["inbox_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_production_order_registration_id"), ["registration_id"], unique=False
        )

    op.create_table(
        "batch_item",
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("registration_id", ID, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("expected_edition_id", ID, nullable=True),
        sa.Column("order_id", ID, nullable=True),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_item_batch_id")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["production_order.id"], name=op.f("fk_batch_item_order_id")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registration.id"], name=op.f("fk_batch_item_registration_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", "registration_id", name=op.f("pk_batch_item")),
        comment="One affected registration of a batch (条目)",
    )
    with op.batch_alter_table("batch_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batch_item_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_batch_item_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_batch_item_registration_id"), ["registration_id"], unique=False
        )
        batch_op.create_index("ix_batch_item_state", ["batch_id", "state"], unique=False)

    op.create_table(
        "file",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("edition_id", ID, nullable=False),
        sa.Column("profile", sa.String(length=48), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("object_key", sa.String(length=240), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(length=64), nullable=False),
        sa.Column("signing_cert_sha256", sa.String(length=64), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["edition.id"], name=op.f("fk_file_edition_id")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["production_order.id"], name=op.f("fk_file_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        sa.UniqueConstraint("object_key", name=op.f("uq_file_object_key")),
        sa.UniqueConstraint("order_id", "format", name=op.f("uq_file_order_id_format")),
        comment="Files (文件): one format of an edition, bytes in the store",
    )
    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_file_edition_id"), ["edition_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_file_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_file_sha256"), ["sha256"], unique=False)


def downgrade() -> None:
    """None."""
    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_file_sha256"))
        batch_op.drop_index(batch_op.f("ix_file_order_id"))
        batch_op.drop_index(batch_op.f("ix_file_edition_id"))

    op.drop_table("file")
    with op.batch_alter_table("batch_item", schema=None) as batch_op:
        batch_op.drop_index("ix_batch_item_state")
        batch_op.drop_index(batch_op.f("ix_batch_item_registration_id"))
        batch_op.drop_index(batch_op.f("ix_batch_item_order_id"))
        batch_op.drop_index(batch_op.f("ix_batch_item_batch_id"))

    op.drop_table("batch_item")
    with op.batch_alter_table("production_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_production_order_registration_id"))
        batch_op.drop_index(batch_op.f("ix_production_order_inbox_id"))
        batch_op.drop_index(batch_op.f("ix_production_order_edition_id"))
        batch_op.drop_index(batch_op.f("ix_production_order_data_key_id"))
        batch_op.drop_index(batch_op.f("ix_production_order_chunk_id"))
        batch_op.drop_index(batch_op.f("ix_production_order_batch_id"))

    op.drop_table("production_order")
    with op.batch_alter_table("registration_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_registration_event_registration_id"))
        batch_op.drop_index(batch_op.f("ix_registration_event_inbox_id"))

    op.drop_table("registration_event")
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_edition_current",
            postgresql_where=sa.text("state IN ('uncollected', 'collected')"),
            sqlite_where=sa.text("state IN ('uncollected', 'collected')"),
        )
        batch_op.drop_index(batch_op.f("ix_edition_registration_id"))

    op.drop_table("edition")
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_chunk_open",
            postgresql_where=sa.text("state <> 'closed'"),
            sqlite_where=sa.text("state <> 'closed'"),
        )
        batch_op.drop_index(batch_op.f("ix_chunk_batch_id"))

    op.drop_table("chunk")
    with op.batch_alter_table("registration", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_registration_in_force",
            postgresql_where=sa.text("state = 'active'"),
            sqlite_where=sa.text("state = 'active'"),
        )
        batch_op.drop_index(batch_op.f("ix_registration_holder_id"))
        batch_op.drop_index(batch_op.f("ix_registration_enterprise_id"))
        batch_op.drop_index("ix_registration_affected")

    op.drop_table("registration")
    with op.batch_alter_table("picture", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_picture_holder_id"))

    op.drop_table("picture")
    with op.batch_alter_table("enterprise_name", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enterprise_name_inbox_id"))
        batch_op.drop_index(batch_op.f("ix_enterprise_name_enterprise_id"))

    op.drop_table("enterprise_name")
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_batch_inbox_id"))

    op.drop_table("batch")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbox_data_key_id"))

    op.drop_table("inbox")
    with op.batch_alter_table("holder", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_holder_data_key_id"))

    op.drop_table("holder")
    op.drop_table("source_grant")
    op.drop_table("singleton")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_unsent",
            postgresql_where=sa.text("sent_at IS NULL"),
            sqlite_where=sa.text("sent_at IS NULL"),
        )

    op.drop_table("outbox")
    op.drop_table("number_series")
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_hold_open",
            postgresql_where=sa.text("closed_at IS NULL"),
            sqlite_where=sa.text("closed_at IS NULL"),
        )

    op.drop_table("hold")
    op.drop_table("enterprise")
    op.drop_table("data_key")
    op.drop_table("audit")
