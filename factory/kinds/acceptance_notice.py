"""The acceptance notice (行政审批受理通知书): sealed, dated proof that an application was accepted.

行政许可法 art. 32 knows two more notices, of refusal (不予受理) and of what is missing (补正告知);
they differ in title and statement alone, which is why the design takes both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from pydantic import AwareDatetime

from factory import opinions
from factory.events import Applied
from factory.kinds import notice_design, stored
from factory.kinds.stored import Authority, StoredFace
from factory.model import ApplicationType, Occupation
from factory.page.rows import Table
from factory.page.sheet import Value, Wording
from factory.profile import Profile

FACE_VERSION = 1
SEALED = True
TITLE = "行政审批受理通知书"
STATEMENT = "你于{day}提出的{matter}申请，经审查，申请材料已齐全并符合法定形式，现予受理。"
TIME_LIMIT = "本机关将自受理之日起{days}个工作日内作出行政许可决定。"


class Face(StoredFace):
    """Everything that is printed, in the order of the page."""

    number: str
    type: ApplicationType
    occupation: Occupation
    applicant: str
    contact: str
    phone: str | None
    enterprise: str
    acceptance_number: str
    professions: tuple[str, ...]
    accepted_at: AwareDatetime
    legal_basis: tuple[str, ...]
    working_days: int | None
    authority: Authority


def face(
    *, profile: Profile, number: str, data: Applied, accepted_at: datetime
) -> dict[str, object]:
    """The face as plain JSON.

    number:      of the notice, as ``profile.documents.number`` gives it.
    accepted_at: when the last party signed; aware.  The time limit begins on that day.
    """
    forced = data.kind is ApplicationType.FORCED_CANCELLATION
    return Face(
        version=FACE_VERSION,
        number=number,
        type=data.kind,
        occupation=profile.occupation,
        applicant=data.enterprise.name if forced else data.holder.name,
        contact="" if forced else data.holder.name,
        phone=data.enterprise.phone if forced else data.holder.mobile,
        enterprise=data.enterprise.name,
        acceptance_number=data.application.acceptance_number,
        professions=tuple(each.name for each in data.professions),
        accepted_at=accepted_at,
        legal_basis=profile.documents.legal_basis,
        working_days=profile.documents.notice_days,
        authority=Authority.of(profile),
    ).model_dump(mode="json")


def read(given: Mapping[str, object]) -> Face:
    """A stored face, checked.  FieldError: a field is missing or of another version."""
    return stored.checked(Face, FACE_VERSION, given)


def title(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """What the notice is called."""
    return TITLE


def file_name(profile: Profile, face: Mapping[str, object]) -> str:  # noqa: ARG001
    """With the time of acceptance."""
    return stored.file_name(TITLE, read(face).accepted_at)


def sheet(profile: Profile, face: Mapping[str, object]) -> Table:  # noqa: ARG001
    """The notice's rows; the same value for faces that have the same rows."""
    given = read(face)
    wording = Wording(
        templates=(STATEMENT, *given.legal_basis),
        strange=opinions.strange(given.type, given.occupation),
    )
    return notice_design.table(TITLE, bool(given.professions), wording)


def values(profile: Profile, face: Mapping[str, object]) -> Mapping[str, Value]:  # noqa: ARG001
    """What is printed in each slot."""
    given = read(face)
    day = stored.local(given.accepted_at).date()
    printed: dict[str, Value] = {
        "notice_number": given.number,
        "applicant": given.applicant,
        "contact": given.contact,
        "phone": given.phone or "",
        "enterprise": given.enterprise,
        "matter": _matter(given),
        "applied_on": stored.chinese_day(day),
        "number": given.acceptance_number,
        "legal_basis": "、".join(given.legal_basis),
        "statement": tuple(_statement(given, stored.chinese_day(day))),
        "authority": (*given.authority.lines, stored.chinese_day(day)),
    }
    if given.professions:
        printed["professions"] = "、".join(given.professions)
    return printed


def _matter(face: Face) -> str:
    return opinions.matter(face.type, face.occupation)


def _statement(face: Face, day: str) -> Iterator[str]:
    yield STATEMENT.format(day=day, matter=_matter(face))
    if face.working_days is not None:
        yield TIME_LIMIT.format(days=face.working_days)
