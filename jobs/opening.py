"""Opening: what must stand before the first event: keys, schema, buckets, grants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from factory.errors import SettingsError
from factory.fonts import UMING
from factory.seals.picture import draw_test_seal
from jobs.wiring import font_files
from storage import keyring, schema
from storage.ledger import inbox

if TYPE_CHECKING:
    from jobs.wiring import Plant

#: the upstream system of the examples; the embedded default lets it submit for everything
EXAMPLE_SOURCE = "urn:example:shanghai-portal"


def open_embedded(plant: Plant) -> None:
    """Make everything the embedded default needs; doing so again changes nothing."""
    make_test_keyring(plant)
    schema.migrate(plant.ledger.engine)
    for store in (plant.store, plant.intake_store):
        store.ensure_bucket()
    with plant.ledger.write("first start") as tx:
        for profile in plant.profiles.values():
            inbox.grant(tx, EXAMPLE_SOURCE, profile.id)


def make_test_keyring(plant: Plant) -> None:
    """A test CA and one test seal a profile, unless there is a keyring."""
    if plant.settings.keyring_dir.exists():
        return
    face = font_files(plant.settings.font_dirs).get(UMING.file, b"")
    identities = {
        profile.seal.identity: profile.authority.name for profile in plant.profiles.values()
    }
    keyring.create_test_keyring(
        plant.settings.keyring_dir,
        identities=identities,
        now=datetime.now(UTC),
        draw_seal=lambda name: draw_test_seal(name, face),
    )


def check_schema(plant: Plant) -> None:
    """SettingsError: the database does not stand at the revision this code needs."""
    found, wanted = schema.current_revision(plant.ledger.engine), schema.head_revision()
    if found != wanted:
        raise SettingsError(
            f"the ledger stands at revision {found or 'none'}, this code needs {wanted}:"
            " run `certfactory migrate`"
        )
