"""Tables: rows as high as what stands in them, whole on a page wherever a page can hold them."""

import pytest

from factory.errors import LintError, UnprintableError
from factory.page.fonts import FontBook
from factory.page.lint import check
from factory.page.marks import ENTERPRISE_SEAL, Path, Text
from factory.page.rows import Field, Figure, Image, Opinion, Row, Stack, Table, Words
from factory.page.sheet import Placed, Run, Value, layout

WIDTH = 170.0
LINE = "上" * 30  #: a little less than a line
Values = dict[str, Value]


def field(name: str, width_mm: float = WIDTH, lines: int = 0) -> Field:
    return Field(width_mm=width_mm, name=name, lines=lines)


def table(*rows: Row, repeated: tuple[Row, ...] = (), foot: Row | None = None) -> Table:
    return Table(title="试", rows=rows, repeated=repeated, foot=foot)


def drawn(fontbook: FontBook, given: Table, values: Values) -> Placed:
    placed = layout(given, values, fontbook)
    check(given, placed, values)
    return placed


def runs(placed: Placed, slot: str) -> list[tuple[int, Run]]:
    return [
        (number, mark)
        for number, page in enumerate(placed.pages)
        for mark in page.filled
        if isinstance(mark, Run) and mark.slot == slot
    ]


def top(placed: Placed, slot: str) -> float:
    return runs(placed, slot)[0][1].y_mm


def test_a_row_is_as_high_as_its_longest_value(fontbook: FontBook) -> None:
    rows = table(Row(cells=(field("long"),)), Row(cells=(field("next"),)))

    short = drawn(fontbook, rows, {"long": LINE, "next": "下"})
    tall = drawn(fontbook, rows, {"long": (LINE,) * 10, "next": "下"})

    assert top(tall, "next") > top(short, "next") + 40


def test_a_value_is_set_smaller_before_its_row_grows(fontbook: FontBook) -> None:
    rows = table(Row(cells=(field("name", width_mm=35, lines=2),)))

    (_, first), *_ = runs(drawn(fontbook, rows, {"name": "上" * 18}), "name")

    assert 9 <= first.size_pt < 12


def test_a_value_too_long_for_the_smallest_size_makes_its_row_grow(fontbook: FontBook) -> None:
    rows = table(Row(cells=(field("name", width_mm=35, lines=2),)))

    found = runs(drawn(fontbook, rows, {"name": "上" * 100}), "name")

    assert {run.size_pt for _, run in found} == {9}
    assert len(found) > 2


def test_a_row_that_fits_on_a_page_is_kept_whole(fontbook: FontBook) -> None:
    long = Row(cells=(field("second"),), splits=True)
    rows = table(Row(cells=(field("first"),)), long)

    placed = drawn(fontbook, rows, {"first": (LINE,) * 25, "second": (LINE,) * 25})

    assert {page for page, _ in runs(placed, "second")} == {1}


def test_a_row_higher_than_a_page_begins_where_there_is_room(fontbook: FontBook) -> None:
    rows = table(Row(cells=(field("first"),)), Row(cells=(field("second"),), splits=True))

    placed = drawn(fontbook, rows, {"first": LINE, "second": (LINE,) * 100})

    assert {page for page, _ in runs(placed, "second")} == {0, 1, 2}


def test_a_row_higher_than_a_page_that_may_not_be_split_is_refused(fontbook: FontBook) -> None:
    rows = table(Row(cells=(field("long"),)))

    with pytest.raises(LintError, match="higher than a page"):
        drawn(fontbook, rows, {"long": (LINE,) * 100})


def test_a_repeated_head_stands_on_every_page_but_the_first(fontbook: FontBook) -> None:
    head = Row(cells=(field("title", width_mm=85), Words(width_mm=85, lines=("续",))))
    rows = table(
        Row(cells=(field("title"),)), Row(cells=(field("long"),), splits=True), repeated=(head,)
    )

    placed = drawn(fontbook, rows, {"title": "名", "long": (LINE,) * 60})

    assert (placed.text("title"), placed.text("title@2")) == ("名", "名")


def test_a_foot_stands_on_every_page(fontbook: FontBook) -> None:
    rows = table(
        Row(cells=(field("long"),), splits=True), foot=Row(cells=(field("time"),), ruled=False)
    )

    placed = drawn(fontbook, rows, {"time": "今", "long": (LINE,) * 60})

    assert (placed.text("time"), placed.text("time@2")) == ("今", "今")


def test_rows_beside_a_picture_are_as_high_as_it_needs(fontbook: FontBook) -> None:
    two = Stack(rows=(Row(cells=(field("a", width_mm=50),)), Row(cells=(field("b", width_mm=50),))))
    photo = Image(width_mm=40, role="photo", picture_width_mm=25, picture_height_mm=35)
    rows = table(Row(cells=(two, photo)))

    placed = drawn(fontbook, rows, {"a": "上", "b": "下", "photo": "digest"})

    assert top(placed, "b") - top(placed, "a") == pytest.approx((35 + 2 * 2.4) / 2)


def test_a_place_to_sign_lies_below_its_text(fontbook: FontBook) -> None:
    opinion = Opinion(
        width_mm=140, name="opinion", sign="盖章：", signature=ENTERPRISE_SEAL,
        box_width_mm=42, box_height_mm=42,
    )  # fmt: skip

    placed = drawn(fontbook, table(Row(cells=(opinion,))), {"opinion": LINE * 3})

    box = placed.signature(ENTERPRISE_SEAL)
    assert box is not None
    assert max(run.y_mm for _, run in runs(placed, "opinion")) < box.y_mm


def test_the_room_of_a_single_page_goes_to_the_rows_that_want_it(fontbook: FontBook) -> None:
    grows = Row(cells=(field("first"),), grows_mm=30)
    still = Row(cells=(field("first"),))
    after = Row(cells=(field("second"),))

    values: Values = {"first": "上", "second": "下"}
    grown, plain = (drawn(fontbook, table(each, after), values) for each in (grows, still))

    assert top(grown, "second") - top(plain, "second") == pytest.approx(30)


def test_ruled_rows_have_one_frame_and_unruled_ones_none(fontbook: FontBook) -> None:
    def strokes(*ruled: bool) -> list[Path]:
        rows = (Row(cells=(field(f"f{n}"),), ruled=each) for n, each in enumerate(ruled))
        placed = drawn(fontbook, table(*rows), {f"f{n}": "上" for n, _ in enumerate(ruled)})
        return [mark for mark in placed.pages[0].fixed if isinstance(mark, Path)]

    assert strokes(False, False) == []
    assert [path.data.count("C") for path in strokes(True, True)] == [0, 1]
    assert [path.data.count("C") for path in strokes(True, False, True)] == [2]


def test_an_absent_value_is_refused_and_named(fontbook: FontBook) -> None:
    rows = table(Row(cells=(field("name"),)))

    with pytest.raises(LintError, match=r"^name: a value is required$"):
        drawn(fontbook, rows, {})


def test_an_optional_value_may_be_absent(fontbook: FontBook) -> None:
    rows = table(Row(cells=(Field(width_mm=WIDTH, name="phone", required=False),)))

    assert drawn(fontbook, rows, {"phone": ""}).text("phone") == ""


def test_a_character_nobody_prints_is_named_without_the_text(fontbook: FontBook) -> None:
    rows = table(Row(cells=(field("name"),)))

    with pytest.raises(UnprintableError) as caught:
        drawn(fontbook, rows, {"name": "张\ue0c5"})

    assert (caught.value.field, caught.value.code_points) == ("name", ("U+E0C5",))


def test_a_figure_stands_in_the_middle_of_its_cell_with_its_words(fontbook: FontBook) -> None:
    bar = Path(data="M 0 0 L 10 0 L 10 20 L 0 20 C", fill=(1, 2, 3))
    figure = Figure(
        width_mm=WIDTH, height_mm=20.0, marks=(bar, Text(text="件", x_mm=5, y_mm=8, size_pt=8))
    )
    rows = table(Row(cells=(field("first"),)), Row(cells=(figure,), min_height_mm=40.0))

    placed = drawn(fontbook, rows, {"first": "上"})

    (moved,) = (mark for mark in placed.pages[0].fixed if isinstance(mark, Path) and mark.fill)
    ((*_, right, down),) = moved.copies
    (word,) = (mark for mark in placed.pages[0].fixed if isinstance(mark, Run))
    assert (right, moved.data) == (rows.side_mm, bar.data)
    assert (word.x_mm, word.y_mm) == pytest.approx((right + 5, down + 8))
    assert down > top(placed, "first") + 10
    assert "件" in set(rows.words)


def test_a_figure_is_kept_whole_on_the_next_page(fontbook: FontBook) -> None:
    bar = Path(data="M 0 0 L 10 0 L 10 20 L 0 20 C", fill=(1, 2, 3))
    figure = Figure(width_mm=WIDTH, height_mm=60.0, marks=(bar,))
    high = Row(cells=(field("first"),), min_height_mm=220.0)

    placed = drawn(fontbook, table(high, Row(cells=(figure,))), {"first": "上"})

    assert [any(isinstance(m, Path) and m.fill for m in page.fixed) for page in placed.pages] == [
        False,
        True,
    ]


def test_a_figure_that_leaves_the_page_is_refused(fontbook: FontBook) -> None:
    bar = Path(data="M 0 0 L 200 0 L 200 20 L 0 20 C", fill=(1, 2, 3))
    figure = Figure(width_mm=WIDTH, height_mm=20.0, marks=(bar,))

    with pytest.raises(LintError, match="figure"):
        drawn(fontbook, table(Row(cells=(figure,))), {})
