"""Heads in the store: who writes the database alone has no altered log signed, and is found."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from factory.errors import ConflictError, StoreUnavailableError
from factory.log import heads as texts
from factory.log.heads import Head
from factory.merkle import leaf_digest
from factory.seals import keys
from jobs import doctor
from jobs.log import checking, heads, kept
from jobs.log.heads import HeadSigner
from jobs.log.sequencing import append_all
from jobs.recheck import roots as recheck
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import log_key
from storage import tables as t
from storage.blobs import Blob
from storage.ledger import audit, log, log_rows
from storage.ledger.log import Kind, SignedHead
from tests.plants import WHO, issue, new_plant, stored

AT_ONCE = timedelta(0)
ROWS = 6


@pytest.fixture
def plant(tmp_path: Path, db_url: str, s3: Settings) -> Plant:
    """An edition and some audit rows, all under two heads."""
    made = new_plant(tmp_path, db_url, **stored(s3))
    issue(made, 1)
    grow(made)
    for _ in range(ROWS):
        grow(made)
    return made


def grow(plant: Plant) -> None:
    more(plant)
    assert heads.sign(plant, pause=AT_ONCE)


def more(plant: Plant) -> None:
    """A row more in the log, under no head yet."""
    with plant.ledger.write(WHO) as tx:
        audit.note(tx, "tried", ("thing", 1), why="a test")
    append_all(plant.ledger)


def alter_a_row_with_its_entry(plant: Plant) -> int:
    """Row, entry and kept subtrees agree afterwards; which row."""
    with plant.ledger.write(WHO) as tx:
        row: int = tx.run(select(t.audit.c.id).where(t.audit.c.action == "tried").limit(1)).scalar()
        tx.run(update(t.audit).where(t.audit.c.id == row).values(why="another"))
        said = log_rows.texts(tx, Kind.AUDIT, [row])[row]
        its = (t.log_entry.c.kind == Kind.AUDIT.value) & (t.log_entry.c.ref == row)
        tx.run(update(t.log_entry).where(its).values(digest=leaf_digest(said).hex()))
    return row


def take_heads_away(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        tx.run(delete(t.log_head))


def newest(plant: Plant) -> SignedHead:
    with plant.ledger.read() as tx:
        found = log.newest_head(tx)
    assert found is not None
    return found


def found(plant: Plant) -> list[tuple[str, str]]:
    return [(each.what, each.kind) for each in checking.check(plant).findings]


def about_log(plant: Plant) -> str:
    [said] = [each for each in doctor.examine(plant) if each.name == "log"]
    assert not said.well
    return said.detail


def test_the_newest_head_lies_in_the_store_as_it_was_signed(plant: Plant) -> None:
    [key] = kept.keys_of(plant)

    said = json.loads(plant.store.get(key))

    assert said["text"] == newest(plant).text
    assert kept.newest(plant) == kept.Kept(key=key, head=texts.read(said["text"]))
    assert found(plant) == []


def test_of_each_day_the_last_stays(plant: Plant) -> None:
    signer = plant.keyring.log_key()

    def signed(size: int, at: datetime) -> SignedHead:
        head = Head(origin=signer.origin, size=size, root=bytes(32), at=at)
        [signature] = signer.signer.sign_digests([head.digest])
        return SignedHead.of(head, signature, keys.fingerprint(signer.certificate))

    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for size, days in ((901, 0), (902, 0), (903, 1), (904, 2), (905, 2)):
        at = (tomorrow + timedelta(days=days)).replace(hour=size - 900, microsecond=0)
        kept.put(plant, signed(size, at), kept.newest(plant))

    assert [each.head.size for each in kept.every(plant)][1:] == [902, 903, 905]


def test_no_head_is_signed_for_altered_entries_though_all_heads_are_gone(plant: Plant) -> None:
    alter_a_row_with_its_entry(plant)
    take_heads_away(plant)
    more(plant)

    with pytest.raises(ConflictError, match="not those of the head that the store keeps"):
        heads.sign(plant, pause=AT_ONCE)

    assert not HeadSigner(plant).act()
    with plant.ledger.read() as tx:
        assert log.newest_head(tx) is None
    assert "certfactory audit verify" in about_log(plant)


def test_altered_entries_are_found_though_all_heads_are_gone(plant: Plant) -> None:
    alter_a_row_with_its_entry(plant)
    take_heads_away(plant)
    more(plant)

    assert found(plant) == [("removed", "head"), ("altered", "entry")]
    [finding] = recheck.look_at_log(plant).findings
    assert "another root" in finding.sentence


def test_heads_that_are_gone_are_found_though_nothing_else_is_altered(plant: Plant) -> None:
    take_heads_away(plant)

    assert found(plant) == [("removed", "head")]


def test_a_log_that_ends_before_the_kept_head_is_signed_no_further(plant: Plant) -> None:
    size = newest(plant).size
    with plant.ledger.write(WHO) as tx:
        tx.run(delete(t.log_head).where(t.log_head.c.size == size))
        tx.run(delete(t.log_entry).where(t.log_entry.c.seq >= size - 1))

    with pytest.raises(ConflictError, match=f"has {size - 1} entries, .* a head of {size}"):
        heads.keep(plant)
    assert ("removed", "entry") in found(plant)
    assert "a head of" in about_log(plant)


def test_a_log_that_goes_on_is_signed(plant: Plant) -> None:
    more(plant)

    assert heads.sign(plant, pause=AT_ONCE)
    assert recheck.look_at_log(plant).findings == ()


@pytest.mark.parametrize(
    "how",
    [
        lambda said: {**said, "signature": "AAAA"},
        lambda said: {**said, "certificate": "0" * 64},
        lambda said: {**said, "text": said["text"].replace("\n", "0\n", 1)},
        lambda said: {**said, "text": "none"},
        lambda said: {"text": said["text"]},
        lambda said: [said],
        lambda said: {**said, "more": "x" * kept.MOST_BYTES},
    ],
)
def test_what_is_not_signed_in_the_store_is_no_head(plant: Plant, how: object) -> None:
    [key] = kept.keys_of(plant)
    data = json.dumps(how(json.loads(plant.store.get(key)))).encode()  # type: ignore[operator]
    plant.store.delete(key)
    plant.store.put_new(blob(key, data))
    more(plant)

    with pytest.raises(ConflictError, match=key):
        heads.sign(plant, pause=AT_ONCE)
    assert found(plant) == [("altered", "kept head")]


def blob(key: str, data: bytes) -> Blob:
    sha256 = hashlib.sha256(data).hexdigest()
    return Blob(key=key, data=data, content_type="application/json", sha256=sha256)


def test_a_head_at_the_place_of_another_is_none(plant: Plant) -> None:
    [key] = kept.keys_of(plant)
    plant.store.put_new(blob(f"{key[:-6]}9.json", plant.store.get(key)))

    with pytest.raises(ConflictError, match="is not signed with the log's key"):
        kept.newest(plant)


def test_heads_of_another_log_in_the_same_store_are_its_own(plant: Plant, tmp_path: Path) -> None:
    more(plant)
    [former] = kept.keys_of(plant)
    folder = plant.settings.keyring_dir
    (folder / "log").rename(tmp_path / "former")
    log_key.create(folder, test=True)

    assert heads.sign(plant, pause=AT_ONCE)
    [key] = kept.keys_of(plant)
    assert key != former and former in plant.store.list(kept.HEADS)
    assert kept.every(plant) == [kept.newest(plant)]


def test_a_head_that_never_came_into_the_store_is_put_there_by_the_next_look(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = HeadSigner(plant)
    assert not signer.act()  # too young
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.log_head).values(at=tx.now - timedelta(hours=1)))
    more(plant)

    def fails(_: Blob) -> bool:
        raise StoreUnavailableError("no answer")

    with monkeypatch.context() as away:
        away.setattr(plant.store, "put_new", fails)
        assert not signer.act()
    signed, before = newest(plant), kept.newest(plant)
    assert before is not None and before.head.size < signed.size

    assert not signer.act()  # nothing is due

    after = kept.newest(plant)
    assert after is not None and after.head.size == signed.size


def test_heads_beyond_are_set_aside_and_those_before_stay(plant: Plant) -> None:
    there = kept.every(plant)
    [head] = there

    kept.set_aside(plant, there, beyond=head.head.size)
    assert kept.every(plant) == there
    kept.set_aside(plant, there, beyond=head.head.size - 1)

    assert kept.every(plant) == []
    assert head.key.replace(kept.HEADS, kept.LOST) in plant.store.list(kept.LOST)
