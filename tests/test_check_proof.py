"""docs/check_proof.py as anybody runs it: alone, on true proofs and on false ones."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from factory import merkle
from factory.model import Format

SCRIPT = Path(__file__).parents[1] / "docs" / "check_proof.py"
OURS = ("factory", "storage", "jobs")
NUMBER = "甘2622026000017"
Said = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A proof and files as somebody gets them."""

    folder: Path
    said: Said

    def file(self, name: str) -> Path:
        return self.folder / name

    def tells(self, *words: str | Path, said: Said | str | None = None) -> tuple[int, str]:
        """What the script says, and its exit code."""
        text = said if isinstance(said, str) else json.dumps(said or self.said)
        self.file("proof.json").write_text(text, "utf-8")
        done = subprocess.run(
            [sys.executable, "-I", SCRIPT, self.file("proof.json"), *words],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONUTF8": "1"},
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def handed(tmp_path: Path) -> Handed:
    """The proof of the 18th of 300, and the three files of that registration, and another."""
    for name in ("new.pdf", "new.ofd", "old.pdf", "strange.pdf"):
        (tmp_path / name).write_text(name)
    mine = merkle.leaf(
        NUMBER,
        {Format.PDF: sha256("old.pdf")},
        {Format.PDF: sha256("new.pdf"), Format.OFD: sha256("new.ofd")},
    )
    leaves = [mine if place == 17 else f"{place}".encode() for place in range(300)]
    proof = merkle.prove(leaves, 17)
    return Handed(folder=tmp_path, said=proof.document(batch=7, registration=NUMBER))


def test_a_true_proof_is_proven(handed: Handed) -> None:
    code, told = handed.tells()

    assert code == 0
    assert told == f"PROVEN: {NUMBER} is one of 300 under the root {handed.said['root']}\n"


def test_the_root_of_the_report_is_compared_however_it_is_written(handed: Handed) -> None:
    root = str(handed.said["root"])
    groups = " ".join(root[at : at + 4] for at in range(0, 64, 4)).upper()

    assert handed.tells("--root", root)[0] == 0
    assert handed.tells("--root", groups)[0] == 0


@pytest.mark.parametrize("root", ["0" * 64, "", "zz"])
def test_another_root_is_refused(handed: Handed, root: str) -> None:
    code, told = handed.tells("--root", root)

    assert code == 1
    assert told.startswith("REFUSED: this is not the root")


def test_files_are_said_to_be_new_or_superseded(handed: Handed) -> None:
    files = [handed.file(name) for name in ("new.pdf", "new.ofd", "old.pdf")]

    code, told = handed.tells("--root", str(handed.said["root"]), *files)

    assert code == 0
    assert [line.rpartition(": ")[2] for line in told.splitlines()[1:]] == [
        "new",
        "new",
        "superseded",
    ]


def test_a_file_of_another_registration_is_told_apart(handed: Handed) -> None:
    code, told = handed.tells(handed.file("new.pdf"), handed.file("strange.pdf"))

    assert code == 1
    assert told.splitlines()[2].endswith("strange.pdf: NOT ITS FILE")


def test_a_file_that_is_not_there_is_refused(handed: Handed) -> None:
    code, told = handed.tells(handed.file("none.pdf"))

    assert code == 1
    assert (
        told == f"REFUSED: cannot be read: {handed.file('none.pdf')}: No such file or directory\n"
    )


def _leaf(said: Said) -> Said:
    return {"leaf": str(said["leaf"]).replace(sha256("new.pdf"), sha256("strange.pdf"))}


def _path(said: Said) -> list[str]:
    path = said["path"]
    assert isinstance(path, list)
    return path


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_leaf, id="another file"),
        pytest.param(lambda _: {"registration": "甘2622026000018"}, id="another number"),
        pytest.param(lambda _: {"index": 16}, id="another place"),
        pytest.param(lambda _: {"index": -283}, id="a place before the first"),
        pytest.param(lambda _: {"size": 17}, id="a smaller tree"),
        pytest.param(lambda _: {"size": 2**40}, id="a larger tree"),
        pytest.param(lambda said: {"path": _path(said)[1:]}, id="a shorter path"),
        pytest.param(lambda said: {"path": [*_path(said), "00" * 32]}, id="a longer path"),
        pytest.param(lambda said: {"path": _path(said)[::-1]}, id="another order"),
        pytest.param(lambda _: {"root": "00" * 32}, id="another root"),
        pytest.param(lambda _: {"root": None, "size": 5}, id="no root"),
    ],
)
def test_a_tampered_proof_is_refused(handed: Handed, change: Callable[[Said], Said]) -> None:
    code, told = handed.tells(said=handed.said | change(handed.said))

    assert code == 1
    assert told.startswith("REFUSED: it does not lead")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"leaf": 1}', "\ud800".encode("utf-8", "replace").decode(), "[" * 20_000],
)
def test_what_is_no_proof_is_refused_without_a_traceback(handed: Handed, text: str) -> None:
    code, told = handed.tells(said=text)

    assert code == 1
    assert (
        told
        == f"REFUSED: cannot be read: {handed.file('proof.json')} is no proof of docs/proofs.md\n"
    )


@pytest.mark.parametrize("words", [("--head",), ("--save-head",), ("--follows",)])
def test_a_batch_is_about_no_head(handed: Handed, words: tuple[str]) -> None:
    code, told = handed.tells(*words, handed.folder)

    assert code == 1
    assert told == "REFUSED: the proof is of a batch, and about no head of the log\n"


def test_fields_of_other_types_are_refused_without_a_traceback(handed: Handed) -> None:
    for name in handed.said:
        for value in (None, [], {}, "x", 1.5):
            code, told = handed.tells(said=handed.said | {name: value})

            assert "Error" not in told
            assert (code, told[:7]) in {(1, "REFUSED"), (0, "PROVEN:")}
            assert (code == 0) == (name == "batch")


@pytest.mark.parametrize("version", [0, 2, 3, "1"])
def test_a_proof_of_another_version_is_refused(handed: Handed, version: object) -> None:
    code, told = handed.tells(said=handed.said | {"version": version})

    assert code == 1
    assert told.startswith("REFUSED: cannot be read")


def test_the_script_needs_nothing_of_ours_and_fits_on_two_pages() -> None:
    text = SCRIPT.read_text("utf-8")

    words = Path(SCRIPT.parent, "proofs.md").read_text("utf-8")
    assert len(text.splitlines()) <= 140
    assert f"is {len(text.splitlines())} lines" in words
    assert not any(f"{word} {name}" in text for word in ("import", "from") for name in OURS)
