"""The kill switch as people type it: it stops, or it says why it does not."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event

import pytest
from click.testing import CliRunner, Result

import cli
from factory.errors import SigningStoppedError
from factory.seals.signer import AccountableSigner, Signer
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from jobs.signer import journal
from jobs.signer.switch import Switch
from storage.keyring import Keyring
from tests import telling
from tests.machines import Ca
from tests.signer_running import Running, certificate_of, digests, running, settings_in

OK, NOT_SET_UP, NOT_FOUND = 0, 3, 4
SHANGHAI, GANSU = "shanghai-constructor", "gansu-constructor"


@pytest.fixture(scope="module")
def keyring() -> Path:
    """A keyring of test seals for every register."""
    return Path(telling._keyring(None).name, "keyring")


@pytest.fixture
def process(tmp_path: Path, keyring: Path) -> Iterator[Running]:
    """The process, with the keys of that keyring."""
    with running(settings_in(tmp_path / "holding", KEYRING_DIR=str(keyring))) as found:
        yield found


def sealing(keyring: Path, process: Running, name: str = SHANGHAI) -> Signer:
    found = Keyring(keyring, process=process.asked).identity(name).signer
    assert isinstance(found, AccountableSigner)
    return found.for_purpose(certificate_of(name))


def typed(*words: str, settings: Settings) -> Result:
    """A command, as somebody with these settings types it."""
    return CliRunner(env=settings.to_env()).invoke(cli.main, words)


def stopped(settings: Settings) -> list[str | None]:
    """What a data directory's switch stops."""
    return [each.identity for each in Switch(settings.signer_dir).all()]


# --- an identity that there is ----------------------------------------------------------------


def test_who_mistypes_an_identity_hears_that_there_is_none(process: Running) -> None:
    done = typed(
        "signer", "stop", "--identity", "nosuch", "--reason", "drill", settings=process.settings
    )

    assert done.exit_code == NOT_FOUND
    assert "nosuch is in neither the keyring nor the policy" in " ".join(done.stderr.split())
    assert SHANGHAI in done.stderr
    assert stopped(process.settings) == []


def test_one_that_the_policy_alone_names_is_stopped(tmp_path: Path, keyring: Path) -> None:
    use = {"identity": "to-come", "profile": SHANGHAI, "kind": "certificate"}
    (tmp_path / "policy.json").write_text(json.dumps({"uses": [use]}), "utf-8")
    given = {"KEYRING_DIR": str(keyring), "SIGNER_POLICY": str(tmp_path / "policy.json")}
    with running(settings_in(tmp_path / "holding", **given)) as process:
        own = process.settings

        done = typed("signer", "stop", "--identity", "to-come", "--reason", "drill", settings=own)
        other = typed("signer", "stop", "--identity", "nosuch", "--reason", "drill", settings=own)

    assert (done.exit_code, other.exit_code) == (OK, NOT_FOUND), done.stderr
    assert stopped(own) == ["to-come"]


def test_a_retired_one_is_stopped_too(tmp_path: Path, keyring: Path) -> None:
    """Another machine's keyring may still have its key."""
    settings = settings_in(tmp_path, SIGNER_POLICY=str(tmp_path / "policy.json"))
    (tmp_path / "policy.json").write_text('{"uses": []}', "utf-8")
    (settings.keyring_dir / "identities").mkdir(parents=True)
    (settings.keyring_dir / "retired" / "former").mkdir(parents=True)

    done = typed("signer", "stop", "--identity", "former", "--reason", "drill", settings=settings)

    assert (done.exit_code, stopped(settings)) == (OK, ["former"]), done.stderr


@pytest.mark.parametrize("broken", ["keyring", "policy"])
def test_in_need_it_stops_though_nobody_can_say_whether_there_is_one(
    process: Running, tmp_path: Path, broken: str
) -> None:
    at_hand = process.settings
    if broken == "keyring":
        at_hand = replace(at_hand, keyring_dir=tmp_path / "nowhere")
    else:
        at_hand = replace(at_hand, signer_policy=tmp_path / "nowhere.json")

    done = typed("signer", "stop", "--identity", "perhaps", "--reason", "drill", settings=at_hand)

    assert done.exit_code == OK, done.stderr
    assert f"{broken} cannot be read" in " ".join(done.stderr.split())
    assert stopped(process.settings) == ["perhaps"]


# --- its trace --------------------------------------------------------------------------------


def lines(process: Running) -> list[journal.Entry]:
    """The journal, proved whole."""
    found = journal.read(process.settings.signer_dir)
    assert (found.broken, found.torn) == (None, 0)
    return list(found.entries)


def switched(process: Running) -> list[tuple[str, str | None, str]]:
    """What it says of the switch."""
    return [
        (each["outcome"], each["identity"], each["reason"])
        for each in lines(process)
        if each["outcome"].startswith("switch")
    ]


def test_who_stopped_and_who_started_stands_in_the_journal(process: Running, keyring: Path) -> None:
    own = process.settings
    sealing(keyring, process).sign_digests(digests(1))
    typed("signer", "stop", "--identity", SHANGHAI, "--reason", "compromised", settings=own)
    with pytest.raises(SigningStoppedError):
        sealing(keyring, process).sign_digests(digests(1))
    typed("signer", "start", "--identity", SHANGHAI, settings=own)
    sealing(keyring, process).sign_digests(digests(1))

    listed = typed("signer", "journal", "--identity", SHANGHAI, settings=own)

    _, _, stop, _, start, _ = found = lines(process)
    assert [each["outcome"] for each in found] == [
        "started", "signed", "switch_stop", "stopped", "switch_start", "signed",
    ]  # fmt: skip
    assert {each["caller"] for each in (stop, start)} == {f"cli:{getpass.getuser()}"}
    assert {each["identity"] for each in (stop, start)} == {SHANGHAI}
    assert {each["reason"] for each in (stop, start)} == {"compromised"}
    assert datetime.fromisoformat(stop["typed_at"]) <= datetime.fromisoformat(stop["at"])
    assert (listed.exit_code, listed.stdout.count("compromised")) == (OK, 2)


def test_it_stands_there_though_nobody_asked_for_a_signature(process: Running) -> None:
    own = process.settings
    typed("signer", "stop", "--reason", "drill", settings=own)
    typed("signer", "start", settings=own)

    listed = typed("signer", "journal", "--identity", GANSU, "--json", settings=own)

    assert switched(process) == [("switch_stop", None, "drill"), ("switch_start", None, "drill")]
    told = json.loads(listed.stdout)
    assert ([each["outcome"] for each in told["entries"]], told["waiting"]) == (
        ["switch_stop", "switch_start"], [],
    )  # fmt: skip


def test_what_is_typed_while_it_is_away_is_in_the_journal_once_it_runs(process: Running) -> None:
    own = process.settings
    process.kill()
    typed("signer", "stop", "--reason", "drill", settings=own)
    typed("signer", "start", settings=own)
    listed = typed("signer", "journal", settings=own)
    assert switched(process) == []
    assert "not in it before the process runs again: switch_stop drill" in listed.stderr

    process.start()

    assert switched(process) == [("switch_stop", None, "drill"), ("switch_start", None, "drill")]
    assert [each["outcome"] for each in lines(process)][-1] == "started"


def test_a_second_stop_keeps_the_first_ones_reason_and_says_so(process: Running) -> None:
    own = process.settings
    stop = ("signer", "stop", "--identity", SHANGHAI, "--reason")
    typed(*stop, "compromised", settings=own)
    [first] = Switch(own.signer_dir).all()

    done = typed(*stop, "drill", settings=own)

    [both] = Switch(own.signer_dir).all()
    assert (both.reason, both.by, both.at) == ("compromised, drill", first.by, first.at)
    assert "compromised, drill" in done.stdout and "both stand" in done.stderr
    assert [reason for _, _, reason in switched(process)] == ["compromised", "drill"]
    typed("signer", "start", "--identity", SHANGHAI, settings=own)
    assert switched(process)[-1] == ("switch_start", SHANGHAI, "compromised, drill")


def test_a_start_of_what_is_not_stopped_leaves_no_line(process: Running) -> None:
    done = typed("signer", "start", settings=process.settings)

    assert (done.exit_code, switched(process)) == (NOT_FOUND, [])


def test_one_that_was_taken_and_not_removed_when_the_process_died_is_noted_once(
    process: Running,
) -> None:
    own, kept = process.settings, process.settings.signer_dir / "typed"
    process.kill()
    typed("signer", "stop", "--reason", "drill", settings=own)
    [file] = kept.iterdir()
    data = file.read_bytes()
    process.start()
    process.kill()
    file.write_bytes(data)

    process.start()

    assert (len(switched(process)), list(kept.iterdir())) == (1, [])


def test_one_that_cannot_be_read_is_noted_as_such_and_is_in_nobodys_way(
    process: Running, keyring: Path
) -> None:
    for name, data in (("1", b"\xff"), ("2", b"[]"), ("3", b'{"outcome": "signed"}')):
        (process.settings.signer_dir / "typed" / f"{name}.json").write_bytes(data)

    sealing(keyring, process).sign_digests(digests(1))

    outcomes = [each["outcome"] for each in lines(process)]
    assert outcomes == ["started", *["switch_unreadable"] * 3, "signed"]


def test_nothing_is_given_out_behind_the_stop_that_forbids_it(
    process: Running, keyring: Path
) -> None:
    """While four ask without end, somebody stops."""
    ended = Event()

    def ask() -> None:
        signer = sealing(keyring, process)
        with suppress(SigningStoppedError):
            while not ended.is_set():
                signer.sign_digests(digests(1))

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        while not process.asked.status()["calls"]:
            assert not any(each.done() for each in asking)
        done = typed("signer", "stop", "--reason", "drill", settings=process.settings)
        wait(asking, timeout=60)
        ended.set()

    outcomes = [each["outcome"] for each in lines(process)]
    assert done.exit_code == OK
    assert "signed" not in outcomes[outcomes.index("switch_stop") :]
    assert {"signed", "stopped"} <= set(outcomes)


# --- the machine of the process ---------------------------------------------------------------


def test_on_a_worker_it_is_refused_and_says_where_to_type_it(tmp_path: Path, keyring: Path) -> None:
    ca, port = Ca(tmp_path, "ours"), free_port()
    address = f"https://localhost:{port}"
    holder, worker = (tls_of(ca, name) for name in ("holder", "worker"))
    listen = {"SIGNER": address, "SIGNER_LISTEN": f"https://{LOOPBACK}:{port}"}
    with running(
        settings_in(tmp_path / "holding", KEYRING_DIR=str(keyring), **listen, **holder)
    ) as process:
        there = settings_in(tmp_path / "at-work", SIGNER=address, **worker)
        for command in (("stop", "--reason", "drill"), ("start",)):
            refused = typed("signer", *command, settings=there)
            assert refused.exit_code == NOT_SET_UP, refused.stdout
            assert address in refused.stderr and "FACTORY_DATA_DIR" in refused.stderr
        assert not there.signer_dir.exists()
        assert len(sealing(keyring, process).sign_digests(digests(1))) == 1

        done = typed("signer", "stop", "--reason", "drill", settings=process.settings)

        assert done.exit_code == OK, done.stderr
        with pytest.raises(SigningStoppedError):
            sealing(keyring, process).sign_digests(digests(1))


def tls_of(ca: Ca, name: str) -> dict[str, str]:
    certificate, key = ca.machine(name)
    files = {"CERT": certificate, "KEY": key, "CA": ca.file}
    return {f"SIGNER_TLS_{kind}": str(path) for kind, path in files.items()}


@pytest.mark.parametrize("tls", ["with", "without"])
def test_where_another_machine_is_named_that_does_not_answer_it_is_refused(
    tmp_path: Path, tls: str
) -> None:
    given = tls_of(Ca(tmp_path, "ours"), "worker") if tls == "with" else {}
    settings = settings_in(tmp_path / "at-work", SIGNER="https://signer.invalid:8490", **given)

    done = typed("signer", "stop", "--reason", "drill", settings=settings)

    assert done.exit_code == NOT_SET_UP
    assert "signer.invalid" in done.stderr
    assert not settings.signer_dir.exists()


def test_with_another_data_directory_than_the_process_has_it_is_refused(
    process: Running, tmp_path: Path
) -> None:
    elsewhere = replace(process.settings, data_dir=tmp_path / "elsewhere")

    done = typed("signer", "stop", "--reason", "drill", settings=elsewhere)

    assert done.exit_code == NOT_SET_UP
    assert "FACTORY_DATA_DIR" in done.stderr
    assert (stopped(elsewhere), stopped(process.settings)) == ([], [])


def test_while_no_process_runs_it_says_so_and_counts_from_the_next_start(
    process: Running, keyring: Path
) -> None:
    process.kill()

    done = typed("signer", "stop", "--reason", "drill", settings=process.settings)

    assert done.exit_code == OK, done.stderr
    assert "gives no answer" in done.stderr
    process.start()
    with pytest.raises(SigningStoppedError, match="drill"):
        sealing(keyring, process).sign_digests(digests(1))
