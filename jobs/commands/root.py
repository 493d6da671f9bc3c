"""The group of all commands."""

from __future__ import annotations

from typing import Any

import click

from factory.errors import FactoryError
from jobs.commands.exits import code_of
from jobs.commands.output import err


class Commands(click.Group):
    """A group whose foreseen failures are one line and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FactoryError as error:
            err.print(f"[bold red]{type(error).__name__}[/]: ", end="")
            err.print(str(error), markup=False)
            ctx.exit(code_of(error))
