"""The revisions of a form: what each signature covers, and what differs from one to the next."""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError, PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    DiffResult,
    ModificationLevel,
    SuspiciousModification,
)
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, enumerate_sig_fields

from factory.verify_verdict import in_utc

MOST_SIGNATURES = 64  #: each is over all that comes before it
#: what a signature may change in objects that were there before
FILLED = frozenset({"/V", "/AP"})  #: of its field
CATALOG = frozenset({"/AcroForm", "/Perms", "/Extensions", "/Version"})
ACRO_FORM = frozenset({"/SigFlags"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A filled field, as one revision of the file has it.

    field, value: number and generation of the field's object and of its signature dictionary.
    """

    name: str
    field: tuple[int, int]
    value: tuple[int, int]
    entries: Any
    numbers: tuple[int, ...]
    contents: bytes

    @property
    def end(self) -> int:
        """Where the bytes that it covers end."""
        return self.numbers[2] + self.numbers[3] if len(self.numbers) == 4 else -1  # noqa: PLR2004

    @property
    def moment(self) -> datetime | None:
        """The signing time it claims (ISO 32000-2, table 255)."""
        try:
            return in_utc(generic.parse_pdf_date(self.entries["/M"], strict=False))
        except (KeyError, TypeError, ValueError, PdfError):
            return None

    def terms(self, method: str) -> Any:
        """What it permits afterwards, by /DocMDP or /FieldMDP; None where it says nothing."""
        for reference in self.entries.get("/Reference", ()):
            if reference.get_object()["/TransformMethod"] == method:
                return reference.get_object()["/TransformParams"]
        return None

    @property
    def permitted(self) -> MDPPerm | None:
        terms = self.terms("/DocMDP")
        return None if terms is None else MDPPerm(int(terms["/P"]))

    @property
    def locked(self) -> FieldMDPSpec | None:
        terms = self.terms("/FieldMDP")
        return None if terms is None else FieldMDPSpec.from_pdf_object(terms)


def signatures(reader: PdfFileReader) -> tuple[Signature, ...]:
    """In the order of what they cover.  PdfError: more than any document of ours has."""
    found = list(islice(enumerate_sig_fields(reader, filled_status=True), MOST_SIGNATURES + 1))
    if len(found) > MOST_SIGNATURES:
        raise PdfReadError("more signatures than are judged")
    return tuple(sorted((_signature(*each) for each in found), key=lambda it: it.end))


def _signature(name: str, value: Any, field: Any) -> Signature:
    entries = value.get_object()
    return Signature(
        name=str(name),
        field=(field.reference.idnum, field.reference.generation),
        value=(value.reference.idnum, value.reference.generation),
        entries=entries,
        numbers=tuple(int(number) for number in entries["/ByteRange"]),
        contents=entries.raw_get("/Contents").original_bytes,
    )


def is_revision(
    revision: PdfFileReader, whole: PdfFileReader, now: Sequence[Signature], later: int
) -> bool:
    """Whether the file as it was shows the same signatures as the whole file does.

    now:   what the whole file shows up to that revision.
    later: how many revisions follow it, one for each later signature.
    """
    number = revision.xrefs.total_revisions - 1
    return (
        [(each.value, each.contents) for each in signatures(revision)]
        == [(each.value, each.contents) for each in now]
        and not revision.xrefs.hybrid_xrefs_present
        and revision.xrefs.get_startxref_for_revision(number)
        == whole.xrefs.get_startxref_for_revision(number)
        and whole.xrefs.total_revisions - 1 == number + later
    )


def modification(reader: PdfFileReader, signature: Signature) -> ModificationLevel:
    """What kind of change follows the signature, by pyHanko's difference policy."""
    changed = reader.xrefs.get_last_change(generic.Reference(*signature.value, reader))
    try:
        found = DEFAULT_DIFF_POLICY.review_file(
            reader, changed, field_mdp_spec=signature.locked, doc_mdp=signature.permitted
        )
    except SuspiciousModification:
        return ModificationLevel.OTHER
    return found.modification_level if isinstance(found, DiffResult) else ModificationLevel.OTHER


def only_filled(before: PdfFileReader, after: PdfFileReader, signature: Signature) -> bool:
    """Whether nothing that was there differs but the signature's own field.

    Stricter than the policy, which lets metadata and validation data be renewed.
    """
    root, field = before.root_ref, generic.Reference(*signature.field, before)
    form = before.root.raw_get("/AcroForm")
    allowed = {root.idnum: CATALOG, field.idnum: FILLED}
    if isinstance(form, generic.IndirectObject):
        allowed[form.reference.idnum] = ACRO_FORM
    return (
        after.root_ref.idnum == root.idnum
        and after.trailer.raw_get("/Info") == before.trailer.raw_get("/Info")
        and _alike(before.root["/AcroForm"], after.root["/AcroForm"], ACRO_FORM)
        and all(
            _alike(before.get_object(old), after.get_object(old), allowed.get(old.idnum))
            for old in _overwritten(before, after)
        )
    )


def _overwritten(before: PdfFileReader, after: PdfFileReader) -> Iterator[generic.Reference]:
    last = before.get_historical_resolver(before.xrefs.total_revisions - 1)
    for revision in range(before.xrefs.total_revisions, after.xrefs.total_revisions):
        for reference in after.xrefs.explicit_refs_in_revision(revision):
            if not last.is_ref_unassignable(reference):
                yield reference


def _alike(old: Any, new: Any, changing: frozenset[str] | None) -> bool:
    """Equal but for these entries; None: nothing of it may be written again."""
    if changing is None:
        return False
    return {key: old.raw_get(key) for key in old if key not in changing} == {
        key: new.raw_get(key) for key in new if key not in changing
    }
