"""Child servers on loopback: started, waited for, stopped, and never outliving their parent."""

import ctypes
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from factory.errors import SettingsError

LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02
LOG_MOST_BYTES = 4_000_000
TAIL_LINES = 6

#: Below Linux's range for outgoing connections, also after adding GRPC_STEP.
PORTS = range(15_000, 22_000)
GRPC_STEP = 10_000

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class PortTakenError(SettingsError):
    """Somebody else took the port between its choice and the start: choose another."""


class Server:
    """One server process of our own, with its log and a question that says when it is ready.

    The process has a session of its own, so that Ctrl-C reaches only us and we stop it in
    order; on Linux the kernel kills it when the thread that started it ends in any way, so
    start it from the thread that outlives its use.

    advice: what to set when the program cannot run here.
    held:   file descriptors that stay open as long as the process lives.
    """

    def __init__(
        self,
        *,
        name: str,
        command: tuple[str, ...],
        folder: Path,
        log: Path,
        ready: Callable[[], bool],
        advice: str,
        env: Mapping[str, str] | None = None,
        held: tuple[int, ...] = (),
    ) -> None:
        self.name, self.command, self.folder, self.log = name, command, folder, log
        self._ready, self._advice = ready, advice
        self._env, self._held = dict(env or {}), held
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def pid(self) -> int | None:
        """The process id; None: not running."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the process and return when it answers.

        PortTakenError: somebody listens on one of its ports already.
        SettingsError: it does not run here; the message ends with its last log lines.
        """
        self._process = self._spawn()
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the process in order (SIGTERM), and by force when it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a fault would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Start again on the same ports, after a stop or a fault."""
        self.stop()
        self.start()

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _rotate(self.log)
        with self.log.open("ab") as log:
            self._log_from = log.tell()
            try:
                return subprocess.Popen(
                    self.command,
                    cwd=self.folder,
                    env={"PATH": os.environ.get("PATH", os.defpath), **self._env},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=self._held,
                    preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - one system call, no lock
                )
            except OSError as error:
                raise self._failed(f"{self.command[0]}: {error.strerror}") from None

    def _wait(self) -> None:
        """Return when the server answers; raise when it ends or says nothing for too long."""
        limit = time.monotonic() + START_SECONDS
        while not self._ready():
            if self.pid is None:
                raise self._ended()
            if time.monotonic() > limit:
                raise self._failed(f"gave no answer within {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _ended(self) -> SettingsError:
        code = self._process.wait() if self._process is not None else None
        if re.search(r"already in use|is not available", self._said()):
            return PortTakenError(f"{self.name}: its port is taken")
        return self._failed(f"ended at once with code {code}")

    def _failed(self, problem: str) -> SettingsError:
        tail = "\n    ".join(self._said().splitlines()[-TAIL_LINES:])
        log = f"\n  The last lines of {self.log}:\n    {tail}" if tail else ""
        return SettingsError(f"{self.name} cannot be started: {problem}. {self._advice}{log}")

    def _said(self) -> str:
        """What this start wrote into the log."""
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[self._log_from :].decode("utf-8", "replace")


def free_port() -> int:
    """A port of loopback that is free now, and so is the one GRPC_STEP above it."""
    for _ in range(1_000):
        port = PORTS[secrets.randbelow(len(PORTS))]
        if is_free(port) and is_free(port + GRPC_STEP):
            return port
    raise SettingsError(f"no free port on {LOOPBACK} between {PORTS.start} and {PORTS.stop}")


def free_ports(count: int) -> tuple[int, ...]:
    """So many different free ports."""
    chosen: set[int] = set()
    while len(chosen) < count:
        chosen.add(free_port())
    return tuple(chosen)


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def die_with(parent: int) -> Callable[[], None] | None:
    """What a child does before it becomes something else: ask to be killed with its parent."""
    libc = _LIBC
    if libc is None:
        return None

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


def _rotate(log: Path) -> None:
    """Keep one older log when this one has grown long."""
    if log.exists() and log.stat().st_size > LOG_MOST_BYTES:
        log.replace(log.with_suffix(".1.log"))
