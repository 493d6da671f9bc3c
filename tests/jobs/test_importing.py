"""A register is taken over whole: as if each row had been submitted by itself, but faster."""

import copy
import csv
import io
import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from factory import pictures, specimen
from factory.errors import NotFoundError, SettingsError
from factory.events.takeover import Format, Origin
from jobs import importing, intake
from jobs.importing import Report
from jobs.intake import Status
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import schema
from storage import tables as t
from storage.ledger import Tx, audit, facts, holds, inbox, keys, people, registers
from tests.plants import PROFILE, SOURCE, WHO, approve, new_plant, stored, submit

REGISTER = Path(__file__).parents[1] / "examples" / "register.csv"
TABLE = Origin(format=Format.CSV, source=importing.SOURCE, profile=PROFILE)
LINES = Origin(format=Format.JSONL, source=importing.SOURCE, profile=PROFILE)
ENGINEERS = "shanghai-cost-engineer"

JsonObject = dict[str, Any]


class Silent:
    """A watch nobody looks at."""

    def begin(self, what: str, rows: int | None) -> None:
        pass

    def advance(self, rows: int) -> None:
        pass


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    plant = new_plant(tmp_path, db_url)
    grant(plant)
    return plant


def grant(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        for profile in (PROFILE, ENGINEERS):
            inbox.grant(tx, importing.SOURCE, profile)


def take(
    plant: Plant,
    raw: bytes,
    origin: Origin = LINES,
    *,
    watch: importing.Watch | None = None,
    kept: list[bytes] | None = None,
    slice_rows: int = importing.SLICE_ROWS,
) -> Report:
    """What importing a file comes to."""
    return importing.take_over(
        plant,
        io.BytesIO(raw),
        origin,
        watch or Silent(),
        rows=0,
        keep=(kept if kept is not None else []).append,
        who=WHO,
        slice_rows=slice_rows,
    )


def rehearse(plant: Plant, raw: bytes, origin: Origin = LINES) -> Report:
    return importing.rehearse(plant, io.BytesIO(raw), origin, Silent(), rows=0, who=WHO)


def row(seed: int, **data: Any) -> JsonObject:
    """A registration as its data alone, each of somebody else."""
    return copy.deepcopy(specimen.imported(seed)["data"]) | data


def lines(rows: Sequence[JsonObject]) -> bytes:
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in rows)


def counts(report: Report) -> dict[str, int]:
    return {name: count for name, count in report.counts.items() if count}


def everything(plant: Plant) -> Mapping[str, int]:
    """How many rows each table has."""
    with plant.ledger.read() as tx:
        return {
            table.name: tx.run(select(func.count()).select_from(table)).scalar_one()
            for table in t.metadata.sorted_tables
        }


def registrations(plant: Plant) -> int:
    return everything(plant)["registration"]


def noted(plant: Plant) -> list[JsonObject]:
    """What the audit says of each slice."""
    with plant.ledger.read() as tx:
        wanted = select(t.audit.c.what).where(t.audit.c.action == "register imported")
        return list(tx.run(wanted).scalars())


# --- what it comes to -------------------------------------------------------------------------


def test_the_example_register_is_taken_over(plant: Plant) -> None:
    report = take(plant, REGISTER.read_bytes(), TABLE)

    assert counts(report) == {"accepted": 12}
    assert registrations(plant) == 12
    assert everything(plant)["edition"] == 12
    assert everything(plant)["production_order"] == 0


def test_importing_again_finds_only_what_it_has(plant: Plant) -> None:
    take(plant, REGISTER.read_bytes(), TABLE)
    before = everything(plant)

    again = take(plant, REGISTER.read_bytes(), TABLE)

    assert counts(again) == {"duplicate": 12}
    assert everything(plant) == before


def test_a_slice_leaves_one_audit_row_with_counts_and_the_digest_of_the_file(plant: Plant) -> None:
    report = take(plant, REGISTER.read_bytes(), TABLE)

    with plant.ledger.read() as tx:
        [each] = tx.run(select(t.audit)).all()
    assert (each.who, each.action, each.object_id) == (WHO, "register imported", report.sha256)
    assert each.what == {"registrations": 12, "lines": [2, 13], "known": 0, "one_by_one": 0}


def test_a_number_that_was_taken_over_is_never_drawn(plant: Plant) -> None:
    """Neither in the other spelling, nor once it is a former one."""
    take(
        plant,
        lines(
            [
                row(5, registration_number="沪231162400001"),
                row(6, former_numbers=["沪231162400002"]),
            ]
        ),
    )

    assert approve(plant, 1).registration == "沪2312016202400003"


def test_what_was_taken_over_can_be_renamed_and_cancelled(plant: Plant) -> None:
    take(plant, lines([row(5)]))
    event = specimen.cancelled(5) | {"id": "cancel"}

    outcome = submit(plant, event | {"data": event["data"] | {"cancelled_on": "2024-05-06"}})

    assert outcome.status is Status.ACCEPTED
    assert outcome.registration == row(5)["registration_number"]


def test_cost_engineers_may_have_a_certificate_a_profession(plant: Plant) -> None:
    def engineer(number: str, profession: str) -> JsonObject:
        validity = {"valid_from": "2022-03-01", "valid_to": "2026-02-28"}
        professions = [{"name": profession, **validity}]
        named = {"profile": ENGINEERS, "registration_number": number}
        edition = {"medium": "electronic", "issued_on": "2022-03-01", "number": 1}
        return row(5) | named | {"professions": professions, "edition": edition}

    report = take(
        plant,
        lines(
            [
                engineer("建[造]21223100000123", "土木建筑工程"),
                engineer("建〔造〕24223100000123", "安装工程"),
            ]
        ),
    )

    assert counts(report) == {"accepted": 2}


# --- row for row as by itself -----------------------------------------------------------------


def known() -> list[JsonObject]:
    """What the register has before."""
    return [
        specimen.approved(31, enterprise=31),
        specimen.imported(32, enterprise=32) | {"id": "known"},
    ]


def strange() -> list[JsonObject]:
    """Rows of every kind, wrong and right, that meet what is known and each other."""
    plain = [row(seed, enterprise=specimen.employer(seed % 3)) for seed in range(1, 9)]
    validity = {"valid_from": "2022-03-01", "valid_to": "2026-02-28"}
    electronic = {"medium": "electronic", "issued_on": "2022-04-01", "number": 2}
    portrait = specimen.approved(1)["data"]["photo"]["content"]
    other_name = specimen.employer(31) | {"name": "上海从未听说建设工程有限公司"}
    two_names = specimen.employer(77) | {"name": "上海另一建设工程有限公司"}
    return [
        *plain,
        row(11, standing="suspended"),
        row(12, standing="cancelled", edition=electronic),
        row(13, former_numbers=["沪建字第00456号", row(13)["registration_number"]]),
        row(14, edition=electronic | {"licence_id": "1.2.156.3005.2.A"}),
        row(15, edition=electronic | {"licence_id": "1.2.156.3005.2.A"}),
        row(16, professions=[{"name": "航天工程", **validity}]),
        row(17, professions=[{"name": "公路工程", **validity}, {"name": "建筑工程", **validity}]),
        row(18, photo={"content": portrait}),
        row(19, photo={"content": "bm8="}),
        row(20, registration_number="沪2312016201800057"),
        row(21, registration_number="沪建字第00900号", former_numbers=["沪231161800057"]),
        row(22, former_numbers=["沪2312016202400001"]),  # drawn for the approved one
        row(31, registration_number="沪建字第00901号"),  # registered by approval
        row(23, holder=specimen.holder(32)),  # registered by import
        row(24),
        row(25, holder=specimen.holder(24), standing="cancelled"),
        row(26, enterprise=other_name),
        row(27, enterprise=specimen.employer(77)),
        row(28, enterprise=two_names),
        row(29, holder=specimen.holder(29) | {"id_number": "310101199001010011"}),
        specimen.imported(30) | {"id": "import-of-its-own"},
    ]


def test_rows_together_come_to_what_each_comes_to_by_itself(plant: Plant, tmp_path: Path) -> None:
    """One ledger is imported into, the other is told event by event; both say the same."""
    other = beside(plant, tmp_path)
    for each in (plant, other):
        for event in known():
            submit(each, event)

    report = take(plant, lines(strange()))
    outcomes = [intake.submit(other, body, who=WHO) for body in bodies(strange())]

    assert counts(report) == tally(outcomes)
    assert told(plant) == told(other)
    [what] = noted(plant)
    assert (what["registrations"], what["one_by_one"]) == (15, 14)


def pictured() -> list[JsonObject]:
    """Rows with pictures: the same, others, right and wrong ones, of people with two numbers."""
    photos = [{"content": specimen.portrait_text(seed)} for seed in range(3)]
    signature = {"content": specimen.signature_text(1)}
    return [
        row(41, photo=photos[0]),
        row(42, photo=photos[0], signature=signature),
        row(43, photo=photos[1], signature=photos[1]),
        row(44, photo=photos[2], standing="cancelled"),
        row(45, photo={"content": "bm8="}),
        row(46, photo=photos[0], signature={"content": "bm8="}),
        row(47, photo=photos[0]),
        row(48, photo=photos[1], holder=specimen.holder(47), registration_number="沪建字第00902号"),
        row(49, photo={"key": "photos/absent.jpg", "sha256": "0" * 64}),
    ]


@pytest.mark.on_both
def test_rows_with_pictures_come_to_what_each_comes_to_by_itself(
    plant: Plant, tmp_path: Path, s3: Settings
) -> None:
    plant.settings = replace(plant.settings, **stored(s3))
    plant.intake_store.ensure_bucket()
    other = beside(plant, tmp_path)

    report = take(plant, lines(pictured()))
    outcomes = [intake.submit(other, body, who=WHO) for body in bodies(pictured())]

    assert counts(report) == tally(outcomes)
    assert told(plant) == told(other)
    [what] = noted(plant)
    assert (what["registrations"], what["one_by_one"]) == (4, 5)


@pytest.mark.on_both
def test_a_rehearsal_looks_at_pictures_too(plant: Plant) -> None:
    report = rehearse(plant, lines(pictured()[:6]))

    assert counts(report) == {"accepted": 4, "held": 2}
    assert everything(plant)["picture"] == 0


def test_a_picture_that_comes_again_is_made_once(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = counted(monkeypatch)
    photos = [{"content": specimen.portrait_text(seed % 2)} for seed in range(12)]
    rows = [row(seed, photo=photo) for seed, photo in enumerate(photos)]

    take(plant, lines(rows), slice_rows=4)

    assert len(made) == 2
    assert everything(plant)["picture"] == 12


@pytest.mark.on_both
def test_only_so_many_pictures_are_remembered(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_REMEMBERED", 2)
    made = counted(monkeypatch)
    order = [0, 1, 0, 2, 0, 1]  # 1 is forgotten when 2 comes, 0 has been seen since

    take(plant, lines([row(n, photo={"content": specimen.portrait_text(seed)})
                       for n, seed in enumerate(order)]))  # fmt: skip

    assert len(made) == 4


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each photo that is normalised."""
    made: list[int] = []
    normalise = pictures.NORMALISE["photo"]

    def counting(raw: bytes) -> bytes:
        made.append(len(raw))
        return normalise(raw)

    monkeypatch.setitem(pictures.NORMALISE, "photo", counting)
    return made


def beside(plant: Plant, folder: Path) -> Plant:
    """A plant with the same keys and another, empty ledger."""
    other = Plant(replace(plant.settings, db_url=f"sqlite:///{folder / 'beside.sqlite3'}"))
    schema.migrate(other.ledger.engine)
    grant(other)
    with other.ledger.write(WHO) as tx:
        inbox.grant(tx, SOURCE, PROFILE)
    return other


def bodies(rows: Sequence[JsonObject]) -> list[bytes]:
    from factory.events import takeover

    return [each.body for each in takeover.rows(io.BytesIO(lines(rows)), LINES)]


def tally(outcomes: Sequence[intake.Outcome]) -> dict[str, int]:
    found = {status.value: sum(o.status is status for o in outcomes) for status in Status}
    return {name: count for name, count in found.items() if count}


def told(plant: Plant) -> Mapping[str, object]:
    """Everything a ledger says, without its own row numbers, random ids and times."""
    with plant.ledger.read() as tx:
        event = {r.id: (r.source, r.event_id) for r in tx.run(select(t.inbox))}
        person = {r.id: r.lookup for r in tx.run(select(t.holder))}
        employer = {r.id: (r.credit_code, r.name) for r in tx.run(select(t.enterprise))}
        number = {r.id: r.number for r in tx.run(select(t.registration))}
        return {
            "inbox": sorted(
                (event[r.id], r.type, r.state, r.digest, r.outcome["registration"],
                 r.outcome["notes"], inbox.body(tx, r.id))
                for r in tx.run(select(t.inbox))
            ),
            "holders": sorted((h, _person(tx, h)) for h in person.values()),
            "enterprises": sorted(employer.values()),
            "registrations": sorted(
                (r.number, r.number_key, r.profile, r.authority, r.occupation, r.state, r.unit,
                 json.dumps(r.view, sort_keys=True), (r.origin_source, r.origin_event),
                 person[r.holder_id], employer[r.enterprise_id])
                for r in tx.run(select(t.registration))
            ),
            "former": sorted(
                (number[r.registration_id], r.number, r.number_key)
                for r in tx.run(select(t.former_number))
            ),
            "facts": sorted(
                (event[r.inbox_id], person[r.holder_id], r.effective, r.type, r.state)
                for r in tx.run(select(t.fact))
            ),
            "said": sorted(
                (each.fact.key, repr(each.fact.data), sorted(each.fact.pictures.items()))
                for holder in person
                for each in facts.of_holder(tx, holder)
            ),
            "editions": sorted(
                (number[r.registration_id], r.number, r.medium, r.licence_id or "", r.state,
                 r.cause, r.basis if r.code is None else "drawn", r.valid_until,
                 r.made_at is None, r.collected_at is None)
                for r in tx.run(select(t.edition))
            ),
            "holds": sorted(
                (event[h.subject_id], h.reason, h.detail, h.owner, h.profile)
                for h in holds.open_holds(tx)
            ),
            "pictures": sorted(
                (person[r.holder_id], r.digest) for r in tx.run(select(t.picture))
            ),
        }  # fmt: skip


def _person(tx: Tx, lookup: bytes) -> str:
    found = tx.run(select(t.holder).where(t.holder.c.lookup == lookup)).one()
    opened = keys.load(tx, found.data_key_id).open(found.person, context=people.PERSON)
    return opened.decode()


@pytest.mark.on_both
def test_a_rehearsal_says_what_importing_comes_to(plant: Plant) -> None:
    for event in known():
        submit(plant, event)

    said = rehearse(plant, lines(strange()))

    assert said.counts == take(plant, lines(strange())).counts
    assert {each.hold for each in said.held} == {None}


def test_a_rehearsal_writes_nothing(plant: Plant) -> None:
    for event in known():
        submit(plant, event)
    before = everything(plant)

    rehearse(plant, lines(strange()))
    importing.check(plant, io.BytesIO(lines(strange())), LINES, Silent())

    assert everything(plant) == before


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.on_both
def test_good_rows_are_taken_beside_refused_ones_which_are_kept_as_they_came(plant: Plant) -> None:
    head, *rest = REGISTER.read_bytes().splitlines()
    rest[3] = rest[3].replace("男".encode(), b"?").replace("女".encode(), b"?")
    rest[5] = b'"' + rest[5]
    kept: list[bytes] = []

    report = take(plant, b"\n".join((head, *rest)), TABLE, kept=kept)

    assert counts(report) == {"accepted": 10, "refused": 2}
    assert [(p.line, p.column) for p in report.problems] == [(5, "sex"), (7, "row")]
    assert kept == [rest[3], rest[5]]


@pytest.mark.on_both
def test_refused_rows_can_be_corrected_and_imported(plant: Plant) -> None:
    head, *rest = REGISTER.read_bytes().splitlines()
    good = rest[3]
    rest[3] = good.replace("电子".encode(), b"?")
    kept: list[bytes] = []
    take(plant, b"\n".join((head, *rest)), TABLE, kept=kept)

    corrected = kept[0].replace(b"?", "电子".encode())
    report = take(plant, b"\n".join((head, corrected)), TABLE)

    assert corrected == good
    assert counts(report) == {"accepted": 1}
    assert registrations(plant) == 12


@pytest.mark.parametrize("slice_rows", [1, 1000])
def test_both_spellings_of_a_number_in_one_file_are_told(plant: Plant, slice_rows: int) -> None:
    rows = [
        row(5, registration_number="沪231161800057"),
        row(6, registration_number="沪2312016201800057"),
    ]

    report = take(plant, lines(rows), slice_rows=slice_rows)

    [problem] = report.problems
    assert (problem.line, problem.column) == (2, "registration_number")
    assert "is that of line 1 too" in problem.rule
    assert registrations(plant) == 1


@pytest.mark.on_both
def test_a_row_that_comes_twice_counts_once(plant: Plant) -> None:
    report = take(plant, lines([row(5), row(5), row(6)]))

    assert counts(report) == {"accepted": 2, "duplicate": 1}


def test_a_changed_row_about_a_known_number_is_refused(plant: Plant) -> None:
    take(plant, lines([row(5), row(6)]))

    report = take(plant, lines([row(5, standing="cancelled"), row(6)]))

    assert counts(report) == {"duplicate": 1, "refused": 1}
    [problem] = report.problems
    assert (problem.line, problem.column) == (1, "registration_number")
    assert "imported before with other content" in problem.rule


def test_a_number_that_upstream_imported_before_is_held(plant: Plant) -> None:
    submit(plant, specimen.imported(5))

    report = take(plant, lines([row(6, registration_number=row(5)["registration_number"])]))

    assert counts(report) == {"held": 1}
    [held] = report.held
    assert "another registration has it" in held.reason


def test_a_licence_id_is_no_second_certificates(plant: Plant) -> None:
    edition = {"medium": "electronic", "issued_on": "2022-04-01", "number": 1, "licence_id": "1.2"}
    take(plant, lines([row(5, edition=edition)]))

    report = take(plant, lines([row(6, edition=edition)]))

    assert counts(report) == {"held": 1}
    assert "licence_id" in report.held[0].reason


@pytest.mark.parametrize(
    ("profile", "column", "rule"),
    [
        ("atlantis-constructor", "profile", "(installed are gansu-constructor, sha"),
        ("gansu-constructor", "source", "certfactory sources grant urn:certfactory:import gansu"),
    ],
)
def test_a_row_of_another_register_needs_its_grant(
    plant: Plant, profile: str, column: str, rule: str
) -> None:
    report = take(plant, lines([row(5, profile=profile), row(6)]))

    assert counts(report) == {"accepted": 1, "refused": 1}
    [problem] = report.problems
    assert (problem.column, rule in problem.rule) == (column, True)


def test_a_source_without_its_grant_is_told_the_command(plant: Plant) -> None:
    importing.check_origin(plant, TABLE)

    with pytest.raises(SettingsError, match="certfactory sources grant urn:x shanghai"):
        importing.check_origin(plant, replace(TABLE, source="urn:x"))
    with pytest.raises(NotFoundError, match="is not installed; installed are gansu-"):
        importing.check_origin(plant, replace(TABLE, profile="atlantis-constructor"))


def doubtful_rows() -> list[JsonObject]:
    """A wrong check digit, another sex than the number says, a wrong credit code, nothing wrong."""
    wrong, other, firm, right = (row(seed) for seed in (21, 22, 23, 24))
    wrong["holder"]["id_number"] = miscounted(wrong["holder"]["id_number"])
    other["holder"]["sex"] = "female" if other["holder"]["sex"] == "male" else "male"
    firm["enterprise"]["credit_code"] = miscounted(firm["enterprise"]["credit_code"])
    return [wrong, other, firm, right]


def miscounted(number: str) -> str:
    """The same number with another check character."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")


DOUBTS = [
    (1, "holder.id_number", "the check character is wrong (GB 11643-1999)"),
    (2, "holder.id_number", "the sex is another than the holder has (GB 11643-1999)"),
    (3, "enterprise.credit_code", "the check character is wrong (GB 32100-2015)"),
]


def test_numbers_that_break_their_rule_are_taken_and_told_by_line(plant: Plant) -> None:
    raw = lines(doubtful_rows())

    rehearsed, taken, again = rehearse(plant, raw), take(plant, raw), take(plant, raw)

    assert counts(rehearsed) == counts(taken) == {"accepted": 4}
    assert counts(again) == {"duplicate": 4}
    for report in (rehearsed, taken, again):
        assert [(each.line, each.column, each.rule) for each in report.doubts] == DOUBTS
        assert report.doubtful == 3


def test_an_approval_with_the_same_numbers_is_held_for_what_the_import_doubts(
    plant: Plant,
) -> None:
    for wrong, (_, field, rule) in zip(doubtful_rows(), DOUBTS, strict=False):
        event = specimen.approved(31)
        event["id"], event["data"]["holder"] = field + rule, wrong["holder"]
        event["data"]["enterprise"] = wrong["enterprise"]
        event["data"]["application"]["acceptance_number"] = f"of {wrong['registration_number']}"

        assert submit(plant, event).reason == f"{field}: {rule}"


def test_a_refused_row_has_problems_and_no_doubts(plant: Plant) -> None:
    wrong = doubtful_rows()[0]
    wrong["holder"]["name"] = ""

    report = take(plant, lines([wrong]))

    assert counts(report) == {"refused": 1}
    assert (report.doubtful, report.doubts) == (0, ())


def test_a_table_tells_doubts_by_its_columns_and_all_of_them_to_whoever_asks(plant: Plant) -> None:
    text = REGISTER.read_text("utf-8")
    raw = text.replace("310101198604250010", "310101198604250011").encode()
    told: list[importing.Problem] = []

    report = importing.rehearse(
        plant, io.BytesIO(raw), TABLE, Silent(), rows=0, who=WHO, tell=told.append
    )

    assert [(each.line, each.column) for each in report.doubts] == [(2, "id_number")]
    assert tuple(told) == report.doubts


@pytest.mark.on_both
def test_neither_report_nor_log_nor_audit_nor_database_tells_a_person(
    plant: Plant, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    bad = row(40)
    bad["holder"]["birth_date"] = "not a day"
    rows = [*strange(), bad]

    report = take(plant, lines(rows))

    with plant.ledger.read() as tx:
        audited = [tuple(r) for r in tx.run(select(t.audit))]
        kept = [tuple(r) for table in (t.inbox, t.holder, t.fact) for r in tx.run(select(table))]
    seen = repr((report, audited, kept)) + caplog.text + "".join(capsys.readouterr())
    people_ = [each.get("data", each)["holder"] for each in rows]
    private = {p[name] for p in people_ for name in ("name", "id_number", "mobile")}
    assert not [each for each in private if each in seen]
    raw = b"".join(bytes(v) for r in kept for v in r if isinstance(v, bytes | memoryview))
    assert not [each for each in private if each.encode() in raw]


# --- killed, and side by side -----------------------------------------------------------------


class Killed(Silent):
    """Ends the import after its first slices."""

    def __init__(self, slices: int) -> None:
        self.left = slices

    def advance(self, rows: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_killed_between_two_slices_it_is_completed_by_running_again(plant: Plant) -> None:
    rows = lines([row(seed) for seed in range(1, 31)])
    with pytest.raises(KeyboardInterrupt):
        take(plant, rows, watch=Killed(2), slice_rows=10)
    assert registrations(plant) == 20

    report = take(plant, rows, slice_rows=10)

    assert counts(report) == {"accepted": 10, "duplicate": 20}
    assert registrations(plant) == 30


def test_killed_within_a_slice_nothing_of_it_is_there(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = everything(plant)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(audit, "note", killed)  # the last thing a slice writes
        take(plant, lines([row(5), row(6)]))
    assert everything(plant) == before

    assert counts(take(plant, lines([row(5), row(6)]))) == {"accepted": 2}


@pytest.mark.on_both
def test_two_imports_of_one_file_at_once_take_it_once(plant: Plant) -> None:
    rows = lines([row(seed, enterprise=specimen.employer(seed % 5)) for seed in range(1, 61)])

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: take(plant, rows, slice_rows=20), range(2)))

    assert sum(each.counts["accepted"] for each in found) == 60
    assert sum(each.counts["duplicate"] for each in found) == 60
    assert registrations(plant) == 60


@pytest.mark.on_both
def test_beside_approvals_every_row_and_every_approval_gets_its_number(plant: Plant) -> None:
    rows = lines([row(seed) for seed in range(101, 161)])

    with ThreadPoolExecutor(2) as pool:
        imported = pool.submit(take, plant, rows, slice_rows=15)
        approved = [pool.submit(approve, plant, seed) for seed in range(1, 11)]
        numbers = {each.result().registration for each in approved}

    assert counts(imported.result()) == {"accepted": 60}
    assert len(numbers) == 10


@pytest.mark.on_both
def test_a_table_that_csv_wrote_is_read(plant: Plant) -> None:
    """Quoted cells, as any program writes them."""
    read = list(csv.reader(io.StringIO(REGISTER.read_text("utf-8"))))
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(read)

    assert counts(take(plant, out.getvalue().encode("utf-8-sig"), TABLE)) == {"accepted": 12}


def test_registers_of_a_slice_are_found_by_their_paper(plant: Plant) -> None:
    take(plant, lines([row(5)]))

    with plant.ledger.read() as tx:
        paper = specimen.paper(5)
        [found] = registers.of_paper(tx, PROFILE, paper["id_type"], paper["id_number"])
        opened = registers.load(tx, [found])[found]
    assert opened.value.holder.name == specimen.holder(5)["name"]
