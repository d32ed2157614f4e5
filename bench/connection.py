"""HTTP/1.1 as a browser speaks it to one site: one connection that is kept, and opened anew where the site closed it.

A client library costs more processor time per request than it measures; two cores are for everything here.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 15  # as the page's script has it
CLOSED = (ConnectionError, asyncio.IncompleteReadError)


@dataclass(frozen=True)
class Response:
    """A whole answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """A connection to `host`:`port` that sends `headers` with every request."""

    def __init__(self, host: str, port: int, headers: dict[str, str]) -> None:
        self.headers = {"Host": f"{host}:{port}", **headers}
        self._address = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, method: str, path: str, body: Any = None) -> Response:
        """The answer to one request; `body` goes as JSON. Raises `OSError` where the site cannot be reached.

        Sent once more where the kept connection turns out to be closed, so it must be safe to send twice.
        """
        message = self._message(method, path, body)
        if self._streams is not None:
            try:
                return await self._exchange(message)
            except CLOSED:
                self.close()
        self._streams = await asyncio.open_connection(*self._address)
        return await self._exchange(message)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    def _message(self, method: str, path: str, body: Any) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json", "Content-Length": str(len(content))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + content

    async def _exchange(self, message: bytes) -> Response:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._write_and_read(message)
        except TimeoutError:
            self.close()  # its answer may still come, and would be taken for the next one's
            raise

    async def _write_and_read(self, message: bytes) -> Response:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(message)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status, length = int(head.split(" ", 2)[1]), 0
        for line in head.split("\r\n"):
            if line.startswith("content-length:"):
                length = int(line.partition(":")[2])
        return Response(status, await reader.readexactly(length))
