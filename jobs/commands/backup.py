"""`backup` and `restore`: the ledger copied while everything runs, and put back (备份与恢复)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from factory.errors import FieldError, SettingsError
from factory.log import heads as texts
from factory.log.heads import Head
from jobs import embedded, logs
from jobs.backup import restoring, taking
from jobs.backup.restoring import Restored, Wanted
from jobs.backup.taking import Taken
from jobs.commands import machine
from jobs.commands.exits import REFUSED
from jobs.commands.options import REASON, TIME, Place, json_option, reason_option
from jobs.commands.output import err, local_time, out, print_json, print_table
from jobs.commands.progress import Lines, bar
from jobs.settings import Settings
from storage.backup import manifest, shelf
from storage.backup.manifest import Manifest
from storage.backup.shelf import Unread
from storage.sealed import MasterKeys

FOLDER = Place(file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
BY_TIME = "as every day"
FITS, ALTERED, UNCHECKED = "fits", "ALTERED", "not checked"
WHOLE, NOT_WHOLE = "all there", "NOT WHOLE"
MOST_SKIP = 1_000_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A backup, how its manifest's seal is, and what is said of it if a file is not all there."""

    place: Path
    made: Manifest
    seal: str
    lacking: str | None


@click.command("backup")
@click.argument("folder", type=FOLDER)
@click.option(
    "--keep", type=click.IntRange(1, 100_000), metavar="N",
    help="Remove all but the newest N that are whole afterwards; those are read again first."
    "  [default: all stay]",
)  # fmt: skip
@click.option("--list", "listing", is_flag=True, help="Only list the backups in FOLDER.")
@click.option(
    "--reason", type=REASON, default=BY_TIME, show_default=True,
    help="Why; it is kept in the audit log with your account, and names nobody.",
)  # fmt: skip
@json_option
def backup_command(
    folder: Path, keep: int | None, listing: bool, reason: str, as_json: bool
) -> None:
    """Copy the ledger (备份) into FOLDER while everything runs: whole, and with its digests.

    One instant of the ledger, with certificates, chains and settings of the keyring, in a folder of
    its own that is there whole or not at all.  It holds no key: keep master.json, key files,
    passphrases and tokens elsewhere, under another lock; without master.json nothing in a backup
    opens.  Objects of the store are not in it: the store keeps its own copies.  PostgreSQL is
    read with pg_dump.
    """
    if listing:
        _list(folder, as_json=as_json)
        return
    plant, lines = machine.plant(), Lines()
    with bar("pages") as moving:
        [task] = moving.task_ids

        def tell(done: int, total: int) -> None:
            moving.update(task, completed=done, total=total)
            lines.tell(f"{done} of {total} pages")

        taken = taking.take(plant, folder, who=machine.who(), why=reason, keep=keep, tell=tell)
    if as_json:
        print_json(_said(taken))
    else:
        _tell_taken(taken)
    _warn(taken.passed_over)


@click.command("restore")
@click.argument("folder", type=FOLDER)
@click.option(
    "--at", type=TIME, metavar="TIME",
    help="The newest backup not after that moment, of China unless it says otherwise.  [newest]",
)  # fmt: skip
@click.option(
    "--skip-numbers", "skip", type=click.IntRange(0, MOST_SKIP), required=True, metavar="N",
    help="At least as many as events were handed in since the backup, an approval counted once for"
    " each profession; numbers of every series that may be somebody's are passed over.",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="Move a ledger that is there aside (SQLite alone).")
@click.option(
    "--head", "noted", type=FILE, multiple=True,
    help="A head of the log that `audit head` gave and that was kept elsewhere.",
)  # fmt: skip
@reason_option
@json_option
@click.pass_context
def restore_command(
    ctx: click.Context,
    folder: Path,
    at: datetime | None,
    skip: int,
    replace: bool,
    noted: Sequence[Path],
    reason: str,
    as_json: bool,
) -> None:
    """Put the newest backup in FOLDER back (恢复): no number is given out twice.

    Into an empty place only: no file of SQLite there, or an empty database of PostgreSQL.  The
    factory must be stopped.  Digests, keys and identities are asked first; whatever is refused
    changes nothing, and stopped anywhere the same command begins again.  Numbers given out since
    are passed over, and whoever was erased since is erased again.  Then start, and hand in all
    events since the backup again: whoever was registered since gets the same number, certificate
    and file again.  A later edition of who was registered before counts as superseded.
    Exit code 1: files are missing in the store, or somebody is still to be erased.
    """
    heads = tuple(_read_head(file) for file in noted)
    wanted = Wanted(
        folder=folder, at=at, skip=skip, replace=replace, who=machine.who(), why=reason,
        heads=heads,
    )  # fmt: skip
    settings, lines = Settings.from_env(os.environ), Lines()
    logs.configure("warning")
    with bar("restoring") as moving:
        [task] = moving.task_ids

        def tell(what: str, done: int = 0, total: int = 0) -> None:
            moving.update(task, description=what, completed=done, total=total or None)
            lines.tell(f"{what}: {done} of {total}" if total else what)

        with embedded.embedded(settings) as running:
            done = restoring.restore(running, wanted, tell)
    if as_json:
        print_json(_told(done))
    else:
        _tell_restored(done)
    if done.beside.lacking or done.again.left:
        ctx.exit(REFUSED)


def _read_head(file: Path) -> Head:
    try:
        return texts.read(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, FieldError) as error:
        raise click.BadParameter(f"{file.name} is no head", param_hint="--head") from error


def _list(folder: Path, *, as_json: bool) -> None:
    found, keys = shelf.look(folder), _keys()
    listed = [
        Listed(place, made, _seal(place, keys), manifest.lacking(place, made))
        for place, made in found.backups
    ]
    if as_json:
        print_json([*map(_entry, listed), *map(_fault, found.unread)])
    else:
        _tell_listed(listed)
    _warn([shelf.altered(each.place) for each in listed if each.seal == ALTERED])
    _warn([each.lacking for each in listed if each.lacking is not None])
    _warn([each.why for each in found.unread])
    if keys is None:
        err.print("whether they were altered was not checked: there is no keyring here")


def _keys() -> MasterKeys | None:
    """By which a manifest is known again; None: they are not on this machine."""
    try:
        return machine.bare_plant().keyring.master_keys()
    except SettingsError:
        return None


def _seal(place: Path, keys: MasterKeys | None) -> str:
    if keys is None:
        return UNCHECKED
    return FITS if manifest.is_sealed(place, keys) else ALTERED


def _entry(listed: Listed) -> dict[str, object]:
    made = listed.made
    return {
        "name": listed.place.name,
        "at": made.at,
        "rows": made.rows,
        "seal": listed.seal,
        "fault": listed.lacking,
    }


def _fault(each: Unread) -> dict[str, object]:
    return {"name": each.name, "at": None, "rows": None, "seal": UNCHECKED, "fault": each.why}


def _tell_listed(listed: Sequence[Listed]) -> None:
    rows = (
        (each.place.name, each.made.at, each.made.database, each.made.revision,
         sum(each.made.rows.values()), each.made.head.size if each.made.head else "", each.seal,
         WHOLE if each.lacking is None else NOT_WHOLE)
        for each in listed
    )  # fmt: skip
    columns = ("backup", "of (China)", "database", "schema", "rows", "log", "seal", "files")
    print_table(columns, rows)


def _warn(passed_over: Iterable[str]) -> None:
    for why in passed_over:
        err.print(f"passed over: {why}", markup=False, soft_wrap=True)


def _said(taken: Taken) -> dict[str, object]:
    made = taken.manifest
    return {
        "name": taken.name,
        "folder": str(taken.folder),
        "at": made.at,
        "rows": dict(made.rows),
        "bytes": sum(each.size for each in made.files.values()),
        "head": made.head,
        "pruned": list(taken.pruned),
        "passed_over": list(taken.passed_over),
    }


def _tell_taken(taken: Taken) -> None:
    made = taken.manifest
    size = sum(each.size for each in made.files.values())
    out.print(f"{taken.folder}", markup=False)
    out.print(
        f"the ledger of {local_time(made.at)} (China): {sum(made.rows.values())} rows,"
        f" {size / 1e6:.1f} MB"
    )
    if taken.pruned:
        out.print(f"removed: {len(taken.pruned)} older ones")


def _told(done: Restored) -> dict[str, object]:
    return {
        "backup": done.backup,
        "since": done.since,
        "rows": done.rows,
        "files": done.beside.files,
        "missing": done.beside.missing,
        "lacking": done.beside.lacking,
        "strays": done.beside.strays,
        "registrations_made_since": len(done.beside.unknown),
        "registrations_kept": done.kept,
        "editions_kept": done.editions,
        "series_raised": done.series,
        "erased_again": list(done.again.erased),
        "still_to_erase": dict(done.again.left),
        "entries_lost_under_heads": done.unlogged,
        "former_ledger": None if done.aside is None else str(done.aside),
        "bells_removed": done.flushed,
    }


def _tell_restored(done: Restored) -> None:
    beside = done.beside
    out.print(f"restored: {done.backup}, {done.rows} rows", markup=False)
    if done.aside:
        out.print(f"the former ledger: {done.aside}", markup=False)
    out.print(f"files in the store: {beside.files}, and {beside.strays} that were made since")
    out.print(f"certificates made since that count as superseded: {done.editions}")
    out.print(
        f"registrations made since: {len(beside.unknown)}, of which {done.kept} get their numbers"
        " again when their events come"
    )
    out.print(f"number series that go on elsewhere: {done.series}")
    out.print(f"erased again: {len(done.again.erased)}")
    if done.unlogged:
        err.print(
            f"{done.unlogged} entries of the log under a head, noted or kept in the store, are lost"
        )
    if beside.lacking:
        err.print(f"MISSING in the store: {beside.lacking} files, among them")
        for key in beside.missing:
            err.print(f"  {key}", markup=False)
    for why in done.again.left.values():
        err.print(f"still to be erased, once the events are in: {why}", markup=False)
    out.print(
        f"Next: start the factory; hand in all events since {local_time(done.since)} (China) again,"
        " those before do no harm; when all is made, `certfactory personal erase --again` and"
        " `certfactory recheck`"
    )
