"""Editions of a registration: a chain without holes or forks, whose one end is in force (I4)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from factory import numbering
from factory.errors import FieldError
from factory.model import BatchState, EditionState, ItemState, Kind, OrderState, Standing
from jobs.recheck.findings import Finding, Rule
from storage.recheck.registrations import IMPORTED, Edition, Imported, Registered

CURRENT = {EditionState.UNCOLLECTED, EditionState.COLLECTED}
OVER = {EditionState.SUPERSEDED, EditionState.REVOKED}
COMING = {OrderState.WAITING, OrderState.READY, OrderState.HELD}
AT_WORK = {ItemState.PENDING, ItemState.ORDERED, ItemState.HELD}
ELECTRONIC = "electronic"
KEPT = (
    "restored"  #: cause of what a restored ledger found in the store, which is over from the start
)
CODE = re.compile("[0-9A-HJKMNP-TV-Z]{20}")


def look(row: Registered) -> list[Finding]:
    """What is wrong with one registration and its editions."""
    return [
        Finding(rule=rule, kind="registration", id=row.id, sentence=sentence)
        for rule, asked in RULES.items()
        for sentence in asked(row)
    ]


def _holes(row: Registered) -> Iterator[str]:
    """From the first one on, which elsewhere may have had any number."""
    numbers = sorted({each.number for each in row.editions})
    for before, after in pairwise(numbers):
        if after != before + 1:
            yield f"after edition {before} comes edition {after}"
    first = row.editions[:1]
    if first and first[0].number > 1 and first[0].order is not None:
        yield f"its first edition is number {first[0].number}"


def _forks(row: Registered) -> Iterator[str]:
    """Each number once; whatever is older than one that was made is over."""
    twice = [number for number, n in Counter(e.number for e in row.editions).items() if n > 1]
    for number in twice:
        yield f"edition {number} is there twice"
    made = [each.number for each in row.editions if _was_given(each)]
    for each in row.editions:
        if made and each.number < max(made) and each.state not in OVER:
            yield f"edition {each.number} is {each.state}, though edition {max(made)} was made"


def _was_given(each: Edition) -> bool:
    """Made here or elsewhere, and not given up beforehand."""
    return each.made_at is not None or each.order is None


def _current(row: Registered) -> Iterator[str]:
    current = [each for each in row.editions if each.state in CURRENT]
    if len(current) > 1:
        yield f"editions {', '.join(str(each.number) for each in current)} are all current"
    for each in current:
        yield from _is_made(each)
    if row.state == Standing.CANCELLED:
        left = [each.number for each in row.editions if each.state not in OVER]
        if left:
            yield f"is cancelled, and edition {left[0]} is not over"
    elif row.state == Standing.ACTIVE and not current and not _comes(row):
        yield "is in force, has no current edition, and none is coming"


def _is_made(each: Edition) -> Iterator[str]:
    """With every file that was ordered; one made elsewhere has none here."""
    if each.order is None:
        return
    if each.order != OrderState.MADE or each.made_at is None:
        yield f"edition {each.number} is current and was not made"
    elif each.formats != each.recorded:
        yield f"edition {each.number} is current and lacks a file"


def _comes(row: Registered) -> bool:
    """The next edition is ordered, or a bulk event says why it is not."""
    if any(each.order in COMING for each in row.editions):
        return True
    return any(
        item.state in AT_WORK or (item.batch == BatchState.CANCELLED and item.reason)
        for item in row.items
    )


def _says(row: Registered) -> Iterator[str]:
    """What is current says what the register says, but for what is not printed."""
    if row.state != Standing.ACTIVE:
        return
    for each in row.editions:
        if each.state in CURRENT and each.face is not None:
            yield from (
                f"edition {each.number} is current and has another {name}"
                for name, said, is_so in _compared(row, each.face)
                if said != is_so
            )


def _compared(row: Registered, face: Mapping[str, object]) -> Iterator[tuple[str, object, object]]:
    employer, listed = face["employer"], face["professions"]
    assert isinstance(employer, dict)  # noqa: S101 - as every face of a certificate
    assert isinstance(listed, list)  # noqa: S101
    yield "number", numbering.number_key(str(face["number"])), row.number_key
    yield "enterprise", (employer["credit_code"], employer["name"]), (row.credit_code, row.employer)
    if row.name is not None:
        yield "holder", face["name"], row.name
    said = sorted((each["name"], each["first"], each["last"]) for each in listed)
    yield "set of professions", said, sorted(row.professions)


def _record(row: Registered) -> Iterator[str]:
    """Of its register, and each as long valid as what it prints or was taken over with."""
    if not row.begun:
        yield "the event that it began with is not on record, or is of another register"
    if row.imported is not None and row.imported.profile != row.profile:
        yield "is of another register than it was taken over into"
    for each in row.editions:
        if each.profiles != {row.profile}:
            yield f"edition {each.number} or its order is of another register"
        if each.order is None:
            if each.cause == IMPORTED and row.imported is not None:
                yield from _taken_over(each, row.imported)
        else:
            yield from _made_here(row, each)
    if row.imported is not None and row.alone and row.state != row.imported.standing:
        yield "stands otherwise than it was taken over, and nothing was said of it since"


def _taken_over(each: Edition, imported: Imported) -> Iterator[str]:
    for name, value, said in (
        ("last day", each.valid_until, imported.last),
        ("medium", each.medium, imported.medium),
        ("licence id", each.licence_id, imported.licence_id),
        ("number", each.number, imported.number),
    ):
        if value != said:
            yield f"edition {each.number} has another {name} than it was taken over with"


def _made_here(row: Registered, each: Edition) -> Iterator[str]:
    if each.stem != f"{row.profile}/{row.uid}/{each.number:03d}/{Kind.CERTIFICATE}":
        yield f"edition {each.number} was ordered for another register, registration or number"
    if each.medium != ELECTRONIC:
        yield f"edition {each.number} was ordered here, and is not electronic"
    if each.face is None:
        return
    listed = each.face["professions"]
    assert isinstance(listed, list)  # noqa: S101 - as every face of a certificate
    if each.valid_until != max(profession["last"] for profession in listed):
        yield f"edition {each.number} has another last day than was ordered"


def _stands(row: Registered) -> Iterator[str]:
    """How each stands is what has become of it."""
    for each in row.editions:
        is_held = each.collected_at is not None
        if each.state in CURRENT and is_held != (each.state == EditionState.COLLECTED):
            when = "was" if is_held else "was never"
            yield f"edition {each.number} is {each.state}, and {when} collected"
        if each.state == EditionState.REVOKED and row.state != Standing.CANCELLED:
            yield f"edition {each.number} is revoked, and the registration is not cancelled"
    made = [each for each in row.editions if _was_given(each) and each.cause != KEPT]
    lacks = row.state != Standing.ACTIVE or _comes(row)  # else nothing is current, which is told
    if lacks and made and made[-1].state == EditionState.SUPERSEDED:
        yield f"edition {made[-1].number} is superseded, and none was made after it"


def _numbers(row: Registered) -> Iterator[str]:
    """Each is one of its scheme, and kept so that either spelling finds it."""
    if numbering.number_key(row.number) != row.number_key:
        yield "is not found by its number: the key beside it is another's"
    for each in row.editions:
        if each.order is None:
            continue
        if each.code is None or not CODE.fullmatch(each.code):
            yield f"edition {each.number} has a verification code that nobody can type"
        if not _is_licence(each):
            yield f"edition {each.number} has a licence id that is none (GB/T 36904-2018)"


def _is_licence(each: Edition) -> bool:
    try:
        numbering.parse_licence_id(each.licence_id or "")
    except FieldError:
        return False
    return True


def _erased(row: Registered) -> Iterator[str]:
    """What is known of the person opens, unless somebody has erased it; and that is on record."""
    if row.lost is not None:
        yield row.lost
    if row.marked != row.erased:
        yield (
            "its person is "
            + ("" if row.marked else "not ")
            + "marked as erased, against the record"
        )


RULES: Mapping[Rule, Callable[[Registered], Iterator[str]]] = {
    Rule.HOLE: _holes,
    Rule.FORK: _forks,
    Rule.CURRENT: _current,
    Rule.STANDS: _stands,
    Rule.SAYS: _says,
    Rule.RECORD: _record,
    Rule.NUMBER: _numbers,
    Rule.ERASED: _erased,
}


def look_all(rows: Sequence[Registered]) -> list[Finding]:
    """The same of many."""
    return [finding for row in rows for finding in look(row)]
