"""Proof (校样): a drawn document read back by a reader that is not ours, before it is sealed.

``lint`` looks at what was placed; this looks at what came of it.  Messages name the field and
the rule, never the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from factory.errors import LintError
from factory.page.extract import Extract, PageText, extract
from factory.page.marks import TWIN, Page, Placed, Run, Value

TOLERANCE_PT = 1.5  #: a glyph's bearings may stand over its advance
REPLACEMENT = "\ufffd"
BROKEN = frozenset(REPLACEMENT + "\x00")

#: Latin ligatures (U+FB00 to U+FB06), which readers give as their letters.
LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofed:
    """What was read, and what should have been."""

    read: Extract
    placed: Placed
    values: Mapping[str, Value]


Rule = Callable[[Proofed], Iterator[str]]


def proof(
    document: bytes, placed: Placed, values: Mapping[str, Value], *, is_sealed: bool = False
) -> None:
    """Nothing, if a reader finds in the PDF what was placed, and nothing else.

    values:    what the kind says is printed, by slot.
    is_sealed: its one annotation is the seal.
    LintError: the broken rules as ``field: rule``.
    """
    proofed = Proofed(read=extract(document), placed=placed, values=values)
    rules = (rule for rule in RULES if not (is_sealed and rule is nothing_acts))
    broken = [problem for rule in rules for problem in rule(proofed)]
    if broken:
        raise LintError("; ".join(broken))


def every_page_is_there(proofed: Proofed) -> Iterator[str]:
    """As many as were placed."""
    if len(proofed.read.pages) != len(proofed.placed.pages):
        yield f"page: {len(proofed.read.pages)} instead of {len(proofed.placed.pages)}"


def every_value_is_read(proofed: Proofed) -> Iterator[str]:
    """Character by character in its order; it may go on in another line or on another page."""
    text = plain(proofed.read.text)
    for slot, runs in _runs_by_slot(proofed.placed).items():
        value = proofed.values.get(slot)
        if value is None:
            continue
        wanted = plain(value if isinstance(value, str) else "".join(value))
        if wanted not in text and not _in_pieces(wanted, runs, text):
            yield f"{slot}: is not in the document's text"


def every_page_says_what_was_placed(proofed: Proofed) -> Iterator[str]:
    """Labels too, and not a character more."""
    for number, (read, page) in enumerate(
        zip(proofed.read.pages, proofed.placed.pages, strict=False), start=1
    ):
        runs = [plain(run.text) for run in _runs(page)]
        if plain(read.text) != "".join(runs) and not _is_made_of(plain(read.text), runs):
            yield f"page {number}: its text is not what was placed"


def every_glyph_has_a_meaning(proofed: Proofed) -> Iterator[str]:
    """No empty box, and nothing that can be seen but not copied."""
    for number, page in enumerate(proofed.read.pages, start=1):
        if page.unread or BROKEN & set(page.text):
            yield f"page {number}: a glyph is missing, or no character is known for it"


def every_font_is_embedded(proofed: Proofed) -> Iterator[str]:
    """The page looks the same everywhere."""
    yield from (f"font {name}: is not embedded" for name in proofed.read.loose)


def everything_is_on_the_page(proofed: Proofed) -> Iterator[str]:
    """Nothing is drawn outside of the page's box."""
    for number, page in enumerate(proofed.read.pages, start=1):
        if not _inside(page):
            yield f"page {number}: something is drawn outside of it"


def nothing_acts(proofed: Proofed) -> Iterator[str]:
    """No scripts, actions, links, forms or annotations: a document is paper."""
    read = proofed.read
    yield from (f"document: has {name} in it" for name in read.active)
    if read.forms:
        yield "document: has an interactive form in it"
    if read.annotations:
        yield "document: has annotations in it"


def nothing_is_attached(proofed: Proofed) -> Iterator[str]:
    """But for the machine-readable twin, once."""
    attached = proofed.read.attachments
    if any(name != TWIN for name in attached) or len(attached) > 1:
        yield f"document: has attachments that are not {TWIN}"


RULES: tuple[Rule, ...] = (
    every_page_is_there,
    every_value_is_read,
    every_page_says_what_was_placed,
    every_glyph_has_a_meaning,
    every_font_is_embedded,
    everything_is_on_the_page,
    nothing_acts,
    nothing_is_attached,
)


def plain(text: str) -> str:
    """Without white space, which a reader may see where there is only distance."""
    return "".join(text.translate(LIGATURES).split())


def _runs(page: Page) -> Iterator[Run]:
    return (mark for mark in page.marks if isinstance(mark, Run))


def _runs_by_slot(placed: Placed) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for page in placed.pages:
        for run in _runs(page):
            if run.slot is not None:
                found.setdefault(run.slot, []).append(run.text)
    return found


def _in_pieces(wanted: str, runs: Sequence[str], text: str) -> bool:
    """Whether the value's pieces are read one after the other, with other words between them."""
    at = 0
    for piece in map(plain, runs):
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return plain("".join(runs)) == wanted


def _is_made_of(text: str, runs: Sequence[str]) -> bool:
    """Whether these runs, each whole and once, are the text, in whatever order they are read.

    A reader may go on to another column before the second line of a value.
    """
    for run in sorted(runs, key=len, reverse=True):
        before, found, rest = text.partition(run)
        if run and not found:
            return False
        text = f"{before}\n{rest}" if run else text
    return not plain(text)


def _inside(page: PageText) -> bool:
    if page.edges is None:
        return True
    left, bottom, right, top = page.edges
    return (
        left >= page.box[0] - TOLERANCE_PT
        and bottom >= page.box[1] - TOLERANCE_PT
        and right <= page.box[2] + TOLERANCE_PT
        and top <= page.box[3] + TOLERANCE_PT
    )
