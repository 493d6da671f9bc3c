"""Time stamps on the line: every certificate of a register that wants them has one, or waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from prometheus_client import REGISTRY
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import update

from factory import specimen, verify
from factory.errors import SettingsError
from factory.seals import tsp
from factory.verify_verdict import VerdictWord
from jobs import desk, line
from jobs.bulk import steps
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import base, chunks
from tests import stamping
from tests.jobs.bulking import rename_to, started
from tests.plants import WHO, open_chunks, produce, skip_canary, submit
from tests.stamping import Service

NEW = "上海示例建设集团股份有限公司"


@pytest.fixture
def plant(stamping_plant: Plant) -> Plant:
    return stamping_plant


def ordered(plant: Plant, count: int = 1) -> None:
    for seed in range(1, count + 1):
        submit(plant, specimen.approved(seed) | {"source": "urn:certfactory:operations"})


def files(plant: Plant) -> list[bytes]:
    """The PDFs in the store."""
    keys = [key for key in plant.store.list() if key.endswith("certificate.pdf")]
    return [plant.store.get(key) for key in keys]


def test_a_certificate_carries_a_time_stamp_over_its_signature(
    plant: Plant, service: Service
) -> None:
    ordered(plant, 3)

    produce(plant)

    found = files(plant)
    assert len(found) == 3
    for data in found:
        value, token = stamping.token_in(data)
        assert tsp.read(token).imprint == tsp.imprint_of(value)


def test_where_stamps_are_off_none_is_asked_for(plant: Plant, service: Service) -> None:
    off = Plant(replace(plant.settings, time_stamps=False))
    ordered(off)

    produce(off)

    [data] = files(off)
    [signature] = PdfFileReader(BytesIO(data)).embedded_signatures
    assert service.asked == []
    assert not signature.signer_info["unsigned_attrs"]


def test_while_the_authority_is_away_nothing_is_released_and_then_all_is(
    plant: Plant, service: Service
) -> None:
    service.behave = lambda _: (503, b"")
    ordered(plant)

    produce(plant)

    assert files(plant) == []
    assert desk.open_holds(plant) == []
    service.behave = lambda answer: (200, answer)
    rested = Plant(plant.settings)
    produce(rested)
    assert len(files(rested)) == 1


def test_what_a_ledger_ordered_whose_clock_is_ahead_waits_until_it_is_set(
    plant: Plant, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the file would say that it is younger than its time stamp."""
    with monkeypatch.context() as ahead:
        ahead.setattr(base, "database_clock", lambda _: datetime.now(UTC) + timedelta(hours=1))
        ordered(plant)
        produce(plant)
    with plant.ledger.read() as tx:
        [waits] = chunks.waits(tx)

    assert files(plant) == []
    assert waits.reason == "clock" and "ahead of the time authority" in str(waits.why)

    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.chunk).values(run_after=tx.now))  # as a steward does (`set_back`)
    [chunk] = open_chunks(plant)
    line.produce(plant, chunk)

    [data] = files(plant)
    keys = plant.keyring
    verdict = verify.verify(
        data,
        keys.trust_roots(),
        issuers=keys.seal_issuers(),
        now=datetime.now(UTC),
        time_roots=keys.time_roots(),
    )
    assert verdict.verdict is VerdictWord.VALID


def test_that_nobody_says_how_long_tokens_are_counts_as_stamps_that_are_not_to_be_had(
    plant: Plant, service: Service
) -> None:
    service.behave = lambda _: (503, b"")
    ordered(plant, 2)
    before = refused()

    produce(plant)

    assert refused() == before + 2


def refused() -> float:
    wanted = {"outcome": "timestamp_unavailable"}
    return REGISTRY.get_sample_value("factory_tsa_requests_total", wanted) or 0


def test_a_stamp_over_something_else_is_never_put_in(plant: Plant, service: Service) -> None:
    ordered(plant)
    other = stamping.asked(b"something else")
    now = datetime.now(UTC)
    service.behave = lambda _: (200, service.authority.answer(other, now=now))

    produce(plant)

    assert files(plant) == []


def test_a_bulk_chunk_is_pressed_and_stamped_with_one_call(plant: Plant, service: Service) -> None:
    ordered(plant, 6)
    produce(plant)
    before = len(service.asked)
    batch = started(plant, rename_to(NEW) | {"source": "urn:certfactory:operations"})
    skip_canary(plant, batch)

    steps.advance(plant, batch)
    produce(plant)

    assert len(service.asked) == before + 6
    assert len(files(plant)) == 12
    for data in files(plant):
        value, token = stamping.token_in(data)
        assert tsp.is_over(token, tsp.imprint_of(value))


def test_a_keyring_without_the_authority_says_what_is_missing(
    plant: Plant,
) -> None:
    with pytest.raises(SettingsError, match="FACTORY_TIME_STAMPS=off"):
        plant.time_authority("another")
