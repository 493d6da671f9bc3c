"""The second reader: easyofd in a process of its own.  One question on stdin, one answer on stdout.

Started by ``second_reading`` as a plain file, so that nothing of ours is loaded beside it: a
reader that shared code with the writer would share its mistakes.  easyofd is imported here and
nowhere else, and only after its limits are set.  The question and the answer
are JSON::

    {"task": "read" | "draw", "font": file of the face to draw with, "documents": [base64, ...]}
    {"answers": [...]}      for each document: its pages, or a PDF in base64; null: unreadable

What is taken from easyofd when it reads is what its parser found (``OFDParser``: the boxes, the
text, the size and the offsets of every text object, the template's among them), and the place of
each character as its own drawing would work it out (``DrawPDF.cmp_offset``): not its drawing,
which knows no embedded font and no matrix.

easyofd works in the current folder, prints, and looks for modules in the folder above: its parent
gives it a private one.  It may start no program and speak to nobody.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import IO, Any

MOST_MEMORY = 1 << 30
MOST_SECONDS = 60  #: of CPU; the parent looks at the clock
MOST_FILE = 1 << 27
UNINSTALLED = 3  #: exit code: easyofd, or what it needs, is not installed
FORBIDDEN = (
    "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn",
    "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen",
)  # fmt: skip
PARSING, DRAWING = "easyofd.parser_ofd", "easyofd.draw.draw_pdf"
FONTS = "reportlab.pdfbase.ttfonts"
PYMUPDF = "fitz"  #: easyofd imports it for PDF to OFD, which is never asked of it
SONG = "宋体"  #: the one name easyofd draws text with
CURVES = frozenset("QBA")

Task = Callable[[bytes, str], Any]


def main() -> int:
    """The exit code."""
    _limit()
    answers = _alone()
    question = json.load(sys.stdin)
    sys.modules[PYMUPDF] = ModuleType(PYMUPDF)
    try:
        for name in (PARSING, DRAWING, FONTS):
            import_module(name)
    except ImportError:
        return UNINSTALLED
    sys.addaudithook(_forbid)
    task, font = TASKS[question["task"]], question["font"]
    found = [_attempted(task, each, font) for each in question["documents"]]
    json.dump({"answers": found}, answers)
    answers.flush()
    return 0


def _limit() -> None:
    """What grows beyond this is ended by the kernel, or runs into MemoryError."""
    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_FSIZE, MOST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _alone() -> IO[str]:
    """The way out for the answer; whatever else is printed goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return answers


def _forbid(event: str, _: tuple[object, ...]) -> None:
    if event.startswith(FORBIDDEN):
        raise PermissionError(event)


def _attempted(task: Task, document: str, font: str) -> Any:
    """One document's answer; None where easyofd fails on it.  MemoryError ends the process."""
    try:
        return task(base64.b64decode(document, validate=True), font)
    except MemoryError:
        raise
    except Exception:  # of a library that raises anything
        return None


def _read(document: bytes, _: str) -> Any:
    """The pages, each with its size and its texts."""
    found = _parsed(document)
    return [
        {
            "size": (size or found["default_page_size"])[2:],
            "texts": [_text(each) for each in page["text_list"]],
        }
        for size, page in zip(found["page_size"], _pages(found), strict=True)
    ]


def _draw(document: bytes, font: str) -> Any:
    """A PDF of all pages."""
    metrics, fonts = import_module("reportlab.pdfbase.pdfmetrics"), import_module(FONTS)
    metrics.registerFont(fonts.TTFont(SONG, font))
    found = _parsed(document)
    for page in _pages(found):
        page["line_list"] = [each for each in page["line_list"] if _is_straight(each)]
    drawing = import_module(DRAWING).DrawPDF([found])
    drawing.draw_pdf()
    return base64.b64encode(drawing.pdf_io.getvalue()).decode()


TASKS: dict[str, Task] = {"read": _read, "draw": _draw}


def _parsed(document: bytes) -> dict[str, Any]:
    """The one document of a package as easyofd sees it."""
    parser = import_module(PARSING).OFDParser(base64.b64encode(document).decode())
    found: dict[str, Any] = parser()[0]
    return found


def _pages(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """In their order; a template's objects are among its page's."""
    return (page for _, page in sorted(found["page_info"].items()))


def _text(each: dict[str, Any]) -> dict[str, Any]:
    """A text object; the places of its characters as easyofd's drawing has them."""
    text, (x, y, *_) = each["text"], each["pos"]
    offsets = partial(import_module(DRAWING).DrawPDF.cmp_offset, None)
    across = offsets(x, each["X"], each["DeltaX"], text, _matrix(each), "X")
    down = offsets(y, each["Y"], each["DeltaY"], text, _matrix(each), "Y")
    return {"text": text, "x": across, "y": down, "size": each["size"]}


def _matrix(each: dict[str, Any]) -> dict[str, float]:
    """As its drawing takes a matrix (CTM) apart; empty for none."""
    names = ("resizeX", "rotateX", "rotateY", "resizeY", "moveX", "moveY")
    return dict(zip(names, map(float, each["CTM"].split()), strict=True)) if each["CTM"] else {}


def _is_straight(figure: dict[str, Any]) -> bool:
    """Lines and boxes only: easyofd draws curves without matrix and colour, over the text."""
    return not CURVES & set(figure.get("AbbreviatedData") or "")


if __name__ == "__main__":
    sys.exit(main())
