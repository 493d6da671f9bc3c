"""Rollover (换章): a register gets another seal while workers and signer are killed; none is lost.

``ROLLOVER=10000`` issues so many; what took how long is printed (``-s``) and judged by people.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from factory import specimen, verify
from factory.model import BatchId, BatchState, EditionState
from factory.verify_verdict import VerdictWord
from jobs import retiring, sealed_by
from jobs.drill.evidence import assert_counts
from jobs.embedded import Embedded
from jobs.sealed_by import Asked
from jobs.signer import journal
from jobs.wiring import Plant
from storage import tables as t
from storage.new_keyring import add_test_identities
from storage.testca import Ended

from .campaign import PROFILE, Campaign, profiles_with_next_version
from .works import Works, at_work

SIZE = int(os.environ.get("ROLLOVER", "1000"))  #: certificates, at least
TAKEN_OVER = SIZE * 7 // 5  #: registrations: some are cancelled, some on paper
SUCCESSOR = f"{PROFILE}-2"
REPLACED, AUTHORITY = "2026-02", "上海市住房和城乡建设管理委员会"
KILLED = ("bulk-0", "signer", "bulk-1", "signer", "control-0", "signer", "bulk-0")
SAMPLE = 40  #: files verified whole, of each seal
pytestmark = pytest.mark.timeout(900 + SIZE / 2)

USUAL = {
    "LEASE_SECONDS": "10",
    "HEARTBEAT_MS": "5000",
    "RECONCILE_SECONDS": "2",
    "RELAY_MS": "100",
    "CHUNK_ITEMS": "25",
    "SLICE_ITEMS": "5000",
    "INTERACTIVE_WORKERS": "1",
    "BULK_WORKERS": "2",
}


@dataclass
class Rollover:
    """A register under its first seal, and what is done to give it the second."""

    works: Works
    folder: Path
    chance: random.Random = field(default_factory=lambda: random.Random(12))  # noqa: S311

    @property
    def campaign(self) -> Campaign:
        """What it has in common with any other bulk event over a register."""
        return Campaign(works=self.works, size=TAKEN_OVER)

    @property
    def plant(self) -> Plant:
        """Keys, rules and roots as they are on disk now."""
        return Plant(self.works.plant.settings)

    def begin(self) -> tuple[BatchId, int]:
        """Everybody has a certificate under the first seal."""
        campaign = self.campaign
        campaign.take_over()
        return self.issue(campaign.prepare())

    def issue(self, batch: BatchId, killed: tuple[str, ...] = ()) -> tuple[BatchId, int]:
        """The batch runs to its end while these are killed, one after another; how many it made."""
        campaign = self.campaign
        campaign.confirm(batch)
        with campaign.stage(f"batch {batch}"):
            for turn, member in enumerate(killed, 1):
                campaign.until_share(batch, turn / (len(killed) + 2), SIZE)
                self.kill(member)
            found = campaign.until(batch, lambda now: now.state is BatchState.COMPLETED)
        assert found.done >= SIZE and (found.held, found.pending) == (0, 0), found
        return batch, found.done

    def kill(self, member: str) -> None:
        """kill -9, at a moment nobody chose."""
        if member == "signer":
            self.campaign.fault("kill -9 signer")
            self.works.signal("signer", signal.SIGKILL)
        else:
            self.campaign.kill(member)

    def install_successor(self) -> None:
        """The new seal in the keyring, the version that names it among the profiles."""
        home = self.works.settings.keyring_dir
        picture = (home / "identities" / PROFILE / "seal.png").read_bytes()
        add_test_identities(
            home,
            identities={SUCCESSOR: AUTHORITY},
            now=datetime.now(UTC),
            draw_seal=lambda _: picture,
        )
        before = (self.folder / "profiles" / f"{PROFILE}-2026.toml").read_text("utf-8")
        after = before.replace('version = "2026-01"', f'version = "{REPLACED}"')
        after = after.replace("effective_from = 2026-01-01", "effective_from = 2026-02-01")
        after = after.replace(f'identity = "{PROFILE}"', f'identity = "{SUCCESSOR}"')
        assert SUCCESSOR in after and REPLACED in after
        (self.folder / "profiles" / f"{PROFILE}-{REPLACED}.toml").write_text(after, "utf-8")

    def restart(self) -> None:
        """Every process reads keys and profiles anew."""
        for member in ("signer", "bulk-0", "bulk-1", "interactive-0", "control-0", "steward"):
            self.works.signal(member, signal.SIGKILL)
        self.works.plant = self.plant

    def replace_seal(self) -> BatchId:
        """authority.seal_replaced: everybody is to have the new seal."""
        event = specimen.of_version("authority.seal_replaced", 2)
        event["data"] |= {"profile": PROFILE, "version": REPLACED}
        outcome = self.works.submit(event)
        assert outcome.batch is not None, outcome
        batch = BatchId(outcome.batch)
        self.works.until_state(batch, BatchState.AWAITING)
        return batch


@pytest.fixture
def rollover(servers: Embedded, tmp_path: Path) -> Iterator[Rollover]:
    profiles = profiles_with_next_version(tmp_path / "profiles")
    folder = tmp_path / "works"
    variables = USUAL | {
        "PROFILES_DIR": str(profiles),
        "KEYRING_DIR": str(tmp_path / "keyring"),
        "SIGNER": f"unix:{folder}/signer/socket",
    }
    with at_work(servers, folder, **variables) as works:
        yield Rollover(works=works, folder=tmp_path)


def test_a_register_gets_another_seal_though_workers_and_signer_are_killed(
    rollover: Rollover,
) -> None:
    works, (first, count) = rollover.works, rollover.begin()
    [old] = sealed_with(works.plant, first)
    rollover.install_successor()
    rollover.restart()

    second, anew = rollover.issue(rollover.replace_seal(), killed=KILLED)
    works.settle()

    [new] = sealed_with(works.plant, second)
    assert old != new and anew == count
    assert_counts(works.plant)
    assert nobody_has_two_identities(works.plant) == 2 * count
    assert standing(works.plant) == {
        EditionState.SUPERSEDED: count,
        EditionState.UNCOLLECTED: count,
    }
    assert journal.read(works.settings.data_dir / "signer").broken is None

    assert list(sealed_by.standing(works.plant, Asked(key=PROFILE))) == []
    assert retiring.retire(works.plant, PROFILE) == []
    assert verdicts(rollover, old) == verdicts(rollover, new) == {VerdictWord.VALID: SAMPLE}

    issued = [each.made_at for each in sealed_by.listed(works.plant, Asked(key=PROFILE))]
    revoke(rollover, PROFILE, min(issued))  # the old key was stolen before all of them
    assert verdicts(rollover, old) == {VerdictWord.UNTRUSTED: SAMPLE}
    assert verdicts(rollover, new) == {VerdictWord.VALID: SAMPLE}


def revoke(rollover: Rollover, name: str, since: datetime) -> None:
    """The test CA's list says so from now on."""
    keyring = rollover.plant.keyring
    ended = Ended(serial=0, at=since, reason="keyCompromise")
    assert keyring.revoke_test_identity(name, ended, now=datetime.now(UTC))


def sealed_with(plant: Plant, batch: BatchId) -> set[str]:
    """The certificates that sealed what a batch has made."""
    o, f = t.production_order.c, t.file.c
    wanted = (
        select(f.signing_cert_sha256)
        .join(t.production_order, o.id == f.order_id)
        .where(o.batch_id == batch, o.kind == "certificate")
        .distinct()
    )
    with plant.ledger.read() as tx:
        return set(tx.run(wanted).scalars())


def nobody_has_two_identities(plant: Plant) -> int:
    """How many certificates there are, each sealed by the identity that its order promised."""
    known = {each.fingerprint: each.name for each in plant.keyring.identities()}
    o, f = t.production_order.c, t.file.c
    wanted = (
        select(o.id, o.identity, f.signing_cert_sha256)
        .join(t.file, f.order_id == o.id)
        .where(o.kind == "certificate")
    )
    with plant.ledger.read() as tx:
        rows = tx.run(wanted).all()
    assert {known[row.signing_cert_sha256] == row.identity for row in rows} == {True}
    certificates = Counter((row.id, row.signing_cert_sha256) for row in rows)
    assert len(certificates) == len({order for order, _ in certificates})
    return len(certificates)


def standing(plant: Plant) -> dict[EditionState, int]:
    """Editions that were made here, by state."""
    c = t.edition.c
    with plant.ledger.read() as tx:
        found = tx.run(select(c.state).where(c.made_at.is_not(None), c.code.is_not(None))).scalars()
        return {EditionState(state): count for state, count in Counter(found).items()}


def verdicts(rollover: Rollover, certificate: str) -> dict[VerdictWord, int]:
    """On some files of a certificate, as anybody is told today."""
    plant = rollover.plant
    keys, f = plant.keyring, t.file.c
    with plant.ledger.read() as tx:
        wanted = select(f.object_key).where(f.signing_cert_sha256 == certificate)
        drawn = rollover.chance.sample(sorted(tx.run(wanted).scalars()), SAMPLE)
    return Counter(
        verify.verify(
            plant.store.get(key),
            keys.trust_roots(),
            issuers=keys.seal_issuers(),
            now=datetime.now(UTC),
            revocations=keys.revocations(),
        ).verdict
        for key in drawn
    )
