"""Events: what is accepted, what is refused and how it is told."""

from __future__ import annotations

import base64
import copy
import json
import re
import runpy
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from factory import events, specimen
from factory.errors import InvalidEventError, NotFoundError
from factory.events import takeover
from factory.events.envelope import _PATTERNS
from factory.events.lines import MAX_BATCH_BYTES
from factory.events.text import HIDDEN
from factory.model import Sex

EXAMPLES = Path(__file__).parents[1] / "examples"
MAKE = runpy.run_path(str(EXAMPLES / "make.py"))
MALFORMED: list[tuple[str, str]] = MAKE["malformed"]()
SCHEMAS = [events.schema(name) for name in events.EVENT_TYPES]
PHOTO = {"key": "intake/1.jpg", "sha256": "0" * 64}

JsonObject = dict[str, Any]


def approval(**holder: object) -> JsonObject:
    event = copy.deepcopy(events.example("registration.approved"))
    event["data"]["photo"] = dict(PHOTO)
    event["data"]["holder"].update(holder)
    return event


def wire(event: object) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def problems(raw: bytes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEventError) as refusal:
        events.parse(raw)
    return list(refusal.value.problems)


def paths(raw: bytes) -> list[str]:
    return [path for path, _ in problems(raw)]


def approved(event: JsonObject) -> events.RegistrationApproved:
    data = events.parse(wire(event)).data
    assert isinstance(data, events.RegistrationApproved)
    return data


# --- the envelope -----------------------------------------------------------------------------


def test_an_event_becomes_one_frozen_value() -> None:
    event = events.parse(wire(events.example("registration.approved")))

    assert (event.source, event.type) == (specimen.SOURCE, "registration.approved")
    assert event.time == datetime(2024, 3, 1, 1, 0, 1, tzinfo=UTC)
    assert event.correlation_id == "specimen-000001"
    with pytest.raises(AttributeError):
        event.id = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", events.EVENT_TYPES)
def test_each_type_has_an_example_that_parses(name: str) -> None:
    event = events.parse(wire(events.example(name)))

    assert type(event.data) is events.EVENT_TYPES[name]


def test_time_and_correlation_may_be_left_out() -> None:
    event = approval()
    del event["time"], event["correlationid"]

    parsed = events.parse(wire(event))

    assert (parsed.time, parsed.correlation_id) == (None, None)


@pytest.mark.parametrize("time", ["2024-03-01T09:00:00", "2024-03-01T25:00:00Z", "20240301T09Z", 7])
def test_a_time_without_offset_or_outside_the_calendar_is_refused(time: object) -> None:
    event = approval() | {"time": time}

    assert paths(wire(event)) == ["time"]


def test_extension_attributes_are_allowed() -> None:
    event = approval() | {"traceparent": "00-1", "attempt": 3, "final": True, "note": None}

    assert events.parse(wire(event)).source == specimen.SOURCE


@pytest.mark.parametrize("extension", [{"Trace": "1"}, {"a_b": "1"}, {"a" * 21: "1"}, {"x": {}}])
def test_an_extension_attribute_with_a_wrong_name_or_kind_is_refused(extension: object) -> None:
    event = approval() | extension  # type: ignore[operator]

    assert paths(wire(event)) == ["*"]


@pytest.mark.parametrize("name", ["source", "id"])
def test_source_and_id_have_at_most_255_characters(name: str) -> None:
    longest, longer = approval() | {name: "x" * 255}, approval() | {name: "x" * 256}

    assert events.parse(wire(longest))
    assert paths(wire(longer)) == [name]


def test_an_unknown_type_is_told_the_known_ones() -> None:
    found = problems(wire(approval() | {"type": "registration.aproved"}))

    assert [path for path, _ in found] == ["type"]
    assert all(name in found[0][1] for name in events.EVENT_TYPES)


def test_an_event_has_at_most_a_mebibyte() -> None:
    raw = wire(approval())
    largest = raw + b" " * (events.MAX_EVENT_BYTES - len(raw))

    assert events.parse(largest)
    assert problems(largest + b" ") == [("event", "is larger than 1048576 bytes")]


# --- strict JSON ------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "path"), MALFORMED, ids=range(1, len(MALFORMED) + 1))
def test_each_malformed_example_is_refused_at_its_one_fault(line: str, path: str) -> None:
    assert set(paths(line.encode())) == {path}


def test_a_name_twice_in_an_object_is_refused_where_it_stands() -> None:
    raw = wire(approval()).replace(b'"sex": "male"', b'"sex": "male", "sex": "female"')

    assert paths(raw) == ["data.holder"]


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999"])
def test_a_number_that_is_none_is_refused(number: bytes) -> None:
    raw = wire(approval() | {"attempt": 3}).replace(b'"attempt": 3', b'"attempt": ' + number)

    assert paths(raw) == ["*"]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe{}", b"[" * 100_000, b"9" * 5000, b"[]"])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    assert paths(raw) == ["event"]


@pytest.mark.parametrize("depth", [40, 300, 700, 900])
def test_what_is_nested_too_deeply_is_refused(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    raw = wire(approval() | {"deep": 0}).replace(b'"deep": 0', b'"deep": ' + deep)

    assert [rule for _, rule in problems(raw)] == ["is nested too deeply"]


def test_a_byte_order_mark_is_tolerated() -> None:
    assert events.parse(b"\xef\xbb\xbf" + wire(approval()))


@given(st.binary(max_size=300))
def test_any_bytes_give_an_event_or_a_refusal(raw: bytes) -> None:
    with pytest.raises(InvalidEventError):
        events.parse(raw)


# --- problems ---------------------------------------------------------------------------------


def test_all_problems_are_told_at_once() -> None:
    event = approval(name="", sex="x", birth_date="1990-13-01")
    event["data"]["approved_on"] = 20240301
    event["id"] = ""

    assert paths(wire(event)) == [
        "id", "data.holder.name", "data.holder.sex", "data.holder.birth_date", "data.approved_on",
    ]  # fmt: skip


def test_an_unknown_field_is_refused_with_the_nearest_known_one() -> None:
    event = approval(birthdate="1990-01-01")

    assert problems(wire(event)) == [("data.holder.*", "is not a field of this event: birth_date?")]


def test_a_correlation_id_is_no_longer_than_the_ledger_keeps_it() -> None:
    kept = events.parse(wire(approval() | {"correlationid": "c" * 64}))
    assert kept.correlation_id == "c" * 64

    with pytest.raises(InvalidEventError, match="1 to 64"):
        events.parse(wire(approval() | {"correlationid": "c" * 65}))


def test_every_pattern_is_told_in_words() -> None:
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(SCHEMAS))

    found = {json.loads(each) for each in patterns}

    assert "^[0-9A-Z]{18}$" in found
    assert found - set(_PATTERNS) == set()


def test_a_long_list_of_problems_is_cut_and_counted() -> None:
    event = approval()
    wrong = {"name": 1, "valid_from": 1, "valid_to": 1, "main": 1, "other": 1}
    event["data"]["professions"] = [wrong] * 12
    event["data"]["holder"] = {}

    found = problems(wire(event))

    assert len(found) == 51
    assert found[-1] == ("event", "and 14 more problems")


SECRETS = st.from_regex(r"[\u4e00-\u9fff]{3,6}|[1-9][0-9]{16}[0-9X]", fullmatch=True)
PLACES: tuple[Callable[[JsonObject, str], object], ...] = (
    lambda event, secret: event["data"]["holder"].update(name=secret + "\u202e"),
    lambda event, secret: event["data"]["holder"].update(name=[secret]),
    lambda event, secret: event["data"]["holder"].update(sex=secret),
    lambda event, secret: event["data"]["holder"].update(birth_date=secret),
    lambda event, secret: event["data"]["holder"].update(id_number=secret + "\n\x00"),
    lambda event, secret: event["data"]["holder"].update(mobile=secret * 2),
    lambda event, secret: event["data"]["holder"].update({secret: 1}),
    lambda event, secret: event["data"].update(holder=secret),
    lambda event, secret: event["data"].update(photo={"content": secret}),
    lambda event, secret: event["data"].update(photo={"key": secret, "sha256": secret}),
    lambda event, secret: event["data"].update(professions=[{"name": secret * 9, "main": secret}]),
    lambda event, secret: event["data"]["enterprise"].update(credit_code=secret * 2),
    lambda event, secret: event.update({secret + "_": secret}),
    lambda event, secret: event.update(type=secret, time=secret, correlationid=secret + " "),
    lambda event, secret: event.update(data=secret),
)


@settings(max_examples=200)
@given(st.sampled_from(PLACES), SECRETS)
def test_a_refusal_never_repeats_a_value(
    place: Callable[[JsonObject, str], object], secret: str
) -> None:
    event = approval()
    place(event, secret)

    with pytest.raises(InvalidEventError) as refusal:
        events.parse(wire(event))

    assert secret not in str(refusal.value)
    assert refusal.value.__cause__ is None or secret not in str(refusal.value.__cause__)


@given(SECRETS)
def test_text_that_is_not_json_is_not_repeated_either(secret: str) -> None:
    with pytest.raises(InvalidEventError) as refusal:
        events.parse(f'{{"name": "{secret}", {secret}}}'.encode())

    assert secret not in str(refusal.value)


def test_an_event_shows_no_personal_data_when_it_is_printed() -> None:
    event = events.parse(wire(approval(name="姜𬭎")))

    shown = repr(event) + repr(event.data)

    assert "姜𬭎" not in shown
    assert approval()["data"]["holder"]["id_number"] not in shown


# --- text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (" 王安\u3000", "王安"),
        ("阿卜杜热合曼·买买提", "阿卜杜热合曼·买买提"),
        ("Re\u0301my", "R\u00e9my"),
        ("姜𬭎", "姜𬭎"),
        ("\uf92c", "\uf92c"),  # a compatibility ideograph stays: NFC would rename the person
        ("Ａ", "Ａ"),
        ("\ue0c5", "\ue0c5"),  # private use is for the faces to refuse, later
        ("葛\U000e0100", "葛\U000e0100"),
        ("\U00031350", "\U00031350"),  # newer than this Python's Unicode
    ],
)
def test_a_name_is_trimmed_and_composed_and_otherwise_kept(sent: str, kept: str) -> None:
    assert approved(approval(name=sent)).holder.name == kept


@pytest.mark.parametrize("character", ["\x00", "\n", "\u200b", "\u202e", "\u2066", "\U000e0041"])
def test_a_hidden_character_is_refused_by_its_code_point(character: str) -> None:
    found = problems(wire(approval(name=f"王{character}安")))

    assert found == [
        ("data.holder.name", f"holds control or invisible characters: U+{ord(character):04X}")
    ]


def test_the_hidden_characters_are_those_of_unicode() -> None:
    hidden = {"Cc", "Cf", "Zl", "Zp", "Cs"}

    missed = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in hidden and not HIDDEN.match(chr(code))
    ]

    assert missed == []


def test_nothing_that_can_be_seen_counts_as_hidden() -> None:
    shown = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if HIDDEN.match(chr(code)) and unicodedata.category(chr(code))[0] in "LMNPS"
    ]

    assert shown == []


@given(st.text(max_size=40))
def test_a_kept_name_is_kept_again(name: str) -> None:
    try:
        once = approved(approval(name=name)).holder.name
    except (InvalidEventError, UnicodeEncodeError):
        return

    assert approved(approval(name=once)).holder.name == once


def test_a_name_has_at_most_a_hundred_characters() -> None:
    assert approved(approval(name="𬭎" * 100))
    assert paths(wire(approval(name="𬭎" * 101))) == ["data.holder.name"]


# --- the data ---------------------------------------------------------------------------------


def test_holder_and_enterprise_are_given_as_the_domain_knows_them() -> None:
    data = approved(approval(sex="female"))

    holder, enterprise = data.holder.value(), data.enterprise.value()

    assert (holder.sex, holder.birth_date) == (Sex.FEMALE, date(1987, 9, 7))
    assert enterprise.credit_code == data.enterprise.credit_code


def test_a_wrong_check_character_is_not_the_schemas_business() -> None:
    event = approval(id_number="310101199001010013")
    event["data"]["enterprise"]["credit_code"] = "001210714905016000"

    assert approved(event)


def test_a_small_x_in_an_identity_number_is_its_capital() -> None:
    data = approved(approval(id_number="11010519491231002x"))

    assert data.holder.id_number == "11010519491231002X"


def test_another_papers_number_stays_as_it_is() -> None:
    data = approved(approval(id_type="414", id_number="e 12345x"))

    assert data.holder.id_number == "e 12345x"


@pytest.mark.parametrize(
    "value", ["2024-02-30", "20240301", "2024-3-1", "1899-12-31", 19_000, None]
)
def test_what_is_no_day_is_refused(value: object) -> None:
    assert paths(wire(approval(birth_date=value))) == ["data.holder.birth_date"]


def test_the_leap_day_is_a_day() -> None:
    assert approved(approval(birth_date="2000-02-29")).holder.birth_date == date(2000, 2, 29)


def test_an_unknown_type_of_application_is_refused() -> None:
    event = approval()
    event["data"]["application"]["type"] = "promotion"

    assert paths(wire(event)) == ["data.application.type"]


def with_professions(*professions: JsonObject) -> JsonObject:
    event = approval()
    first = {"name": "建筑工程", "qualified_on": "2016-11-03"}
    event["data"]["professions"] = [first | each for each in professions]
    return event


def test_twelve_professions_are_accepted_and_thirteen_are_not() -> None:
    names = [{"name": f"专业{place}"} for place in range(13)]

    assert len(approved(with_professions(*names[:12])).professions) == 12
    assert paths(wire(with_professions(*names))) == ["data.professions"]
    assert paths(wire(with_professions())) == ["data.professions"]


def test_a_profession_is_named_once_however_it_is_spaced() -> None:
    event = with_professions({}, {"name": " 建筑工程"})

    assert problems(wire(event)) == [("data.professions", "names one profession twice")]


def test_at_most_one_profession_is_the_main_one() -> None:
    one = with_professions({"main": True}, {"name": "机电工程"})
    two = with_professions({"main": True}, {"name": "机电工程", "main": True})

    assert approved(one).professions[0].main
    assert paths(wire(two)) == ["data.professions"]


@pytest.mark.parametrize(
    "days",
    [
        {"valid_from": "2024-03-01"},
        {"valid_to": "2024-03-01"},
        {"valid_from": "2024-03-02", "valid_to": "2024-03-01"},
    ],
)
def test_validity_is_given_whole_and_in_order_or_not_at_all(days: JsonObject) -> None:
    one_day = {"valid_from": "2024-03-01", "valid_to": "2024-03-01"}

    assert approved(with_professions(one_day)).professions[0].valid_to == date(2024, 3, 1)
    assert approved(with_professions({})).professions[0].valid_to is None
    assert paths(wire(with_professions(days))) == ["data.professions.0"]


def with_photo(photo: object) -> JsonObject:
    event = approval()
    event["data"]["photo"] = photo
    return event


def test_a_photo_comes_inline_or_from_the_intake_store() -> None:
    inline = approved(with_photo({"content": base64.b64encode(b"\xff\xd8").decode()})).photo
    stored = approved(with_photo(PHOTO)).photo

    assert inline == events.InlinePhoto(content=b"\xff\xd8")
    assert stored == events.StoredPhoto(key="intake/1.jpg", sha256="0" * 64)


@pytest.mark.parametrize(
    ("photo", "path"),
    [
        ({"content": "data:image/jpeg;base64,AAAA"}, "data.photo.content"),
        ({"content": "AAA"}, "data.photo.content"),
        ({"content": ""}, "data.photo.content"),
        ({"content": 5}, "data.photo.content"),
        ({"content": "AAAA", **PHOTO}, "data.photo.content"),
        ({**PHOTO, "key": "../secret"}, "data.photo.key"),
        ({**PHOTO, "key": "/intake/1.jpg"}, "data.photo.key"),
        ({**PHOTO, "key": "姜/1.jpg"}, "data.photo.key"),
        ({**PHOTO, "sha256": "0" * 63}, "data.photo.sha256"),
        ({**PHOTO, "sha256": "A" * 64}, "data.photo.sha256"),
        ("AAAA", "data.photo"),
        (None, "data.photo"),
    ],
)
def test_a_photo_in_neither_form_is_refused(photo: object, path: str) -> None:
    assert path in paths(wire(with_photo(photo)))


def test_a_photo_survives_being_stored_as_json() -> None:
    photo = events.InlinePhoto(content=bytes(range(256)))

    again = events.InlinePhoto.model_validate_json(photo.model_dump_json())

    assert again == photo


def imported(edition: JsonObject) -> bytes:
    event = events.example("registration.imported")
    event["data"]["edition"] = {"issued_on": "2022-03-02"} | edition
    return wire(event)


def test_a_paper_edition_is_number_zero_and_an_electronic_one_is_numbered() -> None:
    paper = events.parse(imported({"medium": "paper"})).data
    electronic = events.parse(imported({"medium": "electronic", "number": 2})).data

    assert isinstance(paper, events.RegistrationImported)
    assert isinstance(electronic, events.RegistrationImported)
    assert (paper.edition.number, electronic.edition.number) == (0, 2)
    assert paths(imported({"medium": "electronic"})) == ["data.edition"]
    assert paths(imported({"medium": "paper", "number": -1})) == ["data.edition.number"]


def test_a_rename_to_the_same_name_is_refused() -> None:
    event = events.example("enterprise.renamed")
    event["data"]["enterprise"]["new_name"] = event["data"]["enterprise"]["old_name"] + " "

    assert paths(wire(event)) == ["data.enterprise"]


# --- content ----------------------------------------------------------------------------------


@given(st.randoms(use_true_random=False), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_the_same_content_is_the_same_however_it_is_written(
    random: Any, indent: Any, ascii_only: bool
) -> None:
    event = approval()
    names = list(event)
    random.shuffle(names)
    rewritten = {name: event[name] for name in names} | {"traceparent": "00-1"}

    raw = json.dumps(rewritten, indent=indent, ensure_ascii=ascii_only).encode()

    assert events.canonical(raw) == events.canonical(wire(event))
    assert events.parse(raw).canonical == events.canonical(raw)


def test_another_value_is_another_content() -> None:
    one, other = approval(), approval(mobile="13000000009")

    assert events.canonical(wire(one)) != events.canonical(wire(other))


# --- streams ----------------------------------------------------------------------------------


def cut(raw: bytes) -> list[tuple[int, bytes]]:
    return list(events.split_lines(BytesIO(raw)))


def test_json_lines_keep_their_line_numbers_over_blank_lines() -> None:
    assert cut(b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n{"b":2}') == [(1, b'{"a":1}'), (4, b'{"b":2}')]


def test_an_object_over_many_lines_is_one_event() -> None:
    pretty = json.dumps(approval(), indent=2).encode()

    found = cut(b"\n" + pretty + b'\n{"b":2}\n')

    assert [number for number, _ in found] == [2, 2 + pretty.count(b"\n") + 1]
    assert events.canonical(found[0][1]) == events.canonical(pretty)


def test_a_batch_counts_its_elements() -> None:
    assert cut(b' [ {"a": "]"} ,\n{"b": [2]}]\n') == [(1, b'{"a": "]"}'), (2, b'{"b": [2]}')]


@pytest.mark.parametrize("raw", [b"", b"\n \n", b"[]", b"[ \n]\n", b"\xef\xbb\xbf"])
def test_nothing_gives_no_event(raw: bytes) -> None:
    assert cut(raw) == []


@pytest.mark.parametrize(
    "raw",
    [
        b'[{"a":1}',
        b'[{"a":1},',
        b'[{"a":1},]',
        b'[{"a":1} {"b":2}]',
        b'[{"a":1}] tail',
        b"[",
        b'[{"a":1}, {"b":NaN,}]',
        b"[\xff]",
    ],
)
def test_a_broken_batch_ends_in_something_that_is_refused(raw: bytes) -> None:
    *_, (_, last) = cut(raw)

    assert paths(last) == ["event"]


@pytest.mark.parametrize("broken", [b'{"a": {', b'{"a": "x', b"{", b"}", b'{"a": [}'])
def test_a_broken_line_takes_no_other_with_it(broken: bytes) -> None:
    good = [b'{"a":1}', b'{"b":2}']

    found = cut(b"\n".join([good[0], broken, good[1], good[0]]))

    assert found == [(1, good[0]), (2, broken), (3, good[1]), (4, good[0])]


def test_a_broken_object_over_many_lines_is_one_event() -> None:
    pretty = json.dumps(approval(), indent=2).replace('"male"', '"male')

    found = cut(pretty.encode() + b'\n{"b":2}\n')

    assert [number for number, _ in found] == [1, 2 + pretty.count("\n")]
    assert paths(found[0][1]) == ["event"]


def test_an_object_over_many_lines_past_the_limit_is_one_refusal() -> None:
    large = b'{\n"a": [\n' + b'"xxxxxxxxxxxxxx",\n' * 400_000 + b"1]}\n"

    found = cut(large + b'{"b":2}\n')

    assert len(found) == 2
    assert len(found[0][1]) < 2 * events.MAX_EVENT_BYTES
    assert problems(found[0][1]) == [("event", "is larger than 1048576 bytes")]


def test_a_line_past_the_limit_is_cut_and_refused() -> None:
    found = cut(b'{"a":1}\n' + b"x" * 5_000_000 + b'\n{"b":2}\n')

    assert [number for number, _ in found] == [1, 2, 3]
    assert problems(found[1][1]) == [("event", "is larger than 1048576 bytes")]
    assert found[2][1] == b'{"b":2}'


def test_json_lines_are_passed_on_before_the_end_is_read() -> None:
    stream = BytesIO(b'{"a":1}\n' * 1000)

    next(events.split_lines(stream))

    assert stream.tell() < 100


def test_an_element_past_the_limit_is_one_refusal_with_what_follows() -> None:
    rest = b'{"a":[' + b"[]," * 500_000 + b'1]},{"b":2}]'

    found = cut(b'[{"a":1},' + rest)

    assert found == [(1, b'{"a":1}'), (2, rest)]
    assert problems(rest) == [("event", "is larger than 1048576 bytes")]


def test_an_element_of_just_the_limit_is_read() -> None:
    largest = b'{"a":"' + b"x" * (events.MAX_EVENT_BYTES - 8) + b'"}'

    assert cut(b"[" + largest + b',{"b":2}]') == [(1, largest), (2, b'{"b":2}')]


def test_a_broken_element_before_a_long_rest_ends_the_batch() -> None:
    rest = b'{"a":nope},' + b'{"b":2},' * 300_000

    assert cut(b"[" + rest + b"1]") == [(1, rest + b"1]")]


def test_a_batch_past_its_limit_is_refused() -> None:
    whole = b"[" + b" " * (MAX_BATCH_BYTES - 2) + b"]"

    assert cut(whole) == []
    with pytest.raises(InvalidEventError):
        cut(whole + b" ")


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=9), max_size=3)))
def test_lines_and_batch_give_the_same_events(values: list[dict[str, str]]) -> None:
    lines = cut(b"".join(json.dumps(value).encode() + b"\n" for value in values))
    batch = cut(json.dumps(values, indent=1).encode())

    assert [json.loads(raw) for _, raw in lines] == values
    assert [json.loads(raw) for _, raw in batch] == values


# --- schemas and examples ---------------------------------------------------------------------


@pytest.mark.parametrize("name", events.EVENT_TYPES)
def test_each_schema_accepts_its_example_and_only_its_own(name: str) -> None:
    schema = events.schema(name)
    Draft202012Validator.check_schema(schema)

    accepted = [
        other for other in events.EVENT_TYPES
        if Draft202012Validator(schema).is_valid(events.example(other))
    ]  # fmt: skip

    assert accepted == [name]


def test_a_schema_tells_the_chinese_term_of_each_field() -> None:
    fields = events.schema("registration.approved")["$defs"]["HolderData"]["properties"]

    assert all(re.search(r"[\u4e00-\u9fff]", field["description"]) for field in fields.values())


def test_there_is_no_schema_or_example_of_an_unknown_type() -> None:
    with pytest.raises(NotFoundError):
        events.schema("registration.aproved")
    with pytest.raises(NotFoundError):
        events.example("registration.aproved")


def test_what_the_schema_refuses_parsing_refuses() -> None:
    schema = Draft202012Validator(events.schema("registration.approved"))
    lines = [line for line, _ in MALFORMED if '"registration.approved"' in line]

    refused = [line for line in lines if not schema.is_valid(json.loads(line))]

    assert len(refused) >= 12
    assert all(paths(line.encode()) for line in refused)


@pytest.mark.parametrize("name", ["approved.jsonl", "imported.jsonl", "renamed.json"])
def test_the_example_files_hold_what_make_writes_and_parse(name: str) -> None:
    """Photos are left out: another Pillow may write other bytes of the same picture."""

    def without_photo(raw: bytes) -> JsonObject:
        event: JsonObject = json.loads(raw)
        event["data"].pop("photo", None)
        return event

    found = cut((EXAMPLES / name).read_bytes())
    made = cut(MAKE["examples"]()[name].encode())

    assert all(events.parse(raw) for _, raw in found)
    assert [without_photo(raw) for _, raw in found] == [without_photo(raw) for _, raw in made]


def test_the_example_register_holds_what_make_writes() -> None:
    text = (EXAMPLES / "register.csv").read_text(encoding="utf-8")

    assert text == MAKE["examples"]()["register.csv"]


def test_the_malformed_file_holds_what_make_writes() -> None:
    text = (EXAMPLES / "malformed.jsonl").read_text(encoding="utf-8")

    assert text.splitlines() == [line for line, _ in MALFORMED]


@given(st.integers(0, 200_000), st.integers(0, 10**6))
def test_every_specimen_parses(seed: int, enterprise: int) -> None:
    for make in (specimen.approved, specimen.imported, specimen.renamed):
        assert events.parse(wire(make(seed, enterprise)))


def test_marks_without_end_over_one_letter_are_refused_at_once() -> None:
    """To compose them takes the square of their number: 180 s of a core for one event."""
    before = process_time()

    found = problems(wire(approval(name="a" + "\u0301\u0316" * 240_000)))

    assert ("data.holder.name", "has more than 4096 characters") in found
    assert process_time() - before < 10
    name = "a" + "\u0301\u0316" * 20
    assert approved(approval(name=name)).holder.name == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("text", ["\u0301\u0316" * 150_000, "x" * 900_000])
def test_a_header_or_number_without_end_is_refused_at_once(text: str) -> None:
    before = process_time()
    origin = takeover.Origin(format=takeover.Format.CSV, source="r", profile="gansu-constructor")
    row = {"registration_number": "a" + text}

    with pytest.raises(InvalidEventError):
        list(takeover.rows(BytesIO(f"a{text}\n".encode()), origin))
    [found] = takeover.rows(BytesIO(wire(row)), replace(origin, format=takeover.Format.JSONL))

    assert found.event is None
    assert process_time() - before < 10
