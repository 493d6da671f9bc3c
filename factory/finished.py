"""A finished document as a reader finds it: its words, its QR symbols and its pictures.

PDF is read by PDFium, OFD by its XML; neither shares anything with what draws them.  What is read
here is known to be ours, by its digest: foreign bytes go to ``verify``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from factory.errors import LintError, PackageError
from factory.model import Format
from factory.ofd.package import opened
from factory.ofd.xml import child, children, located, parsed, text
from factory.page.extract import without_figures
from factory.page.qr_reading import Modules, content

ENTRY = "OFD.xml"
JPEG = b"DCTDecode"
PICTURE, SYMBOL = ".jpg", ".png"
FINDER = 7  #: modules that a symbol's first row begins with, all dark
FILTER_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What was found.

    lines:    of all pages, in the order they are drawn.
    symbols:  what its QR symbols say.
    pictures: JPEG files that it shows.
    """

    lines: tuple[str, ...] = field(repr=False)
    symbols: tuple[str, ...] = field(repr=False)
    pictures: tuple[bytes, ...] = field(repr=False)


def read(data: bytes, fmt: Format) -> Finished:
    """What a reader finds.  LintError: it cannot be read, or a symbol is damaged."""
    return _pdf(data) if fmt is Format.PDF else _ofd(data)


# --- PDF --------------------------------------------------------------------------------------


def _pdf(data: bytes) -> Finished:
    try:
        document = pypdfium2.PdfDocument(without_figures(data))
    except pypdfium2.PdfiumError as error:
        raise LintError("document: cannot be read as PDF (ISO 32000-1)") from error
    lines: list[str] = []
    symbols: list[str] = []
    pictures: list[bytes] = []
    with closing(document):
        for number in range(len(document)):
            with closing(document[number]) as page:
                with closing(page.get_textpage()) as words:
                    lines += words.get_text_range().splitlines()
                for image in _images(page):
                    if _filter(image) == JPEG:
                        pictures.append(_bytes(image, pdfium.FPDFImageObj_GetImageDataRaw))
                    elif modules := _stencil(page, image):
                        symbols.append(content(modules))
    return Finished(lines=tuple(lines), symbols=tuple(symbols), pictures=tuple(pictures))


def _images(page: pypdfium2.PdfPage) -> Iterator[Any]:
    for place in range(pdfium.FPDFPage_CountObjects(page)):
        each = pdfium.FPDFPage_GetObject(page, place)
        if pdfium.FPDFPageObj_GetType(each) == pdfium.FPDF_PAGEOBJ_IMAGE:
            yield each


def _filter(image: Any) -> bytes:
    """The last one, which says what the bytes are."""
    count = pdfium.FPDFImageObj_GetImageFilterCount(image)
    name = ctypes.create_string_buffer(FILTER_BYTES)
    if count:
        pdfium.FPDFImageObj_GetImageFilter(image, count - 1, name, FILTER_BYTES)
    return name.value


def _bytes(image: Any, read_into: Any) -> bytes:
    size = read_into(image, None, 0)
    found = ctypes.create_string_buffer(size)
    read_into(image, found, size)
    return found.raw


def _stencil(page: pypdfium2.PdfPage, image: Any) -> Modules | None:
    """The modules of a square picture of one bit a module, 1 is painted; None: it is another."""
    told = pdfium.FPDF_IMAGEOBJ_METADATA()
    pdfium.FPDFImageObj_GetImageMetadata(image, page, told)
    if told.bits_per_pixel != 1 or told.width != told.height:
        return None
    data, across = _bytes(image, pdfium.FPDFImageObj_GetImageDataDecoded), (told.width + 7) // 8
    return [
        [data[row * across + (x >> 3)] >> (7 - (x & 7)) & 1 for x in range(told.width)]
        for row in range(told.height)
    ]


# --- OFD --------------------------------------------------------------------------------------


def _ofd(data: bytes) -> Finished:
    try:
        members = opened(data)
        lines = tuple(_lines(members))
    except (PackageError, KeyError, IndexError) as error:
        raise LintError("document: cannot be read as OFD (GB/T 33190-2016)") from error
    named = sorted(members)
    return Finished(
        lines=lines,
        symbols=tuple(content(_pixels(members[n])) for n in named if n.lower().endswith(SYMBOL)),
        pictures=tuple(members[n] for n in named if n.lower().endswith(PICTURE)),
    )


def _lines(members: Mapping[str, bytes]) -> Iterator[str]:
    """Of every page: its template's, then its own."""
    [body] = children(parsed(members[ENTRY]), "DocBody")
    name = located(ENTRY, text(child(body, "DocRoot")) or "")
    root = parsed(members[name])
    templates = {
        each.get("ID"): located(name, each.get("BaseLoc", ""))
        for each in children(child(root, "CommonData"), "TemplatePage")
    }
    for page in children(child(root, "Pages"), "Page"):
        tree = parsed(members[located(name, page.get("BaseLoc", ""))])
        for used in children(tree, "Template"):
            yield from _constant(members[templates[used.get("TemplateID", "")]])
        yield from _words(tree)


@lru_cache(maxsize=32)
def _constant(template: bytes) -> tuple[str, ...]:
    """The same for all documents of a design, and large."""
    return tuple(_words(parsed(template)))


def _words(tree: Any) -> Iterator[str]:
    return ("".join(each.itertext()) for each in tree.iter("{*}TextCode"))


def _pixels(picture: bytes) -> Modules:
    """A symbol's modules, however many pixels each is wide."""
    with Image.open(BytesIO(picture)) as image:
        side, _ = image.size
        dark = image.convert("1").point(lambda value: 0 if value else 1).tobytes("raw", "1")
    across = (side + 7) // 8
    rows: Sequence[Sequence[int]] = [
        [dark[y * across + (x >> 3)] >> (7 - (x & 7)) & 1 for x in range(side)]
        for y in range(len(dark) // across)
    ]
    run = next((x for x, module in enumerate(rows[0]) if not module), side)
    step = max(run // FINDER, 1)
    return [row[step // 2 :: step] for row in rows[step // 2 :: step]]
