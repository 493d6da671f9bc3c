"""A sixth register is one file: an invented province's, told, asked about and refused.

Nothing of it is in the product; FACTORY_PROFILES_DIR names the folder its file is in.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pypdf import PdfReader
from sqlalchemy import select

import cli
from factory import specimen
from factory.errors import SettingsError
from factory.model import ApplicationState, EditionState
from factory.profile import Profile
from jobs import crew, desk, enquiry, stories
from jobs.stories import Story, Told
from jobs.wiring import Plant, load_profiles
from storage import tables as t
from storage.ledger.status import EditionView
from tests.conftest import Embedded
from tests.plants import JsonObject, submit
from tests.telling import faults, read, tell, whole_factory, work

EXAMPLES = Path(__file__).parents[1] / "examples" / "sixth"
FOLDER = EXAMPLES / "profiles"
NAME = "shili-cost-engineer"
FILE = f"{NAME}.toml"
TEXT = (FOLDER / FILE).read_text(encoding="utf-8")
SOURCE = "urn:example:sixth-portal"
CIVIL = "土木建筑工程"

PROFESSIONS = [{"name": CIVIL, "qualified_on": "2023-11-03"}]

OK, REFUSED, NOT_SET_UP, NOT_IN_FORCE = 0, 1, 3, 7

#: what is wrong in the file -> what the person who wrote it is told
BROKEN = {
    "misspelt": (
        'generate_on = "announcement"',
        'generates_on = "announcement"',
        ("certificate.generates_on", "is no field of a profile; is it misspelt?"),
    ),
    "missing": ('division = "99"', "", ("authority.division", "is missing")),
    "unknown word": (
        'renewal_from = "approval"',
        'renewal_from = "birthday"',
        ("validity.renewal_from", "is none of old_end, approval"),
    ),
    "wrong check character": (
        '"11990000MB0F999003"',
        '"11990000MB0F999004"',
        ("authority.credit_code", "GB 32100-2015: the check character is wrong"),
    ),
    "contradiction": (
        "digits = [1, 2, 3, 4]",
        "digits = [1, 2]",
        ("professions.digits", "has 2 for 4 names"),
    ),
    "no TOML": ("[authority]", "[authority", ("is not TOML", "line")),
    "taken": (
        f'id = "{NAME}"',
        'id = "gansu-constructor"',
        ("gansu-constructor", "occupation differs, so it is another register"),
    ),
}


@dataclass(frozen=True)
class Sixth:
    """A factory that knows the sixth register, once its story was told there."""

    plant: Plant
    story: Story
    told: Sequence[Told]

    @property
    def profile(self) -> Profile:
        [only] = self.plant.profiles[NAME].all
        return only

    @property
    def number(self) -> str:
        """The registration the story begins with."""
        return stories.numbers(self.plant, self.story)[0]

    def run(self, *words: str, stdin: str = "", **variables: str) -> Result:
        """One command of the command line; whatever goes wrong, it says so in words."""
        environment = self.plant.settings.to_env() | variables
        done = CliRunner(env=environment).invoke(cli.main, words, input=stdin)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    def editions(self) -> Iterator[tuple[str, EditionView, bytes]]:
        """Every certificate that was made: its registration, its edition, its bytes."""
        for number in stories.numbers(self.plant, self.story):
            found = enquiry.registration_status(self.plant, number).registration
            for edition in found.editions:
                for file in edition.files:
                    yield number, edition, self.plant.store.get(file.object_key)


@pytest.fixture(scope="module")
def sixth(store: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Sixth:
    folder = tmp_path_factory.mktemp("sixth")
    plant = whole_factory(folder, store.settings, profiles_dir=FOLDER)
    story = read(EXAMPLES / "story.toml")
    return Sixth(plant=plant, story=story, told=tell(plant, story))


# --- what it does ------------------------------------------------------------------------------


def test_one_file_is_one_register_more() -> None:
    assert set(load_profiles(FOLDER)) - set(load_profiles(None)) == {NAME}


def test_its_story_happens_as_it_is_told(sixth: Sixth) -> None:
    assert faults(sixth.told) == []


def test_every_type_of_application_comes_to_its_end(sixth: Sixth) -> None:
    with sixth.plant.ledger.read() as tx:
        rows = tx.run(select(t.application.c.type, t.application.c.state)).all()

    completed = {row.type for row in rows if row.state == ApplicationState.COMPLETED}
    assert completed == {kind.value for kind in sixth.profile.application.types}


def test_every_certificate_of_it_is_genuine(sixth: Sixth) -> None:
    found = [desk.examine(sixth.plant, data) for _, _, data in sixth.editions()]

    assert len(found) > len(stories.numbers(sixth.plant, sixth.story))
    assert {finding.word for finding in found} == {"valid"}


def test_what_was_replaced_or_cancelled_is_genuine_and_not_in_force(sixth: Sixth) -> None:
    for _, edition, data in sixth.editions():
        current = edition.state in {EditionState.UNCOLLECTED, EditionState.COLLECTED}

        assert desk.examine(sixth.plant, data).in_force is current


def test_a_certificate_of_it_with_one_other_byte_is_not_genuine(sixth: Sixth) -> None:
    _, _, data = next(sixth.editions())
    altered = bytearray(data)
    altered[len(altered) // 3] ^= 1

    assert not desk.examine(sixth.plant, bytes(altered)).genuine


def test_its_certificates_say_what_its_profile_says(sixth: Sixth) -> None:
    number, _, data = next(sixth.editions())

    printed = closed_up(PdfReader(BytesIO(data)).pages[0].extract_text())

    profile = sixth.profile
    for words in (*profile.authority.lines, profile.certificate.employer_label, number, CIVIL):
        assert closed_up(words) in printed


def test_its_licence_ids_name_its_authority(sixth: Sixth) -> None:
    found = {edition.licence_id for _, edition, _ in sixth.editions()}

    assert all(each and sixth.profile.authority.credit_code in each for each in found)


# --- the command line --------------------------------------------------------------------------


def test_the_doctor_finds_its_profile_and_its_seal(sixth: Sixth) -> None:
    found = json.loads(sixth.run("doctor", "--json").stdout)

    well = {each["name"]: each["detail"] for each in found if each["well"]}
    assert f"{NAME} {sixth.profile.version}" in well["profiles"]
    assert well["keys"].startswith("6 in use")


def test_the_command_line_takes_its_events_and_says_where_they_stand(
    sixth: Sixth,
) -> None:
    granted = sixth.run("sources", "grant", SOURCE, NAME)

    submitted = sixth.run("submit", "-", stdin=json.dumps(saved(7801)))
    asked = sixth.run("status", specimen.acceptance_number(7801))

    assert (granted.exit_code, submitted.exit_code, asked.exit_code) == (OK, OK, OK)
    assert "1 accepted" in submitted.stdout
    assert NAME in asked.stdout and "待个人签名" in asked.stdout


def test_the_command_line_hands_its_certificates_out(sixth: Sixth, tmp_path: Path) -> None:
    status = sixth.run("status", sixth.number)
    collected = sixth.run("collect", sixth.number)
    link = sixth.run("link", sixth.number)
    *_, (_, _, data) = (each for each in sixth.editions() if each[0] == sixth.number)
    (tmp_path / "mine.pdf").write_bytes(data)

    assert NAME in status.stdout and "有效" in status.stdout
    assert (collected.exit_code, link.exit_code) == (OK, OK)
    assert link.stdout.startswith("http")
    assert sixth.run("verify", str(tmp_path / "mine.pdf")).exit_code == OK


def test_the_command_line_tells_its_superseded_certificate(sixth: Sixth, tmp_path: Path) -> None:
    _, _, data = next(sixth.editions())
    (tmp_path / "old.pdf").write_bytes(data)

    done = sixth.run("verify", str(tmp_path / "old.pdf"))

    assert done.exit_code == NOT_IN_FORCE
    assert "superseded" in done.stdout


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "wrong", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_with_its_field_and_the_rule(
    sixth: Sixth,
    tmp_path: Path,
    right: str,
    wrong: str,
    told: tuple[str, ...],
) -> None:
    assert right in TEXT
    (tmp_path / FILE).write_text(TEXT.replace(right, wrong, 1), encoding="utf-8")

    done = sixth.run(
        "submit", "-", stdin=json.dumps(saved(7801)), FACTORY_PROFILES_DIR=str(tmp_path)
    )

    said = closed_up(done.stderr)
    assert done.exit_code == NOT_SET_UP
    assert closed_up(f"{tmp_path / FILE}:") in said
    assert [words for words in told if closed_up(words) not in said] == []
    assert done.stdout == ""


def test_a_file_of_another_encoding_is_named(sixth: Sixth, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(TEXT.encode("gb18030"))

    done = sixth.run("status", sixth.number, FACTORY_PROFILES_DIR=str(tmp_path))

    assert done.exit_code == NOT_SET_UP
    assert FILE in closed_up(done.stderr) and "utf-8" in done.stderr


def test_a_second_file_of_one_day_is_refused_by_the_names_of_both(tmp_path: Path) -> None:
    for name in (FILE, "other.toml"):
        (tmp_path / name).write_text(TEXT, encoding="utf-8")

    with pytest.raises(SettingsError, match=rf"other.toml and .*{FILE} are both of"):
        load_profiles(tmp_path)


def test_a_folder_that_is_not_there_is_said_by_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="FACTORY_PROFILES_DIR: there is no folder"):
        load_profiles(tmp_path / "absent")


def test_a_folder_without_files_is_no_register_more(tmp_path: Path) -> None:
    assert set(load_profiles(tmp_path)) == set(load_profiles(None))


def test_without_its_folder_its_registrations_are_not_shown_and_the_variable_is_named(
    sixth: Sixth,
) -> None:
    done = sixth.run("status", sixth.number, FACTORY_PROFILES_DIR="")

    assert done.exit_code == NOT_SET_UP
    said = f"profile {NAME}: is not installed; set FACTORY_PROFILES_DIR"
    assert closed_up(said) in closed_up(done.stderr)


def test_without_its_folder_its_events_are_refused(sixth: Sixth, tmp_path: Path) -> None:
    desk.grant(sixth.plant, SOURCE, NAME, who="test")
    rejects = ("--rejects", str(tmp_path / "rejects.jsonl"))

    done = sixth.run(
        "submit", "-", *rejects, stdin=json.dumps(saved(7803)), FACTORY_PROFILES_DIR=""
    )

    assert done.exit_code == REFUSED
    assert "there is no such profile" in done.stdout


def test_a_worker_without_its_folder_leaves_its_orders_to_others(sixth: Sixth) -> None:
    """They are tried again later: nothing is held because of one machine's settings."""
    number = announce(sixth, 7804)
    forgetful = Plant(replace(sixth.plant.settings, profiles_dir=None))

    work(forgetful)

    edition = enquiry.registration_status(sixth.plant, number).registration.editions[-1]
    assert (edition.state, edition.hold) == (EditionState.ORDERED, None)


def test_no_worker_starts_with_a_broken_profile(sixth: Sixth, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("id = 6", encoding="utf-8")
    settings = replace(sixth.plant.settings, profiles_dir=tmp_path)

    with pytest.raises(SettingsError, match=FILE), crew.at_work(settings):
        pytest.fail("it started")


def closed_up(text: str) -> str:
    """Without spaces and line ends: a terminal and a page break lines where they like."""
    return "".join(text.split())


# --- what another portal sends -----------------------------------------------------------------


def saved(seed: int) -> JsonObject:
    """An application of somebody new."""
    return of_sixth(specimen.saved(seed, seed), professions=PROFESSIONS)


def announce(sixth: Sixth, seed: int) -> str:
    """An approval of somebody new, and its announcement: the number; the order waits."""
    desk.grant(sixth.plant, SOURCE, NAME, who="test")
    submit(sixth.plant, of_sixth(specimen.approved(seed, seed), professions=PROFESSIONS))
    closed = specimen.closed(seed)
    del closed["data"]["opinion"]
    announced = of_sixth(closed, outcome="announced", at="2024-04-01T09:00:00+08:00")
    number = submit(sixth.plant, announced).registration
    assert number is not None
    return number


def of_sixth(event: JsonObject, **data: object) -> JsonObject:
    """The event, said of the sixth register."""
    return event | {"source": SOURCE, "data": event["data"] | {"profile": NAME} | data}
