"""The options of many commands, and the types of what is typed."""

from __future__ import annotations

import math
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from factory import tokens
from factory.codes import private_number_fault
from factory.model import SHANGHAI, ApplicationType


class _Text(click.ParamType[str]):
    """Text that says something and is UTF-8, whatever bytes the shell hands over."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text.  BadParameter: it is empty or no UTF-8."""
        if not value.strip():
            self.fail("is empty", param, ctx)
        if any("\ud800" <= char <= "\udfff" for char in value):
            self.fail("is not UTF-8 text", param, ctx)
        return value


class _Name(click.ParamType[str]):
    """What an operator or an access key's label may be called."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name.  BadParameter: it is none."""
        if not tokens.NAME.fullmatch(value):
            self.fail(tokens.NAME_RULE, param, ctx)
        return value


class _Reason(_Text):
    """Text that everybody may read: it is kept in the audit log and printed on reports."""

    name = "reason"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text.  BadParameter: it is none, or holds a number of a person."""
        text = super().convert(value, param, ctx)
        if fault := private_number_fault(text):
            self.fail(f"{fault}; the audit log and reports are kept, and read by many", param, ctx)
        return text


class _Time(click.ParamType[datetime]):
    """A moment: a day, or a day and a time; without an offset those of China."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment, aware.  BadParameter: it is none (ISO 8601)."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail("is no time such as 2026-11-21T12:00:00+08:00", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=SHANGHAI)


class Place(click.Path):
    """A file or folder that may not be there yet; nothing is no name of the folder one is in."""

    def __init__(self, **how: Any) -> None:
        super().__init__(path_type=Path, **how)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """The path.  BadParameter: it is empty, or of another kind."""
        if value == "":
            self.fail("is empty", param, ctx)
        return super().convert(value, param, ctx)


class Finite(click.FloatRange):
    """A number that one can reckon with: click takes nan for within any range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number.  BadParameter: it is none, or out of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number that is finite", param, ctx)
        return number


class _Ident(click.IntRange):
    """What the ledger counts with."""

    name = "number"


TEXT = _Text()
TIME = _Time()
NAME = _Name()
REASON = _Reason()
IDENT = _Ident(1, 2**63 - 1)
COUNT = _Ident(0, 2**63 - 1)

MOST_SEED = 99_999  #: of synthetic people

application_type_option = click.option(
    "--type", "asked_type", type=click.Choice([each.value for each in ApplicationType]),
    help="What is applied for (申请类别).  [default: the first of the register's that fits]",
)  # fmt: skip
seed_option = click.option(
    "--seed", type=click.IntRange(1, MOST_SEED), default=1, show_default=True,
    help="Another number, another synthetic person.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
reason_option = click.option(
    "--reason", required=True, type=REASON,
    help="Why; it is kept in the audit log with your account, and names nobody.",
)  # fmt: skip
token_option = click.option(
    "--token-file", type=Place(),
    help="File with your operator token (操作员令牌), closed to everybody else; it is never an"
    " argument.  [default: FACTORY_OPERATOR_TOKEN_FILE]",
)  # fmt: skip


def check_rejects(path: Path, source: Path | None, option: str = "--rejects") -> None:
    """Before the first event is taken: refused lines can be kept, and not over the events."""
    if source is not None and path.exists() and path.samefile(source):
        raise click.BadParameter(f"{path} is the file of the events", param_hint=option)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.BadParameter(f"{path} cannot be written", param_hint=option)
