"""Certificates made by workers that hold no key: sealed through the signer process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from factory import courses, verify
from factory.errors import SealPolicyError
from factory.model import BatchId, BatchState, Format, OrderState
from factory.seals.signer import AccountableSigner
from factory.verify_verdict import VerdictWord
from jobs import desk, doctor, exporter
from jobs.bulk import confirming, steps
from jobs.log import heads
from jobs.log.heads import HeadSigner
from jobs.log.sequencing import append_all
from jobs.settings import Settings
from jobs.signer import journal
from jobs.signer.switch import Switch
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import log
from tests.jobs.bulking import at
from tests.jobs.in_two_formats import GANSU, approve, case, matters
from tests.plants import WHO, produce, submit
from tests.signer_running import (
    Running,
    asking,
    certificate_of,
    cli,
    digests,
    running,
    settings_in,
    without_secrets,
)
from tests.telling import whole_factory

PEOPLE = 6  #: enough that a press is compiled for their chunk


@pytest.fixture
def whole(tmp_path: Path, s3: Settings) -> Plant:
    """A factory whose processes open their keys themselves."""
    return whole_factory(tmp_path / "workers", s3)


@pytest.fixture
def process(whole: Plant, tmp_path: Path) -> Iterator[Running]:
    """A process with a keyring of its own: the keys of that factory."""
    held = shutil.copytree(whole.settings.keyring_dir, tmp_path / "held")
    with running(settings_in(tmp_path / "holding", KEYRING_DIR=str(held))) as found:
        yield found


@pytest.fixture
def plant(whole: Plant, process: Running) -> Plant:
    """The same factory, whose keyring has no private key any more."""
    own = without_secrets(whole.settings.keyring_dir)
    return Plant(asking(whole.settings, own, process))


# --- saying it shortly ------------------------------------------------------------------------


def renaming(plant: Plant) -> BatchId:
    """A rename of colleagues whose certificates are made, confirmed and begun."""
    for event in filter(matters, courses.renaming(case(plant))):
        batch = submit(plant, event).batch
        produce(plant)
    assert batch is not None
    steps.advance(plant, BatchId(batch))
    confirming.confirm(plant, BatchId(batch), who=WHO, why="a test")
    return BatchId(batch)


def run(plant: Plant, batch: BatchId) -> None:
    for _ in range(12):
        steps.advance(plant, batch)
        produce(plant)


def had_its_share(plant: Plant, batch: BatchId) -> None:
    """As many signatures as a batch may be ahead."""
    signer = plant.keyring.seal(GANSU, Format.PDF).signer
    assert isinstance(signer, AccountableSigner)
    signer.for_purpose(certificate_of(GANSU, str(batch))).sign_digests(digests(300))


def states(plant: Plant) -> list[str]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.production_order.c.state)).scalars())


def files(plant: Plant) -> dict[str, str]:
    """Fingerprint of the signing certificate, by key."""
    with plant.ledger.read() as tx:
        rows = tx.run(select(t.file.c.object_key, t.file.c.signing_cert_sha256))
        return {row.object_key: row.signing_cert_sha256 for row in rows}


def releases(plant: Plant) -> int:
    with plant.ledger.read() as tx:
        return int(tx.run(select(func.sum(t.chunk.c.released))).scalar_one())


def signed(process: Running) -> list[journal.Entry]:
    found = journal.read(process.settings.signer_dir)
    assert (found.broken, found.torn) == (None, 0)
    return [each for each in found.entries if each["outcome"] == "signed"]


def outcomes(process: Running) -> set[str]:
    return {str(each["outcome"]) for each in journal.read(process.settings.signer_dir).entries}


# --- sealed -----------------------------------------------------------------------------------


def test_both_files_of_a_certificate_are_sealed_by_workers_without_a_key(
    plant: Plant, process: Running
) -> None:
    approve(plant)

    produce(plant)

    made = files(plant)
    assert sorted(key.rpartition(".")[2] for key in made) == ["ofd", "pdf"]
    for key, fingerprint in made.items():
        keys = plant.keyring
        data = plant.store.get(key)
        verdict = verify.verify(data, keys.trust_roots(), issuers=keys.seal_issuers())
        assert verdict.verdict is VerdictWord.VALID
        assert verdict.signing_cert_sha256 == fingerprint
    told = {(each["format"], each["profile"], each["kind"], each["batch"], each["count"])
            for each in signed(process)}  # fmt: skip
    assert told == {(fmt.value, GANSU, "certificate", None, 1) for fmt in (Format.PDF, Format.OFD)}


def test_a_bulk_event_is_signed_for_by_its_number_and_its_report_too(
    plant: Plant, process: Running
) -> None:
    batch = renaming(plant)
    before = len(signed(process))

    run(plant, batch)

    assert at(plant, batch).state is BatchState.COMPLETED
    mine = signed(process)[before:]
    assert {each["kind"] for each in mine} == {"certificate", "batch_report"}
    assert {each["batch"] for each in mine if each["kind"] == "certificate"} == {str(batch)}
    assert set(states(plant)) == {OrderState.MADE}


# --- refused, stopped, away -------------------------------------------------------------------


def test_what_the_policy_does_not_allow_is_held_and_says_whose_seal_for_what(
    whole: Plant, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"uses": []}', "utf-8")
    held = shutil.copytree(whole.settings.keyring_dir, tmp_path / "held")
    given = {"KEYRING_DIR": str(held), "SIGNER_POLICY": str(policy)}
    with running(settings_in(tmp_path / "holding", **given)) as process:
        plant = Plant(asking(whole.settings, whole.settings.keyring_dir, process))
        approve(plant)

        produce(plant)

        [hold] = desk.open_holds(plant)
        assert (hold.reason, hold.owner) == ("seal_policy", "operations")
        assert f"{GANSU} does not sign certificate of {GANSU}" in hold.detail
        assert files(plant) == {}


def test_a_policy_without_the_log_says_what_to_add(whole: Plant, tmp_path: Path) -> None:
    """Where a head is signed, and to whoever asks the doctor; with that use it is signed."""
    policy, held = tmp_path / "policy.json", tmp_path / "held"
    shutil.copytree(whole.settings.keyring_dir, held)
    given = {"KEYRING_DIR": str(held), "SIGNER_POLICY": str(policy)}
    approve(whole)
    append_all(whole.ledger)
    said = []
    for uses in ([], [{"identity": "log", "profile": "log", "kind": "head"}]):
        policy.write_text(json.dumps({"uses": uses}), "utf-8")
        with running(settings_in(tmp_path / f"holding{len(uses)}", **given)) as process:
            plant = Plant(asking(whole.settings, whole.settings.keyring_dir, process))
            if not uses:
                with pytest.raises(SealPolicyError, match="FACTORY_SIGNER_POLICY") as refused:
                    heads.sign(plant, pause=timedelta(0))
                assert json.dumps(policy_of_heads()) in str(refused.value)
            else:
                assert heads.sign(plant, pause=timedelta(0))
            said += [each for each in doctor.examine(plant) if each.name == "log"]

    assert [each.well for each in said] == [False, True]
    assert json.dumps(policy_of_heads()) in said[0].detail


def policy_of_heads() -> dict[str, str]:
    return {"identity": "log", "profile": "log", "kind": "head"}


def test_who_stops_it_loses_nothing_and_holds_nothing_and_later_all_is_made(
    plant: Plant, process: Running
) -> None:
    switch = Switch(process.settings.signer_dir)
    switch.stop(None, reason="drill", by="a test")
    for seed in range(1, 4):
        approve(plant, seed)

    for _ in range(3):
        produce(plant)

    assert set(states(plant)) == {OrderState.READY}
    assert (desk.open_holds(plant), releases(plant), files(plant)) == ([], 0, {})
    assert "stopped" in outcomes(process)
    switch.start(None)
    produce(plant)
    assert (states(plant), len(files(plant))) == ([OrderState.MADE] * 3, 6)


def test_a_batch_that_has_had_its_share_waits_and_is_made_later(
    plant: Plant, process: Running, tmp_path: Path
) -> None:
    process.stop()
    slow = settings_in(
        tmp_path / "holding",
        KEYRING_DIR=str(process.settings.keyring_dir),
        SIGNER_BATCH_RATE="1",
    )
    with running(slow) as paced:
        approve(plant)
        batch = renaming(plant)
        had_its_share(plant, batch)

        run(plant, batch)

        assert "paced" in outcomes(paced)
        assert (desk.open_holds(plant), releases(plant)) == ([], 0)
    with running(settings_in(tmp_path / "holding", KEYRING_DIR=str(slow.keyring_dir))):
        run(plant, batch)
        assert at(plant, batch).state is BatchState.COMPLETED


def test_while_it_is_away_certificates_wait_and_none_is_sealed_otherwise(
    plant: Plant, process: Running
) -> None:
    approve(plant)
    process.kill()

    produce(plant)

    assert (set(states(plant)), desk.open_holds(plant)) == ({OrderState.READY}, [])
    assert releases(plant) == 1
    process.start()
    produce(plant)
    assert states(plant) == [OrderState.MADE]
    assert set(files(plant).values()) == {str(each["certificate"]) for each in signed(process)}


# --- told -------------------------------------------------------------------------------------


def test_the_doctor_finds_the_process_well_stopped_or_away(plant: Plant, process: Running) -> None:
    def looked() -> tuple[bool, str]:
        [found] = [each for each in doctor.examine(plant) if each.name == "signer"]
        return found.well, found.detail

    well = looked()
    switch = Switch(process.settings.signer_dir)
    switch.stop(GANSU, reason="drill", by="a test")
    stopped = looked()
    switch.start(GANSU)
    process.kill()
    away = looked()

    assert well[0] and "answers" in well[1]
    assert not stopped[0] and f"{GANSU} (drill)" in stopped[1]
    assert not away[0] and "gives no answer" in away[1]


def test_the_doctor_says_whose_certificate_is_another(plant: Plant, process: Running) -> None:
    home = plant.settings.keyring_dir / "identities"
    for name in ("signing.pem", "chain.pem"):
        shutil.copy(home / "shanghai-constructor" / name, home / GANSU / name)

    [found] = [each for each in doctor.examine(plant) if each.name == "signer"]

    assert not found.well
    assert f"another certificate of {GANSU} for pdf" in found.detail


def test_the_exporter_counts_what_the_process_answered(plant: Plant, process: Running) -> None:
    def looked() -> dict[tuple[str, ...], float]:
        return {
            (sample.name, *sample.labels.values()): sample.value
            for metric in exporter.looks_of(plant).collect()
            for sample in metric.samples
            if sample.name.startswith("factory_signer") and sample.name != "factory_signer_pending"
        }

    approve(plant)
    produce(plant)
    Switch(process.settings.signer_dir).stop(None, reason="drill", by="a test")
    approve(plant, 2)
    produce(plant)
    told = looked()
    process.kill()
    away = looked()

    assert told.pop(("factory_signer_signing_seconds_total", GANSU)) > 0
    assert told == {
        ("factory_signer_up",): 1,
        ("factory_signer_stopped",): 1,
        ("factory_signer_calls_total", GANSU, "signed"): 2,
        ("factory_signer_calls_total", GANSU, "stopped"): 1,
    }
    assert away == {("factory_signer_up",): 0}


def test_who_opens_keys_themselves_hears_that_there_is_no_process(whole: Plant) -> None:
    [found] = [each for each in doctor.examine(whole) if each.name == "signer"]

    assert found.well
    assert "opens its keys itself" in found.detail


def test_prepare_tells_whether_it_answers(plant: Plant, process: Running) -> None:
    done = cli("prepare", settings=plant.settings)

    assert done.returncode == 0, done.stderr
    assert "signer   answers" in done.stdout


# --- the log ----------------------------------------------------------------------------------


def test_while_the_process_is_away_or_stopped_heads_of_the_log_wait_and_entries_go_on(
    plant: Plant, process: Running
) -> None:
    def sizes() -> tuple[int, int]:
        with plant.ledger.read() as tx:
            newest = log.newest_head(tx)
            return log.size(tx), newest.size if newest else 0

    approve(plant)
    process.kill()
    append_all(plant.ledger)

    assert not HeadSigner(plant).act()
    entries, under = sizes()
    assert entries > 0 and under == 0

    switch = Switch(process.settings.signer_dir)
    switch.stop("log", reason="drill", by="a test")
    process.start()
    assert not HeadSigner(plant).act()

    switch.start("log")
    assert HeadSigner(plant).act()
    assert sizes() == (entries, entries)
