"""Who asks: the options of every command that shows only what the asker may see."""

from __future__ import annotations

import click

from factory.access import Viewer
from jobs.commands.options import TEXT
from jobs.enquiry import Asker

as_option = click.option(
    "--as", "viewer", type=click.Choice([each.value for each in Viewer]), default="counter",
    show_default=True, help="Who asks: what each may see is the profile's.",
)  # fmt: skip
credit_code_option = click.option(
    "--credit-code", type=TEXT, help="Of the enterprise that asks (统一社会信用代码)."
)


def asker_of(viewer: str, credit_code: str | None) -> Asker:
    if viewer == Viewer.ENTERPRISE and credit_code is None:
        raise click.UsageError("--as enterprise needs --credit-code")
    return Asker(viewer=Viewer(viewer), credit_code=credit_code)
