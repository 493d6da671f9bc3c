"""Backups at the keyboard: taken while others write, refused when altered, never half there."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

import cli
from factory import specimen
from factory.retention import Ground
from jobs.intake import Status
from jobs.personal import erasing
from jobs.recheck import series
from jobs.wiring import Plant
from storage import tables as t
from storage.backup import manifest, shelf
from storage.ledger import audit, care
from storage.recheck.scope import Scope
from tests.jobs import in_two_formats
from tests.plants import WHO, approve, submit
from tests.telling import whole_factory, work

from . import losing

OK, REFUSED, USAGE, NOT_SET_UP, NOT_FOUND, CONFLICT = 0, 1, 2, 3, 4, 5
RESTORE = ("--reason", "a drill", "--json")
PRIVATE = b"PRIVATE KEY"


@pytest.fixture
def plant(tmp_path: Path, s3: Any, fresh_bucket: str, sqlite_db_url: str) -> Plant:
    made = whole_factory(tmp_path, s3, db_url=sqlite_db_url, s3_bucket=fresh_bucket)
    for seed in (1, 2, 3):
        approve(made, seed)
    work(made)
    return made


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def run(plant: Plant, *words: str | Path) -> Result:
    environment = plant.settings.to_env() | {"FACTORY_REDIS_URL": "redis://broker.invalid"}
    return CliRunner(env=environment).invoke(cli.main, list(map(str, words)))


def told(plant: Plant, *words: str | Path) -> Any:
    done = run(plant, *words, "--json")
    assert done.exit_code == OK, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def ledger_file(plant: Plant) -> Path:
    return plant.settings.data_dir / "ledger.sqlite3"


def lose(plant: Plant) -> None:
    plant.ledger.engine.dispose()
    for each in plant.settings.data_dir.glob("ledger.sqlite3*"):
        each.unlink()


def state_of(folder: Path) -> dict[str, bytes]:
    """Everything that lies in a folder, but for what the embedded servers keep."""
    return {each.name: each.read_bytes() for each in folder.glob("*ledger*") if each.is_file()}


def next_numbers(plant: Plant) -> dict[str, int]:
    with plant.ledger.read() as tx:
        c = t.number_series.c
        return {row[0]: row[1] for row in tx.run(select(c.series, c.next))}


# --- taking ---------------------------------------------------------------------------------------


def test_a_backup_holds_one_instant_while_others_write(plant: Plant, backups: Path) -> None:
    over, written = threading.Event(), []

    def write() -> None:
        while not over.is_set():
            with plant.ledger.write(WHO) as tx:
                audit.note(tx, "first of two", ("test", 1), why="-")
                audit.note(tx, "second of two", ("test", 2), why="-")
            written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    taken = [losing.take(plant, backups) for _ in range(3)]
    over.set()
    writer.join()

    assert written
    for each in taken:
        with sqlite3.connect(each.folder / "ledger.sqlite3") as copy:
            counted = "SELECT count(*) FROM audit WHERE action = ?"
            first, second = (
                copy.execute(counted, (name,)).fetchone()
                for name in ("first of two", "second of two")
            )
            [rows] = copy.execute("SELECT count(*) FROM audit").fetchone()
        assert first == second
        assert each.manifest.rows["audit"] == rows


def test_a_backup_is_closed_to_others_and_holds_no_key(plant: Plant, backups: Path) -> None:
    said = told(plant, "backup", backups)

    files = [each for each in backups.rglob("*") if each.is_file()]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    folders = [backups, *(each for each in backups.rglob("*") if each.is_dir())]
    assert {stat.S_IMODE(each.stat().st_mode) for each in folders} == {0o700}
    names = {each.name for each in files}
    assert "signing.pem" in names
    assert names.isdisjoint({"master.json", "passphrase", "key.p8", "answers.p8"})
    secret = json.loads((plant.settings.keyring_dir / "master.json").read_text())
    every = b"".join(each.read_bytes() for each in files)
    assert PRIVATE not in every
    assert secret["lookup"].encode() not in every
    assert bytes.fromhex(secret["lookup"]) not in every
    assert said["rows"]["registration"] == 3


def test_a_backup_is_audited_and_listed_and_old_ones_go(plant: Plant, backups: Path) -> None:
    first, second = (told(plant, "backup", backups, "--reason", "before an upgrade") for _ in "ab")
    third = told(plant, "backup", backups, "--keep", "2")

    listed = [each["name"] for each in told(plant, "backup", backups, "--list")]
    assert listed == [second["name"], third["name"]]
    assert third["pruned"] == [first["name"]]
    with plant.ledger.read() as tx:
        [noted] = audit.of(tx, "backup", first["name"])
    assert (noted.action, noted.why) == ("backup taken", "before an upgrade")


# --- what cannot be read --------------------------------------------------------------------------


def no_manifest(place: Path) -> None:
    (place / manifest.FILE).unlink()


def broken(place: Path) -> None:
    (place / manifest.FILE).write_text('{"format": ')


def of_no_moment(place: Path) -> None:
    losing.alter(place / manifest.FILE, lambda data: data.replace(b"+00:00", b""))


def altered(place: Path) -> None:
    ALTERED["the manifest"](place)


def later(place: Path, hours: int) -> Path:
    """The same backup under the name of a later moment."""
    then = datetime.fromisoformat(place.name[:16]) + timedelta(hours=hours)
    return place.rename(place.with_name(f"{then:{shelf.MOMENT}}{place.name[16:]}"))


@pytest.mark.parametrize("harm", [no_manifest, broken, of_no_moment])
def test_a_backup_that_cannot_be_read_is_named_and_the_others_are_listed(
    plant: Plant, backups: Path, harm: Callable[[Path], None]
) -> None:
    good, bad = (losing.take(plant, backups) for _ in "ab")
    harm(bad.folder)

    done = run(plant, "backup", backups, "--list")
    [first, second] = told(plant, "backup", backups, "--list")

    assert (done.exit_code, good.name in done.stdout) == (OK, True)
    assert f"passed over: {bad.name}" in done.stderr
    assert (first["name"], first["seal"], first["fault"]) == (good.name, "fits", None)
    assert (second["name"], second["at"]) == (bad.name, None)
    assert manifest.FILE in second["fault"]


def test_a_manifest_that_was_altered_is_listed_with_a_remark(plant: Plant, backups: Path) -> None:
    taken = losing.take(plant, backups)
    ALTERED["the manifest"](taken.folder)

    done = run(plant, "backup", backups, "--list")

    assert (done.exit_code, "ALTERED" in done.stdout) == (OK, True)
    assert f"{taken.name}: its manifest.json was altered" in done.stderr
    assert [each["seal"] for each in told(plant, "backup", backups, "--list")] == ["ALTERED"]


def test_without_a_keyring_the_list_says_that_seals_were_not_checked(
    plant: Plant, backups: Path, tmp_path: Path
) -> None:
    losing.take(plant, backups)
    plant.settings.keyring_dir.rename(tmp_path / "elsewhere")

    done = run(plant, "backup", backups, "--list")

    assert (done.exit_code, "not checked" in done.stdout) == (OK, True)
    assert "there is no keyring here" in done.stderr


def test_a_folder_that_is_not_there_is_not_found(plant: Plant, backups: Path) -> None:
    done = run(plant, "backup", backups, "--list")

    assert (done.exit_code, str(backups) in done.stderr) == (NOT_FOUND, True)
    assert not backups.exists()


def ledger_of(place: Path) -> Path:
    """The copy of the ledger in a backup."""
    return max(
        (each for each in place.rglob("*") if each.is_file()), key=lambda f: f.stat().st_size
    )


def no_ledger(place: Path) -> None:
    ledger_of(place).unlink()


def cut(place: Path) -> None:
    losing.alter(ledger_of(place), lambda data: data[:-1])


def other_bytes(place: Path) -> None:
    losing.alter(ledger_of(place), lambda data: data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize("harm", [no_ledger, cut])
def test_a_backup_that_lacks_something_is_listed_with_a_remark(
    plant: Plant, backups: Path, harm: Callable[[Path], None]
) -> None:
    taken = losing.take(plant, backups)
    harm(taken.folder)

    done = run(plant, "backup", backups, "--list")

    assert (done.exit_code, "NOT WHOLE" in done.stdout) == (OK, True)
    [each] = told(plant, "backup", backups, "--list")
    assert each["fault"].startswith(f"{taken.name}: ledger.sqlite3 is not ")
    assert f"passed over: {each['fault']}" in done.stderr


@pytest.mark.parametrize("harm", [no_manifest, broken, altered, no_ledger, cut, other_bytes])
def test_what_cannot_be_trusted_is_neither_counted_among_the_kept_nor_removed(
    plant: Plant, backups: Path, harm: Callable[[Path], None]
) -> None:
    oldest, older, bad = (losing.take(plant, backups) for _ in "abc")
    harm(bad.folder)

    said = told(plant, "backup", backups, "--keep", "2")

    assert said["pruned"] == [oldest.name]
    assert [each.partition(":")[0] for each in said["passed_over"]] == [bad.name]
    there = {each.name for each in backups.iterdir() if each.is_dir()}
    assert there == {older.name, bad.name, said["name"]}


def test_an_older_backup_is_never_restored_unasked_for_one_that_cannot_be_read(
    plant: Plant, backups: Path
) -> None:
    good, bad = losing.take(plant, backups), later(losing.take(plant, backups).folder, 1)
    broken(bad)
    lose(plant)

    done = run(plant, "restore", backups, "--skip-numbers", "0", *RESTORE)

    assert done.exit_code == CONFLICT
    assert all(name in done.stderr for name in (bad.name, good.name, "--at "))
    assert not ledger_file(plant).exists()


def test_an_older_backup_is_restored_by_the_moment_that_is_given_for_it(
    plant: Plant, backups: Path
) -> None:
    good = losing.take(plant, backups)
    broken(later(losing.take(plant, backups).folder, 1))
    lose(plant)
    at = good.manifest.at.isoformat()

    said = told(plant, "restore", backups, "--skip-numbers", "0", "--reason", "a drill", "--at", at)

    assert said["backup"] == good.name


def test_of_what_cannot_be_read_nothing_older_than_the_newest_stops_a_restore(
    plant: Plant, backups: Path
) -> None:
    broken(later(losing.take(plant, backups).folder, -1))
    good = losing.take(plant, backups)
    lose(plant)

    said = told(plant, "restore", backups, "--skip-numbers", "0", "--reason", "a drill")

    assert said["backup"] == good.name


def test_a_backup_of_another_name_that_cannot_be_read_stops_it_whatever_moment_is_asked_for(
    plant: Plant, backups: Path
) -> None:
    good = losing.take(plant, backups)
    nameless = losing.take(plant, backups).folder
    broken(nameless.rename(nameless.with_name("copy")))
    lose(plant)
    at = good.manifest.at.isoformat()

    done = run(plant, "restore", backups, "--skip-numbers", "0", "--at", at, *RESTORE)

    assert (done.exit_code, "move aside" in done.stderr) == (CONFLICT, True)
    assert "--at " not in done.stderr


KILLED = """
import os, signal, sys
from pathlib import Path
from jobs.settings import Settings
from jobs.wiring import Plant
from storage.backup import shelf, snapshot
from jobs.backup import restoring, taking

def die(*_): os.kill(os.getpid(), signal.SIGKILL)

what, folder, skip = sys.argv[1:]
plant = Plant(Settings.from_env(os.environ))
if what == "backup":
    shelf.publish = die
    taking.take(plant, Path(folder), who="t", why="t", keep=None, tell=lambda *_: None)
if what == "copied":
    restoring._plant = die
if what == "ready":
    snapshot.publish_sqlite = die
how = {"at": None, "skip": int(skip), "replace": False, "who": "t", "why": "t"}
wanted = restoring.Wanted(folder=Path(folder), **how)
restoring.restore(plant.settings, wanted, lambda *_: None)
"""


def killed(plant: Plant, what: str, folder: Path) -> None:
    """The process is gone in the middle of it."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, what, str(folder), "3"],
        env=dict(os.environ) | plant.settings.to_env(),
        cwd=Path(__file__).parents[3],
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_killed_backup_leaves_none_and_the_next_one_clears_it_away(
    plant: Plant, backups: Path
) -> None:
    killed(plant, "backup", backups)

    assert not shelf.look(backups).backups
    assert list(backups.glob(f"{shelf.TAKING}*"))
    told(plant, "backup", backups)
    assert len(shelf.look(backups).backups) == 1
    assert not list(backups.glob(f"{shelf.TAKING}*"))


# --- restoring ------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["copied", "ready"])
def test_a_killed_restore_leaves_no_ledger_and_the_same_again_does(
    plant: Plant, backups: Path, when: str
) -> None:
    losing.take(plant, backups)
    lose(plant)

    killed(plant, when, backups)

    assert not ledger_file(plant).exists()
    losing.restore(plant.settings, backups)
    with Plant(plant.settings).ledger.read() as tx:
        assert tx.run(select(func.count()).select_from(t.registration)).scalar_one() == 3


def test_the_newest_backup_of_that_time_or_before_is_taken(plant: Plant, backups: Path) -> None:
    first = losing.take(plant, backups)
    approve(plant, 4)
    work(plant)
    losing.take(plant, backups)
    lose(plant)

    said = told(
        plant, "restore", backups, "--skip-numbers", "1", "--reason", "a drill",
        "--at", first.manifest.at.isoformat(),
    )  # fmt: skip

    assert said["backup"] == first.name
    assert (said["strays"], said["registrations_made_since"]) == (1, 1)


def test_of_a_time_before_all_backups_there_is_none(plant: Plant, backups: Path) -> None:
    taken = losing.take(plant, backups)
    lose(plant)
    before = (taken.manifest.at - timedelta(seconds=1)).isoformat()

    done = run(plant, "restore", backups, "--skip-numbers", "0", "--at", before, *RESTORE)

    assert done.exit_code == NOT_FOUND


ALTERED: dict[str, Callable[[Path], None]] = {
    "a bit of the ledger": lambda at: losing.alter(
        at / "ledger.sqlite3", lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]
    ),
    "the ledger is shorter": lambda at: losing.alter(at / "ledger.sqlite3", lambda d: d[:-4096]),
    "a certificate": lambda at: losing.alter(
        next(at.glob("keyring/**/signing.pem")), lambda data: data + b"\n"
    ),
    "the manifest": lambda at: losing.alter(
        at / manifest.FILE,
        lambda data: data.replace(b'"revision": "0', b'"revision" : "0').replace(
            b'"program": "0', b'"program": "1'
        ),
    ),
    "a file is gone": lambda at: (at / "ledger.sqlite3").unlink(),
}


@pytest.mark.parametrize("what", ALTERED)
def test_a_backup_that_was_altered_is_refused_and_nothing_is_touched(
    plant: Plant, backups: Path, what: str
) -> None:
    ALTERED[what](losing.take(plant, backups).folder)
    plant.ledger.engine.dispose()
    before = state_of(plant.settings.data_dir)

    done = run(plant, "restore", backups, "--skip-numbers", "9", "--replace", *RESTORE)

    assert done.exit_code == REFUSED, done.stderr
    assert state_of(plant.settings.data_dir) == before


def test_where_a_ledger_is_nothing_is_put_over_it(plant: Plant, backups: Path) -> None:
    losing.take(plant, backups)
    plant.ledger.engine.dispose()
    before = state_of(plant.settings.data_dir)

    done = run(plant, "restore", backups, "--skip-numbers", "0", *RESTORE)

    assert (done.exit_code, "--replace" in done.stderr) == (CONFLICT, True)
    assert state_of(plant.settings.data_dir) == before


def test_with_replace_the_former_ledger_is_moved_aside(plant: Plant, backups: Path) -> None:
    losing.take(plant, backups)
    approve(plant, 4)
    plant.ledger.engine.dispose()

    said = told(
        plant, "restore", backups, "--skip-numbers", "1", "--replace", "--reason", "a drill"
    )

    with (
        sqlite3.connect(said["former_ledger"]) as former,
        sqlite3.connect(ledger_file(plant)) as now,
    ):
        counted = "SELECT count(*) FROM registration"
        assert former.execute(counted).fetchone() == (4,)
        assert now.execute(counted).fetchone() == (3,)


def test_a_factory_that_works_keeps_its_ledger(plant: Plant, backups: Path) -> None:
    losing.take(plant, backups)
    with plant.ledger.write(WHO) as tx:
        care.take_singleton(tx, "steward", "somebody", lease=timedelta(minutes=1))

    done = run(plant, "restore", backups, "--skip-numbers", "0", "--replace", *RESTORE)

    assert (done.exit_code, "at work" in done.stderr) == (CONFLICT, True)


def test_without_its_master_key_a_ledger_is_not_restored(plant: Plant, backups: Path) -> None:
    losing.take(plant, backups)
    lose(plant)
    file = plant.settings.keyring_dir / "master.json"
    keys = json.loads(file.read_text())
    file.write_text(json.dumps(keys | {"keys": {"1": "ab" * 32}}))

    done = run(plant, "restore", backups, "--skip-numbers", "0", *RESTORE)

    assert (done.exit_code, "master.json" in done.stderr) == (NOT_SET_UP, True)
    assert not ledger_file(plant).exists()


def test_without_an_identity_that_is_still_needed_it_is_not_either(
    plant: Plant, backups: Path
) -> None:
    approve(plant, 4)  # not made yet
    losing.take(plant, backups)
    lose(plant)
    home = plant.settings.keyring_dir / "identities" / specimen.PROFILE
    home.rename(home.with_name("elsewhere"))

    done = run(plant, "restore", backups, "--skip-numbers", "0", *RESTORE)

    assert (done.exit_code, specimen.PROFILE in done.stderr) == (NOT_SET_UP, True)
    assert not ledger_file(plant).exists()


def test_a_file_that_is_gone_from_the_store_is_told(plant: Plant, backups: Path) -> None:
    losing.take(plant, backups)
    lose(plant)
    gone = next(key for key in plant.store.list() if "certificate" in key)
    plant.store.delete(gone)

    done = run(plant, "restore", backups, "--skip-numbers", "0", *RESTORE)

    assert done.exit_code == REFUSED
    said = json.loads(done.stdout)
    assert (said["missing"], said["lacking"]) == ([gone], 1)


def test_files_of_who_was_erased_since_are_not_missing_and_others_are(
    plant: Plant, backups: Path
) -> None:
    assert submit(plant, specimen.cancelled(1)).status is Status.ACCEPTED
    work(plant)
    losing.take(plant, backups)
    with plant.ledger.read() as tx:
        [holder] = tx.run(
            select(t.registration.c.holder_id).where(t.registration.c.id == 1)
        ).scalars()
    erasing.erase(plant, holder, who=WHO, ground=Ground.REQUEST, why="on request")
    lose(plant)
    gone = next(key for key in plant.store.list() if "certificate" in key)
    plant.store.delete(gone)

    done = run(plant, "restore", backups, "--skip-numbers", "0", *RESTORE)

    said = json.loads(done.stdout)
    assert said["erased_again"] == [holder]
    assert (said["missing"], said["lacking"]) == ([gone], 1)


# --- numbers --------------------------------------------------------------------------------------


def test_fewer_numbers_than_the_store_shows_are_refused(plant: Plant, backups: Path) -> None:
    losing.take(plant, backups)
    for seed in (4, 5):
        approve(plant, seed)
    work(plant)
    lose(plant)

    done = run(plant, "restore", backups, "--skip-numbers", "1", *RESTORE)

    assert (done.exit_code, "2 registrations" in done.stderr) == (CONFLICT, True)
    assert not ledger_file(plant).exists()


def test_numbers_that_were_only_promised_are_given_to_nobody_else(
    plant: Plant, backups: Path
) -> None:
    losing.take(plant, backups)
    promised = [approve(plant, seed).registration for seed in (4, 5)]  # nothing is made of it
    lose(plant)

    losing.restore(plant.settings, backups, skip=2)

    restored = Plant(plant.settings)
    now = [approve(restored, seed).registration for seed in (5, 4)]
    assert set(now).isdisjoint(promised)
    work(restored)
    assert series.look(restored, Scope()).findings == ()


def test_every_series_that_a_factory_draws_from_is_known(plant: Plant, backups: Path) -> None:
    in_two_formats.approve(plant, 7)
    work(plant)
    losing.take(plant, backups)
    drawn = next_numbers(plant)
    lose(plant)

    losing.restore(plant.settings, backups, skip=50)

    now = next_numbers(Plant(plant.settings))
    assert all(now[name] >= upto + 50 for name, upto in drawn.items())


def test_where_nothing_came_since_no_number_is_passed_over(plant: Plant, backups: Path) -> None:
    losing.take(plant, backups)
    drawn = {name: upto for name, upto in next_numbers(plant).items() if "/" in name}
    lose(plant)

    losing.restore(plant.settings, backups)

    now = next_numbers(Plant(plant.settings))
    assert {name: upto for name, upto in now.items() if "/" in name} == drawn
