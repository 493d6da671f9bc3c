"""The line with a key in a PKCS#11 token: what it makes is valid, or waits for the token."""

import ctypes
import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from factory import specimen
from factory.model import ChunkId
from factory.seals.keys import fingerprint
from factory.verify import VerdictWord, verify
from jobs import line
from jobs.bulk import steps
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import pkcs11_session, testca
from storage import tables as t
from storage.pdf_seals import Given
from storage.token_key import TokenGiven
from tests import judges, tokens
from tests.jobs.bulking import at, rename_to, started
from tests.plants import PROFILE, open_chunks, produce, submit
from tests.telling import whole_factory
from tests.tokens import MODULE, WRONG_PIN, Token, new_token

NEW = "上海示例建设集团股份有限公司"


@pytest.fixture
def token(tmp_path: Path) -> Token:
    return new_token(tmp_path)


@pytest.fixture(params=["p256"])
def plant(request: pytest.FixtureRequest, tmp_path: Path, s3: Settings, token: Token) -> Plant:
    """A factory whose register seals with a key that is in a token."""
    now = datetime.now(UTC)
    ca = testca.make_ca(now)
    issued = testca.issue_seal(ca, "示例市住房和城乡建设委员会", algorithm=request.param)
    token.add(issued.key, "seal")
    whole = whole_factory(tmp_path / "factory", s3)
    root = whole.settings.keyring_dir / "roots" / "ca.pem"
    root.write_bytes(ca.root.certificate.public_bytes(Encoding.PEM))
    given = Given(
        certificates=(issued.certificate, ca.issuing.certificate),
        picture=whole.keyring.identity(PROFILE).picture,
        width_mm=42,
        key=TokenGiven(key=token.key("seal"), pin=None),
        test=True,
    )
    whole.keyring.import_pdf_seal(PROFILE, given, now=now, replace=True)
    return Plant(whole.settings)


def approve(plant: Plant, *seeds: int) -> None:
    for seed in seeds:
        submit(plant, specimen.approved(seed) | {"source": "urn:certfactory:operations"})


def made(plant: Plant) -> list[bytes]:
    """Every certificate that was recorded; all are sealed with the token's."""
    with plant.ledger.read() as tx:
        files = t.file.c.object_key, t.file.c.signing_cert_sha256
        rows = [row for row in tx.run(select(*files)) if row.object_key.endswith("certificate.pdf")]
    own = fingerprint(certificate(plant.settings.keyring_dir / "identities" / PROFILE))
    assert {row.signing_cert_sha256 for row in rows} <= {own}
    return [plant.store.get(row.object_key) for row in rows]


def certificate(home: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((home / "signing.pem").read_bytes())


def root_of(plant: Plant) -> x509.Certificate:
    data = (plant.settings.keyring_dir / "roots" / "ca.pem").read_bytes()
    return x509.load_pem_x509_certificate(data)


@pytest.mark.parametrize("plant", ["p256", "rsa2048"], indirect=True)
def test_pyhanko_and_openssl_accept_what_a_token_sealed(plant: Plant, tmp_path: Path) -> None:
    approve(plant, 1)

    produce(plant)

    [data] = made(plant)
    [status] = judges.pyhanko(data, [root_of(plant)], datetime.now(UTC))
    assert status.bottom_line
    assert "successful" in judges.openssl_cms(data, root_of(plant), tmp_path)
    assert verify(data, plant.keyring.trust_roots()).verdict is VerdictWord.VALID


def test_a_byte_changed_in_what_a_token_sealed_is_found(plant: Plant) -> None:
    approve(plant, 1)
    produce(plant)

    [data] = made(plant)
    changed = data.replace(b"/MediaBox", b"/MediaBax", 1)

    assert changed != data
    assert verify(changed, plant.keyring.trust_roots()).verdict is not VerdictWord.VALID


def test_a_bulk_event_is_sealed_by_the_token(plant: Plant) -> None:
    approve(plant, 1, 2, 3)
    produce(plant)

    batch = started(plant, rename_to(NEW) | {"source": "urn:certfactory:operations"})
    for _ in range(4):
        produce(plant)
        steps.advance(plant, batch)

    assert at(plant, batch).done == 3
    assert len(made(plant)) == 6
    for data in made(plant):
        assert verify(data, plant.keyring.trust_roots()).verdict is VerdictWord.VALID


def test_forked_workers_each_open_a_session_of_their_own(plant: Plant, token: Token) -> None:
    """A worker may be forked from a process that has signed already."""
    approve(plant, 1)
    produce(plant)
    approve(plant, 2, 3, 4)
    parents = pkcs11_session.module(MODULE).session(token.place())
    plant.ledger.engine.dispose()

    def work(chunk: int) -> None:
        line.produce(Plant(plant.settings), ChunkId(chunk))
        own = pkcs11_session.module(MODULE).session(token.place())
        os._exit(0 if own is not parents else 1)

    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=work, args=(chunk,)) for chunk in open_chunks(plant)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(120)

    assert [each.exitcode for each in workers] == [0, 0, 0]
    assert len(made(plant)) == 4
    assert all(
        verify(data, plant.keyring.trust_roots()).verdict is VerdictWord.VALID
        for data in made(plant)
    )
    assert pkcs11_session.module(MODULE).session(token.place()) is parents


def test_a_session_lost_between_two_chunks_costs_nobody_a_certificate(
    plant: Plant, token: Token
) -> None:
    approve(plant, 1)
    produce(plant)
    session = pkcs11_session.module(MODULE).session(token.place())
    tokens.library().C_CloseAllSessions(ctypes.c_ulong(session.token.slot.slot_id))

    approve(plant, 2)
    produce(plant)

    assert len(made(plant)) == 2


def test_while_the_token_is_away_certificates_wait(plant: Plant, token: Token) -> None:
    approve(plant, 1)
    produce(plant)
    approve(plant, 2)

    token.take_away()
    produce(plant)
    assert len(made(plant)) == 1
    token.bring_back()
    produce(plant)

    assert len(made(plant)) == 2


def test_certificates_wait_while_the_pin_is_wrong_and_nobody_tries_it_again(
    plant: Plant, token: Token
) -> None:
    right = token.pin_file.read_text()
    token.pin_file.write_text(WRONG_PIN)
    pkcs11_session.module(MODULE).lose()  # as in a process that begins
    approve(plant, 1)
    for _ in range(3):
        produce(plant)
    token.pin_file.write_text(right)
    produce(plant)
    assert made(plant) == []

    plant.keyring.log_in(PROFILE)
    produce(plant)

    assert len(made(plant)) == 1
