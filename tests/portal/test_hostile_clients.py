"""A slow, oversize or broken client harms nobody else: somebody who behaves is served all along."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from jobs.embedded import Embedded
from jobs.servers import LOOPBACK
from portal import room
from portal.gate import MOST_BYTES
from portal.serving import MOST_HEAD_BYTES, MOST_OF_ONE
from tests.plants import PROFILE, SOURCE
from tests.portal.served import Neighbour, Served, served, wait_for

PATIENCE = 3  #: seconds the door has with its clients
MOST_MEMORY = 1024 * 1024 * 1024  #: of the door's process
GENEROUS = 45.0  #: seconds after which a client that was to be ended still is there: liveness only
NAUGHTY = 300
RNG = random.Random(20_261_122)  # noqa: S311 - the same garbage each time

Exchange = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


@pytest.fixture(scope="module")
def door(broker: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A door with little patience."""
    folder = tmp_path_factory.mktemp("door")
    url = f"sqlite:///{folder / 'ledger.sqlite3'}"
    with served(folder, url, broker, http_patience_seconds=PATIENCE) as running:
        yield running


@pytest.fixture(scope="module")
def working(door: Served) -> Iterator[Neighbour]:
    """Who behaves, from before the first test until after the last."""
    with Neighbour(door).at_work() as neighbour:
        yield neighbour


@pytest.fixture
def neighbour(door: Served, working: Neighbour) -> Iterator[Neighbour]:
    """Is not harmed by the test; nor does anything of it stay at the door."""
    with working.unharmed():
        yield working
        wait_for(lambda: door.clients() <= 1, "the door has let go of everybody", GENEROUS)
    assert door.process.poll() is None
    assert "Traceback" not in door.log.read_text("utf-8")


def head(method: str, target: str, *headers: str) -> bytes:
    """A request's head, whole."""
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: door", *headers, "", "")).encode()


def submit(door: Served, *headers: str, token: str = "") -> bytes:
    """The head of a request that hands events in."""
    key = f"Authorization: Bearer {token or door.token}"
    return head("POST", "/v1/events", key, "Content-Type: application/json", *headers)


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """What comes until the door ends the connection, in whichever way."""
    found = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(GENEROUS):
            while part := await reader.read(65536):
                found += part
    return found


def all_at_once(door: Served, exchanges: Iterable[Exchange]) -> list[Any]:
    """What came of each, over a connection of its own from one address."""

    async def one(exchange: Exchange) -> Any:
        reader, writer = await asyncio.open_connection(LOOPBACK, door.port)
        try:
            return await exchange(reader, writer)
        finally:
            writer.close()

    async def run() -> list[Any]:
        return await asyncio.gather(*(one(each) for each in exchanges))

    return asyncio.run(run())


def saying(data: bytes) -> Exchange:
    """Sends that, and reads until the door ends it."""

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        with suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
        return await read_to_end(reader)

    return exchange


def test_heads_that_come_byte_by_byte_are_not_waited_for(
    door: Served, neighbour: Neighbour
) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        ended = asyncio.ensure_future(read_to_end(reader))
        for byte in head("GET", "/v1/events/1", "X-Long: " + "x" * MOST_HEAD_BYTES):
            with suppress(ConnectionError):
                writer.write(bytes((byte,)))
                await writer.drain()
            if ended.done():
                break
            await asyncio.sleep(0.2)
        return await ended

    assert set(all_at_once(door, [drip] * NAUGHTY)) == {b""}


def test_who_says_nothing_is_let_go(door: Served, neighbour: Neighbour) -> None:
    assert set(all_at_once(door, [saying(b"")] * NAUGHTY)) == {b""}


def test_a_body_that_stops_halfway_is_answered_and_let_go(
    door: Served, neighbour: Neighbour
) -> None:
    half = submit(door, "Content-Length: 1000") + b"{" + b" " * 499

    answers = all_at_once(door, [saying(half)] * 50)

    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
    assert all(f"within {PATIENCE} seconds".encode() in answer for answer in answers)


def test_a_body_of_one_byte_too_many_is_refused_and_says_how_many_may_be(
    door: Served, neighbour: Neighbour
) -> None:
    said = submit(door, f"Content-Length: {MOST_BYTES + 1}") + b" " * (MOST_BYTES + 1)

    (answer,) = all_at_once(door, [saying(said)])

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert str(MOST_BYTES).encode() in answer


def test_a_body_of_as_many_bytes_as_may_be_is_taken(door: Served, neighbour: Neighbour) -> None:
    answer = door.ask("POST", "/v1/events", b"{}".ljust(MOST_BYTES))

    assert answer.status == 422


def test_what_announces_far_too_much_is_refused_before_it_comes(
    door: Served, neighbour: Neighbour
) -> None:
    (answer,) = all_at_once(door, [saying(submit(door, f"Content-Length: {10**12}"))])

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_without_an_end_is_ended(door: Served, neighbour: Neighbour) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        ended = asyncio.ensure_future(read_to_end(reader))
        writer.write(submit(door, "Transfer-Encoding: chunked"))
        with suppress(ConnectionError):
            while not ended.done():
                writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
                await writer.drain()
        return await ended

    before = door.rss_bytes()
    all_at_once(door, [endless] * 8)

    assert door.rss_bytes() - before < 2 * room.MOST_HELD


LARGE = 15 * 1024 * 1024


def large(door: Served, part: bytes, start: bytes = b"") -> bytes:
    """A request with a large body of such parts."""
    body = start + part * ((LARGE - len(start)) // len(part))
    return submit(door, f"Content-Length: {len(body)}", "Connection: close") + body


def test_large_bodies_that_find_no_room_are_told_to_come_again(
    door: Served, neighbour: Neighbour
) -> None:
    answers = all_at_once(door, [saying(large(door, b"x\n"))] * 24)

    statuses = [answer[:12] for answer in answers if answer]
    assert b"HTTP/1.1 503" in statuses
    assert set(statuses) <= {b"HTTP/1.1 422", b"HTTP/1.1 503", b"HTTP/1.1 408"}
    assert door.peak_bytes() < MOST_MEMORY


@pytest.mark.parametrize(
    ("start", "part"),
    [(b"", b"x\n"), (b"[[", b"[],"), (b"[[", b'"\xe4\xb8\x80",'), (b"[", b'{"specversion":1},')],
    ids=["lines", "arrays", "texts", "events"],
)
def test_large_bodies_of_all_kinds_keep_within_memory(
    door: Served, neighbour: Neighbour, start: bytes, part: bytes
) -> None:
    answers = all_at_once(door, [saying(large(door, part, start))] * 3)

    assert b"HTTP/1.1 422" in {answer[:12] for answer in answers}
    assert door.peak_bytes() < MOST_MEMORY


def test_answers_that_nobody_reads_are_not_kept(door: Served, neighbour: Neighbour) -> None:
    empty = b"{}\n" * 1000
    asked = submit(door, f"Content-Length: {len(empty)}", token=door.key("deaf")) + empty
    before = door.rss_bytes()

    with ExitStack() as stack:
        for _ in range(2):
            deaf = stack.enter_context(socket.create_connection((LOOPBACK, door.port)))
            deaf.sendall(asked * 16)  # more is answered than the system takes for us
        wait_for(lambda: door.clients() <= 1, "the door has let go of the deaf", GENEROUS)

    assert door.rss_bytes() - before < room.MOST_HELD


def test_garbage_after_a_request_harms_nobody(door: Served, neighbour: Neighbour) -> None:
    whole = head("GET", "/livez")
    said = [whole + RNG.randbytes(RNG.randrange(1, 4000)) + b"\r\n\r\n" for _ in range(100)]

    answers = all_at_once(door, [saying(each) for each in said])

    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers if answer)


def test_a_tls_hello_on_the_plain_port_is_no_request(door: Served, neighbour: Neighbour) -> None:
    hello = bytes.fromhex("16030100c8010000c40303") + RNG.randbytes(193) + b"\r\n\r\n"

    answers = all_at_once(door, [saying(hello)] * 20)

    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 400"}


@pytest.mark.parametrize("kept", [20, 200, -1], ids=["head", "body", "answer"])
def test_resets_in_the_middle_harm_nobody(door: Served, neighbour: Neighbour, kept: int) -> None:
    body = json.dumps({"specversion": "1.0", "padding": "x" * 400}).encode()
    said = (submit(door, f"Content-Length: {len(body)}") + body)[: kept if kept > 0 else None]

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    all_at_once(door, [reset] * 100)


def test_one_address_has_so_many_connections_and_others_have_theirs(
    door: Served, neighbour: Neighbour
) -> None:
    async def stay(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bool:
        """Whether it was ended at once, long before patience was."""
        with suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(reader.read(1), PATIENCE / 3)
            return True
        return False

    ended = all_at_once(door, [stay] * (MOST_OF_ONE + 100))

    assert sum(ended) >= 1


def test_who_has_closed_their_half_is_let_go(door: Served, neighbour: Neighbour) -> None:
    def half_closed(data: bytes) -> Exchange:
        async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
            writer.write(data)
            writer.write_eof()
            return await read_to_end(reader)

        return exchange

    whole = head("GET", "/livez")
    said = [whole, whole[:10], submit(door, "Content-Length: 10") + b"{}", b""]

    all_at_once(door, [half_closed(each) for each in said * 20])


@pytest.mark.parametrize(
    "chunk",
    [b"zz\r\n", b"-1\r\n", b"f" * 40 + b"\r\n", b"5\r\nabcdefgh\r\n", b"1;" + b"x" * 10**6],
    ids=["letters", "negative", "huge", "short", "extension"],
)
def test_broken_chunks_are_refused(door: Served, neighbour: Neighbour, chunk: bytes) -> None:
    said = submit(door, "Transfer-Encoding: chunked") + chunk

    answers = all_at_once(door, [saying(said)] * 10)

    assert {answer[:12] for answer in answers if answer} <= {b"HTTP/1.1 400", b"HTTP/1.1 408"}


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Long: " + "x" * 10**6],
        [f"X-{number}: x" for number in range(20_000)],
        ["Content-Length: 10", "Content-Length: 11"],
        ["Content-Length: -1"],
        ["Content-Length: 10", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip, chunked"],
    ],
    ids=["long", "many", "two lengths", "negative", "length and chunks", "coded"],
)
def test_heads_that_are_too_large_or_say_two_things_are_refused(
    door: Served, neighbour: Neighbour, headers: list[str]
) -> None:
    answers = all_at_once(door, [saying(submit(door, *headers) + b"{}")] * 10)

    statuses = {answer[:12] for answer in answers if answer}
    assert statuses <= {b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 501", b"HTTP/1.1 408"}


def test_one_key_with_many_large_batches_does_not_take_all_turns(
    door: Served, neighbour: Neighbour
) -> None:
    busy = door.key("busy")
    event = {"specversion": "1.0", "type": "registration.approved", "source": SOURCE}
    body = json.dumps([event | {"id": f"no-{n}", "data": {"profile": PROFILE}} for n in range(800)])
    said = submit(door, f"Content-Length: {len(body)}", "Connection: close", token=busy)

    rounds = neighbour.answered["/livez"]
    answers = all_at_once(door, [saying(said + body.encode())] * 12)

    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 202"}
    assert neighbour.answered["/livez"] > rounds
