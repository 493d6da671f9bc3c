"""docs/domain.md prints what the code enforces."""

from pathlib import Path
from typing import Any

import pytest

from factory import register
from factory.errors import NotFoundError
from factory.lifecycle import EDITION, REGISTRATION
from factory.profile import Profile
from jobs import describing, wording
from jobs.describing import BLOCKS, filled
from jobs.wiring import load_profiles

DOCUMENT = Path(__file__).parents[2] / "docs" / "domain.md"
MARKS = "\n".join(f"<!-- {name} -->\n<!-- /{name} -->" for name in BLOCKS)


@pytest.fixture(scope="module")
def profiles() -> list[Profile]:
    return [each for _, rules in sorted(load_profiles(None).items()) for each in rules.all]


def test_the_page_says_what_the_code_enforces_today(profiles: list[Profile]) -> None:
    """`make domain-docs` writes it anew."""
    text = DOCUMENT.read_text(encoding="utf-8")

    assert filled(text, profiles) == text


def test_a_page_without_a_block_is_refused(profiles: list[Profile]) -> None:
    with pytest.raises(NotFoundError, match="block registers"):
        filled("# nothing to fill in", profiles)


def test_words_around_a_block_stay(profiles: list[Profile]) -> None:
    written = filled(f"before\n{MARKS}\nafter", profiles)

    assert written.startswith("before\n")
    assert written.endswith("\nafter")


def test_every_step_of_every_procedure_is_printed_with_its_arrow(profiles: list[Profile]) -> None:
    written = filled(MARKS, profiles)

    for profile in profiles:
        for kind in profile.application.types:
            for (before, happening), after in register.table(profile, kind).items():
                row = f"{wording.HAPPENINGS[happening]} `{happening}` | "
                assert row + f"{register.LABELS[after][0]} `{after}` |" in written
                assert f"    {before or '[*]'} --> {after}: " in written


@pytest.mark.parametrize("moves", [REGISTRATION, EDITION], ids=["registration", "edition"])
def test_every_move_of_a_lifecycle_is_printed(
    moves: describing.Moves[Any, Any], profiles: list[Profile]
) -> None:
    written = filled(MARKS, profiles)

    for (before, happening), after in moves.items():
        assert f"    {before or '[*]'} --> {after}: " in written
        assert f"`{happening}` | " in written
