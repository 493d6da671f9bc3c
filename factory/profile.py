"""Profile (发证方案): what one authority's register of one occupation sets.

Text becomes one frozen value, checked whole, so that a broken file stops the process at the
start and not the ten-thousandth certificate.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from factory import opinions
from factory.codes import credit_code_fault
from factory.errors import FieldError, ProfileError
from factory.model import (
    CANCELLING,
    ApplicationType,
    Format,
    Kind,
    Occupation,
    Party,
    Period,
    ProfileId,
)
from factory.parties import SigningRules

ONE_DAY = timedelta(days=1)
NOTICE_SERIALS = range(1, 1_000_000)
MOST_MATERIAL_BYTES = 20_000_000  #: whatever a profile says
UNANNOUNCED = CANCELLING | {ApplicationType.PAPER_EXCHANGE}  #: unless a profile says otherwise

IDENTITY = r"^[a-z0-9][a-z0-9-]{0,62}$"
Policy = Literal["hold", "ignore"]
MaterialFormat = Literal["pdf", "jpeg", "png"]
#: what a certificate prints, by slot, and what it says of itself
CertificateField = Literal[
    "title", "authority.name", "authority.credit_code",
    "holder.name", "holder.sex", "holder.birth_date", "professions", "number", "validity",
    "enterprise.name", "issued_on", "edition", "verification_code",
]  # fmt: skip
Design = Literal["constructor-2024", "cost-engineer-2021", "cost-engineer-2024"]
Public = Literal["name", "number", "enterprise", "professions"]  #: the name always masked
PUBLIC: tuple[Public, ...] = ("name", "number", "enterprise", "professions")
#: Whose title, labels and numbers a design has room for.
DESIGNS_OF: Mapping[Occupation, frozenset[Design]] = {
    Occupation.CONSTRUCTOR: frozenset({"constructor-2024"}),
    Occupation.COST_ENGINEER: frozenset({"cost-engineer-2021", "cost-engineer-2024"}),
}
Digit = Annotated[int, Field(ge=1, le=4)]
Words = Annotated[str, Field(min_length=1)]
TypeCode = Annotated[str, Field(pattern=r"^[0-9A-Z]{21}$")]  #: 证照类型代码, GB/T 36904-2018


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names one thing twice")
    return values


def _credit_code(value: str) -> str:
    if fault := credit_code_fault(value):
        raise ValueError(fault)
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Authority(_Part):
    """The issuing authority (发证机关)."""

    name: Words
    lines: tuple[Words, Words]  #: as printed under the seal
    division: str = Field(pattern=r"^[0-9]{2}$")  #: GB/T 2260, province
    abbreviation: str = Field(pattern=r"^[\u4e00-\u9fff]$")
    credit_code: Annotated[str, AfterValidator(_credit_code)]  #: GB 32100-2015


class WithdrawnDesign(_Part):
    """A design, and the first day on which certificates of it count no longer."""

    design: Design
    since: date


class CertificateRules(_Part):
    """How the certificate of this register is named and written.

    unit:        what one certificate is about: the person with all professions, or one profession.
    type_code:   of every certificate; where it differs by profession, professions.type_codes.
    generate_on: when an edition is made: at the approval, at the announcement (公告), or when
                 the holder collects it (领证).
    withdrawn:   designs of earlier certificates that count no longer (旧版证书停止使用).
    """

    title: Words
    design: Design
    formats: Annotated[tuple[Format, ...], Field(min_length=1), AfterValidator(_distinct)]
    employer_label: Words
    query_address: Words
    type_code: TypeCode | None = None
    unit: Literal["person", "profession"] = "person"
    generate_on: Literal["approval", "announcement", "collection"] = "approval"
    holder_signature: bool = False  #: the holder's signature picture (个人签名) is on it
    paper_exchange: Literal["direct", "centre", "none"] = "none"  #: 纸质证书换领电子证书
    withdrawn: tuple[WithdrawnDesign, ...] = ()


class OfdData(_Part):
    """A CustomData of an OFD, and the printed field whose value it holds."""

    name: Words
    field: CertificateField


class OfdRules(_Part):
    """How the OFD certificates of this register call things, which GB/T 36905-2018 leaves open.

    licence_id: name of the CustomData that holds the licence identifier (证照标识).
    tags:       name space of the tags that tell which object prints which field.
    data:       further CustomDatas.
    """

    licence_id: Words = "证照标识"
    tags: str = Field(default="urn:certificate-factory:face", pattern=r"^[!-~]{1,200}$")
    data: tuple[OfdData, ...] = ()


class FormCode(_Part):
    """What the printed form adds to the acceptance numbers of one type, two digits each."""

    application: ApplicationType
    type: str = Field(pattern=r"^\d{2}$")
    variant: str = Field(pattern=r"^\d{2}$")  #: not explained anywhere; the same for a type


class AcceptanceRules(_Part):
    """How acceptance numbers (受理编号) are made up.

    scheme:     monthly: W, year, month, department, a sequence from 1 every month.
    department: three digits.
    profession: two digits of the form: 18 二级建造师, 19 二级造价工程师.
    forms:      a type that is not named has numbers without the six digits of the form.
    """

    scheme: Literal["monthly"]
    department: str = Field(pattern=r"^\d{3}$")
    profession: str = Field(pattern=r"^\d{2}$")
    forms: tuple[FormCode, ...] = ()

    def form(self, kind: ApplicationType) -> FormCode | None:
        """What the form of that type adds; None: it is not known."""
        return next((each for each in self.forms if each.application is kind), None)

    @field_validator("forms")
    @classmethod
    def _names_a_type_once(cls, forms: tuple[FormCode, ...]) -> tuple[FormCode, ...]:
        _distinct(tuple(each.application for each in forms))
        return forms


class Numbering(_Part):
    """Which schemes new numbers follow.

    respell:    whether the next edition prints an older number in this scheme (jzs12 as jzs16).
    body:       industry body of a cost engineer's number; 00 is housing.
    acceptance: None: acceptance numbers are opaque and upstream gives them.
    """

    registration: Literal["jzs12", "jzs16", "zj14"]
    licence_root: str = Field(pattern=r"^\d+(\.\d+)+$")
    respell: bool = False
    body: str = Field(default="00", pattern=r"^[0-9]{2}$")
    acceptance: AcceptanceRules | None = None


class Material(_Part):
    """What is uploaded with an application (申报材料), and as what it is taken.

    types:   with which applications; none named: with all.
    formats: as which kinds of file, known by their content.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")
    title: Words
    required: bool = False
    signed: bool = False  #: signed outside (线下签字): another content makes it void
    types: Annotated[tuple[ApplicationType, ...], AfterValidator(_distinct)] = ()
    formats: Annotated[
        tuple[MaterialFormat, ...], Field(min_length=1), AfterValidator(_distinct)
    ] = ("pdf", "jpeg", "png")
    most_bytes: int = Field(default=10_485_760, ge=100_000, le=MOST_MATERIAL_BYTES)  #: 10 MiB
    most_pages: int = Field(default=50, ge=1, le=200)


class ApplicationRules(_Part):
    """Which applications (注册申请) there are, who signs them and until when they may be edited.

    signers:           who signs the form, in this order; nobody where upstream only submits it.
    forced_signers:    who signs a forced cancellation (企业强制注销), where forms are signed.
    edit_lock:         from when on nothing may be edited: the submission (提交), the
                       enterprise's signature, or the begin of the review (进入审批流程).
    enterprise_review: the enterprise passes it or sends it back (通过, 打回) instead of signing,
                       once it is submitted or the applicant has signed; what the enterprise
                       files itself it does not pass.
    filing:            a filing number and a query code (办件申报号, 查询密码) are given out.
    after_lapse:       which type registers again who was registered before.
    cancellation_completes_on: when a cancellation takes effect.
    announced:         which approvals take effect by announcement (公告), where certificates are
                       made at it; empty: all but cancellations and paper exchanges.
    """

    types: Annotated[tuple[ApplicationType, ...], Field(min_length=1), AfterValidator(_distinct)]
    signers: Annotated[tuple[Party, ...], AfterValidator(_distinct)] = ()
    forced_signers: Annotated[tuple[Party, ...], Field(min_length=1), AfterValidator(_distinct)] = (
        Party.ENTERPRISE,
    )
    enterprise_review: bool = False
    edit_lock: Literal["submission", "enterprise_signature", "review"] = "submission"
    publicity: bool = False  #: 公示 before the announcement
    filing: bool = False
    filing_prefix: str = Field(default="", pattern=r"^[0-9A-HJKMNP-Z]{0,8}$")  #: none of I, L, O
    cancellation_completes_on: Literal["enterprise_signature", "review"] = "review"
    after_lapse: Literal["initial", "reregistration"] = "initial"
    professions_each: int = Field(default=12, ge=1, le=12)
    announced: Annotated[tuple[ApplicationType, ...], AfterValidator(_distinct)] = ()
    materials: tuple[Material, ...] = ()

    def signers_of(self, kind: ApplicationType) -> tuple[Party, ...]:
        """Who signs an application of that type, in this order."""
        if kind is ApplicationType.FORCED_CANCELLATION and self.signers:
            return self.forced_signers
        return self.signers

    def materials_of(self, kind: ApplicationType) -> tuple[Material, ...]:
        """What is uploaded with an application of that type."""
        return tuple(each for each in self.materials if not each.types or kind in each.types)


class ValidityRules(_Part):
    """How long a registration lasts.

    renewal_from: a renewed profession begins the day after its old end, or at the approval.
    age_cap:      nobody is registered beyond this birthday; the birthday itself still counts.
    change_keeps: a change (变更注册) keeps the days of validity.
    """

    years: int = Field(ge=1, le=10)
    age_cap: int | None = Field(default=None, ge=18, le=150)
    renewal_from: Literal["old_end", "approval"] = "old_end"
    change_keeps: bool = True


class LateRules(_Part):
    """Late registration (逾期注册): hours of continuing education (继续教育学时) it needs.

    They are asked for when a registration is taken in, and not again once it has taken effect.
    """

    after_years: int = Field(default=3, ge=1, le=50)
    compulsory: int = Field(default=1, ge=0)  #: 必修课
    elective: int = Field(default=0, ge=0)  #: 选修课


class Professions(_Part):
    """Which professions (注册专业) exist, in the order they are printed.

    aliases:    other names that are in use, each with the name that is registered and printed.
    digits:     their digit in a cost engineer's number (建办标〔2020〕10号), one each, in the
                same order.
    type_codes: the type codes of their certificates, where a certificate is about one, in the
                same order.
    """

    names: Annotated[tuple[Words, ...], Field(min_length=1), AfterValidator(_distinct)]
    per_certificate: int = Field(ge=1)
    digits: Annotated[tuple[Digit, ...], AfterValidator(_distinct)] = ()
    type_codes: Annotated[tuple[TypeCode, ...], AfterValidator(_distinct)] = ()
    aliases: tuple[tuple[Words, Words], ...] = ()

    def called(self, name: str) -> str:
        """The name under which a profession is registered."""
        return dict(self.aliases).get(name, name)

    def digit(self, name: str) -> int:
        """The digit of a profession in a number.  ProfileError: none is set."""
        try:
            return self.digits[self.names.index(name)]
        except (ValueError, IndexError):
            raise ProfileError("professions.digits: a profession has none") from None


class AccessRules(_Part):
    """Who may see what (谁可以看什么).

    enterprise_certificate: what an enterprise sees of its people's certificates.
    public:                 what anybody is told who verifies one (查验), in this order.
    """

    enterprise_certificate: Literal["file", "state"] = "state"
    public: Annotated[tuple[Public, ...], AfterValidator(_distinct)] = PUBLIC


class OpinionRule(_Part):
    """An opinion (意见) in this register's own words.

    text: with {n} for the person, {e} the enterprise, {t} the type, {q} the qualification.
    """

    application: ApplicationType
    party: Party
    text: Words


class DocumentRules(_Part):
    """Which documents there are besides the certificate (文书), and what they say.

    application_forms: which types have a form (申请表).
    acceptance_notice: 行政审批受理通知书, once the last party has signed.
    notice_word:       what stands before the year in its number, authority and nature: 沪建注受.
    notice_days:       working days until the decision, printed where they are known.
    legal_basis:       by which law and regulation it is accepted.
    opinions:          where this register's texts differ from the usual ones.
    """

    application_forms: Annotated[tuple[ApplicationType, ...], AfterValidator(_distinct)] = ()
    acceptance_notice: bool = False
    notice_word: str = Field(default="", pattern=r"^[\u4e00-\u9fff]{0,12}$")
    notice_days: int | None = Field(default=None, ge=1, le=999)
    legal_basis: tuple[Words, ...] = ()
    rename_list: bool = True
    opinions: tuple[OpinionRule, ...] = ()

    def number(self, year: int, serial: int) -> str:
        """The number of an acceptance notice, as printed: 沪建注受〔2026〕123号.

        GB/T 9704-2012, 7.2.5: the whole year in six-cornered brackets, no leading zeros.
        FieldError: the serial is out of range.
        """
        if serial not in NOTICE_SERIALS:
            raise FieldError("notice_number", "1 to 999999 a year", "the serial is out of range")
        return f"{self.notice_word}〔{year}〕{serial}号"

    def opinion(self, kind: ApplicationType, party: Party) -> str:
        """The template of a party's opinion on forms of that type."""
        own = (o.text for o in self.opinions if (o.application, o.party) == (kind, party))
        return next(own, opinions.template(kind, party))


class Seal(_Part):
    """Which signing identities of the keyring seal for this register, each a folder of it.

    identity: the authority's seal (公章), on certificates.
    notices:  the one for notices (受理专用印章); None: the same.
    """

    identity: str = Field(pattern=IDENTITY)
    notices: str | None = Field(default=None, pattern=IDENTITY)

    def of(self, kind: Kind) -> str:
        """The identity that seals documents of that kind."""
        return self.notices if self.notices and kind is Kind.ACCEPTANCE_NOTICE else self.identity

    @property
    def all(self) -> tuple[str, ...]:
        """Every identity that is needed, each once."""
        return tuple(dict.fromkeys((self.identity, self.notices or self.identity)))


class TimeStampRules(_Part):
    """Who says when a certificate was sealed (时间戳), in its file (RFC 3161).

    authority: of the keyring, as its folder is called.
    when_down: ``wait``: nothing is released without its stamp; ``later``: it is released without
               and stamped once the authority answers (`certfactory upkeep`).
    level:     of a PDF (ETSI EN 319 142-1, 6.3); an OFD has no place for more than B-T.
    """

    authority: str = Field(pattern=IDENTITY)
    when_down: Literal["wait", "later"] = "wait"
    level: Literal["B-T", "B-LT"] = "B-T"


class Policies(_Part):
    """Choices among behaviours that have a name in code."""

    identity_number_check: Policy
    credit_code_check: Policy
    rename_confirmation: Literal["operations", "enterprise", "automatic"]


class BulkRules(_Part):
    """What bulk events of this register need before they take effect (批量换发).

    automatic_below:       a batch with fewer registrations of this register confirms itself,
                           where its other registers agree; 0: never for its size.
    second_operator_above: a batch with more registrations needs two operators with tokens.
    open_applications:     whether a rename is taken while somebody of the enterprise has an
                           application under way (未办结).
    evidence:              whether a rename must bring the number of its notice (更名通知书).
    collect_again:         whether certificates issued anew for a new seal, name of the authority
                           or design must be collected again (领证) by who has collected them.
    """

    automatic_below: int = Field(default=0, ge=0)
    second_operator_above: int = Field(default=10_000, ge=1)
    open_applications: Literal["allow", "refuse"] = "allow"
    evidence: Literal["optional", "required"] = "optional"
    collect_again: bool = True


class RetentionRules(_Part):
    """How long a person's data is kept (保存期限), and when it may be erased (删除).

    By the defaults nothing is erased by itself, and nobody's who is registered.

    due_years:   so many years after its end it is due to be erased; None: never by itself.
    least_years: so many years after its end nobody's request erases it (PIPL, art. 47).
    in_force:    whether a request erases somebody whose registration is in force.
    """

    due_years: int | None = Field(default=None, ge=1, le=100)
    least_years: int = Field(default=0, ge=0, le=100)
    in_force: Literal["refuse", "erase"] = "refuse"


class Profile(_Part):
    """One dated version of a profile file; frozen and whole.

    time_stamp:     None: nothing is stamped.
    version:        what it is called; every edition keeps by which version it was made.
    effective_from: the first day, in China, that is judged by it; see ``factory.versions``.
    """

    id: ProfileId = Field(pattern=r"^[a-z][a-z0-9-]{2,40}$")
    title: Words
    version: Words
    effective_from: date
    occupation: Occupation
    authority: Authority
    certificate: CertificateRules
    ofd: OfdRules = OfdRules()
    numbering: Numbering
    application: ApplicationRules
    validity: ValidityRules
    late: LateRules = LateRules()
    professions: Professions
    access: AccessRules = AccessRules()
    documents: DocumentRules = DocumentRules()
    signing: SigningRules = SigningRules()
    seal: Seal
    time_stamp: TimeStampRules | None = None
    policy: Policies
    bulk: BulkRules = BulkRules()
    retention: RetentionRules = RetentionRules()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Profile:
        for broken, rule in (
            *self._numbers(), *self._parties(), *self._types(), *self._face(), *self._documents(),
            *self._retention(),
        ):  # fmt: skip
            if broken:
                raise ValueError(rule)
        return self

    def _numbers(self) -> Iterator[tuple[bool, str]]:
        zj14, one = self.numbering.registration == "zj14", self.certificate.unit == "profession"
        names, digits = self.professions.names, self.professions.digits
        yield (
            zj14 != bool(digits),
            "professions.digits and numbering.registration zj14 go together",
        )
        yield (
            bool(digits) and len(digits) != len(names),
            f"professions.digits has {len(digits)} for {len(names)} names",
        )
        yield (
            zj14 and not one,
            "numbering.registration zj14 says the profession, so certificate.unit is profession",
        )
        yield (
            one and self.professions.per_certificate != 1,
            "a certificate of one profession holds one (professions.per_certificate)",
        )
        codes = self.professions.type_codes
        yield (
            (self.certificate.type_code is None) != bool(codes),
            "type_code: of the certificate or of each profession, one of both",
        )
        yield (
            bool(codes) and not one,
            "professions.type_codes: a certificate is about several professions",
        )
        yield (
            bool(codes) and len(codes) != len(names),
            f"professions.type_codes has {len(codes)} for {len(names)} names",
        )
        strange = {name for _, name in self.professions.aliases} - {*names}
        yield bool(strange), f"professions.aliases: {', '.join(sorted(strange))} is no profession"

    def _parties(self) -> Iterator[tuple[bool, str]]:
        rules = self.application
        enterprise = Party.ENTERPRISE in rules.signers
        yield (
            rules.enterprise_review and enterprise,
            "an enterprise signs or reviews, not both (application.enterprise_review)",
        )
        yield (
            rules.edit_lock != "submission" and not rules.signers,
            "application.edit_lock: without signers an application is locked at submission",
        )
        yield (
            rules.edit_lock == "enterprise_signature" and not enterprise,
            "application.edit_lock: enterprise_signature, but the enterprise is no signer",
        )
        yield (
            rules.cancellation_completes_on == "enterprise_signature" and not enterprise,
            "application.cancellation_completes_on: enterprise_signature, but the enterprise is no"
            " signer",
        )

    def _types(self) -> Iterator[tuple[bool, str]]:
        rules, types = self.application, self.application.types
        again = self.application.after_lapse == "reregistration"
        yield (
            (ApplicationType.REREGISTRATION in types) != again,
            "application.after_lapse and the type reregistration go together",
        )
        for material in self.application.materials:
            yield (
                not set(material.types) <= set(types),
                f"application.materials: {material.id} is for a type this register does not have",
            )
        ids = [material.id for material in self.application.materials]
        yield len(set(ids)) < len(ids), "application.materials: names one id twice"
        exchanges = self.certificate.paper_exchange != "none"
        yield (
            (ApplicationType.PAPER_EXCHANGE in types) != exchanges,
            "certificate.paper_exchange and its application type go together",
        )
        yield (
            not set(rules.announced) <= set(types),
            "application.announced names a type this register does not have",
        )
        yield (
            bool(rules.announced) and self.certificate.generate_on != "announcement",
            "application.announced and certificate.generate_on announcement go together",
        )
        yield (
            bool(CANCELLING & set(rules.announced)) and rules.cancellation_completes_on != "review",
            "application.announced: a cancellation that nobody reviews is not announced",
        )
        acceptance = self.numbering.acceptance
        yield (
            acceptance is not None
            and not {each.application for each in acceptance.forms} <= set(types),
            "numbering.acceptance.forms: names a type that is not applied for",
        )
        yield (
            ApplicationType.PAPER_EXCHANGE in rules.announced
            and self.certificate.paper_exchange == "direct",
            "application.announced: a paper exchange that nobody reviews is not announced",
        )

    def _face(self) -> Iterator[tuple[bool, str]]:
        yield (
            self.certificate.design not in DESIGNS_OF[self.occupation],
            "certificate.design is another occupation's",
        )

    def _documents(self) -> Iterator[tuple[bool, str]]:
        rules = self.documents
        forms = set(rules.application_forms)
        yield (
            not forms <= set(self.application.types),
            "documents.application_forms: names a type this register does not have",
        )
        yield (
            ApplicationType.PAPER_EXCHANGE in forms,
            "documents.application_forms: a paper exchange has no form",
        )
        yield (
            rules.acceptance_notice and not (rules.notice_word and rules.legal_basis),
            "documents.acceptance_notice needs notice_word and legal_basis",
        )
        for each in rules.opinions:
            fault = opinions.fault(each.text, each.application, self.occupation)
            yield (
                fault is not None,
                f"documents.opinions: {each.application} of {each.party} {fault}",
            )

    def _retention(self) -> Iterator[tuple[bool, str]]:
        rules = self.retention
        yield (
            rules.due_years is not None and rules.due_years < rules.least_years,
            "retention.due_years: is due before retention.least_years are over",
        )
        yield (
            rules.in_force == "erase" and rules.least_years > 0,
            "retention.in_force: erase, but what has ended is kept (retention.least_years)",
        )

    def announces(self, kind: ApplicationType) -> bool:
        """Whether an approval of that type takes effect by its announcement (公告)."""
        if self.certificate.generate_on != "announcement":
            return False
        named = self.application.announced
        return kind in named if named else kind not in UNANNOUNCED

    def type_code(self, profession: str) -> str:
        """The type code (证照类型代码) of a certificate about that profession, or with it."""
        if self.certificate.type_code is not None:
            return self.certificate.type_code
        return self.professions.type_codes[self.professions.names.index(profession)]

    def validity_from(self, first: date, birth_date: date) -> Period:
        """Validity of a profession registered on ``first``, cut at the birthday of the age cap.

        The last day is the day before the anniversary: 2018-06-14 gives 2021-06-13.
        29 February counts as 1 March where the year has none, so nobody loses a day.

        FieldError: ``first`` is beyond the age cap; it does not tell the birthday.
        """
        self.check_age(first, birth_date, "approved_on")
        last = years_later(first, self.validity.years) - ONE_DAY
        return Period(first=first, last=min(last, self._last_day_of_age(birth_date)))

    def check_age(self, day: date, birth_date: date, field: str) -> None:
        """FieldError: that day is beyond the age cap; it does not tell the birthday."""
        if day > self._last_day_of_age(birth_date):
            raise FieldError(
                field, f"profile {self.id}", f"the age cap of {self.validity.age_cap} is reached"
            )

    def _last_day_of_age(self, birth_date: date) -> date:
        cap = self.validity.age_cap
        return date.max if cap is None else years_later(birth_date, cap)


def years_later(day: date, years: int) -> date:
    """The same calendar day some years on; 29 February becomes 1 March.

    >>> years_later(date(2024, 2, 29), 3)
    datetime.date(2027, 3, 1)
    """
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def parse(text: str) -> Profile:
    """A profile file's text as a checked value.  ProfileError: which fields, which rules."""
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"profile file is not TOML: {error}") from error
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise ProfileError("; ".join(map(_fault, _own(found)))) from error


def _own(errors: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """All but lists that are too short only because something in them is wrong."""
    inner = {error["loc"][:-1] for error in errors}
    return (e for e in errors if e["type"] != "too_short" or e["loc"] not in inner)


def _fault(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"])
    rule = _rule(error)
    return f"profile field {where}: {rule}" if where else f"profile: {rule}"


def _rule(error: ErrorDetails) -> str:
    if error["type"] in _CHOICES:
        return f"is none of {_allowed(error)}"
    return _RULES.get(error["type"], error["msg"].removeprefix("Value error, "))


def _allowed(error: ErrorDetails) -> str:
    """The words a field may be: pdf, ofd."""
    said: str = error.get("ctx", {}).get("expected", "")
    return said.replace("'", "").replace(" or ", ", ")


_CHOICES = {"enum", "literal_error"}
_RULES = {
    "missing": "is missing",
    "extra_forbidden": "is no field of a profile; is it misspelt?",
    "tuple_type": "is a list, in [ ]",
    "too_short": "has too few entries",
}
