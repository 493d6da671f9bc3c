"""Presses (印版): what is the same for many documents of one design, compiled once.

A press makes what the reference writer would, for the price of what differs.  The reference stays
its oracle, and makes whatever a press cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from factory.page.marks import Placed, Value
from factory.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """One document with all its marks placed, and what goes into its file beside them.

    pictures: role -> JPEG.
    created:  aware; the only time in the file, of its seal too.
    twin:     the face as canonical JSON (照面信息); None: the file carries none.
    """

    placed: Placed
    values: Mapping[str, Value]
    pictures: Mapping[str, bytes] = field(repr=False)
    title: str
    created: datetime
    twin: bytes | None = field(repr=False)
    licence_id: str | None
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaiting:
    """A document that waits for its signature.

    digest: what the signer signs, 32 bytes.
    finish: the raw signature gives the file.
    """

    digest: bytes
    finish: Callable[[bytes], bytes] = field(repr=False)


class Press(Protocol):
    """A template: one design with its fonts and one seal, compiled.

    ident:  hex digits of a SHA-256 over everything it depends on.
    lacked: glyphs that its documents had to bring themselves so far.
    """

    ident: str
    lacked: int

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
