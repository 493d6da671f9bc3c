"""A chart of what was made over time: a bar a stretch of time, a scale, the times below."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from factory.errors import FieldError
from factory.model import SHANGHAI
from factory.page.marks import BLACK, MM_PER_PT, Align, Colour, FixedMark, Path, Text
from factory.page.rows import Figure

MOST_BARS = 40
#: How long a bar may stand for, in seconds: what people count in, up to a day, then whole days.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
DAY = 86_400
LEFT_MM, RIGHT_MM, TOP_MM, BELOW_MM = 18.0, 6.0, 6.5, 6.0  #: around the bars: words and air
CAPTION = "换发数量（件）"
LABEL_PT = 8.0
LEAST_LABEL_MM = {False: 17.0, True: 26.0}  #: between two times, without and with their day
RULES = 4  #: lines of the scale above its foot, at most
FILLED, GRID = (70, 104, 150), (205, 205, 205)
GAP = 0.18  #: of a bar's place that stays free
WIDEST_MM = 12.0  #: a bar's place, where there are few


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """How many in each stretch of time, from ``start`` on."""

    start: datetime
    seconds: int
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.counts) <= MOST_BARS or self.seconds < 1 or min(self.counts) < 0:
            raise FieldError("bars", f"1 to {MOST_BARS} bars", "too many, or less than nothing")

    def begin(self, place: int) -> datetime:
        """When a bar's time begins, in China; that of the first one not there ends the last."""
        return (self.start + timedelta(seconds=place * self.seconds)).astimezone(SHANGHAI)


def bars(began: datetime, ended: datetime, made: Iterable[tuple[datetime, int]]) -> Bars:
    """What was made at these moments, put together into at most ``MOST_BARS`` even stretches.

    made:  (moment, count) in any order and of any fineness; what lies outside counts at the edge.
    ended: before it began, by a clock that was set back, is when it began.
    """
    ended = max(began, ended)
    seconds = bar_seconds(began, ended)
    first = _place(began, seconds)
    counts = [0] * (_place(ended, seconds) - first + 1)
    for moment, count in made:
        counts[max(0, min(_place(moment, seconds) - first, len(counts) - 1))] += count
    start = began - timedelta(seconds=_since(began) - first * seconds)
    return Bars(start=start, seconds=seconds, counts=tuple(counts))


def bar_seconds(began: datetime, ended: datetime) -> int:
    """The shortest stretch of which ``MOST_BARS`` are enough."""
    for step in STEPS:
        if _place(ended, step) - _place(began, step) < MOST_BARS:
            return step
    days = 1
    while _place(ended, days * DAY) - _place(began, days * DAY) >= MOST_BARS:
        days += 1
    return days * DAY


def _since(moment: datetime) -> float:
    """Seconds by the clocks of China, so that hours and days begin where people see them begin."""
    return moment.timestamp() + (moment.astimezone(SHANGHAI).utcoffset() or timedelta()).seconds


def _place(moment: datetime, seconds: int) -> int:
    return int(_since(moment) // seconds)


def stretch(seconds: int) -> str:
    """How long a bar stands for, in words: 30秒, 5分钟, 2小时, 1天."""
    for unit, words in ((DAY, "天"), (3600, "小时"), (60, "分钟")):
        if seconds % unit == 0:
            return f"{seconds // unit}{words}"
    return f"{seconds}秒"


def figure(of: Bars, width_mm: float, height_mm: float) -> Figure:
    """The chart in a cell of a table."""
    plot = _Plot(of=of, width_mm=width_mm, height_mm=height_mm)
    return Figure(width_mm=width_mm, height_mm=height_mm, marks=tuple(plot.marks()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plot:
    """Where everything of a chart stands."""

    of: Bars
    width_mm: float
    height_mm: float

    @property
    def foot_mm(self) -> float:
        return self.height_mm - BELOW_MM

    @property
    def bar_mm(self) -> float:
        return min(WIDEST_MM, (self.right_mm - LEFT_MM) / len(self.of.counts))

    @property
    def right_mm(self) -> float:
        return self.width_mm - RIGHT_MM

    @property
    def step(self) -> int:
        return _step(max(self.of.counts))

    @property
    def top(self) -> int:
        """The number at the top of the scale."""
        return max(1, -(-max(self.of.counts) // self.step)) * self.step

    def marks(self) -> Iterator[FixedMark]:
        """The scale beneath, the bars, the line they stand on, the words."""
        yield _strokes(self._grid(), GRID)
        figures = " ".join(self._bars())
        if figures:
            yield Path(data=figures, fill=FILLED)
        foot = _line(LEFT_MM, self.foot_mm, self.right_mm, self.foot_mm)
        yield _strokes((foot, *self._ticks()), BLACK)
        yield _label(CAPTION, LEFT_MM, LABEL_PT * MM_PER_PT, Align.CENTRE)
        yield from self._scale()
        yield from self._times()

    def _y(self, count: int) -> float:
        return self.foot_mm - (self.foot_mm - TOP_MM) * count / self.top

    def _x(self, place: float) -> float:
        return LEFT_MM + place * self.bar_mm

    def _levels(self) -> range:
        return range(0, self.top + 1, self.step)

    def _grid(self) -> Iterator[str]:
        yield from (_line(LEFT_MM, self._y(n), self.right_mm, self._y(n)) for n in self._levels())

    def _bars(self) -> Iterator[str]:
        for place, count in enumerate(self.of.counts):
            if count:
                left, right = self._x(place + GAP / 2), self._x(place + 1 - GAP / 2)
                yield _rectangle(left, self._y(count), right, self.foot_mm)

    def _scale(self) -> Iterator[Text]:
        for count in self._levels():
            y = self._y(count) + 0.38 * LABEL_PT * MM_PER_PT
            yield _label(f"{count:,}", LEFT_MM - 1.5, y, Align.RIGHT)

    def _ticks(self) -> Iterator[str]:
        for place in self._named():
            yield _line(self._x(place), self.foot_mm, self._x(place), self.foot_mm + 1.2)

    def _times(self) -> Iterator[Text]:
        for place in self._named():
            words = _time(self.of.begin(place), self.of.seconds, dated=self._dated)
            yield _label(words, self._x(place), self.foot_mm + 5.0, Align.CENTRE)

    @property
    def _dated(self) -> bool:
        """Whether the bars are of several days."""
        return self.of.begin(0).date() != self.of.begin(len(self.of.counts) - 1).date()

    def _named(self) -> Sequence[int]:
        """The bars' edges below which a time stands: round times, where there are two of them."""
        room = LEAST_LABEL_MM[self._dated]
        last = min(len(self.of.counts), int((self.width_mm - LEFT_MM - room / 2) // self.bar_mm))
        every = _round(math.ceil(room / self.bar_mm), self.of.seconds)
        first = -_place(self.of.start, self.of.seconds) % every
        return range(first if first + every <= last else 0, last + 1, every)


def _step(most: int) -> int:
    """Between two lines of the scale: 1, 2 or 5 with zeros."""
    ten = 1
    while True:
        for step in (ten, 2 * ten, 5 * ten):
            if step * RULES >= most:
                return step
        ten *= 10


def _round(least: int, seconds: int) -> int:
    """So many bars, or a few more, that together they are as long as people count in."""
    wanted = (step // seconds for step in STEPS if step % seconds == 0)
    days = (n * DAY // seconds for n in range(1, MOST_BARS * MOST_BARS) if n * DAY % seconds == 0)
    return next(bars for bars in chain(wanted, days) if bars >= least)


def _time(moment: datetime, seconds: int, *, dated: bool) -> str:
    """10:20, 10:20:30, 3月2日 10:20 or 3月2日: as fine as the bars are."""
    day = f"{moment.month}月{moment.day}日"
    if seconds % DAY == 0:
        return day
    clock = f"{moment:%H:%M}" if seconds % 60 == 0 else f"{moment:%H:%M:%S}"
    return f"{day} {clock}" if dated else clock


def _label(text: str, x_mm: float, y_mm: float, align: Align) -> Text:
    return Text(text=text, x_mm=x_mm, y_mm=y_mm, size_pt=LABEL_PT, align=align)


def _strokes(figures: Iterable[str], colour: Colour) -> Path:
    return Path(data=" ".join(figures), stroke=colour, width_mm=0.15)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"M {x1:.3f} {y1:.3f} L {x2:.3f} {y2:.3f}"


def _rectangle(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"M {x1:.3f} {y1:.3f} L {x2:.3f} {y1:.3f} L {x2:.3f} {y2:.3f} L {x1:.3f} {y2:.3f} C"
