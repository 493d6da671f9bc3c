"""What an application form prints: its labels, and beside each the sentences of its type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from factory import opinions
from factory.codes import RESIDENT_IDENTITY_CARD
from factory.kinds.form_design import Pair
from factory.kinds.form_face import Face, PrintedHours, PrintedProfession, id_type
from factory.model import ApplicationType, Occupation
from factory.page.sheet import Value

NONE = "无"  #: printed where a row has nothing to say
EXTENDS = "以上表所列信息为准。"  #: of a change whose differences are not known

FORCED_PERSON: tuple[tuple[Pair, Pair], tuple[Pair, Pair]] = (
    ((("姓名",), "holder.name"), (("性别",), "holder.sex")),
    ((("出生年月",), "holder.birth_date"), (("证件类型",), "holder.id_type")),
)
FORCED_ROWS: tuple[tuple[Pair, ...], ...] = (
    ((("证件号",), "holder.id_number"), (("个人手机号",), "holder.mobile")),
    ((("申请注册企业", "（全称）"), "enterprise.name"),),
    (
        (("统一社会", "信用代码"), "enterprise.credit_code"),
        (("企业联系电话",), "enterprise.phone"),
    ),
)
ROWS: tuple[tuple[Pair, ...], ...] = (
    ((("企业名称",), "enterprise.name"),),
    ((("个人手机号",), "holder.mobile"), (("企业联系电话",), "enterprise.phone")),
)


def person(face: Face) -> tuple[tuple[Pair, Pair], tuple[Pair, Pair]]:
    """The identity paper is the identity card's number, or another paper's."""
    paper = "身份证号" if face.holder.id_type == RESIDENT_IDENTITY_CARD else "证件号"
    return (
        ((("姓名",), "holder.name"), (("性别",), "holder.sex")),
        ((("出生年月",), "holder.birth_date"), ((paper,), "holder.id_number")),
    )


def about(face: Face) -> Iterator[tuple[str, Value]]:
    """The person and the enterprise."""
    yield "holder.name", face.holder.name
    yield "holder.sex", face.holder.sex
    yield "holder.birth_date", face.holder.birth_date.isoformat()
    yield "holder.id_number", face.holder.id_number
    yield "holder.mobile", face.holder.mobile or ""
    yield "enterprise.name", face.enterprise.name
    yield "enterprise.phone", face.enterprise.phone or ""
    if face.type is ApplicationType.FORCED_CANCELLATION:
        yield "holder.id_type", id_type(face.holder.id_type)
        yield "enterprise.credit_code", face.enterprise.credit_code


Section = tuple[tuple[str, ...], str, tuple[str, ...]]  #: label, name, paragraphs

#: What is applied for, as the row 申请事项 begins it.
MATTERS: Mapping[ApplicationType, str] = {
    ApplicationType.ADDITION: "增项注册专业：",
    ApplicationType.RENEWAL: "申请延续注册专业： ",
    ApplicationType.CANCELLATION: "申请注销注册专业： ",
    ApplicationType.CHANGE: "申请变更注册事项：",
}


def sections(face: Face) -> Iterator[Section]:
    """The rows between the person and the opinions, by type."""
    yield from _SECTIONS[face.type](face)


def _beginning(face: Face) -> Iterator[Section]:
    yield ("资格信息",), "qualifications", tuple(map(_qualification(face), face.professions))
    yield from _education(face)


def _adding(face: Face) -> Iterator[Section]:
    yield _status(face)
    yield ("申请事项",), "matter", tuple(_added(face))
    yield from _education(face)


def _renewing(face: Face) -> Iterator[Section]:
    yield _status(face)
    yield ("申请事项",), "matter", tuple(_renewed(face))


def _cancelling(face: Face) -> Iterator[Section]:
    yield _status(face)
    ended = MATTERS[face.type] + ", ".join(_with_main(face))
    yield ("申请事项",), "matter", (ended, f"注销原因： {face.reason}")


def _forced(face: Face) -> Iterator[Section]:
    yield ("现注册证书", "信息"), "current", tuple(_registered(face))
    yield ("申请注销专业",), "matter", (", ".join(_with_main(face)),)
    yield ("注销原因",), "reason", (face.reason or NONE,)


def _changing(face: Face) -> Iterator[Section]:
    yield _status(face)
    yield ("申请事项",), "matter", tuple(_changed(face))


_SECTIONS: Mapping[ApplicationType, Callable[[Face], Iterator[Section]]] = {
    ApplicationType.INITIAL: _beginning,
    ApplicationType.REREGISTRATION: _beginning,
    ApplicationType.ADDITION: _adding,
    ApplicationType.RENEWAL: _renewing,
    ApplicationType.CANCELLATION: _cancelling,
    ApplicationType.FORCED_CANCELLATION: _forced,
    ApplicationType.CHANGE: _changing,
}


def _status(face: Face) -> Section:
    return ("现注册证书", "状态"), "current", tuple(_registered(face))


def _registered(face: Face) -> Iterator[str]:
    """注册号：沪231161800057 已注册专业：建筑工程(有效期至2021-06-13)、公路工程(有效期至…)."""
    if face.current is None:
        yield NONE
        return
    yield f"注册号：{face.current.number}"
    listed = "、".join(f"{each.name}(有效期至{each.last})" for each in face.current.professions)
    if listed:
        yield f"已注册专业：{listed}"


def _qualification(face: Face) -> Callable[[PrintedProfession], str]:
    """One sentence a profession; a cost engineer's names profession and qualification apart."""
    if face.occupation is Occupation.CONSTRUCTOR:
        return lambda each: _sentence(("资格类别", each.name), *_proof(each))
    category = opinions.OCCUPATIONS[face.occupation]
    return lambda each: _sentence(("专业", each.name), ("资格类别", category), *_proof(each))


def _proof(each: PrintedProfession) -> Iterator[tuple[str, str]]:
    if each.qualification_number is not None:
        yield "资格证书编号", each.qualification_number
    if each.qualified_in is not None:
        yield "资格取得所在地", each.qualified_in
    if each.qualified_on is not None:
        yield "签发日期", each.qualified_on.isoformat()


def _sentence(*parts: tuple[str, str]) -> str:
    return "， ".join(f"{what}：{value}" for what, value in parts) + "。"


def _education(face: Face) -> Iterator[Section]:
    """继续教育信息, where a late registration needs it."""
    late = [(each.name, each.hours) for each in face.professions if each.hours is not None]
    if late:
        lines = tuple(f"专业类别：{name}， {_hours(hours)}" for name, hours in late)
        yield ("继续教育信息",), "education", lines


def _hours(hours: PrintedHours) -> str:
    """必修课110(学时)， 选修课100(学时)。"""
    parts = [f"必修课{hours.compulsory}(学时)", f"选修课{hours.elective}(学时)"]
    if hours.taught_on is not None:
        parts.append(f"培训日期：{hours.taught_on}")
    if hours.taught_by is not None:
        parts.append(f"培训机构：{hours.taught_by}")
    return "， ".join(parts) + "。"


def _added(face: Face) -> Iterator[str]:
    for each in face.professions:
        proof = " ".join(f"{what}：{value}" for what, value in _proof(each))
        yield f"{MATTERS[face.type]}{each.name} {proof}"


def _renewed(face: Face) -> Iterator[str]:
    for each in face.professions:
        yield f"{MATTERS[face.type]}{each.name}"
        if each.hours is not None:
            yield f"继续教育情况（逾期注册）： {_hours(each.hours)}"


def _with_main(face: Face) -> Iterator[str]:
    """建筑工程(主项), 市政公用工程."""
    current = () if face.current is None else face.current.professions
    main = {each.name for each in current if each.main}
    for each in face.professions:
        yield f"{each.name}(主项)" if each.name in main else each.name


def _changed(face: Face) -> Iterator[str]:
    yield MATTERS[face.type] + ("" if face.changes else EXTENDS)
    for each in face.changes:
        was = "更换" if each.old is None else f"由 {each.old} 变更为 {each.new}"
        yield f"{each.what}：{was}。"


def opinion(face: Face, template: str) -> str:
    return opinions.filled(
        template,
        n=face.holder.name,
        e=face.enterprise.name,
        t=opinions.TYPES[face.type],
        q=opinions.OCCUPATIONS[face.occupation],
    )


def templates(face: Face) -> Iterator[str]:
    """Every text of the form before it names anybody."""
    yield from (each.template for each in face.opinions)
    yield MATTERS.get(face.type, "")
