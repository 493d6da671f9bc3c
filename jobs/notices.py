"""Notices to upstream (通知): their endpoints, the switch, what is sent again, and the pull feed.

Commands and the HTTP door call this.  Where a source is named, endpoints of others are not found.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from factory.deliveries import EndpointState, Health
from factory.errors import ConflictError, FieldError, ForbiddenError
from factory.notices import SECRET_BYTES, Notice, Type, secret_text
from storage.ledger import audit, endpoints, inbox, notices
from storage.ledger.endpoints import Endpoint, Standing

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.ledger import Tx

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
URL_TEXT = re.compile(r"[\x21-\x7e]{1,2000}")
PORTS = {"https": 443, "http": 80}
MOST_ENDPOINTS = 10  #: of one source
MOST_FEED = 1000
FORMER_HOURS = 24  #: how long a former secret signs beside the present one
RULE = "https; http on this machine alone; no user, password or fragment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """An endpoint and its signing secret, which is shown this once."""

    endpoint: Endpoint
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An endpoint and how far its deliveries are."""

    endpoint: Endpoint
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All endpoints, and whether anything is sent at all."""

    is_on: bool
    newest: int  #: the number of the newest notice
    endpoints: tuple[Listed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """An address that notices may be sent to, taken apart."""

    scheme: str
    host: str
    port: int
    target: str


def destination(url: str, allowed: Collection[str]) -> Destination:
    """Where a URL leads.

    allowed: FACTORY_NOTIFY_HOSTS, each ``host`` or ``host:port``.
    FieldError: it is no such URL.  ForbiddenError: this installation may not send there.
    """
    parts = _parts(url)
    host, usual = _host(parts), PORTS[parts.scheme]
    port = parts.port or usual
    named = {f"{host}:{port}"} | ({host} if port == usual else set())
    if not named & set(allowed):
        raise ForbiddenError(
            "url: FACTORY_NOTIFY_HOSTS does not name its host (and port, if it is not the usual"
            " one), so nothing may be sent there"
        )
    query = f"?{parts.query}" if parts.query else ""
    return Destination(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=port,
        target=(parts.path or "/") + query,
    )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url) if URL_TEXT.fullmatch(url) else None
        port = parts.port if parts else None
    except ValueError:
        parts = None
    if parts is None or port == 0 or not _is_plain(parts):
        raise FieldError("url", "RFC 3986", f"is no address that may be sent to: {RULE}")
    return parts


def _is_plain(parts: SplitResult) -> bool:
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return bool(secure and parts.hostname and "@" not in parts.netloc and not parts.fragment)


def _host(parts: SplitResult) -> str:
    """As the list of allowed hosts writes it."""
    host = (parts.hostname or "").lower()
    return f"[{host}]" if ":" in host else host


def add(plant: Plant, source: str, url: str, types: Sequence[str] = (), *, who: str) -> Added:
    """A new endpoint of a source; it is told whatever happens from now on.

    types: of notices; none: all that there are.
    FieldError, ForbiddenError: not to such an address.  ConflictError: the source is granted no
    profile, has this endpoint already, or has too many.
    """
    destination(url, allowed(plant))
    wanted = _types(types)
    with plant.ledger.write(who) as tx:
        _check_room(tx, source, url)
        secret = secrets.token_bytes(SECRET_BYTES)
        ident = endpoints.add(tx, source, url, wanted, secret)
        audit.note(tx, "endpoint added", ("endpoint", ident), why="asked for")
        return Added(endpoint=endpoints.get(tx, ident), secret=secret_text(secret))


def allowed(plant: Plant) -> frozenset[str]:
    """Which hosts this installation may send to."""
    said = (each.strip().lower() for each in plant.settings.notify_hosts.split(","))
    return frozenset(each for each in said if each)


def _types(types: Sequence[str]) -> list[str]:
    known = {each.value for each in Type}
    if not known.issuperset(types):
        raise FieldError("types", "certfactory", f"one is none of {', '.join(sorted(known))}")
    return sorted(set(types))


def _check_room(tx: Tx, source: str, url: str) -> None:
    if not inbox.grants(tx, source):
        raise ConflictError("source: is granted no profile: `certfactory sources grant` grants one")
    there = endpoints.listed(tx, source)
    if any(each.url == url for each in there):
        raise ConflictError("url: is an endpoint of this source already")
    if len(there) >= MOST_ENDPOINTS:
        raise ConflictError(f"source: has {MOST_ENDPOINTS} endpoints already: remove one")


def listed(plant: Plant, source: str | None = None) -> Situation:
    """The endpoints, and how far each is."""
    with plant.ledger.read() as tx:
        far = endpoints.standings(tx)
        return Situation(
            is_on=endpoints.is_on(tx),
            newest=notices.newest(tx),
            endpoints=tuple(
                Listed(endpoint=each, standing=far.get(each.id, Standing()))
                for each in endpoints.listed(tx, source)
            ),
        )


def remove(plant: Plant, ident: int, source: str | None = None, *, who: str, why: str) -> None:
    """Nothing is sent there any more.  NotFoundError: there is no such endpoint."""
    with plant.ledger.write(who) as tx:
        endpoints.get(tx, ident, source, lock=True)
        endpoints.remove(tx, ident)
        audit.note(tx, "endpoint removed", ("endpoint", ident), why=why)


def rotate(
    plant: Plant,
    ident: int,
    source: str | None = None,
    *,
    who: str,
    former_hours: int = FORMER_HOURS,
) -> Added:
    """Another signing secret; the present one signs beside it for so many hours.

    NotFoundError: there is no such endpoint.
    """
    with plant.ledger.write(who) as tx:
        endpoints.get(tx, ident, source, lock=True)
        secret = secrets.token_bytes(SECRET_BYTES)
        until = tx.now + timedelta(hours=former_hours)
        endpoints.rotate(tx, ident, secret, former_until=until)
        audit.note(tx, "endpoint secret rotated", ("endpoint", ident), why="asked for")
        return Added(endpoint=endpoints.get(tx, ident), secret=secret_text(secret))


def resume(plant: Plant, ident: int, source: str | None = None, *, who: str) -> Endpoint:
    """An endpoint that was set aside is sent to again, from where it stopped.

    NotFoundError: there is no such endpoint.  ConflictError: it is not aside.
    """
    with plant.ledger.write(who) as tx:
        found = endpoints.get(tx, ident, source, lock=True)
        if found.state is not EndpointState.ASIDE:
            raise ConflictError(f"endpoint {ident}: is not set aside")
        endpoints.set_health(tx, ident, Health())
        audit.note(tx, "endpoint resumed", ("endpoint", ident), why="asked for")
        return endpoints.get(tx, ident)


def replay(plant: Plant, ident: int, first: int, source: str | None = None, *, who: str) -> int:
    """Everything it wants is sent again from that cursor on, in order; how many notices.

    NotFoundError: there is no such endpoint.
    """
    with plant.ledger.write(who) as tx:
        found = endpoints.get(tx, ident, source, lock=True)
        count = endpoints.replay(tx, found, first)
        what = {"from": first, "notices": count}
        audit.note(tx, "notices replayed", ("endpoint", ident), why="asked for", what=what)
        return count


def switch(plant: Plant, *, on: bool, who: str, why: str) -> None:
    """Send notices, or none, on all machines; what happens meanwhile is told afterwards."""
    with plant.ledger.write(who) as tx:
        endpoints.turn(tx, on=on, why=why)
        audit.note(tx, f"notices {'on' if on else 'off'}", ("switch", endpoints.SWITCH), why=why)


def feed(
    plant: Plant, *, profiles: Collection[str], after: int = 0, limit: int = 100
) -> list[Notice]:
    """The notices of these profiles after a cursor, in order; for whoever would rather ask.

    Who goes on from the last one's cursor misses none and gets none twice.
    """
    number_new(plant)
    with plant.ledger.read() as tx:
        return notices.feed(tx, profiles, after=after, limit=min(limit, MOST_FEED))


def number_new(plant: Plant) -> int:
    """Number whatever has no number yet, and give it to the endpoints; how many."""
    done = 0
    while True:
        with plant.ledger.read() as tx:
            if not notices.are_unnumbered(tx):
                return done
        with plant.ledger.write("notifier") as tx:
            done += notices.number_new(tx)
