"""The kill switch (紧急停签): files that the signer process looks at on each call.

``stopped/all.json`` stops every key, ``stopped/NAME.json`` those of one identity.  A file is
enough, whatever is in it: one that cannot be read stops as well.  It outlives restarts.
What was typed, and by whom, the journal says: see typed.py.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

ALL = "all"  #: no identity may be called so
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Who stopped what, when and why.

    identity: None: all of them.  at: ISO 8601.
    reason:   each that was given while it was stopped, the first one first; by and at are the
              first one's.
    """

    identity: str | None
    reason: str
    by: str = ""
    at: str = ""


class Switch:
    """The switch in the signer process's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "stopped"

    def stop(self, identity: str | None, *, reason: str, by: str) -> Stopped:
        """Nothing is signed from now on, by that identity or by any.  OSError: not written.

        What stops it already stays, and this reason stands beside it: whoever takes one back
        sees the other.
        """
        now = datetime.now(UTC).isoformat("T", "seconds")
        found = Stopped(identity=identity, reason=reason, by=by, at=now)
        if before := self.standing(identity):
            found = replace(before, reason=_both(before.reason, reason))
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._folder / f".{os.getpid()}.new"
        new.write_text(json.dumps(asdict(found)), encoding="utf-8")
        new.replace(self._file(identity))
        return found

    def start(self, identity: str | None) -> bool:
        """Take it back; False: it was not stopped.  OSError: not removed."""
        with suppress(FileNotFoundError):
            self._file(identity).unlink()
            return True
        return False

    def stopped(self, identity: str) -> Stopped | None:
        """What keeps that identity from signing, if anything does."""
        return self.standing(None) or self.standing(identity)

    def standing(self, identity: str | None) -> Stopped | None:
        """What stopped that identity alone, or, None, all of them."""
        file = self._file(identity)
        try:
            file.lstat()
        except FileNotFoundError:
            return None
        except OSError:  # a folder that another account has made, say
            return Stopped(identity=identity, reason=UNREADABLE)
        return self._read(file, identity)

    def all(self) -> list[Stopped]:
        """Everything that is stopped."""
        try:
            stems = sorted(each.stem for each in self._folder.iterdir() if each.suffix == ".json")
        except FileNotFoundError:
            return []
        except OSError:
            return [Stopped(identity=None, reason=UNREADABLE)]
        found = (self.standing(None if stem == ALL else stem) for stem in stems)
        return [each for each in found if each]

    def prepare(self) -> None:
        """The folder is the process's own, whoever throws the switch first."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _file(self, identity: str | None) -> Path:
        return self._folder / f"{identity or ALL}.json"

    def _read(self, file: Path, identity: str | None) -> Stopped:
        try:
            said = json.loads(file.read_bytes())
            return Stopped(
                identity=identity,
                reason=str(said["reason"]),
                by=str(said["by"]),
                at=str(said["at"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return Stopped(identity=identity, reason=UNREADABLE)


def _both(before: str, reason: str) -> str:
    """Reasons are words; each stands once."""
    return before if reason in before.split(", ") else f"{before}, {reason}"
