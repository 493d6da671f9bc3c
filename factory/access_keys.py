"""Access keys (访问密钥): what an upstream system shows at the door, and what it proves.

A key is ``cfk_<key id>_<secret><check>``.  The key id is public and names the key in lists and
logs; the secret is shown once.  A request carries either the whole key,

    Authorization: Bearer cfk_…                                                       (RFC 6750)

or, so that the secret never travels, a signature made with it:

    Factory-Key: <key id>
    Factory-Id: <of this request alone, 8 to 64 of A-Z a-z 0-9 _ ->
    Factory-Timestamp: <seconds since 1970-01-01 UTC>
    Factory-Signature: v1,<base64 of HMAC-SHA256>

over ``<Factory-Id>.<Factory-Timestamp>.<METHOD> <target>``, a line feed and the body; the target is
path and query as they are sent, of the characters of RFC 3986 alone, so it ends at the line feed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from factory import tokens
from factory.errors import ForbiddenError, UnrecognisedError

IDENT_BYTES = 8
IDENT = re.compile(rf"[0-9a-f]{{{2 * IDENT_BYTES}}}")
TOKEN = re.compile(rf"cfk_({IDENT.pattern})_{tokens.TAIL}")
BEARER = re.compile(r"bearer +([!-~]+)", re.IGNORECASE)
SIGNING = b"certfactory request signing v1"  #: what a secret's signing key is derived with
STALE = timedelta(seconds=300)  #: a timestamp may be this far from the factory's clock

REQUEST_IDENT = re.compile(r"[A-Za-z0-9_-]{8,64}")
MOMENT = re.compile(r"[1-9][0-9]{0,10}")
SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=")
METHOD = re.compile(r"[A-Z]{1,16}")
TARGET = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")  # RFC 3986: path-abempty, "?" query


class Scope(StrEnum):
    """What a caller may do (权限)."""

    SUBMIT = "submit"
    SIGN = "sign"
    LINK = "link"
    BULK = "bulk"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whom a request was recognised as, and what they may do.

    key:      the key id.
    profiles: the registers the key is for, of those its source may submit for today.
    """

    key: str
    source: str
    scopes: frozenset[Scope]
    profiles: frozenset[str]

    @property
    def who(self) -> str:
        """As the audit log names them."""
        return f"key:{self.key}"

    def need(self, scope: Scope) -> None:
        """Nothing, if the key has that scope.  ForbiddenError: it has others."""
        if scope not in self.scopes:
            others = ", ".join(sorted(self.scopes))
            raise ForbiddenError(f"key: has no scope {scope.value}; it has {others}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request brought; None: no such header.

    target: path and query, as they were sent.
    """

    authorization: str | None = field(default=None, repr=False)
    key: str | None = None
    ident: str | None = None
    timestamp: str | None = None
    signature: str | None = field(default=None, repr=False)
    method: str
    target: str
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a key is known by where it is kept; gives no secret back."""

    secret_hash: str = field(repr=False)
    signing_key: bytes = field(repr=False)


NOBODY = Proof(secret_hash="0" * 64, signing_key=bytes(32))  #: asked where there is no such key


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """A request that brought the whole key."""

    key: str
    secret: bytes = field(repr=False)

    def fits(self, proof: Proof) -> bool:
        """Whether its secret is the key's."""
        return hmac.compare_digest(secret_hash(self.secret), proof.secret_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request that was signed with a key.

    ident:  the request's own.
    moment: when it was signed, in seconds since 1970-01-01 UTC.
    """

    key: str
    ident: str
    moment: int
    signature: str = field(repr=False)
    method: str
    target: str
    body: bytes = field(repr=False)

    def fits(self, proof: Proof) -> bool:
        """Whether the key signed this very request."""
        wanted = signature(
            proof.signing_key,
            ident=self.ident,
            moment=self.moment,
            method=self.method,
            target=self.target,
            body=self.body,
        )
        return hmac.compare_digest(wanted, self.signature)

    def refuse_unless_fresh(self, now: datetime) -> None:
        """UnrecognisedError: it was signed too long ago, or in the future."""
        off = now.timestamp() - self.moment
        if abs(off) > STALE.total_seconds():
            side = "behind" if off > 0 else "ahead of"
            raise UnrecognisedError(
                f"Factory-Timestamp: is {abs(off):.0f} s {side} the factory's clock,"
                f" which says {now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ};"
                f" {STALE.total_seconds():.0f} s at most"
            )


def mint(ident: bytes, secret: bytes) -> tuple[str, str]:
    """The key id and the whole key of so many random bytes (IDENT_BYTES, tokens.SECRET_BYTES)."""
    key = ident.hex()
    return key, tokens.written(f"cfk_{key}", secret)


def read_token(token: str) -> Bearer:
    """The key id and the secret that a key says.  UnrecognisedError: it is no whole key."""
    found = TOKEN.fullmatch(token)
    if found is None:
        raise UnrecognisedError("access key: is not written cfk_<16>_<72 digits and letters a-f>")
    if not tokens.check_fits(token):
        raise UnrecognisedError("access key: a character is wrong, its check does not fit")
    return Bearer(key=found[1], secret=bytes.fromhex(found[2]))


def proof_of(secret: bytes) -> Proof:
    """What is kept of a secret."""
    return Proof(secret_hash=secret_hash(secret), signing_key=signing_key(secret))


def secret_hash(secret: bytes) -> str:
    """Its SHA-256, 64 hex digits: 256 random bits cannot be guessed, so one round is enough."""
    return hashlib.sha256(secret).hexdigest()


def signing_key(secret: bytes) -> bytes:
    """What requests are signed with: HMAC-SHA256 (RFC 2104) of SIGNING under the secret."""
    return hmac.digest(secret, SIGNING, hashlib.sha256)


def signature(key: bytes, *, ident: str, moment: int, method: str, target: str, body: bytes) -> str:
    """The value of Factory-Signature: ``v1,`` and the base64 of the HMAC-SHA256 (RFC 2104)."""
    signed = f"{ident}.{moment}.{method} {target}\n".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def read(brought: Credentials) -> Bearer | Signed:
    """Whose a request says it is, and how it would prove that.

    UnrecognisedError: it says nothing, says both, or a header is not what it should be.
    """
    headers = _signed_headers(brought)
    given = [name for name, value in headers.items() if value is not None]
    if brought.authorization is not None and given:
        raise UnrecognisedError("Authorization: comes beside Factory-* headers; send one kind")
    if brought.authorization is not None:
        return _bearer(brought.authorization)
    if not given:
        raise UnrecognisedError("Authorization: is missing; send Bearer cfk_…, or sign the request")
    if missing := [name for name in headers if name not in given]:
        raise UnrecognisedError(f"{', '.join(missing)}: is missing beside {', '.join(given)}")
    return _signed(brought)


def _signed_headers(brought: Credentials) -> dict[str, str | None]:
    return {
        "Factory-Key": brought.key,
        "Factory-Id": brought.ident,
        "Factory-Timestamp": brought.timestamp,
        "Factory-Signature": brought.signature,
    }


def _bearer(authorization: str) -> Bearer:
    found = BEARER.fullmatch(authorization)
    if found is None:
        raise UnrecognisedError("Authorization: is not written Bearer cfk_…")
    return read_token(found[1])


def _signed(brought: Credentials) -> Signed:
    return Signed(
        key=_whole("Factory-Key", IDENT, brought.key, "16 digits and letters a-f"),
        ident=_whole("Factory-Id", REQUEST_IDENT, brought.ident, "8 to 64 of A-Z a-z 0-9 _ -"),
        moment=int(_whole("Factory-Timestamp", MOMENT, brought.timestamp, "whole seconds")),
        signature=_whole("Factory-Signature", SIGNATURE, brought.signature, "v1,<base64>"),
        method=_whole("method", METHOD, brought.method, "capital letters"),
        target=_whole("target", TARGET, brought.target, "path and query of RFC 3986"),
        body=brought.body,
    )


def _whole(name: str, form: re.Pattern[str], value: str | None, said: str) -> str:
    if value is None or not form.fullmatch(value):
        raise UnrecognisedError(f"{name}: is not {said}")
    return value
