"""A whole register is issued anew while workers die, the broker forgets, the database restarts.

``CAMPAIGN=100000`` takes over so many, in chunks as in production.  Rates,
memory and waits are printed (``-s``), and judged by people.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import make_url

from factory.model import BatchState
from jobs.bulk import progress
from jobs.drill.evidence import assert_counts
from jobs.embedded import Embedded
from jobs.servers import Server
from storage import schema

from .campaign import (
    Approvals,
    Campaign,
    assert_files_verify,
    assert_nothing_is_lost,
    forecast,
    percentile,
    profiles_with_next_version,
    say,
)
from .gauges import Gauges, watched
from .works import Works, at_work

ASKED = int(os.environ.get("CAMPAIGN", "0"))
SIZE = ASKED or 700  #: registrations taken over
ELSEWHERE = ASKED or 250  #: the same on the other database
SAMPLE = 200 if ASKED else 60  #: files verified whole
MADE_EACH = 100  #: registrations, one approval at least
MOST_ASKED = 20  #: and no more than these are wanted
pytestmark = pytest.mark.timeout(600 + SIZE / 5)
MAKERS = ("interactive", "bulk", "control", "steward")

#: as in production, but for a lease that ends while a test waits
USUAL = {
    "LEASE_SECONDS": "10",
    "HEARTBEAT_MS": "5000",
    "RECONCILE_SECONDS": "2",
    "RELAY_MS": "100",
    "CHUNK_ITEMS": "100" if ASKED else "20",  #: so that there are many for every fault
    "SLICE_ITEMS": "5000",
    "INTERACTIVE_WORKERS": "1",
    "BULK_WORKERS": "2",
}


@pytest.fixture
def quiet() -> Iterator[None]:
    """Only what is wrong is told beside the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


def test_a_register_is_issued_anew_whatever_happens_to_the_factory(
    servers: Embedded, tmp_path: Path, quiet: None
) -> None:
    with at_work(servers, tmp_path / "works", **_usual(tmp_path)) as works, watched() as gauges:
        _campaign(works, gauges, None, SIZE)


def test_it_is_on_postgresql_too_though_the_database_crashes(
    servers: Embedded, tmp_path: Path, quiet: None, request: pytest.FixtureRequest
) -> None:
    postgres, name = request.getfixturevalue("postgres"), f"t{uuid.uuid4().hex[:12]}"
    schema.fresh_namespace(postgres.url, name)
    variables = _usual(tmp_path) | {"DB_URL": _kept(schema.in_namespace(postgres.url, name))}
    with at_work(servers, tmp_path / "works", **variables) as works, watched() as gauges:
        _campaign(works, gauges, postgres.server, ELSEWHERE)


def _kept(url: str) -> str:
    """Of a PostgreSQL whose crash takes nothing back that was committed."""
    given = make_url(url)
    options = f"{given.query['options']} -csynchronous_commit=on"
    return given.update_query_dict({"options": options}).render_as_string(hide_password=False)


def _usual(folder: Path) -> dict[str, str]:
    return USUAL | {"PROFILES_DIR": str(profiles_with_next_version(folder / "profiles"))}


def _campaign(works: Works, gauges: Gauges, database: Server | None, size: int) -> None:
    campaign = Campaign(works=works, size=size)
    say(f"{size} registrations, {'SQLite' if database is None else 'PostgreSQL'}")
    campaign.take_over()
    batch = campaign.prepare()
    foreseen = forecast(works.plant, batch)
    say(f"forecast: {dict(foreseen)}")
    spent = gauges.cpu_seconds(*MAKERS)
    approvals = Approvals(works, pause_seconds=campaign.pause_seconds)
    with approvals.flowing():
        campaign.confirm(batch)
        with campaign.stage("run"):
            expected = foreseen["made"]
            campaign.until_share(batch, 0.1, expected)
            campaign.kill("bulk-0")
            campaign.until_share(batch, 0.25, expected)
            campaign.flush()
            campaign.until_share(batch, 0.4, expected)
            campaign.pause_and_resume(batch, lambda: campaign.kill("bulk-1"))
            campaign.until_share(batch, 0.55, expected)
            campaign.restart_database(database)
            campaign.until_share(batch, 0.7, expected)
            campaign.kill("interactive-0")
            campaign.kill("bulk-0")
            found = campaign.until(batch, lambda now: now.state is BatchState.COMPLETED)
    assert not approvals.failed, approvals.failed
    cpu = gauges.cpu_seconds(*MAKERS) - spent
    works.settle()

    assert (found.pending, found.ordered, found.held) == (0, 0, 0)
    assert found.done == expected
    assert found.total == foreseen.total() == found.done + found.skipped
    assert found.skips == {why: n for why, n in foreseen.items() if why != "made"}
    assert len(approvals.taken) >= min(size // MADE_EACH, MOST_ASKED)
    assert_counts(works.plant)
    assert_nothing_is_lost(works.plant, batch)
    say(f"{assert_files_verify(works.plant, SAMPLE, campaign.chance)} files verified whole")
    _tell(campaign, gauges, approvals, found, cpu)


def _tell(
    campaign: Campaign, gauges: Gauges, approvals: Approvals, found: progress.Progress, cpu: float
) -> None:
    ran = campaign.stages["run"]
    made = found.done + len(approvals.taken)
    say(
        f"{found.done} made in {ran:.1f} s with all faults: {60 * found.done / ran:.0f} a minute,"
        f" {1000 * cpu / made:.1f} CPU ms each"
    )
    faults = [when for when, _ in campaign.faults]
    for what, seconds in (
        ("all", approvals.seconds()),
        ("away from faults", approvals.seconds(undisturbed_by=faults)),
    ):
        say(
            f"approvals, {what}: {len(seconds)}, p50 {percentile(seconds, 0.5):.2f} s,"
            f" p99 {percentile(seconds, 0.99):.2f} s, most {percentile(seconds, 1.0):.2f} s"
        )
    for role, peak in sorted(gauges.peaks.items()):
        early, late = gauges.growth(role)
        say(f"memory of {role}: peak {peak:.0f} MiB, then {early:.0f}, at the end {late:.0f}")
