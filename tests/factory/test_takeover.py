"""Rows of an existing register: read whole, or told by line, column and rule."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from factory import events, specimen
from factory.errors import InvalidEventError
from factory.events import tabular, takeover
from factory.events.takeover import Format, Origin, Row

SOURCE, PROFILE = "urn:example:old-system", "shanghai-constructor"
CSV = Origin(format=Format.CSV, source=SOURCE, profile=PROFILE)
JSONL = Origin(format=Format.JSONL, source=SOURCE, profile=PROFILE)
NAME = "欧阳某某"
CELLS = {
    "registration_number": "沪231161800057",
    "former_numbers": "沪建字第00456号;沪231151600976",
    "name": NAME,
    "sex": "男",
    "birth_date": "1966-01-01",
    "id_type": "111",
    "id_number": "310101196601010012",
    "mobile": "13000000001",
    "credit_code": "91310101MA0000000J",
    "enterprise_name": "上海示例安安建设工程有限公司",
    "professions": "建筑工程(主项):2022-03-01:2025-02-28;公路工程:2022-05-01:2025-04-30",
    "standing": "有效",
    "medium": "电子",
    "edition_number": "2",
    "issued_on": "2022-03-01",
    "licence_id": "1.2.156.3005.2.TEST",
    "photo_key": "photos/1.jpg",
    "photo_sha256": "0" * 64,
}

JsonObject = dict[str, Any]


def table(*rows: dict[str, str], names: tuple[str, ...] = tuple(CELLS)) -> bytes:
    """A table of these rows, each a change of the good one."""
    lines = [",".join(names)] + [
        ",".join((CELLS | row).get(name, "") for name in names) for row in rows
    ]
    return "\n".join(lines).encode()


def read(raw: bytes, origin: Origin = CSV) -> list[Row]:
    return list(takeover.rows(io.BytesIO(raw), origin))


def data_of(row: Row) -> JsonObject:
    value: JsonObject = json.loads(row.body)["data"]
    return value


def test_every_column_has_its_place_in_the_event() -> None:
    [row] = read(table({}))

    assert row.problems == ()
    assert data_of(row) == {
        "profile": PROFILE,
        "registration_number": "沪231161800057",
        "former_numbers": ["沪建字第00456号", "沪231151600976"],
        "holder": {
            "name": NAME,
            "sex": "male",
            "birth_date": "1966-01-01",
            "id_number": "310101196601010012",
            "mobile": "13000000001",
        },
        "enterprise": {
            "credit_code": "91310101MA0000000J",
            "name": "上海示例安安建设工程有限公司",
        },
        "professions": [
            {
                "name": "建筑工程",
                "main": True,
                "valid_from": "2022-03-01",
                "valid_to": "2025-02-28",
            },
            {"name": "公路工程", "valid_from": "2022-05-01", "valid_to": "2025-04-30"},
        ],
        "edition": {
            "medium": "electronic",
            "issued_on": "2022-03-01",
            "number": 2,
            "licence_id": "1.2.156.3005.2.TEST",
        },
        "photo": {"key": "photos/1.jpg", "sha256": "0" * 64},
    }


def test_the_event_of_a_row_is_one_that_can_be_submitted() -> None:
    [row] = read(table({}))

    event = events.parse(row.body)

    assert event == row.event
    assert (event.source, event.id) == (SOURCE, "import/沪2312016201800057")


@pytest.mark.parametrize(
    "other", ["沪2312016201800057", " 沪231161800057 ", "沪２３１１６１８０００５７"]
)
def test_either_spelling_of_a_number_names_the_same_event(other: str) -> None:
    first, second = read(table({}, {"registration_number": other}))

    assert first.event and second.event
    assert first.event.id == second.event.id


def test_the_header_may_be_chinese_in_any_order_and_marked_as_utf_8() -> None:
    turned = tuple(reversed(CELLS))
    terms = {each.name: each.term for each in tabular.COLUMNS}
    head, row = table({}, names=turned).decode().split("\n")
    chinese = ",".join(terms[name] for name in head.split(","))

    [found] = read(b"\xef\xbb\xbf" + f"{chinese}\r\n{row}\r\n".encode())

    assert found.event == read(table({}))[0].event


@pytest.mark.parametrize(
    ("cells", "same"),
    [
        ({"birth_date": "1966/1/1"}, True),
        ({"issued_on": "2022年3月1日"}, True),
        ({"sex": "Male", "standing": "", "id_type": "", "medium": "electronic"}, True),
        ({"former_numbers": "沪建字第00456号；沪231151600976；"}, True),
        (
            {
                "professions": "建筑工程（主项）：2022/3/1：2025-02-28；"
                "公路工程:2022-05-01:2025-04-30"
            },
            True,
        ),
        ({"edition_number": "002"}, True),
        ({"mobile": ""}, False),
        ({"standing": "暂扣"}, False),
    ],
)
def test_how_a_row_is_written_does_not_count_but_what_it_says(
    cells: dict[str, str], same: bool
) -> None:
    first, second = read(table({}, cells))

    assert first.event and second.event
    assert (first.event.canonical == second.event.canonical) is same


@pytest.mark.parametrize(
    ("cells", "column", "rule"),
    [
        ({"registration_number": ""}, "registration_number", "is missing"),
        ({"registration_number": "沪" * 65}, "registration_number", "longer than 64"),
        ({"registration_number": "\ufdfa" * 8}, "registration_number", "written plainly"),
        ({"former_numbers": "9.1E+11"}, "former_numbers", "rounded by a spreadsheet"),
        ({"former_numbers": "a;" + "b" * 65}, "former_numbers", "entry 2: is longer than 64"),
        ({"name": ""}, "name", "is missing"),
        ({"name": "王\u202e安"}, "name", "U+202E"),
        ({"sex": "x"}, "sex", "must be one of 男, 女, male, female"),
        ({"birth_date": "1966-02-30"}, "birth_date", "is not a day of the calendar"),
        ({"birth_date": "24168"}, "birth_date", "YYYY-MM-DD"),
        ({"id_type": "1-1"}, "id_type", "a code of GB/T 36903"),
        ({"id_number": "３１０"}, "id_number", "1 to 32 ASCII"),
        ({"id_number": "3.10101E+17"}, "id_number", "rounded by a spreadsheet"),
        ({"mobile": "1.30E+10"}, "mobile", "rounded by a spreadsheet"),
        ({"mobile": "none"}, "mobile", "3 to 20 digits"),
        ({"credit_code": "9131"}, "credit_code", "GB 32100-2015"),
        ({"enterprise_name": ""}, "enterprise_name", "is missing"),
        ({"professions": ""}, "professions", "is missing"),
        ({"professions": "建筑工程"}, "professions", "NAME:FIRST DAY:LAST DAY"),
        ({"professions": "建筑工程:2022-03-01:soon"}, "professions", "entry 1 valid_to: must be a"),
        (
            {"professions": "建筑工程:2022-03-01:2021-01-01"},
            "professions",
            "entry 1: valid_to lies",
        ),
        (
            {"professions": "a:2022-03-01:2025-01-01;a:2022-03-01:2025-01-01"},
            "professions",
            "names one profession twice",
        ),
        ({"standing": "expired"}, "standing", "must be one of 有效"),
        ({"medium": "plastic"}, "medium", "must be one of 纸质"),
        ({"edition_number": "two"}, "edition_number", "must be a whole number"),
        ({"edition_number": "1000"}, "edition_number", "must be at most 999"),
        ({"edition_number": ""}, "edition_number", "electronic edition has a number"),
        ({"issued_on": ""}, "issued_on", "is missing"),
        ({"licence_id": "x" * 97}, "licence_id", "longer than 96"),
        ({"photo_key": "../1.jpg"}, "photo_key", "a key of the intake store"),
        ({"photo_sha256": ""}, "photo_sha256", "is missing"),
        ({"mobile": "1,2"}, "row", "has 19 cells instead of 18"),
        ({"mobile": '"13000000001'}, "row", "quotation mark left open"),
    ],
)
def test_a_wrong_row_is_told_by_line_column_and_rule(
    cells: dict[str, str], column: str, rule: str
) -> None:
    good, bad, after = read(table({}, cells, {"registration_number": "沪231161800058"}))

    assert good.event and after.event
    assert bad.line == 3
    [(found, told)] = bad.problems
    assert (found, rule in told) == (column, True), told
    assert not [each for each in (NAME, *cells.values()) if len(each) > 3 and each in told]


def test_everything_wrong_with_a_row_is_told_at_once() -> None:
    [row] = read(table({"sex": "x", "birth_date": "soon", "medium": "", "issued_on": ""}))

    assert [column for column, _ in row.problems] == ["sex", "birth_date", "medium", "issued_on"]


def test_a_row_that_is_not_utf_8_takes_no_other_with_it() -> None:
    raw = table({}, {"registration_number": "沪231161800058"})
    head, first, second = raw.split(b"\n")

    bad, good = read(b"\n".join((head, first.decode().encode("gb18030"), second)))

    assert "is not UTF-8" in bad.problems[0][1]
    assert good.event


def test_blank_rows_are_passed_over() -> None:
    raw = table({}) + b"\n\n" + b"," * 17 + b"\n"

    assert len(read(raw)) == 1


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "header: is missing: the file is empty"),
        (b"\n \n", "header: is missing: the file is empty"),
        (table({}, names=("name",)), "column registration_number is missing"),
        (table({}, names=(*CELLS, "name")), "column name is there twice"),
        (table({}, names=tuple(CELLS.values())[2:8]), "column 1 is not known"),
        ("姓名;性别".encode(), "column 1 is not known"),
        ("姓名,性别".encode("utf-16"), "is not UTF-8"),
    ],
)
def test_a_header_that_cannot_be_read_refuses_the_file(raw: bytes, rule: str) -> None:
    with pytest.raises(InvalidEventError, match=rule) as refused:
        read(raw)

    assert NAME not in str(refused.value)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("证件号码", "column 19 (证件号码) is not known, perhaps 证件号; see"),
        ("Birthdate", "column 19 (birthdate) is not known, perhaps birth_date; see"),
        ("备注", "column 19 (备注) is not known; see"),
        ("证件号1101", "column 19 is not known, perhaps 证件号; see"),
        ("x" * 21, "column 19 is not known; see"),
        ("a\x1bb", "column 19 is not known; see"),
    ],
)
def test_an_unknown_column_is_named_with_the_nearest_known_one(word: str, told: str) -> None:
    with pytest.raises(InvalidEventError) as refused:
        read(table({}, names=(*CELLS, word)))

    assert str(refused.value).startswith(f"header: {told} `certfactory register columns`")


# --- JSON Lines -------------------------------------------------------------------------------


def line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def test_a_line_may_be_the_data_alone() -> None:
    data = specimen.imported(5)["data"]
    del data["profile"]

    [row] = read(line(data), JSONL)

    assert row.event
    assert data_of(row)["profile"] == PROFILE
    assert row.event.id.startswith("import/沪231")


def test_a_line_may_name_its_own_profile() -> None:
    data = specimen.imported(5)["data"] | {"profile": "gansu-constructor"}

    [row] = read(line(data), JSONL)

    assert data_of(row)["profile"] == "gansu-constructor"


def test_a_whole_event_keeps_its_source_and_id() -> None:
    event = specimen.imported(5)

    [row] = read(line(event), JSONL)

    assert row.event == events.parse(line(event))
    assert row.body == line(event)


def test_the_same_row_in_a_table_and_in_json_is_the_same_event() -> None:
    [row] = read(table({}))

    [other] = read(line(data_of(row) | {"standing": "active"}), JSONL)

    assert other.event == row.event


def without(*path: str) -> Callable[[JsonObject], object]:
    def change(data: JsonObject) -> None:
        for step in path[:-1]:
            data = data[step]
        del data[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "column", "rule"),
    [
        (without("holder", "name"), "holder.name", "is missing"),
        (without("edition"), "edition", "is missing"),
        (lambda data: data.update(colour="red"), "*", "is not a field"),
        (lambda data: data.update(standing="lapsed"), "standing", "must be"),
        (lambda data: data.update(professions=[]), "professions", "has 0 entries"),
        (lambda data: data["holder"].update(sex="男"), "holder.sex", "must be"),
    ],
)
def test_a_wrong_line_is_told_by_its_field(
    change: Callable[[JsonObject], object], column: str, rule: str
) -> None:
    data = specimen.imported(5)["data"]
    change(data)

    [row] = read(line(data), JSONL)

    [(found, told)] = row.problems
    assert (found, rule in told) == (column, True), told


@pytest.mark.parametrize(
    ("raw", "column", "rule"),
    [
        (b'{"broken', "event", "is not JSON"),
        (b'"text"', "row", "is not a JSON object"),
        (b'{"holder": {}, "holder": {}}', "event", "names a field twice"),
        (line(specimen.approved(5)), "type", "certfactory submit"),
        (line(specimen.imported(5) | {"id": ""}), "id", "is empty"),
    ],
)
def test_a_line_that_is_no_row_is_told_so(raw: bytes, column: str, rule: str) -> None:
    [row] = read(raw, JSONL)

    assert [(c, rule in told) for c, told in row.problems] == [(column, True)]


def test_without_a_profile_a_line_must_name_one() -> None:
    data = specimen.imported(5)["data"]
    del data["profile"]

    [row] = read(line(data), Origin(format=Format.JSONL, source=SOURCE, profile=None))

    assert row.problems == (("profile", "is missing"),)
