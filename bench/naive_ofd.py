"""The obvious OFD: fonts cut by fontTools, the code by segno, the signature in pure Python.

What a competent developer writes first: ElementTree, zipfile, fontTools' subsetter, segno's PNG
and gmalg.  The page has the same words in the same faces, colours and places as ours, the same
photo, code and seal, and the background as a picture (``bench.pages``).  Easier than ours: places
are handed in, bold words are not outlined, key and seal are kept open, there is no twin, and
nothing is proofed or checked.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import gmalg
import segno
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from fontTools import subset
from fontTools.ttLib import TTFont

from bench.contenders import Given
from bench.naive import Fonts
from factory.ofd.package import Member
from factory.ofd.xml import NAMESPACE
from factory.page.marks import AUTHORITY_SEAL, MM_PER_PT, Code, Picture, Placed, Run
from factory.pressing import Laid
from factory.seals import ofd as seals
from factory.seals import ses, sm2
from factory.seals.signer import SesIdentity

Place = tuple[float, float, float, float]

PIXELS_PER_MODULE = 8
#: fontTools would drop these too, and say so
UNWANTED = [*subset.Options().drop_tables, "BDF ", "BDF", "FFTM"]
BACKGROUND = "background"


def way(fonts: Fonts, identity: SesIdentity, secret: bytes) -> Callable[[Given], bytes]:
    """Of that seal, from what the other ways are handed."""
    return lambda given: make(given.laid, given.page.background, fonts, identity, secret)


def make(laid: Laid, background: str, files: Fonts, identity: SesIdentity, secret: bytes) -> bytes:
    """One sealed OFD.

    background: file of the JPEG behind it all.
    secret:     the private key, 32 bytes.
    """
    placed = laid.placed
    box = placed.signature(AUTHORITY_SEAL)
    assert box is not None
    pictures = {**laid.pictures, BACKGROUND: Path(background).read_bytes()}
    members = tuple(_members(placed, pictures, files))
    prepared = seals.prepare(members, box, identity, now=laid.created)
    signer = gmalg.SM2(secret, uid=sm2.SIGNER_ID)
    r, s = (int.from_bytes(part, "big") for part in signer.sign(prepared.to_sign))
    certificate = identity.signing_cert.public_bytes(Encoding.DER)
    value = ses.signature_value(prepared.to_sign, certificate, encode_dss_signature(r, s))
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for member in (*prepared.members, Member(name=prepared.value, data=value)):
            package.writestr(member.name, member.data)
    return target.getvalue()


def _members(placed: Placed, pictures: Mapping[str, bytes], files: Fonts) -> Iterator[Member]:
    marks = placed.pages[0].marks
    runs = [mark for mark in marks if isinstance(mark, Run)]
    fonts = {name: 10 + n for n, name in enumerate(dict.fromkeys(run.face.name for run in runs))}
    behind = Picture(
        role=BACKGROUND, x_mm=0, y_mm=0, width_mm=placed.width_mm, height_mm=placed.height_mm
    )
    images = [behind, *(mark for mark in marks if isinstance(mark, Picture | Code))]
    yield _xml("OFD.xml", _entry())
    yield _xml("Doc_0/Document.xml", _document(placed))
    yield _xml("Doc_0/PublicRes.xml", _resources(fonts, images))
    yield _xml("Doc_0/Page.xml", _page(runs, fonts, images))
    for name, number in fonts.items():
        used = "".join(run.text for run in runs if run.face.name == name)
        yield Member(name=f"Doc_0/Res/{number}.ttf", data=_subset(*files[name], used))
    for number, mark in enumerate(images, start=100):
        data = _symbol(mark.content) if isinstance(mark, Code) else pictures[mark.role]
        yield Member(name=f"Doc_0/Res/{number}", data=data)


def _subset(file: str, index: int, characters: str) -> bytes:
    font = TTFont(file, fontNumber=index)
    cutter = subset.Subsetter(subset.Options(drop_tables=UNWANTED))
    cutter.populate(text=characters)
    cutter.subset(font)
    target = BytesIO()
    font.save(target)
    return target.getvalue()


def _symbol(content: str) -> bytes:
    target = BytesIO()
    segno.make_qr(content, error="m").save(target, kind="png", scale=PIXELS_PER_MODULE, border=0)
    return target.getvalue()


def _entry() -> ElementTree.Element:
    root = _element("OFD", Version="1.0", DocType="OFD")
    body = _under(root, "DocBody")
    _under(_under(body, "DocInfo"), "DocID", "0" * 32)
    _under(body, "DocRoot", "Doc_0/Document.xml")
    _under(body, "Signatures", "Doc_0/Signs/Signatures.xml")
    return root


def _document(placed: Placed) -> ElementTree.Element:
    root = _element("Document")
    common = _under(root, "CommonData")
    _under(common, "MaxUnitID", "1000")
    box = f"0 0 {placed.width_mm} {placed.height_mm}"
    _under(_under(common, "PageArea"), "PhysicalBox", box)
    _under(common, "PublicRes", "PublicRes.xml")
    _under(_under(root, "Pages"), "Page", ID="1", BaseLoc="Page.xml")
    return root


def _resources(fonts: Mapping[str, int], images: list[Picture | Code]) -> ElementTree.Element:
    root = _element("Res", BaseLoc="Res")
    listed = _under(root, "Fonts")
    for name, number in fonts.items():
        font = _under(listed, "Font", ID=str(number), FontName=name)
        _under(font, "FontFile", f"{number}.ttf")
    media = _under(root, "MultiMedias")
    for number, mark in enumerate(images, start=100):
        kind = "PNG" if isinstance(mark, Code) else "JPEG"
        medium = _under(media, "MultiMedia", ID=str(number), Type="Image", Format=kind)
        _under(medium, "MediaFile", str(number))
    return root


def _page(
    runs: list[Run], fonts: Mapping[str, int], images: list[Picture | Code]
) -> ElementTree.Element:
    root = _element("Page")
    layer = _under(_under(root, "Content"), "Layer", ID="2", Type="Body")
    for number, mark in enumerate(images, start=900):
        x, y, width, height = _place(mark)
        _under(
            layer, "ImageObject", ID=str(number), ResourceID=str(number - 800),
            Boundary=f"{x} {y} {width} {height}", CTM=f"{width} 0 0 {height} 0 0",
        )  # fmt: skip
    for number, run in enumerate(runs, start=200):
        _text(layer, number, run, fonts[run.face.name])
    return root


def _text(layer: ElementTree.Element, number: int, run: Run, font: int) -> None:
    em = run.size_pt * MM_PER_PT
    place = f"{run.x_mm:.3f} {run.y_mm - em:.3f} {run.width_mm:.3f} {1.35 * em:.3f}"
    found = _under(
        layer, "TextObject", ID=str(number), Boundary=place, Font=str(font), Size=f"{em:.3f}"
    )
    _under(found, "FillColor", Value=" ".join(map(str, run.colour)))
    steps = " ".join(f"{run.face.advance(ch) * em:.3f}" for ch in run.text[:-1])
    _under(found, "TextCode", run.text, X="0", Y=f"{em:.3f}", DeltaX=steps)


def _place(mark: Picture | Code) -> Place:
    size = (mark.size_mm, mark.size_mm) if isinstance(mark, Code) else (
        mark.width_mm, mark.height_mm,
    )  # fmt: skip
    return mark.x_mm, mark.y_mm, *size


def _element(name: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.Element(f"{{{NAMESPACE}}}{name}", attributes)


def _under(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    found = ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    found.text = text
    return found


def _xml(name: str, root: ElementTree.Element) -> Member:
    ElementTree.register_namespace("ofd", NAMESPACE)
    return Member(
        name=name, data=ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    )
