"""Before the kill switch is thrown: is it the process's own, and is there such an identity?

A switch at which no process looks stops nothing.  What cannot be told is no reason not to stop.
"""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from factory.errors import FactoryError, NotFoundError, SettingsError
from jobs.settings import Settings
from jobs.signer import journal, starting
from storage import retiring
from storage.signature_protocol import UNIX
from storage.signer_process import SignerProcess


def refuse_elsewhere(settings: Settings) -> None:
    """SettingsError: the process that is meant looks at another machine's, or folder's, switch."""
    if journal.is_kept(settings.signer_dir):
        return
    if _is_of_another_machine(settings) or why_silent(settings) is None:
        raise elsewhere(settings)


def elsewhere(settings: Settings) -> SettingsError:
    """What whoever types it at the wrong place is told."""
    return SettingsError(
        f"the signer process at {starting.address_of(settings)} does not look into"
        f" {settings.signer_dir}: type it on that process's machine, as its account, with its"
        " FACTORY_DATA_DIR"
    )


def why_silent(settings: Settings) -> str | None:
    """Why the process gives no answer; None: it gives one."""
    try:
        SignerProcess(starting.address_of(settings), tls=settings.signer_tls).status()
    except FactoryError as error:
        return str(error)
    return None


def doubt(settings: Settings, identity: str) -> str | None:
    """Why nobody can say whether there is such an identity; None: there is.

    NotFoundError: there is none, neither in the keyring nor in the policy.
    """
    try:
        known = _in_keyring(settings.keyring_dir)
    except OSError as error:
        return f"the keyring cannot be read ({error.strerror})"
    if identity in known:
        return None
    from jobs.signer import process  # noqa: PLC0415 - with a server that others do not need

    try:
        known |= process.policy_of(settings).identities
    except FactoryError as error:
        return f"the policy cannot be read ({error})"
    if identity in known:
        return None
    there = ", ".join(sorted(known)) or "none"
    raise NotFoundError(f"{identity} is in neither the keyring nor the policy; there are: {there}")


def _in_keyring(folder: Path) -> set[str]:
    """The identities in use, and those that no longer are; OSError: it cannot be read."""
    places = {each.name: each for each in folder.iterdir()}
    there = (places[name] for name in ("identities", retiring.HOME) if name in places)
    return {home.name for place in there for home in place.iterdir()}


def _is_of_another_machine(settings: Settings) -> bool:
    """Whether a process by that address would not listen here."""
    address = starting.address_of(settings)
    if address.startswith(UNIX) or settings.signer_listen:
        return False
    return not _is_ours(str(urlsplit(address).hostname))


def _is_ours(host: str) -> bool:
    """Whether one of the host's addresses is this machine's."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(_can_bind(family, where) for family, _, _, _, where in found)


def _can_bind(family: int, where: object) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(where)  # type: ignore[arg-type]
        except OSError:
            return False
    return True
