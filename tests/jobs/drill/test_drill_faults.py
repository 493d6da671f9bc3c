"""Each fault of a drill by itself: it does its harm, and is over when it is over."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread

import pytest
import urllib3
from sqlalchemy import Engine, text

from factory.errors import KeyBusyError, SealPolicyError, StoreUnavailableError
from jobs.drill import clock, privacy, room
from jobs.drill.proxy import FULL, LATE, LATE_SECONDS, LOST, TWICE, Proxy
from storage.ledger.base import database_edge, engine_for
from storage.signature_protocol import Patience
from storage.signer_process import ProcessSigner, SignerProcess

CERTIFICATE = "0" * 64
REFUSED = b"r" * 32
ANSWER_SECONDS = 10.0


class _Signer(BaseHTTPRequestHandler):
    """Answers as the signer process does: the digests themselves are the signatures."""

    protocol_version = "HTTP/1.1"
    used: list[str] = []  # noqa: RUF012 - one list for all requests, emptied by each test

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.used.append(asked["request"])
        if REFUSED.hex() in asked["digests"]:
            self._say({"request": asked["request"], "error": "not in the policy"}, 403)
            return
        signatures = ["AAAA" for _ in asked["digests"]]
        self._say({"request": asked["request"], "signatures": signatures})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.used.append("kept")
        self._say({})

    def do_GET(self) -> None:
        self._say({"got": True})

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _say(self, said: object, status: int = 200) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _UnixServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, str]:  # type: ignore[override]
        connection, _ = super().get_request()
        return connection, "peer"


@contextmanager
def _serving(server: _UnixServer | ThreadingHTTPServer) -> Iterator[None]:
    _Signer.used.clear()
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def signer(tmp_path: Path) -> Iterator[tuple[Proxy, ProcessSigner]]:
    """A signer that answers, and the proxy between it and who asks."""
    behind, before = tmp_path / "behind", tmp_path / "before"
    with _serving(_UnixServer(str(behind), _handler())), Proxy(behind, at=before).running() as it:
        process = SignerProcess(f"unix:{before}", patience=Patience(connect=2, read=5, whole=6))
        yield it, ProcessSigner(process, "shanghai", "pdf", CERTIFICATE)


def _handler() -> type[BaseHTTPRequestHandler]:
    return _Signer


def digests(number: int) -> Sequence[bytes]:
    return [bytes([number]) * 32]


def test_the_answer_to_another_request_is_not_taken(signer: tuple[Proxy, ProcessSigner]) -> None:
    proxy, key = signer
    with proxy.losing(TWICE):
        assert key.sign_digests(digests(1))
        with pytest.raises(KeyBusyError, match="another request"):
            key.sign_digests(digests(2))
    assert proxy.struck == 1


def test_after_two_answers_to_one_request_the_next_are_right_again(
    signer: tuple[Proxy, ProcessSigner],
) -> None:
    proxy, key = signer
    with proxy.losing(TWICE):
        key.sign_digests(digests(1))
        with pytest.raises(KeyBusyError):
            key.sign_digests(digests(2))

    assert [key.sign_digests(digests(number)) for number in (3, 4)] == [[b"\0\0\0"]] * 2


def test_a_refusal_of_another_request_is_not_taken(signer: tuple[Proxy, ProcessSigner]) -> None:
    proxy, key = signer
    with proxy.losing(TWICE):
        with pytest.raises(SealPolicyError):
            key.sign_digests([REFUSED])
        with pytest.raises(KeyBusyError, match="another request"):
            key.sign_digests(digests(2))


def test_a_lost_answer_is_asked_for_again_and_the_key_used_twice(
    signer: tuple[Proxy, ProcessSigner],
) -> None:
    proxy, key = signer
    with proxy.losing(LOST), pytest.raises(KeyBusyError):
        key.sign_digests(digests(1))
    key.sign_digests(digests(1))

    first, second = _Signer.used
    assert first == second


def test_a_late_answer_is_an_answer(signer: tuple[Proxy, ProcessSigner]) -> None:
    proxy, key = signer
    begun = time.monotonic()
    with proxy.losing(LATE):
        assert key.sign_digests(digests(1))
    assert time.monotonic() - begun >= LATE_SECONDS


def test_a_store_without_room_keeps_nothing_and_gives_out_what_it_has() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler())
    with _serving(server), Proxy(server.server_address[1]).running() as proxy:
        http, url = urllib3.PoolManager(), f"http://127.0.0.1:{proxy.port}/object"
        with proxy.losing(FULL):
            full = http.request("PUT", url, body=b"x" * 300_000, retries=False)
            got = http.request("GET", url, retries=False)
        put = http.request("PUT", url, body=b"x" * 300_000, retries=False)

    assert (full.status, got.status, put.status) == (507, 200, 200)
    assert b"InsufficientStorage" in full.data
    assert _Signer.used == ["kept"]


# --- the ledger -----------------------------------------------------------------------------------

MANY = 50_000  #: bytes, more than any page has left


@pytest.fixture
def engine(db_url: str) -> Iterator[Engine]:
    found = engine_for(db_url)
    with found.begin() as conn:
        conn.execute(text("CREATE TABLE kept (what varchar)"))
    yield found
    found.dispose()


@pytest.mark.on_both
def test_a_full_ledger_takes_nothing_and_loses_nothing(engine: Engine, tmp_path: Path) -> None:
    room.prepare(engine)
    room.watch(tmp_path, engine)
    put, count = text("INSERT INTO kept VALUES (:what)"), text("SELECT count(*) FROM kept")
    with engine.begin() as conn:
        conn.execute(put, {"what": "before"})

    with room.no_ledger_grows(engine, tmp_path):
        with pytest.raises(StoreUnavailableError), database_edge(), engine.begin() as conn:
            conn.execute(put, {"what": "x" * MANY})
        with engine.begin() as conn:
            assert conn.execute(count).scalar_one() == 1

    with engine.begin() as conn:
        conn.execute(put, {"what": "x" * MANY})
        assert conn.execute(count).scalar_one() == 2


# --- processes ------------------------------------------------------------------------------------

WATCHING = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from jobs.drill import clock
clock.watch(Path(sys.argv[1]))
for _ in sys.stdin:
    said = datetime.now(UTC).timestamp(), time.time(), time.time_ns() / 1e9, time.monotonic()
    print(*said, datetime.now(UTC).tzinfo, flush=True)
"""


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Callable[[], list[float]]]:
    """Asks a process what time it is: four clocks of it, as far ahead as they are of this one's."""
    words = (sys.executable, "-c", WATCHING, str(tmp_path))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdin is not None and it.stdout is not None
        question, answer = it.stdin, it.stdout

        def ask() -> list[float]:
            question.write("\n")
            question.flush()
            *said, zone = answer.readline().split()
            assert zone == "UTC"
            ours = (time.time(), time.time(), time.time(), time.monotonic())
            return [float(each) - own for each, own in zip(said, ours, strict=True)]

        yield ask
        question.close()


@pytest.mark.parametrize("step", [-3600, 90])
def test_every_clock_of_a_day_steps_and_that_of_spans_does_not(
    watching: Callable[[], list[float]], tmp_path: Path, step: int
) -> None:
    assert watching() == pytest.approx([0] * 4, abs=ANSWER_SECONDS)
    with clock.stepped(tmp_path, step):
        assert watching() == pytest.approx([step] * 3 + [0], abs=ANSWER_SECONDS)
    assert watching() == pytest.approx([0] * 4, abs=ANSWER_SECONDS)


def test_a_file_without_room_ends_within_a_line_until_there_is_room(tmp_path: Path) -> None:
    words = (sys.executable, "-uc", WRITING, str(tmp_path / "file"))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdin is not None and it.stdout is not None
        with room.no_file_grows(it.pid, 5):
            said = _answer(it)
        again = _answer(it)
        it.stdin.close()

    assert (said, again) == ("5", "10")
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


WRITING = """
import os, sys
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
for _ in sys.stdin:
    print(os.write(file, b"x" * 10))
"""


def _answer(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


# --- what may stand nowhere -----------------------------------------------------------------------

PERSON = {"name": "赵明宁", "id_number": "110101199003074557", "mobile": "13800138000"}


@pytest.mark.parametrize(
    "said",
    [
        "赵明宁".encode(),
        json.dumps("赵明宁").encode(),
        b"%E8%B5%B5%E6%98%8E%E5%AE%81",
        "赵明宁".encode("utf-16-le"),
        b"13800138000",
        b"110101199003074557",
    ],
)
def test_people_are_found_in_each_spelling(said: bytes) -> None:
    secrets = privacy.of_event({"data": {"people": [{"holder": PERSON}]}})

    places, found = privacy.where(secrets, [("a log", b"..." + said + b"..."), ("none", b"...")])

    assert places == 2
    assert len(found) == 1 and found[0].endswith("in a log")
    assert said.decode(errors="replace") not in found[0]


@pytest.mark.parametrize("said", ["赵宁".encode(), json.dumps("赵宁").encode()])
def test_a_name_of_two_characters_is_found(said: bytes) -> None:
    secrets = privacy.of_event({"data": {"holder": PERSON | {"name": "赵宁"}}})

    _, found = privacy.where(secrets, [("a log", b"..." + said + b"...")])

    assert found == ["a name in a log"]


def test_four_bytes_that_come_up_by_chance_are_no_name() -> None:
    secrets = privacy.of_event({"data": {"holder": PERSON | {"name": "赵宁"}}})

    _, found = privacy.where(secrets, [("a row", b"\x07" + "赵宁".encode("utf-16-le") + b"\xfe")])

    assert found == []


@pytest.mark.parametrize("around", [b"%s", b"tel:%s.", b"[.%s]", b'"%s"', b"a%sb"])
def test_a_mobile_that_stands_alone_is_found(around: bytes) -> None:
    secrets = privacy.of_event({"data": {"holder": PERSON}})

    _, found = privacy.where(secrets, [("the metrics", around % PERSON["mobile"].encode())])

    assert found == ["a mobile in the metrics"]


@pytest.mark.parametrize("around", [b"0.%s", b"0.0%s", b"%s7", b"9%s.5"])
def test_digits_of_a_longer_number_are_no_mobile(around: bytes) -> None:
    secrets = privacy.of_event({"data": {"holder": PERSON}})

    _, found = privacy.where(secrets, [("the metrics", around % PERSON["mobile"].encode())])

    assert found == []


def test_an_enterprise_is_no_person() -> None:
    assert privacy.of_event({"data": {"enterprise": {"name": "甘肃建设集团有限公司"}}}) == {}
