"""A studio of all registers, the invented sixth among them, on a day that does not move."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from factory.errors import NotFoundError
from factory.kinds import KINDS
from factory.model import ApplicationType, Kind
from factory.page.fonts import FontBook
from jobs.preview import Studio
from jobs.wiring import load_profiles

SIXTH = Path(__file__).parent / "examples" / "sixth" / "profiles"
TODAY = date(2026, 11, 21)
VERIFY_URL = "https://verify.example/v/"
NO_FACES = FontBook((), ())

Which = tuple[Kind, str, ApplicationType]


def studio(fontbook: FontBook = NO_FACES, *, sixth: bool = False) -> Studio:
    """What previews are drawn with; without faces it only tells what there is."""
    return Studio(
        fontbook=fontbook,
        installed=load_profiles(SIXTH if sixth else None),
        verify_url=VERIFY_URL,
        today=TODAY,
    )


def documents() -> Sequence[Which]:
    """Every kind, of every register of the product and type of application that leads to it."""
    rooms = studio()
    found = []
    for kind in KINDS:
        for name, versions in sorted(rooms.installed.items()):
            rules = versions.on(TODAY)
            for asked in rules.application.types:
                try:
                    rooms.specimen(kind, rules, asked)
                except NotFoundError:
                    continue
                found.append((kind, name, asked))
    return found


def shown() -> Sequence[Which]:
    """Those that look otherwise: of forms every type of application, of the others one."""
    found: dict[tuple[Kind, str, ApplicationType | None], Which] = {}
    for kind, name, asked in documents():
        form = kind is Kind.APPLICATION_FORM
        found.setdefault((kind, name, asked if form else None), (kind, name, asked))
    return list(found.values())
