"""A TCP proxy that fails as networks and servers do: in one direction, halfway, or by refusing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jobs.servers import LOOPBACK

CHUNK = 65536
QUESTIONS, ANSWERS = "questions", "answers"  #: what is lost; connections stay open
REFUSAL, CUT = "refusal", "cut"  #: HTTP 503 to every request; an answer ends in its middle
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
HALF = 2


class Proxy:
    """Between clients and one server on loopback; runs in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._server_port, self.port = port, 0
        self._loop = asyncio.new_event_loop()
        self._fault = ""

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
        """Lose all questions, or all answers, while the block runs; or REFUSAL, or CUT."""
        self._fault = what
        try:
            yield
        finally:
            self._fault = ""

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self._server_port)
        except OSError:  # the server is away
            writer.close()
            return
        pumps = [
            self._loop.create_task(self._ask(reader, writer, back)),
            self._loop.create_task(self._answer(there, writer)),
        ]
        with suppress(asyncio.CancelledError):  # the proxy is at its end
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                if self._fault == REFUSAL:
                    writer.write(BUSY)
                    await writer.drain()
                    return
                if self._fault != QUESTIONS:
                    back.write(data)
                    await back.drain()

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await there.read(CHUNK):
                if self._fault == ANSWERS:
                    continue
                writer.write(data[: len(data) // HALF] if self._fault == CUT else data)
                await writer.drain()
                if self._fault == CUT:
                    return

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
