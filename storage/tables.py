"""The ledger's tables, as SQLAlchemy Core; the migrations build exactly these.

Every row that belongs to a register carries its profile.  Personal data stands only in
columns of type Sealed, each under the holder's own data key; look-ups go by keyed digests.
What an access key signs with is sealed too, under a data key of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
Json = JSON().with_variant(JSONB, "postgresql")


class UtcTime(TypeDecorator[datetime]):
    """An aware time; timestamptz on PostgreSQL, UTC text of fixed width on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """UTC on the way in."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Aware on the way out."""
        if value is None:
            return None
        aware: datetime = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return aware.astimezone(UTC)


class Sealed(TypeDecorator[bytes]):
    """Bytes encrypted by the vault under a holder's data key; never clear text."""

    impl = LargeBinary
    cache_ok = True


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _ref(table: str, *, null: bool = False, name: str | None = None) -> Column[int]:
    return Column(name or f"{table}_id", Id, ForeignKey(f"{table}.id"), nullable=null, index=True)


def _profile() -> Column[str]:
    return Column("profile", String(48), nullable=False)


def _time(name: str, *, null: bool = False) -> Column[datetime]:
    return Column(name, UtcTime, nullable=null)


def _state() -> Column[str]:
    return Column("state", String(24), nullable=False)


def _correlation() -> Column[str]:
    return Column("correlation_id", String(64), nullable=False)


source_grant = Table(
    "source_grant",
    metadata,
    Column("source", String(255), nullable=False),
    _profile(),
    PrimaryKeyConstraint("source", "profile"),
    comment="Which profiles an upstream system (来源系统) may submit for",
)

data_key = Table(
    "data_key",
    metadata,
    _id(),
    Column("wrapped", LargeBinary),
    _time("created_at"),
    _time("erased_at", null=True),
    comment="One key a holder, wrapped by the master key; erasing it erases the person",
)

master_key = Table(
    "master_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    _time("since"),
    Column("put_by", String(128), nullable=False),
    comment="One row: by which master key new data keys are wrapped, or by a later one",
)

access_key = Table(
    "access_key",
    metadata,
    _id(),
    Column("key_id", String(16), nullable=False),
    Column("source", String(255), nullable=False),
    Column("label", String(32), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("profiles", Json, nullable=False),
    Column("secret_hash", String(64), nullable=False),
    _ref("data_key"),
    Column("signing_key", Sealed, nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("revoked_at", null=True),
    _time("last_used_at", null=True),
    UniqueConstraint("key_id"),
    Index("ix_access_key_source_label", "source", "label"),
    comment="Access keys (访问密钥): what upstream systems show at the door; no secret is kept",
)

inbox = Table(
    "inbox",
    metadata,
    _id(),
    Column("source", String(255), nullable=False),
    Column("event_id", String(255), nullable=False),
    Column("type", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    _ref("data_key"),
    Column("body", Sealed, nullable=False),
    _time("received_at"),
    Column("submitted_by", String(128), nullable=False),
    _state(),
    Column("outcome", Json, nullable=False),
    _correlation(),
    UniqueConstraint("source", "event_id"),
    comment="Every accepted event once; digest is keyed",
)

holder = Table(
    "holder",
    metadata,
    _id(),
    _profile(),
    Column("lookup", LargeBinary(32), nullable=False),
    _ref("data_key"),
    Column("person", Sealed, nullable=False),
    Column("merged_into", Id, index=True),
    _time("erased_at", null=True),
    UniqueConstraint("profile", "lookup"),
    comment="Persons (持证人); lookup is a keyed digest of the identity number",
)

picture = Table(
    "picture",
    metadata,
    _ref("holder"),
    Column("digest", String(64), nullable=False),
    Column("content", Sealed, nullable=False),
    PrimaryKeyConstraint("holder_id", "digest"),
    comment="Normalised photos by keyed digest",
)

enterprise = Table(
    "enterprise",
    metadata,
    _id(),
    _profile(),
    Column("credit_code", String(18), nullable=False),
    Column("name", String(200), nullable=False),
    UniqueConstraint("profile", "credit_code"),
    comment="Employing enterprises (聘用企业) with the name in force",
)

enterprise_name = Table(
    "enterprise_name",
    metadata,
    _id(),
    _ref("enterprise"),
    Column("name", String(200), nullable=False),
    _time("until"),
    _ref("inbox"),
    comment="Former names, and the event that ended each",
)

registration = Table(
    "registration",
    metadata,
    _id(),
    Column("uid", String(32), nullable=False, unique=True),
    _profile(),
    Column("authority", String(18), nullable=False),
    Column("occupation", String(32), nullable=False),
    Column("number", String(64), nullable=False),
    Column("number_key", String(64), nullable=False),
    _ref("holder"),
    _ref("enterprise"),
    _state(),
    Column("view", Json, nullable=False),
    Column("unit", String(40), nullable=False, server_default=""),
    Column("origin_source", String(255)),
    Column("origin_event", String(255)),
    UniqueConstraint("authority", "number_key"),
    Index("ix_registration_affected", "profile", "enterprise_id", "id"),
    Index(
        "uq_registration_in_force",
        "profile",
        "holder_id",
        "occupation",
        "unit",
        unique=True,
        postgresql_where=text("state IN ('active', 'suspended')"),
        sqlite_where=text("state IN ('active', 'suspended')"),
    ),
    comment="Registrations (注册); view is the fold of its events",
)

#: Read once, by the upgrade that makes facts of it; no longer written.
registration_event = Table(
    "registration_event",
    metadata,
    _id(),
    _ref("registration"),
    _ref("inbox"),
    Column("effective", String(10), nullable=False),
    Column("source", String(255), nullable=False),
    Column("event_id", String(255), nullable=False),
    Column("type", String(64), nullable=False),
    Column("facts", Sealed, nullable=False),
    UniqueConstraint("registration_id", "source", "event_id"),
    comment="What happened to a registration; folded by (effective, source, event id)",
)

former_number = Table(
    "former_number",
    metadata,
    _ref("registration"),
    Column("authority", String(18), nullable=False),
    Column("number", String(64), nullable=False),
    Column("number_key", String(64), nullable=False),
    _time("until"),
    PrimaryKeyConstraint("registration_id", "number"),
    Index("ix_former_number_key", "authority", "number_key"),
    comment="Numbers and spellings a registration had before (曾用注册编号)",
)

holder_alias = Table(
    "holder_alias",
    metadata,
    _profile(),
    Column("lookup", LargeBinary(32), nullable=False),
    _ref("holder"),
    PrimaryKeyConstraint("profile", "lookup"),
    comment="Identity numbers a holder had before a correction, as keyed digests",
)

erasure = Table(
    "erasure",
    metadata,
    _id(),
    _profile(),
    Column("holder_id", Id, ForeignKey("holder.id"), nullable=False, unique=True),
    _state(),
    Column("rule", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("who", String(128), nullable=False),
    _ref("data_key"),
    Column("work", Sealed, nullable=False),
    _time("promised_at"),
    _time("shredded_at", null=True),
    _time("done_at", null=True),
    Column("proof", Json),
    _correlation(),
    Index(
        "ix_erasure_open",
        "id",
        postgresql_where=text("state <> 'done'"),
        sqlite_where=text("state <> 'done'"),
    ),
    comment="Persons whose data is erased (信息删除), how far that is, and the proof of it",
)

fact = Table(
    "fact",
    metadata,
    _id(),
    _profile(),
    _ref("holder"),
    _ref("inbox"),
    _ref("data_key"),
    Column("effective", String(32), nullable=False),
    Column("source", String(255), nullable=False),
    Column("event_id", String(255), nullable=False),
    Column("type", String(64), nullable=False),
    _state(),
    Column("content", Sealed, nullable=False),
    UniqueConstraint("source", "event_id"),
    comment="What is said of a person; the register is their fold by (effective, source, id)",
)

application = Table(
    "application",
    metadata,
    _id(),
    _profile(),
    Column("acceptance_number", String(64), nullable=False),
    _ref("holder"),
    Column("type", String(32), nullable=False),
    _state(),
    Column("revision", Integer, nullable=False),
    Column("view", Json, nullable=False),
    Column("filing_number", String(40)),
    Column("query_code", Sealed),
    _time("changed_at"),
    UniqueConstraint("profile", "acceptance_number"),
    UniqueConstraint("filing_number"),
    comment="Applications (注册申请): the fold of their events, without personal data",
)

edition = Table(
    "edition",
    metadata,
    _id(),
    _ref("registration"),
    _profile(),
    Column("number", Integer, nullable=False),
    Column("medium", String(12), nullable=False),
    Column("licence_id", String(96), unique=True),
    Column("code", String(20), unique=True),
    _state(),
    Column("cause", String(64), nullable=False),
    Column("applied_for", String(32)),
    Column("basis", String(64)),
    Column("valid_until", String(10), nullable=False),
    _time("ordered_at"),
    _time("made_at", null=True),
    _time("collected_at", null=True),
    UniqueConstraint("registration_id", "number"),
    Index(
        "uq_edition_current",
        "registration_id",
        unique=True,
        postgresql_where=text("state IN ('uncollected', 'collected')"),
        sqlite_where=text("state IN ('uncollected', 'collected')"),
    ),
    Index(
        "ix_edition_made",
        "made_at",
        "profile",
        "cause",
        "applied_for",
        "number",
        postgresql_where=text("made_at IS NOT NULL"),
        sqlite_where=text("made_at IS NOT NULL"),
    ),
    Index(
        "ix_edition_taken",
        "collected_at",
        "profile",
        postgresql_where=text("collected_at > ordered_at"),
        sqlite_where=text("collected_at > ordered_at"),
    ),
    Index(
        "ix_edition_ends",
        "valid_until",
        "profile",
        postgresql_where=text("state IN ('uncollected', 'collected', 'outdated')"),
        sqlite_where=text("state IN ('uncollected', 'collected', 'outdated')"),
    ),
    comment="Editions (版本); at most one of a registration is current",
)

lost_edition = Table(
    "lost_edition",
    metadata,
    _id(),
    _profile(),
    Column("uid", String(32), nullable=False),
    Column("origin", String(16), nullable=False, index=True),
    Column("registration_number", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("licence_id", String(96), nullable=False),
    Column("code", String(20), nullable=False, index=True),
    Column("valid_until", String(10), nullable=False),
    Column("named", String(64), nullable=False),
    Column("born", String(64), nullable=False),
    Column("twin", String(64)),
    UniqueConstraint("uid", "number"),
    comment="Editions in the store that a restored ledger has no other row of",
)

batch = Table(
    "batch",
    metadata,
    _id(),
    Column("kind", String(32), nullable=False),
    _ref("inbox"),
    _state(),
    Column("subject", Json, nullable=False),
    Column("profiles", Json, nullable=False),
    Column("cursor", Id, nullable=False, server_default="0"),
    Column("expanded", Boolean, nullable=False),
    Column("listed", Boolean, nullable=False, server_default=false()),
    Column("canary", String(8), nullable=False, server_default="none"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("rate", Integer),
    _time("paced_until", null=True),
    Column("forgiven", Json, nullable=False, server_default="{}"),
    Column("stop_reason", Text),
    Column("approved_by", String(128)),
    _time("approved_at", null=True),
    Column("merkle_root", String(64)),
    Column("merkle_size", Integer),
    _time("created_at"),
    _time("rung_at", null=True),
    _time("confirmed_at", null=True),
    Column("confirmed_by", String(128)),
    Column("reason", Text),
    _time("completed_at", null=True),
    _correlation(),
    UniqueConstraint("inbox_id"),
    comment="A bulk event's life (批次)",
)

chunk = Table(
    "chunk",
    metadata,
    _id(),
    Column("queue", String(16), nullable=False),
    _ref("batch", null=True),
    _state(),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("released", Integer, nullable=False, server_default="0"),
    Column("canary", Boolean, nullable=False, server_default=false()),
    _time("lease_until", null=True),
    _time("run_after"),
    _time("rung_at", null=True),
    _time("created_at"),
    _correlation(),
    Column("waits_for", String(32)),
    Column("waits_why", Text),
    Index(
        "ix_chunk_open",
        "queue",
        "run_after",
        postgresql_where=text("state <> 'closed'"),
        sqlite_where=text("state <> 'closed'"),
    ),
    comment="Claimable sets of orders (块)",
)

document = Table(
    "document",
    metadata,
    _id(),
    _profile(),
    Column("kind", String(32), nullable=False),
    _ref("application", null=True),
    _ref("batch", null=True),
    Column("revision", Integer, nullable=False),
    Column("basis", String(64), nullable=False),
    Column("file_name", String(200), nullable=False),
    _state(),
    _time("ordered_at"),
    _time("made_at", null=True),
    _time("void_at", null=True),
    Index(
        "uq_document_of_application",
        "application_id",
        "kind",
        unique=True,
        postgresql_where=text("state <> 'void'"),
        sqlite_where=text("state <> 'void'"),
    ),
    Index(
        "uq_document_of_batch",
        "batch_id",
        "profile",
        "kind",
        unique=True,
        postgresql_where=text("state <> 'void'"),
        sqlite_where=text("state <> 'void'"),
    ),
    comment="Forms, notices, slips and lists (文书): all but certificates; one stands",
)

production_order = Table(
    "production_order",
    metadata,
    _id(),
    Column("kind", String(32), nullable=False),
    _profile(),
    Column("profile_version", String(32), nullable=False),
    _ref("registration", null=True),
    _ref("edition", null=True),
    _ref("document", null=True),
    _ref("inbox"),
    _ref("batch", null=True),
    _ref("chunk", null=True),
    _ref("data_key"),
    _state(),
    Column("waits_for", String(16)),
    Column("face", Sealed, nullable=False),
    Column("face_version", Integer, nullable=False),
    Column("pictures", Json, nullable=False),
    Column("formats", Json, nullable=False),
    Column("identity", String(64)),
    _time("signed_at"),
    Column("key_stem", String(200), nullable=False),
    _time("created_at"),
    _correlation(),
    UniqueConstraint("edition_id", "kind"),
    UniqueConstraint("document_id"),
    comment="Production orders (生产单): everything that will be printed",
)

file = Table(
    "file",
    metadata,
    _id(),
    Column("order_id", Id, ForeignKey("production_order.id"), nullable=False, index=True),
    _ref("edition", null=True),
    _profile(),
    Column("format", String(8), nullable=False),
    Column("step", Integer, nullable=False, server_default="0"),
    Column("object_key", String(240), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size_bytes", Integer, nullable=False),
    Column("content_type", String(64), nullable=False),
    Column("signing_cert_sha256", String(64)),
    _time("made_at"),
    Column("awaits", String(8)),
    Column("proved_until", String(10)),
    _time("erased_at", null=True),
    UniqueConstraint("order_id", "format", "step"),
    Index(
        "ix_file_awaits",
        "id",
        postgresql_where=text("awaits IS NOT NULL"),
        sqlite_where=text("awaits IS NOT NULL"),
    ),
    Index(
        "ix_file_proved_until",
        "proved_until",
        postgresql_where=text("proved_until IS NOT NULL"),
        sqlite_where=text("proved_until IS NOT NULL"),
    ),
    comment="Files (文件): one format of an edition, or one signing step; bytes in the store",
)

preparation = Table(
    "preparation",
    metadata,
    _id(),
    Column("token", String(32), nullable=False, unique=True),
    _profile(),
    _ref("document"),
    _ref("data_key"),
    Column("party", String(16), nullable=False),
    Column("step", Integer, nullable=False),
    Column("base_sha256", String(64), nullable=False),
    Column("document_digest", String(64), nullable=False),
    Column("picture", String(64), nullable=False),
    Column("chain", Sealed),
    _time("prepared_at"),
    _time("expires_at"),
    _time("completed_at", null=True),
    Column("signature", LargeBinary(32)),
    _correlation(),
    comment="Forms prepared for a party's signature (签署), and which signature completed each",
)

batch_item = Table(
    "batch_item",
    metadata,
    _ref("batch"),
    _ref("registration"),
    _profile(),
    Column("expected_edition_id", Id),
    Column("order_id", Id, ForeignKey("production_order.id"), index=True),
    _state(),
    Column("reason", String(64)),
    Column("forecast", String(64)),
    Column("replaced_edition_id", Id),
    Column("number", String(64)),
    PrimaryKeyConstraint("batch_id", "registration_id"),
    Index("ix_batch_item_state", "batch_id", "state", "registration_id"),
    comment="One affected registration of a batch (条目)",
)

hold = Table(
    "hold",
    metadata,
    _id(),
    _profile(),
    Column("subject_kind", String(8), nullable=False),
    Column("subject_id", Id, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("owner", String(16), nullable=False),
    _time("opened_at"),
    _time("closed_at", null=True),
    Column("closed_by", String(128)),
    Column("close_reason", Text),
    Index(
        "uq_hold_open",
        "subject_kind",
        "subject_id",
        unique=True,
        postgresql_where=text("closed_at IS NULL"),
        sqlite_where=text("closed_at IS NULL"),
    ),
    Index("ix_hold_opened", "opened_at", "profile", "reason"),
    comment="What is stopped for a person (挂起), why, and whose turn it is",
)

sealing = Table(
    "sealing",
    metadata,
    _id(),
    _profile(),
    Column("order_id", Id, ForeignKey("production_order.id"), nullable=False),
    Column("format", String(8), nullable=False),
    Column("identity", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    _state(),
    _time("since"),
    Column("tries", Integer, nullable=False, server_default="0"),
    _time("due_at", null=True),
    _correlation(),
    UniqueConstraint("order_id", "format", "digest"),
    Index(
        "ix_sealing_unwanted",
        "identity",
        "format",
        postgresql_where=text("state = 'unwanted'"),
        sqlite_where=text("state = 'unwanted'"),
    ),
    comment="What a seal service is asked to seal later (签章申请), until it has or need not",
)

added_font = Table(
    "added_font",
    metadata,
    _id(),
    Column("name", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("face_index", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("object_key", String(240), nullable=False),
    _time("added_at"),
    Column("added_by", String(128), nullable=False),
    UniqueConstraint("sha256", "face_index"),
    comment="Fonts added to the installed ones, in their order; bytes in the store",
)

number_series = Table(
    "number_series",
    metadata,
    Column("series", String(96), primary_key=True),
    Column("next", Id, nullable=False),
    comment="The next number of each series; drawn in the transaction that uses it",
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("topic", String(16), nullable=False),
    Column("body", Json, nullable=False),
    _time("created_at"),
    _time("sent_at", null=True),
    _correlation(),
    Index(
        "ix_outbox_unsent",
        "topic",
        "id",
        postgresql_where=text("sent_at IS NULL"),
        sqlite_where=text("sent_at IS NULL"),
    ),
    comment="Bells written with the work; the relay sends them",
)

notice = Table(
    "notice",
    metadata,
    _id(),
    Column("number", Id, unique=True),
    _profile(),
    Column("subject", String(262), nullable=False),
    Column("type", String(48), nullable=False),
    Column("body", Json, nullable=False),
    _time("created_at"),
    _correlation(),
    Index(
        "ix_notice_unnumbered",
        "id",
        postgresql_where=text("number IS NULL"),
        sqlite_where=text("number IS NULL"),
    ),
    Index(
        "ix_notice_revoked",
        "created_at",
        "profile",
        postgresql_where=text("type = 'certificate.revoked'"),
        sqlite_where=text("type = 'certificate.revoked'"),
    ),
    comment="What upstream is told (通知), written with the work; numbered once committed",
)

expiry_warning = Table(
    "expiry_warning",
    metadata,
    _ref("registration"),
    Column("valid_until", String(10), nullable=False),
    _time("told_at"),
    PrimaryKeyConstraint("registration_id", "valid_until"),
    comment="Certificates whose end upstream was told of (到期提醒), once for each day of end",
)

endpoint = Table(
    "endpoint",
    metadata,
    _id(),
    Column("source", String(255), nullable=False, index=True),
    Column("url", String(2000), nullable=False),
    Column("types", Json, nullable=False),
    _state(),
    _ref("data_key"),
    Column("secret", Sealed, nullable=False),
    Column("former_secret", Sealed),
    _time("former_until", null=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    _time("failing_since", null=True),
    _time("due_at", null=True),
    Column("answer", String(32)),
    _time("answered_at", null=True),
    _time("created_at"),
    Column("created_by", String(128), nullable=False),
    comment="Where a source's notices are sent (接收地址)",
)

delivery = Table(
    "delivery",
    metadata,
    _id(),
    _ref("endpoint"),
    _ref("notice"),
    Column("number", Id, nullable=False),
    Column("subject", String(262), nullable=False),
    _state(),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    _time("due_at"),
    _time("lease_until", null=True),
    Column("answer", String(32)),
    _time("done_at", null=True),
    UniqueConstraint("endpoint_id", "number"),
    Index(
        "ix_delivery_pending",
        "endpoint_id",
        "number",
        postgresql_where=text("state = 'pending'"),
        sqlite_where=text("state = 'pending'"),
    ),
    Index(
        "ix_delivery_subject",
        "endpoint_id",
        "subject",
        "number",
        postgresql_where=text("state = 'pending'"),
        sqlite_where=text("state = 'pending'"),
    ),
    comment="One notice for one endpoint (投递): the next of a subject waits for the earlier",
)

switch = Table(
    "switch",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    _time("changed_at"),
    Column("changed_by", String(128), nullable=False),
    Column("why", Text, nullable=False),
    comment="What a person has turned off for all machines at once; without a row it is on",
)

OF_BACKUPS = "action IN ('backup taken', 'ledger restored')"  #: audit rows, see ledger/backups.py

audit = Table(
    "audit",
    metadata,
    _id(),
    _time("at"),
    Column("who", String(128), nullable=False),
    Column("action", String(48), nullable=False),
    Column("object_kind", String(24), nullable=False),
    Column("object_id", String(64), nullable=False),
    Column("why", Text, nullable=False),
    Column("what", Json, nullable=False),
    _correlation(),
    Index(
        "ix_audit_backups",
        "id",
        postgresql_where=text(OF_BACKUPS),
        sqlite_where=text(OF_BACKUPS),
    ),
    comment="Who did what and why, written in the work's own transaction",
)

recheck = Table(
    "recheck",
    metadata,
    _id(),
    Column("scope", String(8), nullable=False),
    _time("began_at"),
    _time("ended_at"),
    Column("good", Id, nullable=False),
    Column("bad", Id, nullable=False),
    Column("rules", Json, nullable=False),
    Index("ix_recheck_scope", "scope", "ended_at"),
    comment="What the re-checker found (复核), a row a run of everything or of a sample",
)

singleton = Table(
    "singleton",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    _time("until"),
    comment="Leases of services that run once (reconciler, janitor)",
)

log_cursor = Table(
    "log_cursor",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("size", Id, nullable=False),
    Column("read_to", Id, nullable=False),
    Column("settled_to", Id, nullable=False),
    Column("settling_to", Id),
    Column("writers", Json, nullable=False),
    comment="How far the sequencer is: the log's size, and the audit rows that are in it",
)

log_entry = Table(
    "log_entry",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("kind", String(8), nullable=False),
    Column("ref", Id, nullable=False),
    Column("digest", String(64), nullable=False),
    UniqueConstraint("kind", "ref"),
    comment="The log's leaves (核查日志), in their order: of which row, and its digest",
)

log_node = Table(
    "log_node",
    metadata,
    Column("level", Integer, nullable=False),
    Column("place", Id, nullable=False),
    Column("digest", String(64), nullable=False),
    PrimaryKeyConstraint("level", "place"),
    comment="Digests of the log's whole subtrees, at every eighth level",
)

log_head = Table(
    "log_head",
    metadata,
    Column("size", Id, primary_key=True, autoincrement=False),
    Column("root", String(64), nullable=False),
    _time("at"),
    Column("text", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("certificate", String(64), nullable=False),
    comment="Signed heads of the log (日志头); certificate: SHA-256 of the key's, hex",
)
