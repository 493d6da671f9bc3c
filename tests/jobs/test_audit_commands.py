"""The log at the keyboard, and what anybody can check of it with a script and openssl alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, select, update

import cli
from factory.seals.keys import fingerprint
from jobs.log import heads
from jobs.log.kept import keys_of
from jobs.log.sequencing import append_all
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import proofs
from tests.plants import WHO, approve, issue, new_plant, stored

OK, REFUSED, USAGE, NOT_SET_UP, NOT_FOUND, CONFLICT = 0, 1, 2, 3, 4, 5
SCRIPT = Path(__file__).parents[2] / "docs" / "check_proof.py"


@pytest.fixture
def plant(tmp_path: Path, db_url: str, s3: Settings) -> Plant:
    return new_plant(tmp_path, db_url, **stored(s3))


def grow(plant: Plant) -> int:
    """All that is there is appended and under a head; its size."""
    append_all(plant.ledger)
    assert heads.sign(plant, pause=timedelta(0))
    return int(told(plant, "head")["size"])


def run(plant: Plant, *words: str) -> Result:
    return CliRunner(env=plant.settings.to_env()).invoke(cli.main, ["audit", *words])


def told(plant: Plant, *words: str) -> Any:
    done = run(plant, *words, "--json")
    assert done.exit_code == OK, done.stderr
    return json.loads(done.stdout)


def proof(plant: Plant, *words: str) -> Any:
    done = run(plant, *words)
    assert done.exit_code == OK, done.stderr
    return json.loads(done.stdout)


def checks(folder: Path, said: Any, *words: str | Path) -> tuple[int, str]:
    """What the script says of a proof, and its exit code."""
    (folder / "proof.json").write_text(json.dumps(said), "utf-8")
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, folder / "proof.json", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def openssl_accepts(folder: Path) -> bool:
    """As docs/proofs.md says it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    words = ["dgst", "-sha256", "-verify", "log.pem", "-signature", "head.sig", "head.txt"]
    return subprocess.run(["openssl", *words], cwd=folder, check=False).returncode == 0


def file(plant: Plant, folder: Path) -> Path:
    """Bytes that an edition is recorded with."""
    path = folder / "certificate.pdf"
    with plant.ledger.read() as tx:
        order = tx.run(select(t.file.c.order_id)).scalar_one()
    path.write_bytes(b"%PDF" + str(order).encode())
    return path


# --- verify -----------------------------------------------------------------------------------


@pytest.mark.on_both
def test_a_log_that_holds_is_told_with_its_figures(plant: Plant) -> None:
    issue(plant, 1)
    size = grow(plant)

    result = told(plant, "verify")

    assert (result["entries"], result["covered"], result["heads"]) == (size, size, 1)
    assert (result["count"], result["findings"], result["pending"]) == (0, [], 0)
    assert "nothing was removed" in run(plant, "verify").stdout


@pytest.mark.on_both
def test_what_was_removed_is_named_and_the_code_says_so(plant: Plant) -> None:
    issue(plant, 1)
    grow(plant)
    c = t.audit.c
    with plant.ledger.write(WHO) as tx:
        row = tx.run(select(c.id).where(c.action == "edition made")).scalar_one()
        tx.run(delete(t.audit).where(c.id == row))

    done = run(plant, "verify")
    said = json.loads(run(plant, "verify", "--json").stdout)

    assert done.exit_code == REFUSED
    assert "removed" in done.stdout and str(row) in done.stdout
    assert [(f["what"], f["kind"], f["ident"]) for f in said["findings"]] == [
        ("removed", "audit", str(row))
    ]


def test_a_head_that_was_kept_is_compared_with_the_log(plant: Plant, tmp_path: Path) -> None:
    issue(plant, 1)
    grow(plant)
    kept = tmp_path / "head.txt"
    kept.write_text(run(plant, "head").stdout)
    none = tmp_path / "none.txt"
    none.write_text("no head")

    assert run(plant, "verify", "--head", str(kept)).exit_code == OK
    assert run(plant, "verify", "--head", str(none)).exit_code == USAGE

    with plant.ledger.write(WHO) as tx:
        for table in (t.log_entry, t.log_node, t.log_head, t.log_cursor):
            tx.run(delete(table))
        tx.run(update(t.audit).where(t.audit.c.id == 1).values(why="another"))
    for key in keys_of(plant):
        plant.store.delete(key)
    grow(plant)
    assert run(plant, "verify").exit_code == OK
    assert run(plant, "verify", "--head", str(kept)).exit_code == REFUSED


def test_without_a_key_of_the_log_nothing_can_be_said(plant: Plant) -> None:
    issue(plant, 1)
    shutil.rmtree(plant.settings.keyring_dir / "log")

    done = run(plant, "verify")

    assert done.exit_code == NOT_SET_UP
    assert "keys create-log" in done.stderr


# --- heads ------------------------------------------------------------------------------------


def test_a_head_is_checked_by_openssl(plant: Plant, tmp_path: Path) -> None:
    issue(plant, 1)
    grow(plant)
    folder = tmp_path / "saved"

    run(plant, "head", "--save", str(folder))

    assert (folder / "head.txt").read_text("utf-8") == run(plant, "head").stdout
    assert openssl_accepts(folder)
    (folder / "head.txt").write_text(run(plant, "head").stdout.replace("time 2", "time 3"))
    assert not openssl_accepts(folder)


@pytest.mark.parametrize("place", ["/proc/head", "/dev/full"])
def test_a_head_that_cannot_be_saved_is_told_without_a_traceback(plant: Plant, place: str) -> None:
    issue(plant, 1)
    grow(plant)

    done = run(plant, "head", "--save", place)

    assert (done.exit_code, f"{place}: cannot be written" in done.stderr) == (NOT_SET_UP, True)


@pytest.mark.parametrize(
    "words",
    [("head", "--size"), ("consistency",), ("consistency", "1", "--to"), ("prove", "--row")],
)
def test_a_size_beyond_all_numbers_is_wrong_usage(plant: Plant, words: tuple[str, ...]) -> None:
    assert run(plant, *words, str(2**63)).exit_code == USAGE
    assert run(plant, *words, str(2**63 - 1)).exit_code == NOT_FOUND


def test_before_the_first_head_there_is_none_to_show(plant: Plant) -> None:
    assert run(plant, "head").exit_code == NOT_FOUND
    assert run(plant, "consistency", "1").exit_code == NOT_FOUND


def test_a_key_of_the_log_is_made_once_and_replaced_on_demand(plant: Plant) -> None:
    def keys(*words: str) -> Result:
        return CliRunner(env=plant.settings.to_env()).invoke(cli.main, ["keys", *words])

    before = fingerprint(plant.keyring.log_certificates()[0])

    assert keys("create-log").exit_code == CONFLICT
    assert keys("create-log", "--replace").exit_code == OK

    now, former = map(fingerprint, plant.keyring.log_certificates())
    assert former == before != now


# --- proofs -----------------------------------------------------------------------------------


@pytest.mark.on_both
def test_an_edition_and_its_file_are_proved_offline(plant: Plant, tmp_path: Path) -> None:
    number = issue(plant, 1)
    size = grow(plant)
    mine, strange = file(plant, tmp_path), tmp_path / "strange.pdf"
    strange.write_bytes(b"strange")

    said = proof(plant, "prove", number)

    code, words = checks(tmp_path, said, mine)
    assert code == OK
    assert f"is one of {size} under the root {said['root']}" in words
    assert words.splitlines()[1] == f"{mine}: issued"
    assert checks(tmp_path, said, strange)[0] == REFUSED
    assert number not in json.dumps(said)


def test_the_head_of_a_proof_is_checked_by_openssl(plant: Plant, tmp_path: Path) -> None:
    number = issue(plant, 1)
    grow(plant)
    run(plant, "head", "--save", str(tmp_path))
    for name in ("head.txt", "head.sig"):
        (tmp_path / name).unlink()

    code, _ = checks(tmp_path, proof(plant, "prove", number), "--save-head", tmp_path)

    assert code == OK
    assert openssl_accepts(tmp_path)


def test_a_file_with_a_later_proof_of_time_is_proved_too(plant: Plant, tmp_path: Path) -> None:
    number = issue(plant, 1)
    later = tmp_path / "later.pdf"
    later.write_bytes(b"later")
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.file).values(awaits=proofs.STAMP))
        [found] = proofs.awaiting(tx, most=1)
        step = proofs.NextStep(
            of=found,
            object_key="later.pdf",
            sha256=sha256(b"later").hexdigest(),
            size_bytes=5,
            proved_until="2040",
        )
        proofs.add(tx, [step], why="a test")
    grow(plant)

    code, words = checks(tmp_path, proof(plant, "prove", number), later)

    assert code == OK, words
    assert words.splitlines()[1] == f"{later}: issued"


def test_an_audit_row_is_proved(plant: Plant, tmp_path: Path) -> None:
    issue(plant, 1)
    grow(plant)

    code, words = checks(tmp_path, proof(plant, "prove", "--row", "2"))

    assert code == OK
    assert words.startswith("PROVEN: audit 2 is one of")


def test_what_is_under_no_head_yet_is_not_proved(plant: Plant) -> None:
    issue(plant, 1)
    grow(plant)
    young = issue(plant, 2)
    ordered = approve(plant, 3).registration or ""
    append_all(plant.ledger)

    assert run(plant, "prove", young).exit_code == CONFLICT
    assert run(plant, "prove", ordered).exit_code == CONFLICT
    assert run(plant, "prove", young, "--edition", "7").exit_code == NOT_FOUND
    assert run(plant, "prove", "0").exit_code == NOT_FOUND
    assert run(plant, "prove", "--row", "999999").exit_code == NOT_FOUND
    assert run(plant, "prove").exit_code == USAGE
    assert run(plant, "prove", young, "--row", "1").exit_code == USAGE


def test_a_later_head_is_shown_to_follow_from_one_that_was_kept(
    plant: Plant, tmp_path: Path
) -> None:
    issue(plant, 1)
    first = grow(plant)
    kept = tmp_path / "kept.txt"
    kept.write_text(run(plant, "head").stdout)
    issue(plant, 2)
    second = grow(plant)
    issue(plant, 3)
    third = grow(plant)

    for old, new, words in ((first, third, ()), (first, second, ("--to", str(second)))):
        said = proof(plant, "consistency", str(old), *words)
        code, tells = checks(tmp_path, said, "--head", kept)
        assert (code, tells) == (
            OK,
            f"PROVEN: the log of {new} entries begins with that of {old}\n",
        )
    other = proof(plant, "consistency", str(second))
    assert checks(tmp_path, other, "--head", kept)[0] == REFUSED
    assert run(plant, "consistency", str(first + 1)).exit_code == NOT_FOUND


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: f"{text}\n",
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("time", "\ntime"),
        lambda text: text.replace("\n", "\n0", 1),
        lambda text: "a\nb\nc\nd\n",
    ],
    ids=["empty", "longer", "cut", "a line more", "a nought more", "other words"],
)
def test_what_is_no_head_is_told_from_another_head(
    plant: Plant, tmp_path: Path, change: Callable[[str], str]
) -> None:
    issue(plant, 1)
    first = grow(plant)
    kept = tmp_path / "kept.txt"
    kept.write_text(change(run(plant, "head").stdout))
    issue(plant, 2)
    grow(plant)

    code, told = checks(tmp_path, proof(plant, "consistency", str(first)), "--head", kept)

    assert (code, told) == (REFUSED, "REFUSED: cannot be read: a head that is none\n")


def test_a_head_kept_long_ago_leads_to_a_certificate_made_since(
    plant: Plant, tmp_path: Path
) -> None:
    """Kept head, proof of consistency, newest head, proof: all of it in one call."""
    issue(plant, 1)
    first = grow(plant)
    run(plant, "head", "--save", str(tmp_path))
    kept, follows = tmp_path / "head.txt", tmp_path / "follows.json"
    number = issue(plant, 2)
    grow(plant)
    said = proof(plant, "prove", number)
    follows.write_text(json.dumps(proof(plant, "consistency", str(first))), "utf-8")

    alone = checks(tmp_path, said, "--head", kept)
    code, words = checks(tmp_path, said, "--head", kept, "--follows", follows)

    assert alone[0] == REFUSED
    assert f"`certfactory audit consistency SIZE --to {said['size']}`" in alone[1]
    assert code == OK
    assert f"; the log of {said['size']} entries begins with that of {first}\n" in words


def test_what_leads_to_another_head_proves_nothing_of_this_one(
    plant: Plant, tmp_path: Path
) -> None:
    number = issue(plant, 1)
    first = grow(plant)
    run(plant, "head", "--save", str(tmp_path))
    said = proof(plant, "prove", number)
    issue(plant, 2)
    grow(plant)
    follows = tmp_path / "follows.json"
    follows.write_text(json.dumps(proof(plant, "consistency", str(first))), "utf-8")

    code, words = checks(tmp_path, said, "--follows", follows)
    follows.write_text(json.dumps(said), "utf-8")
    no_chain = checks(tmp_path, said, "--follows", follows)

    assert (code, no_chain[0]) == (REFUSED, REFUSED)
    assert words == "REFUSED: --follows does not lead to the head that the proof is about\n"


CHANGES: dict[str, Callable[[Any], Any]] = {
    "another leaf": lambda s: s["entries"][0].update(leaf=s["entries"][0]["leaf"] + " "),
    "another place": lambda s: s["entries"][0].update(index=s["entries"][0]["index"] - 1),
    "a shorter path": lambda s: s["entries"][0]["path"].pop(),
    "a longer path": lambda s: s["entries"][0]["path"].append("00" * 32),
    "another root": lambda s: s.update(root="00" * 32),
    "another size": lambda s: s.update(size=s["size"] + 1),
    "a head of another root": lambda s: s["head"].update(text="a\n1\nAAAA\ntime 2\n"),
    "no entry": lambda s: s.update(entries=[]),
    "no head": lambda s: s.pop("head"),
    "another version": lambda s: s.update(version=1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_proof_from_the_log_that_was_tampered_with_is_refused(
    plant: Plant, tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    number = issue(plant, 1)
    grow(plant)
    said = proof(plant, "prove", number)

    change(said)

    code, words = checks(tmp_path, said)
    assert code == REFUSED
    assert words.startswith("REFUSED")


FOLLOWING: dict[str, Callable[[Any], Any]] = {
    "another old root": lambda s: s["old"].update(root="00" * 32),
    "another old size": lambda s: s["old"].update(size=s["old"]["size"] - 1),
    "a longer path": lambda s: s["path"].append("00" * 32),
    "a shorter path": lambda s: s["path"].pop(),
    "both turned round": lambda s: s.update(**{k: s["old"][k] for k in ("size", "root", "head")}),
}


@pytest.mark.parametrize("change", FOLLOWING.values(), ids=FOLLOWING)
def test_a_proof_of_consistency_that_was_tampered_with_is_refused(
    plant: Plant, tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    issue(plant, 1)
    first = grow(plant)
    issue(plant, 2)
    grow(plant)
    said = proof(plant, "consistency", str(first))

    change(said)

    code, words = checks(tmp_path, said)
    assert code == REFUSED
    assert words.startswith("REFUSED")
