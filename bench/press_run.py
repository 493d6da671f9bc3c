"""The presses beside the key operation and the other ways, in one process, nothing stored.

A press is given values and gives sealed bytes, a chunk at once; laying out is part of it.  The
other ways are given places, so laying out is no part of theirs.  Nobody checks a signature here.
People are never shown twice to the same process, so that no memory of their names helps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from bench import naive_ofd
from bench.contenders import Given, Handed, Seal, naive_way, seal_in, tuned_way
from bench.measuring import Way, in_turns
from bench.naive import Fonts
from bench.ofd_run import Seal as OfdSeal
from bench.ofd_run import seal_of
from bench.operations import DIGEST_BYTES, operation, sm2_operation
from bench.pages import font_places
from bench.population import CREATED, Asked, Crowd
from bench.pressing import Presses
from factory.making import MAKINGS, Identity
from factory.model import Format
from factory.page.fonts import UMING, FontBook
from factory.pressing import Laid
from factory.profile import Profile
from factory.seals.picture import draw_test_seal
from factory.seals.sm2_soft import backends
from jobs.wiring import font_files, load_fonts, load_profiles

KEYS = ("rsa2048", "p256")
NAMES = (
    "pdf_rsa2048_press", "pdf_p256_press", "pdf_rsa2048_twin", "pdf_p256_twin", "ofd_sm2_press",
)  # fmt: skip
AUTHORITY = "示例住房和城乡建设管理委员会"
HEAT = 10  #: documents, and signatures, before a part is measured
SAMPLE = 60  #: people of each register that a template is compiled from


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured; of the other ways so many each round.

    chunk:  documents that are pressed at once.
    chunks: of a round.
    """

    rounds: int = 15
    chunk: int = 100
    chunks: int = 3
    reference: int = 3
    tuned: int = 5
    naive: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What all ways share: faces, registers, seals, and a folder for their files."""

    fontbook: FontBook
    fonts: Fonts
    pdf_profiles: Sequence[Profile]
    ofd_profiles: Sequence[Profile]
    seals: Mapping[str, Seal]
    ofd_seal: OfdSeal
    handed: Handed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """One press, CPU ms of one document each way.

    limit_ms:      of the key operation alone.
    reference_ms:  of our reference writer.
    tuned_ms:      of reportlab and pyHanko at their best; of OFD, which has no such libraries, of
                   the reference writer.
    made:          documents that were pressed.
    by_reference:  of those, how many the reference writer made in the press's stead.
    """

    name: str
    cpu_ms: float
    limit_ms: float
    reference_ms: float
    tuned_ms: float
    naive_ms: float
    made: int
    by_reference: int


def workshop(folder: Path, font_dirs: tuple[Path, ...]) -> Workshop:
    """A fresh one; its keys live as long as the process."""
    folder.mkdir(parents=True, exist_ok=True)
    profiles = [versions.all[-1] for versions in load_profiles(None).values()]
    picture = draw_test_seal(AUTHORITY, font_files(font_dirs)[UMING.file])
    return Workshop(
        fontbook=load_fonts(font_dirs),
        fonts=font_places(font_dirs),
        pdf_profiles=profiles,
        ofd_profiles=[each for each in profiles if Format.OFD in each.certificate.formats],
        seals={key: seal_in(folder, AUTHORITY, picture, key, CREATED) for key in KEYS},
        ofd_seal=seal_of("bench-sm2", AUTHORITY, picture, CREATED),
        handed=Handed(folder),
    )


def run(shop: Workshop, sizes: Sizes, wanted: Collection[str] = NAMES) -> list[Pressed]:
    """Every press in turn with its contenders, all in one run.

    wanted: names of presses; the ways of the others are left out.
    """
    crowd, ofd_crowd = Crowd(shop.pdf_profiles), Crowd(shop.ofd_profiles)
    makers: dict[str, Callable[[], Family]] = {
        f"pdf_{key}": partial(_pdf_family, shop, seal, crowd, sizes)
        for key, seal in shop.seals.items()
    } | {"ofd_sm2": partial(_ofd_family, shop, ofd_crowd, sizes)}
    families = {
        name: make()
        for name, make in makers.items()
        if any(each.startswith(f"{name}_") for each in wanted)
    }
    ways = {
        f"{name} {way}": found
        for name, family in families.items()
        for way, found in family.ways.items()
    }
    spent = in_turns(ways, rounds=sizes.rounds)
    found = [
        pressed
        for name, family in families.items()
        for pressed in family.read(name, {way: spent[f"{name} {way}"] for way in family.ways})
    ]
    return sorted(
        (each for each in found if each.name in wanted), key=lambda each: NAMES.index(each.name)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Presses of one key, and the ways that they are beside.

    presses: what each is called.  limits: the ways of the key's operation.
    """

    presses: Mapping[str, Presses]
    ways: Mapping[str, Way[Any]]
    limits: Sequence[str]

    def read(self, name: str, spent: Mapping[str, float]) -> Iterator[Pressed]:
        """What was measured of each press."""
        for what, presses in self.presses.items():
            yield Pressed(
                name=f"{name}_{what}",
                cpu_ms=spent[what],
                limit_ms=min(spent[way] for way in self.limits),
                reference_ms=spent["reference"],
                tuned_ms=spent.get("tuned", spent["reference"]),
                naive_ms=spent["naive"],
                made=presses.made,
                by_reference=presses.by_reference,
            )


def _pdf_family(shop: Workshop, seal: Seal, crowd: Crowd, sizes: Sizes) -> Family:
    identity = seal.identity
    presses = {
        what: presses_of(shop, Format.PDF, identity, crowd, with_twin=what == "twin")
        for what in ("press", "twin")
    }
    ways = {
        "key": _operation(operation(seal.key), sizes),
        **{what: _pressing(found, crowd, sizes) for what, found in presses.items()},
        "reference": _reference(shop, Format.PDF, identity, crowd, sizes),
        "tuned": _handed(shop, crowd, tuned_way(seal, shop.fonts), sizes.tuned),
        "naive": _handed(shop, crowd, naive_way(seal, shop.fonts), sizes.naive),
    }
    return Family(presses=presses, ways=ways, limits=("key",))


def _ofd_family(shop: Workshop, crowd: Crowd, sizes: Sizes) -> Family:
    seal = shop.ofd_seal
    presses = {"press": presses_of(shop, Format.OFD, seal.identity, crowd, with_twin=True)}
    keys = {
        f"key, {name}": _operation(sm2_operation(seal.secret, name), sizes) for name in backends()
    }
    naive = naive_ofd.way(shop.fonts, seal.identity, seal.secret)
    ways = {
        **keys,
        "press": _pressing(presses["press"], crowd, sizes),
        "reference": _reference(shop, Format.OFD, seal.identity, crowd, sizes),
        "naive": _handed(shop, crowd, naive, sizes.naive),
    }
    return Family(presses=presses, ways=ways, limits=tuple(keys))


def presses_of(
    shop: Workshop, fmt: Format, identity: Identity, crowd: Crowd, *, with_twin: bool
) -> Presses:
    """Templates for all registers of the crowd, compiled from some of its people."""
    return Presses(fmt, identity, crowd.each(SAMPLE), shop.fontbook, with_twin=with_twin)


# --- the ways ---------------------------------------------------------------------------------


def _operation(sign: Callable[[bytes], bytes], sizes: Sizes) -> Way[Any]:
    """The private key's operation over a chunk's digests, each another."""
    numbers = count()

    def digests(number: int) -> list[bytes]:
        return [next(numbers).to_bytes(DIGEST_BYTES, "big") for _ in range(number)]

    def act(some: Sequence[bytes]) -> int:
        for digest in some:
            sign(digest)
        return len(some)

    return Way(
        prepare=lambda: digests(sizes.chunks * sizes.chunk),
        act=act,
        heat=lambda: act(digests(HEAT)),
    )


def _pressing(presses: Presses, crowd: Crowd, sizes: Sizes) -> Way[Any]:
    def act(chunks: Sequence[Sequence[Asked]]) -> int:
        return sum(len(presses.make(people)) for people in chunks)

    return Way(
        prepare=lambda: [crowd.next(sizes.chunk) for _ in range(sizes.chunks)],
        act=act,
        heat=lambda: presses.make(crowd.next(HEAT)),
    )


def _reference(shop: Workshop, fmt: Format, identity: Any, crowd: Crowd, sizes: Sizes) -> Way[Any]:
    """The reference writer, from places as the other ways are."""
    making: Any = MAKINGS[fmt]

    def act(some: Sequence[Laid]) -> int:
        for laid in some:
            awaiting = making.sealed(laid, identity)
            [signature] = identity.signer.sign_digests([awaiting.digest])
            awaiting.finish(signature)
        return len(some)

    return Way(
        prepare=lambda: _some(shop, crowd, sizes.reference),
        act=act,
        heat=lambda: act(_some(shop, crowd, 1)),
    )


def _handed(shop: Workshop, crowd: Crowd, make: Callable[[Given], bytes], number: int) -> Way[Any]:
    def act(some: Sequence[Given]) -> int:
        for given in some:
            make(given)
        return len(some)

    def given(count: int) -> list[Given]:
        return [shop.handed.given(laid) for laid in _some(shop, crowd, count)]

    return Way(prepare=lambda: given(number), act=act, heat=lambda: None)  # one takes long enough


def _some(shop: Workshop, crowd: Crowd, number: int) -> list[Laid]:
    return [each.laid(shop.fontbook, with_twin=True) for each in crowd.next(number)]
