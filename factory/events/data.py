"""What each event carries: one frozen model a type, unknown fields refused.

A well-formed value the authority approved is never refused for a check character, nor for a
character no face can print: that is asked when the work is planned, and holds it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    model_validator,
)

from factory import model
from factory.events.text import Day, Text, broken
from factory.model import Sex

MAX_PROFESSIONS = 12
COUNT: dict[str, JsonValue] = {"minItems": 1, "maxItems": MAX_PROFESSIONS}


class Part(BaseModel):
    """A part of an event's data; never shows its values in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise broken("must be base64 (RFC 4648 clause 4), without prefix or line breaks") from None


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _capital_check(value: object) -> object:
    """An identity number's check character is a capital X, however it was typed."""
    return value.strip().upper() if isinstance(value, str) and _ends_in_x(value) else value


def _ends_in_x(value: str) -> bool:
    text = value.strip()
    return len(text) == len("11010519491231002X") and text[-1] == "x" and text[:-1].isdigit()


PhotoBytes = Annotated[
    bytes,
    BeforeValidator(_decoded),
    Field(min_length=1),
    PlainSerializer(_encoded, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "minLength": 4, "contentEncoding": "base64"}),
]
ProfileId = Annotated[
    model.ProfileId,
    Field(
        pattern=r"^[a-z][a-z0-9-]{2,40}$", description="Id of the authority's profile (发证方案)"
    ),
]
CreditCode = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Z]{18}$",
        description="Unified social credit code (统一社会信用代码), GB 32100-2015",
    ),
]
EnterpriseName = Annotated[Text, Field(max_length=200)]


class InlinePhoto(Part):
    """The photo itself (照片), JPEG or PNG."""

    content: PhotoBytes = Field(repr=False, description="JPEG or PNG file, base64")


class StoredPhoto(Part):
    """A photo put into the intake store before the event."""

    key: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$",
        max_length=512,
        description="Object key in the intake store",
    )
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the object, hex")


def _photo_form(value: Any) -> str:
    if isinstance(value, dict):
        return "<stored>" if "key" in value or "sha256" in value else "<inline>"
    return "<stored>" if isinstance(value, StoredPhoto) else "<inline>"


Photo = Annotated[
    Annotated[InlinePhoto, Tag("<inline>")] | Annotated[StoredPhoto, Tag("<stored>")],
    Discriminator(_photo_form),
]


class HolderData(Part):
    """The person the certificate names (持证人)."""

    name: Annotated[Text, Field(max_length=100)] = Field(repr=False, description="Name (姓名)")
    sex: Sex = Field(description="Sex (性别)")
    birth_date: Day = Field(repr=False, description="Date of birth (出生日期)")
    id_type: str = Field(
        default="111",
        pattern=r"^[0-9A-Za-z]{1,10}$",
        description="Kind of identity paper (证件类型), GB/T 36903: 111 is 居民身份证",
    )
    id_number: Annotated[str, BeforeValidator(_capital_check)] = Field(
        pattern=r"^[!-~]([ -~]{0,30}[!-~])?$",
        repr=False,
        description="Number of the identity paper (证件号), printable ASCII, at most 32",
    )
    mobile: str | None = Field(
        default=None,
        pattern=r"^[0-9+][0-9 \-]{2,19}$",
        repr=False,
        description="Mobile phone (手机号)",
    )

    def value(self) -> model.Holder:
        """The holder as the domain knows it."""
        return model.Holder(**{name: getattr(self, name) for name in type(self).model_fields})


class EnterpriseData(Part):
    """The employing enterprise (聘用企业)."""

    credit_code: CreditCode
    name: EnterpriseName = Field(description="Name as registered (企业名称)")

    def value(self) -> model.Enterprise:
        """The enterprise as the domain knows it."""
        return model.Enterprise(credit_code=self.credit_code, name=self.name)


class _Named(Part):
    name: Annotated[Text, Field(max_length=40)] = Field(description="Profession (注册专业)")
    main: bool = Field(default=False, strict=True, description="Whether it is the main one (主项)")


class ApprovedProfession(_Named):
    """A profession as approved (注册专业); its validity is the profile's unless given."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"valid_from": ["valid_to"], "valid_to": ["valid_from"]}
        }
    )

    qualified_on: Day = Field(description="Day of the qualification (资格取得日期)")
    valid_from: Day | None = Field(default=None, description="First day of validity (有效期起)")
    valid_to: Day | None = Field(default=None, description="Last day of validity (有效期至)")

    @model_validator(mode="after")
    def _both_or_neither(self) -> ApprovedProfession:
        if (self.valid_from is None) != (self.valid_to is None):
            raise broken("valid_from and valid_to come together or not at all")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise broken("valid_to lies before valid_from")
        return self


class ImportedProfession(_Named):
    """A profession (注册专业) of a registration that exists already."""

    valid_from: Day = Field(description="First day of validity (有效期起)")
    valid_to: Day = Field(description="Last day of validity (有效期至)")

    @model_validator(mode="after")
    def _in_order(self) -> ImportedProfession:
        if self.valid_to < self.valid_from:
            raise broken("valid_to lies before valid_from")
        return self


def _counted(value: object) -> object:
    """Counts what was sent: pydantic's own limits count what was found right."""
    if isinstance(value, list | tuple) and not 1 <= len(value) <= MAX_PROFESSIONS:
        raise broken(f"has {len(value)} entries instead of 1 to {MAX_PROFESSIONS}")
    return value


N = TypeVar("N", bound=_Named)


def _distinct(professions: tuple[N, ...]) -> tuple[N, ...]:
    if len({each.name for each in professions}) < len(professions):
        raise broken("names one profession twice")
    if sum(each.main for each in professions) > 1:
        raise broken("has more than one main profession (主项)")
    return professions


class ApplicationData(Part):
    """The application that was approved (注册申请)."""

    type: Literal["initial"] = Field(description="Type: initial registration (初始注册)")
    acceptance_number: Annotated[Text, Field(max_length=64)] = Field(
        description="Acceptance number (受理编号), opaque"
    )


class EditionData(Part):
    """The edition (版本) that is in force outside."""

    medium: Literal["paper", "electronic"] = Field(description="Paper or electronic (纸质, 电子)")
    issued_on: Day = Field(description="Day of issue (签发日期)")
    number: int = Field(
        default=0, ge=0, le=999, strict=True, description="Number of the edition; 0 on paper"
    )

    @model_validator(mode="after")
    def _electronic_ones_are_numbered(self) -> EditionData:
        if self.medium == "electronic" and self.number == 0:
            raise broken("an electronic edition has a number from 1 (GB/T 36904-2018)")
        return self


class RegistrationApproved(Part):
    """The authority approved a registration: the register changes and an edition is ordered."""

    profile: ProfileId
    application: ApplicationData
    holder: HolderData
    enterprise: EnterpriseData
    professions: Annotated[
        tuple[ApprovedProfession, ...], BeforeValidator(_counted), AfterValidator(_distinct)
    ] = Field(json_schema_extra=COUNT, description="Professions (注册专业)")
    approved_on: Day = Field(description="Day of approval (批准日期)")
    photo: Photo = Field(description="Photo of the holder (照片)")


class RegistrationImported(Part):
    """A registration that exists already, with the edition in force; no document follows."""

    profile: ProfileId
    registration_number: Annotated[Text, Field(max_length=64)] = Field(
        description="Registration number (注册编号), either spelling"
    )
    holder: HolderData
    enterprise: EnterpriseData
    professions: Annotated[
        tuple[ImportedProfession, ...], BeforeValidator(_counted), AfterValidator(_distinct)
    ] = Field(json_schema_extra=COUNT, description="Professions (注册专业)")
    edition: EditionData
    photo: Photo | None = Field(default=None, description="Photo of the holder (照片)")


class RenamedEnterpriseData(Part):
    """The enterprise with both its names."""

    credit_code: CreditCode
    old_name: EnterpriseName = Field(description="Name until now (原企业名称)")
    new_name: EnterpriseName = Field(description="Name from now on (现企业名称)")

    @model_validator(mode="after")
    def _another_name(self) -> RenamedEnterpriseData:
        if self.old_name == self.new_name:
            raise broken("old_name and new_name are the same")
        return self


class EnterpriseRenamed(Part):
    """An enterprise changed its name (企业更名): every certificate in force there is reissued."""

    enterprise: RenamedEnterpriseData
    effective_on: Day = Field(description="First day of the new name (更名日期)")


Data = RegistrationApproved | RegistrationImported | EnterpriseRenamed

EVENT_TYPES: Mapping[str, type[Data]] = MappingProxyType(
    {
        "registration.approved": RegistrationApproved,
        "registration.imported": RegistrationImported,
        "enterprise.renamed": EnterpriseRenamed,
    }
)
