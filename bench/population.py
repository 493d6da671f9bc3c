"""Whose certificates are made: people of simulated registers, as a bulk reissue prints them.

The registers are those of ``certfactory simulate``, with their names, enterprises, professions
and portraits.  Nobody in them exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from itertools import islice

from factory import plan, simulation, simulation_pictures, specimen
from factory.events import RegistrationImported
from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.model import Kind, Registration
from factory.numbering import CODE_BYTES
from factory.page.fonts import FontBook
from factory.page.sheet import Sheet, Value, layout
from factory.pictures import normalise_photo, normalise_signature
from factory.pressing import Laid
from factory.profile import Profile
from factory.register import professions
from factory.simulation import Pictures, Register

CREATED = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)  #: of all files: one batch, one second
DAY = date(2026, 11, 21)
SEED = 9
PORTRAITS = 100  #: different ones, as photos of a batch are read one by one
REGISTER = 50_000  #: registrations of each
VERIFY_URL = "https://example.org/v/"  #: what the code is appended to
CERTIFICATE = KINDS[Kind.CERTIFICATE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One certificate that is to be made: everything a press is given but the places.

    pictures: role -> normalised JPEG.
    """

    sheet: Sheet
    values: Mapping[str, Value]
    pictures: Mapping[str, bytes] = field(repr=False)
    title: str
    twin: bytes = field(repr=False)
    licence_id: str
    profile: Profile

    def laid(self, fontbook: FontBook, *, with_twin: bool) -> Laid:
        """With every mark in its place."""
        return Laid(
            placed=layout(self.sheet, self.values, fontbook),
            values=self.values,
            pictures=self.pictures,
            title=self.title,
            created=CREATED,
            twin=self.twin if with_twin else None,
            licence_id=self.licence_id,
            profile=self.profile,
        )


def asked(profile: Profile, size: int) -> Iterator[Asked]:
    """The certificates of a simulated register of that size that is renewed.

    Whoever is cancelled or suspended there has none.
    """
    register = Register(profile=profile, size=size, seed=SEED, day=DAY)
    for place, row in enumerate(simulation.rows(register, Pictures())):
        if row["standing"] == "active":
            yield _asked(profile, RegistrationImported.model_validate(row), place)


class Crowd:
    """People without end, a register after the other, nobody twice."""

    def __init__(self, profiles: Sequence[Profile], size: int = REGISTER) -> None:
        self._streams = [asked(profile, size) for profile in profiles]
        self._turn = 0

    def next(self, count: int) -> list[Asked]:
        """So many of the register whose turn it is.  SystemExit: there are no more."""
        stream = self._streams[self._turn % len(self._streams)]
        self._turn += 1
        found = list(islice(stream, count))
        if len(found) < count:
            raise SystemExit("the simulated registers are too small for what is measured")
        return found

    def each(self, count: int) -> list[Asked]:
        """So many of every register."""
        return [one for _ in self._streams for one in self.next(count)]


def _asked(profile: Profile, data: RegistrationImported, place: int) -> Asked:
    pictures = _pictures(profile, place)
    digests = {role: sha256(jpeg).hexdigest() for role, jpeg in pictures.items()}
    registration = Registration(
        number=data.registration_number,
        holder=data.holder.value(),
        enterprise=data.enterprise.value(),
        occupation=profile.occupation,
        professions=professions.taken_over(data.professions, profile),
        photo=digests["photo"],
        signature=digests.get("signature"),
    )
    edition = plan.edition(
        profile,
        registration,
        number=2,
        random_bytes=sha256(data.registration_number.encode()).digest()[:CODE_BYTES],
        verify_url=VERIFY_URL,
        issued_on=DAY,
    )
    return Asked(
        sheet=CERTIFICATE.sheet(profile, edition.face),
        values=CERTIFICATE.values(profile, edition.face),
        pictures=pictures,
        title=CERTIFICATE.title(profile, edition.face),
        twin=twin(edition.face),
        licence_id=edition.licence_id,
        profile=profile,
    )


def _pictures(profile: Profile, place: int) -> Mapping[str, bytes]:
    photo = {"photo": _portrait(place % PORTRAITS)}
    if not profile.certificate.holder_signature:
        return photo
    return photo | {"signature": _signature(place % specimen.FACES)}


@lru_cache(maxsize=PORTRAITS)
def _portrait(number: int) -> bytes:
    return normalise_photo(simulation_pictures.portrait(SEED, number))


@lru_cache(maxsize=specimen.FACES)
def _signature(number: int) -> bytes:
    return normalise_signature(specimen.signature(number))
