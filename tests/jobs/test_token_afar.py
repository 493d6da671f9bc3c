"""The whole way of a seal: the line, mutual TLS, the signer process on another machine, its token.

The worker's keyring is the one that docs/signer.md has brought there: no key, and no PIN.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, update

from factory import specimen
from factory.model import BatchState, ChunkId, OrderState
from factory.seals.keys import fingerprint
from factory.verify import VerdictWord, verify
from jobs import desk, doctor, line
from jobs.bulk import steps
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from jobs.signer import journal
from jobs.wiring import Plant
from storage import tables as t
from storage import testca
from tests.jobs.bulking import at, rename_to, started
from tests.machines import Ca
from tests.plants import PROFILE, WHO, open_chunks, submit
from tests.signer_running import ROOT, Running, cli, running, settings_in
from tests.telling import whole_factory
from tests.tokens import MODULE, PIN, Token, new_token

SPAWN = multiprocessing.get_context("spawn")
NEW = "上海示例建设集团股份有限公司"
WORKER, PASSPHRASE = "worker-1", "passphrase"
COPIED = ("identities", "roots")  #: of what docs/signer.md brings to a worker, what differs here


@dataclass(frozen=True)
class Network:
    """Our machines' CA, and one that is somebody else's."""

    ours: Ca
    others: Ca

    def worker(self, given: Settings, address: str) -> Settings:
        """A worker's settings as they should be."""
        certificate, key = self.ours.machine(WORKER)
        return replace(
            given,
            signer=address,
            signer_tls_cert=certificate,
            signer_tls_key=key,
            signer_tls_ca=self.ours.file,
        )


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return Network(ours=Ca(tmp_path, "ours"), others=Ca(tmp_path, "others"))


@pytest.fixture
def whole(tmp_path: Path, s3: Settings, fresh_bucket: str) -> Plant:
    """A worker's machine, whose keyring is still everybody's."""
    return whole_factory(tmp_path / "worker", s3, s3_bucket=fresh_bucket)


@pytest.fixture
def process(whole: Plant, network: Network, tmp_path: Path) -> Iterator[Running]:
    """The signer process on a machine of its own, the key of the register's seal in a token."""
    certificate, key = network.ours.machine("holder")
    port, folder = free_port(), tmp_path / "holder"
    held = shutil.copytree(whole.settings.keyring_dir, folder / "keyring")
    settings = settings_in(
        folder,
        KEYRING_DIR=str(held),
        SIGNER=f"https://localhost:{port}",
        SIGNER_LISTEN=f"https://{LOOPBACK}:{port}",
        SIGNER_TLS_CERT=str(certificate),
        SIGNER_TLS_KEY=str(key),
        SIGNER_TLS_CA=str(network.ours.file),
    )
    import_into(settings, new_token(tmp_path))
    with running(settings) as found:
        yield found


@pytest.fixture
def plant(whole: Plant, process: Running, network: Network) -> Plant:
    """The worker's machine, brought what the page says and nothing else."""
    bring(process.settings.keyring_dir, whole.settings.keyring_dir)
    return Plant(network.worker(whole.settings, process.settings.signer))


# --- saying it shortly ------------------------------------------------------------------------


def import_into(settings: Settings, token: Token) -> None:
    """A seal whose P-256 key is in the token, taken in as the signer's operator does."""
    ca = testca.make_ca(datetime.now(UTC))
    issued = testca.issue_seal(ca, "示例市住房和城乡建设委员会", algorithm="p256")
    token.add(issued.key, "seal")
    files = {
        "certificate": issued.certificate.public_bytes(Encoding.PEM),
        "chain": ca.issuing.certificate.public_bytes(Encoding.PEM),
        "picture": (settings.keyring_dir / "identities" / PROFILE / "seal.png").read_bytes(),
    }
    words = [
        *("--identity", PROFILE, "--replace", "--test", "--pkcs11-module", str(MODULE)),
        *("--token", token.label, "--key-label", "seal", "--pin-file", str(token.pin_file)),
    ]
    for name, data in files.items():
        (settings.data_dir / name).write_bytes(data)
        words += [f"--{name}", str(settings.data_dir / name)]
    root = ca.root.certificate.public_bytes(Encoding.PEM)
    (settings.keyring_dir / "roots" / "ca.pem").write_bytes(root)
    done = cli("keys", "import", *words, settings=settings)
    assert done.returncode == 0, done.stderr


def bring(there: Path, here: Path) -> None:
    """A worker's folders as the command of docs/signer.md leaves them."""
    page = (ROOT / "docs" / "signer.md").read_text("utf-8")
    [command] = re.findall(r"^tar -c .*$", page, re.MULTILINE)
    left_out = shutil.ignore_patterns(*re.findall(r"--exclude '?([^' ]+)'?", command))
    for name in COPIED:
        shutil.rmtree(here / name)
        shutil.copytree(there / name, here / name, ignore=left_out)


def secrets_in(folder: Path) -> set[str]:
    """Names of files that hold a private key, or what opens one."""
    files = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return {
        file.name
        for file, data in files.items()
        if b"PRIVATE KEY" in data or data.strip() == PIN.encode() or file.name == PASSPHRASE
    }


def approve(plant: Plant, count: int) -> None:
    for seed in range(1, count + 1):
        submit(plant, specimen.approved(seed) | {"source": "urn:certfactory:operations"})


def produce(plant: Plant) -> None:
    """Every chunk that is ready, once; the pauses are over."""
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.chunk).values(run_after=t.chunk.c.created_at))
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def work_without_tokens(settings: Settings) -> None:
    """A worker's whole life, on a machine that has no token and needs none."""
    os.environ.pop("SOFTHSM2_CONF")
    produce(Plant(settings))
    os._exit(int("softhsm" in Path("/proc/self/maps").read_text("utf-8")))


def waits(plant: Plant) -> bool:
    """Nothing is made, nothing is stored, nothing is held, and all of it is still to be made."""
    with plant.ledger.read() as tx:
        states = set(tx.run(select(t.production_order.c.state)).scalars())
    return (states, desk.open_holds(plant), stored(plant)) == ({OrderState.READY}, [], {})


def stored(plant: Plant) -> dict[str, bytes]:
    """All that the store has; the ledger names each of them once, and nothing else."""
    with plant.ledger.read() as tx:
        named = sorted(tx.run(select(t.file.c.object_key)).scalars())
    there = {key: plant.store.get(key) for key in plant.store.list()}
    assert sorted(there) == named
    return there


def assert_valid(plant: Plant, count: int) -> None:
    """So many certificates, as anybody judges them, each sealed by the token's key."""
    data = [found for key, found in stored(plant).items() if key.endswith("certificate.pdf")]
    verdicts = [verify(each, plant.keyring.trust_roots()) for each in data]
    assert [each.verdict for each in verdicts] == [VerdictWord.VALID] * count
    own = fingerprint(plant.keyring.identity(PROFILE).signing_cert)
    assert {each.signing_cert_sha256 for each in verdicts} == {own}


def calls(process: Running) -> list[journal.Entry]:
    """What was asked of it, whole."""
    found = journal.read(process.settings.signer_dir)
    assert (found.broken, found.torn) == (None, 0)
    return [each for each in found.entries if each["outcome"] != journal.STARTED]


# --- sealed -----------------------------------------------------------------------------------


def test_a_worker_without_key_and_pin_has_its_certificates_sealed_by_a_token_elsewhere(
    plant: Plant, process: Running
) -> None:
    assert secrets_in(process.settings.keyring_dir / "identities") >= {"key.p8", "pin"}
    assert secrets_in(plant.settings.keyring_dir / "identities") == set()
    approve(plant, 2)

    worker = SPAWN.Process(target=work_without_tokens, args=(plant.settings,))
    worker.start()
    worker.join(120)

    assert worker.exitcode == 0
    assert_valid(plant, 2)
    told = {(each["outcome"], each["caller"], each["count"]) for each in calls(process)}
    assert told == {("signed", f"tls commonName={WORKER}", 1)}


def test_so_is_a_bulk_event_chunk_by_chunk(plant: Plant, process: Running) -> None:
    approve(plant, 3)
    produce(plant)

    batch = started(plant, rename_to(NEW) | {"source": "urn:certfactory:operations"})
    for _ in range(6):
        produce(plant)
        steps.advance(plant, batch)

    assert at(plant, batch).state is BatchState.COMPLETED
    assert_valid(plant, 6)
    assert {each["batch"] for each in calls(process)} == {None, str(batch)}


# --- not let in -------------------------------------------------------------------------------


def stranger(network: Network, settings: Settings) -> Settings:
    """A worker whose certificate is of another CA."""
    certificate, key = network.others.machine("stranger")
    return replace(settings, signer_tls_cert=certificate, signer_tls_key=key)


def doubter(network: Network, settings: Settings) -> Settings:
    """A worker that trusts another CA than the process's."""
    return replace(settings, signer_tls_ca=network.others.file)


def misled(network: Network, settings: Settings) -> Settings:
    """A worker that asks by a name that is not in the process's certificate."""
    return replace(settings, signer=settings.signer.replace("localhost", LOOPBACK))


@pytest.mark.parametrize(
    ("wrongly", "reason"), [(stranger, "key_busy"), (doubter, "settings"), (misled, "settings")]
)
def test_who_is_not_let_in_gets_nothing_sealed_and_what_waited_is_made_by_another(
    plant: Plant,
    process: Running,
    network: Network,
    wrongly: Callable[[Network, Settings], Settings],
    reason: str,
) -> None:
    wrong = wrongly(network, plant.settings)
    approve(plant, 2)

    for _ in range(2):
        produce(Plant(wrong))
        assert waits(plant)
    produce(Plant(replace(wrong, max_retries=0)))

    held = desk.open_holds(plant)
    assert [(each.reason, each.owner) for each in held] == [(reason, "operations")] * 2
    assert (calls(process), stored(plant)) == ([], {})
    for each in held:
        desk.retry(plant, each.id, who=WHO, why="mended")
    produce(plant)
    assert_valid(plant, 2)
    assert desk.open_holds(plant) == []


def test_the_doctor_of_such_a_worker_says_what_is_wrong(plant: Plant, network: Network) -> None:
    def looked(settings: Settings) -> str:
        [found] = [each for each in doctor.examine(Plant(settings)) if each.name == "signer"]
        assert not found.well
        return found.detail

    assert "FACTORY_SIGNER_TLS_CERT" in looked(stranger(network, plant.settings))
    assert "FACTORY_SIGNER_TLS_CA" in looked(doubter(network, plant.settings))
    assert "FACTORY_SIGNER_TLS_CA" in looked(misled(network, plant.settings))
