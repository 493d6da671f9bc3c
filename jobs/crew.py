"""The crew: the processes of one host, started, watched and started again when they die.

One small dramatiq master a core, so that a killed worker costs one core, one steward, one sender
of notices, and in `up` the signer process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Protocol

import structlog

from factory.model import Queue
from jobs import door
from jobs.servers import die_with
from jobs.settings import Settings
from jobs.signer import starting
from jobs.wiring import load_profiles
from storage import passphrases

log = structlog.get_logger()

WORKER = "jobs.worker:start"
PYTHON = (sys.executable, "-m")  #: how a member that is no worker is started
ROLL = "crew.json"  #: beside the counters: who is of the crew
WATCH_SECONDS = 0.2
RESTART_SECONDS = 1.0
STOP_SECONDS = 20.0
NOTICE_SECONDS = 5.0  #: within which a master ends after its worker; it takes one or two


class Process(Protocol):
    """What the crew asks of a process: some of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


#: Starts a process: its words, its environment, where it writes, descriptors that it inherits.
Begin = Callable[[Sequence[str], Mapping[str, str], IO[bytes] | None, Sequence[int]], Process]


def begun(
    command: Sequence[str],
    environment: Mapping[str, str],
    out: IO[bytes] | None,
    kept: Sequence[int],
) -> Process:
    """A process with a session of its own, which ends with the thread that started it."""
    return subprocess.Popen(
        command,
        env=environment,
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        start_new_session=True,
        pass_fds=kept,
        preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - one system call, no lock
    )


@dataclass(slots=True)
class Member:
    """One process of the crew, under a name that stays when it is started again.

    bereaved_at: when it was first seen with a dead child that it did not bury.
    """

    name: str
    command: Sequence[str]
    process: Process | None = None
    restarts: int = 0
    not_before: float = 0.0
    bereaved_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A member as the roll has it.

    pid: of its master; None: it is about to be started again.
    """

    name: str
    pid: int | None
    restarts: int


@dataclass(slots=True)
class Crew:
    """All members of this host.

    own_logs: each writes a file of its own in the data directory; otherwise all of them write to
              where the crew's own lines go.
    begin:    how its processes are started.
    """

    settings: Settings
    members: list[Member]
    own_logs: bool = True
    begin: Begin = begun
    _stopping: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start whoever does not run.  OSError: not everybody can be; the others are."""
        due = [m for m in self.members if m.process is None and time.monotonic() >= m.not_before]
        failed: list[OSError] = []
        for member in due:
            try:
                member.process = self._begin(member)
            except OSError as error:
                member.not_before = time.monotonic() + RESTART_SECONDS
                failed.append(error)
        if due:
            _enrol(self.settings.metrics_dir, self.members)
        if failed:
            raise failed[0]

    def _begin(self, member: Member) -> Process:
        with _log(self.settings, member.name) if self.own_logs else nullcontext() as out:
            kept = passphrases.keep(self.settings.key_passphrase_file)
            return self.begin(member.command, environment(self.settings), out, kept)

    def watch(self) -> None:
        """Start again whoever died, until stopped.

        A machine that has no room, memory or process to give for a while is asked again.
        """
        while not self._stopping.wait(WATCH_SECONDS):
            try:
                self._look_after()
            except OSError as error:
                _say("crew is not whole", reason=error.strerror)
        self._ended.wait()  # a child is killed when the thread that started it ends

    def _look_after(self) -> None:
        for member in self.members:
            _end_if_stuck(member)
            if _bury(member):
                _enrol(self.settings.metrics_dir, self.members)
        self.start()

    def stop(self) -> None:
        """End everybody: current messages are finished, prefetched ones go back."""
        self._stopping.set()
        running = [m.process for m in self.members if m.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            _end(process)
        self._ended.set()


def members_of(
    settings: Settings, *, worker: str = WORKER, python: Sequence[str] = PYTHON
) -> list[Member]:
    """The steward, the sender of notices, and one master a worker process."""
    pools = [
        (Queue.CONTROL, 1),
        (Queue.INTERACTIVE, settings.interactive_workers),
        (Queue.BULK, settings.bulk_workers),
    ]
    found = [
        Member("steward", [*python, "jobs.steward"]),
        Member("notifier", [*python, "jobs.notifier"]),
    ]
    for queue, count in pools:
        command = worker_command(queue, worker)
        found += [Member(f"{queue}-{number}", command) for number in range(count)]
    return found


def worker_command(queue: Queue, worker: str = WORKER) -> list[str]:
    """How one master with one worker process of a queue is started."""
    return [
        *(sys.executable, "-m", "jobs.master", worker),
        *("--queues", queue.value, "--processes", "1", "--threads", "1"),
        *("--skip-logging",),
    ]


@contextmanager
def at_work(
    settings: Settings,
    *,
    worker: str = WORKER,
    python: Sequence[str] = PYTHON,
    with_door: bool = False,
    with_signer: bool = False,
    own_logs: bool = True,
    begin: Begin = begun,
) -> Iterator[Crew]:
    """A crew that works while the block runs.

    with_door:   and serves the HTTP interface.
    with_signer: and holds the keys in a process of its own, where the settings name it.
    own_logs:    each member has a log file of its own.
    begin:       how its processes are started.

    SettingsError: a profile is broken; nobody is started.
    """
    load_profiles(settings.profiles_dir)
    _fresh(settings.metrics_dir)
    members = members_of(settings, worker=worker, python=python)
    if with_signer:
        members.insert(0, Member("signer", starting.COMMAND))
    if with_door:
        settings = door.watched(settings)
        members.append(Member("door", door.COMMAND))
    crew = Crew(settings, members, own_logs=own_logs, begin=begin)
    crew.start()
    watcher = threading.Thread(target=crew.watch, name="crew", daemon=True)
    watcher.start()
    try:
        yield crew
    finally:
        crew.stop()
        watcher.join()


def wait_for_stop() -> None:
    """Until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def environment(settings: Settings) -> Mapping[str, str]:
    """What every member finds in its environment."""
    return (
        dict(os.environ)
        | settings.to_env()
        | {
            "PROMETHEUS_MULTIPROC_DIR": str(settings.metrics_dir),
            "dramatiq_queue_prefetch": str(settings.prefetch),
        }
    )


def _log(settings: Settings, name: str) -> IO[bytes]:
    logs = settings.data_dir / "log"
    logs.mkdir(parents=True, exist_ok=True)
    return (logs / f"{name}.log").open("ab")


def _end_if_stuck(member: Member) -> None:
    """Kill a master that does not see that its worker is dead.

    A worker that dies while it tells the master that it has started takes a lock with it, for
    which dramatiq's master waits without end.
    """
    if member.process is None or not _has_dead_child(member.process.pid):
        member.bereaved_at = None
        return
    now = time.monotonic()
    if member.bereaved_at is None:
        member.bereaved_at = now
    elif now - member.bereaved_at > NOTICE_SECONDS:
        _say("master is stuck", member=member.name)
        member.process.kill()
        member.process.wait()


def _say(what: str, **more: object) -> None:
    """To where there may be no room for it."""
    with suppress(OSError):
        log.warning(what, **more)


def _has_dead_child(pid: int) -> bool:
    """Whether one of its children is dead and waits to be buried (proc(5))."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        states = [Path(f"/proc/{child}/stat").read_bytes() for child in children]
    except OSError:  # ended meanwhile, or no Linux
        return False
    return any(state.rpartition(b") ")[2].startswith(b"Z") for state in states)


def _bury(member: Member) -> bool:
    """Whether it had died."""
    if member.process is None or member.process.poll() is None:
        return False
    _say("process ended", member=member.name, code=member.process.returncode)
    _kill_group(member.process)
    member.process = None
    member.bereaved_at = None
    member.restarts += 1
    member.not_before = time.monotonic() + RESTART_SECONDS
    return True


def _end(process: Process) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _kill_group(process)


def _kill_group(process: Process) -> None:
    """A master that was killed leaves its worker behind; nobody else owns the group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def roll(folder: Path) -> list[Enrolled]:
    """Who is of the crew, as it last wrote down; nobody where there is none."""
    try:
        found = json.loads((folder / ROLL).read_bytes())
    except (OSError, ValueError):
        return []
    return [Enrolled(**each) for each in found]


def _enrol(folder: Path, members: Sequence[Member]) -> None:
    """Write down who is of the crew, whole or not at all."""
    rows = [
        Enrolled(name=m.name, pid=m.process.pid if m.process else None, restarts=m.restarts)
        for m in members
    ]
    new = folder / f"{ROLL}.new"
    new.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")
    new.replace(folder / ROLL)


def _fresh(folder: Path) -> None:
    """A folder without what an earlier crew has left: its counters are not added to this one's.

    A door that runs by itself goes on writing to its files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        pid = file.stem.rpartition("_")[2]
        if not (file.suffix == ".db" and pid.isdigit() and Path(f"/proc/{pid}").exists()):
            file.unlink(missing_ok=True)
