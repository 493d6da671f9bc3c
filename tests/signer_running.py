"""The signer process, really started, and the purposes that tests sign for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from factory.errors import KeyBusyError
from factory.seals.signer import Purpose
from jobs.servers import die_with
from jobs.settings import Settings
from jobs.signer.starting import COMMAND, with_own
from storage.signer_process import SignerProcess

PATIENCE_SECONDS = 120.0  #: liveness only
ROOT = Path(__file__).parents[1]


@dataclass(slots=True)
class Running:
    """A process that can be killed and started again."""

    settings: Settings
    process: subprocess.Popen[bytes] | None = None

    @property
    def asked(self) -> SignerProcess:
        """How it is asked."""
        return SignerProcess(self.settings.signer, tls=self.settings.signer_tls)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """And wait until it answers."""
        with (self.settings.data_dir / "signer.log").open("ab") as log:
            self.process = subprocess.Popen(
                COMMAND,
                cwd=ROOT,
                env=dict(os.environ) | self.settings.to_env(),
                stdout=log,
                stderr=log,
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - one system call, no lock
            )
        ends = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            said = (self.settings.data_dir / "signer.log").read_text("utf-8")
            assert self.process.poll() is None and time.monotonic() < ends, said

    def _answers(self) -> bool:
        try:
            self.asked.status()
        except KeyBusyError:
            time.sleep(0.02)
            return False
        return True

    def kill(self) -> None:
        """As a fault would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """In order; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait()


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """A process over the keyring that these settings name, where they leave open where it is."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    found = Running(settings if settings.signer else with_own(settings))
    found.start()
    try:
        yield found
    finally:
        found.kill()


def settings_in(folder: Path, **variables: str) -> Settings:
    """Of a process whose data lies there; variables: without their prefix."""
    given = {f"FACTORY_{name}": value for name, value in variables.items()}
    return Settings.from_env({"FACTORY_DATA_DIR": str(folder), **given})


def asking(settings: Settings, keyring: Path, process: Running) -> Settings:
    """The settings of somebody with that keyring who asks this process."""
    tls = {"signer_tls_cert", "signer_tls_key", "signer_tls_ca"}
    same = {name: getattr(process.settings, name) for name in tls}
    return replace(settings, keyring_dir=keyring, signer=process.settings.signer, **same)


def without_secrets(keyring: Path) -> Path:
    """A keyring without any private key of a seal or of the log, and all that opens one."""
    for name in ("key.p8", "passphrase"):
        for folder in (keyring / "identities", keyring / "log"):
            for file in folder.rglob(name):
                file.unlink()
    return keyring


def digests(count: int, seed: int = 0) -> list[bytes]:
    """So many different ones."""
    return [sha256(f"{seed} {number}".encode()).digest() for number in range(count)]


def certificate_of(profile: str, batch: str | None = None) -> Purpose:
    """To seal its certificates."""
    return Purpose(profile=profile, kind="certificate", batch=batch)


def cli(*words: str, settings: Settings) -> subprocess.CompletedProcess[str]:
    """The command line, as somebody at that machine types it."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        env=dict(os.environ) | settings.to_env(),
        capture_output=True,
        text=True,
        check=False,
    )
