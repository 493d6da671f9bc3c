"""What is to be reached is judged by the figures of one run."""

from typing import Any

import pytest

from bench.targets import TARGETS, Target, judged

PRESS: dict[str, Any] = {
    "name": "pdf_p256_press",
    "cpu_ms": 0.1,
    "limit_ms": 0.02,
    "tuned_ms": 25.0,
    "naive_ms": 120.0,
}


def test_a_ratio_is_one_figure_over_the_other() -> None:
    wanted = Target(line="pdf_p256_press", figure="tuned_ms", over="cpu_ms", least=250)

    [found] = judged([PRESS], [wanted])

    assert found.reached == pytest.approx(250)
    assert found.ok


def test_whatever_falls_short_of_the_least_is_not_reached() -> None:
    wanted = Target(line="pdf_p256_press", figure="tuned_ms", over="cpu_ms", least=251)

    assert not judged([PRESS], [wanted])[0].ok


def test_whatever_passes_the_most_is_not_reached() -> None:
    over = Target(line="pdf_p256_press", figure="cpu_ms", over="limit_ms", most=4.9)
    within = Target(line="pdf_p256_press", figure="cpu_ms", over="limit_ms", most=5.1)

    assert [each.ok for each in judged([PRESS], [over, within])] == [False, True]


def test_a_line_may_cost_more_where_its_key_operation_does() -> None:
    wanted = Target(line="line_p256", figure="cpu_ms", most=0.5, scale=0.019)
    slow = {"name": "line_p256", "cpu_ms": 0.9, "limit_ms": 0.038}
    quick = {"name": "line_p256", "cpu_ms": 0.9, "limit_ms": 0.019}

    [found], [missed] = judged([slow], [wanted]), judged([quick], [wanted])

    assert found.bound == pytest.approx(1.0)
    assert found.ok
    assert not missed.ok


def test_what_was_not_measured_is_not_reached() -> None:
    wanted = Target(line="pdf_p256_press", figure="tuned_ms", over="cpu_ms", least=1)

    [found] = judged([PRESS | {"tuned_ms": None}], [wanted])

    assert found.reached is None
    assert not found.ok


def test_lines_that_were_left_out_are_not_judged() -> None:
    assert {each.target.line for each in judged([PRESS])} == {"pdf_p256_press"}


def test_every_target_has_one_bound() -> None:
    assert all((each.least is None) != (each.most is None) for each in TARGETS)
