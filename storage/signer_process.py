"""The signer process (签名进程) as those see it who have signatures made: docs/signer.md.

Digests go out with what they are for, signatures come back, over a Unix socket or mutual TLS.
Nothing here opens a key.  Whether a signature fits is seen by the check that every finished file
gets; that the key is the certificate's, by the fingerprint that stands in each request.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import urllib3
from cryptography import x509
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ProtocolError, SSLError

from factory.errors import (
    FactoryError,
    KeyBusyError,
    SealPolicyError,
    SealRetiredError,
    SettingsError,
    SigningPacedError,
    SigningStoppedError,
)
from factory.seals import keys
from factory.seals.signer import Purpose, Signer
from storage import unix_sockets
from storage.signature_protocol import (
    KEYS_PATH,
    MOST_DIGESTS,
    PATH,
    STATUS_PATH,
    UNIX,
    Patience,
    Tls,
    answer_limit,
    json_object,
    key_name,
    read_answer,
    refuse_answer,
    request_body,
    retry_after,
    signatures_of,
)

MOST_STATUS_BYTES = 1_000_000
#: of one call; a lease outlasts it
PATIENCE = Patience(connect=2, read=12, whole=15)
FORBIDDEN, GONE = HTTPStatus.FORBIDDEN, HTTPStatus.GONE
NOT_FOUND, CONFLICT = HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
NOT_LET_IN = "; if it runs, it may not let in the certificate of FACTORY_SIGNER_TLS_CERT"
LOCKED, TOO_MANY = HTTPStatus.LOCKED, HTTPStatus.TOO_MANY_REQUESTS


class SignerProcess:
    """Where keys are held; threads may share it.

    address: ``unix:/path/of/a/socket`` or ``https://host:port``.
    tls:     for the latter.
    """

    def __init__(
        self, address: str, *, tls: Tls | None = None, patience: Patience = PATIENCE
    ) -> None:
        self.address, self._patience = address, patience
        self._new_pool = partial(_pool, address, tls, patience)
        self._pool = self._new_pool()

    def signer(self, identity: str, fmt: str, certificate: x509.Certificate) -> ProcessSigner:
        """The signer of an identity's key; nothing is asked yet."""
        return ProcessSigner(self, identity, fmt, keys.fingerprint(certificate))

    def certificates(self, identity: str, fmt: str) -> tuple[x509.Certificate, ...]:
        """A key's certificate and its issuers, once the key has proved that it is theirs.

        SettingsError: there is no such key, or it cannot be opened.
        """
        answer = self.asked("GET", KEYS_PATH + key_name(identity, fmt))
        with self.named():
            pem = str(json_object(answer).get("certificates"))
            try:
                return tuple(x509.load_pem_x509_certificates(pem.encode()))
            except ValueError:
                refuse_answer("no certificates")

    def status(self) -> Mapping[str, Any]:
        """What it says of itself.  KeyBusyError: it gives no answer."""
        answer = self.asked("GET", STATUS_PATH)
        with self.named():
            return json_object(answer)

    def asked(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        most: int = MOST_STATUS_BYTES,
        name: str = "",
    ) -> bytes:
        """The answer to one request.

        name: of the request, which a refusal must not contradict.

        KeyBusyError: it is away, busy or wrong.  Others: what it refuses, see the table in
        docs/signer.md.
        """
        limit = time.monotonic() + self._patience.whole
        with self.named(), _connection_errors(over_tls=not self.address.startswith(UNIX)):
            response = self._pool.urlopen(
                method,
                path,
                body=body,
                headers={"Host": "signer", "Content-Type": "application/json"},
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                answer = read_answer(response, most, limit)
            finally:
                response.close()
            if response.status != HTTPStatus.OK:
                _is_of(answer, name)
                raise _refusal(response.status, response.headers.get("Retry-After", ""), answer)
            return answer

    @contextmanager
    def named(self) -> Iterator[None]:
        """What may pass says who it is of.

        More of the same may come behind it: nobody reads on from a connection there is.
        """
        try:
            yield
        except KeyBusyError as error:
            former, self._pool = self._pool, self._new_pool()
            former.close()
            raise KeyBusyError(f"the signer process at {self.address} {error}") from error


class ProcessSigner:
    """An AccountableSigner of one key.

    certificate: SHA-256 of the key's certificate, hex; with another the process does not sign.
    """

    def __init__(
        self,
        process: SignerProcess,
        identity: str,
        fmt: str,
        certificate: str,
        purpose: Purpose | None = None,
    ) -> None:
        self._process, self._purpose = process, purpose
        self._identity, self._format, self._certificate = identity, fmt, certificate

    def for_purpose(self, purpose: Purpose) -> Signer:
        """The same key, for one purpose."""
        return ProcessSigner(
            self._process, self._identity, self._format, self._certificate, purpose
        )

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One raw signature a digest (32 bytes), in order; see AccountableSigner.

        KeyBusyError: the process is away, busy or gave a wrong answer: nothing of it is used.
        SettingsError: it has no such key, or another certificate of it.  SealRetiredError: it has
        the identity no more.
        """
        return [
            signature
            for start in range(0, len(digests), MOST_DIGESTS)
            for signature in self._signed(digests[start : start + MOST_DIGESTS])
        ]

    def _signed(self, digests: Sequence[bytes]) -> list[bytes]:
        name, body = request_body(key_name(self._identity, self._format), digests, self._more())
        answer = self._process.asked("POST", PATH, body, answer_limit(len(digests)), name)
        with self._process.named():
            return signatures_of(answer, name, len(digests))

    def _more(self) -> Mapping[str, object]:
        """What the policy is asked by, beside the protocol of seal services."""
        purpose = self._purpose
        said = {"profile": purpose.profile, "kind": purpose.kind} if purpose else {}
        batch = {"batch": purpose.batch} if purpose and purpose.batch is not None else {}
        return {"certificate": self._certificate, **said, **batch}


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, **how: Any) -> None:
        super().__init__("signer", **how)
        self._path = path

    def _new_conn(self) -> socket:
        timeout = self.timeout if isinstance(self.timeout, int | float) else None
        return unix_sockets.connected(self._path, timeout)


class _UnixPool(urllib3.HTTPConnectionPool):
    """Connections to one Unix socket."""

    def __init__(self, path: Path, timeout: urllib3.Timeout) -> None:
        super().__init__("signer", timeout=timeout, maxsize=4)
        self._path = path

    def _new_conn(self) -> _UnixConnection:
        return _UnixConnection(self._path, timeout=self.timeout.connect_timeout)


def _pool(address: str, tls: Tls | None, patience: Patience) -> urllib3.HTTPConnectionPool:
    """Connections, made when they are needed; no proxy of the environment is asked."""
    timeout = urllib3.Timeout(connect=patience.connect, read=patience.read)
    if address.startswith(UNIX):
        return _UnixPool(Path(address.removeprefix(UNIX)), timeout)
    if tls is None:
        raise SettingsError(
            "a signer process that is asked over https needs FACTORY_SIGNER_TLS_CERT,"
            " FACTORY_SIGNER_TLS_KEY and FACTORY_SIGNER_TLS_CA"
        )
    parts = urlsplit(address)
    return urllib3.HTTPSConnectionPool(
        str(parts.hostname), parts.port, timeout=timeout, maxsize=4, ssl_context=_context(tls)
    )


def _context(tls: Tls) -> ssl.SSLContext:
    """Trust in the process's CA alone, and our certificate for it.  SettingsError: unreadable."""
    try:
        context = ssl.create_default_context(cafile=str(tls.ca))
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            "FACTORY_SIGNER_TLS_CERT, _KEY or _CA cannot be read as PEM, or do not fit"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


@contextmanager
def _connection_errors(*, over_tls: bool) -> Iterator[None]:
    """The one edge at which HTTP fails.

    In TLS 1.3 a client learns that it is not let in when it reads, by whatever ends the connection.
    """
    try:
        yield
    except FactoryError:
        raise
    except SSLError as error:
        if isinstance(error.args[0], ssl.SSLCertVerificationError):
            raise SettingsError(
                "the TLS certificate of the signer process is not trusted: check FACTORY_SIGNER"
                " and FACTORY_SIGNER_TLS_CA"
            ) from error
        raise KeyBusyError(f"gives no answer (TLS){NOT_LET_IN}") from error
    except (HTTPError, OSError) as error:
        cut_off = NOT_LET_IN if over_tls and isinstance(error, ProtocolError) else ""
        raise KeyBusyError(f"gives no answer ({type(error).__name__}){cut_off}") from error


def _refusal(status: int, again: str, answer: bytes) -> FactoryError:
    """What an answer that is none comes to; its words are the process's own."""
    why = _why(answer)
    after = timedelta(seconds=retry_after(again))
    if status == FORBIDDEN:
        return SealPolicyError(f"the signer process refuses: {why}")
    if status == GONE:
        return SealRetiredError(f"the signer process: {why}")
    if status == LOCKED:
        return SigningStoppedError(f"the signer process is stopped: {why}", again_after=after)
    if status == TOO_MANY:
        return SigningPacedError(f"the signer process: {why}", again_after=after)
    if status in (NOT_FOUND, CONFLICT):
        return SettingsError(f"the signer process: {why}")
    return KeyBusyError(f"is out of order ({status}): {why}")


def _is_of(answer: bytes, name: str) -> None:
    """KeyBusyError: the refusal is of another request."""
    try:
        said = json.loads(answer).get("request", name)
    except (ValueError, AttributeError):
        return
    if name and said != name:
        refuse_answer("one to another request")


def _why(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])[:300]
    except (ValueError, KeyError, TypeError):
        return "it does not say why"
