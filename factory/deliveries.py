"""Deliveries (投递) of notices: what an answer means, when it is tried again, when to give up.

A notice that one endpoint does not take is tried again after growing pauses, and is failed after
so many tries; an endpoint that takes nothing is asked less and less often, and set aside when
that has gone on for long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus

FIRST_SECONDS = 5.0
FACTOR = 2.0
MOST_DOUBLINGS = 40
ALONE_FROM = 3  #: failures in a row from which the endpoint as a whole is left in peace
PROBE_MOST_SECONDS = 60.0


class EndpointState(StrEnum):
    """Whether an endpoint (接收地址) is sent to."""

    ACTIVE = "active"
    ASIDE = "aside"  #: until a person lets it go on
    OFF = "off"  #: removed, for good


class DeliveryState(StrEnum):
    """How far one notice for one endpoint is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  #: given up after the last try


class Answer(StrEnum):
    """What became of one try."""

    TAKEN = "taken"
    REFUSED = "refused"  #: any other status, or none
    GONE = "gone"  #: 410: nobody wants notices there any more
    BARRED = "barred"  #: this installation may not send there


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long failures are borne.

    tries:          of one notice, before it is failed.
    most_seconds:   the longest pause between two of them.
    aside_failures: in a row, and
    aside_seconds:  since the first of them: then the endpoint is set aside.
    """

    tries: int
    most_seconds: float
    aside_failures: int
    aside_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How an endpoint has answered lately.

    failures: in a row.
    since:    when the first of them was; None: the last answer was well.
    due_at:   nothing is sent to it before; None: at once.
    """

    state: EndpointState = EndpointState.ACTIVE
    failures: int = 0
    since: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a delivery after a try."""

    state: DeliveryState
    tries: int
    due_at: datetime


def answer_of(status: int | None) -> Answer:
    """What a status means; None: there was no answer.  Redirects are not followed: no delivery."""
    if status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer.TAKEN
    return Answer.GONE if status == HTTPStatus.GONE else Answer.REFUSED


def pause(tries: int, *, most_seconds: float, jitter: float) -> timedelta:
    """How long to wait after so many tries: twice as long each time, up to the most.

    jitter: from 0 to 1; takes off up to a fifth, so that not everything comes back at once.
    """
    whole = min(FIRST_SECONDS * FACTOR ** min(tries - 1, MOST_DOUBLINGS), most_seconds)
    return timedelta(seconds=whole * (1 - jitter / 5))


def fate(tries: int, answer: Answer, rules: Patience, *, now: datetime, jitter: float) -> Fate:
    """What becomes of a delivery that had been tried so often before.

    An endpoint that is gone, or may not be sent to, has not refused this notice: it is no try.
    """
    if answer is Answer.TAKEN:
        return Fate(state=DeliveryState.DELIVERED, tries=tries + 1, due_at=now)
    if answer is not Answer.REFUSED:
        return Fate(state=DeliveryState.PENDING, tries=tries, due_at=now)
    if tries + 1 >= rules.tries:
        return Fate(state=DeliveryState.FAILED, tries=tries + 1, due_at=now)
    wait = pause(tries + 1, most_seconds=rules.most_seconds, jitter=jitter)
    return Fate(state=DeliveryState.PENDING, tries=tries + 1, due_at=now + wait)


def health(before: Health, answer: Answer, rules: Patience, *, now: datetime) -> Health:
    """How the endpoint stands after an answer; one that is not active stays as it is."""
    if before.state is not EndpointState.ACTIVE:
        return before
    if answer is Answer.TAKEN:
        return Health()
    after = replace(before, failures=before.failures + 1, since=before.since or now)
    if answer is not Answer.REFUSED or _is_hopeless(after, rules, now):
        return replace(after, state=EndpointState.ASIDE, due_at=None)
    return replace(after, due_at=_due(after.failures, rules, now))


def _is_hopeless(said: Health, rules: Patience, now: datetime) -> bool:
    lasted = (now - (said.since or now)).total_seconds()
    return said.failures >= rules.aside_failures and lasted >= rules.aside_seconds


def _due(failures: int, rules: Patience, now: datetime) -> datetime | None:
    """One notice that is refused keeps back its own subject; several in a row, all of them."""
    if failures < ALONE_FROM:
        return None
    most = min(PROBE_MOST_SECONDS, rules.most_seconds)
    return now + pause(failures - ALONE_FROM + 1, most_seconds=most, jitter=0)
