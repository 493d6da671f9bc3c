"""Lint: a drawing that breaks its kind never reaches the seal."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from factory.errors import LintError
from factory.kinds import certificate
from factory.page.lint import RULES, check
from factory.page.marks import ENTERPRISE_SEAL, SignatureSlot
from factory.page.sheet import Code, Picture, Placed, Run, Sheet, Value
from factory.profile import Profile

Values = dict[str, Value]
Drawn = tuple[Sheet, Placed, Values]
Mark = Run | Picture | Code


@pytest.fixture
def drawn(
    shanghai: Profile,
    new_face: Callable[..., dict[str, object]],
    place: Callable[[dict[str, object]], Placed],
) -> Drawn:
    face = new_face(professions=6)
    return certificate.sheet(shanghai, face), place(face), dict(certificate.values(shanghai, face))


def changed(placed: Placed, change: Callable[[Mark], Mark | None]) -> Placed:
    """The same document with each of its own marks changed or left out."""
    page = placed.pages[0]
    filled = tuple(mark for mark in map(change, page.filled) if mark is not None)
    return replace(placed, pages=(replace(page, filled=filled),))


def on(slot: str, change: Callable[[Run], Run | None]) -> Callable[[Mark], Mark | None]:
    return lambda mark: change(mark) if isinstance(mark, Run) and mark.slot == slot else mark


def refused(drawn: Drawn, change: Callable[[Mark], Mark | None]) -> str:
    sheet, placed, values = drawn
    with pytest.raises(LintError) as caught:
        check(sheet, changed(placed, change), values)
    return str(caught.value)


def test_what_layout_places_breaks_no_rule(drawn: Drawn) -> None:
    check(*drawn)


def test_every_rule_says_why_it_is_there() -> None:
    assert all(rule.__doc__ for rule in RULES)


def test_a_value_that_is_not_on_the_page_is_refused(drawn: Drawn) -> None:
    assert "holder.name: not printed as given" in refused(
        drawn, on("holder.name", lambda run: None)
    )


def test_a_value_short_of_one_character_is_refused(drawn: Drawn) -> None:
    clip = on("number", lambda run: run._replace(text=run.text[:-1]))

    assert refused(drawn, clip) == "number: not printed as given"


def test_a_value_that_no_slot_takes_is_refused(drawn: Drawn) -> None:
    sheet, placed, values = drawn

    with pytest.raises(LintError, match=r"^nickname: no place on the page$"):
        check(sheet, placed, {**values, "nickname": "x"})


def test_a_text_wider_than_its_slot_is_refused(drawn: Drawn) -> None:
    wider = on("enterprise.name", lambda run: run._replace(size_pt=60))

    assert "enterprise.name: wider or higher than its place" in refused(drawn, wider)


def test_a_text_outside_the_page_is_refused(drawn: Drawn) -> None:
    outside = on("holder.name", lambda run: run._replace(x_mm=-1))

    assert "holder.name: outside the page" in refused(drawn, outside)


def test_a_glyph_the_face_lacks_is_refused(drawn: Drawn) -> None:
    sheet, placed, values = drawn
    swap = on("holder.name", lambda run: run._replace(text="\ue0c5"))

    with pytest.raises(LintError, match=r"^holder\.name: its face lacks a glyph$"):
        check(sheet, changed(placed, swap), {**values, "holder.name": "\ue0c5"})


def test_a_missing_photo_is_refused(drawn: Drawn) -> None:
    without = refused(drawn, lambda mark: None if isinstance(mark, Picture) else mark)

    assert without == "photo: the picture is not printed"


def test_a_code_with_other_content_is_refused(drawn: Drawn) -> None:
    def other(mark: Mark) -> Mark:
        return replace(mark, content="x") if isinstance(mark, Code) else mark

    assert refused(drawn, other) == "code: the code does not hold what is given"


def test_a_seal_without_a_place_is_refused(drawn: Drawn) -> None:
    sheet, placed, values = drawn

    with pytest.raises(LintError, match=r"^AuthoritySeal: no place on the page$"):
        check(sheet, replace(placed, signatures=()), values)


def test_a_seal_over_the_edge_is_refused(drawn: Drawn) -> None:
    sheet, placed, values = drawn
    over = tuple(replace(box, x_mm=180.0) for box in placed.signatures)

    with pytest.raises(LintError, match=r"^AuthoritySeal: outside the page$"):
        check(sheet, replace(placed, signatures=over), values)


def test_a_value_over_its_neighbour_is_refused(drawn: Drawn) -> None:
    _, placed, _ = drawn
    name = next(
        mark
        for mark in placed.pages[0].filled
        if isinstance(mark, Run) and mark.slot == "holder.name"
    )

    over = refused(drawn, on("number", lambda run: run._replace(y_mm=name.y_mm)))

    assert "lies over" in over


def test_a_label_under_a_value_is_refused(drawn: Drawn) -> None:
    sheet, placed, values = drawn
    page = placed.pages[0]
    label = next(mark for mark in page.fixed if isinstance(mark, Run))
    value = next(mark for mark in page.filled if isinstance(mark, Run))
    moved = label._replace(x_mm=value.x_mm, y_mm=value.y_mm)
    under = replace(page, fixed=(*page.fixed, moved))

    with pytest.raises(LintError, match="lies over"):
        check(sheet, replace(placed, pages=(under,)), values)


def test_two_signatures_in_one_place_are_refused(drawn: Drawn) -> None:
    sheet, placed, values = drawn
    page = placed.pages[0]
    (seal,) = (slot for slot in page.slots if isinstance(slot, SignatureSlot))
    both = replace(page, slots=(*page.slots, replace(seal, name=ENTERPRISE_SEAL)))

    with pytest.raises(LintError, match=r"^(AuthoritySeal|EnterpriseSeal): lies over"):
        check(sheet, replace(placed, pages=(both,)), values)


def test_a_signature_on_a_page_that_is_not_there_is_refused(drawn: Drawn) -> None:
    sheet, placed, values = drawn
    beyond = tuple(replace(box, page=1) for box in placed.signatures)

    with pytest.raises(LintError, match=r"^AuthoritySeal: on a page that there is not$"):
        check(sheet, replace(placed, signatures=beyond), values)


def test_a_signature_that_nobody_wanted_is_refused(drawn: Drawn) -> None:
    sheet, placed, values = drawn
    more = (*placed.signatures, replace(placed.signatures[0], name=ENTERPRISE_SEAL))

    with pytest.raises(LintError, match=r"^EnterpriseSeal: no place on the page$"):
        check(sheet, replace(placed, signatures=more), values)


def test_a_message_never_holds_the_value(drawn: Drawn) -> None:
    assert "张三丰" not in refused(drawn, on("holder.name", lambda run: None))
