"""Documents of every sort that attacks are tried on, and who judges them.

Small worlds of their own: a CA of seals, one of SM2 seals, parties, two authorities of time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from factory import verify
from factory.making import MAKINGS
from factory.model import ApplicationType, Format, Kind
from factory.page.fonts import FontBook
from factory.page.marks import ENTERPRISE_SEAL
from factory.pressing import Awaiting, Laid
from factory.seals import archive, late, longterm, party
from factory.seals.longterm import Material
from factory.seals.revocation import Revocations
from factory.verify import Verdict, VerdictWord
from factory.writers import ofd_press, pdf_press
from jobs.preview import Studio
from storage import testca
from tests import seal_making, stamping
from tests.factory import ofd_forging, sealing
from tests.factory.ofd_forging import document, package
from tests.factory.pressed import DESIGNS, plain
from tests.factory.signed_forms import (
    LATER,
    Parties,
    new_form,
    new_parties,
    round_seal,
    signed_by_both,
    signed_by_person,
)
from tests.stamping import Authority
from tests.studios import TODAY

NOW = sealing.NOW
DAY, YEAR = timedelta(days=1), timedelta(days=365)
SOON = NOW + 30 * DAY
OUTLIVED = NOW + 3 * YEAR + 30 * DAY  #: the seal's certificate has ended, the stamp's has not
LONG_AFTER = NOW + 5 * YEAR  #: that one too
FOR_GOOD = NOW + 7 * YEAR  #: and that of the first archive stamp
ARCHIVED, AGAIN = NOW + 2 * YEAR + 180 * DAY, NOW + 5 * YEAR
ROOM = 1280
REGISTERS_OF_OFD = ("gansu-constructor", "shanghai-cost-engineer")
SMALL = "small OFD"  #: as `ofd_tampering` knows it
GOOD = frozenset({VerdictWord.VALID, VerdictWord.SIGNED})


@dataclass(frozen=True)
class Court:
    """Keys and roots of all of them, and one verifier that trusts just these."""

    pdf: sealing.World
    small: ofd_forging.World
    parties: Parties
    authorities: tuple[Authority, Authority, Authority]

    @cached_property
    def roots(self) -> Sequence[object]:
        return (
            *self.pdf.roots,
            seal_making.authority_ca().root.certificate,
            self.small.ca.root.certificate,
        )

    def judged(self, data: bytes, now: datetime = SOON) -> Verdict:
        """As the line, the page and the command ask: everything is given, nothing fetched."""
        return verify.verify(
            data,
            self.roots,  # type: ignore[arg-type]
            self.parties.roots,
            issuers=(
                seal_making.authority_ca().issuing.certificate,
                self.small.ca.issuing.certificate,
            ),
            now=now,
            time_roots=[each.root for each in self.authorities],
            revocations=Revocations.of([*self.material(2, NOW).crls]),
        )

    def material(self, number: int, at: datetime) -> Material:
        """What a file brings for those who verify it long after, of the day."""
        return self._materials(number, at)

    def _materials(self, number: int, at: datetime) -> Material:
        key = (number, at)
        if key not in _KEPT:
            ca = self.pdf.ca
            seals = [
                (each.signing_cert, ca.issuing.certificate, ca.root.certificate)
                for each in (self.pdf.p256, self.pdf.rsa)
            ]
            clocks = self.authorities[:number]
            issuers = [ca.root, ca.issuing, *(each.issuer for each in clocks if each.issuer)]
            lists = [testca.revocation_list(each, [], now=at) for each in issuers]
            others = [(each.stamper.signing_cert, each.root) for each in clocks]
            _KEPT[key] = longterm.gathered(
                [*seals[:1], *others], Revocations.of(lists), at
            ).material
        return _KEPT[key]

    def archived(self, data: bytes, number: int, at: datetime) -> bytes:
        """With one more archive stamp, of that authority."""
        waiting = archive.prepared(data, self.material(number + 1, at), ROOM)
        return waiting.closed(self.authorities[number].token(waiting.covered, now=at))

    def stamped_later(self, data: bytes, fmt: Format) -> bytes:
        """A file that was released without a stamp, and has got it since."""
        value = late.signature_of(data, fmt)
        return late.stamped(data, fmt, self.authorities[0].token(value, now=NOW))


_KEPT: dict[tuple[int, datetime], Material] = {}


def new_court() -> Court:
    _KEPT.clear()
    return Court(
        pdf=sealing.new_world(NOW),
        small=ofd_forging.new_world(NOW),
        parties=new_parties(),
        authorities=(
            stamping.authority(NOW, 4 * YEAR),
            stamping.authority(NOW + 2 * YEAR, 4 * YEAR),
            stamping.authority(NOW + 4 * YEAR, 4 * YEAR),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Victim:
    """A good file.

    sort: ``seal``, ``form`` or ``ofd``: what can be done to it.
    now:  when it is judged; a stamp may be all that it rests on then.
    """

    name: str
    sort: str
    data: bytes = field(repr=False)
    now: datetime = SOON
    archives: int = 0


def sealed_pdfs(rooms: Studio, court: Court) -> Iterator[Victim]:
    """By both writers, each level, of two persons."""
    for person in (1, 2):
        order = replace(plain(rooms, DESIGNS[person], person), created=NOW)
        long = replace(order, stamped=True, token_room=ROOM, material=court.material(1, NOW))
        waiting = replace(order, stamped=True, token_room=ROOM)
        for writer, made in (("press", pressed_pdf), ("reference", referred_pdf)):
            yield victim(f"{writer} B-B", "seal", made(order, court))
            later = made(waiting, court, token=False)
            yield victim(f"{writer} B-B with room", "seal", later)
            yield victim(
                f"{writer} stamped later", "seal", court.stamped_later(later, Format.PDF), OUTLIVED
            )
            lasting = made(long, court, token=True)
            yield victim(f"{writer} B-LT", "seal", lasting, OUTLIVED)
            once = court.archived(lasting, 1, ARCHIVED)
            yield victim(f"{writer} archived", "seal", once, LONG_AFTER, archives=1)
            twice = court.archived(once, 2, AGAIN)
            yield victim(f"{writer} archived twice", "seal", twice, FOR_GOOD, archives=2)


def victim(name: str, sort: str, data: bytes, now: datetime = SOON, *, archives: int = 0) -> Victim:
    return Victim(name=name, sort=sort, data=data, now=now, archives=archives)


def pressed_pdf(order: Laid, court: Court, *, token: bool | None = None) -> bytes:
    return closed(pdf_press.compiled([order], court.pdf.p256).sealed(order), court, token=token)


def referred_pdf(order: Laid, court: Court, *, token: bool | None = None) -> bytes:
    return closed(MAKINGS[Format.PDF].sealed(order, court.pdf.p256), court, token=token)


def closed(awaiting: Awaiting, court: Court, *, token: bool | None) -> bytes:
    [signature] = court.pdf.p256.signer.sign_digests([awaiting.digest])
    if not token:
        return awaiting.finish(signature)
    return awaiting.finish(signature, court.authorities[0].token(signature, now=NOW))


def signed_forms(fontbook: FontBook, court: Court) -> Iterator[Victim]:
    """Signed by the person, by both, by the enterprise alone; of two persons."""
    for name in ("张三丰", "王五"):
        empty = new_form(fontbook, name=name)
        yield victim("form signed once", "form", signed_by_person(empty, court.parties))
        yield victim("form signed twice", "form", signed_by_both(empty, court.parties))
        alone = new_form(fontbook, kind=ApplicationType.FORCED_CANCELLATION, name=name)
        yield victim("form of an enterprise", "form", signed_by_enterprise_alone(alone, court))


def signed_by_enterprise_alone(empty: bytes, court: Court) -> bytes:
    prepared = party.prepare(
        empty, ENTERPRISE_SEAL, certifies=True, locks=True, look=round_seal(), now=LATER,
        chain=court.parties.enterprise.chain,
    )  # fmt: skip
    return party.complete(prepared, court.parties.enterprise.raw(prepared.digest))


def sealed_ofds(rooms: Studio, court: Court) -> Iterator[Victim]:
    """By both writers, with a stamp and without; small ones by the tests' own writer."""
    for seed, register in enumerate(REGISTERS_OF_OFD, start=1):
        seen = rooms.specimen(Kind.CERTIFICATE, rooms.installed[register].on(TODAY), None, seed)
        order = replace(rooms.draw(Kind.CERTIFICATE, seen).laid, created=seal_making.NOW)
        for writer, made in (("press", pressed_ofd), ("reference", referred_ofd)):
            data = made(order)
            yield victim(f"{writer} OFD", "ofd", data)
            yield victim(f"{writer} OFD stamped", "ofd", court.stamped_later(data, Format.OFD))
    small = court.small
    yield victim(SMALL, "ofd", package(ofd_forging.sealed(small, document())))
    first = ofd_forging.sealed(small, document(), locking=False)
    twice = ofd_forging.sealed(small, first, ofd_forging.SECOND)
    yield victim("small OFD of two", "ofd", package(twice))


def pressed_ofd(order: Laid) -> bytes:
    return ofd_closed(ofd_press.compiled([order], seal_making.identity()).sealed(order))


def referred_ofd(order: Laid) -> bytes:
    return ofd_closed(MAKINGS[Format.OFD].sealed(order, seal_making.identity()))


def ofd_closed(awaiting: Awaiting) -> bytes:
    [signature] = seal_making.identity().signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature)


def all_of(rooms: Studio, fontbook: FontBook, court: Court) -> list[Victim]:
    """Every victim, each of which is good as it is."""
    found = [
        *sealed_pdfs(rooms, court),
        *signed_forms(fontbook, court),
        *sealed_ofds(rooms, court),
    ]
    for each in found:
        verdict = court.judged(each.data, each.now)
        assert verdict.verdict in GOOD, (each.name, verdict.reasons)
    return found


Judge = Callable[[bytes, datetime], Verdict]
