"""Notices as CloudEvents, and signatures that another implementation takes and refuses."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from factory.errors import FieldError
from factory.notices import (
    Notice,
    Type,
    as_event,
    body_of,
    headers_of,
    is_genuine,
    key_of,
    secret_text,
)

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
NOTICE = Notice(
    cursor=17,
    type=Type.CERTIFICATE_MADE,
    profile="shanghai-constructor",
    subject="沪1312026000001",
    data={"edition": 2},
    at=NOW,
    correlation="-",
)


def test_a_notice_is_a_cloud_event() -> None:
    assert as_event(NOTICE, "urn:certfactory") == {
        "specversion": "1.0",
        "id": "17",
        "source": "urn:certfactory",
        "type": "certificate.made",
        "subject": "沪1312026000001",
        "time": "2026-11-22T03:00:00+00:00",
        "datacontenttype": "application/json",
        "sequence": "0000000000000000017",
        "data": {"profile": "shanghai-constructor", "edition": 2},
    }


def test_a_notice_carries_the_correlation_of_its_event() -> None:
    event = as_event(replace(NOTICE, correlation="c-1"), "urn:certfactory")

    assert event["correlationid"] == "c-1"


@given(st.integers(1, 10**18), st.integers(1, 10**18))
def test_sequences_sort_as_text(one: int, two: int) -> None:
    first, second = (as_event(replace(NOTICE, cursor=n), "-")["sequence"] for n in (one, two))

    assert (first < second) == (one < two)


@given(st.binary(max_size=300).map(bytes.hex), st.integers(1, 10**18))
def test_another_implementation_takes_what_we_sign_and_we_take_what_it_signs(
    text: str, cursor: int
) -> None:
    now, body = datetime.now(UTC), json.dumps({"text": text}).encode()
    headers = headers_of([OTHER, KEY], ident=str(cursor), now=now, body=body)

    Webhook(secret_text(KEY)).verify(body, headers)
    theirs = Webhook(secret_text(KEY)).sign(str(cursor), now, body.decode())
    assert is_genuine(KEY, headers | {"webhook-signature": theirs}, body, now=now)


def test_a_signature_is_taken_with_one_of_two_secrets_within_five_minutes() -> None:
    body = body_of(NOTICE, "urn:certfactory")
    headers = headers_of([OTHER, KEY], ident="17", now=NOW, body=body)

    assert is_genuine(KEY, headers, body, now=NOW + timedelta(minutes=5))
    assert not is_genuine(KEY, headers, body, now=NOW + timedelta(minutes=5, seconds=1))
    assert not is_genuine(KEY, headers, body + b" ", now=NOW)
    assert not is_genuine(bytes(32), headers, body, now=NOW)
    assert not is_genuine(KEY, headers | {"webhook-id": "18"}, body, now=NOW)
    assert not is_genuine(KEY, {}, body, now=NOW)
    assert not is_genuine(KEY, headers | {"webhook-timestamp": "soon"}, body, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "whsec_c2hvcnQ=", "c2VjcmV0" * 5])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(FieldError, match="Standard Webhooks"):
        key_of(secret)


def test_a_secret_is_read_as_it_is_written() -> None:
    assert key_of(secret_text(KEY)) == KEY
