"""`demo`: the demonstration, told as it goes, and its documents in a table."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import click
from rich.progress import Progress

from factory.model import Kind
from jobs import demo, logs
from jobs.commands.exits import REFUSED
from jobs.commands.options import Place, json_option
from jobs.commands.output import err, out, print_json, print_table
from jobs.commands.progress import bar
from jobs.demo_rename import Renamed
from jobs.gallery import CONTACT_SHEET
from jobs.settings import Settings
from jobs.wording import KINDS

EXAMPLES = Path(__file__).parents[2] / "tests" / "examples"
CHECKER = Path(__file__).parents[2] / "docs" / "check_proof.py"


@click.command("demo")
@click.option(
    "--out", type=Place(), default=Path("var/demo"), show_default=True,
    help="Folder for the documents and summary.json; emptied first.",
)  # fmt: skip
@click.option(
    "--examples", type=click.Path(path_type=Path, exists=True), default=EXAMPLES,
    help="Folder with the example events.",
)  # fmt: skip
@json_option
def demo_command(out: Path, examples: Path, as_json: bool) -> None:
    """Issue the example certificates, rename an enterprise, collect, download and verify.

    First the story of each register is told, from the first event to the last state; last comes
    the rename: previewed, confirmed, watched, reported and proved.

    Everything runs on this machine, on loopback, and is stopped at the end.
    """
    logs.configure("error")
    with bar("certificates") as progress:
        settings = Settings.from_env(os.environ)
        shown = demo.run(settings, examples, CHECKER, out.absolute(), _Screen(progress))
    if as_json:
        print_json(shown)
    else:
        _show_documents(shown.documents, out)
        _show_stories(shown.stories, out)
        _show_rename(shown.renamed, out)
    if not shown.all_well:
        sys.exit(REFUSED)


COLUMNS = (
    *("register", "document", "文书", "format"),
    *("made", "verdict", "linked", "kB", "for example"),
)


class _Screen:
    """Tells on stderr, with a bar only on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.most = progress, 0

    def step(self, text: str) -> None:
        err.print(f"· {text}", soft_wrap=True)
        self.most = 0

    def left(self, orders: int) -> None:
        self.most = max(self.most, orders)
        [task] = self.progress.task_ids
        self.progress.update(task, total=self.most or None, completed=self.most - orders)


def _show_documents(documents: Sequence[demo.Document], folder: Path) -> None:
    """One line for each kind a register gives out; summary.json has them one by one."""
    order = {profile: n for n, profile in enumerate(dict.fromkeys(d.profile for d in documents))}
    documents = sorted(
        documents,
        key=lambda doc: (order[doc.profile], list(Kind).index(Kind(doc.kind)), doc.format),
    )
    groups = groupby(documents, key=lambda doc: (doc.profile, doc.kind, doc.format))
    print_table(
        COLUMNS,
        (_row(*of, list(group)) for of, group in groups),
    )
    out.print(f"\n{len(documents)} documents in {folder}/; summary.json has each with its link,")
    out.print("or why there is none: links are for what stands, and is collected")
    out.print(f"one of each on {folder / CONTACT_SHEET}\n")


def _row(profile: str, kind: str, fmt: str, documents: Sequence[demo.Document]) -> Sequence[object]:
    verdicts = Counter(doc.verdict for doc in documents)
    sizes = sorted(doc.size_bytes for doc in documents)
    return (
        profile,
        kind,
        KINDS[Kind(kind)],
        fmt,
        len(documents),
        ", ".join(f"{count} {word}" for word, count in verdicts.items()),
        sum(doc.link is not None for doc in documents),
        f"{sizes[0] / 1000:.0f}-{sizes[-1] / 1000:.0f}",
        documents[-1].file,
    )


def _show_stories(told: Sequence[demo.StoryTold], folder: Path) -> None:
    print_table(
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


def _show_rename(renamed: Renamed, folder: Path) -> None:
    """The last act, line by line."""
    out.print(f"\n企业更名 {renamed.old_name} -> {renamed.new_name} (batch {renamed.batch})")
    print_table(
        ("", ""),
        (
            ("preview", ", ".join(str(folder / each) for each in renamed.pictures)),
            ("confirmed", f"{renamed.done} made in {renamed.seconds:.1f} s"),
            ("items", f"{renamed.total}: {renamed.done} done, {renamed.skipped} skipped,"
                      f" {renamed.held} held; {renamed.missed} missed"),
            ("report", folder / renamed.report),
            ("sealed report", ", ".join(str(folder / each) for each in renamed.sealed)),
            ("proof, checked offline", renamed.checked),
            ("the old file", renamed.old_file),
            ("a link to the old edition", f"none: {renamed.old_link}"),
            *(("FAULT", fault) for fault in renamed.faults),
        ),
    )  # fmt: skip
