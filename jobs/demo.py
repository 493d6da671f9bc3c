"""The demonstration: the product's main job on example events, from intake to verified links.

Then the story of each register is told, step by step, on the same running factory, and at last an
enterprise is renamed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Protocol

from factory import events
from factory.errors import ConflictError, NotFoundError, SettingsError
from factory.model import BatchId, EditionState, Format, Kind
from factory.page import extract
from factory.page.fonts import WEN_KAI
from factory.verify import VerdictWord
from jobs import (
    crew,
    demo_rename,
    desk,
    documents,
    embedded,
    enquiry,
    intake,
    opening,
    stories,
    waiting,
)
from jobs.contact import Specimen, contact_sheet
from jobs.demo_rename import Renamed
from jobs.gallery import CONTACT_DPI, CONTACT_SHEET
from jobs.kept import locked
from jobs.settings import Settings
from jobs.signer import starting
from jobs.stories import Story
from jobs.variables import POSTGRESQL
from jobs.wiring import Plant, font_files, load_profiles, plant_of
from storage import schema
from storage.ledger import batches
from storage.ledger.documents import DocumentView
from storage.ledger.status import StoredFile

WHO = "demo"
PATIENCE_SECONDS = 240.0
LINK_SECONDS = 3600
PLACE = "factory_demo"
MARK = ".demo"


class Teller(Protocol):
    """Who tells the person in front of the screen how far it is."""

    def step(self, text: str) -> None:
        """A new step begins."""

    def left(self, orders: int) -> None:
        """So many orders are still to be made."""


GENUINE = frozenset({VerdictWord.VALID, VerdictWord.SIGNED, desk.RECORDED})
SIGNED_SINCE = "document: another party has signed it since; the link is to that file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One finished document of the demonstration.

    title:    what it is called.
    subject:  the registration, application or batch it is about.
    revision: number of the edition, or of the application's revision; 0 where there are none.
    step:     how many parties have signed it.
    verdict:  what verification says: ``valid``, of a form ``signed``, or ``recorded`` where nobody
              has sealed or signed it.
    refusal:  why there is no link.
    """

    kind: str
    profile: str
    title: str
    subject: str
    revision: int
    step: int
    state: str
    format: str
    file: str
    size_bytes: int
    sha256: str
    verdict: str
    link: str | None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryTold:
    """How a register's story went.

    faults:   what was seen otherwise than the story says; empty: all as told.
    protocol: file with each step and what was seen after it.
    """

    title: str
    profile: str
    steps: int
    faults: tuple[str, ...]
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Everything the demonstration came to."""

    documents: list[Document]
    stories: list[StoryTold]
    renamed: Renamed

    @property
    def all_well(self) -> bool:
        """Whether every document is genuine, and all went as it is told."""
        genuine = all(doc.verdict in GENUINE for doc in self.documents)
        faults = [*self.renamed.faults, *(told.faults for told in self.stories if told.faults)]
        return bool(self.documents) and genuine and not faults


def run(settings: Settings, examples: Path, checker: Path, out: Path, tell: Teller) -> Shown:
    """Issue the examples, tell the stories, rename an enterprise, collect, download, verify.

    checker: docs/check_proof.py, which checks a proof offline.
    out: gets the files, ``summary.json`` and the data of the servers; emptied first.
    SettingsError: it holds something that no earlier demonstration left, or is in use.
    """
    _empty(out)
    tell.step("starting broker, object store, ledger and workers on loopback")
    with _running(settings, out) as plant:
        tell.step("feeding the example events")
        numbers = _submit(plant, sorted(examples.glob("[ai]*.jsonl")))
        waiting.settle(plant, seconds=PATIENCE_SECONDS, tell=tell.left)
        tell.step("collecting what was issued")
        _collect(plant, numbers)
        files = sorted((examples / "stories").glob("*.toml"))
        stories_ = [stories.parse(path.read_text(encoding="utf-8")) for path in files]
        told = [_tell_story(plant, story, out, tell) for story in stories_]
        numbers += [number for story in stories_ for number in stories.numbers(plant, story)]
        _collect(plant, numbers)
        tell.step("renaming an enterprise: preview, confirmation, reissue, report, proof")
        renamed = demo_rename.rename(
            plant,
            examples / "renamed.json",
            out,
            checker,
            who=WHO,
            patience=PATIENCE_SECONDS,
            tell=tell.left,
        )
        _collect(plant, numbers)
        tell.step("downloading through signed links and verifying")
        shown = [doc for number in numbers for doc in _certificates(plant, number, out)]
        shown += [doc for story in stories_ for doc in _papers(plant, story, out)]
        shown += list(_lists(plant, out))
    tell.step("laying one of each on a contact sheet")
    _contact_sheet(settings, shown, out)
    whole = Shown(documents=shown, stories=told, renamed=renamed)
    (out / "summary.json").write_text(
        json.dumps(asdict(whole), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    return whole


def _contact_sheet(settings: Settings, shown: Sequence[Document], out: Path) -> None:
    """The first page of one document of each title of each register, on one picture."""
    titles = {
        profile: v.all[-1].title for profile, v in load_profiles(settings.profiles_dir).items()
    }
    by_step = sorted(shown, key=lambda doc: doc.step)
    one = {
        (doc.profile, doc.kind, doc.title, doc.format): doc for doc in by_step
    }  # signed rather than not
    order = list(Kind)
    drawn = [doc for doc in one.values() if doc.format == Format.PDF]
    chosen = sorted(drawn, key=lambda doc: (order.index(Kind(doc.kind)), doc.profile))
    specimens = [
        Specimen(
            picture=extract.pictures((out / doc.file).read_bytes(), CONTACT_DPI)[0],
            title=doc.title,
            caption=titles[doc.profile],
        )
        for doc in chosen
    ]
    font = font_files(settings.font_dirs)[WEN_KAI.file]
    contact_sheet(specimens, font).save(out / CONTACT_SHEET, "PNG", optimize=True)


def _empty(out: Path) -> None:
    """An empty folder with the demonstration's mark; nobody else's files are ever removed."""
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise SettingsError(f"{out} holds other files: choose another folder with --out")
    if (out / "data").exists():
        with locked(out / "data"):  # nobody works with what an earlier one left
            pass
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / MARK).touch()


@contextmanager
def _running(settings: Settings, out: Path) -> Iterator[Plant]:
    """The whole factory, in a place of its own: nothing but ``out`` is touched.

    As in `up`, a process of its own holds the keys.
    """
    with embedded.embedded(_own_place(settings, out)) as found:
        running = starting.with_own(found)
        plant = plant_of(running)
        if running.db_url.startswith(POSTGRESQL):
            schema.fresh_namespace(settings.db_url, PLACE)
        opening.open_embedded(plant)
        with crew.at_work(running, with_signer=True):
            if plant.signer is not None:
                starting.wait_until_answers(plant.signer, running)
            yield plant


def _own_place(settings: Settings, out: Path) -> Settings:
    """A folder of its own, and a place of its own on servers that others use too.

    Its keys are its own, so that no other signer process has them, and no other policy is theirs.

    With ``FACTORY_DATA_DIR`` set to that folder every command finds what the demonstration made.
    """
    data = out / "data"
    own = replace(
        settings,
        data_dir=data,
        keyring_dir=data / "keyring",
        metrics_port=0,
        link_seconds=LINK_SECONDS,
        signer="",
        signer_listen="",
        signer_policy=None,
    )
    if settings.redis_url:
        own = replace(own, namespace=PLACE)
    if settings.s3_endpoint:
        own = replace(own, s3_bucket="factory-demo", s3_intake_bucket="factory-demo-intake")
    if settings.db_url.startswith(POSTGRESQL):
        return replace(own, db_url=schema.in_namespace(settings.db_url, PLACE))
    return replace(own, db_url=f"sqlite:///{data / 'ledger.sqlite3'}")


def _submit(plant: Plant, files: Sequence[Path]) -> list[str]:
    """The registration numbers that came of the files; ConflictError if one was not taken."""
    numbers = []
    for path in files:
        lines = events.split_lines(BytesIO(path.read_bytes()))
        for line, _, outcome in intake.submit_all(plant, lines, who=WHO):
            if outcome.registration is None:
                raise ConflictError(f"{path.name} line {line}: {outcome.status}")
            numbers.append(outcome.registration)
    return numbers


def _collect(plant: Plant, numbers: Sequence[str]) -> None:
    for number in numbers:
        current = enquiry.registration_status(plant, number).registration.current
        if current is not None and current.state is EditionState.UNCOLLECTED:
            desk.collect(plant, number, who=WHO)


def _tell_story(plant: Plant, story: Story, out: Path, tell: Teller) -> StoryTold:
    """Tell it to the running factory and write down what was seen."""
    tell.step(f"telling a story: {story.title}")
    told = list(
        stories.tell(
            plant, story, lambda: waiting.settle(plant, seconds=PATIENCE_SECONDS, tell=tell.left)
        )
    )
    protocol = out / "stories" / f"{story.profile}.md"
    protocol.parent.mkdir(exist_ok=True)
    protocol.write_text(stories.protocol(story, told), encoding="utf-8")
    return StoryTold(
        title=story.title,
        profile=story.profile,
        steps=len(told),
        faults=tuple(f"{step.number} {step.title}: {why}" for step in told for why in step.faults),
        protocol=str(protocol.relative_to(out)),
    )


def _certificates(plant: Plant, number: str, out: Path) -> Iterator[Document]:
    """Every edition of a registration that has a file, whoever may have it."""
    registration = enquiry.registration_status(plant, number).registration
    for edition in registration.editions:
        for file in edition.files:
            what = _What(
                kind=Kind.CERTIFICATE,
                profile=registration.profile,
                title=plant.profiles[registration.profile].all[-1].certificate.title,
                subject=registration.number,
                revision=edition.number,
                file=file,
            )
            yield _document(plant, what, partial(_certificate_link, plant, what), out)


def _papers(plant: Plant, story: Story, out: Path) -> Iterator[Document]:
    """Every form, notice and slip of the applications of a story."""
    for number in dict.fromkeys(step.application for step in story.steps if step.application):
        with suppress(NotFoundError):
            for found in documents.of_application(plant, number):
                if found.profile == story.profile:
                    yield from _other(plant, found, number, number, out)


def _lists(plant: Plant, out: Path) -> Iterator[Document]:
    """The result of every rename."""
    with plant.ledger.read() as tx:
        ids = sorted(batch.id for batch in batches.all_batches(tx))
    for batch in ids:
        for found in documents.of_batch(plant, batch):
            yield from _other(plant, found, batch, f"batch-{batch}", out)


def _other(
    plant: Plant, found: DocumentView, of: str | BatchId, subject: str, out: Path
) -> Iterator[Document]:
    """A document that is no certificate, by a link of its own."""
    for file in found.files:
        what = _What(
            kind=found.kind,
            profile=found.profile,
            title=found.file_name.rpartition("_")[0],
            subject=subject,
            revision=found.revision,
            file=file,
        )

        def link(what: _What = what) -> str:
            if found.file != what.file:
                raise ConflictError(SIGNED_SINCE)
            revision = found.revision or None
            kind, profile = found.kind, found.profile
            return documents.link(plant, of, kind, who=WHO, revision=revision, profile=profile).url

        yield _document(plant, what, link, out)


@dataclass(frozen=True, slots=True, kw_only=True)
class _What:
    """A file of the demonstration, and what it is about."""

    kind: Kind
    profile: str
    title: str
    subject: str
    revision: int
    file: StoredFile

    @property
    def name(self) -> str:
        """Where it goes in the folder."""
        revision = f"-{self.revision:03d}" if self.revision else ""
        step = f"-signed-{self.file.step}" if self.file.step else ""
        return f"{self.profile}/{self.kind}/{self.subject}{revision}{step}.{self.file.format}"


def _certificate_link(plant: Plant, what: _What) -> str:
    fmt = Format(what.file.format)
    return desk.link(plant, what.subject, who=WHO, edition=what.revision, fmt=fmt).url


def _document(plant: Plant, what: _What, link: Callable[[], str], out: Path) -> Document:
    path = out / what.name
    path.parent.mkdir(parents=True, exist_ok=True)
    url, refusal = _link(link)
    data = _download(url) if url else _stored(plant, what)
    path.write_bytes(data)
    finding = desk.examine(plant, data)
    return Document(
        kind=what.kind.value,
        profile=what.profile,
        title=what.title,
        subject=what.subject,
        revision=what.revision,
        step=what.file.step,
        state=finding.state or "unknown",
        format=what.file.format,
        file=what.name,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        verdict=finding.word,
        link=url,
        refusal=refusal,
    )


def _stored(plant: Plant, what: _What) -> bytes:
    return plant.store.get(what.file.object_key, sha256=what.file.sha256)


def _link(given: Callable[[], str]) -> tuple[str | None, str | None]:
    try:
        return given(), None
    except ConflictError as error:
        return None, str(error)


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - a link of our own
        data: bytes = answer.read()
    return data
