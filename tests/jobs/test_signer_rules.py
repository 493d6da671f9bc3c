"""What the signer process goes by: its policy, pace and switch, and the chain of its journal."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from threading import Timer

import pytest

from factory.errors import SettingsError
from factory.model import Kind
from jobs.signer import deriving, journal, policy
from jobs.signer.journal import FILE, Journal
from jobs.signer.pace import Pace
from jobs.signer.policy import Policy
from jobs.signer.switch import UNREADABLE, Switch
from jobs.wiring import load_profiles

SHANGHAI = "shanghai-constructor"


# --- policy -----------------------------------------------------------------------------------


def test_the_policy_is_what_the_profiles_seal_and_by_which_identity() -> None:
    uses = deriving.uses_of(None)

    sealed = {Kind.CERTIFICATE, Kind.ACCEPTANCE_NOTICE, Kind.BATCH_REPORT}
    assert uses == {
        (profile.seal.of(kind), profile.id, kind.value)
        for versions in load_profiles(None).values()
        for profile in versions.all
        for kind in sealed
    } | {("log", "log", "head")}


def test_a_version_that_is_past_and_one_to_come_count_too(tmp_path: Path) -> None:
    own = Path(deriving.__file__).parents[2] / "factory" / "profiles"
    texts = {file.name: file.read_text("utf-8") for file in own.glob("*.toml")}
    name, text = next((n, t) for n, t in texts.items() if f'id = "{SHANGHAI}"' in t)
    rules = load_profiles(None)[SHANGHAI].all[-1]
    later = text.replace(f'identity = "{rules.seal.identity}"', 'identity = "new-seal"')
    later = later.replace(f'version = "{rules.version}"', 'version = "2099-01"')
    later = later.replace(str(rules.effective_from), "2099-01-01")
    (tmp_path / f"later-{name}").write_text(later, "utf-8")

    uses = deriving.uses_of(tmp_path)

    of_certificates = {i for i, p, k in uses if (p, k) == (SHANGHAI, "certificate")}
    assert of_certificates == {rules.seal.identity, "new-seal"}


def test_a_register_cannot_seal_with_the_key_of_the_log(tmp_path: Path) -> None:
    own = Path(deriving.__file__).parents[2] / "factory" / "profiles" / f"{SHANGHAI}.toml"
    rules = load_profiles(None)[SHANGHAI].all[-1]
    text = own.read_text("utf-8").replace(f'version = "{rules.version}"', 'version = "2099-01"')
    text = text.replace(str(rules.effective_from), "2099-01-01")
    text = text.replace(f'identity = "{rules.seal.identity}"', 'identity = "log"')
    (tmp_path / "later.toml").write_text(text, "utf-8")

    with pytest.raises(SettingsError, match="no seal may be called log"):
        deriving.uses_of(tmp_path)


def test_nothing_else_is_signed_and_why_says_whose_and_what() -> None:
    rules = Policy(uses=frozenset({("seal", "register", "certificate")}))

    assert rules.why_not("seal", "register", "certificate") is None
    assert rules.why_not("seal", "register", "batch_report") == (
        "seal does not sign batch_report of register"
    )
    assert (
        rules.why_not("seal", "other", "certificate") == "seal does not sign certificate of other"
    )
    assert rules.why_not("other", "register", "certificate")
    assert rules.why_not("seal", None, None) == "seal does not sign without being told what for"


def test_a_policy_that_was_written_is_read_again() -> None:
    uses = {("seal", "register", "certificate"), ("seal", "register", "batch_report")}

    assert policy.read(policy.written(uses)).uses == uses


@pytest.mark.parametrize(
    "text", ["", "[]", '{"uses": [{}]}', '{"uses": [{"identity": 1, "profile": "p", "kind": "k"}]}']
)
def test_a_policy_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="policy"):
        policy.read(text)


# --- pace -------------------------------------------------------------------------------------


def test_a_batch_that_had_its_share_waits_and_others_do_not() -> None:
    pace = Pace(50)

    assert pace.wait("1", "a", 100, now=10.0) == 0
    assert pace.wait("1", "b", 100, now=10.0) == 0, "a chunk in both formats"
    assert pace.wait("1", "c", 1, now=10.0) == 4
    assert pace.wait("2", "d", 100, now=10.0) == 0
    assert pace.wait(None, "e", 100, now=10.0) == pace.wait(None, "f", 100, now=10.0) == 0
    assert pace.wait("1", "c", 1, now=14.0) == 0


def test_what_is_asked_for_again_is_paid_for_already() -> None:
    pace = Pace(1)
    pace.wait("1", "a", 100, now=10.0)
    pace.wait("1", "b", 100, now=10.0)

    assert pace.wait("1", "c", 100, now=10.0) > 0
    assert pace.wait("1", "a", 100, now=10.0) == 0
    assert pace.wait("1", "c", 100, now=210.0) == 0


def test_without_a_pace_nobody_waits() -> None:
    pace = Pace(0)

    assert [pace.wait("1", str(turn), 100, now=1.0) for turn in range(100)] == [0] * 100


# --- switch -----------------------------------------------------------------------------------


def test_a_stopped_identity_is_stopped_alone_until_it_is_started(tmp_path: Path) -> None:
    switch = Switch(tmp_path)

    switch.stop("one", reason="compromised", by="somebody")

    found = Switch(tmp_path).stopped("one")
    assert found is not None
    assert (found.identity, found.reason, found.by) == ("one", "compromised", "somebody")
    assert switch.stopped("two") is None
    assert switch.start("one")
    assert switch.stopped("one") is None
    assert not switch.start("one")


def test_all_that_is_stopped_holds_for_each_and_one_does_not_start_all(tmp_path: Path) -> None:
    switch = Switch(tmp_path)
    switch.stop(None, reason="drill", by="somebody")
    switch.stop("one", reason="compromised", by="somebody")

    switch.start("one")

    assert [each.reason for each in switch.all()] == ["drill"]
    assert switch.stopped("one") is not None


def test_a_switch_that_cannot_be_read_stops(tmp_path: Path) -> None:
    (tmp_path / "stopped").mkdir()
    (tmp_path / "stopped" / "all.json").write_text("…", "utf-8")

    found = Switch(tmp_path).stopped("one")

    assert found is not None
    assert found.reason == UNREADABLE


def test_a_switch_whose_folder_cannot_be_looked_into_stops(tmp_path: Path) -> None:
    (tmp_path / "stopped").write_text("no folder")

    switch = Switch(tmp_path)

    assert [each and each.reason for each in (switch.stopped("one"), *switch.all())] == [
        UNREADABLE, UNREADABLE,
    ]  # fmt: skip


# --- journal ----------------------------------------------------------------------------------


def noted(folder: Path, count: int) -> Path:
    """A journal of so many lines; its file."""
    book = Journal(folder)
    for number in range(count):
        book.note({"outcome": "signed", "identity": f"seal-{number}", "count": 1})
    book.close()
    return folder / FILE


def test_lines_follow_each_other_over_restarts(tmp_path: Path) -> None:
    noted(tmp_path, 2)
    noted(tmp_path, 2)

    found = journal.read(tmp_path)

    assert (found.broken, found.torn) == (None, 0)
    assert [each["n"] for each in found.entries] == [1, 2, 3, 4]
    assert [each["before"] for each in found.entries[1:]] == list(found.digests[:-1])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [lines[0].replace(b"seal-0", b"seal-9"), *lines[1:]], 2),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], 2),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3),
        (lambda lines: [*lines[:3], b"{}\n"], 4),
        (lambda lines: [*lines[:3], b"\xff\n"], 4),
    ],
)
def test_a_line_that_was_altered_taken_out_or_put_in_is_found(
    change: object, line: int, tmp_path: Path
) -> None:
    file = noted(tmp_path, 4)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(change(lines)))  # type: ignore[operator]

    found = journal.read(tmp_path)

    assert found.broken is not None
    assert found.broken[0] == line


def test_a_line_that_was_never_finished_is_told_and_taken_away_by_the_next_start(
    tmp_path: Path,
) -> None:
    file = noted(tmp_path, 2)
    torn = b'{"n": 3, "at": "2026'
    file.write_bytes(file.read_bytes() + torn)

    before = journal.read(tmp_path)
    book = Journal(tmp_path)
    book.note({"outcome": "started", "torn": book.torn})
    book.close()
    after = journal.read(tmp_path)

    assert (before.broken, before.torn, len(before.entries)) == (None, len(torn), 2)
    assert (after.broken, after.torn, len(after.entries)) == (None, 0, 3)
    assert after.entries[-1]["torn"] == len(torn)


def test_two_processes_do_not_keep_one_journal(tmp_path: Path) -> None:
    book = Journal(tmp_path)

    with pytest.raises(SettingsError, match="another signer process"):
        Journal(tmp_path)

    book.close()
    Journal(tmp_path).close()


def test_whether_a_journal_is_kept_can_be_seen(tmp_path: Path) -> None:
    before = journal.is_kept(tmp_path)
    book = Journal(tmp_path)
    kept = journal.is_kept(tmp_path)
    book.close()

    assert (before, kept, journal.is_kept(tmp_path)) == (False, True, False)


def test_who_looks_whether_a_journal_is_kept_is_in_no_ones_way(tmp_path: Path) -> None:
    """The lock is theirs for an instant."""
    Journal(tmp_path).close()
    with (tmp_path / FILE).open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        gone = Timer(0.1, fcntl.flock, (looking, fcntl.LOCK_UN))
        gone.start()

        Journal(tmp_path).close()

        gone.join()


def test_a_journal_whose_end_is_no_line_is_not_gone_on_with(tmp_path: Path) -> None:
    file = noted(tmp_path, 1)
    file.write_bytes(file.read_bytes() + b"something else\n")

    with pytest.raises(SettingsError, match="last line"):
        Journal(tmp_path)


def test_what_could_not_be_written_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Journal(tmp_path)
    book.note({"outcome": "signed"})

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(journal.os, "fdatasync", full)
        book.note({"outcome": "signed", "identity": "lost"})
    book.note({"outcome": "signed", "identity": "kept"})
    book.close()

    found = journal.read(tmp_path)
    assert (found.broken, found.torn) == (None, 0)
    assert [each.get("identity") for each in found.entries] == [None, "kept"]
    assert json.loads((tmp_path / FILE).read_bytes().splitlines()[-1])["n"] == 2
