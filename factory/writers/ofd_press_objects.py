"""Runs as text objects of an OFD, as ``ofd_objects`` writes them, what they share written once.

Most runs of a batch are those of its last document too, and ``layout`` gives the very same ones:
their objects are kept.  Of the others only what differs is worked out: the text, its width and its
advances.  Whatever is out of the ordinary is asked of ``text_object``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from factory.errors import PressUnableError
from factory.ofd.xml import ESCAPES, UNWRITABLE, escaped, number
from factory.page.fonts import Face
from factory.page.marks import MM_PER_PT, Run
from factory.writers.ofd_objects import ABOVE, BELOW, REPEATED, text_object
from factory.writers.ofd_press_fonts import DataFont

MOST_KEPT = 2048  #: objects
MOST_SETTINGS = 256  #: sizes, places and colours of lines
SPECIAL = re.compile(f"{UNWRITABLE.pattern}|[{re.escape(''.join(map(chr, ESCAPES)))}]")
STRETCHES = re.compile(r"((.)\2*)", re.DOTALL)  #: of one width
NO_PENS: Mapping[float, int] = {}
FIRST_CLASS = 0x100  #: a width is called by a character; none of them is told from another's text

#: The run, its id, its object, which characters its font must have beside the shared ones, and its
#: id among the tags, which a blank one has not.
Kept = tuple[Run, int, str, frozenset[str], int]


class Objects:
    """Text objects of one design.

    kept: those that were asked for, by the id() of their runs, which are kept with them.
    """

    def __init__(self, font: Callable[[Face], DataFont]) -> None:
        """font: of a face; PressUnableError."""
        self.kept: dict[int, Kept] = {}
        self._font = font
        self._settings: dict[tuple[object, ...], _Setting] = {}

    def made(self, run: Run, ident: int) -> Kept:
        """With the object that ``text_object`` gives."""
        further = frozenset(run.text).difference(self._font(run.face).shared)
        tagged = bool(run.slot) and not run.text.isspace()
        written = self._written(run, ident)
        if len(self.kept) >= MOST_KEPT:
            self.kept.clear()
        made = self.kept[id(run)] = (run, ident, written, further, ident if tagged else -ident)
        return made

    def _written(self, run: Run, ident: int) -> str:
        text, font = run.text, self._font(run.face).number
        if run.bold_mm:
            raise PressUnableError("a value is printed bold")
        if not text or text != text.strip():
            return text_object(run, ident, font, NO_PENS)
        where = (ident, run.face, run.y_mm, run.size_pt, run.colour)
        setting = self._settings.get(where)
        if setting is None:
            if len(self._settings) >= MOST_SETTINGS:
                self._settings.clear()
            setting = self._settings[where] = _Setting(run, ident, font)
        return setting.object(run.x_mm, text)


class _Setting:
    """Where and how a line is set: all of its object but text, width and advances."""

    def __init__(self, run: Run, ident: int, font: int) -> None:
        em_mm = run.size_pt * MM_PER_PT
        self._em_mm, self._widths = em_mm, _widths(run.face)
        self._advances = _advances(run.face, em_mm)
        colour = " ".join(map(str, run.colour))
        self._start = f'<ofd:TextObject ID="{ident}" Boundary="'
        self._top = f" {number(run.y_mm - ABOVE * em_mm)} "
        self._rest = (
            f' {number((ABOVE + BELOW) * em_mm)}" Font="{font}" Size="{number(em_mm)}">'
            f'<ofd:FillColor Value="{colour}"/>'
            f'<ofd:TextCode X="0" Y="{number(ABOVE * em_mm)}"'
        )

    def object(self, x_mm: float, text: str) -> str:
        """Of a text without blanks at its ends, and not bold."""
        width_mm = sum(map(self._widths.__getitem__, text)) * self._em_mm
        written = escaped(text) if SPECIAL.search(text) else text
        return (
            f"{self._start}{_kept_number(x_mm)}{self._top}{number(width_mm)}{self._rest}"
            f"{self._advances.written(text)}>{written}</ofd:TextCode></ofd:TextObject>"
        )


class _Widths(dict[str, float]):
    """Of a face's characters, in ems."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def __missing__(self, ch: str) -> float:
        self[ch] = self._face.advance(ch)
        return self[ch]


class _Advances:
    """From each character to the next (DeltaX), of one face in one size.

    A text is taken for the classes of its characters' widths, cut into stretches of one class.
    """

    def __init__(self, face: Face, em_mm: float) -> None:
        self._face, self._em_mm = face, em_mm
        self._classes: dict[int, str] = _Classes(face, em_mm)
        self._known: dict[tuple[str, str], str] = _Stretches(self._classes)

    def written(self, text: str) -> str:
        """The attribute; none for one character."""
        if len(text) == 1:
            return ""
        stretches = STRETCHES.findall(text[:-1].translate(self._classes))
        return f' DeltaX="{" ".join(map(self._known.__getitem__, stretches))}"'


class _Classes(dict[int, str]):
    """What stands for each character's width; the same for the same width as it is written."""

    def __init__(self, face: Face, em_mm: float) -> None:
        self._face, self._em_mm = face, em_mm
        self._found: dict[str, str] = {}

    def __missing__(self, code: int) -> str:
        width = number(self._face.advance(chr(code)) * self._em_mm)
        self[code] = self._found.setdefault(width, chr(FIRST_CLASS + len(self._found)))
        return self[code]

    def width(self, each: str) -> str:
        """That of a class."""
        return next(width for width, found in self._found.items() if found == each)


class _Stretches(dict[tuple[str, str], str]):
    """As a stretch of one class is written, three and more shorter as ``g n v``."""

    def __init__(self, classes: _Classes) -> None:
        self._classes = classes

    def __missing__(self, stretch: tuple[str, str]) -> str:
        count, width = len(stretch[0]), self._classes.width(stretch[1])
        self[stretch] = f"g {count} {width}" if count >= REPEATED else " ".join([width] * count)
        return self[stretch]


_widths = lru_cache(maxsize=64)(_Widths)
_advances = lru_cache(maxsize=64)(_Advances)
_kept_number = lru_cache(maxsize=512)(number)
