"""What all measurements have in common as commands: their options, and how their failures end."""

from __future__ import annotations

import sys
from typing import Any

import click

from factory.errors import FactoryError
from jobs.commands.exits import code_of
from jobs.variables import POSTGRESQL, database

SOME = click.IntRange(min=1)
ANY = click.IntRange(min=0)


class _Database(click.ParamType):
    name = "URL"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Of a PostgreSQL database; empty: SQLite."""
        try:
            url = database(value) if value else ""
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if url and not url.startswith(POSTGRESQL):
            self.fail("a postgresql:// URL is wanted; without it SQLite is measured", param, ctx)
        return url


DATABASE = _Database()


class Measurement(click.Command):
    """A command whose failures are told in a line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Exit codes are the product's; 1 where a file cannot be written."""
        try:
            return super().invoke(ctx)
        except FactoryError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(code_of(error))
        except OSError as error:
            click.echo(f"Error: {error.filename or 'this machine'}: {error.strerror}", err=True)
            sys.exit(1)
