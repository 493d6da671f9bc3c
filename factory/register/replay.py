"""Replaying a person's facts: the register is their fold, whatever order they arrived in.

Facts are taken in the order of (effective, source, event id).  One that cannot take effect yet
is tried again after every other, so that what was done on one day needs no order of its own;
what stands is folded again in the order in which it took effect, wherever that can be.
Each is judged by the version of the profile in force on the day it takes effect.
The outcome is a function of the set of facts alone, but for one thing: what has taken effect,
and may be in somebody's hands, is never taken back by a fact that comes later.  Such a fact
waits, with its reason, until the facts that explain it have come too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import groupby
from types import MappingProxyType

from factory.errors import ConflictError, PermanentError
from factory.register.effects import apply
from factory.register.facts import Fact, Key
from factory.register.state import Person
from factory.versions import Versions

#: in which turns the facts that wait are tried
Turns = Callable[[Sequence[Fact]], Iterable[Fact]]

NONE: frozenset[Key] = frozenset()
NOTHING: Mapping[Key, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the facts come to.

    applied: the facts that took effect, in that order.
    refused: the others, each with its reason.
    """

    person: Person
    applied: tuple[Key, ...] = ()
    refused: Mapping[Key, PermanentError] = field(default_factory=dict)


def replay(
    facts: Iterable[Fact],
    rules: Versions,
    *,
    standing: Set[Key] = NONE,
    ended: Set[Key] = NONE,
    numbers: Mapping[Key, str] = NOTHING,
) -> Replay:
    """The person after all facts that can take effect; one told twice is one fact.

    standing: facts that took effect before; they always do again, and what is asked of whoever
              registers is not asked again: an older version or profile may not have asked it.
    ended:    registrations that have ended, by the fact that began them; they stay so.
    numbers:  registration numbers that were drawn, by the fact that began the registration.
    ConflictError: they no longer can, because a version of the profile was changed.
    """
    told = {fact.key: fact for fact in facts}
    told |= {key: replace(fact, stands=True) for key, fact in told.items() if key in standing}
    ordered = sorted(told.values(), key=lambda fact: fact.order)
    nobody = Person(numbers=numbers)
    for turns in (_as_they_came, _as_they_stand):
        whole = _fold(nobody, ordered, rules, turns)
        if _keeps(whole, standing, ended):
            return whole
    return _around(nobody, ordered, rules, standing, ended, whole)


def _keeps(found: Replay, standing: Set[Key], ended: Set[Key]) -> bool:
    """Whether nothing is taken back: what took effect still does, and what ended is over."""
    stands = {each.origin for each in found.person.registrations if each.stands}
    return standing <= set(found.applied) and not ended & stands


def _around(
    nobody: Person,
    ordered: Sequence[Fact],
    rules: Versions,
    standing: Set[Key],
    ended: Set[Key],
    whole: Replay,
) -> Replay:
    """As many of the new facts as leave everything that stands in its place."""
    kept = {fact.key for fact in ordered if fact.key in standing}
    best = _fold(nobody, [fact for fact in ordered if fact.key in kept], rules)
    if not standing <= set(best.applied):
        raise ConflictError("register: the profile no longer allows what has taken effect")
    growing = True
    while growing:
        growing = False
        for fact in ordered:
            if fact.key in kept:
                continue
            tried = _fold(
                nobody, [each for each in ordered if each.key in kept | {fact.key}], rules
            )
            if _keeps(tried, kept | {fact.key}, ended):
                kept, best, growing = kept | {fact.key}, tried, True
    refused = {
        fact.key: whole.refused.get(fact.key, _contrary())
        for fact in ordered
        if fact.key not in kept
    }
    return Replay(person=best.person, applied=best.applied, refused=refused)


def _contrary() -> ConflictError:
    return ConflictError("register: contradicts what has taken effect since; is more to come?")


def _as_they_stand(waiting: Sequence[Fact]) -> Iterable[Fact]:
    """In their order; what stands is let off what is asked of whoever registers."""
    return waiting


def _as_they_came(waiting: Sequence[Fact]) -> Iterator[Fact]:
    """Of one day first those that could take effect as new ones, as they did when they came."""
    for _, some in groupby(waiting, key=lambda fact: fact.day):
        of_day = list(some)
        yield from (replace(fact, stands=False) for fact in of_day)
        yield from (fact for fact in of_day if fact.stands)


def _fold(
    person: Person, ordered: Sequence[Fact], rules: Versions, turns: Turns = _as_they_stand
) -> Replay:
    applied: list[Key] = []
    waiting = list(ordered)
    refused: dict[Key, PermanentError] = {}
    while fact := _next(person, turns(waiting), rules, refused):
        person = apply(person, fact, rules.on(fact.day))
        applied.append(fact.key)
        waiting.remove(fact)
        refused.pop(fact.key, None)
    return Replay(person=person, applied=tuple(applied), refused=refused)


def _next(
    person: Person, turns: Iterable[Fact], rules: Versions, refused: dict[Key, PermanentError]
) -> Fact | None:
    """The first fact that can take effect now."""
    for fact in turns:
        try:
            apply(person, fact, rules.on(fact.day))
        except PermanentError as error:
            refused[fact.key] = error
        else:
            return fact
    return None
