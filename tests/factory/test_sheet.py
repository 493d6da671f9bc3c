"""Layout: every writer gets the same places; nothing is clipped, nothing runs over."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.errors import LintError, UnprintableError
from factory.page.fonts import FontBook
from factory.page.marks import AUTHORITY_SEAL, MM_PER_PT
from factory.page.sheet import (
    Align,
    Code,
    CodeSlot,
    Picture,
    PictureSlot,
    Run,
    Sheet,
    SignatureSlot,
    Slot,
    Text,
    TextSlot,
    Value,
    layout,
)

SLOT = TextSlot(
    name="enterprise.name",
    x_mm=10,
    y_mm=10,
    width_mm=16 * 10 * MM_PER_PT,  # ten characters at full size
    height_mm=16 * 3 * MM_PER_PT,
    size_pt=16,
    min_size_pt=8,
    wrap_below_pt=14,
    max_lines=2,
)


def sheet(*slots: Slot, marks: tuple[Text, ...] = ()) -> Sheet:
    return Sheet(title="试", width_mm=100, height_mm=100, marks=marks, slots=slots)


def runs(fontbook: FontBook, value: Value, slot: TextSlot = SLOT) -> list[Run]:
    placed = layout(sheet(slot), {slot.name: value}, fontbook)
    return [mark for mark in placed.pages[0].filled if isinstance(mark, Run)]


def test_a_value_that_fits_is_set_in_full_size(fontbook: FontBook) -> None:
    (run,) = runs(fontbook, "上" * 10)

    assert (run.size_pt, run.x_mm, run.text) == (16, 10, "上" * 10)


def test_a_slightly_long_value_is_set_smaller_on_one_line(fontbook: FontBook) -> None:
    (run,) = runs(fontbook, "上" * 11)

    assert run.size_pt == 14.5


def test_a_longer_value_is_wrapped_in_full_size(fontbook: FontBook) -> None:
    first, second = runs(fontbook, "上" * 13)

    assert (first.text, second.text) == ("上" * 10, "上" * 3)
    assert (first.size_pt, second.size_pt) == (16, 16)
    assert second.y_mm > first.y_mm


def test_a_still_longer_value_is_wrapped_and_set_smaller(fontbook: FontBook) -> None:
    first, second = runs(fontbook, "上" * 40)

    assert first.size_pt == 8
    assert len(first.text) + len(second.text) == 40


def test_a_value_too_long_at_the_smallest_size_is_refused(fontbook: FontBook) -> None:
    with pytest.raises(LintError, match=r"^enterprise\.name: longer than its place"):
        runs(fontbook, "上" * 41)


def test_the_first_baseline_does_not_depend_on_the_size(fontbook: FontBook) -> None:
    (short,), (long,) = runs(fontbook, "上"), runs(fontbook, "上" * 11)

    assert short.y_mm == long.y_mm


def test_a_number_is_not_torn_where_a_line_ends(fontbook: FontBook) -> None:
    first, second = runs(fontbook, "上" * 8 + "2024-11-30")

    assert (first.text, second.text) == ("上" * 8, "2024-11-30")


def test_a_line_does_not_begin_with_a_closing_mark(fontbook: FontBook) -> None:
    lines = runs(fontbook, "（" + "上" * 9 + "）" + "海" * 4)

    assert [run.text for run in lines] == ["（" + "上" * 8, "上）" + "海" * 4]


def test_paragraphs_begin_new_lines_a_pitch_apart(fontbook: FontBook) -> None:
    slot = replace(SLOT, height_mm=50, pitch_mm=12)

    first, second = runs(fontbook, ("建筑工程", "公路工程"), slot)

    assert second.y_mm - first.y_mm == pytest.approx(12)


def test_the_face_changes_within_a_line_without_a_gap(fontbook: FontBook) -> None:
    first, second = runs(fontbook, "王\U00030003")

    assert first.face is not second.face
    assert second.x_mm == pytest.approx(first.x_mm + first.width_mm)


@pytest.mark.parametrize(
    ("align", "left_over"), [(Align.LEFT, 0), (Align.CENTRE, 4), (Align.RIGHT, 8)]
)
def test_a_line_stands_where_its_slot_wants_it(
    fontbook: FontBook, align: Align, left_over: int
) -> None:
    (run,) = runs(fontbook, "上海", replace(SLOT, align=align))

    assert run.x_mm == pytest.approx(10 + left_over * 16 * MM_PER_PT)


def test_an_unprintable_character_is_named_without_the_text(fontbook: FontBook) -> None:
    with pytest.raises(UnprintableError) as caught:
        runs(fontbook, "张\ue0c5")

    assert (caught.value.field, caught.value.code_points) == ("enterprise.name", ("U+E0C5",))
    assert "张" not in str(caught.value)


def test_a_required_value_may_not_be_missing(fontbook: FontBook) -> None:
    with pytest.raises(LintError, match="required"):
        runs(fontbook, "")


def test_a_value_that_is_not_required_may_be_missing(fontbook: FontBook) -> None:
    assert runs(fontbook, "", replace(SLOT, required=False)) == []


def test_a_spread_label_ends_where_it_is_told_to(fontbook: FontBook) -> None:
    label = Text(text="姓名", x_mm=10, y_mm=10, size_pt=14, spread_mm=20)

    first, last = layout(sheet(marks=(label,)), {}, fontbook).pages[0].fixed

    assert isinstance(first, Run) and isinstance(last, Run)
    assert first.x_mm == 10
    assert last.x_mm + last.width_mm == pytest.approx(30)


def test_a_code_keeps_four_light_modules_around_it(fontbook: FontBook) -> None:
    slot = CodeSlot(name="code", x_mm=10, y_mm=10, size_mm=29)

    (code,) = layout(sheet(slot), {"code": "A"}, fontbook).pages[0].filled

    assert isinstance(code, Code)
    assert len(code.rows) == 21  # version 1
    assert (code.x_mm, code.y_mm, code.size_mm) == (14, 14, 21)


def test_pictures_and_the_seal_get_their_places(fontbook: FontBook) -> None:
    photo = PictureSlot(role="photo", x_mm=1, y_mm=2, width_mm=3, height_mm=4)
    seal = SignatureSlot(name=AUTHORITY_SEAL, x_mm=50, y_mm=50, width_mm=42, height_mm=42)

    placed = layout(sheet(photo, seal), {"photo": "digest"}, fontbook)

    assert [m.role for m in placed.pages[0].filled if isinstance(m, Picture)] == ["photo"]
    (box,) = placed.signatures
    assert (box.name, box.page, box.x_mm, box.width_mm) == (AUTHORITY_SEAL, 0, 50, 42)


def test_a_picture_without_a_value_is_left_out(fontbook: FontBook) -> None:
    photo = PictureSlot(role="photo", x_mm=1, y_mm=2, width_mm=3, height_mm=4)

    assert layout(sheet(photo), {}, fontbook).pages[0].filled == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(alphabet="上海测试建设（）·ABC0123-，", min_size=1, max_size=60))
def test_whatever_is_printed_is_whole_and_inside_its_slot(fontbook: FontBook, value: str) -> None:
    try:
        lines = runs(fontbook, value)
    except LintError:
        return

    assert "".join(run.text for run in lines) == value
    for run in lines:
        assert run.x_mm + run.width_mm <= SLOT.x_mm + SLOT.width_mm + 0.001
        assert run.y_mm <= SLOT.y_mm + SLOT.height_mm
