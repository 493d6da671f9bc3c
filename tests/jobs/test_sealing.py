"""Certificates under a seal that comes later: submitted, waited for, fetched, withdrawn."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from factory import courses
from factory.model import BatchId, ChunkId, Format, OrderState
from factory.seals.signer import Signer
from factory.seals.sm2_soft import Sm2SoftSigner
from jobs import desk, enquiry, laying, line, sealing
from jobs.bulk import confirming, progress, steps
from jobs.intake import Status
from jobs.settings import Settings
from jobs.standing import Stand
from jobs.wiring import Plant
from jobs.work import Tally
from storage import tables as t
from storage.ledger import batches, orders, outbox, sealings
from storage.ledger.outbox import Topic
from tests import seal_service, sealing_service
from tests.jobs.in_two_formats import GANSU, approve, case, matters
from tests.plants import WHO, open_chunks, produce, submit
from tests.seal_service import TOKEN, Behaviour
from tests.sealing_service import FETCH, POLL, REVOKE, SUBMIT, SealingService
from tests.telling import whole_factory

BOTH = ["ofd", "pdf"]
WAITS = Stand(label="待加盖电子公章", owner="authority", why="the seal is asked for")


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path, s3: Settings) -> Plant:
    """A plant on each kind of ledger."""
    return whole_factory(tmp_path, s3, db_url=request.getfixturevalue(f"{request.param}_db_url"))


@pytest.fixture
def plant(tmp_path: Path, s3: Settings) -> Plant:
    return whole_factory(tmp_path, s3)


@pytest.fixture
def centre(plant: Plant) -> Iterator[SealingService]:
    with centre_of(plant) as running:
        yield running


@contextmanager
def centre_of(plant: Plant, **how: Any) -> Iterator[SealingService]:
    """The centre holds the key of the register's seal for OFD, instead of the keyring."""
    folder = home(plant)
    key, passphrase = ((folder / name).read_bytes() for name in ("key.p8", "passphrase"))
    signers: dict[str, Signer] = {"seal": Sm2SoftSigner(key, passphrase)}
    with sealing_service.running(signers, **how) as running:
        point_to(folder, running.url)
        yield running


def home(plant: Plant) -> Path:
    return plant.settings.keyring_dir / "identities" / GANSU / "ofd"


def point_to(folder: Path, url: str, *more: str) -> None:
    said = ["test = true", "[service]", f'url = "{url}"', 'key = "seal"', 'mode = "asynchronous"']
    (folder / "identity.toml").write_text("\n".join([*said, *more, ""]))
    for name in ("key.p8", "passphrase"):
        (folder / name).unlink(missing_ok=True)
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)


# --- saying it shortly ------------------------------------------------------------------------


def rename(plant: Plant, centre: SealingService) -> BatchId:
    """Three colleagues whose enterprise is renamed, confirmed and not yet made; the batch."""
    for event in filter(matters, courses.renaming(case(plant))):
        batch = submit(plant, event).batch
        until_made(plant, centre)
    assert batch is not None
    steps.advance(plant, BatchId(batch))
    confirming.confirm(plant, BatchId(batch), who=WHO, why="notice")
    with plant.ledger.write(WHO) as tx:  # the first certificate was judged before
        batches.set_canary(tx, batch, batches.CANARY_PASSED)
    steps.advance(plant, BatchId(batch))
    return BatchId(batch)


def until_made(plant: Plant, centre: SealingService) -> None:
    produce(plant)
    centre.seal()
    produce(plant)


def formats(plant: Plant) -> list[str]:
    with plant.ledger.read() as tx:
        return sorted(tx.run(select(t.file.c.format)).scalars())


def states(plant: Plant) -> list[str]:
    with plant.ledger.read() as tx:
        c = t.production_order.c
        return list(tx.run(select(c.state).order_by(c.id)).scalars())


def chunk_of(plant: Plant) -> Any:
    """The newest."""
    with plant.ledger.read() as tx:
        return tx.run(select(t.chunk).order_by(t.chunk.c.id.desc()).limit(1)).one()


def stand(plant: Plant, number: str) -> Stand:
    return enquiry.registration_status(plant, number).editions[-1]


def stored(plant: Plant) -> list[str]:
    with plant.ledger.read() as tx:
        stems = list(tx.run(select(t.production_order.c.key_stem)).scalars())
    return [key for stem in stems for key in plant.store.list(stem)]


def later(plant: Plant, by: timedelta) -> None:
    """Whatever is asked was asked so much earlier."""
    with plant.ledger.write(WHO) as tx:
        for row in tx.run(select(t.sealing)).all():
            here = t.sealing.c.id == row.id
            tx.run(update(t.sealing).where(here).values(since=row.since - by))


def restarted(plant: Plant) -> Plant:
    """As a worker that has just started."""
    return Plant(plant.settings)


def cancel(plant: Plant, why: str = "registration cancelled") -> None:
    with plant.ledger.write(WHO) as tx:
        for ident in tx.run(select(t.registration.c.id)).scalars().all():
            orders.void_open(tx, ident, why=why)


def withdraw(plant: Plant) -> int:
    """What the steward rings for, heard; how many bells."""
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.sealing).values(due_at=None))
        sealings.ring_unwanted(tx)
    with plant.ledger.write(WHO) as tx:
        bells = [bell for bell in outbox.unsent(tx) if bell.topic is Topic.SEALING]
        outbox.mark_sent(tx, bells)
    for bell in bells:
        sealing.withdraw(plant, int(str(bell.body["sealing"])))
    return len(bells)


# --- not ready, then ready --------------------------------------------------------------------


def test_an_approval_waits_for_the_centre_and_is_made_once_it_has_sealed(either: Plant) -> None:
    with centre_of(either) as centre:
        number = approve(either)

        produce(either)

        assert (states(either), stored(either)) == ([OrderState.READY], [])
        assert stand(either, number) == WAITS
        centre.seal()
        produce(either)
        assert formats(either) == BOTH
        assert states(either) == [OrderState.MADE]
        assert stand(either, number).label == "未领证"
        assert len(centre.submitted) == len(centre.signed) == 1


def test_a_centre_that_seals_by_itself_after_a_while_is_come_back_to(plant: Plant) -> None:
    with centre_of(plant, delay=0.05) as centre:
        approve(plant)

        seal_service.wait_until(lambda: produce(plant) or formats(plant) == BOTH)

        assert len(centre.submitted) == len(centre.signed) == 1


def test_waiting_is_no_try_however_long_it_takes(plant: Plant, centre: SealingService) -> None:
    plant.settings = replace(plant.settings, max_retries=2, max_attempts=2)
    approve(plant)

    for _ in range(6):
        produce(plant)

    assert desk.open_holds(plant) == []
    assert (chunk_of(plant).attempt, chunk_of(plant).released) == (0, 0)
    assert len(centre.submitted) == 1


def test_a_centre_that_is_away_is_tried_as_often_as_any_other(
    plant: Plant, centre: SealingService
) -> None:
    plant.settings = replace(plant.settings, max_retries=2)
    approve(plant)
    produce(plant)
    centre.behave(POLL, *[seal_service.busy(503)] * 3)

    for _ in range(3):
        produce(plant)

    [held] = desk.open_holds(plant)
    assert (held.reason, held.owner) == ("key_busy", "operations")


def test_the_chunk_rests_as_long_as_the_centre_says(plant: Plant, centre: SealingService) -> None:
    centre.again = 1800
    approve(plant)

    produce(plant)

    found = chunk_of(plant)
    assert found.state == "ready"
    assert found.run_after - found.created_at >= timedelta(minutes=29)
    line.produce(plant, ChunkId(found.id))  # nobody takes it before that
    assert len(centre.calls(POLL)) == 2  # when the seal was loaded, and before it was submitted


def test_nothing_is_drawn_again_while_nothing_is_ready(
    plant: Plant, centre: SealingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(plant)
    produce(plant)
    drawn: list[object] = []
    laid = laying.of_order
    monkeypatch.setattr(laying, "of_order", lambda *args: drawn.append(args) or laid(*args))

    produce(plant)
    before = len(drawn)
    centre.seal()
    produce(plant)

    assert (before, len(drawn)) == (0, 1)  # once for OFD and PDF
    assert formats(plant) == BOTH


# --- a batch, partly ready --------------------------------------------------------------------


def test_what_is_ready_of_a_chunk_is_recorded_at_once_and_the_rest_later(
    plant: Plant, centre: SealingService
) -> None:
    batch = rename(plant, centre)
    produce(plant)
    with plant.ledger.read() as tx:
        waiting = sealings.count_of_batch(tx, batch)

    centre.seal(2)
    produce(plant)

    assert waiting == 3
    assert states(plant)[3:].count(OrderState.MADE) == 2
    assert states(plant)[3:].count(OrderState.READY) == 1
    assert [each.done for each in progress.all_progress(plant)] == [2]
    centre.seal()
    produce(plant)
    assert states(plant) == [OrderState.MADE] * 6
    assert len(centre.submitted) == len(set(centre.submitted)) == 6
    assert sorted(each.hex() for each in centre.signed) == sorted(centre.submitted)


def test_a_chunk_is_one_request_of_each_kind(plant: Plant, centre: SealingService) -> None:
    rename(plant, centre)
    centre.asked.clear()

    until_made(plant, centre)

    asked = [(call, len(said["sealings"])) for call, said in centre.asked]
    assert asked == [(POLL, 3), (SUBMIT, 3), (POLL, 3), (POLL, 3), (FETCH, 3)]


# --- answers that are lost, wrong or come twice -----------------------------------------------


@pytest.mark.parametrize(
    ("call", "behaviour"),
    [
        (call, behaviour)
        for call in (POLL, SUBMIT, FETCH)
        for behaviour in (
            seal_service.lost,
            seal_service.halfway,
            seal_service.busy(503, Retry_After="1"),
            seal_service.busy(500),
            seal_service.busy(401),
            seal_service.saying(b"<html>"),
            seal_service.changed(sealings=[]),
            seal_service.changed(sealings=lambda found: found * 2),
            sealing_service.each(request="0" * 64),
            sealing_service.each(outcome="splendid"),
            sealing_service.each(outcome=["ready"]),
            sealing_service.each(outcome=None),
        )
    ],
)
def test_after_an_answer_that_is_none_the_same_is_asked_again(
    plant: Plant, centre: SealingService, call: str, behaviour: Behaviour
) -> None:
    approve(plant)
    plant.keyring.ofd_seal(GANSU)
    centre.behave(call, behaviour)

    for _ in range(2):
        produce(plant)
        centre.seal()
        produce(plant)

    assert formats(plant) == BOTH
    assert desk.open_holds(plant) == []
    assert len(set(centre.submitted)) == len(centre.known) == len(centre.signed) == 1


def test_what_exists_already_is_waited_for(plant: Plant, centre: SealingService) -> None:
    """The centre has it, and does not show it yet."""
    approve(plant)
    plant.keyring.ofd_seal(GANSU)
    centre.behave(SUBMIT, seal_service.lost)
    produce(plant)
    centre.behave(POLL, *[sealing_service.each(outcome="unknown")] * 2)

    produce(plant)

    assert [len(centre.submitted), len(centre.known)] == [2, 1]
    assert chunk_of(plant).released == 0  # that was no failure
    centre.seal()
    produce(plant)
    assert formats(plant) == BOTH


def test_an_answer_that_comes_twice_over_the_connection_is_taken_once(
    plant: Plant, centre: SealingService
) -> None:
    approve(plant)
    centre.behave(SUBMIT, seal_service.twice)

    until_made(plant, centre)
    until_made(plant, centre)

    assert formats(plant) == BOTH
    assert len(centre.signed) == 1


def test_what_is_not_ready_any_more_when_it_is_fetched_is_waited_for(
    plant: Plant, centre: SealingService
) -> None:
    approve(plant)
    produce(plant)
    centre.seal()
    centre.behave(FETCH, sealing_service.each(outcome="not_ready", signature=None))

    produce(plant)

    assert (states(plant), chunk_of(plant).released) == ([OrderState.READY], 0)
    produce(plant)
    assert formats(plant) == BOTH


@pytest.mark.parametrize("signature", ["MEUCIQD0" + "A" * 88, "no base64!", "", 7, None])
def test_a_signature_that_does_not_fit_is_refused_and_asked_for_anew_when_it_is_retried(
    plant: Plant, centre: SealingService, signature: object
) -> None:
    approve(plant)
    given_earlier(plant)
    produce(plant)
    centre.seal()
    centre.behave(FETCH, sealing_service.each(signature=signature))

    produce(plant)

    [held] = desk.open_holds(plant)
    assert (held.reason, held.owner) == ("seal_refused", "operations")
    assert stored(plant) == []
    desk.retry(plant, held.id, who=WHO, why="the centre has mended it")
    until_made(plant, centre)
    assert formats(plant) == BOTH
    assert len(set(centre.submitted)) == 2
    withdraw(plant)
    assert len(centre.known) == 1  # the first is withdrawn


def given_earlier(plant: Plant) -> None:
    """The orders, by a minute: a seal is dated to the second."""
    with plant.ledger.write(WHO) as tx:
        for row in tx.run(select(t.production_order)).all():
            here = t.production_order.c.id == row.id
            earlier = row.signed_at - timedelta(minutes=1)
            tx.run(update(t.production_order).where(here).values(signed_at=earlier))


def test_what_the_centre_declines_is_held_for_the_authority(
    plant: Plant, centre: SealingService
) -> None:
    number = approve(plant)
    produce(plant)
    centre.decline()

    produce(plant)

    [held] = desk.open_holds(plant)
    assert (held.reason, held.owner) == ("seal_declined", "authority")
    assert stand(plant, number).owner == "authority"


# --- patience ---------------------------------------------------------------------------------


def test_what_was_waited_for_too_long_is_held_for_the_authority_and_goes_on_when_retried(
    plant: Plant, centre: SealingService
) -> None:
    approve(plant)
    produce(plant)
    later(plant, timedelta(days=7, minutes=1))

    produce(plant)

    [held] = desk.open_holds(plant)
    assert (held.reason, held.owner) == ("seal_overdue", "authority")
    assert TOKEN not in held.detail
    desk.retry(plant, held.id, who=WHO, why="the centre will seal it")
    produce(plant)
    assert desk.open_holds(plant) == []  # it is waited for anew
    centre.seal()
    produce(plant)
    assert formats(plant) == BOTH
    assert len(centre.submitted) == len(centre.signed) == 1  # the same request


def test_within_its_patience_it_is_waited_for(plant: Plant, centre: SealingService) -> None:
    approve(plant)
    produce(plant)
    later(plant, timedelta(days=6, hours=23))

    produce(plant)

    assert desk.open_holds(plant) == []
    assert centre.known


def test_what_was_sealed_at_the_last_moment_is_taken(plant: Plant, centre: SealingService) -> None:
    approve(plant)
    produce(plant)
    later(plant, timedelta(days=70))
    centre.seal()

    produce(plant)

    assert formats(plant) == BOTH


def test_how_long_it_is_waited_for_is_said_in_the_keyring(
    plant: Plant, centre: SealingService
) -> None:
    point_to(home(plant), centre.url, "patience_hours = 1")
    approve(plant)
    produce(plant)
    later(plant, timedelta(minutes=61))

    produce(plant)

    assert [held.reason for held in desk.open_holds(plant)] == ["seal_overdue"]


def test_what_was_held_because_the_centre_was_away_goes_on_with_the_same_request(
    plant: Plant, centre: SealingService
) -> None:
    plant.settings = replace(plant.settings, max_retries=0)
    approve(plant)
    given_earlier(plant)
    produce(plant)
    centre.behave(POLL, seal_service.busy(500))
    produce(plant)
    [held] = desk.open_holds(plant)

    desk.retry(plant, held.id, who=WHO, why="it is back")
    until_made(plant, centre)

    assert held.reason == "key_busy"
    assert formats(plant) == BOTH
    assert len(centre.submitted) == len(centre.signed) == 1


# --- withdrawn --------------------------------------------------------------------------------


def test_what_is_void_is_withdrawn(either: Plant) -> None:
    with centre_of(either) as centre:
        approve(either)
        produce(either)
        cancel(either)

        withdraw(either)

        assert centre.known == {}
        assert withdraw(either) == 0  # and not again
        produce(either)
        assert (formats(either), len(centre.submitted)) == ([], 1)


@pytest.mark.parametrize(("happens", "left"), [("corrected", 1), ("cancelled", 0)])
def test_what_a_newer_edition_or_a_cancellation_ends_is_withdrawn(
    plant: Plant, centre: SealingService, happens: str, left: int
) -> None:
    number = approve(plant)
    produce(plant)
    [first] = centre.digests
    [event] = [
        told
        for each in courses.AFTERWARDS
        if (told := each(case(plant), datetime.now(UTC).date()))["type"].endswith(f".{happens}")
    ]
    assert submit(plant, event).status is Status.ACCEPTED

    produce(plant)
    withdraw(plant)

    assert len(centre.digests) == left
    assert first not in centre.digests
    centre.seal()
    produce(plant)
    assert formats(plant) == BOTH * left
    editions = enquiry.registration_status(plant, number).registration.editions
    assert len(editions) == 1 + left


def test_what_is_still_wanted_is_not_withdrawn(plant: Plant, centre: SealingService) -> None:
    approve(plant)
    produce(plant)

    assert withdraw(plant) == 0
    assert len(centre.known) == 1


def test_nothing_to_revoke_is_as_good(plant: Plant, centre: SealingService) -> None:
    approve(plant)
    produce(plant)
    centre.known.clear()
    cancel(plant)

    withdraw(plant)

    assert len(centre.calls(REVOKE)) == 1
    assert withdraw(plant) == 0


@pytest.mark.parametrize("behaviour", [seal_service.lost, seal_service.busy(500)])
def test_what_could_not_be_withdrawn_is_withdrawn_later(
    plant: Plant, centre: SealingService, behaviour: Behaviour
) -> None:
    approve(plant)
    produce(plant)
    cancel(plant)
    centre.behave(REVOKE, behaviour)

    withdraw(plant)
    withdraw(restarted(plant))

    assert centre.known == {}
    assert len(centre.calls(REVOKE)) == 2


def test_a_bell_for_what_is_not_withdrawn_rings_ever_more_rarely(
    plant: Plant, centre: SealingService
) -> None:
    approve(plant)
    produce(plant)
    cancel(plant)

    for _ in range(3):
        with plant.ledger.write(WHO) as tx:
            sealings.ring_unwanted(tx)

    with plant.ledger.read() as tx:
        [row] = tx.run(select(t.sealing)).all()
        assert (row.tries, row.due_at > tx.now) == (1, True)
    assert centre.known


def test_an_order_that_became_void_while_it_was_drawn_is_not_submitted(
    plant: Plant, centre: SealingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(plant)
    laid = laying.of_order

    def overtaken(*args: Any) -> Any:
        cancel(plant)
        return laid(*args)

    monkeypatch.setattr(laying, "of_order", overtaken)
    produce(plant)

    assert centre.submitted == []


def test_what_a_worker_has_in_hand_is_not_withdrawn_before_it_is_given_back(
    plant: Plant, centre: SealingService
) -> None:
    approve(plant)
    produce(plant)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.chunk).values(state="leased", lease_until=tx.now + timedelta(seconds=30)))
    cancel(plant)

    rung = withdraw(plant)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.chunk).values(lease_until=tx.now - timedelta(seconds=1)))

    assert (rung, withdraw(plant)) == (0, 1)
    assert centre.known == {}


# --- killed -----------------------------------------------------------------------------------


def killed(settings: Settings, module: str, name: str, after: bool) -> None:
    """A worker that dies at a call; run as a process of its own."""
    owner: Any = {"wire": sealing_wire(), "line": line}[module]
    act = getattr(owner, name)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if after:
            act(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)
    produce(Plant(settings))


def sealing_wire() -> type:
    from storage.seal_later import AsynchronousSigner

    return AsynchronousSigner


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        pytest.param("wire", "ask", False, id="before it is submitted"),
        pytest.param("wire", "ask", True, id="after it is submitted"),
        pytest.param("line", "_record", False, id="before that is recorded"),
    ],
)
def test_a_worker_killed_while_it_submits_leads_to_one_request(
    plant: Plant, centre: SealingService, module: str, name: str, after: bool
) -> None:
    approve(plant)

    die(plant, module, name, after=after)
    forsaken(plant)
    until_made(plant, centre)
    until_made(plant, centre)

    assert formats(plant) == BOTH
    assert len(set(centre.submitted)) == len(centre.known) == len(centre.signed) == 1


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        pytest.param("wire", "ask", True, id="after it is fetched"),
        pytest.param("line", "_store", True, id="after it is stored"),
        pytest.param("line", "_record", False, id="before it is recorded"),
    ],
)
def test_a_worker_killed_between_fetch_and_record_seals_nothing_twice(
    plant: Plant, centre: SealingService, module: str, name: str, after: bool
) -> None:
    approve(plant)
    produce(plant)
    centre.seal()

    die(plant, module, name, after=after)
    forsaken(plant)
    produce(plant)

    assert formats(plant) == BOTH
    assert len(centre.submitted) == len(centre.signed) == 1


def test_what_a_killed_worker_has_submitted_of_a_void_order_is_withdrawn(
    plant: Plant, centre: SealingService
) -> None:
    approve(plant)
    die(plant, "wire", "ask", after=True)
    assert len(centre.known) == 1
    cancel(plant)
    forsaken(plant)

    withdraw(plant)

    assert centre.known == {}


def die(plant: Plant, module: str, name: str, *, after: bool) -> None:
    plant.ledger.engine.dispose()
    fresh = multiprocessing.get_context("spawn")
    worker = fresh.Process(target=killed, args=(plant.settings, module, name, after))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL


def forsaken(plant: Plant) -> None:
    """The dead worker's lease has run out."""
    with plant.ledger.write(WHO) as tx:
        leased = t.chunk.c.state == "leased"
        tx.run(update(t.chunk).where(leased).values(state="ready", lease_until=None))


# --- the same digests -------------------------------------------------------------------------


def digests(settings: Settings, told: Any) -> None:
    """What is signed of every order, in a process of its own."""
    plant = Plant(settings)
    [chunk] = open_chunks(plant)
    found = line._claim(plant, ChunkId(chunk))
    assert found is not None
    tally = Tally()
    works = line._works(plant, found, tally)
    tally.attempt(line._Layout(plant).lay, works)
    line._draw(plant, tally, works)
    told.put({str(work.format): work.awaiting.digest for work in tally.works if work.awaiting})


def test_the_same_order_gives_the_same_digests_in_every_process(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(plant)
    plant.ledger.engine.dispose()
    found: list[dict[str, bytes]] = []

    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        fresh = multiprocessing.get_context("spawn")
        told = fresh.Queue()
        process = fresh.Process(target=digests, args=(plant.settings, told))
        process.start()
        found.append(told.get(timeout=60))
        process.join(60)
        forsaken(plant)

    assert found[0] == found[1]
    assert set(found[0]) == {Format.PDF, Format.OFD}


def test_an_order_that_is_drawn_otherwise_since_is_asked_for_anew_and_the_first_withdrawn(
    plant: Plant, centre: SealingService
) -> None:
    """As after an upgrade that draws something better."""
    approve(plant)
    produce(plant)
    given_earlier(plant)
    centre.seal()
    first = list(centre.digests)

    produce(plant)
    withdraw(plant)

    assert [len(centre.submitted), len(centre.known)] == [2, 1]
    assert first != centre.digests
    centre.seal()
    produce(plant)
    assert formats(plant) == BOTH
