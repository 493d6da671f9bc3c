"""A template is the reference's own document, written anew without what differs."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pikepdf
import pytest

from factory.page.marks import AUTHORITY_SEAL
from factory.pressing import Laid
from factory.seals import pades
from factory.writers import pdf
from factory.writers.pdf_template import IN_USE, Template, flattened
from jobs.preview import Studio
from tests.factory.pressed import DESIGNS, plain
from tests.factory.sealing import World

BEGUN = re.compile(rb"(\d+) 0 obj\n")
REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
STREAM = re.compile(rb"stream\n.*?\nendstream", re.S)
ROLES = ("photo", "signature")
VALUES = (
    b"<</A 0.0000001/B -0.5/C 12345678901234/D [null true false -3]/E (a\\)b)"
    b"/F <00ff>/G /N#20ame/H [<</I 1>>]>>"
)
LATER = timedelta(days=1)


@pytest.fixture(scope="module", params=DESIGNS[3:6], ids=str)
def order(request: pytest.FixtureRequest, rooms: Studio) -> Laid:
    return plain(rooms, request.param)


def prepared(order: Laid, world: World) -> bytes:
    """The page without values, with everything of its seal."""
    [page] = order.placed.pages
    placed = replace(order.placed, pages=(replace(page, filled=()),))
    spare = {mark.face: "工程" for mark in page.filled if hasattr(mark, "face")}
    document = pdf.draw(
        placed,
        {},
        title=order.title,
        created=order.created,
        twin=order.twin,
        licence_id=order.licence_id,
        spare=spare,
    )
    box = placed.signature(AUTHORITY_SEAL)
    assert box is not None
    return pades.prepare(document, box, world.p256, now=order.created).document


@pytest.fixture(scope="module")
def reference(order: Laid, world: World) -> bytes:
    return prepared(order, world)


@pytest.fixture(scope="module")
def template(reference: bytes) -> Template:
    return flattened(reference, ROLES)


def test_every_constant_object_stands_where_its_line_says(template: Template) -> None:
    lines = template.entries.splitlines(keepends=True)

    begun = {int(each[1]): each.start() for each in BEGUN.finditer(template.prefix)}

    assert {len(line) for line in lines} == {20}
    assert lines[0] == b"0000000000 65535 f \n"
    assert lines[1:] == [IN_USE % begun[number] for number in sorted(begun)]


def test_numbers_run_on_from_what_is_constant_to_what_differs(template: Template) -> None:
    constant = [int(number) for number in BEGUN.findall(template.prefix)]
    differing = [*template.numbers.values()]

    assert constant == [*range(1, len(constant) + 1)]
    assert differing == [*range(len(constant) + 1, template.free)]
    assert [*template.numbers][-1] == "signature"


def test_nothing_refers_to_an_object_that_there_is_not(template: Template) -> None:
    referred = set(map(int, REFERENCE.findall(STREAM.sub(b"", template.prefix))))

    assert max(referred) < template.free
    assert {template.root, *template.fonts.values()} <= set(range(1, template.free))
    assert set(template.pictures.values()) <= referred


def test_a_picture_is_called_by_its_role_whatever_else_is_called_so(template: Template) -> None:
    """The holder's signature is a picture; the seal's is none."""
    assert [*template.pictures] == ["photo", "signature"]
    assert template.pictures["signature"] != template.numbers["signature"]
    for role, number in template.pictures.items():
        assert b"/%s %d 0 R" % (role.encode(), number) in template.prefix


def test_nothing_that_belongs_to_one_document_is_in_a_template(
    template: Template, order: Laid, world: World
) -> None:
    """Another moment, twin and licence give the same one."""
    other = replace(order, created=order.created + LATER, twin=b"{}", licence_id="1.2.3")

    assert flattened(prepared(other, world), ROLES) == template


def test_a_template_without_twin_and_pictures_has_no_place_for_them(
    order: Laid, world: World, template: Template
) -> None:
    bare = flattened(prepared(replace(order, twin=None), world), ())

    assert template.numbers.keys() - bare.numbers.keys() == {
        "twin",
        "picture photo",
        "picture signature",
    }
    assert bare.pictures == {}
    assert b"/AF" not in bare.prefix


def test_every_constant_object_is_the_references(template: Template, reference: bytes) -> None:
    """Opened with stand-ins for what differs, the same fonts, forms and fields are found."""
    with pikepdf.open(BytesIO(opened(template))) as ours, pikepdf.open(BytesIO(reference)) as its:
        assert str(ours.Root.AcroForm.Fields[0].T) == str(its.Root.AcroForm.Fields[0].T)
        assert rectangle(ours) == pytest.approx(rectangle(its))
        assert streams(ours) == streams(its)
        assert [*ours.Root.keys()] == [*its.Root.keys()]


def opened(template: Template) -> bytes:
    """A whole file, with empty dictionaries for what differs."""
    written, lines = bytearray(template.prefix), bytearray(template.entries)
    for number in template.numbers.values():
        lines += IN_USE % len(written)
        written += b"%d 0 obj\n<<>>\nendobj\n" % number
    trailer = b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    rest = b"xref\n0 %d\n%s" % (template.free, lines)
    return bytes(written + rest + trailer % (template.free, template.root, len(written)))


def rectangle(document: pikepdf.Pdf) -> list[float]:
    return [float(side) for side in document.Root.AcroForm.Fields[0].Rect]


def streams(document: pikepdf.Pdf) -> set[bytes]:
    """The bytes of all streams but those that differ."""
    return set(_streams(document))


def _streams(document: pikepdf.Pdf) -> Iterator[bytes]:
    for each in document.objects:
        if isinstance(each, pikepdf.Stream) and not differs(each):
            yield each.read_raw_bytes()


def differs(stream: Any) -> bool:
    return stream.get("/Type") in ("/Metadata", "/EmbeddedFile")


def test_numbers_strings_and_names_are_written_as_they_are() -> None:
    """A number has no exponent, which a PDF has no word for (ISO 32000-1, 7.3.3)."""
    template = flattened(tiny(), ())

    assert VALUES in template.prefix


def tiny() -> bytes:
    """A document with what a template needs and odd values."""
    target = BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        page = document.pages[0].obj
        page.Contents = document.make_stream(b"q Q")
        page.Resources.Font, page.Resources.XObject = pikepdf.Dictionary(), pikepdf.Dictionary()
        root = document.Root
        root.Metadata = document.make_stream(b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
        root.Perms = pikepdf.Dictionary(DocMDP=document.make_indirect(pikepdf.Dictionary()))
        page.Values = pikepdf.Object.parse(VALUES)
        document.save(target)
    return target.getvalue()
