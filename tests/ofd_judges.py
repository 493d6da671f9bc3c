"""What openssl thinks of the seals in an OFD, and how its XML stands beside the schemas.

It shares no code with what makes or reads them.
"""

import subprocess
from collections.abc import Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from lxml.etree import QName, fromstring

#: Schemas of GB/T 33190-2016: which children stand in which order; others are not written.
ORDER = {
    "OFD": ("DocBody",),
    "DocBody": ("DocInfo", "DocRoot", "Versions", "Signatures"),
    "DocInfo": (
        *("DocID", "Title", "Author", "Subject", "Abstract", "CreationDate", "ModDate"),
        *("DocUsage", "Cover", "Keywords", "Creator", "CreatorVersion", "CustomDatas"),
    ),
    "CustomDatas": ("CustomData",),
    "Document": (
        *("CommonData", "Pages", "Outlines", "Permissions", "Actions", "VPreferences"),
        *("Bookmarks", "Annotations", "CustomTags", "Attachments", "Extensions"),
    ),
    "CommonData": ("MaxUnitID", "PageArea", "PublicRes", "DocumentRes", "TemplatePage"),
    "PageArea": ("PhysicalBox",),
    "Pages": ("Page",),
    "Res": ("ColorSpaces", "DrawParams", "Fonts", "MultiMedias", "CompositeGraphicUnits"),
    "DrawParams": ("DrawParam",),
    "DrawParam": ("FillColor", "StrokeColor"),
    "Fonts": ("Font",),
    "Font": ("FontFile",),
    "MultiMedias": ("MultiMedia",),
    "MultiMedia": ("MediaFile",),
    "Page": ("Template", "PageRes", "Area", "Content", "Actions"),
    "Area": ("PhysicalBox",),
    "Content": ("Layer",),
    "TextObject": ("FillColor", "StrokeColor", "CGTransform", "TextCode"),
    "PathObject": ("StrokeColor", "FillColor", "AbbreviatedData"),
    "ImageObject": (),
    "Attachments": ("Attachment",),
    "Attachment": ("FileLoc",),
    "CustomTags": ("CustomTag",),
    "CustomTag": ("FileLoc",),
    "Signatures": ("MaxSignId", "Signature"),
    "Signature": ("SignedInfo", "SignedValue"),
    "SignedInfo": (
        *("Provider", "SignatureMethod", "SignatureDateTime", "References", "StampAnnot", "Seal"),
    ),
    "References": ("Reference",),
    "Reference": ("CheckValue",),
    "Seal": ("BaseLoc",),
}
ANY_ORDER = {"Layer": {"TextObject", "PathObject", "ImageObject"}}

FREE = "Tag_Face.xml"  #: tags are free XML, as the standard says
DISTID = "distid:1234567812345678"


def out_of_order(members: Mapping[str, bytes]) -> list[str]:
    """Which elements have children that the schemas do not have, or have in another order."""
    return [
        f"{name}: {QName(parent).localname}"
        for name, data in members.items()
        if name.endswith(".xml") and not name.endswith(FREE)
        for parent in fromstring(data).iter()
        if not _in_order(parent)
    ]


def _in_order(parent: Any) -> bool:
    found, name = [QName(child).localname for child in parent], QName(parent).localname
    if name in ANY_ORDER:
        return set(found) <= ANY_ORDER[name]
    order = ORDER.get(name, ())
    return set(found) <= set(order) and found == sorted(found, key=order.index)


def openssl_accepts(data: bytes) -> bool:
    """Whether both SM2 signatures of every seal fit, the signer's and the maker's."""
    with ZipFile(BytesIO(data)) as package:
        values = [package.read(each) for each in package.namelist() if each.endswith(".dat")]
    return bool(values) and all(value_accepted(value) for value in values)


def value_accepted(value: bytes) -> bool:
    """Both signatures of one SignedValue.dat of version 4, from its slices; not its time stamp."""
    to_sign, signer, _, signature, *_stamp = parts(value)
    info, maker, _, made = parts(list(parts(to_sign))[1])
    return fits(to_sign, signer, signature) and fits(info, maker, made)


@lru_cache(maxsize=64)  # a seal's maker signed once for all documents
def fits(message: bytes, certificate: bytes, signature: bytes) -> bool:
    """openssl's word on a signature; certificate an OCTET STRING, signature a BIT STRING."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "signature").write_bytes(content(signature)[1:])
        public = _openssl("x509", "-inform", "DER", "-pubkey", "-noout", stdin=content(certificate))
        (place / "public").write_bytes(public.stdout)
        judged = ("dgst", "-sm3", "-sigopt", DISTID, "-verify", place / "public", "-signature")
        return _openssl(*judged, place / "signature", stdin=message).returncode == 0


def parts(element: bytes) -> Iterator[bytes]:
    """The elements inside an element, each with its header."""
    rest = content(element)
    while rest:
        size = sum(measure(rest))
        yield rest[:size]
        rest = rest[size:]


def content(element: bytes) -> bytes:
    header, size = measure(element)
    return element[header : header + size]


def measure(element: bytes) -> tuple[int, int]:
    """How long header and content are."""
    if element[1] < 128:
        return 2, element[1]
    count = element[1] - 128
    return 2 + count, int.from_bytes(element[2 : 2 + count], "big")


def _openssl(*arguments: object, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
