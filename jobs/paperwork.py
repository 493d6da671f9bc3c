"""Documents of an application: which are due, and which are void since.

The application form of the revision that was saved last, the notice of acceptance once it is
accepted, the slip once it is filed.  What the parties have signed is never drawn anew: another
revision is another document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from factory.events import ApplicationSaved
from factory.kinds import KINDS, acceptance_notice, application_form, filing_slip
from factory.model import CANCELLING, Kind, Queue, Registration
from factory.profile import Profile
from factory.register import FILLING_IN, Application, Key, local_day
from factory.versions import Versions
from jobs import ordering
from storage.ledger import Tx, applications, documents, orders, registers
from storage.ledger.applications import ApplicationRow
from storage.ledger.documents import DocumentView, NewDocument
from storage.ledger.people import HolderRow

Face = Mapping[str, object]
REPLACED = "another revision was saved (作废)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An application with all that its documents print.

    said:       what was saved last.
    profile:    the version in force when it was saved.
    registered: the registration it is about, as it stood then.
    """

    row: ApplicationRow
    application: Application
    said: ApplicationSaved
    profile: Profile
    registered: Registration | None
    pictures: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A document that should stand.

    revision: of the application it is about; 0 where it is about all of them.
    basis:    what it rests on: another basis, another document.
    face:     drawn up when it is ordered, because that may draw a number.
    """

    kind: Kind
    revision: int
    basis: tuple[str, ...]
    face: Callable[[], Face] = field(repr=False)
    pictures: Mapping[str, str] = field(default_factory=dict)


def keep(tx: Tx, holder: HolderRow, cases: Sequence[Case], *, inbox_id: int) -> None:
    """Order the documents that are due; what they replace is void."""
    standing = [
        each
        for each in documents.of_applications(tx, [case.row.id for case in cases])
        if each.stands
    ]
    for case in cases:
        there = {each.kind: each for each in standing if each.application_id == case.row.id}
        due = {each.kind: each for each in _due(tx, case)}
        gone = [each for each in there.values() if _is_over(tx, case, each, due.get(each.kind))]
        orders.void_documents(tx, [each.id for each in gone], why=REPLACED)
        left = there.keys() - {each.kind for each in gone}
        for kind in [kind for kind in due if kind not in left]:
            _order(tx, holder, case, due[kind], inbox_id)


def _is_over(tx: Tx, case: Case, there: DocumentView, due: Due | None) -> bool:
    """Whether a document no longer says what is applied for."""
    if due is not None:
        return there.basis != _basis(tx, case, due)
    return there.revision not in {0, case.row.revision}


def _basis(tx: Tx, case: Case, due: Due) -> str:
    return tx.vault.lookup("document", due.kind, str(case.row.id), *due.basis).hex()


def _due(tx: Tx, case: Case) -> Iterator[Due]:
    rules, row, application = case.profile.documents, case.row, case.application
    if row.kind in rules.application_forms:
        yield _form(case)
    if rules.acceptance_notice and _is_accepted(case):
        yield _notice(tx, case)
    if row.filing_number is not None and application.handed_in is not None:
        yield _slip(tx, case, row.filing_number)


def _is_accepted(case: Case) -> bool:
    """Whether it is taken in (受理) and examined; what completes at a signature never is."""
    rules, application = case.profile.application, case.application
    at_once = rules.cancellation_completes_on == "enterprise_signature"
    examined = not (at_once and application.kind in CANCELLING)
    return examined and application.handed_in is not None and application.state not in FILLING_IN


def _form(case: Case) -> Due:
    saved = case.application.saved
    assert saved is not None  # noqa: S101 - only such applications have a case

    def face() -> Face:
        return application_form.face(
            profile=case.profile,
            data=case.said,
            registered=case.registered,
            made_at=case.said.saved_at,
            photo=case.pictures.get("photo"),
            signature=case.pictures.get("signature"),
        )

    return Due(
        kind=Kind.APPLICATION_FORM,
        revision=case.row.revision,
        basis=(*saved.key, str(case.row.revision)),
        face=face,
        pictures=case.pictures,
    )


def _notice(tx: Tx, case: Case) -> Due:
    accepted_at = case.application.handed_in
    assert accepted_at is not None  # noqa: S101 - asked by the caller
    profile = case.profile

    def face() -> Face:
        year = local_day(accepted_at).year
        series = f"{profile.authority.credit_code}/notice/{year}"
        serial = registers.draw(tx, series, lambda _: True)
        return acceptance_notice.face(
            profile=profile,
            number=profile.documents.number(year, serial),
            data=case.said,
            accepted_at=accepted_at,
        )

    return Due(
        kind=Kind.ACCEPTANCE_NOTICE,
        revision=case.row.revision,
        basis=(str(case.row.revision), accepted_at.isoformat()),
        face=face,
    )


def _slip(tx: Tx, case: Case, filing_number: str) -> Due:
    submitted_at = case.application.handed_in
    assert submitted_at is not None  # noqa: S101 - asked by the caller

    def face() -> Face:
        return filing_slip.face(
            profile=case.profile,
            filing_number=filing_number,
            query_code=applications.by_filing(tx, filing_number)[1],
            data=case.said,
            submitted_at=submitted_at,
        )

    return Due(kind=Kind.FILING_SLIP, revision=0, basis=(filing_number,), face=face)


def _order(tx: Tx, holder: HolderRow, case: Case, due: Due, inbox_id: int) -> None:
    face = due.face()
    new = NewDocument(
        profile=case.profile.id,
        kind=due.kind,
        revision=due.revision,
        basis=_basis(tx, case, due),
        file_name=KINDS[due.kind].file_name(case.profile, face),
        application_id=case.row.id,
    )
    order = ordering.new_document(
        tx,
        new,
        face,
        case.profile,
        data_key=holder.data_key,
        inbox_id=inbox_id,
        pictures=due.pictures,
    )
    orders.add(tx, [order], queue=Queue.INTERACTIVE)


def cases(
    rules: Versions,
    changed: Iterable[Application],
    rows: Mapping[str, ApplicationRow],
    numbers: Mapping[Key, str],
) -> list[Case]:
    """The applications that were saved, with what their documents print.

    numbers: registration numbers, by the fact that began each registration.
    """
    return [_case(rules, each, rows[each.number], numbers) for each in changed if each.saved]


def _case(
    rules: Versions,
    application: Application,
    row: ApplicationRow,
    numbers: Mapping[Key, str],
) -> Case:
    saved = application.saved
    assert saved is not None  # noqa: S101 - asked by the caller
    assert isinstance(saved.data, ApplicationSaved)  # noqa: S101 - nothing else is saved
    profile = rules.on(saved.day)
    registered = _registered(application, saved.data, profile, numbers)
    pictures = {
        "photo": registered.photo if registered else None,
        "signature": registered.signature if registered else None,
        **saved.pictures,
    }
    return Case(
        row=row,
        application=application,
        said=saved.data,
        profile=profile,
        registered=registered,
        pictures={role: digest for role, digest in pictures.items() if digest},
    )


def _registered(
    application: Application,
    said: ApplicationSaved,
    profile: Profile,
    numbers: Mapping[Key, str],
) -> Registration | None:
    state = application.registered
    if state is None:
        return None
    return Registration(
        number=state.number or numbers[state.origin],
        holder=said.holder.value(),
        enterprise=state.employer,
        occupation=profile.occupation,
        professions=state.view.professions,
        photo=state.view.photo,
        signature=state.view.signature,
    )
