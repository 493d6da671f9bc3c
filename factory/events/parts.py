"""What events speak of: people, enterprises, professions and pictures, checked field by field."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, TypeVar

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
from factory.codes import private_number_fault
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


def _without_markup(name: str) -> str:
    """A name as people and enterprises are registered with; what looks like HTML is none."""
    if set("<>") & set(name):
        raise broken("holds < or >, which no name has")
    return name


Base64Bytes = Annotated[
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
PersonName = Annotated[Text, Field(max_length=100), AfterValidator(_without_markup)]
EnterpriseName = Annotated[Text, Field(max_length=200), AfterValidator(_without_markup)]


class InlinePhoto(Part):
    """The photo itself (照片), JPEG or PNG."""

    content: Base64Bytes = Field(repr=False, description="JPEG or PNG file, base64")


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


#: A picture: the photo (照片) or the picture of the holder's signature (个人签名).
Photo = Annotated[
    Annotated[InlinePhoto, Tag("<inline>")] | Annotated[StoredPhoto, Tag("<stored>")],
    Discriminator(_photo_form),
]


class HolderData(Part):
    """The person the certificate names (持证人)."""

    name: PersonName = Field(repr=False, description="Name (姓名)")
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


class HolderReference(Part):
    """Which person an event speaks of, by the identity paper."""

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


class EnterpriseData(Part):
    """The employing enterprise (聘用企业)."""

    credit_code: CreditCode
    name: EnterpriseName = Field(description="Name as registered (企业名称)")
    phone: str | None = Field(
        default=None,
        pattern=r"^[0-9+(][0-9 ()+\-]{2,39}$",
        repr=False,
        description="Telephone (企业联系电话), printed on the application form only",
    )

    def value(self) -> model.Enterprise:
        """The enterprise as the register knows it, without the telephone."""
        return model.Enterprise(credit_code=self.credit_code, name=self.name)


class Named(Part):
    """A profession (注册专业) by its name."""

    name: Annotated[Text, Field(max_length=40)] = Field(description="Profession (注册专业)")
    main: bool = Field(default=False, strict=True, description="Whether it is the main one (主项)")


class Hours(Part):
    """Continuing education (继续教育) in hours (学时)."""

    compulsory: int = Field(ge=0, le=9999, strict=True, description="Compulsory hours (必修课)")
    elective: int = Field(ge=0, le=9999, strict=True, description="Elective hours (选修课)")
    taught_on: Day | None = Field(default=None, description="Day of the training (培训日期)")
    taught_by: Annotated[Text, Field(max_length=60)] | None = Field(
        default=None, description="Who trained (培训机构)"
    )


class AppliedProfession(Named):
    """A profession applied for (申请专业); its validity is the profile's unless given."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"valid_from": ["valid_to"], "valid_to": ["valid_from"]}
        }
    )

    qualified_on: Day | None = Field(
        default=None,
        description="Day of the qualification (签发日期, or 批准日期 where there is none)",
    )
    qualified_in: Annotated[Text, Field(max_length=60)] | None = Field(
        default=None, description="Where the qualification was obtained (资格取得所在地)"
    )
    qualification_number: Annotated[Text, Field(max_length=64)] | None = Field(
        default=None, repr=False, description="Number of the qualification (资格证书编号)"
    )
    hours: Hours | None = Field(
        default=None,
        description="Continuing education (继续教育), needed for late registration (逾期注册)",
    )
    valid_from: Day | None = Field(default=None, description="First day of validity (有效期起)")
    valid_to: Day | None = Field(default=None, description="Last day of validity (有效期至)")

    @model_validator(mode="after")
    def _both_or_neither(self) -> AppliedProfession:
        if (self.valid_from is None) != (self.valid_to is None):
            raise broken("valid_from and valid_to come together or not at all")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise broken("valid_to lies before valid_from")
        return self


class ImportedProfession(Named):
    """A profession (注册专业) of a registration that exists already."""

    valid_from: Day = Field(description="First day of validity (有效期起)")
    valid_to: Day = Field(description="Last day of validity (有效期至)")

    @model_validator(mode="after")
    def _in_order(self) -> ImportedProfession:
        if self.valid_to < self.valid_from:
            raise broken("valid_to lies before valid_from")
        return self


def counted(value: object) -> object:
    """Counts what was sent: pydantic's own limits count what was found right."""
    if isinstance(value, list | tuple) and not 1 <= len(value) <= MAX_PROFESSIONS:
        raise broken(f"has {len(value)} entries instead of 1 to {MAX_PROFESSIONS}")
    return value


N = TypeVar("N", bound=Named)


def distinct(professions: tuple[N, ...]) -> tuple[N, ...]:
    if len({each.name for each in professions}) < len(professions):
        raise broken("names one profession twice")
    if sum(each.main for each in professions) > 1:
        raise broken("has more than one main profession (主项)")
    return professions


def distinct_numbers(numbers: tuple[str, ...]) -> tuple[str, ...]:
    """The numbers, each named once."""
    if len(set(numbers)) < len(numbers):
        raise broken("names one registration twice")
    return numbers


def _of_nobody(text: str) -> str:
    if fault := private_number_fault(text):
        raise broken(f"{fault}: it is kept and printed for everybody")
    return text


#: An acceptance number (受理编号): opaque text.
AcceptanceNumber = Annotated[Text, Field(max_length=64)]
RegistrationNumber = Annotated[Text, Field(max_length=64)]
Reason = Annotated[Text, Field(max_length=500)]
#: Why many certificates are issued anew: printed on the report (批次报告), so it names nobody.
OpenReason = Annotated[Reason, AfterValidator(_of_nobody)]
