"""The check every finished OFD passes before it leaves: cheap, and on the bytes alone.

It shares no code with what made the package: Python's zipfile, patterns over XML of our own
making, asn1crypto's parser.  GB/T 33190-2016, 18; GB/T 38540-2020; RFC 3161 for time stamps, of
which only the imprint is looked at here: who made them was judged when they came.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from asn1crypto import parser
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import SelfCheckError
from factory.seals import sm2
from factory.seals.signer import SesIdentity

LISTED = re.compile(rb'<ofd:Signature ID="[^"]+" Type="Seal" BaseLoc="/([^"]+)/Signature\.xml"/>')
REFERENCE = re.compile(
    rb'<ofd:Reference FileRef="/([^"]+)"><ofd:CheckValue>([^<]+)</ofd:CheckValue></ofd:Reference>'
)
METHOD = b'<ofd:References CheckMethod="1.2.156.10197.1.401">'
ALGORITHM = bytes.fromhex("06082a811ccf55018375")  #: SM2 with SM3
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")  #: what a time stamp says (RFC 3161, 2.4.2)
DIGESTS = {
    bytes.fromhex("0609608648016503040201"): "sha256",
    bytes.fromhex("0609608648016503040202"): "sha384",
    bytes.fromhex("0609608648016503040203"): "sha512",
    bytes.fromhex("06082a811ccf55018311"): "sm3",
}
#: what zipfile says of broken bytes: RuntimeError of encrypted ones and of unknown compression
UNREADABLE = (
    *(BadZipFile, zlib.error, EOFError, RuntimeError),
    *(KeyError, ValueError, TypeError, IndexError),
)
SIGNATURES = re.compile(rb"<ofd:Signatures>/?([^<]+)</ofd:Signatures>")
TIME = re.compile(rb"<ofd:SignatureDateTime>([^<]+)</ofd:SignatureDateTime>")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """What SignedValue.dat holds, slice by slice.

    token: a time stamp; None: there is none.
    """

    to_sign: bytes
    certificate: bytes
    signature: bytes
    token: bytes | None
    seal: bytes
    time: bytes
    data_hash: bytes
    location: bytes


def self_check(data: bytes, identity: SesIdentity) -> None:
    """The check every finished package passes before it is stored; no chain is built.

    Looks at the last signature: each earlier one was the last of the bytes it was put on.
    SelfCheckError: a member is not covered or its digest does not fit, the signature does not
    fit its description or the key, another seal or certificate was used, or a time stamp is over
    something else than the signature.
    """
    try:
        with ZipFile(BytesIO(data)) as package:
            _refuse_twice(package)
            members = {name: package.read(name) for name in package.namelist()}
        listing, folder = _last(members)
        description = members[f"{folder}/Signature.xml"]
        value = _value(members[f"{folder}/SignedValue.dat"])
        _check_references(members, description, listing, folder)
        _check_value(value, members, description, folder)
        _check_identity(value, identity)
        if value.token is not None:
            check_stamp(value.token, value.signature)
    except UNREADABLE as error:
        raise SelfCheckError("sealed package: cannot be read") from error


def check_stamp(token: bytes, signature: bytes) -> None:
    """SelfCheckError unless a time stamp (RFC 3161) is over these bytes, by its imprint."""
    try:
        algorithm, imprint = _parts(_imprint(token))
        method, value = _parts(algorithm)[0], _content(imprint)
    except UNREADABLE as error:
        raise SelfCheckError("time stamp: is none") from error
    if method not in DIGESTS:
        raise SelfCheckError("time stamp: is over a digest that is not known here")
    if value != hashlib.new(DIGESTS[method], signature).digest():
        raise SelfCheckError("time stamp: is over another signature")


def _imprint(token: bytes) -> bytes:
    """MessageImprint inside TSTInfo inside SignedData (RFC 3161, 2.4.2; RFC 5652, 5.1)."""
    kind, held = _parts(token)
    [signed] = _parts(held)
    what, said = _parts(_parts(signed)[2])
    [info] = _parts(said)
    if (kind, what) != (SIGNED_DATA, TST_INFO):
        raise ValueError("signs something else")
    return _parts(_content(info))[2]


def _refuse_twice(package: ZipFile) -> None:
    names = package.namelist()
    if len(set(names)) != len(names):
        raise SelfCheckError("sealed package: has a member twice")


def _last(members: dict[str, bytes]) -> tuple[str, str]:
    """The list of signatures, and the folder of its last one."""
    [listing] = SIGNATURES.findall(members["OFD.xml"])
    *_, folder = LISTED.findall(members[listing.decode()])
    return listing.decode(), folder.decode()


def _check_references(
    members: dict[str, bytes], description: bytes, listing: str, folder: str
) -> None:
    said = REFERENCE.findall(description)
    found = {name.decode(): digest for name, digest in said}
    if len(found) != len(said) or description.count(METHOD) != 1:
        raise SelfCheckError("references: are not one a member, by SM3")
    uncovered = {f"{folder}/Signature.xml", f"{folder}/SignedValue.dat"}
    missing = members.keys() - found.keys() - uncovered - {listing}
    if missing or found.keys() & uncovered:
        raise SelfCheckError("references: do not cover every member")
    for name, digest in found.items():
        if b64encode(hashlib.new("sm3", members[name]).digest()) != digest:
            raise SelfCheckError("references: a digest is not the member's")


def _check_value(value: _Value, members: dict[str, bytes], description: bytes, folder: str) -> None:
    if value.data_hash != hashlib.new("sm3", description).digest():
        raise SelfCheckError("dataHash: is not the description's")
    if value.location != f"/{folder}/Signature.xml".encode():
        raise SelfCheckError("propertyInfo: names another description")
    if TIME.findall(description) != [value.time]:
        raise SelfCheckError("timeInfo: is not the description's")
    if value.seal != members[f"{folder}/Seal.esl"]:
        raise SelfCheckError("seal: differs between its two places")


def _check_identity(value: _Value, identity: SesIdentity) -> None:
    if value.seal != identity.seal:
        raise SelfCheckError("seal: is another one")
    if value.certificate != identity.signing_cert.public_bytes(Encoding.DER):
        raise SelfCheckError("signing certificate: is another one")
    point = sm2.public_point(identity.signing_cert)
    if point is None or not sm2.verify(point, value.to_sign, value.signature):
        raise SelfCheckError("signature: does not fit the signing certificate's key")


def _value(data: bytes) -> _Value:
    to_sign, certificate, _algorithm, signature, *stamp = _parts(data)
    token = _stamp(stamp[0]) if stamp else None
    if data != _framed(to_sign, certificate, signature, token):
        raise SelfCheckError("signature value: is not a seal's signature in DER")
    _version, seal, time, data_hash, location = _parts(to_sign)
    return _Value(
        to_sign=to_sign,
        certificate=_content(certificate),
        signature=_content(signature)[1:],
        token=token,
        seal=seal,
        time=_content(time),
        data_hash=_content(data_hash)[1:],
        location=_content(location),
    )


def _stamp(element: bytes) -> bytes:
    """What timeStamp [0] holds."""
    [bits] = _parts(element)
    return _content(bits)[1:]


def _framed(to_sign: bytes, certificate: bytes, signature: bytes, token: bytes | None) -> bytes:
    """SES_Signature anew: what stands around the parts is signed by nobody."""
    signer = parser.emit(0, 0, 4, _content(certificate))
    bits = parser.emit(0, 0, 3, b"\0" + _content(signature)[1:])
    stamp = b"" if token is None else parser.emit(2, 1, 0, parser.emit(0, 0, 3, b"\0" + token))
    return bytes(parser.emit(0, 1, 16, to_sign + signer + ALGORITHM + bits + stamp))


def _parts(data: bytes) -> list[bytes]:
    """The elements inside a SEQUENCE, each with its header."""
    content, found = _content(data), []
    while content:
        size = parser.peek(content)
        found.append(content[:size])
        content = content[size:]
    return found


def _content(data: bytes) -> bytes:
    return bytes(parser.parse(data, strict=True)[4])
