"""Keys in PKCS#11 tokens, real ones of SoftHSM2: signing, refusing, losing the token, forking."""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from factory.errors import KeyBusyError, SettingsError
from factory.seals import keys
from storage import pkcs11_session, testca, token_key
from storage.pkcs11 import Pkcs11Signer, log_in
from storage.testca import Issued
from storage.token_key import DER, RAW, TokenKey, Vendor
from tests import tokens
from tests.tokens import MODULE, PIN, WRONG_PIN, Token, new_token

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
AUTHORITY = "示例市住房和城乡建设委员会"
DIGESTS = [bytes([number]) * 32 for number in range(1, 6)]
CKM_ECDSA, CKK_EC, CKM_SM2 = 0x1041, 0x3, 0x80008104
SPY = Path("/usr/lib/x86_64-linux-gnu/pkcs11-spy.so")

Sealed = tuple[Token, Issued]


def issued(algorithm: str = "p256") -> Issued:
    return testca.issue_seal(testca.make_ca(NOW), AUTHORITY, algorithm=algorithm)


@pytest.fixture
def token(tmp_path: Path) -> Token:
    return new_token(tmp_path)


@pytest.fixture
def sealed(token: Token) -> Sealed:
    """A token with a key labelled ``seal``, and the key's certificate."""
    made = issued()
    token.add(made.key, "seal")
    return token, made


def signs(signer: Pkcs11Signer, certificate: x509.Certificate, digests: Sequence[bytes]) -> bool:
    """Whether there is a signature for each digest, in order, that fits it."""
    found = signer.sign_digests(digests)
    pairs = zip(digests, found, strict=True)
    return all(keys.fits_digest(certificate, signature, digest) for digest, signature in pairs)


def refusal(key: TokenKey, certificate: x509.Certificate) -> str:
    """Why a key cannot be used: a setting, which no trying mends."""
    with pytest.raises(SettingsError) as caught:
        Pkcs11Signer(key, certificate).sign_digests(DIGESTS)
    assert PIN not in str(caught.value)
    assert WRONG_PIN not in str(caught.value)
    return str(caught.value)


# --- signing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_a_key_in_a_token_signs_what_its_certificate_verifies(token: Token, algorithm: str) -> None:
    made = issued(algorithm)
    token.add(made.key, "seal")

    signer = Pkcs11Signer(token.key("seal"), made.certificate)

    assert signs(signer, made.certificate, DIGESTS)
    assert not keys.fits_digest(
        made.certificate, signer.sign_digests(DIGESTS[:1])[0], DIGESTS[1]
    )  # fmt: skip


def test_a_key_that_never_was_outside_its_token_signs(token: Token) -> None:
    token.make("seal", "--key-type", "EC:prime256v1", "--usage-sign")
    public = load_der_public_key(token.tool("--read-object", "--type", "pubkey", "--label", "seal"))
    ca = testca.make_ca(NOW)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(testca.marked_name(AUTHORITY))
        .issuer_name(ca.issuing.certificate.subject)
        .public_key(public)  # type: ignore[arg-type]
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(ca.issuing.key, hashes.SHA256())
    )

    assert signs(Pkcs11Signer(token.key("seal"), certificate), certificate, DIGESTS)


def test_a_key_of_another_certificate_is_found_before_it_is_used(sealed: Sealed) -> None:
    token, _ = sealed

    assert "does not belong to the certificate" in refusal(token.key("seal"), issued().certificate)


def test_nothing_is_asked_of_a_token_before_the_first_signature(tmp_path: Path) -> None:
    missing = tmp_path / "none.so"
    place = token_key.Place(module=missing, token="t", slot=None, pin_file=tmp_path / "pin")
    key = TokenKey(place=place, label="seal", ident=None)

    Pkcs11Signer(key, issued().certificate)

    assert f"no PKCS#11 module {missing}" in refusal(key, issued().certificate)


def test_two_keys_of_one_label_are_told_apart_by_their_ids(token: Token) -> None:
    first, second = issued(), issued()
    token.add(first.key, "seal", "01")
    token.add(second.key, "seal", "02")

    assert "more than one key" in refusal(token.key("seal"), first.certificate)
    for made, ident in ((first, b"\x01"), (second, b"\x02")):
        by_both = Pkcs11Signer(token.key("seal", ident=ident), made.certificate)
        by_id = Pkcs11Signer(token.key(None, ident=ident), made.certificate)
        assert signs(by_both, made.certificate, DIGESTS)
        assert signs(by_id, made.certificate, DIGESTS)


def test_a_missing_key_is_named_with_its_setting(sealed: Sealed) -> None:
    token, made = sealed

    said = refusal(token.key("sael"), made.certificate)

    assert f'no key "sael" of token "{token.label}"' in said
    assert "check key" in said


def test_a_slot_is_as_good_as_a_label(sealed: Sealed) -> None:
    token, made = sealed
    slot = tokens.slot_of(token)

    signer = Pkcs11Signer(token.key("seal", token=None, slot=slot), made.certificate)

    assert signs(signer, made.certificate, DIGESTS)
    assert "no token in slot 77" in refusal(
        token.key("seal", token=None, slot=77), made.certificate
    )


def test_a_missing_token_is_named_and_found_when_it_has_come(tmp_path: Path) -> None:
    made, label = issued(), "late-token"
    first = new_token(tmp_path)
    early = replace(first.key("seal"), place=first.place(token=label))
    assert f'no token "{label}"' in refusal(early, made.certificate)

    late = new_token(tmp_path, label)
    late.add(made.key, "seal")

    assert signs(Pkcs11Signer(early, made.certificate), made.certificate, DIGESTS)


def test_of_two_tokens_with_one_label_none_is_taken(sealed: Sealed, tmp_path: Path) -> None:
    token, made = sealed
    new_token(tmp_path, token.label)

    assert "more than one token" in refusal(token.key("seal"), made.certificate)


def test_a_module_may_have_two_names(sealed: Sealed, tmp_path: Path) -> None:
    token, made = sealed
    (tmp_path / "other.so").symlink_to(MODULE)

    one = Pkcs11Signer(token.key("seal"), made.certificate)
    two = Pkcs11Signer(token.key("seal", module=tmp_path / "other.so"), made.certificate)

    assert signs(one, made.certificate, DIGESTS)
    assert signs(two, made.certificate, DIGESTS)


def test_a_file_that_is_no_module_is_refused(token: Token, tmp_path: Path) -> None:
    text = tmp_path / "module.so"
    text.write_text("not a library")

    assert "cannot be used as a PKCS#11 module" in refusal(
        token.key("seal", module=text), issued().certificate
    )


def test_a_key_that_may_not_sign_is_refused(token: Token) -> None:
    token.make_with("seal", SIGN=False)

    assert "not for signing (CKA_SIGN)" in refusal(token.key("seal"), issued().certificate)


def test_a_key_that_wants_its_pin_each_time_is_refused(token: Token) -> None:
    token.make_with("seal", SIGN=True, ALWAYS_AUTHENTICATE=True)

    assert "CKA_ALWAYS_AUTHENTICATE" in refusal(token.key("seal"), issued().certificate)


# --- PINs -------------------------------------------------------------------------------------


def test_a_wrong_pin_is_tried_once_and_then_only_by_a_person(sealed: Sealed) -> None:
    token, made = sealed
    token.pin_file.write_text(WRONG_PIN)
    signer = Pkcs11Signer(token.key("seal"), made.certificate)
    assert "refuses the PIN" in refusal(token.key("seal"), made.certificate)

    token.pin_file.write_text(PIN)  # would be right, but nothing tries by itself
    with pytest.raises(SettingsError, match="none is tried by itself"):
        signer.sign_digests(DIGESTS)
    log_in(token.key("seal"))

    assert signs(signer, made.certificate, DIGESTS)


def test_a_person_may_be_wrong_again(sealed: Sealed) -> None:
    token, made = sealed
    token.pin_file.write_text(WRONG_PIN)

    for _ in range(2):
        with pytest.raises(SettingsError, match="refuses the PIN"):
            log_in(token.key("seal"))

    token.pin_file.write_text(PIN)
    log_in(token.key("seal"))
    assert signs(Pkcs11Signer(token.key("seal"), made.certificate), made.certificate, DIGESTS)


def test_another_process_does_not_try_after_a_wrong_pin(sealed: Sealed) -> None:
    token, made = sealed
    token.pin_file.write_text(WRONG_PIN)
    refusal(token.key("seal"), made.certificate)
    token.pin_file.write_text(PIN)

    said = in_new_process(token, made)

    assert "none is tried by itself" in said


def test_another_process_tries_a_pin_that_nobody_got_wrong(sealed: Sealed) -> None:
    assert "signed" in in_new_process(*sealed)


def in_new_process(token: Token, made: Issued) -> str:
    """What a process says that knows nothing of this one, asked for a signature."""
    certificate = made.certificate.public_bytes(tokens.serialization.Encoding.PEM).decode()
    program = f"""
from pathlib import Path
from cryptography import x509
from storage.pkcs11 import Pkcs11Signer
from storage.token_key import Place, TokenKey
place = Place(module=Path({str(MODULE)!r}), token={token.label!r}, slot=None,
              pin_file=Path({str(token.pin_file)!r}))
key = TokenKey(place=place, label="seal", ident=None)
signer = Pkcs11Signer(key, x509.load_pem_x509_certificate({certificate!r}.encode()))
signer.sign_digests([bytes(32)])
print("signed")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def test_workers_that_begin_together_all_find_the_token(sealed: Sealed) -> None:
    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(lambda _: in_new_process(*sealed), range(12)))

    assert said == ["signed\n"] * 12


def test_of_workers_that_begin_together_one_tries_a_wrong_pin(sealed: Sealed) -> None:
    token, made = sealed
    token.pin_file.write_text(WRONG_PIN)

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(lambda _: in_new_process(token, made), range(6)))

    assert sum("refuses the PIN" in each for each in said) == 1
    assert sum("none is tried by itself" in each for each in said) == 5


@pytest.mark.parametrize("said", ["", " \n"])
def test_an_empty_pin_is_never_tried(sealed: Sealed, said: str) -> None:
    token, made = sealed
    token.pin_file.write_text(said)

    assert "nothing is there" in refusal(token.key("seal"), made.certificate)


def test_what_is_written_for_a_file_is_not_repeated(sealed: Sealed) -> None:
    """Some write the PIN itself there."""
    token, made = sealed

    said = refusal(token.key("seal", pin_file=Path(f"/keyring/{PIN}")), made.certificate)

    assert "cannot be read" in said


# --- a session that is lost -------------------------------------------------------------------


def session_of(token: Token) -> pkcs11.Session:
    return pkcs11_session.module(MODULE).session(token.place())


def log_out(token: Token) -> None:
    tokens.library().C_Logout(ctypes.c_ulong(session_of(token).handle))


def close_all(token: Token) -> None:
    tokens.library().C_CloseAllSessions(ctypes.c_ulong(session_of(token).token.slot.slot_id))


def finalise(token: Token) -> None:
    tokens.library().C_Finalize(None)


@pytest.mark.parametrize("lose", [log_out, close_all, finalise])
def test_a_lost_session_is_opened_again_and_nothing_is_missed(
    sealed: Sealed, lose: Callable[[Token], None]
) -> None:
    token, made = sealed
    signer = Pkcs11Signer(token.key("seal"), made.certificate)
    signer.prove()

    lose(token)

    assert signs(signer, made.certificate, DIGESTS)


def test_a_token_that_is_away_is_waited_for(sealed: Sealed) -> None:
    token, made = sealed
    signer = Pkcs11Signer(token.key("seal"), made.certificate)
    signer.prove()

    token.take_away()
    for _ in range(2):
        with pytest.raises(KeyBusyError, match="is away"):
            signer.sign_digests(DIGESTS)
    token.bring_back()

    assert signs(signer, made.certificate, DIGESTS)


def test_while_one_token_is_away_the_others_of_its_module_sign(
    sealed: Sealed, tmp_path: Path
) -> None:
    token, made = sealed
    other, of_other = new_token(tmp_path), issued()
    other.add(of_other.key, "seal")
    signer = Pkcs11Signer(token.key("seal"), made.certificate)
    beside = Pkcs11Signer(other.key("seal"), of_other.certificate)
    signer.prove()
    beside.prove()

    token.take_away()
    with pytest.raises(KeyBusyError):
        signer.sign_digests(DIGESTS)
    assert signs(beside, of_other.certificate, DIGESTS)
    token.bring_back()

    assert signs(signer, made.certificate, DIGESTS)
    assert signs(beside, of_other.certificate, DIGESTS)


def test_a_token_that_came_back_with_another_key_is_not_used(sealed: Sealed) -> None:
    token, made = sealed
    signer = Pkcs11Signer(token.key("seal"), made.certificate)
    signer.prove()
    token.tool("--delete-object", "--type", "privkey", "--label", "seal")
    token.add(issued().key, "seal", "02")
    close_all(token)

    with pytest.raises(SettingsError, match="does not belong"):
        signer.sign_digests(DIGESTS)


@pytest.mark.parametrize(
    "failure",
    [pkcs11.DeviceMemory, pkcs11.HostMemory, pkcs11.SessionCount, pkcs11.FunctionCancelled],
)
def test_a_busy_token_is_waited_for(token: Token, failure: type[Exception]) -> None:
    with pytest.raises(KeyBusyError, match="is busy"), pkcs11_session.calls(token.place()):
        raise failure


@pytest.mark.parametrize("failure", [pkcs11.PinLocked, pkcs11.PinExpired, pkcs11.KeySizeRange])
def test_what_does_not_pass_by_itself_is_not_waited_for(
    token: Token, failure: type[Exception]
) -> None:
    with pytest.raises(SettingsError, match=token.label), pkcs11_session.calls(token.place()):
        raise failure


# --- processes and threads --------------------------------------------------------------------


def test_threads_take_turns(sealed: Sealed, tmp_path: Path) -> None:
    """Two sessions of SoftHSM used at once end the process."""
    token, made = sealed
    other = new_token(tmp_path)
    other.add(made.key, "seal")
    signers = [Pkcs11Signer(each.key("seal"), made.certificate) for each in (token, other)]

    with ThreadPoolExecutor(4) as pool:
        ways = [pool.submit(signs, each, made.certificate, DIGESTS * 10) for each in signers * 30]

    assert all(each.result() for each in ways)


def test_two_identities_of_one_token_share_its_session(sealed: Sealed, tmp_path: Path) -> None:
    token, made = sealed
    copied = tmp_path / "copy.pin"
    copied.write_text(PIN)

    one = Pkcs11Signer(token.key("seal"), made.certificate)
    two = Pkcs11Signer(token.key("seal", pin_file=copied), made.certificate)

    assert signs(one, made.certificate, DIGESTS)
    session = session_of(token)
    assert signs(two, made.certificate, DIGESTS)
    assert signs(one, made.certificate, DIGESTS)
    assert session_of(token) is session


def test_a_forked_child_opens_a_session_of_its_own(sealed: Sealed) -> None:
    token, made = sealed
    signer = Pkcs11Signer(token.key("seal"), made.certificate)
    assert signs(signer, made.certificate, DIGESTS)
    parents = session_of(token)

    def child() -> None:
        own = signs(signer, made.certificate, DIGESTS) and session_of(token) is not parents
        os._exit(0 if own else 1)

    ended = forked(child, 3)

    assert ended == [0, 0, 0]
    assert signs(signer, made.certificate, DIGESTS)
    assert session_of(token) is parents


def test_a_fork_in_the_midst_of_signing_leaves_nothing_locked(sealed: Sealed) -> None:
    token, made = sealed
    signer = Pkcs11Signer(token.key("seal"), made.certificate)

    def child() -> None:
        os._exit(0 if signs(signer, made.certificate, DIGESTS) else 1)

    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(signs, signer, made.certificate, DIGESTS * 40) for _ in range(4)]
        ended = forked(child, 5)

    assert ended == [0] * 5
    assert all(each.result() for each in busy)


def test_a_fork_waits_for_a_call(sealed: Sealed) -> None:
    token, made = sealed
    signer = Pkcs11Signer(token.key("seal"), made.certificate)
    signer.prove()
    within, ended = threading.Event(), threading.Event()

    def call() -> None:
        with pkcs11_session.module(MODULE).lock:
            within.set()
            time.sleep(0.2)
            ended.set()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(call)
        within.wait()
        codes = forked(lambda: os._exit(0 if ended.is_set() else 1), 1)

    assert codes == [0]


def forked(child: Callable[[], None], count: int) -> list[int | None]:
    """The exit codes of children that were forked from here."""
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=child) for _ in range(count)]
    for each in children:
        each.start()
    for each in children:
        each.join(60)
    return [each.exitcode for each in children]


# --- vendors' mechanisms ----------------------------------------------------------------------


def test_a_vendors_mechanism_signs_by_its_number(sealed: Sealed) -> None:
    """SoftHSM has no SM2: what ECDSA has for a number goes the same way."""
    token, made = sealed
    vendor = Vendor(mechanism=CKM_ECDSA, key_type=CKK_EC, signature=RAW)

    signer = Pkcs11Signer(token.key("seal", vendor=vendor), made.certificate)

    assert signs(signer, made.certificate, DIGESTS)


def test_a_mechanism_that_the_token_does_not_have_is_refused(sealed: Sealed) -> None:
    token, made = sealed

    said = refusal(token.key("seal", vendor=Vendor(mechanism=CKM_SM2)), made.certificate)

    assert "check mechanism" in said


def test_a_key_of_another_type_than_the_vendors_is_refused(sealed: Sealed) -> None:
    token, made = sealed
    vendor = Vendor(mechanism=CKM_ECDSA, key_type=0x80000004)

    assert "is of type 0x3, not 0x80000004" in refusal(
        token.key("seal", vendor=vendor), made.certificate
    )


def test_a_signature_of_another_form_than_is_said_is_found(sealed: Sealed) -> None:
    token, made = sealed
    vendor = Vendor(mechanism=CKM_ECDSA, signature=DER)

    assert "what signature says" in refusal(token.key("seal", vendor=vendor), made.certificate)


def test_the_vendors_number_reaches_the_token_as_it_is(
    sealed: Sealed, tmp_path: Path, absent: Callable[[str], None]
) -> None:
    """Seen between us and the module: OpenSC's spy writes down every call."""
    if not SPY.exists():
        absent(f"{SPY}: apt-get install opensc-pkcs11")
    token, made = sealed
    log = tmp_path / "calls"
    program = f"""
from pathlib import Path
from cryptography import x509
from storage.pkcs11 import Pkcs11Signer
from storage.token_key import Place, TokenKey, Vendor
place = Place(module=Path({str(SPY)!r}), token={token.label!r}, slot=None,
              pin_file=Path({str(token.pin_file)!r}))
key = TokenKey(place=place, label="seal", ident=None, vendor=Vendor(mechanism={CKM_SM2}))
certificate = {made.certificate.public_bytes(tokens.serialization.Encoding.PEM)!r}
Pkcs11Signer(key, x509.load_pem_x509_certificate(certificate)).prove()
"""
    spied = {"PKCS11SPY": str(MODULE), "PKCS11SPY_OUTPUT": str(log)}
    subprocess.run(
        [sys.executable, "-c", program], env=os.environ | spied, capture_output=True, check=False
    )

    said = log.read_text(errors="replace")
    asked = said[said.index("C_SignInit") :]
    assert "0x80008104" in asked.lower() or "80008104" in asked.lower()
    assert "CKR_MECHANISM_INVALID" in asked


# --- what identity.toml says ------------------------------------------------------------------

USUAL = {"module": "/lib/p11.so", "token": "seals", "key": "seal", "pin_file": "pin"}


def test_what_identity_toml_says_is_read() -> None:
    home = Path("/keyring/identities/one")

    plain = token_key.held(home, USUAL)
    vendors = token_key.held(
        home,
        {"module": "/lib/p11.so", "slot": 5, "key_id": "0a0B", "pin_file": "/run/pin",
         "mechanism": CKM_SM2, "key_type": 0x80000004, "signature": "der"},
    )  # fmt: skip

    assert plain.place.pin_file == home / "pin"
    assert plain.place.closed
    assert (plain.place.token, plain.label, plain.ident, plain.vendor) == (
        "seals", "seal", None, None,
    )  # fmt: skip
    assert (vendors.place.slot, vendors.ident) == (5, b"\x0a\x0b")
    assert not vendors.place.closed
    assert vendors.vendor == Vendor(mechanism=CKM_SM2, key_type=0x80000004, signature=DER)


@pytest.mark.parametrize("pin_file", ["fd:7", "/dev/fd/7"])
def test_a_pin_may_come_by_a_descriptor(pin_file: str) -> None:
    found = token_key.held(Path("/keyring"), USUAL | {"pin_file": pin_file})

    assert found.place.pin_file == Path("/dev/fd/7")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"pin": PIN}, "knows no pin"),
        ({"token": None}, "one of both"),
        ({"slot": 1}, "one of both"),
        ({"key": None}, "key or key_id"),
        ({"pin_file": None}, "pin_file"),
        ({"module": None}, "module"),
        ({"module": "p11.so"}, "whole path"),
        ({"token": ""}, "none of them empty"),
        ({"key": 5}, "texts"),
        ({"token": None, "slot": "1"}, "slot must be a number"),
        ({"token": None, "slot": True}, "slot must be a number"),
        ({"token": None, "slot": -1}, "slot must be a number"),
        ({"key_id": "0"}, "hex"),
        ({"mechanism": 2**32}, "mechanism must be a number"),
        ({"mechanism": 1, "signature": "pem"}, '"raw" or "der"'),
        ({"signature": "raw"}, "need a mechanism"),
        ({"key_type": 3}, "need a mechanism"),
    ],
)
def test_what_identity_toml_must_not_say_is_refused(changes: dict[str, object], word: str) -> None:
    said = {name: value for name, value in (USUAL | changes).items() if value is not None}

    with pytest.raises(SettingsError, match=word) as caught:
        token_key.held(Path("/keyring"), said)

    assert PIN not in str(caught.value)


@pytest.mark.parametrize("said", ["a text", 5, ["a list"]])
def test_a_table_that_is_none_is_refused(said: object) -> None:
    with pytest.raises(SettingsError, match="pkcs11"):
        token_key.held(Path("/keyring"), said)
