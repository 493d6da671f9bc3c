"""The kill switch as people type it: it stops, or it says why it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from factory.errors import SigningStoppedError
from factory.seals.signer import AccountableSigner, Signer
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from jobs.signer.switch import Switch
from storage.keyring import Keyring
from tests import telling
from tests.machines import Ca
from tests.signer_running import Running, certificate_of, cli, digests, running, settings_in

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


def stopped(settings: Settings) -> list[str | None]:
    """What a data directory's switch stops."""
    return [each.identity for each in Switch(settings.signer_dir).all()]


# --- an identity that there is ----------------------------------------------------------------


def test_who_mistypes_an_identity_hears_that_there_is_none(process: Running) -> None:
    done = cli(
        "signer", "stop", "--identity", "nosuch", "--reason", "drill", settings=process.settings
    )

    assert done.returncode == NOT_FOUND
    assert "nosuch is in neither the keyring nor the policy" in " ".join(done.stderr.split())
    assert SHANGHAI in done.stderr
    assert stopped(process.settings) == []


def test_one_that_the_policy_alone_names_is_stopped(tmp_path: Path, keyring: Path) -> None:
    use = {"identity": "to-come", "profile": SHANGHAI, "kind": "certificate"}
    (tmp_path / "policy.json").write_text(json.dumps({"uses": [use]}), "utf-8")
    given = {"KEYRING_DIR": str(keyring), "SIGNER_POLICY": str(tmp_path / "policy.json")}
    with running(settings_in(tmp_path / "holding", **given)) as process:
        own = process.settings

        done = cli("signer", "stop", "--identity", "to-come", "--reason", "drill", settings=own)
        other = cli("signer", "stop", "--identity", "nosuch", "--reason", "drill", settings=own)

    assert (done.returncode, other.returncode) == (OK, NOT_FOUND), done.stderr
    assert stopped(own) == ["to-come"]


def test_a_retired_one_is_stopped_too(tmp_path: Path, keyring: Path) -> None:
    """Another machine's keyring may still have its key."""
    settings = settings_in(tmp_path, SIGNER_POLICY=str(tmp_path / "policy.json"))
    (tmp_path / "policy.json").write_text('{"uses": []}', "utf-8")
    (settings.keyring_dir / "identities").mkdir(parents=True)
    (settings.keyring_dir / "retired" / "former").mkdir(parents=True)

    done = cli("signer", "stop", "--identity", "former", "--reason", "drill", settings=settings)

    assert (done.returncode, stopped(settings)) == (OK, ["former"]), done.stderr


@pytest.mark.parametrize("broken", ["keyring", "policy"])
def test_in_need_it_stops_though_nobody_can_say_whether_there_is_one(
    process: Running, tmp_path: Path, broken: str
) -> None:
    at_hand = process.settings
    if broken == "keyring":
        at_hand = replace(at_hand, keyring_dir=tmp_path / "nowhere")
    else:
        at_hand = replace(at_hand, signer_policy=tmp_path / "nowhere.json")

    done = cli("signer", "stop", "--identity", "perhaps", "--reason", "drill", settings=at_hand)

    assert done.returncode == OK, done.stderr
    assert f"{broken} cannot be read" in " ".join(done.stderr.split())
    assert stopped(process.settings) == ["perhaps"]


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
            refused = cli("signer", *command, settings=there)
            assert refused.returncode == NOT_SET_UP, refused.stdout
            assert address in refused.stderr and "FACTORY_DATA_DIR" in refused.stderr
        assert not there.signer_dir.exists()
        assert len(sealing(keyring, process).sign_digests(digests(1))) == 1

        done = cli("signer", "stop", "--reason", "drill", settings=process.settings)

        assert done.returncode == OK, done.stderr
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

    done = cli("signer", "stop", "--reason", "drill", settings=settings)

    assert done.returncode == NOT_SET_UP
    assert "signer.invalid" in done.stderr
    assert not settings.signer_dir.exists()


def test_with_another_data_directory_than_the_process_has_it_is_refused(
    process: Running, tmp_path: Path
) -> None:
    elsewhere = replace(process.settings, data_dir=tmp_path / "elsewhere")

    done = cli("signer", "stop", "--reason", "drill", settings=elsewhere)

    assert done.returncode == NOT_SET_UP
    assert "FACTORY_DATA_DIR" in done.stderr
    assert (stopped(elsewhere), stopped(process.settings)) == ([], [])


def test_while_no_process_runs_it_says_so_and_counts_from_the_next_start(
    process: Running, keyring: Path
) -> None:
    process.kill()

    done = cli("signer", "stop", "--reason", "drill", settings=process.settings)

    assert done.returncode == OK, done.stderr
    assert "gives no answer" in done.stderr
    process.start()
    with pytest.raises(SigningStoppedError, match="drill"):
        sealing(keyring, process).sign_digests(digests(1))
