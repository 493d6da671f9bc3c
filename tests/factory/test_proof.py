"""Proof: what a reader that is not ours finds in a drawn document, before it is sealed."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pikepdf
import pytest
from pikepdf import Array, AttachedFileSpec, Dictionary, Name, String

from factory.errors import LintError
from factory.kinds import certificate
from factory.page import extract
from factory.page.fonts import FontBook
from factory.page.marks import Page, Placed, Run
from factory.page.proof import RULES, proof
from factory.page.sheet import Value, layout
from factory.page.watermark import marked
from factory.profile import Profile
from factory.versions import Versions
from factory.writers.pdf import draw
from tests.factory.conftest import CREATED

Values = dict[str, Value]
Change = Callable[[pikepdf.Pdf], None]


@pytest.fixture
def face(new_face: Callable[..., dict[str, object]]) -> dict[str, object]:
    return new_face(name="阿卜杜热合曼·买买提𬭎", professions=6)


@pytest.fixture
def placed(place: Callable[[dict[str, object]], Placed], face: dict[str, object]) -> Placed:
    return place(face)


@pytest.fixture
def values(shanghai: Profile, face: dict[str, object]) -> Values:
    return dict(certificate.values(shanghai, face))


@pytest.fixture
def written(photo: bytes) -> Callable[[Placed], bytes]:
    return lambda placed: draw(
        placed, {"photo": photo}, title="title", licence_id="", created=CREATED
    )


@pytest.fixture
def document(placed: Placed, written: Callable[[Placed], bytes]) -> bytes:
    return written(placed)


def tampered(document: bytes, change: Change) -> bytes:
    target = BytesIO()
    with pikepdf.open(BytesIO(document)) as opened:
        change(opened)
        opened.save(target, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return target.getvalue()


def refused(document: bytes, placed: Placed, values: Values) -> str:
    with pytest.raises(LintError) as caught:
        proof(document, placed, values)
    return str(caught.value)


def with_runs(placed: Placed, change: Callable[[Run], Run]) -> Placed:
    page = placed.pages[0]
    filled = tuple(change(mark) if isinstance(mark, Run) else mark for mark in page.filled)
    return replace(placed, pages=(replace(page, filled=filled),))


def on(slot: str, change: Callable[[Run], Run]) -> Callable[[Run], Run]:
    return lambda run: change(run) if run.slot == slot else run


def test_what_the_writer_writes_breaks_no_rule(
    document: bytes, placed: Placed, values: Values
) -> None:
    proof(document, placed, values)


def test_every_rule_says_why_it_is_there() -> None:
    assert all(rule.__doc__ for rule in RULES)


def test_a_document_saved_by_another_program_breaks_no_rule(
    document: bytes, placed: Placed, values: Values
) -> None:
    proof(tampered(document, lambda opened: None), placed, values)


def test_a_value_that_is_not_on_the_page_is_missed(
    placed: Placed, values: Values, written: Callable[[Placed], bytes]
) -> None:
    other = with_runs(placed, on("holder.name", lambda run: run._replace(text="张三")))

    told = refused(written(other), placed, values)

    assert "holder.name: is not in the document's text" in told
    assert "page 1: its text is not what was placed" in told


def test_a_message_never_holds_the_value(
    placed: Placed, values: Values, written: Callable[[Placed], bytes]
) -> None:
    other = with_runs(placed, on("holder.name", lambda run: run._replace(text="张三")))

    assert "买买提" not in refused(written(other), placed, values)


def test_a_word_more_than_was_placed_is_seen(
    document: bytes, placed: Placed, values: Values
) -> None:
    page = placed.pages[0]
    less = replace(placed, pages=(replace(page, fixed=page.fixed[:-1]),))

    assert refused(document, less, values) == "page 1: its text is not what was placed"


@pytest.mark.parametrize("code", ["MMFMHDBZMKNCQNGJADHQ", "WMWMWMWMWMWMWMWMWMWM"])
def test_a_reader_may_take_another_column_before_a_value_s_second_line(
    new_face: Callable[..., dict[str, object]],
    place: Callable[[dict[str, object]], Placed],
    written: Callable[[Placed], bytes],
    shanghai: Profile,
    code: str,
) -> None:
    """One in thousands of verification codes is so wide: it held its certificate, and its batch."""
    wide = new_face() | {"verification_code": code}
    placed = place(wide)

    proof(written(placed), placed, dict(certificate.values(shanghai, wide)))


def test_a_word_that_is_read_otherwise_is_seen_wherever_it_stands(
    placed: Placed, values: Values, written: Callable[[Placed], bytes]
) -> None:
    other = with_runs(placed, lambda run: run._replace(text=run.text[::-1]))

    assert "its text is not what was placed" in refused(written(other), placed, values)


def test_a_value_may_go_on_on_the_next_page(
    placed: Placed, values: Values, written: Callable[[Placed], bytes]
) -> None:
    """As a long row of a table does: between its halves stand other words."""
    runs = [mark for mark in placed.pages[0].filled if isinstance(mark, Run)]
    lines = [run for run in runs if run.slot == "professions"]
    rest = tuple(mark for mark in placed.pages[0].filled if mark not in lines[3:])
    name = next(run for run in runs if run.slot == "number")
    second = Page(fixed=(name._replace(slot=None),), filled=tuple(lines[3:]))
    long = replace(placed, pages=(replace(placed.pages[0], filled=rest), second))

    proof(written(long), long, values)


def test_a_page_that_is_missing_is_missed(document: bytes, placed: Placed, values: Values) -> None:
    two = replace(placed, pages=placed.pages * 2)

    assert "page: 1 instead of 2" in refused(document, two, values)


def test_what_is_drawn_beyond_the_edge_is_seen(
    placed: Placed, values: Values, written: Callable[[Placed], bytes]
) -> None:
    beyond = with_runs(placed, on("number", lambda run: run._replace(x_mm=180.0)))

    told = refused(written(beyond), beyond, values)

    assert "page 1: something is drawn outside of it" in told


def _without_file(opened: pikepdf.Pdf) -> None:
    for each in opened.objects:
        if isinstance(each, Dictionary) and each.get("/Type") == Name.FontDescriptor:
            del each["/FontFile2"]


def _without_meaning(opened: pikepdf.Pdf) -> None:
    for each in opened.objects:
        if isinstance(each, Dictionary) and "/ToUnicode" in each:
            del each["/ToUnicode"]


def test_a_font_that_is_not_embedded_is_seen(
    document: bytes, placed: Placed, values: Values
) -> None:
    told = refused(tampered(document, _without_file), placed, values)

    assert "LXGWWenKai: is not embedded" in told


def test_glyphs_that_no_character_is_known_for_are_seen(
    document: bytes, placed: Placed, values: Values
) -> None:
    told = refused(tampered(document, _without_meaning), placed, values)

    assert "holder.name: is not in the document's text" in told


def _script(opened: pikepdf.Pdf) -> None:
    opened.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def _form(opened: pikepdf.Pdf) -> None:
    field = Dictionary(FT=Name.Tx, T=String("field"))
    opened.Root.AcroForm = Dictionary(Fields=Array([opened.make_indirect(field)]))


def _link(opened: pikepdf.Pdf) -> None:
    link = Dictionary(
        Type=Name.Annot,
        Subtype=Name.Link,
        Rect=Array([0, 0, 9, 9]),
        A=Dictionary(S=Name.URI, URI=String("https://elsewhere.example/")),
    )
    opened.pages[0].Annots = Array([opened.make_indirect(link)])


def _page_action(opened: pikepdf.Pdf) -> None:
    opened.pages[0].AA = Dictionary(O=Dictionary(S=Name.Named, N=Name.Print))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_script, "document: has JavaScript in it"),
        (_script, "document: has OpenAction in it"),
        (_form, "document: has an interactive form in it"),
        (_link, "document: has annotations in it"),
        (_link, "document: has URI in it"),
        (_page_action, "document: has AA in it"),
    ],
)
def test_what_would_make_a_reader_do_something_is_refused(
    document: bytes, placed: Placed, values: Values, change: Change, told: str
) -> None:
    assert told in refused(tampered(document, change), placed, values)


def _attach(*names: str) -> Change:
    def change(opened: pikepdf.Pdf) -> None:
        for name in names:
            opened.attachments[name] = AttachedFileSpec(opened, b"{}", filename=name)

    return change


def test_the_machine_readable_twin_may_be_attached(
    document: bytes, placed: Placed, values: Values
) -> None:
    proof(tampered(document, _attach("face.json")), placed, values)


@pytest.mark.parametrize("names", [("other.json",), ("face.json", "more.exe")])
def test_nothing_else_may_be_attached(
    document: bytes, placed: Placed, values: Values, names: tuple[str, ...]
) -> None:
    told = refused(tampered(document, _attach(*names)), placed, values)

    assert told == "document: has attachments that are not face.json"


def _words_in_a_form(opened: pikepdf.Pdf) -> None:
    """A form beside the page's own ones, which shows a text of the page's font."""
    page = opened.pages[0]
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    form = opened.make_stream(b"BT /F 12 Tf 100 100 Td (HIDDEN) Tj ET")
    form.Type, form.Subtype = Name.XObject, Name.Form
    form.BBox = Array([0, 0, 600, 800])
    form.Resources = Dictionary(Font=Dictionary(F=font))
    page.Resources.XObject["/Hidden"] = form
    page.contents_add(b"/Hidden Do")


def test_words_hidden_in_a_figure_are_seen(document: bytes, placed: Placed, values: Values) -> None:
    """Figures are left out for speed; one with anything but lines in it is no figure."""
    told = refused(tampered(document, _words_in_a_form), placed, values)

    assert "page 1: its text is not what was placed" in told


def test_a_picture_hidden_in_a_figure_makes_it_none(document: bytes) -> None:
    def change(opened: pikepdf.Pdf) -> None:
        form = opened.make_stream(b"q /Picture Do Q")
        form.Type, form.Subtype, form.BBox = Name.XObject, Name.Form, Array([0, 0, 9, 9])
        form.Resources = Dictionary()
        opened.pages[0].Resources.XObject["/Hidden"] = form

    hidden = tampered(document, change)

    assert hidden.count(b"/Subtype /Form") == 2
    assert extract.without_figures(hidden).count(b"/Subtype /Form") == 1


def test_what_is_no_pdf_is_refused(placed: Placed, values: Values) -> None:
    assert "cannot be read as PDF" in refused(b"nothing", placed, values)


# --- the watermark ----------------------------------------------------------------------------


def test_a_mark_across_the_page_is_no_text(
    placed: Placed, values: Values, fontbook: FontBook, written: Callable[[Placed], bytes]
) -> None:
    shown = marked(placed, fontbook)
    document = written(shown)

    proof(document, shown, values)
    assert extract.texts(document) == extract.texts(written(placed))


def test_a_mark_is_seen_on_every_page(
    placed: Placed, fontbook: FontBook, written: Callable[[Placed], bytes]
) -> None:
    two = replace(placed, pages=placed.pages * 2)

    plain = extract.pictures(written(two), 30)
    shown = extract.pictures(written(marked(two, fontbook)), 30)

    assert len(shown) == 2
    assert all(a.tobytes() != b.tobytes() for a, b in zip(plain, shown, strict=True))


def test_a_marked_document_has_no_place_for_a_seal(placed: Placed, fontbook: FontBook) -> None:
    assert placed.signatures
    assert marked(placed, fontbook).signatures == ()


def test_the_mark_lies_beneath_every_text(placed: Placed, fontbook: FontBook) -> None:
    page = marked(placed, fontbook).pages[0]

    added = [n for n, mark in enumerate(page.fixed) if mark not in placed.pages[0].fixed]
    first = next(n for n, mark in enumerate(page.fixed) if isinstance(mark, Run))

    assert len(added) == 2 and max(added) < first


def test_an_outline_has_the_glyph_s_extent(fontbook: FontBook) -> None:
    outline = fontbook.kai[0].outline("一")

    heights = [float(part) for part in outline.split() if part not in {"M", "L", "B", "C"}][1::2]

    assert outline.startswith("M ") and outline.endswith(" C")
    assert -0.6 < min(heights) < max(heights) < -0.1  # a stroke in the middle, above the baseline


@pytest.mark.parametrize("version", [0, 1])
def test_a_certificate_of_every_design_is_read_as_it_was_placed(
    engineers: Versions,
    new_face: Callable[..., dict[str, object]],
    fontbook: FontBook,
    photo: bytes,
    signature: bytes,
    version: int,
) -> None:
    """Those of constructors the other tests draw."""
    profile = engineers.all[version]
    face = new_face(profile=profile)
    values = certificate.values(profile, face)
    placed = layout(certificate.sheet(profile, face), values, fontbook)

    document = draw(placed, {"photo": photo, "signature": signature}, title="", created=CREATED)

    proof(document, placed, values)
