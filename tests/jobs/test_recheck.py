"""The re-checker: a factory on which every rule holds, and the nearest breach of each, by hand."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert, select, text, update

import cli
from factory import courses, numbering, specimen
from factory.errors import StoreUnavailableError
from factory.making import MAKINGS
from factory.model import ApplicationType, Format, Order
from factory.pressing import Laid
from jobs import callers, desk, drawing, importing, laying
from jobs.commands import exits
from jobs.embedded import Embedded
from jobs.intake import Status
from jobs.log import heads
from jobs.log.sequencing import append_all
from jobs.recheck import running, wanted
from jobs.recheck.findings import Rule
from jobs.recheck.running import Result
from jobs.recheck.wanted import Share
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.blobs import Blob
from storage.ledger import Tx, audit, inbox, promises
from storage.recheck import outcomes
from storage.recheck.scope import Scope
from tests.jobs.in_two_formats import GANSU, approve, case
from tests.jobs.test_importing import LINES, Silent
from tests.plants import SOURCE, WHO, submit
from tests.storage.s3_wire import withholding
from tests.telling import whole_factory, work

EVERY = Share(part=1.0, seed="every")
NONE = Share(part=0.0, seed="none")
TOMORROW = datetime.now(UTC) + timedelta(days=1)
A_DAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
BOTH = [Format.OFD, Format.PDF]

Hand = Callable[[Tx], None]  #: what is done to the ledger behind everybody's back
Hands = Callable[[Laid], Laid]


@dataclass(frozen=True)
class Made:
    """A factory that has made its certificates: its folder, and what lies in its store."""

    folder: Path
    objects: Mapping[str, bytes]


def two_certificates(folder: Path, s3: Settings, bucket: str, db_url: str | None = None) -> Plant:
    """Of one register, each in two formats."""
    made = whole_factory(folder, s3, db_url=db_url, s3_bucket=bucket)
    for seed in (1, 2):
        approve(made, seed)
    work(made)
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, store: Embedded) -> Made:
    """Made once for all tests of this module; each has a copy."""
    folder = tmp_path_factory.mktemp("made")
    plant = two_certificates(folder, store.settings, store.settings.s3_bucket)
    with plant.ledger.read() as tx:
        keys = list(tx.run(select(t.file.c.object_key)).scalars())
    plant.ledger.engine.dispose()
    return Made(folder, {key: plant.store.get(key) for key in keys})


@pytest.fixture
def plant(made: Made, tmp_path: Path, s3: Settings, fresh_bucket: str) -> Plant:
    """Two certificates in two formats, of one register."""
    folder = tmp_path / "factory"
    shutil.copytree(made.folder, folder)
    settings = replace(
        s3,
        data_dir=folder,
        keyring_dir=folder / "keyring",
        db_url=f"sqlite:///{folder / 'ledger.sqlite3'}",
        s3_bucket=fresh_bucket,
    )
    plant = Plant(settings)
    for key, data in made.objects.items():
        put(plant, key, data)
    return plant


@pytest.fixture
def either(tmp_path: Path, s3: Settings, fresh_bucket: str, db_url: str) -> Plant:
    """The same on each kind of ledger."""
    return two_certificates(tmp_path, s3, fresh_bucket, db_url)


# --- saying it shortly ------------------------------------------------------------------------


def looked(plant: Plant, *, render: Share = NONE, files: Share = EVERY, **scope: Any) -> Result:
    order = wanted.Order(scope=Scope(**scope), files=files, render=render)
    return running.run(plant, order, tell=lambda *_: None)


def broken(plant: Plant, *, render: Share = NONE) -> list[tuple[Rule, str, int | str]]:
    """The rules that are broken, each with what breaks it."""
    return [(each.rule, each.kind, each.id) for each in looked(plant, render=render).findings]


def by_hand(plant: Plant, hand: Hand) -> None:
    with plant.ledger.write(WHO) as tx:
        hand(tx)


def files(plant: Plant) -> dict[Format, Any]:
    """The files of the first certificate."""
    with plant.ledger.read() as tx:
        rows = tx.run(select(t.file).order_by(t.file.c.id)).all()
    return {Format(row.format): row for row in reversed(rows)}


def overwrite(plant: Plant, key: str, data: bytes) -> None:
    """Other bytes under a key, as only whoever has the store itself can put them there."""
    plant.store.delete(key)
    put(plant, key, data)


def put(plant: Plant, key: str, data: bytes) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    plant.store.put_new(Blob(key=key, data=data, content_type="application/pdf", sha256=sha256))


def recorded_anew(plant: Plant, row: Any, data: bytes) -> None:
    """Other bytes, and a ledger that says they are what was made."""
    overwrite(plant, row.object_key, data)
    said = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    by_hand(plant, lambda tx: tx.run(update(t.file).where(t.file.c.id == row.id).values(**said)))


def order_of(plant: Plant, row: Any) -> Order:
    with plant.ledger.read() as tx:
        [(_, found)] = promises.opened(tx, t.production_order.c.id == row.order_id)
    assert isinstance(found, Order)
    return found


def forged(plant: Plant, row: Any, hands: Hands, **face: object) -> bytes:
    """Sealed by our own key, and not what was ordered.

    face: what is printed otherwise; hands: what is otherwise once all is laid out.
    """
    order = order_of(plant, row)
    wrong = replace(order, face={**order.face, **face})
    laid = replace(hands(laying.of_order(plant, wrong)), twin=laying.of_order(plant, order).twin)
    return sealed(plant, row, laid)


def sealed(plant: Plant, row: Any, laid: Laid) -> bytes:
    fmt = Format(row.format)
    identity = plant.keyring.seal(order_of(plant, row).identity or "", fmt)
    awaiting = MAKINGS[fmt].sealed(laid, identity)
    [signature] = identity.signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature)


def as_laid(laid: Laid) -> Laid:
    return laid


def set_all(table: Any, **values: object) -> Hand:
    """The first row says something else."""

    def hand(tx: Tx) -> None:
        first = tx.run(select(table.c.id).order_by(table.c.id)).scalars().first()
        tx.run(update(table).where(table.c.id == first).values(**values))

    return hand


def without(tx: Tx, index: str, table: str) -> None:
    """The database no longer insists: a constraint, or an index."""
    if tx.is_postgresql:
        constraint = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {index}"
        tx.run(text(constraint))
    tx.run(text(f"DROP INDEX IF EXISTS {index}"))


def in_the_older_spelling(tx: Tx) -> None:
    """The number of the first registration is one that the second had before."""
    first = tx.run(select(t.registration).order_by(t.registration.c.id)).first()
    tx.run(
        insert(t.former_number).values(
            registration_id=2,
            authority=first.authority,
            number=numbering.respell(first.number, "jzs12"),
            number_key=first.number_key,
            until=tx.now,
        )
    )


def an_edition_twice(tx: Tx) -> None:
    """SQLite cannot let a table's constraint go."""
    tx.run(text("ALTER TABLE edition DROP CONSTRAINT uq_edition_registration_id_number"))
    row = tx.run(select(t.edition).where(t.edition.c.id == 1)).one()._mapping
    twin = {"id": 99, "licence_id": None, "code": None, "made_at": None, "state": "superseded"}
    tx.run(insert(t.edition).values(**{**row, **twin}))


def number_of(plant: Plant, ident: int) -> str:
    with plant.ledger.read() as tx:
        wanted = select(t.registration.c.number).where(t.registration.c.id == ident)
        return str(tx.run(wanted).scalar_one())


def suspend(plant: Plant) -> None:
    """The first registration, as its upstream says."""
    [approved] = [
        each for each in courses.course(case(plant, 1)) if each["type"] == "registration.approved"
    ]
    said: Any = approved["data"]
    paper = {name: said["holder"][name] for name in ("id_type", "id_number")}
    days = {"suspended_on": datetime.now(UTC).date().isoformat(), "reason": "依法暂扣"}
    data = {"profile": GANSU, "holder": paper, **days}
    event = {**approved, "id": "suspended", "type": "registration.suspended", "data": data}
    assert submit(plant, event).status is Status.ACCEPTED


def take_over(plant: Plant) -> int:
    """A registration of another register, in one transaction with its event; its row."""
    row = json.dumps(specimen.imported(7)["data"], ensure_ascii=False).encode()
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, importing.SOURCE, specimen.PROFILE)
    importing.take_over(
        plant, io.BytesIO(row), LINES, Silent(), rows=1, keep=lambda _: None, who=WHO
    )
    with plant.ledger.read() as tx:
        wanted = select(t.registration.c.id).where(t.registration.c.profile == specimen.PROFILE)
        return int(tx.run(wanted).scalar_one())


def without_foreign_keys(plant: Plant, *statements: str) -> None:
    """As only whoever has the database itself can run them: SQLite insists only if it is asked."""
    with closing(sqlite3.connect(plant.settings.data_dir / "ledger.sqlite3")) as database, database:
        for each in statements:
            database.execute(each)


# --- everything holds -------------------------------------------------------------------------


def test_a_factory_at_rest_is_clean(plant: Plant) -> None:
    result = looked(plant, render=EVERY)

    assert result.findings == []
    assert result.said == {}
    assert result.looked["files"] == 4
    assert result.good == sum(result.looked.values())


@pytest.mark.on_both
def test_on_both_ledgers_what_is_broken_is_found_and_nothing_else(either: Plant) -> None:
    """Each by itself is tried below; here every statement meets both databases."""
    before = looked(either, render=EVERY)

    by_hand(either, set_all(t.file, size_bytes=1))
    by_hand(either, set_all(t.fact, state="waiting"))
    by_hand(either, set_all(t.registration, state="cancelled"))
    by_hand(either, lambda tx: tx.run(update(t.number_series).values(next=9)))
    by_hand(either, in_the_older_spelling)
    after = looked(either)

    assert (before.findings, before.said) == ([], {})
    assert sorted({each.rule for each in after.findings}) == [
        Rule.CURRENT, Rule.EVENT, Rule.GAP, Rule.SIZE, Rule.TWICE,
    ]  # fmt: skip
    with either.ledger.read() as tx:
        [kept] = outcomes.newest(tx)
    assert (kept.bad, kept.rules) == (after.bad, after.rules)


def test_one_edition_number_twice(
    tmp_path: Path, s3: Settings, fresh_bucket: str, postgresql_db_url: str
) -> None:
    plant = two_certificates(tmp_path, s3, fresh_bucket, postgresql_db_url)

    by_hand(plant, an_edition_twice)

    assert broken(plant) == [(Rule.FORK, "registration", 1)]


def test_what_came_of_it_is_kept_for_whoever_watches(plant: Plant) -> None:
    whole = looked(plant)

    drawn = looked(plant, files=NONE)

    with plant.ledger.read() as tx:
        kept = {each.scope: each for each in outcomes.newest(tx)}
    assert (kept["whole"].good, kept["whole"].bad) == (whole.good, 0)
    assert kept["sample"].good == drawn.good == whole.good - 4


def test_of_a_part_nothing_is_kept(plant: Plant) -> None:
    looked(plant, profile=GANSU)
    looked(plant, since=TOMORROW)

    with plant.ledger.read() as tx:
        assert outcomes.newest(tx) == []


def test_since_a_day_only_what_came_later_is_looked_at(plant: Plant) -> None:
    assert looked(plant, since=TOMORROW).looked["files"] == 0
    assert looked(plant, since=TOMORROW - timedelta(days=2)).looked["files"] == 4


def test_of_another_register_nothing_is_looked_at(plant: Plant) -> None:
    found = looked(plant, profile="shanghai-constructor").looked

    assert sum(found.values()) == 0


def test_a_lot_is_the_same_for_the_same_seed() -> None:
    some = Share(part=0.3, seed="a day")

    drawn = [ident for ident in range(1000) if some.holds(ident)]

    assert drawn == [ident for ident in range(1000) if replace(some).holds(ident)]
    assert 200 < len(drawn) < 400


def test_several_processes_find_the_same(plant: Plant) -> None:
    row = files(plant)[Format.PDF]
    plant.store.delete(row.object_key)
    order = wanted.Order(scope=Scope(), files=EVERY, render=NONE)

    result = running.run(plant, order, processes=2, tell=lambda *_: None)

    assert [each.id for each in result.findings] == [row.id]
    assert result.looked == looked(plant).looked


def test_of_a_number_exactly_so_many_are_drawn() -> None:
    some = Share.of(5, range(1, 1000), "a day")

    assert len([ident for ident in range(1, 1000) if some.holds(ident)]) == 5


@pytest.mark.parametrize("number", [3, 4])
def test_of_no_more_than_there_are_all_are_drawn(number: int) -> None:
    assert Share.of(number, range(1, 4), "a day").part == 1


# --- rows that cannot be read -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE edition SET made_at = 'gestern'", "registration"),
        ("UPDATE registration SET view = '{'", "registration"),
        ("UPDATE registration SET view = '[]'", "registration"),
        ("UPDATE registration SET number = CAST(x'ff' AS TEXT)", "registration"),
        ("UPDATE file SET format = 'exe'", "file"),
        ("UPDATE production_order SET pictures = '7'", "file"),
        ("UPDATE production_order SET formats = '7'", "order"),
        ("UPDATE inbox SET outcome = '{'", "event"),
        ("UPDATE audit SET what = '{'", "audit"),
        ("UPDATE audit SET at = 'gestern'", "audit"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_hides_no_other(
    plant: Plant, statement: str, kind: str
) -> None:
    """SQLite takes anything in any column; PostgreSQL takes any text and any JSON."""
    gone = max(files(plant).values(), key=lambda row: row.id)
    plant.store.delete(gone.object_key)

    without_foreign_keys(plant, f"{statement} WHERE id = 1")
    found = broken(plant)

    assert (Rule.UNREADABLE, kind, 1) in found
    assert (Rule.FILE, "file", gone.id) in found


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", BOTH)
def test_a_file_that_is_gone_is_named(plant: Plant, fmt: Format) -> None:
    row = files(plant)[fmt]

    plant.store.delete(row.object_key)

    assert broken(plant) == [(Rule.FILE, "file", row.id)]


@pytest.mark.parametrize("status", [500, 403], ids=["broken", "no right"])
def test_a_file_that_the_store_does_not_give_is_named_and_hides_no_other(
    plant: Plant, status: int
) -> None:
    refused, gone = files(plant)[Format.PDF], files(plant)[Format.OFD]
    plant.store.delete(gone.object_key)

    with withholding(plant.settings.s3_endpoint, refused.object_key, status) as url:
        result = looked(Plant(replace(plant.settings, s3_endpoint=url)))

    assert [(each.rule, each.id) for each in result.findings] == [
        (Rule.FILE, ident) for ident in sorted([refused.id, gone.id])
    ]
    assert "does not give" in next(e.sentence for e in result.findings if e.id == refused.id)
    assert result.looked["files"] == 4


@pytest.mark.parametrize("processes", [1, 2])
def test_where_the_whole_store_is_away_nothing_is_found_and_nothing_kept(
    plant: Plant, processes: int
) -> None:
    away = Plant(replace(plant.settings, s3_endpoint="http://127.0.0.1:9"))
    order = wanted.Order(scope=Scope(), files=EVERY, render=NONE)

    with pytest.raises(StoreUnavailableError, match="object store"):
        running.run(away, order, processes=processes, tell=lambda *_: None)

    with plant.ledger.read() as tx:
        assert outcomes.newest(tx) == []


@pytest.mark.parametrize("fmt", BOTH)
def test_one_byte_more_is_another_digest(plant: Plant, fmt: Format) -> None:
    row = files(plant)[fmt]

    overwrite(plant, row.object_key, plant.store.get(row.object_key) + b"\n")

    assert broken(plant) == [(Rule.DIGEST, "file", row.id)]


def test_another_size_than_recorded(plant: Plant) -> None:
    by_hand(plant, set_all(t.file, size_bytes=1))

    assert broken(plant) == [(Rule.SIZE, "file", 1)]


@pytest.mark.parametrize("fmt", BOTH)
def test_a_seal_that_does_not_fit_though_the_digest_does(plant: Plant, fmt: Format) -> None:
    row = files(plant)[fmt]
    data = sealed(plant, row, replace(laying.of_order(plant, order_of(plant, row))))
    identity = plant.keyring.seal(order_of(plant, row).identity or "", fmt)
    laid = laying.of_order(plant, order_of(plant, row))
    [other] = identity.signer.sign_digests([bytes(32)])

    recorded_anew(plant, row, MAKINGS[fmt].sealed(laid, identity).finish(other))

    assert data
    assert broken(plant) == [(Rule.SEAL, "file", row.id)]


def test_a_file_that_nobody_sealed_though_one_was_recorded(plant: Plant) -> None:
    row = files(plant)[Format.PDF]
    laid = laying.of_order(plant, order_of(plant, row))

    recorded_anew(plant, row, MAKINGS[Format.PDF].unsealed(laid))

    assert broken(plant) == [(Rule.SEAL, "file", row.id)]


def test_another_certificate_than_was_recorded(plant: Plant) -> None:
    by_hand(plant, set_all(t.file, signing_cert_sha256="0" * 64))

    assert broken(plant) == [(Rule.SIGNER, "file", 1)]


@pytest.mark.parametrize("fmt", BOTH)
def test_a_twin_that_was_not_ordered(plant: Plant, fmt: Format) -> None:
    row = files(plant)[fmt]
    order = order_of(plant, row)
    laid = laying.of_order(plant, order)
    face = {**order.face, "query_address": "https://elsewhere.example/"}
    other = json.dumps(face, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    recorded_anew(plant, row, sealed(plant, row, replace(laid, twin=other.encode())))

    assert broken(plant) == [(Rule.TWIN, "file", row.id)]


@pytest.mark.parametrize("fmt", BOTH)
@pytest.mark.parametrize(
    "printed",
    [
        {"name": "李四"},
        {"sex": "男"},
        {"query_address": "https://elsewhere.example/"},
        {"issued_on": "2024-03-07"},
    ],
    ids=lambda printed: next(iter(printed)),
)
def test_a_page_that_says_something_else(
    plant: Plant, fmt: Format, printed: dict[str, object]
) -> None:
    row = files(plant)[fmt]

    recorded_anew(plant, row, forged(plant, row, as_laid, **printed))

    assert broken(plant) == [(Rule.PAGE, "file", row.id)]


def test_a_page_that_says_something_more(plant: Plant) -> None:
    row = files(plant)[Format.PDF]
    label = "聘用企业单位"

    recorded_anew(plant, row, forged(plant, row, as_laid, employer_label=label))

    assert broken(plant) == [(Rule.PAGE, "file", row.id)]


@pytest.mark.parametrize("fmt", BOTH)
def test_a_qr_code_that_leads_elsewhere(plant: Plant, fmt: Format) -> None:
    row = files(plant)[fmt]
    elsewhere = "https://elsewhere.ex/v/"

    recorded_anew(plant, row, forged(plant, row, as_laid, verify_url=elsewhere))

    assert broken(plant) == [(Rule.CODE, "file", row.id)]


@pytest.mark.parametrize("fmt", BOTH)
def test_another_persons_photo(plant: Plant, fmt: Format) -> None:
    row = files(plant)[fmt]
    with plant.ledger.read() as tx:
        others = dict(promises.opened(tx, t.production_order.c.id != row.order_id))
    [other] = others.values()
    assert isinstance(other, Order)

    recorded_anew(
        plant, row, forged(plant, row, lambda laid: replace(laid, pictures=other.pictures))
    )

    assert broken(plant) == [(Rule.PICTURE, "file", row.id)]


@pytest.mark.parametrize("fmt", BOTH)
def test_a_file_that_would_be_drawn_otherwise(plant: Plant, fmt: Format) -> None:
    """All that can be read is right; what is drawn around it is not."""
    row = files(plant)[fmt]

    def moved(laid: Laid) -> Laid:
        return replace(laid, created=laid.created - timedelta(seconds=1))

    recorded_anew(plant, row, forged(plant, row, moved))

    assert broken(plant) == []
    result = looked(plant, render=EVERY)
    if fmt is Format.PDF:
        assert [(each.rule, each.id) for each in result.findings] == [(Rule.RENDER, row.id)]
    else:
        assert sum(result.said.values()) == 1


def test_a_licence_id_of_another(plant: Plant) -> None:
    with plant.ledger.read() as tx:
        given = tx.run(select(t.edition.c.licence_id).where(t.edition.c.id == 1)).scalar_one()
    parts = numbering.parse_licence_id(given)
    other = str(replace(parts, serial="1"))

    by_hand(plant, set_all(t.edition, licence_id=other))

    # Both files name the edition by the licence id it had, and so does the face.
    assert set(broken(plant)) == {(Rule.RECORD, "file", 1), (Rule.RECORD, "file", 2)}


def test_a_face_that_does_not_open(plant: Plant) -> None:
    by_hand(plant, set_all(t.production_order, face=b"\x01" + bytes(60)))

    assert broken(plant) == [(Rule.TWIN, "file", 1), (Rule.TWIN, "file", 2)]


# --- editions ---------------------------------------------------------------------------------


def test_a_hole_among_the_editions(plant: Plant) -> None:
    def hand(tx: Tx) -> None:
        row = tx.run(select(t.edition).where(t.edition.c.id == 1)).one()._mapping
        gone = {**row, "id": 99, "number": 3, "state": "superseded", "code": None}
        older = {**gone, "licence_id": None, "made_at": None}
        tx.run(insert(t.edition).values(**older))

    by_hand(plant, hand)

    assert (Rule.HOLE, "registration", 1) in broken(plant)


def test_two_current_editions(plant: Plant) -> None:
    def hand(tx: Tx) -> None:
        without(tx, "uq_edition_current", "edition")
        row = tx.run(select(t.edition).where(t.edition.c.id == 1)).one()._mapping
        before = {"id": 99, "number": 0, "licence_id": None, "code": None, "made_at": None}
        tx.run(insert(t.edition).values(**{**row, **before}))

    by_hand(plant, hand)

    assert broken(plant) == [(Rule.CURRENT, "registration", 1), (Rule.FORK, "registration", 1)]


def test_nothing_is_current_though_it_is_in_force(plant: Plant) -> None:
    by_hand(plant, set_all(t.edition, state="superseded"))

    assert broken(plant) == [(Rule.CURRENT, "registration", 1)]


def test_something_is_current_though_it_was_cancelled(plant: Plant) -> None:
    by_hand(plant, set_all(t.registration, state="cancelled"))

    assert broken(plant) == [(Rule.CURRENT, "registration", 1)]


@pytest.mark.parametrize("state", ["suspended", "lapsed"])
def test_what_is_suspended_or_has_lapsed_may_have_one(plant: Plant, state: str) -> None:
    """Though here nothing was said by which it could stand so."""
    by_hand(plant, set_all(t.registration, state=state))

    assert broken(plant) == [(Rule.AUDIT, "registration", 1)]


def test_it_says_something_else_than_the_register(plant: Plant) -> None:
    by_hand(plant, set_all(t.enterprise, name="上海示例另一建设有限公司"))

    assert broken(plant) == [(Rule.SAYS, "registration", 1)]


ANOTHER = "shanghai-constructor"


@pytest.mark.parametrize(
    ("hand", "kinds"),
    [
        (set_all(t.registration, profile=ANOTHER), {"registration"}),
        (set_all(t.registration, uid="0" * 32), {"registration"}),
        (set_all(t.registration, origin_event="elsewhere"), {"registration"}),
        (set_all(t.edition, profile=ANOTHER), {"registration"}),
        (set_all(t.production_order, profile=ANOTHER), {"registration"}),
        (set_all(t.file, profile=ANOTHER), {"file"}),
        (set_all(t.production_order, pictures={}), {"file"}),
    ],
    ids=["register", "uid", "event", "edition", "order", "file", "pictures"],
)
def test_what_was_moved_to_another_register_or_person(
    plant: Plant, hand: Hand, kinds: set[str]
) -> None:
    by_hand(plant, hand)

    found = broken(plant)

    assert {(rule, kind) for rule, kind, _ in found} == {(Rule.RECORD, kind) for kind in kinds}


def test_a_taken_over_registration_that_was_moved_to_another_register(plant: Plant) -> None:
    imported = take_over(plant)

    whose = t.registration.c.id == imported
    by_hand(plant, lambda tx: tx.run(update(t.registration).where(whose).values(profile=GANSU)))

    assert set(broken(plant)) == {(Rule.RECORD, "registration", imported)}


@pytest.mark.parametrize("day", ["2020-01-01", "2099-12-31"], ids=["expired", "for long"])
def test_an_edition_that_is_valid_until_another_day_than_it_prints(plant: Plant, day: str) -> None:
    by_hand(plant, set_all(t.edition, valid_until=day))

    assert broken(plant) == [(Rule.RECORD, "registration", 1)]


def test_an_edition_that_is_said_to_be_on_paper(plant: Plant) -> None:
    by_hand(plant, set_all(t.edition, medium="paper"))

    assert broken(plant) == [(Rule.RECORD, "registration", 1)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("valid_until", "2099-12-31"),
        ("medium", "electronic"),
        ("licence_id", "1.2.156.3005.2.elsewhere"),
        ("number", 7),
    ],
)
def test_an_edition_that_was_taken_over_otherwise(plant: Plant, name: str, value: object) -> None:
    imported = take_over(plant)
    assert broken(plant) == []

    whose = t.edition.c.registration_id == imported
    by_hand(plant, lambda tx: tx.run(update(t.edition).where(whose).values(**{name: value})))

    assert broken(plant) == [(Rule.RECORD, "registration", imported)]


def test_a_registration_that_was_taken_over_and_stands_otherwise(plant: Plant) -> None:
    imported = take_over(plant)

    whose = t.registration.c.id == imported
    by_hand(plant, lambda tx: tx.run(update(t.registration).where(whose).values(state="suspended")))

    assert broken(plant) == [(Rule.RECORD, "registration", imported)]


def test_an_edition_that_is_revoked_though_its_registration_is_not_cancelled(plant: Plant) -> None:
    suspend(plant)
    assert broken(plant) == []

    by_hand(plant, set_all(t.edition, state="revoked"))

    assert broken(plant) == [(Rule.STANDS, "registration", 1)]


def test_an_edition_that_is_superseded_by_none(plant: Plant) -> None:
    suspend(plant)

    by_hand(plant, set_all(t.edition, state="superseded"))

    assert broken(plant) == [(Rule.STANDS, "registration", 1)]


def test_a_person_who_is_marked_as_erased_and_was_not(plant: Plant) -> None:
    by_hand(plant, lambda tx: set_all(t.holder, erased_at=tx.now)(tx))

    assert broken(plant) == [(Rule.ERASED, "registration", 1)]


# --- what the audit says ----------------------------------------------------------------------


def test_dates_of_making_that_were_altered_together(plant: Plant) -> None:
    """Whoever alters one alters the other: the audit has both."""
    number = number_of(plant, 1)
    desk.collect(plant, number, who=WHO)
    assert broken(plant) == []

    by_hand(plant, set_all(t.edition, made_at=A_DAY, collected_at=A_DAY + timedelta(hours=1)))

    assert set(broken(plant)) == {(Rule.AUDIT, "edition", 1)}


@pytest.mark.parametrize("column", ["made_at", "collected_at"])
def test_one_date_of_an_edition_that_was_altered(plant: Plant, column: str) -> None:
    desk.collect(plant, number_of(plant, 1), who=WHO)

    by_hand(plant, set_all(t.edition, **{column: A_DAY}))

    assert broken(plant) == [(Rule.AUDIT, "edition", 1)]


def test_a_file_that_is_said_to_be_older_than_it_is(plant: Plant) -> None:
    """It would prove that a seal was put before its certificate was revoked."""
    first = files(plant)[Format.PDF].edition_id
    both = t.file.c.edition_id == first

    by_hand(plant, lambda tx: tx.run(update(t.file).where(both).values(made_at=A_DAY)))

    assert (Rule.AUDIT, "edition", first) in broken(plant)


def test_a_file_that_was_recorded_when_it_was_ordered_by_a_clock_that_was_set_back(
    plant: Plant,
) -> None:
    first = files(plant)[Format.PDF]
    later = first.made_at + timedelta(minutes=5)

    def set_back(tx: Tx) -> None:
        tx.run(update(t.file).where(t.file.c.order_id == first.order_id).values(made_at=later))
        o = t.production_order
        tx.run(update(o).where(o.c.id == first.order_id).values(signed_at=later))

    by_hand(plant, set_back)

    assert broken(plant) == []


def test_a_document_that_was_made_another_day(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        row = tx.run(
            insert(t.document).values(
                profile=GANSU, kind="rename_list", revision=0, basis="b", file_name="f",
                state="void", ordered_at=tx.now, made_at=tx.now,
            )
        )  # fmt: skip
        [ident] = row.inserted_primary_key
        audit.note(tx, "document made", ("document", ident), why="produced")
    assert broken(plant) == []

    by_hand(plant, set_all(t.document, made_at=A_DAY))

    assert broken(plant) == [(Rule.AUDIT, "document", ident)]


def test_an_edition_that_nobody_has_collected(plant: Plant) -> None:
    """By hand it is the holder's, with every date in its place."""
    by_hand(plant, set_all(t.edition, state="collected"))
    assert broken(plant) == [(Rule.STANDS, "registration", 1)]

    by_hand(plant, lambda tx: set_all(t.edition, collected_at=tx.now)(tx))
    assert broken(plant) == [(Rule.AUDIT, "edition", 1)]

    ordered = select(t.edition.c.ordered_at).where(t.edition.c.id == 1).scalar_subquery()
    by_hand(plant, set_all(t.edition, collected_at=ordered))
    assert broken(plant) == [(Rule.AUDIT, "edition", 1)]


def test_an_edition_that_was_collected_and_waits_again(plant: Plant) -> None:
    desk.collect(plant, number_of(plant, 1), who=WHO)

    by_hand(plant, set_all(t.edition, state="uncollected", collected_at=None))

    assert broken(plant) == [(Rule.AUDIT, "edition", 1)]


def test_a_registration_that_is_in_force_again_by_hand(plant: Plant) -> None:
    suspend(plant)

    by_hand(plant, set_all(t.registration, state="active"))

    assert broken(plant) == [(Rule.AUDIT, "registration", 1)]


def test_an_access_key_that_was_revoked_and_opens_again(plant: Plant) -> None:
    issued = callers.issue(plant, SOURCE, who=WHO)
    callers.revoke(plant, issued.kept.key, who=WHO, why="lost")
    assert broken(plant) == []

    by_hand(plant, set_all(t.access_key, revoked_at=None))

    assert broken(plant) == [(Rule.AUDIT, "access key", issued.kept.key)]


# --- numbers ----------------------------------------------------------------------------------


def test_a_number_that_its_other_spelling_does_not_find(plant: Plant) -> None:
    """The key is of the number as it is printed: the other spelling would be free."""
    with plant.ledger.read() as tx:
        number = tx.run(select(t.registration.c.number)).scalars().first()
    short = numbering.respell(number, "jzs12")
    assert short != numbering.number_key(number)

    by_hand(plant, set_all(t.registration, number_key=short))

    found = broken(plant)
    assert (Rule.NUMBER, "registration", 1) in found
    assert {rule for rule, _, _ in found} <= {Rule.NUMBER, Rule.RECORD, Rule.SAYS}


def test_one_number_of_two_people(plant: Plant) -> None:
    """The second one had it before, in the older spelling."""
    by_hand(plant, in_the_older_spelling)

    assert broken(plant) == [(Rule.TWICE, "registration", 1)]


def test_a_code_that_nobody_can_type(plant: Plant) -> None:
    with plant.ledger.read() as tx:
        code = tx.run(select(t.edition.c.code)).scalars().first()

    by_hand(plant, set_all(t.edition, code=f"O{code[1:]}"))

    found = broken(plant)
    assert (Rule.NUMBER, "registration", 1) in found
    assert {rule for rule, _, _ in found} == {Rule.NUMBER, Rule.RECORD}


def test_a_number_that_was_drawn_and_that_nobody_has(plant: Plant) -> None:
    with plant.ledger.read() as tx:
        row = tx.run(select(t.number_series)).first()

    by_hand(plant, lambda tx: tx.run(update(t.number_series).values(next=row.next + 1)))

    [finding] = looked(plant).findings
    assert (finding.rule, finding.kind, finding.id) == (Rule.GAP, "series", row.series)
    assert f"number {row.next} " in finding.sentence


def test_numbers_that_upstream_has_drawn_are_no_gap(plant: Plant) -> None:
    drawing.acceptance_numbers(plant, GANSU, ApplicationType.INITIAL, 3, who=WHO)

    assert broken(plant) == []


def test_unless_the_audit_does_not_say_so(plant: Plant) -> None:
    drawing.acceptance_numbers(plant, GANSU, ApplicationType.INITIAL, 1, who=WHO)

    drawn = t.audit.c.action == "acceptance numbers drawn"
    by_hand(plant, lambda tx: tx.run(delete(t.audit).where(drawn)))

    assert [rule for rule, _, _ in broken(plant)] == [Rule.GAP]


# --- events, orders, bulk events --------------------------------------------------------------


def test_an_event_that_nothing_came_of(plant: Plant) -> None:
    by_hand(plant, set_all(t.fact, state="waiting"))

    assert broken(plant) == [(Rule.EVENT, "event", 1)]


def test_an_event_that_took_effect_and_is_held(plant: Plant) -> None:
    def hand(tx: Tx) -> None:
        tx.run(
            insert(t.hold).values(
                profile=GANSU, subject_kind="event", subject_id=1, reason="field",
                detail="a detail", owner="upstream", opened_at=tx.now,
            )
        )  # fmt: skip

    by_hand(plant, hand)

    assert broken(plant) == [(Rule.EVENT, "event", 1)]


def test_an_event_that_is_gone(plant: Plant) -> None:
    """With foreign keys off nothing keeps it."""
    without_foreign_keys(plant, "DELETE FROM inbox WHERE id = 1")

    assert broken(plant) == [(Rule.EVENT, "event", 1)]


def test_an_event_that_is_gone_with_all_that_came_of_it(plant: Plant) -> None:
    """The audit has it still."""
    with plant.ledger.write(WHO) as tx:
        [ident] = tx.run(
            insert(t.inbox).values(
                source="urn:example:s", event_id="an-id", type="registration.resumed", digest="d",
                data_key_id=1, body=b"", received_at=tx.now, submitted_by=WHO, state="dismissed",
                outcome={}, correlation_id="-",
            )
        ).inserted_primary_key  # fmt: skip
        audit.note(tx, "event accepted", ("event", ident), why="registration.resumed")
    assert broken(plant) == []

    by_hand(plant, lambda tx: tx.run(delete(t.inbox).where(t.inbox.c.id == ident)))

    assert broken(plant) == [(Rule.EVENT, "event", ident)]


def test_an_event_that_something_came_of_and_that_the_audit_has_lost_too(plant: Plant) -> None:
    without_foreign_keys(
        plant,
        "DELETE FROM inbox WHERE id = 1",
        "DELETE FROM audit WHERE action = 'event accepted' AND object_id = '1'",
    )

    assert broken(plant) == [(Rule.EVENT, "event", 1)]


def test_an_event_that_nobody_has_handed_in(plant: Plant) -> None:
    """It was written into the ledger by hand, and dismissed: nothing came of it."""
    with plant.ledger.read() as tx:
        row = tx.run(select(t.inbox).where(t.inbox.c.id == 1)).one()._mapping
    own = {"id": 99, "event_id": "another", "state": "dismissed", "received_at": A_DAY}

    by_hand(plant, lambda tx: tx.run(insert(t.inbox).values(**{**row, **own})))

    assert broken(plant) == [(Rule.AUDIT, "event", 99)]


@pytest.mark.parametrize(
    "altered", [{"type": "registration.resumed"}, {"received_at": A_DAY}, {"submitted_by": "other"}]
)
def test_an_event_that_was_taken_otherwise(plant: Plant, altered: dict[str, Any]) -> None:
    by_hand(plant, set_all(t.inbox, **altered))

    assert broken(plant) == [(Rule.AUDIT, "event", 1)]


def test_a_taken_over_registration_whose_event_is_gone(plant: Plant) -> None:
    imported = take_over(plant)
    event = select(t.fact.c.inbox_id).where(t.fact.c.type == "registration.imported")
    with plant.ledger.read() as tx:
        ident = tx.run(event).scalar_one()

    without_foreign_keys(plant, f"DELETE FROM inbox WHERE id = {ident}")  # noqa: S608

    assert imported
    assert (Rule.EVENT, "event", ident) in broken(plant)


def test_an_event_that_is_held_for_nothing(plant: Plant) -> None:
    def hand(tx: Tx) -> None:
        set_all(t.inbox, state="held")(tx)
        set_all(t.fact, state="waiting")(tx)

    by_hand(plant, hand)

    assert broken(plant) == [(Rule.EVENT, "event", 1)]


def test_an_order_that_lies_in_no_open_chunk(plant: Plant) -> None:
    approve(plant, 3)
    assert broken(plant) == []

    last = select(t.chunk.c.id).order_by(t.chunk.c.id.desc()).limit(1).scalar_subquery()
    by_hand(
        plant, lambda tx: tx.run(update(t.chunk).where(t.chunk.c.id == last).values(state="closed"))
    )

    assert broken(plant) == [(Rule.ORDER, "order", 3)]


def test_an_order_that_is_held_unseen(plant: Plant) -> None:
    approve(plant, 3)

    third = t.production_order.c.id == 3
    by_hand(plant, lambda tx: tx.run(update(t.production_order).where(third).values(state="held")))

    assert broken(plant) == [(Rule.ORDER, "order", 3)]


def test_a_file_whose_row_is_gone(plant: Plant) -> None:
    by_hand(plant, lambda tx: tx.run(delete(t.file).where(t.file.c.id == 1)))

    assert broken(plant) == [(Rule.ORDER, "order", 1), (Rule.CURRENT, "registration", 1)]


# --- the command ------------------------------------------------------------------------------


def typed(plant: Plant, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setattr("jobs.commands.machine.plant", lambda: plant)
    return CliRunner().invoke(cli.main, ["recheck", "--processes", "1", *words])


def test_it_ends_with_0_where_nothing_is_found(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = typed(plant, monkeypatch, "--json", "--sample", "50%", "--render", "100%")

    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["bad"], told["findings"]) == (0, [])


def test_it_ends_with_1_and_a_row_for_what_is_found(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = files(plant)[Format.PDF]
    plant.store.delete(row.object_key)

    done = typed(plant, monkeypatch, "--json")

    assert done.exit_code == exits.REFUSED
    [finding] = json.loads(done.stdout)["findings"]
    assert (finding["rule"], finding["kind"], finding["id"]) == ("file", "file", row.id)
    assert finding["of"] == number_of(plant, 1)
    assert "bad: 1" in typed(plant, monkeypatch).stdout


@pytest.mark.parametrize(
    ("hand", "kind"),
    [
        (set_all(t.edition, made_at=A_DAY), "edition"),
        (set_all(t.file, size_bytes=1), "file"),
        (set_all(t.edition, valid_until="2020-01-01"), "registration"),
    ],
    ids=["edition", "file", "registration"],
)
def test_a_finding_names_the_registration_it_is_of(plant: Plant, hand: Hand, kind: str) -> None:
    """For `certfactory status`."""
    by_hand(plant, hand)

    assert [(each.kind, each.of) for each in looked(plant).findings] == [
        (kind, number_of(plant, 1))
    ]


def test_a_finding_about_a_series_is_of_no_registration(plant: Plant) -> None:
    by_hand(plant, lambda tx: tx.run(update(t.number_series).values(next=9)))

    assert {each.of for each in looked(plant).findings} == {None}


def test_objects_that_no_row_names_are_told_by_name(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(plant, "gansu/stray.pdf", b"%PDF")

    assert "  gansu/stray.pdf\n" in typed(plant, monkeypatch).stdout
    told = json.loads(typed(plant, monkeypatch, "--json").stdout)
    assert (told["strays"], told["stray_keys"]) == (1, ["gansu/stray.pdf"])


def test_the_last_word_on_how_far_it_is_names_the_end(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no terminal, and though it takes no time."""
    told = typed(plant, monkeypatch).stderr

    last = re.findall(r"slices looked at: (\d+) of (\d+)", told)[-1]
    assert last[0] == last[1]


def test_no_finding_says_who_it_is(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    row = files(plant)[Format.PDF]
    order = order_of(plant, row)
    recorded_anew(plant, row, forged(plant, row, as_laid, name="李四"))

    done = typed(plant, monkeypatch)

    assert done.exit_code == exits.REFUSED
    assert "李四" not in done.output
    assert str(order.face["name"]) not in done.output


def test_a_day_to_come_is_refused_and_this_moment_is_not(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, tomorrow = datetime.now(UTC), datetime.now(UTC) + timedelta(days=1)

    assert typed(plant, monkeypatch, "--since", now.isoformat()).exit_code == 0
    refused = typed(plant, monkeypatch, "--since", tomorrow.isoformat())
    assert refused.exit_code == 2 and "time to come" in refused.stderr


@pytest.mark.parametrize("lot", ["0", "0%", "0.5", "nan", f"{10**30}"])
def test_a_sample_of_nothing_is_refused(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, lot: str
) -> None:
    assert typed(plant, monkeypatch, "--sample", lot).exit_code == 2


def test_a_sample_of_three_is_three_files(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    done = typed(plant, monkeypatch, "--json", "--sample", "3", "--render", "0")

    assert json.loads(done.stdout)["looked"]["files"] == 3


@pytest.mark.parametrize("lot", ["-1", "101%", "many", ""])
def test_a_lot_that_is_none_is_refused(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, lot: str
) -> None:
    assert typed(plant, monkeypatch, "--sample", lot).exit_code == 2


def test_a_register_that_is_not_installed(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed(plant, monkeypatch, "--profile", "nowhere").exit_code == exits.NOT_FOUND


# --- the log and the store --------------------------------------------------------------------


def logged(plant: Plant) -> None:
    append_all(plant.ledger)
    assert heads.sign(plant, pause=timedelta(0))


def test_the_log_is_compared_with_the_editions_on_record(plant: Plant) -> None:
    logged(plant)
    assert broken(plant) == []
    with plant.ledger.read() as tx:
        size = tx.run(select(t.log_head.c.size)).scalar_one()
    assert looked(plant).looked["log"] == size

    by_hand(plant, set_all(t.file, sha256="0" * 64))

    assert set(broken(plant)) == {(Rule.DIGEST, "file", 1), (Rule.ROOT, "edition", 1)}


def test_a_head_that_the_entries_do_not_come_to(plant: Plant) -> None:
    logged(plant)

    by_hand(plant, lambda tx: tx.run(update(t.log_head).values(root="0" * 64)))

    with plant.ledger.read() as tx:
        size = tx.run(select(t.log_head.c.size)).scalar_one()
    assert broken(plant) == [(Rule.ROOT, "log", size)]


def test_a_log_that_ends_before_its_head(plant: Plant) -> None:
    logged(plant)
    with plant.ledger.read() as tx:
        size = tx.run(select(t.log_head.c.size)).scalar_one()

    last = t.log_entry.c.seq == size - 1
    by_hand(plant, lambda tx: tx.run(delete(t.log_entry).where(last)))

    assert (Rule.ROOT, "log", size) in broken(plant)


def test_an_edition_that_the_sequencer_has_passed_over(plant: Plant) -> None:
    """While its audit row waits it is none."""
    assert broken(plant) == []
    logged(plant)

    first = (t.log_entry.c.kind == "edition") & (t.log_entry.c.ref == 1)
    by_hand(plant, lambda tx: tx.run(update(t.log_entry).where(first).values(ref=99)))

    assert set(broken(plant)) == {(Rule.ROOT, "edition", 1), (Rule.ROOT, "edition", 99)}


def test_objects_that_no_row_names_are_counted_and_are_no_finding(plant: Plant) -> None:
    """Where everything is looked at; of a part nobody can say."""
    assert looked(plant).strays == 0

    put(plant, "gansu/left-by-a-killed-worker.pdf", b"%PDF")

    whole = looked(plant)
    assert (whole.strays, whole.findings) == (1, [])
    assert whole.stray_keys == ("gansu/left-by-a-killed-worker.pdf",)
    assert looked(plant, files=NONE).strays is None
    assert looked(plant, profile=GANSU).strays is None


def test_marks_of_our_own_are_no_strays(plant: Plant) -> None:
    """Nobody put them there but the factory; what only looks like one is somebody else's."""
    for key in (".ready", f"erased/{'0' * 64}.json", "probe/0123", "log/0000000001/head.txt"):
        put(plant, key, b"ours")
    assert (looked(plant).strays, looked(plant).stray_keys) == (0, ())

    put(plant, ".ready.pdf", b"%PDF")
    put(plant, "logs/head.txt", b"a head")

    assert looked(plant).stray_keys == (".ready.pdf", "logs/head.txt")


def test_of_many_strays_the_first_are_named(plant: Plant) -> None:
    for place in range(12):
        put(plant, f"gansu/stray-{place:02}.pdf", f"{place}".encode())

    found = looked(plant)

    assert (found.strays, len(found.stray_keys)) == (12, 10)
    assert found.stray_keys[0] == "gansu/stray-00.pdf"


def test_an_added_font_is_no_stray(plant: Plant) -> None:
    by_hand(
        plant,
        lambda tx: tx.run(
            insert(t.added_font).values(
                name="f", sha256="0" * 64, face_index=0, size_bytes=1, object_key="fonts/0.ttf",
                added_at=tx.now, added_by=WHO,
            )
        ),
    )  # fmt: skip

    put(plant, "fonts/0.ttf", b"f")

    assert looked(plant).strays == 0
