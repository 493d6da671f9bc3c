"""Sealing an OFD: an electronic seal over every member of the package.

GB/T 33190-2016, 18 (signature description files), GB/T 38540-2020 (what is signed).
In two steps, as for PDF (pades.py), so that all digests of a chunk go to the signer in one call::

    prepared = [prepare(members, box, identity, now=now) for members in chunk]
    signatures = identity.signer.sign_digests([p.digest for p in prepared])
    sealed = [complete(p, s) for p, s in zip(prepared, signatures, strict=True)]

A time stamp over each signature goes beside it, signed by nobody of ours (timeStamp [0]).
No member changes after its digest was taken, except the list of signatures: a signature that
protects that list too locks the document, and none can follow it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import SealRefusedError
from factory.ofd.package import Member, packed
from factory.ofd.signatures import SEAL, Description, Listed, read_description, read_list
from factory.ofd.xml import NAMESPACE, child, children, escaped, located, number, parsed, text
from factory.page.marks import SignatureBox
from factory.seals import esl, ses, sm2
from factory.seals.pades import refuse_unfit
from factory.seals.ses import Seal
from factory.seals.signer import SesIdentity

ENTRY = "OFD.xml"
PROVIDER = "Certificate Factory"
TIME = "%Y%m%d%H%M%SZ"  #: as timeInfo has it, which it must equal
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
NUMBER = re.compile(r"\d{1,9}\Z", re.ASCII)

Members = dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document that waits for its signature.

    members: the finished package but for the signature value, in order.
    digest:  what the signer signs: e = SM3(Z || TBS_Sign), 32 bytes.
    value:   the name of the member that will hold the signature.
    """

    members: tuple[Member, ...] = field(repr=False)
    digest: bytes
    to_sign: bytes = field(repr=False)
    value: str
    signing_cert: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the parts of a new signature go: members' names, and ids of signature and stamp."""

    listing: str
    folder: str
    id: str
    stamp_id: str

    @property
    def description(self) -> str:
        """Of Signature.xml."""
        return f"{self.folder}/Signature.xml"

    @property
    def seal(self) -> str:
        """Of the seal's own file."""
        return f"{self.folder}/Seal.esl"

    @property
    def value(self) -> str:
        """Of the signature value."""
        return f"{self.folder}/SignedValue.dat"


def prepare(
    members: Sequence[Member],
    box: SignatureBox,
    identity: SesIdentity,
    *,
    now: datetime,
    locking: bool = True,
) -> Prepared:
    """The package with everything of a seal's signature but its value.

    members: in their order; earlier signatures among them are protected with all their parts.
    box:     the seal is drawn as large as fits into it, in the middle.
    now:     aware; the signing time, to the second.
    locking: no further signature can follow.
    SealRefusedError: see the messages below; nothing is signed.
    """
    moment = now.astimezone(UTC).replace(microsecond=0)
    seal = _seal(identity.seal)
    refuse_unfit(identity.signing_cert, now)
    esl.check_use(seal, identity.signing_cert, moment)
    before = {member.name: member.data for member in members}
    places, listed = _places(before)
    after = before | {places.listing: listing(places, listed), places.seal: seal.der}
    covered = after if locking else {n: d for n, d in after.items() if n != places.listing}
    stamp = stamp_annotation(places, _page_id(before, box.page), box, seal)
    described = description(places, references(covered), stamp, moment)
    return _prepared(after | {places.description: described}, places, identity, seal, moment)


def complete(prepared: Prepared, signature: bytes, token: bytes | None = None) -> bytes:
    """The sealed package.

    signature: DER, as the signer gave it for prepared.digest; checked by ofd_selfcheck.
    token:     a time stamp (RFC 3161) over the signature's bytes, checked there too; None: none.
    """
    value = ses.signature_value(prepared.to_sign, prepared.signing_cert, signature, token)
    return packed((*prepared.members, Member(name=prepared.value, data=value)))


def listing(places: Places, listed: Sequence[Listed]) -> bytes:
    """Signatures.xml with one more signature; the largest id in use is its stamp's."""
    entries = (*listed, Listed(id=places.id, kind=SEAL, member=places.description))
    lines = "".join(
        f'<ofd:Signature ID="{escaped(each.id)}" Type="{escaped(each.kind)}" '
        f'BaseLoc="/{escaped(each.member)}"/>'
        for each in entries
    )
    return _document("Signatures", f"<ofd:MaxSignId>{places.stamp_id}</ofd:MaxSignId>{lines}")


def references(members: Members) -> str:
    """The References of Signature.xml: a digest a member.  The default method is MD5: say SM3."""
    lines = "".join(_reference(name, data) for name, data in members.items())
    return f'<ofd:References CheckMethod="{sm2.SM3}">{lines}</ofd:References>'


def stamp_annotation(places: Places, page_id: str, box: SignatureBox, seal: Seal) -> str:
    """Where the seal is drawn: the page by its id, the place in the picture's proportions."""
    boundary = " ".join(number(each) for each in boundary_mm(box, seal.width_mm, seal.height_mm))
    return (
        f'<ofd:StampAnnot ID="{places.stamp_id}" PageRef="{escaped(page_id)}" '
        f'Boundary="{boundary}"/>'
    )


def boundary_mm(
    box: SignatureBox, width_mm: float, height_mm: float
) -> tuple[float, float, float, float]:
    """x, y, width and height of the largest place of that shape in the middle of a box."""
    scale = min(box.width_mm / width_mm, box.height_mm / height_mm)
    width, height = width_mm * scale, height_mm * scale
    x = box.x_mm + (box.width_mm - width) / 2
    return x, box.y_mm + (box.height_mm - height) / 2, width, height


def description(places: Places, references: str, stamp: str, moment: datetime) -> bytes:
    """Signature.xml, in the order of the schema."""
    return _document(
        "Signature",
        "<ofd:SignedInfo>"
        f'<ofd:Provider ProviderName="{PROVIDER}"/>'
        f"<ofd:SignatureMethod>{sm2.SM2_WITH_SM3}</ofd:SignatureMethod>"
        f"<ofd:SignatureDateTime>{moment.strftime(TIME)}</ofd:SignatureDateTime>"
        f"{references}{stamp}"
        f"<ofd:Seal><ofd:BaseLoc>/{escaped(places.seal)}</ofd:BaseLoc></ofd:Seal>"
        "</ofd:SignedInfo>"
        f"<ofd:SignedValue>/{escaped(places.value)}</ofd:SignedValue>",
    )


def _prepared(
    members: Members, places: Places, identity: SesIdentity, seal: Seal, moment: datetime
) -> Prepared:
    to_sign = ses.to_be_signed(
        seal.der,
        version=seal.version,
        time=moment,
        data_hash=sm2.sm3(members[places.description]),
        location=f"/{places.description}",
    )
    return Prepared(
        members=tuple(Member(name=name, data=data) for name, data in members.items()),
        digest=sm2.message_digest(_point(identity.signing_cert), to_sign),
        to_sign=to_sign,
        value=places.value,
        signing_cert=identity.signing_cert.public_bytes(Encoding.DER),
    )


def _reference(name: str, data: bytes) -> str:
    digest = b64encode(sm2.sm3(data)).decode("ascii")
    return (
        f'<ofd:Reference FileRef="/{escaped(name)}">'
        f"<ofd:CheckValue>{digest}</ofd:CheckValue></ofd:Reference>"
    )


def _document(root: str, content: str) -> bytes:
    start = f'{DECLARATION}<ofd:{root} xmlns:ofd="{NAMESPACE}">'
    return f"{start}{content}</ofd:{root}>\n".encode()


# Reading what is there


@lru_cache(maxsize=64)
def _seal(data: bytes) -> Seal:
    seal = ses.read_seal(data)
    if seal.version == ses.OLD:
        raise SealRefusedError(
            "the electronic seal is of version 1 (GM/T 0031-2014), which is read, but not put "
            "on documents: ask its maker for one of GB/T 38540-2020"
        )
    return seal


@lru_cache(maxsize=64)
def _point(certificate: x509.Certificate) -> bytes:
    point = sm2.public_point(certificate)
    if point is None:
        raise SealRefusedError("the signing certificate has no SM2 key (GB/T 38540-2020)")
    return point


def _places(members: Members) -> tuple[Places, tuple[Listed, ...]]:
    """Where a next signature goes, and those that are there."""
    name = _named_by_entry(members, "Signatures")
    listed = read_list(members, name) if name in members else ()
    ids = [each.id for each in listed]
    for each in listed:
        described = read_description(members, each.member)
        _refuse_locked(name, described)
        ids += [stamp.id for stamp in described.stamps]
    last = max(map(_number, ids), default=0)
    parent = name.rpartition("/")[0]
    taken = {member.rpartition("/")[0] for member in members}
    folders = (f"{parent}/Sign_{n}".removeprefix("/") for n in range(len(taken) + 1))
    folder = next(each for each in folders if each not in taken)
    return (
        Places(listing=name, folder=folder, id=f"s{last + 1:03}", stamp_id=f"s{last + 2:03}"),
        listed,
    )


def _named_by_entry(members: Members, element: str) -> str:
    """The member that OFD.xml names in its one document."""
    bodies = list(children(parsed(_member(members, ENTRY)), "DocBody"))
    said = text(child(bodies[0], element)) if len(bodies) == 1 else None
    if said is None:
        raise SealRefusedError(
            f"{ENTRY} must have one DocBody, and name {element} in it before it is sealed "
            "(GB/T 33190-2016, 7.4)"
        )
    return located(ENTRY, said)


def _refuse_locked(listing: str, described: Description) -> None:
    if listing in {each.member for each in described.references}:
        raise SealRefusedError(
            "the document is locked: an earlier signature protects the list of signatures "
            "(GB/T 33190-2016, 18.1)"
        )


def _number(identifier: str) -> int:
    found = NUMBER.search(identifier)
    return int(found[0]) if found else 0


def _page_id(members: Members, page: int) -> str:
    """The page's ID: a seal names its page by that, not by its place in the order."""
    root = _named_by_entry(members, "DocRoot")
    pages = child(parsed(_member(members, root)), "Pages")
    ids = [] if pages is None else [each.get("ID") for each in children(pages, "Page")]
    identifier = ids[page] if 0 <= page < len(ids) else None
    if identifier is None:
        raise SealRefusedError(f"the document has no page {page + 1} to put the seal on")
    return str(identifier)


def _member(members: Members, name: str) -> bytes:
    if name not in members:
        raise SealRefusedError("the package lacks a member that others name")
    return members[name]
