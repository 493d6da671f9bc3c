"""Objects are created once, read back whole or not at all, and every failure says what to do.

The contract of the port, by either client.
"""

import threading
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import pytest

from factory.errors import (
    DigestMismatchError,
    FactoryError,
    FieldError,
    NotFoundError,
    PermanentError,
    SettingsError,
    StoreUnavailableError,
)
from jobs.servers import free_port
from jobs.settings import Settings
from storage.blobs import BlobInfo, Blobs, BlobStore
from storage.bulk_blobs import BulkBlobStore
from tests.storage.s3_wire import (
    HASTY,
    KEY,
    PDF,
    Answer,
    account,
    altering,
    blob_of,
    gives,
    hangs,
    hangs_up,
    stalls,
    wire,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Connect = Callable[..., Blobs]


@pytest.fixture(params=[BlobStore, BulkBlobStore], ids=["boto3", "obstore"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Either client of the port."""
    found: Connect = request.param.connect
    return found


@pytest.fixture
def blobs(connect: Connect, s3: Settings, fresh_bucket: str) -> Blobs:
    """An empty bucket of a real store, by either client."""
    return connect(**account(s3, fresh_bucket))


# --- creating


def test_a_new_object_is_created_and_read_back(blobs: Blobs) -> None:
    blob = blob_of()

    created = blobs.put_new(blob)

    assert created
    assert blobs.get(KEY, sha256=blob.sha256) == blob.data


def test_a_taken_key_keeps_what_lies_there(blobs: Blobs) -> None:
    blobs.put_new(blob_of(b"first"))

    created = blobs.put_new(blob_of(b"second"))

    assert not created
    assert blobs.get(KEY) == b"first"


def test_of_many_racing_for_one_key_exactly_one_creates_it(blobs: Blobs) -> None:
    start = threading.Barrier(4)

    def race(number: int) -> bool:
        start.wait()
        return blobs.put_new(blob_of(b"%d" % number))

    with ThreadPoolExecutor(4) as threads:
        created = list(threads.map(race, range(4)))

    assert sum(created) == 1
    assert blobs.get(KEY) == b"%d" % created.index(True)


def test_what_is_altered_on_the_way_is_not_kept(
    connect: Connect, s3: Settings, fresh_bucket: str, blobs: Blobs
) -> None:
    with altering(s3.s3_endpoint, b"as meant", b"as sent!") as way:
        through = connect(**account(s3, fresh_bucket) | {"endpoint": way}, patience=HASTY)
        with pytest.raises(StoreUnavailableError):
            through.put_new(blob_of(b"as meant"))

    assert blobs.head(KEY) is None


def test_what_is_not_altered_on_the_same_way_is_kept(
    connect: Connect, s3: Settings, fresh_bucket: str, blobs: Blobs
) -> None:
    with altering(s3.s3_endpoint, b"something else", b"as sent!") as way:
        through = connect(**account(s3, fresh_bucket) | {"endpoint": way}, patience=HASTY)
        through.put_new(blob_of(b"as meant"))

    assert blobs.get(KEY) == b"as meant"


def test_many_are_created_at_once_and_each_says_whether_it_was_new(blobs: Blobs) -> None:
    many = [blob_of(b"%d" % number, key=f"many/{number}") for number in range(20)]
    blobs.put_new(many[7])

    created = blobs.put_all(many)

    assert created == [number != 7 for number in range(20)]
    assert [blobs.get(blob.key) for blob in many] == [blob.data for blob in many]


def test_nothing_to_create_is_no_failure(blobs: Blobs) -> None:
    created = blobs.put_all([])

    assert created == []


# --- reading


def test_bytes_with_another_digest_are_refused(blobs: Blobs) -> None:
    blobs.put_new(blob_of(b"one"))

    with pytest.raises(DigestMismatchError):
        blobs.get(KEY, sha256=blob_of(b"two").sha256)


def test_an_object_that_is_not_there_is_not_found(blobs: Blobs) -> None:
    blobs.put_new(blob_of())

    with pytest.raises(NotFoundError):
        blobs.get(KEY + "x")


def test_an_object_of_the_largest_size_is_read(blobs: Blobs) -> None:
    blobs.put_new(blob_of(b"12345"))

    data = blobs.get(KEY, max_bytes=5)

    assert data == b"12345"


def test_an_object_one_byte_too_large_is_refused(blobs: Blobs) -> None:
    blobs.put_new(blob_of(b"123456"))

    with pytest.raises(FieldError, match="at most 5 bytes"):
        blobs.get(KEY, max_bytes=5)


def test_the_store_says_size_type_and_digest(blobs: Blobs) -> None:
    blob = blob_of()
    blobs.put_new(blob)

    info = blobs.head(KEY)

    assert info == BlobInfo(size_bytes=len(blob.data), content_type=PDF, sha256=blob.sha256)


def test_an_object_of_somebody_else_has_no_recorded_digest(
    blobs: Blobs, fresh_bucket: str, s3_client: "S3Client"
) -> None:
    s3_client.put_object(Bucket=fresh_bucket, Key="photo.jpg", Body=b"jpeg")

    info = blobs.head("photo.jpg")

    assert info is not None
    assert info.sha256 is None


def test_the_store_knows_nothing_of_what_is_not_there(blobs: Blobs) -> None:
    info = blobs.head(KEY)

    assert info is None


# --- what must stand


def test_a_wrong_secret_is_for_whoever_sets_up_the_machine(
    connect: Connect, s3: Settings, fresh_bucket: str
) -> None:
    blobs = connect(**account(s3, fresh_bucket) | {"secret": s3.s3_secret + "x"})

    with pytest.raises(SettingsError, match="FACTORY_S3_SECRET") as caught:
        blobs.get(KEY)

    assert s3.s3_secret not in str(caught.value)
    assert s3.s3_key not in str(caught.value)


def test_an_unknown_key_is_for_whoever_sets_up_the_machine(
    connect: Connect, s3: Settings, fresh_bucket: str
) -> None:
    blobs = connect(**account(s3, fresh_bucket) | {"key": "nobodys"})

    with pytest.raises(SettingsError, match="FACTORY_S3_KEY") as caught:
        blobs.put_new(blob_of())

    assert "nobodys" not in str(caught.value)


def test_reading_from_a_bucket_that_was_never_made_says_what_to_set(
    connect: Connect, s3: Settings
) -> None:
    blobs = connect(**account(s3, "never-made"))

    with pytest.raises(SettingsError, match="FACTORY_S3_BUCKET"):
        blobs.get(KEY)


@pytest.mark.parametrize(
    ("changes", "to_set"),
    [
        ({"key": ""}, "FACTORY_S3_KEY"),
        ({"secret": ""}, "FACTORY_S3_SECRET"),
        ({"endpoint": ""}, "FACTORY_S3_ENDPOINT"),
        ({"endpoint": "no address"}, "FACTORY_S3_ENDPOINT"),
        ({"endpoint": "http://[::1"}, "FACTORY_S3_ENDPOINT"),
        ({"region": "no region"}, "FACTORY_S3_REGION"),
    ],
)
def test_what_is_no_address_or_key_is_refused_before_the_first_call(
    connect: Connect, s3: Settings, changes: dict[str, str], to_set: str
) -> None:
    with pytest.raises(SettingsError, match=to_set):
        connect(**account(s3, "any") | changes)


def test_an_impossible_key_is_refused_for_good(blobs: Blobs) -> None:
    with pytest.raises(PermanentError):
        blobs.get("")


def test_a_proxy_is_not_asked_about_this_machine(
    monkeypatch: pytest.MonkeyPatch, connect: Connect, s3: Settings, fresh_bucket: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    blobs = connect(**account(s3, fresh_bucket), patience=HASTY)

    assert blobs.put_new(blob_of())


# --- faults on the wire


@pytest.mark.parametrize("fault", [gives(503, "SlowDown"), gives(500, "InternalError"), hangs_up])
def test_a_fault_that_passes_is_not_noticed(connect: Connect, fault: Answer) -> None:
    with wire(fault, gives(200)) as stub:
        created = connect(**stub.account()).put_new(blob_of())

    assert created
    assert stub.methods == ["PUT", "PUT"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(gives(503, "SlowDown"), id="overload"),
        pytest.param(gives(500, "InternalError"), id="fault of the store"),
        pytest.param(gives(502, data=b"<html>bad gateway</html>"), id="fault of a proxy"),
        pytest.param(gives(400, "RequestTimeout"), id="too slow for the store"),
        pytest.param(hangs, id="no answer"),
        pytest.param(hangs_up, id="no connection"),
        pytest.param(gives(200, data=b"half", announced=8), id="cut answer"),
        pytest.param(stalls, id="stalled answer"),
    ],
)
def test_a_fault_that_stays_may_pass_later(connect: Connect, fault: Answer) -> None:
    with wire(fault) as stub, pytest.raises(StoreUnavailableError) as caught:
        connect(**stub.account()).get(KEY)

    assert stub.url not in str(caught.value)


def test_a_store_that_is_away_may_come_back(connect: Connect, s3: Settings) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(StoreUnavailableError, match="start what FACTORY_S3_ENDPOINT names") as away:
        connect(**account(s3, "any") | {"endpoint": nobody}, patience=HASTY).head(KEY)

    assert nobody not in str(away.value)


def test_a_put_without_an_answer_is_sent_again_as_often_as_patience_says(
    connect: Connect,
) -> None:
    with wire(hangs) as stub, pytest.raises(StoreUnavailableError):
        connect(**stub.account()).put_new(blob_of())

    assert stub.methods == ["PUT"] * (1 + HASTY.retries)


@pytest.mark.timeout(60)  # it went on for ever
def test_a_put_whose_interim_answer_is_cut_off_ends(connect: Connect) -> None:
    """100 Continue without its end; nobody asks for it, and who gets it all the same gives up."""

    def interim(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\nServer: ")
        handler.close_connection = True

    with wire(interim) as stub, pytest.raises(StoreUnavailableError):
        connect(**stub.account()).put_new(blob_of())

    assert all("Expect" not in each for each in stub.headers)


def test_a_put_says_what_to_compare_what_to_keep_and_to_replace_nothing(connect: Connect) -> None:
    blob = blob_of()

    with wire(gives(200)) as stub:
        connect(**stub.account()).put_new(blob)

    asked = stub.headers[0]
    assert asked["If-None-Match"] == "*"
    assert asked["Content-Type"] == PDF
    assert asked["x-amz-meta-sha256"] == blob.sha256
    assert asked["x-amz-checksum-sha256"] == b64encode(bytes.fromhex(blob.sha256)).decode()


def test_a_put_whose_answer_was_lost_finds_its_own_object(connect: Connect) -> None:
    with wire(hangs_up, gives(412, "PreconditionFailed")) as stub:
        created = connect(**stub.account()).put_new(blob_of())

    assert not created


def test_a_put_that_meets_another_is_tried_again(connect: Connect) -> None:
    with wire(gives(409, "ConditionalRequestConflict"), gives(200)) as stub:
        created = connect(**stub.account()).put_new(blob_of())

    assert created


def test_a_put_that_meets_others_without_end_may_pass_later(connect: Connect) -> None:
    conflict = gives(409, "ConditionalRequestConflict")

    with wire(conflict) as stub, pytest.raises(StoreUnavailableError):
        connect(**stub.account()).put_new(blob_of())

    assert stub.methods == ["PUT"] * 3


@pytest.mark.parametrize(
    ("answer", "becomes"),
    [
        (gives(403, "AccessDenied"), SettingsError),
        (gives(403, "RequestTimeTooSkewed"), SettingsError),
        (gives(404, "NoSuchBucket"), SettingsError),
        (gives(501, "NotImplemented"), SettingsError),
        (gives(400, "KeyTooLongError"), PermanentError),
    ],
)
def test_a_refusal_is_not_tried_again(
    connect: Connect, answer: Answer, becomes: type[FactoryError]
) -> None:
    with wire(answer) as stub, pytest.raises(becomes):
        connect(**stub.account()).put_new(blob_of())

    assert stub.methods == ["PUT"]


def test_nothing_is_under_way_when_creating_many_has_failed(connect: Connect) -> None:
    with wire(gives(200), gives(403, "AccessDenied")) as stub:
        with pytest.raises(SettingsError):
            connect(**stub.account()).put_all(
                [blob_of(key=f"many/{number}") for number in range(100)]
            )
        asked = len(stub.methods)
        time.sleep(0.3)

        assert len(stub.methods) == asked < 100


def test_an_answer_of_a_proxy_does_not_get_into_the_message(connect: Connect) -> None:
    strange = gives(400, "http://somewhere/?X-Amz-Signature=abc")

    with wire(strange) as stub, pytest.raises(StoreUnavailableError) as caught:
        connect(**stub.account()).get(KEY)

    assert str(caught.value) == "object store: HTTP 400"
