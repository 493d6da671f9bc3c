"""The deployment as its files say it: the image's recipe, compose file and units."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
RECIPE = DEPLOY / "Containerfile"
COMPOSE = DEPLOY / "compose.yaml"
TRIAL = DEPLOY / "compose.trial.yaml"
PUBLIC = "https://factory.example"

Shape = dict[str, Any]


def program(name: str) -> str | None:
    """Where a program of the tests is: in the environment, or on the machine."""
    places = (str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin")
    return shutil.which(name, path=os.pathsep.join(places))


def asked_of_compose(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What `docker-compose` says; it asks no engine for its `config`."""
    found = program("docker-compose")
    assert found is not None
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    return subprocess.run(
        [found, *words], cwd=DEPLOY, env=environ, capture_output=True, text=True, check=False
    )


@cache
def composed(*, trial: bool = False, **variables: str) -> Shape:
    """The services, networks, volumes and secrets, merged and filled in by Compose itself."""
    files = ("-f", COMPOSE.name, *(("-f", TRIAL.name) if trial else ()))
    done = asked_of_compose(
        *files,
        "--profile",
        "*",
        "config",
        "--format",
        "json",
        **{"PUBLIC_URL": PUBLIC, **variables},
    )
    assert done.returncode == 0, done.stderr
    found: Shape = json.loads(done.stdout)
    return found


def ours(shape: Shape) -> Shape:
    """The services that run the image of the factory."""
    services = shape["services"].items()
    return {
        name: service
        for name, service in services
        if service["image"].startswith("certificate-factory:")
    }


def recipe() -> list[str]:
    """The recipe's instructions, each on one line, without comments."""
    text = re.sub(r"^\s*#.*\n", "", RECIPE.read_text("utf-8"), flags=re.M)
    return [line.strip() for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    said = [line for line in recipe() if line.startswith("ENV ")][-1]
    return dict(word.split("=", 1) for word in said.split()[1:])


def health_check() -> list[str]:
    """The command that looks whether a container is well."""
    [said] = [line for line in recipe() if line.startswith("HEALTHCHECK ")]
    words: list[str] = json.loads(said.partition("CMD ")[2])
    return words


def copied_into(folder: str) -> list[str]:
    """What of the tree the recipe copies into a folder of the build."""
    lines = [line.split()[1:] for line in recipe() if line.startswith("COPY ")]
    found = [words for words in lines if not words[0].startswith("--")]
    return [each for *whats, where in found if where.startswith(folder) for each in whats]


def unit(name: str) -> list[tuple[str, str]]:
    """The lines of a unit, as keys and values."""
    lines = (UNITS / name).read_text("utf-8").splitlines()
    return [
        (key, value)
        for line in lines
        if line[:1].isalpha()
        for key, _, value in [line.partition("=")]
    ]


def said(name: str, key: str) -> list[str]:
    """All values of a key in a unit."""
    return [value for each, value in unit(name) if each == key]


def services() -> list[str]:
    """The names of the units that run something."""
    return sorted(path.name for path in UNITS.glob("*.service"))


def env_file(path: Path) -> dict[str, str]:
    """The variables that a file of settings sets."""
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def mentioned(text: str) -> set[str]:
    """Every variable of the factory that a text names."""
    return set(re.findall(r"\bFACTORY_[A-Z0-9_]+\b", text))
