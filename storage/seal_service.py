"""The seal service (签章服务): a key that another machine holds, asked over HTTP.

Digests go out, signatures come back (docs/seal-service.md); each is proved with the certificate
before it is given on.  A request is named after what it asks for, so asking again is the same
request.  No token, no digest and no answer stands in a message.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import urllib3
from cryptography import x509
from urllib3.exceptions import HTTPError, LocationValueError, SSLError

from factory.errors import FactoryError, KeyBusyError, SettingsError
from factory.seals import keys
from storage import keyfiles
from storage.signature_protocol import (
    MOST_DIGESTS,
    PATH,
    Patience,
    answer_limit,
    read_answer,
    refuse_answer,
    request_body,
    retry_after,
    signatures_of,
)

TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
PLAIN = re.compile(r"[\x21-\x7e]+")
KEY_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,127}")

BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
AWAY = frozenset(
    {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
)
WHAT_TO_SET: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "does not know the token: renew the token file",
    HTTPStatus.FORBIDDEN: "does not let this token use the key: ask its operator",
    HTTPStatus.NOT_FOUND: "has no such address or key: check url and key",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which service holds a key, and how it is asked.

    url:        https, or http on this machine; PATH is added to it.
    key:        how the service calls the key.
    token_file: holds the bearer token (RFC 6750) and nothing else; read at every request.
    ca_file:    PEM of the CAs that the service's TLS certificate may come from; None: the system's.
    """

    url: str
    key: str
    token_file: Path
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        safe = PLAIN.fullmatch(self.url) and _is_safe(_split(self.url))
        if not (safe and KEY_NAME.fullmatch(self.key)):
            raise SettingsError(
                "a seal service needs an url such as https://seals.example (http on this machine "
                "alone, and no password in it) and the name of its key: letters, digits and ._:-"
            )

    @property
    def label(self) -> str:
        """Which one it is, in messages: no token and no password is in it."""
        return f"the seal service at {self.url} (key {self.key})"


class Wire:
    """Requests to a seal service, each with its answer."""

    def __init__(self, service: Service, patience: Patience) -> None:
        self._service, self._pool = service, _pool(service, patience)

    @contextmanager
    def sent(self, path: str, body: bytes) -> Iterator[urllib3.BaseHTTPResponse]:
        """A request and its answer; a connection is kept only when all was read."""
        token = _token(self._service.token_file)
        with _connection_errors():
            response = self._pool.request(
                "POST",
                self._service.url.rstrip("/") + path,
                body=body,
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                yield response
            finally:
                response.close()


class ServiceSigner:
    """A Signer whose key a seal service holds; threads may share it.

    certificate: the key's; a signature that does not fit it is a wrong answer.
    """

    def __init__(
        self,
        service: Service,
        certificate: x509.Certificate,
        *,
        patience: Patience | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._service, self._certificate = service, certificate
        self._patience, self._wait = patience or Patience(), wait
        self._wire = Wire(service, self._patience)

    def prove(self) -> None:
        """SettingsError: the service's key is not that of the certificate."""
        with named(self._service):
            [signature] = self._answered([keyfiles.SELF_TEST])
        if not keys.fits_digest(self._certificate, signature, keyfiles.SELF_TEST):
            raise SettingsError(
                f"{self._service.label}: the service's key is not that of the certificate: check "
                "both"
            )

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One raw signature a digest (32 bytes), in order; see Signer.

        KeyBusyError: the service is busy, away or gave a wrong answer: nothing of it is used.
        SettingsError: it does not let us in, or has no such key.
        """
        batches = (
            digests[start : start + MOST_DIGESTS] for start in range(0, len(digests), MOST_DIGESTS)
        )
        with named(self._service):
            return [signature for batch in batches for signature in self._signed(batch)]

    def _signed(self, digests: Sequence[bytes]) -> list[bytes]:
        signatures = self._answered(digests)
        for digest, signature in zip(digests, signatures, strict=True):
            if not keys.fits_digest(self._certificate, signature, digest):
                refuse_answer("a signature that does not fit the certificate")
        return signatures

    def _answered(self, digests: Sequence[bytes]) -> list[bytes]:
        """What the service says, a signature each; no key is asked yet whether they fit."""
        request, body = request_body(self._service.key, digests)
        answer = self._asked(body, answer_limit(len(digests)))
        return signatures_of(answer, request, len(digests))

    def _asked(self, body: bytes, most_bytes: int) -> bytes:
        """The answer of a service that may ask to wait for a while."""
        limit = time.monotonic() + self._patience.whole
        while True:
            with self._wire.sent(PATH, body) as response:
                wait = pause(response)
                if wait is None:
                    return read_answer(response, most_bytes, limit)
            if time.monotonic() + wait > limit:
                raise KeyBusyError("is busy")
            self._wait(wait)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError: no number
    except ValueError:
        return None
    return parts


def _is_safe(parts: SplitResult | None) -> bool:
    """Whether nobody on the way can read the token, and the address holds no secret."""
    if parts is None or not parts.hostname or parts.username is not None:
        return False
    if parts.password is not None or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _pool(service: Service, patience: Patience) -> urllib3.PoolManager:
    """Connections, made when they are needed; no proxy of the environment is asked."""
    timeout = urllib3.Timeout(connect=patience.connect, read=patience.read)
    if service.ca_file is None:
        return urllib3.PoolManager(timeout=timeout, cert_reqs="CERT_REQUIRED")
    keyfiles.certificates(service.ca_file)
    return urllib3.PoolManager(
        timeout=timeout, cert_reqs="CERT_REQUIRED", ca_certs=str(service.ca_file)
    )


def _token(path: Path) -> str:
    token = keyfiles.read_secret(path).strip().decode("latin-1")
    if not TOKEN.fullmatch(token):
        raise SettingsError("the token file of the seal service must hold one token, in ASCII")
    return token


@contextmanager
def named(service: Service) -> Iterator[None]:
    """Whatever may pass says which service it is of; what follows says who asked."""
    try:
        yield
    except KeyBusyError as error:
        raise KeyBusyError(f"{service.label} {error}") from error


@contextmanager
def _connection_errors() -> Iterator[None]:
    """The one edge at which HTTP fails."""
    try:
        yield
    except FactoryError:
        raise
    except SSLError as error:
        raise _no_tls(error) from error
    except LocationValueError as error:
        raise SettingsError("the url of the seal service is none") from error
    except (HTTPError, OSError) as error:
        raise KeyBusyError(f"gives no answer ({type(error).__name__})") from error


def _no_tls(error: SSLError) -> FactoryError:
    """A certificate that is not trusted stays so; a handshake that broke off may not."""
    if isinstance(error.args[0], ssl.SSLCertVerificationError):
        return SettingsError(
            "the TLS certificate of the seal service is not trusted: check its url and ca_file"
        )
    return KeyBusyError("gives no answer (TLS)")


def pause(response: urllib3.BaseHTTPResponse) -> float | None:
    """How long to wait before asking again; None: this is the answer.

    KeyBusyError: it may pass by itself.  SettingsError: it does not.
    """
    if response.status == HTTPStatus.OK:
        return None
    if response.status in BUSY:
        return retry_after(response.headers.get("Retry-After", ""))
    if what := WHAT_TO_SET.get(response.status):
        raise SettingsError(f"the seal service {what}")
    if response.status in AWAY:
        raise KeyBusyError(f"is out of order ({response.status})")
    return refuse_answer(f"status {response.status}")
