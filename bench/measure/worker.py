"""One process that sends: notifapp's worker beside Celery's, each with as many threads, by SMTP and by HTTPS.

Each runs as it does by default: ours keeps its connections, Celery's task opens one for each message. Both write down
what became of it.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event

from sqlalchemy import update

from bench import tables
from bench.arrivals import Sink, open_sink
from bench.load import drive
from bench.measure.codes import TARGETS, new_codes
from bench.seed import notifiers_of, seed
from bench.servers import Process, redis, run
from bench.stand import KINDS, Place, Stand
from notifapp.database import seal, table_of
from notifapp.delivery.models import Delivery
from notifapp.extensions import db
from notifapp.notifiers.models import Notifier
from notifapp.settings.models import NotificationSettings

BACKENDS = {"smtp": "SMTP", "webhook": "HTTPS"}
WORKERS = {
    "notifapp": ("flask", "--app", "app", "worker", "--threads"),
    "DRF and Celery": ("celery", "-A", "bench.drf.celery", "worker", "-l", "INFO", "-P", "threads", "-c"),
}
CODES_PER_SECOND = 20  # issued while a backlog is sent
ISSUERS = 4  # each with one call under way
LONGEST_PAUSE = 0.5  # seconds between two single calls, so that they find a worker anywhere in its habits
CODE_LIFETIME = 3600  # seconds; enough for every backlog

_delivery = table_of(Delivery)


@dataclass(frozen=True)
class Figures:
    """Messages a second, codes issued a second meanwhile, seconds from single calls to the arrivals.

    `sink_busy` is the sink's own share of a core while a backlog is drained.
    """

    draining: float
    sink_busy: float
    while_issuing: float
    issued: float
    latencies: list[float]


def measure(stand: Stand) -> None:
    """Print a table for each database and backend."""
    for kind in KINDS:
        for backend, title in BACKENDS.items():
            print(f"### {kind}, messages by {title}\n", flush=True)
            _show(stand, [_measure(stand, kind, backend, target) for target in TARGETS])


def _measure(stand: Stand, kind: str, backend: str, target: str) -> Figures:
    place = stand.place(kind, f"worker_{backend}_{target.split()[0].lower()}")
    seed(place.app, 1)
    with redis(place.folder) as broker, open_sink(backend, place.folder) as sink:
        _send_to(place, backend, sink)
        queues, web = place.queues(broker), {target: TARGETS[target]}
        with place.serve(web, workers=stand.workers[0], threads=stand.threads, **queues) as servers:
            post = Post(stand, place, servers[target].port, sink, WORKERS[target], queues)
            post.issue(stand.messages)
            with post.worker():
                draining, sink_busy = post.drain()
                latencies = post.single_calls()
            post.issue(stand.messages)
            with post.worker():
                while_issuing, issued = post.drain_while_issuing()
                post.check()
    return Figures(draining, sink_busy, while_issuing, issued, latencies)


@dataclass
class Post:
    """A project whose codes are sent to a sink."""

    stand: Stand
    place: Place
    port: int
    sink: Sink
    command: tuple[str, ...]
    queues: dict[str, str]
    issued: int = 0

    def issue(self, number: int) -> None:
        """Issue codes."""
        connections = min(number, self.stand.connections)
        shares = [len(range(index, number, connections)) for index in range(connections)]
        measured = drive(self.port, [new_codes(share) for share in shares], expected=201)
        self.issued += tables.checked("issuing for the worker", measured, written=number).requests

    def worker(self) -> AbstractContextManager[Process]:
        """Run the worker."""
        command = [sys.executable, "-m", *self.command, str(self.stand.threads)]
        environment = {
            "NOTIFAPP_DATABASE_URL": self.place.url,
            "NOTIFAPP_INSTANCE_DIR": str(self.place.folder),
            "NOTIFAPP_PRIVATE_DESTINATIONS": "127.0.0.0/8",
        }
        return run(command, self.place.folder / "worker.log", **environment, **self.queues, **self.sink.environment)

    def drain(self) -> tuple[float, float]:
        """Messages a second from the first of the backlog to the last, and the sink's share of a core.

        So the time that a worker takes to start is left out.
        """
        first, last = self.sink.wait(self.issued - self.stand.messages + 1), self.sink.wait(self.issued)
        seconds = last.at - first.at
        return (self.stand.messages - 1) / seconds, (last.cpu - first.cpu) / seconds

    def drain_while_issuing(self) -> tuple[float, float]:
        """Messages a second while codes are issued, and how many codes a second that were."""
        done, enough = self.issued - self.stand.messages, Event()
        first = self.sink.wait(done + 1)
        with ThreadPoolExecutor(ISSUERS) as pool:
            issuers = [pool.submit(drive, self.port, [_paced(enough)], expected=201) for _ in range(ISSUERS)]
            try:
                last = self.sink.wait(done + self.stand.messages)
            finally:
                enough.set()
        issued = sum(tables.checked("issuing meanwhile", issuer.result()).requests for issuer in issuers)
        self.issued += issued
        self.sink.wait(self.issued)
        seconds = last.at - first.at
        return (self.stand.messages - 1) / seconds, issued / seconds

    def single_calls(self) -> list[float]:
        """Seconds from a call to the arrival of its message, with nothing else to do, one after the other."""
        latencies = []
        for _ in range(self.stand.calls):
            time.sleep(random.uniform(0, LONGEST_PAUSE))
            began = time.perf_counter()
            self.issue(1)
            latencies.append(self.sink.wait(self.issued).at - began)
        return latencies

    def check(self) -> None:
        """Stop unless every code was sent once, at the first attempt, and is noted as sent."""
        recipients = {arrival.recipient for arrival in self.sink.arrivals}
        is_sent = _delivery.c.channel == "email", _delivery.c.status == "sent", _delivery.c.attempts == 1
        sent = self.place.count_at_last(self.issued, _delivery, *is_sent)
        if not self.issued == sent == len(recipients) == len(self.sink.arrivals):
            counts = f"{sent} are noted as sent, {len(self.sink.arrivals)} arrived at {len(recipients)} recipients"
            raise SystemExit(f"{self.issued} codes were issued, {counts}")


def _send_to(place: Place, backend: str, sink: Sink) -> None:
    """Let the project's email notifier send to the sink, and its codes live long enough for a backlog."""
    notifier, settings = table_of(Notifier), table_of(NotificationSettings)
    _, email = notifiers_of(1)
    values = {"backend": backend, "settings": sink.settings}
    with place.app.app_context(), db.engine.begin() as connection:
        values["secrets"] = seal(notifier.c.secrets, sink.secrets, **values, project_id=1, id=email)
        connection.execute(update(notifier).where(notifier.c.id == email).values(**values))
        connection.execute(update(settings).values(otp_ttl=CODE_LIFETIME))


def _paced(enough: Event) -> Iterator[bytes]:
    """One issuer's requests for codes, at an even pace, until there are enough."""
    due = time.monotonic()
    for request in new_codes():
        yield request
        due += ISSUERS / CODES_PER_SECOND
        if enough.wait(max(due - time.monotonic(), 0)):
            return


def _show(stand: Stand, of: list[Figures]) -> None:
    ours, theirs = of
    middle, slow = ([_percentile(figures.latencies, share) for figures in of] for share in (0.5, 0.95))
    rows = [
        [
            f"messages/s, a backlog of {stand.messages:,}",
            *(f"{figures.draining:,.0f}" for figures in of),
            f"{ours.draining / theirs.draining:.2f}",
        ],
        [
            "messages/s, while codes are issued (codes/s)",
            *(f"{figures.while_issuing:,.0f} ({figures.issued:.0f})" for figures in of),
            f"{ours.while_issuing / theirs.while_issuing:.2f}",
        ],
        [
            "ms from call to arrival, p50 (less is better)",
            *(f"{value:.1f}" for value in middle),
            f"{middle[0] / middle[1]:.2f}",
        ],
        [
            "ms from call to arrival, p95 (less is better)",
            *(f"{value:.1f}" for value in slow),
            f"{slow[0] / slow[1]:.2f}",
        ],
    ]
    tables.show(["", *TARGETS, f"to {list(TARGETS)[1]}"], rows)
    busiest = max(figures.sink_busy for figures in of)
    print(f"\nThe sink itself took at most {busiest:.0%} of a core.\n", flush=True)


def _percentile(seconds: list[float], share: float) -> float:
    return sorted(seconds)[int(len(seconds) * share)] * 1000
