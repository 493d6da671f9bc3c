"""Approvals of a register whose certificates are OFD and PDF, as its upstream tells them."""

from __future__ import annotations

from collections.abc import Sequence

from factory import courses
from factory.courses import Case
from factory.model import ApplicationType
from jobs.wiring import Plant
from tests.plants import submit

GANSU = "gansu-constructor"


def case(plant: Plant, seed: int = 1) -> Case:
    """Somebody's first registration."""
    rules = plant.profiles[GANSU].all[-1]
    return Case(profile=rules, kind=ApplicationType.INITIAL, seed=seed)


def approve(plant: Plant, seed: int = 1) -> str:
    """All of it that leads to a certificate; the registration number."""
    told: Sequence[dict[str, object]] = courses.course(case(plant, seed))
    numbers = [submit(plant, each).registration for each in told if matters(each)]
    return [number for number in numbers if number][-1]


def matters(event: dict[str, object]) -> bool:
    """Whether an event orders something, or lets it go on."""
    data = event["data"]
    assert isinstance(data, dict)
    approving = event["type"] in {"registration.approved", "enterprise.renamed"}
    return approving or data.get("outcome") == "announced"
