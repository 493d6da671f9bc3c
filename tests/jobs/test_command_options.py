"""What every command takes as a path and as a number: an empty one and nan are wrong usage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cli
from jobs.commands.options import Finite, Place
from jobs.commands.root import Later

USAGE = 2


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        known = group.get_command(context, name)
        command = known.found() if isinstance(known, Later) else known
        assert command is not None
        yield " ".join((*before, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


PARAMS = [
    pytest.param(each, id=f"{name} {each.name}")
    for name, command in commands(cli.main)
    for each in command.params
    if isinstance(each.type, click.Path | click.types.FloatParamType)
]


@pytest.mark.parametrize("param", PARAMS)
def test_every_path_that_need_not_be_there_and_every_fraction_is_of_the_types_that_refuse(
    param: click.Parameter,
) -> None:
    kind = param.type

    assert isinstance(kind, Place | Finite) or (isinstance(kind, click.Path) and kind.exists)


@pytest.mark.parametrize(
    "words",
    [
        ("backup", ""),
        ("backup", "", "--list"),
        ("restore", "", "--skip-numbers", "0", "--reason", "a drill"),
        ("audit", "head", "--save", ""),
        ("demo", "--out", ""),
        ("verify", ""),
        ("preview", "certificate", "--out", ""),
        ("drill", "--minutes", "nan"),
        ("drill", "--minutes", "inf"),
        ("recheck", "--sample", "nan"),
        ("recheck", "--sample", "inf"),
    ],
)
def test_an_empty_path_and_no_finite_number_are_wrong_usage_and_nothing_is_written(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    done = CliRunner(env={"FACTORY_DATA_DIR": str(tmp_path / "data")}).invoke(cli.main, words)

    assert (done.exit_code, list(tmp_path.iterdir())) == (USAGE, [])


def test_a_path_that_is_not_there_yet_is_taken() -> None:
    assert Place(file_okay=False).convert("new", None, None) == Path("new")


@pytest.mark.parametrize("text", ["0.05", "1e3"])
def test_a_finite_number_within_its_range_is_taken(text: str) -> None:
    assert Finite(min=0.05).convert(text, None, None) == float(text)
