"""Random certificates of every design, each by the press and by the reference: what tests of the
PDF press share."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from zlib import crc32

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from factory import outlook
from factory.courses import FIRST_DAY, Case
from factory.errors import (
    ConflictError,
    InvalidEventError,
    LintError,
    NotFoundError,
    UnprintableError,
)
from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.making import MAKINGS
from factory.model import ApplicationType, Format, Kind
from factory.page.lint import check
from factory.page.marks import Value
from factory.page.sheet import layout
from factory.pressing import Awaiting, Laid
from factory.seals.signer import SealIdentity
from factory.writers.pdf_press import PdfPress, compiled
from jobs.preview import MAKERS, Studio, parsed
from tests.factory.sealing import NOW
from tests.random_cases import EMPLOYERS, NAMES

SAMPLE = 40  #: orders of one kind that a press is compiled from
KIND = Kind.CERTIFICATE
#: characters that only a further face of the chain prints, from each of them some
FURTHER = "䲜㐀𠀁𧟷𰀀𰀊"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A register of the studio, from the first day on which its certificates look so."""

    register: str
    first: date = FIRST_DAY

    def __str__(self) -> str:
        return f"{self.register}-{self.first.year}"


DESIGNS = (
    Design(register="gansu-constructor"),
    Design(register="shaanxi-constructor"),
    Design(register="shanghai-constructor"),
    Design(register="zhejiang-constructor"),
    Design(register="shanghai-cost-engineer"),
    Design(register="shanghai-cost-engineer", first=date(2021, 3, 1)),
    Design(register="shili-cost-engineer", first=date(2025, 8, 1)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One certificate, made both ways."""

    laid: Laid
    pressed: bytes
    reference: bytes


def laid(
    rooms: Studio,
    case: Case,
    *,
    left_out: frozenset[str] = frozenset(),
    with_twin: bool = True,
) -> Laid:
    """A case's certificate with all its marks in place, on a day on which seals are valid.

    left_out: roles of pictures that it does without.
    Errors: it would be held, or the case leads to no certificate.
    """
    versions, maker, kind = rooms.installed[case.profile.id], MAKERS[KIND], KINDS[KIND]
    seen = outlook.after(parsed(maker.told(case)), versions)
    face = {**maker.face(seen, rooms.verify_url), "verification_code": code(case)}
    sheet = kind.sheet(seen.profile, face)
    values = {k: v for k, v in kind.values(seen.profile, face).items() if k not in left_out}
    placed = layout(sheet, values, rooms.fontbook)
    check(sheet, placed, values)
    digests = {k: v for k, v in kind.pictures(face).items() if k in values}
    return Laid(
        placed=placed,
        values=values,
        pictures={role: seen.pictures[digest] for role, digest in digests.items()},
        title=kind.title(seen.profile, face),
        created=NOW,
        twin=twin(face) if with_twin else None,
        licence_id=str(face["licence_id"]),
        profile=seen.profile,
    )


def code(case: Case) -> str:
    """A verification code that no other case has; outlooks have one for all."""
    return sha256(repr(case).encode()).hexdigest()[:20].upper()


def plain(rooms: Studio, design: Design, person: int = 1, **changed: object) -> Laid:
    """An ordinary certificate of that design."""
    profile = rooms.installed[design.register].on(design.first)
    for each in profile.application.types:
        case = Case(profile=profile, kind=each, seed=person, first=design.first, count=2)
        try:
            return laid(rooms, replace(case, **changed))  # type: ignore[arg-type]
        except (ConflictError, NotFoundError):
            continue
    raise AssertionError("no type of application leads to a certificate")


def worded(rooms: Studio, order: Laid, words: Mapping[str, Value]) -> Laid:
    """The same certificate with other words in some of its slots; its twin stays."""
    assert order.twin is not None
    sheet = KINDS[KIND].sheet(order.profile, json.loads(order.twin))
    values = {**order.values, **words}
    return replace(order, placed=layout(sheet, values, rooms.fontbook), values=values)


def random_laid(rooms: Studio, design: Design, count: int) -> list[Laid]:
    """So many certificates of that design, of any type, name, enterprise and pictures."""
    found: list[Laid] = []

    @seed(crc32(str(design).encode()))
    @settings(
        max_examples=4 * count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        cases(rooms, design, _FURTHER_NAMES, _FURTHER_EMPLOYERS),
        _LEFT_OUT,
        st.sampled_from((True, True, False)),
    )
    def each(case: Case, left_out: frozenset[str], with_twin: bool) -> None:
        if len(found) == count:
            return
        try:
            found.append(laid(rooms, case, left_out=left_out, with_twin=with_twin))
        except (UnprintableError, LintError, InvalidEventError) as error:
            assert case.also["name"] not in str(error)

    each()
    assert len(found) == count, "too many were held"
    return found


_FURTHER_NAMES = NAMES | st.text("王小明𬭎" + FURTHER, min_size=2, max_size=5)
_FURTHER_EMPLOYERS = EMPLOYERS | st.text("建设" + FURTHER, min_size=3, max_size=9).map(
    "{}公司".format
)
_LEFT_OUT = st.sampled_from(
    [*[frozenset[str]()] * 5, *map(frozenset, ({"photo"}, {"signature"}, {"photo", "signature"}))]
)


def cases(
    rooms: Studio,
    design: Design,
    names: st.SearchStrategy[str] = NAMES,
    employers: st.SearchStrategy[str] = EMPLOYERS,
) -> st.SearchStrategy[Case]:
    """Certificates of that design, of all sorts of people."""
    profile = rooms.installed[design.register].on(design.first)
    return st.builds(
        lambda kind, seed, name, employer, count: Case(
            profile=profile,
            kind=kind,
            seed=seed,
            first=design.first,
            also={"name": name},
            employer=employer,
            count=count,
        ),
        st.sampled_from(leading(rooms, design)),
        st.integers(1, 99_999),
        names,
        employers,
        st.integers(1, 6),
    )


def leading(rooms: Studio, design: Design) -> Sequence[ApplicationType]:
    """The types of application from which a certificate follows."""
    profile = rooms.installed[design.register].on(design.first)
    found = []
    for each in profile.application.types:
        try:
            laid(rooms, Case(profile=profile, kind=each, first=design.first))
        except (ConflictError, NotFoundError):
            continue
        found.append(each)
    return found


def grouped(orders: Sequence[Laid]) -> list[list[Laid]]:
    """The orders in batches, each for one press: of one look, with the same pictures and parts."""
    found: dict[object, list[Laid]] = {}
    for each in orders:
        [page] = each.placed.pages
        parts = frozenset(each.pictures), each.twin is None
        found.setdefault((id(page.fixed), each.title, parts), []).append(each)
    return list(found.values())


def pairs(orders: Sequence[Laid], identity: SealIdentity) -> Iterator[Pair]:
    """All of them both ways: one press a batch, compiled from its first ones."""
    for batch in grouped(orders):
        press = compiled(batch[:SAMPLE], identity)
        for each in batch:
            assert press.fits(each)
            data = sealed(press, each, identity)
            press.check(data)
            yield Pair(laid=each, pressed=data, reference=by_reference(each, identity))


def sealed(press: PdfPress, order: Laid, identity: SealIdentity) -> bytes:
    """One pressed, as the line does it."""
    return signed(press.sealed(order), identity)


def by_reference(order: Laid, identity: SealIdentity) -> bytes:
    """The same by the reference writer, with all its own checks."""
    making = MAKINGS[Format.PDF]
    data = signed(making.sealed(order, identity), identity)
    making.self_check(data, identity)
    return data


def signed(awaiting: Awaiting, identity: SealIdentity) -> bytes:
    """With its signature."""
    [signature] = identity.signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature)
