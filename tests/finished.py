"""Sealed OFD certificates as the line would store them; all of them synthetic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from zipfile import ZipFile

from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.model import Kind
from factory.ofd.package import Member, packed
from factory.page.fonts import UMING, FontBook
from factory.page.marks import Placed
from factory.page.sheet import layout
from factory.seals import ofd as sealing
from factory.seals.picture import draw_test_seal
from factory.seals.signer import SesIdentity
from factory.seals.sm2_soft import Sm2SoftSigner
from factory.writers import ofd
from jobs.preview import MAKERS
from jobs.settings import Settings
from jobs.wiring import font_file, load_profiles
from storage import testca_sm2
from tests.studios import TODAY, VERIFY_URL, studio

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
AUTHORITY = "示例市住房和城乡建设委员会"
#: a register of each design that is current
DESIGNS = {
    "constructor-2024": "shanghai-constructor",
    "cost-engineer-2024": "shanghai-cost-engineer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A finished file, the face it is made of and what was placed."""

    profile: str
    face: dict[str, object]
    placed: Placed = field(repr=False)
    data: bytes = field(repr=False)

    def member(self, name: str) -> str:
        """A member of the package, as text."""
        return dict(_members(self.data))[name].decode()

    def changed(self, member: str, old: str, new: str) -> Certificate:
        """The same with another text in one member of the package."""
        members = dict(_members(self.data))
        before = members[member].decode()
        assert old in before
        members[member] = before.replace(old, new, 1).encode()
        return replace(self, data=_packed(members))


def certificate(profile: str, faces: FontBook, **changes: object) -> Certificate:
    """A sealed certificate of a register; changes: other values of its face."""
    drawer = studio(faces)
    rules = load_profiles(None)[profile].on(TODAY)
    seen = drawer.specimen(Kind.CERTIFICATE, rules, None)
    face = {**MAKERS[Kind.CERTIFICATE].face(seen, VERIFY_URL), **changes}
    kind = KINDS[Kind.CERTIFICATE]
    values = kind.values(rules, face)
    placed = layout(kind.sheet(rules, face), values, faces)
    pictures = {role: seen.pictures[digest] for role, digest in kind.pictures(face).items()}
    members = ofd.draw(
        placed, pictures, title=kind.title(rules, face), created=NOW, twin=twin(face)
    )
    return Certificate(profile=profile, face=face, placed=placed, data=_sealed(members, placed))


def _sealed(members: tuple[Member, ...], placed: Placed) -> bytes:
    identity = _identity()
    prepared = sealing.prepare(members, placed.signatures[0], identity, now=NOW)
    return sealing.complete(prepared, identity.signer.sign_digests([prepared.digest])[0])


@cache
def _identity() -> SesIdentity:
    ca, word = testca_sm2.make_ca(NOW), b"synthetic"
    seal = testca_sm2.issue_test_seal(
        ca, AUTHORITY, _picture(), width_mm=42, now=NOW, passphrase=word
    )
    return SesIdentity(
        name=AUTHORITY,
        seal=seal.esl,
        signing_cert=seal.signing_cert,
        chain=seal.chain,
        signer=Sm2SoftSigner(seal.key, word),
        test=True,
    )


def _picture() -> bytes:
    """A seal's picture, with the fonts of the machine."""
    settings = Settings.from_env({})
    return draw_test_seal(AUTHORITY, font_file(settings.font_dirs, UMING.file))


def _members(data: bytes) -> list[tuple[str, bytes]]:
    with ZipFile(BytesIO(data)) as package:
        return [(name, package.read(name)) for name in package.namelist()]


def _packed(members: dict[str, bytes]) -> bytes:
    return packed([Member(name=name, data=data) for name, data in members.items()])
