"""Revocation lists and answers fetched from where certificates say (FACTORY_REVOCATION = fetch).

A source (factory/seals/revocation.py) that asks the CA itself: its list first, which serves many
certificates, else its responder (RFC 5280, 4.2.1.13 and 4.2.2.1; RFC 6960, appendix A).  It is
asked only about certificates of a chain that leads to a trusted root, so that a stranger's file
sends us nowhere; over http and https, without redirections, within a size and a time.  What the
issuer signed is kept until its nextUpdate; who gave no answer is left alone for a while.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from factory.errors import RevocationRefusedError
from factory.seals.revocation import Answer, RevocationList, Statement, Told
from storage import keyfiles

CONNECT_SECONDS, READ_SECONDS = 2.0, 3.0
MOST_SECONDS = 6.0  #: for one list or answer, whole
MOST_BYTES = 8 * 1024 * 1024
MOST_ADDRESSES = 3  #: of a certificate, of each kind
MOST_KEPT = 256
AGAIN_SECONDS = 300.0  #: until one who gave no answer is asked again
PIECE = 64 * 1024
OK = 200
SCHEMES = frozenset({"http", "https"})


Said = RevocationList | Answer


class Fetched:
    """What CAs say when they are asked; see Source.

    folder:     where it is kept; most_kept: so many at most.
    most_bytes: of one list or answer.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        most_bytes: int = MOST_BYTES,
        most_kept: int = MOST_KEPT,
    ) -> None:
        self._folder, self._now = folder, now
        self._most_bytes, self._most_kept = most_bytes, most_kept
        self._silent: dict[str, float] = {}
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._pool = urllib3.PoolManager(timeout=timeout, cert_reqs="CERT_REQUIRED")

    def __bool__(self) -> bool:
        return True

    def about(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterable[Statement]:
        """The first list or answer that counts, of a certificate whose chain is trusted."""
        return tuple(statement for _, statement in self.told(certificate, issuer))

    def told(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterable[Told]:
        """The same, with the list or answer that says it."""
        for said in self._asked(certificate, issuer):
            with suppress(ValueError, TypeError, UnsupportedAlgorithm):
                found = said.about(certificate, issuer)
                if found is not None:
                    return ((said, found),)
        return ()

    def _asked(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterator[Said]:
        for url in _lists(certificate):
            yield from self._had(url, None, RevocationList, issuer)
        question = _question(certificate, issuer)
        for url in _responders(certificate) if question else ():
            yield from self._had(url, question, Answer, issuer)

    def _had(
        self,
        url: str,
        question: bytes | None,
        read: Callable[[bytes], Said],
        issuer: x509.Certificate,
    ) -> Iterator[Said]:
        """What is kept and still good, else what is fetched now, if the issuer stands for it."""
        kept = self._folder / sha256(url.encode() + (question or b"")).hexdigest()
        with suppress(OSError, RevocationRefusedError):
            found = read(kept.read_bytes())
            if found.until is not None and found.until > self._now() and found.is_of(issuer):
                yield found
                return
        data = self._fetched(url, question)
        with suppress(RevocationRefusedError, ValueError, TypeError, UnsupportedAlgorithm):
            found = read(data)
            if found.is_of(issuer):
                self._keep(kept, data)
                yield found

    def _fetched(self, url: str, question: bytes | None) -> bytes:
        """Empty: there is nothing to be had."""
        if self._silent.get(url, 0.0) > time.monotonic():
            return b""
        try:
            return self._read(url, question)
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            self._silent[url] = time.monotonic() + AGAIN_SECONDS
            return b""

    def _read(self, url: str, question: bytes | None) -> bytes:
        end, data = time.monotonic() + MOST_SECONDS, b""
        response = self._pool.request(
            "GET" if question is None else "POST",
            url,
            body=question,
            headers={} if question is None else {"Content-Type": "application/ocsp-request"},
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            if response.status != OK:
                raise ValueError(f"status {response.status}")
            while piece := response.read(PIECE):
                data += piece
                if len(data) > self._most_bytes or time.monotonic() > end:
                    raise ValueError("too large or too slow")
        finally:
            response.close()
        return data

    def _keep(self, path: Path, data: bytes) -> None:
        """Whole or not at all, and not more than so many."""
        keyfiles.make_folder(self._folder)
        beside = path.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}")
        beside.write_bytes(data)
        beside.replace(path)
        kept = sorted(self._folder.iterdir(), key=lambda each: each.stat().st_mtime)
        for old in kept[: -self._most_kept]:
            old.unlink(missing_ok=True)


def _lists(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where the certificate says that the list is."""
    try:
        wanted = x509.CRLDistributionPoints
        points = certificate.extensions.get_extension_for_class(wanted).value
    except (ValueError, x509.ExtensionNotFound):
        return ()
    return _usable(name for point in points for name in point.full_name or ())


def _responders(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where the certificate says that one may ask."""
    try:
        wanted = x509.AuthorityInformationAccess
        found = certificate.extensions.get_extension_for_class(wanted).value
    except (ValueError, x509.ExtensionNotFound):
        return ()
    use = AuthorityInformationAccessOID.OCSP
    return _usable(each.access_location for each in found if each.access_method == use)


def _usable(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    urls = (each.value for each in names if isinstance(each, x509.UniformResourceIdentifier))
    return tuple(url for url in urls if _is_web(url))[:MOST_ADDRESSES]


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.hostname) and parts.username is None


def _question(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes | None:
    """None: this library cannot ask about certificates of that issuer (SM2)."""
    try:
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - names the issuer (RFC 5019, 2.1.1)
        return builder.build().public_bytes(Encoding.DER)
    except (ValueError, UnsupportedAlgorithm):
        return None
