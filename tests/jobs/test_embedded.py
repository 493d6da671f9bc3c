"""The embedded broker and store: real, ours alone, kept over a restart and gone with us."""

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
import redis
from botocore.config import Config
from botocore.exceptions import ClientError

from factory.errors import SettingsError
from jobs import opening
from jobs.embedded import Embedded, embedded, found, serving, sweep
from jobs.servers import PortTakenError, Server
from jobs.settings import Settings

ELSEWHERE = {
    "redis": {"FACTORY_REDIS_URL": "redis://broker.invalid"},
    "s3": {
        "FACTORY_S3_ENDPOINT": "http://store.invalid",
        "FACTORY_S3_KEY": "none",
        "FACTORY_S3_SECRET": "none",
    },
}

PARENT = """
import sys, time
from jobs.embedded import serving
from jobs.settings import Settings

with serving(Settings.from_env({"FACTORY_DATA_DIR": sys.argv[1]})) as running:
    print(running.broker.pid, running.store.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def both(tmp_path: Path) -> Settings:
    """Settings that leave broker and store open, in a folder with a space in its name."""
    return Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path / "data of ours")})


@pytest.fixture
def broker_only(tmp_path: Path) -> Settings:
    return Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path / "data"), **ELSEWHERE["s3"]})


@pytest.fixture
def store_only(tmp_path: Path) -> Settings:
    return Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path / "data"), **ELSEWHERE["redis"]})


def test_data_is_there_again_after_a_restart(both: Settings) -> None:
    with embedded(both) as first:
        broker_of(first).set("kept", "yes")
        store_of(first).put_object(Bucket=first.s3_bucket, Key="kept", Body=b"yes")

    with embedded(both) as second:
        assert broker_of(second).get("kept") == b"yes"
        assert store_of(second).get_object(Bucket=second.s3_bucket, Key="kept")["Body"].read() == (
            b"yes"
        )


def test_both_buckets_are_there_and_empty(store_only: Settings) -> None:
    with embedded(store_only) as settings:
        client = store_of(settings)

        found = [
            client.list_objects_v2(Bucket=bucket)["KeyCount"]
            for bucket in (settings.s3_bucket, settings.s3_intake_bucket)
        ]

    assert found == [0, 0]


def test_nothing_is_left_running(both: Settings) -> None:
    with serving(both) as running:
        pids = pids_of(running)

    assert not any(is_alive(pid) for pid in pids)


def test_nothing_is_left_running_after_an_error(both: Settings) -> None:
    pids: list[int] = []

    with pytest.raises(KeyboardInterrupt), serving(both) as running:
        pids = pids_of(running)
        raise KeyboardInterrupt

    assert pids and not any(is_alive(pid) for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_the_servers_die_with_a_parent_killed_at_once(both: Settings) -> None:
    with parent_process(both) as (parent, pids):
        parent.kill()
        parent.wait()

        assert happens(lambda: not any(is_alive(pid) for pid in pids))


def test_a_folder_is_usable_again_at_once_after_a_kill(both: Settings) -> None:
    with parent_process(both) as (parent, _):
        parent.kill()

    with embedded(both) as settings:
        assert broker_of(settings).ping()


def test_a_second_instance_on_the_same_folder_is_refused(broker_only: Settings) -> None:
    with (
        embedded(broker_only),
        pytest.raises(SettingsError, match=rf"in use by process {os.getpid()}.*FACTORY_DATA_DIR"),
        embedded(broker_only),
    ):
        pass


def test_two_instances_on_two_folders_run_side_by_side(
    broker_only: Settings, tmp_path: Path
) -> None:
    other = replace(broker_only, data_dir=tmp_path / "other")

    with embedded(broker_only) as one, embedded(other) as two:
        broker_of(one).set("whose", "one")

        assert broker_of(two).get("whose") is None


def test_nothing_is_started_for_what_is_set(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {"FACTORY_DATA_DIR": str(tmp_path / "data"), "FACTORY_TIME_STAMPS": "off"}
        | ELSEWHERE["redis"]
        | ELSEWHERE["s3"]
    )

    with serving(settings) as running:
        assert running == Embedded(settings=settings, broker=None, store=None)
        assert not settings.data_dir.exists()


def test_children_handed_the_settings_start_nothing(broker_only: Settings) -> None:
    with embedded(broker_only) as settings:
        child = Settings.from_env(settings.to_env())

        with serving(child) as running:
            assert running.broker is None
            assert broker_of(running.settings).ping()


def test_another_process_finds_the_servers_that_run(both: Settings) -> None:
    with embedded(both) as settings:
        assert found(both) == settings


def test_what_never_ran_is_not_found(both: Settings) -> None:
    assert found(both) == both


def test_commands_beside_it_print_codes_that_lead_to_the_same_pages(broker_only: Settings) -> None:
    with embedded(broker_only) as running:
        up = opening.own_codes(replace(running, http_public_url="https://factory.example"))

        assert up.verify_url == "https://factory.example/v/"
        assert found(broker_only).verify_url == up.verify_url


def test_where_codes_lead_is_left_as_somebody_has_set_it(broker_only: Settings) -> None:
    given = "https://verify.city.example/v/"
    with embedded(replace(broker_only, verify_url=given)) as running:
        assert opening.own_codes(running).verify_url == given

        assert found(broker_only).verify_url == given
        other = replace(broker_only, verify_url="https://other.example/")
        assert found(other).verify_url == "https://other.example/"


def test_a_killed_server_comes_back_at_the_same_address(both: Settings) -> None:
    with serving(both) as running:
        assert running.broker is not None and running.store is not None
        broker_of(running.settings).set("kept", "yes")

        running.broker.kill()
        running.store.kill()
        running.broker.restart()
        running.store.restart()

        assert broker_of(running.settings).get("kept") == b"yes"
        assert store_of(running.settings).list_buckets()["Buckets"]


def test_a_port_taken_meanwhile_is_replaced(broker_only: Settings) -> None:
    with embedded(broker_only) as first:
        port = port_of(first)

    with listening(port), embedded(broker_only) as second:
        assert port_of(second) != port
        assert broker_of(second).ping()


def test_passwords_are_kept_for_the_owner_only(both: Settings) -> None:
    with embedded(both):
        pass

    modes = {
        name: stat.S_IMODE((both.data_dir / name).stat().st_mode)
        for name in (".", "embedded.json", "valkey/valkey.conf")
    }

    assert modes == {".": 0o700, "embedded.json": 0o600, "valkey/valkey.conf": 0o600}


def test_strangers_are_turned_away(both: Settings) -> None:
    with embedded(both) as settings:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(f"redis://127.0.0.1:{port_of(settings)}").ping()
        with pytest.raises(ClientError, match=r"403|SignatureDoesNotMatch"):
            store_of(replace(settings, s3_secret="guessed")).list_objects_v2(
                Bucket=settings.s3_bucket
            )


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc")
def test_the_servers_listen_on_loopback_only(both: Settings) -> None:
    with serving(both) as running:
        addresses = {address for pid in pids_of(running) for address in listens_on(pid)}

    assert addresses == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("variable", "instead"),
    [
        ("FACTORY_VALKEY_BINARY", "FACTORY_REDIS_URL"),
        ("FACTORY_WEED_BINARY", "FACTORY_S3_ENDPOINT"),
    ],
)
@pytest.mark.parametrize("program", ["missing", "broken"])
def test_a_program_that_cannot_start_says_what_to_set_instead(
    variable: str, instead: str, program: str, tmp_path: Path
) -> None:
    binary = tmp_path / "program"
    if program == "broken":
        binary.write_text("#!/bin/sh\necho this machine is too old >&2\nexit 3\n")
        binary.chmod(0o755)
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path), variable: str(binary)})

    with pytest.raises(SettingsError) as refused, embedded(settings):
        pass

    message = str(refused.value)
    assert variable in message and instead in message
    assert ("this machine is too old" if program == "broken" else "No such file") in message


def test_a_folder_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path / "file" / "data")})

    with pytest.raises(SettingsError, match="FACTORY_DATA_DIR"), embedded(settings):
        pass


def test_a_server_that_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.servers.START_SECONDS", 0.2)
    server = sleeper(tmp_path, ready=lambda: False)

    with pytest.raises(SettingsError, match="gave no answer"):
        server.start()

    assert server.pid is None


def test_a_server_that_finds_its_port_taken_says_so(tmp_path: Path) -> None:
    server = sleeper(tmp_path, ready=lambda: False, script="echo address already in use; exit 1")

    with pytest.raises(PortTakenError):
        server.start()


def test_a_server_deaf_to_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    script = f"trap '' TERM; touch '{deaf}'; while :; do sleep 0.1; done"
    server = sleeper(tmp_path, ready=deaf.exists, script=script)
    server.start()
    pid = server.pid

    server.stop(seconds=0.2)

    assert pid is not None and not is_alive(pid)


def test_a_long_log_is_put_aside_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.servers.LOG_MOST_BYTES", 10)
    (tmp_path / "server.log").write_text("a rather long log")
    server = sleeper(tmp_path, ready=lambda: True)

    server.start()
    server.kill()

    assert (tmp_path / "server.1.log").read_text() == "a rather long log"


def sleeper(folder: Path, *, ready: Callable[[], bool], script: str = "sleep 30") -> Server:
    return Server(
        name="The sleeper",
        command=("/bin/sh", "-c", script),
        folder=folder,
        log=folder / "server.log",
        ready=ready,
        advice="Set nothing",
    )


def broker_of(settings: Settings) -> "redis.Redis":
    return redis.Redis.from_url(settings.redis_url)


def store_of(settings: Settings):
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=settings.s3_key,
        aws_secret_access_key=settings.s3_secret,
        region_name=settings.s3_region,
        config=Config(s3={"addressing_style": "path"}),
    )


def port_of(settings: Settings) -> int:
    return int(settings.redis_url.rpartition(":")[2].partition("/")[0])


def pids_of(running: Embedded) -> list[int]:
    return [server.pid for server in (running.broker, running.store) if server and server.pid]


@contextmanager
def parent_process(settings: Settings) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process of its own that runs both servers, and their process ids."""
    words = (sys.executable, "-c", PARENT, str(settings.data_dir))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            yield parent, [int(pid) for pid in parent.stdout.readline().split()]
        finally:
            parent.kill()
            sweep(settings.data_dir)


@contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead but not yet fetched does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def happens(what: Callable[[], bool], seconds: float = 60.0) -> bool:
    limit = time.monotonic() + seconds
    while not what() and time.monotonic() < limit:
        time.sleep(0.05)
    return what()


def listens_on(pid: int) -> set[str]:
    """The IPv4 and IPv6 addresses on which a process listens."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        target = str(entry.readlink())
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    rows = [row.split() for name in ("tcp", "tcp6") for row in _rows(f"/proc/net/{name}")]
    return {_address(row[1]) for row in rows if row[3] == "0A" and row[9] in sockets}


def _rows(file: str) -> list[str]:
    return Path(file).read_text().splitlines()[1:] if Path(file).exists() else []


def _address(text: str) -> str:
    packed = bytes.fromhex(text.partition(":")[0])
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed[::-1])
    words = b"".join(packed[at : at + 4][::-1] for at in range(0, 16, 4))
    return socket.inet_ntop(socket.AF_INET6, words)
