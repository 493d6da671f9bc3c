"""`preview FILE.ofd`: an OFD file as easyofd draws it, for an operator."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import cli
from factory.ofd import package
from factory.page import extract
from factory.page.fonts import WEN_KAI, FontBook
from factory.page.proof import plain
from jobs import second_reading
from jobs.settings import Settings
from jobs.wiring import font_file, load_fonts
from tests.finished import DESIGNS, Certificate, certificate

FONTS = Settings.from_env({}).font_dirs
REFUSED, USAGE, NOT_FOUND = 1, 2, 4
DPI = 60
MM_PER_INCH = 25.4
RED = 180


@pytest.fixture(scope="module")
def faces() -> FontBook:
    return load_fonts(FONTS)


@pytest.fixture(scope="module")
def made(faces: FontBook) -> Certificate:
    return certificate("shanghai-constructor", faces, name="姜𬭎")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command on a machine that has fonts and nothing else."""
    monkeypatch.setenv("FACTORY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli.main, ["preview", *words])


@pytest.mark.parametrize("profile", DESIGNS.values(), ids=DESIGNS.keys())
def test_an_ofd_file_becomes_a_picture_with_its_seal_in_place(
    profile: str, faces: FontBook, run: Callable[..., Result], tmp_path: Path
) -> None:
    made = certificate(profile, faces)
    (tmp_path / "one.ofd").write_bytes(made.data)

    done = run("one.ofd", "--dpi", str(DPI), "--json")

    found = json.loads(done.stdout)
    page = Image.open(tmp_path / found["pictures"][0])
    assert found["pictures"] == ["preview/one-1.png"]
    assert page.width == pytest.approx(210 / MM_PER_INCH * DPI, abs=2)
    assert red_at(page, made) > red_at(page.transpose(Image.Transpose.FLIP_LEFT_RIGHT), made) + 50


def test_the_drawing_has_what_is_printed_in_it(faces: FontBook) -> None:
    made = certificate("shanghai-constructor", faces, name="阿卜杜热合曼·买买提")

    drawn = second_reading.drawn(made.data, font_file(FONTS, WEN_KAI.file))

    assert "阿卜杜热合曼·买买提" in plain(extract.texts(drawn)[0])


def test_it_is_said_that_this_is_not_how_a_reader_shows_it(
    made: Certificate, run: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "one.OFD").write_bytes(made.data)

    done = run("one.OFD", "--out", "there")

    said = " ".join(done.stdout.split())
    assert "there/one-1.png" in said
    assert "drawn by easyofd, a second program" in said


def test_what_cannot_be_drawn_is_refused_with_a_reason(
    made: Certificate, run: Callable[..., Result], tmp_path: Path
) -> None:
    broken = made.changed("Doc_0/Pages/Page_0/Content.xml", "</ofd:Page>", "")
    (tmp_path / "broken.ofd").write_bytes(broken.data)
    (tmp_path / "none.ofd").write_bytes(b"%PDF-1.7")

    drawn, opened, missing = run("broken.ofd"), run("none.ofd"), run("missing.ofd")

    assert (drawn.exit_code, "cannot draw" in drawn.stderr) == (REFUSED, True)
    assert (opened.exit_code, "not a ZIP" in opened.stderr) == (REFUSED, True)
    assert (missing.exit_code, "missing.ofd" in missing.stderr) == (NOT_FOUND, True)
    assert not (tmp_path / "preview").exists()


def test_no_more_of_a_file_is_read_than_a_package_has(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "huge.ofd").write_bytes(b"PK\x03\x04")
    os.truncate(tmp_path / "huge.ofd", 3 * 1024**3)

    tracemalloc.start()
    done = run("huge.ofd")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (done.exit_code, "larger than a package may be" in done.stderr) == (REFUSED, True)
    assert peak < 5 * package.MOST_BYTES


def test_what_is_no_file_is_not_waited_for(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "folder.ofd").mkdir()
    os.mkfifo(tmp_path / "pipe.ofd")

    folder, pipe = run("folder.ofd"), run("pipe.ofd")

    assert (folder.exit_code, "is a folder" in folder.stderr) == (NOT_FOUND, True)
    assert (pipe.exit_code, "is no regular file" in pipe.stderr) == (NOT_FOUND, True)


@pytest.mark.parametrize("words", ["--all", "--profile gansu-constructor", "--type initial"])
def test_what_is_of_kinds_is_not_for_files(run: Callable[..., Result], words: str) -> None:
    assert run("one.ofd", *words.split()).exit_code == USAGE


def red_at(page: Image.Image, made: Certificate) -> int:
    """How many red points there are where the seal goes."""
    box = made.placed.signatures[0]
    there = (box.x_mm, box.y_mm, box.x_mm + box.width_mm, box.y_mm + box.height_mm)
    cut = page.crop(tuple(round(mm / MM_PER_INCH * DPI) for mm in there))  # type: ignore[arg-type]
    colours = cut.convert("RGB").getcolors(1 << 24) or []
    return sum(count for count, (r, g, b) in colours if r > RED and g < RED / 2 and b < RED / 2)
