"""The policy that the installed profiles come to; ``python -m jobs.signer.deriving`` prints it.

A process of its own, since profiles and kinds need far more than keys do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from factory.errors import FactoryError, SettingsError
from factory.kinds import KINDS
from jobs.installed import load_profiles
from jobs.settings import Settings
from jobs.signer import NOT_SET_UP, policy
from jobs.signer.policy import HEADS, Use
from storage.key_sources import LOG_HOME


def uses_of(profiles_dir: Path | None) -> set[Use]:
    """Each identity of each dated version, for the kinds that it seals.

    An order keeps the identity it was promised by, so versions that are past count too.  The log's
    own key signs its heads and nothing else.
    SettingsError: a profile is broken, or names the log's identity for a seal.
    """
    uses = {
        (profile.seal.of(kind), str(profile.id), kind.value)
        for versions in load_profiles(profiles_dir).values()
        for profile in versions.all
        for kind, how in KINDS.items()
        if how.SEALED
    }
    if any(identity == LOG_HOME for identity, _, _ in uses):
        raise SettingsError(f"no seal may be called {LOG_HOME}: the key of the log is")
    return uses | {HEADS}


def main() -> None:
    """Print it."""
    try:
        settings = Settings.from_env(os.environ)
        sys.stdout.write(policy.written(uses_of(settings.profiles_dir)))
    except FactoryError as error:
        sys.stderr.write(str(error))
        sys.exit(NOT_SET_UP)


if __name__ == "__main__":
    main()
