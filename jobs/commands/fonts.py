"""`fonts`: which characters can be printed, and fonts for those that cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from factory.errors import NotFoundError
from factory.page import fontfile
from jobs import desk, fonts
from jobs.commands import machine
from jobs.commands.exits import REFUSED
from jobs.commands.options import TEXT, Place, json_option
from jobs.commands.output import local_time, out, plain, print_json, print_table


@click.group("fonts")
def fonts_group() -> None:
    """Which characters can be printed, and fonts for those that cannot."""


@fonts_group.command("add")
@click.argument("file", type=Place(dir_okay=False))
@click.option(
    "--face", default=0, type=click.IntRange(0), show_default=True,
    help="Which face of a collection (.ttc), counted from 0.",
)  # fmt: skip
@click.option("--retry", is_flag=True, help="Retry at once every hold that the font cures.")
@json_option
def add(file: Path, face: int, retry: bool, as_json: bool) -> None:
    """Give a TrueType font (.ttf, .ttc) to every worker; it prints what no other face prints.

    Nothing that could be printed before looks different. Says which holds it cures.
    """
    plant, who = machine.plant(), machine.who()
    added = fonts.add(plant, _read(file), face=face, who=who)
    moved = [
        desk.retry(plant, hold, who=who, why=f"font {added.name} was added")
        for hold in added.retriable
        if retry
    ]
    if as_json:
        print_json(plain(added) | {"retriable": list(added.retriable), "retried": plain(moved)})
    else:
        _show_added(added, retried=retry)


def _read(file: Path) -> bytes:
    """The file, unless it is larger than may be; NotFoundError: it cannot be read."""
    try:
        fontfile.check_size(file.stat().st_size)
        return file.read_bytes()
    except OSError as error:
        raise NotFoundError(f"{file}: {error.strerror}") from error


def _show_added(added: fonts.Addition, *, retried: bool) -> None:
    became = "added, for every worker" if added.new else "was added before, nothing changed"
    out.print(f"{added.name} (face {added.face}, sha256 {added.sha256[:12]}): {became}")
    if not added.cures:
        out.print("no open hold waits for a character of it")
    for each in added.cures:
        out.print(f"hold {each.hold} ({', '.join(each.code_points)}): {_advice(each, retried)}")


def _advice(cured: fonts.Cured, retried: bool) -> str:
    if cured.lacking:
        return f"no face prints {', '.join(cured.lacking)} yet"
    return "retried" if retried else f"certfactory held retry {cured.hold}"


@fonts_group.command("list")
@json_option
def list_(as_json: bool) -> None:
    """The faces that workers print with, in the order in which they are asked."""
    found = fonts.listed(machine.plant())
    if as_json:
        print_json(list(found))
    else:
        print_table(
            ("name", "style", "from", "face", "bytes", "sha256", "added", "by"),
            (
                (f.name, ", ".join(f.styles), f.origin, f.face, f.size_bytes,
                 (f.sha256 or "")[:12], local_time(f.added_at) if f.added_at else "", f.added_by)
                for f in found
            ),
        )  # fmt: skip


@fonts_group.command("coverage")
@click.argument("text", required=False, type=TEXT)
@click.option(
    "--text-from-stdin", is_flag=True,
    help="Read the text from standard input: a name does not stay in the shell's history.",
)  # fmt: skip
@json_option
def coverage(text: str | None, text_from_stdin: bool, as_json: bool) -> None:
    """Which face prints each character of TEXT; exit code 1 if one cannot be printed."""
    if (text is None) != text_from_stdin:
        raise click.UsageError("give TEXT, or --text-from-stdin")
    found = fonts.coverage(machine.plant(), _stdin_text() if text is None else text)
    if as_json:
        print_json(list(found))
    else:
        print_table(
            ("code point", "", "face"),
            ((c.code_point, c.character, c.face or f"none: {c.refusal}") for c in found),
        )
    if any(each.face is None for each in found):
        sys.exit(REFUSED)


def _stdin_text() -> str:
    """Standard input without its line ends."""
    given = sys.stdin.buffer.read()
    try:
        return "".join(given.decode("utf-8").splitlines())
    except UnicodeDecodeError:
        raise click.UsageError("standard input is not UTF-8 text") from None
