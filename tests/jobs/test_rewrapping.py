"""Another master key while the factory runs: everything opens at every moment, nothing is lost."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

import cli
from factory.errors import ConflictError, NotFoundError, SealedDataError, SettingsError
from jobs import rewrapping
from jobs.backup import taking
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import audit, backups, inbox, keys
from storage.sealed import Vault
from tests.plants import WHO, approve, issue, new_plant

PEOPLE = 5


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    found = new_plant(tmp_path, db_url)
    for seed in range(1, PEOPLE + 1):
        approve(found, seed)
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few people are several slices."""
    monkeypatch.setattr(rewrapping, "AT_ONCE", 2)


def again(plant: Plant, **changes: Any) -> Plant:
    """The same factory, as a process that starts now sees it."""
    return Plant(replace(plant.settings, **changes))


def wrapped(plant: Plant) -> dict[int, int]:
    with plant.ledger.read() as tx:
        return dict(keys.by_master(tx))


def everything(plant: Plant) -> list[bytes]:
    """What is sealed, opened by a process that has opened nothing before."""
    fresh = again(plant)
    with fresh.ledger.read() as tx:
        return [inbox.body(tx, each) for each in tx.run(select(t.inbox.c.id)).scalars()]


@pytest.mark.on_both
@pytest.mark.usefixtures("small")
def test_all_data_keys_are_wrapped_by_the_new_key_and_open_as_before(plant: Plant) -> None:
    before = everything(plant)

    assert rewrapping.rotate(plant, who=WHO) == PEOPLE

    assert wrapped(plant) == {2: PEOPLE}
    assert everything(plant) == before
    found = rewrapping.masters(plant)
    assert (found.versions, found.current, found.required) == ((1, 2), 2, 2)
    assert not found.is_under_way
    with plant.ledger.read() as tx:
        actions = list(
            tx.run(select(t.audit.c.action).where(t.audit.c.object_kind == "master key")).scalars()
        )
    assert actions == ["master key changed", "data keys wrapped anew"]


@pytest.mark.on_both
def test_processes_that_began_before_and_after_work_side_by_side(plant: Plant) -> None:
    old, new = again(plant), again(plant)
    issue(old, 20)
    rewrapping.rotate(new, who=WHO)

    issue(old, 21)
    issue(new, 22)

    assert set(wrapped(plant)) == {2}
    assert len(everything(plant)) == PEOPLE + 3
    rewrapping.drop(new, 1, who=WHO)
    issue(old, 23)
    assert len(everything(plant)) == PEOPLE + 4


def test_the_former_key_stays_until_no_data_key_needs_it(plant: Plant) -> None:
    rewrapping.rotate(plant, who=WHO)
    with plant.ledger.write(WHO) as tx:  # one that the change has missed
        former = Vault(replace(plant.keyring.master_keys(), current=1))
        tx.run(update(t.data_key).where(t.data_key.c.id == 1).values(wrapped=former.new_key()))

    with pytest.raises(ConflictError, match="1 data keys"):
        rewrapping.drop(plant, 1, who=WHO)
    assert rewrapping.masters(plant).is_under_way

    assert rewrapping.rotate(plant, who=WHO) == 1
    rewrapping.drop(plant, 1, who=WHO)
    assert rewrapping.masters(plant).versions == (2,)


@pytest.mark.parametrize(("version", "why"), [(1, "data keys"), (2, "may be")])
def test_a_key_that_is_used_or_may_be_is_not_dropped(plant: Plant, version: int, why: str) -> None:
    rewrapping.stage(plant)

    with pytest.raises(ConflictError, match=why):
        rewrapping.drop(plant, version, who=WHO)

    assert rewrapping.masters(plant).versions == (1, 2)


def test_a_key_that_the_keyring_has_not_is_not_found_and_those_it_has_are_told(
    plant: Plant,
) -> None:
    rewrapping.stage(plant)

    with pytest.raises(NotFoundError, match="but 1, 2"):
        rewrapping.drop(plant, 9, who=WHO)


def back_up(plant: Plant, keep: int | None = None) -> str:
    folder = plant.settings.data_dir / "backups"
    how = {"who": WHO, "why": "a drill", "keep": keep}
    return taking.take(plant, folder, tell=lambda *_: None, **how).name


def test_a_key_that_backups_need_is_dropped_only_by_whoever_says_that_they_know(
    plant: Plant,
) -> None:
    before = back_up(plant)
    rewrapping.rotate(plant, who=WHO)
    after = back_up(plant)

    with pytest.raises(ConflictError, match=f"without it: 1, {before}") as refused:
        rewrapping.drop(plant, 1, who=WHO)
    assert after not in str(refused.value)
    assert rewrapping.masters(plant).versions == (1, 2)

    rewrapping.drop(plant, 1, who=WHO, despite_backups=True)
    assert rewrapping.masters(plant).versions == (2,)


def test_a_key_is_dropped_when_the_backups_that_needed_it_are_gone(plant: Plant) -> None:
    back_up(plant)
    rewrapping.rotate(plant, who=WHO)
    back_up(plant, keep=1)

    rewrapping.drop(plant, 1, who=WHO)

    assert rewrapping.masters(plant).versions == (2,)


def test_a_backup_of_which_is_not_noted_by_which_key_it_opens_counts_as_needing_it(
    plant: Plant,
) -> None:
    rewrapping.rotate(plant, who=WHO)
    with plant.ledger.write(WHO) as tx:  # as they were noted once
        what = {"at": tx.now.isoformat(), "pruned": []}
        audit.note(tx, backups.TAKEN, ("backup", "of former times"), why="-", what=what)

    with pytest.raises(ConflictError, match="of former times"):
        rewrapping.drop(plant, 1, who=WHO)


def test_a_staged_key_wraps_nothing_until_it_is_used(plant: Plant) -> None:
    assert rewrapping.stage(plant) == rewrapping.stage(plant) == 2
    approve(again(plant), 30)
    assert wrapped(plant) == {1: PEOPLE + 1}
    assert rewrapping.masters(plant).staged == 2

    rewrapping.rotate(plant, who=WHO)

    assert wrapped(plant) == {2: PEOPLE + 1}
    assert rewrapping.masters(plant).staged is None


def test_a_machine_with_a_keyring_of_its_own_goes_on_if_the_key_was_brought_there(
    plant: Plant, tmp_path: Path
) -> None:
    """Its master.json has the key, staged: the ledger says that it is in use by now."""
    rewrapping.stage(plant)
    brought, behind = tmp_path / "brought", tmp_path / "behind"
    for copy in (brought, behind):
        shutil.copytree(plant.settings.keyring_dir, copy)
    one = json.loads((behind / "master.json").read_text())
    (behind / "master.json").write_text(json.dumps(one | {"keys": {"1": one["keys"]["1"]}}))
    running = again(plant, keyring_dir=behind)
    issue(running, 39)
    rewrapping.rotate(plant, who=WHO)

    approve(again(plant, keyring_dir=brought), 40)
    assert set(wrapped(plant)) == {2}

    for process in (running, again(plant, keyring_dir=behind)):
        with pytest.raises(SettingsError, match="master key 2"):
            approve(process, 41)
    with again(plant, keyring_dir=behind).ledger.read() as tx, pytest.raises(SealedDataError):
        inbox.body(tx, 1)
    assert set(wrapped(plant)) == {2}


def test_a_key_that_is_destroyed_in_the_same_moment_stays_destroyed(
    tmp_path: Path, postgresql_db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = new_plant(tmp_path, postgresql_db_url)
    approve(plant, 1)
    rewrap = Vault.rewrap

    def erased_meanwhile(vault: Vault, old: bytes) -> bytes:
        with plant.ledger.write("eraser") as tx:
            keys.destroy(tx, [1])
        return rewrap(vault, old)

    monkeypatch.setattr(Vault, "rewrap", erased_meanwhile)

    rewrapping.rotate(plant, who=WHO)

    with plant.ledger.read() as tx:
        assert tx.run(select(t.data_key.c.wrapped)).scalars().all() == [None]


def test_a_data_key_that_is_under_way_is_waited_for(tmp_path: Path, postgresql_db_url: str) -> None:
    """One transaction has made a key and is not committed: the ledger moves on only after it."""
    plant = new_plant(tmp_path, postgresql_db_url)
    other = again(plant)
    with ThreadPoolExecutor(1) as pool:
        with plant.ledger.write(WHO) as tx:
            keys.new(tx)
            rotation = pool.submit(rewrapping.rotate, other, who=WHO)
            assert not wait([rotation], timeout=0.5).done
        assert rotation.result(timeout=30) == 1

    assert wrapped(plant) == {2: 1}


@pytest.mark.parametrize("text", ['{"current": 2, "keys": {}}', "", "[]"])
def test_a_broken_file_is_said_to_be_one(plant: Plant, text: str) -> None:
    (plant.settings.keyring_dir / "master.json").write_text(text)

    with pytest.raises(SettingsError, match="master"):
        rewrapping.rotate(again(plant), who=WHO)


def test_the_file_stays_closed_to_others(plant: Plant) -> None:
    rewrapping.rotate(plant, who=WHO)

    [*files] = plant.settings.keyring_dir.glob("*master*")
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
    assert [path.name for path in files if path.name != ".master.lock"] == ["master.json"]


def test_the_commands(plant: Plant, s3: Settings) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner(env=plant.settings.to_env()).invoke(cli.main, ("keys", "master", *words))
        assert done.exit_code == code, done.output
        return done.output

    assert "staged" in run("rotate", "--stage")
    assert json.loads(run("status", "--json"))["staged"] == 2
    assert f"{PEOPLE} data keys" in run("rotate")
    assert "former" in run("status")
    assert "are wrapped by it" in run("drop", "2", code=5)
    assert "but 1, 2" in run("drop", "9", code=4)
    back_up(plant)
    assert "gone" in run("drop", "1")
    assert json.loads(run("status", "--json"))["wrapped"] == {"2": PEOPLE}
