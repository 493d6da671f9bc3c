"""The application form (注册申请表) of every type and occupation: its face and what it prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime

from pydantic import AwareDatetime

from factory import opinions
from factory.codes import RESIDENT_IDENTITY_CARD
from factory.events import Applied
from factory.kinds import stored
from factory.kinds.certificate import SEX_PRINTED
from factory.kinds.form_design import FIRST, HALF, Design, Pair, opinion_slot, table
from factory.kinds.stored import Part, StoredFace
from factory.model import (
    ApplicationType,
    Holder,
    Occupation,
    Party,
    Registration,
)
from factory.profile import Profile
from factory.rows import Table
from factory.sheet import Value, Wording

FACE_VERSION = 1
SEALED = False
NONE = "无"  #: printed where a row has nothing to say
EXTENDS = "以上表所列信息为准。"  #: of a change whose differences are not known

#: GB/T 36903: kinds of identity paper, as printed
ID_TYPES: Mapping[str, str] = {
    "111": "居民身份证",
    "114": "军官证",
    "123": "警官证",
    "414": "普通护照",
    "511": "台湾居民来往大陆通行证",
    "516": "港澳居民来往内地通行证",
    "553": "外国人永久居留身份证",
}


class _Hours(Part):
    compulsory: int
    elective: int
    taught_on: date | None
    taught_by: str | None


class _Applied(Part):
    name: str
    qualified_on: date | None
    qualified_in: str | None
    qualification_number: str | None
    hours: _Hours | None


class _Registered(Part):
    name: str
    last: date
    main: bool


class _Current(Part):
    number: str
    professions: tuple[_Registered, ...]


class _Change(Part):
    what: str
    old: str | None  #: None of a picture, as is the new one
    new: str | None


class _Opinion(Part):
    party: Party
    template: str
    signed: bool  #: into a field of the file; else by pen or stamp


class _Holder(Part):
    name: str
    sex: str
    birth_date: date
    id_type: str
    id_number: str
    mobile: str | None


class _Enterprise(Part):
    name: str
    credit_code: str
    phone: str | None


class Face(StoredFace):
    """Everything that is printed, in the order of the page."""

    type: ApplicationType
    occupation: Occupation
    title: str
    number: str
    holder: _Holder
    enterprise: _Enterprise
    signature_sample: bool  #: 注册证书个人签名样式
    professions: tuple[_Applied, ...]
    current: _Current | None
    changes: tuple[_Change, ...]
    reason: str | None
    opinions: tuple[_Opinion, ...]
    made_at: AwareDatetime
    photo: str | None
    signature: str | None


def face(
    *,
    profile: Profile,
    data: Applied,
    registered: Registration | None,
    made_at: datetime,
    photo: str | None,
    signature: str | None,
) -> dict[str, object]:
    """The face as plain JSON.

    registered: the registration the application is about, as it stood when this was saved.
    made_at:    when it was saved (表格生成时间); aware.
    photo, signature: keyed digests of the normalised pictures.
    """
    sample = profile.certificate.holder_signature
    return Face(
        version=FACE_VERSION,
        type=data.kind,
        occupation=profile.occupation,
        title=_title(data.kind, profile.occupation),
        number=data.application.acceptance_number,
        holder=_holder(data.holder.value()),
        enterprise=_Enterprise(**data.enterprise.model_dump()),
        signature_sample=sample,
        professions=tuple(_professions(data, profile)),
        current=_current(data, registered, profile),
        changes=tuple(_changes(data, registered, photo, signature if sample else None)),
        reason=data.reason,
        opinions=tuple(_opinions(data.kind, profile)),
        made_at=made_at,
        photo=photo,
        signature=signature,
    ).model_dump(mode="json")


def read(given: Mapping[str, object]) -> Face:
    """A stored face, checked.  FieldError: a field is missing or of another version."""
    return stored.checked(Face, FACE_VERSION, given)


def title(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """What the form is called."""
    return read(face).title


def file_name(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """With the time it was made, which signing does not change."""
    given = read(face)
    return stored.file_name(given.title, given.made_at)


def sheet(profile: Profile, face: Mapping[str, object]) -> Table:  # noqa: ARG001
    """The grid; the same value for faces with the same rows."""
    given = read(face)
    forced = given.type is ApplicationType.FORCED_CANCELLATION
    return table(
        Design(
            title=given.title,
            person=_FORCED_PERSON if forced else _person(given),
            rows=_FORCED_ROWS if forced else _ROWS,
            first_mm=HALF if forced else FIRST,
            signature_sample=given.signature_sample,
            sections=tuple((label, name) for label, name, _ in _sections(given)),
            opinions=tuple((each.party, each.signed) for each in given.opinions),
            wording=Wording(
                templates=tuple(_templates(given)),
                strange=opinions.strange(given.type, given.occupation),
            ),
        )
    )


def values(profile: Profile, face: Mapping[str, object]) -> Mapping[str, Value]:  # noqa: ARG001
    """What is printed in each slot."""
    given = read(face)
    printed: dict[str, Value] = {
        "number": given.number,
        "made_at": stored.chinese_time(given.made_at),
        **dict(_about(given)),
        **{name: text for _, name, text in _sections(given)},
        **{opinion_slot(each.party): _filled(given, each.template) for each in given.opinions},
    }
    pictures = {"photo": given.photo}
    if given.signature_sample:
        pictures["signature"] = given.signature
    return printed | {role: digest for role, digest in pictures.items() if digest is not None}


# What the face holds.


def _title(kind: ApplicationType, occupation: Occupation) -> str:
    if kind is ApplicationType.FORCED_CANCELLATION:
        return f"{opinions.TYPES[kind]}申请表"
    return f"{opinions.OCCUPATIONS[occupation]}{opinions.TYPES[kind]}申请表"


def _holder(holder: Holder) -> _Holder:
    return _Holder(
        name=holder.name,
        sex=SEX_PRINTED[holder.sex],
        birth_date=holder.birth_date,
        id_type=holder.id_type,
        id_number=holder.id_number,
        mobile=holder.mobile,
    )


def _professions(data: Applied, profile: Profile) -> Iterator[_Applied]:
    order = _order(profile)
    for each in sorted(data.professions, key=lambda each: order(each.name)):
        yield _Applied(
            name=each.name,
            qualified_on=each.qualified_on,
            qualified_in=each.qualified_in,
            qualification_number=each.qualification_number,
            hours=_Hours(**each.hours.model_dump()) if each.hours else None,
        )


def _order(profile: Profile) -> Callable[[str], int]:
    """The place of a profession in the profile's order; unknown ones come last."""
    places = {name: place for place, name in enumerate(profile.professions.names)}
    return lambda name: places.get(name, len(places))


def _current(data: Applied, registered: Registration | None, profile: Profile) -> _Current | None:
    """What stands in the register; else the number that was given."""
    if registered is None:
        number = data.registration_number
        return None if number is None else _Current(number=number, professions=())
    order = _order(profile)
    return _Current(
        number=registered.number,
        professions=tuple(
            _Registered(name=each.name, last=each.validity.last, main=each.main)
            for each in sorted(registered.professions, key=lambda each: order(each.name))
        ),
    )


def _changes(
    data: Applied, registered: Registration | None, photo: str | None, signature: str | None
) -> Iterator[_Change]:
    """What a change (变更注册) makes different, in the order of the form."""
    if data.kind is not ApplicationType.CHANGE or registered is None:
        return
    old, new = registered.holder, data.holder.value()
    for what, before, after in (
        ("姓名", old.name, new.name),
        ("性别", SEX_PRINTED[old.sex], SEX_PRINTED[new.sex]),
        ("出生年月", old.birth_date.isoformat(), new.birth_date.isoformat()),
        ("证件类型", _id_type(old.id_type), _id_type(new.id_type)),
        ("证件号", old.id_number, new.id_number),
        ("企业名称", registered.enterprise.name, data.enterprise.name),
        ("统一社会信用代码", registered.enterprise.credit_code, data.enterprise.credit_code),
    ):
        if before != after:
            yield _Change(what=what, old=before, new=after)
    for what, kept, given in (
        ("照片", registered.photo, photo),
        ("注册证书个人签名", registered.signature, signature),
    ):
        if given is not None and kept != given:
            yield _Change(what=what, old=None, new=None)


def _opinions(kind: ApplicationType, profile: Profile) -> Iterator[_Opinion]:
    """In the order of signing; a forced cancellation has the person's only where it signs."""
    signers = profile.application.signers_of(kind)
    for party in Party:
        forced = kind is ApplicationType.FORCED_CANCELLATION and party is Party.APPLICANT
        if party in signers or not forced:
            text = profile.documents.opinion(kind, party)
            yield _Opinion(party=party, template=text, signed=party in signers)


# What is printed of it.

_FORCED_PERSON: tuple[tuple[Pair, Pair], tuple[Pair, Pair]] = (
    ((("姓名",), "holder.name"), (("性别",), "holder.sex")),
    ((("出生年月",), "holder.birth_date"), (("证件类型",), "holder.id_type")),
)
_FORCED_ROWS: tuple[tuple[Pair, ...], ...] = (
    ((("证件号",), "holder.id_number"), (("个人手机号",), "holder.mobile")),
    ((("申请注册企业", "（全称）"), "enterprise.name"),),
    (
        (("统一社会", "信用代码"), "enterprise.credit_code"),
        (("企业联系电话",), "enterprise.phone"),
    ),
)
_ROWS: tuple[tuple[Pair, ...], ...] = (
    ((("企业名称",), "enterprise.name"),),
    ((("个人手机号",), "holder.mobile"), (("企业联系电话",), "enterprise.phone")),
)


def _person(face: Face) -> tuple[tuple[Pair, Pair], tuple[Pair, Pair]]:
    """The identity paper is the identity card's number, or another paper's."""
    paper = "身份证号" if face.holder.id_type == RESIDENT_IDENTITY_CARD else "证件号"
    return (
        ((("姓名",), "holder.name"), (("性别",), "holder.sex")),
        ((("出生年月",), "holder.birth_date"), ((paper,), "holder.id_number")),
    )


def _about(face: Face) -> Iterator[tuple[str, Value]]:
    """The person and the enterprise."""
    yield "holder.name", face.holder.name
    yield "holder.sex", face.holder.sex
    yield "holder.birth_date", face.holder.birth_date.isoformat()
    yield "holder.id_number", face.holder.id_number
    yield "holder.mobile", face.holder.mobile or ""
    yield "enterprise.name", face.enterprise.name
    yield "enterprise.phone", face.enterprise.phone or ""
    if face.type is ApplicationType.FORCED_CANCELLATION:
        yield "holder.id_type", _id_type(face.holder.id_type)
        yield "enterprise.credit_code", face.enterprise.credit_code


def _id_type(code: str) -> str:
    return ID_TYPES.get(code, code)


Section = tuple[tuple[str, ...], str, tuple[str, ...]]  #: label, name, paragraphs

#: What is applied for, as the row 申请事项 begins it.
MATTERS: Mapping[ApplicationType, str] = {
    ApplicationType.ADDITION: "增项注册专业：",
    ApplicationType.RENEWAL: "申请延续注册专业： ",
    ApplicationType.CANCELLATION: "申请注销注册专业： ",
    ApplicationType.CHANGE: "申请变更注册事项：",
}


def _sections(face: Face) -> Iterator[Section]:
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


def _qualification(face: Face) -> Callable[[_Applied], str]:
    """One sentence a profession; a cost engineer's names profession and qualification apart."""
    if face.occupation is Occupation.CONSTRUCTOR:
        return lambda each: _sentence(("资格类别", each.name), *_proof(each))
    category = opinions.OCCUPATIONS[face.occupation]
    return lambda each: _sentence(("专业", each.name), ("资格类别", category), *_proof(each))


def _proof(each: _Applied) -> Iterator[tuple[str, str]]:
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


def _hours(hours: _Hours) -> str:
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


def _filled(face: Face, template: str) -> str:
    return opinions.filled(
        template,
        n=face.holder.name,
        e=face.enterprise.name,
        t=opinions.TYPES[face.type],
        q=opinions.OCCUPATIONS[face.occupation],
    )


def _templates(face: Face) -> Iterator[str]:
    """Every text of the form before it names anybody."""
    yield from (each.template for each in face.opinions)
    yield MATTERS.get(face.type, "")
