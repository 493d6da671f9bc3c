"""Opening: what must stand before the first event: keys, schema, buckets, grants, a port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from factory import specimen
from factory.errors import SettingsError
from factory.page.fonts import UMING, check_installed
from factory.seals.picture import draw_test_seal
from jobs.servers import free_port, is_free
from jobs.settings import Settings
from jobs.wiring import font_files
from storage import keyring, schema
from storage.blobs import Blob
from storage.ledger import facts, inbox

if TYPE_CHECKING:
    from jobs.wiring import Plant

#: the upstream system of the examples; the embedded default lets it submit for everything
EXAMPLE_SOURCE = "urn:example:shanghai-portal"
ADOPTED_AT_ONCE = 1_000


def open_embedded(plant: Plant) -> None:
    """Make everything the embedded default needs; doing so again changes nothing."""
    check_fonts(plant.settings)
    make_test_keyring(plant)
    migrate(plant)
    for store in (plant.store, plant.intake_store):
        store.ensure_bucket()
    put_specimens(plant)
    with plant.ledger.write("first start") as tx:
        for name in plant.profiles:
            inbox.grant(tx, EXAMPLE_SOURCE, name)


def put_specimens(plant: Plant) -> None:
    """What the example events name lies in the intake store."""
    data, named = specimen.scan(specimen.SCAN_TEXT), specimen.stored_scan()
    plant.intake_store.put_new(Blob(data=data, content_type="application/pdf", **named))


def migrate(plant: Plant) -> None:
    """The schema of this code, and what an older one wrote in today's form; safe to run again.

    A slice a transaction: when it is stopped halfway, the next run goes on.
    """
    schema.migrate(plant.ledger.engine)
    adopted = ADOPTED_AT_ONCE
    while adopted == ADOPTED_AT_ONCE:
        with plant.ledger.write("migrate") as tx:
            adopted = facts.adopt(tx, limit=ADOPTED_AT_ONCE)


def make_test_keyring(plant: Plant) -> None:
    """A test CA and one test seal a profile; a keyring of real seals is left as it is.

    A profile that came since the keyring was made gets its test seal too.
    SettingsError: the face that test seals are drawn with is missing.
    """
    folder, missing = plant.settings.keyring_dir, _without_seal(plant)
    if folder.exists():
        keyring.add_test_parties(folder, datetime.now(UTC))
        keyring.add_test_ofd_seals(folder, identities=_authorities(plant), now=datetime.now(UTC))
    if not missing:
        return
    face = font_files(plant.settings.font_dirs).get(UMING.file)
    if face is None:
        raise SettingsError(
            f"font file {UMING.file} is missing: install the Debian package {UMING.package},"
            " or set FACTORY_FONT_DIRS to a folder that has it"
        )
    make = keyring.add_test_identities if folder.exists() else keyring.create_test_keyring
    make(
        folder,
        identities=missing,
        now=datetime.now(UTC),
        draw_seal=lambda name: draw_test_seal(name, face),
    )


def _without_seal(plant: Plant) -> Mapping[str, str]:
    """The signing identities that need a test seal, with their authorities' names."""
    made = plant.settings.keyring_dir.exists()
    known = plant.keyring.identities() if made else []
    if made and not (known and all(each.test for each in known)):
        return {}
    there = {each.name for each in known}
    return {name: title for name, title in _authorities(plant).items() if name not in there}


def _authorities(plant: Plant) -> Mapping[str, str]:
    """The signing identities of all profiles, with their authorities' names."""
    return {
        identity: profile.authority.name
        for rules in plant.profiles.values()
        for profile in rules.all
        for identity in profile.seal.all
    }


def metrics_port(settings: Settings) -> Settings:
    """The settings with a real port in place of 0.  SettingsError: somebody has the port."""
    if settings.metrics_port == 0:
        return replace(settings, metrics_port=free_port())
    if not is_free(settings.metrics_port):
        raise SettingsError(
            f"port {settings.metrics_port} is taken: set FACTORY_METRICS_PORT to another one,"
            " or to 0 for any"
        )
    return settings


def check_keyring(settings: Settings) -> None:
    """SettingsError: there is no keyring, so nothing in the ledger can be read."""
    if not settings.keyring_dir.exists():
        raise SettingsError(
            f"there is no keyring in {settings.keyring_dir}: start `certfactory up`, which makes"
            " one for tests, or set FACTORY_KEYRING_DIR (or FACTORY_DATA_DIR) to where yours is"
        )


def check_fonts(settings: Settings) -> None:
    """SettingsError: a face is missing, so nothing could be drawn; names it and its package."""
    check_installed(font_files(settings.font_dirs))


def check_schema(plant: Plant) -> None:
    """SettingsError: the database does not stand at the revision this code needs."""
    found, wanted = schema.current_revision(plant.ledger.engine), schema.head_revision()
    if found != wanted:
        raise SettingsError(
            f"the ledger stands at revision {found or 'none'}, this code needs {wanted}:"
            " run `certfactory migrate`"
        )
