"""One id, looked for in the logs of all processes, tells the story of an event in its order."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from factory import specimen
from factory.courses import Case, course
from factory.model import ApplicationType
from jobs import crew, desk, door, notices, opening
from jobs.drill import DRILLS, killer
from jobs.drill.killer import BEFORE, Kill
from jobs.embedded import Embedded
from jobs.servers import free_port
from jobs.settings import Settings
from jobs.wiring import Plant, load_profiles, plant_of
from tests.receiving import Receiver, receiving

from .works import WHO, settings_for, wait_for

LAZY, APPROVED = "shanghai-cost-engineer", "registration.approved"
SOURCE = opening.EXAMPLE_SOURCE
STEPS = ["event entered", "bell sent", "chunk claimed", "chunk recorded", "notice sent"]

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Factory:
    """A running factory with its door open, an endpoint of upstream, and its logs."""

    plant: Plant
    settings: Settings
    receiver: Receiver
    drills: Path
    token: str

    def hand_in(self, event: Line) -> Line:
        """One event, through the door."""
        asked = urllib.request.Request(
            f"http://{self.settings.http_host}:{self.settings.http_port}/v1/events",
            data=json.dumps(event).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/cloudevents+json",
            },
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
            said: Line = json.loads(answer.read())
        return said

    def logs(self) -> str:
        """What all processes have said."""
        folder = self.settings.data_dir / "log"
        return "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.log")))

    def story(self, correlation: str) -> list[Line]:
        """The lines that one id is in, in the order of their times."""
        found = [json.loads(line) for line in self.logs().splitlines() if correlation in line]
        return sorted(found, key=lambda line: line["timestamp"])

    def until_told(self, correlation: str, times: int = 1) -> list[Line]:
        """The story, once upstream has been told of its end."""

        def is_told() -> bool:
            return what(self.story(correlation)).count("notice sent") == times

        wait_for(is_told, f"{correlation} is told upstream")
        return self.story(correlation)


def what(story: Sequence[Line]) -> list[str]:
    return [line["event"] for line in story]


def steps(story: Sequence[Line]) -> list[str]:
    """What an event goes through, as it came; a slow worker is rung for twice."""
    return list(dict.fromkeys(each for each in what(story) if each in STEPS))


def first(story: Sequence[Line], event: str) -> Line:
    return next(line for line in story if line["event"] == event)


@pytest.fixture(scope="module")
def factory(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    folder = tmp_path_factory.mktemp("works")
    with receiving() as receiver, pytest.MonkeyPatch.context() as patch:
        settings = settings_for(
            servers, folder, HTTP_PORT=str(free_port()), NOTIFY_HOSTS=receiver.host
        )
        plant = plant_of(settings)
        opening.open_embedded(plant)
        token = opening.first_key(plant).read_text("ascii").strip()
        notices.add(plant, SOURCE, receiver.url, who=WHO)
        (folder / "drills").mkdir()
        patch.setenv(DRILLS, str(folder / "drills"))
        with crew.at_work(settings, worker=killer.WORKER, with_door=True):
            door.wait_until_open(settings)
            yield Factory(plant, settings, receiver, folder / "drills", token)
        plant.ledger.engine.dispose()


def approval(seed: int, correlation: str) -> Line:
    return specimen.approved(seed, 1) | {"correlationid": correlation}


def test_one_id_tells_how_an_approval_came_to_be_told_upstream(factory: Factory) -> None:
    factory.hand_in(approval(1, "course-of-the-first"))

    story = factory.until_told("course-of-the-first")

    assert steps(story) == STEPS
    assert {line["correlation"] for line in story} == {"course-of-the-first"}
    entered, rung, claimed, recorded, sent = (first(story, step) for step in STEPS)
    assert rung["chunk"] == claimed["chunk"] == recorded["chunk"]
    assert (sent["type"], sent["answer"]) == ("certificate.made", "204")
    [event] = [e for e in factory.receiver.taken() if e["id"] == str(sent["notice"])]
    assert event["correlationid"] == "course-of-the-first"
    [request] = [line for line in factory.story(entered["request"]) if line["event"] == "request"]
    assert (request["route"], request["status"]) == ("/v1/events", 202)


def test_it_leaves_out_what_is_of_another_course(factory: Factory) -> None:
    factory.hand_in(approval(2, "course-of-the-second"))
    factory.hand_in(approval(3, "course-of-the-third"))
    factory.until_told("course-of-the-third")

    story = factory.until_told("course-of-the-second")

    assert "course-of-the-third" not in json.dumps(story)


def test_the_story_goes_on_when_its_worker_is_killed(factory: Factory) -> None:
    drill = Kill(queue="interactive", stage="store", where=BEFORE)
    taken = killer.order(factory.drills, "kill", drill)
    factory.hand_in(approval(4, "course-of-the-killed"))
    wait_for(lambda: not taken.exists(), "a worker was killed")

    story = factory.until_told("course-of-the-killed")

    claims = [line["attempt"] for line in story if line["event"] == "chunk claimed"]
    assert claims[:2] == [1, 2]
    assert what(story).count("bell sent") >= 2
    assert what(story)[0] == "event entered"
    assert what(story)[-2:] == ["chunk recorded", "notice sent"]


def test_what_fails_says_of_which_course_it_was(factory: Factory) -> None:
    drill = Kill(queue="interactive", stage="check", where=BEFORE, signal=0)
    killer.order(factory.drills, "fault", drill)
    factory.hand_in(approval(5, "course-of-the-fault"))

    story = factory.until_told("course-of-the-fault")

    [failed] = [line for line in story if line["level"] == "error"]
    assert "Traceback" in failed["exception"]
    assert failed["logger"].startswith("dramatiq")


def test_what_a_holder_asks_for_later_is_told_in_the_course_of_its_event(
    factory: Factory,
) -> None:
    event = lazy_approval("course-of-the-lazy")
    [said] = factory.hand_in(event)["outcomes"]
    assert what(factory.story("course-of-the-lazy")) == ["event entered"]

    desk.collect(factory.plant, said["registration"], who=WHO)

    story = factory.until_told("course-of-the-lazy")
    assert steps(story) == STEPS


def lazy_approval(correlation: str) -> Line:
    """One of a register that makes certificates when they are collected."""
    rules = load_profiles(None)[LAZY].all[-1]
    firm = specimen.employer(7)
    case = Case(profile=rules, kind=ApplicationType.INITIAL, seed=7, firm=firm)
    [event] = [each for each in course(case) if each["type"] == APPROVED]
    return event | {"correlationid": correlation}


def test_no_line_names_a_person(factory: Factory) -> None:
    events = [approval(seed, f"course-of-{seed}") for seed in range(10, 13)]
    for event in events:
        factory.hand_in(event)
    for seed in range(10, 13):
        factory.until_told(f"course-of-{seed}")

    said = factory.logs()

    for event in events:
        for personal in ("name", "id_number", "mobile"):
            text = event["data"]["holder"][personal]
            assert text not in said
            assert json.dumps(text)[1:-1] not in said


def test_every_line_of_every_process_is_json(factory: Factory) -> None:
    factory.hand_in(approval(20, "course-of-the-last"))
    factory.until_told("course-of-the-last")

    assert all(json.loads(line)["event"] for line in factory.logs().splitlines() if line)
