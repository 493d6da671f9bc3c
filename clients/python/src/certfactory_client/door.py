"""The wire: a request, tried again where that may help, and what a refusal says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from certfactory_client.credentials import credentials
from certfactory_client.errors import KINDS, AnswerError, NoAnswerError, ProblemError
from certfactory_client.retrying import Retry, seconds_of

EVENT, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
JSON = "application/json"
FAILED = 400
LOST = frozenset({502, 504})  #: of a proxy that has passed the request on
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Door:
    """Where the factory is asked, and how.

    The key is shown to the factory alone: links are followed without it, redirects never.
    """

    def __init__(
        self, address: str, key: str, *, sign: bool, retry: Retry, timeout: float, verify: Any
    ) -> None:
        self._retry = retry
        self._root = address.rstrip("/").removesuffix("/v1") + "/v1"
        if not self._root.startswith(("https://", "http://")):
            raise ValueError("address: is not written https://host")
        auth = credentials(key, sign=sign)
        self._factory = httpx.Client(auth=auth, timeout=timeout, verify=verify)
        self._store = httpx.Client(timeout=timeout, verify=verify)

    def close(self) -> None:
        """End its connections."""
        self._factory.close()
        self._store.close()

    def get(self, path: str, **asked: Any) -> Any:
        """What is there, as JSON."""
        return self._retry.call(lambda: _json(self._send("GET", path, params=_given(asked))))

    def content(self, path: str) -> bytes:
        """What is there, as it is."""
        return self._retry.call(lambda: self._send("GET", path)).content

    def post(self, path: str, content: bytes, *, kind: str) -> Any:
        """The answer to a body of that kind; it is safe to ask it twice."""
        headers = {"Content-Type": kind}
        return self._retry.call(
            lambda: _json(self._send("POST", path, content=content, headers=headers))
        )

    def post_json(self, path: str, *, once: bool = False, **asked: Any) -> Any:
        """The answer to these fields; None: not given.  once: unsafe to ask it twice."""
        body = _given(asked)
        if once:
            return self._once(path, body)
        return self._retry.call(lambda: _json(self._send("POST", path, json=body)))

    def _once(self, path: str, body: dict[str, Any]) -> Any:
        """Tried again only where the factory has surely done nothing."""
        try:
            return self._retry.call(lambda: _json(self._send("POST", path, json=body, once=True)))
        except _LostError as error:
            raise NoAnswerError(str(error)) from error

    def _send(self, method: str, path: str, *, once: bool = False, **what: Any) -> httpx.Response:
        with _reaching(once=once):
            answer = self._factory.request(method, self._root + path, **what)
        if once and answer.status_code in LOST:
            raise _LostError(f"no answer: a proxy says {answer.status_code}")
        if answer.status_code >= FAILED:
            raise _problem(answer)
        return answer

    def lines(self, path: str, **asked: Any) -> Iterator[str]:
        """The lines of a long answer, while it comes."""
        with closing(self._retry.call(lambda: self._opened(path, asked))) as answer, _reaching():
            yield from answer.iter_lines()

    def _opened(self, path: str, asked: dict[str, Any]) -> httpx.Response:
        request = self._factory.build_request("GET", self._root + path, params=_given(asked))
        with _reaching():
            answer = self._factory.send(request, stream=True)
            if answer.status_code >= FAILED:
                answer.read()
                raise _problem(answer)
        return answer

    def fetch(self, url: str) -> bytes:
        """The file behind a signed link; the key is not shown there."""
        return self._retry.call(lambda: self._fetched(url)).content

    def _fetched(self, url: str) -> httpx.Response:
        with _reaching():
            answer = self._store.get(url)
        if answer.status_code >= FAILED:
            said = "the store does not give the file; the link may have ended"
            raise ProblemError(answer.status_code, "link", said)
        return answer


class _LostError(Exception):
    """The answer to what must not be asked twice was lost."""


@contextmanager
def _reaching(*, once: bool = False) -> Iterator[None]:
    """NoAnswerError: the other side cannot be reached, or its answer was lost."""
    try:
        yield
    except httpx.RequestError as error:
        said = f"no answer: {type(error).__name__}: {error}"
        if once and not isinstance(error, UNSENT):
            raise _LostError(said) from error
        raise NoAnswerError(said) from error


def quoted(part: str) -> str:
    """A part of an address."""
    return quote(part, safe="")


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        said = f"{answer.status_code}: no JSON; is this the address of a certificate factory?"
        raise AnswerError(said) from error


def _problem(answer: httpx.Response) -> ProblemError:
    """What a refusal says; a proxy's says less."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    faults = [(each["field"], each["rule"]) for each in said.get("problems", ())]
    return KINDS.get(answer.status_code, ProblemError)(
        answer.status_code,
        said.get("reason", "unknown"),
        said.get("detail", answer.reason_phrase),
        faults,
        request=said.get("request") or answer.headers.get("x-request-id"),
        retry_after=seconds_of(answer.headers.get("retry-after")),
    )
