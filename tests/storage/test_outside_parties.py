"""The test CA of persons and enterprises: it signs as the outside world does, and is kept apart."""

import shutil
import stat
import subprocess
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import SettingsError, SignatureRefusedError
from factory.model import Party
from factory.parties import Algorithm, SigningRules
from factory.seals import outside as judge
from factory.seals.cms import Container
from storage import outside
from storage.keyring import Keyring
from storage.new_keyring import add_test_identities, add_test_parties, create_test_keyring
from storage.outside import OutsideParty

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
CONTENT = b"an application form"
NAMES = {Party.APPLICANT: "张三丰", Party.ENTERPRISE: "上海测试建设集团有限公司"}
NUMBERS = {Party.APPLICANT: "310101199001010008", Party.ENTERPRISE: "91310000MA1FL00004"}
RULES = SigningRules()
SEALS = {"example-one": "示例市住房和城乡建设委员会"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    outside.create(tmp_path / "outside", NOW)
    return tmp_path / "outside"


def issue(folder: Path, party: Party, algorithm: str = "p256") -> OutsideParty:
    return outside.issue(folder, party, NAMES[party], NUMBERS[party], algorithm=algorithm)


def judged(folder: Path, party: Party, container: bytes) -> judge.Signed:
    """As the factory judges it."""
    rules = RULES.of(party)
    signed = judge.read(container, CONTENT)
    judge.check_algorithm(signed, rules)
    judge.check_trust(signed, [outside.roots(folder)[rules.trust]], NOW)
    judge.check_subject(signed.certificate, rules, name=NAMES[party], number=NUMBERS[party])
    return signed


@pytest.mark.parametrize("party", Party)
@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_a_partys_finished_container_passes_every_check(
    folder: Path, party: Party, algorithm: str
) -> None:
    someone = issue(folder, party, algorithm)

    signed = judged(folder, party, someone.cms(CONTENT))

    assert signed.certificate == someone.chain[0]
    assert signed.algorithm is (Algorithm.RSA if algorithm == "rsa2048" else Algorithm.ECDSA)


@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_openssl_takes_a_partys_container_and_no_other_content(
    folder: Path, tmp_path: Path, algorithm: str
) -> None:
    (tmp_path / "cms").write_bytes(issue(folder, Party.APPLICANT, algorithm).cms(CONTENT))

    assert openssl_says(tmp_path, folder, CONTENT) == b"CAdES Verification successful\n"
    assert b"Verification failure" in openssl_says(tmp_path, folder, CONTENT + b".")


def openssl_says(home: Path, folder: Path, content: bytes) -> bytes:
    (home / "content").write_bytes(content)
    root = folder / "applicants" / "root.pem"
    command = ("cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "cms")
    options = ("-content", "content", "-CAfile", str(root), "-purpose", "any")
    at = ("-attime", str(int(NOW.timestamp())), "-out", "read")
    done = subprocess.run(
        ["openssl", *command, *options, *at], cwd=home, capture_output=True, check=False
    )
    return done.stderr


@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_a_raw_signature_completes_a_container_of_ours(folder: Path, algorithm: str) -> None:
    someone = issue(folder, Party.APPLICANT, algorithm)
    container = Container(signing_cert=someone.chain[0], chain=someone.chain[1:])
    digest = sha256(CONTENT).digest()

    raw = someone.sign(container.signed_attributes(digest))

    judged(folder, Party.APPLICANT, container.fill(digest, raw))


@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_a_raw_signature_is_over_the_attributes_with_sha256(folder: Path, algorithm: str) -> None:
    someone = issue(folder, Party.APPLICANT, algorithm)

    raw = someone.sign(b"attributes")

    public = someone.chain[0].public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(raw, b"attributes", padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(raw, b"attributes", ec.ECDSA(hashes.SHA256()))


def test_each_party_has_a_ca_of_its_own(folder: Path) -> None:
    container = issue(folder, Party.APPLICANT).cms(CONTENT)
    roots = outside.roots(folder)

    signed = judge.read(container, CONTENT)

    assert set(roots) == {"applicants", "enterprises"}
    assert len({root.subject for root in roots.values()}) == 2
    with pytest.raises(SignatureRefusedError, match="unknown issuer"):
        judge.check_trust(signed, [roots["enterprises"]], NOW)


@pytest.mark.parametrize("party", Party)
def test_every_certificate_says_that_it_is_a_test(folder: Path, party: Party) -> None:
    someone = issue(folder, party)

    subjects = [each.subject.rfc4514_string() for each in someone.chain]

    assert all("TEST" in subject for subject in subjects)


@pytest.mark.parametrize("length", [1, 21, 22, 60])
def test_a_name_of_many_characters_is_certified(folder: Path, length: int) -> None:
    name = "长" * length

    for party in Party:
        someone = outside.issue(folder, party, name, NUMBERS[party])
        judge.check_subject(someone.chain[0], RULES.of(party), name=name, number=NUMBERS[party])


def test_a_ca_that_is_there_is_kept(folder: Path) -> None:
    before = outside.roots(folder)

    outside.create(folder, NOW)

    assert outside.roots(folder) == before


def test_a_ca_that_is_missing_is_made(folder: Path) -> None:
    before = outside.roots(folder)
    shutil.rmtree(folder / "enterprises")

    outside.create(folder, NOW)

    assert outside.roots(folder)["applicants"] == before["applicants"]
    assert outside.roots(folder)["enterprises"] != before["enterprises"]


def test_only_the_owner_can_read_the_keys(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]

    assert {path.name for path in files} == {"root.pem", "issuing.pem", "issuing.p8"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.parametrize("data", [b"broken", b""])
def test_a_broken_key_is_a_setting_to_mend(folder: Path, data: bytes) -> None:
    (folder / "applicants" / "issuing.p8").write_bytes(data)

    with pytest.raises(SettingsError, match="the key of the test CA"):
        issue(folder, Party.APPLICANT)


def test_a_key_is_never_shown(folder: Path) -> None:
    assert "key" not in repr(issue(folder, Party.APPLICANT)).split("chain")[0]


# In a keyring


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    create_test_keyring(
        tmp_path / "keyring", identities=SEALS, now=NOW, draw_seal=lambda _: b"picture"
    )
    return tmp_path / "keyring"


@pytest.mark.parametrize("party", Party)
def test_a_test_keyring_trusts_the_test_ca_of_parties(keyring: Path, party: Party) -> None:
    trust = RULES.of(party).trust
    signed = judge.read(issue(keyring / "outside", party).cms(CONTENT), CONTENT)

    roots = Keyring(keyring).party_roots(trust)

    judge.check_trust(signed, roots, NOW)
    with pytest.raises(SignatureRefusedError, match="unknown issuer"):
        judge.check_trust(signed, Keyring(keyring).trust_roots(), NOW)


def test_parties_are_added_once(keyring: Path) -> None:
    before = {path: path.read_bytes() for path in keyring.rglob("*") if path.is_file()}

    add_test_parties(keyring, NOW)

    assert {path: path.read_bytes() for path in keyring.rglob("*") if path.is_file()} == before


def test_a_test_keyring_of_before_gets_its_parties(keyring: Path) -> None:
    for name in ("outside", "parties"):
        shutil.rmtree(keyring / name)

    add_test_parties(keyring, NOW)

    assert len(Keyring(keyring).party_roots("applicants")) == 1


def test_a_beginning_that_was_broken_off_is_finished(keyring: Path) -> None:
    shutil.rmtree(keyring / "parties")
    roots = outside.roots(keyring / "outside")

    add_test_parties(keyring, NOW)

    assert Keyring(keyring).party_roots("applicants") == (roots["applicants"],)


def test_a_keyring_with_a_real_seal_never_gets_a_test_ca(keyring: Path) -> None:
    for name in ("outside", "parties"):
        shutil.rmtree(keyring / name)
    (keyring / "identities" / "example-one" / "identity.toml").write_text("width_mm = 42.0\n")

    add_test_parties(keyring, NOW)

    assert not (keyring / "outside").exists()
    assert not (keyring / "parties").exists()


def test_trust_in_a_real_ca_is_left_alone(keyring: Path) -> None:
    for name in ("outside", "parties"):
        shutil.rmtree(keyring / name)
    (keyring / "parties" / "applicants").mkdir(parents=True)

    add_test_parties(keyring, NOW)

    assert not (keyring / "outside").exists()


def test_further_seals_leave_the_parties_alone(keyring: Path) -> None:
    before = Keyring(keyring).party_roots("applicants")

    add_test_identities(
        keyring,
        identities={"two": "样例省住房和城乡建设厅"},
        now=NOW,
        draw_seal=lambda _: b"picture",
    )

    assert Keyring(keyring).party_roots("applicants") == before


def test_trust_may_have_several_roots_in_several_files(keyring: Path) -> None:
    home = keyring / "parties" / "applicants"
    other = outside.roots(keyring / "outside")["enterprises"].public_bytes(Encoding.PEM)
    (home / "more.pem").write_bytes(other + other)

    assert len(Keyring(keyring).party_roots("applicants")) == 3


@pytest.mark.parametrize("trust", ["strangers", "../roots", "", "."])
def test_trust_that_is_not_there_says_what_to_install(keyring: Path, trust: str) -> None:
    with pytest.raises(SettingsError, match=r"put its certificate into parties/.*\.pem"):
        Keyring(keyring).party_roots(trust)


def test_a_file_that_is_no_certificate_is_named(keyring: Path) -> None:
    (keyring / "parties" / "applicants" / "notes.pem").write_text("to do")

    with pytest.raises(SettingsError, match=r"parties/applicants/notes\.pem is not PEM"):
        Keyring(keyring).party_roots("applicants")


def test_the_roots_of_a_keyring_are_cas(keyring: Path) -> None:
    for rules in (RULES.applicant, RULES.enterprise):
        [root] = Keyring(keyring).party_roots(rules.trust)
        assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
