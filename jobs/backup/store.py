"""The object store beside a ledger out of a backup: what is missing, and what nobody speaks of.

Objects are written before they are recorded and never altered, so whatever the backup's ledger has
recorded lies there, with more: what was made since, a certificate that somebody may have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from factory import verify
from factory.errors import FieldError, NotFoundError
from factory.model import Kind
from factory.numbering import parse_verification_code
from storage.ledger import restoring
from storage.ledger.restoring import LostEdition
from storage.own_objects import is_own

if TYPE_CHECKING:
    from jobs.wiring import Plant

AT_ONCE = 1000
MOST_TOLD = 20
CERTIFICATE = re.compile(
    rf"(?P<profile>[^/]+)/(?P<uid>[0-9a-f]{{32}})/(?P<number>[0-9]{{3,}})/{Kind.CERTIFICATE}\..+"
)

Tell = Callable[[int, int], None]


@dataclass(slots=True)
class Beside:
    """What was found.

    files:    that are recorded, and lie there in the size that is recorded.
    missing:  keys of some that do not; lacking: how many.
    strays:   objects that no row speaks of.
    unknown:  registrations that the ledger does not know, made since, with their certificates.
    editions: by (registration's uid, number), the key of a certificate that was made since.
    """

    files: int = 0
    lacking: int = 0
    strays: int = 0
    missing: list[str] = field(default_factory=list)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    editions: dict[tuple[str, int], str] = field(default_factory=dict)


def look(plant: Plant, tell: Tell) -> Beside:
    """One pass over the store's list; no object is read."""
    found = Beside()
    with plant.ledger.read() as tx:
        total, fonts = restoring.count_files(tx), restoring.font_keys(tx)
    listed = (
        (key, size) for key, size in plant.store.sizes() if key not in fonts and not is_own(key)
    )
    while page := list(islice(listed, AT_ONCE)):
        _compare(plant, found, page)
        tell(min(found.files, total), total)
    found.lacking = total - found.files
    if found.lacking:
        found.missing = list(islice(_missing(plant), MOST_TOLD))
    return found


def _compare(plant: Plant, found: Beside, page: Sequence[tuple[str, int]]) -> None:
    with plant.ledger.read() as tx:
        recorded = restoring.sizes(tx, [key for key, _ in page])
        found.files += sum(recorded.get(key) == size for key, size in page)
        strays = [key for key, _ in page if key not in recorded]
        stems = restoring.ordered_stems(tx, [_stem(key) for key in strays])
        strays = [key for key in strays if _stem(key) not in stems]
        named = {key: each for key in strays if (each := CERTIFICATE.fullmatch(key))}
        known = restoring.registrations(tx, [each["uid"] for each in named.values()])
    found.strays += len(strays)
    for key, each in named.items():
        if each["uid"] in known:
            found.editions.setdefault((each["uid"], int(each["number"])), key)
        else:
            found.unknown.setdefault(each["uid"], []).append(key)


def _stem(key: str) -> str:
    """An object's key without step and format."""
    folder, _, name = key.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}"


def _missing(plant: Plant) -> Iterator[str]:
    beyond = 0
    while True:
        with plant.ledger.read() as tx:
            rows = restoring.file_keys(tx, beyond=beyond, most=AT_ONCE)
            sizes = restoring.sizes(tx, [key for _, key in rows])
        for _, key in rows:
            info = plant.store.head(key)
            if info is None or info.size_bytes != sizes[key]:
                yield key
        if len(rows) < AT_ONCE:
            return
        beyond = rows[-1][0]


def lost_editions(plant: Plant, found: Beside) -> Iterator[LostEdition]:
    """Editions that were made since, of registrations that the ledger knows, as they say it."""
    with plant.ledger.read() as tx:
        known = restoring.registrations(tx, [uid for uid, _ in found.editions])
    for (uid, number), key in sorted(found.editions.items()):
        registration, profile = known[uid]
        said = _twin(plant, key)
        yield LostEdition(
            registration=registration,
            profile=profile,
            number=number,
            code=said.get("verification_code"),
            licence_id=said.get("licence_id"),
            valid_until=max((each["last"] for each in said.get("professions", ())), default=""),
        )


def _twin(plant: Plant, key: str) -> dict[str, Any]:
    """Nothing where none can be read: then its number alone is kept."""
    try:
        said: dict[str, Any] = json.loads(verify.twin(plant.store.get(key)) or b"{}")
        parse_verification_code(said["verification_code"])
    except (ValueError, KeyError, TypeError, FieldError, NotFoundError):
        return {}
    return said
