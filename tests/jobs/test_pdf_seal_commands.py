"""`keys import`, `keys login`, `keys list`: seals for PDF, as a person types them."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from PIL import Image

import cli
from storage import testca, testca_sm2
from storage.keyring import Keyring
from storage.new_keyring import create_test_keyring
from storage.testca import Issued, IssuingCA
from tests.tokens import MODULE, PIN, WRONG_PIN, Token, new_token

OK, REFUSED, USAGE, NOT_SET_UP, CONFLICT = 0, 1, 2, 3, 5
NOW = datetime.now(UTC)  #: commands have the clock of this machine
AUTHORITY = "示例市住房和城乡建设委员会"
NAME, THERE = "shili-bureau", "shanghai-constructor"
SECRET = "correct horse"
PEM = Encoding.PEM


@dataclass(frozen=True)
class Desk:
    """A person at a terminal, with files in a folder and a data directory."""

    folder: Path
    ca: IssuingCA
    issued: Issued

    @property
    def keyring(self) -> Path:
        return self.folder / "data" / "keyring"

    def run(self, *words: str) -> Result:
        env = {"FACTORY_DATA_DIR": str(self.folder / "data")}
        return CliRunner(env=env).invoke(cli.main, words)

    def file(self, name: str) -> str:
        return str(self.folder / name)

    def words(self, *more: str, **changes: str | None) -> list[str]:
        """The command with a key file; an option named in changes is given so, or not at all."""
        options = {
            "identity": NAME,
            "certificate": self.file("signing.pem"),
            "chain": self.file("chain.pem"),
            "picture": self.file("seal.png"),
            "key": self.file("key.p8"),
            "passphrase-file": self.file("passphrase"),
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        given = (word for name, value in options.items() if value for word in (f"--{name}", value))
        return ["keys", "import", *given, *more]

    def in_token(self, where: Token, *more: str, **changes: str | None) -> list[str]:
        """The command with a key in a token."""
        usual: dict[str, str | None] = {
            "key": None,
            "passphrase_file": None,
            "pkcs11_module": str(MODULE),
            "token": where.label,
            "key_label": "seal",
            "pin_file": str(where.pin_file),
        }
        return self.words(*more, **(usual | changes))

    def listed(self) -> dict[tuple[str, str], Any]:
        done = self.run("keys", "list", "--json")
        assert done.exit_code == OK, done.stderr
        return {(each["name"], each["format"]): each for each in json.loads(done.stdout)}


def picture() -> bytes:
    drawn = BytesIO()
    Image.new("RGBA", (8, 8), "red").save(drawn, "PNG")
    return drawn.getvalue()


def encrypted(issued: Issued) -> bytes:
    how = BestAvailableEncryption(SECRET.encode())
    return issued.key.private_bytes(PEM, PrivateFormat.PKCS8, how)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "keyring"
    create_test_keyring(
        folder, identities={THERE: AUTHORITY}, now=NOW, draw_seal=lambda _: picture()
    )
    return folder


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Desk:
    """What a CA that the keyring trusts hands out, and the picture of a seal."""
    ca, issued = new_seal()
    shutil.copytree(made, tmp_path / "data" / "keyring")
    root = ca.root.certificate.public_bytes(PEM)
    for name, data in {
        "data/keyring/roots/ca.pem": root,
        "signing.pem": issued.certificate.public_bytes(PEM),
        "chain.pem": root + ca.issuing.certificate.public_bytes(PEM),  # in any order
        "key.p8": encrypted(issued),
        "passphrase": f"{SECRET}\n".encode(),
        "seal.png": picture(),
        "seal.p12": serialize_key_and_certificates(
            b"seal", issued.key, issued.certificate, [ca.issuing.certificate],
            BestAvailableEncryption(SECRET.encode()),
        ),
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)
    return Desk(tmp_path, ca, issued)


@pytest.fixture
def token(desk: Desk, tmp_path: Path) -> Token:
    """A token with the key that the certificate is of."""
    found = new_token(tmp_path)
    found.add(desk.issued.key, "seal")
    return found


def proved(desk: Desk, done: Result) -> str:
    """Where the key of the imported seal is, once a keyring has loaded it and signed."""
    assert done.exit_code == OK, done.stderr
    identity = Keyring(desk.keyring).identity(NAME)
    assert identity.signing_cert == desk.issued.certificate
    assert list(identity.chain) == [desk.ca.issuing.certificate]
    return str(desk.listed()[NAME, "pdf"]["held"])


def refused(desk: Desk, words: list[str], said: str, code: int = REFUSED) -> None:
    """The import is refused in these words, says no secret, and leaves nothing behind."""
    before = files(desk.keyring)
    done = desk.run(*words)
    assert (done.exit_code, said in " ".join(done.stderr.split())) == (code, True), done.stderr
    assert not {SECRET, PIN, WRONG_PIN} & set(done.stderr.split())
    assert files(desk.keyring) == before


def files(folder: Path) -> dict[Path, bytes | None]:
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_the_day_on_which_a_certificate_ends_is_that_of_china(tmp_path: Path) -> None:
    """At five in the afternoon by UTC it is the next day there; programs are told by UTC."""
    desk = Desk(tmp_path, *new_seal())
    evening = (NOW - timedelta(days=1)).replace(hour=17)
    create_test_keyring(
        desk.keyring, identities={THERE: AUTHORITY}, now=evening, draw_seal=lambda _: picture()
    )

    ends = datetime.fromisoformat(desk.listed()[THERE, "pdf"]["not_after"])
    shown = desk.run("keys", "list").stdout

    assert ends.utcoffset() == timedelta(0) and ends.hour == 17
    assert f"{ends + timedelta(days=1):%F}" in shown
    assert f"{ends:%F}" not in shown


def new_seal() -> tuple[IssuingCA, Issued]:
    ca = testca.make_ca(NOW)
    return ca, testca.issue_seal(ca, AUTHORITY)


# --- importing --------------------------------------------------------------------------------


def test_a_seal_with_a_key_file_is_imported(desk: Desk) -> None:
    assert proved(desk, desk.run(*desk.words())) == "key file"


def test_a_seal_in_a_pkcs12_file_is_imported(desk: Desk) -> None:
    words = desk.words(pkcs12=desk.file("seal.p12"), key=None, certificate=None, chain=None)

    assert proved(desk, desk.run(*words)) == "PKCS#12 file"


def test_a_seal_whose_key_is_in_a_token_is_imported(desk: Desk, token: Token) -> None:
    held = proved(desk, desk.run(*desk.in_token(token)))

    assert held == f'key "seal" of token "{token.label}" (libsofthsm2.so)'
    assert (desk.keyring / "identities" / NAME / "pin").read_text() == PIN
    assert (desk.keyring / "identities" / NAME / "pin").stat().st_mode & 0o777 == 0o600


def test_a_pin_may_stay_where_it_is(desk: Desk, token: Token) -> None:
    proved(desk, desk.run(*desk.in_token(token, "--pin-stays", key_id="01")))

    assert not (desk.keyring / "identities" / NAME / "pin").exists()
    assert PIN not in (desk.keyring / "identities" / NAME / "identity.toml").read_text()


@pytest.mark.parametrize("open_source", [lambda p: os.open(p, os.O_RDONLY), "pipe"])
def test_secrets_may_come_by_descriptors(
    desk: Desk, open_source: str | Callable[[str], int]
) -> None:
    number = piped(SECRET) if isinstance(open_source, str) else open_source(desk.file("passphrase"))

    assert proved(desk, desk.run(*desk.words(passphrase_file=f"fd:{number}"))) == "key file"


def piped(text: str) -> int:
    readable, writable = os.pipe()
    os.write(writable, text.encode())
    os.close(writable)
    return readable


def test_what_was_imported_is_said_in_json(desk: Desk, token: Token) -> None:
    done = desk.run(*desk.in_token(token, "--test", "--json"))

    said = json.loads(done.stdout)
    assert (said["identity"], said["algorithm"], said["test"]) == (NAME, "secp256r1", True)
    assert token.label in said["held"]


def test_a_new_seal_takes_the_place_of_the_old_one_and_the_one_for_ofd_stays(
    desk: Desk, token: Token
) -> None:
    before = Keyring(desk.keyring)
    ofd = before.ofd_seal(THERE)

    done = desk.run(*desk.in_token(token, "--replace", identity=THERE, width_mm="40"))

    assert done.exit_code == OK, done.stderr
    after = Keyring(desk.keyring)
    assert after.identity(THERE).signing_cert == desk.issued.certificate
    assert after.identity(THERE).width_mm == 40
    assert after.ofd_seal(THERE).seal == ofd.seal
    assert desk.listed()[THERE, "ofd"]["held"] == "key file"


def test_a_seal_is_not_replaced_unasked(desk: Desk) -> None:
    refused(desk, desk.words(identity=THERE), "--replace", CONFLICT)


def test_a_seal_of_an_unknown_ca_is_refused(desk: Desk) -> None:
    (desk.keyring / "roots" / "ca.pem").unlink()

    refused(desk, desk.words(), "the seal is not trusted")


def test_a_certificate_that_has_ended_is_refused(desk: Desk) -> None:
    ca = testca.make_ca(NOW - timedelta(days=1200))
    old = testca.issue_seal(ca, AUTHORITY)
    (desk.keyring / "roots" / "old.pem").write_bytes(ca.root.certificate.public_bytes(PEM))
    (desk.folder / "signing.pem").write_bytes(old.certificate.public_bytes(PEM))
    (desk.folder / "chain.pem").write_bytes(ca.issuing.certificate.public_bytes(PEM))
    (desk.folder / "key.p8").write_bytes(encrypted(old))

    refused(desk, desk.words(), "not valid at the signing time")


def test_a_key_of_another_certificate_is_refused(desk: Desk, token: Token) -> None:
    other = testca.issue_seal(desk.ca, AUTHORITY)
    (desk.folder / "key.p8").write_bytes(encrypted(other))
    token.add(other.key, "other", "02")

    refused(desk, desk.words(), "do not belong together", NOT_SET_UP)
    refused(desk, desk.in_token(token, key_label="other"), "does not belong", NOT_SET_UP)


def test_below_a_root_of_the_keyring_no_chain_is_asked_for(desk: Desk) -> None:
    """A CA that hands out signing certificates itself, as a small one does."""
    root = IssuingCA(issuing=desk.ca.root, now=NOW)
    issued = testca.issue_seal(root, AUTHORITY)
    (desk.folder / "signing.pem").write_bytes(issued.certificate.public_bytes(PEM))
    (desk.folder / "key.p8").write_bytes(encrypted(issued))

    done = desk.run(*desk.words(chain=None))

    assert done.exit_code == OK, done.stderr
    assert Keyring(desk.keyring).identity(NAME).chain == (desk.ca.root.certificate,)


def test_below_a_ca_between_it_is(desk: Desk) -> None:
    refused(desk, desk.words(chain=None), "no root of the keyring issued", NOT_SET_UP)


def test_a_key_that_is_not_encrypted_is_refused_for_that(desk: Desk) -> None:
    open_ = desk.issued.key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption())
    (desk.folder / "key.p8").write_bytes(open_)

    refused(desk, desk.words(), "is not encrypted, and must be", NOT_SET_UP)


def test_a_chain_of_strangers_is_refused(desk: Desk) -> None:
    stranger = testca.make_ca(NOW).issuing.certificate.public_bytes(PEM)
    (desk.folder / "chain.pem").write_bytes(stranger)

    refused(desk, desk.words(), "none of the chain issued", NOT_SET_UP)


@pytest.mark.parametrize("broken", [b"", b"no picture", picture()[:40]])
def test_a_picture_that_cannot_be_drawn_is_refused(desk: Desk, broken: bytes) -> None:
    (desk.folder / "seal.png").write_bytes(broken)

    refused(desk, desk.words(), "PNG")


def test_a_wrong_passphrase_is_refused_and_not_said(desk: Desk) -> None:
    (desk.folder / "passphrase").write_text("wrong horse")

    refused(desk, desk.words(), "check its passphrase", NOT_SET_UP)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": None}, "give one of --key"),
        ({"passphrase_file": None}, "give one of --key"),
        ({"certificate": None}, "give --certificate"),
        ({"pkcs11_module": str(MODULE)}, "--pin-file"),
        ({"token": "t"}, "--pkcs11-module"),
        ({"mechanism": "5"}, "--pkcs11-module"),
        ({"passphrase_file": SECRET}, "no such file or descriptor"),
        ({"passphrase_file": "fd:977"}, "no such file or descriptor"),
        ({"identity": "../up"}, "small letters"),
        ({"width_mm": "0"}, "0<x<=100"),
    ],
)
def test_half_a_key_is_a_mistake_of_typing(
    desk: Desk, changes: dict[str, str | None], said: str
) -> None:
    refused(desk, desk.words(**changes), said, USAGE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key_label": None}, "--key-label or --key-id"),
        ({"slot": "5"}, "--token or --slot"),
        ({"token": None}, "--token or --slot"),
        ({"key_id": "0g"}, "hex"),
        ({"key_type": "3"}, "need --mechanism"),
        ({"mechanism": "-1"}, "0x80008104"),
        ({"signature": "pem", "mechanism": "5"}, "raw"),
        ({"key": "KEY"}, "give one of --key"),
    ],
)
def test_half_a_token_is_a_mistake_of_typing(
    desk: Desk, token: Token, changes: dict[str, str | None], said: str
) -> None:
    if changes.get("key"):
        changes = {"key": desk.file("key.p8")}

    refused(desk, desk.in_token(token, **changes), said, USAGE)


# --- a trial: the test CA certifies a key that is elsewhere -----------------------------------


def issue(desk: Desk, key: str, *more: str) -> Result:
    """Into a folder of its own."""
    (desk.folder / "trial").mkdir(exist_ok=True)
    words = ("--authority", AUTHORITY, "--out", desk.file("trial"))
    return desk.run("keys", "test-issue", desk.file(key), *words, *more)


def tried(desk: Desk) -> dict[str, str | None]:
    """What is imported of it."""
    names = {"certificate": "signing.pem", "chain": "chain.pem", "picture": "seal.png"}
    return {option: desk.file(f"trial/{name}") for option, name in names.items()}


def test_a_key_in_a_token_is_certified_and_imported_as_a_test(desk: Desk, token: Token) -> None:
    token.make("trial", "--key-type", "EC:prime256v1", ident="07")
    public = desk.file("public.der")
    token.tool("--read-object", "--type", "pubkey", "--label", "trial", "-o", public)

    issued = issue(desk, "public.der")
    done = desk.run(*desk.in_token(token, "--test", key_label="trial", **tried(desk)))

    assert (issued.exit_code, issued.stdout.count("wrote ")) == (OK, 3), issued.stderr
    assert done.exit_code == OK, done.stderr
    found = desk.listed()[NAME, "pdf"]
    assert found["test"] and "测试 TEST" in found["subject"]
    Keyring(desk.keyring).identity(NAME).signer.sign_digests([bytes(32)])
    revoked = desk.run("keys", "test-revoke", NAME, "--reason", "superseded")
    assert revoked.exit_code == OK, revoked.stderr


def test_a_key_file_and_a_request_are_certified_too(desk: Desk) -> None:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = request.sign(desk.issued.key, SHA256())
    (desk.folder / "seal.csr").write_bytes(signed.public_bytes(PEM))

    done = issue(desk, "seal.csr")

    assert done.exit_code == OK, done.stderr
    assert issue(desk, "seal.csr").exit_code == CONFLICT  # nothing is overwritten
    for file in (desk.folder / "trial").iterdir():
        file.unlink()
    assert issue(desk, "key.p8", "--passphrase-file", desk.file("passphrase")).exit_code == OK
    assert desk.run(*desk.words("--test", **tried(desk))).exit_code == OK


@pytest.mark.parametrize(
    ("key", "said"),
    [("seal.png", "no public key, request"), ("key.p8", "opened with its passphrase")],
)
def test_what_is_no_key_is_not_certified(desk: Desk, key: str, said: str) -> None:
    done = issue(desk, key)

    assert (done.exit_code, said in " ".join(done.stderr.split())) == (REFUSED, True), done.stderr
    assert list((desk.folder / "trial").iterdir()) == []


def test_a_request_that_its_key_has_not_signed_is_not_certified(desk: Desk) -> None:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = request.sign(desk.issued.key, SHA256()).public_bytes(Encoding.DER)
    (desk.folder / "seal.csr").write_bytes(signed[:-1] + bytes([signed[-1] ^ 1]))

    assert "not signed with the key" in issue(desk, "seal.csr").stderr


def test_beside_a_real_seal_nothing_is_certified(desk: Desk) -> None:
    """Whoever trusts the real ones here would trust the test too."""
    assert desk.run(*desk.words()).exit_code == OK

    done = issue(desk, "key.p8", "--passphrase-file", desk.file("passphrase"))

    assert done.exit_code == NOT_SET_UP
    assert "seals that are no test" in done.stderr
    assert list((desk.folder / "trial").iterdir()) == []


def test_a_keyring_without_a_test_ca_certifies_nothing(desk: Desk) -> None:
    shutil.rmtree(desk.keyring / "testca")

    done = issue(desk, "key.p8", "--passphrase-file", desk.file("passphrase"))

    assert (done.exit_code, "only test keyrings" in done.stderr) == (NOT_SET_UP, True)


# --- logging in -------------------------------------------------------------------------------


def test_after_a_wrong_pin_a_person_logs_in_once(desk: Desk, token: Token) -> None:
    assert desk.run(*desk.in_token(token)).exit_code == OK
    pin = desk.keyring / "identities" / NAME / "pin"
    pin.write_text(WRONG_PIN)
    token.tool("--list-objects")
    lost = desk.run("keys", "login", NAME)
    assert (lost.exit_code, "refuses the PIN" in lost.stderr) == (NOT_SET_UP, True), lost.stderr

    pin.write_text(PIN)
    done = desk.run("keys", "login", NAME)

    assert (done.exit_code, token.label in done.stdout) == (OK, True), done.stderr
    assert WRONG_PIN not in lost.stderr
    Keyring(desk.keyring).identity(NAME).signer.sign_digests([bytes(32)])


def test_a_wrong_pin_is_refused_at_import_and_the_right_one_taken_after_it(
    desk: Desk, token: Token
) -> None:
    token.pin_file.write_text(WRONG_PIN)
    refused(desk, desk.in_token(token), "then give the same command once more", NOT_SET_UP)

    token.pin_file.write_text(PIN)

    assert token.label in proved(desk, desk.run(*desk.in_token(token)))


def test_there_is_nowhere_to_log_in_with_a_key_file(desk: Desk) -> None:
    done = desk.run("keys", "login", THERE)

    assert (done.exit_code, "no key of" in done.stderr) == (NOT_SET_UP, True)


# --- the same for OFD -------------------------------------------------------------------------


def test_a_seal_for_ofd_asks_the_token_that_it_is_given(desk: Desk, token: Token) -> None:
    """SoftHSM has no SM2, so its key is found to be another one: it was asked."""
    ca = testca_sm2.make_ca(NOW)
    seal = testca_sm2.issue_test_seal(
        ca, AUTHORITY, picture(), width_mm=42, now=NOW, passphrase=SECRET.encode()
    )
    (desk.keyring / "roots" / "maker.pem").write_bytes(ca.root.certificate.public_bytes(PEM))
    (desk.folder / "signing.pem").write_bytes(seal.signing_cert.public_bytes(PEM))
    (desk.folder / "chain.pem").write_bytes(ca.issuing.certificate.public_bytes(PEM))
    (desk.folder / "seal.esl").write_bytes(seal.esl)
    words = desk.in_token(token, desk.file("seal.esl"), picture=None, mechanism="0x1041")
    words[1] = "import-seal"

    refused(desk, words, "does not belong to the certificate", NOT_SET_UP)
    refused(desk, [*words[:2], "--later", *words[2:]], "one of the three", USAGE)
