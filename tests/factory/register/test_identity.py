"""Who the person is: only what begins or changes says it, and a correction is not taken back."""

from dataclasses import replace

import pytest

from factory.errors import ConflictError
from factory.model import Holder
from factory.register import Person
from factory.register.effects import apply
from tests.factory.register.histories import (
    BUILDING,
    CIVIL,
    COST,
    INSTALLATION,
    ROAD,
    SHANGHAI,
    Teller,
    told,
)

HERE = Teller(profile=SHANGHAI)
RENAMED = replace(HERE, holder=HERE.holder | {"name": "张示例"})
STRANGER = replace(HERE, holder=HERE.holder | {"name": "李样本"})
INITIAL = HERE.approved("initial", BUILDING, on="2024-06-14")
CORRECTED = HERE.corrected(on="2024-08-01", name="张示例")


def test_an_application_that_still_has_the_old_name_does_not_take_a_correction_back() -> None:
    addition = HERE.approved("addition", ROAD, number=2, on="2024-09-13")

    assert holder(told(SHANGHAI, INITIAL, CORRECTED, addition)).name == "张示例"


def test_a_cancellation_under_the_old_name_is_of_the_same_person() -> None:
    cancellation = HERE.approved("cancellation", BUILDING, number=2, on="2024-09-13")

    assert holder(told(SHANGHAI, INITIAL, CORRECTED, cancellation)).name == "张示例"


def test_an_application_under_a_name_nobody_had_is_refused() -> None:
    addition = STRANGER.approved("addition", ROAD, number=2, on="2024-09-13")

    with pytest.raises(ConflictError, match="correction comes first") as refused:
        apply(told(SHANGHAI, INITIAL), addition, SHANGHAI)

    assert "李样本" not in str(refused.value)


def test_a_change_says_who_the_person_is() -> None:
    change = RENAMED.approved("change", number=2, on="2024-09-13")

    assert holder(told(SHANGHAI, INITIAL, change)).name == "张示例"


def test_a_change_under_the_old_name_takes_a_correction_back() -> None:
    """It is what the applicant asks for and the authority approves."""
    change = HERE.approved("change", number=2, on="2024-09-13")

    assert holder(told(SHANGHAI, INITIAL, CORRECTED, change)).name == HERE.holder["name"]


def test_whoever_begins_anew_says_who_they_are() -> None:
    ended = HERE.cancelled(on="2024-08-01")
    again = RENAMED.approved("initial", BUILDING, number=2, on="2024-09-13")

    assert holder(told(SHANGHAI, INITIAL, ended, again)).name == "张示例"


def test_a_new_telephone_number_is_no_change() -> None:
    reached = replace(HERE, holder=HERE.holder | {"mobile": "13000009999"})
    addition = reached.approved("addition", ROAD, number=2, on="2024-09-13")

    person = told(SHANGHAI, INITIAL, addition)

    assert holder(person).mobile == "13000009999"
    assert person.former == ()


def test_a_second_import_does_not_describe_the_person_anew() -> None:
    engineer = Teller(profile=COST)
    other = replace(engineer, holder=engineer.holder | {"name": "李样本"})
    first = engineer.imported(CIVIL, on="2022-03-01", until="2026-02-28")
    second = other.imported(
        INSTALLATION,
        on="2022-03-01",
        until="2026-02-28",
        registration_number="建[造]22310000000001",
    )

    with pytest.raises(ConflictError, match="correction comes first"):
        apply(told(COST, first), second, COST)


def holder(person: Person) -> Holder:
    assert person.holder is not None
    return person.holder
