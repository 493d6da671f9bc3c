"""The register: what a registration is, folded from what happened to it.

The fold orders facts by (effective day, source, event id), so any arrival order of the same
facts gives the same view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from factory.model import Period, Profession


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One event's effect on one registration."""

    effective: date
    source: str
    event_id: str
    type: str
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the register says today of a registration, but for the holder and the employer."""

    professions: tuple[Profession, ...]
    photo: str | None = None  #: keyed digest of the normalised picture

    @property
    def valid_until(self) -> date:
        """The last day of the profession that ends last."""
        return max(profession.validity.last for profession in self.professions)


def fold(facts: Iterable[Fact]) -> View:
    """The view after all facts; ValueError when there is none.

    Each fact of this register so far (imported, initial approval) states the whole view, so
    the last one in order stands; a photo once known is kept when a later fact has none.
    """
    ordered = sorted(facts, key=lambda fact: (fact.effective, fact.source, fact.event_id))
    view: View | None = None
    for fact in ordered:
        photo = fact.view.photo or (view.photo if view else None)
        view = View(professions=fact.view.professions, photo=photo)
    if view is None:
        raise ValueError("a registration begins with a fact")
    return view


def to_json(view: View) -> dict[str, object]:
    """Plain JSON, for the ledger."""
    return {
        "photo": view.photo,
        "professions": [
            {
                "name": profession.name,
                "first": profession.validity.first.isoformat(),
                "last": profession.validity.last.isoformat(),
                "main": profession.main,
            }
            for profession in view.professions
        ],
    }


def from_json(data: Mapping[str, Any]) -> View:
    """The inverse of ``to_json``."""
    return View(
        photo=data["photo"],
        professions=tuple(
            Profession(
                name=item["name"],
                validity=Period(
                    first=date.fromisoformat(item["first"]), last=date.fromisoformat(item["last"])
                ),
                main=item["main"],
            )
            for item in data["professions"]
        ),
    )
