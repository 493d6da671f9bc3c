"""Documents for archives and programs: PDF/A-3b rules, and the twin that goes with the page."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from hashlib import md5
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pikepdf
import pytest
from PIL import Image, ImageChops, ImageCms
from pypdf import PdfReader

from factory.page.sheet import Placed
from factory.writers import srgb
from factory.writers.pdf import draw
from tests import judges
from tests.factory.sealing import NOW, World, seal

Face = dict[str, object]
NewFace = Callable[..., Face]
DrawPdf = Callable[[Face], bytes]
Judge = Callable[[dict[str, bytes]], dict[str, list[str]]]

RARE = "欧阳𬭎"  #: the last character lies beyond the basic plane
SMALL = 1000
NAMES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}


@pytest.fixture
def sealed(draw_pdf: DrawPdf, new_face: NewFace, world: World) -> bytes:
    return seal(draw_pdf(new_face(name=RARE)), world.p256)


@pytest.fixture
def preflight(absent: Callable[[str], None], tmp_path: Path) -> Judge:
    """What the judge of PDF/A finds in each file."""
    if shutil.which("java") is None or not all(jar.exists() for jar in judges.PREFLIGHT):
        absent("preflight: apt-get install the packages named in deploy/setup/apt-test.txt")

    def judge(files: dict[str, bytes]) -> dict[str, list[str]]:
        for name, data in files.items():
            (tmp_path / f"{name}.pdf").write_bytes(data)
        found = judges.preflight([tmp_path / f"{name}.pdf" for name in files])
        return dict(zip(files, found, strict=True))

    return judge


def test_every_document_made_here_keeps_the_rules_of_archives(
    new_face: NewFace,
    draw_pdf: DrawPdf,
    place: Callable[[Face], Placed],
    photo: bytes,
    world: World,
    preflight: Judge,
) -> None:
    page = draw_pdf(new_face())

    found = preflight(
        {
            "drawn": page,
            "sealed-p256": seal(page, world.p256),
            "sealed-rsa": seal(page, world.rsa),
            "rare": seal(draw_pdf(new_face(name=RARE, professions=6)), world.p256),
            "bare": draw(place(new_face()), {"photo": photo}, title="<&>", created=NOW),
        }
    )

    assert [name for name, said in found.items() if said] == []


def unembed(document: pikepdf.Pdf) -> None:
    [font] = document.pages[0].Resources.Font["/F1"].DescendantFonts
    del font.FontDescriptor.FontFile2


def undescribe(document: pikepdf.Pdf) -> None:
    del document.Root.Metadata


def uncolour(document: pikepdf.Pdf) -> None:
    del document.Root.OutputIntents


def retitle(document: pikepdf.Pdf) -> None:
    document.docinfo["/Title"] = "another"


def hide(document: pikepdf.Pdf) -> None:
    document.pages[0].Annots[0].F = 2


def act(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="0")


def leave(document: pikepdf.Pdf) -> None:
    """The nearest thing that is allowed: written anew, and nothing else."""


DEPARTURES = {
    leave: "",
    unembed: "3.1.3",
    undescribe: "7.1",
    uncolour: "2.4.3",
    retitle: "7.2",
    hide: "5.2.2",
    act: "6.2.5",
}


def test_a_document_that_departs_from_the_rules_of_archives_is_found_out(
    sealed: bytes, preflight: Judge
) -> None:
    found = preflight({change.__name__: altered(sealed, change) for change in DEPARTURES})

    codes = {name: {each.split()[0] for each in said} for name, said in found.items()}
    for change, code in DEPARTURES.items():
        assert code in codes[change.__name__] if code else codes[change.__name__] == set()


def altered(data: bytes, change: Callable[[pikepdf.Pdf], None]) -> bytes:
    target = BytesIO()
    with pikepdf.open(BytesIO(data)) as document:
        change(document)
        document.save(target)
    return target.getvalue()


def test_the_seal_keeps_the_rules_that_the_judge_does_not_know(sealed: bytes) -> None:
    """ISO 19005-3, 6.1.12, 6.3.2, 6.3.3 and 6.4: what level A-1 has no rule for."""
    with pikepdf.open(BytesIO(sealed)) as document:
        [widget] = document.Root.AcroForm.Fields
        [reference] = widget.V.Reference

        assert int(widget.F) & 0b100111 == 0b100  # printed; not hidden, not invisible
        assert list(widget.AP.keys()) == ["/N"]
        assert sorted(widget.AP.N.Resources.keys()) == ["/ExtGState", "/XObject"]
        assert dict(widget.AP.N.Resources.ExtGState.Ink) == {"/BM": pikepdf.Name("/Multiply")}
        assert list(document.Root.Perms.keys()) == ["/DocMDP"]
        assert not any("Digest" in key for key in reference.keys())  # noqa: SIM118 - no mapping
        assert "/NeedAppearances" not in document.Root.AcroForm


def test_the_twin_of_a_sealed_file_is_taken_out_by_programs_of_others(
    sealed: bytes, new_face: NewFace, tmp_path: Path
) -> None:
    """Also a name beyond the basic plane; the same bytes by every way in."""
    path = tmp_path / "sealed.pdf"
    path.write_bytes(sealed)

    by_poppler = judges.files_inside(path, tmp_path / "files")

    twin = by_poppler["face.json"]
    assert list(by_poppler) == ["face.json"]
    assert json.loads(twin) == new_face(name=RARE)
    assert PdfReader(path).attachments == {"face.json": [twin]}
    with pikepdf.open(path) as document:
        assert document.attachments["face.json"].get_file().read_bytes() == twin


def test_the_twin_belongs_to_the_whole_document_as_its_data(sealed: bytes) -> None:
    with pikepdf.open(BytesIO(sealed)) as document:
        [spec] = document.Root.AF
        stream = spec.EF.F

        assert spec.objgen == document.Root.Names.EmbeddedFiles.Names[1].objgen
        assert (spec.AFRelationship, stream.Subtype) == ("/Data", "/application/json")
        assert int(stream.Params.Size) == len(stream.read_bytes())
        assert str(stream.Params.ModDate) == "D:20241130100304+08'00'"
        assert bytes(stream.Params.CheckSum) == md5(stream.read_bytes()).digest()  # noqa: S324 - as the format says


def test_a_document_without_twin_carries_no_file(
    new_face: NewFace, place: Callable[[Face], Placed], photo: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "bare.pdf"
    path.write_bytes(draw(place(new_face()), {"photo": photo}, title="", created=NOW))

    assert judges.files_inside(path, tmp_path / "files") == {}
    with pikepdf.open(path) as document:
        assert "/AF" not in document.Root
        assert "/Keywords" not in document.docinfo


def test_the_description_says_what_the_info_dictionary_says(sealed: bytes) -> None:
    with pikepdf.open(BytesIO(sealed)) as document:
        info = {name: str(value) for name, value in document.docinfo.items()}
        raw = document.Root.Metadata.read_raw_bytes()

    assert words(raw, "pdfaid:part") + words(raw, "pdfaid:conformance") == "3B"
    assert words(raw, "dc:title/rdf:Alt/rdf:li") == info["/Title"]
    assert words(raw, "pdf:Producer") == info["/Producer"]
    assert words(raw, "pdf:Keywords") == info["/Keywords"]
    for when in ("xmp:CreateDate", "xmp:ModifyDate"):
        moment = datetime.fromisoformat(words(raw, when))
        assert f"D:{moment:%Y%m%d%H%M%S}+08'00'" == info["/CreationDate"] == info["/ModDate"]


def test_the_description_is_read_by_a_program_of_another_maker(
    sealed: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "sealed.pdf"
    path.write_bytes(sealed)

    said = judges.description(path)

    assert "<pdfaid:part>3</pdfaid:part>" in said
    assert "中华人民共和国二级建造师注册证书" in said


def words(packet: bytes, path: str) -> str:
    root = ElementTree.fromstring(packet)  # noqa: S314 - ours
    return root.findtext(f"rdf:RDF/rdf:Description/{path}", "", NAMES)


def test_the_description_names_nobody(sealed: bytes) -> None:
    with pikepdf.open(BytesIO(sealed)) as document:
        said = document.Root.Metadata.read_raw_bytes().decode()
        said += " ".join(str(value) for value in document.docinfo.values())

    assert not any(word in said for word in (RARE, "1990-01-01", "沪2312016201800057", "测试建设"))


def test_another_twin_gives_another_file_and_identifier(
    new_face: NewFace, place: Callable[[Face], Placed], photo: bytes
) -> None:
    placed = place(new_face())

    one, same, other = (
        draw(placed, {"photo": photo}, title="", created=NOW, twin=twin)
        for twin in (b"{}", b"{}", b"[]")
    )

    assert one == same
    assert PdfReader(BytesIO(one)).trailer["/ID"] != PdfReader(BytesIO(other)).trailer["/ID"]


def test_the_colours_of_the_page_are_those_of_srgb() -> None:
    """By the profile of a colour library, to the last step that rounding leaves."""
    steps = range(0, 256, 15)
    colours = Image.new("RGB", (len(steps) ** 2, len(steps)))
    colours.putdata([(r, g, b) for r in steps for g in steps for b in steps])
    ours = ImageCms.ImageCmsProfile(BytesIO(srgb.profile()))

    seen = ImageCms.profileToProfile(colours, ours, ImageCms.createProfile("sRGB"))

    assert seen is not None
    assert all(most <= 1 for _, most in ImageChops.difference(colours, seen).getextrema())


def test_the_profile_of_the_colours_is_small() -> None:
    assert len(srgb.profile()) == int.from_bytes(srgb.profile()[:4]) < SMALL
