"""`preview`: how a document would look, marked 样张 and never sealed; how an OFD file looks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from factory.kinds import KINDS
from factory.model import ApplicationType, Kind
from factory.ofd import package
from factory.page.fonts import WEN_KAI, assemble
from factory.register import local_day
from jobs.commands import machine
from jobs.commands.files import read_file
from jobs.commands.options import TEXT, Place, application_type_option, json_option, seed_option
from jobs.commands.output import out, plain, print_json, print_table
from jobs.commands.progress import bar
from jobs.gallery import CONTACT_SHEET, Kept, keep, keep_all
from jobs.preview import Studio, history_of
from jobs.second_look import Look, look
from jobs.wiring import font_file, font_files, load_profiles

OFD = ".ofd"
Files = Mapping[str, bytes]


class _What(click.ParamType[str | Path]):
    """A kind of document, or an OFD file by its name."""

    name = "kind or file"
    kinds = click.Choice([each.value for each in KINDS])

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | Path:
        """A kind, or the path of a file.  BadParameter: it is neither."""
        if isinstance(value, Path) or value.lower().endswith(OFD):
            return Path(value)
        return self.kinds.convert(value, param, ctx)


@click.command("preview")
@click.argument("what", metavar="[KIND|FILE.ofd]", required=False, type=_What())
@click.option(
    "--all", "every", is_flag=True,
    help="Every kind of every register, and one picture of their first pages.",
)  # fmt: skip
@click.option(
    "--profile", type=TEXT, help="Whose document.  [default: one that has documents of that kind]"
)
@application_type_option
@click.option(
    "--event", type=click.File("rb"),
    help="File with the event it would follow from (- for standard input); the lines before it"
    " are what happened until then.  [default: a synthetic history]",
)  # fmt: skip
@click.option(
    "--out", "folder", type=Place(file_okay=False), default=Path("preview"),
    show_default=True, help="Folder the files go to.",
)  # fmt: skip
@click.option(
    "--dpi", type=click.IntRange(20, 600), default=100, show_default=True, help="Of the pictures."
)
@seed_option
@json_option
def preview(
    what: str | Path | None,
    every: bool,
    profile: str | None,
    asked_type: str | None,
    event: BinaryIO | None,
    folder: Path,
    dpi: int,
    seed: int,
    as_json: bool,
) -> None:
    """Draw a document of KIND without sealing it: a PDF marked 样张, and pictures of it.

    The files are KIND-PROFILE.pdf and a picture of each page.  No server and no ledger is needed.

    What the line would refuse is refused here with the same words.

    Of an OFD FILE the pages are drawn as FILE-1.png and so on, by easyofd, a second program that
    shares no code with this one: text, pictures and seals in their places, but in one font instead
    of the embedded ones, and figures as outlines.  `verify` says whether the file is genuine.
    """
    told, of_one = event is not None, bool(profile or asked_type)
    if isinstance(what, Path):
        if every or told or of_one:
            raise click.UsageError("a FILE is what it is: not with --all, --profile or --event")
        _show_look(_look(what, folder, dpi), as_json=as_json)
        return
    kind = what
    _check_usage(kind, every=every, told=told, of_one=of_one)
    if event is not None and asked_type:
        raise click.UsageError("--type is of a synthetic history, so not with --event")
    history = history_of(event) if event is not None else []
    studio, files = _studio()
    if every:
        kept = _keep_all(studio, files, folder, dpi, seed)
    elif history:
        kept = [keep(studio.of_events(Kind(str(kind)), history, profile), folder, dpi)]
    else:
        asked = ApplicationType(asked_type) if asked_type else None
        kept = [keep(studio.of_specimens(Kind(str(kind)), profile, asked, seed), folder, dpi)]
    _show(kept, folder / CONTACT_SHEET if every else None, as_json=as_json)


def _check_usage(kind: str | None, *, every: bool, told: bool, of_one: bool) -> None:
    if every == bool(kind):
        there = ", ".join(KINDS)
        raise click.UsageError(f"give one KIND ({there}), an OFD file, or --all")
    if every and (told or of_one):
        raise click.UsageError("--all draws everything: not with --profile, --type or --event")


def _look(file: Path, folder: Path, dpi: int) -> Look:
    """NotFoundError: the file cannot be read."""
    data = read_file(file, package.MOST_BYTES)
    return look(file, data, folder, dpi, font_file(machine.settings().font_dirs, WEN_KAI.file))


def _studio() -> tuple[Studio, Files]:
    """What previews need of this machine: its faces and its profiles."""
    settings = machine.settings()
    files = font_files(settings.font_dirs)
    studio = Studio(
        fontbook=assemble(files),
        installed=load_profiles(settings.profiles_dir),
        verify_url=settings.verify_url,
        today=local_day(datetime.now(UTC)),
    )
    return studio, files


def _keep_all(studio: Studio, files: Files, folder: Path, dpi: int, seed: int) -> list[Kept]:
    """One document of each kind of each register, and the contact sheet of them."""
    kept = []
    with bar("documents") as progress:
        for each in keep_all(studio.everything(seed), folder, dpi, files[WEN_KAI.file]):
            kept.append(each)
            progress.advance(progress.task_ids[0])
    return kept


def _show(kept: list[Kept], contact: Path | None, *, as_json: bool) -> None:
    sheet = str(contact) if contact else None
    if as_json:
        print_json({"documents": [plain(each) for each in kept], "contact_sheet": sheet})
        return
    print_table(
        ("kind", "profile", "pages", "file", "note"),
        ((e.kind, e.profile, e.pages, e.pdf, _notes(e)) for e in kept),
    )
    if sheet:
        out.print(f"all first pages are in {sheet}", markup=False)


def _show_look(found: Look, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for picture in found.pictures:
        out.print(picture, markup=False)
    out.print(found.note, markup=False)


def _notes(kept: Kept) -> str:
    return "; ".join(f"would be held: {each}" for each in kept.notes)
