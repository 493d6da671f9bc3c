"""Values that are laid out quickly stand where the patient way puts them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import LintError, UnprintableError
from factory.page.filling import _Text, filled, fillings
from factory.page.fonts import FontBook
from factory.page.marks import Align, TextSlot

HAN = "建筑工程有限公司张三李四"
OTHERS = "𬭎䶮𠅤Ⅲ①"
TEXTS = st.text(HAN + OTHERS + "ABC019 -（）", min_size=1, max_size=60)


def slot(**other: Any) -> TextSlot:
    given: dict[str, Any] = {
        "name": "enterprise.name", "x_mm": 20.0, "y_mm": 30.0, "width_mm": 80.0, "height_mm": 16.0,
        "size_pt": 14.0, "min_size_pt": 6.0, "wrap_below_pt": 11.0, "max_lines": 3,
    }  # fmt: skip
    return TextSlot(**given | other)


@given(
    st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
    st.sampled_from(list(Align)),
    st.sampled_from([0.0, 7.0]),
)
def test_the_quick_way_agrees_with_the_patient_one(
    fontbook: FontBook, value: str | tuple[str, ...], align: Align, pitch_mm: float
) -> None:
    place = _Text(slot(align=align, pitch_mm=pitch_mm), fontbook)
    texts = [value] if isinstance(value, str) else list(value)
    try:
        patient = tuple(place._fitted([text for text in texts if text]))
    except LintError:
        with pytest.raises(LintError):
            place.marks(value)
        return

    assert place.marks(value) == patient


def test_an_equal_value_gives_the_same_marks_again(fontbook: FontBook) -> None:
    [place] = fillings([slot()], fontbook)

    assert place.marks("上海示例建设有限公司") is place.marks("上海示例建设" + "有限公司")


def test_no_more_values_are_kept_than_a_worker_needs(fontbook: FontBook) -> None:
    place = _Text(slot(), fontbook)

    for number in range(2000):
        place.marks(f"{number}")

    assert len(place._kept) <= 512


def test_an_absent_value_that_is_required_is_refused(fontbook: FontBook) -> None:
    with pytest.raises(LintError, match=r"enterprise\.name: a value is required"):
        filled(fillings([slot()], fontbook), {})


def test_an_absent_value_that_is_not_required_prints_nothing(fontbook: FontBook) -> None:
    assert filled(fillings([slot(required=False)], fontbook), {}) == ()


def test_a_character_no_face_has_is_refused_again_and_again(fontbook: FontBook) -> None:
    places = fillings([slot()], fontbook)

    for _ in range(2):
        with pytest.raises(UnprintableError):
            filled(places, {"enterprise.name": "建\u0378"})
