"""Beginning: a bulk event becomes a batch, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from factory.errors import BatchRunningError, ConflictError, FieldError, NotFoundError
from factory.events import BulkData, EnterpriseRenamed, Event, ReissueRequested, VersionData
from factory.model import BatchId, Enterprise, Kind, ProfileId, same_name
from factory.profile import Profile
from jobs.bulk import confirming, scopes
from storage.ledger import Tx, affected, batches, inbox, people

if TYPE_CHECKING:
    from jobs.wiring import Plant

OPERATIONS = "urn:certfactory:operations"  #: source of what operators ask for: any register
KNOWN_ALREADY = "the register knows the new name already"
MOST_TOLD = 20
#: What an event says that a version changes.
CHANGED: Mapping[str, Callable[[Profile], object]] = {
    "authority.seal_replaced": lambda rules: rules.seal.of(Kind.CERTIFICATE),
    "authority.renamed": lambda rules: (rules.authority.name, rules.authority.lines),
}
SAME: Mapping[str, str] = {
    "authority.seal_replaced": "seals by the same identity of the keyring; has its seal been"
    " replaced there (`certfactory keys list`)?",
    "authority.renamed": "prints the same name of the authority",
}


def check_version(plant: Plant, tx: Tx, event: Event) -> None:
    """FieldError: it names a version that is not installed, or was followed by another.

    An event that was taken before is known again, whatever has followed since.
    """
    if not isinstance(event.data, VersionData) or inbox.find(tx, event.source, event.id):
        return
    rules, version = plant.profiles[event.data.profile], event.data.version
    later = scopes.since(plant, event.data.profile, version)
    if not later:
        installed = ", ".join(each.version for each in rules.all)
        raise FieldError("data.version", f"installed are {installed}", "there is no such version")
    today = rules.on(plant.today(tx))
    if later[0].effective_from < today.effective_from:
        raise FieldError("data.version", f"in force is {today.version}", "was followed by another")


def granted(plant: Plant, tx: Tx, source: str) -> frozenset[str]:
    """The installed profiles that a source may submit for."""
    every = frozenset(plant.profiles)
    return every if source == OPERATIONS else inbox.grants(tx, source) & every


def begin(plant: Plant, tx: Tx, event: Event, inbox_id: int) -> tuple[BatchId | None, str | None]:
    """The batch of a bulk event, or a note why none is needed.

    PermanentError: it cannot be begun now, and why.
    """
    data = event.data
    assert isinstance(data, BulkData)  # noqa: S101 - asked by the caller
    if isinstance(data, EnterpriseRenamed):
        return _rename(plant, tx, event, data, inbox_id)
    if isinstance(data, ReissueRequested):
        return _reissue(plant, tx, data, inbox_id), None
    return _by_version(plant, tx, event.type, data, inbox_id), _same_as_before(plant, event, data)


def _same_as_before(plant: Plant, event: Event, data: VersionData) -> str | None:
    """That the version does not change what the event says; a seal may change in the keyring."""
    if event.type not in SAME:
        return None
    every, named = plant.profiles[data.profile].all, scopes.since(plant, data.profile, data.version)
    earlier, told = every[: len(every) - len(named)], CHANGED[event.type]
    if earlier and told(earlier[-1]) != told(named[0]):
        return None
    if not earlier:
        return f"version {data.version} is the first of this register: no certificate has another"
    return f"version {data.version}, like {earlier[-1].version}, {SAME[event.type]}"


def _rename(
    plant: Plant, tx: Tx, event: Event, data: EnterpriseRenamed, inbox_id: int
) -> tuple[BatchId | None, str | None]:
    """Over the profiles that its source may submit for."""
    subject = data.enterprise
    profiles = [plant.profiles[name].id for name in sorted(granted(plant, tx, event.source))]
    given = Enterprise(credit_code=subject.credit_code, name=subject.old_name)
    if event.source == OPERATIONS:
        profiles = people.profiles_of(tx, subject.credit_code, profiles)
    # Locked first: of two renames at once, the second waits here and then sees the batch.
    rows = [people.enterprise(tx, profile, given) for profile in profiles]
    if not rows:
        raise NotFoundError("enterprise: no register knows this credit code")
    for row in rows:
        if same_name(row.name, subject.new_name) and not row.has_been_called(subject.old_name):
            people.remember_name(tx, row, subject.old_name, inbox_id=inbox_id)
    check_free(tx, [subject.credit_code], profiles)
    if all(row.is_called(subject.new_name) for row in rows):
        return None, KNOWN_ALREADY
    names = (subject.old_name, subject.new_name)
    if any(not any(row.is_called(name) for name in names) for row in rows):
        raise ConflictError("enterprise.old_name: the register knows it by another name")
    _check_evidence(plant, tx, data, profiles)
    batch = batches.add(
        tx,
        event.type,
        inbox_id=inbox_id,
        subject={
            "credit_code": subject.credit_code,
            "old_name": subject.old_name,
            "new_name": subject.new_name,
            "effective_on": data.effective_on.isoformat(),
            **({"evidence": data.evidence} if data.evidence else {}),
        },
        profiles=profiles,
    )
    confirming.check_applications(plant, tx, batches.get(tx, batch))
    return batch, None


def _check_evidence(
    plant: Plant, tx: Tx, data: EnterpriseRenamed, profiles: Collection[ProfileId]
) -> None:
    for name in profiles:
        if plant.profile(tx, name).bulk.evidence == "required" and not data.evidence:
            raise FieldError("data.evidence", f"profile {name}", "is missing (更名通知书文号)")


def check_free(tx: Tx, codes: Collection[str], profiles: Collection[str]) -> None:
    """BatchRunningError: one of the enterprises is being renamed in one of the registers."""
    for batch in batches.not_ended(tx, scopes.RENAMED):
        if batch.subject["credit_code"] in codes and set(batch.profiles) & set(profiles):
            raise BatchRunningError(
                f"enterprise: batch {batch.id} renames it already; taken up when that has ended",
                batch.id,
            )


def _by_version(plant: Plant, tx: Tx, kind: str, data: VersionData, inbox_id: int) -> BatchId:
    for batch in batches.not_ended(tx, *scopes.VERSIONS):
        if batch.subject["profile"] == data.profile:
            raise BatchRunningError(
                f"profile: batch {batch.id} issues it anew already; taken up when that has ended",
                batch.id,
            )
    subject = {"profile": data.profile, "version": data.version, "reason": data.reason}
    profile = plant.profiles[data.profile].id
    return batches.add(tx, kind, inbox_id=inbox_id, subject=subject, profiles=[profile])


def _reissue(plant: Plant, tx: Tx, data: ReissueRequested, inbox_id: int) -> BatchId:
    unknown = unknown_numbers(plant, tx, data.profile, data.numbers)
    if unknown:
        places = ", ".join(str(place) for place in unknown[:MOST_TOLD])
        raise NotFoundError(
            f"numbers: {len(unknown)} are no registration of this register: entries {places}"
        )
    subject = {"profile": data.profile, "count": len(data.numbers), "reason": data.reason}
    return batches.add(
        tx,
        scopes.REISSUED,
        inbox_id=inbox_id,
        subject=subject,
        profiles=[plant.profiles[data.profile].id],
    )


def unknown_numbers(plant: Plant, tx: Tx, profile: str, numbers: Collection[str]) -> list[int]:
    """The places, from 1, of numbers that the register does not know."""
    rules = plant.profiles[profile]
    known = affected.rows_of(tx, rules.id, rules.authority, list(numbers))
    return [place for place, number in enumerate(numbers, start=1) if number not in known]


def check_transfers(tx: Tx, profile: str, codes: Collection[str]) -> None:
    """BatchRunningError: a rename of one of these enterprises is under way in the register."""
    for batch in batches.not_ended(tx, scopes.RENAMED):
        concerned = batch.subject["credit_code"] in codes and profile in batch.profiles
        if concerned and batch.state in batches.UNDER_WAY:
            raise BatchRunningError(
                f"enterprise: batch {batch.id} renames it; a transfer waits until that has ended",
                batch.id,
            )
