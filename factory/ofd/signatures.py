"""The files that describe an OFD's signatures: the list, and of each what it protects.

GB/T 33190-2016, 18.  What is read here is a claim; nothing of it is judged.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from factory.errors import PackageError
from factory.ofd.reading import Box, box
from factory.ofd.xml import child, children, local, located, parsed, text

SEAL = "Seal"  #: Type of a signature; the default
MD5 = "MD5"  #: CheckMethod where none is said
MOST_SIGNATURES = 16
BEIJING = timezone(timedelta(hours=8))
BLANK = re.compile(r"[ \t\r\n]")
TIME = re.compile(
    r"(\d{4})(?:-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)|(\d\d)(\d\d)(\d\d)(\d\d)(\d\d))"
    r"(?:\.\d{1,9})?(Z?)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of Signatures.xml.  member: the Signature.xml it names."""

    id: str
    kind: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A protected member and its digest; None: what stands there is no Base64."""

    member: str
    digest: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Where the seal is shown.  page: that page's id."""

    id: str
    page: str
    boundary: Box | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a Signature.xml says.

    said:  SignatureDateTime, free text.
    seal:  the member with the seal; None where it is not written by itself.
    value: the member with the signature value.
    """

    data: bytes = field(repr=False)
    check_method: str
    signature_method: str
    said: str
    references: tuple[Reference, ...]
    stamps: tuple[Stamp, ...]
    seal: str | None
    value: str


def read_list(members: Mapping[str, bytes], name: str) -> tuple[Listed, ...]:
    """The signatures in the order of the list.

    PackageError: readers could take it in different ways.
    """
    tree = parsed(members[name])
    listed = tuple(_listed(name, each) for each in children(tree, "Signature"))
    if local(tree) != "Signatures" or (listed and not text(child(tree, "MaxSignId"))):
        raise PackageError("a list of signatures that is none")
    if len(listed) > MOST_SIGNATURES:
        raise PackageError("more signatures than a package may have")
    for key in ({each.id for each in listed}, {each.member for each in listed}):
        if len(key) != len(listed):
            raise PackageError("a signature that is listed twice")
    return listed


def _listed(base: str, element: Any) -> Listed:
    return Listed(
        id=element.get("ID", "").strip(),
        kind=element.get("Type", SEAL).strip(),
        member=located(base, element.get("BaseLoc", "")),
    )


def read_description(members: Mapping[str, bytes], name: str) -> Description:
    """What a Signature.xml says.  PackageError: it is not there, or says too little or twice."""
    if name not in members:
        raise PackageError("a signature that is not there")
    tree = parsed(members[name])
    info = _one(tree, "SignedInfo")
    references = _one(info, "References")
    seal = child(info, "Seal")
    return Description(
        data=members[name],
        check_method=references.get("CheckMethod", MD5).strip(),
        signature_method=text(child(info, "SignatureMethod")) or "",
        said=text(child(info, "SignatureDateTime")) or "",
        references=tuple(_reference(name, each) for each in children(references, "Reference")),
        stamps=tuple(map(_stamp, children(info, "StampAnnot"))),
        seal=None if seal is None else located(name, text(_one(seal, "BaseLoc")) or ""),
        value=located(name, text(_one(tree, "SignedValue")) or ""),
    )


def _one(element: Any, name: str) -> Any:
    found = child(element, name)
    if found is None:
        raise PackageError("a signature that does not say enough")
    return found


def _reference(base: str, element: Any) -> Reference:
    said = BLANK.sub("", text(child(element, "CheckValue")) or "")
    return Reference(member=located(base, element.get("FileRef", "")), digest=_decoded(said))


def _decoded(said: str) -> bytes | None:
    try:
        return b64decode(said.encode(), validate=True)
    except binascii.Error:
        return None


def _stamp(element: Any) -> Stamp:
    return Stamp(
        id=element.get("ID", "").strip(),
        page=element.get("PageRef", "").strip(),
        boundary=box(element.get("Boundary")),
    )


def moments(said: str) -> frozenset[datetime]:
    """Which moments a SignatureDateTime may mean, to the second; none for anything else.

    Without a zone writers mean UTC or Beijing's time.
    """
    found = TIME.fullmatch(said)
    if found is None:
        return frozenset()
    *fields, zone = (group for group in found.groups() if group is not None)
    try:
        moment = datetime(*map(int, fields), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return frozenset()
    local_moment = moment.replace(tzinfo=BEIJING).astimezone(UTC)
    return frozenset({moment} if zone else {moment, local_moment})
