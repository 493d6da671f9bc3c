"""Wiring: from settings to a plant, the one value that holds what the work needs.

Parts are made when they are first used, so that a command that only looks into the ledger
opens nothing else; and what only draws is not even loaded by who does not draw.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from factory.brake import Brake
from factory.errors import SettingsError
from factory.page.fonts import FACES, FontBook, assemble
from factory.profile import Profile
from factory.register import local_day
from factory.seals.revocation import Revocations, Source, Together
from factory.versions import Versions
from jobs import installed
from jobs.measured import (
    LedgerWatch,
    MeasuredBlobs,
    MeasuredKeyring,
    MeasuredStore,
    MeasuredTimeAuthority,
)
from jobs.metrics import Metrics
from jobs.settings import Settings
from storage import tsa
from storage.blobs import Blobs, BlobStore
from storage.bulk_blobs import BulkBlobStore
from storage.keyring import Keyring
from storage.ledger import Ledger, Tx
from storage.links import LinkSigner
from storage.s3 import Patience
from storage.sealed import Vault
from storage.signer_process import SignerProcess
from storage.tsa import TimeAuthority

if TYPE_CHECKING:
    from jobs.canary import Canary
    from jobs.longterm import LongTerm
    from jobs.pacing import Pacing
    from jobs.presses import PressRoom
    from jobs.typefaces import Typefaces
    from storage.revocation import Fetched

NONE_GIVEN = Revocations()
AnyStore = TypeVar("AnyStore", bound=Blobs)

load_profiles = installed.load_profiles


class Plant:
    """What the work needs: settings, ledger, stores, keys, fonts and profiles."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._day: date | None = None
        self._stampers: dict[str, TimeAuthority] = {}

    def on(self, day: date) -> Plant:
        """The same plant on another day, for telling what happened then or will."""
        _ = self.ledger  # one connection pool for both
        other = copy.copy(self)
        other._day = day
        return other

    def today(self, tx: Tx) -> date:
        """The calendar day in China, by the ledger's clock."""
        return self._day or local_day(tx.now)

    @cached_property
    def profiles(self) -> Mapping[str, Versions]:
        """The installed profiles by id.  SettingsError: a file is broken, or one comes twice."""
        return load_profiles(self.settings.profiles_dir)

    def profile(self, tx: Tx, name: str) -> Profile:
        """The version of a profile that is in force today."""
        return self.profiles[name].on(self.today(tx))

    def installed(self, tx: Tx, name: str) -> Profile | None:
        """The same; None: this machine was not told of the register."""
        return self.profile(tx, name) if name in self.profiles else None

    @cached_property
    def fontbook(self) -> FontBook:
        """The installed faces.  SettingsError: one is missing."""
        return load_fonts(self.settings.font_dirs)

    @cached_property
    def typefaces(self) -> Typefaces:
        """The same, and the faces that were added to them."""
        from jobs.typefaces import Typefaces  # noqa: PLC0415

        return Typefaces(self)

    @property
    def brake(self) -> Brake:
        """When a bulk event stops itself."""
        return Brake(percent=self.settings.brake_percent, minimum=self.settings.brake_minimum)

    @cached_property
    def canary(self) -> Canary:
        """What this process knows of templates that a second program reads as they were meant."""
        from jobs.canary import Canary  # noqa: PLC0415

        return Canary(sample=self.settings.second_reading_sample)

    @cached_property
    def presses(self) -> PressRoom:
        """The compiled templates of this process."""
        from jobs.presses import PressRoom  # noqa: PLC0415

        return PressRoom(self, sample=self.settings.press_sample)

    @cached_property
    def keyring(self) -> Keyring:
        """Keys, seals and trust roots."""
        s = self.settings
        return MeasuredKeyring(
            s.keyring_dir, passphrase_file=s.key_passphrase_file, process=self.signer
        )

    @cached_property
    def signer(self) -> SignerProcess | None:
        """The process that holds the keys; None: they are opened in this one."""
        s = self.settings
        return SignerProcess(s.signer, tls=s.signer_tls) if s.signer else None

    def time_authority(self, name: str) -> TimeAuthority:
        """One that stamps, of the keyring.  SettingsError: there is none, or nobody answers."""
        if name not in self._stampers:
            s = self.settings
            patience = tsa.Patience(
                connect=min(2, s.lease_seconds / 6),
                read=s.lease_seconds / 6,
                whole=s.lease_seconds / 3,
            )
            service = self.keyring.time_service(name)
            self._stampers[name] = MeasuredTimeAuthority(
                service, own_url=s.tsa_url, patience=patience
            )
        return self._stampers[name]

    @cached_property
    def long_term(self) -> LongTerm:
        """What this process knows of its seals' revocation, and what B-LT files bring."""
        from jobs.longterm import LongTerm  # noqa: PLC0415

        return LongTerm(self)

    @cached_property
    def fetched(self) -> Fetched:
        """What CAs say of revoked certificates when they are asked."""
        from storage.revocation import Fetched  # noqa: PLC0415

        return Fetched(self.settings.data_dir / "revocation")

    def revocations(self, given: Source = NONE_GIVEN, *, fetch: bool = False) -> Source:
        """What is known of revoked certificates: the keyring's, and what the setting adds.

        given: what else.  fetch: ask the CAs, whatever the setting says.
        """
        asks = fetch or self.settings.revocation == "fetch"
        more: tuple[Source, ...] = (self.fetched,) if asks else ()
        return Together((self.keyring.revocations(), given, *more))

    @cached_property
    def ledger(self) -> Ledger:
        """The database."""
        vault = Vault(self.keyring.master_keys(), self.keyring.master_keys)
        return Ledger.connect(self.settings.db_url, vault, LedgerWatch())

    @cached_property
    def store(self) -> MeasuredStore:
        """Where finished files lie."""
        return MeasuredStore(self._store(BlobStore.connect, self.settings.s3_bucket))

    @cached_property
    def bulk_store(self) -> Blobs:
        """The same place, for chunks of bulk events."""
        return MeasuredBlobs(self._store(BulkBlobStore.connect, self.settings.s3_bucket))

    @cached_property
    def intake_store(self) -> MeasuredStore:
        """Where upstream puts photos before the event."""
        return MeasuredStore(self._store(BlobStore.connect, self.settings.s3_intake_bucket))

    @cached_property
    def links(self) -> LinkSigner:
        """Signs download links."""
        s = self.settings
        return LinkSigner.connect(
            endpoint=s.s3_public_endpoint,
            region=s.s3_region,
            key=s.s3_key,
            secret=s.s3_secret,
            bucket=s.s3_bucket,
        )

    @cached_property
    def pacing(self) -> Pacing:
        """How often callers may ask, and which signed requests were here before."""
        # Loaded where a door is open: limits and redis take long, and commands need neither.
        from jobs.pacing import Pacing  # noqa: PLC0415

        return Pacing(self.settings)

    def _store(self, connect: Callable[..., AnyStore], bucket: str) -> AnyStore:
        s = self.settings
        if not s.s3_endpoint:
            raise SettingsError(
                "no object store: set FACTORY_S3_ENDPOINT, or start the embedded one with"
                " `certfactory up`"
            )
        return connect(
            endpoint=s.s3_endpoint,
            region=s.s3_region,
            key=s.s3_key,
            secret=s.s3_secret,
            bucket=bucket,
            # Two tries and the pause between them: a lease outlasts them, or a store that
            # hangs would look like workers that die.
            patience=Patience(
                connect=min(2, s.lease_seconds / 6), read=s.lease_seconds / 6, retries=1
            ),
        )

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        """Measures one stage of the line: wall and CPU seconds."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.metrics.stage(stage, time.perf_counter() - wall, time.thread_time() - cpu)


def plant_of(settings: Settings) -> Plant:
    """The plant of these settings."""
    return Plant(settings)


def load_fonts(folders: tuple[Path, ...]) -> FontBook:
    """The faces of the product."""
    return assemble(font_files(folders))


def font_files(folders: tuple[Path, ...]) -> Mapping[str, bytes]:
    """The bytes of the product's font files by name, found below the folders."""
    return {name: path.read_bytes() for name, path in font_paths(folders).items()}


def font_paths(folders: tuple[Path, ...]) -> Mapping[str, Path]:
    """Where the product's font files are, by name."""
    wanted = {row.file for chain in FACES.values() for row in chain}
    return {
        path.name: path
        for folder in reversed(folders)
        for path in _font_files(folder)
        if path.name in wanted
    }


def font_file(folders: tuple[Path, ...], name: str) -> bytes:
    """The bytes of one font file.  SettingsError: it is in none of the folders."""
    for folder in folders:
        for path in _font_files(folder):
            if path.name == name:
                return path.read_bytes()
    raise SettingsError(f"font file {name} is missing: see `certfactory doctor`")


def _font_files(folder: Path) -> Iterator[Path]:
    return folder.rglob("*.tt[fc]") if folder.is_dir() else iter(())
