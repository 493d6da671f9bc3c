"""The keyring (密钥环): keys, seals, passphrases, trust roots and master keys in one folder.

master.json                     master keys of the sealed columns
roots/*.pem                     trust roots
identities/<name>/identity.toml width of the seal's picture, whether it is a test seal
                  signing.pem   signing certificate
                  chain.pem     its issuers, the nearest first
                  key.p8        encrypted PKCS#8, opened with
                  passphrase    unless a passphrase file or descriptor is given
                  seal.png      the seal's picture
                  ofd/          the seal that OFD gets, see ofd_seals.py; one of both is enough
retired/<name>/                 identities out of use, see retiring.py
issuers/*.pem                   CAs between the roots and OFD seals, which are not in the files;
                                of seals that were replaced too
parties/<trust>/*.pem           roots of the CAs that issue the parties' certificates
tsa/<name>/                     time-stamping authorities, see tsa.py
outside/                        of a test keyring: the test CA that plays those CAs
revocation/*.crl, *.ocsp        what CAs have revoked: lists, PEM or DER, and OCSP answers, DER
testca/                         of a test keyring: its own CA, see testca_keys.py
answers.p8                      signs answers of the verification pages, see answer_key.py
log/                            signs heads of the log, see log_key.py
operators/<name>.json           who approves, and by which tokens, see operators.py

``pkcs12 = "seal.p12"`` in identity.toml names a PKCS#12 file in place of key.p8, beside which
signing.pem and chain.pem lie for those who cannot open it; a table ``[pkcs11]`` names a key in a
PKCS#11 token in place of key.p8 and passphrase, see token_key.py.  master.json, keys, passphrases
and PINs must be closed to others (mode 0600 or 0640).

Where a signer process holds the keys, none is opened here: key.p8, passphrase and PIN need not be
there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from factory.errors import ConflictError, KeyBusyError, RevocationRefusedError, SettingsError
from factory.model import Format
from factory.parties import Algorithm
from factory.seals import revocation
from factory.seals.keys import algorithm_of, fingerprint
from factory.seals.revocation import Answer, RevocationList, Revocations
from factory.seals.signer import SealIdentity, SesIdentity
from storage import (
    key_sources,
    keyfiles,
    log_key,
    master_keys,
    ofd_seals,
    pdf_seals,
    retiring,
    testca,
    testca_keys,
    trials,
    tsa,
    which_seals,
)
from storage.key_sources import OFD, PDF, Opened
from storage.master_keys import Masters
from storage.operators import Operators
from storage.sealed import MasterKeys
from storage.signer_process import SignerProcess
from storage.token_key import TokenKey

SEAL_WIDTH_MM = 42.0  #: of a round seal of a government body
WIDEST_MM = 100.0
IDENTITY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySummary:
    """What may be shown of a signing identity."""

    name: str
    format: str  #: of the documents that it seals
    subject: str
    algorithm: str
    not_after: datetime  #: the end of its certificate, and of an OFD seal itself
    fingerprint: str  #: SHA-256 of the certificate, hex
    test: bool
    held: str  #: where its key is: a file, a token, a service


class Keyring:
    """A folder of keys; each is read once.

    passphrase_file: a file or descriptor (see passphrases) that opens every key.p8, instead of the
                     passphrase beside it.
    process:         the signer process that holds the keys, of which none is opened here.
    """

    def __init__(
        self,
        folder: Path,
        *,
        passphrase_file: Path | None = None,
        process: SignerProcess | None = None,
    ) -> None:
        self._folder, self._process = folder, process
        self._passphrase = key_sources.passphrase_of(passphrase_file)
        self.identity = cache(self._identity)
        self.ofd_seal = cache(self._ofd_seal)
        self._opened = cache(self._open)
        self._revocations: tuple[tuple[object, ...], Revocations] = ((), Revocations())

    def _identity(self, name: str) -> SealIdentity:
        """The signing identity, its key proved to belong to its certificate.

        SealRetiredError: it is out of use.
        SettingsError: a file is missing or broken, or key and certificate do not match.
        """
        home = self._home(name)
        if not which_seals.seals_pdf(home):
            raise SettingsError(f"the keyring has no seal for PDF of {name}, only one for OFD")
        about, opened = keyfiles.settings(home / "identity.toml"), self._opened(name)
        keyfiles.prove_chain(opened.signing_cert, opened.chain, name)
        return SealIdentity(
            name=name,
            signing_cert=opened.signing_cert,
            chain=opened.chain,
            picture=keyfiles.read(home / "seal.png"),
            width_mm=_width_mm(about, name),
            signer=opened.signer,
            test=bool(about.get("test", False)),
        )

    def _ofd_seal(self, name: str) -> SesIdentity:
        """The identity's seal for OFD, proved in all that the day does not change.

        SettingsError: there is none, a file is missing or broken, key and certificate do not
        match, or the seal is not its maker's, not to be used with the certificate, or not trusted.
        """
        home = self._home(name) / ofd_seals.HOME
        if not home.is_dir():
            raise SettingsError(
                f"the keyring has no seal for OFD of {name}: import it with"
                " `certfactory keys import-seal`"
            )
        return ofd_seals.load(home, name, self._trust(), self._passphrase, self._process)

    def seal(self, name: str, fmt: Format) -> SealIdentity | SesIdentity:
        """The seal of an identity for documents of a format.

        SealRetiredError: the identity is out of use.  SettingsError: there is none.
        """
        return self.ofd_seal(name) if fmt is Format.OFD else self.identity(name)

    def import_ofd_seal(
        self, name: str, given: ofd_seals.Given, *, now: datetime, replace: bool
    ) -> SesIdentity:
        """Take an issued seal in for OFD, whole or not at all, once everything of it is proved.

        replace: whether it may take the place of the identity's present one.
        SealRefusedError: it cannot be used.  ConflictError: there is one, or one of that name is
        retired.
        """
        check_name(name)
        self._refuse_retired(name)
        home = self._folder / "identities" / name
        return ofd_seals.install(
            home, given, self._trust(), self._passphrase, now=now, replace=replace
        )

    def import_pdf_seal(
        self, name: str, given: pdf_seals.Given, *, now: datetime, replace: bool
    ) -> Opened:
        """Take a signing certificate, its key and a picture in for PDF; see import_ofd_seal."""
        check_name(name)
        self._refuse_retired(name)
        home = self._folder / "identities" / name
        if which_seals.seals_pdf(home) and not replace:
            raise ConflictError(
                f"{name} has a seal for PDF: give --replace to put this one in its place"
            )
        return pdf_seals.install(home, given, self._trust(), self._passphrase, now=now)

    def log_in(self, name: str) -> list[TokenKey]:
        """Log in once at the tokens that hold an identity's keys; see pkcs11_session.

        Which keys they are.  SettingsError: a PIN is refused, or no token holds a key of it.
        """
        homes = (self._home(name), self._home(name) / ofd_seals.HOME)
        there = [home for home in homes if (home / key_sources.ABOUT).exists()]
        keys = [key for home in there if (key := key_sources.log_in(home))]
        if not keys:
            raise SettingsError(f"no key of {name} is in a PKCS#11 token")
        return keys

    def retire(self, name: str) -> list[str]:
        """Take an identity out of use for good; see retiring.retire."""
        check_name(name)
        return retiring.retire(self._folder, name, self._passphrase)

    def is_retired(self, name: str) -> bool:
        """Whether an identity of that name was taken out of use."""
        return retiring.is_retired(self._folder, name)

    def retired(self) -> dict[str, list[str]]:
        """Identities that are out of use, each with the SHA-256 of its certificates, hex."""
        return {
            name: retiring.fingerprints(self._folder, name) for name in retiring.names(self._folder)
        }

    @property
    def names(self) -> set[str]:
        """Its identities; nothing is opened or read."""
        return {home.name for home in (self._folder / "identities").glob("*/")}

    @property
    def is_for_tests(self) -> bool:
        """Whether it has seals, and all of them are test seals; no key is opened."""
        return bool(self.names) and which_seals.all_test(self._folder)

    def summary(self, name: str) -> IdentitySummary:
        """What may be shown of an identity's seal for PDF."""
        return self._summary(name)

    def identities(self) -> list[IdentitySummary]:
        """What the keyring has, by name; an identity may have a seal of each format.

        KeyBusyError, SettingsError: the certificate of one cannot be had; says whose.
        """
        homes = sorted((self._folder / "identities").glob("*/"))
        return [summary for home in homes for summary in self._summaries(home)]

    def trust_roots(self) -> tuple[x509.Certificate, ...]:
        """The certificates a chain must end in.  SettingsError: there is none."""
        files = sorted((self._folder / "roots").glob("*.pem"))
        if not files:
            raise SettingsError("the keyring has no trust root: put one into roots/*.pem")
        return tuple(certificate for file in files for certificate in keyfiles.certificates(file))

    def seal_issuers(self) -> tuple[x509.Certificate, ...]:
        """CAs between the roots and seals for OFD, whose files hold none.

        Those of every seal that was ever installed; trusted only where they lead to a root.
        """
        return self._trust().issuers

    def time_roots(self) -> tuple[x509.Certificate, ...]:
        """The certificates that the chain of a time stamp's authority must end in."""
        files = sorted((self._folder / "tsa").glob("*/roots/*.pem"))
        return tuple(each for file in files for each in keyfiles.certificates(file))

    def revocations(self) -> Revocations:
        """The lists and answers that were put there, read again when one of them has changed.

        SettingsError: one of them cannot be used, and why.
        """
        home = self._folder / testca_keys.LISTS
        files = [each for kind in ("*.crl", "*.ocsp") for each in sorted(home.glob(kind))]
        looked = tuple((each.name, each.stat().st_mtime_ns, each.stat().st_size) for each in files)
        before, found = self._revocations
        if looked != before:
            found = Revocations(tuple(one for each in files for one in _revocation(each)))
            self._revocations = (looked, found)
        return found

    def revoke_test_identity(self, name: str, ended: testca.Ended, *, now: datetime) -> list[Path]:
        """Let the test CA revoke the certificates of a test identity, of both formats.

        ended: when and why; its serial is not looked at.
        SettingsError: one of its seals is real, or the keyring holds not the key of its CA.
        """
        homes = self._everywhere(name)
        if not which_seals.are_tests(*homes):
            raise SettingsError(
                f"the seal {name} is no test: its CA revokes, and its list is put into"
                f" {testca_keys.LISTS}/"
            )
        signing = [each / key_sources.SIGNING for each in homes]
        found = [keyfiles.certificates(each)[0] for each in signing if each.exists()]
        entries = [(each, replace(ended, serial=each.serial_number)) for each in found]
        return [testca_keys.revoke(self._folder, *entry, now=now) for entry in entries]

    def renew_test_lists(self, *, now: datetime) -> list[Path]:
        """Let the test CAs say anew whom they have revoked; of other CAs nothing is said.

        SettingsError: the keyring holds no test CA.
        """
        return testca_keys.renew(self._folder, now=now)

    def issue_test_certificate(
        self, authority: str, key: bytes, passphrase: bytes | None, *, now: datetime
    ) -> trials.TestCertificate:
        """Let the test CA certify a key that is elsewhere; see trials.issue.

        SettingsError: one of the keyring's seals is real, and it trusts the test CA.
        """
        if not which_seals.all_test(self._folder):
            raise SettingsError(
                "the keyring holds seals that are no test: a test certificate would be trusted"
                " beside them"
            )
        return trials.issue(self._folder, authority, key, passphrase, now=now)

    def party_roots(self, trust: str) -> tuple[x509.Certificate, ...]:
        """The certificates that the chain of a party's certificate must end in.

        trust: which party's, as a profile says it.  SettingsError: there is none.
        """
        files = sorted((self._folder / "parties" / trust).glob("*.pem"))
        if not IDENTITY_NAME.fullmatch(trust) or not files:
            raise SettingsError(
                f"the keyring has no root of the CA of {trust}: put its certificate into "
                f"parties/{trust}/*.pem"
            )
        return tuple(each for file in files for each in keyfiles.certificates(file))

    def time_service(self, name: str) -> tsa.TimeService:
        """A time-stamping authority, as a profile calls it.  SettingsError: there is none."""
        if not IDENTITY_NAME.fullmatch(name):
            raise SettingsError("a time-stamping authority is called like a signing identity")
        return tsa.load(self._folder, name)

    def master_keys(self) -> MasterKeys:
        """The keys of the sealed columns.  SettingsError: missing or broken."""
        return master_keys.load(self._folder)

    @property
    def masters(self) -> Masters:
        """The file of those keys, to be changed."""
        return Masters(self._folder)

    def log_key(self) -> log_key.LogKey:
        """The key of the log's heads.  SettingsError: there is none, or it does not open."""
        return log_key.load(self._folder, self._passphrase, self._process)

    def log_certificates(self) -> tuple[x509.Certificate, ...]:
        """Of the key of the log, and of those before it.  SettingsError: there is none."""
        return log_key.certificates(self._folder)

    @property
    def operators(self) -> Operators:
        """Who may approve, known by their tokens."""
        return Operators(self._folder / "operators")

    def _trust(self) -> ofd_seals.Trust:
        files = sorted((self._folder / "issuers").glob("*.pem"))
        issuers = tuple(each for file in files for each in keyfiles.certificates(file))
        return ofd_seals.Trust(roots=self.trust_roots(), issuers=issuers)

    def _home(self, name: str) -> Path:
        """SealRetiredError: it is out of use.  SettingsError: there is none."""
        home = self._folder / "identities" / name
        is_name = IDENTITY_NAME.fullmatch(name)
        if is_name and not home.is_dir() and self.is_retired(name):
            raise retiring.refusal(name)
        if not is_name or not home.is_dir():
            raise SettingsError(f"the keyring has no signing identity {name}: install it there")
        return home

    def _everywhere(self, name: str) -> list[Path]:
        """Of an identity that is in use, and of what had that name and no longer is, both formats.

        SettingsError: there is neither.
        """
        check_name(name)
        gone = list(retiring.homes(self._folder, name))
        home = self._folder / "identities" / name
        if gone and not home.is_dir():
            return gone
        return [*gone, self._home(name), home / ofd_seals.HOME]

    def _refuse_retired(self, name: str) -> None:
        """ConflictError: the name is taken for good; check_name comes first."""
        if self.is_retired(name):
            raise ConflictError(f"{name} is retired: give the seal another name")

    def _open(self, name: str) -> Opened:
        if self._process is None:
            return key_sources.opened(self._home(name), self._passphrase)
        signing_cert, *chain = self._public(name, self._process)
        signer = self._process.signer(name, PDF, signing_cert)
        return Opened(signer=signer, signing_cert=signing_cert, chain=tuple(chain))

    def _public(self, name: str, process: SignerProcess) -> tuple[x509.Certificate, ...]:
        """Its certificate and the issuers; those in a PKCS#12 file alone the process has to tell.

        KeyBusyError, SettingsError: it does not; says whose they are, and what to do.
        """
        if found := key_sources.published(self._home(name)):
            return found
        try:
            return process.certificates(name, PDF)
        except (KeyBusyError, SettingsError) as error:
            raise type(error)(
                f"the certificate of {name} is not beside its key in the keyring (signing.pem):"
                " start the signer process, which tells it, or import the seal again with"
                f" `certfactory keys import --replace`; {error}"
            ) from error

    def _certificate(self, name: str) -> x509.Certificate:
        """Without opening the key where that is possible."""
        beside = self._home(name) / "signing.pem"
        if beside.exists():
            return keyfiles.certificates(beside)[0]
        return self._opened(name).signing_cert

    def _summaries(self, home: Path) -> Iterator[IdentitySummary]:
        if which_seals.seals_pdf(home):
            yield self._summary(home.name)
        if (home / ofd_seals.HOME).is_dir():
            yield self._ofd_summary(home.name)

    def _summary(self, name: str) -> IdentitySummary:
        home = self._home(name)
        certificate = self._certificate(name)
        return _summary(name, PDF, certificate, certificate.not_valid_after_utc, home)

    def _ofd_summary(self, name: str) -> IdentitySummary:
        """Without opening the key."""
        home = self._home(name) / ofd_seals.HOME
        seal, certificate = ofd_seals.described(home, name)
        return _summary(name, OFD, certificate, ofd_seals.ends(seal, certificate), home)


def _revocation(path: Path) -> tuple[RevocationList | Answer, ...]:
    try:
        return revocation.read(keyfiles.read(path))
    except RevocationRefusedError as error:
        raise SettingsError(f"keyring file revocation/{path.name}: {error}") from error


def _width_mm(about: dict[str, object], name: str) -> float:
    width = about.get("width_mm", SEAL_WIDTH_MM)
    if not isinstance(width, int | float) or not 0 < width <= WIDEST_MM:
        raise SettingsError(f"width_mm of {name} must be between 0 and {WIDEST_MM:g}")
    return float(width)


def check_name(name: str) -> None:
    """SettingsError unless an identity may be called so."""
    if not IDENTITY_NAME.fullmatch(name):
        raise SettingsError(
            "a signing identity is called by small letters, digits and hyphens, 63 at most"
        )


def _summary(
    name: str, fmt: str, certificate: x509.Certificate, not_after: datetime, home: Path
) -> IdentitySummary:
    return IdentitySummary(
        name=name,
        format=fmt,
        subject=certificate.subject.rfc4514_string(),
        algorithm=_algorithm(certificate),
        not_after=not_after,
        fingerprint=fingerprint(certificate),
        test=bool(keyfiles.settings(home / "identity.toml").get("test", False)),
        held=key_sources.held(home),
    )


def _algorithm(certificate: x509.Certificate) -> str:
    if algorithm_of(certificate) is Algorithm.SM2:
        return "SM2"
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA-{public.key_size}"
    return public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else "unknown"
