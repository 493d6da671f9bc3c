"""What can be done to a signed form without a key: each changes what somebody put their name to."""

import re
from collections.abc import Callable
from io import BytesIO

import pikepdf
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    StreamObject,
    pdf_name,
    pdf_string,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from factory.seals.selfcheck import BYTE_RANGE
from tests.factory.forging import append_with_fitting_sums

Tamper = Callable[[bytes], bytes]
Change = Callable[[IncrementalPdfFileWriter], None]


def appended(change: Change) -> Tamper:
    """An incremental update, as any editor would write it."""

    def tamper(signed: bytes) -> bytes:
        writer = IncrementalPdfFileWriter(BytesIO(signed))
        change(writer)
        target = BytesIO()
        writer.write(target)
        return target.getvalue()

    return tamper


def in_place(pattern: bytes, new: bytes, place: int = 0) -> Tamper:
    """Bytes exchanged for as many; place: which of those that are found."""

    def tamper(signed: bytes) -> bytes:
        found = list(re.finditer(pattern, signed))[place]
        assert len(new) == found.end() - found.start()
        return signed[: found.start()] + new + signed[found.end() :]

    return tamper


def dictionary(**entries: object) -> DictionaryObject:
    return DictionaryObject({pdf_name(f"/{key}"): value for key, value in entries.items()})


def stream(data: bytes, **entries: object) -> StreamObject:
    return StreamObject(dict(dictionary(**entries)), stream_data=data)


def page_of(writer: IncrementalPdfFileWriter) -> DictionaryObject:
    return writer.root["/Pages"]["/Kids"][0]  # type: ignore[no-any-return]


def field_of(writer: IncrementalPdfFileWriter, *, signed: bool) -> DictionaryObject:
    """The first that is signed, or the last of all."""
    fields = [each.get_object() for each in writer.root["/AcroForm"]["/Fields"]]
    return next((each for each in fields if "/V" in each), fields[-1]) if signed else fields[-1]


def new_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    page = dictionary(
        Type=pdf_name("/Page"),
        Parent=writer.root.raw_get("/Pages"),
        MediaBox=ArrayObject([NumberObject(side) for side in (0, 0, 595, 842)]),
    )
    pages["/Kids"].append(writer.add_object(page))
    pages[pdf_name("/Count")] = NumberObject(len(pages["/Kids"]))
    writer.update_container(pages)


def new_annotation(writer: IncrementalPdfFileWriter) -> None:
    page = page_of(writer)
    note = dictionary(
        Type=pdf_name("/Annot"),
        Subtype=pdf_name("/FreeText"),
        Rect=ArrayObject([NumberObject(side) for side in (50, 50, 200, 100)]),
        Contents=pdf_string("approved"),
    )
    page["/Annots"].append(writer.add_object(note))
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def new_field(writer: IncrementalPdfFileWriter) -> None:
    form = writer.root["/AcroForm"]
    text = dictionary(FT=pdf_name("/Tx"), T=pdf_string("More"), V=pdf_string("more"))
    form["/Fields"].append(writer.add_object(text))
    writer.update_container(form)


def new_signature_field(writer: IncrementalPdfFileWriter) -> None:
    form = writer.root["/AcroForm"]
    form["/Fields"].append(
        writer.add_object(dictionary(FT=pdf_name("/Sig"), T=pdf_string("Third")))
    )
    writer.update_container(form)


def field_value(writer: IncrementalPdfFileWriter) -> None:
    field = field_of(writer, signed=False)
    field[pdf_name("/V")] = pdf_string("agreed")
    writer.update_container(field)


def page_contents(writer: IncrementalPdfFileWriter) -> None:
    page = page_of(writer)
    page[pdf_name("/Contents")] = writer.add_object(stream(b"0 0 9 9 re f"))
    writer.update_container(page)


def page_turned(writer: IncrementalPdfFileWriter) -> None:
    page = page_of(writer)
    page[pdf_name("/Rotate")] = NumberObject(180)
    writer.update_container(page)


def appearance(writer: IncrementalPdfFileWriter) -> None:
    field = field_of(writer, signed=True)
    other = stream(
        b"0 0 9 9 re f",
        Type=pdf_name("/XObject"),
        Subtype=pdf_name("/Form"),
        BBox=ArrayObject([NumberObject(side) for side in (0, 0, 9, 9)]),
    )
    field[pdf_name("/AP")] = dictionary(N=writer.add_object(other))
    writer.update_container(field)


def appearance_stream(writer: IncrementalPdfFileWriter) -> None:
    shown = field_of(writer, signed=True)["/AP"]["/N"]
    shown._data = b"0 0 9 9 re f"
    shown._encoded_data = None
    writer.update_container(shown)


def widget_moved(writer: IncrementalPdfFileWriter) -> None:
    field = field_of(writer, signed=True)
    field[pdf_name("/Rect")] = ArrayObject([FloatObject(side) for side in (9, 9, 99, 99)])
    writer.update_container(field)


def widget_hidden(writer: IncrementalPdfFileWriter) -> None:
    field = field_of(writer, signed=True)
    field[pdf_name("/F")] = NumberObject(2)
    writer.update_container(field)


def value_removed(writer: IncrementalPdfFileWriter) -> None:
    field = field_of(writer, signed=True)
    del field[pdf_name("/V")]
    writer.update_container(field)


def last_value_removed(writer: IncrementalPdfFileWriter) -> None:
    fields = [each.get_object() for each in writer.root["/AcroForm"]["/Fields"]]
    field = [each for each in fields if "/V" in each][-1]
    del field[pdf_name("/V")]
    writer.update_container(field)


def second_in_the_same_field(writer: IncrementalPdfFileWriter) -> None:
    """The signature dictionary once more, under another number, with other words."""
    field = field_of(writer, signed=True)
    copy = DictionaryObject(field["/V"])
    copy[pdf_name("/Reason")] = pdf_string("approved")
    field[pdf_name("/V")] = writer.add_object(copy)
    writer.update_container(field)


def same_name_again(writer: IncrementalPdfFileWriter) -> None:
    """A second field of the name, with the signature of the first."""
    form = writer.root["/AcroForm"]
    field = field_of(writer, signed=True)
    twin = dictionary(FT=pdf_name("/Sig"), T=field["/T"], V=field.raw_get("/V"))
    form["/Fields"].append(writer.add_object(twin))
    writer.update_container(form)


def permission_raised(writer: IncrementalPdfFileWriter) -> None:
    signature = field_of(writer, signed=True)["/V"]
    terms = signature["/Reference"][0]["/TransformParams"]
    terms[pdf_name("/P")] = NumberObject(3)
    writer.update_container(signature)


def certification_forgotten(writer: IncrementalPdfFileWriter) -> None:
    del writer.root[pdf_name("/Perms")]
    writer.update_root()


def attachment(writer: IncrementalPdfFileWriter) -> None:
    file = writer.add_object(stream(b"{}", Type=pdf_name("/EmbeddedFile")))
    spec = dictionary(Type=pdf_name("/Filespec"), F=pdf_string("b.json"), EF=dictionary(F=file))
    writer.root[pdf_name("/AF")] = ArrayObject([writer.add_object(spec)])
    writer.update_root()


def script(writer: IncrementalPdfFileWriter) -> None:
    action = dictionary(S=pdf_name("/JavaScript"), JS=pdf_string("app.alert(1)"))
    writer.root[pdf_name("/OpenAction")] = writer.add_object(action)
    writer.update_root()


def script_by_name(writer: IncrementalPdfFileWriter) -> None:
    action = dictionary(S=pdf_name("/JavaScript"), JS=pdf_string("app.alert(1)"))
    tree = dictionary(Names=ArrayObject([pdf_string("a"), writer.add_object(action)]))
    writer.root["/Names"][pdf_name("/JavaScript")] = tree
    writer.update_root()


def metadata(writer: IncrementalPdfFileWriter) -> None:
    kept = writer.root["/Metadata"]
    kept._data = kept.data.replace(b"<dc:title>", b"<dc:title >")
    kept._encoded_data = None
    writer.update_container(kept)


def description(writer: IncrementalPdfFileWriter) -> None:
    writer.set_info(dictionary(Title=pdf_string("another form")))


def optional_content(writer: IncrementalPdfFileWriter) -> None:
    group = writer.add_object(dictionary(Type=pdf_name("/OCG"), Name=pdf_string("hidden")))
    writer.root[pdf_name("/OCProperties")] = dictionary(
        OCGs=ArrayObject([group]), D=dictionary(OFF=ArrayObject([group]))
    )
    writer.update_root()


def appearances_anew(writer: IncrementalPdfFileWriter) -> None:
    form = writer.root["/AcroForm"]
    form[NameObject("/NeedAppearances")] = BooleanObject(True)
    writer.update_container(form)


def validation_data(writer: IncrementalPdfFileWriter) -> None:
    """What a long-term profile would add; a form has none."""
    certificate = writer.add_object(stream(b"0\x03\x02\x01\x05"))
    writer.root[pdf_name("/DSS")] = writer.add_object(dictionary(Certs=ArrayObject([certificate])))
    writer.update_root()


def nothing(writer: IncrementalPdfFileWriter) -> None:
    """Another revision with the same page in it."""
    writer.update_container(page_of(writer))


def saved_again(signed: bytes) -> bytes:
    target = BytesIO()
    with pikepdf.open(BytesIO(signed)) as document:
        document.save(target)
    return target.getvalue()


def linearised(signed: bytes) -> bytes:
    target = BytesIO()
    with pikepdf.open(BytesIO(signed)) as document:
        document.save(target, linearize=True)
    return target.getvalue()


def cut_short(signed: bytes) -> bytes:
    return signed[:-20]


def page_flipped(signed: bytes) -> bytes:
    """A bit of the first page's content."""
    with pikepdf.open(BytesIO(signed)) as document:
        content = document.pages[0].Contents
        raw = (content[0] if isinstance(content, pikepdf.Array) else content).read_raw_bytes()
    place = signed.index(raw) + len(raw) // 2
    return signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]


def description_flipped(signed: bytes) -> bytes:
    """A byte of the first revision."""
    return in_place(rb"<dc:title>", b"<dc:title ")(signed)


def holes(signed: bytes) -> list[tuple[int, int]]:
    return [(int(first), int(second)) for _, first, second, _ in BYTE_RANGE.findall(signed)]


def with_container(signed: bytes, digits: bytes, place: int = -1) -> bytes:
    """Another container in one of the holes, as far as there is room."""
    first, second = holes(signed)[place]
    room = second - first - 2
    return signed[: first + 1] + digits[:room].ljust(room, b"0") + signed[second - 1 :]


def container_digits(signed: bytes, place: int = -1) -> bytes:
    first, second = holes(signed)[place]
    return signed[first + 1 : second - 1]


def container_flipped(signed: bytes) -> bytes:
    """In the middle of the signature."""
    digits = container_digits(signed).rstrip(b"0")
    place = len(digits) - 20
    other = b"0" if digits[place : place + 1] != b"0" else b"1"
    return with_container(signed, digits[:place] + other + digits[place + 1 :])


def container_emptied(signed: bytes) -> bytes:
    return with_container(signed, b"")


def something_behind_the_container(signed: bytes) -> bytes:
    return with_container(signed, container_digits(signed)[:-4] + b"beef")


def blanks_in_the_hole(signed: bytes) -> bytes:
    return with_container(signed, container_digits(signed)[:-4] + b"    ")


def containers_swapped(signed: bytes) -> bytes:
    first, last = container_digits(signed, 0), container_digits(signed, -1)
    return with_container(with_container(signed, last, 0), first, -1)


def wider_hole(signed: bytes) -> bytes:
    """The byte range moved, so that it leaves out more than the container."""
    place = [found.span() for found in BYTE_RANGE.finditer(signed)][-1]
    _, first, second, length = (int(each) for each in BYTE_RANGE.findall(signed)[-1])
    new = b"/ByteRange [0 %d %d %d]" % (first, second + 10, length - 10)
    room = place[1] - place[0]
    assert len(new) <= room
    return signed[: place[0]] + new.ljust(room) + signed[place[1] :]


#: What any editor does, as an update behind the signatures.
UPDATES: dict[str, Change] = {
    each.__name__: each
    for each in (
        new_page, new_annotation, new_field, new_signature_field, field_value, page_contents,
        page_turned, appearance, appearance_stream, widget_moved, widget_hidden, value_removed,
        last_value_removed, second_in_the_same_field, same_name_again, permission_raised,
        certification_forgotten, attachment, script, script_by_name, metadata, description,
        optional_content,
        appearances_anew, validation_data, nothing,
    )
}  # fmt: skip

#: What is done to the bytes.
EDITS: dict[str, Tamper] = {
    "page_flipped": page_flipped,
    "description_flipped": description_flipped,
    "another_time": in_place(rb"\(D\\0722026", rb"(D\0722025"),
    "permission_in_place": in_place(rb"/P [12](?=\s*>>)", b"/P 3"),
    "field_renamed": in_place(rb"EnterpriseSeal", b"EnterpriseSeaI"),
    "box_widened": in_place(rb"/Rect \[", b"/Rect[ "),
    "saved_again": saved_again,
    "linearised": linearised,
    "cut_short": cut_short,
    "something_before": lambda signed: b"%\n" + signed,
    "something_behind": lambda signed: signed + b"\n%",
    "another_end": lambda signed: signed + b"\n%%EOF\n",
    "container_flipped": container_flipped,
    "container_emptied": container_emptied,
    "something_behind_the_container": something_behind_the_container,
    "blanks_in_the_hole": blanks_in_the_hole,
    "wider_hole": wider_hole,
    "sums_that_fit": append_with_fitting_sums,
}

TAMPERS: dict[str, Tamper] = {**{name: appended(each) for name, each in UPDATES.items()}, **EDITS}
