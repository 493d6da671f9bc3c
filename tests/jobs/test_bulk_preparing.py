"""Preparing: whom a bulk event concerns, slice by slice, and what is expected of each."""

from pathlib import Path

import pytest

from factory import specimen
from factory.errors import RefusedCharacterError, UnprintableError
from factory.model import BatchState
from jobs.bulk import preparing, steps
from jobs.wiring import Plant
from storage.ledger import batches
from storage.ledger.batches import Batch
from tests.jobs import bulking
from tests.jobs.bulking import (
    LATER,
    TODAY,
    at,
    begin,
    begun,
    bells,
    confirm,
    fates,
    forecasts,
    issued,
    make_all,
    of_version,
    prepare,
    reissue_of,
    rename_to,
)
from tests.plants import JsonObject, approve, claim, hold, must_claim, open_chunks, submit

NEW = "上海示例建设集团股份有限公司"
UNPRINTABLE = "上海\U000323b0建设工程有限公司"  #: a character of Unicode 15, in no font of ours
WRONG = "310101199001010011"  #: an identity number whose check character is another


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return bulking.changing(tmp_path, db_url, LATER)


def now(plant: Plant, batch: int) -> Batch:
    with plant.ledger.read() as tx:
        return batches.get(tx, batch)  # type: ignore[arg-type]


def on_paper(seed: int) -> JsonObject:
    """An import with the photo that the next edition prints."""
    event = specimen.imported(seed)
    event["data"]["photo"] = specimen.approved(seed)["data"]["photo"]
    return event


# --- slices -----------------------------------------------------------------------------------


def test_each_step_prepares_one_slice_and_remembers_how_far_it_is(plant: Plant) -> None:
    issued(plant, 1, 2, 3, 4, 5)
    batch = begun(submit(plant, rename_to(NEW)))
    found = []

    for _ in range(3):
        steps.advance(plant, batch)
        found.append((at(plant, batch).total, now(plant, batch).cursor))

    assert [total for total, _ in found] == [2, 4, 5]
    assert found[0][1] < found[1][1]


def test_each_slice_rings_for_the_next_and_the_last_one_does_not(plant: Plant) -> None:
    issued(plant, 1, 2, 3)
    batch = begun(submit(plant, rename_to(NEW)))
    before = len(bells(plant, "batch"))

    steps.advance(plant, batch)
    between = len(bells(plant, "batch"))
    steps.advance(plant, batch)

    assert (before, between, len(bells(plant, "batch"))) == (1, 2, 2)
    assert at(plant, batch).state is BatchState.AWAITING


def test_a_slice_that_was_looked_at_by_two_is_written_once(plant: Plant) -> None:
    issued(plant, 1, 2, 3)
    batch = begun(submit(plant, rename_to(NEW)))
    seen = now(plant, batch)

    preparing.prepare(plant, seen)
    preparing.prepare(plant, seen)

    assert at(plant, batch).total == 2


def test_a_crash_between_the_look_and_the_writing_loses_nothing(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued(plant, 1, 2, 3)
    batch = begun(submit(plant, rename_to(NEW)))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(plant.ledger, "write", _killed)
        steps.advance(plant, batch)

    prepare(plant, batch)

    assert at(plant, batch).total == 3


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_whoever_comes_after_their_slice_becomes_an_item_at_the_confirmation(plant: Plant) -> None:
    issued(plant, 1)
    batch = begin(plant, of_version("design.revised", "2024-01"))
    issued(plant, 2)

    assert at(plant, batch).total == 1
    confirm(plant, batch)
    assert at(plant, batch).total == 2


def test_whoever_comes_after_the_confirmation_does_not(plant: Plant) -> None:
    issued(plant, 1)
    batch = begin(plant, rename_to(NEW))
    confirm(plant, batch)

    issued(plant, 2)

    assert at(plant, batch).total == 1


def test_a_list_of_numbers_does_not_grow(plant: Plant) -> None:
    [number] = issued(plant, 1)
    batch = begin(plant, reissue_of(number))
    issued(plant, 2)

    confirm(plant, batch)

    assert at(plant, batch).total == 1


def test_nothing_is_ordered_while_it_is_prepared(plant: Plant) -> None:
    issued(plant, 1, 2, 3)

    batch = begin(plant, rename_to(NEW))
    steps.advance(plant, batch)

    assert open_chunks(plant) == []
    assert at(plant, batch).pending == 3


# --- forecasts --------------------------------------------------------------------------------


def as_foreseen(
    plant: Plant, event: JsonObject
) -> tuple[list[str | None], list[tuple[str, str | None]]]:
    """What was expected of the items of a bulk event, and what became of them."""
    batch = begin(plant, event)
    expected = forecasts(plant, batch)
    confirm(plant, batch)
    make_all(plant, batch)
    return expected, fates(plant, batch)


def test_a_picture_that_is_not_there_is_foreseen(plant: Plant) -> None:
    issued(plant, 1)
    submit(plant, specimen.imported(2))

    expected, became = as_foreseen(plant, rename_to(NEW))

    assert expected == [None, "picture"]
    assert became == [("done", None), ("held", "picture")]


def test_a_wrong_check_character_is_foreseen(plant: Plant) -> None:
    event = specimen.approved(1)
    event["data"]["holder"]["id_number"] = WRONG
    submit(plant, event)

    expected, became = as_foreseen(plant, rename_to(NEW))

    assert became == [("held", "field")]
    assert expected == ["field"]


def test_a_wrong_check_character_of_a_paper_certificate_is_foreseen(plant: Plant) -> None:
    issued(plant, 1)
    event = on_paper(2)
    event["data"]["holder"]["id_number"] = WRONG
    submit(plant, event)

    expected, became = as_foreseen(plant, rename_to(NEW))

    assert became[1] == ("held", "field")
    assert expected[1] == "field"


def test_a_name_that_no_font_has_is_foreseen(plant: Plant) -> None:
    issued(plant, 1)

    batch = begin(plant, rename_to(UNPRINTABLE))

    assert forecasts(plant, batch) == ["unprintable"]


def test_a_character_of_private_use_is_foreseen_as_what_holds_it(plant: Plant) -> None:
    issued(plant, 1)

    batch = begin(plant, rename_to("上海\ue0c5建设工程有限公司"))

    assert forecasts(plant, batch) == [RefusedCharacterError("name", {}).reason]


def test_a_name_that_fonts_have_is_not(plant: Plant) -> None:
    issued(plant, 1)

    batch = begin(plant, rename_to(NEW))

    assert forecasts(plant, batch) == [None]


def test_whoever_has_it_already_is_foreseen(plant: Plant) -> None:
    issued(plant.on(TODAY), 1)

    expected, became = as_foreseen(plant.on(TODAY), of_version("design.revised", LATER))

    assert expected == ["its newest edition is right already"]
    assert became == [("skipped", expected[0])]


def test_whoever_is_no_longer_in_force_is_foreseen(plant: Plant) -> None:
    first, second = issued(plant, 1, 2)
    bulking.cancel(plant, 2)

    expected, became = as_foreseen(plant, reissue_of(first, second))

    assert expected == [None, "no longer in force"]
    assert became == [("done", None), ("skipped", "no longer in force")]


def test_a_certificate_made_on_collection_is_foreseen(plant: Plant) -> None:
    bulking.grant(plant, bulking.COST_ENGINEER)
    assert submit(plant, bulking.of_cost_engineer(1)).registration is not None

    expected, became = as_foreseen(plant, rename_to(NEW))

    assert expected == ["made when it is collected"]
    assert became == [("skipped", "made when it is collected")]


def test_a_forecast_decides_nothing(plant: Plant) -> None:
    """The photo comes before the turn of the one who had none."""
    submit(plant, specimen.imported(1))
    batch = begin(plant, rename_to(NEW))
    renewed = on_paper(1) | {"type": "holder.corrected", "id": "photo"}
    event = specimen.corrected(1)
    event["data"] |= {
        "corrected": event["data"]["holder"] | specimen.holder(1),
        "photo": renewed["data"]["photo"],
        "corrected_on": "2024-09-02",
    }
    submit(plant, event)

    confirm(plant, batch)
    make_all(plant, batch)

    assert forecasts(plant, batch) == ["picture"]
    assert fates(plant, batch)[0][0] != "held"


def test_foreseen_failures_do_not_stop_the_batch(plant: Plant) -> None:
    issued(plant, 1, 2)
    batch = begin(plant, rename_to(UNPRINTABLE))
    confirm(plant, batch)
    steps.advance(plant, batch)

    for chunk in open_chunks(plant):
        if found := claim(plant, chunk):
            hold(plant, found, _unprintable())

    assert at(plant, batch).state is not BatchState.STOPPED
    assert at(plant, batch).held == 2


def test_the_same_failure_unforeseen_does(plant: Plant) -> None:
    issued(plant, 1, 2)
    batch = begin(plant, rename_to(NEW))
    confirm(plant, batch)
    steps.advance(plant, batch)

    hold(plant, must_claim(plant, open_chunks(plant)[0]), _unprintable())

    assert at(plant, batch).state is BatchState.STOPPED


def _unprintable() -> UnprintableError:
    return UnprintableError("enterprise.name", ("U+323B0",))


def test_an_approval_between_look_and_confirmation_is_an_item_without_forecast(
    plant: Plant,
) -> None:
    issued(plant, 1)
    batch = begin(plant, rename_to(NEW))
    approve(plant, 2)

    confirm(plant, batch)

    assert forecasts(plant, batch) == [None, None]
