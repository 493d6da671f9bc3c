"""Attacks on a sealed or signed PDF by what is put behind it: revisions, honest or crafted.

After the published ones: shadow attacks (hide, replace, hide and replace: Mainka, Mladenov,
Rohlmann, NDSS 2021), universal signature forgery, incremental saving and signature wrapping
(Mladenov et al., CCS 2019), evil annotations and sneaky signatures on certified documents
(Rohlmann et al., S&P 2021); and what readers of cross-references disagree about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any

import pikepdf
import pypdf
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    NameObject,
    NullObject,
    NumberObject,
    pdf_name,
    pdf_string,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from factory.errors import SealRefusedError
from factory.seals import archive
from tests.factory import tampering
from tests.factory.forging import last_xref, object_stream, xref_stream
from tests.factory.pdf_attacks import EDITS
from tests.factory.scenes import Attack, NotHereError, Scene
from tests.factory.tampering import dictionary, field_of, page_of, stream

PAINTED = b"q 1 1 1 rg 0 0 999 999 re f Q  "
BOX = b"[0 0 595 842]"


# --- by a writer, as any editor does


Change = Callable[[IncrementalPdfFileWriter, Scene], None]


def updated(change: Change) -> Attack:
    def attack(scene: Scene) -> bytes:
        writer = IncrementalPdfFileWriter(BytesIO(scene.data))
        change(writer, scene)
        target = BytesIO()
        writer.write(target)
        return target.getvalue()

    return attack


def known(change: tampering.Change) -> Change:
    return lambda writer, _: change(writer)


def signature_of(writer: IncrementalPdfFileWriter) -> DictionaryObject:
    return field_of(writer, signed=True)["/V"]  # type: ignore[no-any-return]


def signature_emptied(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    """Universal signature forgery: a signature that says nothing a program could check."""
    signature = signature_of(writer)
    key, value = scene.dice.choice(
        (
            ("/Contents", None),
            ("/Contents", NullObject()),
            ("/Contents", ByteStringObject(b"")),
            ("/Contents", ByteStringObject(b"\0")),
            ("/Contents", pdf_name("/None")),
            ("/ByteRange", None),
            ("/ByteRange", NullObject()),
            ("/ByteRange", ranges()),
            ("/ByteRange", ranges(0, 0, 0, 0)),
            ("/ByteRange", ranges(0, -1, 0, -1)),
            ("/ByteRange", ranges(0, 2**31, 2**31, 2**31)),
            ("/ByteRange", ranges(0, len(scene.data), len(scene.data), 0)),
            ("/ByteRange", pdf_string("0 1 2 3")),
            ("/SubFilter", None),
            ("/SubFilter", pdf_name("/adbe.x509.rsa_sha1")),
            ("/Filter", pdf_name("/None")),
            ("/Type", pdf_name("/DocTimeStamp")),
            ("/Type", pdf_name("/Other")),
        )
    )
    if value is None:
        del signature[key]
    else:
        signature[pdf_name(key)] = value
    writer.update_container(signature)


def ranges(*numbers: int) -> ArrayObject:
    return ArrayObject([NumberObject(each) for each in numbers])


def signature_elsewhere(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    """Signature wrapping: the field leads to a copy, whose byte range leads to the old bytes."""
    field = field_of(writer, signed=True)
    copy = DictionaryObject(field["/V"])
    _, first, second, length = (int(each) for each in copy["/ByteRange"])
    copy[pdf_name("/ByteRange")] = scene.dice.choice(
        (ranges(0, first, second, length), ranges(0, first, second, len(scene.data) - second))
    )
    field[pdf_name("/V")] = writer.add_object(copy)
    writer.update_container(field)


def evil_annotation(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    """Something that is drawn over the page."""
    page = page_of(writer)
    kind = scene.dice.choice(("FreeText", "Stamp", "Redact", "Square", "Ink", "Widget", "Link"))
    shown = stream(
        PAINTED, Type=pdf_name("/XObject"), Subtype=pdf_name("/Form"), BBox=ranges(0, 0, 999, 999)
    )
    note = dictionary(
        Type=pdf_name("/Annot"),
        Subtype=pdf_name(f"/{kind}"),
        Rect=ranges(0, 0, 595, 842),
        F=NumberObject(4),
        AP=dictionary(N=writer.add_object(shown)),
    )
    page["/Annots"].append(writer.add_object(note))
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def sneaky_signature(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    """A further signature field that lies over the page; signed by anybody, or by nobody."""
    shown = stream(
        PAINTED, Type=pdf_name("/XObject"), Subtype=pdf_name("/Form"), BBox=ranges(0, 0, 999, 999)
    )
    field = dictionary(
        FT=pdf_name("/Sig"),
        T=pdf_string(scene.dice.choice(("Sneaky", "AuthoritySeal", "EnterpriseSeal", "Archive9"))),
        Type=pdf_name("/Annot"),
        Subtype=pdf_name("/Widget"),
        Rect=ranges(0, 0, 595, 842),
        F=NumberObject(132),
        P=writer.root["/Pages"]["/Kids"].raw_get(0),
        AP=dictionary(N=writer.add_object(shown)),
    )
    if scene.dice.random() < 0.7:
        field[pdf_name("/V")] = signed_by_anybody(writer, scene)
    added = writer.add_object(field)
    form, page = writer.root["/AcroForm"], page_of(writer)
    form["/Fields"].append(added)
    writer.update_container(form["/Fields"])
    writer.update_container(form)
    page["/Annots"].append(added)
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def signed_by_anybody(writer: IncrementalPdfFileWriter, scene: Scene) -> Any:
    """The container of another file, or of this one."""
    other = PdfFileReader(BytesIO(scene.dice.choice((scene.other, scene.data))))
    container = other.embedded_signatures[0].pkcs7_content
    value = dictionary(
        Type=pdf_name(scene.dice.choice(("/Sig", "/DocTimeStamp"))),
        Filter=pdf_name("/Adobe.PPKLite"),
        SubFilter=pdf_name(scene.dice.choice(("/ETSI.CAdES.detached", "/ETSI.RFC3161"))),
        Contents=ByteStringObject(container),
        ByteRange=ranges(0, 10, 20, len(scene.data) - 20),
        M=pdf_string("D:20261121040000Z"),
    )
    return writer.add_object(value)


def hidden_layer(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    """A layer over the page, off on the screen or in print (ISO 32000-2, 8.11)."""
    group = writer.add_object(dictionary(Type=pdf_name("/OCG"), Name=pdf_string("a")))
    page = page_of(writer)
    shown = stream(
        PAINTED,
        Type=pdf_name("/XObject"),
        Subtype=pdf_name("/Form"),
        BBox=ranges(0, 0, 999, 999),
        OC=group,
    )
    resources = page["/Resources"]
    if "/XObject" not in resources:
        resources[pdf_name("/XObject")] = DictionaryObject()
    resources["/XObject"][pdf_name("/Layer")] = writer.add_object(shown)
    contents = page.raw_get("/Contents")
    former = list(contents) if isinstance(contents, ArrayObject) else [contents]
    drawn = writer.add_object(stream(b"/OC /L BDC /Layer Do EMC"))
    page[pdf_name("/Contents")] = ArrayObject([*former, drawn])
    state = scene.dice.choice(("OFF", "ON", "Order"))
    writer.root[pdf_name("/OCProperties")] = dictionary(
        OCGs=ArrayObject([group]), D=dictionary(**{state: ArrayObject([group])})
    )
    writer.update_container(resources)
    writer.update_container(page)
    writer.update_root()


def font_replaced(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    """Shadow attack, replace: a font in which other glyphs stand for the same words."""
    fonts = [each.get_object() for each in page_of(writer)["/Resources"]["/Font"].values()]
    font = scene.dice.choice(fonts)
    font[pdf_name("/ToUnicode")] = writer.add_object(stream(b"begincmap endcmap"))
    font[pdf_name("/BaseFont")] = pdf_name("/Helvetica")
    writer.update_container(font)


def pages_exchanged(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    """Shadow attack, hide and replace: the catalog leads to another tree of pages."""
    page = dictionary(Type=pdf_name("/Page"), MediaBox=ranges(0, 0, 595, 842))
    page[pdf_name("/Contents")] = writer.add_object(stream(PAINTED))
    pages = dictionary(
        Type=pdf_name("/Pages"), Count=NumberObject(1), Kids=ArrayObject([writer.add_object(page)])
    )
    writer.root[pdf_name("/Pages")] = writer.add_object(pages)
    writer.update_root()


def form_by_xfa(writer: IncrementalPdfFileWriter, _: Scene) -> None:
    """A form in XML, which some programs show in place of the pages."""
    form = writer.root["/AcroForm"]
    form[NameObject("/XFA")] = writer.add_object(stream(b"<xdp:xdp/>"))
    writer.update_container(form)


def version_raised(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    writer.root[pdf_name("/Version")] = pdf_name(scene.dice.choice(("/1.7", "/2.0", "/9.9")))
    writer.update_root()


def trailing_action(writer: IncrementalPdfFileWriter, scene: Scene) -> None:
    kind, key = scene.dice.choice((("Launch", "F"), ("URI", "URI"), ("SubmitForm", "F")))
    action = dictionary(S=pdf_name(f"/{kind}"), **{key: pdf_string("http://localhost/")})
    page = page_of(writer)
    page[pdf_name("/AA")] = dictionary(O=writer.add_object(action))
    writer.update_container(page)


# --- by hand


@lru_cache(maxsize=64)
def numbers(data: bytes) -> dict[str, int]:
    """Objects that a reader comes by, by what they are."""
    with pikepdf.open(BytesIO(data)) as file:
        page = file.pages[0]
        fields = list(file.Root.AcroForm.Fields)
        signed = [each for each in fields if "/V" in each]
        found = {
            "root": file.Root.objgen[0],
            "page": page.obj.objgen[0],
            "pages": file.Root.Pages.objgen[0],
            "form": file.Root.AcroForm.objgen[0],
            "field": signed[0].objgen[0],
            "signature": signed[0].V.objgen[0],
            "size": int(file.trailer.Size),
        }
        contents = page.obj.Contents
        first = contents[0] if isinstance(contents, pikepdf.Array) else contents
        found["contents"] = first.objgen[0]
        appearance = signed[0].get("/AP")
        if appearance is not None:
            found["appearance"] = appearance.N.objgen[0]
    return {name: number for name, number in found.items() if number}


def shadow(scene: Scene) -> tuple[int, bytes]:
    """An object that is there, and another body for it."""
    there = numbers(scene.data)
    what = scene.dice.choice(sorted(there.keys() - {"size"}))
    number = there[what]
    page = b"<</Type/Page/Parent %d 0 R/MediaBox%s>>" % (there["pages"], BOX)
    bodies = {
        "root": b"<</Type/Catalog/Pages %d 0 R>>" % there["pages"],
        "page": page,
        "pages": b"<</Type/Pages/Count 0/Kids[]>>",
        "form": b"<</Fields[]>>",
        "field": b"<</FT/Sig/T(AuthoritySeal)>>",
        "signature": b"<</Type/Sig/Filter/Adobe.PPKLite/ByteRange[0 1 2 3]/Contents<00>>>",
    }
    painted = b"<</Length %d/Type/XObject/Subtype/Form/BBox%s>>stream\n%s\nendstream"
    return number, bodies.get(what, painted % (len(PAINTED), BOX, PAINTED))


def trailer_of(data: bytes) -> tuple[int, bytes]:
    """The catalog's number, and the words of the last trailer about the file."""
    there = numbers(data)
    info = re.findall(rb"/Info \d+ 0 R", data)
    return there["root"], info[-1] if info else b""


def table(data: bytes, rows: bytes, entries: bytes, *, previous: int | None, size: int) -> bytes:
    """The data with one more cross-reference table and its trailer."""
    root, info = trailer_of(data)
    at = len(data)
    before = b"" if previous is None else b"/Prev %d" % previous
    return data + (
        b"xref\n%strailer\n<</Size %d/Root %d 0 R%s%s%s>>\nstartxref\n%d\n%%%%EOF\n"
        % (rows, size, root, info, before, entries, at)
    )


def by_table(scene: Scene) -> bytes:
    """An object written anew, told by a table."""
    number, body = shadow(scene)
    generation = scene.dice.choice((0, 0, 0, 1))
    start = len(scene.data) + 1
    data = scene.data + b"\n%d %d obj\n%s\nendobj\n" % (number, generation, body)
    rows = b"%d 1\n%010d %05d n \n" % (number, start, generation)
    return table(data, rows, b"", previous=last_xref(scene.data), size=numbers(scene.data)["size"])


def by_stream(scene: Scene) -> bytes:
    """The same by a cross-reference stream."""
    number, body = shadow(scene)
    there = numbers(scene.data)
    start = len(scene.data) + 1
    data = scene.data + b"\n%d 0 obj\n%s\nendobj\n" % (number, body)
    return data + xref_stream(
        there["size"], there["root"], {number: (1, start)}, len(data),
        previous=last_xref(scene.data),
    )  # fmt: skip


def by_object_stream(scene: Scene) -> bytes:
    """The same, the object itself in an object stream."""
    number, body = shadow(scene)
    if b"stream" in body:
        raise NotHereError
    there = numbers(scene.data)
    holder = there["size"]
    start = len(scene.data) + 1
    packed = object_stream(number, body)
    data = scene.data + b"\n%d 0 obj\n%s\nendobj\n" % (holder, packed)
    rows = {number: (2, holder), holder: (1, start)}
    return data + xref_stream(
        holder + 1, there["root"], rows, len(data), previous=last_xref(scene.data)
    )


def by_hybrid(scene: Scene) -> bytes:
    """A table that says nothing of it, and a stream beside, which only some programs read."""
    there, previous = numbers(scene.data), last_xref(scene.data)
    number, body = shadow(scene)
    start = len(scene.data) + 1
    data = scene.data + b"\n%d 0 obj\n%s\nendobj\n" % (number, body)
    aside = len(data)
    whole = xref_stream(
        there["size"], there["root"], {number: (1, start)}, aside, previous=previous
    )
    data = whole[:0] + data + whole[: whole.index(b"startxref")]
    rows = scene.dice.choice(
        (b"0 1\n0000000000 65535 f \n", b"%d 1\n%010d 65535 f \n" % (number, 0))
    )
    return table(data, rows, b"/XRefStm %d" % aside, previous=previous, size=there["size"] + 1)


def led_elsewhere(scene: Scene) -> bytes:
    """No new object: a table alone, by which a number leads to another one's bytes."""
    places = [each.start() for each in re.finditer(rb"\d+ 0 obj", scene.data)]
    number, _ = shadow(scene)
    rows = b"%d 1\n%010d 00000 n \n" % (number, scene.dice.choice(places))
    there = numbers(scene.data)
    return table(scene.data, rows, b"", previous=last_xref(scene.data), size=there["size"])


def freed(scene: Scene) -> bytes:
    """An object said to be gone (shadow attack, hide)."""
    number, _ = shadow(scene)
    rows = b"0 1\n%010d 65535 f \n%d 1\n0000000000 00001 f \n" % (number, number)
    there = numbers(scene.data)
    return table(scene.data, rows, b"", previous=last_xref(scene.data), size=there["size"])


def without_history(scene: Scene) -> bytes:
    """One table for all, as if there had been no former one; or one that follows itself."""
    places = {int(each[1]): each.start() for each in re.finditer(rb"(\d+) 0 obj", scene.data)}
    number, body = shadow(scene)
    start = len(scene.data) + 1
    data = scene.data + b"\n%d 0 obj\n%s\nendobj\n" % (number, body)
    places[number] = start
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % each for each in sorted(places.items()))
    previous = scene.dice.choice((None, 0, len(data), 7))
    return table(data, rows, b"", previous=previous, size=max(places) + 1)


def turned_back(scene: Scene) -> bytes:
    """The end leads to the cross-references of an earlier revision, or to nowhere."""
    earlier = [int(each) for each in re.findall(rb"startxref\s+(\d+)", scene.data)]
    chosen = scene.dice.choice((*earlier, 0, 9, len(scene.data), 10**11))
    return scene.data + b"startxref\n%d\n%%%%EOF\n" % chosen


def trailer_moved(scene: Scene) -> bytes:
    """The last table and trailer once more, behind something."""
    at = last_xref(scene.data)
    before = scene.dice.choice((b"\n", b"% nothing\n", b"1 0 obj\n<<>>\nendobj\n"))
    again = scene.data[at : scene.data.rindex(b"startxref")]
    data = scene.data + before
    return data + again + b"startxref\n%d\n%%%%EOF\n" % len(data)


def another_catalog(scene: Scene) -> bytes:
    """A trailer that names a catalog of its own, with the same form in it."""
    there = numbers(scene.data)
    own = there["size"]
    start = len(scene.data) + 1
    form = b"/AcroForm %d 0 R" % there["form"] if "form" in there else b""
    data = scene.data + b"\n%d 0 obj\n<</Type/Catalog/Pages %d 0 R%s>>\nendobj\n" % (
        own, there["pages"], form,
    )  # fmt: skip
    rows = b"%d 1\n%010d 00000 n \n" % (own, start)
    whole = table(data, rows, b"", previous=last_xref(scene.data), size=own + 1)
    at = whole.rindex(b"/Root %d 0 R" % there["root"])
    return whole[:at] + b"/Root %d 0 R" % own + whole[at + len(b"/Root %d 0 R" % there["root"]) :]


def other_identity(scene: Scene) -> bytes:
    """A revision that says nothing but another /ID or /Info."""
    words = scene.dice.choice((b"/ID[<00><01>]", b"/Info 1 0 R", b"/Encrypt 1 0 R"))
    there = numbers(scene.data)
    rows = b"0 1\n0000000000 65535 f \n"
    return table(scene.data, rows, words, previous=last_xref(scene.data), size=there["size"])


# --- written anew


def saved_by_pikepdf(scene: Scene) -> bytes:
    how: Mapping[str, object] = scene.dice.choice(
        (
            {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
            {"object_stream_mode": pikepdf.ObjectStreamMode.disable},
            {"qdf": True},
            {"compress_streams": False},
            {"linearize": True},
            {"encryption": pikepdf.Encryption(owner="o", user="")},
        )
    )
    target = BytesIO()
    with pikepdf.open(BytesIO(scene.data)) as file:
        file.save(target, **how)  # type: ignore[arg-type]
    return target.getvalue()


def saved_by_pypdf(scene: Scene) -> bytes:
    """Written anew, or behind the file."""
    target = BytesIO()
    behind = scene.dice.random() < 0.5
    writer = pypdf.PdfWriter(BytesIO(scene.data), incremental=behind)
    if not behind or scene.dice.random() < 0.7:
        writer.add_metadata({"/Title": "another"})
    writer.write(target)
    return target.getvalue()


def joined_with_another(scene: Scene) -> bytes:
    target = BytesIO()
    with pikepdf.open(BytesIO(scene.data)) as file, pikepdf.open(BytesIO(scene.other)) as other:
        file.pages.append(other.pages[0])
        file.save(target)
    return target.getvalue()


# --- archive stamps


def archived_by_anybody(attack: Attack) -> Attack:
    """Changed, and then stamped by the right authority, which stamps whatever it is sent."""

    def both(scene: Scene) -> bytes:
        changed = attack(scene)
        try:
            return scene.court.archived(changed, 0, scene.victim.now)
        except SealRefusedError as error:
            raise NotHereError from error

    return both


def stamp_of_another(scene: Scene) -> bytes:
    """A last revision that is another file's."""
    assert scene.victim.archives
    others = [each for each in scene.others if each.archives]
    other = scene.dice.choice(others).data
    ends = [each.end() for each in re.finditer(rb"%%EOF\n", other)]
    own = [each.end() for each in re.finditer(rb"%%EOF\n", scene.data)]
    return scene.data[: own[-2]] + other[ends[-2] :]


def middle_left_out(scene: Scene) -> bytes:
    """Of two archive stamps the first is taken out."""
    assert scene.victim.archives > 1
    ends = [each.end() for each in re.finditer(rb"%%EOF\n", scene.data)]
    return scene.data[: ends[-3]] + scene.data[ends[-2] :]


def archive_changed(scene: Scene) -> bytes:
    """Of what an archive stamp came with some bytes are others, and its stamp is renewed."""
    begin = [each.end() for each in re.finditer(rb"%%EOF\n", scene.data)][-2]
    assert scene.victim.archives
    old, new = scene.dice.choice(
        (
            (b"/Rect[0 0 0 0]", b"/Rect[0 0 9 9]"), (b"/F 132", b"/F 004"),
            (b"/Type /Annot", b"/Type /Annou"), (b"/Contents ", b"/Contentt "),
            (b"/MediaBox", b"/CropBoxx"), (b"/Pages ", b"/Pagez "), (b"/Kids", b"/Kidz"),
            (b"/DSS ", b"/DSZ "), (b"/Resources", b"/Resourcez"), (b"trailer\n", b"trailer "),
            (b" n \n", b" f \n"), (b"/Info ", b"/Infa "), (b"endobj", b"endobk"),
        )
    )  # fmt: skip
    assert old in scene.data[begin:]
    at = scene.data.index(old, begin)
    changed = scene.data[:at] + new + scene.data[at + len(old) :]
    first, second = tampering.holes(changed)[-1]
    own = changed[:first] + changed[second:]
    token = scene.court.authorities[scene.victim.archives].token(own, now=scene.victim.now)
    return tampering.with_container(changed, token.hex().encode())


def archive_without_end(scene: Scene) -> bytes:
    """More revisions behind a seal than there will ever be."""
    assert not scene.victim.archives
    data = scene.data
    for _ in range(33):
        waiting = archive.prepared(data, archive.added(data, 10**6), 40)
        data = waiting.closed(b"\x30\x03\x02\x01\x01")
    return data


UPDATES: Mapping[str, Attack] = {
    **{name: updated(known(each)) for name, each in tampering.UPDATES.items()},
    **{
        each.__name__: updated(each)
        for each in (
            signature_emptied, signature_elsewhere, evil_annotation, sneaky_signature,
            hidden_layer, font_replaced, pages_exchanged, form_by_xfa, version_raised,
            trailing_action,
        )
    },
}  # fmt: skip

CRAFTED: Mapping[str, Attack] = {
    each.__name__: each
    for each in (
        by_table, by_stream, by_object_stream, by_hybrid, led_elsewhere, freed, without_history,
        turned_back, trailer_moved, another_catalog, other_identity,
    )
}  # fmt: skip

REWRITTEN: Mapping[str, Attack] = {
    each.__name__: each for each in (saved_by_pikepdf, saved_by_pypdf, joined_with_another)
}

#: what cannot be read in one way alone is not archived
NEVER_ARCHIVED = frozenset({"by_hybrid", "without_history"})
ARCHIVES: Mapping[str, Attack] = {
    **{
        f"{name}_and_archived": archived_by_anybody(each)
        for name, each in (
            *((name, each) for name, each in CRAFTED.items() if name not in NEVER_ARCHIVED),
            ("flipped", EDITS["flipped"]),
            *((name, UPDATES[name]) for name in (
                "evil_annotation", "signature_emptied", "hidden_layer", "validation_data",
                "nothing",
            )),
        )
    },
    **{
        each.__name__: each
        for each in (stamp_of_another, middle_left_out, archive_changed, archive_without_end)
    },
}  # fmt: skip
