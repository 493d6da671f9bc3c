"""Which seals a keyring's folders hold, and whether they are tests."""

from __future__ import annotations

from pathlib import Path

from storage import key_sources, keyfiles, ofd_seals


def all_test(folder: Path) -> bool:
    """Whether each seal of a keyring is a test."""
    abouts = (
        about
        for pattern in ("*/identity.toml", f"*/{ofd_seals.HOME}/identity.toml")
        for about in (folder / "identities").glob(pattern)
    )
    return all(map(_is_test, abouts))


def are_tests(*homes: Path) -> bool:
    """Whether each seal that lies in one of the folders is a test."""
    abouts = [home / key_sources.ABOUT for home in homes]
    return all(_is_test(about) for about in abouts if about.exists())


def _is_test(about: Path) -> bool:
    return bool(keyfiles.settings(about).get("test", False))


def seals_pdf(home: Path) -> bool:
    """Whether a folder of an identity holds anything but a seal for OFD."""
    return home.is_dir() and {each.name for each in home.iterdir()} != {ofd_seals.HOME}
