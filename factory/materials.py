"""Uploaded materials (申报材料) and scans signed outside (线下签字): whether one can be taken.

Known by what is in them and not by their names.  Of a signature made with a pen nothing can be
checked; that it can be seen, and will be seen so by everybody, can.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium

from factory import pictures
from factory.errors import MaterialError, PictureError
from factory.foreign import NEW_PDF
from factory.profile import Material, MaterialFormat
from factory.scrutiny import refuse, scrutinise

MARKS: Mapping[MaterialFormat, bytes] = {
    "pdf": b"%PDF-",
    "jpeg": b"\xff\xd8\xff",
    "png": b"\x89PNG\r\n\x1a\n",
}
CONTENT_TYPES: Mapping[MaterialFormat, str] = {
    "pdf": "application/pdf",
    "jpeg": "image/jpeg",
    "png": "image/png",
}
SHORTEST_PX, LONGEST_PX = 480, 640  #: of a picture's sides, at least: a page can just be read
LEAST_PT, MOST_PT = 100, 14_400  #: of a page's sides: an identity card; ISO 32000-1, annex C
LOOK_PX = 400  #: the longer side of a page that is only looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A material that can be taken.

    blank: the pages, from 1, on which nothing is seen; a clerk may want to know.
    """

    format: MaterialFormat
    pages: int = 1
    blank: tuple[int, ...] = ()

    @property
    def content_type(self) -> str:
        """Its media type."""
        return CONTENT_TYPES[self.format]


def check(data: bytes, rules: Material) -> Looked:
    """What a material is, where it can be taken under its rules.

    MaterialError: it cannot; why, and what can be done, in words for a clerk.  Nothing else,
    whatever the bytes are.
    """
    if len(data) > rules.most_bytes:
        raise too_large(rules)
    found = _format(data, rules)
    return _pdf(data, rules) if found == "pdf" else _picture(data, found, rules)


def too_large(rules: Material) -> MaterialError:
    """What is said of a file that is larger than its rules allow."""
    return MaterialError(
        f"material: the file is larger than {rules.most_bytes / 1024**2:.3g} MiB (文件过大):"
        " scan it at 300 dpi or less, in grey"
    )


def _format(data: bytes, rules: Material) -> MaterialFormat:
    found = next((each for each, mark in MARKS.items() if data.startswith(mark)), None)
    taken = ", ".join(each.upper() for each in rules.formats)
    if found is None:
        raise MaterialError(
            f"material: the file is {_other(data)}, whatever it is called (文件类型): send {taken}"
        )
    if found not in rules.formats:
        raise MaterialError(f"material: the file is a {found.upper()} (文件类型): send {taken}")
    return found


def _other(data: bytes) -> str:
    if not data:
        return "empty"
    for mark, place, kind in pictures.OTHER_KINDS:
        if data[place : place + len(mark)] == mark:
            return f"a {kind} file"
    return "no PDF, JPEG or PNG"


# --- pictures ---------------------------------------------------------------------------------


def _picture(data: bytes, found: MaterialFormat, rules: Material) -> Looked:
    try:
        with pictures.named("material"):
            image = pictures.opened(data, LONGEST_PX, rules.most_bytes)
            low, high = image.convert("L").getextrema()
    except PictureError as error:
        raise MaterialError(f"{error}: scan it again (图片无法使用)") from error
    if min(image.size) < SHORTEST_PX or max(image.size) < LONGEST_PX:
        raise MaterialError(
            f"material: the picture is smaller than {SHORTEST_PX} x {LONGEST_PX} pixels, too small"
            " to be read (图片过小): scan it at 300 dpi"
        )
    return Looked(format=found, blank=(1,) if low == high else ())


# --- PDF --------------------------------------------------------------------------------------


def _pdf(data: bytes, rules: Material) -> Looked:
    """As pyHanko reads it, and then as PDFium does, which shares no code with it."""
    scrutinise(data)
    with _shown(), closing(pypdfium2.PdfDocument(data)) as opened:
        refuse(_also_found(opened))
        pages = len(opened)
        if not 1 <= pages <= rules.most_pages:
            raise MaterialError(
                f"material: the PDF has {pages} pages, {rules.most_pages} at most (页数过多):"
                " send the pages that are needed"
                if pages
                else "material: the PDF has no pages (没有页面)"
            )
        blank = tuple(number for number in range(1, pages + 1) if _is_blank(opened, number))
        return Looked(format="pdf", pages=pages, blank=blank)


def _also_found(opened: pypdfium2.PdfDocument) -> set[str]:
    """What PDFium sees; where it sees more, the file is another one to another reader."""
    seen = {
        "script": pdfium.FPDFDoc_GetJavaScriptActionCount(opened) > 0,
        "signature": pdfium.FPDF_GetSignatureCount(opened) > 0,
        "file": pdfium.FPDFDoc_GetAttachmentCount(opened) > 0,
    }
    return {name for name, there in seen.items() if there}


def _is_blank(opened: pypdfium2.PdfDocument, number: int) -> bool:
    """Whether nothing is seen on a page.  MaterialError: it cannot be shown."""
    with closing(opened[number - 1]) as page:
        size = page.get_size()
        if not all(LEAST_PT <= side <= MOST_PT for side in size):
            raise MaterialError(
                f"material: page {number} of the PDF is smaller than an identity card or larger"
                f" than 5 m (页面尺寸): {NEW_PDF}"
            )
        refuse({*_annotations(page)})
        scale = LOOK_PX / math.ceil(max(size))
        with closing(page.render(scale=scale, grayscale=True)) as bitmap:
            low, high = bitmap.to_pil().convert("L").getextrema()
            return bool(low == high)


def _annotations(page: pypdfium2.PdfPage) -> Iterator[str]:
    for place in range(pdfium.FPDFPage_GetAnnotCount(page)):
        each = pdfium.FPDFPage_GetAnnot(page, place)
        if each:
            if pdfium.FPDFAnnot_GetSubtype(each) != pdfium.FPDF_ANNOT_LINK:
                yield "mark"
            pdfium.FPDFPage_CloseAnnot(each)


@contextmanager
def _shown() -> Iterator[None]:
    """MaterialError: PDFium cannot show it."""
    try:
        yield
    except (pypdfium2.PdfiumError, ValueError, OverflowError, MemoryError) as error:
        raise MaterialError(f"material: the PDF cannot be shown (无法显示): {NEW_PDF}") from error
