"""What differs on a page, as PDF operators: runs, pictures and codes.  ISO 32000-1, 9.4 and 8.9.

A press has one constant font a face, with the characters that most of its documents need.  Others
are left to a font of the document's own; a run changes between the two and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from factory.errors import PressUnableError
from factory.page.fonts import Face, Subset
from factory.page.marks import MM_PER_PT, Code, Colour, Filled, Picture, Run
from factory.writers.pdf import colour_operator, number

MOST_KEPT = 4096
AWAY, BACK = "\x01", "\x02"  #: here a run leaves the constant font, and comes back
OWN = f"{AWAY}%04X{BACK}"
ASCII = 128

#: what is printed, and what of it the constant fonts lack; None: only the document can say
Words = tuple[Filled, str | None, frozenset[str]]
Lacking = dict[Face, set[str]]
NOTHING: frozenset[str] = frozenset()


class ConstantFont:
    """The constant font of one face.

    alias: its name in the page's resources.
    """

    def __init__(self, alias: str, glyphs: Mapping[str, int]) -> None:
        self.alias = alias
        self.codes = {ch: f"{glyph:04X}" for ch, glyph in glyphs.items()}
        low = bytearray(ASCII)
        for ch, glyph in glyphs.items():
            if ord(ch) < ASCII and glyph <= 0xFF:  # noqa: PLR2004 - a byte
                low[ord(ch)] = glyph
        self._low = bytes(low).ljust(0x100, b"\0")

    def encode(self, text: str) -> str | None:
        """Glyph numbers as hex digits; None where a character is not in the font."""
        if text.isascii():
            glyphs = text.encode("ascii").translate(self._low)
            if 0 not in glyphs:
                wide = bytearray(2 * len(glyphs))
                wide[1::2] = glyphs
                return wide.hex()
        try:
            return "".join(map(self.codes.__getitem__, text))
        except KeyError:
            return None


class Codes(dict[str, str]):
    """The codes of a constant font, and behind them those of the document that is written now.

    alias: of the constant font.
    """

    def __init__(self, shared: Mapping[str, str], alias: str) -> None:
        super().__init__(shared)
        self.alias = alias
        self.own: Mapping[str, str] = {}

    def __missing__(self, ch: str) -> str:
        return self.own[ch]


class Writing:
    """Turns the marks of a page of that height into operators.

    fonts: the constant fonts; a face that has none is the document's alone.
    own:   how the document's own font of a face is called.
    """

    def __init__(
        self, height_mm: float, fonts: Mapping[Face, ConstantFont], own: Callable[[Face], str]
    ) -> None:
        self._height_mm, self._fonts, self._own = height_mm, fonts, own
        self._mixes: dict[Face, Codes] = {}
        self._kept: dict[int, Words] = {}
        self._heads: dict[tuple[object, ...], str] = {}

    def words(self, marks: Iterable[Filled], lacking: Lacking) -> Sequence[Words]:
        """Every mark; what the constant fonts lack is gathered by face."""
        kept, found = self._kept, []
        for mark in marks:
            words = kept.get(id(mark))
            if words is None or words[0] is not mark:
                words = self._keep(mark)
            if words[2]:
                lacking.setdefault(mark.face, set()).update(words[2])  # type: ignore[union-attr]
            found.append(words)
        return found

    def content(self, words: Iterable[Words], subsets: Mapping[Face, Subset]) -> bytes:
        """The content stream.  subsets: the document's own fonts."""
        for face, subset in subsets.items():
            self._codes(face).own = {ch: OWN % glyph for ch, glyph in subset.glyphs.items()}
        return " ".join(
            [
                self._mixed(mark) if written is None else written  # type: ignore[arg-type]
                for mark, written, _ in words
            ]
        ).encode("ascii")

    def _keep(self, mark: Filled) -> Words:
        """The same mark comes again where its value does."""
        words = self._of(mark)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[id(mark)] = words
        return words

    def _of(self, mark: Filled) -> Words:
        if isinstance(mark, Run):
            return self._run(mark)
        if isinstance(mark, Code):
            return mark, f"{self._head(mark)}{mark.bits.hex()}> EI Q", NOTHING
        return mark, self._picture(mark), NOTHING

    def _run(self, run: Run) -> Words:
        if run.bold_mm:
            raise PressUnableError("a value in bold")
        font = self._fonts.get(run.face)
        if font is None:
            return run, None, frozenset(run.text)
        digits = font.encode(run.text)
        if digits is None:
            return run, None, frozenset(run.text).difference(font.codes)
        return run, f"{self._start(run, font.alias)}{digits}>Tj ET", NOTHING

    def _mixed(self, run: Run) -> str:
        """Now in the constant font, now in the document's own."""
        codes, size = self._codes(run.face), number(run.size_pt)
        digits = "".join(map(codes.__getitem__, run.text)).replace(BACK + AWAY, "")
        shared, own = codes.alias, self._own(run.face)
        start = self._start(run, own if digits[0] == AWAY else shared)
        inner = digits.strip(AWAY + BACK)
        inner = inner.replace(AWAY, f">Tj /{own} {size} Tf<")
        return f"{start}{inner.replace(BACK, f'>Tj /{shared} {size} Tf<')}>Tj ET"

    def _codes(self, face: Face) -> Codes:
        found = self._mixes.get(face)
        if found is None:
            font = self._fonts.get(face)
            found = self._mixes[face] = Codes(
                font.codes if font else {}, font.alias if font else ""
            )
        return found

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
