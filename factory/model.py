"""The domain's values: frozen, valid by construction, without behaviour of any one province."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NewType
from zoneinfo import ZoneInfo

from factory.errors import FieldError

SHANGHAI = ZoneInfo("Asia/Shanghai")  #: the one zone of China, by which days are counted

ProfileId = NewType("ProfileId", str)
RegistrationId = NewType("RegistrationId", str)  #: random, 32 hex digits; stands in object keys
OrderId = NewType("OrderId", int)
ChunkId = NewType("ChunkId", int)
BatchId = NewType("BatchId", int)


class Occupation(StrEnum):
    """What is practised (职业)."""

    CONSTRUCTOR = "constructor_l2"  #: 二级建造师
    COST_ENGINEER = "cost_engineer_l2"  #: 二级造价工程师


class Kind(StrEnum):
    """What a document is (文书种类)."""

    CERTIFICATE = "certificate"  #: 注册证书
    APPLICATION_FORM = "application_form"  #: 注册申请表
    ACCEPTANCE_NOTICE = "acceptance_notice"  #: 行政审批受理通知书
    FILING_SLIP = "filing_slip"  #: 申报告知单
    RENAME_LIST = "rename_list"  #: 企业更名结果
    BATCH_REPORT = "batch_report"  #: 批次报告


class Format(StrEnum):
    """How a document is written."""

    PDF = "pdf"
    OFD = "ofd"  #: GB/T 33190-2016


class ApplicationType(StrEnum):
    """What is applied for (申请类别)."""

    INITIAL = "initial"  #: 初始注册
    ADDITION = "addition"  #: 增项注册
    RENEWAL = "renewal"  #: 延续注册
    CANCELLATION = "cancellation"  #: 注销注册, of all or of some professions
    FORCED_CANCELLATION = "forced_cancellation"  #: 企业强制注销
    REREGISTRATION = "reregistration"  #: 重新注册
    CHANGE = "change"  #: 变更注册
    PAPER_EXCHANGE = "paper_exchange"  #: 纸质证书换领电子证书


#: types that end professions, or all of a registration
CANCELLING = frozenset({ApplicationType.CANCELLATION, ApplicationType.FORCED_CANCELLATION})


class Party(StrEnum):
    """Who signs an application form (签署方)."""

    APPLICANT = "applicant"  #: 申请人
    ENTERPRISE = "enterprise"  #: 聘用企业


class ApplicationState(StrEnum):
    """Of an application (办理状态)."""

    DRAFT = "draft"  #: 填写中
    AWAITS_APPLICANT = "awaits_applicant"  #: 待个人签名
    AWAITS_ENTERPRISE = "awaits_enterprise"  #: 待企业签名
    ENTERPRISE_REVIEW = "enterprise_review"  #: 待企业确认
    ACCEPTED = "accepted"  #: 已受理
    REVIEWING = "reviewing"  #: 审批中
    PUBLICITY = "publicity"  #: 公示
    APPROVED = "approved"  #: 审批通过 待公告
    RETURNED = "returned"  #: 退回
    COMPLETED = "completed"  #: 办结
    REJECTED = "rejected"  #: 不予批准
    WITHDRAWN = "withdrawn"  #: 已撤回


class Standing(StrEnum):
    """Of a registration (注册状态); expired is derived when read."""

    ACTIVE = "active"  #: 有效
    SUSPENDED = "suspended"  #: 暂扣
    CANCELLED = "cancelled"  #: 注销
    LAPSED = "lapsed"  #: 过期失效, followed by another registration


class Sex(StrEnum):
    """性别."""

    MALE = "male"
    FEMALE = "female"


class OrderState(StrEnum):
    """Of a production order (生产单)."""

    WAITING = "waiting"  #: for something outside: an announcement, a collection
    READY = "ready"
    MADE = "made"
    HELD = "held"  #: stopped for a person
    VOID = "void"


class EditionState(StrEnum):
    """Of one issue of a certificate (版本); expired is derived when read."""

    ORDERED = "ordered"  #: 生成中
    UNCOLLECTED = "uncollected"  #: 未领证
    COLLECTED = "collected"  #: 已领证
    OUTDATED = "outdated"  #: genuine, but no longer what the register says
    SUPERSEDED = "superseded"  #: 已作废, a newer edition stands
    REVOKED = "revoked"  #: 已注销


class DocumentState(StrEnum):
    """Of a document; one that is void keeps its file."""

    ORDERED = "ordered"  #: 生成中
    LIVE = "live"  #: 有效
    VOID = "void"  #: 作废


class ChunkState(StrEnum):
    """Of a claimable set of orders (块)."""

    READY = "ready"
    LEASED = "leased"
    CLOSED = "closed"


class BatchState(StrEnum):
    """Of a bulk event's life (批次)."""

    PREPARING = "preparing"
    AWAITING = "awaiting_confirmation"
    RUNNING = "running"
    PAUSED = "paused"  #: by a person
    STOPPED = "stopped"  #: by the brake; a person lets it go on, or cancels it
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    """Of one affected registration in a batch (条目)."""

    PENDING = "pending"
    ORDERED = "ordered"
    DONE = "done"
    SKIPPED = "skipped"
    HELD = "held"


class Queue(StrEnum):
    """Each has a pool of its own, so bulk never starves an approval."""

    INTERACTIVE = "interactive"
    BULK = "bulk"
    CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Validity (有效期), first and last day included.  GB/T 36903-2018."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise FieldError("validity", "GB/T 36903-2018", f"{self.first} to {self.last}")

    def covers(self, day: date) -> bool:
        """Whether the day lies in it."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Profession:
    """One registered profession (注册专业) with its own validity."""

    name: str
    validity: Period
    main: bool = False  #: 主项


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The person a certificate names (持证人).  All of it is personal data."""

    name: str
    sex: Sex
    birth_date: date
    id_type: str  #: GB/T 36903 code, 111 is the resident identity card
    id_number: str
    mobile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    """The employing enterprise (聘用企业)."""

    credit_code: str  #: 统一社会信用代码, GB 32100-2015
    name: str


BRACKETS = str.maketrans("（）", "()")


def same_name(one: str, other: str) -> bool:
    """Whether two names of an enterprise are one: full-width and half-width brackets are alike.

    >>> same_name("甲（上海）公司", "甲(上海)公司")
    True
    """
    return one.translate(BRACKETS) == other.translate(BRACKETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One holder at one enterprise under one number (注册); the certificate as a lasting thing."""

    number: str  #: as printed, either spelling
    holder: Holder
    enterprise: Enterprise
    occupation: Occupation
    professions: tuple[Profession, ...]
    photo: str | None = None  #: keyed digest of the normalised picture
    signature: str | None = None  #: keyed digest of the signature picture (个人签名)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The stored intent to produce one document: everything that will be printed (生产单).

    face:      the JSON face of its kind; equals the machine-readable twin.
    pictures:  role -> normalised JPEG bytes, e.g. ``{"photo": ...}``.
    identity:  the signing identity the seal comes from; None: nobody of ours seals it.
    signed_at: aware UTC; the signing time printed into the signature.
    key_stem:  object key without its extension, e.g. ``profile/registration/edition/kind``.
    """

    id: OrderId
    kind: Kind
    profile: ProfileId
    profile_version: str
    face: Mapping[str, object]
    pictures: Mapping[str, bytes] = field(repr=False)
    formats: tuple[Format, ...]
    identity: str | None
    signed_at: datetime
    key_stem: str

    def object_key(self, fmt: Format) -> str:
        """Where the file of that format lives in the store."""
        return f"{self.key_stem}.{fmt}"
