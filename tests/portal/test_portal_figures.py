"""What a door that stands alone tells Prometheus: what it counted, at a port of its own."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from factory import specimen
from tests.portal.doors import CITY, Door, accepted, hand_in, of


class Told:
    """What the door's exporter says, and how much of it is new since this was made."""

    def __init__(self, door: Door) -> None:
        settings = door.plant.settings
        self._url = f"http://{settings.metrics_host}:{settings.http_metrics_port}/metrics"
        self._before = self._all()

    def __call__(self, name: str, **labels: str) -> float:
        """How much the series with just these labels has grown."""
        key = (name, frozenset(labels.items()))
        return self._all().get(key, 0.0) - self._before.get(key, 0.0)

    @property
    def names(self) -> set[str]:
        """All metrics that it tells of."""
        return {name for name, _ in self._all()}

    def _all(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        text = httpx.get(self._url, trust_env=False).raise_for_status().text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture
def told(door: Door) -> Told:
    return Told(door)


def test_events_are_told_by_what_became_of_them(door: Door, told: Told) -> None:
    event = specimen.approved(next(door.seeds))

    accepted(hand_in(door.city, event))
    hand_in(door.city, event)
    hand_in(door.city, of(CITY, specimen.approved(next(door.seeds))) | {"specversion": "9"})

    grown = {each: told("factory_events_total", outcome=each) for each in OUTCOMES}
    assert grown == {"accepted": 1, "duplicate": 1, "refused": 1, "held": 0}


OUTCOMES = ("accepted", "held", "duplicate", "refused")


def test_questions_of_anybody_are_told_by_how_they_asked_and_what_they_heard(
    door: Door, told: Told
) -> None:
    door.client().get("/v/AAAAA-AAAAA-AAAAA-AAAAA")

    assert told("factory_verifications_total", by="code", status="unknown") == 1


def test_it_looks_at_no_neighbour(told: Told) -> None:
    assert "factory_http_requests_total" in told.names
    assert told.names.isdisjoint({"factory_ledger_up", "factory_store_up", "factory_held"})
