"""The canary: no OFD of a template is stored that a second program reads otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from factory.errors import (
    FactoryError,
    ReaderUnavailableError,
    SecondReadingError,
    SettingsError,
    TransientError,
)
from factory.model import ChunkId, Format, Kind, Order, OrderId, ProfileId, Queue
from factory.page.fonts import FontBook
from factory.page.reread import SeenPage
from factory.pressing import Laid
from jobs import line, second_reading
from jobs.canary import Canary, Finished
from jobs.settings import Settings
from jobs.wiring import Plant, load_fonts, load_profiles
from jobs.work import Tally, Work
from storage.ledger.chunks import Claim
from tests.finished import NOW, Certificate, certificate

PAGE = "Doc_0/Pages/Page_0/Content.xml"
NEVER = 1_000_000  #: a sample so thin that only the first of a template is read
NAME = "张三丰"


@pytest.fixture(scope="module")
def faces() -> FontBook:
    return load_fonts(Settings.from_env({}).font_dirs)


@pytest.fixture(scope="module")
def constructor(faces: FontBook) -> Certificate:
    return certificate("shanghai-constructor", faces, name=NAME)


@pytest.fixture(scope="module")
def cost_engineer(faces: FontBook) -> Certificate:
    return certificate("shanghai-cost-engineer", faces, name=NAME)


@dataclass(slots=True)
class Reader:
    """The real reader, which counts how many documents it was asked about at each start."""

    starts: list[int] = field(default_factory=list)
    error: FactoryError | None = None

    def __call__(self, documents: Sequence[bytes]) -> Sequence[tuple[SeenPage, ...] | None]:
        self.starts.append(len(documents))
        if self.error is not None:
            raise self.error
        return second_reading.read(documents)


def finished(
    made: Certificate, ident: int = 1, *, version: str = "2024.1", stem: str = ""
) -> Finished:
    order = Order(
        id=OrderId(ident),
        kind=Kind.CERTIFICATE,
        profile=ProfileId(made.profile),
        profile_version=version,
        face=made.face,
        pictures={},
        formats=(Format.PDF,),
        identity=None,
        signed_at=NOW,
        key_stem=stem or f"{made.profile}/{ident}/001/certificate",
    )
    return Finished(order=order, placed=made.placed, data=made.data)


def altered(made: Certificate) -> Certificate:
    """With another name on the page than the one that was placed."""
    return made.changed(PAGE, NAME, "张三峰")


# --- agreement --------------------------------------------------------------------------------


def test_of_each_template_the_first_file_is_read_once(
    constructor: Certificate, cost_engineer: Certificate
) -> None:
    reader = Reader()
    canary = Canary(sample=NEVER, read=reader)
    files = [finished(constructor, 1), finished(constructor, 2), finished(cost_engineer, 3)]

    stopped = [canary.stopped(files, singly=False) for _ in range(2)]

    assert stopped == [{}, {}]
    assert reader.starts == [2]


def test_another_version_of_the_profile_is_another_template(constructor: Certificate) -> None:
    reader = Reader()
    canary = Canary(sample=NEVER, read=reader)

    for version in ("2024.1", "2026.1"):
        canary.stopped([finished(constructor, version=version)], singly=False)

    assert reader.starts == [1, 1]


def test_single_files_are_read_again_one_in_so_many(constructor: Certificate) -> None:
    """Which ones follows from their keys: an order made anew is in the sample again, or not."""
    reader = Reader()
    canary = Canary(sample=3, read=reader)
    canary.stopped([finished(constructor)], singly=True)
    singles = [finished(constructor, ident) for ident in range(2, 14)]

    for _ in range(2):
        for each in singles:
            canary.stopped([each], singly=True)

    again = len(reader.starts) - 1
    assert again % 2 == 0
    assert 1 <= again / 2 <= 8


def test_of_a_bulk_run_no_sample_is_taken(constructor: Certificate) -> None:
    reader = Reader()
    canary = Canary(sample=1, read=reader)

    for ident in (1, 2):
        canary.stopped([finished(constructor, ident)], singly=False)

    assert reader.starts == [1]


def test_switched_off_nothing_is_read(constructor: Certificate) -> None:
    reader = Reader(error=SettingsError("not installed"))
    canary = Canary(sample=0, read=reader)

    assert canary.stopped([finished(altered(constructor))], singly=True) == {}
    assert reader.starts == []


def test_without_files_nothing_is_started() -> None:
    reader = Reader()

    assert Canary(sample=1, read=reader).stopped([], singly=True) == {}
    assert reader.starts == []


# --- differences ------------------------------------------------------------------------------


def test_a_difference_stops_every_order_of_its_template_and_no_other(
    constructor: Certificate, cost_engineer: Certificate
) -> None:
    files = [
        finished(altered(constructor), 1),
        finished(constructor, 2),
        finished(cost_engineer, 3),
    ]

    stopped = Canary(sample=NEVER).stopped(files, singly=False)

    assert sorted(stopped) == [1, 2]
    assert all(isinstance(error, SecondReadingError) for error in stopped.values())
    assert {error.reason for error in stopped.values()} == {"second_reading"}


def test_a_stopped_order_says_which_slot_and_not_what_stands_in_it(
    constructor: Certificate,
) -> None:
    stopped = Canary(sample=NEVER).stopped([finished(altered(constructor))], singly=False)

    said = str(stopped[OrderId(1)])
    assert "holder.name" in said
    assert not set(NAME) & set(said)


def test_a_stopped_template_stays_stopped_until_it_is_mended(constructor: Certificate) -> None:
    reader = Reader()
    canary = Canary(sample=NEVER, read=reader)
    wrong, right = finished(altered(constructor)), finished(constructor)

    found = [bool(canary.stopped([each], singly=False)) for each in (wrong, wrong, right, right)]

    assert found == [True, True, False, False]
    assert reader.starts == [1, 1, 1]


def test_a_difference_in_the_sample_stops_a_template_that_had_agreed(
    constructor: Certificate,
) -> None:
    reader = Reader()
    canary = Canary(sample=1, read=reader)
    canary.stopped([finished(constructor, 1)], singly=True)

    stopped = canary.stopped([finished(altered(constructor), 2)], singly=True)
    canary.stopped([finished(constructor, 3)], singly=False)

    assert list(stopped) == [2]
    assert reader.starts == [1, 1, 1]


def test_a_document_easyofd_fails_on_is_a_difference(constructor: Certificate) -> None:
    broken = replace(constructor, data=b"PK no package")

    stopped = Canary(sample=NEVER).stopped([finished(broken)], singly=False)

    assert "document" in str(stopped[OrderId(1)])


# --- a reader that fails ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [ReaderUnavailableError("it hung"), SettingsError("it is not installed")]
)
def test_what_nobody_could_read_waits_and_has_not_agreed(
    constructor: Certificate, error: FactoryError
) -> None:
    reader = Reader(error=error)
    canary = Canary(sample=NEVER, read=reader)

    stopped = canary.stopped([finished(constructor, 1), finished(constructor, 2)], singly=False)
    reader.error = None
    later = canary.stopped([finished(constructor, 1)], singly=False)

    assert stopped == {1: error, 2: error}
    assert isinstance(error, TransientError | SettingsError)
    assert later == {}
    assert reader.starts == [1, 1]


def test_a_reader_that_hangs_stops_the_template_and_passes_nothing(
    constructor: Certificate, tmp_path: Path
) -> None:
    hanging = tmp_path / "reader.py"
    hanging.write_text("import time; time.sleep(600)")
    canary = Canary(
        sample=NEVER,
        read=lambda documents: second_reading.read(documents, program=hanging, seconds=0.1),
    )

    stopped = canary.stopped([finished(constructor)], singly=False)

    assert isinstance(stopped[OrderId(1)], ReaderUnavailableError)


# --- the line ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bench:
    """As much of a plant as the step asks for."""

    canary: Canary


def laid_of(file: Finished) -> Laid:
    return Laid(
        placed=file.placed,
        values={},
        pictures={},
        title="",
        created=NOW,
        twin=None,
        licence_id=None,
        profile=load_profiles(None)[file.order.profile].all[-1],
    )


def on_the_line(*files: Finished) -> Tally:
    """Each order as OFD and as PDF, checked and not yet stored."""
    return Tally(
        works=[
            Work(order=each.order, format=fmt, identity=None, laid=laid_of(each), data=each.data)
            for each in files
            for fmt in (Format.PDF, Format.OFD)
        ]
    )


def read_again(tally: Tally, canary: Canary, queue: Queue = Queue.BULK) -> None:
    claim = Claim(
        id=ChunkId(1), fence=1, queue=queue, batch=None, canary=False, lease_until=NOW, attempt=1,
        releases=0, correlation="c", orders=(),
    )  # fmt: skip
    line._read_again(cast("Plant", Bench(canary)), claim, tally)


def test_a_difference_takes_all_files_of_its_template_off_the_line(
    constructor: Certificate, cost_engineer: Certificate
) -> None:
    tally = on_the_line(finished(altered(constructor), 1), finished(cost_engineer, 2))

    read_again(tally, Canary(sample=NEVER))

    assert {work.order.id for work in tally.works} == {2}
    assert {order: error.reason for order, error in tally.held.items()} == {1: "second_reading"}
    assert tally.later == {}


def test_what_nobody_could_read_goes_back_for_later(constructor: Certificate) -> None:
    tally = on_the_line(finished(constructor))

    read_again(tally, Canary(sample=NEVER, read=Reader(error=ReaderUnavailableError("hung"))))

    assert (tally.works, tally.held) == ([], {})
    assert [error.reason for error in tally.later.values()] == ["reader_unavailable"]


def test_what_agrees_stays_on_the_line(constructor: Certificate) -> None:
    tally = on_the_line(finished(constructor, 1), finished(constructor, 2))

    read_again(tally, Canary(sample=NEVER))

    assert [work.order.id for work in tally.works] == [1, 1, 2, 2]
    assert tally.held == tally.later == {}
