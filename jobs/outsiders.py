"""Outsiders (外部签署方): persons and enterprises of demos and tests, with keys of their own.

They sign as real ones do, through what ``signing`` and ``completing`` give to everybody.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from factory.errors import SettingsError
from factory.model import Kind, Party
from factory.page.fonts import UMING
from factory.seals.picture import draw_test_seal
from jobs import forms
from jobs.wiring import font_file
from storage import outside
from storage.ledger import documents, promises
from storage.outside import OutsideParty

if TYPE_CHECKING:
    from jobs.wiring import Plant


def party_of(
    plant: Plant,
    number: str,
    signer: Party,
    *,
    profile: str | None = None,
    algorithm: str = "p256",
) -> OutsideParty:
    """A new key and a test certificate that names a party of an application.

    number:    the acceptance number (受理编号).
    algorithm: ``p256`` or ``rsa2048``.
    NotFoundError: no such application, or no form of it.  SettingsError: no test keyring.
    """
    folder = plant.settings.keyring_dir / "outside"
    if not folder.is_dir():
        raise SettingsError(
            "the keyring has no test CA (outside/): parties of real registers have their own keys"
        )
    name, ident = _identity(plant, number, signer, profile)
    return outside.issue(folder, signer, name, ident, algorithm=algorithm)


def seal_of(plant: Plant, number: str, *, profile: str | None = None) -> bytes:
    """A test seal of the enterprise of an application, PNG; see ``party_of``."""
    name, _ = _identity(plant, number, Party.ENTERPRISE, profile)
    return _seal(name, plant.settings.font_dirs)


def _identity(plant: Plant, number: str, signer: Party, profile: str | None) -> tuple[str, str]:
    with plant.ledger.read() as tx:
        row = forms.application(tx, number, profile)
        document = documents.standing(tx, row.id, Kind.APPLICATION_FORM)
        return forms.identity(signer, promises.of_document(tx, document.id).face)


@lru_cache(maxsize=64)
def _seal(name: str, folders: tuple[Path, ...]) -> bytes:
    return draw_test_seal(name, font_file(folders, UMING.file))
