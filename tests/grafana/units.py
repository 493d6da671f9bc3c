"""Numbers as Grafana writes them, for the units that the dashboards use and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")
THOUSANDS = ("", " K", " Mil", " Bil")
BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
PER_SECOND = ("B/s", "kB/s", "MB/s", "GB/s")
TIMES = (
    (1e-6, "µs"), (1e-3, "ms"), (1, "s"), (60, "min"), (3600, "hour"), (86400, "day"),
    (7 * 86400, "week"), (365.25 * 86400, "year"),
)  # fmt: skip
SUFFIX = "suffix:"


def known(unit: str) -> bool:
    """Whether `written` knows it."""
    return unit in WRITERS or unit.startswith(SUFFIX)


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """A value with its unit.

    decimals: None: as many as make three digits.

    >>> written(0.9987, "percentunit", 2), written(12.0, "suffix:/min"), written(0, "none")
    ('99.87%', '12/min', '0')
    >>> written(0.0421, "s"), written(95, "s"), written(31_600, "s"), written(0, "s")
    ('42.1 ms', '1.58 min', '8.78 hour', '0 s')
    >>> written(4020, "locale"), written(1234, "short"), written(150_000_000, "bytes")
    ('4,020', '1.23 K', '143 MiB')
    >>> written(2500, "Bps")
    '2.5 kB/s'
    >>> written(1763698800000, "dateTimeAsIso")
    '2025-11-21 12:20:00'
    """
    if unit.startswith(SUFFIX):
        return _number(value, decimals) + unit.removeprefix(SUFFIX)
    return WRITERS[unit](value, decimals)


def _grouped(value: float, decimals: int | None) -> str:
    """With the thousands set off."""
    return f"{value:,.{decimals or 0}f}"


def _percent(value: float, decimals: int | None) -> str:
    return f"{_number(100 * value, decimals)}%"


def _moment(value: float, _: int | None) -> str:
    """Of milliseconds since 1970."""
    moment = datetime.fromtimestamp(value / 1000, UTC).astimezone(CHINA)
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _short(value: float, decimals: int | None) -> str:
    step = 0
    while abs(value) >= 1000 and step < len(THOUSANDS) - 1:
        value, step, decimals = value / 1000, step + 1, None
    return _number(value, decimals) + THOUSANDS[step]


def _duration(value: float, decimals: int | None) -> str:
    sizes = [each for each in TIMES if abs(value) >= each[0]]
    size, name = sizes[-1] if value and sizes else (1, "s")
    return f"{_number(value / size, decimals if size == 1 else None)} {name}"


def _scaled(value: float, decimals: int | None, base: int, names: tuple[str, ...]) -> str:
    step = 0
    while abs(value) >= base and step < len(names) - 1:
        value, step = value / base, step + 1
    return f"{_number(value, decimals)} {names[step]}"


def _number(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


WRITERS: Mapping[str, Callable[[float, int | None], str]] = {
    "none": _number,
    "short": _short,
    "locale": _grouped,
    "percentunit": _percent,
    "s": _duration,
    "bytes": lambda value, decimals: _scaled(value, decimals, 1024, BYTES),
    "Bps": lambda value, decimals: _scaled(value, decimals, 1000, PER_SECOND),
    "dateTimeAsIso": _moment,
}
