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
    """What is looked at, or done."""

    EVENT = "event"  #: 事件, and what followed from it
    APPLICATION_FORM = "application_form"  #: 注册申请表
    ACCEPTANCE_NOTICE = "acceptance_notice"  #: 行政审批受理通知书
    SIGNING = "signing"  #: 签署, each party for itself
    MATERIAL = "material"  #: 申报材料
    FILING_SLIP = "filing_slip"  #: 申报告知单, with its query code
    RENAME_LIST = "rename_list"  #: 企业更名结果, with everybody's name
    BATCH_REPORT = "batch_report"  #: 批次报告, of counts and times alone
    PROGRESS = "progress"  #: 办事进度, by both numbers of the slip
    CERTIFICATE_FILE = "certificate_file"  #: 证书文件
    COLLECTION = "collection"  #: 领证
    EDITION_LIST = "edition_list"  #: 版本记录 with its collection states
    VERIFICATION = "verification"  #: 按验证码或文件查验


class Rule(StrEnum):
    """How far a viewer may see a thing."""

    ALL = "all"
    OWN = "own"  #: the holder's own, or of the enterprise's own people
    BY_PROFILE = "by_profile"  #: as the profile says, and only of its own people
    NEVER = "never"


def _rules(holder: Rule, enterprise: Rule, counter: Rule, public: Rule) -> Mapping[Viewer, Rule]:
    rules = (holder, enterprise, counter, public)
    return MappingProxyType(dict(zip(Viewer, rules, strict=True)))


TABLE: Mapping[Thing, Mapping[Viewer, Rule]] = MappingProxyType(
    {
        Thing.EVENT: _rules(Rule.OWN, Rule.OWN, Rule.ALL, Rule.NEVER),
        Thing.APPLICATION_FORM: _rules(Rule.OWN, Rule.OWN, Rule.ALL, Rule.NEVER),
        Thing.ACCEPTANCE_NOTICE: _rules(Rule.OWN, Rule.OWN, Rule.ALL, Rule.NEVER),
        Thing.SIGNING: _rules(Rule.OWN, Rule.OWN, Rule.ALL, Rule.NEVER),
        Thing.MATERIAL: _rules(Rule.OWN, Rule.OWN, Rule.ALL, Rule.NEVER),
        Thing.FILING_SLIP: _rules(Rule.OWN, Rule.NEVER, Rule.ALL, Rule.NEVER),
        Thing.RENAME_LIST: _rules(Rule.NEVER, Rule.OWN, Rule.ALL, Rule.NEVER),
        Thing.BATCH_REPORT: _rules(Rule.NEVER, Rule.OWN, Rule.ALL, Rule.NEVER),
        Thing.PROGRESS: _rules(Rule.ALL, Rule.ALL, Rule.ALL, Rule.ALL),
        Thing.CERTIFICATE_FILE: _rules(Rule.OWN, Rule.BY_PROFILE, Rule.ALL, Rule.NEVER),
        Thing.COLLECTION: _rules(Rule.OWN, Rule.NEVER, Rule.ALL, Rule.NEVER),
        Thing.EDITION_LIST: _rules(Rule.OWN, Rule.OWN, Rule.ALL, Rule.NEVER),
        Thing.VERIFICATION: _rules(Rule.ALL, Rule.ALL, Rule.ALL, Rule.ALL),
    }
)
NEVER: Mapping[Viewer, str] = MappingProxyType(
    {
        Viewer.HOLDER: "is about other people too; it is the enterprise's, and the counter's",
        Viewer.ENTERPRISE: "is the holder's own affair, or the counter's",
        Viewer.PUBLIC: "the public may verify by code, and see no more",
    }
)


def check(viewer: Viewer, thing: Thing, profile: Profile | None, *, own: bool) -> None:
    """Nothing, if the viewer may see it.  ForbiddenError: why not.

    profile: of the register it is in; None where it is in none, or in one that is gone.
    own:     whether it is the holder's own, or of one of the enterprise's people.
    """
    rule = TABLE[thing][viewer]
    if rule is Rule.NEVER:
        raise ForbiddenError(f"{thing}: {NEVER[viewer]}")
    if rule is not Rule.ALL and not own:
        raise ForbiddenError(f"{thing}: belongs to another {viewer}")
    if rule is Rule.BY_PROFILE and not _gives_files(profile):
        name = profile.id if profile is not None else "an unknown register"
        raise ForbiddenError(
            f"{thing}: in {name} the {viewer} sees whether it is collected, and gets no file"
        )


def _gives_files(profile: Profile | None) -> bool:
    return profile is not None and profile.access.enterprise_certificate == "file"
