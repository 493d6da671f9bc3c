"""The sequencer: one log of all that was committed, whatever comes late, twice or breaks off."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, update

from factory import merkle, specimen
from factory.errors import ConflictError, KeyBusyError, SettingsError
from factory.log import heads as texts
from factory.log import tree
from factory.log.leaves import Kind
from factory.log.tree import RUN
from factory.seals.keys import fits_digest
from jobs.bulk import confirming
from jobs.log import heads
from jobs.log.heads import HeadSigner
from jobs.log.sequencing import Sequencer, append_all
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import log_key, schema
from storage import tables as t
from storage.ledger import Tx, audit, log, log_rows, log_source, proofs
from storage.ledger.log import Entry, SignedHead
from tests.plants import (
    WHO,
    approve,
    issue,
    new_plant,
    run_batch,
    skip_canary,
    start_rename,
    stored,
)

NEVER, AT_ONCE = timedelta(days=1), timedelta(0)


class KilledError(Exception):
    """In the place of a kill: nothing of the transaction is left."""


@pytest.fixture
def plant(tmp_path: Path, db_url: str, s3: Settings) -> Plant:
    return new_plant(tmp_path, db_url, **stored(s3))


def note(tx: Tx, *words: str) -> None:
    for word in words:
        audit.note(tx, "tried", ("thing", word), why="a test")


def noted(plant: Plant, *words: str) -> None:
    with plant.ledger.write(WHO) as tx:
        note(tx, *words)


def append(plant: Plant, most: int = 100) -> tuple[int, bool]:
    with plant.ledger.write(WHO) as tx:
        return log_source.append_new(tx, most)


def listed(plant: Plant) -> list[Entry]:
    """All entries in their order, whose places have no gap."""
    with plant.ledger.read() as tx:
        found = list(log.entries(tx, [0, 100_000]).items())
        assert [place for place, _ in found] == list(range(log.size(tx)))
        assert log_source.cursor(tx).size == len(found)
    return [entry for _, entry in found]


def things(plant: Plant) -> list[str]:
    """The objects of the audit rows that are in the log, in its order."""
    with plant.ledger.read() as tx:
        named = dict(tx.run(select(t.audit.c.id, t.audit.c.object_id)).all())
    return [named[entry.ref] for entry in listed(plant) if entry.kind is Kind.AUDIT]


def counted(plant: Plant) -> Counter[str]:
    return Counter(entry.kind.value for entry in listed(plant))


def rows(plant: Plant) -> int:
    with plant.ledger.read() as tx:
        return int(tx.run(select(func.count()).select_from(t.audit)).scalar_one())


def is_whole(plant: Plant) -> bool:
    """Whether kept subtrees lead to the root of the entries, one after the other."""
    naive = merkle.Tree()
    digests = [entry.digest for entry in listed(plant)]
    for each in digests:
        naive.add_digest(each)
    with plant.ledger.read() as tx:
        return tree.root(log.reader(tx), len(digests)) == naive.root()


# --- what is in it ----------------------------------------------------------------------------


def test_every_audit_row_is_in_the_log_once_and_in_order(plant: Plant) -> None:
    noted(plant, *(str(number) for number in range(20)))

    append(plant)
    append(plant)

    assert things(plant)[-20:] == [str(number) for number in range(20)]
    assert counted(plant)["audit"] == rows(plant)


def test_an_edition_follows_the_audit_row_that_says_it_was_made(plant: Plant) -> None:
    issue(plant, 1)

    append_all(plant.ledger)

    with plant.ledger.read() as tx:
        [edition] = tx.run(select(t.edition.c.id)).scalars()
        [row] = tx.run(select(t.audit.c.id).where(t.audit.c.action == "edition made")).scalars()
    found = [(entry.kind, entry.ref) for entry in listed(plant)]
    assert found.index((Kind.EDITION, edition)) == found.index((Kind.AUDIT, row)) + 1
    assert counted(plant)["edition"] == 1


def test_an_edition_that_is_only_ordered_has_no_entry(plant: Plant) -> None:
    approve(plant, 1)

    append_all(plant.ledger)

    assert "edition" not in counted(plant)


def test_a_batch_that_has_ended_has_its_root_in_the_log(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="a test")
    skip_canary(plant, batch)
    run_batch(plant, batch)

    append_all(plant.ledger)

    assert counted(plant)["batch"] == 1
    assert counted(plant)["edition"] == 2


def test_a_file_with_a_further_proof_is_an_entry_of_its_own(plant: Plant) -> None:
    issue(plant, 1)
    append_all(plant.ledger)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.file).values(awaits=proofs.STAMP))
        [file] = proofs.awaiting(tx, most=1)
        step = proofs.NextStep(
            of=file, object_key="later.pdf", sha256="f" * 64, size_bytes=9, proved_until="2040"
        )
        proofs.add(tx, [step], why="a test")

    append_all(plant.ledger)

    assert [entry.kind for entry in listed(plant)[-2:]] == [Kind.AUDIT, Kind.FILE]


def test_nothing_of_a_person_is_in_what_is_hashed(plant: Plant) -> None:
    """The leaves' texts hold no word of the event that the edition was made from."""
    issue(plant, 1)
    append_all(plant.ledger)

    with plant.ledger.read() as tx:
        said = b"".join(
            text
            for entry in listed(plant)
            for text in log_rows.texts(tx, entry.kind, [entry.ref]).values()
        ).decode()
        number = tx.run(select(t.registration.c.number)).scalar_one()
    holder = specimen.approved(1)["data"]["holder"]
    editions = [part for part in said.split("}{") if '"kind":"edition"' in part]
    assert editions
    assert not [
        own for own in holder.values() if isinstance(own, str) and len(own) > 3 and own in said
    ]
    assert holder["name"] not in said
    assert not [part for part in editions if number in part]


def roots_noted(plant: Plant) -> list[dict[str, object]]:
    c = t.audit.c
    with plant.ledger.read() as tx:
        wanted = select(c.what).where(c.action == log_rows.BATCH_LISTED, c.object_kind == "batch")
        return list(tx.run(wanted).scalars())


def test_the_root_of_a_batch_that_ended_before_there_was_a_log_is_noted_once(plant: Plant) -> None:
    issue(plant, 1)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="a test")
    skip_canary(plant, batch)
    run_batch(plant, batch)
    [before] = roots_noted(plant)
    schema.downgrade(plant.ledger.engine, "0011")
    with plant.ledger.write(WHO) as tx:
        tx.run(delete(t.audit).where(t.audit.c.action == log_rows.BATCH_LISTED))

    for _ in range(2):
        schema.migrate(plant.ledger.engine)
        assert roots_noted(plant) == [before]
        schema.downgrade(plant.ledger.engine, "0011")

    schema.migrate(plant.ledger.engine)
    append_all(plant.ledger)
    assert counted(plant)["batch"] == 1


# --- slices -----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 7, RUN, 1000])
def test_a_ledger_with_rows_is_taken_over_by_slices_of_any_size(plant: Plant, most: int) -> None:
    noted(plant, *(str(number) for number in range(60)))

    appended = append_all(plant.ledger, most=most)

    assert appended == len(listed(plant)) == rows(plant)
    assert is_whole(plant)


def test_a_log_keeps_whole_subtrees_as_it_grows(plant: Plant) -> None:
    for start in range(0, 2 * RUN, 97):
        noted(plant, *(str(number) for number in range(start, start + 97)))
        append_all(plant.ledger, most=50)

    with plant.ledger.read() as tx:
        assert tx.run(select(func.count()).select_from(t.log_node)).scalar_one() == 2
    assert is_whole(plant)


def test_a_slice_that_is_killed_leaves_no_trace(plant: Plant) -> None:
    noted(plant, "a", "b")
    with pytest.raises(KilledError), plant.ledger.write(WHO) as tx:
        log_source.append_new(tx, 1)
        raise KilledError
    assert listed(plant) == []

    append_all(plant.ledger, most=1)

    assert things(plant)[-2:] == ["a", "b"]
    assert is_whole(plant)


def test_a_row_that_was_never_committed_is_not_waited_for(plant: Plant) -> None:
    noted(plant, "a")
    with pytest.raises(KilledError), plant.ledger.write(WHO) as tx:
        note(tx, "gone")
        raise KilledError
    noted(plant, "b")

    append_all(plant.ledger)
    noted(plant, "c")
    append_all(plant.ledger)

    assert things(plant)[-3:] == ["a", "b", "c"]


# --- at once ----------------------------------------------------------------------------------


def test_two_sequencers_at_once_make_one_log(plant: Plant) -> None:
    """A lease may be lost in the middle: what keeps the log one is the cursor's row."""
    noted(plant, *(str(number) for number in range(300)))
    both = threading.Barrier(2)

    def work() -> None:
        both.wait()
        append_all(plant.ledger, most=11)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert counted(plant)["audit"] == rows(plant)
    assert is_whole(plant)


def test_only_whoever_has_the_lease_appends(plant: Plant) -> None:
    noted(plant, "a")
    one, other = (Sequencer(plant.ledger, owner) for owner in ("one", "other"))

    assert one.act()
    assert not other.act()

    assert things(plant)[-1:] == ["a"]


def test_a_sequencer_at_the_end_does_not_look_again_at_once(plant: Plant) -> None:
    noted(plant, *"abcde")
    found = Sequencer(plant.ledger, "one", most=3)

    assert [found.act() for _ in range(5)][:2] == [True, True]
    assert not found.act()


def test_a_row_that_commits_late_with_a_lower_id_is_in_the_log(
    tmp_path: Path, postgresql_db_url: str
) -> None:
    plant = new_plant(tmp_path, postgresql_db_url)
    append_all(plant.ledger)
    with plant.ledger.write(WHO) as slow:
        note(slow, "late")
        noted(plant, "early")
        for _ in range(3):
            append(plant)
        assert "early" in things(plant) and "late" not in things(plant)
        noted(plant, "middle")
        append(plant)

    for _ in range(4):
        append(plant)

    assert sorted(things(plant)[-3:]) == ["early", "late", "middle"]
    assert counted(plant)["audit"] == rows(plant)
    assert is_whole(plant)


def test_many_that_commit_in_any_order_are_all_in_the_log_once(
    tmp_path: Path, postgresql_db_url: str
) -> None:
    plant = new_plant(tmp_path, postgresql_db_url)
    append_all(plant.ledger)
    done = threading.Event()

    def write(writer: int) -> None:
        for number in range(15):
            with plant.ledger.write(WHO) as tx:
                note(tx, f"{writer}-{number}-a")
                done.wait(0.001 * ((writer * 7 + number * 3) % 11))
                note(tx, f"{writer}-{number}-b")

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for each in threads:
        each.start()
    while any(each.is_alive() for each in threads):
        append(plant, most=9)
    append_all(plant.ledger, most=9)

    ours = [word for word in things(plant) if "-" in word]
    assert sorted(ours) == sorted(
        f"{w}-{n}-{half}" for w in range(3) for n in range(15) for half in "ab"
    )
    assert counted(plant)["audit"] == rows(plant)
    assert is_whole(plant)


def test_a_writer_that_lasts_keeps_nobody_else_out_of_the_log(
    tmp_path: Path, postgresql_db_url: str
) -> None:
    plant = new_plant(tmp_path, postgresql_db_url)
    append_all(plant.ledger)
    with plant.ledger.write(WHO) as slow:
        note(slow, "late")
        for number in range(30):
            noted(plant, str(number))
            append(plant, most=2)
        assert things(plant)[-1:] == ["29"]

    append_all(plant.ledger, most=2)

    assert things(plant)[-1:] == ["late"]


# --- heads ------------------------------------------------------------------------------------


def newest(plant: Plant) -> log.SignedHead:
    with plant.ledger.read() as tx:
        found = log.newest_head(tx)
    assert found is not None
    return found


def sizes(plant: Plant) -> Sequence[int]:
    with plant.ledger.read() as tx:
        return log.head_sizes(tx)


def test_a_head_says_size_and_root_and_is_signed_with_the_key_of_the_log(plant: Plant) -> None:
    noted(plant, "a", "b", "c")
    append_all(plant.ledger)

    assert heads.sign(plant)

    found = newest(plant)
    head = texts.read(found.text)
    assert (head.size, head.root.hex(), head.at) == (found.size, found.root, found.at)
    assert head.size == len(listed(plant))
    assert head.origin == log_key.origin_of(plant.settings.keyring_dir)
    assert head.origin.startswith("test.")
    assert fits_digest(plant.keyring.log_certificates()[0], found.signature, head.digest)


def test_a_log_that_has_not_grown_gets_no_other_head(plant: Plant) -> None:
    assert not heads.sign(plant, pause=AT_ONCE)
    noted(plant, "a")
    append_all(plant.ledger)

    assert heads.sign(plant, pause=AT_ONCE)
    assert not heads.sign(plant, pause=AT_ONCE)

    noted(plant, "b")
    append_all(plant.ledger)
    assert not heads.sign(plant, pause=NEVER)
    assert heads.sign(plant, pause=AT_ONCE)
    assert len(sizes(plant)) == 2


def test_a_head_of_another_time_or_of_less_is_not_kept_beside_a_larger_one(plant: Plant) -> None:
    noted(plant, "a", "b")
    append_all(plant.ledger)
    heads.sign(plant)
    there = texts.read(newest(plant).text)

    with plant.ledger.write(WHO) as tx:
        less = texts.Head(origin="other", size=1, root=there.root, at=there.at)
        same, smaller = (SignedHead.of(each, b"signature", "0" * 64) for each in (there, less))
        assert not log.add_head(tx, same) and not log.add_head(tx, smaller)

    assert sizes(plant) == [there.size]


def test_while_no_key_signs_heads_wait_and_entries_go_on(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
            raise KeyBusyError("is away")

    class Wrong:
        def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
            return [b"no signature" for _ in digests]

    true = plant.keyring.log_key()
    for signer in (Away(), Wrong()):
        there = log_key.LogKey(origin=true.origin, signer=signer, certificate=true.certificate)
        monkeypatch.setattr(plant.keyring, "log_key", lambda there=there: there)
        noted(plant, "a")
        append_all(plant.ledger)

        with pytest.raises(KeyBusyError):
            heads.sign(plant)
        assert not HeadSigner(plant).act()
    assert things(plant)[-2:] == ["a", "a"]
    monkeypatch.undo()

    assert HeadSigner(plant).act()
    assert sizes(plant) == [len(listed(plant))]


def test_a_keyring_without_a_key_of_the_log_says_how_to_make_one(plant: Plant) -> None:
    noted(plant, "a")
    append_all(plant.ledger)
    for file in (plant.settings.keyring_dir / "log").iterdir():
        file.unlink()
    (plant.settings.keyring_dir / "log").rmdir()

    with pytest.raises(SettingsError, match="certfactory keys create-log"):
        heads.sign(plant)


def test_another_key_signs_the_same_log_on(plant: Plant) -> None:
    folder = plant.settings.keyring_dir
    noted(plant, "a")
    append_all(plant.ledger)
    heads.sign(plant)
    first = newest(plant)

    log_key.replace(folder)
    noted(plant, "b")
    append_all(plant.ledger)
    heads.sign(plant, pause=AT_ONCE)

    now, before = plant.keyring.log_certificates()
    second = newest(plant)
    heads_read = [texts.read(each.text) for each in (first, second)]
    assert heads_read[0].origin == heads_read[1].origin
    assert fits_digest(before, first.signature, heads_read[0].digest)
    assert fits_digest(now, second.signature, heads_read[1].digest)
    assert not fits_digest(before, second.signature, heads_read[1].digest)


def test_a_key_of_the_log_is_not_made_twice(plant: Plant) -> None:
    with pytest.raises(ConflictError):
        log_key.create(plant.settings.keyring_dir, test=False)


def test_a_log_that_lost_an_entry_proves_nothing(plant: Plant) -> None:
    noted(plant, "a", "b", "c", "d")
    append_all(plant.ledger)
    with plant.ledger.write(WHO) as tx:
        tx.run(delete(t.log_entry).where(t.log_entry.c.seq == 1))

    with plant.ledger.read() as tx, pytest.raises(ConflictError, match="audit verify"):
        tree.root(log.reader(tx), 4)


def test_a_row_with_an_id_from_elsewhere_is_not_taken_for_a_late_one(plant: Plant) -> None:
    """Whoever puts a row in below what is settled has put it in: `audit verify` says so."""
    noted(plant, "a")
    append_all(plant.ledger)
    with plant.ledger.write(WHO) as tx:
        [row] = tx.run(select(t.audit).order_by(t.audit.c.id).limit(1))
        tx.run(insert(t.audit).values(**(row._asdict() | {"id": -5})))

    append_all(plant.ledger)

    assert -5 not in [entry.ref for entry in listed(plant)]
