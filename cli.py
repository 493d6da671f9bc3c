"""certfactory: the command line; each command calls one function of a package.

Exit codes: 0 done; 1 something was refused, or a document is not genuine; 2 wrong usage;
3 this machine is not set up for it; 4 no such thing; 5 its state does not allow it; 6 a
neighbour gave no answer, try again; 7 genuine, but no longer in force.
"""

from __future__ import annotations

import gc
import getpass
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.table import Table
from rich.text import Text

from factory import events
from factory.access import Viewer
from factory.errors import (
    ConflictError,
    FactoryError,
    NotFoundError,
    SettingsError,
    TransientError,
)
from factory.events import tabular, takeover
from factory.events.takeover import Format as RowFormat
from factory.events.takeover import Origin
from factory.model import BatchId, BatchState
from jobs import (
    bulk,
    crew,
    demo,
    desk,
    doctor,
    embedded,
    enquiry,
    importing,
    intake,
    logs,
    opening,
    watching,
)
from jobs.intake import Outcome, Status
from jobs.rejects import Rejects
from jobs.settings import Settings
from jobs.standing import BATCHES
from jobs.wiring import Plant, plant_of
from storage import schema
from storage.ledger import inbox

REFUSED, NOT_SET_UP, NOT_FOUND, CONFLICT, UNAVAILABLE, NOT_IN_FORCE = 1, 3, 4, 5, 6, 7
CODES: Sequence[tuple[type[FactoryError], int]] = (
    (SettingsError, NOT_SET_UP),
    (NotFoundError, NOT_FOUND),
    (ConflictError, CONFLICT),
    (TransientError, UNAVAILABLE),
    (FactoryError, REFUSED),
)
COLLECT_AFTER = 100_000  #: objects made, some hundred rows
FIRST = 20  #: problems that are told on a screen
EXAMPLES = Path(__file__).parent / "tests" / "examples"

WIDE = None if sys.stdout.isatty() else 250  # a pipe has no width: nothing is cut

out = Console(highlight=False, soft_wrap=True, width=WIDE)
err = Console(stderr=True, highlight=False)


class Commands(click.Group):
    """A group whose foreseen failures are one line and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FactoryError as error:
            err.print(f"[bold red]{type(error).__name__}[/]: ", end="")
            err.print(str(error), markup=False)
            ctx.exit(next(code for kind, code in CODES if isinstance(error, kind)))


class _Text(click.ParamType[str]):
    """Text that says something and is UTF-8, whatever bytes the shell hands over."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text.  BadParameter: it is empty or no UTF-8."""
        if not value.strip():
            self.fail("is empty", param, ctx)
        if any("\ud800" <= char <= "\udfff" for char in value):
            self.fail("is not UTF-8 text", param, ctx)
        return value


class _Ident(click.IntRange):
    """What the ledger counts with."""

    name = "number"


TEXT = _Text()
IDENT = _Ident(1, 2**63 - 1)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
reason_option = click.option(
    "--reason", required=True, type=TEXT, help="Why; it is kept in the audit log with your account."
)


def _settings() -> Settings:
    return embedded.found(Settings.from_env(os.environ))


def _plant() -> Plant:
    """SettingsError: there is no keyring, so the ledger cannot be read."""
    plant = _bare_plant()
    opening.check_keyring(plant.settings)
    return plant


def _bare_plant() -> Plant:
    logs.configure("warning")
    return plant_of(_settings())


def _who() -> str:
    return f"cli:{getpass.getuser()}"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(each) for name, each in asdict(value).items()}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, StrEnum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else value


def _print_json(value: Any) -> None:
    click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    out.print(table, soft_wrap=False)


@contextmanager
def _bar(text: str) -> Iterator[Progress]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        progress.add_task(text, total=None)
        yield progress


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="certificate-factory")
def main() -> None:
    """Issue sealed electronic registration certificates, and reissue them in bulk.

    Events come in (submit), certificates are made by the workers (up, work), holders collect
    them (collect, link), and anyone can check a file (verify).

    \b
    Exit codes: 0 done | 1 refused or not genuine | 2 usage | 3 not set up
                4 not found | 5 state forbids it | 6 try again | 7 not in force
    """


class _Screen:
    """Tells on stderr, with a bar only on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.most = progress, 0

    def step(self, text: str) -> None:
        err.print(f"· {text}")
        self.most = 0

    def left(self, orders: int) -> None:
        self.most = max(self.most, orders)
        [task] = self.progress.task_ids
        self.progress.update(task, total=self.most or None, completed=self.most - orders)


@main.command("demo")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True,
    help="Folder for the documents and summary.json; emptied first.",
)  # fmt: skip
@click.option(
    "--examples", type=click.Path(path_type=Path, exists=True), default=EXAMPLES,
    help="Folder with the example events.",
)  # fmt: skip
@json_option
def demo_command(out: Path, examples: Path, as_json: bool) -> None:
    """Issue the example certificates, rename an enterprise, collect, download and verify.

    Then tell the story of each register, from the first event to the last state.

    Everything runs on this machine, on loopback, and is stopped at the end.
    """
    logs.configure("error")
    with _bar("certificates") as progress:
        settings = Settings.from_env(os.environ)
        shown = demo.run(settings, examples, out.absolute(), _Screen(progress))
    if as_json:
        _print_json({"documents": shown.documents, "stories": shown.stories})
    else:
        _show_documents(shown.documents, out)
        _show_stories(shown.stories, out)
    if not shown.all_well:
        sys.exit(REFUSED)


def _show_documents(documents: Sequence[demo.Document], folder: Path) -> None:
    _table(
        ("registration", "edition", "state", "file", "kB", "SHA-256", "verdict", "link"),
        (
            (
                doc.registration,
                f"{doc.edition:03d}",
                doc.state,
                doc.file,
                f"{doc.size_bytes / 1000:.1f}",
                doc.sha256[:12] + "…",
                doc.verdict,
                "signed, worked" if doc.link else f"refused: {doc.refusal}",
            )
            for doc in documents
        ),
    )
    out.print(f"\n{len(documents)} documents in {folder}/, whole links in summary.json\n")


def _show_stories(told: Sequence[demo.StoryTold], folder: Path) -> None:
    _table(
        ("story", "steps", "went", "protocol"),
        (
            (
                each.title,
                str(each.steps),
                "; ".join(each.faults) or "as told",
                str(folder / each.protocol),
            )
            for each in told
        ),
    )


@main.command()
def up() -> None:
    """Run everything on this machine until Ctrl-C: broker, store, ledger, workers, metrics.

    What FACTORY_REDIS_URL, FACTORY_S3_ENDPOINT or FACTORY_DB_URL name is used, not started.
    """
    logs.configure("warning")
    settings = opening.metrics_port(Settings.from_env(os.environ))
    with embedded.embedded(settings) as running:
        opening.open_embedded(plant_of(running))
        with crew.at_work(running):
            _tell_ready(running)
            crew.wait_for_stop()


def _tell_ready(running: Settings) -> None:
    lines = (
        f"data     {running.data_dir}",
        f"store    {running.s3_endpoint}",
        f"metrics  http://{running.metrics_host}:{running.metrics_port}/metrics",
        "ready; Ctrl-C stops it.  Try in another terminal, with the same FACTORY_DATA_DIR:",
        "  certfactory events example registration.approved | certfactory submit -",
        "  certfactory status",
        "  certfactory collect NUMBER && certfactory link NUMBER",
    )
    for line in lines:
        err.print(line, markup=False, soft_wrap=True)


@main.command()
def work() -> None:
    """Run this machine's workers, relay and metrics against the servers the settings name."""
    settings = opening.metrics_port(_settings())
    logs.configure(settings.log_level)
    opening.check_keyring(settings)
    opening.check_schema(plant_of(settings))
    with crew.at_work(settings):
        crew.wait_for_stop()


@main.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--rejects", type=click.Path(path_type=Path),
    help="Where refused lines go, to correct and submit again.  [default: FILE.rejects.jsonl]",
)  # fmt: skip
@json_option
def submit(file: BinaryIO, rejects: Path | None, as_json: bool) -> None:
    """Take events from FILE (- for standard input): CloudEvents JSON or JSON Lines.

    Good lines are taken even when others are refused.  Submitting a file again changes
    nothing.  Refused lines are written to the rejects file (mode 0600).
    """
    source = _source_path(file)
    path = rejects or _rejects_path(source)
    _check_rejects(path, source)
    plant, results = _plant(), []
    opening.check_schema(plant)
    with _bar("events") as progress, Rejects(path) as refused:
        for line, raw, outcome in intake.submit_all(plant, events.split_lines(file), who=_who()):
            progress.advance(progress.task_ids[0])
            results.append((line, outcome))
            if outcome.status is Status.REFUSED:
                refused.add(raw)
    _show_outcomes(results, refused.path if refused.count else None, as_json=as_json)
    if refused.count:
        sys.exit(REFUSED)


def _source_path(file: BinaryIO) -> Path | None:
    """The file the events are in; None: they come through a pipe."""
    name = getattr(file, "name", "-")
    return None if name in {"-", "<stdin>"} else Path(name)


def _rejects_path(source: Path | None) -> Path:
    return Path("stdin.rejects.jsonl") if source is None else Path(f"{source}.rejects.jsonl")


def _check_rejects(path: Path, source: Path | None) -> None:
    """Before the first event is taken: refused lines can be kept, and not over the events."""
    if source is not None and path.exists() and path.samefile(source):
        raise click.BadParameter(f"{path} is the file of the events", param_hint="--rejects")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.BadParameter(f"{path} cannot be written", param_hint="--rejects")


def _show_outcomes(
    results: Sequence[tuple[int, Outcome]], rejects: Path | None, *, as_json: bool
) -> None:
    counts = {s.value: sum(o.status is s for _, o in results) for s in Status}
    if as_json:
        lines = [{"line": line} | _plain(outcome) for line, outcome in results]
        _print_json(
            {"counts": counts, "rejects": str(rejects) if rejects else None, "lines": lines}
        )
        return
    _table(("line", "outcome", "what"), ((n, o.status, _what(o)) for n, o in results))
    out.print("  ".join(f"{count} {name}" for name, count in counts.items() if count))
    if rejects:
        out.print(f"refused lines are in {rejects}; correct them and submit that file")


def _what(outcome: Outcome) -> str:
    if outcome.status is Status.REFUSED:
        return "; ".join(f"{field}: {rule}" for field, rule in outcome.problems)
    found = [
        f"application {outcome.application}" if outcome.application else "",
        f"registration {outcome.registration}" if outcome.registration else "",
        f"batch {outcome.batch}" if outcome.batch else "",
        f"hold {outcome.hold}" if outcome.hold else "",
        *outcome.notes,
    ]
    return ", ".join(each for each in found if each)


@main.group("register")
def register_group() -> None:
    """An existing register: take it over, with its numbers."""


class _Rate(ProgressColumn):
    """Rows a minute."""

    def render(self, task: Task) -> Text:
        """The rate of the last moments."""
        return Text(f"{(task.speed or 0) * 60:,.0f} a minute")


class _Passes:
    """Shows each pass over a file on stderr, with a bar only on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("", visible=False)

    def begin(self, what: str, rows: int | None) -> None:
        self.progress.remove_task(self.task)
        self.task = self.progress.add_task(f"{what} rows", total=rows)

    def advance(self, rows: int) -> None:
        self.progress.advance(self.task, rows)


@contextmanager
def _passes() -> Iterator[_Passes]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        yield _Passes(progress)


@contextmanager
def _few_collections() -> Iterator[None]:
    """What is loaded is not looked through again and again: that costs a fifth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@register_group.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--profile", type=TEXT,
    help="The register it belongs to; JSON rows may name their own.  Needed for CSV.",
)  # fmt: skip
@click.option(
    "--source", type=TEXT, default=importing.SOURCE, show_default=True,
    help="The system it comes from; must be granted: certfactory sources grant.",
)  # fmt: skip
@click.option(
    "--format", "format_", type=click.Choice([each.value for each in RowFormat]),
    help="How it is written.  [default: by the name of FILE]",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would become of each row; write nothing.")
@click.option(
    "--rejects", type=click.Path(path_type=Path),
    help="Where refused rows go, to correct and import.  [default: FILE.rejects.csv or .jsonl]",
)  # fmt: skip
@json_option
def register_import(
    file: Path,
    profile: str | None,
    source: str,
    format_: str | None,
    dry_run: bool,
    rejects: Path | None,
    as_json: bool,
) -> None:
    """Take over the registrations of FILE, with their numbers; no documents follow.

    CSV (UTF-8, one row a line, a header; see `register columns`), or JSON Lines, each the data
    of registration.imported or a whole event.  The whole file is read before the first row is
    taken.  Good rows are taken even when others are refused; refused rows are written to the
    rejects file (mode 0600).  Importing a file again changes nothing.
    """
    origin = Origin(format=_row_format(file, format_), source=source, profile=profile)
    if origin.format is RowFormat.CSV and profile is None:
        raise click.UsageError("a CSV file needs --profile")
    path = rejects or Path(f"{file}.rejects.{origin.format}")
    if not file.is_file():
        raise click.BadParameter(f"{file} is read more than once: no pipe", param_hint="FILE")
    if not dry_run:
        _check_rejects(path, file)
    plant = _plant()
    opening.check_schema(plant)
    importing.check_origin(plant, origin)
    with file.open("rb") as stream, _passes() as watch, _few_collections():
        seen = importing.check(plant, stream, origin, watch)
        rows = sum(seen.counts.values())
        if dry_run:
            found = importing.rehearse(plant, stream, origin, watch, rows=rows, who=_who())
            kept = None
        else:
            with Rejects(path, header=_header(stream, origin)) as refused:
                found = importing.take_over(
                    plant, stream, origin, watch, rows=rows, keep=refused.add, who=_who()
                )
            kept = path if refused.count else None
    _show_import(found, kept, dry_run=dry_run, as_json=as_json)
    if found.refused:
        sys.exit(REFUSED)


def _row_format(file: Path, given: str | None) -> RowFormat:
    named = {".csv": RowFormat.CSV, ".jsonl": RowFormat.JSONL, ".json": RowFormat.JSONL}
    found = RowFormat(given) if given else named.get(file.suffix.lower())
    if found is None:
        raise click.UsageError(f"{file.name} does not say how it is written: give --format")
    return found


def _header(stream: BinaryIO, origin: Origin) -> bytes | None:
    """The header a table of refused rows needs too, marked as UTF-8 for spreadsheets."""
    if origin.format is not RowFormat.CSV:
        return None
    stream.seek(0)
    return b"\xef\xbb\xbf" + takeover.first_line(stream)


def _show_import(
    found: importing.Report, rejects: Path | None, *, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        named = {"dry_run": dry_run, "rejects": str(rejects) if rejects else None}
        _print_json(named | _plain(found))
        return
    if found.problems:
        rows = [(p.line, p.column, p.rule) for p in found.problems[:FIRST]]
        _table(("line", "column", "what is wrong"), rows)
        _tell_more(len(found.problems) - FIRST, "problems")
    if found.held:
        rows_held = [(h.line, h.hold, h.reason) for h in found.held[:FIRST]]
        _table(("line", "hold", "why it waits"), rows_held)
        _tell_more(len(found.held) - FIRST, "held rows")
    counts = "  ".join(f"{count} {name}" for name, count in found.counts.items() if count)
    out.print(f"would be: {counts}" if dry_run else counts or "no rows")
    if rejects:
        out.print(f"refused rows are in {rejects}; correct them and import that file", markup=False)


def _tell_more(count: int, what: str) -> None:
    if count > 0:
        out.print(f"… and {count} more {what}; --json lists them")


@register_group.command("columns")
@json_option
def register_columns(as_json: bool) -> None:
    """The columns of a CSV file for import; either name stands in the header."""
    if as_json:
        _print_json(
            [
                {"column": c.name, "term": c.term, "needed": c.needed, "what": c.what}
                for c in tabular.COLUMNS
            ]
        )
        return
    _table(
        ("column", "列名", "", "what"),
        ((c.name, c.term, "needed" if c.needed else "", c.what) for c in tabular.COLUMNS),
    )


@main.group("events")
def events_group() -> None:
    """What may be submitted: JSON Schemas and examples."""


@events_group.command("list")
def events_list() -> None:
    """The event types."""
    for name, model in events.EVENT_TYPES.items():
        click.echo(f"{name:24} {(model.__doc__ or '').splitlines()[0]}")


@events_group.command("schema")
@click.argument("type_", metavar="TYPE", type=click.Choice(sorted(events.EVENT_TYPES)))
def events_schema(type_: str) -> None:
    """Print the JSON Schema of an event."""
    _print_json(events.schema(type_))


@events_group.command("example")
@click.argument("type_", metavar="TYPE", type=click.Choice(sorted(events.EVENT_TYPES)))
def events_example(type_: str) -> None:
    """Print a complete synthetic example, on one line, ready for submit."""
    click.echo(json.dumps(events.example(type_), ensure_ascii=False))


as_option = click.option(
    "--as", "viewer", type=click.Choice([each.value for each in Viewer]), default="counter",
    show_default=True, help="Who asks: what each may see is the profile's.",
)  # fmt: skip
credit_code_option = click.option(
    "--credit-code", type=TEXT, help="Of the enterprise that asks (统一社会信用代码)."
)


def _asker(viewer: str, credit_code: str | None) -> enquiry.Asker:
    if viewer == Viewer.ENTERPRISE and credit_code is None:
        raise click.UsageError("--as enterprise needs --credit-code")
    return enquiry.Asker(viewer=Viewer(viewer), credit_code=credit_code)


@main.command()
@click.argument("what", metavar="[EVENT|NUMBER]", type=TEXT, required=False)
@click.option("--filing", type=TEXT, help="Filing number (办件申报号) of a filing slip.")
@click.option("--code", type=TEXT, help="Query code (查询密码) of the same slip.")
@as_option
@credit_code_option
@json_option
def status(
    what: str | None,
    filing: str | None,
    code: str | None,
    viewer: str,
    credit_code: str | None,
    as_json: bool,
) -> None:
    """Where an event, an application or a registration stands, and whose turn it is.

    NUMBER is an acceptance number (受理编号) or a registration number (注册编号).  Without
    an argument: everything in figures.  With --filing and --code: 办事进度, as the slip says.
    """
    if (filing is None) != (code is None) or (filing and what):
        raise click.UsageError("--filing and --code come together, and without a number")
    plant, asker = _plant(), _asker(viewer, credit_code)
    if filing and code:
        _show_applications([enquiry.progress(plant, filing, code)], as_json=as_json)
    elif what is None:
        overview = watching.overview(plant)
        if as_json:
            _print_json(overview)
        else:
            _table(("what", "state", "count"), overview.rows())
    elif events_found := enquiry.event_status(plant, what):
        _show_events(events_found, as_json=as_json)
    elif asked := enquiry.application_status(plant, what, asker=asker):
        _show_applications(asked, as_json=as_json)
    else:
        _show_registration(enquiry.registration_status(plant, what, asker=asker), as_json=as_json)


def _show_events(found: Sequence[enquiry.EventStatus], *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    for each in found:
        state = f"{each.event.state} ({each.stand.label})"
        out.print(f"event {each.event.event_id} of {each.event.source}: {state}", markup=False)
        if each.batch:
            label = BATCHES[each.batch.state]
            out.print(f"  batch {each.batch.id}: {each.batch.state} ({label})")
        for hold in each.held:
            out.print(f"  hold {hold.id} ({hold.owner}): {hold.detail}", markup=False)
        if each.applications:
            _show_applications(each.applications, as_json=False)
        for registration in each.registrations:
            _show_registration(registration, as_json=False)


def _show_applications(found: Sequence[enquiry.ApplicationStatus], *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    for each in found:
        row = each.application
        out.print(f"application {row.number} ({row.profile})", markup=False)
        rows: list[tuple[str, object]] = [
            ("type", row.kind),
            ("办理状态", each.stand.label),
            ("whose turn", each.stand.owner),
            ("revision", row.revision),
            ("filing number 办件申报号", row.filing_number),
            *(
                (f"signature of {one['party']}", f"revision {one['revision']}, {one['at']}"
                 + (" (作废)" if one["void"] else ""))
                for one in row.view["signatures"]
            ),
            *((f"material {name}", file["at"]) for name, file in row.view["materials"].items()),
            *((step["outcome"], f"by {step['by']}, {step['at']}") for step in row.view["steps"]),
        ]  # fmt: skip
        _table(("", ""), ((name, value) for name, value in rows if value not in {None, ""}))


def _show_registration(found: enquiry.RegistrationStatus, *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    registration = found.registration
    out.print(f"registration {registration.number} ({registration.profile}): {found.stand.label}")
    if registration.former_numbers:
        out.print(f"  before: {', '.join(registration.former_numbers)}", markup=False)
    _table(
        ("edition", "state", "状态", "whose turn", "because of", "valid until", "电子证照标识"),
        (
            (f"{e.number:03d}", e.state, s.label + (f" ({s.why})" if s.why else ""), s.owner,
             e.cause, e.valid_until, e.licence_id)
            for e, s in zip(registration.editions, found.editions, strict=True)
        ),
    )  # fmt: skip


@main.command()
@click.argument("number", type=TEXT)
@click.option("--get", "name", type=TEXT, help="Which material to fetch.")
@click.option(
    "--out", type=click.File("wb"), default="-", show_default=True, help="Where to write it."
)
@as_option
@credit_code_option
@json_option
def materials(
    number: str, name: str | None, out: BinaryIO, viewer: str, credit_code: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """List the materials (申报材料) of the application NUMBER (受理编号), or get one."""
    plant, asker = _plant(), _asker(viewer, credit_code)
    if name is not None:
        out.write(enquiry.material(plant, number, name, asker=asker))
        return
    found = enquiry.application_status(plant, number, asker=asker)
    if not found:
        raise NotFoundError("acceptance number: there is no such application")
    rows = [
        (name, file["key"], file["sha256"], file["at"])
        for each in found
        for name, file in each.application.view["materials"].items()
    ]
    if as_json:
        _print_json(
            [dict(zip(("material", "key", "sha256", "at"), row, strict=True)) for row in rows]
        )
    else:
        _table(("material", "object", "SHA-256", "uploaded"), rows)


@main.command()
@click.argument("number", type=TEXT)
@json_option
def slip(number: str, as_json: bool) -> None:
    """The filing number and query code (办件申报号, 查询密码) of application NUMBER."""
    filing_number, code = enquiry.slip(_plant(), number)
    if as_json:
        _print_json({"filing_number": filing_number, "query_code": code})
    else:
        _table(("办件申报号", "查询密码"), [(filing_number, code)])


@main.command()
@click.argument("number", type=TEXT)
@json_option
def collect(number: str, as_json: bool) -> None:
    """The holder confirms and takes the current edition (领证); then link works."""
    edition = desk.collect(_plant(), number, who=_who())
    if as_json:
        _print_json(edition)
    else:
        label = "生成中" if edition.collected_at and not edition.made_at else "已领证"
        out.print(f"edition {edition.number:03d}: {edition.state} ({label})")


@main.command()
@click.argument("number", type=TEXT)
@click.option("--edition", type=int, help="Another edition than the current one.")
@as_option
@credit_code_option
@json_option
def link(
    number: str, edition: int | None, viewer: str, credit_code: str | None, as_json: bool
) -> None:
    """A signed link that downloads the certificate of registration NUMBER."""
    asker = _asker(viewer, credit_code)
    found = desk.link(_plant(), number, who=_who(), edition=edition, asker=asker)
    if as_json:
        _print_json(found)
    else:
        click.echo(found.url)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@json_option
def verify(files: Sequence[Path], as_json: bool) -> None:
    """Check files: ours or not, intact, which edition, in force or not, sealed by whom."""
    plant = _plant()
    findings = [(path, desk.examine(plant, _read(path))) for path in files]
    if as_json:
        _print_json([{"file": str(path)} | _plain(finding) for path, finding in findings])
    else:
        for path, finding in findings:
            _show_finding(path, finding)
    if not all(finding.genuine for _, finding in findings):
        sys.exit(REFUSED)
    if not all(finding.in_force for _, finding in findings):
        sys.exit(NOT_IN_FORCE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}") from error


def _show_finding(path: Path, finding: desk.Finding) -> None:
    colour = "green" if finding.in_force else "yellow" if finding.genuine else "red"
    out.print(f"[bold {colour}]{finding.word}[/] {finding.state or ''} ", end="")
    out.print(str(path), markup=False)
    if finding.registration:
        out.print(f"  registration {finding.registration}, edition {finding.edition:03d}")
    if finding.verdict.signer:
        out.print(f"  sealed by {finding.verdict.signer} at {finding.verdict.signed_at}")
    for check in finding.verdict.checks:
        out.print(f"  {'✓' if check.ok else '✗'} {check.name}: {check.detail}", markup=False)
    for reason in finding.reasons:
        out.print(f"  {reason}", markup=False)


@main.group("bulk")
def bulk_group() -> None:
    """Bulk events: see what is affected, confirm, watch."""


@bulk_group.command("list")
@json_option
def bulk_list(as_json: bool) -> None:
    """All batches, newest first."""
    found = watching.batches(_plant())
    if as_json:
        _print_json(found)
    else:
        _table(
            ("batch", "kind", "state", "items", "done", "held", "skipped"),
            ((b.id, b.kind, b.state, b.total, b.done, b.held, b.skipped) for b in found),
        )


@bulk_group.command("show")
@click.argument("batch", type=IDENT)
@json_option
def bulk_show(batch: int, as_json: bool) -> None:
    """One batch: what it is about, and its items by state."""
    _show_batch(watching.batch(_plant(), BatchId(batch)), as_json=as_json)


def _show_batch(found: watching.Progress, *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    rows = [(name, value) for name, value in _plain(found).items() if not isinstance(value, dict)]
    _table(("", ""), rows + [(f"  {name}", value) for name, value in found.subject.items()])


@bulk_group.command("confirm")
@click.argument("batch", type=IDENT)
@reason_option
@json_option
def bulk_confirm(batch: int, reason: str, as_json: bool) -> None:
    """Let a prepared batch take effect: the register changes now, new editions follow."""
    plant = _plant()
    bulk.confirm(plant, BatchId(batch), who=_who(), why=reason)
    _show_batch(watching.batch(plant, BatchId(batch)), as_json=as_json)


@bulk_group.command("watch")
@click.argument("batch", type=IDENT)
@json_option
def bulk_watch(batch: int, as_json: bool) -> None:
    """Follow a batch until it ends; exit code 1 if items are held."""
    plant = _plant()
    with _bar(f"batch {batch}") as progress:
        for found in watching.follow(plant, BatchId(batch)):
            progress.update(progress.task_ids[0], total=found.total, completed=found.done)
            if found.state is BatchState.AWAITING:
                err.print(f"waits for: certfactory bulk confirm {batch} --reason …")
    _show_batch(found, as_json=as_json)
    if found.held:
        sys.exit(REFUSED)


@main.group("held")
def held_group() -> None:
    """What is stopped for a person: why, and whose turn it is."""


@held_group.command("list")
@json_option
def held_list(as_json: bool) -> None:
    """Open holds, oldest first."""
    found = desk.open_holds(_plant())
    if as_json:
        _print_json(list(found))
    else:
        _table(
            ("hold", "of", "profile", "owner", "since", "reason", "detail"),
            (
                (h.id, f"{h.subject_kind} {h.subject_id}", h.profile, h.owner,
                 f"{h.opened_at:%F %T}", h.reason, h.detail)
                for h in found
            ),
        )  # fmt: skip


@held_group.command("show")
@click.argument("hold", type=IDENT)
@json_option
def held_show(hold: int, as_json: bool) -> None:
    """One hold, whole."""
    found = desk.hold(_plant(), hold)
    if as_json:
        _print_json(found)
    else:
        _table(("", ""), _plain(found).items())


@held_group.command("retry")
@click.argument("hold", type=IDENT)
@click.option("--reason", default="mended", type=TEXT, show_default=True, help="What was mended.")
@json_option
def held_retry(hold: int, reason: str, as_json: bool) -> None:
    """Let what was held go on, once its cause is mended; exit code 1 if it is held again."""
    moved = desk.retry(_plant(), hold, who=_who(), why=reason)
    _show_moved(moved, as_json=as_json)
    if moved.held is not None:
        sys.exit(REFUSED)


def _show_moved(moved: desk.Moved, *, as_json: bool) -> None:
    if as_json:
        _print_json(moved)
        return
    found = [
        f"{moved.subject_kind} {moved.subject_id}: {moved.state}",
        f"registration {moved.registration}" if moved.registration else "",
        f"batch {moved.batch}" if moved.batch else "",
        f"hold {moved.held}" if moved.held else "",
        *moved.notes,
    ]
    out.print(", ".join(each for each in found if each), markup=False)


@held_group.command("dismiss")
@click.argument("hold", type=IDENT)
@reason_option
@json_option
def held_dismiss(hold: int, reason: str, as_json: bool) -> None:
    """End a held event without documents, because upstream has sent it otherwise."""
    _show_moved(desk.dismiss(_plant(), hold, who=_who(), why=reason), as_json=as_json)


@main.group("sources")
def sources_group() -> None:
    """Upstream systems, and the profiles each may submit for."""


@sources_group.command("list")
@json_option
def sources_list(as_json: bool) -> None:
    """Every grant."""
    with _plant().ledger.read() as tx:
        found = inbox.all_grants(tx)
    if as_json:
        _print_json([{"source": source, "profile": profile} for source, profile in found])
    else:
        _table(("source", "profile"), found)


@sources_group.command("grant")
@click.argument("source", type=TEXT)
@click.argument("profile", type=TEXT)
def sources_grant(source: str, profile: str) -> None:
    """Let SOURCE (the `source` of its events) submit for PROFILE."""
    desk.grant(_plant(), source, profile, who=_who())
    out.print(f"{source} may submit for {profile}", markup=False)


@main.command("doctor")
@json_option
def doctor_command(as_json: bool) -> None:
    """Look at settings, fonts, keys, database, broker, store and clock; say what to do."""
    found = doctor.examine(_bare_plant())
    if as_json:
        _print_json(found)
    else:
        _table(("", "part", "finding"), (("✓" if f.well else "✗", f.name, f.detail) for f in found))
    if not all(finding.well for finding in found):
        sys.exit(NOT_SET_UP)


@main.command()
def migrate() -> None:
    """Bring the ledger's schema to the version of this code; safe to run again."""
    plant = _plant()
    opening.migrate(plant)
    out.print(f"the ledger stands at revision {schema.current_revision(plant.ledger.engine)}")


@main.group("keys")
def keys_group() -> None:
    """Signing identities, seals and trust roots."""


@keys_group.command("list")
@json_option
def keys_list(as_json: bool) -> None:
    """The signing identities of the keyring."""
    found = _plant().keyring.identities()
    if as_json:
        _print_json(found)
    else:
        _table(
            ("identity", "algorithm", "ends", "test", "subject", "SHA-256"),
            (
                (k.name, k.algorithm, f"{k.not_after:%F}", "test" if k.test else "", k.subject,
                 k.fingerprint[:16] + "…")
                for k in found
            ),
        )  # fmt: skip


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell: eval "$(certfactory completion bash)"."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click ships all three
    click.echo(kind(main, {}, "certfactory", "_CERTFACTORY_COMPLETE").source())


if __name__ == "__main__":
    main()
