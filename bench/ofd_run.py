"""OFD: one sealed certificate from placed marks, beside the SM2 operation that is its limit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from bench import naive_ofd, pages
from bench.naive import Fonts
from bench.naive_run import faces
from factory import specimen
from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.making import MAKINGS
from factory.model import Format, Kind
from factory.page.fonts import UMING
from factory.page.sheet import layout
from factory.pictures import normalise_photo
from factory.pressing import Laid
from factory.profile import Profile
from factory.seals import pkcs8
from factory.seals.picture import draw_test_seal
from factory.seals.signer import SesIdentity
from factory.seals.sm2_soft import Sm2SoftSigner, backends
from jobs.wiring import Plant, font_files
from storage import testca_sm2

STAGES = ("draw", "sign", "finish", "check")
OPERATIONS = 200  #: of each back end
PASSPHRASE = b"bench"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfdRun:
    """CPU ms, medians of one process.

    stages_ms:    of one certificate: drawn and prepared, signed, finished, checked.
    operation_ms: of one SM2 signature, by back end.
    naive_ms:     of one certificate the naive way.
    size_bytes:   of a finished file, median.
    """

    count: int
    naive_count: int
    stages_ms: Mapping[str, float]
    operation_ms: Mapping[str, float]
    naive_ms: float
    size_bytes: int

    @property
    def cpu_ms(self) -> float:
        """Of one certificate."""
        return sum(self.stages_ms.values())

    @property
    def limit_ms(self) -> float:
        """Of the fastest back end: what no certificate can cost less than."""
        return min(self.operation_ms.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A test seal of the measurement's own, and its private key for the naive way."""

    identity: SesIdentity
    secret: bytes = field(repr=False)


def run(plant: Plant, folder: Path, *, count: int, naive_count: int) -> OfdRun:
    """Seal certificates that the line made, now as OFD; the first of each way is not counted."""
    profile = plant.profiles[specimen.PROFILE].all[-1]
    seal = _seal(plant, profile)
    laid = [_laid(plant, profile, seed, face) for seed, face in enumerate(faces(plant, count))]
    made = [_made(each, seal.identity) for each in (laid[0], *laid)][1:]
    files = pages.font_places(plant.settings.font_dirs)
    backgrounds = pages.Backgrounds(folder)
    naive = [
        _naive(each, backgrounds.of(each.placed), files, seal)
        for each in (laid[0], *laid[:naive_count])
    ][1:]
    return OfdRun(
        count=len(made),
        naive_count=len(naive),
        stages_ms={
            stage: statistics.median(spent[place] for _, spent in made)
            for place, stage in enumerate(STAGES)
        },
        operation_ms={name: _operation_ms(name, seal.secret) for name in backends()},
        naive_ms=statistics.median(naive),
        size_bytes=int(statistics.median(len(data) for data, _ in made)),
    )


def seal_of(name: str, authority: str, picture: bytes, now: datetime) -> Seal:
    """A fresh one, of the fastest library that is here."""
    issued = testca_sm2.issue_test_seal(
        testca_sm2.make_ca(now), authority, picture, width_mm=42, now=now, passphrase=PASSPHRASE
    )
    secret, _ = pkcs8.opened(issued.key, PASSPHRASE)
    identity = SesIdentity(
        name=name,
        seal=issued.esl,
        signing_cert=issued.signing_cert,
        chain=issued.chain,
        signer=Sm2SoftSigner.of(secret),
        test=True,
    )
    return Seal(identity=identity, secret=secret)


def _seal(plant: Plant, profile: Profile) -> Seal:
    authority = profile.authority.name
    picture = draw_test_seal(authority, font_files(plant.settings.font_dirs)[UMING.file])
    return seal_of(profile.seal.identity, authority, picture, datetime.now(UTC))


def _laid(plant: Plant, profile: Profile, seed: int, face: Mapping[str, object]) -> Laid:
    kind = KINDS[Kind.CERTIFICATE]
    values = kind.values(profile, face)
    return Laid(
        placed=layout(kind.sheet(profile, face), values, plant.fontbook),
        values=values,
        pictures={"photo": normalise_photo(specimen.portrait(seed % specimen.FACES))},
        title=kind.title(profile, face),
        created=datetime.now(UTC),
        twin=twin(face),
        licence_id=str(face["licence_id"]),
        profile=profile,
    )


def _made(laid: Laid, identity: SesIdentity) -> tuple[bytes, tuple[float, ...]]:
    """The file, and CPU ms of each stage."""
    making, spent = MAKINGS[Format.OFD], []
    awaiting = _timed(spent, lambda: making.sealed(laid, identity))
    [signature] = _timed(spent, lambda: identity.signer.sign_digests([awaiting.digest]))
    data = _timed(spent, lambda: awaiting.finish(signature))
    _timed(spent, lambda: making.self_check(data, identity))
    return data, tuple(spent)


def _naive(laid: Laid, background: str, files: Fonts, seal: Seal) -> float:
    spent: list[float] = []
    given = (laid, background, files, seal.identity, seal.secret)
    _timed(spent, lambda: naive_ofd.make(*given))
    return spent[0]


def _operation_ms(name: str, secret: bytes) -> float:
    """Of one signature, median of many."""
    signer, spent = Sm2SoftSigner.of(secret, backend=name), []
    for number in range(OPERATIONS):
        digest = number.to_bytes(32, "big")
        _timed(spent, lambda digest=digest: signer.sign_digests([digest]))
    return statistics.median(spent)


def _timed(spent: list[float], act: Callable[[], T]) -> T:
    """What it gives; its CPU ms go to the list."""
    begun = time.process_time()
    found = act()
    spent.append(1000 * (time.process_time() - begun))
    return found
