"""The kill switch (紧急停签): files that the signer process looks at on each call.

``stopped/all.json`` stops every key, ``stopped/NAME.json`` those of one identity.  A file is
enough, whatever is in it: one that cannot be read stops as well.  It outlives restarts.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ALL = "all"  #: no identity may be called so
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Who stopped what, when and why.

    identity: None: all of them.  at: ISO 8601.
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
        """Nothing is signed from now on, by that identity or by any.  OSError: not written."""
        found = Stopped(
            identity=identity, reason=reason, by=by, at=datetime.now(UTC).isoformat("T", "seconds")
        )
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
        for each in (None, identity):
            if os.path.lexists(file := self._file(each)):
                return self._read(file, each)
        return None

    def all(self) -> list[Stopped]:
        """Everything that is stopped."""
        files = sorted(self._folder.glob("*.json"))
        return [self._read(file, None if file.stem == ALL else file.stem) for file in files]

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
