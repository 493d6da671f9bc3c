"""The group of all commands: each is imported when it is given, so that lists are quick."""

from __future__ import annotations

import pkgutil
from typing import Any

import click

from factory.errors import FactoryError
from jobs.commands.exits import code_of
from jobs.commands.output import err


class Later(click.Command):
    """What help and completion say of a command; `found` imports the command itself.

    place: its module in this package and its name there, `module:name`.
    says:  the first sentence of its own help.
    """

    def __init__(self, name: str, place: str, says: str) -> None:
        super().__init__(name, help=says)
        self.place = place

    def found(self) -> click.Command:
        """The command, with all that it imports."""
        command: click.Command = pkgutil.resolve_name(f"{__package__}.{self.place}")
        return command


class Commands(click.Group):
    """A group whose foreseen failures are one line and an exit code, never a traceback."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is given, and what is left for it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.found() if isinstance(command, Later) else command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FactoryError as error:
            err.print("[bold red]error[/]: ", end="")
            err.print(str(error), markup=False)
            ctx.exit(code_of(error))
