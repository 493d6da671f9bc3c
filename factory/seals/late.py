"""Stamping later (补盖时间戳): a token put into a file that was released without one.

Only the token is added: in a PDF inside the hole that its byte range leaves out, in an OFD behind
the signature in its own member (GB/T 38540-2020, 7.1).  Not one byte that is signed differs.
"""

from __future__ import annotations

from asn1crypto import cms as asn1_cms

from factory.errors import PackageError, SealRefusedError
from factory.model import Format
from factory.ofd.package import Member, opened, packed
from factory.seals import cms, der, pades, ses
from factory.seals.selfcheck import BYTE_RANGE, Hole, container, sole_hole

VALUE = "SignedValue.dat"
UNSTAMPED = 4  #: parts of a signature of an OFD without its time stamp


def signature_of(data: bytes, fmt: Format) -> bytes:
    """What a time stamp is over: the value of the file's one signature.

    SealRefusedError: it has none that is ours, or an OFD's has its stamp already.
    """
    if fmt is Format.OFD:
        return _value(data)[1][3].bits()
    try:
        info = asn1_cms.ContentInfo.load(container(data, _hole(data)))
        [signer] = info["content"]["signer_infos"]
        value: bytes = signer["signature"].native
    except (ValueError, KeyError, TypeError) as error:
        raise SealRefusedError("the signature container cannot be read") from error
    return value


def stamped(data: bytes, fmt: Format, token: bytes) -> bytes:
    """The file with that token (DER) over its signature.

    SealRefusedError: it has a stamp already, or no room for this one.
    """
    return _stamped_ofd(data, token) if fmt is Format.OFD else _stamped_pdf(data, token)


def _stamped_pdf(data: bytes, token: bytes) -> bytes:
    hole = _hole(data)
    longer, room = cms.with_token(container(data, hole), token), (hole[1] - hole[0]) // 2 - 1
    if len(longer) > room:
        raise SealRefusedError(f"signature and stamp need {len(longer)} bytes, room for {room}")
    return pades.spliced(data, hole, longer)


def _hole(data: bytes) -> Hole:
    found = BYTE_RANGE.findall(data)
    hole = sole_hole(data, [int(each) for each in found[0]]) if len(found) == 1 else None
    if hole is None:
        raise SealRefusedError("not a PDF with one seal over all of it")
    return hole


def _stamped_ofd(data: bytes, token: bytes) -> bytes:
    name, parts = _value(data)
    value = der.sequence(*(each.whole for each in parts), ses.time_stamp(token))
    members = {**opened(data), name: value}
    return packed([Member(name=each, data=content) for each, content in members.items()])


def _value(data: bytes) -> tuple[str, tuple[der.Element, ...]]:
    """The one signature's member and its parts."""
    try:
        [(name, value)] = [
            each for each in opened(data).items() if each[0].rpartition("/")[2] == VALUE
        ]
        parts = der.read(value).parts()
    except (PackageError, ValueError) as error:
        raise SealRefusedError("not an OFD with one seal") from error
    if len(parts) != UNSTAMPED:
        raise SealRefusedError("the signature has a time stamp already")
    return name, parts
