"""Notices, from the work to a real receiver: signed, in order, at least once."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from factory.deliveries import DeliveryState, EndpointState
from factory.errors import ConflictError, FieldError, ForbiddenError, NotFoundError
from factory.notices import Type
from jobs import doctor, exporter, notices, notifying
from jobs.notices import Added
from jobs.notifying import Sender
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import endpoints, inbox
from storage.ledger import notices as ledger
from storage.ledger.notices import NewNotice
from tests.plants import PROFILE, SOURCE, WHO, issue, new_plant
from tests.receiving import Receiver, receiving

pytestmark = pytest.mark.on_both  # statements that nothing else sends
OTHER = "urn:example:another-portal"
MADE = Type.CERTIFICATE_MADE
HOUR = timedelta(hours=1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def plant(tmp_path: Path, db_url: str, receiver: Receiver) -> Plant:
    return new_plant(tmp_path, db_url, notify_hosts=receiver.host)


@pytest.fixture
def lasting(tmp_path: Path, sqlite_db_url: str, receiver: Receiver) -> Plant:
    """One ledger is enough to ask what does not depend on it."""
    return new_plant(tmp_path, sqlite_db_url, notify_hosts=receiver.host)


def added(plant: Plant, receiver: Receiver, *types: str) -> Added:
    return notices.add(plant, SOURCE, receiver.url, types, who=WHO)


def tell(plant: Plant, *subjects: str, profile: str = PROFILE, kind: Type = MADE) -> None:
    with plant.ledger.write(WHO) as tx:
        new = [NewNotice(type=kind, profile=profile, subject=each) for each in subjects]
        ledger.tell(tx, new)


def send(plant: Plant) -> None:
    Sender(plant).drain()


def later(plant: Plant, by: timedelta = HOUR) -> None:
    """All pauses and leases are over, and what fails has failed for that much longer."""
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.delivery).values(due_at=tx.now - HOUR))
        leased = t.delivery.c.lease_until.is_not(None)
        tx.run(update(t.delivery).where(leased).values(lease_until=tx.now - HOUR))
        tx.run(update(t.endpoint).values(due_at=None))
        for row in tx.run(select(t.endpoint)).all():
            if row.failing_since:
                since = row.failing_since - by
                here = t.endpoint.c.id == row.id
                tx.run(update(t.endpoint).where(here).values(failing_since=since))


def states(plant: Plant) -> list[str]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.delivery.c.state).order_by(t.delivery.c.number)).scalars())


def state(plant: Plant) -> EndpointState:
    [found] = notices.listed(plant).endpoints
    return found.endpoint.state


def cursors(receiver: Receiver, subject: str) -> list[int]:
    return [int(event["id"]) for event in receiver.taken() if event["subject"] == subject]


def test_a_made_certificate_is_told_with_a_signature_that_others_take(
    plant: Plant, receiver: Receiver
) -> None:
    endpoint = added(plant, receiver)
    number = issue(plant, 1)

    send(plant)

    [told] = receiver.told
    event = told.judged(endpoint.secret)
    assert (event["subject"], event["type"]) == (number, "certificate.made")
    assert event["data"] == {
        "profile": PROFILE, "registration": number, "edition": 1, "state": "uncollected",
    }  # fmt: skip
    assert told.headers["content-type"] == "application/cloudevents+json"
    assert told.headers["webhook-id"] == event["id"] == "1"


def test_a_later_notice_waits_until_the_earlier_of_its_subject_is_taken(
    plant: Plant, receiver: Receiver
) -> None:
    added(plant, receiver)
    tell(plant, "one", "one", "two")
    receiver.answer = lambda event: 500 if event["id"] == "1" else 204

    send(plant)
    send(plant)

    assert cursors(receiver, "one") == []
    assert cursors(receiver, "two") == [3]
    receiver.answer = lambda _: 204
    later(plant)
    send(plant)
    assert cursors(receiver, "one") == [1, 2]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_every_other_answer_is_tried_again_and_never_followed_elsewhere(
    lasting: Plant, receiver: Receiver, status: int
) -> None:
    added(lasting, receiver)
    tell(lasting, "one")
    receiver.headers = {"location": f"{receiver.url}/elsewhere"}
    receiver.answer = lambda _: status

    send(lasting)

    assert [told.path for told in receiver.told] == ["/notices"]
    assert states(lasting) == [DeliveryState.PENDING]
    assert "elsewhere" not in {told.path for told in receiver.told}


def test_what_is_refused_again_and_again_is_failed_and_the_next_goes_on(
    tmp_path: Path, db_url: str, receiver: Receiver
) -> None:
    plant = new_plant(tmp_path, db_url, notify_hosts=receiver.host, notify_tries=3)
    added(plant, receiver)
    tell(plant, "one", "one")
    receiver.answer = lambda event: 500 if event["id"] == "1" else 204

    for _ in range(3):
        send(plant)
        later(plant)
    send(plant)

    assert [told.event["id"] for told in receiver.told] == ["1", "1", "1", "2"]
    assert states(plant) == [DeliveryState.FAILED, DeliveryState.DELIVERED]
    [listed] = notices.listed(plant).endpoints
    assert (listed.standing.failed, listed.standing.pending) == (1, 0)


def test_an_endpoint_that_is_gone_is_set_aside_at_once_and_resumed_by_hand(
    plant: Plant, receiver: Receiver
) -> None:
    endpoint = added(plant, receiver).endpoint
    tell(plant, "one", "two")
    receiver.answer = lambda _: 410

    send(plant)

    assert state(plant) is EndpointState.ASIDE
    told = len(receiver.told)
    receiver.answer = lambda _: 204
    later(plant)
    send(plant)
    assert len(receiver.told) == told
    assert "set aside" in finding(plant).detail
    assert not finding(plant).well
    notices.resume(plant, endpoint.id, who=WHO)
    send(plant)
    assert sorted(receiver.said()) == [("one", MADE), ("two", MADE)]
    assert finding(plant).well


def test_an_endpoint_that_fails_in_a_row_and_for_long_is_set_aside(
    tmp_path: Path, sqlite_db_url: str, receiver: Receiver
) -> None:
    plant = new_plant(tmp_path, sqlite_db_url, notify_hosts=receiver.host, notify_aside_failures=4)
    added(plant, receiver)
    tell(plant, "one")
    receiver.answer = lambda _: 503

    for _ in range(3):
        send(plant)
        later(plant)

    assert state(plant) is EndpointState.ACTIVE
    send(plant)
    assert state(plant) is EndpointState.ASIDE
    assert states(plant) == [DeliveryState.PENDING]


def test_an_endpoint_that_fails_is_asked_with_one_notice_alone(
    lasting: Plant, receiver: Receiver
) -> None:
    added(lasting, receiver)
    tell(lasting, *(f"subject {number}" for number in range(30)))
    receiver.answer = lambda _: 503
    Sender(lasting, lanes=1).drain()
    before = len(receiver.told)
    later(lasting)

    Sender(lasting, lanes=1).drain()

    assert (before, len(receiver.told)) == (3, 4)


def test_nothing_is_sent_while_the_switch_is_off_and_everything_after(
    plant: Plant, receiver: Receiver
) -> None:
    added(plant, receiver)
    notices.switch(plant, on=False, who=WHO, why="they are moving house")
    tell(plant, "one")

    send(plant)

    assert receiver.told == []
    assert not finding(plant).well
    notices.switch(plant, on=True, who=WHO, why="they have moved")
    send(plant)
    assert receiver.said() == [("one", MADE)]


def test_the_switch_stops_a_sender_between_two_notices(lasting: Plant, receiver: Receiver) -> None:
    added(lasting, receiver)
    tell(lasting, "one", "two", "three")

    def turn_off(_event: object) -> int:
        notices.switch(lasting, on=False, who=WHO, why="at once")
        return 204

    receiver.answer = turn_off
    Sender(lasting, lanes=1).drain()

    assert len(receiver.told) == 1
    assert states(lasting) == [DeliveryState.DELIVERED, *[DeliveryState.PENDING] * 2]


def test_notices_are_sent_again_from_a_cursor_in_order(plant: Plant, receiver: Receiver) -> None:
    endpoint = added(plant, receiver).endpoint
    tell(plant, "one", "one", "one")
    send(plant)

    count = notices.replay(plant, endpoint.id, 2, who=WHO)
    send(plant)

    assert count == 2
    assert cursors(receiver, "one") == [1, 2, 3, 2, 3]


def test_what_was_told_before_an_endpoint_was_added_can_be_replayed(
    plant: Plant, receiver: Receiver
) -> None:
    tell(plant, "one")
    notices.number_new(plant)
    endpoint = added(plant, receiver).endpoint
    tell(plant, "one")
    send(plant)

    notices.replay(plant, endpoint.id, 1, who=WHO)
    send(plant)

    assert cursors(receiver, "one") == [2, 1, 2]


def test_a_delivery_under_way_does_not_end_the_replay_of_it(
    plant: Plant, receiver: Receiver
) -> None:
    endpoint = added(plant, receiver).endpoint
    tell(plant, "one")

    def replay_meanwhile(_event: object) -> int:
        receiver.answer = lambda _: 204
        notices.replay(plant, endpoint.id, 1, who=WHO)
        return 204

    receiver.answer = replay_meanwhile
    send(plant)

    assert cursors(receiver, "one") == [1, 1]


def test_two_senders_at_once_keep_the_order_of_every_subject(
    plant: Plant, receiver: Receiver
) -> None:
    added(plant, receiver)
    subjects = [f"subject {number}" for number in range(6)]
    for _ in range(8):
        tell(plant, *subjects)

    senders = [threading.Thread(target=send, args=(plant,)) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert len(receiver.told) == 48
    for subject in subjects:
        assert cursors(receiver, subject) == sorted(cursors(receiver, subject))


def test_what_a_killed_sender_had_claimed_is_sent_when_its_lease_is_over(
    plant: Plant, receiver: Receiver
) -> None:
    endpoint = added(plant, receiver).endpoint
    tell(plant, "one", "one")
    notices.number_new(plant)
    with plant.ledger.write(WHO) as tx:
        endpoints.claim(tx, endpoint.id, lease=HOUR, limit=5)

    send(plant)

    assert receiver.told == []
    later(plant)
    send(plant)
    assert cursors(receiver, "one") == [1, 2]


def test_a_sender_that_lost_its_lease_records_nothing(plant: Plant, receiver: Receiver) -> None:
    endpoint = added(plant, receiver).endpoint
    tell(plant, "one")
    notices.number_new(plant)
    lost = notifying._claimed(plant, endpoint.id)
    assert lost is not None
    later(plant)
    with plant.ledger.write(WHO) as tx:
        [mine] = endpoints.claim(tx, endpoint.id, lease=HOUR, limit=5)

    with plant.ledger.write(WHO) as tx:
        fate = notifying.deliveries.fate(
            0, notifying.Answer.TAKEN, notifying.patience(plant), now=tx.now, jitter=0
        )
        assert not endpoints.settle(tx, lost.deliveries[0], fate, "204")
        assert endpoints.settle(tx, mine, fate, "204")


def test_a_slow_endpoint_delays_no_other_one(plant: Plant, receiver: Receiver) -> None:
    told = threading.Event()

    def wait(_event: object) -> int:
        return 204 if told.wait(8) else 500

    with receiving(wait) as slow:
        both = Plant(replace(plant.settings, notify_hosts=f"{receiver.host},{slow.host}"))
        added(both, slow)
        added(both, receiver)
        tell(both, *(f"subject {number}" for number in range(30)))

        def tell_when_done(_event: object) -> int:
            if len(receiver.told) == 29:
                told.set()
            return 204

        receiver.answer = tell_when_done
        send(both)

        assert len(receiver.taken()) == len(slow.taken()) == 30
        assert {each.status for each in slow.told} == {204}


def test_only_the_types_that_were_asked_for_are_told(plant: Plant, receiver: Receiver) -> None:
    added(plant, receiver, Type.CERTIFICATE_REVOKED)
    tell(plant, "one")
    tell(plant, "one", kind=Type.CERTIFICATE_REVOKED)

    send(plant)

    assert receiver.said() == [("one", Type.CERTIFICATE_REVOKED)]


def test_a_source_is_told_of_the_registers_it_is_granted_and_no_other(
    plant: Plant, receiver: Receiver
) -> None:
    added(plant, receiver)
    tell(plant, "theirs", profile="beijing-constructor")
    tell(plant, "ours")

    send(plant)

    assert receiver.said() == [("ours", MADE)]


def test_after_a_rotation_both_secrets_sign_and_later_the_new_one_alone(
    plant: Plant, receiver: Receiver
) -> None:
    first = added(plant, receiver)
    second = notices.rotate(plant, first.endpoint.id, who=WHO)
    tell(plant, "one")
    send(plant)
    notices.rotate(plant, first.endpoint.id, who=WHO, former_hours=0)
    tell(plant, "two")
    send(plant)

    both, last = receiver.told

    assert both.judged(first.secret) == both.judged(second.secret)
    assert len(both.headers["webhook-signature"].split()) == 2
    assert len(last.headers["webhook-signature"].split()) == 1
    with pytest.raises(Exception, match="No matching signature"):
        last.judged(second.secret)


def test_a_removed_endpoint_gets_nothing_more(plant: Plant, receiver: Receiver) -> None:
    endpoint = added(plant, receiver).endpoint
    tell(plant, "one")
    notices.number_new(plant)

    notices.remove(plant, endpoint.id, who=WHO, why="it is not used")
    send(plant)

    assert receiver.told == []
    assert notices.listed(plant).endpoints == ()
    with pytest.raises(NotFoundError):
        notices.resume(plant, endpoint.id, who=WHO)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/", "http://portal.example/", "https://", "https://a@portal.example/",
        "https://portal.example/#part", "https://portal.example/\r\nX: 1", "https://portal.example:0/",
        "https://portal.example:99999/", "https://portal.example/ü", "//portal.example/", "",
        "https://portal.example/ x", f"https://portal.example/{'x' * 2000}",
    ],
)  # fmt: skip
def test_what_is_no_address_to_send_to_is_refused(lasting: Plant, url: str) -> None:
    plant = Plant(replace(lasting.settings, notify_hosts="portal.example,127.0.0.1"))

    with pytest.raises(FieldError):
        notices.add(plant, SOURCE, url, who=WHO)


@pytest.mark.parametrize(
    ("hosts", "url", "may"),
    [
        ("portal.example", "https://portal.example/n?a=b", True),
        ("Portal.Example , other.example", "https://PORTAL.example/", True),
        ("portal.example", "https://portal.example:443/", True),
        ("portal.example:8443", "https://portal.example:8443/", True),
        ("[::1]:8900", "http://[::1]:8900/", True),
        ("localhost:8900", "http://localhost:8900/", True),
        ("", "https://portal.example/", False),
        ("portal.example", "https://portal.example:8443/", False),
        ("portal.example:8443", "https://portal.example/", False),
        ("portal.example", "https://portal.example.evil.example/", False),
        ("portal.example", "https://evil.example/?portal.example", False),
        ("localhost:8900", "http://127.0.0.1:8900/", False),
    ],
)
def test_notices_go_to_hosts_that_are_named_and_nowhere_else(
    lasting: Plant, hosts: str, url: str, may: bool
) -> None:
    plant = Plant(replace(lasting.settings, notify_hosts=hosts))

    if may:
        assert notices.add(plant, SOURCE, url, who=WHO).endpoint.url == url
    else:
        with pytest.raises(ForbiddenError, match="FACTORY_NOTIFY_HOSTS"):
            notices.add(plant, SOURCE, url, who=WHO)


def test_an_endpoint_whose_host_is_no_longer_named_is_set_aside_unasked(
    plant: Plant, receiver: Receiver
) -> None:
    added(plant, receiver)
    tell(plant, "one")

    send(Plant(replace(plant.settings, notify_hosts="")))

    assert receiver.told == []
    assert state(plant) is EndpointState.ASIDE
    assert states(plant) == [DeliveryState.PENDING]


def test_a_source_without_a_register_or_with_the_same_endpoint_is_refused(
    plant: Plant, receiver: Receiver
) -> None:
    added(plant, receiver)

    with pytest.raises(ConflictError, match="already"):
        added(plant, receiver)
    with pytest.raises(ConflictError, match="granted no profile"):
        notices.add(plant, OTHER, receiver.url, who=WHO)


def test_endpoints_of_another_source_are_not_found(plant: Plant, receiver: Receiver) -> None:
    endpoint = added(plant, receiver).endpoint
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, OTHER, PROFILE)

    for act in (
        lambda: notices.rotate(plant, endpoint.id, OTHER, who=WHO),
        lambda: notices.resume(plant, endpoint.id, OTHER, who=WHO),
        lambda: notices.replay(plant, endpoint.id, 1, OTHER, who=WHO),
        lambda: notices.remove(plant, endpoint.id, OTHER, who=WHO, why="none of theirs"),
    ):
        with pytest.raises(NotFoundError):
            act()

    assert notices.listed(plant, OTHER).endpoints == ()
    assert len(notices.listed(plant, SOURCE).endpoints) == 1


def test_the_feed_goes_on_from_a_cursor_without_gaps(plant: Plant) -> None:
    tell(plant, "one", "two", "three")
    tell(plant, "theirs", profile="beijing-constructor")
    tell(plant, "four")

    first = notices.feed(plant, profiles=[PROFILE], limit=2)
    rest = notices.feed(plant, profiles=[PROFILE], after=first[-1].cursor)

    assert [each.subject for each in (*first, *rest)] == ["one", "two", "three", "four"]
    assert notices.feed(plant, profiles=[PROFILE], after=rest[-1].cursor) == []
    assert notices.feed(plant, profiles=[]) == []


def test_a_notice_that_is_committed_late_has_a_later_cursor(
    tmp_path: Path, postgresql_db_url: str
) -> None:
    """SQLite has one writer at a time anyway."""
    plant = new_plant(tmp_path, postgresql_db_url)
    with plant.ledger.write("slow") as tx:
        ledger.tell(tx, [NewNotice(type=MADE, profile=PROFILE, subject="written first")])
        tell(plant, "written second")
        [seen] = notices.feed(plant, profiles=[PROFILE])

    [rest] = notices.feed(plant, profiles=[PROFILE], after=seen.cursor)

    assert (seen.subject, rest.subject) == ("written second", "written first")


def test_the_backlog_is_measured(plant: Plant, receiver: Receiver) -> None:
    added(plant, receiver)
    tell(plant, "one", "two")
    notices.number_new(plant)

    values = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in exporter.of_ledger(plant)
        for sample in metric.samples
    }

    assert values["factory_notices_pending",] == 2
    assert values["factory_notices_oldest_seconds",] >= 0
    assert values["factory_endpoints", "active"] == 1
    assert values["factory_endpoints", "aside"] == 0


def finding(plant: Plant) -> doctor.Finding:
    return next(each for each in doctor.examine(plant) if each.name == "notices")
