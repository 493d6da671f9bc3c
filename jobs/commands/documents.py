"""`documents`: the forms, notices and slips of an application, and the list of a rename."""

from __future__ import annotations

from collections.abc import Sequence

import click

from factory.model import BatchId, Kind
from jobs import documents
from jobs.asker import Asker
from jobs.commands import machine
from jobs.commands.asking import asking
from jobs.commands.options import COUNT, IDENT, TEXT, json_option
from jobs.commands.output import print_json, print_table
from jobs.standing import of_document
from jobs.wording import KINDS, OWNERS
from storage.ledger.documents import DocumentView

NO_CERTIFICATE = [kind.value for kind in Kind if kind is not Kind.CERTIFICATE]


@click.command("documents")
@click.argument("number", type=TEXT, required=False)
@click.option("--batch", type=IDENT, help="The documents of a bulk event instead.")
@click.option("--link", "kind", type=click.Choice(NO_CERTIFICATE), help="Print a link to this one.")
@click.option("--revision", type=IDENT, help="Of an earlier revision, even if it is void.")
@click.option("--step", type=COUNT, help="Of a form, with so many signatures; 0: none.")
@click.option("--profile", type=TEXT, help="Of which register, where several have one.")
@asking
@json_option
def documents_command(
    number: str | None,
    batch: int | None,
    kind: str | None,
    revision: int | None,
    step: int | None,
    profile: str | None,
    asker: Asker,
    as_json: bool,
) -> None:
    """The documents of application NUMBER (受理编号): form, notice, slip; or a link to one.

    With --batch: the result list (企业更名结果) of a rename.
    """
    if (number is None) == (batch is None):
        raise click.UsageError("give an acceptance number or --batch, not both")
    if kind is None and (revision, step, profile) != (None, None, None):
        raise click.UsageError("--revision, --step and --profile go with --link")
    plant = machine.plant()
    if kind is not None:
        found = documents.link(
            plant,
            number if number is not None else BatchId(batch or 0),
            Kind(kind),
            who=machine.who(),
            revision=revision,
            step=step,
            profile=profile,
            asker=asker,
        )
        print_json(found) if as_json else click.echo(found.url)
    elif number is not None:
        _show(documents.of_application(plant, number, asker=asker), as_json=as_json)
    else:
        _show(documents.of_batch(plant, BatchId(batch or 0), asker=asker), as_json=as_json)


def _show(found: Sequence[DocumentView], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_table(
        ("document", "文书", "revision", "signed", "状态", "whose turn", "made", "bytes", "file"),
        (
            (
                each.kind.value,
                KINDS[each.kind],
                each.revision or "",
                (each.file.step or "") if each.file else "",
                (stand := of_document(each)).label + (f" ({stand.why})" if stand.why else ""),
                OWNERS[stand.owner],
                each.made_at or "",
                each.file.size_bytes if each.file else "",
                each.file_name,
            )
            for each in found
        ),
    )
