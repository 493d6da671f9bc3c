"""Whatever a table shows has its Chinese word."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import get_args

import pytest

from factory import opinions
from factory.access import Viewer
from factory.ending import Thing
from factory.events import EVENT_TYPES, ApplicationClosed
from factory.figures import What
from factory.lifecycle import Fate, Turn
from factory.model import ApplicationType, Party
from factory.register import LABELS, Happening
from jobs import wording
from jobs.standing import EDITIONS
from storage.ledger import holds


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (opinions.TYPES, ApplicationType),
        (wording.HAPPENINGS, Happening),
        (wording.FATES, Fate),
        (wording.TURNS, Turn),
        (wording.VIEWERS, Viewer),
        (wording.PARTIES, Party),
        (wording.EVENTS, EVENT_TYPES),
        (wording.WHATS, What),
        (wording.THINGS, Thing),
    ],
    ids=[
        "types",
        "happenings",
        "fates",
        "turns",
        "viewers",
        "parties",
        "events",
        "whats",
        "things",
    ],
)
def test_everything_has_its_word(words: Mapping[StrEnum, str], shown: Collection[StrEnum]) -> None:
    assert set(words) == set(shown)
    assert all(word and not word.isascii() for word in words.values())


def test_whoever_is_waited_for_has_a_word() -> None:
    owners = {owner for _, owner in LABELS.values()} | {each.owner for each in EDITIONS.values()}
    of_holds = {holds._owner(reason) for reason in (*holds.UPSTREAM_REASONS, "fault")}
    parties = set(get_args(ApplicationClosed.model_fields["by"].annotation))

    assert owners | of_holds | parties <= set(wording.OWNERS)
    assert not any(word.isascii() for word in wording.OWNERS.values())
