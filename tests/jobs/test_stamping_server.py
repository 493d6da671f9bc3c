"""The small time-stamping authority: what it answers, and that the embedded default has one."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3

from factory.errors import SettingsError
from factory.seals import tsp
from jobs import tsa as server
from jobs.embedded import embedded, found, serving
from jobs.settings import Settings
from storage import tsa
from storage.keyring import Keyring
from storage.new_keyring import add_test_authority
from storage.tsa import TimeAuthority
from tests import stamping

IMPRINTS = [tsp.imprint_of(bytes([each])) for each in range(20)]


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    folder = tmp_path / "keyring"
    folder.mkdir()
    add_test_authority(folder, datetime.now(UTC))
    return folder


@pytest.fixture
def url(keyring: Path) -> Iterator[str]:
    with server.stamping(0, server.Desk(keyring)) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def test_its_stamps_are_taken_by_who_trusts_the_keyring(keyring: Path, url: str) -> None:
    authority = TimeAuthority(tsa.load(keyring, "default"), own_url=url)

    tokens = [tsp.read(each) for each in authority.stamps(IMPRINTS)]

    assert [each.imprint for each in tokens] == IMPRINTS
    assert len({each.serial for each in tokens}) == len(IMPRINTS)
    assert all(each.serial.bit_length() > 64 for each in tokens)
    assert all(each.policy == tsa.TEST_POLICY for each in tokens)


def test_what_is_no_request_is_refused_and_the_next_one_answered(keyring: Path, url: str) -> None:
    def post(body: bytes, kind: str = tsp.QUERY_TYPE) -> urllib3.BaseHTTPResponse:
        return urllib3.request("POST", url, body=body, headers={"Content-Type": kind})

    assert post(b"0" * 10_000).status == 413
    assert post(b"", "text/plain").status == 415
    assert urllib3.request("GET", url).status == 501
    with pytest.raises(SettingsError, match="cannot read"):
        tsp.token_of(post(b"garbage").data, stamping.asked(b"value"))
    request = stamping.asked(b"value")
    assert tsp.token_of(post(request.encoded()).data, request)


def test_a_port_that_is_taken_is_said(url: str, keyring: Path) -> None:
    port = int(url.rstrip("/").rpartition(":")[2])

    with (
        pytest.raises(SettingsError, match="already in use"),
        server.stamping(port, server.Desk(keyring)),
    ):
        pass


def settings(folder: Path, **changes: str) -> Settings:
    elsewhere = {
        "FACTORY_REDIS_URL": "redis://broker.invalid",
        "FACTORY_S3_ENDPOINT": "http://store.invalid",
        "FACTORY_S3_KEY": "none",
        "FACTORY_S3_SECRET": "none",
    }
    return Settings.from_env({"FACTORY_DATA_DIR": str(folder), **elsewhere, **changes})


def test_the_embedded_default_stamps_as_soon_as_there_is_a_keyring(tmp_path: Path) -> None:
    with embedded(settings(tmp_path)) as running:
        running.keyring_dir.mkdir()
        add_test_authority(running.keyring_dir, datetime.now(UTC))
        service = Keyring(running.keyring_dir).time_service("default")

        tokens = TimeAuthority(service, own_url=running.tsa_url).stamps(IMPRINTS[:2])

        assert [tsp.is_over(*each) for each in zip(tokens, IMPRINTS, strict=False)] == [True, True]
        assert found(settings(tmp_path)).tsa_url == running.tsa_url


@pytest.mark.parametrize(
    "named", [{"FACTORY_TSA_URL": "http://tsa.invalid/"}, {"FACTORY_TIME_STAMPS": "off"}]
)
def test_where_another_one_is_named_or_nothing_is_stamped_none_is_started(
    tmp_path: Path, named: dict[str, str]
) -> None:
    with serving(settings(tmp_path, **named)) as running:
        assert running.stamper is None
        assert running.settings.tsa_url == named.get("FACTORY_TSA_URL", "")
