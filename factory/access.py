"""Who may see what (谁可以看什么): one table for every door of the factory.

After the manuals of the five systems: the holder sees everything of their own, the enterprise
what concerns its own people as the profile says, the counter (窗口) everything, the public only
what verification by code tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from factory.errors import ForbiddenError
from factory.profile import Profile


class Viewer(StrEnum):
    """Who looks."""

    HOLDER = "holder"  #: 持证人
    ENTERPRISE = "enterprise"  #: 聘用企业
    COUNTER = "counter"  #: 窗口, 注册中心
    PUBLIC = "public"  #: 公众


class Thing(StrEnum):
    """What is looked at."""

    APPLICATION_FORM = "application_form"  #: 注册申请表
    ACCEPTANCE_NOTICE = "acceptance_notice"  #: 行政审批受理通知书
    MATERIAL = "material"  #: 申报材料
    CERTIFICATE_FILE = "certificate_file"  #: 证书文件
    EDITION_LIST = "edition_list"  #: 版本记录 with its collection states
    VERIFICATION = "verification"  #: 按验证码查验


class Rule(StrEnum):
    """How far a viewer may see a thing."""

    ALL = "all"
    OWN = "own"  #: the holder's own, or of the enterprise's own people
    BY_PROFILE = "by_profile"  #: as the profile says, and only of its own people
    NEVER = "never"


TABLE: Mapping[Thing, Mapping[Viewer, Rule]] = MappingProxyType(
    {
        Thing.APPLICATION_FORM: {
            Viewer.HOLDER: Rule.OWN,
            Viewer.ENTERPRISE: Rule.OWN,
            Viewer.COUNTER: Rule.ALL,
            Viewer.PUBLIC: Rule.NEVER,
        },
        Thing.ACCEPTANCE_NOTICE: {
            Viewer.HOLDER: Rule.OWN,
            Viewer.ENTERPRISE: Rule.OWN,
            Viewer.COUNTER: Rule.ALL,
            Viewer.PUBLIC: Rule.NEVER,
        },
        Thing.MATERIAL: {
            Viewer.HOLDER: Rule.OWN,
            Viewer.ENTERPRISE: Rule.OWN,
            Viewer.COUNTER: Rule.ALL,
            Viewer.PUBLIC: Rule.NEVER,
        },
        Thing.CERTIFICATE_FILE: {
            Viewer.HOLDER: Rule.OWN,
            Viewer.ENTERPRISE: Rule.BY_PROFILE,
            Viewer.COUNTER: Rule.ALL,
            Viewer.PUBLIC: Rule.NEVER,
        },
        Thing.EDITION_LIST: {
            Viewer.HOLDER: Rule.OWN,
            Viewer.ENTERPRISE: Rule.OWN,
            Viewer.COUNTER: Rule.ALL,
            Viewer.PUBLIC: Rule.NEVER,
        },
        Thing.VERIFICATION: dict.fromkeys(Viewer, Rule.ALL),
    }
)


def check(viewer: Viewer, thing: Thing, profile: Profile, *, own: bool) -> None:
    """Nothing, if the viewer may see it.  ForbiddenError: why not.

    own: whether it is the holder's own, or of one of the enterprise's people.
    """
    rule = TABLE[thing][viewer]
    if rule is Rule.NEVER:
        raise ForbiddenError(f"{thing}: the {viewer} may verify by code, and see no more")
    if rule is Rule.BY_PROFILE and profile.access.enterprise_certificate != "file":
        raise ForbiddenError(
            f"{thing}: in {profile.id} the {viewer} sees whether it is collected, and gets no file"
        )
    if rule is not Rule.ALL and not own:
        raise ForbiddenError(f"{thing}: belongs to another {viewer}")
