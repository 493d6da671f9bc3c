"""A person whose key is SM2: refused with the reason, and taken where the profile allows it."""

from dataclasses import replace
from pathlib import Path

import pytest

from factory import specimen
from factory.model import Party
from factory.parties import Algorithm
from jobs import desk
from jobs.intake import Status
from jobs.settings import Settings
from jobs.wiring import Plant
from tests.factory.seals import outsiders
from tests.jobs.test_signing import Desk, why
from tests.telling import whole_factory

PROFILE = "shanghai-constructor"


@pytest.fixture
def plant(s3: Settings, tmp_path: Path) -> Plant:
    return whole_factory(tmp_path, s3)


@pytest.fixture
def applied(plant: Plant) -> Desk:
    """An application that was saved; not made yet."""
    return Desk(plant=plant, saved=specimen.saved(43_001))


@pytest.fixture
def ca(plant: Plant, tmp_path: Path) -> Path:
    """The folder of a CA that signs with SM2, trusted for persons."""
    folder = tmp_path / "ca"
    folder.mkdir()
    outsiders.sm2_root(folder)
    trusted = plant.settings.keyring_dir / "parties" / "applicants" / "sm2.pem"
    trusted.write_bytes((folder / "root.pem").read_bytes())
    return folder


def party(applied: Desk, ca: Path) -> outsiders.Made:
    """The application's person, with an SM2 key."""
    person = applied.saved["data"]["holder"]
    subject = f"/CN={person['name']}/serialNumber={person['id_number']}"
    return outsiders.sm2_party(ca, subject)


def allow(plant: Plant, *algorithms: Algorithm) -> None:
    """The register's persons may sign with these."""
    rules = plant.profiles[PROFILE]
    last = rules.all[-1]
    applicant = last.signing.applicant.model_copy(update={"algorithms": algorithms})
    signing = last.signing.model_copy(update={"applicant": applicant})
    changed = replace(rules, all=(last.model_copy(update={"signing": signing}),))
    plant.profiles = {**plant.profiles, PROFILE: changed}


def test_sm2_is_refused_where_the_profile_does_not_allow_it(applied: Desk, ca: Path) -> None:
    applied.save(1)
    waiting = applied.prepare(Party.APPLICANT, None)
    container = outsiders.sm2_container(ca, party(applied, ca), waiting.content)

    told = why(applied.complete(waiting, container, way="cms"))

    assert "RSA or ECDSA" in told and "SM2" in told
    assert applied.steps == [0]


def test_sm2_is_taken_where_the_profile_allows_it(applied: Desk, ca: Path) -> None:
    allow(applied.plant, Algorithm.SM2)
    applied.save(1)
    signer = party(applied, ca)  # before: its certificate is valid from the second it is made
    waiting = applied.prepare(Party.APPLICANT, None)
    container = outsiders.sm2_container(ca, signer, waiting.content)

    outcome = applied.complete(waiting, container, way="cms")

    assert outcome.status is Status.ACCEPTED, outcome
    assert desk.examine(applied.plant, applied.bytes_of(applied.form, 1)).word == "signed"


def test_an_sm2_container_over_something_else_is_refused(applied: Desk, ca: Path) -> None:
    allow(applied.plant, Algorithm.SM2)
    applied.save(1)
    waiting = applied.prepare(Party.APPLICANT, None)
    container = outsiders.sm2_container(ca, party(applied, ca), b"something else")

    assert why(applied.complete(waiting, container, way="cms"))
    assert applied.steps == [0]
