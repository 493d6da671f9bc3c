"""Tens of thousands of documents of which hardly two are alike leave nothing behind."""

import gc
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from factory.page.fonts import FontBook
from factory.pressing import Laid
from factory.seals.signer import SealIdentity
from factory.writers.pdf_press import compiled
from jobs.preview import Studio
from tests.factory.pressed import DESIGNS, plain, signed, worded
from tests.factory.sealing import NOW, new_world
from tests.studios import studio

FIRST, ALL = 4_000, 20_000  #: after the first ones all that is remembered is full
MOST_GROWTH = 6 * 1024 * 1024
SEED = 20261121
COMMON = [chr(point) for point in range(0x4E00, 0x9FA5)]
CODES = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture
def rooms(fontbook: FontBook) -> Studio:
    return studio(fontbook)


def test_memory_stays_as_it_is_over_many_documents(rooms: Studio) -> None:
    identity: SealIdentity = new_world().p256
    first, chance = plain(rooms, DESIGNS[4]), random.Random(SEED)  # noqa: S311 - names
    press = compiled([first, plain(rooms, DESIGNS[4], person=2)], identity)
    after_first = 0

    for n in range(ALL):
        order = unlike(rooms, first, chance)
        data = signed(press.sealed(order), identity)
        if n % 100 == 0:
            press.check(data)
        if n == FIRST:
            after_first = resident()

    assert resident() - after_first < MOST_GROWTH


def unlike(rooms: Studio, order: Laid, chance: random.Random) -> Laid:
    """With a name, an enterprise, a code and a moment that no other has."""
    words = "".join(chance.choices(COMMON, k=8))
    code = "".join(chance.choices(CODES, k=20))
    changed = worded(
        rooms,
        order,
        {
            "holder.name": words[:3],
            "enterprise.name": f"上海{words}有限公司",
            "code": f"https://verify.example/v/{code}",
            "verification_code": code,
        },
    )
    moment = NOW.replace(microsecond=chance.randrange(1_000_000))
    return replace(changed, created=moment, twin=f'{{"name":"{words}"}}'.encode())


def resident() -> int:
    """Bytes of memory that this process has (proc(5))."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
