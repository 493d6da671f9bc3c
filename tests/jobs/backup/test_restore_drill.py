"""The restore drill: a running factory loses its ledger, and goes on as if it had not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, select

from factory import specimen
from factory.log import heads as texts
from factory.retention import Ground
from factory.verification import Status
from jobs import crew, desk, opening
from jobs.embedded import Embedded
from jobs.personal import again, erasing
from jobs.recheck.findings import Finding, Rule
from jobs.settings import Settings
from jobs.wiring import Plant, plant_of
from storage import tables as t
from storage.ledger import log, personal, registers
from storage.ledger.erasing import opens
from tests.conftest import Postgres
from tests.plants import on_server

from . import losing
from .losing import WHO, WHY, hand_in, newest, printed, used_twice

BEFORE = [specimen.approved(seed, 1 + seed % 2) for seed in range(1, 9)]
GONE_BEFORE, GONE_LATER = 1, 2  #: people who are erased after the backup
MEANWHILE = [specimen.approved(seed, 1 + seed % 2) for seed in range(20, 26)]
NEW = range(30, 36)
SINCE = [
    specimen.cancelled(GONE_LATER),
    *(specimen.approved(seed, 1 + seed % 2) for seed in NEW),
    specimen.renamed(1, 1),
    specimen.corrected(5),
]
RIGHT_AFTER = 200  #: at least as many as events came since


@contextmanager
def at_work(settings: Settings) -> Iterator[Plant]:
    plant = plant_of(settings)
    with crew.at_work(settings, with_signer=True):
        try:
            yield plant
        finally:
            plant.ledger.engine.dispose()


def holder_of(plant: Plant, seed: int) -> int:
    paper = specimen.paper(seed)
    with plant.ledger.read() as tx:
        [row] = registers.of_paper(tx, specimen.PROFILE, paper["id_type"], paper["id_number"])
        found: int = tx.run(
            select(t.registration.c.holder_id).where(t.registration.c.id == row)
        ).scalar_one()
        return found


def erase(plant: Plant, holder: int) -> None:
    done = erasing.erase(plant, holder, who=WHO, ground=Ground.REQUEST, why=WHY)
    assert not done.left


def what_opens(plant: Plant, holder: int) -> dict[str, int]:
    with plant.ledger.read() as tx:
        return opens(tx, personal.of(tx, holder))


def drilled(settings: Settings, lose: Callable[[], None], folder: Path) -> None:
    """The whole story; lose: takes the ledger away, and leaves an empty place."""
    backups = folder / "backups"
    opening.open_embedded(plant_of(settings))
    with at_work(settings) as plant:
        hand_in(plant, [*BEFORE, specimen.cancelled(GONE_BEFORE)])
        before, later = holder_of(plant, GONE_BEFORE), holder_of(plant, GONE_LATER)
        busy = threading.Thread(target=hand_in, args=(plant, MEANWHILE))
        busy.start()
        taken = losing.take(plant, backups)
        busy.join()
        hand_in(plant, SINCE)
        for holder in (before, later):
            erase(plant, holder)
        assert losing.audited(plant).count == 0
        with plant.ledger.read() as tx:
            noted = log.newest_head(tx)
        assert noted is not None
        lost = newest(plant)

    lose()
    head = texts.read(noted.text)
    done = losing.restore(settings, backups, skip=RIGHT_AFTER, heads=(head,))

    assert done.since == taken.manifest.at
    assert done.again.erased == (before,)
    assert done.editions > 0
    assert done.kept >= len(NEW)
    assert done.unlogged > 0
    with at_work(settings) as plant:
        outcomes = hand_in(plant, [*SINCE, *MEANWHILE, *BEFORE, *SINCE])
        assert set(outcomes) <= {"accepted", "duplicate"}
        rest = again.erase_again(plant, who=WHO)
        assert (rest.erased, rest.left) == ((later,), {})
        losing.settle(plant)
        assert what_opens(plant, before) == what_opens(plant, later) == {}
        assert list(desk.open_holds(plant)) == []
        now = newest(plant)
        assert {name: said["number"] for name, said in now.items()} == {
            name: said["number"] for name, said in lost.items()
        }
        with plant.ledger.read() as tx:
            assert tx.run(select(t.lost_edition)).all() == []
        assert used_twice(printed(plant)) == []
        assert found_by(plant) == []
        checked = losing.audited(plant)
        assert (checked.count, checked.findings) == (0, [])
        assert losing.audited(plant, noted=[head]).count > 0  # the fork is seen
        told = {losing.told(plant, each) for name, each in lost.items() if each != now[name]}
        assert told == {Status.SUPERSEDED}


def found_by(plant: Plant) -> list[Finding]:
    """What the re-checker finds, but that the files of erased persons are gone."""
    f = t.file.c
    with plant.ledger.read() as tx:
        erased = set(tx.run(select(f.id).where(f.erased_at.is_not(None))).scalars())
    return [
        each
        for each in losing.recheck(plant).findings
        if (each.rule, each.kind) != (Rule.FILE, "file") or each.id not in erased
    ]


def test_after_its_ledger_was_lost_a_factory_goes_on_and_nothing_is_issued_twice(
    servers: Embedded, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.sqlite3"
    settings = losing.own_settings(servers, tmp_path, f"sqlite:///{file}")

    def lose() -> None:
        for each in tmp_path.glob("ledger.sqlite3*"):
            each.unlink()

    drilled(settings, lose, tmp_path)


def test_the_same_on_postgresql(
    servers: Embedded,
    postgres: Postgres,
    postgresql_db_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres_tools: str,
) -> None:
    monkeypatch.setenv("PATH", postgres_tools)
    settings = losing.own_settings(servers, tmp_path, postgresql_db_url)
    name = make_url(postgresql_db_url).database

    def lose() -> None:
        on_server(postgres.url, f"DROP DATABASE {name} WITH (FORCE)")
        on_server(postgres.url, f"CREATE DATABASE {name}")

    drilled(settings, lose, tmp_path)
