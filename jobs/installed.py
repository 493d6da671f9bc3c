"""The installed profiles: those that come with the product, and those of a folder.

Apart from the wiring, since the signer process's policy needs them and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from factory import versions
from factory.errors import ProfileError, SettingsError
from factory.versions import Versions


class Profiles(dict[str, Versions]):
    """The versions of the installed profiles, by id."""

    def __missing__(self, ident: str) -> Versions:
        """SettingsError: the ledger speaks of a register this process was not told about."""
        raise SettingsError(
            f"profile {ident}: is not installed; set FACTORY_PROFILES_DIR to the folder that has it"
        )


def load_profiles(extra: Path | None) -> Mapping[str, Versions]:
    """The profiles that come with the product and those of a folder, checked whole.

    SettingsError: which file, and which of its fields breaks which rule.
    """
    entries = (*_own_profiles(), *_further_profiles(extra))
    try:
        return Profiles(versions.gathered((str(each), _text(each)) for each in entries))
    except ProfileError as error:
        raise SettingsError(str(error)) from error


def _text(entry: Traversable) -> str:
    try:
        return entry.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"profile file {entry}: {error}") from error


def _own_profiles() -> Iterator[Traversable]:
    return (
        entry
        for entry in resources.files("factory.profiles").iterdir()
        if entry.name.endswith(".toml")
    )


def _further_profiles(folder: Path | None) -> Sequence[Path]:
    if folder is None:
        return ()
    if not folder.is_dir():
        raise SettingsError(f"FACTORY_PROFILES_DIR: there is no folder {folder}")
    return sorted(folder.glob("*.toml"))
