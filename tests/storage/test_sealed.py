"""What is sealed opens only under its key, in its place and unaltered; look-ups are keyed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import SealedDataError, SettingsError
from storage.sealed import MasterKeys, Vault

CONTEXT = "holder.person"
MASTER = MasterKeys(current=1, keys={1: b"\x01" * 32}, lookup=b"\x02" * 32)
ROTATED = replace(MASTER, current=2, keys={1: b"\x01" * 32, 2: b"\x03" * 32})
VAULT = Vault(MASTER)
KEY = VAULT.open_key(VAULT.new_key())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)


# --- sealed values


@given(st.binary(max_size=2000), st.text(st.characters(codec="utf-8")))
def test_what_was_sealed_opens_again(plaintext: bytes, context: str) -> None:
    sealed = KEY.seal(plaintext, context=context)

    assert KEY.open(sealed, context=context) == plaintext


@given(json_values)
def test_a_sealed_value_of_json_comes_back_as_it_was(value: object) -> None:
    sealed = KEY.seal_json(value, context=CONTEXT)

    assert KEY.open_json(sealed, context=CONTEXT) == value


def test_json_is_sealed_in_one_spelling() -> None:
    one, other = {"姓名": "甲", "a": 1}, {"a": 1, "姓名": "甲"}

    texts = {KEY.open(KEY.seal_json(v, context=CONTEXT), context=CONTEXT) for v in (one, other)}

    assert texts == {'{"a":1,"姓名":"甲"}'.encode()}


def test_the_same_text_is_never_sealed_to_the_same_bytes() -> None:
    sealed = {KEY.seal(b"same", context=CONTEXT) for _ in range(100)}

    assert len(sealed) == 100


@given(st.data())
def test_one_altered_bit_anywhere_is_noticed(data: st.DataObject) -> None:
    sealed = KEY.seal(b"text", context=CONTEXT)
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    altered = bytearray(sealed)
    altered[place // 8] ^= 1 << place % 8

    with pytest.raises(SealedDataError):
        KEY.open(bytes(altered), context=CONTEXT)


@pytest.mark.parametrize("length", [0, 1, 12, 13, 28, 32])
def test_a_value_cut_short_is_noticed(length: int) -> None:
    sealed = KEY.seal(b"text", context=CONTEXT)

    with pytest.raises(SealedDataError):
        KEY.open(sealed[:length], context=CONTEXT)


def test_a_value_moved_to_another_place_does_not_open() -> None:
    sealed = KEY.seal(b"text", context="holder.person")

    with pytest.raises(SealedDataError):
        KEY.open(sealed, context="holder.phone")


def test_a_value_does_not_open_under_another_persons_key() -> None:
    sealed, other = KEY.seal(b"text", context=CONTEXT), VAULT.open_key(VAULT.new_key())

    with pytest.raises(SealedDataError):
        other.open(sealed, context=CONTEXT)


def test_a_failure_says_the_place_and_nothing_of_the_value() -> None:
    sealed = KEY.seal(b"text", context=CONTEXT)

    with pytest.raises(SealedDataError) as caught:
        KEY.open(sealed + b"x", context=CONTEXT)

    assert str(caught.value) == "holder.person: does not open under its key"
    assert caught.value.reason == "sealed_data"


# --- data keys


def test_a_wrapped_key_opens_to_the_same_key_elsewhere() -> None:
    wrapped = VAULT.new_key()
    sealed = VAULT.open_key(wrapped).seal(b"text", context=CONTEXT)

    elsewhere = Vault(MASTER).open_key(wrapped)

    assert elsewhere.open(sealed, context=CONTEXT) == b"text"


def test_every_data_key_is_another() -> None:
    one, other = VAULT.new_key(), VAULT.new_key()

    sealed = VAULT.open_key(one).seal(b"text", context=CONTEXT)

    with pytest.raises(SealedDataError):
        VAULT.open_key(other).open(sealed, context=CONTEXT)


def test_a_wrapped_key_does_not_open_under_another_master_key() -> None:
    wrapped = VAULT.new_key()
    stranger = Vault(replace(MASTER, keys={1: b"\x09" * 32}))

    with pytest.raises(SealedDataError):
        stranger.open_key(wrapped)


@pytest.mark.parametrize("place", [0, 3, 4, 5, 20, -1])
def test_an_altered_wrapped_key_does_not_open(place: int) -> None:
    altered = bytearray(VAULT.new_key())
    altered[place] ^= 1

    with pytest.raises(SealedDataError):
        VAULT.open_key(bytes(altered))


def test_an_erased_key_does_not_open() -> None:
    with pytest.raises(SealedDataError):
        VAULT.open_key(b"")


# --- master keys change


def test_old_keys_open_after_the_master_key_has_changed() -> None:
    wrapped = VAULT.new_key()
    sealed = VAULT.open_key(wrapped).seal(b"text", context=CONTEXT)

    after = Vault(ROTATED)

    assert after.open_key(wrapped).open(sealed, context=CONTEXT) == b"text"


def test_a_key_wrapped_again_needs_the_old_master_key_no_more() -> None:
    wrapped = VAULT.new_key()
    sealed = VAULT.open_key(wrapped).seal(b"text", context=CONTEXT)

    again = Vault(ROTATED).rewrap(wrapped)

    only_new = Vault(replace(ROTATED, keys={2: b"\x03" * 32}))
    assert only_new.open_key(again).open(sealed, context=CONTEXT) == b"text"


def test_a_key_not_wrapped_again_needs_the_old_master_key() -> None:
    wrapped = VAULT.new_key()
    only_new = Vault(replace(ROTATED, keys={2: b"\x03" * 32}))

    with pytest.raises(SealedDataError, match="master key 1 is not in the keyring"):
        only_new.open_key(wrapped)


@pytest.mark.parametrize(
    "broken",
    [
        {"current": 2},
        {"keys": {1: b"\x01" * 31}},
        {"keys": {1: b"\x01" * 32, 2: b"\x01" * 16}},
        {"lookup": b"\x02" * 33},
    ],
)
def test_master_keys_that_cannot_be_are_refused(broken: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        replace(MASTER, **broken)  # type: ignore[arg-type]


def test_master_keys_do_not_show_themselves() -> None:
    text = repr(MASTER)

    assert text == "MasterKeys(current=1)"


# --- look-up


def test_the_same_parts_are_found_again_elsewhere() -> None:
    elsewhere = Vault(MASTER)

    assert VAULT.lookup("holder", "甲") == elsewhere.lookup("holder", "甲")


@given(
    st.lists(st.text(st.characters(codec="utf-8"))), st.lists(st.text(st.characters(codec="utf-8")))
)
def test_two_lists_of_parts_never_meet(one: list[str], other: list[str]) -> None:
    met = VAULT.lookup(*one) == VAULT.lookup(*other)

    assert met == (one == other)


@pytest.mark.parametrize("other", [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc")])
def test_parts_do_not_flow_into_each_other(other: tuple[str, ...]) -> None:
    assert VAULT.lookup("a", "b", "c") != VAULT.lookup(*other)


def test_nothing_is_found_under_another_look_up_key() -> None:
    stranger = Vault(replace(MASTER, lookup=b"\x04" * 32))

    assert VAULT.lookup("holder", "甲") != stranger.lookup("holder", "甲")
    assert VAULT.picture_digest(b"jpeg") != stranger.picture_digest(b"jpeg")


def test_look_ups_survive_a_change_of_the_master_key() -> None:
    after = Vault(ROTATED)

    assert after.lookup("holder", "甲") == VAULT.lookup("holder", "甲")
    assert after.picture_digest(b"jpeg") == VAULT.picture_digest(b"jpeg")


def test_a_picture_has_a_keyed_digest_of_64_hex_digits() -> None:
    one, other = VAULT.picture_digest(b"jpeg"), VAULT.picture_digest(b"jpeh")

    assert one != other
    assert (len(one), int(one, 16) > 0) == (64, True)
