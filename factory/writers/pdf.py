"""The reference writer: placed marks become a PDF through reportlab.  ISO 32000-1.

Equal input gives equal bytes.  Every file is built to the rules of PDF/A-3b (see ``pdfa``).
This is the oracle of faster writers and draws whatever is not made in bulk.  It does not seal:
see ``factory/seals``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from itertools import groupby
from types import MappingProxyType
from typing import Any

from reportlab import rl_config
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

from factory.errors import PictureError
from factory.model import SHANGHAI
from factory.page.fonts import Face
from factory.page.marks import IDENTITY, MM_PER_PT, Code, Colour, Matrix, Path, Picture, Placed, Run
from factory.writers import pdfa
from factory.writers.pdf_fonts import Deflated, EmbeddedFont, compressed

PRODUCER = "certificate-factory"
PDF_VERSION = (1, 7)
JPEG_START = b"\xff\xd8\xff"
NO_CHARACTERS: Mapping[Face, str] = MappingProxyType({})

#: GB/T 33190's path operators, which the sheet speaks, and PDF's (8.5.2).
OPERATORS = {"M": "m", "L": "l", "B": "c", "C": "h"}

# ASCII85 would only make streams a quarter larger; reportlab knows no other way to say so.
rl_config.useA85 = 0


def draw(
    placed: Placed,
    pictures: Mapping[str, bytes],
    *,
    title: str,
    created: datetime,
    twin: bytes | None = None,
    licence_id: str | None = None,
    lang: str = "zh-CN",
    spare: Mapping[Face, str] = NO_CHARACTERS,
) -> bytes:
    """An unsealed PDF.

    pictures: role -> baseline JPEG, copied into the file as it is.
    created:  aware; the only time in the file, printed in the zone Asia/Shanghai.
    twin:     the face as canonical JSON; becomes a file inside the file.
    spare:    characters that are embedded beside those that are printed, by face.
    PictureError: a picture is missing or is no JPEG.
    """
    created = created.astimezone(SHANGHAI)
    target = BytesIO()
    fonts = embedded(placed, spare)
    canvas = _Canvas(target, placed, lang)
    _describe(canvas, title, licence_id, created)
    if twin is not None:
        pdfa.add_twin(canvas.document, twin, at=created)
    for font in fonts.values():
        font.add_to(canvas.document)
    for page in placed.pages:
        for is_path, marks in groupby(page.marks, key=lambda mark: isinstance(mark, Path)):
            if is_path:
                canvas.draw_paths(tuple(mark for mark in marks if isinstance(mark, Path)))
                continue
            for mark in marks:
                _draw_mark(canvas, mark, fonts, pictures)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _draw_mark(
    canvas: _Canvas,
    mark: Run | Path | Picture | Code,
    fonts: Mapping[Face, EmbeddedFont],
    pictures: Mapping[str, bytes],
) -> None:
    if isinstance(mark, Run):
        canvas.draw_run(mark, fonts[mark.face])
    elif isinstance(mark, Code):
        canvas.draw_code(mark)
    elif isinstance(mark, Picture):
        canvas.draw_picture(mark, pictures.get(mark.role, b""))


class _Canvas(Canvas):
    """reportlab's canvas speaking the sheet's millimetres, y downwards."""

    def __init__(self, target: BytesIO, placed: Placed, lang: str) -> None:
        self._page_width_mm, self._page_height_mm = placed.width_mm, placed.height_mm
        size = (placed.width_mm / MM_PER_PT, placed.height_mm / MM_PER_PT)
        super().__init__(
            target, pagesize=size, pageCompression=1, invariant=1, pdfVersion=PDF_VERSION, lang=lang
        )
        self.document.encrypt = _LineEnded()

    def _make_preamble(self) -> None:
        """Nothing: reportlab's own would name Helvetica, which is not embedded."""
        self._preamble = ""

    @property
    def document(self) -> Any:
        """reportlab's object model, which its canvas and its types keep to themselves."""
        return vars(self)["_doc"]

    def draw_run(self, run: Run, font: EmbeddedFont) -> None:
        """Characters at their place; a bold run is outlined as well as filled (9.3.6)."""
        x, y = number(run.x_mm / MM_PER_PT), self._up(run.y_mm)
        bold = ""
        if run.bold_mm:
            bold = f"2 Tr {number(run.bold_mm / MM_PER_PT)} w {colour_operator(run.colour, 'RG')} "
        colour, size = colour_operator(run.colour, "rg"), number(run.size_pt)
        self.addLiteral(
            f"q BT {bold}{colour} /{font.alias} {size} Tf "
            f"{x} {y} Td {font.encode(run.text)} Tj ET Q"
        )

    def draw_paths(self, paths: tuple[Path, ...]) -> None:
        """All of them as one form (8.10)."""
        name = f"Paths{len(self.document.idToObject)}"
        width, height = self._page_width_mm, self._page_height_mm
        entries = {
            "Type": pdfdoc.PDFName("XObject"),
            "Subtype": pdfdoc.PDFName("Form"),
            "BBox": pdfdoc.PDFArray([0, 0, width, height]),
            "Matrix": pdfdoc.PDFArray([1 / MM_PER_PT, 0, 0, -1 / MM_PER_PT, 0, height / MM_PER_PT]),
            "Resources": pdfdoc.PDFDictionary({}),
        }
        self.document.addForm(name, Deflated(entries, _figures(paths)))
        self.doForm(name)

    def draw_code(self, code: Code) -> None:
        """The dark modules as a stencil mask (8.9.6.2), inline (8.9.7)."""
        x, y = number(code.x_mm / MM_PER_PT), self._up(code.y_mm + code.size_mm)
        size = number(code.size_mm / MM_PER_PT)
        stencil = f"/IM true /W {code.side} /H {code.side} /BPC 1 /D [1 0] /F /AHx"
        self.addLiteral(
            f"q 0 g {size} 0 0 {size} {x} {y} cm BI {stencil} ID {code.bits.hex()}> EI Q"
        )

    def draw_picture(self, picture: Picture, jpeg: bytes) -> None:
        """A JPEG as it is (DCTDecode)."""
        if not jpeg.startswith(JPEG_START):
            raise PictureError(f"{picture.role}: the picture is missing or no JPEG")
        self.drawImage(
            _Jpeg(jpeg),
            picture.x_mm / MM_PER_PT,
            (self._page_height_mm - picture.y_mm - picture.height_mm) / MM_PER_PT,
            picture.width_mm / MM_PER_PT,
            picture.height_mm / MM_PER_PT,
        )

    def _up(self, y_mm: float) -> str:
        return number((self._page_height_mm - y_mm) / MM_PER_PT)


class _Jpeg(ImageReader):
    """Names the picture by its file, where reportlab would decode it for that."""

    def __init__(self, data: bytes) -> None:
        self._file = data
        super().__init__(BytesIO(data))
        self._dataA = None  # a JPEG has no alpha

    def getRGBData(self) -> bytes:  # noqa: N802
        return self._file


class _LineEnded(pdfdoc.NoEncryption):
    """Encrypts nothing, but ends a stream with the line end reportlab forgets (7.3.8.1)."""

    def encode(self, content: bytes | str) -> bytes | str:
        return _Ended(content) if isinstance(content, bytes) else content


class _Ended(bytes, pdfdoc.PDFObject):
    """Bytes whose length leaves out the line end behind them."""

    def format(self, document: pdfdoc.PDFDocument) -> bytes:  # noqa: ARG002
        return bytes(self) + b"\n"


def embedded(placed: Placed, spare: Mapping[Face, str] = NO_CHARACTERS) -> dict[Face, EmbeddedFont]:
    """One subset for each face the document uses, in the order of first use."""
    used: defaultdict[Face, set[str]] = defaultdict(set)
    for page in placed.pages:
        for mark in page.marks:
            if isinstance(mark, Run):
                used[mark.face].update(mark.text)
    for face, characters in spare.items():
        used[face].update(characters)
    return {
        face: EmbeddedFont(alias=f"F{n}", face=face, subset=face.subset(characters))
        for n, (face, characters) in enumerate(used.items(), start=1)
    }


def keywords_of(licence_id: str | None) -> str:
    """What a document's description says of it beside the title."""
    return f"证照标识:{licence_id}" if licence_id else ""


def _describe(canvas: _Canvas, title: str, licence_id: str | None, created: datetime) -> None:
    """Info dictionary and XMP, which say the same; no personal data in them."""
    keywords = keywords_of(licence_id)
    canvas.document.info = _Info(title=title, keywords=keywords, created=created)
    pdfa.add_archival(
        canvas.document, title=title, producer=PRODUCER, keywords=keywords, at=created
    )


class _Info(pdfdoc.PDFInfo):
    """The Info dictionary without what reportlab would make up."""

    def __init__(self, *, title: str, keywords: str, created: datetime) -> None:
        super().__init__()
        self.title, self.keywords, self._created = title, keywords, created

    def format(self, document: Any) -> bytes:
        moment = pdfdoc.PDFString(pdfa.date(self._created))
        entries = {
            "Title": pdfdoc.PDFString(self.title),
            "Producer": pdfdoc.PDFString(PRODUCER),
            "CreationDate": moment,
            "ModDate": moment,
        }
        if self.keywords:
            entries["Keywords"] = pdfdoc.PDFString(self.keywords)
        formatted: bytes = pdfdoc.PDFDictionary(entries).format(document)
        return formatted


@lru_cache(maxsize=32)
def _figures(paths: tuple[Path, ...]) -> bytes:
    """Path operators of a form, compressed; the same for every document of a sheet."""
    return compressed("\n".join(map(_figure, paths)).encode("ascii"))


def _figure(path: Path) -> str:
    operators = " ".join(_operators(path.data))
    paint = {(True, False): "f", (False, True): "S", (True, True): "B"}[
        (path.fill is not None, path.stroke is not None)
    ]
    setting = f"{number(path.width_mm)} w"
    if path.fill is not None:
        setting += " " + colour_operator(path.fill, "rg")
    if path.stroke is not None:
        setting += " " + colour_operator(path.stroke, "RG")
    copies = "\n".join(f"{_matrix(step)} cm {operators} {paint}" for step in _steps(path.copies))
    return f"q {setting}\n{copies} Q"


def _steps(copies: tuple[Matrix, ...]) -> Iterable[Matrix]:
    """From each place to the next: for a regular pattern the same words again and again."""
    here = IDENTITY
    for place in copies:
        yield _combined(place, _inverse(here))
        here = place


def _combined(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s,
        e * p + f * r + t, e * q + f * s + u,
    )  # fmt: skip


def _inverse(matrix: Matrix) -> Matrix:
    a, b, c, d, e, f = matrix
    area = a * d - b * c
    return (
        d / area, -b / area, -c / area, a / area,
        (c * f - d * e) / area, (b * e - a * f) / area,
    )  # fmt: skip


def _operators(data: str) -> Iterable[str]:
    """PDF puts an operator behind its numbers."""
    pending = ""
    for word in data.split():
        if word not in OPERATORS:
            yield word
            continue
        if pending:
            yield pending
        pending = OPERATORS[word]
    yield pending


def colour_operator(colour: Colour, operator: str) -> str:
    return " ".join(number(part / 255) for part in colour) + f" {operator}"


def _matrix(matrix: Matrix) -> str:
    return " ".join(number(part, 6) for part in matrix)


def number(value: float, digits: int = 3) -> str:
    """As few digits as show no difference in print."""
    return f"{value:.{digits}f}".rstrip("0").rstrip(".").replace("-0.", "-.") or "0"
