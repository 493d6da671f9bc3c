"""The second reader: easyofd in a process of its own, and what comes of its answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from factory.errors import ReaderUnavailableError, SecondReadingError, SettingsError
from factory.page.fonts import WEN_KAI, FontBook
from factory.page.reread import SeenPage, differences
from jobs import second_reading
from jobs.settings import Settings
from jobs.wiring import font_file, load_fonts
from tests.finished import DESIGNS, Certificate, certificate

FONTS = Settings.from_env({}).font_dirs
RARE_NAMES = ("姜𬭎", "阿卜杜热合曼·买买提")
PAGE = "Doc_0/Pages/Page_0/Content.xml"
TEMPLATE = "Doc_0/Tpls/Tpl_0/Content.xml"


@pytest.fixture(scope="module")
def faces() -> FontBook:
    return load_fonts(FONTS)


@pytest.fixture(scope="module")
def made(faces: FontBook) -> Certificate:
    return certificate("shanghai-constructor", faces, name="张三丰")


def reread(*made: Certificate) -> Sequence[tuple[str, ...]]:
    """The slots in which easyofd differs, for each certificate."""
    found = second_reading.read([each.data for each in made])
    return [differences(m.placed, seen or ()) for m, seen in zip(made, found, strict=True)]


# --- agreement --------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", DESIGNS.values(), ids=DESIGNS.keys())
def test_a_finished_certificate_is_read_as_it_was_placed(profile: str, faces: FontBook) -> None:
    usual = certificate(profile, faces)
    rare = [certificate(profile, faces, name=name) for name in RARE_NAMES]

    assert reread(usual, *rare) == [(), (), ()]


def test_several_documents_are_answered_in_their_order(faces: FontBook) -> None:
    first, second = (certificate(profile, faces) for profile in DESIGNS.values())

    crossed = [replace(first, data=second.data), replace(second, data=first.data)]

    assert all(reread(*crossed))


# --- differences ------------------------------------------------------------------------------


def test_another_character_in_a_value_names_its_slot(made: Certificate) -> None:
    assert reread(made.changed(PAGE, "张三丰", "张三峰")) == [
        ("holder.name", "page 1: 1 text(s) otherwise than placed")
    ]


def test_a_difference_never_says_what_stands_there(made: Certificate) -> None:
    told = " ".join(reread(made.changed(PAGE, "张三丰", "李四光"))[0])

    assert not set(told) & set("张三丰李四光")


def test_a_text_more_than_half_a_millimetre_aside_is_a_difference(made: Certificate) -> None:
    box = boundary(made, "张三丰")

    assert "holder.name" in reread(moved(made, box, by_mm=0.51))[0]


def test_a_text_less_than_half_a_millimetre_aside_is_none(made: Certificate) -> None:
    box = boundary(made, "张三丰")

    assert reread(moved(made, box, by_mm=0.49)) == [()]


def test_one_character_out_of_its_place_is_a_difference(made: Certificate) -> None:
    spread = made.changed(PAGE, 'DeltaX="5.644 5.644">张三丰', 'DeltaX="5.644 7.644">张三丰')

    assert "holder.name" in reread(spread)[0]


@pytest.mark.parametrize("advances", ["5.644", "5.644 5.644 5.644", "g 9 5.644"])
def test_more_or_fewer_advances_than_characters_are_a_difference(
    made: Certificate, advances: str
) -> None:
    wrong = made.changed(PAGE, 'DeltaX="5.644 5.644">张三丰', f'DeltaX="{advances}">张三丰')

    assert "holder.name" in reread(wrong)[0]


def test_a_text_that_is_gone_is_a_difference(made: Certificate) -> None:
    assert reread(made.changed(PAGE, ">张三丰<", "><")) == [("holder.name",)]


def test_a_label_that_is_gone_is_told_by_its_page(made: Certificate) -> None:
    assert reread(made.changed(TEMPLATE, ">姓<", "><")) == [("page 1: a label",)]


def test_a_text_that_nobody_placed_is_a_difference(made: Certificate) -> None:
    more = (
        '<ofd:TextObject ID="9999" Boundary="10 10 20 9" Font="1" Size="5">'
        '<ofd:TextCode X="0" Y="5">真</ofd:TextCode></ofd:TextObject></ofd:Layer>'
    )

    assert reread(made.changed(PAGE, "</ofd:Layer>", more)) == [
        ("page 1: 1 text(s) otherwise than placed",)
    ]


def test_another_size_of_letters_is_a_difference(made: Certificate) -> None:
    place = text_object(made, "张三丰")

    assert "holder.name" in reread(made.changed(PAGE, place, place.replace("5.644", "6", 1)))[0]


def test_another_size_of_the_page_is_a_difference(made: Certificate) -> None:
    wide = made.changed(PAGE, "0 0 210 297", "0 0 297 210")

    assert reread(wide) == [("page 1: its size",)]


def test_a_document_easyofd_cannot_parse_is_no_document(made: Certificate) -> None:
    broken = made.changed(PAGE, "</ofd:Page>", "")

    assert second_reading.read([broken.data, made.data])[0] is None


def test_another_number_of_pages_is_a_difference(made: Certificate) -> None:
    pages: tuple[SeenPage, ...] = ()

    assert differences(made.placed, pages) == ("pages: 0 instead of 1",)


# --- the process ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "doing",
    [
        "import os; os.kill(os.getpid(), 11)",
        "raise SystemExit(1)",
        "print('{}')",
        "print('[')",
        "print('{\"answers\": []}')",
        "print('{\"answers\": [[{}]]}')",
        "print('{\"answers\": [7]}')",
    ],
)
def test_a_reader_that_breaks_down_has_not_agreed(doing: str, tmp_path: Path) -> None:
    with pytest.raises(ReaderUnavailableError):
        second_reading.read([b"any"], program=script(tmp_path, doing))


def test_a_reader_that_hangs_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    doing = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    with pytest.raises(ReaderUnavailableError, match="no answer"):
        second_reading.read([], program=script(tmp_path, doing), seconds=2)

    assert not Path("/proc", pid.read_text()).exists()


def test_a_reader_that_grows_too_large_is_ended(tmp_path: Path) -> None:
    """With the real program's own limits: 1 GiB."""
    own = second_reading.READER.read_text("utf-8").replace(
        "    answers = _alone()\n", "    answers = _alone()\n    bytearray(1 << 31)\n"
    )

    with pytest.raises(ReaderUnavailableError, match="ended with code 1"):
        second_reading.read([], program=script(tmp_path, own))


def test_a_reader_that_answers_without_end_is_ended(tmp_path: Path) -> None:
    own = second_reading.READER.read_text("utf-8").replace(
        "    answers.flush()\n", "    answers.write('x' * (1 << 28)); answers.flush()\n"
    )

    with pytest.raises(ReaderUnavailableError, match="ended with code"):
        second_reading.read([], program=script(tmp_path, own))


@pytest.mark.parametrize(
    "doing",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import subprocess; subprocess.run(['true'])",
        "os.system('true')",
    ],
)
def test_the_reader_starts_nothing_and_speaks_to_nobody(doing: str, tmp_path: Path) -> None:
    own = second_reading.READER.read_text("utf-8").replace(
        "    sys.addaudithook(_forbid)\n",
        f"    sys.addaudithook(_forbid)\n    try:\n        {doing}\n"
        "    except PermissionError:\n        return 77\n",
    )

    with pytest.raises(ReaderUnavailableError, match="77"):
        second_reading.read([], program=script(tmp_path, own))


def test_the_reader_sees_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_S3_SECRET", "hidden")
    told = tmp_path / "told"
    doing = f"import os; open({str(told)!r}, 'w').write(str(dict(os.environ)))"

    with pytest.raises(ReaderUnavailableError):
        second_reading.read([b"any"], program=script(tmp_path, doing))

    assert "hidden" not in told.read_text()


def test_nothing_is_left_behind(
    made: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    second_reading.read([made.data])

    assert not list(tmp_path.iterdir())


def test_a_missing_easyofd_says_what_to_do(tmp_path: Path) -> None:
    own = second_reading.READER.read_text("utf-8").replace('"easyofd.', '"absent.')

    with pytest.raises(SettingsError, match="FACTORY_SECOND_READING_SAMPLE=0"):
        second_reading.read([b"any"], program=script(tmp_path, own))


def test_the_reader_does_without_pymupdf(made: Certificate, tmp_path: Path) -> None:
    """Neither reading nor drawing loads it, so it may be missing."""
    own = second_reading.READER.read_text("utf-8").replace(
        "    answers.flush()\n    return 0\n",
        "    answers.flush()\n    return 77 if 'pymupdf' in sys.modules else 0\n",
    )
    program = script(tmp_path, own)

    assert second_reading.read([made.data], program=program)[0] is not None
    assert second_reading.drawn(made.data, font_file(FONTS, WEN_KAI.file), program=program)


def test_nothing_of_easyofd_is_loaded_into_our_own_process() -> None:
    doing = "import sys, cli, jobs.worker, jobs.canary; print({'easyofd', 'fitz'} & {*sys.modules})"

    said = subprocess.run([sys.executable, "-c", doing], capture_output=True, text=True, check=True)

    assert said.stdout == "set()\n"


# --- drawing ----------------------------------------------------------------------------------


def test_easyofd_draws_a_certificate_with_its_seal(made: Certificate) -> None:
    drawn = second_reading.drawn(made.data, font_file(FONTS, WEN_KAI.file))

    assert drawn.startswith(b"%PDF")
    assert drawn.count(b"/Subtype /Image") >= len(("photo", "code", "seal"))


def test_a_document_easyofd_cannot_draw_is_refused(made: Certificate) -> None:
    broken = made.changed(PAGE, "</ofd:Page>", "")

    with pytest.raises(SecondReadingError, match="cannot draw"):
        second_reading.drawn(broken.data, font_file(FONTS, WEN_KAI.file))


def script(folder: Path, text: str) -> Path:
    """A program that takes the reader's place."""
    file = folder / "reader.py"
    file.write_text(text, "utf-8")
    return file


def text_object(made: Certificate, text: str) -> str:
    """The start of the object that has this text, up to the text."""
    content = made.member(PAGE)
    return content[content.rindex("<ofd:TextObject", 0, content.index(text)) : content.index(text)]


def boundary(made: Certificate, text: str) -> str:
    """That object's box."""
    return text_object(made, text).partition('Boundary="')[2].partition('"')[0]


def moved(made: Certificate, box: str, *, by_mm: float) -> Certificate:
    """With that box further right."""
    x, _, rest = box.partition(" ")
    return made.changed(PAGE, f'"{box}"', f'"{float(x) + by_mm:.3f} {rest}"')
