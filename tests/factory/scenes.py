"""What an attack is tried on: a good file, others of its sort, and dice that fell from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.factory.tampering import Tamper
from tests.factory.victims import Court, Victim


class NotHereError(Exception):
    """The file has nothing that this could be done to."""


@dataclass(frozen=True)
class Scene:
    """others: good files of the same sort, none of them this one."""

    victim: Victim
    others: Sequence[Victim]
    dice: Random
    court: Court

    @property
    def data(self) -> bytes:
        """The good file."""
        return self.victim.data

    @property
    def other(self) -> bytes:
        """Another good file of the same sort."""
        return self.dice.choice(self.others).data


Attack = Callable[[Scene], bytes]


def done(attack: Attack, scene: Scene) -> bytes:
    """What becomes of the file, always another one.  NotHereError: nothing can."""
    try:
        forged = attack(scene)
    except (IndexError, KeyError, StopIteration, AssertionError) as error:
        raise NotHereError from error
    if forged == scene.data:
        raise NotHereError
    return forged


def of(tamper: Tamper) -> Attack:
    """What is always done in the same way."""
    return lambda scene: tamper(scene.data)
