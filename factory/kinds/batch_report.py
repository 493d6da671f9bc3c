"""The batch report (批次报告): what became of a bulk event in one register, under the seal.

Counts, times and the Merkle root (RFC 6962, 2.1) of all results; no person and no registration
number stands in it, so that it can be shown to whoever holds a proof (docs/proofs.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime

from pydantic import AwareDatetime
from pydantic import Field as Checked

from factory.errors import FieldError
from factory.kinds import bar_chart, stored
from factory.kinds.bar_chart import Bars
from factory.kinds.listing import LABEL_MM, ROW_PT, SMALL_PT, WIDTH_MM, caption, head, heading
from factory.kinds.stored import Authority, Part, StoredFace
from factory.model import ItemState
from factory.page.fonts import Style
from factory.page.marks import AUTHORITY_SEAL, Align
from factory.page.rows import Cell, Field, Row, Sealed, Stack, Table, Words
from factory.page.sheet import Value
from factory.profile import Profile

FACE_VERSION = 1
SEALED = True
TITLE = "批量换发报告"
HALF_MM = WIDTH_MM / 2 - LABEL_MM
SEAL_MM, LINES_MM = 42.0, 72.0
CHART_MM, ROW_MM, GAP_MM = 38.0, 7.5, 3.0
LEAST_CHART_MM, AT_EASE = 24.0, 3  #: so many reasons leave room for a high chart
ROOT_MM = 94.0
GROUP, GROUPS_A_LINE = 4, 8  #: hex digits that people compare at a glance, and on one line
NOTHING = "—"
#: What kind of bulk event it was, by its event's type.
CAUSES: Mapping[str, str] = {
    "enterprise.renamed": "企业更名换发",
    "authority.seal_replaced": "更换电子印章换发",
    "authority.renamed": "发证机关更名换发",
    "design.revised": "证书式样调整换发",
    "reissue.requested": "按清单换发",
}


def _day_words(value: object) -> str:
    return stored.chinese_day(date.fromisoformat(str(value)))


#: What it was about, as the batch knows it: in this order, as far as given.
SUBJECT: Sequence[tuple[str, str, Callable[[object], str]]] = (
    ("old_name", "原企业名称", str),
    ("new_name", "现企业名称", str),
    ("credit_code", "统一社会信用代码", str),
    ("effective_on", "生效日期", _day_words),
    ("version", "启用方案版本", str),
    ("count", "清单所列数量", "{:,} 件".format),
    ("reason", "换发原因", str),
)
SHORT = frozenset({"credit_code", "effective_on", "count"})  #: printed in half a line
OUTCOMES: Mapping[ItemState, str] = {
    ItemState.DONE: "已换发",
    ItemState.SKIPPED: "无需换发",
    ItemState.HELD: "挂起待处理",
    ItemState.ORDERED: "生成中",
    ItemState.PENDING: "未办理",
}
ALWAYS = (ItemState.DONE, ItemState.SKIPPED, ItemState.HELD)  #: said even where there are none
REASON_COLUMNS = (("办理结果", 40.0), ("原因", 90.0), ("数量（件）", 40.0))
EXPLAINED = (
    "本根值按 RFC 6962 第2.1节以 SHA-256 算法计算，本批次每件已换发的注册为一个叶节点，"
    "载明注册编号及新旧证书文件的摘要。凭某一注册的证明文件，可离线核对其换发结果"
    "是否包含在本报告之内。"
)


class Reason(Part):
    """Why some were not made anew.

    words: in Chinese, as printed, of nobody in particular.
    """

    outcome: ItemState
    words: str
    count: int = Checked(ge=0)


class _Bars(Part):
    start: AwareDatetime
    seconds: int
    counts: tuple[int, ...]


class Face(StoredFace):
    """Everything that is printed, in the order of the page."""

    register_title: str
    batch: int
    cause: str
    subject: dict[str, str]
    confirmed_by: str
    approved_by: str | None
    confirmed_at: AwareDatetime
    began_at: AwareDatetime
    completed_at: AwareDatetime
    counts: dict[ItemState, int]
    reasons: tuple[Reason, ...]
    bars: _Bars
    root: str | None = Checked(pattern=r"^[0-9a-f]{64}$")
    size: int = Checked(ge=0)
    authority: Authority


def face(
    *,
    profile: Profile,
    batch: int,
    cause: str,
    subject: Mapping[str, object],
    confirmed_by: str,
    approved_by: str | None,
    confirmed_at: datetime,
    completed_at: datetime,
    counts: Mapping[ItemState, int],
    reasons: Sequence[Reason],
    made_per_bar: Sequence[tuple[datetime, int]],
    root: str | None,
    size: int,
    began_at: datetime | None = None,
) -> dict[str, object]:
    """The face as plain JSON; all times are aware.

    cause:        the event's type, one of ``CAUSES``.
    subject:      what the batch is about; only what ``SUBJECT`` names is printed.
    confirmed_by: who confirmed, as printed; approved_by: the other of two operators, if there
                  had to be two.
    made_per_bar: (moment, certificates), as fine as one likes: the chart puts them together.
    root, size:   of the Merkle tree of the whole batch, in hex; None and 0 where nothing was made.
    began_at:     of the first order; None: when it was confirmed.
    FieldError: no such cause, or root and size are not of what was made.
    """
    _check(cause, counts, root, size)
    began = began_at or confirmed_at
    return Face(
        version=FACE_VERSION,
        register_title=profile.title,
        batch=batch,
        cause=cause,
        subject={name: words(subject[name]) for name, _, words in SUBJECT if subject.get(name)},
        confirmed_by=confirmed_by,
        approved_by=approved_by,
        confirmed_at=confirmed_at,
        began_at=began,
        completed_at=completed_at,
        counts=dict(counts),
        reasons=tuple(reasons),
        bars=_bars(began, completed_at, made_per_bar),
        root=root,
        size=size,
        authority=Authority.of(profile),
    ).model_dump(mode="json")


def _check(cause: str, counts: Mapping[ItemState, int], root: str | None, size: int) -> None:
    if cause not in CAUSES:
        raise FieldError("cause", ", ".join(CAUSES), "is no kind of batch")
    if size < counts.get(ItemState.DONE, 0) or (root is None) != (size == 0):
        raise FieldError("size", "RFC 6962, 2.1", "the tree has not one leaf for each that is done")


def _bars(began: datetime, completed: datetime, made: Sequence[tuple[datetime, int]]) -> _Bars:
    chart = bar_chart.bars(began, completed, made)
    return _Bars(start=chart.start, seconds=chart.seconds, counts=chart.counts)


def read(given: Mapping[str, object]) -> Face:
    """A stored face, checked.  FieldError: a field is missing or of another version."""
    return stored.checked(Face, FACE_VERSION, given)


def title(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """What the report is called."""
    return TITLE


def file_name(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """With the time the batch was completed."""
    return stored.file_name(TITLE, read(face).completed_at)


def sheet(profile: Profile, face: Mapping[str, object]) -> Table:  # noqa: ARG001
    """What it was about and who confirmed it, what became of all, the chart, the root, the seal."""
    given = read(face)
    return Table(
        title=TITLE,
        rows=(
            heading(TITLE, 14.0),
            *_about(given),
            _gap(),
            *_results(given),
            *_reasons(given),
            _gap(),
            _made(given),
            _gap(),
            _tree(),
        ),
        repeated=(_running(),),
    )


def values(profile: Profile, face: Mapping[str, object]) -> Mapping[str, Value]:  # noqa: ARG001
    """What is printed in each slot."""
    given = read(face)
    printed: dict[str, Value] = {
        "register": given.register_title,
        "batch": str(given.batch),
        "cause": CAUSES[given.cause],
        "confirmed_by": given.confirmed_by,
        "approved_by": given.approved_by or NOTHING,
        "confirmed_at": stored.chinese_time(given.confirmed_at),
        "began_at": stored.chinese_time(given.began_at),
        "completed_at": stored.chinese_time(given.completed_at),
        "duration": _duration(_seconds(given)),
        "rate": _rate(given),
        "stretch": bar_chart.stretch(given.bars.seconds),
        "root": _grouped(given.root) if given.root else NOTHING,
        "size": f"{given.size:,}",
        "explained": EXPLAINED,
        "authority": (*given.authority.lines, stored.chinese_day(_day(given).date())),
    }
    printed |= {f"subject.{name}": words for name, words in given.subject.items()}
    printed |= dict(_counted(given))
    for place, reason in enumerate(given.reasons, start=1):
        printed |= {f"reasons.{place}.{name}": words for name, words in _because(reason)}
    return printed


# --- what is printed --------------------------------------------------------------------------


def _day(face: Face) -> datetime:
    return stored.local(face.completed_at)


def _seconds(face: Face) -> int:
    return max(1, round((face.completed_at - face.began_at).total_seconds()))


def _duration(seconds: int) -> str:
    """1天2小时3分4秒, without what is nought."""
    parts = ((seconds // 86400, "天"), (seconds // 3600 % 24, "小时"),
             (seconds // 60 % 60, "分"), (seconds % 60, "秒"))  # fmt: skip
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def _rate(face: Face) -> str:
    return f"每分钟 {face.counts.get(ItemState.DONE, 0) * 60 / _seconds(face):,.1f} 件"


def _grouped(root: str) -> tuple[str, ...]:
    """Two lines of eight groups."""
    groups = [root[at : at + GROUP] for at in range(0, len(root), GROUP)]
    lines = range(0, len(groups), GROUPS_A_LINE)
    return tuple(" ".join(groups[at : at + GROUPS_A_LINE]) for at in lines)


def _outcomes(face: Face) -> Iterator[ItemState]:
    """Those that are told: what always is, and what is still open where something is."""
    return (each for each in OUTCOMES if each in ALWAYS or face.counts.get(each))


def _counted(face: Face) -> Iterator[tuple[str, str]]:
    total = sum(face.counts.values())
    for each in _outcomes(face):
        count = face.counts.get(each, 0)
        yield f"counts.{each}", f"{count:,}"
        yield f"shares.{each}", f"{count / total:.2%}" if total else NOTHING
    yield "counts.total", f"{total:,}"
    yield "shares.total", "100.00%" if total else NOTHING


def _because(reason: Reason) -> Iterator[tuple[str, str]]:
    yield "outcome", OUTCOMES[reason.outcome]
    yield "words", reason.words
    yield "count", f"{reason.count:,}"


# --- where it is printed ----------------------------------------------------------------------


def _about(face: Face) -> Iterator[Row]:
    yield _two("批次编号", "batch", "批次类型", "cause")
    yield _line("注册类别", "register")
    yield from _subject(face)
    yield _two("确认人", "confirmed_by", "复核人", "approved_by")
    yield _two("确认时间", "confirmed_at", "开始时间", "began_at")
    yield _two("完成时间", "completed_at", "历时", "duration")


def _subject(face: Face) -> Iterator[Row]:
    """What is given, a line each; two that are short share one."""
    given = [(label, name) for name, label, _ in SUBJECT if name in face.subject]
    while given:
        label, name = given.pop(0)
        if name in SHORT and given and given[0][1] in SHORT:
            other, beside = given.pop(0)
            yield _two(label, f"subject.{name}", other, f"subject.{beside}")
        else:
            yield _line(label, f"subject.{name}")


def _results(face: Face) -> Iterator[Row]:
    """An outcome a column, and all together."""
    outcomes = tuple(_outcomes(face))
    width = (WIDTH_MM - LABEL_MM) / (len(outcomes) + 1)
    heads = [("办理结果", LABEL_MM), *((OUTCOMES[each], width) for each in outcomes)]
    yield head([*heads, ("合计", width)], ROW_MM)
    for label, name in (("数量（件）", "counts"), ("占比", "shares")):
        cells = (_cell(f"{name}.{each}", width) for each in (*outcomes, "total"))
        yield Row(cells=(caption(label), *cells), min_height_mm=ROW_MM)


def _reasons(face: Face) -> Iterator[Row]:
    """None where everybody's certificate was made."""
    if not face.reasons:
        return
    yield _gap()
    yield head(REASON_COLUMNS, ROW_MM)
    for place, _ in enumerate(face.reasons, start=1):
        names = (f"reasons.{place}.{name}" for name in ("outcome", "words", "count"))
        cells = (_cell(name, width) for name, (_, width) in zip(names, REASON_COLUMNS, strict=True))
        yield Row(cells=tuple(cells), min_height_mm=ROW_MM)


def _made(face: Face) -> Row:
    """The rate and, on one page with it, the chart; lower beside more reasons, for one page."""
    bars = Bars(start=face.bars.start, seconds=face.bars.seconds, counts=face.bars.counts)
    room = CHART_MM - ROW_MM * max(0, len(face.reasons) - AT_EASE)
    chart = Row(cells=(bar_chart.figure(bars, WIDTH_MM, max(LEAST_CHART_MM, room)),))
    return Row(cells=(Stack(rows=(_two("平均速率", "rate", "每柱时长", "stretch"), chart)),))


def _tree() -> Row:
    """The root and, in one frame on one page with it, the seal."""
    root = Field(
        width_mm=ROOT_MM, name="root", size_pt=ROW_PT, style=Style.SONG, align=Align.CENTRE
    )
    explained = Field(
        width_mm=ROOT_MM, name="explained", size_pt=SMALL_PT, min_size_pt=SMALL_PT,
        wrap_below_pt=SMALL_PT, style=Style.SONG, indent=True,
    )  # fmt: skip
    seal = Sealed(
        width_mm=WIDTH_MM - ROOT_MM, name="authority", signature=AUTHORITY_SEAL, seal_mm=SEAL_MM,
        lines_width_mm=LINES_MM, size_pt=14.0,
    )  # fmt: skip
    leaves = (caption("叶节点数"), _cell("size", ROOT_MM - LABEL_MM))
    beside = Stack(
        rows=(
            head((("换发结果根值", ROOT_MM),), ROW_MM),
            Row(cells=(root,)),
            Row(cells=leaves, min_height_mm=ROW_MM),
            Row(cells=(explained,)),
        )
    )
    return Row(cells=(beside, seal))


def _gap() -> Row:
    return Row(min_height_mm=GAP_MM, ruled=False)


def _line(label: str, name: str) -> Row:
    value = Field(width_mm=WIDTH_MM - LABEL_MM, name=name, size_pt=ROW_PT, lines=2)
    return Row(cells=(caption(label), value), min_height_mm=ROW_MM)


def _two(label: str, name: str, other: str, beside: str) -> Row:
    cells = (*_half(label, name), *_half(other, beside))
    return Row(cells=cells, min_height_mm=ROW_MM)


def _half(label: str, name: str) -> tuple[Cell, Cell]:
    return caption(label), Field(
        width_mm=HALF_MM, name=name, size_pt=ROW_PT, lines=1, min_size_pt=8.5
    )


def _cell(name: str, width_mm: float) -> Field:
    return Field(width_mm=width_mm, name=name, size_pt=ROW_PT, align=Align.CENTRE)


def _running() -> Row:
    words = Words(width_mm=60.0, lines=(f"{TITLE}（续）",), size_pt=SMALL_PT, align=Align.LEFT)
    label = Words(width_mm=90.0, lines=("批次编号",), size_pt=SMALL_PT, align=Align.RIGHT)
    number = Field(width_mm=20.0, name="batch", size_pt=SMALL_PT, min_size_pt=SMALL_PT,
                   wrap_below_pt=SMALL_PT, align=Align.LEFT)  # fmt: skip
    return Row(cells=(words, label, number), min_height_mm=9.0, ruled=False)
