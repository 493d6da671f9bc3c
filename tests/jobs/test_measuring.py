"""What is counted, where it is counted once, and what nobody's input can make of it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY
from sqlalchemy import insert, update
from structlog.testing import LogCapture

from factory import specimen
from factory.courses import Case, course
from factory.errors import ConflictError, SelfCheckError, StoreUnavailableError
from factory.model import ApplicationType, Format
from jobs import desk, intake, line, metrics_table
from jobs.bulk import confirming, steps
from jobs.measured import MeasuredBlobs, MeasuredSigner
from jobs.settings import Settings
from jobs.wiring import Plant, load_profiles
from jobs.work import Tally
from storage import tables as t
from storage.blobs import Blob, BlobStore
from storage.ledger import record
from storage.s3 import Patience
from tests.plants import (
    PROFILE,
    WHO,
    approve,
    finish,
    issue,
    made,
    must_claim,
    new_plant,
    open_chunks,
    start_rename,
    submit,
)
from tests.telling import whole_factory

LAZY = "shanghai-cost-engineer"
SLI = "factory_approval_to_collectable_seconds"


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


class Counted:
    """How much series have grown since this was made."""

    def __init__(self) -> None:
        self._before = dict(self._all())

    def __call__(self, name: str, **labels: str) -> float:
        """Of all series of that name with these labels."""
        return sum(
            value - self._before.get(key, 0.0)
            for key, value in self._all()
            if key[0] == name and labels.items() <= dict(key[1]).items()
        )

    def _all(self) -> Iterator[tuple[tuple[str, frozenset[tuple[str, str]]], float]]:
        for family in REGISTRY.collect():
            for sample in family.samples:
                yield (sample.name, frozenset(sample.labels.items())), sample.value


@pytest.fixture
def counted() -> Counted:
    return Counted()


# --- from approval to collectable -------------------------------------------------------------


@pytest.mark.on_both
def test_an_approval_counts_once_when_its_certificate_is_made(
    plant: Plant, counted: Counted
) -> None:
    approve(plant, 1)
    assert counted(f"{SLI}_count") == 0
    [chunk] = open_chunks(plant)

    finish(plant, must_claim(plant, chunk))

    assert counted(f"{SLI}_count", profile=PROFILE) == 1
    assert 0 <= counted(f"{SLI}_sum") < 600


def test_its_seconds_are_counted_from_when_it_was_taken_over(
    plant: Plant, counted: Counted
) -> None:
    approve(plant, 1)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.inbox).values(received_at=tx.now - timedelta(hours=1)))
    [chunk] = open_chunks(plant)

    finish(plant, must_claim(plant, chunk))

    assert 3600 <= counted(f"{SLI}_sum") < 4200


def test_whoever_lost_the_fence_counts_nothing(plant: Plant, counted: Counted) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    asleep = must_claim(plant, chunk)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.chunk).values(lease_until=tx.now - timedelta(seconds=1)))
    awake = must_claim(plant, chunk)

    assert finish(plant, awake)
    assert not finish(plant, asleep)

    assert counted(f"{SLI}_count") == 1


def test_what_is_not_committed_counts_nothing(plant: Plant, counted: Counted) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    found = must_claim(plant, chunk)

    with pytest.raises(ConflictError), plant.ledger.write(WHO) as tx:
        files = [made(order.id) for order in found.orders]
        assert record.record(tx, found, files, [], brake=plant.brake)
        raise ConflictError("something came between")

    assert counted(f"{SLI}_count") == 0
    assert finish(plant, found)
    assert counted(f"{SLI}_count") == 1


def test_a_held_one_counts_when_it_is_made_at_last(plant: Plant, counted: Counted) -> None:
    event = specimen.approved(1)
    whole = event["data"]["photo"]
    held = submit(plant, event | {"data": event["data"] | {"photo": {"content": "bm8="}}})
    assert held.status == "held"
    assert counted(f"{SLI}_count") == 0
    again = specimen.approved(1)
    again["id"], again["data"]["photo"] = "mended", whole

    submit(plant, again)
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))

    assert counted(f"{SLI}_count") == 1


def test_certificates_of_a_bulk_event_do_not_count(plant: Plant) -> None:
    issue(plant, 1)
    counted, batch = Counted(), start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="a test")
    steps.advance(plant, batch)
    [chunk] = open_chunks(plant)

    finish(plant, must_claim(plant, chunk))

    assert counted(f"{SLI}_count") == 0


def test_one_that_is_made_at_collection_counts_when_it_is_approved_and_not_again(
    plant: Plant, counted: Counted
) -> None:
    number = str(lazily_approved(plant).registration)
    assert counted(f"{SLI}_count", profile=LAZY) == 1
    desk.collect(plant, number, who=WHO)
    [chunk] = open_chunks(plant)

    finish(plant, must_claim(plant, chunk))

    assert counted(f"{SLI}_count") == 1


def test_a_rehearsed_approval_counts_nothing(plant: Plant, counted: Counted) -> None:
    intake.rehearse(plant, [lazy_event()], who=WHO)

    assert counted(f"{SLI}_count") == 0


def lazy_event() -> bytes:
    import json

    rules = load_profiles(None)[LAZY].all[-1]
    firm = specimen.employer(7)
    case = Case(profile=rules, kind=ApplicationType.INITIAL, seed=7, firm=firm)
    [event] = [each for each in course(case) if each["type"] == "registration.approved"]
    return json.dumps(event).encode()


def lazily_approved(plant: Plant) -> intake.Outcome:
    from jobs.opening import EXAMPLE_SOURCE
    from storage.ledger import inbox

    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, EXAMPLE_SOURCE, LAZY)
    outcome = intake.submit(plant, lazy_event(), who=WHO)
    assert outcome.status == "accepted", outcome
    return outcome


# --- the ledger -------------------------------------------------------------------------------


@pytest.mark.on_both
def test_a_number_that_would_be_given_twice_is_counted(plant: Plant, counted: Counted) -> None:
    issue(plant, 1)
    issue(plant, 2)

    with pytest.raises(Exception, match=r"(?i)unique"), plant.ledger.write(WHO) as tx:
        tx.run(update(t.edition).values(code="SAMECODE"))

    assert counted("factory_number_collisions_total") == 1
    assert counted("factory_database_transactions_total", mode="write", outcome="fault") == 1


@pytest.mark.on_both
def test_another_row_that_may_not_stand_twice_is_no_number(plant: Plant, counted: Counted) -> None:
    with pytest.raises(Exception, match=r"(?i)unique"), plant.ledger.write(WHO) as tx:
        for _ in range(2):
            tx.run(insert(t.source_grant).values(source="urn:x", profile=PROFILE))

    assert counted("factory_number_collisions_total") == 0
    assert counted("factory_database_transactions_total", outcome="fault") == 1


@pytest.mark.on_both
def test_transactions_are_told_by_how_they_end(plant: Plant, counted: Counted) -> None:
    with plant.ledger.read():
        pass
    with pytest.raises(ConflictError), plant.ledger.write(WHO):
        raise ConflictError("not now")
    with pytest.raises(StoreUnavailableError), plant.ledger.write(WHO):
        raise StoreUnavailableError("object store: gives no answer")  # another neighbour's

    ended = "factory_database_transactions_total"
    assert counted(ended, mode="read", outcome="ok") == 1
    assert counted(ended, mode="write", outcome="undone") == 2
    assert counted(ended, outcome="unavailable") == 0
    assert counted("factory_database_seconds_count", mode="write") == 2


def test_a_database_that_gives_no_answer_is_told_so(tmp_path: Path, counted: Counted) -> None:
    plant = new_plant(tmp_path, f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    gone = Plant(plant.settings)
    (tmp_path / "ledger.sqlite3").unlink()
    (tmp_path / "ledger.sqlite3").mkdir()

    with pytest.raises(StoreUnavailableError), gone.ledger.read():
        pass

    assert counted("factory_database_transactions_total", outcome="unavailable") == 1


# --- store and signers ------------------------------------------------------------------------


def test_what_is_put_and_read_is_counted_in_requests_and_bytes(
    s3: Settings, fresh_bucket: str, counted: Counted
) -> None:
    store = MeasuredBlobs(bucket(s3, fresh_bucket))

    assert store.put_all([blob("one"), blob("two")]) == [True, True]
    assert store.put_new(blob("one")) is False
    assert store.get("two") == b"two"
    assert store.head("three") is None

    assert counted("factory_store_requests_total", operation="put_all", outcome="ok") == 2
    assert counted("factory_store_seconds_count", operation="put_all") == 1
    assert counted("factory_store_requests_total", operation="put", outcome="ok") == 1
    assert counted("factory_store_requests_total", operation="head", outcome="ok") == 1
    assert counted("factory_store_bytes_total", operation="put_all") == len("onetwo")
    assert counted("factory_store_bytes_total", operation="get") == len("two")


def test_a_store_that_is_away_counts_once_and_no_bytes(s3: Settings, counted: Counted) -> None:
    away = {"endpoint": "http://127.0.0.1:9", "region": "us-east-1", "key": "a", "secret": "b"}
    patience = Patience(connect=0.2, read=0.2, retries=0)
    store = MeasuredBlobs(BlobStore.connect(**away, bucket="none", patience=patience))

    with pytest.raises(StoreUnavailableError):
        store.put_all([blob("one"), blob("two")])

    failed = counted("factory_store_requests_total", outcome="store_unavailable")
    assert failed == counted("factory_store_requests_total") == 1
    assert counted("factory_store_bytes_total") == 0


def bucket(s3: Settings, name: str) -> BlobStore:
    return BlobStore.connect(
        endpoint=s3.s3_endpoint, region=s3.s3_region, key=s3.s3_key, secret=s3.s3_secret,
        bucket=name,
    )  # fmt: skip


def blob(text: str) -> Blob:
    import hashlib

    digest = hashlib.sha256(text.encode()).hexdigest()
    return Blob(key=text, data=text.encode(), content_type="text/plain", sha256=digest)


def test_a_seal_of_the_keyring_signs_measured_and_is_the_same_each_time(
    plant: Plant, counted: Counted
) -> None:
    seal = plant.keyring.seal(PROFILE, Format.PDF)

    signatures = seal.signer.sign_digests([b"\1" * 32, b"\2" * 32])

    assert plant.keyring.seal(PROFILE, Format.PDF) is seal
    assert len(signatures) == 2
    assert counted("factory_signer_operations_total", format="pdf", outcome="ok") == 2
    assert counted("factory_signer_seconds_count", format="pdf") == 1


def test_a_signer_that_fails_counts_each_digest_by_its_reason(counted: Counted) -> None:
    from factory.errors import KeyBusyError

    class Busy:
        def sign_digests(self, digests: Any) -> Any:
            raise KeyBusyError("the device is busy")

    with pytest.raises(KeyBusyError):
        MeasuredSigner(Busy(), Format.OFD).sign_digests([b"\1" * 32, b"\2" * 32])

    assert counted("factory_signer_operations_total", format="ofd", outcome="key_busy") == 2
    assert counted("factory_signer_operations_total", outcome="ok") == 0


# --- the line ---------------------------------------------------------------------------------


@pytest.fixture
def whole(tmp_path: Path, s3: Settings) -> Plant:
    """A plant with a store, that makes real certificates."""
    return whole_factory(tmp_path, s3)


def test_a_chunk_counts_its_documents_its_drawing_and_its_claims(
    whole: Plant, counted: Counted
) -> None:
    approve(whole, 1)
    [chunk] = open_chunks(whole)

    line.produce(whole, chunk)
    line.produce(whole, chunk)

    made_here = {"kind": "certificate", "profile": PROFILE, "format": "pdf", "outcome": "made"}
    assert counted("factory_documents_total", **made_here) == 1
    assert counted("factory_drawn_total", format="pdf", by="reference") == 1
    assert counted("factory_chunk_attempts_sum") == counted("factory_chunk_attempts_count") == 1
    assert counted("factory_duplicate_deliveries_total") == 1
    assert counted("factory_self_check_failures_total") == 0


def test_an_event_counts_by_what_became_of_it(plant: Plant, counted: Counted) -> None:
    event = specimen.approved(1)

    for given in (event, event, event | {"specversion": "9"}):
        submit(plant, given)

    assert counted("factory_events_total", outcome="accepted") == 1
    assert counted("factory_events_total", outcome="duplicate") == 1
    assert counted("factory_events_total", outcome="refused") == 1


def test_a_rehearsed_event_counts_nothing(plant: Plant, counted: Counted) -> None:
    raw = json.dumps(specimen.approved(1)).encode()

    intake.rehearse(plant, [raw], who=WHO)

    assert counted("factory_events_total") == 0


def test_what_is_held_at_intake_counts_and_leaves_a_line_with_its_reason(
    plant: Plant, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LogCapture()
    every = structlog.wrap_logger(None, [lines], wrapper_class=structlog.stdlib.BoundLogger)
    monkeypatch.setattr(intake, "log", every)
    event = specimen.approved(1)
    event["data"]["photo"] = {"content": b64encode(b"no picture").decode()}

    outcome = submit(plant, event)

    assert counted("factory_events_total", outcome="held") == 1
    [line] = [each for each in lines.entries if each["event"] == "event entered"]
    assert (line["outcome"], line["hold"], line["reason"]) == ("held", outcome.hold, "picture")
    assert outcome.correlation


def test_a_file_that_does_not_verify_counts_once_and_is_held(
    whole: Plant, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(whole, 1)
    [chunk] = open_chunks(whole)
    key = must_claim_key(whole)
    other = Blob(key=key, data=b"%PDF another", content_type="application/pdf", sha256=sha())
    whole.store.put_new(other)

    line.produce(whole, chunk)

    assert counted("factory_self_check_failures_total", format="pdf") == 1
    [held] = desk.open_holds(whole)
    assert held.reason == "self_check"


def must_claim_key(plant: Plant) -> str:
    from sqlalchemy import select

    with plant.ledger.read() as tx:
        return f"{tx.run(select(t.production_order.c.key_stem)).scalar_one()}.pdf"


def sha() -> str:
    import hashlib

    return hashlib.sha256(b"%PDF another").hexdigest()


def test_another_failure_is_no_self_check(plant: Plant, counted: Counted) -> None:
    plant.metrics.failed(Format.PDF, ConflictError("something else"))
    assert counted("factory_self_check_failures_total") == 0

    plant.metrics.failed(Format.PDF, SelfCheckError("does not verify"))
    assert counted("factory_self_check_failures_total") == 1


def test_a_tally_tells_of_no_file_that_goes_on() -> None:
    told: list[Format] = []
    tally = Tally(on_failure=lambda fmt, _: told.append(fmt))

    tally.attempt(lambda _: None, [])

    assert told == []


# --- the door ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "method", "status", "told"),
    [
        ("/v1/events", "POST", 202, ("/v1/events", "POST", "2xx")),
        ("-", "GET", 404, ("other", "GET", "4xx")),
        ("-", "张三 110101", 400, ("other", "other", "4xx")),
        ("/livez", "GET", None, ("/livez", "GET", "gone")),
    ],
)
def test_a_request_makes_only_series_of_closed_sets(
    plant: Plant, counted: Counted, route: str, method: str, status: int | None, told: Any
) -> None:
    plant.metrics.answered(route, method, status, 0.01)

    labels = dict(zip(("route", "method", "status"), told, strict=True))
    assert counted("factory_http_requests_total", **labels) == 1
    assert counted("factory_http_requests_total") == 1
    assert counted("factory_http_seconds_count", route=told[0]) == 1


# --- the table --------------------------------------------------------------------------------


def test_the_table_of_the_docs_is_what_the_exporter_exports() -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")

    assert metrics_table.filled(text) == text  # python -m jobs.metrics_table docs/metrics.md


def test_every_metric_is_defined_once_in_base_units_and_says_what_it_is() -> None:
    found = list(metrics_table.definitions())

    assert len({each.name for each in found}) == len(found)
    assert all(each.name.startswith("factory_") and each.text for each in found)
    assert not [each.name for each in found if each.name.endswith(("_ms", "_kb", "_minutes"))]
