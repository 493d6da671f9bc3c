"""Time-stamping authorities: tokens for a whole chunk at once, and nothing of a wrong answer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import SettingsError, TimestampUnavailableError
from factory.seals import der, tsp
from storage import tsa
from storage.keyring import Keyring
from storage.new_keyring import add_test_authority
from storage.tsa import Patience, TimeAuthority, TimeService
from tests import judges, stamping
from tests.stamping import Authority, Service

IMPRINTS = [tsp.imprint_of(bytes([each])) for each in range(20)]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return stamping.authority(datetime.now(UTC))


@pytest.fixture
def service(authority: Authority) -> Iterator[Service]:
    with stamping.running(authority) as running:
        yield running


def asker(service: Service, **changes: Any) -> TimeAuthority:
    """Who trusts the service's root; waits for nothing between two tries."""
    patience = Patience(
        **{name: changes.pop(name) for name in ("read", "whole") if name in changes}
    )
    address = TimeService(name="test", url=service.url, roots=(service.authority.root,))
    return TimeAuthority(replace(address, **changes), patience=patience, wait=lambda _: None)


def test_every_imprint_has_its_token_in_order_and_no_number_comes_twice(service: Service) -> None:
    tokens = [tsp.read(each) for each in asker(service).stamps(IMPRINTS)]

    assert [each.imprint for each in tokens] == IMPRINTS
    assert len({each.serial for each in tokens}) == len(IMPRINTS)
    assert len({each.nonce for each in tokens}) == len(IMPRINTS)


def test_connections_are_kept_and_no_more_than_allowed(service: Service) -> None:
    authority = asker(service, at_once=3)

    authority.stamps(IMPRINTS)
    authority.stamps(IMPRINTS)

    assert service.connections <= 3


def test_nothing_is_asked_for_nothing(service: Service) -> None:
    assert asker(service).stamps([]) == []
    assert service.asked == []


def test_what_fails_once_is_asked_for_again(service: Service) -> None:
    failures = iter([(503, b""), (200, b"garbage")])
    service.behave = lambda answer: next(failures, (200, answer))

    [token] = asker(service).stamps(IMPRINTS[:1])

    assert tsp.is_over(token, IMPRINTS[0])
    assert len(service.asked) == 3
    assert len(set(service.asked)) == 3  # another nonce each time


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ((500, b""), "out of order"),
        ((302, b""), "status 302"),
        ((200, b"garbage"), "no time-stamp token"),
        ((200, b""), "no time-stamp token"),
        ((200, b"0" * 200_000), "too large"),
        ((200, der.sequence(der.sequence(der.integer(4)))), "does not stamp now"),
    ],
)
def test_of_a_wrong_answer_nothing_is_used(
    service: Service, said: tuple[int, bytes], says: str
) -> None:
    service.behave = lambda _: said

    with pytest.raises(TimestampUnavailableError, match=says):
        asker(service).stamps(IMPRINTS[:3])


def test_an_answer_to_somebody_else_is_refused(service: Service) -> None:
    kept: list[bytes] = []

    def first(answer: bytes) -> tuple[int, bytes]:
        kept.append(answer)
        return 200, kept[0]

    service.behave = first
    [_] = asker(service).stamps(IMPRINTS[:1])

    with pytest.raises(TimestampUnavailableError, match="something else"):
        asker(service).stamps(IMPRINTS[1:2])
    with pytest.raises(TimestampUnavailableError, match="nonce"):
        asker(service).stamps(IMPRINTS[:1])


def test_another_authority_is_not_trusted(service: Service) -> None:
    service.authority = Authority(service.authority.root, stamping.authority().stamper)

    with pytest.raises(TimestampUnavailableError, match="not trusted"):
        asker(service).stamps(IMPRINTS[:1])


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_wrong_is_not_believed(service: Service, minutes: int) -> None:
    service.clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes)

    with pytest.raises(TimestampUnavailableError, match="five minutes"):
        asker(service).stamps(IMPRINTS[:1])


def test_an_authority_that_says_nothing_is_waited_for_and_then_no_longer(service: Service) -> None:
    service.behave = lambda _: None

    with pytest.raises(TimestampUnavailableError, match=r"no answer|slowly"):
        asker(service, read=0.05, whole=0.2, at_once=2).stamps(IMPRINTS)
    assert len(service.asked) < len(IMPRINTS)


def test_an_authority_that_is_away_says_so(service: Service) -> None:
    away = replace(asker(service).service, url="http://127.0.0.1:1/")

    with pytest.raises(TimestampUnavailableError, match="test gives no answer"):
        TimeAuthority(away, wait=lambda _: None).stamps(IMPRINTS)


@pytest.mark.parametrize(("status", "says"), [(401, "login_file"), (404, "url")])
def test_what_time_does_not_mend_says_what_to_set(service: Service, status: int, says: str) -> None:
    service.behave = lambda _: (status, b"")

    with pytest.raises(SettingsError, match=says):
        asker(service).stamps(IMPRINTS[:3])
    assert len(service.asked) <= 3


def test_another_policy_than_is_asked_for_is_a_setting(service: Service) -> None:
    assert asker(service, policy=stamping.POLICY).stamps(IMPRINTS[:1])
    with pytest.raises(SettingsError, match="policy"):
        asker(service, policy="1.2.3").stamps(IMPRINTS[:1])


def test_the_room_for_a_token_is_learnt_from_one_and_holds_all(service: Service) -> None:
    authority = asker(service)

    longest = max(map(len, authority.stamps(IMPRINTS)))

    assert longest < authority.room < longest + 400
    assert authority.room % 256 == 0
    assert asker(service, room=4000).room == 4000


# --- the keyring ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    add_test_authority(tmp_path, datetime.now(UTC))
    return tmp_path


def test_a_test_keyring_has_a_test_authority_whose_tokens_openssl_takes(
    folder: Path, tmp_path: Path
) -> None:
    service = Keyring(folder).time_service("default")
    stamper = tsa.open_test(folder)
    subject = stamper.signing_cert.subject.rfc4514_string()
    (tmp_path / "value").write_bytes(b"a signature")
    request = stamping.asked(b"a signature")
    answer = stamper.answer(request.encoded(), now=datetime.now(UTC), serial=1)
    (tmp_path / "token").write_bytes(tsp.token_of(answer, request).encoded)
    (tmp_path / "root.pem").write_bytes(service.roots[0].public_bytes(Encoding.PEM))

    said = judges.run(
        *("openssl", "ts", "-verify", "-token_in", "-in", tmp_path / "token"),
        *("-data", tmp_path / "value", "-CAfile", tmp_path / "root.pem"),
    )

    assert "Verification: OK" in said
    assert service.test
    assert "测试 TEST" in subject


def test_a_test_authority_that_is_there_stays(folder: Path) -> None:
    before = (folder / "tsa" / "default" / "signing.pem").read_bytes()

    add_test_authority(folder, datetime.now(UTC))

    assert (folder / "tsa" / "default" / "signing.pem").read_bytes() == before


def test_beside_a_real_seal_no_test_authority_is_made(tmp_path: Path) -> None:
    (tmp_path / "identities" / "real").mkdir(parents=True)
    (tmp_path / "identities" / "real" / "identity.toml").write_text("width_mm = 42.0\n")

    add_test_authority(tmp_path, datetime.now(UTC))

    assert not (tmp_path / "tsa").exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('url = "ftp://tsa.example"', "https://"),
        ('url = "https://a:b@tsa.example/"', "no password"),
        ('policy = "one.two"', "OID"),
        ("room = 1", "whole number"),
        ("at_once = 1000", "whole number"),
        ('ulr = "https://tsa.example/"', "ulr is no field"),
    ],
)
def test_a_wrong_field_of_an_authority_says_which(folder: Path, line: str, says: str) -> None:
    (folder / "tsa" / "default" / "tsa.toml").write_text(line)

    with pytest.raises(SettingsError, match=says):
        Keyring(folder).time_service("default")


def test_an_authority_that_is_not_there_or_not_trusted_says_what_to_do(folder: Path) -> None:
    with pytest.raises(SettingsError, match="FACTORY_TIME_STAMPS=off"):
        Keyring(folder).time_service("another")
    with pytest.raises(SettingsError, match="called like"):
        Keyring(folder).time_service("../test")
    with pytest.raises(SettingsError, match="FACTORY_TSA_URL"):
        TimeAuthority(Keyring(folder).time_service("default"))
    (folder / "tsa" / "default" / "roots" / "test-root.pem").unlink()
    with pytest.raises(SettingsError, match="no root"):
        Keyring(folder).time_service("default")


def test_the_key_of_a_real_authority_is_nowhere_opened(folder: Path) -> None:
    about = folder / "tsa" / "default" / "tsa.toml"
    about.write_text(about.read_text().replace("test = true", ""))

    with pytest.raises(SettingsError, match="no test authority"):
        tsa.open_test(folder)
