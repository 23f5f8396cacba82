"""Issuing and verifying one-time codes: notifapp beside Django REST Framework with the ORM and Celery.

Each code is for another recipient of one project. Nobody sends them meanwhile: that is measured in worker.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, insert

from bench import tables
from bench.load import Measured, by_token_of, drive, request
from bench.measure.alike import check_codes
from bench.seed import seed
from bench.servers import DRF, NOTIFAPP, Server, redis
from bench.stand import KINDS, Place, Stand
from notifapp import clock
from notifapp.database import table_of
from notifapp.delivery.models import Delivery
from notifapp.extensions import db
from notifapp.otp.codes import code_mac, new_challenge_id, recipient_digests
from notifapp.otp.models import OtpChallenge, OtpRecipient

PATH = "/api/otp/challenges"
TARGETS = {"notifapp": NOTIFAPP, "DRF and Celery": DRF}
RIGHT, WRONG = "048213", "048214"
TRIES = 5  # of each challenge
PREPARED_PER_SECOND = 2_000  # challenges to verify: more than anything here verifies

_BATCH = 10_000
_caller = by_token_of(1)
_challenge, _delivery, _recipient = table_of(OtpChallenge), table_of(Delivery), table_of(OtpRecipient)
_recipients = count()


def measure(stand: Stand) -> None:
    """Print a table for each database and number of workers."""
    for kind in KINDS:
        place = stand.place(kind, "codes")
        seed(place.app, 1)
        with redis(place.folder) as broker:
            for workers in stand.workers:
                print(f"### {kind}, {workers} worker(s)\n", flush=True)
                queues = place.queues(broker)
                with place.serve(TARGETS, workers=workers, threads=stand.threads, **queues) as servers:
                    tables.compare(_measure(Codes(stand, place), servers), list(TARGETS))


def _measure(codes: Codes, servers: Mapping[str, Server]) -> tables.Table:
    ports = {target: server.port for target, server in servers.items()}
    check_codes(dict(zip(ports.values(), codes.prepare(len(ports)), strict=True)), WRONG, RIGHT)
    loads = {
        "issue a code": codes.issue,
        "verify a right code": codes.verify_right,
        "refuse a wrong code": codes.verify_wrong,
    }
    measurements = {
        what: {target: partial(load, port) for target, port in ports.items()} for what, load in loads.items()
    }
    return tables.interleaved(codes.stand.rounds, measurements)


@dataclass(frozen=True)
class Codes:
    """Codes of one project, and what is in the database of them."""

    stand: Stand
    place: Place

    def issue(self, port: int) -> Measured:
        """Issue codes; each has its delivery."""
        self.place.analyze()
        began = clock.now()
        streams = [new_codes() for _ in range(self.stand.connections)]
        measured = drive(port, streams, seconds=self.stand.seconds, expected=201)
        written = self.place.count(_delivery, _delivery.c.project_id == 1, _delivery.c.created_at >= began)
        return tables.checked("issuing", measured, written=written)

    def verify_right(self, port: int) -> Measured:
        """Approve challenges."""
        return self._verify(port, RIGHT, 200, _challenge.c.status == "approved")

    def verify_wrong(self, port: int) -> Measured:
        """Try one wrong code at each challenge."""
        return self._verify(port, WRONG, 400, _challenge.c.attempts_left == TRIES - 1)

    def _verify(self, port: int, code: str, expected: int, is_done: ColumnElement[bool]) -> Measured:
        ids = self.prepare(int(PREPARED_PER_SECOND * self.stand.seconds))
        self.place.analyze()
        connections = self.stand.connections
        streams = [_answers(ids[index::connections], code) for index in range(connections)]
        measured = drive(port, streams, seconds=self.stand.seconds, expected=expected)
        batches = (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
        written = sum(self.place.count(_challenge, _challenge.c.id.in_(batch), is_done) for batch in batches)
        return tables.checked(f"verifying {code}", measured, written=written)

    def prepare(self, number: int) -> list[str]:
        """Open challenges whose code is known, and their recipients, as issuing leaves them."""
        with self.place.app.app_context(), db.engine.begin() as connection:
            rows = [_row() for _ in range(number)]
            recipients = [
                {"project_id": 1, "channel": "email", "digest": row["recipient_digest"], "masked": row["recipient"]}
                for row in rows
            ]
            connection.execute(insert(_recipient), recipients)
            connection.execute(insert(_challenge), rows)
        return [row["id"] for row in rows]


def new_codes(number: int | None = None) -> Iterator[bytes]:
    """Requests for codes, each for another recipient; endless without a number."""
    for _ in count() if number is None else range(number):
        body = b'{"channel": "email", "recipient": "c%d@example.com"}' % next(_recipients)
        yield request("POST", PATH, _caller, body)


def _answers(ids: list[str], code: str) -> Iterator[bytes]:
    body = b'{"code": "%s"}' % code.encode()
    return (request("POST", f"{PATH}/{challenge}/verify", _caller, body) for challenge in ids)


def _row() -> dict[str, Any]:
    challenge_id, now = new_challenge_id(), clock.now()
    digest = recipient_digests(1, "email", f"c{next(_recipients)}@example.com")[0]
    return {
        "id": challenge_id,
        "project_id": 1,
        "channel": "email",
        "recipient_digest": digest,
        "counted_as": digest,
        "recipient": "c•••@example.com",
        "settings_version": 1,
        "code_length": len(RIGHT),
        "ttl": 3600,
        "code_mac": code_mac(challenge_id, RIGHT),
        "attempts_left": TRIES,
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
        "resend_at": now,
    }
