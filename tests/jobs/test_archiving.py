"""Upkeep of proofs: before an authority of time ends, its files get an archive stamp."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

import cli
from factory import specimen, verify
from factory.errors import TimestampUnavailableError
from factory.model import ChunkId, Format
from factory.seals import archive as writing
from factory.verify_verdict import VerdictWord
from jobs import desk, line, verifying
from jobs.upkeep import archive
from jobs.wiring import Plant
from storage import tables as t
from storage import testca, tsa
from storage.blobs import Blob
from storage.ledger import status
from tests import stamping
from tests.plants import PROFILE, open_chunks, submit
from tests.stamping import Authority, Service

MONTH = timedelta(days=30)
AHEAD = 90  #: days


@pytest.fixture
def plant(stamping_plant: Plant, service: Service) -> Plant:
    """PDF and OFD, stamped by an authority that ends in a month."""
    service.authority = trusted(stamping_plant, MONTH)
    return anew(stamping_plant)


def trusted(plant: Plant, life: timedelta) -> Authority:
    """A new authority of time, whose CA has said today that nobody is revoked."""
    folder = plant.settings.keyring_dir
    authority = stamping.authority(datetime.now(UTC), life)
    policy = tsa.load(folder, "default").policy or stamping.POLICY
    authority = replace(authority, stamper=replace(authority.stamper, policy=policy))
    assert authority.issuer is not None
    name = f"{authority.stamper.signing_cert.serial_number:x}"
    pem = authority.root.public_bytes(Encoding.PEM)
    (folder / "tsa" / "default" / "roots" / f"{name}.pem").write_bytes(pem)
    (folder / "revocation").mkdir(exist_ok=True)
    told = testca.revocation_list(authority.issuer, [], now=datetime.now(UTC))
    (folder / "revocation" / f"{name}.crl").write_bytes(told)
    plant.keyring.renew_test_lists(now=datetime.now(UTC))
    return authority


def anew(plant: Plant) -> Plant:
    """Another process."""
    made = Plant(plant.settings)
    rules = made.profiles[PROFILE]
    both = {"formats": (Format.PDF, Format.OFD)}
    versions = tuple(
        each.model_copy(update={"certificate": each.certificate.model_copy(update=both)})
        for each in rules.all
    )
    vars(made)["profiles"] = {**made.profiles, PROFILE: replace(rules, all=versions)}
    return made


def produced(plant: Plant, count: int = 1) -> None:
    for seed in range(1, count + 1):
        submit(plant, specimen.approved(seed) | {"source": "urn:certfactory:operations"})
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def rows(plant: Plant) -> list[Any]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.file).order_by(t.file.c.id)))


def archived(plant: Plant, days: int = AHEAD) -> int:
    wanted = archive.ending(datetime.now(UTC), days)
    return sum(done.stamped for done in archive.stamp_ending(plant, wanted))


def renewed(plant: Plant, service: Service) -> Plant:
    service.authority = trusted(plant, 10 * 12 * MONTH)
    return anew(plant)


def verdict(plant: Plant, data: bytes, now: datetime) -> VerdictWord:
    """For who has the file and no record of it."""
    keys = plant.keyring
    return verify.verify(data, keys.trust_roots(), now=now, time_roots=keys.time_roots()).verdict


def test_a_pdf_whose_proof_ends_soon_gets_an_archive_stamp_and_outlives_it(
    plant: Plant, service: Service
) -> None:
    produced(plant, 2)
    then = datetime.now(UTC) + testca.SEAL_LIFE + MONTH
    before = rows(plant)
    later = renewed(plant, service)

    assert archived(later) == 2

    newest = rows(plant)[len(before) :]
    assert [(each.format, each.step) for each in newest] == [("pdf", 1), ("pdf", 1)]
    assert all(each.proved_until > (then + MONTH).date().isoformat() for each in newest)
    for old, new in zip((each for each in before if each.format == "pdf"), newest, strict=True):
        was, now = plant.store.get(old.object_key), plant.store.get(new.object_key)
        assert now.startswith(was)
        assert verdict(later, was, then) is VerdictWord.UNTRUSTED
        assert verdict(later, now, then) is VerdictWord.VALID
        assert desk.judged(later, now, datetime.now(UTC)).verdict is VerdictWord.VALID


def test_it_brings_lists_of_the_day_for_the_seal_and_its_stamp(
    plant: Plant, service: Service
) -> None:
    produced(plant)

    assert archived(renewed(plant, service)) == 1

    [old, new] = [plant.store.get(each.object_key) for each in rows(plant) if each.format == "pdf"]
    added = writing.added(new, writing.next_number(old))
    assert (len(added.crls), len(writing.signed_in(new))) == (3, 3)


def test_an_ofd_rests_on_its_record(plant: Plant, service: Service) -> None:
    produced(plant)
    archived(renewed(plant, service))

    [ofd] = [each for each in rows(plant) if each.format == "ofd"]
    assert ofd.step == 0
    assert ofd.proved_until is not None


def test_whose_proof_lasts_longer_is_left_alone(plant: Plant, service: Service) -> None:
    produced(plant)

    assert archived(renewed(plant, service), days=29) == 0
    assert len(rows(plant)) == 2


def test_done_twice_or_by_two_at_once_it_is_done_once(plant: Plant, service: Service) -> None:
    produced(plant, 3)
    first = renewed(plant, service)
    second = anew(plant)
    wanted = archive.ending(datetime.now(UTC), AHEAD)
    running = archive.stamp_ending(second, wanted)

    with interrupted(second, lambda: archived(first)):
        done = [each.stamped for each in running]

    assert done == [0]
    assert archived(first) == 0
    assert [each.step for each in rows(plant) if each.format == "pdf"] == [0, 0, 0, 1, 1, 1]


class interrupted:  # noqa: N801 - reads as what happens
    """Another process does all of it between this one's reading and its recording."""

    def __init__(self, plant: Plant, other: Callable[[], int]) -> None:
        self.store, self.other = plant.bulk_store, other

    def __enter__(self) -> None:
        self.put_all = self.store.put_all

        def put_all(blobs: Any) -> Any:
            assert self.other() == 3
            return self.put_all(blobs)

        vars(self.store)["put_all"] = put_all

    def __exit__(self, *_: object) -> None:
        del vars(self.store)["put_all"]


def test_an_authority_that_ends_no_later_stamps_nothing(
    plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    """It would go on with each run, and prove no more."""
    produced(plant)
    wanted = archive.ending(datetime.now(UTC), AHEAD)

    [done] = archive.stamp_ending(anew(plant), wanted)

    assert (done.stamped, dict(done.failed)) == (0, {"seal_refused": 1})
    assert len(rows(plant)) == 2


def test_without_the_lists_of_the_day_it_waits_for_them(plant: Plant, service: Service) -> None:
    produced(plant)
    later = renewed(plant, service)
    for each in (plant.settings.keyring_dir / "revocation").iterdir():
        each.unlink()

    [done] = archive.stamp_ending(later, archive.ending(datetime.now(UTC), AHEAD))
    assert (done.stamped, dict(done.failed)) == (0, {"longterm_unavailable": 1})

    service.authority = trusted(plant, 10 * 12 * MONTH)
    assert len(rows(plant)) == 2


def test_while_the_authority_is_away_nothing_changes(plant: Plant, service: Service) -> None:
    produced(plant)
    later = renewed(plant, service)
    service.behave = lambda _: (503, b"")

    with pytest.raises(TimestampUnavailableError):
        archived(later)

    assert len(rows(plant)) == 2


def test_a_file_that_was_changed_in_the_store_is_not_archived(
    plant: Plant, service: Service
) -> None:
    produced(plant, 2)
    later = renewed(plant, service)
    [spoilt, _] = [each for each in rows(plant) if each.format == "pdf"]
    data = plant.store.get(spoilt.object_key)
    plant.store.delete(spoilt.object_key)
    changed = Blob(
        key=spoilt.object_key,
        data=data + b" ",
        content_type="application/pdf",
        sha256=sha256(data + b" ").hexdigest(),
    )
    plant.store.put_new(changed)

    [done] = archive.stamp_ending(later, archive.ending(datetime.now(UTC), AHEAD))

    assert (done.stamped, dict(done.failed)) == (1, {"digest_mismatch": 1})


def test_both_files_are_known_and_the_newest_is_given_out(plant: Plant, service: Service) -> None:
    produced(plant)
    archived(renewed(plant, service))

    answers = {verifying.by_digest(plant, each.sha256).status for each in rows(plant)}
    with plant.ledger.read() as tx:
        found = status.by_digest(tx, rows(plant)[0].sha256)
    assert found is not None

    assert len(answers) == 1
    assert {each.format: each.step for each in found[1].files} == {"pdf": 1, "ofd": 0}


def test_one_archive_after_the_other(plant: Plant, service: Service) -> None:
    produced(plant)
    service.authority = trusted(plant, 2 * MONTH)
    assert archived(anew(plant)) == 1

    assert archived(renewed(plant, service)) == 1

    newest = rows(plant)[-1]
    assert newest.step == 2
    data = plant.store.get(newest.object_key)
    later = anew(plant)
    assert verdict(later, data, datetime.now(UTC) + testca.SEAL_LIFE + MONTH) is VerdictWord.VALID
    assert len(writing.signed_in(data)) == 4


def test_at_the_desk_it_is_counted_first_and_then_done(plant: Plant, service: Service) -> None:
    produced(plant)
    renewed(plant, service)
    env = plant.settings.to_env()

    def said(*words: str) -> Any:
        return json.loads(CliRunner(env=env).invoke(cli.main, ("upkeep", *words, "--json")).stdout)

    assert said("--dry-run") == {"waiting": 0, "ending": 1}
    assert said("--dry-run", "--ahead", "7") == {"waiting": 0, "ending": 0}
    done = {"waiting": 0, "ending": 1, "stamped": 0, "archived": 1, "failed": {}}
    assert said() == done
    assert said("--dry-run") == {"waiting": 0, "ending": 0}
