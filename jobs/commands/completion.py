"""`completion`: the script by which a shell completes what is typed."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell: eval "$(certfactory completion bash)"."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click ships all three
    click.echo(kind(ctx.find_root().command, {}, "certfactory", "_CERTFACTORY_COMPLETE").source())
