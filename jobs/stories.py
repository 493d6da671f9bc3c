"""Stories: what one register does, told step by step in its own terms, and checked as told.

A story is a TOML file a domain expert can read: people, enterprises, and steps.  A step sends
an event or does something at the desk, and says what is to be seen then.  People and
enterprises are synthetic; the file names them and a seed gives the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from factory import specimen
from factory.access import Viewer
from factory.errors import FactoryError, FieldError, NotFoundError
from factory.model import SHANGHAI, BatchId, Party
from factory.register import EFFECTIVE
from jobs import desk, documents, enquiry, intake, outsiders, signing
from jobs.asker import Asker
from jobs.bulk import confirming
from jobs.bulk.progress import progress
from jobs.enquiry import RegistrationStatus
from jobs.intake import Status
from jobs.standing import of_document
from jobs.wording import KINDS
from storage.blobs import Blob
from storage.ledger import registers
from storage.ledger.documents import DocumentView

if TYPE_CHECKING:
    from jobs.wiring import Plant

WHO = "story"
JsonObject = dict[str, Any]

#: where the day or instant of a step goes in each event's data; an import says several
WHEN: Mapping[str, str] = {
    **EFFECTIVE,
    "registration.imported": "",
    "enterprise.renamed": "effective_on",
}
#: events that describe the person whole, those that describe the employer, and which begin
WHOLE_PERSON = frozenset({"registration.imported", "registration.approved", "application.saved"})
APPLIED = frozenset({"registration.approved", "application.saved"})
UNSAID = frozenset({"text", "fault", "also"})  #: what a story says and the event does not
PICTURED = frozenset({"initial", "reregistration", "paper_exchange"})


#: the keys of the outside world
SIGNS_WITH = {Party.APPLICANT: "p256", Party.ENTERPRISE: "rsa2048"}
PHONE = "000-00000000"  #: of every enterprise


#: what is seen after a step, in the words of a register
SEEN: Mapping[str, str] = {
    "outcome": "结果",
    "says": "说明",
    "application": "办理状态",
    "documents": "文书",
    "registration": "注册状态",
    "editions": "证书",
    "professions": "注册专业及有效期",
    "number": "注册编号",
    "employer": "聘用企业",
    "batch": "批次",
    "lists": "批次文书",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Character(_Part):
    """A person or an enterprise of a story.

    also: fields that are other than the seed's.
    """

    seed: int
    name: str
    also: Mapping[str, Any] = Field(default_factory=dict)


class Expected(_Part):
    """What is to be seen after a step; what is not named is not looked at.

    documents: of the application, how each stands, oldest first, e.g. ``注册申请表 2 有效``.
    editions:  how each stands, oldest first.  number: a regular expression.
    lists:     the documents of the batch.
    """

    outcome: Literal["accepted", "held", "duplicate", "refused"] = "accepted"
    says: str | None = None  #: part of the message
    application: str | None = None
    documents: tuple[str, ...] | None = None
    registration: str | None = None
    editions: tuple[str, ...] | None = None
    professions: tuple[str, ...] | None = None  #: ``name first last``
    number: str | None = None
    employer: str | None = None
    batch: str | None = None
    lists: tuple[str, ...] | None = None


class Step(_Part):
    """One step: an event that is sent, or something done at the desk."""

    title: str
    event: str | None = None
    do: Literal["collect", "link", "progress", "material", "confirm", "prepare"] | None = None
    on: datetime | date | None = None
    person: str | None = None
    enterprise: str | None = None
    application: str | None = None
    type: str | None = None
    profession: str | None = None  #: whose registration, where certificates are about one
    data: Mapping[str, Any] = Field(default_factory=dict)
    viewer: Viewer = Viewer.COUNTER
    material: str | None = None
    party: Party | None = None  #: for whom a form is prepared
    signed_by: tuple[Party, ...] = ()  #: who signs what was saved, an hour after another
    again: bool = False  #: the event before is sent once more
    expect: Expected = Expected()


class Story(_Part):
    """A whole story."""

    title: str
    profile: str
    people: Mapping[str, Character]
    enterprises: Mapping[str, Character]
    steps: tuple[Step, ...] = Field(alias="step")

    @property
    def source(self) -> str:
        """The upstream system of the story: it submits for this profile only."""
        return f"urn:example:{self.profile}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step that was told: what was seen, and where it is not what the story says."""

    number: int
    title: str
    seen: Mapping[str, str]
    faults: tuple[str, ...]


@dataclass
class _Stage:
    """What the steps of one telling share."""

    plant: Plant
    story: Story
    settle: Callable[[], None]
    renamed: dict[str, str] = field(default_factory=dict)
    corrected: dict[str, JsonObject] = field(default_factory=dict)
    prepared: dict[Party, tuple[str, str]] = field(default_factory=dict)
    batch: int | None = None
    last: bytes = b""
    today: date = date.min

    def turn_to(self, day: date) -> None:
        """The story has come to that day; it never goes back, even if an event comes late."""
        self.today = max(self.today, day)
        self.plant = self.plant.on(self.today)


def parse(text: str) -> Story:
    """A story from its file's text.  FieldError: which field, which rule."""
    try:
        return Story.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise FieldError("story", "TOML", str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FieldError(f"story.{where}", "story file", first["msg"]) from None


def tell(plant: Plant, story: Story, settle: Callable[[], None]) -> Iterator[Told]:
    """Tell a story, step by step.

    settle: called after each step until all work that is open is done.
    """
    desk.grant(plant, story.source, story.profile, who=WHO)
    stage = _Stage(plant=plant, story=story, settle=settle)
    for number, step in enumerate(story.steps, start=1):
        yield _told(stage, number, step)


def numbers(plant: Plant, story: Story) -> list[str]:
    """The registration numbers of the story's people, oldest first."""
    with plant.ledger.read() as tx:
        rows = [
            row
            for person in story.people
            for row in registers.load(tx, _registrations(plant, story, person)).values()
        ]
    return [row.value.number for row in rows]


def protocol(story: Story, told: Sequence[Told]) -> str:
    """What was done and seen, step by step, as Markdown."""
    lines = [f"# {story.title}", ""]
    for step in told:
        lines += [f"## {step.number}. {step.title}", ""]
        lines += [
            f"- {SEEN.get(name, name)}: {value}" for name, value in step.seen.items() if value
        ]
        lines += [f"- **not as told** {fault}" for fault in step.faults]
        lines.append("")
    return "\n".join(lines)


# --- one step ---------------------------------------------------------------------------------


def _told(stage: _Stage, number: int, step: Step) -> Told:
    if step.on is not None:
        stage.turn_to(_day(step))
    try:
        seen = _send(stage, number, step) if step.event else _do(stage, step)
    except FactoryError as error:
        seen = {"outcome": "refused", "says": str(error)}
    stage.settle()
    seen |= _look(stage, step)
    return Told(
        number=number, title=step.title, seen=seen, faults=tuple(_faults(step.expect, seen))
    )


def _faults(expected: Expected, seen: Mapping[str, str]) -> Iterator[str]:
    for name, value in expected.model_dump(exclude_none=True).items():
        wanted = "; ".join(value) if isinstance(value, tuple) else str(value)
        found = seen.get(name, "nothing")
        fits = {
            "says": wanted in found,
            "number": re.fullmatch(wanted, found) is not None,
        }.get(name, wanted == found)
        if not fits:
            yield f"{name}: {found} instead of {wanted}"


def _send(stage: _Stage, number: int, step: Step) -> dict[str, str]:
    if not step.again:
        stage.last = json.dumps(_event(stage, number, step), ensure_ascii=False).encode()
    outcomes = [intake.submit(stage.plant, stage.last, who=WHO)]
    for hours, party in enumerate(step.signed_by, start=1):
        stage.settle()  # there is a form to sign
        signed = json.dumps(_signing(stage, number, step, party, hours)).encode()
        outcomes.append(intake.submit(stage.plant, signed, who=WHO))
    stage.batch = outcomes[0].batch or stage.batch
    last = next((each for each in outcomes if each.status is not Status.ACCEPTED), outcomes[-1])
    said = [last.reason, *last.notes, *(f"{path}: {rule}" for path, rule in last.problems)]
    return {"outcome": last.status.value, "says": "; ".join(filter(None, said))}


def _signing(stage: _Stage, number: int, step: Step, party: Party, hours: int) -> JsonObject:
    """The signature of a party on what the step saved."""
    saved = _event(stage, number, step)
    holder = saved["data"]["holder"]
    at = datetime.fromisoformat(saved["data"]["saved_at"]) + timedelta(hours=hours)
    data = {
        "profile": stage.story.profile,
        "acceptance_number": step.application,
        "holder": {name: holder[name] for name in ("id_type", "id_number")},
        "revision": saved["data"]["revision"],
        "party": party.value,
        "signed_at": at.isoformat(),
        **_evidence(stage, step, party),
    }
    return saved | {"id": f"{saved['id']}-{party}", "type": "application.signed", "data": data}


def _evidence(stage: _Stage, step: Step, party: Party) -> JsonObject:
    """The signature of a party, made outside; nothing where there is no form to sign.

    What was prepared for it in a step before is signed, or else what is prepared now.
    """
    try:
        token, value = (
            stage.prepared.pop(party) if party in stage.prepared else _prepare(stage, step, party)
        )
    except NotFoundError:
        return {}
    return {"evidence": {"preparation": token, "value": value}}


def _prepare(stage: _Stage, step: Step, party: Party) -> tuple[str, str]:
    """The token of a form that is prepared now, and the signature the party makes of it."""
    plant, number, profile = stage.plant, step.application or "", stage.story.profile
    signer = outsiders.party_of(plant, number, party, profile=profile, algorithm=SIGNS_WITH[party])
    seal = outsiders.seal_of(plant, number, profile=profile) if party is Party.ENTERPRISE else None
    waiting = signing.prepare(
        plant, number, party, who=WHO, chain=signer.chain, picture=seal, profile=profile
    )
    assert waiting.signed_attributes is not None  # noqa: S101 - the certificate was given
    return waiting.token, b64encode(signer.sign(waiting.signed_attributes)).decode()


def _do(stage: _Stage, step: Step) -> dict[str, str]:
    plant = stage.plant
    asker = _asker(stage, step)
    says = ""
    if step.do == "collect":
        desk.collect(plant, _number(stage, step), who=WHO, asker=asker)
    elif step.do == "link":
        says = desk.link(plant, _number(stage, step), who=WHO, asker=asker).url
    elif step.do == "progress":
        filing, code = enquiry.slip(plant, step.application or "", asker=asker)
        says = enquiry.progress(plant, filing, code).stand.label
    elif step.do == "material":
        found = enquiry.material(plant, step.application or "", step.material or "", asker=asker)
        says = f"{len(found)} bytes"
    elif step.do == "prepare" and step.party is not None:
        stage.prepared[step.party] = _prepare(stage, step, step.party)
    elif step.do == "confirm":
        confirming.confirm(plant, BatchId(stage.batch or 0), who=WHO, why=step.title)
    return {"outcome": "accepted", "says": says}


# --- what is sent -----------------------------------------------------------------------------


def _event(stage: _Stage, number: int, step: Step) -> JsonObject:
    kind = step.event or ""
    return {
        "specversion": "1.0",
        "source": stage.story.source,
        "id": f"story-{stage.story.profile}-{number:03}",
        "type": kind,
        "datacontenttype": "application/json",
        "data": _renaming(stage, step)
        if kind == "enterprise.renamed"
        else _said(stage, step, kind),
    }


def _renaming(stage: _Stage, step: Step) -> JsonObject:
    key = step.enterprise or ""
    known = _enterprise(stage, key)
    new = str(step.data["new_name"])
    stage.renamed[key] = new
    names = {
        "credit_code": known["credit_code"],
        "old_name": known["name"],
        "new_name": new,
    }
    return {"enterprise": names, "effective_on": _day(step).isoformat()}


def _said(stage: _Stage, step: Step, kind: str) -> JsonObject:
    story, key = stage.story, step.person or ""
    person = stage.corrected.get(key) or _person(story.people[key])
    paper = {name: person[name] for name in ("id_type", "id_number")}
    data: JsonObject = {"profile": story.profile}
    data["holder"] = person if kind in WHOLE_PERSON else paper
    if kind in WHOLE_PERSON:
        data["enterprise"] = _enterprise(stage, step.enterprise or "") | {"phone": PHONE}
    if kind in APPLIED:
        data["application"] = {"type": step.type, "acceptance_number": step.application}
    elif step.application:
        data["acceptance_number"] = step.application
    if kind in APPLIED and step.type in PICTURED:
        data["photo"] = _picture(story.people[key].seed)
    if WHEN[kind]:
        data[WHEN[kind]] = _when(step, kind)
    data |= {name: value for name, value in step.data.items() if name not in UNSAID}
    if "text" in step.data:
        data["file"] = _upload(stage, step)
    if kind == "application.signed":
        data |= _evidence(stage, step, Party(str(step.data["party"])))
    if data.pop("sign", False):
        data["signature"] = {"content": specimen.signature_text(story.people[key].seed)}
    if kind == "holder.corrected":
        stage.corrected[key] = person | dict(step.data["also"])
        data["corrected"] = stage.corrected[key]
    return json.loads(json.dumps(data, default=str))  # type: ignore[no-any-return] # an object


def _person(character: Character) -> JsonObject:
    return specimen.holder(character.seed) | {"name": character.name} | dict(character.also)


def _enterprise(stage: _Stage, key: str) -> JsonObject:
    character = stage.story.enterprises[key]
    name = stage.renamed.get(key, character.name)
    return {"credit_code": specimen.credit_code(character.seed), "name": name}


def _picture(seed: int) -> JsonObject:
    return dict(specimen.approved(seed)["data"]["photo"])


def _upload(stage: _Stage, step: Step) -> JsonObject:
    """The material, a scan of its text, lies in the intake store before the event speaks of it."""
    content = specimen.scan(str(step.data["text"]), str(step.data.get("fault", "")))
    digest = hashlib.sha256(content).hexdigest()
    key = f"stories/{stage.story.profile}/{step.application}/{digest[:16]}"
    blob = Blob(key=key, data=content, content_type="application/pdf", sha256=digest)
    stage.plant.intake_store.put_new(blob)
    return {"key": key, "sha256": digest}


def _day(step: Step) -> date:
    on = step.on
    if on is None:
        raise FieldError("step.on", "story file", f"{step.title}: says no day")
    return on.date() if isinstance(on, datetime) else on


def _when(step: Step, kind: str) -> str:
    if WHEN[kind].endswith("_on"):
        return _day(step).isoformat()
    if isinstance(step.on, datetime):
        local = step.on if step.on.tzinfo else step.on.replace(tzinfo=SHANGHAI)
        return local.isoformat()
    return datetime.combine(_day(step), time(9), SHANGHAI).astimezone(UTC).isoformat()


# --- what is seen -----------------------------------------------------------------------------


def _look(stage: _Stage, step: Step) -> dict[str, str]:
    seen: dict[str, str] = {}
    if step.application:
        seen |= _applied(stage, step.application)
    if step.person and (row_ids := _registrations(stage.plant, stage.story, step.person)):
        seen |= _seen(stage, step, row_ids)
    if stage.batch is not None:
        batch = BatchId(stage.batch)
        seen["batch"] = progress(stage.plant, batch).state
        seen["lists"] = "; ".join(map(_document, documents.of_batch(stage.plant, batch)))
    return seen


def _applied(stage: _Stage, number: str) -> dict[str, str]:
    """The application of that number in the register of the story; another may have one too."""
    profile = stage.story.profile
    for found in enquiry.application_status(stage.plant, number):
        if found.application.profile == profile:
            there = documents.of_application(stage.plant, number)
            mine = [_document(each) for each in there if each.profile == profile]
            return {"application": found.stand.label, "documents": "; ".join(mine)}
    return {}


def _document(document: DocumentView) -> str:
    """What it is, of which revision, and how it stands."""
    revision = f" {document.revision}" if document.revision else ""
    return f"{KINDS[document.kind]}{revision} {of_document(document).label}"


def _seen(stage: _Stage, step: Step, row_ids: Sequence[int]) -> dict[str, str]:
    with stage.plant.ledger.read() as tx:
        rows = list(registers.load(tx, row_ids).values())
    if step.profession:
        rows = [row for row in rows if step.profession in {p.name for p in row.view.professions}]
    row = rows[-1]
    found: RegistrationStatus = enquiry.registration_status(stage.plant, row.value.number)
    return {
        "registration": found.stand.label,
        "editions": "; ".join(each.label for each in found.editions),
        "professions": "; ".join(
            f"{each.name} {each.validity.first} {each.validity.last}"
            for each in row.view.professions
        ),
        "number": row.value.number,
        "employer": row.value.enterprise.name,
    }


def _registrations(plant: Plant, story: Story, person: str) -> list[int]:
    """Rows of the person's registrations, oldest first."""
    paper = _person(story.people[person])
    with plant.ledger.read() as tx:
        return registers.of_paper(tx, story.profile, paper["id_type"], paper["id_number"])


def _number(stage: _Stage, step: Step) -> str:
    rows = _registrations(stage.plant, stage.story, step.person or "")
    if not rows:
        raise NotFoundError("registration: the person has none")
    return _seen(stage, step, rows)["number"]


def _asker(stage: _Stage, step: Step) -> Asker:
    """Who asks: the person or the enterprise of the step, or whoever needs no name."""
    person = stage.corrected.get(step.person or "")
    if person is None and step.person:
        person = _person(stage.story.people[step.person])
    return Asker(
        viewer=step.viewer,
        credit_code=_enterprise(stage, step.enterprise)["credit_code"] if step.enterprise else None,
        paper=(person["id_type"], person["id_number"]) if person else None,
    )
