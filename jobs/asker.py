"""Who asks at the desk, and what is theirs: every door asks here, by one table."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from factory import access, events
from factory.access import Thing, Viewer
from factory.errors import ErasedError, FieldError, ForbiddenError, NotFoundError
from factory.events import (
    Applied,
    BulkData,
    EnterpriseRenamed,
    HolderReference,
    RegistrationImported,
)
from factory.model import BatchId, ProfileId
from factory.profile import Profile
from storage.ledger import Tx, applications, batches, inbox, people, registers, status
from storage.ledger.applications import ApplicationRow
from storage.ledger.batches import Batch
from storage.ledger.inbox import Received
from storage.ledger.status import RegistrationView

NAMES = {
    Viewer.HOLDER: ("paper", "a holder asks by their identity paper (证件号)"),
    Viewer.ENTERPRISE: ("credit_code", "an enterprise asks by its credit code (统一社会信用代码)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """Whom something is about.

    profile:   the register it is in, where it is in one.
    holder:    the row of the person; None: of nobody, or nobody known.
    employers: credit codes of the enterprises whose people it is about.
    """

    profile: str = ""
    holder: int | None = None
    employers: Set[str | None] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: a holder, an enterprise, the counter, or anybody.

    paper:  kind and number of the holder's identity paper, as it is or was.
    source: the upstream system (来源系统) they come through; None: they are at the factory.
    within: the registers that this system sees; None: all.  What lies outside is not found, in
            the words that are said of what does not exist.

    That they are who they say they are, whoever let them in has asked (实名, 法人一证通, 窗口):
    the caller vouches for it.  What is asked here is that they get their own and nobody else's,
    so a holder is bound to one person and an enterprise to one credit code.
    FieldError: a holder or an enterprise that does not say which.
    """

    viewer: Viewer = Viewer.COUNTER
    credit_code: str | None = None
    paper: tuple[str, str] | None = field(default=None, repr=False)
    source: str | None = None
    within: Set[str] | None = None

    def __post_init__(self) -> None:
        name, rule = NAMES.get(self.viewer, ("viewer", ""))
        if getattr(self, name) is None:
            raise FieldError(f"asker.{name}", rule, "is missing")

    @property
    def is_bound(self) -> bool:
        """Whether they see their own alone."""
        return self.viewer in NAMES

    def through(self, source: str, within: Set[str]) -> Asker:
        """The same, asking through that upstream system."""
        return replace(self, source=source, within=within)

    def reaches(self, profiles: Iterable[str]) -> bool:
        """Whether they see all these registers."""
        return self.within is None or set(profiles) <= self.within

    def batch(self, tx: Tx, ident: BatchId) -> Batch:
        """A batch that keeps within the registers they see.  NotFoundError: there is none."""
        found = batches.get(tx, ident)
        if not self.reaches(found.profiles):
            raise batches.none(ident)
        return found

    def may_see(self, tx: Tx, thing: Thing, about: Concerned, profile: Profile | None) -> None:
        """Nothing, if so.  ForbiddenError: why not.  NotFoundError: it is in another register."""
        if about.profile and not self.reaches([about.profile]):
            raise NotFoundError(f"{thing}: there is none")
        access.check(self.viewer, thing, profile, own=self._is_theirs(tx, about))

    def sees(self, tx: Tx, thing: Thing, about: Concerned, profile: Profile | None) -> bool:
        """Whether they may see it."""
        try:
            self.may_see(tx, thing, about, profile)
        except (ForbiddenError, NotFoundError):
            return False
        return True

    def _is_theirs(self, tx: Tx, about: Concerned) -> bool:
        if self.viewer is Viewer.ENTERPRISE:
            return self.credit_code in about.employers
        if self.viewer is not Viewer.HOLDER:
            return False
        assert self.paper is not None  # noqa: S101 - checked when it was made
        found = people.find(tx, ProfileId(about.profile), *self.paper)
        return found is not None and found.id == about.holder


def holder(id_type: str, id_number: str) -> Asker:
    """The holder of that identity paper, as it was typed.  FieldError: it is no number of one."""
    try:
        known = HolderReference(id_type=id_type, id_number=id_number.strip())
    except ValidationError:
        raise FieldError("asker.paper", "GB/T 36903", "is no number of an identity paper") from None
    return Asker(viewer=Viewer.HOLDER, paper=(known.id_type, known.id_number))


COUNTER = Asker()
ANYBODY = Asker(viewer=Viewer.PUBLIC)


def about_registration(found: RegistrationView) -> Concerned:
    """Whom a registration is about."""
    employers = frozenset({found.employer})
    return Concerned(profile=found.profile, holder=found.holder_id, employers=employers)


def about_application(found: ApplicationRow) -> Concerned:
    """Whom an application is about."""
    employers = frozenset({found.view["employer"]} - {None})
    return Concerned(profile=found.profile, holder=found.holder_id, employers=employers)


def about_event(tx: Tx, received: Received) -> Concerned:
    """Whom an event is about, as it says itself, or what it names does; nobody any more, where
    that has been erased.
    """
    try:
        data = events.parse(inbox.body(tx, received.id)).data
    except ErasedError:
        return Concerned()
    if isinstance(data, EnterpriseRenamed):
        return Concerned(employers=frozenset({data.enterprise.credit_code}))
    if isinstance(data, BulkData):
        return Concerned(profile=data.profile)
    holder = people.find(tx, ProfileId(data.profile), data.holder.id_type, data.holder.id_number)
    if holder is None:
        return Concerned(profile=data.profile)
    if isinstance(data, Applied | RegistrationImported):
        employers: Set[str | None] = frozenset({data.enterprise.credit_code})
    else:
        employers = _employers(tx, received, holder.id)
    return Concerned(profile=data.profile, holder=holder.id, employers=employers)


def _employers(tx: Tx, received: Received, holder: int) -> Set[str | None]:
    """Of the person's application or registration that the event came to."""
    number, application = received.outcome.get("registration"), received.outcome.get("application")
    named = [row for row in applications.of_holder(tx, holder) if row.number == application]
    registrations = status.by_ids(tx, registers.of_holder(tx, holder)) if number else []
    return frozenset(
        [each.view["employer"] for each in named]
        + [each.employer for each in registrations if number in (each.number, *each.former_numbers)]
    ) - {None}
