"""Lifecycles: which state of a registration and of an edition leads where, and by what.

The ledger moves rows only along these tables, and the documentation prints them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from factory.model import EditionState, Standing


class Fate(StrEnum):
    """What befalls a registration."""

    BEGIN = "begin"  #: 初始注册, 重新注册
    SUSPEND = "suspend"  #: 暂扣
    RESUME = "resume"  #: 恢复
    CANCEL = "cancel"  #: 注销
    LAPSE = "lapse"  #: it had expired when another one began


class Turn(StrEnum):
    """What becomes of an edition."""

    ORDER = "order"  #: the register says something new
    TAKE_OVER = "take_over"  #: it was issued elsewhere, on paper or electronic
    MAKE = "make"  #: made, checked and stored
    MAKE_ASKED = "make_asked"  #: the same, once its holder has asked for it (领证时生成)
    COLLECT = "collect"  #: 领证
    OUTDATE = "outdate"  #: the register has moved on
    GIVE_UP = "give_up"  #: its bulk event was cancelled before it was made
    REPLACE = "replace"  #: a newer edition is made
    REVOKE = "revoke"  #: its registration is cancelled


_ALIVE = (Standing.ACTIVE, Standing.SUSPENDED)
_E = EditionState
#: editions that say what the register says; one is being made, the others are in force
_STANDING = (_E.ORDERED, _E.UNCOLLECTED, _E.COLLECTED)
_NOT_ENDED = (*_STANDING, _E.OUTDATED)

REGISTRATION: Mapping[tuple[Standing | None, Fate], Standing] = MappingProxyType(
    {
        (None, Fate.BEGIN): Standing.ACTIVE,
        (Standing.ACTIVE, Fate.SUSPEND): Standing.SUSPENDED,
        (Standing.SUSPENDED, Fate.RESUME): Standing.ACTIVE,
        **{(each, Fate.CANCEL): Standing.CANCELLED for each in _ALIVE},
        **{(each, Fate.LAPSE): Standing.LAPSED for each in _ALIVE},
    }
)
EDITION: Mapping[tuple[EditionState | None, Turn], EditionState] = MappingProxyType(
    {
        (None, Turn.ORDER): _E.ORDERED,
        (None, Turn.TAKE_OVER): _E.COLLECTED,
        (_E.ORDERED, Turn.MAKE): _E.UNCOLLECTED,
        (_E.ORDERED, Turn.MAKE_ASKED): _E.COLLECTED,
        (_E.UNCOLLECTED, Turn.COLLECT): _E.COLLECTED,
        **{(each, Turn.OUTDATE): _E.OUTDATED for each in _STANDING},
        (_E.ORDERED, Turn.GIVE_UP): _E.SUPERSEDED,
        **{(each, Turn.REPLACE): _E.SUPERSEDED for each in _NOT_ENDED},
        **{(each, Turn.REVOKE): _E.REVOKED for each in _NOT_ENDED},
    }
)


def befall(standing: Standing | None, fate: Fate) -> Standing | None:
    """The standing of a registration after it; None: it cannot befall such a one."""
    return REGISTRATION.get((standing, fate))


def before(turn: Turn) -> tuple[EditionState, ...]:
    """The states of an edition of which that can become."""
    return tuple(state for state, each in EDITION if each is turn and state is not None)


def after(turn: Turn) -> EditionState:
    """The state of an edition of which that has become."""
    [state] = {state for (_, each), state in EDITION.items() if each is turn}
    return state
