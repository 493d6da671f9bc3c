"""Stories told in tests: on a real ledger and object store, with the line worked by hand."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from factory.model import BatchId, ChunkId
from jobs import line, opening, stories
from jobs.bulk import progress, steps
from jobs.settings import Settings
from jobs.stories import Story, Told
from jobs.wiring import Plant
from tests.plants import migrate, name_log, open_chunks


def whole_factory(
    folder: Path, s3: Settings, *, db_url: str | None = None, **changes: Any
) -> Plant:
    """A whole factory but for its processes.

    s3:     settings that name an object store.
    db_url: an empty database; None: one of SQLite.
    """
    settings = replace(
        s3,
        data_dir=folder,
        keyring_dir=folder / "keyring",
        db_url=db_url or f"sqlite:///{folder / 'ledger.sqlite3'}",
        **changes,
    )
    return opened(Plant(settings))


def opened(plant: Plant) -> Plant:
    """The plant on its first start, with a copy of seals that were drawn once for all."""
    made = _keyring(plant.settings.profiles_dir)
    shutil.copytree(Path(made.name, "keyring"), plant.settings.keyring_dir)
    name_log(plant.settings.keyring_dir)
    migrate(plant)
    opening.open_embedded(plant)
    return plant


@cache
def _keyring(profiles: Path | None) -> TemporaryDirectory[str]:
    """A folder with a test keyring for these profiles beside those of the product."""
    folder = TemporaryDirectory()
    variables = {"FACTORY_DATA_DIR": folder.name, "FACTORY_TIME_STAMPS": "off"}
    settings = replace(Settings.from_env(variables), profiles_dir=profiles)
    opening.make_test_keyring(Plant(settings))
    return folder


def read(path: Path) -> Story:
    """The story of a file."""
    return stories.parse(path.read_text(encoding="utf-8"))


def tell(plant: Plant, story: Story) -> list[Told]:
    """Every step, told."""
    return list(stories.tell(plant, story, lambda: work(plant)))


def faults(told: Sequence[Told]) -> list[str]:
    """Where what was seen is not what the story says."""
    return [f"{step.number} {step.title}: {fault}" for step in told for fault in step.faults]


def work(plant: Plant) -> None:
    """Everything that is open, as the workers would do it.

    A batch makes its first certificates, then the others, then its list.
    """
    for _ in range(3):
        for batch in progress.all_progress(plant):
            for _ in range(4):
                steps.advance(plant, BatchId(batch.id))
        for chunk in open_chunks(plant):
            line.produce(plant, ChunkId(chunk))
