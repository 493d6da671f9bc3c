"""A TCP proxy that can lose what is said in one direction: a network that fails by halves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jobs.servers import LOOPBACK

CHUNK = 65536
QUESTIONS, ANSWERS = "questions", "answers"


class Proxy:
    """Between clients and one server on loopback; runs in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._server_port, self.port = port, 0
        self._loop = asyncio.new_event_loop()
        self._lost = ""

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
        """Lose all questions, or all answers, while the block runs; connections stay open."""
        self._lost = what
        try:
            yield
        finally:
            self._lost = ""

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(LOOPBACK, self._server_port)
        pumps = [
            self._loop.create_task(self._pump(reader, back, QUESTIONS)),
            self._loop.create_task(self._pump(there, writer, ANSWERS)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                if self._lost != what:
                    writer.write(data)
                    await writer.drain()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
