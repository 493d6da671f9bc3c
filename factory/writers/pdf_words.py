"""What differs on a page, as PDF operators: runs, pictures and codes.  ISO 32000-1, 9.4 and 8.9.

A press has one constant font a face, with the characters that most of its documents need.  Others
are left to a font of the document's own; a run changes between the two and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from factory.errors import PressUnableError
from factory.page.fonts import Face
from factory.page.marks import MM_PER_PT, Code, Colour, Filled, Picture, Run
from factory.writers.pdf import colour_operator, number

MOST_KEPT = 4096
AWAY, BACK = "\x01", "\x02"  #: here a run leaves the constant font, and comes back
OWN = f"{AWAY}%04X{BACK}"
OWN_NAME = "Own%d"  #: of a document's own fonts, in their order
ASCII = 128


class Codes(dict[str, str]):
    """Of the characters of a face that a constant font has, as hex digits; of others as well.

    shared: the constant font's name in the page's resources; empty: there is none.
    own:    that of the document's own font; empty: it has needed none so far.
    brings: what that one has to have: its glyphs are numbered from 1 as they are met.
    """

    def __init__(self, shared: str, glyphs: Mapping[str, int]) -> None:
        super().__init__({ch: f"{glyph:04X}" for ch, glyph in glyphs.items()})
        self.shared, self.own = shared, ""
        self.brings: dict[str, str] = {}
        low = bytearray(ASCII)
        for ch, glyph in glyphs.items():
            if ord(ch) < ASCII and glyph <= 0xFF:  # noqa: PLR2004 - a byte
                low[ord(ch)] = glyph
        self._low = bytes(low).ljust(0x100, b"\0")

    def __missing__(self, ch: str) -> str:
        brings = self.brings
        return brings.get(ch) or brings.setdefault(ch, OWN % (len(brings) + 1))

    def encode(self, text: str) -> str:
        """Glyph numbers as hex digits; those of the document's own between AWAY and BACK."""
        if text.isascii():
            glyphs = text.encode("ascii").translate(self._low)
            if 0 not in glyphs:
                wide = bytearray(2 * len(glyphs))
                wide[1::2] = glyphs
                return wide.hex()
        return "".join(map(self.__getitem__, text))


class Writing:
    """Turns the marks of a page of that height into operators, one document after the other.

    fonts: the constant fonts by face: name in the page's resources, and glyphs.
    """

    def __init__(
        self, height_mm: float, fonts: Mapping[Face, tuple[str, Mapping[str, int]]]
    ) -> None:
        self._height_mm = height_mm
        self._codes = {face: Codes(*font) for face, font in fonts.items()}
        self._bringing: list[tuple[Face, Codes]] = []
        self._kept: dict[int, tuple[Filled, str]] = {}
        self._heads: dict[tuple[object, ...], str] = {}

    def content(self, marks: Iterable[Filled]) -> tuple[bytes, Mapping[Face, Sequence[str]]]:
        """The content stream, and by face the characters of the document's own fonts.

        Those are called ``OWN_NAME`` in this order, and their glyphs are numbered from 1.
        PressUnableError: a mark that no template takes.
        """
        try:
            words = self._words(marks)
        except PressUnableError:
            self._brought()  # nothing of it comes into the next document
            raise
        return " ".join(words).encode("ascii"), self._brought()

    def _words(self, marks: Iterable[Filled]) -> list[str]:
        kept, words = self._kept, []
        for mark in marks:
            known = kept.get(id(mark))
            if known is not None and known[0] is mark:
                words.append(known[1])
            else:
                words.append(self._run(mark) if isinstance(mark, Run) else self._figure(mark))
        return words

    def _brought(self) -> Mapping[Face, Sequence[str]]:
        found = {}
        for face, codes in self._bringing:
            found[face] = tuple(codes.brings)
            codes.own, codes.brings = "", {}
        self._bringing.clear()
        return found

    def _keep(self, mark: Filled, written: str) -> str:
        """The same mark comes again where its value does."""
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[id(mark)] = (mark, written)
        return written

    def _run(self, run: Run) -> str:
        if run.bold_mm:
            raise PressUnableError("a value in bold")
        codes = self._codes.get(run.face)
        if codes is None:
            codes = self._codes[run.face] = Codes("", {})
        digits = codes.encode(run.text)
        if AWAY in digits:
            return self._mixed(run, digits, codes)
        return self._keep(run, f"{self._start(run, codes.shared)}{digits}>Tj ET")

    def _mixed(self, run: Run, digits: str, codes: Codes) -> str:
        """Now in the constant font, now in the document's own: never the same twice."""
        if not codes.own:
            codes.own = OWN_NAME % len(self._bringing)
            self._bringing.append((run.face, codes))
        start = self._start(run, codes.own if digits[0] == AWAY else codes.shared)
        inner = digits.replace(BACK + AWAY, "").strip(AWAY + BACK)
        if AWAY in inner or BACK in inner:
            size = self._size(run.size_pt)
            inner = inner.replace(AWAY, f">Tj /{codes.own} {size} Tf<")
            inner = inner.replace(BACK, f">Tj /{codes.shared} {size} Tf<")
        return f"{start}{inner}>Tj ET"

    def _start(self, run: Run, alias: str) -> str:
        """Everything of a run before its digits."""
        _, _, x_mm, y_mm, _, size_pt, colour, _, _ = run
        key = (alias, x_mm, y_mm, size_pt, colour)
        return self._heads.get(key) or self._learn(key, self._opening(run, alias))

    def _size(self, size_pt: float) -> str:
        return self._heads.get((size_pt,)) or self._learn((size_pt,), number(size_pt))

    def _figure(self, mark: Picture | Code) -> str:
        if isinstance(mark, Code):
            return f"{self._head(mark)}{mark.bits.hex()}> EI Q"
        return self._keep(mark, self._picture(mark))

    def _opening(self, run: Run, alias: str) -> str:
        x, y = number(run.x_mm / MM_PER_PT), self._up(run.y_mm)
        colour = _fill(run.colour)
        return f"BT {colour} /{alias} {number(run.size_pt)} Tf {x} {y} Td <"

    def _head(self, code: Code) -> str:
        """Everything of a code before its digits (8.9.7)."""
        key = (code.slot, code.side)
        return self._heads.get(key) or self._learn(key, self._stencil(code))

    def _stencil(self, code: Code) -> str:
        x, y = number(code.x_mm / MM_PER_PT), self._up(code.y_mm + code.size_mm)
        size = number(code.size_mm / MM_PER_PT)
        return (
            f"q 0 g {size} 0 0 {size} {x} {y} cm"
            f" BI /IM true /W {code.side} /H {code.side} /BPC 1 /D [1 0] /F /AHx ID "
        )

    def _picture(self, picture: Picture) -> str:
        width, height = (number(mm / MM_PER_PT) for mm in (picture.width_mm, picture.height_mm))
        x, y = number(picture.x_mm / MM_PER_PT), self._up(picture.y_mm + picture.height_mm)
        return f"q {width} 0 0 {height} {x} {y} cm /{picture.role} Do Q"

    def _up(self, y_mm: float) -> str:
        return number((self._height_mm - y_mm) / MM_PER_PT)

    def _learn(self, key: tuple[object, ...], words: str) -> str:
        if len(self._heads) >= MOST_KEPT:
            self._heads.clear()
        self._heads[key] = words
        return words


def _fill(colour: Colour) -> str:
    return colour_operator(colour, "rg")
