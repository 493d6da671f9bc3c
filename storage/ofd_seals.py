"""Seals for OFD in the keyring: an issued seal (.esl) and the key of one who may sign with it.

identities/<name>/ofd/identity.toml  whether it is a test seal; which service holds the key
                      seal.esl       the seal as its maker issued it (SESeal, GB/T 38540-2020)
                      signing.pem    certificate of the signer, one that the seal lists
                      chain.pem      its issuers, the nearest first
                      key.p8         encrypted PKCS#8, opened with
                      passphrase     unless a passphrase file is given
                      token, ca.pem  in place of both, where a seal service holds the key
                      pin            in place of both, where a PKCS#11 token holds it

``[service]`` in identity.toml names the service, see docs/seal-service.md; ``[pkcs11]`` names a key
in a token, see token_key.py.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import (
    ConflictError,
    FactoryError,
    SealRefusedError,
    SettingsError,
    SignatureRefusedError,
)
from factory.parties import Algorithm
from factory.seals import chain, esl, keys, pades, ses
from factory.seals.ses import Seal
from factory.seals.signer import SesIdentity, Signer
from storage import key_sources, keyfiles, testca_keys, testca_sm2, token_key
from storage.key_sources import (
    ABOUT,
    CHAIN,
    KEY,
    OFD,
    OFD_HOME,
    PASSPHRASE,
    SIGNING,
    Passphrase,
)
from storage.seal_later import AsynchronousSigner
from storage.seal_service import Service, ServiceSigner
from storage.signer_process import SignerProcess
from storage.token_key import TokenGiven

HOME = OFD_HOME
SEAL, TOKEN, CA = "seal.esl", "token", "ca.pem"
TEST_ROOT, TEST_ISSUERS = "test-root-sm2.pem", "test-sm2.pem"
TEST_WIDTH_MM = 42
SERVICE = {"url", "key"}
SYNCHRONOUS, ASYNCHRONOUS = "synchronous", "asynchronous"
USUAL_PATIENCE_HOURS, MOST_PATIENCE_HOURS = 7 * 24, 366 * 24
WHAT_TO_DO = "put the root into roots/ of the keyring, or the CAs between into the chain"
PEM = Encoding.PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The CAs that a chain must end in, and those that may stand between."""

    roots: tuple[x509.Certificate, ...]
    issuers: tuple[x509.Certificate, ...]

    def leads(self, certificate: x509.Certificate) -> bool:
        """Whether a chain from a CA's certificate ends in one of the roots."""
        moment = certificate.not_valid_before_utc
        try:
            chain.refuse_untrusted(certificate, self.issuers, self.roots, moment)
        except SignatureRefusedError:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFileGiven:
    """A key that the keyring is to hold: encrypted PKCS#8 and what opens it."""

    key: bytes = field(repr=False)
    passphrase: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceGiven:
    """A key that a seal service holds.

    token: of the bearer.  ca: PEM, where the service's TLS certificate is of a CA of its own.
    mode:  whether it signs at once or seals later.
    """

    url: str
    key: str
    token: bytes = field(repr=False)
    ca: bytes | None = None
    mode: str = SYNCHRONOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is handed in to be installed.

    seal:   the .esl file.
    chain:  the issuers of signer and seal maker in any order, without roots or with them.
    test:   whether it is to be marked as a test seal.
    """

    seal: bytes = field(repr=False)
    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: KeyFileGiven | ServiceGiven | TokenGiven
    test: bool = False


def load(
    home: Path,
    name: str,
    trust: Trust,
    passphrase: Passphrase,
    process: SignerProcess | None = None,
) -> SesIdentity:
    """The seal of an identity, proved in all that the day does not change.

    home:    its ``ofd`` folder.
    process: the signer process that holds its key, unless a seal service does.
    SettingsError: what is wrong with which file.
    """
    try:
        return _proved(home, name, trust, passphrase, process, moment=None)
    except SealRefusedError as error:
        raise SettingsError(f"the OFD seal of {name} cannot be used: {error}") from error


def described(home: Path, name: str) -> tuple[Seal, x509.Certificate]:
    """The seal and the signer's certificate, read and not judged.  SettingsError: broken."""
    try:
        return ses.read_seal(keyfiles.read(home / SEAL)), _signing_cert(home)
    except SealRefusedError as error:
        raise SettingsError(f"the OFD seal of {name} cannot be used: {error}") from error


def ends(seal: Seal, signing_cert: x509.Certificate) -> datetime:
    """The last moment of the seal, its signer and its maker: a signature lies within all three."""
    maker = ses.certificate(seal.maker)
    return min(seal.valid_until, signing_cert.not_valid_after_utc, maker.not_valid_after_utc)


def install(
    home: Path,
    given: Given,
    trust: Trust,
    passphrase: Passphrase,
    *,
    now: datetime,
    replace: bool,
) -> SesIdentity:
    """Put a seal into the keyring, whole or not at all, once everything of it is proved.

    home:    the identity's folder, which may be missing.
    replace: whether it may take the place of the present one.
    SealRefusedError: it cannot be used.  ConflictError: there is one.
    SettingsError: its key does not open, or the seal service does not let us in.
    """
    if (home / HOME).exists() and not replace:
        raise ConflictError(
            f"{home.name} has a seal for OFD: give --replace to put this one in its place"
        )
    keyring = home.parent.parent
    known = Trust(roots=trust.roots, issuers=(*trust.issuers, *given.chain))
    with keyfiles.building(keyring, ".import-") as building:
        _write(building / home.name / HOME, given, (*known.issuers, *known.roots))
        key_sources.log_in(building / home.name / HOME)
        proved = _proved(building / home.name / HOME, home.name, known, passphrase, moment=now)
        _keep_issuers(keyring, [each for each in given.chain if known.leads(each)])
        _put(building / home.name, home)
    return proved


def issue_tests(
    folder: Path, identities: Mapping[str, str], pictures: Mapping[str, bytes], now: datetime
) -> None:
    """A test seal for each identity, under a test CA of their own, in a keyring's folders.

    identities: name -> the authority's name; pictures: name -> PNG.
    """
    ca = testca_sm2.make_ca(now)
    keyfiles.write(folder / "roots" / TEST_ROOT, ca.root.certificate.public_bytes(PEM))
    keyfiles.write(folder / "issuers" / TEST_ISSUERS, ca.issuing.certificate.public_bytes(PEM))
    testca_keys.keep(folder, ca.root)
    testca_keys.keep(folder, ca.issuing)
    for name, authority in identities.items():
        secret = secrets.token_urlsafe(32).encode()
        made = testca_sm2.issue_test_seal(
            ca, authority, pictures[name], width_mm=TEST_WIDTH_MM, now=now, passphrase=secret
        )
        given = Given(
            seal=made.esl,
            signing_cert=made.signing_cert,
            chain=made.chain,
            key=KeyFileGiven(key=made.key, passphrase=secret),
            test=True,
        )
        _write(folder / "identities" / name / HOME, given)


def _proved(
    home: Path,
    name: str,
    trust: Trust,
    passphrase: Passphrase,
    process: SignerProcess | None = None,
    *,
    moment: datetime | None,
) -> SesIdentity:
    """moment: when it must be valid; None: whether it ever was, which no day changes."""
    about = keyfiles.settings(home / ABOUT)
    with _foreign():
        seal, signing_cert, issuers = _fitting(home, trust, moment)
    keyfiles.prove_chain(signing_cert, issuers, name)
    signer = _signer(home, name, about, signing_cert, passphrase, process)
    return SesIdentity(
        name=name,
        seal=seal.der,
        signing_cert=signing_cert,
        chain=issuers,
        signer=signer,
        test=bool(about.get("test", False)),
    )


@contextmanager
def _foreign() -> Iterator[None]:
    """The one edge at which files of others may raise whatever a parser raises."""
    try:
        yield
    except (FactoryError, MemoryError):
        raise
    except Exception as error:
        raise SealRefusedError("a certificate of signer, maker or chain cannot be read") from error


def _fitting(
    home: Path, trust: Trust, moment: datetime | None
) -> tuple[Seal, x509.Certificate, tuple[x509.Certificate, ...]]:
    """Seal, signer and the signer's issuers, once all that their files say is proved."""
    seal, signing_cert = ses.read_seal(keyfiles.read(home / SEAL)), _signing_cert(home)
    issuers = _issuers(home)
    _refuse_unfit(seal, signing_cert, issuers, trust, moment or _begins(seal, signing_cert))
    return seal, signing_cert, issuers


def _begins(seal: Seal, signing_cert: x509.Certificate) -> datetime:
    """The first moment at which the seal, its signer and its maker can all be valid."""
    maker = ses.certificate(seal.maker)
    return max(seal.valid_from, signing_cert.not_valid_before_utc, maker.not_valid_before_utc)


def _refuse_unfit(
    seal: Seal,
    signing_cert: x509.Certificate,
    issuers: Sequence[x509.Certificate],
    trust: Trust,
    moment: datetime,
) -> None:
    """SealRefusedError unless both chains end in a root and signer and seal fit each other."""
    if keys.algorithm_of(signing_cert) is not Algorithm.SM2:
        raise SealRefusedError("the signing certificate is not of SM2 (GB/T 38540-2020)")
    between = (*issuers, *trust.issuers)
    pades.refuse_unfit(signing_cert, moment)
    try:
        chain.refuse_unfit_signer(signing_cert, moment)
        chain.refuse_untrusted(signing_cert, between, trust.roots, moment)
    except SignatureRefusedError as error:
        raise SealRefusedError(
            f"the electronic seal's signer is not trusted: {error}; {WHAT_TO_DO}"
        ) from error
    esl.check_issued(seal, signing_cert, trust.roots, moment, others=between)


def _signing_cert(home: Path) -> x509.Certificate:
    return keyfiles.certificates(home / SIGNING)[0]


def _issuers(home: Path) -> tuple[x509.Certificate, ...]:
    """None where a root issued the signer's certificate."""
    return keyfiles.certificates(home / CHAIN) if keyfiles.read(home / CHAIN).strip() else ()


def _signer(
    home: Path,
    name: str,
    about: Mapping[str, object],
    signing_cert: x509.Certificate,
    passphrase: Passphrase,
    process: SignerProcess | None,
) -> Signer:
    """The key, once it has signed and that fits the certificate; or whoever holds it."""
    said = about.get(key_sources.SERVICE)
    if said is not None:
        return _served(home, said, signing_cert)
    if process is not None:
        return process.signer(name, OFD, signing_cert)
    return key_sources.ofd_signer(home, name, signing_cert, passphrase)


def _served(home: Path, said: object, signing_cert: x509.Certificate) -> Signer:
    """The signer that ``[service]`` names, once the service has let us in."""
    fields = dict(said) if isinstance(said, dict) else {}
    mode, patience = fields.pop("mode", SYNCHRONOUS), _patience(home, fields)
    service = _service(home, fields)
    served: ServiceSigner | AsynchronousSigner
    if mode == SYNCHRONOUS:
        served = ServiceSigner(service, signing_cert)
    elif mode == ASYNCHRONOUS:
        served = AsynchronousSigner(service, signing_cert, patience=patience)
    else:
        raise SettingsError(
            f"mode in [service] of {home.parent.name} must be {SYNCHRONOUS} or {ASYNCHRONOUS}"
        )
    served.prove()
    return served


def _patience(home: Path, fields: dict[str, object]) -> timedelta:
    """How long a seal is waited for; taken out of the fields."""
    hours = fields.pop("patience_hours", USUAL_PATIENCE_HOURS)
    if type(hours) is not int or not 0 < hours <= MOST_PATIENCE_HOURS:
        raise SettingsError(
            f"patience_hours in [service] of {home.parent.name} must be a whole number of hours, "
            f"1 to {MOST_PATIENCE_HOURS}"
        )
    return timedelta(hours=hours)


def _service(home: Path, fields: Mapping[str, object]) -> Service:
    """What ``[service]`` says; names of files count from its folder."""
    if not all(isinstance(each, str) for each in fields.values()) or not fields.keys() >= SERVICE:
        raise SettingsError(f"[service] of {home.parent.name} must say url and key, each as text")
    return Service(
        url=str(fields["url"]),
        key=str(fields["key"]),
        token_file=home / str(fields.get("token_file", TOKEN)),
        ca_file=home / str(fields["ca_file"]) if "ca_file" in fields else None,
    )


def _write(home: Path, given: Given, others: Sequence[x509.Certificate] = ()) -> None:
    """A new ``ofd`` folder.

    others: from which the signer's chain may be completed.
    """
    issuers = keyfiles.in_order(given.signing_cert, (*given.chain, *others))
    files = {
        ABOUT: _about(given),
        SEAL: given.seal,
        SIGNING: given.signing_cert.public_bytes(PEM),
        CHAIN: b"".join(each.public_bytes(PEM) for each in issuers),
        **_secrets(given.key),
    }
    keyfiles.make_folder(home.parent)
    for name, data in files.items():
        keyfiles.write(home / name, data)


def _about(given: Given) -> bytes:
    """A basic string of TOML is one of JSON, for what a Service may be called."""
    lines = [f"test = {str(given.test).lower()}"]
    if isinstance(given.key, ServiceGiven):
        lines += ["", "[service]", f"url = {json.dumps(given.key.url)}"]
        lines += [f"key = {json.dumps(given.key.key)}", f"token_file = {json.dumps(TOKEN)}"]
        lines += [f"ca_file = {json.dumps(CA)}"] if given.key.ca is not None else []
        lines += [f"mode = {json.dumps(given.key.mode)}"] if given.key.mode != SYNCHRONOUS else []
    if isinstance(given.key, TokenGiven):
        lines += token_key.written(given.key)
    return "\n".join((*lines, "")).encode()


def _secrets(key: KeyFileGiven | ServiceGiven | TokenGiven) -> Mapping[str, bytes]:
    if isinstance(key, KeyFileGiven):
        return {KEY: key.key, PASSPHRASE: key.passphrase}
    if isinstance(key, TokenGiven):
        return {token_key.PIN: key.pin} if key.pin is not None else {}
    return {TOKEN: key.token} | ({CA: key.ca} if key.ca is not None else {})


def _keep_issuers(keyring: Path, issuers: Sequence[x509.Certificate]) -> None:
    """For whoever verifies later; one that is there already is the same."""
    for each in issuers:
        file = keyring / "issuers" / f"{keys.fingerprint(each)}.pem"
        if not file.exists():
            keyfiles.write(file, each.public_bytes(PEM))


def _put(built: Path, home: Path) -> None:
    """The new folder in the place of the old one, which comes back if that fails."""
    if not home.exists():
        keyfiles.make_folder(home.parent)
        built.rename(home)
        return
    old, place = built / "replaced", home / HOME
    if place.exists():
        place.rename(old)
    try:
        (built / HOME).rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
