"""Starting the signer process, which others do not import, and waiting until it answers."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from factory.errors import KeyBusyError, SettingsError
from jobs.settings import Settings
from storage.signature_protocol import UNIX

if TYPE_CHECKING:
    from storage.signer_process import SignerProcess

COMMAND = (sys.executable, "-m", "jobs.signer")
SOCKET = "socket"
ANSWER_SECONDS = 60.0  #: reading profiles takes a loaded machine that long
LOOK_SECONDS = 0.1


def address_of(settings: Settings) -> str:
    """Where it is asked, as the settings say it or leave it open."""
    return settings.signer or f"{UNIX}{settings.signer_dir / SOCKET}"


def with_own(settings: Settings) -> Settings:
    """The settings, naming the signer process that this installation starts itself."""
    return replace(settings, signer=address_of(settings))


def found(settings: Settings) -> Settings:
    """The same, if that one runs; otherwise as they are."""
    is_there = (settings.signer_dir / SOCKET).is_socket()
    return with_own(settings) if is_there and not settings.signer else settings


def become(settings: Settings) -> None:
    """This process holds keys from now on, as the settings say."""
    os.execve(COMMAND[0], COMMAND, dict(os.environ) | settings.to_env())  # noqa: S606


def wait_until_answers(process: SignerProcess, settings: Settings) -> None:
    """Until it answers.  SettingsError: it does not."""
    ends = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < ends:
        try:
            process.status()
        except KeyBusyError:
            time.sleep(LOOK_SECONDS)
        else:
            return
    raise SettingsError(
        f"the signer process does not answer at {process.address}: see"
        f" {settings.data_dir / 'log' / 'signer.log'}"
    )
