"""A proxy that fails as networks and servers do: in one direction, halfway, late, or by refusing.

Between clients and one server, by TCP on loopback or by a Unix socket.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from jobs.servers import LOOPBACK

CHUNK = 65536
QUESTIONS, ANSWERS = "questions", "answers"  #: what is lost; connections stay open
REFUSAL, CUT = "refusal", "cut"  #: HTTP 503 to every request; an answer ends in its middle
FULL = "full"  #: HTTP 507 to whatever would be kept; what is there is still given out
LATE = "late"  #: each piece of an answer comes LATE_SECONDS later
LOST = "lost"  #: an answer is swallowed and its connection ended: what was asked for was done
TWICE = "twice"  #: an answer comes once more, in front of the next one on its connection
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
NO_ROOM_WORDS = b"<Error><Code>InsufficientStorage</Code><Message>no room</Message></Error>"
NO_ROOM = (
    b"HTTP/1.1 507 Insufficient Storage\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(NO_ROOM_WORDS), NO_ROOM_WORDS)
)
KEEPING = (b"PUT ", b"POST ")
LATE_SECONDS = 1.2
LET_GO_SECONDS = 0.5  #: in which whoever was refused may end what it was saying
HALF = 2


@dataclass(slots=True)
class _Talk:
    """One connection; said: the answer so far to the last question."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    there: asyncio.StreamReader
    back: asyncio.StreamWriter
    said: bytearray = field(default_factory=bytearray)


class Proxy:
    """Between clients and one server; runs in a thread of its own.

    server: its port on loopback, or the path of its socket.
    at:     the path of a socket to listen at; None: a port of loopback, see `port`.
    struck: how many questions and answers were done harm to.
    """

    def __init__(self, server: int | Path, *, at: Path | None = None) -> None:
        self._server, self._at, self.port = server, at, 0
        self._loop = asyncio.new_event_loop()
        self._fault = ""
        self.struck = 0

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Accept connections while the block runs."""
        thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    @contextmanager
    def losing(self, what: str) -> Iterator[None]:
        """Lose all questions, or all answers, while the block runs; or another of the faults."""
        self._fault = what
        try:
            yield
        finally:
            self._fault = ""

    async def _listen(self) -> None:
        if self._at is not None:
            await asyncio.start_unix_server(self._serve, self._at)
            return
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._server, Path):
            return await asyncio.open_unix_connection(self._server)
        return await asyncio.open_connection(LOOPBACK, self._server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await self._connected()
        except OSError:  # the server is away
            writer.close()
            return
        talk = _Talk(reader, writer, there, back)
        pumps = [
            self._loop.create_task(self._ask(talk)),
            self._loop.create_task(self._answer(talk)),
        ]
        with suppress(asyncio.CancelledError):  # the proxy is at its end
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.close()

    async def _ask(self, talk: _Talk) -> None:
        with suppress(ConnectionError):
            while data := await talk.reader.read(CHUNK):
                if refusal := self._refusal(data):
                    self.struck += 1
                    await _refuse(talk, refusal)
                    return
                await self._say_again(talk)
                if self._fault == QUESTIONS:
                    self.struck += 1
                else:
                    talk.back.write(data)
                    await talk.back.drain()

    def _refusal(self, data: bytes) -> bytes:
        """What is answered instead; nothing: the question goes on its way."""
        if self._fault == REFUSAL:
            return BUSY
        return NO_ROOM if self._fault == FULL and data.startswith(KEEPING) else b""

    async def _say_again(self, talk: _Talk) -> None:
        """The last answer once more, where answers come twice; the next is counted anew."""
        if self._fault == TWICE and talk.said:
            self.struck += 1
            talk.writer.write(bytes(talk.said))
            await talk.writer.drain()
        talk.said.clear()

    async def _answer(self, talk: _Talk) -> None:
        with suppress(ConnectionError):
            while data := await talk.there.read(CHUNK):
                fault = self._fault
                self.struck += fault in {ANSWERS, LOST, CUT, LATE}
                if fault == LOST:
                    return
                if fault == ANSWERS:
                    continue
                if fault == LATE:
                    await asyncio.sleep(LATE_SECONDS)
                if fault == TWICE:
                    talk.said += data
                talk.writer.write(data[: len(data) // HALF] if fault == CUT else data)
                await talk.writer.drain()
                if fault == CUT:
                    return

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _refuse(talk: _Talk, words: bytes) -> None:
    """Say so, and hear the rest: whoever is cut off in its question may never read the answer."""
    talk.writer.write(words)
    await talk.writer.drain()
    talk.writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(LET_GO_SECONDS):
            while await talk.reader.read(CHUNK):
                pass
