"""Endings (到期): what ends by itself within a span: certificates, keys, seals, CAs and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from factory.errors import FieldError

#: a number of days or weeks, as people write it or as ISO 8601-1:2019, 5.5.2.4 does (P90D, P12W)
WRITTEN = re.compile(r"P?([0-9]{1,4})([DW])", re.ASCII | re.IGNORECASE)
DAYS = {"D": 1, "W": 7}
MOST_DAYS = 3660


class Thing(StrEnum):
    """What may end."""

    SIGNING_CERTIFICATE = "signing_certificate"  #: 签名证书, and with it what its key may seal
    SEAL = "seal"  #: 电子印章: itself, its signer's or its maker's certificate, whichever is first
    ISSUER = "issuer"  #: 上级证书: a CA between a root and who signs
    TRUST_ROOT = "trust_root"  #: 根证书
    PARTY_ROOT = "party_root"  #: of the CAs that persons and enterprises sign under
    TIME_STAMPING = "time_stamping"  #: 时间戳服务: its own certificate, where that is at hand
    REVOCATION_LIST = "revocation_list"  #: 吊销列表: by when its CA issues the next one
    ACCESS_KEY = "access_key"  #: 访问密钥
    OPERATOR = "operator"  #: 操作员令牌


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One thing that ends.

    name: of the identity, the file, or whose it is; of an access key its public key id.
    ends: the last moment of it.
    days: whole days left; less than none: it has ended.
    """

    thing: Thing
    name: str
    ends: datetime
    days: int


def span(text: str) -> timedelta:
    """The span that is written so: ``90d``, ``12w``, ``P90D``.

    FieldError: it is none, or is longer than ten years.

    >>> span("12w").days, span("P90D").days
    (84, 90)
    """
    found = WRITTEN.fullmatch(text)
    days = int(found[1]) * DAYS[found[2].upper()] if found else 0
    if not 1 <= days <= MOST_DAYS:
        rule = "ISO 8601-1:2019, 5.5.2.4"
        raise FieldError("span", rule, f"days or weeks, as in 90d or 12w; {MOST_DAYS} d at most")
    return timedelta(days=days)


def last_day(today: date, within: timedelta) -> date:
    """The last day that still lies within the span; the span's first day is today."""
    return today + within


def ending(thing: Thing, name: str, ends: datetime, *, now: datetime) -> Ending:
    """Of something that ends then."""
    return Ending(thing=thing, name=name, ends=ends, days=(ends - now) // timedelta(days=1))


def within(found: Iterable[Ending], span: timedelta, *, now: datetime) -> tuple[Ending, ...]:
    """Those that end within the span or have ended already, the first to end first."""
    near = (each for each in found if each.ends <= now + span)
    return tuple(sorted(near, key=lambda each: (each.ends, each.thing, each.name)))
