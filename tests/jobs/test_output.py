"""What is printed: local times of China for people, ISO 8601 with its zone for programs."""

import doctest
from datetime import UTC, datetime

import pytest

from jobs.commands import output

LATE = datetime(2026, 3, 1, 16, 20, tzinfo=UTC)  #: the next day in China


def test_the_examples_of_the_module_hold() -> None:
    result = doctest.testmod(output)

    assert result.attempted
    assert not result.failed


def test_a_table_shows_the_time_in_china() -> None:
    with output.out.capture() as shown:
        output.print_table(("what", "at"), [("held", LATE), ("never", None)])

    assert "2026-03-02 00:20:00" in shown.get()
    assert "None" not in shown.get()


def test_programs_are_told_the_zone(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"at": LATE})

    assert '"2026-03-01T16:20:00+00:00"' in capsys.readouterr().out
