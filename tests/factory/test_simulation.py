"""A simulated register is realistic, valid, the same every time, and of nobody."""

import io
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from PIL import Image

from factory import codes, numbering, simulation, simulation_names
from factory.errors import FieldError
from factory.events.text import cleaned, hidden_characters
from factory.model import Sex
from factory.numbering import number_key
from factory.page.fonts import FontBook
from factory.pictures import HEIGHT_PX, MAX_OUTPUT_BYTES, WIDTH_PX, normalise_photo
from factory.profile import Profile, years_later
from factory.simulation import Pictures, Register
from factory.simulation_pictures import portrait
from jobs.wiring import load_profiles

DAY = date(2026, 11, 21)
NONE = Pictures()
PROFILES = sorted(load_profiles(None))
CONSTRUCTORS, ENGINEERS = "shanghai-constructor", "shanghai-cost-engineer"

JsonObject = dict[str, Any]


def profile(name: str) -> Profile:
    return load_profiles(None)[name].on(DAY)


def register(size: int, name: str = CONSTRUCTORS, **other: Any) -> Register:
    return Register(**({"profile": profile(name), "size": size, "seed": 1, "day": DAY} | other))


def rows(size: int, name: str = CONSTRUCTORS, **other: Any) -> list[JsonObject]:
    return list(simulation.rows(register(size, name, **other), NONE))


def ages(found: Sequence[JsonObject]) -> list[float]:
    born = (date.fromisoformat(each["holder"]["birth_date"]) for each in found)
    return [(DAY - day).days / 365.25 for day in born]


# --- valid ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_every_number_follows_its_rule_and_is_nobody_elses(name: str) -> None:
    found = rows(1500, name)

    for each in found:
        holder = each["holder"]
        born, sex = date.fromisoformat(holder["birth_date"]), Sex(holder["sex"])
        assert codes.identity_number_fault(holder["id_number"], "111", born, sex) is None
        assert codes.credit_code_fault(each["enterprise"]["credit_code"]) is None
    numbers = {number_key(each["registration_number"]) for each in found}
    assert len(numbers) == len(found)


def test_numbers_are_of_the_scheme_of_the_register() -> None:
    schemes = {profile(name).numbering.registration for name in PROFILES}
    assert schemes == {"jzs12", "jzs16", "zj14"}
    for name in PROFILES:
        rules = profile(name).numbering.registration
        for each in rows(50, name):
            number = each["registration_number"]
            if rules == "zj14":
                assert numbering.parse_cost_engineer_number(number)
            else:
                assert numbering.respell(number, rules) == number
                assert numbering.parse_constructor_number(number)


def test_numbers_stay_apart_where_serials_come_round_again() -> None:
    """Serials end at 99 999: a million registrations have each of them eleven times."""
    whole = register(1_000_000)
    alike = [
        simulation.row(whole, 7 + turn * simulation.SERIALS, NONE)["registration_number"]
        for turn in range(10)
    ]

    assert len({number_key(each) for each in alike}) == len(alike)
    assert {number[-5:] for number in alike} == {"00008"}


def test_people_stay_apart_where_area_and_order_come_round_again() -> None:
    whole = register(1_000_000)
    step = simulation.TOWNS * simulation.ORDERS
    alike = [simulation.row(whole, 7 + turn * step, NONE)["holder"] for turn in range(20)]

    assert len({each["birth_date"] for each in alike}) == len(alike)
    assert len({each["id_number"] for each in alike}) == len(alike)


def test_areas_are_none_that_exist() -> None:
    assert all(each["holder"]["id_number"][2:4] == "99" for each in rows(300))
    assert all(each["enterprise"]["credit_code"][4:6] == "99" for each in rows(300))


@pytest.mark.parametrize("name", PROFILES)
def test_holders_are_adults_below_the_age_cap_all_through_their_term(name: str) -> None:
    found, cap = rows(1500, name), profile(name).validity.age_cap

    assert cap is not None
    assert min(ages(found)) > 24.9
    assert max(ages(found)) < cap
    for each in found:
        born = date.fromisoformat(each["holder"]["birth_date"])
        for profession in each["professions"]:
            assert born.year + 20 <= int(profession["valid_from"][:4])
            assert date.fromisoformat(profession["valid_to"]) <= years_later(born, cap)


# --- the same ---------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_register_and_another_another() -> None:
    assert rows(200) == rows(200)
    assert rows(200) != rows(200, seed=2)
    assert rows(200) != rows(200, name="gansu-constructor")


def test_a_larger_register_has_the_same_people_in_another_order() -> None:
    small = {each["registration_number"]: each for each in rows(300, largest=40)}
    large = {each["registration_number"]: each for each in rows(900, largest=40)}

    assert small.items() <= large.items()


def test_rows_come_one_by_one() -> None:
    """Nobody waits for a million, and nobody keeps them."""
    first = list(islice(simulation.rows(register(1_000_000), NONE), 3))

    assert len({each["holder"]["id_number"] for each in first}) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0}, {"size": 1_000_001}, {"size": 10, "largest": 11}, {"size": 10, "largest": 0},
        {"size": 10, "day": date(2019, 12, 31)},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: JsonObject) -> None:
    with pytest.raises(FieldError, match="cannot be simulated"):
        register(**wrong)


def test_a_register_of_one_is_simulated() -> None:
    assert len(rows(1)) == 1


# --- realistic --------------------------------------------------------------------------------


def test_most_enterprises_are_small_and_the_largest_has_what_is_asked() -> None:
    sizes = sorted(simulation.sizes(register(20_000, largest=300)))

    assert sum(sizes) == 20_000
    assert sizes[-1] == 300
    assert 2 <= statistics.median(sizes) <= 5
    assert 6 <= statistics.mean(sizes) <= 9
    assert sizes[-2] > 100


def test_colleagues_share_an_enterprise_and_stand_apart() -> None:
    found = rows(1000, largest=50)
    first = simulation.company(register(1000, largest=50), 0)
    places = [n for n, r in enumerate(found) if r["enterprise"]["credit_code"] == first.credit_code]

    assert len(places) == first.registrations == 50
    assert all(after - before > 1 for before, after in pairwise(places))
    assert {found[n]["enterprise"]["name"] for n in places} == {first.name}


def test_enterprises_have_names_of_their_own() -> None:
    names = Counter(simulation_names.enterprise("上海", n, 1) for n in range(140_000))

    assert max(names.values()) == 1


def test_certificates_end_all_over_the_term_and_some_are_over() -> None:
    found = rows(4000)
    ends = [
        max(date.fromisoformat(p["valid_to"]) for p in each["professions"]) - DAY for each in found
    ]

    over = sum(end < timedelta(0) for end in ends) / len(ends)
    ending = sum(timedelta(0) <= end <= timedelta(days=90) for end in ends) / len(ends)
    assert 0.02 < over < 0.06
    assert 0.08 < ending < 0.16
    for year in range(3):
        assert sum(end.days // 365 == year for end in ends) / len(ends) > 0.25


def test_constructors_have_one_to_six_professions_one_of_them_main() -> None:
    counts = Counter(len(each["professions"]) for each in rows(4000))

    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert counts[1] > counts[2] > counts[3] > counts[4]
    assert all(sum(p.get("main", False) for p in each["professions"]) == 1 for each in rows(300))


def test_some_cost_engineers_have_a_certificate_for_each_profession() -> None:
    found = rows(3000, ENGINEERS)
    people = Counter(each["holder"]["id_number"] for each in found)
    both = [number for number, count in people.items() if count == 2]

    assert set(people.values()) == {1, 2}
    assert 0.09 < len(both) / len(people) < 0.15
    for number in both[:20]:
        one, other = (each for each in found if each["holder"]["id_number"] == number)
        assert one["holder"] == other["holder"]
        assert one["enterprise"] == other["enterprise"]
        assert one["professions"][0]["name"] != other["professions"][0]["name"]


def test_some_have_paper_still_and_each_licence_id_is_there_once() -> None:
    editions = [each["edition"] for each in rows(3000)]
    media = Counter(each["medium"] for each in editions)
    licences = [each["licence_id"] for each in editions if each["medium"] == "electronic"]

    assert 0.15 < media["paper"] / len(editions) < 0.35
    assert len(set(licences)) == len(licences)
    assert numbering.parse_licence_id(licences[0])


# --- names ------------------------------------------------------------------------------------


def test_names_are_of_every_kind_and_can_be_printed(fontbook: FontBook) -> None:
    names = [each["holder"]["name"] for each in rows(6000)]

    lengths = Counter(map(len, names))
    assert lengths[3] > 5 * lengths[2] > 5 * lengths[4] > 0
    assert any("·" in name for name in names)
    assert any(max(map(ord, name)) > 0xFFFF for name in names)
    surnames = Counter(name[0] for name in names)
    assert {"王", "李", "张"} == {name for name, _ in surnames.most_common(3)}
    assert fontbook.unprintable("".join(names)) == ()


def test_enterprises_can_be_printed(fontbook: FontBook) -> None:
    names = {each["enterprise"]["name"] for each in rows(6000)}

    assert fontbook.unprintable("".join(sorted(names))) == ()
    assert max(map(len, names)) > 28


def test_a_few_names_no_face_prints_only_where_asked(fontbook: FontBook) -> None:
    plain, hard = rows(3000), rows(3000, hard=True)
    other = [b["holder"]["name"] for a, b in zip(plain, hard, strict=True) if a != b]

    assert 0.002 < len(other) / len(hard) < 0.008
    for name in other:
        assert fontbook.unprintable(name)
        assert name == cleaned(name)
        assert hidden_characters(name) == ()


# --- pictures ---------------------------------------------------------------------------------


def test_portraits_are_each_another_and_of_the_size_of_photos() -> None:
    faces = [portrait(1, place) for place in range(60)]
    printed = [normalise_photo(face) for face in faces]

    assert len(set(faces)) == len(set(printed)) == 60
    assert portrait(1, 7) == faces[7] != portrait(2, 7)
    assert all(Image.open(io.BytesIO(face)).size == (WIDTH_PX, HEIGHT_PX) for face in faces)
    assert max(map(len, faces)) < 10_000 < MAX_OUTPUT_BYTES


def test_a_person_has_one_photo_on_each_certificate() -> None:
    shown = Pictures(photos=[{"content": str(n)} for n in range(7)])
    found = list(simulation.rows(register(400, ENGINEERS), shown))
    photos: dict[str, set[str]] = {}
    for each in found:
        photos.setdefault(each["holder"]["id_number"], set()).add(each["photo"]["content"])

    assert {len(some) for some in photos.values()} == {1}
    assert "signature" not in found[0]


def test_an_enterprise_can_be_renamed() -> None:
    firm = replace(
        simulation.company(register(100), 0), name="上海示例安邦建设工程（集团）有限公司"
    )
    names = simulation.renaming(firm, DAY)["enterprise"]

    assert names["new_name"] == "上海示例安邦建设工程集团股份有限公司"
    assert names["old_name"] == firm.name
