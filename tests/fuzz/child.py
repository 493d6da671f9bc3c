"""``python -m tests.fuzz.child TARGET …``: one libFuzzer, which ends its process by itself.

What follows the target is libFuzzer's own.  Memory and the time of each input are bounded; the
parsers of the product and the libraries under them in Python are instrumented.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from random import Random

import atheris

with atheris.instrument_imports(include=["factory", "pyhanko", "asn1crypto"]):
    from tests.fuzz import bounds, world
    from tests.fuzz.targets import TARGETS


@dataclass(frozen=True, slots=True)
class ByLibFuzzer:
    """libFuzzer changes bytes; dice that fall from its seed say where."""

    dice: Random

    def __call__(self, data: bytes) -> bytes:
        """Other bytes, by libFuzzer's own ways and what it has seen compared."""
        return bytes(atheris.Mutate(data, len(data) + 64))


def main(name: str, options: list[str]) -> None:
    """Runs until libFuzzer ends it."""
    target = TARGETS[name]
    bounds.silence()
    for each in world.seeds(name):
        target.run(each)  # what is worked out once is no input's

    def run(data: bytes) -> None:
        bounds.timed(target.run, data)

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        change = ByLibFuzzer(Random(seed))  # noqa: S311 - falls again from its seed
        return target.mutated(data, change)[:most]

    atheris.Setup([sys.argv[0], *options], run, custom_mutator=mutated)
    bounds.bound_memory()
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
