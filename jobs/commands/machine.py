"""What a command works with: this machine's settings and plant, and the account at its terminal."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping

from factory.versions import Versions
from jobs import embedded, logs, opening
from jobs.settings import Settings
from jobs.wiring import Plant, load_profiles, plant_of


def plant() -> Plant:
    """The factory, with all it needs to read its ledger.

    SettingsError: there is no keyring.
    """
    opened = bare_plant()
    opening.check_keyring(opened.settings)
    return opened


def bare_plant() -> Plant:
    """The factory as it is found, with keys or without."""
    logs.configure("warning")
    return plant_of(settings())


def profiles() -> Mapping[str, Versions]:
    """The installed profiles; needs no keys and no ledger.  SettingsError: one is broken."""
    return load_profiles(Settings.from_env(os.environ).profiles_dir)


def settings() -> Settings:
    """What the environment says, and where the servers of ``up`` are, if they run."""
    return embedded.found(Settings.from_env(os.environ))


def who() -> str:
    """The account the audit log names."""
    return f"cli:{getpass.getuser()}"
