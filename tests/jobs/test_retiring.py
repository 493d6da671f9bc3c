"""An identity is taken out of use for good once nothing needs it; what it sealed stays genuine."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)
from sqlalchemy import select

import cli
from factory import specimen, verify
from factory.errors import ConflictError, SealRetiredError, SettingsError
from factory.model import BatchId, ChunkId
from factory.verify_verdict import VerdictWord
from jobs import desk, doctor, line, retiring, sealed_by
from jobs.bulk import confirming, requests, steps
from jobs.commands.exits import CONFLICT
from jobs.sealed_by import Asked
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import keyfiles, pdf_seals
from storage import tables as t
from storage.new_keyring import add_test_identities
from storage.ofd_seals import KeyFileGiven
from tests import telling
from tests.jobs.bulking import version_text
from tests.plants import PROFILE, WHO, open_chunks, submit
from tests.telling import whole_factory

OLD = "former-seal"


@pytest.fixture
def plant(tmp_path: Path, s3: Settings) -> Plant:
    """A plant whose keyring has one identity more than its registers name."""
    found = whole_factory(tmp_path, s3)
    add_test_identities(
        found.settings.keyring_dir,
        identities={OLD: "示例管理部门"},
        now=datetime.now(UTC),
        draw_seal=lambda _: picture(found),
    )
    return Plant(found.settings)


def picture(plant: Plant) -> bytes:
    return (home(plant, PROFILE) / "seal.png").read_bytes()


def home(plant: Plant, name: str) -> Path:
    return plant.settings.keyring_dir / "identities" / name


def kept(plant: Plant, name: str = OLD) -> set[str]:
    """What is left of a retired identity."""
    place = plant.settings.keyring_dir / "retired" / name
    return {str(each.relative_to(place)) for each in place.rglob("*") if each.is_file()}


def test_its_keys_are_gone_and_its_certificates_are_kept(plant: Plant) -> None:
    elsewhere = retiring.retire(plant, OLD)

    assert elsewhere == []
    assert not home(plant, OLD).exists()
    assert kept(plant) == {
        "identity.toml", "signing.pem", "chain.pem", "seal.png",
        "ofd/identity.toml", "ofd/signing.pem", "ofd/chain.pem", "ofd/seal.esl",
    }  # fmt: skip


def test_nothing_is_sealed_with_it_any_more(plant: Plant) -> None:
    retiring.retire(plant, OLD)

    with pytest.raises(SealRetiredError, match="former-seal is retired"):
        Plant(plant.settings).keyring.identity(OLD)
    with pytest.raises(SettingsError, match="no signing identity nobody"):
        Plant(plant.settings).keyring.identity("nobody")


def test_what_a_version_orders_of_a_retired_seal_is_held_by_its_name(plant: Plant) -> None:
    plant.keyring.retire(PROFILE)
    other = Plant(plant.settings)
    submit(other, specimen.approved(1) | {"source": "urn:certfactory:operations"})

    for chunk in open_chunks(other):
        line.produce(other, ChunkId(chunk))

    [hold] = desk.open_holds(other)
    assert (hold.reason, hold.owner) == ("seal_retired", "operations")
    assert f"{PROFILE} is retired" in hold.detail


def test_those_who_wait_for_a_retired_seal_are_issued_anew_under_the_one_in_force(
    plant: Plant, tmp_path: Path
) -> None:
    plant.keyring.retire(PROFILE)
    other = Plant(plant.settings)
    number = submit(other, specimen.approved(1) | {"source": "urn:certfactory:operations"})
    telling.work(other)
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    text = version_text("2026-01", (f'identity = "{PROFILE}"', f'identity = "{OLD}"'))
    (profiles / "2026-01.toml").write_text(text, "utf-8")

    mended = Plant(replace(plant.settings, profiles_dir=profiles))
    numbers = {str(number.registration): "line 1"}
    [outcome] = requests.reissue(mended, numbers, reason="retired", who=WHO)
    assert outcome.batch is not None
    steps.advance(mended, BatchId(outcome.batch))
    confirming.confirm(mended, BatchId(outcome.batch), who=WHO, why="retired")
    telling.work(mended)

    assert desk.open_holds(mended) == []
    sealed = {file.kind: file.registration for file in sealed_by.listed(mended, Asked(key=OLD))}
    assert sealed == {"certificate": number.registration, "batch_report": None}


def test_the_doctor_names_the_version_that_names_a_retired_seal(plant: Plant) -> None:
    plant.keyring.retire(OLD)
    well = looked(plant)
    plant.keyring.retire(PROFILE)

    ill = looked(plant)

    version = plant.profiles[PROFILE].all[-1].version
    assert well.well, well.detail
    assert not ill.well
    assert f"{PROFILE} is retired, yet {PROFILE} {version} seals with it" in ill.detail


def looked(plant: Plant) -> doctor.Finding:
    """What the doctor says of keys."""
    return next(each for each in doctor.examine(Plant(plant.settings)) if each.name == "keys")


def test_a_retired_name_is_not_given_to_another_seal(plant: Plant) -> None:
    there = home(plant, PROFILE)
    certificates = [file for name in ("signing.pem", "chain.pem") for file in
                    keyfiles.certificates(there / name)]  # fmt: skip
    key = KeyFileGiven(
        key=(there / "key.p8").read_bytes(), passphrase=(there / "passphrase").read_bytes()
    )
    given = pdf_seals.Given(
        certificates=tuple(certificates), picture=picture(plant), width_mm=42, key=key, test=True
    )
    retiring.retire(plant, OLD)

    with pytest.raises(ConflictError, match=f"{OLD} is retired.*another name"):
        plant.keyring.import_pdf_seal(OLD, given, now=datetime.now(UTC), replace=True)

    plant.keyring.import_pdf_seal(f"{OLD}-2", given, now=datetime.now(UTC), replace=False)
    assert not home(plant, OLD).exists()


def test_what_it_sealed_stays_valid_and_can_be_asked_for_by_its_name(plant: Plant) -> None:
    submit(plant, specimen.approved(1) | {"source": "urn:certfactory:operations"})
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))
    [file] = list(sealed_by.listed(plant, Asked(key=PROFILE)))

    plant.keyring.retire(PROFILE)

    after = Plant(plant.settings)
    assert list(sealed_by.listed(after, Asked(key=PROFILE))) == [file]
    with after.ledger.read() as tx:
        [key] = tx.run(select(t.file.c.object_key)).scalars()
    data = after.store.get(key, sha256=file.sha256)
    keys = after.keyring
    assert verify.verify(data, keys.trust_roots()).verdict is VerdictWord.VALID


def test_one_that_a_register_names_is_not_retired(plant: Plant) -> None:
    with pytest.raises(ConflictError, match=f"seals for {PROFILE}"):
        retiring.retire(plant, PROFILE)

    assert (home(plant, PROFILE) / "key.p8").exists()


def test_one_that_orders_wait_for_is_not_retired(plant: Plant) -> None:
    submit(plant, specimen.approved(1) | {"source": "urn:certfactory:operations"})
    other = Plant(plant.settings)
    other.__dict__["profiles"] = {}  # a machine whose registers name another one by now

    with pytest.raises(ConflictError, match="1 orders are still to be sealed"):
        retiring.retire(other, PROFILE)


def test_of_a_pkcs12_file_the_certificates_are_kept(plant: Plant) -> None:
    there = home(plant, OLD)
    secret = (there / "passphrase").read_bytes()
    key = load_pem_private_key((there / "key.p8").read_bytes(), secret)
    [cert], chain = (keyfiles.certificates(there / name) for name in ("signing.pem", "chain.pem"))
    bundle = pkcs12.serialize_key_and_certificates(
        b"",
        key,
        cert,
        chain,
        BestAvailableEncryption(secret),  # type: ignore[arg-type]
    )
    for name in ("key.p8", "signing.pem", "chain.pem"):
        (there / name).unlink()
    keyfiles.write(there / "seal.p12", bundle)
    (there / "identity.toml").write_text('width_mm = 42\ntest = true\npkcs12 = "seal.p12"\n')

    retiring.retire(plant, OLD)

    assert {"signing.pem", "chain.pem"} <= kept(plant) and "seal.p12" not in kept(plant)
    assert len(plant.keyring.retired()[OLD]) == 2  # of PDF and of OFD


def test_where_a_service_holds_the_key_it_is_said_that_it_must_be_destroyed_there(
    plant: Plant,
) -> None:
    about = home(plant, OLD) / "ofd" / "identity.toml"
    about.write_text('test = true\n[service]\nurl = "https://seals.example"\nkey = "k"\n')

    assert retiring.retire(plant, OLD) == ["seal service"]


def test_what_was_broken_off_goes_on(plant: Plant) -> None:
    place = plant.settings.keyring_dir / "retired"
    place.mkdir()
    home(plant, OLD).rename(place / OLD)
    assert "key.p8" in kept(plant)

    retiring.retire(plant, OLD)

    assert not {"key.p8", "passphrase"} & kept(plant)


def test_another_one_that_came_back_under_its_name_is_retired_beside_it(plant: Plant) -> None:
    """Test keyrings of before made a retired seal anew."""
    shutil.copytree(home(plant, PROFILE), home(plant, "again"))
    retiring.retire(plant, OLD)
    first = set(plant.keyring.retired()[OLD])
    home(plant, "again").rename(home(plant, OLD))

    retiring.retire(plant, OLD)

    both = set(plant.keyring.retired()[OLD])
    assert (len(first), len(both), first < both) == (2, 4, True)
    assert not home(plant, OLD).exists()
    assert not [each for each in kept(plant) if each.endswith(("key.p8", "passphrase"))]


@pytest.mark.parametrize("name", ["nobody", "../identities"])
def test_one_that_there_is_not_is_refused(plant: Plant, name: str) -> None:
    with pytest.raises(SettingsError):
        retiring.retire(plant, name)


def test_the_command_says_what_it_did_and_what_it_does_not_do(plant: Plant) -> None:
    run = CliRunner(env=plant.settings.to_env())

    done = run.invoke(cli.main, ("keys", "retire", OLD))
    refused = run.invoke(cli.main, ("keys", "retire", PROFILE))

    assert done.exit_code == 0 and f"{OLD} is retired" in done.output
    assert refused.exit_code == CONFLICT and "must name another" in refused.output
