"""The face of an application form: everything that is printed, from what was applied for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime

from pydantic import AwareDatetime

from factory import opinions
from factory.events import Applied
from factory.kinds import stored
from factory.kinds.certificate import SEX_PRINTED
from factory.kinds.stored import Part, StoredFace
from factory.model import ApplicationType, Holder, Occupation, Party, Registration
from factory.profile import Profile

FACE_VERSION = 1

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


class PrintedHours(Part):
    """Continuing education (继续教育) of one profession."""

    compulsory: int
    elective: int
    taught_on: date | None
    taught_by: str | None


class PrintedProfession(Part):
    """A profession that is applied for."""

    name: str
    qualified_on: date | None
    qualified_in: str | None
    qualification_number: str | None
    hours: PrintedHours | None


class RegisteredProfession(Part):
    """A profession that is registered."""

    name: str
    last: date
    main: bool


class Current(Part):
    """The registration it is about, as it stood when this was saved."""

    number: str
    professions: tuple[RegisteredProfession, ...]


class Changed(Part):
    """One thing that a change makes different."""

    what: str
    old: str | None  #: None of a picture, as is the new one
    new: str | None


class PrintedOpinion(Part):
    """What a party declares, before names are filled in."""

    party: Party
    template: str
    signed: bool  #: into a field of the file; else by pen or stamp


class PrintedHolder(Part):
    """The person."""

    name: str
    sex: str
    birth_date: date
    id_type: str
    id_number: str
    mobile: str | None


class PrintedEnterprise(Part):
    """The employing enterprise."""

    name: str
    credit_code: str
    phone: str | None


class Face(StoredFace):
    """Everything that is printed, in the order of the page."""

    type: ApplicationType
    occupation: Occupation
    title: str
    number: str
    holder: PrintedHolder
    enterprise: PrintedEnterprise
    signature_sample: bool  #: 注册证书个人签名样式
    professions: tuple[PrintedProfession, ...]
    current: Current | None
    changes: tuple[Changed, ...]
    reason: str | None
    opinions: tuple[PrintedOpinion, ...]
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
        enterprise=PrintedEnterprise(**data.enterprise.model_dump()),
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


def id_type(code: str) -> str:
    """What a kind of identity paper is called; a code that is not known is printed itself."""
    return ID_TYPES.get(code, code)


def _title(kind: ApplicationType, occupation: Occupation) -> str:
    if kind is ApplicationType.FORCED_CANCELLATION:
        return f"{opinions.TYPES[kind]}申请表"
    return f"{opinions.OCCUPATIONS[occupation]}{opinions.TYPES[kind]}申请表"


def _holder(holder: Holder) -> PrintedHolder:
    return PrintedHolder(
        name=holder.name,
        sex=SEX_PRINTED[holder.sex],
        birth_date=holder.birth_date,
        id_type=holder.id_type,
        id_number=holder.id_number,
        mobile=holder.mobile,
    )


def _professions(data: Applied, profile: Profile) -> Iterator[PrintedProfession]:
    order = _order(profile)
    for each in sorted(data.professions, key=lambda each: order(each.name)):
        yield PrintedProfession(
            name=each.name,
            qualified_on=each.qualified_on,
            qualified_in=each.qualified_in,
            qualification_number=each.qualification_number,
            hours=PrintedHours(**each.hours.model_dump()) if each.hours else None,
        )


def _order(profile: Profile) -> Callable[[str], int]:
    """The place of a profession in the profile's order; unknown ones come last."""
    places = {name: place for place, name in enumerate(profile.professions.names)}
    return lambda name: places.get(name, len(places))


def _current(data: Applied, registered: Registration | None, profile: Profile) -> Current | None:
    """What stands in the register; else the number that was given."""
    if registered is None:
        number = data.registration_number
        return None if number is None else Current(number=number, professions=())
    order = _order(profile)
    return Current(
        number=registered.number,
        professions=tuple(
            RegisteredProfession(name=each.name, last=each.validity.last, main=each.main)
            for each in sorted(registered.professions, key=lambda each: order(each.name))
        ),
    )


def _changes(
    data: Applied, registered: Registration | None, photo: str | None, signature: str | None
) -> Iterator[Changed]:
    """What a change (变更注册) makes different, in the order of the form."""
    if data.kind is not ApplicationType.CHANGE or registered is None:
        return
    old, new = registered.holder, data.holder.value()
    for what, before, after in (
        ("姓名", old.name, new.name),
        ("性别", SEX_PRINTED[old.sex], SEX_PRINTED[new.sex]),
        ("出生年月", old.birth_date.isoformat(), new.birth_date.isoformat()),
        ("证件类型", id_type(old.id_type), id_type(new.id_type)),
        ("证件号", old.id_number, new.id_number),
        ("企业名称", registered.enterprise.name, data.enterprise.name),
        ("统一社会信用代码", registered.enterprise.credit_code, data.enterprise.credit_code),
    ):
        if before != after:
            yield Changed(what=what, old=before, new=after)
    for what, kept, given in (
        ("照片", registered.photo, photo),
        ("注册证书个人签名", registered.signature, signature),
    ):
        if given is not None and kept != given:
            yield Changed(what=what, old=None, new=None)


def _opinions(kind: ApplicationType, profile: Profile) -> Iterator[PrintedOpinion]:
    """In the order of signing; a forced cancellation has the person's only where it signs."""
    signers = profile.application.signers_of(kind)
    for party in Party:
        forced = kind is ApplicationType.FORCED_CANCELLATION and party is Party.APPLICANT
        if party in signers or not forced:
            text = profile.documents.opinion(kind, party)
            yield PrintedOpinion(party=party, template=text, signed=party in signers)
