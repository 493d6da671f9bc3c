"""Certificates in the store of registrations that a restored ledger does not know.

Each file is judged as anybody would judge it, and read.  What is not sealed by us, or not what its
key says, promises nothing, and neither do the others of its registration.  The ledger keeps what is
good until the events of its holder come again (`storage.ledger.lost`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory import verify
from factory.errors import FactoryError, FieldError, NotFoundError, TransientError
from factory.kinds import certificate
from factory.kinds.certificate import Face
from factory.kinds.stored import Authority
from factory.making import MAKINGS
from factory.model import Format, Kind
from factory.numbering import parse_licence_id, parse_verification_code
from factory.profile import Profile
from factory.verify_verdict import VerdictWord
from factory.versions import Versions
from jobs import desk
from jobs.backup.store import CERTIFICATE, Beside
from storage.ledger.lost import Found

if TYPE_CHECKING:
    from jobs.wiring import Plant

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One that is good.

    twin:   machine-readable, as it stands in the file.
    sealed: whether by the seal that is in use today.
    """

    number: int
    face: Face
    twin: bytes
    sealed: bool


def find(plant: Plant, beside: Beside, tell: Tell) -> list[Found]:
    """Every edition of which each file is good, registration by registration."""
    found: list[Found] = []
    for done, (uid, keys) in enumerate(sorted(beside.unknown.items()), 1):
        found += _registration(plant, uid, keys)
        tell(done, len(beside.unknown))
    return found


def _registration(plant: Plant, uid: str, keys: Sequence[str]) -> Iterator[Found]:
    files = [_judged(plant, key) for key in keys]
    good = [each for each in files if each is not None]
    profiles = {key.partition("/")[0] for key in keys}
    if len(good) < len(files) or len(profiles) > 1:
        return
    by_number: defaultdict[int, list[_File]] = defaultdict(list)
    for each in good:
        by_number[each.number].append(each)
    if any(len({each.twin for each in some}) > 1 for some in by_number.values()):
        return
    [profile] = profiles
    for number, some in sorted(by_number.items()):
        face, twin = some[0].face, some[0].twin
        yield Found(
            profile=profile,
            uid=uid,
            registration=face.number,
            number=number,
            licence_id=face.licence_id,
            code=face.verification_code,
            valid_until=max(each.last for each in face.professions).isoformat(),
            name=face.name,
            sex=face.sex,
            born=face.birth_date.isoformat(),
            twin=twin if all(each.sealed for each in some) else None,
        )


def _judged(plant: Plant, key: str) -> _File | None:
    """What that object says; None: it is no certificate of ours, or another one.

    StoreUnavailableError: the store gave no answer.
    """
    named = CERTIFICATE.fullmatch(key)
    assert named is not None  # noqa: S101 - as the caller found it
    rules = plant.profiles.get(named["profile"])
    if rules is None:
        return None
    with plant.ledger.read() as tx:
        now, profile = tx.now, plant.profile(tx, rules.id)
    try:
        data = plant.store.get(key)
        if desk.judged(plant, data, now).verdict is not VerdictWord.VALID:
            return None
        twin = verify.twin(data) or b"null"
        face = certificate.read(json.loads(twin))
        parse_verification_code(face.verification_code)
        parse_licence_id(face.licence_id)
    except (ValueError, TypeError, FieldError, NotFoundError):
        return None
    if face.edition != int(named["number"]) or not _is_of(rules, face):
        return None
    sealed = _is_by_todays(plant, profile, key, data)
    return _File(number=face.edition, face=face, twin=twin, sealed=sealed)


def _is_of(rules: Versions, face: Face) -> bool:
    """Whether it is one of this register, by any version of its profile."""
    return any(
        face.title == each.certificate.title and face.authority == Authority.of(each)
        for each in rules.all
    )


def _is_by_todays(plant: Plant, profile: Profile, key: str, data: bytes) -> bool:
    """Whether what is made from now on would be sealed by the same certificate."""
    identity, name = profile.seal.of(Kind.CERTIFICATE), key.rpartition(".")[2]
    if name not in set(Format):
        return False
    try:
        MAKINGS[Format(name)].self_check(data, plant.keyring.seal(identity, Format(name)))
    except TransientError:
        raise
    except FactoryError:
        return False
    return True
