"""The doctor: looks at every neighbour and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from factory.deliveries import EndpointState
from factory.errors import FactoryError, KeyBusyError, SettingsError
from factory.kinds import KINDS
from factory.model import Format
from factory.register import local_day
from factory.seals.signer import AccountableSigner
from factory.versions import Versions
from jobs import attendance, notices, opening, trusting
from jobs import broker as brokers
from jobs.log import kept
from jobs.signer.policy import ADD_HEADS
from storage.key_sources import OFD, PDF
from storage.ledger import backups, log_standing

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.signer_process import SignerProcess

MOST_SKEW_SECONDS = 2.0
BEHIND_SECONDS = 900.0  #: of the log, as its alert has it
MOST_BACKUP_HOURS = 36  #: as its alert has it: a nightly one has failed
TAKE_ONE = (
    "`certfactory backup FOLDER`, every night by certfactory-backup.timer"
    " (docs/runbooks/backup-old.md)"
)
WARN_DAYS = 30
SUCCESSOR = "have its successor issued, and import it with `certfactory keys import-seal --replace`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: well or not, and what to do."""

    name: str
    well: bool
    detail: str


def examine(plant: Plant) -> list[Finding]:
    """Look at profiles, fonts, keys, signer, time stamps, revocation, servers and workers."""
    return [_look(name, look, plant) for name, look in LOOKS]


def neighbours(plant: Plant) -> list[Finding]:
    """Look only at what must answer for any work to be done: database, broker, store."""
    return [_look(name, look, plant) for name, look in NEIGHBOURS]


def _look(name: str, look: Callable[[Plant], str], plant: Plant) -> Finding:
    try:
        return Finding(name=name, well=True, detail=look(plant))
    except FactoryError as error:
        return Finding(name=name, well=False, detail=str(error))


def _profiles(plant: Plant) -> str:
    today = local_day(datetime.now(UTC))
    return ", ".join(_in_force(rules, today) for rules in plant.profiles.values())


def _in_force(rules: Versions, today: date) -> str:
    """The version in force, and those to come."""
    now, *later = rules.since(today)
    coming = "".join(f", {each.version} from {each.effective_from}" for each in later)
    return f"{rules.id} {now.version}{coming}"


def _fonts(plant: Plant) -> str:
    faces = {face.name for face in (*plant.fontbook.song, *plant.fontbook.kai)}
    return f"{len(faces)} faces for {len(KINDS)} kind(s) of document"


def _keys(plant: Plant) -> str:
    opening.check_keyring(plant.settings)
    wanted = trusting.identities(plant)
    there = {each.name: each for each in plant.keyring.identities() if each.format == PDF}
    if missing := wanted - there.keys():
        _refuse_retired(plant, missing)
        raise SettingsError(f"the keyring has no signing identity {', '.join(sorted(missing))}")
    for name in wanted:
        plant.keyring.identity(name)  # loads the key and signs once with it
    days = min((there[name].not_after - datetime.now(UTC)).days for name in wanted)
    if days < WARN_DAYS:
        raise SettingsError(f"a signing certificate ends in {days} days: install its successor")
    test = any(there[name].test for name in wanted)
    return f"{len(wanted)} in use, the first ends in {days} days" + (" (TEST keys)" * test)


def _refuse_retired(plant: Plant, names: Collection[str]) -> None:
    """SettingsError: a version still names an identity that is out of use."""
    said = [
        f"{name} is retired, yet {', '.join(trusting.versions_naming(plant, name))} seals with it"
        for name in sorted(names)
        if plant.keyring.is_retired(name)
    ]
    if said:
        raise SettingsError(
            f"{'; '.join(said)}: what it orders is held; name another identity in a later version"
        )


def _ofd_seals(plant: Plant) -> str:
    """The seals of the registers whose certificates are OFD."""
    opening.check_keyring(plant.settings)
    wanted = trusting.identities(plant, fmt=OFD)
    for name in wanted:
        _prove_ofd_seal(plant, name)
    there = {each.name: each for each in plant.keyring.identities() if each.format == OFD}
    ends = sorted((there[name].not_after, name) for name in wanted)
    if not ends:
        return "none in use"
    last, first = ends[0]
    if last < datetime.now(UTC):
        raise SettingsError(f"the OFD seal of {first} has ended on {local_day(last)}: {SUCCESSOR}")
    days = (last - datetime.now(UTC)).days
    if days < WARN_DAYS:
        raise SettingsError(f"the OFD seal of {first} ends in {days} days: {SUCCESSOR}")
    test = any(there[name].test for name in wanted)
    return f"{len(wanted)} in use, the first ends in {days} days" + (" (TEST seals)" * test)


def _prove_ofd_seal(plant: Plant, name: str) -> None:
    """Proves the seal, loads the key and signs once with it."""
    try:
        plant.keyring.ofd_seal(name)
    except KeyBusyError as error:
        raise KeyBusyError(
            f"the OFD seal of {name}: {error}; its documents wait until it signs again"
        ) from error


def _second_reading(plant: Plant) -> str:
    """Whether easyofd starts, where certificates are OFD."""
    sample = plant.settings.second_reading_sample
    if not sample:
        return "OFD is not read again: FACTORY_SECOND_READING_SAMPLE is 0"
    if not trusting.identities(plant, fmt=OFD):
        return "no register's certificates are OFD"
    plant.canary.ask()
    return f"easyofd reads the first OFD of each template, and one in {sample} single ones"


def signer(plant: Plant) -> str:
    """Whether the process that holds the keys answers, in words."""
    return _look("signer", _signer, plant).detail


def time_stamps(plant: Plant) -> str:
    """Which authorities of time stamp, in words; none of them is asked."""
    return _look("time stamps", trusting.authorities, plant).detail


def _signer(plant: Plant) -> str:
    """Whether the process that holds the keys has those that are in use."""
    process = plant.signer
    if process is None:
        return "none: each process opens its keys itself"
    stopped = process.status()["stopped"]
    opening.check_keyring(plant.settings)
    wanted = [(name, PDF) for name in trusting.identities(plant)]
    wanted += [(name, OFD) for name in trusting.identities(plant, fmt=OFD)]
    held = [each for each in wanted if _is_held(plant, process, *each)]
    if stopped:
        said = ", ".join(f"{each['identity'] or 'all'} ({each['reason']})" for each in stopped)
        raise SettingsError(f"stopped: {said}; `certfactory signer start` ends it")
    return f"answers, holds {len(held)} key(s) in use"


def _is_held(plant: Plant, process: SignerProcess, name: str, fmt: str) -> bool:
    """Whether it is the process's to hold, and is.  SettingsError: it should be, and is not."""
    seal = plant.keyring.seal(name, Format(fmt))
    if not isinstance(seal.signer, AccountableSigner):
        return False
    there, *_ = process.certificates(name, fmt)
    if there != seal.signing_cert:
        raise SettingsError(
            f"the signer process has another certificate of {name} for {fmt}: put the same into"
            " both keyrings"
        )
    return True


def _parties(plant: Plant) -> str:
    """Whose CAs may issue the certificates that persons and enterprises sign with."""
    opening.check_keyring(plant.settings)
    today = local_day(datetime.now(UTC))
    trusts = {
        profile.signing.of(party).trust
        for rules in plant.profiles.values()
        for profile in rules.since(today)
        for party in profile.application.signers
    }
    counted = {trust: len(plant.keyring.party_roots(trust)) for trust in sorted(trusts)}
    return ", ".join(f"{count} root(s) of {trust}" for trust, count in counted.items()) or "none"


def _database(plant: Plant) -> str:
    opening.check_keyring(plant.settings)
    opening.check_schema(plant)
    return f"{plant.ledger.engine.dialect.name}, schema up to date"


def _clock(plant: Plant) -> str:
    opening.check_keyring(plant.settings)
    with plant.ledger.read() as tx:
        skew = abs((datetime.now(UTC) - tx.now).total_seconds())
    if skew > MOST_SKEW_SECONDS:
        raise SettingsError(f"this clock and the database's differ by {skew:.1f} s: run NTP")
    return f"{skew:.3f} s from the database's"


def _broker(plant: Plant) -> str:
    if not plant.settings.redis_url:
        raise SettingsError("not running: set FACTORY_REDIS_URL, or start `certfactory up`")
    broker = brokers.connect(plant.settings)
    brokers.maintain(broker)
    answer = brokers.durability(broker)
    if answer.policy != "noeviction":
        raise SettingsError(f"maxmemory-policy is {answer.policy}: set it to noeviction")
    return f"answers, append-only file {'on' if answer.aof else 'OFF: turn it on'}"


def _store(plant: Plant) -> str:
    plant.store.ping()
    plant.store.require_conditional_writes()
    return "answers, honours create-only writes"


def _workers(plant: Plant) -> str:
    opening.check_keyring(plant.settings)
    opening.check_schema(plant)
    return attendance.workers(plant)


def _log(plant: Plant) -> str:
    """Whether its key may sign its heads, it goes on where they end, and how far it is behind."""
    opening.check_keyring(plant.settings)
    opening.check_schema(plant)
    key = plant.keyring.log_key()
    if plant.signer is not None and not plant.signer.status().get("heads", True):
        raise SettingsError(ADD_HEADS)
    in_store = kept.newest(plant)
    with plant.ledger.read() as tx:
        kept.require_beginning(tx, in_store)
        found = log_standing.standing(tx)
    if found.lag_seconds > BEHIND_SECONDS:
        raise SettingsError(
            f"{found.pending} audit rows wait, the oldest for {found.lag_seconds:.0f} s: does a"
            " steward run? (docs/runbooks/log-behind.md)"
        )
    if found.open_seconds > BEHIND_SECONDS:
        raise SettingsError(
            f"no head is signed of what the log has had for {found.open_seconds:.0f} s:"
            " docs/runbooks/log-behind.md"
        )
    return f"{key.origin}, {found.entries} entries, {found.signed} of them under a signed head"


def _notices(plant: Plant) -> str:
    """Whether upstream is told."""
    opening.check_keyring(plant.settings)
    opening.check_schema(plant)
    found = notices.listed(plant)
    aside = [
        each.endpoint for each in found.endpoints if each.endpoint.state is EndpointState.ASIDE
    ]
    if not found.is_on:
        raise SettingsError("nothing is sent: turned off; `certfactory notify on` turns it on")
    if aside:
        said = ", ".join(f"{each.id} ({each.answer})" for each in aside)
        raise SettingsError(
            f"endpoint(s) {said} set aside: mend them, then `certfactory notify resume`"
        )
    if not found.endpoints:
        return "no endpoint: upstream is told nothing by itself"
    pending = sum(each.standing.pending for each in found.endpoints)
    return f"{len(found.endpoints)} endpoint(s), {pending} deliveries not done"


def _backup(plant: Plant) -> str:
    """How old the newest backup is; a factory that seals in earnest must have one."""
    opening.check_keyring(plant.settings)
    opening.check_schema(plant)
    with plant.ledger.read() as tx:
        found, at_stake, now = backups.newest(tx), backups.anything_to_lose(tx), tx.now
    if found is None:
        if at_stake and not _is_trial(plant):
            raise SettingsError(f"none was ever taken: {TAKE_ONE}")
        return "none, nor is one needed yet" if not at_stake else "none; these are TEST keys"
    hours = (now - found.at).total_seconds() / 3600
    if hours > MOST_BACKUP_HOURS:
        raise SettingsError(f"the newest is {hours:.0f} hours old: {TAKE_ONE}")
    return f"the newest, {found.name}, is {hours:.0f} hours old"


def _is_trial(plant: Plant) -> bool:
    """Whether all that it seals with are test keys."""
    used = trusting.identities(plant)
    return all(each.test for each in plant.keyring.identities() if each.name in used)


NEIGHBOURS: Sequence[tuple[str, Callable[[Plant], str]]] = (
    ("database", _database),
    ("broker", _broker),
    ("store", _store),
)
LOOKS: Sequence[tuple[str, Callable[[Plant], str]]] = (
    ("profiles", _profiles),
    ("fonts", _fonts),
    ("keys", _keys),
    ("OFD seals", _ofd_seals),
    ("signer", _signer),
    ("time stamps", trusting.time_stamps),
    ("revocation", trusting.revocations),
    ("long term", trusting.long_term),
    ("second reading", _second_reading),
    ("parties", _parties),
    *NEIGHBOURS,
    ("clock", _clock),
    ("workers", _workers),
    ("notices", _notices),
    ("log", _log),
    ("backup", _backup),
)
