"""Materials (申报材料) as they are handed in: fetched from the intake store, and looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory import materials
from factory.errors import DigestMismatchError, FieldError, MaterialError, NotFoundError
from factory.events import ApplicationAttached, Event, StoredPhoto
from factory.profile import Material
from factory.register import local_day
from storage.ledger import inbox

if TYPE_CHECKING:
    from jobs.wiring import Plant

FIELD = "data.file"


def check_new(plant: Plant, event: Event) -> None:
    """The same for an event that was not taken before; its file may be gone since."""
    if isinstance(event.data, ApplicationAttached):
        with plant.ledger.read() as tx:
            known = inbox.find(tx, event.source, event.id)
        if known is None:
            check(plant, event)


def check(plant: Plant, event: Event) -> None:
    """Returns where the file that an event speaks of can be taken under the rules of its day.

    A material that the register does not ask for is the register's to refuse.

    FieldError: it cannot; why, in words for a clerk.  StoreUnavailableError: the store is away.
    """
    data = event.data
    if not isinstance(data, ApplicationAttached) or data.file is None:
        return
    profile = plant.profiles[data.profile].on(local_day(data.attached_at))
    rules = next((m for m in profile.application.materials if m.id == data.material), None)
    if rules is None:
        return
    try:
        materials.check(_fetched(plant, data.file, rules), rules)
    except MaterialError as error:
        raise FieldError(FIELD, f"{data.material} of profile {profile.id}", str(error)) from error


def _fetched(plant: Plant, file: StoredPhoto, rules: Material) -> bytes:
    """The file.  MaterialError: it is not there, not the one that was named, or too large."""
    try:
        return plant.intake_store.get(file.key, sha256=file.sha256, max_bytes=rules.most_bytes)
    except NotFoundError:
        raise MaterialError("material: the store has no object of that key") from None
    except DigestMismatchError:
        raise MaterialError("material: the object in the store has another SHA-256") from None
    except FieldError:
        raise materials.too_large(rules) from None
