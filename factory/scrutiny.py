"""Scrutiny of a foreign PDF: whether anything in it runs, hides, or changes what is seen.

Everything that can be reached from the catalog is looked at, wherever it lies and however it is
packed.  What nothing refers to does nothing.  Clauses are those of ISO 32000-1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    StreamObject,
)

from factory.errors import MaterialError
from factory.foreign import MOST_OBJECTS, NEW_PDF, Foreign
from factory.pictures import MAX_INPUT_PX

#: What is refused, in a clerk's words; the more serious first.
WORDS: Mapping[str, str] = {
    "signature": "an earlier electronic signature (电子签名)",
    "script": "a script (脚本)",
    "action": "an action that starts, sends or opens something (自动操作)",
    "form": "form fields over its content (表单域)",
    "layers": "layers that can be switched on and off (可选图层)",
    "file": "another file (附件)",
    "media": "sound, film or 3D (多媒体)",
    "mark": "marks lying over its pages (批注、图章)",
    "changing": "content that is not the same everywhere (可变内容)",
}

#: What comes with another: a signature stands in a field, a script in an action.
IMPLIED: Mapping[str, str] = {"signature": "form", "script": "action"}

#: What a key that is neither null nor empty says, in any dictionary.
KEYS: Mapping[str, str] = {
    "/JS": "script", "/JavaScript": "script",  # 12.6.4.16
    "/AA": "action",  # 12.6.3
    "/FT": "form", "/Fields": "form", "/XFA": "form",  # 12.7
    "/OCGs": "layers", "/OC": "layers",  # 8.11
    "/EF": "file", "/EmbeddedFiles": "file", "/Collection": "file",  # 7.11.4, 12.3.5
    "/Perms": "signature", "/ByteRange": "signature",  # 12.8
    "/Renditions": "media", "/RichMediaContent": "media",  # 13.2
    "/Alternates": "changing", "/OPI": "changing",  # 8.9.5.4, 14.11.7
}  # fmt: skip
TYPES: Mapping[str, str] = {
    "/OCG": "layers", "/OCMD": "layers", "/EmbeddedFile": "file", "/Sig": "signature",
    "/DocTimeStamp": "signature",
}  # fmt: skip
#: Actions (12.6.4) that may not be; going to a page of the same document, or to a website, may.
ACTIONS: Mapping[str, str] = {
    "/JavaScript": "script", "/Launch": "action", "/SubmitForm": "action", "/ImportData": "action",
    "/ResetForm": "action", "/GoToR": "action", "/GoToE": "action", "/Hide": "action",
    "/SetOCGState": "layers", "/Rendition": "media", "/Movie": "media", "/Sound": "media",
    "/GoTo3DView": "media", "/RichMediaExecute": "media",
}  # fmt: skip
TURNS = frozenset({"/NextPage", "/PrevPage", "/FirstPage", "/LastPage"})  #: named actions
#: Annotations (12.5.6); a link that draws nothing may be, any other lies over the page.
ANNOTATIONS: Mapping[str, str] = {
    "/Widget": "form", "/FileAttachment": "file", "/Movie": "media", "/Sound": "media",
    "/Screen": "media", "/3D": "media", "/RichMedia": "media",
}  # fmt: skip
#: Below these keys stand names somebody made up, not those of the standard.
NAMING = frozenset({
    "/Font", "/XObject", "/ExtGState", "/ColorSpace", "/Pattern", "/Shading", "/Properties",
    "/CharProcs", "/Dests", "/RoleMap", "/ClassMap", "/Colorants",
})  # fmt: skip

#: How much drawing there may be: an operator counts, and a picture by its pixels.
MOST_EFFORT = 1_000_000
BYTES_EACH, PIXELS_EACH = 100, 10_000
MOST_NESTED = 20
USED = re.compile(rb"/([^\s/<>\[\](){}%]*)\s+(Do|gs|scn|SCN)\b")
INLINE = re.compile(rb"\bBI\b(.{0,400}?)\bID\b", re.S)
SIDE = re.compile(rb"/(?:Width|W|Height|H)\s+(\d{1,9})\b")
RESOURCE = {b"Do": "/XObject", b"gs": "/ExtGState", b"scn": "/Pattern", b"SCN": "/Pattern"}


def scrutinise(data: bytes) -> None:
    """Returns where a PDF is paper only: pages that look the same everywhere.

    MaterialError: what it holds besides, or that it is damaged, encrypted or out of proportion.
    """
    pdf = Foreign(data)
    found, drawing = set[str](), Drawing(pdf)
    for each, named in _dictionaries(pdf):
        if not named:
            found |= {*_of_dictionary(pdf, each)}
        if isinstance(each, StreamObject):
            found |= {*_of_stream(pdf, each)}
        if "/Contents" in each:
            drawing.page(each)
    found |= {*_at_opening(pdf)}
    refuse(found)


def refuse(found: set[str]) -> None:
    """MaterialError: something was found."""
    found = found - {IMPLIED[each] for each in found & IMPLIED.keys()}
    if said := [words for name, words in WORDS.items() if name in found]:
        raise MaterialError(f"material: the PDF holds {', '.join(said)}: {NEW_PDF}")


def _dictionaries(pdf: Foreign) -> Iterator[tuple[DictionaryObject, bool]]:
    """Every dictionary and stream that can be reached, and whether its keys are made-up names."""
    todo: list[tuple[object, bool]] = [(pdf.root, False)]
    seen: set[tuple[int, int, bool]] = set()
    while todo:
        value, named = todo.pop()
        if isinstance(value, IndirectObject):
            mark = (value.idnum, value.generation, named)
            if mark in seen:
                continue
            seen.add(mark)
            if len(seen) > MOST_OBJECTS:
                raise MaterialError(
                    f"material: the PDF has more than {MOST_OBJECTS} parts: {NEW_PDF}"
                )
            value = pdf.resolved(value)
        if isinstance(value, DictionaryObject):
            yield value, named
            todo += [(value.raw_get(key), not named and key in NAMING) for key in value]
        elif isinstance(value, ArrayObject):
            todo += [(value.raw_get(place), False) for place in range(len(value))]


def _of_dictionary(pdf: Foreign, found: DictionaryObject) -> Iterator[str]:
    yield from (what for key, what in KEYS.items() if _says(pdf.entry(found, key)))
    kind, action = str(pdf.entry(found, "/Type")), str(pdf.entry(found, "/S"))
    if kind in TYPES:
        yield TYPES[kind]
    if action in ACTIONS:
        yield ACTIONS[action]
    if action == "/Named" and str(pdf.entry(found, "/N")) not in TURNS:
        yield "action"
    if action == "/URI" and _scheme(pdf.entry(found, "/URI")) == "javascript":
        yield "script"
    if pdf.entry(found, "/FT") == "/Sig" and _says(pdf.entry(found, "/V")):
        yield "signature"
    annotations = pdf.entry(found, "/Annots")
    for each in annotations if isinstance(annotations, ArrayObject) else ():
        yield from _of_annotation(pdf, pdf.resolved(each))


def _says(value: object) -> bool:
    """Whether a value is there and holds something."""
    holds = isinstance(value, DictionaryObject | ArrayObject) and not isinstance(
        value, StreamObject
    )
    return value is not None and (len(value) > 0 if holds else True)  # type: ignore[arg-type]


def _scheme(address: object) -> str:
    said = address.decode("latin-1") if isinstance(address, bytes) else str(address)
    return re.sub(r"[\s\x00-\x1f]", "", said).partition(":")[0].lower()


def _of_annotation(pdf: Foreign, found: object) -> Iterator[str]:
    if not isinstance(found, DictionaryObject):
        return
    kind = str(pdf.entry(found, "/Subtype"))
    if kind != "/Link":
        yield ANNOTATIONS.get(kind, "mark")
    elif _says(pdf.entry(found, "/AP")):
        yield "mark"


def _of_stream(pdf: Foreign, found: StreamObject) -> Iterator[str]:
    """What is said of a stream; and that it may be unpacked."""
    kind = pdf.entry(found, "/Subtype")
    if _says(pdf.entry(found, "/F")) or (kind == "/Form" and "/Ref" in found):  # 7.3.8.2, 8.10.4
        yield "changing"
    if kind == "/PS" or pdf.entry(found, "/Subtype2") == "/PS":  # 8.8.2
        yield "script"
    if kind == "/Image":
        check_picture(_number(pdf.entry(found, "/Width")), _number(pdf.entry(found, "/Height")))
        pdf.check_packing(found)
    else:
        pdf.content(found)


def _at_opening(pdf: Foreign) -> Iterator[str]:
    """What happens when it is opened: at most a page is turned to (12.3.2)."""
    action = pdf.entry(pdf.root, "/OpenAction")
    if isinstance(action, DictionaryObject) and pdf.entry(action, "/S") != "/GoTo":
        yield "action"


def check_picture(width: int, height: int) -> None:
    """MaterialError: a picture in a PDF has more pixels than are decoded."""
    if width * height > MAX_INPUT_PX:
        raise MaterialError(
            f"material: a picture in the PDF has more than {MAX_INPUT_PX} pixels: scan it at"
            " 300 dpi"
        )


def _number(value: object) -> int:
    return int(value) if isinstance(value, int) else 0


# --- how much is drawn ------------------------------------------------------------------------


@dataclass(slots=True)
class Drawing:
    """How much work the pages are; forms that draw forms that draw forms are counted out.

    MaterialError, from its methods: a reader would draw for hours.
    """

    pdf: Foreign
    spent: int = 0
    known: dict[int, int] = field(default_factory=dict)

    def page(self, page: DictionaryObject) -> None:
        """Count one page in."""
        self.spent += self._content(self._page_content(page), self._resources(page), 0)
        if self.spent > MOST_EFFORT:
            raise _endless()

    def _page_content(self, page: DictionaryObject) -> bytes:
        given = self.pdf.entry(page, "/Contents")
        parts = list(given) if isinstance(given, ArrayObject) else [given]
        found = [self.pdf.resolved(each) for each in parts]
        return b"\n".join(self.pdf.content(e) for e in found if isinstance(e, StreamObject))

    def _resources(self, page: DictionaryObject) -> DictionaryObject:
        """Its own or its parents' (7.7.3.4)."""
        for _ in range(MOST_NESTED):
            if "/Resources" in page or "/Parent" not in page:
                break
            page = self.pdf.dictionary(page, "/Parent")
        return self.pdf.dictionary(page, "/Resources")

    def _content(self, content: bytes, resources: DictionaryObject, depth: int) -> int:
        for given in INLINE.findall(content):
            sides = [int(each) for each in SIDE.findall(given)]
            if len(sides) == 2:  # noqa: PLR2004 - its width and its height
                check_picture(*sides)
        uses: dict[tuple[bytes, bytes], int] = {}
        for use in USED.findall(content):
            uses[use] = uses.get(use, 0) + 1
        spent = 1 + len(content) // BYTES_EACH
        for (name, operator), times in uses.items():
            named = self.pdf.dictionary(resources, RESOURCE[operator])
            spent += times * self._used(named, _name(name), resources, depth)
            if spent > MOST_EFFORT:
                raise _endless()
        return spent

    def _used(
        self, named: DictionaryObject, name: str, resources: DictionaryObject, depth: int
    ) -> int:
        if name not in named:
            return 1
        if depth > MOST_NESTED:
            raise _endless()
        thing = self.pdf.resolved(named.raw_get(name))
        return self._thing(thing, resources, depth + 1)

    def _thing(self, thing: object, resources: DictionaryObject, depth: int) -> int:
        """A form, a picture, a pattern, or a state with the form that masks it."""
        if isinstance(thing, DictionaryObject) and not isinstance(thing, StreamObject):
            thing = self.pdf.entry(self.pdf.dictionary(thing, "/SMask"), "/G")
        if not isinstance(thing, StreamObject):
            return 1
        if id(thing) not in self.known:
            self.known[id(thing)] = self._stream(thing, resources, depth)
        return self.known[id(thing)]

    def _stream(self, thing: StreamObject, resources: DictionaryObject, depth: int) -> int:
        if self.pdf.entry(thing, "/Subtype") == "/Image":
            width, height = (_number(self.pdf.entry(thing, k)) for k in ("/Width", "/Height"))
            return 1 + width * height // PIXELS_EACH
        own = self.pdf.dictionary(thing, "/Resources") if "/Resources" in thing else resources
        return self._content(self.pdf.content(thing), own, depth)


def _name(written: bytes) -> str:
    """A name as it is written in content (7.3.5)."""
    plain = re.sub(rb"#([0-9A-Fa-f]{2})", lambda m: bytes.fromhex(m[1].decode("ascii")), written)
    return str(NameObject("/" + plain.decode("utf-8", "replace")))


def _endless() -> MaterialError:
    return MaterialError(f"material: the PDF draws the same things without end: {NEW_PDF}")
