"""Callers ask as often as they may, on all hosts together; nobody pays for somebody else."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from factory.errors import StoreUnavailableError, TooManyError
from jobs.commands import exits
from jobs.embedded import Embedded, serving
from jobs.pacing import Pacing, _place
from jobs.servers import free_port
from jobs.settings import Settings

KEY, OTHER = "0" * 16, "1" * 16
HERE, THERE = "192.0.2.7", "198.51.100.7"
RATE, FAILURES = 5, 3


@pytest.fixture
def settings(tmp_path: Path, valkey_url: str, namespace: str) -> Settings:
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path)})
    paced = {"http_rate": RATE, "http_failures": FAILURES}
    return replace(settings, redis_url=valkey_url, namespace=namespace, **paced)


@pytest.fixture(params=["broker", "away", "none"])
def pacing(request: pytest.FixtureRequest, settings: Settings) -> Pacing:
    """Counting in the broker; in the process, as it gives no answer; and as there is none."""
    away = f"redis://127.0.0.1:{free_port()}"
    urls = {"broker": settings.redis_url, "away": away, "none": ""}
    return Pacing(replace(settings, redis_url=urls[request.param]))


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Embedded]:
    """A broker of this test's own, which may be killed."""
    elsewhere = {"S3_ENDPOINT": "http://store.invalid", "S3_KEY": "none", "S3_SECRET": "none"}
    given = {f"FACTORY_{name}": value for name, value in elsewhere.items()}
    env = {"FACTORY_DATA_DIR": str(tmp_path / "broker"), **given}
    with serving(Settings.from_env(env)) as running:
        yield running


def on(settings: Settings, running: Embedded) -> Settings:
    return replace(settings, redis_url=running.settings.redis_url)


def until_refused(ask: Callable[[], object]) -> tuple[int, TooManyError]:
    """How often it was done before it was refused."""
    for done in range(100):
        try:
            ask()
        except TooManyError as error:
            return done, error
    pytest.fail("never refused")


def fail(pacing: Pacing, address: str) -> None:
    pacing.admit_address(address)
    pacing.failed(address)


def test_a_key_is_let_in_as_often_as_its_rate_says(pacing: Pacing) -> None:
    done, refused = until_refused(lambda: pacing.admit(KEY))

    assert RATE <= done <= RATE + 1  # one more where a minute ends in between
    assert f"key {KEY}: more than {RATE} requests a minute; again after" in str(refused)
    assert timedelta(seconds=1) <= refused.again_after <= timedelta(seconds=60)


def test_one_key_that_is_refused_harms_no_other(pacing: Pacing) -> None:
    until_refused(lambda: pacing.admit(KEY))

    pacing.admit(OTHER)
    pacing.admit_address(HERE)


def test_an_address_fails_as_often_as_it_may_and_then_waits(pacing: Pacing) -> None:
    done, refused = until_refused(lambda: fail(pacing, HERE))

    assert FAILURES <= done <= FAILURES + 1
    assert f"more than {FAILURES} requests without a valid key a minute" in str(refused)
    assert HERE not in str(refused)


def test_an_address_that_fails_harms_no_other(pacing: Pacing) -> None:
    until_refused(lambda: fail(pacing, HERE))

    pacing.admit_address(THERE)


def test_whoever_is_recognised_does_not_use_up_failures(pacing: Pacing) -> None:
    for _ in range(FAILURES * 3):
        pacing.admit_address(HERE)


def test_all_hosts_count_together(settings: Settings) -> None:
    one, two = Pacing(settings), Pacing(settings)

    until_refused(lambda: one.admit(KEY))

    with pytest.raises(TooManyError):
        two.admit(KEY)


def test_two_installations_on_a_broker_count_apart(settings: Settings) -> None:
    one, two = Pacing(settings), Pacing(replace(settings, namespace=f"{settings.namespace}b"))

    until_refused(lambda: one.admit(KEY))
    one.is_first(KEY, "request-1")

    two.admit(KEY)
    assert two.is_first(KEY, "request-1")


def test_the_addresses_of_one_ipv6_network_count_as_one(pacing: Pacing) -> None:
    until_refused(lambda: fail(pacing, "2001:db8:0:1::1"))

    with pytest.raises(TooManyError):
        pacing.admit_address("2001:db8:0:1:ffff::9")
    pacing.admit_address("2001:db8:0:2::1")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "nowhere"),
        ("unix:", "nowhere"),
        ("a b\r\nSET x y", "nowhere"),
    ],
)
def test_what_counts_as_one_place(address: str, place: str) -> None:
    assert _place(address) == place


def test_a_request_is_the_first_of_its_id_once(settings: Settings) -> None:
    pacing = Pacing(settings)

    assert pacing.is_first(KEY, "request-1")
    assert not Pacing(settings).is_first(KEY, "request-1")
    assert pacing.is_first(KEY, "request-2")
    assert pacing.is_first(OTHER, "request-1")


def test_without_a_broker_nobody_knows_which_request_is_the_first(settings: Settings) -> None:
    with pytest.raises(StoreUnavailableError, match="FACTORY_REDIS_URL"):
        Pacing(replace(settings, redis_url="")).is_first(KEY, "request-1")


def test_a_broker_that_was_away_is_asked_again_after_a_pause(
    settings: Settings, mortal: Embedded
) -> None:
    now = [0.0]
    pacing = Pacing(on(settings, mortal), clock=lambda: now[0])
    assert pacing.is_first(KEY, "request-1")
    mortal.broker.kill()
    with pytest.raises(StoreUnavailableError, match="gives no answer"):
        pacing.is_first(KEY, "request-2")
    mortal.broker.start()

    with pytest.raises(StoreUnavailableError, match="a moment ago"):
        pacing.is_first(KEY, "request-2")
    now[0] += 5
    assert pacing.is_first(KEY, "request-2")


def test_a_broker_that_began_anew_in_between_is_no_broker_that_is_away(
    settings: Settings, mortal: Embedded
) -> None:
    pacing = Pacing(on(settings, mortal))
    pacing.admit(KEY)

    mortal.broker.restart()

    assert pacing.is_first(KEY, "request-1")


def test_a_program_is_told_to_try_again() -> None:
    refused = TooManyError("key: more than 5 requests", again_after=timedelta(seconds=3))

    assert refused.reason == "too_many"
    assert exits.code_of(refused) == exits.UNAVAILABLE
    assert exits.code_of_fault("unrecognised") == exits.REFUSED
