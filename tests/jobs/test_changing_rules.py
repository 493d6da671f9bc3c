"""A register whose rules changed: each event goes by its own day, what is done now by today's."""

from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from factory import specimen
from factory.access import Viewer
from factory.errors import ForbiddenError, SettingsError
from factory.model import Format
from factory.profile import Profile
from factory.versions import Versions
from jobs import desk, doctor, enquiry
from jobs.asker import Asker
from jobs.wiring import Plant, load_profiles
from storage import tables as t
from storage.ledger import registers
from storage.ledger.registers import RegistrationRow
from tests.plants import PROFILE, WHO, new_plant, submit

LAST_YEAR, THIS_YEAR = "2024-12-31", "2025-01-01"
SHIPPED = resources.files("factory.profiles").joinpath(f"{PROFILE}.toml").read_text("utf-8")


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    """Numbers of twelve digits and three years until 2024; sixteen digits and five years since."""
    found = new_plant(tmp_path, db_url)
    [rules] = found.profiles[PROFILE].all
    old = changed(rules, "numbering", registration="jzs12")
    new = changed(rules, "validity", years=5).model_copy(
        update={"version": "2025-01", "effective_from": date(2025, 1, 1)}
    )
    vars(found)["profiles"] = {PROFILE: Versions.of(new, old)}
    return found


def changed(profile: Profile, part: str, **rules: object) -> Profile:
    part_of_it = getattr(profile, part).model_copy(update=rules)
    return profile.model_copy(update={part: part_of_it})


def approved(seed: int, on: str) -> dict[str, Any]:
    """An approval of that day, of somebody qualified in 2023."""
    event = specimen.approved(seed)
    professions = [each | {"qualified_on": "2023-11-03"} for each in event["data"]["professions"]]
    event["data"] |= {"approved_on": on, "professions": professions}
    return event


def row(plant: Plant, number: str) -> RegistrationRow:
    found = enquiry.registration_status(plant, number).registration
    with plant.ledger.read() as tx:
        return registers.load(tx, [found.id])[found.id]


def test_numbers_and_validity_go_by_the_version_of_the_day_of_approval(plant: Plant) -> None:
    old, new = (submit(plant, approved(seed, on)) for seed, on in ((1, LAST_YEAR), (2, THIS_YEAR)))

    assert (old.registration, new.registration) == ("沪231232400001", "沪2312023202500001")
    assert row(plant, "沪231232400001").view.valid_until == date(2027, 12, 30)
    assert row(plant, "沪2312023202500001").view.valid_until == date(2029, 12, 31)


def test_an_approval_of_last_year_that_arrives_late_is_granted_by_last_years_version(
    plant: Plant,
) -> None:
    submit(plant, approved(1, THIS_YEAR))

    late = submit(plant, approved(2, LAST_YEAR))

    assert late.registration == "沪231232400001"
    assert row(plant, "沪231232400001").view.valid_until == date(2027, 12, 30)


def test_a_number_already_drawn_stays_when_something_of_the_new_version_happens(
    plant: Plant,
) -> None:
    submit(plant, approved(1, LAST_YEAR))
    renewal = approved(1, "2027-12-01")
    renewal["id"] = "renewed"
    renewal["data"]["application"] = {"type": "renewal", "acceptance_number": "W2"}

    later = submit(plant.on(date(2027, 12, 1)), renewal)

    assert later.registration == "沪231232400001"
    assert row(plant, "沪231232400001").view.valid_until == date(2032, 12, 30)


@pytest.mark.on_both
def test_the_version_a_registration_was_granted_by_is_on_record(plant: Plant) -> None:
    for seed, on in ((1, LAST_YEAR), (2, THIS_YEAR)):
        submit(plant, approved(seed, on))

    with plant.ledger.read() as tx:
        drawn = select(t.audit.c.what).where(t.audit.c.action == "number drawn")
        noted = list(tx.run(drawn.order_by(t.audit.c.id)).scalars())

    assert noted == [{"profile_version": "2024-01"}, {"profile_version": "2025-01"}]


@pytest.mark.on_both
def test_an_edition_is_made_by_the_version_of_the_day_it_is_ordered(plant: Plant) -> None:
    """The approval is last year's; the design, the seal and the formats are today's."""
    submit(plant, approved(1, LAST_YEAR))

    with plant.ledger.read() as tx:
        [version] = tx.run(select(t.production_order.c.profile_version)).scalars()

    assert version == "2025-01"


def test_before_the_later_version_an_edition_is_made_by_the_former(plant: Plant) -> None:
    submit(plant.on(date(2024, 12, 31)), approved(1, LAST_YEAR))

    with plant.ledger.read() as tx:
        [version] = tx.run(select(t.production_order.c.profile_version)).scalars()

    assert version == "2024-01"


@pytest.mark.parametrize(("today", "allowed"), [("2024-12-31", False), ("2025-01-01", True)])
def test_who_may_see_what_goes_by_the_version_of_today(
    plant: Plant, today: str, allowed: bool
) -> None:
    old, new = plant.profiles[PROFILE].all
    new = changed(new, "access", enterprise_certificate="file")
    vars(plant)["profiles"] = {PROFILE: Versions.of(old, new)}
    submit(plant, approved(1, LAST_YEAR))
    code = approved(1, LAST_YEAR)["data"]["enterprise"]["credit_code"]
    asker = Asker(viewer=Viewer.ENTERPRISE, credit_code=code)
    then = plant.on(date.fromisoformat(today))

    with pytest.raises(Exception, match="生成中" if allowed else "gets no file") as caught:
        desk.link(then, "沪231232400001", who=WHO, fmt=Format.PDF, asker=asker)

    assert isinstance(caught.value, ForbiddenError) is not allowed


def test_a_second_version_is_a_file_in_the_folder_of_profiles(tmp_path: Path) -> None:
    dated = SHIPPED.replace("effective_from = 2024-01-01", "effective_from = 2025-01-01")
    (tmp_path / "second.toml").write_text(dated.replace('"2024-01"', '"2025-01"'), "utf-8")

    versions = load_profiles(tmp_path)[PROFILE]

    assert [each.version for each in versions.all] == ["2024-01", "2025-01"]


def test_a_second_file_of_the_same_day_is_refused_and_both_are_named(tmp_path: Path) -> None:
    (tmp_path / "second.toml").write_text(SHIPPED, "utf-8")

    with pytest.raises(SettingsError) as caught:
        load_profiles(tmp_path)

    assert "shanghai-constructor.toml" in str(caught.value)
    assert "second.toml" in str(caught.value)


def test_the_doctor_tells_the_version_in_force_and_those_to_come(plant: Plant) -> None:
    old, new = plant.profiles[PROFILE].all
    coming = new.model_copy(update={"version": "2999-01", "effective_from": date(2999, 1, 1)})
    vars(plant)["profiles"] = {PROFILE: Versions.of(old, new, coming)}

    found = {each.name: each.detail for each in doctor.examine(plant)}

    assert found["profiles"] == f"{PROFILE} 2025-01, 2999-01 from 2999-01-01"
