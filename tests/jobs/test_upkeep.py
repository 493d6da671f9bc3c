"""Released without a time stamp while the authority was away, and stamped later."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

import cli
from factory import specimen
from factory.errors import SealRefusedError, TimestampUnavailableError
from factory.model import Format
from factory.ofd.package import opened
from factory.profile import Profile
from factory.seals import late, tsp
from factory.verify_verdict import VerdictWord
from jobs import desk, sealed_by, verifying
from jobs.bulk import steps
from jobs.sealed_by import Asked
from jobs.upkeep import late as stamping_later
from jobs.upkeep import slices
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import proofs, status
from tests import stamping
from tests.jobs.bulking import rename_to, started
from tests.plants import PROFILE, produce, skip_canary, submit
from tests.stamping import Service

NEW = "上海示例建设集团股份有限公司"


@pytest.fixture
def plant(stamping_plant: Plant, service: Service) -> Plant:
    """A factory that releases while its authority is away, which it is; PDF and OFD."""
    away(service)
    return with_rules(stamping_plant, "later")


def with_rules(plant: Plant, when_down: str) -> Plant:
    def changed(profile: Profile) -> Profile:
        assert profile.time_stamp is not None
        rules = profile.time_stamp.model_copy(update={"when_down": when_down})
        formats = (Format.PDF, Format.OFD)
        certificate = profile.certificate.model_copy(update={"formats": formats})
        return profile.model_copy(update={"time_stamp": rules, "certificate": certificate})

    rules = plant.profiles[PROFILE]
    versions = replace(rules, all=tuple(map(changed, rules.all)))
    vars(plant)["profiles"] = {**plant.profiles, PROFILE: versions}
    return plant


def anew(plant: Plant) -> Plant:
    """Another process."""
    return with_rules(Plant(plant.settings), "later")


def away(service: Service) -> None:
    service.behave = lambda _: (503, b"")


def back(service: Service) -> None:
    service.behave = lambda answer: (200, answer)


def ordered(plant: Plant, count: int = 1) -> None:
    for seed in range(1, count + 1):
        submit(plant, specimen.approved(seed) | {"source": "urn:certfactory:operations"})


def rows(plant: Plant) -> list[Any]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.file).order_by(t.file.c.id)))


def stamped(plant: Plant) -> int:
    return sum(done.stamped for done in stamping_later.stamp_awaiting(plant))


def test_it_is_released_without_and_recorded_so(plant: Plant) -> None:
    ordered(plant)

    produce(plant)

    found = rows(plant)
    assert [(each.format, each.step, each.awaits) for each in found] == [
        ("pdf", 0, "stamp"),
        ("ofd", 0, "stamp"),
    ]
    data = plant.store.get(found[0].object_key)
    assert desk.judged(plant, data, datetime.now(UTC)).verdict is VerdictWord.VALID
    assert desk.judged(plant, data, datetime.now(UTC)).proved_at is None


def test_where_the_profile_says_wait_it_waits(plant: Plant) -> None:
    ordered(plant)

    produce(with_rules(plant, "wait"))

    assert rows(plant) == []


def test_stamped_later_only_the_token_is_put_in(plant: Plant, service: Service) -> None:
    ordered(plant)
    produce(plant)
    before = rows(plant)
    back(service)

    assert stamped(anew(plant)) == 2

    first, second = rows(plant)[:2], rows(plant)[2:]
    assert [each.sha256 for each in first] == [each.sha256 for each in before]
    assert [each.awaits for each in first] == [None, None]
    assert [(each.step, each.awaits, each.proved_until is not None) for each in second] == [
        (1, None, True)
    ] * 2
    for old, new in zip(first, second, strict=True):
        was, now = plant.store.get(old.object_key), plant.store.get(new.object_key)
        assert sha256(now).hexdigest() == new.sha256
        verdict = desk.judged(plant, now, datetime.now(UTC))
        assert verdict.verdict is VerdictWord.VALID
        assert verdict.proved_at is not None
        if old.format == Format.OFD:
            members, others = opened(was), opened(now)
            differing = [name for name in others if members[name] != others[name]]
            assert [name.rpartition("/")[2] for name in differing] == [late.VALUE]
            assert list(members) == list(others)
        if old.format == Format.PDF:
            assert len(was) == len(now)
            assert late.signature_of(was, Format.PDF) == late.signature_of(now, Format.PDF)
            value, token = stamping.token_in(now)
            assert tsp.is_over(token, tsp.imprint_of(value))


def test_both_files_are_known_and_the_newest_is_given_out(plant: Plant, service: Service) -> None:
    ordered(plant)
    produce(plant)
    back(service)
    stamped(anew(plant))

    answers = {verifying.by_digest(plant, each.sha256).status for each in rows(plant)}
    words = [desk.examine(plant, plant.store.get(each.object_key)).word for each in rows(plant)]
    with plant.ledger.read() as tx:
        found = status.by_digest(tx, rows(plant)[0].sha256)
    assert found is not None

    assert len(answers) == 1
    assert words == ["valid"] * 4
    assert {each.format: each.step for each in found[1].files} == {"pdf": 1, "ofd": 1}


def test_what_a_key_has_sealed_counts_them_once(plant: Plant, service: Service) -> None:
    ordered(plant)
    produce(plant)
    sealed = {each.format: each for each in sealed_by.listed(plant, Asked(key=PROFILE))}
    back(service)
    stamped(anew(plant))

    counts = [n for each in sealed_by.sealed(plant, Asked(key=PROFILE)) for n in each.counts]
    assert sorted((each.format, each.files) for each in counts) == [("ofd", 1), ("pdf", 1)]
    newest = {each.format: each.sha256 for each in rows(plant) if each.step == 1}
    assert {each.format: each for each in sealed_by.listed(plant, Asked(key=PROFILE))} == {
        fmt: replace(each, sha256=newest[fmt]) for fmt, each in sealed.items()
    }


def test_done_twice_or_by_two_at_once_it_is_done_once(plant: Plant, service: Service) -> None:
    ordered(plant)
    produce(plant)
    back(service)
    first, second = anew(plant), anew(plant)
    with plant.ledger.read() as tx:
        files = proofs.awaiting(tx, most=10)
    made, others = (slices.Slice(each, "default", files) for each in (first, second))
    stamping_later.stamp(made)
    stamping_later.stamp(others)

    assert slices._recorded(first, made.made, why="x") == 2
    assert slices._recorded(second, others.made, why="x") == 0
    assert stamped(anew(plant)) == 0
    assert len(rows(plant)) == 4


def test_killed_between_store_and_record_it_is_done_by_the_next_run(
    plant: Plant, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered(plant)
    produce(plant)
    back(service)
    monkeypatch.setattr(proofs, "add", lambda *_, **__: (_ for _ in ()).throw(SystemExit(9)))
    with pytest.raises(SystemExit):
        stamped(anew(plant))
    monkeypatch.undo()
    assert len(list(plant.store.list())) > 2  # stored, and nothing names it

    assert stamped(anew(plant)) == 2
    assert [each.step for each in rows(plant)] == [0, 0, 1, 1]


def test_while_the_authority_is_still_away_nothing_changes(plant: Plant) -> None:
    ordered(plant)
    produce(plant)

    with pytest.raises(TimestampUnavailableError):
        stamped(anew(plant))

    assert [each.awaits for each in rows(plant)] == ["stamp", "stamp"]


def test_a_file_with_a_stamp_takes_no_second_one(plant: Plant, service: Service) -> None:
    ordered(plant)
    produce(plant)
    back(service)
    stamped(anew(plant))

    for each in rows(plant)[2:]:
        data = plant.store.get(each.object_key)
        with pytest.raises(SealRefusedError, match="already"):
            late.stamped(data, Format(each.format), b"\x30\x00")


def test_pressed_files_are_released_without_too_and_the_batch_proves_what_it_made(
    plant: Plant, service: Service
) -> None:
    ordered(plant, 6)
    produce(plant)
    batch = started(plant, rename_to(NEW) | {"source": "urn:certfactory:operations"})
    skip_canary(plant, batch)
    steps.advance(plant, batch)
    produce(plant)
    assert plant.presses._standing  # some were pressed
    back(service)

    assert stamped(anew(plant)) == 24

    assert all(not each.is_idle for each in plant.presses._standing.values())
    assert {each.step for each in rows(plant)} == {0, 1}


def test_at_the_desk_it_is_counted_first_and_then_done(plant: Plant, service: Service) -> None:
    ordered(plant)
    produce(plant)
    back(service)
    env = plant.settings.to_env()
    run = CliRunner(env=env).invoke

    dry = json.loads(run(cli.main, ("upkeep", "--dry-run", "--json")).stdout)
    wet = json.loads(run(cli.main, ("upkeep", "--json")).stdout)

    assert dry == {"waiting": 2, "ending": 0}
    assert wet == {"waiting": 2, "ending": 0, "stamped": 2, "archived": 0, "failed": {}}
    assert "failed: none" in run(cli.main, ("upkeep",)).stdout
