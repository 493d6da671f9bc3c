"""What a key has sealed: by the name of an identity, or by the fingerprint of its certificate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from factory.errors import FieldError, NotFoundError
from factory.model import SHANGHAI
from storage.ledger import sealed_by
from storage.ledger.sealed_by import Count, SealedFile, Wanted

if TYPE_CHECKING:
    from jobs.wiring import Plant

__all__ = ["Asked", "Count", "Sealed", "SealedFile", "listed", "sealed", "standing"]

LEAST_DIGITS = 8  #: of a fingerprint, so that it means one certificate
MOST_CERTIFICATES = 20
HEX = frozenset("0123456789abcdef")
#: an edition that people have, or may fetch, and that another one has to take the place of
STANDING = frozenset({"uncollected", "collected", "outdated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Of which key, and when.

    key:   an identity's name, or the beginning of a certificate's SHA-256 in hex.
    since: the first day in China; until: the last one; None: no bound.
    """

    key: str
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What one certificate has sealed."""

    certificate: str
    counts: tuple[Count, ...]


def sealed(plant: Plant, asked: Asked) -> list[Sealed]:
    """Counts, by certificate: an identity may have one for each format.

    NotFoundError: nothing was sealed by such a key, and the keyring has none of that name.
    FieldError: so few digits say no certificate, or the days are the wrong way round.
    """
    with plant.ledger.read() as tx:
        return [
            Sealed(certificate=each.certificate, counts=tuple(sealed_by.counts(tx, each)))
            for each in _wanted(plant, asked)
        ]


def listed(plant: Plant, asked: Asked) -> Iterator[SealedFile]:
    """Every file; raises as `sealed` does."""
    for each in _wanted(plant, asked):
        yield from sealed_by.listed(plant.ledger, each)


def standing(plant: Plant, asked: Asked) -> Iterator[str]:
    """The registration numbers whose certificate of today, or a stored one, it has sealed."""
    seen: set[str] = set()
    for each in listed(plant, asked):
        number = each.registration
        if number is not None and each.state in STANDING and number not in seen:
            seen.add(number)
            yield number


def _wanted(plant: Plant, asked: Asked) -> list[Wanted]:
    since = _begins(asked.since) if asked.since else None
    until = _begins(asked.until + timedelta(days=1)) if asked.until else None
    if since and until and since >= until:
        raise FieldError("until", "the first day comes first", "lies before the first day")
    return [
        Wanted(certificate=each, since=since, until=until)
        for each in _certificates(plant, asked.key)
    ]


def _certificates(plant: Plant, key: str) -> Sequence[str]:
    own = [each.fingerprint for each in plant.keyring.identities() if each.name == key]
    if own := [*own, *plant.keyring.retired().get(key, ())]:
        return list(dict.fromkeys(own))
    digits = key.lower().rstrip("…")
    if not set(digits) <= HEX:
        raise NotFoundError(f"key {key}: the keyring has no identity of that name")
    if len(digits) < LEAST_DIGITS:
        rule = f"{LEAST_DIGITS} hex digits at least"
        raise FieldError("key", rule, "so few digits of a SHA-256 say no certificate")
    with plant.ledger.read() as tx:
        found = sealed_by.certificates(tx, digits, most=MOST_CERTIFICATES)
    if not found:
        raise NotFoundError(f"key {key}: no file was sealed by a certificate of that SHA-256")
    return found


def _begins(day: date) -> datetime:
    """The first moment of a day in China."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)
