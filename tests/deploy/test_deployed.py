"""What the compose file and the units start, really started, issues a certificate end to end."""

from __future__ import annotations

import json
import shlex
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import urllib3
from certfactory_client import Client
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from factory import specimen
from factory.seals import tsp
from jobs import embedded
from jobs.servers import LOOPBACK, free_port, free_ports
from jobs.settings import Settings
from tests import stamping
from tests.plants import PROFILE, SOURCE

from . import shapes
from .shapes import (
    DEPLOY,
    UNITS,
    composed,
    env_file,
    health_check,
    image_environment,
    program,
    said,
)
from .staging import PATIENCE_SECONDS, Stage, answers, contents, installed, wait_for

WORKERS = ("interactive", "bulk")
PROCESSES = ("portal", *WORKERS)
SIGNER = "certfactory-signer.service"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product as an installation has it, once for all."""
    return installed(tmp_path_factory.mktemp("installed"))


# --- the compose file ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A stage on which every service of the factory, its queue, store and gate run.

    ports: by what they are of.
    """

    stage: Stage
    shape: shapes.Shape
    ports: Mapping[str, int]

    @property
    def address(self) -> str:
        """The gate's, as everybody outside types it."""
        return f"https://localhost:{self.ports['gate']}"

    @property
    def trust(self) -> ssl.SSLContext:
        """Trust in the gate's certificate and no other."""
        return ssl.create_default_context(cafile=str(self.stage.folder / "secrets/tls_certificate"))

    def environment(self, name: str) -> dict[str, str]:
        """What a service of ours finds: the image's variables, and its own."""
        own = {
            key: value or "" for key, value in self.shape["services"][name]["environment"].items()
        }
        here = {"FACTORY_DATA_DIR": str(self.stage.folder / "data" / name)}
        for key in ("FACTORY_HTTP_HOST", "FACTORY_METRICS_HOST"):
            here |= {key: LOOPBACK} if key in own else {}
        for key, port in (
            ("FACTORY_HTTP_PORT", "portal"),
            ("FACTORY_METRICS_PORT", name),
            ("FACTORY_HTTP_METRICS_PORT", "figures"),
        ):
            here |= {key: str(self.ports[port])} if key in own else {}
        return image_environment() | own | here

    def start(self, name: str) -> None:
        """A service of ours, as the compose file starts it."""
        words = self.stage.ours(self.shape["services"][name]["command"])
        self.stage.start(name, words, self.environment(name))

    def admin(self, *words: str) -> subprocess.CompletedProcess[str]:
        """docker compose run --rm admin …"""
        return self.stage.run(self.stage.ours(words), self.environment("admin"))

    def is_well(self, name: str) -> bool:
        """What the image's health check says of a service."""
        environ = self.environment(name if name in PROCESSES else "portal")
        port = self.ports[name]
        url = environ["HEALTH_URL"].replace(":8480", f":{port}").replace(":9464", f":{port}")
        return self.stage.run(health_check(), environ | {"HEALTH_URL": url}).returncode == 0

    def ask(self, url: str, method: str = "GET") -> tuple[int, bytes]:
        """A request through the gate: status and body."""
        with urllib3.PoolManager(ssl_context=self.trust, retries=False, timeout=30) as pool:
            answer = pool.request(method, url, redirect=False)
            return answer.status, answer.data


@pytest.fixture(scope="module")
def database(postgres: Any) -> Iterator[str]:
    """A fresh database of a real PostgreSQL server."""
    url = postgres.url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS composed WITH (FORCE)")
        connection.execute("CREATE DATABASE composed")
    yield url.replace("/postgres?", "/composed?")


@pytest.fixture(scope="module")
def running(
    product: Path,
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
    absent: Callable[[str], None],
) -> Iterator[Composed]:
    """Everything that compose.yaml and its trial start but the figures' servers."""
    for name in ("docker-compose", "nginx"):
        if program(name) is None:
            absent(f"{name}: make setup-test")
    folder = tmp_path_factory.mktemp("composed")
    names = (
        "portal",
        "figures",
        *WORKERS,
        "gate",
        "plain",
        "valkey",
        "store",
        "master",
        "volume",
        "filer",
    )
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    shape = composed(trial=True, PUBLIC_URL=f"https://localhost:{ports['gate']}")
    stage = Stage(folder=folder, product=product)
    stage.places = {
        "/run/secrets": str(folder / "secrets"),
        "/etc/certfactory/keys": str(folder / "keys"),
        "/run/certfactory-signer": str(folder / "signer"),
        "valkey:6379": f"{LOOPBACK}:{ports['valkey']}",
        "store:8333": f"{LOOPBACK}:{ports['store']}",
        "portal:8480": f"{LOOPBACK}:{ports['portal']}",
    }
    here = Composed(stage=stage, shape=shape, ports=ports)
    lay_secrets(stage, database)
    try:
        start_neighbours(here)
        init = stage.ours(shape["services"]["init"]["command"])
        prepared = stage.run(init, here.environment("init"))
        assert prepared.returncode == 0, prepared.stderr
        for name in ("signer", *PROCESSES):
            here.start(name)
        start_gate(here)
        for name in PROCESSES:
            url = f"http://{LOOPBACK}:{ports[name]}"
            wait_for(lambda url=url: answers(url), stage, name)  # type: ignore[misc]
        yield here
    finally:
        stage.end()


def lay_secrets(stage: Stage, database: str) -> None:
    """What deploy/secrets.sh makes; names of servers are those of this stage."""
    folder = stage.folder / "secrets"
    subprocess.run([str(DEPLOY / "secrets.sh"), str(folder)], check=True, capture_output=True)
    for name, text in (
        ("redis_url", stage.here((folder / "redis_url").read_text("utf-8"))),
        ("db_url", database),
    ):
        (folder / name).unlink()
        (folder / name).write_text(text, "utf-8")


def start_neighbours(here: Composed) -> None:
    """Queue and store, with the files and words that the compose file gives them."""
    stage, ports = here.stage, here.ports
    (stage.folder / "queue").mkdir()
    config = stage.laid(
        DEPLOY / "compose" / "valkey.conf",
        ("bind * -::*", f"bind {LOOPBACK}"),
        ("port 6379", f"port {ports['valkey']}"),
        ("dir /data", f"dir {stage.folder / 'queue'}"),
    )
    valkey = here.shape["services"]["valkey"]["command"]
    assert valkey == ["valkey-server", "/etc/valkey/valkey.conf"]
    stage.start("valkey", [str(embedded._valkey_binary()), str(config)], {})
    stage.start("store", store_command(here), {})
    wait_for(lambda: answers(f"http://{LOOPBACK}:{ports['store']}/healthz"), stage, "the store")


def store_command(here: Composed) -> list[str]:
    """The words of the compose file, in this folder and on these ports."""
    folder = here.stage.folder / "files"
    folder.mkdir()
    changed = {
        "-dir": str(folder),
        "-ip": LOOPBACK,
        "-ip.bind": LOOPBACK,
        "-s3.port": str(here.ports["store"]),
        "-s3.config": str(here.stage.folder / "secrets/s3_config"),
    }
    words = here.shape["services"]["store"]["command"]
    kept = [word for word in words if word.partition("=")[0] not in changed]
    own = [f"-{role}.port={here.ports[role]}" for role in ("master", "volume", "filer")]
    weed = program("weed")
    assert weed is not None
    return [weed, *kept, *(f"{key}={value}" for key, value in changed.items()), *own]


def start_gate(here: Composed) -> None:
    """nginx with the configuration of the gate."""
    stage, folder = here.stage, here.stage.folder / "gate"
    folder.mkdir()
    written = ("nginx.pid", "client", "proxy", "fastcgi", "uwsgi", "scgi")
    config = stage.laid(
        DEPLOY / "compose" / "nginx.conf",
        ("/dev/stderr", "stderr"),
        *((f"/tmp/{name}", f"{folder}/{name}") for name in written),  # noqa: S108
        ("listen 8443", f"listen {LOOPBACK}:{here.ports['gate']}"),
        ("listen 8080", f"listen {LOOPBACK}:{here.ports['plain']}"),
    )
    nginx = program("nginx")
    assert nginx is not None
    words = [nginx, "-p", str(folder), "-c", str(config), "-e", "stderr", "-g", "daemon off;"]
    stage.start("gate", words, {})


@pytest.fixture(scope="module")
def key(running: Composed) -> str:
    """An access key of an upstream system, made as the README says."""
    granted = running.admin("sources", "grant", SOURCE, PROFILE)
    assert granted.returncode == 0, granted.stderr
    issued = running.admin("keys", "issue", SOURCE, "--label", "portal", "--json")
    assert issued.returncode == 0, issued.stderr
    token: str = json.loads(issued.stdout)["token"]
    return token


def test_an_approval_through_the_gate_becomes_a_certificate_that_verifies(
    running: Composed, key: str, tmp_path: Path
) -> None:
    with Client(running.address, key, verify=running.trust) as upstream:
        outcome = upstream.submit(specimen.approved(1))
        upstream.wait_for_event(outcome.event, seconds=PATIENCE_SECONDS)
        assert outcome.registration is not None
        upstream.collect(outcome.registration)
        pdf = upstream.download(outcome.registration)

    file = tmp_path / "certificate.pdf"
    file.write_bytes(pdf)
    verified = running.admin("verify", str(file))
    assert pdf.startswith(b"%PDF")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_the_gate_gives_files_by_signed_links_and_nothing_else(running: Composed, key: str) -> None:
    with Client(running.address, key, verify=running.trust) as upstream:
        outcome = upstream.submit(specimen.approved(2))
        upstream.wait_for_event(outcome.event, seconds=PATIENCE_SECONDS)
        assert outcome.registration is not None
        upstream.collect(outcome.registration)
        link = upstream.certificate_link(outcome.registration).url

    bare, _, _ = link.partition("?")
    status, data = running.ask(link)
    assert (status, data[:4]) == (200, b"%PDF")
    assert running.ask(bare)[0] == 403
    assert running.ask(link[:-1] + ("0" if link[-1] != "0" else "1"))[0] == 403
    assert running.ask(link, "PUT")[0] == 403
    assert running.ask(f"{running.address}/metrics")[0] == 404
    assert running.ask(f"{running.address}/readyz")[0] == 404
    assert running.ask(f"{running.address}/livez")[0] == 200


def test_the_doctor_finds_queue_store_and_workers_as_they_should_be(running: Composed) -> None:
    done = running.admin("doctor", "--json")

    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert [each for each in found.values() if not each["well"]] == []
    assert "answers, holds" in found["signer"]["detail"]
    assert "append-only file on" in found["broker"]["detail"]
    assert done.returncode == 0


def test_the_image_says_who_is_well_and_who_does_not_answer(running: Composed) -> None:
    well = {name: running.is_well(name) for name in (*PROCESSES, "valkey")}

    assert well == {"portal": True, "interactive": True, "bulk": True, "valkey": False}


def test_each_exporter_tells_of_its_own_container(running: Composed) -> None:
    for name in WORKERS:
        url = f"http://{LOOPBACK}:{running.ports[name]}/metrics"
        text = str(urllib3.request("GET", url, timeout=30).data, "utf-8")

        assert "factory_ledger_up 1.0" in text


def test_nothing_is_written_but_to_scratch_and_log_lines_go_to_who_started_it(
    running: Composed, key: str
) -> None:
    product, keys = running.stage.product, running.stage.folder / "keys"
    before = contents(product), contents(keys)

    with Client(running.address, key, verify=running.trust) as upstream:
        outcome = upstream.submit(specimen.approved(3))
        upstream.wait_for_event(outcome.event, seconds=PATIENCE_SECONDS)

    assert (contents(product), contents(keys)) == before
    for name in WORKERS:
        assert not (running.stage.folder / "data" / name / "log").exists()
    lines = running.stage.log("interactive").read_text("utf-8").splitlines()
    assert lines
    assert all(isinstance(json.loads(line), dict) for line in lines if line.startswith("{"))


def test_workers_that_are_stopped_are_gone_and_others_take_up_what_comes(
    running: Composed, key: str
) -> None:
    assert running.stage.stop("interactive") == 0

    with Client(running.address, key, verify=running.trust) as upstream:
        outcome = upstream.submit(specimen.approved(4))
        assert outcome.registration is not None
        waiting = upstream.registration(outcome.registration).editions[-1].state
        running.start("interactive")
        upstream.wait_for_event(outcome.event, seconds=PATIENCE_SECONDS)
        made = upstream.registration(outcome.registration).editions[-1].state

    assert (waiting, made) == ("ordered", "uncollected")


# --- the units ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine's folders, with the units' settings and secrets in them."""

    stage: Stage

    def environment(self, unit: str) -> dict[str, str]:
        """What systemd gives a unit: its file of settings, its variables, its credentials."""
        named = dict(value.split("=", 1) for value in said(unit, "Environment"))
        loaded = dict(value.split(":", 1) for value in said(unit, "LoadCredential"))
        own = {
            key: loaded[value[3:]] if value.startswith("%d/") else value
            for key, value in named.items()
        }
        [settings] = said(unit, "EnvironmentFile")
        optional = settings.startswith("-")
        return ({} if optional else env_file(Path(self.stage.here(settings)))) | own

    def words(self, unit: str) -> list[str]:
        """What a unit starts, of the product of this stage."""
        first, *rest = said(unit, "ExecStart")[0].split()
        assert first == "/opt/certfactory/venv/bin/certfactory"
        return self.stage.ours(rest)

    def start(self, unit: str) -> None:
        """systemctl start, of one that goes on."""
        self.stage.start(unit, self.words(unit), self.environment(unit))


@pytest.fixture
def host(
    product: Path, tmp_path: Path, postgresql_db_url: str, valkey_url: str, s3: Settings
) -> Iterator[Host]:
    """A machine whose database, queue and store are servers of the tests."""
    stage = Stage(folder=tmp_path, product=product)
    etc = tmp_path / "etc"
    (etc / "secrets").mkdir(parents=True)
    stage.places = {
        "/etc/certfactory": str(etc),
        "/run/certfactory": str(tmp_path / "run"),
        "/run/certfactory-signer": str(tmp_path / "socket"),
        "/var/lib/certfactory-signer": str(tmp_path / "signer"),
    }
    secrets = {
        "db-url": postgresql_db_url, "redis-url": valkey_url, "s3-key": s3.s3_key,
        "s3-secret": s3.s3_secret,
    }  # fmt: skip
    (etc / "signer").mkdir()
    (etc / "signer" / "keyring-passphrase").write_text("correct horse", "utf-8")
    for name, text in secrets.items():
        (etc / "secrets" / name).write_text(text, "utf-8")
    ports = {name: str(free_port()) for name in ("FACTORY_METRICS_PORT", "FACTORY_HTTP_PORT")}
    public = f"http://{LOOPBACK}:{ports['FACTORY_HTTP_PORT']}"
    here = ports | {
        "FACTORY_S3_ENDPOINT": s3.s3_endpoint,
        "FACTORY_S3_PUBLIC_ENDPOINT": s3.s3_endpoint,
        "FACTORY_HTTP_PUBLIC_URL": public,
        "FACTORY_BULK_WORKERS": "1",
        "FACTORY_NAMESPACE": "units",
    }
    settings = env_file(UNITS / "certfactory.env") | here
    (etc / "certfactory.env").write_text(
        stage.here("".join(f"{key}={value}\n" for key, value in settings.items())), "utf-8"
    )
    try:
        yield Host(stage=stage)
    finally:
        stage.end()


def test_the_units_refuse_to_start_before_the_machine_is_prepared(host: Host) -> None:
    unit = "certfactory-work.service"

    done = host.stage.run(host.words(unit), host.environment(unit))

    assert done.returncode == 3
    assert "keyring" in done.stderr


def test_the_units_issue_with_seals_whose_passphrase_is_a_credential(
    host: Host, tmp_path: Path
) -> None:
    prepare = "certfactory-prepare.service"
    prepared = host.stage.run(host.words(prepare), host.environment(prepare))
    assert prepared.returncode == 0, prepared.stderr
    assert "put its tsa.toml and roots/*.pem into tsa/default/" in prepared.stdout
    install_seals(host)
    start_stamper(host)
    for unit in (SIGNER, "certfactory-work.service", "certfactory-serve.service"):
        host.start(unit)
    address = env_file(tmp_path / "etc" / "certfactory.env")["FACTORY_HTTP_PUBLIC_URL"]
    wait_for(lambda: answers(f"{address}/livez"), host.stage, "the portal")
    key = by_hand(host, "keys", "issue", SOURCE, "--label", "portal", "--json")

    with Client(address, json.loads(key)["token"]) as upstream:
        outcome = upstream.submit(specimen.approved(5))
        upstream.wait_for_event(outcome.event, seconds=PATIENCE_SECONDS)
        assert outcome.registration is not None
        upstream.collect(outcome.registration)
        pdf = upstream.download(outcome.registration)

    file = tmp_path / "certificate.pdf"
    file.write_bytes(pdf)
    assert "valid" in by_hand(host, "verify", str(file))
    value, token = stamping.token_in(pdf)
    assert tsp.is_over(token, tsp.imprint_of(value))
    assert not (tmp_path / "run" / "log").exists()
    keys = tmp_path / "etc" / "keys"
    assert [*keys.rglob("key.p8"), *keys.rglob("passphrase")] == []
    wait_for(
        lambda: json.loads(by_hand(host, "audit", "verify", "--json"))["heads"] > 0,
        host.stage,
        "a signed head",
    )
    told = host.stage.run(host.stage.ours(["signer", "journal"]), host.environment(SIGNER))
    assert told.returncode == 0
    assert "signed" in told.stdout


def start_stamper(host: Host) -> None:
    """An authority of time, which the workers' keyring names and whose key is elsewhere."""
    port, etc = free_port(), host.stage.folder / "etc"
    environ = {"FACTORY_KEYRING_DIR": str(etc / "signer" / "keyring")}
    host.stage.start("stamper", host.stage.ours(["tsa", "--port", str(port)]), environ)
    about = etc / "keys" / "keyring" / "tsa" / "default" / "tsa.toml"
    about.write_text(f'{about.read_text("utf-8")}url = "http://{LOOPBACK}:{port}/"\n', "utf-8")


def by_hand(host: Host, *words: str) -> str:
    """What the command line of the host says: deploy/systemd/certfactory."""
    script = host.stage.folder / "program"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(host.stage.ours([]))} "$@"\n', "utf-8")
    script.chmod(0o755)
    environ = {"CERTFACTORY_ETC": "/etc/certfactory", "CERTFACTORY_PROGRAM": str(script)}
    done = host.stage.run([str(UNITS / "certfactory"), *words], environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install_seals(host: Host) -> None:
    """Test seals of another keyring: whole for the signer, without their keys for the workers."""
    folder = host.stage.folder / "etc" / "keys" / "keyring"
    made = host.stage.folder / "elsewhere"
    environ = host.environment("certfactory-prepare.service")
    elsewhere = environ | {"FACTORY_KEYRING_DIR": str(made), "FACTORY_KEY_PASSPHRASE_FILE": ""}
    trial = host.stage.run(host.stage.ours(["prepare", "--test-keys"]), elsewhere)
    assert trial.returncode == 0, trial.stderr
    home = made / "identities" / PROFILE
    old = load_pem_private_key(
        (home / "key.p8").read_bytes(), (home / "passphrase").read_bytes().strip()
    )
    protected = BestAvailableEncryption(b"correct horse")
    (home / "key.p8").write_bytes(old.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protected))
    (home / "passphrase").unlink()
    shutil.copytree(made, host.stage.folder / "etc" / "signer" / "keyring")
    for home in ("identities", "tsa", "log"):
        for file in (made / home).rglob("*"):
            if file.name in ("key.p8", "passphrase"):
                file.unlink()
    for name in ("identities", "roots", "issuers", "parties", "tsa", "log"):
        (made / name).rename(folder / name)
    by_hand(host, "sources", "grant", SOURCE, PROFILE)
