"""What is printed: local times of China for people, ISO 8601 with its zone for programs."""

import doctest
from datetime import UTC, datetime

import pytest

from jobs.commands import output, progress
from jobs.commands.progress import Lines

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


def test_what_moves_is_told_in_lines_some_seconds_apart(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()

    for text in ("1 of 9", "1 of 9", "2 of 9"):
        lines.tell(text)
    lines.tell("3 of 9, paused", at_once=True)

    assert capsys.readouterr().err == "1 of 9\n3 of 9, paused\n"


def test_once_the_time_is_over_the_next_line_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    lines = Lines()

    for text in ("1 of 9", "1 of 9", "2 of 9"):
        lines.tell(text)

    assert capsys.readouterr().err == "1 of 9\n2 of 9\n"
