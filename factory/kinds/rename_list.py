"""The rename result list (企业更名结果): what became of each registration of an enterprise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import AwareDatetime

from factory.kinds import stored
from factory.kinds.listing import LABEL_MM, ROW_PT, SMALL_PT, WIDTH_MM, caption, head, heading
from factory.kinds.stored import Part, StoredFace
from factory.page.marks import Align
from factory.page.rows import Field, Table, Words
from factory.page.rows import Row as TableRow
from factory.page.sheet import Value
from factory.profile import Profile

FACE_VERSION = 1
SEALED = False
TITLE = "企业更名结果"
REISSUED = "已换发 未领证"  #: what usually becomes of a registration
#: The list's columns: what is printed above, the value's name, the width in mm, where it stands.
COLUMNS = (
    ("序号", "place", 14.0, Align.CENTRE),
    ("姓名", "name", 40.0, Align.LEFT),
    ("注册编号", "number", 54.0, Align.LEFT),
    ("新版本", "edition", 18.0, Align.CENTRE),
    ("状态", "outcome", 44.0, Align.LEFT),
)


class Row(Part):
    """One registration of the enterprise.

    number:  as printed; edition: the new one, None where none was made.
    outcome: in Chinese, e.g. ``REISSUED``.
    """

    number: str
    name: str
    edition: int | None
    outcome: str


class Face(StoredFace):
    """Everything that is printed, in the order of the page."""

    register_title: str
    credit_code: str
    old_name: str
    new_name: str
    batch: int
    completed_at: AwareDatetime
    rows: tuple[Row, ...]


def face(
    *,
    profile: Profile,
    credit_code: str,
    old_name: str,
    new_name: str,
    batch: int,
    completed_at: datetime,
    rows: Sequence[Row],
) -> dict[str, object]:
    """The face as plain JSON; completed_at is aware."""
    return Face(
        version=FACE_VERSION,
        register_title=profile.title,
        credit_code=credit_code,
        old_name=old_name,
        new_name=new_name,
        batch=batch,
        completed_at=completed_at,
        rows=tuple(rows),
    ).model_dump(mode="json")


def read(given: Mapping[str, object]) -> Face:
    """A stored face, checked.  FieldError: a field is missing or of another version."""
    return stored.checked(Face, FACE_VERSION, given)


def title(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """What the list is called."""
    return TITLE


def file_name(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """With the time the batch was completed."""
    return stored.file_name(TITLE, read(face).completed_at)


def sheet(profile: Profile, face: Mapping[str, object]) -> Table:  # noqa: ARG001
    """What it is about, then a row a registration, under the same head on every page."""
    given = read(face)
    return Table(
        title=TITLE,
        rows=(
            heading(TITLE, 20.0),
            *_about(),
            TableRow(min_height_mm=6.0, ruled=False),
            _head(),
            *(_listed(place) for place, _ in enumerate(given.rows, start=1)),
        ),
        repeated=(_running(), _head()),
    )


def values(profile: Profile, face: Mapping[str, object]) -> Mapping[str, Value]:  # noqa: ARG001
    """What is printed in each slot."""
    given = read(face)
    printed: dict[str, Value] = {
        "register": given.register_title,
        "credit_code": given.credit_code,
        "old_name": given.old_name,
        "new_name": given.new_name,
        "batch": str(given.batch),
        "completed_at": stored.chinese_time(given.completed_at),
        "totals": _totals(given.rows),
    }
    for place, row in enumerate(given.rows, start=1):
        printed |= {f"rows.{place}.{name}": value for name, value in _printed(place, row)}
    return printed


def _printed(place: int, row: Row) -> Iterator[tuple[str, str]]:
    yield "place", str(place)
    yield "name", row.name
    yield "number", row.number
    yield "edition", "—" if row.edition is None else f"{row.edition:03d}"
    yield "outcome", row.outcome


def _totals(rows: Sequence[Row]) -> str:
    """共 3 件：已换发 未领证 2 件，挂起 1 件。"""
    counts = Counter(row.outcome for row in rows)
    parts = "，".join(f"{outcome} {count} 件" for outcome, count in counts.items())
    return f"共 {len(rows)} 件" + (f"：{parts}。" if parts else "。")


def _about() -> Iterator[TableRow]:
    yield _line("原企业名称", "old_name")
    yield _line("现企业名称", "new_name")
    yield _two("统一社会信用代码", "credit_code", "注册类别", "register")
    yield _two("更名批次", "batch", "完成时间", "completed_at")
    yield _line("结果合计", "totals")


def _line(label: str, name: str) -> TableRow:
    value = Field(width_mm=WIDTH_MM - LABEL_MM, name=name)
    return TableRow(cells=(caption(label), value), min_height_mm=10.0)


def _two(label: str, name: str, other: str, beside: str) -> TableRow:
    return TableRow(
        cells=(
            caption(label),
            Field(width_mm=54.0, name=name, lines=1),
            caption(other, 26.0),
            Field(width_mm=WIDTH_MM - LABEL_MM - 80.0, name=beside, lines=2),
        ),
        min_height_mm=10.0,
    )


def _head() -> TableRow:
    return head(((words, width) for words, _, width, _ in COLUMNS), 9.0)


def _listed(place: int) -> TableRow:
    cells = tuple(
        Field(width_mm=width, name=f"rows.{place}.{name}", size_pt=ROW_PT, min_size_pt=8,
              wrap_below_pt=9, lines=2, align=align)
        for _, name, width, align in COLUMNS
    )  # fmt: skip
    return TableRow(cells=cells, min_height_mm=8.0)


def _running() -> TableRow:
    return TableRow(
        cells=(
            Words(width_mm=40.0, lines=(f"{TITLE}（续）",), size_pt=SMALL_PT, align=Align.LEFT),
            Field(width_mm=WIDTH_MM - 40.0, name="new_name", size_pt=SMALL_PT, min_size_pt=6,
                  wrap_below_pt=6, lines=1, align=Align.RIGHT),
        ),
        min_height_mm=9.0,
        ruled=False,
    )  # fmt: skip
