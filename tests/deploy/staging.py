"""The deployment's processes without an engine or a service manager: started by hand as it says.

A stage takes commands, environments and files as the compose file and the units have them, and
puts loopback and folders of the test in the place of names, ports and paths; nothing else differs.
"""

from __future__ import annotations

import compileall
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import urllib3

from jobs.servers import die_with

from .shapes import ROOT, copied_into

PATIENCE_SECONDS = 240.0  #: liveness only
STOP_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class Stage:
    """A folder with the product as the image has it, and what was started in it.

    places: what a text of the deployment says -> what it is here, the longest first.
    """

    folder: Path
    product: Path
    places: dict[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """The text with the places of this stage."""
        for there, here in sorted(self.places.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(there, here)
        return text

    def laid(self, path: Path, *changes: tuple[str, str]) -> Path:
        """A file of the deployment with the places of this stage, and some changes more."""
        text = self.here(path.read_text("utf-8"))
        for old, new in changes:
            assert old in text, f"{path.name} does not say {old}"
            text = text.replace(old, new)
        there = self.folder / path.name
        there.write_text(text, "utf-8")
        return there

    def start(self, name: str, words: Sequence[str], environ: Mapping[str, str]) -> None:
        """A process that goes on until the stage ends, its output in a file of its name."""
        with self.log(name).open("ab") as out:
            self.running[name] = subprocess.Popen(
                words,
                cwd=self.product,
                env=self._environ(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - one system call, no lock
            )

    def run(
        self, words: Sequence[str], environ: Mapping[str, str], stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """A process that ends."""
        return subprocess.run(
            words,
            cwd=self.product,
            env=self._environ(environ),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.folder / f"{name}.log"

    def ours(self, words: Sequence[str]) -> list[str]:
        """The command line of the product that lies in the stage."""
        return [sys.executable, "-m", "cli", *words]

    def stop(self, name: str) -> int:
        """End a process in order; its exit code."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()

    def end(self) -> None:
        """Stop everything, the last one first."""
        for name in reversed(list(self.running)):
            self.stop(name)

    def _environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Nothing of the test's own but where programs are, and where the product is."""
        own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.product), "HOME": "/nonexistent"}
        return {key: self.here(value) for key, value in environ.items()} | own


def installed(folder: Path) -> Path:
    """The product as the image's build installs it: a wheel of what the recipe copies, unpacked."""
    source, made = folder / "source", folder / "product"
    for name in copied_into("/source"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(ROOT / name, source / name)
    build = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    words = [sys.executable, "-m", "pip", "wheel", *build, "--wheel-dir", str(folder), str(source)]
    subprocess.run(words, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    shutil.unpack_archive(wheel, made, "zip")
    compileall.compile_dir(made, quiet=1)  # as pip does
    return made


def wait_for(done: Callable[[], bool], stage: Stage, what: str) -> None:
    """Until it comes true, or the test fails with what the processes said."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        dead = [name for name, each in stage.running.items() if each.poll() is not None]
        if dead or time.monotonic() > deadline:
            tails = [stage.log(name).read_text("utf-8")[-1500:] for name in dead or stage.running]
            raise AssertionError("\n".join((f"{what}: {dead or 'too long'}", *tails)))
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether somebody answers there, whatever it is."""
    try:
        urllib3.request("GET", url, timeout=5, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return True


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its digest; to see whether anything was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}
