"""docs/http.md: every box is run, in order, against a whole factory, and shows what it says."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.clients.conftest import ROOT, Running

GUIDE = ROOT / "docs" / "http.md"
ADDRESS, RECEIVER = "http://127.0.0.1:8480/v1", "8900"
BOX = re.compile(r"^```(bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE_SECONDS = 500


@dataclass(frozen=True)
class Box:
    """A box of bash, and the lines that are said to come of it."""

    commands: str
    shown: tuple[str, ...]


def boxes() -> list[Box]:
    found: list[Box] = []
    for kind, text in BOX.findall(GUIDE.read_text("utf-8")):
        if kind == "bash":
            found.append(Box(text, ()))
        else:
            found[-1] = Box(found[-1].commands, tuple(text.splitlines()))
    return found


def comes_in(shown: tuple[str, ...], output: str) -> bool:
    """Whether the lines come one after another; … stands for anything on its line."""
    pattern = r".*^".join(
        "[^\n]*".join(re.escape(part) for part in line.split("…")) + r"[^\n]*$" for line in shown
    )
    return re.search(rf"^{pattern}", output, re.MULTILINE | re.DOTALL) is not None


@pytest.fixture(scope="module")
def said(factory: Running, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each box printed, as far as they came."""
    folder = tmp_path_factory.mktemp("guide")
    texts = [
        each.commands.replace(ADDRESS, factory.address).replace(RECEIVER, str(factory.receiver))
        for each in boxes()
    ]
    script = folder / "guide.sh"
    script.write_text("set -euo pipefail\n" + "printf '\\f'\n".join(texts), "utf-8")
    commands = folder / "bin"
    commands.mkdir()
    (commands / "certfactory").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "cli.py"}" "$@"\n', "utf-8"
    )
    (commands / "certfactory").chmod(0o755)
    done = subprocess.run(
        ["bash", str(script)],
        cwd=folder,
        env=os.environ
        | {
            "FACTORY_DATA_DIR": str(factory.data_dir),
            "FACTORY_NOTIFY_HOSTS": f"127.0.0.1:{factory.receiver}",
            "PATH": f"{commands}:{os.environ['PATH']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / "certificate.pdf").read_bytes().startswith(b"%PDF-")
    assert (folder / "preview.png").read_bytes().startswith(b"\x89PNG")
    return done.stdout.split("\f")


@pytest.mark.parametrize("place", range(len(boxes())))
def test_every_box_of_the_guide_runs_and_shows_what_it_says(said: list[str], place: int) -> None:
    assert comes_in(boxes()[place].shown, said[place]), said[place]


def test_a_box_that_shows_something_else_would_be_found() -> None:
    assert comes_in(("a…c", "d"), "x\nabcd\ny\nd\n")
    assert not comes_in(("d", "a…c"), "x\nabcd\ny\nd\n")
    assert not comes_in(("a…c",), "a\nc\n")


def test_the_guide_names_every_address() -> None:
    from portal.app import application

    text = GUIDE.read_text("utf-8")
    words = {
        word
        for path in application().openapi()["paths"]
        for word in path.split("/")
        if word and not word.startswith("{")
    }

    assert {word for word in words if word not in text} == set()


def test_the_links_of_the_guide_lead_somewhere() -> None:
    names = re.findall(r"\]\(([^)#]+)\)", GUIDE.read_text("utf-8"))

    missing = {name for name in names if not (GUIDE.parent / name).exists()}

    assert missing == set()
