"""How many one-time codes a second are issued, and how many verified, each for another recipient of one project."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import func, insert, select

from bench.load import drive, token_of
from notifapp import clock
from notifapp.database import table_of
from notifapp.extensions import db
from notifapp.otp.codes import code_mac, new_challenge_id, recipient_digest
from notifapp.otp.models import OtpChallenge

CODE = "048213"
MOST_PER_SECOND = 3_000  # verifies; so many challenges are prepared
_PATH = "/api/otp/challenges"
_recipients = count()


def show(app: Flask, port: int, connections: int, rounds: int, seconds: float) -> None:
    """Measure both and print them as a table of medians."""
    print("\n| one-time codes | requests/s | p50 ms | p99 ms |\n|---|---:|---:|---:|")
    for name, measure in (("challenges issued", _issue), ("codes verified", _verify)):
        results = [measure(app, port, connections, seconds) for _ in range(rounds)]
        cells = [statistics.median(result[key] for result in results) for key in ("per_second", "p50", "p99")]
        print(f"| {name} | {cells[0]:,.0f} | {cells[1]:.2f} | {cells[2]:.2f} |", flush=True)


def _issue(app: Flask, port: int, connections: int, seconds: float) -> dict[str, Any]:
    before = _count(app, "pending")
    result: dict[str, Any] = drive(port, [_challenges() for _ in range(connections)], seconds)
    if result["failures"] or _count(app, "pending") - before != result["requests"]:
        raise SystemExit(f"issuing: {result}")
    return result


def _verify(app: Flask, port: int, connections: int, seconds: float) -> dict[str, Any]:
    ids = _prepare(app, int(MOST_PER_SECOND * seconds))
    before = _count(app, "approved")
    streams = [_answers(ids[index::connections]) for index in range(connections)]
    result: dict[str, Any] = drive(port, streams, seconds)
    if result["failures"] or _count(app, "approved") - before != result["requests"]:
        raise SystemExit(f"verifying: {result}")
    return result


def _challenges() -> Iterator[bytes]:
    while True:
        yield _post(_PATH, b'{"channel": "email", "recipient": "c%d@example.com"}' % next(_recipients))


def _answers(ids: list[str]) -> Iterator[bytes]:
    return (_post(f"{_PATH}/{challenge}/verify", b'{"code": "%s"}' % CODE.encode()) for challenge in ids)


def _post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token_of(1)}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _prepare(app: Flask, number: int) -> list[str]:
    """Open challenges whose code is known."""
    with app.app_context(), db.engine.begin() as connection:
        rows = [_row() for _ in range(number)]
        connection.execute(insert(table_of(OtpChallenge)), rows)
    return [row["id"] for row in rows]


def _row() -> dict[str, Any]:
    challenge_id, now = new_challenge_id(), clock.now()
    return {
        "id": challenge_id,
        "project_id": 1,
        "channel": "email",
        "recipient_digest": recipient_digest(1, "email", f"c{next(_recipients)}@example.com"),
        "recipient": "c•••@example.com",
        "settings_version": 1,
        "code_length": len(CODE),
        "ttl": 3600,
        "code_mac": code_mac(challenge_id, CODE),
        "attempts_left": 5,
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
        "resend_at": now,
    }


def _count(app: Flask, status: str) -> int:
    challenge = table_of(OtpChallenge)
    with app.app_context(), db.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(challenge).where(challenge.c.status == status)) or 0
