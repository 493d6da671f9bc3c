"""The bulk client minds nothing but its settings and leaves no trace of secrets."""

import json
import subprocess
import sys
import traceback
from typing import Any

import pytest

from factory.errors import PermanentError, SettingsError, StoreUnavailableError
from jobs.servers import free_port
from jobs.settings import Settings
from storage.bulk_blobs import BulkBlobStore
from tests.storage.s3_wire import HASTY, KEY, account, blob_of, gives, wire


@pytest.fixture
def bulk(s3: Settings, fresh_bucket: str) -> BulkBlobStore:
    """An empty bucket of a real store."""
    return BulkBlobStore.connect(**account(s3, fresh_bucket))


def test_the_variables_of_other_programs_change_nothing(
    monkeypatch: pytest.MonkeyPatch, s3: Settings, fresh_bucket: str
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for name, value in {
        "AWS_ENDPOINT_URL": nobody,
        "AWS_ENDPOINT_URL_S3": nobody,
        "AWS_ACCESS_KEY_ID": "another",
        "AWS_SECRET_ACCESS_KEY": "another",
        "AWS_SESSION_TOKEN": "another",
        "AWS_REGION": "another",
        "AWS_BUCKET": "another",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_UNSIGNED_PAYLOAD": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_CONDITIONAL_PUT": "disabled",
        "AWS_CHECKSUM_ALGORITHM": "CRC64NVME",
        "AWS_PROXY_URL": nobody,
    }.items():
        monkeypatch.setenv(name, value)

    bulk = BulkBlobStore.connect(**account(s3, fresh_bucket), patience=HASTY)

    assert bulk.put_new(blob_of())
    assert bulk.get(KEY) == blob_of().data


def test_no_token_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another")

    with wire(gives(200)) as stub:
        BulkBlobStore.connect(**stub.account()).put_new(blob_of())

    assert "another" not in str(stub.headers[0])


@pytest.mark.parametrize(
    ("changes", "to_set"),
    [
        ({"endpoint": "ftp://store"}, "FACTORY_S3_ENDPOINT"),
        ({"endpoint": "http://somebody@store"}, "FACTORY_S3_ENDPOINT"),
        ({"endpoint": "http://store:port"}, "FACTORY_S3_ENDPOINT"),
        ({"endpoint": "http://仓库"}, "FACTORY_S3_ENDPOINT"),
        ({"endpoint": "http://store?of=mine"}, "FACTORY_S3_ENDPOINT"),
        ({"region": ""}, "FACTORY_S3_REGION"),
        ({"bucket": ""}, "FACTORY_S3_BUCKET"),
        ({"bucket": "a/b"}, "FACTORY_S3_BUCKET"),
        ({"key": "key\n"}, "FACTORY_S3_KEY"),
        ({"secret": "密"}, "FACTORY_S3_SECRET"),
    ],
)
def test_what_would_end_the_thread_is_refused_before_the_first_call(
    s3: Settings, changes: dict[str, str], to_set: str
) -> None:
    with pytest.raises(SettingsError, match=to_set):
        BulkBlobStore.connect(**account(s3, "any") | changes)


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "a/../b", "a\nb", "a\ud800"])
def test_a_key_that_would_become_another_one_is_refused(bulk: BulkBlobStore, key: str) -> None:
    with pytest.raises(PermanentError, match="there can be no such key"):
        bulk.put_new(blob_of(key=key))


@pytest.mark.parametrize("key", ["a", "证/书.pdf", "a b/%2F+~", "...", "a/.b"])
def test_a_key_is_the_same_for_both_clients(bulk: BulkBlobStore, s3_client: Any, key: str) -> None:
    bulk.put_new(blob_of(key=key))

    listed = s3_client.list_objects_v2(Bucket=bulk.bucket)["Contents"]

    assert [each["Key"] for each in listed] == [key]


def test_no_trace_of_a_failure_has_an_address_a_key_or_an_answer() -> None:
    """obstore puts all of them into its own error, which a log would print below ours."""
    told = gives(403, data=b"<Error><Code>AccessDenied</Code><Key>AKIA</Key></Error>")

    with wire(told) as stub, pytest.raises(SettingsError) as caught:
        BulkBlobStore.connect(**stub.account()).get(KEY)

    said = "".join(traceback.format_exception(caught.value))
    assert "AccessDenied" in said
    assert not [word for word in (stub.url, KEY, "AKIA") if word in said]


def test_an_answer_that_is_neither_yes_nor_no_creates_nothing() -> None:
    """A redirection without an address: obstore follows those that have one."""
    with wire(gives(301)) as stub, pytest.raises(StoreUnavailableError, match="BareRedirect"):
        BulkBlobStore.connect(**stub.account()).put_new(blob_of())


FORKING = """
import json, os, sys
from storage.bulk_blobs import BulkBlobStore
from tests.storage.s3_wire import blob_of

account, used_before = json.loads(sys.argv[1]), json.loads(sys.argv[2])
bulk = BulkBlobStore.connect(**account)
if used_before:
    bulk.put_new(blob_of(key="before"))
children = {}
for key in ("first", "second"):
    if not (pid := os.fork()):
        try:
            created = bulk.put_all([blob_of(key=key), blob_of(key=key + "-too")])
            os._exit(0 if created == [True, True] else 1)
        except RuntimeError:
            os._exit(9)
    children[pid] = key
ended = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(json.dumps([ended, bulk.put_all([blob_of(key=key) for key in ("first", "third")])]))
"""


@pytest.mark.parametrize(
    ("used_before", "expected"),
    [(False, [[0, 0], [False, True]]), (True, [[9, 9], [True, True]])],
)
def test_it_is_good_on_both_sides_of_a_fork_unless_it_was_used_before(
    s3: Settings, fresh_bucket: str, used_before: bool, expected: object
) -> None:
    words = (json.dumps(account(s3, fresh_bucket)), json.dumps(used_before))

    done = subprocess.run(
        [sys.executable, "-c", FORKING, *words], check=True, capture_output=True, timeout=60
    )

    assert json.loads(done.stdout) == expected
