"""What is to be reached, and whether it was: pure judgement of figures of one run.

The figures of lines are scaled by the key operation of this machine, as they were named for one
on which it takes what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Line = Mapping[str, Any]  #: of ``bench.json``


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure of a line and its bound; a figure is a field of the line or one field over another.

    least: what it must reach; most: what it may not pass.  One of them is given.
    scale: the bound is times the line's ``limit_ms`` over this; None: it is as it is.
    """

    line: str
    figure: str
    over: str | None = None
    least: float | None = None
    most: float | None = None
    scale: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A target and what was reached.  reached None: it was not measured."""

    target: Target
    bound: float
    reached: float | None

    @property
    def ok(self) -> bool:
        """Whether it was reached."""
        if self.reached is None:
            return False
        if self.target.least is not None:
            return self.reached >= self.bound
        return self.reached <= self.bound


TARGETS: Sequence[Target] = (
    Target(line="pdf_rsa2048_press", figure="cpu_ms", over="limit_ms", most=1.4),
    Target(line="pdf_rsa2048_press", figure="tuned_ms", over="cpu_ms", least=65),
    Target(line="pdf_rsa2048_press", figure="naive_ms", over="cpu_ms", least=580),
    Target(line="pdf_p256_press", figure="tuned_ms", over="cpu_ms", least=220),
    Target(line="pdf_p256_press", figure="naive_ms", over="cpu_ms", least=1200),
    Target(line="pdf_rsa2048_twin", figure="cpu_ms", over="limit_ms", most=1.55),
    Target(line="pdf_p256_twin", figure="tuned_ms", over="cpu_ms", least=170),
    Target(line="ofd_sm2_press", figure="cpu_ms", over="limit_ms", most=3.5),
    Target(line="ofd_sm2_press", figure="tuned_ms", over="cpu_ms", least=6),
    Target(line="signer_p256", figure="above_ms", most=0.03),
    Target(line="signer_sm2", figure="above_ms", most=0.03),
    Target(line="line_rsa2048", figure="cpu_ms", most=0.75, scale=0.263),
    Target(line="line_p256", figure="cpu_ms", most=0.5, scale=0.019),
    Target(line="line_p256", figure="tuned_ms", over="cpu_ms", least=45),
    Target(line="line_ofd_sm2", figure="cpu_ms", most=1.6, scale=0.21),
    Target(line="press_2p", figure="rate_ratio", least=1.85),
    Target(line="scale_1k", figure="memory_ratio", most=1.1),
    Target(line="scale_100k", figure="cost_ratio", most=1.1),
    Target(line="scale_100k", figure="memory_ratio", most=1.1),
)


def judged(lines: Sequence[Line], targets: Sequence[Target] = TARGETS) -> list[Judged]:
    """Every target of the lines that were measured."""
    by_name = {line["name"]: line for line in lines}
    return [_judged(each, by_name[each.line]) for each in targets if each.line in by_name]


def _judged(target: Target, line: Line) -> Judged:
    bound = target.least if target.least is not None else target.most
    assert bound is not None
    if target.scale is not None:
        bound *= line["limit_ms"] / target.scale
    reached = line.get(target.figure)
    if reached is not None and target.over is not None:
        divisor = line.get(target.over)
        reached = reached / divisor if divisor else None
    return Judged(target=target, bound=bound, reached=reached)
