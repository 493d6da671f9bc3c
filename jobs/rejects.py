"""The rejects file: refused lines as they came, to correct and hand in again; mode 0600."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

OWNER_ONLY = 0o600


class Rejects:
    """Written line by line, made only when there is something to write."""

    def __init__(self, path: Path, header: bytes | None = None) -> None:
        self.path, self.count, self.header = path, 0, header
        self._file: BinaryIO | None = None

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, raw: bytes) -> None:
        """Keep one refused event or row, on one line."""
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            self._file = os.fdopen(os.open(self.path, flags, OWNER_ONLY), "wb")
            if self.path.is_file():  # a device keeps its mode
                self.path.chmod(OWNER_ONLY)
            if self.header is not None:
                self._file.write(self.header + b"\n")
        self._file.write(raw.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
        self.count += 1
