"""A gateway as a process of its own, to be killed or halted: `python gateway.py PORT LOG` takes webhooks' messages.

A line of the log is the id of a message that it took.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from tests.delivery.outbox import ROOT, answers, eventually, free_port


@dataclass
class Gateway:
    """The process. It can be killed with kill -9 and started again, or halted, so that it accepts and never answers."""

    log: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def taken(self) -> list[str]:
        """The ids of the messages that it took, one for each time."""
        return self.log.read_text().split() if self.log.exists() else []

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.standby.gateway", str(self.port), str(self.log)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        eventually(lambda: answers(self.port))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def halt(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def serve(port: int, log: Path) -> None:
    """Take messages until the process ends."""
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not body:  # the caller has hung up
                return
            message = json.loads(body)
            with lock, log.open("a") as file:
                file.write(f"{message['id']}\n")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    _Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
