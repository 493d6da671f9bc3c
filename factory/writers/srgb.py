"""The colours of a page: an sRGB profile (IEC 61966-2-1), written by hand so that it is small.

ICC.1:2004-10 (version 4.2, ISO 15076-1), three primaries with one parametric curve.  It is
ours, so it needs no licence, and it is the same on every machine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

ONE = 65536  #: of an s15Fixed16Number, 4.6
D50 = (0.9642, 1.0, 0.8249)  #: the white of the connection space, 7.2.16
PRIMARIES = {
    b"rXYZ": (0.43604, 0.22248, 0.01392),
    b"gXYZ": (0.38511, 0.71691, 0.09707),
    b"bXYZ": (0.14305, 0.06061, 0.71391),
}  #: of IEC 61966-2-1, adapted to D50
FROM_D65 = (
    1.047882, 0.022919, -0.050217,
    0.029587, 0.990479, -0.017075,
    -0.009247, 0.015076, 0.751678,
)  # fmt: skip
#: ((x + 0.055) / 1.055) ** 2.4 from 0.04045 on, x / 12.92 below it.
CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
LINEAR_BELOW = 3  #: the function type of such a curve, 10.15
HEADER, ROW = 128, 12  #: bytes, 7.2 and 7.3


def profile() -> bytes:
    """An ICC profile of a display with the colours of sRGB; the same bytes each time."""
    data = {
        b"desc": _words("sRGB"),
        b"cprt": _words("CC0"),
        b"wtpt": _xyz(D50),
        b"chad": _tag(b"sf32", _numbers(FROM_D65)),
        **{name: _xyz(primary) for name, primary in PRIMARIES.items()},
        b"rTRC": _tag(b"para", struct.pack(">HH", LINEAR_BELOW, 0) + _numbers(CURVE)),
    }
    places, end = {}, HEADER + 4 + ROW * (len(data) + 2)
    for name, each in data.items():
        places[name] = (end, len(each))
        end += len(each)
    places[b"gTRC"] = places[b"bTRC"] = places[b"rTRC"]
    rows = (struct.pack(">4sII", name, *place) for name, place in places.items())
    return b"".join((_header(end), struct.pack(">I", len(places)), *rows, *data.values()))


def _header(size: int) -> bytes:
    """7.2; the date is that of the specification."""
    return struct.pack(
        ">I4xI4s4s4s6H4s28x12s48x",
        *(size, 0x04200000, b"mntr", b"RGB ", b"XYZ ", 2004, 10, 1, 0, 0, 0),
        *(b"acsp", _numbers(D50)),
    )


def _words(text: str) -> bytes:
    """A text in American English, 10.13."""
    coded = text.encode("utf-16-be")
    head = struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(coded), 28)
    return _tag(b"mluc", head + coded)


def _xyz(value: tuple[float, float, float]) -> bytes:
    return _tag(b"XYZ ", _numbers(value))


def _tag(kind: bytes, content: bytes) -> bytes:
    """Data of a kind, filled up to a word."""
    return kind + bytes(4) + content + bytes(-len(content) % 4)


def _numbers(values: Iterable[float]) -> bytes:
    return b"".join(struct.pack(">i", round(value * ONE)) for value in values)
