"""`audit verify`: whatever is done to audit, editions, roots or to the log itself is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, exists, func, insert, literal_column, select, update

from factory.errors import FactoryError, UnreadableRowError
from factory.log import heads as texts
from factory.log import tree
from factory.log.leaves import Kind
from factory.merkle import leaf_digest
from jobs.bulk import confirming
from jobs.log import checking, heads, kept, proving
from jobs.log.checking import Checked
from jobs.log.sequencing import Sequencer, append_all
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import log_key
from storage import tables as t
from storage.ledger import Tx, audit, log, log_rows, log_source, proofs
from tests.plants import WHO, issue, new_plant, run_batch, skip_canary, start_rename, stored

AT_ONCE = timedelta(0)
MANY = 300  #: audit rows, so that a subtree is kept
Tamper = Callable[[Tx], object]


@pytest.fixture
def plant(tmp_path: Path, db_url: str, s3: Settings) -> Plant:
    return with_three_heads(tmp_path, db_url, s3)


def with_three_heads(tmp_path: Path, db_url: str, s3: Settings) -> Plant:
    """Two editions, a batch, a later proof and many audit rows, under three heads."""
    made = new_plant(tmp_path, db_url, **stored(s3))
    issue(made, 1)
    grow(made)
    batch = start_rename(made)
    confirming.confirm(made, batch, who=WHO, why="a test")
    skip_canary(made, batch)
    run_batch(made, batch)
    add_proof(made)
    grow(made)
    with made.ledger.write(WHO) as tx:
        for number in range(MANY):
            audit.note(tx, "tried", ("thing", number), why="a test")
    grow(made)
    return made


def add_proof(plant: Plant, key: str = "later.pdf") -> None:
    """To the first file that has none."""
    f, later = t.file.c, t.file.alias("later").c
    proved = exists().where(later.order_id == f.order_id, later.step > 0)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.file).where(~proved, f.step == 0).values(awaits=proofs.STAMP))
        tx.run(update(t.file).where(proved).values(awaits=None))
        [file, *_] = proofs.awaiting(tx, most=1)
        step = proofs.NextStep(
            of=file, object_key=key, sha256="f" * 64, size_bytes=9, proved_until="2040"
        )
        proofs.add(tx, [step], why="a test")


def grow(plant: Plant) -> None:
    """Everything is appended, and under a head."""
    append_all(plant.ledger, most=50)
    assert heads.sign(plant, pause=AT_ONCE)


def found(plant: Plant) -> list[tuple[str, str, str]]:
    return [(each.what, each.kind, each.ident) for each in checked(plant).findings]


def checked(plant: Plant, **how: object) -> Checked:
    return checking.check(plant, **how)  # type: ignore[arg-type]


def tamper(plant: Plant, how: Tamper) -> None:
    with plant.ledger.write(WHO) as tx:
        how(tx)


def entry(tx: Tx, kind: Kind, place: int = 0) -> log.Entry:
    """The first entry of a kind, or another one of them."""
    with_kind = select(t.log_entry).where(t.log_entry.c.kind == kind.value)
    row = tx.run(with_kind.order_by(t.log_entry.c.seq)).all()[place]
    return log.Entry(kind=kind, ref=row.ref, digest=bytes.fromhex(row.digest))


def ref(plant: Plant, kind: Kind, place: int = 0) -> int:
    with plant.ledger.read() as tx:
        return entry(tx, kind, place).ref


# --- what cannot be read ----------------------------------------------------------------------


def nonsense(tx: Tx, table: Any, column: str, where: Any, value: object) -> None:
    """Put in by hand: nothing of ours would."""
    wanted = update(table).where(where).values({column: literal_column(f"'{value}'")})
    tx.run(wanted)


ON_BOTH = [
    (t.log_entry, "digest", t.log_entry.c.seq == 3, "zz", ("altered", "entry", "3")),
    (t.log_entry, "kind", t.log_entry.c.seq == 3, "foo", ("altered", "entry", "3")),
    (t.log_node, "digest", t.log_node.c.place == 0, "zz", ("altered", "subtree", "0-255")),
    (t.log_head, "root", t.log_head.c.size > 300, "zz", ("altered", "head", None)),
    (t.log_cursor, "writers", t.log_cursor.c.size >= 0, "{}", None),
    (t.audit, "what", t.audit.c.id == 3, "7", ("altered", "audit", "3")),
    (t.audit, "what", t.audit.c.id == 3, '{"n": 1e999}', ("altered", "audit", "3")),
]
ON_SQLITE = [
    (t.log_entry, "ref", t.log_entry.c.seq == 3, "x", ("altered", "entry", "3")),
    (t.log_head, "at", t.log_head.c.size > 300, "gestern", ("altered", "head", None)),
    (t.log_head, "signature", t.log_head.c.size > 300, "text", ("altered", "head", None)),
    (t.log_cursor, "settled_to", t.log_cursor.c.size >= 0, "far", ("altered", "cursor", "audit")),
    (t.audit, "what", t.audit.c.id == 3, "{", ("altered", "audit", "3")),
    (t.audit, "at", t.audit.c.id == 3, "gestern", ("altered", "audit", "3")),
]


def told_beside_a_removed_row(plant: Plant, table: Any, column: str, where: Any, value: str) -> Any:
    """What is found where a row holds nonsense, and another one is gone."""
    tamper(plant, lambda tx: tx.run(delete(t.audit).where(t.audit.c.id == 5)))
    tamper(plant, lambda tx: nonsense(tx, table, column, where, value))
    return found(plant)


def is_named(named: tuple[str, str, str | None] | None, told: Any) -> bool:
    """None: nothing of ours minds."""
    return named is None or any(
        named[:2] == each[:2] and named[2] in {None, each[2]} for each in told
    )


@pytest.mark.parametrize(("table", "column", "where", "value", "named"), ON_BOTH)
def test_a_row_that_cannot_be_read_is_named_and_hides_no_other(
    plant: Plant, table: Any, column: str, where: Any, value: str, named: Any
) -> None:
    told = told_beside_a_removed_row(plant, table, column, where, value)

    assert ("removed", "audit", "5") in told
    assert is_named(named, told)


@pytest.mark.parametrize(("table", "column", "where", "value", "named"), ON_SQLITE)
def test_what_only_sqlite_takes_is_named_too(
    tmp_path: Path,
    s3: Settings,
    sqlite_db_url: str,
    table: Any,
    column: str,
    where: Any,
    value: str,
    named: Any,
) -> None:
    plant = with_three_heads(tmp_path, sqlite_db_url, s3)

    told = told_beside_a_removed_row(plant, table, column, where, value)

    assert ("removed", "audit", "5") in told
    assert is_named(named, told)


@pytest.mark.parametrize("column", ["who", "why", "object_id"])
def test_text_that_is_none_is_named(
    tmp_path: Path, s3: Settings, sqlite_db_url: str, column: str
) -> None:
    plant = with_three_heads(tmp_path, sqlite_db_url, s3)
    garbled = {column: literal_column("CAST(x'ff' AS TEXT)")}
    tamper(plant, lambda tx: tx.run(update(t.audit).where(t.audit.c.id == 3).values(garbled)))

    assert ("altered", "audit", "3") in found(plant)


@pytest.mark.parametrize("value", ["x", "9" * 30, "0", ""])
@pytest.mark.parametrize("action", ["edition made", "proof added"])
def test_a_row_that_waits_and_cannot_be_read_is_named_and_stops_nothing_but_the_log(
    plant: Plant, action: str, value: str
) -> None:
    issue(plant, 2)
    add_proof(plant, "another.pdf")
    with plant.ledger.read() as tx:
        a = t.audit.c
        last = tx.run(select(func.max(a.id)).where(a.action == action)).scalar_one()
    tamper(plant, lambda tx: nonsense(tx, t.audit, "object_id", t.audit.c.id == last, value))

    assert not Sequencer(plant.ledger, "me").act()
    assert ("altered", "audit", str(last)) in found(plant)
    assert checked(plant).pending > 0
    tamper(plant, lambda tx: tx.run(delete(t.audit).where(t.audit.c.id == last)))
    assert Sequencer(plant.ledger, "me").act()


@pytest.mark.parametrize("ask", [proving.newest, lambda plant: proving.consistency(plant, 1)])
def test_of_a_head_that_cannot_be_read_nothing_is_proved(
    plant: Plant, ask: Callable[[Plant], object]
) -> None:
    tamper(plant, lambda tx: nonsense(tx, t.log_head, "root", t.log_head.c.size > 0, "zz"))

    with pytest.raises(FactoryError, match=r"log|head"):
        ask(plant)
    with pytest.raises(UnreadableRowError):
        proving.row(plant, 1)


# --- what holds -------------------------------------------------------------------------------


def test_a_log_that_nobody_touched_holds(plant: Plant) -> None:
    result = checked(plant)

    assert result.findings == []
    assert (result.heads, result.pending, result.count) == (3, 0, 0)
    assert result.entries == result.covered > MANY
    with plant.ledger.read() as tx:
        kinds = set(tx.run(select(t.log_entry.c.kind)).scalars())
    assert kinds == {each.value for each in Kind}


def test_what_is_not_appended_yet_only_waits(plant: Plant) -> None:
    issue(plant, 2)

    result = checked(plant)

    assert result.findings == []
    assert result.pending > 0


def test_what_was_appended_since_the_last_head_holds_too(plant: Plant) -> None:
    issue(plant, 2)
    append_all(plant.ledger)

    result = checked(plant)

    assert result.findings == []
    assert result.covered < result.entries


@pytest.mark.parametrize("appended", [True, False])
def test_a_batch_that_ends_while_the_log_is_checked_is_nothing(
    tmp_path: Path, db_url: str, s3: Settings, appended: bool
) -> None:
    plant = new_plant(tmp_path, db_url, **stored(s3))
    issue(plant, 1)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="a test")
    skip_canary(plant, batch)
    grow(plant)

    def end(done: int, total: int) -> None:
        assert done == total
        run_batch(plant, batch)
        if appended:
            append_all(plant.ledger)

    assert checked(plant, advance=end).findings == []
    with plant.ledger.read() as tx:
        assert tx.run(select(t.batch.c.merkle_root)).scalar_one() is not None


def test_an_empty_log_holds(tmp_path: Path, db_url: str, s3: Settings) -> None:
    result = checked(new_plant(tmp_path, db_url, **stored(s3)))

    assert (result.findings, result.entries, result.heads) == ([], 0, 0)


def test_how_far_it_is_is_told(plant: Plant) -> None:
    told: list[tuple[int, int]] = []

    result = checked(plant, advance=lambda done, total: told.append((done, total)))

    assert told[-1] == (result.entries, result.entries)


def test_heads_of_a_key_that_was_replaced_hold(plant: Plant) -> None:
    log_key.replace(plant.settings.keyring_dir)
    issue(plant, 2)
    grow(plant)

    assert found(plant) == []


# --- rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"who": "somebody else"},
        {"why": "another reason"},
        {"what": {"state": "revoked"}},
        {"object_id": "99"},
        {"action": "tried twice"},
        {"correlation_id": "another"},
    ],
)
def test_an_altered_audit_row_is_found(plant: Plant, values: dict[str, object]) -> None:
    row = ref(plant, Kind.AUDIT, 40)

    tamper(plant, lambda tx: tx.run(update(t.audit).where(t.audit.c.id == row).values(**values)))

    assert found(plant) == [("altered", "audit", str(row))]


def test_an_audit_row_with_another_time_is_found(plant: Plant) -> None:
    row = ref(plant, Kind.AUDIT, 40)
    c = t.audit.c

    def later(tx: Tx) -> None:
        at = tx.run(select(c.at).where(c.id == row)).scalar_one()
        tx.run(update(t.audit).where(c.id == row).values(at=at + timedelta(microseconds=1)))

    tamper(plant, later)

    assert found(plant) == [("altered", "audit", str(row))]


def test_a_removed_audit_row_is_found(plant: Plant) -> None:
    row = ref(plant, Kind.AUDIT, 40)

    tamper(plant, lambda tx: tx.run(delete(t.audit).where(t.audit.c.id == row)))

    assert found(plant) == [("removed", "audit", str(row))]


def test_audit_rows_that_changed_places_are_found(plant: Plant) -> None:
    one, other = ref(plant, Kind.AUDIT, 40), ref(plant, Kind.AUDIT, 41)
    c = t.audit.c

    def swap(tx: Tx) -> None:
        for old, new in ((one, -1), (other, one), (-1, other)):
            tx.run(update(t.audit).where(c.id == old).values(id=new))

    tamper(plant, swap)

    assert found(plant) == [("reordered", "audit", str(one)), ("reordered", "audit", str(other))]


def test_an_audit_row_that_was_put_in_is_found(plant: Plant) -> None:
    def put(tx: Tx) -> None:
        [row] = tx.run(select(t.audit).order_by(t.audit.c.id).limit(1))
        tx.run(insert(t.audit).values(**(row._asdict() | {"id": -5})))

    tamper(plant, put)
    append_all(plant.ledger)

    assert found(plant) == [("inserted", "audit", "-5")]


@pytest.mark.parametrize("kind", [Kind.EDITION, Kind.FILE])
def test_a_file_that_was_replaced_is_found(plant: Plant, kind: Kind) -> None:
    row, f = ref(plant, kind), t.file.c
    which = (f.edition_id == row) & (f.step == 0) if kind is Kind.EDITION else f.id == row

    tamper(plant, lambda tx: tx.run(update(t.file).where(which).values(sha256="0" * 64)))

    assert found(plant) == [("altered", kind.value, str(row))]


def test_a_file_that_was_removed_is_found(plant: Plant) -> None:
    row, f = ref(plant, Kind.EDITION), t.file.c

    tamper(plant, lambda tx: tx.run(delete(t.file).where(f.edition_id == row, f.step == 0)))

    assert found(plant) == [("removed", "edition", str(row))]


def test_an_edition_with_another_licence_id_is_found(plant: Plant) -> None:
    row, e = ref(plant, Kind.EDITION), t.edition.c

    tamper(plant, lambda tx: tx.run(update(t.edition).where(e.id == row).values(licence_id="1")))

    assert ("altered", "edition", str(row)) in found(plant)


def test_an_edition_that_was_put_in_is_found(plant: Plant) -> None:
    """Made by nobody: files without the audit row that is written with them."""
    first = ref(plant, Kind.EDITION)

    def put(tx: Tx) -> int:
        [edition] = tx.run(select(t.edition).where(t.edition.c.id == first))
        [file] = tx.run(select(t.file).where(t.file.c.edition_id == first, t.file.c.step == 0))
        new = {"id": 900, "number": 90, "licence_id": None, "code": None}
        tx.run(insert(t.edition).values(**(edition._asdict() | new)))
        more = {"id": 901, "edition_id": 900, "format": "ofd", "object_key": "put/in"}
        tx.run(insert(t.file).values(**(file._asdict() | more)))
        return 900

    tamper(plant, put)
    append_all(plant.ledger)

    assert found(plant) == [("inserted", "edition", "900")]


def test_a_later_proof_that_was_put_in_is_found(plant: Plant) -> None:
    first = ref(plant, Kind.FILE)

    def put(tx: Tx) -> None:
        [file] = tx.run(select(t.file).where(t.file.c.id == first))
        more = {"id": 901, "step": 2, "object_key": "put/in"}
        tx.run(insert(t.file).values(**(file._asdict() | more)))

    tamper(plant, put)
    append_all(plant.ledger)

    assert found(plant) == [("inserted", "file", "901")]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"merkle_root": "0" * 64}, "altered"),
        ({"merkle_size": 7}, "altered"),
        ({"merkle_root": None}, "removed"),
    ],
)
def test_another_root_of_a_batch_is_found(
    plant: Plant, values: dict[str, object], what: str
) -> None:
    b = t.batch.c
    with plant.ledger.read() as tx:
        [batch] = tx.run(select(b.id).where(b.merkle_root.is_not(None))).scalars()

    tamper(plant, lambda tx: tx.run(update(t.batch).where(b.id == batch).values(**values)))

    assert found(plant) == [(what, "batch", str(batch))]


def test_the_audit_row_of_a_root_that_was_altered_is_found_and_the_batch_is_not(
    plant: Plant,
) -> None:
    row, c = ref(plant, Kind.BATCH), t.audit.c
    said = {"root": "0" * 64, "size": 1}

    tamper(plant, lambda tx: tx.run(update(t.audit).where(c.id == row).values(what=said)))

    assert found(plant) == [("altered", "audit", str(row))]


# --- the log itself ---------------------------------------------------------------------------


def test_a_row_altered_with_its_entry_is_found_by_the_head(plant: Plant) -> None:
    """And by the subtree above them, which says between which entries."""
    row = ref(plant, Kind.AUDIT, 100)

    def alter(tx: Tx) -> None:
        tx.run(update(t.audit).where(t.audit.c.id == row).values(why="another"))
        digest = leaf_digest(log_rows.texts(tx, Kind.AUDIT, [row])[row]).hex()
        tx.run(update(t.log_entry).where(t.log_entry.c.ref == row).values(digest=digest))

    tamper(plant, alter)

    kinds = [(what, kind) for what, kind, _ in found(plant)]
    assert kinds == [("altered", "entry"), ("altered", "subtree")]


def test_a_row_altered_with_all_of_the_log_is_found_by_the_heads(plant: Plant) -> None:
    """The whole log made anew: what is missing is the key."""
    row = ref(plant, Kind.AUDIT, 100)

    def forge(tx: Tx) -> None:
        tx.run(update(t.audit).where(t.audit.c.id == row).values(why="another"))
        for table in (t.log_entry, t.log_node, t.log_cursor):
            tx.run(delete(table))
        while log_source.append_new(tx, 1000)[1]:
            pass

    tamper(plant, forge)

    assert [(what, kind) for what, kind, _ in found(plant)] == [("altered", "entry")]


def test_entries_that_changed_places_are_found(plant: Plant) -> None:
    c = t.log_entry.c

    def swap(tx: Tx) -> None:
        for old, new in ((50, 10_000), (51, 50), (10_000, 51)):
            tx.run(update(t.log_entry).where(c.seq == old).values(seq=new))

    tamper(plant, swap)

    kinds = {(what, kind) for what, kind, _ in found(plant)}
    assert kinds == {("altered", "entry"), ("altered", "subtree")}


def test_an_entry_that_was_taken_out_is_found(plant: Plant) -> None:
    tamper(plant, lambda tx: tx.run(delete(t.log_entry).where(t.log_entry.c.seq == 50)))

    assert ("removed", "entry", "50") in found(plant)


def test_a_log_that_was_cut_off_is_found(plant: Plant) -> None:
    with plant.ledger.read() as tx:
        size = log.size(tx)

    tamper(plant, lambda tx: tx.run(delete(t.log_entry).where(t.log_entry.c.seq >= size - 3)))

    assert ("removed", "entry", f"{size - 3}-{size - 1}") in found(plant)


def test_another_subtree_is_found(plant: Plant) -> None:
    tamper(plant, lambda tx: tx.run(update(t.log_node).values(digest="0" * 64)))

    assert found(plant) == [("altered", "subtree", "0-255")]


# --- heads ------------------------------------------------------------------------------------


def sizes(plant: Plant) -> list[int]:
    with plant.ledger.read() as tx:
        return log.head_sizes(tx)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"}, ["unsigned"]),
        ({"certificate": "0" * 64}, ["unsigned"]),
        ({"text": "no head"}, ["altered"]),
    ],
)
def test_a_head_with_a_wrong_signature_is_found(
    plant: Plant, values: dict[str, object], what: list[str]
) -> None:
    size = sizes(plant)[1]

    where = t.log_head.c.size == size
    tamper(plant, lambda tx: tx.run(update(t.log_head).where(where).values(**values)))

    assert found(plant) == [(each, "head", str(size)) for each in what]


def test_a_head_that_says_otherwise_is_found(plant: Plant) -> None:
    """Its text made anew for another root, with the signature there was."""
    size, h = sizes(plant)[1], t.log_head.c

    def alter(tx: Tx) -> None:
        text = tx.run(select(h.text).where(h.size == size)).scalar_one()
        other = replace(texts.read(text), root=b"r" * 32)
        values = {"text": other.text, "root": other.root.hex()}
        tx.run(update(t.log_head).where(h.size == size).values(**values))

    tamper(plant, alter)

    kinds = [(what, kind) for what, kind, _ in found(plant)]
    assert kinds == [("unsigned", "head"), ("altered", "entry")]


def test_a_head_that_somebody_noted_is_compared(plant: Plant) -> None:
    true = texts.read(proving.newest(plant, sizes(plant)[0]).text)

    assert checked(plant, noted=[true]).findings == []
    assert len(checked(plant, noted=[replace(true, root=b"r" * 32)]).findings) == 1
    assert len(checked(plant, noted=[replace(true, size=10**6)]).findings) == 1
    assert len(checked(plant, noted=[replace(true, origin="other")]).findings) == 1


def test_a_log_made_anew_with_its_heads_is_found_by_a_head_that_was_noted(plant: Plant) -> None:
    """By whoever had the key and wrote into the store too."""
    noted = texts.read(proving.newest(plant).text)
    row = ref(plant, Kind.AUDIT, 100)

    def forge(tx: Tx) -> None:
        tx.run(update(t.audit).where(t.audit.c.id == row).values(why="another"))
        for table in (t.log_entry, t.log_node, t.log_cursor, t.log_head):
            tx.run(delete(table))

    tamper(plant, forge)
    for key in kept.keys_of(plant):
        plant.store.delete(key)
    grow(plant)

    assert found(plant) == []
    assert [each.kind for each in checked(plant, noted=[noted]).findings] == ["entry"]


def test_thousands_of_findings_are_counted_and_the_first_are_told(plant: Plant) -> None:
    tamper(plant, lambda tx: tx.run(delete(t.audit).where(t.audit.c.object_kind == "thing")))

    result = checked(plant)

    assert result.count == MANY
    with plant.ledger.read() as tx:
        left = tx.run(select(func.count()).select_from(t.audit)).scalar_one()
    assert left < result.entries - MANY + 10


# --- proofs -----------------------------------------------------------------------------------


def test_two_heads_are_shown_to_be_of_one_log(plant: Plant) -> None:
    old, _, new = sizes(plant)

    said = proving.consistency(plant, old)

    assert (said["old"]["size"], said["size"]) == (old, new)
    assert tree.is_consistent(
        old=old,
        old_root=bytes.fromhex(said["old"]["root"]),
        new=new,
        new_root=bytes.fromhex(said["root"]),
        path=[bytes.fromhex(each) for each in said["path"]],
    )


# --- how far the sequencer says it is ---------------------------------------------------------


@pytest.mark.on_both
@pytest.mark.parametrize(
    "moved",
    [
        {"size": 1},
        {"read_to": 10**9, "settled_to": 10**9},
        {"read_to": 1, "settled_to": 1},
    ],
    ids=["another size", "ahead, so that new rows are passed over", "back"],
)
def test_a_cursor_that_was_moved_is_found(plant: Plant, moved: dict[str, int]) -> None:
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.log_cursor).values(**moved))

    found = checking.check(plant).findings

    assert {(each.what, each.kind) for each in found} == {("altered", "cursor")}


def test_a_cursor_where_the_sequencer_left_it_is_none(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        audit.note(tx, "tried", ("thing", 1), why="it waits")

    assert checking.check(plant).findings == []
