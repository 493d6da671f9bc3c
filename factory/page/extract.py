"""What a finished PDF says: its text, its pictures, its fonts, and what may not be in it.

Read by PDFium, which shares no code with our writers, so that a reader's view of a document is
seen and not our own.  Bytes in, values out.  PDFium is for one thread of a process at a time.
"""

from __future__ import annotations

import ctypes
import re
import zlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from factory.errors import LintError

POINTS_PER_INCH = 72
NAME_BYTES = 512

Box = tuple[float, float, float, float]  #: left, bottom, right, top in points

#: A form's object, and what one that only draws lines may consist of (ISO 32000-1, 8.5).
FORM = re.compile(rb"/Subtype\s*/Form\b")
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.S)
FIGURE = re.compile(rb"(?:[-+.0-9]+|q|Q|cm|w|J|j|g|G|rg|RG|m|l|c|h|re|f\*?|S|s|B\*?|b|n|\s+)*")
EMPTY = re.compile(rb"/Resources\s*<<\s*>>")
ACTIVE = re.compile(rb"/(OpenAction|AA|JavaScript|JS|Launch|URI|SubmitForm|XFA|RichMedia)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """One page as a reader sees it.

    text:   in the order it is drawn, with the line breaks the reader makes of it.
    box:    the page.
    edges:  around everything that is drawn; None: an empty page.
    unread: characters without a meaning: glyphs that no character is known for.
    """

    text: str
    box: Box
    edges: Box | None
    unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """A document as a reader sees it.

    loose:       names of fonts that are used and not embedded.
    annotations: of all pages, links and form fields among them.
    forms:       whether it has an interactive form (AcroForm, XFA).
    active:      what would make a reader do something: scripts, actions, links.
    attachments: names of the files in it.
    """

    pages: tuple[PageText, ...]
    loose: tuple[str, ...]
    annotations: int
    forms: bool
    active: tuple[str, ...]
    attachments: tuple[str, ...]

    @property
    def text(self) -> str:
        """Of all pages."""
        return "\n".join(page.text for page in self.pages)


def extract(document: bytes) -> Extract:
    """What a reader finds in a PDF that is not encrypted.

    Figures that only draw lines are left out: they say nothing and take the most time.
    LintError: it cannot be read.
    """
    with _opened(without_figures(document)) as opened:
        seen = [_page(opened, n) for n in range(len(opened))]
        return Extract(
            pages=tuple(page for page, _, _ in seen),
            loose=tuple(sorted({name for _, fonts, _ in seen for name in fonts})),
            annotations=sum(count for _, _, count in seen),
            forms=pdfium.FPDF_GetFormType(opened) != pdfium.FORMTYPE_NONE,
            active=_active(document, opened),
            attachments=_attachments(opened),
        )


def texts(document: bytes) -> tuple[str, ...]:
    """The text of each page.  LintError: it cannot be read."""
    with _opened(without_figures(document)) as opened:
        return tuple(_page(opened, n)[0].text for n in range(len(opened)))


def pictures(document: bytes, dpi: float) -> tuple[Image.Image, ...]:
    """Each page as it looks, its seals and signatures too, on white.  LintError: unreadable."""
    with _opened(document) as opened:
        opened.init_forms()
        return tuple(_picture(opened, n, dpi / POINTS_PER_INCH) for n in range(len(opened)))


def merged(documents: Iterable[bytes]) -> bytes:
    """One PDF with the pages of all, in their order.  LintError: one cannot be read."""
    target = BytesIO()
    with closing(pypdfium2.PdfDocument.new()) as whole:
        for document in documents:
            with _opened(document) as opened:
                whole.import_pages(opened)
        whole.save(target)
    return target.getvalue()


def _opened(document: bytes) -> closing[pypdfium2.PdfDocument]:
    try:
        return closing(pypdfium2.PdfDocument(document))
    except pypdfium2.PdfiumError as error:
        raise LintError("document: cannot be read as PDF (ISO 32000-1)") from error


def _picture(opened: pypdfium2.PdfDocument, number: int, scale: float) -> Image.Image:
    with closing(opened[number]) as page, closing(page.render(scale=scale)) as bitmap:
        image: Image.Image = bitmap.to_pil().convert("RGB")
        return image


# --- one page ---------------------------------------------------------------------------------


def _page(opened: pypdfium2.PdfDocument, number: int) -> tuple[PageText, set[str], int]:
    """The page, the fonts on it that are not embedded, and how many annotations it has."""
    with closing(opened[number]) as page:
        with closing(page.get_textpage()) as words:
            text, unread = words.get_text_range(), _unread(words)
        edges, loose = _objects(page)
        seen = PageText(text=text, box=page.get_mediabox(), edges=edges, unread=unread)
        return seen, loose, pdfium.FPDFPage_GetAnnotCount(page)


def _unread(words: pypdfium2.PdfTextPage) -> int:
    count = pdfium.FPDFText_CountChars(words)
    return sum(pdfium.FPDFText_HasUnicodeMapError(words, place) == 1 for place in range(count))


def _objects(page: pypdfium2.PdfPage) -> tuple[Box | None, set[str]]:
    """What surrounds all that is drawn, and the fonts used that are not embedded."""
    sides = [ctypes.c_float() for _ in range(4)]
    boxes: list[Box] = []
    loose: set[str] = set()
    known: set[int] = set()
    for place in range(pdfium.FPDFPage_CountObjects(page)):
        each = pdfium.FPDFPage_GetObject(page, place)
        if pdfium.FPDFPageObj_GetBounds(each, *sides):
            boxes.append((sides[0].value, sides[1].value, sides[2].value, sides[3].value))
        if pdfium.FPDFPageObj_GetType(each) == pdfium.FPDF_PAGEOBJ_TEXT:
            loose |= _not_embedded(pdfium.FPDFTextObj_GetFont(each), known)
    if not boxes:
        return None, loose
    left, bottom, right, top = zip(*boxes, strict=True)
    return (min(left), min(bottom), max(right), max(top)), loose


def _not_embedded(font: Any, known: set[int]) -> set[str]:
    """The font's name, unless it is embedded or was looked at before."""
    address = ctypes.cast(font, ctypes.c_void_p).value or 0
    if address in known:
        return set()
    known.add(address)
    if pdfium.FPDFFont_GetIsEmbedded(font) == 1:
        return set()
    name = ctypes.create_string_buffer(NAME_BYTES)
    pdfium.FPDFFont_GetBaseFontName(font, name, NAME_BYTES)
    return {name.value.decode("utf-8", "replace") or "nameless"}


# --- the whole document -----------------------------------------------------------------------


def _active(document: bytes, opened: pypdfium2.PdfDocument) -> tuple[str, ...]:
    """Actions, by their names outside of streams, and scripts as PDFium counts them."""
    found = {each.decode() for each in ACTIVE.findall(_outside_streams(document))}
    if pdfium.FPDFDoc_GetJavaScriptActionCount(opened) > 0:
        found.add("JavaScript")
    return tuple(sorted(found))


def _outside_streams(document: bytes) -> bytes:
    """All that is not content: dictionaries, and what refers to what."""
    parts = document.split(b"endstream")
    return b"".join(part.partition(b"stream\n")[0].partition(b"stream\r\n")[0] for part in parts)


def _attachments(opened: pypdfium2.PdfDocument) -> tuple[str, ...]:
    count = pdfium.FPDFDoc_GetAttachmentCount(opened)
    return tuple(opened.get_attachment(place).get_name() for place in range(count))


def without_figures(document: bytes) -> bytes:
    """The same document, in which forms that only draw lines are no forms any more."""
    for found in FORM.finditer(document):
        start = document.rfind(b" obj", 0, found.start())
        end = document.find(b"endstream", found.end()) + len(b"endstream")
        form = document[start:end]
        if _is_figure(form):
            hidden = form.replace(found.group(), found.group().replace(b"/Form", b"/None"), 1)
            document = document[:start] + hidden + document[end:]
    return document


@lru_cache(maxsize=256)
def _is_figure(form: bytes) -> bool:
    """Whether a form draws lines and areas only: no text, no picture, no other form."""
    stream = STREAM.search(form)
    if stream is None or not EMPTY.search(form[: stream.start()]):
        return False
    try:
        return FIGURE.fullmatch(zlib.decompress(stream.group(1))) is not None
    except zlib.error:
        return False
