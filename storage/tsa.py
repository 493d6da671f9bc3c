"""Time-stamping authorities (时间戳服务): asked over HTTP, many requests at once (RFC 3161, 3.4).

In the keyring, ``tsa/<name>/``::

    tsa.toml        see `load`
    roots/*.pem     what the chain of the authority's certificate must end in
    key.p8          of a test authority alone, with signing.pem and passphrase: what it signs with

Each token is proved with its request, its signer with the roots and its time with this machine's
clock before it is given on.  No imprint, login or answer stands in a message.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from factory.errors import (
    FactoryError,
    SettingsError,
    SignatureRefusedError,
    TimestampUnavailableError,
)
from factory.seals import chain, tsp
from factory.seals.der import oid
from factory.seals.tsp import Request, Token
from factory.seals.tsp_answer import Stamper
from storage import keyfiles, testca, testca_keys
from storage.tsa_wire import MOST_BYTES, Address, Wire

TEST = "default"  #: how profiles call the one authority that there is; a test keyring has it too
#: a policy of nobody's (arc for examples, RFC 4648 and others use 2.999 likewise)
TEST_POLICY = "2.999.3161.1"
PEM = serialization.Encoding.PEM
AT_ONCE = 8  #: requests under way, unless tsa.toml says otherwise
MOST_AT_ONCE = 64
TRIES = 3
PLAIN = re.compile(r"[!-~]+")
PAUSE = 0.2  #: seconds before the second try; longer each time
CLOCKS_DIFFER = timedelta(minutes=5)
SPARE, STEP = (
    64,
    256,
)  #: bytes that are kept free behind a token, and of what the room is a multiple
LEAST_ROOM, MOST_ROOM = 512, MOST_BYTES
AWAY_SECONDS = 5  #: for which nobody asks again for a sample
TRUST_SECONDS = 60  #: how long a chain that was built is not built again
KNOWN = frozenset({"url", "policy", "room", "at_once", "ca_file", "login_file", "test"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, in seconds; altogether less than a lease allows.

    connect, read: for a connection, and for the next bytes of an answer.
    whole:         for all tokens of one call; nothing is begun after that.
    """

    connect: float = 2
    read: float = 5
    whole: float = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeService:
    """Which authority stamps, and how it is asked.

    url:        None: the one of the settings (FACTORY_TSA_URL).
    roots:      the chain of its certificate must end in one of them.
    policy:     an OID that its tokens must name; None: any.
    room:       bytes that documents keep free for a token; None: as its first token shows.
    login_file: holds ``user:password`` (RFC 7617).
    ca_file:    PEM of the CAs its TLS certificate may come from; None: the system's.
    """

    name: str
    url: str | None
    roots: tuple[x509.Certificate, ...]
    policy: str | None = None
    room: int | None = None
    at_once: int = AT_ONCE
    login_file: Path | None = None
    ca_file: Path | None = None
    test: bool = False


def load(folder: Path, name: str) -> TimeService:
    """An authority of a keyring.

    folder: the keyring's.
    tsa.toml: ``url``, ``policy``, ``room``, ``at_once``, ``ca_file``, ``login_file`` and ``test``,
    each as in `TimeService`, and each may be missing.
    SettingsError: it is not there, or a field of it is none.
    """
    home = folder / "tsa" / name
    if not (home / "tsa.toml").is_file():
        raise SettingsError(
            f"the keyring has no time-stamping authority {name}: put its tsa.toml and roots/*.pem"
            f" into tsa/{name}/, or set FACTORY_TIME_STAMPS=off"
        )
    about = keyfiles.settings(home / "tsa.toml")
    files = sorted((home / "roots").glob("*.pem"))
    roots = tuple(each for file in files for each in keyfiles.certificates(file))
    if not roots:
        raise SettingsError(f"the keyring has no root of {name}: put one into tsa/{name}/roots/")
    if strange := sorted(set(about) - KNOWN):
        raise SettingsError(f"tsa/{name}/tsa.toml: {strange[0]} is no field of it")
    return TimeService(
        name=name,
        url=_url(about.get("url"), name),
        roots=roots,
        policy=_policy(about.get("policy"), name),
        room=_number(about, "room", None, (LEAST_ROOM, MOST_ROOM), name),
        at_once=_number(about, "at_once", AT_ONCE, (1, MOST_AT_ONCE), name) or AT_ONCE,
        login_file=_file(home, about.get("login_file")),
        ca_file=_file(home, about.get("ca_file")),
        test=bool(about.get("test", False)),
    )


class TimeAuthority:
    """One that stamps; threads may share it, but not processes: make it after a fork.

    own_url: of the authority whose tsa.toml names none.
    """

    def __init__(
        self,
        service: TimeService,
        *,
        own_url: str = "",
        patience: Patience | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.service, self._patience = service, patience or Patience()
        self._clock, self._wait, self._seen = clock, wait, _Seen(service.roots)
        self._away: tuple[float, FactoryError] | None = None
        self._url = service.url or own_url
        if not self._url:
            raise SettingsError(
                f"nobody answers for the time-stamping authority {service.name}: set the url in"
                f" its tsa.toml, or FACTORY_TSA_URL to where `certfactory tsa` runs"
            )

    @property
    def label(self) -> str:
        """Which one it is, in messages."""
        return f"the time-stamping authority {self.service.name}"

    def stamps(self, imprints: Sequence[bytes]) -> list[bytes]:
        """A token (DER) an imprint (SHA-256, 32 bytes), in order; asked for at once.

        TimestampUnavailableError: one is not to be had; nothing of the others is used.
        SettingsError: it does not let us in, or will never answer such requests.
        """
        return [token.encoded for token in self.tokens(imprints)]

    def tokens(self, imprints: Sequence[bytes]) -> list[Token]:
        """The same, read: who signed each, and when."""
        return self._tokens(imprints)

    @cached_property
    def sample(self) -> Token:
        """A token over nothing: how long they are, and whose certificates are in them.

        Asked for by every document of a chunk: an authority that was away just now still is.
        """
        if self._away is not None and time.monotonic() < self._away[0]:
            raise self._away[1]
        try:
            [token] = self._tokens([secrets.token_bytes(tsp.IMPRINT_BYTES)])
        except FactoryError as error:
            self._away = time.monotonic() + AWAY_SECONDS, error
            raise
        return token

    @property
    def room(self) -> int:
        """Bytes that a document keeps free for a token, the same for all of this process.

        TimestampUnavailableError: nobody has said, and there is none to be had to look at.
        """
        if self.service.room is not None:
            return self.service.room
        return -(-(len(self.sample.encoded) + SPARE) // STEP) * STEP

    # --- many at once -----------------------------------------------------------------------------

    def _tokens(self, imprints: Sequence[bytes]) -> list[Token]:
        call = _Call(limit=time.monotonic() + self._patience.whole)
        with self._named():
            _ = self._wire  # made once, before threads share it
            if len(imprints) == 1:
                return [self._token(imprints[0], call)]
            asked = [self._pool.submit(self._token, imprint, call) for imprint in imprints]
            try:
                return [each.result() for each in asked]
            finally:
                for each in asked:
                    each.cancel()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        name = f"tsa-{self.service.name}"
        return ThreadPoolExecutor(max_workers=self.service.at_once, thread_name_prefix=name)

    def _token(self, imprint: bytes, call: _Call) -> Token:
        """One token, tried for again while there is time."""
        for tries in range(1, TRIES + 1):
            call.refuse_late()
            try:
                return self._asked(imprint, call)
            except TimestampUnavailableError as error:
                pause = PAUSE * 2 ** (tries - 1)
                if tries == TRIES or time.monotonic() + pause > call.limit:
                    raise call.failed(error) from error
            except FactoryError as error:
                raise call.failed(error) from error
            self._wait(pause)
        raise AssertionError("unreachable")

    def _asked(self, imprint: bytes, call: _Call) -> Token:
        request = Request(
            imprint=imprint, nonce=secrets.randbits(63) | 1 << 63, policy=self.service.policy
        )
        token = tsp.token_of(self._wire.post(request.encoded(), call.limit), request)
        if abs(token.moment - self._clock()) > CLOCKS_DIFFER:
            raise TimestampUnavailableError(
                "and this machine differ by more than five minutes: set the clock that is wrong"
            )
        self._seen.check(token)
        return token

    @cached_property
    def _wire(self) -> Wire:
        """No proxy of the environment is asked."""
        service, patience = self.service, self._patience
        return Wire(
            Address(
                url=self._url,
                login_file=service.login_file,
                ca_file=service.ca_file,
                connect=patience.connect,
                read=patience.read,
            )
        )

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Whatever goes wrong says of which authority."""
        try:
            yield
        except TimestampUnavailableError as error:
            raise TimestampUnavailableError(f"{self.label} {error}") from error


class _Call:
    """All requests of one call.

    limit: by the monotonic clock.
    """

    def __init__(self, *, limit: float) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._failure: FactoryError | None = None

    def failed(self, error: FactoryError) -> FactoryError:
        """One has failed, so that the others need not begin: what is said of all of them."""
        with self._lock:
            self._failure = self._failure or error
        return self._failure

    def refuse_late(self) -> None:
        """What one failed of, or TimestampUnavailableError: nothing more is to be begun."""
        if self._failure is not None:
            raise self._failure
        if time.monotonic() > self.limit:
            raise TimestampUnavailableError("answers too slowly")


class _Seen:
    """Signers whose chain was built within the last minute."""

    def __init__(self, roots: Sequence[x509.Certificate]) -> None:
        self._roots = roots
        self._built = lru_cache(maxsize=32)(self._build)

    def check(self, token: Token) -> None:
        """TimestampUnavailableError unless its signer was valid then and leads to a root."""
        minute = int(token.moment.timestamp()) // TRUST_SECONDS
        begins, ends = self._built(token.signing_cert, token.certificates, minute)
        if not begins <= token.moment <= ends:
            tsp.refuse("a token whose certificate was not valid then")

    def _build(
        self, signing_cert: x509.Certificate, others: tuple[x509.Certificate, ...], minute: int
    ) -> tuple[datetime, datetime]:
        moment = datetime.fromtimestamp(minute * TRUST_SECONDS, UTC)
        begins, ends = signing_cert.not_valid_before_utc, signing_cert.not_valid_after_utc
        try:
            chain.refuse_unfit_signer(signing_cert, min(max(moment, begins), ends))
            chain.refuse_untrusted(signing_cert, others, self._roots, moment)
        except (SignatureRefusedError, ValueError) as error:
            raise TimestampUnavailableError(
                "gave a token of an authority that is not trusted: see its roots in the keyring"
            ) from error
        return begins, ends


# --- tsa.toml -------------------------------------------------------------------------------------


def _url(said: object, name: str) -> str | None:
    if said is None:
        return None
    parts = urlsplit(said) if isinstance(said, str) and PLAIN.fullmatch(said) else None
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username
    ):
        raise SettingsError(
            f"tsa/{name}/tsa.toml: url must be like https://tsa.example/tsr, with no password in it"
        )
    return str(said)


def _policy(said: object, name: str) -> str | None:
    if said is None:
        return None
    try:
        oid(str(said))
    except ValueError:
        raise SettingsError(f"tsa/{name}/tsa.toml: policy must be an OID such as 1.2.3") from None
    return str(said)


def _number(
    about: dict[str, object], field: str, default: int | None, within: tuple[int, int], name: str
) -> int | None:
    said = about.get(field, default)
    if said is None:
        return None
    if not isinstance(said, int) or not within[0] <= said <= within[1]:
        raise SettingsError(
            f"tsa/{name}/tsa.toml: {field} must be a whole number from {within[0]} to {within[1]}"
        )
    return said


def _file(home: Path, said: object) -> Path | None:
    return None if said is None else home / str(said)


# --- a test authority -----------------------------------------------------------------------------


def create_test(folder: Path, now: datetime) -> None:
    """A test authority below a test root of its own, for the small server of `certfactory tsa`.

    folder: the keyring's, or one that becomes it.
    """
    ca = testca.make_ca(now, name="Time Stamping")
    issued, secret = testca.issue_stamper(ca), secrets.token_urlsafe(32).encode()
    testca_keys.keep(folder, ca.root)
    home = folder / "tsa" / TEST
    about = f'# url: FACTORY_TSA_URL\npolicy = "{TEST_POLICY}"\ntest = true\n'
    keyfiles.write(home / "tsa.toml", about.encode())
    keyfiles.write(home / "roots" / "test-root.pem", ca.root.certificate.public_bytes(PEM))
    keyfiles.write(home / "signing.pem", issued.certificate.public_bytes(PEM))
    encryption = serialization.BestAvailableEncryption(secret)
    pkcs8 = issued.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)
    keyfiles.write(home / "key.p8", pkcs8)
    keyfiles.write(home / "passphrase", secret)


def open_test(folder: Path, name: str = TEST) -> Stamper:
    """The key of a test authority, opened.

    folder: the keyring's.  SettingsError: there is none, or it is a real one's.
    """
    service, home = load(folder, name), folder / "tsa" / name
    if not service.test or not (home / "key.p8").is_file():
        raise SettingsError(f"tsa/{name} is no test authority: its key is not in this keyring")
    secret = keyfiles.read_secret(home / "passphrase").strip()
    try:
        key = serialization.load_pem_private_key(keyfiles.read_secret(home / "key.p8"), secret)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"the key of tsa/{name} does not open") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SettingsError(f"the key of tsa/{name} must be on P-256")
    signing_cert = keyfiles.certificates(home / "signing.pem")[0]
    return Stamper(key=key, signing_cert=signing_cert, policy=service.policy or TEST_POLICY)
