"""Asks the second reader (easyofd): starts it in a folder of its own, and ends it.

One start takes a quarter of a second of CPU, each document some hundredths; so all documents of a
question go to one process, which ends with its answer.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from factory.errors import ReaderUnavailableError, SecondReadingError, SettingsError
from factory.page.reread import SeenPage, SeenText
from jobs.second_reader import UNINSTALLED
from jobs.servers import die_with

READER = Path(__file__).with_name("second_reader.py")
SECONDS = 20.0  #: for the start
SECONDS_EACH = 2.0
FONT = "face.ttf"
NOT_INSTALLED = (
    "easyofd is not installed, which reads finished OFD documents again: install it with"
    " `pip install easyofd`, or switch the reading off with FACTORY_SECOND_READING_SAMPLE=0"
)

Pages = tuple[SeenPage, ...]


def read(
    documents: Sequence[bytes], *, program: Path = READER, seconds: float = SECONDS
) -> tuple[Pages | None, ...]:
    """For each OFD the pages that easyofd finds in it; None: it cannot read that one.

    ReaderUnavailableError: it hung, broke down or grew too large.
    SettingsError: it is not installed.
    """
    answers = _asked("read", documents, None, program, seconds)
    try:
        return tuple(None if each is None else tuple(map(_page, each)) for each in answers)
    except (KeyError, TypeError, ValueError) as error:
        raise ReaderUnavailableError("second reader: its answer has another shape") from error


def drawn(
    document: bytes, font: bytes, *, program: Path = READER, seconds: float = SECONDS
) -> bytes:
    """An OFD as easyofd draws it: a PDF, 200 points an inch.

    font: the face (TrueType) of all its text.
    SecondReadingError: easyofd cannot draw it.  Else as ``read``.
    """
    answer = _asked("draw", [document], font, program, seconds)[0]
    if answer is None:
        raise SecondReadingError("document: easyofd cannot draw it")
    return base64.b64decode(answer)


def _page(answer: Any) -> SeenPage:
    width, height = answer["size"]
    return SeenPage(
        width_mm=float(width), height_mm=float(height), texts=tuple(map(_text, answer["texts"]))
    )


def _text(answer: Any) -> SeenText:
    """Without places where there are not as many across as down: then it agrees with nothing."""
    across, down = answer["x"], answer["y"]
    places = zip(map(float, across), map(float, down), strict=True)
    return SeenText(
        text=str(answer["text"]),
        places=tuple(places) if len(across) == len(down) else (),
        size_mm=float(answer["size"]),
    )


def _asked(
    task: str, documents: Sequence[bytes], font: bytes | None, program: Path, seconds: float
) -> list[Any]:
    """The answers to a question, one a document.

    The process works in a folder within a private one, since easyofd looks for modules in both.
    """
    limit = seconds + SECONDS_EACH * len(documents)
    with TemporaryDirectory(prefix="second-reader-") as private:
        folder = Path(private, "work")
        folder.mkdir()
        if font is not None:
            (folder / FONT).write_bytes(font)
        question = {"task": task, "font": FONT, "documents": list(map(_base64, documents))}
        answer = Path(private, "answer.json")
        code = _run(program, json.dumps(question).encode(), folder, answer, limit)
        return _answers(code, answer, len(documents))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _run(program: Path, question: bytes, folder: Path, answer: Path, limit: float) -> int:
    """Its exit code.  The answer goes to a file, whose size the process has a limit for."""
    with answer.open("wb") as out:
        try:
            return subprocess.run(
                [sys.executable, "-I", "-X", "utf8", str(program)],
                input=question,
                stdout=out,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.defpath},
                timeout=limit,
                check=False,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            ).returncode
        except subprocess.TimeoutExpired:
            raise ReaderUnavailableError(f"second reader: no answer in {limit:.0f} s") from None


def _answers(code: int, answer: Path, wanted: int) -> list[Any]:
    if code == UNINSTALLED:
        raise SettingsError(NOT_INSTALLED)
    if code != 0:
        raise ReaderUnavailableError(f"second reader: ended with code {code}")
    try:
        found = json.loads(answer.read_bytes())["answers"]
    except (KeyError, TypeError, ValueError) as error:
        raise ReaderUnavailableError("second reader: its answer has another shape") from error
    if not isinstance(found, list) or len(found) != wanted:
        raise ReaderUnavailableError("second reader: its answer has another shape")
    return found
