"""What stands in addresses: numbers and ids, bounded; nothing of it names a person."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator

from factory.events.text import broken, hidden_characters


def _visible(text: str) -> str:
    """The text.  PydanticCustomError: part of it cannot be seen, or is half a character."""
    if hidden := hidden_characters(text):
        raise broken(f"holds control or invisible characters: {', '.join(hidden)}")
    return text


Visible = Annotated[str, AfterValidator(_visible)]
EventId = Annotated[Visible, Path(min_length=1, max_length=255, description="The event's `id`.")]
RegistrationNumber = Annotated[
    Visible, Path(min_length=1, max_length=64, description="注册编号, in either spelling.")
]
AcceptanceNumber = Annotated[Visible, Path(min_length=1, max_length=64, description="受理编号.")]
CreditCode = Annotated[
    Visible,
    Path(min_length=18, max_length=18, description="统一社会信用代码, GB 32100-2015."),
]
RowNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
BatchNumber = RowNumber
Token = Annotated[Visible, Path(min_length=1, max_length=128)]
ProfileName = Annotated[
    Visible | None, Query(min_length=1, max_length=48, description="In this register alone.")
]
