"""A key is shown whole, or signs a request; whatever is changed of either proves nothing."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from factory import access_keys, tokens
from factory.access_keys import Bearer, Caller, Credentials, Scope, Signed
from factory.errors import ForbiddenError, UnrecognisedError

SECRET = bytes(range(32))
KEY, TOKEN = access_keys.mint(b"\x01\x02\x03\x04\x05\x06\x07\x08", SECRET)
PROOF = access_keys.proof_of(SECRET)
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
MOMENT = int(NOW.timestamp())
BODY = b'{"id": "1"}'
REQUEST = {"method": "POST", "target": "/v1/events?wait=1", "body": BODY}
CALLER = Caller(
    key=KEY,
    source="urn:example:portal",
    scopes=frozenset({Scope.SUBMIT, Scope.READ}),
    profiles=frozenset({"one"}),
)


def signed(**changes: object) -> Credentials:
    """A signed request; what is changed is changed after it was signed."""
    value = access_keys.signature(
        PROOF.signing_key,
        ident="request-1",
        moment=MOMENT,
        method="POST",
        target="/v1/events?wait=1",
        body=BODY,
    )
    whole = Credentials(
        key=KEY,
        ident="request-1",
        timestamp=str(MOMENT),
        signature=value,
        method="POST",
        target="/v1/events?wait=1",
        body=BODY,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def bearer(value: str) -> Credentials:
    return Credentials(authorization=value, method="GET", target="/v1/events/1")


def read_signed(**changes: object) -> Signed:
    found = access_keys.read(signed(**changes))
    assert isinstance(found, Signed)
    return found


# --- the whole key ----------------------------------------------------------------------------


def test_a_key_says_its_key_id_and_hides_its_secret_from_whoever_prints_it() -> None:
    found = access_keys.read(bearer(f"Bearer {TOKEN}"))

    assert isinstance(found, Bearer)
    assert (found.key, found.fits(PROOF)) == (KEY, True)
    assert SECRET.hex() not in f"{found} {bearer(TOKEN)} {PROOF} {signed()}"


def test_a_key_is_written_as_the_guide_says() -> None:
    assert TOKEN.startswith(f"cfk_0102030405060708_{SECRET.hex()}")
    assert len(TOKEN) == 4 + 16 + 1 + 64 + 8


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_known_however_it_is_written(scheme: str) -> None:
    assert isinstance(access_keys.read(bearer(f"{scheme} {TOKEN}")), Bearer)


@pytest.mark.parametrize("at", range(4, len(TOKEN), 7))
def test_every_wrong_character_is_found_before_anybody_is_asked(at: int) -> None:
    wrong = TOKEN[:at] + ("0" if TOKEN[at] != "0" else "1") + TOKEN[at + 1 :]

    with pytest.raises(UnrecognisedError, match=r"is not written|check does not fit") as refused:
        access_keys.read(bearer(f"Bearer {wrong}"))
    assert wrong[25:40] not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer {TOKEN}\n",
        f"Bearer {TOKEN}\r\nX: y",
        f"Bearer {TOKEN.upper()}",
        f"Bearer op_clerk_{TOKEN[21:]}",
        "Bearer " + "a" * 100_000,
        f"Bearer {TOKEN[:-1]}٣",
    ],
)
def test_what_is_no_whole_key_is_refused(value: str) -> None:
    with pytest.raises(UnrecognisedError, match=r"is not written|check"):
        access_keys.read(bearer(value))


def test_another_secret_does_not_fit() -> None:
    _, other = access_keys.mint(bytes.fromhex(KEY), bytes(32))

    found = access_keys.read(bearer(f"Bearer {other}"))

    assert not found.fits(PROOF)


# --- a signed request -------------------------------------------------------------------------


def test_a_signed_request_is_proved_by_what_is_kept() -> None:
    found = read_signed()

    found.refuse_unless_fresh(NOW)
    assert found.fits(PROOF)


def test_the_signature_is_what_rfc_2104_gives_over_the_documented_bytes() -> None:
    key = hmac.new(SECRET, b"certfactory request signing v1", hashlib.sha256).digest()
    text = f"request-1.{MOMENT}.POST /v1/events?wait=1\n".encode() + BODY

    wanted = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()

    assert signed().signature == f"v1,{wanted}"


@pytest.mark.parametrize(
    "change",
    [
        {"body": BODY + b" "},
        {"body": b""},
        {"method": "PUT"},
        {"target": "/v1/events?wait=2"},
        {"target": "/v1/events"},
        {"ident": "request-2"},
        {"timestamp": str(MOMENT + 1)},
        {"signature": "v1," + base64.b64encode(bytes(32)).decode()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_changed_after_signing_is_noticed(change: dict[str, object]) -> None:
    assert not read_signed(**change).fits(PROOF)


def test_another_keys_signature_does_not_fit() -> None:
    assert not read_signed().fits(access_keys.proof_of(bytes(32)))


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_signature_is_fresh_for_five_minutes(seconds: int) -> None:
    read_signed().refuse_unless_fresh(NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(("seconds", "side"), [(301, "behind"), (-301, "ahead of")])
def test_a_stale_timestamp_is_told_with_the_factorys_own(seconds: int, side: str) -> None:
    with pytest.raises(UnrecognisedError, match=rf"301 s {side} the factory's clock.*2026-11-21T"):
        read_signed().refuse_unless_fresh(NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("name", ["key", "ident", "timestamp", "signature"])
def test_a_missing_header_is_named(name: str) -> None:
    header = {"ident": "Factory-Id"}.get(name, f"Factory-{name.title()}")

    with pytest.raises(UnrecognisedError, match=f"^{header}: is missing"):
        access_keys.read(signed(**{name: None}))


@pytest.mark.parametrize(
    ("change", "header"),
    [
        ({"key": KEY[:-1]}, "Factory-Key"),
        ({"key": f"{KEY}\n"}, "Factory-Key"),
        ({"ident": "short"}, "Factory-Id"),
        ({"ident": "i" * 65}, "Factory-Id"),
        ({"ident": "with.dot-1"}, "Factory-Id"),
        ({"ident": "a key:other"}, "Factory-Id"),
        ({"timestamp": "-1"}, "Factory-Timestamp"),
        ({"timestamp": f"0{MOMENT}"}, "Factory-Timestamp"),
        ({"timestamp": f"{MOMENT}.0"}, "Factory-Timestamp"),
        ({"timestamp": "１７９５"}, "Factory-Timestamp"),
        ({"timestamp": "9" * 5000}, "Factory-Timestamp"),
        ({"signature": "v2," + "A" * 43 + "="}, "Factory-Signature"),
        ({"signature": "v1,é" + "A" * 42 + "="}, "Factory-Signature"),
        ({"target": "/v1/名"}, "target"),
        ({"target": '/v1/events.{"a":1}'}, "target"),
        ({"target": "v1/events"}, "target"),
        ({"method": "post"}, "method"),
    ],
)
def test_a_header_that_is_not_what_it_should_be_is_named_and_not_repeated(
    change: dict[str, str], header: str
) -> None:
    with pytest.raises(UnrecognisedError, match=f"^{header}: is not ") as refused:
        access_keys.read(signed(**change))
    assert next(iter(change.values())) not in str(refused.value)


def test_the_end_of_the_path_can_not_be_moved_into_a_json_body_or_back() -> None:
    """Both would be signed alike: one is no target, the other no JSON."""
    moved = signed(target='/v1/events?wait=1.{"id": "1"}', body=b"")

    with pytest.raises(UnrecognisedError, match=r"^target"):
        access_keys.read(moved)


def test_a_request_that_says_nothing_is_told_what_to_say() -> None:
    with pytest.raises(UnrecognisedError, match="Authorization: is missing; send Bearer"):
        access_keys.read(Credentials(method="GET", target="/v1/events/1"))


def test_a_request_that_says_both_is_refused() -> None:
    with pytest.raises(UnrecognisedError, match="send one kind"):
        access_keys.read(signed(authorization=f"Bearer {TOKEN}"))


# --- what a caller may do ---------------------------------------------------------------------


def test_a_caller_may_do_what_its_key_has_the_scope_for() -> None:
    CALLER.need(Scope.SUBMIT)

    assert CALLER.who == f"key:{KEY}"


def test_what_its_key_has_no_scope_for_is_refused() -> None:
    with pytest.raises(ForbiddenError, match=r"^key: has no scope link; it has read, submit$"):
        CALLER.need(Scope.LINK)


def test_scopes_are_the_five_words_of_the_guide() -> None:
    assert [*Scope] == ["submit", "sign", "link", "bulk", "read"]


def test_a_tokens_check_is_no_part_of_its_secret() -> None:
    assert tokens.check_fits(TOKEN)
    assert TOKEN[-8:] == tokens.check(TOKEN[:-8])
