"""A batch as the line presses it: one template a design, and the reference writer for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.population import Asked
from factory.errors import PressUnableError
from factory.making import MAKINGS, Identity
from factory.model import Format
from factory.page.fonts import FontBook
from factory.pressing import Awaiting, Laid, Press
from factory.seals.tsp import imprint_of
from storage.tsa import TimeAuthority


class Presses:
    """The templates of a batch.

    made:         how many documents were made.
    by_reference: of those, how many the reference writer made, because no template could.
    """

    def __init__(
        self,
        fmt: Format,
        identity: Identity,
        sample: Sequence[Asked],
        fontbook: FontBook,
        *,
        with_twin: bool,
        authority: TimeAuthority | None = None,
    ) -> None:
        """authority: stamps all of them."""
        self.made = self.by_reference = 0
        self._making: Any = MAKINGS[fmt]
        self._identity, self._fontbook, self._with_twin = identity, fontbook, with_twin
        self._authority = authority
        self._sample = [self._laid(each) for each in sample]  # kept, and with it what is one value
        self._presses = self._compiled()

    def _compiled(self) -> dict[int, Press]:
        designs: dict[int, list[Laid]] = {}
        for laid in self._sample:
            designs.setdefault(_design(laid), []).append(laid)
        found = {}
        for design, some in designs.items():
            try:
                found[design] = self._making.press(some, self._identity)
            except PressUnableError:
                continue
        return found

    def make(self, people: Sequence[Asked]) -> list[bytes]:
        """A chunk: laid out, pressed, signed in one call, stamped if it is to be, closed."""
        awaiting = [self._awaiting(self._laid(each)) for each in people]
        self.made += len(people)
        signatures = self._identity.signer.sign_digests([each.digest for each in awaiting])
        tokens = self._tokens(signatures)
        return [
            each.finish(signature, token)
            for each, signature, token in zip(awaiting, signatures, tokens, strict=True)
        ]

    def _tokens(self, signatures: Sequence[bytes]) -> Sequence[bytes | None]:
        if self._authority is None:
            return [None] * len(signatures)
        return self._authority.stamps([imprint_of(each) for each in signatures])

    def _laid(self, asked: Asked) -> Laid:
        laid = asked.laid(self._fontbook, with_twin=self._with_twin)
        if self._authority is None:
            return laid
        return replace(laid, stamped=True, token_room=self._authority.room)

    def _awaiting(self, laid: Laid) -> Awaiting:
        """All of one document but its signature."""
        press = self._presses.get(_design(laid))
        if press is not None and press.fits(laid):
            try:
                return press.sealed(laid)
            except PressUnableError:
                pass
        self.by_reference += 1
        found: Awaiting = self._making.sealed(laid, self._identity)
        return found


def _design(laid: Laid) -> int:
    """What is printed of all documents of a sheet is the very same value."""
    return id(laid.placed.pages[0].fixed)
