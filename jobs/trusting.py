"""What seals rest on besides their keys, for the doctor: time stamps and revocation lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from factory.errors import LongTermUnavailableError, SettingsError
from factory.model import Format
from factory.profile import Profile
from factory.register import local_day
from factory.seals import chain, revocation
from factory.seals.signer import SealIdentity
from jobs import opening
from storage import endings
from storage.key_sources import OFD, PDF

if TYPE_CHECKING:
    from jobs.wiring import Plant

WARN_DAYS = 30
OFF = "certificates get none: FACTORY_TIME_STAMPS is off"
NONE = "no register has its certificates stamped"


def identities(plant: Plant, fmt: str = "") -> set[str]:
    """Who signs today and from now on.

    fmt: only for certificates of this format.
    """
    return {
        identity
        for profile in _in_use(plant)
        if not fmt or fmt in profile.certificate.formats
        for identity in profile.seal.all
    }


def versions_naming(plant: Plant, identity: str) -> list[str]:
    """The versions, in force or to come, that seal with it."""
    return [f"{each.id} {each.version}" for each in _in_use(plant) if identity in each.seal.all]


def _in_use(plant: Plant) -> Iterator[Profile]:
    """Versions of registers that are in force or will be."""
    today = local_day(datetime.now(UTC))
    for rules in plant.profiles.values():
        yield from rules.since(today)


def authorities(plant: Plant) -> str:
    """Which authorities of time stamp certificates.  SettingsError: the keyring lacks one."""
    if not plant.settings.time_stamps:
        return OFF
    return ", ".join(name for name in _authorities(plant) if plant.time_authority(name)) or NONE


def time_stamps(plant: Plant) -> str:
    """Whether each of them stamps, and until when its certificate lasts.

    Asks for one token each.  SettingsError, TimestampUnavailableError: one gives none.
    """
    if not plant.settings.time_stamps:
        return OFF
    return ", ".join(_stamping(plant, name) for name in _authorities(plant)) or NONE


def _authorities(plant: Plant) -> list[str]:
    opening.check_keyring(plant.settings)
    return sorted({each.time_stamp.authority for each in _in_use(plant) if each.time_stamp})


def _stamping(plant: Plant, name: str) -> str:
    authority, now = plant.time_authority(name), datetime.now(UTC)
    ends = [authority.sample.signing_cert.not_valid_after_utc]
    ends += [end for each, end in endings.time_stamping(_folder(plant)).items() if each == name]
    days = (min(ends) - now).days
    if days < WARN_DAYS:
        raise SettingsError(
            f"the certificates of the time-stamping authority {name} end in {days} days: ask whose"
            f" come next, and put its root into tsa/{name}/roots/"
        )
    return f"{name} stamps, its certificate ends in {days} days" + (
        " (TEST authority)" * authority.service.test
    )


def revocations(plant: Plant) -> str:
    """Whether what CAs have revoked is known, and is nothing that signs today.

    SettingsError: a list is out of date or cannot be used, or a certificate in use is revoked.
    """
    opening.check_keyring(plant.settings)
    lists = endings.revocation_lists(_folder(plant))
    known = plant.revocations()
    asks = plant.settings.revocation == "fetch"
    for name, fmt in _seals(plant) if known else ():
        _refuse_revoked(plant, name, Format(fmt), known)
    late = sorted(name for name, until in lists.items() if until < datetime.now(UTC))
    if late:
        raise SettingsError(
            f"revocation/{late[0]} is past its nextUpdate: put its CA's newest list there"
        )
    if not lists and not asks:
        return "no list in revocation/, and CAs are not asked (FACTORY_REVOCATION)"
    return f"{len(lists)} CA(s) with a list" + (", and CAs are asked" * asks)


def long_term(plant: Plant) -> str:
    """Whether what B-LT files bring is to be had, for each seal that is to put it in.

    LongTermUnavailableError: it is not, and whose list is missing.  TimestampUnavailableError: it
    cannot be told, because the authority of time is away.  SettingsError: the seal cannot have it.
    """
    if not plant.settings.time_stamps:
        return OFF
    wanted = _wanting_lists(plant)
    for name, profile, authority in wanted:
        seal = plant.keyring.seal(name, Format.PDF)
        assert isinstance(seal, SealIdentity)  # noqa: S101 - those for PDF are
        try:
            plant.long_term.material(seal, authority)
        except LongTermUnavailableError as error:
            raise LongTermUnavailableError(
                f"{profile} asks for B-LT, and its orders wait: {error}"
            ) from error
    return (
        f"{len(wanted)} seal(s) with what B-LT asks for" if wanted else "no register asks for B-LT"
    )


def _wanting_lists(plant: Plant) -> list[tuple[str, str, str]]:
    """(seal, register, authority of time) of whose PDFs B-LT is asked, whose seal is there."""
    opening.check_keyring(plant.settings)
    there = {name for name, fmt in _seals(plant) if fmt == PDF}
    found = {
        (identity, profile.id, profile.time_stamp.authority)
        for profile in _in_use(plant)
        if profile.time_stamp is not None
        and profile.time_stamp.level == "B-LT"
        and Format.PDF in profile.certificate.formats
        for identity in profile.seal.all
        if identity in there
    }
    return sorted(found)


def _seals(plant: Plant) -> Iterator[tuple[str, str]]:
    """Those in use that are there; of those that are not, others tell."""
    used = {PDF: identities(plant), OFD: identities(plant, OFD)}
    for each in plant.keyring.identities():
        if each.name in used[each.format]:
            yield each.name, each.format


def _refuse_revoked(plant: Plant, name: str, fmt: Format, known: revocation.Source) -> None:
    seal, keyring = plant.keyring.seal(name, fmt), plant.keyring
    others = (*seal.chain, *keyring.seal_issuers())
    now = datetime.now(UTC)
    path = chain.trusted(seal.signing_cert, others, keyring.trust_roots(), now)
    found = revocation.fate_of_chain(known, path).revoked
    if found is not None:
        raise SettingsError(
            f"the certificate that {name} seals {fmt.upper()} with was revoked on"
            f" {local_day(found.at)}: stop signing with it, and give the register another identity"
        )


def _folder(plant: Plant) -> Path:
    return plant.settings.keyring_dir
