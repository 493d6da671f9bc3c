"""Verification (查验): what anybody is told of a certificate, by its code or by its file.

The status comes first.  Of the holder only what the register allows is told, and the name with
most of its characters hidden, as 个人信息保护法 (art. 6) asks: no more than the purpose needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from factory.contrast import Change, Sort, of_sort
from factory.kinds import certificate
from factory.model import EditionState, Standing
from factory.profile import Profile

HIDDEN = "*"


class Status(StrEnum):
    """What a certificate is today."""

    VALID = "valid"  #: 有效
    UNCOLLECTED = "uncollected"  #: 未领证: genuine, and its holder has not confirmed it
    OUTDATED = "outdated"  #: 待换发: genuine, but the register says something else by now
    SUPERSEDED = "superseded"  #: 已换发: a newer edition is in its place
    WITHDRAWN = "withdrawn"  #: 式样已停用: certificates of this design count no longer
    SUSPENDED = "suspended"  #: 暂扣
    EXPIRED = "expired"  #: 已过期
    CANCELLED = "cancelled"  #: 已注销: the registration has ended
    REVOKED = "revoked"  #: 已撤销: this edition alone
    ERASED = "erased"  #: 信息已删除: issued once; its holder's data, and so its content, is gone
    ALTERED = "altered"  #: 文件已被改动
    UNPROVED = "unproved"  #: 签名证书已失效: no longer trusted, nothing proves that it is older
    UNRECORDED = "unrecorded"  #: sealed by us, and the register knows no such file
    UNKNOWN = "unknown"  #: 查无此证: not ours, or not what was typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """Where an edition stands.

    registration: of which it is.
    edition:      its own state.
    last_day:     of the last profession on it.
    withdrawn:    from which day on its design counts no longer; None: it does.
    erased:       whether its holder's data is gone, and nothing can be said of its content.
    """

    registration: Standing
    edition: EditionState
    last_day: date
    withdrawn: date | None = None
    erased: bool = False

    def status(self, today: date) -> Status:
        """What is said of it first.

        today: the calendar day in China.
        """
        found = next(self._against(today), None)
        if found is not None:
            return found
        collected = self.edition is EditionState.COLLECTED
        return Status.VALID if collected else Status.UNCOLLECTED

    def _against(self, today: date) -> Iterator[Status]:
        """What speaks against it, the weightiest first."""
        if self.edition is EditionState.ORDERED:  # nobody can have it
            yield Status.UNKNOWN
        if self.registration is Standing.CANCELLED:
            yield Status.CANCELLED
        if self.edition in GONE:
            yield GONE[self.edition]
        if self.registration is Standing.SUSPENDED:
            yield Status.SUSPENDED
        if self.registration is Standing.LAPSED or self.last_day < today:
            yield Status.EXPIRED
        if self.edition is EditionState.OUTDATED:
            yield Status.OUTDATED
        if self.withdrawn is not None and self.withdrawn <= today:
            yield Status.WITHDRAWN
        if self.erased:
            yield Status.ERASED


GONE: Mapping[EditionState, Status] = MappingProxyType(
    {
        EditionState.REVOKED: Status.REVOKED,
        EditionState.SUPERSEDED: Status.SUPERSEDED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is printed on a certificate, as far as its register tells it to anybody."""

    title: str
    authority: str
    edition: int
    issued_on: date
    rows: tuple[tuple[str, tuple[str, ...]], ...] = field(repr=False)


def told(profile: Profile, stored: Mapping[str, object]) -> Told:
    """Of a stored face, by the register's rules of today.  FieldError: the face is broken."""
    face, rows = certificate.read(stored), certificate.rows(stored)
    label, _ = rows["name"]
    shown = {**rows, "name": (label, (masked(face.name),))}
    return Told(
        title=face.title,
        authority=face.authority.name,
        edition=face.edition,
        issued_on=face.issued_on,
        rows=tuple(shown[name] for name in profile.access.public),
    )


def masked(name: str) -> str:
    """A name of which the first character is shown, and of longer ones the last.

    >>> masked("王五"), masked("王小明"), masked("欧阳小明"), masked("王")
    ('王*', '王*明', '欧**明', '*')
    """
    if len(name) < 2:  # noqa: PLR2004 - nothing may be shown of it
        return HIDDEN * len(name)
    last = name[-1] if len(name) > 2 else HIDDEN  # noqa: PLR2004 - else nothing would be hidden
    return f"{name[0]}{HIDDEN * (len(name) - 2)}{last}"


def changed(changes: Sequence[Change]) -> tuple[str, ...]:
    """What has changed, in kind: the labels beside it on the page, and no value.

    changes: from this edition to the newest.
    """
    found = of_sort(changes, Sort.PRINTED, Sort.TWIN) or of_sort(changes, Sort.DESIGN)
    return tuple(dict.fromkeys(each.label for each in found))
