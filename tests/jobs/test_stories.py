"""Stories: what each register does, from the first event to the last state, as its file tells.

Told on a real ledger and object store, with the line that makes and seals every certificate.
"""

from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from factory.errors import FieldError
from factory.model import Format
from factory.ofd.package import opened
from jobs import enquiry, stories
from jobs.settings import Settings
from jobs.wiring import Plant, load_profiles
from tests.telling import faults, read, tell, whole_factory

FOLDER = Path(__file__).parents[1] / "examples" / "stories"
FILES = sorted(FOLDER.glob("*.toml"))
SHORT = """
title = "short"
profile = "shanghai-constructor"

[people.one]
seed = 9001
name = "王安"

[enterprises.firm]
seed = 9001
name = "上海示例甲建设工程有限公司"

[[step]]
title = "the first"
event = "registration.approved"
on = 2026-03-20
person = "one"
enterprise = "firm"
application = "W2026030330001"
type = "initial"
data.professions = [{ name = "建筑工程", qualified_on = 2024-11-03, main = true }]
"""


@pytest.fixture
def plant(tmp_path: Path, s3: Settings) -> Plant:
    return whole_factory(tmp_path, s3)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_story_happens_as_it_is_told(path: Path, plant: Plant) -> None:
    told = tell(plant, read(path))

    assert faults(told) == []


def test_every_register_has_its_story() -> None:
    told_of = {read(path).profile for path in FILES}

    assert told_of == set(load_profiles(None))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_story_walks_every_type_its_register_has(path: Path) -> None:
    story = read(path)

    told_of = {step.type for step in story.steps}

    assert set(load_profiles(None)[story.profile].all[-1].application.types) <= told_of


def test_photo_and_signature_are_in_every_certificate_of_a_cost_engineer(plant: Plant) -> None:
    story = read(FOLDER / "shanghai-cost-engineer.toml")
    tell(plant, story)

    for data in certificates(plant, story, Format.PDF):
        images = PdfReader(BytesIO(data)).pages[0].images
        sizes = sorted(each.image.size for each in images if not each.name.startswith("~"))
        assert sizes == [(295, 413), (413, 179)]
    for data in certificates(plant, story, Format.OFD):
        pictures = {"Doc_0/Res/photo.jpg", "Doc_0/Res/signature.jpg"}
        assert pictures <= opened(data).keys()


def certificates(plant: Plant, story: stories.Story, fmt: Format) -> list[bytes]:
    """Every file of that format that was made, of which there are some."""
    numbers = stories.numbers(plant, story)
    found = [enquiry.registration_status(plant, number).registration for number in numbers]
    made = (file for each in found for edition in each.editions for file in edition.files)
    files = [file for file in made if file.format == fmt]
    assert files
    return [plant.store.get(file.object_key) for file in files]


def test_a_step_that_ends_otherwise_is_told(plant: Plant) -> None:
    other = SHORT + 'expect = { registration = "注销" }\n'

    told = tell(plant, stories.parse(other))

    assert faults(told) == ["1 the first: registration: 有效 instead of 注销"]


def test_a_story_sees_no_application_of_another_register_by_its_number(plant: Plant) -> None:
    other = SHORT.replace("shanghai-constructor", "gansu-constructor")
    held = other.replace('"建筑工程"', '"航天工程"') + 'expect = { outcome = "held" }\n'

    [mine], [theirs] = (tell(plant, stories.parse(each)) for each in (SHORT, held))

    assert faults([mine, theirs]) == []
    assert mine.seen["application"] == "办结"
    assert "application" not in theirs.seen


def test_a_story_that_is_misspelt_is_refused_by_the_name_of_its_field() -> None:
    with pytest.raises(FieldError, match=r"story\.step\.0\.evnet"):
        stories.parse(SHORT.replace("event =", "evnet ="))


def test_what_is_not_toml_is_refused() -> None:
    with pytest.raises(FieldError, match="TOML"):
        stories.parse("title = ")
