"""Who approves proves it by a token's file; operators are added and withdrawn at the keyboard."""

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

import cli
from factory.errors import ForbiddenError, SettingsError
from jobs import opening, operators
from jobs.commands.options import token_option
from jobs.operators import Operator
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from tests.plants import WHO, new_plant

OK, REFUSED, USAGE, NOT_SET_UP, NOT_FOUND, CONFLICT = 0, 1, 2, 3, 4, 5
NAME = "clerk-one"


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return new_plant(tmp_path / "data", f"sqlite:///{tmp_path}/data/ledger.sqlite3")


@pytest.fixture
def token_file(plant: Plant, tmp_path: Path) -> Path:
    """The file of an operator who was added."""
    file = tmp_path / "token"
    operators.write_token(file, plant, NAME, who=WHO, days=30)
    return file


def run(plant: Plant, *words: str) -> Result:
    env = {"FACTORY_DATA_DIR": str(plant.settings.data_dir), "FACTORY_TIME_STAMPS": "off"}
    return CliRunner(env=env).invoke(cli.main, ["keys", "operators", *words])


def done(plant: Plant, *words: str) -> Any:
    found = run(plant, *words, "--json")
    assert found.exit_code == OK, found.stderr
    return json.loads(found.stdout)


def audited(plant: Plant) -> list[tuple[str, str, str]]:
    """(action, whose token, by whom), oldest first."""
    c = t.audit.c
    wanted = select(c.action, c.object_id, c.who).where(c.object_kind == "operator").order_by(c.id)
    with plant.ledger.read() as tx:
        return [tuple(row) for row in tx.run(wanted)]


# --- who it is --------------------------------------------------------------------------------


def test_a_tokens_file_says_who_it_is(plant: Plant, token_file: Path) -> None:
    found = operators.authenticated(plant, token_file)

    assert found == Operator(name=NAME)
    assert found.who == f"operator:{NAME}"


def test_without_a_file_it_is_nobody(plant: Plant) -> None:
    assert operators.authenticated(plant, None) is None


def test_the_setting_names_the_file_where_no_option_does(plant: Plant, token_file: Path) -> None:
    told = Plant(replace(plant.settings, operator_token_file=token_file))

    assert operators.authenticated(told, None) == Operator(name=NAME)


def test_the_option_goes_before_the_setting(plant: Plant, token_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    operators.write_token(other, plant, "clerk-two", who=WHO, days=30)
    told = Plant(replace(plant.settings, operator_token_file=other))

    assert operators.authenticated(told, token_file) == Operator(name=NAME)


def test_the_setting_is_read_from_the_environment(tmp_path: Path) -> None:
    told = Settings.from_env({"FACTORY_OPERATOR_TOKEN_FILE": str(tmp_path / "token")})

    assert told.operator_token_file == tmp_path / "token"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o777])
def test_a_file_that_others_can_open_proves_nothing(
    plant: Plant, token_file: Path, mode: int
) -> None:
    token_file.chmod(mode)

    with pytest.raises(SettingsError, match="is open to others, chmod 600"):
        operators.authenticated(plant, token_file)


def test_a_file_that_the_owner_can_only_read_is_taken(plant: Plant, token_file: Path) -> None:
    token_file.chmod(0o400)

    assert operators.authenticated(plant, token_file) == Operator(name=NAME)


@pytest.mark.parametrize("text", ["", "\n", " \n\n"])
def test_an_empty_file_is_refused(plant: Plant, token_file: Path, text: str) -> None:
    token_file.write_text(text)

    with pytest.raises(SettingsError, match="is empty"):
        operators.authenticated(plant, token_file)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(mode=0o700), "Is a directory|no regular file"),
        (lambda path: os.mkfifo(path, 0o600), "no regular file"),
    ],
    ids=["absent", "folder", "pipe"],
)
def test_what_is_no_file_is_refused(
    plant: Plant, tmp_path: Path, make: Callable[[Path], Any], rule: str
) -> None:
    make(tmp_path / "there")

    with pytest.raises(SettingsError, match=rule):
        operators.authenticated(plant, tmp_path / "there")


def test_a_mistyped_token_is_refused_without_repeating_it(plant: Plant, token_file: Path) -> None:
    token = token_file.read_text().strip()
    wrong = token[:40] + ("0" if token[40] != "0" else "1") + token[41:]
    token_file.write_text(wrong)

    with pytest.raises(SettingsError, match="a character is wrong") as refused:
        operators.authenticated(plant, token_file)
    assert wrong[13:30] not in str(refused.value)


@pytest.mark.parametrize("data", [b"\xff" * 20, b"x" * 100_000, b"op_clerk-one_0\nop_clerk-two_0"])
def test_a_file_with_something_else_is_refused(plant: Plant, token_file: Path, data: bytes) -> None:
    token_file.write_bytes(data)

    with pytest.raises(SettingsError, match="is not written"):
        operators.authenticated(plant, token_file)


def test_a_withdrawn_operator_is_refused(plant: Plant, token_file: Path) -> None:
    operators.withdraw(plant, NAME, who=WHO, why="left the office")

    with pytest.raises(ForbiddenError, match="withdrawn"):
        operators.authenticated(plant, token_file)


def test_an_expired_token_is_refused(plant: Plant, token_file: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=31)
    issued = plant.keyring.operators.add("clerk-two", now=long_ago, days=30)
    token_file.write_text(issued.token)

    with pytest.raises(ForbiddenError, match="expired"):
        operators.authenticated(plant, token_file)


def test_a_token_of_another_keyring_is_refused(plant: Plant, tmp_path: Path) -> None:
    elsewhere = new_plant(tmp_path / "other", f"sqlite:///{tmp_path}/other/ledger.sqlite3")
    file = tmp_path / "token"
    operators.write_token(file, elsewhere, NAME, who=WHO, days=30)
    operators.add(plant, NAME, who=WHO)

    with pytest.raises(ForbiddenError, match="no operator of this keyring"):
        operators.authenticated(plant, file)


def test_the_embedded_default_makes_no_operator(plant: Plant) -> None:
    opening.make_test_keyring(plant)

    assert operators.tokens(plant) == []


def test_a_command_with_the_option_is_given_the_file(plant: Plant, token_file: Path) -> None:
    @click.command()
    @token_option
    def approve(token_file: Path | None) -> None:
        click.echo(repr(operators.authenticated(plant, token_file)))

    assert NAME in CliRunner().invoke(approve, ["--token-file", str(token_file)]).stdout
    assert CliRunner().invoke(approve, []).stdout == "None\n"


# --- at the keyboard --------------------------------------------------------------------------


def test_a_token_is_written_to_a_file_that_its_owner_alone_reads(
    plant: Plant, tmp_path: Path
) -> None:
    file = tmp_path / "token"

    shown = run(plant, "add", NAME, "-o", str(file))

    assert shown.exit_code == OK, shown.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "op_" not in shown.output
    assert operators.authenticated(plant, file) == Operator(name=NAME)


def test_a_token_is_printed_once_where_no_file_is_named(plant: Plant, tmp_path: Path) -> None:
    shown = run(plant, "add", NAME, "--days", "7")

    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(shown.stdout)
    assert operators.authenticated(plant, file) == Operator(name=NAME)
    assert shown.stdout.strip() not in run(plant, "list").output
    assert "not shown again" in shown.stderr


def test_a_file_that_is_there_is_kept_and_no_token_made(plant: Plant, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("something else")

    refused = run(plant, "add", NAME, "-o", str(file))

    assert refused.exit_code == NOT_SET_UP
    assert file.read_text() == "something else"
    assert done(plant, "list") == []
    assert audited(plant) == []


def test_a_token_that_was_not_made_leaves_no_file(plant: Plant, tmp_path: Path) -> None:
    (plant.settings.keyring_dir / "operators").write_text("in the way")
    file = tmp_path / "token"

    refused = run(plant, "add", NAME, "-o", str(file))

    assert refused.exit_code == NOT_SET_UP
    assert not file.exists()
    assert audited(plant) == []


def test_the_list_says_how_each_token_stands(plant: Plant) -> None:
    done(plant, "add", NAME)
    done(plant, "withdraw", NAME)
    done(plant, "add", NAME, "--days", "7")

    found = done(plant, "list")

    assert [(each["operator"], each["state"]) for each in found] == [
        (NAME, "withdrawn"),
        (NAME, "active"),
    ]
    assert set(found[0]) == {"operator", "token", "state", "created", "expires", "withdrawn"}
    assert "已停用" in run(plant, "list").stdout


def test_adding_again_says_which_token_it_withdraws(plant: Plant) -> None:
    first, _, third = (done(plant, "add", NAME) for _ in range(3))

    assert first["withdrawn"] == []
    assert third["withdrawn"] == [done(plant, "list")[0]["token"]]


def test_help_says_how_tokens_are_changed(plant: Plant) -> None:
    assert "at most 2 of an operator's tokens" in " ".join(run(plant, "add", "-h").stdout.split())


def test_adding_and_withdrawing_are_in_the_audit_log_with_their_account(plant: Plant) -> None:
    for words in (("add", NAME), ("add", "clerk-two"), ("withdraw", NAME)):
        done(plant, *words)

    rows = audited(plant)

    assert [(action, whose) for action, whose, _ in rows] == [
        ("operator token added", NAME),
        ("operator token added", "clerk-two"),
        ("operator token withdrawn", NAME),
    ]
    assert all(who.startswith("cli:") for *_, who in rows)


def test_the_audit_log_has_no_token(plant: Plant) -> None:
    token = done(plant, "add", NAME)["token"]

    with plant.ledger.read() as tx:
        kept = repr(tx.run(select(t.audit)).all())

    assert token.removeprefix(f"op_{NAME}_")[:16] not in kept


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "Clerk"), USAGE),
        (("add", "two words"), USAGE),
        (("add", NAME, "--days", "0"), USAGE),
        (("add", NAME, "--days", "1097"), USAGE),
        (("withdraw", "nobody"), NOT_FOUND),
        (("withdraw", "../x"), USAGE),
    ],
)
def test_wrong_input_ends_with_its_code(plant: Plant, words: tuple[str, ...], code: int) -> None:
    assert run(plant, *words).exit_code == code
    assert audited(plant) == []


def test_who_is_withdrawn_already_is_told_so(plant: Plant) -> None:
    done(plant, "add", NAME)
    done(plant, "withdraw", NAME)

    assert run(plant, "withdraw", NAME).exit_code == CONFLICT
