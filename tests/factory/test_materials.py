"""Uploaded materials: what is taken, and what is refused with a reason a clerk can read.

Each refusal is made from a material that is taken, by one change.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from copy import copy

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, Pdf, Stream, String
from PIL import Image, ImageDraw
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from factory import materials, specimen
from factory.errors import MaterialError
from factory.materials import Looked
from factory.profile import Material

RULES = Material(id="signed_form", title="已签字的注册申请表", signed=True)
A4_PT, A4_PX = (595, 842), (827, 1169)
SCAN = specimen.scan("the signed form")
Change = Callable[[Pdf], object]


def looked(data: bytes, **rules: object) -> Looked:
    return materials.check(data, RULES.model_copy(update=rules))


def refusal(data: bytes, **rules: object) -> str:
    with pytest.raises(MaterialError) as refused:
        looked(data, **rules)
    return str(refused.value)


def changed(change: Change, **how: object) -> bytes:
    """The scan with one change, as pikepdf writes it."""
    with pikepdf.open(io.BytesIO(SCAN)) as pdf:
        change(pdf)
        return saved(pdf, **how)


def saved(pdf: Pdf, **how: object) -> bytes:
    out = io.BytesIO()
    pdf.save(out, **how)  # type: ignore[arg-type]
    return out.getvalue()


def packed(change: Change) -> bytes:
    """The same with all objects in object streams."""
    return changed(change, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def picture(size: tuple[int, int] = A4_PX, kind: str = "JPEG", mode: str = "L") -> bytes:
    image = Image.new(mode, size, "white")
    ImageDraw.Draw(image).text((50, 50), "signed", fill=0)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def drawn(pages: int = 1, size: tuple[float, float] = A4_PT, words: str = "contract") -> bytes:
    """Pages as reportlab draws them."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size, invariant=True)
    for _ in range(pages):
        canvas.drawString(20, size[1] / 2, words)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def script(code: str = "app.alert(1)") -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=String(code))


def annotation(kind: str, **more: object) -> Dictionary:
    box = Array([90, 90, 300, 120])
    return Dictionary(Type=Name.Annot, Subtype=Name("/" + kind), Rect=box, **more)


def with_annotation(found: Dictionary) -> Change:
    return lambda pdf: pdf.pages[0].obj.__setitem__(
        "/Annots", Array([pdf.make_indirect(copy(found))])
    )


def with_root(key: str, value: object) -> Change:
    return lambda pdf: pdf.Root.__setitem__(key, pdf.make_indirect(copy(value)))


# --- what is taken ----------------------------------------------------------------------------


def a_scanner_made_it() -> bytes:
    """Pictures of whole pages, nothing else, as scanners write them."""
    out = io.BytesIO()
    page = Image.open(io.BytesIO(picture()))
    page.save(out, "PDF", save_all=True, append_images=[page], resolution=100)
    return out.getvalue()


def a_bilevel_scanner_made_it() -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(picture())).convert("1").save(out, "PDF", resolution=100)
    return out.getvalue()


def a_picture_was_laid_on_a_page() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4_PT)
    canvas.drawImage(ImageReader(io.BytesIO(picture(kind="PNG", mode="RGB"))), 0, 0, *A4_PT)
    canvas.linkURL("https://example.invalid/", (10, 10, 50, 50))
    canvas.bookmarkPage("one")
    canvas.addOutlineEntry("one", "one")
    canvas.save()
    return out.getvalue()


def a_printer_queue_made_it() -> bytes:
    """Linearised, of version 1.3, with its metadata, as spoolers write it."""
    with pikepdf.open(io.BytesIO(drawn(2))) as pdf:
        with pdf.open_metadata() as metadata:
            metadata["xmp:CreatorTool"] = "spooler"
        return saved(pdf, linearize=True, force_version="1.3")


def an_office_made_it() -> bytes:
    """Tagged, in object streams, opening at its first page."""

    def tagged(pdf: Pdf) -> None:
        tree = Dictionary(
            Type=Name.StructTreeRoot, K=Dictionary(Type=Name.StructElem, S=Name.Document),
            RoleMap=Dictionary(JS=Name.P, AA=Name.Span),
        )  # fmt: skip
        pdf.Root.StructTreeRoot = pdf.make_indirect(tree)
        pdf.Root.OpenAction = Array([pdf.pages[0].obj, Name.Fit])
        pdf.Root.AcroForm = Dictionary(Fields=Array([]))
        pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)

    return packed(tagged)


@pytest.mark.parametrize(
    ("made", "pages"),
    [
        (a_scanner_made_it, 2),
        (a_bilevel_scanner_made_it, 1),
        (a_picture_was_laid_on_a_page, 1),
        (a_printer_queue_made_it, 2),
        (an_office_made_it, 1),
    ],
)
def test_a_pdf_of_any_honest_producer_is_taken(made: Callable[[], bytes], pages: int) -> None:
    found = looked(made())

    assert (found.format, found.pages, found.content_type) == ("pdf", pages, "application/pdf")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_taken_as_what_it_is(kind: str) -> None:
    found = looked(picture(kind=kind))

    assert (found.format, found.pages, found.blank) == (kind.lower(), 1, ())


def test_the_synthetic_scan_is_the_same_every_time() -> None:
    again = specimen.scan.__wrapped__("the signed form")

    assert again == SCAN != specimen.scan("another form")
    assert looked(SCAN) == Looked(format="pdf")


def test_a_link_to_a_page_or_a_website_is_taken() -> None:
    link = annotation("Link", A=Dictionary(S=Name.URI, URI=String("https://example.invalid/")))

    assert looked(changed(with_annotation(link))).pages == 1


# --- type, size, pages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(99), "a GIF file"),
        (b"PK\x03\x04" + bytes(99), "a ZIP or Office file"),
        (b"II*\x00" + bytes(99), "a TIFF file"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(99), "a HEIC file"),
        (b"<html><script>", "no PDF, JPEG or PNG"),
        (b"\n" + SCAN, "no PDF, JPEG or PNG"),
    ],
)
def test_another_kind_of_file_is_named_whatever_it_is_called(data: bytes, told: str) -> None:
    reason = refusal(data)

    assert told in reason
    assert "文件类型" in reason and "send PDF, JPEG, PNG" in reason


def test_a_kind_the_profile_does_not_take_is_refused() -> None:
    assert "is a PNG" in refusal(picture(kind="PNG"), formats=("pdf", "jpeg"))
    assert looked(picture(kind="PNG"), formats=("png",)).format == "png"


def test_a_file_may_be_as_large_as_the_profile_says_and_no_byte_more() -> None:
    assert looked(SCAN, most_bytes=len(SCAN)).pages == 1
    assert "文件过大" in refusal(SCAN, most_bytes=len(SCAN) - 1)


def test_a_pdf_may_have_as_many_pages_as_the_profile_says_and_no_more() -> None:
    assert looked(drawn(3), most_pages=3).pages == 3
    assert "has 3 pages, 2 at most (页数过多)" in refusal(drawn(3), most_pages=2)


def test_a_pdf_without_pages_is_refused() -> None:
    with Pdf.new() as empty:
        assert "没有页面" in refusal(saved(empty)) or "无法显示" in refusal(saved(empty))


def test_an_empty_page_is_taken_and_told() -> None:
    with pikepdf.open(io.BytesIO(SCAN)) as pdf:
        pdf.add_blank_page(page_size=A4_PT)
        found = looked(saved(pdf))

    assert (found.pages, found.blank) == (2, (2,))


@pytest.mark.parametrize("size", [(240, 150), (14_400, 10_000)])
def test_a_page_of_any_size_of_paper_is_taken(size: tuple[float, float]) -> None:
    assert looked(drawn(size=size)).pages == 1


@pytest.mark.parametrize("size", [(90, 150), (842, 14_401)])
def test_a_page_too_small_or_too_large_is_refused(size: tuple[float, float]) -> None:
    assert "page 1 of the PDF" in refusal(drawn(size=size))


# --- pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_too_small_to_be_read_is_refused(kind: str) -> None:
    assert looked(picture((640, 480), kind)).pages == 1
    assert "图片过小" in refusal(picture((640, 479), kind))
    assert "图片过小" in refusal(picture((639, 480), kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_that_is_broken_off_is_refused(kind: str) -> None:
    whole = picture(kind=kind)

    assert "图片无法使用" in refusal(whole[: len(whole) // 2])


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    assert "more than 40000000 pixels" in refusal(picture((8000, 5001), "PNG", "1"))


def test_a_picture_of_nothing_is_taken_and_told() -> None:
    out = io.BytesIO()
    Image.new("L", A4_PX, 255).save(out, "PNG")

    assert looked(out.getvalue()).blank == (1,)


# --- what a PDF may not hold ------------------------------------------------------------------

SCRIPT, ACTION, FORM, LAYERS = "脚本", "自动操作", "表单域", "可选图层"
FILE, MEDIA, MARK, CHANGING, SIGNED = "附件", "多媒体", "批注、图章", "可变内容", "电子签名"


def in_the_name_tree(pdf: Pdf) -> None:
    tree = Dictionary(Names=Array([String("a"), pdf.make_indirect(script())]))
    pdf.Root.Names = Dictionary(JavaScript=pdf.make_indirect(tree))


def after_a_link(pdf: Pdf) -> None:
    going = Dictionary(S=Name.GoTo, D=Array([pdf.pages[0].obj, Name.Fit]), Next=script())
    with_annotation(annotation("Link", A=going))(pdf)


def in_an_outline(pdf: Pdf) -> None:
    item = pdf.make_indirect(Dictionary(Title=String("one"), A=pdf.make_indirect(script())))
    pdf.Root.Outlines = pdf.make_indirect(Dictionary(First=item, Last=item, Count=1))


def in_a_stream(pdf: Pdf) -> None:
    code = pdf.make_stream(b"app.alert(1)")
    pdf.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=code)


def behind_an_escaped_name(pdf: Pdf) -> None:
    pdf.Root[Name("/OpenAction")] = Dictionary({"/S": Name("/JavaScript"), "/JS": String("1")})


def on_a_hidden_page(pdf: Pdf) -> None:
    """Not in the page tree, but reached from a link."""
    page = pdf.make_indirect(Dictionary(Type=Name.Page, AA=Dictionary(O=script())))
    with_annotation(annotation("Link", Dest=Array([page, Name.Fit])))(pdf)


def under_a_font_and_a_link(pdf: Pdf) -> None:
    """Names that somebody made up do not hide what is used elsewhere too."""
    held = pdf.make_indirect(script())
    pdf.pages[0].obj.Resources.Font = held
    with_annotation(annotation("Link", A=held))(pdf)


def a_field(pdf: Pdf, **more: object) -> None:
    field = pdf.make_indirect(annotation("Widget", FT=Name.Tx, T=String("name"), **more))
    pdf.Root.AcroForm = Dictionary(Fields=Array([field]))
    pdf.pages[0].obj.Annots = Array([field])


def a_field_of_no_page(pdf: Pdf) -> None:
    field = pdf.make_indirect(Dictionary(FT=Name.Tx, T=String("name")))
    pdf.Root.AcroForm = Dictionary(Fields=Array([field]))


def xfa(pdf: Pdf) -> None:
    pdf.Root.AcroForm = Dictionary(Fields=Array([]), XFA=pdf.make_stream(b"<xdp/>"))


def a_signature(pdf: Pdf) -> None:
    value = Dictionary(Type=Name.Sig, ByteRange=Array([0, 1, 2, 3]), Contents=String("x"))
    field = Dictionary(FT=Name.Sig, T=String("s"), V=pdf.make_indirect(copy(value)))
    pdf.Root.AcroForm = Dictionary(Fields=Array([pdf.make_indirect(field)]), SigFlags=3)


def a_certification(pdf: Pdf) -> None:
    pdf.Root.Perms = Dictionary(DocMDP=pdf.make_indirect(Dictionary(Type=Name.Sig)))


def a_layer(pdf: Pdf) -> None:
    group = pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String("paid")))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(ON=Array([group])))


def a_picture_in_a_layer(pdf: Pdf) -> None:
    pdf.pages[0].obj.Resources.XObject.Scan.OC = Dictionary(Type=Name.OCG, Name=String("x"))


def a_file(pdf: Pdf) -> None:
    pdf.attachments["virus.exe"] = b"MZ"


def a_printed_alternate(pdf: Pdf) -> None:
    scan = pdf.pages[0].obj.Resources.XObject.Scan
    scan.Alternates = Array([Dictionary(Image=scan, DefaultForPrinting=True)])


def a_page_from_elsewhere(pdf: Pdf) -> None:
    form = pdf.make_stream(b"")
    form.Subtype, form.BBox = Name.Form, Array([0, 0, 9, 9])
    form.Ref = Dictionary(F=String("other.pdf"), Page=0)
    pdf.pages[0].obj.Resources.XObject.Other = form


def postscript(pdf: Pdf) -> None:
    stream = pdf.make_stream(b"showpage")
    stream.Type, stream.Subtype = Name.XObject, Name.PS
    pdf.pages[0].obj.Resources.XObject.Other = stream


def doing(kind: str, **more: object) -> Change:
    """A link that does something when it is clicked."""
    return with_annotation(annotation("Link", A=Dictionary(S=Name("/" + kind), **more)))


CHANGES: dict[str, tuple[Change, str]] = {
    "a script in the name tree": (in_the_name_tree, SCRIPT),
    "a script at the opening": (with_root("/OpenAction", script()), SCRIPT),
    "a script that follows a link": (after_a_link, SCRIPT),
    "a script in an outline": (in_an_outline, SCRIPT),
    "a script in a stream": (in_a_stream, SCRIPT),
    "a script behind names": (behind_an_escaped_name, SCRIPT),
    "a script on a hidden page": (on_a_hidden_page, SCRIPT),
    "a script under a made-up name": (under_a_font_and_a_link, SCRIPT),
    "a script as an address": (doing("URI", URI=String(" java\tscript:x()")), SCRIPT),
    "postscript": (postscript, SCRIPT),
    "a page that acts": (lambda pdf: pdf.pages[0].obj.__setitem__(
        "/AA", Dictionary(O=Dictionary(S=Name.URI, URI=String("https://example.invalid/")))
    ), ACTION),
    "a website at the opening": (with_root(
        "/OpenAction", Dictionary(S=Name.URI, URI=String("https://example.invalid/"))
    ), ACTION),
    "printing at the opening": (with_root(
        "/OpenAction", Dictionary(S=Name.Named, N=Name.Print)
    ), ACTION),
    "a program": (doing("Launch", F=String("cmd.exe")), ACTION),
    "a form that is sent": (doing("SubmitForm", F=String("https://example.invalid/")), ACTION),
    "data that is read in": (doing("ImportData", F=String("x.fdf")), ACTION),
    "another document": (doing("GoToR", F=String("x.pdf"), D=Array([0, Name.Fit])), ACTION),
    "a document within": (doing("GoToE", T=Dictionary(R=Name.C)), ACTION),
    "hiding": (doing("Hide", T=String("x")), ACTION),
    "switching layers": (doing("SetOCGState", State=Array([])), LAYERS),
    "a form field": (a_field, FORM),
    "a form field of no page": (a_field_of_no_page, FORM),
    "an XFA form": (xfa, FORM),
    "a widget without a form": (with_annotation(annotation("Widget")), FORM),
    "layers": (a_layer, LAYERS),
    "a picture in a layer": (a_picture_in_a_layer, LAYERS),
    "a file": (a_file, FILE),
    "a file at a place": (with_annotation(annotation("FileAttachment")), FILE),
    "a portfolio": (with_root("/Collection", Dictionary(View=Name.T)), FILE),
    "a film": (with_annotation(annotation("Movie")), MEDIA),
    "a screen": (with_annotation(annotation("Screen")), MEDIA),
    "3D": (with_annotation(annotation("3D")), MEDIA),
    "rich media": (with_annotation(annotation("RichMedia")), MEDIA),
    "a stamp": (with_annotation(annotation("Stamp")), MARK),
    "free text": (with_annotation(annotation("FreeText", Contents=String("paid"))), MARK),
    "ink": (with_annotation(annotation("Ink")), MARK),
    "a redaction to come": (with_annotation(annotation("Redact")), MARK),
    "a note": (with_annotation(annotation("Text")), MARK),
    "an annotation of no kind known": (with_annotation(annotation("New")), MARK),
    "a link that draws": (lambda pdf: with_annotation(
        annotation("Link", AP=Dictionary(N=pdf.make_stream(b"")))
    )(pdf), MARK),
    "another picture in print": (a_printed_alternate, CHANGING),
    "a page from elsewhere": (a_page_from_elsewhere, CHANGING),
    "a signature": (a_signature, SIGNED),
    "a certification": (a_certification, SIGNED),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("written", [changed, packed], ids=["plain", "in object streams"])
def test_what_is_more_than_paper_is_refused(name: str, written: Callable[[Change], bytes]) -> None:
    change, word = CHANGES[name]

    reason = refusal(written(change))

    assert reason.startswith("material: the PDF holds ") and word in reason
    assert reason.endswith("print it to a new PDF, or scan it")


def test_the_same_file_without_a_change_is_taken_however_it_is_written() -> None:
    assert looked(changed(lambda pdf: None)) == looked(packed(lambda pdf: None)) == looked(SCAN)


def updated(number: int, content: bytes) -> bytes:
    """The scan with an update at its end (ISO 32000-1, 7.5.6) that writes one object anew."""
    place, before = len(SCAN), int(SCAN.split(b"startxref\n")[1].split(b"\n")[0])
    new = b"%d 0 obj\n%b\nendobj\n" % (number, content)
    return (
        SCAN
        + new
        + (
            b"xref\n%d 1\n%010d 00000 n \ntrailer\n<< /Size 7 /Root 1 0 R /Prev %d >>\n"
            b"startxref\n%d\n%%%%EOF\n" % (number, place, before, place + len(new))
        )
    )


def test_what_nothing_refers_to_does_no_harm() -> None:
    assert looked(updated(6, b"<< /S /JavaScript /JS (app.alert) >>")).pages == 1


def test_a_script_in_an_update_of_the_catalog_is_found() -> None:
    catalog = b"<< /Type /Catalog /Pages 2 0 R %b >>"

    assert looked(updated(1, catalog % b"")).pages == 1
    assert SCRIPT in refusal(updated(1, catalog % b"/OpenAction << /S /JavaScript /JS (1) >>"))


def test_several_things_are_told_at_once() -> None:
    def both(pdf: Pdf) -> None:
        a_layer(pdf)
        a_file(pdf)

    reason = refusal(changed(both))

    assert LAYERS in reason and FILE in reason


# --- encrypted, damaged, out of proportion ----------------------------------------------------


@pytest.mark.parametrize("password", ["", "secret"])
def test_an_encrypted_pdf_is_refused_even_if_it_opens(password: str) -> None:
    lock = pikepdf.Encryption(owner="owner", user=password)

    assert "加密" in refusal(changed(lambda pdf: None, encryption=lock))


def test_a_pdf_that_is_broken_off_is_refused() -> None:
    assert "文件损坏" in refusal(SCAN[: len(SCAN) // 2])


def test_a_key_given_twice_is_refused_for_readers_differ() -> None:
    twice = SCAN.replace(b"/Type /Catalog ", b"/Type/Catalog/AA 9 0 R /AA null ", 1)

    assert "文件损坏" in refusal(twice)


def bomb(pdf: Pdf) -> None:
    """A page of a hundred megabytes in a hundred kilobytes."""
    pdf.pages[0].obj.Contents = Stream(pdf, b"")
    pdf.pages[0].obj.Contents.write(
        zlib.compress(bytes(100_000_000)), filter=Name.FlateDecode, type_check=False
    )


def bomb_in_a_bomb(pdf: Pdf) -> None:
    pdf.pages[0].obj.Contents.write(
        zlib.compress(zlib.compress(bytes(100_000_000))),
        filter=Array([Name.FlateDecode, Name.FlateDecode]),
        type_check=False,
    )


def laughing(pdf: Pdf) -> None:
    """A form that draws a form ten times, which draws a form ten times, and so on."""
    inner = pdf.make_stream(b"0 0 9 9 re f")
    inner.Subtype, inner.BBox = Name.Form, Array([0, 0, 9, 9])
    for _ in range(9):
        outer = pdf.make_stream(b"/F Do " * 10)
        outer.Subtype, outer.BBox = Name.Form, Array([0, 0, 9, 9])
        outer.Resources = Dictionary(XObject=Dictionary(F=inner))
        inner = outer
    pdf.pages[0].obj.Resources.XObject.Scan = inner


def drawing_itself(pdf: Pdf) -> None:
    form = pdf.make_stream(b"/F Do")
    form.Subtype, form.BBox = Name.Form, Array([0, 0, 9, 9])
    form.Resources = Dictionary(XObject=Dictionary(F=form))
    pdf.pages[0].obj.Resources.XObject.Scan = form


def a_huge_picture(pdf: Pdf) -> None:
    pdf.pages[0].obj.Resources.XObject.Scan.Width = 100_000


def a_huge_inline_picture(pdf: Pdf) -> None:
    pdf.pages[0].obj.Contents.write(b"BI /W 90000 /H 90000 /BPC 1 /IM true ID x EI")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (bomb, "unpacks to far more"),
        (bomb_in_a_bomb, "unpacks to far more"),
        (laughing, "without end"),
        (drawing_itself, "without end"),
        (a_huge_picture, "more than 40000000 pixels"),
        (a_huge_inline_picture, "more than 40000000 pixels"),
    ],
)
def test_a_small_file_that_becomes_large_work_is_refused(change: Change, told: str) -> None:
    how = {"compress_streams": False, "stream_decode_level": pikepdf.StreamDecodeLevel.none}

    assert told in refusal(changed(change, **how))


def test_a_form_that_is_drawn_often_is_taken() -> None:
    def letterhead(pdf: Pdf) -> None:
        form = pdf.make_stream(b"0 0 9 9 re f")
        form.Type, form.Subtype, form.BBox = Name.XObject, Name.Form, Array([0, 0, 9, 9])
        pdf.pages[0].obj.Resources.XObject.F = form
        pdf.pages[0].obj.Contents.write(b"/F Do " * 1000)

    assert looked(changed(letterhead)).pages == 1


def test_deep_nesting_is_refused_and_breaks_nothing() -> None:
    deep = SCAN.replace(b"/Type /Catalog ", b"/Deep " + b"[" * 20_000 + b" ", 1)

    assert "文件损坏" in refusal(deep)


def test_a_file_of_nothing_but_numbers_is_refused_before_it_is_read_whole() -> None:
    catalog = b"<< /Type /Catalog /Pages 2 0 R /Numbers [%b] >>"

    assert looked(updated(1, catalog % (b"1 " * 1000))).pages == 1
    assert "far more than its size" in refusal(updated(1, catalog % (b"1 " * 1_000_000)))


def whole_files() -> list[bytes]:
    return [
        SCAN, picture(), picture(kind="PNG"), drawn(2), an_office_made_it(),
        a_printer_queue_made_it(), packed(a_field), changed(a_signature),
    ]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_the_bytes_are_it_is_taken_or_refused_with_a_reason(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(whole_files())))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(file) - 1))
        new = data.draw(st.one_of(st.binary(max_size=4), st.sampled_from(WORDS)))
        file[place : place + data.draw(st.integers(0, 8))] = new

    try:
        assert looked(bytes(file)).pages >= 1
    except MaterialError as refused:
        assert str(refused).startswith("material: ")


WORDS = [
    b"<<", b">>", b"[", b"]", b"(", b"null", b" 0 R", b"1 0 R", b"/", b"-1", b"99999999999",
    b"stream", b"endobj", b"%%EOF", b"\x00", b"/Kids", b"/Parent", b"/Length", b"1e400",
]  # fmt: skip
