"""Good files of every sort, each drawn from a number alone: whose, which kind, how sealed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from factory.courses import Case
from factory.errors import InvalidEventError, LintError, PressUnableError, UnprintableError
from factory.making import MAKINGS
from factory.model import Format, Kind
from factory.page.marks import APPLICANT_SIGN, AUTHORITY_SEAL
from factory.pressing import Laid
from factory.seals import party
from jobs.preview import Studio
from tests import random_cases, seal_making
from tests.factory import victims
from tests.factory.signed_forms import LATER, handwriting, round_seal
from tests.factory.signed_forms import NOW as SIGNED
from tests.factory.victims import Court, Victim, victim
from tests.random_cases import DOCUMENTS
from tests.studios import TODAY

LEVELS = ("B-B", "with room", "later", "B-T", "B-LT", "archived", "archived twice")
OFD_LEVELS = ("B-B", "later")


def files(rooms: Studio, court: Court, first: int, count: int) -> Iterator[Victim]:
    """So many, of the numbers from the first on; those that would be held are left out."""
    number = first
    while count:
        made = file(rooms, court, Random(number))  # noqa: S311 - falls again from its number
        number += 1
        if made is not None:
            count -= 1
            yield made


def file(rooms: Studio, court: Court, dice: Random) -> Victim | None:
    """None: it would be held, or nobody signs it."""
    kind, register, asked = dice.choice(DOCUMENTS)
    if dice.random() < 0.5:  # else too few are certificates
        kind, register, asked = dice.choice([it for it in DOCUMENTS if it[0] is Kind.CERTIFICATE])
    case = Case(
        profile=rooms.installed[register].on(TODAY),
        kind=asked,
        seed=dice.randint(1, 99_999),
        also={"name": name(dice)},
        employer=employer(dice),
        count=dice.randint(1, 6),
    )
    try:
        laid = random_cases.draw(rooms, kind, case).laid
    except (UnprintableError, LintError, InvalidEventError):
        return None
    fields = [each.name for each in laid.placed.signatures]
    if AUTHORITY_SEAL not in fields:
        return signed_form(laid, fields, court, dice) if fields else None
    if register in victims.REGISTERS_OF_OFD and kind is Kind.CERTIFICATE and dice.random() < 0.5:
        return sealed_ofd(replace(laid, created=seal_making.NOW), court, dice)
    return sealed_pdf(replace(laid, created=victims.NOW), court, dice)


def name(dice: Random) -> str:
    letters = random_cases.HAN + dice.choice(("", random_cases.RARE, random_cases.UNUSUAL))
    return "".join(dice.choices(letters, k=dice.choice((2, 3, 3, 4, 12))))


def employer(dice: Random) -> str | None:
    letters = random_cases.HAN + random_cases.UNUSUAL + "ABC019"
    words = "".join(dice.choices(letters, k=dice.randint(3, 60)))
    return dice.choice((None, f"{words}建设工程有限公司"))


def signed_form(laid: Laid, fields: list[str], court: Court, dice: Random) -> Victim:
    """By some of its parties, in their order."""
    data = MAKINGS[Format.PDF].unsealed(laid)
    signing = fields[: dice.randint(1, len(fields))]
    for place, field in enumerate(signing):
        person = field == APPLICANT_SIGN
        who = court.parties.person if person else court.parties.enterprise
        prepared = party.prepare(
            data, field, certifies=place == 0, locks=place == len(fields) - 1,
            look=handwriting() if person else round_seal(),
            now=SIGNED if person else LATER, chain=who.chain,
        )  # fmt: skip
        data = party.complete(prepared, who.raw(prepared.digest))
    return victim(f"form signed by {len(signing)} of {len(fields)}", "form", data)


def sealed_pdf(order: Laid, court: Court, dice: Random) -> Victim:
    level, writer = dice.choice(LEVELS), dice.choice(("press", "reference"))
    stamped = level != "B-B"
    long = level in ("B-LT", "archived", "archived twice")
    order = replace(
        order,
        stamped=stamped,
        token_room=victims.ROOM,
        material=court.material(1, victims.NOW) if long else None,
    )
    make = victims.pressed_pdf if writer == "press" else victims.referred_pdf
    token = level == "B-T" or long
    try:
        data = make(order, court, token=token)
    except PressUnableError:
        data = victims.referred_pdf(order, court, token=token)
    if level == "later":
        data = court.stamped_later(data, Format.PDF)
    now = victims.OUTLIVED if level in ("later", "B-T", "B-LT") else victims.SOON
    if level.startswith("archived"):
        data, now = court.archived(data, 1, victims.ARCHIVED), victims.LONG_AFTER
    if level == "archived twice":
        data, now = court.archived(data, 2, victims.AGAIN), victims.FOR_GOOD
    return victim(f"{writer} {level}", "seal", data, now)


def sealed_ofd(order: Laid, court: Court, dice: Random) -> Victim:
    level, writer = dice.choice(OFD_LEVELS), dice.choice(("press", "reference"))
    make = victims.pressed_ofd if writer == "press" else victims.referred_ofd
    data = make(order)
    if level == "later":
        data = court.stamped_later(data, Format.OFD)
    return victim(f"{writer} OFD {level}", "ofd", data)
