"""The servers behind the fixtures are real, and every test finds them fresh."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import pytest
import redis
import sqlalchemy as sa

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_has_an_empty_database(db_url: str, turn: str) -> None:
    engine = sa.create_engine(db_url)

    with engine.begin() as connection:
        found = sa.inspect(connection).get_table_names()
        connection.execute(sa.text("CREATE TABLE mine (id INTEGER)"))
    engine.dispose()

    assert found == []


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_has_an_empty_bucket(
    s3_client: "S3Client", fresh_bucket: str, turn: str
) -> None:
    found = s3_client.list_objects_v2(Bucket=fresh_bucket)["KeyCount"]
    s3_client.put_object(Bucket=fresh_bucket, Key="mine", Body=b"mine")

    assert found == 0


def test_the_broker_keeps_what_it_is_told(valkey_url: str, namespace: str) -> None:
    client = redis.Redis.from_url(valkey_url)

    client.set(namespace, "mine", ex=60)

    assert client.get(namespace) == b"mine"


def test_what_is_absent_skips_a_test_and_says_what(
    absent: Callable[[str], NoReturn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "")

    with pytest.raises(pytest.skip.Exception, match="qpdf"):
        absent("qpdf: apt-get install qpdf")


def test_what_is_absent_fails_in_ci(
    absent: Callable[[str], NoReturn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="qpdf"):
        absent("qpdf: apt-get install qpdf")
