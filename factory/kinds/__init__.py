"""The kinds of document (文书种类): one module each, found here by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from factory.kinds import (
    acceptance_notice,
    application_form,
    batch_report,
    certificate,
    filing_slip,
    rename_list,
)
from factory.model import Kind
from factory.page.rows import Table
from factory.page.sheet import Sheet, Value
from factory.profile import Profile


class DocumentKind(Protocol):
    """What a module of a kind gives; the face is its stored, versioned JSON."""

    FACE_VERSION: int
    SEALED: bool  #: the authority seals it

    def read(self, given: Any, /) -> Any:
        """A stored face, checked: what the others below take for one too.

        FieldError: a field is missing or of another version.
        """

    def title(self, profile: Profile, face: Mapping[str, object]) -> str:
        """What the document is called."""

    def sheet(self, profile: Profile, face: Mapping[str, object]) -> Sheet | Table:
        """The design it is drawn on; the same value for faces of one design."""

    def values(self, profile: Profile, face: Mapping[str, object]) -> Mapping[str, Value]:
        """What is printed in each slot, exactly as printed."""

    def file_name(self, profile: Profile, face: Mapping[str, object]) -> str:
        """What the file is called when it is downloaded."""


KINDS: Mapping[Kind, DocumentKind] = {
    Kind.CERTIFICATE: certificate,
    Kind.APPLICATION_FORM: application_form,
    Kind.ACCEPTANCE_NOTICE: acceptance_notice,
    Kind.FILING_SLIP: filing_slip,
    Kind.RENAME_LIST: rename_list,
    Kind.BATCH_REPORT: batch_report,
}
