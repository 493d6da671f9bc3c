"""`enterprise`: how an enterprise's people stand, and how many of a rename have collected."""

from __future__ import annotations

from collections.abc import Iterator

import click

from factory.codes import credit_code_fault
from jobs import enterprise as view
from jobs import standing
from jobs.asker import Asker
from jobs.commands import machine
from jobs.commands.asking import asking
from jobs.commands.options import TEXT, json_option
from jobs.commands.output import local_time, out, print_json, print_table
from jobs.enterprise import LABELS, RegisterView, RenameView

RENAMES = (
    "batch",
    "state",
    "已领证 / 应领证",
    "已被后续换发",
    "生成中",
    "需处理",
    "无需换发",
    "old name",
    "new name",
)


class _CreditCode(click.ParamType[str]):
    """A unified social credit code (统一社会信用代码), GB 32100-2015."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code.  BadParameter: it breaks its rule."""
        if fault := credit_code_fault(value):
            self.fail(fault, param, ctx)
        return value


@click.command("enterprise")
@click.argument("code", type=_CreditCode())
@click.option("--profile", type=TEXT, help="In this register alone.")
@click.option(
    "--uncollected", is_flag=True, help="List the registrations not yet collected, in place of it."
)
@asking
@json_option
def enterprise(
    code: str, profile: str | None, uncollected: bool, asker: Asker, as_json: bool
) -> None:
    """How the people of the enterprise CODE stand, and who of a rename has collected (领证).

    CODE is its credit code (统一社会信用代码).  No names of people, and no files.

    \b
    Of each rename, whose figures never shrink because of a later one:
      已领证        collected, its certificate or a later one
      应领证        to be collected or collected; not those cancelled or expired before
      已被后续换发  of these, not collected yet: a later certificate takes its place
      生成中        being made, or waiting for it
      需处理        held for somebody
      无需换发      none was needed
    """
    plant = machine.plant()
    if uncollected:
        _show_uncollected(
            view.uncollected(plant, code, profile=profile, asker=asker), as_json=as_json
        )
        return
    found = view.overview(plant, code, profile=profile, asker=asker)
    if as_json:
        print_json(found)
        return
    for each in found.registers:
        _show(each)


def _show(found: RegisterView) -> None:
    out.print(f"{found.known.profile}: {found.known.name}", markup=False)
    for former in found.known.former_names:
        out.print(f"  曾用名 {former.name}, until {local_time(former.until)}", markup=False)
    counts = [(LABELS[state], count) for state, count in found.people.items() if count]
    print_table(("", ""), [("registrations in force", found.total), *counts])
    if found.renames:
        print_table(RENAMES, (tuple(_row(each)) for each in found.renames))


def _row(each: RenameView) -> Iterator[object]:
    yield each.rename.batch
    yield standing.BATCHES[each.rename.state]
    yield f"{each.collected} / {each.due}"
    yield each.items.replaced
    yield each.items.open
    yield each.items.held
    yield each.items.skipped
    yield each.rename.old_name
    yield each.rename.new_name


def _show_uncollected(found: list[view.Uncollected], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_table(("register", "注册编号"), ((each.profile, each.registration) for each in found))
