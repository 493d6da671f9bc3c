"""Operator tokens: shown once, known again by their digest alone, and refused when they end."""

import hmac
import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factory import tokens
from factory.errors import ConflictError, ForbiddenError, NotFoundError, SettingsError
from storage import operators
from storage.operators import Operators, read_token

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "clerk-one"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "operators"


@pytest.fixture
def known(folder: Path) -> Operators:
    return Operators(folder)


def new(known: Operators, name: str = NAME, *, now: datetime = NOW, days: int = 30) -> str:
    return known.add(name, now=now, days=days).token


def checked(text: str) -> str:
    """A token whose check fits, whatever it says."""
    return text + tokens.check(text)


def test_a_token_is_known_as_its_operators(known: Operators) -> None:
    one, two = new(known, "clerk-one"), new(known, "clerk-two")

    assert known.recognise(one, now=NOW) == "clerk-one"
    assert known.recognise(two, now=NOW) == "clerk-two"


def test_a_token_says_whose_it_is_and_nothing_is_kept_that_gives_it_back(
    known: Operators, folder: Path
) -> None:
    token = new(known)
    _, secret = read_token(token)

    [file] = folder.iterdir()
    kept = file.read_text("utf-8")

    assert token.startswith(f"op_{NAME}_")
    assert len(secret) == 32
    assert secret.hex() not in kept and token not in kept
    assert set(json.loads(kept)["tokens"][0]) == {
        "salt", "digest", "created", "expires", "withdrawn",
    }  # fmt: skip


def test_no_two_tokens_are_alike(known: Operators) -> None:
    assert len({new(known, f"clerk-{each}") for each in range(20)}) == 20


def test_only_the_owner_of_the_keyring_reads_what_is_kept(known: Operators, folder: Path) -> None:
    new(known)

    modes = {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}

    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_is_shown_of_a_token_is_not_its_secret(known: Operators) -> None:
    issued = known.add(NAME, now=NOW, days=30)
    _, secret = read_token(issued.token)

    assert secret.hex() not in repr(issued)
    assert issued.kept.digest.hex() not in repr(issued)


def test_a_token_is_good_until_the_instant_it_expires(known: Operators) -> None:
    token = new(known, days=30)

    assert known.recognise(token, now=NOW + 30 * DAY - timedelta(seconds=1)) == NAME
    with pytest.raises(ForbiddenError, match="expired on 2026-12-21"):
        known.recognise(token, now=NOW + 30 * DAY)


def test_a_withdrawn_token_is_refused_at_once(known: Operators) -> None:
    token = new(known)

    known.withdraw(NAME, now=NOW)

    with pytest.raises(ForbiddenError, match="was withdrawn on 2026-11-21"):
        known.recognise(token, now=NOW)


def test_withdrawing_ends_every_token_of_the_operator_and_of_nobody_else(known: Operators) -> None:
    old, fresh, others = new(known), new(known), new(known, "clerk-two")

    withdrawn = known.withdraw(NAME, now=NOW)

    assert len(withdrawn) == 2
    for token in (old, fresh):
        with pytest.raises(ForbiddenError, match="withdrawn"):
            known.recognise(token, now=NOW)
    assert known.recognise(others, now=NOW) == "clerk-two"


def test_nobody_can_be_withdrawn_who_is_no_operator(known: Operators) -> None:
    with pytest.raises(NotFoundError):
        known.withdraw(NAME, now=NOW)


def test_nobody_is_withdrawn_twice(known: Operators) -> None:
    new(known)
    known.withdraw(NAME, now=NOW)

    with pytest.raises(ConflictError):
        known.withdraw(NAME, now=NOW)


def test_a_new_token_leaves_the_one_before_it_of_use(known: Operators) -> None:
    old, fresh = new(known), new(known)

    assert [known.recognise(each, now=NOW) for each in (old, fresh)] == [NAME, NAME]


def test_of_three_tokens_the_oldest_is_withdrawn(known: Operators) -> None:
    first, second = new(known), new(known)
    third = known.add(NAME, now=NOW, days=30)

    assert len(third.replaced) == 1
    with pytest.raises(ForbiddenError, match="withdrawn"):
        known.recognise(first, now=NOW)
    assert [known.recognise(each, now=NOW) for each in (second, third.token)] == [NAME, NAME]


def test_an_expired_token_takes_no_other_ones_place(known: Operators) -> None:
    new(known, days=1)
    later = NOW + 2 * DAY
    second = new(known, now=later)

    issued = known.add(NAME, now=later, days=30)

    assert issued.replaced == ()
    assert known.recognise(second, now=later) == NAME


def test_who_was_withdrawn_can_be_added_again(known: Operators) -> None:
    new(known)
    known.withdraw(NAME, now=NOW)

    assert known.recognise(new(known), now=NOW) == NAME


def test_of_many_tokens_the_newest_are_remembered(known: Operators) -> None:
    for _ in range(10):
        new(known)

    assert len(known.all()) == operators.KEPT
    assert sum(each.is_active(NOW) for each in known.all()) == operators.MOST_ACTIVE


def test_every_single_wrong_character_is_found(known: Operators) -> None:
    token = new(known)
    wrong = [
        token[:place] + other + token[place + 1 :]
        for place in range(len(token))
        for other in "0f-_x"
        if token[place] != other
    ]

    for each in wrong:
        with pytest.raises(SettingsError):
            known.recognise(each, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token + "\n",
        lambda token: token.upper(),
        lambda token: token.replace(NAME, "../clerk"),
        lambda token: token.replace(NAME, "a" * 33),
        lambda token: token.removeprefix("op_"),
        lambda _: "",
    ],
    ids=["short", "long", "a line more", "capitals", "path", "long name", "no mark", "empty"],
)
def test_what_is_no_whole_token_is_refused(known: Operators, change: Callable[[str], str]) -> None:
    with pytest.raises(SettingsError, match="operator token"):
        known.recognise(change(new(known)), now=NOW)


def test_another_operators_secret_proves_nothing(known: Operators) -> None:
    _, secret = read_token(new(known, "clerk-two"))
    new(known)

    with pytest.raises(ForbiddenError, match="no operator of this keyring"):
        known.recognise(checked(f"op_{NAME}_{secret.hex()}"), now=NOW)


def test_a_secret_of_ones_own_making_proves_nothing(known: Operators) -> None:
    new(known)

    with pytest.raises(ForbiddenError, match="no operator of this keyring"):
        known.recognise(checked(f"op_{NAME}_{'00' * 32}"), now=NOW)


def test_an_unknown_name_is_refused_as_a_wrong_secret_is(
    known: Operators, monkeypatch: pytest.MonkeyPatch
) -> None:
    new(known)
    compared = counted(monkeypatch)

    said, work = [], []
    for name in (NAME, "nobody"):
        with pytest.raises(ForbiddenError) as refused:
            known.recognise(checked(f"op_{name}_{'00' * 32}"), now=NOW)
        said.append(str(refused.value))
        work.append(len(compared))

    assert said[0] == said[1]
    assert work == [operators.KEPT, 2 * operators.KEPT]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One more for every comparison; each is made as before."""
    compared: list[int] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(1)
        return real(one, other)

    monkeypatch.setattr(operators.hmac, "compare_digest", compare)
    return compared


def test_no_refusal_says_a_secret(known: Operators) -> None:
    token = new(known)
    _, secret = read_token(token)
    known.withdraw(NAME, now=NOW)

    for tried in (token, token[:-1], checked(f"op_nobody_{secret.hex()}")):
        with pytest.raises((ForbiddenError, SettingsError)) as refused:
            known.recognise(tried, now=NOW)
        assert secret.hex()[:8] not in str(refused.value)


@pytest.mark.parametrize("name", ["", "Clerk", "two words", "-clerk", "../clerk", "a_b", "a" * 33])
def test_nobody_is_called_what_a_file_or_a_token_cannot_say(known: Operators, name: str) -> None:
    with pytest.raises(SettingsError, match="small letters"):
        known.add(name, now=NOW)


def test_a_file_that_others_can_read_stops_everything(known: Operators, folder: Path) -> None:
    token = new(known)
    (folder / f"{NAME}.json").chmod(0o604)

    with pytest.raises(SettingsError, match=r"clerk-one\.json is open to everybody"):
        known.recognise(token, now=NOW)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"tokens": [{}]}', b"\xff", b'{"tokens": 1}']
)
def test_a_broken_file_is_named(known: Operators, folder: Path, data: bytes) -> None:
    token = new(known)
    (folder / f"{NAME}.json").write_bytes(data)

    with pytest.raises(SettingsError, match=r"operators/clerk-one\.json"):
        known.recognise(token, now=NOW)


def test_a_keyring_without_operators_knows_nobody(known: Operators) -> None:
    assert known.all() == []
    with pytest.raises(ForbiddenError):
        known.recognise(checked(f"op_{NAME}_{'00' * 32}"), now=NOW)


def test_tokens_made_at_once_are_all_accounted_for(known: Operators) -> None:
    def make(_: int) -> Any:
        return known.add(NAME, now=NOW, days=30)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(8)))

    assert len(known.all()) == operators.KEPT
    assert sum(each.is_active(NOW) for each in known.all()) == operators.MOST_ACTIVE
