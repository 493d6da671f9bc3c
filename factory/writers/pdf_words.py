"""What differs on a page, as PDF operators: runs, pictures and codes.  ISO 32000-1, 9.4 and 8.9.

A press has one constant font a face, with the characters that most of its documents need.  Others
are left to a font of the document's own; a run changes between the two and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from factory.errors import PressUnableError
from factory.page.fonts import Face, Subset
from factory.page.marks import MM_PER_PT, Code, Colour, Filled, Picture, Run
from factory.writers.pdf import colour_operator, number

MOST_KEPT = 4096
AWAY, BACK = "\x01", "\x02"  #: here a run leaves the constant font, and comes back
ASCII = 128


class Begun(NamedTuple):
    """A page's content on its way.

    words:   of each mark, in their order.
    waiting: runs that need the document's own font, and where they stand.
    lacking: by face, the characters that its constant font lacks.
    """

    words: list[str]
    waiting: list[tuple[int, Run]]
    lacking: Mapping[Face, set[str]]


class Codes(dict[str, str]):
    """Of the characters of a face that a constant font has, as hex digits.

    alias:   that font's name in the page's resources; empty: there is none.
    lacking: characters that were asked for and are not in it, gathered for one document.
    """

    def __init__(self, alias: str, glyphs: Mapping[str, int]) -> None:
        super().__init__({ch: f"{glyph:04X}" for ch, glyph in glyphs.items()})
        self.alias = alias
        self.lacking: set[str] = set()
        low = bytearray(ASCII)
        for ch, glyph in glyphs.items():
            if ord(ch) < ASCII and glyph <= 0xFF:  # noqa: PLR2004 - a byte
                low[ord(ch)] = glyph
        self._low = bytes(low).ljust(0x100, b"\0")

    def __missing__(self, ch: str) -> str:
        self.lacking.add(ch)
        return f"{AWAY}{ch}{BACK}"

    def encode(self, text: str) -> str:
        """Glyph numbers as hex digits; what is lacking stands between AWAY and BACK."""
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
    own:   how the document's own font of a face is called.
    """

    def __init__(
        self,
        height_mm: float,
        fonts: Mapping[Face, tuple[str, Mapping[str, int]]],
        own: Callable[[Face], str],
    ) -> None:
        self._height_mm, self._own = height_mm, own
        self._codes = {face: Codes(*font) for face, font in fonts.items()}
        self._kept: dict[int, tuple[Filled, str]] = {}
        self._heads: dict[tuple[object, ...], str] = {}

    def begun(self, marks: Iterable[Filled]) -> Begun:
        """Every mark in operators; those that lack characters wait for the document's own font."""
        kept, words, waiting = self._kept, [], []
        for mark in marks:
            known = kept.get(id(mark))
            if known is not None and known[0] is mark:
                words.append(known[1])
                continue
            written = self._run(mark) if isinstance(mark, Run) else self._figure(mark)
            if isinstance(mark, Run) and AWAY in written:
                waiting.append((len(words), mark))
            else:
                self._keep(mark, written)
            words.append(written)
        return Begun(words, waiting, self._lacking() if waiting else {})

    def _keep(self, mark: Filled, written: str) -> None:
        """The same mark comes again where its value does."""
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[id(mark)] = (mark, written)

    def content(self, begun: Begun, subsets: Mapping[Face, Subset]) -> bytes:
        """The content stream.  subsets: the document's own fonts, with what is lacking."""
        for place, run in begun.waiting:
            digits = begun.words[place]
            begun.words[place] = self._mixed(run, digits, subsets[run.face].glyphs)
        return " ".join(begun.words).encode("ascii")

    def _lacking(self) -> dict[Face, set[str]]:
        found = {}
        for face, codes in self._codes.items():
            if codes.lacking:
                found[face], codes.lacking = codes.lacking, set()
        return found

    def _run(self, run: Run) -> str:
        """In operators; where characters are lacking, its digits alone."""
        if run.bold_mm:
            raise PressUnableError("a value in bold")
        codes = self._codes.get(run.face)
        if codes is None:
            codes = self._codes[run.face] = Codes("", {})
        digits = codes.encode(run.text)
        return digits if AWAY in digits else f"{self._start(run, codes.alias)}{digits}>Tj ET"

    def _mixed(self, run: Run, digits: str, glyphs: Mapping[str, int]) -> str:
        """Now in the constant font, now in the document's own."""
        for ch in set(run.text).intersection(glyphs):
            digits = digits.replace(f"{AWAY}{ch}{BACK}", f"{AWAY}{glyphs[ch]:04X}{BACK}")
        digits = digits.replace(BACK + AWAY, "")
        shared, own, size = self._codes[run.face].alias, self._own(run.face), number(run.size_pt)
        start = self._start(run, own if digits[0] == AWAY else shared)
        inner = digits.strip(AWAY + BACK).replace(AWAY, f">Tj /{own} {size} Tf<")
        return f"{start}{inner.replace(BACK, f'>Tj /{shared} {size} Tf<')}>Tj ET"

    def _figure(self, mark: Picture | Code) -> str:
        if isinstance(mark, Code):
            return f"{self._head(mark)}{mark.bits.hex()}> EI Q"
        return self._picture(mark)

    def _start(self, run: Run, alias: str) -> str:
        """Everything of a run before its digits."""
        key = (alias, run.x_mm, run.y_mm, run.size_pt, run.colour)
        return self._heads.get(key) or self._learn(key, self._opening(run, alias))

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
