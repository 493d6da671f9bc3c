"""Presses (印版): what is the same for many documents of one design, compiled once.

A press makes what the reference writer would, for the price of what differs.  The reference stays
its oracle, and makes whatever a press cannot.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from factory.errors import SealRefusedError
from factory.page.fonts import Face
from factory.page.marks import AUTHORITY_SEAL, Placed, Run, SignatureBox, Value
from factory.profile import Profile
from factory.seals.longterm import Material

TOKEN_ROOM = 4096  #: unless the authority is known better


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """One document with all its marks placed, and what goes into its file beside them.

    pictures: role -> JPEG.
    created:  aware; the only time in the file, of its seal too.
    twin:     the face as canonical JSON (照面信息); None: the file carries none.
    stamped:  a time-stamp token comes beside its seal's signature.
    material: what a stamped PDF brings for those who verify it long after.
    token_room: bytes that are kept free for it, where room must be kept.
    """

    placed: Placed
    values: Mapping[str, Value]
    pictures: Mapping[str, bytes] = field(repr=False)
    title: str
    created: datetime
    twin: bytes | None = field(repr=False)
    licence_id: str | None
    profile: Profile
    stamped: bool = False
    token_room: int = TOKEN_ROOM
    material: Material | None = None

    @property
    def seal_box(self) -> SignatureBox:
        """Where the authority's seal goes.  SealRefusedError: the sheet has no place for one."""
        box = self.placed.signature(AUTHORITY_SEAL)
        if box is None:
            raise SealRefusedError("the sheet has no place for a seal")
        return box


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaiting:
    """A document that waits for its signature.

    digest: what the signer signs, 32 bytes.
    finish: the raw signature gives the file; with a time-stamp token over it (DER) as second
            argument, where the format takes one, a stamped one.
    """

    digest: bytes
    finish: Callable[..., bytes] = field(repr=False)


class Press(Protocol):
    """A template: one design with its fonts and one seal, compiled.

    ident:   hex digits of a SHA-256 over everything it depends on.
    is_worn: its documents have brought so much themselves that compiling anew pays.
    """

    ident: str

    @property
    def is_worn(self) -> bool:
        """See above."""

    def fits(self, laid: Laid) -> bool:
        """Whether this template is for that document: of its design, words and pictures."""

    def sealed(self, laid: Laid) -> Awaiting:
        """All of the file but its signature.

        PressUnableError: the reference writer must make it; says why.
        """

    def check(self, data: bytes) -> str:
        """What every file of the template passes before it is released, on its bytes alone.

        Returns the file's SHA-256 as hex digits, most of which is known beforehand.
        SelfCheckError: it does not pass.
        """


def shared_characters(sample: Sequence[Laid], *, one_in: int, most: int) -> Mapping[Face, str]:
    """Of each face the characters, in order, that a template's constant font is to have.

    Those that one document in so many prints, but never those of a single one of several; of too
    many the commonest.
    """
    counts: defaultdict[Face, Counter[str]] = defaultdict(Counter)
    for laid in sample:
        for face, characters in _printed(laid).items():
            counts[face].update(characters)
    least = max(min(2, len(sample)), len(sample) / one_in)
    shared = {
        face: "".join(sorted(ch for ch, n in _commonest(count, most) if n >= least))
        for face, count in counts.items()
    }
    return {face: characters for face, characters in shared.items() if characters}


def _printed(laid: Laid) -> Mapping[Face, set[str]]:
    printed: defaultdict[Face, set[str]] = defaultdict(set)
    for page in laid.placed.pages:
        for mark in page.filled:
            if isinstance(mark, Run):
                printed[mark.face].update(mark.text)
    return printed


def _commonest(count: Counter[str], most: int) -> Sequence[tuple[str, int]]:
    """Of equally common ones always the same."""
    return sorted(count.items(), key=lambda each: (-each[1], each[0]))[:most]
