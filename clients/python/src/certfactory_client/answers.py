"""What the factory answers.

The names are those of `/v1/openapi.json`.  What an answer holds beside them is passed over, so
that a newer factory can be asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How something stands.

    label: what people see, in Chinese (未领证, 待企业签名 …).
    owner: whose turn it is: applicant, enterprise, holder, authority, operations, upstream,
           factory or nobody.
    """

    label: str
    owner: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A field, and the rule it breaks."""

    field: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one event.

    place:  among those handed in at once, from 1.
    status: ``accepted``; ``held``: kept, and stopped for a person; ``duplicate``: taken before,
            nothing changed; ``refused``: nothing kept.
    event:  its id.
    correlation: in each log line and notice of what follows; empty where nothing does.
    """

    place: int
    status: str
    event: str
    registration: str | None
    standing: str | None
    application: str | None
    batch: int | None
    hold: int | None
    reason: str
    problems: tuple[Fault, ...]
    fault: str
    notes: tuple[str, ...]
    correlation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why something stopped for a person, and who mends it."""

    id: int
    reason: str
    detail: str
    owner: str
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file; its bytes come through a link."""

    format: str
    sha256: str
    size_bytes: int
    content_type: str
    signatures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """An edition (版本) of a certificate.

    state: ordered, uncollected, collected, outdated, superseded or revoked.
    """

    number: int
    medium: str
    state: str
    stand: Standing
    cause: str
    licence_id: str | None
    valid_until: str
    ordered_at: datetime
    made_at: datetime | None
    collected_at: datetime | None
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A registration (注册) with its editions, the oldest first."""

    number: str
    profile: str
    state: str
    stand: Standing
    employer: str
    former_numbers: tuple[str, ...]
    editions: tuple[Edition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A form, notice, slip, list or report; state: ordered, live or void."""

    kind: str
    profile: str
    revision: int
    state: str
    stand: Standing
    file_name: str
    made_at: datetime | None
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the procedure, with what was said."""

    outcome: str
    by: str
    at: datetime
    opinion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """That a party has signed a revision."""

    party: str
    revision: int
    at: datetime
    void: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application (注册申请), how it stands, and its documents."""

    number: str
    profile: str
    type: str | None
    state: str | None
    stand: Standing
    revision: int | None
    filing_number: str | None
    changed_at: datetime | None
    signatures: tuple[Signature, ...]
    materials: tuple[str, ...]
    steps: tuple[Step, ...]
    documents: tuple[Document, ...]
    holds: tuple[Hold, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that was handed in, and what followed from it."""

    id: str
    source: str
    type: str
    state: str
    stand: Standing
    registrations: tuple[Registration, ...]
    applications: tuple[Application, ...]
    batch: int | None
    batch_stand: Standing | None
    holds: tuple[Hold, ...]

    @property
    def is_being_made(self) -> bool:
        """Whether something that followed from it is being made now (生成中)."""
        editions = [each.state for found in self.registrations for each in found.editions]
        documents = [each.state for found in self.applications for each in found.documents]
        return "ordered" in (*editions, *documents) and not self.holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A bulk event, and how far it is; the counts add up to the total.

    state: preparing, awaiting_confirmation, running, paused, stopped, completed or cancelled.
    """

    id: int
    kind: str
    state: str
    owner: str
    subject: Mapping[str, Any]
    total: int
    pending: int
    ordered: int
    done: int
    skipped: int
    held: int
    failures: Mapping[str, int]
    skips: Mapping[str, int]
    per_minute: float | None
    seconds_left: float | None
    created_at: datetime
    confirmed_at: datetime | None
    completed_at: datetime | None
    stop_reason: str | None
    merkle_root: str | None

    @property
    def is_moving(self) -> bool:
        """Whether the factory works on it; otherwise it has ended, or it is somebody's turn."""
        return self.state in {"preparing", "running"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Items of one register that will fare alike: made, skipped or held."""

    profile: str
    formats: tuple[str, ...]
    outcome: str
    reason: str | None
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A field that will be otherwise; own: of the holder, so its values are not told."""

    sort: str
    label: str
    now: str | None
    then: str | None
    own: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One certificate as it is and as it will be; picture: PNG of both, marked 样张."""

    registration: str
    profile: str
    why: str
    changes: tuple[Change, ...]
    problem: str | None
    picture: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A registration whose certificate would be held."""

    registration: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a batch will do once it is confirmed; nothing is sealed."""

    batch: int
    kind: str
    total: int
    to_make: int
    to_skip: int
    to_hold: int
    counts: tuple[Count, ...]
    held: tuple[Expected, ...]
    samples: tuple[Sample, ...]
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of a batch's report: what became of one registration.

    state:    pending, ordered, done, skipped or held.
    old, new: SHA-256 of the files, by format.
    """

    registration: str
    profile: str
    state: str
    reason: str | None
    forecast: str | None
    replaced: int | None
    edition: int | None
    edition_state: str | None
    made_at: datetime | None
    old: Mapping[str, str]
    new: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """An enterprise in one register; people: by how their newest edition stands."""

    profile: str
    name: str
    former_names: tuple[str, ...]
    registrations: int
    people: Mapping[str, int]
    renames: tuple[Tally, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    """An enterprise (聘用企业) in the registers that know it."""

    credit_code: str
    registers: tuple[Register, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncollected:
    """A registration whose newest edition waits to be collected."""

    profile: str
    registration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An application in one of an enterprise's lists."""

    profile: str
    application: str
    type: str
    revision: int
    stand: Standing
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A signed link, good for so many seconds; whoever has it can use it.

    sha256: of the file it downloads; None: it leads to a page.
    """

    url: str = field(repr=False)
    seconds: int
    kind: str
    file_name: str | None
    sha256: str | None
    format: str | None
    edition: int | None
    revision: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A form that waits for a party's signature.

    signed_attributes: DER; what a raw signature is over.  None: only a CMS is taken.
    content:           what a detached CMS is over, if it was asked for.
    """

    token: str
    application: str
    profile: str
    revision: int
    party: str
    step: int
    of: int
    digest: str
    signed_attributes: bytes | None = field(repr=False)
    content: bytes | None = field(repr=False)
    expires_at: datetime
