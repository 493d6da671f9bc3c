"""Preview (样张): how a document would look, marked as a specimen and never sealed.

The same way as the line's: face, sheet, layout, lint, writer, proof; then the mark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import BinaryIO

from PIL import Image

from factory import courses, events, outlook
from factory.courses import Case, JsonObject
from factory.errors import ConflictError, FieldError, InvalidEventError, NotFoundError
from factory.events import EnterpriseRenamed, Event
from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.model import ApplicationType, Kind
from factory.outlook import Outlook
from factory.page import extract
from factory.page.fonts import FontBook
from factory.page.lint import check
from factory.page.marks import Placed, Value
from factory.page.proof import proof
from factory.page.sheet import layout
from factory.page.watermark import marked
from factory.pressing import Laid
from factory.profile import Profile
from factory.register import check_day
from factory.versions import Versions
from factory.writers import pdf
from jobs.examples import profile_of, usual_first

Face = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """How a kind's face follows from what has happened.

    face:   from the outlook and what stands before a verification code.
    told:   the events of a synthetic case that it follows from, the last one last.
    doubts: why its order would wait for a person.
    """

    face: Callable[[Outlook, str], Face]
    told: Callable[[Case], Sequence[JsonObject]] = courses.course
    doubts: Callable[[Outlook], Sequence[FieldError]] = lambda _: ()


def _certificate(seen: Outlook, verify_url: str) -> Face:
    return outlook.certificate(seen, verify_url).face


def _saved(case: Case) -> Sequence[JsonObject]:
    return courses.up_to("application.saved", courses.course(case))


def _handed_in(case: Case) -> Sequence[JsonObject]:
    """Until it is submitted, or the last party has signed."""
    signed = bool(case.profile.application.signers_of(case.kind))
    last = "application.signed" if signed else "application.saved"
    return courses.up_to_last(last, courses.course(case))


#: how each kind comes about; it can be shown before it is ordered
MAKERS: Mapping[Kind, Maker] = {
    Kind.CERTIFICATE: Maker(face=_certificate, doubts=outlook.doubts),
    Kind.APPLICATION_FORM: Maker(
        face=lambda seen, _: outlook.paper(seen, Kind.APPLICATION_FORM), told=_saved
    ),
    Kind.ACCEPTANCE_NOTICE: Maker(
        face=lambda seen, _: outlook.paper(seen, Kind.ACCEPTANCE_NOTICE), told=_handed_in
    ),
    Kind.FILING_SLIP: Maker(
        face=lambda seen, _: outlook.paper(seen, Kind.FILING_SLIP), told=_handed_in
    ),
    Kind.RENAME_LIST: Maker(face=lambda seen, _: outlook.renamed(seen), told=courses.renaming),
    Kind.BATCH_REPORT: Maker(face=lambda seen, _: outlook.reported(seen), told=courses.renaming),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One document of a kind, drawn but not sealed.

    laid:     what was placed, and what goes into the file beside it.
    document: the unmarked PDF, as the line would seal it.
    """

    kind: Kind
    face: Face = field(repr=False)
    laid: Laid = field(repr=False)
    document: bytes = field(repr=False)

    @property
    def placed(self) -> Placed:
        """Every mark in its place."""
        return self.laid.placed

    @property
    def values(self) -> Mapping[str, Value]:
        """What the kind says is printed, by slot."""
        return self.laid.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A document marked 样张.

    notes: why it would wait for a person, if it would.
    """

    kind: Kind
    profile: Profile
    title: str
    pages: int
    pdf: bytes = field(repr=False)
    notes: tuple[str, ...] = ()

    def pictures(self, dpi: float) -> tuple[Image.Image, ...]:
        """Its pages as they look."""
        return extract.pictures(self.pdf, dpi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """What previews need: the faces, the registers, and what stands before a code."""

    fontbook: FontBook
    installed: Mapping[str, Versions]
    verify_url: str
    today: date

    def of_events(self, kind: Kind, history: Sequence[Event], profile: str | None) -> Preview:
        """What the last of these events would lead to.

        profile: which register's; None: the one that the last event speaks of.
        PermanentError: why nothing would follow, or why it would be held.
        """
        rules = self._rules(history, profile)
        told = [each for each in history if _of(each, rules.id)]
        if not told:
            there = ", ".join(dict.fromkeys(_register(each) for each in history))
            raise FieldError("data.profile", "--profile", f"the events are of {there}")
        seen = outlook.after(told, rules)
        return self._preview(kind, seen)

    def of_specimens(
        self, kind: Kind, profile: str | None, asked: ApplicationType | None, seed: int = 1
    ) -> Preview:
        """A synthetic document of that kind, of that register and type.

        NotFoundError: the register has no such documents; says which it has.
        """
        names = [profile] if profile else usual_first(self.installed)
        for name in names:
            rules = profile_of(self.installed, name, self.today)
            try:
                return self._preview(kind, self.specimen(kind, rules, asked, seed))
            except NotFoundError:
                if name == names[-1]:
                    raise
        raise NotFoundError("no profile is installed")

    def specimen(
        self,
        kind: Kind,
        rules: Profile,
        asked: ApplicationType | None,
        seed: int = 1,
        firm: JsonObject | None = None,
    ) -> Outlook:
        """The first synthetic history of the register that leads to a document of that kind.

        firm: the enterprise as events tell it, if it is no synthetic one.
        """
        if asked and asked not in rules.application.types:
            there = ", ".join(rules.application.types)
            raise NotFoundError(f"profile {rules.id}: has no {asked}, but {there}")
        for each in (asked,) if asked else rules.application.types:
            seen = self._leading(kind, rules, each, seed, firm)
            if seen is not None:
                return seen
        raise NotFoundError(self._without(kind, rules, asked))

    def everything(self, seed: int = 1) -> Iterator[Preview]:
        """A synthetic document of every kind of every register."""
        for kind in KINDS:
            for name in usual_first(self.installed):
                rules = profile_of(self.installed, name, self.today)
                if kind in self.kinds_of(rules):
                    yield self.of_specimens(kind, name, None, seed)

    def kinds_of(self, rules: Profile) -> Iterator[Kind]:
        """The kinds of document that a register has."""
        for kind in KINDS:
            if any(self._leading(kind, rules, each, 1) for each in rules.application.types):
                yield kind

    def draw(self, kind: Kind, seen: Outlook) -> Drawn:
        """The document as the line would seal it, with every check of the line passed."""
        face = MAKERS[kind].face(seen, self.verify_url)
        drawn = self.drawn(kind, seen, face)
        proof(drawn.document, drawn.placed, drawn.values)
        return drawn

    def drawn(self, kind: Kind, seen: Outlook, face: Face) -> Drawn:
        """A face laid out, linted and written."""
        made, profile = KINDS[kind], seen.profile
        sheet, values = made.sheet(profile, face), made.values(profile, face)
        placed = layout(sheet, values, self.fontbook)
        check(sheet, placed, values)
        laid = Laid(
            placed=placed,
            values=values,
            pictures=_printed(values, seen),
            title=made.title(profile, face),
            created=seen.moment,
            twin=twin(face),
            licence_id=str(licence) if (licence := face.get("licence_id")) else None,
            profile=profile,
        )
        return Drawn(kind=kind, face=face, laid=laid, document=_written(laid, laid.twin))

    def _preview(self, kind: Kind, seen: Outlook) -> Preview:
        drawn = self.draw(kind, seen)
        placed = marked(drawn.placed, self.fontbook)
        specimen = replace(drawn.laid, placed=placed, title=placed.title)
        return Preview(
            kind=kind,
            profile=drawn.laid.profile,
            title=drawn.laid.title,
            pages=len(placed.pages),
            pdf=_written(specimen, None),
            notes=tuple(map(str, MAKERS[kind].doubts(seen))),
        )

    def _leading(
        self,
        kind: Kind,
        rules: Profile,
        asked: ApplicationType,
        seed: int,
        firm: JsonObject | None = None,
    ) -> Outlook | None:
        """The outlook of that application; None: it leads to no document of that kind."""
        maker = MAKERS[kind]
        first = courses.first_day(rules, self.today)
        try:
            told = maker.told(Case(profile=rules, kind=asked, seed=seed, first=first, firm=firm))
            seen = outlook.after(parsed(told), self.installed[rules.id])
            maker.face(seen, self.verify_url)
        except (ConflictError, NotFoundError):
            return None
        return seen

    def _without(self, kind: Kind, rules: Profile, asked: ApplicationType | None) -> str:
        if asked:
            return f"profile {rules.id}: no {kind} follows from {asked}"
        there = ", ".join(self.kinds_of(rules)) or "none"
        return f"profile {rules.id}: has no {kind}; its documents are {there}"

    def _rules(self, history: Sequence[Event], profile: str | None) -> Versions:
        named = [
            each.data.profile for each in history if not isinstance(each.data, EnterpriseRenamed)
        ]
        name = profile or next(reversed(named), None)
        if name is None:
            raise NotFoundError("enterprise.renamed alone names no register: give --profile")
        if name not in self.installed:
            raise FieldError("data.profile", "installed profiles", "there is no such profile")
        for event in history:
            check_day(event, self.today)
        return self.installed[name]


def history_of(stream: BinaryIO) -> list[Event]:
    """The events of a file, oldest first, as ``submit`` reads them.

    InvalidEventError: every line that breaks its schema, each with its problems.
    """
    found, problems = [], []
    for line, raw in events.split_lines(stream):
        try:
            found.append(events.parse(raw))
        except InvalidEventError as error:
            problems += [(f"line {line}: {field}", rule) for field, rule in error.problems]
    if problems:
        raise InvalidEventError(tuple(problems))
    if not found:
        raise InvalidEventError((("event", "there is none in the file"),))
    return found


def _register(event: Event) -> str:
    """Which register an event speaks of."""
    return "every" if isinstance(event.data, EnterpriseRenamed) else event.data.profile


def _of(event: Event, profile: str) -> bool:
    return isinstance(event.data, EnterpriseRenamed) or event.data.profile == profile


def parsed(told: Sequence[JsonObject]) -> list[Event]:
    """Synthetic events as they would be read."""
    return [events.parse(json.dumps(each).encode()) for each in told]


def _printed(values: Mapping[str, Value], seen: Outlook) -> Mapping[str, bytes]:
    """The pictures that are among the values, by role."""
    return {
        role: seen.pictures[digest]
        for role, digest in values.items()
        if isinstance(digest, str) and digest in seen.pictures
    }


def _written(laid: Laid, twin: bytes | None) -> bytes:
    """The PDF; a specimen has no twin."""
    return pdf.draw(
        laid.placed,
        laid.pictures,
        title=laid.title,
        licence_id=laid.licence_id,
        created=laid.created,
        twin=twin,
    )
