"""Faces as they are stored: versioned JSON that is checked when it is read; times as printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from factory.errors import FieldError
from factory.model import SHANGHAI
from factory.profile import Profile


class Part(BaseModel):
    """A part of a face; never shows its values in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Authority(Part):
    """Who issues the document, and the two lines under the seal."""

    name: str
    lines: tuple[str, str]

    @classmethod
    def of(cls, profile: Profile) -> Authority:
        """That of a register."""
        return cls(name=profile.authority.name, lines=profile.authority.lines)


class StoredFace(Part):
    """What all faces begin with."""

    version: int


F = TypeVar("F", bound=StoredFace)


def checked(model: type[F], version: int, stored: Mapping[str, object] | StoredFace) -> F:
    """A stored face, checked; one that was read already is as it is.

    FieldError: a field is missing or of another version.
    """
    if isinstance(stored, model):
        return stored
    try:
        face = model.model_validate(stored)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FieldError(f"face.{where}", f"face version {version}", first["type"]) from None
    if face.version != version:
        raise FieldError("face.version", f"face version {version}", "another version")
    return face


def twin(face: Mapping[str, object]) -> bytes:
    """The machine-readable twin (照面信息): the face as JSON in one spelling."""
    text = json.dumps(face, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def local(moment: datetime) -> datetime:
    """That moment in China."""
    return moment.astimezone(SHANGHAI)


def chinese_day(day: date) -> str:
    """``2018年4月9日``."""
    return f"{day.year}年{day.month}月{day.day}日"


def chinese_time(moment: datetime) -> str:
    """``2018年4月9日 15:36:00``: month and day without zeros, 24 hours, in China."""
    here = local(moment)
    return f"{chinese_day(here.date())} {here:%H:%M:%S}"


def file_name(title: str, moment: datetime) -> str:
    """``二级造价工程师初始注册申请表_20211202145212.pdf``."""
    return f"{title}_{local(moment):%Y%m%d%H%M%S}.pdf"
