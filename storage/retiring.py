"""Retired identities (停用的印章): out of use for good; keys are removed, certificates are kept.

retired/<name>/          what an identity's folder had, but no key, passphrase, PIN or token
retired/<name>/again-2/  the same of another one that had that name later

What it has sealed stays genuine and can still be asked for by its name, which nobody gets again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from factory.errors import SealRetiredError, SettingsError
from factory.seals.keys import fingerprint
from storage import key_sources, keyfiles
from storage.key_sources import Passphrase

HOME, AGAIN = "retired", "again-"
KEPT = frozenset({".pem", ".png", ".toml", ".esl"})  #: by their names' ends; all else is secret


def retire(folder: Path, name: str, passphrase: Passphrase) -> list[str]:
    """Take an identity out of a keyring; where keys are that must be destroyed elsewhere.

    From the moment its folder has moved nothing opens it; done again, after it was broken off, it
    goes on.  SettingsError: there is none, or its PKCS#12 file does not open, so that its
    certificate could not be kept.
    """
    home, place = folder / "identities" / name, folder / HOME / name
    if home.is_dir():
        _keep_certificates(home, passphrase)
        keyfiles.make_folder(place.parent)
        home.rename(_free(place))
    if not place.is_dir():
        raise SettingsError(f"the keyring has no signing identity {name}")
    elsewhere = [key_sources.held(each) for each in homes(folder, name)]
    _remove_secrets(place)
    return [said for said in elsewhere if not said.endswith("file")]


def is_retired(folder: Path, name: str) -> bool:
    """Whether an identity of that name is out of use."""
    return (folder / HOME / name).is_dir()


def refusal(name: str) -> SealRetiredError:
    """What whoever wants to seal with it is told."""
    return SealRetiredError(
        f"{name} is retired: nothing is sealed with it any more; a later version of the register"
        " must name another identity"
    )


def fingerprints(folder: Path, name: str) -> list[str]:
    """SHA-256 of the certificates of a retired identity, hex; none where there is none."""
    return [
        fingerprint(keyfiles.certificates(home / key_sources.SIGNING)[0])
        for home in homes(folder, name)
        if (home / key_sources.SIGNING).exists()
    ]


def names(folder: Path) -> list[str]:
    """Who is retired."""
    return sorted(each.name for each in (folder / HOME).glob("*/"))


def homes(folder: Path, name: str) -> Iterator[Path]:
    """The folders of a retired identity, of both formats, as far as there are any."""
    place = folder / HOME / name
    return (
        each
        for one in (place, *sorted(place.glob(f"{AGAIN}*/")))
        for each in (one, one / key_sources.OFD_HOME)
        if (each / key_sources.ABOUT).exists()
    )


def _free(place: Path) -> Path:
    """Where what is retired goes to: beside what had its name before, if anything had."""
    number, free = 1, place
    while free.exists():
        number += 1
        free = place / f"{AGAIN}{number}"
    return free


def _keep_certificates(home: Path, passphrase: Passphrase) -> None:
    """A PKCS#12 file may hold key and certificates in one: the latter are put beside it."""
    if (home / key_sources.SIGNING).exists() or not (home / key_sources.ABOUT).exists():
        return
    (home / key_sources.CHAIN).unlink(missing_ok=True)  # of a run that was broken off
    key_sources.publish(home, key_sources.opened(home, passphrase))


def _remove_secrets(place: Path) -> None:
    for each in place.rglob("*"):
        if each.is_file() and each.suffix not in KEPT:
            each.unlink()
