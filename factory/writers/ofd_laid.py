"""A document laid out, as the reference writer draws it for its register.  GB/T 33190-2016."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from factory.errors import FieldError
from factory.ofd.package import Member
from factory.ofd.proof import proof
from factory.page.marks import Value
from factory.pressing import Laid
from factory.writers import ofd
from factory.writers.ofd import OfdNames


def drawn(laid: Laid) -> Sequence[Member]:
    """Drawn and read again: what a reader finds is what was placed.

    FieldError: it lacks what an OFD of its register holds.
    LintError:  a reader would find something else.
    """
    if laid.twin is None:
        raise FieldError("twin", "GB/T 36905-2018", "an OFD carries the face as data")
    members = ofd.draw(
        laid.placed,
        laid.pictures,
        title=laid.title,
        created=laid.created,
        twin=laid.twin,
        licence_id=laid.licence_id,
        names=names_of(laid),
        metadata=_metadata(laid),
    )
    proof(members, laid.placed)
    return members


def names_of(laid: Laid) -> OfdNames:
    """What its register calls things (``ofd`` of its profile)."""
    rules = laid.profile.ofd
    return OfdNames(licence_id=rules.licence_id, tags=rules.tags)


def constant_data(laid: Laid) -> Mapping[str, str]:
    """Fields that are the same for all documents of a design."""
    authority = laid.profile.authority
    return {
        "title": laid.title,
        "authority.name": authority.name,
        "authority.credit_code": authority.credit_code,
    }


def in_one_line(value: Value) -> str:
    """A printed value as data has it."""
    return value if isinstance(value, str) else " ".join(value)


def _metadata(laid: Laid) -> Mapping[str, str]:
    """The CustomDatas that the register wants, by their names there."""
    said: Mapping[str, Value] = {**laid.values, **constant_data(laid)}
    for each in laid.profile.ofd.data:
        if each.field not in said:
            raise FieldError(
                "ofd.data", f"profile {laid.profile.id}", f"nothing prints {each.field}"
            )
    return {each.name: in_one_line(said[each.field]) for each in laid.profile.ofd.data}
