"""Opening: what must stand before the first event: keys, schema, buckets, grants, a port."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from factory import specimen
from factory.access_keys import Credentials
from factory.errors import SettingsError, UnrecognisedError
from factory.page.fonts import UMING, check_installed
from factory.seals.picture import draw_test_seal
from jobs import callers, embedded
from jobs.kept import write_private
from jobs.servers import free_port, is_free
from jobs.settings import NOWHERE, Settings
from jobs.wiring import font_files, font_paths
from storage import new_keyring, schema
from storage.backup import snapshot
from storage.blobs import Blob
from storage.ledger import facts, inbox

if TYPE_CHECKING:
    from jobs.wiring import Plant

#: the upstream system of the examples; the embedded default lets it submit for everything
EXAMPLE_SOURCE = "urn:example:shanghai-portal"
ADOPTED_AT_ONCE = 1_000
FIRST_KEY, FIRST_LABEL = "http-key", "first"


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


def prepare(plant: Plant, *, test_keys: bool) -> None:
    """Make what servers of one's own need before the first event; doing so again changes nothing.

    test_keys: the keyring, where there is none yet, is one of test seals.
    """
    check_fonts(plant.settings)
    if test_keys:
        make_test_keyring(plant)
    else:
        new_keyring.create_keyring(plant.settings.keyring_dir, with_log=plant.signer is None)
    migrate(plant)
    for store in (plant.store, plant.intake_store):
        store.ensure_bucket()


def put_specimens(plant: Plant) -> None:
    """What the example events name lies in the intake store."""
    data, named = specimen.scan(specimen.SCAN_TEXT), specimen.stored_scan()
    plant.intake_store.put_new(Blob(data=data, content_type="application/pdf", **named))


def migrate(plant: Plant) -> None:
    """The schema of this code, and what an older one wrote in today's form; safe to run again.

    ConflictError: the ledger is one that a restore has not finished.
    """
    snapshot.check_whole(plant.ledger.engine)
    upgrade(plant)


def upgrade(plant: Plant) -> None:
    """The same, by whoever restores it.

    A slice a transaction: when it is stopped halfway, the next run goes on.
    """
    schema.migrate(plant.ledger.engine)
    adopted = ADOPTED_AT_ONCE
    while adopted == ADOPTED_AT_ONCE:
        with plant.ledger.write("migrate") as tx:
            adopted = facts.adopt(tx, limit=ADOPTED_AT_ONCE)


def make_test_keyring(plant: Plant) -> None:
    """A test CA and one test seal a profile; a keyring of real seals is left as it is.

    A profile that came since the keyring was made gets its test seal too; an identity that was
    retired is not made anew.
    SettingsError: the face that test seals are drawn with is missing.
    """
    folder, missing = plant.settings.keyring_dir, _without_seal(plant)
    if folder.exists():
        new_keyring.add_answer_key(folder)
        new_keyring.add_log_key(folder)
        new_keyring.add_test_parties(folder, datetime.now(UTC))
        new_keyring.add_test_authority(folder, datetime.now(UTC))
        new_keyring.add_test_ofd_seals(
            folder, identities=_authorities(plant), now=datetime.now(UTC)
        )
    if not missing:
        return
    face = test_face(plant)
    make = new_keyring.add_test_identities if folder.exists() else new_keyring.create_test_keyring
    make(
        folder,
        identities=missing,
        now=datetime.now(UTC),
        draw_seal=lambda name: draw_test_seal(name, face),
    )


def test_face(plant: Plant) -> bytes:
    """The face that test seals are drawn with.  SettingsError: it is missing."""
    face = font_files(plant.settings.font_dirs).get(UMING.file)
    if face is None:
        raise SettingsError(
            f"font file {UMING.file} is missing: install the Debian package {UMING.package},"
            " or set FACTORY_FONT_DIRS to a folder that has it"
        )
    return face


def _without_seal(plant: Plant) -> Mapping[str, str]:
    """The signing identities that need a test seal, with their authorities' names.

    No key is opened: the signer process, which opens them, is not there yet.
    """
    keys = plant.keyring
    if plant.settings.keyring_dir.exists() and not keys.is_for_tests:
        return {}
    there = keys.names
    return {
        name: title
        for name, title in _authorities(plant).items()
        if name not in there and not keys.is_retired(name)
    }


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
    return replace(settings, metrics_port=_port(settings.metrics_port, "FACTORY_METRICS_PORT"))


def prometheus_port(settings: Settings) -> Settings:
    """The same of the Prometheus beside it."""
    port = _port(settings.prometheus_port, "FACTORY_PROMETHEUS_PORT")
    return replace(settings, prometheus_port=port)


def http_port(settings: Settings) -> Settings:
    """The same of the HTTP interface's, and of its address as links say it."""
    port = _port(settings.http_port, "FACTORY_HTTP_PORT")
    public = settings.http_public_url
    if public.endswith(":0"):
        public = f"{public.removesuffix(':0')}:{port}"
    return replace(settings, http_port=port, http_public_url=public)


def own_codes(settings: Settings) -> Settings:
    """QR codes lead to our own pages, unless somebody has said where to.

    Kept with the embedded servers, so that commands beside them print the same.
    """
    if settings.verify_url == NOWHERE:
        settings = replace(settings, verify_url=f"{settings.http_public_url}/v/")
    embedded.keep_verify_url(settings)
    return settings


def _port(wanted: int, variable: str) -> int:
    if wanted == 0:
        return free_port()
    if not is_free(wanted):
        raise SettingsError(
            f"port {wanted} is taken: set {variable} to another one, or to 0 for any"
        )
    return wanted


def first_key(plant: Plant) -> Path:
    """The file with an access key of the example source, for every scope and register.

    One that opens nothing any more, or is for fewer registers than there are, is followed by
    another.  Only the embedded default has one, on test keys.
    """
    path = plant.settings.data_dir / FIRST_KEY
    with suppress(FileNotFoundError, UnrecognisedError):
        credentials = Credentials(
            authorization=f"Bearer {path.read_text('ascii').strip()}", method="GET", target="/"
        )
        caller = callers.recognise(plant, credentials, now=datetime.now(UTC))
        if caller.profiles == frozenset(plant.profiles):
            return path
    for each in callers.listed(plant):
        if (each.source, each.label, each.state) == (EXAMPLE_SOURCE, FIRST_LABEL, "active"):
            callers.revoke(plant, each.key, who="first start", why="followed by another")
    issued = callers.issue(plant, EXAMPLE_SOURCE, label=FIRST_LABEL, who="first start")
    write_private(path, issued.token + "\n")
    return path


def check_keyring(settings: Settings) -> None:
    """SettingsError: there is no keyring, so nothing in the ledger can be read."""
    if not settings.keyring_dir.exists():
        raise SettingsError(
            f"there is no keyring in {settings.keyring_dir}: start `certfactory up`, which makes"
            " one for tests, or set FACTORY_KEYRING_DIR (or FACTORY_DATA_DIR) to where yours is"
        )


def check_fonts(settings: Settings) -> None:
    """SettingsError: a face is missing, so nothing could be drawn; names it and its package."""
    check_installed(font_paths(settings.font_dirs))


def check_schema(plant: Plant) -> None:
    """SettingsError: the database does not stand at the revision this code needs.

    ConflictError: a restore into it is not at its end.
    """
    snapshot.check_whole(plant.ledger.engine)
    found, wanted = schema.current_revision(plant.ledger.engine), schema.head_revision()
    if found != wanted:
        raise SettingsError(
            f"the ledger stands at revision {found or 'none'}, this code needs {wanted}:"
            " run `certfactory migrate`"
        )
