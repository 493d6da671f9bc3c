"""`personal`: what is known of a person, handed out, sealed anew, or erased by rule (个人信息)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from factory.errors import ConflictError, FieldError
from factory.retention import Ground
from jobs import expiring
from jobs.commands import machine
from jobs.commands.asking import MAX_PAPER
from jobs.commands.exits import CONFLICT, REFUSED
from jobs.commands.files import read_words
from jobs.commands.options import REASON, TEXT, json_option, reason_option
from jobs.commands.output import err, out, print_json, print_table
from jobs.personal import again, erasing, exporting, finding, rekeying
from jobs.personal.erasing import Erased, Outlook
from jobs.wiring import Plant

BY_RULE = "its time is over (retention.due_years)"
PAPER = (
    click.option(
        "--paper", type=click.File("r", encoding="utf-8"),
        help="Instead of HOLDER: file with the number of their identity paper (证件号), - for"
        " standard input; with --profile.  It is never an argument.",
    ),
    click.option(
        "--paper-type", type=TEXT, default="111", show_default=True,
        help="Kind of that identity paper (证件类型), GB/T 36903: 111 is 居民身份证.",
    ),
    click.option("--profile", type=TEXT, help="Of this register."),
)  # fmt: skip


def meaning(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that say who is meant without a number of theirs."""
    for option in reversed(PAPER):
        command = option(command)
    return command


@click.group("personal")
def personal_group() -> None:
    """What is known of a person: handed out, sealed anew, erased by rule (个人信息).

    HOLDER is a registration number, an acceptance number (受理编号), or holder-17 as these
    commands call the rows of the ledger.
    """


@personal_group.command("erase")
@click.argument("holder", metavar="[HOLDER]", required=False)
@meaning
@click.option("--due", is_flag=True, help="Everybody who is due by the rules of the registers.")
@click.option("--again", "is_again", is_flag=True,
    help="Everybody erased before whom a restored backup has brought back.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be erased, or why not; do nothing.")
@click.option("--reason", type=REASON, help="Why; it is kept in the audit log, and names nobody.")
@json_option
def erase_command(
    holder: str | None,
    due: bool,
    is_again: bool,
    dry_run: bool,
    reason: str | None,
    as_json: bool,
    **who: Any,
) -> None:
    """Erase all that is known of HOLDER (信息删除), and print the proof of it.

    Their keys are destroyed and their files deleted; numbers, editions, digests and the audit
    log stay.  Refused while a registration is in force or something is under way for them.  It
    cannot be undone.  Stopped anywhere, the same command goes on.
    """
    if (due or is_again) and (holder or who["paper"]):
        raise click.UsageError("--due and --again are about everybody: no HOLDER and no --paper")
    if is_again and (due or dry_run or reason):
        raise click.UsageError("--again is given alone: why is known from before")
    if not (due or is_again or dry_run or reason):
        raise click.UsageError("--reason: say why")
    plant = machine.plant()
    if is_again:
        _erase_again(plant, as_json=as_json)
        return
    expiring.check_profile(plant, who["profile"])
    ground = Ground.DUE if due else Ground.REQUEST
    if due:
        found: Iterator[int] = erasing.due(plant, profile=who["profile"])
    else:
        found = iter([meant(plant, holder, **who)])
    if dry_run:
        _foresee([erasing.outlook(plant, each, ground) for each in found], as_json=as_json)
        return
    why = reason or BY_RULE
    done = [_erased(plant, each, ground, why) for each in found]
    _tell([each for each in done if each is not None], as_json=as_json)


@personal_group.command("export")
@click.argument("words", metavar="[HOLDER] OUT.zip", nargs=-1, required=True)
@meaning
@reason_option
@json_option
def export_command(words: tuple[str, ...], reason: str, as_json: bool, **who: Any) -> None:
    """Pack everything that is held on HOLDER into OUT.zip, which its owner alone can read.

    Events as received, register, applications, editions, files, pictures, notices and audit rows,
    with a README.  No file is written over.
    """
    *holders, path = words
    if len(holders) > 1:
        raise click.UsageError("one HOLDER, and one file to write")
    plant = machine.plant()
    expiring.check_profile(plant, who["profile"])
    found = meant(plant, next(iter(holders), None), **who)
    done = exporting.export(plant, found, Path(path), who=machine.who(), why=reason)
    if as_json:
        print_json(done)
        return
    out.print(f"holder-{done.holder}: {done.entries} entries", markup=False)
    if done.missing:
        err.print(f"{done.missing} files could not be had: missing.json in it says which")


@personal_group.command("rekey")
@click.argument("holder", metavar="[HOLDER]", required=False)
@meaning
@reason_option
@json_option
def rekey_command(holder: str | None, reason: str, as_json: bool, **who: Any) -> None:
    """Seal all that is known of HOLDER under a fresh key, and destroy the former one (换密钥).

    Refused while something is under way for them.
    """
    plant = machine.plant()
    expiring.check_profile(plant, who["profile"])
    done = rekeying.rekey(plant, meant(plant, holder, **who), who=machine.who(), why=reason)
    if as_json:
        print_json(done)
        return
    sealed = sum(done.sealed.values())
    out.print(f"holder-{done.holder}: {sealed} values are sealed under another key now")


def meant(
    plant: Plant,
    holder: str | None,
    *,
    paper: TextIO | None,
    paper_type: str,
    profile: str | None,
) -> int:
    """The row of who is meant.  UsageError: nobody is named, or twice."""
    if (holder is None) == (paper is None):
        raise click.UsageError("name one person: HOLDER, or --paper with --profile")
    if paper is None:
        return finding.by_number(plant, holder or "", profile=profile)
    if profile is None:
        raise click.UsageError("--paper needs --profile: each register keeps its own people")
    try:
        return finding.by_paper(plant, profile, paper_type, read_words(paper, MAX_PAPER, "--paper"))
    except FieldError as error:
        raise click.UsageError(f"--paper: {error}") from None


def _erased(plant: Plant, holder: int, ground: Ground, why: str) -> Erased | None:
    """None: of many, one to whom something has happened since they were found."""
    try:
        return erasing.erase(plant, holder, who=machine.who(), ground=ground, why=why)
    except ConflictError as error:
        if ground is Ground.REQUEST:
            raise
        err.print(str(error), markup=False)
        return None


def _erase_again(plant: Plant, *, as_json: bool) -> None:
    done = again.erase_again(plant, who=machine.who())
    if as_json:
        print_json(done)
    else:
        out.print(f"erased again: {len(done.erased)}")
        for why in done.left.values():
            err.print(why, markup=False)
    if done.left:
        click.get_current_context().exit(CONFLICT)


def _foresee(found: list[Outlook], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_table(
            ("holder", "profile", "sealed values", "files", ""),
            (
                (f"holder-{each.holder}", each.profile, sum(each.sealed.values()), each.files,
                 "; ".join(each.refusals) or ("has begun" if each.begun else "would be erased"))
                for each in found
            ),
        )  # fmt: skip
    if any(each.refusals for each in found):
        click.get_current_context().exit(CONFLICT)


def _tell(done: list[Erased], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        for each in done:
            print_json(each.proof)
            state = "nothing of theirs can be opened" if not each.left else f"LEFT: {each.left}"
            err.print(f"holder-{each.proof['holder']}: {state}", markup=False)
        if not done:
            out.print("nobody")
    if any(each.left for each in done):
        click.get_current_context().exit(REFUSED)
