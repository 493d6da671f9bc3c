"""Access keys are issued, listed and revoked at the keyboard; a key is shown once."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli
from factory import access_keys
from jobs import callers
from jobs.callers import Credentials
from jobs.wiring import Plant
from tests.plants import PROFILE, SOURCE, new_plant

OK, USAGE, NOT_SET_UP, NOT_FOUND, CONFLICT = 0, 2, 3, 4, 5


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return new_plant(tmp_path / "data", f"sqlite:///{tmp_path}/data/ledger.sqlite3")


def run(plant: Plant, *words: str) -> Result:
    env = {"FACTORY_DATA_DIR": str(plant.settings.data_dir), "FACTORY_TIME_STAMPS": "off"}
    return CliRunner(env=env).invoke(cli.main, ["keys", *words])


def done(plant: Plant, *words: str) -> Any:
    found = run(plant, *words, "--json")
    assert found.exit_code == OK, found.stderr
    return json.loads(found.stdout)


def test_a_key_for_programs_opens_the_door(plant: Plant) -> None:
    issued = done(plant, "issue", SOURCE, "--scope", "read", "--scope", "submit", "--days", "30")

    with plant.ledger.read() as tx:
        now = tx.now
    brought = Credentials(
        authorization=f"Bearer {issued['token']}", method="GET", target="/v1/events/1"
    )
    found = callers.recognise(plant, brought, now=now)
    assert (found.key, found.source, sorted(found.scopes)) == (
        issued["key"], SOURCE, ["read", "submit"],
    )  # fmt: skip
    assert issued["profiles"] == [PROFILE]


def test_a_key_alone_stands_on_standard_output(plant: Plant) -> None:
    found = run(plant, "issue", SOURCE)

    (line,) = found.stdout.splitlines()
    assert access_keys.TOKEN.fullmatch(line)
    assert line[25:] not in found.stderr
    assert "it is not shown again" in found.stderr


def test_the_list_shows_no_secret(plant: Plant) -> None:
    token = run(plant, "issue", SOURCE, "--label", "site-two").stdout.strip()

    table, rows = run(plant, "issued").stdout, done(plant, "issued")

    assert "site-two" in table
    assert "有效" in table
    assert (rows[0]["state"], rows[0]["source"], rows[0]["last_used"]) == ("active", SOURCE, None)
    assert token[21:85] not in f"{table} {rows}"


def test_a_revoked_key_is_listed_as_such(plant: Plant) -> None:
    key = done(plant, "issue", SOURCE)["key"]

    found = run(plant, "revoke", key, "--reason", "lost")

    assert (found.exit_code, found.stdout) == (
        OK, f"access key {key} of {SOURCE} opens nothing any more\n",
    )  # fmt: skip
    assert "已吊销" in run(plant, "issued").stdout
    assert run(plant, "revoke", key, "--reason", "lost").exit_code == CONFLICT


def test_a_third_key_says_how_to_go_on(plant: Plant) -> None:
    first = done(plant, "issue", SOURCE)["key"]
    done(plant, "issue", SOURCE)

    found = run(plant, "issue", SOURCE)

    assert found.exit_code == CONFLICT
    assert f"revoke the oldest, {first}" in " ".join(found.stderr.split())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("issue", "urn:example:nobody"), NOT_SET_UP, "certfactory sources grant"),
        (("issue", SOURCE, "--profile", "no-such"), NOT_SET_UP, "may not submit for no-such"),
        (("issue", SOURCE, "--scope", "everything"), USAGE, "'everything' is not one of"),
        (("issue", SOURCE, "--days", "0"), USAGE, "1<=x<=1096"),
        (("issue", SOURCE, "--label", "Two Words"), USAGE, "small letters"),
        (("revoke", "0" * 16, "--reason", "lost"), NOT_FOUND, "none of that key id"),
        (("revoke", "0" * 16), USAGE, "--reason"),
    ],
)
def test_what_cannot_be_done_is_told(
    plant: Plant, words: tuple[str, ...], code: int, said: str
) -> None:
    found = run(plant, *words)

    assert found.exit_code == code
    assert said in " ".join(found.stderr.split())
