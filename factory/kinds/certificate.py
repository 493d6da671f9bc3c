"""The registration certificate (注册证书): its face, and what is printed of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from factory.errors import FieldError
from factory.kinds import constructor_2024, cost_engineer_2021, cost_engineer_2024
from factory.kinds.stored import Authority, Part, StoredFace, checked
from factory.model import Registration, Sex
from factory.page.sheet import Sheet, Value
from factory.profile import Profile

FACE_VERSION = 1
SEALED = True

SEX_PRINTED = {Sex.MALE: "男", Sex.FEMALE: "女"}


class _Profession(Part):
    name: str
    first: date
    last: date


class _Employer(Part):
    name: str
    credit_code: str


class Face(StoredFace):
    """Everything that is printed, in the order of the page; equals the machine-readable twin."""

    version: int = FACE_VERSION
    name: str
    sex: str
    birth_date: date
    number: str
    employer_label: str
    employer: _Employer
    professions: tuple[_Profession, ...]
    authority: Authority
    title: str
    edition: int
    licence_id: str
    verification_code: str
    verify_url: str
    query_address: str
    issued_on: date
    design: str
    photo: str | None
    signature: str | None = None  #: faces older than the field had none


def face(
    *,
    profile: Profile,
    registration: Registration,
    edition: int,
    licence_id: str,
    verification_code: str,
    verify_url: str,
    issued_on: date,
    photo: str | None,
) -> dict[str, object]:
    """The face as plain JSON; the identity number is not on it.

    verification_code: characters without groups.
    verify_url: what the code is appended to in the QR code.
    photo: digest of the normalised picture, None where there is none.
    The holder's signature (个人签名) is on it where the profile says so.
    """
    holder, enterprise = registration.holder, registration.enterprise
    order = {name: place for place, name in enumerate(profile.professions.names)}
    professions = sorted(
        registration.professions, key=lambda each: order.get(each.name, len(order))
    )
    return Face(
        name=holder.name,
        sex=SEX_PRINTED[holder.sex],
        birth_date=holder.birth_date,
        number=registration.number,
        employer_label=profile.certificate.employer_label,
        employer=_Employer(name=enterprise.name, credit_code=enterprise.credit_code),
        professions=tuple(
            _Profession(name=each.name, first=each.validity.first, last=each.validity.last)
            for each in professions
        ),
        authority=Authority.of(profile),
        title=profile.certificate.title,
        edition=edition,
        licence_id=licence_id,
        verification_code=verification_code,
        verify_url=verify_url,
        query_address=profile.certificate.query_address,
        issued_on=issued_on,
        design=profile.certificate.design,
        photo=photo,
        signature=registration.signature if profile.certificate.holder_signature else None,
    ).model_dump(mode="json")


def read(stored: Mapping[str, object]) -> Face:
    """A stored face, checked.  FieldError: a field is missing or of another version."""
    return checked(Face, FACE_VERSION, stored)


def title(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """The certificate's own title."""
    return read(face).title


def pictures(face: Mapping[str, object]) -> dict[str, str]:
    """The digests of the pictures that are printed, by role."""
    return _pictures(read(face))


def _pictures(given: Face) -> dict[str, str]:
    found = {"photo": given.photo, "signature": given.signature}
    return {role: digest for role, digest in found.items() if digest is not None}


def sheet(profile: Profile, face: Mapping[str, object]) -> Sheet:  # noqa: ARG001
    """The design with this authority's words; drawn up once for all faces that share them."""
    given = read(face)
    return _design(given).sheet(given.title, given.authority.lines, given.employer_label)


def file_name(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """With the day of issue and the edition."""
    given = read(face)
    return f"{given.title}_{given.issued_on:%Y%m%d}_{given.edition:03d}.pdf"


def values(profile: Profile, face: Mapping[str, object]) -> Mapping[str, Value]:  # noqa: ARG001
    """What is printed in each slot."""
    given = read(face)
    return {
        "holder.name": given.name,
        "holder.sex": given.sex,
        "number": given.number,
        "enterprise.name": given.employer.name,
        "query_address": given.query_address,
        "verification_code": _in_fives(given.verification_code),
        "licence_id": given.licence_id,
        "edition": f"{given.edition:03d}",
        "code": given.verify_url + given.verification_code,
        **_design(given).worded(given),
        **_pictures(given),
    }


def rows(stored: Mapping[str, object]) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """What the holder confirms (请确认以下证书信息是否正确): labels, and the lines beside them."""
    face = read(stored)
    return {
        "name": ("姓名", (face.name,)),
        "sex": ("性别", (face.sex,)),
        "number": ("注册编号", (face.number,)),
        "enterprise": (face.employer_label.strip("："), (face.employer.name,)),
        "professions": (
            "注册专业",
            tuple(f"{e.name}（有效期至{_padded(e.last)}）" for e in face.professions),
        ),
    }


def _in_fives(code: str) -> str:
    return " ".join(code[start : start + 5] for start in range(0, len(code), 5))


# --- designs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How a certificate looks, and how its days are worded.

    sheet:  draws it up from the title, the authority's two lines and the employer's label.
    worded: what is printed of the days and the professions, by slot.
    """

    sheet: Callable[[str, tuple[str, str], str], Sheet]
    worded: Callable[[Face], Mapping[str, Value]]


def _design(given: Face) -> Design:
    if given.design not in DESIGNS:
        raise FieldError("face.design", "designs of the certificate", "unknown design")
    return DESIGNS[given.design]


def _with_each_validity(given: Face) -> Mapping[str, Value]:
    """Every profession on a line of its own with its days."""
    return {
        "holder.birth_date": given.birth_date.isoformat(),
        "issued_on": _padded(given.issued_on),
        "professions": tuple(map(_profession_line, given.professions)),
    }


def _profession_line(profession: _Profession) -> str:
    first, last = _hyphened(profession.first), _hyphened(profession.last)
    return f"{profession.name}（有效期：{first}至{last}）"


def _with_period(given: Face) -> Mapping[str, Value]:
    """The profession and, on a row of its own, from when to when."""
    return {
        "holder.birth_date": _plain(given.birth_date),
        "issued_on": _plain(given.issued_on),
        "professions": _names(given),
        "validity": _alike(f"{_plain(e.first)}-{_plain(e.last)}" for e in given.professions),
    }


def _with_last_day(given: Face) -> Mapping[str, Value]:
    """The profession and, on a row of its own, until when."""
    return {
        "holder.birth_date": _padded(given.birth_date),
        "issued_on": _padded(given.issued_on),
        "professions": _names(given),
        "validity": _alike(_padded(each.last) for each in given.professions),
    }


def _names(given: Face) -> str:
    return "、".join(each.name for each in given.professions)


def _alike(lines: Iterable[str]) -> tuple[str, ...]:
    """One line if all are the same, else one for each profession."""
    found = tuple(lines)
    return found if len(set(found)) > 1 else found[:1]


def _hyphened(day: date) -> str:
    """yyyy-M-d, as the national layout of constructors prints a profession's validity."""
    return f"{day.year}-{day.month}-{day.day}"


def _plain(day: date) -> str:
    """yyyy年M月d日, as the national layout of cost engineers prints days."""
    return f"{day.year}年{day.month}月{day.day}日"


def _padded(day: date) -> str:
    return f"{day.year}年{day.month:02d}月{day.day:02d}日"


#: By the name a profile calls it.
DESIGNS: Mapping[str, Design] = {
    "constructor-2024": Design(sheet=constructor_2024.sheet, worded=_with_each_validity),
    "cost-engineer-2021": Design(sheet=cost_engineer_2021.sheet, worded=_with_last_day),
    "cost-engineer-2024": Design(sheet=cost_engineer_2024.sheet, worded=_with_period),
}
