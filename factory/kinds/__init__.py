"""The kinds of document (文书种类): one module each, found here by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from factory.kinds import certificate
from factory.model import Kind
from factory.profile import Profile
from factory.sheet import Sheet, Value


class DocumentKind(Protocol):
    """What a module of a kind gives; the face is its stored, versioned JSON."""

    def title(self, profile: Profile, face: Mapping[str, object]) -> str:
        """What the document is called."""

    def sheet(self, profile: Profile, face: Mapping[str, object]) -> Sheet:
        """The design it is drawn on; the same value for faces of one design."""

    def values(self, profile: Profile, face: Mapping[str, object]) -> Mapping[str, Value]:
        """What is printed in each slot, exactly as printed."""


KINDS: Mapping[Kind, DocumentKind] = {Kind.CERTIFICATE: certificate}
