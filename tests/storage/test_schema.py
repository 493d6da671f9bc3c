"""The schema: migrations build exactly the tables, on both databases, there and back."""

import pytest
from sqlalchemy import inspect, text

from factory.errors import StoreUnavailableError
from jobs.servers import free_port
from storage import schema
from storage.ledger.base import engine_for
from storage.tables import Sealed, metadata


def test_migrations_build_exactly_the_tables(db_url: str) -> None:
    engine = engine_for(db_url)

    schema.migrate(engine)

    assert schema.drift(engine) == []
    assert schema.current_revision(engine) == schema.head_revision()


def test_migrating_again_changes_nothing(db_url: str) -> None:
    engine = engine_for(db_url)
    schema.migrate(engine)

    schema.migrate(engine)

    assert schema.drift(engine) == []


def test_the_last_revision_can_be_taken_back_and_put_again(db_url: str) -> None:
    engine = engine_for(db_url)
    schema.migrate(engine)

    schema.downgrade(engine, "-1")
    schema.migrate(engine)

    assert schema.drift(engine) == []


def test_everything_can_be_taken_back(db_url: str) -> None:
    engine = engine_for(db_url)
    schema.migrate(engine)

    schema.downgrade(engine, "base")

    assert schema.current_revision(engine) is None
    assert inspect(engine).get_table_names() == ["alembic_version"]


@pytest.mark.parametrize(
    "statement",
    ["DROP INDEX uq_edition_current", "ALTER TABLE inbox ADD COLUMN remark VARCHAR(8)"],
)
def test_a_database_that_was_changed_by_hand_has_drifted(db_url: str, statement: str) -> None:
    engine = engine_for(db_url)
    schema.migrate(engine)

    with engine.begin() as connection:
        connection.execute(text(statement))

    assert len(schema.drift(engine)) == 1


def test_a_database_that_gives_no_answer_says_so() -> None:
    engine = engine_for(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing")

    with pytest.raises(StoreUnavailableError, match="start what FACTORY_DB_URL names"):
        schema.current_revision(engine)


def test_an_empty_database_stands_at_no_revision(db_url: str) -> None:
    engine = engine_for(db_url)

    assert schema.current_revision(engine) is None
    assert inspect(engine).get_table_names() == []


def test_personal_data_and_secrets_stand_in_sealed_columns_only() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Sealed)
    }

    assert sealed == {
        "inbox.body",
        "holder.person",
        "picture.content",
        "registration_event.facts",
        "fact.content",
        "application.query_code",
        "production_order.face",
        "preparation.chain",
        "access_key.signing_key",
        "endpoint.secret",
        "endpoint.former_secret",
        "erasure.work",
    }
