"""What a key has sealed can be listed, so that it can be issued anew when the key is lost."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

import cli
from factory import specimen
from factory.errors import FieldError, NotFoundError
from factory.model import ChunkId
from jobs import line, sealed_by
from jobs.commands.exits import NOT_FOUND, REFUSED
from jobs.sealed_by import Asked, Sealed
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import proofs
from storage.ledger.proofs import NextStep
from tests.jobs.bulking import rename_to, started
from tests.plants import PROFILE, WHO, open_chunks, submit
from tests.telling import whole_factory

USAGE = 2
STAMPED = "5" * 64  #: the digest of a file that was stamped later
TODAY = datetime.now(UTC).date()
OLD = TODAY - timedelta(days=100)


@pytest.fixture(params=["sqlite", "postgresql"])
def plant(request: pytest.FixtureRequest, tmp_path: Path, s3: Settings) -> Plant:
    """Two certificates that are made; the first of them long ago."""
    found = whole_factory(tmp_path, s3, db_url=request.getfixturevalue(f"{request.param}_db_url"))
    for seed in (1, 2):
        submit(found, specimen.approved(seed) | {"source": "urn:certfactory:operations"})
    produce(found)
    c = t.file.c
    with found.ledger.write(WHO) as tx:
        tx.run(
            update(t.file)
            .where(c.edition_id == 1)
            .values(made_at=datetime.combine(OLD, datetime.min.time(), UTC))
        )
    return found


def produce(plant: Plant) -> None:
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def stamp_later(plant: Plant, sha256: str) -> None:
    """One of them was released without a stamp, and gets it today."""
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.file).where(t.file.c.sha256 == sha256).values(awaits=proofs.STAMP))
    with plant.ledger.write(WHO) as tx:
        [found] = proofs.awaiting(tx, most=2)
        step = NextStep(
            of=found,
            object_key=f"{found.key_stem}.1-{STAMPED[:16]}.pdf",
            sha256=STAMPED,
            size_bytes=1,
            proved_until="2031-01-01",
        )
        assert proofs.add(tx, [step], why="a test") == 1


def fingerprint(plant: Plant) -> str:
    [found] = [
        each.fingerprint
        for each in plant.keyring.identities()
        if (each.name, each.format) == (PROFILE, "pdf")
    ]
    return found


def made(found: list[Sealed]) -> int:
    return sum(count.files for each in found for count in each.counts)


def run(plant: Plant, *words: str) -> Result:
    env = plant.settings.to_env()
    return CliRunner(env=env).invoke(cli.main, ("keys", "sealed", *words))


def test_an_identity_tells_what_its_certificates_sealed(plant: Plant) -> None:
    found = sealed_by.sealed(plant, Asked(key=PROFILE))

    by_cert = {each.certificate: made([each]) for each in found}
    assert by_cert[fingerprint(plant)] == made(found) == 2
    [count] = [count for each in found for count in each.counts]
    assert (count.profile, count.kind, count.format, count.state) == (
        PROFILE, "certificate", "pdf", "uncollected",
    )  # fmt: skip


def test_so_does_the_fingerprint_of_one_that_the_keyring_no_longer_has(plant: Plant) -> None:
    [found] = sealed_by.sealed(plant, Asked(key=fingerprint(plant)[:8].upper()))

    assert (found.certificate, made([found])) == (fingerprint(plant), 2)


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [
        (None, None, 2),
        (OLD, None, 2),
        (OLD + timedelta(days=1), None, 1),
        (None, OLD, 1),
        (None, OLD - timedelta(days=1), 0),
        (OLD, OLD, 1),
    ],
)
def test_days_bound_what_is_told(
    plant: Plant, since: date | None, until: date | None, count: int
) -> None:
    assert made(sealed_by.sealed(plant, Asked(key=PROFILE, since=since, until=until))) == count


def test_an_edition_that_another_took_the_place_of_is_told_and_needs_no_new_one(
    plant: Plant,
) -> None:
    before = list(sealed_by.standing(plant, Asked(key=PROFILE)))
    started(
        plant, rename_to("上海示例建设集团股份有限公司") | {"source": "urn:certfactory:operations"}
    )
    produce(plant)

    found = list(sealed_by.listed(plant, Asked(key=PROFILE)))

    superseded = [each for each in found if each.state == "superseded"]
    assert (len(before), len(found), len(superseded)) == (2, 3, 1)
    assert sorted(sealed_by.standing(plant, Asked(key=PROFILE))) == sorted(before)
    assert list(sealed_by.standing(plant, Asked(key=PROFILE, until=OLD))) != before


def test_a_file_that_is_stamped_later_was_sealed_once_on_the_day_of_its_seal(plant: Plant) -> None:
    before = list(sealed_by.listed(plant, Asked(key=PROFILE)))

    stamp_later(plant, before[0].sha256)

    after = list(sealed_by.listed(plant, Asked(key=PROFILE)))
    assert made(sealed_by.sealed(plant, Asked(key=PROFILE))) == len(after) == 2
    assert after == [replace(before[0], sha256=STAMPED), before[1]]
    assert list(sealed_by.listed(plant, Asked(key=PROFILE, until=OLD))) == after[:1]
    assert list(sealed_by.listed(plant, Asked(key=PROFILE, since=TODAY))) == after[1:]


@pytest.mark.parametrize("key", ["nobody", "0123456789abcdef"])
def test_a_key_that_nobody_knows_is_not_found(plant: Plant, key: str) -> None:
    with pytest.raises(NotFoundError, match="key"):
        sealed_by.sealed(plant, Asked(key=key))


def test_a_few_digits_say_no_certificate(plant: Plant) -> None:
    with pytest.raises(FieldError, match="8 hex digits"):
        sealed_by.sealed(plant, Asked(key=fingerprint(plant)[:7]))


def test_days_the_wrong_way_round_are_refused(plant: Plant) -> None:
    with pytest.raises(FieldError, match="first day"):
        sealed_by.sealed(plant, Asked(key=PROFILE, since=TODAY, until=OLD))


# --- the command ------------------------------------------------------------------------------


def test_the_command_writes_what_a_reissue_reads(plant: Plant, tmp_path: Path) -> None:
    told, table = tmp_path / "numbers.txt", tmp_path / "sealed.csv"

    done = run(plant, PROFILE, "--numbers", str(told), "--csv", str(table), "--json")

    said: Any = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert sum(count["files"] for each in said for count in each["counts"]) == 2
    assert "2 registrations" in done.stderr
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8"))))
    assert [row["registration"] for row in rows] == told.read_text("utf-8").split()
    assert specimen.approved(1)["data"]["holder"]["name"] not in done.output + table.read_text()

    anew = CliRunner(env=plant.settings.to_env()).invoke(
        cli.main, ("reissue", "--from", str(told), "--reason", "the key is lost", "--json")
    )
    assert anew.exit_code == 0, anew.output


def test_a_table_is_shown_to_people(plant: Plant) -> None:
    shown = run(plant, PROFILE).stdout

    assert fingerprint(plant) in shown and "uncollected" in shown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("nobody", NOT_FOUND),
        ("abc", REFUSED),
        (f"{PROFILE} --since {TODAY} --until {OLD}", REFUSED),
        (f"{PROFILE} --since yesterday", USAGE),
        (f"{PROFILE} --csv - --json", USAGE),
        (f"{PROFILE} --csv - --numbers -", USAGE),
        (f"{PROFILE} --csv /nowhere/at/all.csv", USAGE),
        (f"{PROFILE} --numbers -", 0),
    ],
)
def test_what_cannot_be_asked_exits_with_its_code(plant: Plant, words: str, code: int) -> None:
    assert run(plant, *words.split()).exit_code == code
