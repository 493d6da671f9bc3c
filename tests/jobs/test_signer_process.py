"""The signer process, really running: whom it lets in, what it signs, and what it writes down."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)

from factory.errors import (
    FactoryError,
    KeyBusyError,
    SealPolicyError,
    SealRetiredError,
    SettingsError,
    SigningPacedError,
    SigningStoppedError,
)
from factory.model import Format
from factory.seals import keys
from factory.seals.signer import AccountableSigner, LaterSigner, Purpose, Signer
from jobs import exporter
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from jobs.signer import journal
from jobs.signer.journal import FILE, Journal
from jobs.wiring import Plant
from storage.keyring import Keyring
from storage.signature_protocol import PATH, Tls
from storage.signer_process import SignerProcess
from tests import telling
from tests.machines import Ca
from tests.signer_running import (
    Running,
    asking,
    certificate_of,
    cli,
    digests,
    running,
    settings_in,
    without_secrets,
)

SHANGHAI, GANSU = "shanghai-constructor", "gansu-constructor"
PDF, OFD = Format.PDF, Format.OFD


@pytest.fixture(scope="module")
def keyring() -> Path:
    """A keyring of test seals for every register."""
    return Path(telling._keyring(None).name, "keyring")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, keyring: Path) -> Iterator[Running]:
    """The process, with the keys of that keyring."""
    folder = tmp_path_factory.mktemp("holding")
    with running(settings_in(folder, KEYRING_DIR=str(keyring))) as found:
        yield found


@pytest.fixture
def public(tmp_path: Path, keyring: Path) -> Path:
    """The same keyring without a private key."""
    return without_secrets(Path(shutil.copytree(keyring, tmp_path / "public")))


def accountable(keyring: Path, process: Running, name: str, fmt: Format = PDF) -> AccountableSigner:
    found = Keyring(keyring, process=process.asked).seal(name, fmt).signer
    assert isinstance(found, AccountableSigner)
    return found


def sealing(keyring: Path, process: Running, name: str = SHANGHAI, fmt: Format = PDF) -> Signer:
    return accountable(keyring, process, name, fmt).for_purpose(certificate_of(name))


def written(process: Running) -> list[journal.Entry]:
    found = journal.read(process.settings.signer_dir)
    assert (found.broken, found.torn) == (None, 0)
    return list(found.entries)


# --- what it signs ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "fmt"), [(SHANGHAI, PDF), (GANSU, PDF), (GANSU, OFD)])
def test_digests_are_signed_for_who_has_no_key(
    process: Running, public: Path, name: str, fmt: Format
) -> None:
    asked = digests(250)
    seal = Keyring(public, process=process.asked).seal(name, fmt)

    given = sealing(public, process, name, fmt).sign_digests(asked)

    fitting = [
        keys.fits_digest(seal.signing_cert, one, digest)
        for one, digest in zip(given, asked, strict=True)
    ]
    assert fitting == [True] * 250


def test_it_signs_later_for_nobody_and_asks_everybody_what_for(
    process: Running, public: Path
) -> None:
    signer = accountable(public, process, SHANGHAI)

    assert not isinstance(signer, LaterSigner)
    with pytest.raises(SealPolicyError, match=f"{SHANGHAI} does not sign without"):
        signer.sign_digests(digests(1))


@pytest.mark.parametrize(
    "purpose",
    [
        Purpose(profile=GANSU, kind="certificate", batch=None),
        Purpose(profile=SHANGHAI, kind="application_form", batch=None),
        Purpose(profile=SHANGHAI, kind="rename_list", batch="1"),
        Purpose(profile="no-such-register", kind="certificate", batch=None),
    ],
)
def test_what_the_policy_does_not_say_is_refused_for_good(
    process: Running, public: Path, purpose: Purpose
) -> None:
    signer = accountable(public, process, SHANGHAI).for_purpose(purpose)

    with pytest.raises(SealPolicyError) as refused:
        signer.sign_digests(digests(1))

    assert refused.value.reason == "seal_policy"
    assert f"{SHANGHAI} does not sign {purpose.kind} of {purpose.profile}" in str(refused.value)
    assert written(process)[-1]["outcome"] == "refused"


def test_a_head_of_the_log_is_signed_for_who_has_no_key(process: Running, public: Path) -> None:
    key = Keyring(public, process=process.asked).log_key()
    [digest] = digests(1)

    [signature] = key.signer.sign_digests([digest])

    assert keys.fits_digest(key.certificate, signature, digest)
    assert written(process)[-1]["kind"] == "head"


@pytest.mark.parametrize(
    ("identity", "fmt", "purpose"),
    [
        ("log", "head", certificate_of(SHANGHAI)),
        ("log", "head", Purpose(profile="log", kind="certificate", batch=None)),
        (SHANGHAI, "pdf", Purpose(profile="log", kind="head", batch=None)),
    ],
)
def test_the_key_of_the_log_signs_heads_alone_and_heads_no_other_key(
    process: Running, public: Path, identity: str, fmt: str, purpose: Purpose
) -> None:
    known = Keyring(public, process=process.asked)
    certificate = (
        known.log_key().certificate if fmt == "head" else known.identity(SHANGHAI).signing_cert
    )
    signer = process.asked.signer(identity, fmt, certificate).for_purpose(purpose)

    with pytest.raises(SealPolicyError):
        signer.sign_digests(digests(1))


def test_a_key_that_it_has_not_is_no_matter_of_patience(process: Running, public: Path) -> None:
    identity = Keyring(public, process=process.asked).identity(SHANGHAI)
    other = process.asked.signer("nobody", PDF, identity.signing_cert)

    with pytest.raises(SettingsError, match="nobody:pdf"):
        process.asked.certificates("nobody", PDF)
    with pytest.raises(SealPolicyError):
        other.for_purpose(certificate_of(SHANGHAI)).sign_digests(digests(1))


def test_with_another_certificate_than_the_keys_nothing_is_signed(
    process: Running, public: Path
) -> None:
    other = Keyring(public, process=process.asked).identity(GANSU).signing_cert
    signer = process.asked.signer(SHANGHAI, PDF, other).for_purpose(certificate_of(SHANGHAI))

    with pytest.raises(SettingsError, match=f"another certificate of {SHANGHAI}:pdf"):
        signer.sign_digests(digests(1))

    assert written(process)[-1]["outcome"] == "other_certificate"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"request": "1", "key": "a:pdf", "digests": []}',
        b'{"request": "1", "key": "a:pdf", "digests": ["00"]}',
        b'{"request": "1", "key": "../a", "digests": ["%s"]}' % (b"0" * 64),
        b'{"request": "1", "key": "a:pdf", "digests": [%s]}'
        % b",".join([b'"%s"' % (b"0" * 64)] * 101),
        b'{"request": "1", "key": "a:pdf", "profile": 1, "digests": ["%s"]}' % (b"0" * 64),
    ],
)
def test_what_is_no_request_is_refused_and_noted(process: Running, body: bytes) -> None:
    with pytest.raises(KeyBusyError, match="400"):
        process.asked.asked("POST", PATH, body)

    assert written(process)[-1]["outcome"] == "malformed"


def test_a_request_of_any_size_is_not_read(process: Running) -> None:
    with pytest.raises(KeyBusyError, match="413"):
        process.asked.asked("POST", PATH, b" " * 40_000)


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", "/"), ("GET", "/v2")])
def test_nothing_else_is_to_be_had(process: Running, method: str, path: str) -> None:
    with pytest.raises(FactoryError):
        process.asked.asked(method, path)


# --- what stays where -------------------------------------------------------------------------


def test_the_socket_is_for_its_account_alone(process: Running) -> None:
    socket = process.settings.signer_dir / "socket"

    modes = [stat.S_IMODE(each.stat().st_mode) for each in (socket, socket.parent)]

    assert modes == [0o600, 0o700]


def test_it_is_small_and_has_nothing_of_who_draws_and_stores(process: Running) -> None:
    mapped = Path(f"/proc/{process.pid}/maps").read_text("utf-8")

    for library in ("sqlite", "psycopg", "lxml", "uharfbuzz", "PIL", "pdfium"):
        assert library not in mapped
    assert exporter.resident_bytes(process.pid) < 100e6


def test_a_keyring_whose_keys_nobody_may_read_seals(
    process: Running, keyring: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(keyring, tmp_path / "own"))
    for name in ("key.p8", "passphrase"):
        for file in (own / "identities").rglob(name):
            file.write_text("not to be opened", "utf-8")
            file.chmod(0o000)

    given = sealing(own, process, GANSU, OFD).sign_digests(digests(1))

    assert len(given) == 1
    with pytest.raises(SettingsError):
        Keyring(own).seal(SHANGHAI, PDF)


def test_the_certificate_in_a_file_of_keys_is_told_by_who_opens_it(
    keyring: Path, tmp_path: Path
) -> None:
    held = Path(shutil.copytree(keyring, tmp_path / "held"))
    home = held / "identities" / SHANGHAI
    secret = (home / "passphrase").read_bytes().strip()
    key = load_pem_private_key((home / "key.p8").read_bytes(), secret)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = x509.load_pem_x509_certificate((home / "signing.pem").read_bytes())
    chain = x509.load_pem_x509_certificates((home / "chain.pem").read_bytes())
    protected = BestAvailableEncryption(secret)
    bundle = pkcs12.serialize_key_and_certificates(b"seal", key, certificate, chain, protected)
    for name in ("key.p8", "signing.pem", "chain.pem"):
        (home / name).unlink()
    (home / "seal.p12").touch(mode=0o600)
    (home / "seal.p12").write_bytes(bundle)
    with (home / "identity.toml").open("a") as about:
        about.write('pkcs12 = "seal.p12"\n')
    public = Path(shutil.copytree(held, tmp_path / "public"))
    (public / "identities" / SHANGHAI / "seal.p12").unlink()
    without_secrets(public)

    with running(settings_in(tmp_path / "data", KEYRING_DIR=str(held))) as process:
        identity = Keyring(public, process=process.asked).identity(SHANGHAI)
        summary = Keyring(public, process=process.asked).identities()
        [given] = sealing(public, process).sign_digests(digests(1))

    assert (identity.signing_cert, list(identity.chain)) == (certificate, chain)
    assert keys.fits_digest(certificate, given, digests(1)[0])
    assert SHANGHAI in {each.name for each in summary}


def test_a_new_seal_counts_once_somebody_asks_with_its_certificate(
    keyring: Path, tmp_path: Path
) -> None:
    held = Path(shutil.copytree(keyring, tmp_path / "held"))
    home = held / "identities"
    with running(settings_in(tmp_path / "data", KEYRING_DIR=str(held))) as process:
        old = sealing(held, process)
        old.sign_digests(digests(1))
        for file in (home / GANSU).iterdir():
            if file.is_file():
                shutil.copy2(file, home / SHANGHAI / file.name)
        new = Keyring(held, process=process.asked).identity(SHANGHAI)

        [given] = sealing(held, process).sign_digests(digests(1))

        assert keys.fits_digest(new.signing_cert, given, digests(1)[0])
        with pytest.raises(SettingsError, match="another certificate"):
            old.sign_digests(digests(1))


@pytest.mark.parametrize("fmt", [PDF, OFD])
def test_a_key_that_it_has_opened_signs_no_more_once_its_identity_is_retired(
    keyring: Path, tmp_path: Path, fmt: Format
) -> None:
    held = Path(shutil.copytree(keyring, tmp_path / "held"))
    with running(settings_in(tmp_path / "data", KEYRING_DIR=str(held))) as process:
        signer, other = sealing(keyring, process, GANSU, fmt), sealing(keyring, process, SHANGHAI)
        signer.sign_digests(digests(1))

        Keyring(held).retire(GANSU)

        with pytest.raises(SealRetiredError, match=f"{GANSU} is retired"):
            signer.sign_digests(digests(1))
        assert written(process)[-1]["outcome"] == "retired"
        assert len(other.sign_digests(digests(1))) == 1
        assert list(process.asked.status()["keys"]) == [f"{SHANGHAI}:pdf"]


def test_a_key_whose_folder_was_taken_out_of_its_keyring_signs_no_more_until_it_is_back(
    keyring: Path, tmp_path: Path
) -> None:
    held = Path(shutil.copytree(keyring, tmp_path / "held"))
    home = held / "identities" / SHANGHAI
    with running(settings_in(tmp_path / "data", KEYRING_DIR=str(held))) as process:
        signer = sealing(keyring, process)
        signer.sign_digests(digests(1))

        home.rename(tmp_path / "apart")

        with pytest.raises(SettingsError, match=f"no key {SHANGHAI}:pdf"):
            signer.sign_digests(digests(1))
        (tmp_path / "apart").rename(home)
        assert len(signer.sign_digests(digests(1))) == 1


# --- what it writes down ----------------------------------------------------------------------


def test_every_call_is_written_down_before_its_signatures_are_given_out(
    process: Running, public: Path
) -> None:
    asked = digests(3, seed=7)
    purpose = certificate_of(SHANGHAI, batch="12")

    accountable(public, process, SHANGHAI).for_purpose(purpose).sign_digests(asked)

    line = written(process)[-1]
    certificate = Keyring(public, process=process.asked).identity(SHANGHAI).signing_cert
    assert {key: value for key, value in line.items() if key not in ("n", "at", "before")} == {
        "caller": f"uid {os.geteuid()} pid {os.getpid()}",
        "identity": SHANGHAI,
        "format": "pdf",
        "certificate": keys.fingerprint(certificate),
        "profile": SHANGHAI,
        "kind": "certificate",
        "batch": "12",
        "count": 3,
        "digests": sha256(b"".join(asked)).hexdigest(),
        "outcome": "signed",
    }
    moment = datetime.fromisoformat(line["at"])
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60


def test_without_a_line_in_the_journal_nothing_is_given_out(keyring: Path, tmp_path: Path) -> None:
    """A disk that is full: the process may write no file larger than what it has written."""
    settings = settings_in(tmp_path / "data", KEYRING_DIR=str(keyring))
    with running(settings) as process:
        signer = sealing(keyring, process)
        signer.sign_digests(digests(1))
        before = (process.settings.signer_dir / FILE).read_bytes()
        limit = ["prlimit", f"--pid={process.pid}", f"--fsize={len(before)}:unlimited"]
        subprocess.run(limit, check=True)

        with pytest.raises(KeyBusyError, match="journal cannot be written"):
            signer.sign_digests(digests(1))

        assert (process.settings.signer_dir / FILE).read_bytes() == before
        subprocess.run([*limit[:2], "--fsize=unlimited"], check=True)
        assert len(signer.sign_digests(digests(1))) == 1
        assert [each["outcome"] for each in written(process)] == ["started", "signed", "signed"]


def test_a_second_process_of_the_same_folder_does_not_start(process: Running) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.signer"],
        env=dict(os.environ) | process.settings.to_env(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    assert "another signer process" in done.stderr
    assert process.asked.status()["journal"]["lines"] >= 1


def test_one_that_was_killed_is_started_again_and_its_journal_goes_on(
    keyring: Path, tmp_path: Path
) -> None:
    with running(settings_in(tmp_path / "data", KEYRING_DIR=str(keyring))) as process:
        signer = sealing(keyring, process)
        signer.sign_digests(digests(1))
        process.kill()
        with pytest.raises(KeyBusyError, match="gives no answer"):
            signer.sign_digests(digests(1))

        process.start()

        assert len(signer.sign_digests(digests(1))) == 1
        outcomes = [each["outcome"] for each in written(process)]
        assert outcomes == ["started", "signed", "started", "signed"]
        assert process.stop() == 0
        assert not (process.settings.signer_dir / "socket").exists()


# --- stopped, and paced -----------------------------------------------------------------------


def test_who_is_stopped_signs_nothing_until_started_even_by_another_process(
    keyring: Path, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path / "data", KEYRING_DIR=str(keyring))
    with running(settings) as process:
        own = process.settings
        stopped = cli("signer", "stop", "--identity", SHANGHAI, "--reason", "drill", settings=own)
        with pytest.raises(SigningStoppedError, match="drill") as error:
            sealing(keyring, process).sign_digests(digests(1))
        assert error.value.again_after >= timedelta(seconds=1)
        assert error.value.reason == "signing_stopped"
        assert len(sealing(keyring, process, GANSU).sign_digests(digests(1))) == 1
        process.kill()
        process.start()
        with pytest.raises(SigningStoppedError):
            sealing(keyring, process).sign_digests(digests(1))

        started = cli("signer", "start", "--identity", SHANGHAI, settings=own)

        assert len(sealing(keyring, process).sign_digests(digests(1))) == 1
        assert (stopped.returncode, started.returncode) == (0, 0), stopped.stderr + started.stderr
        assert cli("signer", "start", settings=own).returncode == 4


def test_a_batch_gets_so_many_signatures_a_second_and_others_their_own(
    keyring: Path, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path / "data", KEYRING_DIR=str(keyring), SIGNER_BATCH_RATE="10")
    with running(settings) as process:
        seal = accountable(keyring, process, SHANGHAI)
        one, two, none = (
            seal.for_purpose(certificate_of(SHANGHAI, batch)) for batch in ("1", "2", None)
        )
        one.sign_digests(digests(300))

        with pytest.raises(SigningPacedError) as error:
            one.sign_digests(digests(1))

        assert timedelta(seconds=1) <= error.value.again_after <= timedelta(seconds=30)
        assert [len(each.sign_digests(digests(100))) for each in (two, none, none)] == [100] * 3
        assert [each["outcome"] for each in written(process)].count("paced") == 1


# --- what its people are told -----------------------------------------------------------------


def test_status_and_journal_tell_what_was_signed(keyring: Path, tmp_path: Path) -> None:
    with running(settings_in(tmp_path / "data", KEYRING_DIR=str(keyring))) as process:
        sealing(keyring, process, GANSU, OFD).sign_digests(digests(5))
        status = cli("signer", "status", "--json", settings=process.settings)
        listed = cli("signer", "journal", "--identity", GANSU, "--json", settings=process.settings)
        shown = cli("signer", "journal", settings=process.settings)
        told = json.loads(status.stdout)
        noted = ("signer", "journal", "--head", told["journal"]["last"])
        head = cli(*noted, settings=process.settings)

        file = process.settings.signer_dir / FILE
        file.write_bytes(file.read_bytes().replace(b'"count": 5', b'"count": 6'))
        altered = cli(*noted, settings=process.settings)

    [call] = told["calls"]
    assert (call["identity"], call["outcome"], call["signatures"]) == (GANSU, "signed", 5)
    assert f"{GANSU}:ofd" in told["keys"]
    [entry] = json.loads(listed.stdout)["entries"]
    assert (entry["count"], entry["kind"]) == (5, "certificate")
    assert (shown.returncode, "2 lines follow each other" in shown.stderr) == (0, True)
    assert (head.returncode, altered.returncode) == (0, 1)


@pytest.mark.parametrize(
    ("since", "lines"),
    [
        ("2026-11-01", [1, 2, 3]),
        ("2026-11-02", [2, 3]),  # as `keys sealed` counts days
        ("2026-11-03", []),
        ("2026-11-02T00:00:01", [3]),
        ("2026-11-01T16:00:01+0000", [3]),
    ],
)
def test_the_journal_is_listed_by_days_in_china_and_told_to_programs_in_utc(
    tmp_path: Path, since: str, lines: list[int]
) -> None:
    settings = settings_in(tmp_path)
    moments = [f"2026-11-01T{time}+00:00" for time in ("15:59:59", "16:00:00", "23:00:00")]
    book = Journal(settings.signer_dir)
    for moment in moments:
        book.note({"at": moment, "outcome": "signed"})
    book.close()

    done = cli("signer", "journal", "--since", since, "--json", settings=settings)

    entries = json.loads(done.stdout)["entries"]
    assert [each["n"] for each in entries] == lines, done.stderr
    assert [each["at"] for each in entries] == [moments[line - 1] for line in lines]


def test_who_does_not_answer_is_told_apart(tmp_path: Path, keyring: Path) -> None:
    settings = settings_in(tmp_path, KEYRING_DIR=str(keyring))

    done = cli("signer", "status", settings=settings)

    assert done.returncode == 6
    assert "gives no answer" in done.stderr


def test_without_a_keyring_it_does_not_start(tmp_path: Path) -> None:
    done = cli("signer", settings=settings_in(tmp_path))

    assert done.returncode == 3
    assert "there is no keyring" in done.stderr


def test_a_policy_of_ones_own_takes_the_place_of_the_profiles(
    keyring: Path, tmp_path: Path
) -> None:
    file = tmp_path / "policy.json"
    use = {"identity": SHANGHAI, "profile": SHANGHAI, "kind": "certificate"}
    file.write_text(json.dumps({"uses": [use]}), "utf-8")
    settings = settings_in(tmp_path / "data", KEYRING_DIR=str(keyring), SIGNER_POLICY=str(file))
    with running(settings) as process:
        assert len(sealing(keyring, process).sign_digests(digests(1))) == 1
        with pytest.raises(SealPolicyError):
            sealing(keyring, process, GANSU).sign_digests(digests(1))
        printed = cli("signer", "policy", settings=process.settings)

    assert json.loads(printed.stdout) == {"uses": [use]}


# --- over the network -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ca, Ca]:
    """The CA of our machines, and another one."""
    folder = tmp_path_factory.mktemp("network")
    return Ca(folder, "ours"), Ca(folder, "others")


@pytest.fixture(scope="module")
def afar(
    tmp_path_factory: pytest.TempPathFactory, keyring: Path, network: tuple[Ca, Ca]
) -> Iterator[Running]:
    """A process on another machine."""
    ours, _ = network
    certificate, key = ours.machine("holder")
    port = free_port()
    settings = settings_in(
        tmp_path_factory.mktemp("afar"),
        KEYRING_DIR=str(keyring),
        SIGNER=f"https://localhost:{port}",
        SIGNER_LISTEN=f"https://{LOOPBACK}:{port}",
        SIGNER_TLS_CERT=str(certificate),
        SIGNER_TLS_KEY=str(key),
        SIGNER_TLS_CA=str(ours.file),
    )
    with running(settings) as found:
        yield found


def asked_by(afar: Running, files: tuple[Path, Path], trusted: Ca) -> SignerProcess:
    tls = Tls(certificate=files[0], key=files[1], ca=trusted.file)
    return SignerProcess(afar.settings.signer, tls=tls)


def test_a_machine_of_ours_is_let_in_and_stands_in_the_journal_by_its_name(
    afar: Running, network: tuple[Ca, Ca], public: Path
) -> None:
    ours, _ = network
    asked = asked_by(afar, ours.machine("worker-1"), ours)
    seal = Keyring(public, process=asked).identity(SHANGHAI)
    assert isinstance(seal.signer, AccountableSigner)

    [given] = seal.signer.for_purpose(certificate_of(SHANGHAI)).sign_digests(digests(1))

    assert keys.fits_digest(seal.signing_cert, given, digests(1)[0])
    assert written(afar)[-1]["caller"] == "tls commonName=worker-1"


def test_a_machine_of_another_ca_and_one_without_a_certificate_are_not_let_in(
    afar: Running, network: tuple[Ca, Ca]
) -> None:
    ours, others = network
    before = len(written(afar))

    with pytest.raises(KeyBusyError, match="gives no answer"):
        asked_by(afar, others.machine("stranger"), ours).status()
    done = subprocess.run(
        ["openssl", "s_client", "-connect", afar.settings.signer.removeprefix("https://"),
         "-CAfile", str(ours.file), "-ign_eof"],
        input=b"GET /v1/status HTTP/1.1\r\nHost: signer\r\n\r\n",
        capture_output=True, check=False,
    )  # fmt: skip

    assert done.returncode != 0
    assert b"HTTP/1.1" not in done.stdout
    assert len(written(afar)) == before


def test_a_process_that_is_not_of_our_ca_is_not_asked(
    afar: Running, network: tuple[Ca, Ca]
) -> None:
    ours, others = network

    with pytest.raises(SettingsError, match="not trusted"):
        asked_by(afar, ours.machine("worker-2"), others).status()


def test_https_without_certificates_is_refused_on_both_sides(tmp_path: Path, keyring: Path) -> None:
    settings = settings_in(
        tmp_path, KEYRING_DIR=str(keyring), SIGNER=f"https://localhost:{free_port()}"
    )

    with pytest.raises(SettingsError, match="FACTORY_SIGNER_TLS_CERT"):
        _ = Plant(settings).signer
    done = cli("signer", settings=settings)

    assert done.returncode == 3
    assert "FACTORY_SIGNER_TLS_CERT" in done.stderr


def test_a_folder_with_a_long_name_holds_a_socket_too(keyring: Path, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)

    with running(settings_in(deep, KEYRING_DIR=str(keyring))) as process:
        assert len(sealing(keyring, process).sign_digests(digests(1))) == 1


def test_settings_name_the_process_to_whoever_asks(process: Running, public: Path) -> None:
    settings: Settings = asking(settings_in(public.parent), public, process)

    found = Plant(replace(settings)).keyring.seal(SHANGHAI, PDF).signer

    assert isinstance(found, AccountableSigner)
    assert len(found.for_purpose(certificate_of(SHANGHAI)).sign_digests(digests(1))) == 1
