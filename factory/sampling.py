"""Which of many certificates to look at before all are made: the same ones for whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Why one is shown."""

    PROFILE = "profile"  #: 每个登记簿一份, of these the longest name
    VARIANT = "variant"  #: 每种版式一份
    NAME = "longest name"  #: 姓名最长
    ENTERPRISE = "longest enterprise"  #: 单位名称最长
    PROFESSIONS = "most professions"  #: 专业最多
    RARE = "rare characters"  #: 含生僻字
    SPREAD = "spread"  #: 均匀抽取


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is known of an item without drawing it: lengths, never words.

    registration: its row, by which items are ordered.
    variant:      what looks otherwise within a profile: the design, the profession it is about.
    rare:         whether a face other than the first of its chain prints a character of it.
    forecast:     why none would be made; None: one will be.
    """

    registration: int
    profile: str
    variant: str = ""
    name_length: int = 0
    enterprise_length: int = 0
    professions: int = 1
    rare: bool = False
    forecast: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One to look at, and why."""

    registration: int
    profile: str
    why: Why


def chosen(candidates: Iterable[Candidate], most: int) -> tuple[Chosen, ...]:
    """At most so many of those that will be made, the most telling first.

    One of every profile comes before everything else, then whatever is likely to look worst,
    then an even spread.
    """
    there = sorted(
        (each for each in candidates if each.forecast is None), key=lambda each: each.registration
    )
    picked: dict[int, Chosen] = {}
    for each, why in _wishes(there, most):
        if len(picked) >= most:
            break
        picked.setdefault(
            each.registration,
            Chosen(registration=each.registration, profile=each.profile, why=why),
        )
    return tuple(picked.values())


def _wishes(there: Sequence[Candidate], most: int) -> Iterator[tuple[Candidate, Why]]:
    yield from _one_of_each(there, lambda each: each.profile, Why.PROFILE)
    for why, weight in WEIGHTS:
        yield from _heaviest(there, weight, why)
    yield from _one_of_each(there, lambda each: f"{each.profile}/{each.variant}", Why.VARIANT)
    yield from ((each, Why.SPREAD) for each in _spread(there, most))


def _one_of_each(
    there: Sequence[Candidate], group: Callable[[Candidate], str], why: Why
) -> Iterator[tuple[Candidate, Why]]:
    """Of each group the one with the longest name; the largest group first."""
    groups: dict[str, list[Candidate]] = {}
    for each in there:
        groups.setdefault(group(each), []).append(each)
    for _, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        yield max(members, key=lambda each: each.name_length), why


def _heaviest(
    there: Sequence[Candidate], weight: Callable[[Candidate], int], why: Why
) -> Iterator[tuple[Candidate, Why]]:
    """The first of the heaviest, unless all weigh the same."""
    weights = set(map(weight, there))
    if len(weights) > 1:
        yield max(there, key=weight), why


def _spread(there: Sequence[Candidate], most: int) -> Iterator[Candidate]:
    """From the first to the last at even distances; then whoever is left, in order."""
    steps = max(1, most - 1)
    yield from (there[(len(there) - 1) * step // steps] for step in range(most) if there)
    yield from there


WEIGHTS: Sequence[tuple[Why, Callable[[Candidate], int]]] = (
    (Why.NAME, lambda each: each.name_length),
    (Why.PROFESSIONS, lambda each: each.professions),
    (Why.RARE, lambda each: each.rare),
    (Why.ENTERPRISE, lambda each: each.enterprise_length),
)
