"""Upstream systems are issued keys; a request proves by one whose it is, and what it may do."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from factory import access_keys
from factory.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    SealedDataError,
    SettingsError,
    StoreUnavailableError,
    UnrecognisedError,
)
from jobs import callers
from jobs.bulk.beginning import OPERATIONS
from jobs.callers import Caller, Credentials, Issued, Scope
from jobs.servers import free_port
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import inbox
from tests.plants import PROFILE, SOURCE, WHO, new_plant

pytestmark = pytest.mark.on_both  # statements that nothing else sends
OTHER = "gansu-constructor"
UNKNOWN = "no such key, it was revoked, or this is not its secret or signature"


@pytest.fixture
def plant(tmp_path: Path, db_url: str, valkey_url: str, namespace: str) -> Plant:
    return new_plant(tmp_path / "data", db_url, redis_url=valkey_url, namespace=namespace)


@pytest.fixture
def lonely(tmp_path: Path, sqlite_db_url: str, namespace: str) -> Plant:
    """A plant whose broker gives no answer."""
    url = f"redis://127.0.0.1:{free_port()}"
    return new_plant(tmp_path / "data", sqlite_db_url, redis_url=url, namespace=namespace)


def issue(plant: Plant, **how: Any) -> Issued:
    return callers.issue(plant, SOURCE, **({"who": WHO} | how))


def clock(plant: Plant) -> datetime:
    with plant.ledger.read() as tx:
        return tx.now


def bearer(token: str) -> Credentials:
    return Credentials(authorization=f"Bearer {token}", method="GET", target="/v1/events/1")


def signed(token: str, now: datetime, ident: str = "request-1", **changes: Any) -> Credentials:
    """A request signed with a key; what is changed is changed afterwards."""
    brought = access_keys.read_token(token)
    moment, body = int(now.timestamp()), b"{}"
    value = access_keys.signature(
        access_keys.signing_key(brought.secret),
        ident=ident, moment=moment, method="POST", target="/v1/events", body=body,
    )  # fmt: skip
    whole = Credentials(
        key=brought.key, ident=ident, timestamp=str(moment), signature=value,
        method="POST", target="/v1/events", body=body,
    )  # fmt: skip
    return replace(whole, **changes)


def recognise(plant: Plant, credentials: Credentials, now: datetime | None = None) -> Caller:
    return callers.recognise(plant, credentials, now=now or clock(plant))


def audited(plant: Plant) -> list[tuple[str, str, str]]:
    """(action, key id, why), oldest first."""
    c = t.audit.c
    wanted = select(c.action, c.object_id, c.why).where(c.object_kind == "access_key")
    with plant.ledger.read() as tx:
        return [tuple(row) for row in tx.run(wanted.order_by(c.id))]


def grant(plant: Plant, profile: str) -> None:
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, SOURCE, profile)


# --- issuing ----------------------------------------------------------------------------------


def test_a_key_opens_for_its_source_all_it_is_granted(plant: Plant) -> None:
    issued = issue(plant)

    found = recognise(plant, bearer(issued.token))

    assert found == Caller(
        key=issued.kept.key,
        source=SOURCE,
        scopes=frozenset(Scope),
        profiles=frozenset({PROFILE}),
    )


def test_a_key_has_the_scopes_and_profiles_it_was_issued_for(plant: Plant) -> None:
    grant(plant, OTHER)

    issued = issue(plant, scopes=[Scope.READ], profiles=[OTHER])

    found = recognise(plant, bearer(issued.token))
    assert (found.scopes, found.profiles) == ({Scope.READ}, {OTHER})


def test_a_profile_that_is_granted_later_is_not_opened_by_an_earlier_key(plant: Plant) -> None:
    issued = issue(plant)

    grant(plant, OTHER)

    assert recognise(plant, bearer(issued.token)).profiles == {PROFILE}


def test_a_grant_that_was_taken_back_counts_at_once(plant: Plant) -> None:
    issued = issue(plant)

    with plant.ledger.write(WHO) as tx:
        tx.run(delete(t.source_grant).where(t.source_grant.c.source == SOURCE))

    assert recognise(plant, bearer(issued.token)).profiles == frozenset()


@pytest.mark.parametrize(
    ("source", "how", "kind", "rule"),
    [
        (SOURCE, {"profiles": [PROFILE, OTHER]}, SettingsError, f"may not submit for {OTHER}: run"),
        ("urn:example:nobody", {}, SettingsError, "sources grant urn:example:nobody PROFILE"),
        (OPERATIONS, {}, ForbiddenError, "no key is issued"),
        (SOURCE, {"scopes": []}, FieldError, "scopes: names none"),
        (SOURCE, {"label": "Two Words"}, FieldError, "label: "),
    ],
    ids=["another profile", "no grant", "operators", "no scope", "no label"],
)
def test_a_key_that_would_open_too_much_or_nothing_is_not_made(
    plant: Plant, source: str, how: dict[str, Any], kind: type[Exception], rule: str
) -> None:
    with pytest.raises(kind, match=rule):
        callers.issue(plant, source, **how, who=WHO)

    assert callers.listed(plant) == []


def test_two_keys_of_a_label_are_active_and_a_third_is_told_which_to_revoke(plant: Plant) -> None:
    first, second = issue(plant), issue(plant)

    with pytest.raises(ConflictError, match=f"revoke the oldest, {first.kept.key} of 20"):
        issue(plant)
    assert recognise(plant, bearer(first.token)).source == SOURCE
    assert recognise(plant, bearer(second.token)).source == SOURCE


def test_another_label_and_another_source_have_keys_of_their_own(plant: Plant) -> None:
    issue(plant), issue(plant)
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, "urn:example:other", PROFILE)

    issue(plant, label="second-site")
    callers.issue(plant, "urn:example:other", who=WHO)

    assert len(callers.listed(plant)) == 4


def test_a_revoked_key_makes_room_for_a_new_one(plant: Plant) -> None:
    old, _ = issue(plant), issue(plant)

    callers.revoke(plant, old.kept.key, who=WHO, why="rotated")

    assert recognise(plant, bearer(issue(plant).token)).source == SOURCE


def test_of_many_who_ask_at_once_two_get_a_key(plant: Plant) -> None:
    done: list[object] = []

    def ask() -> None:
        try:
            done.append(issue(plant))
        except ConflictError as error:
            done.append(error)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sum(isinstance(each, Issued) for each in done) == 2
    assert len(done) == 5


def test_no_secret_is_kept_nor_listed_nor_audited(plant: Plant) -> None:
    issued = issue(plant)
    secret = access_keys.read_token(issued.token).secret

    with plant.ledger.read() as tx:
        row = tx.run(select(t.access_key)).one()
        audit = tx.run(select(t.audit)).all()
    said = f"{callers.listed(plant)} {issued} {audit} {row}"

    assert issued.kept.key in said
    assert secret.hex() not in said
    assert secret not in row.signing_key
    assert access_keys.signing_key(secret) not in row.signing_key


def test_what_a_key_signs_with_opens_in_its_own_row_alone(plant: Plant) -> None:
    first, second = issue(plant), issue(plant)
    c = t.access_key.c

    with plant.ledger.write(WHO) as tx:
        names = (c.signing_key, c.data_key_id)
        row = tx.run(select(*names).where(c.key_id == first.kept.key)).one()
        moved = update(t.access_key).where(c.key_id == second.kept.key).values(**row._mapping)
        tx.run(moved)

    with pytest.raises(SealedDataError):
        recognise(plant, bearer(second.token))


# --- revoking and listing ---------------------------------------------------------------------


def test_a_revoked_key_opens_nothing_from_then_on(plant: Plant) -> None:
    issued = issue(plant)

    revoked = callers.revoke(plant, issued.kept.key, who=WHO, why="lost")

    assert revoked.state == "revoked"
    with pytest.raises(UnrecognisedError, match=UNKNOWN):
        recognise(plant, bearer(issued.token))


def test_a_key_is_revoked_once(plant: Plant) -> None:
    issued = issue(plant)
    callers.revoke(plant, issued.kept.key, who=WHO, why="lost")

    with pytest.raises(ConflictError, match="was revoked on 20"):
        callers.revoke(plant, issued.kept.key, who=WHO, why="lost again")
    with pytest.raises(NotFoundError, match="none of that key id"):
        callers.revoke(plant, "0" * 16, who=WHO, why="lost")


def test_issuing_and_revoking_are_audited(plant: Plant) -> None:
    key = issue(plant, days=30).kept.key

    callers.revoke(plant, key, who=WHO, why="lost")

    assert audited(plant) == [
        ("access key issued", key, "for 30 days"),
        ("access key revoked", key, "lost"),
    ]


def test_the_list_says_when_a_key_was_used_at_most_once_a_minute(plant: Plant) -> None:
    issued = issue(plant)
    assert callers.listed(plant)[0].last_used is None

    recognise(plant, bearer(issued.token))
    used = callers.listed(plant)[0].last_used
    recognise(plant, bearer(issued.token))

    assert used is not None
    assert callers.listed(plant)[0].last_used == used


def test_a_use_after_a_minute_is_written_again(plant: Plant) -> None:
    issued = issue(plant)
    long_ago = clock(plant) - timedelta(seconds=61)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.access_key).values(last_used_at=long_ago))

    recognise(plant, bearer(issued.token))

    used = callers.listed(plant)[0].last_used
    assert used is not None
    assert used > long_ago


# --- recognising ------------------------------------------------------------------------------


def test_a_signed_request_is_recognised_as_its_key_is(plant: Plant) -> None:
    issued = issue(plant)

    found = recognise(plant, signed(issued.token, clock(plant)))

    assert found == recognise(plant, bearer(issued.token))


def test_a_signed_request_is_taken_once(plant: Plant) -> None:
    issued, now = issue(plant), clock(plant)
    recognise(plant, signed(issued.token, now))

    with pytest.raises(UnrecognisedError, match="Factory-Id: came before"):
        recognise(plant, signed(issued.token, now))
    recognise(plant, signed(issued.token, now, "request-2"))


def test_two_keys_may_use_the_same_id(plant: Plant) -> None:
    first, second, now = issue(plant), issue(plant), clock(plant)

    recognise(plant, signed(first.token, now))

    assert recognise(plant, signed(second.token, now)).key == second.kept.key


def test_an_id_is_remembered_for_longer_than_its_signature_is_fresh(plant: Plant) -> None:
    issued = issue(plant)

    recognise(plant, signed(issued.token, clock(plant)))

    client = plant.pacing._client
    assert client is not None
    (name,) = client.keys(f"{plant.settings.namespace}:door:seen:*")  # type: ignore[misc]
    assert int(client.ttl(name)) > 600  # type: ignore[arg-type]


def test_a_request_that_proves_nothing_uses_up_no_id(plant: Plant) -> None:
    issued, now = issue(plant), clock(plant)
    with pytest.raises(UnrecognisedError):
        recognise(plant, signed(issued.token, now, body=b"[]"))

    assert recognise(plant, signed(issued.token, now)).source == SOURCE


def _unknown(plant: Plant, issued: Issued) -> str:
    return access_keys.mint(bytes(8), bytes(32))[1]


def _wrong_secret(plant: Plant, issued: Issued) -> str:
    return access_keys.mint(bytes.fromhex(issued.kept.key), bytes(32))[1]


def _revoked(plant: Plant, issued: Issued) -> str:
    callers.revoke(plant, issued.kept.key, who=WHO, why="lost")
    return issued.token


def _expired_with_wrong_secret(plant: Plant, issued: Issued) -> str:
    expire(plant)
    return _wrong_secret(plant, issued)


def expire(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.access_key).values(expires_at=tx.now - timedelta(seconds=1)))


@pytest.mark.parametrize("signs", [False, True], ids=["bearer", "signed"])
@pytest.mark.parametrize("make", [_unknown, _wrong_secret, _revoked, _expired_with_wrong_secret])
def test_whether_there_is_such_a_key_is_told_nobody(
    plant: Plant, make: Callable[[Plant, Issued], str], signs: bool
) -> None:
    token = make(plant, issue(plant))

    with pytest.raises(UnrecognisedError) as refused:
        recognise(plant, signed(token, clock(plant)) if signs else bearer(token))

    assert str(refused.value) == callers.WRONG


def test_nobody_signs_with_what_stands_in_for_a_key_that_is_not_there(plant: Plant) -> None:
    now = clock(plant)
    moment = int(now.timestamp())
    forged = access_keys.signature(
        access_keys.NOBODY.signing_key,
        ident="request-1", moment=moment, method="POST", target="/v1/events", body=b"",
    )  # fmt: skip
    brought = Credentials(
        key="0" * 16, ident="request-1", timestamp=str(moment), signature=forged,
        method="POST", target="/v1/events",
    )  # fmt: skip

    with pytest.raises(UnrecognisedError, match=UNKNOWN):
        recognise(plant, brought)


def test_whoever_has_the_secret_of_an_expired_key_is_told_so(plant: Plant) -> None:
    issued = issue(plant)
    expire(plant)

    with pytest.raises(UnrecognisedError, match="access key: expired on 20"):
        recognise(plant, bearer(issued.token))
    with pytest.raises(UnrecognisedError, match="access key: expired on 20"):
        recognise(plant, signed(issued.token, clock(plant)))


def test_a_key_opens_until_it_expires(plant: Plant) -> None:
    issued = issue(plant, days=1)

    recognise(plant, bearer(issued.token), now=issued.kept.expires - timedelta(microseconds=1))
    with pytest.raises(UnrecognisedError, match="expired"):
        recognise(plant, bearer(issued.token), now=issued.kept.expires)


def test_a_stale_signature_is_refused(plant: Plant) -> None:
    issued, now = issue(plant), clock(plant)

    with pytest.raises(UnrecognisedError, match="Factory-Timestamp: is 3"):
        recognise(plant, signed(issued.token, now - timedelta(seconds=305)), now)


def test_without_the_broker_no_signed_request_is_taken_and_a_whole_key_is(lonely: Plant) -> None:
    issued = issue(lonely)

    with pytest.raises(StoreUnavailableError, match=r"^broker: gives no answer"):
        recognise(lonely, signed(issued.token, clock(lonely)))
    assert recognise(lonely, bearer(issued.token)).source == SOURCE


def test_the_ledger_keeps_scopes_and_profiles_in_one_order(plant: Plant) -> None:
    issue(plant, scopes=[Scope.SUBMIT, Scope.BULK, Scope.READ])

    view = callers.listed(plant)[0]

    assert json.dumps(view.scopes) == '["bulk", "read", "submit"]'
