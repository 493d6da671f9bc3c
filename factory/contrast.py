"""Contrast (对照): what of a certificate will be otherwise, field by field, as it is printed.

Compared is what a reader sees, each under the label that stands beside it on the page; what the
page does not show, the machine-readable twin (照面信息) or the seal, is compared too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from factory import numbering
from factory.errors import FieldError
from factory.kinds import certificate
from factory.model import Format
from factory.page.marks import ASCENT, MM_PER_PT, Text, TextSlot, Value, slot_name
from factory.page.sheet import Sheet
from factory.profile import Profile

LEVEL_MM = 0.5  #: a label and its value stand on one line
COLON = "："
EMPLOYER = "enterprise.name"

#: of what has no label beside it on some page, or is not on the page at all
LABELS: Mapping[str, str] = {
    "title": "证书名称",
    "employer_label": "单位栏名称",
    "labels": "其他栏目名称",
    "authority": "发证机关",
    "authority.name": "发证机关全称",
    "enterprise.credit_code": "统一社会信用代码",
    "query_address": "查询网址",
    "verify_url": "二维码网址",
    "verification_code": "验证码",
    "code": "二维码",
    "photo": "照片",
    "signature": "个人签名",
    "professions": "注册专业",
    "design": "版式",
    "formats": "文件格式",
    "seal": "印章",
    "version": "发证方案版本",
}
#: 版式 by the name a profile calls it
DESIGN_NAMES: Mapping[str, str] = {
    "constructor-2024": "建造师 2024 版",
    "cost-engineer-2021": "造价工程师 2021 版",
    "cost-engineer-2024": "造价工程师 2024 版",
}
#: of the holder's own; never on a terminal, in a log or in a metric
OWN = frozenset(
    {
        "holder.name", "holder.sex", "holder.birth_date", "professions", "validity", "photo",
        "signature",
    }
)  # fmt: skip
PICTURES = ("photo", "signature")
#: every edition has its own
ANEW = frozenset({"edition", "licence_id", "verification_code", "code", "issued_on"})
NONE, ONE, ANOTHER = "无", "有", "另一张"
RESPELT = "同一编号，写法不同"


class Sort(StrEnum):
    """Where a change is found."""

    PRINTED = "printed"  #: 版面内容
    TWIN = "twin"  #: 照面信息, not on the page
    DESIGN = "design"  #: 版式、格式与印章
    ANEW = "anew"  #: 每个版本都重新编制


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One edition, as it is or as it will be.

    profile: the version it is drawn by.
    seal:    whose seal it has, by the name of the keyring.
    """

    profile: Profile
    face: Mapping[str, object] = field(repr=False)
    formats: Sequence[Format]
    seal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that will be otherwise: what is printed now, and then; empty: nothing.

    label: the word beside it on the page.
    note:  what else is to be known of it.
    """

    field: str
    label: str
    now: str
    then: str
    sort: Sort = Sort.PRINTED
    note: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it is the holder's own data."""
        return self.field in OWN


def contrast(now: Side, then: Side) -> tuple[Change, ...]:
    """Every difference, in the order of the page; then the twin, the design, what is drawn anew."""
    found = [
        each
        for each in (*_printed(now, then), *_twin(now, then), *_design(now, then))
        if each.now != each.then
    ]
    order = list(Sort)
    return tuple(sorted(found, key=lambda each: order.index(each.sort)))


def of_sort(changes: Sequence[Change], *sorts: Sort) -> tuple[Change, ...]:
    """Those of these sorts."""
    return tuple(each for each in changes if each.sort in sorts)


# --- what is on the page ----------------------------------------------------------------------


def _printed(now: Side, then: Side) -> Iterator[Change]:
    """The title, what stands in each slot, and the authority's lines below."""
    was, will = certificate.read(now.face), certificate.read(then.face)
    yield _change("title", was.title, will.title)
    yield from _slots(now, then)
    yield _change("verify_url", was.verify_url, will.verify_url)
    yield _change("authority", " ".join(was.authority.lines), " ".join(will.authority.lines))


def _slots(now: Side, then: Side) -> Iterator[Change]:
    before, after = (certificate.values(each.profile, each.face) for each in (now, then))
    sheets = [certificate.sheet(each.profile, each.face) for each in (then, now)]
    places = [slot_name(slot) for sheet in sheets for slot in sheet.slots]
    for name in dict.fromkeys((*places, *after, *before)):
        if name in PICTURES:
            yield _picture(name, before.get(name), after.get(name))
        elif name in before or name in after:
            yield _slot(name, _line(before.get(name, "")), _line(after.get(name, "")), sheets)


def _slot(name: str, now: str, then: str, sheets: Sequence[Sheet]) -> Change:
    label = next(filter(None, (_beside(sheet, name) for sheet in sheets)), LABELS.get(name, name))
    respelt = name == "number" and numbering.number_key(now) == numbering.number_key(then)
    return Change(
        field=name,
        label=label,
        now=now,
        then=then,
        sort=Sort.ANEW if _is_anew(name, now, then) else Sort.PRINTED,
        note=RESPELT if respelt else "",
    )


def _is_anew(name: str, now: str, then: str) -> bool:
    return name in ANEW and (name != "licence_id" or _goes_on(now, then))


def _goes_on(now: str, then: str) -> bool:
    """Whether two identifiers (证照标识) differ in the version alone.  GB/T 36904-2018, 5.4."""
    try:
        one, other = map(numbering.parse_licence_id, (now, then))
    except FieldError:
        return False
    return one.certificate == other.certificate


def _picture(role: str, now: Value | None, then: Value | None) -> Change:
    later = NONE if then is None else ANOTHER if now not in (None, then) else ONE
    return _change(role, NONE if now is None else ONE, later)


def _line(value: Value) -> str:
    return value if isinstance(value, str) else "；".join(value)


def _beside(sheet: Sheet, name: str) -> str:
    """The label that stands to the left of a slot, on its line; empty: none does."""
    slot = next((s for s in sheet.slots if isinstance(s, TextSlot) and s.name == name), None)
    if slot is None:
        return ""
    baseline = slot.y_mm + ASCENT * slot.size_pt * MM_PER_PT
    level = [
        mark
        for mark in sheet.marks
        if isinstance(mark, Text)
        and abs(mark.y_mm - baseline) < LEVEL_MM
        and mark.x_mm < slot.x_mm
        and mark.text.strip(COLON)
    ]
    return max(level, key=lambda mark: mark.x_mm).text.strip(COLON) if level else ""


# --- what is not on the page ------------------------------------------------------------------


def _twin(now: Side, then: Side) -> Iterator[Change]:
    """What only the machine-readable twin says."""
    was, will = certificate.read(now.face), certificate.read(then.face)
    yield _change(
        "enterprise.credit_code", was.employer.credit_code, will.employer.credit_code, Sort.TWIN
    )
    yield _change("authority.name", was.authority.name, will.authority.name, Sort.TWIN)
    if not any(_differs(name, now, then) for name in ("professions", "validity")):
        yield _change("professions", _professions(was), _professions(will), Sort.TWIN)


def _differs(name: str, now: Side, then: Side) -> bool:
    before, after = (certificate.values(each.profile, each.face) for each in (now, then))
    return before.get(name) != after.get(name)


def _professions(face: certificate.Face) -> str:
    return "；".join(f"{each.name} {each.first} 至 {each.last}" for each in face.professions)


def _design(now: Side, then: Side) -> Iterator[Change]:
    """How the certificate looks, what it is written as, and whose seal it has."""
    was, will = certificate.read(now.face), certificate.read(then.face)
    pairs = (
        ("design", _design_name(was.design), _design_name(will.design)),
        ("employer_label", was.employer_label, will.employer_label),
        ("formats", _formats(now), _formats(then)),
        ("seal", now.seal or NONE, then.seal or NONE),
        ("version", now.profile.version, then.profile.version),
    )
    for name, before, after in pairs:
        yield _change(name, before, after, Sort.DESIGN)
    labels = _other_labels(now, then)
    old, new = ("、".join(pair[side] for pair in labels) for side in (0, 1))
    yield _change("labels", old, new, Sort.DESIGN)


def _other_labels(now: Side, then: Side) -> list[tuple[str, str]]:
    """Labels of the same slot that differ; the employer's is the profile's and told by itself."""
    one, other = (certificate.sheet(each.profile, each.face) for each in (now, then))
    both = [slot_name(slot) for slot in other.slots if slot_name(slot) in one.wanted]
    pairs = [(_beside(one, name), _beside(other, name)) for name in both if name != EMPLOYER]
    return [(old, new) for old, new in pairs if old and new and old != new]


def _design_name(design: str) -> str:
    return DESIGN_NAMES.get(design, design)


def _formats(side: Side) -> str:
    return "、".join(each.upper() for each in side.formats)


def _change(name: str, now: str, then: str, sort: Sort = Sort.PRINTED) -> Change:
    return Change(field=name, label=LABELS[name], now=now, then=then, sort=sort)
