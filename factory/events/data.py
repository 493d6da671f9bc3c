"""What each event carries: one frozen model a type, unknown fields refused.

A well-formed value the authority approved is never refused for a check character, nor for a
character no face can print: that is asked when the work is planned, and holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_validator,
)

from factory.events.parts import (
    COUNT,
    MAX_PROFESSIONS,
    AcceptanceNumber,
    AppliedProfession,
    Base64Bytes,
    CreditCode,
    EnterpriseData,
    EnterpriseName,
    HolderData,
    HolderReference,
    ImportedProfession,
    OpenReason,
    Part,
    Photo,
    ProfileId,
    Reason,
    RegistrationNumber,
    StoredPhoto,
    counted,
    distinct,
    distinct_numbers,
)
from factory.events.text import Day, Instant, Text, broken
from factory.model import CANCELLING, ApplicationType, Party, Standing, same_name

#: types in which every profession is newly qualified
QUALIFYING = frozenset(
    {ApplicationType.INITIAL, ApplicationType.ADDITION, ApplicationType.REREGISTRATION}
)
#: types that begin a registration, so a photo has to come with them
BEGINNING = frozenset({ApplicationType.INITIAL, ApplicationType.REREGISTRATION})
#: types about the whole registration, which name no professions
WHOLE = frozenset({ApplicationType.CHANGE, ApplicationType.PAPER_EXCHANGE})
#: validation context of data whose pictures are kept elsewhere
PICTURES_APART = {"pictures": "apart"}
MOST_NUMBERS = 20_000  #: of a list to issue anew; the event holds no more than a MiB
MOST_SIGNATURE_BYTES = 64 * 1024  #: a CMS with a chain has some thousands
AT_MOST: dict[str, JsonValue] = {"maxItems": MAX_PROFESSIONS}

Standings = Literal[Standing.ACTIVE, Standing.SUSPENDED, Standing.CANCELLED]


def _bounded(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) > MAX_PROFESSIONS:
        raise broken(f"has {len(value)} entries instead of at most {MAX_PROFESSIONS}")
    return value


class ApplicationData(Part):
    """An application (注册申请)."""

    type: ApplicationType = Field(description="Type (申请类别), e.g. initial (初始注册)")
    acceptance_number: AcceptanceNumber = Field(description="Acceptance number (受理编号), opaque")


class Applied(Part):
    """What an application and its approval have in common; its rules go by the type."""

    model_config = ConfigDict(validate_default=True)

    profile: ProfileId
    application: ApplicationData
    registration_number: RegistrationNumber | None = Field(
        default=None, description="Registration number (注册编号) it is about; not for initial"
    )
    holder: HolderData
    enterprise: EnterpriseData
    professions: Annotated[
        tuple[AppliedProfession, ...], BeforeValidator(_bounded), AfterValidator(distinct)
    ] = Field(
        default=(),
        json_schema_extra=AT_MOST,
        description="Professions (注册专业): to register, renew or cancel; none for a change or"
        " a paper exchange",
    )
    photo: Photo | None = Field(
        default=None, description="Photo of the holder (照片); needed where a registration begins"
    )
    signature: Photo | None = Field(
        default=None, description="Picture of the holder's signature (个人签名)"
    )
    reason: Reason | None = Field(
        default=None, description="Why it is cancelled (注销原因); needed there"
    )

    @property
    def kind(self) -> ApplicationType:
        """What is applied for."""
        return self.application.type

    @field_validator("registration_number")
    @classmethod
    def _of_what_exists(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = _kind(info)
        if kind in BEGINNING and value is not None:
            raise broken(f"{kind}: there is no number yet, it is drawn")
        return value

    @field_validator("professions")
    @classmethod
    def _as_many_as_needed(
        cls, value: tuple[AppliedProfession, ...], info: ValidationInfo
    ) -> tuple[AppliedProfession, ...]:
        kind = _kind(info)
        if kind in WHOLE and value:
            raise broken(f"{kind}: names none, it is about the whole registration")
        if kind is not None and kind not in WHOLE and not value:
            raise broken(f"{kind}: names at least one")
        if kind in QUALIFYING and not all(each.qualified_on for each in value):
            raise broken(f"{kind}: each needs qualified_on (签发日期)")
        return value

    @field_validator("photo")
    @classmethod
    def _where_a_registration_begins(
        cls, value: Photo | None, info: ValidationInfo
    ) -> Photo | None:
        kind = _kind(info)
        if kind in BEGINNING and value is None and info.context is not PICTURES_APART:
            raise broken(f"{kind}: needs a photo (照片)")
        return value

    @field_validator("reason")
    @classmethod
    def _why_it_ends(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = _kind(info)
        if kind in CANCELLING and value is None:
            raise broken(f"{kind}: needs a reason (注销原因)")
        return value


def _kind(info: ValidationInfo) -> ApplicationType | None:
    """The type of the application; None where that field itself is wrong."""
    application = info.data.get("application")
    return application.type if isinstance(application, ApplicationData) else None


class RegistrationApproved(Applied):
    """The authority approved an application: the register changes and an edition is ordered."""

    approved_on: Day = Field(description="Day of approval (批准日期)")


class ApplicationSaved(Applied):
    """An application was filled in: a new revision; signatures of earlier ones are void (作废)."""

    revision: int = Field(ge=1, le=9999, strict=True, description="Counts what was saved, from 1")
    saved_at: Instant = Field(description="When it was saved (表格生成时间)")
    submitted: bool = Field(
        default=False,
        strict=True,
        description="Whether it is handed in with this (提交); where nobody signs",
    )


class _OfApplication(Part):
    """What is said of an application that was saved."""

    profile: ProfileId
    acceptance_number: AcceptanceNumber = Field(description="Acceptance number (受理编号)")
    holder: HolderReference


class EvidenceData(Part):
    """A signature made outside, for a form that was prepared for it."""

    preparation: str = Field(
        pattern=r"^[0-9a-f]{32}$", description="Token of the prepared form, from form prepare"
    )
    value: Base64Bytes | None = Field(
        default=None,
        max_length=MOST_SIGNATURE_BYTES,
        repr=False,
        description="The raw signature, where a certificate was given; base64",
    )
    cms: Base64Bytes | None = Field(
        default=None,
        max_length=MOST_SIGNATURE_BYTES,
        repr=False,
        description="A finished CMS SignedData, detached, DER (RFC 5652); base64",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> EvidenceData:
        if (self.value is None) == (self.cms is None):
            raise broken("holds either value or cms")
        return self


class ApplicationSigned(_OfApplication):
    """One party signed a revision of the form (个人数字签名, 企业数字签名)."""

    revision: int = Field(ge=1, le=9999, strict=True, description="The revision that was signed")
    party: Party = Field(description="Who signed (签署方)")
    signed_at: Instant = Field(description="When (签名时间)")
    evidence: EvidenceData | None = Field(
        default=None,
        repr=False,
        description="The signature itself; needed wherever the factory makes the form",
    )


class ApplicationAttached(_OfApplication):
    """A material or an outside-signed scan was uploaded, replaced or deleted (申报材料)."""

    material: str = Field(
        pattern=r"^[a-z][a-z0-9_]{1,40}$", description="Which of the profile's materials"
    )
    action: Literal["attached", "replaced", "deleted"] = Field(
        default="attached", description="Uploaded, replaced or deleted (上传, 替换, 删除)"
    )
    file: StoredPhoto | None = Field(
        default=None, description="The file in the intake store; none when it is deleted"
    )
    attached_at: Instant = Field(description="When (上传时间)")

    @model_validator(mode="after")
    def _with_its_file(self) -> ApplicationAttached:
        if (self.file is None) != (self.action == "deleted"):
            raise broken("a file comes with attached and replaced, and none with deleted")
        return self


Step = Literal["passed", "accepted", "publicity", "announced", "returned", "rejected", "withdrawn"]


class ApplicationClosed(_OfApplication):
    """A step of the procedure was taken or ended (办理环节): returned, rejected, announced …"""

    outcome: Step = Field(
        description="通过, 进入审批, 公示, 公告, 退回(打回), 不予批准, 撤回, in this order"
    )
    by: Literal["applicant", "enterprise", "counter", "centre", "authority"] = Field(
        default="authority", description="Who took it"
    )
    opinion: Reason | None = Field(default=None, repr=False, description="Opinion (意见)")
    at: Instant = Field(description="When")

    @model_validator(mode="after")
    def _opinion_where_it_ends(self) -> ApplicationClosed:
        if self.outcome in {"returned", "rejected"} and self.opinion is None:
            raise broken(f"{self.outcome}: needs an opinion (意见)")
        return self


class EditionData(Part):
    """The edition (版本) that is in force outside."""

    medium: Literal["paper", "electronic"] = Field(description="Paper or electronic (纸质, 电子)")
    issued_on: Day = Field(description="Day of issue (签发日期)")
    number: int = Field(
        default=0, ge=0, le=999, strict=True, description="Number of the edition; 0 on paper"
    )
    licence_id: Annotated[Text, Field(max_length=96)] | None = Field(
        default=None, description="Its licence id (电子证照标识), opaque"
    )

    @model_validator(mode="after")
    def _electronic_ones_are_numbered(self) -> EditionData:
        if self.medium == "electronic" and self.number == 0:
            raise broken("an electronic edition has a number from 1 (GB/T 36904-2018)")
        return self


class RegistrationImported(Part):
    """A registration that exists already, with the edition in force; no document follows."""

    profile: ProfileId
    registration_number: RegistrationNumber = Field(
        description="Registration number (注册编号), either spelling"
    )
    former_numbers: Annotated[tuple[RegistrationNumber, ...], Field(max_length=20)] = Field(
        default=(), description="Numbers it had before (曾用注册编号)"
    )
    holder: HolderData
    enterprise: EnterpriseData
    professions: Annotated[
        tuple[ImportedProfession, ...], BeforeValidator(counted), AfterValidator(distinct)
    ] = Field(json_schema_extra=COUNT, description="Professions (注册专业)")
    standing: Standings = Field(
        default=Standing.ACTIVE, description="How it stands (注册状态): 有效, 暂扣 or 注销"
    )
    edition: EditionData
    photo: Photo | None = Field(default=None, description="Photo of the holder (照片)")
    signature: Photo | None = Field(
        default=None, description="Picture of the holder's signature (个人签名)"
    )


class _OfRegistration(Part):
    """What is said of a registration."""

    profile: ProfileId
    holder: HolderReference
    registration_number: RegistrationNumber | None = Field(
        default=None, description="Registration number (注册编号), where the holder has several"
    )
    profession: Annotated[Text, Field(max_length=40)] | None = Field(
        default=None,
        description="Profession (注册专业), of a certificate about one, if no number is given",
    )
    reason: Reason = Field(description="Why (原因)")


class RegistrationCancelled(_OfRegistration):
    """The whole registration is cancelled (注销): revoked at once, nothing to collect."""

    by: Literal["holder", "enterprise", "authority"] = Field(
        default="authority", description="Who ended it; the enterprise: 企业强制注销"
    )
    cancelled_on: Day = Field(description="Day of cancellation (注销日期)")


class RegistrationSuspended(_OfRegistration):
    """The registration is suspended (暂扣): no download, and verification says so."""

    suspended_on: Day = Field(description="First day of the suspension (暂扣日期)")


class RegistrationResumed(_OfRegistration):
    """The suspension has ended (暂扣发还)."""

    resumed_on: Day = Field(description="First day in force again (发还日期)")


class HolderCorrected(Part):
    """What is known of a holder was corrected (姓名、证件号更正): a new edition."""

    profile: ProfileId
    holder: HolderReference = Field(description="As known until now")
    corrected: HolderData = Field(description="As it is right, whole")
    photo: Photo | None = Field(default=None, description="A new photo (照片)")
    signature: Photo | None = Field(
        default=None, description="A new picture of the signature (个人签名)"
    )
    reason: Reason = Field(description="Why (原因)")
    corrected_on: Day = Field(description="Day of the correction (更正日期)")


class RenamedEnterpriseData(Part):
    """The enterprise with both its names."""

    credit_code: CreditCode
    old_name: EnterpriseName = Field(description="Name until now (原企业名称)")
    new_name: EnterpriseName = Field(description="Name from now on (现企业名称)")

    @model_validator(mode="after")
    def _another_name(self) -> RenamedEnterpriseData:
        if self.old_name == self.new_name:
            raise broken("old_name and new_name are the same")
        if same_name(self.old_name, self.new_name):
            raise broken("old_name and new_name differ in the width of brackets alone: no rename")
        return self


class EnterpriseRenamed(Part):
    """An enterprise changed its name (企业更名): every certificate in force there is reissued."""

    enterprise: RenamedEnterpriseData
    effective_on: Day = Field(description="First day of the new name (更名日期)")
    evidence: Annotated[Text, Field(max_length=80)] | None = Field(
        default=None, description="Number of the notice of change (更名通知书文号)"
    )


class _OfVersion(Part):
    """A version of a register's profile that was installed: what it changes is issued anew."""

    profile: ProfileId
    version: Annotated[Text, Field(max_length=32)] = Field(
        description="The version of the profile to issue by; it is installed"
    )
    reason: OpenReason = Field(description="Why (原因)")


class SealReplaced(_OfVersion):
    """The authority's seal was replaced (印章更换): certificates are sealed anew."""


class AuthorityRenamed(_OfVersion):
    """The authority changed its name (发证机关更名): certificates are issued anew."""


class DesignRevised(_OfVersion):
    """Design, format or numbering changed (证书式样更新): certificates are issued anew."""


def _listed(value: object) -> object:
    if isinstance(value, list | tuple) and not value:
        raise broken("is empty")
    if isinstance(value, list | tuple) and len(value) > MOST_NUMBERS:
        raise broken(
            f"lists {len(value)} registrations; a batch has 1 to {MOST_NUMBERS}:"
            " send the others as an event of their own"
        )
    return value


class ReissueRequested(Part):
    """Certificates are issued anew one by one (指定换发): a list of numbers, and why."""

    profile: ProfileId
    numbers: Annotated[
        tuple[RegistrationNumber, ...],
        BeforeValidator(_listed),
        AfterValidator(distinct_numbers),
    ] = Field(
        json_schema_extra={"minItems": 1, "maxItems": MOST_NUMBERS},
        description=f"Registration numbers (注册编号), at most {MOST_NUMBERS} a batch",
    )
    reason: OpenReason = Field(description="Why (原因)")


#: What is said of one person in one register.
PersonData = (
    RegistrationImported
    | ApplicationSaved
    | ApplicationSigned
    | ApplicationAttached
    | ApplicationClosed
    | RegistrationApproved
    | RegistrationCancelled
    | RegistrationSuspended
    | RegistrationResumed
    | HolderCorrected
)
VersionData = SealReplaced | AuthorityRenamed | DesignRevised
#: What concerns many at once.
BulkData = EnterpriseRenamed | SealReplaced | AuthorityRenamed | DesignRevised | ReissueRequested
Data = PersonData | BulkData

EVENT_TYPES: Mapping[str, type[Data]] = MappingProxyType(
    {
        "registration.imported": RegistrationImported,
        "application.saved": ApplicationSaved,
        "application.signed": ApplicationSigned,
        "application.attached": ApplicationAttached,
        "application.closed": ApplicationClosed,
        "registration.approved": RegistrationApproved,
        "registration.cancelled": RegistrationCancelled,
        "registration.suspended": RegistrationSuspended,
        "registration.resumed": RegistrationResumed,
        "holder.corrected": HolderCorrected,
        "enterprise.renamed": EnterpriseRenamed,
        "authority.seal_replaced": SealReplaced,
        "authority.renamed": AuthorityRenamed,
        "design.revised": DesignRevised,
        "reissue.requested": ReissueRequested,
    }
)
