"""Authorities of time and revocation lists, as doctor, `expiring` and exporter tell of them."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from factory.ending import Thing
from factory.errors import SettingsError, TimestampUnavailableError
from jobs import doctor, expiring, exporter, trusting
from jobs.wiring import Plant
from storage import endings, testca, tsa
from storage.testca import Ended
from tests import stamping
from tests.plants import PROFILE, new_plant
from tests.stamping import Authority, Service


@pytest.fixture
def plant(tmp_path: Path, sqlite_db_url: str) -> Plant:
    return new_plant(tmp_path, sqlite_db_url)


@pytest.fixture
def service() -> Iterator[Service]:
    with stamping.running(stamping.authority(datetime.now(UTC))) as running:
        yield running


def stamped(plant: Plant, service: Service) -> Plant:
    """The same, whose keyring's authority is the service."""
    settings = replace(plant.settings, time_stamps=True, tsa_url=service.url)
    folder = settings.keyring_dir
    service.authority = Authority(tsa.load(folder, "default").roots[0], tsa.open_test(folder))
    return Plant(settings)


def things(plant: Plant, thing: Thing) -> list[str]:
    found = expiring.outlook(plant, timedelta(days=3660)).things
    return [each.name for each in found if each.thing is thing]


def ends(plant: Plant, what: str) -> dict[str, float]:
    """What the exporter says of them."""
    [family] = [each for each in exporter._of_keyring(plant) if each.name == exporter.ENDS.name]
    return {
        each.labels["name"]: each.value for each in family.samples if each.labels["what"] == what
    }


# --- time stamps ------------------------------------------------------------------------------


def test_an_authority_that_stamps_is_well_and_says_that_it_is_a_test(
    plant: Plant, service: Service
) -> None:
    said = trusting.time_stamps(stamped(plant, service))

    assert said.startswith("default stamps, its certificate ends in ")
    assert said.endswith("(TEST authority)")


def test_one_that_gives_no_answer_is_not(plant: Plant, service: Service) -> None:
    service.behave = lambda _: (503, b"")

    with pytest.raises(TimestampUnavailableError, match="default"):
        trusting.time_stamps(stamped(plant, service))


def test_where_nothing_is_stamped_nobody_is_asked(plant: Plant, service: Service) -> None:
    assert "FACTORY_TIME_STAMPS is off" in trusting.time_stamps(plant)
    assert service.asked == []


def test_a_keyring_without_the_authority_says_what_to_put_there(
    plant: Plant, service: Service
) -> None:
    shutil.rmtree(plant.settings.keyring_dir / "tsa")

    said = doctor.time_stamps(Plant(replace(plant.settings, time_stamps=True)))

    assert "put its tsa.toml and roots/*.pem into tsa/default/" in said


def test_to_say_which_authority_it_is_nobody_is_asked(plant: Plant, service: Service) -> None:
    assert doctor.time_stamps(stamped(plant, service)) == "default"
    assert service.asked == []


def test_an_authority_is_told_by_its_name_and_by_the_last_of_its_roots(plant: Plant) -> None:
    home = plant.settings.keyring_dir / "tsa" / "default"
    (home / "signing.pem").unlink()
    older = stamping.authority(datetime(2020, 1, 1, tzinfo=UTC)).root
    (home / "roots" / "older.pem").write_bytes(older.public_bytes(tsa.PEM))

    [(name, end)] = endings.time_stamping(plant.settings.keyring_dir).items()

    assert name == "default" and end > datetime.now(UTC)
    assert ends(plant, "time_stamping") == {"default": end.timestamp()}


def test_a_certificate_beside_its_roots_is_told_before_them(plant: Plant) -> None:
    home = plant.settings.keyring_dir / "tsa" / "default"
    sooner = stamping.authority(datetime.now(UTC) - timedelta(days=300)).stamper.signing_cert
    (home / "signing.pem").write_bytes(sooner.public_bytes(tsa.PEM))

    assert things(plant, Thing.TIME_STAMPING) == ["default"]
    assert ends(plant, "time_stamping") == {"default": sooner.not_valid_after_utc.timestamp()}


# --- revocation -------------------------------------------------------------------------------


def test_without_lists_the_doctor_says_that_nothing_is_known(plant: Plant) -> None:
    assert "no list" in trusting.revocations(plant)
    assert (things(plant, Thing.REVOCATION_LIST), ends(plant, "revocation_list")) == ([], {})


def test_a_list_is_told_with_the_day_of_the_next(plant: Plant) -> None:
    path = listed(plant, until=datetime.now(UTC) + timedelta(days=7))

    assert trusting.revocations(plant) == "1 CA(s) with a list"
    assert things(plant, Thing.REVOCATION_LIST) == [f"revocation/{path.name}"]
    assert ends(plant, "revocation_list").keys() == {path.name}


def test_a_list_whose_time_is_over_is_not_well_unless_its_ca_has_a_newer_one(plant: Plant) -> None:
    issuer, now = testca.make_ca(datetime.now(UTC), name="Seals").root, datetime.now(UTC)
    old = listed(plant, issuer, until=now - timedelta(minutes=1), name="old.crl")
    assert ends(plant, "revocation_list")[old.name] < now.timestamp()
    with pytest.raises(SettingsError, match=r"revocation/old.crl is past its nextUpdate"):
        trusting.revocations(plant)

    new = listed(plant, issuer, until=now + timedelta(days=7), name="new.crl")

    assert trusting.revocations(plant) == "1 CA(s) with a list"
    assert ends(plant, "revocation_list").keys() == {new.name}


def test_a_file_that_is_no_list_has_ended_long_ago_and_hides_nothing_else(plant: Plant) -> None:
    path = listed(plant, until=datetime.now(UTC) + timedelta(days=7))
    path.write_bytes(b"no list")

    assert ends(plant, "revocation_list") == {exporter.UNUSABLE: 0}
    assert ends(plant, "certificate")[PROFILE] > 0
    with pytest.raises(SettingsError, match=f"revocation/{path.name}"):
        trusting.revocations(plant)


def listed(
    plant: Plant, issuer: testca.Issued | None = None, *, until: datetime, name: str = "ca.crl"
) -> Path:
    """A list of some CA, on which nobody stands."""
    issuer = issuer or testca.make_ca(datetime.now(UTC), name="Seals").root
    path = plant.settings.keyring_dir / "revocation" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(testca.revocation_list(issuer, [], now=until - testca.LIST_LIFE))
    return path


def test_a_certificate_in_use_that_was_revoked_is_not_well(plant: Plant) -> None:
    now = datetime.now(UTC)
    ended = Ended(serial=0, at=now, reason="keyCompromise")
    plant.keyring.revoke_test_identity(PROFILE, ended, now=now)

    with pytest.raises(SettingsError, match=f"that {PROFILE} seals PDF with was revoked"):
        trusting.revocations(plant)
