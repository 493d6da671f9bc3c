"""B-LT on the line: what whoever verifies years later needs is in each PDF, or it waits."""

import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore
from sqlalchemy import select, update

import cli
from factory import specimen
from factory.errors import LongTermUnavailableError, SettingsError
from factory.model import ChunkId, Format
from factory.profile import Profile
from factory.seals.signer import SealIdentity
from factory.verify_verdict import VerdictWord
from jobs import desk, enquiry, line, trusting, watching
from jobs.bulk import progress, steps
from jobs.longterm import LongTerm
from jobs.standing import Stand
from jobs.wiring import Plant
from storage import tables as t
from storage.testca import Ended
from tests import stamping
from tests.jobs.bulking import rename_to, started
from tests.plants import PROFILE, open_chunks, skip_canary, submit

NEW = "上海示例建设集团股份有限公司"
WEEK = timedelta(days=7)


@pytest.fixture
def plant(stamping_plant: Plant) -> Plant:
    """A factory whose register asks for B-LT, with the lists of its test CAs."""
    found = of_level(stamping_plant, "B-LT")
    found.keyring.renew_test_lists(now=datetime.now(UTC))
    return found


def of_level(plant: Plant, level: str) -> Plant:
    def changed(profile: Profile) -> Profile:
        assert profile.time_stamp is not None
        rules = profile.time_stamp.model_copy(update={"level": level})
        return profile.model_copy(update={"time_stamp": rules})

    rules = plant.profiles[PROFILE]
    versions = replace(rules, all=tuple(map(changed, rules.all)))
    vars(plant)["profiles"] = {**plant.profiles, PROFILE: versions}
    return plant


def anew(plant: Plant) -> Plant:
    """A worker that begins."""
    return of_level(Plant(plant.settings), "B-LT")


def ordered(plant: Plant, count: int = 1) -> None:
    for seed in range(1, count + 1):
        submit(plant, specimen.approved(seed) | {"source": "urn:certfactory:operations"})


def produced(plant: Plant) -> None:
    """Every chunk that is ready, once; the pauses are over."""
    with plant.ledger.write("test") as tx:
        tx.run(update(t.chunk).values(run_after=t.chunk.c.created_at))
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def files(plant: Plant, end: str = "certificate.pdf") -> list[bytes]:
    return [plant.store.get(key) for key in plant.store.list() if key.endswith(end)]


def store_of(data: bytes) -> Any:
    return DocumentSecurityStore.read_dss(PdfFileReader(BytesIO(data)))


def seal(plant: Plant) -> SealIdentity:
    found = plant.keyring.seal(PROFILE, Format.PDF)
    assert isinstance(found, SealIdentity)
    return found


def revoke(plant: Plant) -> None:
    now = datetime.now(UTC)
    ended = Ended(serial=0, at=now - timedelta(hours=1), reason="superseded")
    plant.keyring.revoke_test_identity(PROFILE, ended, now=now)


def test_a_certificate_brings_the_chains_and_lists_of_seal_and_stamp(plant: Plant) -> None:
    ordered(plant)

    produced(plant)

    [data] = files(plant)
    found = store_of(data)
    subjects = {cert.subject.native["common_name"] for cert in found.load_certs()}
    issuers = {
        x509.load_der_x509_crl(each.get_object().data).issuer.rfc4514_string()
        for each in found.crls
    }
    assert len(subjects) == 5  # both roots, the CA between, the seal's own and the authority's
    assert len(issuers) == 3
    assert stamping.token_in(data)
    verdict = desk.judged(plant, data, datetime.now(UTC))
    assert verdict.verdict is VerdictWord.VALID


def test_a_batch_is_pressed_with_the_same_material(plant: Plant) -> None:
    ordered(plant, 6)
    produced(plant)
    batch = started(plant, rename_to(NEW) | {"source": "urn:certfactory:operations"})
    skip_canary(plant, batch)

    steps.advance(plant, batch)
    produced(plant)

    found = files(plant)
    assert len(found) == 12
    lists = {tuple(each.get_object().data for each in store_of(data).crls) for data in found}
    assert len(lists) == 1


def test_without_lists_in_force_nothing_is_released_and_then_all_is(plant: Plant) -> None:
    folder = plant.settings.keyring_dir / "revocation"
    for each in folder.glob("*.crl"):
        each.unlink()
    ordered(plant)

    produced(anew(plant))

    assert files(plant) == []
    assert desk.open_holds(plant) == []
    plant.keyring.renew_test_lists(now=datetime.now(UTC) - 2 * WEEK)
    produced(anew(plant))
    assert files(plant) == []
    plant.keyring.renew_test_lists(now=datetime.now(UTC))
    produced(anew(plant))
    assert len(files(plant)) == 1


def test_why_a_certificate_waits_is_told_wherever_one_looks(plant: Plant) -> None:
    withdraw_lists(plant)
    ordered(plant)

    produced(anew(plant))

    [waits] = watching.overview(plant).waits
    assert (waits.reason, waits.orders) == ("longterm_unavailable", 1)
    assert "Issuing CA" in str(waits.why)
    assert edition(plant).why == "tried again later: longterm_unavailable"
    plant.keyring.renew_test_lists(now=datetime.now(UTC))
    produced(anew(plant))
    assert watching.overview(plant).waits == ()
    assert edition(plant).why == ""


GUIDE = (Path(__file__).parents[2] / "docs" / "time.md").read_text("utf-8")


def checked(
    plant: Plant, folder: Path, data: bytes, *, tsa: str = "tsa/default/roots/*.pem"
) -> str:
    """What the programs of docs/time.md say of a file, and how they end."""
    [script] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    [commands] = re.findall(r"```sh\n(python check.*?)```", GUIDE, re.DOTALL)
    keyring = plant.settings.keyring_dir
    (folder / "check.py").write_text(script)
    (folder / "certificate.pdf").write_bytes(data)
    (folder / "root.pem").write_bytes((keyring / "roots" / "test-root.pem").read_bytes())
    [root] = keyring.glob(tsa)
    (folder / "tsa-root.pem").write_bytes(root.read_bytes())
    typed = commands.replace("python ", f"{quote(sys.executable)} ").replace("\n", "; echo $?;")
    done = subprocess.run(
        ["sh", "-c", typed],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("level", ["B-LT", "B-T"])
def test_other_programs_find_the_same_by_the_commands_of_the_guide(
    level: str, plant: Plant, tmp_path: Path
) -> None:
    ordered(of_level(plant, level))
    produced(plant)
    [data] = files(plant)

    said = checked(plant, tmp_path, data)

    assert "Verification: OK" in said and re.findall(r"(?m)^[01]$", said) == ["0", "0"], said
    assert ("B-LT: no" in said) == (level == "B-T")


def test_under_another_root_of_time_they_do_not(plant: Plant, tmp_path: Path) -> None:
    ordered(plant)
    produced(plant)
    [data] = files(plant)

    said = checked(plant, tmp_path, data, tsa="roots/test-root.pem")

    assert "Verification: FAILED" in said and re.findall(r"(?m)^[01]$", said) == ["1", "1"], said


def edition(plant: Plant) -> Stand:
    """How the only edition of the only registration stands."""
    with plant.ledger.read() as tx:
        [number] = tx.run(select(t.registration.c.number)).scalars()
    [found] = enquiry.registration_status(plant, number).editions
    return found


def withdraw_lists(plant: Plant) -> None:
    for each in (plant.settings.keyring_dir / "revocation").glob("*.crl"):
        each.unlink()


def test_the_doctor_finds_b_lt_without_its_lists_and_says_whose(plant: Plant) -> None:
    withdraw_lists(plant)

    with pytest.raises(LongTermUnavailableError) as found:
        trusting.long_term(anew(plant))

    assert str(found.value).startswith(f"{PROFILE} asks for B-LT, and its orders wait: ")
    assert str(found.value).count("CN=") == 3  # the seal's two CAs and the authority's root


def test_with_all_of_them_it_is_well_and_where_nobody_asks_too(plant: Plant) -> None:
    assert trusting.long_term(plant) == "1 seal(s) with what B-LT asks for"
    withdraw_lists(plant)
    assert trusting.long_term(of_level(Plant(plant.settings), "B-T")) == "no register asks for B-LT"


def test_of_what_is_missing_the_issuer_is_said(plant: Plant) -> None:
    for each in (plant.settings.keyring_dir / "revocation").glob("*.crl"):
        each.unlink()

    with pytest.raises(LongTermUnavailableError, match=r"Issuing CA.*FACTORY_REVOCATION=fetch"):
        plant.long_term.material(seal(plant), "default")


def test_material_is_kept_until_the_first_list_is_over_or_a_new_one_came(plant: Plant) -> None:
    now = [datetime.now(UTC)]
    known = LongTerm(plant, clock=lambda: now[0])
    first = known.material(seal(plant), "default")

    assert known.material(seal(plant), "default") is first

    plant.keyring.renew_test_lists(now=now[0] + timedelta(seconds=1))
    now[0] += timedelta(seconds=2)
    second = known.material(seal(plant), "default")
    assert second.crls != first.crls
    assert second.certificates == first.certificates

    now[0] += WEEK
    with pytest.raises(LongTermUnavailableError):
        known.material(seal(plant), "default")


def test_a_seal_that_comes_later_cannot_have_what_changes_daily(plant: Plant) -> None:
    class Later(type(seal(plant).signer)):  # type: ignore[misc]
        """It has the methods of one that is asked again; none of them is called."""

        patience = timedelta(days=1)
        ask = pending = withdraw = lambda *_: {}

    late = replace(seal(plant), signer=Later(None, Format.PDF))

    with pytest.raises(SettingsError, match="B-T"):
        plant.long_term.material(late, "default")


def test_a_revoked_seal_seals_nothing_more(plant: Plant) -> None:
    ordered(plant)
    revoke(plant)

    produced(plant)

    [hold] = desk.open_holds(plant)
    assert hold.reason == "seal_revoked"
    assert "superseded" in hold.detail
    assert files(plant) == []


def test_a_seal_whose_revocation_is_yet_to_come_still_seals(plant: Plant) -> None:
    now = datetime.now(UTC)
    ended = Ended(serial=0, at=now + timedelta(hours=1), reason="superseded")
    plant.keyring.revoke_test_identity(PROFILE, ended, now=now)
    ordered(of_level(plant, "B-T"))

    produced(plant)

    assert len(files(plant)) == 1


def test_a_batch_under_a_revoked_certificate_stops_at_its_first(plant: Plant) -> None:
    ordered(plant, 3)
    produced(plant)
    batch = started(plant, rename_to(NEW) | {"source": "urn:certfactory:operations"})
    revoke(plant)

    steps.advance(plant, batch)
    produced(plant)

    found = progress.progress(plant, batch)
    assert found.state == "stopped"
    assert "first certificates failed: 1 seal_revoked" in str(found.stop_reason)
    assert len(files(plant)) == 3


def test_the_lists_of_test_cas_are_made_anew_at_the_desk(plant: Plant) -> None:
    folder = plant.settings.keyring_dir / "revocation"
    before = {each.name: each.read_bytes() for each in folder.glob("*.crl")}

    env = {"FACTORY_DATA_DIR": str(plant.settings.data_dir)}
    done = CliRunner(env=env).invoke(cli.main, ("keys", "test-lists"))

    assert done.exit_code == 0
    assert done.stdout.count("wrote ") == len(before)
