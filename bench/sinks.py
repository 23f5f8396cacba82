"""Where the workers' messages go: a mail server and an https server on loopback that take everything, and cheaply.

Each is a process of its own (`python -m bench.sinks smtp PORT CERTIFICATE`, or `webhook`) that prints a line for each
message: when it was there, on the clock that all processes share, the sink's own time by then, and whom it was for.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from abc import abstractmethod
from typing import Any

ARRIVED = "arrived"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Server(asyncio.Protocol):
    """Cuts what comes in into pieces, and answers each."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""
        self.greet()

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.end_of_piece()) >= 0:
            piece, self.received = self.received[:end], self.received[end:]
            self.transport.write(self.answer(piece))

    def greet(self) -> None:
        """Speak first, where that is the custom."""

    @abstractmethod
    def end_of_piece(self) -> int:
        """Where the first piece ends, or -1 when it isn't whole yet."""

    @abstractmethod
    def answer(self, piece: bytes) -> bytes:
        """What to say to it."""


class _Smtp(_Server):
    recipient = b""
    in_message = False

    def greet(self) -> None:
        self.transport.write(b"220 sink\r\n")

    def end_of_piece(self) -> int:
        mark = b"\r\n.\r\n" if self.in_message else b"\r\n"
        place = self.received.find(mark)
        return place + len(mark) if place >= 0 else -1

    def answer(self, piece: bytes) -> bytes:
        if self.in_message:
            self.in_message = False
            _arrived(self.recipient.decode())
            return b"250 OK\r\n"
        match piece[:4].upper():
            case b"EHLO":
                return b"250-sink\r\n250 AUTH PLAIN\r\n"
            case b"AUTH":
                return b"235 OK\r\n"
            case b"RCPT":
                self.recipient = piece.partition(b"<")[2].partition(b">")[0]
            case b"DATA":
                self.in_message = True
                return b"354 Go on\r\n"
            case b"QUIT":
                return b"221 Bye\r\n"
        return b"250 OK\r\n"


class _Http(_Server):
    def end_of_piece(self) -> int:
        head = self.received.find(b"\r\n\r\n") + 4
        length = _CONTENT_LENGTH.search(self.received)
        if head < 4 or length is None or len(self.received) < head + int(length[1]):
            return -1
        return head + int(length[1])

    def answer(self, piece: bytes) -> bytes:
        _arrived(json.loads(piece.partition(b"\r\n\r\n")[2])["recipient"])
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def _arrived(recipient: str) -> None:
    print(ARRIVED, time.perf_counter(), time.process_time(), recipient)


async def _serve(backend: str, port: int, certificate: str) -> None:
    server: type[asyncio.Protocol] = _Smtp
    context = None
    if backend == "webhook":
        server = _Http
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", port, ssl=context)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
