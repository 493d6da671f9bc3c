"""The application form (注册申请表) of every type and occupation."""

from __future__ import annotations

from collections.abc import Mapping

from factory import opinions
from factory.kinds import stored
from factory.kinds.form_design import FIRST, HALF, Design, opinion_slot, table
from factory.kinds.form_face import FACE_VERSION, Face, face, read
from factory.kinds.form_rows import (
    FORCED_PERSON,
    FORCED_ROWS,
    ROWS,
    about,
    opinion,
    person,
    sections,
    templates,
)
from factory.model import ApplicationType
from factory.page.rows import Table
from factory.page.sheet import Value, Wording
from factory.profile import Profile

__all__ = [
    "FACE_VERSION",
    "SEALED",
    "Face",
    "face",
    "file_name",
    "read",
    "sheet",
    "title",
    "values",
]

SEALED = False


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
            person=FORCED_PERSON if forced else person(given),
            rows=FORCED_ROWS if forced else ROWS,
            first_mm=HALF if forced else FIRST,
            signature_sample=given.signature_sample,
            sections=tuple((label, name) for label, name, _ in sections(given)),
            opinions=tuple((each.party, each.signed) for each in given.opinions),
            wording=Wording(
                templates=tuple(templates(given)),
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
        **dict(about(given)),
        **{name: text for _, name, text in sections(given)},
        **{opinion_slot(each.party): opinion(given, each.template) for each in given.opinions},
    }
    pictures = {"photo": given.photo}
    if given.signature_sample:
        pictures["signature"] = given.signature
    return printed | {role: digest for role, digest in pictures.items() if digest is not None}
