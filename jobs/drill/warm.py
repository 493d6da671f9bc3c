"""Warm starts (热启动): members of a crew that are forked from a process which has read the code.

A member that is started cold reads 1 600 modules, some 1.5 s of a core, and a drill starts a dozen.
Forked it is there at once, and from its own first line on it is the same process: with a session,
an environment, a log and a parent of its own.  Only drills and tests start members so.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

from factory import numbering
from factory.page import qr
from jobs.crew import Process, begun
from jobs.servers import die_with
from jobs.settings import Settings

MODULES = ("jobs.drill.killer", "jobs.drill.member", "jobs.signer.__main__")
PROGRAMS = ("jobs.master", "jobs.steward", "jobs.notifier", *MODULES[1:])  #: read, then run anew
ROOT = Path(__file__).parents[2]
MOST_BYTES = 200_000  #: of a wish, most of it the environment
PID_BYTES = 32
CODES, CODE_BYTES = 200, 13  #: of specimens
LOOK_SECONDS = 0.01
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A process to be: ``python -m`` words, its environment, and who is to be its parent."""

    words: Sequence[str]
    environment: Mapping[str, str]
    parent: int


@dataclass(slots=True)
class Child:
    """A process of ours as `subprocess.Popen` tells of one; asked by several threads."""

    pid: int
    returncode: int | None = None
    _one: threading.Lock = field(default_factory=threading.Lock)

    def poll(self) -> int | None:
        """Its exit code; minus the signal that ended it; None: it runs."""
        with self._one:
            if self.returncode is None:
                found, status = os.waitpid(self.pid, os.WNOHANG)
                if found:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended.  TimeoutExpired: not within so many seconds."""
        ends = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if ends is not None and time.monotonic() > ends:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(LOOK_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


@dataclass(slots=True)
class Warm:
    """The process that has read the code, asked for children."""

    line: socket.socket
    _children: list[Child] = field(default_factory=list)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def begin(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        out: IO[bytes] | None,
        kept: Sequence[int],
    ) -> Process:
        """A process of the crew; cold, if it is another program or has descriptors to inherit."""
        if list(command[:2]) != [sys.executable, "-m"] or kept:
            return begun(command, environment, out, kept)
        wish = Wish(words=command[2:], environment=environment, parent=os.getpid())
        with self._one:
            self._children = [each for each in self._children if not _is_buried(each)]
            said = sys.stderr.fileno() if out is None else out.fileno()
            socket.send_fds(self.line, [json.dumps(asdict(wish)).encode()], [said])
            child = Child(int(self.line.recv(PID_BYTES)))
            self._children.append(child)
        return child


def _is_buried(child: Child) -> bool:
    """Whether nobody of its group is left; whom a killed master left behind became ours."""
    if child.returncode is None:
        return False
    try:
        while os.waitpid(-child.pid, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


@contextmanager
def warmed(prefetch: int) -> Iterator[Warm]:
    """The process that has read the code, while the block runs.

    Whoever loses its parent meanwhile becomes a child of this process (prctl(2), subreaper).

    prefetch: of the workers to be, which dramatiq takes from the environment as it is read.
    """
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with tempfile.TemporaryDirectory(prefix="warm-") as counters, ours:
        own = {"PROMETHEUS_MULTIPROC_DIR": counters, "dramatiq_queue_prefetch": str(prefetch)}
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", "jobs.drill.warm", str(its.fileno())],
                cwd=ROOT,
                env=dict(os.environ) | own,
                stdin=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - one system call, no lock
            )
        try:
            yield Warm(ours)
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """Read the code; then a child for each wish, until nobody is there to wish any more."""
    line = socket.socket(fileno=int(sys.argv[1]))
    for name in (*PROGRAMS, *MODULES):
        importlib.import_module(name)
    for name in PROGRAMS:
        del sys.modules[name]
    _learn(Settings.from_env(os.environ).verify_url)
    gc.freeze()
    wish = _serve(line)
    if wish is not None:
        _become(wish)


def _learn(verify_url: str) -> None:
    """What every worker learns at its first certificates: how QR symbols change (`qr`)."""
    for digest in map(sha256, map(str.encode, map(str, range(CODES)))):
        qr.symbol(f"{verify_url}{numbering.verification_code(digest.digest()[:CODE_BYTES])}")


def _serve(line: socket.socket) -> Wish | None:
    """What this process is to be, if it is a child; None: it is over."""
    while True:
        said, outs, _, _ = socket.recv_fds(line, MOST_BYTES, 1)
        if not said:
            return None
        wish, [out] = Wish(**json.loads(said)), outs
        pids, pid = os.pipe()
        between = os.fork()
        if not between:  # ends at once, so that its child becomes that of the wish's parent
            if child := os.fork():
                os.write(pid, str(child).encode())
                os._exit(0)
            line.close()
            for each in (pids, pid):
                os.close(each)
            _stand_alone(wish, out)
            return wish
        os.waitpid(between, 0)
        line.send(os.read(pids, PID_BYTES))
        for each in (pids, pid, out):
            os.close(each)


def _stand_alone(wish: Wish, out: int) -> None:
    """A session of its own, streams of its own, and an end with its parent."""
    while os.getppid() != wish.parent:
        time.sleep(LOOK_SECONDS / 10)
    if ask := die_with(wish.parent):
        ask()
    os.setsid()
    for number in (1, 2):
        os.dup2(out, number)
    os.close(out)


def _become(wish: Wish) -> None:
    os.environ.clear()
    os.environ.update(wish.environment)
    os.chdir(ROOT)
    random.seed()
    sys.argv = list(wish.words)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
