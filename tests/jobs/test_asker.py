"""Who asks gets their own and nobody else's, at every door."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from factory import specimen
from factory.access import Viewer
from factory.errors import FieldError, ForbiddenError, NotFoundError
from factory.model import EditionState
from jobs import asker, collecting, desk, enquiry, intake
from jobs.asker import ANYBODY, COUNTER, Asker
from jobs.bulk import progress
from jobs.intake import Status
from jobs.wiring import Plant
from storage.ledger import inbox
from tests.plants import (
    PROFILE,
    SOURCE,
    WHO,
    JsonObject,
    issue,
    new_plant,
    start_rename,
    submit,
)

ZHEJIANG, GANSU = "zhejiang-constructor", "gansu-constructor"
OWN, OTHER = 1, 2  #: seeds of people and of their employers


def holder(seed: int) -> Asker:
    paper = specimen.paper(seed)
    return asker.holder(paper["id_type"], paper["id_number"])


def enterprise(seed: int) -> Asker:
    return Asker(viewer=Viewer.ENTERPRISE, credit_code=specimen.credit_code(seed))


#: whoever may see what is about their own person or people, and whoever may not
pytestmark = pytest.mark.usefixtures("stated_signatures")

ENTITLED = pytest.mark.parametrize(
    "who", [COUNTER, holder(OWN), enterprise(OWN)], ids=["counter", "holder", "enterprise"]
)
OTHERS = pytest.mark.parametrize(
    "who",
    [holder(OTHER), enterprise(OTHER), ANYBODY],
    ids=["another holder", "another enterprise", "public"],
)
NOT_THE_HOLDER = pytest.mark.parametrize(
    "who",
    [holder(OTHER), enterprise(OWN), enterprise(OTHER), ANYBODY],
    ids=["another holder", "the enterprise", "another enterprise", "public"],
)


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    """A plant that knows two people at two enterprises."""
    plant = new_plant(tmp_path, db_url)
    with plant.ledger.write(WHO) as tx:
        for profile in plant.profiles:
            inbox.grant(tx, SOURCE, profile)
    return plant


@pytest.fixture
def number(plant: Plant) -> str:
    """The registration of the first of two people."""
    issue(plant, OTHER, OTHER)
    return issue(plant, OWN, OWN)


def at(event: JsonObject, profile: str, **data: object) -> JsonObject:
    return event | {"data": event["data"] | {"profile": profile} | data}


# --- who they are -----------------------------------------------------------------------------


@pytest.mark.parametrize("viewer", [Viewer.HOLDER, Viewer.ENTERPRISE])
def test_whoever_asks_for_their_own_says_who_they_are(viewer: Viewer) -> None:
    with pytest.raises(FieldError, match="is missing"):
        Asker(viewer=viewer)


@pytest.mark.parametrize("text", ["", "身份证", "3" * 33])
def test_what_is_no_number_of_a_paper_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(FieldError) as refusal:
        asker.holder("111", text)

    assert text == "" or text not in str(refusal.value)


def test_a_number_is_understood_as_it_is_typed() -> None:
    assert asker.holder("111", " 11010519491231002x\n").paper == ("111", "11010519491231002X")


def test_an_asker_is_never_printed_with_their_number() -> None:
    assert specimen.paper(OWN)["id_number"] not in repr(holder(OWN))


# --- certificates -----------------------------------------------------------------------------


@pytest.mark.parametrize("who", [COUNTER, holder(OWN)], ids=["counter", "holder"])
@pytest.mark.on_both
def test_the_holder_or_the_counter_collects(plant: Plant, number: str, who: Asker) -> None:
    assert desk.collect(plant, number, who=WHO, asker=who).state is EditionState.COLLECTED


@NOT_THE_HOLDER
def test_nobody_else_collects(plant: Plant, number: str, who: Asker) -> None:
    with pytest.raises(ForbiddenError):
        desk.collect(plant, number, who=WHO, asker=who)

    [edition] = enquiry.registration_status(plant, number).registration.editions
    assert edition.state is EditionState.UNCOLLECTED


@NOT_THE_HOLDER
def test_nobody_else_gets_a_link(plant: Plant, number: str, who: Asker) -> None:
    desk.collect(plant, number, who=WHO)

    with pytest.raises(ForbiddenError):
        desk.link(plant, number, who=WHO, asker=who)


@pytest.mark.on_both
def test_a_holder_is_known_by_the_paper_they_had_before(plant: Plant, number: str) -> None:
    event = specimen.corrected(OWN)
    event["data"]["corrected"]["id_number"] = "11010519491231002X"
    submit(plant, event)

    for who in (holder(OWN), asker.holder("111", "11010519491231002X")):
        assert enquiry.registration_status(plant, number, asker=who)


@ENTITLED
def test_how_editions_stand_is_seen_of_ones_own(plant: Plant, number: str, who: Asker) -> None:
    found = enquiry.registration_status(plant, number, asker=who)

    assert [each.label for each in found.editions] == ["未领证"]


@OTHERS
def test_how_editions_stand_is_seen_by_nobody_else(plant: Plant, number: str, who: Asker) -> None:
    with pytest.raises(ForbiddenError):
        enquiry.registration_status(plant, number, asker=who)


@pytest.mark.parametrize(
    ("who", "files"), [(COUNTER, 1), (holder(OWN), 1), (enterprise(OWN), 0)],
    ids=["counter", "holder", "enterprise"],
)  # fmt: skip
def test_an_enterprise_is_told_of_editions_without_their_files(
    plant: Plant, number: str, who: Asker, files: int
) -> None:
    [edition] = enquiry.registration_status(plant, number, asker=who).registration.editions

    assert len(edition.files) == files


@pytest.mark.parametrize("viewer", Viewer)
@pytest.mark.on_both
def test_everybody_may_verify(plant: Plant, viewer: Viewer) -> None:
    askers = {each.viewer: each for each in (COUNTER, ANYBODY, holder(OWN), enterprise(OWN))}

    assert not desk.examine(plant, b"no document", asker=askers[viewer]).genuine


# --- events -----------------------------------------------------------------------------------


def without_an_employer() -> list[JsonObject]:
    return [specimen.signed(OWN), specimen.suspended(OWN)]


@ENTITLED
def test_an_event_is_seen_with_what_followed(plant: Plant, number: str, who: Asker) -> None:
    [found] = enquiry.event_status(plant, specimen.approved(OWN)["id"], asker=who)

    assert [each.registration.number for each in found.registrations] == [number]
    assert len(found.applications) == 1


@OTHERS
def test_an_event_is_seen_by_nobody_else(plant: Plant, number: str, who: Asker) -> None:
    assert number

    with pytest.raises(ForbiddenError):
        enquiry.event_status(plant, specimen.approved(OWN)["id"], asker=who)


@ENTITLED
@pytest.mark.parametrize("place", [0, 1], ids=["signed", "suspended"])
@pytest.mark.on_both
def test_an_event_that_names_no_employer_is_seen_by_whose_people_it_is_about(
    plant: Plant, number: str, who: Asker, place: int
) -> None:
    event = without_an_employer()[place]
    submit(plant, event)

    assert number and len(enquiry.event_status(plant, event["id"], asker=who)) == 1


@OTHERS
@pytest.mark.parametrize("place", [0, 1], ids=["signed", "suspended"])
def test_an_event_that_names_no_employer_is_seen_by_nobody_else(
    plant: Plant, number: str, who: Asker, place: int
) -> None:
    event = without_an_employer()[place]
    submit(plant, event)

    with pytest.raises(ForbiddenError):
        enquiry.event_status(plant, event["id"], asker=who)
    assert number


@pytest.mark.parametrize("who", [COUNTER, enterprise(OWN)], ids=["counter", "enterprise"])
def test_a_rename_is_seen_by_the_enterprise_it_is_about(plant: Plant, who: Asker) -> None:
    event = specimen.renamed(1, OWN)
    submit(plant, event)

    [found] = enquiry.event_status(plant, event["id"], asker=who)

    assert found.batch is not None


@pytest.mark.parametrize(
    "who", [holder(OWN), enterprise(OTHER), ANYBODY], ids=["holder", "another", "public"]
)
def test_a_rename_is_seen_by_nobody_else(plant: Plant, who: Asker) -> None:
    event = specimen.renamed(1, OWN)
    submit(plant, event)

    with pytest.raises(ForbiddenError):
        enquiry.event_status(plant, event["id"], asker=who)


def test_of_two_sources_events_of_one_id_each_asker_sees_their_own(
    plant: Plant, number: str
) -> None:
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, "urn:example:other", specimen.PROFILE)
    event = specimen.approved(OWN)
    submit(plant, specimen.cancelled(OTHER) | {"id": event["id"], "source": "urn:example:other"})

    [own] = enquiry.event_status(plant, event["id"], asker=holder(OWN))
    [other] = enquiry.event_status(plant, event["id"], asker=holder(OTHER))

    assert (own.event.source, other.event.source) == (SOURCE, "urn:example:other")
    assert number and len(enquiry.event_status(plant, event["id"])) == 2


# --- applications -----------------------------------------------------------------------------

Door = Callable[[Plant, str, Asker], object]
DOORS: dict[str, Door] = {
    "status": lambda plant, number, who: enquiry.application_status(plant, number, asker=who),
    "material": lambda plant, number, who: enquiry.material(plant, number, "any", asker=who),
}


@OTHERS
@pytest.mark.parametrize("door", DOORS.values(), ids=list(DOORS))
def test_an_application_is_seen_by_nobody_else(plant: Plant, who: Asker, door: Door) -> None:
    submit(plant, specimen.saved(OWN, OWN))
    submit(plant, specimen.saved(OTHER, OTHER))

    with pytest.raises(ForbiddenError):
        door(plant, specimen.acceptance_number(OWN), who)


@ENTITLED
def test_an_application_is_seen_of_ones_own(plant: Plant, who: Asker) -> None:
    submit(plant, specimen.saved(OWN, OWN))

    [found] = enquiry.application_status(plant, specimen.acceptance_number(OWN), asker=who)

    assert found.stand.label == "待个人签名"


@pytest.mark.parametrize("who", [COUNTER, holder(OWN)], ids=["counter", "holder"])
def test_the_slip_is_the_holders(plant: Plant, who: Asker) -> None:
    submit(plant, at(specimen.approved(OWN, OWN), ZHEJIANG))

    number, code = enquiry.slip(plant, specimen.acceptance_number(OWN), asker=who)

    assert enquiry.progress(plant, number, code, asker=ANYBODY).stand.label == "办结"


@NOT_THE_HOLDER
def test_the_slip_is_given_to_nobody_else(plant: Plant, who: Asker) -> None:
    submit(plant, at(specimen.approved(OWN, OWN), ZHEJIANG))

    with pytest.raises(ForbiddenError):
        enquiry.slip(plant, specimen.acceptance_number(OWN), asker=who)


@pytest.mark.parametrize("who", [COUNTER, holder(OWN)], ids=["counter", "holder"])
def test_what_waits_for_its_application_is_seen_by_whom_it_is_about(
    plant: Plant, who: Asker
) -> None:
    submit(plant, at(specimen.signed(OWN), GANSU))

    assert len(enquiry.awaited(plant, specimen.acceptance_number(OWN), asker=who)) == 1


@OTHERS
def test_what_waits_for_its_application_is_seen_by_nobody_else(plant: Plant, who: Asker) -> None:
    submit(plant, at(specimen.signed(OWN), GANSU))

    with pytest.raises(ForbiddenError):
        enquiry.awaited(plant, specimen.acceptance_number(OWN), asker=who)


# --- through an upstream system ---------------------------------------------------------------


THEIRS, FOREIGN = frozenset({PROFILE}), frozenset({GANSU, ZHEJIANG})


@pytest.mark.parametrize("who", [COUNTER, holder(OWN), enterprise(OWN)])
def test_a_system_sees_the_registers_it_is_for(plant: Plant, number: str, who: Asker) -> None:
    found = enquiry.registration_status(plant, number, asker=who.through(SOURCE, THEIRS))

    assert found.registration.number == number


@pytest.mark.parametrize("who", [COUNTER, holder(OWN), enterprise(OWN)])
@pytest.mark.parametrize(
    "ask",
    [
        lambda plant, number, who: enquiry.registration_status(plant, number, asker=who),
        lambda plant, number, who: desk.collect(plant, number, who=WHO, asker=who),
        lambda plant, number, who: desk.link(plant, number, who=WHO, asker=who),
        lambda plant, number, who: collecting.link(plant, number, who=WHO, asker=who),
    ],
    ids=["status", "collect", "link", "collection link"],
)
def test_of_other_registers_it_is_told_that_there_is_nothing(
    plant: Plant, number: str, who: Asker, ask: Callable[[Plant, str, Asker], object]
) -> None:
    outside = who.through(SOURCE, FOREIGN)

    refusals = []
    for asked in (number, "沪2312022209999999"):
        with pytest.raises(NotFoundError) as refusal:
            ask(plant, asked, outside)
        refusals.append(str(refusal.value))

    assert refusals[0] == refusals[1]


def test_a_system_sees_the_events_it_handed_in_itself(plant: Plant) -> None:
    event = specimen.approved(OWN)
    submit(plant, event)

    own, other = COUNTER.through(SOURCE, THEIRS), COUNTER.through("urn:example:other", THEIRS)
    assert enquiry.event_status(plant, event["id"], asker=own)
    assert not enquiry.event_status(plant, event["id"], asker=other)


def test_a_system_hands_in_nothing_in_another_s_name(plant: Plant) -> None:
    raw = json.dumps(specimen.approved(OWN)).encode()
    other = COUNTER.through("urn:example:other", THEIRS)

    outcome = intake.submit(plant, raw, who=WHO, asker=other)

    assert outcome.status is Status.REFUSED
    assert [field for field, _ in outcome.problems] == ["source"]


def test_a_key_hands_in_nothing_for_a_register_it_is_not_for(plant: Plant) -> None:
    raw = json.dumps(specimen.approved(OWN)).encode()

    outcome = intake.submit(plant, raw, who=WHO, asker=COUNTER.through(SOURCE, FOREIGN))

    assert outcome.status is Status.REFUSED
    assert [field for field, _ in outcome.problems] == ["data.profile"]


def test_a_key_for_some_registers_renames_nobody_in_all(plant: Plant, number: str) -> None:
    raw = json.dumps(specimen.renamed(OWN)).encode()

    outcome = intake.submit(plant, raw, who=WHO, asker=COUNTER.through(SOURCE, THEIRS))

    assert outcome.status is Status.REFUSED
    assert [field for field, _ in outcome.problems] == ["source"]


def test_a_batch_that_reaches_further_is_not_there(plant: Plant, number: str) -> None:
    batch = start_rename(plant, OWN)

    whole, part = frozenset(plant.profiles), THEIRS
    assert progress.progress(plant, batch, asker=COUNTER.through(SOURCE, whole)).id == batch
    with pytest.raises(NotFoundError, match="there is none"):
        progress.progress(plant, batch, asker=COUNTER.through(SOURCE, part))
    assert progress.all_progress(plant, asker=COUNTER.through(SOURCE, part)) == []
