"""What was typed at the kill switch, kept until the journal has it: ``typed/*.json``, one a time.

The command writes it, whether the process runs or not.  The process takes it into its journal
before a line of any call, when it is asked how it is, and when it starts: so no signature stands
behind the stop that forbade it.  What cannot be read is noted too, and why there is nothing more.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.signer.journal import Journal

FOLDER = "typed"
STOP, START = "switch_stop", "switch_start"  #: outcomes, as the journal says them
UNREADABLE = "switch_unreadable"
MOST_LETTERS = 200  #: of what somebody said
IDENTITY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """One stop or start.

    identity: None: all of them.  reason: of the stop, or of the one that is taken back.
    typed_at: ISO 8601; the line's own time is when the process took it in.
    """

    outcome: str
    identity: str | None
    reason: str
    caller: str
    typed_at: str


def typed(outcome: str, identity: str | None, *, reason: str, by: str) -> Typed:
    """What somebody types now."""
    now = datetime.now(UTC).isoformat("T", "milliseconds")
    return Typed(outcome=outcome, identity=identity, reason=reason, caller=by, typed_at=now)


def keep(folder: Path, said: Typed) -> None:
    """For the journal.  OSError: it is not kept.

    folder: the signer process's.
    """
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{time.time_ns()}-{os.getpid()}"
    new = place / f".{name}.new"
    new.write_text(json.dumps(asdict(said)), encoding="utf-8")
    new.replace(place / f"{name}.json")


def waiting(folder: Path) -> list[Mapping[str, Any]]:
    """What the journal has not got yet, as it will have it, the oldest first."""
    return [entry for _, entry in _kept(folder)]


class Inbox:
    """What is kept for one journal; who uses it takes turns."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder, self._journal = folder, journal
        (folder / FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
        #: whose files may still lie there, since a process died before it removed them
        self._taken = {str(each["typed"]) for each in journal.tail if "typed" in each}

    def take(self) -> None:
        """Into the journal, each once.  OSError: that cannot be written."""
        for file, entry in _kept(self._folder):
            if file.stem not in self._taken:
                self._journal.note(entry)
                self._taken.add(file.stem)
            with suppress(OSError):
                file.unlink()
                self._taken.discard(file.stem)


def _kept(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    try:
        files = sorted(each for each in (folder / FOLDER).iterdir() if each.suffix == ".json")
    except OSError:
        return
    for file in files:
        with suppress(FileNotFoundError):
            yield file, {**_read(file), "typed": file.stem}


def _read(file: Path) -> Mapping[str, Any]:
    """FileNotFoundError: somebody has taken it."""
    try:
        said = Typed(**json.loads(file.read_bytes()))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError) as error:
        return {"outcome": UNREADABLE, "reason": type(error).__name__}
    is_one = said.identity is None or IDENTITY.fullmatch(str(said.identity))
    if said.outcome not in (STOP, START) or not is_one:
        return {"outcome": UNREADABLE, "reason": "neither a stop nor a start"}
    cut = {name: str(value)[:MOST_LETTERS] for name, value in asdict(said).items()}
    return {**cut, "identity": said.identity}
