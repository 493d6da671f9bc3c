"""The client: a method for each thing that can be asked of the factory."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, TypeVar

from certfactory_client.answers import (
    Application,
    Batch,
    Document,
    Enterprise,
    Event,
    Item,
    Link,
    Listed,
    Outcome,
    Prepared,
    Preview,
    Registration,
    Uncollected,
)
from certfactory_client.door import BATCH, EVENT, Door, quoted
from certfactory_client.errors import AnswerError, DamagedError, StillWaitingError
from certfactory_client.notices import Notice
from certfactory_client.parties import ForEnterprise, ForHolder
from certfactory_client.reading import read
from certfactory_client.retrying import Retry

MOST_EVENTS, MOST_BYTES = 1000, 8 * 1024 * 1024  #: handed in by one request
FIRST_LOOK, LAST_LOOK = 0.2, 2.0  #: seconds between two looks at what is waited for
PAGE = 500

Party = Literal["applicant", "enterprise"]
CloudEvent = Mapping[str, Any]
T = TypeVar("T")


class Client:
    """The factory at an address, asked with an access key (访问密钥).

    address: such as ``https://factory.example``; with ``/v1`` at its end or without.
    sign:    sign each request with the key instead of sending the key.
    retry:   how often what may pass by itself is tried again; what was asked twice is done once.
    timeout: seconds of one try.
    verify:  of TLS, as httpx takes it: an `ssl.SSLContext` for a CA of your own.

    May be used by several threads.  Every method raises what `errors` lists: ProblemError where the
    factory refuses, NoAnswerError where it cannot be reached.
    """

    def __init__(
        self,
        address: str,
        key: str,
        *,
        sign: bool = False,
        retry: Retry | None = None,
        timeout: float = 30.0,
        verify: Any = True,
    ) -> None:
        self._door = Door(
            address, key, sign=sign, retry=retry or Retry(), timeout=timeout, verify=verify
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self._door.close()

    # --- events -------------------------------------------------------------------------------

    def submit(self, event: CloudEvent) -> Outcome:
        """Hand in one event; handing it in again changes nothing.

        RefusedError: it breaks a rule; `problems` says which fields and rules.
        """
        said = self._door.post("/events", _json(event), kind=EVENT)
        return read(Outcome, said["outcomes"][0])

    def submit_many(self, events: Iterable[CloudEvent]) -> list[Outcome]:
        """Hand in events, in requests of a thousand at most; the outcome of each, in their order.

        One that is refused does not hinder the others: look at each outcome's status.
        """
        found: list[Outcome] = []
        for texts in _sheaves(map(_json, events)):
            said = self._door.post("/events", b"[" + b",".join(texts) + b"]", kind=BATCH)
            before = len(found)
            found += [read(Outcome, _moved(each, before)) for each in said["outcomes"]]
        return found

    def event(self, event_id: str) -> Event:
        """An event that this source handed in, and what followed from it."""
        return read(Event, self._door.get(f"/events/{quoted(event_id)}"))

    def wait_for_event(self, event_id: str, *, seconds: float = 60.0) -> Event:
        """The event, once nothing that followed from it is being made any more.

        Look at its `holds` too: what is held waits for a person.
        StillWaitingError: that takes longer.
        """
        return _until(
            lambda: self.event(event_id),
            lambda found: not found.is_being_made,
            seconds,
            f"event {event_id}: is not done after {seconds:.0f} s",
        )

    # --- registrations ------------------------------------------------------------------------

    def registration(self, number: str) -> Registration:
        """A registration with its editions and files."""
        return read(Registration, self._door.get(f"/registrations/{quoted(number)}"))

    def collect(self, number: str, *, on_behalf_of: ForHolder | None = None) -> Registration:
        """The holder takes the current edition (领证); again changes nothing."""
        said = self._door.post_json(
            f"/registrations/{quoted(number)}/collection", on_behalf_of=_party(on_behalf_of)
        )
        return read(Registration, said)

    def certificate_link(
        self,
        number: str,
        *,
        edition: int | None = None,
        format: str | None = None,  # noqa: A002 - the factory's word
        on_behalf_of: ForHolder | ForEnterprise | None = None,
    ) -> Link:
        """A link that downloads the certificate, once it is collected."""
        said = self._door.post_json(
            f"/registrations/{quoted(number)}/links",
            kind="certificate",
            edition=edition,
            format=format,
            on_behalf_of=_party(on_behalf_of),
        )
        return read(Link, said)

    def collection_link(self, number: str, *, on_behalf_of: ForHolder | None = None) -> Link:
        """A short-lived page on which the holder, and nobody else, takes the certificate."""
        said = self._door.post_json(
            f"/registrations/{quoted(number)}/links",
            kind="collection",
            on_behalf_of=_party(on_behalf_of),
        )
        return read(Link, said)

    def download(
        self,
        number: str,
        *,
        edition: int | None = None,
        format: str | None = None,  # noqa: A002 - the factory's word
        on_behalf_of: ForHolder | ForEnterprise | None = None,
    ) -> bytes:
        """The certificate itself, with the SHA-256 that the factory says.

        ConflictError: it is not collected yet, or not in force.  DamagedError: other bytes came.
        """
        return self.fetch(
            self.certificate_link(number, edition=edition, format=format, on_behalf_of=on_behalf_of)
        )

    def fetch(self, link: Link) -> bytes:
        """The file behind a link.  DamagedError: it is another one, or shortened."""
        if link.sha256 is None:
            raise ValueError(f"{link.kind}: this link leads to a page, not to a file")
        found = self._door.fetch(link.url)
        if hashlib.sha256(found).hexdigest() != link.sha256:
            raise DamagedError(f"{link.kind}: the {len(found)} bytes that came are not the file")
        return found

    # --- applications -------------------------------------------------------------------------

    def application(self, number: str) -> tuple[Application, ...]:
        """The applications of that acceptance number (受理编号), one a register."""
        said = self._door.get(f"/applications/{quoted(number)}")
        return tuple(read(Application, each) for each in said)

    def material(self, number: str, name: str) -> bytes:
        """An uploaded material (申报材料), as it was handed in."""
        return self._door.content(f"/applications/{quoted(number)}/materials/{quoted(name)}")

    def application_link(
        self,
        number: str,
        kind: str,
        *,
        revision: int | None = None,
        step: int | None = None,
        profile: str | None = None,
        on_behalf_of: ForHolder | ForEnterprise | None = None,
    ) -> Link:
        """A link that downloads one of its documents, such as ``application_form``."""
        said = self._door.post_json(
            f"/applications/{quoted(number)}/links",
            kind=kind,
            revision=revision,
            step=step,
            profile=profile,
            on_behalf_of=_party(on_behalf_of),
        )
        return read(Link, said)

    def prepare(
        self,
        number: str,
        party: Party,
        *,
        certificate: str | None = None,
        picture: bytes | None = None,
        profile: str | None = None,
        content: bool = False,
        on_behalf_of: ForHolder | ForEnterprise | None = None,
    ) -> Prepared:
        """What a party has to sign, so that its signature comes onto the application form.

        certificate: PEM, the signer's own first.  None: the signature comes as a finished CMS.
        picture:     JPEG or PNG of the hand-written signature or the enterprise's seal.
        content:     whether to give the bytes that a CMS is over.
        """
        said = self._door.post_json(
            f"/applications/{quoted(number)}/preparations",
            party=party,
            certificate=certificate,
            picture=_base64(picture),
            profile=profile,
            content=content,
            on_behalf_of=_party(on_behalf_of),
        )
        return read(Prepared, said)

    def complete(
        self, token: str, *, value: bytes | None = None, cms: bytes | None = None
    ) -> Outcome:
        """The form with that party's signature; the same again changes nothing.

        value: raw, over the signed attributes.  cms: finished and detached, DER.  One of both.
        """
        said = self._door.post_json(
            f"/preparations/{quoted(token)}/signature", value=_base64(value), cms=_base64(cms)
        )
        return read(Outcome, said)

    # --- bulk events --------------------------------------------------------------------------

    def batches(self) -> tuple[Batch, ...]:
        """The hundred newest bulk events, the newest first."""
        return tuple(read(Batch, each) for each in self._door.get("/batches"))

    def batch(self, batch: int) -> Batch:
        """How far a bulk event is."""
        return read(Batch, self._door.get(f"/batches/{batch}"))

    def wait_for_batch(self, batch: int, *, seconds: float = 60.0) -> Batch:
        """The bulk event, once it has ended or it is somebody's turn (`owner`).

        StillWaitingError: that takes longer.
        """
        return _until(
            lambda: self.batch(batch),
            lambda found: not found.is_moving,
            seconds,
            f"batch {batch}: is not done after {seconds:.0f} s",
        )

    def preview(self, batch: int, *, samples: int = 1) -> Preview:
        """What it will do, with so many certificates drawn as they will be (5 at most)."""
        return read(Preview, self._door.get(f"/batches/{batch}/preview", samples=samples))

    def confirm(self, batch: int, reason: str, *, on_behalf_of: ForEnterprise) -> Batch:
        """The enterprise lets its rename take effect (确认更名).

        Not asked a second time where the answer was lost (NoAnswerError): ask `batch` then.
        """
        said = self._door.post_json(
            f"/batches/{batch}/confirmation",
            once=True,
            reason=reason,
            on_behalf_of=on_behalf_of.as_json(),
        )
        return read(Batch, said)

    def report(self, batch: int, *, failed: bool = False) -> Iterator[Item]:
        """What became of each item, read while it comes; failed: of what is held alone."""
        asked = {"format": "jsonl"} | ({"failed": True} if failed else {})
        for line in self._door.lines(f"/batches/{batch}/report", **asked):
            yield read(Item, _loaded(line))

    def batch_documents(self, batch: int) -> tuple[Document, ...]:
        """Its list of results and its sealed reports, one of each a register."""
        said = self._door.get(f"/batches/{batch}/documents")
        return tuple(read(Document, each) for each in said)

    def batch_link(self, batch: int, kind: str, *, profile: str | None = None) -> Link:
        """A link that downloads its ``rename_list`` or its ``batch_report``."""
        said = self._door.post_json(f"/batches/{batch}/links", kind=kind, profile=profile)
        return read(Link, said)

    def proof(self, batch: int, number: str) -> dict[str, Any]:
        """That a registration is in the sealed report (RFC 6962); docs/check_proof.py checks it."""
        found: dict[str, Any] = self._door.get(f"/batches/{batch}/proofs/{quoted(number)}")
        return found

    # --- enterprises --------------------------------------------------------------------------

    def enterprise(self, credit_code: str, *, profile: str | None = None) -> Enterprise:
        """Its people by state, and of each rename who has collected."""
        said = self._door.get(f"/enterprises/{quoted(credit_code)}", profile=profile)
        return read(Enterprise, said)

    def enterprise_link(self, credit_code: str) -> Link:
        """A short-lived page on which the enterprise, and nobody else, confirms its renames."""
        said = self._door.post_json(f"/enterprises/{quoted(credit_code)}/links", kind="enterprise")
        return read(Link, said)

    def uncollected(
        self, credit_code: str, *, profile: str | None = None
    ) -> tuple[Uncollected, ...]:
        """Whose certificates wait to be collected."""
        said = self._door.get(f"/enterprises/{quoted(credit_code)}/uncollected", profile=profile)
        return tuple(read(Uncollected, each) for each in said)

    def awaiting(self, credit_code: str, *, profile: str | None = None) -> tuple[Listed, ...]:
        """Applications that wait for the enterprise (待企业确认)."""
        return self._listed(credit_code, "awaiting", profile)

    def confirmed(self, credit_code: str, *, profile: str | None = None) -> tuple[Listed, ...]:
        """Applications that the enterprise has confirmed (企业已确认查询)."""
        return self._listed(credit_code, "confirmed", profile)

    def _listed(self, credit_code: str, which: str, profile: str | None) -> tuple[Listed, ...]:
        said = self._door.get(
            f"/enterprises/{quoted(credit_code)}/applications", which=which, profile=profile
        )
        return tuple(read(Listed, each) for each in said)

    # --- notices and the description ----------------------------------------------------------

    def notices(self, after: int = 0) -> Iterator[Notice]:
        """What the factory has told since that cursor, the oldest first, to the newest there is.

        Keep the last one's `cursor`: who goes on from it misses none and gets none twice.
        """
        while said := self._door.get("/notices", after=after, limit=PAGE)["notices"]:
            for each in said:
                notice = Notice.of(each)
                yield notice
                after = notice.cursor

    def event_types(self) -> tuple[str, ...]:
        """The types of events that may be handed in."""
        return tuple(self._door.get("/schemas"))

    def schema(self, event_type: str) -> dict[str, Any]:
        """The JSON Schema of a type of events."""
        found: dict[str, Any] = self._door.get(f"/schemas/{quoted(event_type)}")
        return found


def _json(said: CloudEvent) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=_moment).encode()


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__}: is nothing that JSON has")


def _sheaves(texts: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    """As many as one request may bring, and again."""
    sheaf: list[bytes] = []
    size = 0
    for text in texts:
        if sheaf and (len(sheaf) == MOST_EVENTS or size + len(text) > MOST_BYTES):
            yield sheaf
            sheaf, size = [], 0
        sheaf.append(text)
        size += len(text)
    if sheaf:
        yield sheaf


def _moved(outcome: dict[str, Any], by: int) -> dict[str, Any]:
    return {**outcome, "place": outcome["place"] + by}


def _party(given: ForHolder | ForEnterprise | None) -> dict[str, str] | None:
    return given.as_json() if given is not None else None


def _base64(data: bytes | None) -> str | None:
    return b64encode(data).decode() if data is not None else None


def _loaded(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise AnswerError("report: a line is no JSON") from error


def _until(look: Callable[[], T], is_done: Callable[[T], bool], seconds: float, said: str) -> T:
    """What is looked at, once it is so."""
    ends, pause = time.monotonic() + seconds, FIRST_LOOK
    while not is_done(found := look()):
        if time.monotonic() + pause > ends:
            raise StillWaitingError(said)
        time.sleep(pause)
        pause = min(pause * 1.5, LAST_LOOK)
    return found
