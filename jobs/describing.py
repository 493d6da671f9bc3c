"""Describing: what the profiles and the tables of states say, as Markdown for docs/domain.md.

``python -m jobs.describing docs/domain.md`` fills the blocks of that file in again: what stands
there is what the code enforces, for it is read from the same tables.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from factory import access, register
from factory.access import Thing, Viewer
from factory.errors import NotFoundError
from factory.lifecycle import EDITION, REGISTRATION
from factory.model import ApplicationType
from factory.opinions import TYPES
from factory.profile import Profile
from factory.register.applications import Table
from jobs.standing import EDITIONS, REGISTRATIONS
from jobs.wiring import load_profiles
from jobs.wording import FATES, HAPPENINGS, PARTIES, TURNS, VIEWERS

S = TypeVar("S", bound=StrEnum)
W = TypeVar("W", bound=StrEnum)
Moves = Mapping[tuple[S | None, W], S]
Users = dict[str, list[ApplicationType]]  #: titles of registers, and their types


class Stand(NamedTuple):
    """What a state is called, and whose turn it is in it."""

    label: str
    owner: str = "nobody"


def filled(text: str, profiles: Sequence[Profile]) -> str:
    """The text with every block between ``<!-- name -->`` and ``<!-- /name -->`` renewed."""
    for name, block in BLOCKS.items():
        head, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition(f"<!-- /{name} -->")
        if not end:
            raise NotFoundError(f"block {name}: the text has no marks for it")
        text = f"{head}{begin}\n{block(profiles)}\n\n{end}{tail}"
    return text


# --- the registers ----------------------------------------------------------------------------


def _registers(profiles: Sequence[Profile]) -> str:
    heads = ["", *(each.title for each in profiles)]
    rows = [[name, *(rule(each) for each in profiles)] for name, rule in RULES.items()]
    return _table(heads, rows)


def _signers(profile: Profile) -> str:
    if profile.application.signers:
        return ", ".join(PARTIES[each] for each in profile.application.signers)
    return "提交, 企业确认" if profile.application.enterprise_review else "提交"


def _validity(profile: Profile) -> str:
    cap = profile.validity.age_cap
    return f"{profile.validity.years} years" + (f", to the age of {cap}" if cap else "")


def _late(profile: Profile) -> str:
    rules = profile.late
    return f"after {rules.after_years} years: {rules.compulsory} + {rules.elective} hours"


RULES: Mapping[str, Callable[[Profile], str]] = MappingProxyType(
    {
        "profile": lambda p: f"`{p.id}`",
        "version, in force from": lambda p: f"{p.version}, {p.effective_from}",
        "one certificate for each": lambda p: p.certificate.unit,
        "new numbers": lambda p: p.numbering.registration,
        "older numbers are respelt": lambda p: _yes(p.numbering.respell),
        "who signs or submits": _signers,
        "no edit from": lambda p: _plain(p.application.edit_lock),
        "certificate is drawn as": lambda p: p.certificate.design,
        "certificate is made at": lambda p: p.certificate.generate_on,
        "cancellation completes at": lambda p: p.application.cancellation_completes_on.replace(
            "_", " "
        ),
        "after the end, again by": lambda p: TYPES[ApplicationType(p.application.after_lapse)],
        "paper exchange": lambda p: p.certificate.paper_exchange,
        "filing number and query code": lambda p: _yes(p.application.filing),
        "holder's signature is printed": lambda p: _yes(p.certificate.holder_signature),
        "validity": _validity,
        "renewed from": lambda p: _plain(p.validity.renewal_from),
        "late registration": _late,
        "rename is confirmed by": lambda p: p.policy.rename_confirmation,
        "enterprise sees of a certificate": lambda p: p.access.enterprise_certificate,
    }
)


def _types(profiles: Sequence[Profile]) -> str:
    """Versions of a profile that have the same types share a column."""
    columns = {(each.title, each.application.types): each for each in profiles}.values()
    heads = ["", "", *(each.title for each in columns)]
    rows = [
        [
            TYPES[kind],
            f"`{kind}`",
            *("●" if kind in each.application.types else "" for each in columns),
        ]
        for kind in ApplicationType
    ]
    return _table(heads, rows)


# --- states -----------------------------------------------------------------------------------


def _procedures(profiles: Sequence[Profile]) -> str:
    states = {state: Stand(label, owner) for state, (label, owner) in register.LABELS.items()}
    return "\n\n".join(
        f"### {_followers(users)}\n\n{_lifecycle(table, HAPPENINGS, states)}"
        for table, users in _procedures_once(profiles)
    )


def _procedures_once(profiles: Sequence[Profile]) -> Iterator[tuple[Table, Users]]:
    """Each procedure once, with the registers and types that follow it."""
    found: dict[frozenset[object], tuple[Table, Users]] = {}
    for profile in profiles:
        for kind in profile.application.types:
            table = register.table(profile, kind)
            _, users = found.setdefault(frozenset(table.items()), (table, {}))
            followed = users.setdefault(profile.title, [])
            if kind not in followed:  # by another version of the profile
                followed.append(kind)
    yield from found.values()


def _followers(users: Users) -> str:
    return "；".join(
        f"{title}：{'、'.join(TYPES[kind] for kind in kinds)}" for title, kinds in users.items()
    )


def _registration(_: Sequence[Profile]) -> str:
    states = {state: Stand(label) for state, label in REGISTRATIONS.items()}
    return _lifecycle(REGISTRATION, FATES, states)


def _edition(_: Sequence[Profile]) -> str:
    states = {state: Stand(each.label, each.owner) for state, each in EDITIONS.items()}
    return _lifecycle(EDITION, TURNS, states)


def _lifecycle(moves: Moves[S, W], words: Mapping[W, str], states: Mapping[S, Stand]) -> str:
    """A diagram, and the same as a table of who does what in which state."""
    reached = [state for state in states if state in moves.values()]
    names = [f'    state "{states[state].label}" as {state}' for state in reached]
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, happening), after in moves.items():
        arrows.setdefault((before or "[*]", after), []).append(words[happening])
    drawn = [
        f"    {before} --> {after}: {' / '.join(happenings)}"
        for (before, after), happenings in arrows.items()
    ]
    diagram = "\n".join(["```mermaid", "stateDiagram-v2", *names, *drawn, "```"])
    rows = [
        (
            f"{states[before].label} `{before}`" if before else "",
            states[before].owner if before else "",
            f"{words[happening]} `{happening}`",
            f"{states[after].label} `{after}`",
        )
        for before in (None, *reached)
        for (state, happening), after in moves.items()
        if state == before
    ]
    heads = ("state", "whose turn", "what happens", "then")
    return f"{diagram}\n\n{_table(heads, rows)}"


# --- who sees what ----------------------------------------------------------------------------


def _access(_: Sequence[Profile]) -> str:
    heads = ["", *(VIEWERS[viewer] for viewer in Viewer)]
    rows = [
        [
            thing.replace("_", " "),
            *(access.TABLE[thing][viewer].replace("_", " ") for viewer in Viewer),
        ]
        for thing in Thing
    ]
    return _table(heads, rows)


# --- Markdown ---------------------------------------------------------------------------------


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _dot(value: bool) -> str:
    return "●" if value else ""


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


BLOCKS: Mapping[str, Callable[[Sequence[Profile]], str]] = MappingProxyType(
    {
        "registers": _registers,
        "types": _types,
        "procedures": _procedures,
        "registration": _registration,
        "edition": _edition,
        "access": _access,
    }
)

if __name__ == "__main__":
    path = Path(sys.argv[1])
    own = [each for _, rules in sorted(load_profiles(None).items()) for each in rules.all]
    path.write_text(filled(path.read_text(encoding="utf-8"), own), encoding="utf-8")
