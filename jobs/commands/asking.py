"""Who asks: the options of every command that shows or gives only what the asker may see."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TextIO

import click

from factory.access import Viewer
from factory.errors import FieldError
from jobs.asker import Asker, holder
from jobs.commands.files import read_words
from jobs.commands.options import TEXT

MAX_PAPER = 200  #: characters read of the file with the number
OPTIONS = (
    click.option(
        "--as", "viewer", type=click.Choice([each.value for each in Viewer]), default="counter",
        show_default=True, help="Who asks: what each may see is the profile's.",
    ),
    click.option(
        "--credit-code", type=TEXT, help="Of the enterprise that asks (统一社会信用代码)."
    ),
    click.option(
        "--paper", type=click.File("r", encoding="utf-8"),
        help="File with the number of the asking holder's identity paper (证件号), - for standard"
        " input; without it the number is asked for, unseen.  It is never an argument.",
    ),
    click.option(
        "--paper-type", type=TEXT, default="111", show_default=True,
        help="Kind of that identity paper (证件类型), GB/T 36903: 111 is 居民身份证.",
    ),
)  # fmt: skip


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options; it is given the ``asker``.

    Whoever types is trusted to have asked the holder or the enterprise who they are; the
    command line cannot.  An asker is bound to that one person or enterprise.
    """

    @functools.wraps(command)
    def asked(
        *args: Any, viewer: str, credit_code: str | None, paper: TextIO | None, paper_type: str,
        **options: Any,
    ) -> None:  # fmt: skip
        command(*args, asker=_asker(Viewer(viewer), credit_code, paper, paper_type), **options)

    for option in reversed(OPTIONS):
        asked = option(asked)
    return asked


def _asker(viewer: Viewer, credit_code: str | None, paper: TextIO | None, paper_type: str) -> Asker:
    if viewer is Viewer.ENTERPRISE and credit_code is None:
        raise click.UsageError("--as enterprise needs --credit-code")
    if viewer is not Viewer.HOLDER:
        return Asker(viewer=viewer, credit_code=credit_code)
    text = read_words(paper, MAX_PAPER, "--paper") if paper is not None else _asked_for()
    try:
        return holder(paper_type, text)
    except FieldError as error:
        raise click.UsageError(f"--as holder: {error}") from None


def _asked_for() -> str:
    text: str = click.prompt("Identity paper (证件号)", hide_input=True, err=True)
    return text
