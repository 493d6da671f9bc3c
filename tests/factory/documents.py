"""Applications and registrations to make documents of; all of them synthetic."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from factory import profile as profiles
from factory.events import Applied
from factory.events.data import BEGINNING, PICTURES_APART, QUALIFYING, WHOLE
from factory.kinds import application_form
from factory.model import (
    CANCELLING,
    ApplicationType,
    Enterprise,
    Holder,
    Occupation,
    Period,
    Profession,
    Registration,
    Sex,
)
from factory.profile import Profile, parse

SAVED = datetime(2018, 4, 9, 7, 36, 0, tzinfo=UTC)
ACCEPTANCE_NUMBER = "W2018040330039180103"
REASON = "已与聘用企业解除聘用合同关系"
NAMES = (
    "shanghai-constructor",
    "shanghai-cost-engineer",
    "gansu-constructor",
    "shaanxi-constructor",
    "zhejiang-constructor",
)


def installed(name: str) -> Profile:
    """An installed profile."""
    return parse((Path(profiles.__file__).parent / "profiles" / f"{name}.toml").read_text("utf-8"))


PROFILES = {name: installed(name) for name in NAMES}
#: Every form there is.
FORMS = [
    (name, kind)
    for name, profile in PROFILES.items()
    for kind in profile.documents.application_forms
]


def applied(
    profile: Profile,
    kind: ApplicationType,
    *,
    name: str = "张三丰",
    enterprise: str = "上海测试建设集团有限公司",
    professions: int = 1,
    hours: bool = False,
    reason: str = REASON,
    listed: Sequence[dict[str, object]] | None = None,
    **more: object,
) -> Applied:
    """What was applied for; pictures lie elsewhere.  listed: the professions as they are sent."""
    names = () if kind in WHOLE else profile.professions.names[:professions]
    if listed is None:
        listed = [_profession(each, kind, hours) for each in names]
    return Applied.model_validate(
        {
            "profile": profile.id,
            "application": {"type": kind.value, "acceptance_number": ACCEPTANCE_NUMBER},
            "holder": {
                "name": name,
                "sex": "female",
                "birth_date": "1990-01-01",
                "id_number": "310101199001010008",
                "mobile": "13900001234",
            },
            "enterprise": {
                "credit_code": "91310000MA1FL00004",
                "name": enterprise,
                "phone": "021-50000000",
            },
            "professions": list(listed),
            "reason": reason if kind in CANCELLING else None,
            **more,
        },
        context=PICTURES_APART,
    )


def _profession(name: str, kind: ApplicationType, hours: bool) -> dict[str, object]:
    given: dict[str, object] = {"name": name}
    if kind in QUALIFYING:
        given["qualified_on"] = "2016-11-03"
    if hours:
        given["hours"] = {"compulsory": 110, "elective": 100}
    return given


def standing(
    profile: Profile, *, professions: int = 1, name: str = "张三丰", enterprise: str = "旧名公司"
) -> Registration:
    """A registration as the register knew it when the application was saved."""
    validity = Period(first=date(2018, 6, 14), last=date(2021, 6, 13))
    constructor = profile.occupation is Occupation.CONSTRUCTOR
    return Registration(
        number="沪231161800057" if constructor else "建[造]21213100000123",
        holder=Holder(
            name=name,
            sex=Sex.FEMALE,
            birth_date=date(1990, 1, 1),
            id_type="111",
            id_number="310101199001010008",
        ),
        enterprise=Enterprise(credit_code="91310000MA1FL00004", name=enterprise),
        occupation=profile.occupation,
        professions=tuple(
            Profession(name=each, validity=validity, main=place == 0)
            for place, each in enumerate(profile.professions.names[:professions])
        ),
        photo="digest",
        signature="digest",
    )


def form(
    profile: Profile,
    kind: ApplicationType,
    registered: Registration | None = None,
    *,
    photo: str | None = "digest",
    signature: str | None = "digest",
    **given: object,
) -> dict[str, object]:
    """The face of a form; about a registration, where it is about one."""
    if registered is None and kind not in BEGINNING:
        count = given.get("professions", 1)
        registered = standing(profile, professions=count if isinstance(count, int) else 1)
    return application_form.face(
        profile=profile,
        data=applied(profile, kind, **given),  # type: ignore[arg-type] # by name, as given
        registered=registered,
        made_at=SAVED,
        photo=photo,
        signature=signature,
    )
