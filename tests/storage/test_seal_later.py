"""A key behind an asynchronous seal service: what it says of each digest, and no more than that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from factory.errors import (
    KeyBusyError,
    SealDeclinedError,
    SealPendingError,
    SealRefusedError,
    SettingsError,
)
from factory.seals import keys
from factory.seals.signer import LaterSigner, Purpose, answers
from factory.seals.soft import SoftSigner
from storage import testca
from storage.seal_later import AsynchronousSigner
from storage.seal_service import Service, ServiceSigner
from storage.signature_protocol import MOST_DIGESTS, Patience
from tests import seal_service, sealing_service
from tests.seal_service import TOKEN
from tests.sealing_service import FETCH, POLL, REVOKE, SUBMIT, SealingService

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
ISSUED = testca.issue_seal(testca.make_ca(NOW), "示例省住房和城乡建设厅", algorithm="p256")
DIGESTS = [sha256(bytes([each])).digest() for each in range(3)]
PURPOSE = Purpose(profile="shanghai-constructor", kind="certificate", batch=None)
WEEK = timedelta(days=7)


@pytest.fixture
def centre() -> Iterator[SealingService]:
    with sealing_service.running({"seal": SoftSigner(ISSUED.key)}) as running:
        yield running


@pytest.fixture
def address(centre: SealingService, tmp_path: Path) -> Service:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(TOKEN)
    return Service(url=centre.url, key="seal", token_file=file)


@pytest.fixture
def signer(address: Service) -> AsynchronousSigner:
    return AsynchronousSigner(address, ISSUED.certificate, patience=WEEK)


def test_only_one_who_seals_later_is_asked_again(
    signer: AsynchronousSigner, address: Service
) -> None:
    assert isinstance(signer, LaterSigner)
    assert not isinstance(ServiceSigner(address, ISSUED.certificate), LaterSigner)
    assert not isinstance(SoftSigner(ISSUED.key), LaterSigner)


def test_each_digest_has_an_answer_of_its_own(
    centre: SealingService, signer: AsynchronousSigner
) -> None:
    first = answers(signer, DIGESTS[:2], PURPOSE)
    centre.seal(1)
    centre.again = 30

    [sealed, waiting, new] = answers(signer, DIGESTS, PURPOSE)

    assert [type(each) for each in first] == [SealPendingError] * 2
    assert isinstance(sealed, bytes)
    assert keys.fits_digest(ISSUED.certificate, sealed, DIGESTS[0])
    assert isinstance(waiting, SealPendingError) and isinstance(new, SealPendingError)
    assert waiting.again_after == timedelta(seconds=30)
    assert centre.submitted == [each.hex() for each in DIGESTS]


def test_whoever_wants_all_at_once_hears_why_there_is_one_missing(
    centre: SealingService, signer: AsynchronousSigner
) -> None:
    with pytest.raises(SealPendingError):
        signer.sign_digests(DIGESTS)

    centre.seal()

    assert len(signer.sign_digests(DIGESTS)) == 3


def test_nothing_is_asked_of_no_digests(centre: SealingService, signer: AsynchronousSigner) -> None:
    signer.withdraw([])

    assert (signer.ask([]), signer.pending([]), centre.asked) == ([], {}, [])


def test_more_than_a_request_holds_are_several(
    centre: SealingService, signer: AsynchronousSigner
) -> None:
    many = [sha256(f"{each}".encode()).digest() for each in range(MOST_DIGESTS + 1)]
    signer.ask(many)
    centre.seal()

    signatures = signer.sign_digests(many)

    assert len(signatures) == len(many)
    assert [len(said["sealings"]) for said in centre.calls(SUBMIT)] == [MOST_DIGESTS, 1]


def test_the_same_digest_twice_is_one_request(
    centre: SealingService, signer: AsynchronousSigner
) -> None:
    signer.ask(DIGESTS[:1] * 2)
    centre.seal()

    one, other = signer.sign_digests(DIGESTS[:1] * 2)

    assert one == other
    assert len(centre.signed) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, 60), (0, 1), (5, 5), (86_400_000_000_000, 3600), (-1, 60), ("5", 60), (True, 60)],
)
def test_when_to_come_back_is_taken_as_far_as_it_is_reasonable(
    centre: SealingService, signer: AsynchronousSigner, said: object, seconds: int
) -> None:
    centre.behave(SUBMIT, sealing_service.each(retry_after=said))

    [error] = signer.ask(DIGESTS[:1])

    assert isinstance(error, SealPendingError)
    assert error.again_after == timedelta(seconds=seconds)


def test_one_that_is_declined_or_wrong_spoils_no_other(
    centre: SealingService, signer: AsynchronousSigner
) -> None:
    signer.ask(DIGESTS)
    centre.seal(1)
    centre.decline()
    first, *declined = signer.ask(DIGESTS)
    other = [each for each in centre.known.values() if each.signature]
    other[0].signature = "AAAA"

    wrong, *_ = signer.ask(DIGESTS)

    assert isinstance(first, bytes)
    assert [type(each) for each in declined] == [SealDeclinedError] * 2
    assert type(wrong) is SealRefusedError
    assert DIGESTS[0].hex() not in str(wrong) and TOKEN not in str(wrong)


def test_only_what_was_submitted_and_is_not_ready_is_pending(
    centre: SealingService, signer: AsynchronousSigner
) -> None:
    signer.ask(DIGESTS[:2])
    centre.seal(1)

    assert list(signer.pending(DIGESTS)) == [DIGESTS[1]]
    assert len(centre.known) == 2  # looking submits nothing


def test_what_is_withdrawn_is_unknown_to_the_service(
    centre: SealingService, signer: AsynchronousSigner
) -> None:
    signer.ask(DIGESTS[:2])

    signer.withdraw(DIGESTS)
    signer.withdraw(DIGESTS)

    assert centre.known == {}
    assert len(centre.calls(REVOKE)) == 2


def test_a_service_that_asks_to_wait_is_come_back_to_and_no_worker_sleeps(
    centre: SealingService, signer: AsynchronousSigner
) -> None:
    centre.behave(POLL, seal_service.busy(429, Retry_After="5"))

    with pytest.raises(KeyBusyError, match="is busy"):
        signer.ask(DIGESTS)

    assert len(centre.asked) == 1


def test_a_service_that_trickles_is_not_waited_for(
    centre: SealingService, address: Service
) -> None:
    calls = Patience(read=0.2, whole=0.3)
    hasty = AsynchronousSigner(address, ISSUED.certificate, patience=WEEK, calls=calls)
    centre.behave(POLL, seal_service.endless)

    with pytest.raises(KeyBusyError):
        hasty.ask(DIGESTS)

    centre.behave(POLL, seal_service.silent)
    with pytest.raises(KeyBusyError, match="no answer"):
        hasty.ask(DIGESTS)


@pytest.mark.parametrize("outcome", ["accepted", "revoked", "signed", "", None, 1, ["ready"]])
@pytest.mark.parametrize("call", [POLL, FETCH])
def test_an_outcome_that_was_not_asked_for_is_a_wrong_answer(
    centre: SealingService, signer: AsynchronousSigner, call: str, outcome: object
) -> None:
    signer.ask(DIGESTS)
    centre.seal()
    centre.behave(call, sealing_service.each(outcome=outcome))

    with pytest.raises(KeyBusyError, match="wrong answer"):
        signer.ask(DIGESTS)


def test_a_token_that_the_service_does_not_know_is_a_setting_to_mend(
    address: Service, signer: AsynchronousSigner
) -> None:
    address.token_file.write_text("another")

    with pytest.raises(SettingsError, match="token"):
        signer.prove()
