"""A glance is as strict as lint: documents as they come, and documents spoiled in any way.

Each is judged by lint and by glances that know nothing yet, much, and little because they keep
forgetting; they must say the same, word for word.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, product, repeat
from random import Random
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from factory import outlook
from factory.courses import Case
from factory.errors import InvalidEventError, LintError, UnprintableError
from factory.kinds import KINDS
from factory.model import Kind
from factory.page import glance, lint
from factory.page.fonts import FontBook
from factory.page.glance import Glance
from factory.page.lint import TOLERANCE_MM, bounds, slot_box
from factory.page.marks import (
    MM_PER_PT,
    SIGNATURES,
    Code,
    CodeSlot,
    Filled,
    Page,
    Path,
    Picture,
    PictureSlot,
    Placed,
    Run,
    Sheet,
    SignatureBox,
    Slot,
    Text,
    TextSlot,
    Value,
    Wording,
    slot_name,
)
from factory.page.rows import Table
from factory.page.sheet import layout
from jobs.preview import MAKERS, Studio, parsed
from tests.changing import replace
from tests.factory.pressed import DESIGNS, cases, code
from tests.studios import studio

SPOILED = int(os.environ.get("TEST_GLANCES", "60"))  #: of each design
EACH = 20  #: documents of a design
FEW = 3  #: marks that a forgetful glance keeps
T = TypeVar("T")

LACKING = "\ue0c5"
SHIFTS = (0.0, 0.005, 0.0099, 0.0101, 0.02, 0.5, 3.0, 11.0, 400.0)  #: mm, around the tolerance too

RANDOM = settings(
    max_examples=SPOILED,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


HANDS = st.integers(0, 2**32).map(Random)  #: each draws as freely as the other
SIGNATURE = SignatureBox(
    name=SIGNATURES[0], page=0, x_mm=130.0, y_mm=180.0, width_mm=40.0, height_mm=40.0
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What lint is asked about."""

    sheet: Sheet | Table
    placed: Placed
    values: Mapping[str, Value]

    @property
    def page(self) -> Page:
        """Its first."""
        return self.placed.pages[0]

    @property
    def filled(self) -> tuple[Filled, ...]:
        """The marks of its own."""
        return self.page.filled

    def with_page(self, **changed: object) -> "Document":
        """The same with another first page."""
        page = replace(self.page, **changed)  # type: ignore[arg-type]
        return self.with_placed(pages=(page, *self.placed.pages[1:]))

    def with_placed(self, **changed: object) -> "Document":
        """The same, placed otherwise."""
        return replace(self, placed=replace(self.placed, **changed))  # type: ignore[arg-type]


# --- documents --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rooms(fontbook: FontBook) -> Studio:
    return studio(fontbook, sixth=True)


@pytest.fixture(scope="module", params=DESIGNS, ids=str)
def shelf(request: pytest.FixtureRequest, rooms: Studio) -> list[Document]:
    """Random certificates of one design, of any name, enterprise, professions and pictures."""
    found: list[Document] = []

    @settings(RANDOM, max_examples=4 * EACH, derandomize=True)
    @given(cases(rooms, request.param), st.sampled_from(({}, {}, {"photo"}, {"signature"})))
    def each(case: Case, without: frozenset[str]) -> None:
        try:
            found.append(_document(rooms, case, without))
        except (UnprintableError, LintError, InvalidEventError):
            return

    each()
    assert len(found) >= EACH
    return found


def _document(
    rooms: Studio,
    case: Case,
    without: frozenset[str] = frozenset(),
    which: Kind = Kind.CERTIFICATE,
) -> Document:
    maker, kind = MAKERS[which], KINDS[which]
    seen = outlook.after(parsed(maker.told(case)), rooms.installed[case.profile.id])
    face = dict(maker.face(seen, rooms.verify_url))
    if "verification_code" in face:
        face["verification_code"] = code(case)
    sheet, values = kind.sheet(seen.profile, face), kind.values(seen.profile, face)
    values = {name: value for name, value in values.items() if name not in without}
    placed = layout(sheet, values, rooms.fontbook)
    return Document(sheet=sheet, placed=placed, values=values)


def by_sheet(shelf: Sequence[Document]) -> list[list[Document]]:
    found: dict[int, list[Document]] = {}
    for each in shelf:
        found.setdefault(id(each.sheet), []).append(each)
    return list(found.values())


# --- verdicts ---------------------------------------------------------------------------------


def said(check: Callable[[Placed, Mapping[str, Value]], None], document: Document) -> str:
    """What is wrong with it; nothing where it passes."""
    try:
        check(document.placed, document.values)
    except LintError as error:
        return str(error)
    return ""


def by_lint(document: Document) -> str:
    return said(partial(lint.check, document.sheet), document)


class Glances:
    """At one sheet, by those who know nothing of it, and by those who know some documents."""

    def __init__(self, documents: Sequence[Document]) -> None:
        sheet = documents[0].sheet
        assert isinstance(sheet, Sheet)
        self._sheet = sheet
        self._known = Glance(sheet), Glance(sheet, most_kept=FEW)
        for document in documents:
            self.agree(document)

    def agree(self, document: Document) -> str:
        """With lint, each of them; what lint says."""
        wrong = by_lint(document)
        for each in (Glance(self._sheet), *self._known):
            assert said(each.check, document) == wrong
            assert said(each.check, document) == wrong
        assert said(partial(glance.check, self._sheet), document) == wrong
        return wrong


# --- as they come -----------------------------------------------------------------------------


def test_documents_as_they_come_are_clean_at_a_glance(shelf: list[Document]) -> None:
    for documents in by_sheet(shelf):
        first, *others = documents
        assert isinstance(first.sheet, Sheet)
        seen = Glance(first.sheet)
        assert not seen.is_clean(first.placed, first.values)

        seen.check(first.placed, first.values)

        assert all(seen.is_clean(each.placed, each.values) for each in (*others, *documents))


def test_documents_as_they_come_pass_whatever_was_forgotten(shelf: list[Document]) -> None:
    for documents in by_sheet(shelf):
        glances = Glances(documents)

        assert not any(map(glances.agree, reversed(documents)))


@pytest.mark.parametrize("kind", [Kind.APPLICATION_FORM, Kind.ACCEPTANCE_NOTICE])
def test_tables_are_looked_at_closely(rooms: Studio, kind: Kind) -> None:
    design = DESIGNS[2]
    profile = rooms.installed[design.register].on(design.first)
    whole = _document(rooms, Case(profile=profile, kind=profile.application.types[0]), which=kind)
    short = whole.with_page(filled=whole.filled[1:])

    assert isinstance(whole.sheet, Table)
    assert said(partial(glance.check, whole.sheet), whole) == ""
    assert said(partial(glance.check, short.sheet), short) == by_lint(short) != ""


# --- spoiled ----------------------------------------------------------------------------------

Spoil = Callable[[Document, Random], Document]


@settings(RANDOM)
@given(hand=HANDS)
def test_spoiled_documents_are_refused_as_by_lint(
    shelf: list[Document], glances: list[Glances], hand: Random
) -> None:
    whole = hand.choice(shelf)
    spoiled = _spoiled(whole, shelf, hand)

    seen = glances[[each[0].sheet for each in by_sheet(shelf)].index(whole.sheet)]
    seen.agree(spoiled)

    assert seen.agree(whole) == ""


def test_not_all_that_spoils_a_document_does_harm(shelf: list[Document]) -> None:
    hand = Random(1)  # noqa: S311 - no secret

    refused = sum(bool(by_lint(_spoiled(hand.choice(shelf), shelf, hand))) for _ in range(100))

    assert 50 < refused < 95


@pytest.fixture(scope="module")
def glances(shelf: list[Document]) -> list[Glances]:
    """At each sheet of the shelf; what they remember is carried over."""
    return [Glances(documents[:2]) for documents in by_sheet(shelf)]


def _spoiled(whole: Document, shelf: Sequence[Document], hand: Random) -> Document:
    """Once, as most faults come, or more often; among it what does no harm."""
    spoilers = *SPOILERS, partial(_mark_of_another, shelf), partial(_in_another_face, shelf)
    for _ in range(hand.choice((1, 1, 1, 2, 3))):
        if whole.placed.pages and whole.filled:
            whole = hand.choice(spoilers)(whole, hand)
    return whole


def _changed(change: Callable[[Document, Filled, Random], Filled]) -> Spoil:
    """Any one mark."""

    def spoil(whole: Document, hand: Random) -> Document:
        at = hand.randrange(len(whole.filled))
        return _with_marks(whole, at, change(whole, whole.filled[at], hand))

    return spoil


def _with_marks(whole: Document, at: int, *marks: Filled) -> Document:
    """In place of the one that is there."""
    return whole.with_page(filled=(*whole.filled[:at], *marks, *whole.filled[at + 1 :]))


def _moved(_: Document, mark: Filled, hand: Random) -> Filled:
    across, down = (hand.choice((-1, 1)) * hand.choice(SHIFTS) for _ in range(2))
    return replace(mark, x_mm=mark.x_mm + across, y_mm=mark.y_mm + down)


def _to_an_edge(whole: Document, mark: Filled, hand: Random) -> Filled:
    """Of its slot, or of any other: inside, outside, or as far as is tolerated."""
    if hand.random() < 0.5:
        mark = _by_another_slot(whole, mark, hand)
    own = [slot for slot in whole.page.slots if slot_name(slot) == _name(mark)]
    box = slot_box(hand.choice(own or whole.page.slots))
    left, top, right, bottom = bounds(mark)
    by = hand.choice((-1, 1)) * hand.choice((*SHIFTS, TOLERANCE_MM))
    return hand.choice(
        (
            replace(mark, x_mm=mark.x_mm + box[0] - left + by),
            replace(mark, x_mm=mark.x_mm + box[2] - right + by),
            replace(mark, y_mm=mark.y_mm + box[1] - top + by),
            replace(mark, y_mm=mark.y_mm + box[3] - bottom + by),
        )
    )


def _larger(_: Document, mark: Filled, hand: Random) -> Filled:
    times = hand.choice((0.0, -1.0, 0.5, 1.0005, 1.01, 1.2, 2.0, 30.0, float("nan")))
    if isinstance(mark, Run):
        return replace(mark, size_pt=mark.size_pt * times)
    if isinstance(mark, Code):
        return replace(mark, size_mm=mark.size_mm * times)
    return replace(mark, width_mm=mark.width_mm * times)


def _said_otherwise(whole: Document, mark: Filled, hand: Random) -> Filled:
    if isinstance(mark, Picture):
        return replace(mark, role=_any_name(whole, hand))
    words = mark.text if isinstance(mark, Run) else mark.content
    words = hand.choice(
        (
            words[:-1],
            words[1:],
            words[::-1],
            words * 2,
            words.replace(" ", ""),
            f"{words} ",
            f"\u3000{words}",
            words.replace(words[:1], LACKING),
            "囍" * len(words),
            "",
        )
    )
    return replace(mark, text=words) if isinstance(mark, Run) else replace(mark, content=words)


def _under_another_name(whole: Document, mark: Filled, hand: Random) -> Filled:
    name = _any_name(whole, hand)
    if isinstance(mark, Picture):
        return replace(mark, role=name)
    if isinstance(mark, Run) and hand.random() < 0.1:
        return replace(mark, slot=None)
    return replace(mark, slot=name)


def _onto_another(whole: Document, mark: Filled, hand: Random) -> Filled:
    """A label, or another slot's mark."""
    under = hand.choice([each for each in whole.page.marks if not isinstance(each, Path)])
    return replace(mark, x_mm=under.x_mm, y_mm=under.y_mm)


def _by_another_slot(whole: Document, mark: Filled, hand: Random) -> Filled:
    """At another slot's place, perhaps under its name too."""
    slot = hand.choice(whole.page.slots)
    left, top, _, bottom = slot_box(slot)
    mark = replace(mark, x_mm=left, y_mm=bottom - 1 if isinstance(mark, Run) else top)
    if hand.random() < 0.5:
        return mark
    name = slot_name(slot)
    return replace(mark, role=name) if isinstance(mark, Picture) else replace(mark, slot=name)


def _left_out(whole: Document, hand: Random) -> Document:
    return _with_marks(whole, hand.randrange(len(whole.filled)))


def _doubled(whole: Document, hand: Random) -> Document:
    at = hand.randrange(len(whole.filled))
    mark = whole.filled[at]
    return _with_marks(whole, at, mark, hand.choice((mark, replace(mark))))


def _halved(whole: Document, hand: Random) -> Document:
    """One mark made two that say the same together."""
    at = hand.randrange(len(whole.filled))
    mark = whole.filled[at]
    if isinstance(mark, Run):
        halves = [replace(mark, text=part) for part in (mark.text[:1], mark.text[1:])]
        return _with_marks(whole, at, *halves)
    if isinstance(mark, Code):
        parts = [replace(mark, content=part) for part in (mark.content[:1], mark.content[1:])]
        return _with_marks(whole, at, *parts)
    return whole


def _in_another_order(whole: Document, hand: Random) -> Document:
    return whole.with_page(filled=tuple(hand.sample(whole.filled, len(whole.filled))))


def _mark_of_another(shelf: Sequence[Document], whole: Document, hand: Random) -> Document:
    """Another person's mark in place of this one's."""
    filled = hand.choice(shelf).filled
    return _with_marks(whole, hand.randrange(len(whole.filled)), hand.choice(filled))


def _in_another_face(shelf: Sequence[Document], whole: Document, hand: Random) -> Document:
    """Any that prints something on any of them."""
    faces = {mark.face for each in shelf for mark in each.page.marks if isinstance(mark, Run)}
    at = hand.randrange(len(whole.filled))
    mark = whole.filled[at]
    if not isinstance(mark, Run):
        return whole
    return _with_marks(whole, at, replace(mark, face=hand.choice(sorted(faces, key=str))))


def _valued_otherwise(whole: Document, hand: Random) -> Document:
    """After layout."""
    values = dict(whole.values)
    name = hand.choice(sorted(values))
    text = values[name] if isinstance(values[name], str) else "".join(values[name])
    values[name] = hand.choice(
        (text, text[:-1], text + "一", f" {text} ", "", (), (text,), tuple(text), text[::-1])
    )
    return replace(whole, values=values)


def _valued_too_little(whole: Document, hand: Random) -> Document:
    gone = hand.choice(sorted(whole.values))
    values = {name: value for name, value in whole.values.items() if name != gone}
    return replace(whole, values=values)


def _valued_too_much(whole: Document, hand: Random) -> Document:
    name, value = _any_name(whole, hand), hand.choice(("", "一", ("一", "二")))
    return replace(whole, values={name: value, **whole.values})


def _signed_otherwise(whole: Document, hand: Random) -> Document:
    boxes = whole.placed.signatures
    box = boxes[0] if boxes else SIGNATURE
    others: list[tuple[SignatureBox, ...]] = [
        (),
        (*boxes,),
        (replace(box),),
        (*boxes, box),
        (replace(box, name=hand.choice(SIGNATURES)),),
        (replace(box, page=1),),
        (replace(box, x_mm=hand.choice((-1.0, 0.0, 190.0))),),
    ]
    return whole.with_placed(signatures=hand.choice(others))


def _labelled_otherwise(whole: Document, hand: Random) -> Document:
    fixed = whole.page.fixed
    at = hand.choice([at for at, each in enumerate(fixed) if isinstance(each, Run)])
    label, under = fixed[at], hand.choice(whole.filled)
    assert isinstance(label, Run)
    marks: list[tuple[Run, ...]] = [
        (),
        (label,),
        (replace(label),),
        (label, label),
        (replace(label, x_mm=under.x_mm, y_mm=under.y_mm),),
        (replace(label, text=label.text + LACKING),),
        (replace(label, text=label.text * 3),),
        (replace(label, slot=_any_name(whole, hand)),),
        (label, replace(label, slot=_any_name(whole, hand), x_mm=under.x_mm, y_mm=under.y_mm)),
    ]
    return whole.with_page(fixed=(*fixed[:at], *hand.choice(marks), *fixed[at + 1 :]))


def _placed_otherwise(whole: Document, hand: Random) -> Document:
    """Slots and pages that are not the sheet's."""
    slots = whole.page.slots
    at = hand.randrange(len(slots))
    by = hand.choice(SHIFTS)
    return hand.choice(
        (
            whole.with_page(slots=slots[:at] + slots[at + 1 :]),
            whole.with_page(slots=(*slots,)),
            whole.with_page(
                slots=(*slots[:at], replace(slots[at], x_mm=slots[at].x_mm + by), *slots[at + 1 :])
            ),
            whole.with_placed(width_mm=whole.placed.width_mm - 10 * by),
            whole.with_placed(height_mm=whole.placed.height_mm - by),
            whole.with_placed(pages=(whole.page, whole.page)),
            whole.with_placed(pages=(whole.page, Page(fixed=(), filled=()))),
            whole.with_placed(pages=()),
        )
    )


def _name(mark: Filled) -> str | None:
    return mark.role if isinstance(mark, Picture) else mark.slot


def _any_name(whole: Document, hand: Random) -> str:
    """Of a slot, or of none."""
    return hand.choice((*sorted(whole.sheet.wanted), "nickname", "", "number@2"))


SPOILERS: tuple[Spoil, ...] = (
    *map(
        _changed,
        (
            _moved,
            _to_an_edge,
            _to_an_edge,
            _larger,
            _said_otherwise,
            _said_otherwise,
            _under_another_name,
            _onto_another,
            _by_another_slot,
        ),
    ),
    _left_out,
    _doubled,
    _halved,
    _in_another_order,
    _valued_otherwise,
    _valued_otherwise,
    _valued_too_little,
    _valued_too_much,
    _signed_otherwise,
    _labelled_otherwise,
    _placed_otherwise,
)


# --- sheets of all sorts ----------------------------------------------------------------------

SIDE_MM = 10.0  #: of slots that touch, or lie over one another
EM_MM = 5.0  #: of characters of which two fill a slot
EM_PT = EM_MM / MM_PER_PT
BASELINE_MM = 4.4  #: of a slot's first line below its top
GRID = [(x * SIDE_MM, y * SIDE_MM) for x in range(3) for y in range(3)]
ODD_NAMES = ("a", "b", "c", "a@2", "")
NEAR_MM = (0.005, 0.0099, 0.0101, 0.02, -0.0099, -0.0101, -0.02, 1.0, 5.0, SIDE_MM)

TEXT = TextSlot(
    name="a",
    x_mm=0,
    y_mm=0,
    width_mm=SIDE_MM,
    height_mm=SIDE_MM,
    size_pt=EM_PT,
    min_size_pt=EM_PT,
    wrap_below_pt=EM_PT,
)
PICTURE = PictureSlot(role="a", x_mm=0, y_mm=0, width_mm=SIDE_MM, height_mm=SIDE_MM)
CODE = CodeSlot(name="a", x_mm=0, y_mm=0, size_mm=SIDE_MM)


@dataclass(frozen=True, slots=True)
class Oddity:
    """What is drawn oddly now and then.

    often: how often, of one.
    """

    hand: Random
    often: float
    fontbook: FontBook

    def of(self, usual: T, *others: T) -> T:
        """The first, or now and then one of the others."""
        return self.hand.choice(others) if self.hand.random() < self.often else usual


@settings(RANDOM, max_examples=3 * SPOILED)
@given(hand=HANDS)
def test_sheets_of_all_sorts_are_judged_as_by_lint(fontbook: FontBook, hand: Random) -> None:
    documents = _odd_documents(fontbook, hand)
    glances = Glances(documents)

    for each in hand.sample(documents, len(documents)):
        glances.agree(each)


def test_of_documents_of_such_sheets_some_are_good_and_some_are_bad(fontbook: FontBook) -> None:
    hand = Random(1)  # noqa: S311 - no secret
    documents = [each for _ in range(100) for each in _odd_documents(fontbook, hand)]

    refused = sum(bool(by_lint(each)) for each in documents)

    assert 0.2 < refused / len(documents) < 0.8


def _odd_documents(fontbook: FontBook, hand: Random) -> list[Document]:
    """Of one sheet whose slots touch, and now and then lie over one another or share a name."""
    odd = Oddity(hand, 0.1, fontbook)
    slots = _odd_slots(odd)
    sheet = Sheet(
        title="试",
        width_mm=3 * SIDE_MM,
        height_mm=3 * SIDE_MM,
        marks=(Text(text="字", x_mm=0, y_mm=0, size_pt=EM_PT),),
        slots=slots,
        wording=Wording(strange=odd.of((), ("字",))),
    )
    x_mm, y_mm = hand.choice(GRID)
    label = replace(_odd_run(replace(TEXT, x_mm=x_mm, y_mm=y_mm), odd), slot=None)
    fixed = hand.choice(((), (), (label,)))
    return [_odd_document(sheet, fixed, replace(odd, often=each)) for each in (0.0, 0.05, 0.1) * 3]


def _odd_slots(odd: Oddity) -> tuple[Slot, ...]:
    hand, count = odd.hand, odd.hand.randint(1, 4)
    names = odd.of(hand.sample(ODD_NAMES, count), hand.choices(ODD_NAMES, k=count))
    places = odd.of(hand.sample(GRID, count), hand.choices(GRID, k=count))
    return tuple(
        _slot(hand.choice((TEXT, TEXT, TEXT, PICTURE, CODE)), name, x + odd.of(0, *NEAR_MM), y)
        for name, (x, y) in zip(names, places, strict=True)
    )


def _slot(like: Slot, name: str, x_mm: float, y_mm: float) -> Slot:
    """One like this, there and of that name."""
    named = {"role" if isinstance(like, PictureSlot) else "name": name}
    return replace(like, x_mm=x_mm, y_mm=y_mm, **named)  # type: ignore[arg-type]


def _odd_document(sheet: Sheet, fixed: tuple[Run, ...], odd: Oddity) -> Document:
    filled = [_odd_mark(_odd_choice(slot, sheet, odd), odd) for slot in sheet.slots]
    filled = odd.of(filled, filled[1:], filled + filled[:1])
    names = odd.of(list(ODD_NAMES), ["a", "b", "c", "d"])
    page = Page(fixed=fixed, filled=tuple(filled), slots=sheet.slots)
    placed = Placed(title="试", width_mm=sheet.width_mm, height_mm=sheet.height_mm, pages=(page,))
    wanted = [name for name in names if name in sheet.wanted or odd.of(False, True)]
    values = {name: odd.of("字", "字字", "", ("字",)) for name in wanted}
    return Document(sheet=sheet, placed=placed, values=values)


def _odd_choice(slot: Slot, sheet: Sheet, odd: Oddity) -> Slot:
    """That one; or another; or what would be of another kind in its place."""
    name, x_mm, y_mm = slot_name(slot), slot.x_mm, slot.y_mm
    others = (_slot(like, name, x_mm, y_mm) for like in (TEXT, PICTURE, CODE))
    return odd.of(slot, *sheet.slots, *others)


def _odd_mark(slot: Slot, odd: Oddity) -> Filled:
    if isinstance(slot, TextSlot):
        return _odd_run(slot, odd)
    x_mm, y_mm = slot.x_mm + odd.of(0, *NEAR_MM), slot.y_mm + odd.of(0, *NEAR_MM)
    if isinstance(slot, PictureSlot):
        return Picture(
            role=slot.role, x_mm=x_mm, y_mm=y_mm, width_mm=slot.width_mm, height_mm=slot.height_mm
        )
    content = odd.of("字", "字字", "")
    return Code(
        slot=slot.name, content=content, side=1, bits=b"\x80", x_mm=x_mm, y_mm=y_mm, size_mm=SIDE_MM
    )


def _odd_run(slot: TextSlot, odd: Oddity) -> Run:
    """In one of the slot's corners, or a little out of it."""
    right_mm, down_mm = odd.hand.choice((0.0, EM_MM)), odd.of(BASELINE_MM, SIDE_MM, 11.5)
    return Run(
        face=odd.of(*odd.fontbook.kai),
        text=odd.of("字", "字字", "字 ", LACKING, ""),
        x_mm=slot.x_mm + right_mm + odd.of(0, *NEAR_MM),
        y_mm=slot.y_mm + down_mm + odd.of(0, *NEAR_MM),
        width_mm=EM_MM,
        size_pt=EM_PT,
        slot=slot.name,
    )


# --- what was once taken for clean ------------------------------------------------------------


def test_texts_that_both_reach_out_of_slots_that_touch_are_refused(fontbook: FontBook) -> None:
    left, right = (replace(TEXT, name=name, x_mm=x_mm) for name, x_mm in (("a", 0), ("b", 10)))
    sheet = Sheet(title="试", width_mm=40, height_mm=40, marks=(), slots=(left, right))
    values = {"a": "字字", "b": "字字"}
    apart = Document(sheet=sheet, placed=layout(sheet, values, fontbook), values=values)
    by = TOLERANCE_MM - 0.001
    one, other = apart.filled
    near = apart.with_page(
        filled=(replace(one, x_mm=one.x_mm + by), replace(other, x_mm=other.x_mm - by))
    )

    assert Glances([apart]).agree(near) == "a: lies over b"


def test_a_text_in_the_first_of_two_slots_of_one_name_is_refused(fontbook: FontBook) -> None:
    slots = replace(TEXT, y_mm=0), replace(TEXT, y_mm=2 * SIDE_MM)
    for first, second in (slots, slots[::-1]):
        sheet = Sheet(title="试", width_mm=40, height_mm=40, marks=(), slots=(first, second))
        in_both = Document(
            sheet=sheet, placed=layout(sheet, {"a": "字"}, fontbook), values={"a": "字"}
        )
        one, other = in_both.filled
        in_first, in_second = in_both.with_page(filled=(one,)), in_both.with_page(filled=(other,))

        assert Glances([in_second]).agree(in_second) == ""
        assert Glances([in_second]).agree(in_first) == "a: wider or higher than its place"


def test_a_text_in_the_place_of_the_picture_is_refused(shelf: list[Document]) -> None:
    whole = next(each for each in shelf if any(isinstance(mark, Picture) for mark in each.filled))
    at, picture = next(
        (at, mark) for at, mark in enumerate(whole.filled) if isinstance(mark, Picture)
    )
    face = next(mark.face for mark in whole.filled if isinstance(mark, Run))
    instead = Run(
        face=face,
        text="一",
        x_mm=picture.x_mm + 1,
        y_mm=picture.y_mm + 5,
        width_mm=3,
        size_pt=8,
        slot=picture.role,
    )

    wrong = Glances([whole]).agree(_with_marks(whole, at, instead))

    assert f"{picture.role}: the picture is not printed" in wrong


def test_a_text_under_the_name_of_the_code_is_refused(shelf: list[Document]) -> None:
    whole = shelf[0]
    symbol = next(mark for mark in whole.filled if isinstance(mark, Code))
    at = next(at for at, mark in enumerate(whole.filled) if isinstance(mark, Run))
    inside = {"x_mm": symbol.x_mm + 1, "y_mm": symbol.y_mm + symbol.size_mm - 1, "slot": "code"}
    spoiled = _with_marks(whole, at, replace(whole.filled[at], **inside))

    assert "code: wider or higher than its place" in Glances([whole]).agree(spoiled)


def test_a_code_in_two_parts_is_refused(shelf: list[Document]) -> None:
    whole = shelf[0]
    at, symbol = next((at, mark) for at, mark in enumerate(whole.filled) if isinstance(mark, Code))
    parts = symbol.content[:9], symbol.content[9:]
    spoiled = _with_marks(whole, at, *(replace(symbol, content=part) for part in parts))

    wrong = Glances([whole]).agree(spoiled)

    assert wrong == "code: the code does not hold what is given"


def test_a_document_without_its_code_and_without_a_value_for_it_is_refused(
    shelf: list[Document],
) -> None:
    whole = shelf[0]
    at = next(at for at, mark in enumerate(whole.filled) if isinstance(mark, Code))
    values = {name: value for name, value in whole.values.items() if name != "code"}
    spoiled = replace(_with_marks(whole, at), values=values)

    wrong = Glances([whole]).agree(spoiled)

    assert wrong == "code: the code does not hold what is given"


@pytest.mark.parametrize("count", [0, 2])
def test_a_document_of_other_than_one_page_is_judged_as_by_lint(
    shelf: list[Document], count: int
) -> None:
    whole = shelf[0]

    assert Glances([whole]).agree(whole.with_placed(pages=(whole.page,) * count))


def test_a_document_on_a_smaller_page_is_refused(shelf: list[Document]) -> None:
    whole = shelf[0]

    assert "outside the page" in Glances([whole]).agree(whole.with_placed(width_mm=150.0))


def test_a_blank_sheet_passes_without_a_page() -> None:
    sheet = Sheet(title="试", width_mm=40, height_mm=40, marks=(), slots=())
    placed = Placed(title="试", width_mm=40, height_mm=40, pages=())
    blank = Document(sheet=sheet, placed=placed, values={})

    assert Glances([blank]).agree(blank) == ""


def test_spaces_alone_may_be_lost(shelf: list[Document]) -> None:
    whole = shelf[0]
    glances = Glances([whole])
    at, run = next(
        (at, mark)
        for at, mark in enumerate(whole.filled)
        if isinstance(mark, Run) and mark.slot == "verification_code"
    )

    without_spaces = _with_marks(whole, at, replace(run, text=run.text.replace(" ", "")))
    without_an_end = _with_marks(whole, at, replace(run, text=run.text[:-1]))

    assert glances.agree(without_spaces) == ""
    assert glances.agree(without_an_end) == "verification_code: not printed as given"


# --- threads ----------------------------------------------------------------------------------


class Interrupted(tuple[T, ...]):
    """What belongs to a document; whenever it is looked into, another thread gets its turn."""

    turns: Iterator[Callable[[], object]]

    def __len__(self) -> int:
        next(self.turns)()
        return super().__len__()

    def __iter__(self) -> Iterator[T]:
        for each in super().__iter__():
            next(self.turns)()
            yield each
        next(self.turns)()


@pytest.mark.parametrize("looks", range(6))
def test_threads_at_one_sheet_do_not_mislead_one_another(fontbook: FontBook, looks: int) -> None:
    """Two designs in turn: in one of them a label stands where longer values would reach."""
    free, labelled = _free_and_labelled(fontbook)
    sheet = free[0].sheet
    assert isinstance(sheet, Sheet)
    shared = Glance(sheet, most_kept=1)

    for mine, others in ((free, labelled), (labelled, free), (free, free), (labelled, labelled)):
        for document, other in product(mine, others):
            wrong = by_lint(document)
            said(shared.check, mine[0])
            at_once = _interrupted(document, looks, partial(said, shared.check, other))
            assert said(shared.check, at_once) == wrong


def _free_and_labelled(fontbook: FontBook) -> tuple[list[Document], list[Document]]:
    """A short value and a long one, which is refused where the label stands."""
    sheet = Sheet(title="试", width_mm=40, height_mm=40, marks=(), slots=(TEXT,))
    free = []
    for value in ("字", "字字"):
        values = {"a": value}
        placed = layout(sheet, values, fontbook)
        free.append(Document(sheet=sheet, placed=placed, values=values))
    [short] = free[0].filled
    label = (replace(short, x_mm=EM_MM + 0.5, slot=None),)
    labelled = [each.with_page(fixed=label) for each in free]
    assert [bool(by_lint(each)) for each in (*free, *labelled)] == [False, False, False, True]
    return free, labelled


def _interrupted(document: Document, looks: int, turn: Callable[[], object]) -> Document:
    """Once, after so many looks; with marks that nobody has met."""
    turns = chain(repeat(str, looks), [turn], repeat(str))
    filled = Interrupted(replace(mark) for mark in document.filled)
    pages = Interrupted([replace(document.page, filled=filled)])
    filled.turns = pages.turns = turns
    return document.with_placed(pages=pages)
