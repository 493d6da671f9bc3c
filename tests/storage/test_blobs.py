"""Objects are created once, read back whole or not at all, and every failure says what to do."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

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
from storage.blobs import Blob, BlobInfo, BlobStore
from storage.s3 import Patience

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

KEY = "shanghai-constructor/0f3a/001/certificate.pdf"
PDF = "application/pdf"
HASTY = Patience(connect=0.5, read=0.3, retries=1)

Answer = Callable[[BaseHTTPRequestHandler], None]


def blob_of(data: bytes = b"%PDF-1.7 one", key: str = KEY) -> Blob:
    return Blob(key=key, data=data, content_type=PDF, sha256=hashlib.sha256(data).hexdigest())


def store_at(settings: Settings, bucket: str, **changes: Any) -> BlobStore:
    account = {
        "endpoint": settings.s3_endpoint,
        "region": settings.s3_region,
        "key": settings.s3_key,
        "secret": settings.s3_secret,
        "bucket": bucket,
    }
    return BlobStore.connect(**(account | changes))


@pytest.fixture
def blobs(s3: Settings, fresh_bucket: str) -> BlobStore:
    """An empty bucket of a real store."""
    return store_at(s3, fresh_bucket)


# --- creating


def test_a_new_object_is_created_and_read_back(blobs: BlobStore) -> None:
    blob = blob_of()

    created = blobs.put_new(blob)

    assert created
    assert blobs.get(KEY, sha256=blob.sha256) == blob.data


def test_a_taken_key_keeps_what_lies_there(blobs: BlobStore) -> None:
    blobs.put_new(blob_of(b"first"))

    created = blobs.put_new(blob_of(b"second"))

    assert not created
    assert blobs.get(KEY) == b"first"


def test_of_many_racing_for_one_key_exactly_one_creates_it(blobs: BlobStore) -> None:
    start = threading.Barrier(4)

    def race(number: int) -> bool:
        start.wait()
        return blobs.put_new(blob_of(b"%d" % number))

    with ThreadPoolExecutor(4) as threads:
        created = list(threads.map(race, range(4)))

    assert sum(created) == 1
    assert blobs.get(KEY) == b"%d" % created.index(True)


def test_data_that_is_not_what_its_digest_says_is_not_kept(blobs: BlobStore) -> None:
    altered = replace(blob_of(b"as meant"), data=b"as sent!")

    with pytest.raises(StoreUnavailableError):
        blobs.put_new(altered)

    assert blobs.head(KEY) is None


def test_many_are_created_at_once_and_each_says_whether_it_was_new(blobs: BlobStore) -> None:
    many = [blob_of(b"%d" % number, key=f"many/{number}") for number in range(20)]
    blobs.put_new(many[7])

    created = blobs.put_all(many)

    assert created == [number != 7 for number in range(20)]
    assert [blobs.get(blob.key) for blob in many] == [blob.data for blob in many]


def test_nothing_to_create_is_no_failure(blobs: BlobStore) -> None:
    created = blobs.put_all([])

    assert created == []


# --- reading


def test_bytes_with_another_digest_are_refused(blobs: BlobStore) -> None:
    blobs.put_new(blob_of(b"one"))

    with pytest.raises(DigestMismatchError):
        blobs.get(KEY, sha256=blob_of(b"two").sha256)


def test_an_object_that_is_not_there_is_not_found(blobs: BlobStore) -> None:
    blobs.put_new(blob_of())

    with pytest.raises(NotFoundError):
        blobs.get(KEY + "x")


def test_an_object_of_the_largest_size_is_read(blobs: BlobStore) -> None:
    blobs.put_new(blob_of(b"12345"))

    data = blobs.get(KEY, max_bytes=5)

    assert data == b"12345"


def test_an_object_one_byte_too_large_is_refused(blobs: BlobStore) -> None:
    blobs.put_new(blob_of(b"123456"))

    with pytest.raises(FieldError, match="at most 5 bytes"):
        blobs.get(KEY, max_bytes=5)


def test_the_store_says_size_type_and_digest(blobs: BlobStore) -> None:
    blob = blob_of()
    blobs.put_new(blob)

    info = blobs.head(KEY)

    assert info == BlobInfo(size_bytes=len(blob.data), content_type=PDF, sha256=blob.sha256)


def test_an_object_of_somebody_else_has_no_recorded_digest(
    blobs: BlobStore, s3_client: "S3Client"
) -> None:
    s3_client.put_object(Bucket=blobs.bucket, Key="photo.jpg", Body=b"jpeg")

    info = blobs.head("photo.jpg")

    assert info is not None
    assert info.sha256 is None


def test_the_store_knows_nothing_of_what_is_not_there(blobs: BlobStore) -> None:
    info = blobs.head(KEY)

    assert info is None


def test_only_keys_below_the_prefix_are_listed(blobs: BlobStore) -> None:
    blobs.put_all([blob_of(key=key) for key in ("a/1", "a/2", "ab/1", "b/1")])

    keys = list(blobs.list("a/"))

    assert keys == ["a/1", "a/2"]


def test_a_listing_goes_on_after_the_first_thousand(blobs: BlobStore) -> None:
    many = [blob_of(b"x", key=f"p/{number:04}") for number in range(1003)]
    blobs.put_all(many)

    keys = list(blobs.list("p/"))

    assert keys == [blob.key for blob in many]


def test_a_removed_object_is_gone(blobs: BlobStore) -> None:
    blobs.put_new(blob_of())

    blobs.delete(KEY)

    assert blobs.head(KEY) is None


def test_removing_what_is_not_there_changes_nothing(blobs: BlobStore) -> None:
    blobs.put_new(blob_of())

    blobs.delete(KEY + "x")

    assert list(blobs.list()) == [KEY]


# --- what must stand


def test_a_bucket_is_made_once(s3: Settings, s3_client: "S3Client") -> None:
    blobs = store_at(s3, "made-by-ensure")

    blobs.ensure_bucket()
    blobs.ensure_bucket()

    blobs.ping()
    s3_client.delete_bucket(Bucket="made-by-ensure")


def test_a_missing_bucket_is_for_whoever_sets_up_the_machine(s3: Settings) -> None:
    blobs = store_at(s3, "never-made")

    with pytest.raises(SettingsError, match="FACTORY_S3_BUCKET"):
        blobs.ping()


def test_a_wrong_secret_is_for_whoever_sets_up_the_machine(s3: Settings, fresh_bucket: str) -> None:
    blobs = store_at(s3, fresh_bucket, secret=s3.s3_secret + "x")

    with pytest.raises(SettingsError, match="FACTORY_S3_SECRET") as caught:
        blobs.get(KEY)

    assert s3.s3_secret not in str(caught.value)
    assert s3.s3_key not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "to_set"),
    [
        ({"key": ""}, "FACTORY_S3_KEY"),
        ({"secret": ""}, "FACTORY_S3_SECRET"),
        ({"endpoint": "no address"}, "FACTORY_S3_ENDPOINT"),
        ({"endpoint": "http://[::1"}, "FACTORY_S3_ENDPOINT"),
    ],
)
def test_what_is_no_address_or_key_is_refused_before_the_first_call(
    s3: Settings, changes: dict[str, str], to_set: str
) -> None:
    with pytest.raises(SettingsError, match=to_set):
        store_at(s3, "any", **changes)


def test_an_impossible_key_is_refused_for_good(blobs: BlobStore) -> None:
    with pytest.raises(PermanentError):
        blobs.get("")


def test_conditional_writes_are_proved_without_a_trace(blobs: BlobStore) -> None:
    blobs.require_conditional_writes()

    assert list(blobs.list()) == []


def test_a_proxy_is_not_asked_about_this_machine(
    monkeypatch: pytest.MonkeyPatch, s3: Settings, fresh_bucket: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    blobs = store_at(s3, fresh_bucket, patience=HASTY)

    blobs.ping()


# --- faults on the wire


@dataclass(slots=True)
class Wire:
    """A store that answers by a script, the last answer for ever, and notes what it was asked."""

    url: str
    methods: list[str]
    bodies: list[bytes]

    def store(self, region: str = "us-east-1", patience: Patience = HASTY) -> BlobStore:
        """The bucket behind it."""
        return BlobStore.connect(
            endpoint=self.url,
            region=region,
            key="key",
            secret="secret",
            bucket="bucket",
            patience=patience,
        )


@contextmanager
def wire(*script: Answer) -> Iterator[Wire]:
    """A store on loopback that gives these answers."""
    answers, methods, bodies = list(script), [], []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            methods.append(self.command)
            bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        do_GET = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield Wire(f"http://127.0.0.1:{server.server_port}", methods, bodies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def gives(
    status: int, code: str = "", *, data: bytes = b"", announced: int | None = None
) -> Answer:
    """An answer; ``code`` makes it S3's XML, ``announced`` a Content-Length that is not true."""
    body = f"<Error><Code>{code}</Code></Error>".encode() if code else data

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if announced is None else announced))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = announced is not None

    return answer


def hangs(handler: BaseHTTPRequestHandler) -> None:
    """No answer for longer than anybody waits."""
    time.sleep(1)
    handler.close_connection = True


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """The connection ends without an answer."""
    handler.close_connection = True


def stalls(handler: BaseHTTPRequestHandler) -> None:
    """The answer begins and does not go on."""
    gives(200, data=b"half", announced=8)(handler)
    handler.wfile.flush()
    hangs(handler)


@pytest.mark.parametrize("fault", [gives(503, "SlowDown"), gives(500, "InternalError"), hangs_up])
def test_a_fault_that_passes_is_not_noticed(fault: Answer) -> None:
    with wire(fault, gives(200)) as stub:
        created = stub.store().put_new(blob_of())

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
def test_a_fault_that_stays_may_pass_later(fault: Answer) -> None:
    with wire(fault) as stub, pytest.raises(StoreUnavailableError) as caught:
        stub.store().get(KEY)

    assert stub.url not in str(caught.value)


def test_a_store_that_is_away_may_come_back(s3: Settings) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(StoreUnavailableError, match="start what FACTORY_S3_ENDPOINT names") as away:
        store_at(s3, "any", endpoint=nobody, patience=HASTY).ping()

    assert nobody not in str(away.value)


def test_a_put_whose_answer_was_lost_finds_its_own_object() -> None:
    with wire(hangs_up, gives(412, "PreconditionFailed")) as stub:
        created = stub.store().put_new(blob_of())

    assert not created


def test_a_put_that_meets_another_is_tried_again() -> None:
    with wire(gives(409, "ConditionalRequestConflict"), gives(200)) as stub:
        created = stub.store().put_new(blob_of())

    assert created


def test_a_put_that_meets_others_without_end_may_pass_later() -> None:
    conflict = gives(409, "ConditionalRequestConflict")

    with wire(conflict) as stub, pytest.raises(StoreUnavailableError):
        stub.store().put_new(blob_of())

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
def test_a_refusal_is_not_tried_again(answer: Answer, becomes: type[FactoryError]) -> None:
    with wire(answer) as stub, pytest.raises(becomes):
        stub.store().put_new(blob_of())

    assert stub.methods == ["PUT"]


@pytest.mark.parametrize(("region", "said"), [("cn-northwest-1", 1), ("us-east-1", 0)])
def test_a_bucket_is_made_where_the_region_says(region: str, said: int) -> None:
    with wire(gives(404), gives(200)) as stub:
        stub.store(region).ensure_bucket()

    assert stub.methods == ["HEAD", "PUT"]
    assert stub.bodies[1].count(f"<LocationConstraint>{region}<".encode()) == said


def test_a_bucket_that_another_of_ours_has_just_made_is_good_enough() -> None:
    with wire(gives(404), gives(409, "BucketAlreadyOwnedByYou")) as stub:
        stub.store().ensure_bucket()

    assert stub.methods == ["HEAD", "PUT"]


def test_a_bucket_that_may_not_be_made_is_for_whoever_sets_up_the_machine() -> None:
    with wire(gives(404), gives(403, "AccessDenied")) as stub, pytest.raises(SettingsError):
        stub.store().ensure_bucket()

    assert stub.methods == ["HEAD", "PUT"]


def test_nothing_is_under_way_when_creating_many_has_failed() -> None:
    with wire(gives(200), gives(403, "AccessDenied")) as stub:
        with pytest.raises(SettingsError):
            stub.store().put_all([blob_of(key=f"many/{number}") for number in range(100)])
        asked = len(stub.methods)
        time.sleep(0.3)

        assert len(stub.methods) == asked < 100


def test_a_store_that_ignores_conditions_is_refused() -> None:
    with wire(gives(200)) as stub, pytest.raises(SettingsError, match="If-None-Match"):
        stub.store().require_conditional_writes()


def test_an_answer_of_a_proxy_does_not_get_into_the_message() -> None:
    strange = gives(400, "http://somewhere/?X-Amz-Signature=abc")

    with wire(strange) as stub, pytest.raises(StoreUnavailableError) as caught:
        stub.store().get(KEY)

    assert str(caught.value) == "object store: HTTP 400"
