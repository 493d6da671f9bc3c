"""Scopes: what each kind of bulk event concerns, what it changes, and when it is done already."""

# ruff: noqa: ARG002 - every kind is asked alike, whether it needs what it is told or not

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.sql.selectable import Select

from factory import events
from factory.errors import ConflictError
from factory.events import ReissueRequested
from factory.model import Enterprise, OrderState
from factory.profile import Profile
from factory.versions import Versions
from jobs import ordering
from storage.ledger import Tx, affected, inbox, items, people
from storage.ledger.batches import Batch
from storage.ledger.items import Affected
from storage.ledger.orders import Newest
from storage.ledger.registers import RegistrationRow

if TYPE_CHECKING:
    from jobs.wiring import Plant

NOT_IN_FORCE = "no longer in force"
EXPIRED = "has expired"
ON_COLLECTION = "made when it is collected"
RIGHT_ALREADY = "its newest edition is right already"
UNDER_WAY = "its newest edition is still being made"
ON_PAPER = "is on paper: exchanged when its holder asks"
ERASED = "its holder's data has been erased"
SKIPS = frozenset(
    {NOT_IN_FORCE, EXPIRED, ON_COLLECTION, RIGHT_ALREADY, UNDER_WAY, ON_PAPER, ERASED}
)
PAPER = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A registration at its turn, as the register has it; in a forecast, as it will have it.

    newest:   the newest edition; None: it has none.
    expected: the edition the batch expects to replace.
    """

    row: RegistrationRow
    newest: Newest | None
    expected: int | None


class Scope(Protocol):
    """One kind of bulk event."""

    def slice_of(
        self, plant: Plant, tx: Tx, batch: Batch, *, limit: int
    ) -> tuple[Sequence[Affected], int, bool]:
        """The next it concerns, the cursor after them, and whether they are the last."""

    def concerned(self, plant: Plant, tx: Tx, batch: Batch) -> Select[Any]:
        """The question whom it concerns now, as ``storage.ledger.affected`` asks it."""

    def late(self, tx: Tx, batch: Batch) -> int:
        """Whoever it concerns since it was prepared becomes an item; how many."""

    def then(
        self, plant: Plant, tx: Tx, batch: Batch, row: RegistrationRow
    ) -> tuple[Profile, RegistrationRow]:
        """A registration, and its rules, as they will be once the batch has taken effect."""

    def take_effect(self, plant: Plant, tx: Tx, batch: Batch) -> None:
        """What changes at confirmation.  ConflictError: it can no longer be so."""

    def is_done(self, plant: Plant, tx: Tx, batch: Batch, item: Item) -> str | None:
        """Why the newest edition needs no successor; None: it does."""

    def collects_again(self, rules: Profile) -> bool:
        """Whether whoever has collected the old edition must collect the new one."""


def scope_of(batch: Batch) -> Scope:
    """That of a batch."""
    return SCOPES[batch.kind]


def why_skip(plant: Plant, tx: Tx, batch: Batch, item: Item) -> str | None:
    """Why there is nothing to order for a registration; None: there is."""
    if not item.row.in_force:
        return NOT_IN_FORCE
    if item.row.view.valid_until < plant.today(tx):
        return EXPIRED
    if item.newest is not None and item.newest.order_state is OrderState.WAITING:
        return ON_COLLECTION
    return scope_of(batch).is_done(plant, tx, batch, item)


class _Selected(ABC):
    """Concerns what a question to the register finds."""

    @abstractmethod
    def affected(self, batch: Batch) -> Select[Any]:
        """The question."""

    def slice_of(
        self,
        plant: Plant,
        tx: Tx,
        batch: Batch,
        *,
        limit: int,
    ) -> tuple[Sequence[Affected], int, bool]:
        """By row id."""
        found = affected.slice_of(tx, self.affected(batch), after=batch.cursor, limit=limit)
        cursor = found[-1].registration_id if found else batch.cursor
        return found, cursor, len(found) < limit

    def concerned(self, plant: Plant, tx: Tx, batch: Batch) -> Select[Any]:
        """All of them."""
        return self.affected(batch)

    def late(self, tx: Tx, batch: Batch) -> int:
        """Those who came since."""
        return items.add_late(tx, batch.id, self.affected(batch))


class Rename(_Selected):
    """An enterprise has another name (企业更名): everybody registered there."""

    def affected(self, batch: Batch) -> Select[Any]:
        """In the registers that its source may submit for."""
        return affected.of_enterprise(batch.subject["credit_code"], batch.profiles)

    def then(
        self, plant: Plant, tx: Tx, batch: Batch, row: RegistrationRow
    ) -> tuple[Profile, RegistrationRow]:
        """With the new name, by today's rules."""
        names, rules = batch.subject, plant.profile(tx, row.profile)
        employer = Enterprise(credit_code=names["credit_code"], name=names["new_name"])
        renamed = replace(row, value=replace(row.value, enterprise=employer))
        return rules, ordering.respelled_by(rules, renamed)

    def take_effect(self, plant: Plant, tx: Tx, batch: Batch) -> None:
        """The register has the new name, and every standing edition is outdated."""
        old, new = batch.subject["old_name"], batch.subject["new_name"]
        for row in people.renamed_enterprises(tx, batch.subject["credit_code"], batch.profiles):
            if row.is_called(new):
                continue
            if not row.is_called(old):
                raise ConflictError(
                    f"batch {batch.id}: the register knows the enterprise by another name"
                )
            people.rename(tx, row, new, inbox_id=batch.inbox_id)
        self.late(tx, batch)
        items.outdate(tx, batch.id)

    def is_done(self, plant: Plant, tx: Tx, batch: Batch, item: Item) -> str | None:
        """It says what the register says."""
        newest = item.newest
        right = newest and newest.stands and newest.basis == ordering.basis(tx, item.row)
        return RIGHT_ALREADY if right else None

    def collects_again(self, rules: Profile) -> bool:
        """Every person must: what the certificate says has changed."""
        return True


class NewVersion(_Selected):
    """A version of the profile is installed: everybody in its register."""

    def affected(self, batch: Batch) -> Select[Any]:
        """All of them."""
        return affected.of_register(batch.subject["profile"])

    def then(
        self, plant: Plant, tx: Tx, batch: Batch, row: RegistrationRow
    ) -> tuple[Profile, RegistrationRow]:
        """By that version."""
        rules = plant.profiles[row.profile].called(batch.subject["version"], plant.today(tx))
        return rules, ordering.respelled_by(rules, row)

    def take_effect(self, plant: Plant, tx: Tx, batch: Batch) -> None:
        """The register says what it said: what people have stays current until it is replaced."""
        check_in_force(plant, tx, batch)
        self.late(tx, batch)

    def is_done(self, plant: Plant, tx: Tx, batch: Batch, item: Item) -> str | None:
        """It was made by that version, or a later one."""
        newest = item.newest
        if newest is None:
            return None
        if newest.medium == PAPER:
            return ON_PAPER
        named = batch.subject["version"]
        made_by = {each.version for each in since(plant, item.row.profile, named)}
        right = newest.stands and newest.profile_version in made_by
        return RIGHT_ALREADY if right else None

    def collects_again(self, rules: Profile) -> bool:
        """As the register has it."""
        return rules.bulk.collect_again


class Reissue:
    """Some registrations, by their numbers (指定换发)."""

    def slice_of(
        self, plant: Plant, tx: Tx, batch: Batch, *, limit: int
    ) -> tuple[Sequence[Affected], int, bool]:
        """By their place in the list."""
        rules, numbers = self._list(plant, tx, batch)
        part = numbers[batch.cursor : batch.cursor + limit]
        ids = affected.rows_of(tx, rules.id, rules.authority, part).values()
        end = batch.cursor + len(part)
        return affected.read(tx, affected.of_rows(sorted(set(ids)))), end, end >= len(numbers)

    def _list(self, plant: Plant, tx: Tx, batch: Batch) -> tuple[Versions, tuple[str, ...]]:
        data = events.parse(inbox.body(tx, batch.inbox_id)).data
        assert isinstance(data, ReissueRequested)  # noqa: S101 - of such an event it is the batch
        return plant.profiles[data.profile], data.numbers

    def concerned(self, plant: Plant, tx: Tx, batch: Batch) -> Select[Any]:
        """Those of the list, in force or not."""
        rules, numbers = self._list(plant, tx, batch)
        ids = affected.rows_of(tx, rules.id, rules.authority, numbers).values()
        return affected.of_rows(sorted(set(ids)))

    def late(self, tx: Tx, batch: Batch) -> int:
        """A list does not grow."""
        return 0

    def then(
        self,
        plant: Plant,
        tx: Tx,
        batch: Batch,
        row: RegistrationRow,
    ) -> tuple[Profile, RegistrationRow]:
        """As it is now, by today's rules."""
        rules = plant.profile(tx, row.profile)
        return rules, ordering.respelled_by(rules, row)

    def take_effect(self, plant: Plant, tx: Tx, batch: Batch) -> None:
        """The register stays as it is."""

    def is_done(self, plant: Plant, tx: Tx, batch: Batch, item: Item) -> str | None:
        """Another one was made since it was asked for."""
        newest = item.newest
        if newest is None:
            return None
        if newest.medium == PAPER:
            return ON_PAPER
        if newest.order_state is OrderState.READY:
            return UNDER_WAY
        return RIGHT_ALREADY if newest.stands and newest.id != item.expected else None

    def collects_again(self, rules: Profile) -> bool:
        """As the register has it."""
        return rules.bulk.collect_again


RENAMED, REISSUED = "enterprise.renamed", "reissue.requested"
VERSIONS = ("authority.seal_replaced", "authority.renamed", "design.revised")
SCOPES: Mapping[str, Scope] = MappingProxyType(
    {RENAMED: Rename(), REISSUED: Reissue(), **{kind: NewVersion() for kind in VERSIONS}}
)


def since(plant: Plant, profile: str, version: str) -> Sequence[Profile]:
    """That version of a profile and those after it; empty: it is gone."""
    every = plant.profiles[profile].all
    place = next((n for n, each in enumerate(every) if each.version == version), len(every))
    return every[place:]


def check_in_force(plant: Plant, tx: Tx, batch: Batch) -> None:
    """ConflictError: the version that is issued by is gone, or not in force yet."""
    profile, version = batch.subject["profile"], batch.subject["version"]
    later = since(plant, profile, version)
    if not later:
        raise ConflictError(f"batch {batch.id}: version {version} of {profile} is not installed")
    if later[0].effective_from > plant.today(tx):
        raise ConflictError(
            f"batch {batch.id}: version {version} of {profile} is in force from"
            f" {later[0].effective_from} on; confirm it then"
        )
