"""`keys import-seal`, `keys show-seal`, `keys list`, `doctor`: seals for OFD, as a person types."""

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image

import cli
from factory.seals.sm2_soft import Sm2SoftSigner
from factory.versions import Versions
from jobs import doctor
from jobs.settings import Settings
from jobs.wiring import Plant, plant_of
from storage import testca, testca_sm2
from storage.keyring import Keyring
from storage.new_keyring import create_test_keyring
from tests import seal_service, sealing_service
from tests.seal_making import PASSPHRASE, identity, picture, seal
from tests.seal_service import SealService

OK, REFUSED, USAGE, NOT_SET_UP, CONFLICT, UNAVAILABLE = 0, 1, 2, 3, 5, 6
NOW = datetime.now(UTC)  #: commands have the clock of this machine
AUTHORITY = "示例市住房和城乡建设委员会"
NAME = "shanghai-constructor"
PEM = Encoding.PEM


@dataclass(frozen=True)
class Desk:
    """A person at a terminal, with files in a folder and a data directory."""

    folder: Path

    @property
    def keyring(self) -> Path:
        return self.folder / "data" / "keyring"

    def run(self, *words: str) -> Result:
        env = {"FACTORY_DATA_DIR": str(self.folder / "data")}
        return CliRunner(env=env).invoke(cli.main, words)

    def json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.exit_code == OK, done.stderr
        return json.loads(done.stdout)

    def file(self, name: str) -> str:
        return str(self.folder / name)

    def words(self, *more: str, **changes: str) -> list[str]:
        """The command with the files of an office; an option named in changes is given so."""
        options = {
            "identity": "shili-bureau",
            "certificate": self.file("signing.pem"),
            "chain": self.file("chain.pem"),
            "key": self.file("key.p8"),
            "passphrase-file": self.file("passphrase"),
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        given = (word for name, value in options.items() if value for word in (f"--{name}", value))
        return ["keys", "import-seal", self.file("seal.esl"), *given, *more]

    def took(self, done: Result, name: str = "shili-bureau") -> bool:
        home = self.keyring / "identities" / name / "ofd"
        return done.exit_code == OK and home.is_dir()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test keyring, and the files that an office of a CA and a seal maker hands out."""
    folder = tmp_path_factory.mktemp("prepared")
    create_test_keyring(
        folder / "data" / "keyring",
        identities={NAME: AUTHORITY},
        now=NOW,
        draw_seal=lambda _: picture(),
    )
    ca = testca_sm2.make_ca(NOW)
    made = testca_sm2.issue_test_seal(
        ca, AUTHORITY, picture(), width_mm=42, now=NOW, passphrase=PASSPHRASE
    )
    for name, data in {
        "data/keyring/roots/office.pem": ca.root.certificate.public_bytes(PEM),
        "seal.esl": made.esl,
        "signing.pem": made.signing_cert.public_bytes(PEM),
        "signing.cer": made.signing_cert.public_bytes(Encoding.DER),
        "chain.pem": ca.issuing.certificate.public_bytes(PEM),
        "key.p8": made.key,
        "passphrase": PASSPHRASE + b"\n",
        "token": seal_service.TOKEN.encode(),
        "nothing": b"",
    }.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def desk(prepared: Path, tmp_path: Path) -> Desk:
    return Desk(Path(shutil.copytree(prepared, tmp_path / "desk")))


def test_an_issued_seal_is_imported_and_said(desk: Desk) -> None:
    done = desk.run(*desk.words())

    assert desk.took(done), done.stderr
    assert all(
        word in done.stdout for word in (AUTHORITY, "Seal Maker", "fits", "42 x 42 mm", "shili-")
    )
    assert not Keyring(desk.keyring).ofd_seal("shili-bureau").test


def test_an_import_says_for_programs_what_it_took(desk: Desk) -> None:
    found = desk.json(*desk.words())

    assert (found["identity"], found["test"]) == ("shili-bureau", False)
    assert (found["seal"]["name"], found["seal"]["maker_fits"]) == (AUTHORITY, True)
    assert found["ends"] == found["seal"]["valid_until"]
    assert found["seal"]["picture"]["type"] == "PNG"


def test_a_certificate_may_be_der(desk: Desk) -> None:
    assert desk.took(desk.run(*desk.words(certificate=desk.file("signing.cer"))))


def test_a_seal_may_be_marked_as_test(desk: Desk) -> None:
    assert desk.json(*desk.words("--test"))["test"]
    assert Keyring(desk.keyring).ofd_seal("shili-bureau").test


def test_a_seal_is_replaced_only_when_that_is_asked_for(desk: Desk) -> None:
    refused = desk.run(*desk.words(identity=NAME))
    replaced = desk.run(*desk.words("--replace", identity=NAME))

    assert (refused.exit_code, replaced.exit_code) == (CONFLICT, OK)
    assert "--replace" in refused.stderr


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"certificate": "nothing"}, REFUSED),
        ({"certificate": "seal.esl"}, REFUSED),
        ({"certificate": "key.p8"}, REFUSED),
        ({"certificate": "chain.pem"}, REFUSED),
        ({"chain": "nothing"}, REFUSED),
        ({"chain": "seal.esl"}, REFUSED),
        ({"chain": "signing.pem"}, REFUSED),
        ({"key": "nothing"}, NOT_SET_UP),
        ({"key": "seal.esl"}, NOT_SET_UP),
        ({"passphrase-file": "nothing"}, NOT_SET_UP),
        ({"passphrase-file": "token"}, NOT_SET_UP),
        ({"chain": "no-such-file"}, USAGE),
        ({"identity": "../x"}, USAGE),
        ({"identity": ""}, USAGE),
        ({"key": ""}, USAGE),
        ({"passphrase-file": ""}, USAGE),
    ],
    ids=str,
)
def test_wrong_files_end_in_one_line_and_their_code(
    desk: Desk, changes: dict[str, str], code: int
) -> None:
    files = {k: v if k == "identity" or not v else desk.file(v) for k, v in changes.items()}
    before = sorted(desk.keyring.rglob("*"))

    done = desk.run(*desk.words(**files))

    assert done.exit_code == code, done.stderr
    assert isinstance(done.exception, SystemExit), done.exception
    assert PASSPHRASE.decode() not in done.output
    assert sorted(desk.keyring.rglob("*")) == before


@pytest.mark.parametrize("data", [b"", b"no seal", seal(), b"0" * 5_000_000])
def test_a_seal_that_cannot_be_used_is_refused_in_one_line(desk: Desk, data: bytes) -> None:
    Path(desk.file("seal.esl")).write_bytes(data)

    done = desk.run(*desk.words())

    assert done.exit_code == REFUSED
    assert done.stderr.startswith("error: ")


def test_a_machine_without_keys_is_told_what_to_do(desk: Desk) -> None:
    shutil.rmtree(desk.keyring)

    done = desk.run(*desk.words())

    assert done.exit_code == NOT_SET_UP
    assert "certfactory up" in done.stderr


@pytest.fixture
def service(prepared: Path) -> Iterator[SealService]:
    signer = Sm2SoftSigner((prepared / "key.p8").read_bytes(), PASSPHRASE)
    with seal_service.running({"seal-1": signer}) as running:
        yield running


def served(desk: Desk, running: SealService, **changes: str) -> list[str]:
    token = desk.file("token")
    asked = {"service": running.url, "service_key": "seal-1", "token_file": token} | changes
    return desk.words(key="", passphrase_file="", **asked)


def test_a_seal_whose_key_a_service_holds_is_imported(desk: Desk, service: SealService) -> None:
    assert desk.took(desk.run(*served(desk, service)))
    assert service.signed == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"service_key": "seal-2"}, NOT_SET_UP),
        ({"service": "http://seals.example"}, NOT_SET_UP),
        ({"service_key": ""}, USAGE),
        ({"token_file": ""}, USAGE),
        ({"service": ""}, USAGE),
    ],
    ids=str,
)
def test_a_service_that_does_not_serve_is_refused(
    desk: Desk, service: SealService, changes: dict[str, str], code: int
) -> None:
    done = desk.run(*served(desk, service, **changes))

    assert done.exit_code == code
    assert seal_service.TOKEN not in done.output
    assert not (desk.keyring / "identities" / "shili-bureau").exists()


def test_a_seal_whose_service_seals_later_is_imported(desk: Desk, prepared: Path) -> None:
    signer = Sm2SoftSigner((prepared / "key.p8").read_bytes(), PASSPHRASE)
    with sealing_service.running({"seal-1": signer}) as centre:
        address = {"service": centre.url, "service_key": "seal-1"}
        given = desk.words(key="", passphrase_file="", token_file=desk.file("token"), **address)

        assert desk.took(desk.run(*given, "--later"))

    about = desk.keyring / "identities" / "shili-bureau" / "ofd" / "identity.toml"
    assert 'mode = "asynchronous"' in about.read_text("utf-8")


def test_a_service_that_signs_at_once_is_not_imported_as_one_that_seals_later(
    desk: Desk, service: SealService
) -> None:
    done = desk.run(*served(desk, service), "--later")

    assert done.exit_code == NOT_SET_UP
    assert "check url and key" in " ".join(done.stderr.split())


def test_a_key_file_does_not_seal_later(desk: Desk) -> None:
    assert desk.run(*desk.words(), "--later").exit_code == USAGE


def test_a_key_file_and_a_service_are_not_given_together(desk: Desk, service: SealService) -> None:
    both = [*served(desk, service), "--key", desk.file("key.p8")]

    done = desk.run(*both)

    assert done.exit_code == USAGE
    assert "a key or a service, not both" in done.stderr


def test_a_busy_service_is_to_be_asked_again_later(desk: Desk, service: SealService) -> None:
    service.behave(seal_service.busy(503, Retry_After="3600"))

    done = desk.run(*served(desk, service))

    said = " ".join(done.stderr.split())
    assert done.exit_code == UNAVAILABLE
    assert f"the seal service at {service.url} (key seal-1) is busy; nothing was imported" in said
    assert desk.took(desk.run(*served(desk, service)))


def test_a_service_with_another_key_is_a_setting_to_mend(desk: Desk) -> None:
    other = identity().signer
    assert isinstance(other, Sm2SoftSigner)
    with seal_service.running({"seal-1": other}) as running:
        done = desk.run(*served(desk, running))

    assert done.exit_code == NOT_SET_UP
    assert "key is not that of the certificate" in " ".join(done.stderr.split())


def test_what_a_seal_says_is_shown_without_a_keyring(desk: Desk) -> None:
    shutil.rmtree(desk.keyring)

    done = desk.run("keys", "show-seal", desk.file("seal.esl"))

    assert done.exit_code == OK
    assert all(word in done.stdout for word in (AUTHORITY, "Seal Maker", "42 x 42 mm", "PNG"))


def test_a_long_name_of_a_signer_is_shown_without_a_warning(desk: Desk) -> None:
    name = "示例市" * 11
    ca = testca.make_ca(NOW)
    long = testca.issue_enterprise(ca, name, "91310000MA1FL00018").certificate
    listed = (long.public_bytes(Encoding.DER),)
    Path(desk.file("seal.esl")).write_bytes(seal(certificates=listed))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = desk.json("keys", "show-seal", desk.file("seal.esl"))

    assert name in found["signers"][0]


def test_a_seal_whose_makers_signature_does_not_fit_is_shown_and_refused(desk: Desk) -> None:
    file = Path(desk.file("seal.esl"))
    file.write_bytes(file.read_bytes().replace(AUTHORITY.encode(), AUTHORITY[::-1].encode()))

    done = desk.run("keys", "show-seal", str(file))

    assert done.exit_code == REFUSED
    assert "DOES NOT FIT" in done.stdout


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [(-2, -1, "HAS EXPIRED"), (1, 2, "NOT VALID YET"), (-1, 1, None)],
)
def test_a_seal_that_is_not_valid_now_is_shown_as_such(
    desk: Desk, first: int, last: int, said: str | None
) -> None:
    valid = {"valid_from": NOW + timedelta(days=first), "valid_until": NOW + timedelta(days=last)}
    Path(desk.file("seal.esl")).write_bytes(seal(**valid))

    done = desk.run("keys", "show-seal", desk.file("seal.esl"))

    shown = [each for each in ("HAS EXPIRED", "NOT VALID YET") if each in done.stdout]
    assert (done.exit_code, shown) == (OK, [said] if said else [])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"picture": b"no picture"}, "the electronic seal's picture"),
        ({"picture": b"<svg/>", "picture_type": "SVG"}, "is neither PNG nor JPG"),
        ({}, None),
    ],
    ids=str,
)
def test_a_picture_that_cannot_be_read_is_said(
    desk: Desk, change: dict[str, Any], fault: str | None
) -> None:
    Path(desk.file("seal.esl")).write_bytes(seal(**change))

    shown = desk.run("keys", "show-seal", desk.file("seal.esl"))
    told = desk.json("keys", "show-seal", desk.file("seal.esl"))["picture"]["fault"]

    assert shown.exit_code == OK
    assert (told is None) if fault is None else (fault in told)
    assert told is None or told in " ".join(shown.stdout.split())


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_picture_of_a_seal_is_written_as_png(desk: Desk, kind: str) -> None:
    Path(desk.file("seal.esl")).write_bytes(seal(picture=picture(kind), picture_type=kind))

    found = desk.json("keys", "show-seal", desk.file("seal.esl"), "--picture", desk.file("p.png"))

    assert found["picture"]["type"] == kind
    written = Image.open(BytesIO(Path(desk.file("p.png")).read_bytes()))
    assert (written.format, written.size) == ("PNG", (420, 420))


@pytest.mark.parametrize(
    ("goal", "change", "code"),
    [
        ("passphrase", {}, USAGE),
        ("no-such-folder/p.png", {}, USAGE),
        ("p.png", {"picture": b"<svg/>", "picture_type": "SVG"}, REFUSED),
        ("p.png", {"picture": b"no picture"}, REFUSED),
    ],
    ids=str,
)
def test_a_picture_that_cannot_be_written_is_refused(
    desk: Desk, goal: str, change: dict[str, Any], code: int
) -> None:
    Path(desk.file("seal.esl")).write_bytes(seal(**change))

    done = desk.run("keys", "show-seal", desk.file("seal.esl"), "--picture", desk.file(goal))

    assert done.exit_code == code
    assert Path(desk.file("passphrase")).read_bytes() == PASSPHRASE + b"\n"
    assert not Path(desk.file("p.png")).exists()


@pytest.mark.parametrize("name", ["nothing", "signing.pem", "signing.cer"])
def test_what_is_no_seal_is_not_shown(desk: Desk, name: str) -> None:
    done = desk.run("keys", "show-seal", desk.file(name))

    assert (done.exit_code, done.stdout) == (REFUSED, "")


def test_the_keys_of_both_formats_are_listed(desk: Desk) -> None:
    found = desk.json("keys", "list")
    shown = desk.run("keys", "list").stdout

    assert [(each["format"], each["algorithm"]) for each in found] == [
        ("pdf", "secp256r1"),
        ("ofd", "SM2"),
    ]
    assert "format" in shown and "SM2" in shown


# The doctor


def plant(desk: Desk, formats: tuple[str, ...]) -> Plant:
    """A plant with one register, whose certificates are of these formats."""
    made = plant_of(Settings.from_env({"FACTORY_DATA_DIR": str(desk.folder / "data")}))
    rules = made.profiles[NAME]
    made.__dict__["profiles"] = {NAME: with_formats(rules, formats)}
    return made


def with_formats(rules: Versions, formats: tuple[str, ...]) -> Versions:
    changed = tuple(
        each.model_copy(
            update={"certificate": each.certificate.model_copy(update={"formats": formats})}
        )
        for each in rules.all
    )
    return replace(rules, all=changed)


def finding(desk: Desk, formats: tuple[str, ...] = ("pdf", "ofd")) -> doctor.Finding:
    found = {each.name: each for each in doctor.examine(plant(desk, formats))}
    return found["OFD seals"]


def test_the_doctor_counts_the_days_of_the_seals_in_use(desk: Desk) -> None:
    found = finding(desk)

    assert found.well
    assert found.detail.startswith("1 in use, the first ends in 109")
    assert "TEST" in found.detail


def without_seal(desk: Desk) -> None:
    shutil.rmtree(desk.keyring / "identities" / NAME / "ofd")


def test_the_doctor_says_that_documents_wait_for_a_busy_service(
    desk: Desk, service: SealService
) -> None:
    assert desk.took(desk.run(*served(desk, service, identity=NAME), "--replace"), NAME)
    service.behave(seal_service.busy(503, Retry_After="3600"))

    found = finding(desk)

    assert not found.well
    assert "is busy; its documents wait" in found.detail


def with_a_broken_one(desk: Desk) -> None:
    (desk.keyring / "identities" / NAME / "ofd" / "seal.esl").write_bytes(b"no seal")


def valid_until(end: datetime) -> Callable[[Desk], None]:
    """A seal that is valid until then."""

    def change(desk: Desk) -> None:
        ca = testca_sm2.make_ca(end - timedelta(days=testca_sm2.SEAL_LIFE.days))
        made = testca_sm2.issue_test_seal(
            ca, AUTHORITY, picture(), width_mm=42, now=ca.now, passphrase=PASSPHRASE
        )
        home = desk.keyring / "identities" / NAME / "ofd"
        root = desk.keyring / "roots" / "later.pem"
        root.write_bytes(ca.root.certificate.public_bytes(PEM))
        for name, data in {
            "seal.esl": made.esl,
            "signing.pem": made.signing_cert.public_bytes(PEM),
            "chain.pem": ca.issuing.certificate.public_bytes(PEM),
            "key.p8": made.key,
            "passphrase": PASSPHRASE,
        }.items():
            (home / name).write_bytes(data)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_seal, "no seal for OFD of shanghai-constructor"),
        (with_a_broken_one, "OFD seal of shanghai-constructor cannot be used"),
        (valid_until(NOW - timedelta(days=1)), "has ended on"),
        (valid_until(NOW + timedelta(days=20, hours=1)), "ends in 20 days"),
    ],
)
def test_the_doctor_says_what_a_seal_in_use_lacks(
    desk: Desk, change: Callable[[Desk], None], said: str
) -> None:
    change(desk)

    found = finding(desk)

    assert not found.well
    assert (said in found.detail and "import-seal" in found.detail) or "seal.esl" not in said


def test_the_doctor_asks_for_no_seal_that_no_register_uses(desk: Desk) -> None:
    without_seal(desk)

    found = finding(desk, formats=("pdf",))

    assert (found.well, found.detail) == (True, "none in use")
