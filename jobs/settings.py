"""Settings: the one reader of the environment; every variable has a working default.

Text becomes one frozen value, checked whole, so that a wrong setting stops the process at the
start and says which variable, what is wrong with it and what a right value looks like.  A
secret may also be in a file: ``FACTORY_S3_SECRET_FILE`` names the file that holds
``FACTORY_S3_SECRET``.  No value of a secret is ever shown.
"""

# ruff: noqa: RUF009 - every call of setting makes a field of its own

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from factory.errors import SettingsError
from jobs.variables import (
    LOG_LEVELS,
    database,
    hosts,
    level,
    matching,
    maybe_path,
    maybe_secret_file,
    path,
    paths,
    plain,
    setting,
    signer_address,
    switch,
    url,
    value_of,
    variable,
    whole,
    written,
)
from storage.signature_protocol import Tls

CHUNK_MOST = 100
LINK_MOST_SECONDS = 7 * 24 * 3600  # the longest life of a signed S3 link (SigV4)
PORT_MOST = 65535
NOWHERE = "https://verify.example/v/"  #: nobody has said yet where QR codes lead


def _cores(_: Mapping[str, Any]) -> str:
    return str(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


def _fonts(_: Mapping[str, Any]) -> str:
    own = Path(sys.prefix) / "share" / "fonts"
    return os.pathsep.join((str(own), "/usr/share/fonts/truetype", "/usr/local/share/fonts"))


_BUCKET = matching(
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "3 to 63 small letters, digits, dots and hyphens"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What may differ between two machines, and nothing else; made by `from_env`."""

    data_dir: Path = setting(
        path,
        "var/factory",
        "Where the embedded ledger, broker, store, keys and logs live",
        example="/var/lib/factory",
    )
    redis_url: str = setting(
        url("redis", "rediss", empty=True),
        "",
        "Redis or Valkey that carries the queue; AOF on, `noeviction`",
        example="redis://broker.example:6379/0",
        shown="a server of its own",
        secret=True,
    )
    db_url: str = setting(
        database,
        lambda s: f"sqlite:///{s['data_dir'] / 'ledger.sqlite3'}",
        "The ledger: PostgreSQL 15 or later, or SQLite",
        example="postgresql://factory@db.example/factory",
        shown="SQLite in the data directory",
        secret=True,
    )
    s3_endpoint: str = setting(
        url("http", "https", empty=True),
        "",
        "S3-compatible store with conditional writes",
        example="https://s3.example",
        shown="a server of its own",
    )
    s3_public_endpoint: str = setting(
        url("http", "https", empty=True),
        lambda s: str(s["s3_endpoint"]),
        "The store's address as holders' links say it",
        example="https://files.example",
        shown="the endpoint",
    )
    s3_bucket: str = setting(_BUCKET, "certificates", "Bucket of the finished files")
    s3_intake_bucket: str = setting(
        _BUCKET, "intake", "Bucket of pictures, scans and lists that upstream hands in"
    )
    s3_region: str = setting(
        matching(r"[a-z0-9-]+", "small letters, digits and hyphens"),
        "us-east-1",
        "Region that requests to the store are signed for",
        example="cn-northwest-1",
    )
    s3_key: str = setting(
        plain,
        "",
        "Access key of the store",
        example="the store's access key",
        shown="made on first start",
        secret=True,
    )
    s3_secret: str = setting(
        plain,
        "",
        "Secret key of the store",
        example="the store's secret key",
        shown="made on first start",
        secret=True,
    )
    namespace: str = setting(
        matching(r"[a-z][a-z0-9_-]{0,39}", "1 to 40 small letters, digits, _ and -"),
        "factory",
        "Prefix of every key in the broker; one for each installation",
    )
    keyring_dir: Path = setting(
        path,
        lambda s: str(s["data_dir"] / "keyring"),
        "Keys, seals and trust roots",
        example="/etc/factory/keyring",
        shown="`keyring` in the data directory",
    )
    revocation: str = setting(
        matching("given|fetch", "given or fetch"),
        "given",
        "Which revocation lists verification looks at: those in `revocation/` of the keyring, or"
        " also those that it fetches from where certificates of our own roots say",
    )
    key_passphrase_file: Path | None = setting(
        maybe_secret_file,
        "",
        "File that holds the passphrase of the keyring, or an open descriptor such as fd:3",
        example="/run/secrets/keyring",
        shown="none",
    )
    signer: str = setting(
        signer_address,
        "",
        "The signer process that holds the keys, as `unix:/path/of/its/socket` or"
        " `https://host:port`; empty: each process opens them itself",
        example="unix:/run/certfactory-signer/socket",
        shown="`up` starts one",
    )
    signer_listen: str = setting(
        signer_address,
        "",
        "Where `certfactory signer` itself listens, where that is not what others call it",
        example="https://0.0.0.0:8490",
        shown="as `FACTORY_SIGNER`, or `signer/socket` in the data directory",
    )
    signer_socket_mode: str = setting(
        matching(r"0600|0660", "0600 (its account alone) or 0660 (its group too)"),
        "0600",
        "Who may connect to the socket of `certfactory signer`",
        example="0660",
    )
    signer_tls_cert: Path | None = setting(
        maybe_path,
        "",
        "PEM of one's own certificate, where the signer process is asked over https",
        example="/etc/factory/signer/worker.pem",
        shown="none",
    )
    signer_tls_key: Path | None = setting(
        maybe_path,
        "",
        "PEM of that certificate's key",
        example="/etc/factory/signer/worker.key",
        shown="none",
    )
    signer_tls_ca: Path | None = setting(
        maybe_path,
        "",
        "PEM of the CA that the other side's certificate must come from",
        example="/etc/factory/signer/ca.pem",
        shown="none",
    )
    signer_policy: Path | None = setting(
        maybe_path,
        "",
        "JSON of what the signer process signs; `certfactory signer policy` prints it",
        example="/etc/factory/signer/policy.json",
        shown="what the installed profiles say",
    )
    signer_batch_rate: int = setting(
        whole(0, 1_000_000),
        "0",
        "Signatures a second that the signer process gives one bulk event; 0: all",
    )
    operator_token_file: Path | None = setting(
        maybe_path,
        "",
        "File that holds the token of the operator who types, closed to everybody else",
        example="/run/user/1000/operator-token",
        shown="none",
    )
    font_dirs: tuple[Path, ...] = setting(
        paths,
        _fonts,
        "Folders searched for the faces, first one first",
        example="/usr/share/fonts/truetype:/opt/fonts",
        shown="the environment's own, then the system's",
    )
    profiles_dir: Path | None = setting(
        maybe_path,
        "",
        "Folder of further profiles, beside those that come with the product",
        example="/etc/factory/profiles",
        shown="none",
    )
    heartbeat_ms: int = setting(
        whole(500, 3_600_000),
        "30000",
        "Silence after which a worker counts as dead and its messages go to others",
    )
    chunk_items: int = setting(
        whole(1, CHUNK_MOST), "100", "Orders in one chunk of a bulk event, at most 100"
    )
    slice_items: int = setting(
        whole(1, 1_000_000), "5000", "Registrations that one transaction of a bulk event plans"
    )
    lease_seconds: int = setting(
        whole(1, 86_400), "30", "How long a claimed chunk stays with its worker"
    )
    prefetch: int = setting(whole(1, 1_000), "2", "Messages that one worker process takes ahead")
    max_attempts: int = setting(
        whole(1, 1_000), "5", "Deaths of its worker before a chunk is split and its bad order held"
    )
    max_retries: int = setting(
        whole(1, 100_000),
        "60",
        "Tries of what may pass by itself, with growing pauses, before it is held for a person",
    )
    relay_ms: int = setting(whole(1, 60_000), "100", "Pause between two looks into the outbox")
    reconcile_seconds: int = setting(
        whole(1, 86_400), "5", "Pause between two searches for work that the broker forgot"
    )
    interactive_workers: int = setting(
        whole(0, 1_000), "1", "Worker processes for single approvals"
    )
    bulk_workers: int = setting(
        whole(0, 1_000),
        _cores,
        "Worker processes for bulk events",
        example="4",
        shown="one a core",
    )
    brake_percent: int = setting(
        whole(1, 100), "5", "Unforeseen failures of a hundred that stop a bulk event"
    )
    brake_minimum: int = setting(
        whole(1, 1_000_000), "20", "Failures that there must be before their share stops it"
    )
    signer_per_second: int = setting(
        whole(0, 1_000_000), "0", "Signatures a second that bulk events ask of the signers; 0: all"
    )
    second_reading_sample: int = setting(
        whole(0, 1_000_000),
        "20",
        "Of so many single OFD files one is read again by easyofd before it is stored, and the"
        " first of each template in each worker; 0 switches this off",
    )
    press_sample: int = setting(
        whole(0, 1_000_000),
        "1000",
        "Of so many certificates of bulk events one is verified whole and read again before it is"
        " stored, and the first of each template in each worker; 0: the first alone",
    )
    time_stamps: bool = setting(
        switch,
        "on",
        "Whether certificates are time-stamped, by the authority that their profile names: `on`"
        " or `off`",
    )
    tsa_url: str = setting(
        url("http", "https", empty=True),
        "",
        "Time-stamping authority of the keyring that names no address of its own (RFC 3161)",
        example="http://127.0.0.1:3161/",
        shown="a small test authority of its own",
    )
    metrics_host: str = setting(
        matching(r"[0-9A-Za-z.:_-]+", "a host name or an address"),
        "127.0.0.1",
        "Address on which `/metrics` listens",
    )
    metrics_port: int = setting(
        whole(0, PORT_MOST), "9464", "Port of `/metrics`; 0 takes a free one"
    )
    prometheus_port: int = setting(
        whole(0, PORT_MOST),
        "9090",
        "Port of the Prometheus that `up --prometheus` starts; 0 takes a free one",
    )
    verify_url: str = setting(
        url("http", "https"),
        NOWHERE,
        "What stands before the verification code in the QR code",
    )
    notify_hosts: str = setting(
        hosts,
        "127.0.0.1:8900",
        "Hosts that notices may be sent to, separated by commas, each with its port if it is not"
        " the usual one; as it comes, the receiver for trials alone",
        example="portal.example,backup.example:8443",
    )
    notify_ca_file: Path | None = setting(
        maybe_path,
        "",
        "PEM of the CAs that the TLS certificates of those hosts may come from",
        example="/etc/factory/upstream-ca.pem",
        shown="the system's",
    )
    notify_tries: int = setting(
        whole(1, 1_000), "12", "Tries of one notice before it is failed and the next one goes on"
    )
    notify_pause_seconds: int = setting(
        whole(1, 86_400), "3600", "Longest pause between two tries of one notice; it starts at 5 s"
    )
    notify_aside_failures: int = setting(
        whole(1, 100_000), "20", "Failures in a row before an endpoint may be set aside"
    )
    notify_aside_seconds: int = setting(
        whole(0, 2_592_000), "3600", "How long they must have gone on before it is"
    )
    notice_source: str = setting(
        matching(r"[!-~]{1,255}", "a URI reference in ASCII without spaces (CloudEvents `source`)"),
        "urn:certfactory",
        "Who notices say they come from; one for each installation",
    )
    http_host: str = setting(
        matching(r"[0-9A-Za-z.:_-]+", "a host name or an address"),
        "127.0.0.1",
        "Address on which the HTTP interface listens",
    )
    http_port: int = setting(
        whole(0, PORT_MOST), "8480", "Port of the HTTP interface; 0 takes a free one"
    )
    http_public_url: str = setting(
        url("http", "https"),
        lambda s: f"http://{s['http_host']}:{s['http_port']}",
        "The HTTP interface's address as holders' links say it, without a slash at its end",
        example="https://factory.example",
        shown="host and port",
    )
    http_proxies: str = setting(
        matching(r"[0-9A-Fa-f:.,/]*", "addresses or networks, separated by commas"),
        "",
        "Addresses of reverse proxies, separated by commas: their `X-Forwarded-For` tells who asks",
        example="10.0.0.5,10.0.1.0/24",
        shown="none",
    )
    http_processes: int = setting(whole(1, 64), "1", "Processes that serve the HTTP interface")
    http_patience_seconds: int = setting(
        whole(1, 600),
        "30",
        "How long a request's head may take, and its body; how long a client may take nothing of"
        " an answer, or ask nothing",
    )
    http_metrics_port: int = setting(
        whole(0, PORT_MOST),
        "0",
        "Port of `/metrics` of a `serve` that runs where no workers do, on"
        " `FACTORY_METRICS_HOST`; 0: none, the exporter of this host's workers counts it in",
        example="9465",
        shown="none",
    )
    http_watch_url: str = setting(
        url("http", "https", empty=True),
        "",
        "The HTTP interface's `/livez` as workers reach it: `/metrics` says whether it answers",
        example="http://portal:8480/livez",
        shown="none; under `up` its own",
    )
    collection_link_seconds: int = setting(
        whole(1, 86_400), "600", "Life of a link by which a holder collects"
    )
    link_seconds: int = setting(whole(1, LINK_MOST_SECONDS), "300", "Life of a signed link")
    log_level: str = setting(
        level, "info", f"Least weighty log line that is written: {', '.join(LOG_LEVELS)}"
    )
    http_rate: int = setting(
        whole(1, 1_000_000), "6000", "Requests a minute of one access key over HTTP"
    )
    http_failures: int = setting(
        whole(1, 1_000_000),
        "30",
        "Requests a minute from one address that show no valid access key; then it has to wait",
    )
    http_visits: int = setting(
        whole(1, 1_000_000),
        "60",
        "Questions a minute from one address on the pages that anybody may verify by",
    )
    valkey_binary: Path | None = setting(
        maybe_path,
        "",
        "Program started when `FACTORY_REDIS_URL` is empty",
        example="/usr/bin/valkey-server",
        shown="the installed package's",
    )
    weed_binary: Path | None = setting(
        maybe_path,
        "",
        "Program started when `FACTORY_S3_ENDPOINT` is empty",
        example="/usr/local/bin/weed",
        shown="the installed package's",
    )
    prometheus_binary: Path | None = setting(
        maybe_path,
        "",
        "Program that `up --prometheus` starts",
        example="/usr/bin/prometheus",
        shown="`prometheus` as the shell finds it",
    )

    def __post_init__(self) -> None:
        if self.s3_endpoint and not (self.s3_key and self.s3_secret):
            raise SettingsError(
                "FACTORY_S3_ENDPOINT is set, so the store's credentials are needed:"
                " set FACTORY_S3_KEY and FACTORY_S3_SECRET, or FACTORY_S3_SECRET_FILE"
            )

    @property
    def metrics_dir(self) -> Path:
        """Where this host's processes keep their counters."""
        return self.data_dir / "metrics"

    @property
    def signer_dir(self) -> Path:
        """Where the signer process keeps its journal, and whether it is stopped."""
        return self.data_dir / "signer"

    @property
    def signer_tls(self) -> Tls | None:
        """What mutual TLS with the signer process needs; None: not all of it was said."""
        cert, key, ca = self.signer_tls_cert, self.signer_tls_key, self.signer_tls_ca
        return Tls(certificate=cert, key=key, ca=ca) if cert and key and ca else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings that the environment asks for.

        SettingsError: a value is wrong; the message names its variable and an example.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):
            values[each.name] = value_of(each, environ, values)
        return cls(**values)

    def to_env(self) -> dict[str, str]:
        """The variables that give a child process these same settings, whatever it inherits."""
        files = {f"{variable(each)}_FILE": "" for each in fields(self) if each.metadata["secret"]}
        values = {variable(each): written(getattr(self, each.name)) for each in fields(self)}
        return files | values


def variables() -> tuple[str, ...]:
    """Every variable that `Settings.from_env` looks at."""
    names = []
    for each in fields(Settings):
        names.append(variable(each))
        if each.metadata["secret"]:
            names.append(f"{variable(each)}_FILE")
    return tuple(names)


def settings_table() -> str:
    """All settings as a Markdown table: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for each in fields(Settings):
        default = each.metadata["shown"] or f"`{each.metadata['default']}`"
        file = f"; or in the file `{variable(each)}_FILE`" if each.metadata["secret"] else ""
        rows.append(f"| `{variable(each)}` | {default} | {each.metadata['meaning']}{file} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":  # `python -m jobs.settings` writes the table of README.md
    sys.stdout.write(settings_table())
