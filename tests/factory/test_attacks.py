# ruff: noqa: S311 - dice that fall again from their number
"""A campaign of attacks (攻击), hundreds here and thousands in ``make soak``: every one is refused
in words that a clerk can read, and as many honest files, and changes that change nothing, are
accepted.

Each is drawn from its number alone; ``TEST_ATTACKS`` says how many, ``FIRST_ATTACK`` from which.
"""

import logging
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from time import process_time

import pytest

from factory.errors import PackageError
from factory.page.fonts import FontBook
from factory.verify import Verdict, VerdictWord
from jobs.preview import Studio
from tests.factory import honest, ofd_attacks, pdf_attacks, pdf_revisions, victims
from tests.factory.clerks_words import problem
from tests.factory.scenes import Attack, NotHereError, Scene, done
from tests.factory.tampering import something_behind_the_container
from tests.factory.victims import GOOD, SOON, Court, Victim

EACH = int(os.environ.get("TEST_ATTACKS", "200"))
FIRST = int(os.environ.get("FIRST_ATTACK", "1"))
TWO_IN = 4  #: of so many attacks one is followed by another
TRIES = 400  #: until an attack has found a file that it can be carried out on

PDF_ATTACKS: Mapping[str, Attack] = {
    **pdf_attacks.EDITS,
    **pdf_attacks.CONTAINERS,
    **pdf_revisions.UPDATES,
    **pdf_revisions.CRAFTED,
    **pdf_revisions.REWRITTEN,
    **pdf_revisions.ARCHIVES,
}
OFD_ATTACKS: Mapping[str, Attack] = {**ofd_attacks.MEMBERS, **ofd_attacks.PACKAGES}
HARMLESS: Mapping[str, Attack] = {**pdf_attacks.HARMLESS, **ofd_attacks.HARMLESS}
ATTACKS = {"seal": PDF_ATTACKS, "form": PDF_ATTACKS, "ofd": OFD_ATTACKS}
UNCHANGED = {
    "seal": pdf_attacks.HARMLESS,
    "form": pdf_attacks.HARMLESS,
    "ofd": ofd_attacks.HARMLESS,
}


@pytest.fixture(scope="module", autouse=True)
def in_silence() -> Iterator[None]:
    """Readers of PDF have much to say of such files."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def court() -> Court:
    return victims.new_court()


@pytest.fixture(scope="module")
def good(rooms: Studio, fontbook: FontBook, court: Court) -> list[Victim]:
    return victims.all_of(rooms, fontbook, court)


def scene(victim: Victim, good: Sequence[Victim], dice: Random, court: Court) -> Scene:
    others = [each for each in good if each.sort == victim.sort and each is not victim]
    return Scene(victim=victim, others=others, dice=dice, court=court)


def drawn(
    attacks: Mapping[str, Attack],
    victim: Victim,
    good: Sequence[Victim],
    dice: Random,
    court: Court,
) -> tuple[str, bytes]:
    """One that can be carried out on this file, and what becomes of it."""
    while True:
        name = dice.choice(sorted(attacks))
        try:
            return name, done(attacks[name], scene(victim, good, dice, court))
        except NotHereError:
            continue


def chosen(good: Sequence[Victim], dice: Random) -> Victim:
    """Each sort as often."""
    sort = dice.choice(sorted(ATTACKS))
    return dice.choice([each for each in good if each.sort == sort])


def attacked(good: Sequence[Victim], dice: Random, court: Court) -> tuple[str, Victim, bytes]:
    victim = chosen(good, dice)
    attacks = ATTACKS[victim.sort]
    name, forged = drawn(attacks, victim, good, dice, court)
    if dice.randrange(TWO_IN) == 0:
        then = dice.choice(sorted(attacks))
        try:
            twice = done(attacks[then], scene(replace(victim, data=forged), good, dice, court))
        except Exception:
            return name, victim, forged
        if twice != victim.data:
            return f"{name}, {then}", victim, twice
    return name, victim, forged


def split(detail: str) -> list[str]:
    """What a step complains of, one by one; sources in brackets hold semicolons too."""
    return re.split(r"; (?![^()]*\))", detail)


def is_one_of(good: Sequence[Victim], data: bytes) -> bool:
    """Whether an OFD was made into another good one, member by member.

    Of one document that was sealed twice, with a time stamp and without, the values can be
    exchanged: what comes of it is the other file.
    """
    try:
        members = ofd_attacks.members_of(data)
    except PackageError:
        return False
    ofds = (each for each in good if each.sort == "ofd")
    return any(ofd_attacks.members_of(each.data) == members for each in ofds)


def complaint(verdict: Verdict) -> str | None:
    """What is wrong with how an attack was answered."""
    if verdict.verdict in GOOD:
        return "accepted"
    if not verdict.reasons:
        return "no reason"
    failed = [said for each in verdict.checks if not each.ok for said in split(each.detail)]
    found = [(said, wrong) for said in (*verdict.reasons, *failed) if (wrong := problem(said))]
    return f"{found[0][1]}: {found[0][0]}" if found else None


# --- each by itself


@pytest.mark.parametrize("sort", ["pdf", "ofd"])
def test_every_attack_there_is_can_be_carried_out_and_is_refused(
    sort: str, good: Sequence[Victim], court: Court
) -> None:
    files = [each for each in good if (each.sort == "ofd") is (sort == "ofd")]
    wrong = {}

    for name, attack in (OFD_ATTACKS if sort == "ofd" else PDF_ATTACKS).items():
        found = first(name, attack, files, court)
        wrong[name] = "cannot be carried out" if found is None else answered(*found, court)

    assert {name: said for name, said in wrong.items() if said} == {}


def first(
    name: str, attack: Attack, files: Sequence[Victim], court: Court
) -> tuple[Victim, bytes] | None:
    dice = Random(name)
    for _ in range(TRIES):
        victim = dice.choice(files)
        try:
            return victim, done(attack, scene(victim, files, dice, court))
        except NotHereError:
            continue
    return None


def answered(victim: Victim, forged: bytes, court: Court) -> str | None:
    return complaint(court.judged(forged, victim.now))


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_nothing_takes_nothing(
    name: str, good: Sequence[Victim], court: Court
) -> None:
    attacks = pdf_attacks.HARMLESS if name in pdf_attacks.HARMLESS else ofd_attacks.HARMLESS
    carried_out = 0

    for victim in good:
        if (victim.sort == "ofd") is (attacks is ofd_attacks.HARMLESS):
            try:
                same = attacks[name](scene(victim, good, Random(name), court))
            except (AssertionError, KeyError, ValueError, IndexError):
                continue
            carried_out += 1
            verdict = court.judged(same, SOON)
            assert verdict.verdict in GOOD, (victim.name, verdict.reasons)

    assert carried_out


# --- the campaign


def test_attacks_at_random_are_refused_in_words_that_a_clerk_can_read(
    good: Sequence[Victim], court: Court, capsys: pytest.CaptureFixture[str]
) -> None:
    words, names = Counter[str](), Counter[str]()
    wrong, before = [], process_time()

    for number in range(FIRST, FIRST + EACH):
        name, victim, forged = attacked(good, Random(number), court)
        verdict = court.judged(forged, victim.now)
        words[verdict.verdict] += 1
        names.update(name.split(", "))
        said = complaint(verdict)
        if said and not is_one_of(good, forged):
            wrong.append((number, name, victim.name, said))

    with capsys.disabled():
        told("attacks", EACH, before, words)
        told("ways to attack", len(names), before, Counter())
    assert wrong == []


def test_as_many_honest_files_are_accepted(
    rooms: Studio, court: Court, capsys: pytest.CaptureFixture[str]
) -> None:
    names, wrong, before = Counter[str](), [], process_time()

    for number, each in enumerate(honest.files(rooms, court, FIRST, EACH)):
        verdict = court.judged(each.data, each.now)
        names[each.sort] += 1
        if verdict.verdict not in GOOD or verdict.reasons:
            wrong.append((number, each.name, verdict.reasons))

    with capsys.disabled():
        told("honest files", EACH, before, names)
    assert wrong == []


def test_as_many_changes_that_change_nothing_are_accepted(
    good: Sequence[Victim], court: Court, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, count, before = [], max(1, EACH // 10), process_time()

    for number in range(FIRST, FIRST + count):
        dice = Random(number)
        victim = chosen(good, dice)
        name = dice.choice(sorted(UNCHANGED[victim.sort]))
        try:
            same = UNCHANGED[victim.sort][name](scene(victim, good, dice, court))
        except (AssertionError, KeyError, ValueError, IndexError):
            continue
        verdict = court.judged(same, SOON)
        if verdict.verdict not in GOOD:
            wrong.append((number, name, victim.name, verdict.reasons))

    with capsys.disabled():
        told("harmless changes", count, before, Counter())
    assert wrong == []


def told(what: str, count: int, before: float, parts: Counter[str]) -> None:
    """A line for the log of a long campaign."""
    if EACH > 200:
        said = ", ".join(f"{number} {word}" for word, number in sorted(parts.items()))
        spent = process_time() - before
        print(f"\nattacks: {count} {what} in {spent:.1f} s CPU: {said or '-'}")  # noqa: T201


# --- what the campaign found, each by itself


def one(good: Sequence[Victim], name: str) -> Victim:
    return next(each for each in good if each.name == name)


@pytest.mark.parametrize("writer", ["press", "reference"])
def test_nothing_may_stand_behind_the_container_of_a_seal(
    writer: str, good: Sequence[Victim], court: Court
) -> None:
    """Nobody signs what stands there: zeros, or the file was added to."""
    victim = one(good, f"{writer} B-B with room")

    verdict = court.judged(something_behind_the_container(victim.data))

    assert verdict.verdict is VerdictWord.ALTERED
    assert "something was added after it was sealed" in verdict.reasons


@pytest.mark.parametrize("writer", ["press", "reference"])
def test_the_container_of_a_seal_is_in_der(
    writer: str, good: Sequence[Victim], court: Court
) -> None:
    """Of a BER length without an end nobody can say where it ends (X.690, 10.1)."""
    victim = one(good, f"{writer} B-B with room")
    dice = Random(1)

    verdict = court.judged(pdf_attacks.indefinite(scene(victim, good, dice, court)))

    assert verdict.verdict is VerdictWord.ALTERED


# --- the words


@pytest.mark.parametrize(
    "said",
    [
        "is no readable PDF (PdfReadError)".replace("(", "").replace(")", ""),
        "KeyError: '/Root'",
        "object at 0x7f",
        "is no OFD that can be read: CRC",
        "is no OFD that can be read: ZIP64",
        "broken_file",
        "failed",
        "error 17",
        "",
        "张三 has no signature",
    ],
)
def test_what_no_clerk_can_read_is_told_from_a_sentence(said: str) -> None:
    assert problem(said) is not None


@pytest.mark.parametrize(
    "said",
    [
        "carries no signature",
        "was changed after it was sealed: Doc_0/Pages/Page_0/Content.xml",
        "signature 2: the seal's maker: the certificate has expired (RFC 5280, 4.1.2.5)",
        "EnterpriseSeal: is not signed as PAdES",
        "the certificate has ended on 2026-11-21 04:00:00 UTC, and nothing proves more",
    ],
)
def test_a_sentence_is_one(said: str) -> None:
    assert problem(said) is None
