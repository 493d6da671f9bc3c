"""Files whose signing certificate was revoked or has ended, at the desk and on the page."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import cli
from factory.verification import Status
from jobs import desk, verifying
from jobs.commands.exits import REFUSED
from jobs.commands.output import local_time
from jobs.wiring import Plant
from storage import testca
from storage.testca import Ended
from tests.factory.trusting import page
from tests.jobs.sealed_pages import put_on_record, sealed_page
from tests.plants import PROFILE, new_plant

HOUR = timedelta(hours=1)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return new_plant(tmp_path, f"sqlite:///{tmp_path / 'ledger.sqlite3'}")


@pytest.fixture
def file(plant: Plant, tmp_path: Path) -> Path:
    """Sealed here an hour ago, and not on record."""
    path = tmp_path / "some.pdf"
    path.write_bytes(sealed_page(plant, datetime.now(UTC) - HOUR))
    return path


def run(plant: Plant, *words: str) -> Result:
    return CliRunner(env={"FACTORY_DATA_DIR": str(plant.settings.data_dir)}).invoke(cli.main, words)


def revoke(plant: Plant, at: datetime) -> Result:
    reason = ("--reason", "keyCompromise")
    return run(plant, "keys", "test-revoke", PROFILE, "--at", at.isoformat(), *reason)


def finding(plant: Plant, file: Path, *words: str) -> tuple[str, list[str]]:
    told = json.loads(run(plant, "verify", str(file), "--json", *words).stdout)[0]
    return told["word"], told["reasons"]


def test_a_file_that_nobody_recorded_falls_with_its_certificate(plant: Plant, file: Path) -> None:
    before = finding(plant, file)

    revoked = revoke(plant, datetime.now(UTC) - 2 * HOUR)
    word, reasons = finding(plant, file)

    assert before[0] == "unrecorded"
    assert (revoked.exit_code, revoked.stdout.count("wrote ")) == (0, 2)
    assert word == "untrusted"
    assert "was revoked on" in reasons[0] and "(keyCompromise)" in reasons[0]


def test_no_other_root_is_asked_for_where_it_is_the_certificate(plant: Plant, file: Path) -> None:
    revoke(plant, datetime.now(UTC) - 2 * HOUR)

    done = run(plant, "verify", str(file))

    assert done.exit_code == REFUSED
    assert "✗ revocation: its certificate or one above it was revoked" in done.stdout
    assert done.stderr == ""


def test_what_was_recorded_before_stays_valid(plant: Plant, file: Path) -> None:
    """The ledger has seen it: that proves as much as a time stamp."""
    put_on_record(plant, file.read_bytes())
    revoke(plant, datetime.now(UTC) + HOUR)

    later = datetime.now(UTC) + 2 * HOUR

    assert finding(plant, file, "--at", later.isoformat())[0] == "valid"


def test_what_was_recorded_after_does_not(plant: Plant, file: Path) -> None:
    put_on_record(plant, file.read_bytes())
    revoke(plant, datetime.now(UTC) - 2 * HOUR)

    assert finding(plant, file)[0] == "untrusted"


def test_after_the_end_of_the_certificate_only_what_is_on_record_is_valid(
    plant: Plant, file: Path
) -> None:
    late = (plant.keyring.identity(PROFILE).signing_cert.not_valid_after_utc + HOUR).isoformat()

    unknown = finding(plant, file, "--at", late)
    put_on_record(plant, file.read_bytes())

    assert unknown[0] == "untrusted"
    assert "no time stamp proves that it was made before" in unknown[1][0]
    assert finding(plant, file, "--at", late)[0] == "valid"


def test_a_list_may_be_given_by_the_way(plant: Plant, file: Path, tmp_path: Path) -> None:
    revoke(plant, datetime.now(UTC) - 2 * HOUR)
    lists = [each.rename(tmp_path / each.name) for each in keyring_lists(plant)]
    given = [word for each in lists for word in ("--crl", str(each))]

    assert finding(plant, file)[0] == "unrecorded"
    assert finding(plant, file, *given)[0] == "untrusted"


def keyring_lists(plant: Plant) -> list[Path]:
    return sorted((plant.settings.keyring_dir / "revocation").glob("*.crl"))


def test_what_is_no_list_is_said_to_be_none(plant: Plant, file: Path) -> None:
    done = run(plant, "verify", str(file), "--crl", str(file))

    assert done.exit_code == 2
    assert "--crl" in done.stderr and "cannot be read" in done.stderr


def test_asked_about_a_time_before_it_was_sealed_it_says_so_and_asks_for_no_other_root(
    plant: Plant, file: Path
) -> None:
    done = run(plant, "verify", str(file), "--at", "2001-01-01")

    assert done.exit_code == REFUSED
    assert done.stdout.count("says that it was made later than now") >= 1
    assert "– revocation: was not asked: it says that it was made later" in done.stdout
    assert "root" not in done.stderr


def test_a_time_without_an_offset_is_chinas_as_all_that_is_shown_is(
    plant: Plant, file: Path
) -> None:
    """One hour before its certificate ends it is trusted; by the clock of UTC that is 7 h later."""
    ends = plant.keyring.identity(PROFILE).signing_cert.not_valid_after_utc
    shown = local_time(ends - HOUR)

    here, utc = (finding(plant, file, "--at", f"{shown}{zone}")[0] for zone in ("", "+00:00"))

    assert (here, utc) == ("unrecorded", "untrusted")


def test_each_time_on_the_screen_is_chinas(plant: Plant, file: Path) -> None:
    at = datetime.now(UTC) - 2 * HOUR
    revoke(plant, at)

    done = run(plant, "verify", str(file))

    assert f"was revoked on {local_time(at)}+08:00 (keyCompromise)" in done.stdout
    assert "UTC" not in done.stdout


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01"])
def test_what_is_no_time_is_said_to_be_none(when: str, plant: Plant, file: Path) -> None:
    done = run(plant, "verify", str(file), "--at", when)

    assert done.exit_code == 2
    assert "is no time such as" in done.stderr


def test_a_seal_that_is_real_is_not_revoked_for_a_trial(plant: Plant) -> None:
    about = plant.settings.keyring_dir / "identities" / PROFILE / "identity.toml"
    about.write_text("width_mm = 42.0\n")

    done = revoke(plant, datetime.now(UTC))

    assert done.exit_code != 0
    assert "no test" in done.stderr
    assert not keyring_lists(plant)


def test_on_the_page_such_a_file_is_told_apart_from_a_strangers(plant: Plant, file: Path) -> None:
    data = file.read_bytes()
    assert verifying.by_file(plant, data).status is Status.UNRECORDED

    revoke(plant, datetime.now(UTC) - 2 * HOUR)

    assert verifying.by_file(plant, data).status is Status.UNPROVED
    assert verifying.by_file(plant, page()).status is Status.UNKNOWN


def test_nothing_is_fetched_unless_the_setting_or_the_command_says_so(plant: Plant) -> None:
    fetching = Plant(replace(plant.settings, revocation="fetch"))

    assert not plant.revocations()
    assert plant.revocations(fetch=True)
    assert fetching.revocations()


def test_a_list_of_somebody_else_changes_nothing(plant: Plant, file: Path) -> None:
    stranger = testca.make_ca(datetime.now(UTC))
    identity = plant.keyring.identity(PROFILE)
    ended = [Ended(serial=identity.signing_cert.serial_number, at=datetime.now(UTC) - 2 * HOUR)]
    forged = testca.revocation_list(stranger.issuing, ended, now=datetime.now(UTC))
    home = plant.settings.keyring_dir / "revocation"
    home.mkdir()
    pem = x509.load_der_x509_crl(forged).public_bytes(Encoding.PEM)
    (home / "forged.crl").write_bytes(pem)

    assert desk.examine(plant, file.read_bytes()).word == "unrecorded"
