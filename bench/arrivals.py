"""What arrives at a sink (sinks.py), seen from where it is measured."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import certifi
import trustme

from bench.servers import Process, free_port, is_taken, run, wait_for
from bench.sinks import ARRIVED

PATIENCE = 60  # seconds without a message, after which no more are waited for
_POLL = 0.01  # seconds


class Arrival(NamedTuple):
    """One message: when it arrived (as `time.perf_counter` says), how long the sink had worked by then, for whom."""

    at: float
    cpu: float
    recipient: str


@dataclass
class Sink:
    """A running sink: what a notifier needs to send there, what a worker needs to trust it, and what has arrived."""

    process: Process
    settings: dict[str, Any]
    secrets: dict[str, str]
    environment: dict[str, str]
    arrivals: list[Arrival] = field(default_factory=list)
    _read: int = 0  # bytes of its log

    def wait(self, number: int) -> Arrival:
        """Wait until so many messages have arrived in all; give the one that made the number full."""
        deadline = time.monotonic() + PATIENCE
        while len(self.arrivals) < number:
            if self._look():
                deadline = time.monotonic() + PATIENCE
            elif time.monotonic() > deadline:
                raise SystemExit(f"{len(self.arrivals)} of {number} messages arrived, and then no more")
            else:
                time.sleep(_POLL)
        return self.arrivals[number - 1]

    def _look(self) -> bool:
        """Take in what has arrived since; false if nothing has."""
        with self.process.log.open("rb") as log:
            log.seek(self._read)
            lines, newline, _ = log.read().rpartition(b"\n")
        self._read += len(lines) + len(newline)
        arrived = [line.split() for line in lines.decode().splitlines() if line.startswith(ARRIVED)]
        self.arrivals += [Arrival(float(at), float(cpu), recipient) for _, at, cpu, recipient in arrived]
        return bool(arrived)


@contextmanager
def open_sink(backend: str, folder: Path) -> Iterator[Sink]:
    """Run the sink for a backend of notifapp's, "smtp" or "webhook"."""
    port = free_port()
    certificate, bundle = _certificates(folder)
    command = [sys.executable, "-m", "bench.sinks", backend, str(port), str(certificate)]
    with run(command, folder / f"{backend}.log", PYTHONUNBUFFERED="1") as process:
        wait_for(process, lambda: is_taken(port))
        settings, secrets = _NOTIFIERS[backend](port)
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(bundle))
        yield Sink(process, settings, secrets, trust)


def _certificates(folder: Path) -> tuple[Path, Path]:
    """A certificate for the sink, and the usual authorities with the one that it is from: loading them all costs."""
    authority = trustme.CA()
    certificate, bundle = folder / "sink.pem", folder / "authorities.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    bundle.write_text(certifi.contents() + authority.cert_pem.bytes().decode())
    return certificate, bundle


def _mail_server(port: int) -> tuple[dict[str, Any], dict[str, str]]:
    settings = {"host": "127.0.0.1", "port": port, "username": "shop", "from_email": "shop@example.com"}
    return {**settings, "use_tls": False, "use_ssl": False, "fail_silently": False}, {"password": "a password"}


def _receiver(port: int) -> tuple[dict[str, Any], dict[str, str]]:
    return {"url": f"https://127.0.0.1:{port}/messages"}, {"secret": "a secret of enough characters"}


_NOTIFIERS = {"smtp": _mail_server, "webhook": _receiver}
