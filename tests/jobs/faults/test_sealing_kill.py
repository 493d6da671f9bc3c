"""Workers killed while a seal is waited for: one request, one seal, and what is void withdrawn."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from factory.model import Format
from factory.seals.sm2_soft import Sm2SoftSigner
from jobs import opening
from jobs.drill.evidence import made_once_and_told_once, nothing_is_left_over
from jobs.drill.killer import AFTER, BEFORE, Kill
from jobs.embedded import Embedded
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import orders
from tests import sealing_service
from tests.seal_service import TOKEN
from tests.sealing_service import SealingService

from .works import WHO, Works, at_work, wait_for

GANSU, PEOPLE = "gansu-constructor", 4


def test_a_seal_that_comes_later_is_asked_for_once_whoever_is_killed_meanwhile(
    servers: Embedded, tmp_path: Path
) -> None:
    keyring = tmp_path / "keyring"
    home = keyring / "identities" / GANSU / "ofd"
    opening.make_test_keyring(Plant(Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path)})))
    key, secret = (home / "key.p8").read_bytes(), (home / "passphrase").read_bytes()
    with sealing_service.running({"seal": Sm2SoftSigner(key, secret)}) as centre:
        point_to(home, centre.url)
        with at_work(servers, tmp_path / "works", KEYRING_DIR=str(keyring)) as works:
            kills = [
                works.drill("submitted", Kill(queue="interactive", stage="sign", where=AFTER)),
                works.drill("drawn", Kill(queue="interactive", stage="sign", where=BEFORE, turn=2)),
            ]

            works.approve_with_ofd(range(PEOPLE), enterprise=1)

            wait_for(lambda: not any(each.exists() for each in kills), "both kills were taken")
            wait_for(lambda: len(centre.known) == PEOPLE == waiting(works), "all are asked for")
            cancel_one(works)
            wait_for(lambda: len(centre.known) == PEOPLE - 1, "one is withdrawn")
            works.drill("fetched", Kill(queue="interactive", stage="record", where=BEFORE))
            centre.seal()
            works.settle()
            assert works.files(Format.OFD) == works.files(Format.PDF) == PEOPLE - 1
            assert_asked_once(centre)
            assert waiting(works) == 0
            with works.plant.ledger.read() as tx:
                nothing_is_left_over(tx)
                made_once_and_told_once(tx)


def assert_asked_once(centre: SealingService) -> None:
    assert len(set(centre.submitted)) == PEOPLE
    assert len(centre.signed) == len(set(centre.signed)) == PEOPLE - 1


def point_to(home: Path, url: str) -> None:
    (home / "identity.toml").write_text(
        f'test = true\n[service]\nurl = "{url}"\nkey = "seal"\nmode = "asynchronous"\n'
    )
    (home / "token").touch(mode=0o600)
    (home / "token").write_text(TOKEN)


def waiting(works: Works) -> int:
    """Orders whose seal is noted as asked for."""
    with works.plant.ledger.read() as tx:
        return int(tx.run(select(func.count()).select_from(t.sealing)).scalar_one())


def cancel_one(works: Works) -> None:
    with works.plant.ledger.write(WHO) as tx:
        registration = int(tx.run(select(func.min(t.registration.c.id))).scalar_one())
        orders.void_open(tx, registration, why="registration cancelled")
