"""Empty signature fields of a form, made before anybody signs.  ISO 32000-2, 12.7.5.5.

A field added after the first signature is a change that readers flag, so all of them are there
from the start.  The last one locks the document (FieldMDP, 12.8.2.4).
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    SigSeedValFlags,
    SigSeedValueSpec,
    append_signature_field,
)

from factory.page.marks import SignatureBox
from factory.seals.pades import PinnedWriter, box_on_page

#: what whoever signs must keep to: PAdES, and no weak digest (ETSI TS 119 312, 5.2)
SHA_2 = SigSeedValueSpec(
    flags=SigSeedValFlags.SUBFILTER | SigSeedValFlags.DIGEST_METHOD,
    subfilters=[SigSeedSubFilter.PADES],
    digest_methods=["sha256", "sha384", "sha512"],
)
#: the same where SM2 may sign: no name of SM3 is known there (ISO 32000-2, table 237)
ANY_DIGEST = SigSeedValueSpec(flags=SigSeedValFlags.SUBFILTER, subfilters=[SigSeedSubFilter.PADES])


def with_fields(
    document: bytes,
    fields: Sequence[SignatureBox],
    *,
    now: datetime,
    seed: SigSeedValueSpec = SHA_2,
) -> bytes:
    """The document with an empty field for each party, in the order they sign.

    fields: none is a prefix of another's name; the last locks what stands before it.
    now:    aware; with equal arguments the bytes are equal.
    seed:   what whoever signs must keep to.
    """
    if not fields:
        return document
    writer = PinnedWriter(document, now)
    for field in fields:
        append_signature_field(writer, _spec(writer, field, seed, locks=field is fields[-1]))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _spec(
    writer: PinnedWriter, field: SignatureBox, seed: SigSeedValueSpec, *, locks: bool
) -> SigFieldSpec:
    return SigFieldSpec(
        sig_field_name=field.name,
        on_page=field.page,
        box=box_on_page(writer, field),  # type: ignore[arg-type]
        seed_value_dict=seed,
        field_mdp_spec=FieldMDPSpec(FieldMDPAction.ALL) if locks else None,
        doc_mdp_update_value=MDPPerm.NO_CHANGES if locks else None,
    )
