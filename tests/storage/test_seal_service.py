"""A key behind a seal service: right answers sign, and nothing of any other answer is used."""

import gzip
import ipaddress
import json
import socket
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from factory.errors import KeyBusyError, SettingsError
from factory.seals import keys
from factory.seals.signer import Signer
from factory.seals.sm2_soft import Sm2SoftSigner
from factory.seals.soft import SoftSigner
from storage import testca, testca_sm2
from storage.seal_service import Service, ServiceSigner
from storage.signature_protocol import MOST_DIGESTS, Patience, request_id
from tests import seal_service
from tests.seal_service import LOOPBACK, TOKEN, Behaviour, SealService, busy, changed, saying

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
AUTHORITY = "示例市住房和城乡建设委员会"
DIGESTS = [sha256(bytes([each])).digest() for each in range(3)]
ALGORITHMS = ["sm2", "p256", "rsa2048"]


@dataclass(frozen=True)
class Held:
    """A key that the service holds, and its certificate."""

    signer: Signer
    certificate: x509.Certificate


def held(algorithm: str) -> Held:
    if algorithm == "sm2":
        made = testca_sm2.issue_test_seal(
            testca_sm2.make_ca(NOW), AUTHORITY, b"", width_mm=42, now=NOW, passphrase=b"secret"
        )
        return Held(Sm2SoftSigner(made.key, b"secret"), made.signing_cert)
    soft = testca.issue_seal(testca.make_ca(NOW), AUTHORITY, algorithm=algorithm)
    return Held(SoftSigner(soft.key), soft.certificate)


@pytest.fixture(scope="module")
def keys_held() -> dict[str, Held]:
    return {name: held(name) for name in ALGORITHMS} | {"another": held("sm2")}


@pytest.fixture
def service(keys_held: dict[str, Held]) -> Iterator[SealService]:
    with seal_service.running({name: each.signer for name, each in keys_held.items()}) as running:
        yield running


@dataclass(frozen=True)
class Desk:
    """Somebody who asks the service, and the waits that were asked of them."""

    address: Service
    certificate: x509.Certificate
    waits: list[float]

    def signer(self, **patience: float) -> ServiceSigner:
        return ServiceSigner(
            self.address,
            self.certificate,
            patience=Patience(**patience),
            wait=self.waits.append,
        )

    def sign(self, digests: list[bytes] = DIGESTS, **patience: float) -> list[bytes]:
        return self.signer(**patience).sign_digests(digests)

    def fits(self, signatures: list[bytes], digests: list[bytes] = DIGESTS) -> bool:
        pairs = zip(digests, signatures, strict=True)
        return all(keys.fits_digest(self.certificate, each, digest) for digest, each in pairs)


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(TOKEN + "\n")
    return file


@pytest.fixture
def desk(service: SealService, keys_held: dict[str, Held], token: Path) -> Desk:
    return desk_of(service, keys_held, token, "sm2")


def desk_of(
    service: SealService, keys_held: dict[str, Held], token: Path, key: str, **changes: Path
) -> Desk:
    address = Service(url=service.url, key=key, token_file=token, **changes)
    return Desk(address, keys_held[key].certificate, [])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_service_signs_with_keys_of_every_algorithm(
    service: SealService, keys_held: dict[str, Held], token: Path, algorithm: str
) -> None:
    desk = desk_of(service, keys_held, token, algorithm)

    signatures = desk.sign()

    assert desk.fits(signatures)
    assert not desk.fits(signatures[::-1])


def test_no_digests_are_no_request(service: SealService, desk: Desk) -> None:
    assert desk.sign([]) == []
    assert service.asked == []


def test_a_request_says_which_key_and_which_digests(service: SealService, desk: Desk) -> None:
    desk.sign()

    assert service.asked == [
        {
            "request": request_id("sm2", DIGESTS),
            "key": "sm2",
            "digests": [each.hex() for each in DIGESTS],
        }
    ]


def test_many_digests_go_in_several_requests_and_come_back_in_order(
    service: SealService, desk: Desk
) -> None:
    digests = [sha256(each.to_bytes(2, "big")).digest() for each in range(MOST_DIGESTS + 1)]

    signatures = desk.sign(digests)

    assert [len(each["digests"]) for each in service.asked] == [MOST_DIGESTS, 1]
    assert desk.fits(signatures, digests)


@pytest.mark.parametrize(
    ("key", "digests"), [("sm2", DIGESTS[:2]), ("sm2", DIGESTS[::-1]), ("sm3", DIGESTS)]
)
def test_another_key_or_other_digests_are_another_request(key: str, digests: list[bytes]) -> None:
    assert request_id("sm2", DIGESTS) == request_id("sm2", list(DIGESTS))
    assert request_id(key, digests) != request_id("sm2", DIGESTS)


def test_a_request_whose_answer_was_lost_is_the_same_request_again(
    service: SealService, desk: Desk
) -> None:
    service.behave(seal_service.lost)
    with pytest.raises(KeyBusyError, match="gives no answer"):
        desk.sign()

    signatures = desk.sign()

    assert desk.fits(signatures)
    assert service.asked[0] == service.asked[1]
    assert service.signed == len(DIGESTS)


def test_an_answer_that_comes_twice_is_taken_once(service: SealService, desk: Desk) -> None:
    service.behave(seal_service.twice)
    signer, others = desk.signer(), [sha256(b"others").digest()]

    first, second = signer.sign_digests(DIGESTS), signer.sign_digests(others)

    assert desk.fits(first)
    assert desk.fits(second, others)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_waited_for_as_long_as_it_says(
    service: SealService, desk: Desk, status: int
) -> None:
    service.behave(busy(status, Retry_After="2"), busy(status, Retry_After="3"))

    signatures = desk.sign()

    assert desk.fits(signatures)
    assert desk.waits == [2.0, 3.0]


@pytest.mark.parametrize("said", [{}, {"Retry_After": "Sat, 21 Nov 2026 04:00:00 GMT"}])
def test_a_busy_service_that_names_no_seconds_is_asked_again_after_a_while(
    service: SealService, desk: Desk, said: dict[str, str]
) -> None:
    service.behave(busy(503, **said))

    assert desk.fits(desk.sign())
    assert desk.waits == [1.0]


@pytest.mark.parametrize("said", ["16", "999999"])
def test_a_service_that_is_busy_for_long_is_left_for_later(
    service: SealService, desk: Desk, said: str
) -> None:
    service.behave(busy(503, Retry_After=said))

    with pytest.raises(KeyBusyError, match="busy"):
        desk.sign()

    assert desk.waits == []


def test_a_service_that_is_busy_again_and_again_is_left_for_later(
    service: SealService, desk: Desk
) -> None:
    service.behave(*[busy(429, Retry_After="0")] * 1000)

    with pytest.raises(KeyBusyError, match="busy"):
        desk.sign(whole=0.2)


@pytest.mark.parametrize(
    "behaviour",
    [seal_service.silent, seal_service.lost, seal_service.halfway, seal_service.no_http],
)
def test_no_answer_is_tried_again_later(
    service: SealService, desk: Desk, behaviour: Behaviour
) -> None:
    service.behave(behaviour)

    with pytest.raises(KeyBusyError, match="gives no answer"):
        desk.sign(read=0.3)

    assert desk.fits(desk.sign())


def test_an_answer_without_end_is_not_waited_for(service: SealService, desk: Desk) -> None:
    service.behave(seal_service.endless)

    with pytest.raises(KeyBusyError, match="too slowly"):
        desk.sign(whole=0.3)


def test_a_service_that_does_not_run_is_tried_again_later(desk: Desk) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
    absent = replace(desk, address=replace(desk.address, url=f"http://{LOOPBACK}:{port}"))

    with pytest.raises(KeyBusyError, match="gives no answer"):
        absent.sign()


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_service_out_of_order_is_tried_again_later(
    service: SealService, desk: Desk, status: int
) -> None:
    service.behave(busy(status))

    with pytest.raises(KeyBusyError, match=f"out of order .{status}"):
        desk.sign()


WRONG: dict[str, Behaviour] = {
    "another request": changed(request="0" * 64),
    "no request": changed(request=None),
    "one signature less": changed(signatures=lambda each: each[1:]),
    "one signature more": changed(signatures=lambda each: [*each, each[0]]),
    "no signatures": changed(signatures=None),
    "signatures that are no list": changed(signatures={"0": "", "1": "", "2": ""}),
    "another order": changed(signatures=lambda each: each[::-1]),
    "a flipped bit": changed(signatures=lambda each: [flipped(each[0]), *each[1:]]),
    "no base64": changed(signatures=["*" * 96] * 3),
    "no ASCII": changed(signatures=["印" * 96] * 3),
    "numbers": changed(signatures=[1, 2, 3]),
    "empty signatures": changed(signatures=["", "", ""]),
    "long signatures": changed(signatures=[b64encode(b"\x30" * 1025).decode()] * 3),
    "a list": saying(b"[]"),
    "no JSON": saying(b"<html>"),
    "nothing": saying(b""),
    "no UTF-8": saying(b'{"request": "\xff"}'),
    "nested deeply": saying(b"[" * 6000),
    "packed": saying(gzip.compress(b"{}"), Content_Encoding="gzip"),
    "too large": saying(b" " * 1_000_000),
    "a redirection": busy(302, Location="http://127.0.0.1:9/"),
    "no content": busy(204),
    "a bad request": busy(400),
}


def flipped(signature: str) -> str:
    """The same but for one character in the middle, which is base64 still."""
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return signature[:middle] + other + signature[middle + 1 :]


@pytest.mark.parametrize("behaviour", WRONG.values(), ids=WRONG.keys())
def test_nothing_of_a_wrong_answer_is_used(
    service: SealService, desk: Desk, behaviour: Behaviour
) -> None:
    service.behave(behaviour)

    with pytest.raises(KeyBusyError, match="gave a wrong answer"):
        desk.sign()

    assert desk.fits(desk.sign())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signatures_of_another_key_are_a_wrong_answer(
    service: SealService, keys_held: dict[str, Held], token: Path, algorithm: str
) -> None:
    desk = desk_of(service, keys_held, token, algorithm)
    others = keys_held["another"].signer.sign_digests(DIGESTS)
    service.behave(changed(signatures=[b64encode(each).decode() for each in others]))

    with pytest.raises(KeyBusyError, match="does not fit the certificate"):
        desk.sign()


def test_the_first_signature_proves_whose_key_it_is(service: SealService, desk: Desk) -> None:
    desk.signer().prove()


def test_a_service_with_another_key_than_the_certificates_is_a_setting_to_mend(
    service: SealService, keys_held: dict[str, Held], desk: Desk
) -> None:
    other = replace(desk, certificate=keys_held["another"].certificate)

    with pytest.raises(SettingsError, match="key is not that of the certificate"):
        other.signer().prove()


def test_what_may_pass_says_which_service_it_is_of(service: SealService, desk: Desk) -> None:
    service.behave(busy(503, Retry_After="3600"), busy(502))

    for said in ("is busy", "is out of order (502)"):
        with pytest.raises(KeyBusyError) as caught:
            desk.sign()
        assert str(caught.value) == f"the seal service at {service.url} (key sm2) {said}"


def test_an_answer_in_pieces_is_taken_whole(service: SealService, desk: Desk) -> None:
    service.behave(seal_service.in_pieces)

    assert desk.fits(desk.sign())


def test_a_longer_answer_is_taken_if_it_is_the_right_one(service: SealService, desk: Desk) -> None:
    service.behave(changed(comment="x" * 3000))

    assert desk.fits(desk.sign())


@pytest.mark.parametrize(
    ("status", "what"), [(401, "renew the token"), (403, "ask its operator"), (404, "check url")]
)
def test_a_service_that_lets_nobody_in_says_what_to_set(
    service: SealService, desk: Desk, status: int, what: str
) -> None:
    service.behave(busy(status))

    with pytest.raises(SettingsError, match=what):
        desk.sign()


def test_another_token_is_not_let_in_and_not_shown(desk: Desk, token: Path) -> None:
    token.write_text("another-token")

    with pytest.raises(SettingsError, match="renew the token") as caught:
        desk.sign()

    assert "another-token" not in str(caught.value)


def test_a_renewed_token_counts_from_the_next_request_on(desk: Desk, token: Path) -> None:
    token.write_text("an-old-token")
    signer = desk.signer()
    with pytest.raises(SettingsError):
        signer.sign_digests(DIGESTS)

    token.write_text(TOKEN)

    assert desk.fits(signer.sign_digests(DIGESTS))


@pytest.mark.parametrize("text", ["", "two tokens", "a\r\nX-More: header", "令牌"])
def test_a_token_file_holds_one_token(
    service: SealService, desk: Desk, token: Path, text: str
) -> None:
    token.write_text(text)

    with pytest.raises(SettingsError, match="token file"):
        desk.sign()

    assert service.asked == []


def test_a_token_that_everybody_can_read_is_refused(desk: Desk, token: Path) -> None:
    token.chmod(0o644)

    with pytest.raises(SettingsError, match="open to everybody"):
        desk.sign()


def test_a_key_that_the_service_has_not_is_said(desk: Desk) -> None:
    stranger = replace(desk, address=replace(desk.address, key="no-such-key"))

    with pytest.raises(SettingsError, match="check url and key"):
        stranger.sign()


@pytest.mark.parametrize(
    "url",
    ["https://seals.example", "https://seals.example:8443/factory/", "http://127.0.0.1:8080",
     "http://[::1]:8080", "http://localhost"],
)  # fmt: skip
def test_a_service_is_asked_over_tls_or_on_this_machine(tmp_path: Path, url: str) -> None:
    assert Service(url=url, key="seal-1", token_file=tmp_path / "token").url == url


@pytest.mark.parametrize(
    "url",
    ["http://seals.example", "http://10.0.0.1", "http://127.0.0.1.example", "ftp://127.0.0.1",
     "seals.example", "", "https://", "https://user@seals.example", "https://:pw@seals.example",
     "https://seals.example/?a=b", "https://seals.example/#a", "https://seals.example:port",
     "https://[::1"],
)  # fmt: skip
def test_a_service_elsewhere_without_tls_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="a seal service needs an url"):
        Service(url=url, key="seal-1", token_file=tmp_path / "token")


@pytest.mark.parametrize("key", ["", "a b", "a/b", "-a", "印", "a" * 129])
def test_a_key_name_that_no_service_has_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match="name of its key"):
        Service(url="https://seals.example", key=key, token_file=tmp_path / "token")


def tls_file(folder: Path) -> Path:
    """A key and its certificate for this machine, both in one PEM file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
    own = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(address, critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "tls.pem").write_bytes(private + own.public_bytes(Encoding.PEM))
    return folder / "tls.pem"


def test_a_service_with_a_ca_of_its_own_is_asked_over_tls(
    tmp_path: Path, keys_held: dict[str, Held], token: Path
) -> None:
    tls = tls_file(tmp_path)
    with seal_service.running({"sm2": keys_held["sm2"].signer}, tls) as service:
        known = desk_of(service, keys_held, token, "sm2", ca_file=tls)
        stranger = desk_of(service, keys_held, token, "sm2")

        assert known.fits(known.sign())
        with pytest.raises(SettingsError, match="is not trusted: check its url and ca_file"):
            stranger.sign()


@pytest.mark.parametrize("text", [None, "no PEM"])
def test_a_ca_file_that_is_none_is_a_setting_to_mend(
    tmp_path: Path, desk: Desk, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    broken = replace(desk, address=replace(desk.address, ca_file=tmp_path / "ca.pem"))

    with pytest.raises(SettingsError, match=r"ca\.pem"):
        broken.signer()


def test_the_protocol_is_described_as_it_is_spoken(service: SealService, desk: Desk) -> None:
    text = Path("docs/seal-service.md").read_text("utf-8")
    asked, answered = (json.loads(each.split("```")[0]) for each in text.split("```json")[1:3])

    desk.sign()

    assert asked.keys() == service.asked[0].keys()
    assert asked["request"] == request_id(
        asked["key"], [bytes.fromhex(d) for d in asked["digests"]]
    )
    assert answered.keys() == {"request", "signatures"}
