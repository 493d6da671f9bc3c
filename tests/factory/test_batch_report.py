"""The batch report: what it prints, its chart, and what it must never hold."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.kinds import bar_chart, batch_report
from factory.kinds.bar_chart import MOST_BARS, Bars, bar_seconds, bars, stretch
from factory.kinds.batch_report import CAUSES, Reason
from factory.model import ItemState
from factory.page.fonts import FontBook
from factory.page.lint import check
from factory.page.marks import AUTHORITY_SEAL, Path, Text
from factory.page.sheet import Placed, Run, layout
from tests.factory.documents import PROFILES

SHANGHAI = PROFILES["shanghai-constructor"]
BEGAN = datetime(2026, 3, 2, 16, 5, 6, tzinfo=UTC)  #: already 3 March in China
ENDED = BEGAN + timedelta(hours=1, minutes=2, seconds=3)
ROOT = "c9e102f4" * 8
RENAME = {
    "credit_code": "91310000MA1FL00004",
    "old_name": "旧名公司",
    "new_name": "新名公司",
    "effective_on": "2026-03-03",
}
VERSION = {"profile": "shanghai-constructor", "version": "2026-03", "reason": "启用新版式样"}
LIST = {"profile": "shanghai-constructor", "count": 20000, "reason": "批量补发"}

Face = Mapping[str, object]


def reported(**other: object) -> Face:
    said: dict[str, Any] = {
        "profile": SHANGHAI,
        "batch": 42,
        "cause": "enterprise.renamed",
        "subject": RENAME,
        "confirmed_by": "运维二组",
        "approved_by": "运维一组",
        "confirmed_at": BEGAN,
        "completed_at": ENDED,
        "counts": {ItemState.DONE: 4990, ItemState.SKIPPED: 8, ItemState.HELD: 2},
        "reasons": [
            Reason(outcome=ItemState.SKIPPED, words="已不在册", count=8),
            Reason(outcome=ItemState.HELD, words="照片不可用", count=2),
        ],
        "made_per_bar": [(BEGAN + timedelta(seconds=n), 1) for n in range(3600)],
        "root": ROOT,
        "size": 4990,
    }
    return batch_report.face(**said | other)


def nothing_made(**other: object) -> Face:
    said = {"counts": {ItemState.HELD: 3}, "made_per_bar": [], "root": None, "size": 0}
    return reported(**said | other)


def placed(face: Face, fontbook: FontBook) -> Placed:
    """Laid out and linted."""
    assert json.loads(json.dumps(face)) == face
    sheet, values = batch_report.sheet(SHANGHAI, face), batch_report.values(SHANGHAI, face)
    drawn = layout(sheet, values, fontbook)
    check(sheet, drawn, values)
    return drawn


def labels(drawn: Placed) -> list[str]:
    return [mark.text for page in drawn.pages for mark in page.fixed if isinstance(mark, Run)]


def filled(drawn: Placed) -> list[Path]:
    marks = (mark for page in drawn.pages for mark in page.fixed)
    return [mark for mark in marks if isinstance(mark, Path) and mark.fill]


def test_a_report_says_what_the_batch_was_about_and_who_confirmed_it() -> None:
    printed = batch_report.values(SHANGHAI, reported())

    assert (printed["batch"], printed["cause"]) == ("42", "企业更名换发")
    assert printed["subject.old_name"] == "旧名公司"
    assert printed["subject.effective_on"] == "2026年3月3日"
    assert (printed["confirmed_by"], printed["approved_by"]) == ("运维二组", "运维一组")
    assert printed["confirmed_at"] == printed["began_at"] == "2026年3月3日 00:05:06"
    assert (printed["completed_at"], printed["duration"]) == (
        "2026年3月3日 01:07:09",
        "1小时2分3秒",
    )


@pytest.mark.parametrize(
    ("cause", "subject", "there", "left_out"),
    [
        ("design.revised", VERSION, "subject.version", "subject.profile"),
        ("authority.seal_replaced", VERSION, "subject.reason", "subject.new_name"),
        ("authority.renamed", VERSION, "subject.version", "subject.count"),
        ("reissue.requested", LIST, "subject.count", "subject.version"),
    ],
)
def test_each_kind_of_batch_prints_what_it_has(
    fontbook: FontBook, cause: str, subject: Mapping[str, object], there: str, left_out: str
) -> None:
    face = reported(cause=cause, subject=subject)

    printed = batch_report.values(SHANGHAI, face)

    assert there in printed
    assert left_out not in printed
    assert placed(face, fontbook).text("cause") == CAUSES[cause]


def test_a_batch_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(FieldError, match="no kind of batch"):
        reported(cause="registration.approved")


def test_the_counts_add_up_to_all_and_reasons_follow() -> None:
    printed = batch_report.values(SHANGHAI, reported())

    assert [printed[f"counts.{name}"] for name in ("done", "skipped", "held", "total")] == [
        "4,990",
        "8",
        "2",
        "5,000",
    ]
    assert printed["shares.done"] == "99.80%"
    assert [printed[f"reasons.2.{name}"] for name in ("outcome", "words", "count")] == [
        "挂起待处理",
        "照片不可用",
        "2",
    ]
    assert printed["rate"] == "每分钟 80.4 件"


def test_what_is_still_open_is_told_only_where_there_is_some() -> None:
    cancelled = nothing_made(counts={ItemState.HELD: 3, ItemState.PENDING: 7})

    assert batch_report.values(SHANGHAI, cancelled)["counts.pending"] == "7"
    assert "counts.pending" not in batch_report.values(SHANGHAI, reported())


def test_the_root_is_printed_in_groups_that_a_person_can_compare() -> None:
    printed = batch_report.values(SHANGHAI, reported())

    assert printed["root"] == (" ".join(["c9e1", "02f4"] * 4),) * 2
    assert printed["size"] == "4,990"


def test_a_batch_that_made_nothing_has_no_root(fontbook: FontBook) -> None:
    drawn = placed(nothing_made(reasons=[]), fontbook)

    assert (drawn.text("root"), drawn.text("size")) == ("—", "0")
    assert filled(drawn) == []


@pytest.mark.parametrize("other", [{"root": None}, {"size": 4989}, {"size": 0, "root": None}])
def test_a_tree_that_has_not_a_leaf_for_each_that_is_done_is_refused(
    other: Mapping[str, object],
) -> None:
    with pytest.raises(FieldError, match="one leaf for each"):
        reported(**other)


def test_the_tree_may_hold_what_other_registers_of_the_batch_made() -> None:
    assert batch_report.values(SHANGHAI, reported(size=6000))["size"] == "6,000"


def test_the_seal_stands_beside_the_root_on_its_page(fontbook: FontBook) -> None:
    for reasons in range(0, 60, 7):
        some = [Reason(outcome=ItemState.HELD, words=f"原因{n}", count=1) for n in range(reasons)]
        drawn = placed(reported(reasons=some), fontbook)

        box = drawn.signature(AUTHORITY_SEAL)
        roots = [
            (number, mark)
            for number, page in enumerate(drawn.pages)
            for mark in page.filled
            if isinstance(mark, Run) and mark.slot == "root"
        ]
        assert box is not None
        assert {number for number, _ in roots} == {box.page} == {len(drawn.pages) - 1}
        assert all(mark.x_mm + mark.width_mm < box.x_mm for _, mark in roots)
        assert max(mark.y_mm for _, mark in roots) < box.y_mm + box.height_mm


@pytest.mark.parametrize("reasons", range(5))
def test_a_rename_with_a_handful_of_reasons_is_reported_on_one_page(
    fontbook: FontBook, reasons: int
) -> None:
    some = [Reason(outcome=ItemState.HELD, words=f"原因{n}", count=1) for n in range(reasons)]

    assert len(placed(reported(reasons=some), fontbook).pages) == 1


def test_where_there_are_more_no_page_but_the_last_is_left_half_empty(fontbook: FontBook) -> None:
    for reasons in range(5, 40, 3):
        some = [Reason(outcome=ItemState.HELD, words=f"原因{n}", count=1) for n in range(reasons)]
        drawn = placed(reported(reasons=some), fontbook)

        for page in drawn.pages[:-1]:
            lowest = max(mark.y_mm for mark in page.filled if isinstance(mark, Run))
            assert lowest > 0.6 * 297


def test_no_registration_number_and_no_person_has_a_place_in_it() -> None:
    fields = set(batch_report.Face.model_fields)

    assert fields.isdisjoint({"rows", "holder", "name", "number", "numbers"})
    assert "12345" not in json.dumps(reported(subject=LIST | {"numbers": ["12345"]}))


def test_a_report_is_named_by_the_time_its_batch_was_completed() -> None:
    assert batch_report.file_name(SHANGHAI, reported()) == "批量换发报告_20260303010709.pdf"


def test_a_stored_face_of_another_version_is_refused() -> None:
    with pytest.raises(FieldError, match="another version"):
        batch_report.read({**reported(), "version": 2})


# The chart.


def test_the_bars_are_even_stretches_that_begin_on_round_times() -> None:
    seen = bars(BEGAN, ENDED, [(BEGAN, 3), (ENDED, 4), (BEGAN - timedelta(hours=1), 1)])

    assert (seen.seconds, seen.begin(0).strftime("%H:%M:%S")) == (120, "00:04:00")
    assert (seen.counts[0], seen.counts[-1], sum(seen.counts)) == (4, 4, 8)


@given(
    st.floats(0, 4e7),
    st.lists(st.tuples(st.floats(-10, 4e7), st.integers(0, 10_000)), max_size=20),
)
def test_nothing_is_lost_in_at_most_forty_bars(
    seconds: float, made: list[tuple[float, int]]
) -> None:
    ended = BEGAN + timedelta(seconds=seconds)

    seen = bars(BEGAN, ended, [(BEGAN + timedelta(seconds=at), count) for at, count in made])

    assert 1 <= len(seen.counts) <= MOST_BARS
    assert sum(seen.counts) == sum(count for _, count in made)
    assert seen.begin(0) <= BEGAN < seen.begin(1)
    assert seen.begin(len(seen.counts) - 1) <= ended < seen.begin(len(seen.counts))


def test_an_end_before_the_beginning_is_taken_for_it() -> None:
    """The clock was set back meanwhile."""
    made = [(BEGAN - timedelta(seconds=3), 2), (BEGAN, 1)]

    assert bars(BEGAN, BEGAN - timedelta(seconds=5), made) == bars(BEGAN, BEGAN, made)


@pytest.mark.parametrize(
    ("seconds", "bar", "words"),
    [(0, 1, "1秒"), (39, 1, "1秒"), (60, 2, "2秒"), (3600, 120, "2分钟"), (86_400, 3600, "1小时"),
     (30 * 86_400, 86_400, "1天"), (100 * 86_400, 3 * 86_400, "3天")],
)  # fmt: skip
def test_a_bar_stands_for_as_little_time_as_forty_of_them_allow(
    seconds: int, bar: int, words: str
) -> None:
    found = bar_seconds(BEGAN, BEGAN + timedelta(seconds=seconds))

    assert (found, stretch(found)) == (bar, words)


@pytest.mark.parametrize("counts", [(), (1,) * 41, (1, -1)])
def test_bars_that_no_chart_holds_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(FieldError, match="bars"):
        Bars(start=BEGAN, seconds=60, counts=counts)


def test_a_bar_is_as_high_as_its_count_on_the_scale() -> None:
    figure = bar_chart.figure(Bars(start=BEGAN, seconds=60, counts=(0, 50, 100)), 170.0, 46.0)

    (drawn,) = (mark for mark in figure.marks if isinstance(mark, Path) and mark.fill)
    _, low, high = (0.0, *_heights(drawn))
    said = [mark.text for mark in figure.marks if isinstance(mark, Text)]

    assert high == pytest.approx(2 * low)
    assert said[1:4] == ["0", "50", "100"]


def _heights(path: Path) -> list[float]:
    """Of each rectangle."""
    found = []
    for figure in path.data.split("M")[1:]:
        down = [float(word) for word in figure.split() if word not in "LC"][1::2]
        found.append(max(down) - min(down))
    return found


def test_the_times_below_the_bars_have_their_day_where_there_are_several(
    fontbook: FontBook,
) -> None:
    one = placed(reported(), fontbook)
    several = placed(reported(completed_at=BEGAN + timedelta(days=3)), fontbook)

    assert "00:20" in labels(one)
    assert any(word.startswith("3月4日 ") for word in labels(several))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(
    seconds=st.integers(0, 3 * 10**7),
    count=st.integers(0, 3 * 10**6),
    name=st.text("上海测试建设（）·ABC0123-", min_size=1, max_size=200),
)
def test_any_batch_can_be_reported(fontbook: FontBook, seconds: int, count: int, name: str) -> None:
    ended = BEGAN + timedelta(seconds=seconds)
    face = reported(
        subject=RENAME | {"new_name": name},
        completed_at=ended,
        counts={ItemState.DONE: count},
        made_per_bar=[(BEGAN, count // 2), (ended, count - count // 2)],
        root=ROOT if count else None,
        size=count,
    )

    drawn = placed(face, fontbook)

    assert len(filled(drawn)) == (count > 0)
