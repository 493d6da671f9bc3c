"""The filing slip (申报告知单): the two numbers with which anybody who has it may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from pydantic import AwareDatetime

from factory import opinions
from factory.events import Applied
from factory.kinds import stored
from factory.kinds.stored import Part, StoredFace
from factory.model import ApplicationType, Occupation
from factory.page.marks import Align
from factory.page.rows import Field, Row, Table, Words
from factory.page.sheet import Value, Wording
from factory.profile import Profile

FACE_VERSION = 1
SEALED = False
TITLE = "申报告知单"
HOW_TO_ASK = (
    "请进入“办事进度”，同时输入本单上的办件申报号和查询密码，即可查询办理进度。",
    "字母不分大小写，空格不必输入。凭以上两个号码可查询本次申报，请妥善保管，勿告知他人。",
)
LABEL_MM, WIDTH_MM = 32.0, 170.0
NUMBER_PT, TITLE_PT = 22.0, 22.0
#: A filing number of ours: prefix, day, serial and check character; others go by fours.
FILING_NUMBER = re.compile(r"(\w*)(\d{8})(\d{6})(\w)", re.ASCII)


class _Material(Part):
    title: str
    required: bool


class Face(StoredFace):
    """Everything that is printed, in the order of the page."""

    filing_number: str
    query_code: str
    type: ApplicationType
    occupation: Occupation
    applicant: str
    enterprise: str
    professions: tuple[str, ...]
    submitted_at: AwareDatetime
    authority: str
    materials: tuple[_Material, ...]


def face(
    *,
    profile: Profile,
    filing_number: str,
    query_code: str,
    data: Applied,
    submitted_at: datetime,
) -> dict[str, object]:
    """The face as plain JSON.

    filing_number, query_code: without groups (办件申报号, 查询密码).
    submitted_at: aware.
    """
    return Face(
        version=FACE_VERSION,
        filing_number=filing_number,
        query_code=query_code,
        type=data.kind,
        occupation=profile.occupation,
        applicant=data.holder.name,
        enterprise=data.enterprise.name,
        professions=tuple(each.name for each in data.professions),
        submitted_at=submitted_at,
        authority=profile.authority.name,
        materials=tuple(
            _Material(title=each.title, required=each.required)
            for each in profile.application.materials_of(data.kind)
        ),
    ).model_dump(mode="json")


def read(given: Mapping[str, object]) -> Face:
    """A stored face, checked.  FieldError: a field is missing or of another version."""
    return stored.checked(Face, FACE_VERSION, given)


def title(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """What the slip is called."""
    return TITLE


def file_name(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """With the time of submission."""
    return stored.file_name(TITLE, read(face).submitted_at)


def sheet(profile: Profile, face: Mapping[str, object]) -> Table:  # noqa: ARG001
    """The slip's rows; the same value for faces that have the same rows."""
    given = read(face)
    wording = Wording(strange=opinions.strange(given.type, given.occupation))
    return _table(bool(given.professions), bool(given.materials), wording)


def values(profile: Profile, face: Mapping[str, object]) -> Mapping[str, Value]:  # noqa: ARG001
    """What is printed in each slot."""
    given = read(face)
    printed: dict[str, Value] = {
        "filing_number": _grouped(given.filing_number),
        "query_code": _in_fours(given.query_code),
        "matter": opinions.matter(given.type, given.occupation),
        "applicant": given.applicant,
        "enterprise": given.enterprise,
        "submitted_at": stored.chinese_time(given.submitted_at),
        "authority": given.authority,
        "how_to_ask": HOW_TO_ASK,
    }
    if given.professions:
        printed["professions"] = "、".join(given.professions)
    if given.materials:
        printed["materials"] = tuple(_materials(given))
    return printed


def _grouped(number: str) -> str:
    """33 20260302 000006 J."""
    parts = FILING_NUMBER.fullmatch(number)
    return " ".join(filter(None, parts.groups())) if parts else _in_fours(number)


def _in_fours(code: str) -> str:
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


def _materials(face: Face) -> Iterator[str]:
    for place, each in enumerate(face.materials, start=1):
        yield f"{place}. {each.title}（{'必交' if each.required else '如有'}）"


@lru_cache(maxsize=32)
def _table(with_professions: bool, with_materials: bool, wording: Wording) -> Table:
    return Table(
        title=TITLE,
        rows=(
            Row(
                cells=(Words(width_mm=WIDTH_MM, lines=(TITLE,), size_pt=TITLE_PT, bold_mm=0.14),),
                min_height_mm=26.0,
                ruled=False,
            ),
            _large("办件申报号", "filing_number"),
            _large("查询密码", "query_code"),
            Row(min_height_mm=6.0, ruled=False),
            _line("申报事项", "matter"),
            _line("申报人", "applicant"),
            _line("聘用企业", "enterprise"),
            *((_line("申报专业", "professions"),) if with_professions else ()),
            _line("申报时间", "submitted_at"),
            _line("受理机关", "authority"),
            *((_line("申报材料", "materials"),) if with_materials else ()),
            _line("进度查询", "how_to_ask"),
        ),
        wording=wording,
    )


def _large(label: str, name: str) -> Row:
    number = Field(
        width_mm=WIDTH_MM - LABEL_MM, name=name, size_pt=NUMBER_PT, wrap_below_pt=12,
        min_size_pt=12, lines=1, align=Align.CENTRE,
    )  # fmt: skip
    words = Words(width_mm=LABEL_MM, lines=(label,), size_pt=13, spread_em=5)
    return Row(cells=(words, number), min_height_mm=20.0)


def _line(label: str, name: str) -> Row:
    return Row(
        cells=(
            Words(width_mm=LABEL_MM, lines=(label,), spread_em=4),
            Field(width_mm=WIDTH_MM - LABEL_MM, name=name),
        ),
        min_height_mm=12.0,
        splits=True,
    )
