"""What the door tells, as models: the one place where the shapes of answers are said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobs import enquiry
from jobs.bulk import progress as bulk
from jobs.confirmations import Listed
from jobs.documents import DocumentLink
from jobs.enterprise import EnterpriseView, RegisterView, RenameView
from jobs.intake import Outcome
from jobs.standing import Stand
from jobs.standing import of_document as stand_of
from storage.ledger.documents import DocumentView
from storage.ledger.holds import Held
from storage.ledger.status import EditionView, StoredFile


class Shown(BaseModel):
    """An answer."""

    model_config = ConfigDict(from_attributes=True)


class Standing(Shown):
    """How something stands."""

    label: str = Field(description="What people see, in Chinese.")
    owner: str = Field(
        description="Whose turn it is: applicant, enterprise, holder, authority, operations,"
        " upstream, factory or nobody."
    )
    why: str


class FaultShown(Shown):
    """One field of a refused event and the rule it breaks."""

    field: str
    rule: str


class OutcomeShown(Shown):
    """What became of one event."""

    place: int = Field(description="In the request, from 1; of JSON Lines the line.")
    status: str = Field(description="accepted, held, duplicate or refused.")
    event: str
    registration: str | None
    standing: str | None
    application: str | None
    batch: int | None
    hold: int | None
    reason: str = Field(description="Why it is held.")
    problems: list[FaultShown]
    fault: str = Field(description="A closed word for why a signature is not taken.")
    notes: list[str]
    correlation: str = Field(
        description="In each log line and notice of what follows; empty where nothing does."
    )

    @classmethod
    def of(cls, place: int, outcome: Outcome) -> OutcomeShown:
        """Of what intake says."""
        return cls(
            place=place,
            status=outcome.status.value,
            event=outcome.event,
            registration=outcome.registration,
            standing=outcome.standing,
            application=outcome.application,
            batch=outcome.batch,
            hold=outcome.hold,
            reason=outcome.reason,
            problems=[FaultShown(field=field, rule=rule) for field, rule in outcome.problems],
            fault=outcome.fault,
            notes=list(outcome.notes),
            correlation=outcome.correlation,
        )


class OutcomesShown(Shown):
    """What became of each event of a request."""

    counts: dict[str, int]
    outcomes: list[OutcomeShown]


class HoldShown(Shown):
    """Why something stopped for a person."""

    id: int
    reason: str = Field(description="A closed word.")
    detail: str
    owner: str = Field(description="Who mends it.")
    opened_at: datetime


class FileShown(Shown):
    """A file; its bytes come through a link."""

    format: str
    sha256: str
    size_bytes: int
    content_type: str
    signatures: int = Field(description="How many parties have signed it.")

    @classmethod
    def of(cls, file: StoredFile) -> FileShown:
        """Of a stored file."""
        return cls(
            format=file.format,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            content_type=file.content_type,
            signatures=file.step,
        )


class EditionShown(Shown):
    """An edition (版本) of a certificate."""

    number: int
    medium: str
    state: str
    stand: Standing
    cause: str
    licence_id: str | None = Field(description="电子证照标识.")
    valid_until: str
    ordered_at: datetime
    made_at: datetime | None
    collected_at: datetime | None
    files: list[FileShown]

    @classmethod
    def of(cls, edition: EditionView, stand: Stand) -> EditionShown:
        """Of what the ledger says."""
        return cls(
            number=edition.number,
            medium=edition.medium,
            state=edition.state.value,
            stand=Standing.model_validate(stand),
            cause=edition.cause,
            licence_id=edition.licence_id,
            valid_until=edition.valid_until,
            ordered_at=edition.ordered_at,
            made_at=edition.made_at,
            collected_at=edition.collected_at,
            files=[FileShown.of(file) for file in edition.files],
        )


class RegistrationShown(Shown):
    """A registration (注册) with its editions, the oldest first."""

    number: str
    profile: str
    state: str
    stand: Standing
    employer: str = Field(description="Credit code of the employing enterprise.")
    former_numbers: list[str]
    editions: list[EditionShown]

    @classmethod
    def of(cls, found: enquiry.RegistrationStatus) -> RegistrationShown:
        """Of what the enquiry says."""
        registration = found.registration
        return cls(
            number=registration.number,
            profile=registration.profile,
            state=registration.state.value,
            stand=Standing.model_validate(found.stand),
            employer=registration.employer,
            former_numbers=list(registration.former_numbers),
            editions=[
                EditionShown.of(*each)
                for each in zip(registration.editions, found.editions, strict=True)
            ],
        )


class DocumentShown(Shown):
    """A form, notice, slip, list or report."""

    kind: str
    profile: str
    revision: int
    state: str
    stand: Standing
    file_name: str
    made_at: datetime | None
    files: list[FileShown] = Field(description="As drawn, then one for each party's signature.")

    @classmethod
    def of(cls, document: DocumentView) -> DocumentShown:
        """Of what the ledger says."""
        return cls(
            kind=document.kind.value,
            profile=document.profile,
            revision=document.revision,
            state=document.state.value,
            stand=Standing.model_validate(stand_of(document)),
            file_name=document.file_name,
            made_at=document.made_at,
            files=[FileShown.of(file) for file in document.files],
        )


class StepShown(Shown):
    """A step of the procedure, with what was said."""

    outcome: str
    by: str
    at: datetime
    opinion: str | None


class SignatureShown(Shown):
    """That a party has signed a revision."""

    party: str
    revision: int
    at: datetime
    void: bool


class ApplicationShown(Shown):
    """An application (注册申请), how it stands, and its documents."""

    number: str
    profile: str
    type: str | None
    state: str | None
    stand: Standing
    revision: int | None
    filing_number: str | None
    changed_at: datetime | None
    signatures: list[SignatureShown]
    materials: list[str]
    steps: list[StepShown]
    documents: list[DocumentShown]
    holds: list[HoldShown]
    notes: list[str]

    @classmethod
    def of(
        cls, found: enquiry.ApplicationStatus, documents: Iterable[DocumentView] = ()
    ) -> ApplicationShown:
        """Of what the enquiry says."""
        row, said = found.application, {(e.outcome, e.at): e.text for e in found.opinions}
        return cls(
            number=row.number,
            profile=row.profile,
            type=row.kind.value,
            state=row.state.value,
            stand=Standing.model_validate(found.stand),
            revision=row.revision,
            filing_number=row.filing_number,
            changed_at=row.changed_at,
            signatures=[SignatureShown.model_validate(each) for each in row.view["signatures"]],
            materials=sorted(row.view["materials"]),
            steps=[_step(each, said) for each in row.view["steps"]],
            documents=[DocumentShown.of(e) for e in documents if e.profile == row.profile],
            holds=[HoldShown.model_validate(each.hold) for each in found.held],
            notes=list(found.notes),
        )

    @classmethod
    def awaited(cls, found: enquiry.AwaitedApplication) -> ApplicationShown:
        """Of a number that only events know that are held."""
        return cls(
            number=found.number,
            profile=found.profile,
            type=None,
            state=None,
            stand=Standing.model_validate(found.stand),
            revision=None,
            filing_number=None,
            changed_at=None,
            signatures=[],
            materials=[],
            steps=[],
            documents=[],
            holds=[HoldShown.model_validate(each.hold) for each in found.held],
            notes=[],
        )


def _step(each: dict[str, Any], said: dict[tuple[str, datetime], str]) -> StepShown:
    at = datetime.fromisoformat(each["at"])
    opinion = said.get((each["outcome"], at))
    return StepShown(outcome=each["outcome"], by=each["by"], at=at, opinion=opinion)


class EventShown(Shown):
    """An event and what followed from it."""

    id: str
    source: str
    type: str
    state: str
    stand: Standing
    registrations: list[RegistrationShown]
    applications: list[ApplicationShown]
    batch: int | None
    batch_stand: Standing | None
    holds: list[HoldShown]

    @classmethod
    def of(
        cls, found: enquiry.EventStatus, documents: Mapping[str, Iterable[DocumentView]]
    ) -> EventShown:
        """Of what the enquiry says.

        documents: of each application, by its acceptance number.
        """
        return cls(
            id=found.event.event_id,
            source=found.event.source,
            type=found.event.type,
            state=found.event.state,
            stand=Standing.model_validate(found.stand),
            registrations=[RegistrationShown.of(each) for each in found.registrations],
            applications=[
                ApplicationShown.of(each, documents[each.application.number])
                for each in found.applications
            ],
            batch=found.batch.id if found.batch else None,
            batch_stand=Standing.model_validate(found.batch_stand) if found.batch_stand else None,
            holds=holds(found.held),
        )


def holds(found: Iterable[Held]) -> list[HoldShown]:
    """Holds as they are told."""
    return [HoldShown.model_validate(each) for each in found]


class BatchShown(Shown):
    """How far a bulk event is; the counts add up to the total."""

    id: int
    kind: str
    state: str
    owner: str = Field(description="Whose turn it is.")
    subject: dict[str, Any]
    total: int
    pending: int
    ordered: int
    done: int
    skipped: int
    held: int
    failures: dict[str, int] = Field(description="Held items by reason.")
    skips: dict[str, int] = Field(description="Skipped items by reason.")
    per_minute: float | None
    seconds_left: float | None
    created_at: datetime
    confirmed_at: datetime | None
    completed_at: datetime | None
    stop_reason: str | None
    merkle_root: str | None = Field(description="RFC 6962, hex; once it has ended.")

    @classmethod
    def of(cls, found: bulk.Progress) -> BatchShown:
        """Of the read model."""
        return cls.model_validate(found)


class CountShown(Shown):
    """Items of one register that will fare alike."""

    profile: str
    formats: list[str]
    outcome: str = Field(description="made, skipped or held.")
    reason: str | None
    items: int


class ChangeShown(Shown):
    """A field that will be otherwise; the values of what is the holder's own are not told."""

    sort: str
    label: str
    now: str | None
    then: str | None
    own: bool
    note: str


class SampleShown(Shown):
    """One certificate as it is and as it will be."""

    registration: str
    profile: str
    why: str
    changes: list[ChangeShown]
    problem: str | None = Field(description="Why it cannot be drawn.")
    picture: str | None = Field(description="PNG in base64: both side by side, marked 样张.")


class ExpectedShown(Shown):
    """A registration whose certificate would be held."""

    registration: str
    reason: str


class PreviewShown(Shown):
    """What a batch will do once it is confirmed; nothing is sealed."""

    batch: int
    kind: str
    total: int
    to_make: int
    to_skip: int
    to_hold: int
    counts: list[CountShown]
    held: list[ExpectedShown]
    samples: list[SampleShown]
    seconds: float | None = Field(description="How long it most likely takes.")


class TallyShown(Shown):
    """A rename in one register: collected n of m (已领证 n / 应领证 m)."""

    batch: int
    state: str
    old_name: str
    new_name: str
    confirmed_at: datetime | None
    completed_at: datetime | None
    collected: int
    due: int
    open: int
    held: int
    skipped: int
    made: int

    @classmethod
    def of(cls, found: RenameView) -> TallyShown:
        """Of the enterprise's view."""
        rename, items = found.rename, found.items
        return cls(
            batch=rename.batch,
            state=rename.state.value,
            old_name=rename.old_name,
            new_name=rename.new_name,
            confirmed_at=rename.confirmed_at,
            completed_at=rename.completed_at,
            collected=found.collected,
            due=found.due,
            open=items.open,
            held=items.held,
            skipped=items.skipped,
            made=items.made,
        )


class RegisterShown(Shown):
    """An enterprise in one register."""

    profile: str
    name: str
    former_names: list[str]
    registrations: int = Field(description="In force.")
    people: dict[str, int] = Field(description="By how the newest edition stands.")
    renames: list[TallyShown]

    @classmethod
    def of(cls, found: RegisterView) -> RegisterShown:
        """Of the enterprise's view."""
        return cls(
            profile=found.known.profile,
            name=found.known.name,
            former_names=[each.name for each in found.known.former_names],
            registrations=found.total,
            people={state.value: count for state, count in found.people.items()},
            renames=[TallyShown.of(each) for each in found.renames],
        )


class EnterpriseShown(Shown):
    """An enterprise (聘用企业) in the registers that know it."""

    credit_code: str
    registers: list[RegisterShown]

    @classmethod
    def of(cls, found: EnterpriseView) -> EnterpriseShown:
        """Of the enterprise's view."""
        return cls(
            credit_code=found.credit_code,
            registers=[RegisterShown.of(each) for each in found.registers],
        )


class UncollectedShown(Shown):
    """A registration whose newest edition waits to be collected."""

    profile: str
    registration: str


class ListedShown(Shown):
    """An application in one of the enterprise's lists."""

    profile: str
    application: str
    type: str
    revision: int
    stand: Standing
    changed_at: datetime

    @classmethod
    def of(cls, found: Listed) -> ListedShown:
        """Of the enterprise's list."""
        return cls(
            profile=found.profile,
            application=found.application,
            type=found.kind.value,
            revision=found.revision,
            stand=Standing.model_validate(found.stand),
            changed_at=found.changed_at,
        )


class LinkShown(Shown):
    """A signed link, good for so many seconds; whoever has it can use it."""

    url: str
    seconds: int
    kind: str
    file_name: str | None = None
    sha256: str | None = Field(default=None, description="Of the file it downloads, hex.")
    format: str | None = None
    edition: int | None = None
    revision: int | None = None

    @classmethod
    def of(cls, given: DocumentLink) -> LinkShown:
        """Of a link to a document that is no certificate."""
        return cls.model_validate(given)


class NoticesShown(Shown):
    """Notices as they are sent to endpoints: CloudEvents 1.0."""

    notices: list[dict[str, Any]]
    next: int = Field(description="Ask with `after` this number for what comes next.")


class PreparedShown(Shown):
    """A form that waits for a party's signature."""

    token: str
    application: str
    profile: str
    revision: int
    party: str
    step: int
    of: int
    digest: str = Field(
        description="SHA-256, hex: of the signed attributes, or of the content where no"
        " certificate was given."
    )
    signed_attributes: str | None = Field(
        description="DER in base64: what a raw signature is over; none: only a CMS is taken."
    )
    content: str | None = Field(description="In base64: what a detached CMS is over.")
    expires_at: datetime
